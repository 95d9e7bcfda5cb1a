/* SPDX-License-Identifier: Apache-2.0 */

/* The flame graph's arithmetic: row by row from the zoom root, so that only nodes that are drawn are ever visited. */

#include "ui/draw/flame-layout.h"

#include <math.h>
#include <string.h>

#include "core/heap/format.h"

#define EDGE 16.0
#define ROW 20.0
#define MIN_ROW 16.0
#define MAX_ROW 34.0
#define MIN_WIDTH 0.5

typedef struct
{
  HatFlameLayout *layout;
  GArray *boxes;
  const char *needle; /* casefolded, or NULL */
  double y;
} Builder;

/* Without case; names may come from files that are not valid UTF-8. */
static char *
fold (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  return g_utf8_casefold (valid, -1);
}

static gboolean
contains (const char *haystack, const char *needle)
{
  g_autofree char *folded = haystack ? fold (haystack) : NULL;

  return folded && strstr (folded, needle) != NULL;
}

static gboolean
is_match (const Builder *builder, guint node)
{
  const HatTreeNode *n = &builder->layout->input.tree->nodes[node];

  return builder->needle && node != 0
         && (contains (n->function, builder->needle) || contains (n->module, builder->needle));
}

static void
append_box (Builder *builder, guint node, guint n_merged, double x, double width, gboolean is_ancestor)
{
  HatFlameLayout *layout = builder->layout;
  const HatTreeNode *n = &layout->input.tree->nodes[node];
  HatFlameBox box = {
    { x, builder->y, width, layout->row_height - 1 }, node, n_merged, HAT_SWATCH_OTHER, FALSE, is_ancestor
  };

  /* A function has its colour where most of what is below it is its own doing, not where it mainly calls others. */
  if (n_merged == 1 && node != 0 && layout->input.colors)
    {
      HatSwatch own = hat_colors_function (layout->input.colors, n->function);
      if (own == hat_colors_stack (layout->input.colors, HAT_BY_FUNCTION, n->example))
        box.swatch = own;
    }
  box.is_match = n_merged == 1 && is_match (builder, node);
  g_array_append_val (builder->boxes, box);
}

/* The children of a box: each as wide as its cost; what is too narrow to see is one box at the end (children come
 * biggest first, so all of those stand together). */
static void
append_children (Builder *builder, const HatFlameBox *parent)
{
  const HatTree *tree = builder->layout->input.tree;
  const HatTreeNode *node = &tree->nodes[parent->node];
  double per_cost = node->cost ? parent->rect.width / (double) node->cost : 0, x = parent->rect.x;

  for (guint i = 0; i < node->n_children; i++)
    {
      guint child = node->first_child + i;
      double width = (double) tree->nodes[child].cost * per_cost;

      if (width < MIN_WIDTH)
        {
          double rest = 0;
          for (guint k = i; k < node->n_children; k++)
            rest += (double) tree->nodes[node->first_child + k].cost * per_cost;
          if (rest >= MIN_WIDTH)
            append_box (builder, child, node->n_children - i, x, rest, FALSE);
          return;
        }
      append_box (builder, child, 1, x, width, FALSE);
      x += width;
    }
}

static void
append_rows (Builder *builder)
{
  HatFlameLayout *layout = builder->layout;
  guint row_start, row_end;

  for (guint i = 0; i + 1 < layout->n_crumbs; i++)
    {
      append_box (builder, layout->crumbs[i], 1, layout->plot.x, layout->plot.width, TRUE);
      builder->y += layout->row_height;
    }
  row_start = builder->boxes->len;
  append_box (builder, layout->input.root, 1, layout->plot.x, layout->plot.width, FALSE);
  while ((row_end = builder->boxes->len) > row_start)
    {
      builder->y += layout->row_height;
      for (guint i = row_start; i < row_end; i++)
        {
          HatFlameBox parent = g_array_index (builder->boxes, HatFlameBox, i);
          if (parent.n_merged == 1)
            append_children (builder, &parent);
        }
      row_start = row_end;
    }
}

/* A finished picture uses the height it has: tall rows for a shallow tree, low ones for a deep one. */
static void
stretch_rows (Builder *builder)
{
  HatFlameLayout *layout = builder->layout;
  double height = builder->y - layout->plot.y,
         taller = CLAMP (floor (layout->row_height * layout->plot.height / height), MIN_ROW, MAX_ROW);

  for (guint i = 0; i < builder->boxes->len; i++)
    {
      HatRect *rect = &g_array_index (builder->boxes, HatFlameBox, i).rect;
      rect->y = layout->plot.y + (rect->y - layout->plot.y) * taller / layout->row_height;
      rect->height = taller - 1;
    }
  builder->y = layout->plot.y + height * taller / layout->row_height;
  layout->row_height = taller;
}

/* Parents come before children in the array, so one pass tells whether an ancestor matched already. */
static void
count_matches (Builder *builder)
{
  HatFlameLayout *layout = builder->layout;
  const HatTree *tree = layout->input.tree;
  g_autofree guint8 *is_inside = g_new0 (guint8, tree->n + 1);
  GHashTable *known; /* function + module -> matched? Names repeat a lot in a tree. */

  if (!builder->needle)
    return;
  known = g_hash_table_new (g_direct_hash, g_direct_equal);
  for (guint i = 1; i < tree->n; i++)
    {
      gpointer key = (gpointer) tree->nodes[i].function, found;
      gboolean matches;

      if (g_hash_table_lookup_extended (known, key, NULL, &found) && !GPOINTER_TO_INT (found))
        matches = contains (tree->nodes[i].module, builder->needle);
      else
        {
          matches = is_match (builder, i);
          g_hash_table_insert (known, key, GINT_TO_POINTER (matches));
        }
      is_inside[i] = is_inside[tree->nodes[i].parent];
      if (!matches)
        continue;
      layout->n_matches++;
      if (!is_inside[i])
        {
          layout->match_cost += tree->nodes[i].cost;
          layout->match_variance += tree->variances ? tree->variances[i].costs[tree->cost] : 0;
        }
      is_inside[i] = TRUE;
    }
  g_hash_table_unref (known);
}

static void
fill_crumbs (HatFlameLayout *layout)
{
  const HatTree *tree = layout->input.tree;
  guint node;

  for (node = layout->input.root, layout->n_crumbs = 1; node != 0; node = tree->nodes[node].parent)
    layout->n_crumbs++;
  layout->crumbs = g_new (guint, layout->n_crumbs);
  node = layout->input.root;
  for (guint i = layout->n_crumbs; i-- > 0; node = tree->nodes[node].parent)
    layout->crumbs[i] = node;
}

static void
place_legend (HatFlameLayout *layout, HatRect area)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (HatLegendItem));
  double widths[HAT_N_CATEGORIES + 1] = { 0 };

  for (guint i = 0; i < layout->n_boxes; i++)
    if (layout->boxes[i].swatch <= HAT_SWATCH_OTHER && layout->boxes[i].node != 0)
      widths[layout->boxes[i].swatch] += layout->boxes[i].rect.width;
  for (guint s = 0; s < HAT_SWATCH_OTHER; s++)
    {
      HatLegendItem item = { .swatch = s, .key = s };
      if (widths[s] < 2 || !layout->input.colors)
        continue;
      item.label = hat_colors_label (layout->input.colors, HAT_BY_FUNCTION, s);
      g_array_append_val (items, item);
    }
  hat_legend_place (&layout->legend, items, area);
}

HatFlameLayout *
hat_flame_layout_new (const HatFlameInput *input, double width, double height)
{
  HatFlameLayout *layout = g_new0 (HatFlameLayout, 1);
  g_autofree char *needle = input->search && input->search[0] ? fold (input->search) : NULL;
  Builder builder = { .layout = layout, .needle = needle };
  double legend_height = input->has_legend && height >= 160 ? 26 : 0;

  layout->input = *input;
  layout->width = width;
  layout->height = height;
  layout->row_height = ROW;
  layout->plot = (HatRect){ input->title ? EDGE : 2, input->title ? 40 : 2, 0, 0 };
  layout->plot.width = MAX (width - 2 * layout->plot.x, 16);
  layout->plot.height = MAX (height - layout->plot.y - legend_height, 8);
  if (input->title)
    layout->title = (HatRect){ EDGE, 6, width - 2 * EDGE, 28 };
  if (!input->tree->n)
    return layout;
  if (layout->input.root >= input->tree->n)
    layout->input.root = 0;
  layout->total = input->tree->nodes[layout->input.root].cost;
  fill_crumbs (layout);
  if (!layout->total)
    return layout;

  builder.boxes = g_array_new (FALSE, FALSE, sizeof (HatFlameBox));
  builder.y = layout->plot.y - MAX (input->scroll_px, 0);
  append_rows (&builder);
  if (input->title)
    stretch_rows (&builder);
  count_matches (&builder);
  layout->content_height = builder.y - layout->plot.y + MAX (input->scroll_px, 0);
  layout->n_boxes = builder.boxes->len;
  layout->boxes = (HatFlameBox *) g_array_free (builder.boxes, FALSE);
  if (legend_height > 0)
    place_legend (layout, (HatRect){ EDGE, height - 22, width - 2 * EDGE, 18 });
  return layout;
}

void
hat_flame_layout_free (HatFlameLayout *layout)
{
  if (!layout)
    return;
  g_free (layout->boxes);
  g_free (layout->crumbs);
  hat_legend_clear (&layout->legend);
  g_free (layout);
}

gint
hat_flame_layout_hit (const HatFlameLayout *layout, double x, double y)
{
  guint low = 0, high = layout->n_boxes;

  if (!hat_rect_has (&layout->plot, x, y))
    return -1;
  /* Boxes are ordered by row, then by x: the last one that begins at or before the point. */
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const HatRect *rect = &layout->boxes[middle].rect;
      gboolean is_before = rect->y + layout->row_height <= y || (rect->y <= y && rect->x <= x);
      if (is_before)
        low = middle + 1;
      else
        high = middle;
    }
  if (!low)
    return -1;
  return x < layout->boxes[low - 1].rect.x + layout->boxes[low - 1].rect.width
                 && y < layout->boxes[low - 1].rect.y + layout->row_height
             ? (gint) low - 1
             : -1;
}

gint
hat_flame_layout_find (const HatFlameLayout *layout, guint node)
{
  for (guint i = 0; i < layout->n_boxes; i++)
    if (layout->boxes[i].node == node && layout->boxes[i].n_merged == 1)
      return i;
  return -1;
}

char *
hat_flame_cost_text (HatCost cost, guint64 value, guint64 error)
{
  g_autofree char *count = NULL;

  if (hat_cost_is_bytes (cost))
    return hat_format_bytes_within (value, error);
  count = hat_format_count_within (value, error);
  return g_strdup_printf ("%s %s%s", count, cost == HAT_COST_TEMPORARY ? "temporary allocation" : "allocation",
                          value == 1 ? "" : "s");
}

char *
hat_flame_box_text (const HatFlameLayout *layout, guint box)
{
  const HatTree *tree = layout->input.tree;
  const HatFlameBox *b = &layout->boxes[box];
  const HatTreeNode *node = &tree->nodes[b->node];
  g_autofree char *cost = NULL, *self = NULL, *place = NULL, *base = NULL;
  double all = (double) MAX (tree->nodes[0].cost, 1);

  if (b->n_merged > 1)
    {
      guint64 sum = 0;
      double variance = 0;
      for (guint i = b->node; i < b->node + b->n_merged; i++)
        {
          sum += tree->nodes[i].cost;
          variance += tree->variances ? tree->variances[i].costs[tree->cost] : 0;
        }
      cost = hat_flame_cost_text (tree->cost, sum, hat_error_of (variance));
      return g_strdup_printf ("%u functions, too narrow to show: %s, %.2f %% of all", b->n_merged, cost,
                              100 * (double) sum / all);
    }
  cost = hat_flame_cost_text (tree->cost, node->cost, hat_tree_error (tree, b->node, tree->cost));
  if (b->node == 0)
    return g_strdup_printf ("everything: %s", cost);
  self = hat_flame_cost_text (tree->cost, node->self, hat_tree_self_error (tree, b->node));
  if (node->file)
    {
      base = g_path_get_basename (node->file);
      place = node->line ? g_strdup_printf (" (%s:%u)", base, node->line) : g_strdup_printf (" (%s)", base);
    }
  return g_strdup_printf ("%s%s%s: %s, %.1f %% of all, %s of its own", node->function, place ? place : "",
                          node->is_inline ? ", inlined" : "", cost, 100 * (double) node->cost / all, self);
}

char *
hat_flame_summary (const HatTree *tree)
{
  g_autofree char *cost = NULL, *top = NULL;
  const HatTreeNode *child;

  if (!tree->n || !tree->nodes[0].cost)
    return g_strdup_printf ("Flame graph: no %s cost in this range.", hat_cost_name (tree->cost));
  cost = hat_flame_cost_text (tree->cost, tree->nodes[0].cost, hat_tree_error (tree, 0, tree->cost));
  if (!tree->nodes[0].n_children)
    return g_strdup_printf ("Flame graph of %s: %s.", hat_cost_name (tree->cost), cost);
  child = &tree->nodes[tree->nodes[0].first_child];
  top = hat_flame_cost_text (tree->cost, child->cost, hat_tree_error (tree, tree->nodes[0].first_child, tree->cost));
  return g_strdup_printf ("Flame graph of %s cost: %s in all, most of it below %s with %s.",
                          hat_cost_name (tree->cost), cost, child->function, top);
}
