/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A cell of a table: one line of text, with a bar behind it for a share of the whole. */

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define HAT_TYPE_CELL (hat_cell_get_type ())
G_DECLARE_FINAL_TYPE (HatCell, hat_cell, HAT, CELL, GtkWidget)

GtkWidget *hat_cell_new (gboolean is_number);
void hat_cell_set (HatCell *self, const char *text, double share);

G_END_DECLS
