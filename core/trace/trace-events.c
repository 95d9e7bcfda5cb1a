/* SPDX-License-Identifier: Apache-2.0 */

/* Events and spans of an opened trace. */

#include "core/trace/span.h"
#include "core/trace/trace-private.h"

static HatProcessData *
process_at (HatTrace *trace, guint process)
{
  g_assert (process < trace->processes->len);
  return &g_array_index (trace->processes, HatProcessData, process);
}

/* Reads chunk `index`; the limits of what it may refer to. */
static gboolean
read_events (HatTrace *trace, guint process, guint index, HatDecoder *decoder, HatReader *out_reader,
             HatEventLimits *out_limits, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  const HatPlace *place = &hat_list_items (&data->places, const HatPlace)[index];
  HatChunkHeader header;
  if (!hat_store_read_chunk (trace->store, decoder, place->offset, place->bytes, &header, out_reader, error))
    return FALSE;
  if (header.type != HAT_TYPE_EVENTS || header.process != process)
    {
      hat_store_set_damaged (trace->store, place->offset, "events that are not where the index says", error);
      return FALSE;
    }
  if (decoder->events == NULL)
    decoder->events = hat_event_decoder_new ();
  *out_limits = (HatEventLimits){ .n_stacks = trace->stacks.n, .n_threads = data->threads.n };
  return TRUE;
}

gboolean
hat_trace_decode_chunk (HatTrace *trace, guint process, guint index, HatEvent *events, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  g_assert (index < data->chunks.n);
  const HatChunk *chunk = &hat_list_items (&data->chunks, const HatChunk)[index];
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  HatEventLimits limits;
  HatReader reader;
  gboolean done = read_events (trace, process, index, decoder, &reader, &limits, error);
  if (done)
    {
      const char *wrong
          = hat_event_decoder_decode (decoder->events, reader.at, hat_reader_left (&reader), chunk, limits, events);
      if (wrong)
        hat_store_set_damaged (trace->store, hat_list_items (&data->places, const HatPlace)[index].offset, wrong, error);
      done = wrong == NULL;
    }
  hat_store_return_decoder (trace->store, decoder);
  if (done)
    __atomic_add_fetch (&trace->store->decoded_events, chunk->n_events, __ATOMIC_RELAXED);
  return done;
}

static gboolean
read_chunk_span (HatTrace *trace, guint process, guint index, HatSpan *out_span, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  const HatChunk *chunk = &hat_list_items (&data->chunks, const HatChunk)[index];
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  HatEventLimits limits;
  HatReader reader;
  gboolean done = read_events (trace, process, index, decoder, &reader, &limits, error);
  if (done)
    {
      const char *wrong
          = hat_event_decoder_span (decoder->events, reader.at, hat_reader_left (&reader), chunk, limits, out_span);
      if (wrong)
        hat_store_set_damaged (trace->store, hat_list_items (&data->places, const HatPlace)[index].offset, wrong, error);
      done = wrong == NULL;
    }
  hat_store_return_decoder (trace->store, decoder);
  return done;
}

/* A span that is not stored is put together from its chunks: their survivors are there already, and storing them once more would
 * make the trace of a program that only grows more than twice as long. */
static gboolean
join_chunk_spans (HatTrace *trace, guint process, guint first, guint n, HatSpan *out_span, GError **error)
{
  const HatChunk *chunks = hat_list_items (&process_at (trace, process)->chunks, const HatChunk) + first;
  HatSpanJoin join;
  hat_span_join_init (&join, chunks[0].first_block);
  for (guint i = 0; i < n; i++)
    {
      HatSpan span = { 0 };
      if (!read_chunk_span (trace, process, first + i, &span, error))
        {
          hat_span_join_clear (&join);
          return FALSE;
        }
      hat_span_join_add (&join, &span);
      hat_span_clear (&span);
    }
  hat_span_join_finish (&join, out_span);
  return TRUE;
}

static gboolean
read_stored_span (HatTrace *trace, guint process, const HatSpanPlace *stored, HatSpan *out_span, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  const guint n_chunks = HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS;
  const HatChunk *chunks = hat_list_items (&data->chunks, const HatChunk) + stored->number * n_chunks;
  const HatChunk *last = &chunks[n_chunks - 1];
  HatDecoder *decoder = hat_store_take_decoder (trace->store);
  HatChunkHeader header;
  HatReader reader;
  gboolean done = hat_store_read_chunk (trace->store, decoder, stored->place.offset, stored->place.bytes, &header, &reader,
                                        error);
  if (done)
    {
      const HatSpanLimits limits = { .first_block = chunks->first_block,
                                     .end_block = last->first_block + last->n_blocks,
                                     .start_ns = chunks->start_ns,
                                     .end_ns = last->end_ns,
                                     .n_stacks = trace->stacks.n,
                                     .n_threads = data->threads.n };
      const char *wrong = header.type != HAT_TYPE_SPAN || header.process != process
                              ? "a checkpoint that is not where the index says"
                              : hat_span_read (&reader, stored->level, stored->number, &limits, out_span);
      if (wrong)
        hat_store_set_damaged (trace->store, stored->place.offset, wrong, error);
      done = wrong == NULL;
    }
  hat_store_return_decoder (trace->store, decoder);
  return done;
}

gboolean
hat_trace_read_span (HatTrace *trace, guint process, guint level, guint index, HatSpan *out_span, GError **error)
{
  static const guint chunks_of_level[] = { 1, HAT_SPAN_CHUNKS, HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS };
  const HatProcessData *data = process_at (trace, process);
  g_assert (level < G_N_ELEMENTS (chunks_of_level));
  const guint n = chunks_of_level[level];
  *out_span = (HatSpan){ 0 };
  if (((guint64) index + 1) * n > data->chunks.n)
    return FALSE;
  if (level == 0)
    return read_chunk_span (trace, process, index, out_span, error);
  const HatSpanPlace *spans = hat_list_items (&data->spans, const HatSpanPlace);
  for (guint i = 0; i < data->spans.n; i++)
    if (spans[i].level == level && spans[i].number == index)
      return read_stored_span (trace, process, &spans[i], out_span, error);
  return join_chunk_spans (trace, process, index * n, n, out_span, error);
}

guint64
hat_trace_decoded_events (HatTrace *trace)
{
  return __atomic_load_n (&trace->store->decoded_events, __ATOMIC_RELAXED);
}

/* ---- checking ---- */

static gboolean
set_wrong_death (HatTrace *trace, guint process, guint chunk, HatBlockId block, GError **error)
{
  g_autofree char *wrong = g_strdup_printf ("block %" G_GUINT64_FORMAT " ends twice", block);
  const HatPlace *places = hat_list_items (&process_at (trace, process)->places, const HatPlace);
  hat_store_set_damaged (trace->store, places[chunk].offset, wrong, error);
  return FALSE;
}

/* Decodes a chunk and marks the ends of blocks of its process' own in `ended`. */
static gboolean
check_chunk (HatTrace *trace, guint process, guint index, HatEvent *events, guint8 *ended, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  const HatChunk *chunk = &hat_list_items (&data->chunks, const HatChunk)[index];
  if (!hat_trace_decode_chunk (trace, process, index, events, error))
    return FALSE;
  for (guint32 i = 0; i < chunk->n_events; i++)
    {
      if (events[i].old < data->info.first_block)
        continue;
      const guint64 own = events[i].old - data->info.first_block;
      if (ended[own / 8] & (1u << own % 8))
        return set_wrong_death (trace, process, index, events[i].old, error);
      ended[own / 8] |= (guint8) (1u << own % 8);
    }
  return TRUE;
}

static gboolean
check_process (HatTrace *trace, guint process, HatEvent *events, const HatProgress *progress, GError **error)
{
  const HatProcessData *data = process_at (trace, process);
  if (data->chunks.n == 0)
    return TRUE;
  const HatChunk *last = &hat_list_items (&data->chunks, const HatChunk)[data->chunks.n - 1];
  g_autofree guint8 *ended = g_malloc0 ((last->first_block + last->n_blocks - data->info.first_block) / 8 + 1);
  for (guint i = 0; i < data->chunks.n; i++)
    if (!hat_progress_tick (progress, (double) i / data->chunks.n, "checking events", error)
        || !check_chunk (trace, process, i, events, ended, error))
      return FALSE;
  const HatSpanPlace *spans = hat_list_items (&data->spans, const HatSpanPlace);
  for (guint i = 0; i < data->spans.n; i++)
    {
      HatSpan span;
      if (!read_stored_span (trace, process, &spans[i], &span, error))
        return FALSE;
      hat_span_clear (&span);
    }
  return TRUE;
}

gboolean
hat_trace_check (HatTrace *trace, const HatProgress *progress, GError **error)
{
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  for (guint i = 0; i < trace->processes->len; i++)
    if (!check_process (trace, i, events, progress, error) || !hat_trace_check_snapshots (trace, i, progress, error))
      return FALSE;
  return TRUE;
}
