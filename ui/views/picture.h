/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A widget that shows one picture of ui/draw. The data is painted once into a texture and kept until the data, the size
 * or the colours change; cursor, selection and hover are painted above it, so that moving the pointer never repaints
 * the data. What stands under the pointer is told in a readout next to it, at once. */

#include <gtk/gtk.h>

#include "ui/draw/text.h"

G_BEGIN_DECLS

#define HAT_TYPE_PICTURE (hat_picture_get_type ())
G_DECLARE_DERIVABLE_TYPE (HatPicture, hat_picture, HAT, PICTURE, GtkWidget)

struct _HatPictureClass
{
  GtkWidgetClass parent_class;

  /* Makes the layout for a size; FALSE: there is nothing to paint yet. */
  gboolean (*lay_out) (HatPicture *self, double width, double height);
  void (*paint) (HatPicture *self, const HatPalette *palette, cairo_t *cr);
  void (*paint_overlay) (HatPicture *self, const HatPalette *palette, cairo_t *cr); /* may be NULL */
  char *(*describe_at) (HatPicture *self, double x, double y);                      /* the readout; may return NULL */
};

/* The data, or the zoom, changed: lay out and paint again. */
void hat_picture_invalidate (HatPicture *self);
/* FALSE if the pointer is elsewhere. */
gboolean hat_picture_get_pointer (HatPicture *self, double *out_x, double *out_y);
/* Its text for assistive tools. */
void hat_picture_set_summary (HatPicture *self, const char *summary);

/* The colours of the desktop now, for any widget. */
void hat_palette_init_for_desktop (HatPalette *palette);

/* A small picture without a layout of its own, inside cards and rows. `paint` gets `data`; both live as long as the
 * widget. */
typedef void (*HatSmallPaint) (gpointer data, const HatPalette *palette, HatRect rect, cairo_t *cr);
GtkWidget *hat_small_picture_new (HatSmallPaint paint, gpointer data, GDestroyNotify destroy, int width, int height);

G_END_DECLS
