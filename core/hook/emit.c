/* SPDX-License-Identifier: Apache-2.0
 * Events as words in the thread's ring. */
#include "core/hook/hook.h"
#include "core/hook/sys.h"

/* ---- space ---- */

void
hook_ring_bell (void)
{
  HatWireHeader *header = hook_session.header;
  if (!__atomic_load_n (&header->bell_wanted, __ATOMIC_RELAXED))
    return;
  __atomic_fetch_add (&header->bell, 1, __ATOMIC_RELEASE);
  hook_syscall (SYS_futex, (uint64_t) &header->bell, FUTEX_WAKE, 1, 0, 0, 0);
}

bool
hook_reader_is_gone (void)
{
  const HatWireHeader *header = hook_session.header;
  return __atomic_load_n ((const uint32_t *) header->owner, __ATOMIC_RELAXED) & HAT_WIRE_OWNER_DIED
         || __atomic_load_n (&header->state, __ATOMIC_RELAXED) != HAT_WIRE_RECORDING;
}

HOOK_COLD bool
hook_make_room (HookThread *thread, uint64_t n_words)
{
  HatWireRing *ring = thread->ring;
  const struct timespec patience = { .tv_nsec = 100000000 };

  for (;;)
    {
      if (hook_reader_is_gone ())
        {
          hook_session_disarm ();
          thread->limit = 0;
          thread->idle = HOOK_OFF;
          return false;
        }
      const uint64_t tail = __atomic_load_n (&ring->tail, __ATOMIC_ACQUIRE);
      const uint64_t used = thread->head - tail, half = HAT_WIRE_RING_WORDS / 2;
      if (used + n_words <= half)
        {
          thread->limit = tail + half; /* look again when half full */
          return true;
        }
      hook_ring_bell ();
      if (used + n_words <= HAT_WIRE_RING_WORDS)
        {
          const uint64_t next = thread->head + n_words + HAT_WIRE_RING_WORDS / 16, full = tail + HAT_WIRE_RING_WORDS;
          thread->limit = next < full ? next : full;
          return true;
        }
      ring->blocked++;
      __atomic_store_n (&ring->waiting, 1, __ATOMIC_SEQ_CST);
      if (__atomic_load_n (&ring->tail, __ATOMIC_SEQ_CST) == tail)
        hook_syscall (SYS_futex, (uint64_t) &ring->tail, FUTEX_WAIT, (uint32_t) tail, (uint64_t) &patience, 0, 0);
      __atomic_store_n (&ring->waiting, 0, __ATOMIC_RELAXED);
    }
}

/* ---- words ---- */

enum
{
  EVENT_WORDS = 16, /* an event with all its escapes */
  MOST_TICKS = 0xffff,
};

/* The first word of an event that needs no escape; 0: it does. */
static inline uint64_t
plain_word (HookThread *thread, uint64_t address, uint64_t tick, uint32_t type)
{
  const uint64_t dt = tick - thread->last_tick, turned = address >> 3 | address << 61;

  if (unlikely (dt > MOST_TICKS) || unlikely (turned >> 44))
    return 0;
  thread->last_tick = tick;
  return turned << 20 | dt << 4 | type;
}

static inline void
put_address (HookThread *thread, uint64_t address, uint64_t tick, uint32_t type)
{
  uint64_t dt = tick - thread->last_tick;

  if (unlikely (dt > MOST_TICKS)) /* or backwards */
    {
      hook_put (thread, tick << 4 | HAT_WIRE_TIME);
      dt = 0;
    }
  thread->last_tick = tick;
  if (unlikely (address & 7 || address >> 47))
    {
      hook_put (thread, HAT_WIRE_XADDR);
      hook_put (thread, address);
      address = 0;
    }
  hook_put (thread, address >> 3 << 20 | dt << 4 | type);
}

static inline uint64_t
block_word (HookThread *thread, uint64_t size, uint32_t node)
{
  if (unlikely (size >> 40))
    {
      hook_put (thread, HAT_WIRE_XSIZE);
      hook_put (thread, size);
      size = 0;
    }
  return size << 24 | node;
}

static void
put_event (HookThread *thread, uint32_t type, uint64_t address, uint64_t tick, uint64_t old, uint64_t old_tick,
           uint64_t size, uint32_t node)
{
  uint64_t block;

  switch (type)
    {
    case HAT_WIRE_FREE:
      put_address (thread, address, tick, type);
      break;
    case HAT_WIRE_REALLOC:
      block = block_word (thread, size, node);
      put_address (thread, old, old_tick, type);
      put_address (thread, address, tick, type);
      hook_put (thread, block);
      break;
    default:
      block = block_word (thread, size, node);
      put_address (thread, address, tick, type);
      hook_put (thread, block);
      break;
    }
}

/* ---- entering and leaving ---- */

/* For an event that only has to be told; NULL: not that simple. */
static inline HookThread *
enter_at_once (const HookCaller *caller)
{
  HookThread *thread = hook_locals.thread;

  if (unlikely (thread == NULL) || unlikely (thread->state != HOOK_IDLE))
    return NULL;
  thread->busy_sp = hook_caller_sp (caller);
  thread->state = HOOK_BUSY;
  return thread;
}

static inline HookThread *
enter (const HookCaller *caller)
{
  HookThread *thread = enter_at_once (caller);
  return likely (thread != NULL) ? thread : hook_session_enter (caller);
}

static HOOK_COLD void
write_pending (HookThread *thread)
{
  for (uint32_t i = 0; i < thread->n_pending && i < HOOK_PENDING; i++)
    {
      HookPending *event = &thread->pending[i];
      if (!event->ready)
        continue;
      event->ready = 0;
      const uint32_t node = hook_unwind_leaf (thread, event->ip, false);
      if (hook_room (thread, EVENT_WORDS))
        put_event (thread, event->type, event->address, event->tick, event->old, event->old_tick, event->size, node);
    }
  thread->n_pending = 0;
  if (unlikely (thread->is_in_watched))
    hook_hold_function (thread);
}

static inline void
leave (HookThread *thread)
{
  for (;;)
    {
      hook_publish (thread);
      thread->state = thread->idle;
      __atomic_signal_fence (__ATOMIC_SEQ_CST);
      if (likely (thread->n_pending == 0))
        break;
      thread->state = HOOK_BUSY;
      write_pending (thread);
    }
  if (unlikely (hook_locals.thread != thread))
    hook_session_unlock (thread);
}

/* An event of a signal handler that interrupted our own code: the interrupted event writes it. */
static HOOK_COLD void
postpone (const HookCaller *caller, uint32_t type, uint64_t address, uint64_t old, uint64_t old_tick, uint64_t size)
{
  HookThread *thread = hook_locals.thread;

  if (thread == NULL || thread->state != HOOK_BUSY)
    return;
  const uint32_t i = __atomic_fetch_add (&thread->n_pending, 1, __ATOMIC_RELAXED);
  if (i >= HOOK_PENDING)
    {
      __atomic_fetch_add (&hook_session.header->lost_events, 1, __ATOMIC_RELAXED);
      return;
    }
  HookPending *event = &thread->pending[i];
  event->type = type;
  event->address = address;
  event->old = old;
  event->old_tick = old_tick;
  event->size = size;
  event->tick = hook_tick ();
  event->ip = caller->ip;
  event->ready = 1;
}

/* ---- events ---- */

void
hook_emit_presence (const HookCaller *caller)
{
  HookThread *thread = enter (caller);
  if (thread)
    leave (thread);
}

/* NULL: not to be written, or not now. */
static HOOK_COLD HookThread *
enter_to_alloc (const HookCaller *caller, void *block, size_t size)
{
  if (hook_watches_peak)
    hook_peak_grow (block);
  const bool sampling = hook_sample_bytes != 0;
  if (sampling && (!hook_sample_hit (size) || !hook_sample_remember (block)))
    return NULL;
  HookThread *thread = enter (caller);

  if (thread == NULL)
    postpone (caller, HAT_WIRE_ALLOC, (uint64_t) block, 0, 0, size);
  /* The first call of all learns only now whether it is sampled. */
  else if (!sampling && hook_sample_bytes && !(hook_sample_hit (size) && hook_sample_remember (block)))
    {
      leave (thread);
      return NULL;
    }
  return thread;
}

void
hook_emit_alloc (const HookCaller *caller, void *block, size_t size)
{
  HookThread *thread = enter_at_once (caller);

  if (unlikely (thread == NULL) && (thread = enter_to_alloc (caller, block, size)) == NULL)
    return;
  const uint32_t node = hook_unwind (thread, caller);
  if (likely (hook_room (thread, EVENT_WORDS)))
    {
      const uint64_t tick = hook_tick ();
      const uint64_t word = likely (size >> 40 == 0) ? plain_word (thread, (uint64_t) block, tick, HAT_WIRE_ALLOC) : 0;
      if (likely (word != 0))
        {
          const uint64_t head = thread->head;
          uint64_t *body = thread->body;
          body[head & (HAT_WIRE_RING_WORDS - 1)] = word;
          body[(head + 1) & (HAT_WIRE_RING_WORDS - 1)] = size << 24 | node;
          thread->head = head + 2;
        }
      else
        put_event (thread, HAT_WIRE_ALLOC, (uint64_t) block, tick, 0, 0, size, node);
    }
  leave (thread);
}

/* NULL: not to be written, or not now. */
static HOOK_COLD HookThread *
enter_to_free (const HookCaller *caller, void *block)
{
  if (hook_watches_peak)
    hook_peak_shrink (caller, block, true);
  const bool sampling = hook_sample_bytes != 0;
  if (sampling && !hook_sample_forget (block))
    return NULL;
  HookThread *thread = enter (caller);

  if (thread == NULL)
    postpone (caller, HAT_WIRE_FREE, (uint64_t) block, 0, 0, 0);
  else if (!sampling && hook_sample_bytes) /* the first call of all: nothing has been sampled */
    {
      leave (thread);
      return NULL;
    }
  return thread;
}

static HOOK_COLD void
put_free (HookThread *thread, const HookCaller *caller, void *block)
{
  if (hook_session.header->free_stacks)
    {
      const uint32_t node = hook_unwind (thread, caller);
      if (hook_room (thread, EVENT_WORDS))
        put_event (thread, HAT_WIRE_FREE_STACK, (uint64_t) block, hook_tick_after (block), 0, 0, 0, node);
    }
  else
    put_event (thread, HAT_WIRE_FREE, (uint64_t) block, hook_tick_after (block), 0, 0, 0, 0);
}

void
hook_emit_free (const HookCaller *caller, void *block)
{
  HookThread *thread = enter_at_once (caller);

  if (unlikely (thread == NULL) && (thread = enter_to_free (caller, block)) == NULL)
    return;
  if (likely (hook_room (thread, EVENT_WORDS)))
    {
      const uint64_t word = likely (hook_session.header->free_stacks == 0)
                                ? plain_word (thread, (uint64_t) block, hook_tick_after (block), HAT_WIRE_FREE)
                                : 0;
      if (likely (word != 0))
        hook_put (thread, word);
      else
        put_free (thread, caller, block);
    }
  leave (thread);
}

void
hook_emit_moving (const HookCaller *caller, void *old, uint64_t tick)
{
  if (unlikely (hook_watches_peak))
    hook_peak_shrink (caller, old, false);
  HookThread *thread = enter (caller);

  if (unlikely (thread == NULL))
    return; /* inside the hook already: the event that was interrupted is told first */
  if (likely (!hook_sample_bytes) && likely (hook_room (thread, EVENT_WORDS)))
    put_address (thread, (uint64_t) old, tick, HAT_WIRE_MOVING);
  leave (thread);
}

void
hook_emit_realloc (const HookCaller *caller, void *old, uint64_t old_tick, void *block, size_t size)
{
  if (unlikely (hook_watches_peak))
    hook_peak_grow (block);
  HookThread *thread = enter (caller);

  if (unlikely (thread == NULL))
    {
      postpone (caller, HAT_WIRE_REALLOC, (uint64_t) block, (uint64_t) old, old_tick, size);
      return;
    }
  const uint32_t node = hook_unwind (thread, caller);
  if (likely (hook_room (thread, EVENT_WORDS)))
    put_event (thread, HAT_WIRE_REALLOC, (uint64_t) block, hook_tick (), (uint64_t) old, old_tick, size, node);
  leave (thread);
}

static void
put_bytes (HookThread *thread, uint32_t type, const char *bytes, uint64_t length)
{
  hook_put (thread, length << 4 | type);
  put_address (thread, 0, hook_tick (), HAT_WIRE_FREE);
  for (uint64_t i = 0; i < length; i += 8)
    {
      uint64_t word = 0;
      for (uint64_t k = 0; k < 8 && i + k < length; k++)
        word |= (uint64_t) (unsigned char) bytes[i + k] << (k * 8);
      hook_put (thread, word);
    }
}

void
hook_emit_mark (const HookCaller *caller, const char *name)
{
  enum
  {
    MAX_NAME = 4096,
  };
  HookThread *thread = enter (caller);
  uint64_t length = 0;

  if (thread == NULL)
    return;
  while (length < MAX_NAME && name[length])
    length++;
  if (hook_room (thread, length / 8 + EVENT_WORDS))
    put_bytes (thread, HAT_WIRE_MARK, name, length);
  leave (thread);
}

void
hook_emit_memory (const HookCaller *caller)
{
  static const char *const paths[] = { "/proc/self/statm", "/proc/self/maps" };
  HookThread *thread = enter (caller);
  char piece[2048];

  if (thread == NULL)
    return;
  for (uint32_t i = 0; i < 2; i++)
    {
      const int fd = hook_open (paths[i]);
      long n;
      while (fd >= 0 && (n = hook_read (fd, piece, sizeof piece)) > 0
             && hook_room (thread, sizeof piece / 8 + EVENT_WORDS))
        {
          put_bytes (thread, HAT_WIRE_MEMORY, piece, (uint64_t) n);
          hook_publish (thread);
        }
      if (fd >= 0)
        hook_close (fd);
    }
  if (hook_room (thread, EVENT_WORDS))
    put_bytes (thread, HAT_WIRE_MEMORY, NULL, 0);
  leave (thread);
}

uint64_t
hook_emit_fork (const HookCaller *caller)
{
  HookThread *thread = enter (caller);
  uint64_t id = 0;

  if (thread == NULL)
    return 0;
  if (hook_room (thread, EVENT_WORDS))
    {
      const uint64_t tick = hook_tick ();
      id = __atomic_fetch_add (&hook_session.header->fork_ids, 1, __ATOMIC_RELAXED);
      hook_put (thread, tick << 4 | HAT_WIRE_TIME);
      thread->last_tick = tick;
      hook_put (thread, id << 4 | HAT_WIRE_FORK);
    }
  leave (thread);
  return id;
}
