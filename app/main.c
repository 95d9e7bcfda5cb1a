/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas`: finds the command, or opens the window on a trace or a program. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/open-trace.h"

typedef struct
{
  const char *name;
  int (*run) (int argc, char **argv);
  const char *synopsis;
  const char *summary;
} Command;

static int run_export (int argc, char **argv);

static const Command commands[] = {
  { "record", hat_command_record, "[--] PROGRAM [ARG...]", "run a program and record its heap" },
  { "report", hat_command_report, "TRACE", "who allocated how much, and when" },
  { "leaks", hat_command_leaks, "TRACE", "what is lost, what was never freed, what keeps growing" },
  { "graph", hat_command_graph, "TRACE", "what holds what" },
  { "types", hat_command_types, "BINARY|TRACE [NAME]", "how types are laid out, and what padding costs" },
  { "export", run_export, "TRACE --view VIEW -o FILE", "a picture as PNG, SVG or PDF" },
  { "snapshot", hat_command_snapshot, "PID", "take a snapshot of a recorded process" },
  { "check", hat_command_check, "TRACE", "whether a trace is whole" },
};

static void
print_help (void)
{
  printf ("Usage:\n"
          "  heapatlas [TRACE | PROGRAM [ARG...]]\n"
          "  heapatlas COMMAND [OPTION...]\n"
          "\n"
          "Shows what a program does with its heap. Without a command it opens the window.\n"
          "\n"
          "Commands:\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *left = g_strdup_printf ("%s %s", commands[i].name, commands[i].synopsis);
      printf ("  %-36s %s\n", left, commands[i].summary);
    }
  printf ("\n"
          "  heapatlas COMMAND --help             options of a command\n"
          "  heapatlas --version                  version\n"
          "\n"
          "Example:\n"
          "  heapatlas record -o app.heapatlas -- ./app --its-options\n"
          "  heapatlas report app.heapatlas\n");
}

/* The path of one of our other programs: next to this one in a build folder; where it belongs in an installation. */
static char *
find_program (const char *name)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (self ? self : "");
  const char *const places[] = { "", "../" HAT_LIBEXECDIR };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], name, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&path);
    }
  return g_find_program_in_path (name);
}

/* Becomes the program; its status if it cannot. */
static int
become (const char *name, char **arguments)
{
  g_autofree char *path = find_program (name);
  if (path == NULL)
    {
      g_printerr ("heapatlas: %s: not found next to heapatlas nor in PATH, build or install it\n", name);
      return HAT_EXIT_IO;
    }
  execv (path, arguments);
  g_printerr ("heapatlas: %s: %s\n", path, g_strerror (errno));
  return HAT_EXIT_IO;
}

static int
run_export (int argc, char **argv)
{
  return become ("heapatlas-export", argv);
}

/* `arguments`: nothing, a trace, or a program with its arguments. */
static int
open_window (char **arguments)
{
  gboolean is_file = arguments[0] && g_file_test (arguments[0], G_FILE_TEST_IS_REGULAR);
  gboolean is_trace = is_file && arguments[1] == NULL
                      && (g_str_has_suffix (arguments[0], ".heapatlas")
                          || !g_file_test (arguments[0], G_FILE_TEST_IS_EXECUTABLE));
  g_autoptr (GPtrArray) command = g_ptr_array_new ();
  g_ptr_array_add (command, (gpointer) "heapatlas-gui");
  if (arguments[0] && !is_trace)
    g_ptr_array_add (command, (gpointer) "--");
  for (guint i = 0; arguments[i]; i++)
    g_ptr_array_add (command, arguments[i]);
  g_ptr_array_add (command, NULL);
  return become ("heapatlas-gui", (char **) command->pdata);
}

int
main (int argc, char **argv)
{
  hat_start ();
  const char *first = argc > 1 ? argv[1] : NULL;
  if (first == NULL)
    return open_window (argv + 1);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (first, commands[i].name))
      return commands[i].run (argc - 1, argv + 1);
  if (g_str_equal (first, "--help") || g_str_equal (first, "-h"))
    {
      print_help ();
      return HAT_EXIT_OK;
    }
  if (g_str_equal (first, "--version"))
    {
      printf ("heapatlas %s\n", HAT_VERSION);
      return HAT_EXIT_OK;
    }
  if (g_str_equal (first, "--") && argc > 2)
    return open_window (argv + 2);
  if (*first == '-')
    return hat_usage ("unknown option %s, see heapatlas --help", first);
  g_autofree char *program = g_find_program_in_path (first);
  if (program == NULL && !g_file_test (first, G_FILE_TEST_EXISTS))
    return hat_usage ("%s: no such command, trace or program, see heapatlas --help", first);
  return open_window (argv + 1);
}
