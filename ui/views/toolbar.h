/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The row above a view: what it shows in words, and the few things to choose. */

#include <gtk/gtk.h>

G_BEGIN_DECLS

GtkWidget *hat_toolbar_new (GtkLabel **out_headline);
/* Activates `action` on `target`, which must outlive the button's clicks (a sibling). */
GtkWidget *hat_toolbar_add_action (GtkWidget *toolbar, const char *icon, const char *label, const char *action,
                                   GtkWidget *target);
/* A labelled choice among `names` (NULL-terminated); connect to notify::selected. */
GtkDropDown *hat_toolbar_add_choice (GtkWidget *toolbar, const char *label, const char *const *names);
/* Pressed or not; connect to notify::active. */
GtkToggleButton *hat_toolbar_add_toggle (GtkWidget *toolbar, const char *icon, const char *label);

G_END_DECLS
