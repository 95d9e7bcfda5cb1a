/* SPDX-License-Identifier: Apache-2.0 */
/* One opened trace and its heaps. */

#include "ui/views/opened-trace.h"

#include "core/symbols/symbols.h"

struct _HatOpenedTrace
{
  GObject parent_instance;
  HatTrace *trace;
  guint first_process;
  guint n_heaps;
  HatHeap **heaps;
  HatColors **colors;
};

G_DEFINE_FINAL_TYPE (HatOpenedTrace, hat_opened_trace, G_TYPE_OBJECT)

static void
hat_opened_trace_finalize (GObject *object)
{
  HatOpenedTrace *self = HAT_OPENED_TRACE (object);
  for (guint i = 0; i < self->n_heaps; i++)
    {
      g_clear_pointer (&self->heaps[i], hat_heap_unref);
      g_clear_pointer (&self->colors[i], hat_colors_unref);
    }
  g_free (self->heaps);
  g_free (self->colors);
  g_clear_pointer (&self->trace, hat_trace_unref);
  G_OBJECT_CLASS (hat_opened_trace_parent_class)->finalize (object);
}

static void
hat_opened_trace_class_init (HatOpenedTraceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hat_opened_trace_finalize;
}

static void
hat_opened_trace_init (HatOpenedTrace *self)
{
}

/* ---- progress ---- */

struct _HatJobProgress
{
  gatomicrefcount refs;
  GMutex lock;
  double share;
  char *what;
  gint is_cancelled;
};

HatJobProgress *
hat_job_progress_new (void)
{
  HatJobProgress *self = g_new0 (HatJobProgress, 1);
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  return self;
}

HatJobProgress *
hat_job_progress_ref (HatJobProgress *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
hat_job_progress_unref (HatJobProgress *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_mutex_clear (&self->lock);
  g_free (self->what);
  g_free (self);
}

void
hat_job_progress_cancel (HatJobProgress *self)
{
  g_atomic_int_set (&self->is_cancelled, TRUE);
}

double
hat_job_progress_get (HatJobProgress *self, char **out_what)
{
  g_mutex_lock (&self->lock);
  double share = self->share;
  *out_what = g_strdup (self->what);
  g_mutex_unlock (&self->lock);
  return share;
}

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  HatJobProgress *self = data;
  g_mutex_lock (&self->lock);
  self->share = share;
  if (g_strcmp0 (self->what, what) != 0)
    {
      g_free (self->what);
      self->what = g_strdup (what);
    }
  g_mutex_unlock (&self->lock);
  return !g_atomic_int_get (&self->is_cancelled);
}

/* ---- opening ---- */

typedef struct
{
  char *path;
  guint process;
  HatJobProgress *progress;
  HatHeap *heap;
  HatColors *colors;
} Job;

static void
free_job (gpointer data)
{
  Job *job = data;
  g_free (job->path);
  g_clear_pointer (&job->heap, hat_heap_unref);
  g_clear_pointer (&job->colors, hat_colors_unref);
  hat_job_progress_unref (job->progress);
  g_free (job);
}

static HatOpenedTrace *
open_trace (Job *job, GError **error)
{
  HatProgress progress = { on_progress, job->progress };
  g_autoptr (HatTrace) trace = hat_trace_open (job->path, &progress, error);
  if (trace == NULL)
    return NULL;
  if (hat_trace_n_processes (trace) == 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "%s: no process was recorded in it", job->path);
      return NULL;
    }
  if (!hat_trace_has_symbols (trace) && !hat_symbols_ensure (trace, &progress, error))
    return NULL;
  guint process = hat_trace_busiest_process (trace);
  g_autoptr (HatHeap) heap = hat_heap_new (trace, process, &progress, error);
  if (heap == NULL)
    return NULL;
  HatOpenedTrace *self = g_object_new (HAT_TYPE_OPENED_TRACE, NULL);
  self->n_heaps = hat_trace_n_processes (trace);
  self->heaps = g_new0 (HatHeap *, self->n_heaps);
  self->colors = g_new0 (HatColors *, self->n_heaps);
  self->first_process = process;
  self->colors[process] = hat_colors_new (heap);
  self->heaps[process] = g_steal_pointer (&heap);
  self->trace = g_steal_pointer (&trace);
  return self;
}

static void
open_in_worker (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  HatOpenedTrace *self = open_trace (data, &error);
  if (self)
    g_task_return_pointer (task, self, g_object_unref);
  else
    g_task_return_error (task, error);
}

static Job *
new_job (const char *path, guint process, HatJobProgress *progress)
{
  Job *job = g_new0 (Job, 1);
  job->path = g_strdup (path);
  job->process = process;
  job->progress = hat_job_progress_ref (progress);
  return job;
}

void
hat_opened_trace_open_async (const char *path, HatJobProgress *progress, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  g_task_set_task_data (task, new_job (path, 0, progress), free_job);
  g_task_run_in_thread (task, open_in_worker);
}

HatOpenedTrace *
hat_opened_trace_open_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
heap_in_worker (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  HatOpenedTrace *self = source;
  Job *job = data;
  GError *error = NULL;
  HatProgress progress = { on_progress, job->progress };
  job->heap = hat_heap_new (self->trace, job->process, &progress, &error);
  if (job->heap)
    {
      job->colors = hat_colors_new (job->heap);
      g_task_return_boolean (task, TRUE);
    }
  else
    g_task_return_error (task, error);
}

void
hat_opened_trace_heap_async (HatOpenedTrace *self, guint process, HatJobProgress *progress,
                             GAsyncReadyCallback callback, gpointer data)
{
  g_return_if_fail (HAT_IS_OPENED_TRACE (self) && process < self->n_heaps);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, data);
  g_task_set_task_data (task, new_job (NULL, process, progress), free_job);
  if (self->heaps[process])
    g_task_return_boolean (task, TRUE);
  else
    g_task_run_in_thread (task, heap_in_worker);
}

gboolean
hat_opened_trace_heap_finish (HatOpenedTrace *self, GAsyncResult *result, guint *out_process, GError **error)
{
  Job *job = g_task_get_task_data (G_TASK (result));
  *out_process = job->process;
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  if (self->heaps[job->process] == NULL)
    {
      self->heaps[job->process] = g_steal_pointer (&job->heap);
      self->colors[job->process] = g_steal_pointer (&job->colors);
    }
  return TRUE;
}

HatTrace *
hat_opened_trace_trace (HatOpenedTrace *self)
{
  return self->trace;
}

guint
hat_opened_trace_first_process (HatOpenedTrace *self)
{
  return self->first_process;
}

HatHeap *
hat_opened_trace_heap (HatOpenedTrace *self, guint process)
{
  return self->heaps[process];
}

HatColors *
hat_opened_trace_colors (HatOpenedTrace *self, guint process)
{
  return self->colors[process];
}
