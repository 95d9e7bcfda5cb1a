/* SPDX-License-Identifier: Apache-2.0 */

/* HatSymbols: source frames by code location, and their form in the file. */

#include "core/trace/trace-private.h"

typedef struct
{
  guint32 first, n; /* n = 0: nothing known */
} Entry;

struct _HatSymbols
{
  gatomicrefcount refs;
  GStringChunk *strings;
  GArray *entries; /* Entry by HatFrameId */
  GArray *frames;  /* HatSourceFrame */
};

HatSymbols *
hat_symbols_new (void)
{
  HatSymbols *symbols = g_new0 (HatSymbols, 1);
  g_atomic_ref_count_init (&symbols->refs);
  symbols->strings = g_string_chunk_new (4096);
  symbols->entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  symbols->frames = g_array_new (FALSE, TRUE, sizeof (HatSourceFrame));
  return symbols;
}

HatSymbols *
hat_symbols_ref (HatSymbols *symbols)
{
  g_atomic_ref_count_inc (&symbols->refs);
  return symbols;
}

void
hat_symbols_free (HatSymbols *symbols)
{
  if (symbols == NULL || !g_atomic_ref_count_dec (&symbols->refs))
    return;
  g_string_chunk_free (symbols->strings);
  g_array_unref (symbols->entries);
  g_array_unref (symbols->frames);
  g_free (symbols);
}

void
hat_symbols_add (HatSymbols *symbols, HatFrameId frame, const HatSourceFrame *source, guint n)
{
  if (frame >= symbols->entries->len)
    g_array_set_size (symbols->entries, frame + 1);
  g_array_index (symbols->entries, Entry, frame) = (Entry){ symbols->frames->len, n };
  for (guint i = 0; i < n; i++)
    {
      HatSourceFrame copy = source[i];
      copy.function = g_string_chunk_insert_const (symbols->strings, copy.function ? copy.function : "");
      copy.file = copy.file && *copy.file ? g_string_chunk_insert_const (symbols->strings, copy.file) : NULL;
      g_array_append_val (symbols->frames, copy);
    }
}

const HatSourceFrame *
hat_symbols_find (const HatSymbols *symbols, HatFrameId frame, guint *out_n)
{
  if (symbols == NULL || frame >= symbols->entries->len)
    return NULL;
  const Entry *entry = &g_array_index (symbols->entries, Entry, frame);
  if (entry->n == 0)
    return NULL;
  *out_n = entry->n;
  return &g_array_index (symbols->frames, HatSourceFrame, entry->first);
}

/* ---- file ---- */

/* Numbers strings in the order they are met; they are interned, so the pointer is the key. */
typedef struct
{
  GHashTable *numbers;
  HatBytes strings, codes;
  guint n;
} Names;

/* Codes a string as 0 = a new one, else 1 + how many names ago it was new. */
static void
names_put (Names *names, const char *string)
{
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (names->numbers, string));
  if (number == 0)
    {
      g_hash_table_insert (names->numbers, (gpointer) string, GUINT_TO_POINTER (++names->n));
      hat_bytes_put_string (&names->strings, string);
      hat_bytes_put_varint (&names->codes, 0);
    }
  else
    hat_bytes_put_varint (&names->codes, 1 + names->n - number);
}

static void
names_finish (Names *names, HatBytes *out)
{
  hat_bytes_put_varint (out, names->n);
  hat_bytes_put (out, names->strings.data, names->strings.len);
  hat_bytes_put (out, names->codes.data, names->codes.len);
  hat_bytes_clear (&names->strings);
  hat_bytes_clear (&names->codes);
  g_hash_table_unref (names->numbers);
}

static guint64
flags_and_line (const HatSourceFrame *frame)
{
  return (guint64) frame->line << 1 | (frame->is_inline != FALSE);
}

void
hat_symbols_write (const HatSymbols *symbols, HatBytes *out)
{
  guint n = 0, n_frames = 0;
  HatBytes counts = { 0 }, lines = { 0 };
  Names functions = { .numbers = g_hash_table_new (NULL, NULL) }, files = { .numbers = g_hash_table_new (NULL, NULL) };
  guint64 last_line = 0;
  for (guint id = 0, next = 0; id < symbols->entries->len; id++)
    {
      const Entry *entry = &g_array_index (symbols->entries, Entry, id);
      if (entry->n == 0)
        continue;
      hat_bytes_put_varint (&counts, id - next);
      hat_bytes_put_varint (&counts, entry->n);
      next = id + 1;
      n++;
      n_frames += entry->n;
      for (guint i = 0; i < entry->n; i++)
        {
          const HatSourceFrame *frame = &g_array_index (symbols->frames, HatSourceFrame, entry->first + i);
          names_put (&functions, frame->function);
          names_put (&files, frame->file ? frame->file : "");
          hat_bytes_put_signed (&lines, (gint64) (flags_and_line (frame) - last_line));
          last_line = flags_and_line (frame);
        }
    }
  hat_bytes_put_varint (out, n);
  hat_bytes_put_varint (out, n_frames);
  hat_bytes_put (out, counts.data, counts.len);
  names_finish (&functions, out);
  names_finish (&files, out);
  hat_bytes_put (out, lines.data, lines.len);
  hat_bytes_clear (&counts);
  hat_bytes_clear (&lines);
}

/* One string per source frame, in place in the payload; NULL if damaged. */
static const char **
names_read (HatReader *reader, guint32 n_frames)
{
  const guint32 n = hat_reader_count (reader, 1);
  g_autofree const char **strings = g_new (const char *, n);
  for (guint32 i = 0; i < n; i++)
    strings[i] = hat_reader_string (reader);
  if (n_frames > hat_reader_left (reader))
    return NULL;
  g_autofree const char **names = g_new (const char *, n_frames + 1); /* NULL would mean damage */
  guint32 met = 0;
  for (guint32 i = 0; i < n_frames; i++)
    {
      const guint64 code = hat_reader_upto (reader, met);
      if (reader->bad || (code == 0 && met == n))
        return NULL;
      names[i] = strings[code == 0 ? met++ : met - (guint32) code];
    }
  return (const char **) g_steal_pointer (&names);
}

const char *
hat_symbols_read (HatReader *reader, guint32 n_known, HatSymbols **out_symbols)
{
  static const char *const wrong = "the table of symbols makes no sense";
  const guint32 n = hat_reader_count (reader, 2), n_frames = hat_reader_count (reader, 2);
  HatReader counts = *reader;
  for (guint32 i = 0; i < n; i++)
    {
      hat_reader_varint (reader);
      hat_reader_varint (reader);
    }
  g_autofree const char **functions = names_read (reader, n_frames);
  g_autofree const char **files = functions ? names_read (reader, n_frames) : NULL;
  if (files == NULL)
    return wrong;

  g_autoptr (HatSymbols) symbols = hat_symbols_new ();
  g_autoptr (GArray) frames = g_array_new (FALSE, TRUE, sizeof (HatSourceFrame));
  guint32 used = 0;
  guint64 id = 0, line = 0;
  for (guint32 i = 0; i < n; i++)
    {
      id += hat_reader_upto (&counts, G_MAXUINT32);
      const guint64 count = hat_reader_varint (&counts);
      if (id >= n_known || count == 0 || count > n_frames - used)
        return wrong;
      g_array_set_size (frames, 0);
      for (guint64 j = 0; j < count; j++, used++)
        {
          line += (guint64) hat_reader_signed (reader);
          if (line >> 33 != 0)
            return wrong;
          const HatSourceFrame frame = { functions[used], files[used], (guint32) (line >> 1), line & 1 };
          g_array_append_val (frames, frame);
        }
      hat_symbols_add (symbols, (HatFrameId) id++, (HatSourceFrame *) (gpointer) frames->data, frames->len);
    }
  if (used != n_frames || reader->bad)
    return wrong;
  *out_symbols = g_steal_pointer (&symbols);
  return NULL;
}
