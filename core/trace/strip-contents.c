/* SPDX-License-Identifier: Apache-2.0 */

/* A trace without the bytes of blocks that snapshots kept, as a new file that takes the old one's place. */

#include "core/trace/chunk-sink.h"
#include "core/trace/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
copy_bytes (int from, guint64 offset, guint64 n, int to)
{
  guint8 buffer[65536];

  while (n > 0)
    {
      const gssize got = pread (from, buffer, MIN (n, sizeof buffer), offset);
      for (gssize at = 0, done; at < got; at += done)
        if ((done = write (to, buffer + at, got - at)) <= 0)
          return FALSE;
      if (got <= 0)
        return FALSE;
      offset += got;
      n -= got;
    }
  return TRUE;
}

/* All that the index names, but for contents. */
static gboolean
copy_rest (HatStore *store, guint64 bytes, int to, guint64 *out_stripped, GError **error)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (HatIndexEntry));
  HatChunkSink sink;
  gint64 duration_ns;
  guint64 offset = sizeof (HatFileHeader);
  guint n = 0;

  if (!hat_store_read_last_index (store, bytes, entries, &duration_ns))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "%s: contents can only be taken out of a complete trace", store->path);
      return FALSE;
    }
  gboolean done = copy_bytes (store->fd, 0, sizeof (HatFileHeader), to);
  for (guint i = 0; i < entries->len && done; i++)
    {
      HatIndexEntry entry = g_array_index (entries, HatIndexEntry, i);
      if (entry.type == HAT_TYPE_SNAPSHOT_PART && entry.part.kind == HAT_PART_CONTENTS)
        {
          *out_stripped += entry.bytes;
          continue;
        }
      done = copy_bytes (store->fd, entry.offset, entry.bytes, to);
      entry.offset = offset;
      offset += entry.bytes;
      g_array_index (entries, HatIndexEntry, n++) = entry;
    }
  if (!done)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not copy: %s", store->path, g_strerror (errno));
      return FALSE;
    }
  hat_chunk_sink_init (&sink, to, store->path, offset, NULL, NULL);
  g_array_append_vals (sink.entries, entries->data, n);
  hat_chunk_sink_put_end (&sink, duration_ns);
  done = !hat_chunk_sink_has_failed (&sink);
  if (!done)
    g_propagate_error (error, g_error_copy (sink.error));
  hat_chunk_sink_clear (&sink);
  return done;
}

gboolean
hat_trace_strip_contents (const char *path, guint64 *out_stripped, GError **error)
{
  g_autofree char *other = g_strconcat (path, ".XXXXXX", NULL);
  HatStore *store = hat_store_open (path, error);
  struct stat about;
  guint64 bytes;

  *out_stripped = 0;
  if (store == NULL)
    return FALSE;
  const int to = fstat (store->fd, &about) == 0 ? g_mkstemp_full (other, O_RDWR | O_CLOEXEC, 0600) : -1;
  gboolean done = to >= 0;
  if (!done)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not write beside it: %s", path, g_strerror (errno));
  done = done && hat_store_size (store, &bytes, error) && copy_rest (store, bytes, to, out_stripped, error);
  if (done && (fchmod (to, about.st_mode & 07777) != 0 || fsync (to) != 0 || rename (other, path) != 0))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not take the old one's place: %s", other, g_strerror (errno));
      done = FALSE;
    }
  if (to >= 0 && !done)
    unlink (other);
  if (to >= 0)
    close (to);
  hat_store_unref (store);
  return done;
}
