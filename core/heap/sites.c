/* SPDX-License-Identifier: Apache-2.0
 *
 * Totals and sites, of everything (from the summary) or of a range; and the same by thread or size. Samples are estimated.
 *
 * A range is counted by the very code that counts a whole process: the blocks live at its start are fed in first, as if
 * allocated at that instant, and what that added to the counts is taken off afterwards. Their peak is then right by itself. */

#include "core/heap/heap-private.h"

#include <string.h>

/* What the account calls a stack is the key of the grouping: it adds up by any small number. */
typedef struct
{
  HatAccount *account;
  HatGrouping by;
  guint64 n_fed;
  HatSite *fed; /* sites as they were at the start */
  guint n_fed_sites;
  HatTotals fed_totals;
} RangeCount;

static gboolean
feed_live (RangeCount *count, HatHeap *heap, HatReplay *replay, gint64 time, GError **error)
{
  HatReplayIter iter;

  if (!hat_replay_iter_init (&iter, replay, TRUE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      const HatEvent event = {
        .kind = HAT_EVENT_ALLOC,
        .address = block->address,
        .size = block->size,
        .time_ns = time,
        .block = block->id,
        .stack = hat_group_key (heap->trace, count->by, block->stack, block->thread, block->size),
        .thread = block->thread,
      };
      hat_account_add (count->account, &event, HAT_STACK_NONE, 0, FALSE);
      count->n_fed++;
    }
  const HatSummary *summary = hat_account_summary (count->account);
  count->n_fed_sites = summary->n_sites;
  count->fed = g_memdup2 (summary->sites, summary->n_sites * sizeof (HatSite));
  count->fed_totals = summary->totals;
  return TRUE;
}

static inline void
count_event (RangeCount *count, HatHeap *heap, const HatEvent *event, const HatBlock *old)
{
  const gboolean is_inherited = !hat_block_is_own (heap, old->id);

  if (count->by == HAT_BY_SITE)
    {
      hat_account_add (count->account, event, old->stack, old->size, is_inherited);
      return;
    }
  HatEvent keyed = *event;
  keyed.stack = hat_group_key (heap->trace, count->by, event->stack, event->thread, event->size);
  hat_account_add (count->account, &keyed, hat_group_key (heap->trace, count->by, old->stack, old->thread, old->size), old->size,
                   is_inherited);
}

static gboolean
count_events (RangeCount *count, HatHeap *heap, HatReplay *replay, guint64 end, GError **error)
{
  HatReplayBatch batch;

  do
    {
      if (!hat_replay_next (replay, end, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        count_event (count, heap, &batch.events[i], &batch.olds[i]);
    }
  while (batch.n > 0);
  return TRUE;
}

static gboolean
site_says_something (const HatSite *site)
{
  return site->allocations || site->frees || site->reallocations || site->live_blocks || site->peak_blocks
         || site->bytes_freed;
}

static HatSites *
sites_of_range (RangeCount *count, HatHeap *heap, guint64 first, gint64 from)
{
  const HatSummary *summary = hat_account_summary (count->account);
  const gboolean is_peak_at_start = summary->totals.peak_event <= count->n_fed;
  HatSites *sites = g_new0 (HatSites, 1);
  guint k = 0;

  sites->sites = g_new (HatSite, MAX (summary->n_sites, 1));
  for (guint i = 0; i < summary->n_sites; i++)
    {
      HatSite site = summary->sites[i];
      if (is_peak_at_start)
        site.peak_blocks = site.peak_bytes = 0;
      while (k < count->n_fed_sites && count->fed[k].stack < site.stack)
        k++;
      if (k < count->n_fed_sites && count->fed[k].stack == site.stack)
        {
          site.allocations -= count->fed[k].allocations;
          site.bytes -= count->fed[k].bytes;
          if (is_peak_at_start)
            {
              site.peak_blocks = count->fed[k].live_blocks;
              site.peak_bytes = count->fed[k].live_bytes;
            }
        }
      if (site_says_something (&site))
        sites->sites[sites->n++] = site;
    }

  HatTotals *totals = &sites->totals;
  *totals = summary->totals;
  totals->allocations -= count->fed_totals.allocations;
  totals->bytes_allocated -= count->fed_totals.bytes_allocated;
  totals->inherited_blocks = heap->info->inherited_blocks;
  totals->inherited_bytes = heap->info->inherited_bytes;
  totals->lost_events = heap->info->lost_events;
  if (is_peak_at_start)
    {
      totals->peak_event = first;
      totals->peak_time_ns = from;
    }
  else
    totals->peak_event += first - count->n_fed;
  return sites;
}

/* ---- of a sample ---- */

static gboolean
estimate_events (HatEstimator *estimator, HatHeap *heap, HatReplay *replay, guint64 end, HatGrouping by, GError **error)
{
  HatReplayBatch batch;

  do
    {
      if (!hat_replay_next (replay, end, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        {
          const HatEvent *event = &batch.events[i];
          const HatBlock *old = &batch.olds[i];
          hat_estimator_add (estimator, event, hat_group_key (heap->trace, by, event->stack, event->thread, event->size), old,
                             hat_group_key (heap->trace, by, old->stack, old->thread, old->size), !hat_block_is_own (heap, old->id));
        }
    }
  while (batch.n > 0);
  return TRUE;
}

static HatSites *
estimate_range (HatHeap *heap, HatRange range, HatGrouping by, const HatProgress *progress, GError **error)
{
  g_autoptr (HatEstimator) estimator = hat_estimator_new (heap->sample_bytes);
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  HatReplayIter iter;
  guint64 first, end;

  if (!hat_heap_locate_range (heap, range, &first, &end, error))
    return NULL;
  hat_replay_set_progress (replay, progress, "estimating", end);
  if (!hat_replay_seek (replay, first, error) || !hat_replay_iter_init (&iter, replay, FALSE, error))
    return NULL;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    hat_estimator_start (estimator, hat_group_key (heap->trace, by, block->stack, block->thread, block->size), block->size,
                         !hat_block_is_own (heap, block->id));
  if (!estimate_events (estimator, heap, replay, end, by, error))
    return NULL;
  HatSites *sites = hat_estimator_sites (estimator);
  HatTotals *totals = &sites->totals;
  totals->inherited_blocks = heap->summary.totals.inherited_blocks;
  totals->inherited_bytes = heap->summary.totals.inherited_bytes;
  totals->lost_events = heap->info->lost_events;
  if (totals->peak_event == 0)
    totals->peak_time_ns = range.from;
  totals->peak_event += first;
  return sites;
}

/* ---- public ---- */

HatSites *
hat_heap_count_range (HatHeap *heap, HatRange range, HatGrouping by, const HatProgress *progress, GError **error)
{
  guint64 first, end, inherited_blocks, inherited_bytes;
  RangeCount count = { .by = by };
  HatSites *sites = NULL;

  if (heap->sample_bytes > 0)
    return estimate_range (heap, range, by, progress, error);
  if (!hat_heap_locate_range (heap, range, &first, &end, error))
    return NULL;
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  hat_replay_set_progress (replay, progress, "counting", end);
  if (!hat_replay_seek (replay, first, error)
      || !hat_replay_inherited (replay, &inherited_blocks, &inherited_bytes, error))
    return NULL;
  count.account = hat_account_new (inherited_blocks, inherited_bytes);
  if (feed_live (&count, heap, replay, range.from, error) && count_events (&count, heap, replay, end, error))
    sites = sites_of_range (&count, heap, first, range.from);
  hat_account_free (count.account);
  g_free (count.fed);
  return sites;
}

HatSites *
hat_heap_sites (HatHeap *heap, HatRange range, const HatProgress *progress, GError **error)
{
  if (!hat_heap_is_whole (heap, range))
    return hat_heap_count_range (heap, range, HAT_BY_SITE, progress, error);

  HatSites *sites = g_new0 (HatSites, 1);
  sites->n = heap->summary.n_sites;
  sites->sites = g_memdup2 (heap->summary.sites, sites->n * sizeof (HatSite));
  sites->totals = heap->summary.totals;
  if (heap->estimates)
    {
      sites->variances = g_memdup2 (heap->estimates->variances, sites->n * sizeof (HatSiteVariance));
      sites->variance = heap->estimates->variance;
    }
  return sites;
}

void
hat_sites_free (HatSites *sites)
{
  if (sites == NULL)
    return;
  g_free (sites->sites);
  g_free (sites->variances);
  g_free (sites);
}

gboolean
hat_heap_totals (HatHeap *heap, HatRange range, HatTotals *out_totals, const HatProgress *progress, GError **error)
{
  if (hat_heap_is_whole (heap, range))
    {
      *out_totals = heap->summary.totals;
      return TRUE;
    }
  g_autoptr (HatSites) sites = hat_heap_count_range (heap, range, HAT_BY_SITE, progress, error);
  if (sites == NULL)
    return FALSE;
  *out_totals = sites->totals;
  return TRUE;
}

/* ---- costs ---- */

static const char *const cost_names[HAT_N_COSTS] = { "live", "peak", "allocated", "allocations", "temporary" };

const char *
hat_cost_name (HatCost cost)
{
  g_return_val_if_fail (cost < HAT_N_COSTS, NULL);
  return cost_names[cost];
}

gboolean
hat_cost_is_bytes (HatCost cost)
{
  return cost == HAT_COST_LIVE || cost == HAT_COST_PEAK || cost == HAT_COST_ALLOCATED;
}

guint64
hat_site_cost (const HatSite *site, HatCost cost)
{
  switch (cost)
    {
    case HAT_COST_LIVE:
      return site->live_bytes;
    case HAT_COST_PEAK:
      return site->peak_bytes;
    case HAT_COST_ALLOCATED:
      /* Shrinking gives back, but never more than the site got. */
      return site->realloc_delta_bytes < 0 && 0 - (guint64) site->realloc_delta_bytes > site->bytes
               ? 0
               : site->bytes + site->realloc_delta_bytes;
    case HAT_COST_ALLOCATIONS:
      return site->allocations;
    case HAT_COST_TEMPORARY:
      return site->temporary;
    }
  g_return_val_if_reached (0);
}

double
hat_site_cost_variance (const HatSiteVariance *variance, HatCost cost)
{
  switch (cost)
    {
    case HAT_COST_LIVE:
      return variance->live_bytes;
    case HAT_COST_PEAK:
      return variance->peak_bytes;
    case HAT_COST_ALLOCATED:
      return variance->bytes;
    case HAT_COST_ALLOCATIONS:
      return variance->allocations;
    case HAT_COST_TEMPORARY:
      return 0;
    }
  g_return_val_if_reached (0);
}
