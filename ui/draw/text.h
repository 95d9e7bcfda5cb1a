/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text and simple shapes for the painters, through pango: Cantarell, else Sans, tabular figures; always inside its
 * rectangle (elided at the end). */

#include <cairo.h>

#include "ui/draw/palette.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_FONT_SMALL,  /* axes, legends, labels */
  HAT_FONT_NORMAL, /* sentences */
  HAT_FONT_BOLD,
  HAT_FONT_TITLE,
  HAT_FONT_NUMBER, /* the big number of a card */
} HatFont;

typedef enum
{
  HAT_ALIGN_LEFT,
  HAT_ALIGN_CENTER,
  HAT_ALIGN_RIGHT,
} HatAlign;

typedef struct _HatText HatText; /* of one painting and its thread; what it shapes is kept for the thread's next ones */

HatText *hat_text_new (cairo_t *cr);
void hat_text_free (HatText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatText, hat_text_free)

/* One line, centred vertically in `rect`, elided. Returns its width as painted. */
double hat_text_line (HatText *text, HatFont font, HatColor color, HatRect rect, HatAlign align, const char *string);
/* Several lines from the top of `rect`, wrapped at words, elided at its bottom. Returns the height used. */
double hat_text_wrap (HatText *text, HatFont font, HatColor color, HatRect rect, HatAlign align, const char *string);
double hat_text_measure (HatText *text, HatFont font, const char *string);
/* A picture's title, smaller where it would not fit. */
void hat_text_title (HatText *text, HatColor color, HatRect rect, const char *string);

void hat_path_corners (cairo_t *cr, HatRect rect, double left, double right); /* closed; round corners of so many px at the left and right */
void hat_path_round (cairo_t *cr, HatRect rect, double radius);
void hat_paint_fill (cairo_t *cr, HatColor color, HatRect rect);
void hat_paint_round (cairo_t *cr, HatColor color, HatRect rect, double radius);
void hat_paint_hatching (cairo_t *cr, HatColor color, HatRect rect, double radius); /* lines only */
void hat_paint_line (cairo_t *cr, HatColor color, double width, double x1, double y1, double x2, double y2);
void hat_paint_legend (cairo_t *cr, HatText *text, const HatPalette *palette, const HatLegend *legend, gint hovered);
/* What an empty picture says: a title and a sentence in the middle. */
void hat_paint_empty (HatText *text, const HatPalette *palette, HatRect rect, const char *title,
                      const char *sentence);

G_END_DECLS
