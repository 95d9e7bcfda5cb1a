/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a sampled recording says about all blocks.
 *
 * A block of s bytes is in the sample with probability p = 1 - exp (-s / R), and stands for w = 1 / p blocks and w * s bytes. Sums
 * of these are unbiased; the variance of a sum of x * w is estimated by the sum of x^2 * w * (w - 1). Blocks of 0 bytes are never
 * sampled and not in any estimate. A reallocation is the end of one block and the birth of another, with a chance of its own. */

#include "core/heap/heap.h"

G_BEGIN_DECLS

typedef struct
{
  double value, variance;
} HatEstimate;

typedef struct
{
  HatStackId stack; /* of a site */
  HatEstimate allocations, bytes; /* births in the range, reallocations included */
  HatEstimate frees, bytes_freed; /* ends in the range */
  HatEstimate live_blocks, live_bytes; /* at the end of the range */
} HatEstimates;

typedef struct
{
  guint64 sample_bytes;
  HatEstimates totals;
  HatEstimate peak_bytes; /* highest estimate in the range */
  guint n;
  HatEstimates *sites; /* by stack */
} HatSampled;

/* The mean distance of sample points in bytes; 0: every block was recorded. */
guint64 hat_sample_bytes (HatTrace *trace);
/* For how many blocks a sampled one of `size` bytes stands. */
double hat_sample_weight (guint64 size, guint64 sample_bytes);
/* Half the width of the interval that holds the truth with 95 %. */
double hat_estimate_error (const HatEstimate *estimate);

/* Only for a sampled recording. */
HatSampled *hat_heap_sampled (HatHeap *heap, HatRange range, const HatProgress *progress, GError **error);
void hat_sampled_free (HatSampled *sampled);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSampled, hat_sampled_free)

G_END_DECLS
