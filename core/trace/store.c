/* SPDX-License-Identifier: Apache-2.0 */

/* What all versions of an opened trace share: the file, memory that lives as long as any of them, idle decoders.
 *
 * The file is read with pread, never mapped: another process may truncate it at any time. */

#include "core/trace/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
decoder_free (gpointer data)
{
  HatDecoder *decoder = data;
  hat_bytes_clear (&decoder->stored);
  hat_bytes_clear (&decoder->raw);
  ZSTD_freeDCtx (decoder->zstd);
  hat_event_decoder_free (decoder->events);
  g_free (decoder);
}

static gboolean
set_io_error (const char *path, int saved_errno, GError **error)
{
  g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not read: %s", path, g_strerror (saved_errno));
  return FALSE;
}

/* FALSE with an error, also at the end of the file. */
static gboolean
read_at (HatStore *store, guint64 offset, gpointer data, gsize n, GError **error)
{
  for (gsize done = 0; done < n;)
    {
      const gssize got = pread (store->fd, (guint8 *) data + done, n - done, (off_t) (offset + done));
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return set_io_error (store->path, errno, error);
      if (got == 0)
        {
          hat_store_set_damaged (store, offset, "the file ends here, too early", error);
          return FALSE;
        }
      done += (gsize) got;
    }
  return TRUE;
}

HatStore *
hat_store_open (const char *path, GError **error)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */
  struct stat info;
  if (fd < 0 || fstat (fd, &info) != 0)
    {
      set_io_error (path, errno, error);
      if (fd >= 0)
        close (fd);
      return NULL;
    }
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not read: not a file", path);
      close (fd);
      return NULL;
    }
  HatStore *store = g_new0 (HatStore, 1);
  g_atomic_ref_count_init (&store->refs);
  store->path = g_strdup (path);
  store->fd = fd;
  store->strings = g_string_chunk_new (4096);
  store->blocks = g_ptr_array_new_with_free_func (g_free);
  store->decoders = g_ptr_array_new_with_free_func (decoder_free);
  store->plain_frames = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_mutex_init (&store->growing);
  g_mutex_init (&store->lock);

  g_autoptr (GError) wrong = NULL;
  if (info.st_size < (off_t) sizeof (store->header))
    g_set_error_literal (&wrong, HAT_ERROR, HAT_ERROR_NOT_A_TRACE, "not a Heap Atlas trace: too short");
  else if (!read_at (store, 0, &store->header, sizeof (store->header), error))
    {
      hat_store_unref (store);
      return NULL;
    }
  if (wrong || !hat_file_header_check (&store->header, &wrong))
    {
      g_set_error (error, wrong->domain, wrong->code, "%s: %s", path, wrong->message);
      hat_store_unref (store);
      return NULL;
    }
  for (guint i = 0; i < sizeof (store->header.id); i++)
    g_snprintf (store->id + 2 * i, 3, "%02x", store->header.id[i]);
  return store;
}

HatStore *
hat_store_ref (HatStore *store)
{
  g_atomic_ref_count_inc (&store->refs);
  return store;
}

void
hat_store_unref (HatStore *store)
{
  if (store == NULL || !g_atomic_ref_count_dec (&store->refs))
    return;
  close (store->fd);
  g_free (store->path);
  g_string_chunk_free (store->strings);
  g_ptr_array_unref (store->blocks);
  g_ptr_array_unref (store->decoders);
  g_hash_table_unref (store->plain_frames);
  g_mutex_clear (&store->growing);
  g_mutex_clear (&store->lock);
  g_free (store);
}

gboolean
hat_store_size (HatStore *store, guint64 *out_size, GError **error)
{
  struct stat info;
  if (fstat (store->fd, &info) != 0)
    return set_io_error (store->path, errno, error);
  *out_size = (guint64) info.st_size;
  return TRUE;
}

gpointer
hat_store_alloc0 (HatStore *store, gsize n_bytes)
{
  gpointer block = g_malloc0 (MAX (n_bytes, 1));
  g_ptr_array_add (store->blocks, block);
  return block;
}

const char *
hat_store_string (HatStore *store, const char *string)
{
  return g_string_chunk_insert_const (store->strings, string);
}

HatDecoder *
hat_store_take_decoder (HatStore *store)
{
  HatDecoder *decoder = NULL;
  g_mutex_lock (&store->lock);
  if (store->decoders->len > 0)
    decoder = g_ptr_array_steal_index_fast (store->decoders, store->decoders->len - 1);
  g_mutex_unlock (&store->lock);
  if (decoder)
    return decoder;
  decoder = g_new0 (HatDecoder, 1);
  decoder->zstd = ZSTD_createDCtx ();
  return decoder;
}

void
hat_store_return_decoder (HatStore *store, HatDecoder *decoder)
{
  g_mutex_lock (&store->lock);
  g_ptr_array_add (store->decoders, decoder);
  g_mutex_unlock (&store->lock);
}

void
hat_store_set_damaged (HatStore *store, guint64 offset, const char *wrong, GError **error)
{
  g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "%s: damaged at offset %" G_GUINT64_FORMAT ": %s", store->path, offset,
               wrong);
}

/* The payload, verified and decompressed, or what is wrong with it. */
static const char *
open_payload (HatDecoder *decoder, const HatChunkHeader *header, HatReader *out_reader)
{
  if (!hat_chunk_checksum_is_right (header, decoder->stored.data))
    return "wrong checksum";
  *out_reader = (HatReader){ .at = decoder->stored.data, .end = decoder->stored.data + header->stored_bytes };
  if (!(header->flags & HAT_CHUNK_FLAG_ZSTD))
    return NULL;
  decoder->raw.len = 0;
  hat_bytes_reserve (&decoder->raw, header->raw_bytes + 1);
  const gsize got = ZSTD_decompressDCtx (decoder->zstd, decoder->raw.data, header->raw_bytes, decoder->stored.data,
                                         header->stored_bytes);
  if (ZSTD_isError (got) || got != header->raw_bytes)
    return "does not decompress";
  *out_reader = (HatReader){ .at = decoder->raw.data, .end = decoder->raw.data + got };
  return NULL;
}

gboolean
hat_store_read_chunk (HatStore *store, HatDecoder *decoder, guint64 offset, guint64 left, HatChunkHeader *out_header,
                      HatReader *out_reader, GError **error)
{
  const char *wrong = "the file is cut off in the middle of a chunk";
  if (left >= sizeof (*out_header))
    {
      if (!read_at (store, offset, out_header, sizeof (*out_header), error))
        return FALSE;
      wrong = hat_chunk_header_check (out_header, left);
    }
  if (wrong == NULL)
    {
      decoder->stored.len = 0;
      hat_bytes_reserve (&decoder->stored, out_header->stored_bytes + 1);
      if (!read_at (store, offset + sizeof (*out_header), decoder->stored.data, out_header->stored_bytes, error))
        return FALSE;
      wrong = open_payload (decoder, out_header, out_reader);
    }
  if (wrong)
    hat_store_set_damaged (store, offset, wrong, error);
  return wrong == NULL;
}

gboolean
hat_store_read_last_index (HatStore *store, guint64 bytes, GArray *entries, gint64 *out_duration_ns)
{
  HatDecoder *decoder = hat_store_take_decoder (store);
  HatChunkHeader header;
  HatReader reader;
  gboolean found = FALSE;
  if (bytes >= sizeof (HatFileHeader) + HAT_TRAILER_BYTES
      && hat_store_read_chunk (store, decoder, bytes - HAT_TRAILER_BYTES, HAT_TRAILER_BYTES, &header, &reader, NULL)
      && header.type == HAT_TYPE_TRAILER && hat_reader_left (&reader) == 16)
    {
      guint64 at;
      memcpy (&at, reader.at, sizeof (at));
      found = at >= sizeof (HatFileHeader) && at < bytes
              && hat_store_read_chunk (store, decoder, at, bytes - at, &header, &reader, NULL)
              && header.type == HAT_TYPE_INDEX && hat_index_read (&reader, entries, out_duration_ns);
    }
  hat_store_return_decoder (store, decoder);
  return found;
}
