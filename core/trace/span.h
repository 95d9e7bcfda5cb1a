/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Spans: joining consecutive ones, and the form in the file of those that are stored. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

/* Sorts ids. */
void hat_span_sort_ids (HatBlockId *ids, gsize n);

/* Joins consecutive spans, given in order. It holds what is alive at the end so far, and at times as much again. */
typedef struct
{
  HatBlockId first_block; /* of the whole */
  GArray *born;      /* HatBlock */
  GArray *died;      /* HatBlockId older than the whole */
  GByteArray *ended; /* a bit per block of the whole */
  guint n_compact;   /* born->len when dead ones were dropped last */
  guint64 n_seen;    /* births and deaths given */
} HatSpanJoin;

void hat_span_join_init (HatSpanJoin *join, HatBlockId first_block);
void hat_span_join_add (HatSpanJoin *join, const HatSpan *span);
/* Drops what has died from join->born. */
void hat_span_join_compact (HatSpanJoin *join);
/* Ends the join: the whole, the caller's to clear. */
void hat_span_join_finish (HatSpanJoin *join, HatSpan *out_span);
void hat_span_join_clear (HatSpanJoin *join);

/* What a stored span may refer to. */
typedef struct
{
  HatBlockId first_block, end_block;
  gint64 start_ns, end_ns;
  guint32 n_stacks, n_threads;
} HatSpanLimits;

/* Appends the payload of a SPAN chunk. */
void hat_span_write (const HatSpan *span, guint level, guint number, HatBytes *out);

/* NULL, or what is wrong. */
const char *hat_span_read (HatReader *reader, guint level, guint number, const HatSpanLimits *limits, HatSpan *out_span);

G_END_DECLS
