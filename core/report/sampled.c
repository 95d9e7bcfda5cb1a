/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates in reports: "~" before what is estimated, and after it what it may be off by in 95 of 100 recordings. */

#include "core/report/sampled.h"

#include <stdlib.h>

#include "core/heap/format.h"
#include "core/report/plain-text.h"

static void
append_figures (GString *out, HatTrace *trace, const HatSites *sites)
{
  const HatTotals *totals = &sites->totals;
  const HatSiteVariance *variance = &sites->variance;
  g_autofree char *rate = hat_format_bytes (hat_sample_bytes (trace));
  g_autofree char *allocations = hat_format_count_within (totals->allocations, hat_error_of (variance->allocations));
  g_autofree char *frees = hat_format_count_within (totals->frees, hat_error_of (variance->frees));
  g_autofree char *bytes = hat_format_bytes_within (totals->bytes_allocated, hat_error_of (variance->bytes));
  g_autofree char *peak = hat_format_bytes_within (totals->peak_bytes, hat_error_of (variance->peak_bytes));
  g_autofree char *live = hat_format_bytes_within (totals->live_bytes, hat_error_of (variance->live_bytes));
  g_autofree char *blocks = hat_format_count_within (totals->live_blocks, hat_error_of (variance->live_blocks));
  g_autofree char *when = hat_format_time (totals->peak_time_ns);
  hat_plain_field (out, "sampled", "one in %s: all figures are estimates, right within ± in 95 of 100 recordings; reallocations are a free and an "
                                   "allocation; blocks of 0 bytes are not in them", rate);
  hat_plain_field (out, "calls", "%s allocations, %s frees", allocations, frees);
  hat_plain_field (out, "allocated", "%s altogether", bytes);
  hat_plain_field (out, "peak", "%s at %s", peak, when);
  g_autofree char *none = hat_sample_none_words (trace, "no block of the sample");
  if (totals->live_blocks > 0)
    hat_plain_field (out, "live at end", "%s in %s blocks", live, blocks);
  else
    hat_plain_field (out, "live at end", "%s", none);
}

static int
compare_live (const void *a, const void *b)
{
  const HatGroup *x = *(const HatGroup *const *) a, *y = *(const HatGroup *const *) b;
  return (x->costs.live_bytes < y->costs.live_bytes) - (x->costs.live_bytes > y->costs.live_bytes);
}

static int
compare_allocated (const void *a, const void *b)
{
  const HatGroup *x = *(const HatGroup *const *) a, *y = *(const HatGroup *const *) b;
  return (x->costs.bytes < y->costs.bytes) - (x->costs.bytes > y->costs.bytes);
}

static void
append_table (GString *out, HatTrace *trace, const HatGroups *groups, HatGrouping by, gboolean is_live, guint top)
{
  g_autofree const HatGroup **rows = g_new (const HatGroup *, groups->n + 1);
  for (guint i = 0; i < groups->n; i++)
    rows[i] = &groups->groups[i];
  qsort (rows, groups->n, sizeof *rows, is_live ? compare_live : compare_allocated);
  g_string_append_printf (out, "\n%s (estimates)\n%26s%20s  %s\n", is_live ? "Live at the end" : "Allocated", "bytes",
                          is_live ? "blocks" : "allocations", by == HAT_BY_SITE ? "function" : hat_grouping_name (by));
  for (guint i = 0; i < groups->n && i < top; i++)
    {
      const HatSite *costs = &rows[i]->costs;
      const HatSiteVariance *variance = &rows[i]->variance;
      if ((is_live ? costs->live_bytes : costs->bytes) == 0)
        break;
      g_autofree char *bytes = is_live ? hat_format_bytes_within (costs->live_bytes, hat_error_of (variance->live_bytes))
                                       : hat_format_bytes_within (costs->bytes, hat_error_of (variance->bytes));
      g_autofree char *blocks = is_live ? hat_format_count_within (costs->live_blocks, hat_error_of (variance->live_blocks))
                                        : hat_format_count_within (costs->allocations, hat_error_of (variance->allocations));
      g_autofree char *name = hat_plain_function (rows[i]->label, 32);
      hat_plain_column (out, bytes, 26);
      hat_plain_column (out, blocks, 20);
      g_string_append_printf (out, "  %s\n", name);
      if (by == HAT_BY_SITE)
        hat_plain_stack (out, trace, costs->stack, 12, 8);
    }
}

void
hat_sampled_text (GString *out, HatTrace *trace, const HatSites *sites, const HatGroups *groups, HatGrouping by, guint top)
{
  append_figures (out, trace, sites);
  if (sites->totals.live_blocks > 0)
    append_table (out, trace, groups, by, TRUE, top);
  if (by != HAT_BY_AGE) /* ages exist at an instant only */
    append_table (out, trace, groups, by, FALSE, top);
}

void
hat_sampled_json (HatJson *json, const HatSite *figures, const HatSiteVariance *variance)
{
  const struct
  {
    const char *key, *error_key;
    guint64 value;
    double variance;
  } fields[] = {
    { "allocations", "allocations_error", figures->allocations, variance->allocations },
    { "bytes_allocated", "bytes_allocated_error", figures->bytes, variance->bytes },
    { "frees", "frees_error", figures->frees, variance->frees },
    { "bytes_freed", "bytes_freed_error", figures->bytes_freed, variance->bytes_freed },
    { "live_blocks", "live_blocks_error", figures->live_blocks, variance->live_blocks },
    { "live_bytes", "live_bytes_error", figures->live_bytes, variance->live_bytes },
    { "peak_bytes", "peak_bytes_error", figures->peak_bytes, variance->peak_bytes },
  };
  hat_json_begin_object (json, "estimates");
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      hat_json_uint (json, fields[i].key, fields[i].value);
      hat_json_uint (json, fields[i].error_key, hat_error_of (fields[i].variance));
    }
  hat_json_end_object (json);
}
