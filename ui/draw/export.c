/* SPDX-License-Identifier: Apache-2.0 */

/* Whole pictures with their titles, and their files. A file is made in memory and put in place in one step. */

#include "ui/draw/export.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <string.h>

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/draw/flame-paint.h"
#include "ui/draw/graph-paint.h"
#include "ui/draw/leaks-paint.h"
#include "ui/draw/map-paint.h"
#include "ui/draw/overview-paint.h"
#include "ui/draw/sizes-paint.h"
#include "ui/draw/timeline-paint.h"
#include "ui/draw/types-paint.h"

#define DEFAULT_WIDTH 1280
#define DEFAULT_HEIGHT 800
#define MIN_SIDE 120
#define MAX_SIDE 16384
#define TABLE_WIDTH 280.0

typedef struct
{
  HatHeap *heap;
  HatTrace *trace;
  const HatExportOptions *options;
  HatRange range;
  double width, height;
  HatPalette palette;
  const HatProgress *progress;
} Picture;

static char *
title_of (const Picture *picture, const char *what)
{
  const HatProcess *process = hat_trace_process (picture->trace, hat_heap_process (picture->heap));
  g_autofree char *name = process->exe ? g_path_get_basename (process->exe) : g_strdup ("unknown program");
  g_autofree char *sampled = hat_sample_words (picture->trace), *nameless = hat_nameless_words (picture->heap);
  GString *title = g_string_new (NULL);

  g_string_printf (title, "%s: %s", name, what);
  if (sampled || nameless)
    g_string_append_printf (title, " (%s%s%s)", sampled ? sampled : "", sampled && nameless ? ", " : "", nameless ? nameless : "");
  return g_string_free (title, FALSE);
}

/* ", 1.2 s to 3.4 s", or "" for the whole process. */
static char *
range_words (const Picture *picture)
{
  g_autofree char *from = hat_format_time (picture->range.from), *to = hat_format_time (picture->range.to);

  if (picture->options->range.to <= picture->options->range.from)
    return g_strdup ("");
  return g_strdup_printf (", %s to %s", from, to);
}

static HatGraph *
graph_of (const Picture *picture, guint snapshot, GError **error)
{
  if (picture->options->graph)
    return hat_graph_ref (picture->options->graph);
  g_autoptr (HatGraphRules) rules = hat_graph_rules_new (picture->trace);
  return hat_graph_new (picture->heap, snapshot, rules, NULL, picture->progress, error);
}

static gboolean
paint_overview (const Picture *picture, cairo_t *cr, GError **error)
{
  const guint snapshot = hat_snapshot_usual (picture->heap);
  g_autoptr (HatGraph) graph = snapshot != G_MAXUINT ? graph_of (picture, snapshot, error) : NULL;
  g_autoptr (HatOverview) overview = NULL;
  g_autoptr (HatOverviewLayout) layout = NULL;

  if (snapshot != G_MAXUINT && !graph)
    return FALSE;
  overview = hat_overview_new (picture->heap, graph, HAT_OVERVIEW_ALL, picture->progress, error);
  if (!overview)
    return FALSE;
  layout = hat_overview_layout_new (overview, picture->width, picture->height);
  hat_overview_paint (layout, &picture->palette, cr);
  return TRUE;
}

static gboolean
paint_timeline (const Picture *picture, cairo_t *cr, GError **error)
{
  HatGrouping by = picture->options->by == HAT_BY_NONE ? HAT_BY_FUNCTION : picture->options->by;
  guint process = hat_heap_process (picture->heap);
  g_autofree char *what = g_strdup_printf ("live heap by %s", hat_grouping_name (by)),
                  *title = title_of (picture, what);
  g_autoptr (HatTimeline) timeline = NULL;
  g_autoptr (HatTimelineLayout) layout = NULL;
  g_autoptr (HatColors) colors = hat_colors_new (picture->heap);
  HatTimelineInput input = { .colors = colors, .title = title, .has_legend = TRUE, .isolated_band = -1 };
  HatTimelineOverlay overlay = { picture->options->at_ns, { 0, 0 }, -1, -1 };

  timeline = hat_heap_timeline (picture->heap, picture->range,
                                hat_timeline_layout_bins (picture->width, picture->height), by, picture->progress,
                                error);
  if (!timeline)
    return FALSE;
  input.timeline = timeline;
  input.marks = hat_trace_marks (picture->trace, process, &input.n_marks);
  input.snapshots = hat_trace_snapshots (picture->trace, process, &input.n_snapshots);
  input.samples = hat_trace_samples (picture->trace, process, &input.n_samples);
  layout = hat_timeline_layout_new (&input, picture->width, picture->height);
  hat_timeline_paint (layout, &picture->palette, cr);
  hat_timeline_paint_overlay (layout, &picture->palette, &overlay, cr);
  return TRUE;
}

static gboolean
paint_map (const Picture *picture, cairo_t *cr, GError **error)
{
  const HatExportOptions *options = picture->options;
  gint64 at = options->at_ns;
  HatGrouping by = options->by == HAT_BY_NONE ? HAT_BY_FUNCTION : options->by;
  g_autoptr (HatLive) live = NULL;
  g_autoptr (HatMapModel) model = NULL;
  g_autoptr (HatMapLayout) layout = NULL;
  g_autoptr (HatColors) colors = hat_colors_new (picture->heap);
  g_autofree char *words = NULL, *what = NULL, *title = NULL;
  g_autoptr (HatGraph) graph = NULL;
  HatMapStyle style = { .colors = colors, .by = by, .isolated = -1 };

  if (options->by_class)
    {
      guint n, snapshot = options->snapshot == G_MAXUINT ? hat_snapshot_usual (picture->heap) : options->snapshot;
      const HatSnapshotInfo *infos = hat_trace_snapshots (picture->trace, hat_heap_process (picture->heap), &n);
      if (snapshot >= n)
        {
          g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "leak classes need a snapshot, which this recording has none of");
          return FALSE;
        }
      style.graph = graph = graph_of (picture, snapshot, error);
      if (!graph)
        return FALSE;
      at = at < 0 ? infos[snapshot].time_ns : at;
    }
  if (at < 0)
    at = options->range.to > options->range.from ? options->range.to
                                                 : hat_heap_summary (picture->heap)->totals.peak_time_ns;
  live = hat_heap_live (picture->heap, at, picture->progress, error);
  if (!live)
    return FALSE;
  words = hat_live_words (picture->heap, live);
  what = g_strdup_printf ("%s, by %s", words, graph ? "leak class" : hat_grouping_name (by));
  style.title = title = title_of (picture, what);
  model = hat_map_model_new (picture->heap, live, hat_heap_regions_at (picture->heap, at));
  layout = hat_map_layout_new (model, &style, options->map, picture->width, picture->height);
  hat_map_paint (layout, &picture->palette, cr);
  return TRUE;
}

/* Says why when there is nothing to see. */
static void
paint_no_graph (const Picture *picture, const char *title, const char *sentence, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);
  g_autofree char *of = title_of (picture, "who owns what");

  hat_paint_fill (cr, picture->palette.background, (HatRect){ 0, 0, picture->width, picture->height });
  hat_text_title (text, picture->palette.text, (HatRect){ 16, 6, picture->width - 32, 28 }, of);
  hat_paint_empty (text, &picture->palette, (HatRect){ 16, 0, picture->width - 32, picture->height }, title, sentence);
}

static gboolean
paint_graph (const Picture *picture, cairo_t *cr, GError **error)
{
  static const char *const trees[] = { [HAT_GRAPH_OWNERS] = "who owns what", [HAT_GRAPH_REFERENCES] = "what points to what" };
  guint n, snapshot = picture->options->snapshot;
  const HatSnapshotInfo *infos = hat_trace_snapshots (picture->trace, hat_heap_process (picture->heap), &n);
  guint rows = hat_graph_rows (picture->height);
  g_autoptr (HatColors) colors = hat_colors_new (picture->heap);
  g_autoptr (HatGraph) graph = NULL;
  g_autoptr (HatGraphModel) model = NULL;
  g_autoptr (HatGraphLayout) layout = NULL;
  g_autofree char *when = NULL, *bytes = NULL, *what = NULL, *title = NULL;
  HatGraphStyle style = { .selected = HAT_NODE_NONE, .selected_block = HAT_GRAPH_NONE };
  HatGraphScene scene;

  if (snapshot == G_MAXUINT)
    snapshot = hat_snapshot_usual (picture->heap);
  if (snapshot >= n || !infos[snapshot].n_blocks)
    {
      if (hat_sample_bytes (picture->trace))
        paint_no_graph (picture, "No snapshot was taken", HAT_SAMPLE_HAS_NO_SNAPSHOT " Record without --sample.", cr);
      else if (!n)
        paint_no_graph (picture, "No snapshot was taken", "Record without --no-snapshot, to the program's own end.", cr);
      else
        paint_no_graph (picture, "Nothing is left in this snapshot", "Record with --snapshot-at-peak or --snapshot-at FUNCTION.", cr);
      return TRUE;
    }
  if (picture->options->look)
    model = hat_graph_model_ref (picture->options->look);
  else if ((graph = graph_of (picture, snapshot, error)))
    model = hat_graph_model_new (graph, colors, HAT_GRAPH_OWNERS, rows, picture->progress, error);
  if (!model)
    return FALSE;
  layout = hat_graph_layout_new (model, NULL);
  when = hat_format_time (infos[snapshot].time_ns);
  bytes = hat_format_bytes (hat_graph_model_bytes (model));
  if (hat_graph_model_tree (model) == HAT_GRAPH_PATHS)
    what = g_strdup_printf ("who holds %s, at %s", hat_graph_label (hat_graph_model_graph (model), hat_graph_model_block (model)), when);
  else
    what = g_strdup_printf ("%s, %s at %s", trees[hat_graph_model_tree (model)], bytes, when);
  style.title = title = title_of (picture, what);
  hat_graph_scene_init (&scene, layout, &style, (HatGraphView){ 0 }, picture->width, picture->height);
  hat_graph_paint (&scene, &picture->palette, cr);
  return TRUE;
}

static const char *
cost_words (HatCost cost)
{
  static const char *const words[HAT_N_COSTS] = { "bytes live at the end", "bytes live at the peak",
                                                  "bytes allocated", "allocations", "temporary allocations" };
  return words[cost];
}

static gboolean
paint_calls (const Picture *picture, cairo_t *cr, GError **error)
{
  HatCost cost = picture->options->cost;
  guint64 all, error_of_all;
  gboolean has_table;
  g_autoptr (HatSites) sites = NULL;
  g_autoptr (HatTree) tree = NULL;
  g_autoptr (HatGroups) groups = NULL;
  g_autoptr (HatColors) colors = hat_colors_new (picture->heap);
  g_autoptr (HatFlameLayout) layout = NULL;
  g_autofree char *total = NULL, *range = range_words (picture), *what = NULL, *title = NULL;
  HatFlameInput input = { .colors = colors, .selected = G_MAXUINT, .has_legend = TRUE };

  sites = hat_heap_sites (picture->heap, picture->range, picture->progress, error);
  if (!sites)
    return FALSE;
  tree = hat_tree_new (picture->trace, sites, HAT_TREE_TOP_DOWN, cost, picture->progress, error);
  if (!tree)
    return FALSE;
  all = tree->n ? tree->nodes[0].cost : 0;
  error_of_all = tree->n ? hat_tree_error (tree, 0, cost) : 0;
  total = hat_cost_is_bytes (cost) ? hat_format_bytes_within (all, error_of_all) : hat_format_count_within (all, error_of_all);
  if (tree->variances && cost == HAT_COST_TEMPORARY)
    what = g_strdup_printf ("calls by %s", cost_words (cost));
  else
    what = g_strdup_printf ("calls by %s, %s%s", cost_words (cost), total, range);
  input.tree = tree;
  input.root = picture->options->root < tree->n ? picture->options->root : 0;
  input.search = picture->options->search;
  has_table = picture->width >= 1000 && tree->n && tree->nodes[0].cost;
  input.title = title = title_of (picture, what);
  layout = hat_flame_layout_new (&input, picture->width - (has_table ? TABLE_WIDTH : 0), picture->height);
  hat_flame_paint (layout, &picture->palette, cr);
  if (!has_table)
    return TRUE;
  groups = hat_heap_groups (picture->heap, picture->range, HAT_BY_FUNCTION, picture->progress, error);
  if (!groups)
    return FALSE;
  hat_paint_fill (cr, picture->palette.background,
                  (HatRect){ picture->width - TABLE_WIDTH, 0, TABLE_WIDTH, picture->height });
  hat_flame_paint_table (groups, cost, colors, &picture->palette,
                         (HatRect){ picture->width - TABLE_WIDTH + 8, 40, TABLE_WIDTH - 24, picture->height - 56 },
                         cr);
  return TRUE;
}

static gboolean
paint_leaks (const Picture *picture, cairo_t *cr, GError **error)
{
  g_autofree char *title = title_of (picture, "leak candidates");
  g_autoptr (HatGraph) graph = NULL;
  g_autoptr (HatCandidates) candidates = NULL;
  g_autoptr (HatLeaksLayout) layout = NULL;
  guint n, snapshot = picture->options->snapshot;

  hat_trace_snapshots (picture->trace, hat_heap_process (picture->heap), &n);
  if (n > 0 && !(graph = graph_of (picture, MIN (snapshot, n - 1), error)))
    return FALSE;
  candidates = hat_candidates_new (picture->heap, graph, picture->options->suppressions, picture->progress, error);
  if (!candidates)
    return FALSE;
  layout = hat_leaks_layout_new (candidates, title, picture->width, picture->height);
  hat_leaks_paint (layout, &picture->palette, cr);
  return TRUE;
}

static HatTypeTable *
type_table_at (const Picture *picture, HatTypeBook *book, gint64 at, GError **error)
{
  g_autoptr (HatLive) live = hat_heap_live (picture->heap, at, picture->progress, error);
  return live ? hat_type_table_new (book, picture->heap, live, picture->options->type != NULL, picture->progress) : NULL;
}

static HatTypeTable *
type_table (const Picture *picture, gboolean all, GError **error)
{
  const gint64 at = picture->options->at_ns;
  g_autoptr (HatTypeBook) book = hat_type_book_new (picture->trace, hat_heap_process (picture->heap), all, picture->progress, error);
  g_autoptr (HatTypeTable) table = book ? type_table_at (picture, book, at >= 0 ? at : hat_heap_end (picture->heap), error) : NULL;

  if (!table || at >= 0 || table->has_live)
    return g_steal_pointer (&table);
  return type_table_at (picture, book, hat_heap_summary (picture->heap)->totals.peak_time_ns, error);
}

static guint
row_of_type (const HatTypeTable *table, const char *name)
{
  g_autoptr (GArray) found = hat_type_book_find (table->book, name);
  for (guint i = 0; i < table->n; i++)
    for (guint k = 0; k < found->len; k++)
      if (table->rows[i].type == g_array_index (found, HatTypeId, k))
        return i;
  return G_MAXUINT;
}

static gboolean
paint_types (const Picture *picture, cairo_t *cr, GError **error)
{
  const char *type = picture->options->type;
  g_autofree char *title = title_of (picture, "types");
  g_autoptr (HatTypeTable) table = type_table (picture, FALSE, error);
  g_autoptr (HatTypeShape) shape = NULL;
  g_autoptr (HatTypesLayout) layout = NULL;
  HatTypesInput input = { .title = title };

  if (table && type && row_of_type (table, type) == G_MAXUINT)
    {
      hat_type_table_free (table); /* not met while recording: the program's own files may know it */
      table = type_table (picture, TRUE, error);
    }
  if (!table)
    return FALSE;
  input.table = table;
  input.selected = type ? row_of_type (table, type) : 0;
  if (type && input.selected == G_MAXUINT)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "no type \"%s\" in it, see heapatlas types", type);
      return FALSE;
    }
  if (table->n)
    input.shape = shape = hat_type_book_shape (table->book, table->rows[input.selected].type, G_MAXUINT, FALSE);
  layout = hat_types_layout_new (&input, picture->width, picture->height);
  hat_types_paint (layout, &picture->palette, cr);
  return TRUE;
}

static gboolean
paint_sizes (const Picture *picture, cairo_t *cr, GError **error)
{
  g_autofree char *range = range_words (picture), *what = g_strdup_printf ("sizes and lifetimes%s", range);
  g_autofree char *title = title_of (picture, what);
  g_autofree HatSizes *sizes = hat_heap_sizes (picture->heap, picture->range, picture->progress, error);
  g_autoptr (HatSizesLayout) layout = NULL;

  if (!sizes)
    return FALSE;
  layout = hat_sizes_layout_new (sizes, title, picture->width, picture->height);
  hat_sizes_paint (layout, &picture->palette, cr);
  return TRUE;
}

gboolean
hat_export_paint (HatHeap *heap, const HatExportOptions *options, cairo_t *cr, const HatProgress *progress,
                  GError **error)
{
  static gboolean (*const paint[HAT_N_VIEWS]) (const Picture *, cairo_t *, GError **) = {
    [HAT_VIEW_OVERVIEW] = paint_overview, [HAT_VIEW_TIMELINE] = paint_timeline, [HAT_VIEW_MAP] = paint_map,
    [HAT_VIEW_GRAPH] = paint_graph,       [HAT_VIEW_CALLS] = paint_calls,       [HAT_VIEW_LEAKS] = paint_leaks,
    [HAT_VIEW_TYPES] = paint_types,       [HAT_VIEW_SIZES] = paint_sizes,
  };
  Picture picture = {
    .heap = heap,
    .trace = hat_heap_trace (heap),
    .options = options,
    .range = options->range,
    .width = options->width ? options->width : DEFAULT_WIDTH,
    .height = options->height ? options->height : DEFAULT_HEIGHT,
    .progress = progress,
  };

  if (options->range.to <= options->range.from)
    picture.range = (HatRange){ hat_heap_start (heap), hat_heap_end (heap) };
  hat_palette_init (&picture.palette, options->is_dark, options->is_high_contrast);
  return paint[options->view](&picture, cr, error);
}

/* ---- files ---- */

static cairo_status_t
append_bytes (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

typedef enum
{
  FORMAT_NONE,
  FORMAT_PNG,
  FORMAT_SVG,
  FORMAT_PDF,
} Format;

static Format
format_of (const char *path)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);

  if (g_str_has_suffix (lower, ".png"))
    return FORMAT_PNG;
  if (g_str_has_suffix (lower, ".svg"))
    return FORMAT_SVG;
  return g_str_has_suffix (lower, ".pdf") ? FORMAT_PDF : FORMAT_NONE;
}

static cairo_surface_t *
surface_new (Format format, double width, double height, double scale, GByteArray *bytes)
{
  cairo_surface_t *surface;

  if (format == FORMAT_PNG)
    return cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int) (width * scale + 0.5), (int) (height * scale + 0.5));
  if (format == FORMAT_PDF)
    return cairo_pdf_surface_create_for_stream (append_bytes, bytes, width, height);
  surface = cairo_svg_surface_create_for_stream (append_bytes, bytes, width, height);
  cairo_svg_surface_set_document_unit (surface, CAIRO_SVG_UNIT_PX);
  return surface;
}

static gboolean
check_size (double width, double height, double scale, GError **error)
{
  if (width >= MIN_SIDE && height >= MIN_SIDE && scale >= 0.25 && width * scale <= MAX_SIDE
      && height * scale <= MAX_SIDE)
    return TRUE;
  g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE,
               "a picture of %.0f x %.0f cannot be made, use %d to %d for each side", width * scale, height * scale,
               MIN_SIDE, MAX_SIDE);
  return FALSE;
}

gboolean
hat_export_write (HatHeap *heap, const HatExportOptions *options, const char *path, const HatProgress *progress,
                  GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) failure = NULL;
  const char *reason;
  Format format = format_of (path);
  double width = options->width ? options->width : DEFAULT_WIDTH,
         height = options->height ? options->height : DEFAULT_HEIGHT;
  double scale = options->scale > 0 ? options->scale : 1;
  cairo_surface_t *surface;
  cairo_status_t status;
  cairo_t *cr;
  gboolean is_painted;

  if (format == FORMAT_NONE)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "%s: unknown kind of picture, name it .png, .svg or .pdf", path);
      return FALSE;
    }
  if (!check_size (width, height, format == FORMAT_PNG ? scale : 1, error))
    return FALSE;
  surface = surface_new (format, width, height, scale, bytes);
  cr = cairo_create (surface);
  if (format == FORMAT_PNG)
    cairo_scale (cr, scale, scale);
  is_painted = hat_export_paint (heap, options, cr, progress, error);
  status = cairo_status (cr);
  cairo_destroy (cr);
  if (is_painted && status == CAIRO_STATUS_SUCCESS && format == FORMAT_PNG)
    status = cairo_surface_write_to_png_stream (surface, append_bytes, bytes);
  cairo_surface_finish (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  if (!is_painted)
    return FALSE;
  if (status != CAIRO_STATUS_SUCCESS)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "could not paint: %s", cairo_status_to_string (status));
      return FALSE;
    }
  if (g_file_set_contents (path, (const char *) bytes->data, bytes->len, &failure))
    return TRUE;
  /* GLib names the file it writes first; the reason stands behind the last colon. */
  reason = strrchr (failure->message, ':');
  g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "could not write the picture: %s",
               reason ? reason + 2 : failure->message);
  return FALSE;
}
