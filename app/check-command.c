/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas check`. */

#include "app/open-trace.h"
#include "core/report/report.h"

int
hat_command_check (int argc, char **argv)
{
  const GOptionEntry entries[] = { { NULL } };
  g_autofree char *path = NULL;
  if (!hat_parse_options (argc, argv, entries, "Says what a trace holds, and whether it is whole.",
                          "Exit status: 0 whole, 2 wrong use, 3 damaged, incomplete or no trace.", &path))
    return HAT_EXIT_USAGE;

  const HatProgress *progress = hat_terminal_progress ();
  g_autoptr (GError) error = NULL;
  /* Without symbols looked up: the question is what the file has. */
  g_autoptr (HatTrace) trace = hat_trace_open (path, progress, &error);
  if (trace == NULL)
    return hat_fail (path, error);
  g_autoptr (GString) out = g_string_new (NULL);
  gboolean is_whole = hat_report_check (trace, out, progress, &error);
  int status = hat_print (out, HAT_EXIT_OK);
  return is_whole ? status : hat_fail (path, error);
}
