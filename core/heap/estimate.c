/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates of a sampled recording. Such traces are small: one walk through the events. */

#include "core/heap/estimate.h"

#include <math.h>

#include "core/heap/replay.h"

guint64
hat_sample_bytes (HatTrace *trace)
{
  const char *note = hat_trace_note (trace, "option.sample");
  guint64 bytes = 0;
  return note && g_ascii_string_to_unsigned (note, 10, 1, G_GUINT64_CONSTANT (1) << 40, &bytes, NULL) ? bytes : 0;
}

double
hat_sample_weight (guint64 size, guint64 sample_bytes)
{
  return size == 0 ? 1 : -1 / expm1 (-(double) size / (double) sample_bytes);
}

double
hat_estimate_error (const HatEstimate *estimate)
{
  return 1.96 * sqrt (MAX (estimate->variance, 0));
}

static void
add (HatEstimate *estimate, double x, double weight, double sign)
{
  estimate->value += sign * x * weight;
  estimate->variance += sign * x * x * weight * (weight - 1);
}

typedef struct
{
  HatSampled *result;
  GArray *sites;       /* HatEstimates */
  GHashTable *indices; /* stack -> index in sites + 1 */
} Walk;

static HatEstimates *
site_of (Walk *walk, HatStackId stack)
{
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (walk->indices, GUINT_TO_POINTER (stack)));
  if (index == 0)
    {
      const HatEstimates site = { .stack = stack };
      g_array_append_val (walk->sites, site);
      index = walk->sites->len;
      g_hash_table_insert (walk->indices, GUINT_TO_POINTER (stack), GUINT_TO_POINTER (index));
    }
  return &g_array_index (walk->sites, HatEstimates, index - 1);
}

static void
birth (Walk *walk, HatStackId stack, guint64 size, gboolean in_range)
{
  const double weight = hat_sample_weight (size, walk->result->sample_bytes);
  HatEstimates *const both[] = { &walk->result->totals, site_of (walk, stack) };
  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      add (&both[i]->live_blocks, 1, weight, 1);
      add (&both[i]->live_bytes, (double) size, weight, 1);
      if (in_range)
        {
          add (&both[i]->allocations, 1, weight, 1);
          add (&both[i]->bytes, (double) size, weight, 1);
        }
    }
}

static void
death (Walk *walk, const HatBlock *block, gboolean in_range)
{
  const double weight = hat_sample_weight (block->size, walk->result->sample_bytes);
  HatEstimates *const both[] = { &walk->result->totals, site_of (walk, block->stack) };
  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      add (&both[i]->live_blocks, 1, weight, -1);
      add (&both[i]->live_bytes, (double) block->size, weight, -1);
      if (in_range)
        {
          add (&both[i]->frees, 1, weight, 1);
          add (&both[i]->bytes_freed, (double) block->size, weight, 1);
        }
    }
}

static gboolean
walk_events (Walk *walk, HatReplay *replay, HatRange range, guint64 end, GError **error)
{
  HatSampled *result = walk->result;
  HatReplayBatch batch;

  do
    {
      if (!hat_replay_next (replay, end, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        {
          const HatEvent *event = &batch.events[i];
          if (event->time_ns > range.to)
            return TRUE;
          const gboolean in_range = event->time_ns > range.from;
          /* The highest instant may lie at the range's start. */
          if (in_range && result->totals.live_bytes.value > result->peak_bytes.value)
            result->peak_bytes = result->totals.live_bytes;
          if (batch.olds[i].id != 0)
            death (walk, &batch.olds[i], in_range);
          if (event->kind == HAT_EVENT_ALLOC || event->kind == HAT_EVENT_REALLOC)
            birth (walk, event->stack, event->size, in_range);
        }
    }
  while (batch.n > 0);
  return TRUE;
}

static int
compare_sites (gconstpointer a, gconstpointer b)
{
  const HatEstimates *x = a, *y = b;
  return x->stack < y->stack ? -1 : x->stack > y->stack;
}

HatSampled *
hat_heap_sampled (HatHeap *heap, HatRange range, const HatProgress *progress, GError **error)
{
  HatTrace *trace = hat_heap_trace (heap);
  const guint64 end = hat_trace_process (trace, hat_heap_process (heap))->n_events;
  g_autoptr (HatSampled) result = g_new0 (HatSampled, 1);
  g_autoptr (GArray) sites = g_array_new (FALSE, TRUE, sizeof (HatEstimates));
  g_autoptr (GHashTable) indices = g_hash_table_new (NULL, NULL);
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  Walk walk = { result, sites, indices };
  HatReplayIter iter;

  result->sample_bytes = hat_sample_bytes (trace);
  g_return_val_if_fail (result->sample_bytes > 0, NULL);
  hat_replay_set_progress (replay, progress, "estimating", end);
  if (!hat_replay_iter_init (&iter, replay, FALSE, error))
    return NULL;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    birth (&walk, block->stack, block->size, FALSE);
  if (!walk_events (&walk, replay, range, end, error))
    return NULL;
  if (result->totals.live_bytes.value > result->peak_bytes.value)
    result->peak_bytes = result->totals.live_bytes;
  g_array_sort (sites, compare_sites);
  result->n = sites->len;
  result->sites = (HatEstimates *) g_array_free (g_steal_pointer (&sites), FALSE);
  return g_steal_pointer (&result);
}

void
hat_sampled_free (HatSampled *sampled)
{
  if (sampled == NULL)
    return;
  g_free (sampled->sites);
  g_free (sampled);
}
