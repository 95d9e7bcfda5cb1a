/* SPDX-License-Identifier: Apache-2.0 */

/* What the trace file costs: bench-trace [EVENTS]. Two synthetic programs on the real allocator's addresses: "churn" frees at random
 * among 20,000 blocks of random sizes, "stack" frees what it allocated last. Prints nanoseconds and bytes per event. */

#include "core/trace/writer.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_LIVE 20000


static double
seconds (clockid_t clock)
{
  struct timespec now;
  clock_gettime (clock, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static void
add (GArray *events, guint8 kind, gpointer address, guint64 size, HatBlockId old)
{
  const HatEvent event = { .kind = kind,
                           .address = kind == HAT_EVENT_ALLOC ? GPOINTER_TO_SIZE (address) : 0,
                           .size = size,
                           .old = old,
                           .time_ns = (gint64) events->len * 80,
                           .stack = kind == HAT_EVENT_ALLOC ? 2 + (HatStackId) size % 3 : 0 };
  g_array_append_val (events, event);
}

static void
make_churn (GArray *events, guint n)
{
  g_autofree gpointer *blocks = g_new0 (gpointer, N_LIVE);
  g_autofree HatBlockId *ids = g_new0 (HatBlockId, N_LIVE);
  HatBlockId next = 1;
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  while (events->len < n)
    {
      const guint at = g_rand_int_range (random, 0, N_LIVE);
      const gsize size = 16 + (gsize) g_rand_int_range (random, 0, 1000);
      if (blocks[at])
        add (events, HAT_EVENT_FREE, NULL, 0, ids[at]);
      free (blocks[at]);
      blocks[at] = malloc (size);
      ids[at] = next++;
      add (events, HAT_EVENT_ALLOC, blocks[at], size, 0);
    }
  for (guint i = 0; i < N_LIVE; i++)
    free (blocks[i]);
}

static void
make_stack (GArray *events, guint n)
{
  gpointer blocks[100];
  HatBlockId ids[100], next = 1;
  guint depth = 0;
  g_autoptr (GRand) random = g_rand_new_with_seed (2);
  while (events->len < n)
    if (depth < 100 && (depth == 0 || g_rand_int_range (random, 0, 2)))
      {
        const gsize size = 16 + 24 * depth;
        blocks[depth] = malloc (size);
        ids[depth] = next++;
        add (events, HAT_EVENT_ALLOC, blocks[depth++], size, 0);
      }
    else
      {
        free (blocks[--depth]);
        add (events, HAT_EVENT_FREE, NULL, 0, ids[depth]);
      }
  while (depth > 0)
    free (blocks[--depth]);
}

static void
write_events (const char *path, const GArray *events)
{
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, NULL);
  hat_trace_writer_add_frame (writer, &(HatFrame){ .module = G_MAXUINT32 });
  for (guint i = 0; i < 3; i++)
    hat_trace_writer_add_stack (writer, i, 0);
  hat_trace_writer_add_process (writer, &(HatProcess){ .parent = -1, .exe = "bench" });
  hat_trace_writer_add_thread (writer, 0, 1, NULL);
  for (guint i = 0; i < events->len; i++)
    hat_trace_writer_add_event (writer, 0, &g_array_index (events, HatEvent, i));
  if (!hat_trace_writer_finish (writer, 0, NULL))
    g_error ("could not write %s", path);
}

static void
bench (const char *name, void (*make) (GArray *events, guint n), guint n)
{
  g_autofree char *path = g_strdup_printf ("%s/bench-trace.heapatlas", g_get_tmp_dir ());
  g_autoptr (GArray) events = g_array_sized_new (FALSE, FALSE, sizeof (HatEvent), n);
  make (events, n);

  const double wall = seconds (CLOCK_MONOTONIC), cpu = seconds (CLOCK_PROCESS_CPUTIME_ID);
  write_events (path, events);
  const double write_wall = seconds (CLOCK_MONOTONIC) - wall, write_cpu = seconds (CLOCK_PROCESS_CPUTIME_ID) - cpu;

  double start = seconds (CLOCK_PROCESS_CPUTIME_ID);
  g_autoptr (HatTrace) trace = hat_trace_open (path, NULL, NULL);
  const double open = seconds (CLOCK_PROCESS_CPUTIME_ID) - start;
  g_autofree HatEvent *decoded = g_new (HatEvent, HAT_CHUNK_EVENTS);
  guint n_chunks;
  hat_trace_chunks (trace, 0, &n_chunks);
  double decode = G_MAXDOUBLE, span_time = G_MAXDOUBLE;
  for (guint round = 0; round < 3; round++)
    {
      start = seconds (CLOCK_PROCESS_CPUTIME_ID);
      for (guint i = 0; i < n_chunks; i++)
        if (!hat_trace_decode_chunk (trace, 0, i, decoded, NULL))
          g_error ("chunk %u does not decode", i);
      decode = MIN (decode, seconds (CLOCK_PROCESS_CPUTIME_ID) - start);
      start = seconds (CLOCK_PROCESS_CPUTIME_ID);
      for (guint i = 0; i < n_chunks; i++)
        {
          HatSpan span;
          if (!hat_trace_read_span (trace, 0, 0, i, &span, NULL))
            g_error ("span %u does not decode", i);
          hat_span_clear (&span);
        }
      span_time = MIN (span_time, seconds (CLOCK_PROCESS_CPUTIME_ID) - start);
    }
  const double per = 1e9 / events->len;
  printf ("%-6s %9u events  %6.3f bytes/event | ns/event: write %.0f wall %.0f cpu, decode %.1f, span %.1f | open %.2f ms\n",
          name, events->len, (double) hat_trace_bytes (trace) / events->len, write_wall * per, write_cpu * per, decode * per,
          span_time * per, open * 1e3);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  const guint n = argc > 1 ? (guint) g_ascii_strtoull (argv[1], NULL, 10) : 3000000;
  bench ("churn", make_churn, n);
  bench ("stack", make_stack, n);
  return 0;
}
