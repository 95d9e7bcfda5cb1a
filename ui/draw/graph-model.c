/* SPDX-License-Identifier: Apache-2.0 */

/* What a picture of the object graph shows: nodes and lines. */

#include "ui/draw/graph-private.h"

#include <string.h>

#define ROW_PX 18.5 /* a node of one row of text, and the gap below it */
#define LEAST_ROWS 12
#define MOST_LOST 10u        /* top nodes kept for what is lost, however small */
#define FIRST_CHILDREN 8u    /* of a node that the first look unfolds */
#define SMALL_SHARE 200u     /* the first look leaves nodes below 1/200 of everything folded */
#define FIRST_DEPTH 6u       /* and those in farther columns */
#define CHAIN_LEAST 8u       /* lists up to this length are shown block by block */
#define CHAIN_HEADS 4u       /* so many blocks of a chain at once come out of it */
#define SAMPLE_BLOCKS 64u    /* of a fold: for lines */
#define SAMPLE_OWNED 8u
#define SAMPLE_ROOTS 256u    /* of a fold: for its chip */
#define OWNERS_SHOWN 3u      /* on either side of the gap in a long path */
#define HOLDERS_SHOWN 6u
#define MOST_PATHS 24u
#define MOST_ROOTS 8u         /* told apart for one chip */

typedef struct
{
  HatGraph *graph;
  HatColors *colors;
  HatGraphTree tree;
  GArray *nodes;     /* HatGraphNode, parents before children, subtrees together */
  GPtrArray *stores; /* GBytes */
  guint8 *shown;     /* bit for each block that has a node */
  const HatProgress *progress;
  GError *error;     /* cancelled */
} Builder;

static HatGraphNode *
node_at (Builder *builder, guint node)
{
  return &g_array_index (builder->nodes, HatGraphNode, node);
}

static gboolean
goes_on (Builder *builder, const char *what)
{
  return !builder->error && hat_progress_tick (builder->progress, 0.9, what, &builder->error);
}

/* ---- keeping what nodes point into ---- */

static const guint32 *
keep_blocks (Builder *builder, GArray *blocks)
{
  gsize size = blocks->len * sizeof (guint32);
  GBytes *bytes = g_bytes_new_take (g_array_free (blocks, FALSE), size);

  g_ptr_array_add (builder->stores, bytes);
  return g_bytes_get_data (bytes, NULL);
}

static const HatGraphFolds *
keep_folds (Builder *builder, HatGraphFolds *folds)
{
  g_ptr_array_add (builder->stores,
                   g_bytes_new_with_free_func (folds, sizeof *folds, (GDestroyNotify) hat_graph_folds_free, folds));
  return folds;
}

static gboolean
is_shown (const Builder *builder, guint32 block)
{
  return builder->shown[block / 8] >> block % 8 & 1;
}

static void
set_shown (Builder *builder, const HatGraphNode *node)
{
  for (guint32 i = 0; i < node->n_blocks; i++)
    builder->shown[node->blocks[i] / 8] |= (guint8) (1 << node->blocks[i] % 8);
}

/* ---- builder and model ---- */

static void
copy_node (HatGraphNode *to, const HatGraphNode *from)
{
  *to = *from;
  if (from->title)
    g_ref_string_acquire (from->title);
  if (from->detail)
    g_ref_string_acquire (from->detail);
}

static void
clear_node (gpointer data)
{
  HatGraphNode *node = data;

  g_clear_pointer (&node->title, g_ref_string_release);
  g_clear_pointer (&node->detail, g_ref_string_release);
}

static void
builder_init (Builder *builder, HatGraph *graph, HatColors *colors, HatGraphTree tree, const HatProgress *progress)
{
  *builder = (Builder){ .graph = graph, .colors = colors, .tree = tree, .progress = progress };
  builder->nodes = g_array_new (FALSE, TRUE, sizeof (HatGraphNode));
  builder->stores = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  builder->shown = g_malloc0 (hat_graph_n_blocks (graph) / 8 + 1);
}

static void
builder_init_from (Builder *builder, HatGraphModel *model, const HatProgress *progress)
{
  builder_init (builder, model->graph, model->colors, model->tree, progress);
  for (guint i = 0; i < model->stores->len; i++)
    g_ptr_array_add (builder->stores, g_bytes_ref (g_ptr_array_index (model->stores, i)));
  g_array_set_size (builder->nodes, model->n_nodes);
  for (guint i = 0; i < model->n_nodes; i++)
    {
      copy_node (node_at (builder, i), &model->nodes[i]);
      set_shown (builder, &model->nodes[i]);
    }
}

static void add_lines (Builder *builder, HatGraphModel *model);

static HatGraphModel *
builder_finish (Builder *builder, guint32 block, guint64 bytes, GError **error)
{
  HatGraphModel *model = NULL;

  if (goes_on (builder, "finding pointers between nodes"))
    {
      model = g_new0 (HatGraphModel, 1);
      g_atomic_ref_count_init (&model->refs);
      model->graph = hat_graph_ref (builder->graph);
      model->colors = builder->colors ? hat_colors_ref (builder->colors) : NULL;
      model->tree = builder->tree;
      model->block = block;
      model->bytes = bytes;
      for (guint i = 0; i < builder->nodes->len; i++)
        if (!node_at (builder, i)->title)
          hat_graph_node_name (builder->graph, node_at (builder, i));
      model->n_nodes = builder->nodes->len;
      model->nodes = (HatGraphNode *) g_array_free (g_steal_pointer (&builder->nodes), FALSE);
      model->stores = g_steal_pointer (&builder->stores);
      add_lines (builder, model);
    }
  else
    {
      g_array_set_clear_func (builder->nodes, clear_node);
      g_propagate_error (error, builder->error);
    }
  g_clear_pointer (&builder->nodes, g_array_unref);
  g_clear_pointer (&builder->stores, g_ptr_array_unref);
  g_free (builder->shown);
  return model;
}

HatGraphModel *
hat_graph_model_ref (HatGraphModel *model)
{
  g_atomic_ref_count_inc (&model->refs);
  return model;
}

void
hat_graph_model_unref (HatGraphModel *model)
{
  if (!model || !g_atomic_ref_count_dec (&model->refs))
    return;
  for (guint i = 0; i < model->n_nodes; i++)
    clear_node (&model->nodes[i]);
  g_free (model->nodes);
  g_free (model->lines);
  g_ptr_array_unref (model->stores);
  hat_graph_unref (model->graph);
  g_clear_pointer (&model->colors, hat_colors_unref);
  g_free (model);
}

/* ---- nodes ---- */

static guint
end_of (Builder *builder, guint node)
{
  guint end = node + 1;

  while (end < builder->nodes->len && node_at (builder, end)->depth > node_at (builder, node)->depth)
    end++;
  return end;
}

/* As the last child of `parent`. Takes nothing: blocks and folds have to be kept already. */
static guint
add_node (Builder *builder, guint parent, HatGraphNode node)
{
  guint at = parent == HAT_NODE_NONE ? builder->nodes->len : end_of (builder, parent);

  node.parent = parent;
  node.depth = parent == HAT_NODE_NONE ? 0 : node_at (builder, parent)->depth + 1;
  for (guint i = at; i < builder->nodes->len; i++)
    if (node_at (builder, i)->parent != HAT_NODE_NONE && node_at (builder, i)->parent >= at)
      node_at (builder, i)->parent++;
  g_array_insert_val (builder->nodes, at, node);
  set_shown (builder, &node);
  return at;
}

static void
remove_nodes (Builder *builder, guint first, guint end)
{
  for (guint i = first; i < end; i++)
    clear_node (node_at (builder, i));
  for (guint i = end; i < builder->nodes->len; i++)
    if (node_at (builder, i)->parent != HAT_NODE_NONE && node_at (builder, i)->parent >= end)
      node_at (builder, i)->parent -= end - first;
  if (end > first)
    g_array_remove_range (builder->nodes, first, end - first);
}

static gboolean
has_more (Builder *builder, const guint32 *blocks, guint32 n)
{
  HatGraphBlock block;

  for (guint32 i = 0; i < MIN (n, SAMPLE_BLOCKS); i++)
    {
      if (builder->tree == HAT_GRAPH_REFERENCES)
        {
          HatGraphEdge edge;
          if (hat_graph_edges_out (builder->graph, blocks[i], 0, &edge, 1))
            return TRUE;
          continue;
        }
      hat_graph_block (builder->graph, blocks[i], &block);
      if (block.retained_blocks > 1)
        return TRUE;
    }
  return FALSE;
}

static HatSwatch
swatch_of (Builder *builder, HatStackId stack)
{
  return builder->colors ? hat_colors_stack (builder->colors, HAT_BY_FUNCTION, stack) : HAT_SWATCH_OTHER;
}

static HatGraphNode
node_of_block (Builder *builder, const guint32 *block)
{
  HatGraphBlock facts;
  HatGraphNode node = { .kind = HAT_NODE_BLOCK, .n_blocks = 1, .blocks = block };

  hat_graph_block (builder->graph, *block, &facts);
  node.stack = facts.stack;
  node.type = facts.type;
  node.cycle = facts.cycle;
  node.leak_class = facts.leak_class;
  node.swatch = swatch_of (builder, facts.stack);
  node.bytes = facts.size;
  node.retained_bytes = facts.retained_bytes;
  node.has_more = has_more (builder, block, 1);
  hat_graph_count_in (builder->graph, *block, node.counts);
  return node;
}

static gboolean
is_alike (const HatGraphFold *a, const HatGraphFold *b)
{
  return a->stack == b->stack && a->type == b->type && a->leak_class == b->leak_class;
}

/* A list: as long as among what the blocks own there are no more of their own kind than there are of them. NULL: too short. */
static GArray *
follow_chain (Builder *builder, const HatGraphFold *head)
{
  g_autoptr (GArray) blocks = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (HatGraphFolds) folds = NULL;
  HatGraphFold now = *head;
  guint length;

  for (length = 1;; length++)
    {
      const HatGraphFold *next = NULL;
      HatGraphFolds *children;

      g_array_append_vals (blocks, now.blocks, now.n_blocks);
      if (length % 1024 == 0 && !goes_on (builder, "following a list"))
        return NULL;
      children = hat_graph_fold_children (builder->graph, now.blocks, now.n_blocks);
      for (guint i = 0; i < children->n && !next; i++)
        if (is_alike (&children->folds[i], head))
          next = &children->folds[i];
      if (!next || next->n_blocks > now.n_blocks)
        {
          hat_graph_folds_free (children);
          break;
        }
      now = *next;
      g_clear_pointer (&folds, hat_graph_folds_free);
      folds = children; /* `now` points into it */
    }
  return length > CHAIN_LEAST ? g_steal_pointer (&blocks) : NULL;
}

/* What a fold becomes: one block, equal ones, or the head of a list. */
static HatGraphNode
node_of_fold (Builder *builder, const HatGraphFold *fold, gboolean follows)
{
  HatGraphNode node = { .kind = HAT_NODE_FOLD, .n_blocks = fold->n_blocks, .blocks = fold->blocks };
  HatGraphBlock facts;
  GArray *chain = follows && builder->tree == HAT_GRAPH_OWNERS ? follow_chain (builder, fold) : NULL;

  if (!chain && fold->n_blocks == 1)
    return node_of_block (builder, fold->blocks);
  hat_graph_block (builder->graph, fold->blocks[0], &facts);
  node.stack = fold->stack;
  node.type = fold->type;
  node.leak_class = fold->leak_class;
  node.cycle = fold->n_blocks == 1 || chain ? facts.cycle : HAT_GRAPH_NONE;
  node.swatch = swatch_of (builder, fold->stack);
  node.bytes = fold->bytes;
  node.retained_bytes = fold->retained_bytes;
  node.has_more = has_more (builder, fold->blocks, fold->n_blocks);
  if (chain)
    {
      node.kind = HAT_NODE_CHAIN;
      node.n_heads = fold->n_blocks;
      node.n_blocks = chain->len;
      node.bytes = 0;
      for (guint i = 0; i < chain->len; i++)
        {
          hat_graph_block (builder->graph, g_array_index (chain, guint32, i), &facts);
          node.bytes += facts.size;
        }
      node.blocks = keep_blocks (builder, chain);
      node.has_more = node.retained_bytes > node.bytes;
    }
  return node;
}

static void
add_rest (Builder *builder, guint parent, const HatGraphFolds *folds, guint first)
{
  HatGraphNode node = {
    .kind = HAT_NODE_REST, .folds = folds, .first_fold = first, .type = HAT_GRAPH_NONE, .cycle = HAT_GRAPH_NONE,
    .leak_class = HAT_LEAK_REACHABLE, .swatch = HAT_SWATCH_OTHER, .has_more = TRUE
  };

  if (first >= folds->n)
    return;
  for (guint i = first; i < folds->n; i++)
    {
      node.bytes += folds->folds[i].bytes;
      node.retained_bytes += folds->folds[i].retained_bytes;
    }
  add_node (builder, parent, node);
}

static void
add_folds (Builder *builder, guint parent, const HatGraphFolds *folds, guint first, guint max)
{
  guint end = MIN (folds->n, first + max);

  if (end + 1 == folds->n) /* one more takes no more room than to say so */
    end++;
  for (guint i = first; i < end && !builder->error; i++)
    add_node (builder, parent, node_of_fold (builder, &folds->folds[i], TRUE));
  add_rest (builder, parent, folds, end);
}

/* What the blocks of a node own, or point to, and is not shown yet. */
static GArray *
gather_children (Builder *builder, const guint32 *blocks, guint32 n)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint32 children[256];
  HatGraphEdge edges[256];
  g_autofree guint8 *is_met = builder->tree == HAT_GRAPH_REFERENCES
                                  ? g_malloc0 (hat_graph_n_blocks (builder->graph) / 8 + 1) : NULL;

  for (guint32 i = 0; i < n; i++)
    {
      guint32 got, first = 0, after = HAT_GRAPH_NONE;

      if (i % 4096 == 4095 && !goes_on (builder, "unfolding"))
        break;
      do
        {
          if (is_met)
            got = MIN (hat_graph_edges_out (builder->graph, blocks[i], first, edges, 256) - first, 256);
          else
            got = hat_graph_children (builder->graph, blocks[i], after, children, 256);
          for (guint32 k = 0; k < got; k++)
            {
              guint32 child = is_met ? edges[k].to : children[k];
              if (is_shown (builder, child) || (is_met && is_met[child / 8] >> child % 8 & 1))
                continue;
              if (is_met)
                is_met[child / 8] |= (guint8) (1 << child % 8);
              g_array_append_val (found, child);
            }
          first += got;
          after = got > 0 && !is_met ? children[got - 1] : after;
        }
      while (got == 256 && goes_on (builder, "unfolding"));
    }
  return found;
}

static void
expand (Builder *builder, guint at, guint max)
{
  HatGraphNode node = *node_at (builder, at);
  GArray *children;

  if (node.kind == HAT_NODE_REST)
    {
      guint parent = node.parent;
      remove_nodes (builder, at, at + 1);
      add_folds (builder, parent, node.folds, node.first_fold, max);
      return;
    }
  if (!node.n_blocks || builder->tree == HAT_GRAPH_PATHS)
    return;
  node_at (builder, at)->has_more = FALSE;
  children = gather_children (builder, node.blocks, node.n_blocks);
  if (children->len && goes_on (builder, "unfolding"))
    add_folds (builder, at,
               keep_folds (builder, hat_graph_fold (builder->graph, (const guint32 *) (gpointer) children->data, children->len)),
               0, max);
  g_array_unref (children);
}

/* ---- chips ---- */

/* The chip that reads so, made if there is none. Takes over the strings. */
static guint
chip_of (Builder *builder, guint parent, char *title, char *detail, gboolean is_lost)
{
  HatGraphNode chip = { .kind = HAT_NODE_ROOT, .type = HAT_GRAPH_NONE, .cycle = HAT_GRAPH_NONE,
                        .leak_class = HAT_LEAK_REACHABLE, .swatch = HAT_SWATCH_OTHER, .is_lost = is_lost };
  guint found = HAT_NODE_NONE;

  for (guint i = 0; i < builder->nodes->len && found == HAT_NODE_NONE; i++)
    if (node_at (builder, i)->kind == HAT_NODE_ROOT && node_at (builder, i)->parent == parent
        && g_str_equal (node_at (builder, i)->title, title) && g_str_equal (node_at (builder, i)->detail, detail))
      found = i;
  if (found == HAT_NODE_NONE)
    {
      chip.title = g_ref_string_new (title);
      chip.detail = g_ref_string_new (detail);
      found = add_node (builder, parent, chip);
    }
  g_free (title);
  g_free (detail);
  return found;
}

/* One root for each text among those of a fold. */
static GArray *
different_roots (Builder *builder, const guint32 *blocks, guint32 n_blocks)
{
  GArray *different = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GHashTable) texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint32 i = 0; i < MIN (n_blocks, SAMPLE_ROOTS) && different->len < MOST_ROOTS; i++)
    {
      guint32 n;
      const guint32 *roots = hat_graph_roots_of (builder->graph, blocks[i], &n);
      for (guint32 k = 0; k < MIN (n, MOST_ROOTS); k++)
        if (g_hash_table_add (texts, hat_graph_root_text (builder->graph, roots[k])))
          g_array_append_val (different, roots[k]);
    }
  return different;
}

static guint
chip_without_root (Builder *builder, const HatGraphNode *top)
{
  HatGraphBlock block;

  hat_graph_block (builder->graph, top->blocks[0], &block);
  if (block.is_doubtful)
    return chip_of (builder, HAT_NODE_NONE, g_strdup ("A call under way"), g_strdup ("had it in its hands"), FALSE);
  switch (top->leak_class)
    {
    case HAT_LEAK_DIRECT:
      return chip_of (builder, HAT_NODE_NONE, g_strdup ("Lost"), g_strdup ("nothing points here"), TRUE);
    case HAT_LEAK_CYCLE:
      return chip_of (builder, HAT_NODE_NONE, g_strdup ("Lost in a cycle"), g_strdup ("only its own ring holds it"), TRUE);
    case HAT_LEAK_INDIRECT:
      return chip_of (builder, HAT_NODE_NONE, g_strdup ("Lost, shared"), g_strdup ("held by lost blocks"), TRUE);
    default:
      return chip_of (builder, HAT_NODE_NONE, g_strdup ("Shared"), g_strdup ("held by several owners"), FALSE);
    }
}

/* Each under a chip of the first root that points to it. The nodes are taken over. */
static void
add_tops (Builder *builder, GArray *tops)
{
  for (guint i = 0; i < tops->len; i++)
    {
      HatGraphNode *top = &g_array_index (tops, HatGraphNode, i);
      g_autoptr (GArray) roots = different_roots (builder, top->blocks, top->n_blocks);
      char *title, *detail;
      guint chip;

      if (roots->len)
        {
          hat_graph_chip_words (builder->graph, g_array_index (roots, guint32, 0), &title, &detail);
          if (roots->len > 1)
            {
              char *more = roots->len >= MOST_ROOTS ? g_strdup_printf ("%s, and many more", detail)
                                                    : g_strdup_printf ("%s, and %u more", detail, roots->len - 1);
              g_free (detail);
              detail = more;
            }
          chip = chip_of (builder, HAT_NODE_NONE, title, detail, FALSE);
        }
      else
        chip = chip_without_root (builder, top);
      add_node (builder, chip, *top);
    }
}

/* All that roots point to, each block once, and what is lost. */
static HatGraphFolds *
fold_root_targets (Builder *builder)
{
  const HatSnapshot *snapshot = hat_graph_snapshot (builder->graph);
  g_autofree guint8 *is_met = g_malloc0 (hat_graph_n_blocks (builder->graph) / 8 + 1);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint32 children[256], got, after = HAT_GRAPH_NONE;

  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    {
      guint32 to = snapshot->roots[i].to;
      if (is_met[to / 8] >> to % 8 & 1)
        continue;
      is_met[to / 8] |= (guint8) (1 << to % 8);
      g_array_append_val (found, to);
    }
  do
    {
      got = hat_graph_children (builder->graph, HAT_GRAPH_NONE, after, children, 256);
      for (guint32 i = 0; i < got; i++)
        {
          HatGraphBlock block;
          hat_graph_block (builder->graph, children[i], &block);
          if (block.leak_class != HAT_LEAK_REACHABLE && !(is_met[children[i] / 8] >> children[i] % 8 & 1))
            g_array_append_val (found, children[i]);
        }
      after = got > 0 ? children[got - 1] : after;
    }
  while (got == 256 && goes_on (builder, "looking for roots"));
  return hat_graph_fold (builder->graph, (const guint32 *) (gpointer) found->data, found->len);
}

/* The biggest come first, but some places are for what is lost, however small; and some rows are left for what is below. */
static void
add_top_folds (Builder *builder, HatGraphFolds *folds, guint rows)
{
  g_autoptr (GArray) tops = g_array_new (FALSE, TRUE, sizeof (HatGraphNode));
  g_autofree HatGraphFold *sorted = g_new (HatGraphFold, folds->n + 1);
  guint n_lost = 0, most = MIN (HAT_NODE_CHILDREN, MAX (rows * 2 / 3, FIRST_CHILDREN)), n_places, n_first = 0, n_rest = 0;
  const HatGraphFolds *kept;

  for (guint i = 0; i < folds->n; i++)
    n_lost += folds->folds[i].leak_class != HAT_LEAK_REACHABLE;
  n_lost = MIN (n_lost, MIN (MOST_LOST, most / 2));
  n_places = folds->n <= most ? folds->n : most - n_lost;
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0, n_open = n_lost; i < folds->n; i++)
      {
        gboolean is_lost = i >= n_places && folds->folds[i].leak_class != HAT_LEAK_REACHABLE && n_open > 0;
        gboolean is_first = i < n_places || is_lost;
        n_open -= is_lost;
        if (is_first == (pass == 0))
          sorted[pass == 0 ? n_first++ : n_first + n_rest++] = folds->folds[i];
      }
  memcpy (folds->folds, sorted, folds->n * sizeof *sorted);
  kept = keep_folds (builder, folds);
  for (guint i = 0; i < n_first && goes_on (builder, "folding"); i++)
    {
      HatGraphNode node = node_of_fold (builder, &kept->folds[i], TRUE);
      g_array_append_val (tops, node);
    }
  add_tops (builder, tops);
  add_rest (builder, HAT_NODE_NONE, kept, n_first);
}

/* ---- making and changing ---- */

/* Unfolds the biggest, lost ones first, as long as there is room. */
static void
unfold_biggest (Builder *builder, guint rows, guint64 all)
{
  while (goes_on (builder, "unfolding"))
    {
      guint best = HAT_NODE_NONE, n_leaves = 0;
      guint64 most = 0;

      for (guint i = 0; i < builder->nodes->len; i++)
        n_leaves += i + 1 == builder->nodes->len || node_at (builder, i + 1)->depth <= node_at (builder, i)->depth;
      if (n_leaves + FIRST_CHILDREN > rows)
        return;
      for (guint i = 0; i < builder->nodes->len; i++)
        {
          const HatGraphNode *node = node_at (builder, i);
          guint64 worth = node->retained_bytes;
          if (!node->has_more || !node->n_blocks || (node->depth >= FIRST_DEPTH && node->cycle == HAT_GRAPH_NONE))
            continue;
          if (node->leak_class == HAT_LEAK_CYCLE || node->leak_class == HAT_LEAK_DIRECT)
            worth += all;
          if (node->cycle != HAT_GRAPH_NONE)
            worth += all;
          if (worth > most && (worth >= all / SMALL_SHARE || n_leaves < rows / 2))
            {
              best = i;
              most = worth;
            }
        }
      if (best == HAT_NODE_NONE)
        return;
      expand (builder, best, FIRST_CHILDREN);
    }
}

guint
hat_graph_rows (double height)
{
  return (guint) MAX (height / ROW_PX, LEAST_ROWS);
}

HatGraphModel *
hat_graph_model_new (HatGraph *graph, HatColors *colors, HatGraphTree tree, guint rows, const HatProgress *progress,
                     GError **error)
{
  Builder builder;
  HatGraphFolds *folds;
  guint64 bytes = 0;

  g_return_val_if_fail (tree != HAT_GRAPH_PATHS, NULL);
  builder_init (&builder, graph, colors, tree, progress);
  goes_on (&builder, "folding");
  folds = hat_graph_fold_children (graph, NULL, 0);
  for (guint i = 0; i < folds->n; i++)
    bytes += folds->folds[i].retained_bytes;
  if (tree == HAT_GRAPH_REFERENCES)
    {
      hat_graph_folds_free (folds);
      folds = fold_root_targets (&builder);
    }
  add_top_folds (&builder, folds, rows);
  unfold_biggest (&builder, rows, bytes);
  return builder_finish (&builder, HAT_GRAPH_NONE, bytes, error);
}

static guint
add_gap (Builder *builder, guint parent, guint n)
{
  g_autofree char *title = g_strdup_printf ("%u more", n), *detail = g_strdup ("in between");
  HatGraphNode node = { .kind = HAT_NODE_GAP, .type = HAT_GRAPH_NONE, .cycle = HAT_GRAPH_NONE,
                        .leak_class = HAT_LEAK_REACHABLE, .swatch = HAT_SWATCH_OTHER,
                        .title = g_ref_string_new (title), .detail = g_ref_string_new (detail) };

  return add_node (builder, parent, node);
}

HatGraphModel *
hat_graph_model_focus (HatGraphModel *model, HatGraphTree tree, guint32 block, const HatProgress *progress, GError **error)
{
  Builder builder;
  GArray *owners = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GArray) tops = g_array_new (FALSE, TRUE, sizeof (HatGraphNode));
  HatGraphBlock facts;
  const guint32 *path;
  guint n, at = 0;
  HatGraphNode top;

  builder_init (&builder, model->graph, model->colors, tree, progress);
  for (guint32 up = block; up != HAT_GRAPH_NONE; up = facts.owner)
    {
      g_array_append_val (owners, up);
      hat_graph_block (model->graph, up, &facts);
    }
  n = owners->len;
  path = keep_blocks (&builder, owners); /* innermost first */
  top = node_of_block (&builder, &path[n - 1]);
  g_array_append_val (tops, top);
  add_tops (&builder, tops);
  at = 1;
  for (guint i = 1; i < n; i++)
    {
      gboolean is_left_out = n > 2 * OWNERS_SHOWN + 2 && i >= OWNERS_SHOWN && i < n - OWNERS_SHOWN - 1;
      if (!is_left_out)
        at = add_node (&builder, at, node_of_block (&builder, &path[n - 1 - i]));
      else if (i == OWNERS_SHOWN)
        at = add_gap (&builder, at, n - 2 * OWNERS_SHOWN - 1);
    }
  expand (&builder, at, HAT_NODE_CHILDREN);
  return builder_finish (&builder, block, model->bytes, error);
}

/* The node below `parent` (nearer to the root) that shows `block`, made if there is none. `block` points into a store. */
static guint
holder_node (Builder *builder, guint parent, const guint32 *block)
{
  for (guint i = parent + 1; i < end_of (builder, parent); i++)
    if (node_at (builder, i)->parent == parent && node_at (builder, i)->n_blocks && node_at (builder, i)->blocks[0] == *block)
      return i;
  return add_node (builder, parent, node_of_block (builder, block));
}

static void
add_path (Builder *builder, const HatGraphPath *path)
{
  guint at = 0, left_out = path->n > 2 * HOLDERS_SHOWN + 1 ? path->n - 2 * HOLDERS_SHOWN : 0;
  GArray *copy = g_array_new (FALSE, FALSE, sizeof (guint32));
  const guint32 *blocks;

  g_array_append_vals (copy, path->blocks, path->n);
  blocks = keep_blocks (builder, copy);
  for (guint i = path->n - 1; i-- > 0;)
    {
      if (left_out && i + 1 == path->n - HOLDERS_SHOWN)
        {
          guint gap = HAT_NODE_NONE;
          for (guint k = at + 1; k < end_of (builder, at); k++)
            if (node_at (builder, k)->parent == at && node_at (builder, k)->kind == HAT_NODE_GAP)
              gap = k;
          at = gap == HAT_NODE_NONE ? add_gap (builder, at, left_out) : gap;
          i -= left_out - 1;
          continue;
        }
      at = holder_node (builder, at, &blocks[i]);
    }
  if (path->root != HAT_GRAPH_NONE)
    {
      char *title, *detail;
      hat_graph_chip_words (builder->graph, path->root, &title, &detail);
      chip_of (builder, at, title, detail, FALSE);
    }
}

HatGraphModel *
hat_graph_model_paths (HatGraphModel *model, guint32 block, const HatProgress *progress, GError **error)
{
  Builder builder;
  GArray *target = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GPtrArray) paths = NULL;

  builder_init (&builder, model->graph, model->colors, HAT_GRAPH_PATHS, progress);
  g_array_append_val (target, block);
  add_node (&builder, HAT_NODE_NONE, node_of_block (&builder, keep_blocks (&builder, target)));
  if (goes_on (&builder, "finding paths from roots"))
    {
      paths = hat_graph_paths (model->graph, block, MOST_PATHS);
      for (guint i = 0; i < paths->len; i++)
        add_path (&builder, g_ptr_array_index (paths, i));
    }
  for (guint i = 0; i < builder.nodes->len; i++)
    node_at (&builder, i)->has_more = FALSE;
  return builder_finish (&builder, block, model->bytes, error);
}

HatGraphModel *
hat_graph_model_expand (HatGraphModel *model, guint node, const HatProgress *progress, GError **error)
{
  Builder builder;

  g_return_val_if_fail (node < model->n_nodes, NULL);
  builder_init_from (&builder, model, progress);
  if (model->nodes[node].kind == HAT_NODE_REST && model->nodes[node].parent == HAT_NODE_NONE)
    {
      const HatGraphFolds *folds = model->nodes[node].folds;
      guint first = model->nodes[node].first_fold, end = MIN (folds->n, first + HAT_NODE_CHILDREN);
      g_autoptr (GArray) tops = g_array_new (FALSE, TRUE, sizeof (HatGraphNode));
      for (guint i = first; i < end && goes_on (&builder, "folding"); i++)
        {
          HatGraphNode top = node_of_fold (&builder, &folds->folds[i], TRUE);
          g_array_append_val (tops, top);
        }
      remove_nodes (&builder, node, node + 1);
      add_tops (&builder, tops);
      add_rest (&builder, HAT_NODE_NONE, folds, end);
    }
  else
    expand (&builder, node, HAT_NODE_CHILDREN);
  return builder_finish (&builder, model->block, model->bytes, error);
}

HatGraphModel *
hat_graph_model_unfold (HatGraphModel *model, guint at, const HatProgress *progress, GError **error)
{
  Builder builder;
  const HatGraphNode *node = &model->nodes[at];
  guint32 n_alone = MIN (node->n_blocks, HAT_NODE_CHILDREN);

  g_return_val_if_fail (at < model->n_nodes, NULL);
  builder_init_from (&builder, model, progress);
  if (!hat_graph_node_is_foldable (node))
    return builder_finish (&builder, model->block, model->bytes, error);
  remove_nodes (&builder, at, end_of (&builder, at));
  memset (builder.shown, 0, hat_graph_n_blocks (model->graph) / 8 + 1);
  for (guint i = 0; i < builder.nodes->len; i++)
    set_shown (&builder, node_at (&builder, i));
  if (node->kind == HAT_NODE_CHAIN)
    {
      /* One after the other: its own kind among what it owns is the rest of the chain. */
      HatGraphFold head = { node->stack, node->type, node->leak_class, node->n_heads, node->blocks, 0, node->retained_bytes };
      guint now = node->parent;
      for (guint32 i = 0; i < node->n_heads; i++)
        {
          HatGraphBlock block;
          hat_graph_block (model->graph, node->blocks[i], &block);
          head.bytes += block.size;
        }
      now = add_node (&builder, now, node_of_fold (&builder, &head, FALSE));
      for (guint step = 1; step < CHAIN_HEADS && !builder.error; step++)
        {
          HatGraphFolds *folds = hat_graph_fold_children (model->graph, node_at (&builder, now)->blocks, node_at (&builder, now)->n_blocks);
          const HatGraphFolds *kept = keep_folds (&builder, folds);
          const HatGraphFold *next = NULL;
          for (guint i = 0; i < kept->n && !next; i++)
            if (is_alike (&kept->folds[i], &head))
              next = &kept->folds[i];
          if (!next)
            break;
          now = add_node (&builder, now, node_of_fold (&builder, next, step + 1 == CHAIN_HEADS));
        }
    }
  else
    {
      g_autoptr (GArray) rest = g_array_new (FALSE, FALSE, sizeof (guint32));
      for (guint32 i = 0; i < n_alone; i++)
        add_node (&builder, node->parent, node_of_block (&builder, &node->blocks[i]));
      if (node->n_blocks > n_alone)
        {
          const HatGraphFolds *folds = keep_folds (&builder, hat_graph_fold (model->graph, node->blocks + n_alone, node->n_blocks - n_alone));
          add_folds (&builder, node->parent, folds, 0, HAT_NODE_CHILDREN);
        }
    }
  return builder_finish (&builder, model->block, model->bytes, error);
}

HatGraphModel *
hat_graph_model_collapse (HatGraphModel *model, guint node)
{
  Builder builder;

  g_return_val_if_fail (node < model->n_nodes, NULL);
  builder_init_from (&builder, model, NULL);
  if (node_at (&builder, node)->n_blocks && model->tree != HAT_GRAPH_PATHS && end_of (&builder, node) > node + 1)
    {
      remove_nodes (&builder, node + 1, end_of (&builder, node));
      node_at (&builder, node)->has_more = TRUE;
    }
  return builder_finish (&builder, model->block, model->bytes, NULL);
}

HatGraphModel *
hat_graph_model_again (HatGraphModel *model, HatGraph *graph, guint rows, const HatProgress *progress, GError **error)
{
  HatGraphModel like = { .graph = graph, .colors = model->colors, .bytes = model->bytes };
  g_autoptr (HatGraphModel) again = model->tree == HAT_GRAPH_PATHS        ? hat_graph_model_paths (&like, model->block, progress, error)
                                    : model->block != HAT_GRAPH_NONE
                                        ? hat_graph_model_focus (&like, model->tree, model->block, progress, error)
                                        : hat_graph_model_new (graph, model->colors, model->tree, rows, progress, error);
  g_autoptr (GHashTable) open = g_hash_table_new (NULL, NULL);
  Builder builder;

  if (!again || model->tree == HAT_GRAPH_PATHS)
    return g_steal_pointer (&again);
  for (guint i = 0; i < model->n_nodes; i++)
    {
      const HatGraphNode *parent = model->nodes[i].parent != HAT_NODE_NONE ? &model->nodes[model->nodes[i].parent] : NULL;
      if (parent && parent->n_blocks && !parent->has_more)
        g_hash_table_add (open, GUINT_TO_POINTER (parent->blocks[0]));
    }
  builder_init_from (&builder, again, progress);
  for (guint i = 0; i < builder.nodes->len && !builder.error; i++)
    {
      const HatGraphNode *node = node_at (&builder, i);
      if (node->has_more && node->n_blocks && g_hash_table_contains (open, GUINT_TO_POINTER (node->blocks[0])))
        expand (&builder, i, HAT_NODE_CHILDREN);
    }
  return builder_finish (&builder, again->block, again->bytes, error);
}

/* ---- lines ---- */

typedef struct
{
  guint32 block;
  guint node;
} Place;

static gint
compare_places (gconstpointer a, gconstpointer b)
{
  const Place *x = a, *y = b;

  return x->block < y->block ? -1 : x->block > y->block;
}

static guint
node_of (const GArray *places, guint32 block)
{
  guint low = 0, high = places->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (places, Place, middle).block < block)
        low = middle + 1;
      else
        high = middle;
    }
  return low < places->len && g_array_index (places, Place, low).block == block ? g_array_index (places, Place, low).node
                                                                               : HAT_NODE_NONE;
}

static guint
rank (HatStrength strength)
{
  return strength == HAT_STRENGTH_STRONG ? 2 : strength == HAT_STRENGTH_UNKNOWN ? 1 : 0;
}

/* Of a line in the table of lines. */
static gint64
pair_key (guint32 from, guint32 to)
{
  return (gint64) ((guint64) from << 32 | to);
}

static void
add_pointer (GArray *lines, GHashTable *known, guint from, guint to, const HatGraphEdge *edge)
{
  gint64 key = pair_key (from, to);
  gpointer at = g_hash_table_lookup (known, &key);
  HatGraphLine *line;

  if (!at)
    {
      HatGraphLine new = { .from = from, .to = to, .strength = HAT_STRENGTH_WEAK };
      g_array_append_val (lines, new);
      at = GUINT_TO_POINTER (lines->len);
      g_hash_table_insert (known, g_memdup2 (&key, sizeof key), at);
    }
  line = &g_array_index (lines, HatGraphLine, GPOINTER_TO_UINT (at) - 1);
  if (!line->n || rank (edge->strength) > rank (line->strength)
      || (edge->strength == line->strength && edge->is_certain && !line->is_certain))
    {
      line->strength = edge->strength;
      line->is_certain = edge->is_certain;
      line->offset = edge->offset;
      line->field = edge->field;
      line->evidence = edge->evidence;
    }
  line->n++;
}

/* The biggest blocks of two big folds need not be each other's: what some of the owned ones are owned by tells. */
static gboolean
add_owning_pointers (HatGraphModel *model, GArray *lines, GHashTable *known, guint parent, guint child)
{
  const HatGraphNode *node = &model->nodes[child];
  HatGraphEdge edges[SAMPLE_BLOCKS];
  gboolean is_found = FALSE;

  for (guint32 i = 0; model->tree == HAT_GRAPH_OWNERS && i < MIN (node->n_blocks, SAMPLE_OWNED); i++)
    {
      HatGraphBlock block;
      guint32 n = MIN (hat_graph_edges_in (model->graph, node->blocks[i], 0, edges, SAMPLE_BLOCKS), SAMPLE_BLOCKS);
      hat_graph_block (model->graph, node->blocks[i], &block);
      for (guint32 k = 0; k < n; k++)
        if (edges[k].from == block.owner)
          {
            add_pointer (lines, known, parent, child, &edges[k]);
            is_found = TRUE;
          }
    }
  return is_found;
}

static void
add_lines (Builder *builder, HatGraphModel *model)
{
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place)), blocks = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  GArray *lines = g_array_new (FALSE, TRUE, sizeof (HatGraphLine));
  g_autoptr (GArray) edges = NULL;

  for (guint i = 0; i < model->n_nodes; i++)
    for (guint32 k = 0; k < MIN (model->nodes[i].n_blocks, SAMPLE_BLOCKS); k++)
      {
        Place place = { model->nodes[i].blocks[k], i };
        g_array_append_val (places, place);
        g_array_append_val (blocks, place.block);
      }
  g_array_sort (places, compare_places);
  edges = hat_graph_edges_between (model->graph, (const guint32 *) (gpointer) blocks->data, blocks->len);
  for (guint i = 0; i < edges->len; i++)
    {
      const HatGraphEdge *edge = &g_array_index (edges, HatGraphEdge, i);
      guint from = node_of (places, edge->from), to = node_of (places, edge->to);
      if (from != to && from != HAT_NODE_NONE && to != HAT_NODE_NONE)
        add_pointer (lines, known, from, to, edge);
    }
  for (guint i = 0; i < model->n_nodes; i++)
    {
      const HatGraphNode *node = &model->nodes[i];
      gboolean is_up = model->tree == HAT_GRAPH_PATHS;
      gint64 key = is_up ? pair_key (i, node->parent) : pair_key (node->parent, i);
      gpointer at = node->parent == HAT_NODE_NONE ? NULL : g_hash_table_lookup (known, &key);
      HatGraphLine line = { is_up ? i : node->parent, is_up ? node->parent : i, 0, HAT_STRENGTH_UNKNOWN, FALSE, TRUE };

      if (node->parent == HAT_NODE_NONE)
        continue;
      if (!at && model->nodes[node->parent].n_blocks > SAMPLE_BLOCKS && add_owning_pointers (model, lines, known, node->parent, i))
        at = g_hash_table_lookup (known, &key);
      line.is_root = (is_up ? node : &model->nodes[node->parent])->kind == HAT_NODE_ROOT;
      if (at)
        g_array_index (lines, HatGraphLine, GPOINTER_TO_UINT (at) - 1).is_tree = TRUE;
      else
        g_array_append_val (lines, line);
    }
  model->n_lines = lines->len;
  model->lines = (HatGraphLine *) g_array_free (lines, FALSE);
}

/* ---- questions ---- */

HatGraph *
hat_graph_model_graph (HatGraphModel *model)
{
  return model->graph;
}

HatColors *
hat_graph_model_colors (HatGraphModel *model)
{
  return model->colors;
}

HatGraphTree
hat_graph_model_tree (HatGraphModel *model)
{
  return model->tree;
}

guint32
hat_graph_model_block (HatGraphModel *model)
{
  return model->block;
}

guint64
hat_graph_model_bytes (HatGraphModel *model)
{
  return model->bytes;
}

const HatGraphNode *
hat_graph_model_nodes (HatGraphModel *model, guint *out_n)
{
  *out_n = model->n_nodes;
  return model->nodes;
}

const HatGraphLine *
hat_graph_model_lines (HatGraphModel *model, guint *out_n)
{
  *out_n = model->n_lines;
  return model->lines;
}

guint
hat_graph_model_find (HatGraphModel *model, guint32 block)
{
  guint found = HAT_NODE_NONE;

  for (guint i = 0; i < model->n_nodes && block != HAT_GRAPH_NONE; i++)
    for (guint32 k = 0; k < model->nodes[i].n_blocks; k++)
      if (model->nodes[i].blocks[k] == block)
        {
          if (model->nodes[i].n_blocks == 1)
            return i;
          found = i;
        }
  return found;
}

guint
hat_graph_model_end (HatGraphModel *model, guint node)
{
  guint end = node + 1;

  while (end < model->n_nodes && model->nodes[end].depth > model->nodes[node].depth)
    end++;
  return end;
}

gboolean
hat_graph_node_is_foldable (const HatGraphNode *node)
{
  return node->kind == HAT_NODE_FOLD || node->kind == HAT_NODE_CHAIN;
}
