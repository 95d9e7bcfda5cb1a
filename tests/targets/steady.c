/* SPDX-License-Identifier: Apache-2.0
 * steady ROUNDS [FILE]: allocates and frees at a steady pace for ROUNDS rounds of about 1 ms, keeping 1 block in 10; then writes "done" to
 * FILE, so that a test can see that it lived to its end whatever happened to the recorder. ROUNDS 0: until killed, or until FILE exists. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void *volatile keep[100000];

__attribute__ ((noinline)) static void
own_round (unsigned long round)
{
  for (int i = 0; i < 100; i++)
    {
      void *p = malloc (16 + (round * 100 + i) % 1000);
      if (i % 10 == 0)
        {
          unsigned long slot = (round * 10 + i / 10) % 100000;
          free (keep[slot]);
          keep[slot] = p;
        }
      else
        free (p);
    }
}

int
main (int argc, char **argv)
{
  unsigned long rounds = argc > 1 ? strtoul (argv[1], NULL, 10) : 1000;
  for (unsigned long round = 0; rounds == 0 ? argc < 3 || access (argv[2], F_OK) != 0 : round < rounds; round++)
    {
      own_round (round);
      nanosleep (&(struct timespec) { .tv_nsec = 1000000 }, NULL);
    }
  if (argc > 2)
    {
      FILE *file = fopen (argv[2], "w");
      fputs ("done\n", file);
      fclose (file);
    }
  return 0;
}
