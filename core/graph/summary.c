/* SPDX-License-Identifier: Apache-2.0
 *
 * Millions of blocks as a graph that fits a picture: one node for each stack and type. */

#include "core/graph/graph-private.h"

#include <stdlib.h>

#define MAX_NODES 1000u

typedef struct
{
  HatSummaryNode node;
  guint32 until; /* places before this one lie in a subtree that counts already */
  guint32 number; /* in the result */
} Kind;

/* Which kind each block is of. */
static guint32 *
find_kinds (HatGraph *graph, GArray *kinds)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  guint32 *kind_of = g_new (guint32, MAX (graph->n, 1));
  guint64 last_key = 0;
  gpointer number = NULL;

  for (guint32 place = 1; place <= graph->n; place++)
    {
      const guint32 block = graph->block_at[place];
      const guint64 key = (guint64) hat_graph_type (graph, block) << 32 | graph->stack[block];
      if ((place == 1 || key != last_key) && !g_hash_table_lookup_extended (numbers, &key, NULL, &number))
        {
          const Kind fresh = { .node = { .stack = graph->stack[block], .type = hat_graph_type (graph, block), .example = block } };
          number = GUINT_TO_POINTER (kinds->len);
          g_array_append_val (kinds, fresh);
          g_hash_table_insert (numbers, g_memdup2 (&key, sizeof key), number);
        }
      last_key = key;
      kind_of[block] = GPOINTER_TO_UINT (number);
      Kind *kind = &g_array_index (kinds, Kind, kind_of[block]);
      HatSummaryNode *node = &kind->node;
      node->n_blocks++;
      node->bytes += hat_graph_size (graph, block);
      node->class_blocks[hat_graph_class (graph, block)]++;
      if (graph->bytes_at[place] > graph->bytes_at[graph->place[node->example]])
        node->example = block;
      if (place >= kind->until)
        {
          node->retained_bytes += graph->bytes_at[place];
          kind->until = place + graph->count_at[place];
        }
    }
  return kind_of;
}

static int
compare_kinds (gconstpointer a, gconstpointer b)
{
  const HatSummaryNode *x = &(*(const Kind *const *) a)->node, *y = &(*(const Kind *const *) b)->node;

  if (x->retained_bytes != y->retained_bytes)
    return x->retained_bytes > y->retained_bytes ? -1 : 1;
  return x->example < y->example ? -1 : x->example > y->example;
}

static void
add_to_rest (HatSummaryNode *rest, const HatSummaryNode *node)
{
  if (rest->n_blocks == 0)
    *rest = (HatSummaryNode) { .stack = HAT_STACK_NONE, .type = HAT_GRAPH_NONE, .is_rest = TRUE, .example = node->example };
  rest->n_blocks += node->n_blocks;
  rest->bytes += node->bytes;
  rest->retained_bytes += node->retained_bytes;
  for (guint c = 0; c < HAT_N_LEAK_CLASSES; c++)
    rest->class_blocks[c] += node->class_blocks[c];
}

/* Numbers the kinds by what they retain. */
static void
choose_nodes (HatGraphSummary *summary, GArray *kinds, guint max_nodes)
{
  g_autofree Kind **sorted = g_new (Kind *, MAX (kinds->len, 1));

  for (guint i = 0; i < kinds->len; i++)
    sorted[i] = &g_array_index (kinds, Kind, i);
  qsort (sorted, kinds->len, sizeof (Kind *), compare_kinds);
  summary->n_nodes = MIN (kinds->len, max_nodes + 1);
  summary->nodes = g_new0 (HatSummaryNode, MAX (summary->n_nodes, 1));
  for (guint i = 0; i < kinds->len; i++)
    {
      sorted[i]->number = MIN (i, max_nodes);
      if (i < max_nodes)
        summary->nodes[i] = sorted[i]->node;
      else
        add_to_rest (&summary->nodes[max_nodes], &sorted[i]->node);
    }
}

static gboolean
count_pointers (HatGraph *graph, HatGraphSummary *summary, const guint32 *number_of, const HatProgress *progress, GError **error)
{
  const HatSnapshot *snapshot = graph->snapshot;
  const gsize n = summary->n_nodes;
  g_autofree guint32 (*matrix)[3] = g_malloc0_n (MAX (n * n, 1), sizeof *matrix);
  g_autofree guint32 (*roots)[HAT_ROOT_LOADER + 1] = g_malloc0_n (MAX (n, 1), sizeof *roots);
  GArray *edges = g_array_new (FALSE, FALSE, sizeof (HatSummaryEdge)), *root_edges = g_array_new (FALSE, FALSE, sizeof (HatSummaryRoot));

  for (guint32 b = 0; b < graph->n; b++)
    {
      if (b % 1000000 == 0 && !hat_progress_tick (progress, (double) b / graph->n, "drawing the graph together", error))
        {
          g_array_unref (edges);
          g_array_unref (root_edges);
          return FALSE;
        }
      for (guint32 e = snapshot->first_edge[b]; e < snapshot->first_edge[b + 1]; e++)
        matrix[number_of[b] * n + number_of[snapshot->edge_to[e] & ~HAT_EDGE_INTERIOR]][hat_graph_strength (graph, b, e)]++;
    }
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    roots[number_of[snapshot->roots[i].to]][snapshot->roots[i].kind]++;

  for (guint32 from = 0; from < n; from++)
    for (guint32 to = 0; to < n; to++)
      {
        const guint32 *counts = matrix[from * n + to];
        const HatSummaryEdge edge = { from, to, { counts[0], counts[1], counts[2] } };
        if (counts[0] + counts[1] + counts[2] > 0)
          g_array_append_val (edges, edge);
      }
  for (guint32 to = 0; to < n; to++)
    for (guint kind = 0; kind <= HAT_ROOT_LOADER; kind++)
      {
        const HatSummaryRoot root = { kind, to, roots[to][kind] };
        if (root.pointers > 0)
          g_array_append_val (root_edges, root);
      }
  summary->n_edges = edges->len;
  summary->edges = (HatSummaryEdge *) g_array_free (edges, FALSE);
  summary->n_roots = root_edges->len;
  summary->roots = (HatSummaryRoot *) g_array_free (root_edges, FALSE);
  return TRUE;
}

HatGraphSummary *
hat_graph_summary (HatGraph *graph, guint max_nodes, const HatProgress *progress, GError **error)
{
  g_autoptr (HatGraphSummary) summary = g_new0 (HatGraphSummary, 1);
  g_autoptr (GArray) kinds = g_array_new (FALSE, FALSE, sizeof (Kind));

  if (!hat_progress_tick (progress, 0, "drawing the graph together", error))
    return NULL;
  g_autofree guint32 *number_of = find_kinds (graph, kinds);
  choose_nodes (summary, kinds, CLAMP (max_nodes, 1, MAX_NODES));
  for (guint32 b = 0; b < graph->n; b++)
    number_of[b] = g_array_index (kinds, Kind, number_of[b]).number;
  return count_pointers (graph, summary, number_of, progress, error) ? g_steal_pointer (&summary) : NULL;
}

void
hat_graph_summary_free (HatGraphSummary *summary)
{
  if (summary == NULL)
    return;
  g_free (summary->nodes);
  g_free (summary->edges);
  g_free (summary->roots);
  g_free (summary);
}
