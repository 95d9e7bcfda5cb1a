/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The set of live blocks of one process by address, as the recorder needs it: one insert or remove per event, exact,
 * small (<= 24 bytes a block), and cheap to share with a forked child (copy on write, page by page).
 *
 * Thread rule: one thread; sets made by hat_live_set_fork() share pages and must stay on that thread too. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatLiveSet HatLiveSet;

/* What is kept for an address. */
typedef struct
{
  HatBlockId id;
  guint64 size;
  HatStackId stack;
} HatLiveBlock;

HatLiveSet *hat_live_set_new (void);
HatLiveSet *hat_live_set_fork (HatLiveSet *parent); /* O(pages touched later), not O(blocks) */
void hat_live_set_free (HatLiveSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatLiveSet, hat_live_set_free)

/* A hint, some events ahead of one about `address` (any number will do): in a big heap a look-up is several cache misses. */
void hat_live_set_prefetch (const HatLiveSet *set, guint64 address);

/* FALSE, and nothing changes, if a block already starts at `address`. id, size < 2^48. */
gboolean hat_live_set_insert (HatLiveSet *set, guint64 address, HatBlockId id, guint64 size, HatStackId stack);
/* FALSE if no block starts there. */
gboolean hat_live_set_remove (HatLiveSet *set, guint64 address, HatLiveBlock *out_block);
/* Likewise; out_block may be NULL. */
gboolean hat_live_set_find (const HatLiveSet *set, guint64 address, HatLiveBlock *out_block);

guint64 hat_live_set_n_blocks (const HatLiveSet *set);
guint64 hat_live_set_n_bytes (const HatLiveSet *set);
guint64 hat_live_set_memory (const HatLiveSet *set); /* bytes of our own memory it holds, shared pages included */

/* Calls for every block in address order. */
typedef void (*HatLiveSetFunc) (guint64 address, const HatLiveBlock *block, gpointer data);
void hat_live_set_foreach (const HatLiveSet *set, HatLiveSetFunc func, gpointer data);

/* Calls for every page of 4 KiB in which blocks start, in address order: from the first one's address to the last one's end. Much faster. */
typedef void (*HatLivePageFunc) (guint64 first, guint64 end, gpointer data);
void hat_live_set_foreach_page (const HatLiveSet *set, HatLivePageFunc func, gpointer data);

G_END_DECLS
