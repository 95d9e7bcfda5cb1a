/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The object graph as a widget: drag or arrows move, the wheel zooms, a click selects, a double click or the + unfolds. What
 * changes what is shown is for whoever made the layout: the picture only says what was asked for. */

#include "ui/draw/graph-layout.h"
#include "ui/views/picture.h"
#include "ui/views/view-state.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_GRAPH_ASK_EXPAND,
  HAT_GRAPH_ASK_UNFOLD,
  HAT_GRAPH_ASK_COLLAPSE,
  HAT_GRAPH_ASK_FOLLOW,    /* look from there */
  HAT_GRAPH_ASK_HOLDERS,   /* who holds it */
  HAT_GRAPH_ASK_BACK,
  HAT_GRAPH_ASK_ALL,       /* the first look */
  HAT_GRAPH_ASK_FIND,      /* the next one that the filter says */
  HAT_GRAPH_ASK_WEAK,      /* the chosen pointer's field is weak */
  HAT_GRAPH_ASK_COPY,      /* the address */
} HatGraphAsk;

#define HAT_TYPE_GRAPH_PICTURE (hat_graph_picture_get_type ())
G_DECLARE_FINAL_TYPE (HatGraphPicture, hat_graph_picture, HAT, GRAPH_PICTURE, HatPicture)

/* Signals: "asked" (HatGraphAsk as guint), "picked" (node as guint, HAT_NODE_NONE: none). */
GtkWidget *hat_graph_picture_new (HatViewState *state);
/* Borrowed until the next call; NULL: nothing to show. */
void hat_graph_picture_set_layout (HatGraphPicture *self, const HatGraphLayout *layout, HatGraphView view);
HatGraphView hat_graph_picture_get_view (HatGraphPicture *self);
/* Marks a node and moves it into view. */
void hat_graph_picture_select (HatGraphPicture *self, guint node);
guint hat_graph_picture_get_selected (HatGraphPicture *self);
gint hat_graph_picture_get_line (HatGraphPicture *self); /* the chosen line, or that from the selected node's parent; -1: none */

G_END_DECLS
