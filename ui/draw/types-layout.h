/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types picture: a table of types, and the layout of one of them as a ruler of bytes, eight to a row, next to its best order. */

#include "ui/draw/type-shape.h"
#include "ui/draw/type-table.h"

G_BEGIN_DECLS

typedef struct
{
  double y, height;  /* inside the ruler */
  guint64 byte;      /* its first one */
  guint64 n_folded;  /* bytes, all in one box, that it stands for; 0: these are eight */
} HatRulerRow;

/* What a box covers of one row. */
typedef struct
{
  HatRect rect;
  guint box;
  gboolean has_label;  /* the widest one of the box */
  gboolean is_joined;  /* to the one above */
} HatRulerPart;

typedef struct
{
  HatRect rect;      /* all of it, on the picture: taller than what shows if it is scrolled */
  HatRect bytes;     /* without title and offsets */
  const char *title;
  const HatTypeOrder *order;
  guint n_rows;
  HatRulerRow *rows;
  guint n_parts;
  HatRulerPart *parts;
  guint n_marks;     /* what the niche covers */
  HatRect marks[2];
} HatRuler;

typedef struct
{
  HatRect rect;
  const HatTypeRow *row;
} HatTypesLine;

typedef struct
{
  const HatTypeTable *table; /* NULL: no table */
  const HatTypeShape *shape; /* NULL: no layout */
  const char *title;         /* NULL: none */
  double scroll_px;          /* of the rulers */
  guint selected;            /* row of the table */
} HatTypesInput;

typedef struct
{
  HatTypesInput input; /* what it points to must outlive the layout */
  double width, height;
  HatRect title, table;
  guint n_lines;
  HatTypesLine *lines;
  HatRect head;      /* name, facts, advice */
  guint n_tabs;
  HatRect *tabs;     /* those that have room; the shown one is among them */
  guint first_tab;
  HatRect view;      /* where rulers show */
  guint n_rulers;
  HatRuler rulers[2];
  double content_height; /* of the rulers */
  HatLegend legend;
} HatTypesLayout;

HatSwatch hat_box_swatch (HatBoxKind kind);

HatTypesLayout *hat_types_layout_new (const HatTypesInput *input, double width, double height);
void hat_types_layout_free (HatTypesLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTypesLayout, hat_types_layout_free)

typedef struct
{
  gint ruler, box; /* -1: none */
  gint tab;        /* index of the shape's, or -1 */
} HatTypesHit;
HatTypesHit hat_types_layout_hit (const HatTypesLayout *layout, double x, double y);
/* Where the first part of a box is. */
HatRect hat_types_layout_box (const HatTypesLayout *layout, guint ruler, guint box);

G_END_DECLS
