/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the nodes of a graph's picture are, from left to right from the roots (paths: to the block on the right).
 *
 * HatGraphLayout is made once per model, in a worker thread, in its own units (a pixel each at natural size): up to 300
 * nodes by Graphviz `dot` in a child process that is killed after a second, else, or if there is no `dot`, as a layered tidy
 * tree of our own: columns by depth, subtrees pushed together as far as their contours allow (Reingold and Tilford, "Tidier
 * drawings of trees", IEEE TSE 7 (1981)). Only the tree is laid out; all other lines are drawn over it.
 *
 * HatGraphScene is a look at it: a size, a zoom and a place. Making one and asking it costs next to nothing. */

#include "ui/draw/graph-model.h"

G_BEGIN_DECLS

#define HAT_GRAPH_DOT_NODES 300u
#define HAT_GRAPH_DOT_MS 1000

/* Blocks on the picture that are in the same lost cycle. */
typedef struct
{
  guint32 cycle;
  guint first;   /* its topmost node; the label stands above it */
  char *label;   /* "ring of 5 blocks, likely" */
} HatGraphRing;

typedef struct
{
  HatGraphModel *model;
  double width, height;
  HatRect *rects;      /* by node */
  gboolean is_by_dot;
  double *detours;     /* by line: height at which one that leads back over several columns passes what is between; else 0 */
  gboolean is_crowded; /* so many lines beside the tree that only those of chosen nodes are drawn */
  guint n_rings;
  HatGraphRing *rings;
} HatGraphLayout;

/* `dot`: the program, NULL: the one on the PATH, "": none. */
HatGraphLayout *hat_graph_layout_new (HatGraphModel *model, const char *dot);
void hat_graph_layout_free (HatGraphLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGraphLayout, hat_graph_layout_free)

typedef struct
{
  double zoom; /* 0: all of it fits; 1: natural size; each 1 more: twice as big */
  double x, y; /* what is in the middle, in the layout's units */
} HatGraphView;

typedef struct
{
  const char *title;   /* NULL: none */
  guint selected;      /* node, or HAT_NODE_NONE */
  guint32 selected_block; /* in a fold: which one; HAT_GRAPH_NONE */
  GHashTable *stacks;  /* set of stacks that are selected elsewhere, or NULL */
  const char *filter;  /* nodes that contain it stand out; NULL or "" */
} HatGraphStyle;

typedef struct
{
  const HatGraphLayout *layout;
  HatGraphStyle style;
  HatGraphView view;  /* clamped */
  double width, height;
  HatRect title, plot, legend;
  double scale_x, scale_y, x, y; /* pixel = unit * scale + offset */
} HatGraphScene;

void hat_graph_scene_init (HatGraphScene *scene, const HatGraphLayout *layout, const HatGraphStyle *style, HatGraphView view,
                           double width, double height);
HatRect hat_graph_scene_rect (const HatGraphScene *scene, guint node); /* in pixels */
guint hat_graph_scene_node_at (const HatGraphScene *scene, double x, double y); /* HAT_NODE_NONE */
gboolean hat_graph_scene_is_handle (const HatGraphScene *scene, guint node, double x, double y); /* the + at its edge */
HatRect hat_graph_scene_handle (const HatGraphScene *scene, guint node);
gint hat_graph_scene_line_at (const HatGraphScene *scene, double x, double y); /* -1: none */
/* A cubic: start, two control points, end. FALSE: not drawn (crowded, or off the picture). */
gboolean hat_graph_scene_curve (const HatGraphScene *scene, guint line, guint hovered, double out_points[8]);
gboolean hat_graph_scene_matches (const HatGraphScene *scene, guint node); /* the filter */

/* `steps` closer (or farther), what is at (x, y) stays there. */
HatGraphView hat_graph_scene_zoom (const HatGraphScene *scene, double x, double y, double steps);
HatGraphView hat_graph_scene_pan (const HatGraphScene *scene, double dx, double dy); /* pixels */
/* With the node in the middle and readable, or the same view if it is that already. */
HatGraphView hat_graph_scene_show (const HatGraphScene *scene, guint node);
/* The node next to `node` in a direction: parent and child, or the nearest above or below in its column. */
guint hat_graph_scene_neighbour (const HatGraphScene *scene, guint node, gint dx, gint dy);

G_END_DECLS
