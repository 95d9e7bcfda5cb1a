/* SPDX-License-Identifier: Apache-2.0
 * Allocates a little (as many MiB as the second argument says, touched) and ends as the first argument says. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every call but those that a single-threaded exit needs is deadly. */
static void
build_sandbox (int by_syscall)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { sizeof code / sizeof *code, code };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    abort ();
  if (by_syscall ? syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) : prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
    abort ();
}

int
main (int argc, char **argv)
{
  const char *how = argv[1];
  const size_t size = (argc > 2 ? strtoul (argv[2], NULL, 10) : 1) << 20;
  char *block = malloc (size);

  memset (block, 1, size);
  if (strcmp (how, "return") == 0)
    return 7;
  if (strcmp (how, "exit") == 0)
    exit (8);
  if (strcmp (how, "_exit") == 0)
    _exit (9);
  if (strcmp (how, "_Exit") == 0)
    _Exit (10);
  if (strcmp (how, "kill") == 0)
    kill (getpid (), SIGKILL);
  if (strcmp (how, "sandbox") == 0 || strcmp (how, "sandbox-syscall") == 0)
    {
      build_sandbox (how[7] == 0 ? 0 : 1);
      _exit (11);
    }
  if (strcmp (how, "sandbox-exit") == 0)
    {
      build_sandbox (0);
      exit (12);
    }
  if (strcmp (how, "vfork") == 0)
    {
      if (vfork () == 0)
        _exit (13);
      kill (getpid (), SIGKILL);
    }
  if (strcmp (how, "children") == 0) /* reaped by us, at once */
    {
      static char *const ends[] = { "return", "exit", "_exit", "_Exit" };
      for (int i = 0; i < 40; i++)
        {
          const pid_t child = fork ();
          if (child == 0)
            {
              execv (argv[0], (char *[]) { argv[0], ends[i % 4], NULL });
              _exit (99);
            }
          waitpid (child, NULL, 0);
        }
      return 0;
    }
  return 100;
}
