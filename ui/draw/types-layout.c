/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of bytes, and what lies around them. */

#include "ui/draw/types-layout.h"

#include <math.h>
#include <string.h>

#define EDGE 16.0
#define LINE 22.0
#define FEW_LINES 4 /* of the table, where a type needs the room */
#define ROW 24.0
#define ROW_GAP 2.0
#define GUTTER 58.0       /* offsets */
#define RULER_HEAD 38.0   /* title, numbers of bytes */
#define RULER_SPACE 28.0  /* between two of them */
#define MAX_BYTES_WIDTH 760.0
#define SIDE_BY_SIDE 680.0
#define TAB_HEIGHT 24.0

enum
{
  MIN_FOLDED = 6, /* full rows of one box: with fewer, all are shown */
  SHOWN_FIRST = 2,
  MAX_ROWS = 100000, /* of what a damaged file calls a type */
};

/* ---- rows ---- */

/* The full rows in the middle of a large field say nothing that the first and last do not. */
static gboolean
fold_of (const HatTypeOrder *order, guint box, guint64 *out_from, guint64 *out_rows)
{
  const HatTypeBox *it = &order->boxes[box];
  const guint64 first = (it->bit + 63) / 64, end = (it->bit + it->bits) / 64;
  gboolean is_alone = box + 1 == order->n || order->boxes[box + 1].bit >= it->bit + it->bits;

  if (!is_alone || end < first + MIN_FOLDED)
    return FALSE;
  *out_from = first + SHOWN_FIRST;
  *out_rows = end - 1 - *out_from;
  return TRUE;
}

static void
add_row (GArray *rows, guint64 row, guint64 n_folded)
{
  const HatRulerRow *last = rows->len ? &g_array_index (rows, HatRulerRow, rows->len - 1) : NULL;
  if (last && last->byte >= row * 8)
    return;
  HatRulerRow made = { .byte = row * 8, .n_folded = n_folded, .height = ROW - ROW_GAP };
  made.y = rows->len * ROW;
  g_array_append_val (rows, made);
}

static void
add_rows (HatRuler *ruler)
{
  GArray *rows = g_array_new (FALSE, TRUE, sizeof (HatRulerRow));

  for (guint i = 0; i < ruler->order->n; i++)
    {
      const HatTypeBox *box = &ruler->order->boxes[i];
      guint64 fold = G_MAXUINT64, n_folded = 0;
      gboolean is_folded = fold_of (ruler->order, i, &fold, &n_folded);
      for (guint64 row = box->bit / 64; row * 64 < box->bit + box->bits && rows->len < MAX_ROWS; row += is_folded && row == fold ? n_folded : 1)
        add_row (rows, row, is_folded && row == fold ? n_folded * 8 : 0);
    }
  ruler->n_rows = rows->len;
  ruler->rows = (HatRulerRow *) g_array_free (rows, FALSE);
}

static guint
row_of (const HatRuler *ruler, guint64 byte)
{
  guint low = 0, high = ruler->n_rows;
  while (high - low > 1)
    {
      guint middle = (low + high) / 2;
      if (ruler->rows[middle].byte <= byte)
        low = middle;
      else
        high = middle;
    }
  return low;
}

/* What bits cover of a row. */
static HatRect
rect_of (const HatRuler *ruler, const HatRulerRow *row, guint64 bit, guint64 end)
{
  const guint64 from = MAX (bit, row->byte * 8) - row->byte * 8, to = MIN (end - row->byte * 8, 64);

  return (HatRect){ ruler->bytes.x + from * ruler->bytes.width / 64, ruler->bytes.y + row->y, (to - from) * ruler->bytes.width / 64, row->height };
}

static void
add_marks (HatRuler *ruler, guint64 bit, guint64 bits)
{
  if (bits == 0 || ruler->n_rows == 0)
    return;
  for (guint row = row_of (ruler, bit / 8); row < ruler->n_rows && ruler->rows[row].byte * 8 < bit + bits; row++)
    if (ruler->n_marks < G_N_ELEMENTS (ruler->marks))
      ruler->marks[ruler->n_marks++] = rect_of (ruler, &ruler->rows[row], bit, bit + bits);
}

static void
add_parts (HatRuler *ruler)
{
  GArray *parts = g_array_new (FALSE, TRUE, sizeof (HatRulerPart));

  for (guint i = 0; i < ruler->order->n; i++)
    {
      const HatTypeBox *box = &ruler->order->boxes[i];
      const guint64 end = box->bit + box->bits;
      guint first = parts->len, widest = first;
      for (guint row = row_of (ruler, box->bit / 8); row < ruler->n_rows && ruler->rows[row].byte * 8 < end; row++)
        {
          HatRulerPart part = { .box = i, .is_joined = parts->len > first };
          part.rect = rect_of (ruler, &ruler->rows[row], box->bit, end);
          g_array_append_val (parts, part);
          if (part.rect.width > g_array_index (parts, HatRulerPart, widest).rect.width + 0.5)
            widest = parts->len - 1;
        }
      if (parts->len > first)
        g_array_index (parts, HatRulerPart, widest).has_label = TRUE;
    }
  ruler->n_parts = parts->len;
  ruler->parts = (HatRulerPart *) g_array_free (parts, FALSE);
}

static void
place_ruler (HatTypesLayout *layout, const HatTypeOrder *order, const char *title, double x, double y, double width)
{
  HatRuler *ruler = &layout->rulers[layout->n_rulers++];

  ruler->order = order;
  ruler->title = title;
  ruler->bytes = (HatRect){ x + GUTTER, y + RULER_HEAD, MAX (MIN (width - GUTTER, MAX_BYTES_WIDTH), 64), 0 };
  add_rows (ruler);
  ruler->bytes.height = ruler->n_rows * ROW;
  ruler->rect = (HatRect){ x, y, GUTTER + ruler->bytes.width, RULER_HEAD + ruler->bytes.height };
  add_parts (ruler);
  layout->content_height = MAX (layout->content_height, ruler->rect.y + ruler->rect.height - layout->view.y + layout->input.scroll_px);
}

static void
place_rulers (HatTypesLayout *layout)
{
  const HatTypeShape *shape = layout->input.shape;
  const HatRect *view = &layout->view;
  const double y = view->y - layout->input.scroll_px;
  const gboolean has_best = shape->best.n > 0, is_wide = view->width >= SIDE_BY_SIDE;
  const double width = has_best && is_wide ? (view->width - RULER_SPACE) / 2 : view->width;

  place_ruler (layout, &shape->now, has_best ? "As it is" : "In memory", view->x, y, width);
  add_marks (&layout->rulers[0], shape->niche_bit, shape->niche_bits);
  if (!has_best)
    return;
  const HatRect *first = &layout->rulers[0].rect;
  if (is_wide)
    place_ruler (layout, &shape->best, "Best order", view->x + width + RULER_SPACE, y, width);
  else
    place_ruler (layout, &shape->best, "Best order", view->x, first->y + first->height + RULER_SPACE / 2, width);
}

/* ---- around them ---- */

/* As many as fit on one line, so that the shown one is among them. */
static void
place_tabs (HatTypesLayout *layout, double y)
{
  const HatTypeShape *shape = layout->input.shape;
  const double room = layout->width - 2 * EDGE;
  g_autofree double *widths = g_new (double, shape->n_tabs + 1);
  double used = 0;
  guint first = 0, n = 0;

  for (guint i = 0; i < shape->n_tabs; i++)
    {
      widths[i] = CLAMP (hat_text_width (shape->tabs[i]) + 24, 44, 260);
      used += widths[i] + 6;
      for (; used > room && first < i && (first < shape->tab || i <= shape->tab); first++)
        used -= widths[first] + 6;
      if (used > room && i > shape->tab)
        break;
      n = i + 1 - first;
    }
  layout->first_tab = first;
  layout->n_tabs = n;
  layout->tabs = g_new0 (HatRect, n + 1);
  double x = EDGE;
  for (guint i = 0; i < n; x += widths[first + i] + 6, i++)
    layout->tabs[i] = (HatRect){ x, y, MIN (widths[first + i], room), TAB_HEIGHT };
}

static const HatSwatch swatches[HAT_N_BOX_KINDS] = {
  [HAT_BOX_POINTER] = 0, [HAT_BOX_NUMBER] = 10, [HAT_BOX_CHOICE] = 5, [HAT_BOX_STRUCT] = 1,
  [HAT_BOX_ARRAY] = 3,   [HAT_BOX_BASE] = 7,       [HAT_BOX_HOLE] = HAT_SWATCH_OTHER, [HAT_BOX_TAIL] = HAT_SWATCH_OTHER,
};

HatSwatch
hat_box_swatch (HatBoxKind kind)
{
  return swatches[kind];
}

/* What there is in this type, no more. */
static void
place_legend (HatTypesLayout *layout)
{
  const HatTypeOrder *order = &layout->input.shape->now;
  GArray *items = g_array_new (FALSE, TRUE, sizeof (HatLegendItem));
  guint seen = 0;

  for (guint i = 0; i < order->n; i++)
    seen |= 1u << order->boxes[i].kind;
  for (guint kind = 0; kind < HAT_N_BOX_KINDS; kind++)
    if (seen & (1u << kind))
      {
        HatLegendItem item = { .swatch = hat_box_swatch (kind), .label = g_strdup (hat_box_kind_title (kind)), .key = kind };
        g_array_append_val (items, item);
      }
  hat_legend_place (&layout->legend, items, (HatRect){ EDGE, layout->height - 26, layout->width - 2 * EDGE, 20 });
}

static double
place_table (HatTypesLayout *layout, double y, guint most)
{
  const HatTypeTable *table = layout->input.table;
  const double head = 70; /* headline, sentence, titles of columns */
  double room = layout->input.shape ? (layout->height - y) * 0.45 : layout->height - y - 26;

  layout->n_lines = room > head + LINE ? (guint) MIN ((room - head) / LINE, MIN (table->n, most)) : 0;
  layout->lines = g_new0 (HatTypesLine, layout->n_lines + 1);
  for (guint i = 0; i < layout->n_lines; i++)
    layout->lines[i] = (HatTypesLine){ { EDGE, y + head + i * LINE, layout->width - 2 * EDGE, LINE }, &table->rows[i] };
  layout->table = (HatRect){ EDGE, y, layout->width - 2 * EDGE, head + layout->n_lines * LINE };
  return y + layout->table.height + 30;
}

/* With so many lines of the table at most. */
static HatTypesLayout *
layout_with (const HatTypesInput *input, double width, double height, guint most)
{
  HatTypesLayout *layout = g_new0 (HatTypesLayout, 1);
  double y = 8;

  layout->input = *input;
  layout->width = width;
  layout->height = height;
  if (input->title)
    {
      layout->title = (HatRect){ EDGE, 6, width - 2 * EDGE, 28 };
      y = 40;
    }
  if (input->table)
    y = place_table (layout, y, most);
  if (!input->shape)
    return layout;
  layout->head = (HatRect){ EDGE, y, width - 2 * EDGE, input->shape->advice ? 60 : 42 };
  y += layout->head.height + 4;
  if (input->shape->n_tabs)
    {
      place_tabs (layout, y);
      y += TAB_HEIGHT + 8;
    }
  place_legend (layout);
  layout->view = (HatRect){ EDGE, y, width - 2 * EDGE, MAX (height - y - 34, 0) };
  place_rulers (layout);
  return layout;
}

HatTypesLayout *
hat_types_layout_new (const HatTypesInput *input, double width, double height)
{
  HatTypesLayout *layout = layout_with (input, width, height, G_MAXUINT);
  const double lacks = layout->content_height - layout->view.height;

  /* A list that goes on is no loss, half of a type is. */
  if (lacks <= 0 || layout->n_lines <= FEW_LINES)
    return layout;
  const guint most = layout->n_lines - MIN ((guint) ceil (lacks / LINE), layout->n_lines - FEW_LINES);
  hat_types_layout_free (layout);
  return layout_with (input, width, height, most);
}

void
hat_types_layout_free (HatTypesLayout *layout)
{
  if (!layout)
    return;
  for (guint i = 0; i < layout->n_rulers; i++)
    {
      g_free (layout->rulers[i].rows);
      g_free (layout->rulers[i].parts);
    }
  hat_legend_clear (&layout->legend);
  g_free (layout->lines);
  g_free (layout->tabs);
  g_free (layout);
}

HatTypesHit
hat_types_layout_hit (const HatTypesLayout *layout, double x, double y)
{
  HatTypesHit hit = { -1, -1, -1 };

  for (guint i = 0; i < layout->n_tabs; i++)
    if (hat_rect_has (&layout->tabs[i], x, y))
      hit.tab = layout->first_tab + i;
  if (!hat_rect_has (&layout->view, x, y))
    return hit;
  for (guint i = 0; i < layout->n_rulers; i++)
    for (guint k = 0; k < layout->rulers[i].n_parts; k++)
      if (hat_rect_has (&layout->rulers[i].parts[k].rect, x, y))
        hit = (HatTypesHit){ i, layout->rulers[i].parts[k].box, -1 };
  return hit;
}

HatRect
hat_types_layout_box (const HatTypesLayout *layout, guint ruler, guint box)
{
  const HatRuler *it = &layout->rulers[ruler];
  for (guint i = 0; i < it->n_parts; i++)
    if (it->parts[i].box == box)
      return it->parts[i].rect;
  return (HatRect){ 0 };
}
