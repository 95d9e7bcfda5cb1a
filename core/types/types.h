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
#include "core/trace/type-table.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 offset, size;
} HatHole;

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

/* The same for the module numbered `index` in a trace or by its writer, once: opened when first asked for. */
gboolean hat_types_add_numbered (HatTypes *types, guint32 index, const HatModule *module);

/* Whether a module came with the system, and not with a program. */
gboolean hat_types_is_of_system (const char *path);

/* The types of one process' own modules: its executable and the libraries that are not the system's. `unknown` (or NULL)
 * gets a line for each that has none, with what to do about it. */
HatTypes *hat_types_of_process (HatTrace *trace, guint process, const HatSymbolOptions *options, GString *unknown);

/* Those that are kept in the trace, with the trace's ids: no binaries are needed. Never NULL; empty if none were kept. */
HatTypes *hat_types_of_trace (HatTrace *trace);

/* Reads the names and sizes of all types of all modules. FALSE only if cancelled. */
gboolean hat_types_read_all (HatTypes *types, const HatProgress *progress, GError **error);

/* The same of the units in which hat_types_find() may find the name: of a large file a fraction of the time. */
gboolean hat_types_read_named (HatTypes *types, const char *name, const HatProgress *progress, GError **error);

/* Those that a person would call types: structs, classes, unions and enums with a name and a definition, by name; of
 * what was read. */
const HatTypeId *hat_types_list (HatTypes *types, guint *out_n);

/* Whether a person would call the type `full` so: in full, or without scopes, or without scopes and arguments. */
gboolean hat_type_name_is (const char *full, const char *name);

/* Those called `name`: in full, or without scopes ("Node"), or without scopes and arguments ("Vec"); also base types and
 * aliases. Of what was read. Free with g_array_unref. */
GArray *hat_types_find (HatTypes *types, const char *name);

guint hat_types_count (HatTypes *types); /* ids are below */
const HatType *hat_types_get (HatTypes *types, HatTypeId type);
/* Never NULL; empty for what has no parts. The pointer stays valid until hat_types_forget_layouts(). */
const HatTypeLayout *hat_types_layout (HatTypes *types, HatTypeId type);
/* Those of all types of a large program are many times its names: who looks at each once forgets them after so many. */
#define HAT_LAYOUTS_KEPT 4096u
void hat_types_forget_layouts (HatTypes *types);
/* Of any type; 1 if unknown. */
guint32 hat_types_align (HatTypes *types, HatTypeId type);

/* The variant whose tag has no value of its own, which with a niche is the one that has the fields; NULL: all have one. */
const HatVariant *hat_type_layout_full_variant (const HatTypeLayout *layout);

/* What tells types of one name apart: its fields' names, types and places, and its variants. The same in every HatTypes. */
guint64 hat_types_fingerprint (HatTypes *types, HatTypeId type);
/* The type of `others`, of the same name, size and fingerprint; VOID: there is none. */
HatTypeId hat_types_same (HatTypes *types, HatTypes *others, HatTypeId other);

/* Where the type is defined if others have its name; FALSE: none have, or that is not known. */
gboolean hat_types_place (HatTypes *types, HatTypeId type, const char **out_file, guint *out_line);
/* Its name, and that place: "node at list.c:12". hat_types_find() finds it. */
const char *hat_types_label (HatTypes *types, HatTypeId type);

/* Without aliases, const and volatile; a declaration becomes its definition if there is one in what was read. */
HatTypeId hat_types_definition (HatTypes *types, HatTypeId type);

/* The type of exactly that name and size (G_MAXUINT64: any), no alias, if possible with a definition; VOID: there is none. Of what was read. */
HatTypeId hat_types_named (HatTypes *types, const char *name, guint64 size);

/* What libstdc++ makes in bytes of another type ("__gnu_cxx::__aligned_buffer<Node>" is room for a Node); VOID: nothing. Of what
 * was read. */
HatTypeId hat_types_stored (HatTypes *types, HatTypeId type);

/* Whether a pointer field leads to the same type in every unit that was read and has `holder`. Structs with the same members are one type,
 * but what a name stands for behind their pointers each unit says for itself: two may have a struct node of their own. */
gboolean hat_types_is_sure (HatTypes *types, HatTypeId holder, const HatField *field);

/* The field at or around `offset`; NULL if it is a hole or past the end. Of a union or variants the first that fits:
 * descend by the variant's type. */
const HatField *hat_types_field_at (HatTypes *types, HatTypeId type, guint64 offset);

const char *hat_type_kind_name (HatTypeKind kind);     /* "struct" */
const char *hat_language_name (HatLanguage language); /* "C", "C++", "Rust", "other" */

G_END_DECLS
