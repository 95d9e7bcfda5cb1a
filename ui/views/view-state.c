/* SPDX-License-Identifier: Apache-2.0 */
/* The state that all views share. */

#include "ui/views/view-state.h"

#include "core/heap/format.h"
#include "core/heap/once.h"
#include "ui/draw/graph-model.h"

struct _HatViewState
{
  GObject parent_instance;
  HatQuestion now;
  HatSelection selection;
};

G_DEFINE_FINAL_TYPE (HatViewState, hat_view_state, G_TYPE_OBJECT)

static guint changed_signal;

static void
changed (HatViewState *self, HatChanges changes)
{
  g_signal_emit (self, changed_signal, 0, (guint) changes);
}

static void
clear_selection (HatSelection *selection)
{
  g_clear_pointer (&selection->function, g_free);
  g_clear_pointer (&selection->stacks, g_hash_table_unref);
  *selection = (HatSelection){ .kind = HAT_SELECTED_NOTHING };
}

/* What workers make once, for all that need it. g_atomic_rc_box. */
typedef struct _HatShared
{
  HatOnce once;
  GDestroyNotify free_answer;
} HatShared;

static HatShared *
shared_new (GDestroyNotify free_answer)
{
  HatShared *shared = g_atomic_rc_box_new0 (HatShared);
  hat_once_init (&shared->once);
  shared->free_answer = free_answer;
  return shared;
}

static void
shared_clear (gpointer data)
{
  HatShared *shared = data;
  hat_once_clear (&shared->once, shared->free_answer);
}

static void
shared_unref (HatShared *shared)
{
  g_atomic_rc_box_release_full (shared, shared_clear);
}

static void
clear_question (HatQuestion *question)
{
  g_clear_pointer (&question->heap, hat_heap_unref);
  g_clear_pointer (&question->colors, hat_colors_unref);
  g_clear_pointer (&question->filter, g_free);
  g_clear_pointer (&question->weak_rules, g_free);
  g_clear_pointer (&question->graph, hat_graph_unref);
  g_clear_pointer (&question->graph_once, shared_unref);
  g_clear_pointer (&question->live_once, shared_unref);
}

/* What it was made of has changed. */
static void
forget_graph (HatViewState *self)
{
  g_clear_pointer (&self->now.graph, hat_graph_unref);
  g_clear_pointer (&self->now.graph_once, shared_unref);
  self->now.graph_once = shared_new ((GDestroyNotify) hat_graph_unref);
}

static void
forget_live (HatViewState *self)
{
  g_clear_pointer (&self->now.live_once, shared_unref);
  self->now.live_once = shared_new ((GDestroyNotify) hat_live_free);
}

static void
hat_view_state_finalize (GObject *object)
{
  HatViewState *self = HAT_VIEW_STATE (object);
  clear_question (&self->now);
  clear_selection (&self->selection);
  G_OBJECT_CLASS (hat_view_state_parent_class)->finalize (object);
}

static void
hat_view_state_class_init (HatViewStateClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hat_view_state_finalize;
  changed_signal = g_signal_new ("changed", HAT_TYPE_VIEW_STATE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                 G_TYPE_UINT);
}

static void
hat_view_state_init (HatViewState *self)
{
  self->now.filter = g_strdup ("");
  self->now.weak_rules = g_strdup ("");
  forget_graph (self);
  forget_live (self);
  self->now.snapshot = HAT_NO_SNAPSHOT;
  self->now.by = HAT_BY_FUNCTION;
  self->now.cost = HAT_COST_LIVE;
}

HatViewState *
hat_view_state_new (void)
{
  return g_object_new (HAT_TYPE_VIEW_STATE, NULL);
}

const HatQuestion *
hat_view_state_get (HatViewState *self)
{
  g_return_val_if_fail (HAT_IS_VIEW_STATE (self), NULL);
  return &self->now;
}

const HatSelection *
hat_view_state_selection (HatViewState *self)
{
  g_return_val_if_fail (HAT_IS_VIEW_STATE (self), NULL);
  return &self->selection;
}

HatQuestion *
hat_view_state_ask (HatViewState *self)
{
  g_return_val_if_fail (HAT_IS_VIEW_STATE (self), NULL);
  HatQuestion *question = g_new (HatQuestion, 1);
  *question = self->now;
  question->heap = self->now.heap ? hat_heap_ref (self->now.heap) : NULL;
  question->colors = self->now.colors ? hat_colors_ref (self->now.colors) : NULL;
  question->filter = g_strdup (self->now.filter);
  question->weak_rules = g_strdup (self->now.weak_rules);
  question->graph = self->now.graph ? hat_graph_ref (self->now.graph) : NULL;
  question->graph_once = g_atomic_rc_box_acquire (self->now.graph_once);
  question->live_once = g_atomic_rc_box_acquire (self->now.live_once);
  return question;
}

void
hat_question_free (HatQuestion *question)
{
  if (question == NULL)
    return;
  clear_question (question);
  g_free (question);
}

static gpointer
make_graph (gconstpointer data, const HatProgress *progress, GError **error)
{
  const HatQuestion *question = data;
  g_autoptr (HatGraphRules) rules = hat_graph_rules_new (hat_heap_trace (question->heap));
  if (!hat_graph_rules_add (rules, question->weak_rules, "the window", error))
    return NULL;
  if (question->no_mappings)
    hat_graph_rules_leave_out (rules, HAT_ROOT_MAPPING);
  return hat_graph_new (question->heap, question->snapshot, rules, NULL, progress, error);
}

HatGraph *
hat_question_graph (const HatQuestion *question, const HatProgress *progress, GError **error)
{
  HatGraph *graph = question->graph;

  if (graph == NULL)
    graph = hat_once_get (&question->graph_once->once, make_graph, question, "waiting for the object graph", progress, error);
  return graph ? hat_graph_ref (graph) : NULL;
}

static gpointer
find_live (gconstpointer data, const HatProgress *progress, GError **error)
{
  const HatQuestion *question = data;
  return hat_heap_live (question->heap, question->cursor_ns, progress, error);
}

HatLive *
hat_question_live (const HatQuestion *question, const HatProgress *progress, GError **error)
{
  HatLive *live = hat_once_get (&question->live_once->once, find_live, question, "finding live blocks", progress, error);
  return live ? hat_live_ref (live) : NULL;
}

gboolean
hat_question_has_range (const HatQuestion *question)
{
  return question->range.to > question->range.from;
}

HatRange
hat_question_range (const HatQuestion *question)
{
  if (hat_question_has_range (question))
    return question->range;
  return (HatRange){ hat_heap_start (question->heap), hat_heap_end (question->heap) };
}

HatRange
hat_question_cost_range (const HatQuestion *question)
{
  HatRange range = hat_question_range (question);
  if (!hat_question_has_range (question) && question->cost == HAT_COST_LIVE)
    range.to = MAX (range.from, question->cursor_ns);
  return range;
}

char *
hat_question_when (const HatQuestion *question)
{
  if (hat_question_has_range (question) && question->cost == HAT_COST_LIVE)
    {
      g_autofree char *end = hat_format_time (question->range.to);
      return g_strdup_printf ("at the end of the range, %s", end);
    }
  if (hat_question_has_range (question))
    {
      g_autofree char *from = hat_format_time (question->range.from);
      g_autofree char *to = hat_format_time (question->range.to);
      return g_strdup_printf ("from %s to %s", from, to);
    }
  if (question->cost != HAT_COST_LIVE)
    return g_strdup ("in the whole recording");
  g_autofree char *at = hat_format_time (question->cursor_ns);
  return g_strdup_printf ("at %s", at);
}

void
hat_view_state_set_heap (HatViewState *self, HatHeap *heap, HatColors *colors)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (heap)
    hat_heap_ref (heap);
  if (colors)
    hat_colors_ref (colors);
  g_clear_pointer (&self->now.heap, hat_heap_unref);
  g_clear_pointer (&self->now.colors, hat_colors_unref);
  self->now.heap = heap;
  self->now.colors = colors;
  self->now.cursor_ns = heap ? hat_heap_summary (heap)->totals.peak_time_ns : 0;
  self->now.range = (HatRange){ 0, 0 };
  self->now.snapshot = heap ? hat_snapshot_usual (heap) : HAT_NO_SNAPSHOT;
  forget_graph (self);
  forget_live (self);
  clear_selection (&self->selection);
  changed (self, HAT_CHANGED_HEAP | HAT_CHANGED_CURSOR | HAT_CHANGED_RANGE | HAT_CHANGED_SELECTION | HAT_CHANGED_SNAPSHOT);
}

void
hat_view_state_set_snapshot (HatViewState *self, guint snapshot)
{
  guint n;
  g_return_if_fail (HAT_IS_VIEW_STATE (self) && self->now.heap);
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (self->now.heap), hat_heap_process (self->now.heap), &n);
  if (snapshot >= n || snapshot == self->now.snapshot)
    return;
  self->now.snapshot = snapshot;
  forget_graph (self);
  hat_view_state_set_cursor (self, infos[snapshot].time_ns);
  changed (self, HAT_CHANGED_SNAPSHOT);
}

void
hat_view_state_set_graph (HatViewState *self, HatGraph *graph)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->now.graph == graph || hat_graph_heap (graph) != self->now.heap)
    return;
  g_clear_pointer (&self->now.graph, hat_graph_unref);
  self->now.graph = hat_graph_ref (graph);
  changed (self, HAT_CHANGED_SNAPSHOT);
}

void
hat_view_state_declare_weak (HatViewState *self, const char *rule)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  char *rules = g_strdup_printf ("%s%s\n", self->now.weak_rules, rule);
  g_free (self->now.weak_rules);
  self->now.weak_rules = rules;
  forget_graph (self);
  changed (self, HAT_CHANGED_SNAPSHOT);
}

void
hat_view_state_set_mappings (HatViewState *self, gboolean count)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->now.no_mappings == !count)
    return;
  self->now.no_mappings = !count;
  forget_graph (self);
  changed (self, HAT_CHANGED_SNAPSHOT);
}

void
hat_view_state_set_cursor (HatViewState *self, gint64 cursor_ns)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->now.heap == NULL)
    return;
  cursor_ns = CLAMP (cursor_ns, hat_heap_start (self->now.heap), hat_heap_end (self->now.heap));
  if (cursor_ns == self->now.cursor_ns)
    return;
  self->now.cursor_ns = cursor_ns;
  forget_live (self);
  changed (self, HAT_CHANGED_CURSOR);
}

void
hat_view_state_set_range (HatViewState *self, HatRange range)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->now.heap == NULL || (range.from == self->now.range.from && range.to == self->now.range.to))
    return;
  if (range.to <= range.from)
    range = (HatRange){ 0, 0 };
  self->now.range = range;
  changed (self, HAT_CHANGED_RANGE);
}

void
hat_view_state_set_grouping (HatViewState *self, HatGrouping by)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->now.by == by)
    return;
  self->now.by = by;
  changed (self, HAT_CHANGED_GROUPING);
}

void
hat_view_state_set_cost (HatViewState *self, HatCost cost)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->now.cost == cost)
    return;
  self->now.cost = cost;
  changed (self, HAT_CHANGED_COST);
}

void
hat_view_state_set_filter (HatViewState *self, const char *filter)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (g_strcmp0 (self->now.filter, filter) == 0)
    return;
  g_free (self->now.filter);
  self->now.filter = g_strdup (filter ? filter : "");
  changed (self, HAT_CHANGED_FILTER);
}

void
hat_view_state_select_nothing (HatViewState *self)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self));
  if (self->selection.kind == HAT_SELECTED_NOTHING)
    return;
  clear_selection (&self->selection);
  changed (self, HAT_CHANGED_SELECTION);
}

static GHashTable *
set_of_one (HatStackId stack)
{
  GHashTable *set = g_hash_table_new (NULL, NULL);
  g_hash_table_add (set, GUINT_TO_POINTER (stack));
  return set;
}

/* Takes `stacks`. */
static void
select_stacks (HatViewState *self, HatSelectionKind kind, const char *function, HatStackId stack, GHashTable *stacks)
{
  g_autofree char *name = g_strdup (function);
  clear_selection (&self->selection);
  self->selection.kind = kind;
  self->selection.stack = stack;
  self->selection.stacks = stacks;
  self->selection.function = g_steal_pointer (&name);
}

void
hat_view_state_select_stack (HatViewState *self, HatStackId stack)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self) && self->now.heap);
  const char *function = hat_stack_function (hat_heap_trace (self->now.heap), stack);
  select_stacks (self, HAT_SELECTED_STACK, function, stack, set_of_one (stack));
  changed (self, HAT_CHANGED_SELECTION);
}

void
hat_view_state_select_function (HatViewState *self, const char *function, HatStackId example, GHashTable *stacks)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self) && self->now.heap);
  select_stacks (self, HAT_SELECTED_FUNCTION, function, example, stacks);
  changed (self, HAT_CHANGED_SELECTION);
}

void
hat_view_state_select_type (HatViewState *self, const char *type, HatStackId example, GHashTable *stacks)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self) && self->now.heap);
  select_stacks (self, HAT_SELECTED_TYPE, type, example, stacks);
  changed (self, HAT_CHANGED_SELECTION);
}

void
hat_view_state_select_block (HatViewState *self, const HatBlock *block)
{
  g_return_if_fail (HAT_IS_VIEW_STATE (self) && self->now.heap && block);
  HatBlock copy = *block;
  const char *function = hat_stack_function (hat_heap_trace (self->now.heap), copy.stack);
  select_stacks (self, HAT_SELECTED_BLOCK, function, copy.stack, set_of_one (copy.stack));
  self->selection.block = copy;
  changed (self, HAT_CHANGED_SELECTION);
}
