/* SPDX-License-Identifier: Apache-2.0 */
/* The window: what it shows. */

#include "ui/views/window.h"

#include "core/heap/format.h"
#include "ui/views/page.h"
#include "ui/views/recordings.h"
#include "ui/views/window-private.h"

#define ACTIVITY_MS 100
#define MOST_RECENT 30u

G_DEFINE_FINAL_TYPE (HatWindow, hat_window, ADW_TYPE_APPLICATION_WINDOW)

void
hat_window_toast (HatWindow *self, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *markup = g_markup_escape_text (text, -1);
  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (markup));
}

gboolean
hat_window_has_trace (HatWindow *self)
{
  return hat_view_state_get (self->state)->heap != NULL;
}

gboolean
hat_window_is_recording (HatWindow *self)
{
  return self->recording && !hat_live_recording_is_finished (self->recording);
}

gboolean
hat_window_is_empty (HatWindow *self)
{
  return g_strcmp0 (gtk_stack_get_visible_child_name (self->stack), "start") == 0;
}

/* ---- which face is shown ---- */

static void
show_face (HatWindow *self, const char *name)
{
  gboolean is_workbench = g_str_equal (name, "workbench");
  hat_stack_show (self->stack, name);
  gtk_widget_set_visible (self->sidebar_button, is_workbench);
  gtk_widget_set_visible (self->search_button, is_workbench);
  gtk_widget_set_visible (self->export_button, is_workbench);
  gtk_widget_set_visible (self->inspector_button, is_workbench);
  gtk_widget_set_visible (self->process_choice,
                          is_workbench && self->opened
                              && hat_trace_n_processes (hat_opened_trace_trace (self->opened)) > 1);
  if (!is_workbench)
    gtk_search_bar_set_search_mode (self->search_bar, FALSE);
  hat_window_update_actions (self);
}

static void
set_title (HatWindow *self, const char *title, const char *subtitle)
{
  adw_window_title_set_title (self->title, title);
  adw_window_title_set_subtitle (self->title, subtitle);
  gtk_window_set_title (GTK_WINDOW (self), title);
}

void
hat_window_show_start (HatWindow *self)
{
  hat_start_page_refresh (self->start);
  set_title (self, "Heap Atlas", "");
  show_face (self, "start");
}

/* ---- activity, in the corner ---- */

static gboolean
on_activity_tick (gpointer data)
{
  HatWindow *self = data;
  double share = 0;
  g_autofree char *what = NULL;
  gboolean is_busy = TRUE;
  if (self->job)
    share = hat_job_progress_get (self->job, &what);
  else
    is_busy = hat_query_activity (&share, &what);
  gtk_widget_set_visible (self->activity, is_busy);
  if (!is_busy)
    return G_SOURCE_CONTINUE;
  gtk_label_set_label (self->activity_label, what ? what : "");
  gtk_progress_bar_set_fraction (self->activity_bar, CLAMP (share, 0, 1));
  return G_SOURCE_CONTINUE;
}

static void
on_cancel (GtkButton *button, HatWindow *self)
{
  if (self->job)
    hat_job_progress_cancel (self->job);
  hat_query_cancel_all ();
}

/* ---- opening ---- */

static void
fill_processes (HatWindow *self)
{
  HatTrace *trace = hat_opened_trace_trace (self->opened);
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  for (guint i = 0; i < hat_trace_n_processes (trace); i++)
    {
      const HatProcess *process = hat_trace_process (trace, i);
      g_autofree char *name = g_path_get_basename (process->exe ? process->exe : "?");
      g_autofree char *label = g_strdup_printf ("%s (%u)", name, process->pid);
      gtk_string_list_append (names, label);
    }
  self->is_filling_processes = TRUE;
  gtk_drop_down_set_model (GTK_DROP_DOWN (self->process_choice), G_LIST_MODEL (names));
  self->is_filling_processes = FALSE;
}

static void
show_process (HatWindow *self, guint process)
{
  HatTrace *trace = hat_opened_trace_trace (self->opened);
  const HatProcess *about = hat_trace_process (trace, process);
  g_autofree char *name = g_path_get_basename (about->exe ? about->exe : hat_trace_path (trace));
  g_autofree char *duration = hat_format_time (hat_trace_duration_ns (trace)),
                  *events = hat_format_count (about->n_events);
  g_autofree char *lost = hat_format_count (about->lost_events);
  g_autofree char *subtitle = g_strdup_printf ("%s · %s events · %s lost%s", duration, events, lost,
                                               hat_trace_is_complete (trace) ? "" : " · incomplete");
  hat_view_state_set_heap (self->state, hat_opened_trace_heap (self->opened, process),
                           hat_opened_trace_colors (self->opened, process));
  self->is_filling_processes = TRUE;
  gtk_drop_down_set_selected (GTK_DROP_DOWN (self->process_choice), process);
  self->is_filling_processes = FALSE;
  set_title (self, name, subtitle);
  show_face (self, "workbench");
}

/* Its curve is kept for the start page. */
static void
keep_curve (GTask *task, gpointer source, gpointer heap, GCancellable *cancellable)
{
  hat_recordings_keep_curve (heap);
}

static void
remember (HatWindow *self)
{
  g_auto (GStrv) before = g_settings_get_strv (self->settings, "recent-traces");
  g_autoptr (GStrvBuilder) now = g_strv_builder_new ();
  g_strv_builder_add (now, self->opened_path);
  for (guint i = 0; before[i] && i < MOST_RECENT; i++)
    if (!g_str_equal (before[i], self->opened_path))
      g_strv_builder_add (now, before[i]);
  g_auto (GStrv) list = g_strv_builder_end (now);
  g_settings_set_strv (self->settings, "recent-traces", (const char *const *) list);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  HatHeap *heap = hat_opened_trace_heap (self->opened, hat_opened_trace_first_process (self->opened));
  g_task_set_task_data (task, hat_heap_ref (heap), (GDestroyNotify) hat_heap_unref);
  g_task_run_in_thread (task, keep_curve);
}

static void
end_job (HatWindow *self)
{
  g_clear_pointer (&self->job, hat_job_progress_unref);
  on_activity_tick (self);
}

static void
show_error (HatWindow *self, const GError *error)
{
  if (g_error_matches (error, HAT_ERROR, HAT_ERROR_CANCELLED))
    {
      hat_window_show_start (self);
      return;
    }
  g_autofree char *text = g_markup_escape_text (error->message, -1);
  g_autofree char *name = g_path_get_basename (self->opened_path ? self->opened_path : "");
  adw_status_page_set_title (self->error_page, "The Trace Could Not Be Opened");
  adw_status_page_set_description (self->error_page, text);
  set_title (self, name, "");
  show_face (self, "error");
}

/* Recording was stopped: the program is no longer ours to watch, but still ours to end. */
static void
offer_end (HatWindow *self)
{
  AdwToast *toast = adw_toast_new ("The program runs on, unrecorded");
  adw_toast_set_button_label (toast, "End Program");
  adw_toast_set_action_name (toast, "win.end-program");
  adw_toast_set_timeout (toast, 0);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (HatWindow) self = data;
  g_autoptr (GError) error = NULL;
  HatOpenedTrace *opened = hat_opened_trace_open_finish (result, &error);
  if (self->settings == NULL) /* closed meanwhile */
    {
      g_clear_object (&opened);
      return;
    }
  end_job (self);
  if (opened == NULL)
    {
      show_error (self, error);
      return;
    }
  hat_view_state_set_heap (self->state, NULL, NULL);
  g_clear_object (&self->opened);
  self->opened = opened;
  gboolean is_ours = self->recording && hat_live_recording_is_finished (self->recording);
  hat_recording_page_set_output (hat_workbench_recording_page (self->workbench),
                                 is_ours ? hat_live_page_output (self->live) : NULL);
  hat_view_state_set_range (self->state, (HatRange){ 0, 0 });
  fill_processes (self);
  show_process (self, hat_opened_trace_first_process (opened));
  hat_workbench_show_view (self->workbench, "overview");
  hat_workbench_show_view (self->workbench, "timeline"); /* the keyboard starts there */
  if (is_ours && hat_live_recording_program_runs (self->recording))
    offer_end (self);
  remember (self);
}

static void
open_path (HatWindow *self, const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *copy = g_canonicalize_filename (path, NULL);
  g_free (self->opened_path);
  self->opened_path = g_steal_pointer (&copy);
  if (self->job)
    hat_job_progress_cancel (self->job);
  g_clear_pointer (&self->job, hat_job_progress_unref);
  self->job = hat_job_progress_new ();
  set_title (self, name, "");
  show_face (self, "loading");
  hat_opened_trace_open_async (self->opened_path, self->job, on_opened, g_object_ref (self));
}

void
hat_window_open (HatWindow *self, const char *path)
{
  g_return_if_fail (HAT_IS_WINDOW (self));
  if (hat_window_is_recording (self))
    {
      hat_window_toast (self, "A program is being recorded in this window.");
      return;
    }
  g_clear_object (&self->recording);
  hat_live_page_set_recording (self->live, NULL);
  open_path (self, path);
}

static void
on_heap (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (HatWindow) self = data;
  g_autoptr (GError) error = NULL;
  guint process;
  gboolean is_done = hat_opened_trace_heap_finish (HAT_OPENED_TRACE (source), result, &process, &error);
  if (self->settings == NULL || HAT_OPENED_TRACE (source) != self->opened)
    return;
  end_job (self);
  if (is_done)
    show_process (self, process);
  else
    hat_window_toast (self, "%s", error->message);
}

static void
change_process (HatWindow *self, guint process)
{
  if (self->opened == NULL || self->job || process >= hat_trace_n_processes (hat_opened_trace_trace (self->opened)))
    return;
  self->job = hat_job_progress_new ();
  hat_opened_trace_heap_async (self->opened, process, self->job, on_heap, g_object_ref (self));
}

static void
on_process_chosen (GtkDropDown *choice, GParamSpec *pspec, HatWindow *self)
{
  if (!self->is_filling_processes)
    change_process (self, gtk_drop_down_get_selected (choice));
}

static void
on_process_clicked (HatRecordingPage *page, guint process, HatWindow *self)
{
  change_process (self, process);
}

/* ---- recording ---- */

static void
on_recording_finished (HatLiveRecording *recording, const char *path, const char *error, HatWindow *self)
{
  if (recording != self->recording)
    return;
  if (error)
    hat_window_toast (self, "%s", error);
  if (path)
    open_path (self, path);
  else
    {
      adw_status_page_set_title (self->error_page, "The Program Could Not Be Recorded");
      g_autofree char *text = g_markup_escape_text (error ? error : "", -1);
      adw_status_page_set_description (self->error_page, text);
      show_face (self, "error");
    }
}

void
hat_window_record (HatWindow *self, const HatLaunch *launch)
{
  g_return_if_fail (HAT_IS_WINDOW (self));
  g_autoptr (GError) error = NULL;
  g_autofree char *path = hat_recordings_new_path (launch->program), *name = g_path_get_basename (launch->program);
  g_autoptr (HatLaunch) copy = hat_launch_copy (launch); /* it may be our own last one */
  HatLiveRecording *recording = hat_live_recording_start (copy, path, &error);
  if (recording == NULL)
    {
      hat_window_toast (self, "%s", error->message);
      return;
    }
  g_clear_pointer (&self->last_launch, hat_launch_free);
  self->last_launch = g_steal_pointer (&copy);
  g_clear_object (&self->recording);
  self->recording = recording;
  hat_live_page_set_recording (self->live, recording);
  g_signal_connect_object (recording, "finished", G_CALLBACK (on_recording_finished), self, 0);
  set_title (self, name, "Recording");
  show_face (self, "live");
}

static void
on_launch (HatStartPage *start, HatWindow *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatLaunch) launch = hat_start_page_launch (start, &error);
  if (launch)
    hat_window_record (self, launch);
  else
    hat_window_toast (self, "%s", error->message);
}

static void
on_open_recent (HatStartPage *start, const char *path, HatWindow *self)
{
  g_autofree char *copy = g_strdup (path); /* the list is made anew */
  hat_window_open (self, copy);
}

static void
on_deleted (HatStartPage *start, const char *error, HatWindow *self)
{
  hat_window_toast (self, "%s", error ? error : "Recording deleted");
}

/* ---- closing ---- */

static gboolean
destroy_later (gpointer window)
{
  gtk_window_destroy (window);
  return G_SOURCE_REMOVE;
}

static void
on_close_response (AdwMessageDialog *dialog, const char *response, HatWindow *self)
{
  if (g_str_equal (response, "cancel"))
    return;
  if (g_str_equal (response, "end") && self->recording)
    hat_live_recording_end (self->recording, FALSE);
  else if (g_str_equal (response, "stop") && self->recording)
    hat_live_recording_stop (self->recording);
  /* The dialog is still busy with its answer, and needs its parent for that. */
  g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, destroy_later, g_object_ref (self), g_object_unref);
}

static gboolean
hat_window_close_request (GtkWindow *window)
{
  HatWindow *self = HAT_WINDOW (window);
  int width, height;
  gtk_window_get_default_size (window, &width, &height);
  g_settings_set (self->settings, "window-size", "(ii)", width, height);
  g_settings_set_boolean (self->settings, "maximized", gtk_window_is_maximized (window));
  if (!hat_window_is_recording (self))
    return GTK_WINDOW_CLASS (hat_window_parent_class)->close_request (window);
  GtkWidget *dialog
      = adw_message_dialog_new (window, "The Program Is Still Being Recorded",
                                "Without the window the recording can go on, or stop while the program runs on, or both can end. It is "
                                "listed when Heap Atlas starts again.");
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", "_Cancel", "end", "_End Program", "stop",
                                    "_Stop Recording", "leave", "_Keep Recording", NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "end", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "leave", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "leave");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_close_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return GDK_EVENT_STOP;
}

static void
hat_window_dispose (GObject *object)
{
  HatWindow *self = HAT_WINDOW (object);
  g_clear_handle_id (&self->activity_timer, g_source_remove);
  if (self->job)
    hat_job_progress_cancel (self->job);
  g_clear_pointer (&self->job, hat_job_progress_unref);
  if (self->state)
    hat_view_state_set_heap (self->state, NULL, NULL);
  g_clear_object (&self->recording);
  g_clear_object (&self->settings);
  G_OBJECT_CLASS (hat_window_parent_class)->dispose (object);
  g_clear_object (&self->state);
  g_clear_object (&self->opened);
  g_clear_pointer (&self->last_launch, hat_launch_free);
  g_clear_pointer (&self->opened_path, g_free);
}

static void
hat_window_class_init (HatWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = hat_window_close_request;
  hat_window_install_actions (GTK_WIDGET_CLASS (klass));
}

static void
hat_window_init (HatWindow *self)
{
}

/* ---- building ---- */

static GtkWidget *
icon_button (const char *icon, const char *label, const char *action)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);
  gtk_widget_set_tooltip_text (button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), action);
  return button;
}

static GtkWidget *
menu_button (const char *icon, const char *label, const char *menu_id, GtkBuilder *menus)
{
  GtkWidget *button = gtk_menu_button_new ();
  gtk_menu_button_set_icon_name (GTK_MENU_BUTTON (button), icon);
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (button), G_MENU_MODEL (gtk_builder_get_object (menus, menu_id)));
  gtk_widget_set_tooltip_text (button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return button;
}

static GtkWidget *
build_header (HatWindow *self)
{
  GtkWidget *header = adw_header_bar_new (), *main_menu, *open = gtk_button_new_with_label ("Open"),
            *record = gtk_button_new_with_label ("Record");
  g_autoptr (GtkBuilder) menus = gtk_builder_new_from_resource ("/io/github/heapatlas/HeapAtlas/menus.ui");
  self->title = ADW_WINDOW_TITLE (adw_window_title_new ("Heap Atlas", ""));
  self->sidebar_button = icon_button ("sidebar-show-symbolic", "Views", "win.toggle-sidebar");
  self->search_button = icon_button ("edit-find-symbolic", "Search", "win.search");
  self->inspector_button = icon_button ("sidebar-show-right-symbolic", "Inspector", "win.toggle-inspector");
  self->export_button = menu_button ("document-save-as-symbolic", "Export", "export-menu", menus);
  self->process_choice = gtk_drop_down_new (NULL, NULL);
  main_menu = menu_button ("open-menu-symbolic", "Main menu", "main-menu", menus);
  gtk_menu_button_set_primary (GTK_MENU_BUTTON (main_menu), TRUE);
  gtk_widget_set_tooltip_text (self->process_choice, "Process");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->process_choice), GTK_ACCESSIBLE_PROPERTY_LABEL, "Process", -1);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (open), "win.open");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (record), "win.start");
  gtk_widget_set_tooltip_text (open, "Open a trace");
  gtk_widget_set_tooltip_text (record, "Launch a program, or choose a recording");
  g_signal_connect (self->process_choice, "notify::selected", G_CALLBACK (on_process_chosen), self);
  AdwHeaderBar *bar = ADW_HEADER_BAR (header);
  gtk_widget_set_vexpand (header, FALSE); /* whatever its children would like */
  adw_header_bar_set_title_widget (bar, GTK_WIDGET (self->title));
  adw_header_bar_pack_start (bar, self->sidebar_button);
  adw_header_bar_pack_start (bar, open);
  adw_header_bar_pack_start (bar, record);
  adw_header_bar_pack_start (bar, self->process_choice);
  adw_header_bar_pack_end (bar, main_menu);
  adw_header_bar_pack_end (bar, self->inspector_button);
  adw_header_bar_pack_end (bar, self->export_button);
  adw_header_bar_pack_end (bar, self->search_button);
  return header;
}

static void
on_search_changed (GtkSearchEntry *entry, HatWindow *self)
{
  hat_view_state_set_filter (self->state, gtk_editable_get_text (GTK_EDITABLE (entry)));
}

static void
on_search_mode (GtkSearchBar *bar, GParamSpec *pspec, HatWindow *self)
{
  if (!gtk_search_bar_get_search_mode (bar))
    gtk_editable_set_text (self->search, "");
}

static GtkWidget *
build_search (HatWindow *self)
{
  GtkWidget *bar = gtk_search_bar_new (), *entry = gtk_search_entry_new ();
  gtk_widget_set_size_request (entry, 300, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  "Search functions, modules, addresses", -1);
  g_object_set (entry, "placeholder-text", "Functions, modules, addresses", NULL);
  gtk_search_bar_set_child (GTK_SEARCH_BAR (bar), entry);
  gtk_search_bar_connect_entry (GTK_SEARCH_BAR (bar), GTK_EDITABLE (entry));
  g_signal_connect (entry, "search-changed", G_CALLBACK (on_search_changed), self);
  g_signal_connect (bar, "notify::search-mode-enabled", G_CALLBACK (on_search_mode), self);
  self->search_bar = GTK_SEARCH_BAR (bar);
  self->search = GTK_EDITABLE (entry);
  return bar;
}

static GtkWidget *
build_activity (HatWindow *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12), *bar = gtk_progress_bar_new ();
  GtkWidget *label = gtk_label_new (NULL), *cancel = gtk_button_new_with_label ("Cancel");
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_set_size_request (bar, 120, -1);
  gtk_widget_set_valign (bar, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (label, "caption");
  gtk_widget_add_css_class (cancel, "flat");
  gtk_widget_add_css_class (box, "activity");
  g_signal_connect (cancel, "clicked", G_CALLBACK (on_cancel), self);
  /* Nothing that moves by itself: 60 pictures a second cost a fifth of a processor where there is no graphics card, which the work needs. */
  gtk_box_append (GTK_BOX (box), label);
  gtk_box_append (GTK_BOX (box), bar);
  gtk_box_append (GTK_BOX (box), cancel);
  gtk_widget_set_halign (box, GTK_ALIGN_END);
  gtk_widget_set_valign (box, GTK_ALIGN_END);
  gtk_widget_set_margin_end (box, 12);
  gtk_widget_set_margin_bottom (box, 12);
  gtk_widget_set_visible (box, FALSE);
  self->activity = box;
  self->activity_bar = GTK_PROGRESS_BAR (bar);
  self->activity_label = GTK_LABEL (label);
  return box;
}

static GtkWidget *
build_error_page (HatWindow *self)
{
  GtkWidget *page = adw_status_page_new (), *button = gtk_button_new_with_label ("Back to the Start");
  adw_status_page_set_icon_name (ADW_STATUS_PAGE (page), "dialog-error-symbolic");
  gtk_widget_add_css_class (button, "pill");
  gtk_widget_set_halign (button, GTK_ALIGN_CENTER);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), "win.start");
  adw_status_page_set_child (ADW_STATUS_PAGE (page), button);
  self->error_page = ADW_STATUS_PAGE (page);
  return page;
}

static GtkWidget *
build_loading_page (void)
{
  GtkWidget *page = adw_status_page_new (), *spinner = gtk_spinner_new ();
  adw_status_page_set_title (ADW_STATUS_PAGE (page), "Opening the Trace");
  gtk_spinner_start (GTK_SPINNER (spinner));
  gtk_widget_set_size_request (spinner, 32, 32);
  adw_status_page_set_child (ADW_STATUS_PAGE (page), spinner);
  return page;
}

static void
build_faces (HatWindow *self)
{
  self->stack = GTK_STACK (gtk_stack_new ());
  self->start = HAT_START_PAGE (hat_start_page_new (self->settings));
  self->live = HAT_LIVE_PAGE (hat_live_page_new ());
  self->workbench = HAT_WORKBENCH (hat_workbench_new (self->state, self->settings));
  g_signal_connect (self->start, "launch", G_CALLBACK (on_launch), self);
  g_signal_connect (self->start, "open", G_CALLBACK (on_open_recent), self);
  g_signal_connect (self->start, "deleted", G_CALLBACK (on_deleted), self);
  g_signal_connect (hat_workbench_recording_page (self->workbench), "process", G_CALLBACK (on_process_clicked), self);
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->start), "start");
  gtk_stack_add_named (self->stack, build_loading_page (), "loading");
  gtk_stack_add_named (self->stack, build_error_page (self), "error");
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->live), "live");
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->workbench), "workbench");
  gtk_widget_set_vexpand (GTK_WIDGET (self->stack), TRUE);
}

/* Grouping is remembered. */
static void
on_state_changed (HatViewState *state, guint changes, HatWindow *self)
{
  if (changes & HAT_CHANGED_GROUPING)
    g_settings_set_string (self->settings, "grouping", hat_grouping_name (hat_view_state_get (state)->by));
}

static void
apply_settings (HatWindow *self)
{
  int width, height;
  HatGrouping by;
  g_autofree char *grouping = g_settings_get_string (self->settings, "grouping");
  g_settings_get (self->settings, "window-size", "(ii)", &width, &height);
  gtk_window_set_default_size (GTK_WINDOW (self), width, height);
  if (g_settings_get_boolean (self->settings, "maximized"))
    gtk_window_maximize (GTK_WINDOW (self));
  if (hat_grouping_parse (grouping, &by))
    hat_view_state_set_grouping (self->state, by);
}

GtkWidget *
hat_window_new (GtkApplication *application, GSettings *settings)
{
  HatWindow *self = g_object_new (HAT_TYPE_WINDOW, "application", application, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *overlay = gtk_overlay_new ();
  self->settings = g_object_ref (settings);
  self->state = hat_view_state_new ();
  self->toasts = ADW_TOAST_OVERLAY (adw_toast_overlay_new ());
  gtk_box_append (GTK_BOX (box), build_header (self));
  gtk_box_append (GTK_BOX (box), build_search (self));
  build_faces (self);
  /* Over what is shown, which keeps its size: a map of ten million blocks would be laid out anew whenever work begins and ends. */
  gtk_overlay_set_child (GTK_OVERLAY (overlay), GTK_WIDGET (self->stack));
  gtk_overlay_add_overlay (GTK_OVERLAY (overlay), build_activity (self));
  gtk_box_append (GTK_BOX (box), overlay);
  adw_toast_overlay_set_child (self->toasts, box);
  adw_application_window_set_content (ADW_APPLICATION_WINDOW (self), GTK_WIDGET (self->toasts));
  gtk_widget_add_controller (GTK_WIDGET (self), hat_window_drop_target_new (self));
  gtk_widget_set_size_request (GTK_WIDGET (self), 360, 300);
  apply_settings (self);
  g_signal_connect_object (self->state, "changed", G_CALLBACK (on_state_changed), self, 0);
  self->activity_timer = g_timeout_add (ACTIVITY_MS, on_activity_tick, self);
  hat_window_show_start (self);
  return GTK_WIDGET (self);
}
