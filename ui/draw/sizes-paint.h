/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The size and lifetime histograms, painted from their layout. */

#include "ui/draw/sizes-layout.h"
#include "ui/draw/text.h"

G_BEGIN_DECLS

void hat_sizes_paint (const HatSizesLayout *layout, const HatPalette *palette, cairo_t *cr);
void hat_sizes_paint_overlay (const HatSizesLayout *layout, const HatPalette *palette, HatSizesHit hovered,
                              cairo_t *cr);

G_END_DECLS
