/* SPDX-License-Identifier: Apache-2.0
 * hook-api: calls every allocation function, successfully and not, checks what it returns and errno, and prints what
 * it did: "allocations N bytes N frees N reallocations N delta N live_blocks N live_bytes N". A wrong answer of the
 * library is told on stderr, and the exit status is 1. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long allocations, bytes, frees, reallocations, live_blocks, live_bytes;
static long delta;
static int wrong;
static size_t huge = SIZE_MAX / 2 + 100;

#define EXPECT(condition) \
  do \
    { \
      if (!(condition)) \
        { \
          wrong = 1; \
          fprintf (stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
        } \
    } \
  while (0)

static void *
got (void *p, size_t size)
{
  EXPECT (p != NULL && errno == 77);
  allocations++;
  bytes += size;
  live_blocks++;
  live_bytes += size;
  errno = 77;
  return p;
}

static void
gone (size_t size)
{
  EXPECT (errno == 77);
  frees++;
  live_blocks--;
  live_bytes -= size;
  errno = 77;
}

static void *
moved (void *p, size_t from, size_t to)
{
  EXPECT (p != NULL && errno == 77);
  reallocations++;
  delta += (long) to - (long) from;
  live_bytes += to - from;
  return p;
}

#define failed(call, error) \
  do \
    { \
      EXPECT ((call) == NULL); \
      EXPECT (errno == error); \
      errno = 77; \
    } \
  while (0)

typedef void cfree_function (void *);
extern cfree_function cfree __attribute__ ((weak));
typedef void free_sized_function (void *, size_t);
extern free_sized_function free_sized __attribute__ ((weak));
typedef void free_aligned_sized_function (void *, size_t, size_t);
extern free_aligned_sized_function free_aligned_sized __attribute__ ((weak));

int
main (void)
{
  /* stdio's own buffer comes first, so that what follows is only ours. */
  setvbuf (stdout, malloc (4096), _IOFBF, 4096);
  allocations = live_blocks = 1;
  bytes = live_bytes = 4096;
  errno = 77;

  void *a = got (malloc (100), 100);
  void *b = got (malloc (0), 0);
  void *c = got (calloc (10, 30), 300);
  for (int i = 0; i < 300; i++)
    EXPECT (((char *) c)[i] == 0);
  failed (malloc (huge), ENOMEM);
  failed (calloc (huge, 4), ENOMEM);
  failed (calloc (huge, 1), ENOMEM);
  failed (reallocarray (a, huge, 4), ENOMEM);
  failed (realloc (a, huge), ENOMEM);
  a = moved (realloc (a, 200), 100, 200);
  a = moved (realloc (a, 500000), 200, 500000);
  a = moved (reallocarray (a, 1000, 10), 500000, 10000);
  void *d = got (realloc (NULL, 64), 64);
  void *e = got (reallocarray (NULL, 4, 16), 64);
  free (NULL);
  EXPECT (realloc (d, 0) == NULL);
  gone (64);
  free (e);
  gone (64);
  free (b);
  gone (0);
  free (c);
  gone (300);

  void *p = (void *) 1;
  EXPECT (posix_memalign (&p, 3, 10) == EINVAL && p == (void *) 1 && errno == 77);
  EXPECT (posix_memalign (&p, 64, huge) == ENOMEM && p == (void *) 1);
  errno = 77;
  EXPECT (posix_memalign (&p, 256, 1000) == 0 && (uintptr_t) p % 256 == 0);
  got (p, 1000);
  void *q = got (aligned_alloc (128, 256), 256), *r = got (memalign (4096, 77), 77);
  EXPECT ((uintptr_t) q % 128 == 0 && (uintptr_t) r % 4096 == 0);
  failed (memalign (64, huge), ENOMEM);
  void *s = got (valloc (5000), 5000), *t = got (pvalloc (5000), 5000);
  EXPECT ((uintptr_t) s % 4096 == 0 && (uintptr_t) t % 4096 == 0);
  EXPECT (malloc_usable_size (t) >= 8192);
  EXPECT (malloc_usable_size (NULL) == 0);
  failed (valloc (huge), ENOMEM);
  failed (pvalloc (huge), ENOMEM);
  /* Blocks of every kind can be freed by every function. Those that this C library does not have are the hook's own. */
  if (cfree)
    cfree (p);
  else
    free (p);
  gone (1000);
  if (free_sized)
    free_sized (q, 256);
  else
    free (q);
  gone (256);
  if (free_aligned_sized)
    free_aligned_sized (r, 4096, 77);
  else
    free (r);
  gone (77);
  free (s);
  gone (5000);
  char *text = got (malloc (4), 4);
  strcpy (text, "abc");
  for (size_t size = 4; size < 4u << 20; size *= 2)
    {
      text = moved (realloc (text, size * 2), size, size * 2);
      EXPECT (strcmp (text, "abc") == 0);
    }
  printf ("allocations %lu bytes %lu frees %lu reallocations %lu delta %ld live_blocks %lu live_bytes %lu\n",
          allocations, bytes, frees, reallocations, delta, live_blocks, live_bytes);
  fflush (stdout);
  _exit (wrong);
}
