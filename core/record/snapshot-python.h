/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of Python's objects, from the copied memory of a process: no debug information is needed.
 *
 * An object is a count and a pointer to its type, which is an object, too, and knows its name. That part of CPython's structures is public, and has been the
 * same since Python 2.6; it is used only if the type of all types, which has a symbol, proves to be of its own type and to be called "type".
 *
 * Time: O(1) a type. Ownership: what it returns lives as long as it does. Thread rule: one thread at a time. */

#include "core/record/snapshot-memory.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name;      /* "dict", "collections.deque" */
  const char *symbol;    /* "PyDict_Type"; NULL: it has none */
  guint64 basic_size;    /* of an object without items */
  gboolean is_collected; /* the collector's header lies before each object */
} HatPythonType;

typedef struct _HatPythonTypes HatPythonTypes;

/* Borrows `memory`, which has contents. NULL: the process has no Python, or one that keeps its types in another way (*out_problem: a text for people). */
HatPythonTypes *hat_python_types_new (const HatMemory *memory, const char **out_problem);
void hat_python_types_free (HatPythonTypes *types);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatPythonTypes, hat_python_types_free)

/* The type of the object that lies in a block, *out_offset behind its start; NULL: there is none, or it is not alive. */
const HatPythonType *hat_python_type_of (HatPythonTypes *types, guint32 block, guint32 *out_offset);

G_END_DECLS
