/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The preferences: colours, grouping, inspector. They are settings, so every window follows at once. */

#include <adwaita.h>

G_BEGIN_DECLS

GtkWidget *hat_preferences_new (GtkWindow *parent, GSettings *settings);
/* Makes the application follow the "color-scheme" setting from now on. */
void hat_preferences_follow_color_scheme (GSettings *settings);

G_END_DECLS
