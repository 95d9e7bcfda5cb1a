/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The object graph of one snapshot: what points to what, who owns whom, what is lost and what a block keeps alive.
 *
 * Blocks are nodes, named by their index in the snapshot (by address). HAT_GRAPH_NONE as an owner is the virtual root: it
 * stands over all roots, and over the heads of what no root reaches, so that every block has an owner and a retained size.
 *
 * How it is made (DESIGN section 1 has the words; n blocks, m edges):
 * - Reached or not: two searches from the roots, over pointers to starts only, and over all pointers. What memcheck's
 *   interior heuristics explain (valgrind's manual 4.2.8, --leak-check-heuristics: length64, stdstring, newarray,
 *   multipleinheritance), a type, or a header of all blocks of a call counts as a pointer to the start. O(n + m).
 * - Components of what is not reached over pointers that own: Tarjan, "Depth-first search and linear graph algorithms",
 *   SIAM J. Comput. 1 (1972), without recursion. A component that nothing lost points into is a leak's head.
 * - Owners: the dominator tree over all pointers not known to be weak, by semi-NCA: Georgiadis, "Linear-time algorithms for
 *   dominators and related problems" (Princeton, 2005), after Lengauer and Tarjan, TOPLAS 1 (1979). Blocks are numbered in the
 *   search's preorder first, which keeps the passes local. O(m log n) at worst, nearly linear in practice.
 * - Strength of a pointer that neither a rule nor a type explains, inferred: from an owner to what it owns = strong; back to
 *   a dominator = weak; else unknown.
 *
 * Memory: 13 words of 4 bytes a block and 3 an edge when finished. A HatGraph is immutable (law 7): every query is safe from
 * any thread. Results that are not const are the caller's. Sizes are bytes as requested, times nanoseconds of the recording. */

#include "core/heap/heap.h"
#include "core/trace/snapshot.h"

G_BEGIN_DECLS

typedef struct _HatGraph HatGraph;

#define HAT_GRAPH_NONE G_MAXUINT32

/* ---- words ---- */

typedef enum
{
  HAT_LEAK_DIRECT,    /* one block that nothing lost points to */
  HAT_LEAK_CYCLE,     /* blocks that hold each other, and that nothing else lost points to */
  HAT_LEAK_INDIRECT,  /* held by a lost block */
  HAT_LEAK_POSSIBLE,  /* only reached over a pointer into the middle of a block */
  HAT_LEAK_REACHABLE,
  HAT_LEAK_UNFREED,   /* there is no snapshot: never freed, more is not known. No block of a graph has it */
} HatLeakClass;
#define HAT_N_LEAK_CLASSES 6

typedef enum
{
  HAT_CONFIDENCE_NONE,
  HAT_CONFIDENCE_LIKELY,  /* a cycle of pointers of unknown strength; a block that something points into */
  HAT_CONFIDENCE_CERTAIN, /* nothing points to it; a cycle of pointers known to own */
  HAT_CONFIDENCE_PROVEN,  /* a cycle whose counts of references are explained by its own pointers */
} HatConfidence;

typedef enum
{
  HAT_STRENGTH_UNKNOWN,
  HAT_STRENGTH_STRONG, /* owns */
  HAT_STRENGTH_WEAK,   /* does not own */
} HatStrength;

const char *hat_leak_class_name (HatLeakClass leak_class);   /* "direct", "cycle", ... */
const char *hat_confidence_name (HatConfidence confidence);  /* NULL, "likely", "certain", "proven" */
const char *hat_strength_name (HatStrength strength);        /* "unknown", "strong", "weak" */

/* ---- fields declared weak ---- */

/* Lines "weak:NAME+OFFSET" or, with types, "weak:NAME.FIELD" ("Node[].[].next" for all elements); # starts a comment line. NAME is the type of the block that holds
 * the pointer, or the function that allocated it (hat_stack_function()), with * for any text; OFFSET is decimal or 0x... */
typedef struct _HatGraphRules HatGraphRules;

HatGraphRules *hat_graph_rules_new (HatTrace *trace); /* with those of the trace's notes (HAT_NOTE_*); bad ones are left out */
/* Error: USAGE, with `name` and the line. */
gboolean hat_graph_rules_add (HatGraphRules *rules, const char *text, const char *name, GError **error);
/* Pointers in roots of this kind do not count: what only a mapped region holds, a cache or another program's heap, is lost then. */
void hat_graph_rules_leave_out (HatGraphRules *rules, HatRootKind kind);
/* The line that declares a pointer weak: in blocks with this label, the field, of an element that of all; field NULL: at the offset. g_free. */
char *hat_graph_weak_rule (const char *label, const char *field, guint64 offset);
void hat_graph_rules_free (HatGraphRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGraphRules, hat_graph_rules_free)

/* ---- types ---- */

typedef struct
{
  const char *name;     /* or NULL */
  HatStrength strength; /* known from the type; UNKNOWN: it does not say */
  const char *evidence; /* "std::unique_ptr: owns", ...; or NULL */
  gboolean is_way_back; /* its name is that of one: parent, prev, owner */
  gboolean is_way_on;   /* likewise: next, head, children */
  gboolean is_typed;    /* it says what it points to: not a void * */
  gboolean is_element;  /* `name` is in element `index` of an array; "" = the element itself */
  guint64 index;
} HatGraphField;

/* What a block itself counts (Rc, shared_ptr, GObject), without the one weak reference that all strong ones share. */
typedef struct
{
  guint64 strong, weak;
  gboolean has_weak;
} HatGraphCounts;

/* A number in a block. */
typedef struct
{
  const char *name;  /* "value.children.len", "[3].id" */
  const char *type;
  char *value;       /* "42", "true", "Running" */
  guint64 offset;
} HatGraphValue;

/* The variable that a root is, or is part of. */
typedef struct
{
  const char *type;
  const char *function; /* whose it is: the frame's own, or one that was inlined; NULL: a global one */
  HatStrength strength; /* UNKNOWN: the type does not say */
  const char *evidence; /* or NULL */
} HatGraphVariable;

/* What knows the types of blocks, if it is not the trace. The strings live as long as the graph. Any function may be NULL; all but
 * `prepare` may be called by any threads. */
typedef struct
{
  gpointer data;
  GDestroyNotify free_data;
  /* Called once, before any other: blocks, edges and roots of the graph can be asked for, nothing else. */
  gboolean (*prepare) (gpointer data, HatGraph *graph, const HatProgress *progress, GError **error);
  /* A number for each distinct type, HAT_GRAPH_NONE = not known. Called often. */
  guint32 (*type) (gpointer data, guint32 block);
  const char *(*type_name) (gpointer data, guint32 type);
  const char *(*type_label) (gpointer data, guint32 type); /* NULL: as its name */
  const char *(*type_evidence) (gpointer data, guint32 block); /* how its type is known, in words; or NULL */
  /* The field that holds the pointer `offset` bytes into the block. FALSE: not known. */
  gboolean (*field) (gpointer data, guint32 block, guint64 offset, HatGraphField *out_field);
  /* FALSE: the block does not count its owners. */
  gboolean (*counts) (gpointer data, guint32 block, HatGraphCounts *out_counts);
  /* Where in the block its object begins, to which pointers lead: behind a collector's header or private data. FALSE: it is not known to be
   * one object. */
  gboolean (*object_offset) (gpointer data, guint32 block, guint64 *out_offset);
  char *(*contents) (gpointer data, guint32 block);
  void (*values) (gpointer data, guint32 block, GArray *values); /* appends HatGraphValue */
  gboolean (*variable) (gpointer data, guint32 root, HatGraphVariable *out_variable);
} HatGraphTypes;

/* ---- making one ---- */

/* Of snapshot `index` of the heap's process. `rules` may be NULL; `types` NULL: what the trace knows of them. The graph takes over
 * `types->data`, also when it fails. Errors: IO, DAMAGED, CANCELLED. */
HatGraph *hat_graph_new (HatHeap *heap, guint index, const HatGraphRules *rules, const HatGraphTypes *types,
                         const HatProgress *progress, GError **error);
/* The same of a snapshot in hand and the blocks it is about. Takes both over. */
HatGraph *hat_graph_new_for (HatHeap *heap, HatLive *live, HatSnapshot *snapshot, const HatGraphRules *rules,
                             const HatGraphTypes *types, const HatProgress *progress, GError **error);
HatGraph *hat_graph_ref (HatGraph *graph);
void hat_graph_unref (HatGraph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGraph, hat_graph_unref)

HatHeap *hat_graph_heap (HatGraph *graph);
const HatSnapshot *hat_graph_snapshot (HatGraph *graph);
guint32 hat_graph_n_blocks (HatGraph *graph);

/* ---- blocks ---- */

typedef struct
{
  guint64 address, size;
  gint64 birth_ns; /* to 100 us */
  HatStackId stack;
  guint32 thread;
  HatLeakClass leak_class;
  gboolean is_reached_by_start;    /* over pointers to starts of blocks only */
  gboolean is_reached_by_interior; /* over some pointer at least */
  gboolean is_doubtful;            /* an unfinished call had it in its hands: it counts as a root */
  guint32 owner;                   /* immediate dominator */
  guint64 retained_bytes;          /* what goes if this block goes: the subtree of the dominator tree, itself included */
  guint32 retained_blocks;
  guint32 cycle;                   /* index into hat_graph_cycles(), HAT_GRAPH_NONE = in no lost cycle */
  guint32 type;                    /* HAT_GRAPH_NONE = not known */
} HatGraphBlock;

void hat_graph_block (HatGraph *graph, guint32 block, HatGraphBlock *out_block);
HatLeakClass hat_graph_leak_class (HatGraph *graph, guint32 block);
guint32 hat_graph_find (HatGraph *graph, guint64 address); /* the block that contains it, or HAT_GRAPH_NONE */
/* The same block of a live set, which may be another instant's; HAT_GRAPH_NONE: the snapshot does not have it. `index`: where it stands there,
 * which is mostly where it stands here, or HAT_GRAPH_NONE. */
guint32 hat_graph_find_block (HatGraph *graph, guint64 index, const HatBlock *block);
const char *hat_graph_type_name (HatGraph *graph, guint32 type);      /* or NULL */
/* The same, and where the type is defined if others have its name: "node at list.c:12". */
const char *hat_graph_type_label (HatGraph *graph, guint32 type);
const char *hat_graph_type_evidence (HatGraph *graph, guint32 block); /* or NULL */
/* What the block counts itself, and how many of these were found: pointers known or inferred to own it from blocks, and roots known to.
 * FALSE: it does not count. */
typedef struct
{
  HatGraphCounts counts;
  guint32 strong_found, weak_found;
} HatGraphHolders;

gboolean hat_graph_holders (HatGraph *graph, guint32 block, HatGraphHolders *out_holders);
/* "strong count 3, 1 holder found", or NULL if all were found or it does not count. g_free. */
char *hat_graph_mismatch (HatGraph *graph, guint32 block);
/* Numbers in the block, if its type is known and they were kept: array of HatGraphValue. */
GArray *hat_graph_values (HatGraph *graph, guint32 block);
/* Of the elements of a container: "alloc::vec::Vec<i32>, 12 of 16 used". g_free. NULL: it is none. */
char *hat_graph_contents (HatGraph *graph, guint32 block);

/* "Branch", or if the type is not known the function that allocated it; one of the trace's or the types' strings. */
const char *hat_graph_label (HatGraph *graph, guint32 block);

/* ---- edges ---- */

typedef struct
{
  guint32 edge;  /* index into the snapshot's edges */
  guint32 from, to;
  guint64 offset; /* of the pointer in `from` */
  guint64 into;   /* where in `to` it points; 0 unless is_interior */
  gboolean is_interior; /* and no heuristic explains it */
  HatStrength strength;
  gboolean is_certain;  /* a rule or a type says so; else it is inferred */
  const char *evidence; /* why, in words */
  const char *field;    /* or NULL */
} HatGraphEdge;

/* Pointers in the block, by offset: skips `first`, fills in at most `max`, returns how many there are in all. A pointer to its own
 * block is among them. */
guint32 hat_graph_edges_out (HatGraph *graph, guint32 block, guint32 first, HatGraphEdge *edges, guint32 max);
/* Pointers to the block, by the holder's address. */
guint32 hat_graph_edges_in (HatGraph *graph, guint32 block, guint32 first, HatGraphEdge *edges, guint32 max);
/* All pointers from one of `blocks` to another: array of HatGraphEdge by index in the snapshot. */
GArray *hat_graph_edges_between (HatGraph *graph, const guint32 *blocks, guint n_blocks);
/* Incoming pointers by strength, those from the block itself and from roots left out. */
void hat_graph_count_in (HatGraph *graph, guint32 block, guint32 out_counts[3]);

/* ---- roots ---- */

/* Indices into hat_graph_snapshot()->roots of those that point to the block; those with names first. */
const guint32 *hat_graph_roots_of (HatGraph *graph, guint32 block, guint32 *out_n);
const char *hat_root_kind_name (HatRootKind kind); /* "global", "stack", "register", "tls", "mapping", "loader" */
/* "global cache in libfoo.so", "variable node of main, thread 1", "register rbx of worker, thread 2": what it is, in words. g_free. */
char *hat_graph_root_text (HatGraph *graph, guint32 root);

/* FALSE: it is no variable that debug information knows. */
gboolean hat_graph_root_variable (HatGraph *graph, guint32 root, HatGraphVariable *out_variable);

/* ---- owners: the dominator tree ---- */

/* What `owner` owns, most retained first: those after its child `after` (HAT_GRAPH_NONE: from the first on), at most `max`; returns how many it
 * filled in. Time for those only. */
guint32 hat_graph_children (HatGraph *graph, guint32 owner, guint32 after, guint32 *children, guint32 max);
gboolean hat_graph_dominates (HatGraph *graph, guint32 owner, guint32 block); /* or is it */

/* Equal siblings folded to one ("412 x Branch"): same allocating stack, type and class. */
typedef struct
{
  HatStackId stack;
  guint32 type;
  HatLeakClass leak_class;
  guint32 n_blocks;
  const guint32 *blocks; /* most retained first */
  guint64 bytes, retained_bytes;
} HatGraphFold;

typedef struct
{
  guint n;
  HatGraphFold *folds; /* by retained bytes, biggest first */
  guint32 *blocks;
} HatGraphFolds;

/* What the blocks of `owners` own, folded; to unfold a fold further, hand in its blocks. n_owners 0: what the virtual root owns. */
HatGraphFolds *hat_graph_fold_children (HatGraph *graph, const guint32 *owners, guint32 n_owners);
/* Any blocks, folded. */
HatGraphFolds *hat_graph_fold (HatGraph *graph, const guint32 *blocks, guint32 n_blocks);
void hat_graph_folds_free (HatGraphFolds *folds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGraphFolds, hat_graph_folds_free)

/* ---- who holds this block ---- */

typedef struct
{
  guint32 root;      /* index into the snapshot's roots; HAT_GRAPH_NONE: it begins at a lost or doubtful block */
  guint n;
  guint32 *blocks;   /* from the one that the root points to, to the one asked for */
} HatGraphPath;

/* Shortest paths by which roots (or, if no root reaches it, heads of leaks) reach the block: at most `max`, at most one for each
 * word that is a root. Those from roots that differ in more than their slot (another variable, frame, thread, mapping) come first,
 * then the shorter ones. Known weak pointers count: they are paths, too. Array of HatGraphPath. */
GPtrArray *hat_graph_paths (HatGraph *graph, guint32 block, guint max);

/* ---- all of it as a small picture ---- */

typedef struct
{
  HatStackId stack;
  guint32 type;
  gboolean is_rest;      /* all that did not get a node of its own */
  guint32 n_blocks;
  guint64 bytes;
  guint64 retained_bytes; /* of its blocks that no block of the same node dominates */
  guint32 class_blocks[HAT_N_LEAK_CLASSES];
  guint32 example;       /* the block that retains most */
} HatSummaryNode;

typedef struct
{
  guint32 from, to;  /* nodes */
  guint32 pointers[3]; /* by HatStrength */
} HatSummaryEdge;

typedef struct
{
  HatRootKind kind;
  guint32 to; /* node */
  guint32 pointers;
} HatSummaryRoot;

typedef struct
{
  guint n_nodes, n_edges, n_roots;
  HatSummaryNode *nodes; /* by retained bytes, biggest first; the rest last */
  HatSummaryEdge *edges; /* by from, to */
  HatSummaryRoot *roots;
} HatGraphSummary;

/* Blocks of the same stack and type as one node, at most `max_nodes` of them (and 1000) and one for the rest. */
HatGraphSummary *hat_graph_summary (HatGraph *graph, guint max_nodes, const HatProgress *progress, GError **error);
void hat_graph_summary_free (HatGraphSummary *summary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGraphSummary, hat_graph_summary_free)

/* ---- leaks ---- */

/* Lost blocks that hold each other. A pointer of a block to itself makes no cycle. */
typedef struct
{
  guint32 n_blocks;
  const guint32 *blocks; /* oldest first: the first one is what the virtual root owns if it is a head */
  guint64 bytes;
  HatLeakClass leak_class; /* CYCLE, or INDIRECT if another lost block holds it */
  HatConfidence confidence;
} HatGraphCycle;

const HatGraphCycle *hat_graph_cycles (HatGraph *graph, guint *out_n); /* by bytes, biggest first */
/* "Ring.next -> Ring.next -> ..., 5 nodes, all strong: make one Weak": one way around, by types and fields. g_free. NULL: no type is known. */
char *hat_graph_cycle_text (HatGraph *graph, const HatGraphCycle *cycle);

typedef struct
{
  HatLeakClass leak_class;
  HatStackId stack;
  guint32 type;      /* of all of them, else HAT_GRAPH_NONE */
  guint32 n_blocks;
  guint64 bytes;
  guint64 retained_bytes; /* of its blocks that no block of the same group dominates */
  gint64 first_ns, last_ns;
  HatConfidence confidence;
  char *why;         /* in words: "5 blocks hold each other; nothing else holds them" */
  guint32 example;   /* the block that retains most */
} HatLeakGroup;

typedef struct
{
  guint n;
  HatLeakGroup *groups; /* by class and stack: in the order of HatLeakClass, then by retained bytes. Reachable ones are there, too */
  struct { guint64 blocks, bytes; } classes[HAT_N_LEAK_CLASSES];
  guint n_cycles;
  guint *cycles;         /* indices into hat_graph_cycles() of those that are not suppressed */
  guint32 n_suppressed_groups;
  guint64 suppressed_blocks, suppressed_bytes;
} HatLeaks;

/* Which leaks are known: for each stack of the trace, their classes as bits 1 << HatLeakClass; NULL: none. */
static inline gboolean
hat_leak_is_suppressed (const guint8 *suppressed, HatStackId stack, HatLeakClass leak_class)
{
  return suppressed && suppressed[stack] >> leak_class & 1;
}

/* `suppressed`: for each stack of the trace, the classes of leaks that are known there, as bits 1 << HatLeakClass; or NULL. What
 * suppressed leaks hold is suppressed with them; reachable blocks never are. Inherited blocks of a forked child are left out, as they are its parent's. */
HatLeaks *hat_graph_leaks (HatGraph *graph, const guint8 *suppressed, const HatProgress *progress, GError **error);
void hat_leaks_free (HatLeaks *leaks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatLeaks, hat_leaks_free)

G_END_DECLS
