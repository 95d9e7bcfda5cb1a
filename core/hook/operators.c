/* SPDX-License-Identifier: Apache-2.0
 * C++ operator new and delete. They come from libstdc++ as a rule, whose malloc and free are recorded with the
 * program's frames; then ours only jump on, leaving no frame. But an allocator may bring its own (tcmalloc, mimalloc,
 * jemalloc), which need not call a function of a name that we see: then the events are recorded here. Found at the
 * first call, for the C++ library may be loaded late. */
#include "core/hook/hook.h"
#include "core/hook/interpose.h"

typedef uint64_t (*Operator) (uint64_t, uint64_t, uint64_t);

#define OPERATORS(NEW, DELETE) \
  NEW (_Znwm) \
  NEW (_Znam) \
  NEW (_ZnwmRKSt9nothrow_t) \
  NEW (_ZnamRKSt9nothrow_t) \
  NEW (_ZnwmSt11align_val_t) \
  NEW (_ZnamSt11align_val_t) \
  NEW (_ZnwmSt11align_val_tRKSt9nothrow_t) \
  NEW (_ZnamSt11align_val_tRKSt9nothrow_t) \
  DELETE (_ZdlPv) \
  DELETE (_ZdaPv) \
  DELETE (_ZdlPvm) \
  DELETE (_ZdaPvm) \
  DELETE (_ZdlPvRKSt9nothrow_t) \
  DELETE (_ZdaPvRKSt9nothrow_t) \
  DELETE (_ZdlPvSt11align_val_t) \
  DELETE (_ZdaPvSt11align_val_t) \
  DELETE (_ZdlPvmSt11align_val_t) \
  DELETE (_ZdaPvmSt11align_val_t) \
  DELETE (_ZdlPvSt11align_val_tRKSt9nothrow_t) \
  DELETE (_ZdaPvSt11align_val_tRKSt9nothrow_t)

/* No definition anywhere, so nobody was linked to call it; plain memory is the nearest to right. */
static uint64_t
missing_new (uint64_t size, uint64_t second, uint64_t third)
{
  return (uint64_t) hook_provider.malloc (size);
}

static uint64_t
missing_delete (uint64_t block, uint64_t second, uint64_t third)
{
  hook_provider.free ((void *) block);
  return 0;
}

static Operator
find (const char *name, Operator *real, Operator recorded, Operator missing)
{
  if (!hook_provider_is_found ())
    hook_provider_find ();
  Operator found = (Operator) hook_provider_symbol (name);
  if (found == NULL)
    return missing;
  *real = found;
  const bool is_providers = (uint64_t)found >= hook_provider.start && (uint64_t)found < hook_provider.end;
  const bool is_programs = hook_provider.is_program && hook_provider_of_program (name);
  return hook_provider.foreign && (is_providers || is_programs) ? recorded : found;
}

#define DEFINE(name, missing) \
  static Operator real_##name; \
  static uint64_t first_##name (uint64_t, uint64_t, uint64_t); \
  static Operator next_##name = first_##name; \
  uint64_t first_##name (uint64_t a, uint64_t b, uint64_t c) \
  { \
    next_##name = find (#name, &real_##name, recorded_##name, missing); \
    return next_##name (a, b, c); \
  } \
  HOOK_EXPORT uint64_t name (uint64_t a, uint64_t b, uint64_t c); \
  HOOK_EXPORT uint64_t name (uint64_t a, uint64_t b, uint64_t c) \
  { \
    return next_##name (a, b, c); \
  }

#define NEW(name) \
  static uint64_t recorded_##name (uint64_t a, uint64_t b, uint64_t c); \
  DEFINE (name, missing_new) \
  uint64_t recorded_##name (uint64_t a, uint64_t b, uint64_t c) \
  { \
    HOOK_CALLER (caller); \
    HOOK_FORWARD (uint64_t, block, real_##name (a, b, c)); \
    if (block && !is_nested) \
      hook_emit_alloc (caller, (void *) block, a); \
    return block; \
  }

#define DELETE(name) \
  static uint64_t recorded_##name (uint64_t a, uint64_t b, uint64_t c); \
  DEFINE (name, missing_delete) \
  uint64_t recorded_##name (uint64_t a, uint64_t b, uint64_t c) \
  { \
    HOOK_CALLER (caller); \
    if (a && !hook_is_nested (caller)) \
      hook_emit_free (caller, (void *) a); \
    HOOK_FORWARD_VOID (real_##name (a, b, c)); \
    return 0; \
  }

OPERATORS (NEW, DELETE)
