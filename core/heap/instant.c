/* SPDX-License-Identifier: Apache-2.0
 *
 * One instant: the live set, the memory regions around it, and single steps from event to event. */

#include "core/heap/heap-private.h"

#define DIGIT_BITS 8u
#define N_DIGITS (1u << DIGIT_BITS)
#define FEW_BLOCKS 24u

/* By address, in place (ten million blocks would not fit twice): most significant digit first, every block is swapped to where its digit
 * begins. McIlroy, Bostic, McIlroy, "Engineering radix sort", Computing Systems 6 (1993): American flag sort. */
static void
sort_by_address (HatBlock *blocks, guint64 n)
{
  guint64 next[N_DIGITS] = { 0 }, ends[N_DIGITS], differing = 0;
  gboolean is_sorted = TRUE;

  for (guint64 i = 1; i < n; i++)
    {
      differing |= blocks[i].address ^ blocks[0].address;
      is_sorted &= blocks[i - 1].address <= blocks[i].address;
    }
  if (is_sorted)
    return;
  if (n <= FEW_BLOCKS)
    {
      for (guint64 i = 1; i < n; i++)
        {
          const HatBlock block = blocks[i];
          guint64 at = i;
          for (; at > 0 && blocks[at - 1].address > block.address; at--)
            blocks[at] = blocks[at - 1];
          blocks[at] = block;
        }
      return;
    }
  const guint top = 64 - (guint) __builtin_clzll (differing), shift = top > DIGIT_BITS ? top - DIGIT_BITS : 0;
  for (guint64 i = 0; i < n; i++)
    next[blocks[i].address >> shift & (N_DIGITS - 1)]++;
  guint64 sum = 0;
  for (guint d = 0; d < N_DIGITS; d++)
    {
      sum += next[d];
      ends[d] = sum;
      next[d] = sum - next[d];
    }
  for (guint d = 0; d < N_DIGITS; d++)
    while (next[d] < ends[d])
      {
        HatBlock block = blocks[next[d]];
        for (guint digit; (digit = block.address >> shift & (N_DIGITS - 1)) != d;)
          {
            const HatBlock other = blocks[next[digit]];
            blocks[next[digit]++] = block;
            block = other;
          }
        blocks[next[d]++] = block;
      }
  for (guint d = 0; d < N_DIGITS; d++)
    {
      const guint64 first = d > 0 ? ends[d - 1] : 0;
      sort_by_address (blocks + first, ends[d] - first);
    }
}

HatLive *
hat_heap_live (HatHeap *heap, gint64 time, const HatProgress *progress, GError **error)
{
  guint64 ordinal;

  if (!hat_heap_locate (heap, time, &ordinal, error))
    return NULL;
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  hat_replay_set_progress (replay, progress, "finding live blocks", ordinal);
  if (!hat_replay_seek (replay, ordinal, error))
    return NULL;

  g_autoptr (HatLive) live = g_new0 (HatLive, 1);
  live->time_ns = time;
  live->blocks = hat_replay_take_live (replay, &live->n, error);
  if (live->blocks == NULL)
    return NULL;
  for (guint64 i = 0; i < live->n; i++)
    live->bytes += live->blocks[i].size;
  sort_by_address (live->blocks, live->n);
  return g_steal_pointer (&live);
}

HatLive *
hat_live_ref (HatLive *live)
{
  g_atomic_int_inc (&live->n_others);
  return live;
}

void
hat_live_free (HatLive *live)
{
  if (live == NULL || g_atomic_int_add (&live->n_others, -1) > 0)
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
