/* SPDX-License-Identifier: Apache-2.0
 * hook-processes: children of every kind, each of which allocates (sizes that name it) and frees a block of its
 * parent. Prints "done".
 *   100001 fork; 100002 _Fork; 100003 raw clone without CLONE_VM; 100004 vfork child; 100005 posix_spawn'ed image;
 *   100006 image after exec of a vfork child; 100007 child of a thread's fork; 100008 grandchild; 100009 the parent
 *   after all; 100010 image started by system; 100011 a daemon */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
void *volatile kept;
static void *inherited;

__attribute__ ((noinline)) static void
own_allocation (size_t size)
{
  kept = malloc (size);
}

static void
wait_for (pid_t pid, const char *what)
{
  int status;
  if (waitpid (pid, &status, 0) < 0 || status != 0)
    {
      printf ("%s: status %d\n", what, status);
      exit (1);
    }
}

static void *
fork_in_thread (void *data)
{
  own_allocation (1);
  const pid_t pid = fork ();
  if (pid == 0)
    {
      own_allocation (100007);
      const pid_t grandchild = fork ();
      if (grandchild == 0)
        {
          own_allocation (100008);
          _exit (0);
        }
      wait_for (grandchild, "grandchild");
      _exit (0);
    }
  wait_for (pid, "thread's fork");
  return NULL;
}

int
main (int argc, char **argv)
{
  if (argc > 1)
    {
      own_allocation (strtoul (argv[1], NULL, 10));
      return 0;
    }
  inherited = malloc (4242);
  pid_t pid = fork ();
  if (pid == 0)
    {
      free (inherited);
      own_allocation (100001);
      _exit (0);
    }
  wait_for (pid, "fork");
  pid = _Fork ();
  if (pid == 0)
    {
      own_allocation (100002);
      _exit (0);
    }
  wait_for (pid, "_Fork");
  pid = (pid_t) syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0)
    {
      own_allocation (100003);
      _exit (0);
    }
  wait_for (pid, "clone");
  pid = vfork ();
  if (pid == 0)
    {
      own_allocation (100004);
      _exit (0);
    }
  wait_for (pid, "vfork");
  char *const spawned[] = { argv[0], (char *)"100005", NULL }, *const executed[] = { argv[0], (char *)"100006", NULL };
  if (posix_spawn (&pid, argv[0], NULL, NULL, spawned, environ) != 0)
    return 2;
  wait_for (pid, "posix_spawn");
  pid = vfork ();
  if (pid == 0)
    {
      execv (argv[0], executed);
      _exit (1);
    }
  wait_for (pid, "vfork and exec");
  pthread_t thread;
  pthread_create (&thread, NULL, fork_in_thread, NULL);
  pthread_join (thread, NULL);
  char command[4096 + 16];
  snprintf (command, sizeof command, "exec '%s' 100010", argv[0]);
  if (system (command) != 0)
    return 3;
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  pid = fork ();
  if (pid == 0)
    {
      own_allocation (1);
      if (daemon (1, 1) != 0)
        _exit (1);
      own_allocation (100011);
      _exit (0);
    }
  wait_for (pid, "what became a daemon");
  wait_for (-1, "daemon");
  own_allocation (100009);
  puts ("done");
  return 0;
}
