/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The flame graph, painted from its layout. */

#include "ui/draw/flame-layout.h"
#include "ui/draw/text.h"

G_BEGIN_DECLS

void hat_flame_paint (const HatFlameLayout *layout, const HatPalette *palette, cairo_t *cr);
void hat_flame_paint_overlay (const HatFlameLayout *layout, const HatPalette *palette, gint hovered_box, cairo_t *cr);
/* The table of the functions that allocate most (groups by function), for the exported picture. */
void hat_flame_paint_table (const HatGroups *groups, HatCost cost, HatColors *colors, const HatPalette *palette,
                            HatRect rect, cairo_t *cr);

G_END_DECLS
