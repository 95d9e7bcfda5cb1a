/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks by id. */

#include "core/heap/block-array.h"

#include "core/trace/big-array.h"

#include <string.h>

#define PAGE_BITS 8

void
hat_block_array_init (HatBlockArray *array, HatBlockId first_id)
{
  *array = (HatBlockArray) { .first_id = first_id };
}

void
hat_block_array_clear (HatBlockArray *array)
{
  g_free (array->blocks);
  g_free (array->dead);
  g_free (array->pages);
  *array = (HatBlockArray) { 0 };
}

static void
add_page (HatBlockArray *array)
{
  if (array->n_pages == array->n_pages_allocated)
    {
      array->n_pages_allocated = MAX (64, 2 * array->n_pages_allocated);
      array->pages = g_renew (guint64, array->pages, array->n_pages_allocated);
    }
  array->pages[array->n_pages++] = array->n;
}

/* The block at the end of the array gets its pages. */
static inline void
index_id (HatBlockArray *array, HatBlockId id)
{
  const guint64 page = (id - array->first_id) >> PAGE_BITS;
  while (array->n_pages <= page)
    add_page (array);
}

static void
drop_dead (HatBlockArray *array)
{
  const guint64 n = array->n;

  array->n = array->n_pages = 0;
  for (guint64 i = 0; i < n; i++)
    if (!hat_block_array_is_dead (array, i))
      {
        index_id (array, array->blocks[i].id);
        array->blocks[array->n++] = array->blocks[i];
      }
  array->n_dead = 0;
  if (n > 0)
    memset (array->dead, 0, (n + 63) / 64 * sizeof (guint64));
}

void
hat_block_array_reserve (HatBlockArray *array, guint64 n)
{
  if (array->n + n <= array->n_allocated)
    return;
  /* Half of them must go, so that the passes over the array stay in proportion to what is added. */
  if (array->n_dead > array->n / 2 && array->n_dead >= n)
    {
      drop_dead (array);
      return;
    }
  const guint64 before = (array->n_allocated + 63) / 64;
  array->n_allocated = MAX (array->n + n, array->n_allocated + array->n_allocated / 2);
  const guint64 words = (array->n_allocated + 63) / 64;
  array->blocks = g_renew (HatBlock, array->blocks, array->n_allocated);
  hat_big_advise (array->blocks, array->n_allocated * sizeof (HatBlock));
  array->dead = g_renew (guint64, array->dead, words);
  memset (array->dead + before, 0, (words - before) * sizeof (guint64));
}

gboolean
hat_block_array_append (HatBlockArray *array, const HatBlock *block)
{
  if (block->id < array->first_id || (array->n > 0 && block->id <= array->blocks[array->n - 1].id))
    return FALSE;
  if (array->n == array->n_allocated)
    hat_block_array_reserve (array, 1024);
  index_id (array, block->id);
  array->blocks[array->n++] = *block;
  return TRUE;
}

gint64
hat_block_array_find (const HatBlockArray *array, HatBlockId id)
{
  if (id < array->first_id)
    return -1;
  const guint64 page = (id - array->first_id) >> PAGE_BITS;
  if (page >= array->n_pages)
    return -1;
  guint64 low = array->pages[page];
  guint64 high = page + 1 < array->n_pages ? array->pages[page + 1] : array->n;
  while (low < high)
    {
      const guint64 middle = low + (high - low) / 2;
      if (array->blocks[middle].id < id)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == array->n || array->blocks[low].id != id || hat_block_array_is_dead (array, low))
    return -1;
  return (gint64) low;
}

const HatBlock *
hat_block_array_kill (HatBlockArray *array, HatBlockId id)
{
  const gint64 position = hat_block_array_find (array, id);
  if (position < 0)
    return NULL;
  array->dead[position / 64] |= G_GUINT64_CONSTANT (1) << (position % 64);
  array->n_dead++;
  return &array->blocks[position];
}
