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

/* What tells of the 512 bytes around `address`; NULL if no block starts in its MiB. */
static inline __attribute__ ((always_inline)) const HatIndexWord *
hat_block_index_word (const HatBlockIndex *index, guint64 address)
{
  const guint64 offset = address - index->low;
  const guint32 chunk = offset < index->span ? index->chunks[offset >> HAT_INDEX_CHUNK_SHIFT] : 0;

  return chunk == 0 || (chunk & HAT_INDEX_COVERED) ? NULL
                                                    : &index->words[(gsize) (chunk - 1) * HAT_INDEX_WORDS + (offset >> 9 & (HAT_INDEX_WORDS - 1))];
}

/* The last block that starts at or before `address`, of which `word` tells; HAT_NO_BLOCK: none does. */
static inline __attribute__ ((always_inline)) guint32
hat_block_index_before (const HatBlockIndex *index, const HatIndexWord *word, guint64 address)
{
  const guint64 up_to = word->starts & ((2ull << ((address - index->low) >> 3 & 63)) - 1);

  return word->before + (guint32) __builtin_popcountll (up_to) - 1;
}

/* The block in which `address` lies, or HAT_NO_BLOCK. A block of size 0 has its start. */
static inline __attribute__ ((always_inline)) guint32
hat_block_index_find (const HatBlockIndex *index, guint64 address)
{
  const guint64 offset = address - index->low;
  const HatIndexWord *word = hat_block_index_word (index, address);

  if (word == NULL && (offset >= index->span || index->chunks[offset >> HAT_INDEX_CHUNK_SHIFT] == 0))
    return HAT_NO_BLOCK;
  if (G_UNLIKELY (index->is_odd))
    return hat_block_index_search (index, address);
  const guint32 block = word ? hat_block_index_before (index, word, address) : index->chunks[offset >> HAT_INDEX_CHUNK_SHIFT] & ~HAT_INDEX_COVERED;
  return block != HAT_NO_BLOCK && address - index->addresses[block] < MAX (index->sizes[block], 1) ? block : HAT_NO_BLOCK;
}

/* Fetches what a look-up will need: first the word, and once that is there the block. */
static inline __attribute__ ((always_inline)) void
hat_block_index_expect (const HatBlockIndex *index, guint64 address, gboolean word_is_there)
{
  const HatIndexWord *word = hat_block_index_word (index, address);

  if (word == NULL || !word_is_there)
    {
      __builtin_prefetch (word);
      return;
    }
  const guint32 block = hat_block_index_before (index, word, address);
  __builtin_prefetch (&index->addresses[block]);
  __builtin_prefetch (&index->sizes[block]);
}

G_END_DECLS
