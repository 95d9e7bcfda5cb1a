/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is selected, anywhere: its numbers, its stack, and the source line of the frame that is looked at. */

#include <gtk/gtk.h>

#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_INSPECTOR (hat_inspector_get_type ())
G_DECLARE_FINAL_TYPE (HatInspector, hat_inspector, HAT, INSPECTOR, GtkWidget)

GtkWidget *hat_inspector_new (HatViewState *state);

G_END_DECLS
