/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Spans: putting consecutive ones together, and the form in the file of those that are stored. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

/* Joins `n` consecutive spans whose blocks are numbered from `first_block` to `end_block` - 1 into *out_span. */
void hat_span_join (const HatSpan *spans, guint n, HatBlockId first_block, HatBlockId end_block, HatSpan *out_span);

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
