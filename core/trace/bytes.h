/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two ends of every byte sequence in a trace: HatBytes grows while it is written, HatReader walks over untrusted bytes.
 *
 * Numbers are varints (7 bits a byte, low bits first, at most 10 bytes); signed ones are zigzag coded first. Strings end
 * with a NUL. A reader never runs past its end: the first bad read makes it `bad` for good, and all reads then return 0 (or
 * ""), so that a decoder may check once after a loop, as long as it checks what it uses as an index. */

#include <glib.h>
#include <string.h>

typedef struct
{
  guint8 *data;
  gsize len, capacity;
} HatBytes;

static inline void
hat_bytes_clear (HatBytes *bytes)
{
  g_free (bytes->data);
  *bytes = (HatBytes){ 0 };
}

/* Room for `n` more. */
static inline void
hat_bytes_reserve (HatBytes *bytes, gsize n)
{
  if (G_LIKELY (bytes->capacity - bytes->len >= n))
    return;
  bytes->capacity = MAX (bytes->len + n, MAX (256, bytes->capacity * 2));
  bytes->data = g_realloc (bytes->data, bytes->capacity);
}

static inline void
hat_bytes_put (HatBytes *bytes, const void *data, gsize n)
{
  hat_bytes_reserve (bytes, n);
  if (n > 0)
    memcpy (bytes->data + bytes->len, data, n);
  bytes->len += n;
}

static inline void
hat_bytes_put_byte (HatBytes *bytes, guint8 byte)
{
  hat_bytes_reserve (bytes, 1);
  bytes->data[bytes->len++] = byte;
}

#define HAT_VARINT_BYTES 10u

/* There is room for HAT_VARINT_BYTES. Returns where the next one goes. */
static inline guint8 *
hat_varint_write (guint8 *at, guint64 value)
{
  for (; value >= 0x80; value >>= 7)
    *at++ = (guint8) (value | 0x80);
  *at++ = (guint8) value;
  return at;
}

static inline void
hat_bytes_put_varint (HatBytes *bytes, guint64 value)
{
  hat_bytes_reserve (bytes, HAT_VARINT_BYTES);
  bytes->len = (gsize) (hat_varint_write (bytes->data + bytes->len, value) - bytes->data);
}

static inline guint64
hat_zigzag (gint64 value)
{
  return ((guint64) value << 1) ^ (guint64) (value >> 63);
}

static inline gint64
hat_unzigzag (guint64 value)
{
  return (gint64) (value >> 1) ^ -(gint64) (value & 1);
}

static inline void
hat_bytes_put_signed (HatBytes *bytes, gint64 value)
{
  hat_bytes_put_varint (bytes, hat_zigzag (value));
}

static inline void
hat_bytes_put_string (HatBytes *bytes, const char *string)
{
  hat_bytes_put (bytes, string ? string : "", string ? strlen (string) + 1 : 1);
}

typedef struct
{
  const guint8 *at, *end;
  gboolean bad;
} HatReader;

static inline gsize
hat_reader_left (const HatReader *reader)
{
  return (gsize) (reader->end - reader->at);
}

/* Makes it bad and empty. */
static inline void
hat_reader_fail (HatReader *reader)
{
  reader->bad = TRUE;
  reader->at = reader->end;
}

guint64 hat_reader_varint_slow (HatReader *reader);

static inline guint64
hat_reader_varint (HatReader *reader)
{
  if (G_LIKELY (reader->at < reader->end && *reader->at < 0x80))
    return *reader->at++;
  return hat_reader_varint_slow (reader);
}

static inline gint64
hat_reader_signed (HatReader *reader)
{
  return hat_unzigzag (hat_reader_varint (reader));
}

/* A number that must not exceed `max`: else bad, and 0. */
static inline guint64
hat_reader_upto (HatReader *reader, guint64 max)
{
  const guint64 value = hat_reader_varint (reader);
  if (G_LIKELY (value <= max))
    return value;
  hat_reader_fail (reader);
  return 0;
}

/* A count of things that take at least `each` bytes of what is left: bounds every allocation by the size of the file. */
static inline guint32
hat_reader_count (HatReader *reader, gsize each)
{
  const guint64 value = hat_reader_varint (reader);
  if (G_LIKELY (value <= hat_reader_left (reader) / each && value < G_MAXUINT32))
    return (guint32) value;
  hat_reader_fail (reader);
  return 0;
}

/* NULL if there are not `n` more. */
const guint8 *hat_reader_data (HatReader *reader, gsize n);
/* In place; "" if bad. */
const char *hat_reader_string (HatReader *reader);
