/* SPDX-License-Identifier: Apache-2.0
 *
 * Collecting the events of a chunk. */

#include "core/trace/event-buffer.h"

#include "core/trace/event-columns.h"

#include <string.h>

HatEventBuffer *
hat_event_buffer_new (void)
{
  HatEventBuffer *buffer = g_malloc (sizeof *buffer);
  buffer->free_stacks = g_array_new (FALSE, TRUE, sizeof (HatStackId));
  buffer->unknown_addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  hat_event_buffer_begin (buffer, 0, 1);
  return buffer;
}

void
hat_event_buffer_free (HatEventBuffer *buffer)
{
  if (buffer == NULL)
    return;
  g_array_unref (buffer->free_stacks);
  g_array_unref (buffer->unknown_addresses);
  g_free (buffer);
}

void
hat_event_buffer_begin (HatEventBuffer *buffer, guint64 first_event, HatBlockId first_block)
{
  buffer->first_event = first_event;
  buffer->first_block = first_block;
  buffer->n_events = buffer->n_blocks = buffer->n_died = buffer->n_threads = buffer->n_ticks = buffer->n_frees = 0;
  buffer->last_ns = buffer->next_tick_ns = G_MININT64;
  g_array_set_size (buffer->free_stacks, 0);
  g_array_set_size (buffer->unknown_addresses, 0);
}

static inline void
add_time (HatEventBuffer *buffer, guint32 number, gint64 time_ns)
{
  buffer->last_ns = MAX (buffer->last_ns, time_ns);
  if (G_LIKELY (time_ns < buffer->next_tick_ns))
    return;
  buffer->ticks[buffer->n_ticks++] = (HatTickRun) { number, time_ns };
  buffer->next_tick_ns = (MAX (time_ns, 0) / HAT_TICK_NS + 1) * HAT_TICK_NS;
}

static inline void
add_thread (HatEventBuffer *buffer, guint32 number, guint32 thread)
{
  if (G_LIKELY (buffer->n_threads > 0 && buffer->threads[buffer->n_threads - 1].thread == thread))
    return;
  buffer->threads[buffer->n_threads++] = (HatThreadRun) { number, thread };
}

/* A stack of a free, which is only there if somebody asked for it. */
static void
add_free_stack (HatEventBuffer *buffer, HatStackId stack)
{
  g_array_set_size (buffer->free_stacks, buffer->n_frees);
  g_array_index (buffer->free_stacks, HatStackId, buffer->n_frees - 1) = stack;
}

void
hat_event_buffer_add (HatEventBuffer *buffer, const HatEvent *event)
{
  const guint32 number = buffer->n_events++;
  guint8 kind = event->kind | (event->temporary ? HAT_KIND_TEMPORARY : 0);

  add_time (buffer, number, event->time_ns);
  add_thread (buffer, number, event->thread);
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
      buffer->address[block] = event->address;
      buffer->size[block] = MIN (event->size, G_MAXUINT64 - 1);
      buffer->stack[block] = event->stack;
      buffer->made_at[block] = number;
      buffer->dies[block] = FALSE;
    }
  else if (event->kind == HAT_EVENT_FREE)
    {
      buffer->n_frees++;
      if (G_UNLIKELY (event->stack != HAT_STACK_NONE || buffer->free_stacks->len > 0))
        add_free_stack (buffer, event->stack);
    }
  else if (event->kind == HAT_EVENT_UNKNOWN_FREE)
    g_array_append_val (buffer->unknown_addresses, event->address);
  buffer->kind[number] = kind;
}
