/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The subcommands of `heapatlas`. Each gets its own name as argv[0] and returns the exit status. */

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  HAT_EXIT_OK = 0,
  HAT_EXIT_FAILED = 1, /* an assertion did not hold */
  HAT_EXIT_USAGE = 2,
  HAT_EXIT_IO = 3, /* could not read or write */
} HatExit;

/* Makes the standard descriptors and the locale what the rest relies on. */
void hat_start (void);

int hat_command_record (int argc, char **argv);
int hat_command_report (int argc, char **argv);
int hat_command_leaks (int argc, char **argv);
int hat_command_graph (int argc, char **argv);
int hat_command_types (int argc, char **argv);
int hat_command_check (int argc, char **argv);
int hat_command_snapshot (int argc, char **argv);

G_END_DECLS
