/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The recordings that were made in the window and not deleted, in the user's data folder; traces opened from elsewhere;
 * and a small curve of each, to recognise it by. */

#include <gio/gio.h>

#include "core/heap/heap.h"

G_BEGIN_DECLS

typedef struct
{
  char *path, *name;
  guint64 bytes;
  gint64 modified_unix;
  gboolean is_kept_here; /* in the data folder: can be deleted from the window */
  guint n_points;
  guint64 *points; /* of the curve; 0: none is known yet */
} HatRecentTrace;

void hat_recent_trace_free (HatRecentTrace *recent);

char *hat_recordings_folder (void);                  /* made if it is not there */
char *hat_recordings_new_path (const char *program); /* a free name in it; g_free'd */
/* Newest first; `opened`: paths of traces from elsewhere (NULL-terminated); those that are gone are left out. Array of
 * HatRecentTrace. */
GPtrArray *hat_recordings_list (const char *const *opened, guint64 *out_bytes_here);
gboolean hat_recordings_delete (const char *path, GError **error);

/* Keeps the curve of an opened trace. Any thread; failure does not matter. */
void hat_recordings_keep_curve (HatHeap *heap);

G_END_DECLS
