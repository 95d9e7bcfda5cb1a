/* SPDX-License-Identifier: Apache-2.0 */

/* The leaks picture, painted. */

#include "ui/draw/leaks-paint.h"

#include "core/heap/estimate.h"
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

/* Columns: amount and count | badge, function, callers, why | when. */
static void
paint_row (const HatLeaksLayout *layout, const HatPalette *palette, HatText *text, const HatLeaksRow *row, cairo_t *cr)
{
  const HatRect *r = &row->rect;
  const HatCandidate *candidate = &layout->candidates->candidates[row->candidate];
  const double amount = candidate->bytes_variance > 0 ? 150 : 96;
  const double when = layout->width >= 760 ? 230 : layout->width >= 560 ? 150 : 0;
  const double left = r->x + 10 + amount + 12, middle = r->width - amount - when - 44, badge = 76;
  const HatColor color = candidate->leak_class == HAT_LEAK_REACHABLE ? palette->accent : palette->classes[candidate->leak_class];
  const HatRect picture = { r->x + r->width - when - 8, r->y + 6, when - 4, 18 };

  hat_paint_round (cr, palette->surface, *r, 6);
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ r->x + 10, r->y + 4, amount, 20 }, HAT_ALIGN_RIGHT, row->amount);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ r->x + 10, r->y + 23, amount, 18 }, HAT_ALIGN_RIGHT, row->count);
  hat_paint_round (cr, color, (HatRect){ left, r->y + 6, badge, 16 }, 4);
  hat_text_line (text, HAT_FONT_SMALL, hat_color_text_on (color), (HatRect){ left, r->y + 6, badge, 16 }, HAT_ALIGN_CENTER,
                 hat_candidate_badge (candidate));
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ left + badge + 8, r->y + 4, middle - badge - 8, 20 }, HAT_ALIGN_LEFT,
                 row->function);
  hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ left, r->y + 23, middle, 16 }, HAT_ALIGN_LEFT, candidate->why);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ left, r->y + 38, middle, 16 }, HAT_ALIGN_LEFT, row->callers);
  hat_paint_round (cr, palette->empty, (HatRect){ r->x + 10, r->y + r->height - 12, amount, 3 }, 1.5);
  hat_paint_round (cr, color, (HatRect){ r->x + 10, r->y + r->height - 12, MAX (amount * CLAMP (row->share, 0, 1), 2), 3 }, 1.5);
  if (when <= 0)
    return;
  if (candidate->growing)
    hat_leaks_paint_sparkline (candidate->growing->points, candidate->growing->n_points, color, picture, cr);
  else
    hat_leaks_paint_births (row->first, row->last, palette, picture, cr);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ picture.x, r->y + 28, when - 4, 16 }, HAT_ALIGN_RIGHT, row->when);
}

static void
paint_left_out (const HatLeaksLayout *layout, const HatPalette *palette, HatText *text)
{
  if (!layout->n_left_out)
    return;
  const HatRect *last = layout->n_rows ? &layout->rows[layout->n_rows - 1].rect : NULL;
  const double y = last ? last->y + last->height + 3 : layout->height - 22;
  g_autofree char *bytes = hat_format_bytes_within (layout->left_out_bytes, hat_error_of (layout->left_out_variance));
  g_autofree char *places = hat_format_count (layout->n_left_out), *label
      = g_strdup_printf ("and %s more place%s with %s", places, hat_plural (layout->n_left_out), bytes);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 16, y, layout->width - 32, 18 }, HAT_ALIGN_CENTER, label);
}

void
hat_leaks_paint (const HatLeaksLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);
  const HatCandidates *candidates = layout->candidates;
  const double y = layout->title ? 40 : 8;

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->title)
    hat_text_title (text, palette->text, layout->title_rect, layout->title);
  if (!candidates->n)
    {
      hat_paint_empty (text, palette, (HatRect){ 16, y, layout->width - 32, layout->height - y }, candidates->headline,
                       candidates->sentence);
      return;
    }
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ 16, y, layout->width - 32, 24 }, HAT_ALIGN_LEFT, candidates->headline);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 16, y + 22, layout->width - 32, 18 }, HAT_ALIGN_LEFT,
                 candidates->sentence);
  if (layout->width >= 560 && layout->n_rows)
    hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 16, y + 44, layout->width - 40, 18 }, HAT_ALIGN_RIGHT,
                   "when the blocks were allocated, over the life of the process");
  for (guint i = 0; i < layout->n_rows; i++)
    paint_row (layout, palette, text, &layout->rows[i], cr);
  paint_left_out (layout, palette, text);
}
