/* SPDX-License-Identifier: Apache-2.0 */

/* GObjects whose types are known: a tree whose children are owned and whose parents are not. What is said stands in typed.h. Run with
 * G_SLICE=always-malloc where GLib has slices, else objects share blocks. */

#include <glib-object.h>

#include "typed.h"

#define TREE_TYPE_NODE (tree_node_get_type ())
G_DECLARE_FINAL_TYPE (TreeNode, tree_node, TREE, NODE, GObject)

struct _TreeNode
{
  GObject parent_instance;
  int depth;
  TreeNode *first_child, *next_sibling; /* owned */
  TreeNode *parent;
  GWeakRef root;
};

G_DEFINE_FINAL_TYPE (TreeNode, tree_node, G_TYPE_OBJECT)

static void
tree_node_dispose (GObject *object)
{
  TreeNode *self = TREE_NODE (object);
  g_clear_object (&self->first_child);
  g_clear_object (&self->next_sibling);
  G_OBJECT_CLASS (tree_node_parent_class)->dispose (object);
}

static void
tree_node_finalize (GObject *object)
{
  g_weak_ref_clear (&TREE_NODE (object)->root);
  G_OBJECT_CLASS (tree_node_parent_class)->finalize (object);
}

static void
tree_node_class_init (TreeNodeClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tree_node_dispose;
  G_OBJECT_CLASS (klass)->finalize = tree_node_finalize;
}

static void
tree_node_init (TreeNode *self)
{
  g_weak_ref_init (&self->root, NULL);
}

/* Its private part lies before it in its block. */
#define TREE_TYPE_KEEPER (tree_keeper_get_type ())
G_DECLARE_DERIVABLE_TYPE (TreeKeeper, tree_keeper, TREE, KEEPER, GObject)

struct _TreeKeeperClass
{
  GObjectClass parent_class;
};

typedef struct
{
  long kept[5];
} TreeKeeperPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (TreeKeeper, tree_keeper, G_TYPE_OBJECT)

static void
tree_keeper_class_init (TreeKeeperClass *klass)
{
}

static void
tree_keeper_init (TreeKeeper *self)
{
  TreeKeeperPrivate *own = tree_keeper_get_instance_private (self);
  own->kept[0] = 1;
}

static TreeNode *
node_new (TreeNode *parent, TreeNode *root)
{
  TreeNode *node = g_object_new (TREE_TYPE_NODE, NULL);
  g_weak_ref_set (&node->root, root);
  node->parent = parent;
  if (parent)
    {
      node->depth = parent->depth + 1;
      node->next_sibling = parent->first_child;
      parent->first_child = node;
    }
  return node;
}

static TreeNode *
build (void)
{
  TreeNode *root = node_new (NULL, NULL);
  for (int i = 0; i < 3; i++)
    node_new (root, root);
  node_new (root->first_child, root);
  return root;
}

static void
say_instance (gpointer object)
{
  say ("instance|%p|%s", object, G_OBJECT_TYPE_NAME (object));
}

static void
say_node (TreeNode *node, TreeNode *root)
{
  say_block (node, "*TreeNode");
  say_instance (node);
  say ("value|%p|depth|%d", (void *) node, node->depth);
  say_count (node, G_OBJECT (node)->ref_count, -1);
  say_edge (node, "first_child", node->first_child, "strong");
  say_edge (node, "next_sibling", node->next_sibling, "strong");
  say_edge (node, "parent", node->parent, "weak");
  say_edge (node, "root", node == root ? NULL : root, "weak");
  if (node->first_child)
    say_node (node->first_child, root);
  if (node->next_sibling)
    say_node (node->next_sibling, root);
}

int
main (void)
{
  TreeNode *tree = build ();
  g_object_ref (tree->first_child->next_sibling); /* held by nobody that can be found: its count says one more */
  GList *nodes = g_list_append (NULL, tree);
  char **words = g_new0 (char *, 10);
  words[0] = g_strdup ("a word");
  GObject *plain = g_object_new (G_TYPE_OBJECT, NULL), *keeper = g_object_new (TREE_TYPE_KEEPER, NULL);
  GParamSpec *property = g_param_spec_ref_sink (g_param_spec_int ("size", NULL, NULL, 0, 9, 1, G_PARAM_READABLE));

  say_node (tree, tree);
  say_instance (plain);
  say_instance (keeper);
  say_instance (property);
  say_block (keeper, "*TreeKeeper");
  say_count (keeper, keeper->ref_count, -1);
  say_block (nodes, "*GList");
  say_edge (nodes, "data", tree, "any");
  say_array (words, "*char \\*", 10);
  say_variable ("main", "tree", "TreeNode \\*", tree);
  say_variable ("main", "nodes", "GList \\*", nodes);
  say ("mismatch|%p|%u|1", (void *) tree->first_child->next_sibling, G_OBJECT (tree->first_child->next_sibling)->ref_count);
  snapshot ();

  g_list_free (nodes);
  g_strfreev (words);
  g_object_unref (plain);
  g_object_unref (keeper);
  g_param_spec_unref (property);
  g_object_unref (tree);
  return 0;
}
