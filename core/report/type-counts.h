/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many objects of each type are live at an instant. What a block is, the last snapshot before it says of the blocks that it saw, if
 * they are a million at most; of all others the stack that made them. Objects that lie in others by value count, too: a Node in an Rc,
 * the elements of an array; those in unions and variants do not, since which one it is differs.
 *
 * Time: O(live blocks + types). Immutable; any thread. */

#include "core/heap/heap.h"
#include "core/types/types.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 objects;
  guint64 bytes; /* of these */
} HatTypeCount;

typedef struct _HatTypeCounts HatTypeCounts;

/* The snapshot that was read last, for who counts at one instant after another of one trace. One thread at a time. */
typedef struct _HatSeenTypes HatSeenTypes;
HatSeenTypes *hat_seen_types_new (void);
void hat_seen_types_free (HatSeenTypes *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSeenTypes, hat_seen_types_free)

/* Never NULL. `kept`: hat_types_of_trace() of the heap's trace; used now, not later, as is `seen`. */
HatTypeCounts *hat_type_counts_new (HatHeap *heap, HatTypes *kept, const HatLive *live, HatSeenTypes *seen, const HatProgress *progress);
void hat_type_counts_free (HatTypeCounts *counts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTypeCounts, hat_type_counts_free)

/* Of the type, whichever HatTypes it is from; zeros if there is none. */
HatTypeCount hat_type_counts_find (const HatTypeCounts *counts, HatTypes *types, HatTypeId type);
/* Blocks whose type is known. */
HatTypeCount hat_type_counts_blocks (const HatTypeCounts *counts);

/* What a block is by the stack that made it, as hat_type_label() says it; NULL: not known. *out_elements: how many of them, 1 if it is one. */
const char *hat_block_type_name (HatTrace *trace, const HatBlock *block, guint64 *out_elements);

G_END_DECLS
