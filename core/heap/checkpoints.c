/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints in memory. */

#include "core/heap/checkpoints.h"

#define MAX_BLOCKS 3000000u     /* of 40 bytes, in all */
#define MAX_BLOCKS_EACH 1000000u

struct _HatCheckpoints
{
  GMutex lock;
  GPtrArray *all; /* HatCheckpoint, by chunk */
  guint64 n_blocks;
  guint stride; /* chunks that are multiples of it are kept */
};

/* An id of a dead block is a fifth of a block. */
static guint64
weight (guint64 n_blocks, guint64 n_inherited_dead)
{
  return n_blocks + n_inherited_dead / 5;
}

HatCheckpoint *
hat_checkpoint_new (guint chunk, guint64 n_blocks, guint64 n_inherited_dead)
{
  HatCheckpoint *checkpoint = g_atomic_rc_box_new0 (HatCheckpoint);

  checkpoint->chunk = chunk;
  checkpoint->n_blocks = n_blocks;
  checkpoint->blocks = g_new (HatBlock, n_blocks);
  checkpoint->n_inherited_dead = n_inherited_dead;
  checkpoint->inherited_dead = g_new (HatBlockId, n_inherited_dead);
  return checkpoint;
}

static void
checkpoint_clear (gpointer data)
{
  HatCheckpoint *checkpoint = data;
  g_free (checkpoint->blocks);
  g_free (checkpoint->inherited_dead);
}

void
hat_checkpoint_unref (HatCheckpoint *checkpoint)
{
  g_atomic_rc_box_release_full (checkpoint, checkpoint_clear);
}

HatCheckpoints *
hat_checkpoints_new (void)
{
  HatCheckpoints *checkpoints = g_new0 (HatCheckpoints, 1);

  g_mutex_init (&checkpoints->lock);
  checkpoints->all = g_ptr_array_new_with_free_func ((GDestroyNotify) hat_checkpoint_unref);
  checkpoints->stride = HAT_SPAN_CHUNKS;
  return checkpoints;
}

void
hat_checkpoints_free (HatCheckpoints *checkpoints)
{
  g_ptr_array_unref (checkpoints->all);
  g_mutex_clear (&checkpoints->lock);
  g_free (checkpoints);
}

/* Number of checkpoints at or before `chunk`. */
static guint
count_until (HatCheckpoints *checkpoints, guint chunk)
{
  guint low = 0, high = checkpoints->all->len;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (((const HatCheckpoint *) checkpoints->all->pdata[middle])->chunk <= chunk)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static gboolean
has (HatCheckpoints *checkpoints, guint chunk)
{
  const guint n = count_until (checkpoints, chunk);
  return n > 0 && ((const HatCheckpoint *) checkpoints->all->pdata[n - 1])->chunk == chunk;
}

gboolean
hat_checkpoints_want (HatCheckpoints *checkpoints, guint chunk, guint64 n_blocks)
{
  g_mutex_lock (&checkpoints->lock);
  const gboolean want = chunk > 0 && n_blocks <= MAX_BLOCKS_EACH && chunk % checkpoints->stride == 0 && !has (checkpoints, chunk);
  g_mutex_unlock (&checkpoints->lock);
  return want;
}

static void
thin_out (HatCheckpoints *checkpoints)
{
  while (checkpoints->n_blocks > MAX_BLOCKS && checkpoints->all->len > 0)
    {
      checkpoints->stride *= 2;
      for (guint i = checkpoints->all->len; i-- > 0;)
        {
          const HatCheckpoint *checkpoint = checkpoints->all->pdata[i];
          if (checkpoint->chunk % checkpoints->stride == 0)
            continue;
          checkpoints->n_blocks -= weight (checkpoint->n_blocks, checkpoint->n_inherited_dead);
          g_ptr_array_remove_index (checkpoints->all, i);
        }
    }
}

void
hat_checkpoints_add (HatCheckpoints *checkpoints, HatCheckpoint *checkpoint)
{
  g_mutex_lock (&checkpoints->lock);
  if (has (checkpoints, checkpoint->chunk))
    hat_checkpoint_unref (checkpoint);
  else
    {
      checkpoints->n_blocks += weight (checkpoint->n_blocks, checkpoint->n_inherited_dead);
      g_ptr_array_insert (checkpoints->all, (gint) count_until (checkpoints, checkpoint->chunk), checkpoint);
      thin_out (checkpoints);
    }
  g_mutex_unlock (&checkpoints->lock);
}

HatCheckpoint *
hat_checkpoints_find (HatCheckpoints *checkpoints, guint after, guint chunk)
{
  HatCheckpoint *found = NULL;

  g_mutex_lock (&checkpoints->lock);
  const guint n = count_until (checkpoints, chunk);
  if (n > 0 && ((const HatCheckpoint *) checkpoints->all->pdata[n - 1])->chunk > after)
    found = g_atomic_rc_box_acquire (checkpoints->all->pdata[n - 1]);
  g_mutex_unlock (&checkpoints->lock);
  return found;
}
