/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of text and bars. */

#include "ui/views/columns.h"

#include "ui/views/cell.h"

typedef struct
{
  HatCellText text;
  gpointer data;
  gboolean is_number, is_tree;
} Column;

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *item, Column *column)
{
  GtkWidget *cell = hat_cell_new (column->is_number);
  if (!column->is_tree)
    {
      gtk_list_item_set_child (item, cell);
      return;
    }
  GtkWidget *expander = gtk_tree_expander_new ();
  gtk_tree_expander_set_child (GTK_TREE_EXPANDER (expander), cell);
  gtk_list_item_set_child (item, expander);
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *item, Column *column)
{
  GtkWidget *child = gtk_list_item_get_child (item);
  gpointer object = gtk_list_item_get_item (item);
  g_autoptr (GObject) unwrapped = NULL;
  if (GTK_IS_TREE_LIST_ROW (object))
    object = unwrapped = gtk_tree_list_row_get_item (object);
  if (column->is_tree)
    {
      gtk_tree_expander_set_list_row (GTK_TREE_EXPANDER (child), gtk_list_item_get_item (item));
      child = gtk_tree_expander_get_child (GTK_TREE_EXPANDER (child));
    }
  g_autofree char *text = NULL;
  double share = -1;
  if (object)
    column->text (object, column->data, &text, &share);
  hat_cell_set (HAT_CELL (child), text, share);
}

static GtkColumnViewColumn *
add (GtkColumnView *view, const char *title, Column column)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  Column *copy = g_memdup2 (&column, sizeof column);
  g_signal_connect_data (factory, "setup", G_CALLBACK (on_setup), copy, (GClosureNotify) (void (*) (void)) g_free, 0);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), copy);
  GtkColumnViewColumn *made = gtk_column_view_column_new (title, factory);
  gtk_column_view_column_set_resizable (made, TRUE);
  gtk_column_view_append_column (view, made);
  g_object_unref (made); /* the view keeps it */
  return made;
}

GtkColumnViewColumn *
hat_columns_add (GtkColumnView *view, const char *title, int width, gboolean is_number, HatCellText text, gpointer data)
{
  GtkColumnViewColumn *column = add (view, title, (Column){ text, data, is_number, FALSE });
  if (width > 0)
    {
      gtk_column_view_column_set_fixed_width (column, width);
      g_object_set_data (G_OBJECT (column), "width", GINT_TO_POINTER (width));
    }
  else
    gtk_column_view_column_set_expand (column, TRUE);
  return column;
}

void
hat_columns_show (GtkColumnViewColumn *column, gboolean shown)
{
  if (gtk_column_view_column_get_visible (column) == shown)
    return; /* the user may have made it wider */
  gtk_column_view_column_set_visible (column, shown);
  gtk_column_view_column_set_fixed_width (column, shown ? GPOINTER_TO_INT (g_object_get_data (G_OBJECT (column), "width")) : 0);
}

GtkColumnViewColumn *
hat_columns_add_tree (GtkColumnView *view, const char *title, HatCellText text, gpointer data)
{
  GtkColumnViewColumn *column = add (view, title, (Column){ text, data, FALSE, TRUE });
  gtk_column_view_column_set_expand (column, TRUE);
  return column;
}

/* ---- sorting ---- */

void
hat_columns_sort_with (GtkColumnViewColumn *column, GCompareDataFunc compare, gpointer data)
{
  g_autoptr (GtkSorter) sorter = GTK_SORTER (gtk_custom_sorter_new (compare, data, NULL));
  gtk_column_view_column_set_sorter (column, sorter);
}

GListModel *
hat_columns_sorted (GtkColumnView *view, GListModel *rows)
{
  GtkSorter *sorter = g_object_ref (gtk_column_view_get_sorter (view));
  if (GTK_IS_TREE_LIST_MODEL (rows))
    sorter = GTK_SORTER (gtk_tree_list_row_sorter_new (sorter));
  GtkSortListModel *sorted = gtk_sort_list_model_new (rows, sorter);
  gtk_sort_list_model_set_incremental (sorted, TRUE);
  return G_LIST_MODEL (sorted);
}

/* GTK 4.8 cannot tell which column sorts (that came with 4.10), but the sorter of the view asks its columns one after
 * the other until they disagree: the first one asked is the one, and how its answer comes back tells the direction. */
static int asked_column;

static int
answer_question (gconstpointer a, gconstpointer b, gpointer index)
{
  asked_column = GPOINTER_TO_INT (index);
  return -1;
}

void
hat_columns_make_sortable (GtkColumnViewColumn *column, int index)
{
  g_autoptr (GtkSorter) sorter = GTK_SORTER (gtk_custom_sorter_new (answer_question, GINT_TO_POINTER (index), NULL));
  gtk_column_view_column_set_sorter (column, sorter);
}

int
hat_columns_sorted_by (GtkColumnView *view, gboolean *out_is_descending)
{
  g_autoptr (GObject) a = g_object_new (G_TYPE_OBJECT, NULL), b = g_object_new (G_TYPE_OBJECT, NULL);
  asked_column = -1;
  GtkOrdering ordering = gtk_sorter_compare (gtk_column_view_get_sorter (view), a, b);
  *out_is_descending = ordering == GTK_ORDERING_LARGER;
  return asked_column;
}
