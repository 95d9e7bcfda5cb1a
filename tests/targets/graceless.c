/* SPDX-License-Identifier: Apache-2.0
 * Allocates 1,000 blocks of 100 bytes and ends in the way its argument says: return, exit3, _exit, quick_exit, syscall,
 * abort, segv, kill. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *volatile keep[1000];

__attribute__ ((noinline)) static void
own_blocks (void)
{
  for (int i = 0; i < 1000; i++)
    keep[i] = malloc (100);
}

int
main (int argc, char **argv)
{
  const char *how = argc > 1 ? argv[1] : "return";
  own_blocks ();
  if (!strcmp (how, "exit3"))
    exit (3);
  if (!strcmp (how, "_exit"))
    _exit (4);
  if (!strcmp (how, "quick_exit"))
    quick_exit (5);
  if (!strcmp (how, "syscall"))
    syscall (SYS_exit_group, 6);
  if (!strcmp (how, "abort"))
    abort ();
  if (!strcmp (how, "segv"))
    raise (SIGSEGV);
  if (!strcmp (how, "kill"))
    kill (getpid (), SIGKILL);
  return 0;
}
