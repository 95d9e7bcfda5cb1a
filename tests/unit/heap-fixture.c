/* SPDX-License-Identifier: Apache-2.0
 *
 * Random traces and the oracle. */

#include "tests/unit/heap-fixture.h"
#include "core/heap/live/account.h"
#include "core/trace/writer.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* ---- writing ---- */

/* The program that is simulated: what one process has. */
typedef struct
{
  guint process;
  GArray *live; /* HatBlock, no order */
  HatAccount *account;
  HatBlockId first_block;
  HatBlockId last_made[FIXTURE_THREADS]; /* the last allocation of each thread, for `temporary` */
  guint64 n_events;
  guint64 next_address;
  gint64 time;
} Program;

static void
write_code (HatTraceWriter *writer)
{
  const HatModule modules[] = {
    { .path = "/usr/bin/program", .start = 0x1000, .end = 0x2000 },
    { .path = "/usr/lib/libthing.so", .start = 0x10000, .end = 0x20000 },
  };
  g_autoptr (HatSymbols) symbols = hat_symbols_new ();

  for (guint i = 0; i < G_N_ELEMENTS (modules); i++)
    hat_trace_writer_add_module (writer, &modules[i]);
  /* Twenty locations in eight functions, some of them inlined into others. */
  for (guint i = 0; i < 20; i++)
    {
      const HatFrame frame = { .module = i % 2, .offset = 0x100 + i };
      const HatFrameId id = hat_trace_writer_add_frame (writer, &frame);
      g_autofree char *outer = g_strdup_printf ("function_%u", i % 8);
      g_autofree char *inner = g_strdup_printf ("function_%u", (i + 3) % 8);
      const HatSourceFrame source[] = {
        { .function = inner, .file = "/src/inner.c", .line = i + 1, .is_inline = TRUE },
        { .function = outer, .file = "/src/outer.c", .line = i + 100 },
      };
      if (i % 5 == 0)
        hat_symbols_add (symbols, id, source, 2);
      else
        hat_symbols_add (symbols, id, source + 1, 1);
    }
  hat_trace_writer_add_symbols (writer, symbols);
  /* Some chains are long, some come from the truncated root. */
  for (guint i = 0; i < FIXTURE_STACKS; i++)
    {
      const HatStackId parent = i < 4 ? i % 2 : (HatStackId) g_test_rand_int_range (i % 7 == 0 ? 0 : 2 + i / 2, 2 + i);
      hat_trace_writer_add_stack (writer, parent, i < 4 ? (gint) i : g_test_rand_int_range (0, 20)); /* the first ones differ */
    }
}

static Program *
program_new (HatTraceWriter *writer, const Program *parent, gint64 time)
{
  Program *program = g_new0 (Program, 1);
  HatProcess info = { .pid = 100, .parent = -1, .exe = "/usr/bin/program", .provider = "libc.so.6", .start_ns = time };

  program->live = g_array_new (FALSE, FALSE, sizeof (HatBlock));
  program->first_block = 1;
  program->next_address = 0x10000;
  program->time = time;
  if (parent)
    {
      info.parent = parent->process;
      info.is_fork = TRUE;
      info.fork_event = parent->n_events;
      program->first_block = info.first_block = parent->live->len > 0 || parent->n_events > 0 ? parent->first_block : 1;
      g_array_append_vals (program->live, parent->live->data, parent->live->len);
      for (guint i = 0; i < parent->live->len; i++)
        info.inherited_bytes += g_array_index (parent->live, HatBlock, i).size;
      info.inherited_blocks = parent->live->len;
      program->next_address = parent->next_address;
      for (guint i = 0; i < FIXTURE_THREADS; i++)
        info.first_block = MAX (info.first_block, parent->last_made[i] + 1);
      program->first_block = info.first_block;
    }
  program->account = hat_account_new (info.inherited_blocks, info.inherited_bytes);
  program->process = hat_trace_writer_add_process (writer, &info);
  for (guint i = 0; i < FIXTURE_THREADS; i++)
    hat_trace_writer_add_thread (writer, program->process, 100 + i, i == 0 ? "main" : NULL);
  return program;
}

static void
program_free (Program *program)
{
  g_array_unref (program->live);
  hat_account_free (program->account);
  g_free (program);
}

static guint64
random_size (void)
{
  switch (g_test_rand_int_range (0, 12))
    {
    case 0:
      return 0;
    case 1:
      return G_GUINT64_CONSTANT (0x100000000) + g_test_rand_int_range (0, 1000);
    case 2:
    case 3:
      return g_test_rand_int_range (1000, 2000000);
    default:
      return g_test_rand_int_range (1, 300);
    }
}

static void
run_event (Program *program, HatTraceWriter *writer, guint max_live)
{
  HatEvent event = { .thread = g_test_rand_int_range (0, FIXTURE_THREADS) };
  HatBlock old = { 0 };
  const guint wish = g_test_rand_int_range (0, 100);
  const gboolean is_crowded = program->live->len > (guint) g_test_rand_int_range (0, 2 * max_live);
  guint victim = 0;

  program->time += g_test_rand_int_range (0, 2000) == 0 ? g_test_rand_int_range (0, 300000000) : g_test_rand_int_range (0, 60000);
  event.time_ns = program->time;
  if (program->live->len > 0)
    victim = g_test_rand_int_range (0, 3) == 0 ? (guint) g_test_rand_int_range (0, program->live->len) : program->live->len - 1;
  if (wish < 2)
    event.kind = HAT_EVENT_UNKNOWN_FREE;
  else if (program->live->len == 0 || (!is_crowded && wish < 85))
    event.kind = HAT_EVENT_ALLOC;
  else if (wish < 10)
    event.kind = HAT_EVENT_REALLOC;
  else if (wish < 12)
    event.kind = HAT_EVENT_MISSED_FREE;
  else
    event.kind = HAT_EVENT_FREE;

  if (event.kind == HAT_EVENT_FREE || event.kind == HAT_EVENT_REALLOC || event.kind == HAT_EVENT_MISSED_FREE)
    {
      old = g_array_index (program->live, HatBlock, victim);
      g_array_remove_index_fast (program->live, victim);
      event.old = old.id;
      event.temporary = event.kind == HAT_EVENT_FREE && old.id >= program->first_block && old.thread == event.thread
                        && program->last_made[event.thread] == old.id;
    }
  if (event.kind == HAT_EVENT_ALLOC || event.kind == HAT_EVENT_REALLOC)
    {
      event.size = random_size ();
      event.address = program->next_address;
      if (event.kind == HAT_EVENT_REALLOC && event.size <= old.size)
        event.address = old.address;
      else
        program->next_address += 16 + event.size;
      event.stack = g_test_rand_int_range (0, FIXTURE_STACKS + 2);
    }
  else if (event.kind == HAT_EVENT_UNKNOWN_FREE)
    event.address = 0x5000;

  event.block = hat_trace_writer_add_event (writer, program->process, &event);
  program->n_events++;
  hat_account_add (program->account, &event, old.stack, old.size, old.id < program->first_block);
  if (event.block != 0)
    {
      const HatBlock made = { event.address, event.size, event.block, event.time_ns, event.stack, event.thread };
      g_array_append_val (program->live, made);
      program->last_made[event.thread] = event.block;
    }
}

static gboolean
write_trace (HatTraceWriter *writer, const FixtureOptions *options, GError **error)
{
  g_autoptr (GPtrArray) programs = g_ptr_array_new_with_free_func ((GDestroyNotify) program_free);
  const guint max_live = options->max_live ? options->max_live : 400;
  g_autofree char *sample = g_strdup_printf ("%" G_GUINT64_FORMAT, options->sample_bytes);

  if (options->sample_bytes > 0)
    hat_trace_writer_add_note (writer, "option.sample", sample);
  write_code (writer);
  g_ptr_array_add (programs, program_new (writer, NULL, 0));
  for (guint i = 0; i < options->n_events; i++)
    {
      if (programs->len <= options->n_forks && i >= (guint64) options->n_events * programs->len / (options->n_forks + 1))
        {
          const Program *parent = programs->pdata[g_test_rand_int_range (0, programs->len)];
          g_ptr_array_add (programs, program_new (writer, parent, parent->time));
        }
      for (guint p = 0; p < programs->len; p++)
        run_event (programs->pdata[p], writer, max_live);
      if (options->events_per_chunk && g_test_rand_int_range (0, options->events_per_chunk) == 0
          && !hat_trace_writer_flush (writer, TRUE, error))
        return FALSE;
    }
  gint64 end = 0;
  for (guint p = 0; p < programs->len; p++)
    {
      Program *program = programs->pdata[p];
      const HatProcess info = { .end_ns = program->time + 1000000 };
      hat_trace_writer_end_process (writer, program->process, &info);
      if (!options->no_summary)
        hat_trace_writer_add_summary (writer, program->process, hat_account_summary (program->account));
      end = MAX (end, info.end_ns);
    }
  return options->is_killed ? hat_trace_writer_flush (writer, TRUE, error) : hat_trace_writer_finish (writer, end, error);
}

HatTrace *
fixture_trace (const FixtureOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const int fd = g_file_open_tmp ("test-heap-XXXXXX.heapatlas", &path, &error);

  g_assert_no_error (error);
  close (fd);
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, &error);
  g_assert_no_error (error);
  write_trace (writer, options, &error);
  g_assert_no_error (error);
  g_clear_pointer (&writer, hat_trace_writer_free);

  HatTrace *trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return trace;
}

/* ---- the oracle ---- */

static guint
hash_id (gconstpointer id)
{
  return (guint) * (const guint64 *) id * 2654435761u;
}

GHashTable *
oracle_start (Oracle *oracle)
{
  GHashTable *live = g_hash_table_new_full (hash_id, g_int64_equal, NULL, g_free);

  for (guint i = 0; i < oracle->inherited->len; i++)
    {
      HatBlock *block = g_memdup2 (&g_array_index (oracle->inherited, HatBlock, i), sizeof (HatBlock));
      g_hash_table_insert (live, &block->id, block);
    }
  return live;
}

void
oracle_apply (GHashTable *live, const HatEvent *event, HatBlock *out_old)
{
  out_old->id = 0;
  if (event->old)
    {
      const HatBlock *old = g_hash_table_lookup (live, &event->old);
      g_assert_nonnull (old);
      *out_old = *old;
      g_hash_table_remove (live, &event->old);
    }
  if (event->block)
    {
      const HatBlock made = { event->address, event->size, event->block, event->time_ns, event->stack, event->thread };
      HatBlock *block = g_memdup2 (&made, sizeof made);
      g_assert_true (g_hash_table_insert (live, &block->id, block));
    }
}

GHashTable *
oracle_live (Oracle *oracle, guint n_events)
{
  GHashTable *live = oracle_start (oracle);
  HatBlock old;

  for (guint i = 0; i < n_events; i++)
    oracle_apply (live, &g_array_index (oracle->events, HatEvent, i), &old);
  return live;
}

static int
compare_blocks (gconstpointer a, gconstpointer b)
{
  const HatBlock *x = a, *y = b;

  if (x->address != y->address)
    return x->address < y->address ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

GArray *
oracle_blocks (GHashTable *live)
{
  GArray *blocks = g_array_new (FALSE, FALSE, sizeof (HatBlock));
  GHashTableIter iter;
  gpointer block;

  g_hash_table_iter_init (&iter, live);
  while (g_hash_table_iter_next (&iter, NULL, &block))
    g_array_append_vals (blocks, block, 1);
  g_array_sort (blocks, compare_blocks);
  return blocks;
}

Oracle *
oracle_new (HatTrace *trace, guint process)
{
  Oracle *oracle = g_new0 (Oracle, 1);
  g_autofree HatEvent *buffer = g_new (HatEvent, HAT_CHUNK_EVENTS);
  g_autoptr (GError) error = NULL;
  guint n_chunks;

  oracle->trace = trace;
  oracle->process = process;
  oracle->info = hat_trace_process (trace, process);
  oracle->events = g_array_new (FALSE, FALSE, sizeof (HatEvent));
  oracle->inherited = g_array_new (FALSE, FALSE, sizeof (HatBlock));
  const HatChunk *chunks = hat_trace_chunks (trace, process, &n_chunks);
  for (guint i = 0; i < n_chunks; i++)
    {
      hat_trace_decode_chunk (trace, process, i, buffer, &error);
      g_assert_no_error (error);
      g_array_append_vals (oracle->events, buffer, chunks[i].n_events);
    }
  if (oracle->info->is_fork)
    {
      g_autoptr (Oracle) parent = oracle_new (trace, oracle->info->parent);
      g_autoptr (GHashTable) live = oracle_live (parent, oracle->info->fork_event);
      g_array_unref (oracle->inherited);
      oracle->inherited = oracle_blocks (live);
    }
  return oracle;
}

void
oracle_free (Oracle *oracle)
{
  g_array_unref (oracle->events);
  g_array_unref (oracle->inherited);
  g_free (oracle);
}

guint
oracle_position (Oracle *oracle, gint64 time)
{
  guint n = 0;
  while (n < oracle->events->len && g_array_index (oracle->events, HatEvent, n).time_ns <= time)
    n++;
  return n;
}

gint64
oracle_random_time (Oracle *oracle)
{
  const guint n = oracle->events->len;

  if (n == 0)
    return g_test_rand_int_range (0, 1000);
  const gint64 time = g_array_index (oracle->events, HatEvent, g_test_rand_int_range (0, n)).time_ns;
  switch (g_test_rand_int_range (0, 8))
    {
    case 0:
      return g_array_index (oracle->events, HatEvent, 0).time_ns - g_test_rand_int_range (0, 2);
    case 1:
      return g_array_index (oracle->events, HatEvent, n - 1).time_ns + g_test_rand_int_range (-1, 2);
    case 2:
    case 3:
    case 4:
      return time;
    case 5:
      return time - 1;
    default:
      return time + g_test_rand_int_range (0, 1000000);
    }
}

static void
count_event (OracleCount *count, const HatEvent *event, const HatBlock *old, gboolean is_own)
{
  HatSite *site = event->block ? &count->sites[event->stack] : NULL;
  HatSite *old_site = old->id && is_own ? &count->sites[old->stack] : NULL;
  HatTotals *totals = &count->totals;

  switch ((HatEventKind) event->kind)
    {
    case HAT_EVENT_ALLOC:
      site->allocations++;
      site->bytes += event->size;
      totals->allocations++;
      totals->bytes_allocated += event->size;
      break;
    case HAT_EVENT_REALLOC:
      site->reallocations++;
      site->realloc_delta_bytes += event->size - old->size;
      totals->reallocations++;
      totals->realloc_delta_bytes += event->size - old->size;
      break;
    case HAT_EVENT_FREE:
      totals->frees++;
      totals->temporary += event->temporary;
      totals->bytes_freed += old->size;
      if (old_site)
        {
          old_site->frees++;
          old_site->temporary += event->temporary;
          old_site->bytes_freed += old->size;
        }
      break;
    case HAT_EVENT_MISSED_FREE:
      totals->missed_frees++;
      totals->bytes_freed += old->size;
      if (old_site)
        old_site->bytes_freed += old->size;
      break;
    case HAT_EVENT_UNKNOWN_FREE:
      totals->frees++;
      totals->unknown_frees++;
      break;
    }
}

/* The live figures of sites (own blocks only) and totals, from a live set. */
static void
count_live (OracleCount *count, GHashTable *live, HatBlockId first_block, gboolean is_peak)
{
  GHashTableIter iter;
  gpointer value;

  for (guint i = 0; i < G_N_ELEMENTS (count->sites); i++)
    *(is_peak ? &count->sites[i].peak_bytes : &count->sites[i].live_bytes)
      = *(is_peak ? &count->sites[i].peak_blocks : &count->sites[i].live_blocks) = 0;
  count->totals.live_blocks = count->totals.live_bytes = 0;
  g_hash_table_iter_init (&iter, live);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const HatBlock *block = value;
      count->totals.live_blocks++;
      count->totals.live_bytes += block->size;
      if (block->id < first_block)
        continue;
      *(is_peak ? &count->sites[block->stack].peak_bytes : &count->sites[block->stack].live_bytes) += block->size;
      *(is_peak ? &count->sites[block->stack].peak_blocks : &count->sites[block->stack].live_blocks) += 1;
    }
}

OracleCount *
oracle_count (Oracle *oracle, guint first, guint end, gint64 from)
{
  OracleCount *count = g_new0 (OracleCount, 1);
  g_autoptr (GHashTable) live = oracle_live (oracle, first);
  const HatBlockId first_block = oracle->info->first_block;
  guint64 bytes, peak_event = first;
  HatBlock old;

  for (guint i = 0; i < G_N_ELEMENTS (count->sites); i++)
    count->sites[i].stack = i;
  count_live (count, live, first_block, FALSE);
  bytes = count->totals.peak_bytes = count->totals.live_bytes;
  count->totals.peak_time_ns = from;
  for (guint i = first; i < end; i++)
    {
      const HatEvent *event = &g_array_index (oracle->events, HatEvent, i);
      oracle_apply (live, event, &old);
      count_event (count, event, &old, old.id >= first_block);
      bytes += (event->block ? event->size : 0) - (old.id ? old.size : 0);
      if (bytes > count->totals.peak_bytes)
        {
          count->totals.peak_bytes = bytes;
          count->totals.peak_time_ns = event->time_ns;
          peak_event = i + 1;
        }
    }
  count->totals.peak_event = peak_event;
  count_live (count, live, first_block, FALSE);

  const guint64 live_blocks = count->totals.live_blocks, live_bytes = count->totals.live_bytes;
  g_autoptr (GHashTable) at_peak = oracle_live (oracle, peak_event);
  count_live (count, at_peak, first_block, TRUE);
  g_assert_cmpuint (count->totals.live_bytes, ==, count->totals.peak_bytes);
  count->totals.live_blocks = live_blocks;
  count->totals.live_bytes = live_bytes;
  count->totals.inherited_blocks = oracle->info->inherited_blocks;
  count->totals.inherited_bytes = oracle->info->inherited_bytes;
  return count;
}

void
assert_same_block (const HatBlock *a, const HatBlock *b)
{
  g_assert_cmpuint (a->address, ==, b->address);
  g_assert_cmpuint (a->size, ==, b->size);
  g_assert_cmpuint (a->id, ==, b->id);
  g_assert_cmpint (a->birth_ns, ==, b->birth_ns);
  g_assert_cmpuint (a->stack, ==, b->stack);
  g_assert_cmpuint (a->thread, ==, b->thread);
}
