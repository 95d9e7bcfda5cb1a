/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas leaks`. */

#include <errno.h>
#include <unistd.h>

#include "app/open-trace.h"
#include "core/report/report.h"

static const char description[] =
  "The file of --suppressions has LeakSanitizer's syntax: lines leak:PATTERN, which\n"
  "match anywhere in the function, file or module of a frame; * is any text, ^ and\n"
  "$ are its start and end.\n"
  "\n"
  "Exit status: 0 done, N with --error-exitcode N if leaks were found, 2 wrong use,\n"
  "3 could not read. What was live when a program was replaced by another (exec)\n"
  "is listed, but is no leak: the system freed it.";

int
hat_command_leaks (int argc, char **argv)
{
  gboolean json = FALSE;
  gint process = -1, error_exitcode = 0;
  g_autofree char *suppressions = NULL;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON for programs", NULL },
    { "process", 0, 0, G_OPTION_ARG_INT, &process, "Only this process, counted from 0", "N" },
    { "suppressions", 0, 0, G_OPTION_ARG_FILENAME, &suppressions, "Leave out the leaks that FILE names", "FILE" },
    { "error-exitcode", 0, 0, G_OPTION_ARG_INT, &error_exitcode, "Exit with status N if there are leaks", "N" },
    { NULL },
  };
  g_autofree char *path = NULL;
  if (!hat_parse_options (argc, argv, entries, "Lists what was never freed and what keeps growing, biggest first.",
                          description, &path))
    return HAT_EXIT_USAGE;
  if (process < -1)
    return hat_usage ("leaks: --process takes a number from 0");
  if (error_exitcode < 0 || error_exitcode > 255)
    return hat_usage ("leaks: --error-exitcode takes a number from 0 to 255");

  g_autoptr (GError) error = NULL;
  if (suppressions && access (suppressions, R_OK) != 0)
    {
      g_set_error (&error, HAT_ERROR, HAT_ERROR_IO, "could not read: %s", g_strerror (errno));
      return hat_fail (suppressions, error);
    }
  const HatProgress *progress = hat_terminal_progress ();
  const HatLeaksOptions options = { .process = process, .json = json, .suppressions = suppressions };
  g_autoptr (HatTrace) trace = hat_open_trace (path, progress, &error);
  if (trace == NULL)
    return hat_fail (path, error);
  g_autoptr (GString) out = g_string_new (NULL);
  guint n_leaks = 0;
  if (!hat_report_leaks (trace, &options, out, &n_leaks, progress, &error))
    return hat_fail (path, error);
  return hat_print (out, n_leaks > 0 ? error_exitcode : HAT_EXIT_OK);
}
