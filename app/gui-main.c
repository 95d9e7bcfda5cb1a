/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas-gui`: the application around the windows. */

#include <adwaita.h>
#include <locale.h>

#include "ui/views/preferences.h"
#include "ui/views/window.h"

#define APPLICATION_ID "io.github.heapatlas.HeapAtlas"
#define RECORD "record"
#define OPEN "open"

typedef struct
{
  GSettings *settings;
} Application;

/* Installed, the schema is where GSettings looks; in a build folder it is next to this program's folder. */
static GSettings *
load_settings (void)
{
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autofree char *own = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (own ? own : "."), *parent = g_path_get_dirname (folder);
  g_autofree char *built = g_build_filename (parent, "data", NULL);
  g_autoptr (GSettingsSchemaSource) source
      = g_settings_schema_source_new_from_directory (built, g_settings_schema_source_get_default (), FALSE, NULL);
  if (source)
    schema = g_settings_schema_source_lookup (source, APPLICATION_ID, FALSE);
  if (schema == NULL && g_settings_schema_source_get_default ())
    schema = g_settings_schema_source_lookup (g_settings_schema_source_get_default (), APPLICATION_ID, TRUE);
  return schema ? g_settings_new_full (schema, NULL, NULL) : NULL;
}

static HatWindow *
new_window (Application *self, GtkApplication *application)
{
  GtkWidget *window = hat_window_new (application, self->settings);
  gtk_window_present (GTK_WINDOW (window));
  return HAT_WINDOW (window);
}

/* One that shows the start page is as good as a new one. */
static HatWindow *
empty_window (Application *self, GtkApplication *application)
{
  GtkWindow *active = gtk_application_get_active_window (application);
  if (active && HAT_IS_WINDOW (active) && hat_window_is_empty (HAT_WINDOW (active)))
    return HAT_WINDOW (active);
  return new_window (self, application);
}

static void
on_new_window (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  new_window (data, GTK_APPLICATION (g_application_get_default ()));
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (g_application_get_default ()));
  adw_show_about_window (window, "application-name", "Heap Atlas", "application-icon", APPLICATION_ID, "version",
                         HAT_VERSION, "comments", "See what a program does with its heap.", "license-type",
                         GTK_LICENSE_APACHE_2_0, "developer-name", "The Heap Atlas authors", NULL);
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GList *windows = g_list_copy (gtk_application_get_windows (GTK_APPLICATION (g_application_get_default ())));
  for (GList *l = windows; l; l = l->next)
    gtk_window_close (l->data);
  g_list_free (windows);
}

static void
on_startup (GApplication *application, Application *self)
{
  static const GActionEntry entries[] = { { "new-window", on_new_window }, { "about", on_about }, { "quit", on_quit } };
  g_action_map_add_action_entries (G_ACTION_MAP (application), entries, G_N_ELEMENTS (entries), self);
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "app.new-window",
                                         (const char *[]){ "<Control>n", NULL });
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "app.quit",
                                         (const char *[]){ "<Control>q", NULL });
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "window.close",
                                         (const char *[]){ "<Control>w", NULL });
  gtk_window_set_default_icon_name (APPLICATION_ID);
  hat_preferences_follow_color_scheme (self->settings);
}

static void
on_activate (GApplication *application, Application *self)
{
  GtkWindow *active = gtk_application_get_active_window (GTK_APPLICATION (application));
  if (active)
    gtk_window_present (active);
  else
    new_window (self, GTK_APPLICATION (application));
}

/* Arguments as main() hands them over: RECORD or OPEN, then what to record or open. Relative paths belong to the folder
 * of whoever asked, which is not ours when a running instance was asked. */
static int
on_command_line (GApplication *application, GApplicationCommandLine *line, Application *self)
{
  int argc;
  g_auto (GStrv) all = g_application_command_line_get_arguments (line, &argc);
  char **argv = all + 1;
  const char *directory = g_application_command_line_get_cwd (line);
  if (*argv && g_str_equal (*argv, "--"))
    argv++;
  if (argv[0] && argv[1] && g_str_equal (argv[0], RECORD))
    {
      g_autoptr (HatLaunch) launch = hat_launch_new (argv[1], (const char *const *) argv + 2, directory, NULL);
      hat_window_record (empty_window (self, GTK_APPLICATION (application)), launch);
      return 0;
    }
  if (argv[0] == NULL || argv[1] == NULL)
    {
      on_activate (application, self);
      return 0;
    }
  for (int i = 1; argv[i]; i++)
    {
      g_autoptr (GFile) file = g_application_command_line_create_file_for_arg (line, argv[i]);
      g_autofree char *path = g_file_get_path (file);
      if (path)
        hat_window_open (empty_window (self, GTK_APPLICATION (application)), path);
    }
  return 0;
}

/* GApplication takes options out of the arguments, "--" included: everything goes behind a "--" of our own, with a word
 * that says what it is. */
static char **
pack_arguments (int argc, char **argv)
{
  g_autoptr (GStrvBuilder) packed = g_strv_builder_new ();
  gboolean is_record = argc >= 2 && g_str_equal (argv[1], "--");
  g_strv_builder_add_many (packed, argv[0], "--", is_record ? RECORD : OPEN, NULL);
  g_strv_builder_addv (packed, (const char **) argv + (is_record ? 2 : 1));
  return g_strv_builder_end (packed);
}

/* --help and --version need no display. */
static gboolean
on_local_arguments (int argc, char **argv)
{
  if (argc < 2 || argv[1][0] != '-' || g_str_equal (argv[1], "--"))
    return FALSE;
  if (g_str_equal (argv[1], "--version"))
    g_print ("heapatlas-gui %s\n", HAT_VERSION);
  else if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h"))
    g_print ("Usage:\n  heapatlas-gui [TRACE]\n  heapatlas-gui -- PROGRAM [ARG...]\n\nShows a trace, or records a "
             "program and shows its heap.\n");
  else
    return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  if (on_local_arguments (argc, argv))
    return 0;
  if (argc >= 2 && argv[1][0] == '-' && !g_str_equal (argv[1], "--"))
    {
      g_printerr ("heapatlas-gui: unknown option %s, see heapatlas-gui --help\n", argv[1]);
      return 2;
    }
  if (!gtk_init_check ())
    {
      g_printerr ("heapatlas-gui: there is no display for a window: heapatlas report and heapatlas export answer without one\n");
      return 3;
    }
  Application self = { load_settings () };
  if (self.settings == NULL)
    {
      g_printerr ("heapatlas-gui: the settings schema is missing, build or install Heap Atlas again\n");
      return 3;
    }
  g_autoptr (AdwApplication) application = adw_application_new (APPLICATION_ID, G_APPLICATION_HANDLES_COMMAND_LINE);
  g_set_application_name ("Heap Atlas");
  g_signal_connect (application, "startup", G_CALLBACK (on_startup), &self);
  g_signal_connect (application, "activate", G_CALLBACK (on_activate), &self);
  g_signal_connect (application, "command-line", G_CALLBACK (on_command_line), &self);
  g_auto (GStrv) packed = pack_arguments (argc, argv);
  int status = g_application_run (G_APPLICATION (application), g_strv_length (packed), packed);
  g_object_unref (self.settings);
  return status;
}
