/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The check build of the hook (tests/hook/check.c): each stack against a generic walk from scratch, a share of them
 * against libgcc and libunwind. */

#include "core/hook/hook.h"

#ifdef HOOK_CHECK
/* The ring's next node is this frame below `parent`. */
void hook_check_node (HookThread *thread, uint32_t parent, uint64_t ip);
/* Elsewhere: not on the thread's own stack. */
void hook_check_stack (HookThread *thread, const HookCaller *caller, uint32_t node, bool elsewhere);
/* All return addresses from the caller's frame up, by the generic rules; returns how many. *out_root: the walk ended
 * where it should. */
uint32_t hook_unwind_generic (HookThread *thread, const HookCaller *caller, uint64_t *ips, uint32_t max,
                              bool *out_root);
#else
static inline void
hook_check_node (HookThread *thread, uint32_t parent, uint64_t ip)
{
}

static inline void
hook_check_stack (HookThread *thread, const HookCaller *caller, uint32_t node, bool elsewhere)
{
}
#endif
