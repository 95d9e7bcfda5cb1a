/* SPDX-License-Identifier: Apache-2.0 */

/* Text through pango, and the simple shapes. */

#include "ui/draw/text.h"

#include <math.h>
#include <pango/pangocairo.h>

#define N_FONTS 5
#define MOST_SHAPED 2048 /* texts in a generation: some 3 KB each; twice as many live at most */

/* To shape a text takes ten times as long as to paint it, and the next painting has nearly the same ones. So they are kept, by thread, since a
 * PangoLayout and its font map are one thread's; pango itself shapes them again when the system's fonts change. They depend on nothing of what
 * is painted on: the metrics are not hinted. Two generations: when the younger is full, the elder goes, with all that was not used since. */
typedef struct
{
  PangoContext *context;
  PangoAttrList *attributes;
  PangoFontDescription *fonts[N_FONTS];
  GHashTable *young, *old; /* Shape -> PangoLayout */
} Shaper;

typedef struct
{
  HatFont font;
  int width, height; /* px, to elide and to wrap in; width < 0: as wide as it is; height < 0: one line */
  char *string;
} Shape;

struct _HatText
{
  cairo_t *cr;
  Shaper *shaper;
};

static void
free_shaper (gpointer data)
{
  Shaper *shaper = data;

  g_hash_table_unref (shaper->young);
  g_hash_table_unref (shaper->old);
  for (guint i = 0; i < N_FONTS; i++)
    pango_font_description_free (shaper->fonts[i]);
  pango_attr_list_unref (shaper->attributes);
  g_object_unref (shaper->context);
  g_free (shaper);
}

static guint
hash_shape (gconstpointer data)
{
  const Shape *shape = data;
  return g_str_hash (shape->string) + 31 * (guint) shape->width + 1009 * (guint) shape->height + 7919 * shape->font;
}

static gboolean
is_same_shape (gconstpointer a, gconstpointer b)
{
  const Shape *x = a, *y = b;
  return x->font == y->font && x->width == y->width && x->height == y->height && g_str_equal (x->string, y->string);
}

static void
free_shape (gpointer data)
{
  Shape *shape = data;
  g_free (shape->string);
  g_free (shape);
}

static GHashTable *
new_generation (void)
{
  return g_hash_table_new_full (hash_shape, is_same_shape, free_shape, g_object_unref);
}

static Shaper *
new_shaper (void)
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
  Shaper *shaper = g_new0 (Shaper, 1);
  cairo_font_options_t *options = cairo_font_options_create ();

  shaper->context = pango_font_map_create_context (pango_cairo_font_map_get_default ());
  pango_context_set_round_glyph_positions (shaper->context, FALSE);
  /* Whole pixel metrics would make widths differ between PNG, SVG and scaled windows. */
  cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options (shaper->context, options);
  cairo_font_options_destroy (options);
  shaper->attributes = pango_attr_list_new ();
  pango_attr_list_insert (shaper->attributes, pango_attr_font_features_new ("tnum=1"));
  for (guint i = 0; i < N_FONTS; i++)
    {
      shaper->fonts[i] = pango_font_description_from_string ("Cantarell, Sans");
      pango_font_description_set_absolute_size (shaper->fonts[i], looks[i].size_px * PANGO_SCALE);
      pango_font_description_set_weight (shaper->fonts[i], looks[i].weight);
    }
  shaper->young = new_generation ();
  shaper->old = new_generation ();
  return shaper;
}

HatText *
hat_text_new (cairo_t *cr)
{
  static GPrivate of_thread = G_PRIVATE_INIT (free_shaper);
  HatText *text = g_new (HatText, 1);

  if (!g_private_get (&of_thread))
    g_private_set (&of_thread, new_shaper ());
  *text = (HatText){ cr, g_private_get (&of_thread) };
  return text;
}

void
hat_text_free (HatText *text)
{
  g_free (text);
}

static PangoLayout *
new_layout (Shaper *shaper, const Shape *shape)
{
  PangoLayout *layout = pango_layout_new (shaper->context);

  pango_layout_set_attributes (layout, shaper->attributes);
  pango_layout_set_font_description (layout, shaper->fonts[shape->font]);
  pango_layout_set_single_paragraph_mode (layout, shape->height < 0);
  pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
  if (shape->width >= 0)
    {
      pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
      pango_layout_set_width (layout, shape->width * PANGO_SCALE);
    }
  if (shape->height >= 0)
    pango_layout_set_height (layout, shape->height * PANGO_SCALE);
  if (g_utf8_validate (shape->string, -1, NULL))
    pango_layout_set_text (layout, shape->string, -1);
  else /* names come from files of others: pango wants valid UTF-8 */
    {
      g_autofree char *valid = g_utf8_make_valid (shape->string, -1);
      pango_layout_set_text (layout, valid, -1);
    }
  return layout;
}

/* Good until the next one is asked for. */
static PangoLayout *
layout_of (HatText *text, Shape shape)
{
  Shaper *shaper = text->shaper;
  gpointer key = NULL, layout = g_hash_table_lookup (shaper->young, &shape);

  if (layout)
    return layout;
  if (g_hash_table_size (shaper->young) >= MOST_SHAPED)
    {
      g_hash_table_unref (shaper->old);
      shaper->old = shaper->young;
      shaper->young = new_generation ();
    }
  if (!g_hash_table_steal_extended (shaper->old, &shape, &key, &layout))
    {
      layout = new_layout (shaper, &shape);
      shape.string = g_strdup (shape.string);
      key = g_memdup2 (&shape, sizeof shape);
    }
  g_hash_table_insert (shaper->young, key, layout);
  return layout;
}

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

double
hat_text_line (HatText *text, HatFont font, HatColor color, HatRect rect, HatAlign align, const char *string)
{
  PangoLayout *layout;
  int width, height;
  double x;

  if (!string || rect.width < 8 || rect.height < 6)
    return 0;
  layout = layout_of (text, (Shape){ font, -1, -1, (char *) string });
  pango_layout_get_size (layout, &width, &height);
  if (width > rect.width * PANGO_SCALE)
    {
      layout = layout_of (text, (Shape){ font, (int) rect.width, -1, (char *) string });
      pango_layout_get_size (layout, &width, &height);
    }
  x = rect.x;
  if (align == HAT_ALIGN_CENTER)
    x += (rect.width - (double) width / PANGO_SCALE) / 2;
  else if (align == HAT_ALIGN_RIGHT)
    x += rect.width - (double) width / PANGO_SCALE;
  set_color (text->cr, color);
  cairo_move_to (text->cr, x, rect.y + (rect.height - (double) height / PANGO_SCALE) / 2);
  pango_cairo_show_layout (text->cr, layout);
  cairo_new_path (text->cr);
  return (double) width / PANGO_SCALE;
}

double
hat_text_wrap (HatText *text, HatFont font, HatColor color, HatRect rect, HatAlign align, const char *string)
{
  static const PangoAlignment alignments[] = { PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER, PANGO_ALIGN_RIGHT };
  PangoLayout *layout;
  int height;

  if (!string || rect.width < 8 || rect.height < 6)
    return 0;
  layout = layout_of (text, (Shape){ font, (int) rect.width, (int) rect.height, (char *) string });
  pango_layout_set_alignment (layout, alignments[align]);
  pango_layout_get_size (layout, NULL, &height);
  set_color (text->cr, color);
  cairo_move_to (text->cr, rect.x, rect.y);
  pango_cairo_show_layout (text->cr, layout);
  cairo_new_path (text->cr);
  return (double) height / PANGO_SCALE;
}

void
hat_text_title (HatText *text, HatColor color, HatRect rect, const char *string)
{
  static const HatFont fonts[] = { HAT_FONT_TITLE, HAT_FONT_BOLD, HAT_FONT_SMALL };
  guint i = 0;

  while (i + 1 < G_N_ELEMENTS (fonts) && hat_text_measure (text, fonts[i], string) > rect.width)
    i++;
  hat_text_line (text, fonts[i], color, rect, HAT_ALIGN_LEFT, string);
}

double
hat_text_width (const char *string)
{
  g_autoptr (HatText) text = hat_text_new (NULL);
  return string ? hat_text_measure (text, HAT_FONT_SMALL, string) : 0;
}

double
hat_text_measure (HatText *text, HatFont font, const char *string)
{
  int width;

  pango_layout_get_size (layout_of (text, (Shape){ font, -1, -1, (char *) string }), &width, NULL);
  return (double) width / PANGO_SCALE;
}

void
hat_paint_fill (cairo_t *cr, HatColor color, HatRect rect)
{
  set_color (cr, color);
  cairo_rectangle (cr, rect.x, rect.y, rect.width, rect.height);
  cairo_fill (cr);
}

/* As curves, which cost a fraction of what arcs do. */
void
hat_path_corners (cairo_t *cr, HatRect rect, double left, double right)
{
  double l = MIN (left, MIN (rect.width, rect.height / 2)), r = MIN (right, MIN (rect.width / (left > 0 ? 2 : 1), rect.height / 2));
  double kl = l * 0.448, kr = r * 0.448;
  double x2 = rect.x + rect.width, y2 = rect.y + rect.height;

  cairo_move_to (cr, rect.x + l, rect.y);
  cairo_line_to (cr, x2 - r, rect.y);
  if (r > 0)
    cairo_curve_to (cr, x2 - kr, rect.y, x2, rect.y + kr, x2, rect.y + r);
  cairo_line_to (cr, x2, y2 - r);
  if (r > 0)
    cairo_curve_to (cr, x2, y2 - kr, x2 - kr, y2, x2 - r, y2);
  cairo_line_to (cr, rect.x + l, y2);
  if (l > 0)
    cairo_curve_to (cr, rect.x + kl, y2, rect.x, y2 - kl, rect.x, y2 - l);
  cairo_line_to (cr, rect.x, rect.y + l);
  if (l > 0)
    cairo_curve_to (cr, rect.x, rect.y + kl, rect.x + kl, rect.y, rect.x + l, rect.y);
  cairo_close_path (cr);
}

void
hat_path_round (cairo_t *cr, HatRect rect, double radius)
{
  hat_path_corners (cr, rect, radius, radius);
}

void
hat_paint_round (cairo_t *cr, HatColor color, HatRect rect, double radius)
{
  if (rect.width <= 0 || rect.height <= 0)
    return;
  hat_path_round (cr, rect, radius);
  set_color (cr, color);
  cairo_fill (cr);
}

void
hat_paint_hatching (cairo_t *cr, HatColor color, HatRect rect, double radius)
{
  cairo_save (cr);
  hat_path_round (cr, rect, radius);
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
  hat_text_wrap (text, HAT_FONT_NORMAL, palette->dim_text, (HatRect){ rect.x, middle + 4, rect.width, MAX (rect.height / 2 - 4, 18) },
                 HAT_ALIGN_CENTER, sentence);
}
