/* SPDX-License-Identifier: Apache-2.0
 *
 * Estimates of sampled recordings: a known population, sampled in 200 ways, is estimated without bias, and the errors given are right. */

#include <glib/gstdio.h>
#include <math.h>
#include <unistd.h>

#include "core/heap/estimate.h"
#include "core/trace/writer.h"

enum
{
  BLOCKS = 3000,
  SEEDS = 200,
  RATE = 4096,
};

static guint64 sizes[BLOCKS];

static gboolean
is_kept (guint i)
{
  return i % 3 == 0;
}

/* Each block is sampled as the hook would, and freed (or not) if it is. */
static HatSampled *
sample (GRand *random)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const int fd = g_file_open_tmp ("test-estimate-XXXXXX.heapatlas", &path, &error);
  g_assert_no_error (error);
  HatTraceWriter *writer = hat_trace_writer_new (NULL, fd, 0, &error);
  g_assert_no_error (error);
  g_autofree char *rate = g_strdup_printf ("%u", RATE);
  hat_trace_writer_add_note (writer, "option.sample", rate);
  hat_trace_writer_add_process (writer, &(HatProcess){ .pid = 1, .parent = -1, .exe = "x", .provider = "libc", .end_ns = -1 });
  hat_trace_writer_add_thread (writer, 0, 1, NULL);
  gint64 time = 0;
  for (guint i = 0; i < BLOCKS; i++)
    {
      if (-log (1 - g_rand_double (random)) * RATE > (double) sizes[i])
        continue;
      HatEvent event = { .kind = HAT_EVENT_ALLOC, .address = 0x10000 + i * 0x10000ul, .size = sizes[i], .time_ns = time += 1000 };
      const HatBlockId block = hat_trace_writer_add_event (writer, 0, &event);
      event = (HatEvent){ .kind = HAT_EVENT_FREE, .old = block, .time_ns = time += 1000 };
      if (!is_kept (i))
        hat_trace_writer_add_event (writer, 0, &event);
    }
  g_assert_true (hat_trace_writer_finish (writer, time, &error));
  g_assert_no_error (error);
  hat_trace_writer_free (writer);

  g_autoptr (HatTrace) trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_assert_cmpuint (hat_sample_bytes (trace), ==, RATE);
  g_autoptr (HatHeap) heap = hat_heap_new (trace, 0, NULL, &error);
  g_assert_no_error (error);
  HatSampled *sampled = hat_heap_sampled (heap, (HatRange){ -1, G_MAXINT64 }, NULL, &error);
  g_assert_no_error (error);
  return sampled;
}

typedef struct
{
  const char *name;
  double truth, sum, variance;
  guint inside; /* of the 95 % interval */
} Figure;

static void
see (Figure *figure, const HatEstimate *estimate)
{
  figure->sum += estimate->value;
  figure->variance += estimate->variance;
  figure->inside += fabs (estimate->value - figure->truth) <= hat_estimate_error (estimate);
}

static void
test_unbiased (void)
{
  enum
  {
    ALLOCATIONS,
    BYTES,
    FREES,
    BYTES_FREED,
    LIVE_BLOCKS,
    LIVE_BYTES,
    N_FIGURES,
  };
  Figure figures[N_FIGURES] = { { "allocations" }, { "bytes" }, { "frees" }, { "bytes freed" }, { "live blocks" }, { "live bytes" } };
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) g_test_rand_int ());

  for (guint i = 0; i < BLOCKS; i++)
    {
      sizes[i] = 64 + (guint64) g_rand_int_range (random, 0, i % 10 == 0 ? 40000 : 4000);
      figures[ALLOCATIONS].truth += 1;
      figures[BYTES].truth += (double) sizes[i];
      figures[is_kept (i) ? LIVE_BLOCKS : FREES].truth += 1;
      figures[is_kept (i) ? LIVE_BYTES : BYTES_FREED].truth += (double) sizes[i];
    }
  for (guint seed = 0; seed < SEEDS; seed++)
    {
      g_autoptr (HatSampled) sampled = sample (random);
      see (&figures[ALLOCATIONS], &sampled->totals.allocations);
      see (&figures[BYTES], &sampled->totals.bytes);
      see (&figures[FREES], &sampled->totals.frees);
      see (&figures[BYTES_FREED], &sampled->totals.bytes_freed);
      see (&figures[LIVE_BLOCKS], &sampled->totals.live_blocks);
      see (&figures[LIVE_BYTES], &sampled->totals.live_bytes);
      g_assert_cmpuint (sampled->n, ==, 1);
      g_assert_cmpfloat (sampled->sites[0].bytes.value, ==, sampled->totals.bytes.value);
      g_assert_cmpfloat (sampled->peak_bytes.value, >=, sampled->totals.live_bytes.value);
    }
  for (guint i = 0; i < N_FIGURES; i++)
    {
      const double mean = figures[i].sum / SEEDS, sigma = sqrt (figures[i].variance) / SEEDS;
      g_test_message ("%s: %.1f, truth %.1f, sigma of the mean %.1f, inside %u", figures[i].name, mean, figures[i].truth, sigma, figures[i].inside);
      g_assert_cmpfloat (fabs (mean - figures[i].truth), <, 5 * sigma);
      g_assert_cmpuint (figures[i].inside, >, SEEDS * 85 / 100);
      g_assert_cmpuint (figures[i].inside, <, SEEDS);
    }
}

static void
test_weights (void)
{
  g_assert_cmpfloat_with_epsilon (hat_sample_weight (RATE, RATE), 1.5819767, 1e-6);
  g_assert_cmpfloat_with_epsilon (hat_sample_weight (1, 1ul << 40), 1099511627776.5, 0.01);
  g_assert_cmpfloat (hat_sample_weight (1ul << 40, 1), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/estimate/weights", test_weights);
  g_test_add_func ("/estimate/unbiased", test_unbiased);
  return g_test_run ();
}
