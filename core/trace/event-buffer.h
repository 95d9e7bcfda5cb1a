/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The events of one chunk, on their way from the writer to the encoder. Each field has an array of its own, and only the events that have it
 * are in it: about 20 bytes an event, where HatEvent has 56. The pages of the arrays come into being when they are used.
 * Thread rule: one thread at a time. */

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
  guint64 address[HAT_CHUNK_EVENTS], size[HAT_CHUNK_EVENTS];
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

/* The block made is the next one; event->block is not looked at. At most HAT_CHUNK_EVENTS. */
void hat_event_buffer_add (HatEventBuffer *buffer, const HatEvent *event);

G_END_DECLS
