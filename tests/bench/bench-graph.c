/* SPDX-License-Identifier: Apache-2.0 */

/* What a look at an object graph costs: bench-graph [LOOKS]. 500 visible nodes into 1920 x 1080. A wide tree: everything at once, at half the
 * way to natural size, at natural size, where most have text; and rows of blocks that hold the next one, which all have text when everything is
 * seen at once. Prints the median milliseconds of CPU of a scene's making, a look-up under the pointer and the painting (goal: 16), and of the
 * layout by our own algorithm. */

#include <cairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/graph-fixture.h"
#include "ui/draw/graph-paint.h"

#define WIDTH 1920
#define HEIGHT 1080

static double
cpu_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec * 1e-6;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

static void
look (const HatGraphLayout *layout, double zoom, guint n_looks)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
  cairo_t *cr = cairo_create (surface);
  HatGraphStyle style = { .selected = HAT_NODE_NONE, .selected_block = HAT_GRAPH_NONE };
  g_autofree double *times = g_new (double, n_looks);
  HatPalette palette;
  guint n, n_visible = 0;

  hat_palette_init (&palette, FALSE, FALSE);
  for (guint i = 0; i < n_looks; i++)
    {
      const HatGraphView view = { zoom, layout->width / 2, layout->height / 2 + i };
      const double start = cpu_ms ();
      HatGraphScene scene;
      hat_graph_scene_init (&scene, layout, &style, view, WIDTH, HEIGHT);
      hat_graph_scene_node_at (&scene, WIDTH / 2, HEIGHT / 2);
      hat_graph_paint (&scene, &palette, cr);
      times[i] = cpu_ms () - start;
      n_visible = 0;
      hat_graph_model_nodes (layout->model, &n);
      for (guint node = 0; node < n; node++)
        {
          HatRect rect = hat_graph_scene_rect (&scene, node);
          n_visible += rect.y + rect.height > 0 && rect.y < HEIGHT && rect.x < WIDTH && rect.x + rect.width > 0;
        }
    }
  qsort (times, n_looks, sizeof *times, compare);
  printf ("zoom %.2f: %3u of %u nodes visible, %.2f ms\n", zoom, n_visible, n, times[n_looks / 2]);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
}

/* So many rows, so many blocks long, no block like the one before it; all of it open. */
static HatGraphModel *
model_of_rows (GraphFixture *fixture, guint n_rows, guint n_columns, HatColors **out_colors)
{
  for (guint row = 0; row < n_rows; row++)
    for (guint column = 0; column < n_columns; column++)
      {
        const guint32 block = graph_add_block (fixture, (row + column) % N_GRAPH_SITES, 2000 + row * 7 - column);
        g_autofree char *name = g_strdup_printf ("global_%u", row);
        if (column > 0)
          graph_add_edge (fixture, block - 1, block);
        else
          graph_add_global (fixture, name, block);
      }
  g_autoptr (HatGraph) graph = graph_make (fixture);
  HatColors *colors = *out_colors = hat_colors_new (fixture->heap);
  HatGraphModel *model = hat_graph_model_new (graph, colors, HAT_GRAPH_OWNERS, 400, NULL, NULL);
  for (guint n, i = 0; hat_graph_model_nodes (model, &n), i < n;)
    {
      const HatGraphNode *node = &hat_graph_model_nodes (model, &n)[i];
      HatGraphModel *more = hat_graph_node_is_foldable (node) ? hat_graph_model_unfold (model, i, NULL, NULL)
                            : node->has_more                  ? hat_graph_model_expand (model, i, NULL, NULL)
                                                              : NULL;
      if (more == NULL)
        {
          i++;
          continue;
        }
      hat_graph_model_unref (model);
      model = more;
    }
  return model;
}

int
main (int argc, char **argv)
{
  const guint n_looks = argc > 1 ? (guint) atoi (argv[1]) : 31;
  g_autoptr (GraphFixture) fixture = graph_fixture_new ();
  g_autoptr (HatGraph) graph = graph_of_wide_tree (fixture, 1200);
  g_autoptr (HatColors) colors = hat_colors_new (fixture->heap);
  g_autoptr (HatGraphModel) model = hat_graph_model_new (graph, colors, HAT_GRAPH_OWNERS, 400, NULL, NULL);
  g_autoptr (HatGraphLayout) layout = NULL;
  const double start = cpu_ms ();

  layout = hat_graph_layout_new (model, "");
  printf ("layout: %.2f ms\n", cpu_ms () - start);
  for (guint i = 0; i <= 4; i++)
    look (layout, i * 0.25, n_looks);

  g_autoptr (GraphFixture) rows = graph_fixture_new ();
  g_autoptr (HatColors) row_colors = NULL;
  g_autoptr (HatGraphModel) row_model = model_of_rows (rows, 48, 10, &row_colors);
  g_autoptr (HatGraphLayout) row_layout = hat_graph_layout_new (row_model, "");
  printf ("rows, all with text:\n");
  look (row_layout, 0, n_looks);
  return 0;
}
