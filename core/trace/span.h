/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Spans: joining consecutive ones, and the form in the file of those that are stored. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

/* Sorts ids. */
void hat_span_sort_ids (HatBlockId *ids, gsize n);

/* Joins consecutive spans, given the last one first: all later deaths are then known when a birth is met, so that one pass is
 * enough. Blocks that outlive the whole are handed out at once, the youngest first. */
typedef void (*HatBlockFunc) (const HatBlock *block, gpointer data);

typedef struct
{
  HatBlockId first_block;
  guint8 *ended; /* a bit per block of the whole */
  GArray *died;  /* HatBlockId older than the whole */
  guint64 n_seen, n_kept; /* births and deaths given, births handed out */
  HatBlockFunc func;
  gpointer data;
} HatSpanJoin;

/* The blocks of the whole are numbered from `first_block` to `end_block` - 1. */
void hat_span_join_init (HatSpanJoin *join, HatBlockId first_block, HatBlockId end_block, HatBlockFunc func, gpointer data);
void hat_span_join_add (HatSpanJoin *join, const HatSpan *span);
void hat_span_join_clear (HatSpanJoin *join);

/* What a stored span may refer to. */
typedef struct
{
  HatBlockId first_block, end_block;
  gint64 start_ns, end_ns;
  guint32 n_stacks, n_threads;
} HatSpanLimits;

/* Writes a span block by block, the youngest first, so that it never has to be in memory as a whole. */
typedef struct _HatSpanWriter HatSpanWriter;
HatSpanWriter *hat_span_writer_new (void);
void hat_span_writer_add (HatSpanWriter *writer, const HatBlock *block);
/* The payload of a SPAN chunk; `died` by id. Frees the writer. */
void hat_span_writer_finish (HatSpanWriter *writer, guint level, guint number, const HatBlockId *died, guint n_died,
                             HatBytes *out);

/* NULL, or what is wrong. */
const char *hat_span_read (HatReader *reader, guint level, guint number, const HatSpanLimits *limits, HatSpan *out_span);

G_END_DECLS
