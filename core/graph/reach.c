/* SPDX-License-Identifier: Apache-2.0
 *
 * What the roots reach: over pointers to starts of blocks, and over any pointer. */

#include "core/graph/graph-private.h"

#include <stdlib.h>

#define START_BYTES 8 /* tags in the low bits of a pointer */

/* ---- interior pointers that mean the whole block ---- */

static gboolean
has_module_word (const HatSnapshot *snapshot, guint32 block, guint32 word)
{
  guint32 low = 0, high = snapshot->n_module_words;

  while (low < high)
    {
      const guint32 middle = low + (high - low) / 2;
      const HatModuleWord *at = &snapshot->module_words[middle];
      if (at->block < block || (at->block == block && at->word < word))
        low = middle + 1;
      else
        high = middle;
    }
  return low < snapshot->n_module_words && snapshot->module_words[low].block == block && snapshot->module_words[low].word == word;
}

static int
compare_heads (gconstpointer a, gconstpointer b)
{
  const HatBlockHead *x = a, *y = b;

  return x->block < y->block ? -1 : x->block > y->block;
}

/* memcheck's heuristics, as valgrind's memcheck/mc_leakcheck.c has them. */
static gboolean
is_explained (const HatGraph *graph, guint32 block, guint64 offset)
{
  const HatSnapshot *snapshot = graph->snapshot;
  const guint64 size = hat_graph_size (graph, block);

  /* multipleinheritance: an object inside an object, each with its own table of virtual functions in front. */
  if (offset % 8 == 0 && has_module_word (snapshot, block, 0) && has_module_word (snapshot, block, (guint32) (offset / 8)))
    return TRUE;
  const HatBlockHead *head = snapshot->n_heads == 0 ? NULL
                                                    : bsearch (&(HatBlockHead) { .block = block }, snapshot->heads, snapshot->n_heads,
                                                               sizeof (HatBlockHead), compare_heads);
  if (head == NULL)
    return FALSE;
  if (offset == 24) /* stdstring: length, capacity, count of references, then the text and its zero */
    return head->words[0] <= head->words[1] && size > 24 && size - 25 == head->words[1];
  return offset == 8
         && (head->words[0] == size - 8                                       /* length64 */
             || (head->words[0] > 0 && (size - 8) % head->words[0] == 0)); /* newarray: a number, then so many objects */
}

/* A pointer of a type that owns means all of the block, wherever it points: a hash table's leads to the bytes behind its buckets. */
static gboolean
is_of_type (const HatGraph *graph, guint32 edge, guint32 to, guint64 offset)
{
  HatGraphField field = { 0 };
  if (offset == hat_graph_object_offset (graph, to))
    return TRUE;
  return graph->known && graph->known[edge] == HAT_STRENGTH_STRONG
         && graph->types.field (graph->types.data, hat_graph_edge_from (graph, edge), (guint64) graph->snapshot->edge_word[edge] * 8, &field)
         && field.is_typed;
}

gboolean
hat_graph_explain_interior (HatGraph *graph, const HatProgress *progress, GError **error)
{
  HatSnapshot *snapshot = graph->snapshot;

  for (guint32 i = 0; i < snapshot->n_interior; i++)
    {
      guint32 *to = &snapshot->edge_to[snapshot->interior_edge[i]];
      const guint32 edge = snapshot->interior_edge[i];
      if (is_of_type (graph, edge, *to & ~HAT_EDGE_INTERIOR, snapshot->interior_offset[i])
          || is_explained (graph, *to & ~HAT_EDGE_INTERIOR, snapshot->interior_offset[i]))
        *to &= ~HAT_EDGE_INTERIOR;
    }
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    {
      const HatRoot *root = &snapshot->roots[i];
      HatGraphVariable variable;
      graph->root_is_start[i] = root->to_offset < START_BYTES || root->to_offset == hat_graph_object_offset (graph, root->to)
                                || is_explained (graph, root->to, root->to_offset)
                                || (graph->types.variable && graph->types.variable (graph->types.data, i, &variable)
                                    && variable.strength == HAT_STRENGTH_STRONG);
    }
  hat_graph_explain_headers (graph);
  return hat_progress_tick (progress, 0.2, "finding what is reached", error);
}

/* ---- reached ---- */

typedef struct
{
  guint32 *blocks;
  guint32 n;
} Stack;

/* Marks what the blocks on the stack point to, and so on. */
static void
spread (HatGraph *graph, Stack *stack, guint8 mark, gboolean starts_only)
{
  const guint32 *first_edge = graph->snapshot->first_edge, *edge_to = graph->snapshot->edge_to;
  guint8 *flags = graph->flags;

  while (stack->n > 0)
    {
      const guint32 block = stack->blocks[--stack->n];
      for (guint32 e = first_edge[block]; e < first_edge[block + 1]; e++)
        {
          const guint32 to = edge_to[e] & ~HAT_EDGE_INTERIOR;
          if ((flags[to] & mark) || (starts_only && (edge_to[e] & HAT_EDGE_INTERIOR)))
            continue;
          flags[to] |= mark;
          stack->blocks[stack->n++] = to;
        }
    }
}

static void
push (HatGraph *graph, Stack *stack, guint32 block, guint8 mark)
{
  if (graph->flags[block] & mark)
    return;
  graph->flags[block] |= mark;
  stack->blocks[stack->n++] = block;
}

/* Every block is pushed once by each mark, so a stack of all blocks is enough. */
gboolean
hat_graph_reach (HatGraph *graph, const HatProgress *progress, GError **error)
{
  const HatSnapshot *snapshot = graph->snapshot;
  g_autofree guint32 *room = g_new (guint32, graph->n);
  Stack stack = { room, 0 };

  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    if (graph->root_is_start[i])
      push (graph, &stack, snapshot->roots[i].to, HAT_GRAPH_BY_START);
  for (guint32 i = 0; i < snapshot->n_doubtful; i++)
    push (graph, &stack, snapshot->doubtful[i], HAT_GRAPH_BY_START);
  spread (graph, &stack, HAT_GRAPH_BY_START, TRUE);
  if (!hat_progress_tick (progress, 0.3, "finding what is reached", error))
    return FALSE;

  /* What was reached by starts counts as visited; only the interior pointers lead on from there. */
  for (guint32 b = 0; b < graph->n; b++)
    if (graph->flags[b] & HAT_GRAPH_BY_START)
      graph->flags[b] |= HAT_GRAPH_BY_ANY;
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    push (graph, &stack, snapshot->roots[i].to, HAT_GRAPH_BY_ANY);
  for (guint32 i = 0; i < snapshot->n_interior; i++)
    {
      const guint32 edge = snapshot->interior_edge[i];
      if (graph->flags[hat_graph_edge_from (graph, edge)] & HAT_GRAPH_BY_START)
        push (graph, &stack, snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR, HAT_GRAPH_BY_ANY);
    }
  spread (graph, &stack, HAT_GRAPH_BY_ANY, FALSE);
  return TRUE;
}
