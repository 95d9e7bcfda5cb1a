/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The memory of a process as it stood still: what was copied of it, and what its modules' files say of the rest.
 *
 * Thread rule: one thread at a time. */

#include "core/record/snapshot-modules.h"

G_BEGIN_DECLS

typedef struct
{
  const HatRootPlan *plan;
  HatModuleReader *reader;
  const HatCopy *contents, *roots; /* contents NULL: they were not copied */
} HatMemory;

/* FALSE: not all of it is known. Copies only. */
gboolean hat_memory_read (const HatMemory *memory, guint64 address, gpointer out, gsize n);
/* 0: not known. Copies only. */
guint64 hat_memory_word (const HatMemory *memory, guint64 address);
/* A string of at least one byte that ends soon; NULL: there is none. Borrowed from the copy or the file. */
const char *hat_memory_string (const HatMemory *memory, guint64 address);

G_END_DECLS
