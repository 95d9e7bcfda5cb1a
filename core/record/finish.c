/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a recording: the last events, symbols, footer, and what is said about it. */

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/heap/format.h"
#include "core/record/record-private.h"
#include "core/symbols/symbols.h"

typedef struct
{
  HatRecorder *recorder;
  gboolean shows; /* on the terminal */
  gint64 next_us;
} Progress;

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  Progress *progress = data;
  HatRecorder *recorder = progress->recorder;

  hat_recorder_hear (recorder);
  if (recorder->wants_cancel || hat_recorder_was_interrupted ())
    return FALSE;
  if (g_get_monotonic_time () < progress->next_us)
    return TRUE;
  progress->next_us = g_get_monotonic_time () + 50000;
  hat_control_send (&recorder->control, FALSE, "progress share=%.3f what=%s", share, what);
  if (progress->shows)
    fprintf (stderr, "\rheapatlas: %s: %.0f %% ", what, share * 100);
  return TRUE;
}

/* The types of blocks by their stacks. */
static GArray *
type_stacks (HatRecorder *recorder, const HatProgress *progress)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (HatStackType));
  const GByteArray *sites = hat_images_sites (recorder->images);
  guint n_nodes, n;
  g_autofree HatStackNode *nodes = hat_stacks_nodes (recorder->stacks, &n_nodes);
  const HatModule *modules = hat_trace_writer_modules (recorder->writer, &n);
  const HatFrame *all = hat_trace_writer_frames (recorder->writer, &n);

  for (HatStackId stack = 2; stack < MIN (sites->len, n_nodes); stack++)
    {
      HatFrame frames[HAT_STACK_INNER_FRAMES];
      if (!sites->data[stack])
        continue;
      if (stack % 256 == 0 && !hat_progress_tick (progress, (double) stack / sites->len, "reading types", NULL))
        break;
      const guint n_frames = hat_stack_inner_frames (nodes, all, stack, frames);
      HatStackType type = { stack, hat_types_of_stack (recorder->types, modules, frames, n_frames) };
      type.type.type = hat_types_keep (recorder->types, type.type.type);
      if (type.type.type != HAT_TYPE_VOID)
        g_array_append_val (found, type);
    }
  return found;
}

static void
add_types (HatRecorder *recorder, const HatProgress *progress)
{
  g_autoptr (GArray) stacks = type_stacks (recorder, progress);
  g_autoptr (HatKeptTypes) kept = hat_types_take_kept (recorder->types);

  if (kept)
    hat_trace_writer_add_types (recorder->writer, kept->types, kept->n);
  if (stacks->len > 0)
    hat_trace_writer_add_stack_types (recorder->writer, (const HatStackType *) (gpointer) stacks->data, stacks->len);
}

/* Without symbols the trace is still whole: whoever opens it looks them up. */
static void
add_symbols (HatRecorder *recorder)
{
  Progress progress = { recorder, !recorder->options->quiet && isatty (STDERR_FILENO), g_get_monotonic_time () + 300000 };
  const HatProgress callback = { on_progress, &progress };
  guint n_modules, n_frames;
  const HatModule *modules = hat_trace_writer_modules (recorder->writer, &n_modules);
  const HatFrame *frames = hat_trace_writer_frames (recorder->writer, &n_frames);

  if (recorder->first_has_ended)
    hat_recorder_let_interrupt ();
  const HatSymbolOptions options = { .ahead = recorder->ahead, .cache = recorder->symbol_cache };
  g_autoptr (HatSymbols) symbols = hat_symbols_resolve (modules, n_modules, frames, n_frames, &options, &callback, NULL);
  if (symbols)
    {
      hat_trace_writer_add_symbols (recorder->writer, symbols);
      /* Reading types takes as long as all else at the end: who wants no snapshot wants a fast recorder. */
      if (recorder->snapshots)
        add_types (recorder, &callback);
    }
  if (progress.shows)
    fprintf (stderr, "\r\033[K");
}

/* What the program's files say of its leaks and pointers. */
static void
add_program_notes (HatRecorder *recorder)
{
  static const char *const keys[] = { [HAT_PROGRAM_SUPPRESSIONS] = HAT_NOTE_PROGRAM_SUPPRESSIONS, [HAT_PROGRAM_WEAK] = HAT_NOTE_PROGRAM_WEAK };
  guint n;
  const HatModule *modules = hat_trace_writer_modules (recorder->writer, &n);
  char *texts[HAT_N_PROGRAM_NOTES];

  hat_program_notes (modules, n, texts);
  for (guint i = 0; i < HAT_N_PROGRAM_NOTES; i++)
    {
      if (texts[i] && keys[i])
        hat_trace_writer_add_note (recorder->writer, keys[i], texts[i]);
      g_free (texts[i]);
    }
}

/* A program in which the hook never ran still is a process of the trace. */
static void
add_unseen_process (HatRecorder *recorder)
{
  const HatProcess process = {
    .pid = recorder->launch.pid,
    .parent = -1,
    .exe = recorder->program.path,
    .argv = recorder->options->argv,
    .provider = "",
    .end_ns = -1,
    .exit_status = -1,
    .first_block = 1,
    .disarmed_ns = -1,
  };
  HatProcess end = process;

  hat_trace_writer_add_process (recorder->writer, &process);
  if (recorder->first_has_ended)
    {
      end.end_ns = recorder->stopped_ns;
      end.exit_status = WIFEXITED (recorder->wait_status) ? WEXITSTATUS (recorder->wait_status) : -1;
      end.signal = WIFSIGNALED (recorder->wait_status) ? WTERMSIG (recorder->wait_status) : 0;
    }
  hat_trace_writer_end_process (recorder->writer, 0, &end);
}

static char *
describe_snapshots (HatRecorder *recorder)
{
  const HatSnapshotsTotals *totals = recorder->snapshots ? hat_snapshots_totals (recorder->snapshots) : NULL;

  if (totals == NULL || totals->n + totals->n_skipped == 0)
    return g_strdup ("");
  g_autofree char *pause = hat_format_time (totals->longest_ns), *bytes = hat_format_bytes (totals->read_bytes);
  g_autofree char *skipped = totals->n_skipped ? g_strdup_printf (", %u skipped", totals->n_skipped) : g_strdup ("");
  return g_strdup_printf (" %u snapshot%s (paused %s, %s read%s);", totals->n, totals->n == 1 ? "" : "s", pause, bytes, skipped);
}

static char *
describe_recording (HatRecorder *recorder)
{
  const guint n = hat_images_n (recorder->images);
  guint64 events = 0, lost = 0;
  const HatImageInfo *heaviest = NULL;

  for (guint i = 0; i < n; i++)
    {
      const HatImageInfo *info = hat_images_get (recorder->images, i);
      events += info->n_events;
      lost += info->totals.lost_events;
      if (heaviest == NULL || info->totals.peak_bytes > heaviest->totals.peak_bytes)
        heaviest = info;
    }
  if (heaviest == NULL)
    return g_strdup ("no allocation was seen");

  g_autofree char *count = hat_format_count (events), *peak = hat_format_bytes (heaviest->totals.peak_bytes);
  g_autofree char *live = hat_format_bytes (heaviest->totals.live_bytes), *blocks = hat_format_count (heaviest->totals.live_blocks);
  g_autofree char *missing = hat_format_count (lost), *size = hat_format_bytes (hat_trace_writer_bytes (recorder->writer));
  g_autofree char *processes = n > 1 ? g_strdup_printf (" in %u processes; %s", n, heaviest->name) : g_strdup ("");
  g_autofree char *snapshots = describe_snapshots (recorder);
  return g_strdup_printf ("%s events%s: peak %s, %s in %s blocks live at the end; %s lost;%s %s", count, processes, peak, live, blocks, missing,
                          snapshots, size);
}

/* The last line: how it went, and if it went wrong, from when on. */
static void
say_how_it_went (HatRecorder *recorder, gboolean is_written)
{
  g_autofree char *what = describe_recording (recorder), *when = hat_format_time (recorder->stopped_ns);
  g_autofree char *line = NULL;

  if (!is_written)
    {
      line = g_strdup_printf ("%s; recording ended after %s, %s", recorder->error->message, when,
                              recorder->reason == HAT_STOP_WRITE ? "the program runs on" : "what was written before can be opened");
      hat_recorder_say ("%s", line);
      hat_control_send (&recorder->control, TRUE, "error %s", line);
      return;
    }
  switch (recorder->reason)
    {
    case HAT_STOP_SIZE:
      line = g_strdup_printf ("%s; recording stopped after %s, because the trace has its maximal size; the program runs on", what, when);
      break;
    case HAT_STOP_COMMAND:
    case HAT_STOP_SIGNAL:
      line = g_strdup_printf ("%s; recording stopped after %s, the program runs on", what, when);
      break;
    case HAT_STOP_NONE:
    case HAT_STOP_ENDED:
    case HAT_STOP_WRITE:
      line = g_strdup (what);
      break;
    }
  if (!recorder->options->quiet)
    hat_recorder_say ("%s", line);
  hat_control_send (&recorder->control, TRUE, "done path=%s", recorder->output);
}

static void
note_snapshots (HatRecorder *recorder)
{
  const HatSnapshotsTotals *totals = hat_snapshots_totals (recorder->snapshots);
  g_autofree char *skipped = g_strdup_printf ("%u", totals->n_skipped), *memory = g_strdup_printf ("%" G_GUINT64_FORMAT, totals->peak_bytes);

  if (totals->n_skipped > 0)
    hat_trace_writer_add_note (recorder->writer, "snapshots.skipped", skipped);
  if (totals->n > 0)
    hat_trace_writer_add_note (recorder->writer, "snapshots.memory", memory);
}

void
hat_recorder_finish (HatRecorder *recorder)
{
  gboolean is_written;

  if (recorder->snapshots)
    {
      hat_snapshots_finish (recorder->snapshots);
      note_snapshots (recorder);
    }
  hat_images_finish (recorder->images, recorder->reason != HAT_STOP_ENDED);
  if (hat_images_n (recorder->images) == 0)
    add_unseen_process (recorder);
  /* The last events are written while symbols are looked up. */
  if (recorder->error == NULL)
    hat_trace_writer_flush (recorder->writer, FALSE, &recorder->error);
  if (recorder->error == NULL)
    {
      add_program_notes (recorder);
      add_symbols (recorder);
    }
  g_autoptr (GError) error = NULL;
  is_written = hat_trace_writer_finish (recorder->writer, recorder->stopped_ns, recorder->error ? &error : &recorder->error);
  say_how_it_went (recorder, is_written && recorder->error == NULL);
}
