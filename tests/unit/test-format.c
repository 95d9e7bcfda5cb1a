/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers for people and back, and which function a stack is put down to. */

#include "core/heap/format.h"
#include "core/heap/heap.h"
#include "core/trace/writer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void
assert_text (char *text, const char *expected)
{
  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
test_bytes (void)
{
  static const struct
  {
    guint64 bytes;
    const char *text;
  } table[] = {
    { 0, "0 B" }, { 1, "1 B" }, { 1023, "1,023 B" }, { 1024, "1.00 KiB" }, { 1536, "1.50 KiB" }, { 98406, "96.1 KiB" },
    { 1048064, "1.00 MiB" }, { 1047000, "1022 KiB" }, { 1258291, "1.20 MiB" }, { 10 << 20, "10.0 MiB" }, { 100 << 20, "100 MiB" },
    { G_GUINT64_CONSTANT (5) << 30, "5.00 GiB" }, { G_MAXUINT64, "16.0 EiB" }, { 10235, "10.0 KiB" }, { 102349, "100 KiB" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    assert_text (hat_format_bytes (table[i].bytes), table[i].text);
  assert_text (hat_format_signed_bytes (1258291), "+1.20 MiB");
  assert_text (hat_format_signed_bytes (-5), "-5 B");
  assert_text (hat_format_signed_bytes (0), "0 B");
  assert_text (hat_format_signed_bytes (G_MININT64), "-8.00 EiB");
}

static void
test_counts_and_times (void)
{
  assert_text (hat_format_count (0), "0");
  assert_text (hat_format_count (999), "999");
  assert_text (hat_format_count (12345), "12,345");
  assert_text (hat_format_count (9999999), "9,999,999");
  assert_text (hat_format_count (12400000), "12.4 M");
  assert_text (hat_format_count (999600000), "1.00 G");
  assert_text (hat_format_count (G_MAXUINT64), "18.4 E");
  assert_text (hat_format_time (0), "0 s");
  assert_text (hat_format_time (999), "999 ns");
  assert_text (hat_format_time (12300), "12.3 us");
  assert_text (hat_format_time (250000000), "250 ms");
  assert_text (hat_format_time (999600000), "1.00 s");
  assert_text (hat_format_time (4100000000), "4.10 s");
  assert_text (hat_format_time (99960000000), "1 min 40 s");
  assert_text (hat_format_time (200000000000), "3 min 20 s");
  assert_text (hat_format_time (G_GINT64_CONSTANT (7260000000000)), "2 h 1 min");
  assert_text (hat_format_time (-250000000), "-250 ms");
  g_autofree char *longest = hat_format_time (G_MININT64);
  g_assert_true (g_str_has_prefix (longest, "-"));
  assert_text (hat_format_address (G_GUINT64_CONSTANT (0x55d0c0ffee10)), "0x55d0c0ffee10");
}

static void
test_functions (void)
{
  static const char *const names[] = {
    "main", "", "std::vector<std::map<int, std::string>, std::allocator<std::map<int, std::string>>>::push_back(int const&)",
    "<alloc::vec::Vec<T,A> as core::iter::traits::collect::FromIterator<T>>::from_iter", "operator<<", "a::operator->",
    "(anonymous namespace)::f(int (*)(char), void (A::*)(B<C, D>))", "f<<<<<<<<<<", ">>>>>>>", "((((", "caf\xc3\xa9_caf\xc3\xa9_caf\xc3\xa9", "\xff\xfe bad",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint width = 1; width < 100; width++)
      {
        g_autofree char *text = hat_format_function (names[i], width);
        g_assert_true (g_utf8_validate (text, -1, NULL));
        g_assert_cmpint (g_utf8_strlen (text, -1), <=, width);
      }
  /* As people write it. */
  static const char *const usual[][2] = {
    { "std::vector<int, std::allocator<int> >::push_back(int&&)", "std::vector<int>::push_back(int&&)" },
    { "std::map<int, std::unique_ptr<A, std::default_delete<A> >, std::less<int>, std::allocator<std::pair<int const, std::unique_ptr<A> > > >",
      "std::map<int, std::unique_ptr<A>>" },
    { "std::map<int, A, std::greater<int>, std::allocator<A> > *[]", "std::map<int, A, std::greater<int>> *[]" },
    { "std::_Sp_counted_ptr_inplace<house::Node, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>", "shared house::Node" },
    { "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&", "std::string const&" },
    { "std::allocator<std::__cxx11::list<int, std::allocator<int> > >::allocate", "std::allocator<std::list<int>>::allocate" },
    { "alloc::vec::Vec<alloc::rc::Rc<tree::Node>, alloc::alloc::Global>", "Vec<Rc<tree::Node>>" },
    { "std::collections::hash::map::HashMap<u32,alloc::string::String,std::hash::random::RandomState>", "HashMap<u32, String>" },
    { "<alloc::vec::Vec<T> as core::clone::Clone>::clone", "<Vec<T> as core::clone::Clone>::clone" },
    { "alloc::alloc::exchange_malloc", "alloc::alloc::exchange_malloc" },
    { "core::ptr::drop_in_place<alloc::boxed::Box<[u8]>>", "core::ptr::drop_in_place<Box<[u8]>>" },
    { "operator<< <char, std::char_traits<char> >(A const&, B*)", "operator<< <char>(A const&, B*)" },
    { "A::operator->() const", "A::operator->() const" },
    { "f<void (*)(int, std::allocator<A>)>", "f<void (*)(int, std::allocator<A>)>" },
    { "my_core::option::Option<A>", "my_core::option::Option<A>" },
    { ">>],(<", ">>],(<" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (usual); i++)
    assert_text (hat_format_function (usual[i][0], 1000), usual[i][1]);
  assert_text (hat_format_function ("std::map<int, std::pair<A, B>>::at", 30), "std::map<...>::at");
  assert_text (hat_format_function ("std::map<int, std::pair<A, B>>::at", 34), "std::map<int, std::pair<A, B>>::at");
  assert_text (hat_format_function ("std::map<int, std::pair<Alpha, Beta>>::at", 38), "std::map<int, std::pair<...>>::at");
  assert_text (hat_format_function ("a_very_long_function_name_indeed", 20), "a_ver..._name_indeed");
  assert_text (hat_format_function ("llvm::WritableMemoryBuffer::getNewUninitMemBuffer", 40), "...getNewUninitMemBuffer");
  static const char *const tails[][2] = {
    { "main", "main" },
    { "std::vector<std::string>::push_back(std::string const&)", "push_back(std::string const&)" },
    { "count::main::{{closure}}::{{closure}}", "main::{{closure}}::{{closure}}" },
    { "<alloc::Global as core::Allocator>::allocate", "allocate" },
    { "llvm::User::operator new(unsigned long)", "operator new(unsigned long)" },
    { "std::operator<< <char>", "operator<< <char>" },
    { "a::", "a::" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (tails); i++)
    g_assert_cmpstr (hat_function_tail (tails[i][0]), ==, tails[i][1]);
}

static void
test_parse_bytes (void)
{
  static const struct
  {
    const char *text;
    gint64 bytes; /* -1: wrong */
  } table[] = {
    { "0", 0 }, { "512", 512 }, { "64K", 65536 }, { "64k", 65536 }, { "64KiB", 65536 }, { "64kb", 65536 }, { "1.5M", 1572864 },
    { "64M", 67108864 }, { "1.5G", 1610612736 }, { "2T", G_GINT64_CONSTANT (2199023255552) }, { "7B", 7 }, { ".5K", 512 },
    { "9007199254740993", G_GINT64_CONSTANT (9007199254740993) }, { "", -1 }, { "-1", -1 }, { "K", -1 }, { "1.2.3", -1 }, { "1e3", -1 },
    { "0x10", -1 }, { "64 M", -1 }, { "64MM", -1 }, { "inf", -1 }, { "nan", -1 }, { "99999999999T", -1 }, { "12Q", -1 }, { ".", -1 },
    { " 5", -1 }, { "5 ", -1 }, { "99999999999999999999", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GError) error = NULL;
      guint64 bytes = 4711;
      const gboolean ok = hat_parse_bytes (table[i].text, &bytes, &error);
      if (table[i].bytes >= 0)
        {
          g_assert_no_error (error);
          g_assert_true (ok);
          g_assert_cmpuint (bytes, ==, table[i].bytes);
        }
      else
        {
          g_assert_false (ok);
          g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
          g_assert_cmpuint (bytes, ==, 4711);
        }
    }
}

/* ---- with a trace ---- */

typedef struct
{
  const char *function, *module; /* module NULL: the program */
} TestFrame;

#define MAX_DEPTH 6

typedef struct
{
  const char *expected;
  TestFrame frames[MAX_DEPTH]; /* innermost first */
} TestStack;

static const TestStack test_stacks[] = {
  { "make_list", { { "make_list" }, { "main" } } },
  { "make_list", { { "malloc", "/lib/libc.so.6" }, { "make_list" }, { "main" } } },
  { "read_config", { { "getdelim", "/lib/x86_64-linux-gnu/libc.so.6" }, { "read_config" }, { "main" } } },
  { "make_list", { { "xmalloc" }, { "make_list" } } },
  { "load", { { "xstrdup" }, { "load" } } },
  { "parse", { { "g_malloc0_n", "/usr/lib/libglib-2.0.so.0" }, { "g_strsplit", "/usr/lib/libglib-2.0.so.0" }, { "parse" } } },
  { "sqlite3VdbeExec", { { "sqlite3MemMalloc" }, { "sqlite3DbMallocRawNN" }, { "sqlite3VdbeExec" } } },
  { "PyDict_New", { { "PyMem_RawMalloc" }, { "_PyObject_GC_Malloc" }, { "PyDict_New" } } },
  { "read_object_file", { { "do_xmalloc.constprop.0" }, { "xcalloc" }, { "read_object_file" } } },
  { "malloc_speed_test", { { "malloc_speed_test" }, { "main" } } },
  { "allocate_everything", { { "allocate_everything" }, { "main" } } },
  { "Scene::load(char const*)",
    { { "operator new(unsigned long)", "/lib/libstdc++.so.6" },
      { "std::__new_allocator<int>::allocate(unsigned long, void const*)" },
      { "void std::vector<int, std::allocator<int> >::_M_realloc_insert<int>(int*, int&&)" },
      { "int& std::vector<int, std::allocator<int> >::emplace_back<int>(int&&)" },
      { "Scene::load(char const*)" } } },
  { "core::Engine::start()", { { "operator new(unsigned long)" }, { "core::Engine::start()" } } },
  { "bool app::operator< <int>(app::X<int>)", { { "operator new(unsigned long)" }, { "bool app::operator< <int>(app::X<int>)" } } },
  { "(anonymous namespace)::Cache::fill()", { { "__gnu_cxx::new_allocator<int>::allocate(unsigned long)" }, { "(anonymous namespace)::Cache::fill()" } } },
  { "shop::cart::add",
    { { "__rdl_alloc" },
      { "alloc::alloc::alloc" },
      { "<alloc::alloc::Global as core::alloc::Allocator>::allocate" },
      { "alloc::raw_vec::RawVec<T,A>::allocate_in" },
      { "<T as alloc::slice::hack::ConvertVec>::to_vec" },
      { "shop::cart::add" } } },
  { "shop::till", { { "<shop::Counting as core::alloc::global::GlobalAlloc>::alloc" }, { "__rustc::__rust_alloc" }, { "shop::till" } } },
  { "<shop::Item as core::clone::Clone>::clone", { { "__rust_alloc" }, { "<shop::Item as core::clone::Clone>::clone" }, { "shop::main" } } },
  { "shop::main::{{closure}}", { { "hashbrown::raw::RawTable<T,A>::reserve_rehash" }, { "shop::main::{{closure}}" } } },
  { "dl_init", { { "dl_init", "/lib/ld-linux-x86-64.so.2" }, { "_start" } } },
};

typedef struct
{
  HatTrace *trace;
  HatStackId stacks[G_N_ELEMENTS (test_stacks)];
  HatStackId cut;
} NameFixture;

static HatTrace *
names_trace (NameFixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const HatProcess process = { .pid = 1, .parent = -1, .exe = "/bin/names", .start_ns = 1000 };
  const HatModule program = { .path = "/bin/names" };
  g_autoptr (HatSymbols) symbols = hat_symbols_new ();

  close (g_file_open_tmp ("test-format-XXXXXX.heapatlas", &path, NULL));
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, &error);
  g_assert_no_error (error);
  hat_trace_writer_add_process (writer, &process);
  hat_trace_writer_add_thread (writer, 0, 1, "main");
  const guint program_module = hat_trace_writer_add_module (writer, &program);
  guint n_frames = 0;
  for (guint i = 0; i < G_N_ELEMENTS (test_stacks); i++)
    {
      HatStackId stack = HAT_STACK_NONE;
      for (int k = MAX_DEPTH - 1; k >= 0; k--)
        {
          const TestFrame *test = &test_stacks[i].frames[k];
          if (test->function == NULL)
            continue;
          HatFrame frame = { .module = program_module, .offset = ++n_frames };
          if (test->module)
            {
              const HatModule module = { .path = test->module };
              frame.module = hat_trace_writer_add_module (writer, &module);
            }
          const HatFrameId id = hat_trace_writer_add_frame (writer, &frame);
          const HatSourceFrame source = { .function = test->function };
          hat_symbols_add (symbols, id, &source, 1);
          stack = hat_trace_writer_add_stack (writer, stack, id);
        }
      fixture->stacks[i] = stack;
    }
  const HatFrame cut = { .module = G_MAXUINT32, .cut = TRUE };
  const HatFrame leaf = { .module = program_module, .offset = 9999 };
  const HatSourceFrame leaf_source = { .function = "leaf" };
  const HatFrameId cut_id = hat_trace_writer_add_frame (writer, &cut);
  const HatFrameId leaf_id = hat_trace_writer_add_frame (writer, &leaf);
  hat_symbols_add (symbols, leaf_id, &leaf_source, 1);
  fixture->cut = hat_trace_writer_add_stack (writer, hat_trace_writer_add_stack (writer, HAT_STACK_NONE, cut_id), leaf_id);
  hat_trace_writer_add_symbols (writer, symbols);

  const HatEvent events[] = {
    { .kind = HAT_EVENT_ALLOC, .time_ns = 1000000, .address = 0x1000, .size = 100, .stack = fixture->stacks[0] },
    { .kind = HAT_EVENT_ALLOC, .time_ns = 3000000, .address = 0x2000, .size = 100, .stack = fixture->stacks[0] },
    { .kind = HAT_EVENT_FREE, .time_ns = 5000000, .old = 1 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      hat_trace_writer_add_event (writer, 0, &events[i]);
      if (i == 1)
        hat_trace_writer_add_mark (writer, 0, "loaded", 4000000);
    }
  const HatProcess end = { .end_ns = 9000000 };
  hat_trace_writer_end_process (writer, 0, &end);
  hat_trace_writer_finish (writer, 10000000, &error);
  g_assert_no_error (error);
  HatTrace *trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return trace;
}

static void
test_stack_function (void)
{
  NameFixture fixture;
  g_autoptr (HatTrace) trace = names_trace (&fixture);

  for (guint i = 0; i < G_N_ELEMENTS (test_stacks); i++)
    g_assert_cmpstr (hat_stack_function (trace, fixture.stacks[i]), ==, test_stacks[i].expected);
  g_assert_cmpstr (hat_stack_module (trace, fixture.stacks[1]), ==, "/bin/names");
  g_assert_cmpstr (hat_stack_module (trace, fixture.stacks[G_N_ELEMENTS (test_stacks) - 1]), ==, "/lib/ld-linux-x86-64.so.2");
  g_assert_nonnull (hat_stack_function (trace, HAT_STACK_NONE));
  g_assert_nonnull (hat_stack_function (trace, HAT_STACK_TRUNCATED));
  g_assert_nonnull (hat_stack_function (trace, 123456));
}

static void
test_cut_frames_have_a_name (void)
{
  NameFixture fixture;
  g_autoptr (HatTrace) trace = names_trace (&fixture);
  guint n;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, fixture.cut, &n);

  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpstr (frames[0].function, ==, "leaf");
  g_assert_cmpstr (frames[1].function, ==, "... frames left out ...");
  g_assert_cmpstr (frames[1].module, ==, "");
}

static void
test_parse_time (void)
{
  NameFixture fixture;
  g_autoptr (HatTrace) trace = names_trace (&fixture);
  g_autoptr (HatHeap) heap = hat_heap_new (trace, 0, NULL, NULL);
  const gint64 peak = hat_heap_summary (heap)->totals.peak_time_ns;
  const struct
  {
    const char *text;
    gint64 ns; /* -1: wrong */
  } table[] = {
    { "0", -1 }, { "1.5s", 1500000000 }, { "250ms", 250000000 }, { "10us", 10000 }, { "3ns", 3 }, { "2min", G_GINT64_CONSTANT (120000000000) },
    { "mark:loaded", 4000000 }, { "mark:nothing", -1 }, { "mark:", -1 }, { "peak", peak }, { "start", hat_heap_start (heap) },
    { "end", hat_heap_end (heap) }, { "", -1 }, { "s", -1 }, { "-1s", -1 }, { "1.2.3s", -1 }, { "1 s", -1 }, { "1e3s", -1 },
    { "99999999999999h", -1 }, { "pea", -1 }, { "end ", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 ns = -4711;
      const gboolean ok = hat_parse_time (table[i].text, trace, 0, &ns, &error);
      if (table[i].ns >= 0)
        {
          g_assert_no_error (error);
          g_assert_true (ok);
          g_assert_cmpint (ns, ==, table[i].ns);
        }
      else
        {
          g_assert_false (ok);
          g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
          g_assert_cmpint (ns, ==, -4711);
        }
    }
  g_assert_cmpint (peak, >=, 3000000);
  g_assert_cmpint (peak, <, 3100000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format/bytes", test_bytes);
  g_test_add_func ("/format/counts-and-times", test_counts_and_times);
  g_test_add_func ("/format/functions", test_functions);
  g_test_add_func ("/format/parse-bytes", test_parse_bytes);
  g_test_add_func ("/format/parse-time", test_parse_time);
  g_test_add_func ("/names/stack-function", test_stack_function);
  g_test_add_func ("/names/cut-frames", test_cut_frames_have_a_name);
  return g_test_run ();
}
