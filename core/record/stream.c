/* SPDX-License-Identifier: Apache-2.0
 *
 * Alternation per address, and what an event does to live set, account and trace. */

#include "core/record/stream.h"

#include "core/trace/event-buffer.h"
#include "core/wire/wire.h"

/* Stamps of two threads closer than this do not tell who was first. Clocks of two cores were seen to differ by 77 cycles. */
#define DISORDER_TICKS (256u >> HAT_WIRE_TSC_SHIFT)
#define HANDLER_PATIENCE_NS 100000000
#define MAX_PARKED (1u << 20)

/* An event that waits. It stands in the queue of each address it is about, and in that of all. */
typedef struct
{
  HatRawEvent raw;
  HatStreamThread *thread;
  gint64 time_ns;
  gint64 since_ns; /* stream time when it was parked */
  GList in_all, at_address, at_old; /* links */
} Parked;

struct _HatStream
{
  HatTraceWriter *writer;
  guint process;
  HatLiveSet *live;
  HatAccount *account;
  HatBlockId first_block, next_block;
  guint64 n_events;
  gint64 last_ns;

  gint64 now_ns;
  GQueue all;         /* Parked, owned, in the order of arrival */
  GHashTable *queues; /* address -> GQueue of Parked, likewise */
  guint64 n_walks;    /* along queues, so far */
  GPtrArray *movers;  /* HatStreamThread: those that have ever reallocated */
  gboolean is_giving_up; /* what has one stamp may go in any order */
};

void
hat_stream_state_clear (HatStreamState *state)
{
  g_clear_pointer (&state->live, hat_live_set_free);
}

HatStream *
hat_stream_new (HatTraceWriter *writer, guint process, HatStreamState *state)
{
  HatStream *stream = g_new0 (HatStream, 1);

  stream->writer = writer;
  stream->process = process;
  stream->live = state ? g_steal_pointer (&state->live) : hat_live_set_new ();
  stream->first_block = stream->next_block = state ? state->next_block : 1;
  stream->account = hat_account_new (hat_live_set_n_blocks (stream->live), hat_live_set_n_bytes (stream->live));
  g_queue_init (&stream->all);
  stream->movers = g_ptr_array_new ();
  stream->queues = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  return stream;
}

void
hat_stream_free (HatStream *stream)
{
  if (stream == NULL)
    return;
  hat_live_set_free (stream->live);
  hat_account_free (stream->account);
  g_hash_table_unref (stream->queues);
  g_ptr_array_unref (stream->movers);
  for (Parked *parked; (parked = g_queue_peek_head (&stream->all));)
    {
      g_queue_unlink (&stream->all, &parked->in_all);
      g_free (parked);
    }
  g_free (stream);
}

/* ---- one event whose turn it is ---- */

static inline HatBlockId
write_event (HatStream *stream, HatEvent *event, const HatLiveBlock *old)
{
  event->time_ns = stream->last_ns = MAX (event->time_ns, stream->last_ns);
  stream->n_events++;
  hat_account_add (stream->account, event, old ? old->stack : HAT_STACK_NONE, old ? old->size : 0,
                   old && old->id < stream->first_block);
  return hat_trace_writer_add_event (stream->writer, stream->process, event);
}

/* The caller has put block `next_block` into the live set. */
static inline void
write_birth (HatStream *stream, HatStreamThread *thread, HatEvent *event, const HatLiveBlock *old)
{
  const HatBlockId id = write_event (stream, event, old);
  g_assert (id == stream->next_block);
  thread->last_block = stream->next_block++;
}

static inline gboolean
apply_alloc (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  if (G_UNLIKELY (!hat_live_set_insert (stream->live, raw->address, stream->next_block, raw->number, raw->stack)))
    return FALSE;
  HatEvent event = { .kind = HAT_EVENT_ALLOC, .address = raw->address, .size = raw->number, .stack = raw->stack,
                     .time_ns = time_ns, .thread = thread->index };
  write_birth (stream, thread, &event, NULL);
  return TRUE;
}

static inline gboolean
apply_free (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  HatLiveBlock old;
  if (G_UNLIKELY (!hat_live_set_remove (stream->live, raw->address, &old)))
    return FALSE;
  HatEvent event = { .kind = HAT_EVENT_FREE, .old = old.id, .stack = raw->stack, .time_ns = time_ns,
                     .thread = thread->index, .temporary = thread->last_block == old.id };
  write_event (stream, &event, &old);
  return TRUE;
}

static gboolean
apply_realloc (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  HatLiveBlock old;

  if (raw->address != raw->old && hat_live_set_find (stream->live, raw->address, NULL))
    return FALSE;
  if (!hat_live_set_remove (stream->live, raw->old, &old))
    return FALSE;
  hat_live_set_insert (stream->live, raw->address, stream->next_block, raw->number, raw->stack);
  HatEvent event = { .kind = HAT_EVENT_REALLOC, .address = raw->address, .size = raw->number, .old = old.id,
                     .stack = raw->stack, .time_ns = time_ns, .thread = thread->index };
  write_birth (stream, thread, &event, &old);
  return TRUE;
}

static inline gboolean
apply (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  if (raw->kind == HAT_RAW_ALLOC)
    return apply_alloc (stream, thread, raw, time_ns);
  if (raw->kind == HAT_RAW_FREE)
    return apply_free (stream, thread, raw, time_ns);
  return apply_realloc (stream, thread, raw, time_ns);
}

static void
write_unknown_free (HatStream *stream, HatStreamThread *thread, guint64 address, HatStackId stack, gint64 time_ns)
{
  HatEvent event = { .kind = HAT_EVENT_UNKNOWN_FREE, .address = address, .stack = stack, .time_ns = time_ns,
                     .thread = thread->index };
  write_event (stream, &event, NULL);
}

static void
write_missed_free (HatStream *stream, HatStreamThread *thread, guint64 address, gint64 time_ns)
{
  HatLiveBlock old;
  if (!hat_live_set_remove (stream->live, address, &old))
    return;
  HatEvent event = { .kind = HAT_EVENT_MISSED_FREE, .old = old.id, .time_ns = time_ns, .thread = thread->index };
  write_event (stream, &event, &old);
}

/* Whatever it was waiting for has not come. */
static void
apply_anyway (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  switch ((HatRawKind) raw->kind)
    {
    case HAT_RAW_FREE:
      if (!apply_free (stream, thread, raw, time_ns))
        write_unknown_free (stream, thread, raw->address, raw->stack, time_ns);
      return;
    case HAT_RAW_REALLOC:
      if (raw->old != raw->address)
        write_missed_free (stream, thread, raw->address, time_ns);
      if (hat_live_set_find (stream->live, raw->old, NULL))
        {
          apply_realloc (stream, thread, raw, time_ns);
          return;
        }
      write_unknown_free (stream, thread, raw->old, HAT_STACK_NONE, time_ns);
      apply_alloc (stream, thread, raw, time_ns);
      return;
    case HAT_RAW_ALLOC:
      write_missed_free (stream, thread, raw->address, time_ns);
      apply_alloc (stream, thread, raw, time_ns);
      return;
    case HAT_RAW_FORK:
    case HAT_RAW_MOVING:
    case HAT_RAW_MARK:
    case HAT_RAW_MEMORY:
      return;
    }
}

/* ---- parking ---- */

static inline gboolean
has_two_addresses (const HatRawEvent *raw)
{
  return raw->kind == HAT_RAW_REALLOC && raw->old != raw->address;
}

static void
enqueue (HatStream *stream, guint64 address, GList *link)
{
  GQueue *queue = g_hash_table_lookup (stream->queues, &address);
  if (queue == NULL)
    {
      queue = g_new0 (GQueue, 1);
      g_hash_table_insert (stream->queues, g_memdup2 (&address, sizeof address), queue);
    }
  g_queue_push_tail_link (queue, link);
}

static void
dequeue (HatStream *stream, guint64 address, GList *link)
{
  GQueue *queue = g_hash_table_lookup (stream->queues, &address);
  g_queue_unlink (queue, link);
  if (queue->length == 0)
    g_hash_table_remove (stream->queues, &address);
}

static void
park (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  Parked *parked = g_new (Parked, 1);

  *parked = (Parked) { *raw, thread, time_ns, stream->now_ns, { parked }, { parked }, { parked } };
  g_queue_push_tail_link (&stream->all, &parked->in_all);
  enqueue (stream, raw->address, &parked->at_address);
  if (has_two_addresses (raw))
    enqueue (stream, raw->old, &parked->at_old);
}

static void
unpark (HatStream *stream, Parked *parked)
{
  g_queue_unlink (&stream->all, &parked->in_all);
  dequeue (stream, parked->raw.address, &parked->at_address);
  if (has_two_addresses (&parked->raw))
    dequeue (stream, parked->raw.old, &parked->at_old);
}

/* When the event did to the address what it did: a reallocation lets go of its old one some time before it is over. */
static inline guint64
ticks_at (const HatRawEvent *raw, guint64 address)
{
  return raw->kind == HAT_RAW_REALLOC && raw->old == address ? raw->old_ticks : raw->ticks;
}

/* Who stands before an event in a queue. Events of one thread stay in order, and so do those whose stamps are far enough apart. Before one is
 * given up, the first holds for different stamps only. */
typedef struct
{
  guint64 walk;     /* number of this walk: the mark of threads that were passed */
  guint level;      /* which mark: a walk may happen inside another */
  guint64 disorder; /* of stamps */
  guint64 earliest;
  gboolean has_free_ties;
} Before;

/* Whether a thread is inside a reallocation of the block that was there, or has told of it and that waits in the queue of the address. */
static gboolean
is_moving (HatStream *stream, guint64 address, const GQueue *queue)
{
  for (guint i = 0; i < stream->movers->len; i++)
    if (((HatStreamThread *) stream->movers->pdata[i])->moving == address)
      return TRUE;
  for (const GList *link = queue->head; link && stream->movers->len > 0; link = link->next)
    {
      const Parked *parked = link->data;
      if (parked->raw.kind == HAT_RAW_REALLOC && parked->raw.old == address)
        return TRUE;
    }
  return FALSE;
}

/* An address is found in use either because two clocks disagree or because the block there is being moved away. In the second case the
 * stamps of the others hold: a free among them is not of the old block, however soon it comes after the allocation of the new one. */
static Before
before_any (HatStream *stream, guint level, guint64 address, const GQueue *queue)
{
  return (Before) { ++stream->n_walks, level, is_moving (stream, address, queue) ? 0 : DISORDER_TICKS, G_MAXUINT64 - DISORDER_TICKS,
                    stream->is_giving_up };
}

static gboolean
is_behind (const Before *before, const Parked *parked, guint64 address)
{
  const guint64 ticks = ticks_at (&parked->raw, address);
  return ticks > before->earliest + before->disorder
         || (parked->thread->marks[before->level] == before->walk && !(before->has_free_ties && ticks <= before->earliest));
}

/* A reallocation that only its other address holds up says nothing against the clocks: here the stamps hold. */
static void
pass (HatStream *stream, Before *before, const Parked *parked, guint64 address)
{
  if (has_two_addresses (&parked->raw) && hat_live_set_find (stream->live, address, NULL) == (parked->raw.old == address))
    before->disorder = 0;
  before->earliest = MIN (before->earliest, ticks_at (&parked->raw, address));
  parked->thread->marks[before->level] = before->walk;
}

/* Whether it has to wait for others in the queue of its other address. */
static gboolean
is_behind_elsewhere (HatStream *stream, const Parked *parked, guint64 here)
{
  if (!has_two_addresses (&parked->raw))
    return FALSE;
  const guint64 other = parked->raw.old == here ? parked->raw.address : parked->raw.old;
  GQueue *queue = g_hash_table_lookup (stream->queues, &other);
  Before before = before_any (stream, 1, other, queue);
  for (GList *link = queue->head; link && link->data != parked; link = link->next)
    {
      pass (stream, &before, link->data, other);
      if (is_behind (&before, parked, other))
        return TRUE;
    }
  return FALSE;
}

/* Does the first event of the queue that may go ahead. *out_other: the other address that it was about, else 0. */
static gboolean
settle_one (HatStream *stream, guint64 address, GQueue *queue, guint64 *out_other)
{
  Before before = before_any (stream, 0, address, queue);

  for (GList *link = queue->head; link; link = link->next)
    {
      Parked *parked = link->data;
      if (!is_behind (&before, parked, address) && !is_behind_elsewhere (stream, parked, address)
          && apply (stream, parked->thread, &parked->raw, parked->time_ns))
        {
          *out_other = !has_two_addresses (&parked->raw) ? 0 : parked->raw.old == address ? parked->raw.address : parked->raw.old;
          unpark (stream, parked);
          g_free (parked);
          return TRUE;
        }
      pass (stream, &before, parked, address);
    }
  return FALSE;
}

/* Does what has become possible at an address, and where that leads. */
static void
settle (HatStream *stream, guint64 address)
{
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (guint64));

  g_array_append_val (addresses, address);
  while (addresses->len > 0 && stream->all.length > 0)
    {
      guint64 other = 0;
      address = g_array_index (addresses, guint64, addresses->len - 1);
      GQueue *queue = g_hash_table_lookup (stream->queues, &address);
      if (queue == NULL || !settle_one (stream, address, queue, &other))
        g_array_set_size (addresses, addresses->len - 1);
      else if (other != 0)
        g_array_append_val (addresses, other);
    }
}

static void
settle_after (HatStream *stream, const HatRawEvent *raw)
{
  settle (stream, raw->address);
  if (has_two_addresses (raw))
    settle (stream, raw->old);
}

/* Gives up on the event that has waited longest, unless its turn comes when one thread's events of one stamp may change places, too. They have
 * to: a thread frees a block and gets its place again, another frees what is there then, and if the other's was taken in first, the thread's free
 * must now follow its own allocation. At an address allocations and frees alternate, so with any order within a stamp none of them is left over
 * (of reallocations, which are about two addresses or need a block before and after, some may be). A good clock never has a thread's free and
 * its next allocation in one stamp; then this does nothing. */
static void
expire_first (HatStream *stream)
{
  Parked *parked = g_queue_peek_head (&stream->all);
  const HatRawEvent raw = parked->raw;

  stream->is_giving_up = TRUE;
  settle_after (stream, &raw);
  stream->is_giving_up = FALSE;
  if (g_queue_peek_head (&stream->all) != parked)
    return;
  unpark (stream, parked);
  apply_anyway (stream, parked->thread, &parked->raw, parked->time_ns);
  settle_after (stream, &parked->raw);
  g_free (parked);
}

static void
add_slowly (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  const gboolean is_queued = g_hash_table_contains (stream->queues, &raw->address)
                             || (has_two_addresses (raw) && g_hash_table_contains (stream->queues, &raw->old));
  if (!is_queued && apply (stream, thread, raw, time_ns))
    return;
  if (stream->all.length >= MAX_PARKED)
    expire_first (stream);
  park (stream, thread, raw, time_ns);
  if (is_queued)
    settle_after (stream, raw);
}

void
hat_stream_begin_move (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw)
{
  if (G_UNLIKELY (!thread->is_mover))
    g_ptr_array_add (stream->movers, thread);
  thread->is_mover = TRUE;
  thread->moving = raw->old;
}

/* In a big heap most blocks are not in the cache. */
void
hat_stream_expect (HatStream *stream, const HatRawEvent *events, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      hat_live_set_prefetch (stream->live, events[i].address);
      if (G_UNLIKELY (events[i].kind == HAT_RAW_REALLOC))
        hat_live_set_prefetch (stream->live, events[i].old);
    }
}

/* The same as apply_alloc() and apply_free() do, over again: what they do for an event of any kind costs more, and what this spares is done once
 * for many (finding the buffer and its end, the block's number, the time). For one event it would be longer than they are. */
guint
hat_stream_add_plain (HatStream *stream, HatStreamThread *thread, const HatRawEvent *events, guint n, guint64 limit, const HatClock *clock,
                      gint64 now_ns)
{
  if (G_UNLIKELY (stream->all.length > 0) || events->kind > HAT_RAW_FREE)
    return 0;
  HatEventBuffer *buffer = hat_trace_writer_begin_events (stream->writer, stream->process);
  const HatRawEvent *raw = events, *end = events + MIN (n, hat_event_buffer_room (buffer));
  HatBlockId next_block = stream->next_block, last_block = thread->last_block;
  gint64 last_ns = stream->last_ns;

  g_assert (next_block == hat_event_buffer_next_block (buffer));
  for (; raw < end && raw->ticks <= limit; raw++)
    {
      const gint64 time_ns = MAX (MIN (hat_clock_ns (clock, raw->ticks), now_ns), last_ns);

      if (raw->kind == HAT_RAW_ALLOC)
        {
          if (G_UNLIKELY (!hat_live_set_insert (stream->live, raw->address, next_block, raw->number, raw->stack)))
            break;
          hat_event_buffer_add_alloc (buffer, raw->address, raw->number, raw->stack, time_ns, thread->index);
          hat_account_add_alloc (stream->account, raw->stack, raw->number, time_ns);
          last_block = next_block++;
        }
      else if (raw->kind == HAT_RAW_FREE && raw->stack == HAT_STACK_NONE)
        {
          HatLiveBlock old;
          if (G_UNLIKELY (!hat_live_set_remove (stream->live, raw->address, &old)))
            break;
          const gboolean temporary = old.id == last_block;
          hat_event_buffer_add_free (buffer, old.id, temporary, time_ns, thread->index);
          hat_account_add_free (stream->account, old.stack, old.size, temporary, old.id < stream->first_block, time_ns);
        }
      else
        break;
      last_ns = time_ns;
    }
  hat_trace_writer_end_events (stream->writer, stream->process);
  const guint n_done = (guint) (raw - events);
  if (n_done == 0)
    return 0;
  thread->moving = 0;
  thread->last_block = last_block;
  stream->next_block = next_block;
  stream->last_ns = last_ns;
  stream->n_events += n_done;
  return n_done;
}

guint
hat_stream_add (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  thread->moving = 0;
  if (G_LIKELY (stream->all.length == 0) && G_LIKELY (apply (stream, thread, raw, time_ns)))
    return 0;
  add_slowly (stream, thread, raw, time_ns);
  return stream->all.length;
}

void
hat_stream_tick (HatStream *stream, gint64 now_ns, guint64 complete_ticks)
{
  const gint64 previous_ns = stream->now_ns;
  const Parked *parked;

  stream->now_ns = now_ns;
  /* What was parked in this very round may wait for a thread whose ring nobody has seen yet, and a handler that interrupted the hook may
   * free a block before it can be told. */
  while (G_UNLIKELY ((parked = g_queue_peek_head (&stream->all)) != NULL)
         && (parked->since_ns < now_ns - HAT_STREAM_PATIENCE_NS
             || (parked->raw.ticks + DISORDER_TICKS < complete_ticks && parked->since_ns < MIN (previous_ns, now_ns - HANDLER_PATIENCE_NS))))
    expire_first (stream);
}

guint
hat_stream_n_parked (HatStream *stream)
{
  return stream->all.length;
}

guint64
hat_stream_oldest_parked (HatStream *stream)
{
  guint64 ticks = G_MAXUINT64;
  for (GList *link = stream->all.head; link; link = link->next)
    ticks = MIN (ticks, ((const Parked *) link->data)->raw.ticks);
  return ticks;
}

void
hat_stream_settle_all (HatStream *stream)
{
  while (stream->all.length > 0)
    expire_first (stream);
}

/* ---- the rest ---- */

HatStreamState
hat_stream_fork (HatStream *stream)
{
  return (HatStreamState) { .live = hat_live_set_fork (stream->live),
                            .next_block = stream->next_block,
                            .n_events = stream->n_events };
}

void
hat_stream_list_unfinished (HatStream *stream, GArray *addresses)
{
  for (guint i = 0; i < stream->movers->len; i++)
    {
      const HatStreamThread *thread = stream->movers->pdata[i];
      if (thread->moving != 0)
        g_array_append_val (addresses, thread->moving);
    }
  for (GList *link = stream->all.head; link; link = link->next)
    {
      const Parked *parked = link->data;
      g_array_append_val (addresses, parked->raw.address);
      if (has_two_addresses (&parked->raw))
        g_array_append_val (addresses, parked->raw.old);
    }
}

HatLiveSet *
hat_stream_live (HatStream *stream)
{
  return stream->live;
}

const HatTotals *
hat_stream_totals (HatStream *stream)
{
  return hat_account_totals (stream->account);
}

HatAccount *
hat_stream_account (HatStream *stream)
{
  return stream->account;
}

guint64
hat_stream_n_events (HatStream *stream)
{
  return stream->n_events;
}

gint64
hat_stream_last_ns (HatStream *stream)
{
  return stream->last_ns;
}

guint64
hat_stream_memory (HatStream *stream)
{
  return hat_live_set_memory (stream->live);
}
