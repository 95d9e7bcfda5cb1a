/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The leaks picture, painted from its layout; and its parts, for rows of a list. */

#include "ui/draw/leaks-layout.h"
#include "ui/draw/text.h"

G_BEGIN_DECLS

void hat_leaks_paint (const HatLeaksLayout *layout, const HatPalette *palette, cairo_t *cr);
/* The tiny timeline of births: first and last as shares of the life of the process. */
void hat_leaks_paint_births (double first, double last, const HatPalette *palette, HatRect rect, cairo_t *cr);
/* A line of values at equal steps, filled below, highest value at the top. */
void hat_leaks_paint_sparkline (const guint64 *points, guint n, HatColor color, HatRect rect, cairo_t *cr);

G_END_DECLS
