/* SPDX-License-Identifier: Apache-2.0 */
/* The map view: asks for the live set at the cursor, shows it. */

#include "ui/views/map-page.h"

#include "core/heap/estimate.h"
#include "ui/views/map-picture.h"
#include "ui/views/toolbar.h"

struct _HatMapPage
{
  HatPage parent_instance;
  HatMapPicture *picture;
  GtkLabel *headline;
};

G_DEFINE_FINAL_TYPE (HatMapPage, hat_map_page, HAT_TYPE_PAGE)

typedef struct
{
  HatHeap *heap;
  HatLive *live;
  HatMapModel *model;
} Answer;

static void
free_answer (gpointer data)
{
  Answer *answer = data;
  g_clear_pointer (&answer->model, hat_map_model_unref);
  g_clear_pointer (&answer->live, hat_live_free);
  g_clear_pointer (&answer->heap, hat_heap_unref);
  g_free (answer);
}

static gpointer
query_map (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  g_autoptr (HatLive) live = hat_heap_live (question->heap, question->cursor_ns, progress, error);
  if (live == NULL)
    return NULL;
  Answer *answer = g_new0 (Answer, 1);
  answer->heap = hat_heap_ref (question->heap);
  answer->model = hat_map_model_new (question->heap, live, hat_heap_regions_at (question->heap, question->cursor_ns));
  answer->live = g_steal_pointer (&live);
  return answer;
}

/* The picture borrows the live set: it goes with the answer that the page keeps. */
static void
on_map (gpointer owner, gpointer data, const GError *error)
{
  HatMapPage *self = owner;
  if (data == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  Answer *answer = data;
  g_autofree char *headline = hat_live_words (answer->heap, answer->live);
  gtk_label_set_label (self->headline, headline);
  hat_map_picture_set_model (self->picture, answer->heap, answer->model);
  if (answer->live->n > 0)
    hat_page_show_content (HAT_PAGE (self));
  else
    hat_page_show_empty (HAT_PAGE (self), "hat-map-symbolic", "No block is live here",
                         "Move the cursor in the timeline.");
  g_object_set_data_full (G_OBJECT (self), "answer", answer, free_answer);
}

static const HatQueryKind map_kind = { query_map, on_map, free_answer, NULL };

static void
hat_map_page_update (HatPage *page, HatChanges changes)
{
  HatMapPage *self = HAT_MAP_PAGE (page);
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_CURSOR))
    hat_page_ask (page, &map_kind, NULL);
  if (changes & HAT_CHANGED_HEAP)
    {
      hat_map_picture_set_model (self->picture, NULL, NULL);
      g_object_set_data (G_OBJECT (self), "answer", NULL);
    }
  else if (changes & (HAT_CHANGED_GROUPING | HAT_CHANGED_SELECTION))
    hat_map_picture_refresh (self->picture);
}

static void
hat_map_page_class_init (HatMapPageClass *klass)
{
  HAT_PAGE_CLASS (klass)->update = hat_map_page_update;
}

static void
hat_map_page_init (HatMapPage *self)
{
}

GtkWidget *
hat_map_page_new (HatViewState *state)
{
  HatMapPage *self = g_object_new (HAT_TYPE_MAP_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *toolbar = hat_toolbar_new (&self->headline);
  GtkWidget *picture = hat_map_picture_new (state);
  self->picture = HAT_MAP_PICTURE (picture);
  hat_toolbar_add_action (toolbar, "zoom-out-symbolic", "Zoom out", "map.zoom-out", picture);
  hat_toolbar_add_action (toolbar, "zoom-fit-best-symbolic", "Whole heap", "map.fit", picture);
  hat_toolbar_add_action (toolbar, "zoom-in-symbolic", "Zoom in", "map.zoom-in", picture);
  gtk_box_append (GTK_BOX (box), toolbar);
  gtk_box_append (GTK_BOX (box), picture);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
