/* SPDX-License-Identifier: Apache-2.0 */

/* Text through pango, and the simple shapes. */

#include "ui/draw/text.h"

#include <math.h>
#include <pango/pangocairo.h>

#define N_FONTS 5

struct _HatText
{
  cairo_t *cr;
  PangoLayout *layout;
  HatFont font; /* of the layout's text */
  PangoFontDescription *fonts[N_FONTS];
};

HatText *
hat_text_new (cairo_t *cr)
{
  static const struct
  {
    double size_px;
    PangoWeight weight;
  } looks[N_FONTS] = {
    [HAT_FONT_SMALL] = { 11, PANGO_WEIGHT_NORMAL }, [HAT_FONT_NORMAL] = { 13, PANGO_WEIGHT_NORMAL },
    [HAT_FONT_BOLD] = { 13, PANGO_WEIGHT_BOLD },    [HAT_FONT_TITLE] = { 18, PANGO_WEIGHT_BOLD },
    [HAT_FONT_NUMBER] = { 25, PANGO_WEIGHT_BOLD },
  };
  HatText *text = g_new0 (HatText, 1);
  PangoAttrList *attributes = pango_attr_list_new ();
  cairo_font_options_t *options = cairo_font_options_create ();

  text->cr = cr;
  text->layout = pango_cairo_create_layout (cr);
  pango_context_set_round_glyph_positions (pango_layout_get_context (text->layout), FALSE);
  pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
  pango_layout_set_attributes (text->layout, attributes);
  pango_attr_list_unref (attributes);
  /* Whole pixel metrics would make widths differ between PNG, SVG and scaled windows. */
  cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options (pango_layout_get_context (text->layout), options);
  cairo_font_options_destroy (options);
  pango_layout_context_changed (text->layout);
  for (guint i = 0; i < N_FONTS; i++)
    {
      text->fonts[i] = pango_font_description_from_string ("Cantarell, Sans");
      pango_font_description_set_absolute_size (text->fonts[i], looks[i].size_px * PANGO_SCALE);
      pango_font_description_set_weight (text->fonts[i], looks[i].weight);
    }
  return text;
}

void
hat_text_free (HatText *text)
{
  if (!text)
    return;
  for (guint i = 0; i < N_FONTS; i++)
    pango_font_description_free (text->fonts[i]);
  g_object_unref (text->layout);
  g_free (text);
}

/* Names come from files of others: pango wants valid UTF-8. */
static void
set_text (HatText *text, HatFont font, const char *string)
{
  pango_layout_set_ellipsize (text->layout, PANGO_ELLIPSIZE_NONE);
  if (font == text->font && g_strcmp0 (pango_layout_get_text (text->layout), string) == 0)
    return; /* just measured: to shape it takes longer than to draw it */
  text->font = font;
  pango_layout_set_font_description (text->layout, text->fonts[font]);
  if (g_utf8_validate (string, -1, NULL))
    pango_layout_set_text (text->layout, string, -1);
  else
    {
      g_autofree char *valid = g_utf8_make_valid (string, -1);
      pango_layout_set_text (text->layout, valid, -1);
    }
}

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

double
hat_text_line (HatText *text, HatFont font, HatColor color, HatRect rect, HatAlign align, const char *string)
{
  int width, height;
  double x;

  if (!string || rect.width < 8 || rect.height < 6)
    return 0;
  set_text (text, font, string);
  pango_layout_set_single_paragraph_mode (text->layout, TRUE);
  pango_layout_set_width (text->layout, -1);
  pango_layout_set_height (text->layout, -1);
  pango_layout_get_size (text->layout, &width, &height);
  if (width > rect.width * PANGO_SCALE)
    {
      pango_layout_set_ellipsize (text->layout, PANGO_ELLIPSIZE_END);
      pango_layout_set_width (text->layout, (int) (rect.width * PANGO_SCALE));
      pango_layout_get_size (text->layout, &width, &height);
    }
  x = rect.x;
  if (align == HAT_ALIGN_CENTER)
    x += (rect.width - (double) width / PANGO_SCALE) / 2;
  else if (align == HAT_ALIGN_RIGHT)
    x += rect.width - (double) width / PANGO_SCALE;
  set_color (text->cr, color);
  cairo_move_to (text->cr, x, rect.y + (rect.height - (double) height / PANGO_SCALE) / 2);
  pango_cairo_show_layout (text->cr, text->layout);
  cairo_new_path (text->cr);
  return (double) width / PANGO_SCALE;
}

double
hat_text_wrap (HatText *text, HatFont font, HatColor color, HatRect rect, const char *string)
{
  int height;

  if (!string || rect.width < 8 || rect.height < 6)
    return 0;
  set_text (text, font, string);
  pango_layout_set_single_paragraph_mode (text->layout, FALSE);
  pango_layout_set_wrap (text->layout, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_ellipsize (text->layout, PANGO_ELLIPSIZE_END);
  pango_layout_set_width (text->layout, (int) (rect.width * PANGO_SCALE));
  pango_layout_set_height (text->layout, (int) (rect.height * PANGO_SCALE));
  pango_layout_get_size (text->layout, NULL, &height);
  set_color (text->cr, color);
  cairo_move_to (text->cr, rect.x, rect.y);
  pango_cairo_show_layout (text->cr, text->layout);
  cairo_new_path (text->cr);
  return (double) height / PANGO_SCALE;
}

double
hat_text_measure (HatText *text, HatFont font, const char *string)
{
  int width;

  set_text (text, font, string);
  pango_layout_set_width (text->layout, -1);
  pango_layout_get_size (text->layout, &width, NULL);
  return (double) width / PANGO_SCALE;
}

void
hat_paint_fill (cairo_t *cr, HatColor color, HatRect rect)
{
  set_color (cr, color);
  cairo_rectangle (cr, rect.x, rect.y, rect.width, rect.height);
  cairo_fill (cr);
}

static void
round_path (cairo_t *cr, HatRect rect, double radius)
{
  double r = MIN (radius, MIN (rect.width, rect.height) / 2);

  cairo_new_sub_path (cr);
  cairo_arc (cr, rect.x + rect.width - r, rect.y + r, r, -G_PI_2, 0);
  cairo_arc (cr, rect.x + rect.width - r, rect.y + rect.height - r, r, 0, G_PI_2);
  cairo_arc (cr, rect.x + r, rect.y + rect.height - r, r, G_PI_2, G_PI);
  cairo_arc (cr, rect.x + r, rect.y + r, r, G_PI, 3 * G_PI_2);
  cairo_close_path (cr);
}

void
hat_paint_round (cairo_t *cr, HatColor color, HatRect rect, double radius)
{
  if (rect.width <= 0 || rect.height <= 0)
    return;
  round_path (cr, rect, radius);
  set_color (cr, color);
  cairo_fill (cr);
}

void
hat_paint_hatching (cairo_t *cr, HatColor color, HatRect rect, double radius)
{
  cairo_save (cr);
  round_path (cr, rect, radius);
  cairo_clip (cr);
  set_color (cr, color);
  cairo_set_line_width (cr, 1);
  for (double x = rect.x - rect.height; x < rect.x + rect.width; x += 7)
    {
      cairo_move_to (cr, x, rect.y + rect.height);
      cairo_line_to (cr, x + rect.height, rect.y);
    }
  cairo_stroke (cr);
  cairo_restore (cr);
}

void
hat_paint_line (cairo_t *cr, HatColor color, double width, double x1, double y1, double x2, double y2)
{
  set_color (cr, color);
  cairo_set_line_width (cr, width);
  cairo_move_to (cr, x1, y1);
  cairo_line_to (cr, x2, y2);
  cairo_stroke (cr);
}

static void
paint_swatch (cairo_t *cr, const HatPalette *palette, HatSwatch swatch, HatRect rect)
{
  HatColor color = hat_palette_swatch (palette, swatch);
  double middle = rect.y + rect.height / 2;

  if (swatch == HAT_SWATCH_RSS || swatch == HAT_SWATCH_TOTAL)
    hat_paint_line (cr, color, swatch == HAT_SWATCH_RSS ? 1.2 : 2, rect.x, middle, rect.x + 10, middle);
  else
    hat_paint_round (cr, color, (HatRect){ rect.x, middle - 5, 10, 10 }, 2);
}

void
hat_paint_legend (cairo_t *cr, HatText *text, const HatPalette *palette, const HatLegend *legend, gint hovered)
{
  for (guint i = 0; i < legend->n; i++)
    {
      const HatLegendItem *item = &legend->items[i];
      HatRect rect = item->rect;
      double used = 0;

      if ((gint) i == hovered)
        hat_paint_round (cr, hat_color_fade (palette->accent, 0.18),
                         (HatRect){ rect.x - 4, rect.y, rect.width + 8, rect.height }, 4);
      paint_swatch (cr, palette, item->swatch, rect);
      rect.x += 16;
      rect.width -= 16;
      if (item->detail)
        used = hat_text_measure (text, HAT_FONT_SMALL, item->detail) + 10;
      used = hat_text_line (text, HAT_FONT_SMALL, palette->text,
                            (HatRect){ rect.x, rect.y, rect.width - used, rect.height }, HAT_ALIGN_LEFT, item->label);
      if (item->detail)
        hat_text_line (text, HAT_FONT_SMALL, palette->dim_text,
                       (HatRect){ rect.x + used + 10, rect.y, rect.width - used - 10, rect.height }, HAT_ALIGN_LEFT,
                       item->detail);
    }
}

void
hat_paint_empty (HatText *text, const HatPalette *palette, HatRect rect, const char *title, const char *sentence)
{
  double middle = rect.y + rect.height / 2;

  hat_text_line (text, HAT_FONT_TITLE, palette->dim_text, (HatRect){ rect.x, middle - 28, rect.width, 26 },
                 HAT_ALIGN_CENTER, title);
  hat_text_line (text, HAT_FONT_NORMAL, palette->dim_text, (HatRect){ rect.x, middle + 2, rect.width, 20 },
                 HAT_ALIGN_CENTER, sentence);
}
