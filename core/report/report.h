/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers of the command line: text for people (80 columns), JSON as in the contract of DESIGN section 4,
 * assertions.
 *
 * Output is appended to a GString. Every function returns FALSE with a GError in one clear line. */

#include "core/heap/heap.h"
#include "core/types/types.h"

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

typedef struct
{
  gint process;
  gboolean json;
  const char *suppressions; /* file of LeakSanitizer syntax ("leak:PATTERN" lines), or NULL */
} HatLeaksOptions;

/* *out_n_leaks: groups listed (after suppressions). */
gboolean hat_report_leaks (HatTrace *trace, const HatLeaksOptions *options, GString *out, guint *out_n_leaks,
                           const HatProgress *progress, GError **error);

typedef struct
{
  gint process;     /* of the trace that the types are from; -1 = they are a binary's */
  const char *name; /* only types of that name, see hat_types_find(); NULL = all */
} HatTypesOptions;

/* The types that were read. *out_n: how many the answer has. */
void hat_report_types_text (HatTypes *types, const HatTypesOptions *options, GString *out, guint *out_n);
void hat_report_types_json (HatTypes *types, const HatTypesOptions *options, GString *out, guint *out_n);

/* `heapatlas check`: what is in the file and whether it is whole. FALSE = damaged (the error says where). */
gboolean hat_report_check (HatTrace *trace, GString *out, const HatProgress *progress, GError **error);

G_END_DECLS
