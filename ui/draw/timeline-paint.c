/* SPDX-License-Identifier: Apache-2.0 */

/* The timeline, painted. Everything is steps: no line ever joins two columns diagonally. */

#include "ui/draw/timeline-paint.h"

#include <math.h>

#include "core/heap/format.h"

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

static void
clip_to (cairo_t *cr, const HatRect *rect)
{
  cairo_save (cr);
  cairo_rectangle (cr, rect->x, rect->y, rect->width, rect->height);
  cairo_clip (cr);
}

static void
paint_axes (const HatTimelineLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatRect *plot = &layout->plot;
  double bottom = layout->rate.height > 0 ? layout->rate.y + layout->rate.height : plot->y + plot->height;

  for (guint i = 0; i < layout->n_y_ticks; i++)
    {
      double y = round (plot->y + plot->height - layout->y_ticks[i].position) + 0.5;
      hat_paint_line (cr, i ? palette->grid : palette->border, 1, plot->x, y, plot->x + plot->width, y);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ 2, y - 9, plot->x - 10, 18 },
                     HAT_ALIGN_RIGHT, layout->y_ticks[i].label);
    }
  for (guint i = 0; i < layout->n_x_ticks; i++)
    {
      double x = round (plot->x + layout->x_ticks[i].position) + 0.5;
      double width = hat_text_measure (text, HAT_FONT_SMALL, layout->x_ticks[i].label) + 1;
      double label = MIN (x - width / 2, layout->width - width - 3);
      hat_paint_line (cr, palette->grid, 1, x, plot->y, x, bottom + 4);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ label, bottom + 4, width, 18 },
                     HAT_ALIGN_LEFT, layout->x_ticks[i].label);
    }
}

/* ---- the plot ---- */

/* The outline of values over columns as steps, from left to right. */
typedef double (*ValueAt) (const HatTimelineLayout *layout, guint column, gconstpointer data);

static void
trace_steps (const HatTimelineLayout *layout, cairo_t *cr, gboolean is_continued, ValueAt value_at,
             gconstpointer data)
{
  double last_y = NAN;

  for (guint c = 0; c < layout->n_columns; c++)
    {
      const HatTimelineColumn *column = &layout->columns[c];
      double y = hat_timeline_layout_y (layout, value_at (layout, c, data));

      if (c == 0 && !is_continued)
        cairo_move_to (cr, column->x, y);
      else if (y != last_y)
        cairo_line_to (cr, column->x, y);
      /* One point per change keeps SVG and PDF small. */
      if (c + 1 == layout->n_columns || value_at (layout, c + 1, data) != value_at (layout, c, data))
        cairo_line_to (cr, column->x + column->width, y);
      last_y = y;
    }
}

static double
cumulated_at (const HatTimelineLayout *layout, guint column, gconstpointer data)
{
  return ((const double *) data)[column];
}

static double
last_at (const HatTimelineLayout *layout, guint column, gconstpointer data)
{
  return (double) layout->columns[column].last_bytes;
}

static double
rss_value_at (const HatTimelineLayout *layout, guint column, gconstpointer data)
{
  return (double) layout->columns[column].rss_bytes;
}

/* Areas from the top of the stack downwards, each down to zero: no seams, whatever the antialiasing does. */
static void
paint_bands (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  guint n = layout->n_columns;
  double base = layout->plot.y + layout->plot.height;
  double right = layout->plot.x + layout->plot.width;
  g_autofree double *sums = g_new0 (double, n + 1);
  HatColor edge = hat_color_fade (palette->background, 0.55);

  for (guint band = 0; band < layout->n_bands; band++)
    if (layout->input.isolated_band < 0 || layout->input.isolated_band == (gint) band)
      for (guint c = 0; c < n; c++)
        sums[c] += (double) layout->band_bytes[(gsize) band * n + c];

  for (guint i = layout->n_bands; i-- > 0;)
    {
      gint band = layout->stacking[i];
      if (layout->input.isolated_band >= 0 && layout->input.isolated_band != band)
        continue;
      cairo_move_to (cr, layout->plot.x, base);
      trace_steps (layout, cr, TRUE, cumulated_at, sums);
      cairo_line_to (cr, right, base);
      cairo_close_path (cr);
      set_color (cr, hat_palette_swatch (palette, layout->band_swatch[band]));
      cairo_fill (cr);
      trace_steps (layout, cr, FALSE, cumulated_at, sums);
      set_color (cr, edge);
      cairo_set_line_width (cr, 0.75);
      cairo_stroke (cr);
      for (guint c = 0; c < n; c++)
        sums[c] -= (double) layout->band_bytes[(gsize) band * n + c];
    }
}

static void
paint_plain_area (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  double base = layout->plot.y + layout->plot.height;

  cairo_move_to (cr, layout->plot.x, base);
  trace_steps (layout, cr, TRUE, last_at, NULL);
  cairo_line_to (cr, layout->plot.x + layout->plot.width, base);
  cairo_close_path (cr);
  set_color (cr, hat_color_fade (palette->categories[0], 0.45));
  cairo_fill (cr);
}

/* What happened between the ends of columns: from the lowest to the highest value of each. */
static void
paint_envelope (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  for (guint c = 0; c < layout->n_columns; c++)
    {
      const HatTimelineColumn *column = &layout->columns[c];
      double top = hat_timeline_layout_y (layout, (double) column->max_bytes);
      double bottom = hat_timeline_layout_y (layout, (double) column->min_bytes);
      if (bottom - top >= 0.5)
        cairo_rectangle (cr, column->x, top, MAX (column->width, 1), bottom - top);
    }
  set_color (cr, hat_color_fade (palette->total, 0.6));
  cairo_fill (cr);
}

static double
lowest_at (const HatTimelineLayout *layout, guint column, gconstpointer data)
{
  guint64 error, value = hat_timeline_layout_value (layout, column, layout->input.isolated_band, &error);
  return (double) (value - MIN (value, error));
}

/* Where the truth is in 95 of 100 recordings, around the total or the isolated band: a surface above and a line below, since the bands
 * must keep the colours of the legend. */
static void
paint_error (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  static const double dashes[] = { 4, 3 };

  if (!layout->input.timeline->errors)
    return;
  for (guint c = 0; c < layout->n_columns; c++)
    {
      const HatTimelineColumn *column = &layout->columns[c];
      guint64 error, value = hat_timeline_layout_value (layout, c, layout->input.isolated_band, &error);
      double top = hat_timeline_layout_y (layout, (double) value + (double) error);
      double bottom = hat_timeline_layout_y (layout, (double) value);
      if (bottom - top >= 0.5)
        cairo_rectangle (cr, column->x, top, MAX (column->width, 1), bottom - top);
    }
  set_color (cr, hat_color_fade (palette->total, 0.22));
  cairo_fill (cr);
  cairo_save (cr);
  cairo_set_dash (cr, dashes, 2, 0);
  trace_steps (layout, cr, FALSE, lowest_at, NULL);
  set_color (cr, palette->total);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
  cairo_restore (cr);
}

static void
paint_plot (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  clip_to (cr, &layout->plot);
  if (layout->n_bands)
    paint_bands (layout, palette, cr);
  else
    paint_plain_area (layout, palette, cr);
  paint_error (layout, palette, cr);
  if (layout->input.isolated_band < 0)
    {
      paint_envelope (layout, palette, cr);
      trace_steps (layout, cr, FALSE, last_at, NULL);
      set_color (cr, palette->total);
      cairo_set_line_width (cr, layout->is_compact ? 1 : 1.6);
      cairo_set_line_join (cr, CAIRO_LINE_JOIN_BEVEL);
      cairo_stroke (cr);
    }
  if (layout->is_rss_shown)
    {
      trace_steps (layout, cr, FALSE, rss_value_at, NULL);
      set_color (cr, palette->rss);
      cairo_set_line_width (cr, 1.2);
      cairo_stroke (cr);
    }
  cairo_restore (cr);
}

static void
paint_rate (const HatTimelineLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatRect *rate = &layout->rate;
  double bin_seconds = (double) (layout->input.timeline->range.to - layout->input.timeline->range.from) / 1e9
                       / MAX (layout->n_columns, 1);
  g_autofree char *per_second = NULL, *label = NULL;

  if (rate->height <= 0)
    return;
  for (guint c = 0; c < layout->n_columns; c++)
    {
      const HatTimelineColumn *column = &layout->columns[c];
      double height = layout->top_rate
                          ? (double) column->allocations / (double) layout->top_rate * (rate->height - 14)
                          : 0;
      if (column->allocations)
        cairo_rectangle (cr, column->x, rate->y + rate->height - MAX (height, 1), column->width, MAX (height, 1));
    }
  set_color (cr, hat_color_mix (palette->background, palette->dim_text, 0.6));
  cairo_fill (cr);
  hat_paint_line (cr, palette->border, 1, rate->x, rate->y + rate->height + 0.5, rate->x + rate->width,
                  rate->y + rate->height + 0.5);
  per_second = hat_format_count (bin_seconds > 0 ? (guint64) ((double) layout->top_rate / bin_seconds) : 0);
  label = g_strdup_printf ("allocations, up to %s%s/s", layout->input.timeline->errors ? "~" : "", per_second);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ rate->x + 4, rate->y - 5, rate->width - 8, 14 },
                 HAT_ALIGN_LEFT, label);
}

static void
paint_flags (const HatTimelineLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  static const double dashes[] = { 2, 3 };
  double bottom = layout->rate.height > 0 ? layout->rate.y + layout->rate.height
                                          : layout->plot.y + layout->plot.height;

  for (guint i = 0; i < layout->n_flags; i++)
    {
      const HatTimelineFlag *flag = &layout->flags[i];
      double x = round (flag->x) + 0.5, top = flag->rect.y + 2;
      gboolean is_left = flag->rect.x < flag->x - 1;

      cairo_save (cr);
      cairo_set_dash (cr, dashes, 2, 0);
      hat_paint_line (cr, hat_color_fade (palette->text, 0.6), 1, x, flag->rect.height > 0 ? top : layout->plot.y, x,
                      bottom);
      cairo_restore (cr);
      if (flag->rect.height <= 0)
        continue;
      cairo_move_to (cr, x, top);
      cairo_line_to (cr, is_left ? x - 8 : x + 8, top + 3.5);
      cairo_line_to (cr, x, top + 7);
      if (flag->snapshot) /* a diamond */
        cairo_line_to (cr, is_left ? x + 8 : x - 8, top + 3.5);
      cairo_close_path (cr);
      set_color (cr, palette->accent);
      cairo_fill (cr);
      if (flag->rect.width > 0)
        hat_text_line (text, HAT_FONT_SMALL, palette->text,
                       (HatRect){ flag->rect.x + (is_left ? 0 : 11), flag->rect.y - 2, flag->rect.width - 11, 14 },
                       is_left ? HAT_ALIGN_RIGHT : HAT_ALIGN_LEFT, flag->label);
    }
}

/* Told where it cannot be drawn, and there is no legend to tell it. */
static void
paint_hidden_rss (const HatTimelineLayout *layout, const HatPalette *palette, HatText *text)
{
  g_autofree char *bytes = hat_format_bytes (layout->top_rss), *label = NULL;
  HatRect rect = { layout->plot.x + 6, layout->plot.y + 1, layout->plot.width / 2 - 12, 16 };

  if (!layout->top_rss || layout->is_rss_shown || layout->is_compact || layout->legend.n >= 2 || layout->input.isolated_band >= 0 || layout->plot.height < 50)
    return;
  if (layout->peak_label.width > 0 && layout->peak_label.y < rect.y + rect.height && layout->peak_label.x < rect.x + rect.width)
    rect.x = layout->plot.x + layout->plot.width - rect.width - 6;
  label = g_strdup_printf ("RSS up to %s: off the scale", bytes);
  hat_text_line (text, HAT_FONT_SMALL, palette->rss, rect, rect.x > layout->plot.x + 6 ? HAT_ALIGN_RIGHT : HAT_ALIGN_LEFT, label);
}

static void
paint_peak (const HatTimelineLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  HatRect label;

  if (!layout->peak_text || layout->peak_label.width <= 0)
    return;
  cairo_arc (cr, layout->peak_x, layout->peak_y, 3.2, 0, 2 * G_PI);
  set_color (cr, palette->background);
  cairo_fill_preserve (cr);
  set_color (cr, palette->text);
  cairo_set_line_width (cr, 1.4);
  cairo_stroke (cr);
  label = layout->peak_label;
  label.width = MIN (label.width, hat_text_measure (text, HAT_FONT_SMALL, layout->peak_text) + 10);
  if (layout->peak_label.x < layout->peak_x)
    label.x += layout->peak_label.width - label.width;
  hat_paint_round (cr, hat_color_fade (palette->background, 0.85), label, 4);
  hat_text_line (text, HAT_FONT_SMALL, palette->text, label, HAT_ALIGN_CENTER, layout->peak_text);
}

void
hat_timeline_paint (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->input.title && !layout->is_compact)
    hat_text_title (text, palette->text, layout->title, layout->input.title);
  if (!layout->input.timeline->peak_bytes && !layout->top_rate)
    {
      hat_paint_empty (text, palette, layout->plot, "No live memory here",
                       "The program allocated nothing in this range.");
      return;
    }
  paint_axes (layout, palette, text, cr);
  paint_plot (layout, palette, cr);
  paint_rate (layout, palette, text, cr);
  paint_flags (layout, palette, text, cr);
  paint_hidden_rss (layout, palette, text);
  paint_peak (layout, palette, text, cr);
  hat_paint_legend (cr, text, palette, &layout->legend, -1);
}

/* ---- overlay ---- */

/* Pales everything but the band, which keeps its colour. */
static void
paint_highlight (const HatTimelineLayout *layout, const HatPalette *palette, guint highlight, cairo_t *cr)
{
  guint n = layout->n_columns;

  cairo_save (cr);
  cairo_set_fill_rule (cr, CAIRO_FILL_RULE_EVEN_ODD);
  cairo_rectangle (cr, layout->plot.x, layout->plot.y, layout->plot.width, layout->plot.height);
  for (guint c = 0; c < n; c++)
    {
      const HatTimelineColumn *column = &layout->columns[c];
      double below = 0, own = (double) layout->band_bytes[(gsize) highlight * n + c];
      for (guint i = 0; layout->stacking[i] != highlight && layout->input.isolated_band < 0; i++)
        below += (double) layout->band_bytes[(gsize) layout->stacking[i] * n + c];
      if (own > 0)
        {
          double top = hat_timeline_layout_y (layout, below + own);
          cairo_rectangle (cr, column->x, top, column->width, hat_timeline_layout_y (layout, below) - top);
        }
    }
  set_color (cr, hat_color_fade (palette->background, 0.7));
  cairo_fill (cr);
  cairo_restore (cr);
}

void
hat_timeline_paint_overlay (const HatTimelineLayout *layout, const HatPalette *palette,
                            const HatTimelineOverlay *overlay, cairo_t *cr)
{
  HatRect area = layout->plot;
  double x;

  if (layout->rate.height > 0)
    area.height = layout->rate.y + layout->rate.height - area.y;
  clip_to (cr, &area);
  if (overlay->highlight_band >= 0 && overlay->highlight_band < (gint) layout->n_bands)
    paint_highlight (layout, palette, overlay->highlight_band, cr);
  if (overlay->selected.to > overlay->selected.from)
    {
      double from = hat_timeline_layout_x (layout, overlay->selected.from),
             to = hat_timeline_layout_x (layout, overlay->selected.to);
      from = MAX (from, area.x - 2);
      to = MIN (to, area.x + area.width + 2);
      hat_paint_fill (cr, hat_color_fade (palette->accent, 0.2), (HatRect){ from, area.y, to - from, area.height });
      hat_paint_line (cr, palette->accent, 1, from, area.y, from, area.y + area.height);
      hat_paint_line (cr, palette->accent, 1, to, area.y, to, area.y + area.height);
    }
  if (overlay->hover_x >= 0)
    {
      x = round (overlay->hover_x) + 0.5;
      hat_paint_line (cr, hat_color_fade (palette->text, 0.5), 1, x, area.y, x, area.y + area.height);
    }
  if (overlay->cursor_ns >= 0)
    {
      x = round (hat_timeline_layout_x (layout, overlay->cursor_ns)) + 0.5;
      hat_paint_line (cr, hat_color_fade (palette->background, 0.7), 4, x, area.y, x, area.y + area.height);
      hat_paint_line (cr, palette->accent, 2, x, area.y, x, area.y + area.height);
    }
  cairo_restore (cr);
}
