/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside of a HatTrace, shared by opening (trace.c), definitions (definitions-read.c), events (trace-events.c) and symbols. */

#include "core/trace/container.h"
#include "core/trace/list.h"
#include "core/trace/snapshot-parts.h"
#include "core/trace/store.h"
#include "core/trace/trace.h"
#include "core/trace/type-table.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 offset;
  guint32 bytes;
} HatPlace;

typedef struct
{
  guint32 level, number;
  HatPlace place;
} HatSpanPlace;

typedef struct
{
  HatPart part;
  HatPlace place;
} HatPartPlace;

typedef struct
{
  guint32 number; /* in the order of the file */
  guint32 first_part, n_parts;
  guint32 counts[HAT_N_PARTS];
} HatSnapshotPlace;

typedef struct
{
  HatProcess info;
  HatList threads; /* HatThread */
  HatList marks;   /* HatMark */
  HatList samples; /* HatSample */
  HatList chunks;  /* HatChunk */
  HatList places;  /* HatPlace, of the chunks */
  HatList spans;   /* HatSpanPlace */
  HatList parts;   /* HatPartPlace, but for contents */
  HatList contents; /* HatPartPlace */
  HatList snapshots; /* HatSnapshotInfo, by time */
  HatList snapshot_places; /* HatSnapshotPlace of these */
  guint n_parts_taken;     /* parts that belong to the snapshots; those behind them wait for theirs */
  guint32 newest_blocks;   /* of the snapshot taken in last */
  const HatSummary *summary;
} HatProcessData;

struct _HatTrace
{
  gatomicrefcount refs;
  HatStore *store;
  guint64 bytes;  /* size of the file */
  guint64 end;    /* of the chunks that were taken in */
  gboolean ended; /* the recording ended properly */
  char *damage;
  gint64 duration_ns;

  HatList modules, frames, stacks, notes;
  HatList types; /* HatKeptType */
  const HatStackType *stack_types;
  guint n_stack_types;
  const guint32 *stack_type_of; /* by stack up to the last of them: 1 + index, 0 = none */
  GArray *processes; /* HatProcessData */
  HatSymbols *symbols;
};

/* Takes a chunk that is neither events, span, snapshot, index nor trailer into the trace. NULL, or what is wrong. */
const char *hat_trace_define (HatTrace *trace, HatChunkType type, guint32 process, HatReader *reader);

/* Takes in a part of a snapshot, and the chunk that completes one. NULL, or what is wrong. */
const char *hat_trace_take_part (HatTrace *trace, const HatIndexEntry *entry);
const char *hat_trace_take_snapshot (HatTrace *trace, guint32 process, HatReader *reader);
/* Decodes every snapshot of the process and all that was kept of its blocks. */
gboolean hat_trace_check_snapshots (HatTrace *trace, guint process, const HatProgress *progress, GError **error);

/* Those of hat_trace_keep_note() that are not in the file. */
void hat_trace_take_kept_notes (HatTrace *trace);

/* type-table.c. NULL, or what is wrong. */
const char *hat_trace_read_types (HatTrace *trace, HatReader *reader);
const char *hat_trace_read_stack_types (HatTrace *trace, HatReader *reader);

HatSymbols *hat_symbols_ref (HatSymbols *symbols);
const char *hat_symbols_read (HatReader *reader, guint32 n_frames, HatSymbols **out_symbols);
void hat_symbols_write (const HatSymbols *symbols, HatBytes *out);
const HatSourceFrame *hat_symbols_find (const HatSymbols *symbols, HatFrameId frame, guint *out_n);

G_END_DECLS
