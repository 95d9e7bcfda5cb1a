/* SPDX-License-Identifier: Apache-2.0 */

/* Headers, checksums and the index. */

#include "core/trace/container.h"

#include <stddef.h>
#include <xxhash.h>

void
hat_file_header_init (HatFileHeader *header, gint64 start_unix_us)
{
  *header = (HatFileHeader){ .version = HAT_FORMAT_VERSION,
                             .header_bytes = sizeof (HatFileHeader),
                             .start_unix_us = start_unix_us };
  memcpy (header->magic, HAT_FILE_MAGIC, sizeof (header->magic));
  for (guint i = 0; i < sizeof (header->id); i += 4)
    {
      const guint32 random = g_random_int ();
      memcpy (header->id + i, &random, 4);
    }
  hat_file_header_seal (header);
}

void
hat_file_header_seal (HatFileHeader *header)
{
  header->checksum = XXH64 (header, offsetof (HatFileHeader, checksum), 0);
}

gboolean
hat_file_header_check (const HatFileHeader *header, GError **error)
{
  if (memcmp (header->magic, HAT_FILE_MAGIC, sizeof (header->magic)) != 0)
    g_set_error_literal (error, HAT_ERROR, HAT_ERROR_NOT_A_TRACE, "not a Heap Atlas trace");
  else if (header->checksum != XXH64 (header, offsetof (HatFileHeader, checksum), 0))
    g_set_error_literal (error, HAT_ERROR, HAT_ERROR_DAMAGED, "damaged at offset 0: wrong checksum of the file header");
  else if (header->version != HAT_FORMAT_VERSION || header->header_bytes != sizeof (HatFileHeader))
    g_set_error (error, HAT_ERROR, HAT_ERROR_VERSION,
                 "trace format %u, this Heap Atlas reads format %u: open it with %s one", header->version, HAT_FORMAT_VERSION,
                 header->version < HAT_FORMAT_VERSION ? "an older" : "a newer");
  else
    return TRUE;
  return FALSE;
}

static guint64
chunk_checksum (const HatChunkHeader *header, const guint8 *payload)
{
  return XXH64 (payload, header->stored_bytes, XXH64 (header, offsetof (HatChunkHeader, checksum), 0));
}

void
hat_chunk_header_seal (HatChunkHeader *header, const guint8 *payload)
{
  header->checksum = chunk_checksum (header, payload);
}

const char *
hat_chunk_header_check (const HatChunkHeader *header, guint64 left)
{
  if (header->magic != HAT_CHUNK_MAGIC)
    return "no chunk begins here";
  if (header->type == 0 || header->type >= HAT_TYPE_N_TYPES || (header->flags & ~HAT_CHUNK_FLAG_ZSTD) != 0)
    return "a chunk of an unknown kind";
  if (header->raw_bytes > HAT_CHUNK_MAX_BYTES || header->stored_bytes > HAT_CHUNK_MAX_BYTES
      || (!(header->flags & HAT_CHUNK_FLAG_ZSTD) && header->raw_bytes != header->stored_bytes))
    return "a chunk of an impossible length";
  if (sizeof (*header) + (guint64) header->stored_bytes > left)
    return "a chunk that goes on behind the end of the file";
  return NULL;
}

gboolean
hat_chunk_checksum_is_right (const HatChunkHeader *header, const guint8 *payload)
{
  return header->checksum == chunk_checksum (header, payload);
}

/* Ordinals of the process' stream come first, so that a walk over the file needs only the payload's head. */
void
hat_chunk_write_head (HatBytes *out, const HatChunk *chunk)
{
  hat_bytes_put_varint (out, chunk->first_event);
  hat_bytes_put_varint (out, chunk->n_events);
  hat_bytes_put_varint (out, chunk->first_block);
  hat_bytes_put_varint (out, chunk->n_blocks);
  hat_bytes_put_varint (out, chunk->start_ns);
  hat_bytes_put_varint (out, chunk->end_ns - chunk->start_ns);
}

void
hat_chunk_read_head (HatReader *reader, HatChunk *out_chunk)
{
  out_chunk->first_event = hat_reader_upto (reader, G_MAXINT64);
  out_chunk->n_events = hat_reader_upto (reader, HAT_CHUNK_EVENTS);
  out_chunk->first_block = hat_reader_upto (reader, G_MAXINT64);
  out_chunk->n_blocks = hat_reader_upto (reader, out_chunk->n_events);
  out_chunk->start_ns = hat_reader_upto (reader, G_MAXINT64 / 2);
  out_chunk->end_ns = out_chunk->start_ns + hat_reader_upto (reader, G_MAXINT64 / 2);
  if (out_chunk->n_events == 0 || out_chunk->first_block == 0)
    hat_reader_fail (reader);
}

void
hat_part_write_head (HatBytes *out, const HatPart *part)
{
  hat_bytes_put_varint (out, part->snapshot);
  hat_bytes_put_varint (out, part->kind);
  hat_bytes_put_varint (out, part->first);
  hat_bytes_put_varint (out, part->n);
}

void
hat_part_read_head (HatReader *reader, HatPart *out_part)
{
  out_part->snapshot = hat_reader_upto (reader, G_MAXUINT32);
  out_part->kind = hat_reader_upto (reader, HAT_N_PARTS - 1);
  out_part->first = hat_reader_upto (reader, G_MAXUINT32);
  out_part->n = hat_reader_upto (reader, MIN (HAT_PART_ITEMS, G_MAXUINT32 - out_part->first));
  if (out_part->n == 0)
    hat_reader_fail (reader);
}

void
hat_index_write (HatBytes *out, const GArray *entries, gint64 duration_ns)
{
  hat_bytes_put_varint (out, duration_ns);
  hat_bytes_put_varint (out, entries->len);
  guint64 after = sizeof (HatFileHeader);
  for (guint i = 0; i < entries->len; i++)
    {
      const HatIndexEntry *entry = &g_array_index (entries, HatIndexEntry, i);
      hat_bytes_put_byte (out, entry->type);
      hat_bytes_put_varint (out, entry->process);
      hat_bytes_put_varint (out, entry->offset - after); /* 0, but for older indexes and trailers in between */
      hat_bytes_put_varint (out, entry->bytes);
      after = entry->offset + entry->bytes;
      if (entry->type == HAT_TYPE_EVENTS)
        hat_chunk_write_head (out, &entry->events);
      if (entry->type == HAT_TYPE_SNAPSHOT_PART)
        hat_part_write_head (out, &entry->part);
      if (entry->type == HAT_TYPE_SPAN)
        {
          hat_bytes_put_varint (out, entry->level);
          hat_bytes_put_varint (out, entry->number);
        }
    }
}

gboolean
hat_index_read (HatReader *reader, GArray *entries, gint64 *out_duration_ns)
{
  *out_duration_ns = hat_reader_upto (reader, G_MAXINT64);
  const guint32 n = hat_reader_count (reader, 4);
  guint64 after = sizeof (HatFileHeader);
  for (guint32 i = 0; i < n && !reader->bad; i++)
    {
      HatIndexEntry entry = { 0 };
      entry.type = hat_reader_upto (reader, HAT_TYPE_N_TYPES - 1);
      entry.process = hat_reader_upto (reader, G_MAXUINT32);
      entry.offset = after + hat_reader_upto (reader, G_MAXINT64 / 4);
      entry.bytes = hat_reader_upto (reader, HAT_CHUNK_MAX_BYTES + sizeof (HatChunkHeader));
      after = entry.offset + entry.bytes;
      if (entry.type == HAT_TYPE_EVENTS)
        hat_chunk_read_head (reader, &entry.events);
      if (entry.type == HAT_TYPE_SNAPSHOT_PART)
        hat_part_read_head (reader, &entry.part);
      if (entry.type == HAT_TYPE_SPAN)
        {
          entry.level = hat_reader_upto (reader, 2);
          entry.number = hat_reader_upto (reader, G_MAXINT32);
        }
      if (entry.bytes < sizeof (HatChunkHeader) || after > G_MAXINT64 / 2)
        hat_reader_fail (reader);
      g_array_append_val (entries, entry);
    }
  return !reader->bad && hat_reader_left (reader) == 0;
}
