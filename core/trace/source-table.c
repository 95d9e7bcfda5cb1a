/* SPDX-License-Identifier: Apache-2.0 */

/* HatSymbols: source frames by code location, and their form in the file. */

#include "core/trace/string-column.h"
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
  HatStringColumn functions, files;
  guint64 last_line = 0;
  hat_string_column_init (&functions);
  hat_string_column_init (&files);
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
          hat_string_column_put (&functions, frame->function);
          hat_string_column_put (&files, frame->file ? frame->file : "");
          hat_bytes_put_signed (&lines, (gint64) (flags_and_line (frame) - last_line));
          last_line = flags_and_line (frame);
        }
    }
  hat_bytes_put_varint (out, n);
  hat_bytes_put_varint (out, n_frames);
  hat_bytes_put (out, counts.data, counts.len);
  hat_string_column_finish (&functions, out);
  hat_string_column_finish (&files, out);
  hat_bytes_put (out, lines.data, lines.len);
  hat_bytes_clear (&counts);
  hat_bytes_clear (&lines);
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
  g_autofree const char **functions = hat_string_column_read (reader, n_frames);
  g_autofree const char **files = functions ? hat_string_column_read (reader, n_frames) : NULL;
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
