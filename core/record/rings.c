/* SPDX-License-Identifier: Apache-2.0
 *
 * The rings of one image, merged by time. */

#include <string.h>

#include "core/record/images-private.h"
#include "core/record/proc.h"

#define RELEASE_WORDS (HAT_WIRE_RING_WORDS / 4) /* waking a thread that waits for room costs more than it can tell in less */
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
  ring->released = tail;
  ring->last_ticks = ring->wire->start_tsc;
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
  image->lost_events += 1 + ring->n_ahead - ring->next_ahead;
  ring->n_ahead = ring->next_ahead = 0;
  ring->pending = ring->began = G_MAXUINT64;
  images->func (&image->info, text, images->data);
}

static void
skip_broken (HatRing *ring)
{
  const guint64 head = __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE);
  ring->image->lost_events += (head - ring->decoder.at) / 2;
  ring->decoder.at = ring->decoder.head = ring->released = head;
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
      image->n_parked = hat_stream_add (image->stream, &ring->thread->stream, raw, time_ns);
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
  return G_UNLIKELY (image->n_parked > MANY_PARKED) && !image->is_last_drain;
}

static void
release (HatRing *ring)
{
  ring->released = ring->decoder.at;
  hat_session_release (ring->wire, ring->released);
}

/* Whether a stamp is far ahead of the clock, and so no time. This round may have begun long ago, hence the second look. */
static gboolean
is_nonsense (HatImages *images, guint64 ticks)
{
  return ticks > images->now_ticks + NONSENSE_TICKS && ticks > hat_clock_ticks () + NONSENSE_TICKS;
}

/* Decodes the ring's next events up to `limit`. One whose stamp is nonsense comes right after the one before. */
static void
read_ahead (HatImages *images, HatRing *ring, guint64 limit)
{
  HatDecoder *decoder = &ring->decoder;
  HatDecodeResult result;

  ring->next_ahead = ring->n_ahead = 0;
  ring->pending = ring->began = G_MAXUINT64;
  if (ring->is_broken)
    return;
  while ((result = hat_decoder_read (decoder, limit, ring->ahead, HAT_RING_AHEAD, &ring->n_ahead)) == HAT_DECODE_STALLED && ring->n_ahead == 0)
    end_stall (ring);
  if (result == HAT_DECODE_LATER && ring->n_ahead == 0)
    {
      ring->pending = decoder->next_ticks;
      ring->began = decoder->next_began;
      if (is_nonsense (images, ring->pending)
          && hat_decoder_read (decoder, ring->pending, ring->ahead, 1, &ring->n_ahead) != HAT_DECODE_BAD && ring->n_ahead > 0)
        ring->ahead[0].ticks = ring->ahead[0].old_ticks = ring->last_ticks;
    }
  if (result == HAT_DECODE_BAD && ring->n_ahead == 0)
    {
      break_ring (images, ring, decoder->bad);
      skip_broken (ring);
      return;
    }
  if (ring->n_ahead > 0)
    ring->last_ticks = ring->ahead[ring->n_ahead - 1].ticks;
  if (decoder->at - ring->released >= RELEASE_WORDS)
    release (ring);
  hat_stream_expect (ring->image->stream, ring->ahead, ring->n_ahead);
}

/* Sets what is to be said of the ring's next event. Returns whether there is one up to `limit`; *ahead: how far to decode. */
static gboolean
has_event (HatImages *images, HatRing *ring, guint64 limit, guint64 ahead)
{
  if (ring->next_ahead == ring->n_ahead)
    read_ahead (images, ring, ahead);
  if (ring->next_ahead < ring->n_ahead)
    {
      const HatRawEvent *next = &ring->ahead[ring->next_ahead];
      ring->pending = next->ticks;
      ring->began = next->kind == HAT_RAW_REALLOC ? next->old_ticks : next->ticks;
    }
  return ring->next_ahead < ring->n_ahead && ring->pending <= limit;
}

static inline gboolean
may_go_on (HatImage *image)
{
  return !has_to_be_held (image) || image->is_held;
}

/* Takes in one ring's events up to `limit`. Returns how many. */
static guint64
consume (HatImages *images, HatRing *ring, guint64 limit, guint64 ahead)
{
  guint64 n = 0;

  while (has_event (images, ring, limit, ahead) && may_go_on (ring->image))
    {
      const HatRawEvent *next = &ring->ahead[ring->next_ahead];
      guint n_taken = hat_stream_add_plain (ring->image->stream, &ring->thread->stream, next, ring->n_ahead - ring->next_ahead, limit,
                                            images->clock, images->now_ns);
      if (n_taken > 0)
        ring->moving_ticks = 0;
      else
        {
          take (images, ring, next);
          n_taken = 1;
        }
      ring->next_ahead += n_taken;
      n += n_taken;
    }
  return n;
}

/* Rings of the image that have something up to `limit`. */
static void
find_active (HatImages *images, HatImage *image, guint64 limit, guint64 ahead)
{
  g_ptr_array_set_size (images->active, 0);
  for (guint i = 0; i < image->rings->len; i++)
    {
      HatRing *ring = image->rings->pdata[i];
      const guint64 head = __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE);
      if (head == ring->decoder.at && ring->next_ahead == ring->n_ahead)
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
      if (has_event (images, ring, limit, ahead))
        g_ptr_array_add (images->active, ring);
    }
}

/* Takes the rings' events in the order of their stamps, up to `limit` or until the image has to be held. They are decoded up to `ahead`. */
static guint64
merge (HatImages *images, HatImage *image, guint64 limit, guint64 ahead)
{
  GPtrArray *active = images->active;
  guint64 n = 0;

  find_active (images, image, limit, ahead);
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
      n += consume (images, ring, second, ahead);
      if (ring->next_ahead == ring->n_ahead || ring->pending > limit)
        g_ptr_array_remove_index_fast (active, first);
    }
  for (guint i = 0; i < image->rings->len; i++)
    {
      HatRing *ring = image->rings->pdata[i];
      if (ring->released != ring->decoder.at)
        release (ring);
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
      if (ring->pending != G_MAXUINT64 && ring->began <= ticks)
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
      image->n_parked = hat_stream_n_parked (image->stream);
      image->is_held = has_to_be_held (image);
      const guint64 near = image->is_held ? MIN (limit, hat_stream_oldest_parked (image->stream) + HELD_TICKS) : limit;
      n_now = merge (images, image, near, limit);
      if (n_now == 0 && image->is_held)
        n_now = merge (images, image, MIN (limit, end_of_begun (image, near)), limit);
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
        ticks = MIN (ticks, ring->began);
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
      const gboolean is_gone = all || (ring->thread->tid != 0 && !image->is_foreign && ring->next_ahead == ring->n_ahead
                                       && ring->decoder.at == ring->decoder.head
                                       && !hat_proc_has_thread (image->info.pid, ring->thread->tid));
      if (!is_gone || (!all && __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE) != ring->decoder.at))
        continue;
      hat_session_release (ring->wire, __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE));
      images->rings->pdata[ring->number] = NULL;
      __atomic_store_n (&ring->wire->state, HAT_WIRE_RING_FREE, __ATOMIC_RELEASE);
      g_ptr_array_remove_index_fast (image->rings, i - 1);
      hat_ring_free (ring);
    }
}
