/* SPDX-License-Identifier: Apache-2.0
 *
 * Alternation per address, and what an event does to live set, account and trace. */

#include "core/record/stream.h"

#include "core/wire/wire.h"

/* Stamps of two threads closer than this (about 1.6 us) do not tell who was first. */
#define DISORDER_TICKS (4096u >> HAT_WIRE_TSC_SHIFT)
#define MAX_PARKED 65536u

typedef struct
{
  HatRawEvent raw;
  HatStreamThread *thread;
  gint64 time_ns;
  gint64 since_ns; /* stream time when it was parked */
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
  guint n_parked;
  GHashTable *parked; /* address -> GQueue of Parked, in the order of arrival */
};

static void
free_queue (gpointer data)
{
  g_queue_free_full (data, g_free);
}

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
  stream->parked = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, free_queue);
  return stream;
}

void
hat_stream_free (HatStream *stream)
{
  if (stream == NULL)
    return;
  hat_live_set_free (stream->live);
  hat_account_free (stream->account);
  g_hash_table_unref (stream->parked);
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
  const HatLiveBlock block = { .id = stream->next_block, .size = raw->number, .stack = raw->stack };
  if (G_UNLIKELY (!hat_live_set_insert (stream->live, raw->address, &block)))
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

/* FALSE: *out_waits_for is the address in the way. */
static gboolean
apply_realloc (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns, guint64 *out_waits_for)
{
  HatLiveBlock old;

  *out_waits_for = raw->address;
  if (raw->address != raw->old && hat_live_set_find (stream->live, raw->address, NULL))
    return FALSE;
  *out_waits_for = raw->old;
  if (!hat_live_set_remove (stream->live, raw->old, &old))
    return FALSE;
  const HatLiveBlock block = { .id = stream->next_block, .size = raw->number, .stack = raw->stack };
  hat_live_set_insert (stream->live, raw->address, &block);
  HatEvent event = { .kind = HAT_EVENT_REALLOC, .address = raw->address, .size = raw->number, .old = old.id,
                     .stack = raw->stack, .time_ns = time_ns, .thread = thread->index };
  write_birth (stream, thread, &event, &old);
  return TRUE;
}

static inline gboolean
apply (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns, guint64 *out_waits_for)
{
  *out_waits_for = raw->address;
  if (raw->kind == HAT_RAW_ALLOC)
    return apply_alloc (stream, thread, raw, time_ns);
  if (raw->kind == HAT_RAW_FREE)
    return apply_free (stream, thread, raw, time_ns);
  return apply_realloc (stream, thread, raw, time_ns, out_waits_for);
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
          guint64 waits_for;
          apply_realloc (stream, thread, raw, time_ns, &waits_for);
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
    case HAT_RAW_MARK:
      return;
    }
}

/* ---- parking ---- */

static void
park (HatStream *stream, guint64 address, Parked *parked)
{
  GQueue *queue = g_hash_table_lookup (stream->parked, &address);
  if (queue == NULL)
    {
      queue = g_queue_new ();
      g_hash_table_insert (stream->parked, g_memdup2 (&address, sizeof address), queue);
    }
  g_queue_push_tail (queue, parked);
  stream->n_parked++;
}

static void
unpark (HatStream *stream, guint64 address, GQueue *queue, GList *link)
{
  g_queue_delete_link (queue, link);
  stream->n_parked--;
  if (queue->length == 0)
    g_hash_table_remove (stream->parked, &address);
}

/* When the event did to the address what it did: a reallocation lets go of its old one some time before it is over. */
static inline guint64
ticks_at (const HatRawEvent *raw, guint64 address)
{
  return raw->kind == HAT_RAW_REALLOC && raw->old == address ? raw->old_ticks : raw->ticks;
}

/* Finds the first parked event of the queue that may go ahead and does it. Events of one thread stay in order, and so do those whose
 * stamps are far enough apart. A reallocation frees an address and takes another: *out_other is then that one, else 0. */
static gboolean
settle_one (HatStream *stream, guint64 address, GQueue *queue, guint64 *out_other)
{
  HatStreamThread *passed[16];
  guint n_passed = 0;
  guint64 earliest = G_MAXUINT64 - DISORDER_TICKS;

  *out_other = 0;
  for (GList *link = queue->head; link && n_passed < G_N_ELEMENTS (passed); link = link->next)
    {
      Parked *parked = link->data;
      gboolean is_behind = ticks_at (&parked->raw, address) > earliest + DISORDER_TICKS;
      for (guint i = 0; i < n_passed && !is_behind; i++)
        is_behind = passed[i] == parked->thread;

      guint64 waits_for = address;
      if (!is_behind && apply (stream, parked->thread, &parked->raw, parked->time_ns, &waits_for))
        {
          if (parked->raw.kind == HAT_RAW_REALLOC)
            *out_other = parked->raw.old == address ? parked->raw.address : parked->raw.old;
          unpark (stream, address, queue, link);
          g_free (parked);
          return TRUE;
        }
      if (waits_for != address)
        {
          unpark (stream, address, queue, link);
          park (stream, waits_for, parked);
          return TRUE;
        }
      if (n_passed == 0 || passed[n_passed - 1] != parked->thread)
        passed[n_passed++] = parked->thread;
      earliest = MIN (earliest, ticks_at (&parked->raw, address));
    }
  return FALSE;
}

/* Does what has become possible at an address, and where that leads. */
static void
settle (HatStream *stream, guint64 address)
{
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (guint64));

  g_array_append_val (addresses, address);
  while (addresses->len > 0 && stream->n_parked > 0)
    {
      guint64 other = 0;
      address = g_array_index (addresses, guint64, addresses->len - 1);
      GQueue *queue = g_hash_table_lookup (stream->parked, &address);
      if (queue == NULL || !settle_one (stream, address, queue, &other))
        g_array_set_size (addresses, addresses->len - 1);
      else if (other != 0 && other != address)
        g_array_append_val (addresses, other);
    }
}

static void
settle_after (HatStream *stream, const HatRawEvent *raw)
{
  settle (stream, raw->address);
  if (raw->kind == HAT_RAW_REALLOC && raw->old != raw->address)
    settle (stream, raw->old);
}

static void
add_slowly (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  guint64 address = raw->address;
  gboolean is_queued = g_hash_table_contains (stream->parked, &address);

  if (!is_queued && raw->kind == HAT_RAW_REALLOC)
    {
      address = raw->old;
      is_queued = g_hash_table_contains (stream->parked, &address);
    }
  if (!is_queued && apply (stream, thread, raw, time_ns, &address))
    return;

  if (stream->n_parked >= MAX_PARKED)
    hat_stream_settle_all (stream);
  Parked *parked = g_new (Parked, 1);
  *parked = (Parked) { *raw, thread, time_ns, stream->now_ns };
  park (stream, address, parked);
  if (is_queued)
    settle (stream, address);
}

void
hat_stream_add (HatStream *stream, HatStreamThread *thread, const HatRawEvent *raw, gint64 time_ns)
{
  guint64 waits_for;

  if (G_LIKELY (stream->n_parked == 0) && G_LIKELY (apply (stream, thread, raw, time_ns, &waits_for)))
    return;
  add_slowly (stream, thread, raw, time_ns);
}

static int
compare_parked (gconstpointer a, gconstpointer b)
{
  const Parked *x = *(Parked *const *) a, *y = *(Parked *const *) b;
  return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* Gives up on what was parked before `before_ns`, or happened well before `complete_ticks`. */
static void
expire (HatStream *stream, gint64 before_ns, guint64 complete_ticks)
{
  g_autoptr (GPtrArray) expired = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, stream->parked);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      GQueue *queue = value;
      for (Parked *parked; (parked = g_queue_peek_head (queue));)
        {
          if (parked->since_ns >= before_ns && parked->raw.ticks + DISORDER_TICKS >= complete_ticks)
            break;
          g_ptr_array_add (expired, g_queue_pop_head (queue));
          stream->n_parked--;
        }
      if (queue->length == 0)
        g_hash_table_iter_remove (&iter);
    }
  g_ptr_array_sort (expired, compare_parked);
  for (guint i = 0; i < expired->len; i++)
    {
      Parked *parked = expired->pdata[i];
      apply_anyway (stream, parked->thread, &parked->raw, parked->time_ns);
      settle_after (stream, &parked->raw);
    }
}

void
hat_stream_tick (HatStream *stream, gint64 now_ns, guint64 complete_ticks)
{
  stream->now_ns = now_ns;
  if (G_UNLIKELY (stream->n_parked > 0))
    expire (stream, now_ns - HAT_STREAM_PATIENCE_NS, complete_ticks);
}

guint
hat_stream_n_parked (HatStream *stream)
{
  return stream->n_parked;
}

guint64
hat_stream_oldest_parked (HatStream *stream)
{
  guint64 oldest = G_MAXUINT64;
  GHashTableIter iter;
  gpointer queue;
  g_hash_table_iter_init (&iter, stream->parked);
  while (g_hash_table_iter_next (&iter, NULL, &queue))
    {
      const Parked *parked = g_queue_peek_head (queue);
      oldest = MIN (oldest, parked->raw.ticks);
    }
  return oldest;
}

void
hat_stream_settle_all (HatStream *stream)
{
  while (stream->n_parked > 0)
    expire (stream, G_MAXINT64, 0);
}

/* ---- the rest ---- */

HatStreamState
hat_stream_fork (HatStream *stream)
{
  return (HatStreamState) { .live = hat_live_set_fork (stream->live),
                            .next_block = stream->next_block,
                            .n_events = stream->n_events };
}

const HatTotals *
hat_stream_totals (HatStream *stream)
{
  return hat_account_totals (stream->account);
}

const HatSummary *
hat_stream_summary (HatStream *stream)
{
  return hat_account_summary (stream->account);
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
