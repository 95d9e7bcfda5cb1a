/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random traces for the tests of the model, and an oracle that answers by replaying every event in the plainest way. */

#include "core/heap/heap.h"

typedef struct
{
  guint n_events;      /* of the first process */
  guint n_forks;       /* each a child of a random process before it */
  guint events_per_chunk; /* on average; 0 = full chunks */
  guint max_live;      /* blocks that it hovers around */
  gboolean no_summary;
  gboolean is_killed;  /* the writer is not finished */
  guint64 sample_bytes; /* says that it is a sample; 0 = all was recorded */
} FixtureOptions;

/* Opened and already removed from the file system. */
HatTrace *fixture_trace (const FixtureOptions *options);

#define FIXTURE_STACKS 60
#define FIXTURE_THREADS 3

/* ---- the oracle ---- */

typedef struct
{
  HatTrace *trace;
  guint process;
  const HatProcess *info;
  GArray *events;    /* HatEvent, as decoded */
  GArray *inherited; /* HatBlock */
} Oracle;

Oracle *oracle_new (HatTrace *trace, guint process);
void oracle_free (Oracle *oracle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Oracle, oracle_free)

guint oracle_position (Oracle *oracle, gint64 time); /* events at or before `time` */
gint64 oracle_random_time (Oracle *oracle);          /* inside, on an event, between two, or outside */

/* A live set by block id (HatBlock), advanced event by event. */
GHashTable *oracle_start (Oracle *oracle);
void oracle_apply (GHashTable *live, const HatEvent *event, HatBlock *out_old); /* out_old->id = 0: none */
GHashTable *oracle_live (Oracle *oracle, guint n_events);
GArray *oracle_blocks (GHashTable *live); /* HatBlock by address, then id */

/* Totals and sites (by stack id, indexed by it) of the events [first, end), with the peak inside. */
typedef struct
{
  HatTotals totals;
  HatSite sites[FIXTURE_STACKS + 2];
} OracleCount;
OracleCount *oracle_count (Oracle *oracle, guint first, guint end, gint64 from); /* g_free */

void assert_same_block (const HatBlock *a, const HatBlock *b);
