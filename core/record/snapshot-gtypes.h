/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of GLib's objects, from the copied memory of a process: no debug information is needed.
 *
 * An instance's first word points to its class, whose first word is its GType. What GTypes are called stands in tables of GLib's that are nobody's
 * business but its own, and differ by version. So nothing is believed: they are where all 21 fundamental types have the names and numbers that
 * GLib's public headers give them, and where GObject's class says that it is GObject's and how big its instances are. Every type must then know
 * itself, and every class be the one that its type names.
 *
 * Time: O(data of GLib's libraries), then O(1) a type. Ownership: what it returns lives as long as it does. Thread rule: one thread at a time. */

#include "core/record/snapshot-memory.h"

G_BEGIN_DECLS

typedef struct _HatGType HatGType;
struct _HatGType
{
  const char *name;
  const HatGType *parent;
  guint64 class;          /* address of its class; 0: it has none yet */
  guint32 instance_size;
  guint32 private_size;   /* lies before the instance, in its block */
};

typedef struct _HatGTypes HatGTypes;

/* Borrows `memory`, which has contents. NULL: the process has no GLib, or its tables were not found (*out_problem: a text for people). */
HatGTypes *hat_gtypes_new (const HatMemory *memory, const char **out_problem);
void hat_gtypes_free (HatGTypes *gtypes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGTypes, hat_gtypes_free)

/* Whose class lies at the address; NULL: none does. */
const HatGType *hat_gtypes_of_class (HatGTypes *gtypes, guint64 address);

G_END_DECLS
