/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a picture of the object graph shows: a tree of nodes, each one block or a fold of equal ones, under a column of chips
 * for the roots, and the lines between them. Never all of it: the biggest come first, the rest is one node that can be asked
 * for more.
 *
 * A model is an immutable version (law 7): to expand, fold or look elsewhere is to make another one, which shares what is the
 * same. Making one may take long on a big graph and belongs into a worker thread. Sizes are bytes as requested. */

#include "core/graph/graph.h"
#include "ui/draw/colors.h"

G_BEGIN_DECLS

typedef struct _HatGraphModel HatGraphModel;

#define HAT_NODE_NONE G_MAXUINT
#define HAT_NODE_CHILDREN 30u /* at most so many children come at once */

typedef enum
{
  HAT_GRAPH_OWNERS,     /* the dominator tree: who keeps what alive */
  HAT_GRAPH_REFERENCES, /* what points to what, each block once, the first time it is met */
  HAT_GRAPH_PATHS,      /* who holds one block: the shortest paths from roots; children are holders, the root node is the block */
} HatGraphTree;

typedef enum
{
  HAT_NODE_ROOT,  /* a chip: words of a kind, outside the heap or nothing at all */
  HAT_NODE_BLOCK,
  HAT_NODE_FOLD,  /* siblings of one stack, type and class */
  HAT_NODE_CHAIN, /* a list: blocks like these, each owned by the one before */
  HAT_NODE_REST,  /* siblings that did not get a node of their own */
  HAT_NODE_GAP,   /* blocks left out of a long path */
} HatGraphNodeKind;

typedef struct
{
  HatGraphNodeKind kind;
  guint parent;          /* comes before it in the array; HAT_NODE_NONE: none */
  guint depth;           /* 0: chips (or the block whose paths these are) */
  guint32 n_blocks;
  const guint32 *blocks; /* most retained first; a CHAIN's from its head on; none of ROOT, REST, GAP */
  guint32 n_heads;       /* CHAIN: so many at its beginning are the siblings it starts with */
  const HatGraphFolds *folds; /* REST: what is left, from first_fold on */
  guint first_fold;
  HatStackId stack;
  guint32 type, cycle;   /* HAT_GRAPH_NONE: not known, none */
  HatLeakClass leak_class;
  HatSwatch swatch;      /* of the function that allocated it */
  guint64 bytes, retained_bytes;
  guint32 counts[3];     /* BLOCK: pointers to it by HatStrength; else 0 */
  gboolean has_more;     /* there are children to ask for */
  gboolean is_lost;      /* ROOT: stands for "nothing holds this" */
  char *title, *detail;  /* "412 x Branch", "39.6 KiB, keeps 1.2 MiB alive" (GRefString) */
} HatGraphNode;

/* A line from node to node: all pointers from blocks of one to blocks of the other. Those of folds are looked for among their
 * biggest 64 blocks. */
typedef struct
{
  guint from, to;
  guint n;               /* pointers; 0: owned, but over several others only */
  HatStrength strength;  /* the strongest of them */
  gboolean is_certain;   /* else inferred */
  gboolean is_tree;      /* from a parent to its child (PATHS: from a holder to what it holds) */
  gboolean is_root;      /* from a chip */
  guint64 offset;        /* of one of them in its block */
  const char *field, *evidence; /* of the same, or NULL */
} HatGraphLine;

guint hat_graph_rows (double height); /* of a first look in a picture of this height in pixels, so that all of them can be read */
/* The first look: the roots' biggest children, and what is biggest below them as long as there are no more than `rows` leaves.
 * PATHS cannot be looked at so. Errors: CANCELLED. */
HatGraphModel *hat_graph_model_new (HatGraph *graph, HatColors *colors, HatGraphTree tree, guint rows,
                                    const HatProgress *progress, GError **error);
/* One block with the owners above it, and what it holds. */
HatGraphModel *hat_graph_model_focus (HatGraphModel *model, HatGraphTree tree, guint32 block, const HatProgress *progress,
                                      GError **error);
/* Who holds it. */
HatGraphModel *hat_graph_model_paths (HatGraphModel *model, guint32 block, const HatProgress *progress, GError **error);
/* With the children of a node, or of REST the next ones. */
HatGraphModel *hat_graph_model_expand (HatGraphModel *model, guint node, const HatProgress *progress, GError **error);
/* A fold as single blocks, a chain as its head and the chain behind it. */
HatGraphModel *hat_graph_model_unfold (HatGraphModel *model, guint node, const HatProgress *progress, GError **error);
HatGraphModel *hat_graph_model_collapse (HatGraphModel *model, guint node);
/* The same look at another graph of the same blocks, a rule later: what is open stays open. */
HatGraphModel *hat_graph_model_again (HatGraphModel *model, HatGraph *graph, guint rows, const HatProgress *progress, GError **error);
HatGraphModel *hat_graph_model_ref (HatGraphModel *model);
void hat_graph_model_unref (HatGraphModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGraphModel, hat_graph_model_unref)

HatGraph *hat_graph_model_graph (HatGraphModel *model);
HatColors *hat_graph_model_colors (HatGraphModel *model);
HatGraphTree hat_graph_model_tree (HatGraphModel *model);
guint32 hat_graph_model_block (HatGraphModel *model); /* of focus or paths; HAT_GRAPH_NONE */
guint64 hat_graph_model_bytes (HatGraphModel *model); /* of all blocks */
const HatGraphNode *hat_graph_model_nodes (HatGraphModel *model, guint *out_n); /* parents first, subtrees together */
const HatGraphLine *hat_graph_model_lines (HatGraphModel *model, guint *out_n);
guint hat_graph_model_find (HatGraphModel *model, guint32 block); /* the node that shows it, HAT_NODE_NONE */
guint hat_graph_model_end (HatGraphModel *model, guint node);     /* one behind its subtree */
gboolean hat_graph_node_is_foldable (const HatGraphNode *node);   /* FOLD or CHAIN */

/* The snapshot to show when none is asked for: the last one with blocks in it, else the last one; G_MAXUINT: there is none. */
guint hat_snapshot_usual (HatHeap *heap);

/* The biggest block that contains the text in its type's or its allocating function's name (without case), or lies at the
 * address that the text is; HAT_GRAPH_NONE. `after`: the next one by address behind that one, all around. */
guint32 hat_graph_search (HatGraph *graph, const char *text, guint32 after, const HatProgress *progress);

/* What a person wants to know of a node, a line each: "0x55d0c0ffee10", "allocated after 1.20 s by main", "held by 2 strong,
 * 1 weak"... */
GStrv hat_graph_node_facts (HatGraphModel *model, guint node);
char *hat_graph_node_text (HatGraphModel *model, guint node); /* one line, for readout and assistive tools */
char *hat_graph_line_text (HatGraphModel *model, guint line); /* "strong (inferred): ...", one line */
char *hat_graph_model_summary (HatGraphModel *model);

G_END_DECLS
