/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live blocks. */

#include "ui/views/blocks-page.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/report/type-counts.h"
#include "ui/views/block-rows.h"
#include "ui/views/columns.h"
#include "ui/views/toolbar.h"

struct _HatBlocksPage
{
  HatPage parent_instance;
  GtkColumnView *view;
  GtkSingleSelection *selection;
  GtkLabel *headline;
  GtkColumnViewColumn *stands_for; /* of a sample */
  GtkColumnViewColumn *leak_class; /* of a snapshot */
  GtkColumnViewColumn *thread;     /* if there are several */
  GtkColumnViewColumn *type;       /* where some are known */
  HatBlockRows *rows;
  gboolean is_filling;
};

G_DEFINE_FINAL_TYPE (HatBlocksPage, hat_blocks_page, HAT_TYPE_PAGE)

static gpointer
query_blocks (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  HatLive *live = hat_question_live (question, progress, error);
  if (live == NULL)
    return NULL;
  return hat_block_rows_new (question->heap, live, question->graph, *(const HatBlockOrder *) extra, question->filter, progress, error);
}

static void
on_blocks (gpointer owner, gpointer answer, const GError *error)
{
  HatBlocksPage *self = owner;
  if (answer == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  g_set_object (&self->rows, answer);
  g_object_unref (answer);
  const HatLive *live = hat_block_rows_live (self->rows);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->rows));
  g_autofree char *time = hat_format_time (live->time_ns),
                  *bytes = hat_format_bytes (hat_block_rows_bytes (self->rows));
  g_autofree char *count = hat_format_count (n), *all = hat_format_count (live->n);
  HatHeap *heap = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->heap;
  gboolean is_sample = hat_heap_sample_bytes (heap) > 0;
  g_autofree char *headline = n == live->n ? hat_live_words (heap, live)
                                           : g_strdup_printf ("%s of %s blocks%s, %s, at %s", count, all,
                                                              is_sample ? " of the sample" : "", bytes, time);
  hat_columns_show (self->stands_for, is_sample);
  gtk_label_set_label (self->headline, headline);
  self->is_filling = TRUE;
  gtk_single_selection_set_model (self->selection, G_LIST_MODEL (self->rows));
  gtk_single_selection_set_selected (self->selection, GTK_INVALID_LIST_POSITION);
  self->is_filling = FALSE;
  if (n > 0)
    hat_page_show_content (HAT_PAGE (self));
  else if (live->n > 0)
    hat_page_show_empty (HAT_PAGE (self), "edit-find-symbolic", "No block matches", "Change what is searched for.");
  else
    hat_page_show_empty (HAT_PAGE (self), "hat-blocks-symbolic", "No block is live here",
                         "Move the cursor in the timeline.");
}

static const HatQueryKind blocks_kind = { query_blocks, on_blocks, g_object_unref, g_free };

static void
ask (HatBlocksPage *self)
{
  HatBlockOrder order = { HAT_BLOCK_SIZE, TRUE };
  gboolean is_descending;
  int column = hat_columns_sorted_by (self->view, &is_descending);
  if (column >= 0)
    order = (HatBlockOrder){ column, is_descending };
  hat_page_ask (HAT_PAGE (self), &blocks_kind, g_memdup2 (&order, sizeof order));
}

static void
hat_blocks_page_update (HatPage *page, HatChanges changes)
{
  const HatQuestion *now = hat_view_state_get (hat_page_state (page));
  const HatGraph *graph = now->graph;
  guint n_types, n_threads;
  hat_trace_stack_types (hat_heap_trace (now->heap), &n_types);
  hat_trace_threads (hat_heap_trace (now->heap), hat_heap_process (now->heap), &n_threads);
  hat_columns_show (HAT_BLOCKS_PAGE (page)->thread, n_threads > 1);
  hat_columns_show (HAT_BLOCKS_PAGE (page)->leak_class, graph != NULL);
  hat_columns_show (HAT_BLOCKS_PAGE (page)->type, n_types > 0);
  gtk_column_view_column_set_expand (HAT_BLOCKS_PAGE (page)->type, n_types > 0); /* its names are long */
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_CURSOR | HAT_CHANGED_FILTER) || (changes & HAT_CHANGED_SNAPSHOT && graph))
    ask (HAT_BLOCKS_PAGE (page));
}

static void
on_sort_changed (GtkSorter *sorter, GtkSorterChange change, HatBlocksPage *self)
{
  if (hat_view_state_get (hat_page_state (HAT_PAGE (self)))->heap)
    ask (self);
}

static void
on_selected (GtkSingleSelection *selection, GParamSpec *pspec, HatBlocksPage *self)
{
  HatBlockRow *row = gtk_single_selection_get_selected_item (selection);
  if (row && !self->is_filling)
    hat_view_state_select_block (hat_page_state (HAT_PAGE (self)), hat_block_row_get_block (row));
}

/* ---- cells ---- */

static void
cell_address (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = hat_format_address (hat_block_row_get_block (item)->address);
}

static void
cell_size (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = hat_format_bytes (hat_block_row_get_block (item)->size);
}

static void
cell_stands_for (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatHeap *heap = hat_view_state_get (hat_page_state (HAT_PAGE (data)))->heap;
  HatStandsFor block = hat_heap_stands_for (heap, hat_block_row_get_block (item)->size);
  g_autofree char *blocks = hat_format_count (hat_estimate_value (&block.blocks)), *bytes = hat_format_bytes (hat_estimate_value (&block.bytes));
  *out_text = g_strdup_printf ("~%s blocks, ~%s", blocks, bytes);
}

static void
cell_age (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatBlocksPage *self = data;
  gint64 age = hat_block_rows_live (self->rows)->time_ns - hat_block_row_get_block (item)->birth_ns;
  *out_text = hat_format_time (MAX (age, 0));
}

static void
cell_thread (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatHeap *heap = hat_view_state_get (hat_page_state (HAT_PAGE (data)))->heap;
  guint n, thread = hat_block_row_get_block (item)->thread;
  const HatThread *threads = hat_trace_threads (hat_heap_trace (heap), hat_heap_process (heap), &n);
  if (thread < n)
    *out_text = g_strdup_printf ("%s (%u)", threads[thread].name ? threads[thread].name : "", threads[thread].tid);
}

static void
cell_class (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatLeakClass leak_class = hat_block_rows_class (HAT_BLOCKS_PAGE (data)->rows, hat_block_row_get_block (item));
  if (leak_class != HAT_LEAK_UNFREED)
    *out_text = g_strdup (hat_leak_class_name (leak_class));
}

static void
cell_type (gpointer item, gpointer data, char **out_text, double *out_share)
{
  guint64 n;
  const char *name = hat_block_rows_type (HAT_BLOCKS_PAGE (data)->rows, hat_block_row_get_block (item), &n);
  g_autofree char *shown = name ? hat_format_function (name, 60) : NULL, *count = hat_format_count (n);
  if (name)
    *out_text = n == 1 ? g_strdup (shown) : g_strdup_printf ("%s[%s]", shown, count);
}

static void
cell_site (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatHeap *heap = hat_view_state_get (hat_page_state (HAT_PAGE (data)))->heap;
  *out_text
      = hat_format_function (hat_stack_function (hat_heap_trace (heap), hat_block_row_get_block (item)->stack), 100);
}

static void
hat_blocks_page_dispose (GObject *object)
{
  g_clear_object (&HAT_BLOCKS_PAGE (object)->rows);
  G_OBJECT_CLASS (hat_blocks_page_parent_class)->dispose (object);
}

static void
hat_blocks_page_class_init (HatBlocksPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_blocks_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_blocks_page_update;
}

static void
hat_blocks_page_init (HatBlocksPage *self)
{
}

GtkWidget *
hat_blocks_page_new (HatViewState *state)
{
  static const struct
  {
    const char *title;
    int width;
    gboolean is_number;
    HatCellText text;
  } columns[HAT_N_BLOCK_COLUMNS] = {
    [HAT_BLOCK_ADDRESS] = { "Address", 140, TRUE, cell_address },
    [HAT_BLOCK_SIZE] = { "Size", 90, TRUE, cell_size },
    [HAT_BLOCK_AGE] = { "Age", 90, TRUE, cell_age },
    [HAT_BLOCK_THREAD] = { "Thread", 120, FALSE, cell_thread },
    [HAT_BLOCK_CLASS] = { "Class", 90, FALSE, cell_class },
    [HAT_BLOCK_TYPE] = { "Type", 150, FALSE, cell_type },
    [HAT_BLOCK_SITE] = { "Allocated by", 0, FALSE, cell_site },
  };
  HatBlocksPage *self = g_object_new (HAT_TYPE_BLOCKS_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *scroller = gtk_scrolled_window_new ();
  self->selection = gtk_single_selection_new (NULL);
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  self->view = GTK_COLUMN_VIEW (gtk_column_view_new (GTK_SELECTION_MODEL (self->selection)));
  gtk_widget_add_css_class (GTK_WIDGET (self->view), "data-table");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->view), GTK_ACCESSIBLE_PROPERTY_LABEL, "Live blocks", -1);
  for (int i = 0; i < HAT_N_BLOCK_COLUMNS; i++)
    hat_columns_make_sortable (
        hat_columns_add (self->view, columns[i].title, columns[i].width, columns[i].is_number, columns[i].text, self),
        i);
  self->thread = g_list_model_get_item (gtk_column_view_get_columns (self->view), HAT_BLOCK_THREAD);
  g_object_unref (self->thread);
  self->leak_class = g_list_model_get_item (gtk_column_view_get_columns (self->view), HAT_BLOCK_CLASS);
  g_object_unref (self->leak_class);
  self->type = g_list_model_get_item (gtk_column_view_get_columns (self->view), HAT_BLOCK_TYPE);
  g_object_unref (self->type);
  self->stands_for = g_object_ref (hat_columns_add (self->view, "Stands for", 180, TRUE, cell_stands_for, self));
  gtk_column_view_remove_column (self->view, self->stands_for);
  gtk_column_view_insert_column (self->view, HAT_BLOCK_SIZE + 1, self->stands_for);
  g_object_unref (self->stands_for);
  hat_columns_show (self->stands_for, FALSE);
  g_signal_connect (self->selection, "notify::selected-item", G_CALLBACK (on_selected), self);
  g_signal_connect_object (gtk_column_view_get_sorter (self->view), "changed", G_CALLBACK (on_sort_changed), self, 0);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->view));
  gtk_widget_set_vexpand (scroller, TRUE);
  gtk_box_append (GTK_BOX (box), hat_toolbar_new (&self->headline));
  gtk_box_append (GTK_BOX (box), scroller);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
