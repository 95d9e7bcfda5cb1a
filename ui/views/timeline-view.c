/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline widget. */

#include "ui/views/timeline-view.h"

#include <math.h>

#include "ui/draw/timeline-paint.h"
#include "ui/views/query.h"

#define CLICK_PX 4.0                 /* a press that moves less is a click */
#define GRAB_PX 6.0                  /* the cursor can be dragged from this near */
#define ZOOM_STEP 1.25               /* per wheel click */
#define PAN_STEP 0.1                 /* of the visible range, per wheel click */
#define MIN_RANGE_NS 1000            /* closer than single events there is nothing to see */
#define BANDS_PATIENCE_MS 80         /* bands that take longer are preceded by the plain curve */
#define PLAY_NS (8 * G_USEC_PER_SEC) /* playing the visible range takes this many microseconds */

typedef enum
{
  DRAG_NOTHING,
  DRAG_CURSOR,
  DRAG_RANGE,
} Drag;

struct _HatTimelineView
{
  HatPicture parent_instance;
  HatViewState *state;
  HatQuery *curve_query, *bands_query;
  guint patience; /* source that shows the plain curve meanwhile */
  HatTimeline *timeline;
  HatTimeline *curve; /* waiting for its turn */
  HatTimelineLayout *layout;
  HatRange shown;
  guint asked_bins; /* of the timeline that is asked for */
  gint isolated_band, selected_band;
  double press_x;
  Drag drag;
  guint play_tick;
  gint64 played_us;
};

G_DEFINE_FINAL_TYPE (HatTimelineView, hat_timeline_view, HAT_TYPE_PICTURE)

static const HatQuestion *
now (HatTimelineView *self)
{
  return hat_view_state_get (self->state);
}

static HatRange
whole (HatTimelineView *self)
{
  return (HatRange){ hat_heap_start (now (self)->heap), hat_heap_end (now (self)->heap) };
}

/* ---- data ---- */

typedef struct
{
  HatRange range;
  guint n_bins;
} Window;

static gpointer
query_curve (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  const Window *window = extra;
  return hat_heap_timeline (question->heap, window->range, window->n_bins, HAT_BY_NONE, progress, error);
}

static gpointer
query_bands (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  const Window *window = extra;
  return hat_heap_timeline (question->heap, window->range, window->n_bins, question->by, progress, error);
}

/* The band that all of what is selected belongs to, or -1. */
static gint
find_selected_band (HatTimelineView *self)
{
  const HatSelection *selection = hat_view_state_selection (self->state);
  const HatTimeline *timeline = self->timeline;
  GHashTableIter iter;
  gpointer stack;
  const char *name = NULL;
  if (selection->kind == HAT_SELECTED_NOTHING || timeline == NULL)
    return -1;
  HatTrace *trace = hat_heap_trace (now (self)->heap);
  gboolean is_by_function = timeline->by == HAT_BY_FUNCTION, is_by_module = timeline->by == HAT_BY_MODULE;
  g_hash_table_iter_init (&iter, selection->stacks);
  while ((is_by_function || is_by_module) && g_hash_table_iter_next (&iter, &stack, NULL))
    {
      HatStackId id = GPOINTER_TO_UINT (stack);
      const char *own = is_by_function ? hat_stack_function (trace, id) : hat_stack_module (trace, id);
      if (name && g_strcmp0 (name, own) != 0)
        return -1;
      name = own;
    }
  for (guint i = 0; i < timeline->n_bands; i++)
    if (name ? g_strcmp0 (timeline->bands[i].label, name) == 0
             : timeline->by == HAT_BY_SITE && timeline->bands[i].key == selection->stack)
      return i;
  return -1;
}

static void
take_timeline (HatTimelineView *self, HatTimeline *timeline)
{
  g_clear_handle_id (&self->patience, g_source_remove);
  g_clear_pointer (&self->layout, hat_timeline_layout_free);
  g_clear_pointer (&self->timeline, hat_timeline_free);
  self->timeline = timeline;
  self->selected_band = find_selected_band (self);
  g_autofree char *summary = hat_timeline_summary (timeline);
  hat_picture_set_summary (HAT_PICTURE (self), summary);
  hat_picture_invalidate (HAT_PICTURE (self));
}

static gboolean
on_out_of_patience (gpointer data)
{
  HatTimelineView *self = data;
  self->patience = 0;
  if (self->curve)
    take_timeline (self, g_steal_pointer (&self->curve));
  return G_SOURCE_REMOVE;
}

static void
on_curve (gpointer owner, gpointer answer, const GError *error)
{
  HatTimelineView *self = owner;
  g_clear_pointer (&self->curve, hat_timeline_free);
  if (answer == NULL)
    return;
  self->curve = answer;
  gboolean bands_are_coming = hat_query_is_busy (self->bands_query);
  if (!bands_are_coming && now (self)->by == HAT_BY_NONE)
    take_timeline (self, g_steal_pointer (&self->curve));
  else if (bands_are_coming && self->patience == 0)
    self->patience = g_timeout_add (BANDS_PATIENCE_MS, on_out_of_patience, self);
}

static void
on_bands (gpointer owner, gpointer answer, const GError *error)
{
  HatTimelineView *self = owner;
  if (answer == NULL)
    {
      if (self->curve)
        take_timeline (self, g_steal_pointer (&self->curve));
      return;
    }
  g_clear_pointer (&self->curve, hat_timeline_free);
  take_timeline (self, answer);
}

static const HatQueryKind curve_kind = { query_curve, on_curve, (GDestroyNotify) hat_timeline_free, g_free };
static const HatQueryKind bands_kind = { query_bands, on_bands, (GDestroyNotify) hat_timeline_free, g_free };

static void
ask (HatTimelineView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  if (now (self)->heap == NULL || gtk_widget_get_width (widget) <= 0)
    return;
  guint n_bins = hat_timeline_layout_bins (gtk_widget_get_width (widget), gtk_widget_get_height (widget));
  Window window = { self->shown, MAX (n_bins, 16) };
  self->asked_bins = window.n_bins;
  if (now (self)->by != HAT_BY_NONE)
    hat_query_run (self->bands_query, &bands_kind, hat_view_state_ask (self->state),
                   g_memdup2 (&window, sizeof window));
  else
    hat_query_cancel (self->bands_query);
  hat_query_run (self->curve_query, &curve_kind, hat_view_state_ask (self->state), g_memdup2 (&window, sizeof window));
}

static void
show_range (HatTimelineView *self, double from, double to)
{
  HatRange all = whole (self);
  double length = CLAMP (to - from, MIN_RANGE_NS, (double) (all.to - all.from));
  from = CLAMP (from, (double) all.from, MAX ((double) all.from, all.to - length));
  HatRange range = { (gint64) from, (gint64) (from + length) };
  range.to = MAX (range.to, range.from + 1);
  if (range.from == self->shown.from && range.to == self->shown.to)
    return;
  self->shown = range;
  ask (self);
}

static void
zoom (HatTimelineView *self, double factor, gint64 around)
{
  double before = around - self->shown.from, after = self->shown.to - around;
  show_range (self, around - before * factor, around + after * factor);
}

static void
pan (HatTimelineView *self, double share)
{
  double by = (self->shown.to - self->shown.from) * share;
  show_range (self, self->shown.from + by, self->shown.to + by);
}

/* ---- picture ---- */

static gboolean
hat_timeline_view_lay_out (HatPicture *picture, double width, double height)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (picture);
  g_clear_pointer (&self->layout, hat_timeline_layout_free);
  if (self->timeline == NULL || now (self)->heap == NULL)
    return FALSE;
  HatHeap *heap = now (self)->heap;
  HatTimelineInput input
      = { .timeline = self->timeline,
          .colors = now (self)->colors,
          .has_legend = TRUE,
          .isolated_band = self->isolated_band < (gint) self->timeline->n_bands ? self->isolated_band : -1 };
  input.marks = hat_trace_marks (hat_heap_trace (heap), hat_heap_process (heap), &input.n_marks);
  input.snapshots = hat_trace_snapshots (hat_heap_trace (heap), hat_heap_process (heap), &input.n_snapshots);
  input.samples = hat_trace_samples (hat_heap_trace (heap), hat_heap_process (heap), &input.n_samples);
  self->layout = hat_timeline_layout_new (&input, width, height);
  return TRUE;
}

static void
hat_timeline_view_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_timeline_paint (HAT_TIMELINE_VIEW (picture)->layout, palette, cr);
}

static void
hat_timeline_view_paint_overlay (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (picture);
  double x = -1, y = -1;
  gboolean has_pointer = hat_picture_get_pointer (picture, &x, &y);
  HatTimelineOverlay overlay = { .cursor_ns = now (self)->cursor_ns,
                                 .selected = now (self)->range,
                                 .highlight_band = self->selected_band,
                                 .hover_x = has_pointer && hat_rect_has (&self->layout->plot, x, y) ? x : -1 };
  hat_timeline_paint_overlay (self->layout, palette, &overlay, cr);
}

static char *
hat_timeline_view_describe_at (HatPicture *picture, double x, double y)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (picture);
  HatTimelineHit hit;
  if (!hat_timeline_layout_hit (self->layout, x, y, &hit))
    return NULL;
  return hat_timeline_hit_text (self->layout, &hit);
}

/* ---- pointer ---- */

static gint64
time_at (HatTimelineView *self, double x)
{
  return hat_timeline_layout_time (self->layout, x);
}

static void
on_drag_begin (GtkGestureDrag *gesture, double x, double y, HatTimelineView *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  self->press_x = x;
  self->drag = DRAG_NOTHING;
  if (self->layout && fabs (hat_timeline_layout_x (self->layout, now (self)->cursor_ns) - x) < GRAB_PX)
    self->drag = DRAG_CURSOR;
}

static void
on_drag_update (GtkGestureDrag *gesture, double dx, double dy, HatTimelineView *self)
{
  if (self->layout == NULL)
    return;
  if (self->drag == DRAG_NOTHING && fabs (dx) > CLICK_PX)
    self->drag = DRAG_RANGE;
  if (self->drag == DRAG_NOTHING)
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gint64 from = time_at (self, self->press_x), to = time_at (self, self->press_x + dx);
  if (self->drag == DRAG_CURSOR)
    hat_view_state_set_cursor (self->state, to);
  else
    hat_view_state_set_range (self->state, (HatRange){ MIN (from, to), MAX (from, to) });
}

static void
click_legend (HatTimelineView *self, gint item)
{
  guint64 key = self->layout->legend.items[item].key;
  if (key >= self->timeline->n_bands)
    return;
  self->isolated_band = self->isolated_band == (gint) key ? -1 : (gint) key;
  hat_picture_invalidate (HAT_PICTURE (self));
}

static void
on_click (GtkGestureClick *gesture, int n_press, double x, double y, HatTimelineView *self)
{
  HatTimelineHit hit;
  if (self->layout == NULL || self->drag == DRAG_RANGE || fabs (x - self->press_x) > CLICK_PX
      || !hat_timeline_layout_hit (self->layout, x, y, &hit))
    return;
  if (hit.legend_item >= 0)
    click_legend (self, hit.legend_item);
  else if (n_press == 2)
    {
      HatRange all = whole (self);
      hat_view_state_set_range (self->state, (HatRange){ 0, 0 });
      show_range (self, all.from, all.to);
    }
  else
    {
      HatRange range = now (self)->range;
      gint64 time
          = hit.flag >= 0 ? self->layout->flags[hit.flag].time_ns : time_at (self, x);
      if (time < range.from || time > range.to)
        hat_view_state_set_range (self->state, (HatRange){ 0, 0 });
      hat_view_state_set_cursor (self->state, time);
    }
}

static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, HatTimelineView *self)
{
  double x, y;
  if (self->layout == NULL || !hat_picture_get_pointer (HAT_PICTURE (self), &x, &y))
    return GDK_EVENT_PROPAGATE;
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (scroll));
  if (state & GDK_SHIFT_MASK)
    pan (self, (dx + dy) * PAN_STEP);
  else if (fabs (dx) > fabs (dy))
    pan (self, dx * PAN_STEP);
  else
    zoom (self, pow (ZOOM_STEP, dy), time_at (self, x));
  return GDK_EVENT_STOP;
}

/* ---- actions ---- */

static void
reveal_cursor (HatTimelineView *self)
{
  gint64 cursor = now (self)->cursor_ns, length = self->shown.to - self->shown.from;
  if (cursor < self->shown.from || cursor > self->shown.to)
    show_range (self, cursor - length / 2.0, cursor + length / 2.0);
}

/* One pixel, or one event where events are further apart than pixels. */
static void
step (HatTimelineView *self, gint direction)
{
  double pixel = (self->shown.to - self->shown.from) / MAX (100.0, gtk_widget_get_width (GTK_WIDGET (self)));
  gint64 cursor = now (self)->cursor_ns;
  gint64 event = hat_heap_step (now (self)->heap, cursor, direction);
  gint64 next = cursor + direction * (gint64) MAX (1, pixel);
  hat_view_state_set_cursor (self->state, direction > 0 ? MAX (event, next) : MIN (event, next));
  reveal_cursor (self);
}

static gboolean
on_play_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (widget);
  gint64 time_us = gdk_frame_clock_get_frame_time (clock);
  double passed = self->played_us ? time_us - self->played_us : 0;
  gint64 next = now (self)->cursor_ns + (gint64) ((self->shown.to - self->shown.from) * passed / PLAY_NS);
  self->played_us = time_us;
  hat_view_state_set_cursor (self->state, MIN (next, self->shown.to));
  if (next < self->shown.to)
    return G_SOURCE_CONTINUE;
  self->play_tick = 0;
  return G_SOURCE_REMOVE;
}

static void
toggle_play (HatTimelineView *self)
{
  if (self->play_tick)
    {
      gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->play_tick);
      self->play_tick = 0;
      return;
    }
  self->played_us = 0;
  if (now (self)->cursor_ns >= self->shown.to)
    hat_view_state_set_cursor (self->state, self->shown.from);
  self->play_tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_play_tick, NULL, NULL);
}

static void
set_range_end (HatTimelineView *self, gboolean is_end)
{
  HatRange range = hat_question_range (now (self));
  if (is_end)
    range.to = now (self)->cursor_ns;
  else
    range.from = now (self)->cursor_ns;
  hat_view_state_set_range (self->state, range);
}

static void
activate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (widget);
  if (now (self)->heap == NULL)
    return;
  HatRange all = whole (self);
  const char *what = name + strlen ("timeline.");
  if (g_str_equal (what, "zoom-in"))
    zoom (self, 1 / (ZOOM_STEP * ZOOM_STEP), now (self)->cursor_ns);
  else if (g_str_equal (what, "zoom-out"))
    zoom (self, ZOOM_STEP * ZOOM_STEP, now (self)->cursor_ns);
  else if (g_str_equal (what, "zoom-to-range") && hat_question_has_range (now (self)))
    show_range (self, now (self)->range.from, now (self)->range.to);
  else if (g_str_equal (what, "fit"))
    show_range (self, all.from, all.to);
  else if (g_str_equal (what, "pan-left"))
    pan (self, -PAN_STEP);
  else if (g_str_equal (what, "pan-right"))
    pan (self, PAN_STEP);
  else if (g_str_equal (what, "step-back"))
    step (self, -1);
  else if (g_str_equal (what, "step"))
    step (self, 1);
  else if (g_str_equal (what, "cursor-to-start"))
    hat_view_state_set_cursor (self->state, all.from);
  else if (g_str_equal (what, "cursor-to-end"))
    hat_view_state_set_cursor (self->state, all.to);
  else if (g_str_equal (what, "cursor-to-peak"))
    hat_view_state_set_cursor (self->state, hat_heap_summary (now (self)->heap)->totals.peak_time_ns);
  else if (g_str_equal (what, "range-from-cursor"))
    set_range_end (self, FALSE);
  else if (g_str_equal (what, "range-to-cursor"))
    set_range_end (self, TRUE);
  else if (g_str_equal (what, "range-shown"))
    hat_view_state_set_range (self->state, self->shown);
  else if (g_str_equal (what, "range-clear"))
    hat_view_state_set_range (self->state, (HatRange){ 0, 0 });
  else if (g_str_equal (what, "play"))
    toggle_play (self);
}

/* ---- state ---- */

static void
on_state_changed (HatViewState *state, guint changes, HatTimelineView *self)
{
  if (changes & HAT_CHANGED_HEAP)
    {
      g_clear_pointer (&self->layout, hat_timeline_layout_free);
      g_clear_pointer (&self->timeline, hat_timeline_free);
      g_clear_pointer (&self->curve, hat_timeline_free);
      hat_query_cancel (self->curve_query);
      hat_query_cancel (self->bands_query);
      self->isolated_band = -1;
      if (now (self)->heap)
        self->shown = whole (self);
      hat_picture_invalidate (HAT_PICTURE (self));
    }
  if (changes & HAT_CHANGED_GROUPING)
    self->isolated_band = -1;
  if (changes & (HAT_CHANGED_SELECTION | HAT_CHANGED_HEAP))
    self->selected_band = find_selected_band (self);
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_GROUPING))
    ask (self);
  if (changes & HAT_CHANGED_CURSOR && now (self)->heap)
    {
      g_autofree char *at
          = hat_question_when (&(HatQuestion){ .cursor_ns = now (self)->cursor_ns, .cost = HAT_COST_LIVE });
      g_autofree char *label = g_strdup_printf ("Heap timeline, cursor %s", at);
      gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
    }
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
hat_timeline_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (widget);
  GTK_WIDGET_CLASS (hat_timeline_view_parent_class)->size_allocate (widget, width, height, baseline);
  if (self->asked_bins != MAX (hat_timeline_layout_bins (width, height), 16))
    ask (self);
}

static void
hat_timeline_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                           int *minimum_baseline, int *natural_baseline)
{
  gboolean is_vertical = orientation == GTK_ORIENTATION_VERTICAL;
  *minimum = is_vertical ? 48 : 120;
  *natural = is_vertical ? 180 : 600;
}

static void
hat_timeline_view_dispose (GObject *object)
{
  HatTimelineView *self = HAT_TIMELINE_VIEW (object);
  g_clear_handle_id (&self->patience, g_source_remove);
  g_clear_pointer (&self->curve_query, hat_query_free);
  g_clear_pointer (&self->bands_query, hat_query_free);
  g_clear_pointer (&self->layout, hat_timeline_layout_free);
  g_clear_pointer (&self->timeline, hat_timeline_free);
  g_clear_pointer (&self->curve, hat_timeline_free);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_timeline_view_parent_class)->dispose (object);
}

static const struct
{
  const char *name;
  guint key;
  GdkModifierType modifiers;
} bindings[] = {
  { "timeline.zoom-in", GDK_KEY_plus, 0 },
  { "timeline.zoom-in", GDK_KEY_KP_Add, 0 },
  { "timeline.zoom-out", GDK_KEY_minus, 0 },
  { "timeline.zoom-out", GDK_KEY_KP_Subtract, 0 },
  { "timeline.zoom-to-range", GDK_KEY_z, 0 },
  { "timeline.fit", GDK_KEY_0, 0 },
  { "timeline.pan-left", GDK_KEY_Left, GDK_SHIFT_MASK },
  { "timeline.pan-right", GDK_KEY_Right, GDK_SHIFT_MASK },
  { "timeline.step-back", GDK_KEY_Left, 0 },
  { "timeline.step", GDK_KEY_Right, 0 },
  { "timeline.cursor-to-start", GDK_KEY_Home, 0 },
  { "timeline.cursor-to-end", GDK_KEY_End, 0 },
  { "timeline.cursor-to-peak", GDK_KEY_p, 0 },
  { "timeline.range-from-cursor", GDK_KEY_bracketleft, 0 },
  { "timeline.range-to-cursor", GDK_KEY_bracketright, 0 },
  { "timeline.range-shown", GDK_KEY_r, 0 },
  { "timeline.range-clear", GDK_KEY_Escape, 0 },
  { "timeline.play", GDK_KEY_space, 0 },
};

static void
hat_timeline_view_class_init (HatTimelineViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_timeline_view_dispose;
  widget_class->size_allocate = hat_timeline_view_size_allocate;
  widget_class->measure = hat_timeline_view_measure;
  picture_class->lay_out = hat_timeline_view_lay_out;
  picture_class->paint = hat_timeline_view_paint;
  picture_class->paint_overlay = hat_timeline_view_paint_overlay;
  picture_class->describe_at = hat_timeline_view_describe_at;
  for (guint i = 0; i < G_N_ELEMENTS (bindings); i++)
    {
      if (i == 0 || !g_str_equal (bindings[i].name, bindings[i - 1].name))
        gtk_widget_class_install_action (widget_class, bindings[i].name, NULL, activate);
      gtk_widget_class_add_binding_action (widget_class, bindings[i].key, bindings[i].modifiers, bindings[i].name,
                                           NULL);
    }
}

static void
hat_timeline_view_init (HatTimelineView *self)
{
  self->curve_query = hat_query_new (self);
  self->bands_query = hat_query_new (self);
  hat_query_set_rank (self->bands_query, 1); /* the curve is there already */
  self->isolated_band = -1;
  GtkGesture *drag = gtk_gesture_drag_new (), *click = gtk_gesture_click_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_drag_update), self);
  g_signal_connect (click, "released", G_CALLBACK (on_click), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  gtk_gesture_group (drag, click);
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Heap timeline", -1);
}

GtkWidget *
hat_timeline_view_new (HatViewState *state)
{
  HatTimelineView *self = g_object_new (HAT_TYPE_TIMELINE_VIEW, NULL);
  self->state = g_object_ref (state);
  g_signal_connect_object (state, "changed", G_CALLBACK (on_state_changed), self, 0);
  return GTK_WIDGET (self);
}
