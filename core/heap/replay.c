/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk through events. */

#include "core/heap/replay.h"
#include "core/heap/block-array.h"
#include "core/heap/heap-private.h"

#include <string.h>

#define BATCH 1024u
#define DEAD G_MAXUINT32

struct _HatReplay
{
  HatHeap *heap;
  guint64 position;
  guint chunk; /* the position is in it, or at its start */

  HatBlockArray older; /* own blocks born before the chunk */

  /* The chunk, while the position is inside. */
  HatEvent *buffer;       /* our own, or */
  HatEvent *shared;       /* one kept by the heap */
  const HatEvent *events; /* NULL: not decoded */
  guint32 n_made;         /* blocks made in it so far */
  guint32 *made_by;       /* for each of them the event, or DEAD */

  HatInherited *inherited; /* NULL while nobody asked */
  guint64 *inherited_dead;
  guint64 inherited_dead_bytes;
  GArray *dead_ids; /* of the parent's blocks; all of them, as nobody may ever need `inherited` */
  guint n_killed;   /* the first of them, marked in inherited_dead */

  HatBlock *olds;

  HatReplayWatch watch; /* or NULL */
  gpointer watch_data;

  const HatProgress *progress;
  const char *what;
  guint64 progress_start, progress_end;
};

HatReplay *
hat_replay_new (HatHeap *heap)
{
  HatReplay *replay = g_new0 (HatReplay, 1);
  replay->heap = heap;
  hat_block_array_init (&replay->older, heap->info->first_block);
  replay->made_by = g_new (guint32, HAT_CHUNK_EVENTS);
  replay->olds = g_new (HatBlock, BATCH);
  replay->dead_ids = g_array_new (FALSE, FALSE, sizeof (HatBlockId));
  return replay;
}

static void
leave_chunk (HatReplay *replay)
{
  g_clear_pointer (&replay->shared, g_atomic_rc_box_release);
  replay->events = NULL;
  replay->n_made = 0;
}

void
hat_replay_free (HatReplay *replay)
{
  if (replay == NULL)
    return;
  leave_chunk (replay);
  hat_block_array_clear (&replay->older);
  g_free (replay->buffer);
  g_free (replay->made_by);
  g_clear_pointer (&replay->inherited, hat_inherited_unref);
  g_free (replay->inherited_dead);
  g_free (replay->olds);
  g_array_unref (replay->dead_ids);
  g_free (replay);
}

void
hat_replay_set_progress (HatReplay *replay, const HatProgress *progress, const char *what, guint64 end)
{
  replay->progress = progress;
  replay->what = what;
  replay->progress_start = replay->position;
  replay->progress_end = end;
}

void
hat_replay_set_heap (HatReplay *replay, HatHeap *heap)
{
  replay->heap = heap;
  if (replay->inherited)
    hat_heap_share_inherited (heap, replay->inherited);
}

void
hat_replay_set_watch (HatReplay *replay, HatReplayWatch watch, gpointer data)
{
  replay->watch = watch;
  replay->watch_data = data;
}

guint64
hat_replay_position (HatReplay *replay)
{
  return replay->position;
}

static gboolean
tick (HatReplay *replay, GError **error)
{
  const guint64 done = replay->position - replay->progress_start;
  const guint64 all = replay->progress_end - replay->progress_start;
  return hat_progress_tick (replay->progress, all > 0 ? CLAMP ((double) done / all, 0, 1) : 1, replay->what, error);
}

static gboolean
damaged (HatReplay *replay, HatBlockId id, GError **error)
{
  g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED,
               "%s: process %u, chunk %u: block %" G_GUINT64_FORMAT " ends but does not live: the trace is damaged",
               hat_trace_path (replay->heap->trace), replay->heap->process, replay->chunk, id);
  return FALSE;
}

/* ---- what the parent left ---- */

static gboolean
kill_inherited (HatReplay *replay, HatBlockId id, HatBlock *out_block, GError **error)
{
  const HatInherited *inherited = replay->inherited;
  guint64 low = 0, high = inherited->n;

  while (low < high)
    {
      const guint64 middle = low + (high - low) / 2;
      if (inherited->blocks[middle].id < id)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == inherited->n || inherited->blocks[low].id != id)
    {
      /* The parent's part of a cut-off trace does not tell about it any more: no size to take away. */
      *out_block = (HatBlock) { .id = id };
      return TRUE;
    }
  const guint64 bit = G_GUINT64_CONSTANT (1) << (low % 64);
  if (replay->inherited_dead[low / 64] & bit)
    return damaged (replay, id, error);
  replay->inherited_dead[low / 64] |= bit;
  *out_block = inherited->blocks[low];
  replay->inherited_dead_bytes += out_block->size;
  return TRUE;
}

static gboolean
kill_dead_ids (HatReplay *replay, GError **error)
{
  HatBlock block;

  for (; replay->n_killed < replay->dead_ids->len; replay->n_killed++)
    if (!kill_inherited (replay, g_array_index (replay->dead_ids, HatBlockId, replay->n_killed), &block, error))
      return FALSE;
  return TRUE;
}

static gboolean
load_inherited (HatReplay *replay, GError **error)
{
  if (replay->inherited == NULL)
    {
      replay->inherited = hat_heap_inherited (replay->heap, error);
      if (replay->inherited == NULL)
        return FALSE;
      replay->inherited_dead = g_new0 (guint64, replay->inherited->n / 64 + 1);
    }
  return kill_dead_ids (replay, error);
}

gboolean
hat_replay_inherited (HatReplay *replay, guint64 *out_blocks, guint64 *out_bytes, GError **error)
{
  const HatProcess *info = replay->heap->info;

  if (replay->dead_ids->len > 0 && !load_inherited (replay, error))
    return FALSE;
  *out_blocks = info->inherited_blocks - MIN (info->inherited_blocks, replay->dead_ids->len);
  *out_bytes = info->inherited_bytes - MIN (info->inherited_bytes, replay->inherited_dead_bytes);
  return TRUE;
}

/* ---- whole chunks at once ---- */

static inline void
tell (HatReplay *replay, const HatBlock *block, gint sign)
{
  if (G_UNLIKELY (replay->watch != NULL))
    replay->watch (block, sign, replay->watch_data);
}

static void
tell_all_older (HatReplay *replay, gint sign)
{
  for (guint64 i = 0; replay->watch && i < replay->older.n; i++)
    if (!hat_block_array_is_dead (&replay->older, i))
      tell (replay, &replay->older.blocks[i], sign);
}

/* NULL: it was not there. */
static const HatBlock *
kill_older (HatReplay *replay, HatBlockId id, GError **error)
{
  const HatBlock *block = hat_block_array_kill (&replay->older, id);

  if (block)
    tell (replay, block, -1);
  else
    damaged (replay, id, error);
  return block;
}

static gboolean
add_older (HatReplay *replay, const HatBlock *block, GError **error)
{
  /* The index by id grows with the biggest id: a damaged one must not make it huge. */
  if (block->id - replay->heap->info->first_block >= replay->heap->n_events
      || !hat_block_array_append (&replay->older, block))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED,
                   "%s: process %u, chunk %u: block number %" G_GUINT64_FORMAT " out of order: the trace is damaged",
                   hat_trace_path (replay->heap->trace), replay->heap->process, replay->chunk, block->id);
      return FALSE;
    }
  tell (replay, block, 1);
  return TRUE;
}

static gboolean
apply_span (HatReplay *replay, const HatSpan *span, GError **error)
{
  for (guint i = 0; i < span->n_died; i++)
    if (!hat_block_is_own (replay->heap, span->died[i]))
      g_array_append_val (replay->dead_ids, span->died[i]);
    else if (kill_older (replay, span->died[i], error) == NULL)
      return FALSE;

  hat_block_array_reserve (&replay->older, span->n_born);
  for (guint i = 0; i < span->n_born; i++)
    if (!add_older (replay, &span->born[i], error))
      return FALSE;
  return replay->inherited == NULL || kill_dead_ids (replay, error);
}

static void
enter_next (HatReplay *replay, guint n_chunks)
{
  const HatHeap *heap = replay->heap;

  replay->chunk += n_chunks;
  replay->position = replay->chunk < heap->n_chunks ? heap->chunks[replay->chunk].first_event : heap->n_events;
}

/* At the start of a chunk, both. */
static void
keep_checkpoint (HatReplay *replay)
{
  HatCheckpoints *checkpoints = replay->heap->checkpoints;
  const HatBlockArray *older = &replay->older;
  const guint64 n_blocks = older->n - older->n_dead;

  if (!hat_checkpoints_want (checkpoints, replay->chunk, n_blocks))
    return;
  HatCheckpoint *checkpoint = hat_checkpoint_new (replay->chunk, n_blocks, replay->dead_ids->len);
  guint64 n = 0;
  for (guint64 i = 0; i < older->n; i++)
    if (!hat_block_array_is_dead (older, i))
      checkpoint->blocks[n++] = older->blocks[i];
  if (replay->dead_ids->len > 0)
    memcpy (checkpoint->inherited_dead, replay->dead_ids->data, replay->dead_ids->len * sizeof (HatBlockId));
  hat_checkpoints_add (checkpoints, checkpoint);
}

static gboolean
jump_to_checkpoint (HatReplay *replay, const HatCheckpoint *checkpoint, GError **error)
{
  tell_all_older (replay, -1);
  hat_block_array_clear (&replay->older);
  hat_block_array_init (&replay->older, replay->heap->info->first_block);
  hat_block_array_reserve (&replay->older, checkpoint->n_blocks);
  for (guint64 i = 0; i < checkpoint->n_blocks; i++)
    hat_block_array_append (&replay->older, &checkpoint->blocks[i]);
  tell_all_older (replay, 1);

  g_array_set_size (replay->dead_ids, 0);
  g_array_append_vals (replay->dead_ids, checkpoint->inherited_dead, checkpoint->n_inherited_dead);
  replay->n_killed = 0;
  replay->inherited_dead_bytes = 0;
  if (replay->inherited)
    memset (replay->inherited_dead, 0, (replay->inherited->n / 64 + 1) * sizeof (guint64));
  leave_chunk (replay);
  enter_next (replay, checkpoint->chunk - replay->chunk);
  return replay->inherited == NULL || kill_dead_ids (replay, error);
}

/* Over the longest span that starts with the present chunk and does not go beyond chunk `end`. */
static gboolean
skip_span (HatReplay *replay, guint end, GError **error)
{
  guint n_chunks = HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS;

  for (int level = 2; level >= 0; level--, n_chunks /= HAT_SPAN_CHUNKS)
    {
      HatSpan span = { 0 };
      g_autoptr (GError) failure = NULL;

      if (replay->chunk % n_chunks != 0 || n_chunks > end - replay->chunk)
        continue;
      if (hat_trace_read_span (replay->heap->trace, replay->heap->process, level, replay->chunk / n_chunks, &span,
                               &failure))
        {
          const gboolean ok = apply_span (replay, &span, error);
          hat_span_clear (&span);
          enter_next (replay, n_chunks);
          if (ok)
            keep_checkpoint (replay);
          return ok;
        }
      if (failure)
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
    }
  return damaged (replay, replay->heap->chunks[replay->chunk].first_block, error);
}

/* ---- event by event ---- */

static gboolean
enter_chunk (HatReplay *replay, GError **error)
{
  replay->shared = hat_heap_kept_chunk (replay->heap, replay->chunk);
  replay->events = replay->shared;
  if (replay->events)
    return TRUE;
  if (replay->buffer == NULL)
    replay->buffer = g_new (HatEvent, HAT_CHUNK_EVENTS);
  if (!hat_trace_decode_chunk (replay->heap->trace, replay->heap->process, replay->chunk, replay->buffer, error))
    return FALSE;
  replay->events = replay->buffer;
  return TRUE;
}

static inline HatBlock
block_of_event (const HatEvent *event)
{
  return (HatBlock) {
    .address = event->address,
    .size = event->size,
    .id = event->block,
    .birth_ns = event->time_ns,
    .stack = event->stack,
    .thread = event->thread,
  };
}

/* At the end of the chunk, what lives in it becomes older. */
static gboolean
keep_survivors (HatReplay *replay, GError **error)
{
  hat_block_array_reserve (&replay->older, replay->n_made);
  for (guint k = 0; k < replay->n_made; k++)
    if (replay->made_by[k] != DEAD)
      {
        const HatBlock block = block_of_event (&replay->events[replay->made_by[k]]);
        if (!add_older (replay, &block, error))
          return FALSE;
      }
  leave_chunk (replay);
  enter_next (replay, 1);
  return TRUE;
}

static inline gboolean
end_block (HatReplay *replay, const HatChunk *chunk, HatBlockId id, HatBlock *out_block, GError **error)
{
  if (id >= chunk->first_block)
    {
      const guint64 k = id - chunk->first_block;
      if (k >= replay->n_made || replay->made_by[k] == DEAD)
        return damaged (replay, id, error);
      *out_block = block_of_event (&replay->events[replay->made_by[k]]);
      replay->made_by[k] = DEAD;
      return TRUE;
    }
  if (hat_block_is_own (replay->heap, id))
    {
      const HatBlock *block = kill_older (replay, id, error);
      if (block == NULL)
        return FALSE;
      *out_block = *block;
      return TRUE;
    }
  if (!load_inherited (replay, error) || !kill_inherited (replay, id, out_block, error))
    return FALSE;
  g_array_append_val (replay->dead_ids, id);
  replay->n_killed++;
  return TRUE;
}

static gboolean
resolve (HatReplay *replay, const HatChunk *chunk, guint first, guint n, GError **error)
{
  for (guint j = 0; j < n; j++)
    {
      const HatEvent *event = &replay->events[first + j];

      if (event->old == 0)
        replay->olds[j].id = 0;
      else if (!end_block (replay, chunk, event->old, &replay->olds[j], error))
        return FALSE;
      if (event->block != 0)
        {
          if (event->block != chunk->first_block + replay->n_made)
            return damaged (replay, event->block, error);
          replay->made_by[replay->n_made++] = first + j;
        }
    }
  return TRUE;
}

gboolean
hat_replay_next (HatReplay *replay, guint64 end, HatReplayBatch *out_batch, GError **error)
{
  *out_batch = (HatReplayBatch) { .first = replay->position };

  for (;;)
    {
      if (replay->position >= MIN (end, replay->heap->n_events))
        return TRUE;

      const HatChunk *chunk = &replay->heap->chunks[replay->chunk];
      const guint64 first = replay->position - chunk->first_event;
      if (first == chunk->n_events)
        {
          if (!keep_survivors (replay, error))
            return FALSE;
          continue;
        }
      if (replay->events == NULL && (!tick (replay, error) || !enter_chunk (replay, error)))
        return FALSE;

      const guint n = MIN (MIN (BATCH, chunk->n_events - first), end - replay->position);
      if (!resolve (replay, chunk, first, n, error))
        return FALSE;
      replay->position += n;
      out_batch->n = n;
      out_batch->events = replay->events + first;
      out_batch->olds = replay->olds;
      return TRUE;
    }
}

/* From the last checkpoint before the goal, if there is one ahead. */
static gboolean
start_near (HatReplay *replay, guint64 ordinal, GError **error)
{
  HatHeap *heap = replay->heap;

  if (ordinal <= replay->position)
    return TRUE;
  const guint chunk = ordinal < heap->n_events ? hat_heap_chunk_of (heap, ordinal) : heap->n_chunks;
  HatCheckpoint *checkpoint = hat_checkpoints_find (heap->checkpoints, replay->chunk, chunk);
  if (checkpoint == NULL)
    return TRUE;
  const gboolean ok = jump_to_checkpoint (replay, checkpoint, error);
  hat_checkpoint_unref (checkpoint);
  return ok;
}

gboolean
hat_replay_seek (HatReplay *replay, guint64 ordinal, GError **error)
{
  HatHeap *heap = replay->heap;

  ordinal = MIN (ordinal, heap->n_events);
  if (!start_near (replay, ordinal, error))
    return FALSE;
  while (replay->position < ordinal)
    {
      const guint end_chunk = ordinal < heap->n_events ? hat_heap_chunk_of (heap, ordinal) : heap->n_chunks;

      if (replay->events == NULL && replay->chunk < end_chunk)
        {
          if (!tick (replay, error) || !skip_span (replay, end_chunk, error))
            return FALSE;
          continue;
        }
      HatReplayBatch batch;
      const HatChunk *chunk = &heap->chunks[replay->chunk];
      const guint64 chunk_end = chunk->first_event + chunk->n_events;
      if (replay->position == chunk_end ? !keep_survivors (replay, error)
                                        : !hat_replay_next (replay, MIN (ordinal, chunk_end), &batch, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- the live set ---- */

gboolean
hat_replay_iter_init (HatReplayIter *iter, HatReplay *replay, gboolean own_only, GError **error)
{
  *iter = (HatReplayIter) { .replay = replay, .stage = own_only ? 1 : 0 };
  if (own_only || !replay->heap->info->is_fork)
    {
      iter->stage = 1;
      return TRUE;
    }
  return load_inherited (replay, error);
}

void
hat_replay_iter_init_young (HatReplayIter *iter, HatReplay *replay)
{
  *iter = (HatReplayIter) { .replay = replay, .stage = 2 };
}

const HatBlock *
hat_replay_iter_next (HatReplayIter *iter)
{
  const HatReplay *replay = iter->replay;

  if (iter->stage == 0)
    {
      for (; iter->i < replay->inherited->n; iter->i++)
        if (!((replay->inherited_dead[iter->i / 64] >> (iter->i % 64)) & 1))
          return &replay->inherited->blocks[iter->i++];
      iter->stage = 1;
      iter->i = 0;
    }
  if (iter->stage == 1)
    {
      for (; iter->i < replay->older.n; iter->i++)
        if (!hat_block_array_is_dead (&replay->older, iter->i))
          return &replay->older.blocks[iter->i++];
      iter->stage = 2;
      iter->i = 0;
    }
  for (; iter->i < replay->n_made; iter->i++)
    if (replay->made_by[iter->i] != DEAD)
      {
        iter->block = block_of_event (&replay->events[replay->made_by[iter->i++]]);
        return &iter->block;
      }
  return NULL;
}

HatBlock *
hat_replay_take_live (HatReplay *replay, guint64 *out_n, GError **error)
{
  HatBlockArray *older = &replay->older;
  HatReplayIter iter;
  guint64 n = 0;

  if (!hat_replay_iter_init (&iter, replay, FALSE, error))
    return NULL;
  const guint64 n_inherited = replay->inherited ? replay->inherited->n : 0;
  HatBlock *blocks = g_renew (HatBlock, g_steal_pointer (&older->blocks), older->n + replay->n_made + n_inherited + 1);
  for (guint64 i = 0; i < older->n; i++)
    if (!hat_block_array_is_dead (older, i))
      blocks[n++] = blocks[i];
  older->n = 0;
  for (const HatBlock *block; (block = hat_replay_iter_next (&iter));)
    blocks[n++] = *block;
  *out_n = n;
  return blocks;
}
