/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the model share: where an instant lies in the stream of events, decoded chunks at hand, what a forked
 * process started with. Ordinals count the events of the process from 0; an instant is the number of events before it. */

#include "core/heap/checkpoints.h"
#include "core/heap/estimate.h"
#include "core/heap/live/account.h"
#include "core/heap/once.h"
#include "core/heap/replay.h"

#define HAT_MAX_BANDS 12
#define HAT_KEPT_CHUNKS 2

typedef struct
{
  HatBlock *blocks; /* by id */
  guint64 n;
} HatInherited; /* g_atomic_rc_box */

/* The figures of a whole process without a summary, and how to go on from there when the recording has grown. */
typedef struct
{
  HatAccount *account;
  HatEstimator *estimator; /* of a sample, instead */
  HatReplay *replay;
} HatContinuation;

struct _HatHeap
{
  gatomicrefcount refs;
  HatTrace *trace;
  guint process;
  const HatProcess *info;
  const HatChunk *chunks;
  guint n_chunks;
  guint64 n_events;
  gint64 start_ns, end_ns;

  guint64 sample_bytes; /* 0 = everything was recorded */
  HatSummary summary;   /* of the trace, or pointing into those below */
  HatSite *sites;
  HatLeaf *leaves;
  HatSites *estimates; /* of a sample: sites and totals are these */

  HatCheckpoints *checkpoints;
  HatOnce growing;       /* HatGrowing */
  HatOnce sizes_at_peak; /* HatSizes */

  GMutex lock; /* for what follows: found when first needed, the same for ever */
  HatInherited *inherited;
  struct
  {
    guint chunk;
    guint age;
    HatEvent *events; /* g_atomic_rc_box */
  } kept[HAT_KEPT_CHUNKS];
  guint kept_age;
  struct
  {
    gboolean known;
    guint n;
    guint32 keys[HAT_MAX_BANDS]; /* of one member each */
  } bands[HAT_BY_AGE];           /* by grouping */
  HatContinuation continuation; /* emptied by the version that goes on */
};

/* Events before and at `time`. Decodes at most one chunk, which is then at hand. */
gboolean hat_heap_locate (HatHeap *heap, gint64 time, guint64 *out_ordinal, GError **error);
gboolean hat_heap_locate_range (HatHeap *heap, HatRange range, guint64 *out_first, guint64 *out_end, GError **error);

/* The chunk that holds event `ordinal` (< n_events). */
guint hat_heap_chunk_of (HatHeap *heap, guint64 ordinal);

/* Decoded, and kept for a while; release with g_atomic_rc_box_release(). */
HatEvent *hat_heap_chunk_events (HatHeap *heap, guint chunk, GError **error);
/* The same if it is at hand, else NULL. */
HatEvent *hat_heap_kept_chunk (HatHeap *heap, guint chunk);

/* What the process started with, a reference. NULL on error only. */
HatInherited *hat_heap_inherited (HatHeap *heap, GError **error);
void hat_heap_share_inherited (HatHeap *heap, HatInherited *inherited);
void hat_inherited_unref (HatInherited *inherited);

/* Live bytes that a block of `size` bytes stands for, rounded. */
static inline guint64
hat_heap_bytes_of (HatHeap *heap, guint64 size)
{
  if (G_LIKELY (heap->sample_bytes == 0))
    return size;
  const HatStandsFor block = hat_heap_stands_for (heap, size);
  return hat_estimate_value (&block.bytes);
}

void hat_growing_free (HatGrowing *growing);

/* Whether the range holds every event. */
gboolean hat_heap_is_whole (HatHeap *heap, HatRange range);

/* Bytes and blocks live after `ordinal` events, which must be 0, n_events or where a leaf begins. */
guint64 hat_heap_leaf_start_bytes (HatHeap *heap, guint64 leaf, guint64 *out_blocks);

/* The key that a grouping gives to a block, before stacks are put together by their functions or modules. */
static inline guint32
hat_group_key (HatTrace *trace, HatGrouping by, HatStackId stack, guint32 thread, guint64 size)
{
  return by == HAT_BY_THREAD ? thread : by == HAT_BY_SIZE ? hat_size_class (size) : by == HAT_BY_TYPE ? hat_type_key (trace, stack, size) : stack;
}

/* Counts by such keys, which take the place of the sites' stacks. */
HatSites *hat_heap_count_range (HatHeap *heap, HatRange range, HatGrouping by, const HatProgress *progress, GError **error);

/* Group of a key for good, and what to call it; see HatBand. Free the label. */
guint64 hat_group_identity (HatTrace *trace, HatGrouping by, guint32 key);
char *hat_group_label (HatTrace *trace, guint process, HatGrouping by, guint32 key);
#define HAT_AGE_CLASSES 7
guint hat_age_class (gint64 age_ns);
gint64 hat_age_class_start (guint cls);
const char *hat_age_class_label (guint cls);

/* A map from every stack of the trace to a number, all 0 at first. Free with g_free. */
guint32 *hat_stack_map_new (HatTrace *trace);
