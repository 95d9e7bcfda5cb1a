/* SPDX-License-Identifier: Apache-2.0
 * The other unit of namesakes. */
#include <stdlib.h>

struct pair
{
  int a, b;
};

struct node
{
  double weight;
  struct node *left, *right;
};

typedef struct
{
  char code;
  long id;
} item;

static struct node *nodes;
static item *items[16];
static struct pair *pairs[16];

int
other_nodes (int n)
{
  for (int i = 0; i < n; i++)
    {
      struct node *made = malloc (sizeof *made);
      made->weight = i;
      made->left = nodes;
      made->right = NULL;
      nodes = made;
    }
  return n;
}

int
other_items (int n)
{
  for (int i = 0; i < n; i++)
    {
      item *thing = items[i] = malloc (sizeof *thing);
      thing->code = 'c';
      thing->id = i;
    }
  return n;
}

int
other_pairs (int n)
{
  for (int i = 0; i < n; i++)
    {
      struct pair *two = pairs[i] = malloc (sizeof *two);
      two->a = two->b = i;
    }
  return n;
}
