/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers of the command line: text for people (80 columns), JSON as in the contract of DESIGN section 4,
 * assertions.
 *
 * Output is appended to a GString. Every function returns FALSE with a GError in one clear line. */

#include "core/graph/graph.h"
#include "core/report/type-counts.h"
#include "core/types/generics.h"

G_BEGIN_DECLS

typedef struct
{
  gint process;       /* index, or -1 = all */
  gboolean json;
  const char *at, *from, *to; /* times as text, or NULL */
  HatGrouping by;     /* text report: HAT_BY_FUNCTION by default */
  gint top;           /* -1 = default (text: 10, JSON: all) */
} HatReportOptions;

gboolean hat_report (HatTrace *trace, const HatReportOptions *options, GString *out, const HatProgress *progress,
                     GError **error);

/* Evaluates one --assert expression; appends a line saying what was measured. *out_holds says whether it held.
 * Error: USAGE for bad syntax. */
gboolean hat_report_assert (HatTrace *trace, gint process, const char *expression, gboolean *out_holds, GString *out,
                            const HatProgress *progress, GError **error);

/* What leaks and graph need to read a snapshot. */
typedef struct
{
  gint index;           /* of the process' snapshots; -1 = the last one */
  char *rules;          /* file of fields that are weak (core/graph/graph.h), or NULL; those kept in the trace always count */
  gboolean no_mappings; /* what only a mapped region holds is lost */
} HatSnapshotOptions;

typedef struct
{
  gint process;
  gboolean json;
  HatSnapshotOptions snapshot;
  const char *suppressions;              /* file (core/report/suppressions.h), or NULL; those kept in the trace always count */
  char *(*demangle) (const char *name); /* hat_demangle() of core/symbols */
} HatLeaksOptions;

/* *out_n_leaks: groups of lost blocks (direct, cycle, indirect) and of blocks never freed in processes without a snapshot, after
 * suppressions. What an image held that exec replaced does not count. */
gboolean hat_report_leaks (HatTrace *trace, const HatLeaksOptions *options, GString *out, guint *out_n_leaks,
                           const HatProgress *progress, GError **error);

typedef enum
{
  HAT_GRAPH_AS_TEXT,
  HAT_GRAPH_AS_JSON,
  HAT_GRAPH_AS_DOT,     /* Graphviz; of the whole graph, blocks of a stack and type are one node */
  HAT_GRAPH_AS_GRAPHML,
} HatGraphFormat;

typedef struct
{
  guint process;
  HatSnapshotOptions snapshot;
  HatGraph *graph;      /* of snapshot.index, as it is; NULL: made with the rules of `snapshot` */
  HatGraphFormat format;
  /* At most one of these; addresses as text. None: the whole graph. */
  const char *from_block;
  const char *type;     /* name or pattern, of a type or of a function that allocates */
  const char *paths_to;
  gint depth;           /* pointers to follow from there, or from what roots point to; -1 = default */
} HatGraphOptions;

/* Error USAGE: no such block, type, snapshot. */
gboolean hat_report_graph (HatTrace *trace, const HatGraphOptions *options, GString *out, const HatProgress *progress,
                           GError **error);

typedef struct
{
  gint process;     /* of the trace that the types are from; -1 = they are a binary's */
  const char *name; /* only types of that name, see hat_types_find(); NULL = all */
  const HatTypeCounts *counts; /* of live objects; NULL = of a binary there are none */
  gint64 at_ns;                /* their instant */
  guint64 live_blocks, live_bytes; /* of any type, known or not */
  HatTypes *kept;              /* of the trace: what is live and not among the others is listed, too; or NULL */
  const HatGenerics *generics; /* NULL: not asked for */
  HatTrace *trace;             /* with `sites`, which say what the generics allocate; NULL = of a binary */
  const HatSites *sites;
} HatTypesOptions;

/* The types that were read, those that lose most to padding first. *out_n: how many the answer has. */
void hat_report_types_text (HatTypes *types, const HatTypesOptions *options, GString *out, guint *out_n);
void hat_report_types_json (HatTypes *types, const HatTypesOptions *options, GString *out, guint *out_n);

/* The generic functions; with options->name those of that name, unfolded. *out_n: how many. */
void hat_report_generics_text (const HatTypesOptions *options, GString *out, guint *out_n);

/* `heapatlas check`: what is in the file and whether it is whole. FALSE = damaged (the error says where). */
gboolean hat_report_check (HatTrace *trace, GString *out, const HatProgress *progress, GError **error);

G_END_DECLS
