/* SPDX-License-Identifier: Apache-2.0 */

/* Blocks of C whose types are known: a binary tree with parents, a doubly linked list, what hangs on them, and arrays. What is said
 * stands in typed.h. */

#include <stdbool.h>
#include <stdlib.h>

#include "typed.h"

typedef struct TreeNode TreeNode;
struct TreeNode
{
  char key[12];
  int weight;
  TreeNode *left, *right, *parent;
};

struct item
{
  struct item *next, *prev;
  double value;
  char *label;
};

typedef struct
{
  struct item *head, *tail;
  unsigned n;
} List;

enum colour { RED, GREEN = 7, BLUE };

struct packet
{
  enum colour colour;
  bool is_sent;
  short port;
  unsigned char *payload;
  struct packet *self; /* points to itself */
};

static struct packet *last_packet;
static TreeNode *global_tree;

/* Wrappers, as programs have them. */
static KEEP_CALL void *
xmalloc (size_t n)
{
  void *p = malloc (n);
  if (!p)
    abort ();
  return p;
}

static KEEP_CALL void *
xcalloc (size_t n, size_t size)
{
  void *p = calloc (n, size);
  if (!p)
    abort ();
  return p;
}

/* ---- tree ---- */

static TreeNode *
tree_new (TreeNode *parent, const char *key, int weight)
{
  TreeNode *node = malloc (sizeof *node);
  memset (node, 0, sizeof *node);
  strncpy (node->key, key, sizeof node->key - 1);
  node->weight = weight;
  node->parent = parent;
  return node;
}

static TreeNode *
tree_build (void)
{
  TreeNode *root = tree_new (NULL, "root", 1);
  root->left = tree_new (root, "left", 2);
  root->right = tree_new (root, "right", 3);
  root->left->left = tree_new (root->left, "deep", 4);
  return root;
}

static void
tree_say (const TreeNode *node)
{
  say_block (node, "TreeNode");
  say ("value|%p|weight|%d", (const void *) node, node->weight);
  say_edge (node, "left", node->left, "strong");
  say_edge (node, "right", node->right, "strong");
  say_edge (node, "parent", node->parent, "weak");
  if (node->left)
    tree_say (node->left);
  if (node->right)
    tree_say (node->right);
}

static void
tree_free (TreeNode *node)
{
  if (!node)
    return;
  tree_free (node->left);
  tree_free (node->right);
  free (node);
}

/* ---- list ---- */

static void
list_append (List *list, double value, const char *label)
{
  struct item *item = xmalloc (sizeof *item);
  item->value = value;
  item->label = label ? strdup (label) : NULL;
  item->next = NULL;
  item->prev = list->tail;
  if (list->tail)
    list->tail->next = item;
  else
    list->head = item;
  list->tail = item;
  list->n++;
}

static List *
list_build (void)
{
  List *list = xcalloc (1, sizeof *list);
  for (int i = 0; i < 5; i++)
    list_append (list, i * 0.5, i == 3 ? "three" : NULL);
  return list;
}

static void
list_say (const List *list)
{
  say_block (list, "List");
  say ("value|%p|n|%u", (const void *) list, list->n);
  say_edge (list, "head", list->head, "strong");
  say_edge (list, "tail", list->tail, "any");
  for (const struct item *i = list->head; i; i = i->next)
    {
      say_block (i, "item");
      say_edge (i, "next", i->next, "strong");
      say_edge (i, "prev", i->prev, "weak");
      say_edge (i, "label", i->label, "strong");
      if (i->label)
        say_array (i->label, "char", strlen (i->label) + 1);
    }
}

static void
list_free (List *list)
{
  while (list->head)
    {
      struct item *item = list->head;
      list->head = item->next;
      free (item->label);
      free (item);
    }
  free (list);
}

/* ---- arrays, and a block that a global holds ---- */

static int *
numbers_build (unsigned n)
{
  int *numbers = calloc (n, sizeof *numbers);
  for (unsigned i = 0; i < n; i++)
    numbers[i] = i * i;
  return numbers;
}

static struct item **
table_build (List *list)
{
  struct item **table = malloc (8 * sizeof *table), *item = list->head;
  for (unsigned i = 0; i < 8; i++)
    {
      table[i] = item;
      item = item ? item->next : NULL;
    }
  return table;
}

static KEEP_CALL void
packet_build (void)
{
  struct packet *packet = xcalloc (1, sizeof *packet);
  packet->colour = BLUE;
  packet->is_sent = true;
  packet->port = 8080;
  packet->payload = xmalloc (100);
  memset (packet->payload, 1, 100);
  packet->self = packet;
  last_packet = packet;
}

static void
packet_say (void)
{
  say_block (last_packet, "packet");
  say_array (last_packet->payload, "unsigned char", 100);
  say ("value|%p|colour|BLUE", (void *) last_packet);
  say ("value|%p|is_sent|true", (void *) last_packet);
  say ("value|%p|port|8080", (void *) last_packet);
  say_edge (last_packet, "payload", last_packet->payload, "strong");
}

/* Its parents lie in a ring: each child points back to its parent, nothing else holds them. Lost. */
static KEEP_CALL void
lost_build (void)
{
  TreeNode *root = tree_build ();
  tree_say (root);
  say ("lost|%p %p %p %p", (void *) root, (void *) root->left, (void *) root->right, (void *) root->left->left);
}

int
main (void)
{
  TreeNode *tree = tree_build ();
  List *list = list_build ();
  int *numbers = numbers_build (25);
  struct item **table = table_build (list);
  global_tree = tree_build ();
  packet_build ();
  lost_build ();

  tree_say (tree);
  tree_say (global_tree);
  list_say (list);
  packet_say ();
  say_array (numbers, "int", 25);
  say_array (table, "item \\*", 8);
  for (unsigned i = 0; i < 5; i++)
    {
      char field[8];
      snprintf (field, sizeof field, "[%u]", i);
      say_edge (table, field, table[i], "any");
    }
  say_variable ("main", "tree", "TreeNode \\*", tree);
  say_variable ("main", "list", "List \\*", list);
  say_variable ("main", "numbers", "int \\*", numbers);
  say ("global|last_packet|%p", (void *) last_packet);
  say ("global|global_tree|%p", (void *) global_tree);
  snapshot ();

  tree_free (tree);
  list_free (list);
  free (numbers);
  free (table);
  return 0;
}
