/* SPDX-License-Identifier: Apache-2.0
 * namesakes: two units have types of the same names. Prints how many objects of each are live at its end:
 * node of this unit and of the other one (same size, other fields), item likewise (other size), pair of both (one and the same type). */
#include <stdio.h>
#include <stdlib.h>

struct node
{
  char tag;
  struct node *next;
  int value;
};

typedef struct
{
  long id;
} item;

struct pair
{
  int a, b;
};

int other_nodes (int n);
int other_items (int n);
int other_pairs (int n);

static struct node *nodes;
static item *items[16];
static struct pair *pairs[16];

int
main (void)
{
  int n = 0;

  for (; n < 3; n++)
    {
      struct node *made = malloc (sizeof *made);
      made->next = nodes;
      made->tag = 'a';
      made->value = n;
      nodes = made;
      item *thing = items[n] = malloc (sizeof *thing);
      thing->id = n;
      struct pair *two = pairs[n] = malloc (sizeof *two);
      two->a = two->b = n;
    }
  printf ("{\"node\": [%d, %d], ", n, other_nodes (5));
  printf ("\"item\": [%d, %d], ", n, other_items (2));
  printf ("\"pair\": [%d]}\n", n + other_pairs (4));
  return 0;
}
