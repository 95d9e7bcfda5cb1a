/* SPDX-License-Identifier: Apache-2.0
 * An allocator to preload behind the hook: signal-safe, frees nothing, and made so that it would be counted twice by
 * a careless hook: its calloc, realloc, posix_memalign and operator new and delete call malloc and free by their
 * public names. It lacks the rest of the family. __libc_malloc and the like are never used: a block of the C library
 * given to free here ends the program with status 99. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))
enum
{
  SPACE = 1 << 30,
};

static char *space;
static size_t used;

static void
make_space (void)
{
  char *memory = mmap (NULL, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
       *none = NULL;
  if (!__atomic_compare_exchange_n (&space, &none, memory, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    munmap (memory, SPACE);
}

static void *
take (size_t alignment, size_t size)
{
  if (__atomic_load_n (&space, __ATOMIC_ACQUIRE) == NULL)
    make_space ();
  if (size > SPACE / 2)
    {
      errno = ENOMEM;
      return NULL;
    }
  const size_t room = (size + alignment + 31) & ~15ul, at = __atomic_fetch_add (&used, room, __ATOMIC_RELAXED);
  if (at + room > SPACE)
    {
      errno = ENOMEM;
      return NULL;
    }
  char *block = (char *) (((uintptr_t) space + at + 16 + alignment - 1) & ~(alignment - 1));
  ((size_t *) block)[-1] = size;
  return block;
}

EXPORT void *malloc (size_t size);
EXPORT void free (void *block);

void *
malloc (size_t size)
{
  return take (16, size);
}

void
free (void *block)
{
  if (block && ((char *) block < space || (char *) block >= space + SPACE))
    _exit (99);
}

EXPORT void *
calloc (size_t count, size_t size)
{
  size_t bytes;
  if (__builtin_mul_overflow (count, size, &bytes))
    {
      errno = ENOMEM;
      return NULL;
    }
  void *block = malloc (bytes);
  return block;
}

EXPORT void *
realloc (void *old, size_t size)
{
  if (old && size == 0)
    {
      free (old);
      return NULL;
    }
  void *block = malloc (size);
  if (old && block)
    {
      const size_t before = ((size_t *) old)[-1];
      memcpy (block, old, before < size ? before : size);
      free (old);
    }
  return block;
}

EXPORT int
posix_memalign (void **out, size_t alignment, size_t size)
{
  if (alignment % sizeof (void *) || alignment == 0 || (alignment & (alignment - 1)))
    return EINVAL;
  void *block = alignment <= 16 ? malloc (size) : take (alignment, size);
  if (block == NULL)
    return ENOMEM;
  *out = block;
  return 0;
}

EXPORT size_t
malloc_usable_size (void *block)
{
  return block ? ((size_t *) block)[-1] : 0;
}

EXPORT void *_Znwm (size_t size);

void *
_Znwm (size_t size)
{
  return malloc (size);
}

EXPORT void _ZdlPv (void *block);

void
_ZdlPv (void *block)
{
  free (block);
}

EXPORT void _ZdlPvm (void *block, size_t size);

void
_ZdlPvm (void *block, size_t size)
{
  free (block);
}
