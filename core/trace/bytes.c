/* SPDX-License-Identifier: Apache-2.0 */

/* The slow halves of reading bytes. */

#include "core/trace/bytes.h"

guint64
hat_reader_varint_slow (HatReader *reader)
{
  guint64 value = 0;
  for (guint shift = 0; shift < 64 && reader->at < reader->end; shift += 7)
    {
      const guint8 byte = *reader->at++;
      if (shift == 63 && byte > 1)
        break;
      value |= (guint64) (byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
  hat_reader_fail (reader);
  return 0;
}

const guint8 *
hat_reader_data (HatReader *reader, gsize n)
{
  if (n > hat_reader_left (reader))
    {
      hat_reader_fail (reader);
      return NULL;
    }
  const guint8 *data = reader->at;
  reader->at += n;
  return data;
}

const char *
hat_reader_string (HatReader *reader)
{
  const guint8 *nul = reader->bad ? NULL : memchr (reader->at, 0, hat_reader_left (reader));
  if (nul == NULL)
    {
      hat_reader_fail (reader);
      return "";
    }
  const char *string = (const char *) reader->at;
  reader->at = nul + 1;
  return string;
}
