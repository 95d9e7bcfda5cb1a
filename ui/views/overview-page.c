/* SPDX-License-Identifier: Apache-2.0 */
/* The overview: a flow of cards. */

#include "ui/views/overview-page.h"

#include "ui/draw/overview-paint.h"
#include "ui/views/picture.h"

#define MOST_BLOCKS 1000000u /* of a graph that is made for the first look: a bigger one comes after it */
#define PATIENCE_MS 80       /* all cards that take longer are preceded by those at hand */

struct _HatOverviewPage
{
  HatPage parent_instance;
  GtkFlowBox *flow;
  HatOverview *overview;
  HatGraph *graph; /* of the overview, or NULL */
  HatOverview *at_hand; /* waiting for its turn */
  guint patience;       /* source that shows it */
};

G_DEFINE_FINAL_TYPE (HatOverviewPage, hat_overview_page, HAT_TYPE_PAGE)

typedef struct
{
  HatOverview *overview;
  HatGraph *graph; /* that tells what is lost, or NULL */
  HatOverviewExtent extent;
} Answer;

static void
free_answer (gpointer data)
{
  Answer *answer = data;
  g_clear_pointer (&answer->overview, hat_overview_free);
  g_clear_pointer (&answer->graph, hat_graph_unref);
  g_free (answer);
}

/* What is to be asked for next. */
typedef enum
{
  ASK_AT_HAND,
  ASK_MOST,          /* a big graph is left for later */
  ASK_ALL,           /* with the graph, if there is one by now */
} Ask;

static gpointer
query_overview (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  const Ask ask = GPOINTER_TO_UINT (extra);
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (question->heap), hat_heap_process (question->heap), &n);
  const gboolean is_made = ask == ASK_MOST && question->snapshot < n && infos[question->snapshot].n_blocks <= MOST_BLOCKS;
  const gboolean has_graph = ask != ASK_AT_HAND && (question->graph || is_made);
  g_autoptr (HatGraph) graph = has_graph ? hat_question_graph (question, progress, error) : NULL;
  if (has_graph && graph == NULL)
    return NULL;
  Answer *answer = g_new0 (Answer, 1);
  answer->extent = ask == ASK_AT_HAND ? HAT_OVERVIEW_AT_HAND
                   : ask == ASK_MOST && question->snapshot < n && !has_graph ? HAT_OVERVIEW_BUT_GRAPH : HAT_OVERVIEW_ALL;
  answer->overview = hat_overview_new (question->heap, graph, answer->extent, progress, error);
  answer->graph = g_steal_pointer (&graph);
  if (answer->overview == NULL)
    g_clear_pointer (&answer, free_answer);
  return answer;
}

static gpointer
query_graph (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  return hat_question_graph (question, progress, error);
}

static const HatQueryKind overview_kind;

static void
ask (HatOverviewPage *self, Ask what)
{
  hat_page_ask (HAT_PAGE (self), &overview_kind, GUINT_TO_POINTER (what));
}

/* To share it is to be asked for an overview with it. */
static void
on_graph (gpointer owner, gpointer graph, const GError *error)
{
  if (graph == NULL)
    {
      ask (owner, ASK_ALL); /* what is known without it */
      return;
    }
  hat_view_state_set_graph (hat_page_state (HAT_PAGE (owner)), graph);
  hat_graph_unref (graph);
}

static const HatQueryKind graph_kind = { query_graph, on_graph, (GDestroyNotify) hat_graph_unref, NULL };

static void
paint_card (gpointer data, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  hat_overview_paint_card (data, palette, rect, cr);
}

static void
on_card_clicked (GtkButton *button, HatOverviewPage *self)
{
  const HatCard *card = g_object_get_data (G_OBJECT (button), "card");
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  hat_view_state_set_range (state, (HatRange){ 0, 0 });
  if (card->target_ns >= 0)
    hat_view_state_set_cursor (state, card->target_ns);
  if (card->kind == HAT_CARD_PEAK)
    hat_view_state_set_cost (state, HAT_COST_PEAK);
  else if (card->kind == HAT_CARD_TEMPORARY)
    hat_view_state_set_cost (state, HAT_COST_TEMPORARY);
  else if (card->kind == HAT_CARD_LIVE)
    hat_view_state_set_cost (state, HAT_COST_LIVE);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-view", "s", hat_view_name (card->target));
}

static GtkWidget *
add_label (GtkWidget *box, const char *text, const char *css_class, gboolean wraps)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), wraps);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 34);
  if (wraps)
    gtk_label_set_width_chars (GTK_LABEL (label), 26);
  if (css_class)
    gtk_widget_add_css_class (label, css_class);
  gtk_box_append (GTK_BOX (box), label);
  return label;
}

static GtkWidget *
build_card (HatOverviewPage *self, const HatCard *card)
{
  GtkWidget *button = gtk_button_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *title = add_label (box, card->title, "heading", FALSE);
  GtkWidget *number = add_label (box, card->number, "title-2", FALSE);
  gtk_widget_add_css_class (number, "numeric");
  if (card->is_warning)
    gtk_widget_add_css_class (title, "card-warning");
  add_label (box, card->sentence, NULL, TRUE);
  if (card->n_points > 0 || card->n_parts > 0 || card->share >= 0)
    {
      GtkWidget *picture = hat_small_picture_new (paint_card, (gpointer) card, NULL, 220, 116);
      gtk_widget_set_vexpand (picture, TRUE);
      gtk_box_append (GTK_BOX (box), picture);
    }
  g_autofree char *label = g_strdup_printf ("%s: %s. %s", card->title, card->number, card->sentence);
  gtk_widget_add_css_class (button, "card");
  gtk_widget_add_css_class (button, "overview-card");
  gtk_button_set_child (GTK_BUTTON (button), box);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_object_set_data (G_OBJECT (button), "card", (gpointer) card);
  g_signal_connect (button, "clicked", G_CALLBACK (on_card_clicked), self);
  return button;
}

static void
clear_cards (HatOverviewPage *self)
{
  GtkWidget *child;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->flow))))
    gtk_flow_box_remove (self->flow, child);
  g_clear_pointer (&self->overview, hat_overview_free);
}

/* Takes it. The keyboard stays at the card of the same kind. */
static void
show (HatOverviewPage *self, HatOverview *overview)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *focus = root ? gtk_root_get_focus (root) : NULL;
  const HatCard *focused = focus && gtk_widget_is_ancestor (focus, GTK_WIDGET (self)) ? g_object_get_data (G_OBJECT (focus), "card") : NULL;
  const gint kind = focused ? (gint) focused->kind : -1;
  clear_cards (self);
  self->overview = overview;
  for (guint i = 0; i < self->overview->n_cards; i++)
    {
      GtkWidget *card = build_card (self, &self->overview->cards[i]);
      gtk_flow_box_append (self->flow, card);
      gtk_widget_set_focusable (GTK_WIDGET (gtk_flow_box_get_child_at_index (self->flow, i)), FALSE);
      if ((gint) self->overview->cards[i].kind == kind)
        gtk_widget_grab_focus (card);
    }
  g_autofree char *summary = hat_overview_summary (self->overview);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->flow), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, summary, -1);
  if (self->overview->nothing)
    hat_page_show_empty (HAT_PAGE (self), "hat-overview-symbolic", "No Allocations", self->overview->nothing);
  else
    hat_page_show_content (HAT_PAGE (self));
}

static void
forget_at_hand (HatOverviewPage *self)
{
  g_clear_handle_id (&self->patience, g_source_remove);
  g_clear_pointer (&self->at_hand, hat_overview_free);
}

static gboolean
on_out_of_patience (gpointer data)
{
  HatOverviewPage *self = data;
  self->patience = 0;
  show (self, g_steal_pointer (&self->at_hand));
  return G_SOURCE_REMOVE;
}

static void
on_overview (gpointer owner, gpointer data, const GError *error)
{
  HatOverviewPage *self = owner;
  Answer *answer = data;
  forget_at_hand (self);
  if (answer == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  const HatOverviewExtent extent = answer->extent;
  HatOverview *overview = g_steal_pointer (&answer->overview);
  g_clear_pointer (&self->graph, hat_graph_unref);
  self->graph = g_steal_pointer (&answer->graph);
  free_answer (answer);
  if (extent == HAT_OVERVIEW_AT_HAND)
    {
      self->at_hand = overview;
      self->patience = g_timeout_add (PATIENCE_MS, on_out_of_patience, self);
      ask (self, ASK_MOST);
      return;
    }
  show (self, overview);
  if (self->graph)
    hat_view_state_set_graph (hat_page_state (HAT_PAGE (self)), self->graph);
  if (extent == HAT_OVERVIEW_BUT_GRAPH)
    hat_page_ask (HAT_PAGE (self), &graph_kind, NULL);
}

static const HatQueryKind overview_kind = { query_overview, on_overview, free_answer, NULL };

static void
hat_overview_page_update (HatPage *page, HatChanges changes)
{
  const HatGraph *graph = hat_view_state_get (hat_page_state (page))->graph;
  /* Rules change what is lost; a graph that is not there yet is nobody's to wait for. */
  if (changes & HAT_CHANGED_HEAP)
    {
      forget_at_hand (HAT_OVERVIEW_PAGE (page));
      ask (HAT_OVERVIEW_PAGE (page), ASK_AT_HAND);
    }
  else if (changes & HAT_CHANGED_SNAPSHOT && graph && graph != HAT_OVERVIEW_PAGE (page)->graph)
    ask (HAT_OVERVIEW_PAGE (page), ASK_ALL);
}

static void
hat_overview_page_dispose (GObject *object)
{
  HatOverviewPage *self = HAT_OVERVIEW_PAGE (object);
  forget_at_hand (self);
  if (self->overview)
    clear_cards (self);
  g_clear_pointer (&self->graph, hat_graph_unref);
  G_OBJECT_CLASS (hat_overview_page_parent_class)->dispose (object);
}

static void
hat_overview_page_class_init (HatOverviewPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_overview_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_overview_page_update;
}

static void
hat_overview_page_init (HatOverviewPage *self)
{
}

GtkWidget *
hat_overview_page_new (HatViewState *state)
{
  HatOverviewPage *self = g_object_new (HAT_TYPE_OVERVIEW_PAGE, NULL);
  GtkWidget *scroller = gtk_scrolled_window_new ();
  self->flow = GTK_FLOW_BOX (gtk_flow_box_new ());
  gtk_flow_box_set_selection_mode (self->flow, GTK_SELECTION_NONE);
  gtk_flow_box_set_max_children_per_line (self->flow, 4);
  gtk_flow_box_set_homogeneous (self->flow, TRUE);
  gtk_flow_box_set_column_spacing (self->flow, 12);
  gtk_flow_box_set_row_spacing (self->flow, 12);
  gtk_widget_set_valign (GTK_WIDGET (self->flow), GTK_ALIGN_START); /* a card is no higher than what it says */
  gtk_widget_add_css_class (GTK_WIDGET (self->flow), "overview");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->flow), GTK_ACCESSIBLE_PROPERTY_LABEL, "Overview", -1);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->flow));
  gtk_widget_set_vexpand (scroller, TRUE);
  hat_page_set_up (HAT_PAGE (self), state, scroller);
  return GTK_WIDGET (self);
}
