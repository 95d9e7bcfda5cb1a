/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Forwarding to the provider. An allocator other than the C library's may be built of its own public functions
 * (operator new that calls malloc, realloc that calls malloc and free); such a call comes back to us and is not an
 * event of the program. It is known by the provider being at work for this thread and the caller lying in the
 * provider, or in ourselves if it jumped to us as its last act. No cleanup is needed when an exception passes: a
 * later call from further up the stack shows that the provider's frame is gone. */

#include "core/hook/hook.h"

static inline bool
hook_is_nested (const HookCaller *caller)
{
  if (likely (!hook_provider.foreign))
    return false;
  return hook_caller_sp (caller) < hook_locals.provider_cfa
         && ((caller->ip >= hook_provider.start && caller->ip < hook_provider.end)
             || (caller->ip >= hook_provider.hook_start && caller->ip < hook_provider.hook_end));
}

static inline uint64_t
hook_begin_forward (const HookCaller *caller)
{
  const uint64_t outer = hook_locals.provider_cfa;
  hook_locals.provider_cfa = hook_caller_sp (caller);
  return outer > hook_caller_sp (caller) ? outer : 0;
}

static inline void
hook_end_forward (uint64_t outer)
{
  hook_locals.provider_cfa = outer;
}

#define HOOK_FORWARD(type, result, call) \
  const bool is_nested = hook_is_nested (caller); \
  type result; \
  if (likely (!hook_provider.foreign)) \
    result = call; \
  else \
    { \
      const uint64_t outer_ = hook_begin_forward (caller); \
      result = call; \
      hook_end_forward (outer_); \
    }

#define HOOK_FORWARD_VOID(call) \
  if (likely (!hook_provider.foreign)) \
    call; \
  else \
    { \
      const uint64_t outer_ = hook_begin_forward (caller); \
      call; \
      hook_end_forward (outer_); \
    }
