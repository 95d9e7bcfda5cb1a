/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas check`. */

#include "app/open-trace.h"
#include "core/heap/format.h"
#include "core/report/report.h"

int
hat_command_check (int argc, char **argv)
{
  gboolean strip = FALSE;
  guint64 stripped = 0;
  const GOptionEntry entries[] = {
    { "strip-contents", 0, 0, G_OPTION_ARG_NONE, &strip, "First take out the bytes of blocks (--contents=all), before it is given away", NULL },
    { NULL },
  };
  g_autofree char *path = NULL;
  if (!hat_parse_options (argc, argv, entries, "Says what a trace holds, and whether it is whole.",
                          "Exit status: 0 whole, 2 wrong use, 3 damaged, incomplete or no trace.", &path))
    return HAT_EXIT_USAGE;

  const HatProgress *progress = hat_terminal_progress ();
  g_autoptr (GError) error = NULL;
  if (strip && !hat_trace_strip_contents (path, &stripped, &error))
    return hat_fail (path, error);
  /* Without symbols looked up: the question is what the file has. */
  g_autoptr (HatTrace) trace = hat_trace_open (path, progress, &error);
  if (trace == NULL)
    return hat_fail (path, error);
  g_autoptr (GString) out = g_string_new (NULL);
  g_autofree char *bytes = hat_format_bytes (stripped);
  if (strip)
    g_string_append_printf (out, "Contents of blocks taken out: %s\n", bytes);
  gboolean is_whole = hat_report_check (trace, out, progress, &error);
  int status = hat_print (out, HAT_EXIT_OK);
  return is_whole ? status : hat_fail (path, error);
}
