/* SPDX-License-Identifier: Apache-2.0 */
/* `report --json`: the keys are a contract, see the man page. */

#include "core/report/report-private.h"
#include "core/trace/type-table.h"
#include "core/report/sampled.h"

#include <stdlib.h>

void
hat_report_json_stack (HatJson *json, const char *name, HatTrace *trace, HatStackId stack)
{
  guint n;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n);
  hat_json_begin_array (json, name);
  for (guint i = 0; i < n; i++)
    {
      hat_json_begin_object (json, NULL);
      hat_json_string (json, "function", frames[i].function);
      hat_json_string (json, "module", frames[i].module);
      hat_json_string (json, "file", frames[i].file);
      hat_json_uint (json, "line", frames[i].line);
      hat_json_boolean (json, "inline", frames[i].is_inline);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
}

/* A sample does not tell what came next. */
static void
write_temporary (HatJson *json, guint64 temporary, gboolean is_sampled)
{
  if (is_sampled)
    hat_json_null (json, "temporary");
  else
    hat_json_uint (json, "temporary", temporary);
}

static void
write_totals (HatJson *json, const HatTotals *totals, gboolean is_sampled)
{
  hat_json_begin_object (json, "totals");
  hat_json_uint (json, "allocations", totals->allocations);
  hat_json_uint (json, "frees", totals->frees);
  hat_json_uint (json, "reallocations", totals->reallocations);
  hat_json_uint (json, "bytes_allocated", totals->bytes_allocated);
  hat_json_uint (json, "bytes_freed", totals->bytes_freed);
  hat_json_int (json, "realloc_delta_bytes", totals->realloc_delta_bytes);
  hat_json_uint (json, "inherited_blocks", totals->inherited_blocks);
  hat_json_uint (json, "inherited_bytes", totals->inherited_bytes);
  hat_json_uint (json, "live_blocks", totals->live_blocks);
  hat_json_uint (json, "live_bytes", totals->live_bytes);
  hat_json_uint (json, "peak_bytes", totals->peak_bytes);
  hat_json_int (json, "peak_time_ns", totals->peak_time_ns);
  write_temporary (json, totals->temporary, is_sampled);
  hat_json_uint (json, "unknown_frees", totals->unknown_frees);
  hat_json_uint (json, "missed_frees", totals->missed_frees);
  hat_json_uint (json, "lost_events", totals->lost_events);
  hat_json_end_object (json);
}

/* The figures of a site or a group; `variance`: of a sample, else NULL. */
static void
write_costs (HatJson *json, const HatSite *site, const HatSiteVariance *variance)
{
  hat_json_uint (json, "allocations", site->allocations);
  hat_json_uint (json, "bytes", site->bytes);
  hat_json_uint (json, "frees", site->frees);
  hat_json_uint (json, "reallocations", site->reallocations);
  hat_json_int (json, "realloc_delta_bytes", site->realloc_delta_bytes);
  hat_json_uint (json, "live_blocks", site->live_blocks);
  hat_json_uint (json, "live_bytes", site->live_bytes);
  hat_json_uint (json, "peak_blocks", site->peak_blocks);
  hat_json_uint (json, "peak_bytes", site->peak_bytes);
  write_temporary (json, site->temporary, variance != NULL);
  if (variance)
    hat_sampled_json (json, site, variance);
}

static void
write_stack_quality (HatJson *json, HatTrace *trace, const HatSites *sites)
{
  guint n_modules;
  const HatModule *modules = hat_trace_modules (trace, &n_modules);
  g_auto (HatStackQuality) quality = hat_stack_quality (trace, sites->sites, sites->n);

  hat_json_begin_object (json, "stack_quality");
  hat_json_uint (json, "complete", quality.complete);
  hat_json_uint (json, "through_unknown", quality.through_unknown);
  hat_json_uint (json, "truncated", quality.truncated);
  hat_json_begin_array (json, "truncated_in");
  for (guint i = 0; i <= n_modules; i++)
    if (quality.truncated_in[i] > 0)
      {
        hat_json_begin_object (json, NULL);
        if (i < n_modules)
          hat_json_string (json, "module", modules[i].path);
        else
          hat_json_null (json, "module");
        hat_json_uint (json, "allocations", quality.truncated_in[i]);
        hat_json_end_object (json);
      }
  hat_json_end_array (json);
  hat_json_end_object (json);
}

static int
compare_sites (const void *a, const void *b)
{
  const HatSite *x = *(const HatSite *const *) a, *y = *(const HatSite *const *) b;
  if (x->peak_bytes != y->peak_bytes)
    return x->peak_bytes > y->peak_bytes ? -1 : 1;
  if (x->live_bytes != y->live_bytes)
    return x->live_bytes > y->live_bytes ? -1 : 1;
  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static void
write_sites (HatJson *json, HatTrace *trace, const HatSites *sites, gint top)
{
  g_autofree const HatSite **order = g_new (const HatSite *, sites->n + 1);
  for (guint i = 0; i < sites->n; i++)
    order[i] = &sites->sites[i];
  qsort (order, sites->n, sizeof *order, compare_sites);
  guint n_types;
  const HatKeptType *types = hat_trace_types (trace, &n_types);
  hat_json_begin_array (json, "sites");
  for (guint i = 0; i < sites->n && (top < 0 || i < (guint) top); i++)
    {
      hat_json_begin_object (json, NULL);
      write_costs (json, order[i], sites->variances ? &sites->variances[order[i] - sites->sites] : NULL);
      const HatBlockType *type = hat_site_type (trace, order[i]);
      hat_json_string (json, "type", type ? types[type->type].type.name : NULL);
      hat_json_string (json, "type_evidence", type ? type->words : NULL);
      hat_report_json_stack (json, "stack", trace, order[i]->stack);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
}

static gboolean
write_groups (HatJson *json, HatHeap *heap, HatRange range, const HatReportOptions *options,
              const HatProgress *progress, GError **error)
{
  g_autoptr (HatGroups) groups = hat_heap_groups (heap, range, options->by, progress, error);
  if (groups == NULL)
    return FALSE;
  hat_json_string (json, "by", hat_grouping_name (options->by));
  hat_json_begin_array (json, "groups");
  for (guint i = 0; i < groups->n && (options->top < 0 || i < (guint) options->top); i++)
    {
      hat_json_begin_object (json, NULL);
      hat_json_string (json, "label", groups->groups[i].label);
      write_costs (json, &groups->groups[i].costs, hat_heap_sample_bytes (heap) > 0 ? &groups->groups[i].variance : NULL);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  return TRUE;
}

static void
write_identity (HatJson *json, HatTrace *trace, guint index)
{
  const HatProcess *process = hat_trace_process (trace, index);
  hat_json_uint (json, "index", index);
  hat_json_uint (json, "pid", process->pid);
  if (process->parent >= 0)
    hat_json_int (json, "parent", process->parent);
  else
    hat_json_null (json, "parent");
  hat_json_uint (json, "image", hat_process_image (trace, index));
  hat_json_string (json, "exe", process->exe);
  if (process->provider && *process->provider)
    hat_json_string (json, "allocator", process->provider);
  else
    hat_json_null (json, "allocator");
  hat_json_begin_array (json, "argv");
  for (guint i = 0; process->argv && process->argv[i]; i++)
    hat_json_string (json, NULL, process->argv[i]);
  hat_json_end_array (json);
  if (process->exit_status >= 0)
    hat_json_int (json, "exit_status", process->exit_status);
  else
    hat_json_null (json, "exit_status");
  if (process->signal > 0)
    hat_json_int (json, "signal", process->signal);
  else
    hat_json_null (json, "signal");
  hat_json_int (json, "start_ns", process->start_ns);
  if (process->end_ns >= 0)
    hat_json_int (json, "end_ns", process->end_ns);
  else
    hat_json_null (json, "end_ns");
  guint n_threads;
  hat_trace_threads (trace, index, &n_threads);
  hat_json_uint (json, "threads", n_threads);
}

static gboolean
write_process (HatJson *json, HatTrace *trace, guint index, const HatReportOptions *options,
               const HatProgress *progress, GError **error)
{
  g_autoptr (HatHeap) heap = hat_heap_new (trace, index, progress, error);
  HatRange range;
  if (heap == NULL || !hat_report_range (heap, options->from, options->at ? options->at : options->to, &range, error))
    return FALSE;
  g_autoptr (HatSites) sites = hat_heap_sites (heap, range, progress, error);
  if (sites == NULL)
    return FALSE;
  const HatTotals *totals = &sites->totals;
  const HatSite all = { .allocations = totals->allocations, .bytes = totals->bytes_allocated, .frees = totals->frees,
                        .bytes_freed = totals->bytes_freed, .live_blocks = totals->live_blocks, .live_bytes = totals->live_bytes,
                        .peak_bytes = totals->peak_bytes };

  hat_json_begin_object (json, NULL);
  write_identity (json, trace, index);
  hat_json_int (json, "from_ns", MAX (range.from, 0));
  hat_json_int (json, "to_ns", range.to);
  write_totals (json, totals, sites->variances != NULL);
  if (sites->variances)
    hat_sampled_json (json, &all, &sites->variance);
  write_stack_quality (json, trace, sites);
  guint n_marks;
  const HatMark *marks = hat_trace_marks (trace, index, &n_marks);
  hat_json_begin_array (json, "marks");
  for (guint i = 0; i < n_marks; i++)
    {
      hat_json_begin_object (json, NULL);
      hat_json_string (json, "name", marks[i].name);
      hat_json_int (json, "time_ns", marks[i].time_ns);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  if (options->by != HAT_BY_NONE && !write_groups (json, heap, range, options, progress, error))
    return FALSE;
  write_sites (json, trace, sites, options->top);
  hat_json_end_object (json);
  return TRUE;
}

gboolean
hat_report_json (HatTrace *trace, const HatReportOptions *options, GString *out, const HatProgress *progress,
                 GError **error)
{
  guint first, end;
  if (!hat_report_processes (trace, options->process, &first, &end, error))
    return FALSE;
  HatJson json = { out };
  hat_json_begin_object (&json, NULL);
  hat_json_string (&json, "format", "heapatlas-report");
  hat_json_uint (&json, "version", 1);
  hat_json_begin_object (&json, "trace");
  hat_json_string (&json, "path", hat_trace_path (trace));
  hat_json_uint (&json, "bytes", hat_trace_bytes (trace));
  hat_json_boolean (&json, "complete", hat_trace_is_complete (trace));
  hat_json_string (&json, "damage", hat_trace_damage (trace));
  hat_json_int (&json, "duration_ns", hat_trace_duration_ns (trace));
  if (hat_sample_bytes (trace) > 0)
    hat_json_uint (&json, "sample_bytes", hat_sample_bytes (trace));
  hat_json_end_object (&json);
  hat_json_begin_array (&json, "processes");
  for (guint i = first; i < end; i++)
    if (!write_process (&json, trace, i, options, progress, error))
      return FALSE;
  hat_json_end_array (&json);
  hat_json_end_object (&json);
  return TRUE;
}
