/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the target. */

#include "core/record/launch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOOK_NAME "libheapatlas-hook.so"

char *
hat_launch_find_hook (GError **error)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (self ? self : "/");
  const char *const places[] = { "../core/hook/" HOOK_NAME, "../" HAT_LIBDIR "/heapatlas/" HOOK_NAME };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *joined = g_build_filename (folder, places[i], NULL);
      g_autofree char *path = g_canonicalize_filename (joined, "/");
      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      if (strpbrk (path, " :$"))
        {
          g_set_error (error, HAT_ERROR, HAT_ERROR_IO,
                       "%s: the loader cannot preload from a path with a space, a colon or a dollar sign; move Heap Atlas elsewhere", path);
          return NULL;
        }
      return g_steal_pointer (&path);
    }
  g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s is missing next to %s; build or install it again", HOOK_NAME, folder);
  return NULL;
}

static char **
child_environment (const char *const *env, const char *hook, HatSession *session)
{
  char **result = g_strdupv ((char **) env);
  const char *own = g_environ_getenv (result, "LD_PRELOAD");
  g_autofree char *preload = own && *own ? g_strdup_printf ("%s:%s", hook, own) : g_strdup (hook);

  result = g_environ_setenv (result, "LD_PRELOAD", preload, TRUE);
  return g_environ_setenv (result, HAT_WIRE_ENV, session->path, TRUE);
}

/* Runs in the recorder's memory, on a stack of its own: a copy of all that memory would be made for an exec that throws it away. */
struct _HatLaunchChild
{
  int channel, others_end;
  const char *path, *directory;
  const char **argv;
  char **env;
  char stack[8192];
};

/* A system call of up to three arguments, which returns its error: errno is the recorder's. */
static long
call (long number, guint64 a, guint64 b, guint64 c)
{
  long result;
  __asm__ volatile ("syscall" : "=a" (result) : "a" (number), "D" (a), "S" (b), "d" (c) : "rcx", "r11", "memory");
  return result;
}

static int
be_the_child (void *data)
{
  const HatLaunchChild *child = data;
  char go = 0;
  long result = 0;

  call (SYS_close, child->others_end, 0, 0);
  while (call (SYS_read, child->channel, (guint64) &go, 1) == -EINTR)
    ;
  if (go != 'g')
    return HAT_RECORD_FAILED;
  if (child->directory)
    result = call (SYS_chdir, (guint64) child->directory, 0, 0);
  if (result == 0)
    result = call (SYS_execve, (guint64) child->path, (guint64) child->argv, (guint64) child->env);
  const int code = -result;
  call (SYS_write, child->channel, (guint64) &code, sizeof code);
  return HAT_RECORD_REFUSED;
}

static void
clear (HatLaunch *launch)
{
  close (launch->channel);
  launch->channel = -1;
  g_strfreev (launch->child->env);
  g_free (launch->child->argv);
  g_clear_pointer (&launch->child, g_free);
}

/* A script without a #! line is handed to the shell, as execvp does. */
static void
choose_image (HatLaunchChild *child, const HatPreflight *program, const char *const *argv)
{
  const guint n = g_strv_length ((char **) argv), n_before = program->is_plain_script ? 2 : 1;

  child->argv = g_new0 (const char *, n + n_before);
  child->path = child->argv[0] = program->is_plain_script ? "/bin/sh" : program->path;
  child->argv[n_before - 1] = program->is_plain_script ? program->path : argv[0];
  for (guint i = 1; i < n; i++)
    child->argv[n_before - 1 + i] = argv[i];
}

gboolean
hat_launch (const HatPreflight *program, const char *const *argv, const char *const *env, const char *directory, const char *hook,
            HatSession *session, HatLaunch *out_launch, GError **error)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not be started: %s", argv[0], g_strerror (errno));
      return FALSE;
    }
  HatLaunchChild *child = g_new (HatLaunchChild, 1);
  child->channel = ends[1];
  child->others_end = ends[0];
  child->directory = directory;
  child->env = child_environment (env, hook, session);
  choose_image (child, program, argv);
  *out_launch = (HatLaunch) { .channel = ends[0], .child = child };
  out_launch->pid = clone (be_the_child, child->stack + sizeof child->stack, CLONE_VM | SIGCHLD, child);
  const int code = errno;
  close (ends[1]);
  if (out_launch->pid < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not be started: %s", argv[0], g_strerror (code));
      clear (out_launch);
      return FALSE;
    }
  return TRUE;
}

void
hat_launch_go (HatLaunch *launch)
{
  send (launch->channel, "g", 1, MSG_NOSIGNAL);
}

gboolean
hat_launch_wait (HatLaunch *launch, const char *program, int *out_status, GError **error)
{
  int code = 0;
  gssize n;

  /* The other end closes when the program has taken over. */
  while ((n = read (launch->channel, &code, sizeof code)) < 0 && errno == EINTR)
    ;
  if (n > 0)
    waitpid (launch->pid, NULL, 0);
  clear (launch);
  if (n == 0)
    return TRUE;
  *out_status = code == ENOENT ? HAT_RECORD_NOT_FOUND : HAT_RECORD_REFUSED;
  g_set_error (error, HAT_ERROR, HAT_ERROR_REFUSED, "%s: could not be started: %s", program, g_strerror (code));
  return FALSE;
}

void
hat_launch_cancel (HatLaunch *launch)
{
  if (launch->channel < 0)
    return;
  kill (launch->pid, SIGKILL);
  waitpid (launch->pid, NULL, 0);
  clear (launch);
}
