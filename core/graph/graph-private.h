/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the graph share. Arrays of numbers by block, by edge, or by place: a block's place is its position in a walk
 * of the dominator tree that goes to what retains most first. So a subtree is a range of places, its biggest child lies right
 * behind its top, and place 0 is the virtual root. */

#include "core/graph/graph.h"
#include "core/trace/big-array.h"

/* In `flags` of a block. */
enum
{
  HAT_GRAPH_BY_START = 1,
  HAT_GRAPH_BY_ANY = 2,
  HAT_GRAPH_DOUBTFUL = 4,
  HAT_GRAPH_INHERITED = 8,
  HAT_GRAPH_CLASS_SHIFT = 4,
};

struct _HatGraph
{
  gatomicrefcount refs;
  HatHeap *heap;
  HatTrace *trace;
  HatSnapshot *snapshot; /* its edges lose HAT_EDGE_INTERIOR where a heuristic explains it */
  HatGraphTypes types;
  guint32 n, n_edges;

  /* By block. */
  guint64 *address;
  guint32 *size;        /* G_MAXUINT32: see large */
  GHashTable *large;    /* block -> guint64 */
  GMutex names_lock;
  GStringChunk *names;  /* of elements' fields */
  guint32 *stack, *thread;
  guint32 *birth;       /* from the start of the heap, in units of birth_unit_ns */
  gint64 birth_unit_ns;
  guint8 *flags;

  /* By edge; NULL if neither a rule nor a type says anything. HatStrength, and how it is known. */
  guint8 *known;

  /* Pointers to each block: edges, by block. */
  guint32 *first_in; /* n + 1 */
  guint32 *in_edge;

  /* Roots of each block, in the order of blocks; and those whose interior pointer a heuristic explains. */
  guint32 *root_order;
  guint8 *root_is_start;

  /* The dominator tree. */
  guint32 *place;     /* by block */
  guint32 *block_at;  /* by place, n + 1; HAT_GRAPH_NONE at 0 */
  guint32 *owner_at;  /* by place: the owner's place */
  guint32 *count_at;  /* by place: blocks in the subtree, itself included */
  guint64 *bytes_at;  /* by place: bytes retained */

  /* Lost cycles. */
  guint n_cycles;
  HatGraphCycle *cycles;
  guint32 *cycle_blocks;
  guint32 *cycle_of; /* by block; NULL if there are none */
};

#define HAT_KNOWN_BY_RULE 4u
#define HAT_KNOWN_BY_NAME 8u  /* a guess: it is called a way back, and leads to a block that points here */
#define HAT_KNOWN_BY_PLACE 16u /* a guess: it leads into the middle of an object that others point to */
#define HAT_KNOWN_WAY_ON 32u   /* a guess, if its place says nothing: it is called a way on to what it owns */
#define HAT_KNOWN_GUESSES (HAT_KNOWN_BY_NAME | HAT_KNOWN_BY_PLACE)

/* Neighbours in the graph may lie anywhere in the arrays: what a loop will look at so many steps on is fetched beforehand. */
#define HAT_GRAPH_AHEAD 32u

static inline guint64
hat_graph_size (const HatGraph *graph, guint32 block)
{
  if (G_LIKELY (graph->size[block] != G_MAXUINT32))
    return graph->size[block];
  return *(guint64 *) g_hash_table_lookup (graph->large, GUINT_TO_POINTER (block));
}

static inline gint64
hat_graph_birth (const HatGraph *graph, guint32 block)
{
  return hat_heap_start (graph->heap) + graph->birth[block] * graph->birth_unit_ns;
}

static inline HatLeakClass
hat_graph_class (const HatGraph *graph, guint32 block)
{
  return graph->flags[block] >> HAT_GRAPH_CLASS_SHIFT;
}

static inline gboolean
hat_graph_is_weak (const HatGraph *graph, guint32 edge)
{
  return graph->known && (graph->known[edge] & 3) == HAT_STRENGTH_WEAK;
}

static inline guint32
hat_graph_type (const HatGraph *graph, guint32 block)
{
  return graph->types.type ? graph->types.type (graph->types.data, block) : HAT_GRAPH_NONE;
}

/* "[3].next", "[3][0]", "[3]"; "" as the index: of all elements. g_free. */
char *hat_graph_element_name (const HatGraphField *field, const char *index);
/* What the trace knows of types, unless somebody else said it. */
void hat_graph_take_types (HatGraph *graph);
guint64 hat_graph_edge_into (const HatGraph *graph, guint32 edge); /* where it points, also if that is explained */
guint32 hat_graph_edge_from (const HatGraph *graph, guint32 edge); /* the block that holds the pointer */
HatStrength hat_graph_strength (HatGraph *graph, guint32 from, guint32 edge);
/* Fills in in_edge: the edges to each block; or, with `number` (by block), the numbers of the blocks that hold them, 0 for a pointer to its
 * own block or a weak one. */
void hat_graph_turn_edges (HatGraph *graph, const guint32 *number);

static inline guint64
hat_graph_object_offset (const HatGraph *graph, guint32 block)
{
  guint64 offset = 0;
  return graph->types.object_offset && graph->types.object_offset (graph->types.data, block, &offset) ? offset : 0;
}

/* Whether it points to where the block's counts are: a shared_ptr points to its object, too. */
static inline gboolean
hat_graph_is_to_object (const HatGraph *graph, guint32 edge, guint32 block)
{
  return hat_graph_edge_into (graph, edge) == hat_graph_object_offset (graph, block);
}

/* Blocks that are marked, while what they point to is not: as many as there are blocks, as each is marked once. */
typedef struct
{
  guint32 *blocks;
  guint32 n;
} HatGraphFront;

typedef enum
{
  HAT_GRAPH_TO_STARTS,
  HAT_GRAPH_TO_ANY,
  HAT_GRAPH_OWNING, /* all but weak ones */
} HatGraphPointers;

/* `marks`: by block. Marks it, and puts it into the front, unless it is marked already. */
void hat_graph_mark (HatGraphFront *front, guint32 block, guint8 *marks, guint8 mark);
/* Marks what the front's blocks point to, and so on until the front is empty. */
void hat_graph_spread (const HatGraph *graph, HatGraphFront *front, guint8 *marks, guint8 mark, HatGraphPointers pointers);

/* ---- the steps of making one, in this order; FALSE: cancelled ---- */

void hat_graph_leave_out_roots (HatGraph *graph, const HatGraphRules *rules);
/* Which edges are known by rules and types. */
gboolean hat_graph_apply_rules (HatGraph *graph, const HatGraphRules *rules, const HatProgress *progress, GError **error);
/* Which interior pointers a heuristic explains. */
gboolean hat_graph_explain_interior (HatGraph *graph, const HatProgress *progress, GError **error);
/* The same of those to where the headers of a program's own allocator end. Part of the step before. */
void hat_graph_explain_headers (HatGraph *graph);
/* flags: BY_START, BY_ANY. */
gboolean hat_graph_reach (HatGraph *graph, const HatProgress *progress, GError **error);
/* Classes and cycles; `heads`: blocks that stand under the virtual root though no root points to them. */
gboolean hat_graph_classify (HatGraph *graph, GArray *heads, const HatProgress *progress, GError **error);
/* The dominator tree. */
gboolean hat_graph_find_owners (HatGraph *graph, const GArray *heads, const HatProgress *progress, GError **error);
