/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The hook: the part of Heap Atlas that lives inside the target.
 *
 *   interpose.c  the exported functions: forward, then tell emit.c
 *   operators.c  the same for C++ operator new and delete
 *   provider.c   whom to forward to, found without dlsym
 *   patch.c      programs that bring their own malloc: entries that become jumps to ours
 *   session.c    mapping the session, registering the process, giving each thread its ring
 *   sample.c     which blocks are sampled, if not all are recorded
 *   emit.c       events to ring words; waiting for space; events nested in our own code
 *   leave.c      the end of the process
 *   hold.c       waiting while the recorder looks at the process' memory
 *   unwind.c     call stacks: incremental walk, shared rule cache
 *   cfi.c        .eh_frame: the row of rules for one address, and its generic evaluation
 *   tables.c     the same tables, read from files so that they do not fill the target's memory
 *   modules.c    the shared objects that stacks run through; dlclose
 *
 * Everything here runs inside somebody else's malloc: it takes no lock that others hold, allocates only by mmap,
 * makes system calls by hand (errno stays as it is), and after any failure forwards for ever. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/single_threaded.h>

#include "core/wire/wire.h"

/* What is declared here lies in this library; told so, the compiler reaches it without the table of addresses. */
#pragma GCC visibility push (hidden)

#define HOOK_EXPORT __attribute__ ((visibility ("default")))
#define HOOK_COLD __attribute__ ((noinline, cold))
#define HOOK_TLS __attribute__ ((tls_model ("initial-exec")))
#define likely(x) __builtin_expect (!!(x), 1)
#define unlikely(x) __builtin_expect (!!(x), 0)

/* Where the program called us, as our frame on the stack has it: the caller's frame pointer register and the return
 * address; the caller's stack begins behind it. */
typedef struct
{
  uint64_t rbp, ip;
} HookCaller;

static inline void
hook_keep_frame (const HookCaller **caller)
{
  __asm__ volatile ("" : : "r" (*caller));
}

/* Needs a frame pointer in the function that uses it, and keeps the frame from being left by a jump to another one while
 * the name is in scope. */
#define HOOK_CALLER(name) const HookCaller *name __attribute__ ((cleanup (hook_keep_frame))) = __builtin_frame_address (0)

/* The stack pointer after the return. */
static inline uint64_t
hook_caller_sp (const HookCaller *caller)
{
  return (uint64_t) (caller + 1);
}

enum
{
  HOOK_MAX_FRAMES = 4096,     /* deeper stacks keep both ends */
  HOOK_END_FRAMES = 128,      /* frames kept at each end of a deeper stack */
  HOOK_CACHED_FRAMES = 65536, /* depth up to which the last stack is remembered */
  HOOK_WALKED_FRAMES = 16384, /* frames that one walk may add to it */
  HOOK_CACHED_WORDS = HOOK_CACHED_FRAMES * 2 + 64,
  HOOK_NODE_BITS = 12,        /* sets of known nodes */
  HOOK_NODE_WAYS = 4,
  HOOK_SHAPE_BITS = 10,
  HOOK_MEMORY_BITS = 10,
  HOOK_SHAPE_WORDS = 10,      /* longer ones are not remembered */
  HOOK_LONG_WALK = 2,         /* frames; shorter ones cost no more than remembering them */
  HOOK_PENDING = 512,
};

#define HOOK_NO_INDEX UINT32_MAX

/* ---- unwinding (unwind.c, cfi.c) ---- */

enum
{
  HOOK_RBX = 3,
  HOOK_RBP = 6,
  HOOK_RSP = 7,
  HOOK_RA = 16,
  HOOK_REGISTERS = 17,
};

typedef enum
{
  HOOK_RULE_SAME,
  HOOK_RULE_UNDEFINED,
  HOOK_RULE_OFFSET, /* saved at CFA + value */
  HOOK_RULE_VALUE,  /* is CFA + value */
  HOOK_RULE_REGISTER,
  HOOK_RULE_EXPRESSION,
  HOOK_RULE_VALUE_EXPRESSION,
} HookRuleKind;

typedef struct
{
  uint8_t kind;
  int64_t value; /* for the expressions: where the expression's length is */
} HookRegisterRule;

/* How to find the caller's registers at one address. */
typedef struct
{
  HookRegisterRule registers[HOOK_REGISTERS];
  uint64_t cfa_register;
  int64_t cfa_offset;
  const uint8_t *cfa_expression; /* NULL: register + offset */
  bool signal_frame;
} HookRow;

typedef struct
{
  uint64_t value[HOOK_REGISTERS];
  bool exact; /* value[HOOK_RA] is an interrupted instruction, not a return address */
} HookRegisters;

typedef struct
{
  uint64_t ip, sp, rbp;
  bool exact;
} HookState;

/* A frame of a walk: the state in it, and the words of memory that gave the state of its caller. */
typedef struct
{
  HookState state;
  uint64_t path;     /* of the node cache: a hash of the frames from the root to here, set when all have been walked */
  uint64_t rule;     /* if it is a plain one, nothing of the rest is set */
  bool needs_rbp;    /* rbp was used to find the caller */
  bool restores_rbp; /* the caller's rbp came from memory */
  bool moves_sp;     /* the caller's sp came from memory */
  bool unprovable;   /* the caller's state cannot be proved again by comparing words */
  uint64_t ip_slot;  /* 0 = none */
  uint64_t rbp_slot, sp_slot; /* where the caller's came from */
} HookFrame;

/* A frame of the last stack. */
typedef struct
{
  _Alignas (64) uint64_t ip;
  uint64_t sp;
  uint64_t rbp;      /* 0 if nothing depends on it */
  uint32_t index;
  uint32_t n_words, n_pairs; /* so many prove this frame and all above it */
  uint32_t node;     /* of the frames up to HOOK_MAX_FRAMES, as is the next */
  uint64_t path;     /* a hash of the frames from the root to here */
  bool needs_rbp;    /* the frame's rbp decides about its callers */
  bool exact;
} HookKept;

typedef struct
{
  HookRow initial, remembered[8], row;
  HookRegisters registers;
  uint64_t operands[32];
} HookScratch;

/* ---- a thread ---- */

typedef struct
{
  uint64_t slot, value;
} HookWord;

/* Two words side by side, as the saved frame pointer and the return address are in most functions that have the former. */
typedef uint64_t HookPair __attribute__ ((vector_size (16)));

/* Which words walks from a state read, from the leaf up, and where they meet the kept stack. */
typedef struct
{
  _Alignas (64) uint64_t id; /* 0: none; no two shapes of a thread have the same */
  uint64_t ip, sp;    /* the state; the node cache's epoch is in sp's top bits */
  uint32_t meets;     /* the kept frame they end at */
  uint8_t n_words;
  uint8_t n_before;   /* words that decided that it is this shape */
  bool is_fork;       /* the words decide about further ones */
  uint16_t offsets[HOOK_SHAPE_WORDS]; /* of the words from sp, in words */
} HookShape;

/* What a walk of some shape found. */
typedef struct
{
  uint64_t shape; /* id */
  uint32_t node, met_node;
  uint64_t met_sp, met_rbp;
  uint64_t rbp, rbp_mask; /* the caller's frame pointer, and the bits of it that matter: all or none */
  uint64_t values[HOOK_SHAPE_WORDS];
} HookMemory;

enum
{
  HOOK_WIPED = 0, /* fresh, or inherited by a forked child: the kernel wiped it */
  HOOK_IDLE,
  HOOK_CAREFUL,   /* idle, but of an event more is to be done than telling it: blocks are sampled, or the heap is watched for peaks */
  HOOK_BUSY,
  HOOK_OFF,
};

/* An event that came while its thread was inside the hook: from a signal handler. */
typedef struct
{
  volatile uint32_t ready;
  uint32_t type;
  uint64_t address, old, size, tick, old_tick, ip;
} HookPending;

/* Lives in a mapping that a forked child sees wiped, so that no two processes write into one ring. */
typedef struct
{
  HatWireOwn own;
  volatile uint32_t state;
  uint32_t idle;      /* the state after an event: HOOK_IDLE, HOOK_CAREFUL, or HOOK_OFF */
  uint64_t *body;
  uint64_t head;      /* next word to write; published in ring->head */
  uint64_t limit;     /* head may go up to here without looking at the reader */
  uint64_t last_tick; /* of the ring's last stamp */
  HatWireRing *ring;
  uint64_t busy_sp;   /* the program's frame that called us, while BUSY */

  uint64_t stack_lo, stack_hi; /* this thread's stack: from a live frame up to stack_hi all is mapped */
  uint32_t generation;         /* of the rules that gave the cached stack */
  uint32_t n_frames;
  uint32_t next_node;
  volatile uint32_t n_pending;
  uint64_t epoch;              /* of the node cache */
  uint32_t n_tries, n_recalled;/* looks for a remembered walk, and how many were of use */
  uint32_t rest, last_rest;    /* walks without looking */
  /* Up to here an event reads two cache lines. */
  uint64_t last_shape;         /* id */
  uint32_t ring_index;
  uint64_t page_lo, page_hi;   /* memory found readable in this walk */
  bool is_in_watched;          /* an address of this walk is in a watched function */
  uint32_t used_frame_pointers;/* frames of this walk without unwind information */

  HookPending pending[HOOK_PENDING];
  HookScratch scratch;

  _Alignas (64) HookShape shapes[1 << HOOK_SHAPE_BITS];
  _Alignas (64) HookMemory memories[1 << HOOK_MEMORY_BITS];
  _Alignas (64) HookKept kept[HOOK_CACHED_FRAMES]; /* the last stack, root first */
  HookWord words[HOOK_CACHED_WORDS];
  uint64_t pair_slots[HOOK_CACHED_FRAMES];
  HookPair pairs[HOOK_CACHED_FRAMES];
  HookFrame walk[HOOK_WALKED_FRAMES];
  _Alignas (64) uint64_t nodes[1 << HOOK_NODE_BITS][HOOK_NODE_WAYS];
} HookThread;

/* All the thread-local storage there is. */
typedef struct
{
  HookThread *thread;
  uint64_t fork_id;      /* a fork of this thread is under way */
  uint64_t provider_cfa; /* the program's frame that called a foreign allocator, else 0 */
  int64_t sample_left;   /* bytes before the next sample point, if that is chosen */
  uint64_t sample_random;/* 0: not seeded */
} HookLocals;

extern __thread HookLocals hook_locals HOOK_TLS;

/* ---- provider.c ---- */

typedef struct
{
  /* What those that we export need (interpose.c), in a cache line or two. */
  _Alignas (64) bool is_sampled; /* and it is the C library */
  void *(*malloc) (size_t);
  void (*free) (void *);
  void *(*enter_malloc) (size_t);
  void (*enter_free) (void *);
  void *(*calloc) (size_t, size_t);
  void *(*realloc) (void *, size_t);
  void *(*enter_calloc) (size_t, size_t);
  void *(*enter_realloc) (void *, size_t);
  bool foreign; /* it is not the C library, or not found so far: its functions may call each other by their public names */
  int (*posix_memalign) (void **, size_t, size_t);
  void *(*aligned_alloc) (size_t, size_t);
  void *(*memalign) (size_t, size_t);
  void *(*valloc) (size_t);
  void *(*pvalloc) (size_t);
  void (*free_sized) (void *, size_t);
  void (*free_aligned_sized) (void *, size_t, size_t);
  size_t (*malloc_usable_size) (void *);
  int (*fork) (void);
  int (*dlclose) (void *);
  uint64_t start, end;           /* of the object that provides malloc */
  uint64_t hook_start, hook_end; /* of ourselves */
  const char *path; /* "": the program */
  bool is_program;  /* it is the program, and its functions go on to ours */
  bool is_hidden;   /* the program has its own, whose calls do not come to us */
} HookProvider;

extern HookProvider hook_provider;

/* Fills hook_provider. Two threads may do it at once. The functions in it do so at their first call. */
void hook_provider_find (void);
bool hook_provider_is_found (void);
/* The first definition after ourselves in lookup order, or NULL. If the program's own are recorded, they come first. */
void *hook_provider_symbol (const char *name);
/* The program's function, and ours; or NULL. */
void *hook_provider_of_program (const char *name);
void *hook_provider_of_ours (const char *name);
/* Has the program's own malloc, if there is one, recorded if that can be done. The first call counts. */
void hook_provider_uncover (void);

/* ---- patch.c ---- */

/* Has the program's functions jump to ours; false: nothing has changed. `start`: of the program in memory. */
bool hook_patch_program (uint64_t start);
/* What such a function did before; others are returned as they are. */
void *hook_patch_original (void *function);

/* ---- interpose.c ---- */

/* For any allocator and anything that is recorded. */
void *hook_malloc (size_t size);
void *hook_calloc (size_t count, size_t size);
void *hook_realloc (void *old, size_t size);
void hook_free (void *block);

/* What programs with their own malloc may have besides, and call without it. Firefox' functions say from which arena; free and realloc take
 * such blocks, too. */
typedef struct
{
  char *(*strdup) (const char *);
  char *(*strndup) (const char *, size_t);
  void *(*malloc) (size_t, size_t);
  void *(*calloc) (size_t, size_t, size_t);
  void *(*realloc) (size_t, void *, size_t);
  void *(*memalign) (size_t, size_t, size_t);
  void (*free) (size_t, void *);
} HookOwn;
extern HookOwn hook_own;

char *hook_own_strdup (const char *text);
char *hook_own_strndup (const char *text, size_t most);
void *hook_arena_malloc (size_t arena, size_t size);
void *hook_arena_calloc (size_t arena, size_t count, size_t size);
void *hook_arena_realloc (size_t arena, void *old, size_t size);
void *hook_arena_memalign (size_t arena, size_t alignment, size_t size);
void hook_arena_free (size_t arena, void *block);

typedef enum
{
  HOOK_ALL_TOLD, /* the allocator is the C library's, in the next one, too */
  HOOK_SAMPLED,
  HOOK_PASSED_ON, /* nothing is recorded */
} HookPurpose;
/* Has the exported ones go on to others that do no more than that. Another thread may still be in those before. */
void hook_interpose_for (HookPurpose purpose);

/* ---- session.c ---- */

typedef struct
{
  HatWireHeader *header; /* NULL: not recorded */
  HatWireRing *rings;
  HatWireProcess *processes;
  uint64_t *ips;
} HookSession;

extern HookSession hook_session;

/* The slow way into an event: makes the process and the thread known; the state of a thread that has none is the
 * process' own, locked. Returns it BUSY, or NULL: not recorded, or the thread is inside the hook already. */
HookThread *hook_session_enter (const HookCaller *caller);
void hook_session_unlock (HookThread *thread);
/* Stops recording in this process, for good. */
void hook_session_disarm (void);
/* The same before the kernel takes the clock away: nothing reads it any more. */
void hook_session_lose_clock (void);
extern bool hook_session_has_clock;
/* This process' entry in the process table, NULL if it is not recorded (any more, or so far). */
HatWireProcess *hook_session_entry (void);
/* This process' index into the process table. */
uint32_t hook_session_process (void);

/* Whether nobody reads the rings any more. */
bool hook_reader_is_gone (void);
/* Wakes the recorder if it sleeps. */
void hook_ring_bell (void);

/* ---- leave.c ---- */

/* Whether the program has asked for a filter of system calls. Then none is made at its end: it may be deadly. */
extern bool hook_sandboxed;

/* ---- hold.c ---- */

/* All of these wait until the recorder is done, bounded, and do not touch errno. */

/* The process is about to end: once, if a snapshot is wanted. */
void hook_hold_exit (const HookCaller *caller);
/* The program asks for a snapshot in a mark. */
void hook_hold_mark (const HookCaller *caller, const char *name);
/* A module has been announced; if functions are watched for, the recorder looks for them in it. */
void hook_hold_modules (void);
/* A code address that is new to the process: notes whether it is in a watched function. */
void hook_watch (HookThread *thread, uint64_t pc);
/* The event is told: holds if hook_watch() said so. */
void hook_hold_function (HookThread *thread);

/* Whether the heap is watched for peaks, and what each allocation and each death then does; before the real free. */
extern bool hook_watches_peak;
void hook_peak_grow (void *block);
void hook_peak_shrink (const HookCaller *caller, void *block, bool may_hold);

/* ---- sample.c ---- */

enum
{
  HOOK_FILTER_BITS = 20, /* so that an address is cut off by taking 32 bits of it */
};

extern uint64_t hook_sample_bytes; /* mean distance of sample points; 0: every block is recorded */
extern uint8_t hook_sample_filter[1 << HOOK_FILTER_BITS];

void hook_sample_start (uint64_t bytes);
/* The rare rest of hook_sample_hit(). */
bool hook_sample_point (size_t size);
/* In a forked child: its chances are its own. */
void hook_sample_forked (void);
/* FALSE: no room, counted as lost. */
bool hook_sample_remember (const void *block);
/* Whether the block was sampled. */
bool hook_sample_has (const void *block);
/* The rare rest of hook_sample_forget(). */
bool hook_sample_remove (const void *block);

/* Whether an allocation of `size` bytes holds a sample point. */
static inline bool
hook_sample_hit (size_t size)
{
  const int64_t left = hook_locals.sample_left - (int64_t) size;
  if (unlikely (left < 0))
    return hook_sample_point (size);
  hook_locals.sample_left = left;
  return false;
}

/* How many sampled blocks live in the page, or in others of the same remainder. Neighbours share a cache line of it, so
 * that asking costs the program none of its own. */
static inline uint8_t *
hook_sample_count (const void *block)
{
  return &hook_sample_filter[(uint32_t) (uint64_t) block >> (32 - HOOK_FILTER_BITS)];
}

/* Whether the block was sampled; not any more from now on. */
static inline bool
hook_sample_forget (const void *block)
{
  return unlikely (*hook_sample_count (block)) && hook_sample_remove (block);
}

/* The same two before anything else is done: TRUE if that was all there is to it. */
static inline bool
hook_sample_skips_alloc (size_t size)
{
  const int64_t left = hook_locals.sample_left - (int64_t) size;
  if (left < 0 || !hook_sample_bytes)
    return false;
  hook_locals.sample_left = left;
  return true;
}

/* The first one once blocks are sampled, in the fewest instructions: what it takes is given back if there is more to it. */
static inline bool
hook_sample_passes (size_t size)
{
  bool is_hit;
  __asm__ ("subq %2, %0" : "+m" (hook_locals.sample_left), "=@ccs" (is_hit) : "er" (size) : "cc");
  if (likely (!is_hit))
    return true;
  hook_locals.sample_left += (int64_t) size;
  return false;
}

static inline bool
hook_sample_skips_free (const void *block)
{
  return hook_sample_bytes && !*hook_sample_count (block);
}

/* ---- emit.c ---- */

/* Makes the process known though nothing happened. */
void hook_emit_presence (const HookCaller *caller);

void hook_emit_alloc (const HookCaller *caller, void *block, size_t size);
void hook_emit_free (const HookCaller *caller, void *block);
/* Before the real reallocation, `tick` too. */
void hook_emit_moving (const HookCaller *caller, void *old, uint64_t tick);
void hook_emit_realloc (const HookCaller *caller, void *old, uint64_t old_tick, void *block, size_t size);
void hook_emit_mark (const HookCaller *caller, const char *name);
/* Tells what the kernel says about this process' memory: a few system calls. */
void hook_emit_memory (const HookCaller *caller);
/* Tells that a fork comes; returns its id, 0 if not recorded. */
uint64_t hook_emit_fork (const HookCaller *caller);

static inline uint64_t
hook_tick (void)
{
  uint32_t low, high;
  __asm__ volatile ("rdtsc" : "=a" (low), "=d" (high));
  return ((uint64_t) high << 32 | low) >> HAT_WIRE_TSC_SHIFT;
}

/* The same for the end of `block`. A processor reads its clock before what comes before that in the program is over: a
 * thread that waits for a block of another one to reach its cache would stamp its end hundreds of cycles too early,
 * before the other one stamped its birth. What the allocator keeps before the block is fetched while we wait. */
static inline uint64_t
hook_tick_after (const void *block)
{
  if (unlikely (!__libc_single_threaded))
    {
      __builtin_prefetch ((const char *) block - 8, 1);
      __builtin_ia32_lfence ();
    }
  return hook_tick ();
}

/* Waits until n words fit; false: no longer recording, write nothing. */
bool hook_make_room (HookThread *thread, uint64_t n_words);

static inline bool
hook_room (HookThread *thread, uint64_t n_words)
{
  return likely (thread->head + n_words <= thread->limit) || hook_make_room (thread, n_words);
}

static inline void
hook_put (HookThread *thread, uint64_t word)
{
  thread->body[thread->head++ & (HAT_WIRE_RING_WORDS - 1)] = word;
}

static inline void
hook_publish (HookThread *thread)
{
  __atomic_store_n (&thread->ring->head, thread->head, __ATOMIC_RELEASE);
}

/* ---- unwind.c ---- */

typedef enum
{
  HOOK_STEP_CALLER,
  HOOK_STEP_ROOT,
  HOOK_STEP_LOST,
} HookStep;

/* The node of the caller's stack in this thread's ring. */
uint32_t hook_unwind (HookThread *thread, const HookCaller *caller);
/* The node of a stack cut off below its leaf. */
uint32_t hook_unwind_leaf (HookThread *thread, uint64_t ip, bool exact);
/* Forgets the ring's nodes and the last stack. */
void hook_unwind_reset (HookThread *thread);
/* Forgets the rules of every thread. */
void hook_unwind_flush (void);
uint32_t hook_unwind_generation (void);
/* Reads a word if that cannot fault. */
bool hook_unwind_read (HookThread *thread, uint64_t address, uint64_t *out);
/* One step up for code that has no unwind information. The chain leads upwards; from one object's code to another's it may also leave the
 * thread's stack for a goroutine's: Go runs C there, and itself on stacks of its own. 0 ends it. */
HookStep hook_unwind_by_frame_pointer (HookThread *thread, HookState state, HookState *next);

/* ---- cfi.c ---- */

struct dl_find_object;

/* The row for pc, in thread->scratch.row. */
bool hook_cfi_row (HookThread *thread, const struct dl_find_object *object, uint64_t pc);
/* The same with less of the tables mapped afterwards; the row's expressions can be read until the next such call only. */
bool hook_cfi_row_for_rule (HookThread *thread, const struct dl_find_object *object, uint64_t pc);
/* Whether stacks end at pc, which has no row: in the loader's entry point, below constructors, or at a function's
 * very start, which nobody can have called: makecontext puts it there. */
bool hook_cfi_is_end (HookThread *thread, const struct dl_find_object *object, uint64_t pc);

/* thread->scratch.registers become the caller's, by the generic rules. */
HookStep hook_cfi_step (HookThread *thread);

/* ---- tables.c ---- */

/* Copies of the two entries of .eh_frame that say how to unwind from an address. */
typedef struct
{
  const uint8_t *fde, *cie;
  uint64_t shift; /* from the copied FDE to where it is in the program */
} HookEntry;

/* Reads the entries for pc, if there are any, from the object's file; false: read them in memory. Valid until the next call. */
bool hook_tables_find (HookThread *thread, const struct dl_find_object *object, uint64_t pc, HookEntry *out);

/* ---- modules.c ---- */

/* Announces the module if this process has not done so in this generation. */
void hook_modules_announce (HookThread *thread, const struct dl_find_object *object);
/* After a dlclose: flushes the rules if a known module is gone. */
void hook_modules_check (void);

#pragma GCC visibility pop
