/* SPDX-License-Identifier: Apache-2.0 */
/* The leaks view: a list of cards, the biggest first. */

#include "ui/views/leaks-page.h"

#include <string.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/draw/leaks-paint.h"
#include "ui/views/picture.h"
#include "ui/views/toolbar.h"

#define MOST_CARDS 200u /* widgets; the rest is summed up in the last line */

struct _HatLeaksPage
{
  HatPage parent_instance;
  GtkListBox *list;
  GtkLabel *headline;
  GtkWidget *why; /* there are no classes */
  HatHeap *heap;
  HatUnfreedGroups *unfreed;
  HatGrowing *growing;
};

G_DEFINE_FINAL_TYPE (HatLeaksPage, hat_leaks_page, HAT_TYPE_PAGE)

typedef struct
{
  HatHeap *heap;
  HatUnfreedGroups *unfreed;
  HatGrowing *growing;
} Answer;

static void
free_answer (gpointer data)
{
  Answer *answer = data;
  g_clear_pointer (&answer->unfreed, hat_unfreed_free);
  g_clear_pointer (&answer->growing, hat_growing_free);
  g_clear_pointer (&answer->heap, hat_heap_unref);
  g_free (answer);
}

static gpointer
query_leaks (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  Answer *answer = g_new0 (Answer, 1);
  answer->heap = hat_heap_ref (question->heap);
  if ((answer->unfreed = hat_heap_unfreed (question->heap, progress, error))
      && (answer->growing = hat_heap_growing (question->heap, progress, error)))
    return answer;
  free_answer (answer);
  return NULL;
}

/* ---- cards ---- */

typedef struct
{
  HatStackId stack;
  const HatUnfreed *unfreed; /* or */
  const HatGrowingSite *growing;
  HatRange life;
} Card;

static void
paint_births (gpointer data, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  const Card *card = data;
  double length = MAX (1, card->life.to - card->life.from);
  hat_leaks_paint_births ((card->unfreed->first_ns - card->life.from) / length,
                          (card->unfreed->last_ns - card->life.from) / length, palette, rect, cr);
}

static void
paint_growth (gpointer data, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  const Card *card = data;
  hat_leaks_paint_sparkline (card->growing->points, card->growing->n_points, palette->warning, rect, cr);
}

static const Card *
card_of (GtkWidget *widget)
{
  return g_object_get_data (G_OBJECT (gtk_widget_get_ancestor (widget, GTK_TYPE_LIST_BOX_ROW)), "card");
}

static void
on_show_blocks (GtkButton *button, HatLeaksPage *self)
{
  const Card *card = card_of (GTK_WIDGET (button));
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  hat_view_state_set_cursor (state, card->life.to);
  hat_view_state_select_stack (state, card->stack);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-view", "s", "map");
}

static void
on_show_births (GtkButton *button, HatLeaksPage *self)
{
  const Card *card = card_of (GTK_WIDGET (button));
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  HatRange range = card->unfreed ? (HatRange){ card->unfreed->first_ns, card->unfreed->last_ns } : card->life;
  hat_view_state_select_stack (state, card->stack);
  hat_view_state_set_range (state, (HatRange){ range.from, MAX (range.to, range.from + 1) });
}

static void
on_show_source (GtkButton *button, HatLeaksPage *self)
{
  hat_view_state_select_stack (hat_page_state (HAT_PAGE (self)), card_of (GTK_WIDGET (button))->stack);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-inspector", NULL);
}

static void
add_button (GtkWidget *box, const char *label, GCallback callback, HatLeaksPage *self)
{
  GtkWidget *button = gtk_button_new_with_label (label);
  gtk_widget_add_css_class (button, "small");
  g_signal_connect (button, "clicked", callback, self);
  gtk_box_append (GTK_BOX (box), button);
}

static GtkWidget *
make_label (const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (label, css_class);
  return label;
}

static char *
card_amount (const Card *card)
{
  const HatUnfreed *u = card->unfreed;
  const HatGrowingSite *g = card->growing;
  g_autofree char *bytes = u ? hat_format_bytes_within (u->bytes, hat_error_of (u->bytes_variance))
                             : hat_format_bytes_within (g->bytes, hat_error_of (g->bytes_variance));
  g_autofree char *blocks = u ? hat_format_count_within (u->blocks, hat_error_of (u->blocks_variance))
                              : hat_format_count_within (g->blocks, hat_error_of (g->blocks_variance));
  gboolean is_one = (card->unfreed ? card->unfreed->blocks : card->growing->blocks) == 1;
  return g_strdup_printf ("%s in %s %s", bytes, blocks, is_one ? "block" : "blocks");
}

static char *
card_sentence (const Card *card)
{
  if (card->growing)
    {
      g_autofree char *slope = hat_format_bytes ((guint64) card->growing->slope_bytes_per_s);
      return g_strdup_printf ("Grows %s%s/s and never falls back", card->growing->bytes_variance > 0 ? "~" : "", slope);
    }
  g_autofree char *first = hat_format_time (card->unfreed->first_ns), *last = hat_format_time (card->unfreed->last_ns);
  if (card->unfreed->blocks == 1)
    return g_strdup_printf ("Allocated at %s, never freed", first);
  return g_strdup_printf ("Allocated from %s to %s, never freed", first, last);
}

/* function and amount, sentence, callers; the small picture; buttons */
static GtkWidget *
build_card (HatLeaksPage *self, const Card *values)
{
  HatTrace *trace = hat_heap_trace (self->heap);
  Card *card = g_memdup2 (values, sizeof *values);
  GtkWidget *row = gtk_list_box_row_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6),
            *top = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *buttons = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  g_autofree char *function = hat_format_function (hat_stack_function (trace, card->stack), 80);
  g_autofree char *amount = card_amount (card), *sentence = card_sentence (card);
  g_autofree char *callers = hat_leaks_callers (trace, card->stack, 4);
  GtkWidget *badge = make_label (card->growing ? "GROWING" : "UNFREED", "leak-badge");
  GtkWidget *name = make_label (function, "heading"), *size = make_label (amount, "numeric");
  GtkWidget *picture = hat_small_picture_new (card->growing ? paint_growth : paint_births, card, NULL, 60, 26);

  g_object_set_data_full (G_OBJECT (row), "card", card, g_free);
  gtk_widget_add_css_class (badge, card->growing ? "growing" : "unfreed");
  gtk_widget_set_hexpand (name, TRUE);
  gtk_box_append (GTK_BOX (top), badge);
  gtk_box_append (GTK_BOX (top), name);
  gtk_box_append (GTK_BOX (top), size);
  gtk_box_append (GTK_BOX (box), top);
  gtk_box_append (GTK_BOX (box), make_label (sentence, "dim-label"));
  if (callers && *callers)
    {
      g_autofree char *text = g_strdup_printf ("called by %s", callers);
      gtk_box_append (GTK_BOX (box), make_label (text, "dim-label"));
    }
  gtk_widget_set_hexpand (picture, TRUE);
  gtk_widget_set_halign (picture, GTK_ALIGN_FILL);
  add_button (buttons, card->growing ? "Show its blocks" : "Show on the map", G_CALLBACK (on_show_blocks), self);
  add_button (buttons, "Show in the timeline", G_CALLBACK (on_show_births), self);
  add_button (buttons, "Source", G_CALLBACK (on_show_source), self);
  gtk_box_append (GTK_BOX (buttons), picture);
  gtk_box_append (GTK_BOX (box), buttons);
  gtk_widget_add_css_class (box, "leak-card");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  g_autofree char *label = g_strdup_printf ("%s, %s. %s", function, amount, sentence);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return row;
}

static gboolean
is_wanted (HatLeaksPage *self, HatStackId stack, const char *filter)
{
  HatTrace *trace = hat_heap_trace (self->heap);
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
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, child);
}

static void
add_rest (HatLeaksPage *self, guint from)
{
  guint64 bytes = 0;
  double variance = 0;
  for (guint i = from; i < self->unfreed->n; i++)
    {
      bytes += self->unfreed->groups[i].bytes;
      variance += self->unfreed->groups[i].bytes_variance;
    }
  g_autofree char *amount = hat_format_bytes_within (bytes, hat_error_of (variance));
  g_autofree char *text
      = g_strdup_printf ("%u smaller groups, %s: search to narrow them down", self->unfreed->n - from, amount);
  GtkWidget *row = gtk_list_box_row_new (), *label = make_label (text, "dim-label");
  gtk_widget_add_css_class (label, "leak-card");
  gtk_list_box_row_set_selectable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), label);
  gtk_list_box_append (self->list, row);
}

static void
fill (HatLeaksPage *self)
{
  const char *filter = hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter;
  HatRange life = { hat_heap_start (self->heap), hat_heap_end (self->heap) };
  guint n_cards = 0, i = 0;
  clear_list (self);
  for (guint k = 0; k < self->growing->n && n_cards < MOST_CARDS; k++)
    if (is_wanted (self, self->growing->sites[k].stack, filter))
      {
        Card card = { self->growing->sites[k].stack, NULL, &self->growing->sites[k], life };
        gtk_list_box_append (self->list, build_card (self, &card));
        n_cards++;
      }
  for (; i < self->unfreed->n && n_cards < MOST_CARDS; i++)
    if (is_wanted (self, self->unfreed->groups[i].stack, filter))
      {
        Card card = { self->unfreed->groups[i].stack, &self->unfreed->groups[i], NULL, life };
        gtk_list_box_append (self->list, build_card (self, &card));
        n_cards++;
      }
  if (i < self->unfreed->n)
    add_rest (self, i);
  if (n_cards == 0 && *filter)
    hat_page_show_empty (HAT_PAGE (self), "edit-find-symbolic", "No leak candidate matches",
                         "Change what is searched for.");
  else
    hat_page_show_content (HAT_PAGE (self));
}

static void
on_leaks (gpointer owner, gpointer data, const GError *error)
{
  HatLeaksPage *self = owner;
  if (data == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  Answer *answer = data;
  clear_list (self);
  g_clear_pointer (&self->unfreed, hat_unfreed_free);
  g_clear_pointer (&self->growing, hat_growing_free);
  g_clear_pointer (&self->heap, hat_heap_unref);
  self->unfreed = g_steal_pointer (&answer->unfreed);
  self->growing = g_steal_pointer (&answer->growing);
  self->heap = g_steal_pointer (&answer->heap);
  free_answer (answer);
  g_autofree char *summary = hat_leaks_summary (self->unfreed, self->growing);
  gtk_label_set_label (self->headline, summary);
  gtk_widget_set_visible (self->why, hat_heap_sample_bytes (self->heap) > 0);
  if (self->unfreed->n == 0 && self->growing->n == 0)
    hat_page_show_empty (HAT_PAGE (self), "hat-leaks-symbolic", "No leak candidates",
                         hat_heap_sample_bytes (self->heap) > 0 ? "All blocks of the sample were freed. " HAT_SAMPLE_HAS_NO_SNAPSHOT
                                                                : "Everything that was allocated was freed.");
  else
    fill (self);
}

static const HatQueryKind leaks_kind = { query_leaks, on_leaks, free_answer, NULL };

static void
hat_leaks_page_update (HatPage *page, HatChanges changes)
{
  HatLeaksPage *self = HAT_LEAKS_PAGE (page);
  if (changes & HAT_CHANGED_HEAP)
    hat_page_ask (page, &leaks_kind, NULL);
  else if (changes & HAT_CHANGED_FILTER && self->unfreed
           && self->heap == hat_view_state_get (hat_page_state (page))->heap
           && (self->unfreed->n > 0 || self->growing->n > 0))
    fill (self);
}

static void
on_row_selected (GtkListBox *list, GtkListBoxRow *row, HatLeaksPage *self)
{
  const Card *card = row ? g_object_get_data (G_OBJECT (row), "card") : NULL;
  if (card)
    hat_view_state_select_stack (hat_page_state (HAT_PAGE (self)), card->stack);
}

static void
hat_leaks_page_dispose (GObject *object)
{
  HatLeaksPage *self = HAT_LEAKS_PAGE (object);
  if (self->heap)
    clear_list (self);
  g_clear_pointer (&self->unfreed, hat_unfreed_free);
  g_clear_pointer (&self->growing, hat_growing_free);
  g_clear_pointer (&self->heap, hat_heap_unref);
  G_OBJECT_CLASS (hat_leaks_page_parent_class)->dispose (object);
}

static void
hat_leaks_page_class_init (HatLeaksPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_leaks_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_leaks_page_update;
}

static void
hat_leaks_page_init (HatLeaksPage *self)
{
}

GtkWidget *
hat_leaks_page_new (HatViewState *state)
{
  HatLeaksPage *self = g_object_new (HAT_TYPE_LEAKS_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *scroller = gtk_scrolled_window_new ();
  self->list = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "boxed-list");
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "leaks");
  gtk_widget_set_valign (GTK_WIDGET (self->list), GTK_ALIGN_START);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->list), GTK_ACCESSIBLE_PROPERTY_LABEL, "Leak candidates", -1);
  g_signal_connect (self->list, "row-selected", G_CALLBACK (on_row_selected), self);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->list));
  gtk_widget_set_vexpand (scroller, TRUE);
  self->why = make_label (HAT_SAMPLE_HAS_NO_SNAPSHOT, "dim-label");
  gtk_label_set_wrap (GTK_LABEL (self->why), TRUE);
  gtk_label_set_ellipsize (GTK_LABEL (self->why), PANGO_ELLIPSIZE_NONE);
  gtk_widget_add_css_class (self->why, "leaks-why");
  gtk_box_append (GTK_BOX (box), hat_toolbar_new (&self->headline));
  gtk_box_append (GTK_BOX (box), self->why);
  gtk_box_append (GTK_BOX (box), scroller);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
