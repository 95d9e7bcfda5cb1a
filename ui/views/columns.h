/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Column views without fuss: columns of text, columns with a bar of a share, and which column the user wants to sort
 * by. */

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Fills one cell for `item`, the list's own object (rows of trees are unwrapped). */
typedef void (*HatCellText) (gpointer item, gpointer data, char **out_text, double *out_share);

/* A column whose cells are told by `text`: out_text is g_free'd; a share of 0 to 1 draws a bar behind it, -1 none. */
GtkColumnViewColumn *hat_columns_add (GtkColumnView *view, const char *title, int width, gboolean is_number,
                                      HatCellText text, gpointer data);
/* Shows one of these or not: GTK 4.8 keeps room for a column that is only invisible. */
void hat_columns_show (GtkColumnViewColumn *column, gboolean shown);
/* The same as hat_columns_add(), with the arrow that unfolds a row of a GtkTreeListModel. */
GtkColumnViewColumn *hat_columns_add_tree (GtkColumnView *view, const char *title, HatCellText text, gpointer data);

/* Makes a click on the column's title sort. The rows of `view` are to be hat_columns_sorted(). `compare` gets what is in the list. */
void hat_columns_sort_with (GtkColumnViewColumn *column, GCompareDataFunc compare, gpointer data);
/* Takes `rows` (a GtkTreeListModel, or not) and sorts them as the view says, each level of a tree by itself. */
GListModel *hat_columns_sorted (GtkColumnView *view, GListModel *rows);

/* The same for long lists. Models sort themselves, in a worker: hat_columns_sorted_by() tells by what,
 * whenever the sorter of the view says "changed". Returns the index given here, or -1. */
void hat_columns_make_sortable (GtkColumnViewColumn *column, int index);
int hat_columns_sorted_by (GtkColumnView *view, gboolean *out_is_descending);

G_END_DECLS
