/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the types are kept. units.c finds definitions in the units, type-names.c makes the types that DWARF has no names for
 * (pointers, arrays), layout.c reads members, measure.c does the arithmetic of holes. */

#include "core/symbols/function-names.h"
#include "core/symbols/module-files.h"
#include "core/symbols/symbol-table.h"
#include "core/types/die.h"
#include "core/types/types.h"

G_BEGIN_DECLS

typedef struct
{
  HatType type;
  HatTypeId id;
  HatTypeId next;       /* of the same name */
  HatTypeId owner;      /* of a variant: its enum */
  guint8 is_resolved;   /* target, size */
  guint8 is_reading;    /* its layout, now: it contains itself, which only damage can do */
  const void *die;      /* NULL: there is nothing more to read */
  const HatKeptType *kept; /* it comes from a trace; else NULL */
  HatTypeLayout *layout;
} HatTypeInfo;

/* A DIE that defines or declares a type. */
typedef struct
{
  guint32 offset; /* from the unit's own DIE */
  HatTypeId type;
} HatTypeEntry;

typedef struct
{
  const char *start; /* its own DIE */
  HatTypeEntry *entries; /* by offset */
  guint n_entries;
  HatLanguage language;
} HatTypeUnit;

/* An open hash table from what tells types apart, as a 64-bit hash, to ids: large files repeat their types thousands of
 * times, and a hash is all that this takes. */
typedef struct
{
  guint64 key; /* 0 = free */
  HatTypeId type;
} HatTypeSlot;

typedef struct _HatTypeCode HatTypeCode; /* code.h */

/* A module's debug information. */
typedef struct
{
  HatModuleFiles files;
  Dwarf *dwarf, *shared;
  const char *mapped; /* the file of `dwarf` in memory, or NULL */
  gsize mapped_bytes;
  GHashTable *units; /* Dwarf_CU -> HatTypeUnit */
  HatLanguage language; /* of the unit read last: partial units do not say theirs */
  HatTypeCode *code;    /* NULL: not asked for yet */
  GArray *globals;      /* HatGlobal by address, of the units that were asked for last */
  gboolean has_all_globals;
  guint32 module;
} HatTypeSource;

/* A module of the trace. */
typedef struct
{
  gboolean is_file;
  HatTypeSource *source; /* NULL: it has no debug information; then: */
  HatModuleFiles files;
  HatSymbolTable *functions;
} HatTypeModule;

typedef struct _HatTypeKeeper HatTypeKeeper; /* keep.c */
void hat_type_keeper_free (HatTypeKeeper *keeper);

void hat_type_places_free (GHashTable *places); /* sites.c */

struct _HatTypes
{
  HatSymbolOptions options;
  char *sysroot;
  char **debug_dirs;
  GPtrArray *sources;  /* HatTypeSource */
  GHashTable *modules; /* number of a module in the trace -> HatTypeModule */
  GHashTable *places;  /* sites.c */
  GPtrArray *infos;    /* blocks of HAT_TYPE_BLOCK HatTypeInfo, by id */
  guint n;
  GStringChunk *strings;
  HatTypeSlot *slots;
  guint n_slots, n_used; /* a power of two; at most 2/3 of it */
  GHashTable *by_name; /* name -> the first id of that name; made when first needed, up to n_named */
  guint n_named;
  GHashTable *made;    /* address of a DIE without an entry -> id */
  GArray *list;        /* HatTypeId; NULL: to be made */
  guint n_listed;      /* infos when it was */
  guint depth;         /* of types inside each other, now being read */
  HatTrace *trace;     /* that the types come from, or NULL */
  HatTypeKeeper *keeper; /* NULL: nothing is to be kept */
};

#define HAT_TYPE_BLOCK 1024u

static inline HatTypeInfo *
hat_types_info (HatTypes *types, HatTypeId type)
{
  HatTypeId id = type < types->n ? type : HAT_TYPE_VOID;
  return (HatTypeInfo *) g_ptr_array_index (types->infos, id / HAT_TYPE_BLOCK) + id % HAT_TYPE_BLOCK;
}

static inline gboolean
hat_type_has_parts (const HatType *type)
{
  return type->kind == HAT_TYPE_STRUCT || type->kind == HAT_TYPE_CLASS || type->kind == HAT_TYPE_UNION || type->kind == HAT_TYPE_ENUM;
}

static inline guint64
hat_type_mix (guint64 hash, guint64 value)
{
  hash = (hash ^ value) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  return hash ^ (hash >> 29);
}

/* Of any text; 1 for NULL. */
guint64 hat_type_hash (const char *text);

/* The type of that key, or VOID. */
HatTypeId hat_types_lookup (HatTypes *types, guint64 key);
/* A new one; its name must stay. `die` may be NULL. */
HatTypeId hat_types_add_type (HatTypes *types, const HatType *type, guint64 key, const Dwarf_Die *die);

/* The first of that name, VOID: there is none; the others follow by `next`. */
HatTypeId hat_types_first_of_name (HatTypes *types, const char *name);
/* Whether hat_types_list() has it. */
gboolean hat_type_is_listed (const HatTypeInfo *info);

/* The DIE that the type was made from; FALSE if there is none. */
gboolean hat_types_die (HatTypes *types, const HatTypeInfo *info, Dwarf_Die *out);

/* What arrays of arrays and aliases of it are made of; VOID if that does not end, which only damage can do. */
HatTypeId hat_types_element (HatTypes *types, HatTypeId type);

/* The module numbered `index`, opened now if it was not. */
HatTypeModule *hat_types_module (HatTypes *types, guint32 index, const HatModule *module);
/* The function at the address by the module's symbols, demangled; NULL if there is none. */
const char *hat_types_symbol (HatTypes *types, HatTypeModule *module, guint64 address);

/* A base type, whether or not a unit that was read has it. `encoding`: DW_ATE_... */
HatTypeId hat_types_base (HatTypes *types, const char *name, guint64 size, guint encoding, HatLanguage language);

/* What DW_AT_type of `die` says; VOID if it has none. */
HatTypeId hat_types_of_attribute (HatTypes *types, HatTypeSource *source, Dwarf_Die *die);
/* `other`: if the unit does not say. */
HatLanguage hat_unit_language (Dwarf_Die *unit, HatLanguage other);
HatTypeId hat_types_of_die (HatTypes *types, HatTypeSource *source, Dwarf_Die *die);
HatTypeSource *hat_types_source (HatTypes *types, const HatTypeInfo *info);

/* What was read of a mapped file counts as memory of ours while it stays mapped in; it is read again if it is needed. */
void hat_type_source_release (const HatTypeSource *source, const char *start, gsize bytes);
/* From the unit's own DIE to its end; 0 if that is not known (type units of DWARF 4). */
gsize hat_unit_bytes (Dwarf_Die *root);
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
