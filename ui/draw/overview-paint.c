/* SPDX-License-Identifier: Apache-2.0 */

/* The overview, painted. */

#include "ui/draw/overview-paint.h"

#include <math.h>

#include "core/heap/format.h"
#include "ui/draw/leaks-paint.h"

#define PART_ROW 19.0

static guint64
highest (const guint64 *points, guint n)
{
  guint64 top = 0;

  for (guint i = 0; i < n; i++)
    top = MAX (top, points[i]);
  return top;
}

static void
paint_steps (cairo_t *cr, const guint64 *points, guint n, guint64 top, HatColor color, HatRect rect)
{
  for (guint i = 0; i < n; i++)
    {
      double y = rect.y + rect.height - (double) points[i] / (double) MAX (top, 1) * rect.height;
      if (i == 0)
        cairo_move_to (cr, rect.x, y);
      else
        cairo_line_to (cr, rect.x + i * rect.width / n, y);
      cairo_line_to (cr, rect.x + (i + 1) * rect.width / n, y);
    }
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
  cairo_set_line_width (cr, 1.4);
  cairo_stroke (cr);
}

#define AXIS_HEIGHT 16

/* Time below, the highest value above; returns the room for the line. */
static HatRect
paint_axes (const HatCard *card, guint64 top, const HatPalette *palette, HatText *text, HatRect rect, cairo_t *cr)
{
  g_autofree char *from = hat_format_time (card->range.from), *to = hat_format_time (card->range.to), *most = hat_format_bytes (top);
  HatRect plot = { rect.x, rect.y + AXIS_HEIGHT, rect.width, rect.height - 2 * AXIS_HEIGHT };
  HatRect below = { rect.x, plot.y + plot.height + 2, rect.width, AXIS_HEIGHT - 2 };

  if (rect.height < 4 * AXIS_HEIGHT)
    return rect;
  hat_paint_line (cr, palette->border, 1, plot.x, plot.y + plot.height + 0.5, plot.x + plot.width, plot.y + plot.height + 0.5);
  hat_paint_line (cr, palette->border, 1, plot.x, plot.y + 0.5, plot.x + plot.width, plot.y + 0.5);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, below, HAT_ALIGN_LEFT, from);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, below, HAT_ALIGN_RIGHT, to);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ plot.x, rect.y, plot.width, 14 }, HAT_ALIGN_LEFT, most);
  return plot;
}

static void
paint_line (const HatCard *card, const HatPalette *palette, HatText *text, HatRect rect, cairo_t *cr)
{
  HatColor color = card->kind == HAT_CARD_GROWING ? palette->warning : palette->categories[0];
  guint64 top = MAX (highest (card->points, card->n_points), card->points2 ? highest (card->points2, card->n_points) : 0);

  if (card->points2)
    {
      rect.width -= 52;
      rect = paint_axes (card, top, palette, text, rect, cr);
      rect.width += 52;
      HatRect plot = { rect.x, rect.y + 2, rect.width - 52, rect.height - 4 };
      double heap = (double) card->points[card->n_points - 1] / (double) MAX (top, 1);
      double resident = (double) card->points2[card->n_points - 1] / (double) MAX (top, 1);
      double y1 = plot.y + plot.height * (1 - resident) - 8, y2 = plot.y + plot.height * (1 - heap) - 8;

      paint_steps (cr, card->points, card->n_points, top, color, plot);
      paint_steps (cr, card->points2, card->n_points, top, palette->rss, plot);
      if (fabs (y1 - y2) < 14)
        y1 = y2 - 14;
      hat_text_line (text, HAT_FONT_SMALL, palette->rss,
                     (HatRect){ plot.x + plot.width + 6, MAX (y1, rect.y - 6), 46, 16 }, HAT_ALIGN_LEFT, "RSS");
      hat_text_line (text, HAT_FONT_SMALL, palette->text,
                     (HatRect){ plot.x + plot.width + 6, MIN (y2, rect.y + rect.height - 14), 46, 16 },
                     HAT_ALIGN_LEFT, "heap");
      return;
    }
  rect = paint_axes (card, top, palette, text, rect, cr);
  hat_leaks_paint_sparkline (card->points, card->n_points, color, rect, cr);
  if (card->marked_point >= 0)
    {
      double x = rect.x + (card->marked_point + 0.5) * rect.width / card->n_points;
      hat_paint_line (cr, hat_color_fade (palette->text, 0.6), 1, x, rect.y, x, rect.y + rect.height);
      hat_paint_round (cr, palette->text, (HatRect){ x - 3, rect.y - 1, 6, 6 }, 3);
    }
}

/* Bars with the name in front and the amount behind, as many as have room. */
static void
paint_parts (const HatCard *card, const HatPalette *palette, HatText *text, HatRect rect, cairo_t *cr)
{
  HatColor color = card->is_warning ? palette->warning : palette->accent;
  guint n = rect.height > 0 ? MIN (card->n_parts, (guint) (rect.height / PART_ROW)) : 0;

  for (guint i = 0; i < n; i++)
    {
      HatRect row = { rect.x, rect.y + i * PART_ROW, rect.width, PART_ROW - 2 };
      hat_paint_round (cr, palette->empty, row, 3);
      hat_paint_round (cr, hat_color_fade (color, 0.32),
                       (HatRect){ row.x, row.y, MAX (row.width * MIN (card->parts[i].share, 1), 2), row.height }, 3);
      double used = MAX (hat_text_measure (text, HAT_FONT_SMALL, card->parts[i].detail) + 1, 70);
      hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ row.x + 6, row.y, row.width - used - 14, row.height },
                     HAT_ALIGN_LEFT, card->parts[i].label);
      hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ row.x + row.width - used - 6, row.y, used, row.height },
                     HAT_ALIGN_RIGHT, card->parts[i].detail);
    }
}

static void
paint_picture (const HatCard *card, const HatPalette *palette, HatText *text, HatRect rect, cairo_t *cr)
{
  if (rect.width < 40 || rect.height < 10)
    return;
  if (card->share >= 0)
    {
      HatRect bar = { rect.x, rect.y, rect.width, 10 };
      hat_paint_round (cr, palette->empty, bar, 5);
      bar.width = card->share > 0 ? MAX (bar.width * MIN (card->share, 1), 4) : 0;
      hat_paint_round (cr, card->is_warning ? palette->warning : palette->accent, bar, 5);
      paint_parts (card, palette, text, (HatRect){ rect.x, rect.y + 20, rect.width, rect.height - 20 }, cr);
    }
  else if (card->n_points && card->n_parts)
    {
      double half = rect.width >= 420 ? floor (rect.width * 0.52) : 0;
      if (half > 0)
        paint_line (card, palette, text, (HatRect){ rect.x, rect.y, half - 20, rect.height }, cr);
      paint_parts (card, palette, text, (HatRect){ rect.x + half, rect.y, rect.width - half, rect.height }, cr);
    }
  else if (card->n_points && rect.height >= 16)
    paint_line (card, palette, text, rect, cr);
  else if (card->n_parts)
    paint_parts (card, palette, text, rect, cr);
}

void
hat_overview_paint_card (const HatCard *card, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);

  paint_picture (card, palette, text, rect, cr);
}

static void
paint_card (const HatCard *card, const HatPalette *palette, HatText *text, HatRect rect, cairo_t *cr)
{
  HatRect inside = { rect.x + 14, rect.y + 9, rect.width - 28, rect.height - 20 };
  HatColor number = card->is_warning ? palette->warning : palette->text;
  double used;

  hat_paint_round (cr, palette->surface, rect, 9);
  cairo_save (cr);
  cairo_rectangle (cr, rect.x, rect.y, rect.width, rect.height);
  cairo_clip (cr);
  if (inside.height < 84)
    {
      /* Small: title and number share a line, then as much of the sentence as there is room for. */
      used = hat_text_line (text, HAT_FONT_BOLD, number,
                            inside.height < 18 ? inside : (HatRect){ inside.x, inside.y, inside.width, 18 },
                            HAT_ALIGN_RIGHT, card->number);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text,
                     (HatRect){ inside.x, inside.y, inside.width - used - 10, 18 }, HAT_ALIGN_LEFT, card->title);
      hat_text_wrap (text, HAT_FONT_SMALL, palette->text,
                     (HatRect){ inside.x, inside.y + 21, inside.width, inside.height - 19 }, HAT_ALIGN_LEFT, card->sentence);
      cairo_restore (cr);
      return;
    }
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ inside.x, inside.y, inside.width, 18 },
                 HAT_ALIGN_LEFT, card->title);
  hat_text_line (text, HAT_FONT_NUMBER, number, (HatRect){ inside.x, inside.y + 18, inside.width, 32 },
                 HAT_ALIGN_LEFT, card->number);
  used = 54
         + hat_text_wrap (text, HAT_FONT_NORMAL, palette->text,
                          (HatRect){ inside.x, inside.y + 54, inside.width, MIN (inside.height - 54, 56) },
                          HAT_ALIGN_LEFT, card->sentence);
  inside.y += used + 10;
  inside.height -= used + 10;
  paint_picture (card, palette, text, inside, cr);
  cairo_restore (cr);
}

void
hat_overview_paint (const HatOverviewLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);
  const HatRect *title = &layout->title;

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  hat_text_line (text, HAT_FONT_TITLE, palette->text, (HatRect){ title->x, title->y, title->width, 26 },
                 HAT_ALIGN_LEFT, layout->overview->title);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ title->x, title->y + 27, title->width, 18 },
                 HAT_ALIGN_LEFT, layout->overview->subtitle);
  if (layout->overview->nothing)
    hat_paint_empty (text, palette, (HatRect){ 0, 62, layout->width, layout->height - 62 }, "No allocations", layout->overview->nothing);
  for (guint i = 0; i < layout->n_rects; i++)
    paint_card (&layout->overview->cards[i], palette, text, layout->rects[i], cr);
}
