/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Live sets at starts of chunks that were passed once, so that the next seek begins near its goal. The trace stores such checkpoints
 * only far apart; in between every chunk's span must be read. Memory is bounded; the further apart they are kept, the bigger they are.
 *
 * Thread rule: any thread (the heap's lock); a checkpoint never changes. */

#include "core/heap/heap.h"

typedef struct _HatCheckpoints HatCheckpoints;

typedef struct
{
  guint chunk;
  HatBlock *blocks; /* own blocks, by id */
  guint64 n_blocks;
  HatBlockId *inherited_dead; /* blocks of the parent that died, in the order of their deaths; NULL if none */
  guint64 n_inherited_dead;
} HatCheckpoint;

HatCheckpoints *hat_checkpoints_new (void);
void hat_checkpoints_free (HatCheckpoints *checkpoints);

/* Whether one here would be kept. */
gboolean hat_checkpoints_want (HatCheckpoints *checkpoints, guint chunk, guint64 n_blocks);

/* Takes ownership. */
void hat_checkpoints_add (HatCheckpoints *checkpoints, HatCheckpoint *checkpoint);

/* The last one after chunk `after`, at or before `chunk`: a reference, or NULL. */
HatCheckpoint *hat_checkpoints_find (HatCheckpoints *checkpoints, guint after, guint chunk);

HatCheckpoint *hat_checkpoint_new (guint chunk, guint64 n_blocks, guint64 n_inherited_dead);
void hat_checkpoint_unref (HatCheckpoint *checkpoint);
