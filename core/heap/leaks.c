/* SPDX-License-Identifier: Apache-2.0
 *
 * What was never freed, and what never stops growing. */

#include "core/heap/heap-private.h"

#include <math.h>
#include <stdlib.h>

/* Samples at equal times. The first eighth is start-up. The last point is left out of the judgement too: programs clean up at their end. */
#define N_POINTS 65
#define FIRST_POINT (N_POINTS / 8)
#define LAST_POINT (N_POINTS - 2)
#define MAX_CANDIDATES 20000u
#define FEW_CANDIDATES 4096u /* of 1 KB: cheaper to sample than to look which of them matter */

#define MIN_R_SQUARED 0.75  /* share of the variation that the line explains */
#define MAX_FALL 0.2        /* biggest fall from a high, as a share of the rise */
#define MIN_LATE_RISE 0.15  /* of the whole rise, in the last third of the time: a third if steady */
#define MIN_STEPS 4         /* points at which it was higher than ever */

/* ---- never freed ---- */

static int
compare_unfreed (gconstpointer a, gconstpointer b)
{
  const HatUnfreed *x = a, *y = b;

  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  if (x->blocks != y->blocks)
    return x->blocks > y->blocks ? -1 : 1;
  return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static int
compare_stacks (gconstpointer a, gconstpointer b)
{
  const HatStackId x = ((const HatSite *) a)->stack, y = ((const HatSite *) b)->stack;
  return x < y ? -1 : x > y;
}

static void
add_unfreed (GArray *groups, guint32 *group_of, const HatBlock *block)
{
  if (group_of[block->stack] == 0)
    {
      const HatUnfreed fresh = { .stack = block->stack, .first_ns = block->birth_ns, .example = *block };
      g_array_append_val (groups, fresh);
      group_of[block->stack] = groups->len;
    }
  HatUnfreed *group = &g_array_index (groups, HatUnfreed, group_of[block->stack] - 1);
  group->blocks++;
  group->bytes += block->size;
  group->last_ns = block->birth_ns; /* they come in the order of their births */
  if (block->size > group->example.size)
    group->example = *block;
}

/* Of a sample: what the blocks of each group, and all of them together, stand for. */
static void
estimate_unfreed (const HatSites *estimates, HatUnfreedGroups *result, const HatStandsFor *all, GArray *groups)
{
  result->blocks = hat_estimate_value (&all->blocks);
  result->bytes = hat_estimate_value (&all->bytes);
  result->blocks_variance = all->blocks.variance;
  result->bytes_variance = all->bytes.variance;
  for (guint i = 0; i < groups->len; i++)
    {
      HatUnfreed *group = &g_array_index (groups, HatUnfreed, i);
      const HatSite key = { .stack = group->stack };
      const HatSite *site = bsearch (&key, estimates->sites, estimates->n, sizeof (HatSite), compare_stacks);
      const HatSiteVariance *variance = &estimates->variances[site - estimates->sites];
      group->blocks = site->live_blocks;
      group->bytes = site->live_bytes;
      group->blocks_variance = variance->live_blocks;
      group->bytes_variance = variance->live_bytes;
    }
}

HatUnfreedGroups *
hat_heap_unfreed (HatHeap *heap, const HatProgress *progress, GError **error)
{
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  g_autofree guint32 *group_of = hat_stack_map_new (heap->trace);
  g_autoptr (GArray) groups = g_array_new (FALSE, FALSE, sizeof (HatUnfreed));
  HatReplayIter iter;

  hat_replay_set_progress (replay, progress, "finding what was never freed", heap->n_events);
  if (!hat_replay_seek (replay, heap->n_events, error) || !hat_replay_iter_init (&iter, replay, TRUE, error))
    return NULL;
  HatUnfreedGroups *result = g_new0 (HatUnfreedGroups, 1);
  HatStandsFor all = { 0 };
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      add_unfreed (groups, group_of, block);
      result->blocks++;
      result->bytes += block->size;
      if (heap->estimates)
        {
          const HatStandsFor estimate = hat_heap_stands_for (heap, block->size);
          hat_estimate_add (&all.blocks, &estimate.blocks, 1);
          hat_estimate_add (&all.bytes, &estimate.bytes, 1);
        }
    }
  if (heap->estimates)
    estimate_unfreed (heap->estimates, result, &all, groups);
  g_array_sort (groups, compare_unfreed);
  result->n = groups->len;
  result->groups = (HatUnfreed *) g_array_free (g_steal_pointer (&groups), FALSE);
  return result;
}

void
hat_unfreed_free (HatUnfreedGroups *groups)
{
  if (groups == NULL)
    return;
  g_free (groups->groups);
  g_free (groups);
}

/* ---- growing ---- */

typedef struct
{
  HatStackId stack;
  guint64 bytes[N_POINTS], blocks[N_POINTS];
  double variance; /* of a sample: of the rise, that is of its first point and of its last one */
  HatStandsFor last;
  guint64 older_bytes, older_blocks; /* at the walk's position; not of a sample */
} Candidate;

/* Sites that hold more at the last judged instant than one block, the biggest if there are very many. */
static gboolean
add_candidates (HatReplay *replay, guint32 *candidate_of, GArray *candidates, HatHeap *heap, GError **error)
{
  g_autoptr (GArray) groups = g_array_new (FALSE, FALSE, sizeof (HatUnfreed));
  g_autofree guint32 *group_of = hat_stack_map_new (heap->trace);
  HatReplayIter iter;

  if (!hat_replay_iter_init (&iter, replay, TRUE, error))
    return FALSE;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    add_unfreed (groups, group_of, block);
  g_array_sort (groups, compare_unfreed);
  for (guint i = 0; i < groups->len && candidates->len < MAX_CANDIDATES; i++)
    {
      const Candidate fresh = { .stack = g_array_index (groups, HatUnfreed, i).stack };
      if (g_array_index (groups, HatUnfreed, i).blocks < MIN_STEPS)
        continue;
      g_array_append_val (candidates, fresh);
      candidate_of[fresh.stack] = candidates->len;
    }
  return TRUE;
}

/* Every site that may ever have held so many, if they are few. */
static gboolean
add_all_candidates (guint32 *candidate_of, GArray *candidates, HatHeap *heap)
{
  const HatSummary *summary = &heap->summary;

  for (guint i = 0; i < summary->n_sites; i++)
    {
      const Candidate fresh = { .stack = summary->sites[i].stack };
      if (summary->sites[i].allocations + summary->sites[i].reallocations < MIN_STEPS)
        continue;
      if (candidates->len == FEW_CANDIDATES)
        {
          g_array_set_size (candidates, 0);
          return FALSE;
        }
      g_array_append_val (candidates, fresh);
    }
  for (guint i = 0; i < candidates->len; i++)
    candidate_of[g_array_index (candidates, Candidate, i).stack] = i + 1;
  return TRUE;
}

static gint64
time_of_point (HatHeap *heap, guint point)
{
  return heap->start_ns + (gint64) ((double) (heap->end_ns - heap->start_ns) * point / (N_POINTS - 1));
}

static gboolean
seek_point (HatHeap *heap, HatReplay *replay, guint point, GError **error)
{
  guint64 ordinal = heap->n_events;

  if (point < N_POINTS - 1 && !hat_heap_locate (heap, time_of_point (heap, point), &ordinal, error))
    return FALSE;
  return hat_replay_seek (replay, ordinal, error);
}

static void
estimate_block (HatHeap *heap, Candidate *candidate, guint point, guint64 size)
{
  const HatStandsFor block = hat_heap_stands_for (heap, size);

  candidate->bytes[point] += hat_estimate_value (&block.bytes);
  if (point == FIRST_POINT || point == LAST_POINT)
    candidate->variance += block.bytes.variance;
  if (point != LAST_POINT)
    return;
  hat_estimate_add (&candidate->last.blocks, &block.blocks, 1);
  hat_estimate_add (&candidate->last.bytes, &block.bytes, 1);
  candidate->blocks[point] = hat_estimate_value (&candidate->last.blocks);
}

/* What is counted while the walk goes on. */
typedef struct
{
  HatHeap *heap;
  const guint32 *candidate_of;
  GArray *candidates;
  guint point;
} Sampling;

static inline Candidate *
candidate_at (const Sampling *sampling, HatStackId stack)
{
  const guint32 number = sampling->candidate_of[stack];
  return number > 0 ? &g_array_index (sampling->candidates, Candidate, number - 1) : NULL;
}

static void
on_older (const HatBlock *block, gint sign, gpointer data)
{
  Candidate *candidate = candidate_at (data, block->stack);

  if (candidate == NULL)
    return;
  candidate->older_bytes += sign * (gint64) block->size;
  candidate->older_blocks += sign;
}

static gboolean
sample_point (Sampling *sampling, HatReplay *replay, GError **error)
{
  const gboolean is_sample = sampling->heap->sample_bytes > 0;
  HatReplayIter iter;

  if (is_sample && !hat_replay_iter_init (&iter, replay, TRUE, error))
    return FALSE;
  for (guint i = 0; !is_sample && i < sampling->candidates->len; i++)
    {
      Candidate *candidate = &g_array_index (sampling->candidates, Candidate, i);
      candidate->bytes[sampling->point] = candidate->older_bytes;
      candidate->blocks[sampling->point] = candidate->older_blocks;
    }
  if (!is_sample)
    hat_replay_iter_init_young (&iter, replay);
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    {
      Candidate *candidate = candidate_at (sampling, block->stack);
      if (candidate && is_sample)
        estimate_block (sampling->heap, candidate, sampling->point, block->size);
      else if (candidate)
        {
          candidate->bytes[sampling->point] += block->size;
          candidate->blocks[sampling->point]++;
        }
    }
  return TRUE;
}

/* Least squares over the judged points, x = number of the point. */
static void
fit_line (const guint64 *bytes, double *out_slope, double *out_r_squared)
{
  const double n = LAST_POINT - FIRST_POINT + 1;
  double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;

  for (guint i = FIRST_POINT; i <= LAST_POINT; i++)
    {
      const double x = i, y = (double) bytes[i] - (double) bytes[FIRST_POINT];
      sx += x;
      sy += y;
      sxx += x * x;
      syy += y * y;
      sxy += x * y;
    }
  const double vx = n * sxx - sx * sx, vy = n * syy - sy * sy, cov = n * sxy - sx * sy;
  *out_slope = cov / vx;
  *out_r_squared = vy > 0 ? cov * cov / (vx * vy) : 0;
}

/* Fills in slope (per point), persistence and has_stopped. */
static gboolean
is_growing (const Candidate *candidate, HatGrowingSite *out_site)
{
  const guint64 *bytes = candidate->bytes;
  const guint late = FIRST_POINT + (LAST_POINT - FIRST_POINT) * 2 / 3;
  const double rise = (double) bytes[LAST_POINT] - (double) bytes[FIRST_POINT];
  guint64 high = bytes[FIRST_POINT], fall = 0;
  guint n_steps = 0, last_step = FIRST_POINT, longest_wait = 0;
  double r_squared;

  for (guint i = FIRST_POINT + 1; i <= LAST_POINT; i++)
    if (bytes[i] > high)
      {
        if (high > 0) /* before it began was no pause */
          longest_wait = MAX (longest_wait, i - last_step);
        high = bytes[i];
        last_step = i;
        n_steps++;
      }
    else
      fall = MAX (fall, high - bytes[i]);
  fit_line (bytes, &out_site->slope_bytes_per_s, &r_squared);
  out_site->persistence = (double) n_steps / (LAST_POINT - FIRST_POINT);
  out_site->has_stopped = LAST_POINT - last_step > MAX (longest_wait, (LAST_POINT - FIRST_POINT) / 8);
  return rise > (double) hat_error_of (candidate->variance) && n_steps >= MIN_STEPS && fall <= MAX_FALL * rise && r_squared >= MIN_R_SQUARED
         && (double) bytes[LAST_POINT] - (double) bytes[late] >= MIN_LATE_RISE * rise;
}

static int
compare_growing (gconstpointer a, gconstpointer b)
{
  const HatGrowingSite *x = a, *y = b;
  const double x_rank = x->slope_bytes_per_s * x->persistence, y_rank = y->slope_bytes_per_s * y->persistence;

  if (x->has_stopped != y->has_stopped)
    return x->has_stopped ? 1 : -1;
  if (x_rank != y_rank)
    return x_rank > y_rank ? -1 : 1;
  return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static HatGrowing *
judge (HatHeap *heap, GArray *candidates)
{
  const double seconds_per_point = (double) (heap->end_ns - heap->start_ns) / 1e9 / (N_POINTS - 1);
  GArray *sites = g_array_new (FALSE, FALSE, sizeof (HatGrowingSite));

  for (guint i = 0; i < candidates->len; i++)
    {
      const Candidate *candidate = &g_array_index (candidates, Candidate, i);
      HatGrowingSite site = {
        .stack = candidate->stack,
        .blocks = candidate->blocks[LAST_POINT],
        .bytes = candidate->bytes[LAST_POINT],
        .blocks_variance = candidate->last.blocks.variance,
        .bytes_variance = candidate->last.bytes.variance,
        .n_points = N_POINTS,
      };
      if ((heap->sample_bytes == 0 && site.blocks < MIN_STEPS) || !is_growing (candidate, &site))
        continue;
      site.slope_bytes_per_s /= seconds_per_point;
      site.points = g_memdup2 (candidate->bytes, sizeof candidate->bytes);
      g_array_append_val (sites, site);
    }
  g_array_sort (sites, compare_growing);
  HatGrowing *growing = g_new0 (HatGrowing, 1);
  growing->n = sites->len;
  growing->sites = (HatGrowingSite *) g_array_free (sites, FALSE);
  return growing;
}

/* A walk by spans; where sites are many, one before it finds who is worth sampling, which keeps the table of samples small. */
static gboolean
sample_all (HatHeap *heap, GArray *candidates, const HatProgress *progress, GError **error)
{
  g_autofree guint32 *candidate_of = hat_stack_map_new (heap->trace);

  if (heap->sample_bytes > 0 || !add_all_candidates (candidate_of, candidates, heap))
    {
      g_autoptr (HatReplay) scout = hat_replay_new (heap);
      if (!seek_point (heap, scout, LAST_POINT, error) || !add_candidates (scout, candidate_of, candidates, heap, error))
        return FALSE;
    }
  g_autoptr (HatReplay) replay = hat_replay_new (heap);
  Sampling sampling = { heap, candidate_of, candidates, 0 };
  hat_replay_set_watch (replay, on_older, &sampling);
  for (; candidates->len > 0 && sampling.point < N_POINTS; sampling.point++)
    if (!hat_progress_tick (progress, (double) sampling.point / N_POINTS, "looking for growth", error)
        || !seek_point (heap, replay, sampling.point, error) || !sample_point (&sampling, replay, error))
      return FALSE;
  return TRUE;
}

static gpointer
find_growing (gconstpointer data, const HatProgress *progress, GError **error)
{
  HatHeap *heap = (HatHeap *) data;
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));

  if (!hat_progress_tick (progress, 0, "looking for growth", error) || !sample_all (heap, candidates, progress, error))
    return NULL;
  return judge (heap, candidates);
}

const HatGrowing *
hat_heap_growing (HatHeap *heap, const HatProgress *progress, GError **error)
{
  return hat_once_get (&heap->growing, find_growing, heap, "looking for growth", progress, error);
}

void
hat_growing_free (HatGrowing *growing)
{
  if (growing == NULL)
    return;
  for (guint i = 0; i < growing->n; i++)
    g_free (growing->sites[i].points);
  g_free (growing->sites);
  g_free (growing);
}

const HatGrowingSite *
hat_growing_find (const HatGrowing *growing, HatStackId stack)
{
  for (guint i = 0; i < growing->n; i++)
    if (growing->sites[i].stack == stack)
      return &growing->sites[i];
  return NULL;
}
