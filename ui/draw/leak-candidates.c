/* SPDX-License-Identifier: Apache-2.0 */

/* Leak candidates and their words. */

#include "ui/draw/leak-candidates.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/report/suppressions.h"
#include "core/symbols/symbols.h"

/* ---- words ---- */

char *
hat_candidate_callers (HatTrace *trace, HatStackId stack, guint max)
{
  guint n_frames, n_found = 0;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n_frames);
  const char *function = hat_stack_function (trace, stack);
  GString *text = g_string_new (NULL);
  guint i = 0;

  while (i < n_frames && !g_str_equal (frames[i].function, function))
    i++;
  for (i = i < n_frames ? i + 1 : 0; i < n_frames && n_found < max; i++, n_found++)
    {
      g_autofree char *name = hat_format_function (frames[i].function, 36);
      g_string_append_printf (text, "%s%s", n_found ? " ← " : "", name);
    }
  return g_string_free (text, FALSE);
}

const char *
hat_candidate_badge (const HatCandidate *candidate)
{
  static const char *const badges[HAT_N_LEAK_CLASSES] = {
    [HAT_LEAK_DIRECT] = "DIRECT",     [HAT_LEAK_CYCLE] = "CYCLE",       [HAT_LEAK_INDIRECT] = "INDIRECT",
    [HAT_LEAK_POSSIBLE] = "POSSIBLE", [HAT_LEAK_REACHABLE] = "GROWING", [HAT_LEAK_UNFREED] = "UNFREED",
  };
  return badges[candidate->leak_class];
}

char *
hat_candidate_amount (const HatCandidate *candidate)
{
  return hat_format_bytes_within (candidate->bytes, hat_error_of (candidate->bytes_variance));
}

char *
hat_candidate_count (const HatCandidate *candidate)
{
  return hat_format_blocks (candidate->blocks, hat_error_of (candidate->blocks_variance));
}

static char *
slope_text (const HatCandidate *candidate)
{
  g_autofree char *slope = hat_format_signed_bytes ((gint64) candidate->growing->slope_bytes_per_s);
  return g_strdup_printf ("%s%s/s", candidate->growing->bytes_variance > 0 ? "~" : "", slope);
}

char *
hat_candidate_when (const HatCandidate *candidate)
{
  if (candidate->leak_class == HAT_LEAK_REACHABLE)
    return slope_text (candidate);
  g_autofree char *first = hat_format_time (candidate->first_ns), *last = hat_format_time (candidate->last_ns);
  return g_str_equal (first, last) ? g_strdup_printf ("at %s", first) : g_strdup_printf ("%s to %s", first, last);
}

static void
explain (HatCandidate *candidate, const char *why)
{
  GString *text = g_string_new (NULL);

  if (why)
    g_string_append_printf (text, "%c%s; ", g_ascii_toupper (why[0]), why + 1);
  if (candidate->leak_class != HAT_LEAK_REACHABLE)
    {
      g_autofree char *when = hat_candidate_when (candidate);
      const gboolean is_instant = g_str_has_prefix (when, "at ");
      g_string_append_printf (text, "%s %s%s", why ? "allocated" : "Allocated", is_instant ? "" : "from ", when);
      if (!why)
        g_string_append (text, ", never freed");
    }
  if (candidate->growing)
    {
      static const char *const words[2][2] = { { "; grows", "; grew" }, { "Grows", "Grew" } };
      g_autofree char *slope = slope_text (candidate);
      g_string_append_printf (text, "%s %s", words[candidate->leak_class == HAT_LEAK_REACHABLE][candidate->growing->has_stopped],
                              slope + (*slope == '+'));
    }
  if (candidate->leak_class == HAT_LEAK_REACHABLE)
    g_string_append (text, candidate->growing->has_stopped ? " until it stopped, and never fell back" : " and never falls back");
  candidate->why = g_string_free (text, FALSE);
}

/* ---- the list ---- */

static void
add (GArray *list, HatCandidate candidate, const char *why)
{
  explain (&candidate, why);
  g_array_append_val (list, candidate);
}

/* What grows and is no candidate already. */
static void
add_growing (GArray *list, const HatGrowing *growing)
{
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < list->len; i++)
    g_hash_table_add (known, GUINT_TO_POINTER (g_array_index (list, HatCandidate, i).stack));
  for (guint i = 0; i < growing->n; i++)
    {
      const HatGrowingSite *site = &growing->sites[i];
      if (!g_hash_table_contains (known, GUINT_TO_POINTER (site->stack)))
        add (list,
             (HatCandidate){ .leak_class = HAT_LEAK_REACHABLE, .stack = site->stack, .blocks = site->blocks, .bytes = site->bytes,
                             .blocks_variance = site->blocks_variance, .bytes_variance = site->bytes_variance,
                             .example = HAT_GRAPH_NONE, .growing = site },
             NULL);
    }
}

static void
add_lost (GArray *list, const HatLeaks *leaks, const HatGrowing *growing, HatLeakClass from, HatLeakClass to)
{
  for (guint i = 0; i < leaks->n; i++)
    {
      const HatLeakGroup *group = &leaks->groups[i];
      if (group->leak_class < from || group->leak_class > to)
        continue;
      /* What it stands so high in the list for. */
      g_autofree char *more = hat_format_bytes (group->retained_bytes - MIN (group->bytes, group->retained_bytes));
      g_autofree char *why = group->retained_bytes <= group->bytes
                               ? g_strdup (group->why)
                               : g_strdup_printf ("%s more would go with %s; %s", more, group->n_blocks == 1 ? "it" : "them", group->why);
      add (list,
           (HatCandidate){ .leak_class = group->leak_class, .confidence = group->confidence, .stack = group->stack,
                           .blocks = group->n_blocks, .bytes = group->bytes, .first_ns = group->first_ns, .last_ns = group->last_ns,
                           .example = group->example, .growing = hat_growing_find (growing, group->stack) },
           why);
    }
}

static gint
compare_retained (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatCandidate *x = a, *y = b;
  HatGraphBlock first, second;

  hat_graph_block (data, x->example, &first);
  hat_graph_block (data, y->example, &second);
  const guint64 left = MAX (x->bytes, first.retained_bytes), right = MAX (y->bytes, second.retained_bytes);
  return (left < right) - (left > right);
}

static void
say_lost (HatCandidates *self, const HatLeaks *leaks)
{
  guint64 blocks = 0, bytes = 0;
  guint places = 0;

  for (HatLeakClass c = 0; c <= HAT_LEAK_INDIRECT; c++)
    {
      blocks += leaks->classes[c].blocks;
      bytes += leaks->classes[c].bytes;
    }
  for (guint i = 0; i < leaks->n; i++)
    places += leaks->groups[i].leak_class <= HAT_LEAK_INDIRECT;
  const HatSnapshotInfo *info = &hat_graph_snapshot (self->graph)->info;
  const guint64 n_held = leaks->classes[HAT_LEAK_REACHABLE].blocks, n_possible = leaks->classes[HAT_LEAK_POSSIBLE].blocks;
  g_autofree char *lost = hat_format_blocks (blocks, 0), *lost_bytes = hat_format_bytes (bytes), *at = hat_format_time (info->time_ns);
  g_autofree char *held = hat_format_blocks (n_held, 0), *held_bytes = hat_format_bytes (leaks->classes[HAT_LEAK_REACHABLE].bytes);
  GString *sentence = g_string_new (NULL);

  g_autofree char *count = hat_format_count (places);
  self->headline = places ? g_strdup_printf ("%s in %s lost, from %s place%s", lost_bytes, lost, count, hat_plural (places))
                          : g_strdup ("Nothing is lost");
  g_string_append_printf (sentence, "Snapshot at %s (%s): %s, %s, reachable", at, hat_snapshot_reason_name (info->reason), held, held_bytes);
  if (n_possible)
    {
      g_autofree char *possible = hat_format_blocks (n_possible, 0);
      g_string_append_printf (sentence, "; %s only through pointers into %s", possible, n_possible == 1 ? "its middle" : "their middles");
    }
  if (leaks->suppressed_blocks)
    {
      g_autofree char *known = hat_format_blocks (leaks->suppressed_blocks, 0);
      g_string_append_printf (sentence, "; %s suppressed", known);
    }
  if (self->growing->n) /* those that have stopped come last */
    g_string_append_printf (sentence, self->growing->sites[0].has_stopped ? ". %u place%s grew and stopped." : ". %u place%s kept growing.",
                            self->growing->n, hat_plural (self->growing->n));
  else
    g_string_append (sentence, ". Nothing kept growing.");
  self->sentence = g_string_free (sentence, FALSE);
}

static gboolean
find_lost (HatCandidates *self, GArray *list, const guint8 *suppressed, const HatProgress *progress, GError **error)
{
  g_autoptr (HatLeaks) leaks = hat_graph_leaks (self->graph, suppressed, progress, error);

  if (!leaks)
    return FALSE;
  add_lost (list, leaks, self->growing, HAT_LEAK_DIRECT, HAT_LEAK_CYCLE);
  g_array_sort_with_data (list, compare_retained, self->graph);
  add_lost (list, leaks, self->growing, HAT_LEAK_INDIRECT, HAT_LEAK_INDIRECT);
  add_growing (list, self->growing);
  add_lost (list, leaks, self->growing, HAT_LEAK_POSSIBLE, HAT_LEAK_POSSIBLE);
  say_lost (self, leaks);
  return TRUE;
}

static void
say_unfreed (HatCandidates *self, guint n_places, const HatCandidate *all)
{
  const guint n_growing = self->growing->n;

  if (n_places)
    {
      g_autofree char *amount = hat_candidate_amount (all), *count = hat_candidate_count (all),
                      *places = hat_format_count (n_places);
      self->headline = g_strdup_printf ("%s in %s never freed, from %s place%s", amount, count, places, hat_plural (n_places));
    }
  else
    self->headline = hat_heap_sample_bytes (self->heap)
                         ? hat_sample_none_words (hat_heap_trace (self->heap), "Every block of the sample was freed. What was not")
                         : g_strdup ("Nothing was left behind");
  if (hat_heap_sample_bytes (self->heap))
    self->sentence = g_strdup (HAT_SAMPLE_HAS_NO_SNAPSHOT);
  else if (n_growing)
    self->sentence = g_strdup_printf ("%u place%s kept growing until the end. Without a snapshot it is not known what was still in use.",
                                      n_growing, hat_plural (n_growing));
  else if (n_places)
    self->sentence = g_strdup ("Nothing kept growing. Without a snapshot it is not known which of these blocks were still in use.");
  else
    self->sentence = g_strdup ("Every block that the program allocated was freed before it ended, and nothing kept growing.");
}

static gboolean
find_unfreed (HatCandidates *self, GArray *list, const guint8 *suppressed, const HatProgress *progress, GError **error)
{
  g_autoptr (HatUnfreedGroups) unfreed = hat_heap_unfreed (self->heap, progress, error);
  HatCandidate all = { 0 };
  guint n_places = 0;

  if (!unfreed)
    return FALSE;
  add_growing (list, self->growing);
  for (guint i = 0; i < unfreed->n; i++)
    {
      const HatUnfreed *group = &unfreed->groups[i];
      if (hat_leak_is_suppressed (suppressed, group->stack, HAT_LEAK_UNFREED))
        continue;
      n_places++;
      all.blocks += group->blocks;
      all.bytes += group->bytes;
      all.blocks_variance += group->blocks_variance;
      all.bytes_variance += group->bytes_variance;
      add (list,
           (HatCandidate){ .leak_class = HAT_LEAK_UNFREED, .stack = group->stack, .blocks = group->blocks, .bytes = group->bytes,
                           .blocks_variance = group->blocks_variance, .bytes_variance = group->bytes_variance,
                           .first_ns = group->first_ns, .last_ns = group->last_ns, .example = HAT_GRAPH_NONE },
           NULL);
    }
  say_unfreed (self, n_places, &all);
  return TRUE;
}

HatCandidates *
hat_candidates_new (HatHeap *heap, HatGraph *graph, const char *suppressions, const HatProgress *progress, GError **error)
{
  g_autoptr (HatCandidates) self = g_new0 (HatCandidates, 1);
  GArray *list = g_array_new (FALSE, FALSE, sizeof (HatCandidate));
  HatTrace *trace = hat_heap_trace (heap);
  g_autoptr (HatSuppressions) known = hat_suppressions_new (trace, hat_demangle);

  self->heap = hat_heap_ref (heap);
  self->graph = graph ? hat_graph_ref (graph) : NULL;
  if (suppressions && !hat_suppressions_add (known, suppressions, "suppressions", error))
    {
      g_array_unref (list);
      return NULL;
    }
  g_autofree guint8 *suppressed = hat_suppressions_stacks (known, trace);
  self->growing = hat_heap_growing (heap, progress, error);
  const gboolean is_done = self->growing
                           && (graph ? find_lost (self, list, suppressed, progress, error)
                                     : find_unfreed (self, list, suppressed, progress, error));
  self->n = list->len;
  self->candidates = (HatCandidate *) (gpointer) g_array_free (list, FALSE);
  return is_done ? g_steal_pointer (&self) : NULL;
}

void
hat_candidates_free (HatCandidates *self)
{
  if (!self)
    return;
  for (guint i = 0; i < self->n; i++)
    g_free (self->candidates[i].why);
  g_free (self->candidates);
  g_clear_pointer (&self->graph, hat_graph_unref);
  g_clear_pointer (&self->heap, hat_heap_unref);
  g_free (self->headline);
  g_free (self->sentence);
  g_free (self);
}
