/* SPDX-License-Identifier: Apache-2.0 */
/* Generic functions in `heapatlas types`: their instances, the code of each, and what each allocates. */

#include "core/report/report-private.h"

#include "core/heap/format.h"
#include "core/report/plain-text.h"

#include <string.h>

#define LISTED 40

/* Of each instance, in the order of the generics; allocations in it or in what it calls. */
typedef struct
{
  guint64 allocations;
  guint last_site;      /* + 1, that was counted */
  gboolean is_one_of_many; /* functions of one name, which stacks do not tell apart */
} Count;

static Count *
count_allocations (const HatTypesOptions *options)
{
  const HatGenerics *generics = options->generics;
  guint n_instances = 0, number = 0;
  for (guint i = 0; i < generics->n; i++)
    n_instances += generics->generics[i].n;
  Count *counts = g_new0 (Count, n_instances + 1);
  if (!options->sites)
    return counts;
  g_autoptr (GHashTable) by_function = g_hash_table_new (g_str_hash, g_str_equal); /* -> number + 1 */
  for (guint i = 0; i < generics->n; i++)
    for (guint k = 0; k < generics->generics[i].n; k++, number++)
      {
        const char *function = generics->generics[i].instances[k].function;
        const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (by_function, function));
        if (known)
          counts[known - 1].is_one_of_many = counts[number].is_one_of_many = TRUE;
        else
          g_hash_table_insert (by_function, (gpointer) function, GUINT_TO_POINTER (number + 1));
      }
  guint n;
  const HatStackNode *nodes = hat_trace_stacks (options->trace, &n);
  for (guint i = 0; i < options->sites->n; i++)
    for (HatStackId at = options->sites->sites[i].stack; at > HAT_STACK_TRUNCATED; at = nodes[at].parent)
      {
        const HatSourceFrame *frames = hat_trace_source (options->trace, nodes[at].frame, &n);
        for (guint k = 0; k < n; k++)
          {
            const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (by_function, frames[k].function));
            Count *count = known ? &counts[known - 1] : NULL;
            if (count && count->last_site != i + 1)
              {
                count->last_site = i + 1; /* recursion counts once */
                count->allocations += options->sites->sites[i].allocations;
              }
          }
      }
  return counts;
}

static gboolean
is_asked_for (const HatGeneric *generic, const char *name)
{
  if (!name || strcmp (generic->name, name) == 0)
    return TRUE;
  const gsize length = strlen (generic->name), its = strlen (name);
  return length > its + 2 && g_str_has_suffix (generic->name, name) && generic->name[length - its - 1] == ':';
}

void
hat_report_generics_json (HatJson *json, const HatTypesOptions *options)
{
  const HatGenerics *generics = options->generics;
  g_autofree Count *counts = count_allocations (options);
  guint number = 0;
  hat_json_begin_array (json, "generics");
  for (guint i = 0; i < generics->n; i++)
    {
      const HatGeneric *generic = &generics->generics[i];
      if (!is_asked_for (generic, options->name))
        {
          number += generic->n;
          continue;
        }
      hat_json_begin_object (json, NULL);
      hat_json_string (json, "name", generic->name);
      hat_json_uint (json, "code_bytes", generic->code_bytes);
      hat_json_begin_array (json, "instances");
      for (guint k = 0; k < generic->n; k++, number++)
        {
          const HatGenericInstance *instance = &generic->instances[k];
          hat_json_begin_object (json, NULL);
          hat_json_string (json, "arguments", instance->arguments);
          hat_json_uint (json, "code_bytes", instance->code_bytes);
          if (options->sites && !counts[number].is_one_of_many)
            hat_json_uint (json, "allocations", counts[number].allocations);
          else
            hat_json_null (json, "allocations");
          hat_json_uint (json, "functions", instance->n_functions);
          hat_json_uint (json, "inlined", instance->n_inlined);
          hat_json_end_object (json);
        }
      hat_json_end_array (json);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
}

/* ---- text ---- */

static void
append_row (GString *out, const char *name, guint indent, guint64 bytes, guint n_functions, guint n_inlined, const guint64 *allocations)
{
  g_autofree char *shown = hat_plain_name (name, 52 - (int) indent);
  g_string_append_printf (out, "  %*s", (int) indent, "");
  hat_plain_column (out, shown, -(52 - (int) indent));
  hat_plain_bytes_column (out, bytes, 10);
  hat_plain_count_column (out, n_functions, 10);
  hat_plain_count_column (out, n_inlined, 8);
  if (allocations)
    hat_plain_count_column (out, *allocations, 13);
  g_string_append_c (out, '\n');
}

void
hat_report_generics_text (const HatTypesOptions *options, GString *out, guint *out_n)
{
  const HatGenerics *generics = options->generics;
  g_autofree Count *counts = count_allocations (options);
  guint number = 0;
  *out_n = 0;
  g_string_append_printf (out, "Generic functions, by the code of all their instances\n  %-52s %9s %9s %7s%s\n", "", "code", "functions", "inlined",
                          options->sites ? "  allocations" : "");
  for (guint i = 0; i < generics->n; number += generics->generics[i++].n)
    {
      const HatGeneric *generic = &generics->generics[i];
      if (!is_asked_for (generic, options->name) || (!options->name && *out_n == LISTED))
        continue;
      guint64 functions = 0, inlined = 0, allocations = 0;
      for (guint k = 0; k < generic->n; k++)
        {
          functions += generic->instances[k].n_functions;
          inlined += generic->instances[k].n_inlined;
          allocations += counts[number + k].allocations;
        }
      g_autofree char *label = g_strdup_printf ("%s, %u instance%s", generic->name, generic->n, generic->n == 1 ? "" : "s");
      append_row (out, label, 0, generic->code_bytes, functions, inlined, options->sites ? &allocations : NULL);
      ++*out_n;
      for (guint k = 0; options->name && k < generic->n; k++)
        append_row (out, generic->instances[k].arguments, 2, generic->instances[k].code_bytes, generic->instances[k].n_functions,
                    generic->instances[k].n_inlined, options->sites && !counts[number + k].is_one_of_many ? &counts[number + k].allocations : NULL);
    }
  if (!options->name && generics->n > LISTED)
    g_string_append_printf (out, "  ... and %u more; name one to see its instances\n", generics->n - LISTED);
}
