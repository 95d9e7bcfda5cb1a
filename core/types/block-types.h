/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What blocks are: HatBlockType and its evidence (core/trace/type-table.h), and keeping types in the trace.
 *
 * While a program is recorded there is one HatTypes for all of it, used by one thread at a time: by whoever looks at a snapshot
 * while it is made, and by the recorder's own thread when all snapshots are done. Its ids are not those of the trace: a type that
 * something in the trace refers to is given an id there by hat_types_keep().
 *
 * Thread rule: as in types.h. Results of hat_types_take_kept() belong to the caller and may go to another thread. */

#include "core/types/types.h"

G_BEGIN_DECLS

/* Gives the type an id in the trace, the same for each call, and marks it to be written: with all its parts, those of what it
 * contains by value, and by name and size what it points to. VOID stays VOID. */
HatTypeId hat_types_keep (HatTypes *types, HatTypeId type);

typedef struct
{
  guint n;
  HatKeptType *types; /* to be given to hat_trace_writer_add_types() */
  GStringChunk *strings;
  GPtrArray *parts;
} HatKeptTypes;

/* What is new since the last call; NULL if nothing is. Must reach the trace before what refers to it, and in the order of the calls. */
HatKeptTypes *hat_types_take_kept (HatTypes *types);
void hat_kept_types_free (HatKeptTypes *kept);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatKeptTypes, hat_kept_types_free)

G_END_DECLS
