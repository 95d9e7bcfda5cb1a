/* SPDX-License-Identifier: Apache-2.0 */
/* The inspector. */

#include "ui/views/inspector.h"

#include <adwaita.h>
#include <gtksourceview/gtksource.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/report/type-counts.h"
#include "ui/views/graph-facts.h"
#include "ui/views/page.h"

#define MOST_FRAMES 256u
#define LAYOUT_MS 50
#define MOST_SOURCE_BYTES (4u << 20)

struct _HatInspector
{
  GtkWidget parent_instance;
  GtkWidget *box;
  GtkStack *stack;
  GtkLabel *title, *facts;
  GtkListBox *frames;
  GtkLabel *source_title;
  GtkSourceView *source;
  GtkWidget *source_box;
  HatViewState *state;
  guint line, reveal; /* the line to show, and the source that will */
};

G_DEFINE_FINAL_TYPE (HatInspector, hat_inspector, GTK_TYPE_WIDGET)

/* ---- source ---- */

static void
on_style_changed (AdwStyleManager *style, GParamSpec *pspec, HatInspector *self)
{
  GtkSourceStyleSchemeManager *schemes = gtk_source_style_scheme_manager_get_default ();
  const char *name = adw_style_manager_get_dark (style) ? "Adwaita-dark" : "Adwaita";
  GtkSourceBuffer *buffer = GTK_SOURCE_BUFFER (gtk_text_view_get_buffer (GTK_TEXT_VIEW (self->source)));
  gtk_source_buffer_set_style_scheme (buffer, gtk_source_style_scheme_manager_get_scheme (schemes, name));
}

/* After the view has been laid out: before that, it does not know where its lines are. */
static gboolean
reveal_line (gpointer data)
{
  HatInspector *self = data;
  guint line = self->line;
  self->reveal = 0;
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (self->source));
  GtkTextIter at;
  gtk_text_buffer_get_iter_at_line (buffer, &at, line - 1);
  gtk_text_buffer_place_cursor (buffer, &at);
  GtkTextMark *mark = gtk_text_buffer_get_insert (buffer);
  gtk_text_view_scroll_to_mark (GTK_TEXT_VIEW (self->source), mark, 0, TRUE, 0, 0.4);
  return G_SOURCE_REMOVE;
}

static void
show_source (HatInspector *self, const HatStackFrame *frame)
{
  g_autofree char *text = NULL;
  gsize length = 0;
  g_autofree char *place = frame->file ? g_strdup_printf ("%s:%u", frame->file, frame->line) : NULL;
  if (frame->file == NULL || frame->line == 0)
    {
      gtk_label_set_label (self->source_title,
                           frame->module && *frame->module ? frame->module : "No source line is known");
      gtk_widget_set_visible (self->source_box, FALSE);
      return;
    }
  gtk_label_set_label (self->source_title, place);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->source_title), place);
  gboolean is_there = g_file_get_contents (frame->file, &text, &length, NULL) && length < MOST_SOURCE_BYTES
                      && g_utf8_validate (text, length, NULL);
  gtk_widget_set_visible (self->source_box, is_there);
  if (!is_there)
    return;
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (self->source));
  GtkSourceLanguage *language
      = gtk_source_language_manager_guess_language (gtk_source_language_manager_get_default (), frame->file, NULL);
  gtk_source_buffer_set_language (GTK_SOURCE_BUFFER (buffer), language);
  gtk_text_buffer_set_text (buffer, text, length);
  self->line = frame->line;
  if (self->reveal == 0)
    self->reveal = g_timeout_add_full (G_PRIORITY_LOW, LAYOUT_MS, reveal_line, self, NULL);
}

static void
on_frame_selected (GtkListBox *list, GtkListBoxRow *row, HatInspector *self)
{
  guint n;
  const HatSelection *selection = hat_view_state_selection (self->state);
  if (row == NULL || selection->kind == HAT_SELECTED_NOTHING)
    return;
  HatTrace *trace = hat_heap_trace (hat_view_state_get (self->state)->heap);
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, selection->stack, &n);
  guint i = gtk_list_box_row_get_index (row);
  if (i < n)
    show_source (self, &frames[i]);
}

/* ---- stack ---- */

static GtkWidget *
frame_label (const char *text, const char *css_class)
{
  GtkWidget *label = hat_line_new (text, css_class);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_MIDDLE);
  return label;
}

static GtkWidget *
build_frame (const HatStackFrame *frame, gboolean is_own)
{
  GtkWidget *row = gtk_list_box_row_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  g_autofree char *function = hat_format_function (frame->function, 120);
  g_autofree char *file = g_path_get_basename (frame->file ? frame->file : frame->module ? frame->module : "");
  g_autofree char *place = frame->file && frame->line
                               ? g_strdup_printf ("%s:%u%s", file, frame->line, frame->is_inline ? ", inlined" : "")
                               : g_strdup (file);
  gtk_box_append (GTK_BOX (box), frame_label (function, is_own ? "heading" : NULL));
  GtkWidget *where = frame_label (place, "caption");
  gtk_widget_add_css_class (where, "dim-label");
  gtk_box_append (GTK_BOX (box), where);
  gtk_widget_add_css_class (box, "frame-row");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_widget_set_tooltip_text (row, frame->function);
  g_autofree char *label = g_strdup_printf ("%s, %s", function, place);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return row;
}

static void
show_stack (HatInspector *self, HatTrace *trace, HatStackId stack)
{
  GtkWidget *child;
  guint n, own = 0;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->frames))))
    gtk_list_box_remove (self->frames, child);
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n);
  const char *function = hat_stack_function (trace, stack);
  for (guint i = 0; i < n && own == 0; i++)
    if (g_strcmp0 (frames[i].function, function) == 0)
      own = i;
  for (guint i = 0; i < MIN (n, MOST_FRAMES); i++)
    gtk_list_box_append (self->frames, build_frame (&frames[i], i == own));
  gtk_list_box_select_row (self->frames, gtk_list_box_get_row_at_index (self->frames, own));
}

/* ---- what it is ---- */

static char *
block_facts (HatHeap *heap, const HatQuestion *now, const HatBlock *block)
{
  g_autofree char *address = hat_format_address (block->address), *size = hat_format_bytes (block->size);
  g_autofree char *birth = hat_format_time (block->birth_ns),
                  *age = hat_format_time (MAX (0, now->cursor_ns - block->birth_ns));
  guint n;
  const HatThread *threads = hat_trace_threads (hat_heap_trace (heap), hat_heap_process (heap), &n);
  const char *thread = block->thread < n && threads[block->thread].name ? threads[block->thread].name : "unknown";
  g_autofree char *stands_for = hat_stands_for_words (heap, block->size);
  guint64 n_elements;
  const char *name = hat_block_type_name (hat_heap_trace (heap), block, &n_elements);
  const HatBlockType *known = name ? hat_trace_stack_type (hat_heap_trace (heap), block->stack) : NULL;
  g_autofree char *count = hat_format_count (n_elements), *shown = name ? hat_format_function (name, 120) : NULL;
  g_autofree char *type = !name              ? g_strdup ("")
                          : n_elements == 1 ? g_strdup_printf ("%s (%s)\n", shown, known->words)
                                            : g_strdup_printf ("%s %s (%s)\n", count, shown, known->words);
  return g_strdup_printf ("%sBlock at %s\n%s%s%s\nAllocated at %s, %s old at the cursor\nThread %s", type, address, size,
                          stands_for ? ", " : "", stands_for ? stands_for : "", birth, age, thread);
}

static char *
stacks_facts (HatHeap *heap, GHashTable *stacks)
{
  const HatSummary *summary = hat_heap_summary (heap);
  const HatSites *estimates = hat_heap_estimates (heap);
  HatSite sum = { 0 };
  HatSiteVariance variance = { 0 };
  for (guint i = 0; i < summary->n_sites; i++)
    {
      const HatSite *site = &summary->sites[i];
      if (!g_hash_table_contains (stacks, GUINT_TO_POINTER (site->stack)))
        continue;
      sum.allocations += site->allocations;
      sum.bytes += site->bytes;
      sum.live_blocks += site->live_blocks;
      sum.live_bytes += site->live_bytes;
      sum.peak_bytes += site->peak_bytes;
      sum.temporary += site->temporary;
      if (estimates == NULL)
        continue;
      variance.allocations += estimates->variances[i].allocations;
      variance.bytes += estimates->variances[i].bytes;
      variance.live_blocks += estimates->variances[i].live_blocks;
      variance.live_bytes += estimates->variances[i].live_bytes;
      variance.peak_bytes += estimates->variances[i].peak_bytes;
    }
  g_autofree char *allocations = hat_format_count_within (sum.allocations, hat_error_of (variance.allocations));
  g_autofree char *bytes = hat_format_bytes_within (sum.bytes, hat_error_of (variance.bytes));
  g_autofree char *live = hat_format_bytes_within (sum.live_bytes, hat_error_of (variance.live_bytes));
  g_autofree char *blocks = hat_format_count_within (sum.live_blocks, hat_error_of (variance.live_blocks));
  g_autofree char *peak = hat_format_bytes_within (sum.peak_bytes, hat_error_of (variance.peak_bytes));
  g_autofree char *temporary = hat_format_count (sum.temporary);
  return g_strdup_printf ("%s allocations, %s in all\n%s at the peak\n%s in %s blocks at the end\n%s temporary",
                          allocations, bytes, peak, live, blocks, estimates ? "not known how many" : temporary);
}

static void
show_selection (HatInspector *self)
{
  const HatSelection *selection = hat_view_state_selection (self->state);
  const HatQuestion *now = hat_view_state_get (self->state);
  if (selection->kind == HAT_SELECTED_NOTHING || now->heap == NULL)
    {
      hat_stack_show (self->stack, "empty");
      return;
    }
  g_autofree char *title = hat_format_function (selection->function ? selection->function : "", 160);
  g_autofree char *facts = selection->kind == HAT_SELECTED_BLOCK ? block_facts (now->heap, now, &selection->block)
                                                                 : stacks_facts (now->heap, selection->stacks);
  gtk_label_set_label (self->title, title);
  gtk_label_set_label (self->facts, facts);
  show_stack (self, hat_heap_trace (now->heap), selection->stack);
  hat_stack_show (self->stack, "selection");
}

static void
on_state_changed (HatViewState *state, guint changes, HatInspector *self)
{
  if (changes & (HAT_CHANGED_SELECTION | HAT_CHANGED_HEAP))
    show_selection (self);
}

static GtkWidget *
build_empty (void)
{
  GtkWidget *page = adw_status_page_new ();
  adw_status_page_set_icon_name (ADW_STATUS_PAGE (page), "find-location-symbolic");
  adw_status_page_set_title (ADW_STATUS_PAGE (page), "Nothing Selected");
  adw_status_page_set_description (ADW_STATUS_PAGE (page),
                                   "Select a function, a block or a leak candidate to see its stack and its source.");
  gtk_widget_add_css_class (page, "compact");
  return page;
}

static void
build_source (HatInspector *self)
{
  GtkWidget *scroller = gtk_scrolled_window_new ();
  self->source = GTK_SOURCE_VIEW (gtk_source_view_new ());
  gtk_text_view_set_editable (GTK_TEXT_VIEW (self->source), FALSE);
  gtk_text_view_set_monospace (GTK_TEXT_VIEW (self->source), TRUE);
  gtk_text_view_set_cursor_visible (GTK_TEXT_VIEW (self->source), FALSE);
  gtk_source_view_set_show_line_numbers (self->source, TRUE);
  gtk_source_view_set_highlight_current_line (self->source, TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->source), GTK_ACCESSIBLE_PROPERTY_LABEL, "Source", -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->source));
  gtk_widget_set_vexpand (scroller, TRUE);
  self->source_box = scroller;
  gtk_widget_set_size_request (scroller, -1, 130);
  g_signal_connect_object (adw_style_manager_get_default (), "notify::dark", G_CALLBACK (on_style_changed), self, 0);
  on_style_changed (adw_style_manager_get_default (), NULL, self);
}

static GtkWidget *
build_selection (HatInspector *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *scroller = gtk_scrolled_window_new (),
            *list_box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  self->title = GTK_LABEL (frame_label (NULL, "title-4"));
  gtk_label_set_wrap (self->title, TRUE);
  gtk_label_set_wrap_mode (self->title, PANGO_WRAP_WORD_CHAR);
  gtk_label_set_ellipsize (self->title, PANGO_ELLIPSIZE_NONE);
  self->facts = GTK_LABEL (frame_label (NULL, "numeric"));
  gtk_label_set_wrap (self->facts, TRUE);
  gtk_label_set_ellipsize (self->facts, PANGO_ELLIPSIZE_NONE);
  GtkWidget *by = frame_label ("Allocated by", "heading");
  self->frames = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_widget_add_css_class (GTK_WIDGET (self->frames), "boxed-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->frames), GTK_ACCESSIBLE_PROPERTY_LABEL, "Stack", -1);
  g_signal_connect (self->frames, "row-selected", G_CALLBACK (on_frame_selected), self);
  gtk_box_append (GTK_BOX (list_box), GTK_WIDGET (self->title));
  gtk_box_append (GTK_BOX (list_box), GTK_WIDGET (self->facts));
  gtk_box_append (GTK_BOX (list_box), by);
  gtk_box_append (GTK_BOX (list_box), GTK_WIDGET (self->frames));
  gtk_box_append (GTK_BOX (list_box), hat_graph_facts_new (self->state));
  gtk_widget_add_css_class (list_box, "inspector-list");
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), list_box);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), 120);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_widget_set_vexpand (scroller, TRUE);
  self->source_title = GTK_LABEL (frame_label (NULL, "caption-heading"));
  gtk_label_set_ellipsize (self->source_title, PANGO_ELLIPSIZE_START);
  gtk_label_set_selectable (self->source_title, FALSE);
  gtk_widget_add_css_class (GTK_WIDGET (self->source_title), "source-title");
  build_source (self);
  gtk_box_append (GTK_BOX (box), scroller);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->source_title));
  gtk_box_append (GTK_BOX (box), self->source_box);
  return box;
}

static void
hat_inspector_dispose (GObject *object)
{
  HatInspector *self = HAT_INSPECTOR (object);
  g_clear_handle_id (&self->reveal, g_source_remove);
  g_clear_pointer (&self->box, gtk_widget_unparent);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_inspector_parent_class)->dispose (object);
}

static void
hat_inspector_class_init (HatInspectorClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_inspector_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_accessible_role (GTK_WIDGET_CLASS (klass), GTK_ACCESSIBLE_ROLE_REGION);
}

static void
hat_inspector_init (HatInspector *self)
{
}

GtkWidget *
hat_inspector_new (HatViewState *state)
{
  HatInspector *self = g_object_new (HAT_TYPE_INSPECTOR, NULL);
  self->state = g_object_ref (state);
  self->stack = GTK_STACK (gtk_stack_new ());
  gtk_stack_add_named (self->stack, build_empty (), "empty");
  gtk_stack_add_named (self->stack, build_selection (self), "selection");
  hat_stack_show (self->stack, "empty");
  self->box = GTK_WIDGET (self->stack);
  gtk_widget_set_parent (self->box, GTK_WIDGET (self));
  gtk_widget_set_size_request (GTK_WIDGET (self), 300, -1);
  gtk_widget_add_css_class (GTK_WIDGET (self), "inspector");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Inspector", -1);
  g_signal_connect_object (state, "changed", G_CALLBACK (on_state_changed), self, 0);
  return GTK_WIDGET (self);
}
