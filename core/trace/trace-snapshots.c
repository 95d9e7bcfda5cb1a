/* SPDX-License-Identifier: Apache-2.0 */

/* Snapshots of an opened trace: which there are, and where their parts lie.
 *
 * Parts come before the chunk that completes their snapshot; what no such chunk follows was cut off. Contents come after it, and before
 * the next one. */

#include "core/trace/trace-private.h"

static HatProcessData *
process_at (HatTrace *trace, guint process)
{
  g_assert (process < trace->processes->len);
  return &g_array_index (trace->processes, HatProcessData, process);
}

/* ---- taking in ---- */

/* All blocks that the process can ever have had: bounds what a snapshot may claim. */
static guint64
count_blocks (HatTrace *trace, guint process)
{
  guint64 n = 0;
  for (;;)
    {
      const HatProcessData *data = process_at (trace, process);
      if (data->chunks.n > 0)
        {
          const HatChunk *last = &hat_list_items (&data->chunks, const HatChunk)[data->chunks.n - 1];
          n += last->first_block + last->n_blocks - data->info.first_block;
        }
      if (!data->info.is_fork)
        return n;
      process = (guint) data->info.parent; /* is smaller */
    }
}

const char *
hat_trace_take_part (HatTrace *trace, const HatIndexEntry *entry)
{
  if (entry->process >= trace->processes->len)
    return "a part of a snapshot of a process that is not there";
  HatProcessData *process = &g_array_index (trace->processes, HatProcessData, entry->process);
  const HatPartPlace part = { entry->part, { entry->offset, entry->bytes } };
  if (part.part.kind != HAT_PART_CONTENTS)
    {
      if (part.part.snapshot != process->snapshots.n)
        return "a part of a snapshot that is not its turn";
      hat_list_append (&process->parts, sizeof (part), &part);
      return NULL;
    }
  if (part.part.snapshot + 1 != process->snapshots.n || part.part.first + part.part.n > process->newest_blocks)
    return "contents of blocks that are not there";
  hat_list_append (&process->contents, sizeof (part), &part);
  return NULL;
}

/* Puts the item appended last at its place. */
static void
move_last (HatList *list, gsize item_bytes, guint at)
{
  if (at + 1 == list->n)
    return;
  hat_list_unshare (list, item_bytes); /* older versions keep their order */
  guint8 *items = hat_list_items (list, guint8);
  g_autofree gpointer last = g_memdup2 (items + (list->n - 1) * item_bytes, item_bytes);
  memmove (items + (at + 1) * item_bytes, items + at * item_bytes, (list->n - 1 - at) * item_bytes);
  memcpy (items + at * item_bytes, last, item_bytes);
}

const char *
hat_trace_take_snapshot (HatTrace *trace, guint32 index, HatReader *reader)
{
  if (index >= trace->processes->len)
    return "a snapshot of a process that is not there";
  HatProcessData *process = &g_array_index (trace->processes, HatProcessData, index);
  HatSnapshotHead head;
  const char *wrong = hat_snapshot_head_read (reader, &head);
  if (wrong)
    return wrong;
  HatSnapshotPlace place = { .number = process->snapshots.n,
                             .first_part = process->n_parts_taken,
                             .n_parts = process->parts.n - process->n_parts_taken };
  const HatPartPlace *parts = hat_list_items (&process->parts, const HatPartPlace) + place.first_part;
  guint64 counts[HAT_N_PARTS] = { 0 };
  for (guint i = 0; i < place.n_parts; i++)
    {
      const HatPart *part = &parts[i].part;
      if (part->first != counts[part->kind])
        return "a snapshot whose parts do not fit together";
      counts[part->kind] += part->n;
    }
  for (guint kind = 0; kind < HAT_N_PARTS; kind++)
    if (counts[kind] != head.counts[kind])
      return "a snapshot that lacks a part";
  if (head.info.n_blocks > count_blocks (trace, index))
    return "a snapshot of more blocks than there were";

  memcpy (place.counts, head.counts, sizeof (place.counts));
  head.info.detail = *head.info.detail ? hat_store_string (trace->store, head.info.detail) : NULL;
  guint at = process->snapshots.n;
  while (at > 0 && hat_list_items (&process->snapshots, const HatSnapshotInfo)[at - 1].time_ns > head.info.time_ns)
    at--;
  hat_list_append (&process->snapshots, sizeof (head.info), &head.info);
  hat_list_append (&process->snapshot_places, sizeof (place), &place);
  move_last (&process->snapshots, sizeof (head.info), at);
  move_last (&process->snapshot_places, sizeof (place), at);
  process->n_parts_taken = process->parts.n;
  process->newest_blocks = head.info.n_blocks;
  return NULL;
}

/* ---- reading ---- */

static gboolean
read_part (HatTrace *trace, guint process, const HatPartPlace *part, HatDecoder *decoder, HatReader *out_reader, GError **error)
{
  HatChunkHeader header;
  if (!hat_store_read_chunk (trace->store, decoder, part->place.offset, part->place.bytes, &header, out_reader, error))
    return FALSE;
  if (header.type == HAT_TYPE_SNAPSHOT_PART && header.process == process)
    return TRUE;
  hat_store_set_damaged (trace->store, part->place.offset, "a part of a snapshot that is not where the index says", error);
  return FALSE;
}

static gboolean
read_parts (HatTrace *trace, guint process, const HatSnapshotPlace *place, HatDecoder *decoder, HatSnapshotReading *reading,
            const HatProgress *progress, GError **error)
{
  const HatPartPlace *parts = hat_list_items (&process_at (trace, process)->parts, const HatPartPlace) + place->first_part;
  for (guint i = 0; i < place->n_parts; i++)
    {
      HatReader reader;
      if (!hat_progress_tick (progress, (double) i / place->n_parts, "reading the snapshot", error)
          || !read_part (trace, process, &parts[i], decoder, &reader, error))
        return FALSE;
      const char *wrong = hat_snapshot_read_part (reading, &parts[i].part, &reader);
      if (wrong)
        {
          hat_store_set_damaged (trace->store, parts[i].place.offset, wrong, error);
          return FALSE;
        }
    }
  return TRUE;
}

HatSnapshot *
hat_trace_read_snapshot (HatTrace *trace, guint process, guint index, const HatProgress *progress, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  g_assert (index < data->snapshots.n);
  const HatSnapshotPlace *place = &hat_list_items (&data->snapshot_places, const HatSnapshotPlace)[index];
  const HatSnapshotLimits limits = { trace->modules.n, data->threads.n, trace->frames.n };
  HatSnapshotHead head = { .info = hat_list_items (&data->snapshots, const HatSnapshotInfo)[index] };
  HatSnapshotReading reading;
  memcpy (head.counts, place->counts, sizeof (head.counts));
  if (!hat_snapshot_reading_init (&reading, &head, limits))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_TOO_LARGE, "%s: a snapshot of %u blocks and %u pointers does not fit in memory",
                   trace->store->path, head.info.n_blocks, head.info.n_edges);
      return NULL;
    }
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  const gboolean done = read_parts (trace, process, place, decoder, &reading, progress, error);
  hat_store_return_decoder (trace->store, decoder);
  HatSnapshot *snapshot = hat_snapshot_reading_finish (&reading);
  g_assert (!done || snapshot); /* the counts were compared when it was taken in */
  return snapshot;
}

guint8 *
hat_trace_read_contents (HatTrace *trace, guint process, guint index, guint32 block, gsize *out_n, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  g_assert (index < data->snapshots.n);
  const guint32 number = hat_list_items (&data->snapshot_places, const HatSnapshotPlace)[index].number;
  const HatPartPlace *parts = hat_list_items (&data->contents, const HatPartPlace);
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  HatBytes bytes = { 0 };
  guint64 size = 0;
  gboolean done = TRUE, met = FALSE;
  for (guint i = 0; done && i < data->contents.n; i++)
    {
      const HatPart *part = &parts[i].part;
      HatReader reader;
      if (part->snapshot != number || block < part->first || block - part->first >= part->n)
        continue;
      met = TRUE;
      done = read_part (trace, process, &parts[i], decoder, &reader, error);
      const char *wrong = done ? hat_contents_read_part (part, &reader, block, &bytes, &size) : NULL;
      if (wrong)
        hat_store_set_damaged (trace->store, parts[i].place.offset, wrong, error);
      done = done && wrong == NULL;
    }
  hat_store_return_decoder (trace->store, decoder);
  if (done && met && bytes.len == size)
    {
      *out_n = size;
      return bytes.data ? bytes.data : g_malloc (1);
    }
  hat_bytes_clear (&bytes);
  if (done && met)
    g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "%s: the end of the bytes of block %u is missing", trace->store->path, block);
  return NULL;
}

gboolean
hat_trace_check_snapshots (HatTrace *trace, guint process, const HatProgress *progress, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  for (guint i = 0; i < data->snapshots.n; i++)
    {
      g_autoptr (HatSnapshot) snapshot = hat_trace_read_snapshot (trace, process, i, progress, error);
      if (snapshot == NULL)
        return FALSE;
    }
  const HatPartPlace *parts = hat_list_items (&data->contents, const HatPartPlace);
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  HatBytes none = { 0 };
  gboolean done = TRUE;
  for (guint i = 0; done && i < data->contents.n; i++)
    {
      HatReader reader;
      guint64 size;
      done = hat_progress_tick (progress, (double) i / data->contents.n, "checking contents", error)
             && read_part (trace, process, &parts[i], decoder, &reader, error);
      const char *wrong = done ? hat_contents_read_part (&parts[i].part, &reader, G_MAXUINT32, &none, &size) : NULL;
      if (wrong)
        hat_store_set_damaged (trace->store, parts[i].place.offset, wrong, error);
      done = done && wrong == NULL;
    }
  hat_store_return_decoder (trace->store, decoder);
  return done;
}
