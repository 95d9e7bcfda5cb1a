/* SPDX-License-Identifier: Apache-2.0
 *
 * Interning of numbers. */

#include "core/record/intern.h"

#include "core/trace/big-array.h"

static inline guint32
hash (guint64 key, guint bits)
{
  key = (key ^ key >> 32) * 0x9e3779b97f4a7c15ull;
  return (key ^ key >> 29) * 0xbf58476d1ce4e5b9ull >> (64 - bits);
}

static inline HatInternSlot *
find (HatIntern *intern, guint64 key)
{
  const guint32 mask = (1u << intern->bits) - 1;
  guint32 at = hash (key, intern->bits);
  while (intern->slots[at].value != 0 && intern->slots[at].key != key)
    at = (at + 1) & mask;
  return &intern->slots[at];
}

static void
grow (HatIntern *intern)
{
  const guint32 n_old = intern->slots ? 1u << intern->bits : 0;
  HatInternSlot *old = intern->slots;

  intern->bits = old ? intern->bits + 1 : 10;
  intern->slots = hat_big_new0 (HatInternSlot, (gsize) 1 << intern->bits);
  for (guint32 i = 0; i < n_old; i++)
    if (old[i].value != 0)
      *find (intern, old[i].key) = old[i];
  g_free (old);
}

HatInternSlot *
hat_intern (HatIntern *intern, guint64 key)
{
  if (G_UNLIKELY (intern->slots == NULL || (guint64) (intern->n + 1) * 4 > 3ull << intern->bits))
    grow (intern);
  HatInternSlot *slot = find (intern, key);
  if (slot->value == 0)
    {
      slot->key = key;
      intern->n++;
    }
  return slot;
}

void
hat_intern_prefetch (const HatIntern *intern, guint64 key)
{
  if (intern->slots)
    __builtin_prefetch (&intern->slots[hash (key, intern->bits)]);
}

void
hat_intern_clear (HatIntern *intern)
{
  g_free (intern->slots);
  *intern = (HatIntern) {};
}
