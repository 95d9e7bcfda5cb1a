/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls view shows, and its rows. */

#include "ui/views/call-costs.h"

#include <string.h>

HatCallCosts *
hat_call_costs_ref (HatCallCosts *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
hat_call_costs_unref (HatCallCosts *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_clear_pointer (&self->functions, hat_functions_free);
  g_clear_pointer (&self->bottom_up, hat_tree_free);
  g_clear_pointer (&self->top_down, hat_tree_free);
  g_clear_pointer (&self->sites, hat_sites_free);
  g_clear_pointer (&self->heap, hat_heap_unref);
  g_free (self->when);
  g_free (self);
}

HatCallCosts *
hat_call_costs_new (const HatQuestion *question, const HatProgress *progress, GError **error)
{
  HatCallCosts *self = g_new0 (HatCallCosts, 1);
  HatTrace *trace = hat_heap_trace (question->heap);
  g_atomic_ref_count_init (&self->refs);
  self->heap = hat_heap_ref (question->heap);
  self->cost = question->cost;
  self->when = hat_question_when (question);
  if ((self->sites = hat_heap_sites (self->heap, hat_question_cost_range (question), progress, error))
      && (self->top_down = hat_tree_new (trace, self->sites, HAT_TREE_TOP_DOWN, self->cost, progress, error))
      && (self->bottom_up = hat_tree_new (trace, self->sites, HAT_TREE_BOTTOM_UP, self->cost, progress, error))
      && (self->functions = hat_functions_new (trace, self->sites, self->cost, progress, error)))
    return self;
  hat_call_costs_unref (self);
  return NULL;
}

/* ---- stacks of a node ---- */

static gboolean
is_same (const HatStackFrame *frame, const char *function, const char *module)
{
  return g_strcmp0 (frame->function, function) == 0 && g_strcmp0 (frame->module, module) == 0;
}

/* `path`: nodes from just below the root down to the one meant. */
static gboolean
follows_path (HatCallCosts *self, const HatTree *tree, const guint *path, guint n_path, HatStackId stack)
{
  guint n;
  g_autofree HatStackFrame *frames = hat_stack_frames (hat_heap_trace (self->heap), stack, &n);
  if (n < n_path)
    return FALSE;
  for (guint i = 0; i < n_path; i++)
    {
      const HatTreeNode *node = &tree->nodes[path[i]];
      if (!is_same (&frames[tree->kind == HAT_TREE_TOP_DOWN ? n - 1 - i : i], node->function, node->module))
        return FALSE;
    }
  return TRUE;
}

GHashTable *
hat_call_costs_stacks (HatCallCosts *self, const HatTree *tree, guint node)
{
  g_return_val_if_fail (node < tree->n, NULL);
  GHashTable *set = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = node; i != 0; i = tree->nodes[i].parent)
    g_array_prepend_val (path, i);
  for (guint i = 0; i < self->sites->n; i++)
    if (follows_path (self, tree, (const guint *) path->data, path->len, self->sites->sites[i].stack))
      g_hash_table_add (set, GUINT_TO_POINTER (self->sites->sites[i].stack));
  return set;
}

GHashTable *
hat_call_costs_stacks_with (HatCallCosts *self, const char *function, const char *module)
{
  GHashTable *set = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < self->sites->n; i++)
    {
      guint n;
      HatStackId stack = self->sites->sites[i].stack;
      g_autofree HatStackFrame *frames = hat_stack_frames (hat_heap_trace (self->heap), stack, &n);
      for (guint k = 0; k < n; k++)
        if (is_same (&frames[k], function, module))
          {
            g_hash_table_add (set, GUINT_TO_POINTER (stack));
            break;
          }
    }
  return set;
}

/* ---- rows ---- */

struct _HatCallRow
{
  GObject parent_instance;
  HatCallCosts *costs;
  const HatTree *tree; /* NULL: a function */
  guint node;
  HatFunctionRow function;
};

G_DEFINE_FINAL_TYPE (HatCallRow, hat_call_row, G_TYPE_OBJECT)

static void
hat_call_row_finalize (GObject *object)
{
  g_clear_pointer (&HAT_CALL_ROW (object)->costs, hat_call_costs_unref);
  G_OBJECT_CLASS (hat_call_row_parent_class)->finalize (object);
}

static void
hat_call_row_class_init (HatCallRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hat_call_row_finalize;
}

static void
hat_call_row_init (HatCallRow *self)
{
}

HatCallRowFacts
hat_call_row_facts (HatCallRow *row)
{
  HatCost cost = row->costs->cost;
  if (row->tree == NULL)
    {
      const HatFunctionRow *f = &row->function;
      return (HatCallRowFacts){
        .function = f->function,
        .module = f->module,
        .file = f->file,
        .line = f->line,
        .self = f->self[cost],
        .total = f->total[cost],
        .self_error = hat_error_of (f->self_variance[cost]),
        .total_error = hat_error_of (f->total_variance[cost]),
        .allocations_error = hat_error_of (f->total_variance[HAT_COST_ALLOCATIONS]),
        .costs = f->total,
        .example = f->example,
      };
    }
  const HatTreeNode *n = &row->tree->nodes[row->node];
  return (HatCallRowFacts){
    .function = n->function,
    .module = n->module,
    .file = n->file,
    .line = n->line,
    .self = n->self,
    .total = n->cost,
    .self_error = hat_tree_self_error (row->tree, row->node),
    .total_error = hat_tree_error (row->tree, row->node, cost),
    .allocations_error = hat_tree_error (row->tree, row->node, HAT_COST_ALLOCATIONS),
    .costs = n->costs,
    .example = n->example,
  };
}

HatCallCosts *
hat_call_row_costs (HatCallRow *row)
{
  return row->costs;
}

const HatTree *
hat_call_row_tree (HatCallRow *row, guint *out_node)
{
  *out_node = row->node;
  return row->tree;
}

GListModel *
hat_call_rows_children (HatCallCosts *costs, const HatTree *tree, guint node)
{
  const HatTreeNode *parent = &tree->nodes[node];
  GListStore *store = g_list_store_new (HAT_TYPE_CALL_ROW);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < parent->n_children; i++)
    {
      HatCallRow *row = g_object_new (HAT_TYPE_CALL_ROW, NULL);
      row->costs = hat_call_costs_ref (costs);
      row->tree = tree;
      row->node = parent->first_child + i;
      g_ptr_array_add (rows, row);
    }
  g_list_store_splice (store, 0, 0, rows->pdata, rows->len);
  return G_LIST_MODEL (store);
}

static gboolean
contains (const char *text, const char *needle)
{
  return text && strcasestr (text, needle) != NULL;
}

GListModel *
hat_call_rows_functions (HatCallCosts *costs, HatFunctions *functions, const char *filter)
{
  g_autoptr (HatFunctions) owned = functions;
  const HatFunctions *from = functions ? functions : costs->functions;
  GListStore *store = g_list_store_new (HAT_TYPE_CALL_ROW);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < from->n; i++)
    {
      if (!contains (from->rows[i].function, filter) && !contains (from->rows[i].module, filter))
        continue;
      HatCallRow *row = g_object_new (HAT_TYPE_CALL_ROW, NULL);
      row->costs = hat_call_costs_ref (costs);
      row->function = from->rows[i];
      g_ptr_array_add (rows, row);
    }
  g_list_store_splice (store, 0, 0, rows->pdata, rows->len);
  return G_LIST_MODEL (store);
}
