/* SPDX-License-Identifier: Apache-2.0 */

/* The size and lifetime histograms, painted. */

#include "ui/draw/sizes-paint.h"

#include <math.h>

#include "core/heap/format.h"

static HatColor
panel_color (const HatPalette *palette, HatSizesPanelKind kind)
{
  return palette->categories[kind == HAT_SIZES_LIVE ? 2 : kind == HAT_SIZES_LIFETIMES ? 3 : 0];
}

/* From the lowest to the highest that the column may be, with caps. */
static void
paint_error_bar (const HatSizesBar *bar, const HatPalette *palette, cairo_t *cr)
{
  double x = round (bar->rect.x + bar->rect.width / 2) + 0.5, cap = MIN (4, bar->rect.width / 3);
  double low = round (bar->low_y) - 0.5, high = round (bar->high_y) + 0.5;

  if (bar->low_y - bar->high_y < 1)
    return;
  hat_paint_line (cr, palette->text, 1, x, low, x, high);
  hat_paint_line (cr, palette->text, 1, x - cap, high, x + cap, high);
  hat_paint_line (cr, palette->text, 1, x - cap, low, x + cap, low);
}

static void
paint_histogram (const HatSizesPanel *panel, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatRect *plot = &panel->plot;
  HatColor color = panel_color (palette, panel->kind);
  double bottom = plot->y + plot->height;

  for (guint i = 0; i < panel->n_ticks; i++)
    {
      double y = round (bottom - panel->ticks[i].position) + 0.5;
      hat_paint_line (cr, i ? palette->grid : palette->border, 1, plot->x, y, plot->x + plot->width, y);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ panel->rect.x + 2, y - 9, 50, 18 },
                     HAT_ALIGN_RIGHT, panel->ticks[i].label);
    }
  for (guint i = 0; i < panel->n_bars; i++)
    {
      const HatSizesBar *bar = &panel->bars[i];
      if (bar->behind.height > 0)
        hat_paint_fill (cr, hat_color_mix (palette->surface, color, 0.4), bar->behind);
      if (bar->rect.height > 0)
        hat_paint_fill (cr, color, bar->rect);
      paint_error_bar (bar, palette, cr);
      if (bar->label)
        hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ bar->label_x - 40, bottom + 3, 80, 16 },
                       HAT_ALIGN_CENTER, bar->label);
    }
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ plot->x, bottom + 19, plot->width, 16 },
                 HAT_ALIGN_CENTER, panel->x_unit);
}

static void
paint_row (HatText *text, HatColor color, HatFont font, HatRect rect, const char *size, const char *count,
           const char *live)
{
  /* Estimates are long. */
  double first = rect.width * 0.2, second = rect.width * 0.42, third = rect.width - first - second;

  hat_text_line (text, font, color, (HatRect){ rect.x, rect.y, first, rect.height }, HAT_ALIGN_RIGHT, size);
  hat_text_line (text, font, color, (HatRect){ rect.x + first + 6, rect.y, second - 6, rect.height }, HAT_ALIGN_RIGHT, count);
  hat_text_line (text, font, color, (HatRect){ rect.x + rect.width - third + 6, rect.y, third - 6, rect.height }, HAT_ALIGN_RIGHT, live);
}

static void
paint_common (const HatSizesPanel *panel, const HatSizes *sizes, const HatPalette *palette, HatText *text,
              cairo_t *cr)
{
  paint_row (text, palette->dim_text, HAT_FONT_SMALL,
             (HatRect){ panel->rect.x + 16, panel->rect.y + 46, panel->rect.width - 32, 18 }, "size", "asked for",
             "live blocks");
  for (guint i = 0; i < panel->n_bars; i++)
    {
      const HatRect *rect = &panel->bars[i].rect;
      guint k = panel->bars[i].index;
      g_autofree char *size = hat_format_bytes (sizes->common[k].size),
                      *count = hat_format_count_within (sizes->common[k].allocations, sizes->common[k].allocations_error);
      g_autofree char *live = hat_format_count_within (sizes->common[k].live_blocks, sizes->common[k].live_blocks_error);
      double share = sizes->common[0].allocations
                         ? (double) sizes->common[k].allocations / (double) sizes->common[0].allocations
                         : 0;

      hat_paint_round (cr, hat_color_fade (panel_color (palette, panel->kind), 0.28),
                       (HatRect){ rect->x, rect->y + 2, MAX (rect->width * MIN (share, 1), 2), rect->height - 4 }, 3);
      paint_row (text, palette->text, HAT_FONT_SMALL, *rect, size, count, live);
    }
}

void
hat_sizes_paint (const HatSizesLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->title_text)
    hat_text_title (text, palette->text, layout->title, layout->title_text);
  if (!layout->n_panels)
    hat_paint_empty (text, palette, (HatRect){ 0, 40, layout->width, layout->height - 40 }, "No allocations here",
                     "The program allocated nothing in this range.");
  for (guint p = 0; p < layout->n_panels; p++)
    {
      const HatSizesPanel *panel = &layout->panels[p];
      const HatRect *r = &panel->rect;

      hat_paint_round (cr, palette->surface, *r, 8);
      hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ r->x + 14, r->y + 6, r->width - 28, 20 },
                     HAT_ALIGN_LEFT, panel->title);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ r->x + 14, r->y + 25, r->width - 28, 16 },
                     HAT_ALIGN_LEFT, panel->subtitle);
      if (panel->kind == HAT_SIZES_COMMON)
        paint_common (panel, layout->sizes, palette, text, cr);
      else if (panel->plot.height > 40 && panel->n_bars)
        paint_histogram (panel, palette, text, cr);
      if (panel->y_unit && r->width > 420)
        hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ r->x + 200, r->y + 7, r->width - 214, 18 },
                       HAT_ALIGN_RIGHT, panel->y_unit);
    }
}

void
hat_sizes_paint_overlay (const HatSizesLayout *layout, const HatPalette *palette, HatSizesHit hovered, cairo_t *cr)
{
  const HatSizesPanel *panel;
  HatRect rect;

  if (hovered.panel < 0 || hovered.bar < 0 || hovered.panel >= (gint) layout->n_panels)
    return;
  panel = &layout->panels[hovered.panel];
  rect = panel->bars[hovered.bar].rect;
  if (panel->kind != HAT_SIZES_COMMON)
    rect = (HatRect){ rect.x, panel->plot.y, rect.width, panel->plot.height };
  hat_paint_round (cr, hat_color_fade (palette->text, 0.12), rect, 2);
}
