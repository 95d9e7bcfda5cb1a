/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas graph`. */

#include "app/open-trace.h"
#include "core/report/report.h"

static const char description[] =
  "The text shows owners: what would go if a block went. Blocks of the same\n"
  "allocating stack, type and class are one row. With --from-block it shows the\n"
  "pointers in and to that block, with --paths-to-roots who holds it.\n"
  "\n"
  "--depth counts pointers from the block, from the blocks of the type, or from\n"
  "what roots point to; in the text it counts owners. --dot of a big graph draws\n"
  "blocks of the same stack and type as one node.\n"
  "\n"
  "The file of --rules has lines weak:NAME+OFFSET: the pointer so many bytes into\n"
  "blocks of that type, or allocated by that function, does not own.\n"
  "\n"
  "Examples:\n"
  "  heapatlas graph app.heapatlas\n"
  "  heapatlas graph app.heapatlas --paths-to-roots 0x55d0c0ffee10\n"
  "  heapatlas graph app.heapatlas --type Branch --dot | dot -Tsvg -o branches.svg\n"
  "\n"
  "Exit status: 0 done, 2 wrong use, or no such snapshot, block or type,\n"
  "3 could not read.";

int
hat_command_graph (int argc, char **argv)
{
  gboolean json = FALSE, dot = FALSE, graphml = FALSE;
  gint process = -1;
  g_autofree char *from_block = NULL, *type = NULL, *paths_to = NULL;
  HatGraphOptions options = { .snapshot.index = -1, .depth = -1 };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON for programs", NULL },
    { "dot", 0, 0, G_OPTION_ARG_NONE, &dot, "Print a graph for Graphviz", NULL },
    { "graphml", 0, 0, G_OPTION_ARG_NONE, &graphml, "Print GraphML", NULL },
    { "process", 0, 0, G_OPTION_ARG_INT, &process, "Process, counted from 0 (default: the busiest)", "N" },
    HAT_SNAPSHOT_ENTRIES (&options.snapshot),
    { "from-block", 0, 0, G_OPTION_ARG_STRING, &from_block, "The block at this address and what it points to", "ADDR" },
    { "type", 0, 0, G_OPTION_ARG_STRING, &type, "Blocks of this type, or allocated by this function", "NAME" },
    { "depth", 0, 0, G_OPTION_ARG_INT, &options.depth, "So many steps far", "N" },
    { "paths-to-roots", 0, 0, G_OPTION_ARG_STRING, &paths_to, "Who holds the block at this address", "ADDR" },
    { NULL },
  };
  g_autofree char *path = NULL, *rules = NULL;
  if (!hat_parse_options (argc, argv, entries, "Shows what held what when a snapshot was taken.", description, &path))
    return HAT_EXIT_USAGE;
  rules = options.snapshot.rules;
  if (process < -1 || options.snapshot.index < -1 || options.depth < -1)
    return hat_usage ("graph: --process, --snapshot and --depth take numbers from 0");
  if (json + dot + graphml > 1)
    return hat_usage ("graph: --json, --dot and --graphml are different answers, take one");
  if ((from_block != NULL) + (type != NULL) + (paths_to != NULL) > 1)
    return hat_usage ("graph: --from-block, --type and --paths-to-roots are different questions, take one");
  options.format = json ? HAT_GRAPH_AS_JSON : dot ? HAT_GRAPH_AS_DOT : graphml ? HAT_GRAPH_AS_GRAPHML : HAT_GRAPH_AS_TEXT;
  options.from_block = from_block;
  options.type = type;
  options.paths_to = paths_to;

  g_autoptr (GError) error = NULL;
  const HatProgress *progress = hat_terminal_progress ();
  g_autoptr (HatTrace) trace = hat_open_trace (path, progress, &error);
  if (trace == NULL)
    return hat_fail (path, error);
  options.process = process < 0 ? hat_trace_busiest_process (trace) : (guint) process;
  g_autoptr (GString) out = g_string_new (NULL);
  if (!hat_report_graph (trace, &options, out, progress, &error))
    return hat_fail (path, error);
  return hat_print (out, HAT_EXIT_OK);
}
