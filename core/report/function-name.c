/* SPDX-License-Identifier: Apache-2.0 */
/* Function names as path components. A name is split at the `::` outside of brackets; what is bracketed is dropped,
 * except where it is the name: `<T as Trait>` counts as T, `(anonymous namespace)`, `{{closure}}` and `operator()`
 * as themselves. */

#include "core/report/function-name.h"

#include <string.h>

struct _HatFunctionName
{
  char *text;
  GPtrArray *parts;
};

static gsize
operator_length (const char *text, gsize length)
{
  if (length < 8 || !g_str_has_prefix (text, "operator") || g_ascii_isalnum (text[8]) || text[8] == '_')
    return 0;
  gsize n = 8;
  if (length >= 10 && memcmp (text + 8, "()", 2) == 0)
    return 10;
  while (n < length && text[n] != '(' && !(text[n] == ' ' && n + 1 < length && text[n + 1] == '<'))
    n++;
  /* operator<, operator<<, operator<=> and operator-> are no templates; operator==<int> is one. */
  if (n > 9 && text[8] != '<' && text[8] != '-' && !g_ascii_isspace (text[8]))
    {
      const char *open = memchr (text + 9, '<', n - 9);
      n = open ? (gsize) (open - text) : n;
    }
  return n;
}

/* End of the bracket that opens at `at`. */
static gsize
bracket_end (const char *text, gsize length, gsize at)
{
  guint depth = 0;
  for (gsize i = at; i < length; i++)
    {
      char c = text[i];
      if (strchr ("<({[", c))
        depth++;
      else if ((c == '>' && (i == 0 || (text[i - 1] != '-' && text[i - 1] != '='))) || strchr (")}]", c))
        if (--depth == 0)
          return i + 1;
    }
  return length;
}

static void add_parts (GPtrArray *parts, const char *text, gsize length, guint depth);

/* One component, without its arguments. */
static void
add_part (GPtrArray *parts, const char *text, gsize length)
{
  gsize end = operator_length (text, length);
  if (end == 0 && length > 0 && (*text == '(' || *text == '{'))
    end = bracket_end (text, length, 0);
  else if (end == 0)
    while (end < length && !strchr ("<([.@", text[end]))
      end++;
  while (end > 0 && text[end - 1] == ' ')
    end--;
  if (end > 0)
    g_ptr_array_add (parts, g_strndup (text, end));
}

/* <T as Trait> or <T> in front of a path: the parts of T. */
static void
add_self_type (GPtrArray *parts, const char *text, gsize length, guint depth)
{
  gsize end = length;
  for (gsize i = 0; i + 4 <= length; i++)
    {
      if (strchr ("<({[", text[i]))
        i = bracket_end (text, length, i) - 1;
      else if (memcmp (text + i, " as ", 4) == 0)
        {
          end = i;
          break;
        }
    }
  static const char *const prefixes[] = { "&", "*", "mut ", "const ", "dyn " };
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      gsize n = strlen (prefixes[i]);
      if (end >= n && memcmp (text, prefixes[i], n) == 0)
        {
          text += n;
          end -= n;
        }
    }
  add_parts (parts, text, end, depth + 1);
}

static void
add_parts (GPtrArray *parts, const char *text, gsize length, guint depth)
{
  gsize start = 0, i = 0;
  if (depth > 8)
    return;
  while (i < length)
    {
      gsize operator_end = i == start ? operator_length (text + i, length - i) : 0;
      if (operator_end > 0)
        i += operator_end;
      else if (i == 0 && text[i] == '<')
        {
          i = bracket_end (text, length, i);
          add_self_type (parts, text + 1, i > 2 ? i - 2 : 0, depth);
          start = i + 2 <= length ? i + 2 : length;
          i = start;
        }
      else if (strchr ("<({[", text[i]))
        {
          gboolean is_parameters = text[i] == '(' && i > start;
          i = bracket_end (text, length, i);
          /* After the parameters come only qualifiers, unless a component follows ("f(int)::{lambda()#1}"). */
          if (is_parameters && !(i + 2 < length && memcmp (text + i, "::", 2) == 0))
            break;
        }
      else if (text[i] == ' ' && i + 1 < length && text[i + 1] == '<')
        i++; /* "operator<< <char>" */
      else if (text[i] == ' ')
        {
          /* What stood before was a return type, unless it is a suffix like " [clone .isra.0]". */
          if (i + 1 < length && (text[i + 1] == '[' || text[i + 1] == '('))
            break;
          g_ptr_array_set_size (parts, 0);
          start = ++i;
        }
      else if (i + 2 < length && memcmp (text + i, "::", 2) == 0)
        {
          add_part (parts, text + start, i - start);
          start = i += 2;
        }
      else
        i++;
    }
  if (start < i)
    add_part (parts, text + start, i - start);
}

static GPtrArray *
parts_of (const char *function)
{
  GPtrArray *parts = g_ptr_array_new_with_free_func (g_free);
  add_parts (parts, function, strlen (function), 0);
  return parts;
}

HatFunctionName *
hat_function_name_new (const char *name)
{
  HatFunctionName *self = g_new0 (HatFunctionName, 1);
  self->text = g_strdup (name);
  self->parts = parts_of (name);
  return self;
}

void
hat_function_name_free (HatFunctionName *name)
{
  if (name == NULL)
    return;
  g_free (name->text);
  g_ptr_array_unref (name->parts);
  g_free (name);
}

gboolean
hat_function_name_matches (const HatFunctionName *name, const char *function)
{
  if (strcmp (name->text, function) == 0)
    return TRUE;
  guint n = name->parts->len;
  /* Cheap and true for nearly all: the last component does not even occur. */
  if (n == 0 || strstr (function, g_ptr_array_index (name->parts, n - 1)) == NULL)
    return FALSE;
  g_autoptr (GPtrArray) parts = parts_of (function);
  if (n > parts->len)
    return FALSE;
  for (guint i = 1; i <= n; i++)
    if (strcmp (g_ptr_array_index (name->parts, n - i), g_ptr_array_index (parts, parts->len - i)) != 0)
      return FALSE;
  return TRUE;
}

gboolean *
hat_stacks_through (HatTrace *trace, HatFrameFunc func, gpointer data)
{
  guint n_frames, n_stacks, n_modules;
  const HatFrame *frames = hat_trace_frames (trace, &n_frames);
  const HatStackNode *stacks = hat_trace_stacks (trace, &n_stacks);
  const HatModule *modules = hat_trace_modules (trace, &n_modules);
  g_autofree gboolean *accepted = g_new0 (gboolean, MAX (n_frames, 1));
  for (guint i = 0; i < n_frames; i++)
    {
      guint n;
      const HatSourceFrame *source = hat_trace_source (trace, i, &n);
      const char *module = frames[i].module < n_modules ? modules[frames[i].module].path : "";
      for (guint k = 0; k < n && !accepted[i]; k++)
        accepted[i] = func (&source[k], module, data);
    }
  gboolean *through = g_new0 (gboolean, MAX (n_stacks, 2));
  for (guint i = HAT_STACK_TRUNCATED + 1; i < n_stacks; i++)
    through[i] = through[stacks[i].parent] || accepted[stacks[i].frame];
  return through;
}
