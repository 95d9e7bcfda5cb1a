/* SPDX-License-Identifier: Apache-2.0
 *
 * Call trees.
 *
 * A trie of functions is built with nodes in the order of their making (parents first), so that one backward pass sums the costs up;
 * a last pass lays the nodes out level by level with children side by side. Top-down, a node is found once per node of
 * the stack tree, not once per frame of each site. Bottom-up trees share nothing and can be huge: those over a
 * million frames are not followed below nodes that cost less than 1 / 65,536 of the whole. */

#include "core/heap/names.h"

#include <string.h>

#define BIG_TREE 1000000u
#define TICK_EVERY 65536u
#define NO_NODE G_MAXUINT32

typedef struct
{
  guint32 parent;
  guint32 function;
  guint32 first_child, next_sibling; /* NO_NODE = none */
  guint32 n_children;
  HatStackId example;
  guint64 example_cost;
  guint64 reached; /* bottom-up: cost of the sites that came by */
  guint64 self;
  guint64 costs[HAT_N_COSTS];
} Node;

typedef struct
{
  HatTrace *trace;
  const HatStackNode *stacks;
  guint n_stacks;
  const HatSites *sites;
  HatCost cost;
  HatFunctionTable *functions;
  GArray *nodes; /* Node; 0 = root */
  GArray *variances; /* struct HatTreeVariance, by node; NULL: exact */
  guint32 *slots; /* by hash of (parent, function): node, or NO_NODE */
  guint n_slots;  /* a power of two */
} Builder;

static inline Node *
node_at (Builder *builder, guint32 node)
{
  return &g_array_index (builder->nodes, Node, node);
}

static inline guint32 *
slot_of (Builder *builder, guint32 parent, guint32 function)
{
  const guint64 hash = (((guint64) parent << 32) | function) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  guint i = (hash >> 32) & (builder->n_slots - 1);

  for (; builder->slots[i] != NO_NODE; i = (i + 1) & (builder->n_slots - 1))
    if (node_at (builder, builder->slots[i])->parent == parent && node_at (builder, builder->slots[i])->function == function)
      break;
  return &builder->slots[i];
}

static void
grow_slots (Builder *builder)
{
  builder->n_slots *= 2;
  builder->slots = g_renew (guint32, builder->slots, builder->n_slots);
  memset (builder->slots, 0xff, builder->n_slots * sizeof (guint32));
  for (guint i = 1; i < builder->nodes->len; i++)
    *slot_of (builder, node_at (builder, i)->parent, node_at (builder, i)->function) = i;
}

static guint32
child_of (Builder *builder, guint32 parent, guint32 function)
{
  guint32 *slot = slot_of (builder, parent, function);

  if (*slot != NO_NODE)
    return *slot;
  if (builder->nodes->len > builder->n_slots / 2)
    {
      grow_slots (builder);
      slot = slot_of (builder, parent, function);
    }
  const Node node = {
    .parent = parent,
    .function = function,
    .first_child = NO_NODE,
    .next_sibling = node_at (builder, parent)->first_child,
  };
  const guint32 made = *slot = builder->nodes->len;
  node_at (builder, parent)->first_child = made;
  node_at (builder, parent)->n_children++;
  g_array_append_val (builder->nodes, node);
  if (builder->variances)
    g_array_set_size (builder->variances, builder->nodes->len);
  return made;
}

static struct HatTreeVariance *
variance_at (Builder *builder, guint32 node)
{
  return &g_array_index (builder->variances, struct HatTreeVariance, node);
}

static void
add_site (Builder *builder, guint32 at, guint index)
{
  Node *node = node_at (builder, at);
  const HatSite *site = &builder->sites->sites[index];
  const guint64 cost = hat_site_cost (site, builder->cost);

  for (guint c = 0; c < HAT_N_COSTS; c++)
    node->costs[c] += hat_site_cost (site, c);
  node->self += cost;
  if (node->example == HAT_STACK_NONE || cost > node->example_cost)
    {
      node->example = site->stack;
      node->example_cost = cost;
    }
  if (builder->variances)
    {
      const HatSiteVariance *variance = &builder->sites->variances[index];
      variance_at (builder, at)->self += hat_site_cost_variance (variance, builder->cost);
      for (guint c = 0; c < HAT_N_COSTS; c++)
        variance_at (builder, at)->costs[c] += hat_site_cost_variance (variance, c);
    }
}

static void
sum_up (Builder *builder)
{
  for (guint32 i = builder->nodes->len - 1; i > 0; i--)
    {
      const Node *node = node_at (builder, i);
      Node *parent = node_at (builder, node->parent);
      for (guint c = 0; c < HAT_N_COSTS; c++)
        {
          parent->costs[c] += node->costs[c];
          if (builder->variances)
            variance_at (builder, node->parent)->costs[c] += variance_at (builder, i)->costs[c];
        }
      if (parent->example == HAT_STACK_NONE || node->example_cost > parent->example_cost)
        {
          parent->example = node->example;
          parent->example_cost = node->example_cost;
        }
    }
}

static gboolean
tick (guint done, guint all, const HatProgress *progress, GError **error)
{
  return done % TICK_EVERY != 0 || hat_progress_tick (progress, (double) done / MAX (all, 1), "building the call tree", error);
}

/* ---- top-down ---- */

static gboolean
build_top_down (Builder *builder, const HatProgress *progress, GError **error)
{
  enum { NOT_NEEDED, NEEDED, FIRST_NODE }; /* then: node + FIRST_NODE */
  g_autofree guint32 *node_of = g_new0 (guint32, MAX (builder->n_stacks, 2));

  for (guint i = 0; i < builder->sites->n; i++)
    for (HatStackId s = builder->sites->sites[i].stack; s > HAT_STACK_TRUNCATED && node_of[s] == NOT_NEEDED;
         s = builder->stacks[s].parent)
      node_of[s] = NEEDED;
  node_of[HAT_STACK_NONE] = node_of[HAT_STACK_TRUNCATED] = FIRST_NODE;

  for (HatStackId s = HAT_STACK_TRUNCATED + 1; s < builder->n_stacks; s++)
    {
      guint n;
      if (!tick (s, builder->n_stacks, progress, error))
        return FALSE;
      if (node_of[s] == NOT_NEEDED)
        continue;
      const guint32 *functions = hat_function_table_frame (builder->functions, builder->stacks[s].frame, &n);
      guint32 node = node_of[builder->stacks[s].parent] - FIRST_NODE;
      while (n > 0)
        node = child_of (builder, node, functions[--n]);
      node_of[s] = node + FIRST_NODE;
    }
  for (guint i = 0; i < builder->sites->n; i++)
    add_site (builder, node_of[builder->sites->sites[i].stack] - FIRST_NODE, i);
  return TRUE;
}

/* ---- bottom-up ---- */

typedef struct
{
  guint site;
  HatStackId stack; /* the next frame, */
  guint source;     /* the next source frame in it */
  guint32 node;     /* where it is now */
} Walker;

static guint64
count_frames (Builder *builder)
{
  g_autofree guint16 *depths = g_new0 (guint16, MAX (builder->n_stacks, 2));
  guint64 n = 0;

  for (HatStackId s = HAT_STACK_TRUNCATED + 1; s < builder->n_stacks; s++)
    depths[s] = MIN (depths[builder->stacks[s].parent], G_MAXUINT16 - 1) + 1;
  for (guint i = 0; i < builder->sites->n; i++)
    n += depths[builder->sites->sites[i].stack];
  return n;
}

/* One frame up. FALSE at the top of the stack. */
static gboolean
walk (Builder *builder, Walker *walker)
{
  guint n;

  if (walker->stack <= HAT_STACK_TRUNCATED)
    return FALSE;
  const guint32 *functions = hat_function_table_frame (builder->functions, builder->stacks[walker->stack].frame, &n);
  walker->node = child_of (builder, walker->node, functions[walker->source]);
  node_at (builder, walker->node)->reached += hat_site_cost (&builder->sites->sites[walker->site], builder->cost);
  if (++walker->source == n)
    {
      walker->source = 0;
      walker->stack = builder->stacks[walker->stack].parent;
    }
  return TRUE;
}

static gboolean
build_bottom_up (Builder *builder, const HatProgress *progress, GError **error)
{
  guint64 all = 0, threshold = 0;
  guint n = builder->sites->n;
  g_autofree Walker *walkers = g_new (Walker, MAX (n, 1));

  for (guint i = 0; i < n; i++)
    {
      walkers[i] = (Walker) { .site = i, .stack = builder->sites->sites[i].stack };
      all += hat_site_cost (&builder->sites->sites[i], builder->cost);
    }
  if (count_frames (builder) > BIG_TREE)
    threshold = all / 65536 + 1;

  /* All sites go up by one frame, then those at nodes not worth following stop. */
  for (guint n_all = n; n > 0;)
    {
      guint n_left = 0;
      for (guint i = 0; i < n; i++)
        {
          Walker walker = walkers[i];
          if (!tick (i, n_all, progress, error))
            return FALSE;
          if (walk (builder, &walker))
            walkers[n_left++] = walker;
          else
            add_site (builder, walker.node, walker.site);
        }
      n = n_left;
      n_left = 0;
      for (guint i = 0; i < n; i++)
        if (node_at (builder, walkers[i].node)->reached >= threshold)
          walkers[n_left++] = walkers[i];
        else
          add_site (builder, walkers[i].node, walkers[i].site);
      n = n_left;
    }
  return TRUE;
}

/* ---- layout ---- */

static int
compare_nodes (gconstpointer a, gconstpointer b, gpointer data)
{
  Builder *builder = data;
  const Node *x = node_at (builder, *(const guint32 *) a), *y = node_at (builder, *(const guint32 *) b);

  if (x->costs[builder->cost] != y->costs[builder->cost])
    return x->costs[builder->cost] > y->costs[builder->cost] ? -1 : 1;
  return strcmp (hat_function_table_info (builder->functions, x->function)->function,
                 hat_function_table_info (builder->functions, y->function)->function);
}

static void
lay_out_node (Builder *builder, HatTreeNode *out, const Node *node, gboolean is_root)
{
  static const HatFunctionInfo all = { .function = "all", .module = "" };
  const HatFunctionInfo *info = is_root ? &all : hat_function_table_info (builder->functions, node->function);

  out->function = info->function;
  out->module = info->module;
  out->file = info->file;
  out->line = info->line;
  out->is_inline = info->is_inline;
  out->cost = node->costs[builder->cost];
  out->self = node->self;
  memcpy (out->costs, node->costs, sizeof out->costs);
  out->example = node->example;
}

static HatTree *
lay_out (Builder *builder, HatTreeKind kind)
{
  HatTree *tree = g_new0 (HatTree, 1);
  const guint n = builder->nodes->len;
  g_autofree guint32 *order = g_new (guint32, n); /* node of the trie, by node of the tree */
  guint n_placed = 1;

  *tree = (HatTree) { .kind = kind, .cost = builder->cost, .n = n, .nodes = g_new0 (HatTreeNode, n) };
  if (builder->variances)
    tree->variances = g_new (struct HatTreeVariance, n);
  order[0] = 0;
  for (guint i = 0; i < n; i++)
    {
      const Node *node = node_at (builder, order[i]);
      HatTreeNode *out = &tree->nodes[i];
      lay_out_node (builder, out, node, i == 0);
      if (builder->variances)
        tree->variances[i] = *variance_at (builder, order[i]);
      out->first_child = n_placed;
      out->n_children = node->n_children;
      for (guint32 child = node->first_child; child != NO_NODE; child = node_at (builder, child)->next_sibling)
        {
          order[n_placed] = child;
          tree->nodes[n_placed++].parent = i;
        }
      g_qsort_with_data (order + out->first_child, out->n_children, sizeof (guint32), compare_nodes, builder);
    }
  return tree;
}

HatTree *
hat_tree_new (HatTrace *trace, const HatSites *sites, HatTreeKind kind, HatCost cost, const HatProgress *progress, GError **error)
{
  g_autoptr (HatFunctionTable) functions = hat_function_table_new (trace);
  const Node root = { .first_child = NO_NODE };
  Builder builder = {
    .trace = trace,
    .sites = sites,
    .cost = cost,
    .functions = functions,
    .nodes = g_array_new (FALSE, FALSE, sizeof (Node)),
    .n_slots = 1024,
    .slots = g_new (guint32, 1024),
  };
  HatTree *tree = NULL;

  builder.stacks = hat_trace_stacks (trace, &builder.n_stacks);
  memset (builder.slots, 0xff, builder.n_slots * sizeof (guint32));
  g_array_append_val (builder.nodes, root);
  if (sites->variances)
    {
      builder.variances = g_array_new (FALSE, TRUE, sizeof (struct HatTreeVariance));
      g_array_set_size (builder.variances, 1);
    }
  if (kind == HAT_TREE_TOP_DOWN ? build_top_down (&builder, progress, error) : build_bottom_up (&builder, progress, error))
    {
      sum_up (&builder);
      tree = lay_out (&builder, kind);
    }
  g_array_unref (builder.nodes);
  g_clear_pointer (&builder.variances, g_array_unref);
  g_free (builder.slots);
  return tree;
}

void
hat_tree_free (HatTree *tree)
{
  if (tree == NULL)
    return;
  g_free (tree->nodes);
  g_free (tree->variances);
  g_free (tree);
}

guint64
hat_tree_error (const HatTree *tree, guint node, HatCost cost)
{
  return tree->variances ? hat_error_of (tree->variances[node].costs[cost]) : 0;
}

guint64
hat_tree_self_error (const HatTree *tree, guint node)
{
  return tree->variances ? hat_error_of (tree->variances[node].self) : 0;
}
