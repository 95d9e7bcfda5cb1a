/* SPDX-License-Identifier: Apache-2.0 */
/* The recording view. */

#include "ui/views/recording-page.h"

#include <string.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/symbols/symbols.h"

#define MOST_SNAPSHOTS 50u /* periodic ones may be thousands */

struct _HatRecordingPage
{
  HatPage parent_instance;
  GtkWidget *content; /* groups, one under the other */
  GPtrArray *groups;  /* those that belong to the present trace; borrowed */
  AdwPreferencesGroup *output_group;
  GtkTextView *output;
};

G_DEFINE_FINAL_TYPE (HatRecordingPage, hat_recording_page, HAT_TYPE_PAGE)

static guint process_signal;

/* ---- what modules can tell: files are opened, so in a worker ---- */

typedef struct
{
  char *path, *advice;
  HatSymbolsLevel level;
} ModuleQuality;

static void
free_quality (gpointer data)
{
  ModuleQuality *quality = data;
  g_free (quality->path);
  g_free (quality->advice);
  g_free (quality);
}

static gpointer
query_modules (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  guint n;
  const HatModule *modules = hat_trace_modules (hat_heap_trace (question->heap), &n);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (free_quality);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++)
    {
      if (!hat_progress_tick (progress, (double) i / n, "looking at modules", error))
        return NULL;
      if (modules[i].path == NULL || !g_hash_table_add (seen, (gpointer) modules[i].path))
        continue;
      ModuleQuality *quality = g_new0 (ModuleQuality, 1);
      quality->path = g_strdup (modules[i].path);
      quality->level = hat_symbols_level (&modules[i], NULL, &quality->advice);
      g_ptr_array_add (found, quality);
    }
  return g_steal_pointer (&found);
}

/* ---- rows ---- */

static GtkWidget *
add_row (AdwPreferencesGroup *group, const char *title, const char *subtitle, const char *value)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *safe_title = g_markup_escape_text (title, -1),
                  *safe_subtitle = g_markup_escape_text (subtitle ? subtitle : "", -1);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), safe_title);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), safe_subtitle);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 3);
  if (value)
    {
      GtkWidget *label = gtk_label_new (value);
      gtk_label_set_xalign (GTK_LABEL (label), 1);
      gtk_label_set_justify (GTK_LABEL (label), GTK_JUSTIFY_RIGHT);
      gtk_label_set_selectable (GTK_LABEL (label), TRUE);
      gtk_widget_add_css_class (label, "dim-label");
      gtk_widget_add_css_class (label, "numeric");
      adw_action_row_add_suffix (ADW_ACTION_ROW (row), label);
    }
  adw_preferences_group_add (group, row);
  return row;
}

static AdwPreferencesGroup *
add_group (HatRecordingPage *self, const char *title, const char *text)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (group, title);
  adw_preferences_group_set_description (group, text);
  gtk_box_append (GTK_BOX (self->content), GTK_WIDGET (group));
  g_ptr_array_add (self->groups, group);
  return group;
}

static void
add_recording (HatRecordingPage *self, HatTrace *trace)
{
  AdwPreferencesGroup *group = add_group (self, "Recording", NULL);
  guint64 events = 0, lost = 0;
  for (guint i = 0; i < hat_trace_n_processes (trace); i++)
    {
      events += hat_trace_process (trace, i)->n_events;
      lost += hat_trace_process (trace, i)->lost_events;
    }
  g_autofree char *duration = hat_format_time (hat_trace_duration_ns (trace)),
                  *bytes = hat_format_bytes (hat_trace_bytes (trace));
  g_autofree char *event_count = hat_format_count (events), *lost_count = hat_format_count (lost);
  g_autofree char *per_event
      = g_strdup_printf ("%.1f bytes each on disk", events ? (double) hat_trace_bytes (trace) / events : 0.0);
  g_autoptr (GDateTime) started = g_date_time_new_from_unix_local (hat_trace_start_unix_us (trace) / G_USEC_PER_SEC);
  g_autofree char *date = started ? g_date_time_format (started, "%x %X") : NULL;
  const char *command = hat_trace_note (trace, "command"), *directory = hat_trace_note (trace, "directory");
  if (command)
    add_row (group, "Command", command, NULL);
  if (directory)
    add_row (group, "Working directory", directory, NULL);
  add_row (group, "Started", NULL, date);
  add_row (group, "Duration", NULL, duration);
  add_row (group, "Events", per_event, event_count);
  GtkWidget *lost_row = add_row (
      group, "Lost events", lost ? "Some events could not be recorded: counts are too low" : "Everything was recorded",
      lost_count);
  if (lost)
    gtk_widget_add_css_class (lost_row, "warning");
  add_row (group, "File", hat_trace_path (trace), bytes);
  if (hat_sample_bytes (trace) > 0)
    {
      g_autofree char *rate = hat_format_bytes (hat_sample_bytes (trace));
      g_autofree char *text = g_strdup_printf ("One in %s. Figures are estimates of all blocks, right within ± in 95 of 100 recordings; "
                                               "map and blocks show those of the sample. " HAT_SAMPLE_HAS_NO_SNAPSHOT, rate);
      gtk_widget_add_css_class (add_row (group, "Sampled", text, NULL), "warning");
    }
  if (!hat_trace_is_complete (trace))
    gtk_widget_add_css_class (add_row (group, "Incomplete", hat_trace_damage (trace), NULL), "warning");
}

static void
add_settings (HatRecordingPage *self, HatTrace *trace)
{
  guint n;
  const HatNote *notes = hat_trace_notes (trace, &n);
  AdwPreferencesGroup *group = NULL;
  for (guint i = 0; i < n; i++)
    {
      gboolean is_env = g_str_has_prefix (notes[i].key, "env."), is_option = g_str_has_prefix (notes[i].key, "option.");
      if (!is_env && !is_option && !g_str_equal (notes[i].key, "warning"))
        continue;
      if (group == NULL)
        group = add_group (self, "How it was recorded", NULL);
      const char *title = is_env      ? notes[i].key + strlen ("env.")
                          : is_option ? notes[i].key + strlen ("option.")
                                      : "Warning";
      add_row (group, title, notes[i].value, NULL);
    }
}

static void
add_snapshots (HatRecordingPage *self, HatTrace *trace)
{
  AdwPreferencesGroup *group = NULL;
  guint n_shown = 0, n_all = 0;
  for (guint i = 0; i < hat_trace_n_processes (trace); i++)
    {
      guint n;
      const HatSnapshotInfo *infos = hat_trace_snapshots (trace, i, &n);
      n_all += n;
      for (guint k = 0; k < n && n_shown < MOST_SNAPSHOTS; k++, n_shown++)
        {
          if (group == NULL)
            group = add_group (self, "Snapshots", "How long the program stood still for each");
          g_autofree char *time = hat_format_time (infos[k].time_ns), *pause = hat_format_time (infos[k].pause_ns),
                          *bytes = hat_format_bytes (infos[k].read_bytes), *blocks = hat_format_count (infos[k].n_blocks);
          g_autofree char *title = g_strdup_printf ("%s%s%s at %s", hat_snapshot_reason_name (infos[k].reason), infos[k].detail ? " " : "",
                                                    infos[k].detail ? infos[k].detail : "", time);
          g_autofree char *subtitle = g_strdup_printf ("process %u, %s blocks, %s read%s%s", hat_trace_process (trace, i)->pid, blocks, bytes,
                                                       infos[k].is_windowed ? "; too big to copy: looked at while the program stood still" : "",
                                                       infos[k].n_threads_skipped ? "; not all threads could be stopped" : "");
          add_row (group, title, subtitle, pause);
        }
    }
  if (n_all > n_shown)
    {
      g_autofree char *more = g_strdup_printf ("%u more", n_all - n_shown);
      add_row (group, more, NULL, NULL);
    }
}

static char *
process_end (const HatProcess *process)
{
  if (process->signal > 0)
    return g_strdup_printf ("killed by signal %d (%s)", process->signal, g_strsignal (process->signal));
  if (process->exit_status >= 0)
    return g_strdup_printf ("exit status %d", process->exit_status);
  return g_strdup ("end not seen");
}

static guint
depth_of (HatTrace *trace, guint index)
{
  guint depth = 0;
  for (gint parent = hat_trace_process (trace, index)->parent; parent >= 0 && depth < 32; depth++)
    parent = hat_trace_process (trace, parent)->parent;
  return depth;
}

static void
on_process_activated (AdwActionRow *row, HatRecordingPage *self)
{
  g_signal_emit (self, process_signal, 0, GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (row), "process")));
}

static void
add_process (HatRecordingPage *self, AdwPreferencesGroup *group, HatTrace *trace, guint index)
{
  const HatProcess *process = hat_trace_process (trace, index);
  const HatSummary *summary = hat_trace_summary (trace, index);
  g_autofree char *name = g_path_get_basename (process->exe ? process->exe : "?");
  g_autofree char *command = process->argv ? g_strjoinv (" ", (char **) process->argv) : g_strdup ("");
  g_autofree char *end = process_end (process), *start = hat_format_time (process->start_ns),
                  *events = hat_format_count (process->n_events);
  g_autofree char *peak = summary ? hat_format_bytes (summary->totals.peak_bytes) : g_strdup ("?");
  const char *how = process->parent < 0 ? "launched" : process->is_fork ? "forked" : "replaced its program";
  g_autofree char *title = g_strdup_printf ("%s (%u)", name, process->pid);
  g_autofree char *subtitle = g_strdup_printf ("%.200s\n%s at %s, %s; malloc of %s", command, how, start, end,
                                               process->provider && *process->provider ? process->provider : "unknown");
  /* The summary of a sample is no estimate; the overview has that. */
  g_autofree char *value = hat_sample_bytes (trace) > 0 ? g_strdup_printf ("%s events", events)
                                                        : g_strdup_printf ("%s events\npeak %s", events, peak);
  GtkWidget *row = add_row (group, title, subtitle, value);
  GtkWidget *spacer = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  gtk_widget_set_size_request (spacer, 20 * depth_of (trace, index), 1);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), spacer);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  g_object_set_data (G_OBJECT (row), "process", GUINT_TO_POINTER (index));
  g_signal_connect (row, "activated", G_CALLBACK (on_process_activated), self);
}

static void
on_modules (gpointer owner, gpointer answer, const GError *error)
{
  static const char *const levels[]
      = { "No names", "Exported names only", "Names, no lines", "Names, lines, inlined calls" };
  HatRecordingPage *self = owner;
  if (answer == NULL)
    return;
  g_autoptr (GPtrArray) modules = answer;
  AdwPreferencesGroup *group = add_group (self, "Names in stacks", "What the files of each module can tell now");
  for (guint i = 0; i < modules->len; i++)
    {
      const ModuleQuality *quality = g_ptr_array_index (modules, i);
      g_autofree char *name = g_path_get_basename (quality->path);
      GtkWidget *row = add_row (group, name, quality->advice ? quality->advice : quality->path, levels[quality->level]);
      gtk_widget_set_tooltip_text (row, quality->path);
    }
}

static const HatQueryKind modules_kind = { query_modules, on_modules, (GDestroyNotify) g_ptr_array_unref, NULL };

static void
hat_recording_page_update (HatPage *page, HatChanges changes)
{
  HatRecordingPage *self = HAT_RECORDING_PAGE (page);
  if (!(changes & HAT_CHANGED_HEAP))
    return;
  HatTrace *trace = hat_heap_trace (hat_view_state_get (hat_page_state (page))->heap);
  for (guint i = 0; i < self->groups->len; i++)
    gtk_box_remove (GTK_BOX (self->content), g_ptr_array_index (self->groups, i));
  g_ptr_array_set_size (self->groups, 0);
  add_recording (self, trace);
  AdwPreferencesGroup *processes = add_group (self, "Processes", "Click one to look at its heap");
  for (guint i = 0; i < hat_trace_n_processes (trace); i++)
    add_process (self, processes, trace, i);
  add_snapshots (self, trace);
  add_settings (self, trace);
  hat_page_show_content (page);
  hat_page_ask (page, &modules_kind, NULL);
}

void
hat_recording_page_set_output (HatRecordingPage *self, GtkTextBuffer *output)
{
  g_return_if_fail (HAT_IS_RECORDING_PAGE (self));
  gtk_widget_set_visible (GTK_WIDGET (self->output_group), output != NULL);
  /* GTK 4.8 asserts when a view without a buffer is laid out. */
  g_autoptr (GtkTextBuffer) empty = output ? NULL : gtk_text_buffer_new (NULL);
  gtk_text_view_set_buffer (self->output, output ? output : empty);
}

static void
hat_recording_page_dispose (GObject *object)
{
  HatRecordingPage *self = HAT_RECORDING_PAGE (object);
  G_OBJECT_CLASS (hat_recording_page_parent_class)->dispose (object);
  g_clear_pointer (&self->groups, g_ptr_array_unref);
}

static void
hat_recording_page_class_init (HatRecordingPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_recording_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_recording_page_update;
  process_signal = g_signal_new ("process", HAT_TYPE_RECORDING_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_UINT);
}

static void
hat_recording_page_init (HatRecordingPage *self)
{
  GtkWidget *scroller = gtk_scrolled_window_new ();
  self->groups = g_ptr_array_new ();
  self->content = gtk_box_new (GTK_ORIENTATION_VERTICAL, 18);
  gtk_widget_add_css_class (self->content, "recording");
  self->output_group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (self->output_group, "Output of the program");
  self->output = GTK_TEXT_VIEW (gtk_text_view_new ());
  gtk_text_view_set_editable (self->output, FALSE);
  gtk_text_view_set_monospace (self->output, TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->output), "output");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->output), GTK_ACCESSIBLE_PROPERTY_LABEL, "Output of the program",
                                  -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->output));
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), 160);
  gtk_widget_add_css_class (scroller, "card");
  adw_preferences_group_add (self->output_group, scroller);
  gtk_widget_set_visible (GTK_WIDGET (self->output_group), FALSE);
  gtk_box_append (GTK_BOX (self->content), GTK_WIDGET (self->output_group));
}

GtkWidget *
hat_recording_page_new (HatViewState *state)
{
  HatRecordingPage *self = g_object_new (HAT_TYPE_RECORDING_PAGE, NULL);
  GtkWidget *scroller = gtk_scrolled_window_new (), *clamp = adw_clamp_new ();
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), 820);
  adw_clamp_set_child (ADW_CLAMP (clamp), self->content);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), clamp);
  gtk_widget_set_vexpand (scroller, TRUE);
  hat_page_set_up (HAT_PAGE (self), state, scroller);
  return GTK_WIDGET (self);
}
