/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Pairs of numbers to dense ordinals from 0, in order of first sight: open addressing, 4 bytes a slot, 16 a key. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint64 a, b;
} HatInternKey;

typedef struct
{
  HatInternKey *keys; /* by ordinal */
  guint32 *slots;     /* ordinal + 1; 0 = empty */
  guint32 n, capacity;
  guint bits;
} HatIntern; /* all zero = empty */

/* *out_is_new: it was not there before. */
guint32 hat_intern (HatIntern *intern, HatInternKey key, gboolean *out_is_new);
void hat_intern_clear (HatIntern *intern);

G_END_DECLS
