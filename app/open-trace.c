/* SPDX-License-Identifier: Apache-2.0 */
/* What the reading commands share. */

#include "app/open-trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/symbols/symbols.h"

#define QUIET_US (G_USEC_PER_SEC / 2)  /* before the first line of progress */
#define REDRAW_US (G_USEC_PER_SEC / 10)

static struct
{
  gint64 started_us, drawn_us;
} terminal;

static void
clear_progress (void)
{
  if (terminal.drawn_us > 0)
    fputs ("\r\033[K", stderr);
  terminal.drawn_us = 0;
}

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  gint64 now = g_get_monotonic_time ();
  if (terminal.started_us == 0)
    terminal.started_us = now;
  if (now - terminal.started_us > QUIET_US && now - terminal.drawn_us > REDRAW_US)
    {
      fprintf (stderr, "\r\033[K%s %.0f %%", what, 100 * CLAMP (share, 0, 1));
      fflush (stderr);
      terminal.drawn_us = now;
    }
  return TRUE;
}

const HatProgress *
hat_terminal_progress (void)
{
  static const HatProgress progress = { on_progress, NULL };
  return isatty (STDERR_FILENO) ? &progress : NULL;
}

/* One line, whatever the message holds. */
static void
print_error (const char *path, const char *message)
{
  gboolean names_path = path == NULL || strstr (message, path);
  g_autofree char *raw = names_path ? g_strdup (message) : g_strdup_printf ("%s: %s", path, message);
  g_autofree char *line = g_utf8_make_valid (raw, -1);
  g_strdelimit (g_strchomp (line), "\n\r\033", ' ');
  clear_progress ();
  fprintf (stderr, "heapatlas: %s\n", line);
}

int
hat_fail (const char *path, const GError *error)
{
  gboolean is_usage = g_error_matches (error, HAT_ERROR, HAT_ERROR_USAGE) || error->domain == G_OPTION_ERROR;
  print_error (is_usage ? NULL : path, error->message);
  return is_usage ? HAT_EXIT_USAGE : HAT_EXIT_IO;
}

int
hat_usage (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  print_error (NULL, message);
  return HAT_EXIT_USAGE;
}

void
hat_note (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  print_error (NULL, message);
}

/* One or two words that are no options; the second may be left out. */
static gboolean
parse (int argc, char **argv, const GOptionEntry *entries, const char *synopsis, const char *summary, const char *description,
       char **out_path, char **out_second)
{
  g_autofree char *name = g_strdup_printf ("heapatlas %s", argv[0]);
  g_autoptr (GOptionContext) context = g_option_context_new (synopsis);
  g_autoptr (GError) error = NULL;
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, NULL);
  g_set_prgname (name);
  /* A copy: GOption shifts the array, and stays ours to free. */
  g_auto (GStrv) arguments = g_strdupv (argv);
  gboolean parsed = g_option_context_parse_strv (context, &arguments, &error);
  if (!parsed)
    {
      hat_usage ("%s: %s, see heapatlas %s --help", argv[0], error->message, argv[0]);
      return FALSE;
    }
  char **rest = arguments + 1;
  if (*rest && g_str_equal (*rest, "--"))
    rest++;
  guint n = g_strv_length (rest), most = out_second ? 2 : 1;
  if (n == 0 || n > most)
    {
      if (n)
        hat_usage ("%s: %s is enough, \"%s\" is too much", argv[0], out_second ? synopsis : "one TRACE", rest[most]);
      else
        hat_usage ("%s: name the %s to read, see heapatlas %s --help", argv[0], out_second ? "BINARY or TRACE" : "TRACE", argv[0]);
      return FALSE;
    }
  *out_path = g_strdup (rest[0]);
  if (out_second)
    *out_second = g_strdup (rest[1]);
  return TRUE;
}

gboolean
hat_parse_options (int argc, char **argv, const GOptionEntry *entries, const char *summary, const char *description,
                   char **out_path)
{
  return parse (argc, argv, entries, "TRACE", summary, description, out_path, NULL);
}

gboolean
hat_parse_options_named (int argc, char **argv, const GOptionEntry *entries, const char *summary, const char *description,
                         char **out_path, char **out_name)
{
  return parse (argc, argv, entries, "BINARY|TRACE [NAME]", summary, description, out_path, out_name);
}

HatTrace *
hat_open_trace (const char *path, const HatProgress *progress, GError **error)
{
  g_autoptr (HatTrace) trace = hat_trace_open (path, progress, error);
  if (trace == NULL)
    return NULL;
  if (!hat_trace_has_symbols (trace) && !hat_symbols_ensure (trace, progress, error))
    return NULL;
  return g_steal_pointer (&trace);
}

int
hat_print (const GString *text, int status)
{
  clear_progress ();
  if (fwrite (text->str, 1, text->len, stdout) == text->len && fflush (stdout) == 0)
    return status;
  /* A reader that has seen enough (| head) is no failure worth a word. */
  if (errno != EPIPE)
    {
      g_autofree char *message = g_strdup_printf ("standard output: %s", g_strerror (errno));
      print_error (NULL, message);
    }
  return HAT_EXIT_IO;
}
