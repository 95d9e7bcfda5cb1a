/* SPDX-License-Identifier: Apache-2.0
 * Twenty allocations of sizes that occur nowhere else (100001 and up), each from another stack: recursion, inlined
 * functions, callbacks through libc, a big frame. For comparing stacks with gdb's. */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

void *volatile kept;
static int next_size = 100000;

static inline __attribute__ ((always_inline)) void
inlined_leaf (void)
{
  kept = malloc (++next_size);
}

__attribute__ ((noinline)) static void
recurse (int depth)
{
  if (depth == 0)
    inlined_leaf ();
  else
    recurse (depth - 1);
  __asm__ volatile ("");
}

__attribute__ ((noinline)) static int
compare (const void *a, const void *b)
{
  inlined_leaf ();
  return *(const int *) a - *(const int *) b;
}

__attribute__ ((noinline)) static void
big_frame (int n)
{
  volatile char *room = alloca (n * 100 + 16);
  room[0] = 1;
  inlined_leaf ();
  room[1] = 2;
}

int
main (void)
{
  for (int i = 0; i < 12; i++)
    recurse (i * 3);
  int two[] = { 2, 1 };
  qsort (two, 2, sizeof *two, compare);
  for (int i = 0; next_size < 100020; i++)
    big_frame (i);
  return 0;
}
