/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Known leaks, in LeakSanitizer's syntax: lines "leak:PATTERN", # starts a comment line. A pattern matches anywhere in
 * the function, file or module of any frame; * stands for any text, ^ at the start and $ at the end anchor it. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatSuppressions HatSuppressions;

/* Errors: IO, USAGE (with the line). */
HatSuppressions *hat_suppressions_load (const char *path, GError **error);
HatSuppressions *hat_suppressions_parse (const char *text, const char *path, GError **error);
gboolean hat_suppressions_match (const HatSuppressions *suppressions, const char *text);
/* For each stack, whether it is suppressed. Free with g_free. */
gboolean *hat_suppressions_stacks (const HatSuppressions *suppressions, HatTrace *trace);
void hat_suppressions_free (HatSuppressions *suppressions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSuppressions, hat_suppressions_free)

G_END_DECLS
