/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a process of a trace, its totals, and where instants lie in its events. */

#include "core/heap/heap-private.h"

static void
count_events (HatHeap *heap, const HatReplayBatch *batch)
{
  HatAccount *account = heap->continuation.account;
  HatEstimator *estimator = heap->continuation.estimator;

  for (guint i = 0; i < batch->n; i++)
    {
      const HatBlock *old = &batch->olds[i];
      if (estimator)
        hat_estimator_add (estimator, &batch->events[i], batch->events[i].stack, old, old->stack, !hat_block_is_own (heap, old->id));
      else
        hat_account_add (account, &batch->events[i], old->stack, old->size, !hat_block_is_own (heap, old->id));
    }
}

static gboolean
count_until_end (HatHeap *heap, const HatProgress *progress, GError **error)
{
  HatReplay *replay = heap->continuation.replay;
  HatReplayBatch batch;

  hat_replay_set_progress (replay, progress, "reading events", heap->n_events);
  do
    {
      if (!hat_replay_next (replay, heap->n_events, &batch, error))
        return FALSE;
      count_events (heap, &batch);
    }
  while (batch.n > 0);
  return TRUE;
}

static void
continuation_clear (HatContinuation *continuation)
{
  g_clear_pointer (&continuation->account, hat_account_free);
  g_clear_pointer (&continuation->estimator, hat_estimator_free);
  g_clear_pointer (&continuation->replay, hat_replay_free);
}

/* What the process inherited is to be estimated, too. */
static gboolean
start_estimator (HatHeap *heap, GError **error)
{
  HatReplayIter iter;

  heap->continuation.estimator = hat_estimator_new (heap->sample_bytes);
  if (!hat_replay_iter_init (&iter, heap->continuation.replay, FALSE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    hat_estimator_start (heap->continuation.estimator, block->stack, block->size, TRUE);
  return TRUE;
}

/* The trace has no summary, or only one of a sample: the same counting that the recorder would have done, or estimating. */
static gboolean
summarize (HatHeap *heap, HatContinuation *from, const HatProgress *progress, GError **error)
{
  if (from)
    {
      heap->continuation = *from;
      *from = (HatContinuation) { 0 };
      hat_replay_set_heap (heap->continuation.replay, heap);
    }
  else
    {
      heap->continuation.replay = hat_replay_new (heap);
      if (heap->sample_bytes == 0)
        heap->continuation.account = hat_account_new (heap->info->inherited_blocks, heap->info->inherited_bytes);
      else if (!start_estimator (heap, error))
        return FALSE;
    }
  if (!count_until_end (heap, progress, error))
    return FALSE;
  if (heap->continuation.estimator)
    {
      heap->estimates = hat_estimator_sites (heap->continuation.estimator);
      heap->estimates->totals.lost_events = heap->info->lost_events;
      heap->summary = (HatSummary){ heap->estimates->totals, heap->estimates->n, heap->estimates->sites, 0, NULL };
      return TRUE;
    }
  heap->summary = *hat_account_summary (heap->continuation.account);
  heap->sites = g_memdup2 (heap->summary.sites, heap->summary.n_sites * sizeof (HatSite));
  heap->leaves = g_memdup2 (heap->summary.leaves, heap->summary.n_leaves * sizeof (HatLeaf));
  heap->summary.sites = heap->sites;
  heap->summary.leaves = heap->leaves;
  heap->summary.totals.lost_events = heap->info->lost_events;
  return TRUE;
}

/* Everything but the summary. */
static HatHeap *
heap_open (HatTrace *trace, guint process)
{
  HatHeap *heap = g_new0 (HatHeap, 1);

  g_atomic_ref_count_init (&heap->refs);
  g_mutex_init (&heap->lock);
  heap->checkpoints = hat_checkpoints_new ();
  hat_once_init (&heap->growing);
  hat_once_init (&heap->sizes_at_peak);
  heap->trace = hat_trace_ref (trace);
  heap->process = process;
  heap->info = hat_trace_process (trace, process);
  heap->sample_bytes = hat_sample_bytes (trace);
  heap->chunks = hat_trace_chunks (trace, process, &heap->n_chunks);
  heap->start_ns = heap->info->start_ns;
  heap->end_ns = heap->info->end_ns >= 0 ? heap->info->end_ns : hat_trace_duration_ns (trace);
  if (heap->n_chunks > 0)
    {
      const HatChunk *last = &heap->chunks[heap->n_chunks - 1];
      heap->n_events = last->first_event + last->n_events;
      heap->start_ns = MIN (heap->start_ns, heap->chunks[0].start_ns - 1);
      heap->end_ns = MAX (heap->end_ns, last->end_ns);
    }
  heap->end_ns = MAX (heap->end_ns, heap->start_ns);
  return heap;
}

static HatHeap *
heap_new (HatTrace *trace, guint process, HatContinuation *from, const HatProgress *progress, GError **error)
{
  g_autoptr (HatHeap) heap = heap_open (trace, process);
  const HatSummary *summary = hat_trace_summary (trace, process);

  if (heap->sample_bytes == 0 && summary && summary->n_leaves == (heap->n_events + HAT_LEAF_EVENTS - 1) / HAT_LEAF_EVENTS)
    heap->summary = *summary;
  else if (!summarize (heap, from, progress, error))
    return NULL;
  if (heap->summary.totals.peak_event == 0)
    heap->summary.totals.peak_time_ns = heap->start_ns;
  return g_steal_pointer (&heap);
}

HatHeap *
hat_heap_new (HatTrace *trace, guint process, const HatProgress *progress, GError **error)
{
  g_return_val_if_fail (process < hat_trace_n_processes (trace), NULL);
  return heap_new (trace, process, NULL, progress, error);
}

HatHeap *
hat_heap_refresh (HatHeap *heap, HatTrace *trace, const HatProgress *progress, GError **error)
{
  HatContinuation from;

  g_return_val_if_fail (heap->process < hat_trace_n_processes (trace), NULL);
  g_mutex_lock (&heap->lock);
  from = heap->continuation;
  heap->continuation = (HatContinuation) { 0 };
  g_mutex_unlock (&heap->lock);
  HatHeap *next = heap_new (trace, heap->process, from.replay ? &from : NULL, progress, error);
  continuation_clear (&from);
  return next;
}

HatHeap *
hat_heap_ref (HatHeap *heap)
{
  g_atomic_ref_count_inc (&heap->refs);
  return heap;
}

void
hat_heap_unref (HatHeap *heap)
{
  if (!g_atomic_ref_count_dec (&heap->refs))
    return;
  continuation_clear (&heap->continuation);
  for (guint i = 0; i < HAT_KEPT_CHUNKS; i++)
    g_clear_pointer (&heap->kept[i].events, g_atomic_rc_box_release);
  g_clear_pointer (&heap->inherited, hat_inherited_unref);
  hat_checkpoints_free (heap->checkpoints);
  hat_once_clear (&heap->growing, (GDestroyNotify) hat_growing_free);
  hat_once_clear (&heap->sizes_at_peak, g_free);
  g_clear_pointer (&heap->estimates, hat_sites_free);
  g_free (heap->sites);
  g_free (heap->leaves);
  g_mutex_clear (&heap->lock);
  hat_trace_unref (heap->trace);
  g_free (heap);
}

HatTrace *
hat_heap_trace (HatHeap *heap)
{
  return heap->trace;
}

guint
hat_heap_process (HatHeap *heap)
{
  return heap->process;
}

gint64
hat_heap_start (HatHeap *heap)
{
  return heap->start_ns;
}

gint64
hat_heap_end (HatHeap *heap)
{
  return heap->end_ns;
}

const HatSummary *
hat_heap_summary (HatHeap *heap)
{
  return &heap->summary;
}

const HatSites *
hat_heap_estimates (HatHeap *heap)
{
  return heap->estimates;
}

/* ---- instants ---- */

guint
hat_heap_chunk_of (HatHeap *heap, guint64 ordinal)
{
  guint low = 0, high = heap->n_chunks;

  g_assert (ordinal < heap->n_events);
  while (high - low > 1)
    {
      const guint middle = low + (high - low) / 2;
      if (heap->chunks[middle].first_event <= ordinal)
        low = middle;
      else
        high = middle;
    }
  return low;
}

gboolean
hat_heap_locate (HatHeap *heap, gint64 time, guint64 *out_ordinal, GError **error)
{
  guint low = 0, high = heap->n_chunks;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (heap->chunks[middle].end_ns <= time)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == heap->n_chunks)
    {
      *out_ordinal = heap->n_events;
      return TRUE;
    }
  const HatChunk *chunk = &heap->chunks[low];
  *out_ordinal = chunk->first_event;
  if (chunk->start_ns > time)
    return TRUE;

  HatEvent *events = hat_heap_chunk_events (heap, low, error);
  if (events == NULL)
    return FALSE;
  low = 0;
  high = chunk->n_events;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (events[middle].time_ns <= time)
        low = middle + 1;
      else
        high = middle;
    }
  *out_ordinal = chunk->first_event + low;
  g_atomic_rc_box_release (events);
  return TRUE;
}

gboolean
hat_heap_locate_range (HatHeap *heap, HatRange range, guint64 *out_first, guint64 *out_end, GError **error)
{
  if (!hat_heap_locate (heap, range.from, out_first, error) || !hat_heap_locate (heap, range.to, out_end, error))
    return FALSE;
  *out_end = MAX (*out_first, *out_end);
  return TRUE;
}

gboolean
hat_heap_is_whole (HatHeap *heap, HatRange range)
{
  return heap->n_events == 0
         || (range.from < heap->chunks[0].start_ns && range.to >= heap->chunks[heap->n_chunks - 1].end_ns);
}

guint64
hat_heap_leaf_start_bytes (HatHeap *heap, guint64 leaf, guint64 *out_blocks)
{
  const HatLeaf *before = leaf > 0 ? &heap->summary.leaves[leaf - 1] : NULL;

  *out_blocks = before ? before->last_blocks : heap->info->inherited_blocks;
  return before ? before->last_bytes : heap->info->inherited_bytes;
}

/* ---- what is at hand ---- */

static HatEvent *
find_kept (HatHeap *heap, guint chunk)
{
  for (guint i = 0; i < HAT_KEPT_CHUNKS; i++)
    if (heap->kept[i].events && heap->kept[i].chunk == chunk)
      {
        heap->kept[i].age = ++heap->kept_age;
        return g_atomic_rc_box_acquire (heap->kept[i].events);
      }
  return NULL;
}

HatEvent *
hat_heap_kept_chunk (HatHeap *heap, guint chunk)
{
  g_mutex_lock (&heap->lock);
  HatEvent *events = find_kept (heap, chunk);
  g_mutex_unlock (&heap->lock);
  return events;
}

HatEvent *
hat_heap_chunk_events (HatHeap *heap, guint chunk, GError **error)
{
  HatEvent *events = hat_heap_kept_chunk (heap, chunk);

  if (events)
    return events;
  events = g_atomic_rc_box_alloc (HAT_CHUNK_EVENTS * sizeof (HatEvent));
  if (!hat_trace_decode_chunk (heap->trace, heap->process, chunk, events, error))
    {
      g_atomic_rc_box_release (events);
      return NULL;
    }

  g_mutex_lock (&heap->lock);
  guint oldest = 0;
  for (guint i = 1; i < HAT_KEPT_CHUNKS; i++)
    if (heap->kept[i].age < heap->kept[oldest].age)
      oldest = i;
  g_clear_pointer (&heap->kept[oldest].events, g_atomic_rc_box_release);
  heap->kept[oldest].events = g_atomic_rc_box_acquire (events);
  heap->kept[oldest].chunk = chunk;
  heap->kept[oldest].age = ++heap->kept_age;
  g_mutex_unlock (&heap->lock);
  return events;
}

guint32 *
hat_stack_map_new (HatTrace *trace)
{
  guint n;

  hat_trace_stacks (trace, &n);
  return g_new0 (guint32, MAX (n, 2));
}

/* ---- what a forked process started with ---- */

static gboolean
fill_inherited (HatHeap *heap, HatInherited *inherited, GError **error)
{
  HatReplayIter iter;

  if (!heap->info->is_fork || heap->info->parent < 0 || (guint) heap->info->parent >= heap->process)
    return TRUE;
  g_autoptr (HatHeap) parent = heap_open (heap->trace, heap->info->parent);
  g_autoptr (HatReplay) replay = hat_replay_new (parent);
  if (!hat_replay_seek (replay, heap->info->fork_event, error)
      || !hat_replay_iter_init (&iter, replay, FALSE, error))
    return FALSE;
  guint64 n_allocated = 0;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      if (inherited->n == n_allocated)
        {
          n_allocated = MAX (1024, 2 * n_allocated);
          inherited->blocks = g_renew (HatBlock, inherited->blocks, n_allocated);
        }
      inherited->blocks[inherited->n++] = *block;
    }
  return TRUE;
}

static void
inherited_clear (gpointer data)
{
  g_free (((HatInherited *) data)->blocks);
}

void
hat_inherited_unref (HatInherited *inherited)
{
  g_atomic_rc_box_release_full (inherited, inherited_clear);
}

HatInherited *
hat_heap_inherited (HatHeap *heap, GError **error)
{
  g_mutex_lock (&heap->lock);
  HatInherited *inherited = heap->inherited ? g_atomic_rc_box_acquire (heap->inherited) : NULL;
  g_mutex_unlock (&heap->lock);
  if (inherited)
    return inherited;

  /* Without the lock, as it may take long. Who comes second keeps one of his own, as good as the first. */
  inherited = g_atomic_rc_box_new0 (HatInherited);
  if (!fill_inherited (heap, inherited, error))
    {
      hat_inherited_unref (inherited);
      return NULL;
    }
  hat_heap_share_inherited (heap, inherited);
  return inherited;
}

void
hat_heap_share_inherited (HatHeap *heap, HatInherited *inherited)
{
  g_mutex_lock (&heap->lock);
  if (heap->inherited == NULL)
    heap->inherited = g_atomic_rc_box_acquire (inherited);
  g_mutex_unlock (&heap->lock);
}
