/* SPDX-License-Identifier: Apache-2.0 */
/* The calls view. */

#include "ui/views/calls-page.h"

#include "core/heap/format.h"
#include "ui/views/call-costs.h"
#include "ui/views/columns.h"
#include "ui/views/flame-picture.h"
#include "ui/views/toolbar.h"

typedef enum
{
  TABLE_TOP_DOWN,
  TABLE_BOTTOM_UP,
  TABLE_FUNCTIONS,
  TABLE_CALLERS,
  TABLE_CALLEES,
} TableKind;
#define N_TABLES 5

/* The columns with amounts: with callees, itself, allocations. */
#define N_AMOUNTS 3
static const int amount_widths[N_AMOUNTS] = { 120, 110, 100 };
#define ERROR_PX 44 /* more of each, for the error of an estimate, */
#define PLACE_PX 150
#define PLACE_OF_SAMPLE_PX 80 /* and less for the place, which the inspector tells */

static const char *const table_labels[N_TABLES]
    = { "Calls from the top down", "Calls from the bottom up", "Functions", "Callers", "Callees" };

struct _HatCallsPage
{
  HatPage parent_instance;
  HatCallCosts *costs;
  HatQuery *stacks_query;
  HatFlamePicture *flame;
  GtkWidget *crumbs;
  GtkStack *stack;
  GtkColumnView *views[N_TABLES];
  GtkSingleSelection *tables[N_TABLES];
  GtkColumnViewColumn *amounts[N_TABLES][N_AMOUNTS], *places[N_TABLES]; /* NULL: that table has fewer */
  GtkLabel *headline;
  GtkDropDown *cost_choice;
  gboolean is_stale[N_TABLES]; /* not filled with the present costs: nobody has looked at it */
  gboolean is_filling;
};

G_DEFINE_FINAL_TYPE (HatCallsPage, hat_calls_page, HAT_TYPE_PAGE)

/* ---- tables ---- */

static GListModel *
create_children (gpointer item, gpointer data)
{
  guint node;
  const HatTree *tree = hat_call_row_tree (item, &node);
  if (tree->nodes[node].n_children == 0)
    return NULL;
  return hat_call_rows_children (hat_call_row_costs (item), tree, node);
}

/* Unfolds from the first row down to where calls fan out. */
static void
unfold (GtkTreeListModel *tree)
{
  for (guint i = 0;; i++)
    {
      g_autoptr (GtkTreeListRow) row = gtk_tree_list_model_get_row (tree, i);
      if (row == NULL || !gtk_tree_list_row_is_expandable (row))
        return;
      gtk_tree_list_row_set_expanded (row, TRUE);
      if (g_list_model_get_n_items (gtk_tree_list_row_get_children (row)) != 1)
        return;
    }
}

static void
fill_table (HatCallsPage *self, TableKind kind, GListModel *rows)
{
  self->is_filling = TRUE;
  if (rows && kind <= TABLE_BOTTOM_UP)
    {
      GtkTreeListModel *tree = gtk_tree_list_model_new (rows, FALSE, FALSE, create_children, NULL, NULL);
      if (kind == TABLE_TOP_DOWN)
        unfold (tree);
      rows = G_LIST_MODEL (tree);
    }
  g_autoptr (GListModel) sorted = rows ? hat_columns_sorted (self->views[kind], rows) : NULL;
  gtk_single_selection_set_model (self->tables[kind], sorted);
  gtk_single_selection_set_selected (self->tables[kind], GTK_INVALID_LIST_POSITION);
  self->is_filling = FALSE;
}

/* A table has 200 rows of widgets before it shows one: only what is looked at is filled. */
static void
fill_shown (HatCallsPage *self)
{
  const char *shown = gtk_stack_get_visible_child_name (self->stack);
  const TableKind kind = g_str_equal (shown, "top-down")    ? TABLE_TOP_DOWN
                         : g_str_equal (shown, "bottom-up") ? TABLE_BOTTOM_UP
                         : g_str_equal (shown, "functions") ? TABLE_FUNCTIONS
                                                            : N_TABLES;
  if (kind == N_TABLES || self->costs == NULL || !self->is_stale[kind])
    return;
  self->is_stale[kind] = FALSE;
  if (kind == TABLE_FUNCTIONS)
    {
      const char *filter = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter;
      fill_table (self, kind, hat_call_rows_functions (self->costs, NULL, filter));
    }
  else
    fill_table (self, kind, hat_call_rows_children (self->costs, kind == TABLE_TOP_DOWN ? self->costs->top_down : self->costs->bottom_up, 0));
}

static void
fill_neighbours (HatCallsPage *self, const HatCallRowFacts *facts)
{
  HatTrace *trace = hat_heap_trace (self->costs->heap);
  HatFunctions *callers
      = hat_functions_callers (trace, self->costs->sites, self->costs->cost, facts->function, facts->module);
  HatFunctions *callees
      = hat_functions_callees (trace, self->costs->sites, self->costs->cost, facts->function, facts->module);
  fill_table (self, TABLE_CALLERS, callers ? hat_call_rows_functions (self->costs, callers, "") : NULL);
  fill_table (self, TABLE_CALLEES, callees ? hat_call_rows_functions (self->costs, callees, "") : NULL);
}

/* ---- what is selected everywhere: every stack through a place, of which a C++ program may have a hundred thousand ---- */

typedef struct
{
  HatCallCosts *costs;
  const HatTree *tree; /* NULL: a function */
  guint node;
  const char *function, *module;
  HatStackId example;
  GHashTable *stacks; /* the answer */
} Choice;

static void
free_choice (gpointer data)
{
  Choice *choice = data;
  g_clear_pointer (&choice->stacks, g_hash_table_unref);
  hat_call_costs_unref (choice->costs);
  g_free (choice);
}

static gpointer
query_stacks (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  const Choice *wanted = extra;
  Choice *choice = g_memdup2 (wanted, sizeof *wanted);
  hat_call_costs_ref (choice->costs);
  choice->stacks = choice->tree ? hat_call_costs_stacks (choice->costs, choice->tree, choice->node)
                                : hat_call_costs_stacks_with (choice->costs, choice->function, choice->module);
  return choice;
}

static void
on_stacks (gpointer owner, gpointer answer, const GError *error)
{
  HatCallsPage *self = owner;
  Choice *choice = answer;
  if (choice == NULL)
    return;
  if (choice->costs->heap == hat_view_state_get (hat_page_state (HAT_PAGE (self)))->heap)
    hat_view_state_select_function (hat_page_state (HAT_PAGE (self)), choice->function, choice->example, g_steal_pointer (&choice->stacks));
  free_choice (choice);
}

static const HatQueryKind stacks_kind = { query_stacks, on_stacks, free_choice, free_choice };

/* `tree` NULL: a function. */
static void
choose (HatCallsPage *self, const HatTree *tree, guint node, const char *function, const char *module, HatStackId example)
{
  const Choice choice = { hat_call_costs_ref (self->costs), tree, node, function, module, example, NULL };
  hat_query_run (self->stacks_query, &stacks_kind, hat_view_state_ask (hat_page_state (HAT_PAGE (self))), g_memdup2 (&choice, sizeof choice));
}

static void
on_row_selected (GtkSingleSelection *selection, GParamSpec *pspec, HatCallsPage *self)
{
  gpointer item = gtk_single_selection_get_selected_item (selection);
  if (item == NULL || self->is_filling)
    return;
  g_autoptr (HatCallRow) row = GTK_IS_TREE_LIST_ROW (item) ? gtk_tree_list_row_get_item (item) : g_object_ref (item);
  HatCallRowFacts facts = hat_call_row_facts (row);
  guint node;
  const HatTree *tree = hat_call_row_tree (row, &node);
  choose (self, tree, tree ? node : 0, facts.function, facts.module, facts.example);
  if (selection == self->tables[TABLE_FUNCTIONS])
    fill_neighbours (self, &facts);
}

static guint64
whole_cost (HatCallRow *row)
{
  return MAX (1, hat_call_row_costs (row)->top_down->nodes[0].cost);
}

static void
cell_function (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = hat_format_function (hat_call_row_facts (item).function, 120);
}

static char *
amount_text (HatCost cost, guint64 amount, guint64 error)
{
  return hat_cost_is_bytes (cost) ? hat_format_bytes_within (amount, error) : hat_format_count_within (amount, error);
}

static void
cell_total (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatCallRowFacts facts = hat_call_row_facts (item);
  *out_text = amount_text (hat_call_row_costs (item)->cost, facts.total, facts.total_error);
  *out_share = (double) facts.total / whole_cost (item);
}

static void
cell_share (gpointer item, gpointer data, char **out_text, double *out_share)
{
  *out_text = g_strdup_printf ("%.1f %%", 100.0 * hat_call_row_facts (item).total / whole_cost (item));
}

static void
cell_self (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatCallRowFacts facts = hat_call_row_facts (item);
  *out_text = amount_text (hat_call_row_costs (item)->cost, facts.self, facts.self_error);
  *out_share = (double) facts.self / whole_cost (item);
}

static void
cell_allocations (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatCallRowFacts facts = hat_call_row_facts (item);
  *out_text = hat_format_count_within (facts.costs[HAT_COST_ALLOCATIONS], facts.allocations_error);
}

static void
cell_place (gpointer item, gpointer data, char **out_text, double *out_share)
{
  HatCallRowFacts facts = hat_call_row_facts (item);
  g_autofree char *file = g_path_get_basename (facts.file ? facts.file : facts.module ? facts.module : "");
  *out_text = facts.file && facts.line ? g_strdup_printf ("%s:%u", file, facts.line) : g_steal_pointer (&file);
}

typedef enum
{
  SORT_FUNCTION,
  SORT_TOTAL,
  SORT_SELF,
  SORT_ALLOCATIONS,
} SortKey;

static int
compare_rows (gconstpointer a, gconstpointer b, gpointer key)
{
  const HatCallRowFacts x = hat_call_row_facts ((gpointer) a), y = hat_call_row_facts ((gpointer) b);
  switch ((SortKey) GPOINTER_TO_UINT (key))
    {
    case SORT_FUNCTION:
      return g_strcmp0 (x.function, y.function);
    case SORT_TOTAL:
      return (x.total > y.total) - (x.total < y.total);
    case SORT_SELF:
      return (x.self > y.self) - (x.self < y.self);
    case SORT_ALLOCATIONS:
      return (x.costs[HAT_COST_ALLOCATIONS] > y.costs[HAT_COST_ALLOCATIONS]) - (x.costs[HAT_COST_ALLOCATIONS] < y.costs[HAT_COST_ALLOCATIONS]);
    }
  g_return_val_if_reached (0);
}

static GtkWidget *
build_table (HatCallsPage *self, TableKind kind)
{
  GtkWidget *scroller = gtk_scrolled_window_new ();
  gboolean is_small = kind >= TABLE_CALLERS;
  self->tables[kind] = gtk_single_selection_new (NULL);
  gtk_single_selection_set_autoselect (self->tables[kind], FALSE);
  gtk_single_selection_set_can_unselect (self->tables[kind], TRUE);
  GtkColumnView *view = GTK_COLUMN_VIEW (gtk_column_view_new (GTK_SELECTION_MODEL (self->tables[kind])));
  GtkColumnViewColumn *names, *share;
  self->views[kind] = view;
  gtk_widget_add_css_class (GTK_WIDGET (view), "data-table");
  gtk_accessible_update_property (GTK_ACCESSIBLE (view), GTK_ACCESSIBLE_PROPERTY_LABEL, table_labels[kind], -1);
  if (kind <= TABLE_BOTTOM_UP)
    names = hat_columns_add_tree (view, "Function", cell_function, NULL);
  else
    names = hat_columns_add (view, table_labels[kind], 0, FALSE, cell_function, NULL);
  hat_columns_sort_with (names, compare_rows, GUINT_TO_POINTER (SORT_FUNCTION));
  self->amounts[kind][0] = hat_columns_add (view, is_small ? "Through here" : "With callees", amount_widths[0], TRUE, cell_total, NULL);
  hat_columns_sort_with (self->amounts[kind][0], compare_rows, GUINT_TO_POINTER (SORT_TOTAL));
  share = hat_columns_add (view, "Share", 76, TRUE, cell_share, NULL);
  hat_columns_sort_with (share, compare_rows, GUINT_TO_POINTER (SORT_TOTAL));
  if (!is_small)
    {
      self->amounts[kind][1] = hat_columns_add (view, "Itself", amount_widths[1], TRUE, cell_self, NULL);
      self->amounts[kind][2] = hat_columns_add (view, "Allocations", amount_widths[2], TRUE, cell_allocations, NULL);
      hat_columns_sort_with (self->amounts[kind][1], compare_rows, GUINT_TO_POINTER (SORT_SELF));
      hat_columns_sort_with (self->amounts[kind][2], compare_rows, GUINT_TO_POINTER (SORT_ALLOCATIONS));
      self->places[kind] = hat_columns_add (view, "Where", PLACE_PX, FALSE, cell_place, NULL);
    }
  g_signal_connect (self->tables[kind], "notify::selected-item", G_CALLBACK (on_row_selected), self);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (view));
  gtk_widget_set_vexpand (scroller, TRUE);
  gtk_widget_set_hexpand (scroller, TRUE);
  return scroller;
}

/* ---- flame graph ---- */

static void
on_crumb (GtkButton *button, HatCallsPage *self)
{
  hat_flame_picture_set_root (self->flame, GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (button), "node")));
}

static void
add_crumb (HatCallsPage *self, const HatTree *tree, guint node)
{
  g_autofree char *name = hat_format_function (node ? tree->nodes[node].function : "All", 40);
  GtkWidget *button = gtk_button_new_with_label (name);
  gtk_widget_add_css_class (button, "flat");
  g_object_set_data (G_OBJECT (button), "node", GUINT_TO_POINTER (node));
  g_signal_connect (button, "clicked", G_CALLBACK (on_crumb), self);
  gtk_box_append (GTK_BOX (self->crumbs), button);
}

static void
on_zoomed (HatFlamePicture *flame, HatCallsPage *self)
{
  const HatFlameLayout *layout = hat_flame_picture_get_layout (flame);
  GtkWidget *child;
  while ((child = gtk_widget_get_first_child (self->crumbs)))
    gtk_box_remove (GTK_BOX (self->crumbs), child);
  if (self->costs == NULL)
    return;
  const HatTree *tree = self->costs->top_down;
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint node = hat_flame_picture_get_root (flame); node != 0; node = tree->nodes[node].parent)
    g_array_prepend_val (path, node);
  add_crumb (self, tree, 0);
  for (guint i = 0; i < path->len; i++)
    add_crumb (self, tree, g_array_index (path, guint, i));
  const char *filter = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter;
  if (*filter == '\0' || layout == NULL)
    return;
  g_autofree char *cost = hat_flame_cost_text (self->costs->cost, layout->match_cost, hat_error_of (layout->match_variance));
  g_autofree char *text = g_strdup_printf ("“%s”: %s, %.1f %% of what is shown", filter, cost,
                                           100.0 * layout->match_cost / MAX (1, layout->total));
  GtkWidget *matches = gtk_label_new (text);
  gtk_widget_add_css_class (matches, "dim-label");
  gtk_widget_set_margin_start (matches, 12);
  gtk_box_append (GTK_BOX (self->crumbs), matches);
}

static void
on_picked (HatFlamePicture *flame, guint node, HatCallsPage *self)
{
  const HatTree *tree = self->costs->top_down;
  hat_query_cancel (self->stacks_query);
  if (node == 0)
    {
      hat_view_state_select_nothing (hat_page_state (HAT_PAGE (self)));
      return;
    }
  choose (self, tree, node, tree->nodes[node].function, tree->nodes[node].module, tree->nodes[node].example);
}

/* ---- answers ---- */

static gpointer
query_calls (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  return hat_call_costs_new (question, progress, error);
}

static void
drop_costs (HatCallsPage *self)
{
  hat_flame_picture_set_tree (self->flame, NULL);
  for (guint i = 0; i < N_TABLES; i++)
    fill_table (self, i, NULL);
  g_clear_pointer (&self->costs, hat_call_costs_unref);
}

static const char *const cost_titles[HAT_N_COSTS]
    = { "live", "live at the peak", "allocated", "allocations", "temporary allocations" };

static void
on_calls (gpointer owner, gpointer answer, const GError *error)
{
  HatCallsPage *self = owner;
  if (answer == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  drop_costs (self);
  self->costs = answer;
  guint64 total = self->costs->top_down->n ? self->costs->top_down->nodes[0].cost : 0;
  gboolean is_sample = self->costs->top_down->variances != NULL;
  for (guint kind = 0; kind < N_TABLES; kind++)
    {
      for (guint i = 0; i < N_AMOUNTS && self->amounts[kind][i]; i++)
        gtk_column_view_column_set_fixed_width (self->amounts[kind][i], amount_widths[i] + (is_sample ? ERROR_PX : 0));
      if (self->places[kind])
        gtk_column_view_column_set_fixed_width (self->places[kind], is_sample ? PLACE_OF_SAMPLE_PX : PLACE_PX);
    }
  if (is_sample && self->costs->cost == HAT_COST_TEMPORARY)
    {
      hat_page_show_empty (HAT_PAGE (self), "hat-calls-symbolic", "Not Known of a Sample",
                           "Whether a block was freed at once shows only where every block is recorded.");
      return;
    }
  if (total == 0)
    {
      g_autofree char *text
          = g_strdup_printf ("Nothing %s %s. Choose another cost, or move the cursor or the range in the timeline.",
                             cost_titles[self->costs->cost], self->costs->when);
      hat_page_show_empty (HAT_PAGE (self), "hat-calls-symbolic", "No cost here", text);
      return;
    }
  g_autofree char *amount = amount_text (self->costs->cost, total, hat_tree_error (self->costs->top_down, 0, self->costs->cost));
  g_autofree char *headline = g_strdup_printf ("%s %s %s", amount, cost_titles[self->costs->cost], self->costs->when);
  gtk_label_set_label (self->headline, headline);
  hat_page_show_content (HAT_PAGE (self));
  hat_flame_picture_set_tree (self->flame, self->costs->top_down);
  self->is_stale[TABLE_TOP_DOWN] = self->is_stale[TABLE_BOTTOM_UP] = self->is_stale[TABLE_FUNCTIONS] = TRUE;
  fill_shown (self);
}

static const HatQueryKind calls_kind = { query_calls, on_calls, (GDestroyNotify) hat_call_costs_unref, NULL };

static void
hat_calls_page_update (HatPage *page, HatChanges changes)
{
  HatCallsPage *self = HAT_CALLS_PAGE (page);
  const HatQuestion *now = hat_view_state_get (hat_page_state (page));
  gboolean is_instant = now->cost == HAT_COST_LIVE && !hat_question_has_range (now);
  if (changes & HAT_CHANGED_HEAP)
    drop_costs (self);
  if (changes & HAT_CHANGED_COST)
    gtk_drop_down_set_selected (self->cost_choice, now->cost);
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_RANGE | HAT_CHANGED_COST)
      || (changes & HAT_CHANGED_CURSOR && is_instant))
    hat_page_ask (page, &calls_kind, NULL);
  else if (changes & HAT_CHANGED_FILTER)
    {
      hat_flame_picture_refresh (self->flame);
      self->is_stale[TABLE_FUNCTIONS] = TRUE;
      fill_shown (self);
    }
}

static void
on_cost_chosen (GtkDropDown *choice, GParamSpec *pspec, HatCallsPage *self)
{
  hat_view_state_set_cost (hat_page_state (HAT_PAGE (self)), gtk_drop_down_get_selected (choice));
}

static void
on_shape_chosen (GtkDropDown *choice, GParamSpec *pspec, HatCallsPage *self)
{
  static const char *const names[] = { "flame", "top-down", "bottom-up", "functions" };
  guint i = gtk_drop_down_get_selected (choice);
  if (i >= G_N_ELEMENTS (names))
    return;
  hat_stack_show (self->stack, names[i]);
  fill_shown (self);
}

static void
hat_calls_page_dispose (GObject *object)
{
  HatCallsPage *self = HAT_CALLS_PAGE (object);
  if (self->costs)
    hat_flame_picture_set_tree (self->flame, NULL);
  g_clear_pointer (&self->stacks_query, hat_query_free);
  G_OBJECT_CLASS (hat_calls_page_parent_class)->dispose (object);
  g_clear_pointer (&self->costs, hat_call_costs_unref);
}

static void
hat_calls_page_fill_export (HatPage *page, HatExportOptions *options)
{
  options->root = hat_flame_picture_get_root (HAT_CALLS_PAGE (page)->flame);
  options->search = hat_view_state_get (hat_page_state (page))->filter;
}

static void
hat_calls_page_class_init (HatCallsPageClass *klass)
{
  HAT_PAGE_CLASS (klass)->fill_export = hat_calls_page_fill_export;
  G_OBJECT_CLASS (klass)->dispose = hat_calls_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_calls_page_update;
}

static void
hat_calls_page_init (HatCallsPage *self)
{
  self->stacks_query = hat_query_new (self);
}

static GtkWidget *
build_flame (HatCallsPage *self, HatViewState *state)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *scroller = gtk_scrolled_window_new ();
  self->crumbs = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  gtk_widget_add_css_class (self->crumbs, "crumbs");
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_AUTOMATIC, GTK_POLICY_NEVER);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), self->crumbs);
  self->flame = HAT_FLAME_PICTURE (hat_flame_picture_new (state));
  g_signal_connect (self->flame, "zoomed", G_CALLBACK (on_zoomed), self);
  g_signal_connect (self->flame, "picked", G_CALLBACK (on_picked), self);
  gtk_box_append (GTK_BOX (box), scroller);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->flame));
  return box;
}

static GtkWidget *
build_functions (HatCallsPage *self)
{
  GtkWidget *down = gtk_paned_new (GTK_ORIENTATION_VERTICAL), *side = gtk_paned_new (GTK_ORIENTATION_HORIZONTAL);
  gtk_paned_set_start_child (GTK_PANED (down), build_table (self, TABLE_FUNCTIONS));
  gtk_paned_set_start_child (GTK_PANED (side), build_table (self, TABLE_CALLERS));
  gtk_paned_set_end_child (GTK_PANED (side), build_table (self, TABLE_CALLEES));
  gtk_paned_set_end_child (GTK_PANED (down), side);
  gtk_widget_set_size_request (side, -1, 120);
  return down;
}

GtkWidget *
hat_calls_page_new (HatViewState *state)
{
  static const char *const costs[]
      = { "Live bytes", "Bytes at the peak", "Allocated bytes", "Allocations", "Temporary allocations", NULL };
  static const char *const shapes[] = { "Flame graph", "Top-down", "Bottom-up", "Functions", NULL };
  HatCallsPage *self = g_object_new (HAT_TYPE_CALLS_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *toolbar = hat_toolbar_new (&self->headline);
  GtkDropDown *switcher = hat_toolbar_add_choice (toolbar, "Shown as", shapes);
  self->stack = GTK_STACK (gtk_stack_new ());
  self->cost_choice = hat_toolbar_add_choice (toolbar, "Cost", costs);
  g_signal_connect (self->cost_choice, "notify::selected", G_CALLBACK (on_cost_chosen), self);
  gtk_stack_add_named (self->stack, build_flame (self, state), "flame");
  gtk_stack_add_named (self->stack, build_table (self, TABLE_TOP_DOWN), "top-down");
  gtk_stack_add_named (self->stack, build_table (self, TABLE_BOTTOM_UP), "bottom-up");
  gtk_stack_add_named (self->stack, build_functions (self), "functions");
  hat_stack_show (self->stack, "flame");
  g_signal_connect (switcher, "notify::selected", G_CALLBACK (on_shape_chosen), self);
  gtk_box_append (GTK_BOX (box), toolbar);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->stack));
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
