/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which functions a code address lies in, as DIEs: the one that has it, and those that were inlined there. Units are read when an
 * address in them is asked for. */

#include "core/types/types-private.h"

G_BEGIN_DECLS

typedef struct
{
  Dwarf_Die die;    /* DW_TAG_inlined_subroutine, or the function itself */
  Dwarf_Die origin; /* what it is a copy of, with its parameters; or the same */
  const char *name; /* in full, as a person would write it; NULL = none */
} HatCall;

typedef struct
{
  HatTypeSource *source;
  guint64 address; /* to look up: inside the call, if it is a return address */
  guint n_calls;   /* 0 = no function is known there */
  HatCall *calls;  /* innermost first; the last one is the function itself */
  gboolean has_alloc_type;
  Dwarf_Attribute alloc_type; /* what the compiler says of the call that returns there */
} HatCode;

/* `end`: where the call returns to, or 0. NULL if the source knows no function there. Free with hat_code_free. */
HatCode *hat_code_at (HatTypes *types, HatTypeSource *source, guint64 address, guint64 end);
void hat_code_free (HatCode *code);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatCode, hat_code_free)

/* Reads the types of the unit whose code lies at the address. */
void hat_code_read_unit (HatTypes *types, HatTypeSource *source, guint64 address);

/* What the type parameter `name` of the function, or of the type that it is declared in, stands for; VOID = there is none. */
HatTypeId hat_call_parameter (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name);

/* Whether the function or variable DIE covers the address. */
gboolean hat_die_covers (Dwarf_Die *die, guint64 address);

/* The function that begins at the address. */
gboolean hat_code_function (HatTypes *types, HatTypeSource *source, guint64 address, Dwarf_Die *out);
/* The global variable of the unit around `function` that lies at the address. */
gboolean hat_code_global (HatTypes *types, HatTypeSource *source, Dwarf_Die *function, guint64 address, Dwarf_Die *out);
/* How far the frame's canonical address lies above a register (its DWARF number), before the instruction at `address`. */
gboolean hat_code_frame (HatTypes *types, HatTypeSource *source, guint64 address, guint *out_register, gint64 *out_offset);
/* The bytes at an address, and how many there are; NULL if the file does not have them. */
const guint8 *hat_code_bytes (HatTypeSource *source, guint64 address, gsize *out_n);
/* The type that DW_AT_type says, also of a DIE that is a copy of another one. */
HatTypeId hat_code_type (HatTypes *types, HatTypeSource *source, Dwarf_Die *die);

/* What a source knows of its code; made when first needed. */
HatTypeCode *hat_type_code_of (HatTypes *types, HatTypeSource *source);
void hat_type_code_free (HatTypeCode *code);
HatFunctionNames *hat_type_code_names (HatTypes *types, HatTypeSource *source);

G_END_DECLS
