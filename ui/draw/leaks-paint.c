/* SPDX-License-Identifier: Apache-2.0 */

/* The leaks picture, painted. */

#include "ui/draw/leaks-paint.h"

#include "core/heap/format.h"

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

void
hat_leaks_paint_births (double first, double last, const HatPalette *palette, HatRect rect, cairo_t *cr)
{
  double middle = rect.y + rect.height / 2, from = rect.x + first * (rect.width - 4),
         to = rect.x + 4 + last * (rect.width - 4);

  hat_paint_round (cr, palette->empty, (HatRect){ rect.x, middle - 2, rect.width, 4 }, 2);
  hat_paint_round (cr, palette->warning, (HatRect){ from, middle - 3, MAX (to - from, 4), 6 }, 3);
}

void
hat_leaks_paint_sparkline (const guint64 *points, guint n, HatColor color, HatRect rect, cairo_t *cr)
{
  guint64 top = 1;
  double step = n > 1 ? rect.width / n : rect.width, bottom = rect.y + rect.height;

  if (!n)
    return;
  for (guint i = 0; i < n; i++)
    top = MAX (top, points[i]);
  for (guint pass = 0; pass < 2; pass++)
    {
      if (pass == 0)
        cairo_move_to (cr, rect.x, bottom);
      for (guint i = 0; i < n; i++)
        {
          double y = bottom - (double) points[i] / (double) top * (rect.height - 1.5);
          if (pass == 1 && i == 0)
            cairo_move_to (cr, rect.x, y);
          else
            cairo_line_to (cr, rect.x + i * step, y);
          cairo_line_to (cr, rect.x + (i + 1) * step, y);
        }
      if (pass == 0)
        {
          cairo_line_to (cr, rect.x + rect.width, bottom);
          cairo_close_path (cr);
          set_color (cr, hat_color_fade (color, 0.25));
          cairo_fill (cr);
        }
      else
        {
          set_color (cr, color);
          cairo_set_line_width (cr, 1.4);
          cairo_stroke (cr);
        }
    }
}

/* Columns: amount and count | bar, function and callers | when. */
static void
paint_row (const HatLeaksLayout *layout, const HatPalette *palette, HatText *text, const HatLeaksRow *row,
           cairo_t *cr)
{
  const HatRect *r = &row->rect;
  double amount = layout->input.is_sample ? 150 : 96, when = layout->width >= 760 ? 230 : layout->width >= 560 ? 150 : 0;
  double left = r->x + 10 + amount + 12, middle = r->width - amount - when - 44;
  HatColor color = row->growing >= 0 ? palette->accent : palette->warning;
  HatRect picture = { r->x + r->width - when - 8, r->y + 4, when, 16 };

  hat_paint_round (cr, palette->surface, *r, 6);
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ r->x + 10, r->y + 2, amount, 20 }, HAT_ALIGN_RIGHT,
                 row->amount);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ r->x + 10, r->y + 21, amount, 18 },
                 HAT_ALIGN_RIGHT, row->count);
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ left, r->y + 2, middle, 20 }, HAT_ALIGN_LEFT,
                 row->function);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ left, r->y + 20, middle, 16 }, HAT_ALIGN_LEFT,
                 row->stack);
  hat_paint_round (cr, palette->empty, (HatRect){ left, r->y + r->height - 5, middle, 3 }, 1.5);
  hat_paint_round (cr, color, (HatRect){ left, r->y + r->height - 5, MAX (middle * CLAMP (row->share, 0, 1), 2), 3 },
                   1.5);
  if (when <= 0)
    return;
  if (row->growing >= 0)
    {
      const HatGrowingSite *site = &layout->input.growing->sites[row->growing];
      hat_leaks_paint_sparkline (site->points, site->n_points, color, (HatRect){ picture.x, picture.y, when - 4, 18 },
                                 cr);
    }
  else
    hat_leaks_paint_births (row->first, row->last, palette, picture, cr);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ picture.x, r->y + 22, when - 4, 16 },
                 HAT_ALIGN_RIGHT, row->when);
}

static void
paint_left_out (const HatLeaksLayout *layout, const HatPalette *palette, HatText *text)
{
  double y = layout->height - 22;
  g_autofree char *bytes = NULL, *label = NULL;

  if (!layout->n_left_out)
    return;
  for (guint i = 0; i < layout->n_rows; i++)
    if (layout->rows[i].unfreed >= 0)
      y = layout->rows[i].rect.y + layout->rows[i].rect.height + 3;
  bytes = hat_format_bytes_within (layout->left_out_bytes, hat_error_of (layout->left_out_variance));
  label = g_strdup_printf ("and %u more place%s with %s", layout->n_left_out, layout->n_left_out == 1 ? "" : "s",
                           bytes);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 16, y, layout->width - 32, 18 },
                 HAT_ALIGN_CENTER, label);
}

void
hat_leaks_paint (const HatLeaksLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);
  double y = layout->input.title ? 40 : 8;

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->input.title)
    hat_text_line (text, HAT_FONT_TITLE, palette->text, layout->title, HAT_ALIGN_LEFT, layout->input.title);
  if (!layout->n_rows && !layout->input.unfreed->n)
    {
      hat_paint_empty (text, palette, (HatRect){ 16, y, layout->width - 32, layout->height - y }, layout->headline,
                       layout->sentence);
      return;
    }
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ 16, y, layout->width - 32, 24 }, HAT_ALIGN_LEFT,
                 layout->headline);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 16, y + 22, layout->width - 32, 18 },
                 HAT_ALIGN_LEFT, layout->sentence);
  if (layout->width >= 560 && layout->n_rows)
    hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 16, y + 44, layout->width - 40, 18 },
                   HAT_ALIGN_RIGHT, "when the blocks were allocated, over the life of the process");
  for (guint i = 0; i < layout->n_rows; i++)
    paint_row (layout, palette, text, &layout->rows[i], cr);
  if (layout->growing_title.height > 0)
    hat_text_line (text, HAT_FONT_BOLD, palette->text, layout->growing_title, HAT_ALIGN_LEFT, "Kept growing");
  paint_left_out (layout, palette, text);
}
