/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a type. */

#include "ui/views/types-picture.h"

#include <string.h>

#include "ui/draw/types-paint.h"

#define SCROLL_PX 48.0

struct _HatTypesPicture
{
  HatPicture parent_instance;
  HatTypeBook *book;
  HatTypeId type;
  guint tab;
  gboolean is_flat;
  HatTypeShape *shape;
  HatTypesLayout *layout;
  double scroll_px;
  HatTypesHit picked;
};

G_DEFINE_FINAL_TYPE (HatTypesPicture, hat_types_picture, HAT_TYPE_PICTURE)

static guint picked_signal;
static const HatTypesHit nothing = { -1, -1, -1 };

static gboolean
hat_types_picture_lay_out (HatPicture *picture, double width, double height)
{
  HatTypesPicture *self = HAT_TYPES_PICTURE (picture);
  HatTypesInput input = { .shape = self->shape, .scroll_px = self->scroll_px };

  g_clear_pointer (&self->layout, hat_types_layout_free);
  if (self->shape == NULL)
    return FALSE;
  self->layout = hat_types_layout_new (&input, width, height);
  double most = MAX (0, self->layout->content_height - self->layout->view.height);
  if (self->scroll_px > most)
    {
      input.scroll_px = self->scroll_px = most;
      hat_types_layout_free (self->layout);
      self->layout = hat_types_layout_new (&input, width, height);
    }
  return TRUE;
}

static void
hat_types_picture_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_types_paint (HAT_TYPES_PICTURE (picture)->layout, palette, cr);
}

static void
hat_types_picture_paint_overlay (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  HatTypesPicture *self = HAT_TYPES_PICTURE (picture);
  double x, y;

  hat_types_paint_overlay (self->layout, palette, self->picked, cr);
  if (hat_picture_get_pointer (picture, &x, &y))
    hat_types_paint_overlay (self->layout, palette, hat_types_layout_hit (self->layout, x, y), cr);
}

static const HatTypeBox *
box_of (HatTypesPicture *self, HatTypesHit hit)
{
  return hit.ruler < 0 ? NULL : &self->layout->rulers[hit.ruler].order->boxes[hit.box];
}

static char *
hat_types_picture_describe_at (HatPicture *picture, double x, double y)
{
  HatTypesPicture *self = HAT_TYPES_PICTURE (picture);
  const HatTypeBox *box = box_of (self, hat_types_layout_hit (self->layout, x, y));
  return box ? hat_type_box_text (box) : NULL;
}

static void
pick (HatTypesPicture *self, HatTypesHit hit)
{
  self->picked = hit;
  const HatTypeBox *box = self->layout ? box_of (self, hit) : NULL;
  g_autofree char *text = box ? hat_type_box_text (box) : NULL;
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_signal_emit (self, picked_signal, 0, text);
}

/* Another type, variant or depth. */
static void
renew (HatTypesPicture *self)
{
  g_clear_pointer (&self->layout, hat_types_layout_free);
  g_clear_pointer (&self->shape, hat_type_shape_free);
  if (self->book)
    {
      self->shape = hat_type_book_shape (self->book, self->type, self->tab, self->is_flat);
      self->tab = self->shape->tab;
      g_autofree char *summary = hat_type_shape_summary (self->shape);
      hat_picture_set_summary (HAT_PICTURE (self), summary);
    }
  self->scroll_px = 0;
  hat_picture_invalidate (HAT_PICTURE (self));
  pick (self, nothing);
}

void
hat_types_picture_show (HatTypesPicture *self, HatTypeBook *book, HatTypeId type)
{
  g_return_if_fail (HAT_IS_TYPES_PICTURE (self));
  if (book)
    hat_type_book_ref (book);
  g_clear_pointer (&self->book, hat_type_book_unref);
  self->book = book;
  self->type = type;
  self->tab = G_MAXUINT;
  renew (self);
}

static void
scroll_by (HatTypesPicture *self, double px)
{
  self->scroll_px = MAX (0, self->scroll_px + px);
  hat_picture_invalidate (HAT_PICTURE (self));
}

static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, HatTypesPicture *self)
{
  scroll_by (self, dy * SCROLL_PX);
  return GDK_EVENT_STOP;
}

static void
on_click (GtkGestureClick *gesture, int n_press, double x, double y, HatTypesPicture *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->layout == NULL)
    return;
  HatTypesHit hit = hat_types_layout_hit (self->layout, x, y);
  if (hit.tab < 0)
    {
      pick (self, hit);
      return;
    }
  self->tab = hit.tab;
  renew (self);
}

static void
pick_next (HatTypesPicture *self, gint by)
{
  const gint n = self->shape->now.n;
  gint box = self->picked.ruler == 0 ? self->picked.box + by : by > 0 ? 0 : n - 1;

  if (self->layout == NULL || n == 0)
    return;
  box = CLAMP (box, 0, n - 1);
  const HatRect rect = hat_types_layout_box (self->layout, 0, box), *view = &self->layout->view;
  if (rect.y < view->y)
    scroll_by (self, rect.y - view->y - 4);
  else if (rect.y + rect.height > view->y + view->height)
    scroll_by (self, rect.y + rect.height - view->y - view->height + 4);
  pick (self, (HatTypesHit){ 0, box, -1 });
}

static void
activate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatTypesPicture *self = HAT_TYPES_PICTURE (widget);
  const char *what = name + strlen ("types.");

  if (self->shape == NULL)
    return;
  if (g_str_equal (what, "inner"))
    {
      self->is_flat = !self->is_flat;
      renew (self);
    }
  else if (g_str_equal (what, "page-up") || g_str_equal (what, "page-down"))
    scroll_by (self, (g_str_equal (what, "page-up") ? -0.9 : 0.9) * gtk_widget_get_height (widget));
  else if (g_str_equal (what, "next") || g_str_equal (what, "previous"))
    pick_next (self, g_str_equal (what, "next") ? 1 : -1);
  else if (self->shape->n_tabs)
    {
      self->tab = (self->tab + (g_str_equal (what, "next-variant") ? 1 : self->shape->n_tabs - 1)) % self->shape->n_tabs;
      renew (self);
    }
}

static void
hat_types_picture_dispose (GObject *object)
{
  HatTypesPicture *self = HAT_TYPES_PICTURE (object);
  g_clear_pointer (&self->layout, hat_types_layout_free);
  g_clear_pointer (&self->shape, hat_type_shape_free);
  g_clear_pointer (&self->book, hat_type_book_unref);
  G_OBJECT_CLASS (hat_types_picture_parent_class)->dispose (object);
}

static void
hat_types_picture_class_init (HatTypesPictureClass *klass)
{
  static const struct
  {
    const char *name;
    guint key;
  } bindings[] = {
    { "types.next", GDK_KEY_Down },          { "types.previous", GDK_KEY_Up },   { "types.next-variant", GDK_KEY_Right },
    { "types.previous-variant", GDK_KEY_Left }, { "types.inner", GDK_KEY_i },    { "types.page-up", GDK_KEY_Page_Up },
    { "types.page-down", GDK_KEY_Page_Down },
  };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_types_picture_dispose;
  picture_class->lay_out = hat_types_picture_lay_out;
  picture_class->paint = hat_types_picture_paint;
  picture_class->paint_overlay = hat_types_picture_paint_overlay;
  picture_class->describe_at = hat_types_picture_describe_at;
  for (guint i = 0; i < G_N_ELEMENTS (bindings); i++)
    {
      gtk_widget_class_install_action (widget_class, bindings[i].name, NULL, activate);
      gtk_widget_class_add_binding_action (widget_class, bindings[i].key, 0, bindings[i].name, NULL);
    }
  picked_signal = g_signal_new ("picked", HAT_TYPE_TYPES_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
hat_types_picture_init (HatTypesPicture *self)
{
  GtkGesture *click = gtk_gesture_click_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  self->tab = G_MAXUINT;
  self->picked = nothing;
  g_signal_connect (click, "released", G_CALLBACK (on_click), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Layout of the type", -1);
}

GtkWidget *
hat_types_picture_new (void)
{
  return g_object_new (HAT_TYPE_TYPES_PICTURE, NULL);
}
