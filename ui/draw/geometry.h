/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every picture's layout shares: rectangles, axis ticks, legends, the list of views. Pixels are logical (the
 * painter's cairo scale makes them finer); layouts know neither cairo nor GTK. */

#include "core/heap/heap.h"

G_BEGIN_DECLS

/* The pictures of a recording. */
typedef enum
{
  HAT_VIEW_OVERVIEW,
  HAT_VIEW_TIMELINE,
  HAT_VIEW_MAP,
  HAT_VIEW_GRAPH,
  HAT_VIEW_CALLS,
  HAT_VIEW_LEAKS,
  HAT_VIEW_TYPES,
  HAT_VIEW_SIZES,
} HatView;
#define HAT_N_VIEWS 8

const char *hat_view_name (HatView view);                             /* "overview", as on the command line */
const char *hat_view_title (HatView view);                            /* "Overview", as people read it */
gboolean hat_view_parse (const char *name, HatView *out_view);        /* "flame" = calls, "lifetimes" = sizes */

typedef struct
{
  double x, y, width, height;
} HatRect;

gboolean hat_rect_has (const HatRect *rect, double x, double y);

/* A colour by meaning; hat_palette_swatch() turns it into a colour. 0 to 11: category; HAT_SWATCH_OTHER: all else,
 * grey; HAT_SWATCH_SEQUENCE + 0 to 31: from least to most; HAT_SWATCH_CLASS + HatLeakClass: what is lost (POSSIBLE is
 * hatched). */
typedef guint8 HatSwatch;
#define HAT_N_CATEGORIES 12
#define HAT_SWATCH_OTHER 12
#define HAT_SWATCH_RSS 13   /* the thin line of the timeline */
#define HAT_SWATCH_TOTAL 14 /* its firm one */
#define HAT_SWATCH_SEQUENCE 32
#define HAT_SWATCH_STEPS 32
#define HAT_SWATCH_CLASS 64
HatSwatch hat_swatch_sequence (double share); /* 0 to 1 */

typedef struct
{
  double value;    /* bytes, nanoseconds, count */
  double position; /* pixels along the axis, 0 at its start */
  char *label;
} HatTick;

typedef enum
{
  HAT_AXIS_BYTES, /* steps of 1, 2, 4, 8... units of 1024 */
  HAT_AXIS_TIME,  /* steps of 1, 2, 5, then 10, 30 s, 1, 2, 5 min... */
  HAT_AXIS_COUNT, /* 1, 2, 5 */
} HatAxisKind;

/* Ticks of [from, to] over `length` pixels, at least `gap` apart, at round values; labels all in one unit. Never
 * more than length / gap + 1. Free with hat_ticks_free(). */
HatTick *hat_ticks_new (HatAxisKind kind, double from, double to, double length, double gap, guint *out_n);
void hat_ticks_free (HatTick *ticks, guint n);
/* The smallest round value >= max, so that a tick is at the top of the axis. */
double hat_axis_round_up (HatAxisKind kind, double max, double length, double gap);

typedef struct
{
  HatRect rect;
  HatSwatch swatch;
  char *label;
  char *detail; /* "1.2 MiB", or NULL */
  guint64 key;  /* what it stands for, see the picture */
} HatLegendItem;

typedef struct
{
  HatRect rect;
  guint n;
  HatLegendItem *items; /* those that had room */
} HatLegend;

/* Width of a text in the small font of pictures. */
double hat_text_width (const char *text);
/* Places items left to right in rows inside `area`, one below the other if it is narrow; items without room are
 * freed, but not "other" if it is the last. Takes the items (a GArray of HatLegendItem). Sets legend->rect to what was used. */
void hat_legend_place (HatLegend *legend, GArray *items, HatRect area);
gint hat_legend_hit (const HatLegend *legend, double x, double y); /* item, or -1 */
void hat_legend_clear (HatLegend *legend);

G_END_DECLS
