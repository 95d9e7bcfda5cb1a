/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures out of the window. */

#include "ui/views/picture-export.h"

#include "core/report/report.h"
#include "ui/draw/export.h"
#include "ui/views/picture.h"

#define WIDTH 1280
#define HEIGHT 800
#define SCALE 2

typedef struct
{
  HatQuestion *question;
  HatExportOptions options; /* graph, look, type, suppressions and search are the job's */
  char *path; /* NULL: in memory */
} Job;

static void
free_job (gpointer data)
{
  Job *job = data;
  hat_question_free (job->question);
  g_clear_pointer (&job->options.graph, hat_graph_unref);
  g_clear_pointer (&job->options.look, hat_graph_model_unref);
  g_free ((char *) job->options.type);
  g_free ((char *) job->options.suppressions);
  g_free ((char *) job->options.search);
  g_free (job->path);
  g_free (job);
}

static GdkTexture *
render (const Job *job, GError **error)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, WIDTH * SCALE, HEIGHT * SCALE);
  cairo_surface_set_device_scale (surface, SCALE, SCALE);
  cairo_t *cr = cairo_create (surface);
  gboolean is_done = hat_export_paint (job->question->heap, &job->options, cr, NULL, error);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  gsize stride = cairo_image_surface_get_stride (surface);
  g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (
      cairo_image_surface_get_data (surface), stride * HEIGHT * SCALE, (GDestroyNotify) cairo_surface_destroy, surface);
  return is_done ? gdk_memory_texture_new (WIDTH * SCALE, HEIGHT * SCALE, GDK_MEMORY_DEFAULT, bytes, stride) : NULL;
}

gboolean
hat_picture_export_is_text (const char *path)
{
  return g_str_has_suffix (path, ".dot") || g_str_has_suffix (path, ".graphml") || g_str_has_suffix (path, ".json");
}

/* The object graph as others read it. */
static gboolean
write_graph (const Job *job, GError **error)
{
  HatGraphOptions options = { .process = hat_heap_process (job->question->heap),
                              .snapshot = { .index = (gint) job->options.snapshot },
                              .graph = job->options.graph,
                              .format = g_str_has_suffix (job->path, ".dot")    ? HAT_GRAPH_AS_DOT
                                        : g_str_has_suffix (job->path, ".json") ? HAT_GRAPH_AS_JSON
                                                                                : HAT_GRAPH_AS_GRAPHML,
                              .depth = -1 };
  g_autoptr (GString) text = g_string_new (NULL);
  return hat_report_graph (hat_heap_trace (job->question->heap), &options, text, NULL, error)
         && g_file_set_contents (job->path, text->str, (gssize) text->len, error);
}

/* The window's own rules count in what it exports. */
static gboolean
make_graph (Job *job, GError **error)
{
  HatExportOptions *options = &job->options;
  const gboolean has_graph = options->view == HAT_VIEW_OVERVIEW || options->view == HAT_VIEW_GRAPH || options->view == HAT_VIEW_LEAKS || options->by_class;
  if (options->look)
    options->graph = hat_graph_ref (hat_graph_model_graph (options->look));
  else if (has_graph && options->snapshot != HAT_NO_SNAPSHOT)
    options->graph = hat_question_graph (job->question, NULL, error);
  else
    return TRUE;
  return options->graph != NULL;
}

static gboolean
write_file (const Job *job, GError **error)
{
  if (hat_picture_export_is_text (job->path))
    return write_graph (job, error);
  return hat_export_write (job->question->heap, &job->options, job->path, NULL, error);
}

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  GdkTexture *texture = NULL;
  if (make_graph (job, &error) && (job->path ? write_file (job, &error) : (texture = render (job, &error)) != NULL))
    g_task_return_pointer (task, texture, g_object_unref);
  else
    g_task_return_error (task, error);
}

/* Views that are tables stand for the picture that shows the same. */
static HatView
view_of (const char *name)
{
  HatView view = HAT_VIEW_TIMELINE;
  if (g_str_equal (name, "blocks"))
    return HAT_VIEW_MAP;
  hat_view_parse (name, &view);
  return view;
}

static void
start (HatViewState *state, const char *view, HatPage *page, const char *path, GAsyncReadyCallback callback, gpointer data)
{
  const HatSelection *selection = hat_view_state_selection (state);
  HatPalette palette;
  hat_palette_init_for_desktop (&palette);
  Job *job = g_new0 (Job, 1);
  job->question = hat_view_state_ask (state);
  job->path = g_strdup (path);
  job->options = (HatExportOptions){ .view = view_of (view),
                                     .at_ns = job->question->cursor_ns,
                                     .by = job->question->by,
                                     .cost = job->question->cost,
                                     .snapshot = job->question->snapshot,
                                     .width = WIDTH,
                                     .height = HEIGHT,
                                     .scale = SCALE,
                                     .is_dark = palette.is_dark,
                                     .is_high_contrast = palette.is_high_contrast };
  if (selection->kind == HAT_SELECTED_TYPE)
    job->options.type = g_strdup (selection->function);
  if (job->options.view == HAT_VIEW_CALLS)
    job->options.range = hat_question_cost_range (job->question);
  else if (hat_question_has_range (job->question))
    job->options.range = job->question->range;
  if (page && HAT_PAGE_GET_CLASS (page)->fill_export)
    HAT_PAGE_GET_CLASS (page)->fill_export (page, &job->options);
  if (job->options.look)
    hat_graph_model_ref (job->options.look);
  job->options.suppressions = g_strdup (job->options.suppressions);
  job->options.search = g_strdup (job->options.search);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  g_task_set_task_data (task, job, free_job);
  g_task_run_in_thread (task, work);
}

void
hat_picture_export_async (HatViewState *state, const char *view, HatPage *page, const char *path, GAsyncReadyCallback callback,
                          gpointer data)
{
  g_return_if_fail (path != NULL);
  start (state, view, page, path, callback, data);
}

gboolean
hat_picture_export_finish (GAsyncResult *result, GError **error)
{
  g_task_propagate_pointer (G_TASK (result), error);
  return error == NULL || *error == NULL;
}

void
hat_picture_render_async (HatViewState *state, const char *view, HatPage *page, GAsyncReadyCallback callback, gpointer data)
{
  start (state, view, page, NULL, callback, data);
}

GdkTexture *
hat_picture_render_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
