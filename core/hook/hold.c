/* SPDX-License-Identifier: Apache-2.0
 * Standing still while the recorder looks at this process' memory; and the ways to end that come before the exit
 * handlers, where what the program holds is still held. A thread that leaves by one of them asks, and waits: bounded,
 * for a recorder that does not answer is no reason to hang. */
#include <stdlib.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  PATIENCE = 100, /* waits of a tenth of a second for an answer, and as many again for the work */
};

static bool
is_held (uint32_t state)
{
  return state == HAT_WIRE_HOLD_ASKED || state == HAT_WIRE_HOLD_TAKEN;
}

/* Until the request, ours or another thread's, is over. */
static void
wait_for_recorder (HatWireProcess *entry)
{
  const struct timespec patience = { .tv_nsec = 100000000 };
  uint32_t state;

  for (uint32_t waits = 0; waits < 2 * PATIENCE && is_held (state = __atomic_load_n (&entry->hold, __ATOMIC_ACQUIRE)); waits++)
    {
      uint32_t expected = HAT_WIRE_HOLD_ASKED;
      if (hook_reader_is_gone ())
        return;
      if (waits >= PATIENCE
          && __atomic_compare_exchange_n (&entry->hold, &expected, HAT_WIRE_HOLD_NONE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
      hook_syscall (SYS_futex, (uint64_t) &entry->hold, FUTEX_WAIT, state, (uint64_t) &patience, 0, 0);
    }
}

static void
ask (HatWireProcess *entry, uint64_t cfa, uint32_t reason, const char *detail)
{
  uint32_t expected = HAT_WIRE_HOLD_NONE, n = 0;

  /* Another thread's request may be under way; ours is about another instant. */
  while (!__atomic_compare_exchange_n (&entry->hold, &expected, HAT_WIRE_HOLD_CLAIMED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    {
      if (hook_reader_is_gone ())
        return;
      wait_for_recorder (entry);
      if (expected == HAT_WIRE_HOLD_CLAIMED)
        hook_yield ();
      expected = HAT_WIRE_HOLD_NONE;
    }
  for (; detail && detail[n] && n < sizeof entry->hold_detail - 1; n++)
    entry->hold_detail[n] = detail[n];
  entry->hold_detail[n] = 0;
  entry->hold_reason = reason;
  entry->hold_cfa = cfa;
  entry->hold_tid = (uint32_t) hook_syscall (SYS_gettid, 0, 0, 0, 0, 0, 0);
  __atomic_store_n (&entry->hold, HAT_WIRE_HOLD_ASKED, __ATOMIC_SEQ_CST);
  hook_ring_bell ();
  wait_for_recorder (entry);
}

/* This process' entry, if it may be held now. A child of vfork runs in its parent's memory. */
static HatWireProcess *
may_hold (void)
{
  HatWireProcess *entry = hook_session_entry ();

  return entry && hook_session.header->holds != HAT_WIRE_HOLDS_NONE && !hook_sandboxed && !hook_reader_is_gone ()
                 && (uint32_t) hook_syscall (SYS_getpid, 0, 0, 0, 0, 0, 0) == entry->pid
             ? entry
             : NULL;
}

void
hook_hold_exit (const HookCaller *caller)
{
  HatWireProcess *entry = may_hold ();
  HatWireHeader *header = hook_session.header;
  uint32_t expected = 0;

  if (entry == NULL)
    return;
  if (!__atomic_compare_exchange_n (&entry->held_exit, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    {
      wait_for_recorder (entry); /* another thread may have asked just now */
      return;
    }
  if (header->holds == HAT_WIRE_HOLDS_LAUNCHED && entry->pid != header->launched_pid)
    {
      __atomic_fetch_add (&header->holds_skipped, 1, __ATOMIC_RELAXED);
      return;
    }
  ask (entry, hook_caller_sp (caller), HAT_WIRE_HOLD_EXIT, NULL);
}

void
hook_hold_mark (const HookCaller *caller, const char *name)
{
  HatWireProcess *entry = may_hold ();
  if (entry)
    ask (entry, hook_caller_sp (caller), HAT_WIRE_HOLD_MARK, name);
}

/* ---- a function ---- */

void
hook_hold_modules (void)
{
  HatWireProcess *entry = hook_session.header->watches ? may_hold () : NULL;
  if (entry && !entry->held_function)
    ask (entry, 0, HAT_WIRE_HOLD_MODULES, NULL);
}

void
hook_watch (HookThread *thread, uint64_t pc)
{
  const HatWireProcess *entry = &hook_session.processes[hook_session_process ()];

  for (uint32_t i = 0; i < entry->n_watched && i < HAT_WIRE_MAX_WATCHED; i++)
    if (pc >= entry->watched[i].start && pc < entry->watched[i].end && !thread->is_in_watched)
      {
        thread->is_in_watched = true;
        /* The end of the event looks for such: there is nothing in this one. */
        __atomic_fetch_add (&thread->n_pending, 1, __ATOMIC_RELAXED);
      }
}

void
hook_hold_function (HookThread *thread)
{
  HatWireProcess *entry = may_hold ();
  uint32_t expected = 0;

  thread->is_in_watched = false;
  if (entry && __atomic_compare_exchange_n (&entry->held_function, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    ask (entry, thread->busy_sp, HAT_WIRE_HOLD_FUNCTION, NULL);
}

/* ---- peaks ---- */

bool hook_watches_peak;
static int64_t live_bytes, next_peak = INT64_MAX, first_peak;

/* What there was before main is not of interest. */
static void
start_watching (void)
{
  first_peak = __atomic_load_n (&live_bytes, __ATOMIC_RELAXED);
  __atomic_store_n (&next_peak, first_peak + 1, __ATOMIC_RELAXED);
}

void
hook_peak_grow (void *block)
{
  __atomic_fetch_add (&live_bytes, (int64_t) hook_provider.malloc_usable_size (block), __ATOMIC_RELAXED);
}

void
hook_peak_shrink (const HookCaller *caller, void *block, bool may_ask)
{
  const int64_t live = __atomic_fetch_sub (&live_bytes, (int64_t) hook_provider.malloc_usable_size (block), __ATOMIC_RELAXED);
  int64_t peak = __atomic_load_n (&next_peak, __ATOMIC_RELAXED);

  if (!may_ask || live < peak
      || !__atomic_compare_exchange_n (&next_peak, &peak, live + (live - first_peak) / 4 + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    return;
  HatWireProcess *entry = may_hold ();
  if (entry)
    ask (entry, hook_caller_sp (caller), HAT_WIRE_HOLD_PEAK, NULL);
}

/* ---- ways to end ---- */

#define NEXT(name) ((__typeof__ (&name)) hook_provider_symbol (#name))

static __attribute__ ((noreturn)) void
no_next (void)
{
  for (;;)
    hook_syscall (SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

HOOK_EXPORT __attribute__ ((noreturn)) void
exit (int status)
{
  HOOK_CALLER (caller);
  hook_hold_exit (caller);
  __typeof__ (&exit) next = NEXT (exit);
  if (next)
    next (status);
  no_next ();
}

HOOK_EXPORT __attribute__ ((noreturn)) void
quick_exit (int status)
{
  HOOK_CALLER (caller);
  hook_hold_exit (caller);
  __typeof__ (&quick_exit) next = NEXT (quick_exit);
  if (next)
    next (status);
  no_next ();
}

HOOK_EXPORT __attribute__ ((noreturn)) void
abort (void)
{
  HOOK_CALLER (caller);
  hook_hold_exit (caller);
  __typeof__ (&abort) next = NEXT (abort);
  if (next)
    next ();
  no_next ();
}

HOOK_EXPORT __attribute__ ((noreturn)) void __assert_fail (const char *, const char *, unsigned, const char *);

HOOK_EXPORT __attribute__ ((noreturn)) void
__assert_fail (const char *assertion, const char *file, unsigned line, const char *function)
{
  HOOK_CALLER (caller);
  hook_hold_exit (caller);
  __typeof__ (&__assert_fail) next = NEXT (__assert_fail);
  if (next)
    next (assertion, file, line, function);
  no_next ();
}

typedef int Main (int, char **, char **);

static Main *program_main;

/* The C library calls its own exit when main has returned, which nobody could stand before. */
static int
main_and_hold (int argc, char **argv, char **environment)
{
  HOOK_CALLER (caller);
  if (hook_watches_peak)
    start_watching ();
  const int status = program_main (argc, argv, environment);
  hook_hold_exit (caller);
  return status;
}

int __libc_start_main (Main *, int, char **, void (*) (void), void (*) (void), void (*) (void), void *);

HOOK_EXPORT int
__libc_start_main (Main *main, int argc, char **argv, void (*init) (void), void (*fini) (void), void (*loader_fini) (void),
                   void *stack_end)
{
  __typeof__ (&__libc_start_main) next = NEXT (__libc_start_main);
  if (next == NULL)
    no_next ();
  program_main = main;
  return next (main_and_hold, argc, argv, init, fini, loader_fini, stack_end);
}
