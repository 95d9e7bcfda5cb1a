/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates in reports: "~" before what is estimated, and after it what it may be off by in 95 of 100 recordings. */

#include "core/report/sampled.h"

#include <math.h>
#include <stdlib.h>

#include "core/heap/format.h"
#include "core/report/plain-text.h"

char *
hat_sampled_rate (HatTrace *trace)
{
  g_autofree char *bytes = hat_format_bytes (hat_sample_bytes (trace));
  return g_strdup_printf ("one in %s", bytes);
}

static guint64
rounded (double value)
{
  return value > 0 ? (guint64) llround (MIN (value, 9e18)) : 0;
}

static char *
estimate_text (const HatEstimate *estimate, gboolean is_bytes)
{
  char *(*format) (guint64) = is_bytes ? hat_format_bytes : hat_format_count;
  g_autofree char *value = format (rounded (estimate->value));
  g_autofree char *error = format (rounded (hat_estimate_error (estimate)));
  return g_strdup_printf ("~%s ±%s", value, error);
}

static void
append_figures (GString *out, HatTrace *trace, const HatSampled *sampled)
{
  const HatEstimates *totals = &sampled->totals;
  g_autofree char *rate = hat_sampled_rate (trace);
  g_autofree char *allocations = estimate_text (&totals->allocations, FALSE);
  g_autofree char *frees = estimate_text (&totals->frees, FALSE);
  g_autofree char *bytes = estimate_text (&totals->bytes, TRUE);
  g_autofree char *peak = estimate_text (&sampled->peak_bytes, TRUE);
  g_autofree char *live = estimate_text (&totals->live_bytes, TRUE);
  g_autofree char *blocks = estimate_text (&totals->live_blocks, FALSE);
  hat_plain_field (out, "sampled", "%s: all figures are estimates, right within ± in 95 of 100 recordings; reallocations are a free and an "
                                   "allocation; blocks of 0 bytes are not in them", rate);
  hat_plain_field (out, "calls", "%s allocations, %s frees", allocations, frees);
  hat_plain_field (out, "allocated", "%s altogether", bytes);
  hat_plain_field (out, "peak", "%s", peak);
  hat_plain_field (out, "live at end", "%s in %s blocks", live, blocks);
}

typedef struct
{
  const char *name; /* NULL: a stack */
  HatStackId stack;
  HatEstimate bytes, blocks;
} Row;

static void
add (HatEstimate *sum, const HatEstimate *estimate)
{
  sum->value += estimate->value;
  sum->variance += estimate->variance;
}

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const Row *x = a, *y = b;
  if (x->bytes.value != y->bytes.value)
    return x->bytes.value > y->bytes.value ? -1 : 1;
  return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* Live or allocated bytes by function or stack. */
static GArray *
rows_new (HatTrace *trace, const HatSampled *sampled, gboolean is_live, gboolean by_site)
{
  GArray *rows = g_array_new (FALSE, TRUE, sizeof (Row));
  g_autoptr (GHashTable) indices = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < sampled->n; i++)
    {
      const HatEstimates *site = &sampled->sites[i];
      const char *name = hat_stack_function (trace, site->stack);
      gpointer found = NULL;
      if (by_site || !g_hash_table_lookup_extended (indices, name, NULL, &found))
        {
          const Row row = { .name = name, .stack = site->stack };
          found = GUINT_TO_POINTER (rows->len);
          g_array_append_val (rows, row);
          if (!by_site)
            g_hash_table_insert (indices, (gpointer) name, found);
        }
      Row *row = &g_array_index (rows, Row, GPOINTER_TO_UINT (found));
      add (&row->bytes, is_live ? &site->live_bytes : &site->bytes);
      add (&row->blocks, is_live ? &site->live_blocks : &site->allocations);
    }
  g_array_sort (rows, compare_rows);
  return rows;
}

static void
append_table (GString *out, HatTrace *trace, const HatSampled *sampled, gboolean is_live, gboolean by_site, guint top)
{
  g_autoptr (GArray) rows = rows_new (trace, sampled, is_live, by_site);
  g_string_append_printf (out, "\n%s (estimates)\n%26s%20s  function\n", is_live ? "Live at the end" : "Allocated", "bytes",
                          is_live ? "blocks" : "allocations");
  for (guint i = 0; i < rows->len && i < top; i++)
    {
      const Row *row = &g_array_index (rows, Row, i);
      if (row->bytes.value < 0.5)
        break;
      g_autofree char *bytes = estimate_text (&row->bytes, TRUE);
      g_autofree char *blocks = estimate_text (&row->blocks, FALSE);
      g_autofree char *name = hat_plain_function (row->name, 32);
      hat_plain_column (out, bytes, 26);
      hat_plain_column (out, blocks, 20);
      g_string_append_printf (out, "  %s\n", name);
      if (by_site)
        hat_plain_stack (out, trace, row->stack, 12, 8);
    }
}

void
hat_sampled_text (GString *out, HatTrace *trace, const HatSampled *sampled, gboolean by_site, guint top)
{
  append_figures (out, trace, sampled);
  append_table (out, trace, sampled, TRUE, by_site, top);
  append_table (out, trace, sampled, FALSE, by_site, top);
}

void
hat_sampled_json (HatJson *json, const HatEstimates *estimates)
{
  const struct
  {
    const char *key, *error_key;
    const HatEstimate *estimate;
  } fields[] = {
    { "allocations", "allocations_error", &estimates->allocations },
    { "bytes_allocated", "bytes_allocated_error", &estimates->bytes },
    { "frees", "frees_error", &estimates->frees },
    { "bytes_freed", "bytes_freed_error", &estimates->bytes_freed },
    { "live_blocks", "live_blocks_error", &estimates->live_blocks },
    { "live_bytes", "live_bytes_error", &estimates->live_bytes },
  };
  hat_json_begin_object (json, "estimates");
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      hat_json_uint (json, fields[i].key, rounded (fields[i].estimate->value));
      hat_json_uint (json, fields[i].error_key, rounded (hat_estimate_error (fields[i].estimate)));
    }
  hat_json_end_object (json);
}
