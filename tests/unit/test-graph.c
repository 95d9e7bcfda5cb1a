/* SPDX-License-Identifier: Apache-2.0 */
/* The object graph against brute force: every answer about 2,000 random graphs is found again in the plainest way, from the
 * words of the design. And chains so long that recursion would end the test. */

#include <string.h>

#include "core/graph/graph.h"
#include "core/graph/pattern.h"
#include "tests/unit/heap-fixture.h"

#define MAX_BLOCKS 24
#define N_GRAPHS 2000

static HatHeap *heap; /* of a random trace: stacks, threads and a length of time */

/* ---- graphs by hand ---- */

typedef struct
{
  guint32 from, to, word;
  guint64 into;
  HatStrength known;
} Edge;

/* What is wanted; `n` blocks of size[i], the older the smaller age[i]. */
typedef struct
{
  guint n;
  guint64 size[MAX_BLOCKS];
  guint age[MAX_BLOCKS];
  HatStackId stack[MAX_BLOCKS];
  guint64 references[MAX_BLOCKS];
  guint32 type[MAX_BLOCKS];
  GArray *edges, *roots; /* Edge by from and word; HatRoot */
  guint32 doubtful;      /* or HAT_GRAPH_NONE */
  gboolean has_types;
  const char *element; /* fields are in elements of arrays, and have this name in them; or NULL */
} Wish;

static void
wish_clear (Wish *wish)
{
  g_array_unref (wish->edges);
  g_array_unref (wish->roots);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Wish, wish_clear)

static void
wish_init (Wish *wish, guint n)
{
  *wish = (Wish) { .n = n, .doubtful = HAT_GRAPH_NONE };
  wish->edges = g_array_new (FALSE, FALSE, sizeof (Edge));
  wish->roots = g_array_new (FALSE, FALSE, sizeof (HatRoot));
  for (guint i = 0; i < n; i++)
    {
      wish->size[i] = 64;
      wish->age[i] = i;
      wish->stack[i] = 2;
      wish->type[i] = HAT_GRAPH_NONE;
    }
}

static void
point (Wish *wish, guint32 from, guint32 to, guint64 into)
{
  guint32 word = 0;
  for (guint i = 0; i < wish->edges->len; i++)
    word += g_array_index (wish->edges, Edge, i).from == from;
  const Edge edge = { from, to, word, into, HAT_STRENGTH_UNKNOWN };
  g_array_append_val (wish->edges, edge);
}

static void
root_at (Wish *wish, guint32 to, guint64 into)
{
  const HatRoot root = { .to = to, .to_offset = into, .kind = HAT_ROOT_MAPPING, .name = "pool", .address = 0x7000 + 8 * wish->roots->len,
                         .module = G_MAXUINT32, .thread = G_MAXUINT32, .frame = HAT_NO_FRAME };
  g_array_append_val (wish->roots, root);
}

static int
compare_edges (gconstpointer a, gconstpointer b)
{
  const Edge *x = a, *y = b;
  return x->from != y->from ? (x->from < y->from ? -1 : 1) : (x->word < y->word ? -1 : x->word > y->word);
}

static HatLive *
live_of (guint n)
{
  HatLive *live = g_new0 (HatLive, 1);
  live->time_ns = hat_heap_end (heap);
  live->n = n;
  live->blocks = g_new0 (HatBlock, n);
  return live;
}

static HatSnapshot *
snapshot_of (guint n, guint n_edges, guint n_roots)
{
  HatSnapshot *snapshot = g_new0 (HatSnapshot, 1);
  snapshot->info = (HatSnapshotInfo) { .n_blocks = n, .n_edges = n_edges, .n_roots = n_roots };
  snapshot->first_edge = g_new0 (guint32, n + 1);
  snapshot->edge_to = g_new0 (guint32, n_edges);
  snapshot->edge_word = g_new0 (guint32, n_edges);
  snapshot->interior_edge = g_new0 (guint32, n_edges);
  snapshot->interior_offset = g_new0 (guint64, n_edges);
  snapshot->roots = g_new0 (HatRoot, n_roots);
  return snapshot;
}

/* ---- types by hand: the known strengths and counts of the wish ---- */

static guint32
wish_type (gpointer data, guint32 block)
{
  return ((Wish *) data)->type[block];
}

static const char *
wish_type_name (gpointer data, guint32 type)
{
  static const char *const names[] = { "Tree", "Branch", "Leaf" };
  return names[type];
}

static gboolean
wish_field (gpointer data, guint32 block, guint64 offset, HatGraphField *out_field)
{
  Wish *wish = data;
  for (guint i = 0; i < wish->edges->len; i++)
    {
      const Edge *edge = &g_array_index (wish->edges, Edge, i);
      if (edge->from == block && edge->word * 8 == offset)
        *out_field = (HatGraphField) { .name = wish->element ? wish->element : "field", .strength = edge->known, .evidence = "the test says so",
                                       .is_element = wish->element != NULL, .index = 3 };
    }
  return TRUE;
}

static gboolean
wish_counts (gpointer data, guint32 block, HatGraphCounts *out_counts)
{
  *out_counts = (HatGraphCounts) { .strong = ((Wish *) data)->references[block] };
  return out_counts->strong > 0;
}

static HatGraph *
graph_with (Wish *wish, const HatGraphRules *rules, void (*change) (HatSnapshot *snapshot))
{
  g_autoptr (GError) error = NULL;
  HatLive *live = live_of (wish->n);
  HatSnapshot *snapshot = snapshot_of (wish->n, wish->edges->len, wish->roots->len);
  const HatGraphTypes types = { .data = wish, .type = wish_type, .type_name = wish_type_name, .field = wish_field,
                                .counts = wish_counts };

  for (guint i = 0; i < wish->n; i++)
    {
      live->blocks[i] = (HatBlock) { .address = 0x10000 + 0x1000 * i, .size = wish->size[i], .id = i + 1, .stack = wish->stack[i],
                                     .birth_ns = hat_heap_start (heap) + 1 + wish->age[i], .thread = 0 };
      live->bytes += wish->size[i];
    }
  g_array_sort (wish->edges, compare_edges);
  for (guint i = 0; i < wish->edges->len; i++)
    {
      const Edge *edge = &g_array_index (wish->edges, Edge, i);
      snapshot->edge_to[i] = edge->to | (edge->into >= 8 ? HAT_EDGE_INTERIOR : 0);
      snapshot->edge_word[i] = edge->word;
      for (guint k = edge->from + 1; k <= wish->n; k++)
        snapshot->first_edge[k]++;
      if (edge->into >= 8)
        {
          snapshot->interior_edge[snapshot->n_interior] = i;
          snapshot->interior_offset[snapshot->n_interior++] = edge->into;
        }
    }
  for (guint i = 0; i < wish->roots->len; i++)
    snapshot->roots[i] = g_array_index (wish->roots, HatRoot, i);
  if (wish->doubtful != HAT_GRAPH_NONE)
    {
      snapshot->n_doubtful = 1;
      snapshot->doubtful = g_memdup2 (&wish->doubtful, sizeof (guint32));
    }
  if (change)
    change (snapshot);
  HatGraph *graph = hat_graph_new_for (heap, live, snapshot, rules, wish->has_types ? &types : NULL, NULL, &error);
  g_assert_no_error (error);
  return graph;
}

static HatLeakClass
class_of (HatGraph *graph, guint32 block)
{
  HatGraphBlock info;
  hat_graph_block (graph, block, &info);
  return info.leak_class;
}

/* ---- brute force ---- */

typedef struct
{
  const Wish *wish;
  guint n;
  gboolean by_start[MAX_BLOCKS], by_any[MAX_BLOCKS], held[MAX_BLOCKS];
  gboolean owns[MAX_BLOCKS][MAX_BLOCKS]; /* a pointer not known to be weak, to another block */
  gboolean path[MAX_BLOCKS][MAX_BLOCKS]; /* over such, among blocks that are not held */
  gboolean is_top[MAX_BLOCKS];           /* the virtual root points to it */
  guint32 head[MAX_BLOCKS];              /* oldest of its component */
  gboolean dominates[MAX_BLOCKS][MAX_BLOCKS];
} Truth;

/* One more round until nothing changes. */
static void
spread (const Truth *truth, gboolean *reached, gboolean starts_only, gboolean owning_only, guint without)
{
  for (gboolean changed = TRUE; changed;)
    {
      changed = FALSE;
      for (guint i = 0; i < truth->wish->edges->len; i++)
        {
          const Edge *edge = &g_array_index (truth->wish->edges, Edge, i);
          if (!reached[edge->from] || reached[edge->to] || edge->to == without || (starts_only && edge->into >= 8)
              || (owning_only && edge->known == HAT_STRENGTH_WEAK))
            continue;
          reached[edge->to] = changed = TRUE;
        }
    }
}

static gboolean
is_same (const Truth *truth, guint a, guint b)
{
  return a == b || (truth->path[a][b] && truth->path[b][a]);
}

/* Whether a block outside the component, that is not held either, points into it. */
static gboolean
is_inner (const Truth *truth, guint block)
{
  for (guint a = 0; a < truth->n; a++)
    for (guint b = 0; b < truth->n; b++)
      if (!truth->held[a] && !truth->held[b] && truth->owns[a][b] && is_same (truth, b, block) && !is_same (truth, a, block))
        return TRUE;
  return FALSE;
}

static guint
component_size (const Truth *truth, guint block)
{
  guint n = 0;
  for (guint i = 0; i < truth->n; i++)
    n += !truth->held[i] && is_same (truth, block, i);
  return n;
}

static void
truth_init (Truth *truth, const Wish *wish)
{
  *truth = (Truth) { .wish = wish, .n = wish->n };
  for (guint i = 0; i < wish->roots->len; i++)
    {
      const HatRoot *root = &g_array_index (wish->roots, HatRoot, i);
      truth->by_start[root->to] |= root->to_offset < 8;
      truth->by_any[root->to] = truth->held[root->to] = truth->is_top[root->to] = TRUE;
    }
  if (wish->doubtful != HAT_GRAPH_NONE)
    truth->by_start[wish->doubtful] = truth->by_any[wish->doubtful] = truth->held[wish->doubtful] = truth->is_top[wish->doubtful] = TRUE;
  spread (truth, truth->by_start, TRUE, FALSE, HAT_GRAPH_NONE);
  spread (truth, truth->by_any, FALSE, FALSE, HAT_GRAPH_NONE);
  spread (truth, truth->held, FALSE, TRUE, HAT_GRAPH_NONE);
  for (guint i = 0; i < wish->edges->len; i++)
    {
      const Edge *edge = &g_array_index (wish->edges, Edge, i);
      if (edge->known == HAT_STRENGTH_WEAK || edge->from == edge->to)
        continue;
      truth->owns[edge->from][edge->to] = TRUE;
      truth->path[edge->from][edge->to] = !truth->held[edge->from] && !truth->held[edge->to];
    }
  for (guint k = 0; k < truth->n; k++)
    for (guint i = 0; i < truth->n; i++)
      for (guint j = 0; j < truth->n; j++)
        truth->path[i][j] |= truth->path[i][k] && truth->path[k][j];
  for (guint i = 0; i < truth->n; i++)
    {
      truth->head[i] = i;
      for (guint k = 0; k < truth->n; k++)
        if (!truth->held[i] && !truth->held[k] && is_same (truth, i, k) && wish->age[k] < wish->age[truth->head[i]])
          truth->head[i] = k;
    }
  for (guint i = 0; i < truth->n; i++)
    truth->is_top[i] |= !truth->held[i] && !is_inner (truth, i) && truth->head[i] == i;
  for (guint i = 0; i < truth->n; i++)
    {
      gboolean left[MAX_BLOCKS];
      for (guint k = 0; k < truth->n; k++)
        left[k] = truth->is_top[k] && k != i;
      spread (truth, left, FALSE, TRUE, i);
      for (guint k = 0; k < truth->n; k++)
        truth->dominates[i][k] = !left[k];
    }
}

static HatLeakClass
true_class (const Truth *truth, guint block)
{
  if (truth->by_start[block])
    return HAT_LEAK_REACHABLE;
  if (truth->by_any[block])
    return HAT_LEAK_POSSIBLE;
  if (is_inner (truth, block))
    return HAT_LEAK_INDIRECT;
  return component_size (truth, block) == 1 ? HAT_LEAK_DIRECT : HAT_LEAK_CYCLE;
}

static guint32
true_owner (const Truth *truth, guint block)
{
  for (guint i = 0; i < truth->n; i++)
    {
      gboolean is_nearest = i != block && truth->dominates[i][block];
      for (guint k = 0; k < truth->n && is_nearest; k++)
        is_nearest = k == block || !truth->dominates[k][block] || truth->dominates[k][i];
      if (is_nearest)
        return i;
    }
  return HAT_GRAPH_NONE;
}

static HatStrength
true_strength (const Truth *truth, const Edge *edge)
{
  if (edge->known != HAT_STRENGTH_UNKNOWN)
    return edge->known;
  if (edge->from == edge->to)
    return HAT_STRENGTH_UNKNOWN;
  if (true_owner (truth, edge->to) == edge->from)
    return HAT_STRENGTH_STRONG;
  return truth->dominates[edge->to][edge->from] ? HAT_STRENGTH_WEAK : HAT_STRENGTH_UNKNOWN;
}

/* ---- random graphs ---- */

static void
random_wish (Wish *wish)
{
  wish_init (wish, g_test_rand_int_range (1, MAX_BLOCKS + 1));
  wish->has_types = g_test_rand_int_range (0, 2);
  const guint n_edges = g_test_rand_int_range (0, 3 * wish->n), n_roots = g_test_rand_int_range (0, 4);
  const gboolean has_interior = g_test_rand_int_range (0, 2);
  for (guint i = 0; i < wish->n; i++)
    {
      wish->size[i] = g_test_rand_int_range (0, 5) == 0 ? G_GUINT64_CONSTANT (0x123456789) + i : (guint64) g_test_rand_int_range (0, 2000);
      wish->stack[i] = 2 + g_test_rand_int_range (0, 4);
      wish->type[i] = g_test_rand_bit () ? HAT_GRAPH_NONE : (guint32) g_test_rand_int_range (0, 3);
      const guint other = g_test_rand_int_range (0, i + 1), age = wish->age[i];
      wish->age[i] = wish->age[other];
      wish->age[other] = age;
    }
  for (guint i = 0; i < n_edges; i++)
    {
      const guint from = g_test_rand_int_range (0, wish->n);
      const guint to = g_test_rand_int_range (0, 3) ? (guint) g_test_rand_int_range (0, wish->n) : MIN (from + 1, wish->n - 1);
      point (wish, from, to, has_interior && g_test_rand_int_range (0, 3) == 0 ? g_test_rand_int_range (1, 100) : 0);
      if (wish->has_types)
        g_array_index (wish->edges, Edge, i).known = g_test_rand_int_range (0, 3);
    }
  for (guint i = 0; i < n_roots; i++)
    root_at (wish, g_test_rand_int_range (0, wish->n), has_interior && g_test_rand_bit () ? g_test_rand_int_range (1, 64) : 0);
  if (g_test_rand_int_range (0, 8) == 0)
    wish->doubtful = g_test_rand_int_range (0, wish->n);
}

static void
check_blocks (HatGraph *graph, const Truth *truth)
{
  for (guint i = 0; i < truth->n; i++)
    {
      HatGraphBlock block;
      guint64 retained = 0, n_retained = 0;
      hat_graph_block (graph, i, &block);
      for (guint k = 0; k < truth->n; k++)
        if (truth->dominates[i][k])
          {
            retained += truth->wish->size[k];
            n_retained++;
          }
      g_assert_cmpuint (block.size, ==, truth->wish->size[i]);
      g_assert_cmpint (block.birth_ns, ==, hat_heap_start (heap) + 1 + truth->wish->age[i]);
      g_assert_cmpint (block.is_reached_by_start, ==, truth->by_start[i]);
      g_assert_cmpint (block.is_reached_by_interior, ==, truth->by_any[i]);
      g_assert_cmpint (block.is_doubtful, ==, truth->wish->doubtful == i);
      g_assert_cmpstr (hat_leak_class_name (block.leak_class), ==, hat_leak_class_name (true_class (truth, i)));
      g_assert_cmpuint (block.owner, ==, true_owner (truth, i));
      g_assert_cmpuint (block.retained_bytes, ==, retained);
      g_assert_cmpuint (block.retained_blocks, ==, n_retained);
      g_assert_cmpuint (hat_graph_find (graph, block.address), ==, i);
      g_assert_cmpuint (hat_graph_find (graph, block.address + MAX (block.size, 1)), !=, i);
      for (guint k = 0; k < truth->n; k++)
        g_assert_cmpint (hat_graph_dominates (graph, i, k), ==, truth->dominates[i][k]);
    }
}

static void
check_edge (const Truth *truth, const HatGraphEdge *edge)
{
  const Edge *wanted = &g_array_index (truth->wish->edges, Edge, edge->edge);

  g_assert_cmpuint (edge->from, ==, wanted->from);
  g_assert_cmpuint (edge->to, ==, wanted->to);
  g_assert_cmpuint (edge->offset, ==, wanted->word * 8);
  g_assert_cmpuint (edge->into, ==, wanted->into >= 8 ? wanted->into : 0);
  g_assert_cmpint (edge->is_interior, ==, wanted->into >= 8);
  g_assert_cmpstr (hat_strength_name (edge->strength), ==, hat_strength_name (true_strength (truth, wanted)));
  g_assert_cmpint (edge->is_certain, ==, wanted->known != HAT_STRENGTH_UNKNOWN);
  g_assert_nonnull (edge->evidence);
}

static void
check_edges (HatGraph *graph, const Truth *truth)
{
  HatGraphEdge edges[3 * MAX_BLOCKS];
  guint n_out = 0, n_in = 0;

  for (guint i = 0; i < truth->n; i++)
    {
      guint32 counts[3], wanted[3] = { 0 };
      const guint n = hat_graph_edges_out (graph, i, 0, edges, G_N_ELEMENTS (edges));
      for (guint k = 0; k < n; k++)
        {
          g_assert_cmpuint (edges[k].from, ==, i);
          check_edge (truth, &edges[k]);
        }
      n_out += n;
      const guint m = hat_graph_edges_in (graph, i, 0, edges, G_N_ELEMENTS (edges));
      for (guint k = 0; k < m; k++)
        {
          g_assert_cmpuint (edges[k].to, ==, i);
          g_assert_cmpuint (edges[k].edge, >=, k == 0 ? 0 : edges[k - 1].edge);
          check_edge (truth, &edges[k]);
          if (edges[k].from != i)
            wanted[edges[k].strength]++;
        }
      n_in += m;
      if (m > 1)
        {
          HatGraphEdge second;
          g_assert_cmpuint (hat_graph_edges_in (graph, i, 1, &second, 1), ==, m);
          g_assert_cmpuint (second.edge, ==, edges[1].edge);
        }
      hat_graph_count_in (graph, i, counts);
      g_assert_cmpmem (counts, sizeof counts, wanted, sizeof wanted);
    }
  g_assert_cmpuint (n_out, ==, truth->wish->edges->len);
  g_assert_cmpuint (n_in, ==, truth->wish->edges->len);

  guint32 some[MAX_BLOCKS];
  guint n_some = 0, n_between = 0;
  for (guint i = 0; i < truth->n; i += 2)
    some[n_some++] = i;
  for (guint i = 0; i < truth->wish->edges->len; i++)
    n_between += g_array_index (truth->wish->edges, Edge, i).from % 2 == 0 && g_array_index (truth->wish->edges, Edge, i).to % 2 == 0;
  g_autoptr (GArray) between = hat_graph_edges_between (graph, some, n_some);
  g_assert_cmpuint (between->len, ==, n_between);
  for (guint i = 0; i < between->len; i++)
    check_edge (truth, &g_array_index (between, HatGraphEdge, i));
}

static void
check_children (HatGraph *graph, const Truth *truth)
{
  guint n_children = 0;

  for (guint i = 0; i <= truth->n; i++)
    {
      const guint32 owner = i < truth->n ? i : HAT_GRAPH_NONE;
      guint32 children[MAX_BLOCKS], one, n = hat_graph_children (graph, owner, HAT_GRAPH_NONE, children, MAX_BLOCKS), n_folded = 0;
      guint64 last = G_MAXUINT64;
      for (guint k = 0; k < n; k++)
        {
          HatGraphBlock block;
          hat_graph_block (graph, children[k], &block);
          g_assert_cmpuint (block.owner, ==, owner);
          g_assert_cmpuint (block.retained_bytes, <=, last);
          last = block.retained_bytes;
          g_assert_cmpuint (hat_graph_children (graph, owner, k ? children[k - 1] : HAT_GRAPH_NONE, &one, 1), ==, 1);
          g_assert_cmpuint (one, ==, children[k]);
        }
      n_children += n;

      g_autoptr (HatGraphFolds) folds = hat_graph_fold_children (graph, &owner, owner == HAT_GRAPH_NONE ? 0 : 1);
      for (guint k = 0; k < folds->n; k++)
        {
          const HatGraphFold *fold = &folds->folds[k];
          guint64 bytes = 0, retained = 0;
          for (guint b = 0; b < fold->n_blocks; b++)
            {
              HatGraphBlock block;
              hat_graph_block (graph, fold->blocks[b], &block);
              g_assert_cmpuint (block.owner, ==, owner);
              g_assert_true (block.stack == fold->stack && block.type == fold->type && block.leak_class == fold->leak_class);
              bytes += block.size;
              retained += block.retained_bytes;
            }
          g_assert_cmpuint (fold->bytes, ==, bytes);
          g_assert_cmpuint (fold->retained_bytes, ==, retained);
          g_assert_true (k == 0 || fold->retained_bytes <= folds->folds[k - 1].retained_bytes);
          n_folded += fold->n_blocks;
        }
      g_assert_cmpuint (n_folded, ==, n);
    }
  g_assert_cmpuint (n_children, ==, truth->n);
}

/* Steps from each block to `to` over any pointer. */
static void
find_distances (const Truth *truth, guint to, guint *distance)
{
  for (guint i = 0; i < truth->n; i++)
    distance[i] = i == to ? 0 : G_MAXUINT;
  for (guint round = 0; round < truth->n; round++)
    for (guint i = 0; i < truth->wish->edges->len; i++)
      {
        const Edge *edge = &g_array_index (truth->wish->edges, Edge, i);
        if (distance[edge->to] == round && distance[edge->from] > round)
          distance[edge->from] = round + 1;
      }
}

static void
check_paths (HatGraph *graph, const Truth *truth)
{
  const HatRoot *roots = hat_graph_snapshot (graph)->roots;

  for (guint to = 0; to < truth->n; to++)
    {
      guint distance[MAX_BLOCKS], n_wanted = 0, shortest = G_MAXUINT;
      find_distances (truth, to, distance);
      for (guint i = 0; i < truth->wish->roots->len; i++)
        {
          n_wanted += distance[roots[i].to] != G_MAXUINT;
          shortest = MIN (shortest, distance[roots[i].to]);
        }
      g_autoptr (GPtrArray) paths = hat_graph_paths (graph, to, 1000);
      guint n_rooted = 0;
      for (guint i = 0; i < paths->len; i++)
        {
          const HatGraphPath *path = g_ptr_array_index (paths, i);
          g_assert_cmpuint (path->blocks[path->n - 1], ==, to);
          g_assert_cmpuint (path->n - 1, ==, distance[path->blocks[0]]);
          if (path->root != HAT_GRAPH_NONE)
            {
              g_assert_cmpuint (roots[path->root].to, ==, path->blocks[0]);
              g_assert_true (n_rooted > 0 || path->n - 1 == shortest);
              n_rooted++;
            }
          for (guint k = 0; k + 1 < path->n; k++)
            {
              g_autoptr (GArray) steps = hat_graph_edges_between (graph, path->blocks + k, 2);
              gboolean is_there = FALSE;
              for (guint s = 0; s < steps->len; s++)
                is_there |= g_array_index (steps, HatGraphEdge, s).from == path->blocks[k]
                            && g_array_index (steps, HatGraphEdge, s).to == path->blocks[k + 1];
              g_assert_true (is_there);
            }
        }
      g_assert_cmpuint (n_rooted, ==, n_wanted);
      g_assert_cmpuint (paths->len, >, 0);
      g_autoptr (GPtrArray) first = hat_graph_paths (graph, to, 1);
      g_assert_cmpuint (first->len, ==, 1);
    }
}

static void
check_cycles (HatGraph *graph, const Truth *truth)
{
  guint n_cycles, n_in_cycles = 0;
  const HatGraphCycle *cycles = hat_graph_cycles (graph, &n_cycles);

  for (guint i = 0; i < n_cycles; i++)
    {
      const HatGraphCycle *cycle = &cycles[i];
      guint64 bytes = 0;
      g_assert_cmpuint (cycle->n_blocks, ==, component_size (truth, cycle->blocks[0]));
      g_assert_cmpuint (cycle->blocks[0], ==, truth->head[cycle->blocks[0]]);
      for (guint k = 0; k < cycle->n_blocks; k++)
        {
          HatGraphBlock block;
          hat_graph_block (graph, cycle->blocks[k], &block);
          g_assert_cmpuint (block.cycle, ==, i);
          g_assert_true (is_same (truth, cycle->blocks[0], cycle->blocks[k]));
          g_assert_cmpuint (true_class (truth, cycle->blocks[k]), ==, cycle->leak_class);
          bytes += block.size;
        }
      g_assert_cmpuint (cycle->bytes, ==, bytes);
      n_in_cycles += cycle->n_blocks;

      /* Certain: joined by pointers known to own alone. */
      gboolean joined[MAX_BLOCKS][MAX_BLOCKS] = { 0 }, is_certain = TRUE;
      for (guint e = 0; e < truth->wish->edges->len; e++)
        {
          const Edge *edge = &g_array_index (truth->wish->edges, Edge, e);
          joined[edge->from][edge->to] |= edge->known == HAT_STRENGTH_STRONG;
        }
      for (guint k = 0; k < truth->n; k++)
        for (guint a = 0; a < truth->n; a++)
          for (guint b = 0; b < truth->n; b++)
            joined[a][b] |= joined[a][k] && joined[k][b];
      for (guint a = 0; a < cycle->n_blocks; a++)
        for (guint b = 0; b < cycle->n_blocks; b++)
          is_certain &= joined[cycle->blocks[a]][cycle->blocks[b]];
      g_assert_cmpint (cycle->confidence, ==, is_certain ? HAT_CONFIDENCE_CERTAIN : HAT_CONFIDENCE_LIKELY);
    }
  for (guint i = 0; i < truth->n; i++)
    n_in_cycles -= !truth->by_any[i] && component_size (truth, i) > 1;
  g_assert_cmpuint (n_in_cycles, ==, 0);
}

static void
check_leaks (HatGraph *graph, const Truth *truth)
{
  g_autofree guint8 *by_stack = g_new0 (guint8, FIXTURE_STACKS + 2);
  gboolean suppressed[MAX_BLOCKS] = { 0 };
  const gboolean suppresses = g_test_rand_bit ();
  g_autoptr (GError) error = NULL;

  if (suppresses)
    {
      by_stack[2] = 0xff;
      for (guint i = 0; i < truth->n; i++)
        suppressed[i] = !truth->by_any[i] && truth->wish->stack[i] == 2;
      for (guint round = 0; round < truth->n; round++)
        for (guint a = 0; a < truth->n; a++)
          for (guint b = 0; b < truth->n; b++)
            suppressed[b] |= suppressed[a] && truth->owns[a][b] && !truth->by_any[b];
      for (guint i = 0; i < truth->n; i++)
        suppressed[i] |= true_class (truth, i) == HAT_LEAK_POSSIBLE && truth->wish->stack[i] == 2;
    }
  g_autoptr (HatLeaks) leaks = hat_graph_leaks (graph, suppresses ? by_stack : NULL, NULL, &error);
  g_assert_no_error (error);
  guint64 blocks[HAT_N_LEAK_CLASSES] = { 0 }, bytes[HAT_N_LEAK_CLASSES] = { 0 }, n_suppressed = 0;
  for (guint i = 0; i < truth->n; i++)
    if (suppressed[i])
      n_suppressed++;
    else
      {
        blocks[true_class (truth, i)]++;
        bytes[true_class (truth, i)] += truth->wish->size[i];
      }
  g_assert_cmpuint (leaks->suppressed_blocks, ==, n_suppressed);
  for (guint c = 0; c < HAT_N_LEAK_CLASSES; c++)
    {
      g_assert_cmpuint (leaks->classes[c].blocks, ==, blocks[c]);
      g_assert_cmpuint (leaks->classes[c].bytes, ==, bytes[c]);
    }
  for (guint i = 0; i < leaks->n; i++)
    {
      const HatLeakGroup *group = &leaks->groups[i];
      guint64 n = 0, sum = 0;
      for (guint b = 0; b < truth->n; b++)
        if (!suppressed[b] && truth->wish->stack[b] == group->stack && true_class (truth, b) == group->leak_class)
          {
            gboolean is_counted = FALSE;
            n++;
            for (guint k = 0; k < truth->n; k++)
              is_counted |= k != b && truth->dominates[k][b] && !suppressed[k] && truth->wish->stack[k] == group->stack
                            && true_class (truth, k) == group->leak_class;
            for (guint k = 0; k < truth->n && !is_counted; k++)
              sum += truth->dominates[b][k] ? truth->wish->size[k] : 0;
          }
      g_assert_cmpuint (group->n_blocks, ==, n);
      g_assert_cmpuint (group->retained_bytes, ==, sum);
      g_assert_nonnull (group->why);
    }
}

static void
check_summary (HatGraph *graph, const Truth *truth)
{
  g_autoptr (GError) error = NULL;
  const guint max = g_test_rand_int_range (1, 8);
  g_autoptr (HatGraphSummary) summary = hat_graph_summary (graph, max, NULL, &error);
  guint n_blocks = 0, n_pointers = 0, n_roots = 0;

  g_assert_no_error (error);
  g_assert_cmpuint (summary->n_nodes, <=, max + 1);
  for (guint i = 0; i < summary->n_nodes; i++)
    {
      n_blocks += summary->nodes[i].n_blocks;
      g_assert_cmpint (summary->nodes[i].is_rest, ==, i == max);
    }
  for (guint i = 0; i < summary->n_edges; i++)
    n_pointers += summary->edges[i].pointers[0] + summary->edges[i].pointers[1] + summary->edges[i].pointers[2];
  for (guint i = 0; i < summary->n_roots; i++)
    n_roots += summary->roots[i].pointers;
  g_assert_cmpuint (n_blocks, ==, truth->n);
  g_assert_cmpuint (n_pointers, ==, truth->wish->edges->len);
  g_assert_cmpuint (n_roots, ==, truth->wish->roots->len);
}

static void
test_random (void)
{
  for (guint i = 0; i < N_GRAPHS; i++)
    {
      g_auto (Wish) wish;
      Truth truth;
      random_wish (&wish);
      g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
      if (!wish.has_types)
        for (guint k = 0; k < wish.n; k++)
          wish.type[k] = HAT_GRAPH_NONE;
      truth_init (&truth, &wish);
      check_blocks (graph, &truth);
      check_edges (graph, &truth);
      check_children (graph, &truth);
      check_paths (graph, &truth);
      check_cycles (graph, &truth);
      check_leaks (graph, &truth);
      check_summary (graph, &truth);
    }
}

/* ---- known graphs ---- */

/* The words of the leak classes, one by one. */
static void
test_classes (void)
{
  g_auto (Wish) wish;
  wish_init (&wish, 14);
  root_at (&wish, 0, 7);   /* a tag in the low bits */
  point (&wish, 0, 1, 16); /* middle only */
  point (&wish, 1, 2, 0);  /* what that holds */
  point (&wish, 3, 4, 0);  /* dropped list */
  point (&wish, 4, 5, 0);
  point (&wish, 3, 3, 0);  /* points to itself: still one */
  point (&wish, 6, 7, 0);  /* ring that holds a tail */
  point (&wish, 7, 6, 0);
  point (&wish, 7, 8, 0);
  point (&wish, 9, 10, 0); /* leak that holds a ring */
  point (&wish, 10, 11, 0);
  point (&wish, 11, 10, 0);
  point (&wish, 9, 0, 0);  /* a leak that points to what is reached */
  point (&wish, 13, 12, 0);
  g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
  static const HatLeakClass wanted[] = {
    HAT_LEAK_REACHABLE, HAT_LEAK_POSSIBLE, HAT_LEAK_POSSIBLE, HAT_LEAK_DIRECT, HAT_LEAK_INDIRECT, HAT_LEAK_INDIRECT, HAT_LEAK_CYCLE,
    HAT_LEAK_CYCLE, HAT_LEAK_INDIRECT, HAT_LEAK_DIRECT, HAT_LEAK_INDIRECT, HAT_LEAK_INDIRECT, HAT_LEAK_INDIRECT, HAT_LEAK_DIRECT,
  };
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    g_assert_cmpstr (hat_leak_class_name (class_of (graph, i)), ==, hat_leak_class_name (wanted[i]));
  guint n_cycles;
  const HatGraphCycle *cycles = hat_graph_cycles (graph, &n_cycles);
  g_assert_cmpuint (n_cycles, ==, 2);
  g_assert_cmpint (cycles[0].leak_class, ==, HAT_LEAK_CYCLE);
  g_assert_cmpint (cycles[1].leak_class, ==, HAT_LEAK_INDIRECT);
  g_assert_cmpuint (cycles[1].n_blocks, ==, 2);
  HatGraphBlock block;
  hat_graph_block (graph, 6, &block);
  g_assert_cmpuint (block.retained_blocks, ==, 3);
}

static void
test_doubtful (void)
{
  g_auto (Wish) wish;
  wish_init (&wish, 3);
  point (&wish, 1, 2, 0);
  wish.doubtful = 1;
  g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
  g_assert_cmpint (class_of (graph, 0), ==, HAT_LEAK_DIRECT);
  g_assert_cmpint (class_of (graph, 1), ==, HAT_LEAK_REACHABLE);
  g_assert_cmpint (class_of (graph, 2), ==, HAT_LEAK_REACHABLE);
}

/* A tree whose children point back: rules make a leak of one root out of a cycle. */
static void
test_weak_rules (void)
{
  g_auto (Wish) wish;
  g_autoptr (GError) error = NULL;
  wish_init (&wish, 3);
  point (&wish, 0, 1, 0);
  point (&wish, 0, 2, 0);
  point (&wish, 1, 0, 0);
  point (&wish, 2, 0, 0);
  HatStackId other = 3;
  while (g_str_equal (hat_stack_function (hat_heap_trace (heap), other), hat_stack_function (hat_heap_trace (heap), 2)))
    other++;
  wish.stack[1] = wish.stack[2] = other;
  g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
  g_assert_cmpint (class_of (graph, 0), ==, HAT_LEAK_CYCLE);
  HatGraphEdge edge;
  hat_graph_edges_out (graph, 1, 0, &edge, 1);
  g_assert_cmpint (edge.strength, ==, HAT_STRENGTH_WEAK);
  g_assert_false (edge.is_certain);
  hat_graph_edges_out (graph, 0, 0, &edge, 1);
  g_assert_cmpint (edge.strength, ==, HAT_STRENGTH_STRONG);

  g_autoptr (HatGraphRules) rules = hat_graph_rules_new (hat_heap_trace (heap));
  g_autofree char *text = g_strdup_printf ("# children know their parent\n\nweak:%s+0x0\n", hat_stack_function (hat_heap_trace (heap), other));
  g_assert_true (hat_graph_rules_add (rules, text, "rules", &error));
  g_autoptr (HatGraph) ruled = graph_with (&wish, rules, NULL);
  g_assert_cmpint (class_of (ruled, 0), ==, HAT_LEAK_DIRECT);
  g_assert_cmpint (class_of (ruled, 1), ==, HAT_LEAK_INDIRECT);
  hat_graph_edges_out (ruled, 1, 0, &edge, 1);
  g_assert_true (edge.strength == HAT_STRENGTH_WEAK && edge.is_certain);
  g_assert_cmpstr (edge.evidence, ==, "declared weak");
  g_autoptr (HatLeaks) leaks = hat_graph_leaks (ruled, NULL, NULL, &error);
  g_assert_cmpstr (leaks->groups[0].why, ==, "no pointer that owns to it is left");

  /* By type and field. */
  wish.has_types = TRUE;
  wish.type[0] = 0;
  wish.type[1] = wish.type[2] = 1;
  g_autoptr (HatGraphRules) typed = hat_graph_rules_new (hat_heap_trace (heap));
  g_assert_true (hat_graph_rules_add (typed, "weak:Br*.field", "rules", &error));
  g_autoptr (HatGraph) by_type = graph_with (&wish, typed, NULL);
  g_assert_cmpint (class_of (by_type, 0), ==, HAT_LEAK_DIRECT);

  /* The rule that a field asks for is one that it follows, also in an array, and in one of arrays. */
  static const char *const elements[] = { NULL, "", "next", "[0]", "[0].next" }, *const rules_of[] = { "field", "[]", "[].next", "[][0]", "[][0].next" };
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++)
    {
      g_autoptr (HatGraphRules) own = hat_graph_rules_new (hat_heap_trace (heap));
      wish.element = elements[i];
      g_autoptr (HatGraph) before = graph_with (&wish, NULL, NULL);
      hat_graph_edges_out (before, 1, 0, &edge, 1);
      g_autofree char *rule = hat_graph_weak_rule (hat_graph_label (before, 1), edge.field, edge.offset), *wanted = g_strdup_printf ("weak:Branch.%s", rules_of[i]);
      g_assert_cmpstr (rule, ==, wanted);
      g_assert_true (hat_graph_rules_add (own, rule, "own", &error));
      g_autoptr (HatGraph) after = graph_with (&wish, own, NULL);
      hat_graph_edges_out (after, 1, 0, &edge, 1);
      g_assert_cmpstr (edge.evidence, ==, "declared weak");
    }
  g_autofree char *by_offset = hat_graph_weak_rule ("main", NULL, 16);
  g_assert_cmpstr (by_offset, ==, "weak:main+16");

  const char *const bad[] = { "weak:", "weak:name", "strong:a+8", "weak:a+8x", "weak:+8", "weak:.f", "weak:a." };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) bad_error = NULL;
      g_assert_false (hat_graph_rules_add (rules, bad[i], "rules", &bad_error));
      g_assert_error (bad_error, HAT_ERROR, HAT_ERROR_USAGE);
    }
}

static void
test_confidence (void)
{
  g_auto (Wish) wish;
  guint n;
  wish_init (&wish, 2);
  wish.has_types = TRUE;
  point (&wish, 0, 1, 0);
  point (&wish, 1, 0, 0);
  g_autoptr (HatGraph) unknown = graph_with (&wish, NULL, NULL);
  g_assert_cmpint (hat_graph_cycles (unknown, &n)->confidence, ==, HAT_CONFIDENCE_LIKELY);
  g_array_index (wish.edges, Edge, 0).known = g_array_index (wish.edges, Edge, 1).known = HAT_STRENGTH_STRONG;
  g_autoptr (HatGraph) known = graph_with (&wish, NULL, NULL);
  g_assert_cmpint (hat_graph_cycles (known, &n)->confidence, ==, HAT_CONFIDENCE_CERTAIN);
  wish.references[0] = 1;
  g_autoptr (HatGraph) counted = graph_with (&wish, NULL, NULL);
  g_assert_cmpint (hat_graph_cycles (counted, &n)->confidence, ==, HAT_CONFIDENCE_PROVEN);
  wish.references[1] = 2; /* somebody else has one */
  g_autoptr (HatGraph) not_all = graph_with (&wish, NULL, NULL);
  g_assert_cmpint (hat_graph_cycles (not_all, &n)->confidence, ==, HAT_CONFIDENCE_CERTAIN);
}

/* ---- interior pointers that mean the whole block ---- */

static const guint64 head_words[][3] = {
  { 56, 0, 0 },     /* length64 */
  { 7, 0, 0 },      /* newarray: 56 = 7 * 8 */
  { 9, 0, 0 },      /* neither */
  { 5, 39, 0 },     /* stdstring: 24 + 39 + 1 = 64 */
  { 40, 39, 0 },    /* longer than its room */
};

static void
add_heads (HatSnapshot *snapshot)
{
  snapshot->n_heads = G_N_ELEMENTS (head_words);
  snapshot->heads = g_new0 (HatBlockHead, snapshot->n_heads);
  for (guint i = 0; i < snapshot->n_heads; i++)
    {
      snapshot->heads[i].block = i + 1;
      memcpy (snapshot->heads[i].words, head_words[i], sizeof head_words[i]);
    }
  const HatModuleWord words[] = { { 6, 0 }, { 6, 2 }, { 7, 0 } };
  snapshot->n_module_words = G_N_ELEMENTS (words);
  snapshot->module_words = g_memdup2 (words, sizeof words);
}

static void
test_heuristics (void)
{
  g_auto (Wish) wish;
  wish_init (&wish, 9);
  root_at (&wish, 0, 0);
  for (guint i = 1; i <= 3; i++)
    point (&wish, 0, i, 8);
  for (guint i = 4; i <= 5; i++)
    point (&wish, 0, i, 24);
  point (&wish, 0, 6, 16); /* two tables of virtual functions */
  point (&wish, 0, 7, 16); /* one */
  root_at (&wish, 8, 8);   /* no words known */
  g_autoptr (HatGraph) graph = graph_with (&wish, NULL, add_heads);
  static const HatLeakClass wanted[] = {
    HAT_LEAK_REACHABLE, HAT_LEAK_REACHABLE, HAT_LEAK_REACHABLE, HAT_LEAK_POSSIBLE, HAT_LEAK_REACHABLE,
    HAT_LEAK_POSSIBLE, HAT_LEAK_REACHABLE, HAT_LEAK_POSSIBLE, HAT_LEAK_POSSIBLE,
  };
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    g_assert_cmpstr (hat_leak_class_name (class_of (graph, i)), ==, hat_leak_class_name (wanted[i]));
  HatGraphEdge edges[7];
  hat_graph_edges_out (graph, 0, 0, edges, 7);
  g_assert_false (edges[0].is_interior);
  g_assert_cmpuint (edges[0].into, ==, 8); /* it still points there */
  g_assert_true (edges[2].is_interior);
}

/* ---- words ---- */

/* Ten blocks of one call, to all of which pointers lead 16 bytes behind the start; and one pointer that leads elsewhere. */
static void
test_headers (void)
{
  HatGraphBlock block;
  for (guint n_elsewhere = 0; n_elsewhere < 3; n_elsewhere++)
    {
      g_auto (Wish) wish;
      wish_init (&wish, 11);
      root_at (&wish, 0, 0);
      wish.stack[0] = 3;
      for (guint i = 1; i < 11; i++)
        point (&wish, 0, i, 16);
      for (guint i = 0; i < n_elsewhere; i++)
        point (&wish, 0, 1, 24 + 8 * i);
      g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
      for (guint i = 1; i < 11; i++)
        {
          hat_graph_block (graph, i, &block);
          /* More than one in ten elsewhere: then it is no rule. */
          g_assert_cmpint (block.leak_class, ==, n_elsewhere < 2 ? HAT_LEAK_REACHABLE : HAT_LEAK_POSSIBLE);
        }
    }
  g_auto (Wish) few;
  wish_init (&few, 8);
  root_at (&few, 0, 0);
  few.stack[0] = 3;
  for (guint i = 1; i < 8; i++)
    point (&few, 0, i, 16);
  g_autoptr (HatGraph) graph = graph_with (&few, NULL, NULL);
  hat_graph_block (graph, 7, &block);
  g_assert_cmpint (block.leak_class, ==, HAT_LEAK_POSSIBLE);
}

static void
test_reasons (void)
{
  g_auto (Wish) wish;
  g_autoptr (GError) error = NULL;
  wish_init (&wish, 7);
  for (guint i = 0; i < 5; i++)
    point (&wish, i, (i + 1) % 5, 0);
  wish.stack[5] = 3;
  wish.stack[6] = 4;
  point (&wish, 5, 6, 0);
  g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
  g_autoptr (HatLeaks) leaks = hat_graph_leaks (graph, NULL, NULL, &error);
  g_autofree char *held = g_strdup_printf ("a lost block of %s holds it", hat_stack_function (hat_heap_trace (heap), 3));
  g_assert_cmpuint (leaks->n, ==, 3);
  g_assert_cmpstr (leaks->groups[0].why, ==, "no pointer to it is left");
  g_assert_cmpint (leaks->groups[0].confidence, ==, HAT_CONFIDENCE_CERTAIN);
  g_assert_cmpstr (leaks->groups[1].why, ==, "5 blocks hold each other; nothing else holds them (a list linked both ways looks the same)");
  g_assert_cmpint (leaks->groups[1].confidence, ==, HAT_CONFIDENCE_LIKELY);
  g_assert_cmpstr (leaks->groups[2].why, ==, held);
}

static void
test_roots (void)
{
  g_auto (Wish) wish;
  wish_init (&wish, 2);
  root_at (&wish, 1, 0);
  const HatRoot roots[] = {
    { .kind = HAT_ROOT_GLOBAL, .to = 1, .module = 1, .offset = 0x40, .name = "", .thread = G_MAXUINT32, .frame = HAT_NO_FRAME },
    { .kind = HAT_ROOT_GLOBAL, .to = 1, .module = 1, .offset = 0x48, .name = "cache", .thread = G_MAXUINT32, .frame = HAT_NO_FRAME },
    { .kind = HAT_ROOT_STACK, .to = 0, .module = G_MAXUINT32, .name = "", .thread = 0, .frame = HAT_NO_FRAME },
    { .kind = HAT_ROOT_REGISTER, .to = 1, .module = G_MAXUINT32, .name = "rbx", .thread = 1, .frame = HAT_NO_FRAME },
    { .kind = HAT_ROOT_GLOBAL, .to = 1, .module = 1, .offset = 0x50, .name = "", .thread = G_MAXUINT32, .frame = HAT_NO_FRAME },
  };
  g_array_append_vals (wish.roots, roots, G_N_ELEMENTS (roots));
  point (&wish, 0, 1, 0);
  g_autoptr (HatGraph) graph = graph_with (&wish, NULL, NULL);
  static const char *const texts[] = { "mapping pool", "global libthing.so+0x40", "global cache in libthing.so", "stack, thread main",
                                       "register rbx, thread 101" };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = hat_graph_root_text (graph, i);
      g_assert_cmpstr (text, ==, texts[i]);
    }
  guint32 n;
  hat_graph_roots_of (graph, 1, &n);
  g_assert_cmpuint (n, ==, 5);
  /* Another slot of the same module comes last, though its path is shorter than that from the stack. */
  g_autoptr (GPtrArray) paths = hat_graph_paths (graph, 1, 10);
  g_assert_cmpuint (paths->len, ==, 6);
  g_assert_cmpuint (((HatGraphPath *) paths->pdata[4])->root, ==, 3);
  g_assert_cmpuint (((HatGraphPath *) paths->pdata[4])->n, ==, 2);
  g_assert_cmpuint (((HatGraphPath *) paths->pdata[5])->root, ==, 5);
  g_autoptr (GPtrArray) few = hat_graph_paths (graph, 1, 2);
  g_assert_cmpuint (few->len, ==, 2);
}

static void
test_patterns (void)
{
  g_assert_true (hat_pattern_matches ("a*c?e", "abbbcde"));
  g_assert_true (hat_pattern_matches ("*", ""));
  g_assert_true (hat_pattern_matches ("*ab", "aab"));
  g_assert_false (hat_pattern_matches ("a", "ab"));
  g_assert_false (hat_pattern_matches ("*b?", "ab"));
  g_assert_true (hat_pattern_found ("b", "abc"));
  g_assert_true (hat_pattern_found ("^a*c$", "abbc"));
  g_assert_false (hat_pattern_found ("^b", "abc"));
}

/* ---- as deep as it gets ---- */

#define DEEP 1000000u

/* A chain: rooted at its start, lost, or lost and closed to a ring. */
static HatGraph *
chain (gboolean is_rooted, gboolean is_ring)
{
  g_autoptr (GError) error = NULL;
  const guint n_edges = DEEP - !is_ring;
  HatLive *live = live_of (DEEP);
  HatSnapshot *snapshot = snapshot_of (DEEP, n_edges, is_rooted);

  for (guint i = 0; i < DEEP; i++)
    {
      live->blocks[i] = (HatBlock) { .address = 0x10000 + 0x20 * (guint64) i, .size = 16, .id = i + 1, .stack = 2 };
      snapshot->first_edge[i + 1] = MIN (i + 1, n_edges);
      if (i < n_edges)
        snapshot->edge_to[i] = (i + 1) % DEEP;
    }
  if (is_rooted)
    snapshot->roots[0] = (HatRoot) { .kind = HAT_ROOT_MAPPING, .name = "" };
  HatGraph *graph = hat_graph_new_for (heap, live, snapshot, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return graph;
}

static void
test_deep (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (HatGraph) graph = chain (i == 0, i == 2);
      HatGraphBlock block;
      hat_graph_block (graph, 0, &block);
      g_assert_cmpuint (block.retained_bytes, ==, 16 * (guint64) DEEP);
      hat_graph_block (graph, DEEP - 1, &block);
      g_assert_cmpuint (block.owner, ==, DEEP - 2);
      g_assert_cmpint (block.leak_class, ==, i == 0 ? HAT_LEAK_REACHABLE : i == 1 ? HAT_LEAK_INDIRECT : HAT_LEAK_CYCLE);
      g_autoptr (GPtrArray) paths = hat_graph_paths (graph, DEEP - 1, 3);
      g_assert_cmpuint (paths->len, ==, 1);
      g_assert_cmpuint (((HatGraphPath *) paths->pdata[0])->n, ==, DEEP);
    }
}

/* So many siblings that they are sorted by digits. */
static void
test_wide (void)
{
  const guint n = 20000;
  g_autoptr (GError) error = NULL;
  HatLive *live = live_of (n);
  HatSnapshot *snapshot = snapshot_of (n, n - 1, 1);
  for (guint i = 0; i < n; i++)
    {
      const guint64 size = i % 5 == 0 ? 64 : (guint64) g_test_rand_int () << g_test_rand_int_range (0, 9);
      live->blocks[i] = (HatBlock) { .address = (guint64) i << 40, .size = size,
                                     .id = i + 1, .stack = 2 + i % 3 };
      snapshot->first_edge[i + 1] = n - 1;
      if (i > 0)
        snapshot->edge_to[i - 1] = i;
    }
  snapshot->roots[0] = (HatRoot) { .kind = HAT_ROOT_MAPPING, .name = "" };
  g_autoptr (HatGraph) graph = hat_graph_new_for (heap, live, snapshot, NULL, NULL, NULL, &error);
  g_autofree guint32 *children = g_new (guint32, n);
  g_assert_cmpuint (hat_graph_children (graph, 0, HAT_GRAPH_NONE, children, n), ==, n - 1);
  for (guint i = 1; i < n - 1; i++)
    {
      HatGraphBlock block, before;
      hat_graph_block (graph, children[i - 1], &before);
      hat_graph_block (graph, children[i], &block);
      g_assert_cmpuint (before.retained_bytes, >=, block.retained_bytes);
    }
  g_autoptr (HatGraphFolds) folds = hat_graph_fold_children (graph, &(guint32) { 0 }, 1);
  g_assert_cmpuint (folds->n, ==, 3);
  g_assert_cmpuint (folds->folds[0].n_blocks + folds->folds[1].n_blocks + folds->folds[2].n_blocks, ==, n - 1);
  /* The same whatever order they come in. */
  for (guint i = n - 2; i > 0; i--)
    {
      const guint other = (guint) g_test_rand_int_range (0, (gint) i + 1);
      const guint32 child = children[i];
      children[i] = children[other];
      children[other] = child;
    }
  g_autoptr (HatGraphFolds) shuffled = hat_graph_fold (graph, children, n - 1);
  g_assert_cmpuint (shuffled->n, ==, folds->n);
  for (guint i = 0; i < folds->n; i++)
    g_assert_cmpmem (shuffled->folds[i].blocks, shuffled->folds[i].n_blocks * sizeof (guint32), folds->folds[i].blocks,
                     folds->folds[i].n_blocks * sizeof (guint32));
}

static gboolean
stop (double share, const char *what, gpointer data)
{
  return share < *(double *) data;
}

static void
test_cancel (void)
{
  for (double until = 0; until < 1; until += 0.1)
    {
      g_autoptr (GError) error = NULL;
      const HatProgress progress = { stop, &until };
      HatLive *live = live_of (1);
      HatSnapshot *snapshot = snapshot_of (1, 0, 0);
      live->blocks[0] = (HatBlock) { .address = 0x10000, .size = 1, .id = 1, .stack = 2 };
      g_autoptr (HatGraph) graph = hat_graph_new_for (heap, live, snapshot, NULL, NULL, &progress, &error);
      if (graph == NULL)
        g_assert_error (error, HAT_ERROR, HAT_ERROR_CANCELLED);
      g_assert_true ((graph == NULL) == (until < 0.85)); /* the last share that is told while a graph is made */
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph/random", test_random);
  g_test_add_func ("/graph/classes", test_classes);
  g_test_add_func ("/graph/doubtful", test_doubtful);
  g_test_add_func ("/graph/weak-rules", test_weak_rules);
  g_test_add_func ("/graph/confidence", test_confidence);
  g_test_add_func ("/graph/heuristics", test_heuristics);
  g_test_add_func ("/graph/headers", test_headers);
  g_test_add_func ("/graph/reasons", test_reasons);
  g_test_add_func ("/graph/roots", test_roots);
  g_test_add_func ("/graph/patterns", test_patterns);
  g_test_add_func ("/graph/deep", test_deep);
  g_test_add_func ("/graph/wide", test_wide);
  g_test_add_func ("/graph/cancel", test_cancel);

  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = fixture_trace (&(FixtureOptions) { .n_events = 3000 });
  heap = hat_heap_new (trace, 0, NULL, &error);
  g_assert_no_error (error);
  const int result = g_test_run ();
  hat_heap_unref (heap);
  return result;
}
