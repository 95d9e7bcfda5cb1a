/* SPDX-License-Identifier: Apache-2.0 */
/* The start page. */

#include "ui/views/start-page.h"

#include <adwaita.h>

#include "core/heap/format.h"
#include "ui/draw/leaks-paint.h"
#include "ui/views/picture.h"
#include "ui/views/recordings.h"

struct _HatStartPage
{
  GtkWidget parent_instance;
  GtkWidget *scroller;
  GtkWidget *columns;
  GSettings *settings;
  AdwEntryRow *program, *arguments, *directory, *environment;
  GtkWidget *launch;
  AdwPreferencesGroup *recents_group;
  GtkListBox *recents;
  GPtrArray *recordings;
};

G_DEFINE_FINAL_TYPE (HatStartPage, hat_start_page, GTK_TYPE_WIDGET)

enum
{
  LAUNCH,
  OPEN,
  DELETED,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

/* ---- the form ---- */

static const char *
text_of (AdwEntryRow *row)
{
  return gtk_editable_get_text (GTK_EDITABLE (row));
}

HatLaunch *
hat_start_page_launch (HatStartPage *self, GError **error)
{
  g_autofree char *program = g_strstrip (g_strdup (text_of (self->program)));
  g_autofree char *directory = g_strstrip (g_strdup (text_of (self->directory)));
  g_auto (GStrv) arguments = NULL, env = NULL;
  if (*text_of (self->arguments) && !g_shell_parse_argv (text_of (self->arguments), NULL, &arguments, error)
      && !g_error_matches (*error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
    return NULL;
  g_clear_error (error);
  if (*text_of (self->environment) && !g_shell_parse_argv (text_of (self->environment), NULL, &env, error)
      && !g_error_matches (*error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
    return NULL;
  g_clear_error (error);
  const char *const none[] = { NULL };
  g_settings_set_string (self->settings, "last-program", program);
  g_settings_set_string (self->settings, "last-arguments", text_of (self->arguments));
  g_settings_set_string (self->settings, "last-directory", directory);
  return hat_launch_new (program, arguments ? (const char *const *) arguments : none, directory,
                         (const char *const *) env);
}

void
hat_start_page_set_program (HatStartPage *self, const char *path)
{
  gtk_editable_set_text (GTK_EDITABLE (self->program), path);
  gtk_widget_grab_focus (GTK_WIDGET (self->arguments));
}

static void
on_form_changed (GtkEditable *editable, HatStartPage *self)
{
  g_autofree char *program = g_strstrip (g_strdup (text_of (self->program)));
  gtk_widget_set_sensitive (self->launch, *program != '\0');
}

static void
on_launch (GtkWidget *widget, HatStartPage *self)
{
  if (gtk_widget_get_sensitive (self->launch))
    g_signal_emit (self, signals[LAUNCH], 0);
}

static void
on_chosen (GtkNativeDialog *dialog, int response, AdwEntryRow *row)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = file ? g_file_get_path (file) : NULL;
      if (path)
        gtk_editable_set_text (GTK_EDITABLE (row), path);
    }
  g_object_unref (dialog);
}

static void
choose (HatStartPage *self, AdwEntryRow *row, const char *title, GtkFileChooserAction action)
{
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self)));
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, window, action, "_Choose", "_Cancel");
  g_signal_connect (dialog, "response", G_CALLBACK (on_chosen), row);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_choose_program (GtkButton *button, HatStartPage *self)
{
  choose (self, self->program, "Choose a Program", GTK_FILE_CHOOSER_ACTION_OPEN);
}

static void
on_choose_directory (GtkButton *button, HatStartPage *self)
{
  choose (self, self->directory, "Choose a Folder", GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
}

static AdwEntryRow *
add_entry (HatStartPage *self, AdwPreferencesGroup *group, const char *title, const char *key,
           GCallback choose_callback)
{
  GtkWidget *row = adw_entry_row_new ();
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  if (key)
    {
      g_autofree char *last = g_settings_get_string (self->settings, key);
      gtk_editable_set_text (GTK_EDITABLE (row), last);
    }
  if (choose_callback)
    {
      GtkWidget *button = gtk_button_new_from_icon_name ("document-open-symbolic");
      g_autofree char *label = g_strdup_printf ("Choose: %s", title);
      gtk_widget_add_css_class (button, "flat");
      gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
      gtk_widget_set_tooltip_text (button, "Choose…");
      gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
      g_signal_connect (button, "clicked", choose_callback, self);
      adw_entry_row_add_suffix (ADW_ENTRY_ROW (row), button);
    }
  g_signal_connect (row, "changed", G_CALLBACK (on_form_changed), self);
  g_signal_connect (row, "entry-activated", G_CALLBACK (on_launch), self);
  adw_preferences_group_add (group, row);
  return ADW_ENTRY_ROW (row);
}

static GtkWidget *
build_form (HatStartPage *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 18);
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (group, "Launch a Program");
  adw_preferences_group_set_description (group, "It runs as usual; every allocation is recorded with its call stack.");
  self->launch = gtk_button_new_with_label ("Launch and Record");
  self->program = add_entry (self, group, "Program", "last-program", G_CALLBACK (on_choose_program));
  self->arguments = add_entry (self, group, "Arguments", "last-arguments", NULL);
  self->directory = add_entry (self, group, "Working directory", "last-directory", G_CALLBACK (on_choose_directory));
  self->environment = add_entry (self, group, "Environment (NAME=VALUE …)", NULL, NULL);
  gtk_widget_add_css_class (self->launch, "suggested-action");
  gtk_widget_add_css_class (self->launch, "pill");
  gtk_widget_set_halign (self->launch, GTK_ALIGN_CENTER);
  g_signal_connect (self->launch, "clicked", G_CALLBACK (on_launch), self);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (group));
  gtk_box_append (GTK_BOX (box), self->launch);
  on_form_changed (NULL, self);
  return box;
}

/* ---- recordings ---- */

static void
paint_curve (gpointer data, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  const HatRecentTrace *recent = data;
  hat_paint_round (cr, palette->surface, rect, 6);
  if (recent->n_points)
    hat_leaks_paint_sparkline (recent->points, recent->n_points, palette->categories[0],
                               (HatRect){ rect.x + 4, rect.y + 4, rect.width - 8, rect.height - 8 }, cr);
}

static void
on_delete_response (AdwMessageDialog *dialog, const char *response, HatStartPage *self)
{
  g_autoptr (GError) error = NULL;
  if (!g_str_equal (response, "delete"))
    return;
  hat_recordings_delete (g_object_get_data (G_OBJECT (dialog), "path"), &error);
  g_signal_emit (self, signals[DELETED], 0, error ? error->message : NULL);
  hat_start_page_refresh (self);
}

static void
on_delete (GtkButton *button, HatStartPage *self)
{
  const HatRecentTrace *recent = g_object_get_data (G_OBJECT (button), "recent");
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self)));
  GtkWidget *dialog = adw_message_dialog_new (window, "Delete the Recording?", NULL);
  adw_message_dialog_format_body (ADW_MESSAGE_DIALOG (dialog), "%s will be gone for good.", recent->name);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", "_Cancel", "delete", "_Delete", NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "delete", ADW_RESPONSE_DESTRUCTIVE);
  g_object_set_data_full (G_OBJECT (dialog), "path", g_strdup (recent->path), g_free);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_delete_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_recent_activated (GtkListBox *list, GtkListBoxRow *row, HatStartPage *self)
{
  const HatRecentTrace *recent = g_object_get_data (G_OBJECT (row), "recent");
  if (recent)
    g_signal_emit (self, signals[OPEN], 0, recent->path);
}

static GtkWidget *
build_recent (HatStartPage *self, HatRecentTrace *recent)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *title = g_markup_escape_text (recent->name, -1), *bytes = hat_format_bytes (recent->bytes);
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_local (recent->modified_unix);
  g_autofree char *when = g_date_time_format (date, "%x %H:%M");
  g_autofree char *folder = recent->is_kept_here ? NULL : g_path_get_dirname (recent->path);
  g_autofree char *where = folder ? g_markup_escape_text (folder, -1) : NULL;
  g_autofree char *subtitle
      = where ? g_strdup_printf ("%s, %s, in %s", bytes, when, where) : g_strdup_printf ("%s, %s", bytes, when);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 1);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 1);
  GtkWidget *curve = hat_small_picture_new (paint_curve, recent, NULL, 96, 40);
  gtk_widget_set_valign (curve, GTK_ALIGN_CENTER);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), curve);
  if (recent->is_kept_here)
    {
      GtkWidget *button = gtk_button_new_from_icon_name ("user-trash-symbolic");
      g_autofree char *label = g_strdup_printf ("Delete %s", recent->name);
      gtk_widget_add_css_class (button, "flat");
      gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
      gtk_widget_set_tooltip_text (button, "Delete…");
      gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
      g_object_set_data (G_OBJECT (button), "recent", recent);
      g_signal_connect (button, "clicked", G_CALLBACK (on_delete), self);
      adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
    }
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  gtk_widget_set_tooltip_text (row, recent->path);
  g_object_set_data (G_OBJECT (row), "recent", recent);
  return row;
}

void
hat_start_page_refresh (HatStartPage *self)
{
  guint64 bytes;
  GtkWidget *child;
  g_auto (GStrv) opened = g_settings_get_strv (self->settings, "recent-traces");
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->recents))))
    gtk_list_box_remove (self->recents, child);
  g_clear_pointer (&self->recordings, g_ptr_array_unref);
  self->recordings = hat_recordings_list ((const char *const *) opened, &bytes);
  for (guint i = 0; i < self->recordings->len; i++)
    gtk_list_box_append (self->recents, build_recent (self, g_ptr_array_index (self->recordings, i)));
  if (self->recordings->len == 0)
    {
      GtkWidget *row = adw_action_row_new ();
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), "No recordings yet");
      adw_action_row_set_subtitle (ADW_ACTION_ROW (row), "They will stand here until you delete them.");
      gtk_list_box_append (self->recents, row);
    }
  g_autofree char *size = hat_format_bytes (bytes);
  g_autofree char *text = g_strdup_printf ("Recordings made here use %s of disk.", size);
  adw_preferences_group_set_description (self->recents_group, text);
}

static GtkWidget *
build_recents (HatStartPage *self)
{
  self->recents_group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  self->recents = GTK_LIST_BOX (gtk_list_box_new ());
  GtkWidget *button = gtk_button_new_with_label ("Open a Trace…");
  gtk_widget_add_css_class (button, "flat");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), "win.open");
  adw_preferences_group_set_title (self->recents_group, "Recordings");
  adw_preferences_group_set_header_suffix (self->recents_group, button);
  gtk_list_box_set_selection_mode (self->recents, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (self->recents), "boxed-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->recents), GTK_ACCESSIBLE_PROPERTY_LABEL, "Recordings", -1);
  g_signal_connect (self->recents, "row-activated", G_CALLBACK (on_recent_activated), self);
  adw_preferences_group_add (self->recents_group, GTK_WIDGET (self->recents));
  return GTK_WIDGET (self->recents_group);
}

/* ---- */

static void
hat_start_page_dispose (GObject *object)
{
  HatStartPage *self = HAT_START_PAGE (object);
  g_clear_pointer (&self->scroller, gtk_widget_unparent);
  g_clear_pointer (&self->recordings, g_ptr_array_unref);
  g_clear_object (&self->settings);
  G_OBJECT_CLASS (hat_start_page_parent_class)->dispose (object);
}

static void
hat_start_page_class_init (HatStartPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_start_page_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  signals[LAUNCH]
      = g_signal_new ("launch", HAT_TYPE_START_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[OPEN] = g_signal_new ("open", HAT_TYPE_START_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                G_TYPE_STRING);
  signals[DELETED] = g_signal_new ("deleted", HAT_TYPE_START_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                   1, G_TYPE_STRING);
}

static void
hat_start_page_init (HatStartPage *self)
{
}

GtkWidget *
hat_start_page_new (GSettings *settings)
{
  HatStartPage *self = g_object_new (HAT_TYPE_START_PAGE, NULL);
  GtkWidget *clamp = adw_clamp_new (), *form, *recents;
  self->settings = g_object_ref (settings);
  self->scroller = gtk_scrolled_window_new ();
  /* Two columns where there is room, one under the other where there is not. */
  self->columns = gtk_flow_box_new ();
  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (self->columns), GTK_SELECTION_NONE);
  gtk_flow_box_set_max_children_per_line (GTK_FLOW_BOX (self->columns), 2);
  gtk_flow_box_set_column_spacing (GTK_FLOW_BOX (self->columns), 24);
  gtk_flow_box_set_row_spacing (GTK_FLOW_BOX (self->columns), 24);
  gtk_flow_box_set_homogeneous (GTK_FLOW_BOX (self->columns), TRUE);
  form = build_form (self);
  recents = build_recents (self);
  gtk_widget_set_size_request (form, 340, -1);
  gtk_widget_set_size_request (recents, 340, -1);
  gtk_widget_set_valign (form, GTK_ALIGN_START);
  gtk_widget_set_valign (recents, GTK_ALIGN_START);
  gtk_flow_box_append (GTK_FLOW_BOX (self->columns), form);
  gtk_flow_box_append (GTK_FLOW_BOX (self->columns), recents);
  for (int i = 0; i < 2; i++)
    gtk_widget_set_focusable (GTK_WIDGET (gtk_flow_box_get_child_at_index (GTK_FLOW_BOX (self->columns), i)), FALSE);
  gtk_widget_add_css_class (self->columns, "start-columns");
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), 1080);
  adw_clamp_set_child (ADW_CLAMP (clamp), self->columns);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scroller), clamp);
  gtk_widget_set_parent (self->scroller, GTK_WIDGET (self));
  hat_start_page_refresh (self);
  return GTK_WIDGET (self);
}
