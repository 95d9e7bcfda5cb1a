/* SPDX-License-Identifier: Apache-2.0
 *
 * The model against plain replays of random traces: live sets, totals, sites, timelines, trees, sizes, growth. */

#include "core/heap/heap.h"
#include "core/heap/once.h"
#include "core/trace/writer.h"
#include "tests/unit/heap-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  const char *name;
  FixtureOptions options;
} Case;

/* Small chunks make spans of all levels with few events. */
static const Case cases[] = {
  { "one-chunk", { .n_events = 3000 } },
  { "several-chunks", { .n_events = 150000, .max_live = 3000 } },
  { "many-small-chunks", { .n_events = 30000, .events_per_chunk = 40 } },
  { "forks", { .n_events = 8000, .n_forks = 4, .events_per_chunk = 100, .max_live = 200 } },
  { "without-summary", { .n_events = 20000, .events_per_chunk = 500, .no_summary = TRUE, .n_forks = 1 } },
  { "killed", { .n_events = 9000, .events_per_chunk = 300, .no_summary = TRUE, .is_killed = TRUE } },
  { "one-event", { .n_events = 1 } },
  { "no-event", { .n_events = 0 } },
};

typedef void (*CheckFunc) (HatHeap *heap, Oracle *oracle);

static HatHeap *
heap_new (HatTrace *trace, guint process)
{
  g_autoptr (GError) error = NULL;
  HatHeap *heap = hat_heap_new (trace, process, NULL, &error);
  g_assert_no_error (error);
  return heap;
}

static void
for_each_process (const Case *test, CheckFunc check)
{
  g_autoptr (HatTrace) trace = fixture_trace (&test->options);

  g_assert_cmpuint (hat_trace_n_processes (trace), ==, test->options.n_forks + 1);
  for (guint p = 0; p < hat_trace_n_processes (trace); p++)
    {
      g_autoptr (HatHeap) heap = heap_new (trace, p);
      g_autoptr (Oracle) oracle = oracle_new (trace, p);
      check (heap, oracle);
    }
}

static HatRange
whole (HatHeap *heap)
{
  return (HatRange) { hat_heap_start (heap), hat_heap_end (heap) };
}

static HatRange
random_range (Oracle *oracle)
{
  const gint64 a = oracle_random_time (oracle), b = oracle_random_time (oracle);
  return (HatRange) { MIN (a, b), MAX (a, b) };
}

static HatEvent *
event_at (Oracle *oracle, guint i)
{
  return &g_array_index (oracle->events, HatEvent, i);
}

/* ---- live sets ---- */

static void
assert_live (HatHeap *heap, Oracle *oracle, gint64 time)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatLive) live = hat_heap_live (heap, time, NULL, &error);
  g_autoptr (GHashTable) expected_set = oracle_live (oracle, oracle_position (oracle, time));
  g_autoptr (GArray) expected = oracle_blocks (expected_set);
  guint64 bytes = 0;

  g_assert_no_error (error);
  g_assert_cmpuint (live->n, ==, expected->len);
  for (guint i = 0; i < expected->len; i++)
    {
      assert_same_block (&live->blocks[i], &g_array_index (expected, HatBlock, i));
      bytes += live->blocks[i].size;
    }
  g_assert_cmpuint (live->bytes, ==, bytes);
}

static void
check_live (HatHeap *heap, Oracle *oracle)
{
  for (guint i = 0; i < 50; i++)
    assert_live (heap, oracle, oracle_random_time (oracle));
  assert_live (heap, oracle, hat_heap_start (heap));
  assert_live (heap, oracle, hat_heap_end (heap));
}

static void
check_find (HatHeap *heap, Oracle *oracle)
{
  g_autoptr (HatLive) live = hat_heap_live (heap, oracle_random_time (oracle), NULL, NULL);

  g_assert_null (hat_live_find (live, 0));
  for (guint i = 0; i < MIN (live->n, 100); i++)
    {
      const HatBlock *block = &live->blocks[g_test_rand_int_range (0, live->n)];
      const HatBlock *found = hat_live_find (live, block->address + (block->size > 0 ? block->size - 1 : 0));
      g_assert_nonnull (found);
      g_assert_cmpuint (found->address, ==, block->address);
      g_assert_true (hat_live_find (live, block->address + MAX (block->size, 1)) != found);
    }
}

/* Law 10: an instant costs one chunk of replay. */
static void
check_cost_of_instant (HatHeap *heap, Oracle *oracle)
{
  HatTrace *trace = hat_heap_trace (heap);

  for (guint i = 0; i < 20; i++)
    {
      const guint64 before = hat_trace_decoded_events (trace);
      g_autoptr (HatLive) live = hat_heap_live (heap, oracle_random_time (oracle), NULL, NULL);
      g_assert_nonnull (live);
      g_assert_cmpuint (hat_trace_decoded_events (trace) - before, <=, HAT_CHUNK_EVENTS);
    }
}

/* ---- totals and sites ---- */

static void
assert_totals (const HatTotals *a, const HatTotals *b)
{
  g_assert_cmpuint (a->allocations, ==, b->allocations);
  g_assert_cmpuint (a->frees, ==, b->frees);
  g_assert_cmpuint (a->reallocations, ==, b->reallocations);
  g_assert_cmpuint (a->bytes_allocated, ==, b->bytes_allocated);
  g_assert_cmpuint (a->bytes_freed, ==, b->bytes_freed);
  g_assert_cmpint (a->realloc_delta_bytes, ==, b->realloc_delta_bytes);
  g_assert_cmpuint (a->inherited_blocks, ==, b->inherited_blocks);
  g_assert_cmpuint (a->inherited_bytes, ==, b->inherited_bytes);
  g_assert_cmpuint (a->live_blocks, ==, b->live_blocks);
  g_assert_cmpuint (a->live_bytes, ==, b->live_bytes);
  g_assert_cmpuint (a->peak_bytes, ==, b->peak_bytes);
  g_assert_cmpuint (a->peak_event, ==, b->peak_event);
  g_assert_cmpuint (a->temporary, ==, b->temporary);
  g_assert_cmpuint (a->unknown_frees, ==, b->unknown_frees);
  g_assert_cmpuint (a->missed_frees, ==, b->missed_frees);
}

static gboolean
is_silent (const HatSite *site)
{
  return !site->allocations && !site->frees && !site->reallocations && !site->live_blocks && !site->peak_blocks && !site->bytes_freed;
}

static void
assert_sites (const HatSite *sites, guint n, const OracleCount *expected)
{
  guint k = 0;

  for (guint stack = 0; stack < G_N_ELEMENTS (expected->sites); stack++)
    {
      const HatSite *b = &expected->sites[stack];
      if (is_silent (b))
        {
          if (k < n && sites[k].stack == stack)
            g_assert_true (is_silent (&sites[k++]));
          continue;
        }
      g_assert_cmpuint (k, <, n);
      const HatSite *a = &sites[k++];
      g_assert_cmpuint (a->stack, ==, b->stack);
      g_assert_cmpuint (a->allocations, ==, b->allocations);
      g_assert_cmpuint (a->bytes, ==, b->bytes);
      g_assert_cmpuint (a->frees, ==, b->frees);
      g_assert_cmpuint (a->bytes_freed, ==, b->bytes_freed);
      g_assert_cmpuint (a->reallocations, ==, b->reallocations);
      g_assert_cmpint (a->realloc_delta_bytes, ==, b->realloc_delta_bytes);
      g_assert_cmpuint (a->live_blocks, ==, b->live_blocks);
      g_assert_cmpuint (a->live_bytes, ==, b->live_bytes);
      g_assert_cmpuint (a->peak_blocks, ==, b->peak_blocks);
      g_assert_cmpuint (a->peak_bytes, ==, b->peak_bytes);
      g_assert_cmpuint (a->temporary, ==, b->temporary);
    }
  g_assert_cmpuint (k, ==, n);
}

static void
check_summary (HatHeap *heap, Oracle *oracle)
{
  g_autofree OracleCount *expected = oracle_count (oracle, 0, oracle->events->len, hat_heap_start (heap));
  const HatSummary *summary = hat_heap_summary (heap);
  g_autoptr (HatSites) sites = hat_heap_sites (heap, whole (heap), NULL, NULL);

  assert_totals (&summary->totals, &expected->totals);
  assert_sites (summary->sites, summary->n_sites, expected);
  assert_totals (&sites->totals, &expected->totals);
  assert_sites (sites->sites, sites->n, expected);
  g_assert_cmpuint (summary->n_leaves, ==, (oracle->events->len + HAT_LEAF_EVENTS - 1) / HAT_LEAF_EVENTS);
}

static void
check_ranges (HatHeap *heap, Oracle *oracle)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GError) error = NULL;
      const HatRange range = random_range (oracle);
      g_autoptr (HatSites) sites = hat_heap_sites (heap, range, NULL, &error);
      g_assert_no_error (error);
      g_autofree OracleCount *expected
        = oracle_count (oracle, oracle_position (oracle, range.from), oracle_position (oracle, range.to), range.from);
      HatTotals totals;

      assert_totals (&sites->totals, &expected->totals);
      assert_sites (sites->sites, sites->n, expected);
      g_assert_true (hat_heap_totals (heap, range, &totals, NULL, NULL));
      assert_totals (&totals, &expected->totals);
      if (totals.peak_event > oracle_position (oracle, range.from))
        g_assert_cmpint (totals.peak_time_ns, ==, event_at (oracle, totals.peak_event - 1)->time_ns);
    }
}

/* ---- timelines ---- */

static gint64
edge_of (HatRange range, guint n_bins, guint i)
{
  return range.from + (gint64) ((__int128) (range.to - range.from) * i / n_bins);
}

/* The bins of the events themselves. */
static HatBin *
expected_bins (Oracle *oracle, HatRange range, guint n_bins, guint64 *out_peak, gint64 *out_peak_ns)
{
  HatBin *bins = g_new0 (HatBin, n_bins);
  guint i = oracle_position (oracle, range.from);
  g_autoptr (GHashTable) live = oracle_live (oracle, i);
  g_autoptr (GArray) blocks = oracle_blocks (live);
  guint64 bytes = 0, n_blocks = blocks->len;

  for (guint k = 0; k < blocks->len; k++)
    bytes += g_array_index (blocks, HatBlock, k).size;
  *out_peak = bytes;
  *out_peak_ns = range.from;
  for (guint bin = 0; bin < n_bins; bin++)
    {
      HatBin *out = &bins[bin];
      gboolean is_first = TRUE;
      HatBlock old;
      out->min_bytes = out->max_bytes = bytes;
      for (; i < oracle->events->len && event_at (oracle, i)->time_ns <= edge_of (range, n_bins, bin + 1); i++)
        {
          const HatEvent *event = event_at (oracle, i);
          oracle_apply (live, event, &old);
          bytes += (event->block ? event->size : 0) - (old.id ? old.size : 0);
          n_blocks += (event->block != 0) - (old.id != 0);
          out->min_bytes = is_first ? bytes : MIN (out->min_bytes, bytes);
          out->max_bytes = is_first ? bytes : MAX (out->max_bytes, bytes);
          out->allocations += event->kind == HAT_EVENT_ALLOC;
          out->allocated_bytes += event->kind == HAT_EVENT_ALLOC ? event->size : 0;
          out->frees += event->kind == HAT_EVENT_FREE || event->kind == HAT_EVENT_UNKNOWN_FREE;
          is_first = FALSE;
          if (bytes > *out_peak)
            {
              *out_peak = bytes;
              *out_peak_ns = event->time_ns;
            }
        }
      out->last_bytes = bytes;
      out->last_blocks = n_blocks;
    }
  return bins;
}

static void
assert_timeline (HatHeap *heap, Oracle *oracle, HatRange range, guint n_bins, HatGrouping by)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, range, n_bins, by, NULL, &error);
  guint64 peak;
  gint64 peak_ns;
  g_autofree HatBin *expected = expected_bins (oracle, range, n_bins, &peak, &peak_ns);

  g_assert_no_error (error);
  g_assert_cmpuint (timeline->n_bins, ==, n_bins);
  g_assert_cmpuint (timeline->peak_bytes, ==, peak);
  g_assert_cmpint (timeline->peak_ns, ==, peak_ns);
  for (guint i = 0; i < n_bins; i++)
    {
      const HatBin *a = &timeline->bins[i], *b = &expected[i];
      guint64 sum = 0;
      g_assert_cmpuint (a->last_bytes, ==, b->last_bytes);
      g_assert_cmpuint (a->last_blocks, ==, b->last_blocks);
      g_assert_cmpuint (a->min_bytes, ==, b->min_bytes);
      g_assert_cmpuint (a->max_bytes, ==, b->max_bytes);
      g_assert_cmpuint (a->allocations, ==, b->allocations);
      g_assert_cmpuint (a->frees, ==, b->frees);
      g_assert_cmpuint (a->allocated_bytes, ==, b->allocated_bytes);
      for (guint band = 0; band < timeline->n_bands; band++)
        sum += timeline->band_bytes[(gsize) band * n_bins + i];
      if (by != HAT_BY_NONE)
        g_assert_cmpuint (sum, ==, a->last_bytes);
    }
  g_assert_cmpuint (timeline->n_bands, <=, 13);
}

static void
check_timeline (HatHeap *heap, Oracle *oracle)
{
  assert_timeline (heap, oracle, whole (heap), 1, HAT_BY_NONE);
  assert_timeline (heap, oracle, whole (heap), 100, HAT_BY_NONE);
  assert_timeline (heap, oracle, whole (heap), 1999, HAT_BY_NONE);
  for (guint i = 0; i < 10; i++)
    assert_timeline (heap, oracle, random_range (oracle), g_test_rand_int_range (1, 300), HAT_BY_NONE);
  const gint64 time = oracle_random_time (oracle);
  assert_timeline (heap, oracle, (HatRange) { time, time }, 7, HAT_BY_NONE);
  assert_timeline (heap, oracle, (HatRange) { time, time + 3 }, 10, HAT_BY_NONE);
}

static void
check_bands_sum_up (HatHeap *heap, Oracle *oracle)
{
  for (HatGrouping by = HAT_BY_SITE; by <= HAT_BY_AGE; by++)
    {
      assert_timeline (heap, oracle, whole (heap), 80, by);
      assert_timeline (heap, oracle, random_range (oracle), 50, by);
    }
}

/* What a band says at the end of a bin is what the live set says. */
static void
check_bands_by_live_set (HatHeap *heap, Oracle *oracle)
{
  const HatRange range = random_range (oracle);
  const guint n_bins = 9;

  for (HatGrouping by = HAT_BY_SITE; by <= HAT_BY_AGE; by++)
    {
      g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, range, n_bins, by, NULL, NULL);
      g_autoptr (HatTimeline) all = hat_heap_timeline (heap, whole (heap), 3, by, NULL, NULL);

      g_assert_cmpuint (all->n_bands, ==, timeline->n_bands);
      for (guint band = 0; band < all->n_bands; band++)
        {
          g_assert_cmpuint (all->bands[band].key, ==, timeline->bands[band].key);
          g_assert_cmpstr (all->bands[band].label, ==, timeline->bands[band].label);
        }
      for (guint bin = 0; bin < n_bins; bin++)
        {
          const gint64 time = edge_of (range, n_bins, bin + 1);
          g_autoptr (HatLive) live = hat_heap_live (heap, time, NULL, NULL);
          for (guint band = 0; band < timeline->n_bands; band++)
            {
              guint64 bytes = 0;
              if (by != HAT_BY_SITE && by != HAT_BY_THREAD && by != HAT_BY_SIZE && by != HAT_BY_AGE)
                continue;
              if (by != HAT_BY_AGE && band == timeline->n_bands - 1)
                continue;
              for (guint64 i = 0; i < live->n; i++)
                {
                  const HatBlock *block = &live->blocks[i];
                  guint64 key = by == HAT_BY_SITE ? block->stack : by == HAT_BY_THREAD ? block->thread : hat_size_class (block->size);
                  if (by == HAT_BY_AGE)
                    {
                      gint64 limit = 1000000;
                      for (key = 0; key < 6 && time - block->birth_ns >= limit; key++)
                        limit *= 10;
                    }
                  bytes += key == timeline->bands[band].key ? block->size : 0;
                }
              g_assert_cmpuint (timeline->band_bytes[(gsize) band * n_bins + bin], ==, bytes);
            }
        }
    }
}

/* ---- events and steps ---- */

static void
check_events (HatHeap *heap, Oracle *oracle)
{
  const HatRange range = random_range (oracle);
  const guint first = oracle_position (oracle, range.from), end = oracle_position (oracle, range.to);
  g_autoptr (GHashTable) live = oracle_live (oracle, first);
  gboolean is_complete;
  guint n;
  g_autofree HatHeapEvent *events = hat_heap_events (heap, range, 1000, &n, &is_complete, NULL);

  g_assert_cmpuint (n, ==, MIN (end - first, 1000));
  g_assert_true (is_complete == (end - first <= 1000));
  for (guint i = 0; i < n; i++)
    {
      HatBlock old;
      oracle_apply (live, event_at (oracle, first + i), &old);
      g_assert_cmpmem (&events[i].event.block, sizeof (HatBlockId), &event_at (oracle, first + i)->block, sizeof (HatBlockId));
      g_assert_cmpint (events[i].event.time_ns, ==, event_at (oracle, first + i)->time_ns);
      g_assert_cmpuint (events[i].old.id, ==, old.id);
      if (old.id)
        assert_same_block (&events[i].old, &old);
    }
}

static void
check_steps (HatHeap *heap, Oracle *oracle)
{
  const guint n = oracle->events->len;

  if (n < 3)
    return;
  for (guint i = 0; i < 50; i++)
    {
      const guint k = g_test_rand_int_range (1, n - 1);
      const gint64 time = event_at (oracle, k)->time_ns;
      g_assert_cmpint (hat_heap_step (heap, time, 1), ==, event_at (oracle, k + 1)->time_ns);
      g_assert_cmpint (hat_heap_step (heap, time, -1), ==, event_at (oracle, k - 1)->time_ns);
      g_assert_cmpint (hat_heap_step (heap, time, 0), ==, time);
      if (event_at (oracle, k + 1)->time_ns > time + 1)
        {
          g_assert_cmpint (hat_heap_step (heap, time + 1, -1), ==, time);
          g_assert_cmpint (hat_heap_step (heap, time + 1, 1), ==, event_at (oracle, k + 1)->time_ns);
        }
    }
  g_assert_cmpint (hat_heap_step (heap, event_at (oracle, 0)->time_ns, -1), ==, hat_heap_start (heap));
  g_assert_cmpint (hat_heap_step (heap, event_at (oracle, n - 1)->time_ns, 1), ==, event_at (oracle, n - 1)->time_ns);
}

/* ---- sizes ---- */

static void
check_sizes_at_peak (HatHeap *heap, Oracle *oracle)
{
  const gint64 peak_ns = hat_heap_summary (heap)->totals.peak_time_ns;
  const HatSizes *sizes = hat_heap_sizes_at_peak (heap, NULL, NULL);
  g_autofree HatSizes *whole_way = hat_heap_sizes (heap, (HatRange) { hat_heap_start (heap), peak_ns }, NULL, NULL);

  g_assert_true (sizes == hat_heap_sizes_at_peak (heap, NULL, NULL));
  g_assert_cmpmem (sizes->live_bytes, sizeof sizes->live_bytes, whole_way->live_bytes, sizeof whole_way->live_bytes);
  g_assert_cmpmem (sizes->usable_bytes, sizeof sizes->usable_bytes, whole_way->usable_bytes, sizeof whole_way->usable_bytes);
}

static void
check_sizes (HatHeap *heap, Oracle *oracle)
{
  const HatRange range = random_range (oracle);
  g_autofree HatSizes *sizes = hat_heap_sizes (heap, range, NULL, NULL);
  g_autofree HatSizes *expected = g_new0 (HatSizes, 1);
  const guint first = oracle_position (oracle, range.from), end = oracle_position (oracle, range.to);
  g_autoptr (GHashTable) live = oracle_live (oracle, first);
  g_autoptr (GHashTable) mine = g_hash_table_new (g_int64_hash, g_int64_equal);
  guint64 most_common = 0;

  for (guint i = first; i < end; i++)
    {
      const HatEvent *event = event_at (oracle, i);
      HatBlock old;
      oracle_apply (live, event, &old);
      if (event->block)
        {
          expected->allocations[hat_size_class (event->size)]++;
          expected->bytes[hat_size_class (event->size)] += event->size;
          g_hash_table_add (mine, (gpointer) &event->block);
          most_common += event->size == 0;
        }
      if (old.id && g_hash_table_contains (mine, &old.id))
        {
          guint cls = 0;
          for (gint64 limit = 100000; cls < 10 && event->time_ns - old.birth_ns >= limit; limit *= 10)
            cls++;
          expected->lifetimes[cls]++;
          expected->lifetime_bytes[cls] += old.size;
        }
      expected->temporary += event->temporary;
      expected->temporary_bytes += event->temporary ? old.size : 0;
    }
  g_autoptr (GArray) blocks = oracle_blocks (live);
  for (guint i = 0; i < blocks->len; i++)
    {
      const HatBlock *block = &g_array_index (blocks, HatBlock, i);
      expected->live_blocks[hat_size_class (block->size)]++;
      expected->live_bytes[hat_size_class (block->size)] += block->size;
      if (!g_hash_table_contains (mine, &block->id))
        continue;
      expected->lifetimes[HAT_LIFETIME_CLASSES - 1]++;
      expected->lifetime_bytes[HAT_LIFETIME_CLASSES - 1] += block->size;
    }

  g_assert_cmpmem (sizes->allocations, sizeof sizes->allocations, expected->allocations, sizeof expected->allocations);
  g_assert_cmpmem (sizes->bytes, sizeof sizes->bytes, expected->bytes, sizeof expected->bytes);
  g_assert_cmpmem (sizes->live_blocks, sizeof sizes->live_blocks, expected->live_blocks, sizeof expected->live_blocks);
  g_assert_cmpmem (sizes->live_bytes, sizeof sizes->live_bytes, expected->live_bytes, sizeof expected->live_bytes);
  g_assert_cmpmem (sizes->lifetimes, sizeof sizes->lifetimes, expected->lifetimes, sizeof expected->lifetimes);
  g_assert_cmpmem (sizes->lifetime_bytes, sizeof sizes->lifetime_bytes, expected->lifetime_bytes, sizeof expected->lifetime_bytes);
  g_assert_cmpuint (sizes->temporary, ==, expected->temporary);
  g_assert_cmpuint (sizes->temporary_bytes, ==, expected->temporary_bytes);
  for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
    g_assert_cmpuint (sizes->usable_bytes[i], >=, sizes->live_bytes[i]);
  for (guint i = 0; i < sizes->n_common; i++)
    {
      g_assert_cmpuint (sizes->common[i].allocations, >, 0);
      if (i > 0)
        g_assert_cmpuint (sizes->common[i].allocations, <=, sizes->common[i - 1].allocations);
      if (sizes->common[i].size == 0)
        g_assert_cmpuint (sizes->common[i].allocations, ==, most_common);
    }
}

/* ---- never freed ---- */

static void
check_unfreed (HatHeap *heap, Oracle *oracle)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatUnfreedGroups) groups = hat_heap_unfreed (heap, NULL, &error);
  g_autoptr (GHashTable) live = oracle_live (oracle, oracle->events->len);
  g_autoptr (GArray) blocks = oracle_blocks (live);
  guint64 n = 0, bytes = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < groups->n; i++)
    {
      const HatUnfreed *group = &groups->groups[i];
      HatUnfreed expected = { .first_ns = G_MAXINT64 };
      for (guint k = 0; k < blocks->len; k++)
        {
          const HatBlock *block = &g_array_index (blocks, HatBlock, k);
          if (block->stack != group->stack || block->id < oracle->info->first_block)
            continue;
          expected.blocks++;
          expected.bytes += block->size;
          expected.first_ns = MIN (expected.first_ns, block->birth_ns);
          expected.last_ns = MAX (expected.last_ns, block->birth_ns);
          g_assert_cmpuint (block->size, <=, group->example.size);
        }
      g_assert_cmpuint (group->blocks, ==, expected.blocks);
      g_assert_cmpuint (group->bytes, ==, expected.bytes);
      g_assert_cmpint (group->first_ns, ==, expected.first_ns);
      g_assert_cmpint (group->last_ns, ==, expected.last_ns);
      g_assert_cmpuint (group->example.stack, ==, group->stack);
      if (i > 0)
        g_assert_cmpuint (group->bytes, <=, groups->groups[i - 1].bytes);
      n += group->blocks;
      bytes += group->bytes;
    }
  guint64 own = 0, own_bytes = 0;
  for (guint k = 0; k < blocks->len; k++)
    if (g_array_index (blocks, HatBlock, k).id >= oracle->info->first_block)
      {
        own++;
        own_bytes += g_array_index (blocks, HatBlock, k).size;
      }
  g_assert_cmpuint (n, ==, own);
  g_assert_cmpuint (groups->blocks, ==, own);
  g_assert_cmpuint (bytes, ==, own_bytes);
  g_assert_cmpuint (groups->bytes, ==, own_bytes);
}

/* ---- call trees ---- */

typedef struct
{
  guint64 costs[HAT_N_COSTS], self;
} PathCost;

static void
add_path (GHashTable *paths, const char *path, const HatSite *site, HatCost cost, gboolean is_self)
{
  PathCost *sum = g_hash_table_lookup (paths, path);

  if (sum == NULL)
    {
      sum = g_new0 (PathCost, 1);
      g_hash_table_insert (paths, g_strdup (path), sum);
    }
  for (guint c = 0; c < HAT_N_COSTS; c++)
    sum->costs[c] += hat_site_cost (site, c);
  sum->self += is_self ? hat_site_cost (site, cost) : 0;
}

static GHashTable *
expected_paths (HatTrace *trace, const HatSites *sites, HatTreeKind kind, HatCost cost)
{
  GHashTable *paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < sites->n; i++)
    {
      guint n;
      g_autofree HatStackFrame *frames = hat_stack_frames (trace, sites->sites[i].stack, &n);
      g_autoptr (GString) path = g_string_new ("all");
      add_path (paths, path->str, &sites->sites[i], cost, n == 0);
      for (guint k = 0; k < n; k++)
        {
          const HatStackFrame *frame = &frames[kind == HAT_TREE_TOP_DOWN ? n - 1 - k : k];
          g_string_append_printf (path, ">%s@%s", frame->function, frame->module);
          add_path (paths, path->str, &sites->sites[i], cost, k == n - 1);
        }
    }
  return paths;
}

static char *
path_of_node (const HatTree *tree, guint node)
{
  if (node == 0)
    return g_strdup ("all");
  g_autofree char *parent = path_of_node (tree, tree->nodes[node].parent);
  return g_strdup_printf ("%s>%s@%s", parent, tree->nodes[node].function, tree->nodes[node].module);
}

static void
assert_tree (HatTrace *trace, const HatSites *sites, HatTreeKind kind, HatCost cost)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTree) tree = hat_tree_new (trace, sites, kind, cost, NULL, &error);
  g_autoptr (GHashTable) paths = expected_paths (trace, sites, kind, cost);

  g_assert_no_error (error);
  if (sites->n > 0)
    g_assert_cmpuint (tree->n, ==, g_hash_table_size (paths));
  for (guint i = 0; i < tree->n && sites->n > 0; i++)
    {
      const HatTreeNode *node = &tree->nodes[i];
      g_autofree char *path = path_of_node (tree, i);
      const PathCost *expected = g_hash_table_lookup (paths, path);
      guint64 children = 0;

      g_assert_nonnull (expected);
      g_assert_cmpuint (node->cost, ==, expected->costs[cost]);
      g_assert_cmpmem (node->costs, sizeof node->costs, expected->costs, sizeof expected->costs);
      g_assert_cmpuint (node->self, ==, expected->self);
      for (guint k = node->first_child; k < node->first_child + node->n_children; k++)
        {
          g_assert_cmpuint (tree->nodes[k].parent, ==, i);
          if (k > node->first_child)
            g_assert_cmpuint (tree->nodes[k].cost, <=, tree->nodes[k - 1].cost);
          children += tree->nodes[k].cost;
        }
      g_assert_cmpuint (node->cost, ==, children + node->self);
    }
}

static void
check_trees (HatHeap *heap, Oracle *oracle)
{
  g_autoptr (HatSites) sites = hat_heap_sites (heap, random_range (oracle), NULL, NULL);

  for (HatCost cost = 0; cost < HAT_N_COSTS; cost++)
    {
      assert_tree (oracle->trace, sites, HAT_TREE_TOP_DOWN, cost);
      assert_tree (oracle->trace, sites, HAT_TREE_BOTTOM_UP, cost);
    }
}

static const HatFunctionRow *
find_row (const HatFunctions *functions, const char *function, const char *module)
{
  for (guint i = 0; i < functions->n; i++)
    if (strcmp (functions->rows[i].function, function) == 0 && strcmp (functions->rows[i].module, module) == 0)
      return &functions->rows[i];
  return NULL;
}

static void
check_functions (HatHeap *heap, Oracle *oracle)
{
  g_autoptr (HatSites) sites = hat_heap_sites (heap, whole (heap), NULL, NULL);
  g_autoptr (HatFunctions) functions = hat_functions_new (oracle->trace, sites, HAT_COST_ALLOCATED, NULL, NULL);
  guint64 self = 0, all = 0;

  for (guint r = 0; r < functions->n; r++)
    {
      const HatFunctionRow *row = &functions->rows[r];
      g_autoptr (HatFunctions) callers = hat_functions_callers (oracle->trace, sites, HAT_COST_ALLOCATED, row->function, row->module);
      g_autoptr (HatFunctions) callees = hat_functions_callees (oracle->trace, sites, HAT_COST_ALLOCATED, row->function, row->module);
      g_autoptr (GHashTable) called_by = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
      g_autoptr (GHashTable) calls = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
      guint64 total = 0, own = 0;

      for (guint i = 0; i < sites->n; i++)
        {
          guint n;
          g_autofree HatStackFrame *frames = hat_stack_frames (oracle->trace, sites->sites[i].stack, &n);
          const guint64 cost = hat_site_cost (&sites->sites[i], HAT_COST_ALLOCATED);
          g_autoptr (GHashTable) up = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
          g_autoptr (GHashTable) down = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
          gboolean is_in = FALSE;
          for (guint k = 0; k < n; k++)
            {
              if (strcmp (frames[k].function, row->function) != 0 || strcmp (frames[k].module, row->module) != 0)
                continue;
              is_in = TRUE;
              own += k == 0 ? cost : 0;
              if (k + 1 < n)
                g_hash_table_add (up, g_strdup_printf ("%s@%s", frames[k + 1].function, frames[k + 1].module));
              if (k > 0)
                g_hash_table_add (down, g_strdup_printf ("%s@%s", frames[k - 1].function, frames[k - 1].module));
            }
          total += is_in ? cost : 0;
          GHashTableIter iter;
          gpointer name;
          g_hash_table_iter_init (&iter, up);
          while (g_hash_table_iter_next (&iter, &name, NULL))
            add_path (called_by, name, &sites->sites[i], 0, FALSE);
          g_hash_table_iter_init (&iter, down);
          while (g_hash_table_iter_next (&iter, &name, NULL))
            add_path (calls, name, &sites->sites[i], 0, FALSE);
        }
      g_assert_cmpuint (row->total[HAT_COST_ALLOCATED], ==, total);
      g_assert_cmpuint (row->self[HAT_COST_ALLOCATED], ==, own);
      g_assert_cmpuint (callers->n, ==, g_hash_table_size (called_by));
      g_assert_cmpuint (callees->n, ==, g_hash_table_size (calls));
      for (guint k = 0; k < callers->n; k++)
        {
          g_autofree char *name = g_strdup_printf ("%s@%s", callers->rows[k].function, callers->rows[k].module);
          const PathCost *expected = g_hash_table_lookup (called_by, name);
          g_assert_cmpmem (callers->rows[k].total, sizeof expected->costs, expected->costs, sizeof expected->costs);
        }
      for (guint k = 0; k < callees->n; k++)
        {
          g_autofree char *name = g_strdup_printf ("%s@%s", callees->rows[k].function, callees->rows[k].module);
          const PathCost *expected = g_hash_table_lookup (calls, name);
          g_assert_cmpmem (callees->rows[k].total, sizeof expected->costs, expected->costs, sizeof expected->costs);
        }
      self += own;
    }
  for (guint i = 0; i < sites->n; i++)
    all += sites->sites[i].stack > HAT_STACK_TRUNCATED ? hat_site_cost (&sites->sites[i], HAT_COST_ALLOCATED) : 0;
  g_assert_cmpuint (self, ==, all);
  g_assert_null (find_row (functions, "no_such_function", ""));
}

/* ---- groups ---- */

static void
check_groups (HatHeap *heap, Oracle *oracle)
{
  const HatRange range = random_range (oracle);
  const guint first = oracle_position (oracle, range.from), end = oracle_position (oracle, range.to);
  g_autofree OracleCount *expected = oracle_count (oracle, first, end, range.from);

  for (HatGrouping by = HAT_BY_NONE; by <= HAT_BY_AGE; by++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HatGroups) groups = hat_heap_groups (heap, range, by, NULL, &error);
      guint64 live = 0, allocations = 0, frees = 0;

      g_assert_no_error (error);
      for (guint i = 0; i < groups->n; i++)
        {
          g_assert_nonnull (groups->groups[i].label);
          live += groups->groups[i].costs.live_bytes;
          allocations += groups->groups[i].costs.allocations;
          frees += groups->groups[i].costs.frees;
          if (i > 0)
            g_assert_cmpuint (groups->groups[i].costs.live_bytes, <=, groups->groups[i - 1].costs.live_bytes);
        }
      /* Groups hold own blocks, ages all that live. */
      if (!oracle->info->is_fork || by == HAT_BY_AGE)
        g_assert_cmpuint (live, ==, expected->totals.live_bytes);
      if (by == HAT_BY_AGE)
        continue;
      g_assert_cmpuint (allocations, ==, expected->totals.allocations);
      if (!oracle->info->is_fork)
        g_assert_cmpuint (frees, ==, expected->totals.frees - expected->totals.unknown_frees);
    }
}

static void
check_groups_by_thread_and_size (HatHeap *heap, Oracle *oracle)
{
  g_autoptr (HatGroups) threads = hat_heap_groups (heap, whole (heap), HAT_BY_THREAD, NULL, NULL);
  g_autoptr (HatGroups) sizes = hat_heap_groups (heap, whole (heap), HAT_BY_SIZE, NULL, NULL);

  for (guint i = 0; i < threads->n; i++)
    {
      guint thread = 0;
      guint64 allocations = 0;
      while (thread < FIXTURE_THREADS && strcmp (threads->groups[i].label, thread == 0 ? "main (100)" : thread == 1 ? "thread 101" : "thread 102") != 0)
        thread++;
      for (guint k = 0; k < oracle->events->len; k++)
        allocations += event_at (oracle, k)->kind == HAT_EVENT_ALLOC && event_at (oracle, k)->thread == thread;
      g_assert_cmpuint (threads->groups[i].costs.allocations, ==, allocations);
    }
  for (guint i = 0; i < sizes->n; i++)
    {
      guint64 allocations = 0;
      for (guint k = 0; k < oracle->events->len; k++)
        allocations += event_at (oracle, k)->kind == HAT_EVENT_ALLOC
                       && strcmp (hat_size_class_label (hat_size_class (event_at (oracle, k)->size)), sizes->groups[i].label) == 0;
      g_assert_cmpuint (sizes->groups[i].costs.allocations, ==, allocations);
    }
}

/* ---- cancelling ---- */

static gboolean
on_progress_cancel (double share, const char *what, gpointer data)
{
  g_assert_cmpfloat (share, >=, 0);
  g_assert_cmpfloat (share, <=, 1);
  g_assert_nonnull (what);
  return FALSE;
}

static void
check_cancel (HatHeap *heap, Oracle *oracle)
{
  const HatProgress progress = { on_progress_cancel, NULL };
  HatRange range = whole (heap);
  GError *error = NULL;
  HatTotals totals;

  if (oracle->events->len < 100)
    return;
  range.from = event_at (oracle, 10)->time_ns;
#define ASSERT_CANCELLED(call)                                        \
  g_assert_false (call);                                              \
  g_assert_error (error, HAT_ERROR, HAT_ERROR_CANCELLED);             \
  g_clear_error (&error)
  ASSERT_CANCELLED (hat_heap_totals (heap, range, &totals, &progress, &error));
  ASSERT_CANCELLED (hat_heap_sites (heap, range, &progress, &error));
  ASSERT_CANCELLED (hat_heap_timeline (heap, range, 100, HAT_BY_SITE, &progress, &error));
  ASSERT_CANCELLED (hat_heap_sizes (heap, range, &progress, &error));
  ASSERT_CANCELLED (hat_heap_unfreed (heap, &progress, &error));
  ASSERT_CANCELLED (hat_heap_growing (heap, &progress, &error));
  ASSERT_CANCELLED (hat_heap_live (heap, hat_heap_end (heap), &progress, &error));
  g_autoptr (HatSites) sites = hat_heap_sites (heap, whole (heap), NULL, NULL);
  ASSERT_CANCELLED (hat_functions_new (oracle->trace, sites, HAT_COST_LIVE, &progress, &error));
  ASSERT_CANCELLED (hat_tree_new (oracle->trace, sites, HAT_TREE_BOTTOM_UP, HAT_COST_LIVE, &progress, &error));
  if (hat_trace_summary (oracle->trace, oracle->process) == NULL)
    {
      ASSERT_CANCELLED (hat_heap_new (oracle->trace, oracle->process, &progress, &error));
    }
#undef ASSERT_CANCELLED
}

/* ---- threads ---- */

typedef struct
{
  HatHeap *heap;
  gint64 time;
  guint64 bytes;
} ThreadJob;

static gpointer
thread_ask (gpointer data)
{
  ThreadJob *job = data;

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (HatLive) live = hat_heap_live (job->heap, job->time, NULL, NULL);
      g_autoptr (HatTimeline) timeline
        = hat_heap_timeline (job->heap, (HatRange) { hat_heap_start (job->heap), job->time }, 20, HAT_BY_FUNCTION, NULL, NULL);
      g_assert_cmpuint (timeline->bins[19].last_bytes, ==, live->bytes);
      job->bytes = live->bytes;
    }
  return NULL;
}

static void
check_threads (HatHeap *heap, Oracle *oracle)
{
  ThreadJob jobs[4];
  GThread *threads[4];

  for (guint i = 0; i < 4; i++)
    {
      jobs[i] = (ThreadJob) { heap, MAX (oracle_random_time (oracle), hat_heap_start (heap)), 0 };
      threads[i] = g_thread_new ("asker", thread_ask, &jobs[i]);
    }
  for (guint i = 0; i < 4; i++)
    {
      g_thread_join (threads[i]);
      g_autoptr (HatLive) live = hat_heap_live (heap, jobs[i].time, NULL, NULL);
      g_assert_cmpuint (live->bytes, ==, jobs[i].bytes);
    }
}

/* ---- made once ---- */

typedef struct
{
  HatOnce once;
  gint n_begun, n_made; /* atomic */
  gint may_end;
} Making;

static gpointer
make_slowly (gconstpointer data, const HatProgress *progress, GError **error)
{
  Making *making = (Making *) data;

  g_atomic_int_inc (&making->n_begun);
  while (!g_atomic_int_get (&making->may_end))
    g_thread_yield ();
  if (!hat_progress_tick (progress, 1, "made", error))
    return NULL;
  g_atomic_int_inc (&making->n_made);
  return g_strdup ("answer");
}

static gpointer
ask_once (gpointer data)
{
  Making *making = data;
  return hat_once_get (&making->once, make_slowly, making, "waiting", NULL, NULL);
}

static gpointer
ask_once_cancelled (gpointer data)
{
  Making *making = data;
  const HatProgress progress = { on_progress_cancel, NULL };
  return hat_once_get (&making->once, make_slowly, making, "waiting", &progress, NULL);
}

static void
test_once (void)
{
  Making making = { .n_begun = 0 };
  const char *answers[4];
  GThread *threads[4];

  hat_once_init (&making.once);
  GThread *first = g_thread_new ("cancelled", ask_once_cancelled, &making);
  while (g_atomic_int_get (&making.n_begun) == 0)
    g_thread_yield ();
  g_assert_null (ask_once_cancelled (&making)); /* who waits is not held up */
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("asker", ask_once, &making);
  g_atomic_int_set (&making.may_end, TRUE);
  g_assert_null (g_thread_join (first));
  for (guint i = 0; i < 4; i++)
    {
      answers[i] = g_thread_join (threads[i]);
      g_assert_cmpstr (answers[i], ==, "answer");
      g_assert_true (answers[i] == answers[0]);
    }
  g_assert_cmpint (making.n_begun, ==, 2);
  g_assert_cmpint (making.n_made, ==, 1);
  hat_once_clear (&making.once, g_free);
}

/* ---- growth ---- */

typedef enum
{
  GROW_STEADILY,
  GROW_AND_STOP, /* start-up: a quarter of the time */
  SAW_TOOTH,     /* up and back down, ten times */
  STAY,
  GROW_AND_CLEAN_UP, /* freed in the last moment */
  GROW_IN_STEPS,     /* eight of them */
  FILL_CACHE,        /* four times as fast, until it is full: at six sevenths of the time */
  N_SHAPES,
} Shape;

#define SHAPE_ROUNDS 4000

static HatTrace *
shapes_trace (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  close (g_file_open_tmp ("test-heap-XXXXXX.heapatlas", &path, NULL));
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, &error);
  g_assert_no_error (error);
  const HatProcess process = { .pid = 1, .parent = -1, .exe = "/bin/shapes" };
  GQueue live[N_SHAPES];
  const HatModule module = { .path = "/bin/shapes" };

  hat_trace_writer_add_process (writer, &process);
  hat_trace_writer_add_thread (writer, 0, 1, "main");
  hat_trace_writer_add_module (writer, &module);
  for (guint shape = 0; shape < N_SHAPES; shape++)
    {
      const HatFrame frame = { .offset = shape };
      g_queue_init (&live[shape]);
      hat_trace_writer_add_stack (writer, 0, hat_trace_writer_add_frame (writer, &frame));
    }
  for (guint round = 0; round < SHAPE_ROUNDS; round++)
    for (guint shape = 0; shape < N_SHAPES; shape++)
      {
        const gboolean grows[N_SHAPES] = {
          [GROW_STEADILY] = TRUE,
          [GROW_AND_STOP] = round < SHAPE_ROUNDS / 4,
          [SAW_TOOTH] = round % 400 < 200,
          [STAY] = round < 10,
          [GROW_AND_CLEAN_UP] = round < SHAPE_ROUNDS - 5,
          [GROW_IN_STEPS] = round % 500 < 20,
          [FILL_CACHE] = round < SHAPE_ROUNDS * 6 / 7,
        };
        const guint n_free = shape == SAW_TOOTH && !grows[shape]                             ? 1
                             : shape == GROW_AND_CLEAN_UP && round == SHAPE_ROUNDS - 1       ? g_queue_get_length (&live[shape])
                                                                                             : 0;
        HatEvent event = { .kind = HAT_EVENT_ALLOC, .time_ns = (gint64) round * 1000000, .stack = 2 + shape,
                           .size = shape == FILL_CACHE ? 400 : 100 };
        event.address = 0x10000 + (round * N_SHAPES + shape) * 512;
        if (grows[shape])
          g_queue_push_tail (&live[shape], GSIZE_TO_POINTER (hat_trace_writer_add_event (writer, 0, &event)));
        for (guint i = 0; i < n_free; i++)
          {
            const HatEvent free_event = { .kind = HAT_EVENT_FREE, .time_ns = (gint64) round * 1000000,
                                          .old = GPOINTER_TO_SIZE (g_queue_pop_head (&live[shape])) };
            hat_trace_writer_add_event (writer, 0, &free_event);
          }
      }
  for (guint shape = 0; shape < N_SHAPES; shape++)
    g_queue_clear (&live[shape]);
  hat_trace_writer_finish (writer, (gint64) SHAPE_ROUNDS * 1000000, &error);
  g_assert_no_error (error);
  HatTrace *trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return trace;
}

static void
test_growing (void)
{
  g_autoptr (HatTrace) trace = shapes_trace ();
  g_autoptr (HatHeap) heap = heap_new (trace, 0);
  g_autoptr (GError) error = NULL;
  const HatGrowing *growing = hat_heap_growing (heap, NULL, &error);
  gboolean found[N_SHAPES] = { FALSE };

  g_assert_no_error (error);
  for (guint i = 0; i < growing->n; i++)
    {
      found[growing->sites[i].stack - 2] = TRUE;
      g_assert_cmpuint (growing->sites[i].n_points, >, 10);
    }
  g_assert_true (found[GROW_STEADILY]);
  g_assert_false (found[GROW_AND_STOP]);
  g_assert_false (found[SAW_TOOTH]);
  g_assert_false (found[STAY]);
  g_assert_true (found[GROW_AND_CLEAN_UP]);
  g_assert_true (found[GROW_IN_STEPS]);
  /* What only fills once ranks below what never stops, however fast it was. */
  g_assert_true (found[FILL_CACHE]);
  g_assert_cmpuint (growing->sites[growing->n - 1].stack, ==, 2 + FILL_CACHE);
  g_assert_true (growing->sites[growing->n - 1].has_stopped);
  g_assert_cmpfloat (growing->sites[growing->n - 1].slope_bytes_per_s, >, 2 * growing->sites[0].slope_bytes_per_s);
  g_assert_cmpfloat (growing->sites[0].persistence, >, 0.9);
  /* 100 bytes a millisecond. */
  g_assert_cmpfloat_with_epsilon (growing->sites[0].slope_bytes_per_s, 100000, 2000);
}

/* ---- going on while the recording grows ---- */

static void
test_refresh (gconstpointer is_sample)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const HatProcess process = { .pid = 1, .parent = -1, .exe = "/bin/growing" };
  const HatModule module = { .path = "/bin/growing" };
  const HatFrame frame = { .offset = 1 };

  close (g_file_open_tmp ("test-heap-XXXXXX.heapatlas", &path, NULL));
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, &error);
  g_assert_no_error (error);
  if (is_sample)
    hat_trace_writer_add_note (writer, "option.sample", "1000");
  hat_trace_writer_add_process (writer, &process);
  hat_trace_writer_add_thread (writer, 0, 1, "main");
  hat_trace_writer_add_module (writer, &module);
  const HatStackId stack = hat_trace_writer_add_stack (writer, 0, hat_trace_writer_add_frame (writer, &frame));

  g_autoptr (HatTrace) trace = NULL;
  g_autoptr (HatHeap) heap = NULL;
  HatBlockId last = 0;
  for (guint round = 0; round < 10; round++)
    {
      for (guint i = 0; i < 5000; i++)
        {
          HatEvent event = { .kind = HAT_EVENT_ALLOC, .size = 10, .stack = stack, .time_ns = (round * 5000 + i) * 10000 };
          event.address = 0x1000 + (gint64) (round * 5000 + i) * 16;
          if (last && g_test_rand_bit ())
            event = (HatEvent) { .kind = HAT_EVENT_FREE, .old = last, .time_ns = event.time_ns };
          last = hat_trace_writer_add_event (writer, 0, &event);
        }
      hat_trace_writer_flush (writer, TRUE, &error);
      g_assert_no_error (error);
      HatTrace *next_trace = trace ? hat_trace_refresh (trace, &error) : hat_trace_open (path, NULL, &error);
      g_assert_no_error (error);
      const guint64 before = hat_trace_decoded_events (next_trace);
      HatHeap *next = heap ? hat_heap_refresh (heap, next_trace, NULL, &error) : hat_heap_new (next_trace, 0, NULL, &error);
      g_assert_no_error (error);
      if (heap)
        g_assert_cmpuint (hat_trace_decoded_events (next_trace) - before, <=, 10000);
      g_clear_pointer (&heap, hat_heap_unref);
      g_clear_pointer (&trace, hat_trace_unref);
      heap = next;
      trace = next_trace;

      g_autoptr (HatHeap) fresh = heap_new (trace, 0);
      g_autoptr (Oracle) oracle = oracle_new (trace, 0);
      assert_totals (&hat_heap_summary (heap)->totals, &hat_heap_summary (fresh)->totals);
      assert_live (heap, oracle, hat_heap_end (heap));
      if (is_sample)
        {
          g_assert_cmpuint (hat_heap_summary (heap)->totals.allocations, >, 50 * (guint64) (round + 1) * 1000);
          g_assert_cmpfloat (hat_heap_estimates (heap)->variance.live_bytes, ==, hat_heap_estimates (fresh)->variance.live_bytes);
          continue;
        }
      g_assert_cmpuint (hat_heap_summary (heap)->n_leaves, ==, hat_heap_summary (fresh)->n_leaves);
      check_summary (heap, oracle);
      assert_timeline (heap, oracle, whole (heap), 50, HAT_BY_NONE);
    }
  g_unlink (path);
}

/* ---- running ---- */

typedef struct
{
  const char *name;
  CheckFunc check;
} Check;

static const Check checks[] = {
  { "live", check_live },
  { "find", check_find },
  { "cost-of-instant", check_cost_of_instant },
  { "summary", check_summary },
  { "ranges", check_ranges },
  { "timeline", check_timeline },
  { "bands-sum-up", check_bands_sum_up },
  { "bands-by-live-set", check_bands_by_live_set },
  { "events", check_events },
  { "steps", check_steps },
  { "sizes", check_sizes },
  { "unfreed", check_unfreed },
  { "trees", check_trees },
  { "functions", check_functions },
  { "groups", check_groups },
  { "groups-by-thread-and-size", check_groups_by_thread_and_size },
  { "sizes-at-peak", check_sizes_at_peak },
  { "cancel", check_cancel },
  { "threads", check_threads },
};

static void
test_case (gconstpointer data)
{
  const guint number = GPOINTER_TO_UINT (data);
  for_each_process (&cases[number / G_N_ELEMENTS (checks)], checks[number % G_N_ELEMENTS (checks)].check);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases) * G_N_ELEMENTS (checks); i++)
    {
      g_autofree char *path
        = g_strdup_printf ("/heap/%s/%s", cases[i / G_N_ELEMENTS (checks)].name, checks[i % G_N_ELEMENTS (checks)].name);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_case);
    }
  g_test_add_func ("/heap/growing", test_growing);
  g_test_add_func ("/heap/once", test_once);
  g_test_add_data_func ("/heap/refresh", NULL, test_refresh);
  g_test_add_data_func ("/heap/refresh-of-sample", GINT_TO_POINTER (TRUE), test_refresh);
  return g_test_run ();
}
