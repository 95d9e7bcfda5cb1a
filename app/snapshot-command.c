/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas snapshot`. */

#include <stdio.h>

#include "app/open-trace.h"
#include "core/record/request.h"

static const char description[] =
  "The process stands still while its memory is copied; it goes on while the copy is\n"
  "looked at. The snapshot is in the trace that the recording writes.\n"
  "\n"
  "Example:\n"
  "  heapatlas snapshot $(pidof app)\n"
  "\n"
  "Exit status: 0 it was taken, 2 wrong use, 3 it was not.";

int
hat_command_snapshot (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("PID");
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) arguments = g_strdupv (argv);
  guint64 pid;

  g_set_prgname ("heapatlas snapshot");
  g_option_context_set_summary (context, "Takes a snapshot of a process that is being recorded.");
  g_option_context_set_description (context, description);
  if (!g_option_context_parse_strv (context, &arguments, &error))
    return hat_usage ("snapshot: %s, see heapatlas snapshot --help", error->message);
  if (arguments[0] == NULL || arguments[1] == NULL || arguments[2] != NULL
      || !g_ascii_string_to_unsigned (arguments[1], 10, 1, G_MAXINT32, &pid, NULL))
    return hat_usage ("snapshot: name the process by its number, see heapatlas snapshot --help");
  g_autofree char *answer = hat_request_snapshot (pid, &error);
  if (answer == NULL)
    {
      g_printerr ("heapatlas: %s\n", error->message);
      return HAT_EXIT_IO;
    }
  printf ("%s\n", answer);
  return HAT_EXIT_OK;
}
