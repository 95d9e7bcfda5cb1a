/* SPDX-License-Identifier: Apache-2.0 */

/* Damaged, cut, hostile and unwritable traces: an error or a partial trace marked so, never a crash, never silence. */

#include "core/trace/container.h"
#include "core/trace/definitions-write.h"
#include "core/trace/event-decoder.h"
#include "core/trace/event-encoder.h"
#include "core/trace/snapshot-parts.h"
#include "core/trace/span.h"
#include "core/trace/trace-private.h"
#include "core/trace/writer-private.h"
#include "tests/unit/trace-fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

typedef struct
{
  char *path;
  Script *first, *child;
  char *data;
  gsize bytes;
} Sample;

/* What readers rely on. */
static void
check_indices (const HatSnapshot *snapshot, guint n_modules, guint n_threads, guint n_frames)
{
  const guint32 n_blocks = snapshot->info.n_blocks, n_edges = snapshot->info.n_edges;
  g_assert_cmpuint (snapshot->first_edge[0], ==, 0);
  g_assert_cmpuint (snapshot->first_edge[n_blocks], ==, n_edges);
  guint32 interior = 0;
  for (guint32 block = 0; block < n_blocks; block++)
    {
      g_assert_cmpuint (snapshot->first_edge[block], <=, snapshot->first_edge[block + 1]);
      for (guint32 edge = snapshot->first_edge[block]; edge < snapshot->first_edge[block + 1]; edge++)
        {
          g_assert_cmpuint (snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR, <, n_blocks);
          g_assert_true (edge == snapshot->first_edge[block] || snapshot->edge_word[edge] > snapshot->edge_word[edge - 1]);
          if (snapshot->edge_to[edge] & HAT_EDGE_INTERIOR)
            g_assert_cmpuint (snapshot->interior_edge[interior++], ==, edge);
          g_assert_true ((hat_snapshot_edge_into (snapshot, edge) >= 8) == ((snapshot->edge_to[edge] & HAT_EDGE_INTERIOR) != 0));
        }
    }
  g_assert_cmpuint (interior, ==, snapshot->n_interior);
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    {
      const HatRoot *root = &snapshot->roots[i];
      g_assert_true (root->to < n_blocks && root->kind <= HAT_ROOT_LOADER && root->name != NULL
                     && (root->module < n_modules) == (root->kind == HAT_ROOT_GLOBAL) && (root->thread < n_threads || root->thread == G_MAXUINT32)
                     && (root->frame < snapshot->n_frames || root->frame == HAT_NO_FRAME));
    }
  for (guint32 i = 0; i < snapshot->n_frames; i++)
    g_assert_true (snapshot->frames[i].thread < n_threads && snapshot->frames[i].frame < n_frames && snapshot->frames[i].known < 1u << 17);
  for (guint32 i = 0; i < snapshot->n_module_words; i++)
    g_assert_true (snapshot->module_words[i].block < n_blocks && snapshot->module_words[i].module < n_modules);
  for (guint32 i = 0; i < snapshot->n_heads; i++)
    g_assert_true (snapshot->heads[i].block < n_blocks && (i == 0 || snapshot->heads[i].block > snapshot->heads[i - 1].block));
  for (guint32 i = 0; i < snapshot->n_doubtful; i++)
    g_assert_true (snapshot->doubtful[i] < n_blocks && (i == 0 || snapshot->doubtful[i] > snapshot->doubtful[i - 1]));
  for (guint32 i = 0; snapshot->block_kind && i < n_blocks; i++)
    g_assert_cmpuint (snapshot->block_kind[i], <=, snapshot->n_kinds);
  for (guint32 i = 0; i < snapshot->n_values; i++)
    {
      const HatBlockValue *value = &snapshot->values[i];
      g_assert_true (value->block < n_blocks && (i == 0 || value->block > value[-1].block));
      g_assert_true (value->at <= snapshot->n_value_bytes && value->n <= snapshot->n_value_bytes - value->at);
    }
  for (guint32 i = 0; i < snapshot->n_variables; i++)
    {
      const HatVariable *variable = &snapshot->variables[i];
      g_assert_true ((variable->frame < snapshot->n_frames || variable->frame == HAT_NO_FRAME) && variable->place <= HAT_VARIABLE_NOWHERE);
      g_assert_true (variable->at <= snapshot->n_value_bytes && variable->n_bytes <= snapshot->n_value_bytes - variable->at);
    }
}

static void
add_snapshot (HatTraceWriter *writer, guint index)
{
  static const guint8 bytes[100] = { 1, 2, 3 };
  static const guint64 sizes[10] = { 10, 20, 0, 30, 40 };
  g_autoptr (HatSnapshot) snapshot = fixture_snapshot_new (20, 8);
  hat_trace_writer_add_snapshot (writer, 0, index, snapshot);
  hat_trace_writer_add_contents (writer, 0, index, 0, 10, sizes, bytes);
}

/* Everything a trace can hold, in a few kilobytes. */
static void
write_sample (HatTraceWriter *writer, Script **out_first, Script **out_child)
{
  fixture_add_stacks (writer);
  hat_trace_writer_add_note (writer, "command", "target");
  *out_first = script_new (writer, NULL);
  script_run (*out_first, 200);
  hat_trace_writer_flush (writer, TRUE, NULL);
  *out_child = script_new (writer, *out_first);
  (*out_child)->free_stacks = TRUE;
  for (guint i = 0; i < HAT_SPAN_CHUNKS; i++)
    {
      script_run (*out_child, 10);
      hat_trace_writer_add_mark (writer, 1, "mark", (*out_child)->time_ns);
      hat_trace_writer_flush (writer, TRUE, NULL);
    }
  const guint snapshot = hat_trace_writer_begin_snapshot (writer, 0, (*out_first)->time_ns);
  const HatRegion region = { 0x1000, 0x3000, HAT_REGION_HEAP, "[heap]" };
  hat_trace_writer_add_sample (writer, 0, &(HatSample){ .rss_bytes = 1, .n_regions = 1, .regions = &region });
  script_run (*out_first, 300);
  add_snapshot (writer, snapshot);
  hat_trace_writer_end_process (writer, 0, &(HatProcess){ .end_ns = 5, .disarmed_ns = -1 });
  const HatSite site = { .stack = 3, .allocations = 1 };
  const HatLeaf leaf = { .max_bytes = 7 };
  hat_trace_writer_add_summary (writer, 0, &(HatSummary){ .n_sites = 1, .sites = &site, .n_leaves = 1, .leaves = &leaf });
  g_autoptr (HatSymbols) symbols = hat_symbols_new ();
  for (HatFrameId id = 0; id < 39; id += 2)
    hat_symbols_add (symbols, id, &(HatSourceFrame){ "function", "file.c", id, FALSE }, 1);
  hat_trace_writer_add_symbols (writer, symbols);
  const HatField fields[] = { { "next", 2, HAT_FIELD_MEMBER, 0, 8, 8, 0, 0 }, { NULL, 3, HAT_FIELD_MEMBER, 8, 1, 4, 3, 66 } };
  const HatVariant variant = { "Some", TRUE, 7, FALSE, 1, 0 };
  const HatKeptType types[] = {
    { .id = 1, .type = { .name = "Node", .size = 16, .kind = HAT_TYPE_STRUCT }, .align = 8, .n_fields = 2, .fields = fields },
    { .id = 2, .type = { .name = "Node *", .size = 8, .target = 1, .kind = HAT_TYPE_POINTER }, .align = 8 },
    { .id = 3, .type = { .name = "int", .size = 4, .kind = HAT_TYPE_BASE }, .align = 4 },
    { .id = 4, .type = { .name = "Tree", .size = 24, .kind = HAT_TYPE_STRUCT }, .n_variants = 1, .variants = &variant, .has_tag = TRUE, .tag = fields[1] },
    { .id = 5, .type = { .name = "Tree[3]", .size = 72, .count = 3, .target = 4, .kind = HAT_TYPE_ARRAY }, .align = 8 },
  };
  hat_trace_writer_add_types (writer, types, G_N_ELEMENTS (types));
  const HatStackType stack_types[] = { { 3, { 1, FALSE, HAT_EVIDENCE_STACK, "Box<Node>::new", 16, 0 } },
                                       { 4, { 5, TRUE, HAT_EVIDENCE_VARIABLE, "trees", 72, 0 } } };
  hat_trace_writer_add_stack_types (writer, stack_types, G_N_ELEMENTS (stack_types));
}

static Sample
sample_new (void)
{
  Sample sample = { .path = fixture_path ("damage") };
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (sample.path, -1, 0, &error);
  g_assert_no_error (error);
  write_sample (writer, &sample.first, &sample.child);
  g_assert_true (hat_trace_writer_finish (writer, 1, &error));
  g_assert_true (g_file_get_contents (sample.path, &sample.data, &sample.bytes, &error));
  g_assert_no_error (error);
  return sample;
}

static void
sample_clear (Sample *sample)
{
  fixture_remove (sample->path);
  g_free (sample->data);
  script_free (sample->first);
  script_free (sample->child);
}

static void
put_file (const char *path, const char *data, gsize n)
{
  FILE *file = g_fopen (path, "wb"); /* g_file_set_contents() syncs or does not truncate */
  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (data, 1, n, file), ==, n);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
touch_snapshots (HatTrace *trace, guint process)
{
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (trace, process, &n);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (HatSnapshot) snapshot = hat_trace_read_snapshot (trace, process, i, NULL, NULL);
      if (snapshot)
        check_indices (snapshot, 3, 2, 40);
      for (guint32 block = 0; block < MIN (infos[i].n_blocks, 30); block++)
        {
          gsize n_bytes;
          g_free (hat_trace_read_contents (trace, process, i, block, &n_bytes, NULL));
        }
    }
}

/* How many types there are in one, which those who draw it count on having an end. */
static guint
count_inner (const HatKeptType *types, guint n, HatTypeId id, guint depth)
{
  const HatKeptType *type = &types[id];
  g_assert_true (id < n && depth <= n && type->type.target < n && type->type.name && type->type.kind <= HAT_TYPE_FUNCTION);
  guint sum = 1;
  for (guint i = 0; i < type->n_fields; i++)
    sum += count_inner (types, n, type->fields[i].type, depth + 1);
  for (guint i = 0; i < type->n_variants; i++)
    sum += count_inner (types, n, type->variants[i].type, depth + 1);
  if (type->type.kind == HAT_TYPE_ARRAY || type->type.kind == HAT_TYPE_ALIAS)
    sum += count_inner (types, n, type->type.target, depth + 1);
  return sum;
}

static void
touch_types (HatTrace *trace)
{
  guint n_types, n_stacks, n;
  const HatKeptType *types = hat_trace_types (trace, &n_types);
  for (HatTypeId id = 0; id < n_types; id++)
    count_inner (types, n_types, id, 0);
  hat_trace_stacks (trace, &n_stacks);
  const HatStackType *stacks = hat_trace_stack_types (trace, &n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (stacks[i].stack < n_stacks && stacks[i].type.type < n_types && stacks[i].type.words && (i == 0 || stacks[i].stack > stacks[i - 1].stack));
      g_assert_true (hat_trace_stack_type (trace, stacks[i].stack) == &stacks[i].type);
      hat_block_type_fits (&stacks[i].type, 100);
    }
}

/* Uses all that an opened trace offers: nothing of it may crash. */
static void
touch_everything (HatTrace *trace)
{
  guint n, n_frames;
  hat_trace_frames (trace, &n_frames);
  const HatStackNode *stacks = hat_trace_stacks (trace, &n);
  for (guint i = 2; i < n; i++)
    g_assert_true (stacks[i].parent < i && stacks[i].frame < n_frames);
  for (guint i = 0; i < n_frames; i++)
    g_assert_nonnull (hat_trace_source (trace, i, &n)->function);
  touch_types (trace);
  for (guint i = 0; i < hat_trace_n_processes (trace); i++)
    {
      guint n_chunks;
      g_assert_cmpint (hat_trace_process (trace, i)->parent, <, (int) i);
      hat_trace_chunks (trace, i, &n_chunks);
      for (guint j = 0; j < n_chunks; j++)
        for (guint level = 0; level <= 2; level++)
          {
            HatSpan span;
            hat_trace_read_span (trace, i, level, j, &span, NULL);
            hat_span_clear (&span);
          }
      touch_snapshots (trace, i);
    }
}

/* The trace holds a prefix of what was written, and all of it decodes. */
static void
check_prefix (const Sample *sample, HatTrace *trace)
{
  g_autoptr (GError) error = NULL;
  const guint n = hat_trace_n_processes (trace);
  g_assert_false (hat_trace_is_complete (trace));
  g_assert_nonnull (hat_trace_damage (trace));
  if (n > 0)
    script_check (sample->first, trace, hat_trace_process (trace, 0)->n_events);
  if (n > 1)
    {
      const HatProcess *child = hat_trace_process (trace, 1);
      script_check (sample->child, trace, child->n_events);
      if (child->n_events > 0)
        g_assert_cmpuint (hat_trace_process (trace, 0)->n_events, >=, child->fork_event);
    }
  g_assert_true (hat_trace_check (trace, NULL, &error));
  g_assert_no_error (error);
  touch_everything (trace);
}

static guint64
check_cut (const Sample *sample, gsize at)
{
  g_autoptr (GError) error = NULL;
  put_file (sample->path, sample->data, at);
  g_autoptr (HatTrace) trace = hat_trace_open (sample->path, NULL, &error);
  if (at < sizeof (HatFileHeader))
    {
      g_assert_error (error, HAT_ERROR, HAT_ERROR_NOT_A_TRACE);
      return 0;
    }
  g_assert_no_error (error);
  check_prefix (sample, trace);
  return hat_trace_n_processes (trace) > 0 ? hat_trace_process (trace, 0)->n_events : 0;
}

static void
test_cut_anywhere (void)
{
  Sample sample = sample_new ();
  guint64 events = 0;
  for (gsize at = sizeof (HatFileHeader); at < sample.bytes;)
    {
      const guint64 now = check_cut (&sample, at);
      g_assert_cmpuint (now, >=, events);
      events = now;
      HatChunkHeader header;
      memcpy (&header, sample.data + at, sizeof (header));
      at += sizeof (header) + header.stored_bytes;
    }
  g_assert_cmpuint (events, ==, sample.first->events->len);
  for (guint i = 0; i < 200; i++)
    check_cut (&sample, (gsize) g_test_rand_int_range (0, (gint32) sample.bytes));
  sample_clear (&sample);
}

static void
test_flipped_bytes_are_noticed (void)
{
  Sample sample = sample_new ();
  g_autofree char *data = g_memdup2 (sample.data, sample.bytes);
  g_assert_cmpuint (sample.bytes, >, 4096);
  for (guint i = 0; i < 4096 + 500; i++)
    {
      const gsize at = i < 4096 ? i : (gsize) g_test_rand_int_range (0, (gint32) sample.bytes);
      const char before = data[at];
      data[at] ^= (char) (1 << g_test_rand_int_range (0, 8));
      put_file (sample.path, data, sample.bytes);
      g_autoptr (GError) error = NULL;
      g_autoptr (HatTrace) trace = hat_trace_open (sample.path, NULL, &error);
      if (trace == NULL)
        g_assert_true (error->domain == HAT_ERROR);
      else
        {
          touch_everything (trace);
          const gboolean noticed = !hat_trace_is_complete (trace) || !hat_trace_check (trace, NULL, &error);
          g_assert_true (noticed);
          if (error)
            {
              g_assert_error (error, HAT_ERROR, HAT_ERROR_DAMAGED);
              g_assert_nonnull (strstr (error->message, "offset "));
            }
        }
      data[at] = before;
    }
  sample_clear (&sample);
}

/* Somebody who can compute checksums: payloads of chunks are changed and sealed again. */
static void
test_forged_chunks (void)
{
  Sample sample = sample_new ();
  for (guint round = 0; round < 1000; round++)
    {
      g_autofree char *data = g_memdup2 (sample.data, sample.bytes);
      for (gsize at = sizeof (HatFileHeader); at < sample.bytes;)
        {
          HatChunkHeader header;
          memcpy (&header, data + at, sizeof (header));
          guint8 *payload = (guint8 *) data + at + sizeof (header);
          const gsize next = at + sizeof (header) + header.stored_bytes;
          if (g_test_rand_int_range (0, 8) == 0)
            {
              for (guint i = g_test_rand_int_range (1, 4); i > 0; i--)
                payload[g_test_rand_int_range (0, (gint32) header.stored_bytes)] = (guint8) g_test_rand_int ();
              hat_chunk_header_seal (&header, payload);
              memcpy (data + at, &header, sizeof (header));
            }
          at = next;
        }
      put_file (sample.path, data, sample.bytes);
      g_autoptr (GError) error = NULL;
      g_autoptr (HatTrace) trace = hat_trace_open (sample.path, NULL, &error);
      if (trace)
        {
          touch_everything (trace);
          hat_trace_check (trace, NULL, NULL);
        }
    }
  sample_clear (&sample);
}

/* The columns of events themselves, most of them short enough to be stored as they are. */
static void
test_forged_events (void)
{
  HatEventEncoder *encoder = hat_event_encoder_new ();
  HatEventDecoder *decoder = hat_event_decoder_new ();
  char *path = fixture_path ("forged");
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, NULL);
  fixture_add_stacks (writer);
  g_autoptr (Script) script = script_new (writer, NULL);
  script->free_stacks = TRUE;
  script_run (script, 100);
  const HatEventLimits limits = { FIXTURE_STACKS, 2 };
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  HatEventBuffer *buffer = hat_event_buffer_new ();
  for (guint i = 0; i < 100; i++)
    hat_event_buffer_add (buffer, &g_array_index (script->events, HatEvent, i));
  HatChunk chunk;
  HatBytes payload = { 0 };
  hat_event_encoder_encode (encoder, buffer, -1, &chunk, &payload);
  guint n_accepted = 0;
  for (guint round = 0; round < 50000; round++)
    {
      /* Of exactly this size, so that the address sanitizer sees a read behind its end. */
      g_autofree guint8 *forged = g_memdup2 (payload.data, payload.len);
      for (guint i = g_test_rand_int_range (1, 5); i > 0; i--)
        forged[g_test_rand_int_range (0, (gint32) payload.len)] = (guint8) g_test_rand_int ();
      HatSpan span;
      if (hat_event_decoder_span (decoder, forged, payload.len, &chunk, limits, &span) == NULL)
        hat_span_clear (&span);
      if (hat_event_decoder_decode (decoder, forged, payload.len, &chunk, limits, events) != NULL)
        continue;
      n_accepted++;
      for (guint i = 0; i < chunk.n_events; i++)
        g_assert_true (events[i].stack < limits.n_stacks && events[i].thread < limits.n_threads
                       && events[i].old < chunk.first_block + chunk.n_blocks && events[i].kind <= HAT_EVENT_MISSED_FREE
                       && events[i].time_ns >= chunk.start_ns && events[i].time_ns <= chunk.end_ns);
    }
  g_assert_cmpuint (n_accepted, >, 0); /* e.g. another size: nothing can be said against that */
  g_assert_cmpuint (n_accepted, <, 50000);
  hat_bytes_clear (&payload);
  hat_event_encoder_free (encoder);
  hat_event_buffer_free (buffer);
  hat_event_decoder_free (decoder);
  fixture_remove (path);
}

static void
test_forged_spans (void)
{
  const HatSpanLimits limits = { .first_block = 50, .end_block = 200, .start_ns = 10, .end_ns = 10000, .n_stacks = 20, .n_threads = 3 };
  HatBlock born[30];
  HatBlockId died[] = { 1, 2, 49 };
  for (guint i = 0; i < G_N_ELEMENTS (born); i++)
    born[i] = (HatBlock){ 0x5000 + 32 * i, i, 50 + 5 * i, 10 + 300 * i, i % 20, i % 3 };
  HatBytes payload = { 0 };
  hat_span_write (&(HatSpan){ G_N_ELEMENTS (born), G_N_ELEMENTS (died), born, died }, 2, 7, &payload);
  HatReader whole = { .at = payload.data, .end = payload.data + payload.len };
  HatSpan span;
  g_assert_cmpstr (hat_span_read (&whole, 2, 7, &limits, &span), ==, NULL);
  g_assert_cmpuint (span.born[29].id, ==, 195);
  g_assert_cmpuint (span.died[2], ==, 49);
  hat_span_clear (&span);
  for (guint round = 0; round < 20000; round++)
    {
      g_autofree guint8 *forged = g_memdup2 (payload.data, payload.len);
      for (guint i = g_test_rand_int_range (1, 4); i > 0; i--)
        forged[g_test_rand_int_range (0, (gint32) payload.len)] = (guint8) g_test_rand_int ();
      HatReader reader = { .at = forged, .end = forged + payload.len };
      if (hat_span_read (&reader, 2, 7, &limits, &span) != NULL)
        continue;
      for (guint i = 0; i < span.n_born; i++)
        g_assert_true (span.born[i].id >= 50 && span.born[i].id < 200 && span.born[i].birth_ns <= 10000
                       && span.born[i].stack < 20 && span.born[i].thread < 3 && (i == 0 || span.born[i].id > span.born[i - 1].id));
      hat_span_clear (&span);
    }
  hat_bytes_clear (&payload);
}

/* Types that claim to contain each other, among other things. */
static void
test_forged_types (void)
{
  Sample sample = sample_new ();
  g_autoptr (HatTrace) trace = hat_trace_open (sample.path, NULL, NULL);
  guint n, n_accepted = 0;
  const HatKeptType *types = hat_trace_types (trace, &n);
  HatBytes payload = { 0 };
  hat_write_types (&payload, types + 1, n - 1);
  for (guint round = 0; round < 5000; round++)
    {
      g_autofree guint8 *forged = g_memdup2 (payload.data, payload.len);
      for (guint i = g_test_rand_int_range (1, 4); i > 0; i--)
        forged[g_test_rand_int_range (0, (gint32) payload.len)] = (guint8) g_test_rand_int_range (0, 9);
      HatReader reader = { .at = forged, .end = forged + payload.len };
      n_accepted += hat_trace_read_types (trace, &reader) == NULL;
      touch_types (trace);
    }
  g_assert_cmpuint (n_accepted, >, 100);
  hat_bytes_clear (&payload);
  sample_clear (&sample);
}

/* The columns of a snapshot, without the compression that hides most forgeries. */
static void
test_forged_snapshots (void)
{
  guint n_accepted = 0;
  for (guint round = 0; round < 30000; round++)
    {
      g_autoptr (HatSnapshot) original = fixture_snapshot_new (30, 8);
      HatSnapshotHead head;
      HatSnapshotReading reading;
      hat_snapshot_head_init (&head, original);
      g_assert_true (hat_snapshot_reading_init (&reading, &head, (HatSnapshotLimits){ 3, 2, 40 }));
      const HatPartKind forged_kind = (HatPartKind) g_test_rand_int_range (0, HAT_N_PARTS);
      const char *wrong = NULL;
      for (HatPartKind kind = 0; kind < HAT_N_PARTS && wrong == NULL; kind++)
        {
          HatPart part = { .kind = kind };
          HatBytes payload = { 0 };
          if (head.counts[kind] == 0)
            continue;
          hat_snapshot_write_part (original, &part, &payload);
          g_autofree guint8 *forged = g_memdup2 (payload.data, payload.len);
          for (guint i = kind == forged_kind ? (guint) g_test_rand_int_range (1, 4) : 0; i > 0; i--)
            forged[g_test_rand_int_range (0, (gint32) payload.len)] = (guint8) g_test_rand_int ();
          HatReader reader = { .at = forged, .end = forged + payload.len };
          wrong = hat_snapshot_read_part (&reading, &part, &reader);
          hat_bytes_clear (&payload);
        }
      g_autoptr (HatSnapshot) got = hat_snapshot_reading_finish (&reading);
      if (wrong)
        continue;
      g_assert_nonnull (got);
      n_accepted++;
      check_indices (got, 3, 2, 40);
    }
  g_assert_cmpuint (n_accepted, >, 300); /* e.g. another address: nothing can be said against that */
  g_assert_cmpuint (n_accepted, <, 25000);
}

static void
test_forged_contents (void)
{
  static const guint8 bytes[200] = { 7 };
  const guint64 sizes[] = { 30, 0, 100, 70 };
  for (guint round = 0; round < 20000; round++)
    {
      HatPart part = { .kind = HAT_PART_CONTENTS, .first = 5 };
      guint64 before = round % 3 * 10, size = 0;
      HatBytes payload = { 0 };
      hat_contents_write_part (&part, G_N_ELEMENTS (sizes), sizes, bytes, &before, &payload);
      g_autofree guint8 *forged = g_memdup2 (payload.data, payload.len);
      for (guint i = (guint) g_test_rand_int_range (0, 4); i > 0; i--)
        forged[g_test_rand_int_range (0, 10)] = (guint8) g_test_rand_int ();
      HatReader reader = { .at = forged, .end = forged + payload.len };
      HatBytes got = { 0 };
      if (hat_contents_read_part (&part, &reader, 6 + round % 3, &got, &size) == NULL)
        g_assert_cmpuint (got.len, <=, size);
      hat_bytes_clear (&got);
      hat_bytes_clear (&payload);
    }
}

static void
check_refused (const char *path, int code)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (hat_trace_open (path, NULL, &error));
  g_assert_error (error, HAT_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_something_else (void)
{
  Sample sample = sample_new ();
  check_refused ("/nonexistent/trace", HAT_ERROR_IO);
  check_refused ("/tmp", HAT_ERROR_IO);
  put_file (sample.path, "", 0);
  check_refused (sample.path, HAT_ERROR_NOT_A_TRACE);
  g_autofree char *text = g_strnfill (5000, 'x');
  put_file (sample.path, text, 5000);
  check_refused (sample.path, HAT_ERROR_NOT_A_TRACE);

  HatFileHeader header;
  hat_file_header_init (&header, 0);
  header.version = HAT_FORMAT_VERSION + 1;
  hat_file_header_seal (&header);
  put_file (sample.path, (const char *) &header, sizeof (header));
  check_refused (sample.path, HAT_ERROR_VERSION);

  /* A trace cannot take notes before it is finished. */
  put_file (sample.path, sample.data, sample.bytes / 2);
  g_autoptr (GError) error = NULL;
  g_assert_false (hat_trace_append_notes (sample.path, &(HatNote){ "a", "b" }, 1, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_DAMAGED);
  sample_clear (&sample);
}

/* ---- writing fails ---- */

typedef struct
{
  guint n_writes, fail_at;
  gboolean shorten;   /* every write takes only some of the bytes */
  gboolean interrupt; /* every other write is interrupted */
} Fault;

static ssize_t
faulty_write (int fd, const void *data, size_t n, gpointer user_data)
{
  Fault *fault = user_data;
  const guint number = fault->n_writes++;
  if (number >= fault->fail_at)
    {
      errno = ENOSPC;
      return -1;
    }
  if (fault->interrupt && number % 2)
    {
      errno = EINTR;
      return -1;
    }
  return write (fd, data, fault->shorten ? MIN (n, 1 + number % 50) : n);
}

/* FALSE: the writer reported the fault. */
static gboolean
write_with_fault (Sample *sample, Fault *fault)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new_with_write (sample->path, -1, 0, faulty_write, fault, &error);
  g_assert_no_error (error);
  write_sample (writer, &sample->first, &sample->child);
  const gboolean done = hat_trace_writer_finish (writer, 1, &error);
  if (!done)
    {
      g_assert_error (error, HAT_ERROR, HAT_ERROR_IO);
      g_assert_nonnull (strstr (error->message, sample->path));
    }
  return done;
}

/* Each round writes another trace; the first one that needs fewer writes than are allowed ends it. */
static void
check_faults (gboolean shorten, guint step)
{
  Sample sample = { .path = fixture_path ("faults") };
  gboolean done = FALSE;
  for (guint n = 0; !done; n += step)
    {
      Fault fault = { .fail_at = n, .shorten = shorten, .interrupt = shorten };
      g_autoptr (GError) error = NULL;
      done = write_with_fault (&sample, &fault);
      g_assert_true (done == (fault.n_writes <= n));
      g_autoptr (HatTrace) trace = hat_trace_open (sample.path, NULL, &error);
      if (done)
        g_assert_true (hat_trace_is_complete (trace));
      else if (trace)
        check_prefix (&sample, trace);
      else
        g_assert_error (error, HAT_ERROR, HAT_ERROR_NOT_A_TRACE);
      g_assert_true (trace != NULL || n <= (shorten ? 20 : 0));
      g_assert_cmpuint (n, >=, done ? 20 : 0);
      g_clear_pointer (&sample.first, script_free);
      g_clear_pointer (&sample.child, script_free);
    }
  fixture_remove (sample.path);
}

static void
test_every_write_fails (void)
{
  check_faults (FALSE, 1);
}

static void
test_short_and_interrupted_writes (void)
{
  check_faults (TRUE, 7);
}

static void
test_killed_writer (void)
{
  Sample sample = { .path = fixture_path ("killed") };
  HatTraceWriter *writer = hat_trace_writer_new (sample.path, -1, 0, NULL);
  write_sample (writer, &sample.first, &sample.child);
  hat_trace_writer_free (writer);
  g_autoptr (HatTrace) trace = hat_trace_open (sample.path, NULL, NULL);
  check_prefix (&sample, trace);
  script_free (sample.first);
  script_free (sample.child);
  fixture_remove (sample.path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace-damage/cut-anywhere", test_cut_anywhere);
  g_test_add_func ("/trace-damage/flipped-bytes-are-noticed", test_flipped_bytes_are_noticed);
  g_test_add_func ("/trace-damage/forged-chunks", test_forged_chunks);
  g_test_add_func ("/trace-damage/forged-events", test_forged_events);
  g_test_add_func ("/trace-damage/forged-spans", test_forged_spans);
  g_test_add_func ("/trace-damage/forged-snapshots", test_forged_snapshots);
  g_test_add_func ("/trace-damage/forged-types", test_forged_types);
  g_test_add_func ("/trace-damage/forged-contents", test_forged_contents);
  g_test_add_func ("/trace-damage/something-else", test_something_else);
  g_test_add_func ("/trace-damage/every-write-fails", test_every_write_fails);
  g_test_add_func ("/trace-damage/short-and-interrupted-writes", test_short_and_interrupted_writes);
  g_test_add_func ("/trace-damage/killed-writer", test_killed_writer);
  return g_test_run ();
}
