/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas export`, a program of its own: drawing needs 30 libraries, and loading them would take longer than the rest of a short
 * recording. */

#include <stdlib.h>
#include <string.h>

#include "app/open-trace.h"
#include "core/heap/format.h"
#include "core/trace/snapshot.h"
#include "ui/draw/export.h"

static const char description[] =
    "VIEW: overview, timeline, map, graph, calls, leaks, types or sizes. Times T: 1.5s,\n"
    "250ms, mark:NAME, peak, end. The kind of file follows its name.\n"
    "\n"
    "Examples:\n"
    "  heapatlas export app.heapatlas --view timeline -o timeline.png\n"
    "  heapatlas export app.heapatlas --view map --at mark:loaded --by size -o map.svg\n"
    "  heapatlas export app.heapatlas --view calls --cost temporary --dark -o calls.pdf\n"
    "\n"
    "Exit status: 0 done, 2 wrong use, 3 could not read or write.";

typedef struct
{
  char *view, *at, *from, *to, *by, *cost, *size, *type, *output;
  gint process, snapshot;
  gboolean is_dark, is_high_contrast;
  HatExportOptions export;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->view);
  g_free (options->at);
  g_free (options->from);
  g_free (options->to);
  g_free (options->by);
  g_free (options->cost);
  g_free (options->size);
  g_free (options->type);
  g_free (options->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
parse_size (Options *options)
{
  guint64 width, height;
  char *end;

  if (!options->size)
    return TRUE;
  width = g_ascii_strtoull (options->size, &end, 10);
  height = *end == 'x' ? g_ascii_strtoull (end + 1, &end, 10) : 0;
  if (!g_ascii_isdigit (options->size[0]) || *end || !width || !height || width > G_MAXINT || height > G_MAXINT)
    {
      hat_usage ("export: --size is \"%s\", write it as 1280x800", options->size);
      return FALSE;
    }
  options->export.width = (guint) width;
  options->export.height = (guint) height;
  return TRUE;
}

static gboolean
parse_grouping (Options *options)
{
  HatView view = options->export.view;

  if (!options->by)
    return TRUE;
  if (view != HAT_VIEW_TIMELINE && view != HAT_VIEW_MAP)
    {
      hat_usage ("export: --by is for the views timeline and map, leave it out");
      return FALSE;
    }
  options->export.by_class = view == HAT_VIEW_MAP && g_str_equal (options->by, "class");
  if (options->export.by_class)
    return TRUE;
  if (!hat_grouping_parse (options->by, &options->export.by) || options->export.by == HAT_BY_NONE)
    {
      hat_usage ("export: cannot group by \"%s\", use function, site, module, thread, size, type, age or (map) class", options->by);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_cost (Options *options)
{
  /* The whole process at its peak, an instant by what lives then. */
  options->export.cost = options->at ? HAT_COST_LIVE : HAT_COST_PEAK;
  if (!options->cost)
    return TRUE;
  for (guint cost = 0; cost < HAT_N_COSTS; cost++)
    if (g_str_equal (options->cost, hat_cost_name (cost)))
      {
        options->export.cost = cost;
        return TRUE;
      }
  hat_usage ("export: unknown cost \"%s\", use live, peak, allocated, allocations or temporary", options->cost);
  return FALSE;
}

static gboolean
check_options (Options *options)
{
  if (!options->view || !hat_view_parse (options->view, &options->export.view))
    {
      hat_usage ("export: %s, use --view overview, timeline, map, graph, calls, leaks, types or sizes",
                 options->view ? "unknown view" : "no view given");
      return FALSE;
    }
  if (!options->output)
    {
      hat_usage ("export: no file to write given, use -o FILE.png, .svg or .pdf");
      return FALSE;
    }
  if (options->at && (options->from || options->to))
    {
      hat_usage ("export: --at is an instant, --from and --to are a range, give one of them");
      return FALSE;
    }
  if (options->type && options->export.view != HAT_VIEW_TYPES)
    {
      hat_usage ("export: --type is for the view types, leave it out");
      return FALSE;
    }
  options->export.type = options->type;
  options->export.is_dark = options->is_dark;
  options->export.is_high_contrast = options->is_high_contrast;
  return parse_size (options) && parse_grouping (options) && parse_cost (options);
}

/* Times need the opened trace. For pictures of what happened, an instant is the range that ends there. */
static gboolean
resolve_times (Options *options, HatTrace *trace, HatHeap *heap, GError **error)
{
  HatExportOptions *export = &options->export;
  guint process = options->process;

  export->at_ns = -1;
  if (options->at && !hat_parse_time (options->at, trace, process, &export->at_ns, error))
    return FALSE;
  if (!options->at && !options->from && !options->to)
    return TRUE;
  export->range = (HatRange){ hat_heap_start (heap), hat_heap_end (heap) };
  if (options->at)
    {
      if (export->view == HAT_VIEW_TIMELINE)
        export->range = (HatRange){ 0, 0 };
      else
        export->range.to = MAX (export->at_ns, export->range.from + 1);
      return TRUE;
    }
  if (options->from && !hat_parse_time (options->from, trace, process, &export->range.from, error))
    return FALSE;
  if (options->to && !hat_parse_time (options->to, trace, process, &export->range.to, error))
    return FALSE;
  if (export->range.to > export->range.from)
    return TRUE;
  g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "the range ends before it begins, exchange --from and --to");
  return FALSE;
}

static int export(HatTrace *trace, Options *options, const char *path, const HatProgress *progress)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatHeap) heap = NULL;
  guint n_snapshots;

  if (hat_trace_n_processes (trace) == 0)
    {
      g_set_error (&error, HAT_ERROR, HAT_ERROR_DAMAGED, "was cut off before its first process, there is nothing to draw");
      return hat_fail (path, error);
    }
  if (options->process == -1)
    options->process = hat_trace_busiest_process (trace);
  if (options->process < 0 || (guint) options->process >= hat_trace_n_processes (trace))
    return hat_usage ("export: there is no process %d in %s, it has %u, counted from 0", options->process, path,
                      hat_trace_n_processes (trace));
  hat_trace_snapshots (trace, options->process, &n_snapshots);
  if (options->snapshot >= 0 && (guint) options->snapshot >= n_snapshots)
    return hat_usage ("export: there is no snapshot %d of process %d in %s, it has %u, counted from 0", options->snapshot,
                      options->process, path, n_snapshots);
  options->export.snapshot = options->snapshot < 0 ? G_MAXUINT : (guint) options->snapshot;
  heap = hat_heap_new (trace, options->process, progress, &error);
  if (!heap || !resolve_times (options, trace, heap, &error))
    return hat_fail (path, error);
  if (!hat_export_write (heap, &options->export, options->output, progress, &error))
    return hat_fail (g_error_matches (error, HAT_ERROR, HAT_ERROR_DAMAGED) ? path : options->output, error);
  return HAT_EXIT_OK;
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = { .process = -1, .snapshot = -1 };
  const GOptionEntry entries[] = {
    { "view", 0, 0, G_OPTION_ARG_STRING, &options.view, "Which picture", "VIEW" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "File to write: .png, .svg or .pdf", "FILE" },
    { "process", 0, 0, G_OPTION_ARG_INT, &options.process, "Process, counted from 0 (default: the busiest)", "N" },
    { "snapshot", 0, 0, G_OPTION_ARG_INT, &options.snapshot, "Of the graph, counted from 0 (default the last one with blocks)", "N" },
    { "at", 0, 0, G_OPTION_ARG_STRING, &options.at, "The heap at an instant (map: the peak)", "T" },
    { "from", 0, 0, G_OPTION_ARG_STRING, &options.from, "Only what happens after T", "T" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &options.to, "Only what happens until T", "T" },
    { "by", 0, 0, G_OPTION_ARG_STRING, &options.by,
      "Colour timeline and map by function, site, module, thread, size, type or age, the map also by (leak) class", "WHAT" },
    { "cost", 0, 0, G_OPTION_ARG_STRING, &options.cost, "Of calls: live, peak, allocated, allocations or temporary",
      "COST" },
    { "type", 0, 0, G_OPTION_ARG_STRING, &options.type, "Of types: whose layout (default: the one that loses most)", "NAME" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &options.size, "Width and height (default 1280x800)", "WxH" },
    { "scale", 0, 0, G_OPTION_ARG_DOUBLE, &options.export.scale, "Pixels per unit of a .png (default 1)", "N" },
    { "dark", 0, 0, G_OPTION_ARG_NONE, &options.is_dark, "Dark colours", NULL },
    { "high-contrast", 0, 0, G_OPTION_ARG_NONE, &options.is_high_contrast, "Stronger contrast", NULL },
    { NULL },
  };
  const HatProgress *progress;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = NULL;

  hat_start ();
  if (!hat_parse_options (argc, argv, entries, "Makes a picture of a recording, without a display.", description,
                          &path)
      || !check_options (&options))
    return HAT_EXIT_USAGE;
  progress = hat_terminal_progress ();
  trace = hat_open_trace (path, progress, &error);
  if (!trace)
    return hat_fail (path, error);
  return export(trace, &options, path, progress);
}
