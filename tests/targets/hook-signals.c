/* SPDX-License-Identifier: Apache-2.0
 * hook-signals allocate|escape N: to be run over hook-allocator.so, which can be interrupted. A handler interrupts a
 * loop of allocations and frees wherever it is, the hook included, and allocates (sizes 7) or leaves by siglongjmp.
 * Prints "handled N" and what the handler did. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static int wanted;
static sigjmp_buf out;
static volatile int escapes;
void *volatile sink;

static void
on_tick (int number)
{
  /* The timer runs on for a moment after the last one that is counted. */
  if (handled == wanted)
    return;
  handled++;
  if (escapes)
    siglongjmp (out, 1);
  for (int i = 0; i < 3; i++)
    {
      sink = malloc (7);
      free (sink);
    }
}

__attribute__ ((noinline)) static void
work (int depth)
{
  void *volatile p = malloc (100 + (size_t) depth);
  if (depth > 0)
    work (depth - 1);
  free (p);
}

int
main (int argc, char **argv)
{
  struct itimerval interval = { { 0, 200 }, { 0, 200 } }, never = {};

  wanted = atoi (argv[2]);
  escapes = strcmp (argv[1], "escape") == 0;
  signal (SIGALRM, on_tick);
  setitimer (ITIMER_REAL, &interval, NULL);
  while (handled < wanted)
    if (sigsetjmp (out, 1) == 0)
      for (int i = 0; i < 20 && handled < wanted; i++)
        work (i % 17);
  setitimer (ITIMER_REAL, &never, NULL);
  char text[100];
  const int n = snprintf (text, sizeof text, "handled %d\n", (int) handled);
  return write (1, text, (size_t) n) != n;
}
