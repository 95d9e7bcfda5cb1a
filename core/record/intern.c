/* SPDX-License-Identifier: Apache-2.0
 *
 * Interning of pairs. */

#include "core/record/intern.h"

static inline guint32
hash (HatInternKey key, guint bits)
{
  const guint64 mixed = (key.a ^ (key.b >> 32 | key.b << 32)) * 0x9e3779b97f4a7c15ull;
  return ((mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9ull) >> (64 - bits);
}

static void
grow (HatIntern *intern)
{
  intern->bits = intern->bits ? intern->bits + 1 : 8;
  g_free (intern->slots);
  intern->slots = g_new0 (guint32, 1u << intern->bits);
  const guint32 mask = (1u << intern->bits) - 1;
  for (guint32 i = 0; i < intern->n; i++)
    {
      guint32 at = hash (intern->keys[i], intern->bits);
      while (intern->slots[at])
        at = (at + 1) & mask;
      intern->slots[at] = i + 1;
    }
}

guint32
hat_intern (HatIntern *intern, HatInternKey key, gboolean *out_is_new)
{
  if (G_UNLIKELY (intern->bits == 0 || (guint64) (intern->n + 1) * 8 > (5ull << intern->bits)))
    grow (intern);
  const guint32 mask = (1u << intern->bits) - 1;
  guint32 at = hash (key, intern->bits);
  for (guint32 found; (found = intern->slots[at]) != 0; at = (at + 1) & mask)
    if (intern->keys[found - 1].a == key.a && intern->keys[found - 1].b == key.b)
      {
        *out_is_new = FALSE;
        return found - 1;
      }
  if (intern->n == intern->capacity)
    {
      intern->capacity = intern->capacity ? intern->capacity + intern->capacity / 2 : 256;
      intern->keys = g_renew (HatInternKey, intern->keys, intern->capacity);
    }
  intern->keys[intern->n] = key;
  intern->slots[at] = ++intern->n;
  *out_is_new = TRUE;
  return intern->n - 1;
}

void
hat_intern_clear (HatIntern *intern)
{
  g_free (intern->keys);
  g_free (intern->slots);
  *intern = (HatIntern) {};
}
