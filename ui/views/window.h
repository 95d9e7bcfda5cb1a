/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The window: the start, a recording that runs, or a recording opened; and everything that is about a file. One window
 * is one recording. */

#include <adwaita.h>

#include "ui/views/live-recording.h"

G_BEGIN_DECLS

#define HAT_TYPE_WINDOW (hat_window_get_type ())
G_DECLARE_FINAL_TYPE (HatWindow, hat_window, HAT, WINDOW, AdwApplicationWindow)

GtkWidget *hat_window_new (GtkApplication *application, GSettings *settings);
gboolean hat_window_is_empty (HatWindow *self); /* shows the start page */
void hat_window_open (HatWindow *self, const char *path);
void hat_window_record (HatWindow *self, const HatLaunch *launch);

G_END_DECLS
