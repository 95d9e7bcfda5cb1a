/* SPDX-License-Identifier: Apache-2.0 */

/* The trace file: what is written comes back; spans equal a replay; any instant costs at most one chunk of it. */

#include "core/trace/container.h"
#include "tests/unit/trace-fixture.h"

static HatTraceWriter *
start (const char *path)
{
  g_autoptr (GError) error = NULL;
  HatTraceWriter *writer = hat_trace_writer_new (path, -1, 1700000000000000, &error);
  g_assert_no_error (error);
  fixture_add_stacks (writer);
  return writer;
}

static void
finish (HatTraceWriter *writer, gint64 duration_ns)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (hat_trace_writer_finish (writer, duration_ns, &error));
  g_assert_no_error (error);
  hat_trace_writer_free (writer);
}

static HatTrace *
open_complete (const char *path)
{
  g_autoptr (GError) error = NULL;
  HatTrace *trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hat_trace_damage (trace), ==, NULL);
  g_assert_true (hat_trace_is_complete (trace));
  return trace;
}

static void
test_events_come_back (void)
{
  char *path = fixture_path ("events");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) first = script_new (writer, NULL);
  script_run (first, 70000);
  g_autoptr (Script) child = script_new (writer, first);
  child->free_stacks = TRUE;
  script_run (child, 300);
  script_run (first, 5);
  script_run (child, 30000);
  g_autoptr (Script) grandchild = script_new (writer, child);
  script_run (first, 80000);
  script_run (grandchild, 100);
  g_autoptr (Script) empty = script_new (writer, NULL);
  finish (writer, first->time_ns);

  g_autoptr (HatTrace) trace = open_complete (path);
  g_assert_cmpuint (hat_trace_n_processes (trace), ==, 4);
  script_check (first, trace, first->events->len);
  script_check (child, trace, child->events->len);
  script_check (grandchild, trace, grandchild->events->len);
  script_check (empty, trace, 0);
  g_assert_cmpuint (hat_trace_process (trace, 1)->fork_event, ==, 70000);
  g_assert_true (hat_trace_process (trace, 1)->is_fork);
  g_assert_cmpint (hat_trace_process (trace, 2)->parent, ==, 1);
  g_assert_cmpuint (hat_trace_process (trace, 2)->first_block, ==, grandchild->first_block);

  g_autoptr (GError) error = NULL;
  g_assert_true (hat_trace_check (trace, NULL, &error));
  g_assert_no_error (error);
  fixture_remove (path);
}

/* More of them than chunks may wait for the writer's thread, which a recording so short does not start. */
static void
test_many_short_processes (void)
{
  enum
  {
    N = 40,
  };
  char *path = fixture_path ("short");
  HatTraceWriter *writer = start (path);
  Script *scripts[N];
  for (guint i = 0; i < N; i++)
    {
      scripts[i] = script_new (writer, NULL);
      script_run (scripts[i], 20 + i);
    }
  finish (writer, scripts[0]->time_ns);

  g_autoptr (HatTrace) trace = open_complete (path);
  g_assert_cmpuint (hat_trace_n_processes (trace), ==, N);
  for (guint i = 0; i < N; i++)
    {
      script_check (scripts[i], trace, 20 + i);
      script_free (scripts[i]);
    }
  fixture_remove (path);
}

/* ---- which blocks die, in which order, and by which thread ---- */

typedef enum
{
  OLDEST_FIRST,
  YOUNGEST_FIRST,
  IN_ANY_ORDER,
  N_ORDERS,
} Order;

static void
add (Script *script, HatEvent event)
{
  event.time_ns = script->time_ns += 300;
  event.block = hat_trace_writer_add_event (script->writer, script->process, &event);
  g_array_append_val (script->events, event);
}

/* Makes blocks, by thread 0, and ends the last `n_ended` of them: those of the chunk before, or of the same one. `ender`: 0, 1, or 2 for both. */
static Script *
run_deaths (HatTraceWriter *writer, Order order, guint n_ended, guint ender, gboolean same_chunk)
{
  enum { N = 3000 };
  Script *script = script_new (writer, NULL);
  g_autofree HatBlockId *ended = g_new (HatBlockId, n_ended);

  for (guint i = 0; i < N; i++)
    add (script, (HatEvent){ .kind = HAT_EVENT_ALLOC, .address = 0x10000 + i * 64, .size = i % 60, .stack = i % FIXTURE_STACKS });
  if (!same_chunk)
    g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
  for (guint i = 0; i < n_ended; i++)
    ended[i] = order == YOUNGEST_FIRST ? N - i : N - n_ended + 1 + i;
  for (guint i = n_ended; order == IN_ANY_ORDER && i > 1; i--)
    {
      const guint k = (guint) g_test_rand_int_range (0, (gint32) i);
      const HatBlockId other = ended[k];
      ended[k] = ended[i - 1];
      ended[i - 1] = other;
    }
  for (guint i = 0; i < n_ended; i++)
    add (script, (HatEvent){ .kind = HAT_EVENT_FREE, .old = ended[i], .thread = ender == 2 ? i / 3 % 2 : ender });
  g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
  return script;
}

static void
test_deaths_of_all_kinds (void)
{
  char *path = fixture_path ("deaths");
  HatTraceWriter *writer = start (path);
  g_autoptr (GPtrArray) scripts = g_ptr_array_new_with_free_func ((GDestroyNotify) script_free);
  const guint few = 60, many = 2500;

  for (guint order = 0; order < N_ORDERS; order++)
    for (guint ender = 0; ender < 3; ender++)
      for (guint kind = 0; kind < 4; kind++)
        g_ptr_array_add (scripts, run_deaths (writer, order, kind % 2 ? few : many, ender, kind / 2));
  finish (writer, 1000);

  g_autoptr (HatTrace) trace = open_complete (path);
  for (guint i = 0; i < scripts->len; i++)
    {
      const Script *script = scripts->pdata[i];
      script_check (script, trace, script->events->len);
    }
  fixture_remove (path);
}

static void
test_a_standing_clock (void)
{
  char *path = fixture_path ("clock");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  for (guint i = 0; i < 250000; i++)
    hat_trace_writer_add_event (writer, 0, &(HatEvent){ .kind = HAT_EVENT_ALLOC, .time_ns = 12345, .size = 1 });
  finish (writer, 0);

  g_autoptr (HatTrace) trace = open_complete (path);
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  guint n;
  gint64 last = 12344;
  const HatChunk *chunks = hat_trace_chunks (trace, 0, &n);
  g_assert_cmpuint (n, ==, 4);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (hat_trace_decode_chunk (trace, 0, i, events, NULL));
      for (guint j = 0; j < chunks[i].n_events; j++)
        {
          g_assert_cmpint (events[j].time_ns, >, last);
          last = events[j].time_ns;
        }
    }
  g_assert_cmpint (last, <, 12345 + 300000);
  fixture_remove (path);
}

/* A mark's time must lie between those of the events it was set between, though these are kept to 100 us only. */
static void
test_marks_lie_between_events (void)
{
  char *path = fixture_path ("marks");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  guint after[60];
  for (guint i = 0; i < G_N_ELEMENTS (after); i++)
    {
      script_run (script, g_test_rand_int_range (0, 3));
      if (i % 20 == 0)
        g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
      after[i] = script->events->len;
      hat_trace_writer_add_mark (writer, 0, "here", script->time_ns);
    }
  script_run (script, 2);
  finish (writer, script->time_ns);

  g_autoptr (HatTrace) trace = open_complete (path);
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  g_autofree gint64 *times = g_new (gint64, script->events->len);
  guint n_chunks, n_marks;
  const HatChunk *chunks = hat_trace_chunks (trace, 0, &n_chunks);
  for (guint i = 0; i < n_chunks; i++)
    {
      g_assert_true (hat_trace_decode_chunk (trace, 0, i, events, NULL));
      for (guint j = 0; j < chunks[i].n_events; j++)
        times[chunks[i].first_event + j] = events[j].time_ns;
    }
  const HatMark *marks = hat_trace_marks (trace, 0, &n_marks);
  g_assert_cmpuint (n_marks, ==, G_N_ELEMENTS (after));
  for (guint i = 0; i < n_marks; i++)
    {
      g_assert_cmpstr (marks[i].name, ==, "here");
      if (after[i] > 0)
        g_assert_cmpint (marks[i].time_ns, >=, times[after[i] - 1]);
      if (after[i] < script->events->len)
        g_assert_cmpint (marks[i].time_ns, <, times[after[i]]);
    }
  fixture_remove (path);
}

/* ---- definitions ---- */

static void
add_everything (HatTraceWriter *writer)
{
  hat_trace_writer_add_note (writer, "command", "target --an option");
  hat_trace_writer_add_note (writer, "command", "target again");
  hat_trace_writer_name_thread (writer, 0, 1, "worker");
  g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
  hat_trace_writer_name_thread (writer, 0, 0, "renamed");
  const HatRegion regions[] = { { 0x1000, 0x3000, HAT_REGION_HEAP, "[heap]" },
                                { 0x3000, 0x4000, HAT_REGION_LIBRARY, "/lib/x.so" },
                                { G_MAXUINT64 - 4096, G_MAXUINT64, HAT_REGION_OTHER, "" } };
  hat_trace_writer_add_sample (writer, 0, &(HatSample){ .time_ns = 5, .rss_bytes = 1 << 20, .n_regions = 3, .regions = regions });
  hat_trace_writer_add_sample (writer, 0, &(HatSample){ .time_ns = 6, .rss_bytes = 1 << 21 });

  g_autoptr (HatSymbols) symbols = hat_symbols_new ();
  const HatSourceFrame chain[] = { { "inner<int>", "/src/a.h", 12, TRUE }, { "outer", "/src/a.cc", G_MAXUINT32, FALSE } };
  const HatSourceFrame unknown = { "0x1", NULL, 0, FALSE };
  hat_symbols_add (symbols, 3, &unknown, 1);
  hat_symbols_add (symbols, 3, chain, 2);
  hat_symbols_add (symbols, 8, chain + 1, 1);
  hat_symbols_add (symbols, 9, &unknown, 1);
  hat_trace_writer_add_symbols (writer, symbols);

  const HatField fields[] = { { "next", 2, HAT_FIELD_MEMBER, 0, 8, 8, 0, 0 }, { NULL, 3, HAT_FIELD_MEMBER, 8, 1, 4, 3, 66 } };
  const HatVariant variants[] = { { "None", TRUE, -1, FALSE, HAT_TYPE_VOID, 0 }, { "Some", FALSE, 0, TRUE, 1, 8 } };
  const HatKeptType types[] = {
    { .id = 1, .type = { .name = "Node", .size = 16, .kind = HAT_TYPE_STRUCT, .language = HAT_LANGUAGE_C }, .align = 8, .n_fields = 2, .fields = fields,
      .file = "/src/node.c", .line = 12 },
    { .id = 2, .type = { .name = "Node *", .size = 8, .target = 1, .kind = HAT_TYPE_POINTER }, .align = 8 },
    { .id = 3, .type = { .name = "int", .size = 4, .kind = HAT_TYPE_BASE, .is_signed = TRUE }, .align = 4 },
    { .id = 4, .type = { .name = "Later", .size = 24, .kind = HAT_TYPE_STRUCT, .is_declaration = TRUE } },
  };
  hat_trace_writer_add_types (writer, types, G_N_ELEMENTS (types));
  const HatKeptType later = { .id = 4, .type = { .name = "Option<Node>", .size = 24, .kind = HAT_TYPE_STRUCT, .language = HAT_LANGUAGE_RUST }, .align = 8,
                              .is_packed = TRUE, .n_variants = 2, .variants = variants, .has_tag = TRUE,
                              .tag = { NULL, 3, HAT_FIELD_TAG, 0, 4, 4, 0, 0 }, .niche = "0.next" };
  hat_trace_writer_add_types (writer, &later, 1);
  const HatStackType stack_types[] = { { 5, { 1, FALSE, HAT_EVIDENCE_STACK, "Box<Node>::new", 16, 0 } },
                                       { 9, { 3, TRUE, HAT_EVIDENCE_POINTER, "", 4, 2, TRUE } } };
  hat_trace_writer_add_stack_types (writer, stack_types, 1);
  hat_trace_writer_add_stack_types (writer, stack_types, 2);

  const HatSite sites[] = { { .stack = 0, .allocations = 3, .bytes = 30, .live_blocks = 7, .live_bytes = 1, .peak_bytes = 50 },
                            { .stack = 17, .frees = 3, .bytes_freed = G_MAXUINT64 / 2, .realloc_delta_bytes = -5, .temporary = 1 } };
  const HatLeaf leaf = { .end_ns = 99, .min_bytes = 1, .max_bytes = 9, .last_bytes = 5, .last_blocks = 2, .allocations = 4 };
  const HatSummary summary = { .totals = { .allocations = 3, .realloc_delta_bytes = -7, .peak_event = 40, .lost_events = 2 },
                               .n_sites = 1, .sites = sites + 1, .n_leaves = 1, .leaves = &leaf };
  hat_trace_writer_add_sites (writer, 0, sites, 1);
  hat_trace_writer_add_summary (writer, 0, &summary);
  hat_trace_writer_end_process (writer, 0, &(HatProcess){ .end_ns = 1, .exit_status = -1, .disarmed_ns = -1 });
  hat_trace_writer_end_process (writer, 0, &(HatProcess){ .end_ns = 777, .exit_status = 3, .signal = 9, .lost_events = 2, .disarmed_ns = 55 });
}

static void
check_process (HatTrace *trace)
{
  const HatProcess *process = hat_trace_process (trace, 0);
  guint n;
  g_assert_cmpuint (process->pid, ==, 100);
  g_assert_cmpstr (process->exe, ==, "/usr/bin/target");
  g_assert_cmpstr (process->provider, ==, "libc.so.6");
  g_assert_cmpuint (g_strv_length ((char **) process->argv), ==, 3);
  g_assert_cmpstr (process->argv[1], ==, "--an option");
  g_assert_cmpint (process->end_ns, ==, 777);
  g_assert_cmpint (process->exit_status, ==, 3);
  g_assert_cmpint (process->signal, ==, 9);
  g_assert_cmpint (process->disarmed_ns, ==, 55);
  const HatThread *threads = hat_trace_threads (trace, 0, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (threads[1].tid, ==, 101);
  g_assert_cmpstr (threads[0].name, ==, "renamed");
  g_assert_cmpstr (threads[1].name, ==, "worker");
  const HatSample *samples = hat_trace_samples (trace, 0, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (samples[0].n_regions, ==, 3);
  g_assert_cmphex (samples[0].regions[1].end, ==, 0x4000);
  g_assert_cmpuint (samples[0].regions[1].kind, ==, HAT_REGION_LIBRARY);
  g_assert_cmpstr (samples[0].regions[0].name, ==, "[heap]");
  g_assert_cmphex (samples[0].regions[2].end, ==, G_MAXUINT64);
  g_assert_cmpuint (samples[1].rss_bytes, ==, 1 << 21);
}

static void
check_summary (HatTrace *trace, const Script *script)
{
  const HatSummary *summary = hat_trace_summary (trace, 0);
  g_assert_cmpint (summary->totals.realloc_delta_bytes, ==, -7);
  g_assert_cmpuint (summary->totals.lost_events, ==, 2);
  g_assert_cmpuint (summary->n_sites, ==, 2);
  g_assert_cmpuint (summary->sites[0].live_blocks, ==, 7);
  g_assert_cmpuint (summary->sites[0].live_bytes, ==, 1);
  g_assert_cmpuint (summary->sites[0].peak_bytes, ==, 50);
  g_assert_cmpuint (summary->sites[1].stack, ==, 17);
  g_assert_cmpuint (summary->sites[1].frees, ==, 3);
  g_assert_cmpuint (summary->sites[1].bytes_freed, ==, G_MAXUINT64 / 2);
  g_assert_cmpint (summary->sites[1].realloc_delta_bytes, ==, -5);
  g_assert_cmpuint (summary->n_leaves, ==, 1);
  g_assert_cmpuint (summary->leaves[0].min_bytes, ==, 1);
  g_assert_cmpuint (summary->leaves[0].max_bytes, ==, 9);

  /* Its times are those of the decoded events. */
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  guint n;
  const HatChunk *chunks = hat_trace_chunks (trace, 0, &n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (hat_trace_decode_chunk (trace, 0, i, events, NULL));
      if (chunks[i].first_event <= 39 && 39 < chunks[i].first_event + chunks[i].n_events)
        g_assert_cmpint (summary->totals.peak_time_ns, ==, events[39 - chunks[i].first_event].time_ns);
    }
  g_assert_cmpint (summary->leaves[0].end_ns, ==, chunks[n - 1].end_ns);
  g_assert_cmpuint (script->events->len, <, HAT_LEAF_EVENTS);
}

static void
check_code (HatTrace *trace)
{
  guint n;
  const HatModule *modules = hat_trace_modules (trace, &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpstr (modules[1].path, ==, "/usr/lib/libc.so.6");
  g_assert_cmpuint (modules[2].build_id[0], ==, 3);
  g_assert_cmphex (modules[1].bias, ==, 0x400000);
  const HatFrame *frames = hat_trace_frames (trace, &n);
  g_assert_cmpuint (n, ==, 40);
  g_assert_cmphex (frames[5].offset, ==, 0x1000 - 17 * 5);
  g_assert_true (frames[7].exact && !frames[8].exact && frames[39].cut && frames[39].module == G_MAXUINT32);
  const HatStackNode *stacks = hat_trace_stacks (trace, &n);
  g_assert_cmpuint (n, ==, FIXTURE_STACKS);
  for (guint i = 2; i < n; i++)
    g_assert_true (stacks[i].parent < i && stacks[i].frame < 40);
}

static void
check_symbols (HatTrace *trace)
{
  guint n;
  const HatSourceFrame *source = hat_trace_source (trace, 3, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpstr (source[0].function, ==, "inner<int>");
  g_assert_cmpstr (source[0].file, ==, "/src/a.h");
  g_assert_cmpuint (source[0].line, ==, 12);
  g_assert_true (source[0].is_inline && !source[1].is_inline);
  g_assert_cmpuint (source[1].line, ==, G_MAXUINT32);
  g_assert_cmpstr (hat_trace_source (trace, 8, &n)->function, ==, "outer");
  g_assert_cmpstr (hat_trace_source (trace, 9, &n)->file, ==, NULL);
  g_assert_cmpstr (hat_trace_source (trace, 2, &n)->function, ==, "0xfde");
  g_assert_cmpuint (n, ==, 1);
  g_assert_true (hat_trace_source (trace, 2, &n) == hat_trace_source (trace, 2, &n));
}

static void
check_types (HatTrace *trace)
{
  guint n;
  const HatKeptType *types = hat_trace_types (trace, &n);
  g_assert_cmpuint (n, ==, 5);
  g_assert_cmpstr (types[0].type.name, ==, "void");
  g_assert_true (types[1].type.kind == HAT_TYPE_STRUCT && types[1].type.language == HAT_LANGUAGE_C && types[1].align == 8 && !types[1].niche);
  g_assert_cmpuint (types[1].n_fields, ==, 2);
  g_assert_cmpstr (types[1].file, ==, "/src/node.c");
  g_assert_true (types[1].line == 12 && !types[4].file);
  g_assert_cmpstr (types[1].fields[0].name, ==, "next");
  g_assert_cmpstr (types[1].fields[1].name, ==, NULL);
  g_assert_true (types[1].fields[1].bit_size == 3 && types[1].fields[1].bit_offset == 66 && types[1].fields[1].size == 1);
  g_assert_true (types[2].type.target == 1 && types[3].type.is_signed);
  g_assert_cmpstr (types[4].type.name, ==, "Option<Node>");
  g_assert_true (!types[4].type.is_declaration && types[4].is_packed && types[4].has_tag && types[4].tag.kind == HAT_FIELD_TAG);
  g_assert_cmpstr (types[4].niche, ==, "0.next");
  g_assert_cmpstr (types[4].variants[1].name, ==, "Some");
  g_assert_true (types[4].variants[0].has_value && types[4].variants[0].value == -1 && types[4].variants[1].type == 1);
  const HatStackType *stacks = hat_trace_stack_types (trace, &n);
  g_assert_true (n == 2 && stacks[1].stack == 9);
  g_assert_null (hat_trace_stack_type (trace, 4));
  g_assert_cmpstr (hat_trace_stack_type (trace, 5)->words, ==, "Box<Node>::new");
  const HatBlockType *one = hat_trace_stack_type (trace, 5), *many = hat_trace_stack_type (trace, 9);
  g_assert_true (one->evidence == HAT_EVIDENCE_STACK && !one->is_array && many->is_array && many->is_table && !one->is_table && many->evidence == HAT_EVIDENCE_POINTER);
  g_assert_cmpuint (hat_block_type_fits (one, 16), ==, 1);
  g_assert_cmpuint (hat_block_type_fits (one, 32), ==, 0);
  const HatBlockType array = { .type = 1, .is_array = TRUE, .size = 16 }, flexible = { .type = 1, .size = 16, .tail = 12 };
  g_assert_cmpuint (hat_block_type_fits (&array, 48), ==, 3);
  g_assert_cmpuint (hat_block_type_fits (&array, 49), ==, 0);
  g_assert_cmpuint (hat_block_type_fits (&flexible, 13), ==, 1);
  g_assert_cmpuint (hat_block_type_fits (&flexible, 11), ==, 0);
  const HatBlockType table = { .type = 1, .is_array = TRUE, .is_table = TRUE, .size = 16 };
  g_assert_cmpuint (hat_block_type_fits (&table, 4 * 16 + 4 + 16), ==, 4);
  g_assert_cmpuint (hat_block_type_fits (&table, 5 * 16), ==, 0);
}

static void
test_definitions_come_back (void)
{
  char *path = fixture_path ("definitions");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  script_run (script, 1000);
  add_everything (writer);
  const guint64 bytes = hat_trace_writer_bytes (writer);
  finish (writer, 123456789);

  g_autoptr (HatTrace) trace = open_complete (path);
  g_assert_cmpstr (hat_trace_path (trace), ==, path);
  g_assert_cmpuint (strlen (hat_trace_id (trace)), ==, 32);
  g_assert_cmpuint (hat_trace_bytes (trace), >, bytes);
  g_assert_cmpint (hat_trace_start_unix_us (trace), ==, 1700000000000000);
  g_assert_cmpint (hat_trace_duration_ns (trace), >=, 123456789);
  g_assert_cmpstr (hat_trace_note (trace, "command"), ==, "target again");
  g_assert_cmpstr (hat_trace_note (trace, "nothing"), ==, NULL);
  check_process (trace);
  check_summary (trace, script);
  check_code (trace);
  check_symbols (trace);
  check_types (trace);
  g_assert_true (hat_trace_has_symbols (trace));

  const HatNote notes[] = { { "suppress", "leak:main" }, { "command", "changed" } };
  g_assert_true (hat_trace_append_notes (path, notes, 2, NULL));
  g_assert_true (hat_trace_append_notes (path, notes, 1, NULL));
  g_autoptr (HatTrace) again = open_complete (path);
  g_assert_cmpstr (hat_trace_note (again, "command"), ==, "changed");
  script_check (script, again, script->events->len);
  check_symbols (again);
  check_types (again);
  g_autoptr (HatTrace) fresh = hat_trace_refresh (trace, NULL);
  g_assert_true (hat_trace_is_complete (fresh));
  g_assert_cmpstr (hat_trace_note (fresh, "suppress"), ==, "leak:main");
  g_assert_cmpstr (hat_trace_note (trace, "suppress"), ==, NULL);
  fixture_remove (path);
}

/* ---- spans ---- */

static void
check_span (const Script *script, HatTrace *trace, guint level, guint index)
{
  guint n_chunks, per = level == 0 ? 1 : level == 1 ? HAT_SPAN_CHUNKS : HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS;
  const HatChunk *chunks = hat_trace_chunks (trace, script->process, &n_chunks);
  const HatChunk *first = &chunks[index * per], *last = &chunks[index * per + per - 1];
  g_autoptr (GError) error = NULL;
  HatSpan span;
  g_assert_true (hat_trace_read_span (trace, script->process, level, index, &span, &error));
  g_assert_no_error (error);

  g_autoptr (GArray) died = NULL;
  g_autoptr (GArray) born = script_replay (script, first->first_event, last->first_event + last->n_events, &died);
  g_assert_cmpuint (span.n_died, ==, died->len);
  g_assert_cmpuint (span.n_born, ==, born->len);
  for (guint i = 0; i < died->len; i++)
    g_assert_cmpuint (span.died[i], ==, g_array_index (died, HatBlockId, i));
  g_autofree gint64 *birth = g_new0 (gint64, last->first_block + last->n_blocks - first->first_block);
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  for (guint i = index * per; i < (index + 1) * per; i++)
    {
      g_assert_true (hat_trace_decode_chunk (trace, script->process, i, events, NULL));
      for (guint j = 0; j < chunks[i].n_events; j++)
        if (events[j].block)
          birth[events[j].block - first->first_block] = events[j].time_ns;
    }
  for (guint i = 0; i < born->len; i++)
    {
      HatBlock expected = g_array_index (born, HatBlock, i);
      expected.birth_ns = birth[expected.id - first->first_block];
      g_assert_cmpmem (&span.born[i], sizeof (HatBlock), &expected, sizeof (HatBlock));
    }
  hat_span_clear (&span);
}

/* Short chunks, so that all levels are reached; in a fork, so that inherited blocks die too. */
static void
check_all_spans (guint max_live, gboolean grows, guint n_stored)
{
  char *path = fixture_path ("spans");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) parent = script_new (writer, NULL);
  script_run (parent, 500);
  g_autoptr (Script) script = script_new (writer, parent);
  script->max_live = max_live;
  script->grows = grows;
  const guint n = 2 * HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS + HAT_SPAN_CHUNKS + 3;
  for (guint i = 0; i < n; i++)
    {
      script_run (script, g_test_rand_int_range (1, 40));
      g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
    }
  finish (writer, script->time_ns);

  g_autoptr (HatTrace) trace = open_complete (path);
  script_check (script, trace, script->events->len);
  for (guint i = 0; i < n; i++)
    check_span (script, trace, 0, i);
  for (guint i = 0; i < n / HAT_SPAN_CHUNKS; i++)
    check_span (script, trace, 1, i);
  check_span (script, trace, 2, 0);
  check_span (script, trace, 2, 1);
  g_assert_cmpuint (fixture_count_chunks (path, HAT_TYPE_SPAN), ==, n_stored);
  HatSpan span;
  g_autoptr (GError) error = NULL;
  g_assert_false (hat_trace_read_span (trace, script->process, 2, 2, &span, &error));
  g_assert_false (hat_trace_read_span (trace, script->process, 1, n / HAT_SPAN_CHUNKS, &span, &error));
  g_assert_no_error (error);
  g_assert_true (hat_trace_check (trace, NULL, &error));
  g_assert_no_error (error);
  fixture_remove (path);
}

static void
test_spans_equal_replay (void)
{
  check_all_spans (100, FALSE, 2);
}

/* Where hardly anything dies, checkpoints are not stored but put together. */
static void
test_spans_of_a_growing_program (void)
{
  check_all_spans (0, TRUE, 0);
}

static void
apply_span (HatTrace *trace, guint level, guint index, GHashTable *live)
{
  HatSpan span;
  g_assert_true (hat_trace_read_span (trace, 0, level, index, &span, NULL));
  for (guint i = 0; i < span.n_died; i++)
    g_assert_true (g_hash_table_remove (live, GSIZE_TO_POINTER (span.died[i])));
  for (guint i = 0; i < span.n_born; i++)
    g_hash_table_add (live, GSIZE_TO_POINTER (span.born[i].id));
  hat_span_clear (&span);
}

/* Law 10: any instant costs at most one chunk of replay. */
static void
test_seek_decodes_one_chunk (void)
{
  char *path = fixture_path ("seek");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  script_run (script, (HAT_SPAN_CHUNKS + 2) * HAT_CHUNK_EVENTS + 1000);
  finish (writer, script->time_ns);
  g_autoptr (HatTrace) trace = open_complete (path);
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  for (guint round = 0; round < 3; round++)
    {
      const guint64 to = g_test_rand_int_range (0, (gint32) script->events->len);
      const guint chunk = (guint) (to / HAT_CHUNK_EVENTS);
      const guint64 before = hat_trace_decoded_events (trace);
      g_autoptr (GHashTable) live = g_hash_table_new (NULL, NULL);
      guint at = 0;
      for (; at + HAT_SPAN_CHUNKS <= chunk; at += HAT_SPAN_CHUNKS)
        apply_span (trace, 1, at / HAT_SPAN_CHUNKS, live);
      for (; at < chunk; at++)
        apply_span (trace, 0, at, live);
      g_assert_true (hat_trace_decode_chunk (trace, 0, chunk, events, NULL));
      for (guint i = 0; i < to % HAT_CHUNK_EVENTS; i++)
        {
          if (events[i].old)
            g_assert_true (g_hash_table_remove (live, GSIZE_TO_POINTER (events[i].old)));
          if (events[i].block)
            g_hash_table_add (live, GSIZE_TO_POINTER (events[i].block));
        }
      g_assert_cmpuint (hat_trace_decoded_events (trace) - before, <=, HAT_CHUNK_EVENTS);
      g_autoptr (GArray) expected = script_replay (script, 0, to, NULL);
      g_assert_cmpuint (g_hash_table_size (live), ==, expected->len);
      for (guint i = 0; i < expected->len; i++)
        g_assert_true (g_hash_table_contains (live, GSIZE_TO_POINTER (g_array_index (expected, HatBlock, i).id)));
    }
  fixture_remove (path);
}

/* ---- snapshots ---- */

static void
check_snapshot_of_size (guint32 n_blocks, guint32 degree)
{
  char *path = fixture_path ("snapshot");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  g_autoptr (HatSnapshot) expected = fixture_snapshot_new (n_blocks, degree);
  script_run (script, n_blocks * 3 + 10);
  hat_trace_writer_add_snapshot (writer, 0, hat_trace_writer_begin_snapshot (writer, 0, script->time_ns), expected);
  finish (writer, script->time_ns);

  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = open_complete (path);
  guint n;
  hat_trace_snapshots (trace, 0, &n);
  g_assert_cmpuint (n, ==, 1);
  g_autoptr (HatSnapshot) got = hat_trace_read_snapshot (trace, 0, 0, NULL, &error);
  g_assert_no_error (error);
  fixture_check_snapshot (expected, got);
  g_assert_true (hat_trace_check (trace, NULL, &error));
  g_assert_no_error (error);
  fixture_remove (path);
}

static void
test_snapshots_come_back (void)
{
  check_snapshot_of_size (0, 0);
  check_snapshot_of_size (1, 0);
  check_snapshot_of_size (1, 7);
  for (guint i = 0; i < 30; i++)
    check_snapshot_of_size ((guint32) g_test_rand_int_range (1, 300), 3);
  check_snapshot_of_size (20000, 5);
  check_snapshot_of_size (50, HAT_PART_ITEMS + 100); /* one block goes on over parts */
}

/* As a mark's, and snapshots are in the order of their instants, whichever was added first. */
static void
test_snapshots_lie_between_events (void)
{
  enum { N = 60 };
  char *path = fixture_path ("instants");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  guint after[N], begun[N];
  for (guint i = 0; i < N; i++)
    {
      script_run (script, (guint) g_test_rand_int_range (1, 3));
      if (i % 20 == 0)
        g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
      after[i] = script->events->len;
      begun[i] = hat_trace_writer_begin_snapshot (writer, 0, script->time_ns);
    }
  script_run (script, 2);
  for (guint i = N; i-- > 0;)
    if (i % 3 != 0)
      {
        HatSnapshot snapshot = { .info = { .read_bytes = i } };
        hat_trace_writer_add_snapshot (writer, 0, begun[i], &snapshot);
      }
  finish (writer, script->time_ns);

  g_autoptr (HatTrace) trace = open_complete (path);
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  g_autofree gint64 *times = g_new (gint64, script->events->len);
  guint n_chunks, n;
  const HatChunk *chunks = hat_trace_chunks (trace, 0, &n_chunks);
  for (guint i = 0; i < n_chunks; i++)
    {
      g_assert_true (hat_trace_decode_chunk (trace, 0, i, events, NULL));
      for (guint j = 0; j < chunks[i].n_events; j++)
        times[chunks[i].first_event + j] = events[j].time_ns;
    }
  const HatSnapshotInfo *infos = hat_trace_snapshots (trace, 0, &n);
  g_assert_cmpuint (n, ==, N - N / 3);
  for (guint i = 0; i < n; i++)
    {
      const guint k = (guint) infos[i].read_bytes;
      g_assert_cmpuint (k, ==, i / 2 * 3 + 1 + i % 2);
      g_assert_cmpint (infos[i].time_ns, >=, times[after[k] - 1]);
      g_assert_cmpint (infos[i].time_ns, <, times[after[k]]);
    }
  fixture_remove (path);
}

static void
test_contents_come_back (void)
{
  enum { N = 3000 };
  char *path = fixture_path ("contents");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  script_run (script, N * 3);
  g_autoptr (HatSnapshot) snapshot = fixture_snapshot_new (N, 0), other = fixture_snapshot_new (10, 0);
  const guint first = hat_trace_writer_begin_snapshot (writer, 0, 0), second = hat_trace_writer_begin_snapshot (writer, 0, 0);
  g_autofree guint64 *sizes = g_new (guint64, N), *starts = g_new (guint64, N + 1);
  starts[0] = 0;
  for (guint i = 0; i < N; i++)
    {
      sizes[i] = i % 1000 == 17 ? 10000000 : i == 400 ? 4 << 20 : (guint64) g_test_rand_int_range (0, 10000) * (i % 3);
      starts[i + 1] = starts[i] + sizes[i];
    }
  g_autofree guint8 *bytes = g_malloc (starts[N]);
  for (guint64 i = 0; i < starts[N]; i++)
    bytes[i] = (guint8) (i * 2654435761u >> 20);
  hat_trace_writer_add_snapshot (writer, 0, first, snapshot);
  hat_trace_writer_add_contents (writer, 0, first, 0, 1000, sizes, bytes); /* 1000 to 1999 are not kept */
  hat_trace_writer_add_contents (writer, 0, first, 2000, N - 2000, sizes + 2000, bytes + starts[2000]);
  hat_trace_writer_add_snapshot (writer, 0, second, other);
  finish (writer, 0);

  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = open_complete (path);
  for (guint32 i = 0; i < N; i += i % 1000 < 398 ? 199 : i % 1000 < 420 ? 1 : 101)
    {
      gsize n = 0;
      g_autofree guint8 *got = hat_trace_read_contents (trace, 0, 0, i, &n, &error);
      g_assert_no_error (error);
      g_assert_true ((got != NULL) == (i < 1000 || i >= 2000));
      if (got)
        g_assert_cmpmem (got, n, bytes + starts[i], sizes[i]);
    }
  gsize n;
  g_assert_null (hat_trace_read_contents (trace, 0, 1, 0, &n, &error));
  g_assert_no_error (error);
  g_assert_true (hat_trace_check (trace, NULL, &error));
  g_assert_no_error (error);
  fixture_remove (path);
}

/* ---- growing files ---- */

static void
test_refresh_while_writing (void)
{
  char *path = fixture_path ("refresh");
  HatTraceWriter *writer = start (path);
  g_autoptr (Script) script = script_new (writer, NULL);
  g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) versions = g_ptr_array_new_with_free_func ((GDestroyNotify) hat_trace_unref);
  g_autoptr (GArray) lengths = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < 40; i++)
    {
      g_ptr_array_add (versions, hat_trace_ref (trace));
      g_array_append_val (lengths, script->events->len);
      script_run (script, i == 20 ? 140000 : 50);
      hat_trace_writer_add_frame (writer, &(HatFrame){ .module = 0, .offset = i });
      hat_trace_writer_add_stack (writer, HAT_STACK_NONE, 40 + i);
      g_autofree char *name = g_strdup_printf ("name %u", i);
      hat_trace_writer_name_thread (writer, 0, 1, name);
      hat_trace_writer_add_mark (writer, 0, name, script->time_ns);
      const guint early = hat_trace_writer_begin_snapshot (writer, 0, 0);
      script_run (script, 1);
      const guint late = hat_trace_writer_begin_snapshot (writer, 0, script->time_ns);
      hat_trace_writer_add_snapshot (writer, 0, late, &(HatSnapshot){ .info.read_bytes = 2 * i + 1 });
      if (i % 2) /* the one from before comes behind */
        hat_trace_writer_add_snapshot (writer, 0, early, &(HatSnapshot){ .info.read_bytes = 2 * i });
      g_assert_true (hat_trace_writer_flush (writer, TRUE, NULL));
      HatTrace *next = hat_trace_refresh (trace, &error);
      g_assert_no_error (error);
      hat_trace_unref (trace);
      trace = next;
      g_assert_false (hat_trace_is_complete (trace));
    }
  g_autoptr (HatTrace) same = hat_trace_refresh (trace, NULL);
  g_assert_true (same == trace);
  finish (writer, script->time_ns);
  g_ptr_array_add (versions, hat_trace_refresh (trace, &error));
  g_array_append_val (lengths, script->events->len);
  g_assert_no_error (error);

  for (guint i = 0; i < versions->len; i++)
    {
      HatTrace *version = versions->pdata[i];
      guint n;
      script_check (script, version, g_array_index (lengths, guint, i));
      hat_trace_stacks (version, &n);
      g_assert_cmpuint (n, ==, FIXTURE_STACKS + MIN (i, 40));
      const HatMark *marks = hat_trace_marks (version, 0, &n);
      g_assert_cmpuint (n, ==, MIN (i, 40));
      const char *name = hat_trace_threads (version, 0, &n)[1].name;
      g_assert_cmpstr (name, ==, i == 0 ? "" : marks[MIN (i, 40) - 1].name);
      const HatSnapshotInfo *snapshots = hat_trace_snapshots (version, 0, &n);
      g_assert_cmpuint (n, ==, MIN (i, 40) * 3 / 2);
      for (guint j = 0; j + 1 < n; j++)
        g_assert_cmpuint (snapshots[j].read_bytes, <, snapshots[j + 1].read_bytes);
    }
  HatTrace *last = versions->pdata[40];
  g_assert_true (hat_trace_is_complete (last));
  fixture_remove (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace/events-come-back", test_events_come_back);
  g_test_add_func ("/trace/many-short-processes", test_many_short_processes);
  g_test_add_func ("/trace/deaths-of-all-kinds", test_deaths_of_all_kinds);
  g_test_add_func ("/trace/times-grow-when-the-clock-stands", test_a_standing_clock);
  g_test_add_func ("/trace/marks-lie-between-events", test_marks_lie_between_events);
  g_test_add_func ("/trace/definitions-come-back", test_definitions_come_back);
  g_test_add_func ("/trace/spans-equal-replay", test_spans_equal_replay);
  g_test_add_func ("/trace/spans-of-a-growing-program", test_spans_of_a_growing_program);
  g_test_add_func ("/trace/seek-decodes-one-chunk", test_seek_decodes_one_chunk);
  g_test_add_func ("/trace/snapshots-come-back", test_snapshots_come_back);
  g_test_add_func ("/trace/snapshots-lie-between-events", test_snapshots_lie_between_events);
  g_test_add_func ("/trace/contents-come-back", test_contents_come_back);
  g_test_add_func ("/trace/refresh-while-writing", test_refresh_while_writing);
  return g_test_run ();
}
