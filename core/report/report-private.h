/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the reports share: which processes and which range are meant, and the words for them. */

#include "core/report/json.h"
#include "core/report/report.h"

G_BEGIN_DECLS

/* The processes meant by `process` (-1 = all) as [*out_first, *out_end). Error: USAGE. */
gboolean hat_report_processes (HatTrace *trace, gint process, guint *out_first, guint *out_end, GError **error);

/* A time as hat_parse_time(), but a mark may belong to any process. Error: USAGE. */
gboolean hat_report_time (const char *text, HatTrace *trace, guint process, gint64 *out_ns, GError **error);
/* The part of the process' life from `from` to `to` (texts, NULL = its ends). Error: USAGE. */
gboolean hat_report_range (HatHeap *heap, const char *from, const char *to, HatRange *out_range, GError **error);

/* The graph of a process' snapshot, and in *out_index which one it is. Errors: USAGE if there is none, and those of hat_graph_new(). */
HatGraph *hat_report_graph_of (HatHeap *heap, const HatSnapshotOptions *options, guint *out_index, const HatProgress *progress,
                               GError **error);
/* "snapshot 0 at 1.2 s (exit), the program stood still for 3.1 ms". */
char *hat_report_snapshot_text (const HatSnapshotInfo *info, guint index);

const char *hat_process_name (const HatProcess *process); /* base name of its executable */
/* The image that replaced this one by exec, or NULL. */
const HatProcess *hat_process_successor (HatTrace *trace, guint process);
char *hat_process_end (HatTrace *trace, guint process);   /* "exit status 0", "killed by SIGKILL", "became ls" */
guint hat_process_image (HatTrace *trace, guint process); /* how many images its pid had before */

gboolean hat_report_json (HatTrace *trace, const HatReportOptions *options, GString *out, const HatProgress *progress,
                          GError **error);
typedef struct
{
  HatTypes *types;
  HatTypeId id;
  HatTypeCount live;
} HatListedType;
/* What `types` is to list: array of HatListedType. Looking at layouts makes types of pointers and arrays, which are not listed. */
GArray *hat_report_listed_types (HatTypes *types, const HatTypesOptions *options);

/* "generics": options->generics, with options->name those of that name. */
void hat_report_generics_json (HatJson *json, const HatTypesOptions *options);

/* Of how many allocations and reallocations the stacks are what. */
typedef struct
{
  guint64 complete;        /* walked to the root */
  guint64 through_unknown; /* of these: through code of no file, where callers may be missing (a JIT's, by its frame pointers) */
  guint64 truncated;
  guint64 *truncated_in;   /* by module of the outermost frame, whose code could not be left; and one more: in none */
} HatStackQuality;
HatStackQuality hat_stack_quality (HatTrace *trace, const HatSite *sites, guint n_sites);
void hat_stack_quality_clear (HatStackQuality *quality);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HatStackQuality, hat_stack_quality_clear)

void hat_report_json_stack (HatJson *json, const char *name, HatTrace *trace, HatStackId stack);
gboolean hat_report_text (HatTrace *trace, const HatReportOptions *options, GString *out, const HatProgress *progress,
                          GError **error);

G_END_DECLS
