/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-index.h"

#include "core/trace/big-array.h"

#include <sys/mman.h>

static guint64
end_of (const guint64 *addresses, const guint64 *sizes, guint32 block)
{
  return addresses[block] + MAX (sizes[block], 1);
}

/* Gives a number to each MiB in which a block starts. */
static guint32
number_chunks (HatBlockIndex *index)
{
  guint64 last = G_MAXUINT64;
  guint32 n = 0;

  for (guint32 i = 0; i < index->n; i++)
    {
      const guint64 chunk = (index->addresses[i] - index->low) >> HAT_INDEX_CHUNK_SHIFT;
      const guint64 end = (end_of (index->addresses, index->sizes, i) - 1 - index->low) >> HAT_INDEX_CHUNK_SHIFT;
      if (chunk != last)
        index->chunks[chunk] = ++n;
      last = chunk;
      for (guint64 covered = chunk + 1; covered <= end; covered++)
        index->chunks[covered] = HAT_INDEX_COVERED | i; /* until a block is found to start there */
    }
  return n;
}

gboolean
hat_block_index_build (HatBlockIndex *index, const guint64 *addresses, const guint64 *sizes, guint32 n)
{
  const guint64 mask = (1ull << HAT_INDEX_CHUNK_SHIFT) - 1;
  guint64 high = 0;

  *index = (HatBlockIndex) { .n = n, .addresses = addresses, .sizes = sizes };
  if (n == 0)
    return TRUE;
  index->low = addresses[0] & ~mask;
  for (guint32 i = 0; i < n; i++)
    {
      high = MAX (high, end_of (addresses, sizes, i));
      index->is_odd |= addresses[i] % 8 != 0 || (i > 0 && addresses[i] - addresses[i - 1] < 8);
    }
  index->span = ((high + mask) & ~mask) - index->low;
  index->chunks_bytes = (index->span >> HAT_INDEX_CHUNK_SHIFT) * sizeof *index->chunks;
  /* Sparse: blocks lie at both ends of the address space. */
  index->chunks = mmap (NULL, index->chunks_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (index->chunks == MAP_FAILED)
    {
      index->chunks = NULL;
      return FALSE;
    }
  index->words = hat_big_try_new0 (HatIndexWord, (gsize) number_chunks (index) * HAT_INDEX_WORDS);
  if (index->words == NULL)
    {
      hat_block_index_clear (index);
      return FALSE;
    }
  for (guint32 i = 0, chunk = 0, word = 0; i < n; i++)
    {
      const guint64 offset = addresses[i] - index->low;
      const guint32 number = index->chunks[offset >> HAT_INDEX_CHUNK_SHIFT];
      if (number != chunk)
        {
          for (; chunk > 0 && word < HAT_INDEX_WORDS; word++)
            index->words[(gsize) (chunk - 1) * HAT_INDEX_WORDS + word].before = i;
          chunk = number;
          word = 0;
        }
      HatIndexWord *words = index->words + (gsize) (chunk - 1) * HAT_INDEX_WORDS;
      for (; word <= (offset >> 9 & (HAT_INDEX_WORDS - 1)); word++)
        words[word].before = i;
      words[word - 1].starts |= 1ull << (offset >> 3 & 63);
      if (i + 1 == n)
        for (; word < HAT_INDEX_WORDS; word++)
          words[word].before = n;
    }
  return TRUE;
}

void
hat_block_index_clear (HatBlockIndex *index)
{
  if (index->chunks)
    munmap (index->chunks, index->chunks_bytes);
  g_free (index->words);
  *index = (HatBlockIndex) {};
}

guint32
hat_block_index_search (const HatBlockIndex *index, guint64 address)
{
  guint32 low = 0, high = index->n;

  while (low < high)
    {
      const guint32 middle = low + (high - low) / 2;
      if (index->addresses[middle] <= address)
        low = middle + 1;
      else
        high = middle;
    }
  return low > 0 && address - index->addresses[low - 1] < MAX (index->sizes[low - 1], 1) ? low - 1 : HAT_NO_BLOCK;
}
