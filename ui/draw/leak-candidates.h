/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a person should look at for leaks, ranked: with a snapshot what is lost, by class; without one what was never freed; and what
 * keeps growing. Immutable; sizes are bytes as requested. */

#include "core/graph/graph.h"
#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef struct
{
  HatLeakClass leak_class; /* UNFREED: there is no snapshot; REACHABLE: it only grows */
  HatConfidence confidence;
  HatStackId stack;
  guint64 blocks, bytes;
  double blocks_variance, bytes_variance; /* of a sample, else 0 */
  gint64 first_ns, last_ns;      /* births of the oldest and youngest; both 0 if it only grows */
  guint32 example;               /* block of the graph, HAT_GRAPH_NONE */
  const HatGrowingSite *growing; /* its stack keeps growing, else NULL */
  char *why;                     /* a sentence or two */
} HatCandidate;

typedef struct
{
  HatHeap *heap;
  HatGraph *graph;     /* NULL: there is no snapshot */
  const HatGrowing *growing; /* of the heap */
  guint n;
  HatCandidate *candidates; /* direct and cycle by what they keep, then what grows, indirect, possible; or growing, unfreed */
  char *headline, *sentence;
} HatCandidates;

/* `graph`: of the snapshot that tells the classes, or NULL. What the trace's notes, the program and the text `suppressions` (may be NULL;
 * core/report/suppressions.h) say is known is left out. */
HatCandidates *hat_candidates_new (HatHeap *heap, HatGraph *graph, const char *suppressions, const HatProgress *progress, GError **error);
void hat_candidates_free (HatCandidates *candidates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatCandidates, hat_candidates_free)

const char *hat_candidate_badge (const HatCandidate *candidate); /* "CYCLE", "GROWING", ... */
char *hat_candidate_amount (const HatCandidate *candidate); /* "1.2 MiB" */
char *hat_candidate_count (const HatCandidate *candidate);  /* "412 blocks" */
char *hat_candidate_when (const HatCandidate *candidate);   /* "4.1 s to 40.9 s", "+31 KiB/s" */
/* "accept_one ← main": the callers of hat_stack_function(), at most `max`. g_free'd. */
char *hat_candidate_callers (HatTrace *trace, HatStackId stack, guint max);

G_END_DECLS
