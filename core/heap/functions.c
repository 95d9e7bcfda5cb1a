/* SPDX-License-Identifier: Apache-2.0
 *
 * One row per function, and who called it or whom it called. A function that is several times in a stack counts once. */

#include "core/heap/names.h"

#include <string.h>

#define TICK_EVERY 16384u

typedef struct
{
  HatFunctionTable *functions;
  GArray *rows;     /* HatFunctionRow, by function number */
  GArray *seen;     /* guint32: last site + 1 that counted the function */
  GArray *examples; /* guint64: cost of the example */
  HatCost cost;
} Rows;

static void
rows_init (Rows *rows, HatFunctionTable *functions, HatCost cost)
{
  *rows = (Rows) {
    .functions = functions,
    .rows = g_array_new (FALSE, TRUE, sizeof (HatFunctionRow)),
    .seen = g_array_new (FALSE, TRUE, sizeof (guint32)),
    .examples = g_array_new (FALSE, TRUE, sizeof (guint64)),
    .cost = cost,
  };
}

/* The row of a function, or NULL if site number `site` counted in it already. */
static HatFunctionRow *
row_for (Rows *rows, guint32 function, guint site, const HatSite *data)
{
  if (function >= rows->rows->len)
    {
      const guint n = MAX (hat_function_table_n (rows->functions), 2 * rows->rows->len);
      g_array_set_size (rows->rows, n);
      g_array_set_size (rows->seen, n);
      g_array_set_size (rows->examples, n);
    }
  guint32 *seen = &g_array_index (rows->seen, guint32, function);
  if (*seen == site + 1)
    return NULL;
  *seen = site + 1;

  HatFunctionRow *row = &g_array_index (rows->rows, HatFunctionRow, function);
  guint64 *example_cost = &g_array_index (rows->examples, guint64, function);
  const guint64 cost = hat_site_cost (data, rows->cost);
  if (row->function == NULL)
    {
      const HatFunctionInfo *info = hat_function_table_info (rows->functions, function);
      row->function = info->function;
      row->module = info->module;
      row->file = info->file;
      row->line = info->line;
    }
  if (row->example == HAT_STACK_NONE || cost > *example_cost)
    {
      row->example = data->stack;
      *example_cost = cost;
    }
  return row;
}

static void
add_costs (guint64 *costs, double *variances, const HatSites *sites, guint site)
{
  for (guint c = 0; c < HAT_N_COSTS; c++)
    {
      costs[c] += hat_site_cost (&sites->sites[site], c);
      if (sites->variances)
        variances[c] += hat_site_cost_variance (&sites->variances[site], c);
    }
}

static int
compare_rows (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatFunctionRow *x = a, *y = b;
  const HatCost cost = GPOINTER_TO_UINT (data);

  if (x->total[cost] != y->total[cost])
    return x->total[cost] > y->total[cost] ? -1 : 1;
  if (x->self[cost] != y->self[cost])
    return x->self[cost] > y->self[cost] ? -1 : 1;
  return strcmp (x->function, y->function);
}

static HatFunctions *
rows_finish (Rows *rows)
{
  HatFunctions *functions = g_new0 (HatFunctions, 1);

  functions->rows = g_new (HatFunctionRow, MAX (rows->rows->len, 1));
  for (guint i = 0; i < rows->rows->len; i++)
    if (g_array_index (rows->rows, HatFunctionRow, i).function)
      functions->rows[functions->n++] = g_array_index (rows->rows, HatFunctionRow, i);
  g_qsort_with_data (functions->rows, functions->n, sizeof (HatFunctionRow), compare_rows, GUINT_TO_POINTER (rows->cost));
  return functions;
}

static void
rows_clear (Rows *rows)
{
  g_array_unref (rows->rows);
  g_array_unref (rows->seen);
  g_array_unref (rows->examples);
}

HatFunctions *
hat_functions_new (HatTrace *trace, const HatSites *sites, HatCost cost, const HatProgress *progress, GError **error)
{
  g_autoptr (HatFunctionTable) table = hat_function_table_new (trace);
  HatFunctions *functions = NULL;
  gboolean ok = TRUE;
  Rows rows;

  rows_init (&rows, table, cost);
  for (guint i = 0; ok && i < sites->n; i++)
    {
      guint n;
      const guint32 *stack = hat_function_table_stack (table, sites->sites[i].stack, &n);
      for (guint k = 0; k < n; k++)
        {
          HatFunctionRow *row = row_for (&rows, stack[k], i, &sites->sites[i]);
          if (row)
            add_costs (row->total, row->total_variance, sites, i);
          if (k == 0)
            add_costs (row->self, row->self_variance, sites, i);
        }
      if (i % TICK_EVERY == 0)
        ok = hat_progress_tick (progress, (double) i / sites->n, "adding up functions", error);
    }
  if (ok)
    functions = rows_finish (&rows);
  rows_clear (&rows);
  return functions;
}

/* `step`: +1 = who called it, -1 = whom it called. */
static HatFunctions *
neighbours (HatTrace *trace, const HatSites *sites, HatCost cost, const char *function, const char *module, int step)
{
  g_autoptr (HatFunctionTable) table = hat_function_table_new (trace);
  Rows rows;

  rows_init (&rows, table, cost);
  for (guint i = 0; i < sites->n; i++)
    {
      guint n;
      const guint32 *stack = hat_function_table_stack (table, sites->sites[i].stack, &n);
      for (guint k = 0; k < n; k++)
        {
          const HatFunctionInfo *info = hat_function_table_info (table, stack[k]);
          if (k + step >= n || strcmp (info->function, function) != 0 || (module && strcmp (info->module, module) != 0))
            continue;
          HatFunctionRow *row = row_for (&rows, stack[k + step], i, &sites->sites[i]);
          if (row)
            add_costs (row->total, row->total_variance, sites, i);
        }
    }
  HatFunctions *functions = rows_finish (&rows);
  rows_clear (&rows);
  return functions;
}

HatFunctions *
hat_functions_callers (HatTrace *trace, const HatSites *sites, HatCost cost, const char *function, const char *module)
{
  return neighbours (trace, sites, cost, function, module, 1);
}

HatFunctions *
hat_functions_callees (HatTrace *trace, const HatSites *sites, HatCost cost, const char *function, const char *module)
{
  return neighbours (trace, sites, cost, function, module, -1);
}

void
hat_functions_free (HatFunctions *functions)
{
  if (functions == NULL)
    return;
  g_free (functions->rows);
  g_free (functions);
}
