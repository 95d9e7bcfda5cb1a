/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* 64-bit keys to 32-bit values. Open addressing with the keys in the slots, 12 bytes each: a look-up of a known key is one cache miss. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct __attribute__ ((packed))
{
  guint64 key;
  guint32 value; /* 0 = empty */
} HatInternSlot;

typedef struct
{
  HatInternSlot *slots;
  guint32 n;
  guint bits;
} HatIntern; /* all zero = empty */

/* The key's slot, until the next call. A value of 0: it was not there before; the caller gives it one. */
HatInternSlot *hat_intern (HatIntern *intern, guint64 key);
/* A hint that the key will be looked up soon. */
void hat_intern_prefetch (const HatIntern *intern, guint64 key);
void hat_intern_clear (HatIntern *intern);

G_END_DECLS
