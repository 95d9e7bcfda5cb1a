/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The heap model of one process of a trace: timeline, live set at any instant, sites, call trees, sizes, lifetimes, growth.
 *
 * A HatHeap is an immutable version (law 7): every query is a pure function of it, safe from any thread, and returns a result of its
 * own that the caller frees. Queries that may take long take a HatProgress and can be cancelled (HAT_ERROR_CANCELLED);
 * all return NULL (or FALSE) only on error. Answers that the summary holds come at once; an instant costs at most one chunk of
 * replay; ranges cost the events in them.
 * Times are nanoseconds from the start of the recording. A range is (from, to]: events with from < time <= to; the live figures are
 * those after the last event at or before `to`. Use hat_heap_start/end for "everything".
 * Of a sampled recording all figures are estimates, with the variance or error of each beside it (0 or NULL otherwise): see estimate.h. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatHeap HatHeap;

/* Cheap if the trace has a summary; otherwise one replay (with progress). Keeps a reference to the trace. */
HatHeap *hat_heap_new (HatTrace *trace, guint process, const HatProgress *progress, GError **error);
/* The next version, after hat_trace_refresh(): `trace` holds what `heap`'s trace holds and more. Counts the new events only (once: a second
 * refresh of the same version counts from the start). `heap` stays as it was. */
HatHeap *hat_heap_refresh (HatHeap *heap, HatTrace *trace, const HatProgress *progress, GError **error);
HatHeap *hat_heap_ref (HatHeap *heap);
void hat_heap_unref (HatHeap *heap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatHeap, hat_heap_unref)

HatTrace *hat_heap_trace (HatHeap *heap);
guint hat_heap_process (HatHeap *heap);
gint64 hat_heap_start (HatHeap *heap); /* just before the process' first event: start of the process */
gint64 hat_heap_end (HatHeap *heap);   /* end of the process or of the recording */

/* Totals, sites and leaves (none in a sample) of the whole stream; belongs to the heap. */
const HatSummary *hat_heap_summary (HatHeap *heap);

typedef struct
{
  gint64 from, to;
} HatRange;

/* Totals of a range: counts of its events; live at `to`; peak = highest live bytes seen in it (at its start included). */
gboolean hat_heap_totals (HatHeap *heap, HatRange range, HatTotals *out_totals, const HatProgress *progress, GError **error);

/* ---- sites ---- */

/* Of the estimates in a HatSite. Those of different sites are independent: variances of sums are sums. */
typedef struct
{
  double allocations, bytes, frees, bytes_freed, live_blocks, live_bytes, peak_blocks, peak_bytes;
} HatSiteVariance;

/* Half the width of the interval that holds the truth in 95 of 100 recordings. */
guint64 hat_error_of (double variance);

typedef struct
{
  guint n;
  HatSite *sites; /* only those with something to say, by stack; live at `to`, peak at the range's highest instant */
  HatTotals totals;
  HatSiteVariance *variances; /* of a sample, by site; else NULL */
  HatSiteVariance variance;   /* of the totals */
} HatSites;

/* Those of everything, of a sampled recording; NULL: all was recorded, see the summary. Belongs to the heap. */
const HatSites *hat_heap_estimates (HatHeap *heap);

HatSites *hat_heap_sites (HatHeap *heap, HatRange range, const HatProgress *progress, GError **error);
void hat_sites_free (HatSites *sites);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSites, hat_sites_free)

typedef enum
{
  HAT_COST_LIVE,        /* bytes live at the end of the range */
  HAT_COST_PEAK,        /* bytes live at the highest instant */
  HAT_COST_ALLOCATED,   /* bytes allocated, with growth by realloc */
  HAT_COST_ALLOCATIONS, /* number; a reallocation is none */
  HAT_COST_TEMPORARY,   /* number freed at once */
} HatCost;
#define HAT_N_COSTS 5

const char *hat_cost_name (HatCost cost);      /* "live", "peak", "allocated", "allocations", "temporary" */
gboolean hat_cost_is_bytes (HatCost cost);
guint64 hat_site_cost (const HatSite *site, HatCost cost);
double hat_site_cost_variance (const HatSiteVariance *variance, HatCost cost);

/* ---- names of stacks ---- */

/* The frames of a stack as source frames, innermost first (inlines expanded). Free with g_free; the strings are the trace's. */
typedef struct
{
  const char *function;
  const char *file;   /* or NULL */
  const char *module; /* path or "" */
  guint32 line;
  gboolean is_inline;
} HatStackFrame;
HatStackFrame *hat_stack_frames (HatTrace *trace, HatStackId stack, guint *out_n);

/* The innermost function that is the program's own doing: skips libc, the allocator, operator new, allocator wrappers and library
 * plumbing (std::, alloc::, core::, g_malloc, xmalloc...), by names and modules. One of the trace's strings; never NULL. */
const char *hat_stack_function (HatTrace *trace, HatStackId stack);
const char *hat_stack_module (HatTrace *trace, HatStackId stack); /* module path of that function */

/* Share of all allocated bytes whose function has no name but an address, 0 to 1: what allocated them is stripped, and no debug file was found. */
double hat_heap_nameless (HatHeap *heap);

/* ---- grouping ---- */

typedef enum
{
  HAT_BY_NONE,
  HAT_BY_SITE,     /* whole stack */
  HAT_BY_FUNCTION, /* hat_stack_function */
  HAT_BY_MODULE,
  HAT_BY_THREAD,
  HAT_BY_SIZE,     /* power of two classes */
  HAT_BY_TYPE,     /* as the block's stack tells it: hat_type_key() */
  HAT_BY_AGE,      /* decades of age at the instant */
} HatGrouping;
const char *hat_grouping_name (HatGrouping by);
gboolean hat_grouping_parse (const char *name, HatGrouping *out_by);

/* A number for the type that the stack gives to a block of that size, arrays of it apart; 0 = not known. Below hat_type_n_keys(). */
guint32 hat_type_key (HatTrace *trace, HatStackId stack, guint64 size);
guint hat_type_n_keys (HatTrace *trace);
/* "Node", "Node[]", "(type not known)"; if others have the type's name also its place, as hat_types_label() says it: "Node[] at list.c:12".
 * g_free'd. */
char *hat_type_key_label (HatTrace *trace, guint32 key);
/* The same of a type of the trace; NULL: there is none. Lives as long as the trace. */
const char *hat_type_label (HatTrace *trace, guint32 type);

/* ---- timeline ---- */

typedef struct
{
  guint64 min_bytes, max_bytes, last_bytes, last_blocks; /* over the bin; a bin without events repeats the one before */
  guint64 allocations, frees, allocated_bytes;
} HatBin;

typedef struct
{
  guint64 key; /* stack id, thread, size class...; with the grouping it identifies the group for good */
  char *label; /* what a person reads */
  guint64 max_bytes;
} HatBand;

typedef struct
{
  HatRange range;
  guint n_bins;      /* bin i covers from + i * (to - from) / n_bins */
  HatBin *bins;
  guint64 peak_bytes; /* in the range */
  gint64 peak_ns;
  HatGrouping by;
  guint n_bands;     /* at most the biggest 12 of the whole process + "other" (always, last); 0 with HAT_BY_NONE; all seven classes, youngest
                        first, with HAT_BY_AGE. Same bands at every zoom */
  HatBand *bands;
  guint64 *band_bytes; /* [band * n_bins + bin]: live bytes at the bin's end; sums to last_bytes */
  guint64 peak_error;
  guint64 *errors, *band_errors; /* of a sample: of last_bytes and band_bytes; else NULL */
} HatTimeline;

/* HAT_BY_NONE is made of leaves, decoding only chunks at the borders of the range, and up to 8 others to place the edges between bins exactly;
 * beyond that an edge moves by less than a leaf (4,096 events), and no minimum, maximum or count is ever lost. Where bins are less than half
 * as long as leaves, everything is exact. Other groupings, and samples, are exact and cost a replay of the range. */
HatTimeline *hat_heap_timeline (HatHeap *heap, HatRange range, guint n_bins, HatGrouping by, const HatProgress *progress, GError **error);
void hat_timeline_free (HatTimeline *timeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTimeline, hat_timeline_free)

/* Time of the event `step` (e.g. +1, -1) away from `time`, for stepping the cursor. */
gint64 hat_heap_step (HatHeap *heap, gint64 time, gint step);

/* The single events in a range (at most `max`; FALSE in *out_complete if there are more), with the blocks they end resolved. */
typedef struct
{
  HatEvent event;
  HatBlock old; /* the block that ended; id 0 = none */
} HatHeapEvent;
HatHeapEvent *hat_heap_events (HatHeap *heap, HatRange range, guint max, guint *out_n, gboolean *out_complete, GError **error);

/* ---- live set ---- */

typedef struct
{
  gint64 time_ns;
  guint64 n;
  HatBlock *blocks; /* by address */
  guint64 bytes;
  gint n_others; /* who share it, besides its first owner; atomic */
} HatLive;

HatLive *hat_heap_live (HatHeap *heap, gint64 time, const HatProgress *progress, GError **error);
HatLive *hat_live_ref (HatLive *live);
void hat_live_free (HatLive *live); /* by each owner */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatLive, hat_live_free)
/* The block containing `address`, or NULL. */
const HatBlock *hat_live_find (const HatLive *live, guint64 address);

/* The memory regions as sampled last at or before `time` (first sample if none is). */
const HatSample *hat_heap_regions_at (HatHeap *heap, gint64 time);
guint64 hat_heap_rss_at (HatHeap *heap, gint64 time);

/* ---- call trees ---- */

typedef enum
{
  HAT_TREE_TOP_DOWN,  /* callers to callees */
  HAT_TREE_BOTTOM_UP, /* allocating function to its callers */
} HatTreeKind;

/* A tree in one array: children of i are [first_child, first_child + n_children), sorted by cost, biggest first. Node 0 is the root ("all"). */
typedef struct
{
  const char *function, *module, *file; /* file may be NULL; the trace's strings */
  guint32 line;
  gboolean is_inline;
  guint parent;
  guint first_child, n_children;
  guint64 cost;                 /* with everything below */
  guint64 self;                 /* allocated right here (top-down: stacks that end here) */
  guint64 costs[HAT_N_COSTS];   /* all costs, for tables */
  HatStackId example;           /* the most expensive stack through it */
} HatTreeNode;

typedef struct
{
  HatTreeKind kind;
  HatCost cost;
  guint n;
  HatTreeNode *nodes;
  struct HatTreeVariance { double self, costs[HAT_N_COSTS]; } *variances; /* of a sample, by node; else NULL */
} HatTree;

/* Folds frames by function (and module), inlined ones included; recursion is kept. A bottom-up tree over more than a million frames
 * ends at nodes that cost less than 1/65,536 of the whole, whose self is then what lies beyond. */
HatTree *hat_tree_new (HatTrace *trace, const HatSites *sites, HatTreeKind kind, HatCost cost, const HatProgress *progress, GError **error);
void hat_tree_free (HatTree *tree);
guint64 hat_tree_error (const HatTree *tree, guint node, HatCost cost); /* of a node's costs */
guint64 hat_tree_self_error (const HatTree *tree, guint node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTree, hat_tree_free)

/* One row per function: self and inclusive (recursion counted once), with its callers and callees on demand. */
typedef struct
{
  const char *function, *module, *file;
  guint32 line;
  guint64 self[HAT_N_COSTS], total[HAT_N_COSTS];
  double self_variance[HAT_N_COSTS], total_variance[HAT_N_COSTS];
  HatStackId example;
} HatFunctionRow;
typedef struct
{
  guint n;
  HatFunctionRow *rows; /* by total of `cost`, biggest first */
} HatFunctions;
HatFunctions *hat_functions_new (HatTrace *trace, const HatSites *sites, HatCost cost, const HatProgress *progress, GError **error);
/* Rows are callers (or callees) of `function` in `module`; self unused; total = cost that flows over that edge. */
HatFunctions *hat_functions_callers (HatTrace *trace, const HatSites *sites, HatCost cost, const char *function, const char *module);
HatFunctions *hat_functions_callees (HatTrace *trace, const HatSites *sites, HatCost cost, const char *function, const char *module);
void hat_functions_free (HatFunctions *functions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatFunctions, hat_functions_free)

/* ---- groups (report --by) ---- */

typedef struct
{
  char *label;
  HatSite costs; /* stack = example */
  HatSiteVariance variance;
} HatGroup;
typedef struct
{
  guint n;
  HatGroup *groups; /* by live bytes at the end of the range, then peak */
} HatGroups;
HatGroups *hat_heap_groups (HatHeap *heap, HatRange range, HatGrouping by, const HatProgress *progress, GError **error);
void hat_groups_free (HatGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGroups, hat_groups_free)

/* ---- sizes and lifetimes ---- */

#define HAT_SIZE_CLASSES 49 /* class 0: size 0; class k: 2^(k-1) <= size < 2^k; the last one: everything bigger */
#define HAT_LIFETIME_CLASSES 12 /* < 100 us, < 1 ms, ... decades; the last one: never freed in the range */

typedef struct
{
  guint64 allocations[HAT_SIZE_CLASSES], bytes[HAT_SIZE_CLASSES]; /* requested, of allocations and reallocations in the range */
  guint64 live_blocks[HAT_SIZE_CLASSES], live_bytes[HAT_SIZE_CLASSES];
  guint64 usable_bytes[HAT_SIZE_CLASSES]; /* what glibc's malloc reserves for the live ones (size + 8 rounded up to 16, at least 32) */
  guint64 lifetimes[HAT_LIFETIME_CLASSES], lifetime_bytes[HAT_LIFETIME_CLASSES];
  guint64 temporary, temporary_bytes; /* 0 of a sample: not known */
  guint n_common; /* the most frequent exact sizes */
  struct { guint64 size, allocations, live_blocks, allocations_error, live_blocks_error; } common[32];
  gboolean is_estimate;
  /* Of the fields above, and of usable_bytes - live_bytes; all together last. */
  guint64 allocations_error[HAT_SIZE_CLASSES + 1], bytes_error[HAT_SIZE_CLASSES + 1], live_blocks_error[HAT_SIZE_CLASSES + 1],
      live_bytes_error[HAT_SIZE_CLASSES + 1], usable_bytes_error[HAT_SIZE_CLASSES + 1], padding_error[HAT_SIZE_CLASSES + 1],
      lifetimes_error[HAT_LIFETIME_CLASSES + 1],
      lifetime_bytes_error[HAT_LIFETIME_CLASSES + 1];
} HatSizes;
HatSizes *hat_heap_sizes (HatHeap *heap, HatRange range, const HatProgress *progress, GError **error); /* free with g_free */
/* Only the live figures, those of the peak. Found once; belongs to the heap. */
const HatSizes *hat_heap_sizes_at_peak (HatHeap *heap, const HatProgress *progress, GError **error);

guint hat_size_class (guint64 size);
const char *hat_size_class_label (guint cls);
const char *hat_lifetime_class_label (guint cls);

/* ---- never freed, growing ---- */

typedef struct
{
  HatStackId stack;
  guint64 blocks, bytes;
  double blocks_variance, bytes_variance;
  gint64 first_ns, last_ns; /* births of the oldest and youngest of them */
  HatBlock example;         /* the biggest */
} HatUnfreed;
typedef struct
{
  guint n;
  HatUnfreed *groups; /* own blocks (not inherited) live at the end of the process, by bytes */
  guint64 blocks, bytes;
  double blocks_variance, bytes_variance;
} HatUnfreedGroups;
HatUnfreedGroups *hat_heap_unfreed (HatHeap *heap, const HatProgress *progress, GError **error);
void hat_unfreed_free (HatUnfreedGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatUnfreedGroups, hat_unfreed_free)

/* A stack whose live bytes keep rising over the life of the process: a line fitted to samples at equal times (least squares), slope
 * significantly above zero, no falling back, still growing in the last third; start-up excluded. In a sample, the rise is also
 * more than chance would make. */
typedef struct
{
  HatStackId stack;
  double slope_bytes_per_s;
  double persistence; /* share of the equal times in which it reached a new height, 0 to 1 */
  gboolean has_stopped; /* no new height for an eighth of the time, nor so long ever before since it began: perhaps a full cache */
  guint64 blocks, bytes;
  double blocks_variance, bytes_variance;
  guint n_points;
  guint64 *points; /* live bytes at equal steps, for a sparkline */
} HatGrowingSite;
typedef struct
{
  guint n;
  HatGrowingSite *sites; /* those that still grow first, then by slope times persistence */
} HatGrowing;
/* Found once; belongs to the heap. */
const HatGrowing *hat_heap_growing (HatHeap *heap, const HatProgress *progress, GError **error);
const HatGrowingSite *hat_growing_find (const HatGrowing *growing, HatStackId stack); /* NULL: it does not grow */

G_END_DECLS
