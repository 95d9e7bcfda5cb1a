/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The start: launch a program, or go on with a recording.
 *
 * Signals: "launch" (the form was filled: ask hat_start_page_launch()), "open" (path), "deleted" (error text or NULL).
 */

#include <gtk/gtk.h>

#include "ui/views/live-recording.h"

G_BEGIN_DECLS

#define HAT_TYPE_START_PAGE (hat_start_page_get_type ())
G_DECLARE_FINAL_TYPE (HatStartPage, hat_start_page, HAT, START_PAGE, GtkWidget)

GtkWidget *hat_start_page_new (GSettings *settings);
HatLaunch *hat_start_page_launch (HatStartPage *self,
                                  GError **error); /* what the form says; arguments are split like a shell does */
void hat_start_page_set_program (HatStartPage *self, const char *path);
void hat_start_page_refresh (HatStartPage *self); /* the list of recordings */

G_END_DECLS
