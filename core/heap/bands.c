/* SPDX-License-Identifier: Apache-2.0
 *
 * The bands of a timeline. */

#include "core/heap/bands.h"

#include <string.h>

#define N_INSTANTS 16

typedef struct
{
  guint64 identity;
  guint32 member;
  guint64 now;  /* at the instant being looked at */
  guint64 most; /* at any */
} Score;

static guint
count_keys (HatTrace *trace, guint process, HatGrouping by)
{
  guint n;

  switch (by)
    {
    case HAT_BY_THREAD:
      hat_trace_threads (trace, process, &n);
      return n;
    case HAT_BY_SIZE:
      return HAT_SIZE_CLASSES;
    case HAT_BY_TYPE:
      return hat_type_n_keys (trace);
    case HAT_BY_NONE:
    case HAT_BY_SITE:
    case HAT_BY_FUNCTION:
    case HAT_BY_MODULE:
    case HAT_BY_AGE:
      hat_trace_stacks (trace, &n);
      return MAX (n, 2);
    }
  g_return_val_if_reached (0);
}

/* ---- finding the biggest ---- */

typedef struct
{
  HatHeap *heap;
  HatGrouping by;
  guint n_keys;
  guint64 *bytes;      /* by key, at one instant */
  guint32 *score_of;   /* by key: position in scores + 1 */
  GArray *scores;      /* Score */
  GHashTable *numbers; /* identity -> position + 1 */
} Contest;

static Score *
score_of (Contest *contest, guint32 key)
{
  if (contest->score_of[key] == 0)
    {
      const Score fresh = { .identity = hat_group_identity (contest->heap->trace, contest->by, key), .member = key };
      guint number = GPOINTER_TO_UINT (g_hash_table_lookup (contest->numbers, &fresh.identity));
      if (number == 0)
        {
          g_array_append_val (contest->scores, fresh);
          number = contest->scores->len;
          g_hash_table_insert (contest->numbers, g_memdup2 (&fresh.identity, sizeof (guint64)), GUINT_TO_POINTER (number));
        }
      contest->score_of[key] = number;
    }
  return &g_array_index (contest->scores, Score, contest->score_of[key] - 1);
}

static gboolean
look_at_instant (Contest *contest, HatReplay *replay, GError **error)
{
  HatReplayIter iter;

  if (!hat_replay_iter_init (&iter, replay, FALSE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      const guint32 key = hat_group_key (contest->heap->trace, contest->by, block->stack, block->thread, block->size);
      if (key < contest->n_keys)
        contest->bytes[key] += hat_heap_bytes_of (contest->heap, block->size);
    }
  for (guint32 key = 0; key < contest->n_keys; key++)
    if (contest->bytes[key] > 0)
      {
        score_of (contest, key)->now += contest->bytes[key];
        contest->bytes[key] = 0;
      }
  for (guint i = 0; i < contest->scores->len; i++)
    {
      Score *score = &g_array_index (contest->scores, Score, i);
      score->most = MAX (score->most, score->now);
      score->now = 0;
    }
  return TRUE;
}

static int
compare_scores (gconstpointer a, gconstpointer b)
{
  const Score *x = a, *y = b;

  if (x->most != y->most)
    return x->most > y->most ? -1 : 1;
  return x->member < y->member ? -1 : x->member > y->member;
}

/* The instants are chunk borders, so that only spans are read, and the peak. */
static gboolean
run_contest (Contest *contest, const HatProgress *progress, GError **error)
{
  HatHeap *heap = contest->heap;
  const guint64 peak = heap->summary.totals.peak_event;
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  gboolean is_peak_done = FALSE;

  for (guint i = 1; i <= N_INSTANTS; i++)
    {
      const guint chunk = (guint64) heap->n_chunks * i / N_INSTANTS;
      const guint64 ordinal = chunk < heap->n_chunks ? heap->chunks[chunk].first_event : heap->n_events;
      if (!hat_progress_tick (progress, (double) (i - 1) / N_INSTANTS, "finding the biggest groups", error))
        return FALSE;
      if (!is_peak_done && peak <= ordinal)
        {
          if (!hat_replay_seek (replay, peak, error) || !look_at_instant (contest, replay, error))
            return FALSE;
          is_peak_done = TRUE;
        }
      if (hat_replay_position (replay) == ordinal && i < N_INSTANTS)
        continue;
      if (!hat_replay_seek (replay, ordinal, error) || !look_at_instant (contest, replay, error))
        return FALSE;
    }
  g_array_sort (contest->scores, compare_scores);
  return TRUE;
}

static gboolean
find_biggest (HatHeap *heap, HatGrouping by, const HatProgress *progress, GError **error)
{
  const guint n_keys = count_keys (heap->trace, heap->process, by);
  Contest contest = {
    .heap = heap,
    .by = by,
    .n_keys = n_keys,
    .bytes = g_new0 (guint64, MAX (n_keys, 1)),
    .score_of = g_new0 (guint32, MAX (n_keys, 1)),
    .scores = g_array_new (FALSE, FALSE, sizeof (Score)),
    .numbers = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL),
  };
  const gboolean ok = run_contest (&contest, progress, error);

  if (ok)
    {
      g_mutex_lock (&heap->lock);
      const guint n = MIN (contest.scores->len, HAT_MAX_BANDS);
      for (guint i = 0; i < n; i++)
        heap->bands[by].keys[i] = g_array_index (contest.scores, Score, i).member;
      heap->bands[by].n = n;
      heap->bands[by].known = TRUE;
      g_mutex_unlock (&heap->lock);
    }
  g_free (contest.bytes);
  g_free (contest.score_of);
  g_array_unref (contest.scores);
  g_hash_table_unref (contest.numbers);
  return ok;
}

/* ---- using them ---- */

gboolean
hat_bands_init (HatBands *bands, HatHeap *heap, HatGrouping by, const HatProgress *progress, GError **error)
{
  g_mutex_lock (&heap->lock);
  const gboolean is_known = heap->bands[by].known;
  g_mutex_unlock (&heap->lock);
  if (!is_known && !find_biggest (heap, by, progress, error))
    return FALSE;

  *bands = (HatBands) { .by = by, .trace = heap->trace, .n_keys = count_keys (heap->trace, heap->process, by) };
  bands->other = heap->bands[by].n;
  bands->n = bands->other + 1;
  for (guint i = 0; i < bands->other; i++)
    {
      bands->members[i] = heap->bands[by].keys[i];
      bands->identities[i] = hat_group_identity (heap->trace, by, bands->members[i]);
    }
  bands->band_of = g_malloc (MAX (bands->n_keys, 1));
  memset (bands->band_of, HAT_UNKNOWN_BAND, bands->n_keys);
  return TRUE;
}

void
hat_bands_clear (HatBands *bands)
{
  g_free (bands->band_of);
}

guint
hat_bands_look_up (HatBands *bands, guint32 key)
{
  const guint64 identity = hat_group_identity (bands->trace, bands->by, key);
  guint band = 0;

  while (band < bands->other && bands->identities[band] != identity)
    band++;
  bands->band_of[key] = band;
  return band;
}

HatBand *
hat_bands_describe (const HatBands *bands, HatHeap *heap)
{
  HatBand *result = g_new0 (HatBand, bands->n);

  for (guint i = 0; i < bands->other; i++)
    {
      result[i].key = bands->identities[i];
      result[i].label = hat_group_label (heap->trace, heap->process, bands->by, bands->members[i]);
    }
  result[bands->other].key = G_MAXUINT64;
  result[bands->other].label = g_strdup ("other");
  return result;
}
