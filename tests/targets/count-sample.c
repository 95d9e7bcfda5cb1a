/* SPDX-License-Identifier: Apache-2.0
 * Allocates, frees, reallocates and keeps blocks in threads and in a forked child, counts what it does below own_*(), and
 * prints the counters of the parent and of the child as JSON. Every growth by realloc counts as a free and an allocation.
 * With arguments (how many, sizes): allocates and frees that many, of these sizes in turn, and nothing else. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  THREADS = 3,
  KEPT = 400,
};

static unsigned long allocations, bytes_allocated, frees, live_bytes;
static unsigned long parts; /* millionths: 1 / size of what was allocated, summed up */
static void *kept[THREADS + 2][KEPT];

static void
count (unsigned long *counter, unsigned long n)
{
  __atomic_fetch_add (counter, n, __ATOMIC_RELAXED);
}

static void
birth (size_t size)
{
  count (&allocations, 1);
  count (&bytes_allocated, size);
  count (&parts, 1000000 / size);
  count (&live_bytes, size);
}

static void
death (size_t size)
{
  count (&frees, 1);
  count (&live_bytes, -size);
}

__attribute__ ((noinline)) void
own_blocks (int worker, int n)
{
  size_t sizes[KEPT] = {};
  unsigned random = (unsigned) worker * 2654435761u + 1;

  for (int i = 0; i < n; i++)
    {
      random = random * 1664525 + 1013904223;
      const int at = i % KEPT;
      if (kept[worker][at])
        {
          death (sizes[at]);
          free (kept[worker][at]);
        }
      sizes[at] = 1 + (random >> 16) % 2000;
      kept[worker][at] = i % 3 ? malloc (sizes[at]) : calloc (1, sizes[at]);
      birth (sizes[at]);
    }
}

__attribute__ ((noinline)) void
own_growth (int n)
{
  for (int i = 0; i < n; i++)
    {
      void *block = malloc (16);
      birth (16);
      for (size_t size = 32; size <= 65536; size *= 2)
        {
          block = realloc (block, size);
          death (size / 2);
          birth (size);
        }
      death (65536);
      free (block);
    }
}

static void *
work (void *worker)
{
  own_blocks ((int) (long) worker, 30000);
  own_growth (30);
  return NULL;
}

static void
print (const char *name)
{
  printf ("%s{\"allocations\":%lu,\"bytes_allocated\":%lu,\"frees\":%lu,\"live_bytes\":%lu,\"parts\":%lu}", name, allocations,
          bytes_allocated, frees, live_bytes, parts);
  fflush (stdout);
}

__attribute__ ((noinline)) void
own_sizes (long n, char **sizes, int n_sizes)
{
  for (long i = 0; i < n; i++)
    {
      void *volatile block = malloc (strtoul (sizes[i % n_sizes], NULL, 10));
      free (block);
    }
}

int
main (int argc, char **argv)
{
  pthread_t threads[THREADS];

  if (argc > 2)
    {
      own_sizes (atol (argv[1]), argv + 2, argc - 2);
      return 0;
    }
  for (long i = 0; i < THREADS; i++)
    pthread_create (&threads[i], NULL, work, (void *) i);
  for (int i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  own_blocks (THREADS, 20000);

  print ("{\"parent\":");
  const pid_t child = fork ();
  if (child == 0)
    {
      allocations = bytes_allocated = frees = parts = 0; /* but what lives was inherited */
      own_blocks (THREADS + 1, 20000);
      print (",\"child\":");
      _exit (0);
    }
  waitpid (child, NULL, 0);
  puts ("}");
  return 0;
}
