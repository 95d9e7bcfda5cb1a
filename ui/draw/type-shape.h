/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a type looks like in memory, as boxes over its bits: its fields, the bytes nothing uses, its variants one at a time, and the same in
 * the best order. Copies what it needs: it may outlive the types it is made from. */

#include "core/types/types.h"
#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_BOX_POINTER,
  HAT_BOX_NUMBER,
  HAT_BOX_CHOICE, /* bool, enum, tag */
  HAT_BOX_STRUCT,
  HAT_BOX_ARRAY,
  HAT_BOX_BASE,   /* base class, pointer to its virtual functions */
  HAT_BOX_HOLE,
  HAT_BOX_TAIL,   /* padding at the end; of a variant what only others use */
} HatBoxKind;
#define HAT_N_BOX_KINDS 8

const char *hat_box_kind_title (HatBoxKind kind); /* "pointer", "hole", as in a legend */

typedef struct
{
  guint64 bit, bits; /* from the start of the type */
  HatBoxKind kind;
  gboolean is_niche; /* values that it never has tell the variants apart */
  char *name;        /* "children", "buf.inner.ptr", "7 bytes"; never NULL */
  char *type;        /* or NULL */
} HatTypeBox;

typedef struct
{
  guint64 size; /* bytes */
  guint n;      /* 0: none */
  HatTypeBox *boxes; /* by place; a later one lies over an earlier one */
} HatTypeOrder;

typedef struct
{
  char *title;   /* "struct house::Node" */
  char *facts;   /* "C++, 72 bytes, aligned to 8; 11 bytes are padding: 7 in 1 hole, 4 at the end" */
  char *advice;  /* "In the best order 64 bytes: saves 8 each."; how variants are told apart; or NULL */
  guint n_tabs;  /* variants, or members of a union */
  char **tabs;
  guint tab;     /* the one that is shown */
  guint64 niche_bit, niche_bits; /* where these values stand; niche_bits 0: there is a tag, or no need of one */
  HatTypeOrder now, best; /* best.n 0: it is */
} HatTypeShape;

/* `tab`: index of a variant or member of a union, G_MAXUINT = the one with most in it. `is_flat`: the fields of fields instead of
 * structs as one box. */
HatTypeShape *hat_type_shape_new (HatTypes *types, HatTypeId type, guint tab, gboolean is_flat);
void hat_type_shape_free (HatTypeShape *shape);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTypeShape, hat_type_shape_free)

/* "children: Vec<Rc<Node>>, 24 bytes at 8": g_free'd. */
char *hat_type_box_text (const HatTypeBox *box);
/* All of the picture in words, for who cannot see it. g_free'd. */
char *hat_type_shape_summary (const HatTypeShape *shape);

G_END_DECLS
