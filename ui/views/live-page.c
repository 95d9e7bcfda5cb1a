/* SPDX-License-Identifier: Apache-2.0 */
/* A recording while it runs. */

#include "ui/views/live-page.h"

#include "core/heap/format.h"
#include "ui/draw/timeline-paint.h"
#include "ui/views/picture.h"

#define FORCE_PATIENCE_MS 5000                       /* after SIGTERM, before SIGKILL is offered */
#define MOST_OUTPUT_CHARS (1 << 20)                  /* older output is dropped from the pane */
#define STATUS_NS (60 * G_GINT64_CONSTANT (1000000)) /* statuses are not further apart */
#define SHORTEST_AXIS_NS (2 * STATUS_NS)             /* the curve ends at now: it claims nothing of the future */

/* ---- the curve ---- */

#define HAT_TYPE_LIVE_CURVE (hat_live_curve_get_type ())
G_DECLARE_FINAL_TYPE (HatLiveCurve, hat_live_curve, HAT, LIVE_CURVE, HatPicture)

struct _HatLiveCurve
{
  HatPicture parent_instance;
  HatLiveRecording *recording;
  HatTimeline timeline; /* bins owned */
  GArray *samples;      /* HatSample: resident memory */
  HatTimelineLayout *layout;
};

G_DEFINE_FINAL_TYPE (HatLiveCurve, hat_live_curve, HAT_TYPE_PICTURE)

/* Steps are steps: a bin without a status repeats the one before. */
static void
fill_bins (HatLiveCurve *self, const HatLiveStatus *history, guint n)
{
  HatTimeline *t = &self->timeline;
  gint64 length = t->range.to - t->range.from;
  guint64 allocations = 0;
  guint k = 0;
  HatBin before = { 0 };
  for (guint i = 0; i < t->n_bins; i++)
    {
      gint64 end = t->range.from + length * (i + 1) / t->n_bins;
      gboolean is_first = TRUE;
      HatBin bin = { before.last_bytes, before.last_bytes, before.last_bytes, before.last_blocks, 0, 0, 0 };
      for (; k < n && history[k].time_ns <= end; k++)
        {
          bin.last_bytes = history[k].live_bytes;
          bin.last_blocks = history[k].live_blocks;
          bin.min_bytes = is_first ? bin.last_bytes : MIN (bin.min_bytes, bin.last_bytes);
          bin.max_bytes = is_first ? bin.last_bytes : MAX (bin.max_bytes, bin.last_bytes);
          is_first = FALSE;
          bin.allocations += history[k].allocations - MIN (history[k].allocations, allocations);
          allocations = history[k].allocations;
          if (bin.last_bytes > t->peak_bytes)
            {
              t->peak_bytes = bin.last_bytes;
              t->peak_ns = history[k].time_ns;
            }
        }
      t->bins[i] = before = bin;
    }
}

static gboolean
hat_live_curve_lay_out (HatPicture *picture, double width, double height)
{
  HatLiveCurve *self = HAT_LIVE_CURVE (picture);
  guint n = 0;
  g_clear_pointer (&self->layout, hat_timeline_layout_free);
  const HatLiveStatus *history = self->recording ? hat_live_recording_history (self->recording, &n) : NULL;
  if (n == 0)
    return FALSE;
  g_free (self->timeline.bins);
  self->timeline = (HatTimeline){ .range = { 0, MAX (history[n - 1].time_ns, SHORTEST_AXIS_NS) }, .by = HAT_BY_NONE };
  /* Not finer than statuses come, or the rate would be a comb. */
  guint64 most_bins = self->timeline.range.to / STATUS_NS;
  self->timeline.n_bins = CLAMP (most_bins, 2, MAX (hat_timeline_layout_bins (width, height), 2));
  self->timeline.bins = g_new0 (HatBin, self->timeline.n_bins);
  fill_bins (self, history, n);
  g_array_set_size (self->samples, 0);
  for (guint i = 0; i < n; i++)
    {
      HatSample sample = { .time_ns = history[i].time_ns, .rss_bytes = history[i].rss };
      g_array_append_val (self->samples, sample);
    }
  HatTimelineInput input = { .timeline = &self->timeline,
                             .n_samples = self->samples->len,
                             .samples = (HatSample *) self->samples->data,
                             .has_legend = TRUE,
                             .isolated_band = -1 };
  input.marks = hat_live_recording_marks (self->recording, &input.n_marks);
  self->layout = hat_timeline_layout_new (&input, width, height);
  return TRUE;
}

static void
hat_live_curve_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_timeline_paint (HAT_LIVE_CURVE (picture)->layout, palette, cr);
}

static char *
hat_live_curve_describe_at (HatPicture *picture, double x, double y)
{
  HatLiveCurve *self = HAT_LIVE_CURVE (picture);
  HatTimelineHit hit;
  return hat_timeline_layout_hit (self->layout, x, y, &hit) ? hat_timeline_hit_text (self->layout, &hit) : NULL;
}

static void
hat_live_curve_dispose (GObject *object)
{
  HatLiveCurve *self = HAT_LIVE_CURVE (object);
  g_clear_pointer (&self->layout, hat_timeline_layout_free);
  g_clear_pointer (&self->timeline.bins, g_free);
  g_clear_pointer (&self->samples, g_array_unref);
  g_clear_object (&self->recording);
  G_OBJECT_CLASS (hat_live_curve_parent_class)->dispose (object);
}

static void
hat_live_curve_class_init (HatLiveCurveClass *klass)
{
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_live_curve_dispose;
  picture_class->lay_out = hat_live_curve_lay_out;
  picture_class->paint = hat_live_curve_paint;
  picture_class->describe_at = hat_live_curve_describe_at;
}

static void
hat_live_curve_init (HatLiveCurve *self)
{
  self->samples = g_array_new (FALSE, FALSE, sizeof (HatSample));
  gtk_widget_set_size_request (GTK_WIDGET (self), -1, 180);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Heap while it is recorded",
                                  -1);
}

/* ---- the page ---- */

enum
{
  COUNT_LIVE,
  COUNT_EVENTS,
  COUNT_RATE,
  COUNT_LOST,
  COUNT_RSS,
  COUNT_PROCESSES,
  COUNT_FILE,
  COUNT_ALLOCATED,
  N_COUNTERS,
};

static const char *const counter_names[N_COUNTERS]
    = { "Live", "Events", "Events per second", "Lost", "Resident", "Processes", "Trace", "Allocated per second" };

struct _HatLivePage
{
  GtkWidget parent_instance;
  GtkWidget *box;
  HatLiveCurve *curve;
  GtkLabel *counters[N_COUNTERS];
  GtkLabel *notice;
  GtkRevealer *finishing;
  GtkLabel *finishing_label;
  GtkProgressBar *finishing_bar;
  GtkButton *skip;
  GtkButton *stop, *end, *mark, *snapshot;
  GtkTextView *output;
  GtkTextBuffer *buffer;
  GtkEntry *input;
  HatLiveRecording *recording;
  guint patience;
  gboolean end_by_force;
  guint n_marks;
};

G_DEFINE_FINAL_TYPE (HatLivePage, hat_live_page, GTK_TYPE_WIDGET)

static void
set_counter (HatLivePage *self, guint i, char *text)
{
  g_autofree char *label = g_strdup_printf ("%s: %s", counter_names[i], text);
  gtk_label_set_label (self->counters[i], text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->counters[i]), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_free (text);
}

/* An entry that loses its sensitivity must not have the focus: its text would wait for a focus-out for ever. */
static void
set_input_sensitive (HatLivePage *self, gboolean is_sensitive)
{
  if (!is_sensitive && gtk_widget_get_state_flags (GTK_WIDGET (self->input)) & GTK_STATE_FLAG_FOCUS_WITHIN)
    gtk_widget_grab_focus (GTK_WIDGET (self->output));
  gtk_widget_set_sensitive (GTK_WIDGET (self->input), is_sensitive);
}

static void
update_buttons (HatLivePage *self)
{
  const char *what = NULL;
  gboolean is_finishing = hat_live_recording_progress (self->recording, &what) >= 0;
  gboolean runs = hat_live_recording_program_runs (self->recording);
  gboolean is_finished = hat_live_recording_is_finished (self->recording);
  gtk_widget_set_sensitive (GTK_WIDGET (self->stop), !is_finishing && !is_finished);
  gtk_widget_set_sensitive (GTK_WIDGET (self->mark), !is_finishing && !is_finished);
  gtk_widget_set_sensitive (GTK_WIDGET (self->snapshot), runs && !is_finishing && !is_finished);
  gtk_widget_set_sensitive (GTK_WIDGET (self->end), runs);
  set_input_sensitive (self, runs);
  gtk_revealer_set_reveal_child (self->finishing, is_finishing && !is_finished);
  if (is_finishing)
    {
      g_autofree char *text = g_strdup_printf ("Finishing the trace: %s", what);
      gtk_label_set_label (self->finishing_label, text);
      gtk_progress_bar_set_fraction (self->finishing_bar,
                                     CLAMP (hat_live_recording_progress (self->recording, &what), 0, 1));
    }
}

/* Over the last second or so: single statuses would jitter. */
static guint64
allocated_per_s (const HatLiveStatus *history, guint n)
{
  guint first = n - 1;
  while (first > 0 && history[n - 1].time_ns - history[first].time_ns < G_GINT64_CONSTANT (1000000000))
    first--;
  gint64 length = history[n - 1].time_ns - history[first].time_ns;
  guint64 bytes = history[n - 1].allocated_bytes - MIN (history[first].allocated_bytes, history[n - 1].allocated_bytes);
  return length > 0 ? (guint64) (bytes * 1e9 / length) : 0;
}

static void
on_status (HatLiveRecording *recording, HatLivePage *self)
{
  guint n;
  const HatLiveStatus *history = hat_live_recording_history (recording, &n);
  if (n > 0)
    {
      const HatLiveStatus *now = &history[n - 1];
      g_autofree char *rate = hat_format_count (now->events_per_s),
                      *allocated = hat_format_bytes (allocated_per_s (history, n));
      set_counter (self, COUNT_LIVE, hat_format_bytes (now->live_bytes));
      set_counter (self, COUNT_EVENTS, hat_format_count (now->events));
      set_counter (self, COUNT_RATE, g_strdup_printf ("%s/s", rate));
      set_counter (self, COUNT_LOST, hat_format_count (now->lost));
      set_counter (self, COUNT_RSS, hat_format_bytes (now->rss));
      set_counter (self, COUNT_PROCESSES, hat_format_count (now->running));
      set_counter (self, COUNT_FILE, hat_format_bytes (now->bytes_written));
      set_counter (self, COUNT_ALLOCATED, g_strdup_printf ("%s/s", allocated));
    }
  update_buttons (self);
  hat_picture_invalidate (HAT_PICTURE (self->curve));
}

static void
on_processes (HatLiveRecording *recording, HatLivePage *self)
{
  update_buttons (self);
}

static void
on_warning (HatLiveRecording *recording, const char *text, HatLivePage *self)
{
  gtk_label_set_label (self->notice, text);
}

static void
on_output (HatLiveRecording *recording, const char *text, gboolean is_error, HatLivePage *self)
{
  GtkTextIter end, start, cut;
  gtk_text_buffer_get_end_iter (self->buffer, &end);
  gtk_text_buffer_insert_with_tags_by_name (self->buffer, &end, text, -1, is_error ? "error" : "plain", NULL);
  int surplus = gtk_text_buffer_get_char_count (self->buffer) - MOST_OUTPUT_CHARS;
  if (surplus > 0)
    {
      gtk_text_buffer_get_start_iter (self->buffer, &start);
      gtk_text_buffer_get_iter_at_offset (self->buffer, &cut, surplus);
      gtk_text_buffer_delete (self->buffer, &start, &cut);
    }
  gtk_text_buffer_get_end_iter (self->buffer, &end);
  gtk_text_buffer_move_mark_by_name (self->buffer, "end", &end);
  gtk_text_view_scroll_mark_onscreen (self->output, gtk_text_buffer_get_mark (self->buffer, "end"));
}

static gboolean
on_out_of_patience (gpointer data)
{
  HatLivePage *self = data;
  self->patience = 0;
  if (self->recording && hat_live_recording_program_runs (self->recording))
    {
      self->end_by_force = TRUE;
      gtk_button_set_label (self->end, "Kill Program");
      gtk_label_set_label (self->notice, "The program was asked to end (SIGTERM) and still runs. Kill it (SIGKILL)?");
    }
  return G_SOURCE_REMOVE;
}

static void
on_end (GtkButton *button, HatLivePage *self)
{
  hat_live_recording_end (self->recording, self->end_by_force);
  if (self->patience == 0 && !self->end_by_force)
    self->patience = g_timeout_add (FORCE_PATIENCE_MS, on_out_of_patience, self);
}

static void
on_stop (GtkButton *button, HatLivePage *self)
{
  hat_live_recording_stop (self->recording);
}

static void
on_skip (GtkButton *button, HatLivePage *self)
{
  hat_live_recording_skip_symbols (self->recording);
  gtk_widget_set_sensitive (GTK_WIDGET (button), FALSE);
}

static void
on_mark (GtkButton *button, HatLivePage *self)
{
  g_autofree char *name = g_strdup_printf ("mark %u", ++self->n_marks);
  hat_live_recording_mark (self->recording, name);
}

static void
on_snapshot (GtkButton *button, HatLivePage *self)
{
  hat_live_recording_snapshot (self->recording);
}

static void
activate_mark (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatLivePage *self = HAT_LIVE_PAGE (widget);
  if (self->recording && gtk_widget_get_sensitive (GTK_WIDGET (self->mark)))
    on_mark (self->mark, self);
}

static void
on_input (GtkEntry *entry, HatLivePage *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (entry));
  g_autofree char *echo = g_strconcat (text, "\n", NULL);
  hat_live_recording_send_input (self->recording, text);
  on_output (self->recording, echo, FALSE, self);
  gtk_editable_set_text (GTK_EDITABLE (entry), "");
}

static void
on_end_of_input (GtkEntry *entry, GtkEntryIconPosition position, HatLivePage *self)
{
  hat_live_recording_close_input (self->recording);
  set_input_sensitive (self, FALSE);
}

void
hat_live_page_set_recording (HatLivePage *self, HatLiveRecording *recording)
{
  g_return_if_fail (HAT_IS_LIVE_PAGE (self));
  if (self->recording)
    g_signal_handlers_disconnect_by_data (self->recording, self);
  g_clear_handle_id (&self->patience, g_source_remove);
  g_set_object (&self->recording, recording);
  g_set_object (&self->curve->recording, recording);
  hat_picture_invalidate (HAT_PICTURE (self->curve));
  if (recording == NULL)
    return;
  g_clear_object (&self->buffer);
  self->buffer = gtk_text_buffer_new (NULL);
  gtk_text_buffer_create_tag (self->buffer, "error", "foreground", "#c64600", NULL);
  gtk_text_buffer_create_tag (self->buffer, "plain", NULL);
  GtkTextIter start;
  gtk_text_buffer_get_start_iter (self->buffer, &start);
  gtk_text_buffer_create_mark (self->buffer, "end", &start, FALSE);
  gtk_text_view_set_buffer (self->output, self->buffer);
  gtk_button_set_label (self->end, "End Program");
  gtk_label_set_label (self->notice, "");
  gtk_widget_set_sensitive (GTK_WIDGET (self->skip), TRUE);
  self->end_by_force = FALSE;
  self->n_marks = 0;
  for (guint i = 0; i < N_COUNTERS; i++)
    gtk_label_set_label (self->counters[i], "–");
  g_signal_connect (recording, "status", G_CALLBACK (on_status), self);
  g_signal_connect (recording, "processes", G_CALLBACK (on_processes), self);
  g_signal_connect (recording, "output", G_CALLBACK (on_output), self);
  g_signal_connect (recording, "warning", G_CALLBACK (on_warning), self);
  update_buttons (self);
}

GtkTextBuffer *
hat_live_page_output (HatLivePage *self)
{
  return self->buffer;
}

static void
hat_live_page_dispose (GObject *object)
{
  HatLivePage *self = HAT_LIVE_PAGE (object);
  if (self->box)
    hat_live_page_set_recording (self, NULL);
  g_clear_pointer (&self->box, gtk_widget_unparent);
  g_clear_object (&self->buffer);
  G_OBJECT_CLASS (hat_live_page_parent_class)->dispose (object);
}

static void
hat_live_page_class_init (HatLivePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_live_page_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_install_action (widget_class, "live.mark", NULL, activate_mark);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_m, GDK_CONTROL_MASK, "live.mark", NULL);
}

static GtkWidget *
build_counters (HatLivePage *self)
{
  GtkWidget *flow = gtk_flow_box_new ();
  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (flow), GTK_SELECTION_NONE);
  gtk_flow_box_set_max_children_per_line (GTK_FLOW_BOX (flow), N_COUNTERS);
  gtk_flow_box_set_min_children_per_line (GTK_FLOW_BOX (flow), 2);
  gtk_flow_box_set_row_spacing (GTK_FLOW_BOX (flow), 6);
  gtk_flow_box_set_homogeneous (GTK_FLOW_BOX (flow), TRUE);
  for (guint i = 0; i < N_COUNTERS; i++)
    {
      GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *name = gtk_label_new (counter_names[i]);
      self->counters[i] = GTK_LABEL (gtk_label_new ("–"));
      gtk_widget_add_css_class (GTK_WIDGET (self->counters[i]), "title-3");
      gtk_widget_add_css_class (GTK_WIDGET (self->counters[i]), "numeric");
      gtk_widget_add_css_class (name, "caption");
      gtk_widget_add_css_class (name, "dim-label");
      gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->counters[i]));
      gtk_box_append (GTK_BOX (box), name);
      gtk_flow_box_append (GTK_FLOW_BOX (flow), box);
      gtk_widget_set_focusable (GTK_WIDGET (gtk_flow_box_get_child_at_index (GTK_FLOW_BOX (flow), i)), FALSE);
    }
  return flow;
}

static GtkButton *
add_button (GtkWidget *box, const char *label, const char *css_class, GCallback callback, HatLivePage *self)
{
  GtkWidget *button = gtk_button_new_with_label (label);
  gtk_widget_add_css_class (button, css_class);
  g_signal_connect (button, "clicked", callback, self);
  gtk_box_append (GTK_BOX (box), button);
  return GTK_BUTTON (button);
}

static GtkWidget *
build_buttons (HatLivePage *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6), *notice = gtk_label_new (NULL);
  self->stop = add_button (box, "Stop Recording", "suggested-action", G_CALLBACK (on_stop), self);
  self->end = add_button (box, "End Program", "destructive-action", G_CALLBACK (on_end), self);
  self->mark = add_button (box, "Mark", "flat", G_CALLBACK (on_mark), self);
  self->snapshot = add_button (box, "Snapshot", "flat", G_CALLBACK (on_snapshot), self);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->stop), "Record no more, let the program run on");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->end), "Ask the program to end");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->snapshot),
                               "See what points to what: the program stands still for a moment, and a call in it may return early");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->mark), "Set a mark in the timeline (Ctrl+M)");
  self->notice = GTK_LABEL (notice);
  gtk_label_set_ellipsize (self->notice, PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign (self->notice, 0);
  gtk_widget_set_hexpand (notice, TRUE);
  gtk_widget_set_margin_start (notice, 12);
  gtk_box_append (GTK_BOX (box), notice);
  return box;
}

static GtkWidget *
build_finishing (HatLivePage *self)
{
  GtkWidget *revealer = gtk_revealer_new (), *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12),
            *label = gtk_label_new (NULL), *bar = gtk_progress_bar_new ();
  gtk_widget_set_hexpand (bar, TRUE);
  gtk_widget_set_valign (bar, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (bar), GTK_ACCESSIBLE_PROPERTY_LABEL, "Finishing the trace", -1);
  gtk_box_append (GTK_BOX (box), label);
  gtk_box_append (GTK_BOX (box), bar);
  self->skip = add_button (box, "Skip Symbols", "flat", G_CALLBACK (on_skip), self);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->skip), "Finish now: functions not named yet stay addresses");
  gtk_revealer_set_child (GTK_REVEALER (revealer), box);
  self->finishing = GTK_REVEALER (revealer);
  self->finishing_label = GTK_LABEL (label);
  self->finishing_bar = GTK_PROGRESS_BAR (bar);
  return revealer;
}

static GtkWidget *
build_output (HatLivePage *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6), *scroller = gtk_scrolled_window_new ();
  self->output = GTK_TEXT_VIEW (gtk_text_view_new ());
  gtk_text_view_set_editable (self->output, FALSE);
  gtk_text_view_set_monospace (self->output, TRUE);
  gtk_text_view_set_wrap_mode (self->output, GTK_WRAP_CHAR);
  gtk_widget_add_css_class (GTK_WIDGET (self->output), "output");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->output), GTK_ACCESSIBLE_PROPERTY_LABEL, "Output of the program",
                                  -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->output));
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), 80);
  gtk_widget_set_vexpand (scroller, TRUE);
  gtk_widget_add_css_class (scroller, "card");
  self->input = GTK_ENTRY (gtk_entry_new ());
  gtk_entry_set_placeholder_text (self->input, "Input for the program");
  gtk_entry_set_icon_from_icon_name (self->input, GTK_ENTRY_ICON_SECONDARY, "object-select-symbolic");
  gtk_entry_set_icon_tooltip_text (self->input, GTK_ENTRY_ICON_SECONDARY, "End of input");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->input), GTK_ACCESSIBLE_PROPERTY_LABEL, "Input for the program",
                                  -1);
  g_signal_connect (self->input, "activate", G_CALLBACK (on_input), self);
  g_signal_connect (self->input, "icon-press", G_CALLBACK (on_end_of_input), self);
  gtk_box_append (GTK_BOX (box), scroller);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->input));
  gtk_widget_add_css_class (box, "live-pane");
  return box;
}

static void
hat_live_page_init (HatLivePage *self)
{
  GtkWidget *top = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  self->curve = g_object_new (HAT_TYPE_LIVE_CURVE, NULL);
  gtk_widget_add_css_class (top, "live-pane");
  gtk_box_append (GTK_BOX (top), GTK_WIDGET (self->curve));
  gtk_box_append (GTK_BOX (top), build_counters (self));
  gtk_box_append (GTK_BOX (top), build_buttons (self));
  gtk_box_append (GTK_BOX (top), build_finishing (self));
  self->box = gtk_paned_new (GTK_ORIENTATION_VERTICAL);
  gtk_paned_set_start_child (GTK_PANED (self->box), top);
  gtk_paned_set_end_child (GTK_PANED (self->box), build_output (self));
  gtk_paned_set_shrink_start_child (GTK_PANED (self->box), FALSE);
  gtk_paned_set_shrink_end_child (GTK_PANED (self->box), FALSE);
  gtk_widget_set_parent (self->box, GTK_WIDGET (self));
}

GtkWidget *
hat_live_page_new (void)
{
  return g_object_new (HAT_TYPE_LIVE_PAGE, NULL);
}
