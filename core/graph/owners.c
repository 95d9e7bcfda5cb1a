/* SPDX-License-Identifier: Apache-2.0
 *
 * Who owns whom: the dominator tree, laid out so that a subtree is a range. */

#include "core/graph/graph-private.h"

#include <stdlib.h>
#include <string.h>

#define LONG_LIST 4096 /* is sorted by digits */
#define DIGIT_BITS 11

/* Numbers are those of a depth-first search, from 1; 0 is the virtual root. Arrays are by number unless they say otherwise. */
typedef struct
{
  HatGraph *graph;
  guint32 n;
  guint32 *number;   /* by block */
  guint32 *block;
  guint32 *ancestor; /* first the parent in the search, then compressed */
  guint32 *owner;    /* first the parent in the search, then the immediate dominator */
  guint32 *semi;     /* number of the semidominator; while searching, the next edge */
  guint32 *label;    /* the one of least semi on the way to the ancestor */
  GArray *path;      /* of compress() */
  guint32 *count;    /* blocks in the subtree */
  guint64 *bytes;    /* of the subtree */
  guint32 *place;
} Work;

static void
work_clear (Work *work)
{
  gpointer arrays[] = { work->number, work->block, work->ancestor, work->owner, work->semi,
                        work->label,  work->count, work->bytes,    work->place };

  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_free (arrays[i]);
  g_clear_pointer (&work->path, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Work, work_clear)

/* ---- the search ---- */

static inline guint32
visit (Work *work, guint32 block, guint32 parent, guint32 number)
{
  work->number[block] = number;
  work->block[number] = block;
  work->owner[number] = parent;
  work->semi[number] = work->graph->snapshot->first_edge[block];
  return number;
}

static guint32
search_from (Work *work, guint32 start, guint32 n_found)
{
  const HatGraph *graph = work->graph;
  const guint32 *first_edge = graph->snapshot->first_edge, *edge_to = graph->snapshot->edge_to;

  if (work->number[start] != 0)
    return n_found;
  guint32 at = visit (work, start, 0, ++n_found);
  while (at != 0)
    {
      const guint32 end = first_edge[work->block[at] + 1];
      guint32 edge = work->semi[at];
      while (edge < end && (work->number[edge_to[edge] & ~HAT_EDGE_INTERIOR] != 0 || hat_graph_is_weak (graph, edge)))
        edge++;
      work->semi[at] = edge + 1;
      at = edge < end ? visit (work, edge_to[edge] & ~HAT_EDGE_INTERIOR, at, ++n_found) : work->owner[at];
    }
  return n_found;
}

/* What the virtual root points to. */
static guint32
n_tops (const HatGraph *graph, const GArray *heads)
{
  return graph->snapshot->info.n_roots + graph->snapshot->n_doubtful + heads->len;
}

static guint32
top (const HatGraph *graph, const GArray *heads, guint32 i)
{
  const HatSnapshot *snapshot = graph->snapshot;

  if (i < snapshot->info.n_roots)
    return snapshot->roots[i].to;
  i -= snapshot->info.n_roots;
  return i < snapshot->n_doubtful ? snapshot->doubtful[i] : g_array_index (heads, guint32, i - snapshot->n_doubtful);
}

static void
number_blocks (Work *work, const GArray *heads)
{
  const guint32 n = work->n;
  guint32 n_found = 0;

  work->number = hat_big_new0 (guint32, n);
  work->block = hat_big_new (guint32, n + 1);
  work->owner = hat_big_new (guint32, n + 1);
  work->semi = hat_big_new (guint32, n + 1);
  work->block[0] = HAT_GRAPH_NONE;
  work->owner[0] = 0;
  for (guint32 i = 0; i < n_tops (work->graph, heads); i++)
    n_found = search_from (work, top (work->graph, heads, i), n_found);
  g_assert (n_found == n);
}

/* ---- semi-NCA ---- */

/* Of the blocks on the search's path from `v` up to, but without, the last one below `linked`: the one of least semidominator. */
static inline guint32
least (Work *work, guint32 v, guint32 linked)
{
  guint32 *ancestor = work->ancestor, *label = work->label;
  const guint32 *semi = work->semi;

  if (ancestor[v] < linked)
    return label[v];
  g_array_set_size (work->path, 0);
  do
    {
      g_array_append_val (work->path, v);
      v = ancestor[v];
    }
  while (ancestor[v] >= linked);
  guint32 above = v, best = label[v];
  for (guint i = work->path->len; i-- > 0;)
    {
      v = g_array_index (work->path, guint32, i);
      ancestor[v] = ancestor[above];
      if (semi[best] < semi[label[v]])
        label[v] = best;
      else
        best = label[v];
      above = v;
    }
  return label[v];
}

/* For a block some steps on: where its list of pointers to it begins; for one nearer: the list; then those who point. */
static inline void
fetch_ahead (const Work *work, guint32 w)
{
  const HatGraph *graph = work->graph;

  if (w <= HAT_GRAPH_AHEAD)
    return;
  __builtin_prefetch (&graph->first_in[work->block[w - HAT_GRAPH_AHEAD]]);
  __builtin_prefetch (&graph->in_edge[graph->first_in[work->block[w - HAT_GRAPH_AHEAD / 2]]]);
  const guint32 block = work->block[w - HAT_GRAPH_AHEAD / 4];
  for (guint32 i = graph->first_in[block]; i < MIN (graph->first_in[block] + 2, graph->first_in[block + 1]); i++)
    {
      __builtin_prefetch (&work->ancestor[graph->in_edge[i]]);
      __builtin_prefetch (&work->semi[graph->in_edge[i]]);
    }
}

static void
find_dominators (Work *work, const GArray *heads)
{
  const HatGraph *graph = work->graph;
  const guint32 n = work->n;

  work->path = g_array_new (FALSE, FALSE, sizeof (guint32));
  work->ancestor = memcpy (hat_big_new (guint32, n + 1), work->owner, (n + 1) * sizeof (guint32));
  work->label = hat_big_new (guint32, n + 1);
  for (guint32 w = 0; w <= n; w++)
    work->label[w] = work->semi[w] = w;
  for (guint32 i = 0; i < n_tops (graph, heads); i++)
    work->semi[work->number[top (graph, heads, i)]] = 0;
  /* For as long as this takes, the numbers of the blocks that point to a block stand where those edges were: one array of edges less. */
  hat_graph_turn_edges (work->graph, work->number);
  g_clear_pointer (&work->number, g_free);

  for (guint32 w = n; w > 0; w--)
    {
      const guint32 block = work->block[w];
      fetch_ahead (work, w);
      guint32 semi = MIN (work->semi[w], work->owner[w]);
      for (guint32 i = graph->first_in[block]; i < graph->first_in[block + 1] && semi > 0; i++)
        {
          const guint32 v = graph->in_edge[i];
          if (v != 0)
            semi = MIN (semi, v < w ? v : work->semi[least (work, v, w + 1)]);
        }
      work->semi[w] = semi;
    }
  for (guint32 w = 1; w <= n; w++)
    while (work->owner[w] > work->semi[w])
      work->owner[w] = work->owner[work->owner[w]];
  g_clear_pointer (&work->ancestor, g_free);
  g_clear_pointer (&work->semi, g_free);
  g_clear_pointer (&work->label, g_free);
  hat_graph_turn_edges (work->graph, NULL);
}

/* ---- sizes and places ---- */

static void
sum_up (Work *work)
{
  work->count = hat_big_new (guint32, work->n + 1);
  work->bytes = hat_big_new (guint64, work->n + 1);
  work->count[0] = 1;
  work->bytes[0] = 0;
  for (guint32 w = 1; w <= work->n; w++)
    {
      __builtin_prefetch (&work->graph->size[work->block[MIN (w + HAT_GRAPH_AHEAD, work->n)]]);
      work->count[w] = 1;
      work->bytes[w] = hat_graph_size (work->graph, work->block[w]);
    }
  for (guint32 w = work->n; w > 0; w--)
    {
      work->count[work->owner[w]] += work->count[w];
      work->bytes[work->owner[w]] += work->bytes[w];
    }
}

static int
compare_bytes (gconstpointer a, gconstpointer b, gpointer data)
{
  const guint64 *bytes = data;
  const guint64 x = bytes[*(const guint32 *) a], y = bytes[*(const guint32 *) b];

  return x > y ? -1 : x < y;
}

static inline guint64
key_of (const guint64 *bytes, guint32 number)
{
  return bytes ? bytes[number] : (guint32) ~number;
}

/* By digits. Biggest first by `bytes`, equal ones stay in their order; NULL: by the numbers, smallest first. */
static void
sort_long_list (const guint64 *bytes, guint32 *numbers, guint32 n)
{
  g_autofree guint32 *spare = hat_big_new (guint32, n);
  g_autofree guint32 *starts = g_new (guint32, 1u << DIGIT_BITS);
  guint64 all = 0;

  for (guint32 i = 0; i < n; i++)
    all |= key_of (bytes, numbers[i]);
  for (guint shift = 0; shift < 64 && all >> shift != 0; shift += DIGIT_BITS)
    {
      const guint64 mask = (1u << DIGIT_BITS) - 1;
      memset (starts, 0, sizeof (guint32) << DIGIT_BITS);
      for (guint32 i = 0; i < n; i++)
        starts[key_of (bytes, numbers[i]) >> shift & mask]++;
      guint32 sum = 0;
      for (guint32 d = 1u << DIGIT_BITS; d-- > 0;)
        {
          const guint32 count = starts[d];
          starts[d] = sum;
          sum += count;
        }
      for (guint32 i = 0; i < n; i++)
        spare[starts[key_of (bytes, numbers[i]) >> shift & mask]++] = numbers[i];
      memcpy (numbers, spare, n * sizeof (guint32));
    }
}

/* Biggest first; equal ones stay in the order of the search. */
static void
sort_siblings (const Work *work, guint32 *siblings, guint32 n)
{
  if (n < LONG_LIST)
    g_qsort_with_data (siblings, (gint) n, sizeof (guint32), compare_bytes, work->bytes);
  else
    sort_long_list (work->bytes, siblings, n);
}

static void
find_places (Work *work)
{
  const guint32 n = work->n;
  g_autofree guint32 *first = hat_big_new0 (guint32, n + 3);
  g_autofree guint32 *child = hat_big_new (guint32, n);
  guint32 *next = first + 1;

  for (guint32 w = 1; w <= n; w++)
    next[work->owner[w] + 1]++;
  for (guint32 w = 0; w <= n; w++)
    next[w + 1] += next[w];
  for (guint32 w = 1; w <= n; w++)
    child[next[work->owner[w]]++] = w;
  work->place = hat_big_new (guint32, n + 1);
  work->place[0] = 0;
  for (guint32 w = 0; w <= n; w++)
    {
      guint32 place = work->place[w] + 1;
      if (first[w + 1] - first[w] > 1)
        sort_siblings (work, child + first[w], first[w + 1] - first[w]);
      for (guint32 i = first[w]; i < first[w + 1]; i++)
        {
          work->place[child[i]] = place;
          place += work->count[child[i]];
        }
    }
}

/* Each array gives way to its successor before the next one comes: ten million blocks would not fit twice. */
static void
lay_out (Work *work)
{
  HatGraph *graph = work->graph;
  const guint32 n = work->n;

  graph->owner_at = hat_big_new (guint32, n + 1);
  for (guint32 w = 0; w <= n; w++)
    graph->owner_at[work->place[w]] = work->place[work->owner[w]];
  g_clear_pointer (&work->owner, g_free);
  graph->count_at = hat_big_new (guint32, n + 1);
  for (guint32 w = 0; w <= n; w++)
    graph->count_at[work->place[w]] = work->count[w];
  g_clear_pointer (&work->count, g_free);
  graph->bytes_at = hat_big_new (guint64, n + 1);
  for (guint32 w = 0; w <= n; w++)
    graph->bytes_at[work->place[w]] = work->bytes[w];
  g_clear_pointer (&work->bytes, g_free);
  graph->block_at = hat_big_new (guint32, n + 1);
  for (guint32 w = 0; w <= n; w++)
    graph->block_at[work->place[w]] = work->block[w];
  g_clear_pointer (&work->block, g_free);
  graph->place = hat_big_new (guint32, n);
  for (guint32 place = 1; place <= n; place++)
    graph->place[graph->block_at[place]] = place;
}

gboolean
hat_graph_find_owners (HatGraph *graph, const GArray *heads, const HatProgress *progress, GError **error)
{
  g_auto (Work) work = { .graph = graph, .n = graph->n };

  if (!hat_progress_tick (progress, 0.5, "finding owners", error))
    return FALSE;
  number_blocks (&work, heads);
  if (!hat_progress_tick (progress, 0.65, "finding owners", error))
    return FALSE;
  find_dominators (&work, heads);
  if (!hat_progress_tick (progress, 0.85, "adding up what they own", error))
    return FALSE;
  sum_up (&work);
  find_places (&work);
  lay_out (&work);
  return TRUE;
}

/* ---- what an owner owns ---- */

guint32
hat_graph_children (HatGraph *graph, guint32 owner, guint32 after, guint32 *children, guint32 max)
{
  const guint32 top_place = owner == HAT_GRAPH_NONE ? 0 : graph->place[owner];
  const guint32 end = top_place + graph->count_at[top_place];
  guint32 n = 0, place = after == HAT_GRAPH_NONE ? top_place + 1 : graph->place[after] + graph->count_at[graph->place[after]];

  for (; place < end && n < max; place += graph->count_at[place])
    children[n++] = graph->block_at[place];
  return n;
}

/* ---- folds ---- */

typedef struct
{
  HatStackId stack;
  guint32 type;
  HatLeakClass leak_class;
} Key;

static guint
key_hash (gconstpointer data)
{
  const Key *key = data;

  return (key->stack * 0x9e3779b1u ^ key->type) * 8 + key->leak_class;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  const Key *x = a, *y = b;

  return x->stack == y->stack && x->type == y->type && x->leak_class == y->leak_class;
}

static int
compare_folds (gconstpointer a, gconstpointer b)
{
  const HatGraphFold *x = a, *y = b;

  if (x->retained_bytes != y->retained_bytes)
    return x->retained_bytes > y->retained_bytes ? -1 : 1;
  return x->blocks[0] < y->blocks[0] ? -1 : x->blocks[0] > y->blocks[0];
}

static int
compare_retained (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatGraph *graph = data;
  const guint32 x = graph->place[*(const guint32 *) a], y = graph->place[*(const guint32 *) b];

  if (graph->bytes_at[x] != graph->bytes_at[y])
    return graph->bytes_at[x] > graph->bytes_at[y] ? -1 : 1;
  return x < y ? -1 : x > y;
}

/* What one block owns is mostly in order already, and may be millions. */
static void
sort_by_retained (const HatGraph *graph, guint32 *blocks, guint32 n)
{
  guint32 i = 1;

  while (i < n && compare_retained (&blocks[i - 1], &blocks[i], (gpointer) graph) <= 0)
    i++;
  if (i >= n)
    return;
  if (n < LONG_LIST)
    {
      g_qsort_with_data (blocks, (gint) n, sizeof *blocks, compare_retained, (gpointer) graph);
      return;
    }
  for (i = 0; i < n; i++)
    blocks[i] = graph->place[blocks[i]];
  sort_long_list (NULL, blocks, n);
  sort_long_list (graph->bytes_at, blocks, n);
  for (i = 0; i < n; i++)
    blocks[i] = graph->block_at[blocks[i]];
}

HatGraphFolds *
hat_graph_fold (HatGraph *graph, const guint32 *blocks, guint32 n_blocks)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new_full (key_hash, key_equal, g_free, NULL);
  g_autoptr (GArray) folds = g_array_new (FALSE, TRUE, sizeof (HatGraphFold));
  g_autofree guint32 *fold_of = g_new (guint32, MAX (n_blocks, 1));
  HatGraphFolds *result = g_new0 (HatGraphFolds, 1);
  Key last = { 0 };
  gpointer number = NULL;

  for (guint32 i = 0; i < n_blocks; i++)
    {
      const guint32 block = blocks[i];
      const Key key = { graph->stack[block], hat_graph_type (graph, block), hat_graph_class (graph, block) };
      const gboolean is_same = i > 0 && key_equal (&key, &last);
      last = key;
      if (!is_same && !g_hash_table_lookup_extended (numbers, &key, NULL, &number))
        {
          const HatGraphFold fresh = { .stack = key.stack, .type = key.type, .leak_class = key.leak_class };
          number = GUINT_TO_POINTER (folds->len);
          g_array_append_val (folds, fresh);
          g_hash_table_insert (numbers, g_memdup2 (&key, sizeof key), number);
        }
      fold_of[i] = GPOINTER_TO_UINT (number);
      HatGraphFold *fold = &g_array_index (folds, HatGraphFold, fold_of[i]);
      fold->n_blocks++;
      fold->bytes += hat_graph_size (graph, block);
      fold->retained_bytes += graph->bytes_at[graph->place[block]];
    }
  result->n = folds->len;
  result->folds = (HatGraphFold *) g_array_free (g_steal_pointer (&folds), FALSE);
  result->blocks = g_new (guint32, n_blocks);
  g_autofree guint32 *next = g_new (guint32, MAX (result->n, 1));
  guint32 sum = 0;
  for (guint i = 0; i < result->n; i++)
    {
      next[i] = sum;
      result->folds[i].blocks = result->blocks + sum;
      sum += result->folds[i].n_blocks;
    }
  for (guint32 i = 0; i < n_blocks; i++)
    result->blocks[next[fold_of[i]]++] = blocks[i];
  for (guint i = 0; i < result->n; i++)
    sort_by_retained (graph, (guint32 *) result->folds[i].blocks, result->folds[i].n_blocks);
  if (result->n > 1)
    qsort (result->folds, result->n, sizeof (HatGraphFold), compare_folds);
  return result;
}

HatGraphFolds *
hat_graph_fold_children (HatGraph *graph, const guint32 *owners, guint32 n_owners)
{
  const guint32 virtual_root = HAT_GRAPH_NONE;
  g_autoptr (GArray) children = g_array_new (FALSE, FALSE, sizeof (guint32));

  if (n_owners == 0)
    {
      owners = &virtual_root;
      n_owners = 1;
    }
  for (guint32 i = 0; i < n_owners; i++)
    {
      const guint32 top_place = owners[i] == HAT_GRAPH_NONE ? 0 : graph->place[owners[i]];
      const guint32 end = top_place + graph->count_at[top_place];
      for (guint32 place = top_place + 1; place < end; place += graph->count_at[place])
        g_array_append_val (children, graph->block_at[place]);
    }
  return hat_graph_fold (graph, (const guint32 *) children->data, children->len);
}

void
hat_graph_folds_free (HatGraphFolds *folds)
{
  if (folds == NULL)
    return;
  g_free (folds->folds);
  g_free (folds->blocks);
  g_free (folds);
}
