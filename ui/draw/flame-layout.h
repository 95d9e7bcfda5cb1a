/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The flame graph's arithmetic (icicle: root on top): one box per node of the tree that is at least half a pixel
 * wide; runs of narrower ones are merged into one box. */

#include "ui/draw/colors.h"

G_BEGIN_DECLS

/* Borrowed: must outlive the layout. */
typedef struct
{
  const HatTree *tree;
  HatColors *colors;   /* of functions that allocate much; may be NULL */
  guint root;          /* node shown at full width; 0 = everything */
  const char *search;  /* highlights functions and modules that contain it, without case; NULL or "" = none */
  guint selected;      /* node, or G_MAXUINT */
  const char *title;   /* NULL: none */
  gboolean has_legend;
  double scroll_px;    /* for trees deeper than the height */
} HatFlameInput;

typedef struct
{
  HatRect rect;
  guint node;      /* the first one if merged */
  guint n_merged;  /* 1 = itself */
  HatSwatch swatch;
  gboolean is_match, is_ancestor; /* ancestor of the zoom root: full width, dim */
} HatFlameBox;

typedef struct
{
  HatFlameInput input;
  double width, height;
  HatRect plot, title;
  double row_height;
  double content_height;
  guint n_boxes;
  HatFlameBox *boxes;   /* by row, then left to right */
  guint n_crumbs;
  guint *crumbs;        /* nodes from 0 to root, both included */
  guint64 match_cost;   /* of topmost matches: nothing counted twice */
  double match_variance;
  guint n_matches;
  guint64 total;        /* of root */
  HatLegend legend;     /* key = swatch */
} HatFlameLayout;

HatFlameLayout *hat_flame_layout_new (const HatFlameInput *input, double width, double height);
void hat_flame_layout_free (HatFlameLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatFlameLayout, hat_flame_layout_free)

gint hat_flame_layout_hit (const HatFlameLayout *layout, double x, double y); /* box, or -1 */
gint hat_flame_layout_find (const HatFlameLayout *layout, guint node);        /* box of a node, or -1 */
/* "session_new (server.c:88): 12.4 MiB, 33 % of all, 1.2 MiB of its own". g_free'd. */
char *hat_flame_box_text (const HatFlameLayout *layout, guint box);
char *hat_flame_cost_text (HatCost cost, guint64 value, guint64 error); /* "12.4 MiB", "~1,234 ±100 allocations"; g_free'd */
char *hat_flame_summary (const HatTree *tree);

G_END_DECLS
