/* SPDX-License-Identifier: Apache-2.0
 *
 * Names as people write them: what a template has by default is left out, as are the paths of Rust's own types.
 *
 * One pass from left to right. What is open is kept on a stack: where in the answer the argument at hand begins, so that it can be
 * taken back when it turns out to be one that nobody writes. */

#include "core/heap/usual-name.h"

#include <string.h>

#define MAX_DEPTH 64
#define INPLACE "std::_Sp_counted_ptr_inplace<"

typedef struct
{
  gboolean is_template; /* else a parenthesis or bracket: its commas separate nothing that we leave out */
  guint n;              /* arguments before the one at hand */
  gsize argument;       /* where in the answer it begins, with its comma */
  gsize bare;           /* without */
} Open;

static gboolean
has_prefix_of (const char *text, const char *const *prefixes)
{
  for (; *prefixes; prefixes++)
    if (g_str_has_prefix (text, *prefixes))
      return TRUE;
  return FALSE;
}

static gboolean
is_default (const char *argument)
{
  static const char *const defaults[] = { "std::allocator<", "std::char_traits<", "std::default_delete<", "std::less<", "std::hash<", "std::equal_to<",
                                          "(__gnu_cxx::_Lock_policy)", "alloc::alloc::Global", "RandomState", NULL };
  return has_prefix_of (argument, defaults);
}

static gboolean
is_in_identifier (char c)
{
  return g_ascii_isalnum (c) || c == '_' || c == ':' || c == '$';
}

/* How much of the path that begins here nobody writes: the inline namespaces of C++'s libraries, and the modules before a type (an upper-case
 * name) of Rust's. */
static gsize
unwritten_path (const char *at)
{
  static const char *const rust[] = { "alloc::boxed::",  "alloc::rc::",    "alloc::sync::", "alloc::vec::",  "alloc::string::", "alloc::collections::",
                                      "alloc::raw_vec::", "alloc::borrow::", "core::cell::", "core::option::", "core::result::", "core::ptr::",
                                      "core::num::",     "core::any::",    "core::pin::",   "core::mem::",   "core::marker::",
                                      "std::collections::", "std::sync::", "std::hash::",   "std::thread::", "std::ffi::",   "std::io::",
                                      "hashbrown::", NULL };
  if (!has_prefix_of (at, rust))
    return 0;
  gsize length = 0;
  for (const char *end = at; is_in_identifier (*end); end++)
    if (end[0] == ':' && end[1] == ':')
      length = end + 2 - at;
    else if (length == (gsize) (end - at) && g_ascii_isupper (*end))
      return length;
  return 0;
}

static void
end_argument (GString *out, const Open *open)
{
  while (out->len > open->bare && out->str[out->len - 1] == ' ')
    g_string_truncate (out, out->len - 1);
  if (open->is_template && open->n > 0 && is_default (out->str + open->bare))
    g_string_truncate (out, open->argument);
}

static void
open_argument (GString *out, Open *open, guint n)
{
  open->n = n;
  open->argument = out->len;
  g_string_append (out, n > 0 ? ", " : "");
  open->bare = out->len;
}

static void
put_bracket (GString *out, char c, Open *stack, guint *depth)
{
  Open *top = *depth > 0 ? &stack[*depth - 1] : NULL;

  if (strchr ("<([", c) && *depth < MAX_DEPTH)
    {
      g_string_append_c (out, c);
      stack[*depth].is_template = c == '<';
      open_argument (out, &stack[(*depth)++], 0);
    }
  else if (top && c == ',')
    {
      end_argument (out, top);
      open_argument (out, top, top->n + 1);
    }
  else
    {
      if (top && strchr (">)]", c))
        {
          end_argument (out, top);
          (*depth)--;
        }
      g_string_append_c (out, c);
    }
}

char *
hat_usual_name (const char *name)
{
  GString *out = g_string_new (NULL);
  Open stack[MAX_DEPTH];
  guint depth = 0;

  for (const char *at = name; *at;)
    {
      const gboolean is_start = at == name || !is_in_identifier (at[-1]);
      const gboolean is_operator = strchr ("<>-=", *at) && (g_str_has_suffix (out->str, "operator") || g_str_has_prefix (at, "->") || g_str_has_prefix (at, "=>"));
      if (is_start)
        at += unwritten_path (at);
      if (is_operator)
        for (gsize n = strspn (at, "<>-="); n > 0; n--)
          g_string_append_c (out, *at++);
      else if (depth > 0 && out->len == stack[depth - 1].bare && *at == ' ')
        at++; /* after a comma there is one space already */
      else if (is_start && g_str_has_prefix (at, "std::__cxx11::"))
        {
          g_string_append (out, "std::");
          at += strlen ("std::__cxx11::");
        }
      else if (strchr ("<>()[],", *at))
        put_bracket (out, *at++, stack, &depth);
      else if (*at)
        g_string_append_c (out, *at++);
    }
  g_string_replace (out, "std::basic_string<char>", "std::string", 0);
  /* What std::make_shared allocates. In a narrow place the name inside would be the first to go. */
  if (g_str_has_prefix (out->str, INPLACE) && g_str_has_suffix (out->str, ">"))
    {
      g_string_truncate (out, out->len - 1);
      g_string_erase (out, 0, strlen (INPLACE));
      g_string_prepend (out, "shared ");
    }
  return g_string_free (out, FALSE);
}
