/* SPDX-License-Identifier: Apache-2.0 */

/* The flame graph, painted. Functions that allocate much have the colour they have everywhere; those that only call
 * them are neutral, in shades by name so that neighbours differ. */

#include "ui/draw/flame-paint.h"

#include <math.h>

#include "core/heap/format.h"

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

static HatColor
box_color (const HatFlameLayout *layout, const HatPalette *palette, const HatFlameBox *box)
{
  const HatTreeNode *node = &layout->input.tree->nodes[box->node];
  gboolean is_searching = layout->input.search && layout->input.search[0];
  HatColor color;

  if (box->node == 0 || box->n_merged > 1)
    color = hat_color_mix (palette->background, palette->categories[HAT_SWATCH_OTHER],
                           box->n_merged > 1 ? 0.45 : 0.35);
  else
    {
      double shade = (double) (g_str_hash (node->function) % 7) / 6;
      color = hat_palette_swatch (palette, box->swatch);
      if (box->swatch == HAT_SWATCH_OTHER)
        color = hat_color_mix (palette->background, hat_color_mix (palette->accent, color, 0.55), 0.2 + 0.22 * shade);
      else
        color = hat_color_mix (color, palette->background, 0.12);
    }
  if (box->is_match)
    return hat_color_mix (palette->warning, palette->background, 0.15);
  if (box->is_ancestor || is_searching)
    color = hat_color_mix (color, palette->background, 0.6);
  return color;
}

static void
paint_box (const HatFlameLayout *layout, const HatPalette *palette, HatText *text, const HatFlameBox *box,
           cairo_t *cr)
{
  HatRect rect = box->rect;
  HatColor color = box_color (layout, palette, box);
  const HatTreeNode *node = &layout->input.tree->nodes[box->node];
  g_autofree char *label = NULL;

  if (rect.width >= 3)
    rect.width -= 1;
  hat_paint_fill (cr, color, rect);
  if (box->node == layout->input.selected && box->n_merged == 1)
    {
      cairo_rectangle (cr, rect.x + 1, rect.y + 1, MAX (rect.width - 2, 1), rect.height - 2);
      set_color (cr, palette->text);
      cairo_set_line_width (cr, 2);
      cairo_stroke (cr);
    }
  if (rect.width < 26 || box->n_merged > 1)
    return;
  label = box->node == 0 ? hat_flame_box_text (layout, (guint) (box - layout->boxes))
                         : hat_format_function (node->function, (guint) MAX (rect.width / 5, 28));
  if (box->node != 0 && hat_text_measure (text, HAT_FONT_SMALL, label) > rect.width - 6)
    {
      /* Of many scopes only the beginning would be left. */
      g_free (label);
      label = hat_format_function (hat_function_tail (node->function), (guint) MAX (rect.width / 5, 28));
    }
  hat_text_line (text, HAT_FONT_SMALL, hat_color_text_on (color),
                 (HatRect){ rect.x + 4, rect.y, rect.width - 6, rect.height }, HAT_ALIGN_LEFT, label);
}

static void
paint_more_below (const HatFlameLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  double bottom = layout->plot.y + layout->plot.height;
  double hidden = layout->plot.y - layout->input.scroll_px + layout->content_height - bottom;
  g_autofree char *label = NULL;
  HatRect rect = { layout->plot.x, bottom - 18, layout->plot.width, 18 };

  /* The window scrolls; a finished picture says what it leaves out. */
  if (hidden < layout->row_height || !layout->input.title)
    return;
  label = g_strdup_printf ("%.0f more levels below", ceil (hidden / layout->row_height) + 1);
  hat_paint_fill (cr, hat_color_fade (palette->background, 0.9), rect);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, rect, HAT_ALIGN_CENTER, label);
}

void
hat_flame_paint (const HatFlameLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->input.title)
    hat_text_title (text, palette->text, layout->title, layout->input.title);
  if (!layout->n_boxes && layout->input.tree->variances && layout->input.tree->cost == HAT_COST_TEMPORARY)
    {
      hat_paint_empty (text, palette, layout->plot, "Not known of a sample",
                       "Whether a block was freed at once shows only where every block is recorded.");
      return;
    }
  if (!layout->n_boxes)
    {
      hat_paint_empty (text, palette, layout->plot, "No cost here",
                       "Nothing in this range has this cost: choose another range or cost.");
      return;
    }
  cairo_save (cr);
  cairo_rectangle (cr, 0, layout->plot.y, layout->width, layout->plot.height);
  cairo_clip (cr);
  for (guint i = 0; i < layout->n_boxes; i++)
    {
      const HatFlameBox *box = &layout->boxes[i];
      if (box->rect.y + box->rect.height >= layout->plot.y && box->rect.y < layout->plot.y + layout->plot.height)
        paint_box (layout, palette, text, box, cr);
    }
  paint_more_below (layout, palette, text, cr);
  cairo_restore (cr);
  hat_paint_legend (cr, text, palette, &layout->legend, -1);
}

void
hat_flame_paint_overlay (const HatFlameLayout *layout, const HatPalette *palette, gint hovered_box, cairo_t *cr)
{
  const HatRect *rect;

  if (hovered_box < 0 || hovered_box >= (gint) layout->n_boxes)
    return;
  rect = &layout->boxes[hovered_box].rect;
  cairo_save (cr);
  cairo_rectangle (cr, layout->plot.x, layout->plot.y, layout->plot.width, layout->plot.height);
  cairo_clip (cr);
  cairo_rectangle (cr, rect->x + 0.75, rect->y + 0.75, MAX (rect->width - 2.5, 1), rect->height - 1.5);
  set_color (cr, palette->text);
  cairo_set_line_width (cr, 1.5);
  cairo_stroke (cr);
  cairo_restore (cr);
}

typedef struct
{
  const HatGroup *group;
  guint64 cost;
} TableRow;

static gint
compare_rows (gconstpointer a, gconstpointer b)
{
  const TableRow *x = a, *y = b;

  return x->cost > y->cost ? -1 : x->cost < y->cost;
}

void
hat_flame_paint_table (const HatGroups *groups, HatCost cost, HatColors *colors, const HatPalette *palette,
                       HatRect rect, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (TableRow));
  double y = rect.y + 28, height = 32, total = 0;

  for (guint i = 0; i < groups->n; i++)
    {
      TableRow row = { &groups->groups[i], hat_site_cost (&groups->groups[i].costs, cost) };
      total += (double) row.cost;
      if (row.cost)
        g_array_append_val (rows, row);
    }
  g_array_sort (rows, compare_rows);
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ rect.x, rect.y, rect.width, 22 }, HAT_ALIGN_LEFT,
                 "Who allocates it");
  for (guint i = 0; i < rows->len && y + height <= rect.y + rect.height; i++, y += height)
    {
      const TableRow *row = &g_array_index (rows, TableRow, i);
      g_autofree char *name = hat_format_function (row->group->label, 40);
      guint64 error = hat_error_of (hat_site_cost_variance (&row->group->variance, cost));
      g_autofree char *amount = hat_cost_is_bytes (cost) ? hat_format_bytes_within (row->cost, error)
                                                         : hat_format_count_within (row->cost, error);
      double used = MAX (hat_text_measure (text, HAT_FONT_SMALL, amount) + 1, 72);
      HatColor color = hat_palette_swatch (palette, hat_colors_function (colors, row->group->label));

      hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ rect.x, y, rect.width - used - 4, 18 },
                     HAT_ALIGN_LEFT, name);
      hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ rect.x + rect.width - used, y, used, 18 },
                     HAT_ALIGN_RIGHT, amount);
      hat_paint_round (cr, palette->empty, (HatRect){ rect.x, y + 20, rect.width, 5 }, 2.5);
      hat_paint_round (cr, color, (HatRect){ rect.x, y + 20, rect.width * (double) row->cost / total, 5 }, 2.5);
    }
}
