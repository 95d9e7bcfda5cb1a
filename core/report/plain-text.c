/* SPDX-License-Identifier: Apache-2.0 */
/* Words, numbers and small pictures for a terminal. */

#include "core/report/plain-text.h"

#include "core/heap/format.h"

#include <string.h>

#define LABEL_COLUMNS 12
#define CHART_ROWS 6
#define CHART_LEFT 11

static const char *const eighths_up[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const eighths_right[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };

gboolean
hat_plain_is_utf8 (void)
{
  return g_get_charset (NULL);
}

static guint
char_width (gunichar c)
{
  return g_unichar_iswide (c) ? 2 : 1;
}

guint
hat_plain_width (const char *text)
{
  guint width = 0;
  for (const char *c = text; *c; c = g_utf8_next_char (c))
    width += char_width (g_utf8_get_char (c));
  return width;
}

/* Control characters would break lines or drive the terminal; directional marks would turn them round. */
static gboolean
is_printable (gunichar c, gboolean utf8)
{
  if (c < 0x80)
    return c >= 0x20 && c != 0x7f;
  GUnicodeType type = g_unichar_type (c);
  return utf8 && g_unichar_isprint (c) && type != G_UNICODE_FORMAT && type != G_UNICODE_LINE_SEPARATOR
         && type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

static char *
printable (const char *text)
{
  gboolean utf8 = hat_plain_is_utf8 ();
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *out = g_string_sized_new (strlen (valid));
  for (const char *c = valid; *c; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);
      g_string_append_unichar (out, is_printable (u, utf8) ? u : '?');
    }
  return g_string_free (out, FALSE);
}

static const char *
ellipsis (void)
{
  return hat_plain_is_utf8 () ? "…" : "~";
}

/* The longest prefix of at most `max` columns, in bytes. */
static gsize
prefix_bytes (const char *text, guint max)
{
  guint width = 0;
  const char *c = text;
  for (; *c; c = g_utf8_next_char (c))
    {
      width += char_width (g_utf8_get_char (c));
      if (width > max)
        break;
    }
  return c - text;
}

static gsize
suffix_start (const char *text, guint max)
{
  guint width = 0;
  const char *c = text + strlen (text);
  while (c > text)
    {
      const char *before = g_utf8_prev_char (c);
      width += char_width (g_utf8_get_char (before));
      if (width > max)
        break;
      c = before;
    }
  return c - text;
}

/* Keeps `tail` parts of 4 of the space for the end. */
static char *
shorten (char *text, guint max, guint tail)
{
  if (hat_plain_width (text) <= max)
    return text;
  if (max < 4)
    {
      text[prefix_bytes (text, max)] = '\0';
      return text;
    }
  guint end = (max - 1) * tail / 4;
  const char *rest = text + suffix_start (text, end);
  char *result = g_strdup_printf ("%.*s%s%s", (int) prefix_bytes (text, max - 1 - end), text, ellipsis (), rest);
  g_free (text);
  return result;
}

char *
hat_plain_name (const char *name, guint max)
{
  return g_strchomp (shorten (printable (name), max, 2));
}

char *
hat_plain_function (const char *function, guint max)
{
  g_autofree char *valid = g_utf8_make_valid (function, -1);
  g_autofree char *formatted = hat_format_function (*valid ? valid : "?", max);
  return hat_plain_name (formatted, max);
}

char *
hat_plain_command (const char *const *argv, guint max)
{
  g_autoptr (GString) command = g_string_new (NULL);
  for (guint i = 0; argv && argv[i] && command->len < 4096; i++)
    {
      gboolean is_plain = argv[i][0] != '\0' && strpbrk (argv[i], " \t\n'\"\\$`*?[](){}<>|&;#~!") == NULL;
      g_autofree char *word = is_plain ? g_strdup (argv[i]) : g_shell_quote (argv[i]);
      g_string_append_printf (command, "%s%s", i > 0 ? " " : "", word);
    }
  return shorten (printable (command->str), max, 0);
}

char *
hat_plain_location (const HatStackFrame *frame, guint max)
{
  if (frame->file)
    {
      g_autofree char *base = g_path_get_basename (frame->file);
      g_autofree char *location = frame->line > 0 ? g_strdup_printf ("%s:%u", base, frame->line) : g_strdup (base);
      return hat_plain_name (location, max);
    }
  if (frame->module == NULL || *frame->module == '\0')
    return g_strdup ("");
  g_autofree char *base = g_path_get_basename (frame->module);
  g_autofree char *location = g_strdup_printf ("in %s", base);
  return hat_plain_name (location, max);
}

char *
hat_plain_callers (const HatStackFrame *frames, guint n, guint first, guint max)
{
  const char *arrow = hat_plain_is_utf8 () ? "← " : "<- ";
  guint arrow_width = hat_plain_width (arrow);
  GString *out = g_string_new (NULL);
  guint used = 0;
  for (guint i = first; i < n; i++)
    {
      /* Leave room to say that there are more. */
      guint reserve = i + 1 < n ? arrow_width + 2 : 0;
      g_autofree char *name = hat_plain_function (frames[i].function, 30);
      guint width = (i > first) + arrow_width + hat_plain_width (name);
      if (used + width + reserve > max)
        {
          if (used + arrow_width + 2 <= max)
            g_string_append_printf (out, "%s%s%s", i > first ? " " : "", arrow, ellipsis ());
          break;
        }
      g_string_append_printf (out, "%s%s%s", i > first ? " " : "", arrow, name);
      used += width;
    }
  return g_string_free (out, FALSE);
}

guint
hat_plain_own_frame (HatTrace *trace, HatStackId stack, const HatStackFrame *frames, guint n)
{
  const char *function = hat_stack_function (trace, stack);
  for (guint i = 0; i < n; i++)
    if (g_str_equal (frames[i].function, function))
      return i;
  return 0;
}

void
hat_plain_stack (GString *out, HatTrace *trace, HatStackId stack, guint indent, guint max)
{
  guint n;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n);
  if (n == 0)
    g_string_append_printf (out, "%*s(no stack)\n", (int) indent, "");
  guint first = hat_plain_own_frame (trace, stack, frames, n);
  /* A last line that says "1 more" could as well be that frame. */
  guint shown = n - first <= max ? n - first : max - 1;
  for (guint i = first; i < first + shown; i++)
    {
      guint room = HAT_PLAIN_COLUMNS - indent;
      g_autofree char *location = hat_plain_location (&frames[i], 26);
      guint location_width = hat_plain_width (location);
      g_autofree char *function = hat_plain_function (frames[i].function,
                                                      room - (location_width > 0 ? location_width + 2 : 0));
      g_string_append_printf (out, "%*s%s%s%s\n", (int) indent, "", function, location_width > 0 ? "  " : "", location);
    }
  if (first + shown < n)
    g_string_append_printf (out, "%*s%s %u more frames\n", (int) indent, "", ellipsis (), n - first - shown);
}

void
hat_plain_column (GString *out, const char *text, int width)
{
  int missing = ABS (width) - (int) hat_plain_width (text);
  if (width > 0 && missing > 0)
    g_string_append_printf (out, "%*s", missing, "");
  g_string_append (out, text);
  if (width < 0 && missing > 0)
    g_string_append_printf (out, "%*s", missing, "");
}

void
hat_plain_bytes_column (GString *out, guint64 bytes, int width)
{
  g_autofree char *text = hat_format_bytes (bytes);
  hat_plain_column (out, text, width);
}

void
hat_plain_count_column (GString *out, guint64 count, int width)
{
  g_autofree char *text = hat_format_count (count);
  hat_plain_column (out, text, width);
}

void
hat_plain_percent_column (GString *out, guint64 part, guint64 whole, int width)
{
  double percent = whole > 0 ? 100.0 * part / whole : 0;
  g_autofree char *text = part > 0 && percent < 0.05 ? g_strdup ("<0.1%") : g_strdup_printf ("%.1f%%", percent);
  hat_plain_column (out, text, width);
}

void
hat_plain_bar (GString *out, guint64 part, guint64 whole, guint width)
{
  gboolean utf8 = hat_plain_is_utf8 ();
  double share = whole > 0 ? CLAMP ((double) part / whole, 0, 1) : 0;
  guint steps = share * width * 8 + 0.5;
  if (steps == 0 && part > 0)
    steps = 1;
  guint full = utf8 ? steps / 8 : (steps + 4) / 8;
  guint used = full;
  for (guint i = 0; i < full; i++)
    g_string_append (out, utf8 ? "█" : "#");
  if (utf8 && steps % 8 > 0)
    {
      g_string_append (out, eighths_right[steps % 8]);
      used++;
    }
  g_string_append_printf (out, "%*s", (int) (width - used), "");
}

void
hat_plain_sparkline (GString *out, const guint64 *values, guint n)
{
  static const char ascii[] = "_.,:-=+*#";
  guint64 max = 0;
  for (guint i = 0; i < n; i++)
    max = MAX (max, values[i]);
  for (guint i = 0; i < n; i++)
    {
      guint step = max > 0 ? (guint) ((double) values[i] / max * 7 + 0.5) : 0;
      if (hat_plain_is_utf8 ())
        g_string_append (out, eighths_up[step + 1]);
      else
        g_string_append_c (out, ascii[step + (values[i] > 0)]);
    }
}

static gsize
trailing_spaces (const GString *out)
{
  gsize n = 0;
  while (n < out->len && out->str[out->len - 1 - n] == ' ')
    n++;
  return n;
}

void
hat_plain_wrapped (GString *out, const char *text, guint indent)
{
  guint room = HAT_PLAIN_COLUMNS - indent;
  const char *rest = text;
  while (hat_plain_width (rest) > room)
    {
      gsize end = prefix_bytes (rest, room), space = end;
      while (space > 0 && rest[space] != ' ')
        space--;
      gsize cut = space > 0 ? space : end;
      g_string_append_len (out, rest, cut);
      g_string_truncate (out, out->len - trailing_spaces (out));
      g_string_append_printf (out, "\n%*s", (int) indent, "");
      rest += cut;
      rest += strspn (rest, " ");
    }
  g_string_append (out, rest);
  g_string_append_c (out, '\n');
}

void
hat_plain_field (GString *out, const char *label, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *value = g_strdup_vprintf (format, args);
  va_end (args);

  g_string_append (out, "  ");
  hat_plain_column (out, label, -LABEL_COLUMNS);
  hat_plain_wrapped (out, value, 2 + LABEL_COLUMNS);
}

static void
chart_row (GString *out, const HatTimeline *timeline, guint row)
{
  gboolean utf8 = hat_plain_is_utf8 ();
  for (guint i = 0; i < timeline->n_bins; i++)
    {
      double height = (double) timeline->bins[i].max_bytes / timeline->peak_bytes * CHART_ROWS - row;
      int step = CLAMP ((int) (height * 8 + 0.5), 0, 8);
      if (row == 0 && step == 0 && timeline->bins[i].max_bytes > 0)
        step = 1;
      g_string_append (out, utf8 ? eighths_up[step] : step >= 4 ? "#" : step > 0 ? "." : " ");
    }
  g_string_truncate (out, out->len - trailing_spaces (out));
  g_string_append_c (out, '\n');
}

void
hat_plain_chart (GString *out, const HatTimeline *timeline)
{
  gboolean utf8 = hat_plain_is_utf8 ();
  guint64 peak = timeline->peak_bytes;
  if (timeline->n_bins == 0 || peak == 0)
    return;
  for (guint row = CHART_ROWS; row-- > 0;)
    {
      if (row == CHART_ROWS - 1)
        hat_plain_bytes_column (out, peak, CHART_LEFT);
      else if (row == CHART_ROWS / 2 - 1)
        hat_plain_bytes_column (out, peak / 2, CHART_LEFT);
      else
        hat_plain_column (out, "", CHART_LEFT);
      g_string_append (out, utf8 ? (row == CHART_ROWS - 1 || row == CHART_ROWS / 2 - 1 ? " ┤" : " │") : " |");
      chart_row (out, timeline, row);
    }
  hat_plain_column (out, "0", CHART_LEFT);
  g_string_append (out, utf8 ? " └" : " +");
  for (guint i = 0; i < timeline->n_bins; i++)
    g_string_append (out, utf8 ? "─" : "-");
  g_autofree char *from = hat_format_time (MAX (timeline->range.from, 0));
  g_autofree char *to = hat_format_time (timeline->range.to);
  g_string_append_printf (out, "\n%*s", CHART_LEFT + 2, "");
  hat_plain_column (out, from, -(int) (timeline->n_bins - hat_plain_width (to)));
  g_string_append_printf (out, "%s\n", to);
}
