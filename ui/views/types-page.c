/* SPDX-License-Identifier: Apache-2.0 */
/* The table of types and the layout of one. */

#include "ui/views/types-page.h"

#include <string.h>

#include "core/heap/format.h"
#include "ui/views/columns.h"
#include "ui/views/toolbar.h"
#include "ui/views/type-items.h"
#include "ui/views/types-picture.h"

#define N_LIVE_COLUMNS 3u /* the first ones */
#define NAME_PX 150

struct _HatTypesPage
{
  HatPage parent_instance;
  GtkColumnView *view;
  GtkSingleSelection *selection;
  GtkLabel *headline, *sentence, *detail;
  GtkDropDown *scope;
  GtkColumnViewColumn *of_live[N_LIVE_COLUMNS];
  HatTypesPicture *picture;
  HatTypeTable *table;
  HatTypeBook *books[2]; /* met while recording, all */
  const HatTrace *trace; /* theirs */
  HatTypeId chosen;      /* that is shown; VOID: none */
  gboolean is_filling, is_choosing;
};

G_DEFINE_FINAL_TYPE (HatTypesPage, hat_types_page, HAT_TYPE_PAGE)

static HatTypeItem *
unwrapped (gpointer object)
{
  return GTK_IS_TREE_LIST_ROW (object) ? gtk_tree_list_row_get_item (object) : g_object_ref (object);
}

/* ---- answers ---- */

typedef struct
{
  HatTypeBook *book; /* NULL: to be made */
  gboolean all;
} Request;

static void
free_request (gpointer data)
{
  Request *request = data;
  g_clear_pointer (&request->book, hat_type_book_unref);
  g_free (request);
}

static gpointer
query_types (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  const Request *request = extra;
  const guint process = hat_heap_process (question->heap);
  g_autoptr (HatTypeBook) book = request->book ? hat_type_book_ref (request->book)
                                               : hat_type_book_new (hat_heap_trace (question->heap), process, request->all, progress, error);
  g_autoptr (HatLive) live = book ? hat_question_live (question, progress, error) : NULL;
  return live ? hat_type_table_new (book, question->heap, live, request->all, progress) : NULL;
}

static void
show_type (HatTypesPage *self, const HatTypeRow *row)
{
  const HatTypeId type = row ? row->type : HAT_TYPE_VOID;

  if (type != self->chosen || row == NULL)
    hat_types_picture_show (self->picture, row ? self->table->book : NULL, type);
  self->chosen = type;
}

/* The row of a type among those that are listed now, or GTK_INVALID_LIST_POSITION. */
static guint
position_of (HatTypesPage *self, HatTypeId type)
{
  GListModel *rows = G_LIST_MODEL (self->selection);
  const guint n = g_list_model_get_n_items (rows);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GObject) object = g_list_model_get_item (rows, i);
      g_autoptr (HatTypeItem) item = unwrapped (object);
      if (hat_type_item_row (item)->type == type && !hat_type_item_instances (item))
        return i;
    }
  return GTK_INVALID_LIST_POSITION;
}

static void
choose_row (HatTypesPage *self, guint position)
{
  gtk_single_selection_set_selected (self->selection, position);
  if (position != GTK_INVALID_LIST_POSITION)
    gtk_widget_activate_action (gtk_widget_get_last_child (GTK_WIDGET (self->view)), "list.scroll-to-item", "u", position);
}

static GListModel *
create_instances (gpointer item, gpointer data)
{
  GListModel *instances = hat_type_item_instances (item);
  return instances ? g_object_ref (instances) : NULL;
}

static const HatTypeRow *
row_of_type (HatTypesPage *self, HatTypeId type)
{
  for (guint i = 0; i < self->table->n; i++)
    if (self->table->rows[i].type == type)
      return &self->table->rows[i];
  return NULL;
}

static void
fill (HatTypesPage *self)
{
  const char *filter = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter;
  GListModel *items = hat_type_items_new (self->table, filter);
  const guint n = g_list_model_get_n_items (items);
  GtkTreeListModel *tree = gtk_tree_list_model_new (items, FALSE, FALSE, create_instances, NULL, NULL);
  g_autoptr (GListModel) sorted = hat_columns_sorted (self->view, G_LIST_MODEL (tree));

  self->is_filling = TRUE;
  gtk_single_selection_set_model (self->selection, sorted);
  const HatTypeRow *row = row_of_type (self, self->chosen);
  if ((row == NULL || !strcasestr (row->name, filter)) && n > 0)
    {
      g_autoptr (GObject) object = g_list_model_get_item (G_LIST_MODEL (self->selection), 0);
      g_autoptr (HatTypeItem) item = unwrapped (object);
      g_autoptr (HatTypeItem) first = hat_type_item_instances (item) ? g_list_model_get_item (hat_type_item_instances (item), 0) : g_object_ref (item);
      row = row_of_type (self, hat_type_item_row (first)->type);
    }
  choose_row (self, row ? position_of (self, row->type) : GTK_INVALID_LIST_POSITION);
  self->is_filling = FALSE;
  if (n == 0)
    hat_page_show_empty (HAT_PAGE (self), "edit-find-symbolic", "No type matches", "Change what is searched for.");
  else
    {
      show_type (self, row);
      hat_page_show_content (HAT_PAGE (self));
    }
}

static void
forget (HatTypesPage *self)
{
  hat_types_picture_show (self->picture, NULL, HAT_TYPE_VOID);
  self->is_filling = TRUE;
  gtk_single_selection_set_model (self->selection, NULL);
  self->is_filling = FALSE;
  g_clear_pointer (&self->table, hat_type_table_free);
  for (guint i = 0; i < G_N_ELEMENTS (self->books); i++)
    g_clear_pointer (&self->books[i], hat_type_book_unref);
}

static void
on_types (gpointer owner, gpointer answer, const GError *error)
{
  HatTypesPage *self = owner;
  HatTypeTable *table = answer;
  if (table == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  const guint all = gtk_drop_down_get_selected (self->scope) == 1;
  if (self->books[all] == NULL)
    self->books[all] = hat_type_book_ref (table->book);
  /* The picture stays as it is if it shows the same type of the same book. */
  if (self->table && self->table->book != table->book)
    self->chosen = HAT_TYPE_VOID;
  g_clear_pointer (&self->table, hat_type_table_free);
  self->table = table;
  gtk_label_set_label (self->headline, table->headline);
  gtk_label_set_label (self->sentence, table->sentence);
  for (guint i = 0; i < N_LIVE_COLUMNS; i++)
    hat_columns_show (self->of_live[i], table->has_live);
  if (table->n > 0)
    fill (self);
  else
    hat_page_show_empty (HAT_PAGE (self), "hat-types-symbolic", table->headline, table->sentence);
}

static const HatQueryKind types_kind = { query_types, on_types, (GDestroyNotify) hat_type_table_free, free_request };

static void
ask (HatTypesPage *self)
{
  Request *request = g_new0 (Request, 1);
  request->all = gtk_drop_down_get_selected (self->scope) == 1;
  if (self->books[request->all])
    request->book = hat_type_book_ref (self->books[request->all]);
  hat_page_ask (HAT_PAGE (self), &types_kind, request);
}

/* ---- one selection everywhere ---- */

static HatStackId
most_expensive (HatHeap *heap, GHashTable *stacks)
{
  const HatSummary *summary = hat_heap_summary (heap);
  const HatSite *best = NULL;

  for (guint i = 0; i < summary->n_sites; i++)
    if (g_hash_table_contains (stacks, GUINT_TO_POINTER (summary->sites[i].stack))
        && (best == NULL || summary->sites[i].peak_bytes > best->peak_bytes))
      best = &summary->sites[i];
  return best ? best->stack : 0;
}

static void
on_row_selected (GtkSingleSelection *selection, GParamSpec *pspec, HatTypesPage *self)
{
  gpointer object = gtk_single_selection_get_selected_item (selection);
  if (object == NULL || self->is_filling)
    return;
  g_autoptr (HatTypeItem) item = unwrapped (object);
  GListModel *instances = hat_type_item_instances (item);
  if (instances)
    {
      g_autoptr (HatTypeItem) first = g_list_model_get_item (instances, 0);
      show_type (self, hat_type_item_row (first));
      return;
    }
  const HatTypeRow *row = hat_type_item_row (item);
  HatHeap *heap = self->table->heap;
  GHashTable *stacks = hat_type_book_stacks (self->table->book, row->type);
  show_type (self, row);
  if (g_hash_table_size (stacks) == 0)
    {
      g_hash_table_unref (stacks);
      return;
    }
  self->is_choosing = TRUE;
  hat_view_state_select_type (hat_page_state (HAT_PAGE (self)), row->name, most_expensive (heap, stacks), stacks);
  self->is_choosing = FALSE;
}

/* What was selected elsewhere is made by a stack whose type may be known. */
static void
follow_selection (HatTypesPage *self)
{
  const HatSelection *selection = hat_view_state_selection (hat_page_state (HAT_PAGE (self)));
  if (self->is_choosing || self->table == NULL || (selection->kind != HAT_SELECTED_STACK && selection->kind != HAT_SELECTED_BLOCK))
    return;
  HatTypeId type = hat_type_book_of_stack (self->table->book, selection->stack);
  for (guint i = 0; i < self->table->n; i++)
    if (type != HAT_TYPE_VOID && self->table->rows[i].type == type)
      {
        self->is_filling = TRUE;
        choose_row (self, position_of (self, type));
        self->is_filling = FALSE;
        show_type (self, &self->table->rows[i]);
      }
}

static void
hat_types_page_update (HatPage *page, HatChanges changes)
{
  HatTypesPage *self = HAT_TYPES_PAGE (page);
  const HatQuestion *now = hat_view_state_get (hat_page_state (page));

  if (changes & HAT_CHANGED_HEAP)
    {
      forget (self);
      self->chosen = HAT_TYPE_VOID;
    }
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_CURSOR))
    ask (self);
  else if (changes & HAT_CHANGED_FILTER && self->table && self->table->n > 0 && self->table->heap == now->heap)
    fill (self);
  if (changes & HAT_CHANGED_SELECTION)
    follow_selection (self);
}

/* ---- cells ---- */

static void
cell_name (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = hat_format_function (hat_type_item_row (item)->name, 120);
}

static void
cell_live (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = hat_format_count (hat_type_item_row (item)->live);
}

static void
cell_bytes (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = hat_format_bytes (hat_type_item_row (item)->live_bytes);
}

static void
cell_wasted (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatTypesPage *self = data;
  const HatTypeRow *row = hat_type_item_row (item);
  *out_text = hat_format_bytes (row->wasted);
  if (self->table && self->table->wasted)
    *out_share = (double) row->wasted / self->table->wasted;
}

/* Of one object: instances of a generic differ. */
static void
cell_each (gpointer item, guint64 value, char **out_text)
{
  if (hat_type_item_instances (item))
    *out_text = g_strdup ("");
  else
    *out_text = hat_format_count (value);
}

static void
cell_size (gpointer item, gpointer data, char **out_text, double *out_share)
{
  cell_each (item, hat_type_item_row (item)->size, out_text);
}

static void
cell_lost (gpointer item, gpointer data, char **out_text, double *out_share)
{
  cell_each (item, hat_type_item_row (item)->lost, out_text);
}

static void
cell_holes (gpointer item, gpointer data, char **out_text, double *out_share)
{
  cell_each (item, hat_type_item_row (item)->n_holes, out_text);
}

static void
cell_best (gpointer item, gpointer data, char **out_text, double *out_share)
{
  cell_each (item, hat_type_item_row (item)->best_size, out_text);
}

typedef enum
{
  SORT_NAME,
  SORT_LIVE,
  SORT_BYTES,
  SORT_WASTED,
  SORT_SIZE,
  SORT_LOST,
  SORT_HOLES,
  SORT_BEST,
} SortKey;

static guint64
sort_value (const HatTypeRow *row, SortKey key)
{
  switch (key)
    {
    case SORT_LIVE:
      return row->live;
    case SORT_BYTES:
      return row->live_bytes;
    case SORT_WASTED:
      return row->wasted;
    case SORT_SIZE:
      return row->size;
    case SORT_LOST:
      return row->lost;
    case SORT_HOLES:
      return row->n_holes;
    default:
      return row->best_size;
    }
}

static int
compare_items (gconstpointer a, gconstpointer b, gpointer key)
{
  const HatTypeRow *x = hat_type_item_row ((gpointer) a), *y = hat_type_item_row ((gpointer) b);
  if (GPOINTER_TO_UINT (key) == SORT_NAME)
    return strcmp (x->name, y->name);
  guint64 p = sort_value (x, GPOINTER_TO_UINT (key)), q = sort_value (y, GPOINTER_TO_UINT (key));
  return p < q ? -1 : p > q;
}

/* ---- building ---- */

static void
on_scope_chosen (GtkDropDown *choice, GParamSpec *pspec, HatTypesPage *self)
{
  if (hat_view_state_get (hat_page_state (HAT_PAGE (self)))->heap)
    ask (self);
}

static void
on_picked (HatTypesPicture *picture, const char *text, HatTypesPage *self)
{
  gtk_label_set_label (self->detail, text ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (self->detail), text != NULL);
}

static void
hat_types_page_dispose (GObject *object)
{
  HatTypesPage *self = HAT_TYPES_PAGE (object);
  g_clear_pointer (&self->table, hat_type_table_free);
  for (guint i = 0; i < G_N_ELEMENTS (self->books); i++)
    g_clear_pointer (&self->books[i], hat_type_book_unref);
  G_OBJECT_CLASS (hat_types_page_parent_class)->dispose (object);
}

static void
hat_types_page_class_init (HatTypesPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_types_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_types_page_update;
}

static void
hat_types_page_init (HatTypesPage *self)
{
}

static GtkWidget *
build_table (HatTypesPage *self)
{
  static const struct
  {
    const char *title;
    int width;
    HatCellText text;
    SortKey key;
  } columns[] = {
    { "Live", 90, cell_live, SORT_LIVE },       { "Live bytes", 100, cell_bytes, SORT_BYTES },
    { "Lost to padding", 130, cell_wasted, SORT_WASTED }, { "Size", 80, cell_size, SORT_SIZE },
    { "Lost each", 90, cell_lost, SORT_LOST },  { "Holes", 70, cell_holes, SORT_HOLES },
    { "Best size", 90, cell_best, SORT_BEST },
  };
  GtkWidget *scroller = gtk_scrolled_window_new ();

  self->selection = gtk_single_selection_new (NULL);
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  self->view = GTK_COLUMN_VIEW (gtk_column_view_new (GTK_SELECTION_MODEL (self->selection)));
  gtk_widget_add_css_class (GTK_WIDGET (self->view), "data-table");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->view), GTK_ACCESSIBLE_PROPERTY_LABEL, "Types", -1);
  GtkColumnViewColumn *name = hat_columns_add_tree (self->view, "Type", cell_name, self);
  gtk_column_view_column_set_fixed_width (name, NAME_PX); /* and what room there is */
  hat_columns_sort_with (name, compare_items, GUINT_TO_POINTER (SORT_NAME));
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      GtkColumnViewColumn *column = hat_columns_add (self->view, columns[i].title, columns[i].width, TRUE, columns[i].text, self);
      hat_columns_sort_with (column, compare_items, GUINT_TO_POINTER (columns[i].key));
      if (i < N_LIVE_COLUMNS)
        self->of_live[i] = column;
    }
  g_signal_connect (self->selection, "notify::selected-item", G_CALLBACK (on_row_selected), self);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->view));
  gtk_widget_set_size_request (scroller, -1, 120);
  return scroller;
}

GtkWidget *
hat_types_page_new (HatViewState *state)
{
  static const char *const scopes[] = { "On the heap", "All of the program", NULL };
  HatTypesPage *self = g_object_new (HAT_TYPE_TYPES_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *toolbar = hat_toolbar_new (&self->headline),
            *paned = gtk_paned_new (GTK_ORIENTATION_VERTICAL), *below = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  self->picture = HAT_TYPES_PICTURE (hat_types_picture_new ());
  self->sentence = GTK_LABEL (hat_line_new (NULL, "dim-label"));
  self->detail = GTK_LABEL (hat_line_new (NULL, "caption"));
  gtk_widget_add_css_class (GTK_WIDGET (self->sentence), "types-words");
  gtk_widget_add_css_class (GTK_WIDGET (self->detail), "types-words");
  gtk_widget_set_visible (GTK_WIDGET (self->detail), FALSE);
  hat_toolbar_add_action (toolbar, "view-list-symbolic", "Show the fields of fields (I)", "types.inner", GTK_WIDGET (self->picture));
  self->scope = hat_toolbar_add_choice (toolbar, "Which types", scopes);
  g_signal_connect (self->scope, "notify::selected", G_CALLBACK (on_scope_chosen), self);
  g_signal_connect (self->picture, "picked", G_CALLBACK (on_picked), self);
  gtk_widget_set_size_request (GTK_WIDGET (self->picture), 320, 140);
  gtk_box_append (GTK_BOX (below), GTK_WIDGET (self->picture));
  gtk_box_append (GTK_BOX (below), GTK_WIDGET (self->detail));
  gtk_paned_set_start_child (GTK_PANED (paned), build_table (self));
  gtk_paned_set_end_child (GTK_PANED (paned), below);
  gtk_paned_set_shrink_start_child (GTK_PANED (paned), FALSE);
  gtk_paned_set_shrink_end_child (GTK_PANED (paned), FALSE);
  gtk_widget_set_vexpand (paned, TRUE);
  gtk_box_append (GTK_BOX (box), toolbar);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->sentence));
  gtk_box_append (GTK_BOX (box), paned);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
