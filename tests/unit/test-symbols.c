/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols of small programs that are built here in many ways, compared with addr2line, the second opinion; where its
 * files are found, and which are refused; names; damaged files; memory. */

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/heapatlas.h"
#include "core/symbols/ahead-private.h"
#include "core/symbols/module-symbols.h"
#include "core/symbols/symbol-table.h"
#include "core/trace/writer.h"

static char *work_dir;

/* ---- building programs ---- */

static char *
source (const char *name)
{
  return g_build_filename (g_getenv ("HAT_TEST_SOURCES"), name, NULL);
}

static char *
product (const char *name)
{
  return g_build_filename (work_dir, name, NULL);
}

/* Runs a command line in the work folder; "%s" in it was filled in by the caller. Returns its output. */
static char *
run (const char *command)
{
  g_autofree char *quoted = g_shell_quote (command);
  g_autofree char *line = g_strdup_printf ("cd %s && sh -c %s", work_dir, quoted);
  const char *argv[] = { "/bin/sh", "-c", line, NULL };
  g_autofree char *output = NULL, *errors = NULL;
  g_autoptr (GError) error = NULL;
  int status;
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, &errors, &status, &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("%s\n%s", command, errors);
  return g_steal_pointer (&output);
}

/* Compiles a source of tests/targets to `name`, once. */
static char *
build (const char *name, const char *compiler, const char *source_name)
{
  char *path = product (name);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return path;
  g_autofree char *from = source (source_name);
  g_autofree char *command = g_strdup_printf ("%s %s -o %s", compiler, from, name);
  g_free (run (command));
  return path;
}

static void
build_id_of (const char *path, guint8 id[20])
{
  memset (id, 0, 20);
  g_autofree char *command = g_strdup_printf ("readelf -n %s | sed -n 's/.*Build ID: //p'", path);
  g_autofree char *hex = run (command);
  for (guint i = 0; i < 20 && g_ascii_isxdigit (hex[2 * i]); i++)
    id[i] = g_ascii_xdigit_value (hex[2 * i]) * 16 + g_ascii_xdigit_value (hex[2 * i + 1]);
}

/* ---- asking ---- */

typedef struct
{
  char *function, *file;
  guint line;
  gboolean is_inline;
} Frame;

static void
frame_free (gpointer data)
{
  Frame *frame = data;
  g_free (frame->function);
  g_free (frame->file);
  g_free (frame);
}

static GPtrArray *
chain_new (void)
{
  return g_ptr_array_new_with_free_func (frame_free);
}

static void
add_frame (GPtrArray *chain, const char *function, const char *file, guint line, gboolean is_inline)
{
  Frame *frame = g_new (Frame, 1);
  *frame = (Frame){ g_strdup (function), g_strdup (file), line, is_inline };
  g_ptr_array_add (chain, frame);
}

static void
on_resolved (guint32 id, const HatSourceFrame *frames, guint n, gpointer data)
{
  GPtrArray *chains = data;
  GPtrArray *chain = chain_new ();
  g_assert_null (g_ptr_array_index (chains, id));
  for (guint i = 0; i < n; i++)
    {
      g_assert_nonnull (frames[i].function);
      g_assert_cmpint (frames[i].is_inline, ==, i + 1 < n);
      add_frame (chain, frames[i].function, frames[i].file, frames[i].line, frames[i].is_inline);
    }
  g_ptr_array_index (chains, id) = chain;
}

/* The chain of each address, innermost first. */
static GPtrArray *
ask (const HatModule *module, const HatSymbolOptions *options, GArray *addresses)
{
  g_autoptr (GArray) wanted = g_array_new (FALSE, FALSE, sizeof (HatWantedAddress));
  for (guint i = 0; i < addresses->len; i++)
    {
      guint64 address = g_array_index (addresses, guint64, i);
      HatWantedAddress one = { address, address, i };
      g_array_append_val (wanted, one);
    }
  GPtrArray *chains = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  g_ptr_array_set_size (chains, addresses->len);
  g_autoptr (GError) error = NULL;
  gboolean done = hat_module_resolve (module, options, (HatWantedAddress *) wanted->data, wanted->len, on_resolved,
                                      chains, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (done);
  for (guint i = 0; i < chains->len; i++)
    g_assert_nonnull (g_ptr_array_index (chains, i));
  return chains;
}

static GPtrArray *
ask_path (const char *path, GArray *addresses)
{
  const HatModule module = { .path = path };
  return ask (&module, NULL, addresses);
}

/* Cuts the text in place. (g_strsplit() is quadratic under AddressSanitizer, whose strstr() measures all text.) */
static GPtrArray *
lines_of (char *text)
{
  GPtrArray *lines = g_ptr_array_new ();
  for (char *line = text, *end; (end = strchr (line, '\n')); line = end + 1)
    {
      *end = '\0';
      g_ptr_array_add (lines, line);
    }
  return lines;
}

static GPtrArray *
ask_addr2line (const char *path, GArray *addresses)
{
  g_autoptr (GString) list = g_string_new (NULL);
  for (guint i = 0; i < addresses->len; i++)
    g_string_append_printf (list, "0x%" G_GINT64_MODIFIER "x\n", g_array_index (addresses, guint64, i));
  g_autofree char *file = product ("addresses");
  g_assert_true (g_file_set_contents (file, list->str, list->len, NULL));
  g_autofree char *command = g_strdup_printf ("addr2line -i -f -a -e %s < addresses", path);
  g_autofree char *output = run (command);
  g_autoptr (GPtrArray) lines = lines_of (output);
  GPtrArray *chains = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  for (guint i = 0; i + 1 < lines->len;)
    {
      char *line = g_ptr_array_index (lines, i);
      if (g_str_has_prefix (line, "0x"))
        {
          g_ptr_array_add (chains, chain_new ());
          i++;
          continue;
        }
      char *place = g_ptr_array_index (lines, i + 1), *discriminator = strstr (place, " (discriminator");
      if (discriminator)
        *discriminator = '\0';
      char *colon = strrchr (place, ':');
      *colon = '\0';
      g_autofree char *canonical = place[0] == '/' ? g_canonicalize_filename (place, NULL) : g_strdup (place);
      add_frame (g_ptr_array_index (chains, chains->len - 1), line, strcmp (place, "??") == 0 ? NULL : canonical,
                 atoi (colon + 1), FALSE);
      i += 2;
    }
  g_assert_cmpuint (chains->len, ==, addresses->len);
  return chains;
}

/* Addresses of .text: each one, or `most` random ones. */
static GArray *
code_addresses (const char *path, guint most)
{
  g_autofree char *command =
      g_strdup_printf ("readelf -SW %s | sed -n 's/.* \\.text  *PROGBITS  *\\([0-9a-f]*\\) [0-9a-f]* "
                       "\\([0-9a-f]*\\) .*/\\1 \\2/p'",
                       path);
  g_autofree char *output = run (command);
  char *rest;
  guint64 start = g_ascii_strtoull (output, &rest, 16), size = g_ascii_strtoull (rest, NULL, 16);
  g_assert_cmpuint (size, >, 0);
  GArray *addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  for (guint64 i = 0; i < MIN (size, most); i++)
    {
      guint64 address = start + (size <= most ? i : (guint64) g_test_rand_int_range (0, size));
      g_array_append_val (addresses, address);
    }
  return addresses;
}

/* ---- comparing ---- */

/* "a::b<c>::d<e>.part.0" -> "d". */
static char *
last_part (const char *name)
{
  g_autofree char *demangled = hat_demangle (name);
  g_autoptr (GString) part = g_string_new (NULL);
  int depth = 0;
  for (const char *c = demangled; *c; c++)
    {
      if (*c == '<' || *c == '{' || *c == '(')
        depth++;
      else if (*c == '>' || *c == '}' || *c == ')')
        depth--;
      else if (depth == 0 && *c == ':')
        {
          /* Of Rust's "drop::<T>" the arguments are a part of their own. */
          if (c[1] == ':' && c[2] != '<')
            g_string_truncate (part, 0);
        }
      else if (depth == 0 && (*c == '.' || *c == ' '))
        break;
      else if (depth == 0)
        g_string_append_c (part, *c);
    }
  return g_string_free (g_steal_pointer (&part), FALSE);
}

static gboolean
is_same_function (const char *ours, const char *theirs)
{
  g_autofree char *one = last_part (ours), *other = last_part (theirs);
  return strcmp (one, other) == 0;
}

static char *
describe (GPtrArray *chain)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < chain->len; i++)
    {
      const Frame *frame = g_ptr_array_index (chain, i);
      g_string_append_printf (text, "%s %s:%u\n", frame->function, frame->file ? frame->file : "?", frame->line);
    }
  return g_string_free (text, FALSE);
}

typedef struct
{
  const char *name;
  const char *compiler;
  const char *source;
  gboolean is_file_exact; /* addr2line 2.40 mistakes file 1 of DWARF 5 for another one at times */
} Variant;

static gboolean
agrees (const Variant *variant, GPtrArray *ours, GPtrArray *theirs)
{
  if (ours->len != theirs->len)
    return FALSE;
  for (guint i = 0; i < ours->len; i++)
    {
      const Frame *one = g_ptr_array_index (ours, i), *other = g_ptr_array_index (theirs, i);
      /* Where the innermost function has no linkage name (lambdas), addr2line gives it the symbol's, which is the
       * outermost one's. */
      const Frame *outermost = g_ptr_array_index (theirs, theirs->len - 1);
      gboolean is_lambda = i == 0 && theirs->len > 1 && strcmp (other->function, outermost->function) == 0;
      /* A #[no_mangle] function has two names: addr2line shows the exported one, we show where it stands in the source. */
      gboolean is_exported = strstr (one->function, "::") && !strstr (other->function, "::");
      if ((!is_lambda && !is_exported && !is_same_function (one->function, other->function)) || one->line != other->line)
        return FALSE;
      if (variant->is_file_exact && g_strcmp0 (one->file, other->file) != 0)
        return FALSE;
    }
  return TRUE;
}

static void
test_agrees_with_addr2line (gconstpointer data)
{
  const Variant *variant = data;
  g_autofree char *path = build (variant->name, variant->compiler, variant->source);
  g_autoptr (GArray) addresses = code_addresses (path, 3000);
  g_autoptr (GPtrArray) ours = ask_path (path, addresses), theirs = ask_addr2line (path, addresses);
  guint compared = 0, inlined = 0, padding = 0;
  for (guint i = 0; i < addresses->len; i++)
    {
      GPtrArray *one = g_ptr_array_index (ours, i), *other = g_ptr_array_index (theirs, i);
      const Frame *outermost = g_ptr_array_index (other, other->len - 1);
      /* Code without debug info, and padding, which it gives to the function before. */
      gboolean is_padding = one->len == 1 && strstr (((Frame *) g_ptr_array_index (one, 0))->function, "+0x");
      if (other->len == 1 && (outermost->line == 0 || is_padding))
        {
          padding += outermost->line > 0;
          continue;
        }
      if (!agrees (variant, one, other))
        {
          g_autofree char *we = describe (one), *they = describe (other);
          g_error ("%s 0x%" G_GINT64_MODIFIER "x\nwe say\n%sthey say\n%s", variant->name,
                   g_array_index (addresses, guint64, i), we, they);
        }
      compared++;
      inlined += other->len > 1;
    }
  g_test_message ("%s: %u of %u addresses compared, %u inlined", variant->name, compared, addresses->len, inlined);
  g_assert_cmpuint (compared, >, 200);
  g_assert_cmpuint (padding, <, compared / 4);
  if (strstr (variant->compiler, "-O2"))
    g_assert_cmpuint (inlined, >, 80);
}

#define SHOP "symbols-shop.cpp"
static const Variant variants[] = {
  { "c-O0", "gcc -g -O0", "symbols-chain.c", FALSE },
  { "c-O2", "gcc -g -O2", "symbols-chain.c", FALSE },
  { "c-O2-dwarf3", "gcc -gdwarf-3 -O2", "symbols-chain.c", TRUE },
  { "cxx-O0-dwarf4", "g++ -gdwarf-4 -O0", SHOP, TRUE },
  { "cxx-O2-dwarf4", "g++ -gdwarf-4 -O2", SHOP, TRUE },
  { "cxx-O2", "g++ -g -O2", SHOP, FALSE },
  { "cxx-O1-no-pie", "g++ -g -O1 -no-pie", SHOP, FALSE },
  { "cxx-O2-compressed", "g++ -gdwarf-4 -gz -O2", SHOP, TRUE },
  { "cxx-O2-sections", "g++ -g -O2 -ffunction-sections -Wl,--gc-sections", SHOP, FALSE },
  { "cxx-O2-lto", "g++ -g -O2 -flto", SHOP, FALSE },
  { "rust-O", "rustc -g -O --edition 2021 --crate-name symbols_shapes", "symbols-shapes.rs", FALSE },
  { "rust-O0", "rustc -g --edition 2021 --crate-name symbols_shapes", "symbols-shapes.rs", FALSE },
};

/* The same code with its debug info in another form must give the same answers. */
static void
assert_same_answers (const char *path, const char *other_path)
{
  g_autoptr (GArray) addresses = code_addresses (path, 3000);
  g_autoptr (GArray) other_addresses = code_addresses (other_path, 3000);
  g_assert_cmpmem (addresses->data, addresses->len * sizeof (guint64), other_addresses->data,
                   other_addresses->len * sizeof (guint64));
  g_autoptr (GPtrArray) ours = ask_path (path, addresses), others = ask_path (other_path, addresses);
  for (guint i = 0; i < addresses->len; i++)
    {
      g_autofree char *one = describe (g_ptr_array_index (ours, i)), *other = describe (g_ptr_array_index (others, i));
      if (!strstr (one, "+0x")) /* of padding: the file's name is in it */
        g_assert_cmpstr (one, ==, other);
    }
}

static void
test_other_forms (void)
{
  g_autofree char *plain = build ("form-plain", "g++ -g -O2 -Wl,--build-id=none", SHOP);
  const char *const forms[][2] = {
    { "form-split", "g++ -g -gsplit-dwarf -O2 -Wl,--build-id=none" },
    { "form-split4", "g++ -gdwarf-4 -gsplit-dwarf -O2 -Wl,--build-id=none" },
    { "form-types", "g++ -g -fdebug-types-section -O2 -Wl,--build-id=none" },
    { "form-old-compression", "g++ -g -gz=zlib-gnu -O2 -Wl,--build-id=none" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autofree char *path = build (forms[i][0], forms[i][1], SHOP);
      assert_same_answers (plain, path);
    }
}

static void
test_shared_debug_file (void)
{
  g_autofree char *one = build ("dwz-one", "g++ -g -O2", SHOP);
  g_autofree char *two = build ("dwz-two", "g++ -g -O1", SHOP);
  g_free (run ("cp dwz-one dwz-one.packed; cp dwz-two dwz-two.packed; "
               "dwz -m dwz.shared -M $PWD/dwz.shared dwz-one.packed dwz-two.packed; readelf -SW dwz-one.packed | grep "
               "-q debugaltlink"));
  g_autofree char *packed = product ("dwz-one.packed");
  assert_same_answers (one, packed);
}

/* ---- names ---- */

/* All functions that the addresses of .text are in, inlined ones too. */
static GHashTable *
functions_of (const char *path)
{
  g_autoptr (GArray) addresses = code_addresses (path, 100000);
  g_autoptr (GPtrArray) chains = ask_path (path, addresses);
  GHashTable *functions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < chains->len; i++)
    {
      GPtrArray *chain = g_ptr_array_index (chains, i);
      for (guint k = 0; k < chain->len; k++)
        g_hash_table_add (functions, g_strdup (((Frame *) g_ptr_array_index (chain, k))->function));
    }
  return functions;
}

static void
assert_has_functions (const char *path, const char *const *expected)
{
  g_autoptr (GHashTable) functions = functions_of (path);
  for (guint i = 0; expected[i]; i++)
    if (!g_hash_table_contains (functions, expected[i]))
      g_error ("%s has no function %s", path, expected[i]);
}

/* Without any name, all addresses of a function still have one name: that of its start. */
static void
test_stripped_function_is_one (void)
{
  g_autofree char *path = build ("c-O2", "gcc -g -O2", "symbols-chain.c");
  g_autofree char *output = run ("objcopy --strip-all c-O2 c-O2.stripped; nm c-O2 | sed -n 's/ T outermost$//p'");
  guint64 start = g_ascii_strtoull (output, NULL, 16);
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  for (guint64 address = start; address < start + 24; address++)
    g_array_append_val (addresses, address);
  g_autofree char *stripped = product ("c-O2.stripped");
  g_autofree char *expected = g_strdup_printf ("c-O2.stripped+0x%" G_GINT64_MODIFIER "x", start);
  g_autoptr (GPtrArray) chains = ask_path (stripped, addresses);
  for (guint i = 0; i < chains->len; i++)
    {
      const Frame *frame = g_ptr_array_index ((GPtrArray *) g_ptr_array_index (chains, i), 0);
      g_assert_cmpstr (frame->function, ==, expected);
    }
}

static void
test_names_of_cxx (void)
{
  g_autofree char *path = build ("cxx-O2", "g++ -g -O2", SHOP);
  assert_has_functions (path, (const char *const[]){ "main", "main::{lambda}::operator()",
                                                     "shop::(anonymous namespace)::secret", "shop::hidden",
                                                     "shop::Derived::order", "shop::Shelf<int>::add",
                                                     "shop::Shelf<long>::Label::get", NULL });
  /* Stripped of debug info, the symbol table gives nearly the same. */
  g_free (run ("objcopy --strip-debug cxx-O2 cxx-O2.table"));
  g_autofree char *table = product ("cxx-O2.table");
  assert_has_functions (table, (const char *const[]){ "main", "shop::(anonymous namespace)::secret", "shop::hidden",
                                                      "shop::Derived::order", "shop::Shelf<long>::Label::get", NULL });
}

static void
test_names_of_rust (void)
{
  g_autofree char *path =
      build ("rust-O", "rustc -g -O --edition 2021 --crate-name symbols_shapes", "symbols-shapes.rs");
  assert_has_functions (path, (const char *const[]){ "symbols_shapes::main",
                                                     "symbols_shapes::shapes::Stack<T>::push<alloc::string::String>",
                                                     "symbols_shapes::shapes::largest<symbols_shapes::shapes::Square>",
                                                     NULL });
}

static void
test_names_of_c (void)
{
  g_autofree char *path = build ("c-O2", "gcc -g -O2", "symbols-chain.c");
  const char *const expected[] = { "main",   "outermost", "middle",       "innermost",
                                   "hidden", "nested",    "without_size", NULL };
  assert_has_functions (path, expected);

  /* Alone, without an address in the function around it. */
  g_autofree char *output = run ("nm c-O2 | sed -n 's/ t nested.*//p'");
  guint64 address = g_ascii_strtoull (output, NULL, 16);
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_array_append_val (addresses, address);
  g_autoptr (GPtrArray) chains = ask_path (path, addresses);
  const Frame *frame = g_ptr_array_index ((GPtrArray *) g_ptr_array_index (chains, 0), 0);
  g_assert_cmpstr (frame->function, ==, "nested");
}

/* Its debug info stays, and claims 16 KiB from address 0, where other functions are now. (addr2line takes its lines
 * for theirs.) */
static void
test_dropped_function_claims_nothing (void)
{
  const char *compiler = "gcc -g -O2 -DWITH_DROPPED -ffunction-sections -Wl,--gc-sections";
  g_autofree char *path = build ("dropped", compiler, "symbols-chain.c");
  assert_has_functions (path, (const char *const[]){ "main", "outermost", "middle", "innermost", "hidden", NULL });
  g_autoptr (GHashTable) functions = functions_of (path);
  g_assert_false (g_hash_table_contains (functions, "dropped"));
}

static void
test_demangle (void)
{
  const char *const table[][2] = {
    { "malloc", "malloc" },
    { "", "" },
    { "_Z", "_Z" },
    { "_R", "_R" },
    { "_ReadFile", "_ReadFile" },
    { "_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back" },
    { "_Z3fooIiEvT_", "foo<int>" },
    { "_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()" },
    { "_ZN12_GLOBAL__N_13fooEv", "(anonymous namespace)::foo" },
    { "_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place" },
    { "_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0123456789abcdefE",
      "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop" },
    { "_RNvCs1234_7mycrate4main", "mycrate::main" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      g_autofree char *name = hat_demangle (table[i][0]);
      g_assert_cmpstr (name, ==, table[i][1]);
    }
}

/* Each argument is a pair of the previous one twice: the name would fill the memory. */
static void
test_demangle_bomb (void)
{
  const char *digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  g_autoptr (GString) bomb = g_string_new ("_ZN1AISt4pairIiiE");
  g_autofree char *small = NULL;
  for (guint i = 0; i < 40; i++)
    {
      guint number = 2 * i + 1; /* of the previous pair, in base 36 */
      g_autofree char *last = number < 36 ? g_strdup_printf ("S%c_", digits[number])
                                          : g_strdup_printf ("S%c%c_", digits[number / 36], digits[number % 36]);
      g_string_append_printf (bomb, "St4pairI%s%sE", last, last);
      if (i == 5)
        small = g_strconcat (bomb->str, "E1fEv", NULL);
    }
  g_string_append (bomb, "E1fEv");
  g_autofree char *small_name = hat_demangle (small);
  g_assert_cmpuint (strlen (small_name), >, 1000);
  g_autofree char *name = hat_demangle (bomb->str);
  g_assert_cmpstr (name, ==, bomb->str);

  g_autofree char *long_name = g_strnfill (100000, 'S');
  memcpy (long_name, "_ZN", 3);
  g_autofree char *kept = hat_demangle (long_name);
  g_assert_cmpstr (kept, ==, long_name);
  g_autofree char *deep = g_strnfill (60000, 'P');
  memcpy (deep, "_Z1f", 4);
  g_free (hat_demangle (deep));
}

/* ---- which files ---- */

static guint
lines_found (const HatModule *module, const HatSymbolOptions *options, GArray *addresses)
{
  g_autoptr (GPtrArray) chains = ask (module, options, addresses);
  guint found = 0;
  for (guint i = 0; i < chains->len; i++)
    found += ((Frame *) g_ptr_array_index ((GPtrArray *) g_ptr_array_index (chains, i), 0))->line > 0;
  return found;
}

static void
assert_level (const HatModule *module, const HatSymbolOptions *options, HatSymbolsLevel level, const char *advice_part)
{
  g_autofree char *advice = NULL;
  g_assert_cmpint (hat_symbols_level (module, options, &advice), ==, level);
  if (advice_part)
    {
      g_assert_nonnull (advice);
      g_assert_nonnull (strstr (advice, advice_part));
    }
  else
    g_assert_null (advice);
}

static void
test_separate_debug_file (void)
{
  g_autofree char *whole = build ("separate", "gcc -g -O2 -Wl,--build-id=sha1", "symbols-chain.c");
  g_free (run ("mkdir -p place/.debug dirs/place; objcopy --only-keep-debug separate separate.debug; "
               "objcopy --strip-all --add-gnu-debuglink=separate.debug separate place/separate"));
  g_autofree char *path = product ("place/separate"), *debug_dir = product ("dirs");
  g_autoptr (GArray) addresses = code_addresses (whole, 3000);
  HatModule module = { .path = path };
  build_id_of (whole, module.build_id);
  const char *dirs[] = { debug_dir, NULL };
  const HatSymbolOptions options = { .debug_dirs = dirs };
  const HatModule whole_module = { .path = whole };
  guint all = lines_found (&whole_module, NULL, addresses);
  g_assert_cmpuint (all, >, 100);

  g_assert_cmpuint (lines_found (&module, &options, addresses), ==, 0);
  assert_level (&module, &options, HAT_SYMBOLS_DYNAMIC, "do not strip it");

  g_autofree char *under_dir = g_strdup_printf ("dirs%s/place", work_dir);
  const char *const places[] = { "place", "place/.debug", under_dir };
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *put = g_strdup_printf ("mkdir -p %s; cp separate.debug %s/", places[i], places[i]);
      g_autofree char *remove = g_strdup_printf ("rm %s/separate.debug", places[i]);
      g_autofree char *spoil = g_strdup_printf ("echo >> %s/separate.debug", places[i]);
      g_free (run (put));
      g_assert_cmpuint (lines_found (&module, &options, addresses), ==, all);
      assert_level (&module, &options, HAT_SYMBOLS_FULL, NULL);
      g_free (run (spoil)); /* its CRC is another one now */
      g_assert_cmpuint (lines_found (&module, &options, addresses), ==, 0);
      g_free (run (remove));
    }

  /* By build-id, where the advice says; also when the file itself is gone. */
  g_autofree char *advice = NULL;
  hat_symbols_level (&module, &options, &advice);
  g_autofree char *command = g_strdup_printf ("mkdir -p $(dirname %s); cp separate.debug %s",
                                              strstr (advice, debug_dir), strstr (advice, debug_dir));
  g_free (run (command));
  g_assert_cmpuint (lines_found (&module, &options, addresses), ==, all);
  g_free (run ("mv place/separate place/away"));
  g_assert_cmpuint (lines_found (&module, &options, addresses), ==, all);
  /* A debug file of another build under that name is refused. */
  g_autofree char *other = build ("other", "gcc -g -O1 -Wl,--build-id=sha1", "symbols-chain.c");
  g_autofree char *replace = g_strdup_printf ("cp other %s", strstr (advice, debug_dir));
  g_free (run (replace));
  g_assert_cmpuint (lines_found (&module, &options, addresses), ==, 0);
  assert_level (&module, &options, HAT_SYMBOLS_NONE, "is gone");
}

static void
test_rebuilt_file_is_not_trusted (void)
{
  g_autofree char *path = build ("rebuilt", "gcc -g -O2 -Wl,--build-id=sha1", "symbols-chain.c");
  g_autoptr (GArray) addresses = code_addresses (path, 3000);
  HatModule module = { .path = path };
  build_id_of (path, module.build_id);
  g_assert_cmpuint (lines_found (&module, NULL, addresses), >, 100);
  module.build_id[3] ^= 1;
  g_autoptr (GPtrArray) chains = ask (&module, NULL, addresses);
  g_autofree char *expected =
      g_strdup_printf ("rebuilt+0x%" G_GINT64_MODIFIER "x", g_array_index (addresses, guint64, 7));
  GPtrArray *chain = g_ptr_array_index (chains, 7);
  g_assert_cmpuint (chain->len, ==, 1);
  g_assert_cmpstr (((Frame *) g_ptr_array_index (chain, 0))->function, ==, expected);
  assert_level (&module, NULL, HAT_SYMBOLS_NONE, "was replaced since the recording");
}

static void
test_short_build_id (void)
{
  g_autofree char *path = build ("short-id", "gcc -g -O2 -Wl,--build-id=0x0102030405060700", "symbols-chain.c");
  g_autoptr (GArray) addresses = code_addresses (path, 3000);
  HatModule module = { .path = path };
  build_id_of (path, module.build_id);
  g_assert_cmpuint (module.build_id[6], ==, 7);
  g_assert_cmpuint (lines_found (&module, NULL, addresses), >, 100);
  g_free (
      run ("mkdir -p short/.build-id/01; objcopy --only-keep-debug short-id short/.build-id/01/02030405060700.debug"));
  g_autofree char *debug_dir = product ("short");
  const char *dirs[] = { debug_dir, NULL };
  const HatSymbolOptions options = { .debug_dirs = dirs };
  module.path = "/nowhere/short-id";
  g_assert_cmpuint (lines_found (&module, &options, addresses), >, 100);
}

static void
test_sysroot (void)
{
  g_autofree char *path = build ("rooted", "gcc -g -O2", "symbols-chain.c");
  g_free (run ("mkdir -p root/opt; cp rooted root/opt/"));
  g_autofree char *root = product ("root");
  g_autoptr (GArray) addresses = code_addresses (path, 3000);
  const HatModule module = { .path = "/opt/rooted (deleted)" };
  const HatSymbolOptions options = { .sysroot = root };
  g_assert_cmpuint (lines_found (&module, &options, addresses), >, 100);
  g_assert_cmpuint (lines_found (&module, NULL, addresses), ==, 0);
}

static void
test_levels (void)
{
  g_autofree char *full = build ("level", "gcc -g -O2", "symbols-chain.c");
  g_free (run (
      "objcopy --strip-debug level level.table; objcopy --strip-all level level.dynamic; mkfifo -m 600 level.pipe; "
      "mkdir level.folder; printf x > level.text; : > level.empty"));
  const struct
  {
    const char *name;
    HatSymbolsLevel level;
    const char *advice;
  } cases[] = {
    { "level", HAT_SYMBOLS_FULL, NULL },
    { "level.table", HAT_SYMBOLS_TABLE, "build it with -g" },
    { "level.dynamic", HAT_SYMBOLS_DYNAMIC, "build it with -g" },
    { "level.pipe", HAT_SYMBOLS_NONE, "unreadable" },
    { "level.folder", HAT_SYMBOLS_NONE, "unreadable" },
    { "level.text", HAT_SYMBOLS_NONE, "unreadable" },
    { "level.empty", HAT_SYMBOLS_NONE, "unreadable" },
    { "level.missing", HAT_SYMBOLS_NONE, "gone" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = product (cases[i].name);
      const HatModule module = { .path = path };
      assert_level (&module, NULL, cases[i].level, cases[i].advice);
    }
  const HatModule vdso = { .path = "[vdso]" };
  assert_level (&vdso, NULL, HAT_SYMBOLS_NONE, NULL);
}

/* ---- through a trace ---- */

static const char *
function_of (HatTrace *trace, HatFrameId frame)
{
  guint n;
  return hat_trace_source (trace, frame, &n)->function;
}

static void
test_symbols_of_a_killed_recording (void)
{
  g_autofree char *path = build ("c-O2", "gcc -g -O2", "symbols-chain.c");
  g_autofree char *output = run ("nm c-O2 | sed -n 's/ T main$//p'");
  guint64 address = g_ascii_strtoull (output, NULL, 16);
  g_autofree char *file = product ("killed.heapatlas");
  g_autoptr (GError) error = NULL;
  HatTraceWriter *writer = hat_trace_writer_new (file, -1, 1, &error);
  g_assert_no_error (error);
  const HatModule program = { .path = path, .start = 0x1000, .end = 0x9000 };
  const HatModule vdso = { .path = "[vdso]", .start = 0x20000, .end = 0x21000 };
  const HatModule nameless = { .path = "", .start = 0x30000, .end = 0x31000 };
  guint32 in_program = hat_trace_writer_add_module (writer, &program);
  guint32 in_vdso = hat_trace_writer_add_module (writer, &vdso),
          in_nameless = hat_trace_writer_add_module (writer, &nameless);
  const HatFrame frames[] = {
    { .module = in_program, .offset = address, .exact = TRUE },
    { .module = in_program, .offset = address }, /* a call before main cannot return into it */
    { .module = in_vdso, .offset = 0x987 },
    { .module = in_nameless, .offset = 0x55 },
    { .module = G_MAXUINT32, .offset = 0x7fff1234 },
    { .module = G_MAXUINT32, .cut = TRUE },
    { .module = in_program, .offset = 0 },
    { .module = in_program, .offset = G_MAXUINT64 },
  };
  HatFrameId ids[G_N_ELEMENTS (frames)];
  HatStackId stack = HAT_STACK_NONE;
  for (guint i = 0; i < G_N_ELEMENTS (frames); i++)
    {
      ids[i] = hat_trace_writer_add_frame (writer, &frames[i]);
      stack = hat_trace_writer_add_stack (writer, stack, ids[i]);
    }
  hat_trace_writer_flush (writer, TRUE, &error);
  g_assert_no_error (error);
  g_autoptr (HatTrace) trace = hat_trace_open (file, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (hat_trace_has_symbols (trace));
  gboolean done = hat_symbols_ensure (trace, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (done && hat_trace_has_symbols (trace));
  g_assert_cmpstr (function_of (trace, ids[0]), ==, "main");
  g_assert_cmpstr (function_of (trace, ids[1]), !=, "main");
  g_assert_cmpstr (function_of (trace, ids[2]), ==, "[vdso]+0x987");
  g_assert_cmpstr (function_of (trace, ids[3]), ==, "0x55");
  g_assert_cmpstr (function_of (trace, ids[4]), ==, "0x7fff1234");
  g_assert_cmpstr (function_of (trace, ids[5]), ==, "...");
  g_assert_cmpstr (function_of (trace, ids[6]), ==, "c-O2+0x0");
  g_assert_cmpstr (function_of (trace, ids[7]), ==, "c-O2+0xffffffffffffffff");
  hat_trace_writer_free (writer);
}

typedef struct
{
  guint calls, allowed;
  double last;
} Patience;

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  Patience *patience = data;
  g_assert_cmpfloat (share, >=, patience->last);
  g_assert_cmpfloat (share, <=, 1);
  g_assert_nonnull (what);
  patience->last = share;
  return ++patience->calls <= patience->allowed;
}

static void
test_cancel (void)
{
  g_autofree char *one = build ("c-O2", "gcc -g -O2", "symbols-chain.c");
  g_autofree char *two =
      build ("rust-O", "rustc -g -O --edition 2021 --crate-name symbols_shapes", "symbols-shapes.rs");
  g_autoptr (GArray) addresses = code_addresses (two, 1000);
  const HatModule modules[] = { { .path = one }, { .path = two } };
  g_autoptr (GArray) frames = g_array_new (FALSE, TRUE, sizeof (HatFrame));
  for (guint i = 0; i < addresses->len; i++)
    {
      const HatFrame frame = { .module = i & 1, .offset = g_array_index (addresses, guint64, i) };
      g_array_append_val (frames, frame);
    }
  Patience patience = { .allowed = G_MAXUINT };
  const HatProgress progress = { on_progress, &patience };
  g_autoptr (GError) error = NULL;
  HatSymbols *symbols =
      hat_symbols_resolve (modules, 2, (HatFrame *) frames->data, frames->len, NULL, &progress, &error);
  g_assert_no_error (error);
  g_assert_nonnull (symbols);
  hat_symbols_free (symbols);
  g_assert_cmpuint (patience.calls, >, 5);
  g_assert_cmpfloat (patience.last, ==, 1);
  for (guint allowed = 0; allowed < patience.calls; allowed += 1 + patience.calls / 8)
    {
      Patience less = { .allowed = allowed };
      const HatProgress impatient = { on_progress, &less };
      symbols = hat_symbols_resolve (modules, 2, (HatFrame *) frames->data, frames->len, NULL, &impatient, &error);
      g_assert_null (symbols);
      g_assert_error (error, HAT_ERROR, HAT_ERROR_CANCELLED);
      g_assert_cmpuint (less.calls, ==, allowed + 1);
      g_clear_error (&error);
    }
}

/* ---- opened ahead ---- */

static void
assert_same_chains (GPtrArray *one, GPtrArray *other)
{
  g_assert_cmpuint (one->len, ==, other->len);
  for (guint i = 0; i < one->len; i++)
    {
      const GPtrArray *a = one->pdata[i], *b = other->pdata[i];
      g_assert_cmpuint (a->len, ==, b->len);
      for (guint k = 0; k < a->len; k++)
        {
          const Frame *x = a->pdata[k], *y = b->pdata[k];
          g_assert_cmpstr (x->function, ==, y->function);
          g_assert_cmpstr (x->file, ==, y->file);
          g_assert_cmpuint (x->line, ==, y->line);
        }
    }
}

/* However far the thread has come: the same answers; and what it has opened is handed over once. */
static void
test_ahead (void)
{
  g_autofree char *built = build ("cxx-O2-compressed", "g++ -gdwarf-4 -gz -O2", SHOP);
  g_autoptr (GArray) addresses = code_addresses (built, 200);
  g_autoptr (GPtrArray) plain = ask_path (built, addresses);
  const HatModule module = { .path = built };
  gboolean was_open = FALSE;

  for (guint round = 0; !was_open; round++)
    {
      g_autoptr (HatSymbolsAhead) ahead = hat_symbols_ahead_new (NULL);
      const HatSymbolOptions options = { .ahead = ahead };
      HatModuleFiles files;
      HatSymbolCache *cache;
      hat_symbols_ahead_add (ahead, &module);
      hat_symbols_ahead_add (ahead, &module);
      g_usleep (round * 1000);
      if (round % 2 == 0)
        {
          g_autoptr (GPtrArray) chains = ask (&module, &options, addresses);
          assert_same_chains (plain, chains);
          continue;
        }
      was_open = hat_symbols_ahead_take (ahead, &module, &files, &cache);
      g_assert_false (hat_symbols_ahead_take (ahead, &module, &files, &cache));
      if (!was_open)
        continue;
      g_assert_nonnull (hat_module_files_dwarf (&files));
      hat_module_files_close (&files);
    }
}

/* ---- kept from one recording to the next ---- */

/* Overwrites `n` bytes of every file in the folder from `at` on, if it is so long. */
static void
spoil_files (const char *folder, gsize at, const char *bytes, gsize n)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      int fd = g_open (path, O_WRONLY, 0);
      g_assert_cmpint (pwrite (fd, bytes, n, at), ==, n);
      close (fd);
    }
}

/* The answers are those without a cache: when there is none so far, when all or half of it is known, when it is damaged, and when the file has
 * changed under the same build-id. */
static void
test_cache (void)
{
  g_autofree char *path = build ("cached", "g++ -g -O2 -Wl,--build-id=0x0102030405060708", SHOP), *folder = product ("cache/symbols");
  g_autoptr (GArray) addresses = code_addresses (path, 400), half = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GPtrArray) plain = ask_path (path, addresses);
  HatModule module = { .path = path };
  const HatSymbolOptions options = { .cache = folder };
  build_id_of (path, module.build_id);
  for (guint i = 0; i < addresses->len; i += 2)
    g_array_append_val (half, g_array_index (addresses, guint64, i));
  g_autoptr (GPtrArray) half_plain = ask_path (path, half);

  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (GPtrArray) some = ask (&module, &options, half), all = ask (&module, &options, addresses);
      assert_same_chains (half_plain, some);
      assert_same_chains (plain, all);
    }
  HatModuleFiles files;
  HatSymbolCache *cache;
  guint n;
  gboolean is_open = FALSE;
  for (guint round = 1; !is_open; round++)
    {
      g_autoptr (HatSymbolsAhead) ahead = hat_symbols_ahead_new (folder);
      hat_symbols_ahead_add (ahead, &module);
      g_usleep (round * 1000);
      is_open = hat_symbols_ahead_take (ahead, &module, &files, &cache);
    }
  for (guint i = 0; i < addresses->len; i++)
    g_assert_nonnull (hat_symbol_cache_find (cache, g_array_index (addresses, guint64, i), &n));
  hat_symbol_cache_free (cache);
  hat_module_files_close (&files);

  /* Some of what is added is known, some is not. */
  g_autoptr (HatSymbolsAhead) ahead_of_both = hat_symbols_ahead_new (folder);
  const HatSymbolOptions with_both = { .ahead = ahead_of_both, .cache = folder };
  hat_symbols_ahead_add (ahead_of_both, &module);
  for (guint i = 0; i < 2 * addresses->len; i++)
    {
      const HatFrame frame = { .offset = g_array_index (addresses, guint64, i / 2) + (i & 1) * 2 };
      hat_symbols_ahead_add_frames (ahead_of_both, &module, 1, &frame, 1);
    }
  g_autoptr (GPtrArray) of_both = ask (&module, &with_both, addresses);
  assert_same_chains (plain, of_both);

  /* Each byte of a file counts; here one of each part. */
  g_autofree char *size = run ("stat -c %s cache/symbols/*");
  for (gint64 at = 0; at < g_ascii_strtoll (size, NULL, 10); at += 29)
    {
      spoil_files (folder, at, "\x5a", 1);
      g_autoptr (GPtrArray) all = ask (&module, &options, addresses);
      assert_same_chains (plain, all);
    }
  g_free (run ("truncate -s 100 cache/symbols/*"));
  g_autoptr (GPtrArray) after_cut = ask (&module, &options, addresses);
  assert_same_chains (plain, after_cut);

  /* Another program with the same build-id, and one that cannot be written to. */
  g_autofree char *other = build ("other-cached", "g++ -g -O0 -Wl,--build-id=0x0102030405060708", SHOP);
  g_free (run ("mv other-cached cached"));
  g_autoptr (GArray) other_addresses = code_addresses (path, 400);
  g_autoptr (GPtrArray) other_plain = ask_path (path, other_addresses), other_cached = ask (&module, &options, other_addresses);
  assert_same_chains (other_plain, other_cached);
  const HatSymbolOptions nowhere = { .cache = "/proc/nowhere" };
  g_autoptr (GPtrArray) unwritten = ask (&module, &nowhere, other_addresses);
  assert_same_chains (other_plain, unwritten);
  g_autofree char *names = run ("ls cache/symbols");
  g_assert_cmpstr (names, ==, "0102030405060708\n");

  /* Without a build-id nothing is kept. */
  g_autofree char *unnamed = build ("unnamed", "g++ -g -O2 -Wl,--build-id=none", SHOP);
  const HatModule unknown = { .path = unnamed };
  g_autoptr (GArray) unnamed_addresses = code_addresses (unnamed, 10);
  g_autoptr (GPtrArray) unkept = ask (&unknown, &options, unnamed_addresses);
  g_autofree char *same = run ("ls cache/symbols");
  g_assert_cmpstr (same, ==, names);

  /* Too much altogether: the oldest go. */
  g_free (run ("truncate -s 40M cache/symbols/old cache/symbols/older; touch -d 2001-01-01 cache/symbols/older; touch -d 2002-01-01 cache/symbols/old;"
               "rm cache/symbols/0102030405060708"));
  g_autoptr (GPtrArray) kept_again = ask (&module, &options, other_addresses);
  hat_symbol_cache_trim (folder);
  g_autofree char *rest = run ("ls cache/symbols");
  g_assert_cmpstr (rest, ==, "0102030405060708\nold\n");
}

/* ---- damage ---- */

static void
test_damaged_files (void)
{
  const char *const programs[][3] = { { "c-O2", "gcc -g -O2", "symbols-chain.c" },
                                      { "cxx-O2-dwarf4", "g++ -gdwarf-4 -O2", SHOP },
                                      { "cxx-O2-compressed", "g++ -gdwarf-4 -gz -O2", SHOP } };
  g_autofree char *damaged = product ("damaged");
  for (guint p = 0; p < G_N_ELEMENTS (programs); p++)
    {
      g_autofree char *path = build (programs[p][0], programs[p][1], programs[p][2]);
      g_autoptr (GArray) addresses = code_addresses (path, 200);
      const HatModule module = { .path = damaged };
      g_autofree char *good = NULL;
      gsize size;
      g_assert_true (g_file_get_contents (path, &good, &size, NULL));
      for (guint round = 0; round < 100; round++)
        {
          g_autofree char *bad = g_memdup2 (good, size);
          /* The debug sections lie after the code, in the second half and a bit before. */
          for (gint flips = g_test_rand_int_range (1, 40); flips > 0; flips--)
            {
              gboolean in_headers = g_test_rand_int_range (0, 8) == 0;
              gint at = in_headers ? g_test_rand_int_range (0, 1024) : g_test_rand_int_range (size / 4, size);
              bad[at] = g_test_rand_int_range (0, 3) == 0 ? (char) 0xff : (char) g_test_rand_int ();
            }
          gsize length = round % 10 == 0 ? (gsize) g_test_rand_int_range (0, size) : size;
          g_assert_true (g_file_set_contents (damaged, bad, length, NULL));
          g_autoptr (GPtrArray) chains = ask (&module, NULL, addresses);
          hat_symbols_level (&module, NULL, NULL);
        }
    }
}

/* ---- size ---- */

static void
test_memory_of_a_large_program (void)
{
  const char *large = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus";
  if (g_test_subprocess ())
    {
      g_autoptr (GArray) addresses = code_addresses (large, 100000);
      g_assert_cmpuint (addresses->len, ==, 100000);
      gsize named = 0;
      g_autoptr (GPtrArray) chains = ask_path (large, addresses);
      for (guint i = 0; i < chains->len; i++)
        named += !strstr (((Frame *) g_ptr_array_index ((GPtrArray *) g_ptr_array_index (chains, i), 0))->function,
                          "cc1plus+0x");
      g_assert_cmpuint (named, >, 1000);
      struct rusage usage;
      getrusage (RUSAGE_SELF, &usage);
      g_assert_cmpint (usage.ru_maxrss, <, 500 * 1024);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

/* ---- notes of programs ---- */

HEAPATLAS_SUPPRESSIONS ("leak:init_cache\nleak:^plugin_")
HEAPATLAS_SUPPRESSIONS ("leak:second")
HEAPATLAS_WEAK ("weak:node_new+16")

static void
test_program_notes (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  const HatModule modules[] = { { .path = self }, { .path = "/nowhere" }, { .path = "[vdso]" }, { .path = self, .build_id = { 1, 2, 3 } } };
  char *texts[HAT_N_PROGRAM_NOTES], *none[HAT_N_PROGRAM_NOTES];
  hat_program_notes (modules, G_N_ELEMENTS (modules), texts);
  hat_program_notes (modules + 1, 3, none); /* missing, no file, another file than was mapped */
  g_assert_nonnull (strstr (texts[HAT_PROGRAM_SUPPRESSIONS], "leak:init_cache\nleak:^plugin_\n"));
  g_assert_nonnull (strstr (texts[HAT_PROGRAM_SUPPRESSIONS], "leak:second\n"));
  g_assert_cmpstr (texts[HAT_PROGRAM_WEAK], ==, "weak:node_new+16\n");
  for (guint i = 0; i < HAT_N_PROGRAM_NOTES; i++)
    {
      g_assert_null (none[i]);
      g_free (texts[i]);
    }
}

/* ---- a table of what is wanted ---- */

#define CODE_BYTES 600u

/* A library whose symbols lie across, in and upon each other, with sizes and without. */
static char *
build_tangle (void)
{
  g_autofree char *from = product ("tangle.s");
  g_autoptr (GString) text = g_string_new (".text\ncode:\n");

  for (guint i = 0; i < 150; i++)
    {
      if (g_test_rand_bit ())
        g_string_append_printf (text, ".globl s%u\n", i);
      if (g_test_rand_bit ())
        g_string_append_printf (text, ".type s%u, @function\n", i);
      if (g_test_rand_bit ())
        g_string_append_printf (text, ".size s%u, %d\n", i, g_test_rand_int_range (1, 60));
      g_string_append_printf (text, ".set s%u, code + %d\n", i, g_test_rand_int_range (0, CODE_BYTES / 4) * 4);
    }
  g_string_append_printf (text, ".fill %u\n", CODE_BYTES);
  g_assert_true (g_file_set_contents (from, text->str, -1, NULL));
  g_free (run ("gcc -shared -nostdlib -o tangle.so tangle.s"));
  return product ("tangle.so");
}

static void
test_table_of_wanted (void)
{
  g_autofree char *path = build_tangle ();
  g_autoptr (HatElfFile) file = hat_elf_file_open (path);
  g_autoptr (HatSymbolTable) all = hat_symbol_table_new (file, file, HAT_SYMBOLS_FUNCTIONS);
  const guint64 code = hat_elf_file_code_start (file);
  guint n_named = 0;

  for (guint round = 0; round < 300; round++)
    {
      guint64 wanted[CODE_BYTES];
      guint n = 0;
      const gint share = g_test_rand_int_range (1, 100);
      for (guint i = 0; i < CODE_BYTES; i++)
        if (g_test_rand_int_range (0, 100) < share)
          wanted[n++] = code + i - 4;
      g_autoptr (HatSymbolTable) some = hat_symbol_table_new_for (file, file, HAT_SYMBOLS_FUNCTIONS, wanted, n);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpstr (hat_symbol_table_find (some, wanted[i]), ==, hat_symbol_table_find (all, wanted[i]));
          n_named += hat_symbol_table_find (all, wanted[i]) != NULL;
        }
    }
  g_assert_cmpuint (n_named, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  work_dir = g_dir_make_tmp ("test-symbols-XXXXXX", NULL);
  g_assert_nonnull (work_dir);
  for (guint i = 0; i < G_N_ELEMENTS (variants); i++)
    {
      g_autofree char *path = g_strdup_printf ("/symbols/agrees-with-addr2line/%s", variants[i].name);
      g_test_add_data_func (path, &variants[i], test_agrees_with_addr2line);
    }
  g_test_add_func ("/symbols/split-typed-and-compressed-forms-agree", test_other_forms);
  g_test_add_func ("/symbols/shared-debug-file-is-followed", test_shared_debug_file);
  g_test_add_func ("/symbols/names-of-c", test_names_of_c);
  g_test_add_func ("/symbols/table-of-what-is-wanted", test_table_of_wanted);
  g_test_add_func ("/symbols/program-notes", test_program_notes);
  g_test_add_func ("/symbols/dropped-function-claims-nothing", test_dropped_function_claims_nothing);
  g_test_add_func ("/symbols/stripped-function-is-one", test_stripped_function_is_one);
  g_test_add_func ("/symbols/names-of-cxx", test_names_of_cxx);
  g_test_add_func ("/symbols/names-of-rust", test_names_of_rust);
  g_test_add_func ("/symbols/demangles", test_demangle);
  g_test_add_func ("/symbols/demangling-is-bounded", test_demangle_bomb);
  g_test_add_func ("/symbols/separate-debug-file-must-fit", test_separate_debug_file);
  g_test_add_func ("/symbols/rebuilt-file-is-not-trusted", test_rebuilt_file_is_not_trusted);
  g_test_add_func ("/symbols/short-build-id", test_short_build_id);
  g_test_add_func ("/symbols/sysroot", test_sysroot);
  g_test_add_func ("/symbols/levels-and-advice", test_levels);
  g_test_add_func ("/symbols/killed-recording-is-named", test_symbols_of_a_killed_recording);
  g_test_add_func ("/symbols/cancel-anywhere", test_cancel);
  g_test_add_func ("/symbols/opened-ahead", test_ahead);
  g_test_add_func ("/symbols/kept", test_cache);
  g_test_add_func ("/symbols/damaged-files-are-survived", test_damaged_files);
  g_test_add_func ("/symbols/memory-is-bounded", test_memory_of_a_large_program);
  int status = g_test_run ();
  g_autofree char *command = g_strdup_printf ("rm -rf %s", work_dir);
  g_free (run (command));
  g_free (work_dir);
  return status;
}
