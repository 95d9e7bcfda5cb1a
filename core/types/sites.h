/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the pieces of block-types.h's hat_types_of_stack() share: sites.c walks the stack, site-names.c reads names and parameters of
 * functions, site-values.c follows the pointer. */

#include "core/types/block-types.h"
#include "core/types/code.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_SITE_INNER,   /* part of an allocator: look further out */
  HAT_SITE_NAMES,   /* it names the type */
  HAT_SITE_DECIDES, /* it would, but the type is not known: nobody further out knows better */
  HAT_SITE_USER,    /* any other function */
} HatSiteVerdict;

typedef struct
{
  HatSiteVerdict verdict;
  HatTypeId type;
  gboolean is_array, is_table;
  gboolean is_part; /* the container's own helper: what calls it is of the same type */
} HatSiteName;

/* What a function says. `call` NULL: only its name is known. */
HatSiteName hat_site_name (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name);

/* Follows the block that the call before `place` returned. VERDICT_INNER: the function returns it as void *, so its caller is to be asked;
 * USER: nothing is known. NAMES: `out` has the type and how it is known. */
HatSiteVerdict hat_site_follow (HatTypes *types, const HatCode *code, guint64 returns, HatBlockType *out);

/* "alloc::boxed::Box<T>::new<Node>" as "Box::new". */
void hat_site_append_name (GString *out, const char *name);

/* Whether it is a function of a standard library, which says nothing about who wanted the block. */
gboolean hat_site_is_library (const char *name);

/* The same for Rust's types as C++'s: the type of a block, or of an element, without aliases; arrays become their elements. */
HatBlockType hat_site_block (HatTypes *types, HatTypeId type, gboolean is_array);

G_END_DECLS
