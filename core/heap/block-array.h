/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Blocks in order of their ids, with a mark for those that died.
 *
 * Ids are handed out in the order of birth, so that adding is appending, and a dense index of pages of 256 ids finds a
 * block in a few steps without hashing. The dead are dropped when they are the majority. */

#include "core/trace/trace.h"

typedef struct
{
  HatBlock *blocks;
  guint64 n, n_allocated, n_dead;
  guint64 *dead;       /* a bit per block */
  HatBlockId first_id; /* of page 0 */
  guint64 *pages;      /* position of the first block of each page */
  guint64 n_pages, n_pages_allocated;
} HatBlockArray;

/* `first_id`: no block has a smaller id. */
void hat_block_array_init (HatBlockArray *array, HatBlockId first_id);
void hat_block_array_clear (HatBlockArray *array);

/* Room for `n` more, so that pointers stay valid while they are added. Drops the dead if that helps. */
void hat_block_array_reserve (HatBlockArray *array, guint64 n);

/* FALSE if the id is not bigger than every id before. The caller bounds ids (memory grows with id - first_id, by 1/32 byte each). */
gboolean hat_block_array_append (HatBlockArray *array, const HatBlock *block);

/* Position of the block, or -1 (never there, or dead). */
gint64 hat_block_array_find (const HatBlockArray *array, HatBlockId id);

/* Marks the block as dead and returns it (valid until the next reserve or append), or NULL. */
const HatBlock *hat_block_array_kill (HatBlockArray *array, HatBlockId id);

static inline gboolean
hat_block_array_is_dead (const HatBlockArray *array, guint64 position)
{
  return (array->dead[position / 64] >> (position % 64)) & 1;
}
