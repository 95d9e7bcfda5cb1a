/* SPDX-License-Identifier: Apache-2.0
 *
 * A recording from preflight to exit status. */

#include "core/record/record.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/heap/estimate.h"
#include "core/record/proc.h"
#include "core/record/record-private.h"
#include "core/record/snapshot-stop.h"

#define MS 1000000
#define LOOK_INTERVAL_NS (4 * MS)
#define FLUSH_INTERVAL_NS (50 * MS)
#define STATUS_INTERVAL_NS (30 * MS) /* with the longest wait: at least every 50 ms */
#define CLOCK_INTERVAL_NS (1000 * MS)
#define BUSY_WAIT_NS (10 * MS) /* or until a ring is half full */
#define UNSEEN_WAIT_NS (25 * MS) /* likewise, while no window looks on: a round costs as much as a hundred events */
#define YOUNG_NS (50 * MS) /* a program this young may be over at once */
#define IDLE_WAIT_NS (20 * MS)
#define SHORT_RECORDING_NS (1000 * MS) /* in which process numbers do not come round to ours again */
#define LATECOMER_NS (100 * MS)

/* ---- signals: the only state that a handler can reach ---- */

static HatSession *bell_session;
static pthread_t main_thread;
static volatile sig_atomic_t leave_signal, was_interrupted;

static void
on_signal (int number)
{
  /* The session is unmapped for an instant now and then, with signals blocked in this thread only: the others must not touch it. */
  if (!pthread_equal (pthread_self (), main_thread))
    {
      pthread_kill (main_thread, number);
      return;
    }
  if (number == SIGINT || (leave_signal && number != SIGCHLD))
    was_interrupted = 1; /* a second SIGTERM: be quick */
  if (number == SIGTERM || number == SIGHUP)
    leave_signal = number;
  if (bell_session)
    hat_session_ring_bell (bell_session);
}

static void
handle (int number, void (*handler) (int))
{
  struct sigaction action = { .sa_handler = handler };
  sigaction (number, &action, NULL);
}

/* After the fork: the program has what we inherited. Keys pressed in the terminal are for the program. */
static void
take_over_signals (HatSession *session)
{
  struct sigaction hangup;

  main_thread = pthread_self ();
  bell_session = session;
  handle (SIGINT, SIG_IGN);
  handle (SIGQUIT, SIG_IGN);
  handle (SIGPIPE, SIG_IGN);
  handle (SIGXFSZ, SIG_IGN);
  handle (SIGTERM, on_signal);
  handle (SIGCHLD, on_signal);
  sigaction (SIGHUP, NULL, &hangup);
  if (hangup.sa_handler != SIG_IGN) /* nohup */
    handle (SIGHUP, on_signal);
}

void
hat_recorder_let_interrupt (void)
{
  handle (SIGINT, on_signal);
}

gboolean
hat_recorder_was_interrupted (void)
{
  return was_interrupted;
}

/* ---- saying things ---- */

/* Names of programs and files may hold anything; a message is one line of text. */
void
hat_recorder_say (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *raw = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *text = g_utf8_make_valid (raw, -1);

  for (char *c = text; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  g_printerr ("heapatlas: %s\n", text);
}

static void
say_error (HatRecorder *recorder, const char *text)
{
  hat_recorder_say ("%s", text);
  hat_control_send (&recorder->control, TRUE, "error %s", text);
}

static void
warn (HatRecorder *recorder, const char *text)
{
  if (!recorder->options->quiet)
    hat_recorder_say ("%s", text);
  hat_control_send (&recorder->control, TRUE, "warning %s", text);
  if (recorder->writer)
    hat_trace_writer_add_note (recorder->writer, "warning", text);
}

static void
on_image (const HatImageInfo *info, const char *text, gpointer data)
{
  static const char *const states[] = { "running", "execed", "exited" };
  HatRecorder *recorder = data;

  if (text)
    warn (recorder, text);
  else
    hat_control_send (&recorder->control, TRUE, "process index=%u pid=%u parent=%d state=%s exit=%d signal=%d name=%s", info->index,
                      info->pid, info->parent, states[info->state], info->exit_status, info->signal, info->name);
}

static void
on_snapshot (const HatImageInfo *image, guint number, const HatSnapshotInfo *info, const char *text, gpointer data)
{
  HatRecorder *recorder = data;

  if (text)
    warn (recorder, text);
  else
    hat_control_send (&recorder->control, TRUE, "snapshot index=%u number=%u time_ns=%" G_GINT64_FORMAT " pause_ns=%" G_GINT64_FORMAT
                      " bytes=%" G_GUINT64_FORMAT " reason=%s", image->index, number, info->time_ns, info->pause_ns, info->read_bytes,
                      hat_snapshot_reason_name (info->reason));
}

/* ---- starting ---- */

static void
note_environment (HatRecorder *recorder)
{
  static const char *const prefixes[] = { "LD_", "MALLOC_", "GLIBC_TUNABLES", "PYTHONMALLOC", "G_SLICE", "GLIBCXX_" };
  g_auto (GStrv) own = recorder->options->env ? NULL : g_get_environ ();
  const char *const *env = recorder->options->env ? recorder->options->env : (const char *const *) own;

  /* Only what changes how a program allocates: an environment holds secrets. */
  for (guint i = 0; env[i]; i++)
    for (guint k = 0; k < G_N_ELEMENTS (prefixes); k++)
      {
        const char *value = strchr (env[i], '=');
        if (value == NULL || !g_str_has_prefix (env[i], prefixes[k]))
          continue;
        g_autofree char *key = g_strdup_printf ("env.%.*s", (int) (value - env[i]), env[i]);
        hat_trace_writer_add_note (recorder->writer, key, value + 1);
      }
}

static void
write_notes (HatRecorder *recorder)
{
  const HatRecordOptions *options = recorder->options;
  HatTraceWriter *writer = recorder->writer;
  g_autoptr (GString) command = g_string_new (NULL);
  g_autofree char *here = g_get_current_dir ();
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *started = g_date_time_format_iso8601 (now);

  for (guint i = 0; options->argv[i]; i++)
    {
      const gboolean is_plain = *options->argv[i] && strpbrk (options->argv[i], " \t\n'\"\\$&|;<>()*?[]#~`{}!") == NULL;
      g_autofree char *quoted = is_plain ? g_strdup (options->argv[i]) : g_shell_quote (options->argv[i]);
      g_string_append_printf (command, "%s%s", i ? " " : "", quoted);
    }
  hat_trace_writer_add_note (writer, "command", command->str);
  hat_trace_writer_add_note (writer, "directory", options->directory ? options->directory : here);
  hat_trace_writer_add_note (writer, "host", g_get_host_name ());
  hat_trace_writer_add_note (writer, "started", started);
  hat_trace_writer_add_note (writer, "version", HAT_VERSION);
  hat_trace_writer_add_note (writer, "option.follow", options->no_follow ? "no" : "yes");
  hat_trace_writer_add_note (writer, "option.free-stacks", options->free_stacks ? "yes" : "no");
  hat_trace_writer_add_note (writer, "option.snapshot", options->no_snapshot || options->sample_bytes ? "no" : "yes");
  if (options->sample_bytes > 0)
    {
      g_autofree char *sample = g_strdup_printf ("%" G_GUINT64_FORMAT, options->sample_bytes);
      hat_trace_writer_add_note (writer, "option.sample", sample);
    }
  if (options->max_size)
    {
      g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, options->max_size);
      hat_trace_writer_add_note (writer, "option.max-size", size);
    }
  note_environment (recorder);
}

static gboolean
open_trace (HatRecorder *recorder, GError **error)
{
  const HatRecordOptions *options = recorder->options;

  if (options->output)
    recorder->output = g_strdup (options->output);
  else
    {
      g_autofree char *name = g_path_get_basename (options->argv[0]);
      recorder->output = g_strdup_printf ("%s.%d.heapatlas", name, (int) recorder->launch.pid);
    }
  recorder->writer = hat_trace_writer_new (recorder->output, -1, g_get_real_time (), error);
  return recorder->writer != NULL;
}

/* Everything up to the program's first instruction; what can fail or what the program must find comes before it is let go, the rest beside its
 * start. FALSE: *out_status is the exit status, and the error what to say. */
static gboolean
start (HatRecorder *recorder, int *out_status, GError **error)
{
  const HatRecordOptions *options = recorder->options;
  g_auto (GStrv) own_env = options->env ? NULL : g_get_environ ();
  const char *const *env = options->env ? options->env : (const char *const *) own_env;

  if (!hat_preflight (options->argv[0], env, options->directory, &recorder->program, out_status, error))
    return FALSE;
  *out_status = HAT_RECORD_FAILED;
  g_autofree char *hook = hat_launch_find_hook (error);
  if (hook == NULL || !hat_session_open (&recorder->session, options->no_follow, options->free_stacks, error))
    return FALSE;
  HatWireHeader *header = recorder->session.header;
  header->sample_bytes = options->sample_bytes;
  header->recorder_pid = getpid ();
  if (!hat_launch (&recorder->program, options->argv, env, options->directory, hook, &recorder->session, &recorder->launch, error))
    return FALSE;
  header->launched_pid = recorder->launch.pid;
  take_over_signals (&recorder->session);
  hat_own_heap_prepare (&recorder->heap);
  /* When there is something to do for us, the target is running: it keeps its processor. Threads inherit this. */
  sched_setscheduler (0, SCHED_BATCH, &(struct sched_param) {});
  if (!open_trace (recorder, error))
    return FALSE;
  if (recorder->program.warning)
    {
      g_autofree char *text = g_strdup_printf ("%s: %s", options->argv[0], recorder->program.warning);
      warn (recorder, text);
    }
  recorder->stacks = hat_stacks_new (recorder->writer, hat_session_ips (&recorder->session));
  recorder->images = hat_images_new (&recorder->session, &recorder->clock, recorder->writer, recorder->stacks, recorder->launch.pid,
                                     on_image, recorder);
  /* Of the blocks of a sample nobody can tell what holds them. */
  if (!options->no_snapshot && options->sample_bytes == 0)
    {
      recorder->types = hat_types_new (NULL);
      recorder->snapshots = hat_snapshots_new (recorder->images, recorder->types, &options->snapshots, on_snapshot, recorder);
    }
  g_autoptr (GError) refused = NULL;
  if (recorder->snapshots && options->snapshots.trace_exit && !hat_stop_trace (recorder->launch.pid, &refused))
    {
      g_autofree char *text = g_strdup_printf ("--trace-exit: %s; recording goes on without", refused->message);
      warn (recorder, text);
    }
  hat_requests_open (&recorder->requests);
  hat_clock_start (&recorder->clock);
  hat_launch_go (&recorder->launch);

  write_notes (recorder);
  recorder->symbol_cache = g_build_filename (g_get_user_cache_dir (), "heapatlas", "symbols", NULL);
  recorder->ahead = hat_symbols_ahead_new (recorder->symbol_cache);
  hat_clock_measure (&recorder->clock);
  if (!hat_launch_wait (&recorder->launch, options->argv[0], out_status, error))
    {
      unlink (recorder->output);
      return FALSE;
    }
  if (!options->quiet)
    hat_recorder_say ("recording %s (process %d) to %s", options->argv[0], (int) recorder->launch.pid, recorder->output);
  return TRUE;
}

/* ---- running ---- */

void
hat_recorder_hear (HatRecorder *recorder)
{
  char *name;

  for (HatControlCommand command; (command = hat_control_next (&recorder->control, &name)) != HAT_CONTROL_NONE; g_free (name))
    switch (command)
      {
      case HAT_CONTROL_STOP:
        recorder->wants_stop = TRUE;
        break;
      case HAT_CONTROL_END:
      case HAT_CONTROL_KILL:
        if (!recorder->first_has_ended)
          kill (recorder->launch.pid, command == HAT_CONTROL_END ? SIGTERM : SIGKILL);
        break;
      case HAT_CONTROL_MARK:
        if (recorder->reason == HAT_STOP_NONE)
          hat_images_mark (recorder->images, name);
        break;
      case HAT_CONTROL_SNAPSHOT:
        if (recorder->reason == HAT_STOP_NONE && recorder->snapshots)
          g_free (hat_snapshots_take (recorder->snapshots, 0, HAT_SNAPSHOT_REQUEST, NULL));
        break;
      case HAT_CONTROL_CANCEL:
        recorder->wants_cancel = TRUE;
        break;
      case HAT_CONTROL_NONE:
        break;
      }
}

/* `heapatlas snapshot PID`. */
static void
answer_requests (HatRecorder *recorder)
{
  guint32 pid;

  for (int client; hat_requests_next (&recorder->requests, &pid, &client);)
    {
      g_autofree char *text
        = recorder->snapshots ? hat_snapshots_take (recorder->snapshots, pid, HAT_SNAPSHOT_REQUEST, NULL) : NULL;
      hat_request_answer (client, text != NULL,
                          text                                ? text
                          : recorder->snapshots               ? "no snapshot could be taken"
                          : recorder->options->sample_bytes > 0 ? HAT_SAMPLE_HAS_NO_SNAPSHOT
                                                                : "it is recorded without snapshots");
    }
}

static void
reap_first (HatRecorder *recorder)
{
  siginfo_t info = {};

  /* Stops of its threads are told here, too; they are not ours to take. */
  if (recorder->first_has_ended || waitid (P_PID, recorder->launch.pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0
      || info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED
      || waitpid (recorder->launch.pid, &recorder->wait_status, WNOHANG) != recorder->launch.pid)
    return;
  recorder->first_has_ended = TRUE;
  if (recorder->reason == HAT_STOP_NONE)
    hat_images_end_first (recorder->images, recorder->wait_status);
}

static void
send_status (HatRecorder *recorder, gint64 now_ns, guint64 events_per_s)
{
  const HatImageInfo none = {}, *heaviest = &none;
  guint64 events = 0, allocations = 0, allocated = 0, lost = 0;
  guint n_running = 0;

  if (recorder->control.fd < 0)
    return;
  hat_images_update_totals (recorder->images);
  const guint n = hat_images_n (recorder->images);
  for (guint i = 0; i < n; i++)
    {
      const HatImageInfo *info = hat_images_get (recorder->images, i);
      events += info->n_events;
      allocations += info->totals.allocations;
      allocated += info->totals.bytes_allocated;
      lost += info->totals.lost_events;
      if (info->state != HAT_IMAGE_RUNS)
        continue;
      n_running++;
      if (heaviest == &none || info->totals.live_bytes > heaviest->totals.live_bytes)
        heaviest = info;
    }
  hat_control_send (&recorder->control, FALSE,
                    "status time_ns=%" G_GINT64_FORMAT " index=%u live_bytes=%" G_GUINT64_FORMAT " live_blocks=%" G_GUINT64_FORMAT
                    " peak_bytes=%" G_GUINT64_FORMAT " events=%" G_GUINT64_FORMAT " allocations=%" G_GUINT64_FORMAT
                    " lost=%" G_GUINT64_FORMAT " rss=%" G_GUINT64_FORMAT " processes=%u running=%u bytes_written=%" G_GUINT64_FORMAT
                    " events_per_s=%" G_GUINT64_FORMAT " allocated_bytes=%" G_GUINT64_FORMAT,
                    now_ns, heaviest->index, heaviest->totals.live_bytes, heaviest->totals.live_blocks, heaviest->totals.peak_bytes, events,
                    allocations, lost, heaviest->rss_bytes, n, n_running, hat_trace_writer_bytes (recorder->writer), events_per_s,
                    allocated);
}

/* Nobody is left whom we know of. Are there processes that have not made themselves known yet: forked children that have not allocated, or
 * a program that is being started? */
static gboolean
somebody_may_come (HatRecorder *recorder, gint64 since_ns, gint64 now_ns)
{
  g_autofree char *entry = g_strdup_printf (HAT_WIRE_ENV "=%s", recorder->session.path);
  guint64 start;
  sigset_t all, before;

  if (recorder->options->no_follow)
    return FALSE;
  hat_proc_stat (getpid (), NULL, &start, NULL);
  if (now_ns - since_ns < LATECOMER_NS && hat_proc_any_with_environment (entry, start, now_ns < SHORT_RECORDING_NS ? getpid () : 0))
    return TRUE;
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, &before);
  const gboolean is_in_use = hat_session_is_in_use (&recorder->session);
  sigprocmask (SIG_SETMASK, &before, NULL);
  return is_in_use;
}

static HatStopReason
reason_to_stop (HatRecorder *recorder)
{
  if (leave_signal)
    return HAT_STOP_SIGNAL;
  if (recorder->wants_stop)
    return HAT_STOP_COMMAND;
  if (recorder->options->max_size && hat_trace_writer_bytes (recorder->writer) >= recorder->options->max_size)
    return HAT_STOP_SIZE;
  if (recorder->error)
    return HAT_STOP_WRITE;
  return HAT_STOP_NONE;
}

/* A program that is over at once is not worth it. */
static void
look_ahead_for_symbols (HatRecorder *recorder, gint64 now_ns)
{
  guint n, n_frames;
  const HatModule *modules = hat_trace_writer_modules (recorder->writer, &n);
  const HatFrame *frames = hat_trace_writer_frames (recorder->writer, &n_frames);

  if (now_ns < YOUNG_NS)
    return;
  for (; recorder->n_ahead < n; recorder->n_ahead++)
    hat_symbols_ahead_add (recorder->ahead, &modules[recorder->n_ahead]);
  hat_symbols_ahead_add_frames (recorder->ahead, modules, n, frames + recorder->n_frames_ahead, n_frames - recorder->n_frames_ahead);
  recorder->n_frames_ahead = n_frames;
}

typedef struct
{
  gint64 look, flush, status, clock; /* when each is due */
  gint64 wait_ns;
  gint64 alone_since; /* 0 = somebody runs */
  guint64 n_events, n_at_status;
  gint64 status_before;
} Pace;

static void
do_what_is_due (HatRecorder *recorder, Pace *pace, gint64 now_ns)
{
  if (now_ns >= pace->look)
    {
      pace->look = now_ns + LOOK_INTERVAL_NS;
      hat_images_look_around (recorder->images);
      hat_recorder_hear (recorder);
      answer_requests (recorder);
    }
  if (now_ns >= pace->flush && recorder->error == NULL)
    {
      pace->flush = now_ns + FLUSH_INTERVAL_NS;
      look_ahead_for_symbols (recorder, now_ns);
      hat_trace_writer_flush (recorder->writer, FALSE, &recorder->error);
    }
  if (now_ns >= pace->status)
    {
      const gint64 span = MAX (now_ns - pace->status_before, 1);
      send_status (recorder, now_ns, (pace->n_events - pace->n_at_status) * 1000 * MS / span);
      pace->n_at_status = pace->n_events;
      pace->status_before = now_ns;
      pace->status = now_ns + STATUS_INTERVAL_NS;
    }
  if (now_ns >= pace->clock)
    {
      pace->clock = now_ns + CLOCK_INTERVAL_NS;
      hat_clock_adjust (&recorder->clock);
    }
}

/* Whether the last process has ended. */
static gboolean
is_over (HatRecorder *recorder, Pace *pace, gint64 now_ns)
{
  if (!recorder->first_has_ended || hat_images_any_runs (recorder->images))
    {
      pace->alone_since = 0;
      return FALSE;
    }
  if (pace->alone_since == 0)
    pace->alone_since = now_ns;
  return !somebody_may_come (recorder, pace->alone_since, now_ns);
}

static void
run (HatRecorder *recorder)
{
  Pace pace = { .clock = CLOCK_INTERVAL_NS, .wait_ns = MS };

  while ((recorder->reason = reason_to_stop (recorder)) == HAT_STOP_NONE)
    {
      const guint32 bell = hat_session_bell (&recorder->session);
      if (!recorder->first_has_ended)
        {
          reap_first (recorder);
          pace.look = recorder->first_has_ended ? 0 : pace.look;
        }
      const guint64 n = hat_images_drain (recorder->images);
      if (recorder->snapshots)
        hat_snapshots_look (recorder->snapshots);
      const gint64 now_ns = hat_clock_ns (&recorder->clock, hat_clock_ticks ());
      pace.n_events += n;
      hat_own_heap_advise (&recorder->heap);
      do_what_is_due (recorder, &pace, now_ns);
      if (is_over (recorder, &pace, now_ns))
        {
          recorder->reason = HAT_STOP_ENDED;
          break;
        }
      const gint64 busy_wait_ns = recorder->control.fd < 0 ? UNSEEN_WAIT_NS : BUSY_WAIT_NS;
      pace.wait_ns = n > 0 ? busy_wait_ns : MIN (pace.wait_ns * 2, IDLE_WAIT_NS);
      hat_session_wait (&recorder->session, bell, pace.wait_ns);
    }
  recorder->stopped_ns = hat_clock_ns (&recorder->clock, hat_clock_ticks ());
  hat_stop_trace_end ();
  if (recorder->reason != HAT_STOP_ENDED)
    hat_session_stop (&recorder->session);
}

/* ---- ending ---- */

static int
exit_status (HatRecorder *recorder)
{
  if (leave_signal && !recorder->first_has_ended)
    return 128 + leave_signal;
  if (!recorder->first_has_ended)
    return 0;
  return WIFSIGNALED (recorder->wait_status) ? 128 + WTERMSIG (recorder->wait_status) : WEXITSTATUS (recorder->wait_status);
}

/* Recording is over, but whoever called us waits for the program's exit status. */
static void
wait_for_first (HatRecorder *recorder)
{
  while (!recorder->first_has_ended && !leave_signal && !recorder->wants_stop)
    {
      hat_recorder_hear (recorder);
      reap_first (recorder);
      if (!recorder->first_has_ended)
        g_usleep (10000);
    }
}

static void
clear (HatRecorder *recorder)
{
  bell_session = NULL;
  hat_requests_close (&recorder->requests);
  hat_snapshots_free (recorder->snapshots);
  hat_types_free (recorder->types);
  hat_symbols_ahead_free (recorder->ahead);
  hat_images_free (recorder->images);
  hat_stacks_free (recorder->stacks);
  hat_trace_writer_free (recorder->writer);
  hat_session_close (&recorder->session);
  hat_preflight_clear (&recorder->program);
  hat_control_close (&recorder->control);
  g_clear_error (&recorder->error);
  g_free (recorder->symbol_cache);
  g_free (recorder->output);
}

int
hat_record_run (const HatRecordOptions *options)
{
  HatRecorder recorder = { .options = options, .session.fd = -1, .launch.channel = -1 };
  g_autoptr (GError) error = NULL;
  int status = HAT_RECORD_FAILED;

  hat_control_open (&recorder.control, options->control_fd);
  if (start (&recorder, &status, &error))
    {
      run (&recorder);
      hat_recorder_finish (&recorder);
      wait_for_first (&recorder);
      status = exit_status (&recorder);
    }
  else
    {
      hat_launch_cancel (&recorder.launch);
      say_error (&recorder, error->message);
    }
  clear (&recorder);
  return status;
}
