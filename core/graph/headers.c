/* SPDX-License-Identifier: Apache-2.0 */
/* Allocators of a program's own put a header before each object (Python's collector: 16 bytes), and pointers lead behind it. Where nearly all
 * pointers into the blocks of one call lead to the same few bytes behind their starts (Python's collector links its headers, and objects with a
 * dictionary have two words more before them), these count as the start. */

#include "core/graph/graph-private.h"

#define FRAMES 4u       /* innermost ones that tell calls apart */
#define MIN_BLOCKS 8u   /* of a call: fewer may be so by chance */
#define MAX_HEADER 64u
#define SHARE 10u       /* at most 1 in so many leads elsewhere */

typedef struct
{
  guint32 n_blocks, n_pointers;
  guint32 at[MAX_HEADER / 8]; /* pointers to 8, 16, ... bytes behind the start */
} Call;

typedef struct
{
  const HatGraph *graph;
  const HatStackNode *stacks;
  GHashTable *by_stack, *by_frames; /* -> Call; by_frames owns them */
} Calls;

static Call *
call_of (Calls *calls, guint32 block)
{
  HatStackId stack = calls->graph->stack[block];
  Call *call = g_hash_table_lookup (calls->by_stack, GUINT_TO_POINTER (stack));
  gsize key = 0;

  if (call)
    return call;
  for (guint i = 0; i < FRAMES && stack > HAT_STACK_TRUNCATED; i++, stack = calls->stacks[stack].parent)
    key = (key ^ (calls->stacks[stack].frame + 1)) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  call = g_hash_table_lookup (calls->by_frames, (gpointer) key);
  if (call == NULL)
    g_hash_table_insert (calls->by_frames, (gpointer) key, call = g_new0 (Call, 1));
  g_hash_table_insert (calls->by_stack, GUINT_TO_POINTER (calls->graph->stack[block]), call);
  return call;
}

static void
count (Calls *calls, guint32 to, guint64 offset)
{
  Call *call = call_of (calls, to);

  call->n_pointers++;
  if (offset >= 8 && offset <= MAX_HEADER && offset % 8 == 0)
    call->at[offset / 8 - 1]++;
}

static gboolean
is_header (Calls *calls, guint32 to, guint64 offset)
{
  if (offset < 8 || offset > MAX_HEADER || offset % 8 != 0)
    return FALSE;
  const Call *call = call_of (calls, to);
  guint32 n_elsewhere = call->n_pointers;
  for (guint i = 0; i < G_N_ELEMENTS (call->at); i++)
    n_elsewhere -= call->at[i] >= call->n_blocks / 2 ? call->at[i] : 0;
  return call->n_blocks >= MIN_BLOCKS && call->at[offset / 8 - 1] >= call->n_blocks / 2 && n_elsewhere <= call->n_pointers / SHARE;
}

void
hat_graph_explain_headers (HatGraph *graph)
{
  HatSnapshot *snapshot = graph->snapshot;
  g_autoptr (GHashTable) by_stack = g_hash_table_new (NULL, NULL), by_frames = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  guint n;
  Calls calls = { graph, hat_trace_stacks (graph->trace, &n), by_stack, by_frames };

  if (snapshot->n_interior == 0)
    return;
  for (guint32 b = 0; b < graph->n; b++)
    call_of (&calls, b)->n_blocks++;
  for (guint32 i = 0; i < snapshot->n_interior; i++)
    {
      const guint32 edge = snapshot->interior_edge[i], to = snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR;
      if (hat_graph_edge_from (graph, edge) != to)
        count (&calls, to, snapshot->interior_offset[i]);
    }
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    if (snapshot->roots[i].to_offset >= 8)
      count (&calls, snapshot->roots[i].to, snapshot->roots[i].to_offset);
  for (guint32 i = 0; i < snapshot->n_interior; i++)
    {
      guint32 *to = &snapshot->edge_to[snapshot->interior_edge[i]];
      if (is_header (&calls, *to & ~HAT_EDGE_INTERIOR, snapshot->interior_offset[i]))
        *to &= ~HAT_EDGE_INTERIOR;
    }
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    graph->root_is_start[i] |= is_header (&calls, snapshot->roots[i].to, snapshot->roots[i].to_offset);
}
