/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Known leaks, in the syntax of LeakSanitizer and in that of valgrind, also in the same text.
 *
 * LeakSanitizer: lines "leak:PATTERN", # starts a comment line. A pattern matches anywhere in the function, file or module of any
 * frame; * stands for any text, ^ at the start and $ at the end anchor it.
 *
 * Valgrind: blocks between lines { and }: a name, "Memcheck:Leak" (blocks of other tools and kinds say nothing about leaks), perhaps
 * "match-leak-kinds: definite,indirect,possible,reachable,all", then frames from the allocation outwards, each "fun:", "obj:" or
 * "src:" and a pattern of the whole name (* any text, ? any character), or "..." for any number of frames. Callers beyond the last
 * one do not matter. A frame for malloc may be there or not: our stacks begin at its caller. Mangled names are demangled, unless
 * they have wildcards. */

#include "core/graph/graph.h"

G_BEGIN_DECLS

typedef struct _HatSuppressions HatSuppressions;

/* With those of the trace's notes (HAT_NOTE_*); bad ones among them are left out. `trace` may be NULL. `demangle`: hat_demangle() of core/symbols,
 * or NULL if mangled names do not matter. */
HatSuppressions *hat_suppressions_new (HatTrace *trace, char *(*demangle) (const char *name));
/* Error: USAGE, with `name` and the line. */
gboolean hat_suppressions_add (HatSuppressions *suppressions, const char *text, const char *name, GError **error);
/* Errors: IO, USAGE. */
gboolean hat_suppressions_add_file (HatSuppressions *suppressions, const char *path, GError **error);
/* For each stack of the trace, the classes of leaks that are known there: bits 1 << HatLeakClass. NULL if there are no suppressions.
 * Free with g_free. */
guint8 *hat_suppressions_stacks (const HatSuppressions *suppressions, HatTrace *trace);
void hat_suppressions_free (HatSuppressions *suppressions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSuppressions, hat_suppressions_free)

G_END_DECLS
