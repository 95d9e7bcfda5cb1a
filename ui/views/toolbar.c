/* SPDX-License-Identifier: Apache-2.0 */
/* The row above a view. */

#include "ui/views/toolbar.h"

#include <pango/pango.h>

#define SPACE_PX 6
#define HEADLINE_PX 190 /* what is shown of it beside the controls at least; where there is less room, it stands above them */

static int
headline_width (GtkWidget *bar)
{
  int natural;
  gtk_widget_measure (gtk_widget_get_first_child (bar), GTK_ORIENTATION_HORIZONTAL, -1, NULL, &natural, NULL, NULL);
  return natural > 0 ? MIN (natural, HEADLINE_PX) + SPACE_PX : 0;
}

static gboolean
has_two_rows (GtkWidget *bar, int width)
{
  int controls;
  gtk_widget_measure (gtk_widget_get_last_child (bar), GTK_ORIENTATION_HORIZONTAL, -1, &controls, NULL, NULL, NULL);
  return controls > 0 && headline_width (bar) > 0 && headline_width (bar) + controls > width;
}

static void
measure (GtkWidget *bar, GtkOrientation orientation, int for_size, int *minimum, int *natural, int *minimum_baseline, int *natural_baseline)
{
  int headline, headline_natural, controls;
  gtk_widget_measure (gtk_widget_get_first_child (bar), orientation, -1, &headline, &headline_natural, NULL, NULL);
  gtk_widget_measure (gtk_widget_get_last_child (bar), orientation, -1, &controls, NULL, NULL, NULL);
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = MAX (headline, controls);
      *natural = headline_natural + SPACE_PX + controls;
    }
  else
    *minimum = *natural = for_size >= 0 && has_two_rows (bar, for_size) ? headline_natural + controls : MAX (headline_natural, controls);
}

static GtkSizeRequestMode
request_mode (GtkWidget *bar)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
allocate (GtkWidget *bar, int width, int height, int baseline)
{
  GtkWidget *headline = gtk_widget_get_first_child (bar), *controls = gtk_widget_get_last_child (bar);
  int room, top = 0, headline_height;
  gtk_widget_measure (controls, GTK_ORIENTATION_HORIZONTAL, -1, &room, NULL, NULL, NULL);
  room = MIN (room, width);
  gtk_widget_measure (headline, GTK_ORIENTATION_VERTICAL, -1, NULL, &headline_height, NULL, NULL);
  if (has_two_rows (bar, width))
    top = MIN (headline_height, height);
  gtk_widget_size_allocate (headline, &(GtkAllocation){ 0, 0, MAX (top ? width : width - room - (room > 0 ? SPACE_PX : 0), 0), top ? top : height }, -1);
  gtk_widget_size_allocate (controls, &(GtkAllocation){ width - room, top, room, height - top }, -1);
}

GtkWidget *
hat_toolbar_new (GtkLabel **out_headline)
{
  GtkWidget *bar = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0), *controls = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, SPACE_PX);
  GtkWidget *headline = gtk_label_new (NULL);
  gtk_widget_set_layout_manager (bar, gtk_custom_layout_new (request_mode, measure, allocate));
  gtk_widget_add_css_class (bar, "view-toolbar");
  gtk_widget_add_css_class (headline, "heading");
  gtk_widget_add_css_class (headline, "numeric");
  gtk_label_set_xalign (GTK_LABEL (headline), 0);
  gtk_label_set_ellipsize (GTK_LABEL (headline), PANGO_ELLIPSIZE_END);
  gtk_widget_insert_before (headline, bar, NULL);
  gtk_widget_insert_before (controls, bar, NULL);
  *out_headline = GTK_LABEL (headline);
  return bar;
}

typedef struct
{
  GtkWidget *target;
  const char *action;
} Activation;

static void
on_clicked (GtkButton *button, gpointer data)
{
  Activation *activation = data;
  gtk_widget_activate_action (activation->target, activation->action, NULL);
}

GtkWidget *
hat_toolbar_add_action (GtkWidget *toolbar, const char *icon, const char *label, const char *action, GtkWidget *target)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);
  Activation *activation = g_new (Activation, 1);
  *activation = (Activation){ target, g_intern_string (action) };
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_tooltip_text (button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_signal_connect_data (button, "clicked", G_CALLBACK (on_clicked), activation,
                         (GClosureNotify) (void (*) (void)) g_free, 0);
  gtk_box_append (GTK_BOX (gtk_widget_get_last_child (toolbar)), button);
  return button;
}

GtkDropDown *
hat_toolbar_add_choice (GtkWidget *toolbar, const char *label, const char *const *names)
{
  GtkWidget *choice = gtk_drop_down_new_from_strings (names);
  gtk_widget_add_css_class (choice, "flat");
  gtk_widget_set_tooltip_text (choice, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (choice), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_box_append (GTK_BOX (gtk_widget_get_last_child (toolbar)), choice);
  return GTK_DROP_DOWN (choice);
}

GtkToggleButton *
hat_toolbar_add_toggle (GtkWidget *toolbar, const char *icon, const char *label)
{
  GtkWidget *toggle = gtk_toggle_button_new ();
  gtk_button_set_icon_name (GTK_BUTTON (toggle), icon);
  gtk_widget_add_css_class (toggle, "flat");
  gtk_widget_set_tooltip_text (toggle, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (toggle), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_box_append (GTK_BOX (gtk_widget_get_last_child (toolbar)), toggle);
  return GTK_TOGGLE_BUTTON (toggle);
}
