/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What was recorded and how well: command, processes, events, losses, what the symbols of each module can tell, what
 * the program printed. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_RECORDING_PAGE (hat_recording_page_get_type ())
G_DECLARE_FINAL_TYPE (HatRecordingPage, hat_recording_page, HAT, RECORDING_PAGE, HatPage)

/* Signals: "process" (guint): a process of the tree was chosen. */
GtkWidget *hat_recording_page_new (HatViewState *state);
/* What the program printed while it was recorded from this window; NULL: not known. */
void hat_recording_page_set_output (HatRecordingPage *self, GtkTextBuffer *output);

G_END_DECLS
