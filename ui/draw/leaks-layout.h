/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What was never freed and what keeps growing, as ranked rows. */

#include "ui/draw/geometry.h"

G_BEGIN_DECLS

/* Borrowed: must outlive the layout. */
typedef struct
{
  HatTrace *trace;
  const HatUnfreedGroups *unfreed;
  const HatGrowing *growing; /* may be NULL */
  HatRange life;             /* of the process */
  gboolean is_sample;        /* of blocks */
  const char *title;         /* NULL: none */
} HatLeaksInput;

typedef struct
{
  HatRect rect;
  gint unfreed;       /* index in unfreed->groups, or -1 */
  gint growing;       /* index in growing->sites, or -1 */
  char *function, *stack; /* "session_new", "accept_one ‹ main" */
  char *amount, *count;   /* "1.2 MiB", "412 blocks" */
  char *when;             /* "4.1 s to 40.9 s" or "+31 KiB/s" */
  double share;       /* of the biggest row, 0 to 1 */
  double first, last; /* births on the life of the process, 0 to 1 */
} HatLeaksRow;

typedef struct
{
  HatLeaksInput input;
  double width, height;
  HatRect title;
  char *headline, *sentence;   /* "3 groups, 1.9 MiB never freed" */
  guint n_rows;
  HatLeaksRow *rows;           /* those with room */
  HatRect growing_title;       /* height 0: no growing rows */
  guint n_left_out;
  guint64 left_out_bytes;
  double left_out_variance;
} HatLeaksLayout;

HatLeaksLayout *hat_leaks_layout_new (const HatLeaksInput *input, double width, double height);
void hat_leaks_layout_free (HatLeaksLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatLeaksLayout, hat_leaks_layout_free)
gint hat_leaks_layout_hit (const HatLeaksLayout *layout, double x, double y); /* row, or -1 */
/* "accept_one ‹ main": the callers of hat_stack_function(), at most `max`. g_free'd. */
char *hat_leaks_callers (HatTrace *trace, HatStackId stack, guint max);
char *hat_leaks_summary (const HatUnfreedGroups *unfreed, const HatGrowing *growing);

G_END_DECLS
