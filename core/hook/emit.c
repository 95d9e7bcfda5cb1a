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
};

static inline void
put_address (HookThread *thread, uint64_t address, uint64_t tick, uint32_t type)
{
  uint64_t dt = tick - thread->last_tick;

  if (unlikely (dt > 0xffff)) /* or backwards */
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

static inline HookThread *
enter (const HookCaller *caller)
{
  HookThread *thread = hook_locals.thread;

  if (likely (thread && thread->state == HOOK_IDLE))
    {
      thread->busy_sp = caller->cfa;
      thread->state = HOOK_BUSY;
      return thread;
    }
  return hook_session_enter (caller);
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
  hook_publish (thread);
  for (;;)
    {
      if (unlikely (thread->n_pending))
        {
          write_pending (thread);
          hook_publish (thread);
        }
      thread->state = likely (thread->limit) ? HOOK_IDLE : HOOK_OFF; /* no limit: disarmed while waiting for space */
      __atomic_signal_fence (__ATOMIC_SEQ_CST);
      if (likely (thread->n_pending == 0))
        break;
      thread->state = HOOK_BUSY;
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

static inline __attribute__ ((always_inline)) void
write_alloc (HookThread *thread, const HookCaller *caller, void *block, size_t size)
{
  const uint32_t node = hook_unwind (thread, caller);
  if (likely (hook_room (thread, EVENT_WORDS)))
    {
      const uint64_t word = block_word (thread, size, node);
      put_address (thread, (uint64_t) block, hook_tick (), HAT_WIRE_ALLOC);
      hook_put (thread, word);
    }
}

void
hook_emit_alloc (const HookCaller *caller, void *block, size_t size)
{
  if (unlikely (hook_watches_peak))
    hook_peak_grow (block);
  const bool sampling = hook_sample_bytes != 0;
  if (sampling && (likely (!hook_sample_hit (size)) || !hook_sample_remember (block)))
    return;
  HookThread *thread = enter (caller);

  if (unlikely (thread == NULL))
    {
      postpone (caller, HAT_WIRE_ALLOC, (uint64_t) block, 0, 0, size);
      return;
    }
  /* The first call of all learns only now whether it is sampled. */
  if (likely (sampling || !hook_sample_bytes) || (hook_sample_hit (size) && hook_sample_remember (block)))
    write_alloc (thread, caller, block, size);
  leave (thread);
}

void
hook_emit_free (const HookCaller *caller, void *block)
{
  if (unlikely (hook_watches_peak))
    hook_peak_shrink (caller, block, true);
  const bool sampling = hook_sample_bytes != 0;
  if (sampling && likely (!hook_sample_forget (block)))
    return;
  HookThread *thread = enter (caller);

  if (unlikely (thread == NULL))
    {
      postpone (caller, HAT_WIRE_FREE, (uint64_t) block, 0, 0, 0);
      return;
    }
  if (unlikely (!sampling && hook_sample_bytes)) /* the first call of all: nothing has been sampled */
    {
      leave (thread);
      return;
    }
  if (unlikely (hook_session.header->free_stacks))
    {
      const uint32_t node = hook_unwind (thread, caller);
      if (hook_room (thread, EVENT_WORDS))
        put_event (thread, HAT_WIRE_FREE_STACK, (uint64_t) block, hook_tick_after (), 0, 0, 0, node);
    }
  else if (likely (hook_room (thread, EVENT_WORDS)))
    put_address (thread, (uint64_t) block, hook_tick_after (), HAT_WIRE_FREE);
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
