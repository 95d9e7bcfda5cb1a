/* SPDX-License-Identifier: Apache-2.0 */

/* The live-object map, painted. Cells are sorted into buckets of one colour first: a million rectangles are then a
 * few hundred fills. */

#include "ui/draw/map-paint.h"

#include <math.h>
#include <string.h>

#include "core/heap/format.h"

#define FILL_LEVELS 8u
#define N_BUCKETS (256u * FILL_LEVELS * 2)

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

static gboolean
is_dimmed (const HatMapLayout *layout, const HatMapCell *cell, HatSwatch swatch)
{
  if (layout->style.isolated >= 0 && swatch != layout->style.isolated)
    return TRUE;
  return (layout->style.selected_stacks || layout->style.selected_block) && !cell->is_selected;
}

static guint
bucket_of (const HatMapLayout *layout, const HatMapCell *cell, HatSwatch swatch)
{
  guint level = (guint) ceilf (CLAMP (cell->fill, 0, 1) * (FILL_LEVELS - 1));

  return (swatch * FILL_LEVELS + level) * 2 + is_dimmed (layout, cell, swatch);
}

/* Nearly empty still differs from empty: a third of the colour at least. */
static HatColor
bucket_color (const HatPalette *palette, guint bucket)
{
  double fill = (double) (bucket / 2 % FILL_LEVELS) / (FILL_LEVELS - 1);
  HatColor color = hat_palette_swatch (palette, bucket / 2 / FILL_LEVELS);

  if (bucket & 1)
    color = hat_color_mix (palette->empty, color, 0.16);
  return hat_color_mix (palette->empty, color, 0.3 + 0.7 * fill);
}

static double
cell_width (const HatMapCell *cell)
{
  /* Neighbouring blocks are told apart by a hairline as soon as there is room for one. */
  return cell->width >= 4 ? cell->width - 1 : cell->width >= 2 ? cell->width - 0.5 : 1;
}

/* What is filled at once: the rectangles of one bucket. */
typedef struct
{
  float x, y, width, height;
  guint bucket;
} Tile;

/* Cells that many blocks share are split in two by height when a second group has a good part of them: an even
 * mixture then looks like one. */
static Tile *
tiles_of (const HatMapLayout *layout, guint *out_n)
{
  Tile *tiles = g_new (Tile, 2 * (gsize) layout->n_cells + 1);
  guint n = 0;

  for (guint r = 0; r < layout->n_rows; r++)
    for (guint i = layout->rows[r].first_cell; i < layout->rows[r].first_cell + layout->rows[r].n_cells; i++)
      {
        const HatMapCell *cell = &layout->cells[i];
        float height = (float) layout->row_height, second = floorf (height * cell->second_share / 255 + 0.5f);

        if (second >= 1)
          tiles[n++] = (Tile){ cell->x, (float) layout->rows[r].y + height - second, (float) cell_width (cell),
                               second, bucket_of (layout, cell, cell->second) };
        tiles[n++] = (Tile){ cell->x, (float) layout->rows[r].y, (float) cell_width (cell), height - second,
                             bucket_of (layout, cell, cell->swatch) };
      }
  *out_n = n;
  return tiles;
}

static void
paint_cells (const HatMapLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  guint n;
  g_autofree Tile *tiles = tiles_of (layout, &n);
  g_autofree guint *starts = g_new0 (guint, N_BUCKETS + 1), *next = NULL;
  g_autofree guint *order = g_new (guint, n + 1);

  for (guint i = 0; i < n; i++)
    starts[tiles[i].bucket + 1]++;
  for (guint b = 0; b < N_BUCKETS; b++)
    starts[b + 1] += starts[b];
  next = g_memdup2 (starts, sizeof (guint) * (N_BUCKETS + 1));
  for (guint i = 0; i < n; i++)
    order[next[tiles[i].bucket]++] = i;
  for (guint b = 0; b < N_BUCKETS; b++)
    {
      if (starts[b] == starts[b + 1])
        continue;
      set_color (cr, bucket_color (palette, b));
      for (guint k = starts[b]; k < starts[b + 1]; k++)
        {
          const Tile *tile = &tiles[order[k]];
          cairo_rectangle (cr, tile->x, tile->y, tile->width, tile->height);
          /* Long paths cost more than many fills. */
          if ((k - starts[b]) % 512 == 511)
            cairo_fill (cr);
        }
      cairo_fill (cr);
    }
}

/* FALSE: no room. */
static gboolean
paint_label (const HatMapLayout *layout, const HatPalette *palette, HatText *text, const HatMapRow *row,
             const HatMapCell *cell)
{
  const HatBlock *block = &hat_map_model_live (layout->model)->blocks[cell->first_block];
  HatColor fill = bucket_color (palette, bucket_of (layout, cell, cell->swatch));
  HatRect rect = { cell->x + 4, row->y, cell->width - 8, layout->row_height };
  g_autofree char *size = hat_format_bytes (block->size);
  double used = hat_text_measure (text, HAT_FONT_SMALL, size);

  if (used > rect.width)
    return FALSE;
  hat_text_line (text, HAT_FONT_SMALL, hat_color_text_on (fill), rect, HAT_ALIGN_LEFT, size);
  rect.x += used + 10;
  rect.width -= used + 10;
  if (rect.width >= 40)
    {
      g_autofree char *function = hat_format_function (hat_stack_function (layout->trace, block->stack), 40);
      hat_text_line (text, HAT_FONT_SMALL, hat_color_dim_text_on (fill), rect, HAT_ALIGN_LEFT, function);
    }
  return TRUE;
}

/* A block that goes over many rows is labelled in the first of them. */
static void
paint_labels (const HatMapLayout *layout, const HatPalette *palette, HatText *text)
{
  guint64 labelled = G_MAXUINT64;

  if (layout->row_height < 14)
    return;
  for (guint r = 0; r < layout->n_rows; r++)
    for (guint i = 0; i < layout->rows[r].n_cells; i++)
      {
        const HatMapCell *cell = &layout->cells[layout->rows[r].first_cell + i];
        if (cell->width >= 36 && cell->n_blocks == 1 && cell->first_block != labelled
            && paint_label (layout, palette, text, &layout->rows[r], cell))
          labelled = cell->first_block;
      }
}

static void
paint_selected (const HatMapLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  for (guint r = 0; r < layout->n_rows; r++)
    for (guint i = 0; i < layout->rows[r].n_cells; i++)
      {
        const HatMapCell *cell = &layout->cells[layout->rows[r].first_cell + i];
        if (cell->is_selected && cell->width >= 6)
          cairo_rectangle (cr, cell->x + 0.5, layout->rows[r].y + 0.5, cell->width - 2, layout->row_height - 1);
      }
  set_color (cr, palette->accent);
  cairo_set_line_width (cr, 1.5);
  cairo_stroke (cr);
}

static void
paint_region (const HatMapLayout *layout, const HatPalette *palette, HatText *text, const HatMapRegion *region,
              cairo_t *cr)
{
  HatRect header = region->header, meter;

  for (guint r = region->first_row; r < region->first_row + region->n_rows; r++)
    cairo_rectangle (cr, layout->plot.x, layout->rows[r].y, layout->rows[r].width, layout->row_height);
  set_color (cr, palette->empty);
  cairo_fill (cr);
  meter = (HatRect){ header.x + header.width - 92, header.y + 6, 90, 6 };
  if (header.width > 320 && region->fill >= 0)
    {
      hat_paint_round (cr, palette->empty, meter, 3);
      meter.width *= CLAMP (region->fill, 0, 1);
      hat_paint_round (cr, palette->accent, meter, 3);
      header.width -= 104;
    }
  hat_text_line (text, HAT_FONT_SMALL, palette->text, header, HAT_ALIGN_LEFT, region->label);
}

static void
paint_legend (const HatMapLayout *layout, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  gint isolated = -1;

  for (guint i = 0; i < layout->legend.n; i++)
    if (layout->style.isolated >= 0 && layout->legend.items[i].swatch == layout->style.isolated)
      isolated = i;
  hat_paint_legend (cr, text, palette, &layout->legend, isolated);
}

void
hat_map_paint (const HatMapLayout *layout, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);

  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, layout->width, layout->height });
  if (layout->style.title)
    hat_text_title (text, palette->text, layout->title, layout->style.title);
  if (!layout->n_regions)
    {
      hat_paint_empty (text, palette, layout->plot, "No block is live at this instant",
                       "Move the cursor to where memory is in use.");
      return;
    }
  cairo_save (cr);
  cairo_rectangle (cr, 0, layout->plot.y, layout->width, layout->plot.height);
  cairo_clip (cr);
  for (guint i = 0; i < layout->n_regions; i++)
    paint_region (layout, palette, text, &layout->regions[i], cr);
  paint_cells (layout, palette, cr);
  paint_selected (layout, palette, cr);
  paint_labels (layout, palette, text);
  cairo_restore (cr);
  paint_legend (layout, palette, text, cr);
}

void
hat_map_paint_overlay (const HatMapLayout *layout, const HatPalette *palette, const HatMapHit *hover, cairo_t *cr)
{
  if (!hover || hover->rect.width <= 0)
    return;
  cairo_save (cr);
  cairo_rectangle (cr, 0, layout->plot.y, layout->width, layout->plot.height);
  cairo_clip (cr);
  cairo_rectangle (cr, hover->rect.x - 0.5, hover->rect.y - 0.5, MAX (hover->rect.width, 2) + 1,
                   hover->rect.height + 1);
  set_color (cr, palette->text);
  cairo_set_line_width (cr, 1.5);
  cairo_stroke (cr);
  cairo_restore (cr);
}
