/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The events of one chunk, on their way from the writer to the encoder. Each field has an array of its own, and only the events that have it
 * are in it: about 16 bytes an event, where HatEvent has 56. The pages of the arrays come into being when they are used.
 * Thread rule: one thread at a time. */

#include "core/trace/event-columns.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

#define HAT_NOT_OURS G_MAXUINT16 /* the last block that there can be does not die in its chunk */

typedef struct
{
  guint32 first; /* event */
  guint32 thread;
} HatThreadRun;

typedef struct
{
  guint32 first; /* event */
  gint64 time_ns; /* of that event */
} HatTickRun;

/* Where a block lies. */
typedef struct
{
  guint64 address, size;
} HatExtent;

typedef struct _HatEventBuffer
{
  guint64 first_event;
  HatBlockId first_block;
  guint32 n_events, n_blocks, n_died, n_threads, n_ticks, n_frees;
  guint32 last_thread; /* of the last event; G_MAXUINT32 = none */
  gint64 last_ns, next_tick_ns;
  GArray *free_stacks;       /* HatStackId of each FREE up to the last that has one */
  GArray *unknown_addresses; /* guint64 */

  /* By event. */
  guint8 kind[HAT_CHUNK_EVENTS];   /* HatEventKind, HAT_KIND_* */
  guint16 ended[HAT_CHUNK_EVENTS]; /* block of the chunk that it ends; HAT_NOT_OURS */

  /* By block of the chunk. */
  guint8 dies[HAT_CHUNK_EVENTS]; /* TRUE, FALSE */
  HatExtent extent[HAT_CHUNK_EVENTS]; /* together, as they are wanted in the order of deaths */
  HatStackId stack[HAT_CHUNK_EVENTS];
  guint16 made_at[HAT_CHUNK_EVENTS]; /* event */

  HatBlockId died[HAT_CHUNK_EVENTS]; /* blocks older than the chunk */
  HatThreadRun threads[HAT_CHUNK_EVENTS]; /* events of one thread in a row */
  HatTickRun ticks[HAT_CHUNK_EVENTS];     /* events of one tick */
} HatEventBuffer;

HatEventBuffer *hat_event_buffer_new (void);
void hat_event_buffer_free (HatEventBuffer *buffer);
/* Empties it for the chunk that begins with these. */
void hat_event_buffer_begin (HatEventBuffer *buffer, guint64 first_event, HatBlockId first_block);

/* How many more there is room for. */
static inline guint32
hat_event_buffer_room (const HatEventBuffer *buffer)
{
  return HAT_CHUNK_EVENTS - buffer->n_events;
}

static inline HatBlockId
hat_event_buffer_next_block (const HatEventBuffer *buffer)
{
  return buffer->first_block + buffer->n_blocks;
}

/* The number of an event that begins. `time_ns` is not before that of the last one. */
static inline guint32
hat_event_buffer_begin_event (HatEventBuffer *buffer, gint64 time_ns, guint32 thread)
{
  const guint32 number = buffer->n_events++;

  buffer->last_ns = time_ns;
  if (G_UNLIKELY (time_ns >= buffer->next_tick_ns))
    {
      buffer->ticks[buffer->n_ticks++] = (HatTickRun) { number, time_ns };
      buffer->next_tick_ns = (MAX (time_ns, 0) / HAT_TICK_NS + 1) * HAT_TICK_NS;
    }
  if (G_UNLIKELY (buffer->last_thread != thread))
    buffer->threads[buffer->n_threads++] = (HatThreadRun) { number, buffer->last_thread = thread };
  return number;
}

/* The event makes the next block. */
static inline void
hat_event_buffer_make (HatEventBuffer *buffer, guint32 number, guint64 address, guint64 size, HatStackId stack)
{
  const guint32 block = buffer->n_blocks++;

  buffer->extent[block] = (HatExtent) { address, MIN (size, G_MAXUINT64 - 1) };
  buffer->stack[block] = stack;
  buffer->made_at[block] = (guint16) number;
  buffer->dies[block] = FALSE;
}

/* The event ends block `old`. Returns HAT_KIND_ENDS and HAT_KIND_OLD. */
static inline guint8
hat_event_buffer_end_block (HatEventBuffer *buffer, guint32 number, HatBlockId old)
{
  if (old < buffer->first_block)
    {
      buffer->died[buffer->n_died++] = old;
      buffer->ended[number] = HAT_NOT_OURS;
      return HAT_KIND_ENDS | HAT_KIND_OLD;
    }
  const guint64 block = old - buffer->first_block;
  g_assert (block < buffer->n_blocks && !buffer->dies[block]); /* a block ends once, after its birth */
  buffer->dies[block] = TRUE;
  buffer->ended[number] = (guint16) block;
  return HAT_KIND_ENDS;
}

static inline void
hat_event_buffer_add_alloc (HatEventBuffer *buffer, guint64 address, guint64 size, HatStackId stack, gint64 time_ns, guint32 thread)
{
  const guint32 number = hat_event_buffer_begin_event (buffer, time_ns, thread);

  buffer->kind[number] = HAT_EVENT_ALLOC | HAT_KIND_MAKES;
  buffer->ended[number] = HAT_NOT_OURS;
  hat_event_buffer_make (buffer, number, address, size, stack);
}

/* A free without a stack. */
static inline void
hat_event_buffer_add_free (HatEventBuffer *buffer, HatBlockId old, gboolean temporary, gint64 time_ns, guint32 thread)
{
  const guint32 number = hat_event_buffer_begin_event (buffer, time_ns, thread);

  buffer->n_frees++;
  buffer->kind[number]
      = (guint8) (HAT_EVENT_FREE | HAT_KIND_IS_FREE | (temporary ? HAT_KIND_TEMPORARY : 0) | hat_event_buffer_end_block (buffer, number, old));
}

/* Any event. The block made is the next one; event->block is not looked at. At most HAT_CHUNK_EVENTS. */
void hat_event_buffer_add (HatEventBuffer *buffer, const HatEvent *event);

G_END_DECLS
