/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the reading commands share: options, opening a trace, progress and errors on the terminal, the answer on stdout.
 *
 * Errors are one line on stderr, `heapatlas: FILE: what, where, what to do`. */

#include "app/commands.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

/* Options of the commands that read a snapshot, into HatSnapshotOptions (whose rules are the caller's to free). */
#define HAT_SNAPSHOT_ENTRIES(options)                                                                                                       \
  { "snapshot", 0, 0, G_OPTION_ARG_INT, &(options)->index, "Snapshot, counted from 0 (default: the last one)", "N" },                       \
  { "rules", 0, 0, G_OPTION_ARG_FILENAME, &(options)->rules, "Pointers that FILE names do not own", "FILE" },                               \
  { "no-mappings", 0, 0, G_OPTION_ARG_NONE, &(options)->no_mappings, "What only a mapped region points to is lost", NULL }

/* Parses `entries`; what remains must be one TRACE, returned in *out_path (g_free). Otherwise says what is wrong and
 * returns FALSE: the exit status is then HAT_EXIT_USAGE. --help prints and exits. */
gboolean hat_parse_options (int argc, char **argv, const GOptionEntry *entries, const char *summary,
                            const char *description, char **out_path);

/* The same for BINARY|TRACE [NAME]; *out_name NULL if it was left out. */
gboolean hat_parse_options_named (int argc, char **argv, const GOptionEntry *entries, const char *summary,
                                  const char *description, char **out_path, char **out_name);

/* Opens, and looks up the symbols of a recording that was cut off before it did. */
HatTrace *hat_open_trace (const char *path, const HatProgress *progress, GError **error);

/* A line on stderr for what takes longer than a moment, if that is a terminal; NULL otherwise. */
const HatProgress *hat_terminal_progress (void);

/* Says what is wrong with `path` (or NULL) and returns the exit status that belongs to it. */
int hat_fail (const char *path, const GError *error);
int hat_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* The same line on stderr for what is no error. */
void hat_note (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Writes to stdout; `status`, or HAT_EXIT_IO if that failed. */
int hat_print (const GString *text, int status);

G_END_DECLS
