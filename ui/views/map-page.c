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
  GtkDropDown *colour_choice; /* visible if there is a snapshot */
};

G_DEFINE_FINAL_TYPE (HatMapPage, hat_map_page, HAT_TYPE_PAGE)

typedef struct
{
  HatHeap *heap;
  HatLive *live;
  HatMapModel *model;
  HatGraph *graph; /* of the colours, or NULL */
} Answer;

static void
free_answer (gpointer data)
{
  Answer *answer = data;
  g_clear_pointer (&answer->graph, hat_graph_unref);
  g_clear_pointer (&answer->model, hat_map_model_unref);
  g_clear_pointer (&answer->live, hat_live_free);
  g_clear_pointer (&answer->heap, hat_heap_unref);
  g_free (answer);
}

/* `extra`: whether the colours are leak classes. */
static gpointer
query_map (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  g_autoptr (HatLive) live = hat_question_live (question, progress, error);
  g_autoptr (HatGraph) graph = NULL;
  if (live == NULL || (extra && !(graph = hat_question_graph (question, progress, error))))
    return NULL;
  Answer *answer = g_new0 (Answer, 1);
  answer->heap = hat_heap_ref (question->heap);
  answer->model = hat_map_model_new (question->heap, live, hat_heap_regions_at (question->heap, question->cursor_ns));
  answer->live = g_steal_pointer (&live);
  answer->graph = g_steal_pointer (&graph);
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
  hat_map_picture_set_graph (self->picture, answer->graph);
  hat_map_picture_set_model (self->picture, answer->heap, answer->model);
  if (answer->graph)
    hat_view_state_set_graph (hat_page_state (HAT_PAGE (self)), answer->graph);
  if (answer->live->n > 0)
    hat_page_show_content (HAT_PAGE (self));
  else
    hat_page_show_empty (HAT_PAGE (self), "hat-map-symbolic", "No block is live here",
                         "Move the cursor in the timeline.");
  g_object_set_data_full (G_OBJECT (self), "answer", answer, free_answer);
}

static const HatQueryKind map_kind = { query_map, on_map, free_answer, NULL };

static gboolean
is_by_class (HatMapPage *self)
{
  return hat_view_state_get (hat_page_state (HAT_PAGE (self)))->snapshot != HAT_NO_SNAPSHOT && gtk_drop_down_get_selected (self->colour_choice) == 1;
}

static void
ask (HatMapPage *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->colour_choice), hat_view_state_get (hat_page_state (HAT_PAGE (self)))->snapshot != HAT_NO_SNAPSHOT);
  hat_page_ask (HAT_PAGE (self), &map_kind, GINT_TO_POINTER (is_by_class (self)));
}

static void
hat_map_page_fill_export (HatPage *page, HatExportOptions *options)
{
  options->by_class = is_by_class (HAT_MAP_PAGE (page));
  options->map = hat_map_picture_get_view (HAT_MAP_PAGE (page)->picture);
  if (options->by == HAT_BY_NONE)
    options->by = HAT_BY_AGE; /* as the picture */
}

/* Leak classes are those of the snapshot: the cursor goes there. */
static void
on_colour_chosen (GtkDropDown *choice, GParamSpec *pspec, HatMapPage *self)
{
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  const HatQuestion *now = hat_view_state_get (state);
  const gint64 before = now->cursor_ns;
  guint n;

  if (now->heap == NULL)
    return;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (now->heap), hat_heap_process (now->heap), &n);
  if (gtk_drop_down_get_selected (choice) == 1 && now->snapshot < n)
    hat_view_state_set_cursor (state, infos[now->snapshot].time_ns);
  if (now->cursor_ns == before) /* else the change has asked */
    ask (self);
}

static void
hat_map_page_update (HatPage *page, HatChanges changes)
{
  HatMapPage *self = HAT_MAP_PAGE (page);
  const gboolean is_stale = changes & HAT_CHANGED_SNAPSHOT && gtk_drop_down_get_selected (self->colour_choice) == 1
                            && hat_view_state_get (hat_page_state (page))->graph == NULL;
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_CURSOR) || is_stale)
    ask (self);
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
  HAT_PAGE_CLASS (klass)->fill_export = hat_map_page_fill_export;
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
  static const char *const colours[] = { "As the timeline", "Leak class", NULL };
  self->picture = HAT_MAP_PICTURE (picture);
  self->colour_choice = hat_toolbar_add_choice (toolbar, "Colour", colours);
  g_signal_connect (self->colour_choice, "notify::selected", G_CALLBACK (on_colour_chosen), self);
  hat_toolbar_add_action (toolbar, "zoom-out-symbolic", "Zoom out", "map.zoom-out", picture);
  hat_toolbar_add_action (toolbar, "zoom-fit-best-symbolic", "Whole heap", "map.fit", picture);
  hat_toolbar_add_action (toolbar, "zoom-in-symbolic", "Zoom in", "map.zoom-in", picture);
  gtk_box_append (GTK_BOX (box), toolbar);
  gtk_box_append (GTK_BOX (box), picture);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
