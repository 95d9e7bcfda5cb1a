/* SPDX-License-Identifier: Apache-2.0
 * The session's memory, this process' entry in it, and a ring for each thread.
 *
 * All starts in the first hooked call, which may be the first call of anything in the process. What a forked child
 * must not use any more lies in mappings that the kernel wipes for it, so every kind of fork is noticed at the
 * child's next event, which starts anew. vfork and posix_spawn share the memory and go on as their parent's thread. */
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  NOT_STARTED = 0,
  STARTING,
  RECORDING,
  OFF,
};

/* What a forked child does not inherit. */
typedef struct
{
  uint32_t start;
  uint32_t process; /* index into the table */
  uint32_t lock;    /* of the next two */
  uint64_t signals; /* mask of the holder */
  HookThread *shared;
  HookThread *threads[HAT_WIRE_MAX_RINGS]; /* by ring; those of dead threads are used again */
} Process;

__thread HookLocals hook_locals HOOK_TLS;
HookSession hook_session;

static Process *process;
static bool disabled;                         /* for good, children included */
static bool inherited;                        /* this address space was registered before: a fork child's start */
static uint32_t parent_process;
static uint32_t parent_pid;
static char session_path[256];
static bool can_duplicate;                    /* mappings, instead of opening the path again */
static uint64_t *bodies[HAT_WIRE_MAX_RINGS];  /* mapped ring bodies; shared memory, so a child goes on using them */

/* ---- start ---- */

extern void *__libc_stack_end;

/* The program's arguments as the kernel put them there: a NULL behind each list. The C library's own pointers to them may not be set up so far. */
static const char *const *
arguments (void)
{
  return (const char *const *) __libc_stack_end + 1;
}

/* The value of HAT_WIRE_ENV. */
static bool
read_session_path (void)
{
  static const char wanted[] = HAT_WIRE_ENV "=";
  const uint64_t n_arguments = *(const uint64_t *) __libc_stack_end;

  for (const char *const *env = arguments () + n_arguments + 1; *env; env++)
    if (strncmp (*env, wanted, sizeof wanted - 1) == 0)
      {
        const char *value = *env + sizeof wanted - 1;
        const size_t length = strnlen (value, sizeof session_path);
        if (length == 0 || length == sizeof session_path)
          return false;
        memcpy (session_path, value, length + 1);
        return true;
      }
  return false;
}

/* Whether the path still is a recorder's memory: a program may outlive that, and another process get its number. */
static bool
is_session (void)
{
  static const char wanted[] = "/memfd:";
  char name[sizeof wanted - 1];

  const long length = hook_syscall (SYS_readlinkat, (uint64_t)AT_FDCWD, (uint64_t) session_path, (uint64_t) name,
                                    sizeof name, 0, 0);
  return length == sizeof name && memcmp (name, wanted, sizeof name) == 0;
}

static void *
map_session (uint64_t offset, uint64_t size)
{
  const int fd
      = (int) hook_syscall (SYS_openat, (uint64_t)AT_FDCWD, (uint64_t) session_path, O_RDWR | O_CLOEXEC, 0, 0, 0);
  if (fd < 0)
    return NULL;
  void *memory = NULL;
  if (hook_syscall (SYS_lseek, (uint64_t) fd, 0, SEEK_END, 0, 0, 0) >= (long) (offset + size))
    memory = (void *) hook_syscall (SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, (uint64_t) fd, offset);
  hook_close (fd);
  if (memory == NULL || hook_failed (memory))
    return NULL;
  hook_syscall (SYS_madvise, (uint64_t) memory, size, MADV_DONTDUMP, 0, 0, 0);
  return memory;
}

/* Whether a mapping is duplicated by mremap with an old size of 0, on this kernel and in this sandbox. */
static bool
test_duplication (const HatWireHeader *header)
{
  void *memory = (void *) hook_syscall (SYS_mremap, (uint64_t) header, 0, 4096, MREMAP_MAYMOVE, 0, 0);
  if (hook_failed (memory))
    return false;
  const bool same = ((const HatWireHeader *) memory)->magic == HAT_WIRE_MAGIC;
  hook_syscall (SYS_munmap, (uint64_t) memory, 4096, 0, 0, 0, 0);
  return same;
}

static bool
open_session (void)
{
  if (hook_session.header)
    return true;
  if (!read_session_path () || !is_session ())
    return false;
  HatWireHeader *header = map_session (0, HAT_WIRE_HEAD_SIZE);
  if (header == NULL)
    return false;
  if (header->magic != HAT_WIRE_MAGIC || header->version != HAT_WIRE_VERSION)
    {
      hook_syscall (SYS_munmap, (uint64_t) header, HAT_WIRE_HEAD_SIZE, 0, 0, 0, 0);
      return false;
    }
  can_duplicate = test_duplication (header);
  hook_session.rings = (HatWireRing *) ((char *) header + HAT_WIRE_RINGS_AT);
  hook_session.processes = (HatWireProcess *) ((char *) header + HAT_WIRE_PROCESSES_AT);
  hook_session.ips = (uint64_t *) ((char *) header + HAT_WIRE_IPS_AT);
  hook_session.header = header;
  hook_watches_peak = header->holds_at_peak;
  hook_sample_start (header->sample_bytes);
  return true;
}

/* NUL-separated; may be cut. */
static uint32_t
copy_arguments (char *buffer, uint32_t size)
{
  uint32_t n = 0;

  for (const char *const *argument = arguments (); *argument; argument++)
    for (const char *c = *argument; n < size; c++)
      if ((buffer[n++] = *c) == 0)
        break;
  return n;
}

static uint32_t
read_whole (const char *path, char *buffer, uint32_t size)
{
  uint32_t n = 0;
  const int fd = hook_open (path);
  if (fd < 0)
    return 0;
  while (n < size)
    {
      const long got = hook_read (fd, buffer + n, size - n);
      if (got <= 0)
        break;
      n += (uint32_t) got;
    }
  hook_close (fd);
  return n;
}

/* The main thread's stack: its end is the end of the page that the loader found its arguments in. The limit may have
 * been raised since the kernel laid out the memory; nearer than 128 MB it puts nothing else at any limit. */
static void
main_stack (uint64_t *lo, uint64_t *hi)
{
  struct rlimit64 limit = {};
  const uint64_t most = 120ul << 20;

  *hi = ((uint64_t) __libc_stack_end | 4095) + 1;
  if (hook_syscall (SYS_prlimit64, 0, RLIMIT_STACK, 0, (uint64_t) &limit, 0, 0) != 0 || limit.rlim_cur == 0)
    limit.rlim_cur = 8ul << 20;
  *lo = *hi - (limit.rlim_cur > most ? most : limit.rlim_cur);
}

static bool
register_process (void)
{
  HatWireHeader *header = hook_session.header;
  const uint64_t fork_id = hook_locals.fork_id;

  if (header->state != HAT_WIRE_RECORDING)
    return false;
  if (header->no_follow && (inherited || hook_session.processes[0].state != HAT_WIRE_PROCESS_FREE))
    return false;
  for (uint32_t i = 0; i < HAT_WIRE_MAX_PROCESSES; i++)
    {
      HatWireProcess *entry = &hook_session.processes[i];
      uint32_t expected = HAT_WIRE_PROCESS_FREE;
      if (__atomic_load_n (&entry->state, __ATOMIC_RELAXED) != HAT_WIRE_PROCESS_FREE
          || !__atomic_compare_exchange_n (&entry->state, &expected, HAT_WIRE_PROCESS_CLAIMED, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED))
        continue;
      entry->kind = inherited ? HAT_WIRE_START_FORK : HAT_WIRE_START_EXEC;
      entry->pid = (uint32_t) hook_syscall (SYS_getpid, 0, 0, 0, 0, 0, 0);
      entry->parent_pid = inherited ? parent_pid : (uint32_t) hook_syscall (SYS_getppid, 0, 0, 0, 0, 0, 0);
      entry->parent = inherited ? parent_process : 0;
      entry->generation = hook_unwind_generation ();
      entry->fork_id = inherited ? fork_id : 0;
      hook_locals.fork_id = 0; /* a child that _Fork or daemon makes of us is another one */
      entry->start_tsc = hook_tick ();
      main_stack (&entry->stack_lo, &entry->stack_hi);
      const long length = hook_syscall (SYS_readlinkat, (uint64_t)AT_FDCWD, (uint64_t) "/proc/self/exe",
                                        (uint64_t) entry->exe, sizeof entry->exe - 1, 0, 0);
      entry->exe[length > 0 ? length : 0] = 0;
      const char *provider = hook_provider.is_hidden ? "" : hook_provider.is_program ? entry->exe : hook_provider.path;
      uint32_t n = 0;
      for (; provider[n] && n < sizeof entry->provider - 1; n++)
        entry->provider[n] = provider[n];
      entry->provider[n] = 0;
      entry->exit_status = 0;
      entry->hold = HAT_WIRE_HOLD_NONE;
      entry->held_exit = entry->held_function = entry->n_watched = 0;
      const HatWireProcess *parent = &hook_session.processes[parent_process];
      if (inherited && parent->pid == parent_pid) /* the same modules at the same places: nobody will ask again where the function is */
        {
          __builtin_memcpy (entry->watched, parent->watched, sizeof entry->watched);
          entry->n_watched = parent->n_watched;
        }
      entry->own_memory = 0;
      /* A program may have given itself another name since it began. */
      entry->argv_bytes = inherited ? read_whole ("/proc/self/cmdline", entry->argv, sizeof entry->argv)
                                    : copy_arguments (entry->argv, sizeof entry->argv);
      if (header->holds != HAT_WIRE_HOLDS_NONE)
        hook_syscall (SYS_prctl, PR_SET_PTRACER, header->recorder_pid, 0, 0, 0, 0);
      __atomic_store_n (&entry->state, HAT_WIRE_PROCESS_LIVE, __ATOMIC_RELEASE);

      process->process = parent_process = i;
      parent_pid = entry->pid;
      inherited = true;
      return true;
    }
  return false;
}

static void
disable (void)
{
  __atomic_store_n (&disabled, true, __ATOMIC_RELEASE);
  hook_interpose_for (HOOK_PASSED_ON);
}

static bool
start (void)
{
  if (__atomic_load_n (&disabled, __ATOMIC_ACQUIRE) || !hook_session_has_clock)
    return false;
  Process *memory = __atomic_load_n (&process, __ATOMIC_ACQUIRE);
  if (memory == NULL)
    {
      memory = hook_map_wiped (sizeof (Process));
      Process *expected = NULL;
      if (memory == NULL)
        {
          disable ();
          return false;
        }
      if (!__atomic_compare_exchange_n (&process, &expected, memory, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        hook_syscall (SYS_munmap, (uint64_t) memory, sizeof (Process), 0, 0, 0, 0);
    }

  uint32_t expected = NOT_STARTED;
  if (__atomic_compare_exchange_n (&process->start, &expected, STARTING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
      const bool is_open = open_session ();
      if (is_open)
        hook_provider_uncover ();
      const bool good = is_open && register_process ();
      if (!good)
        disable ();
      __atomic_store_n (&process->start, good ? RECORDING : OFF, __ATOMIC_RELEASE);
      return good;
    }
  /* Another thread is at it; it waits for nobody. */
  while ((expected = __atomic_load_n (&process->start, __ATOMIC_ACQUIRE)) == STARTING)
    hook_yield ();
  return expected == RECORDING;
}

HatWireProcess *
hook_session_entry (void)
{
  const Process *memory = __atomic_load_n (&process, __ATOMIC_ACQUIRE);
  if (memory == NULL || __atomic_load_n (&memory->start, __ATOMIC_ACQUIRE) != RECORDING)
    return NULL;
  return &hook_session.processes[memory->process];
}

uint32_t
hook_session_process (void)
{
  return process->process;
}

void
hook_session_disarm (void)
{
  disable ();
  __atomic_store_n (&process->start, OFF, __ATOMIC_RELEASE);
}

bool hook_session_has_clock = true;

void
hook_session_lose_clock (void)
{
  HookThread *thread = hook_locals.thread;

  hook_session_has_clock = false;
  if (hook_session_entry () == NULL)
    return;
  __atomic_fetch_add (&hook_session.header->lost_events, 1, __ATOMIC_RELAXED);
  hook_session_disarm ();
  if (thread && thread->state == thread->idle)
    thread->state = HOOK_OFF;
}

/* ---- threads ---- */

static uint64_t *
map_body (uint32_t ring)
{
  uint64_t *body = __atomic_load_n (&bodies[ring], __ATOMIC_ACQUIRE);
  if (body)
    return body;
  if (can_duplicate)
    {
      /* A duplicate starts inside the old mapping but may be longer: from the head's last page to the ring's end. */
      const uint64_t last = (uint64_t) hook_session.header + HAT_WIRE_HEAD_SIZE - 4096;
      const uint64_t before = 4096 + (uint64_t) ring * HAT_WIRE_RING_BYTES;
      const uint64_t copy
          = (uint64_t) hook_syscall (SYS_mremap, last, 0, before + HAT_WIRE_RING_BYTES, MREMAP_MAYMOVE, 0, 0);
      if (!hook_failed ((void *) copy))
        {
          hook_syscall (SYS_munmap, copy, before, 0, 0, 0, 0);
          body = (uint64_t *) (copy + before);
          hook_syscall (SYS_madvise, (uint64_t) body, HAT_WIRE_RING_BYTES, MADV_DONTDUMP, 0, 0, 0);
        }
    }
  if (body == NULL)
    body = map_session (HAT_WIRE_HEAD_SIZE + (uint64_t) ring * HAT_WIRE_RING_BYTES, HAT_WIRE_RING_BYTES);
  __atomic_store_n (&bodies[ring], body, __ATOMIC_RELEASE);
  return body;
}

/* The thread's stack. glibc notes a thread's stack as two neighbours, start and size, in the thread's descriptor,
 * which lies at the end of that very stack; the pair is known by that. The main thread's descriptor lies elsewhere.
 * No match: no stack is known, and each walk asks the kernel. */
static void
find_stack (HookThread *thread, const HookCaller *caller)
{
  uint64_t descriptor, lo, hi;

  __asm__ ("movq %%fs:16, %0" : "=r" (descriptor));
  thread->stack_lo = thread->stack_hi = 0;
  const uint64_t page_end = (descriptor | 4095) + 1;
  const uint64_t end = hook_page_readable (page_end) ? descriptor + 0x900 : page_end;
  for (uint64_t at = descriptor; at + 16 <= end; at += 8)
    {
      const uint64_t start = *(const uint64_t *) at, size = *(const uint64_t *) (at + 8);
      if (start >= 1u << 16 && start < descriptor && size >= 16384 && size < 1ul << 40 && start + size > descriptor
          && start + size - descriptor < 1ul << 20 && descriptor - start > 8192)
        {
          thread->stack_lo = start;
          thread->stack_hi = descriptor;
          return;
        }
    }
  main_stack (&lo, &hi);
  if (hook_caller_sp (caller) >= lo && hook_caller_sp (caller) < hi)
    {
      thread->stack_lo = lo;
      thread->stack_hi = hi;
    }
}

/* Tells the recorder which memory is ours. */
static void
list_own (HookThread *thread)
{
  HatWireProcess *entry = &hook_session.processes[process->process];

  if (thread->own.size != 0)
    return;
  thread->own.size = sizeof *thread;
  thread->own.next = __atomic_load_n (&entry->own_memory, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n (&entry->own_memory, &thread->own.next, (uint64_t) thread, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    ;
}

enum
{
  SHARED_RINGS = 64, /* kept for processes' own rings: of two with more threads than there are rings, say */
};

/* A ring of our own; memory is the state to use, NULL to find or make one; tid 0: the process' own. */
static HookThread *
claim_ring (HookThread *memory, uint32_t tid)
{
  const uint32_t n = tid == 0 ? HAT_WIRE_MAX_RINGS : HAT_WIRE_MAX_RINGS - SHARED_RINGS;

  for (uint32_t i = 0; i < n; i++)
    {
      HatWireRing *ring = &hook_session.rings[i];
      uint32_t expected = HAT_WIRE_RING_FREE;
      if (__atomic_load_n (&ring->state, __ATOMIC_RELAXED) != HAT_WIRE_RING_FREE
          || !__atomic_compare_exchange_n (&ring->state, &expected, HAT_WIRE_RING_CLAIMED, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED))
        continue;
      uint64_t *body = map_body (i);
      HookThread *thread = memory                ? memory
                           : process->threads[i] ? process->threads[i]
                                                 : hook_map_wiped (sizeof (HookThread));
      if (body == NULL || thread == NULL)
        {
          __atomic_store_n (&ring->state, HAT_WIRE_RING_FREE, __ATOMIC_RELEASE);
          return NULL;
        }
      process->threads[i] = thread;
      list_own (thread);
      thread->ring_index = i;
      thread->ring = ring;
      thread->body = body;
      thread->head = __atomic_load_n (&ring->head, __ATOMIC_RELAXED);
      thread->limit = 0;
      thread->idle = hook_sample_bytes || hook_watches_peak ? HOOK_CAREFUL : HOOK_IDLE;
      thread->n_pending = 0;
      thread->last_tick = hook_tick ();
      ring->waiting = 0;
      ring->tid = tid;
      ring->process = process->process;
      ring->start_tsc = thread->last_tick;
      ring->blocked = 0;
      uint32_t hint = __atomic_load_n (&hook_session.header->ring_hint, __ATOMIC_RELAXED);
      while (hint < i + 1
             && !__atomic_compare_exchange_n (&hook_session.header->ring_hint, &hint, i + 1, false, __ATOMIC_RELAXED,
                                              __ATOMIC_RELAXED))
        ;
      __atomic_store_n (&ring->state, HAT_WIRE_RING_LIVE, __ATOMIC_RELEASE);
      hook_unwind_reset (thread);
      return thread;
    }
  return NULL;
}

/* The process' own ring, for threads without one; locked, with signals blocked. */
static HookThread *
lock_shared (const HookCaller *caller, uint64_t signals)
{
  uint32_t expected = 0;
  for (uint32_t spins = 0;
       !__atomic_compare_exchange_n (&process->lock, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
       expected = 0, spins++)
    if (spins < 100)
      __builtin_ia32_pause ();
    else
      hook_yield ();
  if (process->shared == NULL)
    process->shared = claim_ring (NULL, 0);
  HookThread *thread = process->shared;
  if (thread == NULL || thread->state == HOOK_OFF)
    {
      __atomic_fetch_add (&hook_session.header->lost_events, thread == NULL, __ATOMIC_RELAXED);
      __atomic_store_n (&process->lock, 0, __ATOMIC_RELEASE);
      return NULL;
    }
  process->signals = signals;
  thread->stack_lo = thread->stack_hi = 0; /* it serves many stacks */
  thread->busy_sp = hook_caller_sp (caller);
  thread->state = HOOK_BUSY;
  return thread;
}

void
hook_session_unlock (HookThread *thread)
{
  if (process->shared != thread)
    return;
  const uint64_t signals = process->signals;
  __atomic_store_n (&process->lock, 0, __ATOMIC_RELEASE);
  hook_restore_signals (signals);
}

/* A handler left our code by longjmp: what was half written is taken back, with the nodes that it may have defined. */
static void
recover (HookThread *thread)
{
  thread->head = __atomic_load_n (&thread->ring->head, __ATOMIC_RELAXED);
  thread->limit = 0;
  hook_unwind_reset (thread);
}

static HookThread *
enter (const HookCaller *caller)
{
  HookThread *thread = hook_locals.thread;

  if (!start ())
    {
      if (thread)
        thread->state = HOOK_OFF;
      return NULL;
    }
  if (thread == NULL || thread->state == HOOK_WIPED)
    {
      const uint32_t tid = (uint32_t) hook_syscall (SYS_gettid, 0, 0, 0, 0, 0, 0);
      thread = claim_ring (thread, tid);
      if (thread == NULL)
        return NULL;
      find_stack (thread, caller);
      hook_locals.thread = thread;
    }
  thread->busy_sp = hook_caller_sp (caller);
  thread->state = HOOK_BUSY;
  return thread;
}

HookThread *
hook_session_enter (const HookCaller *caller)
{
  HookThread *thread = hook_locals.thread;

  if (__atomic_load_n (&disabled, __ATOMIC_RELAXED))
    return NULL;
  if (thread && thread->state == HOOK_BUSY)
    {
      const bool own_stack = hook_caller_sp (caller) >= thread->stack_lo && hook_caller_sp (caller) < thread->stack_hi
                             && thread->busy_sp >= thread->stack_lo && thread->busy_sp < thread->stack_hi;
      /* A handler's frames lie below what the kernel pushed, which is more than this. */
      const uint64_t signal_frame = 512;
      if (!own_stack || hook_caller_sp (caller) + signal_frame <= thread->busy_sp)
        return NULL; /* nested: the outer event writes it */
      recover (thread);
      thread->busy_sp = hook_caller_sp (caller);
      return thread;
    }
  if (thread && (thread->state == HOOK_IDLE || thread->state == HOOK_CAREFUL))
    {
      thread->busy_sp = hook_caller_sp (caller);
      thread->state = HOOK_BUSY;
      return thread;
    }
  if (thread && thread->state == HOOK_OFF)
    return NULL;
  const uint64_t signals = hook_block_signals ();
  thread = enter (caller);
  if (thread == NULL && !disabled)
    {
      thread = lock_shared (caller, signals);
      if (thread)
        return thread; /* signals come back with the unlocking */
    }
  hook_restore_signals (signals);
  return thread;
}
