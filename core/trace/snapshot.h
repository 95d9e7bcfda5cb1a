/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A snapshot: what pointed to what at one instant of a process, as the recorder saw it while all threads stood still.
 *
 * Its blocks are the process' live blocks at info.time_ns (hat_heap_live() of core/heap: the instant lies between two
 * events), by address; a block is named by its index in that order. A word is 8 aligned bytes; pointers are words that
 * hold an address inside a live block. Whether a pointer owns, and what is lost, is core/graph's to say.
 *
 * Written by hat_trace_writer_begin_snapshot() and hat_trace_writer_add_snapshot(), read by hat_trace_read_snapshot().
 * Ownership: a HatSnapshot that was read owns all its arrays (hat_snapshot_free()); the writer copies what it is given.
 * Thread rule: immutable once read. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_SNAPSHOT_EXIT,     /* the process was about to end */
  HAT_SNAPSHOT_REQUEST,  /* the window, or `heapatlas snapshot PID` */
  HAT_SNAPSHOT_PERIODIC, /* --snapshot-every */
  HAT_SNAPSHOT_PEAK,     /* --snapshot-at-peak */
  HAT_SNAPSHOT_FUNCTION, /* --snapshot-at; detail: the function */
  HAT_SNAPSHOT_MARK,     /* a mark asked for it; detail: its name */
} HatSnapshotReason;

const char *hat_snapshot_reason_name (HatSnapshotReason reason); /* "exit", "request", "periodic", "peak", "function", "mark" */

typedef struct
{
  gint64 time_ns;
  HatSnapshotReason reason;
  const char *detail;   /* or NULL */
  gint64 pause_ns;      /* the threads stood still for so long */
  guint64 read_bytes;   /* copied out of the process: blocks and roots */
  gboolean is_windowed; /* too big to copy: scanned while the threads stood still */
  guint32 n_blocks;
  guint32 n_edges;
  guint32 n_roots;
  guint32 n_threads_skipped; /* could not be stopped or unwound */
} HatSnapshotInfo;

#define HAT_EDGE_INTERIOR 0x80000000u /* in edge_to: points behind the first 8 bytes of the block */
#define HAT_SNAPSHOT_MAX_BLOCKS 0x7fffffffu

typedef enum
{
  HAT_ROOT_GLOBAL,    /* writable segment of a module: module and offset say which, name the variable */
  HAT_ROOT_STACK,     /* a thread's stack, from its stack pointer - 128 up */
  HAT_ROOT_REGISTER,  /* `address` is the register's DWARF number; vector registers: 17 and up */
  HAT_ROOT_TLS,       /* static or dynamic thread-local storage, pthread keys */
  HAT_ROOT_MAPPING,   /* another private writable mapping; name: the mapping's, or "" */
  HAT_ROOT_LOADER,    /* not a pointer: the block was made by ld.so, which keeps it */
} HatRootKind;

#define HAT_NO_FRAME G_MAXUINT32

typedef struct
{
  guint64 address;   /* of the word that holds the pointer */
  guint64 offset;    /* GLOBAL: in the module, as in its headers */
  guint64 to_offset; /* where in the block it points */
  guint32 to;        /* block */
  guint32 module;    /* GLOBAL: index into hat_trace_modules(); else G_MAXUINT32 */
  guint32 thread;    /* STACK, REGISTER, TLS: index into hat_trace_threads(); else G_MAXUINT32 */
  guint32 frame;     /* STACK, REGISTER: index into frames, HAT_NO_FRAME if it lies in none */
  const char *name;  /* variable, register or mapping; "" if nothing is known */
  guint8 kind;       /* HatRootKind */
} HatRoot;

/* A frame of a stopped thread. */
typedef struct
{
  guint32 thread;       /* index into hat_trace_threads() */
  HatFrameId frame;     /* the code location, as in stacks of events */
  guint64 cfa;          /* the frame's words lie below it and above the one before's */
  guint64 registers[17];/* by DWARF number: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8-r15, pc */
  guint32 known;        /* bit n: registers[n] was recovered */
} HatSnapshotFrame;

/* A word of a block that points into a module's image: a vtable, a class structure, a function, a constant. */
typedef struct
{
  guint32 block;
  guint32 word;   /* offset / 8 */
  guint32 module; /* index into hat_trace_modules() */
  guint64 offset; /* in the module, as in its headers */
} HatModuleWord;

typedef struct
{
  guint32 block;
  guint64 words[3]; /* 0 behind the block's end */
} HatBlockHead;

/* What a block is, and how that is known. */
typedef struct
{
  const char *name;   /* of the type */
  const char *words;  /* how it is known, for people */
  guint32 type;       /* in the types of the trace (core/types); 0: only its name is known */
  guint32 offset;     /* of the object in the block: a collector's header, a GObject's private data lie before it */
  guint8 evidence;    /* HatTypeEvidence of core/types */
  guint8 is_array;    /* of as many as fit */
} HatBlockKind;

/* Numbers in a block whose type is known: its first bytes, zero wherever no number of that type lies. */
typedef struct
{
  guint32 block, n; /* bytes */
  guint64 at;       /* in value_bytes */
} HatBlockValue;

typedef enum
{
  HAT_VARIABLE_MEMORY,   /* address: where it lies */
  HAT_VARIABLE_REGISTER, /* address: DWARF number of the register */
  HAT_VARIABLE_NOWHERE,  /* it has a value, but no place */
} HatVariablePlace;

/* A variable of a frame, or a global one that holds pointers. */
typedef struct
{
  const char *name, *type_name;
  const char *function; /* whose variable it is: the frame's own or one that was inlined; "": unknown or global */
  guint32 type;         /* as in a HatBlockKind */
  guint32 frame;        /* index into frames; HAT_NO_FRAME: a global one */
  guint64 address;
  guint64 size;         /* of its type */
  guint32 n_bytes;      /* that are known of it */
  guint8 place;         /* HatVariablePlace */
  guint64 at;           /* of these, in value_bytes */
} HatVariable;

typedef struct
{
  HatSnapshotInfo info;

  /* Pointers from blocks, by block and in each by word: those of block b are first_edge[b] to first_edge[b + 1]. */
  guint32 *first_edge; /* n_blocks + 1 */
  guint32 *edge_to;    /* block | HAT_EDGE_INTERIOR */
  guint32 *edge_word;  /* offset / 8 of the pointer in its block */

  /* Where interior edges point: by edge. */
  guint32 n_interior;
  guint32 *interior_edge;
  guint64 *interior_offset;

  HatRoot *roots; /* by kind, then thread, then address */

  guint32 n_frames;
  HatSnapshotFrame *frames; /* by thread, innermost first */

  guint32 n_module_words;
  HatModuleWord *module_words; /* by block and word */

  /* First words of blocks that interior pointers 8 or 24 bytes behind their start point to: a length, a number of array elements
   * or the header of a string may stand there, and explain the pointer. By block. */
  guint32 n_heads;
  HatBlockHead *heads;

  guint32 n_doubtful;
  guint32 *doubtful; /* blocks that an unfinished call had in its hands: never reported as leaks */

  /* Types; all of it is empty if none are known. */
  guint32 n_kinds;
  HatBlockKind *kinds;
  guint32 *block_kind; /* by block: 1 + index into kinds, 0 = not known; NULL: of none */
  guint32 n_values;
  HatBlockValue *values; /* by block */
  guint32 n_variables;
  HatVariable *variables; /* by frame, global ones last; those of functions inlined last come first */
  guint64 n_value_bytes;
  guint8 *value_bytes;

  GStringChunk *strings; /* names, as read; NULL when written */
} HatSnapshot;

const HatSnapshotInfo *hat_trace_snapshots (HatTrace *trace, guint process, guint *out_n);
/* The pointers of snapshot `index` of the process. Errors: IO, DAMAGED. */
HatSnapshot *hat_trace_read_snapshot (HatTrace *trace, guint process, guint index, const HatProgress *progress, GError **error);
void hat_snapshot_free (HatSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSnapshot, hat_snapshot_free)

/* How far into `to` an edge points: 0 for one that is not interior. */
guint64 hat_snapshot_edge_into (const HatSnapshot *snapshot, guint32 edge);

/* The bytes of block `block` if they were kept (--contents=all), else NULL. Free with g_free. */
guint8 *hat_trace_read_contents (HatTrace *trace, guint process, guint index, guint32 block, gsize *out_n, GError **error);

G_END_DECLS
