/* SPDX-License-Identifier: Apache-2.0 */

/* Random traces and what must be read back from them. */

#include "tests/unit/trace-fixture.h"

#include "core/trace/container.h"

#include <glib/gstdio.h>
#include <unistd.h>

char *
fixture_path (const char *name)
{
  return g_strdup_printf ("%s/heapatlas-test-%d-%s", g_get_tmp_dir (), (int) getpid (), name);
}

void
fixture_remove (char *path)
{
  g_unlink (path);
  g_free (path);
}

guint
fixture_count_chunks (const char *path, guint type)
{
  g_autofree char *data = NULL;
  gsize bytes;
  guint n = 0;
  g_assert_true (g_file_get_contents (path, &data, &bytes, NULL));
  for (gsize at = sizeof (HatFileHeader); at < bytes;)
    {
      HatChunkHeader header;
      memcpy (&header, data + at, sizeof (header));
      n += header.type == type;
      at += sizeof (header) + header.stored_bytes;
    }
  return n;
}

void
fixture_add_stacks (HatTraceWriter *writer)
{
  const char *const paths[] = { "/usr/bin/target", "/usr/lib/libc.so.6", "" };
  for (guint i = 0; i < 3; i++)
    hat_trace_writer_add_module (writer, &(HatModule){ .path = paths[i],
                                                       .build_id = { (guint8) (i + 1), 2, 3 },
                                                       .start = 0x400000u * (i + 1),
                                                       .end = 0x400000u * (i + 1) + 0x1000,
                                                       .bias = 0x400000u * i });
  for (guint i = 0; i < 40; i++)
    hat_trace_writer_add_frame (writer, &(HatFrame){ .module = i == 39 ? G_MAXUINT32 : i % 3,
                                                     .exact = i == 7,
                                                     .cut = i == 39,
                                                     .offset = i == 39 ? 0 : 0x1000 - 17 * i });
  for (HatStackId id = 2; id < FIXTURE_STACKS; id++)
    g_assert_cmpuint (hat_trace_writer_add_stack (writer, g_test_rand_int_range (0, id), g_test_rand_int_range (0, 40)), ==, id);
}

Script *
script_new (HatTraceWriter *writer, Script *parent)
{
  Script *script = g_new0 (Script, 1);
  const char *argv[] = { "target", "--an option", "", NULL };
  HatProcess process = { .pid = 100, .parent = -1, .exe = "/usr/bin/target", .argv = argv, .provider = "libc.so.6" };
  script->writer = writer;
  script->n_threads = 2;
  script->events = g_array_new (FALSE, FALSE, sizeof (HatEvent));
  script->live = g_array_new (FALSE, FALSE, sizeof (HatBlockId));
  script->addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  script->first_block = 1;
  if (parent)
    {
      script->first_block = parent->first_block;
      for (guint i = 0; i < parent->events->len; i++)
        script->first_block += g_array_index (parent->events, HatEvent, i).block != 0;
      g_array_append_vals (script->live, parent->live->data, parent->live->len);
      script->time_ns = parent->time_ns;
      process.parent = (gint32) parent->process;
      process.is_fork = TRUE;
      process.start_ns = parent->time_ns;
      process.first_block = script->first_block;
      process.fork_event = parent->events->len;
      process.inherited_blocks = parent->live->len;
      process.inherited_bytes = 1234;
    }
  script->process = hat_trace_writer_add_process (writer, &process);
  for (guint i = 0; i < script->n_threads; i++)
    g_assert_cmpuint (hat_trace_writer_add_thread (writer, script->process, 100 + i, i == 0 ? "main" : NULL), ==, i);
  return script;
}

void
script_free (Script *script)
{
  g_array_unref (script->events);
  g_array_unref (script->live);
  g_array_unref (script->addresses);
  g_free (script);
}

static guint64
random_address (Script *script)
{
  const guint kind = g_test_rand_int_range (0, 100);
  if (kind < 60 && script->addresses->len > 0)
    {
      const guint at = script->addresses->len - 1 - g_test_rand_int_range (0, MIN (script->addresses->len, 5));
      const guint64 address = g_array_index (script->addresses, guint64, at);
      g_array_remove_index (script->addresses, at);
      return address;
    }
  if (kind < 98)
    return 0x555500000000ull + 16ull * g_test_rand_int_range (0, 100000);
  return ((guint64) (guint32) g_test_rand_int () << 32) | (guint32) g_test_rand_int (); /* anything at all */
}

static guint64
random_size (void)
{
  const guint kind = g_test_rand_int_range (0, 100);
  if (kind < 90)
    return g_test_rand_int_range (0, 300);
  if (kind < 99)
    return g_test_rand_int_range (0, G_MAXINT32);
  return (guint64) (guint32) g_test_rand_int () << g_test_rand_int_range (0, 31);
}

static void
end_random_block (Script *script, HatEvent *event)
{
  const guint near = g_test_rand_int_range (0, 2) ? MIN (script->live->len, 8) : script->live->len;
  const guint at = script->live->len - 1 - g_test_rand_int_range (0, near);
  event->old = g_array_index (script->live, HatBlockId, at);
  g_array_remove_index_fast (script->live, at);
  const guint64 reuse = event->old >= script->first_block ? 0x555500000000ull + 32 * (event->old % 5000) : 0;
  if (reuse)
    g_array_append_val (script->addresses, reuse);
}

void
script_run (Script *script, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const guint kind = g_test_rand_int_range (0, 100);
      HatEvent event = { .thread = g_test_rand_int_range (0, 20) ? 0 : 1 };
      script->time_ns += g_test_rand_int_range (0, 100) ? g_test_rand_int_range (0, 500) : g_test_rand_int_range (0, 1000000);
      event.time_ns = script->time_ns;
      const gboolean full = script->max_live && script->live->len > script->max_live;
      if (full && kind < 50)
        event.kind = HAT_EVENT_FREE;
      else if (kind < 50 || (kind < 90 && script->live->len == 0))
        event.kind = HAT_EVENT_ALLOC;
      else if (kind < 80)
        event.kind = script->grows ? HAT_EVENT_ALLOC : HAT_EVENT_FREE;
      else if (kind < 90)
        event.kind = HAT_EVENT_REALLOC;
      else if (kind < 99 || script->live->len == 0)
        event.kind = HAT_EVENT_UNKNOWN_FREE;
      else
        event.kind = HAT_EVENT_MISSED_FREE;

      if (event.kind == HAT_EVENT_FREE || event.kind == HAT_EVENT_REALLOC || event.kind == HAT_EVENT_MISSED_FREE)
        end_random_block (script, &event);
      if (event.kind == HAT_EVENT_FREE)
        {
          event.temporary = g_test_rand_int_range (0, 10) == 0;
          event.stack = script->free_stacks ? (HatStackId) g_test_rand_int_range (0, FIXTURE_STACKS) : HAT_STACK_NONE;
        }
      if (event.kind == HAT_EVENT_ALLOC || event.kind == HAT_EVENT_REALLOC || event.kind == HAT_EVENT_UNKNOWN_FREE)
        event.address = random_address (script);
      if (event.kind == HAT_EVENT_ALLOC || event.kind == HAT_EVENT_REALLOC)
        {
          event.size = random_size ();
          event.stack = g_test_rand_int_range (0, FIXTURE_STACKS);
        }
      event.block = hat_trace_writer_add_event (script->writer, script->process, &event);
      if (event.block)
        g_array_append_val (script->live, event.block);
      g_array_append_val (script->events, event);
    }
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  const HatBlockId x = *(const HatBlockId *) a, y = *(const HatBlockId *) b;
  return (x > y) - (x < y);
}

static int
compare_blocks (gconstpointer a, gconstpointer b)
{
  return compare_ids (&((const HatBlock *) a)->id, &((const HatBlock *) b)->id);
}

GArray *
script_replay (const Script *script, guint64 from, guint64 to, GArray **out_older_ends)
{
  g_autoptr (GHashTable) live = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GArray) ends = g_array_new (FALSE, FALSE, sizeof (HatBlockId));
  for (guint64 i = from; i < to; i++)
    {
      const HatEvent *event = &g_array_index (script->events, HatEvent, i);
      if (event->old && !g_hash_table_remove (live, &event->old))
        g_array_append_val (ends, event->old);
      if (event->block)
        g_hash_table_insert (live, (gpointer) &event->block, (gpointer) event);
    }
  GArray *blocks = g_array_new (FALSE, FALSE, sizeof (HatBlock));
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, live);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const HatEvent *event = value;
      const HatBlock block = { event->address, event->size, event->block, 0, event->stack, event->thread };
      g_array_append_val (blocks, block);
    }
  g_array_sort (blocks, compare_blocks);
  g_array_sort (ends, compare_ids);
  if (out_older_ends)
    *out_older_ends = g_steal_pointer (&ends);
  return blocks;
}

static void
check_event (const HatEvent *expected, const HatEvent *got)
{
  g_assert_cmpuint (got->kind, ==, expected->kind);
  g_assert_cmpuint (got->block, ==, expected->block);
  g_assert_cmpuint (got->old, ==, expected->old);
  g_assert_cmphex (got->address, ==, expected->address);
  g_assert_cmpuint (got->size, ==, expected->size);
  g_assert_cmpuint (got->stack, ==, expected->stack);
  g_assert_cmpuint (got->thread, ==, expected->thread);
  g_assert_cmpuint (got->temporary, ==, expected->temporary);
}

void
script_check (const Script *script, HatTrace *trace, guint64 n_events)
{
  guint n_chunks;
  const HatChunk *chunks = hat_trace_chunks (trace, script->process, &n_chunks);
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  guint64 at = 0;
  gint64 last = -1;
  HatBlockId next_block = script->first_block;
  for (guint i = 0; i < n_chunks; i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_true (hat_trace_decode_chunk (trace, script->process, i, events, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (chunks[i].first_event, ==, at);
      g_assert_cmpuint (chunks[i].first_block, ==, next_block);
      g_assert_cmpint (chunks[i].start_ns, ==, events[0].time_ns);
      g_assert_cmpint (chunks[i].end_ns, ==, events[chunks[i].n_events - 1].time_ns);
      next_block += chunks[i].n_blocks;
      for (guint32 j = 0; j < chunks[i].n_events; j++, at++)
        {
          const HatEvent *expected = &g_array_index (script->events, HatEvent, at);
          g_assert_cmpuint (at, <, n_events);
          check_event (expected, &events[j]);
          g_assert_cmpint (events[j].time_ns, >, last);
          g_assert_cmpint (ABS (events[j].time_ns - expected->time_ns), <=, 100000);
          last = events[j].time_ns;
        }
    }
  g_assert_cmpuint (at, ==, n_events);
  g_assert_cmpuint (hat_trace_process (trace, script->process)->n_events, ==, n_events);
}

/* ---- snapshots ---- */

static guint64
random_number (void)
{
  return ((guint64) (guint32) g_test_rand_int () << 32 | (guint32) g_test_rand_int ()) >> g_test_rand_int_range (0, 64);
}

static void
add_edges (GArray *to, GArray *words, GArray *interior_edges, GArray *interior_offsets, guint32 n_blocks, guint32 n)
{
  guint32 word = 0;
  for (guint32 i = 0; i < n; i++, word++)
    {
      guint32 target = (guint32) g_test_rand_int_range (0, (gint32) n_blocks);
      word += g_test_rand_int_range (0, 4) ? 0 : g_test_rand_int_range (0, 1000);
      if (g_test_rand_int_range (0, 5) == 0)
        {
          guint64 offset = random_number ();
          offset = MAX (8, offset);
          g_array_append_val (interior_edges, to->len);
          g_array_append_val (interior_offsets, offset);
          target |= HAT_EDGE_INTERIOR;
        }
      g_array_append_val (to, target);
      g_array_append_val (words, word);
    }
}

static int
compare_roots (gconstpointer a, gconstpointer b)
{
  const HatRoot *x = a, *y = b;
  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  if (x->thread != y->thread)
    return x->thread < y->thread ? -1 : 1;
  return (x->address > y->address) - (x->address < y->address);
}

static GArray *
random_roots (guint32 n, guint32 n_blocks, guint32 n_frames)
{
  static const char *const names[] = { "", "the_global", "rbx", "/usr/lib/locale", "\xff" };
  GArray *roots = g_array_new (FALSE, FALSE, sizeof (HatRoot));
  for (guint32 i = 0; i < n; i++)
    {
      HatRoot root = { .address = random_number (), .to_offset = random_number (), .module = G_MAXUINT32, .thread = G_MAXUINT32, .frame = HAT_NO_FRAME };
      root.to = (guint32) g_test_rand_int_range (0, (gint32) n_blocks);
      root.name = names[g_test_rand_int_range (0, G_N_ELEMENTS (names))];
      root.kind = (guint8) g_test_rand_int_range (0, HAT_ROOT_LOADER + 1);
      if (root.kind == HAT_ROOT_GLOBAL)
        {
          root.module = (guint32) g_test_rand_int_range (0, 3);
          root.offset = root.address - 0x5000;
        }
      if (root.kind == HAT_ROOT_STACK || root.kind == HAT_ROOT_REGISTER || root.kind == HAT_ROOT_TLS)
        root.thread = g_test_rand_int_range (0, 5) ? (guint32) g_test_rand_int_range (0, 2) : G_MAXUINT32;
      if (root.kind == HAT_ROOT_STACK || root.kind == HAT_ROOT_REGISTER)
        root.frame = n_frames > 0 && g_test_rand_int_range (0, 5) ? (guint32) g_test_rand_int_range (0, (gint32) n_frames) : HAT_NO_FRAME;
      g_array_append_val (roots, root);
    }
  g_array_sort (roots, compare_roots);
  return roots;
}

#define STEAL(array, Type) ((Type *) (gpointer) g_array_free (array, FALSE))

/* Types of its blocks, with values, and variables. */
static void
add_types (HatSnapshot *snapshot)
{
  static const char *const names[] = { "Node", "alloc::rc::RcInner<Node>", "", "char" };
  const guint32 n_blocks = snapshot->info.n_blocks;
  HatBytes bytes = { 0 };
  snapshot->n_kinds = 1 + n_blocks / 4;
  snapshot->kinds = g_new0 (HatBlockKind, snapshot->n_kinds);
  for (guint32 i = 0; i < snapshot->n_kinds; i++)
    snapshot->kinds[i] = (HatBlockKind){ .name = names[i % 4], .words = names[i % 3], .type = (guint32) g_test_rand_int (),
                                         .offset = i % 5 ? 0 : 16, .evidence = i % 7, .is_array = i % 2 };
  snapshot->block_kind = g_new0 (guint32, n_blocks + 1);
  snapshot->values = g_new0 (HatBlockValue, n_blocks + 1);
  for (guint32 block = 0; block < n_blocks; block++)
    {
      snapshot->block_kind[block] = (guint32) g_test_rand_int_range (0, (gint32) snapshot->n_kinds + 1);
      if (block % 3 == 0)
        continue;
      const HatBlockValue value = { .block = block, .n = block % 4 * 8, .at = bytes.len };
      for (guint32 i = 0; i < value.n; i++)
        hat_bytes_put_byte (&bytes, (guint8) g_test_rand_int ());
      snapshot->values[snapshot->n_values++] = value;
    }
  snapshot->n_variables = snapshot->n_frames + 3;
  snapshot->variables = g_new0 (HatVariable, snapshot->n_variables);
  for (guint32 i = 0; i < snapshot->n_variables; i++)
    {
      snapshot->variables[i] = (HatVariable){ .name = names[i % 4], .type_name = names[(i + 1) % 4], .function = names[(i + 2) % 4],
                                              .type = (guint32) g_test_rand_int (), .frame = i < snapshot->n_frames ? i : HAT_NO_FRAME,
                                              .address = random_number (), .size = random_number (), .n_bytes = i % 3 * 8, .place = i % 3,
                                              .at = bytes.len };
      for (guint32 k = 0; k < snapshot->variables[i].n_bytes; k++)
        hat_bytes_put_byte (&bytes, (guint8) k);
    }
  snapshot->n_value_bytes = bytes.len;
  snapshot->value_bytes = bytes.data;
}

HatSnapshot *
fixture_snapshot_new (guint32 n_blocks, guint32 degree)
{
  HatSnapshot *snapshot = g_new0 (HatSnapshot, 1);
  GArray *to = g_array_new (FALSE, FALSE, 4), *words = g_array_new (FALSE, FALSE, 4);
  GArray *interior_edges = g_array_new (FALSE, FALSE, 4), *interior_offsets = g_array_new (FALSE, FALSE, 8);
  GArray *module_words = g_array_new (FALSE, FALSE, sizeof (HatModuleWord)), *doubtful = g_array_new (FALSE, FALSE, 4);
  GArray *heads = g_array_new (FALSE, FALSE, sizeof (HatBlockHead));
  snapshot->first_edge = g_new0 (guint32, n_blocks + 1);
  for (guint32 block = 0; block < n_blocks; block++)
    {
      snapshot->first_edge[block] = to->len;
      const gint some = g_test_rand_int_range (-5, 4); /* not inside MAX (), which would draw twice */
      add_edges (to, words, interior_edges, interior_offsets, n_blocks, block == 0 ? degree : (guint32) MAX (0, some));
      HatModuleWord word = { .block = block, .module = (guint32) g_test_rand_int_range (0, 3), .offset = random_number () };
      for (gint i = g_test_rand_int_range (-1, 3); i > 0; i--, word.word += 1 + (guint32) g_test_rand_int_range (0, 500))
        g_array_append_val (module_words, word);
      if (g_test_rand_int_range (0, 7) == 0)
        g_array_append_val (doubtful, block);
      const HatBlockHead head = { block, { random_number (), 0, random_number () } };
      if (g_test_rand_int_range (0, 7) == 0)
        g_array_append_val (heads, head);
    }
  snapshot->first_edge[n_blocks] = to->len;
  snapshot->n_frames = n_blocks > 0 ? (guint32) g_test_rand_int_range (0, 40) : 0;
  snapshot->frames = g_new0 (HatSnapshotFrame, snapshot->n_frames + 1);
  for (guint32 i = 0; i < snapshot->n_frames; i++)
    {
      HatSnapshotFrame *frame = &snapshot->frames[i];
      *frame = (HatSnapshotFrame){ .thread = i > 20, .frame = (HatFrameId) g_test_rand_int_range (0, 40), .cfa = random_number () };
      frame->known = (guint32) g_test_rand_int_range (0, 1 << 17);
      for (guint j = 0; j < 17; j++)
        frame->registers[j] = frame->known & 1u << j ? random_number () : 0;
    }
  GArray *roots = random_roots (n_blocks / 3, n_blocks, snapshot->n_frames);
  snapshot->info = (HatSnapshotInfo){ .reason = (HatSnapshotReason) g_test_rand_int_range (0, HAT_SNAPSHOT_MARK + 1),
                                      .detail = n_blocks % 2 ? "detail" : NULL,
                                      .pause_ns = (gint64) (random_number () >> 1),
                                      .read_bytes = random_number (),
                                      .is_windowed = n_blocks % 3 == 0,
                                      .n_blocks = n_blocks,
                                      .n_edges = to->len,
                                      .n_roots = roots->len,
                                      .n_threads_skipped = n_blocks % 5 };
  snapshot->n_interior = interior_edges->len;
  snapshot->n_module_words = module_words->len;
  snapshot->n_heads = heads->len;
  snapshot->n_doubtful = doubtful->len;
  snapshot->edge_to = STEAL (to, guint32);
  snapshot->edge_word = STEAL (words, guint32);
  snapshot->interior_edge = STEAL (interior_edges, guint32);
  snapshot->interior_offset = STEAL (interior_offsets, guint64);
  snapshot->module_words = STEAL (module_words, HatModuleWord);
  snapshot->heads = STEAL (heads, HatBlockHead);
  snapshot->doubtful = STEAL (doubtful, guint32);
  snapshot->roots = STEAL (roots, HatRoot);
  add_types (snapshot);
  return snapshot;
}

static void
check_roots (const HatSnapshot *expected, const HatSnapshot *got)
{
  for (guint32 i = 0; i < expected->info.n_roots; i++)
    {
      const HatRoot *a = &expected->roots[i], *b = &got->roots[i];
      g_assert_cmphex (b->address, ==, a->address);
      g_assert_cmphex (b->offset, ==, a->offset);
      g_assert_cmphex (b->to_offset, ==, a->to_offset);
      g_assert_cmpuint (b->to, ==, a->to);
      g_assert_cmpuint (b->module, ==, a->module);
      g_assert_cmpuint (b->thread, ==, a->thread);
      g_assert_cmpuint (b->frame, ==, a->frame);
      g_assert_cmpuint (b->kind, ==, a->kind);
      g_assert_cmpstr (b->name, ==, a->name);
    }
}

static void
check_types (const HatSnapshot *expected, const HatSnapshot *got)
{
  const guint32 n_blocks = expected->info.n_blocks;
  g_assert_cmpuint (got->n_kinds, ==, expected->n_kinds);
  for (guint32 i = 0; i < expected->n_kinds; i++)
    {
      const HatBlockKind *a = &expected->kinds[i], *b = &got->kinds[i];
      g_assert_cmpstr (b->name, ==, a->name);
      g_assert_cmpstr (b->words, ==, a->words);
      g_assert_true (b->type == a->type && b->offset == a->offset && b->evidence == a->evidence && b->is_array == a->is_array);
    }
  if (n_blocks > 0)
    g_assert_cmpmem (got->block_kind, n_blocks * 4, expected->block_kind, n_blocks * 4);
  g_assert_cmpuint (got->n_values, ==, expected->n_values);
  for (guint32 i = 0; i < expected->n_values; i++)
    {
      const HatBlockValue *a = &expected->values[i], *b = &got->values[i];
      g_assert_cmpuint (b->block, ==, a->block);
      g_assert_cmpmem (got->value_bytes + b->at, b->n, expected->value_bytes + a->at, a->n);
    }
  g_assert_cmpuint (got->n_variables, ==, expected->n_variables);
  for (guint32 i = 0; i < expected->n_variables; i++)
    {
      const HatVariable *a = &expected->variables[i], *b = &got->variables[i];
      g_assert_cmpstr (b->name, ==, a->name);
      g_assert_cmpstr (b->type_name, ==, a->type_name);
      g_assert_cmpstr (b->function, ==, a->function);
      g_assert_true (b->type == a->type && b->frame == a->frame && b->address == a->address && b->size == a->size && b->place == a->place);
      g_assert_cmpmem (got->value_bytes + b->at, b->n_bytes, expected->value_bytes + a->at, a->n_bytes);
    }
}

void
fixture_check_snapshot (const HatSnapshot *expected, const HatSnapshot *got)
{
  const HatSnapshotInfo *a = &expected->info, *b = &got->info;
  g_assert_cmpuint (b->reason, ==, a->reason);
  g_assert_cmpstr (b->detail, ==, a->detail);
  g_assert_cmpint (b->pause_ns, ==, a->pause_ns);
  g_assert_cmpuint (b->read_bytes, ==, a->read_bytes);
  g_assert_cmpint (b->is_windowed, ==, a->is_windowed);
  g_assert_cmpuint (b->n_blocks, ==, a->n_blocks);
  g_assert_cmpuint (b->n_edges, ==, a->n_edges);
  g_assert_cmpuint (b->n_roots, ==, a->n_roots);
  g_assert_cmpuint (b->n_threads_skipped, ==, a->n_threads_skipped);
#define EQUAL(field, n) g_assert_cmpmem (got->field, (n) * sizeof (*got->field), expected->field, (n) * sizeof (*got->field))
  EQUAL (first_edge, a->n_blocks + 1);
  EQUAL (edge_to, a->n_edges);
  EQUAL (edge_word, a->n_edges);
  g_assert_cmpuint (got->n_interior, ==, expected->n_interior);
  EQUAL (interior_edge, expected->n_interior);
  EQUAL (interior_offset, expected->n_interior);
  g_assert_cmpuint (got->n_frames, ==, expected->n_frames);
  for (guint32 i = 0; i < expected->n_frames; i++)
    {
      const HatSnapshotFrame *x = &expected->frames[i], *y = &got->frames[i];
      g_assert_true (x->thread == y->thread && x->frame == y->frame && x->cfa == y->cfa && x->known == y->known);
      g_assert_cmpmem (x->registers, sizeof (x->registers), y->registers, sizeof (y->registers));
    }
  g_assert_cmpuint (got->n_module_words, ==, expected->n_module_words);
  for (guint32 i = 0; i < expected->n_module_words; i++)
    {
      const HatModuleWord *x = &expected->module_words[i], *y = &got->module_words[i];
      g_assert_true (x->block == y->block && x->word == y->word && x->module == y->module && x->offset == y->offset);
    }
  g_assert_cmpuint (got->n_heads, ==, expected->n_heads);
  for (guint32 i = 0; i < expected->n_heads; i++)
    {
      g_assert_cmpuint (got->heads[i].block, ==, expected->heads[i].block);
      g_assert_cmpmem (got->heads[i].words, 24, expected->heads[i].words, 24);
    }
  g_assert_cmpuint (got->n_doubtful, ==, expected->n_doubtful);
  EQUAL (doubtful, expected->n_doubtful);
  check_roots (expected, got);
  check_types (expected, got);
  for (guint32 i = 0, edge = 0; edge < a->n_edges; edge++)
    g_assert_cmpuint (hat_snapshot_edge_into (got, edge), ==,
                      a->n_edges > 0 && expected->edge_to[edge] & HAT_EDGE_INTERIOR ? expected->interior_offset[i++] : 0);
}
