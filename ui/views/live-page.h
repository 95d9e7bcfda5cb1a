/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A recording while it runs: the curve that grows, the counters, stop, end and mark, the program's output and input. */

#include <gtk/gtk.h>

#include "ui/views/live-recording.h"

G_BEGIN_DECLS

#define HAT_TYPE_LIVE_PAGE (hat_live_page_get_type ())
G_DECLARE_FINAL_TYPE (HatLivePage, hat_live_page, HAT, LIVE_PAGE, GtkWidget)

GtkWidget *hat_live_page_new (void);
void hat_live_page_set_recording (HatLivePage *self, HatLiveRecording *recording);
GtkTextBuffer *hat_live_page_output (HatLivePage *self); /* of the present recording */

G_END_DECLS
