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
        event.kind = HAT_EVENT_FREE;
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
