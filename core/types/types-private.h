/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the types are kept. units.c finds definitions in the units, type-names.c makes the types that DWARF has no names for
 * (pointers, arrays), layout.c reads members, measure.c does the arithmetic of holes. */

#include "core/symbols/module-files.h"
#include "core/types/die.h"
#include "core/types/types.h"

G_BEGIN_DECLS

typedef struct
{
  HatType type;
  HatTypeId id;
  guint64 signature; /* of what makes it different from others of that name */
  HatTypeId next;    /* of the same name */
  HatTypeId owner;   /* of a variant: its enum */
  Dwarf_Die die;     /* addr NULL: there is nothing more to read */
  gboolean is_resolved; /* target, size */
  gboolean is_reading;  /* its layout, now: it contains itself, which only damage can do */
  HatTypeLayout *layout;
} HatTypeInfo;

/* A DIE that defines or declares a type. */
typedef struct
{
  const void *address;
  HatTypeId type;
} HatTypeEntry;

typedef struct
{
  GArray *entries; /* HatTypeEntry, by address */
  HatLanguage language;
} HatTypeUnit;

/* A module's debug information. */
typedef struct
{
  HatModuleFiles files;
  Dwarf *dwarf, *shared;
  GHashTable *units; /* Dwarf_CU -> HatTypeUnit */
  HatLanguage language; /* of the unit read last: partial units do not say theirs */
  guint32 module;
} HatTypeSource;

struct _HatTypes
{
  HatSymbolOptions options;
  char *sysroot;
  char **debug_dirs;
  GPtrArray *sources;  /* HatTypeSource */
  GPtrArray *infos;    /* HatTypeInfo, by id */
  GStringChunk *strings;
  GHashTable *by_key;  /* HatTypeInfo, a set: one of each name and signature */
  GHashTable *by_name; /* name -> HatTypeInfo, the first of that name */
  GHashTable *made;    /* address of a DIE without an entry -> id */
  GArray *list;        /* HatTypeId; NULL: to be made */
  guint n_listed;      /* infos when it was */
  guint depth;         /* of types inside each other, now being read */
};

HatTypeInfo *hat_types_info (HatTypes *types, HatTypeId type);
/* The one type of that name and signature, made from `type` if there was none. Its name is copied. */
HatTypeId hat_types_intern (HatTypes *types, const HatType *type, guint64 signature, const Dwarf_Die *die);

/* What DW_AT_type of `die` says; VOID if it has none. */
HatTypeId hat_types_of_attribute (HatTypes *types, HatTypeSource *source, Dwarf_Die *die);
HatTypeId hat_types_of_die (HatTypes *types, HatTypeSource *source, Dwarf_Die *die);
HatTypeSource *hat_types_source (HatTypes *types, const HatTypeInfo *info);

/* The entries of the unit around `die`, read now if they were not. */
const HatTypeUnit *hat_types_unit (HatTypes *types, HatTypeSource *source, const Dwarf_Die *die);
const HatTypeEntry *hat_type_unit_find (const HatTypeUnit *unit, const void *address);

/* The pointer, array, alias or function type that `die` is. */
HatTypeId hat_types_make (HatTypes *types, HatTypeSource *source, Dwarf_Die *die);

/* ---- measure.c ---- */

/* A layout with its fields, tag and variants set: sorts, aligns, finds holes and the best order. `align`: as DWARF says, or
 * 0. */
void hat_layout_measure (HatTypes *types, const HatType *type, HatTypeLayout *layout, guint32 align);
void hat_layout_free (HatTypeLayout *layout);

G_END_DECLS
