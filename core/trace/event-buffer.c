/* SPDX-License-Identifier: Apache-2.0
 *
 * Collecting the events of a chunk. */

#include "core/trace/event-buffer.h"

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
  buffer->last_thread = G_MAXUINT32;
  g_array_set_size (buffer->free_stacks, 0);
  g_array_set_size (buffer->unknown_addresses, 0);
}

/* A stack of a free, which is only there if somebody asked for it, or the address of an unknown one. */
static void
add_rarity (HatEventBuffer *buffer, const HatEvent *event)
{
  if (event->kind == HAT_EVENT_UNKNOWN_FREE)
    {
      g_array_append_val (buffer->unknown_addresses, event->address);
      return;
    }
  g_array_set_size (buffer->free_stacks, buffer->n_frees);
  g_array_index (buffer->free_stacks, HatStackId, buffer->n_frees - 1) = event->stack;
}

void
hat_event_buffer_add (HatEventBuffer *buffer, const HatEvent *event)
{
  const guint32 number = hat_event_buffer_begin_event (buffer, MAX (event->time_ns, buffer->last_ns), event->thread);
  guint8 kind = (guint8) (event->kind | (event->temporary ? HAT_KIND_TEMPORARY : 0) | (hat_kind_makes (event->kind) ? HAT_KIND_MAKES : 0)
                          | (event->kind == HAT_EVENT_FREE ? HAT_KIND_IS_FREE : 0));

  buffer->ended[number] = HAT_NOT_OURS;
  if (event->old != 0)
    kind |= hat_event_buffer_end_block (buffer, number, event->old);
  if (hat_kind_makes (event->kind))
    hat_event_buffer_make (buffer, number, event->address, event->size, event->stack);
  buffer->n_frees += event->kind == HAT_EVENT_FREE;
  if (event->kind == HAT_EVENT_UNKNOWN_FREE || (event->kind == HAT_EVENT_FREE && event->stack != HAT_STACK_NONE))
    add_rarity (buffer, event);
  buffer->kind[number] = kind;
}
