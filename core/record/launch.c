/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the target. */

#include "core/record/launch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
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

/* execve that hands a script without a #! line to the shell, as execvp does. */
static void
execute (const HatPreflight *program, const char *const *argv, char **env)
{
  if (!program->is_plain_script)
    {
      execve (program->path, (char **) argv, env);
      return;
    }
  const guint n = g_strv_length ((char **) argv);
  const char **shell = g_new0 (const char *, n + 2);
  shell[0] = "/bin/sh";
  shell[1] = program->path;
  for (guint i = 1; i < n; i++)
    shell[i + 1] = argv[i];
  execve (shell[0], (char **) shell, env);
}

static void G_GNUC_NORETURN
be_the_child (int channel, const HatPreflight *program, const char *const *argv, char **env, const char *directory)
{
  char go = 0;
  while (read (channel, &go, 1) < 0 && errno == EINTR)
    ;
  if (go != 'g')
    _exit (HAT_RECORD_FAILED);
  if (directory == NULL || chdir (directory) == 0)
    execute (program, argv, env);
  const int code = errno;
  if (write (channel, &code, sizeof code) < 0)
    _exit (HAT_RECORD_FAILED);
  _exit (HAT_RECORD_REFUSED);
}

gboolean
hat_launch (const HatPreflight *program, const char *const *argv, const char *const *env, const char *directory, const char *hook,
            HatSession *session, HatLaunch *out_launch, GError **error)
{
  g_auto (GStrv) full = child_environment (env, hook, session);
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not be started: %s", argv[0], g_strerror (errno));
      return FALSE;
    }
  const pid_t pid = fork ();
  if (pid == 0)
    {
      close (ends[0]);
      be_the_child (ends[1], program, argv, full, directory);
    }
  close (ends[1]);
  if (pid < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not be started: %s", argv[0], g_strerror (errno));
      close (ends[0]);
      return FALSE;
    }
  *out_launch = (HatLaunch) { .pid = pid, .channel = ends[0] };
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
  close (launch->channel);
  launch->channel = -1;
  if (n == 0)
    return TRUE;
  waitpid (launch->pid, NULL, 0);
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
  close (launch->channel);
  launch->channel = -1;
}
