/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers for people. */

#include "core/heap/format.h"

#include "core/heap/usual-name.h"
#include "core/heap/heap.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- out ---- */

static char *
with_separators (guint64 value)
{
  char digits[32], text[48];
  const int n = g_snprintf (digits, sizeof digits, "%" G_GUINT64_FORMAT, value);
  guint out = 0;

  for (int i = 0; i < n; i++)
    {
      if (i > 0 && (n - i) % 3 == 0)
        text[out++] = ',';
      text[out++] = digits[i];
    }
  text[out] = '\0';
  return g_strdup (text);
}

/* Three digits at least: "1.20", "12.3", "123", "1023". */
static char *
three_digits (double value, const char *unit)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (number, sizeof number, value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value);
  return g_strconcat (number, " ", unit, NULL);
}

char *
hat_format_bytes (guint64 bytes)
{
  static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double value = bytes / 1024.0;
  guint unit = 0;

  if (bytes < 1024)
    {
      g_autofree char *number = with_separators (bytes);
      return g_strconcat (number, " B", NULL);
    }
  /* 1,023.6 KiB would be printed as 1024 KiB. */
  while (value >= 1023.5 && unit + 1 < G_N_ELEMENTS (units))
    {
      value /= 1024;
      unit++;
    }
  return three_digits (value, units[unit]);
}

char *
hat_format_signed_bytes (gint64 bytes)
{
  g_autofree char *text = hat_format_bytes (bytes < 0 ? 0 - (guint64) bytes : (guint64) bytes);
  return g_strconcat (bytes < 0 ? "-" : bytes > 0 ? "+" : "", text, NULL);
}

char *
hat_format_count (guint64 count)
{
  static const char *const units[] = { "M", "G", "T", "P", "E" };
  double value = count / 1e6;
  guint unit = 0;

  if (count < 10000000)
    return with_separators (count);
  while (value >= 999.5 && unit + 1 < G_N_ELEMENTS (units))
    {
      value /= 1000;
      unit++;
    }
  return three_digits (value, units[unit]);
}

static char *
within (char *value, char *error)
{
  g_autofree char *owned_value = value, *owned_error = error;
  return g_strdup_printf ("~%s ±%s", value, error);
}

char *
hat_format_bytes_within (guint64 bytes, guint64 error)
{
  return error > 0 ? within (hat_format_bytes (bytes), hat_format_bytes (error)) : hat_format_bytes (bytes);
}

char *
hat_format_count_within (guint64 count, guint64 error)
{
  return error > 0 ? within (hat_format_count (count), hat_format_count (error)) : hat_format_count (count);
}

const char *
hat_plural (guint64 n)
{
  return n == 1 ? "" : "s";
}

char *
hat_format_blocks (guint64 blocks, guint64 error)
{
  g_autofree char *count = hat_format_count_within (blocks, error);
  return g_strdup_printf ("%s block%s", count, hat_plural (blocks));
}

/* Three digits and no zeros that only fill up: "250 ms", "12.3 us", but "4.10 s" is kept so that columns stay quiet. */
static char *
format_duration (guint64 ns)
{
  if (ns == 0)
    return g_strdup ("0 s");
  if (ns < 1000)
    return g_strdup_printf ("%u ns", (guint) ns);
  if (ns < 999500)
    return three_digits (ns / 1e3, "us");
  if (ns < 999500000)
    return three_digits (ns / 1e6, "ms");
  if (ns < G_GUINT64_CONSTANT (99950000000))
    return three_digits (ns / 1e9, "s");

  const guint64 seconds = (ns + 500000000) / 1000000000;
  if (seconds < 3600)
    return g_strdup_printf ("%u min %u s", (guint) (seconds / 60), (guint) (seconds % 60));
  g_autofree char *hours = with_separators (seconds / 3600);
  return g_strdup_printf ("%s h %u min", hours, (guint) (seconds % 3600 / 60));
}

char *
hat_format_time (gint64 ns)
{
  g_autofree char *text = format_duration (ns < 0 ? 0 - (guint64) ns : (guint64) ns);
  return g_strconcat (ns < 0 ? "-" : "", text, NULL);
}

char *
hat_format_address (guint64 address)
{
  return g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", address);
}

/* ---- functions ---- */

/* Drops what stands between matching brackets at depth `keep` and deeper: "std::map<int, std::pair<A, B>>" to
 * "std::map<int, std::pair<...>>" to "std::map<...>". Arrows and comparison operators are no brackets. */
static char *
fold_brackets (const char *name, int keep)
{
  GString *out = g_string_new (NULL);
  int depth = 0;

  for (const char *p = name; *p; p++)
    {
      const gboolean is_arrow = p > name && *p == '>' && (p[-1] == '-' || p[-1] == '=');
      const gboolean is_operator = (*p == '<' || *p == '>') && p - name >= 8
                                   && (strncmp (p - 8, "operator", 8) == 0 || (p - name >= 9 && strncmp (p - 9, "operator", 8) == 0));
      const gboolean opens = !is_operator && (*p == '<' || *p == '(');
      const gboolean closes = !is_operator && !is_arrow && (*p == '>' || *p == ')') && depth > 0;

      if (closes && --depth == keep && p[-1] != '<' && p[-1] != '(')
        g_string_append (out, "...");
      if (depth <= keep)
        g_string_append_c (out, *p);
      if (opens)
        depth++;
    }
  return g_string_free (out, FALSE);
}

const char *
hat_function_tail (const char *function)
{
  const char *tail = function;
  int depth = 0;

  for (const char *p = function; *p; p++)
    {
      const gboolean is_arrow = p > function && *p == '>' && (p[-1] == '-' || p[-1] == '=');
      if (g_str_has_prefix (p, "operator") && p == tail)
        break;
      if (strchr ("<({[", *p))
        depth++;
      else if (strchr (">)}]", *p) && !is_arrow && depth > 0)
        depth--;
      else if (depth == 0 && p[0] == ':' && p[1] == ':' && p[2] && !strchr ("<({[", p[2])) /* a bracket names nothing by itself */
        tail = p + 2;
    }
  return tail;
}

static char *
cut_middle (const char *text, guint max_chars)
{
  const glong n = g_utf8_strlen (text, -1);

  if (n <= (glong) max_chars)
    return g_strdup (text);
  if (max_chars <= 3)
    return g_utf8_substring (text, 0, max_chars);
  /* The end of a qualified name tells more than its beginning. */
  const char *unscoped = hat_function_tail (text);
  if (unscoped > text && g_utf8_strlen (unscoped, -1) + 3 <= (glong) max_chars)
    return g_strconcat ("...", unscoped, NULL);
  const glong front = (max_chars - 3) / 3, back = max_chars - 3 - front;
  g_autofree char *head = g_utf8_substring (text, 0, front);
  g_autofree char *tail = g_utf8_substring (text, n - back, n);
  return g_strconcat (head, "...", tail, NULL);
}

char *
hat_format_function (const char *function, guint max_chars)
{
  g_autofree char *usual = hat_usual_name (function);
  g_autofree char *valid = g_utf8_make_valid (usual, -1);

  for (int keep = 8; keep >= 0 && g_utf8_strlen (valid, -1) > (glong) max_chars; keep--)
    {
      char *folded = fold_brackets (valid, keep);
      g_free (valid);
      valid = folded;
    }
  return cut_middle (valid, max_chars);
}

/* ---- in ---- */

static gboolean
bad_argument (GError **error, const char *text, const char *expected)
{
  g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "\"%s\" is not %s", text, expected);
  return FALSE;
}

/* A number without sign, exponent, "inf" or "0x", then one of the units. */
static gboolean
parse_number (const char *text, const char *const *units, const double *factors, guint n_units, double *out_value)
{
  char *end;

  if (!g_ascii_isdigit (text[0]) && !(text[0] == '.' && g_ascii_isdigit (text[1])))
    return FALSE;
  const gsize length = strspn (text, "0123456789.");
  g_autofree char *number = g_strndup (text, length);
  const double value = g_ascii_strtod (number, &end);
  if (*end != '\0')
    return FALSE;
  for (guint i = 0; i < n_units; i++)
    if (g_ascii_strcasecmp (text + length, units[i]) == 0)
      {
        *out_value = value * factors[i];
        return TRUE;
      }
  return FALSE;
}

gboolean
hat_parse_bytes (const char *text, guint64 *out_bytes, GError **error)
{
  static const char *const units[] = {
    "", "B", "K", "KB", "KiB", "M", "MB", "MiB", "G", "GB", "GiB", "T", "TB", "TiB",
  };
  static const double factors[] = {
    1, 1, 0x1p10, 0x1p10, 0x1p10, 0x1p20, 0x1p20, 0x1p20, 0x1p30, 0x1p30, 0x1p30, 0x1p40, 0x1p40, 0x1p40,
  };
  double value;

  /* Whole numbers are exact to the last bit. */
  if (*text && strspn (text, "0123456789") == strlen (text) && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, out_bytes, NULL))
    return TRUE;
  if (!parse_number (text, units, factors, G_N_ELEMENTS (units), &value) || value >= 0x1p63)
    return bad_argument (error, text, "a size: give bytes as 512, 64K, 1.5M or 2G");
  *out_bytes = (guint64) (value + 0.5);
  return TRUE;
}

static gboolean
parse_mark (const char *text, const char *name, HatTrace *trace, guint process, gint64 *out_ns, GError **error)
{
  guint n;
  const HatMark *marks = hat_trace_marks (trace, process, &n);

  for (guint i = 0; i < n; i++)
    if (g_strcmp0 (marks[i].name, name) == 0)
      {
        *out_ns = marks[i].time_ns;
        return TRUE;
      }
  return bad_argument (error, text, "a mark of this process");
}

gboolean
hat_parse_time (const char *text, HatTrace *trace, guint process, gint64 *out_ns, GError **error)
{
  static const char *const units[] = { "ns", "us", "ms", "s", "min", "m", "h" };
  static const double factors[] = { 1, 1e3, 1e6, 1e9, 60e9, 60e9, 3600e9 };
  double value;

  if (g_str_has_prefix (text, "mark:"))
    return parse_mark (text, text + strlen ("mark:"), trace, process, out_ns, error);
  if (strcmp (text, "peak") == 0 || strcmp (text, "start") == 0 || strcmp (text, "end") == 0)
    {
      g_autoptr (HatHeap) heap = hat_heap_new (trace, process, NULL, error);
      if (heap == NULL)
        return FALSE;
      *out_ns = *text == 'p'   ? hat_heap_summary (heap)->totals.peak_time_ns
                : *text == 's' ? hat_heap_start (heap)
                               : hat_heap_end (heap);
      return TRUE;
    }
  if (!parse_number (text, units, factors, G_N_ELEMENTS (units), &value) || value >= 0x1p63)
    return bad_argument (error, text, "a time: give it as 1.5s, 250ms, 10us, mark:NAME, start, peak or end");
  *out_ns = (gint64) (value + 0.5);
  return TRUE;
}
