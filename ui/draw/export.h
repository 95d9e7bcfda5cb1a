/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whole pictures, as files or on any cairo surface: what `heapatlas export` and the window's export and copy use
 * (law 8). */

#include <cairo.h>

#include "ui/draw/graph-model.h"
#include "ui/draw/map-layout.h"

G_BEGIN_DECLS

typedef struct
{
  HatView view;
  gint64 at_ns;        /* instant of the map, -1 = the peak; of types, -1 = the end, or the peak if nothing of a known type is live then */
  HatRange range;      /* from == to: the whole process */
  HatGrouping by;      /* bands of the timeline, colours of the map; HAT_BY_NONE = the picture's default */
  gboolean by_class;   /* map: colours are leak classes, at the snapshot */
  HatMapView map;      /* what of it is seen; 0 = everything */
  HatCost cost;        /* of calls */
  guint root;          /* of calls, the node of hat_tree_new() that takes all of the width; 0 = everything */
  const char *search;  /* of calls, what is highlighted; or NULL */
  const char *type;    /* whose layout is drawn (hat_types_find()); NULL = of the one that loses most */
  guint snapshot;      /* of the graph; G_MAXUINT = hat_snapshot_usual() */
  HatGraph *graph;     /* of `snapshot`, as it is; NULL = made with the rules that are kept in the trace */
  HatGraphModel *look; /* the graph's picture as it is seen, or NULL */
  const char *suppressions; /* of leaks, beside those kept in the trace; or NULL */
  guint width, height; /* logical pixels, or points in PDF; 0 = 1280 x 800 */
  double scale;        /* PNG: pixels per logical pixel; 0 = 1 */
  gboolean is_dark, is_high_contrast;
} HatExportOptions;

/* Paints the picture with its title into (0, 0, width, height). */
gboolean hat_export_paint (HatHeap *heap, const HatExportOptions *options, cairo_t *cr,
                           const HatProgress *progress, GError **error);
/* The format follows the extension: .png, .svg, .pdf. Nothing is left behind on failure. Errors: USAGE (extension,
 * size), IO. */
gboolean hat_export_write (HatHeap *heap, const HatExportOptions *options, const char *path,
                           const HatProgress *progress, GError **error);

G_END_DECLS
