/* SPDX-License-Identifier: Apache-2.0
 *
 * Estimates of sampled recordings: a known population is recorded in full and then sampled in 200 ways. Every figure that the queries
 * give of the samples is, on average, what they give of the full recording, and the errors given are right. */

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/trace/writer.h"

enum
{
  BLOCKS = 3000,
  SEEDS = 200,
  RATE = 4096,
  STACKS = 4,
  BINS = 4,
  STEP = 1000000, /* ns from one allocation to the next */
};

static guint64 sizes[BLOCKS];

/* main calls left and right; left calls right, too. */
static void
write_code (HatTraceWriter *writer)
{
  static const char *const functions[] = { "main", "left", "right" };
  g_autoptr (HatSymbols) symbols = hat_symbols_new ();

  hat_trace_writer_add_module (writer, &(HatModule){ .path = "/usr/bin/program", .start = 0x1000, .end = 0x2000 });
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      const HatFrameId id = hat_trace_writer_add_frame (writer, &(HatFrame){ .offset = 0x100 + i });
      hat_symbols_add (symbols, id, &(HatSourceFrame){ .function = functions[i] }, 1);
    }
  hat_trace_writer_add_symbols (writer, symbols);
  hat_trace_writer_add_stack (writer, HAT_STACK_NONE, 0); /* 2: main */
  hat_trace_writer_add_stack (writer, 2, 1);              /* 3: left */
  hat_trace_writer_add_stack (writer, 2, 2);              /* 4: right */
  hat_trace_writer_add_stack (writer, 3, 2);              /* 5: right of left */
}

/* Each third of the blocks is kept, freed at once, and freed when all is allocated. */
static HatHeap *
record (GRand *random, guint64 rate)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autofree HatBlockId *blocks = g_new0 (HatBlockId, BLOCKS);
  const int fd = g_file_open_tmp ("test-estimate-XXXXXX.heapatlas", &path, &error);
  g_assert_no_error (error);
  HatTraceWriter *writer = hat_trace_writer_new (NULL, fd, 0, &error);
  g_assert_no_error (error);
  if (rate > 0)
    {
      g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, rate);
      hat_trace_writer_add_note (writer, "option.sample", text);
    }
  hat_trace_writer_add_process (writer, &(HatProcess){ .pid = 1, .parent = -1, .exe = "x", .provider = "libc", .end_ns = -1 });
  hat_trace_writer_add_thread (writer, 0, 1, NULL);
  write_code (writer);
  for (guint i = 0; i < BLOCKS; i++)
    {
      const gboolean is_hit = rate == 0 || -log (1 - g_rand_double (random)) * (double) rate <= (double) sizes[i];
      if (!is_hit)
        continue;
      HatEvent event = { .kind = HAT_EVENT_ALLOC, .address = 0x10000 + i * 0x10000ul, .size = sizes[i], .stack = 2 + i / 3 % STACKS,
                         .time_ns = (gint64) (i + 1) * STEP };
      blocks[i] = hat_trace_writer_add_event (writer, 0, &event);
      event = (HatEvent){ .kind = HAT_EVENT_FREE, .old = blocks[i], .time_ns = (gint64) (i + 1) * STEP + STEP / 2 };
      if (i % 3 == 1)
        hat_trace_writer_add_event (writer, 0, &event);
    }
  for (guint i = 2; i < BLOCKS; i += 3)
    if (blocks[i])
      hat_trace_writer_add_event (writer, 0, &(HatEvent){ .kind = HAT_EVENT_FREE, .old = blocks[i], .time_ns = (gint64) (BLOCKS + i) * STEP });
  g_assert_true (hat_trace_writer_finish (writer, 2 * (gint64) BLOCKS * STEP, &error));
  g_assert_no_error (error);
  hat_trace_writer_free (writer);

  g_autoptr (HatTrace) trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  HatHeap *heap = hat_heap_new (trace, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hat_heap_sample_bytes (heap), ==, rate);
  return heap;
}

/* ---- figures: all that the queries say, under names ---- */

typedef struct
{
  char *name;
  double value, error; /* of the present recording */
  double truth, sum, variance;
  double squares; /* of the variances */
  guint inside; /* of the 95 % interval */
} Figure;

static GPtrArray *figures;

static void
figure_free (gpointer data)
{
  g_free (((Figure *) data)->name);
  g_free (data);
}

static void G_GNUC_PRINTF (3, 4)
say (guint64 value, guint64 error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  for (guint i = 0; i < figures->len; i++)
    {
      Figure *figure = figures->pdata[i];
      if (!g_str_equal (figure->name, name))
        continue;
      figure->value += (double) value;
      figure->error = (double) error;
      return;
    }
  Figure *figure = g_new0 (Figure, 1);
  *figure = (Figure){ .name = g_steal_pointer (&name), .value = (double) value, .error = (double) error };
  g_ptr_array_add (figures, figure);
}

static void
say_site (const char *name, const HatSite *site, const HatSiteVariance *variance)
{
  static const HatSiteVariance none = { 0 };
  const HatSiteVariance *v = variance ? variance : &none;
  say (site->allocations, hat_error_of (v->allocations), "%s allocations", name);
  say (site->bytes, hat_error_of (v->bytes), "%s bytes", name);
  say (site->frees, hat_error_of (v->frees), "%s frees", name);
  say (site->bytes_freed, hat_error_of (v->bytes_freed), "%s bytes freed", name);
  say (site->live_blocks, hat_error_of (v->live_blocks), "%s live blocks", name);
  say (site->live_bytes, hat_error_of (v->live_bytes), "%s live bytes", name);
}

static void
say_tree (HatTrace *trace, const HatSites *sites, HatTreeKind kind, const char *when)
{
  g_autoptr (HatTree) tree = hat_tree_new (trace, sites, kind, HAT_COST_LIVE, NULL, NULL);
  for (guint i = 0; i < tree->n; i++)
    {
      const HatTreeNode *node = &tree->nodes[i];
      g_autofree char *name = g_strdup_printf ("%s tree %u %s/%s", when, kind, tree->nodes[node->parent].function, node->function);
      say (node->cost, hat_tree_error (tree, i, tree->cost), "%s live", name);
      say (node->self, hat_tree_self_error (tree, i), "%s own", name);
      say (node->costs[HAT_COST_ALLOCATIONS], hat_tree_error (tree, i, HAT_COST_ALLOCATIONS), "%s allocations", name);
    }
}

static void
say_sites (HatHeap *heap, HatRange range, const char *when)
{
  HatTrace *trace = hat_heap_trace (heap);
  g_autoptr (HatSites) sites = hat_heap_sites (heap, range, NULL, NULL);
  g_autoptr (HatFunctions) functions = hat_functions_new (trace, sites, HAT_COST_ALLOCATED, NULL, NULL);
  g_autoptr (HatFunctions) callers = hat_functions_callers (trace, sites, HAT_COST_ALLOCATED, "right", NULL);
  const HatTotals *t = &sites->totals;
  const HatSite all = { .allocations = t->allocations, .bytes = t->bytes_allocated, .frees = t->frees, .bytes_freed = t->bytes_freed,
                        .live_blocks = t->live_blocks, .live_bytes = t->live_bytes };

  g_assert_cmpint (sites->variances != NULL, ==, hat_heap_sample_bytes (heap) > 0);
  g_assert_cmpuint (t->peak_bytes, >=, t->live_bytes);
  say_site (when, &all, &sites->variance);
  for (guint i = 0; i < sites->n; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s stack %u", when, sites->sites[i].stack);
      say_site (name, &sites->sites[i], sites->variances ? &sites->variances[i] : NULL);
    }
  say_tree (trace, sites, HAT_TREE_TOP_DOWN, when);
  say_tree (trace, sites, HAT_TREE_BOTTOM_UP, when);
  for (guint i = 0; i < functions->n; i++)
    {
      const HatFunctionRow *row = &functions->rows[i];
      say (row->total[HAT_COST_ALLOCATED], hat_error_of (row->total_variance[HAT_COST_ALLOCATED]), "%s %s allocated", when, row->function);
      say (row->self[HAT_COST_ALLOCATED], hat_error_of (row->self_variance[HAT_COST_ALLOCATED]), "%s %s allocated itself", when, row->function);
    }
  for (guint i = 0; i < callers->n; i++)
    say (callers->rows[i].total[HAT_COST_ALLOCATED], hat_error_of (callers->rows[i].total_variance[HAT_COST_ALLOCATED]), "%s right from %s", when,
         callers->rows[i].function);
}

static void
say_groups (HatHeap *heap, HatRange range, HatGrouping by)
{
  g_autoptr (HatGroups) groups = hat_heap_groups (heap, range, by, NULL, NULL);
  for (guint i = 0; i < groups->n; i++)
    say_site (groups->groups[i].label, &groups->groups[i].costs, &groups->groups[i].variance);
}

static void
say_timeline (HatHeap *heap, HatRange range, HatGrouping by)
{
  g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, range, BINS, by, NULL, NULL);
  g_assert_cmpint (timeline->errors != NULL, ==, hat_heap_sample_bytes (heap) > 0);
  for (guint b = 0; b < BINS; b++)
    {
      const HatBin *bin = &timeline->bins[b];
      guint64 together = 0;
      for (guint band = 0; band < timeline->n_bands; band++)
        {
          const guint i = band * BINS + b;
          const char *label = by == HAT_BY_SITE && timeline->bands[band].key > STACKS + 1 ? "none" : timeline->bands[band].label;
          together += timeline->band_bytes[i];
          say (timeline->band_bytes[i], timeline->errors ? timeline->band_errors[i] : 0, "bin %u of band %s %u", b, label,
               (guint) timeline->bands[band].key);
        }
      if (timeline->n_bands > 0)
        g_assert_cmpfloat (fabs ((double) together - (double) bin->last_bytes), <=, timeline->n_bands);
      g_assert_cmpuint (bin->min_bytes, <=, bin->last_bytes);
      g_assert_cmpuint (bin->max_bytes, >=, bin->last_bytes);
      say (bin->last_bytes, timeline->errors ? timeline->errors[b] : 0, "bin %u by %s", b, hat_grouping_name (by));
      if (by != HAT_BY_NONE)
        continue;
      say (bin->allocations, 0, "bin %u allocations", b);
      say (bin->allocated_bytes, 0, "bin %u allocated", b);
      say (bin->frees, 0, "bin %u frees", b);
    }
}

static void
say_sizes (HatHeap *heap, HatRange range)
{
  g_autofree HatSizes *s = hat_heap_sizes (heap, range, NULL, NULL);
  g_assert_cmpint (s->is_estimate, ==, hat_heap_sample_bytes (heap) > 0);
  for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
    {
      say (s->allocations[i], s->allocations_error[i], "class %u allocations", i);
      say (s->bytes[i], s->bytes_error[i], "class %u bytes", i);
      say (s->live_blocks[i], s->live_blocks_error[i], "class %u live", i);
      say (s->live_bytes[i], s->live_bytes_error[i], "class %u live bytes", i);
      say (s->usable_bytes[i], s->usable_bytes_error[i], "class %u usable bytes", i);
    }
  for (guint i = 0; i < HAT_LIFETIME_CLASSES; i++)
    {
      say (s->lifetimes[i], s->lifetimes_error[i], "lifetime %u", i);
      say (s->lifetime_bytes[i], s->lifetime_bytes_error[i], "lifetime %u bytes", i);
    }
  for (guint i = 0; i < s->n_common; i++)
    if (s->common[i].size == 5000 || s->common[i].size == 300)
      {
        say (s->common[i].allocations, s->common[i].allocations_error, "size %u", (guint) s->common[i].size);
        say (s->common[i].live_blocks, s->common[i].live_blocks_error, "size %u live", (guint) s->common[i].size);
      }
}

static void
say_unfreed (HatHeap *heap)
{
  g_autoptr (HatUnfreedGroups) unfreed = hat_heap_unfreed (heap, NULL, NULL);
  say (unfreed->blocks, hat_error_of (unfreed->blocks_variance), "unfreed blocks");
  say (unfreed->bytes, hat_error_of (unfreed->bytes_variance), "unfreed bytes");
  for (guint i = 0; i < unfreed->n; i++)
    say (unfreed->groups[i].bytes, hat_error_of (unfreed->groups[i].bytes_variance), "unfreed stack %u", unfreed->groups[i].stack);
}

static void
say_all (HatHeap *heap)
{
  const HatRange whole = { -1, G_MAXINT64 }, part = { (gint64) BLOCKS / 3 * STEP, (gint64) BLOCKS * 3 / 2 * STEP };
  for (guint i = 0; i < figures->len; i++)
    ((Figure *) figures->pdata[i])->value = ((Figure *) figures->pdata[i])->error = 0;
  say_sites (heap, whole, "whole");
  say_sites (heap, part, "part");
  say_groups (heap, part, HAT_BY_SIZE);
  say_groups (heap, part, HAT_BY_FUNCTION);
  say_groups (heap, part, HAT_BY_AGE);
  say_timeline (heap, part, HAT_BY_NONE);
  say_timeline (heap, part, HAT_BY_SITE);
  say_timeline (heap, part, HAT_BY_AGE);
  say_sizes (heap, part);
  say_unfreed (heap);
}

/* Whether its intervals are to be judged: those of few blocks are too short too often, those of a block or two are steps. Few blocks make the error
 * if that differs by more than a quarter from sample to sample; large ones, which are in every sample, add to the figure and not to its error. The
 * bounds are so wide that no seed of forty came near them: 152 of 200 or more were inside, and of hundreds no mean was off by more than 4.7 sigma. */
static gboolean
judge (const Figure *figure)
{
  const double mean = figure->sum / SEEDS, sigma = sqrt (figure->variance) / SEEDS;
  const gboolean has_error = figure->variance > 0;

  g_test_message ("%s: %.1f, truth %.1f, sigma of the mean %.1f, inside %u", figure->name, mean, figure->truth, sigma, figure->inside);
  if (figure->truth == 0)
    g_assert_cmpfloat (mean, ==, 0);
  if (!has_error)
    return FALSE;
  g_assert_cmpfloat (fabs (mean - figure->truth), <, 7 * sigma + 1);
  const double one = sigma * sqrt (SEEDS);
  const double spread = figure->squares * SEEDS / (figure->variance * figure->variance) - 1;
  if (one > figure->truth / 6 || one < 3 || spread > 1 / 16.0)
    return FALSE;
  g_assert_cmpuint (figure->inside, >, SEEDS / 2);
  return TRUE;
}

static void
test_unbiased (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  guint n_judged = 0, n_inside = 0;

  figures = g_ptr_array_new_with_free_func (figure_free);
  for (guint i = 0; i < BLOCKS; i++)
    sizes[i] = i % 10 == 0 ? 5000 : i % 10 == 5 ? 300 : 64 + (guint64) g_rand_int_range (random, 0, i % 10 == 1 ? 40000 : 4000);
  {
    g_autoptr (HatHeap) heap = record (random, 0);
    say_all (heap);
  }
  for (guint i = 0; i < figures->len; i++)
    {
      Figure *figure = figures->pdata[i];
      figure->truth = figure->value;
      g_assert_cmpfloat (figure->error, ==, 0);
    }
  const guint n = figures->len;
  for (guint seed = 0; seed < SEEDS; seed++)
    {
      g_autoptr (HatHeap) heap = record (random, RATE);
      say_all (heap);
      g_assert_cmpuint (figures->len, ==, n);
      for (guint i = 0; i < n; i++)
        {
          Figure *figure = figures->pdata[i];
          figure->sum += figure->value;
          const double variance = figure->error * figure->error / (1.96 * 1.96);
          figure->variance += variance;
          figure->squares += variance * variance;
          figure->inside += fabs (figure->value - figure->truth) <= figure->error + 0.5;
        }
    }
  for (guint i = 0; i < n; i++)
    if (judge (figures->pdata[i]))
      {
        n_judged++;
        n_inside += ((Figure *) figures->pdata[i])->inside;
      }
  const double coverage = (double) n_inside / n_judged / SEEDS;
  g_test_message ("%u of %u figures judged, %.1f %% inside", n_judged, n, 100 * coverage);
  g_assert_cmpuint (n_judged, >, 150);
  g_assert_cmpfloat (coverage, >, 0.92);
  g_assert_cmpfloat (coverage, <, 0.97);
  g_clear_pointer (&figures, g_ptr_array_unref);
}

static void
test_weights (void)
{
  g_assert_cmpfloat_with_epsilon (hat_stands_for (RATE, RATE).blocks.value, 1.5819767, 1e-6);
  g_assert_cmpfloat_with_epsilon (hat_stands_for (RATE, RATE).bytes.value, 1.5819767 * RATE, 1e-2);
  g_assert_cmpfloat_with_epsilon (hat_stands_for (1, 1ul << 40).blocks.value, 1099511627776.5, 0.01);
  g_assert_cmpfloat (hat_stands_for (1ul << 40, 1).blocks.value, ==, 1);
  g_assert_cmpfloat (hat_stands_for (1ul << 40, 1).blocks.variance, ==, 0);
  g_assert_cmpfloat (hat_stands_for (100, 0).bytes.value, ==, 100);
  g_assert_cmpfloat (hat_stands_for (100, 0).bytes.variance, ==, 0);
}

static void
test_words (void)
{
  g_autofree char *exact = hat_format_bytes_within (2048, 0), *bytes = hat_format_bytes_within (2048, 100),
                  *count = hat_format_count_within (12345, 678);
  g_assert_cmpstr (exact, ==, "2.00 KiB");
  g_assert_cmpstr (bytes, ==, "~2.00 KiB ±100 B");
  g_assert_cmpstr (count, ==, "~12,345 ±678");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/estimate/weights", test_weights);
  g_test_add_func ("/estimate/words", test_words);
  g_test_add_func ("/estimate/unbiased", test_unbiased);
  return g_test_run ();
}
