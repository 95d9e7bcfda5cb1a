/* SPDX-License-Identifier: Apache-2.0 */
/* The preferences window. */

#include "ui/views/preferences.h"

static const char *const schemes[] = { "system", "light", "dark" };
static const char *const groupings[] = { "function", "site", "module", "thread", "size", "type", "age", "none" };

static void
apply_color_scheme (GSettings *settings)
{
  static const AdwColorScheme values[]
      = { ADW_COLOR_SCHEME_DEFAULT, ADW_COLOR_SCHEME_FORCE_LIGHT, ADW_COLOR_SCHEME_FORCE_DARK };
  int i = g_settings_get_enum (settings, "color-scheme");
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), values[CLAMP (i, 0, 2)]);
}

void
hat_preferences_follow_color_scheme (GSettings *settings)
{
  g_signal_connect (settings, "changed::color-scheme", G_CALLBACK (apply_color_scheme), NULL);
  apply_color_scheme (settings);
}

typedef struct
{
  GSettings *settings;
  const char *key;
  const char *const *values;
  guint n;
} Choice;

static void
on_chosen (AdwComboRow *row, GParamSpec *pspec, Choice *choice)
{
  guint i = adw_combo_row_get_selected (row);
  if (i < choice->n)
    g_settings_set_string (choice->settings, choice->key, choice->values[i]);
}

static void
free_choice (gpointer data, GClosure *closure)
{
  g_object_unref (((Choice *) data)->settings);
  g_free (data);
}

static GtkWidget *
choice_row (GSettings *settings, const char *title, const char *key, const char *const *labels,
            const char *const *values, guint n)
{
  GtkWidget *row = adw_combo_row_new ();
  g_autoptr (GtkStringList) list = gtk_string_list_new (labels);
  g_autofree char *now = g_settings_get_string (settings, key);
  Choice *choice = g_new (Choice, 1);
  *choice = (Choice){ g_object_ref (settings), key, values, n };
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_combo_row_set_model (ADW_COMBO_ROW (row), G_LIST_MODEL (list));
  for (guint i = 0; i < n; i++)
    if (g_str_equal (values[i], now))
      adw_combo_row_set_selected (ADW_COMBO_ROW (row), i);
  g_signal_connect_data (row, "notify::selected", G_CALLBACK (on_chosen), choice, free_choice, 0);
  return row;
}

GtkWidget *
hat_preferences_new (GtkWindow *parent, GSettings *settings)
{
  static const char *const scheme_labels[] = { "Follow the system", "Light", "Dark", NULL };
  static const char *const grouping_labels[] = { "Function", "Stack", "Module", "Thread", "Size", "Type", "Age", "None", NULL };
  GtkWidget *window = adw_preferences_window_new (), *page = adw_preferences_page_new (),
            *group = adw_preferences_group_new ();
  GtkWidget *inspector = adw_action_row_new (), *toggle = gtk_switch_new ();
  adw_preferences_page_set_title (ADW_PREFERENCES_PAGE (page), "General");
  adw_preferences_group_add (
      ADW_PREFERENCES_GROUP (group),
      choice_row (settings, "Colours", "color-scheme", scheme_labels, schemes, G_N_ELEMENTS (schemes)));
  adw_preferences_group_add (
      ADW_PREFERENCES_GROUP (group),
      choice_row (settings, "New windows stack by", "grouping", grouping_labels, groupings, G_N_ELEMENTS (groupings)));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (inspector), "Show the inspector");
  gtk_widget_set_valign (toggle, GTK_ALIGN_CENTER);
  g_settings_bind (settings, "inspector-open", toggle, "active", G_SETTINGS_BIND_DEFAULT);
  adw_action_row_add_suffix (ADW_ACTION_ROW (inspector), toggle);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (inspector), toggle);
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), inspector);
  adw_preferences_page_add (ADW_PREFERENCES_PAGE (page), ADW_PREFERENCES_GROUP (group));
  adw_preferences_window_add (ADW_PREFERENCES_WINDOW (window), ADW_PREFERENCES_PAGE (page));
  adw_preferences_window_set_search_enabled (ADW_PREFERENCES_WINDOW (window), FALSE);
  gtk_window_set_transient_for (GTK_WINDOW (window), parent);
  gtk_window_set_modal (GTK_WINDOW (window), TRUE);
  gtk_window_set_default_size (GTK_WINDOW (window), 480, 320);
  return window;
}
