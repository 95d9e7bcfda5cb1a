/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas report` for people: what was recorded, then for each process its figures, its live bytes as a curve, and
 * who allocated, ranked by what people come for: the peak, the end, the number of allocations, and those that were
 * freed at once. */

#include "core/report/report-private.h"
#include "core/report/sampled.h"

#include "core/heap/format.h"
#include "core/report/plain-text.h"
#include "core/trace/snapshot.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TOP 10
#define FULL_PROCESSES 3 /* only the biggest are shown in full, unless --process asks for one */
#define FULL_SHARE 100   /* nor those with less than 1/100 of its peak: a wrapping shell says little */
#define LISTED_PROCESSES 30
#define LISTED_SNAPSHOTS 5
#define CHART_BINS 64
#define SITE_FRAMES 6

/* What the text of one process needs. */
typedef struct
{
  GString *out;
  HatTrace *trace;
  guint process;
  const HatReportOptions *options;
  HatHeap *heap; /* the caller's */
  HatRange range;
  HatTotals totals;
  HatGroups *groups;
} Section;

static void
section_clear (Section *section)
{
  g_clear_pointer (&section->groups, hat_groups_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Section, section_clear)

static guint
top_of (const HatReportOptions *options)
{
  return options->top < 0 ? DEFAULT_TOP : (guint) options->top;
}

/* ---- ranked tables ---- */

typedef struct
{
  HatCost cost;
  const char *title, *head, *second_head;
  gboolean second_is_bytes;
} Ranking;

static const Ranking rankings[] = {
  { HAT_COST_PEAK, "Live at the peak", "bytes", "blocks", FALSE },
  { HAT_COST_LIVE, "Live at the end", "bytes", "blocks", FALSE },
  { HAT_COST_ALLOCATIONS, "Most allocations", "number", "bytes", TRUE },
  { HAT_COST_TEMPORARY, "Freed at once", "number", "of all its", FALSE },
};

static guint64
second_figure (const HatSite *site, HatCost cost)
{
  switch (cost)
    {
    case HAT_COST_PEAK:
      return site->peak_blocks;
    case HAT_COST_LIVE:
      return site->live_blocks;
    case HAT_COST_ALLOCATIONS:
    case HAT_COST_ALLOCATED:
      return hat_site_cost (site, HAT_COST_ALLOCATED);
    case HAT_COST_TEMPORARY:
      return site->allocations + site->reallocations; /* the blocks it made */
    }
  g_assert_not_reached ();
}

static int
compare_groups (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatGroup *x = *(const HatGroup *const *) a, *y = *(const HatGroup *const *) b;
  const HatCost *cost = data;
  guint64 m = hat_site_cost (&x->costs, *cost), n = hat_site_cost (&y->costs, *cost);
  if (m != n)
    return m > n ? -1 : 1;
  m = second_figure (&x->costs, *cost), n = second_figure (&y->costs, *cost);
  return m != n ? (m > n ? -1 : 1) : strcmp (x->label, y->label);
}

/* The groups that cost something, most expensive first. Free with g_free. */
static const HatGroup **
ranked (const HatGroups *groups, HatCost cost, guint *out_n, guint64 *out_sum)
{
  const HatGroup **order = g_new (const HatGroup *, groups->n + 1);
  guint n = 0;
  guint64 sum = 0;
  for (guint i = 0; i < groups->n; i++)
    if (hat_site_cost (&groups->groups[i].costs, cost) > 0)
      {
        order[n++] = &groups->groups[i];
        sum += hat_site_cost (&groups->groups[i].costs, cost);
      }
  g_qsort_with_data (order, n, sizeof *order, compare_groups, &cost);
  *out_n = n;
  *out_sum = sum;
  return order;
}

/* Where the group allocates: one line of callers for a function, the stack for a site. */
static void
append_where (Section *section, const HatGroup *group)
{
  const guint indent = 12;
  if (section->options->by == HAT_BY_SITE)
    {
      hat_plain_stack (section->out, section->trace, group->costs.stack, indent, SITE_FRAMES);
      return;
    }
  guint n;
  g_autofree HatStackFrame *frames = hat_stack_frames (section->trace, group->costs.stack, &n);
  if (n == 0)
    return;
  guint own = hat_plain_own_frame (section->trace, group->costs.stack, frames, n);
  g_autofree char *location = hat_plain_location (&frames[own], 26);
  guint room = HAT_PLAIN_COLUMNS - indent - hat_plain_width (location) - 2;
  g_autofree char *callers = hat_plain_callers (frames, n, own + 1, room);
  if (*location || *callers)
    g_string_append_printf (section->out, "%*s%s%s%s\n", (int) indent, "", location, *location && *callers ? "  " : "",
                            callers);
}

static void
append_row (Section *section, const Ranking *ranking, const HatGroup *group, guint64 sum)
{
  GString *out = section->out;
  guint64 value = hat_site_cost (&group->costs, ranking->cost);
  guint64 second = second_figure (&group->costs, ranking->cost);
  if (hat_cost_is_bytes (ranking->cost))
    hat_plain_bytes_column (out, value, 11);
  else
    hat_plain_count_column (out, value, 11);
  hat_plain_percent_column (out, value, sum, 7);
  g_string_append (out, "  ");
  hat_plain_bar (out, value, sum, 8);
  if (ranking->second_is_bytes)
    hat_plain_bytes_column (out, second, 11);
  else
    hat_plain_count_column (out, second, 11);
  if (section->options->by != HAT_BY_SITE)
    {
      g_autofree char *label = hat_plain_function (group->label, HAT_PLAIN_COLUMNS - 41);
      g_string_append_printf (out, "  %s", label);
    }
  g_string_append_c (out, '\n');
  append_where (section, group);
}

/* "Live at the peak, 3.2 s: 93.1 MiB". */
static void
append_title (Section *section, const Ranking *ranking, guint64 sum)
{
  gboolean is_range = section->options->from || section->options->to || section->options->at;
  g_autofree char *amount = hat_cost_is_bytes (ranking->cost) ? hat_format_bytes (sum) : hat_format_count (sum);
  g_autofree char *peak = hat_format_time (section->totals.peak_time_ns);
  g_autofree char *to = hat_format_time (section->range.to);
  if (ranking->cost == HAT_COST_PEAK)
    g_string_append_printf (section->out, "\n%s, %s: %s\n", ranking->title, peak, amount);
  else if (ranking->cost == HAT_COST_LIVE && is_range)
    g_string_append_printf (section->out, "\nLive at %s: %s\n", to, amount);
  else if (ranking->cost == HAT_COST_TEMPORARY)
    {
      g_string_append_printf (section->out, "\n%s: %s (", ranking->title, amount);
      hat_plain_percent_column (section->out, sum, section->totals.allocations, 0);
      g_string_append (section->out, " of all allocations)\n");
    }
  else
    g_string_append_printf (section->out, "\n%s: %s\n", ranking->title, amount);
}

static void
append_ranking (Section *section, const Ranking *ranking)
{
  guint n;
  guint64 sum;
  g_autofree const HatGroup **order = ranked (section->groups, ranking->cost, &n, &sum);
  if (n == 0)
    return;
  append_title (section, ranking, sum);
  hat_plain_column (section->out, ranking->head, 11);
  hat_plain_column (section->out, "share", 7);
  g_string_append_printf (section->out, "%*s", 10, "");
  hat_plain_column (section->out, ranking->second_head, 11);
  g_string_append (section->out, section->options->by == HAT_BY_SITE ? "\n" : "  function\n");

  guint shown = MIN (n, top_of (section->options));
  for (guint i = 0; i < shown; i++)
    append_row (section, ranking, order[i], sum);
  if (shown < n)
    {
      guint64 rest = 0;
      for (guint i = shown; i < n; i++)
        rest += hat_site_cost (&order[i]->costs, ranking->cost);
      if (hat_cost_is_bytes (ranking->cost))
        hat_plain_bytes_column (section->out, rest, 11);
      else
        hat_plain_count_column (section->out, rest, 11);
      hat_plain_percent_column (section->out, rest, sum, 7);
      g_string_append_printf (section->out, "%23s%u more %s%s\n", "", n - shown,
                              section->options->by == HAT_BY_SITE ? "site" : "function", hat_plural (n - shown));
    }
}

/* ---- one table of all figures, for groups without a stack of their own ---- */

static gint
size_rank (const HatGroup *group)
{
  for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
    if (g_str_equal (group->label, hat_size_class_label (i)))
      return i;
  return HAT_SIZE_CLASSES;
}

static int
compare_sizes (gconstpointer a, gconstpointer b)
{
  return size_rank (*(const HatGroup *const *) a) - size_rank (*(const HatGroup *const *) b);
}

static void
append_table (Section *section)
{
  GString *out = section->out;
  HatCost cost = section->options->by == HAT_BY_MODULE ? HAT_COST_PEAK : HAT_COST_ALLOCATIONS;
  g_autofree const HatGroup **order = g_new (const HatGroup *, section->groups->n + 1);
  guint n = section->groups->n;
  guint64 sum = 0;
  for (guint i = 0; i < n; i++)
    {
      order[i] = &section->groups->groups[i];
      sum += hat_site_cost (&order[i]->costs, cost);
    }
  if (section->options->by == HAT_BY_SIZE)
    qsort (order, n, sizeof *order, compare_sizes);
  else
    g_qsort_with_data (order, n, sizeof *order, compare_groups, &cost);

  g_string_append_printf (out, "\nBy %s\n", hat_grouping_name (section->options->by));
  if (section->options->by == HAT_BY_TYPE && hat_type_n_keys (section->trace) <= 2)
    g_string_append (out, "  no types are known: record with snapshots a program that was compiled with -g, or install its debug package\n");
  const int width = section->options->by == HAT_BY_TYPE ? 44 : 19;
  g_string_append_printf (out, "  %-*s %10s %6s %9s %9s %9s %9s\n", width, "", "allocations", "share", "at peak", "live",
                          "blocks", "at once");
  guint shown = section->options->top < 0 ? n : MIN (n, top_of (section->options));
  for (guint i = 0; i < shown; i++)
    {
      const HatSite *costs = &order[i]->costs;
      gboolean is_path = section->options->by == HAT_BY_MODULE;
      g_autofree char *base = is_path ? g_path_get_basename (order[i]->label) : g_strdup (order[i]->label);
      g_autofree char *label = hat_plain_name (base, width);
      g_string_append (out, "  ");
      hat_plain_column (out, label, -width);
      hat_plain_count_column (out, hat_site_cost (costs, HAT_COST_ALLOCATIONS), 12);
      hat_plain_percent_column (out, hat_site_cost (costs, cost), sum, 7);
      hat_plain_bytes_column (out, costs->peak_bytes, 10);
      hat_plain_bytes_column (out, costs->live_bytes, 10);
      hat_plain_count_column (out, costs->live_blocks, 10);
      hat_plain_count_column (out, costs->temporary, 10);
      g_string_append_c (out, '\n');
    }
  if (shown < n)
    g_string_append_printf (out, "  and %u more\n", n - shown);
}

/* ---- a process ---- */

/* Only if some stacks are not whole, in the process' whole life. */
static void
append_stack_quality (Section *section)
{
  const HatSummary *summary = hat_heap_summary (section->heap);
  g_auto (HatStackQuality) quality = hat_stack_quality (section->trace, summary->sites, summary->n_sites);
  guint n_modules, worst = 0;
  const HatModule *modules = hat_trace_modules (section->trace, &n_modules);

  for (guint i = 0; i <= n_modules; i++)
    if (quality.truncated_in[i] > quality.truncated_in[worst])
      worst = i;
  if (quality.truncated > 0)
    {
      g_autofree char *truncated = hat_format_count (quality.truncated), *all = hat_format_count (quality.truncated + quality.complete);
      g_autofree char *base = worst < n_modules ? g_path_get_basename (modules[worst].path) : NULL;
      g_autofree char *module = base ? hat_plain_name (base, 30) : g_strdup ("code of no file, such as a JIT makes");
      hat_plain_field (section->out, "stacks", "%s of %s end too early, most in %s", truncated, all, module);
    }
  if (quality.through_unknown > 0)
    {
      g_autofree char *through = hat_format_count (quality.through_unknown);
      hat_plain_field (section->out, quality.truncated > 0 ? "" : "stacks", "%s pass through code of no file, and may lack callers there", through);
    }
}

static void
append_figures (Section *section)
{
  GString *out = section->out;
  const HatTotals *totals = &section->totals;
  g_autofree char *allocations = hat_format_count (totals->allocations);
  g_autofree char *reallocations = hat_format_count (totals->reallocations);
  g_autofree char *frees = hat_format_count (totals->frees);
  g_autofree char *allocated = hat_format_bytes (totals->bytes_allocated);
  g_autofree char *peak = hat_format_bytes (totals->peak_bytes);
  g_autofree char *peak_time = hat_format_time (totals->peak_time_ns);
  g_autofree char *live = hat_format_bytes (totals->live_bytes);
  g_autofree char *blocks = hat_format_count (totals->live_blocks);
  g_autofree char *to = hat_format_time (section->range.to);
  hat_plain_field (out, "calls", "%s allocation%s, %s reallocation%s, %s free%s", allocations,
                   totals->allocations == 1 ? "" : "s", reallocations, totals->reallocations == 1 ? "" : "s", frees,
                   totals->frees == 1 ? "" : "s");
  hat_plain_field (out, "allocated", "%s altogether", allocated);
  if (totals->inherited_blocks > 0)
    {
      g_autofree char *inherited = hat_format_bytes (totals->inherited_bytes);
      g_autofree char *inherited_blocks = hat_format_count (totals->inherited_blocks);
      hat_plain_field (out, "inherited", "%s in %s blocks, from process %d", inherited, inherited_blocks,
                      hat_trace_process (section->trace, section->process)->parent);
    }
  if (totals->peak_bytes > 0)
    hat_plain_field (out, "peak", "%s at %s", peak, peak_time);
  else
    hat_plain_field (out, "peak", "nothing was ever live");
  hat_plain_field (out, section->options->at || section->options->to ? "live then" : "live at end",
                   "%s in %s block%s at %s", live, blocks, totals->live_blocks == 1 ? "" : "s", to);
  if (totals->temporary > 0)
    {
      g_autofree char *temporary = hat_format_count (totals->temporary);
      g_autoptr (GString) share = g_string_new (NULL);
      hat_plain_percent_column (share, totals->temporary, totals->allocations, 0);
      hat_plain_field (out, "temporary", "%s of all allocations (%s) were freed at once", share->str, temporary);
    }
  if (totals->unknown_frees > 0)
    {
      g_autofree char *unknown = hat_format_count (totals->unknown_frees);
      hat_plain_field (out, "unknown", "%s frees of blocks whose allocation was not seen", unknown);
    }
  if (totals->missed_frees > 0)
    {
      g_autofree char *missed = hat_format_count (totals->missed_frees);
      hat_plain_field (out, "unseen", "%s frees, known only because the addresses were handed out again", missed);
    }
  append_stack_quality (section);
  if (totals->lost_events > 0)
    {
      g_autofree char *lost = hat_format_count (totals->lost_events);
      hat_plain_field (out, "LOST", "%s events could not be recorded: the figures are too low", lost);
    }
}

static gboolean
append_chart (Section *section, const HatProgress *progress, GError **error)
{
  if (section->totals.peak_bytes == 0 || section->range.to <= section->range.from)
    return TRUE;
  g_autoptr (HatTimeline) timeline = hat_heap_timeline (section->heap, section->range, CHART_BINS, HAT_BY_NONE,
                                                        progress, error);
  if (timeline == NULL)
    return FALSE;
  g_string_append_c (section->out, '\n');
  hat_plain_chart (section->out, timeline);
  return TRUE;
}

static void
append_snapshots (Section *section)
{
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (section->trace, section->process, &n);

  for (guint i = 0; i < n && i < LISTED_SNAPSHOTS; i++)
    {
      g_autofree char *time = hat_format_time (infos[i].time_ns), *pause = hat_format_time (infos[i].pause_ns);
      g_autofree char *bytes = hat_format_bytes (infos[i].read_bytes);
      g_autofree char *detail_raw = infos[i].detail ? g_strdup_printf (" %s", infos[i].detail) : g_strdup ("");
      g_autofree char *detail = hat_plain_name (detail_raw, 20);
      hat_plain_field (section->out, i == 0 ? "snapshots" : "", "%s%s at %s: paused %s, %s read%s", hat_snapshot_reason_name (infos[i].reason),
                       detail, time, pause, bytes, infos[i].is_windowed ? "; too big to copy, so paused longer" : "");
    }
  if (n > LISTED_SNAPSHOTS)
    hat_plain_field (section->out, "", "and %u more", n - LISTED_SNAPSHOTS);
}

static void
append_heading (Section *section)
{
  const HatProcess *process = hat_trace_process (section->trace, section->process);
  guint n_threads;
  hat_trace_threads (section->trace, section->process, &n_threads);
  g_autofree char *name = hat_plain_name (hat_process_name (process), 24);
  g_autofree char *end_raw = hat_process_end (section->trace, section->process);
  g_autofree char *end = hat_plain_name (end_raw, 30);
  g_string_append_printf (section->out, "\nProcess %u: %s (pid %u), %s\n", section->process, name, process->pid, end);
  g_autofree char *command = hat_plain_command (process->argv, HAT_PLAIN_COLUMNS - 14);
  if (*command)
    hat_plain_field (section->out, "command", "%s", command);
  g_autofree char *from = hat_format_time (MAX (section->range.from, 0));
  g_autofree char *to = hat_format_time (section->range.to);
  hat_plain_field (section->out, "time", "%s to %s, %u thread%s", from, to, n_threads, n_threads == 1 ? "" : "s");
  append_snapshots (section);
  if (process->provider && *process->provider == 0)
    hat_plain_field (section->out, "UNSEEN", "it has a malloc of its own that could not be recorded");
  if (process->disarmed_ns >= 0)
    {
      g_autofree char *disarmed = hat_format_time (process->disarmed_ns);
      hat_plain_field (section->out, "STOPPED", "recording stopped at %s, before the process did", disarmed);
    }
}

static gboolean
append_sampled (Section *section, const HatReportOptions *options, const HatProgress *progress, GError **error)
{
  g_autoptr (HatSites) sites = hat_heap_sites (section->heap, section->range, progress, error);
  section->groups = sites ? hat_heap_groups (section->heap, section->range, options->by, progress, error) : NULL;
  if (section->groups == NULL)
    return FALSE;
  append_heading (section);
  hat_sampled_text (section->out, section->trace, sites, section->groups, options->by, options->top < 0 ? 10 : (guint) options->top);
  return TRUE;
}

static gboolean
append_process (GString *out, HatHeap *heap, const HatReportOptions *options, const HatProgress *progress,
                GError **error)
{
  g_auto (Section) section = { .out = out, .heap = heap, .options = options };
  section.trace = hat_heap_trace (heap);
  section.process = hat_heap_process (heap);
  if (!hat_report_range (section.heap, options->from, options->at ? options->at : options->to, &section.range, error))
    return FALSE;
  if (hat_sample_bytes (section.trace) > 0)
    return append_sampled (&section, options, progress, error);
  if (!hat_heap_totals (section.heap, section.range, &section.totals, progress, error))
    return FALSE;
  section.groups = hat_heap_groups (section.heap, section.range, options->by, progress, error);
  if (section.groups == NULL)
    return FALSE;
  append_heading (&section);
  append_figures (&section);
  if (!append_chart (&section, progress, error))
    return FALSE;
  if (options->by != HAT_BY_FUNCTION && options->by != HAT_BY_SITE)
    append_table (&section);
  else
    for (guint i = 0; i < G_N_ELEMENTS (rankings); i++)
      append_ranking (&section, &rankings[i]);
  return TRUE;
}

/* ---- all processes ---- */

typedef struct
{
  guint index;
  HatHeap *heap;
} Entry;

static void
entry_clear (gpointer data)
{
  hat_heap_unref (((Entry *) data)->heap);
}

static guint64
entry_peak (const Entry *entry)
{
  return hat_heap_summary (entry->heap)->totals.peak_bytes;
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *x = a, *y = b;
  if (entry_peak (x) != entry_peak (y))
    return entry_peak (x) > entry_peak (y) ? -1 : 1;
  return x->index < y->index ? -1 : 1;
}

static void
append_entry (GString *out, HatTrace *trace, const Entry *entry)
{
  const HatProcess *process = hat_trace_process (trace, entry->index);
  g_autofree char *name = hat_plain_name (hat_process_name (process), 19);
  g_autofree char *end_raw = hat_process_end (trace, entry->index);
  g_autofree char *end = hat_plain_name (end_raw, 18);
  g_string_append_printf (out, "%5u %7u  ", entry->index, process->pid);
  hat_plain_column (out, name, -19);
  hat_plain_count_column (out, process->n_events, 12);
  if (process->provider && *process->provider == 0)
    hat_plain_column (out, "unseen", 10);
  else
    hat_plain_bytes_column (out, entry_peak (entry), 10);
  g_string_append_printf (out, "  %s\n", end);
}

/* Lists the processes and moves the biggest to the front of `entries`; returns how many are to be shown in full. */
static guint
append_process_list (GString *out, HatTrace *trace, GArray *entries)
{
  g_string_append_printf (out, "\n%5s %7s  %-19s%12s%10s  %s\n", "#", "pid", "program", "events", "peak", "end");
  for (guint i = 0; i < entries->len && i < LISTED_PROCESSES; i++)
    append_entry (out, trace, &g_array_index (entries, Entry, i));
  if (entries->len > LISTED_PROCESSES)
    g_string_append_printf (out, "      and %u more; --json lists all\n", entries->len - LISTED_PROCESSES);
  g_array_sort (entries, compare_entries);
  guint n = 1;
  guint64 least = entry_peak (&g_array_index (entries, Entry, 0)) / FULL_SHARE;
  while (n < MIN (entries->len, FULL_PROCESSES) && entry_peak (&g_array_index (entries, Entry, n)) >= least)
    n++;
  if (n < entries->len)
    g_string_append_printf (out, "\nIn full, the biggest; --process N shows another one:\n");
  return n;
}

static GArray *
collect_entries (HatTrace *trace, guint first, guint end, const HatProgress *progress, GError **error)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  g_array_set_clear_func (entries, entry_clear);
  for (guint i = first; i < end; i++)
    {
      const Entry entry = { i, hat_heap_new (trace, i, progress, error) };
      if (entry.heap == NULL)
        return NULL;
      g_array_append_val (entries, entry);
    }
  return g_steal_pointer (&entries);
}

static void
append_header (GString *out, HatTrace *trace)
{
  guint n = hat_trace_n_processes (trace);
  guint64 events = 0, lost = 0;
  for (guint i = 0; i < n; i++)
    {
      events += hat_trace_process (trace, i)->n_events;
      lost += hat_trace_process (trace, i)->lost_events;
    }
  g_autofree char *duration = hat_format_time (hat_trace_duration_ns (trace));
  g_autofree char *events_text = hat_format_count (events);
  g_autofree char *lost_text = hat_format_count (lost);
  g_autofree char *bytes = hat_format_bytes (hat_trace_bytes (trace));
  g_autofree char *path = hat_plain_name (hat_trace_path (trace), HAT_PLAIN_COLUMNS - 10 - strlen (bytes));
  g_string_append_printf (out, "%s (%s)\n", path, bytes);
  hat_plain_field (out, "recorded", "%s, %u process%s, %s events, %s lost", duration, n, n == 1 ? "" : "es",
                   events_text, lost_text);
  if (!hat_trace_is_complete (trace))
    {
      const char *damage = hat_trace_damage (trace);
      g_autofree char *shown = hat_plain_name (damage ? damage : "the recording did not end properly", 400);
      hat_plain_field (out, "INCOMPLETE", "%s", shown);
    }
}

gboolean
hat_report_text (HatTrace *trace, const HatReportOptions *options, GString *out, const HatProgress *progress,
                 GError **error)
{
  guint first, end;
  if (!hat_report_processes (trace, options->process, &first, &end, error))
    return FALSE;
  HatReportOptions effective = *options;
  if (effective.by == HAT_BY_NONE)
    effective.by = HAT_BY_FUNCTION;

  append_header (out, trace);
  g_autoptr (GArray) entries = collect_entries (trace, first, end, progress, error);
  if (entries == NULL)
    return FALSE;
  guint shown = entries->len > 1 ? append_process_list (out, trace, entries) : entries->len;
  for (guint i = 0; i < shown; i++)
    if (!append_process (out, g_array_index (entries, Entry, i).heap, &effective, progress, error))
      return FALSE;
  return TRUE;
}
