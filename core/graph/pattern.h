/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Patterns of names, as suppressions and rules have them: * stands for any text. */

#include <glib.h>

G_BEGIN_DECLS

/* Matches anywhere in the text, unless ^ at its start or $ at its end anchors it (LeakSanitizer's rule). */
gboolean hat_pattern_found (const char *pattern, const char *text);
/* Matches the whole text; ? is any one character (valgrind's rule). */
gboolean hat_pattern_matches (const char *pattern, const char *text);

G_END_DECLS
