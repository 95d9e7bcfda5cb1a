/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-memory.h"

#include <string.h>

#define MAX_STRING 256u

gboolean
hat_memory_read (const HatMemory *memory, guint64 address, gpointer out, gsize n)
{
  guint64 got = 0;
  const guint8 *bytes = memory->contents ? hat_copy_at (memory->contents, address, &got) : NULL;
  if (bytes == NULL || got < n)
    bytes = hat_copy_at (memory->roots, address, &got);
  if (bytes == NULL || got < n)
    return FALSE;
  memcpy (out, bytes, n);
  return TRUE;
}

guint64
hat_memory_word (const HatMemory *memory, guint64 address)
{
  guint64 word;
  return hat_memory_read (memory, address, &word, sizeof word) ? word : 0;
}

const char *
hat_memory_string (const HatMemory *memory, guint64 address)
{
  guint64 n = 0;
  const guint8 *bytes = memory->contents ? hat_copy_at (memory->contents, address, &n) : NULL;
  if (bytes == NULL)
    bytes = hat_copy_at (memory->roots, address, &n);
  if (bytes == NULL)
    bytes = hat_module_reader_at (memory->reader, address, &n);
  return bytes && *bytes && memchr (bytes, 0, MIN (n, MAX_STRING)) ? (const char *) bytes : NULL;
}
