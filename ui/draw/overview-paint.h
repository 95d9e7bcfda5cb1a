/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The overview, painted: all of it, or the small picture of one card. */

#include "ui/draw/overview-layout.h"
#include "ui/draw/text.h"

G_BEGIN_DECLS

void hat_overview_paint (const HatOverviewLayout *layout, const HatPalette *palette, cairo_t *cr);
/* Only the small picture (lines, bars of parts or share bar), without title and sentence. */
void hat_overview_paint_card (const HatCard *card, const HatPalette *palette, HatRect rect, cairo_t *cr);

G_END_DECLS
