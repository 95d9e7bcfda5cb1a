/* SPDX-License-Identifier: Apache-2.0 */

/* The facts of the overview, each from the model's own answer, and where their cards go. */

#include "ui/draw/overview-layout.h"

#include <string.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/draw/graph-model.h"
#include "ui/draw/leak-candidates.h"

#define EDGE 16.0
#define SPACE 12.0
#define N_POINTS 120
#define N_PARTS 12 /* as many as a large card has room for */
#define N_NAMED 5  /* that the sentence speaks of */

/* What every card is made from. */
typedef struct
{
  HatHeap *heap;
  HatTrace *trace;
  HatRange life;
  const HatSites *sites; /* of all */
  const HatTimeline *timeline; /* N_POINTS bins */
  guint64 resident[N_POINTS], top_resident;
} Facts;

/* ---- parts ---- */

typedef struct
{
  const char *function;
  guint64 value, best;
  double variance;
  HatStackId stack; /* the biggest one */
} Sum;

static gint
compare_sums (gconstpointer a, gconstpointer b)
{
  const Sum *x = a, *y = b;

  if (x->value != y->value)
    return x->value > y->value ? -1 : 1;
  return strcmp (x->function, y->function);
}

/* The functions that hold most, biggest first; all of them. */
static GArray *
sum_by_function (HatTrace *trace, const HatSites *sites, HatCost cost)
{
  GArray *sums = g_array_new (FALSE, FALSE, sizeof (Sum));
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal); /* function -> index + 1 */

  for (guint i = 0; i < sites->n; i++)
    {
      guint64 value = hat_site_cost (&sites->sites[i], cost);
      Sum fresh = { .function = NULL }, *sum;
      guint index;

      if (!value)
        continue;
      fresh.function = hat_stack_function (trace, sites->sites[i].stack);
      index = GPOINTER_TO_UINT (g_hash_table_lookup (known, fresh.function));
      if (!index)
        {
          g_array_append_val (sums, fresh);
          index = sums->len;
          g_hash_table_insert (known, (gpointer) fresh.function, GUINT_TO_POINTER (index));
        }
      sum = &g_array_index (sums, Sum, index - 1);
      sum->value += value;
      sum->variance += sites->variances ? hat_site_cost_variance (&sites->variances[i], cost) : 0;
      if (value > sum->best)
        {
          sum->best = value;
          sum->stack = sites->sites[i].stack;
        }
    }
  g_array_sort (sums, compare_sums);
  return sums;
}

/* Returns the share of `whole` that the first N_NAMED hold together. */
static double
fill_function_parts (HatCard *card, HatTrace *trace, const HatSites *sites, HatCost cost, guint64 whole)
{
  g_autoptr (GArray) sums = sum_by_function (trace, sites, cost);
  double together = 0;

  card->n_parts = MIN (sums->len, N_PARTS);
  card->parts = g_new0 (HatCardPart, N_PARTS);
  for (guint i = 0; i < card->n_parts; i++)
    {
      const Sum *sum = &g_array_index (sums, Sum, i);
      guint64 error = hat_error_of (sum->variance);
      card->parts[i] = (HatCardPart){ hat_format_function (sum->function, 40),
                                      hat_cost_is_bytes (cost) ? hat_format_bytes_within (sum->value, error)
                                                               : hat_format_count_within (sum->value, error),
                                      whole ? (double) sum->value / (double) whole : 0, sum->stack };
      together += i < N_NAMED ? card->parts[i].share : 0;
    }
  return together;
}

/* ---- cards ---- */

static HatCard *
begin_card (HatOverview *overview, HatCardKind kind, const char *title, HatView target)
{
  HatCard *card = &overview->cards[overview->n_cards++];

  card->kind = kind;
  card->title = g_strdup (title);
  card->target = target;
  card->target_ns = -1;
  card->share = -1;
  card->marked_point = -1;
  return card;
}

static void
fill_live_points (HatCard *card, const HatTimeline *timeline)
{
  card->n_points = timeline->n_bins;
  card->points = g_new (guint64, MAX (card->n_points, 1));
  for (guint i = 0; i < card->n_points; i++)
    card->points[i] = timeline->bins[i].max_bytes;
}

static void
add_peak (HatOverview *overview, const Facts *facts)
{
  HatCard *card = begin_card (overview, HAT_CARD_PEAK, "Peak", HAT_VIEW_CALLS);
  const HatTotals *totals = &facts->sites->totals;
  double span = (double) (facts->life.to - facts->life.from), together;
  g_autofree char *when = hat_format_time (totals->peak_time_ns);

  card->number = hat_format_bytes_within (totals->peak_bytes, hat_error_of (facts->sites->variance.peak_bytes));
  card->target_ns = totals->peak_time_ns;
  card->target_cost = HAT_COST_PEAK;
  fill_live_points (card, facts->timeline);
  if (!totals->peak_bytes)
    {
      card->sentence = g_strdup ("Every block had 0 bytes.");
      return;
    }
  if (span > 0)
    card->marked_point = CLAMP ((gint) ((double) (totals->peak_time_ns - facts->life.from) / span * N_POINTS), 0,
                                N_POINTS - 1);
  together = fill_function_parts (card, facts->trace, facts->sites, HAT_COST_PEAK, totals->peak_bytes);
  if (card->n_parts == 1)
    card->sentence = g_strdup_printf ("Most memory was live at %s; %s holds %.0f %% of it.", when,
                                      card->parts[0].label, together * 100);
  else
    card->sentence = g_strdup_printf ("Most memory was live at %s; the %u biggest functions hold %.0f %% of it.", when,
                                      MIN (card->n_parts, N_NAMED), together * 100);
}

/* No block of a sample is not none at all. */
static char *
bytes_or_less (const Facts *facts, guint64 n, guint64 bytes, double variance)
{
  if (n > 0 || !facts->sites->variances)
    return hat_format_bytes_within (bytes, hat_error_of (variance));
  g_autofree char *most = hat_format_bytes (hat_sample_unseen_bytes (facts->trace));
  return g_strdup_printf ("< %s", most);
}

static void
add_live (HatOverview *overview, const Facts *facts)
{
  HatCard *card = begin_card (overview, HAT_CARD_LIVE, "Live at the end", HAT_VIEW_MAP);
  const HatTotals *totals = &facts->sites->totals;
  g_autofree char *blocks = hat_format_count_within (totals->live_blocks, hat_error_of (facts->sites->variance.live_blocks)), *percent = NULL;
  double share;

  card->number = bytes_or_less (facts, totals->live_blocks, totals->live_bytes, facts->sites->variance.live_bytes);
  card->target_ns = facts->life.to;
  if (!totals->live_blocks)
    {
      card->sentence = facts->sites->variances ? hat_sample_none_words (facts->trace, "No block of the sample was live at the end")
                                               : g_strdup ("Nothing: every block was freed before the end.");
      return;
    }
  fill_function_parts (card, facts->trace, facts->sites, HAT_COST_LIVE, totals->live_bytes);
  share = totals->peak_bytes ? (double) totals->live_bytes / (double) totals->peak_bytes : 0;
  percent = share > 0 && share < 0.01 ? g_strdup ("less than 1 %") : g_strdup_printf ("%.0f %%", share * 100);
  card->sentence = g_strdup_printf ("%s block%s live when the recording ended, %s of the peak.", blocks,
                                    totals->live_blocks == 1 ? " was" : "s were", percent);
}

static void
add_pending (HatOverview *overview, HatCardKind kind, const char *title, HatView target, const char *what)
{
  HatCard *card = begin_card (overview, kind, title, target);

  card->is_pending = TRUE;
  card->number = g_strdup ("…");
  card->sentence = g_strdup_printf ("Working out %s.", what);
}

static void
add_pending_loss (HatOverview *overview, const Facts *facts)
{
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (facts->trace, hat_heap_process (facts->heap), &n);
  const guint usual = hat_snapshot_usual (facts->heap);

  if (usual >= n)
    {
      add_pending (overview, HAT_CARD_UNFREED, "Never freed", HAT_VIEW_LEAKS, "what nobody freed");
      return;
    }
  g_autofree char *blocks = hat_format_blocks (infos[usual].n_blocks, 0);
  g_autofree char *what = g_strdup_printf ("which of the snapshot's %s nothing leads to", blocks);
  add_pending (overview, HAT_CARD_UNFREED, "Lost", HAT_VIEW_LEAKS, what);
}

static void
add_unfreed (HatOverview *overview, const Facts *facts, const HatUnfreedGroups *unfreed)
{
  HatCard *card = begin_card (overview, HAT_CARD_UNFREED, "Never freed", HAT_VIEW_LEAKS);
  g_autofree char *blocks = hat_format_count_within (unfreed->blocks, hat_error_of (unfreed->blocks_variance));
  g_autofree HatSite *sites = g_new (HatSite, unfreed->n + 1);
  g_autofree HatSiteVariance *variances = g_new0 (HatSiteVariance, unfreed->n + 1);
  const HatSites left = { .n = unfreed->n, .sites = sites, .variances = variances };

  g_autofree char *places = hat_format_count (unfreed->n);
  card->number = bytes_or_less (facts, unfreed->n, unfreed->bytes, unfreed->bytes_variance);
  /* Nearly every program leaves a little behind. */
  card->is_warning = unfreed->bytes > 0 && unfreed->bytes >= facts->sites->totals.peak_bytes / 20;
  for (guint i = 0; i < unfreed->n; i++)
    {
      sites[i] = (HatSite){ .stack = unfreed->groups[i].stack, .live_bytes = unfreed->groups[i].bytes };
      variances[i].live_bytes = unfreed->groups[i].bytes_variance;
    }
  fill_function_parts (card, facts->trace, &left, HAT_COST_LIVE, unfreed->bytes);
  card->sentence = unfreed->n
                       ? g_strdup_printf ("%s block%s from %s place%s: not known to be lost, but nobody freed %s.",
                                          blocks, hat_plural (unfreed->blocks), places, hat_plural (unfreed->n),
                                          unfreed->blocks == 1 ? "it" : "them")
                   : facts->sites->variances
                       ? hat_sample_none_words (facts->trace, "Every block of the sample was freed. What was not")
                       : g_strdup ("No leak candidates: the program freed all that it allocated.");
}

/* What the snapshot tells of it. */
static void
add_lost (HatOverview *overview, const Facts *facts, const HatCandidates *candidates)
{
  HatCard *card = begin_card (overview, HAT_CARD_UNFREED, "Lost", HAT_VIEW_LEAKS);
  g_autofree HatSite *sites = g_new (HatSite, candidates->n + 1);
  HatSites lost = { .sites = sites };
  guint64 bytes = 0, n_blocks = 0;

  for (guint i = 0; i < candidates->n; i++)
    if (candidates->candidates[i].leak_class <= HAT_LEAK_INDIRECT)
      {
        bytes += candidates->candidates[i].bytes;
        n_blocks += candidates->candidates[i].blocks;
        sites[lost.n++] = (HatSite){ .stack = candidates->candidates[i].stack, .live_bytes = candidates->candidates[i].bytes };
      }
  g_autofree char *blocks = hat_format_blocks (n_blocks, 0), *places = hat_format_count (lost.n);
  card->number = hat_format_bytes (bytes);
  card->is_warning = bytes > 0;
  if (lost.n == 0)
    {
      card->sentence = g_strdup ("Nothing: all that was left when the snapshot was taken was still in reach.");
      return;
    }
  fill_function_parts (card, facts->trace, &lost, HAT_COST_LIVE, bytes);
  card->sentence = g_strdup_printf ("%s from %s place%s that nothing leads to any more.", blocks, places, hat_plural (lost.n));
}

static void
add_growing (HatOverview *overview, const Facts *facts, const HatGrowing *growing)
{
  HatCard *card = begin_card (overview, HAT_CARD_GROWING, "Keeps growing", HAT_VIEW_LEAKS);
  g_autofree char *slope = NULL, *function = NULL;
  const HatGrowingSite *first = growing->sites;
  guint n = 0; /* those that have stopped come last */

  while (n < growing->n && !growing->sites[n].has_stopped)
    n++;
  if (!n)
    {
      g_autofree char *stopped = hat_format_count (growing->n);
      card->number = g_strdup ("nothing");
      card->sentence = growing->n ? g_strdup_printf ("No place held more and more until the end; %s grew and stopped.", stopped)
                                  : g_strdup ("No place in the program held more and more until the end.");
      return;
    }
  slope = hat_format_signed_bytes ((gint64) first->slope_bytes_per_s);
  function = hat_format_function (hat_stack_function (facts->trace, first->stack), 40);
  card->number = g_strdup_printf ("%s%s/s", first->bytes_variance > 0 ? "~" : "", slope);
  card->is_warning = TRUE;
  card->n_points = first->n_points;
  card->points = g_memdup2 (first->points, first->n_points * sizeof (guint64));
  if (n == 1)
    card->sentence = g_strdup_printf ("%s held more and more until the end.", function);
  else
    card->sentence = g_strdup_printf ("%s grew fastest of %u places that held more and more.", function, n);
}

static void
add_temporary (HatOverview *overview, const Facts *facts)
{
  HatCard *card = begin_card (overview, HAT_CARD_TEMPORARY, "Allocated and freed at once", HAT_VIEW_CALLS);
  const HatTotals *totals = &facts->sites->totals;
  g_autofree char *temporary = hat_format_count (totals->temporary), *all = hat_format_count (totals->allocations);

  card->target_cost = HAT_COST_TEMPORARY;
  if (facts->sites->variances)
    {
      card->number = g_strdup ("not known");
      card->sentence = g_strdup ("A sample does not tell: it shows only where every block is recorded.");
      return;
    }
  card->share = totals->allocations ? MIN ((double) totals->temporary / (double) totals->allocations, 1) : 0;
  card->number = g_strdup_printf ("%.0f %%", card->share * 100);
  card->is_warning = card->share > 0.5 && totals->temporary > 10000;
  fill_function_parts (card, facts->trace, facts->sites, HAT_COST_TEMPORARY, totals->temporary);
  card->sentence = totals->temporary
                       ? g_strdup_printf ("%s of %s allocations were freed before their thread allocated again.",
                                          temporary, all)
                       : g_strdup_printf ("None of %s allocations was freed before its thread allocated again.", all);
}

/* The size classes that waste most. */
static void
fill_waste_parts (HatCard *card, const HatSizes *sizes, guint64 waste)
{
  gboolean is_taken[HAT_SIZE_CLASSES] = { FALSE };

  card->parts = g_new0 (HatCardPart, N_PARTS);
  for (guint p = 0; p < N_PARTS; p++)
    {
      guint64 most = 0;
      guint best = 0;
      for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
        if (!is_taken[i] && sizes->usable_bytes[i] > sizes->live_bytes[i]
            && sizes->usable_bytes[i] - sizes->live_bytes[i] > most)
          {
            best = i;
            most = sizes->usable_bytes[i] - sizes->live_bytes[i];
          }
      if (!most)
        return;
      is_taken[best] = TRUE;
      card->parts[card->n_parts++] = (HatCardPart){ g_strdup_printf ("blocks of %s", hat_size_class_label (best)),
                                                    hat_format_bytes_within (most, sizes->padding_error[best]), (double) most / (double) waste,
                                                    HAT_STACK_NONE };
    }
}

static void
add_waste (HatOverview *overview, const HatSizes *at_peak)
{
  HatCard *card = begin_card (overview, HAT_CARD_WASTE, "Padding by malloc", HAT_VIEW_SIZES);
  guint64 live = 0, usable = 0, waste;
  g_autofree char *asked = NULL;

  for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
    {
      live += at_peak->live_bytes[i];
      usable += at_peak->usable_bytes[i];
    }
  waste = usable > live ? usable - live : 0;
  fill_waste_parts (card, at_peak, waste);
  asked = hat_format_bytes_within (live, at_peak->live_bytes_error[HAT_SIZE_CLASSES]);
  card->number = hat_format_bytes_within (waste, at_peak->padding_error[HAT_SIZE_CLASSES]);
  card->share = usable ? (double) waste / (double) usable : 0;
  card->sentence = live ? g_strdup_printf (
                       "At the peak, headers and rounding added %.0f %% to the %s that were asked for.",
                       100 * (double) waste / (double) live, asked)
                        : g_strdup ("Nothing was live, so nothing was padded.");
}

static void
add_resident (HatOverview *overview, const Facts *facts)
{
  HatCard *card;
  guint64 peak = facts->sites->totals.peak_bytes;
  g_autofree char *more = NULL;

  if (!facts->top_resident)
    return;
  card = begin_card (overview, HAT_CARD_RSS, "Resident memory against heap", HAT_VIEW_TIMELINE);
  card->number = hat_format_bytes (facts->top_resident);
  fill_live_points (card, facts->timeline);
  card->points2 = g_memdup2 (facts->resident, sizeof facts->resident);
  if (facts->top_resident >= peak)
    {
      more = hat_format_bytes_within (facts->top_resident - peak, hat_error_of (facts->sites->variance.peak_bytes));
      card->sentence = g_strdup_printf (
          "The process held up to this much memory (RSS), %s more than the heap's peak: code, stacks, "
          "free heap, mapped files.",
          more);
    }
  else
    card->sentence = g_strdup (
        "The process held up to this much memory (RSS), less than the heap's peak: not all of "
        "it was touched, or it was over between two samples.");
}

static void
fill_resident (Facts *facts)
{
  guint n, next = 0;
  const HatSample *samples = hat_trace_samples (facts->trace, hat_heap_process (facts->heap), &n);
  guint64 current = n ? samples[0].rss_bytes : 0;

  for (guint i = 0; i < N_POINTS; i++)
    {
      gint64 end = facts->life.from + (gint64) ((double) (facts->life.to - facts->life.from) * (i + 1) / N_POINTS);
      for (; next < n && samples[next].time_ns <= end; next++)
        current = samples[next].rss_bytes;
      facts->resident[i] = current;
      facts->top_resident = MAX (facts->top_resident, current);
    }
}

char *
hat_nameless_words (HatHeap *heap)
{
  double share = hat_heap_nameless (heap);

  return share >= 0.1 ? g_strdup_printf ("stripped: %.0f %% from functions without names", 100 * share) : NULL;
}

static void
write_title (HatOverview *overview, const Facts *facts)
{
  const HatProcess *process = hat_trace_process (facts->trace, hat_heap_process (facts->heap));
  g_autofree char *time = hat_format_time (facts->life.to - facts->life.from),
                  *events = hat_format_count (process->n_events);
  g_autofree char *lost = hat_format_count (facts->sites->totals.lost_events);
  g_autofree char *allocated = hat_format_bytes_within (facts->sites->totals.bytes_allocated, hat_error_of (facts->sites->variance.bytes));

  overview->title = process->exe ? g_path_get_basename (process->exe) : g_strdup ("unknown program");
  g_autofree char *sampled = hat_sample_words (facts->trace);
  g_autofree char *nameless = hat_nameless_words (facts->heap);
  overview->subtitle = g_strdup_printf ("%s  ·  %s events  ·  %s allocated in all  ·  %s lost%s%s%s%s%s", time, events, allocated, lost,
                                        sampled ? "  ·  " : "", sampled ? sampled : "", sampled ? ": estimates, within ± in 95 of 100 recordings" : "",
                                        nameless ? "  ·  " : "", nameless ? nameless : "");
}

/* What is lost, or was never freed. */
static gboolean
add_loss (HatOverview *overview, const Facts *facts, HatGraph *graph, const HatProgress *progress, GError **error)
{
  if (graph)
    {
      g_autoptr (HatCandidates) candidates = hat_candidates_new (facts->heap, graph, NULL, progress, error);
      if (candidates)
        add_lost (overview, facts, candidates);
      return candidates != NULL;
    }
  g_autoptr (HatUnfreedGroups) unfreed = hat_heap_unfreed (facts->heap, progress, error);
  if (unfreed)
    add_unfreed (overview, facts, unfreed);
  return unfreed != NULL;
}

HatOverview *
hat_overview_new (HatHeap *heap, HatGraph *graph, HatOverviewExtent extent, const HatProgress *progress, GError **error)
{
  g_autofree Facts *facts = g_new0 (Facts, 1);
  g_autoptr (HatOverview) overview = g_new0 (HatOverview, 1);
  g_autoptr (HatSites) sites = NULL;
  g_autoptr (HatTimeline) timeline = NULL;
  const HatGrowing *growing = NULL;
  const HatSizes *at_peak = NULL;

  facts->heap = heap;
  facts->trace = hat_heap_trace (heap);
  facts->life = (HatRange){ hat_heap_start (heap), hat_heap_end (heap) };
  facts->sites = sites = hat_heap_sites (heap, facts->life, progress, error);
  if (!sites)
    return NULL;
  timeline = hat_heap_timeline (heap, facts->life, N_POINTS, HAT_BY_NONE, progress, error);
  if (!timeline)
    return NULL;
  facts->timeline = timeline;
  fill_resident (facts);

  overview->cards = g_new0 (HatCard, HAT_N_CARDS);
  write_title (overview, facts);
  if (!sites->totals.peak_bytes && !sites->totals.allocations)
    {
      overview->nothing = sites->variances ? hat_sample_none_words (facts->trace, "No block is in the sample")
                                           : g_strdup ("The program allocated nothing on the heap.");
      return g_steal_pointer (&overview);
    }
  if (extent != HAT_OVERVIEW_AT_HAND
      && (!(growing = hat_heap_growing (heap, progress, error)) || !(at_peak = hat_heap_sizes_at_peak (heap, progress, error))))
    return NULL;
  add_peak (overview, facts);
  add_live (overview, facts);
  if (extent != HAT_OVERVIEW_ALL)
    add_pending_loss (overview, facts);
  else if (!add_loss (overview, facts, graph, progress, error))
    return NULL;
  if (growing)
    add_growing (overview, facts, growing);
  else
    add_pending (overview, HAT_CARD_GROWING, "Keeps growing", HAT_VIEW_LEAKS, "which places held more and more");
  add_temporary (overview, facts);
  if (at_peak)
    add_waste (overview, at_peak);
  else
    add_pending (overview, HAT_CARD_WASTE, "Padding by malloc", HAT_VIEW_SIZES, "what headers and rounding add at the peak");
  add_resident (overview, facts);
  for (guint i = 0; i < overview->n_cards; i++)
    overview->cards[i].range = facts->life;
  return g_steal_pointer (&overview);
}

void
hat_overview_free (HatOverview *overview)
{
  if (!overview)
    return;
  for (guint i = 0; i < overview->n_cards; i++)
    {
      HatCard *card = &overview->cards[i];
      for (guint p = 0; p < card->n_parts; p++)
        {
          g_free (card->parts[p].label);
          g_free (card->parts[p].detail);
        }
      g_free (card->title);
      g_free (card->number);
      g_free (card->sentence);
      g_free (card->parts);
      g_free (card->points);
      g_free (card->points2);
    }
  g_free (overview->cards);
  g_free (overview->title);
  g_free (overview->subtitle);
  g_free (overview->nothing);
  g_free (overview);
}

/* ---- layout ---- */

/* Peak and RSS tell a story over time: they are wide where there is a choice. */
static guint
columns_of (const HatCard *card, guint columns)
{
  if (columns == 3)
    return card->kind == HAT_CARD_PEAK || card->kind == HAT_CARD_RSS ? 2 : 1;
  return columns == 2 && card->kind == HAT_CARD_PEAK ? 2 : 1;
}

HatOverviewLayout *
hat_overview_layout_new (const HatOverview *overview, double width, double height)
{
  HatOverviewLayout *layout = g_new0 (HatOverviewLayout, 1);
  guint columns = width >= 860 ? 3 : width >= 460 ? 2 : 1, column = 0, row = 0, n_rows;
  double top = 62, card_width = (width - 2 * EDGE - (columns - 1) * SPACE) / columns, card_height;

  layout->overview = overview;
  layout->width = width;
  layout->height = height;
  layout->title = (HatRect){ EDGE, 8, width - 2 * EDGE, 48 };
  layout->n_rects = overview->n_cards;
  layout->rects = g_new0 (HatRect, overview->n_cards + 1);
  /* First cells, then pixels once the number of rows is known. */
  for (guint i = 0; i < overview->n_cards; i++)
    {
      guint wide = columns_of (&overview->cards[i], columns);
      if (column + wide > columns)
        {
          column = 0;
          row++;
        }
      layout->rects[i] = (HatRect){ column, row, wide, 1 };
      column += wide;
    }
  n_rows = row + 1;
  card_height = (height - top - EDGE - (n_rows - 1) * SPACE) / n_rows;
  for (guint i = 0; i < overview->n_cards; i++)
    {
      HatRect *rect = &layout->rects[i];
      *rect = (HatRect){ EDGE + rect->x * (card_width + SPACE), top + rect->y * (card_height + SPACE),
                         rect->width * card_width + (rect->width - 1) * SPACE, card_height };
    }
  return layout;
}

void
hat_overview_layout_free (HatOverviewLayout *layout)
{
  if (!layout)
    return;
  g_free (layout->rects);
  g_free (layout);
}

gint
hat_overview_layout_hit (const HatOverviewLayout *layout, double x, double y)
{
  for (guint i = 0; i < layout->n_rects; i++)
    if (hat_rect_has (&layout->rects[i], x, y))
      return i;
  return -1;
}

char *
hat_overview_summary (const HatOverview *overview)
{
  GString *text = g_string_new (NULL);

  if (overview->nothing)
    {
      g_string_free (text, TRUE);
      return g_strdup_printf ("%s: %s", overview->title, overview->nothing);
    }
  g_string_printf (text, "%s: ", overview->title);
  for (guint i = 0; i < overview->n_cards && i < 4; i++)
    g_string_append_printf (text, "%s%s %s", i ? ", " : "", overview->cards[i].title, overview->cards[i].number);
  g_string_append_c (text, '.');
  return g_string_free (text, FALSE);
}
