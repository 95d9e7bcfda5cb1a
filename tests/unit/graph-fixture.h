/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small object graphs made by hand, for the tests of their pictures and for the bench. */

#include "core/graph/graph.h"

/* Functions that allocate, by stack: main calls each of them. */
typedef enum
{
  SITE_CACHE,
  SITE_SESSION,
  SITE_NAME,
  SITE_PEER,
  SITE_BRANCH,
  SITE_LEAF,
  SITE_NODE,
  SITE_BUFFER,
  N_GRAPH_SITES,
} GraphSite;

typedef struct
{
  HatHeap *heap;
  GArray *blocks; /* HatBlock */
  GArray *edges;
  GArray *roots;  /* HatRoot */
} GraphFixture;

GraphFixture *graph_fixture_new (void);
void graph_fixture_free (GraphFixture *fixture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GraphFixture, graph_fixture_free)

guint32 graph_add_block (GraphFixture *fixture, GraphSite site, guint64 size);
/* The first free word of `from` points to the start of `to`. */
void graph_add_edge (GraphFixture *fixture, guint32 from, guint32 to);
void graph_add_global (GraphFixture *fixture, const char *name, guint32 to);
void graph_add_local (GraphFixture *fixture, const char *name, guint32 to);
HatGraph *graph_make (GraphFixture *fixture); /* of what was added so far */

/* Shapes, each with what holds it. */
HatGraph *graph_of_five (GraphFixture *fixture);               /* a cache with a buffer, a session with a name and a way back */
HatGraph *graph_of_ring (GraphFixture *fixture, guint n);      /* lost, each with a name */
HatGraph *graph_of_double_list (GraphFixture *fixture, guint n);
HatGraph *graph_of_sessions (GraphFixture *fixture, guint n_sessions, guint n_leaves); /* of all kinds */
HatGraph *graph_of_wide_tree (GraphFixture *fixture, guint n); /* so many blocks, none like its siblings */
