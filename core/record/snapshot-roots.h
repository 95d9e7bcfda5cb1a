/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a process keeps pointers outside of its heap.
 *
 * Roots are: writable segments of modules; each thread's stack from its stack pointer (less the red zone) up, and its thread-local storage
 * with the thread's descriptor, in which are its keys; registers; and other private writable mappings. They are not: the allocator's own data (arenas,
 * bins, caches: main_arena is told by its empty bins, which point to themselves), what it has freed, the hook, stack below the stack pointer, and
 * stacks of threads that are over.
 *
 * Thread rule: planned while the process stands still; scanned by any thread. */

#include "core/record/snapshot-copy.h"
#include "core/record/snapshot-scan.h"
#include "core/record/snapshot-stop.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 start, end;
  HatRootKind kind;
  guint thread;                /* in the stop; G_MAXUINT: none */
  const HatScanModule *module; /* or NULL */
  const char *name;            /* of the mapping, in the maps text; or NULL */
} HatRootRange;

/* A module as /proc/PID/maps and its headers show it. */
typedef struct
{
  HatScanModule image; /* first; `module` is not set */
  const char *path;    /* in the maps text */
  guint8 build_id[20];
  guint64 inode;
  guint64 tls_size, tls_align; /* thread-local storage; 0 = none */
  guint64 tls_below;    /* where it begins, below the descriptor of any thread; 0 = not known, or elsewhere in each thread */
  guint64 dynamic;      /* address of .dynamic, 0 = none */
  guint64 unwind_table; /* address of .eh_frame_hdr, 0 = none */
  gboolean is_hook;
} HatFoundModule;

/* The blocks that start in one page: from the first one's address to the last one's end. */
typedef struct
{
  guint64 first, end;
} HatPageSpan;

/* A thread that waits in the hook: what lies below `cfa` on its stack is the hook's. */
typedef struct
{
  guint32 tid; /* 0: none */
  guint64 cfa;
} HatHeldThread;

typedef struct
{
  guint32 pid;
  const HatStop *stop;
  HatHeldThread held;
  const HatBlockIndex *blocks;
  GArray *pages;           /* HatPageSpan: where blocks start, by address */
  gboolean is_foreign;     /* the allocator is not the C library's: nothing is known about where it keeps its own */
  guint64 own_memory;      /* first mapping of the hook's (HatWireOwn), 0 = none */

  char *maps;              /* text, cut up */
  GArray *mappings;        /* HatMapping */
  GArray *modules;         /* HatFoundModule by address */
  guint64 program;         /* start of the main program's image, 0 = unknown */
  GArray *ranges;          /* HatRootRange: by kind, thread, address */
} HatRootPlan;

/* Reads maps and module headers. FALSE: the process is gone. */
gboolean hat_roots_look (HatRootPlan *plan);
/* Fills in `ranges` and adds them to the copy. modules[i].image.module has been set. */
void hat_roots_plan (HatRootPlan *plan, HatCopy *copy);
void hat_roots_clear (HatRootPlan *plan);
/* The module in whose image the address lies (with the zeros after its last segment, which reach to the end of their page), or NULL. */
const HatFoundModule *hat_roots_module_at (const HatRootPlan *plan, guint64 address);

/* A thread of the stop in the snapshot: its index there, and its frames, innermost first. */
typedef struct
{
  guint32 index;
  guint32 first_frame, n_frames;
} HatRootThread;

/* Finds the pointers in the ranges and registers, into out->roots; out->frames are there already. `threads`: by thread of the stop. */
void hat_roots_scan (const HatRootPlan *plan, const HatCopy *copy, const HatRootThread *threads, HatSnapshot *out);

G_END_DECLS
