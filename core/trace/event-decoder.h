/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Decodes one chunk of events, or only its span. A decoder is only memory kept between chunks. Its input is untrusted.
 * Thread rule: one thread at a time. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatEventDecoder HatEventDecoder;

HatEventDecoder *hat_event_decoder_new (void);
void hat_event_decoder_free (HatEventDecoder *decoder);

/* What ids of a chunk may refer to. */
typedef struct
{
  guint32 n_stacks, n_threads;
} HatEventLimits;

/* Both take the payload of an EVENTS chunk and return NULL, or what is wrong with it (a phrase; the output is then
 * undefined, and *out_span empty). `chunk` is what the index says of it: it must agree. */
const char *hat_event_decoder_decode (HatEventDecoder *decoder, const guint8 *payload, gsize n_bytes,
                                      const HatChunk *chunk, HatEventLimits limits, HatEvent *events);
const char *hat_event_decoder_span (HatEventDecoder *decoder, const guint8 *payload, gsize n_bytes,
                                    const HatChunk *chunk, HatEventLimits limits, HatSpan *out_span);

/* Only the time of event `index`. */
const char *hat_event_decoder_time (HatEventDecoder *decoder, const guint8 *payload, gsize n_bytes, const HatChunk *chunk,
                                    guint32 index, gint64 *out_time_ns);

G_END_DECLS
