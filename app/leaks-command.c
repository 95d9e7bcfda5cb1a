/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas leaks`. */

#include <errno.h>
#include <unistd.h>

#include "app/open-trace.h"
#include "core/report/report.h"
#include "core/symbols/symbols.h"

static const char description[] =
  "Lost blocks are direct (nothing points to them), a cycle (they hold each other,\n"
  "nothing else does) or indirect (only lost blocks hold them). Possible: only\n"
  "pointers into the middle lead there. That takes a snapshot; without one, all\n"
  "that was never freed is listed.\n"
  "\n"
  "The file of --suppressions has LeakSanitizer's syntax, lines leak:PATTERN, or\n"
  "valgrind's. That of --rules has lines weak:NAME+OFFSET: the pointer so many\n"
  "bytes into blocks of that type, or allocated by that function, does not own.\n"
  "\n"
  "Examples:\n"
  "  heapatlas leaks app.heapatlas\n"
  "  heapatlas leaks app.heapatlas --suppressions known.txt --error-exitcode 42\n"
  "\n"
  "Exit status: 0 done, N with --error-exitcode N if there are direct, cycle or\n"
  "indirect leaks (without a snapshot: anything never freed), 2 wrong use, 3 could\n"
  "not read. What was live when a program was replaced by another (exec) is\n"
  "listed, but is no leak: the system freed it.";

int
hat_command_leaks (int argc, char **argv)
{
  gboolean json = FALSE;
  gint process = -1, error_exitcode = 0;
  g_autofree char *suppressions = NULL;
  HatLeaksOptions options = { .snapshot.index = -1, .demangle = hat_demangle };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON for programs", NULL },
    { "process", 0, 0, G_OPTION_ARG_INT, &process, "Only this process, counted from 0", "N" },
    { "suppressions", 0, 0, G_OPTION_ARG_FILENAME, &suppressions, "Leave out the leaks that FILE names", "FILE" },
    HAT_SNAPSHOT_ENTRIES (&options.snapshot),
    { "error-exitcode", 0, 0, G_OPTION_ARG_INT, &error_exitcode, "Exit with status N if there are leaks", "N" },
    { NULL },
  };
  g_autofree char *path = NULL, *rules = NULL;
  if (!hat_parse_options (argc, argv, entries, "Lists what is lost, what was never freed and what keeps growing, biggest first.",
                          description, &path))
    return HAT_EXIT_USAGE;
  rules = options.snapshot.rules;
  if (process < -1 || options.snapshot.index < -1)
    return hat_usage ("leaks: --process and --snapshot take numbers from 0");
  if (error_exitcode < 0 || error_exitcode > 255)
    return hat_usage ("leaks: --error-exitcode takes a number from 0 to 255");

  g_autoptr (GError) error = NULL;
  if (suppressions && access (suppressions, R_OK) != 0)
    {
      g_set_error (&error, HAT_ERROR, HAT_ERROR_IO, "could not read: %s", g_strerror (errno));
      return hat_fail (suppressions, error);
    }
  const HatProgress *progress = hat_terminal_progress ();
  options.process = process;
  options.json = json;
  options.suppressions = suppressions;
  g_autoptr (HatTrace) trace = hat_open_trace (path, progress, &error);
  if (trace == NULL)
    return hat_fail (path, error);
  g_autoptr (GString) out = g_string_new (NULL);
  guint n_leaks = 0;
  if (!hat_report_leaks (trace, &options, out, &n_leaks, progress, &error))
    return hat_fail (path, error);
  return hat_print (out, n_leaks > 0 ? error_exitcode : HAT_EXIT_OK);
}
