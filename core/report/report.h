/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers of the command line: text for people (80 columns), JSON as in the contract of DESIGN section 4,
 * assertions.
 *
 * Output is appended to a GString. Every function returns FALSE with a GError in one clear line. */

#include "core/heap/heap.h"

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

/* `heapatlas check`: what is in the file and whether it is whole. FALSE = damaged (the error says where). */
gboolean hat_report_check (HatTrace *trace, GString *out, const HatProgress *progress, GError **error);

G_END_DECLS
