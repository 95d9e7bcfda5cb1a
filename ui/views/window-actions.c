/* SPDX-License-Identifier: Apache-2.0 */
/* The window: what the user can ask for. */

#include "ui/views/picture-export.h"
#include "ui/views/preferences.h"
#include "ui/views/window-private.h"

/* ---- files ---- */

static void
on_open_response (GtkNativeDialog *dialog, int response, HatWindow *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = file ? g_file_get_path (file) : NULL;
      if (path)
        hat_window_open (self, path);
    }
  g_object_unref (dialog);
}

static GtkFileFilter *
add_filter (GtkFileChooserNative *dialog, const char *name, const char *pattern)
{
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();
  gtk_file_filter_set_name (filter, name);
  gtk_file_filter_add_pattern (filter, pattern);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), filter);
  return filter;
}

static GtkFileChooserNative *
file_dialog (HatWindow *self, const char *title, GtkFileChooserAction action, GCallback on_response)
{
  const char *accept = action == GTK_FILE_CHOOSER_ACTION_OPEN ? "_Open" : "_Save";
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, GTK_WINDOW (self), action, accept, "_Cancel");
  g_signal_connect_object (dialog, "response", on_response, self, 0);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  return dialog;
}

static void
act_open (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  GtkFileChooserNative *dialog
      = file_dialog (self, "Open a Trace", GTK_FILE_CHOOSER_ACTION_OPEN, G_CALLBACK (on_open_response));
  add_filter (dialog, "Traces of Heap Atlas", "*.heapatlas");
  add_filter (dialog, "All files", "*");
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_copied (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (HatWindow) self = data;
  g_autoptr (GError) error = NULL;
  gboolean is_done = g_file_copy_finish (G_FILE (source), result, &error);
  if (self->settings)
    hat_window_toast (self, "%s", is_done ? "Trace saved" : error->message);
}

static void
on_save_response (GtkNativeDialog *dialog, int response, HatWindow *self)
{
  if (response == GTK_RESPONSE_ACCEPT && self->opened_path)
    {
      g_autoptr (GFile) to = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)),
                        from = g_file_new_for_path (self->opened_path);
      g_file_copy_async (from, to, G_FILE_COPY_OVERWRITE, G_PRIORITY_DEFAULT, NULL, NULL, NULL, on_copied,
                         g_object_ref (self));
    }
  g_object_unref (dialog);
}

static void
act_save (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  GtkFileChooserNative *dialog
      = file_dialog (self, "Save the Trace", GTK_FILE_CHOOSER_ACTION_SAVE, G_CALLBACK (on_save_response));
  g_autofree char *base = g_path_get_basename (self->opened_path ? self->opened_path : "trace.heapatlas");
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), base);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

/* ---- pictures ---- */

static void
on_exported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (HatWindow) self = data;
  g_autoptr (GError) error = NULL;
  gboolean is_done = hat_picture_export_finish (result, &error);
  if (self->settings)
    hat_window_toast (self, "%s", is_done ? "Picture saved" : error->message);
}

static void
on_export_response (GtkNativeDialog *dialog, int response, HatWindow *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);
      const char *view = g_object_get_data (G_OBJECT (dialog), "view");
      gboolean has_extension
          = g_str_has_suffix (path, ".png") || g_str_has_suffix (path, ".svg") || g_str_has_suffix (path, ".pdf")
            || (g_str_equal (view, "graph") && hat_picture_export_is_text (path));
      GtkFileFilter *filter = gtk_file_chooser_get_filter (GTK_FILE_CHOOSER (dialog));
      const char *extension = filter ? g_object_get_data (G_OBJECT (filter), "extension") : NULL;
      g_autofree char *full
          = has_extension ? g_strdup (path) : g_strconcat (path, extension ? extension : ".png", NULL);
      hat_picture_export_async (self->state, view, hat_workbench_page (self->workbench, view), full, on_exported, g_object_ref (self));
    }
  g_object_unref (dialog);
}

static void
export_view (HatWindow *self, const char *view)
{
  static const struct
  {
    const char *name, *extension;
  } formats[] = { { "PNG picture", ".png" },   { "SVG drawing", ".svg" }, { "PDF document", ".pdf" },
                  { "Graphviz graph", ".dot" }, { "GraphML", ".graphml" }, { "JSON", ".json" } };
  guint n = g_str_equal (view, "graph") ? G_N_ELEMENTS (formats) : 3;
  GtkFileChooserNative *dialog
      = file_dialog (self, "Export a Picture", GTK_FILE_CHOOSER_ACTION_SAVE, G_CALLBACK (on_export_response));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *pattern = g_strconcat ("*", formats[i].extension, NULL);
      g_object_set_data (G_OBJECT (add_filter (dialog, formats[i].name, pattern)), "extension",
                         (gpointer) formats[i].extension);
    }
  g_autofree char *name = g_strdup_printf ("%s-%s.png", adw_window_title_get_title (self->title), view);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  g_object_set_data_full (G_OBJECT (dialog), "view", g_strdup (view), g_free);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
act_export (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  export_view (self,
               g_str_equal (name, "win.export-timeline") ? "timeline" : hat_workbench_shown_view (self->workbench));
}

static void
on_rendered (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (HatWindow) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkTexture) texture = hat_picture_render_finish (result, &error);
  if (self->settings == NULL)
    return;
  if (texture)
    gdk_clipboard_set_texture (gtk_widget_get_clipboard (GTK_WIDGET (self)), texture);
  hat_window_toast (self, "%s", texture ? "Picture copied" : error->message);
}

static void
act_copy (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  const char *view = hat_workbench_shown_view (self->workbench);
  hat_picture_render_async (self->state, view, hat_workbench_page (self->workbench, view), on_rendered, g_object_ref (self));
}

/* ---- views ---- */

static void
act_start (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  if (!hat_window_is_recording (self))
    hat_window_show_start (self);
}

static void
act_record_again (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  if (self->last_launch && !hat_window_is_recording (self))
    hat_window_record (self, self->last_launch);
}

static void
act_end_program (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  if (self->recording)
    hat_live_recording_end (self->recording, FALSE);
}

static void
act_show_view (GtkWidget *widget, const char *name, GVariant *parameter)
{
  hat_workbench_show_view (HAT_WINDOW (widget)->workbench, g_variant_get_string (parameter, NULL));
}

static void
act_search (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  gtk_search_bar_set_search_mode (self->search_bar, !gtk_search_bar_get_search_mode (self->search_bar));
}

static void
act_inspector (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  hat_workbench_show_inspector (self->workbench, g_str_equal (name, "win.show-inspector")
                                                     || !hat_workbench_shows_inspector (self->workbench));
}

static void
act_sidebar (GtkWidget *widget, const char *name, GVariant *parameter)
{
  hat_workbench_toggle_sidebar (HAT_WINDOW (widget)->workbench);
}

static void
act_preferences (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatWindow *self = HAT_WINDOW (widget);
  gtk_window_present (GTK_WINDOW (hat_preferences_new (GTK_WINDOW (self), self->settings)));
}

static const struct
{
  const char *name, *parameter;
  GtkWidgetActionActivateFunc activate;
  guint key; /* 0: none */
  GdkModifierType modifiers;
} actions[] = {
  { "win.open", NULL, act_open, GDK_KEY_o, GDK_CONTROL_MASK },
  { "win.save", NULL, act_save, GDK_KEY_s, GDK_CONTROL_MASK },
  { "win.export", NULL, act_export, GDK_KEY_e, GDK_CONTROL_MASK },
  { "win.export-timeline", NULL, act_export, 0, 0 },
  { "win.copy-picture", NULL, act_copy, GDK_KEY_c, GDK_CONTROL_MASK | GDK_SHIFT_MASK },
  { "win.start", NULL, act_start, GDK_KEY_Home, GDK_ALT_MASK },
  { "win.record-again", NULL, act_record_again, GDK_KEY_r, GDK_CONTROL_MASK },
  { "win.end-program", NULL, act_end_program, 0, 0 },
  { "win.show-view", "s", act_show_view, 0, 0 },
  { "win.search", NULL, act_search, GDK_KEY_f, GDK_CONTROL_MASK },
  { "win.toggle-inspector", NULL, act_inspector, GDK_KEY_F9, 0 },
  { "win.show-inspector", NULL, act_inspector, 0, 0 },
  { "win.toggle-sidebar", NULL, act_sidebar, GDK_KEY_F8, 0 },
  { "win.preferences", NULL, act_preferences, GDK_KEY_comma, GDK_CONTROL_MASK },
};

void
hat_window_install_actions (GtkWidgetClass *widget_class)
{
  static const char *const views[] = { "overview", "map", "blocks", "graph", "calls", "leaks", "types", "sizes", "recording" };
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      gtk_widget_class_install_action (widget_class, actions[i].name, actions[i].parameter, actions[i].activate);
      if (actions[i].key)
        gtk_widget_class_add_binding_action (widget_class, actions[i].key, actions[i].modifiers, actions[i].name, NULL);
    }
  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    gtk_widget_class_add_binding_action (widget_class, GDK_KEY_1 + i, GDK_ALT_MASK, "win.show-view", "s", views[i]);
}

void
hat_window_update_actions (HatWindow *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  const char *face = gtk_stack_get_visible_child_name (self->stack);
  gboolean is_workbench = g_strcmp0 (face, "workbench") == 0, is_recording = hat_window_is_recording (self);
  static const char *const of_workbench[]
      = { "win.save",   "win.export",           "win.export-timeline", "win.copy-picture",  "win.show-view",
          "win.search", "win.toggle-inspector", "win.show-inspector",  "win.toggle-sidebar" };
  for (guint i = 0; i < G_N_ELEMENTS (of_workbench); i++)
    gtk_widget_action_set_enabled (widget, of_workbench[i], is_workbench);
  gtk_widget_action_set_enabled (widget, "win.open", !is_recording);
  gtk_widget_action_set_enabled (widget, "win.start", !is_recording);
  gtk_widget_action_set_enabled (widget, "win.record-again", self->last_launch && !is_recording);
}

/* ---- drag and drop ---- */

/* A trace opens, anything else that can run fills the form. */
static void
take_path (HatWindow *self, const char *path)
{
  if (hat_window_is_recording (self))
    hat_window_toast (self, "A program is being recorded in this window.");
  else if (!g_str_has_suffix (path, ".heapatlas") && g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    {
      hat_window_show_start (self);
      hat_start_page_set_program (self->start, path);
    }
  else
    hat_window_open (self, path);
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, HatWindow *self)
{
  GSList *files = g_value_get_boxed (value);
  g_autofree char *path = files ? g_file_get_path (files->data) : NULL;
  if (path)
    take_path (self, path);
  return path != NULL;
}

GtkEventController *
hat_window_drop_target_new (HatWindow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  return GTK_EVENT_CONTROLLER (target);
}
