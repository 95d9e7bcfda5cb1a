/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One opened trace: opened in a worker with progress, its heaps made when they are asked for and kept.
 *
 * Main thread. Everything it hands out is immutable. */

#include <gio/gio.h>

#include "ui/draw/colors.h"

G_BEGIN_DECLS

#define HAT_TYPE_OPENED_TRACE (hat_opened_trace_get_type ())
G_DECLARE_FINAL_TYPE (HatOpenedTrace, hat_opened_trace, HAT, OPENED_TRACE, GObject)

/* What a worker tells the main thread about how far it is; any thread. */
typedef struct _HatJobProgress HatJobProgress;
HatJobProgress *hat_job_progress_new (void);
HatJobProgress *hat_job_progress_ref (HatJobProgress *self);
void hat_job_progress_unref (HatJobProgress *self);
void hat_job_progress_cancel (HatJobProgress *self);
double hat_job_progress_get (HatJobProgress *self, char **out_what); /* out_what is g_free'd */

/* The process with most to tell is opened first: the one that allocated most. */
void hat_opened_trace_open_async (const char *path, HatJobProgress *progress, GAsyncReadyCallback callback,
                                  gpointer data);
HatOpenedTrace *hat_opened_trace_open_finish (GAsyncResult *result, GError **error);

/* Makes the heap of another process, or has it already. */
void hat_opened_trace_heap_async (HatOpenedTrace *self, guint process, HatJobProgress *progress,
                                  GAsyncReadyCallback callback, gpointer data);
gboolean hat_opened_trace_heap_finish (HatOpenedTrace *self, GAsyncResult *result, guint *out_process, GError **error);

HatTrace *hat_opened_trace_trace (HatOpenedTrace *self);
guint hat_opened_trace_first_process (HatOpenedTrace *self);
HatHeap *hat_opened_trace_heap (HatOpenedTrace *self, guint process);     /* NULL: not made yet */
HatColors *hat_opened_trace_colors (HatOpenedTrace *self, guint process); /* with it */

G_END_DECLS
