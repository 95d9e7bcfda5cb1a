/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random traces and what must be read back from them. */

#include "core/trace/writer.h"

/* One process as it was written. */
typedef struct
{
  HatTraceWriter *writer;
  guint process, n_threads, n_stacks;
  gboolean free_stacks;
  guint max_live; /* 0: as it comes */
  gboolean grows; /* frees hardly anything */
  HatBlockId first_block;
  GArray *events;    /* HatEvent as given, with block filled in */
  GArray *live;      /* HatBlockId */
  GArray *addresses; /* guint64 freed lately: reused, as allocators do */
  gint64 time_ns;
} Script;

char *fixture_path (const char *name); /* in the test's own folder */
void fixture_remove (char *path);      /* and frees it */

/* Chunks of a HatChunkType in the file. */
guint fixture_count_chunks (const char *path, guint type);

/* 40 frames in 3 modules and 200 stack nodes. */
void fixture_add_stacks (HatTraceWriter *writer);
#define FIXTURE_STACKS 202u

/* Adds a process with two threads. `parent` may be NULL; else it forks now. */
Script *script_new (HatTraceWriter *writer, Script *parent);
void script_free (Script *script);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Script, script_free)

/* `n` random events. */
void script_run (Script *script, guint n);

/* A random snapshot of `n_blocks` blocks with everything in it, of a process of script_new(). The first block has `degree` pointers, the
 * others few. */
HatSnapshot *fixture_snapshot_new (guint32 n_blocks, guint32 degree);
void fixture_check_snapshot (const HatSnapshot *expected, const HatSnapshot *got);

/* What events `from` to `to` - 1 did, by brute force: HatBlock made and still alive (by id; birth_ns 0), and the ids of older
 * blocks that ended (sorted; may be NULL). */
GArray *script_replay (const Script *script, guint64 from, guint64 to, GArray **out_older_ends);

/* Decodes everything and compares it with what was written; `n_events` of it. */
void script_check (const Script *script, HatTrace *trace, guint64 n_events);
