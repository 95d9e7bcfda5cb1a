/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which groups of a process get a band of their own in its timeline: the twelve that were biggest at its peak, at its end and at some
 * instants between. The same at every zoom, so found once per heap and grouping. */

#include "core/heap/heap-private.h"

typedef struct
{
  HatGrouping by;
  guint n;        /* with "other", if there can be others */
  guint other;    /* its number; = n if there is none */
  guint8 *band_of;/* by key; UNKNOWN_BAND = not looked up yet */
  guint n_keys;
  guint64 identities[HAT_MAX_BANDS];
  guint32 members[HAT_MAX_BANDS]; /* a key in each */
  HatTrace *trace;
} HatBands;

gboolean hat_bands_init (HatBands *bands, HatHeap *heap, HatGrouping by, const HatProgress *progress, GError **error);
void hat_bands_clear (HatBands *bands);

/* For the timeline's result. */
HatBand *hat_bands_describe (const HatBands *bands, HatHeap *heap);

guint hat_bands_look_up (HatBands *bands, guint32 key);

#define HAT_UNKNOWN_BAND 0xff

static inline guint
hat_bands_of (HatBands *bands, const HatBlock *block)
{
  const guint32 key = hat_group_key (bands->trace, bands->by, block->stack, block->thread, block->size);
  const guint8 band = G_LIKELY (key < bands->n_keys) ? bands->band_of[key] : bands->other;
  return G_LIKELY (band != HAT_UNKNOWN_BAND) ? band : hat_bands_look_up (bands, key);
}
