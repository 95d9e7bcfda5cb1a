/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes and lifetimes: the population are the blocks made in the range. */

#include "core/heap/heap-private.h"

#include <stdlib.h>

#define DENSE_SIZES 65536u /* exact sizes below are counted in an array, bigger ones in a hash table */

guint
hat_size_class (guint64 size)
{
  const guint bits = size == 0 ? 0 : 64 - __builtin_clzll (size);
  return MIN (bits, HAT_SIZE_CLASSES - 1);
}

const char *
hat_size_class_label (guint cls)
{
  static const char *const labels[HAT_SIZE_CLASSES] = {
    "0 B", "1 B", "2 to 3 B", "4 to 7 B", "8 to 15 B", "16 to 31 B", "32 to 63 B", "64 to 127 B", "128 to 255 B", "256 to 511 B",
    "512 to 1,023 B", "1 to 2 KiB", "2 to 4 KiB", "4 to 8 KiB", "8 to 16 KiB", "16 to 32 KiB", "32 to 64 KiB", "64 to 128 KiB",
    "128 to 256 KiB", "256 to 512 KiB", "512 KiB to 1 MiB", "1 to 2 MiB", "2 to 4 MiB", "4 to 8 MiB", "8 to 16 MiB",
    "16 to 32 MiB", "32 to 64 MiB", "64 to 128 MiB", "128 to 256 MiB", "256 to 512 MiB", "512 MiB to 1 GiB", "1 to 2 GiB",
    "2 to 4 GiB", "4 to 8 GiB", "8 to 16 GiB", "16 to 32 GiB", "32 to 64 GiB", "64 to 128 GiB", "128 to 256 GiB",
    "256 to 512 GiB", "512 GiB to 1 TiB", "1 to 2 TiB", "2 to 4 TiB", "4 to 8 TiB", "8 to 16 TiB", "16 to 32 TiB", "32 to 64 TiB",
    "64 to 128 TiB", "128 TiB or more",
  };
  return labels[MIN (cls, HAT_SIZE_CLASSES - 1)];
}

const char *
hat_lifetime_class_label (guint cls)
{
  static const char *const labels[HAT_LIFETIME_CLASSES] = {
    "under 100 us", "100 us to 1 ms", "1 to 10 ms", "10 to 100 ms", "100 ms to 1 s", "1 to 10 s", "10 to 100 s", "100 to 1,000 s",
    "17 min to 3 h", "3 to 28 h", "longer than 28 h", "never freed",
  };
  return labels[MIN (cls, HAT_LIFETIME_CLASSES - 1)];
}

static guint
lifetime_class (gint64 ns)
{
  gint64 limit = 100000;
  guint cls = 0;

  for (; cls < HAT_LIFETIME_CLASSES - 2 && ns >= limit; cls++)
    limit *= 10;
  return cls;
}

/* What glibc's malloc sets aside: the size and its own word of 8, in steps of 16, at least 32. */
static guint64
reserved_bytes (guint64 size)
{
  return size > G_MAXUINT64 - 32 ? size : MAX (32, (size + 8 + 15) / 16 * 16);
}

/* ---- exact sizes, of a sample what was recorded of each ---- */

typedef struct
{
  guint64 size, allocations, live_blocks;
  guint64 allocations_error, live_blocks_error;
} Exact;

typedef struct
{
  Exact *dense;      /* by size */
  GHashTable *large; /* &size -> Exact */
} Exacts;

static inline Exact *
exact_of (Exacts *exacts, guint64 size)
{
  if (size < DENSE_SIZES)
    return &exacts->dense[size];
  Exact *exact = g_hash_table_lookup (exacts->large, &size);
  if (exact == NULL)
    {
      exact = g_new0 (Exact, 1);
      exact->size = size;
      g_hash_table_insert (exacts->large, &exact->size, exact);
    }
  return exact;
}

static int
compare_exact (gconstpointer a, gconstpointer b)
{
  const Exact *x = a, *y = b;

  if (x->allocations != y->allocations)
    return x->allocations > y->allocations ? -1 : 1;
  if (x->live_blocks != y->live_blocks)
    return x->live_blocks > y->live_blocks ? -1 : 1;
  return x->size < y->size ? -1 : x->size > y->size;
}

static void
find_common (Exacts *exacts, HatSizes *sizes)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Exact));
  GHashTableIter iter;
  gpointer value;

  for (guint size = 0; size < DENSE_SIZES; size++)
    {
      exacts->dense[size].size = size;
      if (exacts->dense[size].allocations > 0)
        g_array_append_val (all, exacts->dense[size]);
    }
  g_hash_table_iter_init (&iter, exacts->large);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((const Exact *) value)->allocations > 0)
      g_array_append_vals (all, value, 1);
  g_array_sort (all, compare_exact);
  sizes->n_common = MIN (all->len, G_N_ELEMENTS (sizes->common));
  for (guint i = 0; i < sizes->n_common; i++)
    {
      const Exact *exact = &g_array_index (all, Exact, i);
      sizes->common[i].size = exact->size;
      sizes->common[i].allocations = exact->allocations;
      sizes->common[i].live_blocks = exact->live_blocks;
      sizes->common[i].allocations_error = exact->allocations_error;
      sizes->common[i].live_blocks_error = exact->live_blocks_error;
    }
}

/* ---- estimates: the blocks of one size all stand for the same ---- */

typedef struct
{
  HatEstimate allocations[HAT_SIZE_CLASSES + 1], bytes[HAT_SIZE_CLASSES + 1], live_blocks[HAT_SIZE_CLASSES + 1],
      live_bytes[HAT_SIZE_CLASSES + 1], usable_bytes[HAT_SIZE_CLASSES + 1], padding[HAT_SIZE_CLASSES + 1]; /* the last one: all */
  HatEstimate lifetimes[HAT_LIFETIME_CLASSES + 1], lifetime_bytes[HAT_LIFETIME_CLASSES + 1];
} Estimates;

static void
add_to_class (HatEstimate *sums, guint cls, guint all, const HatEstimate *part, double n, double factor)
{
  const HatEstimate scaled = { n * factor * part->value, n * factor * factor * part->variance };

  hat_estimate_add (&sums[cls], &scaled, 1);
  hat_estimate_add (&sums[all], &scaled, 1);
}

static void
estimate_exact (Estimates *estimates, Exact *exact, guint64 sample_bytes)
{
  const HatStandsFor block = hat_stands_for (exact->size, sample_bytes);
  const guint cls = hat_size_class (exact->size), all = HAT_SIZE_CLASSES;
  const double made = (double) exact->allocations, live = (double) exact->live_blocks;

  add_to_class (estimates->allocations, cls, all, &block.blocks, made, 1);
  add_to_class (estimates->bytes, cls, all, &block.bytes, made, 1);
  add_to_class (estimates->live_blocks, cls, all, &block.blocks, live, 1);
  add_to_class (estimates->live_bytes, cls, all, &block.bytes, live, 1);
  add_to_class (estimates->usable_bytes, cls, all, &block.blocks, live, (double) reserved_bytes (exact->size));
  add_to_class (estimates->padding, cls, all, &block.blocks, live, (double) (reserved_bytes (exact->size) - exact->size));
  exact->allocations = hat_estimate_value (&(HatEstimate){ made * block.blocks.value, 0 });
  exact->live_blocks = hat_estimate_value (&(HatEstimate){ live * block.blocks.value, 0 });
  exact->allocations_error = hat_error_of (made * block.blocks.variance);
  exact->live_blocks_error = hat_error_of (live * block.blocks.variance);
}

static void
estimate_lifetime (Estimates *estimates, guint cls, guint64 size, guint64 sample_bytes)
{
  const HatStandsFor block = hat_stands_for (size, sample_bytes);

  add_to_class (estimates->lifetimes, cls, HAT_LIFETIME_CLASSES, &block.blocks, 1, 1);
  add_to_class (estimates->lifetime_bytes, cls, HAT_LIFETIME_CLASSES, &block.bytes, 1, 1);
}

static void
round_classes (const HatEstimate *sums, guint n, guint64 *values, guint64 *errors)
{
  for (guint i = 0; i < n; i++)
    values[i] = hat_estimate_value (&sums[i]);
  for (guint i = 0; i <= n; i++)
    errors[i] = hat_estimate_error (&sums[i]);
}

/* In place of what was counted. */
static void
estimate (HatSizes *sizes, Exacts *exacts, Estimates *estimates, guint64 sample_bytes)
{
  GHashTableIter iter;
  gpointer value;

  for (guint size = 0; size < DENSE_SIZES; size++)
    {
      exacts->dense[size].size = size;
      estimate_exact (estimates, &exacts->dense[size], sample_bytes);
    }
  g_hash_table_iter_init (&iter, exacts->large);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    estimate_exact (estimates, value, sample_bytes);
  round_classes (estimates->allocations, HAT_SIZE_CLASSES, sizes->allocations, sizes->allocations_error);
  round_classes (estimates->bytes, HAT_SIZE_CLASSES, sizes->bytes, sizes->bytes_error);
  round_classes (estimates->live_blocks, HAT_SIZE_CLASSES, sizes->live_blocks, sizes->live_blocks_error);
  round_classes (estimates->live_bytes, HAT_SIZE_CLASSES, sizes->live_bytes, sizes->live_bytes_error);
  round_classes (estimates->usable_bytes, HAT_SIZE_CLASSES, sizes->usable_bytes, sizes->usable_bytes_error);
  for (guint i = 0; i <= HAT_SIZE_CLASSES; i++)
    sizes->padding_error[i] = hat_estimate_error (&estimates->padding[i]);
  round_classes (estimates->lifetimes, HAT_LIFETIME_CLASSES, sizes->lifetimes, sizes->lifetimes_error);
  round_classes (estimates->lifetime_bytes, HAT_LIFETIME_CLASSES, sizes->lifetime_bytes, sizes->lifetime_bytes_error);
  sizes->temporary = sizes->temporary_bytes = 0;
  sizes->is_estimate = TRUE;
}

/* ---- the walk ---- */

static void
count_event (HatSizes *sizes, Exacts *exacts, const HatEvent *event, const HatBlock *old, gboolean old_is_in_range)
{
  if (event->block != 0)
    {
      const guint cls = hat_size_class (event->size);
      sizes->allocations[cls]++;
      sizes->bytes[cls] += event->size;
      exact_of (exacts, event->size)->allocations++;
    }
  if (old->id == 0)
    return;
  if (old_is_in_range)
    {
      const guint cls = lifetime_class (event->time_ns - old->birth_ns);
      sizes->lifetimes[cls]++;
      sizes->lifetime_bytes[cls] += old->size;
    }
  if (event->kind == HAT_EVENT_FREE && event->temporary)
    {
      sizes->temporary++;
      sizes->temporary_bytes += old->size;
    }
}

static void
count_live (HatSizes *sizes, Exacts *exacts, const HatBlock *block, gboolean is_in_range)
{
  const guint cls = hat_size_class (block->size);

  sizes->live_blocks[cls]++;
  sizes->live_bytes[cls] += block->size;
  sizes->usable_bytes[cls] += reserved_bytes (block->size);
  exact_of (exacts, block->size)->live_blocks++;
  if (is_in_range)
    {
      sizes->lifetimes[HAT_LIFETIME_CLASSES - 1]++;
      sizes->lifetime_bytes[HAT_LIFETIME_CLASSES - 1] += block->size;
    }
}

static inline gboolean
is_made_in (HatHeap *heap, const HatBlock *block, HatRange range)
{
  return hat_block_is_own (heap, block->id) && block->birth_ns > range.from;
}

static void
estimate_lifetimes (Estimates *estimates, HatHeap *heap, const HatReplayBatch *batch, HatRange range)
{
  for (guint i = 0; i < batch->n; i++)
    if (batch->olds[i].id != 0 && is_made_in (heap, &batch->olds[i], range))
      estimate_lifetime (estimates, lifetime_class (batch->events[i].time_ns - batch->olds[i].birth_ns), batch->olds[i].size,
                         heap->sample_bytes);
}

/* `estimates`: of a sample, else NULL. */
static gboolean
count_range (HatHeap *heap, HatRange range, HatSizes *sizes, Exacts *exacts, Estimates *estimates, const HatProgress *progress,
             GError **error)
{
  guint64 first, end;
  HatReplayBatch batch;
  HatReplayIter iter;

  if (!hat_heap_locate_range (heap, range, &first, &end, error))
    return FALSE;
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  hat_replay_set_progress (replay, progress, "measuring sizes", end);
  if (!hat_replay_seek (replay, first, error))
    return FALSE;
  do
    {
      if (!hat_replay_next (replay, end, &batch, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        count_event (sizes, exacts, &batch.events[i], &batch.olds[i], is_made_in (heap, &batch.olds[i], range));
      if (estimates)
        estimate_lifetimes (estimates, heap, &batch, range);
    }
  while (batch.n > 0);
  if (!hat_replay_iter_init (&iter, replay, FALSE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      const gboolean is_in_range = is_made_in (heap, block, range);
      count_live (sizes, exacts, block, is_in_range);
      if (estimates && is_in_range)
        estimate_lifetime (estimates, HAT_LIFETIME_CLASSES - 1, block->size, heap->sample_bytes);
    }
  return TRUE;
}

HatSizes *
hat_heap_sizes (HatHeap *heap, HatRange range, const HatProgress *progress, GError **error)
{
  g_autofree HatSizes *sizes = g_new0 (HatSizes, 1);
  Exacts exacts = {
    .dense = g_new0 (Exact, DENSE_SIZES),
    .large = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free),
  };

  g_autofree Estimates *estimates = heap->sample_bytes > 0 ? g_new0 (Estimates, 1) : NULL;
  const gboolean ok = count_range (heap, range, sizes, &exacts, estimates, progress, error);
  if (ok && estimates)
    estimate (sizes, &exacts, estimates, heap->sample_bytes);
  if (ok)
    find_common (&exacts, sizes);
  g_free (exacts.dense);
  g_hash_table_unref (exacts.large);
  return ok ? g_steal_pointer (&sizes) : NULL;
}

static gpointer
measure_peak (gconstpointer data, const HatProgress *progress, GError **error)
{
  HatHeap *heap = (HatHeap *) data;
  const gint64 peak_ns = heap->summary.totals.peak_time_ns;

  return hat_heap_sizes (heap, (HatRange) { peak_ns, peak_ns }, progress, error); /* no event lies in it */
}

const HatSizes *
hat_heap_sizes_at_peak (HatHeap *heap, const HatProgress *progress, GError **error)
{
  return hat_once_get (&heap->sizes_at_peak, measure_peak, heap, "measuring sizes", progress, error);
}
