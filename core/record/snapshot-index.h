/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which block an address lies in, asked once for every word of a heap.
 *
 * A table by MiB leads to a bitmap of block starts, one bit for 8 bytes, with the number of blocks before each word of it: a look-up is two
 * cache misses and one compare. A MiB in which no block starts names the one block that covers it.
 *
 * Thread rule: immutable once built. */

#include <glib.h>

G_BEGIN_DECLS

#define HAT_NO_BLOCK G_MAXUINT32

typedef struct
{
  guint64 starts; /* bit i: a block starts in the 8 bytes i of these 512 */
  guint32 before; /* blocks that start before these */
} HatIndexWord;

typedef struct
{
  guint32 n;
  const guint64 *addresses, *sizes; /* of the blocks, by address; borrowed */
  guint64 low, span;                /* no block lies outside of this */
  guint32 *chunks;                  /* by MiB: 0 = nothing, HAT_INDEX_COVERED | block, or 1 + the number of its words in `words` */
  gsize chunks_bytes;
  HatIndexWord *words;
  gboolean is_odd; /* not one bit for one block: look-ups search */
} HatBlockIndex;

#define HAT_INDEX_COVERED 0x80000000u
#define HAT_INDEX_CHUNK_SHIFT 20
#define HAT_INDEX_WORDS (1u << (HAT_INDEX_CHUNK_SHIFT - 9))

/* At most HAT_SNAPSHOT_MAX_BLOCKS, ascending. FALSE: no memory for it. */
gboolean hat_block_index_build (HatBlockIndex *index, const guint64 *addresses, const guint64 *sizes, guint32 n);
void hat_block_index_clear (HatBlockIndex *index);

guint32 hat_block_index_search (const HatBlockIndex *index, guint64 address);

/* The block in which `address` lies, or HAT_NO_BLOCK. A block of size 0 has its start. */
static inline __attribute__ ((always_inline)) guint32
hat_block_index_find (const HatBlockIndex *index, guint64 address)
{
  const guint64 offset = address - index->low;
  guint32 block;

  if (offset >= index->span)
    return HAT_NO_BLOCK;
  const guint32 chunk = index->chunks[offset >> HAT_INDEX_CHUNK_SHIFT];
  if (chunk == 0)
    return HAT_NO_BLOCK;
  if (G_UNLIKELY (index->is_odd))
    return hat_block_index_search (index, address);
  if (chunk & HAT_INDEX_COVERED)
    block = chunk & ~HAT_INDEX_COVERED;
  else
    {
      const HatIndexWord *word = &index->words[(gsize) (chunk - 1) * HAT_INDEX_WORDS + (offset >> 9 & (HAT_INDEX_WORDS - 1))];
      const guint64 up_to = word->starts & ((2ull << (offset >> 3 & 63)) - 1);
      block = word->before + __builtin_popcountll (up_to);
      if (block-- == 0)
        return HAT_NO_BLOCK;
    }
  return address - index->addresses[block] < MAX (index->sizes[block], 1) ? block : HAT_NO_BLOCK;
}

G_END_DECLS
