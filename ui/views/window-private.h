/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by window.c (what it shows and does) and window-actions.c (what the user can ask for). */

#include "ui/views/live-page.h"
#include "ui/views/opened-trace.h"
#include "ui/views/start-page.h"
#include "ui/views/window.h"
#include "ui/views/workbench.h"

struct _HatWindow
{
  AdwApplicationWindow parent_instance;

  /* children */
  AdwToastOverlay *toasts;
  GtkStack *stack; /* start, loading, error, live, workbench */
  AdwWindowTitle *title;
  GtkWidget *sidebar_button, *search_button, *export_button, *inspector_button, *process_choice;
  GtkSearchBar *search_bar;
  GtkEditable *search;
  AdwStatusPage *error_page;
  GtkWidget *activity;
  GtkProgressBar *activity_bar;
  GtkLabel *activity_label;
  HatStartPage *start;
  HatLivePage *live;
  HatWorkbench *workbench;

  /* owned */
  GSettings *settings;
  HatViewState *state;
  HatOpenedTrace *opened;
  HatLiveRecording *recording;
  HatLaunch *last_launch;
  char *opened_path;   /* what is shown, or was tried to */
  HatJobProgress *job; /* of the file that is being opened; NULL: none */
  guint activity_timer;
  gboolean is_filling_processes;
};

void hat_window_install_actions (GtkWidgetClass *widget_class);
void hat_window_toast (HatWindow *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void hat_window_show_start (HatWindow *self);
void hat_window_update_actions (HatWindow *self);
gboolean hat_window_has_trace (HatWindow *self);
gboolean hat_window_is_recording (HatWindow *self);
/* The user drops something on the window. */
GtkEventController *hat_window_drop_target_new (HatWindow *self);
