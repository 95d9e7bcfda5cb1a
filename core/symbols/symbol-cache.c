/* SPDX-License-Identifier: Apache-2.0
 *
 * A file is one chunk as traces have them, with its checksum: for whom it is good, the addresses, and a table of symbols by their ordinals. */

#include "core/symbols/symbol-cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/trace/container.h"
#include "core/trace/trace-private.h"

#define FORMAT 1u /* raise it when other answers are given for the same files */
#define MAX_ADDRESSES (1u << 17)
#define MAX_FOLDER_BYTES (64u << 20)

/* Sorted addresses, and their frames by ordinal. */
typedef struct
{
  GArray *addresses; /* guint64 */
  HatSymbols *symbols;
} Table;

struct _HatSymbolCache
{
  char *folder, *path;
  HatBytes identity; /* whose answers these are */
  Table kept, added;
};

static Table
table_new (void)
{
  return (Table){ g_array_new (FALSE, FALSE, sizeof (guint64)), hat_symbols_new () };
}

static void
table_clear (Table *table)
{
  g_array_unref (table->addresses);
  hat_symbols_free (table->symbols);
}

static void
table_add (Table *table, guint64 address, const HatSourceFrame *frames, guint n)
{
  hat_symbols_add (table->symbols, table->addresses->len, frames, n);
  g_array_append_val (table->addresses, address);
}

static void
put_file (HatBytes *bytes, const HatElfFile *file)
{
  hat_bytes_put_varint (bytes, file ? file->size : 0);
  hat_bytes_put_signed (bytes, file ? file->changed_ns : 0);
}

/* ---- reading ---- */

static gboolean
read_table (HatSymbolCache *cache, HatReader *reader)
{
  const guint8 *identity = hat_reader_data (reader, cache->identity.len);
  if (identity == NULL || memcmp (identity, cache->identity.data, cache->identity.len) != 0)
    return FALSE;
  const guint32 n = hat_reader_count (reader, 1);
  guint64 address = 0;
  for (guint32 i = 0; i < n && !reader->bad; i++)
    {
      address += hat_reader_varint (reader);
      g_array_append_val (cache->kept.addresses, address);
    }
  HatSymbols *symbols;
  if (reader->bad || hat_symbols_read (reader, n, &symbols) != NULL)
    return FALSE;
  hat_symbols_free (cache->kept.symbols);
  cache->kept.symbols = symbols;
  return TRUE;
}

static void
read_file (HatSymbolCache *cache)
{
  g_autofree char *text = NULL;
  gsize length;
  if (!g_file_get_contents (cache->path, &text, &length, NULL) || length < sizeof (HatChunkHeader))
    return;
  HatChunkHeader header;
  memcpy (&header, text, sizeof header);
  const guint8 *payload = (const guint8 *) text + sizeof header;
  HatReader reader = { payload, (const guint8 *) text + length, FALSE };
  if (hat_chunk_header_check (&header, length) != NULL || header.stored_bytes != length - sizeof header || header.flags != 0
      || !hat_chunk_checksum_is_right (&header, payload) || !read_table (cache, &reader))
    g_array_set_size (cache->kept.addresses, 0);
}

HatSymbolCache *
hat_symbol_cache_open (const char *folder, const HatModuleFiles *files)
{
  const HatElfFile *image = files->image;
  if (folder == NULL || image == NULL || image->build_id_length == 0)
    return NULL;
  HatSymbolCache *cache = g_new0 (HatSymbolCache, 1);
  g_autoptr (GString) name = g_string_new (NULL);
  for (gsize i = 0; i < image->build_id_length; i++)
    g_string_append_printf (name, "%02x", image->build_id[i]);
  cache->folder = g_strdup (folder);
  cache->path = g_build_filename (folder, name->str, NULL);
  hat_bytes_put_varint (&cache->identity, FORMAT);
  hat_bytes_put_string (&cache->identity, HAT_VERSION);
  put_file (&cache->identity, image);
  put_file (&cache->identity, files->debug);
  cache->kept = table_new ();
  cache->added = table_new ();
  read_file (cache);
  return cache;
}

void
hat_symbol_cache_free (HatSymbolCache *cache)
{
  if (cache == NULL)
    return;
  g_free (cache->folder);
  g_free (cache->path);
  hat_bytes_clear (&cache->identity);
  table_clear (&cache->kept);
  table_clear (&cache->added);
  g_free (cache);
}

gboolean
hat_symbol_cache_is_empty (const HatSymbolCache *cache)
{
  return cache->kept.addresses->len == 0;
}

static int
compare_addresses (const void *a, const void *b)
{
  const guint64 one = *(const guint64 *) a, other = *(const guint64 *) b;
  return one < other ? -1 : one > other;
}

const HatSourceFrame *
hat_symbol_cache_find (const HatSymbolCache *cache, guint64 address, guint *out_n)
{
  guint at;
  if (!g_array_binary_search (cache->kept.addresses, &address, compare_addresses, &at))
    return NULL;
  return hat_symbols_find (cache->kept.symbols, at, out_n);
}

/* ---- writing ---- */

void
hat_symbol_cache_add (HatSymbolCache *cache, guint64 address, const HatSourceFrame *frames, guint n)
{
  table_add (&cache->added, address, frames, n);
}

static void
copy_next (Table *to, const Table *from, guint *next)
{
  guint n = 0;
  const HatSourceFrame *frames = hat_symbols_find (from->symbols, *next, &n);
  table_add (to, g_array_index (from->addresses, guint64, *next), frames, n);
  (*next)++;
}

static Table
merge (const Table *one, const Table *other)
{
  Table both = table_new ();
  for (guint i = 0, k = 0; i < one->addresses->len || k < other->addresses->len;)
    if (k == other->addresses->len
        || (i < one->addresses->len && g_array_index (one->addresses, guint64, i) < g_array_index (other->addresses, guint64, k)))
      copy_next (&both, one, &i);
    else
      copy_next (&both, other, &k);
  return both;
}

static void
write_table (HatBytes *out, const Table *table)
{
  guint64 last = 0;
  hat_bytes_put_varint (out, table->addresses->len);
  for (guint i = 0; i < table->addresses->len; last = g_array_index (table->addresses, guint64, i++))
    hat_bytes_put_varint (out, g_array_index (table->addresses, guint64, i) - last);
  hat_symbols_write (table->symbols, out);
}

static gboolean
write_file (const char *path, const HatChunkHeader *header, const HatBytes *payload)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return FALSE;
  const gboolean is_written = write (fd, header, sizeof *header) == sizeof *header && write (fd, payload->data, payload->len) == (gssize) payload->len;
  return close (fd) == 0 && is_written;
}

typedef struct
{
  char *path;
  gint64 bytes, changed;
} Kept;

static int
compare_ages (gconstpointer a, gconstpointer b)
{
  const Kept *one = a, *other = b;
  return one->changed < other->changed ? 1 : one->changed > other->changed ? -1 : 0;
}

static void
kept_clear (gpointer data)
{
  g_free (((Kept *) data)->path);
}

/* Whatever lies in the folder counts: a writer may have been killed. */
void
hat_symbol_cache_trim (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (Kept));
  g_array_set_clear_func (files, kept_clear);
  struct stat status;
  gint64 bytes = 0;
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    {
      Kept file = { .path = g_build_filename (folder, name, NULL) };
      if (stat (file.path, &status) == 0)
        file.bytes = status.st_size, file.changed = status.st_mtime;
      g_array_append_val (files, file);
    }
  g_array_sort (files, compare_ages);
  for (guint i = 0; i < files->len; i++)
    if ((bytes += g_array_index (files, Kept, i).bytes) > MAX_FOLDER_BYTES)
      unlink (g_array_index (files, Kept, i).path);
}

void
hat_symbol_cache_save (HatSymbolCache *cache)
{
  if (cache->added.addresses->len == 0 || cache->added.addresses->len > MAX_ADDRESSES || g_mkdir_with_parents (cache->folder, 0700) != 0)
    return;
  if (cache->added.addresses->len + cache->kept.addresses->len > MAX_ADDRESSES)
    g_array_set_size (cache->kept.addresses, 0);
  Table both = merge (&cache->kept, &cache->added);
  HatBytes payload = { 0 };
  hat_bytes_put (&payload, cache->identity.data, cache->identity.len);
  write_table (&payload, &both);
  table_clear (&both);
  HatChunkHeader header = { .magic = HAT_CHUNK_MAGIC, .type = HAT_TYPE_SYMBOLS, .raw_bytes = payload.len, .stored_bytes = payload.len };
  hat_chunk_header_seal (&header, payload.data);
  g_autofree char *beside = g_strdup_printf ("%s.%d", cache->path, (int) getpid ());
  if (!write_file (beside, &header, &payload) || rename (beside, cache->path) != 0)
    unlink (beside);
  hat_bytes_clear (&payload);
}
