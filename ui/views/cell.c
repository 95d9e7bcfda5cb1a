/* SPDX-License-Identifier: Apache-2.0 */
/* A table cell with a bar. */

#include "ui/views/cell.h"

#include "ui/views/picture.h"

struct _HatCell
{
  GtkWidget parent_instance;
  GtkWidget *label;
  double share;
};

G_DEFINE_FINAL_TYPE (HatCell, hat_cell, GTK_TYPE_WIDGET)

static void
hat_cell_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  HatCell *self = HAT_CELL (widget);
  if (self->share > 0)
    {
      HatPalette palette;
      hat_palette_init_for_desktop (&palette);
      HatColor c = palette.accent;
      float width = gtk_widget_get_width (widget) * CLAMP (self->share, 0, 1), height = gtk_widget_get_height (widget);
      gtk_snapshot_append_color (snapshot, &(GdkRGBA){ c.red, c.green, c.blue, 0.22f },
                                 &GRAPHENE_RECT_INIT (gtk_widget_get_width (widget) - width, 1, width, height - 2));
    }
  GTK_WIDGET_CLASS (hat_cell_parent_class)->snapshot (widget, snapshot);
}

/* Long ones may be cut off. Asked for when the pointer rests: to set a tooltip costs two round trips to the X server, and a table has 200 rows. */
static gboolean
hat_cell_query_tooltip (GtkWidget *widget, int x, int y, gboolean is_keyboard, GtkTooltip *tooltip)
{
  const char *text = gtk_label_get_label (GTK_LABEL (HAT_CELL (widget)->label));
  gtk_tooltip_set_text (tooltip, text);
  return g_utf8_strlen (text, -1) > 24;
}

static void
hat_cell_dispose (GObject *object)
{
  g_clear_pointer (&HAT_CELL (object)->label, gtk_widget_unparent);
  G_OBJECT_CLASS (hat_cell_parent_class)->dispose (object);
}

static void
hat_cell_class_init (HatCellClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_cell_dispose;
  GTK_WIDGET_CLASS (klass)->snapshot = hat_cell_snapshot;
  GTK_WIDGET_CLASS (klass)->query_tooltip = hat_cell_query_tooltip;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
hat_cell_init (HatCell *self)
{
  self->share = -1;
  self->label = gtk_label_new (NULL);
  gtk_label_set_single_line_mode (GTK_LABEL (self->label), TRUE);
  gtk_label_set_ellipsize (GTK_LABEL (self->label), PANGO_ELLIPSIZE_END);
  gtk_widget_set_parent (self->label, GTK_WIDGET (self));
}

GtkWidget *
hat_cell_new (gboolean is_number)
{
  HatCell *self = g_object_new (HAT_TYPE_CELL, "hexpand", TRUE, "has-tooltip", TRUE, NULL);
  gtk_label_set_xalign (GTK_LABEL (self->label), is_number ? 1 : 0);
  if (is_number)
    gtk_widget_add_css_class (self->label, "numeric");
  return GTK_WIDGET (self);
}

void
hat_cell_set (HatCell *self, const char *text, double share)
{
  gtk_label_set_label (GTK_LABEL (self->label), text ? text : "");
  if (self->share != share)
    {
      self->share = share;
      gtk_widget_queue_draw (GTK_WIDGET (self));
    }
}
