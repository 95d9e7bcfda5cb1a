/* SPDX-License-Identifier: Apache-2.0 */

/* Opening a trace, by its index or by walking over its chunks, and the accessors of what it defines.
 *
 * The walk is the truth: the index only saves reading the chunks of events. Whenever the index leads to something damaged the
 * trace is opened again by walking, which ends at the first damaged chunk. */

#include "core/trace/trace-private.h"

/* ---- versions ---- */

static void
process_data_clear (gpointer data)
{
  HatProcessData *process = data;
  hat_list_clear (&process->threads);
  hat_list_clear (&process->marks);
  hat_list_clear (&process->samples);
  hat_list_clear (&process->chunks);
  hat_list_clear (&process->places);
  hat_list_clear (&process->spans);
  hat_list_clear (&process->parts);
  hat_list_clear (&process->contents);
  hat_list_clear (&process->snapshots);
  hat_list_clear (&process->snapshot_places);
}

/* Takes over the reference to the store. */
static HatTrace *
trace_new (HatStore *store)
{
  HatTrace *trace = g_new0 (HatTrace, 1);
  g_atomic_ref_count_init (&trace->refs);
  trace->store = store;
  trace->end = sizeof (HatFileHeader);
  trace->processes = g_array_new (FALSE, TRUE, sizeof (HatProcessData));
  g_array_set_clear_func (trace->processes, process_data_clear);
  const HatStackNode roots[2] = { { HAT_STACK_NONE, 0 }, { HAT_STACK_TRUNCATED, 0 } };
  hat_list_append (&trace->stacks, sizeof (HatStackNode), &roots[0]);
  hat_list_append (&trace->stacks, sizeof (HatStackNode), &roots[1]);
  const HatKeptType none = { .type = { .name = "void", .kind = HAT_TYPE_BASE }, .align = 1 };
  hat_list_append (&trace->types, sizeof none, &none);
  return trace;
}

static HatTrace *
trace_copy (HatTrace *old)
{
  HatTrace *trace = g_new0 (HatTrace, 1);
  g_atomic_ref_count_init (&trace->refs);
  trace->store = hat_store_ref (old->store);
  trace->end = old->end;
  trace->ended = old->ended;
  trace->duration_ns = old->duration_ns;
  trace->symbols = old->symbols ? hat_symbols_ref (old->symbols) : NULL;
  hat_list_share (&trace->modules, &old->modules);
  hat_list_share (&trace->frames, &old->frames);
  hat_list_share (&trace->stacks, &old->stacks);
  hat_list_share (&trace->notes, &old->notes);
  hat_list_share (&trace->types, &old->types);
  trace->stack_types = old->stack_types;
  trace->n_stack_types = old->n_stack_types;
  trace->stack_type_of = old->stack_type_of;
  trace->processes = g_array_new (FALSE, TRUE, sizeof (HatProcessData));
  g_array_set_clear_func (trace->processes, process_data_clear);
  for (guint i = 0; i < old->processes->len; i++)
    {
      const HatProcessData *from = &g_array_index (old->processes, HatProcessData, i);
      HatProcessData process = *from;
      hat_list_share (&process.threads, &from->threads);
      hat_list_share (&process.marks, &from->marks);
      hat_list_share (&process.samples, &from->samples);
      hat_list_share (&process.chunks, &from->chunks);
      hat_list_share (&process.places, &from->places);
      hat_list_share (&process.spans, &from->spans);
      hat_list_share (&process.parts, &from->parts);
      hat_list_share (&process.contents, &from->contents);
      hat_list_share (&process.snapshots, &from->snapshots);
      hat_list_share (&process.snapshot_places, &from->snapshot_places);
      g_array_append_val (trace->processes, process);
    }
  return trace;
}

HatTrace *
hat_trace_ref (HatTrace *trace)
{
  g_atomic_ref_count_inc (&trace->refs);
  return trace;
}

void
hat_trace_unref (HatTrace *trace)
{
  if (trace == NULL || !g_atomic_ref_count_dec (&trace->refs))
    return;
  hat_list_clear (&trace->modules);
  hat_list_clear (&trace->frames);
  hat_list_clear (&trace->stacks);
  hat_list_clear (&trace->notes);
  hat_list_clear (&trace->types);
  g_array_unref (trace->processes);
  hat_symbols_free (trace->symbols);
  g_free (trace->damage);
  hat_store_unref (trace->store);
  g_free (trace);
}

/* ---- taking chunks in ---- */

static const char *
take_events (HatTrace *trace, const HatIndexEntry *entry)
{
  if (entry->process >= trace->processes->len)
    return "events of a process that is not there";
  HatProcessData *process = &g_array_index (trace->processes, HatProcessData, entry->process);
  const HatChunk *chunk = &entry->events;
  guint64 first_event = 0;
  HatBlockId first_block = process->info.first_block;
  gint64 after_ns = -1;
  if (process->chunks.n > 0)
    {
      const HatChunk *last = &hat_list_items (&process->chunks, HatChunk)[process->chunks.n - 1];
      first_event = last->first_event + last->n_events;
      first_block = last->first_block + last->n_blocks;
      after_ns = last->end_ns;
    }
  if (chunk->first_event != first_event || chunk->first_block != first_block || chunk->start_ns <= after_ns)
    return "events out of order";
  hat_list_append (&process->chunks, sizeof (*chunk), chunk);
  hat_list_append (&process->places, sizeof (HatPlace), &(HatPlace){ entry->offset, entry->bytes });
  process->info.n_events = first_event + chunk->n_events;
  return NULL;
}

static const char *
take_span (HatTrace *trace, const HatIndexEntry *entry)
{
  if (entry->process >= trace->processes->len)
    return "a checkpoint of a process that is not there";
  HatProcessData *process = &g_array_index (trace->processes, HatProcessData, entry->process);
  if (entry->level != 2 || (entry->number + 1) * (guint64) HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS > process->chunks.n)
    return "a checkpoint of events that are not there";
  const HatSpanPlace place = { entry->level, entry->number, { entry->offset, entry->bytes } };
  hat_list_append (&process->spans, sizeof (place), &place);
  return NULL;
}

/* What the recording never said is taken from what is there. */
static void
find_duration (HatTrace *trace)
{
  gint64 last = trace->duration_ns;
  for (guint i = 0; i < trace->processes->len; i++)
    {
      const HatProcessData *process = &g_array_index (trace->processes, HatProcessData, i);
      last = MAX (last, MAX (process->info.start_ns, process->info.end_ns));
      if (process->chunks.n > 0)
        last = MAX (last, hat_list_items (&process->chunks, HatChunk)[process->chunks.n - 1].end_ns);
      if (process->samples.n > 0)
        last = MAX (last, hat_list_items (&process->samples, HatSample)[process->samples.n - 1].time_ns);
      if (process->marks.n > 0)
        last = MAX (last, hat_list_items (&process->marks, HatMark)[process->marks.n - 1].time_ns);
      if (process->snapshots.n > 0)
        last = MAX (last, hat_list_items (&process->snapshots, HatSnapshotInfo)[process->snapshots.n - 1].time_ns);
    }
  trace->duration_ns = last;
}

/* A chunk that the walk has read. */
static const char *
take_chunk (HatTrace *trace, guint64 offset, const HatChunkHeader *header, HatReader *reader)
{
  HatIndexEntry entry = { .type = header->type,
                          .process = header->process,
                          .offset = offset,
                          .bytes = sizeof (*header) + header->stored_bytes };
  switch (entry.type)
    {
    case HAT_TYPE_EVENTS:
      hat_chunk_read_head (reader, &entry.events);
      return reader->bad ? "events without a head" : take_events (trace, &entry);
    case HAT_TYPE_SPAN:
      entry.level = hat_reader_upto (reader, 2);
      entry.number = hat_reader_upto (reader, G_MAXINT32);
      return reader->bad ? "a checkpoint without a head" : take_span (trace, &entry);
    case HAT_TYPE_SNAPSHOT_PART:
      hat_part_read_head (reader, &entry.part);
      return reader->bad ? "a part of a snapshot without a head" : hat_trace_take_part (trace, &entry);
    case HAT_TYPE_SNAPSHOT:
      return hat_trace_take_snapshot (trace, entry.process, reader);
    case HAT_TYPE_INDEX:
      trace->duration_ns = MAX (trace->duration_ns, (gint64) hat_reader_upto (reader, G_MAXINT64 / 2));
      return NULL;
    case HAT_TYPE_TRAILER:
      trace->ended = TRUE;
      return NULL;
    default:
      return hat_trace_define (trace, entry.type, entry.process, reader);
    }
}

/* From trace->end to the first damage or the end. FALSE on errors that are not damage. */
static gboolean
walk (HatTrace *trace, const HatProgress *progress, GError **error)
{
  HatStore *store = trace->store;
  HatDecoder *decoder = hat_store_take_decoder (store);
  g_autoptr (GError) wrong = NULL;
  while (trace->end < trace->bytes && wrong == NULL)
    {
      HatChunkHeader header;
      HatReader reader;
      if (!hat_progress_tick (progress, (double) trace->end / trace->bytes, "reading the trace", &wrong)
          || !hat_store_read_chunk (store, decoder, trace->end, trace->bytes - trace->end, &header, &reader, &wrong))
        break;
      const char *phrase = take_chunk (trace, trace->end, &header, &reader);
      if (phrase)
        hat_store_set_damaged (store, trace->end, phrase, &wrong);
      else
        trace->end += sizeof (header) + header.stored_bytes;
    }
  hat_store_return_decoder (store, decoder);
  if (wrong && !g_error_matches (wrong, HAT_ERROR, HAT_ERROR_DAMAGED))
    {
      g_propagate_error (error, g_steal_pointer (&wrong));
      return FALSE;
    }
  g_clear_pointer (&trace->damage, g_free);
  if (wrong)
    trace->damage = g_strdup_printf ("%s; what follows is left out", wrong->message + strlen (store->path) + 2);
  else if (!trace->ended)
    trace->damage = g_strdup ("the recording has no end: it was cut off, or is still going on");
  find_duration (trace);
  return TRUE;
}

/* Where the index is, by the trailer. */
static gboolean
find_index (HatTrace *trace, HatDecoder *decoder, guint64 *out_offset, GError **error)
{
  HatChunkHeader header;
  HatReader reader;
  if (trace->bytes < sizeof (HatFileHeader) + HAT_TRAILER_BYTES)
    return FALSE;
  const guint64 at = trace->bytes - HAT_TRAILER_BYTES;
  if (!hat_store_read_chunk (trace->store, decoder, at, HAT_TRAILER_BYTES, &header, &reader, error)
      || header.type != HAT_TYPE_TRAILER || hat_reader_left (&reader) != 16)
    return FALSE;
  memcpy (out_offset, reader.at, sizeof (*out_offset));
  return *out_offset >= sizeof (HatFileHeader) && *out_offset < at;
}

static gboolean
take_entry (HatTrace *trace, HatDecoder *decoder, const HatIndexEntry *entry, guint64 end, GError **error)
{
  HatChunkHeader header;
  HatReader reader;
  const char *wrong = NULL;
  if (entry->offset + entry->bytes > end)
    wrong = "a chunk that is not where the index says";
  else if (entry->type == HAT_TYPE_EVENTS)
    wrong = take_events (trace, entry);
  else if (entry->type == HAT_TYPE_SPAN)
    wrong = take_span (trace, entry);
  else if (entry->type == HAT_TYPE_SNAPSHOT_PART)
    wrong = hat_trace_take_part (trace, entry);
  else if (!hat_store_read_chunk (trace->store, decoder, entry->offset, entry->bytes, &header, &reader, error))
    return FALSE;
  else if (header.type != entry->type || header.process != entry->process)
    wrong = "a chunk that is not where the index says";
  else
    wrong = take_chunk (trace, entry->offset, &header, &reader);
  if (wrong)
    hat_store_set_damaged (trace->store, entry->offset, wrong, error);
  return wrong == NULL;
}

/* FALSE without error: there is no index. */
static gboolean
open_by_index (HatTrace *trace, const HatProgress *progress, GError **error)
{
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  g_autoptr (GArray) entries = g_array_new (FALSE, TRUE, sizeof (HatIndexEntry));
  HatChunkHeader header;
  HatReader reader;
  guint64 at;
  gboolean done = find_index (trace, decoder, &at, NULL)
                  && hat_store_read_chunk (trace->store, decoder, at, trace->bytes - at, &header, &reader, NULL)
                  && header.type == HAT_TYPE_INDEX && hat_index_read (&reader, entries, &trace->duration_ns);
  for (guint i = 0; done && i < entries->len; i++)
    done = hat_progress_tick (progress, (double) i / entries->len, "reading the trace", error)
           && take_entry (trace, decoder, &g_array_index (entries, HatIndexEntry, i), at, error);
  hat_store_return_decoder (trace->store, decoder);
  if (!done)
    return FALSE;
  trace->ended = TRUE;
  trace->end = trace->bytes;
  find_duration (trace);
  return TRUE;
}

HatTrace *
hat_trace_open (const char *path, const HatProgress *progress, GError **error)
{
  g_return_val_if_fail (path != NULL, NULL);
  HatStore *store = hat_store_open (path, error);
  guint64 bytes;
  if (store == NULL)
    return NULL;
  if (!hat_store_size (store, &bytes, error))
    {
      hat_store_unref (store);
      return NULL;
    }
  g_autoptr (GError) wrong = NULL;
  g_autoptr (HatTrace) trace = trace_new (hat_store_ref (store));
  trace->bytes = bytes;
  if (!open_by_index (trace, progress, &wrong) && (wrong == NULL || wrong->code == HAT_ERROR_DAMAGED))
    {
      g_clear_error (&wrong);
      hat_trace_unref (trace);
      trace = trace_new (hat_store_ref (store));
      trace->bytes = bytes;
      walk (trace, progress, &wrong);
    }
  hat_store_unref (store);
  if (wrong)
    {
      g_propagate_error (error, g_steal_pointer (&wrong));
      return NULL;
    }
  hat_trace_take_kept_notes (trace);
  return g_steal_pointer (&trace);
}

HatTrace *
hat_trace_refresh (HatTrace *old, GError **error)
{
  guint64 bytes;
  if (!hat_store_size (old->store, &bytes, error))
    return NULL;
  if (bytes == old->bytes)
    return hat_trace_ref (old);
  if (bytes < old->end)
    {
      hat_store_set_damaged (old->store, bytes, "the file was cut while it was open", error);
      return NULL;
    }
  g_mutex_lock (&old->store->growing);
  g_autoptr (HatTrace) trace = trace_copy (old);
  trace->bytes = bytes;
  const gboolean done = walk (trace, NULL, error);
  g_mutex_unlock (&old->store->growing);
  return done ? g_steal_pointer (&trace) : NULL;
}

/* ---- accessors ---- */

static const HatProcessData *
process_at (HatTrace *trace, guint process)
{
  g_assert (process < trace->processes->len);
  return &g_array_index (trace->processes, HatProcessData, process);
}

const char *
hat_trace_path (HatTrace *trace)
{
  return trace->store->path;
}

const char *
hat_trace_id (HatTrace *trace)
{
  return trace->store->id;
}

guint64
hat_trace_bytes (HatTrace *trace)
{
  return trace->bytes;
}

gboolean
hat_trace_is_complete (HatTrace *trace)
{
  return trace->damage == NULL;
}

const char *
hat_trace_damage (HatTrace *trace)
{
  return trace->damage;
}

gint64
hat_trace_duration_ns (HatTrace *trace)
{
  return trace->duration_ns;
}

gint64
hat_trace_start_unix_us (HatTrace *trace)
{
  return trace->store->header.start_unix_us;
}

guint
hat_trace_n_processes (HatTrace *trace)
{
  return trace->processes->len;
}

const HatProcess *
hat_trace_process (HatTrace *trace, guint process)
{
  return &process_at (trace, process)->info;
}

guint
hat_trace_busiest_process (HatTrace *trace)
{
  guint best = 0;
  for (guint i = 1; i < trace->processes->len; i++)
    if (hat_trace_process (trace, i)->n_events > hat_trace_process (trace, best)->n_events)
      best = i;
  return best;
}

#define DEFINE_LIST(function, Type, field) \
  const Type *function (HatTrace *trace, guint process, guint *out_n) \
  { \
    const HatProcessData *data = process_at (trace, process); \
    *out_n = data->field.n; \
    return hat_list_items (&data->field, const Type); \
  }

DEFINE_LIST (hat_trace_threads, HatThread, threads)
DEFINE_LIST (hat_trace_marks, HatMark, marks)
DEFINE_LIST (hat_trace_samples, HatSample, samples)
DEFINE_LIST (hat_trace_chunks, HatChunk, chunks)
DEFINE_LIST (hat_trace_snapshots, HatSnapshotInfo, snapshots)

const HatSummary *
hat_trace_summary (HatTrace *trace, guint process)
{
  return process_at (trace, process)->summary;
}

const HatNote *
hat_trace_notes (HatTrace *trace, guint *out_n)
{
  *out_n = trace->notes.n;
  return hat_list_items (&trace->notes, const HatNote);
}

const char *
hat_trace_note (HatTrace *trace, const char *key)
{
  const HatNote *notes = hat_list_items (&trace->notes, const HatNote);
  for (guint i = trace->notes.n; i-- > 0;)
    if (strcmp (notes[i].key, key) == 0)
      return notes[i].value;
  return NULL;
}

const HatModule *
hat_trace_modules (HatTrace *trace, guint *out_n)
{
  *out_n = trace->modules.n;
  return hat_list_items (&trace->modules, const HatModule);
}

const HatFrame *
hat_trace_frames (HatTrace *trace, guint *out_n)
{
  *out_n = trace->frames.n;
  return hat_list_items (&trace->frames, const HatFrame);
}

const HatStackNode *
hat_trace_stacks (HatTrace *trace, guint *out_n)
{
  *out_n = trace->stacks.n;
  return hat_list_items (&trace->stacks, const HatStackNode);
}

gboolean
hat_trace_has_symbols (HatTrace *trace)
{
  return trace->symbols != NULL;
}

void
hat_trace_set_symbols (HatTrace *trace, HatSymbols *symbols)
{
  hat_symbols_free (trace->symbols);
  trace->symbols = symbols;
}

/* A frame that no symbol is known for: its address, made when first asked for. */
static const HatSourceFrame *
plain_frame (HatTrace *trace, HatFrameId id)
{
  HatStore *store = trace->store;
  const HatFrame *frame = &hat_list_items (&trace->frames, const HatFrame)[id];
  g_mutex_lock (&store->lock);
  HatSourceFrame *source = g_hash_table_lookup (store->plain_frames, GUINT_TO_POINTER (id + 1));
  if (source == NULL)
    {
      g_autofree char *name = frame->cut ? g_strdup ("(frames left out)")
                                         : g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", frame->offset);
      const gsize name_bytes = strlen (name) + 1;
      source = g_malloc0 (sizeof (HatSourceFrame) + name_bytes);
      source->function = memcpy (source + 1, name, name_bytes);
      g_hash_table_insert (store->plain_frames, GUINT_TO_POINTER (id + 1), source);
    }
  g_mutex_unlock (&store->lock);
  return source;
}

const HatSourceFrame *
hat_trace_source (HatTrace *trace, HatFrameId frame, guint *out_n)
{
  g_assert (frame < trace->frames.n);
  const HatSourceFrame *source = hat_symbols_find (trace->symbols, frame, out_n);
  if (source)
    return source;
  *out_n = 1;
  return plain_frame (trace, frame);
}
