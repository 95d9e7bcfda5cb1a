/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The colours of every picture: light or dark, normal or high contrast. Categories are the Okabe-Ito set extended
 * by lightness, the sequence is viridis-like; text keeps a contrast of at least 4.5:1. A plain value: make one,
 * change what the desktop says (accent), pass it to the painters. */

#include "core/graph/graph.h"
#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef struct
{
  double red, green, blue, alpha; /* 0 to 1, sRGB, not premultiplied */
} HatColor;

typedef struct
{
  gboolean is_dark, is_high_contrast;
  HatColor background; /* of the picture */
  HatColor surface;    /* of a card or header in it */
  HatColor text, dim_text;
  HatColor grid, border;
  HatColor accent;     /* selection, cursor, range */
  HatColor warning;    /* what is probably lost */
  HatColor total;      /* the firm line of the timeline */
  HatColor rss;        /* its thin line */
  HatColor empty;      /* free memory in the map */
  HatColor categories[HAT_N_CATEGORIES + 1]; /* the last one is "other" */
  HatColor sequence[HAT_SWATCH_STEPS];
  HatColor classes[HAT_N_LEAK_CLASSES];
} HatPalette;

void hat_palette_init (HatPalette *palette, gboolean is_dark, gboolean is_high_contrast);
HatColor hat_palette_swatch (const HatPalette *palette, HatSwatch swatch);

HatColor hat_color_mix (HatColor a, HatColor b, double share_of_b);
HatColor hat_color_fade (HatColor color, double alpha);
double hat_color_contrast (HatColor a, HatColor b); /* WCAG 2, 1 to 21 */
HatColor hat_color_text_on (HatColor fill);         /* black or white, whichever reads better */
HatColor hat_color_dim_text_on (HatColor fill);     /* the same, paler as far as 4.5:1 allows */

G_END_DECLS
