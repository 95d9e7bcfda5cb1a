/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline.
 *
 * Without groups it is made of leaves (4,096 events each) that the summary holds. A leaf cut by edges between bins is walked event by
 * event, as long as a few chunks are enough for that, those over the most bins first; else it is put to the bin in which it ends, so that
 * an edge moves by less than a leaf. The borders of the range are always exact. With groups, every event of the range is walked;
 * so it is of a sample, which is small, and each block then counts for what it stands for. */

#include "core/heap/bands.h"

#include <string.h>

/* Chunks that may be decoded only to place edges between bins exactly. In long ranges, not even these: the spans on the way to them
 * cost more. */
#define CHEAP_CHUNKS 8
#define LONG_RANGE (64 * (guint64) HAT_CHUNK_EVENTS)

/* Of a sample: the sums so far, and for the bands what HatTimeline has, unrounded. */
typedef struct
{
  guint64 sample_bytes;
  HatEstimate live_bytes, live_blocks, allocations, allocated_bytes, frees;
  guint64 allocations_before, allocated_before, frees_before; /* the bin; rounded */
  HatEstimate *bands;
} Estimates;

typedef struct
{
  HatTimeline *timeline;
  gint64 *edges; /* n_bins + 1 */
  guint bin;
  gboolean is_touched; /* the bin has an event or leaf */
  guint64 live_bytes, live_blocks;
  Estimates *estimates; /* NULL: all was recorded */
} Filler;

static gint64
edge_of (HatRange range, guint n_bins, guint i)
{
  return range.from + (gint64) ((__int128) (range.to - range.from) * i / n_bins);
}

/* The first bin whose end is not before `time`; n_bins if all are. */
static guint
first_bin_until (const Filler *filler, gint64 time)
{
  const HatTimeline *timeline = filler->timeline;
  const double share = ((double) time - timeline->range.from) / MAX (timeline->range.to - timeline->range.from, 1);
  guint bin = (guint) (CLAMP (share, 0, 1) * (timeline->n_bins - 1));

  while (bin > 0 && filler->edges[bin] >= time)
    bin--;
  while (bin < timeline->n_bins && filler->edges[bin + 1] < time)
    bin++;
  return bin;
}

/* The bin of `time`, if it is in the range. */
static guint
bin_of (const Filler *filler, gint64 time)
{
  return MIN (first_bin_until (filler, time), filler->timeline->n_bins - 1);
}

static void
start_estimated_bin (Filler *filler)
{
  Estimates *estimates = filler->estimates;

  filler->timeline->errors[filler->bin] = hat_estimate_error (&estimates->live_bytes);
  estimates->allocations_before = hat_estimate_value (&estimates->allocations);
  estimates->allocated_before = hat_estimate_value (&estimates->allocated_bytes);
  estimates->frees_before = hat_estimate_value (&estimates->frees);
}

static void
start_bin (Filler *filler, guint bin)
{
  HatBin *out = &filler->timeline->bins[bin];

  out->min_bytes = out->max_bytes = out->last_bytes = filler->live_bytes;
  out->last_blocks = filler->live_blocks;
  filler->bin = bin;
  filler->is_touched = FALSE;
  if (filler->estimates)
    start_estimated_bin (filler);
}

/* Bins between repeat the last figures. */
static inline void
go_to_bin (Filler *filler, guint bin)
{
  while (filler->bin < bin)
    start_bin (filler, filler->bin + 1);
}

static inline void
go_to_time (Filler *filler, gint64 time)
{
  while (G_UNLIKELY (filler->edges[filler->bin + 1] < time && filler->bin + 1 < filler->timeline->n_bins))
    start_bin (filler, filler->bin + 1);
}

static inline void
fill (Filler *filler, guint64 min_bytes, guint64 max_bytes)
{
  HatBin *bin = &filler->timeline->bins[filler->bin];

  bin->min_bytes = filler->is_touched ? MIN (bin->min_bytes, min_bytes) : min_bytes;
  bin->max_bytes = filler->is_touched ? MAX (bin->max_bytes, max_bytes) : max_bytes;
  bin->last_bytes = filler->live_bytes;
  bin->last_blocks = filler->live_blocks;
  filler->is_touched = TRUE;
}

static inline void
apply_event (Filler *filler, const HatEvent *event, const HatBlock *old)
{
  if (old->id != 0)
    {
      filler->live_bytes -= old->size;
      filler->live_blocks--;
    }
  if (event->block != 0)
    {
      filler->live_bytes += event->size;
      filler->live_blocks++;
    }
}

static inline void
note_peak (Filler *filler, guint64 bytes, gint64 time)
{
  if (bytes > filler->timeline->peak_bytes)
    {
      filler->timeline->peak_bytes = bytes;
      filler->timeline->peak_ns = time;
    }
}

/* Moves to the event's bin; the caller has not applied the event yet. */
static inline void
fill_event (Filler *filler, const HatEvent *event, const HatBlock *old)
{
  go_to_time (filler, event->time_ns);
  apply_event (filler, event, old);
  fill (filler, filler->live_bytes, filler->live_bytes);
  note_peak (filler, filler->live_bytes, event->time_ns);

  HatBin *bin = &filler->timeline->bins[filler->bin];
  bin->allocations += event->kind == HAT_EVENT_ALLOC;
  bin->allocated_bytes += event->kind == HAT_EVENT_ALLOC ? event->size : 0;
  bin->frees += event->kind == HAT_EVENT_FREE || event->kind == HAT_EVENT_UNKNOWN_FREE;
}

static void
estimate_live (Filler *filler, guint64 size, double sign)
{
  Estimates *estimates = filler->estimates;
  const HatStandsFor block = hat_stands_for (size, estimates->sample_bytes);

  hat_estimate_add (&estimates->live_bytes, &block.bytes, sign);
  hat_estimate_add (&estimates->live_blocks, &block.blocks, sign);
  filler->live_bytes = hat_estimate_value (&estimates->live_bytes);
  filler->live_blocks = hat_estimate_value (&estimates->live_blocks);
}

/* As fill_event(); the counts of a bin are differences of rounded sums, so that nothing is lost by rounding. */
static void
estimate_event (Filler *filler, const HatEvent *event, const HatBlock *old)
{
  Estimates *estimates = filler->estimates;
  HatTimeline *timeline = filler->timeline;

  go_to_time (filler, event->time_ns);
  if (old->id != 0)
    {
      const HatStandsFor block = hat_stands_for (old->size, estimates->sample_bytes);
      estimate_live (filler, old->size, -1);
      hat_estimate_add (&estimates->frees, &block.blocks, 1);
    }
  if (event->block != 0)
    {
      const HatStandsFor block = hat_stands_for (event->size, estimates->sample_bytes);
      estimate_live (filler, event->size, 1);
      hat_estimate_add (&estimates->allocations, &block.blocks, 1);
      hat_estimate_add (&estimates->allocated_bytes, &block.bytes, 1);
    }
  fill (filler, filler->live_bytes, filler->live_bytes);
  if (filler->live_bytes > timeline->peak_bytes)
    timeline->peak_error = hat_estimate_error (&estimates->live_bytes);
  note_peak (filler, filler->live_bytes, event->time_ns);

  HatBin *bin = &timeline->bins[filler->bin];
  bin->allocations = hat_estimate_value (&estimates->allocations) - estimates->allocations_before;
  bin->allocated_bytes = hat_estimate_value (&estimates->allocated_bytes) - estimates->allocated_before;
  bin->frees = hat_estimate_value (&estimates->frees) - estimates->frees_before;
  timeline->errors[filler->bin] = hat_estimate_error (&estimates->live_bytes);
}

static void
start_filling (Filler *filler, guint64 live_bytes, guint64 live_blocks)
{
  filler->live_bytes = live_bytes;
  filler->live_blocks = live_blocks;
  filler->timeline->peak_bytes = live_bytes;
  filler->timeline->peak_ns = filler->timeline->range.from;
  start_bin (filler, 0);
}

/* ---- from leaves ---- */

typedef struct
{
  HatHeap *heap;
  Filler *filler;
  HatReplay *replay;
  guint64 first, end; /* ordinals of the range */
  gint64 peak_leaf;   /* whose maximum is the peak so far; -1: the time of the peak is known */
} LeafWalk;

/* How many edges between bins it is cut by; G_MAXUINT for the border of the range. */
static guint
cuts_of_leaf (const LeafWalk *walk, guint64 leaf)
{
  const HatLeaf *leaves = walk->heap->summary.leaves;
  const guint64 start = leaf * HAT_LEAF_EVENTS;
  const guint64 end = MIN (start + HAT_LEAF_EVENTS, walk->heap->n_events);

  if (start < walk->first || end > walk->end)
    return G_MAXUINT;
  /* Its first event comes after the last leaf's last one. */
  const guint first_bin = leaf > 0 ? bin_of (walk->filler, leaves[leaf - 1].end_ns + 1) : 0;
  const guint last_bin = bin_of (walk->filler, leaves[leaf].end_ns);
  return last_bin > first_bin ? last_bin - first_bin : 0;
}

static gboolean
walk_leaf (LeafWalk *walk, guint64 leaf, GError **error)
{
  Filler *filler = walk->filler;
  const guint64 start = leaf * HAT_LEAF_EVENTS;
  const guint64 end = MIN (MIN (start + HAT_LEAF_EVENTS, walk->heap->n_events), walk->end);
  const guint64 peak = filler->timeline->peak_bytes;
  HatReplayBatch batch;

  if (!hat_replay_seek (walk->replay, MAX (start, walk->first), error))
    return FALSE;
  do
    {
      if (!hat_replay_next (walk->replay, end, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        fill_event (filler, &batch.events[i], &batch.olds[i]);
    }
  while (batch.n > 0);
  if (filler->timeline->peak_bytes > peak)
    walk->peak_leaf = -1;
  return TRUE;
}

static void
take_leaf (LeafWalk *walk, guint64 leaf)
{
  Filler *filler = walk->filler;
  const HatLeaf *data = &walk->heap->summary.leaves[leaf];

  go_to_bin (filler, bin_of (filler, data->end_ns));
  filler->live_bytes = data->last_bytes;
  filler->live_blocks = data->last_blocks;
  fill (filler, data->min_bytes, data->max_bytes);

  HatBin *bin = &filler->timeline->bins[filler->bin];
  bin->allocations += data->allocations;
  bin->frees += data->frees;
  bin->allocated_bytes += data->allocated_bytes;
  if (data->max_bytes > filler->timeline->peak_bytes)
    {
      note_peak (filler, data->max_bytes, data->end_ns);
      walk->peak_leaf = leaf;
    }
}

/* The live figures after `first` events: those of the leaf's start, and the events between. */
static gboolean
live_at_start (LeafWalk *walk, guint64 *out_bytes, guint64 *out_blocks, GError **error)
{
  const guint64 leaf = walk->first / HAT_LEAF_EVENTS;
  Filler before = { 0 };
  HatReplayBatch batch;

  before.live_bytes = hat_heap_leaf_start_bytes (walk->heap, leaf, &before.live_blocks);
  if (walk->first % HAT_LEAF_EVENTS != 0 && walk->first < walk->heap->n_events)
    {
      if (!hat_replay_seek (walk->replay, leaf * HAT_LEAF_EVENTS, error))
        return FALSE;
      do
        {
          if (!hat_replay_next (walk->replay, walk->first, &batch, error))
            return FALSE;
          for (guint i = 0; i < batch.n; i++)
            apply_event (&before, &batch.events[i], &batch.olds[i]);
        }
      while (batch.n > 0);
    }
  else if (walk->first == walk->heap->n_events && walk->heap->summary.n_leaves > 0)
    {
      before.live_bytes = hat_heap_leaf_start_bytes (walk->heap, walk->heap->summary.n_leaves, &before.live_blocks);
    }
  *out_bytes = before.live_bytes;
  *out_blocks = before.live_blocks;
  return TRUE;
}

/* When the peak was, if only a leaf told of it. */
static gboolean
find_peak_time (LeafWalk *walk, GError **error)
{
  HatTimeline *timeline = walk->filler->timeline;
  const HatTotals *totals = &walk->heap->summary.totals;
  HatReplayBatch batch;
  Filler filler = { 0 };

  if (walk->peak_leaf < 0)
    return TRUE;
  if (totals->peak_bytes == timeline->peak_bytes && totals->peak_event > walk->first && totals->peak_event <= walk->end)
    {
      timeline->peak_ns = totals->peak_time_ns;
      return TRUE;
    }
  g_autoptr (HatReplay) replay = hat_replay_new (walk->heap);
  const guint64 start = walk->peak_leaf * HAT_LEAF_EVENTS;
  filler.live_bytes = hat_heap_leaf_start_bytes (walk->heap, walk->peak_leaf, &filler.live_blocks);
  if (!hat_replay_seek (replay, start, error))
    return FALSE;
  do
    {
      if (!hat_replay_next (replay, start + HAT_LEAF_EVENTS, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        {
          apply_event (&filler, &batch.events[i], &batch.olds[i]);
          if (filler.live_bytes == timeline->peak_bytes)
            {
              timeline->peak_ns = batch.events[i].time_ns;
              return TRUE;
            }
        }
    }
  while (batch.n > 0);
  return TRUE;
}

/* Chunks with leaves that have at least so many cuts. */
static guint
count_cut_chunks (const LeafWalk *walk, guint64 first_leaf, guint64 end_leaf, guint n_cuts)
{
  guint n_chunks = 0, last_chunk = G_MAXUINT;

  for (guint64 leaf = first_leaf; leaf < end_leaf && n_chunks <= CHEAP_CHUNKS; leaf++)
    {
      const guint cuts = cuts_of_leaf (walk, leaf);
      if (cuts < n_cuts || cuts == G_MAXUINT)
        continue;
      const guint chunk = hat_heap_chunk_of (walk->heap, leaf * HAT_LEAF_EVENTS);
      n_chunks += chunk != last_chunk;
      last_chunk = chunk;
    }
  return n_chunks;
}

/* With so many cuts a leaf is worth walking. Where bins are much shorter than leaves, all are. */
static guint
find_worthy_cuts (const LeafWalk *walk, guint64 first_leaf, guint64 end_leaf)
{
  guint n_cuts = 1;

  if (2 * (end_leaf - first_leaf) < walk->filler->timeline->n_bins)
    return n_cuts;
  if (walk->end - walk->first > LONG_RANGE)
    return G_MAXUINT;
  while (count_cut_chunks (walk, first_leaf, end_leaf, n_cuts) > CHEAP_CHUNKS)
    n_cuts *= 2;
  return n_cuts;
}

static gboolean
fill_from_leaves (HatHeap *heap, Filler *filler, guint64 first, guint64 end, const HatProgress *progress, GError **error)
{
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  LeafWalk walk = { .heap = heap, .filler = filler, .replay = replay, .first = first, .end = end, .peak_leaf = -1 };
  guint64 bytes, blocks;

  hat_replay_set_progress (replay, progress, "drawing the timeline", end);
  if (!live_at_start (&walk, &bytes, &blocks, error))
    return FALSE;
  start_filling (filler, bytes, blocks);
  if (first == end)
    return TRUE;

  const guint64 first_leaf = first / HAT_LEAF_EVENTS, end_leaf = (end - 1) / HAT_LEAF_EVENTS + 1;
  const guint worthy_cuts = find_worthy_cuts (&walk, first_leaf, end_leaf);
  for (guint64 leaf = first_leaf; leaf < end_leaf; leaf++)
    if (cuts_of_leaf (&walk, leaf) < worthy_cuts)
      take_leaf (&walk, leaf);
    else if (!walk_leaf (&walk, leaf, error))
      return FALSE;
  return find_peak_time (&walk, error);
}

/* ---- event by event: each band's bytes are written as differences from bin to bin, and summed up at the end ---- */

static void
estimate_band (Estimates *estimates, gsize i, guint64 size, int sign)
{
  const HatStandsFor block = hat_stands_for (size, estimates->sample_bytes);
  hat_estimate_add (&estimates->bands[i], &block.bytes, sign);
}

/* From `first_bin` on, the block belongs to the band (sign 1), or does so no longer (-1). */
static inline void
add_to_band (Filler *filler, guint band, guint first_bin, guint64 size, int sign)
{
  const gsize i = (gsize) band * filler->timeline->n_bins + first_bin;

  if (G_UNLIKELY (filler->estimates))
    estimate_band (filler->estimates, i, size, sign);
  else
    filler->timeline->band_bytes[i] += sign > 0 ? size : 0 - size;
}

/* The sums of a sample, rounded. */
static void
round_bands (const Filler *filler)
{
  HatTimeline *timeline = filler->timeline;

  for (guint band = 0; band < timeline->n_bands; band++)
    {
      HatEstimate sum = { 0 };
      for (guint bin = 0; bin < timeline->n_bins; bin++)
        {
          const gsize i = (gsize) band * timeline->n_bins + bin;
          hat_estimate_add (&sum, &filler->estimates->bands[i], 1);
          timeline->band_bytes[i] = hat_estimate_value (&sum);
          timeline->band_errors[i] = hat_estimate_error (&sum);
          timeline->bands[band].max_bytes = MAX (timeline->bands[band].max_bytes, timeline->band_bytes[i]);
        }
    }
}

static void
sum_bands (HatTimeline *timeline)
{
  for (guint band = 0; band < timeline->n_bands; band++)
    {
      guint64 *bytes = timeline->band_bytes + (gsize) band * timeline->n_bins;
      for (guint bin = 1; bin < timeline->n_bins; bin++)
        bytes[bin] += bytes[bin - 1];
      for (guint bin = 0; bin < timeline->n_bins; bin++)
        timeline->bands[band].max_bytes = MAX (timeline->bands[band].max_bytes, bytes[bin]);
    }
}

/* A block seen at the ends of the bins before `end_bin` passes through the classes of age one after the other. What was inherited was there
 * from the start, though its birth by the parent's clock may be a little later. */
static void
add_aging_block (Filler *filler, const HatHeap *heap, const HatBlock *block, guint end_bin)
{
  HatTimeline *timeline = filler->timeline;
  const gint64 birth_ns = hat_block_is_own (heap, block->id) ? block->birth_ns : MIN (block->birth_ns, heap->start_ns);

  if (birth_ns > filler->edges[end_bin])
    return; /* gone before the end of its first bin */
  guint bin = birth_ns <= timeline->range.from ? 0 : bin_of (filler, birth_ns);
  for (guint cls = 0; cls < HAT_AGE_CLASSES && bin < end_bin; cls++)
    {
      guint next = end_bin;
      if (cls + 1 < HAT_AGE_CLASSES)
        next = CLAMP (first_bin_until (filler, birth_ns + hat_age_class_start (cls + 1)), bin, end_bin);
      if (next > bin)
        {
          add_to_band (filler, cls, bin, block->size, 1);
          if (next < timeline->n_bins)
            add_to_band (filler, cls, next, block->size, -1);
        }
      bin = next;
    }
}

static gboolean
start_bands (Filler *filler, HatReplay *replay, HatBands *bands, GError **error)
{
  HatReplayIter iter;
  guint64 bytes = 0, blocks = 0;

  if (!hat_replay_iter_init (&iter, replay, FALSE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      bytes += block->size;
      blocks++;
      if (filler->estimates)
        estimate_live (filler, block->size, 1);
      if (bands)
        add_to_band (filler, hat_bands_of (bands, block), 0, block->size, 1);
    }
  if (filler->estimates)
    {
      start_filling (filler, filler->live_bytes, filler->live_blocks);
      filler->timeline->peak_error = hat_estimate_error (&filler->estimates->live_bytes);
    }
  else
    start_filling (filler, bytes, blocks);
  return TRUE;
}

/* bands == NULL: by age, or by nothing at all. */
static gboolean
fill_bands (HatHeap *heap, Filler *filler, guint64 first, guint64 end, HatBands *bands, const HatProgress *progress, GError **error)
{
  const gboolean by_age = filler->timeline->by == HAT_BY_AGE;
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  HatReplayBatch batch;
  HatReplayIter iter;

  hat_replay_set_progress (replay, progress, "drawing the timeline", end);
  if (!hat_replay_seek (replay, first, error) || !start_bands (filler, replay, bands, error))
    return FALSE;
  do
    {
      if (!hat_replay_next (replay, end, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        {
          const HatEvent *event = &batch.events[i];
          const HatBlock *old = &batch.olds[i];
          if (G_UNLIKELY (filler->estimates))
            estimate_event (filler, event, old);
          else
            fill_event (filler, event, old);
          if (bands && old->id != 0)
            add_to_band (filler, hat_bands_of (bands, old), filler->bin, old->size, -1);
          else if (by_age && old->id != 0)
            add_aging_block (filler, heap, old, filler->bin);
          if (bands && event->block != 0)
            {
              const HatBlock made = { .size = event->size, .stack = event->stack, .thread = event->thread };
              add_to_band (filler, hat_bands_of (bands, &made), filler->bin, event->size, 1);
            }
        }
    }
  while (batch.n > 0);
  if (!by_age)
    return TRUE;
  if (!hat_replay_iter_init (&iter, replay, FALSE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    add_aging_block (filler, heap, block, filler->timeline->n_bins);
  return TRUE;
}

static HatBand *
describe_ages (void)
{
  HatBand *bands = g_new0 (HatBand, HAT_AGE_CLASSES);

  for (guint cls = 0; cls < HAT_AGE_CLASSES; cls++)
    bands[cls] = (HatBand) { .key = cls, .label = g_strdup (hat_age_class_label (cls)) };
  return bands;
}

static gboolean
fill_grouped (HatHeap *heap, Filler *filler, guint64 first, guint64 end, const HatProgress *progress, GError **error)
{
  HatTimeline *timeline = filler->timeline;
  const gboolean by_age = timeline->by == HAT_BY_AGE;
  HatBands bands = { 0 };

  if (!by_age && !hat_bands_init (&bands, heap, timeline->by, progress, error))
    return FALSE;
  timeline->n_bands = by_age ? HAT_AGE_CLASSES : bands.n;
  timeline->bands = by_age ? describe_ages () : hat_bands_describe (&bands, heap);
  const gsize n = (gsize) timeline->n_bands * timeline->n_bins;
  timeline->band_bytes = g_new0 (guint64, n);
  if (filler->estimates)
    {
      timeline->band_errors = g_new0 (guint64, n);
      filler->estimates->bands = g_new0 (HatEstimate, n);
    }
  const gboolean ok = fill_bands (heap, filler, first, end, by_age ? NULL : &bands, progress, error);
  if (ok && filler->estimates)
    round_bands (filler);
  else if (ok)
    sum_bands (timeline);
  hat_bands_clear (&bands);
  return ok;
}

/* ---- public ---- */

HatTimeline *
hat_heap_timeline (HatHeap *heap, HatRange range, guint n_bins, HatGrouping by, const HatProgress *progress, GError **error)
{
  guint64 first, end;

  g_return_val_if_fail (n_bins > 0, NULL);
  range.to = MAX (range.from, range.to);
  if (!hat_heap_locate_range (heap, range, &first, &end, error))
    return NULL;

  g_autoptr (HatTimeline) timeline = g_new0 (HatTimeline, 1);
  *timeline = (HatTimeline) { .range = range, .n_bins = n_bins, .bins = g_new0 (HatBin, n_bins), .by = by };
  g_autofree gint64 *edges = g_new (gint64, n_bins + 1);
  for (guint i = 0; i <= n_bins; i++)
    edges[i] = edge_of (range, n_bins, i);
  Filler filler = { .timeline = timeline, .edges = edges };
  Estimates estimates = { .sample_bytes = heap->sample_bytes };
  if (heap->sample_bytes > 0)
    {
      filler.estimates = &estimates;
      timeline->errors = g_new0 (guint64, n_bins);
    }

  const gboolean ok = by != HAT_BY_NONE          ? fill_grouped (heap, &filler, first, end, progress, error)
                      : filler.estimates != NULL ? fill_bands (heap, &filler, first, end, NULL, progress, error)
                                                 : fill_from_leaves (heap, &filler, first, end, progress, error);
  g_free (estimates.bands);
  if (!ok)
    return NULL;
  go_to_bin (&filler, n_bins - 1);
  return g_steal_pointer (&timeline);
}

void
hat_timeline_free (HatTimeline *timeline)
{
  if (timeline == NULL)
    return;
  for (guint i = 0; i < timeline->n_bands; i++)
    g_free (timeline->bands[i].label);
  g_free (timeline->bands);
  g_free (timeline->band_bytes);
  g_free (timeline->errors);
  g_free (timeline->band_errors);
  g_free (timeline->bins);
  g_free (timeline);
}
