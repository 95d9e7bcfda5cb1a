/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of the command line: JSON that parses and has the keys of the contract, text that fits a terminal
 * whatever the names are, assertions, suppressions. */

#include <json-glib/json-glib.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "core/graph/pattern.h"
#include "core/report/function-name.h"
#include "core/report/json.h"
#include "core/report/plain-text.h"
#include "core/report/report.h"
#include "core/report/suppressions.h"
#include "core/trace/writer.h"

/* ---- a trace ---- */

typedef struct
{
  char *path;
  HatTraceWriter *writer;
  HatSymbols *symbols;
  guint module;
  guint64 next_address, next_offset;
  gint64 now_ns;
} Builder;

static void
builder_init (Builder *builder)
{
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("test-report-XXXXXX", &builder->path, &error);
  g_assert_no_error (error);
  close (fd);
  builder->writer = hat_trace_writer_new (builder->path, -1, 1600000000000000, &error);
  g_assert_no_error (error);
  builder->symbols = hat_symbols_new ();
  const HatModule module = { .path = "/usr/lib/libugly.so", .start = 0x400000, .end = 0x80000000, .bias = 0x400000 };
  builder->module = hat_trace_writer_add_module (builder->writer, &module);
  builder->next_address = 0x10000;
  builder->next_offset = 0x1000;
  builder->now_ns = 0;
}

static guint
add_process (Builder *builder, const char *exe, gint32 parent, gboolean is_fork)
{
  const char *argv[] = { exe, "--flag", "two words", NULL };
  const HatProcess process = {
    .pid = parent >= 0 && !is_fork ? 1000 : 1000 + parent + 1, .parent = parent, .is_fork = is_fork, .exe = exe, .argv = argv,
    .provider = "libc", .start_ns = builder->now_ns,
  };
  guint index = hat_trace_writer_add_process (builder->writer, &process);
  hat_trace_writer_add_thread (builder->writer, index, process.pid, "main");
  return index;
}

static void
end_process (Builder *builder, guint process, gint32 status, gint32 signal)
{
  const HatProcess end = { .end_ns = builder->now_ns, .exit_status = status, .signal = signal, .disarmed_ns = -1 };
  hat_trace_writer_end_process (builder->writer, process, &end);
}

/* One more call on top of `caller`. */
static HatStackId
call (Builder *builder, HatStackId caller, const char *function, const char *file)
{
  const HatFrame frame = { .module = builder->module, .offset = builder->next_offset += 16 };
  const HatSourceFrame source = { .function = function, .file = file, .line = file ? 7 : 0 };
  HatFrameId id = hat_trace_writer_add_frame (builder->writer, &frame);
  hat_symbols_add (builder->symbols, id, &source, 1);
  return hat_trace_writer_add_stack (builder->writer, caller, id);
}

static HatBlockId
allocate (Builder *builder, guint process, HatStackId stack, guint64 size)
{
  const HatEvent event = {
    .kind = HAT_EVENT_ALLOC, .address = builder->next_address += 4096, .size = size, .stack = stack, .time_ns = builder->now_ns += 1000000,
  };
  return hat_trace_writer_add_event (builder->writer, process, &event);
}

static void
release (Builder *builder, guint process, HatBlockId block, gboolean temporary)
{
  const HatEvent event = { .kind = HAT_EVENT_FREE, .old = block, .time_ns = builder->now_ns += 1000000,
                           .temporary = temporary };
  hat_trace_writer_add_event (builder->writer, process, &event);
}

static HatTrace *
builder_finish (Builder *builder)
{
  g_autoptr (GError) error = NULL;
  hat_trace_writer_add_note (builder->writer, "command", "ugly --flag");
  hat_trace_writer_add_symbols (builder->writer, builder->symbols);
  hat_trace_writer_finish (builder->writer, builder->now_ns + 1000, &error);
  g_assert_no_error (error);
  hat_trace_writer_free (builder->writer);
  hat_symbols_free (builder->symbols);
  HatTrace *trace = hat_trace_open (builder->path, NULL, &error);
  g_assert_no_error (error);
  unlink (builder->path);
  g_free (builder->path);
  return trace;
}

/* Two processes' worth of ordinary figures. Times: 1 ms per event. In process 0: mark "half" at 20 ms; own_kept keeps
 * 10 blocks of 100 bytes, own_temporary frees its 5 blocks of 1000 at once. */
static HatTrace *
plain_trace (void)
{
  Builder builder;
  builder_init (&builder);
  guint process = add_process (&builder, "/usr/bin/plain", -1, FALSE);
  HatStackId main_stack = call (&builder, HAT_STACK_NONE, "main", "/src/plain.c");
  HatStackId kept = call (&builder, main_stack, "plain::Keeper<int, char>::own_kept", "/src/plain.c");
  const HatFrame of_no_file = { .module = G_MAXUINT32, .offset = 0x7f0012345678 };
  HatStackId jit = hat_trace_writer_add_stack (builder.writer, main_stack, hat_trace_writer_add_frame (builder.writer, &of_no_file));
  HatStackId temporary = call (&builder, jit, "own_temporary", NULL);
  HatStackId truncated = call (&builder, HAT_STACK_TRUNCATED, "own_truncated", NULL);
  for (guint i = 0; i < 10; i++)
    allocate (&builder, process, kept, 100);
  for (guint i = 0; i < 5; i++)
    release (&builder, process, allocate (&builder, process, temporary, 1000), TRUE);
  hat_trace_writer_add_mark (builder.writer, process, "half", builder.now_ns);
  HatBlockId block = allocate (&builder, process, truncated, 1);
  release (&builder, process, block, FALSE);
  end_process (&builder, process, 3, 0);
  return builder_finish (&builder);
}

static HatTrace *
ugly_trace (void)
{
  Builder builder;
  builder_init (&builder);
  g_autoptr (GString) template_name = g_string_new ("std::map<");
  for (guint i = 0; i < 60; i++)
    g_string_append_printf (template_name, "std::pair<std::basic_string<char%u>, Foo<Bar>>, ", i);
  g_string_append (template_name, ">::operator[](std::basic_string<char> const&)");
  const char *names[] = {
    template_name->str,
    "<alloc::collections::btree::map::BTreeMap<K,V,A> as core::iter::traits::collect::FromIterator<(K,V)>>::from_iter::{{closure}}::{{closure}}",
    "bad \xff\xfe utf8 \xc3",
    "line\nbreak\ttab\033[31mred",
    "日本語の関数名はとても長いのでここで切らなければならないかもしれませんよね",
    "right\xe2\x80\xaeto left",
    "",
    "an_identifier_without_any_place_to_break_it_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on",
  };
  guint processes[5];
  processes[0] = add_process (&builder,
                              "/opt/very long/\xff name \n of/an_executable_whose_name_is_far_too_long_for_any_table", -1, FALSE);
  processes[1] = add_process (&builder, "/bin/empty", 0, TRUE);
  processes[2] = add_process (&builder, "", 1, FALSE);
  processes[3] = add_process (&builder, "/bin/other", 0, TRUE);
  processes[4] = add_process (&builder, "/bin/last", 0, TRUE);
  HatStackId deep = HAT_STACK_NONE;
  for (guint i = 0; i < 40; i++)
    deep = call (&builder, deep, names[i % G_N_ELEMENTS (names)],
                 i % 3 ? NULL : "/a/long path/with \xff/in_it_and_a_very_long_base_name_of_a_source_file.cpp");
  for (guint i = 0; i < 1000; i++)
    {
      HatStackId stack = call (&builder, deep, names[i % G_N_ELEMENTS (names)], NULL);
      allocate (&builder, processes[0], stack, (guint64) i * i * i * i * 1000);
      release (&builder, processes[0], allocate (&builder, processes[0], stack, i), TRUE);
      allocate (&builder, processes[3], stack, i);
    }
  allocate (&builder, processes[4], HAT_STACK_NONE, 12);
  const HatEvent unknown = { .kind = HAT_EVENT_UNKNOWN_FREE, .address = 0xdead, .time_ns = builder.now_ns };
  hat_trace_writer_add_event (builder.writer, processes[4], &unknown);
  end_process (&builder, processes[0], -1, 9);
  end_process (&builder, processes[3], 0, 0);
  return builder_finish (&builder);
}

static HatTrace *
empty_trace (gboolean with_process)
{
  Builder builder;
  builder_init (&builder);
  if (with_process)
    end_process (&builder, add_process (&builder, "/bin/true", -1, FALSE), 0, 0);
  return builder_finish (&builder);
}

/* ---- JSON ---- */

static JsonParser *
parse (const GString *text)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (g_utf8_validate (text->str, text->len, NULL));
  JsonParser *parser = json_parser_new ();
  json_parser_load_from_data (parser, text->str, text->len, &error);
  g_assert_no_error (error);
  return parser;
}

/* Exactly these members, apart from those that versions may add. */
static void
assert_keys (JsonObject *object, const char *keys, const char *added)
{
  g_auto (GStrv) wanted = g_strsplit (keys, " ", -1);
  g_auto (GStrv) allowed = g_strsplit (added, " ", -1);
  for (guint i = 0; wanted[i]; i++)
    if (!json_object_has_member (object, wanted[i]))
      g_error ("%s is missing", wanted[i]);
  g_autoptr (GList) members = json_object_get_members (object);
  for (GList *m = members; m; m = m->next)
    if (!g_strv_contains ((const char *const *) wanted, m->data)
        && !g_strv_contains ((const char *const *) allowed, m->data))
      g_error ("%s is no key of the contract", (char *) m->data);
}

static GString *
report (HatTrace *trace, HatReportOptions options)
{
  g_autoptr (GError) error = NULL;
  GString *out = g_string_new (NULL);
  g_assert_true (hat_report (trace, &options, out, NULL, &error));
  g_assert_no_error (error);
  return out;
}

static void
test_json_writer (void)
{
  g_autoptr (GString) out = g_string_new (NULL);
  HatJson json = { out };
  hat_json_begin_object (&json, NULL);
  hat_json_string (&json, "a \"quoted\" \\ key", "tab\tnew\nline \x01 \x7f");
  hat_json_string (&json, "invalid", "\xff" "a\xc3");
  hat_json_string (&json, "nothing", NULL);
  hat_json_uint (&json, "big", G_MAXUINT64);
  hat_json_int (&json, "small", G_MININT64);
  hat_json_double (&json, "half", 0.5);
  hat_json_double (&json, "infinite", 1.0 / 0.0);
  hat_json_address (&json, "address", 0xfedcba9876543210);
  hat_json_begin_array (&json, "list");
  hat_json_begin_array (&json, NULL);
  hat_json_end_array (&json);
  hat_json_begin_object (&json, NULL);
  hat_json_end_object (&json);
  hat_json_boolean (&json, NULL, TRUE);
  hat_json_end_array (&json);
  hat_json_end_object (&json);

  g_assert_nonnull (strstr (out->str, "\"big\":18446744073709551615"));
  g_assert_nonnull (strstr (out->str, "\"address\":\"0xfedcba9876543210\""));
  g_assert_nonnull (strstr (out->str, "\"infinite\":null"));
  g_autoptr (JsonParser) parser = parse (out);
  JsonObject *object = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (object, "a \"quoted\" \\ key"), ==, "tab\tnew\nline \x01 \x7f");
  g_assert_cmpstr (json_object_get_string_member (object, "invalid"), ==, "\xef\xbf\xbd" "a\xef\xbf\xbd");
  g_assert_cmpint (json_object_get_int_member (object, "small"), ==, G_MININT64);
  g_assert_cmpfloat (json_object_get_double_member (object, "half"), ==, 0.5);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "list")), ==, 3);
}

#define TOTALS                                                                                                                      \
  "allocations frees reallocations bytes_allocated bytes_freed realloc_delta_bytes inherited_blocks inherited_bytes live_blocks " \
  "live_bytes peak_bytes peak_time_ns temporary unknown_frees lost_events"
#define COSTS "allocations bytes frees reallocations realloc_delta_bytes live_blocks live_bytes peak_blocks peak_bytes temporary"

static void
test_report_keys (void)
{
  g_autoptr (HatTrace) trace = plain_trace ();
  g_autoptr (GString) out = report (trace,
                                    (HatReportOptions) { .process = -1, .json = TRUE, .top = -1,
                                                         .by = HAT_BY_FUNCTION });
  g_autoptr (JsonParser) parser = parse (out);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  assert_keys (root, "format version trace processes", "");
  g_assert_cmpstr (json_object_get_string_member (root, "format"), ==, "heapatlas-report");
  g_assert_cmpint (json_object_get_int_member (root, "version"), ==, 1);
  assert_keys (json_object_get_object_member (root, "trace"), "path bytes complete duration_ns", "damage");

  JsonObject *process = json_array_get_object_element (json_object_get_array_member (root, "processes"), 0);
  assert_keys (process, "index pid parent image exe argv exit_status signal threads totals stack_quality marks sites",
               "allocator start_ns end_ns from_ns to_ns by groups");
  g_assert_cmpint (json_object_get_int_member (process, "exit_status"), ==, 3);
  g_assert_true (json_object_get_null_member (process, "signal"));
  g_assert_true (json_object_get_null_member (process, "parent"));
  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (process, "argv"), 2), ==, "two words");

  JsonObject *totals = json_object_get_object_member (process, "totals");
  assert_keys (totals, TOTALS, "missed_frees");
  g_assert_cmpint (json_object_get_int_member (totals, "allocations"), ==, 16);
  g_assert_cmpint (json_object_get_int_member (totals, "live_bytes"), ==, 1000);
  g_assert_cmpint (json_object_get_int_member (totals, "peak_bytes"), ==, 2000);
  g_assert_cmpint (json_object_get_int_member (totals, "temporary"), ==, 5);
  JsonObject *quality = json_object_get_object_member (process, "stack_quality");
  assert_keys (quality, "complete truncated truncated_in", "through_unknown");
  g_assert_cmpint (json_object_get_int_member (quality, "complete"), ==, 15);
  g_assert_cmpint (json_object_get_int_member (quality, "truncated"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (quality, "through_unknown"), ==, 5);
  JsonArray *ends = json_object_get_array_member (quality, "truncated_in");
  g_assert_cmpuint (json_array_get_length (ends), ==, 1);
  JsonObject *last = json_array_get_object_element (ends, 0);
  assert_keys (last, "module allocations", "");
  g_assert_cmpint (json_object_get_int_member (last, "allocations"), ==, 1);
  JsonObject *mark = json_array_get_object_element (json_object_get_array_member (process, "marks"), 0);
  assert_keys (mark, "name time_ns", "");

  JsonArray *sites = json_object_get_array_member (process, "sites");
  g_assert_cmpuint (json_array_get_length (sites), ==, 3);
  JsonObject *site = json_array_get_object_element (sites, 0);
  assert_keys (site, COSTS " type stack", "type_evidence");
  JsonArray *stack = json_object_get_array_member (site, "stack");
  g_assert_cmpuint (json_array_get_length (stack), ==, 2);
  JsonObject *frame = json_array_get_object_element (stack, 0);
  assert_keys (frame, "function module file line inline", "");
  g_assert_cmpstr (json_object_get_string_member (frame, "module"), ==, "/usr/lib/libugly.so");
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (stack, 1), "function"), ==, "main");
  JsonArray *groups = json_object_get_array_member (process, "groups");
  g_assert_cmpuint (json_array_get_length (groups), ==, 3);
  assert_keys (json_array_get_object_element (groups, 0), COSTS " label", "");
}

static void
test_report_top_and_range (void)
{
  g_autoptr (HatTrace) trace = plain_trace ();
  g_autoptr (GString) out = report (trace, (HatReportOptions) { .process = 0, .json = TRUE, .top = 1, .at = "10ms" });
  g_autoptr (JsonParser) parser = parse (out);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonObject *process = json_array_get_object_element (json_object_get_array_member (root, "processes"), 0);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (process, "sites")), ==, 1);
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (process, "totals"), "allocations"), ==,
                   10);

  g_autoptr (GError) error = NULL;
  g_autoptr (GString) nothing = g_string_new (NULL);
  const HatReportOptions backwards = { .process = 0, .top = -1, .from = "20ms", .to = "10ms" };
  g_assert_false (hat_report (trace, &backwards, nothing, NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
  g_clear_error (&error);
  const HatReportOptions missing = { .process = 7, .top = -1 };
  g_assert_false (hat_report (trace, &missing, nothing, NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
}

static void
test_ugly_json (void)
{
  g_autoptr (HatTrace) trace = ugly_trace ();
  g_autoptr (GString) out = report (trace, (HatReportOptions) { .process = -1, .json = TRUE, .top = 50 });
  g_autoptr (JsonParser) parser = parse (out);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonArray *processes = json_object_get_array_member (root, "processes");
  g_assert_cmpuint (json_array_get_length (processes), ==, 5);
  g_assert_cmpint (json_object_get_int_member (json_array_get_object_element (processes, 0), "signal"), ==, 9);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (json_array_get_object_element (processes, 0),
                                                                         "sites")), ==, 50);

  HatLeaksOptions options = { .process = -1, .json = TRUE, .snapshot.index = -1 };
  g_autoptr (GString) leaks = g_string_new (NULL);
  guint n_leaks;
  g_assert_true (hat_report_leaks (trace, &options, leaks, &n_leaks, NULL, NULL));
  g_autoptr (JsonParser) leaks_parser = parse (leaks);
  g_assert_cmpuint (n_leaks, >, 1000);
}

/* ---- text ---- */

/* Every line fits, nothing drives the terminal. Returns the number of lines. */
static guint
assert_fits (const GString *text)
{
  g_assert_true (g_utf8_validate (text->str, text->len, NULL));
  g_auto (GStrv) lines = g_strsplit (text->str, "\n", -1);
  guint n = g_strv_length (lines);
  for (guint i = 0; i < n; i++)
    {
      if (hat_plain_width (lines[i]) > HAT_PLAIN_COLUMNS)
        g_error ("%u columns: %s", hat_plain_width (lines[i]), lines[i]);
      for (const char *c = lines[i]; *c; c++)
        g_assert_false ((guchar) *c < 0x20 || *c == 0x7f);
      g_assert_false (g_str_has_suffix (lines[i], " "));
      for (const char *c = lines[i]; !hat_plain_is_utf8 () && *c; c++)
        g_assert_true (g_ascii_isprint (*c));
    }
  return n;
}

static void
assert_all_texts_fit (HatTrace *trace, guint min_lines)
{
  static const HatGrouping groupings[] = { HAT_BY_NONE, HAT_BY_FUNCTION, HAT_BY_SITE, HAT_BY_MODULE, HAT_BY_THREAD,
                                           HAT_BY_SIZE };
  for (guint i = 0; i < G_N_ELEMENTS (groupings); i++)
    {
      g_autoptr (GString) all = report (trace, (HatReportOptions) { .process = -1, .top = -1, .by = groupings[i] });
      g_assert_cmpuint (assert_fits (all), >, min_lines);
      g_autoptr (GString) range = report (trace,
                                          (HatReportOptions) { .process = -1, .top = 3, .by = groupings[i],
                                                               .from = "3ms", .to = "100ms" });
      g_assert_cmpuint (assert_fits (range), >, min_lines);
    }
  HatLeaksOptions options = { .process = -1 };
  g_autoptr (GString) leaks = g_string_new (NULL);
  guint n_leaks;
  g_assert_true (hat_report_leaks (trace, &options, leaks, &n_leaks, NULL, NULL));
  g_assert_cmpuint (assert_fits (leaks), >, 2);
  g_autoptr (GString) check = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  gboolean is_whole = hat_report_check (trace, check, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (is_whole);
  g_assert_cmpuint (assert_fits (check), >, 5);
}

static void
test_text_fits (gconstpointer locale)
{
  g_assert_nonnull (setlocale (LC_CTYPE, locale));
  g_autoptr (HatTrace) plain = plain_trace ();
  assert_all_texts_fit (plain, 10);
  g_autoptr (HatTrace) ugly = ugly_trace ();
  assert_all_texts_fit (ugly, 20);
  g_autoptr (HatTrace) empty = empty_trace (TRUE);
  assert_all_texts_fit (empty, 3);
  g_autoptr (HatTrace) nothing = empty_trace (FALSE);
  assert_all_texts_fit (nothing, 1);
  setlocale (LC_CTYPE, "C");
}

static void
test_text_says (void)
{
  g_autoptr (HatTrace) trace = plain_trace ();
  g_autoptr (GString) out = report (trace, (HatReportOptions) { .process = -1, .top = -1 });
  static const char *const words[] = { "Process 0: plain (pid 1000), exit status 3", "own_temporary", "own_kept",
                                       "Live at the peak", "plain.c:7",
                                       "main", "1,000 B", "1 of 16 end too early, most in libugly.so", "5 pass through code of no file" };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (!strstr (out->str, words[i]))
      g_error ("\"%s\" is missing:\n%s", words[i], out->str);

  HatLeaksOptions options = { .process = -1 };
  g_autoptr (GString) leaks = g_string_new (NULL);
  guint n_leaks;
  g_assert_true (hat_report_leaks (trace, &options, leaks, &n_leaks, NULL, NULL));
  g_assert_cmpuint (n_leaks, ==, 1);
  g_assert_nonnull (strstr (leaks->str, "snapshot"));
  g_assert_nonnull (strstr (leaks->str, "own_kept"));
}

static void
test_names (void)
{
  static const struct { const char *name; guint max; } cases[] = {
    { "plain", 80 }, { "plain", 3 }, { "a longer name", 10 }, { "日本語の長い名前", 7 }, { "\xff\n\033[1m", 20 }, { "", 5 }, { "x", 1 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = hat_plain_name (cases[i].name, cases[i].max);
      g_assert_cmpuint (hat_plain_width (name), <=, cases[i].max);
      g_assert_null (strpbrk (name, "\n\033"));
    }
  g_autofree char *same = hat_plain_name ("plain", 5);
  g_assert_cmpstr (same, ==, "plain");
  const char *const argv[] = { "a", "b c", "$d", NULL };
  g_autofree char *command = hat_plain_command (argv, 70);
  g_assert_cmpstr (command, ==, "a 'b c' '$d'");
}

/* ---- assertions ---- */

static void
test_assertions (void)
{
  static const struct { const char *expression; gboolean holds; } cases[] = {
    { "allocations==16", TRUE },
    { "allocations == 16", TRUE },
    { "allocations!=16", FALSE },
    { "allocations<16", FALSE },
    { "allocations<=16", TRUE },
    { "allocations>15", TRUE },
    { "allocations>=17", FALSE },
    { "live_bytes<=1K", TRUE },
    { "live_bytes<=1000", TRUE },
    { "peak_bytes<64M", TRUE },
    { "realloc_delta_bytes>-1", TRUE },
    { "realloc_delta_bytes==-1", FALSE },
    { "lost_events==0", TRUE },
    { "frees[in:own_temporary]==5", TRUE },
    { "frees[in:main]==5", TRUE },
    { "allocations[in:own_kept]==10", TRUE },
    { "allocations[in:Keeper::own_kept]==10", TRUE },
    { "allocations[in:plain::Keeper<int, char>::own_kept]==10", TRUE },
    { "allocations[in:kept]==0", TRUE },
    { "allocations[in:nowhere]==0", TRUE },
    { "bytes_allocated[in:own_temporary]==5000", TRUE },
    { "live_bytes[in:own_temporary]==0", TRUE },
    { "allocations[0s..10ms]==10", TRUE },
    { "allocations[mark:half..end]==1", TRUE },
    { "allocations[in:main,mark:half..end]==0", TRUE },
    { "allocations[mark:half..end, in:own_truncated]==1", TRUE },
    { "live_bytes[start..peak]==2000", TRUE },
  };
  g_autoptr (HatTrace) trace = plain_trace ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      gboolean holds = !cases[i].holds;
      g_assert_true (hat_report_assert (trace, -1, cases[i].expression, &holds, out, NULL, &error));
      g_assert_no_error (error);
      if (holds != cases[i].holds)
        g_error ("%s: %s", cases[i].expression, out->str);
      g_assert_nonnull (strstr (out->str, "measured"));
      g_assert_true (g_str_has_suffix (out->str, "\n"));
    }
}

static void
test_bad_assertions (void)
{
  static const char *const cases[] = {
    "", "allocations", "allocations=16", "allocations=<16", "allocations==", "allocations==x", "allocations==1 2", "nonsense==1",
    "allocations[in:main==1", "allocations[]==1", "allocations[in:]==1", "allocations[type:Foo]==1", "allocations[main]==1",
    "allocations[1s..]==1", "allocations[..1s]==1", "allocations[2s..1s]==1", "allocations[mark:none..end]==1", "lost_events[in:main]==0",
    "allocations[in:a,in:b]==0", "allocations[0s..1s,1s..2s]==0", "==1", "allocations==99999999999999999999999",
  };
  g_autoptr (HatTrace) trace = plain_trace ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      gboolean holds;
      if (hat_report_assert (trace, -1, cases[i], &holds, out, NULL, &error))
        g_error ("\"%s\" is accepted", cases[i]);
      g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
      g_assert_null (strchr (error->message, '\n'));
    }
}

static void
test_function_names (void)
{
  static const struct { const char *name, *function; gboolean matches; } cases[] = {
    { "main", "main", TRUE },
    { "main", "domain", FALSE },
    { "main", "main.cold", TRUE },
    { "main", "main_loop", FALSE },
    { "malloc", "malloc@@GLIBC_2.2.5", TRUE },
    { "functional_sum", "sums::functional_sum", TRUE },
    { "sums::functional_sum", "functional_sum", FALSE },
    { "functional_sum", "sums::functional_sum::{{closure}}", FALSE },
    { "push", "alloc::vec::Vec<T,A>::push", TRUE },
    { "Vec::push", "alloc::vec::Vec<T,A>::push", TRUE },
    { "Vec<u8>::push", "alloc::vec::Vec<T,A>::push", TRUE },
    { "vec::push", "alloc::vec::Vec<T,A>::push", FALSE },
    { "drop_in_place", "core::ptr::drop_in_place::<alloc::string::String>", TRUE },
    { "Counter::alloc", "<count::Counter as core::alloc::GlobalAlloc>::alloc", TRUE },
    { "GlobalAlloc::alloc", "<count::Counter as core::alloc::GlobalAlloc>::alloc", FALSE },
    { "Vec::push", "<alloc::vec::Vec<u8>>::push", TRUE },
    { "fmt", "core::fmt::num::imp::<impl core::fmt::Display for u32>::fmt", TRUE },
    { "foo", "ns::foo(int, char const*)", TRUE },
    { "foo", "ns::foo<int>(std::vector<int>) const", TRUE },
    { "ns::foo", "void ns::foo<int>(int)", TRUE },
    { "foo", "std::vector<int, std::allocator<int> > ns::foo<int>(int)", TRUE },
    { "vector", "std::vector<int, std::allocator<int> > ns::foo<int>(int)", FALSE },
    { "foo", "foo(int) [clone .isra.0]", TRUE },
    { "operator new", "operator new(unsigned long)", TRUE },
    { "operator new[]", "operator new[](unsigned long)", TRUE },
    { "operator new", "operator new[](unsigned long)", FALSE },
    { "operator()", "Functor::operator()(int) const", TRUE },
    { "Functor::operator()", "a::Functor<int>::operator()(int) const", TRUE },
    { "operator<<", "std::operator<< <std::char_traits<char> >(std::ostream&, char const*)", TRUE },
    { "operator<", "a::operator<(a::B const&, a::B const&)", TRUE },
    { "operator->", "a::Ptr<T>::operator->() const", TRUE },
    { "operators", "operators(int)", TRUE },
    { "(anonymous namespace)::helper", "(anonymous namespace)::helper(int)", TRUE },
    { "helper", "a::(anonymous namespace)::helper(int)", TRUE },
    { "f", "f(int)::{lambda(char)#1}::operator()(char) const", FALSE },
    { "{lambda(char)#1}::operator()", "f(int)::{lambda(char)#1}::operator()(char) const", TRUE },
    { "", "main", FALSE },
    { "<", "<", TRUE },
    { "<<<<", "((((", FALSE },
    { "a::", "a::", TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HatFunctionName) name = hat_function_name_new (cases[i].name);
      if (hat_function_name_matches (name, cases[i].function) != cases[i].matches)
        g_error ("%s and %s: not %d", cases[i].name, cases[i].function, cases[i].matches);
    }
}

static void
test_random_function_names (void)
{
  static const char alphabet[] = "ab:<>(){}[] .@&*,-operator";
  for (guint round = 0; round < 20000; round++)
    {
      char text[2][40];
      for (guint k = 0; k < 2; k++)
        {
          guint n = g_test_rand_int_range (0, 39);
          for (guint i = 0; i < n; i++)
            text[k][i] = alphabet[g_test_rand_int_range (0, sizeof alphabet - 1)];
          text[k][n] = '\0';
        }
      g_autoptr (HatFunctionName) name = hat_function_name_new (text[0]);
      hat_function_name_matches (name, text[1]);
      g_assert_true (hat_function_name_matches (name, text[0]));
    }
}

/* ---- suppressions ---- */

static void
test_suppression_patterns (void)
{
  static const struct { const char *pattern, *text; gboolean matches; } cases[] = {
    { "main", "main", TRUE },
    { "main", "domain_of", TRUE },
    { "^main", "domain", FALSE },
    { "^main", "mainly", TRUE },
    { "main$", "domain", TRUE },
    { "main$", "mainly", FALSE },
    { "^main$", "main", TRUE },
    { "^main$", "mainmain", FALSE },
    { "*", "anything", TRUE },
    { "*", "", TRUE },
    { "a*b", "xxaxxbxx", TRUE },
    { "a*b", "xxbxxaxx", FALSE },
    { "^a*b$", "ab", TRUE },
    { "^a*b$", "aXbX", FALSE },
    { "^a*b$", "aXbXb", TRUE },
    { "^a*a$", "a", FALSE },
    { "^a*a$", "aa", TRUE },
    { "a**b", "a-b", TRUE },
    { "libfoo.so$", "/usr/lib/libfoo.so", TRUE },
    { "^*foo", "a foo b", TRUE },
    { "std::vector<*>::push", "std::vector<int, A>::push_back", TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (hat_pattern_found (cases[i].pattern, cases[i].text) != cases[i].matches)
      g_error ("%s and %s: not %d", cases[i].pattern, cases[i].text, cases[i].matches);
}

static char *
fake_demangle (const char *name)
{
  return g_strdup (g_str_equal (name, "_Z5inner") ? "inner" : name);
}

/* Stacks of outer -> middle -> inner, and of outer -> other. */
static HatTrace *
stacks_trace (HatStackId *out_inner, HatStackId *out_other)
{
  Builder builder;
  builder_init (&builder);
  const guint process = add_process (&builder, "/usr/bin/stacks", -1, FALSE);
  const HatStackId outer = call (&builder, HAT_STACK_NONE, "outer", "/src/outer.c");
  *out_inner = call (&builder, call (&builder, outer, "middle", NULL), "inner", "/src/inner.c");
  *out_other = call (&builder, outer, "other", NULL);
  allocate (&builder, process, *out_inner, 10);
  allocate (&builder, process, *out_other, 20);
  end_process (&builder, process, 0, 0);
  hat_trace_writer_add_note (builder.writer, HAT_NOTE_SUPPRESSIONS, "leak:^kept_in_the_trace$");
  return builder_finish (&builder);
}

#define LOST (1u << HAT_LEAK_DIRECT | 1u << HAT_LEAK_CYCLE)
#define ALL ((1u << HAT_N_LEAK_CLASSES) - 1)

static void
test_suppressed_stacks (void)
{
  static const struct { const char *text; guint inner, other; } cases[] = {
    { "# nothing\n\n", 0, 0 },
    { "  leak:outer  \r\n", ALL, ALL },
    { "leak:^middle$", ALL, 0 },
    { "leak:/src/inner", ALL, 0 },
    { "leak:libugly", ALL, ALL },
    { "{\n name\n Memcheck:Leak\n fun:malloc\n fun:inner\n fun:middle\n}\n", ALL, 0 },
    { "{\n name\n Memcheck:Leak\n fun:inner\n}\n", ALL, 0 },
    { "{\n name\n Memcheck:Leak\n fun:_Zn?m\n fun:inner\n}\n", 0, 0 },
    { "{\n name\n Memcheck:Leak\n fun:*alloc\n fun:_Z5inner\n}\n", ALL, 0 },
    { "{\n name\n Memcheck:Leak\n fun:malloc\n fun:middle\n}\n", 0, 0 },
    { "{\n name\n Memcheck:Leak\n fun:malloc\n ...\n fun:outer\n}\n", ALL, ALL },
    { "{\n name\n Memcheck:Leak\n ...\n fun:mid*\n fun:o?ter\n}\n", ALL, 0 },
    { "{\n name\n Memcheck:Leak\n ...\n fun:outer\n fun:outer\n}\n", 0, 0 },
    { "{\n name\n Memcheck:Leak\n obj:*vgpreload*\n obj:*libugly.so\n}\n", ALL, ALL },
    { "{\n name\n Memcheck:Leak\n fun:malloc\n src:inner.c:7\n}\n", ALL, 0 },
    { "{\n name\n Memcheck:Leak\n match-leak-kinds: definite\n fun:malloc\n fun:inner\n}\n", LOST | 1u << HAT_LEAK_UNFREED, 0 },
    { "{\n name\n Memcheck:Leak\n match-leak-kinds: reachable, possible\n fun:malloc\n fun:inner\n}\n",
      1u << HAT_LEAK_REACHABLE | 1u << HAT_LEAK_POSSIBLE | 1u << HAT_LEAK_UNFREED, 0 },
    { "{\n name\n Memcheck:Cond\n fun:inner\n}\nleak:other\n", 0, ALL },
    { "{\n name\n Helgrind:Race\n anything at all\n}\n", 0, 0 },
    { "{\n name\n Helgrind,Memcheck:Leak\n fun:inner\n}\n{\n name\n Memcheck:Leak\n fun:other\n}\n", ALL, ALL },
  };
  HatStackId inner, other;
  g_autoptr (HatTrace) trace = stacks_trace (&inner, &other);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HatSuppressions) suppressions = hat_suppressions_new (NULL, fake_demangle);
      hat_suppressions_add (suppressions, cases[i].text, "file", &error);
      g_assert_no_error (error);
      g_autofree guint8 *stacks = hat_suppressions_stacks (suppressions, trace);
      if ((stacks ? stacks[inner] : 0) != cases[i].inner || (stacks ? stacks[other] : 0) != cases[i].other)
        g_error ("%s: %x and %x", cases[i].text, stacks ? stacks[inner] : 0, stacks ? stacks[other] : 0);
    }
  /* What is kept in the trace counts. */
  g_autoptr (HatSuppressions) kept = hat_suppressions_new (trace, NULL);
  g_autofree guint8 *stacks = hat_suppressions_stacks (kept, trace);
  g_assert_nonnull (stacks);

  static const struct { const char *text, *where; } bad[] = {
    { "leak:a\n{ valgrind }\n", "file:2" },
    { "leak:\n", "file:1" },
    { "fun:alone\n", "file:1" },
    { "{\n name\n Memcheck:Leak\n fun:open\n", "file:1" },
    { "{\n name\n}\n", "file:3" },
    { "{\n name\n no tool\n}\n", "file:3" },
    { "{\n name\n Memcheck:Leak\n what is this\n}\n", "file:4" },
    { "{\n name\n Memcheck:Leak\n match-leak-kinds: some\n fun:a\n}\n", "file:4" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HatSuppressions) suppressions = hat_suppressions_new (NULL, NULL);
      g_assert_false (hat_suppressions_add (suppressions, bad[i].text, "file", &error));
      g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
      if (strstr (error->message, bad[i].where) == NULL)
        g_error ("%s: %s", bad[i].text, error->message);
    }
}

static void
test_leaks (void)
{
  g_autoptr (HatTrace) trace = plain_trace ();
  g_autoptr (GError) error = NULL;
  HatLeaksOptions options = { .process = -1, .json = TRUE, .snapshot.index = -1 };
  g_autoptr (GString) out = g_string_new (NULL);
  guint n_leaks;
  g_assert_true (hat_report_leaks (trace, &options, out, &n_leaks, NULL, &error));
  g_autoptr (JsonParser) parser = parse (out);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  assert_keys (root, "processes", "");
  JsonObject *process = json_array_get_object_element (json_object_get_array_member (root, "processes"), 0);
  assert_keys (process, "index pid snapshot classes groups cycles growing", "suppressed");
  g_assert_true (json_object_get_null_member (process, "snapshot"));
  JsonObject *classes = json_object_get_object_member (process, "classes");
  assert_keys (classes, "direct indirect cycle possible reachable unfreed", "");
  JsonObject *unfreed = json_object_get_object_member (classes, "unfreed");
  assert_keys (unfreed, "blocks bytes", "");
  g_assert_cmpint (json_object_get_int_member (unfreed, "bytes"), ==, 1000);
  JsonObject *group = json_array_get_object_element (json_object_get_array_member (process, "groups"), 0);
  assert_keys (group, "class blocks bytes type confidence why first_ns last_ns stack", "example retained_bytes slope_bytes_per_s");
  g_assert_cmpstr (json_object_get_string_member (group, "class"), ==, "unfreed");
  g_assert_cmpint (json_object_get_int_member (group, "blocks"), ==, 10);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (process, "cycles")), ==, 0);

  g_autofree char *file = NULL;
  close (g_file_open_tmp ("test-report-XXXXXX", &file, NULL));
  g_file_set_contents (file, "leak:own_kept$\n", -1, NULL);
  options.suppressions = file;
  g_autoptr (GString) suppressed = g_string_new (NULL);
  g_assert_true (hat_report_leaks (trace, &options, suppressed, &n_leaks, NULL, &error));
  g_assert_cmpuint (n_leaks, ==, 0);
  unlink (file);
  g_assert_false (hat_report_leaks (trace, &options, suppressed, &n_leaks, NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_IO);
}

/* ---- with a snapshot ---- */

/* In this order: held by a global, held by that one; dropped; two that hold each other; a tail of theirs. 100 bytes each. */
static HatTrace *
snapshot_trace (void)
{
  Builder builder;
  builder_init (&builder);
  const guint process = add_process (&builder, "/usr/bin/lossy", -1, FALSE);
  const HatStackId outer = call (&builder, HAT_STACK_NONE, "main", "/src/lossy.c");
  const char *const names[] = { "make_root", "make_child", "make_dropped", "make_ring", "make_ring", "make_tail" };
  HatStackId ring = HAT_STACK_NONE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const HatStackId stack = i == 4 ? ring : call (&builder, outer, names[i], "/src/lossy.c");
      ring = stack;
      allocate (&builder, process, stack, 100);
    }
  guint32 first_edge[] = { 0, 1, 1, 1, 2, 4, 4 }, edge_to[] = { 1, 4, 3, 5 }, edge_word[] = { 2, 0, 0, 1 };
  HatRoot root = { .kind = HAT_ROOT_GLOBAL, .name = "the \"root\" <&>", .module = builder.module, .offset = 64, .address = 0x400040,
                   .thread = G_MAXUINT32, .frame = HAT_NO_FRAME };
  const HatSnapshot snapshot = {
    .info = { .reason = HAT_SNAPSHOT_EXIT, .pause_ns = 1500000, .n_blocks = 6, .n_edges = 4, .n_roots = 1 },
    .first_edge = first_edge, .edge_to = edge_to, .edge_word = edge_word, .roots = &root,
  };
  const guint index = hat_trace_writer_begin_snapshot (builder.writer, process, builder.now_ns);
  hat_trace_writer_add_snapshot (builder.writer, process, index, &snapshot);
  end_process (&builder, process, 0, 0);
  return builder_finish (&builder);
}

static JsonArray *
leaks_of (HatTrace *trace, const HatLeaksOptions *options, guint *out_n, JsonParser **out_parser)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) out = g_string_new (NULL);
  g_assert_true (hat_report_leaks (trace, options, out, out_n, NULL, &error));
  *out_parser = parse (out);
  return json_object_get_array_member (json_node_get_object (json_parser_get_root (*out_parser)), "processes");
}

static void
test_lost (void)
{
  g_autoptr (HatTrace) trace = snapshot_trace ();
  g_autoptr (JsonParser) parser = NULL;
  HatLeaksOptions options = { .process = -1, .json = TRUE, .snapshot.index = -1 };
  guint n;
  JsonObject *process = json_array_get_object_element (leaks_of (trace, &options, &n, &parser), 0);
  g_assert_cmpuint (n, ==, 3);
  JsonObject *snapshot = json_object_get_object_member (process, "snapshot");
  assert_keys (snapshot, "index time_ns reason pause_ns", "detail read_bytes windowed blocks pointers roots threads_skipped");
  g_assert_cmpstr (json_object_get_string_member (snapshot, "reason"), ==, "exit");
  g_assert_cmpint (json_object_get_int_member (snapshot, "pause_ns"), ==, 1500000);
  static const struct { const char *name; gint blocks; } classes[]
    = { { "direct", 1 }, { "indirect", 1 }, { "cycle", 2 }, { "possible", 0 }, { "reachable", 2 }, { "unfreed", 0 } };
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      JsonObject *of = json_object_get_object_member (json_object_get_object_member (process, "classes"), classes[i].name);
      g_assert_cmpint (json_object_get_int_member (of, "blocks"), ==, classes[i].blocks);
      g_assert_cmpint (json_object_get_int_member (of, "bytes"), ==, 100 * classes[i].blocks);
    }
  JsonArray *groups = json_object_get_array_member (process, "groups");
  g_assert_cmpuint (json_array_get_length (groups), ==, 3);
  JsonObject *ring = json_array_get_object_element (groups, 1);
  assert_keys (ring, "class blocks bytes type confidence why first_ns last_ns stack", "example retained_bytes slope_bytes_per_s");
  g_assert_cmpstr (json_object_get_string_member (ring, "class"), ==, "cycle");
  g_assert_cmpstr (json_object_get_string_member (ring, "confidence"), ==, "likely");
  g_assert_cmpint (json_object_get_int_member (ring, "retained_bytes"), ==, 300);
  JsonArray *cycles = json_object_get_array_member (process, "cycles");
  g_assert_cmpuint (json_array_get_length (cycles), ==, 1);
  JsonObject *cycle = json_array_get_object_element (cycles, 0);
  assert_keys (cycle, "blocks bytes confidence nodes edges", "class way");
  assert_keys (json_array_get_object_element (json_object_get_array_member (cycle, "nodes"), 0), "id address type", "");
  JsonArray *edges = json_object_get_array_member (cycle, "edges");
  g_assert_cmpuint (json_array_get_length (edges), ==, 2);
  assert_keys (json_array_get_object_element (edges, 0), "from to field strength", "offset");

  /* A known ring takes its tail with it. */
  g_autofree char *file = NULL;
  g_autoptr (JsonParser) known = NULL;
  close (g_file_open_tmp ("test-report-XXXXXX", &file, NULL));
  g_file_set_contents (file, "{\n ring\n Memcheck:Leak\n match-leak-kinds: definite\n fun:malloc\n fun:make_ring\n}\n", -1, NULL);
  options.suppressions = file;
  process = json_array_get_object_element (leaks_of (trace, &options, &n, &known), 0);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (process, "cycles")), ==, 0);
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (process, "suppressed"), "blocks"), ==, 3);

  /* A rule opens the ring: its first block is dropped, all else hangs on it. */
  g_autoptr (JsonParser) ruled = NULL;
  g_file_set_contents (file, "weak:make_ring+0\n", -1, NULL);
  options.suppressions = NULL;
  options.snapshot.rules = file;
  process = json_array_get_object_element (leaks_of (trace, &options, &n, &ruled), 0);
  JsonObject *direct = json_object_get_object_member (json_object_get_object_member (process, "classes"), "direct");
  g_assert_cmpint (json_object_get_int_member (direct, "blocks"), ==, 3); /* both ways are at offset 0 */
  unlink (file);

  g_autoptr (GError) error = NULL;
  g_autoptr (GString) out = g_string_new (NULL);
  options.snapshot = (HatSnapshotOptions) { .index = 1 };
  g_assert_false (hat_report_leaks (trace, &options, out, &n, NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
}

static GString *
graph_of (HatTrace *trace, HatGraphOptions options)
{
  g_autoptr (GError) error = NULL;
  GString *out = g_string_new (NULL);
  options.snapshot.index = -1;
  hat_report_graph (trace, &options, out, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_utf8_validate (out->str, out->len, NULL));
  return out;
}

static void
test_graph_json (void)
{
  g_autoptr (HatTrace) trace = snapshot_trace ();
  static const struct { HatGraphOptions options; guint nodes, edges, roots; } cases[] = {
    { { .depth = -1 }, 6, 4, 1 },
    { { .depth = 0 }, 1, 0, 1 },
    { { .depth = 1 }, 2, 1, 1 },
    { { .depth = -1, .from_block = "0x14000" }, 3, 3, 0 }, /* the ring's first */
    { { .depth = -1, .type = "make_ring" }, 3, 3, 0 },
    { { .depth = 0, .type = "make_*" }, 6, 4, 1 },
    { { .depth = -1, .paths_to = "0x12000" }, 2, 1, 1 },
    { { .depth = -1, .paths_to = "0x16000" }, 3, 2, 0 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      HatGraphOptions options = cases[i].options;
      options.format = HAT_GRAPH_AS_JSON;
      g_autoptr (GString) out = graph_of (trace, options);
      g_autoptr (JsonParser) parser = parse (out);
      JsonObject *root = json_node_get_object (json_parser_get_root (parser));
      assert_keys (root, "process snapshot stacks nodes edges roots", "");
      JsonArray *nodes = json_object_get_array_member (root, "nodes"), *edges = json_object_get_array_member (root, "edges");
      JsonArray *roots = json_object_get_array_member (root, "roots"), *stacks = json_object_get_array_member (root, "stacks");
      g_test_message ("case %u", i);
      g_assert_cmpuint (json_array_get_length (nodes), ==, cases[i].nodes);
      g_assert_cmpuint (json_array_get_length (edges), ==, cases[i].edges);
      g_assert_cmpuint (json_array_get_length (roots), ==, cases[i].roots);
      for (guint k = 0; k < cases[i].nodes; k++)
        {
          JsonObject *node = json_array_get_object_element (nodes, k);
          assert_keys (node, "id address size type type_evidence retained_bytes class strong_count weak_count stack",
                       "unknown_count birth_ns thread owner doubtful counted_strong counted_weak strong_found mismatch contents values");
          g_assert_cmpint (json_object_get_int_member (node, "id"), ==, k);
          g_assert_cmpint (json_object_get_int_member (node, "stack"), <, json_array_get_length (stacks));
        }
      for (guint k = 0; k < cases[i].edges; k++)
        {
          JsonObject *edge = json_array_get_object_element (edges, k);
          assert_keys (edge, "from to offset field strength evidence interior", "certain into");
          g_assert_cmpint (json_object_get_int_member (edge, "to"), <, cases[i].nodes);
        }
      for (guint k = 0; k < cases[i].roots; k++)
        assert_keys (json_array_get_object_element (roots, k), "kind name thread frame to", "into module address type strength");
    }
}

/* A graph in hand is told as it is, with rules that the trace does not know. */
static void
test_graph_in_hand (void)
{
  g_autoptr (HatTrace) trace = snapshot_trace ();
  g_autoptr (GError) error = NULL;
  g_autoptr (HatHeap) heap = hat_heap_new (trace, 0, NULL, &error);
  g_autoptr (HatGraphRules) rules = hat_graph_rules_new (trace);
  HatGraphOptions options = { .depth = -1, .format = HAT_GRAPH_AS_JSON };
  g_autoptr (GString) before = graph_of (trace, options);

  g_assert_true (hat_graph_rules_add (rules, "weak:make_ring+0", "test", &error));
  g_autoptr (HatGraph) graph = hat_graph_new (heap, 0, rules, NULL, NULL, &error);
  g_assert_no_error (error);
  options.graph = graph;
  g_autoptr (GString) after = graph_of (trace, options);
  g_assert_null (strstr (before->str, "declared weak"));
  g_assert_nonnull (strstr (after->str, "declared weak"));
}

/* A parser of XML counts its elements. */
static void
count_element (GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer data, GError **error)
{
  ((guint *) data)[g_str_equal (name, "node")] += g_str_equal (name, "node") || g_str_equal (name, "edge");
}

static void
test_graph_formats (void)
{
  g_autoptr (HatTrace) trace = snapshot_trace ();
  const GMarkupParser parser = { .start_element = count_element };
  guint counts[2] = { 0 };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, counts, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) xml = graph_of (trace, (HatGraphOptions) { .depth = -1, .format = HAT_GRAPH_AS_GRAPHML });
  g_assert_true (g_markup_parse_context_parse (context, xml->str, xml->len, &error) && g_markup_parse_context_end_parse (context, &error));
  g_assert_cmpuint (counts[1], ==, 7); /* six blocks and a root */
  g_assert_cmpuint (counts[0], ==, 5);

  g_autoptr (GString) dot = graph_of (trace, (HatGraphOptions) { .depth = -1, .format = HAT_GRAPH_AS_DOT });
  g_assert_nonnull (strstr (dot->str, "the \\\"root\\\" <&>"));
  g_assert_nonnull (strstr (dot->str, "b3 -> b4"));
  g_assert_nonnull (strstr (dot->str, "constraint=false")); /* back to its owner */

  g_autoptr (GString) text = graph_of (trace, (HatGraphOptions) { .depth = -1 });
  g_assert_nonnull (strstr (text->str, "make_child"));
  g_autoptr (GString) one = graph_of (trace, (HatGraphOptions) { .depth = -1, .from_block = "0x14001" });
  g_assert_nonnull (strstr (one->str, "Pointers to it"));
  g_autoptr (GString) paths = graph_of (trace, (HatGraphOptions) { .depth = -1, .paths_to = "0x12000" });
  g_assert_nonnull (strstr (paths->str, "global the \"root\" <&> in libugly.so"));

  static const HatGraphOptions bad[] = {
    { .from_block = "0x1" }, { .from_block = "main" }, { .paths_to = "" }, { .type = "nothing" }, { .snapshot.index = 3 }, { .process = 7 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) bad_error = NULL;
      g_assert_false (hat_report_graph (trace, &bad[i], text, NULL, &bad_error));
      g_assert_error (bad_error, HAT_ERROR, HAT_ERROR_USAGE);
    }
}

static gboolean
on_cancel (double share, const char *what, gpointer data)
{
  return FALSE;
}

static void
test_cancelled (void)
{
  g_autoptr (HatTrace) trace = ugly_trace ();
  const HatProgress progress = { on_cancel, NULL };
  const HatReportOptions options = { .process = -1, .top = -1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) out = g_string_new (NULL);
  g_assert_false (hat_report (trace, &options, out, &progress, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/report/json-writer", test_json_writer);
  g_test_add_func ("/report/keys", test_report_keys);
  g_test_add_func ("/report/top-and-range", test_report_top_and_range);
  g_test_add_func ("/report/ugly-json", test_ugly_json);
  g_test_add_data_func ("/report/text-fits/ascii", "C", test_text_fits);
  g_test_add_data_func ("/report/text-fits/utf-8", "C.UTF-8", test_text_fits);
  g_test_add_func ("/report/text-says", test_text_says);
  g_test_add_func ("/report/names", test_names);
  g_test_add_func ("/report/assertions", test_assertions);
  g_test_add_func ("/report/bad-assertions", test_bad_assertions);
  g_test_add_func ("/report/function-names", test_function_names);
  g_test_add_func ("/report/random-function-names", test_random_function_names);
  g_test_add_func ("/report/suppression-patterns", test_suppression_patterns);
  g_test_add_func ("/report/suppressed-stacks", test_suppressed_stacks);
  g_test_add_func ("/report/leaks", test_leaks);
  g_test_add_func ("/report/lost", test_lost);
  g_test_add_func ("/report/graph-json", test_graph_json);
  g_test_add_func ("/report/graph-in-hand", test_graph_in_hand);
  g_test_add_func ("/report/graph-formats", test_graph_formats);
  g_test_add_func ("/report/cancelled", test_cancelled);
  return g_test_run ();
}
