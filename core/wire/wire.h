/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The shared memory between the hook (in the target) and the recorder.
 *
 * The recorder makes one sparse memfd per recording and holds it open; targets find it through the environment
 * variable HAT_WIRE_ENV ("/proc/RECORDER/fd/N"), map the head of it, close the descriptor, and never need it again:
 * a ring is mapped by duplicating the mapping (mremap with old size 0), which works after chroot, a dropped
 * privilege, closed descriptors and fork.
 *
 *   0                       HatWireHeader (one page)
 *   HAT_WIRE_RINGS_AT       HatWireRing[HAT_WIRE_MAX_RINGS]
 *   HAT_WIRE_PROCESSES_AT   HatWireProcess[HAT_WIRE_MAX_PROCESSES]
 *   HAT_WIRE_IPS_AT         uint64_t[HAT_WIRE_MAX_IPS], code addresses by index, append only
 *   HAT_WIRE_HEAD_SIZE      ring bodies, HAT_WIRE_RING_BYTES each
 *
 * Rings are single producer (one thread, or one process' fallback ring under its lock), single consumer (the
 * recorder). The producer stores words, then `head` with release order; the consumer reads `head` with acquire
 * order, then stores `tail` with release order. Both count words and never wrap (the index is masked).
 *
 * Thread rule: every field below says who writes it. All words are little-endian, x86_64. */

#include <assert.h>
#include <stdint.h>

#define HAT_WIRE_MAGIC 0x3130455249574148ull /* "HAWIRE01" */
#define HAT_WIRE_VERSION 4u
#define HAT_WIRE_ENV "HEAPATLAS_SESSION"

#define HAT_WIRE_MAX_RINGS 4096u
#define HAT_WIRE_MAX_PROCESSES 1024u
#define HAT_WIRE_MAX_IPS (1u << 19)
#define HAT_WIRE_RING_BYTES (1u << 20)
#define HAT_WIRE_RING_WORDS (HAT_WIRE_RING_BYTES / 8)

/* State of the recording, HatWireHeader.state, written by the recorder. */
enum
{
  HAT_WIRE_RECORDING = 1,
  HAT_WIRE_STOPPED = 2, /* hooks forward and record nothing more, for good */
};

typedef struct
{
  uint64_t magic;
  uint32_t version;
  uint32_t state;      /* recorder */
  uint32_t no_follow;  /* recorder, before launch: an image other than the first does not register */
  uint32_t n_ips;      /* hooks: next free index of the address table (atomic add; may run past the end) */
  uint32_t free_stacks;/* recorder, before launch: frees carry a stack too */
  uint32_t ring_hint;  /* highest ring index ever claimed + 1 (atomic max by hooks): bounds the recorder's scan */
  uint32_t bell;       /* futex: hooks bump and wake it when a ring gets half full while `bell_wanted` */
  uint32_t bell_wanted;/* recorder: it sleeps on the bell */
  uint64_t fork_ids;   /* hooks: next fork id (atomic add, first is 1) */
  uint64_t lost_events;/* hooks: events that could not be recorded at all (atomic add; 0 in a healthy recording) */
  /* A robust, process-shared pthread mutex, locked by the recorder's drain thread for its whole life. Its first
   * word is the kernel's futex: bit 30 (FUTEX_OWNER_DIED) set = the recorder is dead, even as a zombie. Hooks look
   * at it only when they wait for space. */
  uint64_t owner[8];
  uint64_t sample_bytes; /* recorder, before launch: one byte in so many is a sample point, blocks without one are not told; 0 = all are */
  uint32_t holds;         /* recorder: HAT_WIRE_HOLDS_*; who may ask to be held at the end */
  uint32_t recorder_pid;  /* recorder, before launch: may look at our memory */
  uint32_t launched_pid;  /* recorder, before launch: of the process that it started */
  uint32_t holds_at_peak; /* recorder, before launch: HAT_WIRE_HOLD_PEAK is wanted */
  uint32_t watches;       /* recorder, before launch: there are functions to watch for */
  uint32_t holds_skipped; /* hooks: ends of others that did not ask, for holds said so (atomic add) */
} HatWireHeader;

/* Which processes ask to be looked at when they end. */
enum
{
  HAT_WIRE_HOLDS_NONE = 0,
  HAT_WIRE_HOLDS_LAUNCHED = 1, /* the one that the recorder started */
  HAT_WIRE_HOLDS_ALL = 2,
};

#define HAT_WIRE_OWNER_DIED 0x40000000u

enum
{
  HAT_WIRE_RING_FREE = 0,
  HAT_WIRE_RING_CLAIMED = 1, /* hook: being set up (compare and swap from FREE) */
  HAT_WIRE_RING_LIVE = 2,    /* hook: in use. The recorder frees it when its thread is gone and head == tail */
};

typedef struct
{
  _Alignas (64) uint64_t head; /* producer; words */
  _Alignas (64) uint64_t tail; /* recorder; words. Low 32 bits are also the futex a full producer waits on */
  uint32_t waiting;            /* producer: it sleeps on `tail` */
  uint32_t state;
  uint32_t tid;                /* producer, before LIVE; 0 = the process' fallback ring */
  uint32_t process;            /* producer, before LIVE: index into the process table */
  uint64_t start_tsc;          /* producer, before LIVE: the base of the first dt; units of HAT_WIRE_TICK */
  uint64_t blocked;            /* producer: times it had to wait for space */
  uint64_t reserved[3];
} HatWireRing;

static_assert (sizeof (HatWireRing) == 128, "one ring header is two cache lines");

enum
{
  HAT_WIRE_PROCESS_FREE = 0,
  HAT_WIRE_PROCESS_CLAIMED = 1,
  HAT_WIRE_PROCESS_LIVE = 2, /* all fields below are valid */
};

enum
{
  HAT_WIRE_START_EXEC = 1, /* a fresh image (the first one, or after exec) */
  HAT_WIRE_START_FORK = 2, /* continues the parent's address space */
};

/* HatWireProcess.hold: a thread asks the recorder to stop the process and look at its memory, and waits until that is done. */
enum
{
  HAT_WIRE_HOLD_NONE = 0,    /* recorder: done, or refused; hook: given up */
  HAT_WIRE_HOLD_CLAIMED = 1, /* hook: fills in the request (compare and swap from NONE) */
  HAT_WIRE_HOLD_ASKED = 2,   /* hook: may still take it back (compare and swap to NONE) */
  HAT_WIRE_HOLD_TAKEN = 3,   /* recorder, by compare and swap from ASKED: at it */
};

enum
{
  HAT_WIRE_HOLD_EXIT = 1,     /* about to end */
  HAT_WIRE_HOLD_MARK = 2,     /* a mark asked for it: hold_detail */
  HAT_WIRE_HOLD_PEAK = 3,     /* before a free, with a quarter more alive than the last time */
  HAT_WIRE_HOLD_FUNCTION = 4, /* a watched function is on the stack */
  HAT_WIRE_HOLD_MODULES = 5,  /* no snapshot: a module is new, where are the watched functions in it? */
};

#define HAT_WIRE_MAX_WATCHED 4u

typedef struct
{
  uint64_t start, end; /* addresses in the process */
} HatWireRange;

/* One process image. Written by the hook at the image's first hooked call; freed by the recorder after its end. */
typedef struct
{
  uint32_t state;
  uint32_t kind;
  uint32_t pid;
  uint32_t parent_pid;
  uint32_t parent;        /* HAT_WIRE_START_FORK: process slot of the parent */
  uint32_t generation;    /* bumped by dlclose; only for the tests' eyes */
  uint64_t fork_id;       /* HAT_WIRE_START_FORK: the FORK word's id, 0 = unknown (_Fork, raw clone, daemon) */
  uint64_t start_tsc;     /* units of HAT_WIRE_TICK */
  uint64_t stack_lo, stack_hi; /* the main thread's stack, as far as known */
  char provider[256];     /* path of the shared object whose malloc is forwarded to */
  char exe[1024];         /* NUL-terminated, as readlink /proc/self/exe says */
  uint32_t exit_status;   /* 1 + what the image gave exit() or _exit(), 0 = it has not so far */
  uint32_t argv_bytes;    /* bytes in argv; may be cut */
  uint32_t hold;        /* HAT_WIRE_HOLD_*; a futex */
  uint32_t hold_reason; /* hook, before ASKED, like the next two */
  uint64_t hold_cfa;    /* the program's frame that called us; what lies below on the thread's stack is the hook's */
  uint32_t hold_tid;
  uint32_t held_exit;   /* hook: its end has been looked at, or need not be */
  uint64_t own_memory;  /* hook: address of its newest mapping of its own, each of which starts with a HatWireOwn; 0 = none */
  char hold_detail[56];
  uint32_t n_watched;   /* recorder, before it ends a hold */
  uint32_t held_function;/* hook: that was the first time */
  HatWireRange watched[HAT_WIRE_MAX_WATCHED];
  char argv[8192 - 1024 - 256 - 224]; /* NUL-separated */
} HatWireProcess;

static_assert (sizeof (HatWireProcess) == 8192, "two pages a process");

/* In the target: memory that is the hook's and not the program's. */
typedef struct
{
  uint64_t next; /* address of another one, 0 = none */
  uint64_t size;
} HatWireOwn;

#define HAT_WIRE_RINGS_AT 4096u
#define HAT_WIRE_PROCESSES_AT (HAT_WIRE_RINGS_AT + HAT_WIRE_MAX_RINGS * 128u)
#define HAT_WIRE_IPS_AT (HAT_WIRE_PROCESSES_AT + HAT_WIRE_MAX_PROCESSES * 8192u)
#define HAT_WIRE_HEAD_SIZE (HAT_WIRE_IPS_AT + HAT_WIRE_MAX_IPS * 8u)
#define HAT_WIRE_SIZE ((uint64_t) HAT_WIRE_HEAD_SIZE + (uint64_t) HAT_WIRE_MAX_RINGS * HAT_WIRE_RING_BYTES)

static_assert (HAT_WIRE_HEAD_SIZE % 4096 == 0, "ring bodies are page aligned");

/* Time: ticks of rdtsc >> HAT_WIRE_TSC_SHIFT (about 25 ns at 2.6 GHz). A test makes the clock worse. */
#ifndef HAT_WIRE_TSC_SHIFT
#define HAT_WIRE_TSC_SHIFT 6
#endif

/* Words. The type is in the low 4 bits.
 *
 * An address word is [address >> 3 : 44][dt : 16][type : 4]; dt is the time since the ring's previous stamp, in
 * ticks. A longer pause, or a clock that went backwards, is preceded by a TIME word and dt is 0. An address that
 * is not a multiple of 8 or reaches 2^47 is preceded by an XADDR word (its own 44 bits are then ignored).
 * A block word is [size : 40][node : 24]; a size of 2^40 or more is preceded by an XSIZE word. */
enum
{
  HAT_WIRE_FREE = 1,       /* address word. Stamped and published before the real free */
  HAT_WIRE_ALLOC = 2,      /* address word, block word. After the real allocation */
  HAT_WIRE_REALLOC = 3,    /* address word (old; stamped before the real call), address word (new; after), block word.
                              Published after the real call, only if it succeeded. XADDR/XSIZE precede the first word,
                              XADDR for the new address precedes the second one */
  HAT_WIRE_FREE_STACK = 4, /* address word, block word with size 0: only with free_stacks */
  HAT_WIRE_NODE = 5,       /* [unused : 8][ip index : 28][parent node : 24][type : 4]: defines the ring's next node id, from
                              HAT_WIRE_FIRST_NODE up. Frames are added root first; parent is the caller's node */
  HAT_WIRE_NODE_IP = 6,    /* as NODE with ip index 0, followed by a word with the raw address-table value */
  HAT_WIRE_NODE_RESET = 7, /* the ring forgets its nodes; ids start over */
  HAT_WIRE_TIME = 8,       /* [ticks : 60][type : 4]: absolute time */
  HAT_WIRE_XADDR = 9,      /* next word: full address for the next address word */
  HAT_WIRE_XSIZE = 10,     /* next word: full size for the next block word */
  HAT_WIRE_MODULE = 11,    /* [payload words : 60][type], then a HatWireModule: announced before the first NODE in it */
  HAT_WIRE_FORK = 12,      /* [fork id : 60][type]: the state here is what the child will inherit */
  HAT_WIRE_MARK = 13,      /* [name bytes : 60][type], one address word with address 0 for the time, then the name,
                              padded with zeros to whole words */
  HAT_WIRE_MOVING = 14,    /* address word, published before the real reallocation: the block may be gone, and others
                              may get its place, from now on. True until the ring's next event; if it moved, that is
                              the REALLOC */
  HAT_WIRE_MEMORY = 15,    /* [bytes : 60][type], one address word as in MARK, then a piece of /proc/self/statm followed
                              by /proc/self/maps, padded likewise; 0 bytes: that was all. Sent when the image exits */
};

enum
{
  HAT_WIRE_NODE_ROOT = 0,      /* the stack ended where its unwind information says it ends */
  HAT_WIRE_NODE_TRUNCATED = 1, /* the walk could not go further */
  HAT_WIRE_FIRST_NODE = 2,
  HAT_WIRE_MAX_NODES = 1 << 20, /* then the ring sends NODE_RESET */
};

#define HAT_WIRE_IP_CUT ((1u << 28) - 1) /* ip index of the `cut` node: frames left out between root and leaf part */

/* Address table values: a code address; bit 63 = an exact pc (interrupted frame), not a return address. Values are in
 * the address space of every process that uses the index (forked children share their parent's indices). */
#define HAT_WIRE_IP_EXACT (1ull << 63)

/* Payload of a MODULE word. Sent again (a new instance) after dlclose, since another file may be at its place. */
typedef struct
{
  uint64_t start, end;  /* mapped range */
  uint64_t bias;        /* run-time address = bias + address in the file's headers */
  uint8_t build_id[20]; /* zeros if none */
  uint32_t name_bytes;  /* path follows, padded to whole words; empty for the main program */
} HatWireModule;

static_assert (sizeof (HatWireModule) == 48, "whole words");
