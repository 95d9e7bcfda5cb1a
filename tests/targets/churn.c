/* SPDX-License-Identifier: Apache-2.0
 * churn EVENTS DEPTH THREADS: allocates and frees random sizes from stacks of the given depth whose innermost five frames change,
 * keeping about 10,000 blocks live a thread. For benchmarks. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum { KEPT = 10000 };

typedef struct
{
  uint64_t random;
  long events;
  int depth;
  void **kept;
} Worker;

static uint64_t
next_random (Worker *w)
{
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random;
}

__attribute__ ((noinline)) static void
leaf (Worker *w)
{
  uint64_t r = next_random (w);
  void **slot = &w->kept[r % KEPT];
  free (*slot);
  *slot = malloc (16 + (r >> 32) % 500);
  w->events -= 2;
}

static void branch (Worker *w, unsigned bits, int depth);

#define BRANCH(n) \
  __attribute__ ((noinline)) static void branch_##n (Worker *w, unsigned bits, int depth) \
  { branch (w, bits, depth); __asm__ volatile (""); }
BRANCH (0) BRANCH (1) BRANCH (2) BRANCH (3)

__attribute__ ((noinline)) static void
branch (Worker *w, unsigned bits, int depth)
{
  static void (*const next[]) (Worker *, unsigned, int) = { branch_0, branch_1, branch_2, branch_3 };
  if (depth <= 0)
    leaf (w);
  else
    next[bits & 3] (w, bits >> 2, depth - 2);
  __asm__ volatile ("");
}

/* A fixed trunk, then four frames (two levels) that differ from call to call, then the leaf. */
__attribute__ ((noinline)) static void
trunk (Worker *w, int depth)
{
  if (depth > 0)
    trunk (w, depth - 1);
  else
    while (w->events > 0)
      branch (w, (unsigned) next_random (w), 4);
  __asm__ volatile ("");
}

static void *
work (void *data)
{
  Worker *w = data;
  trunk (w, w->depth > 5 ? w->depth - 5 : 0);
  return NULL;
}

int
main (int argc, char **argv)
{
  long events = argc > 1 ? atol (argv[1]) : 1000000;
  int depth = argc > 2 ? atoi (argv[2]) : 20, n = argc > 3 ? atoi (argv[3]) : 1;
  pthread_t threads[64];
  Worker workers[64];
  for (int i = 0; i < n; i++)
    workers[i] = (Worker) { 88172645463325252ull + 7919 * i, events / n, depth, calloc (KEPT, sizeof (void *)) };
  for (int i = 1; i < n; i++)
    pthread_create (&threads[i], NULL, work, &workers[i]);
  work (&workers[0]);
  for (int i = 1; i < n; i++)
    pthread_join (threads[i], NULL);
  return 0;
}
