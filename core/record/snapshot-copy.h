/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A copy of parts of a process' memory, in private memory of ours or in a file without a name: what is to be copied is planned first, and read in one go while the
 * process stands still. What cannot be read is zero.
 *
 * Thread rule: after hat_copy_read() it does not change, and any thread may read it. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint64 start, end;
  guint8 *bytes; /* in the copy */
} HatCopyRange;

typedef struct
{
  guint32 pid;
  GArray *ranges;    /* HatCopyRange; after hat_copy_read() by address, disjoint */
  guint8 *memory;
  gsize size;        /* of what is copied */
  gsize mapped;      /* of `memory` */
  gboolean is_in_file;
  guint64 n_read;    /* bytes */
} HatCopy;

/* Makes ready for about `expected` bytes: to get memory takes longer than to copy. 0: unknown. */
HatCopy *hat_copy_new (guint32 pid, gsize expected);
/* For what does not fit into memory. NULL: it does not fit there either. */
HatCopy *hat_copy_new_in_file (guint32 pid, gsize expected);
void hat_copy_free (HatCopy *copy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatCopy, hat_copy_free)

/* Plans to copy [start, end). Neighbours are joined. */
void hat_copy_add (HatCopy *copy, guint64 start, guint64 end);
/* The same, without pages that the process has not written to (as /proc/PID/pagemap says), which hold nothing of its own. */
void hat_copy_add_written (HatCopy *copy, int pagemap, guint64 start, guint64 end);

/* Puts the plan in order; returns the bytes it needs. */
guint64 hat_copy_plan (HatCopy *copy);
/* Copies. FALSE: no memory for it. */
gboolean hat_copy_read (HatCopy *copy);

/* The copied bytes from `address` on, *out_n of them; NULL: not copied. */
const guint8 *hat_copy_at (const HatCopy *copy, guint64 address, guint64 *out_n);
gboolean hat_copy_word (const HatCopy *copy, guint64 address, guint64 *out_value);

/* Reads memory of a process right now. FALSE: not all of it. */
gboolean hat_copy_peek (guint32 pid, guint64 address, gpointer buffer, gsize size);

G_END_DECLS
