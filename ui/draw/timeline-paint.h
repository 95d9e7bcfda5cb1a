/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The timeline, painted from its layout. The overlay (cursor, range, hover) is apart, so that a widget can cache
 * the rest. */

#include "ui/draw/text.h"
#include "ui/draw/timeline-layout.h"

G_BEGIN_DECLS

void hat_timeline_paint (const HatTimelineLayout *layout, const HatPalette *palette, cairo_t *cr);

typedef struct
{
  gint64 cursor_ns;    /* -1: none */
  HatRange selected;   /* from == to: none */
  gint highlight_band; /* the selected group's band, or -1 */
  double hover_x;      /* pointer in the plot, or -1 */
} HatTimelineOverlay;
void hat_timeline_paint_overlay (const HatTimelineLayout *layout, const HatPalette *palette,
                                 const HatTimelineOverlay *overlay,
                                 cairo_t *cr);

G_END_DECLS
