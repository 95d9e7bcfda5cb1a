/* SPDX-License-Identifier: Apache-2.0
 * The functions that the target calls instead of the C library's. Each forwards to the provider and tells emit.c; a
 * free before the real one, an allocation after. errno is what the provider leaves. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "core/heapatlas.h"
#include "core/hook/hook.h"
#include "core/hook/interpose.h"

/* The four that programs call all the time go straight on to the C library's, with no frame of ours, when blocks are sampled and this one is not:
 * a jump more is a fifth of what all of it costs. Else they jump to one of two ways, for any allocator, which is what they begin with, and for
 * the C library's when everything is told; so that it finds the program's frame as if it had been called itself. */
#define HOOK_ENTRY HOOK_EXPORT __attribute__ ((aligned (64)))

void *
hook_malloc (size_t size)
{
  HOOK_CALLER (caller);
  HOOK_FORWARD (void *, block, hook_provider.malloc (size));
  if (likely (block != NULL) && likely (!is_nested) && !hook_sample_skips_alloc (size))
    hook_emit_alloc (caller, block, size);
  return block;
}

static __attribute__ ((noinline)) void *
malloc_told (size_t size)
{
  HOOK_CALLER (caller);
  void *block = hook_provider.malloc (size);
  if (likely (block != NULL))
    hook_emit_alloc (caller, block, size);
  return block;
}

HOOK_ENTRY void *
malloc (size_t size)
{
  if (unlikely (!hook_provider.is_sampled))
    return hook_provider.enter_malloc (size);
  return likely (hook_sample_passes (size)) ? hook_provider.malloc (size) : malloc_told (size);
}

void *
hook_calloc (size_t count, size_t size)
{
  HOOK_CALLER (caller);
  HOOK_FORWARD (void *, block, hook_provider.calloc (count, size));
  if (likely (block != NULL) && likely (!is_nested) && !hook_sample_skips_alloc (count * size))
    hook_emit_alloc (caller, block, count * size);
  return block;
}

HOOK_ENTRY void *
calloc (size_t count, size_t size)
{
  size_t bytes;
  if (unlikely (!hook_provider.is_sampled))
    return hook_provider.enter_calloc (count, size);
  if (likely (!__builtin_mul_overflow (count, size, &bytes)) && likely (hook_sample_passes (bytes)))
    return hook_provider.calloc (count, size);
  return hook_calloc (count, size);
}

HookOwn hook_own;

static inline __attribute__ ((always_inline)) void *
real_realloc (const size_t *arena, void *old, size_t size)
{
  return arena ? hook_own.realloc (*arena, old, size) : hook_provider.realloc (old, size);
}

/* `arena`: NULL, or whose function it is. */
static inline __attribute__ ((always_inline)) void *
forward_realloc (const HookCaller *caller, const size_t *arena, void *old, size_t size)
{
  /* Sampled, it is a death, if the old block was sampled, and a birth with a chance of its own. Told so also if it then
   * fails: rare, and the old block was one of many. */
  if (unlikely (hook_sample_bytes != 0) && old)
    {
      if (!hook_is_nested (caller))
        hook_emit_free (caller, old);
      HOOK_FORWARD (void *, block, real_realloc (arena, old, size));
      if (block && !is_nested)
        hook_emit_alloc (caller, block, size);
      return block;
    }
  const uint64_t before = old && likely (hook_session_has_clock) ? hook_tick_after (old) : 0;

  if (unlikely (old && size == 0))
    {
      /* Frees in the C library, which then returns NULL; elsewhere it may return a new block. */
      if (!hook_provider.foreign)
        {
          hook_emit_free (caller, old);
          return real_realloc (arena, old, 0);
        }
      if (!hook_is_nested (caller))
        hook_emit_moving (caller, old, before);
      HOOK_FORWARD (void *, block, real_realloc (arena, old, 0));
      if (!is_nested && block)
        hook_emit_realloc (caller, old, before, block, 0);
      else if (!is_nested)
        hook_emit_free (caller, old);
      return block;
    }
  if (likely (old != NULL) && likely (!hook_is_nested (caller)))
    hook_emit_moving (caller, old, before);
  HOOK_FORWARD (void *, block, real_realloc (arena, old, size));
  if (unlikely (block == NULL) || unlikely (is_nested))
    return block;
  if (old && likely (!hook_sample_bytes))
    hook_emit_realloc (caller, old, before, block, size);
  else
    hook_emit_alloc (caller, block, size);
  return block;
}

void *
hook_realloc (void *old, size_t size)
{
  HOOK_CALLER (caller);
  return forward_realloc (caller, NULL, old, size);
}

HOOK_ENTRY void *
realloc (void *old, size_t size)
{
  if (unlikely (!hook_provider.is_sampled))
    return hook_provider.enter_realloc (old, size);
  if (likely (!*hook_sample_count (old)) && likely (hook_sample_passes (size)))
    return hook_provider.realloc (old, size);
  return hook_realloc (old, size);
}

/* Not forwarded by name: the C library's calls realloc by its public name, which is ours. */
HOOK_EXPORT void *
reallocarray (void *old, size_t count, size_t size)
{
  HOOK_CALLER (caller);
  size_t bytes;
  if (__builtin_mul_overflow (count, size, &bytes))
    {
      errno = ENOMEM;
      return NULL;
    }
  return forward_realloc (caller, NULL, old, bytes);
}

#define FREE(caller, block, call) \
  if (likely (block != NULL) && likely (!hook_is_nested (caller)) && !hook_sample_skips_free (block)) \
    hook_emit_free (caller, block); \
  HOOK_FORWARD_VOID (call)

void
hook_free (void *block)
{
  HOOK_CALLER (caller);
  FREE (caller, block, hook_provider.free (block));
}

static __attribute__ ((noinline)) void
free_told (void *block)
{
  {
    HOOK_CALLER (caller);
    if (likely (block != NULL))
      hook_emit_free (caller, block);
  }
  hook_provider.free (block);
}

/* A sampled block lives in its page, or in one that is counted with it. */
static __attribute__ ((noinline)) void
free_perhaps_told (void *block)
{
  if (hook_sample_has (block))
    free_told (block);
  else
    hook_provider.free (block);
}

HOOK_ENTRY void
free (void *block)
{
  if (unlikely (!hook_provider.is_sampled))
    hook_provider.enter_free (block);
  else if (likely (!*hook_sample_count (block)))
    hook_provider.free (block);
  else
    free_perhaps_told (block);
}

void
hook_interpose_for (HookPurpose purpose)
{
#define CHOOSE(name, told) \
  __atomic_store_n (&hook_provider.enter_##name, purpose == HOOK_PASSED_ON ? hook_provider.name : told, __ATOMIC_RELAXED)
  CHOOSE (malloc, malloc_told);
  CHOOSE (calloc, hook_calloc);
  CHOOSE (realloc, hook_realloc);
  CHOOSE (free, free_told);
#undef CHOOSE
  __atomic_store_n (&hook_provider.is_sampled, purpose == HOOK_SAMPLED, __ATOMIC_RELEASE);
}

HOOK_EXPORT void cfree (void *block);

HOOK_EXPORT void
cfree (void *block)
{
  HOOK_CALLER (caller);
  FREE (caller, block, hook_provider.free (block));
}

HOOK_EXPORT void free_sized (void *block, size_t size);

HOOK_EXPORT void
free_sized (void *block, size_t size)
{
  HOOK_CALLER (caller);
  FREE (caller, block, hook_provider.free_sized (block, size));
}

HOOK_EXPORT void free_aligned_sized (void *block, size_t alignment, size_t size);

HOOK_EXPORT void
free_aligned_sized (void *block, size_t alignment, size_t size)
{
  HOOK_CALLER (caller);
  FREE (caller, block, hook_provider.free_aligned_sized (block, alignment, size));
}

/* Of the calls that are made seldom: whether a block is sampled is asked behind the call only. */
#define ALLOCATE(type, call, size) \
  HOOK_FORWARD (type, block, call); \
  if (likely (block != NULL) && likely (!is_nested)) \
    hook_emit_alloc (caller, block, size); \
  return block

HOOK_EXPORT int
posix_memalign (void **out, size_t alignment, size_t size)
{
  HOOK_CALLER (caller);
  HOOK_FORWARD (int, result, hook_provider.posix_memalign (out, alignment, size));
  if (likely (result == 0) && likely (!is_nested) && likely (*out != NULL))
    hook_emit_alloc (caller, *out, size);
  return result;
}

HOOK_EXPORT void *
aligned_alloc (size_t alignment, size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_provider.aligned_alloc (alignment, size), size);
}

HOOK_EXPORT void *
memalign (size_t alignment, size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_provider.memalign (alignment, size), size);
}

HOOK_EXPORT void *
valloc (size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_provider.valloc (size), size);
}

HOOK_EXPORT void *
pvalloc (size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_provider.pvalloc (size), size);
}

HOOK_EXPORT size_t
malloc_usable_size (void *block)
{
  return hook_provider.malloc_usable_size (block);
}

/* ---- of programs with their own malloc ---- */

char *
hook_own_strdup (const char *text)
{
  HOOK_CALLER (caller);
  ALLOCATE (char *, hook_own.strdup (text), strlen (block) + 1);
}

char *
hook_own_strndup (const char *text, size_t most)
{
  HOOK_CALLER (caller);
  ALLOCATE (char *, hook_own.strndup (text, most), strlen (block) + 1);
}

void *
hook_arena_malloc (size_t arena, size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_own.malloc (arena, size), size);
}

void *
hook_arena_calloc (size_t arena, size_t count, size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_own.calloc (arena, count, size), count * size);
}

void *
hook_arena_realloc (size_t arena, void *old, size_t size)
{
  HOOK_CALLER (caller);
  return forward_realloc (caller, &arena, old, size);
}

void *
hook_arena_memalign (size_t arena, size_t alignment, size_t size)
{
  HOOK_CALLER (caller);
  ALLOCATE (void *, hook_own.memalign (arena, alignment, size), size);
}

void
hook_arena_free (size_t arena, void *block)
{
  HOOK_CALLER (caller);
  FREE (caller, block, hook_own.free (arena, block));
}

/* ---- not allocation ---- */

HOOK_EXPORT int
fork (void)
{
  HOOK_CALLER (caller);
  /* Handlers that the child runs before it returns from the real fork may allocate, and its start reads this. */
  hook_locals.fork_id = hook_emit_fork (caller);
  const int result = hook_provider.fork ();
  if (result != 0)
    hook_locals.fork_id = 0;
  else if (unlikely (hook_sample_bytes != 0))
    {
      /* It may never meet a sample point, but there it is. */
      hook_sample_forked ();
      hook_emit_presence (caller);
    }
  return result;
}

HOOK_EXPORT int
dlclose (void *handle)
{
  /* Before the call: another thread may load a library to the same place before we hear of it. After: the library's
   * own destructors run in it. */
  if (!__libc_single_threaded)
    hook_unwind_flush ();
  const int result = hook_provider.dlclose (handle);
  hook_modules_check ();
  return result;
}

HOOK_EXPORT void
heapatlas_mark (const char *name)
{
  static const char snapshot[] = HEAPATLAS_SNAPSHOT_MARK;
  const bool asks = name && strncmp (name, snapshot, sizeof snapshot - 1) == 0;
  HOOK_CALLER (caller);

  if (asks)
    name += sizeof snapshot - 1;
  if (name)
    hook_emit_mark (caller, name);
  if (asks)
    hook_hold_mark (caller, name);
}
