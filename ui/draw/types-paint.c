/* SPDX-License-Identifier: Apache-2.0 */

/* The types picture, painted. */

#include "ui/draw/types-paint.h"

#include "core/heap/format.h"

#define SMALL_NAME 26.0 /* px that a name needs to say anything */

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

static gboolean
is_gap (const HatTypeBox *box)
{
  return box->kind == HAT_BOX_HOLE || box->kind == HAT_BOX_TAIL;
}

static HatColor
fill_of (const HatPalette *palette, const HatTypeBox *box)
{
  if (is_gap (box))
    return hat_color_mix (palette->background, palette->empty, 0.7);
  return hat_color_mix (hat_palette_swatch (palette, hat_box_swatch (box->kind)), palette->background, palette->is_dark ? 0.2 : 0.3);
}

static HatColor
gap_line (const HatPalette *palette)
{
  return hat_color_mix (palette->border, palette->warning, 0.55);
}

/* ---- rulers ---- */

/* "name", and its type where there is room. */
static void
paint_label (HatText *text, const HatTypeBox *box, HatColor fill, HatRect rect)
{
  const HatColor color = hat_color_text_on (fill);
  const HatRect inside = { rect.x + 5, rect.y, rect.width - 8, rect.height };

  if (rect.width < SMALL_NAME)
    return;
  double used = hat_text_line (text, HAT_FONT_SMALL, color, inside, HAT_ALIGN_LEFT, box->name);
  if (!box->type || is_gap (box) || inside.width - used < 60)
    return;
  g_autofree char *type = hat_format_function (box->type, MAX (12, (guint) ((inside.width - used) / 6)));
  hat_text_line (text, HAT_FONT_SMALL, hat_color_dim_text_on (fill),
                 (HatRect){ inside.x + used + 10, inside.y, inside.width - used - 10, inside.height }, HAT_ALIGN_LEFT, type);
}

static void
paint_part (const HatRuler *ruler, const HatRulerPart *part, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatTypeBox *box = &ruler->order->boxes[part->box];
  const HatRulerPart *above = part->is_joined ? part - 1 : NULL;
  HatRect rect = part->rect;
  HatColor fill = fill_of (palette, box);

  if (rect.width > 3)
    rect.width -= 1.5;
  hat_paint_round (cr, fill, rect, 3);
  if (above && above->rect.x < rect.x + rect.width) /* the field goes on: no line between */
    {
      double from = MAX (above->rect.x, rect.x), to = MIN (above->rect.x + above->rect.width - 1.5, rect.x + rect.width);
      hat_paint_fill (cr, fill, (HatRect){ from, rect.y - 4, MAX (to - from, 0), 8 });
    }
  if (is_gap (box))
    hat_paint_hatching (cr, gap_line (palette), rect, 3);
  if (!part->has_label)
    return;
  if (is_gap (box)) /* words on hatching need a ground */
    {
      double width = MIN (hat_text_measure (text, HAT_FONT_SMALL, box->name) + 8, rect.width - 4);
      if (rect.width >= SMALL_NAME)
        hat_paint_round (cr, fill, (HatRect){ rect.x + 2, rect.y + 3, width, rect.height - 6 }, 3);
    }
  paint_label (text, box, fill, rect);
}

static void
paint_row (const HatRuler *ruler, const HatRulerRow *row, const HatPalette *palette, HatText *text)
{
  const double y = ruler->bytes.y + row->y;
  g_autofree char *offset = hat_format_count (row->byte);

  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ ruler->rect.x, y, ruler->bytes.x - ruler->rect.x - 8, row->height },
                 HAT_ALIGN_RIGHT, offset);
}

static void
paint_fold (const HatRuler *ruler, const HatRulerRow *row, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const double y = ruler->bytes.y + row->y;
  g_autofree char *count = hat_format_count (row->n_folded), *words = g_strdup_printf ("%s bytes more", count);
  const double width = hat_text_measure (text, HAT_FONT_SMALL, words) + 16;
  const HatRect ground = { ruler->bytes.x + (ruler->bytes.width - width) / 2, y + 3, width, row->height - 6 };

  hat_paint_round (cr, palette->background, ground, 4);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, ground, HAT_ALIGN_CENTER, words);
}

/* Dashed: it is no field. */
static void
paint_niche (const HatRect *mark, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const double width = hat_text_measure (text, HAT_FONT_SMALL, "niche") + 10;
  const HatRect words = { mark->x + mark->width - width - 4, mark->y + 3, width, mark->height - 6 };

  cairo_rectangle (cr, mark->x + 1, mark->y + 1, MAX (mark->width - 3.5, 1), mark->height - 2);
  set_color (cr, palette->text);
  cairo_set_dash (cr, (double[]){ 4, 3 }, 2, 0);
  cairo_set_line_width (cr, 1.4);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
  if (mark->width < width + 60)
    return;
  hat_paint_round (cr, palette->background, words, 4);
  hat_text_line (text, HAT_FONT_SMALL, palette->text, words, HAT_ALIGN_CENTER, "niche");
}

static void
paint_ruler (const HatTypesLayout *layout, const HatRuler *ruler, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const double top = layout->view.y - 30, bottom = layout->view.y + layout->view.height;
  g_autofree char *size = hat_format_count (ruler->order->size);
  g_autofree char *title = g_strdup_printf ("%s: %s byte%s", ruler->title, size, ruler->order->size == 1 ? "" : "s");

  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ ruler->bytes.x, ruler->rect.y, ruler->bytes.width, 20 }, HAT_ALIGN_LEFT, title);
  for (guint i = 0; i < 8; i++)
    {
      g_autofree char *byte = g_strdup_printf ("%u", i);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text,
                     (HatRect){ ruler->bytes.x + i * ruler->bytes.width / 8, ruler->rect.y + 21, ruler->bytes.width / 8, 15 }, HAT_ALIGN_CENTER, byte);
    }
  for (guint i = 0; i < ruler->n_rows; i++)
    if (ruler->bytes.y + ruler->rows[i].y > top && ruler->bytes.y + ruler->rows[i].y < bottom)
      paint_row (ruler, &ruler->rows[i], palette, text);
  for (guint i = 0; i < ruler->n_parts; i++)
    if (ruler->parts[i].rect.y > top && ruler->parts[i].rect.y < bottom)
      paint_part (ruler, &ruler->parts[i], palette, text, cr);
  for (guint i = 0; i < ruler->n_marks; i++)
    paint_niche (&ruler->marks[i], palette, text, cr);
  for (guint i = 0; i < ruler->n_rows; i++)
    if (ruler->rows[i].n_folded && ruler->bytes.y + ruler->rows[i].y > top && ruler->bytes.y + ruler->rows[i].y < bottom)
      paint_fold (ruler, &ruler->rows[i], palette, text, cr);
}

/* A finished picture says what it leaves out; a window shows how far it is scrolled. */
static void
paint_rest (const HatTypesLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatRect *view = &layout->view;
  const double hidden = layout->content_height - layout->input.scroll_px - view->height;

  if (layout->content_height <= view->height || view->height < 24)
    return;
  if (!layout->input.title)
    {
      double length = MAX (view->height * view->height / layout->content_height, 24);
      double at = layout->input.scroll_px / (layout->content_height - view->height) * (view->height - length);
      hat_paint_round (cr, hat_color_fade (palette->dim_text, 0.5), (HatRect){ layout->width - 9, view->y + at, 5, length }, 2.5);
    }
  else if (hidden > 0)
    {
      const HatRect rect = { view->x, view->y + view->height - 20, view->width, 20 };
      hat_paint_fill (cr, hat_color_fade (palette->background, 0.92), rect);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, rect, HAT_ALIGN_CENTER, "more below: make the picture higher");
    }
}

static void
paint_shape (const HatTypesLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatTypeShape *shape = layout->input.shape;
  const HatRect *head = &layout->head;
  g_autofree char *title = hat_format_function (shape->title, MAX (24, (guint) (head->width / 7)));

  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ head->x, head->y, head->width, 22 }, HAT_ALIGN_LEFT, title);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ head->x, head->y + 22, head->width, 18 }, HAT_ALIGN_LEFT, shape->facts);
  hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ head->x, head->y + 40, head->width, 18 }, HAT_ALIGN_LEFT, shape->advice);
  for (guint i = 0; i < layout->n_tabs; i++)
    {
      const gboolean is_shown = layout->first_tab + i == shape->tab;
      const HatColor fill = is_shown ? palette->accent : palette->surface;
      hat_paint_round (cr, fill, layout->tabs[i], 5);
      hat_text_line (text, HAT_FONT_SMALL, is_shown ? hat_color_text_on (fill) : palette->text,
                     (HatRect){ layout->tabs[i].x + 6, layout->tabs[i].y, layout->tabs[i].width - 12, layout->tabs[i].height }, HAT_ALIGN_CENTER,
                     shape->tabs[layout->first_tab + i]);
    }
  cairo_save (cr);
  cairo_rectangle (cr, layout->view.x - 4, layout->view.y, layout->view.width + 8, layout->view.height);
  cairo_clip (cr);
  for (guint i = 0; i < layout->n_rulers; i++)
    paint_ruler (layout, &layout->rulers[i], palette, text, cr);
  cairo_restore (cr);
  paint_rest (layout, palette, text, cr);
  hat_paint_legend (cr, text, palette, &layout->legend, -1);
  for (guint i = 0; i < layout->legend.n; i++)
    if (layout->legend.items[i].key >= HAT_BOX_HOLE)
      {
        const HatRect swatch = { layout->legend.items[i].rect.x, layout->legend.items[i].rect.y + layout->legend.items[i].rect.height / 2 - 5, 10, 10 };
        hat_paint_round (cr, palette->empty, swatch, 2);
        hat_paint_hatching (cr, gap_line (palette), swatch, 2);
      }
}

/* ---- the table ---- */

typedef struct
{
  const char *title;
  double width;
} Column;

/* Narrow pictures leave out those at the end, and where nothing is live the first ones say nothing. */
static const Column columns[] = {
  { "lost to padding", 110 }, { "live", 80 }, { "live bytes", 90 }, { "size", 70 }, { "lost each", 70 }, { "best size", 70 },
};
#define N_LIVE_COLUMNS 3

static char *
cell_of (const HatTypeRow *row, guint column)
{
  switch (column)
    {
    case 0:
      return hat_format_bytes (row->wasted);
    case 1:
      return hat_format_count (row->live);
    case 2:
      return hat_format_bytes (row->live_bytes);
    case 3:
      return hat_format_count (row->size);
    case 4:
      return row->lost ? hat_format_count (row->lost) : g_strdup ("");
    default:
      return row->best_size < row->size ? hat_format_count (row->best_size) : g_strdup ("");
    }
}

static void
paint_table (const HatTypesLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  const HatTypeTable *table = layout->input.table;
  const HatRect *r = &layout->table;
  const guint first = table->has_live ? 0 : N_LIVE_COLUMNS;
  guint n = G_N_ELEMENTS (columns);
  double numbers = 0;

  for (guint i = first; i < n; i++)
    numbers += columns[i].width;
  for (; n > first + 1 && numbers > r->width * 0.62; n--)
    numbers -= columns[n - 1].width;
  hat_text_line (text, HAT_FONT_BOLD, palette->text, (HatRect){ r->x, r->y, r->width, 22 }, HAT_ALIGN_LEFT, table->headline);
  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ r->x, r->y + 22, r->width, 18 }, HAT_ALIGN_LEFT, table->sentence);
  double x = r->x;
  for (guint i = first; i < n && layout->n_lines; x += columns[i].width, i++)
    hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ x, r->y + 48, columns[i].width - 12, 18 }, HAT_ALIGN_RIGHT, columns[i].title);
  if (layout->n_lines)
    hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ x, r->y + 48, r->width - numbers, 18 }, HAT_ALIGN_LEFT, "type");
  for (guint i = 0; i < layout->n_lines; i++)
    {
      const HatTypesLine *line = &layout->lines[i];
      g_autofree char *name = hat_format_function (line->row->name, MAX (24, (guint) ((r->width - numbers) / 6)));
      if (layout->input.shape && i == layout->input.selected)
        hat_paint_round (cr, hat_color_fade (palette->accent, 0.18), line->rect, 4);
      x = line->rect.x;
      for (guint k = first; k < n; x += columns[k].width, k++)
        {
          g_autofree char *cell = cell_of (line->row, k);
          hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ x, line->rect.y, columns[k].width - 12, line->rect.height },
                         HAT_ALIGN_RIGHT, cell);
        }
      hat_text_line (text, HAT_FONT_SMALL, palette->text, (HatRect){ x, line->rect.y, r->width - numbers, line->rect.height }, HAT_ALIGN_LEFT, name);
    }
  if (layout->n_lines < table->n)
    {
      g_autofree char *more = hat_format_count (table->n - layout->n_lines), *words = g_strdup_printf ("and %s more", more);
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ r->x + numbers, r->y + r->height + 2, r->width - numbers, 18 }, HAT_ALIGN_LEFT, words);
    }
}

void
hat_types_paint (const HatTypesLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->input.title)
    hat_text_title (text, palette->text, layout->title, layout->input.title);
  if (layout->input.table && !layout->input.table->n)
    {
      hat_paint_empty (text, palette, (HatRect){ 16, 0, layout->width - 32, layout->height }, layout->input.table->headline,
                       layout->input.table->sentence);
      return;
    }
  if (layout->input.table)
    paint_table (layout, palette, text, cr);
  if (layout->input.shape)
    paint_shape (layout, palette, text, cr);
}

void
hat_types_paint_overlay (const HatTypesLayout *layout, const HatPalette *palette, HatTypesHit hit, cairo_t *cr)
{
  if (hit.ruler < 0)
    return;
  const HatRuler *ruler = &layout->rulers[hit.ruler];
  cairo_save (cr);
  cairo_rectangle (cr, layout->view.x - 4, layout->view.y, layout->view.width + 8, layout->view.height);
  cairo_clip (cr);
  set_color (cr, palette->accent);
  cairo_set_line_width (cr, 2);
  for (guint i = 0; i < ruler->n_parts; i++)
    if (ruler->parts[i].box == (guint) hit.box)
      {
        const HatRect *rect = &ruler->parts[i].rect;
        cairo_rectangle (cr, rect->x, rect->y, MAX (rect->width - 1.5, 1), rect->height);
        cairo_stroke (cr);
      }
  cairo_restore (cr);
}
