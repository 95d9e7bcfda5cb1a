/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types picture, painted from its layout. */

#include "ui/draw/text.h"
#include "ui/draw/types-layout.h"

G_BEGIN_DECLS

void hat_types_paint (const HatTypesLayout *layout, const HatPalette *palette, cairo_t *cr);
/* Over it: the box that is pointed at or chosen; ruler -1: none. */
void hat_types_paint_overlay (const HatTypesLayout *layout, const HatPalette *palette, HatTypesHit hit, cairo_t *cr);

G_END_DECLS
