/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The variables of a stopped program: those of a frame at its address, in inlined functions too, with where they are just then; and
 * the global ones of a module, and Rust's virtual tables.
 *
 * Locations are DWARF expressions (version 5, 2.5 and 2.6), read with the registers of the frame as they were recovered. What was
 * optimised away or cannot be told is left out.
 *
 * Thread rule: as in types.h. */

#include "core/types/types.h"

G_BEGIN_DECLS

typedef struct
{
  guint32 module;       /* number of hat_types_add_numbered() */
  guint64 bias;         /* of the module: what its headers say + bias = where it is */
  guint64 pc;           /* in the process */
  gboolean is_exact;    /* else it is a return address */
  guint64 cfa;
  guint64 registers[17]; /* by DWARF number */
  guint32 known;        /* bit n: registers[n] is known */
} HatFrameState;

/* The word at an address of the process; FALSE: it is not known. */
typedef gboolean (*HatReadWord) (gpointer data, guint64 address, guint64 *out_word);

typedef enum
{
  HAT_PLACE_MEMORY,   /* at `address` */
  HAT_PLACE_REGISTER, /* the frame's register `address` */
  HAT_PLACE_VALUE,    /* computed: `bytes` has it */
} HatPlaceKind;

typedef struct
{
  HatPlaceKind kind;
  guint64 address;
  guint32 offset, size; /* of the variable: large ones lie in pieces */
  guint64 value;        /* of a VALUE */
} HatPlace;

typedef struct
{
  const char *name;
  const char *function; /* that it belongs to, inlined or not; NULL: it has no name */
  HatTypeId type;
  guint n_places;
  HatPlace places[6];
} HatTypedVariable;

/* Those of a frame, of the function inlined last first, appended as HatTypedVariable. Names live as long as the types. `caller`: the
 * frame that called this one, for what is known only as it was when the function was entered; or NULL. */
void hat_types_variables_at (HatTypes *types, const HatFrameState *frame, const HatFrameState *caller, HatReadWord read, gpointer data, GArray *variables);

typedef struct
{
  guint64 address; /* in the module's headers */
  const char *name;
  HatTypeId type;
} HatGlobal;

/* All global and static variables of the module that have an address, by it: reads all of the module. Rust's virtual tables are among them, with the
 * type they are of, and the name "{vtable}". Valid until one of the next two is called for the module. */
const HatGlobal *hat_types_globals (HatTypes *types, guint32 module, guint *out_n);
/* At least those at or around the addresses (ascending, in the module's headers): reads no more units than have one. */
const HatGlobal *hat_types_globals_at (HatTypes *types, guint32 module, const guint64 *addresses, guint n, guint *out_n);
/* The one at or around the address, or NULL. */
const HatGlobal *hat_types_global_at (HatTypes *types, guint32 module, guint64 address);

G_END_DECLS
