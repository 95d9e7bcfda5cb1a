/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions by number. */

#include "core/heap/names.h"

struct _HatFunctionTable
{
  HatTrace *trace;
  const HatStackNode *stacks;
  guint n_stacks;
  GArray *infos;       /* HatFunctionInfo */
  GHashTable *numbers; /* HatFunctionInfo (function, module) -> number + 1 */
  guint n_frames;
  guint32 *frame_lists; /* by frame: position in `lists` + 1, 0 = not looked up yet */
  GArray *lists;        /* n, then n functions */
  GArray *stack_list;
};

static guint
hash_info (gconstpointer key)
{
  const HatFunctionInfo *info = key;
  return g_str_hash (info->function) * 31 + g_str_hash (info->module);
}

static gboolean
equal_infos (gconstpointer a, gconstpointer b)
{
  const HatFunctionInfo *x = a, *y = b;
  return g_str_equal (x->function, y->function) && g_str_equal (x->module, y->module);
}

HatFunctionTable *
hat_function_table_new (HatTrace *trace)
{
  HatFunctionTable *table = g_new0 (HatFunctionTable, 1);

  table->trace = trace;
  table->stacks = hat_trace_stacks (trace, &table->n_stacks);
  hat_trace_frames (trace, &table->n_frames);
  table->infos = g_array_new (FALSE, FALSE, sizeof (HatFunctionInfo));
  table->numbers = g_hash_table_new_full (hash_info, equal_infos, g_free, NULL);
  table->frame_lists = g_new0 (guint32, MAX (table->n_frames, 1));
  table->lists = g_array_new (FALSE, FALSE, sizeof (guint32));
  table->stack_list = g_array_new (FALSE, FALSE, sizeof (guint32));
  return table;
}

void
hat_function_table_free (HatFunctionTable *table)
{
  if (table == NULL)
    return;
  g_array_unref (table->infos);
  g_hash_table_unref (table->numbers);
  g_free (table->frame_lists);
  g_array_unref (table->lists);
  g_array_unref (table->stack_list);
  g_free (table);
}

static guint32
number_of (HatFunctionTable *table, const HatFunctionInfo *info)
{
  guint32 number = GPOINTER_TO_UINT (g_hash_table_lookup (table->numbers, info));

  if (number == 0)
    {
      g_array_append_vals (table->infos, info, 1);
      number = table->infos->len;
      g_hash_table_insert (table->numbers, g_memdup2 (info, sizeof *info), GUINT_TO_POINTER (number));
    }
  return number - 1;
}

const guint32 *
hat_function_table_frame (HatFunctionTable *table, HatFrameId frame, guint *out_n)
{
  g_return_val_if_fail (frame < table->n_frames, NULL);
  if (table->frame_lists[frame] == 0)
    {
      guint n;
      const HatSourceFrame *source = hat_frame_source (table->trace, frame, &n);
      table->frame_lists[frame] = table->lists->len + 1;
      g_array_append_val (table->lists, n);
      for (guint i = 0; i < n; i++)
        {
          const HatFunctionInfo info = {
            .function = source[i].function,
            .module = hat_frame_module (table->trace, frame),
            .file = source[i].file,
            .line = source[i].line,
            .is_inline = source[i].is_inline,
          };
          const guint32 number = number_of (table, &info);
          g_array_append_val (table->lists, number);
        }
    }
  const guint32 *list = &g_array_index (table->lists, guint32, table->frame_lists[frame] - 1);
  *out_n = list[0];
  return list + 1;
}

const guint32 *
hat_function_table_stack (HatFunctionTable *table, HatStackId stack, guint *out_n)
{
  g_array_set_size (table->stack_list, 0);
  for (; stack > HAT_STACK_TRUNCATED && stack < table->n_stacks; stack = table->stacks[stack].parent)
    {
      guint n;
      const guint32 *functions = hat_function_table_frame (table, table->stacks[stack].frame, &n);
      g_array_append_vals (table->stack_list, functions, n);
    }
  *out_n = table->stack_list->len;
  return (const guint32 *) table->stack_list->data;
}

const HatFunctionInfo *
hat_function_table_info (HatFunctionTable *table, guint32 function)
{
  return &g_array_index (table->infos, HatFunctionInfo, function);
}

guint
hat_function_table_n (HatFunctionTable *table)
{
  return table->infos->len;
}
