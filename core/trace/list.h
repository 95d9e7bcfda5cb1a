/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An append-only array that several versions of a trace share. Each version has its own HatList, a length over a common body;
 * appending through the newest one writes behind what older ones can see. So a new version costs nothing, old pointers stay valid,
 * and readers need no lock.
 *
 * Thread rule: appending and copying need the caller's lock; reading what a list already holds does not. */

#include <glib.h>

typedef struct
{
  gatomicrefcount refs;
  guint used, capacity;
  guint unused;
  guint8 items[];
} HatListBody;

typedef struct
{
  HatListBody *body; /* NULL while empty */
  guint n;
} HatList;

void hat_list_append (HatList *list, gsize item_bytes, const void *item);
/* Shares the items of `from` with an empty list. */
void hat_list_share (HatList *list, const HatList *from);
/* Makes the items its own, so that they may be changed. */
void hat_list_unshare (HatList *list, gsize item_bytes);
void hat_list_clear (HatList *list);

#define hat_list_items(list, Type) ((Type *) (gpointer) ((list)->body ? (list)->body->items : NULL))
