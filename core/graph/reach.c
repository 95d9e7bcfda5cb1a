/* SPDX-License-Identifier: Apache-2.0
 *
 * What the roots reach: over pointers to starts of blocks, and over any pointer. */

#include "core/graph/graph-private.h"

#include <stdlib.h>
#include <string.h>

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

/* Two queues hide that neighbours may lie anywhere: a block waits in one while its pointers are fetched, and where they lead waits in the
 * other while its marks are (Cher, Hosking, Vitek, "Software prefetching for mark-sweep garbage collection", ASPLOS 2004). */
void
hat_graph_spread (const HatGraph *graph, HatGraphFront *front, guint8 *marks, guint8 mark, HatGraphPointers pointers)
{
  const guint32 *first_edge = graph->snapshot->first_edge, *edge_to = graph->snapshot->edge_to;
  guint32 blocks[HAT_GRAPH_AHEAD], targets[HAT_GRAPH_AHEAD], n_targets = 0;

  memset (blocks, 0xff, sizeof blocks);
  memset (targets, 0xff, sizeof targets);
  /* So many steps in which nothing came leave nothing in either. */
  for (guint32 step = 0, n_idle = 0; n_idle < 2 * HAT_GRAPH_AHEAD; step++)
    {
      guint32 *last = &blocks[step % HAT_GRAPH_AHEAD];
      const guint32 block = *last, near = blocks[(step + HAT_GRAPH_AHEAD / 2) % HAT_GRAPH_AHEAD];
      n_idle = front->n > 0 || block != HAT_GRAPH_NONE ? 0 : n_idle + 1;
      *last = front->n > 0 ? front->blocks[--front->n] : HAT_GRAPH_NONE;
      if (*last != HAT_GRAPH_NONE)
        __builtin_prefetch (&first_edge[*last]);
      if (near != HAT_GRAPH_NONE)
        __builtin_prefetch (&edge_to[first_edge[near]]);
      const guint32 end = block != HAT_GRAPH_NONE ? first_edge[block + 1] : 1;
      for (guint32 e = block != HAT_GRAPH_NONE ? first_edge[block] : 0; e < end; e++)
        {
          guint32 *target = &targets[n_targets++ % HAT_GRAPH_AHEAD];
          const guint32 to = *target;
          *target = block == HAT_GRAPH_NONE || (pointers == HAT_GRAPH_TO_STARTS && (edge_to[e] & HAT_EDGE_INTERIOR))
                            || (pointers == HAT_GRAPH_OWNING && hat_graph_is_weak (graph, e))
                        ? HAT_GRAPH_NONE
                        : edge_to[e] & ~HAT_EDGE_INTERIOR;
          if (*target != HAT_GRAPH_NONE)
            __builtin_prefetch (&marks[*target], 1);
          if (to != HAT_GRAPH_NONE)
            hat_graph_mark (front, to, marks, mark);
        }
    }
}

void
hat_graph_mark (HatGraphFront *front, guint32 block, guint8 *marks, guint8 mark)
{
  if (marks[block] & mark)
    return;
  marks[block] |= mark;
  front->blocks[front->n++] = block;
}

gboolean
hat_graph_reach (HatGraph *graph, const HatProgress *progress, GError **error)
{
  const HatSnapshot *snapshot = graph->snapshot;
  g_autofree guint32 *room = hat_big_new (guint32, graph->n);
  HatGraphFront front = { room, 0 };

  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    if (graph->root_is_start[i])
      hat_graph_mark (&front, snapshot->roots[i].to, graph->flags, HAT_GRAPH_BY_START);
  for (guint32 i = 0; i < snapshot->n_doubtful; i++)
    hat_graph_mark (&front, snapshot->doubtful[i], graph->flags, HAT_GRAPH_BY_START);
  hat_graph_spread (graph, &front, graph->flags, HAT_GRAPH_BY_START, HAT_GRAPH_TO_STARTS);
  if (!hat_progress_tick (progress, 0.3, "finding what is reached", error))
    return FALSE;

  /* What was reached by starts counts as visited; only the interior pointers lead on from there. */
  for (guint32 b = 0; b < graph->n; b++)
    if (graph->flags[b] & HAT_GRAPH_BY_START)
      graph->flags[b] |= HAT_GRAPH_BY_ANY;
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    hat_graph_mark (&front, snapshot->roots[i].to, graph->flags, HAT_GRAPH_BY_ANY);
  for (guint32 i = 0; i < snapshot->n_interior; i++)
    {
      const guint32 edge = snapshot->interior_edge[i];
      if (graph->flags[hat_graph_edge_from (graph, edge)] & HAT_GRAPH_BY_START)
        hat_graph_mark (&front, snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR, graph->flags, HAT_GRAPH_BY_ANY);
    }
  hat_graph_spread (graph, &front, graph->flags, HAT_GRAPH_BY_ANY, HAT_GRAPH_TO_ANY);
  return TRUE;
}
