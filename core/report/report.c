/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes and which range a report is about; the entry to text and JSON. */

#include "core/report/report-private.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"

#include <signal.h>
#include <string.h>

gboolean
hat_report_processes (HatTrace *trace, gint process, guint *out_first, guint *out_end, GError **error)
{
  guint n = hat_trace_n_processes (trace);
  if (process >= 0 && (guint) process >= n)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "there is no process %d, the recording has %u, counted from 0",
                   process, n);
      return FALSE;
    }
  *out_first = process < 0 ? 0 : process;
  *out_end = process < 0 ? n : (guint) process + 1;
  return TRUE;
}

gboolean
hat_report_time (const char *text, HatTrace *trace, guint process, gint64 *out_ns, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  if (hat_parse_time (text, trace, process, out_ns, &local_error))
    return TRUE;
  if (g_str_has_prefix (text, "mark:"))
    for (guint i = 0; i < hat_trace_n_processes (trace); i++)
      if (i != process && hat_parse_time (text, trace, i, out_ns, NULL))
        return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

gboolean
hat_report_range (HatHeap *heap, const char *from, const char *to, HatRange *out_range, GError **error)
{
  HatTrace *trace = hat_heap_trace (heap);
  guint process = hat_heap_process (heap);
  HatRange range = { hat_heap_start (heap), hat_heap_end (heap) };
  if (from && !hat_report_time (from, trace, process, &range.from, error))
    return FALSE;
  if (to && !hat_report_time (to, trace, process, &range.to, error))
    return FALSE;
  /* "end" is each process's own: what ended before FROM has an empty range, not a wrong one. */
  if (from && to && range.from > range.to && strcmp (to, "end") != 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "%s is after %s, give the earlier time first", from, to);
      return FALSE;
    }
  /* A process that lives in a part of the time only answers for that part. Its first event may be at its very start. */
  if (range.from <= hat_trace_process (trace, process)->start_ns)
    range.from = hat_heap_start (heap);
  range.from = CLAMP (range.from, hat_heap_start (heap), hat_heap_end (heap));
  range.to = CLAMP (range.to, range.from, hat_heap_end (heap));
  *out_range = range;
  return TRUE;
}

HatGraph *
hat_report_graph_of (HatHeap *heap, const HatSnapshotOptions *options, guint *out_index, const HatProgress *progress,
                     GError **error)
{
  HatTrace *trace = hat_heap_trace (heap);
  guint n;
  hat_trace_snapshots (trace, hat_heap_process (heap), &n);
  *out_index = options->index < 0 ? n - 1 : (guint) options->index;
  if (*out_index >= n)
    {
      if (hat_sample_bytes (trace) > 0)
        g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "process %u: " HAT_SAMPLE_HAS_NO_SNAPSHOT " Record without --sample",
                     hat_heap_process (heap));
      else if (n == 0)
        g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "process %u has no snapshot: what held what is not known, record it with one",
                     hat_heap_process (heap));
      else
        g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "there is no snapshot %d, process %u has %u, counted from 0",
                     options->index, hat_heap_process (heap), n);
      return NULL;
    }
  g_autoptr (HatGraphRules) rules = hat_graph_rules_new (trace);
  g_autofree char *text = NULL;
  g_autoptr (GError) local_error = NULL;
  if (options->rules && !g_file_get_contents (options->rules, &text, NULL, &local_error))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "rules: %s", local_error->message);
      return NULL;
    }
  if (text && !hat_graph_rules_add (rules, text, options->rules, error))
    return NULL;
  if (options->no_mappings)
    hat_graph_rules_leave_out (rules, HAT_ROOT_MAPPING);
  return hat_graph_new (heap, *out_index, rules, NULL, progress, error);
}

char *
hat_report_snapshot_text (const HatSnapshotInfo *info, guint index)
{
  g_autofree char *time = hat_format_time (info->time_ns);
  g_autofree char *pause = hat_format_time (info->pause_ns);
  return g_strdup_printf ("snapshot %u at %s (%s%s%s), the program stood still for %s", index, time,
                          hat_snapshot_reason_name (info->reason), info->detail ? " " : "", info->detail ? info->detail : "", pause);
}

const char *
hat_process_name (const HatProcess *process)
{
  const char *path = process->exe;
  if (path == NULL || *path == '\0')
    path = process->argv && process->argv[0] ? process->argv[0] : "?";
  const char *slash = strrchr (path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

const HatProcess *
hat_process_successor (HatTrace *trace, guint index)
{
  const HatProcess *process = hat_trace_process (trace, index);
  for (guint i = index + 1; i < hat_trace_n_processes (trace); i++)
    {
      const HatProcess *next = hat_trace_process (trace, i);
      if (next->parent == (gint) index && !next->is_fork && next->pid == process->pid)
        return next;
    }
  return NULL;
}

char *
hat_process_end (HatTrace *trace, guint index)
{
  const HatProcess *process = hat_trace_process (trace, index);
  const char *abbreviation = process->signal > 0 ? sigabbrev_np (process->signal) : NULL;
  if (abbreviation)
    return g_strdup_printf ("killed by SIG%s", abbreviation);
  if (process->signal > 0)
    return g_strdup_printf ("killed by signal %d", process->signal);
  if (process->exit_status >= 0)
    return g_strdup_printf ("exit status %d", process->exit_status);
  const HatProcess *next = hat_process_successor (trace, index);
  g_autofree char *name = next ? g_utf8_make_valid (hat_process_name (next), -1) : NULL;
  return name ? g_strdup_printf ("became %s", name) : g_strdup ("end not seen");
}

guint
hat_process_image (HatTrace *trace, guint process)
{
  guint image = 0;
  const HatProcess *p = hat_trace_process (trace, process);
  while (p->parent >= 0 && !p->is_fork)
    {
      const HatProcess *before = hat_trace_process (trace, p->parent);
      if (before->pid != p->pid || image > process)
        break;
      image++;
      p = before;
    }
  return image;
}

gboolean
hat_report (HatTrace *trace, const HatReportOptions *options, GString *out, const HatProgress *progress, GError **error)
{
  return options->json ? hat_report_json (trace, options, out, progress, error)
                       : hat_report_text (trace, options, out, progress, error);
}
