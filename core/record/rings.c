/* SPDX-License-Identifier: Apache-2.0
 *
 * The rings of one image, merged by time. */

#include <string.h>

#include "core/record/images-private.h"
#include "core/record/proc.h"

#define RELEASE_EVERY 4096u
/* A stamp so far ahead of the clock is not a time: such an event is taken when it is seen. */
#define NONSENSE_TICKS (1ull << 22)
#define MANY_PARKED 2048u
#define HELD_TICKS 1024u /* beyond the oldest event that waits */

HatRing *
hat_ring_new (HatImages *images, guint number, HatImage *image)
{
  HatRing *ring = g_new0 (HatRing, 1);
  HatImageThread *thread = g_new0 (HatImageThread, 1);

  ring->number = number;
  ring->wire = hat_session_ring (images->session, number);
  ring->image = image;
  ring->thread = thread;
  thread->tid = ring->wire->tid;
  if (thread->tid != 0)
    thread->name = hat_proc_thread_name (image->info.pid, thread->tid);
  if (thread->name == NULL && thread->tid == image->info.pid) /* over already */
    thread->name = g_strndup (image->info.name, 15);
  thread->stream.index
      = hat_trace_writer_add_thread (images->writer, image->info.index, thread->tid, thread->tid ? thread->name : "late and early calls");
  g_ptr_array_add (image->threads, thread);

  const guint64 tail = __atomic_load_n (&ring->wire->tail, __ATOMIC_ACQUIRE);
  ring->decoder = (HatDecoder) { .words = hat_session_words (images->session, number),
                                 .at = tail,
                                 .head = tail,
                                 .ticks = ring->wire->start_tsc,
                                 .stacks = images->stacks,
                                 .modules = image->modules,
                                 .n_ips = &images->session->header->n_ips };
  return ring;
}

void
hat_ring_free (HatRing *ring)
{
  hat_decoder_clear (&ring->decoder);
  g_free (ring);
}

/* ---- trouble ---- */

/* Nothing in the ring can be trusted any more; the thread must not wait for it, though. */
static void
break_ring (HatImages *images, HatRing *ring, const char *what)
{
  HatImage *image = ring->image;
  g_autofree char *text = g_strdup_printf ("process %u (%s): thread %u sent %s, its later events are lost; was its memory overwritten?",
                                           image->info.pid, image->info.name, ring->thread->tid, what);
  ring->is_broken = TRUE;
  image->lost_events++;
  images->func (&image->info, text, images->data);
}

static void
skip_broken (HatRing *ring)
{
  const guint64 head = __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE);
  ring->image->lost_events += (head - ring->decoder.at) / 2;
  ring->decoder.at = ring->decoder.head = head;
  hat_session_release (ring->wire, head);
}

/* A stack refers to a module whose announcement has not been reached so far: then it stands further on in another ring, or the address is in
 * generated code. To wait for it would bring this ring's events out of order. */
static void
end_stall (HatRing *ring)
{
  for (guint i = 0; i < ring->image->rings->len; i++)
    {
      HatRing *other = ring->image->rings->pdata[i];
      if (other != ring && !other->is_broken)
        hat_decoder_look_ahead (&other->decoder, __atomic_load_n (&other->wire->head, __ATOMIC_ACQUIRE));
    }
  ring->decoder.must = TRUE;
}

/* ---- taking events ---- */

static void
take (HatImages *images, HatRing *ring, const HatRawEvent *raw)
{
  HatImage *image = ring->image;
  const gint64 time_ns = MIN (hat_clock_ns (images->clock, raw->ticks), images->now_ns);

  switch ((HatRawKind) raw->kind)
    {
    case HAT_RAW_ALLOC:
    case HAT_RAW_FREE:
    case HAT_RAW_REALLOC:
      hat_stream_add (image->stream, &ring->thread->stream, raw, time_ns);
      break;
    case HAT_RAW_MOVING:
      hat_stream_begin_move (image->stream, &ring->thread->stream, raw);
      ring->moving_ticks = raw->ticks;
      return;
    case HAT_RAW_FORK:
      hat_images_keep_fork (images, image, raw->number);
      break;
    case HAT_RAW_MEMORY:
      hat_sampler_take_text (&image->sampler, images->writer, image->info.index, ring->decoder.memory->str, hat_image_own_bytes (image),
                             time_ns);
      g_string_truncate (ring->decoder.memory, 0);
      break;
    case HAT_RAW_MARK:
      hat_trace_writer_add_mark (images->writer, image->info.index, ring->decoder.name, MAX (time_ns, hat_stream_last_ns (image->stream)));
      image->sampler.next_ns = 0;
      break;
    }
  ring->moving_ticks = 0;
}

/* Much waits for what one thread has not told yet (it has lost its processor inside a reallocation). Until it has, the others have to wait,
 * or ever more would depend on it; their rings hold them up if it takes long. */
static inline gboolean
has_to_be_held (HatImage *image)
{
  return G_UNLIKELY (hat_stream_n_parked (image->stream) > MANY_PARKED) && !image->is_last_drain;
}

/* Takes in one ring's events up to `limit`; sets ring->pending. Returns how many. */
static guint64
consume (HatImages *images, HatRing *ring, guint64 limit)
{
  HatDecoder *decoder = &ring->decoder;
  const guint64 first = decoder->at;
  guint64 n = 0;
  HatRawEvent raw;

  ring->pending = G_MAXUINT64;
  for (gboolean goes_on = TRUE; goes_on;)
    switch (hat_decoder_next (decoder, limit, &raw))
      {
      case HAT_DECODE_EVENT:
        hat_stream_expect (ring->image->stream, hat_decoder_peek (decoder));
        take (images, ring, &raw);
        if (++n % RELEASE_EVERY == 0)
          hat_session_release (ring->wire, decoder->at);
        goes_on = !has_to_be_held (ring->image) || ring->image->is_held;
        break;
      case HAT_DECODE_EMPTY:
        goes_on = FALSE;
        break;
      case HAT_DECODE_LATER:
        ring->pending = decoder->next_ticks;
        goes_on = FALSE;
        break;
      case HAT_DECODE_STALLED:
        end_stall (ring);
        break;
      case HAT_DECODE_BAD:
        break_ring (images, ring, decoder->bad);
        skip_broken (ring);
        return n;
      }
  if (decoder->at != first)
    hat_session_release (ring->wire, decoder->at);
  return n;
}

static void
mistrust_clock (HatImages *images, HatRing *ring, guint64 limit)
{
  if (ring->pending != G_MAXUINT64 && ring->pending > images->now_ticks && ring->pending - images->now_ticks > NONSENSE_TICKS)
    ring->pending = limit;
}

/* Rings of the image that have something up to `limit`, with `pending` set. */
static void
find_active (HatImages *images, HatImage *image, guint64 limit, guint64 *n)
{
  g_ptr_array_set_size (images->active, 0);
  for (guint i = 0; i < image->rings->len; i++)
    {
      HatRing *ring = image->rings->pdata[i];
      const guint64 head = __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE);
      if (head == ring->decoder.at)
        continue;
      if (ring->is_broken)
        {
          skip_broken (ring);
          continue;
        }
      ring->decoder.head = head;
      if (head - ring->decoder.at > HAT_WIRE_RING_WORDS)
        {
          break_ring (images, ring, "more than its ring holds");
          skip_broken (ring);
          continue;
        }
      *n += consume (images, ring, 0);
      mistrust_clock (images, ring, limit);
      if (ring->pending <= limit)
        g_ptr_array_add (images->active, ring);
    }
}

/* Takes the rings' events in the order of their stamps, up to `limit` or until the image has to be held. */
static guint64
merge (HatImages *images, HatImage *image, guint64 limit)
{
  GPtrArray *active = images->active;
  guint64 n = 0;

  find_active (images, image, limit, &n);
  while (active->len > 0 && (image->is_held || !has_to_be_held (image)))
    {
      guint first = 0;
      guint64 second = limit;
      for (guint i = 1; i < active->len; i++)
        {
          const guint64 pending = ((HatRing *) active->pdata[i])->pending;
          const guint64 lowest = ((HatRing *) active->pdata[first])->pending;
          if (pending < lowest)
            first = i;
          second = MIN (second, MAX (pending, lowest));
        }
      HatRing *ring = active->pdata[first];
      const guint64 decoded = ring->decoder.at;
      /* An event with a nonsensical stamp is let through on its own. */
      const gboolean is_nonsense = ring->decoder.next_ticks != ring->pending;
      n += consume (images, ring, is_nonsense ? ring->decoder.next_ticks : second);
      mistrust_clock (images, ring, limit);
      if (ring->pending > limit || ring->is_broken || ring->decoder.at == decoded)
        g_ptr_array_remove_index_fast (active, first);
    }
  return n;
}

/* When the last of those reallocations was over that had begun by `ticks`, as far as they are told. */
static guint64
end_of_begun (HatImage *image, guint64 ticks)
{
  guint64 end = ticks;
  for (guint i = 0; i < image->rings->len; i++)
    {
      const HatRing *ring = image->rings->pdata[i];
      if (ring->pending != G_MAXUINT64 && ring->decoder.next_began <= ticks)
        end = MAX (end, ring->pending);
    }
  return end;
}

guint64
hat_image_drain (HatImages *images, HatImage *image, guint64 limit)
{
  guint64 n = 0, n_now;

  /* Held: only as far as is needed to bring the earliest of those on that wait. */
  do
    {
      image->is_held = has_to_be_held (image);
      const guint64 near = image->is_held ? MIN (limit, hat_stream_oldest_parked (image->stream) + HELD_TICKS) : limit;
      n_now = merge (images, image, near);
      if (n_now == 0 && image->is_held)
        n_now = merge (images, image, MIN (limit, end_of_begun (image, near)));
      n += n_now;
    }
  while (n_now > 0 && has_to_be_held (image));
  return n;
}

guint64
hat_image_complete_ticks (HatImage *image)
{
  guint64 ticks = G_MAXUINT64;
  for (guint i = 0; i < image->rings->len; i++)
    {
      const HatRing *ring = image->rings->pdata[i];
      if (ring->moving_ticks != 0)
        ticks = MIN (ticks, ring->moving_ticks);
      if (ring->pending != G_MAXUINT64)
        ticks = MIN (ticks, ring->decoder.next_began);
      else if (ring->decoder.at != ring->decoder.head)
        ticks = MIN (ticks, ring->decoder.ticks);
    }
  return ticks;
}

/* ---- threads that are gone ---- */

void
hat_image_reclaim_rings (HatImages *images, HatImage *image, gboolean all)
{
  for (guint i = image->rings->len; i > 0; i--)
    {
      HatRing *ring = image->rings->pdata[i - 1];
      const gboolean is_gone = all || (ring->thread->tid != 0 && !image->is_foreign && ring->decoder.at == ring->decoder.head
                                       && !hat_proc_has_thread (image->info.pid, ring->thread->tid));
      if (!is_gone || (!all && __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE) != ring->decoder.at))
        continue;
      hat_session_release (ring->wire, __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE));
      images->rings[ring->number] = NULL;
      __atomic_store_n (&ring->wire->state, HAT_WIRE_RING_FREE, __ATOMIC_RELEASE);
      g_ptr_array_remove_index_fast (image->rings, i - 1);
      hat_ring_free (ring);
    }
}
