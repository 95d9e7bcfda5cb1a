/* SPDX-License-Identifier: Apache-2.0 */

/* Adding notes to a finished trace. Everything is appended, the old index and trailer stay where they are: killed half way, the
 * trace still opens by walking, as it was. */

#include "core/trace/chunk-sink.h"
#include "core/trace/definitions-write.h"
#include "core/trace/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static gboolean
append (int fd, HatStore *store, guint64 bytes, const HatNote *notes, guint n, GError **error)
{
  HatChunkSink sink;
  gint64 duration_ns;
  hat_chunk_sink_init (&sink, fd, store->path, bytes, NULL, NULL);
  gboolean done = hat_store_read_last_index (store, bytes, sink.entries, &duration_ns);
  if (!done)
    g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "%s: notes can only be added to a complete trace", store->path);
  else
    {
      HatBytes payload = { 0 };
      hat_write_notes (&payload, notes, n);
      hat_chunk_sink_put (&sink, HAT_TYPE_NOTES, 0, payload.data, payload.len, 3, NULL);
      hat_chunk_sink_put_end (&sink, duration_ns);
      hat_bytes_clear (&payload);
      done = !hat_chunk_sink_has_failed (&sink);
      if (!done)
        g_propagate_error (error, g_error_copy (sink.error));
    }
  hat_chunk_sink_clear (&sink);
  return done;
}

gboolean
hat_trace_append_notes (const char *path, const HatNote *notes, guint n, GError **error)
{
  HatStore *store = hat_store_open (path, error);
  guint64 bytes;
  if (store == NULL)
    return FALSE;
  const int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
  gboolean done = fd >= 0 && flock (fd, LOCK_EX) == 0; /* others may be adding notes just now */
  if (!done)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not open for writing: %s", path, g_strerror (errno));
  done = done && hat_store_size (store, &bytes, error) && append (fd, store, bytes, notes, n, error);
  if (fd >= 0 && close (fd) != 0 && done)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not close: %s", path, g_strerror (errno));
      done = FALSE;
    }
  hat_store_unref (store);
  return done;
}
