/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Histograms of sizes (allocated, live), of requested against usable bytes, of lifetimes; and the table of common
 * sizes. */

#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_SIZES_ALLOCATIONS, /* number per size class, temporary ones not told apart */
  HAT_SIZES_LIVE,        /* live bytes per size class: requested, and usable behind it */
  HAT_SIZES_LIFETIMES,   /* number per lifetime class */
  HAT_SIZES_COMMON,      /* table */
} HatSizesPanelKind;
#define HAT_N_SIZES_PANELS 4

typedef struct
{
  HatRect rect;   /* of the bar; for the table: of the row */
  HatRect behind; /* the usable bytes of HAT_SIZES_LIVE */
  double low_y, high_y; /* of the error bar; equal: exact */
  guint index;    /* size class, lifetime class, or row of `common` */
  double label_x; /* middle of its label on the axis */
  char *label;    /* NULL: no room on the axis */
} HatSizesBar;

typedef struct
{
  HatSizesPanelKind kind;
  HatRect rect, plot;
  char *title, *subtitle;
  const char *x_unit, *y_unit;
  guint n_ticks;
  HatTick *ticks;       /* vertical */
  guint n_bars;
  HatSizesBar *bars;
} HatSizesPanel;

typedef struct
{
  const HatSizes *sizes; /* borrowed */
  const char *title_text;
  double width, height;
  HatRect title;
  guint n_panels;
  HatSizesPanel panels[HAT_N_SIZES_PANELS];
} HatSizesLayout;

HatSizesLayout *hat_sizes_layout_new (const HatSizes *sizes, const char *title, double width, double height);
void hat_sizes_layout_free (HatSizesLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSizesLayout, hat_sizes_layout_free)

typedef struct
{
  gint panel, bar; /* -1: none */
} HatSizesHit;
HatSizesHit hat_sizes_layout_hit (const HatSizesLayout *layout, double x, double y);
/* "33 - 64 B: 12,345 allocations (31 %), 400 live, 25.6 KiB". g_free'd; NULL for no bar. */
char *hat_sizes_hit_text (const HatSizesLayout *layout, HatSizesHit hit);
char *hat_sizes_summary (const HatSizes *sizes);

G_END_DECLS
