/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The picture of a view, as a file or on the clipboard: what is seen, with the state's instant, range, grouping and cost, and with what its page
 * (NULL: it has none) knows besides. In a worker. */

#include <gdk/gdk.h>
#include <gio/gio.h>

#include "ui/views/page.h"

G_BEGIN_DECLS

void hat_picture_export_async (HatViewState *state, const char *view, HatPage *page, const char *path, GAsyncReadyCallback callback,
                               gpointer data);
gboolean hat_picture_export_is_text (const char *path); /* .dot, .graphml, .json: the object graph itself, whatever the view */
gboolean hat_picture_export_finish (GAsyncResult *result, GError **error);

/* As a picture in memory. */
void hat_picture_render_async (HatViewState *state, const char *view, HatPage *page, GAsyncReadyCallback callback, gpointer data);
GdkTexture *hat_picture_render_finish (GAsyncResult *result, GError **error);

G_END_DECLS
