/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas record`. */

#include <fcntl.h>
#include <string.h>

#include "app/open-trace.h"
#include "core/heap/format.h"
#include "core/record/record.h"

static const char description[] =
  "The program's input, output, folder and exit status stay its own; processes it\n"
  "starts are recorded too. Ctrl-C reaches the program; the trace is finished.\n"
  "\n"
  "When a process ends it stands still while a snapshot of what points to what is\n"
  "taken. A trace gives away what it keeps: by default addresses, pointers and names\n"
  "of functions and variables, with --contents=all every byte the program had.\n"
  "\n"
  "Examples:\n"
  "  heapatlas record ./app --its-options\n"
  "  heapatlas record -o app.heapatlas --max-size 2G -- ./app\n"
  "\n"
  "Exit status: the program's own (128 + signal if one killed it, or if one ended\n"
  "the recording while the program goes on), 127 not found, 126 refused or not\n"
  "executable, 125 recording failed.";

typedef struct
{
  char *output, *max_size, *sample, *contents, *snapshot_memory, **rest;
  gboolean no_snapshot, free_stacks, no_follow, quiet;
  gint control_fd;
  HatSnapshotOptions snapshots;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->output);
  g_free (options->max_size);
  g_free (options->sample);
  g_free (options->contents);
  g_free (options->snapshot_memory);
  g_free ((char *) options->snapshots.function);
  g_strfreev (options->rest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* The program's own options are not ours: ours end with the first word that is none. */
static gboolean
parse (Options *options, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output, "Write the trace to FILE (default: NAME.PID.heapatlas)", "FILE" },
    { "no-snapshot", 0, 0, G_OPTION_ARG_NONE, &options->no_snapshot, "Take no snapshots of the heap's contents", NULL },
    { "snapshot-every", 0, 0, G_OPTION_ARG_DOUBLE, &options->snapshots.every_s, "Take a snapshot every SEC seconds", "SEC" },
    { "snapshot-at-peak", 0, 0, G_OPTION_ARG_NONE, &options->snapshots.at_peak, "Take one at the peak of live memory", NULL },
    { "snapshot-at", 0, 0, G_OPTION_ARG_STRING, &options->snapshots.function, "Take one when FUNCTION first allocates or frees", "FUNCTION" },
    { "trace-exit", 0, 0, G_OPTION_ARG_NONE, &options->snapshots.trace_exit, "See every end of the program, by ptrace: no debugger can be used in it", NULL },
    { "contents", 0, 0, G_OPTION_ARG_STRING, &options->contents, "What snapshots keep of memory: pointers (default), all or none", "WHAT" },
    { "snapshot-memory", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options->snapshot_memory, NULL, NULL },
    { "free-stacks", 0, 0, G_OPTION_ARG_NONE, &options->free_stacks, "Record the stack of every free, too", NULL },
    { "sample", 0, 0, G_OPTION_ARG_STRING, &options->sample, "Record only blocks that hold one byte in BYTES, chosen at random", "BYTES" },
    { "no-follow", 0, 0, G_OPTION_ARG_NONE, &options->no_follow, "Record the first program only: not its children, nor what it becomes by exec", NULL },
    { "max-size", 0, 0, G_OPTION_ARG_STRING, &options->max_size, "Stop recording when the trace has about BYTES; the program goes on", "BYTES" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options->quiet, "Say nothing on standard error", NULL },
    { "control-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &options->control_fd, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[--] PROGRAM [ARG...]");

  g_option_context_set_summary (context, "Runs a program and records its heap.");
  g_option_context_set_description (context, description);
  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_add_main_entries (context, entries, NULL);
  g_auto (GStrv) arguments = g_strdupv (argv);
  if (!g_option_context_parse_strv (context, &arguments, error))
    return FALSE;
  char **rest = arguments + 1;
  if (*rest && g_str_equal (*rest, "--"))
    rest++;
  options->rest = g_strdupv (rest);
  return TRUE;
}

#define MIN_TRACE_BYTES 65536
#define MIN_SNAPSHOT_S 0.01

static int
wrong_use (const char *text)
{
  return hat_usage ("record: %s, see heapatlas record --help", text);
}

int
hat_command_record (int argc, char **argv)
{
  g_auto (Options) options = { .control_fd = -1 };
  g_autoptr (GError) error = NULL;
  guint64 max_size = 0, sample = 0;

  g_set_prgname ("heapatlas record");
  if (!parse (&options, argc, argv, &error))
    return wrong_use (error->message);
  if (options.rest[0] == NULL || *options.rest[0] == 0)
    return wrong_use ("name the PROGRAM to run");
  if (options.output && *options.output == 0)
    return wrong_use ("--output needs the name of a FILE");
  if (options.max_size && !hat_parse_bytes (options.max_size, &max_size, &error))
    return wrong_use (error->message);
  if (options.max_size && max_size < MIN_TRACE_BYTES)
    return wrong_use ("--max-size is at least 64K: nothing fits into less");
  if (options.sample && !hat_parse_bytes (options.sample, &sample, &error))
    return wrong_use (error->message);
  if (options.sample && (sample == 0 || sample > HAT_RECORD_MAX_SAMPLE))
    return wrong_use ("--sample needs 1 to 1T bytes");
  static const char *const contents[] = { "pointers", "all", "none" };
  HatSnapshotOptions *snapshots = &options.snapshots;
  while (options.contents && strcmp (options.contents, contents[snapshots->contents]) != 0)
    if (++snapshots->contents == G_N_ELEMENTS (contents))
      return wrong_use ("--contents is one of pointers, all and none");
  if (options.snapshot_memory && !hat_parse_bytes (options.snapshot_memory, &snapshots->max_copy_bytes, &error))
    return wrong_use (error->message);
  if (snapshots->every_s != 0 && !(snapshots->every_s >= MIN_SNAPSHOT_S))
    return wrong_use ("--snapshot-every needs at least 0.01 seconds");
  if ((snapshots->every_s != 0 || snapshots->at_peak || snapshots->trace_exit || snapshots->function) && (options.no_snapshot || options.sample))
    return wrong_use ("snapshots cannot be asked for with --no-snapshot or --sample");
  if (options.control_fd >= 0 && fcntl (options.control_fd, F_SETFD, FD_CLOEXEC) < 0)
    return wrong_use ("--control-fd needs an open descriptor");

  const HatRecordOptions record = {
    .argv = (const char *const *) options.rest,
    .output = options.output,
    .no_follow = options.no_follow,
    .free_stacks = options.free_stacks,
    .sample_bytes = sample,
    .no_snapshot = options.no_snapshot,
    .snapshots = options.snapshots,
    .max_size = max_size,
    .quiet = options.quiet,
    .control_fd = options.control_fd,
  };
  return hat_record_run (&record);
}
