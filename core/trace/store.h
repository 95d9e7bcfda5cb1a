/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The file behind a trace: reads verified chunks, and keeps what all versions of the trace share.
 * Thread rule: alloc0 and string only under `growing`; the rest from any thread. */

#include "core/trace/container.h"
#include "core/trace/event-decoder.h"
#include "core/trace/trace.h"

#include <zstd.h>

G_BEGIN_DECLS

/* What all versions of one opened file share. Strings and blocks in here live as long as any version. */
typedef struct
{
  gatomicrefcount refs;
  char *path;
  int fd;
  HatFileHeader header;
  char id[33];
  guint64 decoded_events; /* atomic */

  GMutex growing; /* of the strings, blocks and list bodies: held by opening and by refreshing */
  GStringChunk *strings;
  GPtrArray *blocks;

  GMutex lock; /* of what readers keep: */
  GPtrArray *decoders;      /* idle HatDecoder */
  GHashTable *plain_frames; /* HatFrameId + 1 -> HatSourceFrame of frames without symbols */
} HatStore;

/* Memory for reading one chunk. */
typedef struct
{
  HatBytes stored, raw;
  ZSTD_DCtx *zstd;
  HatEventDecoder *events; /* 4 MB: NULL until events are read */
} HatDecoder;

/* Opens the file and checks its header. Errors: IO, NOT_A_TRACE, VERSION, DAMAGED. */
HatStore *hat_store_open (const char *path, GError **error);
HatStore *hat_store_ref (HatStore *store);
void hat_store_unref (HatStore *store);
gboolean hat_store_size (HatStore *store, guint64 *out_size, GError **error);

gpointer hat_store_alloc0 (HatStore *store, gsize n_bytes);
const char *hat_store_string (HatStore *store, const char *string);

HatDecoder *hat_store_take_decoder (HatStore *store);
void hat_store_return_decoder (HatStore *store, HatDecoder *decoder);

/* Reads and verifies the chunk at `offset` into the decoder. The reader is over its payload until the next call. The file has `left`
 * bytes from it on. Errors: IO, DAMAGED. */
gboolean hat_store_read_chunk (HatStore *store, HatDecoder *decoder, guint64 offset, guint64 left,
                               HatChunkHeader *out_header, HatReader *out_reader, GError **error);
/* The entries (HatIndexEntry) of the index at the end of a file of so many bytes. FALSE: it has none that is right. */
gboolean hat_store_read_last_index (HatStore *store, guint64 bytes, GArray *entries, gint64 *out_duration_ns);
/* "PATH: damaged at offset N: WRONG" */
void hat_store_set_damaged (HatStore *store, guint64 offset, const char *wrong, GError **error);

G_END_DECLS
