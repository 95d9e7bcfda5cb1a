/* SPDX-License-Identifier: Apache-2.0
 *
 * Who holds a block: shortest paths from roots. */

#include "core/graph/graph-private.h"

#define FAR (1u << 18) /* so many blocks further on, the paths in hand are good enough */

static void
path_free (gpointer data)
{
  HatGraphPath *path = data;

  g_free (path->blocks);
  g_free (path);
}

/* A block on the way back from the one asked for. */
typedef struct
{
  guint32 block;
  guint32 next; /* step towards it; HAT_GRAPH_NONE: it is the one */
} Step;

typedef struct
{
  guint32 root; /* or HAT_GRAPH_NONE */
  guint32 step;
  gboolean is_distinct;
} Start;

/* What makes two roots differ by more than their slot. Those with a name differ by it. */
static guint
root_hash (gconstpointer data)
{
  const HatRoot *root = data;

  return ((root->kind * 31 + root->module) * 31 + root->thread) * 31 + root->frame + g_str_hash (root->name);
}

static gboolean
root_equal (gconstpointer a, gconstpointer b)
{
  const HatRoot *x = a, *y = b;

  return x->kind == y->kind && x->module == y->module && x->thread == y->thread && x->frame == y->frame
         && g_str_equal (x->name, y->name);
}

/* A lost or doubtful block that stands for itself. */
static gboolean
is_head (HatGraph *graph, guint32 block)
{
  const HatLeakClass leak_class = hat_graph_class (graph, block);

  return (graph->flags[block] & HAT_GRAPH_DOUBTFUL) || leak_class == HAT_LEAK_DIRECT
         || (leak_class == HAT_LEAK_CYCLE && graph->cycles[graph->cycle_of[block]].blocks[0] == block);
}

static void
add_starts (HatGraph *graph, guint32 block, guint32 step, GHashTable *seen, GArray *starts)
{
  guint32 n;
  const guint32 *roots = hat_graph_roots_of (graph, block, &n);

  for (guint32 i = 0; i < n; i++)
    {
      const Start start = { roots[i], step, g_hash_table_add (seen, &graph->snapshot->roots[roots[i]]) };
      g_array_append_val (starts, start);
    }
  if (n == 0 && is_head (graph, block))
    g_array_append_val (starts, ((Start) { HAT_GRAPH_NONE, step, TRUE }));
}

static HatGraphPath *
path_new (const GArray *steps, const Start *start)
{
  HatGraphPath *path = g_new0 (HatGraphPath, 1);

  path->root = start->root;
  for (guint32 at = start->step; at != HAT_GRAPH_NONE; at = g_array_index (steps, Step, at).next)
    path->n++;
  path->blocks = g_new (guint32, path->n);
  guint i = 0;
  for (guint32 at = start->step; at != HAT_GRAPH_NONE; at = g_array_index (steps, Step, at).next)
    path->blocks[i++] = g_array_index (steps, Step, at).block;
  return path;
}

GPtrArray *
hat_graph_paths (HatGraph *graph, guint32 block, guint max)
{
  g_autofree guint8 *visited = g_new0 (guint8, graph->n);
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (Step));
  g_autoptr (GArray) starts = g_array_new (FALSE, FALSE, sizeof (Start));
  g_autoptr (GHashTable) seen = g_hash_table_new (root_hash, root_equal);
  guint n_distinct = 0;
  guint32 enough = HAT_GRAPH_NONE;

  g_array_append_val (steps, ((Step) { block, HAT_GRAPH_NONE }));
  visited[block] = 1;
  for (guint32 at = 0; at < steps->len && at < enough && n_distinct < max; at++)
    {
      const guint32 to = g_array_index (steps, Step, at).block;
      const guint n_before = starts->len;
      add_starts (graph, to, at, seen, starts);
      for (guint i = n_before; i < starts->len; i++)
        n_distinct += g_array_index (starts, Start, i).is_distinct;
      if (enough == HAT_GRAPH_NONE && starts->len > 0)
        enough = at + FAR;
      for (guint32 i = graph->first_in[to]; i < graph->first_in[to + 1]; i++)
        {
          const Step step = { hat_graph_edge_from (graph, graph->in_edge[i]), at };
          if (!visited[step.block])
            {
              visited[step.block] = 1;
              g_array_append_val (steps, step);
            }
        }
    }

  GPtrArray *paths = g_ptr_array_new_with_free_func (path_free);
  for (gboolean distinct = TRUE; ; distinct = FALSE)
    {
      for (guint i = 0; i < starts->len && paths->len < max; i++)
        if (g_array_index (starts, Start, i).is_distinct == distinct)
          g_ptr_array_add (paths, path_new (steps, &g_array_index (starts, Start, i)));
      if (!distinct)
        return paths;
    }
}
