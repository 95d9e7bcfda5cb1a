/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A walk through the events of a process that knows the live set at every step.
 *
 * Starts anywhere: whole chunks are skipped through the spans of the trace (law 10). Events come in batches, each with the block it
 * ended. Blocks born in the present chunk are found by their position in it, without hashing; those that outlive their chunk are in
 * an array by id; those of the parent of a forked process stay in an array that all walks share, with a bit each for "dead here".
 *
 * Thread rule: one thread per replay. */

#include "core/heap/heap.h"

typedef struct _HatReplay HatReplay;

typedef struct
{
  guint64 first; /* ordinal of the first event */
  guint n;       /* 0 = end */
  const HatEvent *events;
  const HatBlock *olds; /* the block that each event ended; id 0 = none */
} HatReplayBatch;

HatReplay *hat_replay_new (HatHeap *heap);
void hat_replay_free (HatReplay *replay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatReplay, hat_replay_free)

/* Reports while events up to ordinal `end` are walked through. */
void hat_replay_set_progress (HatReplay *replay, const HatProgress *progress, const char *what, guint64 end);

/* Goes forward to just before event `ordinal`, skipping what can be skipped. */
gboolean hat_replay_seek (HatReplay *replay, guint64 ordinal, GError **error);

/* The next events before `end`. The batch is valid until the next call. */
gboolean hat_replay_next (HatReplay *replay, guint64 end, HatReplayBatch *out_batch, GError **error);

/* Goes on in a newer version of the same heap. */
void hat_replay_set_heap (HatReplay *replay, HatHeap *heap);

/* Called for every block of the process' own when it has outlived the chunk it was born in (sign 1), and when such a one ends (-1): what is
 * counted so, together with the young, is what lives. Much less work than to look at all that lives, time and again. Before any seek. */
typedef void (*HatReplayWatch) (const HatBlock *block, gint sign, gpointer data);
void hat_replay_set_watch (HatReplay *replay, HatReplayWatch watch, gpointer data);

guint64 hat_replay_position (HatReplay *replay);

/* What is left of the parent's blocks. */
gboolean hat_replay_inherited (HatReplay *replay, guint64 *out_blocks, guint64 *out_bytes, GError **error);

/* The blocks live at the present position, by id: first what is left of the parent's. Loads what the process inherited;
 * with `own_only`, does without. */
typedef struct
{
  HatReplay *replay;
  int stage;
  guint64 i;
  HatBlock block;
} HatReplayIter;
gboolean hat_replay_iter_init (HatReplayIter *iter, HatReplay *replay, gboolean own_only, GError **error);
/* Only those born in the chunk of the present position. */
void hat_replay_iter_init_young (HatReplayIter *iter, HatReplay *replay);
const HatBlock *hat_replay_iter_next (HatReplayIter *iter);

/* The same as an array that is the caller's (g_free), in no order, with no second copy of it in between: the replay is of no more use. */
HatBlock *hat_replay_take_live (HatReplay *replay, guint64 *out_n, GError **error);

/* Born in this very process. */
#define hat_block_is_own(heap, block_id) ((block_id) >= (heap)->info->first_block)
