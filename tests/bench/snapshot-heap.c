/* SPDX-License-Identifier: Apache-2.0 */

/* A heap to take snapshots of: snapshot-heap BLOCKS. Blocks of 32 to 160 bytes: records that a table in the heap points to, each with a
 * chain of three blocks that know the one before and with a pointer to any record made earlier; every twentieth record is dropped, some of these as
 * rings. Ends by returning from main. */

#include <stdlib.h>

typedef struct Part
{
  struct Part *next, *previous;
  long payload[];
} Part;

Part **table; /* not static: it would become a local variable, which is no root once main has returned */

static Part *
make_part (unsigned long number, Part *next)
{
  const size_t n = 2 + number * 2654435761u % 17;
  Part *part = malloc (sizeof (Part) + n * sizeof (long));
  part->next = next;
  part->previous = NULL;
  for (size_t i = 0; i < n; i++)
    part->payload[i] = (long) (number + i);
  if (next)
    next->previous = part;
  return part;
}

int
main (int argc, char **argv)
{
  const unsigned long n = argc > 1 ? strtoul (argv[1], NULL, 10) / 4 : 1000;
  table = calloc (n + 1, sizeof (Part *));
  for (unsigned long i = 0; i < n; i++)
    {
      Part *last = make_part (4 * i, NULL), *record = make_part (4 * i + 3, make_part (4 * i + 2, make_part (4 * i + 1, last)));
      record->payload[0] = (long) table[i * 2654435761u % (i + 1)];
      if (i % 20 != 0)
        table[i] = record;
      else if (i % 1000 == 0)
        last->next = record;
    }
  return 0;
}
