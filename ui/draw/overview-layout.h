/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers before the questions: facts of a whole process, one card each, and where the cards go. The window
 * builds clickable widgets from the same cards and paints their small pictures with overview-paint.h. */

#include "core/graph/graph.h"
#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_CARD_PEAK,      /* small picture: the timeline with the peak marked; parts: the sites of the peak */
  HAT_CARD_LIVE,      /* live at the end; parts: its sites */
  HAT_CARD_UNFREED,   /* lost, or if there is no graph never freed; parts: the groups */
  HAT_CARD_GROWING,   /* sparkline of the steepest */
  HAT_CARD_TEMPORARY, /* allocated and freed at once; share as a bar */
  HAT_CARD_WASTE,     /* usable - requested; share as a bar */
  HAT_CARD_RSS,       /* resident memory against heap: two lines */
} HatCardKind;
#define HAT_N_CARDS 7

typedef struct
{
  char *label, *detail; /* "session_new", "12.4 MiB" */
  double share;         /* of the whole, 0 to 1 */
  HatStackId stack;     /* HAT_STACK_NONE: stands for none */
} HatCardPart;

typedef struct
{
  HatCardKind kind;
  char *title;     /* "Peak" */
  char *number;    /* "93.1 MiB" */
  char *sentence;  /* "Most memory was live after 4.10 s; five functions hold 84 % of it." */
  gboolean is_warning; /* something to look at */
  HatView target;  /* the view that proves it */
  HatCost target_cost; /* when that is calls */
  gint64 target_ns;/* instant to put the cursor at, or -1 */
  guint n_parts;
  HatCardPart *parts; /* at most 12, the biggest first */
  double share;       /* of bar pictures, 0 to 1; -1: none */
  guint n_points;
  guint64 *points;    /* of line pictures, at equal steps over `range` */
  HatRange range;     /* the process' life */
  guint64 *points2;   /* second line (RSS), or NULL */
  gint marked_point;  /* or -1 */
  gboolean is_pending; /* its number is not worked out yet */
} HatCard;

typedef struct
{
  char *title, *subtitle; /* "redis-server", "41 s, 12.4 M events, 0 lost" */
  char *nothing; /* why there are no cards, or NULL */
  guint n_cards;
  HatCard *cards;
} HatOverview;

/* How much to work out; the other cards are there, in their places, and pending. */
typedef enum
{
  HAT_OVERVIEW_AT_HAND,   /* what the trace's summary tells: at once */
  HAT_OVERVIEW_BUT_GRAPH, /* all but what is lost */
  HAT_OVERVIEW_ALL,
} HatOverviewExtent;

/* `graph`: of the snapshot that tells what is lost, or NULL: what was never freed is told instead. */
HatOverview *hat_overview_new (HatHeap *heap, HatGraph *graph, HatOverviewExtent extent, const HatProgress *progress, GError **error);
void hat_overview_free (HatOverview *overview);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatOverview, hat_overview_free)

typedef struct
{
  const HatOverview *overview; /* borrowed */
  double width, height;
  HatRect title;
  guint n_rects;
  HatRect *rects;              /* of card i */
} HatOverviewLayout;
HatOverviewLayout *hat_overview_layout_new (const HatOverview *overview, double width, double height);
void hat_overview_layout_free (HatOverviewLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatOverviewLayout, hat_overview_layout_free)
gint hat_overview_layout_hit (const HatOverviewLayout *layout, double x, double y); /* card, or -1 */
/* "stripped: 83 % from functions without names"; NULL: there are enough. g_free'd. */
char *hat_nameless_words (HatHeap *heap);
char *hat_overview_summary (const HatOverview *overview);

G_END_DECLS
