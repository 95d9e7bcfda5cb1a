/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person calls a stack.
 *
 * The function that a block is put down to is the innermost one that decided to allocate: not malloc's wrappers, not the
 * containers of a standard library. Names and modules say which those are; nothing is remembered, a look at three or four
 * frames is quick enough. */

#include "core/heap/names.h"

#include <string.h>

#define CUT_FRAMES "... frames left out ..."

/* ---- plumbing ---- */

/* Libraries in which no allocation is the program's own decision: base names up to the version. */
static const char *const plumbing_modules[] = {
  "libc.so", "libc-2", "ld-linux", "ld-2", "libpthread", "libstdc++.so", "libc++.so", "libc++abi", "libgcc_s", "libglib-2.0",
  "libgobject-2.0", "libjemalloc", "libtcmalloc", "libmimalloc", "libheapatlas-hook", "libasan", "libstd-",
};

/* Words that make a C name an allocator's, when they come last or only these words follow. */
static const char *const allocator_words[] = {
  "malloc", "calloc", "realloc", "alloc", "zalloc", "mallocz", "callocz", "reallocf", "reallocarray", "memalign", "strdup",
  "strndup", "memdup", "memdupz", "xmalloc", "xcalloc", "xrealloc", "zmalloc", "zcalloc", "zrealloc", "xstrdup", "xstrndup",
  "xmemdup", "xmemdupz", "asprintf", "vasprintf", "valloc", "pvalloc",
};
static const char *const allocator_suffixes[] = {
  "0", "2", "n", "nn", "zero", "zeroed", "raw", "aligned", "array", "array0", "atomic", "internal", "impl", "fixed", "usable",
  "printf", "flags", "default", "hook", "clear", "z", "safe", "try", "fast", "slow", "uncollectable", "bytes", "common", "size",
};

static gboolean
is_one_of (const char *word, gsize length, const char *const *list, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (strlen (list[i]) == length && g_ascii_strncasecmp (word, list[i], length) == 0)
      return TRUE;
  return FALSE;
}

/* A digit ends a word only where the allocators' names do it: malloc0, alloc0, memdup2. */
static gboolean
starts_word (const char *name, gsize i)
{
  if (i == 0 || name[i - 1] == '_')
    return TRUE;
  if (g_ascii_isupper (name[i]) && g_ascii_islower (name[i - 1]))
    return TRUE;
  if (g_ascii_isupper (name[i]) && g_ascii_isdigit (name[i - 1]))
    return TRUE;
  return g_ascii_isdigit (name[i]) && !g_ascii_isdigit (name[i - 1]);
}

/* PyMem_RawMalloc, sqlite3DbMallocRawNN, g_malloc0_n, xstrdup, git__calloc; not malloc_speed_test. */
static gboolean
is_allocator_name (const char *name)
{
  gsize end = strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

  /* The compiler's clones: .constprop.0, .isra.0, .part.0; a version: @@GLIBC_2.2.5. */
  if (name[end] != '\0' && name[end] != '.' && name[end] != '@')
    return FALSE;
  while (end > 0)
    {
      gsize start = end - 1;
      while (!starts_word (name, start))
        start--;
      gsize length = end - start;
      while (length > 0 && name[start + length - 1] == '_')
        length--;
      if (is_one_of (name + start, length, allocator_words, G_N_ELEMENTS (allocator_words)))
        return TRUE;
      if (length > 0 && !is_one_of (name + start, length, allocator_suffixes, G_N_ELEMENTS (allocator_suffixes)))
        return FALSE;
      end = start;
    }
  return FALSE;
}

static gboolean
has_prefix (const char *text, const char *const *prefixes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_has_prefix (text, prefixes[i]))
      return TRUE;
  return FALSE;
}

/* Where the qualified name begins in a demangled C++ one: after the return type that templates carry. */
static const char *
after_return_type (const char *name)
{
  const char *begin = name;
  int depth = 0;

  for (const char *p = name; *p; p++)
    {
      if (g_str_has_prefix (p, "operator") && depth == 0)
        return begin;
      if (*p == '<')
        depth++;
      else if (*p == '>')
        depth--;
      else if (depth == 0 && *p == '(' && !g_str_has_prefix (p, "(anonymous"))
        return begin;
      else if (depth == 0 && *p == '(')
        p = strchr (p, ')') ? strchr (p, ')') : p;
      else if (depth == 0 && *p == ' ')
        begin = p + 1;
    }
  return name;
}

static gboolean
is_rust_library (const char *path)
{
  static const char *const crates[] = { "alloc::", "core::", "std::", "hashbrown::" };
  return has_prefix (path, crates, G_N_ELEMENTS (crates));
}

/* "<Self as Trait>::method": the doing of a library if Self is one of its types, or any type at all (a bare parameter or a
 * primitive type) and Trait is the library's; and that of an allocator, whoever wrote it. The program's own Clone is the program's. */
static gboolean
is_rust_library_method (const char *name)
{
  const char *self = name + 1;

  for (;;)
    if (*self == '<' || *self == '&' || *self == '*' || *self == '[' || *self == '(')
      self++;
    else if (g_str_has_prefix (self, "mut "))
      self += 4;
    else if (g_str_has_prefix (self, "const "))
      self += 6;
    else if (g_str_has_prefix (self, "dyn "))
      self += 4;
    else
      break;
  if (is_rust_library (self))
    return TRUE;
  const char *as = strstr (self, " as ");
  if (as && g_str_has_prefix (as + 4, "core::alloc::"))
    return TRUE;
  if (as == NULL || g_strstr_len (self, as - self, "::"))
    return FALSE;
  return is_rust_library (as + 4);
}

static gboolean
is_plumbing_name (const char *name)
{
  static const char *const starts[] = {
    "operator new", "operator delete", "__gnu_cxx::", "__cxxabiv1::", "__cxa_", "__rust_", "__rustc::", "__rdl_", "__rg_",
    "_start", "__libc_start", "_dl_", "std::",
  };
  const gsize length = strlen (name);

  if (name[0] == '<')
    return is_rust_library_method (name);
  if (has_prefix (name, starts, G_N_ELEMENTS (starts)) || is_allocator_name (name))
    return TRUE;
  /* Demangled C++ ends with its parameters; a namespace `core` there is somebody's own. */
  if (length > 0 && (name[length - 1] == ')' || g_str_has_suffix (name, ") const") || strstr (name, ") [")))
    {
      const char *qualified = after_return_type (name);
      if (has_prefix (qualified, starts, G_N_ELEMENTS (starts)))
        return TRUE;
      const char *parameters = strchr (qualified, '(');
      if (parameters && !memchr (qualified, ':', parameters - qualified) && !memchr (qualified, '<', parameters - qualified))
        {
          g_autofree char *plain = g_strndup (qualified, parameters - qualified);
          return is_allocator_name (plain);
        }
      return FALSE;
    }
  return is_rust_library (name);
}

static gboolean
is_plumbing_module (const char *path)
{
  const char *slash = strrchr (path, '/');
  return has_prefix (slash ? slash + 1 : path, plumbing_modules, G_N_ELEMENTS (plumbing_modules));
}

/* ---- frames ---- */

const char *
hat_frame_module (HatTrace *trace, HatFrameId frame)
{
  guint n_frames, n_modules;
  const HatFrame *frames = hat_trace_frames (trace, &n_frames);
  const HatModule *modules = hat_trace_modules (trace, &n_modules);
  const guint32 module = frame < n_frames ? frames[frame].module : G_MAXUINT32;

  return module < n_modules && modules[module].path ? modules[module].path : "";
}

static gboolean
is_cut (HatTrace *trace, HatFrameId frame)
{
  guint n;
  const HatFrame *frames = hat_trace_frames (trace, &n);
  return frame < n && frames[frame].cut;
}

const HatSourceFrame *
hat_frame_source (HatTrace *trace, HatFrameId frame, guint *out_n)
{
  static const HatSourceFrame cut = { .function = CUT_FRAMES };

  if (!is_cut (trace, frame))
    return hat_trace_source (trace, frame, out_n);
  *out_n = 1;
  return &cut;
}

HatStackFrame *
hat_stack_frames (HatTrace *trace, HatStackId stack, guint *out_n)
{
  guint n_stacks;
  const HatStackNode *stacks = hat_trace_stacks (trace, &n_stacks);
  GArray *result = g_array_new (FALSE, FALSE, sizeof (HatStackFrame));

  for (; stack > HAT_STACK_TRUNCATED && stack < n_stacks; stack = stacks[stack].parent)
    {
      guint n_source;
      const HatFrameId frame = stacks[stack].frame;
      const HatSourceFrame *source = hat_frame_source (trace, frame, &n_source);
      for (guint i = 0; i < n_source; i++)
        {
          const HatStackFrame row = {
            .function = source[i].function,
            .file = source[i].file,
            .module = hat_frame_module (trace, frame),
            .line = source[i].line,
            .is_inline = source[i].is_inline,
          };
          g_array_append_val (result, row);
        }
    }
  *out_n = result->len;
  return (HatStackFrame *) g_array_free (result, FALSE);
}

void
hat_stack_own (HatTrace *trace, HatStackId stack, HatOwnFrame *out_own)
{
  guint n_stacks, n;
  const HatStackNode *stacks = hat_trace_stacks (trace, &n_stacks);

  *out_own = (HatOwnFrame) { .function = stack == HAT_STACK_TRUNCATED ? "(truncated)" : "(unknown)", .module = "" };
  if (stack <= HAT_STACK_TRUNCATED || stack >= n_stacks)
    return;
  for (HatStackId node = stack; node > HAT_STACK_TRUNCATED && node < n_stacks; node = stacks[node].parent)
    {
      const HatFrameId frame = stacks[node].frame;
      const char *module = hat_frame_module (trace, frame);
      if (is_plumbing_module (module) || is_cut (trace, frame))
        continue;
      const HatSourceFrame *source = hat_trace_source (trace, frame, &n);
      for (guint i = 0; i < n; i++)
        if (!is_plumbing_name (source[i].function))
          {
            *out_own = (HatOwnFrame) { source[i].function, module, source[i].file, source[i].line };
            return;
          }
    }
  const HatSourceFrame *source = hat_frame_source (trace, stacks[stack].frame, &n);
  *out_own = (HatOwnFrame) { source[0].function, hat_frame_module (trace, stacks[stack].frame), source[0].file, source[0].line };
}

const char *
hat_stack_function (HatTrace *trace, HatStackId stack)
{
  HatOwnFrame own;
  hat_stack_own (trace, stack, &own);
  return own.function;
}

/* "0x1149" or "program+0x1149", as core/symbols calls what it cannot name. */
static gboolean
is_nameless (const char *function)
{
  const char *plus = strrchr (function, '+'), *number = plus ? plus + 1 : function;

  return g_str_has_prefix (number, "0x") && number[2 + strspn (number + 2, "0123456789abcdef")] == '\0';
}

double
hat_heap_nameless (HatHeap *heap)
{
  const HatSummary *summary = hat_heap_summary (heap);
  double all = 0, nameless = 0;

  for (guint i = 0; i < summary->n_sites; i++)
    {
      const double bytes = (double) hat_site_cost (&summary->sites[i], HAT_COST_ALLOCATED);
      all += bytes;
      if (is_nameless (hat_stack_function (hat_heap_trace (heap), summary->sites[i].stack)))
        nameless += bytes;
    }
  return all > 0 ? nameless / all : 0;
}

const char *
hat_stack_module (HatTrace *trace, HatStackId stack)
{
  HatOwnFrame own;
  hat_stack_own (trace, stack, &own);
  return own.module;
}
