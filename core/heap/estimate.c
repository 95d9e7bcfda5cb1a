/* SPDX-License-Identifier: Apache-2.0
 *
 * Estimates of a sampled recording. The peak of a key is found as core/heap/live/account.c does it. */

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/heap/heap-private.h"

#include <math.h>

guint64
hat_sample_bytes (HatTrace *trace)
{
  const char *note = hat_trace_note (trace, "option.sample");
  guint64 bytes = 0;
  return note && g_ascii_string_to_unsigned (note, 10, 1, G_GUINT64_CONSTANT (1) << 40, &bytes, NULL) ? bytes : 0;
}

guint64
hat_heap_sample_bytes (HatHeap *heap)
{
  return heap->sample_bytes;
}

HatStandsFor
hat_stands_for (guint64 size, guint64 sample_bytes)
{
  const double s = (double) size;
  const double weight = sample_bytes == 0 || size == 0 ? 1 : -1 / expm1 (-s / (double) sample_bytes);
  return (HatStandsFor){ { weight, weight * (weight - 1) }, { s * weight, s * s * weight * (weight - 1) } };
}

HatStandsFor
hat_heap_stands_for (HatHeap *heap, guint64 size)
{
  return hat_stands_for (size, heap->sample_bytes);
}

/* exp (-3) = 0.05 */
guint64
hat_sample_unseen_bytes (HatTrace *trace)
{
  return 3 * hat_sample_bytes (trace);
}

void
hat_estimate_add (HatEstimate *sum, const HatEstimate *part, double sign)
{
  sum->value += sign * part->value;
  sum->variance += sign * part->variance;
}

guint64
hat_estimate_value (const HatEstimate *estimate)
{
  return estimate->value > 0 ? (guint64) llround (MIN (estimate->value, 9e18)) : 0;
}

guint64
hat_error_of (double variance)
{
  return variance > 0 ? (guint64) llround (MIN (1.96 * sqrt (variance), 9e18)) : 0;
}

guint64
hat_estimate_error (const HatEstimate *estimate)
{
  return hat_error_of (estimate->variance);
}

/* ---- words ---- */

char *
hat_sample_words (HatTrace *trace)
{
  const guint64 sample_bytes = hat_sample_bytes (trace);
  g_autofree char *bytes = hat_format_bytes (sample_bytes);
  return sample_bytes > 0 ? g_strdup_printf ("sampled, one in %s", bytes) : NULL;
}

char *
hat_sample_none_words (HatTrace *trace, const char *what)
{
  g_autofree char *bytes = hat_format_bytes (hat_sample_unseen_bytes (trace));
  return g_strdup_printf ("%s: less than %s in all.", what, bytes);
}

char *
hat_stands_for_words (HatHeap *heap, guint64 size)
{
  const HatStandsFor block = hat_heap_stands_for (heap, size);
  if (heap->sample_bytes == 0 || block.blocks.variance < 1)
    return NULL;
  g_autofree char *blocks = hat_format_count (hat_estimate_value (&block.blocks)), *bytes = hat_format_bytes (hat_estimate_value (&block.bytes));
  return g_strdup_printf ("stands for ~%s blocks, ~%s", blocks, bytes);
}

char *
hat_live_words (HatHeap *heap, const HatLive *live)
{
  HatStandsFor sum = { 0 };
  g_autofree char *count = hat_format_count (live->n), *time = hat_format_time (live->time_ns);
  const char *s = live->n == 1 ? "" : "s";

  for (guint64 i = 0; heap->sample_bytes > 0 && i < live->n; i++)
    {
      const HatStandsFor block = hat_heap_stands_for (heap, live->blocks[i].size);
      hat_estimate_add (&sum.blocks, &block.blocks, 1);
      hat_estimate_add (&sum.bytes, &block.bytes, 1);
    }
  if (heap->sample_bytes == 0)
    {
      g_autofree char *bytes = hat_format_bytes (live->bytes);
      return g_strdup_printf ("%s block%s, %s live at %s", count, s, bytes, time);
    }
  g_autofree char *blocks = hat_format_count_within (hat_estimate_value (&sum.blocks), hat_estimate_error (&sum.blocks));
  g_autofree char *bytes = hat_format_bytes_within (hat_estimate_value (&sum.bytes), hat_estimate_error (&sum.bytes));
  return g_strdup_printf ("%s in %s blocks live at %s, %s of them in the sample", bytes, blocks, time, count);
}

/* ---- the estimator ---- */

typedef struct
{
  guint32 key;
  guint64 epoch; /* of the peak that peak_* are up to date with */
  HatEstimate allocations, bytes, frees, bytes_freed, live_blocks, live_bytes, peak_blocks, peak_bytes;
} Figures;

struct _HatEstimator
{
  guint64 sample_bytes;
  Figures totals;
  HatTotals counted; /* what is no estimate */
  HatEstimate inherited_blocks, inherited_bytes;
  guint64 n_events, epoch;
  GArray *sites;       /* Figures */
  GHashTable *indices; /* key -> index in sites + 1 */
};

HatEstimator *
hat_estimator_new (guint64 sample_bytes)
{
  HatEstimator *estimator = g_new0 (HatEstimator, 1);
  estimator->sample_bytes = sample_bytes;
  estimator->sites = g_array_new (FALSE, TRUE, sizeof (Figures));
  estimator->indices = g_hash_table_new (NULL, NULL);
  return estimator;
}

void
hat_estimator_free (HatEstimator *estimator)
{
  g_array_unref (estimator->sites);
  g_hash_table_unref (estimator->indices);
  g_free (estimator);
}

static void
catch_up (const HatEstimator *estimator, Figures *site)
{
  if (site->epoch == estimator->epoch)
    return;
  site->peak_blocks = site->live_blocks;
  site->peak_bytes = site->live_bytes;
  site->epoch = estimator->epoch;
}

/* About to change. */
static Figures *
site_of (HatEstimator *estimator, guint32 key)
{
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (estimator->indices, GUINT_TO_POINTER (key)));
  if (index == 0)
    {
      const Figures site = { .key = key, .epoch = estimator->epoch };
      g_array_append_val (estimator->sites, site);
      index = estimator->sites->len;
      g_hash_table_insert (estimator->indices, GUINT_TO_POINTER (key), GUINT_TO_POINTER (index));
    }
  Figures *site = &g_array_index (estimator->sites, Figures, index - 1);
  catch_up (estimator, site);
  return site;
}

static void
add_live (Figures *figures, const HatStandsFor *block, double sign)
{
  hat_estimate_add (&figures->live_blocks, &block->blocks, sign);
  hat_estimate_add (&figures->live_bytes, &block->bytes, sign);
}

static void
add_birth (Figures *figures, const HatStandsFor *block)
{
  add_live (figures, block, 1);
  hat_estimate_add (&figures->allocations, &block->blocks, 1);
  hat_estimate_add (&figures->bytes, &block->bytes, 1);
}

static void
add_death (Figures *figures, const HatStandsFor *block)
{
  add_live (figures, block, -1);
  hat_estimate_add (&figures->frees, &block->blocks, 1);
  hat_estimate_add (&figures->bytes_freed, &block->bytes, 1);
}

void
hat_estimator_start (HatEstimator *estimator, guint32 key, guint64 size, gboolean is_inherited)
{
  const HatStandsFor block = hat_stands_for (size, estimator->sample_bytes);

  add_live (&estimator->totals, &block, 1);
  estimator->totals.peak_blocks = estimator->totals.live_blocks;
  estimator->totals.peak_bytes = estimator->totals.live_bytes;
  if (is_inherited)
    {
      hat_estimate_add (&estimator->inherited_blocks, &block.blocks, 1);
      hat_estimate_add (&estimator->inherited_bytes, &block.bytes, 1);
      return;
    }
  Figures *site = site_of (estimator, key);
  add_live (site, &block, 1);
  site->peak_blocks = site->live_blocks;
  site->peak_bytes = site->live_bytes;
}

void
hat_estimator_add (HatEstimator *estimator, const HatEvent *event, guint32 key, const HatBlock *old, guint32 old_key,
                   gboolean is_old_inherited)
{
  Figures *totals = &estimator->totals;

  estimator->n_events++;
  estimator->counted.unknown_frees += event->kind == HAT_EVENT_UNKNOWN_FREE;
  estimator->counted.missed_frees += event->kind == HAT_EVENT_MISSED_FREE;
  if (old->id != 0)
    {
      const HatStandsFor block = hat_stands_for (old->size, estimator->sample_bytes);
      add_death (totals, &block);
      if (!is_old_inherited)
        add_death (site_of (estimator, old_key), &block);
    }
  if (event->block != 0)
    {
      const HatStandsFor block = hat_stands_for (event->size, estimator->sample_bytes);
      add_birth (totals, &block);
      add_birth (site_of (estimator, key), &block);
    }
  if (totals->live_bytes.value <= totals->peak_bytes.value)
    return;
  totals->peak_blocks = totals->live_blocks;
  totals->peak_bytes = totals->live_bytes;
  estimator->counted.peak_time_ns = event->time_ns;
  estimator->counted.peak_event = estimator->n_events;
  estimator->epoch++;
}

static HatSite
round_site (const Figures *f)
{
  return (HatSite){
    .stack = f->key,
    .allocations = hat_estimate_value (&f->allocations),
    .bytes = hat_estimate_value (&f->bytes),
    .frees = hat_estimate_value (&f->frees),
    .bytes_freed = hat_estimate_value (&f->bytes_freed),
    .live_blocks = hat_estimate_value (&f->live_blocks),
    .live_bytes = hat_estimate_value (&f->live_bytes),
    .peak_blocks = hat_estimate_value (&f->peak_blocks),
    .peak_bytes = hat_estimate_value (&f->peak_bytes),
  };
}

static HatSiteVariance
variance_of (const Figures *f)
{
  return (HatSiteVariance){
    .allocations = f->allocations.variance,
    .bytes = f->bytes.variance,
    .frees = f->frees.variance,
    .bytes_freed = f->bytes_freed.variance,
    .live_blocks = f->live_blocks.variance,
    .live_bytes = f->live_bytes.variance,
    .peak_blocks = f->peak_blocks.variance,
    .peak_bytes = f->peak_bytes.variance,
  };
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  const Figures *x = *(const Figures *const *) a, *y = *(const Figures *const *) b;
  return x->key < y->key ? -1 : x->key > y->key;
}

HatSites *
hat_estimator_sites (HatEstimator *estimator)
{
  HatSites *sites = g_new0 (HatSites, 1);
  const HatSite all = round_site (&estimator->totals);
  g_autoptr (GPtrArray) order = g_ptr_array_new ();

  for (guint i = 0; i < estimator->sites->len; i++)
    {
      Figures *site = &g_array_index (estimator->sites, Figures, i);
      catch_up (estimator, site);
      g_ptr_array_add (order, site);
    }
  g_ptr_array_sort (order, compare_keys);
  sites->n = order->len;
  sites->sites = g_new (HatSite, MAX (sites->n, 1));
  sites->variances = g_new (HatSiteVariance, MAX (sites->n, 1));
  for (guint i = 0; i < sites->n; i++)
    {
      sites->sites[i] = round_site (order->pdata[i]);
      sites->variances[i] = variance_of (order->pdata[i]);
    }
  sites->variance = variance_of (&estimator->totals);
  sites->totals = estimator->counted;
  sites->totals.allocations = all.allocations;
  sites->totals.frees = all.frees + estimator->counted.unknown_frees;
  sites->totals.bytes_allocated = all.bytes;
  sites->totals.bytes_freed = all.bytes_freed;
  sites->totals.inherited_blocks = hat_estimate_value (&estimator->inherited_blocks);
  sites->totals.inherited_bytes = hat_estimate_value (&estimator->inherited_bytes);
  sites->totals.live_blocks = all.live_blocks;
  sites->totals.live_bytes = all.live_bytes;
  sites->totals.peak_bytes = all.peak_bytes;
  return sites;
}
