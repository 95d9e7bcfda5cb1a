/* SPDX-License-Identifier: Apache-2.0 */

/* The shared append-only array. */

#include "core/trace/list.h"

#include <string.h>

static HatListBody *
body_new (const HatList *from, guint capacity, gsize item_bytes)
{
  HatListBody *body = g_malloc (sizeof (HatListBody) + capacity * item_bytes);
  g_atomic_ref_count_init (&body->refs);
  body->used = from->n;
  body->capacity = capacity;
  if (from->n > 0)
    memcpy (body->items, from->body->items, from->n * item_bytes);
  return body;
}

static void
replace_body (HatList *list, HatListBody *body)
{
  const guint n = list->n;
  hat_list_clear (list);
  list->body = body;
  list->n = n;
}

void
hat_list_append (HatList *list, gsize item_bytes, const void *item)
{
  /* A body whose end somebody else has already written behind is left to them. */
  if (list->body == NULL || list->body->used != list->n || list->n == list->body->capacity)
    replace_body (list, body_new (list, MAX (8, list->n * 2), item_bytes));
  memcpy (list->body->items + list->n * item_bytes, item, item_bytes);
  list->body->used = ++list->n;
}

void
hat_list_share (HatList *list, const HatList *from)
{
  *list = *from;
  if (list->body)
    g_atomic_ref_count_inc (&list->body->refs);
}

void
hat_list_unshare (HatList *list, gsize item_bytes)
{
  if (list->body)
    replace_body (list, body_new (list, list->n, item_bytes));
}

void
hat_list_clear (HatList *list)
{
  if (list->body && g_atomic_ref_count_dec (&list->body->refs))
    g_free (list->body);
  *list = (HatList){ 0 };
}
