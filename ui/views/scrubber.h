/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The timeline with the row under it: what it is stacked by, where the cursor and the range are, zoom. */

#include <gtk/gtk.h>

#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_SCRUBBER (hat_scrubber_get_type ())
G_DECLARE_FINAL_TYPE (HatScrubber, hat_scrubber, HAT, SCRUBBER, GtkWidget)

GtkWidget *hat_scrubber_new (HatViewState *state);

G_END_DECLS
