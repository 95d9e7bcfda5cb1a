/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of a graph model, for the files that make and describe it. */

#include "ui/draw/graph-model.h"

G_BEGIN_DECLS

struct _HatGraphModel
{
  gatomicrefcount refs;
  HatGraph *graph;
  HatColors *colors;
  HatGraphTree tree;
  guint32 block;
  guint64 bytes;
  guint n_nodes, n_lines;
  HatGraphNode *nodes;
  HatGraphLine *lines;
  GPtrArray *stores; /* of GBytes: what nodes' blocks and folds point into */
};

/* Title and detail of a node whose other facts are set. */
void hat_graph_node_name (HatGraph *graph, HatGraphNode *node);
/* Of a chip: what the words that `root` is one of are called, and where they are. g_free. */
void hat_graph_chip_words (HatGraph *graph, guint32 root, char **out_title, char **out_detail);

G_END_DECLS
