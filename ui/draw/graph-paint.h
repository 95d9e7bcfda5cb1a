/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The object graph, painted from a scene. What is small has no text, what is big tells all about itself. */

#include "ui/draw/graph-layout.h"
#include "ui/draw/text.h"

G_BEGIN_DECLS

void hat_graph_paint (const HatGraphScene *scene, const HatPalette *palette, cairo_t *cr);
/* Over it: what the pointer is on, a node with its lines or a line with its text. */
void hat_graph_paint_overlay (const HatGraphScene *scene, const HatPalette *palette, guint hovered_node, gint hovered_line,
                              cairo_t *cr);

G_END_DECLS
