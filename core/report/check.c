/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas check`: what a trace file holds, and whether it is whole. */

#include "core/report/report-private.h"

#include "core/heap/format.h"
#include "core/report/plain-text.h"
#include "core/trace/snapshot.h"

static void
field_count (GString *out, const char *label, guint64 count)
{
  g_autofree char *text = hat_format_count (count);
  hat_plain_field (out, label, "%s", text);
}

static void
append_processes (GString *out, HatTrace *trace)
{
  guint n = hat_trace_n_processes (trace);
  guint64 events = 0, chunks = 0, samples = 0, marks = 0, snapshots = 0, lost = 0;
  guint n_summaries = 0;
  for (guint i = 0; i < n; i++)
    {
      const HatProcess *process = hat_trace_process (trace, i);
      guint n_chunks, n_samples, n_marks, n_snapshots;
      hat_trace_chunks (trace, i, &n_chunks);
      hat_trace_samples (trace, i, &n_samples);
      hat_trace_marks (trace, i, &n_marks);
      hat_trace_snapshots (trace, i, &n_snapshots);
      events += process->n_events;
      lost += process->lost_events;
      chunks += n_chunks;
      samples += n_samples;
      marks += n_marks;
      snapshots += n_snapshots;
      n_summaries += hat_trace_summary (trace, i) != NULL;
    }
  g_autofree char *events_text = hat_format_count (events);
  g_autofree char *chunks_text = hat_format_count (chunks);
  field_count (out, "processes", n);
  hat_plain_field (out, "events", "%s in %s chunk%s", events_text, chunks_text, chunks == 1 ? "" : "s");
  if (events > 0)
    hat_plain_field (out, "density", "%.2f bytes per event, all included", (double) hat_trace_bytes (trace) / events);
  field_count (out, "lost events", lost);
  field_count (out, "marks", marks);
  field_count (out, "snapshots", snapshots);
  field_count (out, "samples", samples);
  if (n_summaries == n)
    hat_plain_field (out, "summaries", "of all processes");
  else
    hat_plain_field (out, "summaries", "of %u of %u processes; the others are counted on opening", n_summaries, n);
}

static void
append_contents (GString *out, HatTrace *trace)
{
  guint n_modules, n_frames, n_stacks;
  hat_trace_modules (trace, &n_modules);
  hat_trace_frames (trace, &n_frames);
  hat_trace_stacks (trace, &n_stacks);
  g_autofree char *bytes = hat_format_bytes (hat_trace_bytes (trace));
  g_autofree char *duration = hat_format_time (hat_trace_duration_ns (trace));
  g_autofree char *frames = hat_format_count (n_frames);
  g_autofree char *stacks = hat_format_count (n_stacks > 2 ? n_stacks - 2 : 0);
  g_autofree char *path = hat_plain_name (hat_trace_path (trace), HAT_PLAIN_COLUMNS);
  g_string_append_printf (out, "%s\n", path);
  hat_plain_field (out, "recording", "%s", hat_trace_id (trace));
  hat_plain_field (out, "size", "%s", bytes);
  hat_plain_field (out, "duration", "%s", duration);
  append_processes (out, trace);
  field_count (out, "modules", n_modules);
  hat_plain_field (out, "stacks", "%s nodes of %s code locations", stacks, frames);
  hat_plain_field (out, "symbols", "%s",
                   hat_trace_has_symbols (trace) ? "inside" : "not inside; looked up on opening");
}

gboolean
hat_report_check (HatTrace *trace, GString *out, const HatProgress *progress, GError **error)
{
  append_contents (out, trace);
  g_autoptr (GError) local_error = NULL;
  if (!hat_trace_check (trace, progress, &local_error))
    {
      if (!g_error_matches (local_error, HAT_ERROR, HAT_ERROR_CANCELLED))
        hat_plain_field (out, "state", "damaged");
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (!hat_trace_is_complete (trace))
    {
      const char *damage = hat_trace_damage (trace);
      hat_plain_field (out, "state", "incomplete; what it holds is sound");
      g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "%s", damage ? damage : "the recording did not end properly");
      return FALSE;
    }
  hat_plain_field (out, "state", "whole: every checksum and every event is right");
  return TRUE;
}
