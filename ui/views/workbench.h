/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A recording, opened: the timeline on top, under it the list of views, the view, and the inspector. Side and inspector
 * fold when it is narrow. */

#include <gtk/gtk.h>

#include "ui/views/recording-page.h"
#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_WORKBENCH (hat_workbench_get_type ())
G_DECLARE_FINAL_TYPE (HatWorkbench, hat_workbench, HAT, WORKBENCH, GtkWidget)

GtkWidget *hat_workbench_new (HatViewState *state, GSettings *settings);
void hat_workbench_show_view (HatWorkbench *self, const char *name);
const char *hat_workbench_shown_view (HatWorkbench *self);
HatPage *hat_workbench_page (HatWorkbench *self, const char *view); /* NULL: it is the timeline */
void hat_workbench_toggle_sidebar (HatWorkbench *self);
gboolean hat_workbench_shows_inspector (HatWorkbench *self);
void hat_workbench_show_inspector (HatWorkbench *self, gboolean shown);
HatRecordingPage *hat_workbench_recording_page (HatWorkbench *self);

G_END_DECLS
