/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The live-object map, painted from its layout. */

#include "ui/draw/map-layout.h"
#include "ui/draw/text.h"

G_BEGIN_DECLS

void hat_map_paint (const HatMapLayout *layout, const HatPalette *palette, cairo_t *cr);
/* hover may be NULL */
void hat_map_paint_overlay (const HatMapLayout *layout, const HatPalette *palette, const HatMapHit *hover,
                            cairo_t *cr);

G_END_DECLS
