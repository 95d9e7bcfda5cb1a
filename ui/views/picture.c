/* SPDX-License-Identifier: Apache-2.0 */
/* The base of all picture widgets. */

#include "ui/views/picture.h"

#include <adwaita.h>

#define READOUT_GAP 14.0 /* px between pointer and readout */

typedef struct
{
  GdkTexture *texture;
  gboolean has_layout;
  int width, height;
  double pointer_x, pointer_y; /* x < 0: the pointer is elsewhere */
} HatPicturePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (HatPicture, hat_picture, GTK_TYPE_WIDGET)

void
hat_palette_init_for_desktop (HatPalette *palette)
{
  AdwStyleManager *style = adw_style_manager_get_default ();
  hat_palette_init (palette, adw_style_manager_get_dark (style), adw_style_manager_get_high_contrast (style));
}

static void
drop_texture (HatPicture *self)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  g_clear_object (&priv->texture);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
hat_picture_invalidate (HatPicture *self)
{
  g_return_if_fail (HAT_IS_PICTURE (self));
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  priv->has_layout = FALSE;
  if (priv->width > 0)
    priv->has_layout = HAT_PICTURE_GET_CLASS (self)->lay_out (self, priv->width, priv->height);
  drop_texture (self);
}

gboolean
hat_picture_get_pointer (HatPicture *self, double *out_x, double *out_y)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  *out_x = priv->pointer_x;
  *out_y = priv->pointer_y;
  return priv->pointer_x >= 0;
}

void
hat_picture_set_summary (HatPicture *self, const char *summary)
{
  g_return_if_fail (HAT_IS_PICTURE (self));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, summary ? summary : "",
                                  -1);
}

static GdkTexture *
paint_texture (HatPicture *self, const HatPalette *palette)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  int scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  int width = priv->width * scale, height = priv->height * scale;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, width, height);
  cairo_surface_set_device_scale (surface, scale, scale);
  cairo_t *cr = cairo_create (surface);
  HAT_PICTURE_GET_CLASS (self)->paint (self, palette, cr);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  gsize stride = cairo_image_surface_get_stride (surface);
  g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (cairo_image_surface_get_data (surface), stride * height,
                                                         (GDestroyNotify) cairo_surface_destroy, surface);
  return gdk_memory_texture_new (width, height, GDK_MEMORY_DEFAULT, bytes, stride);
}

static void
paint_readout (HatPicture *self, const HatPalette *palette, cairo_t *cr)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  HatPictureClass *klass = HAT_PICTURE_GET_CLASS (self);
  if (priv->pointer_x < 0 || klass->describe_at == NULL)
    return;
  g_autofree char *string = klass->describe_at (self, priv->pointer_x, priv->pointer_y);
  if (string == NULL)
    return;
  g_autoptr (HatText) text = hat_text_new (cr);
  double width = MIN (hat_text_measure (text, HAT_FONT_SMALL, string) + 16, priv->width - 4);
  double height = 24;
  HatRect box = { priv->pointer_x + READOUT_GAP, priv->pointer_y + READOUT_GAP, width, height };
  if (box.x + width > priv->width - 2)
    box.x = MAX (2, priv->pointer_x - READOUT_GAP - width);
  if (box.y + height > priv->height - 2)
    box.y = MAX (2, priv->pointer_y - READOUT_GAP - height);
  HatColor fill = palette->is_dark ? (HatColor){ 0.93, 0.93, 0.93, 0.96 } : (HatColor){ 0.12, 0.12, 0.13, 0.94 };
  hat_paint_round (cr, fill, box, 6);
  hat_text_line (text, HAT_FONT_SMALL, hat_color_text_on (fill), (HatRect){ box.x + 8, box.y, width - 16, height },
                 HAT_ALIGN_LEFT, string);
}

static void
hat_picture_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  HatPicture *self = HAT_PICTURE (widget);
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  HatPictureClass *klass = HAT_PICTURE_GET_CLASS (self);
  if (!priv->has_layout || priv->width <= 0 || priv->height <= 0)
    return;
  HatPalette palette;
  hat_palette_init_for_desktop (&palette);
  if (priv->texture == NULL)
    priv->texture = paint_texture (self, &palette);
  graphene_rect_t bounds = GRAPHENE_RECT_INIT (0, 0, priv->width, priv->height);
  gtk_snapshot_push_clip (snapshot, &bounds);
  gtk_snapshot_append_texture (snapshot, priv->texture, &bounds);
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &bounds);
  if (klass->paint_overlay)
    klass->paint_overlay (self, &palette, cr);
  paint_readout (self, &palette, cr);
  if (gtk_widget_has_visible_focus (widget))
    {
      HatColor c = palette.accent;
      cairo_set_source_rgba (cr, c.red, c.green, c.blue, 0.9);
      cairo_set_line_width (cr, 2);
      cairo_rectangle (cr, 1, 1, priv->width - 2, priv->height - 2);
      cairo_stroke (cr);
    }
  cairo_destroy (cr);
  gtk_snapshot_pop (snapshot);
}

static void
hat_picture_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  HatPicture *self = HAT_PICTURE (widget);
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  if (width == priv->width && height == priv->height)
    return;
  priv->width = width;
  priv->height = height;
  hat_picture_invalidate (self);
}

static void
on_motion (GtkEventControllerMotion *motion, double x, double y, HatPicture *self)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  priv->pointer_x = MAX (x, 0);
  priv->pointer_y = y;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
on_leave (GtkEventControllerMotion *motion, HatPicture *self)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  priv->pointer_x = -1;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
hat_picture_dispose (GObject *object)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (HAT_PICTURE (object));
  g_clear_object (&priv->texture);
  G_OBJECT_CLASS (hat_picture_parent_class)->dispose (object);
}

static void
hat_picture_class_init (HatPictureClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_picture_dispose;
  widget_class->snapshot = hat_picture_snapshot;
  widget_class->size_allocate = hat_picture_size_allocate;
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "picture");
}

static void
hat_picture_init (HatPicture *self)
{
  HatPicturePrivate *priv = hat_picture_get_instance_private (self);
  AdwStyleManager *style = adw_style_manager_get_default ();
  GtkEventController *motion = gtk_event_controller_motion_new ();
  priv->pointer_x = -1;
  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), self);
  g_signal_connect (motion, "leave", G_CALLBACK (on_leave), self);
  gtk_widget_add_controller (GTK_WIDGET (self), motion);
  g_signal_connect_object (style, "notify::dark", G_CALLBACK (drop_texture), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (style, "notify::high-contrast", G_CALLBACK (drop_texture), self, G_CONNECT_SWAPPED);
  g_signal_connect (self, "notify::scale-factor", G_CALLBACK (drop_texture), NULL);
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_hexpand (GTK_WIDGET (self), TRUE);
}

/* ---- small pictures ---- */

typedef struct
{
  HatSmallPaint paint;
  gpointer data;
  GDestroyNotify destroy;
} Small;

static void
draw_small (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data)
{
  Small *small = data;
  HatPalette palette;
  hat_palette_init_for_desktop (&palette);
  small->paint (small->data, &palette, (HatRect){ 0, 0, width, height }, cr);
}

static void
free_small (gpointer data)
{
  Small *small = data;
  if (small->destroy)
    small->destroy (small->data);
  g_free (small);
}

GtkWidget *
hat_small_picture_new (HatSmallPaint paint, gpointer data, GDestroyNotify destroy, int width, int height)
{
  GtkWidget *area = gtk_drawing_area_new ();
  AdwStyleManager *style = adw_style_manager_get_default ();
  Small *small = g_new (Small, 1);
  *small = (Small){ paint, data, destroy };
  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (area), draw_small, small, free_small);
  gtk_drawing_area_set_content_width (GTK_DRAWING_AREA (area), width);
  gtk_drawing_area_set_content_height (GTK_DRAWING_AREA (area), height);
  g_signal_connect_object (style, "notify::dark", G_CALLBACK (gtk_widget_queue_draw), area, G_CONNECT_SWAPPED);
  return area;
}
