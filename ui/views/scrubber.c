/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline with its row. */

#include "ui/views/scrubber.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/views/query.h"
#include "ui/views/timeline-view.h"
#include "ui/views/toolbar.h"

struct _HatScrubber
{
  GtkWidget parent_instance;
  GtkWidget *box;
  GtkLabel *readout;
  GtkWidget *clear;
  GtkDropDown *grouping;
  HatViewState *state;
  HatQuery *query;
};

G_DEFINE_FINAL_TYPE (HatScrubber, hat_scrubber, GTK_TYPE_WIDGET)

static const HatGrouping groupings[]
    = { HAT_BY_FUNCTION, HAT_BY_SITE, HAT_BY_MODULE, HAT_BY_THREAD, HAT_BY_SIZE, HAT_BY_TYPE, HAT_BY_AGE, HAT_BY_NONE };
static const char *const grouping_titles[]
    = { "By function", "By stack", "By module", "By thread", "By size", "By type", "By age", "Not stacked", NULL };

/* Of a sample: from its sites, with errors. */
static gboolean
estimate (HatHeap *heap, HatRange range, HatTotals *totals, HatSiteVariance *variance, const HatProgress *progress, GError **error)
{
  g_autoptr (HatSites) sites = hat_heap_sites (heap, range, progress, error);
  if (sites == NULL)
    return FALSE;
  *totals = sites->totals;
  *variance = sites->variance;
  return TRUE;
}

/* From a timeline of one bin: the summary has nearly all of it, however many blocks live. */
static gboolean
count (HatHeap *heap, HatRange range, HatTotals *totals, const HatProgress *progress, GError **error)
{
  g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, range, 1, HAT_BY_NONE, progress, error);
  if (timeline == NULL)
    return FALSE;
  const HatBin *bin = timeline->bins;
  *totals = (HatTotals){ .allocations = bin->allocations, .bytes_allocated = bin->allocated_bytes, .live_blocks = bin->last_blocks,
                         .live_bytes = bin->last_bytes, .peak_bytes = timeline->peak_bytes };
  return TRUE;
}

/* The totals at the cursor, or of the range. */
static gpointer
query_totals (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  HatHeap *heap = question->heap;
  const gboolean has_range = hat_question_has_range (question), is_sample = hat_heap_sample_bytes (heap) > 0;
  const gint64 start = hat_heap_start (heap);
  HatRange range = has_range ? question->range : (HatRange){ MAX (start, question->cursor_ns - 1), question->cursor_ns };
  HatSiteVariance errors = { 0 }, *variance = &errors;
  HatTotals totals, before = { 0 };
  if (is_sample ? !estimate (heap, range, &totals, variance, progress, error)
                : !count (heap, range, &totals, progress, error)
                      || (has_range && !count (heap, (HatRange){ MAX (start, range.from - 1), range.from }, &before, progress, error)))
    return NULL;
  g_autofree char *live = hat_format_bytes_within (totals.live_bytes, hat_error_of (variance->live_bytes));
  g_autofree char *blocks = hat_format_count_within (totals.live_blocks, hat_error_of (variance->live_blocks));
  g_autofree char *to = hat_format_time (range.to);
  if (!has_range)
    return g_strdup_printf ("Cursor %s: %s live in %s blocks", to, live, blocks);
  g_autofree char *from = hat_format_time (range.from), *length = hat_format_time (range.to - range.from);
  g_autofree char *allocated = hat_format_bytes_within (totals.bytes_allocated, hat_error_of (variance->bytes));
  g_autofree char *allocations = hat_format_count_within (totals.allocations, hat_error_of (variance->allocations));
  gint64 growth = is_sample ? (gint64) totals.bytes_allocated - (gint64) totals.bytes_freed + totals.realloc_delta_bytes
                            : (gint64) (totals.live_bytes - before.live_bytes);
  g_autofree char *change = hat_format_signed_bytes (growth), *peak = hat_format_bytes_within (totals.peak_bytes, hat_error_of (variance->peak_bytes));
  return g_strdup_printf ("%s to %s (%s): %s allocated in %s allocations, %s%s, peak %s", from, to, length, allocated,
                          allocations, is_sample ? "~" : "", change, peak);
}

static void
on_totals (gpointer owner, gpointer answer, const GError *error)
{
  HatScrubber *self = owner;
  if (answer)
    gtk_label_set_label (self->readout, answer);
  g_free (answer);
}

static const HatQueryKind totals_kind = { query_totals, on_totals, g_free, NULL };

static void
on_state_changed (HatViewState *state, guint changes, HatScrubber *self)
{
  const HatQuestion *now = hat_view_state_get (state);
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_CURSOR | HAT_CHANGED_RANGE) && now->heap)
    hat_query_run (self->query, &totals_kind, hat_view_state_ask (state), NULL);
  gtk_widget_set_visible (self->clear, hat_question_has_range (now));
  for (guint i = 0; i < G_N_ELEMENTS (groupings); i++)
    if (groupings[i] == now->by && gtk_drop_down_get_selected (self->grouping) != i)
      gtk_drop_down_set_selected (self->grouping, i);
}

static void
on_grouping (GtkDropDown *choice, GParamSpec *pspec, HatScrubber *self)
{
  guint i = gtk_drop_down_get_selected (choice);
  if (i < G_N_ELEMENTS (groupings))
    hat_view_state_set_grouping (self->state, groupings[i]);
}

static void
hat_scrubber_dispose (GObject *object)
{
  HatScrubber *self = HAT_SCRUBBER (object);
  g_clear_pointer (&self->query, hat_query_free);
  g_clear_pointer (&self->box, gtk_widget_unparent);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_scrubber_parent_class)->dispose (object);
}

static void
hat_scrubber_class_init (HatScrubberClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_scrubber_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
hat_scrubber_init (HatScrubber *self)
{
  self->query = hat_query_new (self);
}

GtkWidget *
hat_scrubber_new (HatViewState *state)
{
  HatScrubber *self = g_object_new (HAT_TYPE_SCRUBBER, NULL);
  GtkWidget *timeline = hat_timeline_view_new (state), *toolbar = hat_toolbar_new (&self->readout);
  self->state = g_object_ref (state);
  self->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  gtk_widget_remove_css_class (GTK_WIDGET (self->readout), "heading");
  self->clear
      = hat_toolbar_add_action (toolbar, "edit-clear-symbolic", "Clear the range", "timeline.range-clear", timeline);
  hat_toolbar_add_action (toolbar, "zoom-out-symbolic", "Zoom out", "timeline.zoom-out", timeline);
  hat_toolbar_add_action (toolbar, "zoom-fit-best-symbolic", "Everything", "timeline.fit", timeline);
  hat_toolbar_add_action (toolbar, "zoom-in-symbolic", "Zoom in at the cursor", "timeline.zoom-in", timeline);
  hat_toolbar_add_action (toolbar, "media-playback-start-symbolic", "Play", "timeline.play", timeline);
  self->grouping = hat_toolbar_add_choice (toolbar, "Stacked and coloured by", grouping_titles);
  g_signal_connect (self->grouping, "notify::selected", G_CALLBACK (on_grouping), self);
  gtk_widget_set_vexpand (timeline, TRUE);
  gtk_box_append (GTK_BOX (self->box), timeline);
  gtk_box_append (GTK_BOX (self->box), toolbar);
  gtk_widget_set_parent (self->box, GTK_WIDGET (self));
  g_signal_connect_object (state, "changed", G_CALLBACK (on_state_changed), self, 0);
  return GTK_WIDGET (self);
}
