/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The events of one chunk, on their way from the writer to the encoder. Each field has an array of its own, and only the events that have it
 * are in it: about 20 bytes an event, where HatEvent has 56. The pages of the arrays come into being when they are used.
 * Thread rule: one thread at a time. */

#include "core/trace/event-columns.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

#define HAT_NOT_OURS G_MAXUINT32

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

typedef struct
{
  guint64 first_event;
  HatBlockId first_block;
  guint32 n_events, n_blocks, n_died, n_threads, n_ticks, n_frees;
  gint64 last_ns, next_tick_ns;
  GArray *free_stacks;       /* HatStackId of each FREE so far, or empty while none has a stack */
  GArray *unknown_addresses; /* guint64 */

  /* By event. */
  guint8 kind[HAT_CHUNK_EVENTS];   /* HatEventKind, HAT_KIND_OLD, HAT_KIND_TEMPORARY */
  guint32 ended[HAT_CHUNK_EVENTS]; /* block of the chunk that it ends; HAT_NOT_OURS */

  /* By block of the chunk. */
  guint8 dies[HAT_CHUNK_EVENTS]; /* TRUE, FALSE */
  HatExtent extent[HAT_CHUNK_EVENTS]; /* together, as they are wanted in the order of deaths */
  HatStackId stack[HAT_CHUNK_EVENTS];
  guint32 made_at[HAT_CHUNK_EVENTS]; /* event */

  HatBlockId died[HAT_CHUNK_EVENTS]; /* blocks older than the chunk */
  HatThreadRun threads[HAT_CHUNK_EVENTS]; /* events of one thread in a row */
  HatTickRun ticks[HAT_CHUNK_EVENTS];     /* events of one tick */
} HatEventBuffer;

HatEventBuffer *hat_event_buffer_new (void);
void hat_event_buffer_free (HatEventBuffer *buffer);
/* Empties it for the chunk that begins with these. */
void hat_event_buffer_begin (HatEventBuffer *buffer, guint64 first_event, HatBlockId first_block);

/* A stack of a free, which is only there if somebody asked for it, or the address of an unknown one. */
void hat_event_buffer_add_rarity (HatEventBuffer *buffer, const HatEvent *event);

static inline void
hat_event_buffer_add_time (HatEventBuffer *buffer, guint32 number, gint64 time_ns)
{
  buffer->last_ns = MAX (buffer->last_ns, time_ns);
  if (G_LIKELY (time_ns < buffer->next_tick_ns))
    return;
  buffer->ticks[buffer->n_ticks++] = (HatTickRun) { number, time_ns };
  buffer->next_tick_ns = (MAX (time_ns, 0) / HAT_TICK_NS + 1) * HAT_TICK_NS;
}

static inline void
hat_event_buffer_add_thread (HatEventBuffer *buffer, guint32 number, guint32 thread)
{
  if (G_LIKELY (buffer->n_threads > 0 && buffer->threads[buffer->n_threads - 1].thread == thread))
    return;
  buffer->threads[buffer->n_threads++] = (HatThreadRun) { number, thread };
}

/* The block made is the next one; event->block is not looked at. At most HAT_CHUNK_EVENTS. */
static inline void
hat_event_buffer_add (HatEventBuffer *buffer, const HatEvent *event)
{
  const guint32 number = buffer->n_events++;
  guint8 kind = event->kind | (event->temporary ? HAT_KIND_TEMPORARY : 0);

  hat_event_buffer_add_time (buffer, number, event->time_ns);
  hat_event_buffer_add_thread (buffer, number, event->thread);
  buffer->ended[number] = HAT_NOT_OURS;
  if (event->old >= buffer->first_block)
    {
      const guint64 block = event->old - buffer->first_block;
      g_assert (block < buffer->n_blocks && !buffer->dies[block]); /* a block ends once, after its birth */
      buffer->dies[block] = TRUE;
      buffer->ended[number] = (guint32) block;
    }
  else if (event->old != 0)
    {
      kind |= HAT_KIND_OLD;
      buffer->died[buffer->n_died++] = event->old;
    }
  if (hat_kind_makes (event->kind))
    {
      const guint32 block = buffer->n_blocks++;
      buffer->extent[block] = (HatExtent) { event->address, MIN (event->size, G_MAXUINT64 - 1) };
      buffer->stack[block] = event->stack;
      buffer->made_at[block] = number;
      buffer->dies[block] = FALSE;
    }
  else if (event->kind == HAT_EVENT_FREE)
    {
      buffer->n_frees++;
      if (G_UNLIKELY (event->stack != HAT_STACK_NONE || buffer->free_stacks->len > 0))
        hat_event_buffer_add_rarity (buffer, event);
    }
  else if (event->kind == HAT_EVENT_UNKNOWN_FREE)
    hat_event_buffer_add_rarity (buffer, event);
  buffer->kind[number] = kind;
}

G_END_DECLS
