/* SPDX-License-Identifier: Apache-2.0
 *
 * What roots do not reach over pointers that own: its components, and the leak classes they make. */

#include "core/graph/graph-private.h"

#include <stdlib.h>

#define NOT_SEEN 0u
#define DONE 0x80000000u /* in `low`: the block's component is known, the rest of the word is its number */

typedef struct
{
  HatGraph *graph;
  guint8 *held;     /* by block: reached over pointers that own */
  guint32 *number;  /* by block: when it was found, from 1 */
  guint32 *low;
  guint32 *parent;  /* by block: the one it was found from */
  guint32 *cursor;  /* by block: its next edge */
  guint32 *stack;   /* found, component not known yet */
  guint32 n_stack, n_found;
  GArray *sizes;    /* guint32, by component */
} Search;

static void
search_clear (Search *search)
{
  g_free (search->held);
  g_free (search->number);
  g_free (search->low);
  g_free (search->parent);
  g_free (search->cursor);
  g_free (search->stack);
  g_clear_pointer (&search->sizes, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

static inline guint32
edge_to (const HatGraph *graph, guint32 edge)
{
  return graph->snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR;
}

/* Without known weak pointers this is what is reached at all. */
static void
find_held (Search *search)
{
  HatGraph *graph = search->graph;
  const HatSnapshot *snapshot = graph->snapshot;

  search->held = hat_big_new0 (guint8, graph->n);
  if (graph->known == NULL)
    {
      for (guint32 b = 0; b < graph->n; b++)
        search->held[b] = (graph->flags[b] & HAT_GRAPH_BY_ANY) != 0;
      return;
    }
  g_autofree guint32 *room = hat_big_new (guint32, graph->n);
  HatGraphFront front = { room, 0 };
  for (guint32 i = 0; i < snapshot->info.n_roots + snapshot->n_doubtful; i++)
    hat_graph_mark (&front, i < snapshot->info.n_roots ? snapshot->roots[i].to : snapshot->doubtful[i - snapshot->info.n_roots], search->held, 1);
  hat_graph_spread (graph, &front, search->held, 1, HAT_GRAPH_OWNING);
}

static void
find_block (Search *search, guint32 block, guint32 parent)
{
  search->number[block] = search->low[block] = ++search->n_found;
  search->parent[block] = parent;
  search->cursor[block] = search->graph->snapshot->first_edge[block];
  search->stack[search->n_stack++] = block;
}

/* All blocks found since `top` are one component. */
static void
close_component (Search *search, guint32 top)
{
  guint32 size = 0, block;

  do
    {
      block = search->stack[--search->n_stack];
      search->low[block] = DONE | search->sizes->len;
      size++;
    }
  while (block != top);
  g_array_append_val (search->sizes, size);
}

/* Tarjan's search from one block; parent[] is the way back instead of recursion. */
static void
search_from (Search *search, guint32 start)
{
  const HatGraph *graph = search->graph;
  const guint32 *first_edge = graph->snapshot->first_edge;

  find_block (search, start, HAT_GRAPH_NONE);
  for (guint32 block = start; block != HAT_GRAPH_NONE;)
    {
      if (search->cursor[block] < first_edge[block + 1])
        {
          const guint32 edge = search->cursor[block]++, to = edge_to (graph, edge);
          if (search->held[to] || hat_graph_is_weak (graph, edge))
            continue;
          if (search->number[to] == NOT_SEEN)
            {
              find_block (search, to, block);
              block = to;
            }
          else if (!(search->low[to] & DONE))
            search->low[block] = MIN (search->low[block], search->number[to]);
          continue;
        }
      const guint32 parent = search->parent[block];
      const guint32 low = search->low[block];
      if (low == search->number[block])
        close_component (search, block);
      else
        search->low[parent] = MIN (search->low[parent], low);
      block = parent;
    }
}

static inline guint32
component_of (const Search *search, guint32 block)
{
  return search->low[block] & ~DONE;
}

/* ---- cycles ---- */

static int
compare_ages (gconstpointer a, gconstpointer b, gpointer data)
{
  const guint32 *birth = data;
  const guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;

  if (birth[x] != birth[y])
    return birth[x] < birth[y] ? -1 : 1;
  return x < y ? -1 : x > y;
}

static int
compare_cycles (gconstpointer a, gconstpointer b)
{
  const HatGraphCycle *x = a, *y = b;

  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  if (x->n_blocks != y->n_blocks)
    return x->n_blocks > y->n_blocks ? -1 : 1;
  return x->blocks[0] < y->blocks[0] ? -1 : x->blocks[0] > y->blocks[0];
}

/* Whether all of the cycle can be reached from its first block over pointers known to own, with (`turned`) or against them. */
static gboolean
is_joined (HatGraph *graph, const HatGraphCycle *cycle, guint32 number, gboolean turned)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (guint32));
  const guint32 *first = turned ? graph->first_in : graph->snapshot->first_edge;

  g_hash_table_add (seen, GUINT_TO_POINTER (cycle->blocks[0]));
  g_array_append_val (stack, cycle->blocks[0]);
  while (stack->len > 0)
    {
      const guint32 block = g_array_index (stack, guint32, stack->len - 1);
      g_array_set_size (stack, stack->len - 1);
      for (guint32 i = first[block]; i < first[block + 1]; i++)
        {
          const guint32 edge = turned ? graph->in_edge[i] : i;
          const guint32 other = turned ? hat_graph_edge_from (graph, edge) : edge_to (graph, edge);
          if ((graph->known[edge] & 3) == HAT_STRENGTH_STRONG && graph->cycle_of[other] == number
              && g_hash_table_add (seen, GUINT_TO_POINTER (other)))
            g_array_append_val (stack, other);
        }
    }
  return g_hash_table_size (seen) == cycle->n_blocks;
}

/* Whether every block that counts its owners (one at least does) counts no more than the cycle has. */
static gboolean
is_counted (HatGraph *graph, const HatGraphCycle *cycle, guint32 number)
{
  gboolean any = FALSE;

  for (guint32 i = 0; i < cycle->n_blocks; i++)
    {
      const guint32 block = cycle->blocks[i];
      HatGraphCounts counts = { 0 };
      const guint64 counted = graph->types.counts && graph->types.counts (graph->types.data, block, &counts) ? counts.strong : 0;
      guint64 n = 0;
      for (guint32 k = graph->first_in[block]; k < graph->first_in[block + 1]; k++)
        n += (graph->known[graph->in_edge[k]] & 3) == HAT_STRENGTH_STRONG && hat_graph_is_to_object (graph, graph->in_edge[k], block)
             && graph->cycle_of[hat_graph_edge_from (graph, graph->in_edge[k])] == number;
      if (counted > 0 && counted != n)
        return FALSE;
      any |= counted > 0;
    }
  return any;
}

static HatConfidence
judge_cycle (HatGraph *graph, guint32 number)
{
  const HatGraphCycle *cycle = &graph->cycles[number];

  if (graph->known == NULL || !is_joined (graph, cycle, number, FALSE) || !is_joined (graph, cycle, number, TRUE))
    return HAT_CONFIDENCE_LIKELY;
  return is_counted (graph, cycle, number) ? HAT_CONFIDENCE_PROVEN : HAT_CONFIDENCE_CERTAIN;
}

/* Components of more than one lost block. */
static void
collect_cycles (Search *search)
{
  HatGraph *graph = search->graph;
  const guint32 n_components = search->sizes->len;
  g_autofree guint32 *at = g_new (guint32, MAX (n_components, 1)); /* by component: the cycle it becomes */
  guint32 n_blocks = 0;

  for (guint32 i = 0; i < n_components; i++)
    at[i] = HAT_GRAPH_NONE;
  for (guint32 b = 0; b < graph->n; b++)
    if (!(graph->flags[b] & HAT_GRAPH_BY_ANY) && g_array_index (search->sizes, guint32, component_of (search, b)) > 1)
      {
        const guint32 component = component_of (search, b);
        if (at[component] == HAT_GRAPH_NONE)
          at[component] = graph->n_cycles++;
        n_blocks++;
      }
  if (graph->n_cycles == 0)
    return;
  graph->cycles = g_new0 (HatGraphCycle, graph->n_cycles);
  graph->cycle_blocks = g_new (guint32, n_blocks);
  graph->cycle_of = hat_big_new (guint32, graph->n);
  n_blocks = 0;
  for (guint32 i = 0; i < n_components; i++)
    if (at[i] != HAT_GRAPH_NONE)
      {
        graph->cycles[at[i]].blocks = graph->cycle_blocks + n_blocks;
        n_blocks += g_array_index (search->sizes, guint32, i);
      }
  for (guint32 b = 0; b < graph->n; b++)
    {
      if (graph->flags[b] & HAT_GRAPH_BY_ANY || at[component_of (search, b)] == HAT_GRAPH_NONE)
        continue;
      HatGraphCycle *cycle = &graph->cycles[at[component_of (search, b)]];
      graph->cycle_blocks[cycle->blocks - graph->cycle_blocks + cycle->n_blocks++] = b;
      cycle->bytes += hat_graph_size (graph, b);
      cycle->leak_class = hat_graph_class (graph, b);
    }
  for (guint i = 0; i < graph->n_cycles; i++)
    g_qsort_with_data (graph->cycles[i].blocks, (gint) graph->cycles[i].n_blocks, sizeof (guint32), compare_ages, graph->birth);
  qsort (graph->cycles, graph->n_cycles, sizeof (HatGraphCycle), compare_cycles);
  for (guint32 b = 0; b < graph->n; b++)
    graph->cycle_of[b] = HAT_GRAPH_NONE;
  for (guint32 i = 0; i < graph->n_cycles; i++)
    for (guint32 k = 0; k < graph->cycles[i].n_blocks; k++)
      graph->cycle_of[graph->cycles[i].blocks[k]] = i;
  for (guint32 i = 0; i < graph->n_cycles; i++)
    graph->cycles[i].confidence = judge_cycle (graph, i);
}

const HatGraphCycle *
hat_graph_cycles (HatGraph *graph, guint *out_n)
{
  *out_n = graph->n_cycles;
  return graph->cycles;
}

/* ---- classes ---- */

static void
set_class (HatGraph *graph, guint32 block, HatLeakClass leak_class)
{
  graph->flags[block] = (guint8) ((graph->flags[block] & ((1u << HAT_GRAPH_CLASS_SHIFT) - 1)) | leak_class << HAT_GRAPH_CLASS_SHIFT);
}

/* By component: whether a block outside it, that is not held either, points into it. */
static guint8 *
find_inner (const Search *search)
{
  const HatGraph *graph = search->graph;
  const guint32 *first_edge = graph->snapshot->first_edge;
  guint8 *is_inner = g_new0 (guint8, MAX (search->sizes->len, 1));

  for (guint32 b = 0; b < graph->n; b++)
    for (guint32 e = first_edge[b]; !search->held[b] && e < first_edge[b + 1]; e++)
      {
        const guint32 to = edge_to (graph, e);
        if (!search->held[to] && !hat_graph_is_weak (graph, e) && component_of (search, to) != component_of (search, b))
          is_inner[component_of (search, to)] = 1;
      }
  return is_inner;
}

/* What is held only over weak pointers is reachable, but has no owner among the roots either; so its components have heads, too. */
static void
collect_heads (const Search *search, const guint8 *is_inner, GArray *heads)
{
  const HatGraph *graph = search->graph;
  g_autofree guint32 *oldest = g_new (guint32, search->sizes->len);

  for (guint32 i = 0; i < search->sizes->len; i++)
    oldest[i] = HAT_GRAPH_NONE;
  for (guint32 b = 0; b < graph->n; b++)
    if (!search->held[b] && !is_inner[component_of (search, b)])
      {
        guint32 *head = &oldest[component_of (search, b)];
        if (*head == HAT_GRAPH_NONE || graph->birth[b] < graph->birth[*head])
          *head = b;
      }
  for (guint32 i = 0; i < search->sizes->len; i++)
    if (oldest[i] != HAT_GRAPH_NONE)
      g_array_append_val (heads, oldest[i]);
}

gboolean
hat_graph_classify (HatGraph *graph, GArray *heads, const HatProgress *progress, GError **error)
{
  g_auto (Search) search = { .graph = graph, .sizes = g_array_new (FALSE, FALSE, sizeof (guint32)) };

  if (!hat_progress_tick (progress, 0.4, "finding what is lost", error))
    return FALSE;
  find_held (&search);
  search.number = hat_big_new0 (guint32, graph->n);
  search.low = hat_big_new (guint32, graph->n);
  search.parent = hat_big_new (guint32, graph->n);
  search.cursor = hat_big_new (guint32, graph->n);
  search.stack = hat_big_new (guint32, graph->n);
  for (guint32 b = 0; b < graph->n; b++)
    if (!search.held[b] && search.number[b] == NOT_SEEN)
      search_from (&search, b);

  g_autofree guint8 *is_inner = find_inner (&search);
  for (guint32 b = 0; b < graph->n; b++)
    if (graph->flags[b] & HAT_GRAPH_BY_ANY)
      set_class (graph, b, graph->flags[b] & HAT_GRAPH_BY_START ? HAT_LEAK_REACHABLE : HAT_LEAK_POSSIBLE);
    else if (is_inner[component_of (&search, b)])
      set_class (graph, b, HAT_LEAK_INDIRECT);
    else
      set_class (graph, b, g_array_index (search.sizes, guint32, component_of (&search, b)) > 1 ? HAT_LEAK_CYCLE : HAT_LEAK_DIRECT);

  collect_cycles (&search);
  collect_heads (&search, is_inner, heads);
  return TRUE;
}
