/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a sampled recording says about all blocks: the one place where figures are scaled.
 *
 * A block of s bytes is in the sample with probability p = 1 - exp (-s / R), and stands for w = 1 / p blocks and w * s bytes. Sums
 * of these are unbiased; the variance of a sum of x * w is estimated by the sum of x^2 * w * (w - 1) (Horvitz and Thompson 1952).
 * Blocks of 0 bytes are never sampled and not in any estimate. A reallocation is the end of one block and the birth of another, with
 * a chance of its own. Whether a free was the next thing its thread did is not known: nothing is said about temporary blocks.
 *
 * Every query in heap.h answers with such estimates when the recording is a sample, each with its variance or error beside it. Only
 * hat_heap_live() and hat_heap_events() give the blocks of the sample as they are; hat_heap_stands_for() tells what one stands for. */

#include "core/heap/heap.h"

G_BEGIN_DECLS

typedef struct
{
  double value, variance;
} HatEstimate;

typedef struct
{
  HatEstimate blocks, bytes;
} HatStandsFor;

/* The mean distance of sample points in bytes; 0: every block was recorded. */
guint64 hat_sample_bytes (HatTrace *trace);
guint64 hat_heap_sample_bytes (HatHeap *heap);

/* What a recorded block of `size` bytes stands for; for itself, with sample_bytes 0. */
HatStandsFor hat_stands_for (guint64 size, guint64 sample_bytes);
HatStandsFor hat_heap_stands_for (HatHeap *heap, guint64 size);

/* If no block of some kind is in the sample, there are fewer bytes than this of them in 95 of 100 recordings. */
guint64 hat_sample_unseen_bytes (HatTrace *trace);

/* Takes part in a sum (sign 1) or leaves it (-1). */
void hat_estimate_add (HatEstimate *sum, const HatEstimate *part, double sign);
guint64 hat_estimate_value (const HatEstimate *estimate); /* rounded */
guint64 hat_estimate_error (const HatEstimate *estimate); /* see hat_error_of() */

/* ---- words; all are g_free'd ---- */

/* "sampled, one in 512 KiB"; NULL: everything was recorded. */
char *hat_sample_words (HatTrace *trace);
/* Why a sample has no snapshots, and nothing that is found in them. */
#define HAT_SAMPLE_HAS_NO_SNAPSHOT                                                                                    \
  "A sampled recording has no snapshots, classes or graph: most blocks are unknown, and what points where with them."
/* "No block of the sample was live at the end: less than 1.50 MiB in all." with `what` the first part. */
char *hat_sample_none_words (HatTrace *trace, const char *what);
/* "stands for ~5,243 blocks, ~512 KiB"; NULL: for itself only. */
char *hat_stands_for_words (HatHeap *heap, guint64 size);
/* "12,345 blocks, 4.51 MiB live at 1.20 s", or "~4.51 MiB ±451 KiB in ~12,345 ±1,234 blocks live at 1.20 s, 9 of them in the sample". */
char *hat_live_words (HatHeap *heap, const HatLive *live);

/* ---- counting a sampled recording: what HatAccount is to a full one. One thread ---- */

typedef struct _HatEstimator HatEstimator;

HatEstimator *hat_estimator_new (guint64 sample_bytes);
void hat_estimator_free (HatEstimator *estimator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatEstimator, hat_estimator_free)

/* Before any event: a block that lives already. Keys are stacks, or what takes their place; `is_inherited`: counts in the totals only. */
void hat_estimator_start (HatEstimator *estimator, guint32 key, guint64 size, gboolean is_inherited);
/* `old`: the block that ends, id 0 = none. */
void hat_estimator_add (HatEstimator *estimator, const HatEvent *event, guint32 key, const HatBlock *old, guint32 old_key,
                        gboolean is_old_inherited);
/* What there is so far, with variances. The peak's event is counted from the first one added. */
HatSites *hat_estimator_sites (HatEstimator *estimator);

G_END_DECLS
