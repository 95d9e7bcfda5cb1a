/* SPDX-License-Identifier: Apache-2.0 */
/* A recording that runs. */

#include "ui/views/live-recording.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/heap/format.h"

#define CONTROL_FD 3
#define READ_BYTES 65536
#define MOST_READS 4 /* of that size, before the window gets its turn again */
#define OUTPUT_MS 50
#define N_OUTPUTS 2 /* standard output, standard error */

/* What the program writes goes into files without a name: a pipe would end with the window, and then the program by
 * SIGPIPE. What has been read is cut out of them, so that they take no room. */
typedef struct
{
  int fd;
  goffset at;
  GString *cut; /* the start of a character whose rest has not come yet */
} Output;

struct _HatLiveRecording
{
  GObject parent_instance;
  HatLaunch *launch;
  char *output_path;
  GSubprocess *recorder;
  GCancellable *cancellable;
  GSocketConnection *control;
  GDataInputStream *lines;
  GOutputStream *input;
  Output outputs[N_OUTPUTS];
  guint output_timer;
  GArray *history; /* HatLiveStatus */
  GArray *marks;   /* HatMark, names owned */
  guint32 pid;
  int pidfd; /* of the program: its number may be somebody else's when it has ended; -1: none */
  gboolean program_runs, is_finished;
  double progress;
  char *progress_what, *error, *done_path;
};

G_DEFINE_FINAL_TYPE (HatLiveRecording, hat_live_recording, G_TYPE_OBJECT)

enum
{
  STATUS,
  OUTPUT,
  PROCESSES,
  WARNING,
  FINISHED,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

HatLaunch *
hat_launch_new (const char *program, const char *const *arguments, const char *directory, const char *const *env)
{
  HatLaunch *launch = g_new0 (HatLaunch, 1);
  launch->program = g_strdup (program);
  launch->arguments = g_strdupv ((char **) arguments);
  launch->directory = g_strdup (directory);
  launch->env = g_strdupv ((char **) env);
  return launch;
}

HatLaunch *
hat_launch_copy (const HatLaunch *launch)
{
  return hat_launch_new (launch->program, (const char *const *) launch->arguments, launch->directory,
                         (const char *const *) launch->env);
}

void
hat_launch_free (HatLaunch *launch)
{
  if (launch == NULL)
    return;
  g_free (launch->program);
  g_strfreev (launch->arguments);
  g_free (launch->directory);
  g_strfreev (launch->env);
  g_free (launch);
}

static void
clear_mark (gpointer data)
{
  g_free ((char *) ((HatMark *) data)->name);
}

static void
hat_live_recording_dispose (GObject *object)
{
  HatLiveRecording *self = HAT_LIVE_RECORDING (object);
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->output_timer, g_source_remove);
  g_clear_object (&self->input);
  g_clear_object (&self->lines);
  g_clear_object (&self->control);
  g_clear_object (&self->recorder);
  G_OBJECT_CLASS (hat_live_recording_parent_class)->dispose (object);
}

static void
hat_live_recording_finalize (GObject *object)
{
  HatLiveRecording *self = HAT_LIVE_RECORDING (object);
  if (self->pidfd >= 0)
    close (self->pidfd);
  for (guint i = 0; i < N_OUTPUTS; i++)
    {
      if (self->outputs[i].fd >= 0)
        close (self->outputs[i].fd);
      g_string_free (self->outputs[i].cut, TRUE);
    }
  g_clear_object (&self->cancellable);
  hat_launch_free (self->launch);
  g_array_unref (self->history);
  g_array_unref (self->marks);
  g_free (self->output_path);
  g_free (self->progress_what);
  g_free (self->error);
  g_free (self->done_path);
  G_OBJECT_CLASS (hat_live_recording_parent_class)->finalize (object);
}

static void
hat_live_recording_class_init (HatLiveRecordingClass *klass)
{
  GType type = HAT_TYPE_LIVE_RECORDING;
  G_OBJECT_CLASS (klass)->dispose = hat_live_recording_dispose;
  G_OBJECT_CLASS (klass)->finalize = hat_live_recording_finalize;
  signals[STATUS] = g_signal_new ("status", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[OUTPUT] = g_signal_new ("output", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING,
                                  G_TYPE_BOOLEAN);
  signals[PROCESSES] = g_signal_new ("processes", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[WARNING]
      = g_signal_new ("warning", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                    G_TYPE_STRING, G_TYPE_STRING);
}

static void
hat_live_recording_init (HatLiveRecording *self)
{
  self->cancellable = g_cancellable_new ();
  self->history = g_array_new (FALSE, FALSE, sizeof (HatLiveStatus));
  self->marks = g_array_new (FALSE, FALSE, sizeof (HatMark));
  g_array_set_clear_func (self->marks, clear_mark);
  for (guint i = 0; i < N_OUTPUTS; i++)
    self->outputs[i] = (Output){ .fd = -1, .cut = g_string_new (NULL) };
  self->progress = -1;
  self->pidfd = -1;
  self->program_runs = TRUE;
}

/* ---- the program's output ---- */

static void
emit_output (HatLiveRecording *self, guint i)
{
  Output *output = &self->outputs[i];
  const char *end;
  gsize length = output->cut->len;
  g_utf8_validate (output->cut->str, length, &end);
  gsize good = end - output->cut->str;
  gsize keep = length - good < 4 && good < length && ((guchar) *end & 0xc0) == 0xc0 ? length - good : 0;
  g_autofree char *text = g_utf8_make_valid (output->cut->str, length - keep);
  g_string_erase (output->cut, 0, length - keep);
  if (*text)
    g_signal_emit (self, signals[OUTPUT], 0, text, i > 0);
}

/* FALSE: there is nothing new. */
static gboolean
read_output (HatLiveRecording *self, guint i)
{
  Output *output = &self->outputs[i];
  g_autofree char *buffer = g_malloc (READ_BYTES);
  struct stat now;
  if (fstat (output->fd, &now) == 0 && now.st_size < output->at)
    output->at = 0; /* the program truncated it, as "> /dev/stdout" does */
  gssize n = pread (output->fd, buffer, READ_BYTES, output->at);
  if (n <= 0)
    return FALSE;
  g_string_append_len (output->cut, buffer, n);
  output->at += n;
  fallocate (output->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, output->at); /* not every file system can */
  emit_output (self, i);
  return TRUE;
}

static gboolean
read_outputs (HatLiveRecording *self)
{
  gboolean is_new = FALSE;
  for (guint i = 0; i < N_OUTPUTS; i++)
    for (guint k = 0; k < MOST_READS && read_output (self, i); k++)
      is_new = TRUE;
  return is_new;
}

static gboolean
on_output_tick (gpointer data)
{
  g_autoptr (HatLiveRecording) self = g_object_ref (data);
  gboolean runs = hat_live_recording_program_runs (self); /* asked first: its last words come before its end */
  if (read_outputs (self) || runs || !self->is_finished)
    return G_SOURCE_CONTINUE;
  self->output_timer = 0;
  return G_SOURCE_REMOVE;
}

/* The recorder's end of the file, or -1. */
static int
open_output (HatLiveRecording *self, guint i, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (self->output_path);
  g_autofree char *path = g_build_filename (folder, ".output-XXXXXX", NULL);
  int fd = g_mkstemp_full (path, O_RDWR | O_APPEND | O_CLOEXEC, 0600);
  int copy = fd >= 0 ? fcntl (fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (copy < 0)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: no file for the program's output: %s", folder,
                 g_strerror (errno));
  if (fd >= 0)
    unlink (path);
  self->outputs[i].fd = fd;
  return copy;
}

/* ---- lines from the recorder ---- */

/* "key=" must stand at the start or after a space. */
static const char *
find_value (const char *line, const char *key)
{
  gsize length = strlen (key);
  for (const char *at = strstr (line, key); at; at = strstr (at + 1, key))
    if (at[length] == '=' && (at == line || at[-1] == ' '))
      return at + length + 1;
  return NULL;
}

static guint64
number (const char *line, const char *key)
{
  const char *value = find_value (line, key);
  return value ? g_ascii_strtoull (value, NULL, 10) : 0;
}

static void
take_status (HatLiveRecording *self, const char *line)
{
  HatLiveStatus status = { (gint64) number (line, "time_ns"),
                           number (line, "live_bytes"),
                           number (line, "live_blocks"),
                           number (line, "events"),
                           number (line, "allocations"),
                           number (line, "lost"),
                           number (line, "rss"),
                           number (line, "bytes_written"),
                           number (line, "events_per_s"),
                           number (line, "allocated_bytes"),
                           number (line, "running") };
  g_array_append_val (self->history, status);
  g_signal_emit (self, signals[STATUS], 0);
}

static void
take_process (HatLiveRecording *self, const char *line)
{
  const char *state = find_value (line, "state");
  if (number (line, "index") == 0 && self->pid == 0)
    {
      self->pid = number (line, "pid");
      self->pidfd = pidfd_open (self->pid, 0);
    }
  if (state && g_str_has_prefix (state, "exited") && number (line, "pid") == self->pid)
    self->program_runs = FALSE;
  g_signal_emit (self, signals[PROCESSES], 0);
}

static void
add_mark (HatLiveRecording *self, const char *name, gint64 time_ns)
{
  HatMark mark = { g_strdup (name), time_ns };
  g_array_append_val (self->marks, mark);
  g_signal_emit (self, signals[STATUS], 0);
}

static void
take_snapshot_line (HatLiveRecording *self, const char *line)
{
  g_autofree char *name = g_strdup_printf ("snapshot %" G_GUINT64_FORMAT, number (line, "number"));
  g_autofree char *pause = hat_format_time ((gint64) number (line, "pause_ns"));
  g_autofree char *text = g_strdup_printf ("%s: the program stood still for %s", name, pause);
  add_mark (self, name, (gint64) number (line, "time_ns"));
  g_signal_emit (self, signals[WARNING], 0, text);
}

static void
take_line (HatLiveRecording *self, const char *line)
{
  if (g_str_has_prefix (line, "status "))
    take_status (self, line);
  else if (g_str_has_prefix (line, "process "))
    take_process (self, line);
  else if (g_str_has_prefix (line, "progress "))
    {
      const char *what = find_value (line, "what"), *share = find_value (line, "share");
      g_free (self->progress_what);
      self->progress_what = g_strdup (what ? what : "");
      self->progress = share ? g_ascii_strtod (share, NULL) : 0;
      g_signal_emit (self, signals[STATUS], 0);
    }
  else if (g_str_has_prefix (line, "snapshot "))
    take_snapshot_line (self, line);
  else if (g_str_has_prefix (line, "warning "))
    g_signal_emit (self, signals[WARNING], 0, line + strlen ("warning "));
  else if (g_str_has_prefix (line, "error "))
    {
      g_free (self->error);
      self->error = g_strdup (line + strlen ("error "));
    }
  else if (g_str_has_prefix (line, "done "))
    {
      g_free (self->done_path);
      self->done_path = g_strdup (find_value (line, "path"));
    }
}

static void
finish (HatLiveRecording *self)
{
  if (self->is_finished)
    return;
  self->is_finished = TRUE;
  read_outputs (self); /* before the page is left */
  const char *error = self->error       ? self->error
                      : self->done_path ? NULL
                                        : "The recorder ended before the trace was finished.";
  const char *path = self->done_path                                       ? self->done_path
                     : g_file_test (self->output_path, G_FILE_TEST_EXISTS) ? self->output_path
                                                                           : NULL;
  g_signal_emit (self, signals[FINISHED], 0, path, error);
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (HatLiveRecording) self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *line
      = g_data_input_stream_read_line_finish_utf8 (G_DATA_INPUT_STREAM (source), result, NULL, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (line == NULL)
    {
      finish (self); /* the recorder closed the socket: it has said all it has to say */
      return;
    }
  take_line (self, line);
  g_data_input_stream_read_line_async (G_DATA_INPUT_STREAM (source), G_PRIORITY_DEFAULT, self->cancellable, on_line,
                                       g_object_ref (self));
}

/* ---- starting ---- */

/* The recorder stands next to this program, in a build folder as in an installation. */
static char *
find_recorder (GError **error)
{
  g_autofree char *own = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (own ? own : ".");
  g_autofree char *beside = g_build_filename (folder, "heapatlas", NULL);
  if (g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer (&beside);
  char *found = g_find_program_in_path ("heapatlas");
  if (found == NULL)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: the recorder is missing, build or install heapatlas", beside);
  return found;
}

static char **
recorder_command (const char *recorder, const HatLaunch *launch, const char *output_path)
{
  g_autoptr (GStrvBuilder) command = g_strv_builder_new ();
  g_autofree char *fd = g_strdup_printf ("--control-fd=%d", CONTROL_FD);
  g_strv_builder_add_many (command, recorder, "record", "-q", fd, "-o", output_path, "--", launch->program, NULL);
  g_strv_builder_addv (command, (const char **) launch->arguments);
  return g_strv_builder_end (command);
}

static void
set_environment (GSubprocessLauncher *launcher, const HatLaunch *launch)
{
  for (guint i = 0; launch->env && launch->env[i]; i++)
    {
      g_auto (GStrv) pair = g_strsplit (launch->env[i], "=", 2);
      if (pair[0] && pair[1])
        g_subprocess_launcher_setenv (launcher, pair[0], pair[1], TRUE);
    }
  if (launch->directory && *launch->directory)
    g_subprocess_launcher_set_cwd (launcher, launch->directory);
}

static GSocketConnection *
connect_socket (int fd, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }
  return g_socket_connection_factory_create_connection (socket);
}

HatLiveRecording *
hat_live_recording_start (const HatLaunch *launch, const char *output_path, GError **error)
{
  int fds[2];
  g_autofree char *recorder = find_recorder (error);
  if (recorder == NULL)
    return NULL;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "No socket for the recorder: %s", g_strerror (errno));
      return NULL;
    }
  g_autoptr (HatLiveRecording) self = g_object_new (HAT_TYPE_LIVE_RECORDING, NULL);
  self->launch = hat_launch_copy (launch);
  self->output_path = g_strdup (output_path);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE);
  g_subprocess_launcher_take_fd (launcher, fds[1], CONTROL_FD);
  set_environment (launcher, launch);
  g_auto (GStrv) command = recorder_command (recorder, launch, output_path);
  self->control = connect_socket (fds[0], error);
  if (self->control == NULL)
    return NULL;
  int output = open_output (self, 0, error), errors = output < 0 ? -1 : open_output (self, 1, error);
  g_subprocess_launcher_take_stdout_fd (launcher, output);
  g_subprocess_launcher_take_stderr_fd (launcher, errors);
  if (errors < 0)
    return NULL;
  self->recorder = g_subprocess_launcher_spawnv (launcher, (const char *const *) command, error);
  if (self->recorder == NULL)
    return NULL;
  g_subprocess_launcher_close (launcher);
  self->lines = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (self->control)));
  self->input = g_object_ref (g_subprocess_get_stdin_pipe (self->recorder));
  self->output_timer = g_timeout_add (OUTPUT_MS, on_output_tick, self);
  g_data_input_stream_read_line_async (self->lines, G_PRIORITY_DEFAULT, self->cancellable, on_line,
                                       g_object_ref (self));
  return g_steal_pointer (&self);
}

/* ---- what can be asked and told ---- */

const HatLaunch *
hat_live_recording_launch (HatLiveRecording *self)
{
  return self->launch;
}

const HatLiveStatus *
hat_live_recording_history (HatLiveRecording *self, guint *out_n)
{
  *out_n = self->history->len;
  return (const HatLiveStatus *) self->history->data;
}

const HatMark *
hat_live_recording_marks (HatLiveRecording *self, guint *out_n)
{
  *out_n = self->marks->len;
  return (const HatMark *) self->marks->data;
}

guint32
hat_live_recording_pid (HatLiveRecording *self)
{
  return self->pid;
}

gboolean
hat_live_recording_program_runs (HatLiveRecording *self)
{
  struct pollfd ended = { self->pidfd, POLLIN, 0 };
  if (self->is_finished && self->program_runs && self->pidfd >= 0)
    return poll (&ended, 1, 0) == 0; /* recording was stopped, nobody else tells us any more */
  return self->program_runs && !self->is_finished;
}

gboolean
hat_live_recording_is_finished (HatLiveRecording *self)
{
  return self->is_finished;
}

double
hat_live_recording_progress (HatLiveRecording *self, const char **out_what)
{
  *out_what = self->progress_what;
  return self->progress;
}

static void
tell (HatLiveRecording *self, const char *line)
{
  GOutputStream *stream = g_io_stream_get_output_stream (G_IO_STREAM (self->control));
  g_autofree char *text = g_strconcat (line, "\n", NULL);
  /* Short lines into an empty socket: they never block. An error means that the recorder is gone, which on_line() finds
   * out. */
  g_output_stream_write_all (stream, text, strlen (text), NULL, NULL, NULL);
}

void
hat_live_recording_stop (HatLiveRecording *self)
{
  tell (self, "stop");
}

void
hat_live_recording_end (HatLiveRecording *self, gboolean by_force)
{
  if (self->is_finished && self->pidfd >= 0)
    pidfd_send_signal (self->pidfd, by_force ? SIGKILL : SIGTERM, NULL, 0);
  else if (!self->is_finished)
    tell (self, by_force ? "kill" : "end");
}

void
hat_live_recording_mark (HatLiveRecording *self, const char *name)
{
  g_autofree char *line = g_strdup_printf ("mark %s", name);
  gint64 time_ns = 0;
  if (self->history->len)
    time_ns = g_array_index (self->history, HatLiveStatus, self->history->len - 1).time_ns;
  tell (self, g_strdelimit (line, "\n\r", ' '));
  add_mark (self, name, time_ns);
}

void
hat_live_recording_snapshot (HatLiveRecording *self)
{
  tell (self, "snapshot");
}

void
hat_live_recording_skip_symbols (HatLiveRecording *self)
{
  tell (self, "cancel");
}

static void
on_input_written (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *text = data; /* had to live until now */
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
}

void
hat_live_recording_send_input (HatLiveRecording *self, const char *line)
{
  if (self->input == NULL || g_output_stream_has_pending (self->input))
    return;
  char *text = g_strconcat (line, "\n", NULL);
  g_output_stream_write_all_async (self->input, text, strlen (text), G_PRIORITY_DEFAULT, self->cancellable,
                                   on_input_written, text);
}

void
hat_live_recording_close_input (HatLiveRecording *self)
{
  if (self->input && !g_output_stream_has_pending (self->input))
    g_output_stream_close_async (self->input, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_clear_object (&self->input);
}
