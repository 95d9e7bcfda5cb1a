/* SPDX-License-Identifier: Apache-2.0
 *
 * One instant: the live set, the memory regions around it, and single steps from event to event. */

#include "core/heap/heap-private.h"

#include <string.h>

#define RADIX_BITS 11
#define RADIX (1u << RADIX_BITS)

/* By address: least significant digit first, leaving out digits in which no two addresses differ. `spare` has the
 * same room. Returns the one of the two that holds the result. */
static HatBlock *
sort_by_address (HatBlock *blocks, HatBlock *spare, guint64 n)
{
  guint64 all_and = G_MAXUINT64, all_or = 0;

  for (guint64 i = 0; i < n; i++)
    {
      all_and &= blocks[i].address;
      all_or |= blocks[i].address;
    }
  const guint64 differing = all_and ^ all_or;
  guint64 *starts = g_new (guint64, RADIX);
  for (guint shift = 0; shift < 64; shift += RADIX_BITS)
    {
      if (((differing >> shift) & (RADIX - 1)) == 0)
        continue;
      memset (starts, 0, RADIX * sizeof (guint64));
      for (guint64 i = 0; i < n; i++)
        starts[(blocks[i].address >> shift) & (RADIX - 1)]++;
      guint64 sum = 0;
      for (guint d = 0; d < RADIX; d++)
        {
          const guint64 count = starts[d];
          starts[d] = sum;
          sum += count;
        }
      for (guint64 i = 0; i < n; i++)
        spare[starts[(blocks[i].address >> shift) & (RADIX - 1)]++] = blocks[i];
      HatBlock *sorted = spare;
      spare = blocks;
      blocks = sorted;
    }
  g_free (starts);
  return blocks;
}

HatLive *
hat_heap_live (HatHeap *heap, gint64 time, const HatProgress *progress, GError **error)
{
  guint64 ordinal, n_allocated = 0;
  HatReplayIter iter;

  if (!hat_heap_locate (heap, time, &ordinal, error))
    return NULL;
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  hat_replay_set_progress (replay, progress, "finding live blocks", ordinal);
  if (!hat_replay_seek (replay, ordinal, error) || !hat_replay_iter_init (&iter, replay, FALSE, error))
    return NULL;

  HatLive *live = g_new0 (HatLive, 1);
  live->time_ns = time;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      if (live->n == n_allocated)
        {
          n_allocated = MAX (1024, n_allocated + n_allocated / 2);
          live->blocks = g_renew (HatBlock, live->blocks, n_allocated);
        }
      live->blocks[live->n++] = *block;
      live->bytes += block->size;
    }
  HatBlock *spare = g_new (HatBlock, live->n);
  HatBlock *sorted = sort_by_address (live->blocks, spare, live->n);
  g_free (sorted == spare ? live->blocks : spare);
  live->blocks = sorted;
  return live;
}

void
hat_live_free (HatLive *live)
{
  if (live == NULL)
    return;
  g_free (live->blocks);
  g_free (live);
}

const HatBlock *
hat_live_find (const HatLive *live, guint64 address)
{
  guint64 low = 0, high = live->n;

  while (low < high)
    {
      const guint64 middle = low + (high - low) / 2;
      if (live->blocks[middle].address <= address)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == 0)
    return NULL;
  const HatBlock *block = &live->blocks[low - 1];
  return address - block->address < MAX (block->size, 1) ? block : NULL;
}

/* ---- samples ---- */

/* The last sample at or before `time`, or -1. */
static gint
sample_at (const HatSample *samples, guint n, gint64 time)
{
  guint low = 0, high = n;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (samples[middle].time_ns <= time)
        low = middle + 1;
      else
        high = middle;
    }
  return (gint) low - 1;
}

const HatSample *
hat_heap_regions_at (HatHeap *heap, gint64 time)
{
  guint n;
  const HatSample *samples = hat_trace_samples (heap->trace, heap->process, &n);

  for (gint i = sample_at (samples, n, time); i >= 0; i--)
    if (samples[i].n_regions > 0)
      return &samples[i];
  for (guint i = 0; i < n; i++)
    if (samples[i].n_regions > 0)
      return &samples[i];
  return n > 0 ? &samples[0] : NULL;
}

guint64
hat_heap_rss_at (HatHeap *heap, gint64 time)
{
  guint n;
  const HatSample *samples = hat_trace_samples (heap->trace, heap->process, &n);
  const gint i = sample_at (samples, n, time);

  return i >= 0 ? samples[i].rss_bytes : 0;
}

/* ---- steps ---- */

static gboolean
time_of_event (HatHeap *heap, guint64 ordinal, gint64 *out_time)
{
  const guint chunk = hat_heap_chunk_of (heap, ordinal);
  HatEvent *events = hat_heap_chunk_events (heap, chunk, NULL);

  if (events == NULL)
    return FALSE;
  *out_time = events[ordinal - heap->chunks[chunk].first_event].time_ns;
  g_atomic_rc_box_release (events);
  return TRUE;
}

gint64
hat_heap_step (HatHeap *heap, gint64 time, gint step)
{
  guint64 n_before;
  gint64 result;

  /* A damaged chunk has nothing to step to. */
  if (step == 0 || heap->n_events == 0 || !hat_heap_locate (heap, time, &n_before, NULL))
    return time;
  /* Between two events, both neighbours are one step away. */
  gint64 target = (gint64) n_before - 1 + step;
  if (step < 0 && n_before > 0 && time_of_event (heap, n_before - 1, &result) && result < time)
    target++;
  if (target < 0)
    return heap->start_ns;
  return time_of_event (heap, MIN ((guint64) target, heap->n_events - 1), &result) ? result : time;
}

HatHeapEvent *
hat_heap_events (HatHeap *heap, HatRange range, guint max, guint *out_n, gboolean *out_complete, GError **error)
{
  guint64 first, end;
  HatReplayBatch batch;

  if (!hat_heap_locate_range (heap, range, &first, &end, error))
    return NULL;
  const gboolean complete = end - first <= max;
  end = MIN (end, first + max);

  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  if (!hat_replay_seek (replay, first, error))
    return NULL;
  g_autofree HatHeapEvent *result = g_new (HatHeapEvent, MAX (end - first, 1));
  guint n = 0;
  do
    {
      if (!hat_replay_next (replay, end, &batch, error))
        return NULL;
      for (guint i = 0; i < batch.n; i++)
        result[n++] = (HatHeapEvent) { .event = batch.events[i], .old = batch.olds[i] };
    }
  while (batch.n > 0);
  *out_n = n;
  if (out_complete)
    *out_complete = complete;
  return g_steal_pointer (&result);
}
