/* SPDX-License-Identifier: Apache-2.0
 * layout-values TRACE: what the pictures of the first process say, read back from where their layouts put it, as JSON. */
#include <stdio.h>

#include "ui/draw/flame-layout.h"
#include "ui/draw/sizes-layout.h"
#include "ui/draw/timeline-layout.h"

enum
{
  WIDTH = 1600,
  HEIGHT = 12000, /* a pixel is little */
};

/* Live bytes at the right end, and how far its error band reaches up. */
static void
print_timeline (HatHeap *heap, HatRange range)
{
  g_autoptr (HatTimeline) timeline
      = hat_heap_timeline (heap, range, hat_timeline_layout_bins (WIDTH, HEIGHT), HAT_BY_FUNCTION, NULL, NULL);
  const HatTimelineInput input = { .timeline = timeline, .isolated_band = -1 };
  g_autoptr (HatTimelineLayout) layout = hat_timeline_layout_new (&input, WIDTH, HEIGHT);
  guint64 error, value = hat_timeline_layout_value (layout, layout->n_columns - 1, -1, &error);
  g_autofree char *text = NULL;
  HatTimelineHit hit;

  hat_timeline_layout_hit (layout, layout->plot.x + layout->plot.width - 1, layout->plot.y + layout->plot.height / 2, &hit);
  text = hat_timeline_hit_text (layout, &hit);
  printf ("\"live_bytes\": [%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT "], \"hover\": \"%s\", \"top\": %.0f", value, error, text, layout->top_bytes);
}

/* A box's width is its share of everything's. */
static double
width_of (const HatFlameLayout *layout, const char *function)
{
  double width = 0;

  for (guint i = 0; i < layout->n_boxes; i++)
    if (layout->boxes[i].n_merged == 1 && g_str_equal (layout->input.tree->nodes[layout->boxes[i].node].function, function))
      width += layout->boxes[i].rect.width;
  return width / layout->plot.width;
}

static void
print_flame (HatHeap *heap, const HatSites *sites, HatCost cost, const char *name)
{
  g_autoptr (HatTree) tree = hat_tree_new (hat_heap_trace (heap), sites, HAT_TREE_TOP_DOWN, cost, NULL, NULL);
  const HatFlameInput input = { .tree = tree, .selected = G_MAXUINT };
  g_autoptr (HatFlameLayout) layout = hat_flame_layout_new (&input, WIDTH, HEIGHT);
  double share = width_of (layout, "own_blocks") + width_of (layout, "own_growth");
  g_autofree char *text = hat_flame_box_text (layout, 0);

  printf (", \"%s\": [%.0f, %" G_GUINT64_FORMAT "], \"%s_box\": \"%s\"", name, share * (double) layout->total, hat_tree_error (tree, 0, cost),
          name, text);
}

/* The heights of all columns together, and the error that their bars make together. */
static void
print_panel (const HatSizesPanel *panel, const char *name)
{
  const HatTick *top = &panel->ticks[panel->n_ticks - 1];
  double bottom = panel->plot.y + panel->plot.height, per_px = top->value / top->position, sum = 0, squares = 0;

  for (guint i = 0; i < panel->n_bars; i++)
    {
      double value = panel->bars[i].rect.height * per_px, high = (bottom - panel->bars[i].high_y) * per_px;
      sum += value;
      squares += (high - value) * (high - value);
    }
  printf (", \"%s\": [%.0f, %.0f]", name, sum, squares); /* the error's square: python has the root */
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = argc == 2 ? hat_trace_open (argv[1], NULL, &error) : NULL;
  g_autoptr (HatHeap) heap = trace ? hat_heap_new (trace, 0, NULL, &error) : NULL;
  if (heap == NULL)
    g_error ("%s", error ? error->message : "layout-values TRACE");
  const HatRange range = { hat_heap_start (heap), hat_heap_end (heap) };
  g_autoptr (HatSites) sites = hat_heap_sites (heap, range, NULL, NULL);
  g_autofree HatSizes *sizes = hat_heap_sizes (heap, range, NULL, NULL);
  g_autoptr (HatSizesLayout) layout = hat_sizes_layout_new (sizes, NULL, WIDTH, HEIGHT);

  printf ("{\"nameless\": %g, ", hat_heap_nameless (heap));
  print_timeline (heap, range);
  print_flame (heap, sites, HAT_COST_ALLOCATED, "bytes_allocated");
  print_flame (heap, sites, HAT_COST_LIVE, "own_live_bytes");
  print_panel (&layout->panels[HAT_SIZES_ALLOCATIONS], "allocations");
  print_panel (&layout->panels[HAT_SIZES_LIFETIMES], "lifetimes");
  printf ("}\n");
  return 0;
}
