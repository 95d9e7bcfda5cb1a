/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Encodes one chunk of events. An encoder is only memory kept between chunks; it carries nothing over from one to the next.
 * Thread rule: one thread at a time. */

#include "core/trace/bytes.h"
#include "core/trace/event-buffer.h"

G_BEGIN_DECLS

typedef struct _HatEventEncoder HatEventEncoder;

HatEventEncoder *hat_event_encoder_new (void);
void hat_event_encoder_free (HatEventEncoder *encoder);

/* Appends the payload of an EVENTS chunk to `out` and sets *out_chunk. At least one event; the buffer is used up. No event will be decoded at
 * or before `after_ns`. */
void hat_event_encoder_encode (HatEventEncoder *encoder, HatEventBuffer *buffer, gint64 after_ns, HatChunk *out_chunk, HatBytes *out);

/* The time at which event `index` of the chunk encoded last will be decoded. */
gint64 hat_event_encoder_time (HatEventEncoder *encoder, guint32 index);

/* The span of the chunk encoded last, its deaths in their order. It stays the encoder's and the buffer's, until the next chunk. */
void hat_event_encoder_span (HatEventEncoder *encoder, HatSpan *out_span);

G_END_DECLS
