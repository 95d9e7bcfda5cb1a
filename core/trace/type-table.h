/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of a program as they are kept in a trace: the recorder writes those that it met, with their parts, and for each
 * allocating stack what its blocks are; so that views need no binaries. core/types/types.h asks the same of binaries, and
 * hat_types_of_trace() asks it of this.
 *
 * Sizes, offsets and alignments are bytes unless a name says bits. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef guint32 HatTypeId; /* of the trace, or of one HatTypes */
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
  guint32 module : 24; /* ordinal of hat_types_add(); in a trace 0 */
  guint32 kind : 4;    /* HatTypeKind */
  guint32 language : 4; /* HatLanguage */
  guint8 is_anonymous;   /* struct, union or enum without a name: `name` says so */
  guint8 is_declaration; /* nothing but the name was found, or (in a trace) kept: then with the size. hat_types_definition() looks further */
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
  const char *name;
  gboolean has_value; /* FALSE: any value of the tag that belongs to no other variant */
  gint64 value;       /* of the tag, or of the enumerator */
  gboolean is_unsigned; /* read `value` as guint64 */
  HatTypeId type;     /* holds its fields; VOID = none */
  guint64 offset;     /* of that type */
} HatVariant;

/* A type with its parts; what follows from them (holes, the best order) is not kept. */
typedef struct
{
  HatTypeId id;
  HatType type;
  guint32 align;
  gboolean is_packed;
  guint n_fields;
  const HatField *fields; /* by offset */
  guint n_variants;
  const HatVariant *variants;
  gboolean has_tag;
  HatField tag;
  const char *niche; /* or NULL */
  const char *file;  /* where it is defined, if others have its name; else NULL */
  guint32 line;
} HatKeptType;

/* ---- what the blocks of a stack are ---- */

/* How the type of a block is known, the most certain first. */
typedef enum
{
  HAT_EVIDENCE_NONE,
  HAT_EVIDENCE_VTABLE,   /* the block's own pointer to its virtual functions */
  HAT_EVIDENCE_GTYPE,    /* its GType, or what Python calls its type */
  HAT_EVIDENCE_COMPILER, /* DW_AT_alloc_type */
  HAT_EVIDENCE_STACK,    /* a generic function or an allocator on its stack names it */
  HAT_EVIDENCE_VARIABLE, /* the variable that takes the pointer at the call site */
  HAT_EVIDENCE_POINTER,  /* pointers of known type lead to it */
} HatTypeEvidence;

#define HAT_N_TYPE_EVIDENCES 7

typedef struct
{
  HatTypeId type;    /* of the block, or of one element; VOID = not known */
  gboolean is_array; /* as many elements as fit */
  HatTypeEvidence evidence;
  const char *words; /* "Box<Node>::new in build_tree": how it is known, for people; never NULL */
  guint64 size;      /* of the type */
  guint64 tail;      /* where its flexible array begins; 0 = it has none */
  gboolean is_table; /* an array, and the control bytes of a hash table (hashbrown's) */
  gboolean is_hidden; /* type VOID: made by code without debug information, which may put something before what it returns. Not kept in the trace */
} HatBlockType;

/* How many elements a block of `size` bytes holds; 1: one object; 0: it is not of this type after all. Many stacks make blocks of several
 * sizes, so ask this for each block. */
static inline guint64
hat_block_type_fits (const HatBlockType *type, guint64 size)
{
  if (type->type == HAT_TYPE_VOID || type->size == 0)
    return 0;
  /* A power of two of buckets, then a byte for each and for a group of 16 more, aligned to 16. */
  if (type->is_table)
    {
      guint64 n = 1;
      while (((n * type->size + 15) & ~(guint64) 15) + n + 16 < size)
        n *= 2;
      return ((n * type->size + 15) & ~(guint64) 15) + n + 16 == size ? n : 0;
    }
  if (size == type->size || (type->tail && size >= type->tail))
    return 1;
  return type->is_array && size % type->size == 0 ? size / type->size : 0;
}

typedef struct
{
  HatStackId stack;
  HatBlockType type;
} HatStackType;

/* ---- reading ---- */

/* By id: [0] is void. Types contain each other by value only as far as that ends. */
const HatKeptType *hat_trace_types (HatTrace *trace, guint *out_n);
/* By stack; only those that are known. */
const HatStackType *hat_trace_stack_types (HatTrace *trace, guint *out_n);
/* NULL: not known. */
const HatBlockType *hat_trace_stack_type (HatTrace *trace, HatStackId stack);
/* The same for all that a site allocated; NULL also if some of it cannot be of that type, by the sums of sizes. */
const HatBlockType *hat_site_type (HatTrace *trace, const HatSite *site);


G_END_DECLS
