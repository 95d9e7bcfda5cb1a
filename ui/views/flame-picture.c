/* SPDX-License-Identifier: Apache-2.0 */
/* The flame graph as a widget. */

#include "ui/views/flame-picture.h"

#include "ui/draw/flame-paint.h"

#define SCROLL_PX 48.0

struct _HatFlamePicture
{
  HatPicture parent_instance;
  HatViewState *state;
  const HatTree *tree;
  HatFlameLayout *layout;
  guint root, selected;
  double scroll_px;
};

G_DEFINE_FINAL_TYPE (HatFlamePicture, hat_flame_picture, HAT_TYPE_PICTURE)

static guint picked_signal, zoomed_signal;

static gboolean
hat_flame_picture_lay_out (HatPicture *picture, double width, double height)
{
  HatFlamePicture *self = HAT_FLAME_PICTURE (picture);
  g_clear_pointer (&self->layout, hat_flame_layout_free);
  if (self->tree == NULL || self->tree->n == 0)
    return FALSE;
  const HatQuestion *now = hat_view_state_get (self->state);
  HatFlameInput input = { .tree = self->tree,
                          .colors = now->colors,
                          .root = self->root,
                          .search = now->filter,
                          .selected = self->selected,
                          .has_legend = TRUE,
                          .scroll_px = self->scroll_px };
  self->layout = hat_flame_layout_new (&input, width, height);
  double most = MAX (0, self->layout->content_height - self->layout->plot.height);
  if (self->scroll_px > most)
    {
      input.scroll_px = self->scroll_px = most;
      hat_flame_layout_free (self->layout);
      self->layout = hat_flame_layout_new (&input, width, height);
    }
  return TRUE;
}

static void
hat_flame_picture_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_flame_paint (HAT_FLAME_PICTURE (picture)->layout, palette, cr);
}

static void
hat_flame_picture_paint_overlay (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  HatFlamePicture *self = HAT_FLAME_PICTURE (picture);
  double x, y;
  gint box = hat_picture_get_pointer (picture, &x, &y) ? hat_flame_layout_hit (self->layout, x, y) : -1;
  hat_flame_paint_overlay (self->layout, palette, box, cr);
}

static char *
hat_flame_picture_describe_at (HatPicture *picture, double x, double y)
{
  HatFlamePicture *self = HAT_FLAME_PICTURE (picture);
  gint box = hat_flame_layout_hit (self->layout, x, y);
  return box >= 0 ? hat_flame_box_text (self->layout, box) : NULL;
}

void
hat_flame_picture_set_root (HatFlamePicture *self, guint node)
{
  g_return_if_fail (HAT_IS_FLAME_PICTURE (self));
  if (self->tree == NULL || node >= self->tree->n)
    return;
  self->root = node;
  self->scroll_px = 0;
  hat_picture_invalidate (HAT_PICTURE (self));
  g_signal_emit (self, zoomed_signal, 0);
}

static void
pick (HatFlamePicture *self, guint node)
{
  self->selected = node;
  hat_picture_invalidate (HAT_PICTURE (self));
  g_signal_emit (self, picked_signal, 0, node);
}

static void
scroll_by (HatFlamePicture *self, double px)
{
  self->scroll_px = MAX (0, self->scroll_px + px);
  hat_picture_invalidate (HAT_PICTURE (self));
}

static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, HatFlamePicture *self)
{
  scroll_by (self, dy * SCROLL_PX);
  return GDK_EVENT_STOP;
}

static void
on_click (GtkGestureClick *gesture, int n_press, double x, double y, HatFlamePicture *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  gint box = self->layout ? hat_flame_layout_hit (self->layout, x, y) : -1;
  if (box < 0)
    return;
  guint node = self->layout->boxes[box].node;
  pick (self, node);
  if (n_press == 1)
    hat_flame_picture_set_root (self, node);
}

/* Where the arrow keys go from the selected node; the node itself if there is nothing. */
static guint
neighbour (HatFlamePicture *self, const char *direction)
{
  const HatTree *tree = self->tree;
  guint at = self->selected < tree->n ? self->selected : self->root;
  const HatTreeNode *node = &tree->nodes[at], *parent = &tree->nodes[node->parent];
  if (g_str_equal (direction, "callee"))
    return node->n_children ? node->first_child : at;
  if (g_str_equal (direction, "caller"))
    return at ? node->parent : 0;
  if (g_str_equal (direction, "bigger"))
    return at && at > parent->first_child ? at - 1 : at;
  return at && at + 1 < parent->first_child + parent->n_children ? at + 1 : at;
}

static void
activate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatFlamePicture *self = HAT_FLAME_PICTURE (widget);
  const char *what = name + strlen ("flame.");
  if (self->tree == NULL || self->tree->n == 0)
    return;
  if (g_str_equal (what, "zoom-out"))
    hat_flame_picture_set_root (self, self->tree->nodes[self->root].parent);
  else if (g_str_equal (what, "zoom-reset"))
    hat_flame_picture_set_root (self, 0);
  else if (g_str_equal (what, "zoom-in"))
    hat_flame_picture_set_root (self, self->selected < self->tree->n ? self->selected : 0);
  else if (g_str_equal (what, "page-up") || g_str_equal (what, "page-down"))
    scroll_by (self, (g_str_equal (what, "page-up") ? -0.9 : 0.9) * gtk_widget_get_height (widget));
  else
    pick (self, neighbour (self, what));
}

void
hat_flame_picture_set_tree (HatFlamePicture *self, const HatTree *tree)
{
  g_return_if_fail (HAT_IS_FLAME_PICTURE (self));
  g_clear_pointer (&self->layout, hat_flame_layout_free);
  self->tree = tree;
  self->root = 0;
  self->selected = G_MAXUINT;
  if (tree && tree->n)
    {
      g_autofree char *summary = hat_flame_summary (tree);
      hat_picture_set_summary (HAT_PICTURE (self), summary);
    }
  hat_picture_invalidate (HAT_PICTURE (self));
  g_signal_emit (self, zoomed_signal, 0);
}

void
hat_flame_picture_refresh (HatFlamePicture *self)
{
  hat_picture_invalidate (HAT_PICTURE (self));
  g_signal_emit (self, zoomed_signal, 0);
}

guint
hat_flame_picture_get_root (HatFlamePicture *self)
{
  return self->root;
}

const HatFlameLayout *
hat_flame_picture_get_layout (HatFlamePicture *self)
{
  return self->layout;
}

static void
hat_flame_picture_dispose (GObject *object)
{
  HatFlamePicture *self = HAT_FLAME_PICTURE (object);
  g_clear_pointer (&self->layout, hat_flame_layout_free);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_flame_picture_parent_class)->dispose (object);
}

static void
hat_flame_picture_class_init (HatFlamePictureClass *klass)
{
  static const struct
  {
    const char *name;
    guint key;
  } bindings[] = {
    { "flame.zoom-in", GDK_KEY_Return },      { "flame.zoom-out", GDK_KEY_BackSpace },
    { "flame.zoom-reset", GDK_KEY_Home },     { "flame.callee", GDK_KEY_Down },
    { "flame.caller", GDK_KEY_Up },           { "flame.bigger", GDK_KEY_Left },
    { "flame.smaller", GDK_KEY_Right },       { "flame.page-up", GDK_KEY_Page_Up },
    { "flame.page-down", GDK_KEY_Page_Down },
  };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_flame_picture_dispose;
  picture_class->lay_out = hat_flame_picture_lay_out;
  picture_class->paint = hat_flame_picture_paint;
  picture_class->paint_overlay = hat_flame_picture_paint_overlay;
  picture_class->describe_at = hat_flame_picture_describe_at;
  for (guint i = 0; i < G_N_ELEMENTS (bindings); i++)
    {
      gtk_widget_class_install_action (widget_class, bindings[i].name, NULL, activate);
      gtk_widget_class_add_binding_action (widget_class, bindings[i].key, 0, bindings[i].name, NULL);
    }
  picked_signal = g_signal_new ("picked", HAT_TYPE_FLAME_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                1, G_TYPE_UINT);
  zoomed_signal
      = g_signal_new ("zoomed", HAT_TYPE_FLAME_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hat_flame_picture_init (HatFlamePicture *self)
{
  GtkGesture *click = gtk_gesture_click_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  self->selected = G_MAXUINT;
  g_signal_connect (click, "released", G_CALLBACK (on_click), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Flame graph", -1);
}

GtkWidget *
hat_flame_picture_new (HatViewState *state)
{
  HatFlamePicture *self = g_object_new (HAT_TYPE_FLAME_PICTURE, NULL);
  self->state = g_object_ref (state);
  return GTK_WIDGET (self);
}
