/* SPDX-License-Identifier: Apache-2.0 */

/* What the object graph costs: bench-analysis [BLOCKS]. A made-up heap of that many blocks (and one of a tenth, first): trees whose
 * children know their parents, lists, hash tables of chained entries, rings, and pointers across; a twentieth of it lost. Blocks lie
 * in the order of their birth, with what a program builds in one go side by side, as allocators have it; "scattered" is the same with
 * blocks anywhere, the worst that can be. Prints seconds by stage and the most memory each process had. */

#include "core/graph/graph.h"
#include "core/trace/writer.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
cpu_seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static double
peak_mib (void)
{
  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  return (double) usage.ru_maxrss / 1024;
}

/* ---- a heap ---- */

typedef struct
{
  guint32 n, n_edges, room;
  guint32 n_roots;
  HatSnapshot *snapshot;
  GRand *random;
} Maker;

/* Pointers of the block that comes next; blocks are made in order. */
static void
add_block (Maker *maker, const guint32 *to, guint n)
{
  HatSnapshot *snapshot = maker->snapshot;
  for (guint i = 0; i < n; i++)
    {
      snapshot->edge_to[maker->n_edges] = to[i];
      snapshot->edge_word[maker->n_edges++] = i;
    }
  snapshot->first_edge[++maker->n] = maker->n_edges;
}

static void
add_root (Maker *maker, guint32 to)
{
  if (g_rand_int_range (maker->random, 0, 20) > 0)
    maker->snapshot->roots[maker->n_roots++] = (HatRoot) { .kind = HAT_ROOT_GLOBAL, .to = to, .name = "", .module = G_MAXUINT32,
                                                           .thread = G_MAXUINT32, .frame = HAT_NO_FRAME };
}

/* A binary tree of 1,023 nodes that know their parents, and every other one a pointer to anywhere. */
static void
add_tree (Maker *maker)
{
  const guint32 first = maker->n;
  add_root (maker, first);
  for (guint32 i = 0; i < 1023; i++)
    {
      guint32 to[4];
      guint n = 0;
      if (i > 0)
        to[n++] = first + (i - 1) / 2;
      for (guint32 child = 2 * i + 1; child <= 2 * i + 2 && child < 1023; child++)
        to[n++] = first + child;
      if (i % 2 == 0)
        to[n++] = g_rand_int_range (maker->random, 0, first + 1);
      add_block (maker, to, n);
    }
}

/* A table of 512 chains of two entries, each of which holds a string. */
static void
add_table (Maker *maker)
{
  const guint32 first = maker->n;
  guint32 to[512];
  add_root (maker, first);
  for (guint32 i = 0; i < 512; i++)
    to[i] = first + 1 + 4 * i;
  add_block (maker, to, 512);
  for (guint32 i = 0; i < 1024; i++)
    {
      const guint32 at = maker->n;
      const guint32 entry[] = { at + 1, at + 2 };
      add_block (maker, entry, i % 2 == 0 ? 2 : 1);
      add_block (maker, NULL, 0);
    }
}

/* A list linked both ways, and its head. */
static void
add_list (Maker *maker)
{
  const guint32 first = maker->n;
  add_root (maker, first);
  for (guint32 i = 0; i < 1000; i++)
    {
      const guint32 to[] = { first + (i + 1) % 1000, first + (i + 999) % 1000 };
      add_block (maker, to, 2);
    }
}

static void
make (Maker *maker, guint32 n)
{
  HatSnapshot *snapshot = maker->snapshot = g_new0 (HatSnapshot, 1);
  maker->random = g_rand_new_with_seed (1);
  maker->room = n + 4096;
  snapshot->first_edge = g_new0 (guint32, maker->room + 1);
  snapshot->edge_to = g_new (guint32, 3 * (gsize) maker->room);
  snapshot->edge_word = g_new (guint32, 3 * (gsize) maker->room);
  snapshot->roots = g_new0 (HatRoot, maker->room / 500);
  while (maker->n < n)
    switch (g_rand_int_range (maker->random, 0, 4))
      {
      case 0:
        add_table (maker);
        break;
      case 1:
        add_list (maker);
        break;
      default:
        add_tree (maker);
      }
  snapshot->info = (HatSnapshotInfo) { .n_blocks = maker->n, .n_edges = maker->n_edges, .n_roots = maker->n_roots };
  g_rand_free (maker->random);
}

/* Every block at a random place. */
static void
scatter (Maker *maker)
{
  HatSnapshot *old = maker->snapshot, *snapshot = g_memdup2 (old, sizeof *old);
  g_autofree guint32 *place = g_new (guint32, maker->n);
  g_autoptr (GRand) random = g_rand_new_with_seed (2);

  for (guint32 i = 0; i < maker->n; i++)
    {
      const guint32 other = g_rand_int_range (random, 0, i + 1);
      place[i] = place[other];
      place[other] = i;
    }
  snapshot->first_edge = g_new0 (guint32, maker->n + 1);
  snapshot->edge_to = g_new (guint32, maker->n_edges);
  for (guint32 i = 0; i < maker->n; i++)
    snapshot->first_edge[place[i] + 1] = old->first_edge[i + 1] - old->first_edge[i];
  for (guint32 i = 0; i < maker->n; i++)
    snapshot->first_edge[i + 1] += snapshot->first_edge[i];
  for (guint32 i = 0; i < maker->n; i++)
    for (guint32 e = old->first_edge[i]; e < old->first_edge[i + 1]; e++)
      snapshot->edge_to[snapshot->first_edge[place[i]] + e - old->first_edge[i]] = place[old->edge_to[e]];
  for (guint32 i = 0; i < maker->n_roots; i++)
    snapshot->roots[i].to = place[snapshot->roots[i].to];
  g_free (old->first_edge);
  g_free (old->edge_to);
  g_free (old);
  maker->snapshot = snapshot;
}

static HatLive *
make_live (const Maker *maker, HatHeap *heap)
{
  HatLive *live = g_new0 (HatLive, 1);
  live->time_ns = hat_heap_end (heap);
  live->n = maker->n;
  live->blocks = g_new (HatBlock, live->n);
  for (guint64 i = 0; i < live->n; i++)
    live->blocks[i] = (HatBlock) { .address = 0x500000000000 + 64 * i, .size = 16 + i * 2654435761u % 97 % 48, .id = i + 1,
                                   .birth_ns = (gint64) i, .stack = 2 + (HatStackId) (i / 64 % 997) };
  return live;
}

/* ---- measuring ---- */

typedef struct
{
  double since;
  const char *what;
} Stage;

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  Stage *stage = data;
  const double now = cpu_seconds ();
  if (stage->what)
    printf ("  %-32s %6.2f s\n", stage->what, now - stage->since);
  stage->what = what;
  stage->since = now;
  return TRUE;
}

static void
bench (HatHeap *heap, guint32 n, gboolean is_scattered)
{
  Maker maker = { 0 };
  Stage stage = { cpu_seconds (), NULL };
  const HatProgress progress = { on_progress, &stage };
  g_autoptr (GError) error = NULL;

  make (&maker, n);
  if (is_scattered)
    scatter (&maker);
  HatLive *live = make_live (&maker, heap);
  const double start = cpu_seconds (), before = peak_mib ();
  printf ("%u blocks%s, %u pointers, %u roots (made: %.0f MiB)\n", maker.n, is_scattered ? ", scattered" : "", maker.n_edges,
          maker.n_roots, before);
  g_autoptr (HatGraph) graph = hat_graph_new_for (heap, live, maker.snapshot, NULL, NULL, &progress, &error);
  if (graph == NULL)
    g_error ("%s", error->message);
  on_progress (1, NULL, &stage);
  printf ("  %-32s %6.2f s, at most %.0f MiB\n", "graph", cpu_seconds () - start, peak_mib ());

  stage = (Stage) { cpu_seconds (), "leak groups" };
  g_autoptr (HatLeaks) leaks = hat_graph_leaks (graph, NULL, NULL, NULL);
  on_progress (1, "what the virtual root owns, folded", &stage);
  g_autoptr (HatGraphFolds) folds = hat_graph_fold_children (graph, NULL, 0);
  on_progress (1, "100 nodes that stand for all", &stage);
  g_autoptr (HatGraphSummary) summary = hat_graph_summary (graph, 100, NULL, NULL);
  on_progress (1, "paths to a block", &stage);
  g_autoptr (GPtrArray) paths = hat_graph_paths (graph, maker.n / 2, 10);
  on_progress (1, NULL, &stage);
  for (guint c = 0; c < HAT_N_LEAK_CLASSES; c++)
    printf ("  %s %" G_GUINT64_FORMAT, hat_leak_class_name (c), leaks->classes[c].blocks);
  printf ("\n  at most %.0f MiB\n", peak_mib ());
}

int
main (int argc, char **argv)
{
  const guint32 n = argc > 1 ? (guint32) g_ascii_strtoull (argv[1], NULL, 10) : 10000000;
  g_autofree char *path = g_strdup_printf ("%s/bench-analysis.heapatlas", g_get_tmp_dir ());
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, NULL);
  hat_trace_writer_add_frame (writer, &(HatFrame) { .module = G_MAXUINT32 });
  for (guint i = 0; i < 997; i++)
    hat_trace_writer_add_stack (writer, i, 0);
  hat_trace_writer_add_process (writer, &(HatProcess) { .parent = -1, .exe = "bench", .first_block = 1 });
  hat_trace_writer_add_thread (writer, 0, 1, NULL);
  const HatProcess end = { .end_ns = G_GINT64_CONSTANT (60000000000), .disarmed_ns = -1 };
  hat_trace_writer_end_process (writer, 0, &end);
  if (!hat_trace_writer_finish (writer, end.end_ns, NULL))
    g_error ("could not write %s", path);
  g_autoptr (HatTrace) trace = hat_trace_open (path, NULL, NULL);
  g_autoptr (HatHeap) heap = hat_heap_new (trace, 0, NULL, NULL);
  g_unlink (path);
  /* Each in a process of its own, for its memory. */
  for (guint i = 0; i < 4; i++)
    {
      fflush (stdout);
      const pid_t child = fork ();
      if (child == 0)
        {
          bench (heap, i < 2 ? MAX (n / 10, 1) : n, i % 2);
          fflush (stdout);
          _exit (0);
        }
      waitpid (child, NULL, 0);
    }
  return 0;
}
