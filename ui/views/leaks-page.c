/* SPDX-License-Identifier: Apache-2.0 */
/* The leaks view: a list of cards, the biggest first. */

#include "ui/views/leaks-page.h"

#include <string.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/draw/leaks-paint.h"
#include "ui/views/block-picker.h"
#include "ui/views/picture.h"
#include "ui/views/toolbar.h"

#define MOST_CARDS 200u /* widgets; the rest is summed up in the last line */
#define CARDS_AT_ONCE 10u /* those that are seen first; more when there is time */

struct _HatLeaksPage
{
  HatPage parent_instance;
  GtkListBox *list;
  GtkLabel *headline, *sentence;
  HatBlockPicker *picker;
  HatCandidates *candidates;
  guint next, n_cards; /* candidate to be looked at; cards made so far */
  guint filling;       /* source */
  GString *suppressions; /* made here and kept in the trace, which is open as it was before */
};

G_DEFINE_FINAL_TYPE (HatLeaksPage, hat_leaks_page, HAT_TYPE_PAGE)

/* `extra`: suppressions. */
static gpointer
query_candidates (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  g_autoptr (HatGraph) graph = NULL;

  if (question->snapshot != HAT_NO_SNAPSHOT && !(graph = hat_question_graph (question, progress, error)))
    return NULL;
  return hat_candidates_new (question->heap, graph, extra, progress, error);
}

/* ---- cards ---- */

static const HatCandidate *
candidate_of (GtkWidget *widget)
{
  GtkWidget *row = GTK_IS_LIST_BOX_ROW (widget) ? widget : gtk_widget_get_ancestor (widget, GTK_TYPE_LIST_BOX_ROW);
  return g_object_get_data (G_OBJECT (row), "candidate");
}

static void
paint_candidate (gpointer data, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  HatLeaksPage *self = g_object_get_data (data, "page");
  const HatCandidate *candidate = g_object_get_data (data, "candidate");
  const gint64 start = hat_heap_start (self->candidates->heap);
  const double life = MAX (1, hat_heap_end (self->candidates->heap) - start);

  if (candidate->growing)
    hat_leaks_paint_sparkline (candidate->growing->points, candidate->growing->n_points, palette->warning, rect, cr);
  else
    hat_leaks_paint_births ((candidate->first_ns - start) / life, (candidate->last_ns - start) / life, palette, rect, cr);
}

static void
on_show_graph (GtkButton *button, HatLeaksPage *self)
{
  hat_block_picker_pick (self->picker, candidate_of (GTK_WIDGET (button))->example);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-view", "s", "graph");
}

static void
on_show_blocks (GtkButton *button, HatLeaksPage *self)
{
  HatViewState *state = hat_page_state (HAT_PAGE (self));

  hat_view_state_set_cursor (state, hat_heap_end (self->candidates->heap));
  hat_view_state_select_stack (state, candidate_of (GTK_WIDGET (button))->stack);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-view", "s", "map");
}

static void
on_show_births (GtkButton *button, HatLeaksPage *self)
{
  const HatCandidate *candidate = candidate_of (GTK_WIDGET (button));
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  HatRange range = { candidate->first_ns, candidate->last_ns };

  if (candidate->leak_class == HAT_LEAK_REACHABLE)
    range = (HatRange){ hat_heap_start (self->candidates->heap), hat_heap_end (self->candidates->heap) };
  hat_view_state_select_stack (state, candidate->stack);
  hat_view_state_set_range (state, (HatRange){ range.from, MAX (range.to, range.from + 1) });
}

static void
on_show_source (GtkButton *button, HatLeaksPage *self)
{
  hat_view_state_select_stack (hat_page_state (HAT_PAGE (self)), candidate_of (GTK_WIDGET (button))->stack);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-inspector", NULL);
}

static void ask (HatLeaksPage *self);

static void
on_suppress_response (AdwMessageDialog *dialog, const char *response, HatLeaksPage *self)
{
  const char *pattern = gtk_editable_get_text (GTK_EDITABLE (adw_message_dialog_get_extra_child (dialog)));
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (response, "suppress") || !*pattern || !self->candidates)
    return;
  g_autofree char *line = g_strdup_printf ("leak:%s\n", pattern);
  const HatNote note = { HAT_NOTE_SUPPRESSIONS, line };
  if (!hat_trace_keep_note (hat_heap_trace (self->candidates->heap), &note, &error))
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  g_string_append (self->suppressions, line);
  ask (self);
}

static void
on_suppress (GtkButton *button, HatLeaksPage *self)
{
  const HatCandidate *candidate = candidate_of (GTK_WIDGET (button));
  GtkWidget *entry = gtk_entry_new ();
  GtkWidget *dialog = adw_message_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), "Suppress These Leaks?", NULL);

  gtk_editable_set_text (GTK_EDITABLE (entry), hat_stack_function (hat_heap_trace (self->candidates->heap), candidate->stack));
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, "Function, file or module", -1);
  adw_message_dialog_set_body (ADW_MESSAGE_DIALOG (dialog),
                               "Leaks with this in the function, file or module of a frame will not be listed any more; * stands for any "
                               "text. It is kept with the recording.");
  adw_message_dialog_set_extra_child (ADW_MESSAGE_DIALOG (dialog), entry);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", "_Cancel", "suppress", "_Suppress", NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "suppress", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "suppress");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_suppress_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
add_button (GtkWidget *box, const char *label, GCallback callback, HatLeaksPage *self)
{
  GtkWidget *button = gtk_button_new_with_label (label);
  gtk_widget_add_css_class (button, "small");
  g_signal_connect (button, "clicked", callback, self);
  gtk_flow_box_append (GTK_FLOW_BOX (box), button);
  gtk_widget_set_focusable (gtk_widget_get_parent (button), FALSE);
}

static GtkWidget *
make_text (const char *text)
{
  GtkWidget *label = hat_line_new (text, "dim-label");
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_NONE);
  return label;
}

/* badge, function and amount; why; callers; buttons and the small picture */
static GtkWidget *
build_card (HatLeaksPage *self, const HatCandidate *candidate)
{
  HatTrace *trace = hat_heap_trace (self->candidates->heap);
  GtkWidget *row = gtk_list_box_row_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6),
            *top = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12), *bottom = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6), *buttons = gtk_flow_box_new ();
  g_autofree char *function = hat_format_function (hat_stack_function (trace, candidate->stack), 80);
  g_autofree char *bytes = hat_candidate_amount (candidate), *blocks = hat_candidate_count (candidate);
  g_autofree char *amount = g_strdup_printf ("%s in %s", bytes, blocks);
  g_autofree char *callers = hat_candidate_callers (trace, candidate->stack, 4);
  g_autofree char *css = g_ascii_strdown (hat_candidate_badge (candidate), -1);
  const char *confidence = hat_confidence_name (candidate->confidence);
  GtkWidget *badge = hat_line_new (hat_candidate_badge (candidate), "leak-badge");
  GtkWidget *name = hat_line_new (function, "heading"), *size = hat_line_new (amount, "numeric");
  GtkWidget *picture = hat_small_picture_new (paint_candidate, row, NULL, 150, 26);

  g_object_set_data (G_OBJECT (row), "candidate", (gpointer) candidate);
  g_object_set_data (G_OBJECT (row), "page", self);
  gtk_widget_add_css_class (badge, css);
  gtk_widget_set_hexpand (name, TRUE);
  gtk_box_append (GTK_BOX (top), badge);
  gtk_box_append (GTK_BOX (top), name);
  gtk_box_append (GTK_BOX (top), size);
  if (confidence)
    gtk_box_append (GTK_BOX (top), hat_line_new (confidence, "dim-label"));
  gtk_box_append (GTK_BOX (box), top);
  gtk_box_append (GTK_BOX (box), make_text (candidate->why));
  if (*callers)
    {
      g_autofree char *text = g_strdup_printf ("called by %s", callers);
      gtk_box_append (GTK_BOX (box), hat_line_new (text, "dim-label"));
    }
  gtk_widget_set_hexpand (buttons, TRUE); /* it asks for no more room than the widest of them */
  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (buttons), GTK_SELECTION_NONE);
  gtk_flow_box_set_max_children_per_line (GTK_FLOW_BOX (buttons), 5);
  gtk_flow_box_set_column_spacing (GTK_FLOW_BOX (buttons), 6);
  gtk_flow_box_set_row_spacing (GTK_FLOW_BOX (buttons), 4);
  if (candidate->example != HAT_GRAPH_NONE)
    add_button (buttons, "Show graph", G_CALLBACK (on_show_graph), self);
  add_button (buttons, "Show on the map", G_CALLBACK (on_show_blocks), self);
  add_button (buttons, "Show in the timeline", G_CALLBACK (on_show_births), self);
  add_button (buttons, "Source", G_CALLBACK (on_show_source), self);
  if (candidate->leak_class != HAT_LEAK_REACHABLE)
    add_button (buttons, "Suppress…", G_CALLBACK (on_suppress), self);
  gtk_box_append (GTK_BOX (bottom), buttons);
  gtk_box_append (GTK_BOX (bottom), picture);
  gtk_box_append (GTK_BOX (box), bottom);
  gtk_widget_add_css_class (box, "leak-card");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  g_autofree char *label = g_strdup_printf ("%s: %s, %s. %s", hat_candidate_badge (candidate), function, amount, candidate->why);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return row;
}

static gboolean
is_wanted (HatLeaksPage *self, HatStackId stack, const char *filter)
{
  HatTrace *trace = hat_heap_trace (self->candidates->heap);
  guint n;
  if (*filter == '\0')
    return TRUE;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n);
  for (guint i = 0; i < n; i++)
    if (strcasestr (frames[i].function, filter) || (frames[i].module && strcasestr (frames[i].module, filter)))
      return TRUE;
  return FALSE;
}

static void
clear_list (HatLeaksPage *self)
{
  GtkWidget *child;
  g_clear_handle_id (&self->filling, g_source_remove);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, child);
}

static void
add_rest (HatLeaksPage *self, guint from)
{
  guint64 bytes = 0;
  double variance = 0;
  for (guint i = from; i < self->candidates->n; i++)
    {
      bytes += self->candidates->candidates[i].bytes;
      variance += self->candidates->candidates[i].bytes_variance;
    }
  g_autofree char *amount = hat_format_bytes_within (bytes, hat_error_of (variance));
  g_autofree char *text
      = g_strdup_printf ("%u smaller groups, %s: search to narrow them down", self->candidates->n - from, amount);
  GtkWidget *row = gtk_list_box_row_new (), *label = hat_line_new (text, "dim-label");
  gtk_widget_add_css_class (label, "leak-card");
  gtk_list_box_row_set_selectable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), label);
  gtk_list_box_append (self->list, row);
}

static gboolean
fill_more (gpointer data)
{
  HatLeaksPage *self = data;
  const char *filter = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter;
  const HatCandidates *candidates = self->candidates;

  for (guint n = 0; self->next < candidates->n && self->n_cards < MOST_CARDS; self->next++)
    if (is_wanted (self, candidates->candidates[self->next].stack, filter))
      {
        if (n++ == CARDS_AT_ONCE)
          return G_SOURCE_CONTINUE;
        gtk_list_box_append (self->list, build_card (self, &candidates->candidates[self->next]));
        self->n_cards++;
      }
  if (self->next < candidates->n)
    add_rest (self, self->next);
  self->filling = 0;
  return G_SOURCE_REMOVE;
}

static void
fill (HatLeaksPage *self)
{
  const char *filter = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter;
  const HatCandidates *candidates = self->candidates;

  clear_list (self);
  self->next = self->n_cards = 0;
  if (fill_more (self) == G_SOURCE_CONTINUE)
    self->filling = g_idle_add (fill_more, self);
  if (self->n_cards == 0 && *filter)
    hat_page_show_empty (HAT_PAGE (self), "edit-find-symbolic", "No leak candidate matches",
                         "Change what is searched for.");
  else if (self->n_cards == 0)
    hat_page_show_empty (HAT_PAGE (self), "hat-leaks-symbolic", candidates->headline, candidates->sentence);
  else
    hat_page_show_content (HAT_PAGE (self));
}

static void
on_candidates (gpointer owner, gpointer data, const GError *error)
{
  HatLeaksPage *self = owner;
  if (data == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  clear_list (self);
  g_clear_pointer (&self->candidates, hat_candidates_free);
  self->candidates = data;
  if (self->candidates->graph)
    hat_view_state_set_graph (hat_page_state (HAT_PAGE (self)), self->candidates->graph);
  gtk_label_set_label (self->headline, self->candidates->headline);
  gtk_label_set_label (self->sentence, self->candidates->sentence);
  fill (self);
}

static const HatQueryKind candidates_kind = { query_candidates, on_candidates, (GDestroyNotify) hat_candidates_free, g_free };

static void
ask (HatLeaksPage *self)
{
  hat_page_ask (HAT_PAGE (self), &candidates_kind, g_strdup (self->suppressions->str));
}

static void
hat_leaks_page_fill_export (HatPage *page, HatExportOptions *options)
{
  options->suppressions = HAT_LEAKS_PAGE (page)->suppressions->str;
}

static void
hat_leaks_page_update (HatPage *page, HatChanges changes)
{
  HatLeaksPage *self = HAT_LEAKS_PAGE (page);
  const HatGraph *shown = self->candidates ? self->candidates->graph : NULL;
  if (changes & HAT_CHANGED_HEAP && self->candidates && self->candidates->heap != hat_view_state_get (hat_page_state (page))->heap)
    g_string_truncate (self->suppressions, 0);
  if (changes & HAT_CHANGED_HEAP || (changes & HAT_CHANGED_SNAPSHOT && hat_view_state_get (hat_page_state (page))->graph != shown))
    ask (self);
  else if (changes & HAT_CHANGED_FILTER && self->candidates && self->candidates->n > 0
           && self->candidates->heap == hat_view_state_get (hat_page_state (page))->heap)
    fill (self);
}

static void
on_row_selected (GtkListBox *list, GtkListBoxRow *row, HatLeaksPage *self)
{
  const HatCandidate *candidate = row ? candidate_of (GTK_WIDGET (row)) : NULL;
  if (candidate)
    hat_view_state_select_stack (hat_page_state (HAT_PAGE (self)), candidate->stack);
}

static void
hat_leaks_page_dispose (GObject *object)
{
  HatLeaksPage *self = HAT_LEAKS_PAGE (object);
  if (self->candidates)
    clear_list (self);
  g_clear_pointer (&self->candidates, hat_candidates_free);
  g_clear_pointer (&self->picker, hat_block_picker_free);
  if (self->suppressions)
    g_string_free (g_steal_pointer (&self->suppressions), TRUE);
  G_OBJECT_CLASS (hat_leaks_page_parent_class)->dispose (object);
}

static void
hat_leaks_page_class_init (HatLeaksPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_leaks_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_leaks_page_update;
  HAT_PAGE_CLASS (klass)->fill_export = hat_leaks_page_fill_export;
}

static void
hat_leaks_page_init (HatLeaksPage *self)
{
  self->suppressions = g_string_new (NULL);
}

GtkWidget *
hat_leaks_page_new (HatViewState *state)
{
  HatLeaksPage *self = g_object_new (HAT_TYPE_LEAKS_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *scroller = gtk_scrolled_window_new (), *clamp = adw_clamp_new ();
  self->picker = hat_block_picker_new (state);
  self->list = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "boxed-list");
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "leaks");
  gtk_widget_set_valign (GTK_WIDGET (self->list), GTK_ALIGN_START);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->list), GTK_ACCESSIBLE_PROPERTY_LABEL, "Leak candidates", -1);
  g_signal_connect (self->list, "row-selected", G_CALLBACK (on_row_selected), self);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), 1000);
  adw_clamp_set_child (ADW_CLAMP (clamp), GTK_WIDGET (self->list));
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), clamp);
  gtk_widget_set_vexpand (scroller, TRUE);
  self->sentence = GTK_LABEL (make_text (""));
  gtk_widget_add_css_class (GTK_WIDGET (self->sentence), "leaks-why");
  gtk_box_append (GTK_BOX (box), hat_toolbar_new (&self->headline));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->sentence));
  gtk_box_append (GTK_BOX (box), scroller);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
