/* SPDX-License-Identifier: Apache-2.0 */

/* The picture of an object graph: nothing overlaps, lines end at their nodes, folds count right, nothing is ever a hairball, and
 * a `dot` that does not answer is not waited for. */

#include <cairo.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "tests/unit/graph-fixture.h"
#include "ui/draw/graph-paint.h"
#include "ui/draw/map-layout.h"

#define ROWS 34u /* of a first look */

typedef struct
{
  GraphFixture *fixture;
  HatGraph *graph;
  HatColors *colors;
} Case;

static void
case_clear (Case *c)
{
  g_clear_pointer (&c->colors, hat_colors_unref);
  g_clear_pointer (&c->graph, hat_graph_unref);
  g_clear_pointer (&c->fixture, graph_fixture_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Case, case_clear)

#define CASE(name, make) \
  g_auto (Case) name = { .fixture = graph_fixture_new () }; \
  name.graph = make; \
  name.colors = hat_colors_new (name.fixture->heap)

static HatGraphModel *
look (const Case *c, HatGraphTree tree, guint rows)
{
  g_autoptr (GError) error = NULL;
  HatGraphModel *model = hat_graph_model_new (c->graph, c->colors, tree, rows, NULL, &error);

  g_assert_no_error (error);
  return model;
}

static guint
find_title (HatGraphModel *model, const char *title)
{
  guint n;
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);

  for (guint i = 0; i < n; i++)
    if (g_str_equal (nodes[i].title, title))
      return i;
  g_test_message ("no node \"%s\"", title);
  return HAT_NODE_NONE;
}

static const HatGraphLine *
find_line (HatGraphModel *model, guint from, guint to)
{
  guint n;
  const HatGraphLine *lines = hat_graph_model_lines (model, &n);

  for (guint i = 0; i < n; i++)
    if (lines[i].from == from && lines[i].to == to)
      return &lines[i];
  return NULL;
}

/* ---- what is shown ---- */

static void
assert_tree (HatGraphModel *model)
{
  guint n;
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);
  g_autoptr (GHashTable) blocks = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < n; i++)
    {
      if (nodes[i].parent == HAT_NODE_NONE)
        g_assert_cmpuint (nodes[i].depth, ==, 0);
      else
        {
          g_assert_cmpuint (nodes[i].parent, <, i);
          g_assert_cmpuint (nodes[i].depth, ==, nodes[nodes[i].parent].depth + 1);
          g_assert_cmpuint (hat_graph_model_end (model, nodes[i].parent), >, i);
        }
      g_assert_nonnull (nodes[i].title);
      for (guint32 k = 0; k < nodes[i].n_blocks; k++) /* each block once */
        g_assert_true (g_hash_table_add (blocks, GUINT_TO_POINTER (nodes[i].blocks[k])));
    }
}

static void
test_five (void)
{
  CASE (c, graph_of_five (c.fixture));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS);
  guint n, session = find_title (model, "session_new"), peer = find_title (model, "peer_new"), chip = find_title (model, "current");
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);
  const HatGraphLine *back = find_line (model, peer, session), *down = find_line (model, session, peer);

  assert_tree (model);
  g_assert_cmpuint (n, ==, 7);
  g_assert_cmpuint (nodes[session].parent, ==, chip);
  g_assert_true (find_line (model, chip, session)->is_root);
  g_assert_cmpuint (nodes[session].retained_bytes, ==, 96 + 24 + 48);
  g_assert_cmpuint (nodes[session].counts[HAT_STRENGTH_WEAK], ==, 1);
  g_assert_true (down->is_tree && down->strength == HAT_STRENGTH_STRONG && !down->is_certain && down->offset == 8);
  g_assert_true (!back->is_tree && back->strength == HAT_STRENGTH_WEAK);
}

static void
test_folds (void)
{
  CASE (c, graph_of_sessions (c.fixture, 60, 12));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS), unfolded = NULL, collapsed = NULL;
  guint n, sessions = find_title (model, "60 × session_new"), chain = find_title (model, "40 × list_push");
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);
  g_autoptr (GError) error = NULL;

  assert_tree (model);
  g_assert_cmpuint (nodes[sessions].n_blocks, ==, 60);
  g_assert_cmpuint (nodes[sessions].bytes, ==, 60 * 96);
  g_assert_cmpint (nodes[sessions].kind, ==, HAT_NODE_FOLD);
  g_assert_cmpuint (nodes[find_title (model, "60 × peer_new")].parent, ==, sessions);
  /* A list is one node, what its links own is another. */
  g_assert_cmpint (nodes[chain].kind, ==, HAT_NODE_CHAIN);
  g_assert_cmpuint (nodes[chain].bytes, ==, 40 * 40);
  g_assert_cmpuint (nodes[find_title (model, "40 × session_set_name")].parent, ==, chain);
  /* What is lost stands under chips that say so. */
  g_assert_true (nodes[find_title (model, "Lost in a cycle")].is_lost);
  g_assert_true (nodes[find_title (model, "Lost")].is_lost);

  unfolded = hat_graph_model_unfold (model, sessions, NULL, &error);
  g_assert_no_error (error);
  assert_tree (unfolded);
  nodes = hat_graph_model_nodes (unfolded, &n);
  g_assert_cmpuint (find_title (unfolded, "30 × session_new"), !=, HAT_NODE_NONE);
  g_assert_cmpint (nodes[find_title (unfolded, "session_new")].kind, ==, HAT_NODE_BLOCK);

  g_clear_pointer (&unfolded, hat_graph_model_unref);
  unfolded = hat_graph_model_unfold (model, chain, NULL, &error);
  g_assert_no_error (error);
  assert_tree (unfolded);
  g_assert_cmpuint (find_title (unfolded, "37 × list_push"), !=, HAT_NODE_NONE);

  collapsed = hat_graph_model_collapse (model, sessions);
  assert_tree (collapsed);
  nodes = hat_graph_model_nodes (collapsed, &n);
  g_assert_cmpuint (find_title (collapsed, "60 × peer_new"), ==, HAT_NODE_NONE);
  g_assert_true (nodes[find_title (collapsed, "60 × session_new")].has_more);
  g_clear_pointer (&unfolded, hat_graph_model_unref);
  unfolded = hat_graph_model_expand (collapsed, find_title (collapsed, "60 × session_new"), NULL, &error);
  assert_tree (unfolded);
  g_assert_cmpuint (find_title (unfolded, "60 × peer_new"), !=, HAT_NODE_NONE);
}

/* The biggest of what a long list holds are held by none of its first links: there is a pointer all the same. */
static void
test_long_list (void)
{
  CASE (c, graph_of_double_list (c.fixture, 300));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS);
  const HatGraphLine *line = find_line (model, find_title (model, "300 × list_push"), find_title (model, "300 × session_set_name"));

  g_assert_true (line->is_tree && line->n > 0 && line->strength == HAT_STRENGTH_STRONG);
}

/* Hundreds of roots' children: the biggest come first, the rest is one node that gives out the next. */
static void
test_never_a_hairball (void)
{
  g_auto (Case) c = { .fixture = graph_fixture_new () };
  g_autoptr (GError) error = NULL;
  guint n;

  for (guint i = 0; i < 200; i++)
    {
      guint32 block = graph_add_block (c.fixture, i % N_GRAPH_SITES, 5000 - i), child = graph_add_block (c.fixture, SITE_NAME, 50 + i);
      g_autofree char *name = g_strdup_printf ("global_%u", i);
      graph_add_edge (c.fixture, block, child);
      graph_add_edge (c.fixture, block, block ? block - 2 : 0); /* so that they cannot be folded by what they hold */
      graph_add_global (c.fixture, name, block);
      graph_add_global (c.fixture, name, child);
    }
  c.graph = graph_make (c.fixture);
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_REFERENCES, ROWS);
  assert_tree (model);
  hat_graph_model_nodes (model, &n);
  g_assert_cmpuint (n, <=, ROWS * 2 + 2 * HAT_NODE_CHILDREN);
  for (guint round = 0; round < 4; round++)
    {
      const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);
      guint biggest = HAT_NODE_NONE;
      for (guint i = 0; i < n; i++)
        if (nodes[i].has_more && (biggest == HAT_NODE_NONE || nodes[i].retained_bytes > nodes[biggest].retained_bytes))
          biggest = i;
      if (biggest == HAT_NODE_NONE)
        break;
      HatGraphModel *next = hat_graph_model_expand (model, biggest, NULL, &error);
      guint n_next;
      g_assert_no_error (error);
      assert_tree (next);
      hat_graph_model_nodes (next, &n_next);
      g_assert_cmpuint (n_next, <=, n + 2 * HAT_NODE_CHILDREN + 2);
      hat_graph_model_unref (model);
      model = next;
    }
}

static void
test_paths_and_focus (void)
{
  CASE (c, graph_of_double_list (c.fixture, 40));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS), paths = NULL, focus = NULL;
  g_autoptr (GError) error = NULL;
  guint32 name = hat_graph_n_blocks (c.graph) - 1;
  guint n, gap, chip;
  const HatGraphNode *nodes;

  paths = hat_graph_model_paths (model, name, NULL, &error);
  g_assert_no_error (error);
  assert_tree (paths);
  nodes = hat_graph_model_nodes (paths, &n);
  g_assert_cmpuint (nodes[0].blocks[0], ==, name);
  gap = find_title (paths, "29 more"); /* 41 blocks, 6 of them at either end */
  chip = find_title (paths, "the_list");
  g_assert_cmpint (nodes[gap].kind, ==, HAT_NODE_GAP);
  g_assert_cmpuint (chip, ==, n - 1);
  g_assert_true (find_line (paths, chip, nodes[chip].parent)->is_root);

  focus = hat_graph_model_focus (model, HAT_GRAPH_OWNERS, name, NULL, &error);
  g_assert_no_error (error);
  assert_tree (focus);
  g_assert_cmpuint (hat_graph_model_find (focus, name), !=, HAT_NODE_NONE);
  hat_graph_model_nodes (focus, &n);
  g_assert_cmpuint (n, <, 12);
}

/* A rule later nothing is closed that was open. */
static void
test_again (void)
{
  CASE (c, graph_of_sessions (c.fixture, 60, 12));
  g_autoptr (HatGraphModel) first = look (&c, HAT_GRAPH_OWNERS, 8), model = NULL, again = NULL;
  g_autoptr (HatGraph) graph = graph_make (c.fixture);
  g_autoptr (GError) error = NULL;
  guint n, n_again, n_first;
  const HatGraphNode *closed = hat_graph_model_nodes (first, &n_first);

  while (!closed->has_more || closed->n_blocks == 0)
    closed++;
  model = hat_graph_model_expand (first, closed - hat_graph_model_nodes (first, &n_first), NULL, &error);
  hat_graph_model_nodes (model, &n);
  g_assert_cmpuint (n, >, n_first);
  again = hat_graph_model_again (model, graph, 8, NULL, &error);
  g_assert_no_error (error);
  assert_tree (again);
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n), *others = hat_graph_model_nodes (again, &n_again);
  g_assert_true (hat_graph_model_graph (again) == graph);
  g_assert_cmpuint (n_again, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (others[i].title, ==, nodes[i].title);

  for (guint tree = 0; tree < 2; tree++)
    {
      g_autoptr (HatGraphModel) one = tree ? hat_graph_model_paths (model, 5, NULL, &error) : hat_graph_model_focus (model, HAT_GRAPH_OWNERS, 5, NULL, &error);
      g_autoptr (HatGraphModel) same = hat_graph_model_again (one, graph, 8, NULL, &error);
      hat_graph_model_nodes (one, &n);
      hat_graph_model_nodes (same, &n_again);
      g_assert_cmpuint (n_again, ==, n);
      g_assert_cmpuint (hat_graph_model_block (same), ==, 5);
      g_assert_cmpint (hat_graph_model_tree (same), ==, hat_graph_model_tree (one));
    }
}

static void
test_search (void)
{
  CASE (c, graph_of_five (c.fixture));
  HatGraphBlock block;

  hat_graph_block (c.graph, hat_graph_search (c.graph, "SESSION", HAT_GRAPH_NONE, NULL), &block);
  g_assert_cmpuint (block.size, ==, 96); /* the one that keeps most */
  hat_graph_block (c.graph, hat_graph_search (c.graph, "session", 2, NULL), &block);
  g_assert_cmpuint (block.size, ==, 24); /* the next one */
  g_autofree char *address = g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", block.address + 3);
  g_assert_cmpuint (hat_graph_search (c.graph, address, HAT_GRAPH_NONE, NULL), ==, 3);
  g_assert_cmpuint (hat_graph_search (c.graph, "no such thing", HAT_GRAPH_NONE, NULL), ==, HAT_GRAPH_NONE);
}

/* ---- where it is ---- */

static void
assert_layout (const HatGraphLayout *layout)
{
  guint n, n_lines;
  const HatGraphNode *nodes = hat_graph_model_nodes (layout->model, &n);
  const HatGraphLine *lines = hat_graph_model_lines (layout->model, &n_lines);
  gboolean is_mirrored = hat_graph_model_tree (layout->model) == HAT_GRAPH_PATHS;

  for (guint i = 0; i < n; i++)
    {
      const HatRect *a = &layout->rects[i];
      g_assert_cmpfloat (a->x, >=, -0.5);
      g_assert_cmpfloat (a->y, >=, -0.5);
      g_assert_cmpfloat (a->x + a->width, <=, layout->width + 0.5);
      g_assert_cmpfloat (a->y + a->height, <=, layout->height + 0.5);
      for (guint k = 0; k < i; k++)
        {
          const HatRect *b = &layout->rects[k];
          gboolean is_apart = a->x >= b->x + b->width - 0.1 || b->x >= a->x + a->width - 0.1 || a->y >= b->y + b->height + 5
                              || b->y >= a->y + a->height + 5;
          if (!is_apart)
            g_test_message ("%s over %s", nodes[i].title, nodes[k].title);
          g_assert_true (is_apart);
        }
      /* From left to right. */
      if (nodes[i].parent != HAT_NODE_NONE && !is_mirrored)
        g_assert_cmpfloat (a->x, >, layout->rects[nodes[i].parent].x + layout->rects[nodes[i].parent].width);
      else if (nodes[i].parent != HAT_NODE_NONE)
        g_assert_cmpfloat (a->x + a->width, <, layout->rects[nodes[i].parent].x);
    }
  for (guint size = 0; size < 3; size++)
    for (guint zoom = 0; zoom < 5; zoom++)
      {
        static const guint sizes[][2] = { { 2560, 1440 }, { 800, 600 }, { 200, 120 } };
        HatGraphStyle style = { .selected = HAT_NODE_NONE, .title = "picture" };
        HatGraphScene scene;

        hat_graph_scene_init (&scene, layout, &style, (HatGraphView){ zoom * 0.5, layout->width / 2, layout->height / 2 }, sizes[size][0],
                              sizes[size][1]);
        for (guint i = 0; i < n_lines; i++)
          {
            double p[8];
            HatRect from = hat_graph_scene_rect (&scene, lines[i].from), to = hat_graph_scene_rect (&scene, lines[i].to);
            if (!hat_graph_scene_curve (&scene, i, lines[i].from, p))
              continue;
            g_assert_cmpfloat (fabs (p[0] - CLAMP (p[0], from.x, from.x + from.width)), <, 6.01);
            g_assert_cmpfloat (fabs (p[1] - CLAMP (p[1], from.y, from.y + from.height)), <, 0.01);
            g_assert_cmpfloat (fabs (p[6] - CLAMP (p[6], to.x, to.x + to.width)), <, 6.01);
            g_assert_cmpfloat (fabs (p[7] - CLAMP (p[7], to.y, to.y + to.height)), <, 0.01);
          }
        for (guint i = 0; i < n; i++)
          {
            HatRect rect = hat_graph_scene_rect (&scene, i);
            double x = rect.x + rect.width / 2, y = rect.y + rect.height / 2;
            if (hat_rect_has (&scene.plot, x, y) && rect.height > 2)
              g_assert_cmpuint (hat_graph_scene_node_at (&scene, x, y), ==, i);
          }
      }
}

static void
test_layouts (void)
{
  CASE (five, graph_of_five (five.fixture));
  CASE (ring, graph_of_ring (ring.fixture, 5));
  CASE (list, graph_of_double_list (list.fixture, 20));
  CASE (all, graph_of_sessions (all.fixture, 60, 12));
  CASE (wide, graph_of_wide_tree (wide.fixture, 900));
  const Case *cases[] = { &five, &ring, &list, &all, &wide };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint tree = HAT_GRAPH_OWNERS; tree <= HAT_GRAPH_PATHS; tree++)
      for (guint by_dot = 0; by_dot < 2; by_dot++)
        {
          g_autoptr (HatGraphModel) model = look (cases[i], tree == HAT_GRAPH_PATHS ? HAT_GRAPH_OWNERS : tree, 200);
          g_autoptr (HatGraphLayout) layout = NULL;
          if (tree == HAT_GRAPH_PATHS)
            {
              HatGraphModel *paths = hat_graph_model_paths (model, hat_graph_n_blocks (cases[i]->graph) - 1, NULL, NULL);
              hat_graph_model_unref (model);
              model = paths;
            }
          layout = hat_graph_layout_new (model, by_dot ? NULL : "");
          g_test_message ("case %u, tree %u, dot %u: %s", i, tree, by_dot, layout->is_by_dot ? "by dot" : "our own");
          if (!by_dot)
            g_assert_false (layout->is_by_dot);
          assert_layout (layout);
        }
}

static void
test_rings (void)
{
  CASE (c, graph_of_ring (c.fixture, 5));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS);
  g_autoptr (HatGraphLayout) layout = hat_graph_layout_new (model, "");
  guint n, n_in = 0;
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);

  g_assert_cmpuint (layout->n_rings, ==, 1);
  g_assert_cmpstr (layout->rings[0].label, ==, "ring of 5 blocks, likely");
  for (guint i = 0; i < n; i++)
    n_in += nodes[i].n_blocks && nodes[i].cycle == layout->rings[0].cycle;
  g_assert_cmpuint (n_in, ==, 5);
}

/* One that says nothing is killed; one that says nonsense, or too much, is not believed. */
static void
test_dot (void)
{
  static const char *const scripts[] = { "exec sleep 600", "exec 1>&-; exec sleep 600", "echo graph 1 1 1; echo node 99 1 1 1 1",
                                         "echo graph 1 1 1; echo node 0 nan 1 1 1; echo stop", "exit 1", "kill -9 $$" };
  CASE (c, graph_of_five (c.fixture));
  CASE (big, graph_of_wide_tree (big.fixture, 1200));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS), many = look (&big, HAT_GRAPH_OWNERS, HAT_GRAPH_DOT_NODES + 40);
  g_autofree char *folder = g_dir_make_tmp ("heapatlas-dot-XXXXXX", NULL), *path = g_build_filename (folder, "dot", NULL),
                  *mark = g_build_filename (folder, "asked", NULL);
  HatGraphLayout *layout;
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (scripts); i++)
    {
      g_autofree char *script = g_strdup_printf ("#!/bin/sh\n%s\n", scripts[i]);
      g_assert_true (g_file_set_contents_full (path, script, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
      layout = hat_graph_layout_new (model, path);
      g_assert_false (layout->is_by_dot);
      assert_layout (layout);
      hat_graph_layout_free (layout);
    }
  layout = hat_graph_layout_new (model, "no-such-program-as-this");
  g_assert_false (layout->is_by_dot);
  hat_graph_layout_free (layout);

  /* Above the limit it is not even asked. */
  g_autofree char *script = g_strdup_printf ("#!/bin/sh\n: >%s\n", mark);
  g_assert_true (g_file_set_contents_full (path, script, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  hat_graph_model_nodes (many, &n);
  g_assert_cmpuint (n, >, HAT_GRAPH_DOT_NODES);
  layout = hat_graph_layout_new (many, path);
  g_assert_false (layout->is_by_dot);
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
  hat_graph_layout_free (layout);
  /* On a busy machine its time may be over before it has begun. */
  for (guint i = 0; i < 1000 && !g_file_test (mark, G_FILE_TEST_EXISTS); i++)
    hat_graph_layout_free (hat_graph_layout_new (model, path));
  g_assert_true (g_file_test (mark, G_FILE_TEST_EXISTS));
  g_unlink (mark);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_moving (void)
{
  CASE (c, graph_of_wide_tree (c.fixture, 900));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, 400);
  g_autoptr (HatGraphLayout) layout = hat_graph_layout_new (model, "");
  HatGraphStyle style = { .selected = HAT_NODE_NONE };
  HatGraphView view = { 0 };
  HatGraphScene scene;
  guint n;
  const HatGraphNode *nodes = hat_graph_model_nodes (model, &n);

  hat_graph_scene_init (&scene, layout, &style, view, 1280, 800);
  for (guint i = 0; i < n; i++) /* everything fits */
    {
      HatRect rect = hat_graph_scene_rect (&scene, i);
      g_assert_cmpfloat (rect.y, >=, scene.plot.y - 1);
      g_assert_cmpfloat (rect.y + rect.height, <=, scene.plot.y + scene.plot.height + 2);
    }
  for (guint step = 0; step < 60; step++) /* what is under the pointer stays there */
    {
      guint under = n / 2;
      HatRect before = hat_graph_scene_rect (&scene, under), after;
      double x = CLAMP (before.x + before.width / 2, 100, 1180), y = before.y + before.height / 2;
      view = hat_graph_scene_zoom (&scene, x, y, step < 30 ? 1 : -1);
      hat_graph_scene_init (&scene, layout, &style, view, 1280, 800);
      after = hat_graph_scene_rect (&scene, under);
      g_assert_true (step < 30 ? after.height >= before.height - 0.01 : after.height <= before.height + 0.01);
      if (step < 5)
        g_assert_cmpfloat (fabs (after.y + after.height / 2 - y), <, 1);
    }
  g_assert_cmpfloat (scene.view.zoom, ==, 0);
  view = hat_graph_scene_show (&scene, n - 1);
  hat_graph_scene_init (&scene, layout, &style, view, 1280, 800);
  HatRect shown = hat_graph_scene_rect (&scene, n - 1);
  g_assert_cmpfloat (shown.height, >=, 16);
  g_assert_true (hat_rect_has (&scene.plot, shown.x + 1, shown.y + 1));
  /* Arrows go along the tree and come back. */
  for (guint i = 1; i < n; i += 7)
    if (nodes[i].parent != HAT_NODE_NONE)
      g_assert_cmpfloat (layout->rects[hat_graph_scene_neighbour (&scene, i, -1, 0)].x, <, layout->rects[i].x);
  g_assert_cmpuint (hat_graph_scene_neighbour (&scene, HAT_NODE_NONE, 1, 0), ==, 0);
}

/* ---- painting ---- */

static void
test_paint (void)
{
  CASE (c, graph_of_sessions (c.fixture, 60, 12));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS);
  g_autoptr (HatGraphLayout) layout = hat_graph_layout_new (model, "");
  gsize bytes = 800 * 600 * 4;

  for (guint round = 0; round < 12; round++)
    {
      HatGraphStyle style = { .title = "picture", .selected = round % 3 ? 2 : HAT_NODE_NONE, .filter = round % 2 ? "session" : "" };
      cairo_surface_t *surfaces[2];
      HatGraphScene scene;
      HatPalette palette;
      guint n_painted = 0;

      hat_palette_init (&palette, round & 1, round & 2);
      hat_graph_scene_init (&scene, layout, &style, (HatGraphView){ round / 4.0, 100, 100 }, 800, 600);
      for (guint i = 0; i < 2; i++)
        {
          cairo_t *cr;
          surfaces[i] = cairo_image_surface_create (CAIRO_FORMAT_RGB24, 800, 600);
          cr = cairo_create (surfaces[i]);
          hat_graph_paint (&scene, &palette, cr);
          hat_graph_paint_overlay (&scene, &palette, 2, 0, cr);
          g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
          cairo_destroy (cr);
          cairo_surface_flush (surfaces[i]);
        }
      const guint32 *pixels = (const guint32 *) (gpointer) cairo_image_surface_get_data (surfaces[0]);
      g_assert_cmpmem (pixels, bytes, cairo_image_surface_get_data (surfaces[1]), bytes);
      for (guint i = 0; i < 800 * 600; i += 3)
        n_painted += pixels[i] != pixels[0];
      g_assert_cmpuint (n_painted, >, 4000);
      cairo_surface_destroy (surfaces[0]);
      cairo_surface_destroy (surfaces[1]);
    }
}

/* Text on the tints of leak classes stays readable, and classes are told apart. */
static void
test_classes (void)
{
  for (guint look_at = 0; look_at < 4; look_at++)
    {
      HatPalette palette;
      hat_palette_init (&palette, look_at & 1, look_at >> 1);
      for (guint i = 0; i < HAT_N_LEAK_CLASSES; i++)
        {
          HatColor color = hat_palette_swatch (&palette, HAT_SWATCH_CLASS + i), fill = hat_color_mix (palette.background, color, 0.17);
          g_assert_cmpfloat (hat_color_contrast (fill, palette.text), >=, 4.5);
          g_assert_cmpfloat (hat_color_contrast (fill, palette.dim_text), >=, 4.5);
          for (guint k = 0; k < i; k++)
            g_assert_true (fabs (palette.classes[k].red - color.red) + fabs (palette.classes[k].green - color.green)
                               + fabs (palette.classes[k].blue - color.blue) > 0.08);
        }
    }
}

static void
test_words (void)
{
  CASE (c, graph_of_sessions (c.fixture, 60, 12));
  g_autoptr (HatGraphModel) model = look (&c, HAT_GRAPH_OWNERS, ROWS);
  g_autofree char *summary = hat_graph_model_summary (model), *node = hat_graph_node_text (model, find_title (model, "cache_new"));
  guint n;

  g_test_message ("%s | %s", summary, node);
  g_assert_nonnull (strstr (summary, "tree of owners"));
  g_assert_nonnull (strstr (summary, "the biggest is cache_new"));
  g_assert_nonnull (strstr (node, "cache_new at 0x5555"));
  hat_graph_model_lines (model, &n);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *line = hat_graph_line_text (model, i);
      g_assert_cmpuint (strlen (line), >, 10);
    }
  hat_graph_model_nodes (model, &n);
  for (guint i = 0; i < n; i++)
    {
      g_auto (GStrv) facts = hat_graph_node_facts (model, i);
      g_autofree char *text = hat_graph_node_text (model, i);
      g_assert_nonnull (facts);
    }
}

/* One lost block among twenty that are held is seen at every zoom, and what is mostly lost is not made less. */
static void
test_lost_on_map (void)
{
  g_autoptr (GraphFixture) fixture = graph_fixture_new ();
  for (guint i = 0; i < 20000; i++)
    {
      const guint32 block = graph_add_block (fixture, i % N_GRAPH_SITES, 100);
      if (i % 20 && i < 15000)
        graph_add_global (fixture, "held", block);
    }
  g_autoptr (HatGraph) graph = graph_make (fixture);
  g_autoptr (HatColors) colors = hat_colors_new (fixture->heap);
  HatLive live = { .n = fixture->blocks->len, .blocks = (HatBlock *) fixture->blocks->data };
  g_autoptr (HatMapModel) model = hat_map_model_new (fixture->heap, &live, NULL);
  const HatMapStyle style = { .colors = colors, .by = HAT_BY_FUNCTION, .graph = graph, .isolated = -1 };
  const HatSwatch lost = HAT_SWATCH_CLASS + HAT_LEAK_DIRECT;
  static const guint widths[] = { 120, 300, 900, 2400 };

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    {
      g_autoptr (HatMapLayout) layout = hat_map_layout_new (model, &style, (HatMapView){ 0 }, widths[w], widths[w] * 0.6);
      guint n_seen = 0;
      for (guint i = 0; i < layout->n_cells; i++)
        {
          const HatMapCell *cell = &layout->cells[i];
          gboolean any = FALSE;
          for (guint k = 0; k < cell->n_blocks; k++)
            any |= hat_graph_leak_class (graph, (guint32) cell->first_block + k) == HAT_LEAK_DIRECT;
          g_assert_cmpint (any, ==, cell->swatch == lost || (cell->second == lost && cell->second_share >= 85));
          n_seen += any;
        }
      g_assert_cmpuint (n_seen, >, 0);
      if (layout->has_stripes && layout->legend.n > 0)
        g_assert_true (g_str_has_prefix (layout->legend.items[layout->legend.n - 1].label, "as a stripe"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph-picture/five", test_five);
  g_test_add_func ("/graph-picture/folds", test_folds);
  g_test_add_func ("/graph-picture/long-list", test_long_list);
  g_test_add_func ("/graph-picture/never-a-hairball", test_never_a_hairball);
  g_test_add_func ("/graph-picture/paths-and-focus", test_paths_and_focus);
  g_test_add_func ("/graph-picture/again", test_again);
  g_test_add_func ("/graph-picture/search", test_search);
  g_test_add_func ("/graph-picture/layouts", test_layouts);
  g_test_add_func ("/graph-picture/rings", test_rings);
  g_test_add_func ("/graph-picture/dot", test_dot);
  g_test_add_func ("/graph-picture/moving", test_moving);
  g_test_add_func ("/graph-picture/paint", test_paint);
  g_test_add_func ("/graph-picture/classes", test_classes);
  g_test_add_func ("/graph-picture/words", test_words);
  g_test_add_func ("/graph-picture/lost-on-map", test_lost_on_map);
  return g_test_run ();
}
