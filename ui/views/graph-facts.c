/* SPDX-License-Identifier: Apache-2.0 */
/* The graph's part of the inspector. */

#include "ui/views/graph-facts.h"

#include "core/heap/format.h"
#include "core/heap/usual-name.h"
#include "ui/draw/graph-model.h"
#include "ui/views/block-picker.h"
#include "ui/views/page.h"

#define MOST_EDGES 40u
#define MOST_VALUES 60u
#define MOST_BYTES 512u
#define BYTES_PER_ROW 8u

struct _HatGraphFacts
{
  GtkWidget parent_instance;
  GtkWidget *box;
  GtkLabel *facts, *values_title, *in_title, *out_title, *bytes_title, *bytes;
  GtkListBox *values, *in, *out;
  HatViewState *state;
  HatBlockPicker *picker;
  HatQuery *query; /* the bytes */
};

G_DEFINE_FINAL_TYPE (HatGraphFacts, hat_graph_facts, GTK_TYPE_WIDGET)

/* ---- bytes ---- */

static gpointer
query_bytes (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  gsize n = 0;
  g_autofree guint8 *bytes = hat_trace_read_contents (hat_heap_trace (question->heap), hat_heap_process (question->heap),
                                                      question->snapshot, GPOINTER_TO_UINT (extra), &n, error);
  g_autoptr (GString) text = g_string_new (NULL);
  if (bytes == NULL)
    return NULL;
  for (gsize row = 0; row < MIN (n, MOST_BYTES); row += BYTES_PER_ROW)
    {
      g_string_append_printf (text, "%s%4" G_GSIZE_MODIFIER "x ", row ? "\n" : "", row);
      for (gsize i = row; i < row + BYTES_PER_ROW; i++)
        if (i < n)
          g_string_append_printf (text, " %02x", bytes[i]);
        else
          g_string_append (text, "   ");
      g_string_append (text, "  ");
      for (gsize i = row; i < MIN (n, row + BYTES_PER_ROW); i++)
        g_string_append_c (text, g_ascii_isprint (bytes[i]) ? (char) bytes[i] : '.');
    }
  if (n > MOST_BYTES)
    g_string_append_printf (text, "\n%" G_GSIZE_FORMAT " bytes more", n - MOST_BYTES);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
on_bytes (gpointer owner, gpointer answer, const GError *error)
{
  HatGraphFacts *self = owner;
  g_autofree char *text = answer;
  gtk_label_set_label (self->bytes, text ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (self->bytes), text != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->bytes_title), text != NULL);
}

static const HatQueryKind bytes_kind = { query_bytes, on_bytes, g_free, NULL };

/* ---- pointers ---- */

static GtkWidget *
row_label (const char *text, const char *css_class)
{
  GtkWidget *label = hat_line_new (text, css_class);
  gtk_widget_set_tooltip_text (label, text);
  return label;
}

/* `block`: where a click goes, HAT_GRAPH_NONE: nowhere. */
static void
add_row (GtkListBox *list, const char *title, const char *detail, guint32 block)
{
  GtkWidget *row = gtk_list_box_row_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *below = row_label (detail, "caption");
  g_autofree char *label = g_strdup_printf ("%s, %s", title, detail);
  gtk_widget_add_css_class (below, "dim-label");
  gtk_widget_add_css_class (box, "frame-row");
  gtk_box_append (GTK_BOX (box), row_label (title, NULL));
  gtk_box_append (GTK_BOX (box), below);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), block != HAT_GRAPH_NONE);
  gtk_list_box_row_set_selectable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_object_set_data (G_OBJECT (row), "block", GUINT_TO_POINTER (block));
  gtk_list_box_append (list, row);
}

static void
add_edge (GtkListBox *list, HatGraph *graph, const HatGraphEdge *edge, guint32 other)
{
  g_autofree char *name = hat_format_function (hat_graph_label (graph, other), 60);
  g_autofree char *place = edge->field ? g_strdup (edge->field) : g_strdup_printf ("at +%" G_GUINT64_FORMAT, edge->offset);
  g_autofree char *detail = g_strdup_printf ("%s, %s%s%s%s", place, hat_strength_name (edge->strength), edge->is_interior ? ", into the middle" : "",
                                             edge->evidence ? ": " : "", edge->evidence ? edge->evidence : "");
  add_row (list, name, detail, other);
}

static void
clear_list (GtkListBox *list)
{
  GtkWidget *child;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (list))))
    gtk_list_box_remove (list, child);
}

static void
set_title (GtkLabel *title, const char *what, guint32 n, guint32 shown)
{
  g_autofree char *text = n > shown ? g_strdup_printf ("%s (%u of %u)", what, shown, n) : g_strdup_printf ("%s (%u)", what, n);
  gtk_label_set_label (title, text);
}

/* What stands in the fields that are no pointers. */
static void
show_values (HatGraphFacts *self, HatGraph *graph, guint32 block)
{
  g_autoptr (GArray) values = hat_graph_values (graph, block);
  const guint n = MIN (values->len, MOST_VALUES);
  clear_list (self->values);
  for (guint i = 0; i < n; i++)
    {
      const HatGraphValue *value = &g_array_index (values, HatGraphValue, i);
      g_autofree char *title = g_strdup_printf ("%s = %s", value->name, value->value);
      g_autofree char *type = hat_format_function (value->type ? value->type : "", 60);
      g_autofree char *detail = g_strdup_printf ("%s at +%" G_GUINT64_FORMAT, type, value->offset);
      add_row (self->values, title, detail, HAT_GRAPH_NONE);
    }
  set_title (self->values_title, "Fields", values->len, n);
  gtk_widget_set_visible (GTK_WIDGET (self->values), n > 0);
  gtk_widget_set_visible (GTK_WIDGET (self->values_title), n > 0);
}

static void
show_block (HatGraphFacts *self, HatGraph *graph, guint32 block)
{
  HatGraphEdge edges[MOST_EDGES];
  HatGraphBlock facts;
  guint32 n, n_roots;
  hat_graph_block (graph, block, &facts);
  g_autofree char *kept = hat_format_bytes (facts.retained_bytes), *count = hat_format_count (facts.retained_blocks);
  g_autofree char *owner = facts.owner == HAT_GRAPH_NONE ? g_strdup ("no single block")
                                                         : hat_format_function (hat_graph_label (graph, facts.owner), 60);
  const char *type_name = hat_graph_type_label (graph, facts.type), *evidence = hat_graph_type_evidence (graph, block);
  g_autofree char *type = type_name ? hat_usual_name (type_name) : NULL;
  g_autofree char *text = g_strdup_printf ("%s%s%s%s%s%s\nKeeps %s in %s block%s alive\nOwned by %s", type ? type : "",
                                           evidence ? " (" : "", evidence ? evidence : "", evidence ? ")" : "", type ? "\n" : "",
                                           hat_leak_class_name (facts.leak_class), kept, count, facts.retained_blocks == 1 ? "" : "s", owner);
  g_autofree char *mismatch = hat_graph_mismatch (graph, block), *contents = hat_graph_contents (graph, block);
  g_autofree char *more = g_strdup_printf ("%s%s%s%s%s", text, contents ? "\nElements of " : "", contents ? contents : "", mismatch ? "\n" : "",
                                           mismatch ? mismatch : "");
  gtk_label_set_label (self->facts, more);
  show_values (self, graph, block);
  clear_list (self->in);
  clear_list (self->out);
  const guint32 *roots = hat_graph_roots_of (graph, block, &n_roots);
  for (guint32 i = 0; i < MIN (n_roots, MOST_EDGES); i++)
    {
      g_autofree char *root = hat_graph_root_text (graph, roots[i]);
      add_row (self->in, root, "a root", HAT_GRAPH_NONE);
    }
  n = hat_graph_edges_in (graph, block, 0, edges, MOST_EDGES);
  for (guint32 i = 0; i < MIN (n, MOST_EDGES); i++)
    add_edge (self->in, graph, &edges[i], edges[i].from);
  set_title (self->in_title, "Held by", n + n_roots, MIN (n, MOST_EDGES) + MIN (n_roots, MOST_EDGES));
  n = hat_graph_edges_out (graph, block, 0, edges, MOST_EDGES);
  for (guint32 i = 0; i < MIN (n, MOST_EDGES); i++)
    add_edge (self->out, graph, &edges[i], edges[i].to);
  set_title (self->out_title, "Points to", n, MIN (n, MOST_EDGES));
  gtk_widget_set_visible (GTK_WIDGET (self->in), gtk_widget_get_first_child (GTK_WIDGET (self->in)) != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->out), n > 0);
}

static void
on_state_changed (HatViewState *state, guint changes, HatGraphFacts *self)
{
  if (!(changes & (HAT_CHANGED_SELECTION | HAT_CHANGED_HEAP | HAT_CHANGED_SNAPSHOT)))
    return;
  guint32 block = hat_selected_graph_block (state);
  gtk_widget_set_visible (GTK_WIDGET (self), block != HAT_GRAPH_NONE);
  hat_query_cancel (self->query);
  on_bytes (self, NULL, NULL);
  if (block == HAT_GRAPH_NONE)
    return;
  show_block (self, hat_view_state_get (state)->graph, block);
  hat_query_run (self->query, &bytes_kind, hat_view_state_ask (state), GUINT_TO_POINTER (block));
}

static void
on_row_activated (GtkListBox *list, GtkListBoxRow *row, HatGraphFacts *self)
{
  hat_block_picker_pick (self->picker, GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (row), "block")));
}

/* ---- widget ---- */

static GtkListBox *
add_list (HatGraphFacts *self, const char *label, GtkLabel **out_title)
{
  GtkWidget *list = gtk_list_box_new (), *title = row_label (label, "heading");
  gtk_widget_add_css_class (list, "boxed-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (list), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_signal_connect (list, "row-activated", G_CALLBACK (on_row_activated), self);
  gtk_box_append (GTK_BOX (self->box), title);
  gtk_box_append (GTK_BOX (self->box), list);
  *out_title = GTK_LABEL (title);
  return GTK_LIST_BOX (list);
}

static void
hat_graph_facts_dispose (GObject *object)
{
  HatGraphFacts *self = HAT_GRAPH_FACTS (object);
  g_clear_pointer (&self->query, hat_query_free);
  g_clear_pointer (&self->picker, hat_block_picker_free);
  g_clear_pointer (&self->box, gtk_widget_unparent);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_graph_facts_parent_class)->dispose (object);
}

static void
hat_graph_facts_class_init (HatGraphFactsClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_graph_facts_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
hat_graph_facts_init (HatGraphFacts *self)
{
  self->query = hat_query_new (self);
  self->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  gtk_widget_set_parent (self->box, GTK_WIDGET (self));
  gtk_box_append (GTK_BOX (self->box), row_label ("In the graph", "heading"));
  self->facts = GTK_LABEL (row_label (NULL, "numeric"));
  gtk_label_set_wrap (self->facts, TRUE);
  gtk_label_set_ellipsize (self->facts, PANGO_ELLIPSIZE_NONE);
  gtk_box_append (GTK_BOX (self->box), GTK_WIDGET (self->facts));
  self->values = add_list (self, "Fields", &self->values_title);
  self->in = add_list (self, "Held by", &self->in_title);
  self->out = add_list (self, "Points to", &self->out_title);
  self->bytes_title = GTK_LABEL (row_label ("Contents", "heading"));
  self->bytes = GTK_LABEL (row_label (NULL, "monospace"));
  gtk_widget_add_css_class (GTK_WIDGET (self->bytes), "caption");
  gtk_label_set_ellipsize (self->bytes, PANGO_ELLIPSIZE_NONE);
  gtk_label_set_selectable (self->bytes, TRUE);
  gtk_box_append (GTK_BOX (self->box), GTK_WIDGET (self->bytes_title));
  gtk_box_append (GTK_BOX (self->box), GTK_WIDGET (self->bytes));
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
}

GtkWidget *
hat_graph_facts_new (HatViewState *state)
{
  HatGraphFacts *self = g_object_new (HAT_TYPE_GRAPH_FACTS, NULL);
  self->state = g_object_ref (state);
  self->picker = hat_block_picker_new (state);
  g_signal_connect_object (state, "changed", G_CALLBACK (on_state_changed), self, 0);
  return GTK_WIDGET (self);
}
