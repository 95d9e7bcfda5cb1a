/* SPDX-License-Identifier: Apache-2.0
 * The floor of a preloaded hook that records nothing: each function is one jump to the C library's. */
#include <stdlib.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t count, size_t size);
extern void *__libc_realloc (void *block, size_t size);
extern void __libc_free (void *block);

static void *(*volatile next_malloc) (size_t) = __libc_malloc;
static void *(*volatile next_calloc) (size_t, size_t) = __libc_calloc;
static void *(*volatile next_realloc) (void *, size_t) = __libc_realloc;
static void (*volatile next_free) (void *) = __libc_free;

void *
malloc (size_t size)
{
  return next_malloc (size);
}

void *
calloc (size_t count, size_t size)
{
  return next_calloc (count, size);
}

void *
realloc (void *block, size_t size)
{
  return next_realloc (block, size);
}

void
free (void *block)
{
  next_free (block);
}
