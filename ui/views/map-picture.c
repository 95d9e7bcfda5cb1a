/* SPDX-License-Identifier: Apache-2.0 */
/* The live-object map as a widget. */

#include "ui/views/map-picture.h"

#include "ui/draw/map-paint.h"

#define SCROLL_PX 48.0

struct _HatMapPicture
{
  HatPicture parent_instance;
  HatViewState *state;
  HatHeap *heap; /* keeps the trace of the model alive */
  HatColors *colors;
  HatMapModel *model;
  HatMapLayout *layout;
  HatMapView view;
  gint isolated;
  HatBlockId shown_block; /* the selection that was scrolled to */
  HatGraph *graph;        /* of the colours, or NULL */
};

G_DEFINE_FINAL_TYPE (HatMapPicture, hat_map_picture, HAT_TYPE_PICTURE)

static gboolean
hat_map_picture_lay_out (HatPicture *picture, double width, double height)
{
  HatMapPicture *self = HAT_MAP_PICTURE (picture);
  g_clear_pointer (&self->layout, hat_map_layout_free);
  if (self->model == NULL)
    return FALSE;
  const HatQuestion *now = hat_view_state_get (self->state);
  const HatSelection *selection = hat_view_state_selection (self->state);
  HatMapStyle style
      = { .colors = self->colors, .by = now->by == HAT_BY_NONE ? HAT_BY_AGE : now->by, .isolated = self->isolated,
          .graph = self->graph };
  style.selected_stacks = selection->kind == HAT_SELECTED_BLOCK ? NULL : selection->stacks;
  style.selected_block = selection->kind == HAT_SELECTED_BLOCK ? selection->block.id : 0;
  self->layout = hat_map_layout_new (self->model, &style, self->view, width, height);
  return TRUE;
}

static void
hat_map_picture_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_map_paint (HAT_MAP_PICTURE (picture)->layout, palette, cr);
}

static void
hat_map_picture_paint_overlay (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  HatMapPicture *self = HAT_MAP_PICTURE (picture);
  HatMapHit hit;
  double x, y;
  gboolean has_hit = hat_picture_get_pointer (picture, &x, &y) && hat_map_layout_hit (self->layout, x, y, &hit);
  hat_map_paint_overlay (self->layout, palette, has_hit ? &hit : NULL, cr);
}

static char *
hat_map_picture_describe_at (HatPicture *picture, double x, double y)
{
  HatMapPicture *self = HAT_MAP_PICTURE (picture);
  HatMapHit hit;
  return hat_map_layout_hit (self->layout, x, y, &hit) ? hat_map_hit_text (self->layout, &hit) : NULL;
}

static void
set_view (HatMapPicture *self, HatMapView view)
{
  self->view = view;
  hat_picture_invalidate (HAT_PICTURE (self));
  if (self->layout && self->view.bytes_per_row != 0)
    self->view = self->layout->view;
}

static void
scroll_by (HatMapPicture *self, double px)
{
  if (self->layout == NULL)
    return;
  HatMapView view = self->layout->view;
  view.scroll_px = CLAMP (view.scroll_px + px, 0, MAX (0, self->layout->content_height - self->layout->plot.height));
  set_view (self, view);
}

static void
zoom_at (HatMapPicture *self, double x, double y, gint steps)
{
  if (self->layout)
    set_view (self, hat_map_layout_zoom (self->layout, x, y, steps));
}

static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, HatMapPicture *self)
{
  double x, y;
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (scroll));
  if (state & GDK_CONTROL_MASK && hat_picture_get_pointer (HAT_PICTURE (self), &x, &y))
    zoom_at (self, x, y, dy < 0 ? 1 : -1);
  else
    scroll_by (self, dy * SCROLL_PX);
  return GDK_EVENT_STOP;
}

static void
on_click (GtkGestureClick *gesture, int n_press, double x, double y, HatMapPicture *self)
{
  HatMapHit hit;
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->layout == NULL || !hat_map_layout_hit (self->layout, x, y, &hit))
    return;
  if (hit.legend_item >= 0)
    {
      gint swatch = self->layout->legend.items[hit.legend_item].key;
      self->isolated = self->isolated == swatch ? -1 : swatch;
      hat_picture_invalidate (HAT_PICTURE (self));
    }
  else if (n_press == 2)
    zoom_at (self, x, y, 3);
  else if (hit.block)
    {
      self->shown_block = hit.block->id;
      hat_view_state_select_block (self->state, hit.block);
    }
}

static void
activate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatMapPicture *self = HAT_MAP_PICTURE (widget);
  if (self->layout == NULL)
    return;
  HatRect plot = self->layout->plot;
  const char *what = name + strlen ("map.");
  if (g_str_equal (what, "zoom-in"))
    zoom_at (self, plot.x + plot.width / 2, plot.y + plot.height / 2, 1);
  else if (g_str_equal (what, "zoom-out"))
    zoom_at (self, plot.x + plot.width / 2, plot.y + plot.height / 2, -1);
  else if (g_str_equal (what, "fit"))
    set_view (self, (HatMapView){ 0, 0 });
  else if (g_str_equal (what, "scroll-up"))
    scroll_by (self, -SCROLL_PX);
  else if (g_str_equal (what, "scroll-down"))
    scroll_by (self, SCROLL_PX);
  else if (g_str_equal (what, "page-up"))
    scroll_by (self, -plot.height);
  else if (g_str_equal (what, "page-down"))
    scroll_by (self, plot.height);
}

void
hat_map_picture_set_graph (HatMapPicture *self, HatGraph *graph)
{
  g_return_if_fail (HAT_IS_MAP_PICTURE (self));
  if (graph)
    hat_graph_ref (graph);
  if ((graph == NULL) != (self->graph == NULL))
    self->isolated = -1;
  g_clear_pointer (&self->graph, hat_graph_unref);
  self->graph = graph;
  hat_picture_invalidate (HAT_PICTURE (self));
}

HatMapView
hat_map_picture_get_view (HatMapPicture *self)
{
  return self->view;
}

void
hat_map_picture_refresh (HatMapPicture *self)
{
  const HatSelection *selection = hat_view_state_selection (self->state);
  HatRect rect;
  hat_picture_invalidate (HAT_PICTURE (self));
  if (selection->kind != HAT_SELECTED_BLOCK || self->layout == NULL || selection->block.id == self->shown_block)
    return;
  self->shown_block = selection->block.id;
  if (!hat_map_layout_block_rect (self->layout, &selection->block, &rect))
    set_view (self, hat_map_layout_show (self->layout, selection->block.address));
}

void
hat_map_picture_set_model (HatMapPicture *self, HatHeap *heap, HatMapModel *model)
{
  g_return_if_fail (HAT_IS_MAP_PICTURE (self));
  const HatQuestion *now = hat_view_state_get (self->state);
  if (self->heap != heap)
    {
      self->view = (HatMapView){ 0, 0 };
      self->isolated = -1;
    }
  g_clear_pointer (&self->layout, hat_map_layout_free);
  g_clear_pointer (&self->model, hat_map_model_unref);
  g_clear_pointer (&self->colors, hat_colors_unref);
  g_clear_pointer (&self->heap, hat_heap_unref);
  if (model)
    {
      self->model = hat_map_model_ref (model);
      self->heap = hat_heap_ref (heap);
      self->colors = hat_colors_ref (now->colors);
      g_autofree char *summary = hat_map_summary (model);
      hat_picture_set_summary (HAT_PICTURE (self), summary);
    }
  hat_map_picture_refresh (self);
}

static void
hat_map_picture_dispose (GObject *object)
{
  HatMapPicture *self = HAT_MAP_PICTURE (object);
  g_clear_pointer (&self->layout, hat_map_layout_free);
  g_clear_pointer (&self->model, hat_map_model_unref);
  g_clear_pointer (&self->graph, hat_graph_unref);
  g_clear_pointer (&self->colors, hat_colors_unref);
  g_clear_pointer (&self->heap, hat_heap_unref);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_map_picture_parent_class)->dispose (object);
}

static void
hat_map_picture_class_init (HatMapPictureClass *klass)
{
  static const struct
  {
    const char *name;
    guint key;
  } bindings[] = {
    { "map.zoom-in", GDK_KEY_plus },        { "map.zoom-out", GDK_KEY_minus },   { "map.fit", GDK_KEY_0 },
    { "map.scroll-up", GDK_KEY_Up },        { "map.scroll-down", GDK_KEY_Down }, { "map.page-up", GDK_KEY_Page_Up },
    { "map.page-down", GDK_KEY_Page_Down },
  };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_map_picture_dispose;
  picture_class->lay_out = hat_map_picture_lay_out;
  picture_class->paint = hat_map_picture_paint;
  picture_class->paint_overlay = hat_map_picture_paint_overlay;
  picture_class->describe_at = hat_map_picture_describe_at;
  for (guint i = 0; i < G_N_ELEMENTS (bindings); i++)
    {
      gtk_widget_class_install_action (widget_class, bindings[i].name, NULL, activate);
      gtk_widget_class_add_binding_action (widget_class, bindings[i].key, 0, bindings[i].name, NULL);
    }
}

static void
hat_map_picture_init (HatMapPicture *self)
{
  GtkGesture *click = gtk_gesture_click_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  self->isolated = -1;
  g_signal_connect (click, "released", G_CALLBACK (on_click), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Live-object map", -1);
}

GtkWidget *
hat_map_picture_new (HatViewState *state)
{
  HatMapPicture *self = g_object_new (HAT_TYPE_MAP_PICTURE, NULL);
  self->state = g_object_ref (state);
  return GTK_WIDGET (self);
}
