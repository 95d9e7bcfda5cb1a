/* SPDX-License-Identifier: Apache-2.0
 * hook-threads MODE [N]: prints what its own functions did, "allocations N bytes N".
 *   short N     N threads one after the other, 8 at a time, each with 5 allocations, one of them freed by a
 * thread-specific destructor together N  8 threads that allocate and free N times each deep N      allocations at every
 * depth of a recursion N deep ring N      N allocations of which none is freed, faster than anybody reads */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_ulong allocations, bytes;
static pthread_key_t key;
static pthread_barrier_t barrier;
static unsigned long count;
void *volatile sink;

__attribute__ ((noinline)) static void *
own (size_t size)
{
  void *p = malloc (size);
  atomic_fetch_add (&allocations, 1);
  atomic_fetch_add (&bytes, size);
  return p;
}

static void
destroy (void *p)
{
  free (p);
  free (own (33)); /* after the thread's other data is gone */
}

static void *
short_thread (void *data)
{
  pthread_setspecific (key, own (10));
  for (int i = 0; i < 3; i++)
    free (own (100 + i));
  return NULL;
}

static void *
busy_thread (void *data)
{
  void *blocks[64] = { own (5) };
  pthread_barrier_wait (&barrier); /* nobody leaves before each has told of something */
  for (unsigned long i = 0; i < count; i++)
    {
      free (blocks[i % 64]);
      blocks[i % 64] = own (i % 500);
    }
  for (int i = 0; i < 64; i++)
    free (blocks[i]);
  return NULL;
}

__attribute__ ((noinline)) static void
deep (unsigned long depth)
{
  void *p = own (20);
  if (depth > 0)
    deep (depth - 1);
  free (p);
}

int
main (int argc, char **argv)
{
  pthread_t threads[8];

  if (argc < 3)
    return 2;
  count = strtoul (argv[2], NULL, 10);
  pthread_key_create (&key, destroy);
  if (strcmp (argv[1], "short") == 0)
    for (unsigned long done = 0; done < count; done += 8)
      {
        for (int i = 0; i < 8; i++)
          pthread_create (&threads[i], NULL, short_thread, NULL);
        for (int i = 0; i < 8; i++)
          pthread_join (threads[i], NULL);
      }
  else if (strcmp (argv[1], "together") == 0)
    {
      pthread_barrier_init (&barrier, NULL, 8);
      for (int i = 0; i < 8; i++)
        pthread_create (&threads[i], NULL, busy_thread, NULL);
      for (int i = 0; i < 8; i++)
        pthread_join (threads[i], NULL);
    }
  else if (strcmp (argv[1], "deep") == 0)
    deep (count);
  else if (strcmp (argv[1], "ring") == 0)
    for (unsigned long i = 0; i < count; i++)
      sink = own (16);
  else
    return 2;
  printf ("allocations %lu bytes %lu\n", (unsigned long) allocations, (unsigned long) bytes);
  fflush (stdout);
  return 0;
}
