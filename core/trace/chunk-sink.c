/* SPDX-License-Identifier: Apache-2.0 */

/* Sealing and appending chunks. */

#include "core/trace/chunk-sink.h"

#include <errno.h>
#include <unistd.h>

static ssize_t
write_plainly (int fd, const void *data, size_t n, gpointer user_data)
{
  return write (fd, data, n);
}

void
hat_chunk_sink_init (HatChunkSink *sink, int fd, const char *name, guint64 offset, HatWriteFunc write_func,
                     gpointer user_data)
{
  *sink = (HatChunkSink){ .fd = fd,
                          .name = g_strdup (name),
                          .write = write_func ? write_func : write_plainly,
                          .user_data = user_data,
                          .offset = offset,
                          .entries = g_array_new (FALSE, TRUE, sizeof (HatIndexEntry)),
                          .zstd = ZSTD_createCCtx () };
}

void
hat_chunk_sink_clear (HatChunkSink *sink)
{
  g_free (sink->name);
  g_clear_error (&sink->error);
  g_array_unref (sink->entries);
  ZSTD_freeCCtx (sink->zstd);
  hat_bytes_clear (&sink->packed);
}

void
hat_chunk_sink_fail (HatChunkSink *sink, int saved_errno)
{
  if (hat_chunk_sink_has_failed (sink))
    return;
  sink->error = g_error_new (HAT_ERROR, HAT_ERROR_IO, "%s: could not write at offset %" G_GUINT64_FORMAT ": %s", sink->name,
                             sink->offset, g_strerror (saved_errno));
  g_atomic_int_set (&sink->failed, TRUE);
}

static void
put_bytes (HatChunkSink *sink, const void *data, gsize n)
{
  gsize done = 0;
  while (done < n && !hat_chunk_sink_has_failed (sink))
    {
      const ssize_t wrote = sink->write (sink->fd, (const guint8 *) data + done, n - done, sink->user_data);
      if (wrote > 0)
        done += (gsize) wrote;
      else if (wrote == 0 || errno != EINTR)
        hat_chunk_sink_fail (sink, wrote == 0 ? ENOSPC : errno);
    }
  __atomic_store_n (&sink->offset, sink->offset + done, __ATOMIC_RELAXED);
}

void
hat_chunk_sink_put_header (HatChunkSink *sink, gint64 start_unix_us)
{
  HatFileHeader header;
  hat_file_header_init (&header, start_unix_us);
  put_bytes (sink, &header, sizeof (header));
}

void
hat_chunk_sink_put (HatChunkSink *sink, HatChunkType type, guint32 process, const guint8 *payload, gsize n_bytes, int level,
                    const HatIndexEntry *about)
{
  if (hat_chunk_sink_has_failed (sink))
    return;
  if (n_bytes > HAT_CHUNK_MAX_BYTES)
    {
      hat_chunk_sink_fail (sink, EFBIG);
      return;
    }
  /* Header and payload leave in one write: a reader of a growing file then seldom sees half a chunk. */
  const gsize room = MAX (ZSTD_compressBound (n_bytes), n_bytes);
  sink->packed.len = 0;
  hat_bytes_reserve (&sink->packed, sizeof (HatChunkHeader) + room);
  guint8 *stored = sink->packed.data + sizeof (HatChunkHeader);
  gsize n_stored = level > 0 ? ZSTD_compressCCtx (sink->zstd, stored, room, payload, n_bytes, level) : n_bytes;
  const gboolean packed = level > 0 && !ZSTD_isError (n_stored) && n_stored < n_bytes;
  if (!packed)
    {
      n_stored = n_bytes;
      if (n_bytes > 0)
        memcpy (stored, payload, n_bytes);
    }
  HatChunkHeader header = { .magic = HAT_CHUNK_MAGIC,
                            .type = type,
                            .flags = packed ? HAT_CHUNK_FLAG_ZSTD : 0,
                            .process = process,
                            .raw_bytes = (guint32) n_bytes,
                            .stored_bytes = (guint32) n_stored };
  hat_chunk_header_seal (&header, stored);
  memcpy (sink->packed.data, &header, sizeof (header));

  HatIndexEntry entry = about ? *about : (HatIndexEntry){ 0 };
  entry.type = type;
  entry.process = process;
  entry.offset = sink->offset;
  entry.bytes = (guint32) (sizeof (header) + n_stored);
  put_bytes (sink, sink->packed.data, sizeof (header) + n_stored);
  if (type != HAT_TYPE_INDEX && type != HAT_TYPE_TRAILER)
    g_array_append_val (sink->entries, entry);
}

void
hat_chunk_sink_put_end (HatChunkSink *sink, gint64 duration_ns)
{
  const guint64 trailer[2] = { sink->offset, 0 };
  HatBytes index = { 0 };
  hat_index_write (&index, sink->entries, duration_ns);
  hat_chunk_sink_put (sink, HAT_TYPE_INDEX, 0, index.data, index.len, 3, NULL);
  hat_chunk_sink_put (sink, HAT_TYPE_TRAILER, 0, (const guint8 *) trailer, sizeof (trailer), 0, NULL);
  hat_bytes_clear (&index);
}

guint64
hat_chunk_sink_bytes (HatChunkSink *sink)
{
  return __atomic_load_n (&sink->offset, __ATOMIC_RELAXED);
}

gboolean
hat_chunk_sink_has_failed (HatChunkSink *sink)
{
  return g_atomic_int_get (&sink->failed);
}
