/* SPDX-License-Identifier: Apache-2.0 */

/* The colours. */

#include "ui/draw/palette.h"

#include <math.h>

/* Okabe and Ito's seven, then darker and lighter relatives, in an order that keeps neighbours apart for every kind
 * of eye (tests/unit/test-draw.c measures it). */
static const guint32 categories_light[HAT_N_CATEGORIES + 1] = {
  0x0072b2, 0xe69f00, 0x009e73, 0x56b4e9, 0xe6d630, 0xe8b9d2, 0xd55e00,
  0xcc79a7, 0x7a4b00, 0x7d3c69, 0x8fd3b6, 0x2b3f8c, 0x9a9996,
};
static const guint32 categories_dark[HAT_N_CATEGORIES + 1] = {
  0x2a8fd0, 0xe69f00, 0x12b184, 0x6cc4f5, 0xf0e442, 0xf0cadf, 0xe3691a,
  0xd488b3, 0xa87430, 0x8f52a0, 0xa3e3c8, 0x5a6fd0, 0x8b8a88,
};
/* Dark to bright in even steps of lightness, bounded so that both ends stand out from the background. */
static const guint32 sequence_light[] = { 0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e,
                                          0x1f9e89, 0x35b779, 0x6dcd59, 0xa8d82e, 0xe0d51e };
static const guint32 sequence_dark[] = { 0x7a4a9e, 0x6a57ab, 0x5566ae, 0x4079ae, 0x318ca9,
                                         0x27a596, 0x3fbb7f, 0x74d060, 0xb6df3a, 0xfde725 };

static HatColor
from_hex (guint32 hex)
{
  return (HatColor){ (hex >> 16 & 255) / 255.0, (hex >> 8 & 255) / 255.0, (hex & 255) / 255.0, 1 };
}

/* Direct and cycle in warning hues, indirect lighter, reachable neutral. */
static const guint32 classes_light[HAT_N_LEAK_CLASSES] = { 0xc01c28, 0xb23c00, 0xe08a6a, 0xb58900, 0x8a94a3, 0x9a9996 };
static const guint32 classes_dark[HAT_N_LEAK_CLASSES] = { 0xf66151, 0xff9450, 0xb5694c, 0xe5b93c, 0x77808e, 0x8b8a88 };

static void
init_surfaces (HatPalette *palette, gboolean is_dark, gboolean is_high_contrast)
{
  static const guint32 colors[2][2][10] = {
    /* background, surface, text, dim text, grid, border, accent, warning, total, rss */
    { { 0xffffff, 0xf4f3f1, 0x1f1f23, 0x5b5962, 0xe3e2df, 0xc4c2be, 0x1a66c7, 0xb23c00, 0x2a2a30, 0x8f2d56 },
      { 0xffffff, 0xf0f0f0, 0x000000, 0x2d2b33, 0x9a9996, 0x3d3846, 0x0b4c9e, 0x8c2f00, 0x000000, 0x6b0f3a } },
    { { 0x1e1e1e, 0x2a2a2b, 0xf4f4f2, 0xb9b7b3, 0x38383a, 0x55555a, 0x78aeed, 0xff9450, 0xf0f0ee, 0xf08ab8 },
      { 0x000000, 0x1c1c1c, 0xffffff, 0xe6e5e2, 0x77767b, 0xc0bfbc, 0x99c1f1, 0xffb07a, 0xffffff, 0xffa8cf } },
  };
  const guint32 *c = colors[is_dark != FALSE][is_high_contrast != FALSE];

  palette->background = from_hex (c[0]);
  palette->surface = from_hex (c[1]);
  palette->text = from_hex (c[2]);
  palette->dim_text = from_hex (c[3]);
  palette->grid = from_hex (c[4]);
  palette->border = from_hex (c[5]);
  palette->accent = from_hex (c[6]);
  palette->warning = from_hex (c[7]);
  palette->total = from_hex (c[8]);
  palette->rss = from_hex (c[9]);
  palette->empty = is_dark ? from_hex (is_high_contrast ? 0x262626 : 0x39393c)
                           : from_hex (is_high_contrast ? 0xdedede : 0xe6e5e1);
}

void
hat_palette_init (HatPalette *palette, gboolean is_dark, gboolean is_high_contrast)
{
  const guint32 *categories = is_dark ? categories_dark : categories_light;
  const guint32 *stops = is_dark ? sequence_dark : sequence_light;
  guint last_stop = G_N_ELEMENTS (sequence_light) - 1;

  palette->is_dark = is_dark;
  palette->is_high_contrast = is_high_contrast;
  init_surfaces (palette, is_dark, is_high_contrast);
  for (guint i = 0; i <= HAT_N_CATEGORIES; i++)
    palette->categories[i] = from_hex (categories[i]);
  for (guint i = 0; i < HAT_N_LEAK_CLASSES; i++)
    palette->classes[i] = from_hex (is_dark ? classes_dark[i] : classes_light[i]);
  for (guint i = 0; i < HAT_SWATCH_STEPS; i++)
    {
      double at = (double) i / (HAT_SWATCH_STEPS - 1) * last_stop;
      guint stop = MIN ((guint) at, last_stop - 1);
      palette->sequence[i] = hat_color_mix (from_hex (stops[stop]), from_hex (stops[stop + 1]), at - stop);
    }
}

HatColor
hat_palette_swatch (const HatPalette *palette, HatSwatch swatch)
{
  if (swatch >= HAT_SWATCH_CLASS)
    return palette->classes[MIN (swatch - HAT_SWATCH_CLASS, HAT_N_LEAK_CLASSES - 1)];
  if (swatch >= HAT_SWATCH_SEQUENCE)
    return palette->sequence[MIN (swatch - HAT_SWATCH_SEQUENCE, HAT_SWATCH_STEPS - 1)];
  if (swatch == HAT_SWATCH_RSS)
    return palette->rss;
  if (swatch == HAT_SWATCH_TOTAL)
    return palette->total;
  return palette->categories[MIN (swatch, HAT_N_CATEGORIES)];
}

HatColor
hat_color_mix (HatColor a, HatColor b, double share_of_b)
{
  double s = CLAMP (share_of_b, 0.0, 1.0);

  return (HatColor){ a.red + (b.red - a.red) * s, a.green + (b.green - a.green) * s, a.blue + (b.blue - a.blue) * s,
                     a.alpha + (b.alpha - a.alpha) * s };
}

HatColor
hat_color_fade (HatColor color, double alpha)
{
  color.alpha *= alpha;
  return color;
}

static double
linear (double channel)
{
  return channel <= 0.04045 ? channel / 12.92 : pow ((channel + 0.055) / 1.055, 2.4);
}

static double
luminance (HatColor color)
{
  return 0.2126 * linear (color.red) + 0.7152 * linear (color.green) + 0.0722 * linear (color.blue);
}

double
hat_color_contrast (HatColor a, HatColor b)
{
  double la = luminance (a), lb = luminance (b);

  return (MAX (la, lb) + 0.05) / (MIN (la, lb) + 0.05);
}

HatColor
hat_color_text_on (HatColor fill)
{
  HatColor dark = { 0, 0, 0, 1 }, light = { 1, 1, 1, 1 };

  return hat_color_contrast (fill, dark) >= hat_color_contrast (fill, light) ? dark : light;
}

HatColor
hat_color_dim_text_on (HatColor fill)
{
  const HatColor text = hat_color_text_on (fill);
  double share = 0.75;

  while (share < 1 && hat_color_contrast (hat_color_mix (fill, text, share), fill) < 4.5)
    share += 0.05;
  return hat_color_mix (fill, text, share);
}
