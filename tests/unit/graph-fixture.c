/* SPDX-License-Identifier: Apache-2.0
 *
 * Object graphs made by hand. */

#include "tests/unit/graph-fixture.h"
#include "core/trace/writer.h"

#include <glib/gstdio.h>
#include <unistd.h>

static const char *const functions[N_GRAPH_SITES] = { "cache_new", "session_new", "session_set_name", "peer_new",
                                                      "tree_branch_new", "tree_leaf_new", "list_push", "buffer_grow" };

typedef struct
{
  guint32 from, word, to;
} Edge;

static HatHeap *
heap_new (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HatSymbols) symbols = hat_symbols_new ();
  g_autoptr (HatTraceWriter) writer = NULL;
  g_autoptr (HatTrace) trace = NULL;
  HatHeap *heap;
  const int file = g_file_open_tmp ("graph-fixture-XXXXXX", &path, &error);

  g_assert_no_error (error);
  close (file);
  writer = hat_trace_writer_new (path, -1, 0, &error);
  g_assert_no_error (error);
  hat_trace_writer_add_module (writer, &(HatModule){ .path = "/usr/bin/server", .start = 0x1000, .end = 0x9000 });
  for (guint i = 0; i <= N_GRAPH_SITES; i++)
    {
      const HatFrameId id = hat_trace_writer_add_frame (writer, &(HatFrame){ .offset = 0x100 + i });
      const HatSourceFrame source = { .function = i ? functions[i - 1] : "main", .file = "/src/server.c", .line = 10 + i };
      hat_symbols_add (symbols, id, &source, 1);
    }
  hat_trace_writer_add_symbols (writer, symbols);
  hat_trace_writer_add_stack (writer, HAT_STACK_NONE, 0);
  for (guint i = 0; i < N_GRAPH_SITES; i++)
    hat_trace_writer_add_stack (writer, 2, 1 + i);
  hat_trace_writer_add_process (writer, &(HatProcess){ .pid = 1, .parent = -1, .exe = "/usr/bin/server" });
  hat_trace_writer_add_thread (writer, 0, 1, "main");
  for (guint i = 0; i < N_GRAPH_SITES; i++) /* so that functions have colours */
    hat_trace_writer_add_event (writer, 0, &(HatEvent){ .address = 0x1000 + 64 * i, .size = 100 - i, .time_ns = 1000 * i, .block = i + 1,
                                                        .stack = 3 + i });
  g_assert_true (hat_trace_writer_finish (writer, 0, &error));
  trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  heap = hat_heap_new (trace, 0, NULL, &error);
  g_assert_no_error (error);
  return heap;
}

GraphFixture *
graph_fixture_new (void)
{
  GraphFixture *fixture = g_new0 (GraphFixture, 1);

  fixture->heap = heap_new ();
  fixture->blocks = g_array_new (FALSE, FALSE, sizeof (HatBlock));
  fixture->edges = g_array_new (FALSE, FALSE, sizeof (Edge));
  fixture->roots = g_array_new (FALSE, FALSE, sizeof (HatRoot));
  return fixture;
}

void
graph_fixture_free (GraphFixture *fixture)
{
  hat_heap_unref (fixture->heap);
  g_array_unref (fixture->blocks);
  g_array_unref (fixture->edges);
  g_array_unref (fixture->roots);
  g_free (fixture);
}

guint32
graph_add_block (GraphFixture *fixture, GraphSite site, guint64 size)
{
  guint32 index = fixture->blocks->len;
  guint64 address = 0x555500001000;

  if (index)
    {
      const HatBlock *last = &g_array_index (fixture->blocks, HatBlock, index - 1);
      address = (last->address + last->size + 31) & ~(guint64) 15;
    }
  HatBlock block = { address, size, index + 1, (gint64) index * 1000000, 3 + site, 0 };
  g_array_append_val (fixture->blocks, block);
  return index;
}

void
graph_add_edge (GraphFixture *fixture, guint32 from, guint32 to)
{
  Edge edge = { from, 0, to };

  for (guint i = 0; i < fixture->edges->len; i++)
    edge.word += g_array_index (fixture->edges, Edge, i).from == from;
  g_assert_cmpuint (8 * (edge.word + 1), <=, g_array_index (fixture->blocks, HatBlock, from).size);
  g_array_append_val (fixture->edges, edge);
}

static void
add_root (GraphFixture *fixture, HatRootKind kind, const char *name, guint32 to)
{
  HatRoot root = { .address = 0x7000 + 8 * fixture->roots->len, .to = to, .module = kind == HAT_ROOT_GLOBAL ? 0 : G_MAXUINT32,
                   .thread = kind == HAT_ROOT_GLOBAL ? G_MAXUINT32 : 0, .frame = kind == HAT_ROOT_GLOBAL ? HAT_NO_FRAME : 0,
                   .name = g_intern_string (name), .kind = kind };

  g_array_append_val (fixture->roots, root);
}

void
graph_add_global (GraphFixture *fixture, const char *name, guint32 to)
{
  add_root (fixture, HAT_ROOT_GLOBAL, name, to);
}

void
graph_add_local (GraphFixture *fixture, const char *name, guint32 to)
{
  add_root (fixture, HAT_ROOT_STACK, name, to);
}

static gint
compare_edges (gconstpointer a, gconstpointer b)
{
  const Edge *x = a, *y = b;

  return x->from != y->from ? (x->from < y->from ? -1 : 1) : x->word < y->word ? -1 : x->word > y->word;
}

static gint
compare_roots (gconstpointer a, gconstpointer b)
{
  const HatRoot *x = a, *y = b;

  return x->kind != y->kind ? x->kind - y->kind : x->address < y->address ? -1 : x->address > y->address;
}

HatGraph *
graph_make (GraphFixture *fixture)
{
  HatLive *live = g_new0 (HatLive, 1);
  HatSnapshot *snapshot = g_new0 (HatSnapshot, 1);
  g_autoptr (GError) error = NULL;
  HatGraph *graph;
  guint n = fixture->blocks->len;

  live->n = n;
  live->time_ns = (gint64) n * 1000000;
  live->blocks = g_memdup2 (fixture->blocks->data, n * sizeof (HatBlock));
  for (guint i = 0; i < n; i++)
    live->bytes += live->blocks[i].size;
  g_array_sort (fixture->edges, compare_edges);
  g_array_sort (fixture->roots, compare_roots);
  snapshot->info = (HatSnapshotInfo){ .time_ns = live->time_ns, .n_blocks = n, .n_edges = fixture->edges->len,
                                      .n_roots = fixture->roots->len };
  snapshot->first_edge = g_new0 (guint32, n + 1);
  snapshot->edge_to = g_new0 (guint32, fixture->edges->len + 1);
  snapshot->edge_word = g_new0 (guint32, fixture->edges->len + 1);
  for (guint i = 0; i < fixture->edges->len; i++)
    {
      const Edge *edge = &g_array_index (fixture->edges, Edge, i);
      snapshot->first_edge[edge->from + 1]++;
      snapshot->edge_to[i] = edge->to;
      snapshot->edge_word[i] = edge->word;
    }
  for (guint i = 0; i < n; i++)
    snapshot->first_edge[i + 1] += snapshot->first_edge[i];
  snapshot->strings = g_string_chunk_new (256);
  snapshot->roots = g_memdup2 (fixture->roots->data, fixture->roots->len * sizeof (HatRoot));
  for (guint i = 0; i < fixture->roots->len; i++)
    snapshot->roots[i].name = g_string_chunk_insert (snapshot->strings, snapshot->roots[i].name);
  snapshot->n_frames = 1;
  snapshot->frames = g_new0 (HatSnapshotFrame, 1);
  graph = hat_graph_new_for (fixture->heap, live, snapshot, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return graph;
}

/* ---- shapes ---- */

HatGraph *
graph_of_five (GraphFixture *fixture)
{
  guint32 cache = graph_add_block (fixture, SITE_CACHE, 64), buffer = graph_add_block (fixture, SITE_BUFFER, 4096);
  guint32 session = graph_add_block (fixture, SITE_SESSION, 96), name = graph_add_block (fixture, SITE_NAME, 24);
  guint32 peer = graph_add_block (fixture, SITE_PEER, 48);

  graph_add_global (fixture, "the_cache", cache);
  graph_add_local (fixture, "current", session);
  graph_add_edge (fixture, cache, buffer);
  graph_add_edge (fixture, session, name);
  graph_add_edge (fixture, session, peer);
  graph_add_edge (fixture, peer, session);
  return graph_make (fixture);
}

HatGraph *
graph_of_ring (GraphFixture *fixture, guint n)
{
  guint32 first = 0, before = 0, now;

  for (guint i = 0; i < n; i++, before = now)
    {
      now = graph_add_block (fixture, i % 2 ? SITE_PEER : SITE_SESSION, 80);
      graph_add_edge (fixture, now, graph_add_block (fixture, SITE_NAME, 32));
      if (i)
        graph_add_edge (fixture, before, now);
      else
        first = now;
    }
  graph_add_edge (fixture, before, first);
  return graph_make (fixture);
}

HatGraph *
graph_of_double_list (GraphFixture *fixture, guint n)
{
  guint32 before = 0, now;

  for (guint i = 0; i < n; i++, before = now)
    {
      now = graph_add_block (fixture, SITE_NODE, 40);
      if (i == 0)
        graph_add_global (fixture, "the_list", now);
      else
        {
          graph_add_edge (fixture, before, now);
          graph_add_edge (fixture, now, before);
        }
      graph_add_edge (fixture, now, graph_add_block (fixture, SITE_NAME, 16 + 8 * i));
    }
  return graph_make (fixture);
}

HatGraph *
graph_of_sessions (GraphFixture *fixture, guint n_sessions, guint n_leaves)
{
  guint32 cache = graph_add_block (fixture, SITE_CACHE, 64 + 8 * n_sessions), root = graph_add_block (fixture, SITE_BRANCH, 64), lost;

  graph_add_global (fixture, "the_cache", cache);
  graph_add_global (fixture, "the_tree", root);
  for (guint i = 0; i < n_sessions; i++)
    {
      guint32 session = graph_add_block (fixture, SITE_SESSION, 96), peer = graph_add_block (fixture, SITE_PEER, 64);
      graph_add_edge (fixture, cache, session);
      graph_add_edge (fixture, session, peer);
      graph_add_edge (fixture, peer, session);
      graph_add_edge (fixture, session, graph_add_block (fixture, SITE_NAME, 24 + i % 40));
      graph_add_edge (fixture, session, graph_add_block (fixture, SITE_BUFFER, 512 + 64 * (i % 7)));
    }
  for (guint i = 0; i < 4; i++)
    {
      guint32 branch = graph_add_block (fixture, SITE_BRANCH, 64 + 8 * n_leaves);
      graph_add_edge (fixture, root, branch);
      for (guint k = 0; k < n_leaves; k++)
        graph_add_edge (fixture, branch, graph_add_block (fixture, SITE_LEAF, 32 + 16 * i));
      graph_add_edge (fixture, branch, root);
    }
  /* Lost: one alone, one with something, a ring that holds a tail. */
  graph_add_block (fixture, SITE_NAME, 40);
  lost = graph_add_block (fixture, SITE_BUFFER, 2000);
  graph_add_edge (fixture, lost, graph_add_block (fixture, SITE_NAME, 50));
  for (guint i = 0; i < 3; i++)
    {
      guint32 block = graph_add_block (fixture, SITE_NODE, 48);
      if (i)
        graph_add_edge (fixture, block - 1, block);
      if (i == 2)
        {
          graph_add_edge (fixture, block, block - 2);
          graph_add_edge (fixture, block, graph_add_block (fixture, SITE_NAME, 30));
        }
    }
  for (guint i = 0, before = 0; i < 40; i++)
    {
      guint32 node = graph_add_block (fixture, SITE_NODE, 40);
      if (i == 0)
        graph_add_local (fixture, "queue", node);
      else
        graph_add_edge (fixture, before, node);
      graph_add_edge (fixture, node, graph_add_block (fixture, SITE_NAME, 20));
      before = node;
    }
  return graph_make (fixture);
}

/* Each block has up to five children of different sites. */
HatGraph *
graph_of_wide_tree (GraphFixture *fixture, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      graph_add_block (fixture, i % 5 + (i / 5) % 3, 64 + i % 900);
      if (i)
        graph_add_edge (fixture, (i - 1) / 5, i);
    }
  graph_add_global (fixture, "the_tree", 0);
  return graph_make (fixture);
}
