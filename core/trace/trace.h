/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The trace file, read: the one decoder. The layout on disk is described in FORMAT.md next to this file.
 *
 * A trace holds processes (one per image, in start order), each with its own stream of events in exact order. Modules,
 * frames, stacks and symbols are shared by all of them. Events come in chunks of at most HAT_CHUNK_EVENTS; each chunk
 * decodes alone. Everything is validated when it is decoded: after hat_trace_open() succeeds, accessors cannot fail for
 * indices below the counts given, and only hat_trace_decode_* can still report damage.
 *
 * Ownership: everything returned as a const pointer belongs to the trace. Thread rule: a HatTrace is immutable after
 * open, except for hat_trace_set_symbols() (call it before sharing); all readers may be called from any thread.
 * Times are nanoseconds from the start of the recording; sizes are bytes as the program requested them. */

#include "core/trace/error.h"

G_BEGIN_DECLS

typedef guint32 HatStackId;  /* a node in the prefix tree of calls; HAT_STACK_NONE = no stack known */
typedef guint32 HatFrameId;  /* a code location: module instance + offset */
typedef guint64 HatBlockId;  /* ordinal of the allocation or reallocation that made the block, from 1. A forked child
                                goes on counting where its parent was, so that inherited blocks keep their numbers */
#define HAT_STACK_NONE 0u      /* root of complete stacks; as an event's stack: unknown */
#define HAT_STACK_TRUNCATED 1u /* root of stacks whose walk could not reach the end */
#define HAT_CHUNK_EVENTS 65536u
#define HAT_SPAN_CHUNKS 16u /* chunks in a level 1 span, level 1 spans in a level 2 span (law 10) */

typedef struct _HatTrace HatTrace;

typedef enum
{
  HAT_EVENT_ALLOC,
  HAT_EVENT_FREE,
  HAT_EVENT_REALLOC,      /* ends block `old`, makes a new one (perhaps at the same address) with the new size and stack */
  HAT_EVENT_UNKNOWN_FREE, /* of an address where no block is known: address set, old 0 */
  HAT_EVENT_MISSED_FREE,  /* the recorder saw the address handed out again without a free: ends `old`; not a program event */
} HatEventKind;

typedef struct
{
  guint64 address;  /* ALLOC, REALLOC: start of the new block; UNKNOWN_FREE: the address; else 0 */
  guint64 size;     /* ALLOC, REALLOC: requested bytes */
  gint64 time_ns;   /* recorded to 100 us; spread evenly inside, so that times grow strictly with the order */
  HatBlockId block; /* ALLOC, REALLOC: the block made; else 0 */
  HatBlockId old;   /* FREE, REALLOC, MISSED_FREE: the block ended; else 0 */
  HatStackId stack; /* ALLOC, REALLOC: where; FREE: only with --free-stacks, else HAT_STACK_NONE */
  guint32 thread;   /* index into hat_trace_threads() of the process */
  guint8 kind;      /* HatEventKind */
  guint8 temporary; /* FREE: by the same thread with no allocation of it in between */
} HatEvent;

/* A live block. */
typedef struct
{
  guint64 address;
  guint64 size;
  HatBlockId id;
  gint64 birth_ns;
  HatStackId stack;
  guint32 thread;
} HatBlock;

/* ---- what was recorded ---- */

typedef struct
{
  const char *key;   /* "command", "directory", "host", "started" (ISO 8601), "version", "option.*", "env.*", ... */
  const char *value;
} HatNote;

/* Keys of notes that say what is known of leaks and pointers: by the user (hat_trace_append_notes()), by the recorded program. The
 * text is that of a file of suppressions (core/report/suppressions.h) or rules (core/graph/graph.h). There may be several. */
#define HAT_NOTE_SUPPRESSIONS "suppressions"
#define HAT_NOTE_PROGRAM_SUPPRESSIONS "suppressions.program"
#define HAT_NOTE_WEAK "weak"
#define HAT_NOTE_PROGRAM_WEAK "weak.program"

typedef struct
{
  guint32 pid;
  gint32 parent;         /* index of the parent image (fork) or of the image this one replaced (exec); -1 = the first */
  gboolean is_fork;      /* shares its parent's live set: first_block > 1 possible */
  const char *exe;
  const char *const *argv; /* NULL-terminated */
  const char *provider;  /* whose malloc; "": one that is not seen */
  gint64 start_ns;
  gint64 end_ns;         /* -1 while unknown */
  gint32 exit_status;    /* -1 = unknown (not our child, still running, replaced by exec) */
  gint32 signal;         /* 0 = none */
  HatBlockId first_block;/* number of the first block of its own; smaller ones are inherited */
  guint64 fork_event;    /* is_fork: events of the parent's stream that came before (more than it has, if the file was cut) */
  guint64 inherited_blocks, inherited_bytes; /* live at the fork */
  guint64 n_events;
  guint64 lost_events;   /* could not be recorded, counted by hook and recorder */
  gint64 disarmed_ns;    /* recording stopped before the process did, from here; -1 = never */
} HatProcess;

typedef struct
{
  guint32 tid;
  const char *name;
} HatThread;

typedef struct
{
  const char *path;
  guint8 build_id[20]; /* zeros = none */
  guint64 start, end, bias; /* in the process that announced it */
} HatModule;

typedef struct
{
  guint32 module; /* G_MAXUINT32: unknown */
  gboolean exact; /* an interrupted pc; else a return address (look up offset - 1) */
  gboolean cut;   /* stands for frames left out of a very deep stack; nothing else is set */
  guint64 offset; /* address as in the module's headers (run-time address - bias); raw address without module */
} HatFrame;

typedef struct
{
  HatStackId parent; /* the caller's node */
  HatFrameId frame;
} HatStackNode;

/* One source-level frame of a code location. */
typedef struct
{
  const char *function; /* demangled; never NULL ("0x..." at worst) */
  const char *file;     /* NULL = unknown */
  guint32 line;         /* 0 = unknown */
  gboolean is_inline;   /* inlined into the next one */
} HatSourceFrame;

typedef struct
{
  const char *name;
  gint64 time_ns;
} HatMark;

typedef enum
{
  HAT_REGION_HEAP,    /* the brk heap */
  HAT_REGION_ARENA,   /* an mmapped arena of the allocator */
  HAT_REGION_MMAPPED, /* a single large block's mapping, or another anonymous one */
  HAT_REGION_STACK,
  HAT_REGION_LIBRARY, /* file mappings */
  HAT_REGION_OTHER,
} HatRegionKind;

typedef struct
{
  guint64 start, end;
  HatRegionKind kind;
  const char *name; /* path, "[heap]", "[stack]" or "" */
} HatRegion;

typedef struct
{
  gint64 time_ns;
  guint64 rss_bytes; /* without the recording's own shared memory */
  guint n_regions;   /* 0 = unchanged since the previous sample */
  const HatRegion *regions; /* by address */
} HatSample;

/* Exact totals of one stack (node where the allocation happened). */
typedef struct
{
  HatStackId stack;
  guint64 allocations, bytes; /* successful malloc, calloc, memalign family, realloc(NULL) */
  guint64 frees, bytes_freed; /* of blocks that belonged to this stack when freed */
  guint64 reallocations;
  gint64 realloc_delta_bytes;
  guint64 live_blocks, live_bytes; /* at the end. A reallocated block belongs to the reallocation's stack */
  guint64 peak_blocks, peak_bytes; /* at the instant of the process' peak */
  guint64 temporary;
} HatSite;

typedef struct
{
  guint64 allocations, frees, reallocations;
  guint64 bytes_allocated, bytes_freed;
  gint64 realloc_delta_bytes;
  guint64 inherited_blocks, inherited_bytes;
  guint64 live_blocks, live_bytes; /* bytes_allocated - bytes_freed + realloc_delta + inherited */
  guint64 peak_bytes;
  gint64 peak_time_ns;
  guint64 peak_event; /* events up to and including the one that made the peak */
  guint64 temporary, unknown_frees, missed_frees, lost_events;
} HatTotals;

/* A leaf of the timeline pyramid: HAT_LEAF_EVENTS consecutive events of a process (the last one may have fewer). */
#define HAT_LEAF_EVENTS 4096u
typedef struct
{
  gint64 end_ns;               /* time of its last event */
  guint64 min_bytes, max_bytes; /* of live bytes after each of its events */
  guint64 last_bytes, last_blocks; /* after its last event */
  guint64 allocations, frees, allocated_bytes;
} HatLeaf;

/* Written at the end of a recording; absent in a trace that was cut off (core/heap then computes the same by replay). */
typedef struct
{
  HatTotals totals;
  guint n_sites;
  const HatSite *sites; /* by stack */
  guint n_leaves;
  const HatLeaf *leaves;
} HatSummary;

/* ---- open ---- */

/* Opens by the footer, or by walking the chunks if there is none (killed recording, or one still being written).
 * A damaged tail is dropped; hat_trace_is_complete() then says FALSE. Errors: IO, NOT_A_TRACE, VERSION, DAMAGED. */
HatTrace *hat_trace_open (const char *path, const HatProgress *progress, GError **error);
HatTrace *hat_trace_ref (HatTrace *trace);
void hat_trace_unref (HatTrace *trace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTrace, hat_trace_unref)

/* A new version that also holds what was appended to the file since; shares the decoded parts. For live views. */
HatTrace *hat_trace_refresh (HatTrace *trace, GError **error);

const char *hat_trace_path (HatTrace *trace);
const char *hat_trace_id (HatTrace *trace);          /* 32 hex digits, random per recording */
guint64 hat_trace_bytes (HatTrace *trace);           /* size of the file */
gboolean hat_trace_is_complete (HatTrace *trace);    /* ended properly and undamaged */
const char *hat_trace_damage (HatTrace *trace);      /* one line if not complete, else NULL */
gint64 hat_trace_duration_ns (HatTrace *trace);
gint64 hat_trace_start_unix_us (HatTrace *trace);

guint hat_trace_n_processes (HatTrace *trace);
const HatProcess *hat_trace_process (HatTrace *trace, guint process);
/* The one with the most events, which is what a wrapper script or a compiler driver was started for. 0 if there is none. */
guint hat_trace_busiest_process (HatTrace *trace);
const HatThread *hat_trace_threads (HatTrace *trace, guint process, guint *out_n);
const HatMark *hat_trace_marks (HatTrace *trace, guint process, guint *out_n);
const HatSample *hat_trace_samples (HatTrace *trace, guint process, guint *out_n);
const HatSummary *hat_trace_summary (HatTrace *trace, guint process); /* NULL: not there */
const HatNote *hat_trace_notes (HatTrace *trace, guint *out_n);
const char *hat_trace_note (HatTrace *trace, const char *key);        /* last one with that key, or NULL */

const HatModule *hat_trace_modules (HatTrace *trace, guint *out_n);
const HatFrame *hat_trace_frames (HatTrace *trace, guint *out_n);
const HatStackNode *hat_trace_stacks (HatTrace *trace, guint *out_n); /* parents come before children; 0 and 1 are roots */

/* Source frames of a code location, innermost first; always at least one. */
const HatSourceFrame *hat_trace_source (HatTrace *trace, HatFrameId frame, guint *out_n);
gboolean hat_trace_has_symbols (HatTrace *trace);

/* ---- symbols: a table that the recorder writes or core/symbols hands to an opened trace ---- */

typedef struct _HatSymbols HatSymbols;

HatSymbols *hat_symbols_new (void);
/* Frames of one location, innermost first (copied). Calling it twice for a frame replaces. */
void hat_symbols_add (HatSymbols *symbols, HatFrameId frame, const HatSourceFrame *source, guint n);
void hat_symbols_free (HatSymbols *symbols);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSymbols, hat_symbols_free)
void hat_trace_set_symbols (HatTrace *trace, HatSymbols *symbols); /* takes ownership */

/* ---- events ---- */

typedef struct
{
  guint64 first_event; /* ordinal in the process' stream, from 0 */
  guint32 n_events;
  HatBlockId first_block; /* of the first block made in it */
  guint32 n_blocks;       /* blocks made in it */
  gint64 start_ns, end_ns; /* times of its first and last event */
} HatChunk;

const HatChunk *hat_trace_chunks (HatTrace *trace, guint process, guint *out_n);

/* Decodes chunk `chunk` into `events` (room for HAT_CHUNK_EVENTS). Errors: IO, DAMAGED (with offset). */
gboolean hat_trace_decode_chunk (HatTrace *trace, guint process, guint chunk, HatEvent *events, GError **error);

/* What a run of events did to the live set: blocks born in it that outlive it, and older blocks that died in it.
 * Both ordered by block id. */
typedef struct
{
  guint n_born, n_died;
  HatBlock *born;
  HatBlockId *died;
} HatSpan;

/* The span of chunk number `index` (level 0), of HAT_SPAN_CHUNKS chunks (level 1) or of HAT_SPAN_CHUNKS^2 (level 2), without
 * replaying its events. Levels 1 and 2 exist for full spans only: returns FALSE without error if there is none. */
gboolean hat_trace_read_span (HatTrace *trace, guint process, guint level, guint index, HatSpan *out_span, GError **error);
void hat_span_clear (HatSpan *span);

/* Events decoded through this trace so far, for the test of law 10. */
guint64 hat_trace_decoded_events (HatTrace *trace);

/* Appends notes to a finished trace with a new footer (law 11). */
gboolean hat_trace_append_notes (const char *path, const HatNote *notes, guint n, GError **error);
/* The same for one that a person makes while looking at the trace: if the file cannot be written, it goes to the user's data folder, where
 * hat_trace_open() finds it by the trace's id. `trace` itself stays as it is. Error: IO. */
gboolean hat_trace_keep_note (HatTrace *trace, const HatNote *note, GError **error);
/* Takes the bytes of blocks, which snapshots kept with --contents=all, out of a complete trace: a new file takes its place. *out_stripped: how
 * many bytes of the file they were. Errors: IO, NOT_A_TRACE, VERSION, DAMAGED. */
gboolean hat_trace_strip_contents (const char *path, guint64 *out_stripped, GError **error);

/* Verifies every chunk's checksum and decodes everything, for `heapatlas check`. */
gboolean hat_trace_check (HatTrace *trace, const HatProgress *progress, GError **error);

G_END_DECLS
