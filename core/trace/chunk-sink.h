/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The file end of writing: seals chunks, appends them to a descriptor, remembers them for the index.
 *
 * The first failure is sticky: it is kept, and everything after does nothing. Thread rule: one thread at a time, except
 * hat_chunk_sink_bytes() and hat_chunk_sink_has_failed(). */

#include "core/trace/container.h"

#include <sys/types.h>
#include <zstd.h>

G_BEGIN_DECLS

/* As write(2): what tests replace to make writes fail. */
typedef ssize_t (*HatWriteFunc) (int fd, const void *data, size_t n, gpointer user_data);

typedef struct
{
  int fd;
  char *name; /* for messages */
  HatWriteFunc write;
  gpointer user_data;
  guint64 offset; /* atomic */
  gint failed;    /* atomic */
  GError *error;  /* why; set before `failed` */
  GArray *entries; /* HatIndexEntry */
  ZSTD_CCtx *zstd;
  HatBytes packed;
} HatChunkSink;

/* Borrows fd; `write` may be NULL. Writes at the descriptor's position, which is `offset` in the file. */
void hat_chunk_sink_init (HatChunkSink *sink, int fd, const char *name, guint64 offset, HatWriteFunc write, gpointer user_data);
void hat_chunk_sink_clear (HatChunkSink *sink);

void hat_chunk_sink_put_header (HatChunkSink *sink, gint64 start_unix_us);
/* Compresses the payload, unless `level` is 0 or it does not get smaller. `about` has what the index says of EVENTS, SPAN and SNAPSHOT_PART, or
 * is NULL. */
void hat_chunk_sink_put (HatChunkSink *sink, HatChunkType type, guint32 process, const guint8 *payload, gsize n_bytes,
                         int level, const HatIndexEntry *about);
/* Index and trailer, of everything put so far (and what was added to `entries`). */
void hat_chunk_sink_put_end (HatChunkSink *sink, gint64 duration_ns);

guint64 hat_chunk_sink_bytes (HatChunkSink *sink);
gboolean hat_chunk_sink_has_failed (HatChunkSink *sink);
void hat_chunk_sink_fail (HatChunkSink *sink, int saved_errno);

G_END_DECLS
