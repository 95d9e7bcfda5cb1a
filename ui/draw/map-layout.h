/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The live-object map's arithmetic: heap regions one under the other, rows of addresses of a fixed span inside
 * them, blocks to scale, gaps left open; address space between regions is not shown.
 *
 * HatMapModel is made once per instant (regions, fill); HatMapLayout once per zoom, scroll, size or colouring, and
 * touches only the blocks that are visible. A layout has at most one cell per pixel column of each visible row,
 * whatever the number of blocks, and is what a widget keeps to repaint from. */

#include "core/graph/graph.h"
#include "ui/draw/colors.h"

G_BEGIN_DECLS

typedef struct _HatMapModel HatMapModel;

/* `live` is borrowed and must outlive the model; the heap and `sample` (may be NULL) belong to the trace. */
HatMapModel *hat_map_model_new (HatHeap *heap, const HatLive *live, const HatSample *sample);
HatMapModel *hat_map_model_ref (HatMapModel *model);
void hat_map_model_unref (HatMapModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatMapModel, hat_map_model_unref)
const HatLive *hat_map_model_live (HatMapModel *model);

typedef struct
{
  guint64 bytes_per_row; /* a power of two >= 64; 0 = so that everything fits */
  double scroll_px;      /* of the content's top */
} HatMapView;

typedef struct
{
  HatColors *colors; /* never NULL; borrowed */
  HatGrouping by;    /* AGE, SIZE, FUNCTION (or SITE), MODULE, THREAD */
  HatGraph *graph;   /* colours are the leak classes in it, whatever `by` says; NULL: they are not. Borrowed */
  gint isolated;     /* only this swatch keeps its colour, or -1 */
  const char *title; /* NULL: none */
  /* What is selected: blocks of these stacks, or of one id. All NULL or 0: nothing. */
  GHashTable *selected_stacks; /* set of GUINT_TO_POINTER (stack) */
  HatBlockId selected_block;
} HatMapStyle;

typedef struct
{
  HatRect header;      /* where its title goes; may be scrolled out */
  guint group;         /* index in the model */
  char *label;         /* "main heap [heap] 0x55d0...: 12.4 MiB, 93 % filled, 12,345 blocks" */
  double fill;         /* 0 to 1; -1: a sample, not known */
  guint first_row, n_rows; /* visible ones, in rows */
  double y, height;    /* of all its rows, visible or not */
} HatMapRegion;

typedef struct
{
  double y;
  double width;       /* the region may end before the row does */
  guint64 address;    /* at its start */
  guint region;       /* in regions */
  guint first_cell, n_cells;
} HatMapRow;

typedef struct
{
  float x, width;
  float fill;         /* share of its bytes that are live blocks */
  guint32 n_blocks;   /* that touch it */
  guint64 first_block;/* index in live->blocks */
  HatSwatch swatch;   /* of the group with most bytes in it */
  HatSwatch second;   /* of the one after it; of leak classes the worst one, if it is not the first */
  guint8 second_share;/* of its bytes, 0 to 255; at most half, and what is worse than most of the cell is a stripe that can be seen */
  gboolean is_selected;
} HatMapCell;

typedef struct
{
  HatMapModel *model;
  HatTrace *trace;     /* the model's, for names */
  HatMapStyle style;
  HatMapView view;     /* bytes_per_row resolved; scroll clamped */
  double width, height;
  HatRect plot, title;
  double content_height; /* of everything; scroll_px <= content_height - plot.height */
  double row_height, row_gap;
  double bytes_per_px;
  gboolean is_single;  /* cells are single blocks, big enough for labels */
  guint n_regions, n_rows, n_cells;
  HatMapRegion *regions;
  HatMapRow *rows;
  HatMapCell *cells;
  gboolean has_stripes; /* some of them show more of a leak class than there is */
  HatLegend legend;    /* key = swatch */
  guint64 n_selected, selected_bytes; /* of the visible blocks */
} HatMapLayout;

HatMapLayout *hat_map_layout_new (HatMapModel *model, const HatMapStyle *style, HatMapView view, double width,
                                  double height);
void hat_map_layout_free (HatMapLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatMapLayout, hat_map_layout_free)

/* The view after zooming by `steps` powers of two (positive: closer), with the address under (x, y) staying in that
 * row. */
HatMapView hat_map_layout_zoom (const HatMapLayout *layout, double x, double y, gint steps);
/* The view at the present zoom (or closer, if single blocks are smaller than a pixel) with that block in the
 * middle. */
HatMapView hat_map_layout_show (const HatMapLayout *layout, guint64 address);

typedef struct
{
  guint64 address;        /* under the pointer; 0 = not in a row */
  const HatBlock *block;  /* there, when single; else the first one of the cell, or NULL in a gap */
  guint64 n_blocks;       /* in the cell */
  double fill;            /* of the cell */
  HatRect rect;           /* of the cell, to outline */
  gint region;            /* in regions (also on its header), or -1 */
  gint legend_item;       /* or -1 */
} HatMapHit;

gboolean hat_map_layout_hit (const HatMapLayout *layout, double x, double y, HatMapHit *out_hit);
/* "0x55d0c0ffee10: 96 B, session_new, thread main, 4.10 s old" or "12 blocks in 16 KiB, 83 % filled: ...".
 * g_free'd. */
char *hat_map_hit_text (const HatMapLayout *layout, const HatMapHit *hit);
/* Where a block is drawn now; FALSE if it is not visible. */
gboolean hat_map_layout_block_rect (const HatMapLayout *layout, const HatBlock *block, HatRect *out_rect);
char *hat_map_summary (HatMapModel *model);

G_END_DECLS
