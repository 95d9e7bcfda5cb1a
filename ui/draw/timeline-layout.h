/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The timeline's arithmetic: live bytes over time, stacked by group, with RSS, marks and the rate of allocations.
 * At most one column per pixel; a column keeps the lowest and the highest value of its time, so that a spike of one
 * event stays visible. */

#include "core/trace/snapshot.h"
#include "ui/draw/colors.h"

G_BEGIN_DECLS

/* Borrowed: must outlive the layout. Only `timeline` is needed. */
typedef struct
{
  const HatTimeline *timeline; /* ask hat_heap_timeline() for hat_timeline_layout_bins() bins, or more */
  HatColors *colors;           /* NULL: bands in their order */
  guint n_marks;
  const HatMark *marks;
  guint n_snapshots;
  const HatSnapshotInfo *snapshots;
  guint n_samples;
  const HatSample *samples;
  const char *title;           /* NULL: none (the window has its own) */
  gboolean has_legend;         /* beside the plot when there is room, else below */
  gint isolated_band;          /* shown alone, or -1 */
} HatTimelineInput;

#define HAT_TIMELINE_TOTAL 100u /* legend keys of the lines */
#define HAT_TIMELINE_RSS 101u

typedef struct
{
  double x, width;
  guint64 min_bytes, max_bytes, last_bytes; /* over the column */
  guint64 error_bytes; /* of last_bytes; 0: exact */
  guint64 rss_bytes;   /* at its end; 0 = not known yet */
  guint64 allocations; /* in it */
} HatTimelineColumn;

typedef struct
{
  double x;        /* of the instant */
  HatRect rect;    /* of the flag with its label; width 0: no room for the label */
  gint64 time_ns;
  const char *label;               /* the mark's, or "snapshot" */
  const HatSnapshotInfo *snapshot; /* NULL: it is a mark */
} HatTimelineFlag;

typedef struct
{
  HatTimelineInput input;
  double width, height;
  gboolean is_compact; /* a strip: no axes, no labels */
  HatRect plot;        /* the stacked bands */
  HatRect rate;        /* the bars under it; height 0: no room */
  HatRect title;
  double top_bytes;    /* value at the top of plot */
  guint64 top_rate;    /* most allocations in one column */
  guint64 top_rss;
  gboolean is_rss_shown; /* else it would dwarf the heap and is told in the legend only */
  guint n_columns;
  HatTimelineColumn *columns;
  guint n_bands;
  guint64 *band_bytes;   /* [band * n_columns + column], at the column's end */
  guint64 *band_errors;  /* the same; NULL: exact */
  HatSwatch *band_swatch;
  guint *stacking;       /* bands from the bottom to the top: as given, or from small to big when grouped by size */
  guint n_x_ticks, n_y_ticks;
  HatTick *x_ticks, *y_ticks;
  guint n_flags;
  HatTimelineFlag *flags;
  double peak_x, peak_y; /* of the highest instant */
  HatRect peak_label;    /* width 0: none */
  char *peak_text;
  HatLegend legend;      /* key = index of the band, or HAT_TIMELINE_* */
} HatTimelineLayout;

guint hat_timeline_layout_bins (double width, double height); /* bins worth asking for: one per pixel of the plot */
HatTimelineLayout *hat_timeline_layout_new (const HatTimelineInput *input, double width, double height);
void hat_timeline_layout_free (HatTimelineLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTimelineLayout, hat_timeline_layout_free)

double hat_timeline_layout_x (const HatTimelineLayout *layout, gint64 time);    /* may lie outside the plot */
gint64 hat_timeline_layout_time (const HatTimelineLayout *layout, double x);    /* clamped to the range */
double hat_timeline_layout_y (const HatTimelineLayout *layout, double bytes);
/* Live bytes at the end of a column, of a band or of all (-1), and the error of that (0: exact). */
guint64 hat_timeline_layout_value (const HatTimelineLayout *layout, guint column, gint band, guint64 *out_error);

typedef struct
{
  gboolean is_inside;  /* in plot or rate */
  gint64 time_ns;
  guint column;
  guint64 total_bytes, total_error, rss_bytes, allocations;
  gint band;           /* under the pointer, or -1 */
  guint64 band_bytes, band_error;
  double band_share;   /* of total, 0 to 1 */
  gint flag;           /* index into flags, or -1 */
  gint legend_item;    /* index into legend.items, or -1 */
} HatTimelineHit;

/* TRUE if there is anything at that point. */
gboolean hat_timeline_layout_hit (const HatTimelineLayout *layout, double x, double y, HatTimelineHit *out_hit);
/* The readout for a hit: "4.10 s: 93.1 MiB live, session_new 31.0 MiB (33 %), RSS 101 MiB". g_free'd. */
char *hat_timeline_hit_text (const HatTimelineLayout *layout, const HatTimelineHit *hit);
/* One sentence about the picture, for assistive tools. g_free'd. */
char *hat_timeline_summary (const HatTimeline *timeline);

G_END_DECLS
