/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of a program from its DWARF: names, sizes, and how the bytes of each are laid out.
 *
 * One HatTypes holds the types of any number of modules. A type is a dense id, so that blocks, fields and edges can refer
 * to it in four bytes; equal types of several compilation units and modules (same name, size and members) are one. Units
 * are read when something in them is asked for, layouts when they are first looked at; both are kept.
 *
 * Sizes, offsets and alignments are bytes unless a name says bits. DWARF says no alignment unless it was asked for with
 * alignas (Rust: always): elsewhere it is what the fields need, so a packed struct whose fields happen to be aligned
 * counts as unpacked. Nothing in the files is trusted.
 *
 * Ownership: strings and const pointers belong to the HatTypes and live as long. Thread rule: one thread at a time, also
 * for reading. */

#include "core/symbols/symbols.h"

G_BEGIN_DECLS

typedef guint32 HatTypeId;
#define HAT_TYPE_VOID 0u /* no type, or none that is known */

typedef enum
{
  HAT_TYPE_BASE,     /* int, bool, f64, and C++'s nullptr_t */
  HAT_TYPE_POINTER,  /* references and pointers to members, too */
  HAT_TYPE_STRUCT,   /* also a Rust enum with data: it has variants */
  HAT_TYPE_CLASS,
  HAT_TYPE_UNION,
  HAT_TYPE_ENUM,     /* named numbers: its variants have no fields */
  HAT_TYPE_ARRAY,
  HAT_TYPE_ALIAS,    /* typedef, const, volatile */
  HAT_TYPE_FUNCTION,
} HatTypeKind;

typedef enum
{
  HAT_LANGUAGE_OTHER,
  HAT_LANGUAGE_C,
  HAT_LANGUAGE_CXX,
  HAT_LANGUAGE_RUST,
} HatLanguage;

typedef struct
{
  const char *name;    /* with its scopes, "std::vector<int, std::allocator<int> >", "char *"; never NULL */
  guint64 size;
  guint64 count;       /* ARRAY: elements; 0 = flexible */
  HatTypeId target;    /* POINTER: what it points to; ARRAY: an element; ALIAS: what it stands for */
  guint32 module : 24; /* ordinal of hat_types_add() */
  guint32 kind : 4;    /* HatTypeKind */
  guint32 language : 4; /* HatLanguage */
  guint8 is_anonymous;   /* struct, union or enum without a name: `name` says so */
  guint8 is_declaration; /* nothing but the name was found: hat_types_definition() looks further */
  guint8 is_variant;     /* the fields of one variant of a Rust enum */
  guint8 is_signed;      /* BASE */
} HatType;

typedef enum
{
  HAT_FIELD_MEMBER,
  HAT_FIELD_BASE,         /* a base class */
  HAT_FIELD_VIRTUAL_BASE, /* at its place in an object of exactly this type */
  HAT_FIELD_VTABLE,       /* pointer to the virtual functions */
  HAT_FIELD_TAG,          /* tells which variant it is */
} HatFieldKind;

typedef struct
{
  const char *name; /* NULL: anonymous member */
  HatTypeId type;
  HatFieldKind kind;
  guint64 offset, size; /* of a bit-field: the bytes it touches; of an empty or flexible one: size 0 */
  guint32 align;
  guint32 bit_size;     /* 0 = not a bit-field */
  guint64 bit_offset;   /* of a bit-field, from the start of the type */
} HatField;

typedef struct
{
  guint64 offset, size;
} HatHole;

typedef struct
{
  const char *name;
  gboolean has_value; /* FALSE: any value of the tag that belongs to no other variant */
  gint64 value;       /* of the tag, or of the enumerator */
  gboolean is_unsigned; /* read `value` as guint64 */
  HatTypeId type;     /* holds its fields; VOID = none */
  guint64 offset;     /* of that type */
} HatVariant;

typedef struct
{
  guint32 align;
  gboolean is_packed;
  guint n_fields;
  const HatField *fields; /* by offset; of an enum with data only what all variants share, without the tag */
  guint n_variants;
  const HatVariant *variants;
  gboolean has_tag;
  HatField tag;
  const char *niche; /* the tag lies in this field ("0.pointer") of the variant without a value; NULL: a place of its own */
  guint n_holes;
  const HatHole *holes; /* bytes between fields that nothing uses; with variants, that none of them uses */
  guint64 tail_padding; /* bytes after the last field */
  guint64 lost;         /* holes and tail padding */
  guint64 best_size;    /* with the fields in the best order; never more than the size */
  const HatField *best; /* in that order, at their new offsets, n_fields of them; NULL if nothing is to be gained */
} HatTypeLayout;

typedef struct _HatTypes HatTypes;

HatTypes *hat_types_new (const HatSymbolOptions *options); /* options: copied, may be NULL */
void hat_types_free (HatTypes *types);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTypes, hat_types_free)

/* Opens the module's debug information, without reading it. Errors: NO_DEBUG_INFO, with what to do about it. */
gboolean hat_types_add (HatTypes *types, const HatModule *module, GError **error);

/* The types of one process' own modules: its executable and the libraries that are not the system's. `unknown` (or NULL)
 * gets a line for each that has none, with what to do about it. */
HatTypes *hat_types_of_process (HatTrace *trace, guint process, const HatSymbolOptions *options, GString *unknown);

/* Reads the names and sizes of all types of all modules. FALSE only if cancelled. */
gboolean hat_types_read_all (HatTypes *types, const HatProgress *progress, GError **error);

/* Those that a person would call types: structs, classes, unions and enums with a name and a definition, by name; of
 * what was read. */
const HatTypeId *hat_types_list (HatTypes *types, guint *out_n);

/* Those called `name`: in full, or without scopes ("Node"), or without scopes and arguments ("Vec"); also base types and
 * aliases. Of what was read. Free with g_array_unref. */
GArray *hat_types_find (HatTypes *types, const char *name);

guint hat_types_count (HatTypes *types); /* ids are below */
const HatType *hat_types_get (HatTypes *types, HatTypeId type);
/* Never NULL; empty for what has no parts. The pointer stays valid until hat_types_forget_layouts(). */
const HatTypeLayout *hat_types_layout (HatTypes *types, HatTypeId type);
/* Those of all types of a large program are many times its names: who looks at each once forgets them now and then. */
void hat_types_forget_layouts (HatTypes *types);
/* Of any type; 1 if unknown. */
guint32 hat_types_align (HatTypes *types, HatTypeId type);

/* Without aliases, const and volatile; a declaration becomes its definition if there is one in what was read. */
HatTypeId hat_types_definition (HatTypes *types, HatTypeId type);

/* The field at or around `offset`; NULL if it is a hole or past the end. Of a union or variants the first that fits:
 * descend by the variant's type. */
const HatField *hat_types_field_at (HatTypes *types, HatTypeId type, guint64 offset);

const char *hat_type_kind_name (HatTypeKind kind);     /* "struct" */
const char *hat_language_name (HatLanguage language); /* "C", "C++", "Rust", "other" */

G_END_DECLS
