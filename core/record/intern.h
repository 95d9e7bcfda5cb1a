/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers to dense ordinals from 0, in order of first sight. Open addressing with the keys in the slots, 12 bytes each: a look-up of a known
 * key is one cache miss. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct __attribute__ ((packed))
{
  guint64 key;
  guint32 number; /* ordinal + 1; 0 = empty */
} HatInternSlot;

typedef struct
{
  HatInternSlot *slots;
  guint32 n;
  guint bits;
} HatIntern; /* all zero = empty */

/* *out_is_new: it was not there before. */
guint32 hat_intern (HatIntern *intern, guint64 key, gboolean *out_is_new);
void hat_intern_clear (HatIntern *intern);

G_END_DECLS
