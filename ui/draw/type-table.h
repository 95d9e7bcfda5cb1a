/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of a process and what each costs at an instant.
 *
 * A book is made once: it reads the types, from the trace or from the binaries, and measures them. A table is made for each instant from
 * it. Sizes are bytes; "wasted" is padding times live objects. Books and tables may be used by any thread. */

#include "core/report/type-counts.h"
#include "ui/draw/type-shape.h"

G_BEGIN_DECLS

typedef struct _HatTypeBook HatTypeBook;

/* Those that were met while recording; with `all`, or if none were, those of the process' own binaries. Error: CANCELLED. */
HatTypeBook *hat_type_book_new (HatTrace *trace, guint process, gboolean all, const HatProgress *progress, GError **error);
HatTypeBook *hat_type_book_ref (HatTypeBook *book);
void hat_type_book_unref (HatTypeBook *book);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTypeBook, hat_type_book_unref)
GArray *hat_type_book_find (HatTypeBook *book, const char *name); /* hat_types_find() */
/* The stacks that make such objects, alone or in others: a set of HatStackId. */
GHashTable *hat_type_book_stacks (HatTypeBook *book, HatTypeId type);
/* What a stack makes, in this book; VOID if it is not known or not in it. */
HatTypeId hat_type_book_of_stack (HatTypeBook *book, HatStackId stack);
HatTypeShape *hat_type_book_shape (HatTypeBook *book, HatTypeId type, guint tab, gboolean is_flat);

typedef struct
{
  const char *name; /* hat_types_label() */
  HatTypeId type;
  guint32 n_holes;
  guint64 size, lost, best_size; /* of one object; best_size = size: it is */
  guint64 live, live_bytes, wasted;
} HatTypeRow;

typedef struct
{
  HatHeap *heap;
  HatTypeBook *book;
  guint n;
  HatTypeRow *rows;  /* those with live objects, if there are any, else all; by what is wasted, then by live bytes, then by lost */
  gboolean has_live;
  guint64 wasted;
  char *headline, *sentence; /* also when n is 0: then they say why, and what to install */
} HatTypeTable;

/* `live`: at that instant; used now, not later. `all`: rows of types without live objects, too. */
HatTypeTable *hat_type_table_new (HatTypeBook *book, HatHeap *heap, const HatLive *live, gboolean all, const HatProgress *progress);
void hat_type_table_free (HatTypeTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTypeTable, hat_type_table_free)

/* Without its arguments: "alloc::vec::Vec<…>" of all Vecs. g_free'd; NULL: it has none. */
char *hat_type_generic_name (const char *name);

G_END_DECLS
