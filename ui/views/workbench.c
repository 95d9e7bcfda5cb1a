/* SPDX-License-Identifier: Apache-2.0 */
/* A recording, opened. */

#include "ui/views/workbench.h"

#include <adwaita.h>

#include "ui/views/blocks-page.h"
#include "ui/views/calls-page.h"
#include "ui/views/graph-page.h"
#include "ui/views/inspector.h"
#include "ui/views/leaks-page.h"
#include "ui/views/map-page.h"
#include "ui/views/overview-page.h"
#include "ui/views/scrubber.h"
#include "ui/views/sizes-page.h"
#include "ui/views/types-page.h"

struct _HatWorkbench
{
  GtkWidget parent_instance;
  GtkWidget *paned;
  GtkWidget *scrubber;
  AdwFlap *side_flap, *inspector_flap;
  GtkStack *stack;
  GtkListBox *sidebar;
  GtkWidget *recording_page;
  GSettings *settings;
};

G_DEFINE_FINAL_TYPE (HatWorkbench, hat_workbench, GTK_TYPE_WIDGET)

static const struct
{
  const char *name, *title, *icon;
  GtkWidget *(*make) (HatViewState *state);
} views[] = {
  { "overview", "Overview", "hat-overview-symbolic", hat_overview_page_new },
  { "map", "Map", "hat-map-symbolic", hat_map_page_new },
  { "blocks", "Blocks", "hat-blocks-symbolic", hat_blocks_page_new },
  { "graph", "Graph", "hat-graph-symbolic", hat_graph_page_new },
  { "calls", "Calls", "hat-calls-symbolic", hat_calls_page_new },
  { "leaks", "Leaks", "hat-leaks-symbolic", hat_leaks_page_new },
  { "types", "Types", "hat-types-symbolic", hat_types_page_new },
  { "sizes", "Sizes", "hat-sizes-symbolic", hat_sizes_page_new },
  { "recording", "Recording", "hat-recording-symbolic", hat_recording_page_new },
};

static void
on_view_selected (GtkListBox *list, GtkListBoxRow *row, HatWorkbench *self)
{
  if (row == NULL)
    return;
  hat_stack_show (self->stack, views[gtk_list_box_row_get_index (row)].name);
}

static void
on_view_activated (GtkListBox *list, GtkListBoxRow *row, HatWorkbench *self)
{
  if (adw_flap_get_folded (self->side_flap))
    adw_flap_set_reveal_flap (self->side_flap, FALSE);
}

static GtkWidget *
build_sidebar_row (const char *title, const char *icon)
{
  GtkWidget *row = gtk_list_box_row_new (), *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12),
            *label = gtk_label_new (title);
  gtk_box_append (GTK_BOX (box), gtk_image_new_from_icon_name (icon));
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_box_append (GTK_BOX (box), label);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  return row;
}

static GtkWidget *
build_sidebar (HatWorkbench *self)
{
  GtkWidget *scroller = gtk_scrolled_window_new ();
  self->sidebar = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_widget_add_css_class (GTK_WIDGET (self->sidebar), "navigation-sidebar");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->sidebar), GTK_ACCESSIBLE_PROPERTY_LABEL, "Views", -1);
  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    gtk_list_box_append (self->sidebar, build_sidebar_row (views[i].title, views[i].icon));
  g_signal_connect (self->sidebar, "row-selected", G_CALLBACK (on_view_selected), self);
  g_signal_connect (self->sidebar, "row-activated", G_CALLBACK (on_view_activated), self);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->sidebar));
  gtk_widget_set_size_request (scroller, 160, -1);
  gtk_widget_add_css_class (scroller, "background");
  return scroller;
}

/* The inspector folds by itself when there is no room; what the user wants is remembered. */
static void
on_inspector_folded (AdwFlap *flap, GParamSpec *pspec, HatWorkbench *self)
{
  gboolean is_wanted = g_settings_get_boolean (self->settings, "inspector-open");
  adw_flap_set_reveal_flap (flap, is_wanted && !adw_flap_get_folded (flap));
}

static AdwFlap *
make_flap (GtkWidget *flap_child, GtkWidget *content, GtkPackType position)
{
  AdwFlap *flap = ADW_FLAP (adw_flap_new ());
  adw_flap_set_flap (flap, flap_child);
  adw_flap_set_content (flap, content);
  adw_flap_set_separator (flap, gtk_separator_new (GTK_ORIENTATION_VERTICAL));
  adw_flap_set_flap_position (flap, position);
  adw_flap_set_swipe_to_open (flap, FALSE);
  return flap;
}

void
hat_workbench_show_view (HatWorkbench *self, const char *name)
{
  g_return_if_fail (HAT_IS_WORKBENCH (self));
  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    if (g_str_equal (views[i].name, name))
      gtk_list_box_select_row (self->sidebar, gtk_list_box_get_row_at_index (self->sidebar, i));
  if (g_str_equal (name, "timeline"))
    gtk_widget_child_focus (self->scrubber, GTK_DIR_TAB_FORWARD);
}

const char *
hat_workbench_shown_view (HatWorkbench *self)
{
  return gtk_stack_get_visible_child_name (self->stack);
}

HatPage *
hat_workbench_page (HatWorkbench *self, const char *view)
{
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, view);
  return page ? HAT_PAGE (page) : NULL;
}

void
hat_workbench_toggle_sidebar (HatWorkbench *self)
{
  adw_flap_set_reveal_flap (self->side_flap, !adw_flap_get_reveal_flap (self->side_flap));
}

gboolean
hat_workbench_shows_inspector (HatWorkbench *self)
{
  return adw_flap_get_reveal_flap (self->inspector_flap);
}

void
hat_workbench_show_inspector (HatWorkbench *self, gboolean shown)
{
  if (!adw_flap_get_folded (self->inspector_flap))
    g_settings_set_boolean (self->settings, "inspector-open", shown);
  adw_flap_set_reveal_flap (self->inspector_flap, shown);
}

HatRecordingPage *
hat_workbench_recording_page (HatWorkbench *self)
{
  return HAT_RECORDING_PAGE (self->recording_page);
}

static void
hat_workbench_dispose (GObject *object)
{
  HatWorkbench *self = HAT_WORKBENCH (object);
  g_clear_pointer (&self->paned, gtk_widget_unparent);
  g_clear_object (&self->settings);
  G_OBJECT_CLASS (hat_workbench_parent_class)->dispose (object);
}

static void
hat_workbench_class_init (HatWorkbenchClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_workbench_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
hat_workbench_init (HatWorkbench *self)
{
}

GtkWidget *
hat_workbench_new (HatViewState *state, GSettings *settings)
{
  HatWorkbench *self = g_object_new (HAT_TYPE_WORKBENCH, NULL);
  self->settings = g_object_ref (settings);
  self->stack = GTK_STACK (gtk_stack_new ());
  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    {
      GtkWidget *page = views[i].make (state);
      gtk_stack_add_named (self->stack, page, views[i].name);
      if (HAT_IS_RECORDING_PAGE (page))
        self->recording_page = page;
    }
  gtk_widget_set_size_request (GTK_WIDGET (self->stack), 480, 200); /* below this the inspector, then the sidebar, fold */
  self->inspector_flap = make_flap (hat_inspector_new (state), GTK_WIDGET (self->stack), GTK_PACK_END);
  adw_flap_set_locked (self->inspector_flap, TRUE);
  adw_flap_set_reveal_flap (self->inspector_flap, g_settings_get_boolean (settings, "inspector-open"));
  g_signal_connect (self->inspector_flap, "notify::folded", G_CALLBACK (on_inspector_folded), self);
  self->side_flap = make_flap (build_sidebar (self), GTK_WIDGET (self->inspector_flap), GTK_PACK_START);
  self->scrubber = hat_scrubber_new (state);
  self->paned = gtk_paned_new (GTK_ORIENTATION_VERTICAL);
  gtk_paned_set_start_child (GTK_PANED (self->paned), self->scrubber);
  gtk_paned_set_end_child (GTK_PANED (self->paned), GTK_WIDGET (self->side_flap));
  gtk_paned_set_resize_start_child (GTK_PANED (self->paned), FALSE);
  gtk_paned_set_shrink_start_child (GTK_PANED (self->paned), FALSE);
  gtk_paned_set_shrink_end_child (GTK_PANED (self->paned), FALSE);
  g_settings_bind (settings, "timeline-height", self->paned, "position", G_SETTINGS_BIND_DEFAULT);
  gtk_widget_set_parent (self->paned, GTK_WIDGET (self));
  hat_workbench_show_view (self, "overview");
  return GTK_WIDGET (self);
}
