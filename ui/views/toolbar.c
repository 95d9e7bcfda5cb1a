/* SPDX-License-Identifier: Apache-2.0 */
/* The row above a view. */

#include "ui/views/toolbar.h"

#include <pango/pango.h>

GtkWidget *
hat_toolbar_new (GtkLabel **out_headline)
{
  GtkWidget *bar = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *headline = gtk_label_new (NULL);
  gtk_widget_add_css_class (bar, "view-toolbar");
  gtk_widget_add_css_class (headline, "heading");
  gtk_widget_add_css_class (headline, "numeric");
  gtk_label_set_xalign (GTK_LABEL (headline), 0);
  gtk_label_set_ellipsize (GTK_LABEL (headline), PANGO_ELLIPSIZE_END);
  gtk_widget_set_hexpand (headline, TRUE);
  gtk_box_append (GTK_BOX (bar), headline);
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
  gtk_box_append (GTK_BOX (toolbar), button);
  return button;
}

GtkDropDown *
hat_toolbar_add_choice (GtkWidget *toolbar, const char *label, const char *const *names)
{
  GtkWidget *choice = gtk_drop_down_new_from_strings (names);
  gtk_widget_add_css_class (choice, "flat");
  gtk_widget_set_tooltip_text (choice, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (choice), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_box_append (GTK_BOX (toolbar), choice);
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
  gtk_box_append (GTK_BOX (toolbar), toggle);
  return GTK_TOGGLE_BUTTON (toggle);
}
