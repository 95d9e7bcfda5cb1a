/* SPDX-License-Identifier: Apache-2.0 */

/* The live-object map's rows and cells. A group of the model is drawn as rows of bytes_per_row offsets. Blocks are
 * sorted by address, so one pass over the visible ones fills the cells of a row from left to right: a block of two
 * pixels or more is a cell, smaller ones share the cell of their pixel column. Rows know nothing of each other: where many blocks are in sight,
 * threads share them. */

#include "ui/draw/map-layout.h"

#include <math.h>
#include <string.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/draw/map-private.h"

#define HEADER_HEIGHT 20.0
#define REGION_SPACE 8.0
#define EDGE 16.0
#define MIN_BYTES_PER_ROW 64u
#define MAX_BYTES_PER_ROW (G_GUINT64_CONSTANT (1) << 46)
#define SINGLE_PX 2.0
#define STRIPE 85 /* of 255: a cell's part for a little that is lost */
#define MANY_BLOCKS 500000u /* in sight: a thread for each so many */
#define MOST_THREADS 8u

/* ---- cells ---- */

typedef struct
{
  const HatMapLayout *layout;
  GArray *cells;
  guint8 *is_selected_stack; /* per stack, or NULL */
  guint n_stacks;
  gboolean is_by_stack; /* the last block's stack and its swatch hold for the next one of it */
  HatStackId last_stack;
  HatSwatch last_swatch;
  guint64 swatch_bytes[256]; /* of everything visible, for the legend */
  guint n_selected;
  guint64 selected_bytes;
  gboolean has_stripes;
  /* The pixel column being filled. */
  gint64 column; /* -1: none */
  guint64 column_end; /* offset in the row */
  guint n_blocks;
  guint64 first_block, bytes;
  gboolean is_selected;
  guint n_touched;
  HatSwatch touched[16];
  guint64 touched_bytes[16];
} Filler;

static gboolean
is_selected (const Filler *filler, const HatBlock *block)
{
  if (filler->is_selected_stack && block->stack < filler->n_stacks && filler->is_selected_stack[block->stack])
    return TRUE;
  return filler->layout->style.selected_block && block->id == filler->layout->style.selected_block;
}

/* Among leak classes the worst one is never hidden behind the many. */
static void
show_worst (Filler *filler, HatMapCell *cell)
{
  const HatSwatch reachable = HAT_SWATCH_CLASS + HAT_LEAK_REACHABLE;
  guint worst = 0;
  double share;

  for (guint i = 1; i < filler->n_touched; i++)
    if (filler->touched[i] >= HAT_SWATCH_CLASS && (filler->touched[worst] < HAT_SWATCH_CLASS || filler->touched[i] < filler->touched[worst]))
      worst = i;
  if (filler->touched[worst] < HAT_SWATCH_CLASS || filler->touched[worst] >= reachable || filler->touched[worst] == cell->swatch)
    return;
  share = (double) filler->touched_bytes[worst] * 255 / (double) MAX (filler->bytes, 1);
  cell->second = filler->touched[worst];
  cell->second_share = (guint8) MAX (share, STRIPE);
  filler->has_stripes |= share < STRIPE;
}

static void
flush_column (Filler *filler)
{
  const HatMapLayout *layout = filler->layout;
  HatMapCell cell = { 0 };
  guint best = 0, second = 0;

  if (filler->column < 0)
    return;
  for (guint i = 1; i < filler->n_touched; i++)
    if (filler->touched_bytes[i] > filler->touched_bytes[best])
      best = i;
  second = best == 0 && filler->n_touched > 1 ? 1 : 0;
  for (guint i = 1; i < filler->n_touched; i++)
    if (i != best && filler->touched_bytes[i] > filler->touched_bytes[second])
      second = i;
  cell.x = (float) (layout->plot.x + (double) filler->column);
  cell.width = 1;
  cell.fill = (float) MIN ((double) filler->bytes / layout->bytes_per_px, 1.0);
  cell.n_blocks = filler->n_blocks;
  cell.first_block = filler->first_block;
  cell.swatch = filler->n_touched ? filler->touched[best] : HAT_SWATCH_OTHER;
  if (second != best)
    {
      cell.second = filler->touched[second];
      cell.second_share = (guint8) (filler->touched_bytes[second] * 255 / MAX (filler->bytes, 1));
    }
  if (layout->style.graph && filler->n_touched)
    show_worst (filler, &cell);
  cell.is_selected = filler->is_selected;
  g_array_append_val (filler->cells, cell);
  filler->column = -1;
}

static void
add_to_column (Filler *filler, gint64 column, guint64 index, HatSwatch swatch, guint64 bytes, gboolean selected)
{
  guint i;

  if (filler->column != column)
    {
      flush_column (filler);
      filler->column = column;
      filler->column_end = (guint64) ((double) (column + 1) * filler->layout->bytes_per_px);
      filler->n_blocks = filler->n_touched = 0;
      filler->first_block = index;
      filler->bytes = 0;
      filler->is_selected = FALSE;
    }
  filler->n_blocks++;
  filler->bytes += bytes;
  filler->is_selected |= selected;
  for (i = 0; i < filler->n_touched && filler->touched[i] != swatch; i++)
    ;
  if (i == filler->n_touched)
    {
      if (i == G_N_ELEMENTS (filler->touched))
        return; /* more than sixteen colours in one pixel: the first ones decide */
      filler->touched[i] = swatch;
      filler->touched_bytes[i] = 0;
      filler->n_touched++;
    }
  filler->touched_bytes[i] += bytes;
}

static HatSwatch
swatch_of (Filler *filler, guint64 index, const HatBlock *block)
{
  const HatMapLayout *layout = filler->layout;

  if (filler->is_by_stack && block->stack == filler->last_stack)
    return filler->last_swatch;
  if (!layout->style.graph)
    {
      filler->last_stack = block->stack;
      filler->last_swatch = hat_colors_block (layout->style.colors, layout->style.by, block, layout->model->live->time_ns);
      return filler->last_swatch;
    }
  const guint32 at = hat_graph_find_block (layout->style.graph, index, block);
  return at == HAT_GRAPH_NONE ? HAT_SWATCH_OTHER : (HatSwatch) (HAT_SWATCH_CLASS + hat_graph_leak_class (layout->style.graph, at));
}

/* Part [from, to) of a block, in offsets from the row's start. */
static void
add_part (Filler *filler, guint64 index, const HatBlock *block, guint64 from, guint64 to)
{
  const HatMapLayout *layout = filler->layout;
  HatSwatch swatch = swatch_of (filler, index, block);
  gboolean selected = is_selected (filler, block);

  filler->swatch_bytes[swatch] += to - from;
  if (selected)
    {
      filler->n_selected++;
      filler->selected_bytes += to - from;
    }
  if (filler->column >= 0 && to <= filler->column_end)
    {
      add_to_column (filler, filler->column, index, swatch, to - from, selected);
      return;
    }
  double inverse = 1 / layout->bytes_per_px;
  double x = (double) from * inverse, width = (double) (to - from) * inverse;
  if (width >= SINGLE_PX)
    {
      HatMapCell cell = { (float) (layout->plot.x + x), (float) width, 1, 1, index, swatch, swatch, 0, selected };
      flush_column (filler);
      g_array_append_val (filler->cells, cell);
    }
  else
    {
      /* Each pixel column gets the bytes that lie in it. */
      gint64 column = (gint64) x, last = (gint64) ((double) (to - 1) * inverse);
      for (; column < last; column++)
        {
          guint64 edge = MAX ((guint64) ((double) (column + 1) * layout->bytes_per_px), from);
          add_to_column (filler, column, index, swatch, edge - from, selected);
          from = edge;
        }
      add_to_column (filler, column, index, swatch, to - from, selected);
    }
}

/* The part of one piece that lies in the row of offsets [row_start, row_end). */
static void
fill_from_piece (Filler *filler, const HatMapPiece *piece, guint64 row_start, guint64 row_end)
{
  const HatLive *live = filler->layout->model->live;
  guint64 start = piece->start + (MAX (row_start, piece->offset) - piece->offset);
  guint64 end = piece->start + (MIN (row_end, piece->offset + (piece->end - piece->start)) - piece->offset);
  guint64 index = hat_map_first_block (live, piece->first_block, start), last = piece->first_block + piece->n_blocks;

  /* The block before may reach into this row. */
  if (index > piece->first_block && live->blocks[index - 1].address + live->blocks[index - 1].size > start)
    index--;
  for (; index < last && live->blocks[index].address < end; index++)
    {
      const HatBlock *block = &live->blocks[index];
      guint64 from = MAX (block->address, start);
      guint64 to = MIN (block->address + MAX (block->size, 1), end);
      if (to > from)
        add_part (filler, index, block, piece->offset + (from - piece->start) - row_start,
                  piece->offset + (to - piece->start) - row_start);
    }
}

static void
fill_row (Filler *filler, const HatMapGroup *group, HatMapRow *row, guint64 row_start)
{
  guint64 row_end = MIN (row_start + filler->layout->view.bytes_per_row, group->size);
  const HatMapPiece *piece = hat_map_piece_at (group, row_start);
  const HatMapPiece *end = &g_array_index (group->pieces, HatMapPiece, 0) + group->pieces->len;

  row->first_cell = filler->cells->len;
  row->address = piece->start + (row_start - piece->offset);
  row->width = (double) (row_end - row_start) / filler->layout->bytes_per_px;
  for (; piece < end && piece->offset < row_end; piece++)
    fill_from_piece (filler, piece, row_start, row_end);
  flush_column (filler);
  row->n_cells = filler->cells->len - row->first_cell;
}

/* ---- rows and regions ---- */

static guint64
rows_of (const HatMapGroup *group, guint64 bytes_per_row)
{
  return (group->size + bytes_per_row - 1) / bytes_per_row;
}

static double
content_height (const HatMapModel *model, guint64 bytes_per_row, double row_pitch)
{
  double height = 0;

  for (guint g = 0; g < model->groups->len; g++)
    height += HEADER_HEIGHT + REGION_SPACE + (double) rows_of (model->groups->pdata[g], bytes_per_row) * row_pitch;
  return height;
}

static void
choose_rows (HatMapLayout *layout)
{
  double per_px = layout->bytes_per_px;

  layout->row_height = per_px <= 2 ? 22 : per_px <= 8 ? 18 : per_px <= 64 ? 12 : per_px <= 1024 ? 8 : 6;
  layout->row_gap = layout->row_height >= 12 ? 2 : 1;
}

static void
set_zoom (HatMapLayout *layout, guint64 bytes_per_row)
{
  layout->view.bytes_per_row = bytes_per_row;
  layout->bytes_per_px = (double) bytes_per_row / layout->plot.width;
  choose_rows (layout);
  layout->content_height = content_height (layout->model, bytes_per_row, layout->row_height + layout->row_gap);
}

/* The closest zoom at which everything fits; rows then grow into what height is left. The headers of many arenas may need all of it: rows
 * have half the height even so, and the last ones are scrolled to. */
static void
zoom_to_fit (HatMapLayout *layout)
{
  guint64 bytes = MIN_BYTES_PER_ROW * 4;
  const double headers = layout->model->groups->len * (HEADER_HEIGHT + REGION_SPACE);
  const double room = MAX (layout->plot.height, headers + layout->plot.height / 2);
  double rows = 0, left;

  set_zoom (layout, bytes);
  while (layout->content_height > room && bytes < MAX_BYTES_PER_ROW)
    set_zoom (layout, bytes *= 2);
  for (guint g = 0; g < layout->model->groups->len; g++)
    rows += (double) rows_of (layout->model->groups->pdata[g], bytes);
  left = layout->plot.height - layout->content_height;
  if (rows > 0 && left > 0)
    {
      layout->row_height = MIN (layout->row_height + left / rows, 30);
      layout->content_height = content_height (layout->model, bytes, layout->row_height + layout->row_gap);
    }
}

static char *
region_label (const HatMapModel *model, const HatMapGroup *group, double fill, guint64 bytes_per_row)
{
  const HatMapPiece *first = &g_array_index (group->pieces, HatMapPiece, 0);
  g_autofree char *size = hat_format_bytes (group->size), *blocks = hat_format_count (group->n_blocks);
  g_autofree char *address = hat_format_address (first->start), *row = hat_format_bytes (bytes_per_row);

  if (hat_heap_sample_bytes (model->heap) > 0)
    return g_strdup_printf ("%s  ·  from %s  ·  %s in rows of %s  ·  %s block%s of the sample, what lies between is not known", group->title,
                            address, size, row, blocks, hat_plural (group->n_blocks));
  return g_strdup_printf ("%s  ·  from %s  ·  %s in rows of %s  ·  %s block%s, %.0f %% filled", group->title, address, size, row, blocks,
                          group->n_blocks == 1 ? "" : "s", fill * 100);
}

typedef struct
{
  Filler *filler;
  const HatMapGroup *group;
  HatMapRow *rows;
  guint n_rows;
  guint64 first; /* number of the first one in the group */
} Share;

static gpointer
fill_share (gpointer data)
{
  Share *share = data;

  for (guint i = 0; i < share->n_rows; i++)
    fill_row (share->filler, share->group, &share->rows[i], (share->first + i) * share->filler->layout->view.bytes_per_row);
  return NULL;
}

static void
begin_filling (Filler *filler, const Filler *like)
{
  *filler = (Filler) { .layout = like->layout, .is_selected_stack = like->is_selected_stack, .n_stacks = like->n_stacks,
                       .is_by_stack = like->is_by_stack, .last_stack = G_MAXUINT32, .column = -1 };
  filler->cells = g_array_new (FALSE, FALSE, sizeof (HatMapCell));
}

/* What a thread filled comes after what is there. */
static void
join_filled (Filler *filler, Filler *other, const Share *share)
{
  for (guint i = 0; i < share->n_rows; i++)
    share->rows[i].first_cell += filler->cells->len;
  g_array_append_vals (filler->cells, other->cells->data, other->cells->len);
  g_array_unref (other->cells);
  for (guint i = 0; i < G_N_ELEMENTS (filler->swatch_bytes); i++)
    filler->swatch_bytes[i] += other->swatch_bytes[i];
  filler->n_selected += other->n_selected;
  filler->selected_bytes += other->selected_bytes;
  filler->has_stripes |= other->has_stripes;
}

/* Rows that follow each other, with their y and region. */
static void
fill_rows (Filler *filler, const HatMapGroup *group, HatMapRow *rows, guint n_rows, guint64 first)
{
  const double in_sight = (double) group->n_blocks * n_rows / MAX (rows_of (group, filler->layout->view.bytes_per_row), 1);
  const guint n_threads = MIN (MIN (MOST_THREADS, g_get_num_processors ()), MIN ((guint) (in_sight / MANY_BLOCKS), n_rows));
  g_autofree Filler *fillers = g_new (Filler, MAX (n_threads, 1));
  GThread *threads[MOST_THREADS];
  Share shares[MOST_THREADS];

  if (n_threads < 2)
    {
      Share all = { filler, group, rows, n_rows, first };
      fill_share (&all);
      return;
    }
  for (guint i = 0; i < n_threads; i++)
    {
      const guint start = n_rows * i / n_threads, end = n_rows * (i + 1) / n_threads;
      begin_filling (&fillers[i], filler);
      shares[i] = (Share) { &fillers[i], group, rows + start, end - start, first + start };
      threads[i] = g_thread_new ("map", fill_share, &shares[i]);
    }
  for (guint i = 0; i < n_threads; i++)
    {
      g_thread_join (threads[i]);
      join_filled (filler, &fillers[i], &shares[i]);
    }
}

static void
place_group (Filler *filler, guint g, double top, GArray *regions, GArray *rows)
{
  const HatMapLayout *layout = filler->layout;
  const HatMapGroup *group = layout->model->groups->pdata[g];
  double pitch = layout->row_height + layout->row_gap, rows_top = top + HEADER_HEIGHT;
  double plot_bottom = layout->plot.y + layout->plot.height;
  guint64 n_rows = rows_of (group, layout->view.bytes_per_row), first = 0;
  HatMapRegion region = {
    .header = { layout->plot.x, top, layout->plot.width, HEADER_HEIGHT - 2 },
    .group = g,
    .fill = hat_heap_sample_bytes (layout->model->heap) > 0 ? -1
            : group->size                                   ? (double) group->bytes / (double) group->size
                                                            : 0,
    .first_row = rows->len,
    .y = rows_top,
    .height = (double) n_rows * pitch,
  };

  if (rows_top + region.height < layout->plot.y || top > plot_bottom)
    return;
  region.label = region_label (layout->model, group, region.fill, layout->view.bytes_per_row);
  if (rows_top < layout->plot.y)
    first = (guint64) ((layout->plot.y - rows_top) / pitch);
  for (guint64 r = first; r < n_rows && rows_top + (double) r * pitch < plot_bottom; r++)
    {
      const HatMapRow row = { .y = rows_top + (double) r * pitch, .region = regions->len };
      g_array_append_val (rows, row);
    }
  if (rows->len > region.first_row)
    fill_rows (filler, group, &g_array_index (rows, HatMapRow, region.first_row), rows->len - region.first_row, first);
  region.n_rows = rows->len - region.first_row;
  g_array_append_val (regions, region);
}

static void
place_groups (HatMapLayout *layout, Filler *filler)
{
  GArray *regions = g_array_new (FALSE, FALSE, sizeof (HatMapRegion));
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (HatMapRow));
  double top = layout->plot.y - layout->view.scroll_px, pitch = layout->row_height + layout->row_gap;

  for (guint g = 0; g < layout->model->groups->len; g++)
    {
      place_group (filler, g, top, regions, rows);
      top += HEADER_HEIGHT + REGION_SPACE
             + (double) rows_of (layout->model->groups->pdata[g], layout->view.bytes_per_row) * pitch;
    }
  layout->n_regions = regions->len;
  layout->n_rows = rows->len;
  layout->n_cells = filler->cells->len;
  layout->regions = (HatMapRegion *) g_array_free (regions, FALSE);
  layout->rows = (HatMapRow *) g_array_free (rows, FALSE);
  layout->cells = (HatMapCell *) g_array_free (g_steal_pointer (&filler->cells), FALSE);
  layout->n_selected = filler->n_selected;
  layout->selected_bytes = filler->selected_bytes;
  layout->has_stripes = filler->has_stripes;
}

static gint
compare_swatches (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatSwatch *x = a, *y = b;
  const guint64 *bytes = data;

  /* Sequences keep their order; categories the biggest first, "other" last. */
  if (*x >= HAT_SWATCH_SEQUENCE || *y >= HAT_SWATCH_SEQUENCE)
    return (gint) *x - (gint) *y;
  if (*x == HAT_SWATCH_OTHER || *y == HAT_SWATCH_OTHER)
    return (*x == HAT_SWATCH_OTHER) - (*y == HAT_SWATCH_OTHER);
  return bytes[*x] > bytes[*y] ? -1 : bytes[*x] < bytes[*y] ? 1 : (gint) *x - (gint) *y;
}

static void
place_legend (HatMapLayout *layout, Filler *filler, HatRect area)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (HatLegendItem));
  HatSwatch swatches[256];
  gboolean is_sample = hat_heap_sample_bytes (layout->model->heap) > 0;
  guint n = 0;

  for (guint s = 0; s < 256; s++)
    if (filler->swatch_bytes[s])
      swatches[n++] = s;
  g_qsort_with_data (swatches, n, sizeof (HatSwatch), compare_swatches, filler->swatch_bytes);
  for (guint i = 0; i < n; i++)
    {
      HatLegendItem item = { .swatch = swatches[i], .key = swatches[i] };
      if (swatches[i] >= HAT_SWATCH_CLASS)
        item.label = g_strdup (hat_leak_class_name (swatches[i] - HAT_SWATCH_CLASS));
      else if (layout->style.graph)
        item.label = g_strdup ("not in the snapshot");
      else
        item.label = hat_colors_label (layout->style.colors, layout->style.by, swatches[i]);
      if (!item.label)
        item.label = g_strdup ("other");
      item.detail = hat_format_bytes (filler->swatch_bytes[swatches[i]]);
      if (is_sample)
        {
          char *bytes = item.detail;
          item.detail = g_strdup_printf ("%s in the sample", bytes);
          g_free (bytes);
        }
      g_array_append_val (items, item);
    }
  if (layout->has_stripes)
    {
      const HatSwatch worst = swatches[0];
      HatLegendItem item = { .swatch = worst, .key = worst, .label = g_strdup ("as a stripe: some of what lies here") };
      g_array_append_val (items, item);
    }
  hat_legend_place (&layout->legend, items, area);
}

static HatRect
place_parts (HatMapLayout *layout)
{
  double top = layout->style.title ? 36 : 6;
  double legend_rows = layout->height >= 500 ? 2 : layout->height >= 220 ? 1 : 0;
  HatRect legend = { EDGE, layout->height - legend_rows * 18 - 6, layout->width - 2 * EDGE, legend_rows * 18 };

  if (layout->style.title)
    layout->title = (HatRect){ EDGE, 6, layout->width - 2 * EDGE, 28 };
  layout->plot = (HatRect){ EDGE, top, MAX (floor (layout->width - 2 * EDGE), 32), MAX (legend.y - 8 - top, 40) };
  return legend;
}

static void
mark_selected_stacks (Filler *filler)
{
  GHashTableIter iter;
  gpointer stack;

  if (!filler->layout->style.selected_stacks)
    return;
  hat_trace_stacks (hat_heap_trace (filler->layout->model->heap), &filler->n_stacks);
  filler->is_selected_stack = g_new0 (guint8, filler->n_stacks + 1);
  g_hash_table_iter_init (&iter, filler->layout->style.selected_stacks);
  while (g_hash_table_iter_next (&iter, &stack, NULL))
    if (GPOINTER_TO_UINT (stack) < filler->n_stacks)
      filler->is_selected_stack[GPOINTER_TO_UINT (stack)] = TRUE;
}

HatMapLayout *
hat_map_layout_new (HatMapModel *model, const HatMapStyle *style, HatMapView view, double width, double height)
{
  HatMapLayout *layout = g_new0 (HatMapLayout, 1);
  g_autofree Filler *filler = g_new0 (Filler, 1);
  HatRect legend;

  layout->model = hat_map_model_ref (model);
  layout->trace = hat_heap_trace (model->heap);
  layout->style = *style;
  layout->width = width;
  layout->height = height;
  legend = place_parts (layout);
  if (view.bytes_per_row)
    set_zoom (layout, CLAMP (view.bytes_per_row, MIN_BYTES_PER_ROW, MAX_BYTES_PER_ROW));
  else
    zoom_to_fit (layout);
  layout->view.scroll_px = CLAMP (view.scroll_px, 0, MAX (layout->content_height - layout->plot.height, 0));
  layout->is_single = layout->bytes_per_px <= 8;

  filler->layout = layout;
  filler->cells = g_array_new (FALSE, FALSE, sizeof (HatMapCell));
  filler->column = -1;
  filler->is_by_stack = !style->graph && (style->by == HAT_BY_SITE || style->by == HAT_BY_FUNCTION || style->by == HAT_BY_MODULE);
  filler->last_stack = G_MAXUINT32;
  mark_selected_stacks (filler);
  place_groups (layout, filler);
  g_free (filler->is_selected_stack);
  place_legend (layout, filler, legend);
  return layout;
}

void
hat_map_layout_free (HatMapLayout *layout)
{
  if (!layout)
    return;
  for (guint i = 0; i < layout->n_regions; i++)
    g_free (layout->regions[i].label);
  g_free (layout->regions);
  g_free (layout->rows);
  g_free (layout->cells);
  hat_legend_clear (&layout->legend);
  hat_map_model_unref (layout->model);
  g_free (layout);
}

/* ---- zoom ---- */

/* The view at a zoom with an offset of a group at height `y` of the picture. */
static HatMapView
view_with (const HatMapLayout *layout, guint64 bytes_per_row, guint group, guint64 offset, double y)
{
  HatMapLayout probe = *layout;
  double top = 0, pitch;

  set_zoom (&probe, CLAMP (bytes_per_row, MIN_BYTES_PER_ROW, MAX_BYTES_PER_ROW));
  pitch = probe.row_height + probe.row_gap;
  for (guint g = 0; g < group; g++)
    top += HEADER_HEIGHT + REGION_SPACE
           + (double) rows_of (layout->model->groups->pdata[g], probe.view.bytes_per_row) * pitch;
  top += HEADER_HEIGHT + (double) (offset / probe.view.bytes_per_row) * pitch;
  probe.view.scroll_px = CLAMP (top - (y - layout->plot.y), 0, MAX (probe.content_height - layout->plot.height, 0));
  return probe.view;
}

static const HatMapRow *
row_at (const HatMapLayout *layout, double y)
{
  guint low = 0, high = layout->n_rows;

  if (y < layout->plot.y || y >= layout->plot.y + layout->plot.height)
    return NULL;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (layout->rows[middle].y <= y)
        low = middle + 1;
      else
        high = middle;
    }
  if (!low || y >= layout->rows[low - 1].y + layout->row_height + layout->row_gap)
    return NULL;
  return &layout->rows[low - 1];
}

/* Offset in the group of a row under x; FALSE right of its end. */
static gboolean
offset_at (const HatMapLayout *layout, const HatMapRow *row, double x, guint *out_group, guint64 *out_offset)
{
  guint64 start;

  if (x < layout->plot.x || x >= layout->plot.x + row->width
      || !hat_map_find (layout->model, row->address, out_group, &start))
    return FALSE;
  *out_offset = start + (guint64) ((x - layout->plot.x) * layout->bytes_per_px);
  return *out_offset < ((HatMapGroup *) layout->model->groups->pdata[*out_group])->size;
}

HatMapView
hat_map_layout_zoom (const HatMapLayout *layout, double x, double y, gint steps)
{
  const HatMapRow *row = row_at (layout, y);
  guint64 bytes = layout->view.bytes_per_row, offset;
  guint group;

  for (; steps > 0 && bytes > MIN_BYTES_PER_ROW; steps--)
    bytes /= 2;
  for (; steps < 0 && bytes < MAX_BYTES_PER_ROW; steps++)
    bytes *= 2;
  if (row && offset_at (layout, row, x, &group, &offset))
    return view_with (layout, bytes, group, offset, y);
  return view_with (layout, bytes, 0, 0, layout->plot.y + HEADER_HEIGHT - layout->view.scroll_px);
}

HatMapView
hat_map_layout_show (const HatMapLayout *layout, guint64 address)
{
  const HatBlock *block = hat_live_find (layout->model->live, address);
  guint64 bytes = layout->view.bytes_per_row, offset;
  guint group;

  if (!hat_map_find (layout->model, address, &group, &offset))
    return layout->view;
  while (bytes > MIN_BYTES_PER_ROW && block
         && (double) MAX (block->size, 1) / ((double) bytes / layout->plot.width) < SINGLE_PX)
    bytes /= 2;
  return view_with (layout, bytes, group, offset, layout->plot.y + layout->plot.height / 2);
}

/* ---- hits ---- */

static const HatMapCell *
cell_at (const HatMapLayout *layout, const HatMapRow *row, double x)
{
  guint low = row->first_cell, high = row->first_cell + row->n_cells;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (layout->cells[middle].x <= x)
        low = middle + 1;
      else
        high = middle;
    }
  /* A wide cell may begin inside the pixel of the shared one before it. */
  for (guint i = 0; i < 2 && low > row->first_cell + i; i++)
    if (x < layout->cells[low - 1 - i].x + layout->cells[low - 1 - i].width)
      return &layout->cells[low - 1 - i];
  return NULL;
}

static void
hit_row (const HatMapLayout *layout, const HatMapRow *row, double x, HatMapHit *hit)
{
  const HatMapCell *cell;
  const HatMapPiece *piece;
  guint group;
  guint64 offset;

  if (!offset_at (layout, row, x, &group, &offset))
    return;
  piece = hat_map_piece_at (layout->model->groups->pdata[group], offset);
  hit->address = piece->start + (offset - piece->offset);
  cell = cell_at (layout, row, x);
  if (!cell)
    return;
  hit->block = &layout->model->live->blocks[cell->first_block];
  hit->n_blocks = cell->n_blocks;
  hit->fill = cell->fill;
  hit->rect = (HatRect){ cell->x, row->y, cell->width, layout->row_height };
}

gboolean
hat_map_layout_hit (const HatMapLayout *layout, double x, double y, HatMapHit *out_hit)
{
  HatMapHit hit = { .region = -1 };
  const HatMapRow *row = row_at (layout, y);

  hit.legend_item = hat_legend_hit (&layout->legend, x, y);
  if (row)
    {
      hit.region = row->region;
      hit_row (layout, row, x, &hit);
    }
  else if (hat_rect_has (&layout->plot, x, y))
    for (guint i = 0; i < layout->n_regions; i++)
      if (hat_rect_has (&layout->regions[i].header, x, y))
        hit.region = i;
  *out_hit = hit;
  return hit.region >= 0 || hit.legend_item >= 0;
}

static void
append_block (GString *text, const HatMapLayout *layout, const HatBlock *block)
{
  HatTrace *trace = hat_heap_trace (layout->model->heap);
  guint n_threads;
  const HatThread *threads = hat_trace_threads (trace, hat_heap_process (layout->model->heap), &n_threads);
  g_autofree char *address = hat_format_address (block->address), *size = hat_format_bytes (block->size);
  g_autofree char *age = hat_format_time (MAX (layout->model->live->time_ns - block->birth_ns, 0));
  g_autofree char *function = hat_format_function (hat_stack_function (trace, block->stack), 60);

  g_string_append_printf (text, "%s: %s, %s", address, size, function);
  if (block->thread < n_threads && threads[block->thread].name)
    g_string_append_printf (text, ", thread %s", threads[block->thread].name);
  g_string_append_printf (text, ", %s old", age);
  const guint64 index = (guint64) (block - layout->model->live->blocks);
  const guint32 at = layout->style.graph ? hat_graph_find_block (layout->style.graph, index, block) : HAT_GRAPH_NONE;
  if (at != HAT_GRAPH_NONE)
    g_string_append_printf (text, ", %s", hat_leak_class_name (hat_graph_leak_class (layout->style.graph, at)));
  g_autofree char *stands_for = hat_stands_for_words (layout->model->heap, block->size);
  if (stands_for)
    g_string_append_printf (text, "; %s", stands_for);
}

char *
hat_map_hit_text (const HatMapLayout *layout, const HatMapHit *hit)
{
  GString *text = g_string_new (NULL);

  if (hit->block && hit->n_blocks == 1)
    append_block (text, layout, hit->block);
  else if (hit->block)
    {
      g_autofree char *span = hat_format_bytes ((guint64) MAX (layout->bytes_per_px, 1));
      g_autofree char *count = hat_format_count (hit->n_blocks), *address = hat_format_address (hit->address);
      if (hat_heap_sample_bytes (layout->model->heap) > 0)
        g_string_printf (text, "%s: %s blocks of the sample in %s", address, count, span);
      else
        g_string_printf (text, "%s: %s blocks in %s, %.0f %% filled", address, count, span, hit->fill * 100);
    }
  else if (hit->address)
    {
      g_autofree char *address = hat_format_address (hit->address);
      g_string_printf (text, hat_heap_sample_bytes (layout->model->heap) > 0 ? "%s: free, or not in the sample" : "%s: free", address);
    }
  else if (hit->region >= 0)
    g_string_assign (text, layout->regions[hit->region].label);
  else if (hit->legend_item >= 0)
    g_string_printf (text, "%s: %s", layout->legend.items[hit->legend_item].label,
                     layout->legend.items[hit->legend_item].detail);
  return g_string_free (text, FALSE);
}

gboolean
hat_map_layout_block_rect (const HatMapLayout *layout, const HatBlock *block, HatRect *out_rect)
{
  guint group;
  guint64 offset;

  if (!hat_map_find (layout->model, block->address, &group, &offset))
    return FALSE;
  for (guint i = 0; i < layout->n_regions; i++)
    if (layout->regions[i].group == group)
      {
        guint64 bytes = layout->view.bytes_per_row, row = offset / bytes;
        double x = (double) (offset - row * bytes) / layout->bytes_per_px;
        double y = layout->regions[i].y + (double) row * (layout->row_height + layout->row_gap);

        if (y + layout->row_height <= layout->plot.y || y >= layout->plot.y + layout->plot.height)
          return FALSE;
        *out_rect = (HatRect){ layout->plot.x + x, y,
                               MIN ((double) MAX (block->size, 1) / layout->bytes_per_px, layout->plot.width - x),
                               layout->row_height };
        return TRUE;
      }
  return FALSE;
}
