/* SPDX-License-Identifier: Apache-2.0
 * Threads that reallocate blocks and give them to each other through shared slots, so that an address that one thread
 * has just left is another's at once. Arguments: threads, rounds of each; if there is a third, it says how many blocks were
 * born and how many died, a reallocation being both, and with "apart" it allocates and frees where it reallocated. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  N_SLOTS = 512,
};

static _Atomic (void *) slots[N_SLOTS];
static unsigned long n_rounds;
static bool is_apart;
static atomic_ulong n_born, n_died;

static void *
work (void *data)
{
  uint64_t random = (uintptr_t) data * 0x9e3779b97f4a7c15ul + 1;
  unsigned long born = 0, died = 0;

  for (unsigned long i = 0; i < n_rounds; i++)
    {
      random = random * 6364136223846793005ul + 1442695040888963407ul;
      _Atomic (void *) *slot = &slots[(random >> 33) % N_SLOTS];
      const size_t size = 1 + (random >> 44) % ((random >> 60) == 0 ? 300000 : 3000); /* some large enough to be mapped */
      void *block = atomic_exchange (slot, NULL);
      const bool keeps = !block || (random >> 20) % 4 != 0;
      died += block != NULL;
      born += keeps;
      if (is_apart || !keeps)
        {
          free (block);
          block = keeps ? malloc (size) : NULL;
        }
      else
        block = realloc (block, size);
      block = atomic_exchange (slot, block);
      died += block != NULL;
      free (block);
    }
  n_born += born;
  n_died += died;
  return NULL;
}

int
main (int argc, char **argv)
{
  pthread_t threads[64];
  const int n = argc > 1 ? atoi (argv[1]) : 32;

  n_rounds = argc > 2 ? strtoul (argv[2], NULL, 10) : 20000;
  is_apart = argc > 3 && strcmp (argv[3], "apart") == 0;
  for (int i = 0; i < n && i < 64; i++)
    pthread_create (&threads[i], NULL, work, (void *) (uintptr_t) (i + 1));
  for (int i = 0; i < n && i < 64; i++)
    pthread_join (threads[i], NULL);
  for (int i = 0; i < N_SLOTS; i++)
    {
      n_died += slots[i] != NULL;
      free (slots[i]);
    }
  if (argc > 3)
    printf ("%lu %lu\n", n_born, n_died);
  return 0;
}
