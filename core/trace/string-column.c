/* SPDX-License-Identifier: Apache-2.0 */

/* Strings as numbers of strings. */

#include "core/trace/string-column.h"

void
hat_string_column_init (HatStringColumn *column)
{
  *column = (HatStringColumn){ .numbers = g_hash_table_new (g_str_hash, g_str_equal) };
}

void
hat_string_column_put (HatStringColumn *column, const char *string)
{
  const guint32 number = GPOINTER_TO_UINT (g_hash_table_lookup (column->numbers, string));
  if (number == 0)
    {
      g_hash_table_insert (column->numbers, (gpointer) string, GUINT_TO_POINTER (++column->n));
      hat_bytes_put_string (&column->strings, string);
      hat_bytes_put_varint (&column->codes, 0);
    }
  else
    hat_bytes_put_varint (&column->codes, 1 + column->n - number);
}

void
hat_string_column_finish (HatStringColumn *column, HatBytes *out)
{
  hat_bytes_put_varint (out, column->n);
  hat_bytes_put (out, column->strings.data, column->strings.len);
  hat_bytes_put (out, column->codes.data, column->codes.len);
  hat_bytes_clear (&column->strings);
  hat_bytes_clear (&column->codes);
  g_hash_table_unref (column->numbers);
}

const char **
hat_string_column_read (HatReader *reader, guint32 n_items)
{
  const guint32 n = hat_reader_count (reader, 1);
  g_autofree const char **strings = g_new (const char *, n);
  for (guint32 i = 0; i < n; i++)
    strings[i] = hat_reader_string (reader);
  if (n_items > hat_reader_left (reader))
    return NULL;
  g_autofree const char **items = g_new (const char *, n_items + 1); /* NULL would mean damage */
  guint32 met = 0;
  for (guint32 i = 0; i < n_items; i++)
    {
      const guint64 code = hat_reader_upto (reader, met);
      if (reader->bad || (code == 0 && met == n))
        return NULL;
      items[i] = strings[code == 0 ? met++ : met - (guint32) code];
    }
  return (const char **) g_steal_pointer (&items);
}
