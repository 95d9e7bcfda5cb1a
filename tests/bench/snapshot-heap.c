/* SPDX-License-Identifier: Apache-2.0 */

/* A heap to take snapshots of: snapshot-heap BLOCKS [scattered]. Blocks of 32 to 160 bytes: records that a table in the heap points to, each
 * with a chain of three blocks that know the one before and with a pointer to any record made earlier; every twentieth record is dropped, some of
 * these as rings. Scattered: neighbours in the graph lie anywhere in memory. Ends by returning from main, and says on standard output for
 * how many milliseconds nothing happened then. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct Part
{
  struct Part *next, *previous;
  long payload[];
} Part;

Part **table; /* not static: it would become a local variable, which is no root once main has returned */
static Part **pool; /* scattered: drawn from without order */
static unsigned long n_pool;
static struct timespec end;

static size_t
payload_words (unsigned long number)
{
  return 2 + number * 2654435761u % 17;
}

static Part *
take_part (unsigned long number)
{
  static unsigned long state = 88172645463325252;
  if (pool == NULL)
    return malloc (sizeof (Part) + payload_words (number) * sizeof (long));
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  const unsigned long at = state % n_pool;
  Part *part = pool[at];
  pool[at] = pool[--n_pool];
  return part;
}

static Part *
make_part (unsigned long number, Part *next)
{
  Part *part = take_part (number);
  const size_t n = pool ? 2 : payload_words (number);
  part->next = next;
  part->previous = NULL;
  for (size_t i = 0; i < n; i++)
    part->payload[i] = (long) (number + i);
  if (next)
    next->previous = part;
  return part;
}

static void
say_how_long (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  printf ("%.1f\n", (double) (now.tv_sec - end.tv_sec) * 1e3 + (double) (now.tv_nsec - end.tv_nsec) / 1e6);
}

int
main (int argc, char **argv)
{
  const unsigned long n = argc > 1 ? strtoul (argv[1], NULL, 10) / 4 : 1000;
  atexit (say_how_long);
  table = calloc (n + 1, sizeof (Part *));
  if (argc > 2)
    {
      Part **parts = malloc (4 * n * sizeof (Part *));
      for (; n_pool < 4 * n; n_pool++)
        parts[n_pool] = malloc (sizeof (Part) + payload_words (n_pool) * sizeof (long));
      pool = parts;
    }
  for (unsigned long i = 0; i < n; i++)
    {
      Part *last = make_part (4 * i, NULL), *record = make_part (4 * i + 3, make_part (4 * i + 2, make_part (4 * i + 1, last)));
      record->payload[0] = (long) table[i * 2654435761u % (i + 1)];
      if (i % 20 != 0)
        table[i] = record;
      else if (i % 1000 == 0)
        last->next = record;
    }
  free (pool);
  clock_gettime (CLOCK_MONOTONIC, &end);
  return 0;
}
