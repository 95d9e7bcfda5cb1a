/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the model in worker threads, the latest wins. */

#include "ui/views/query.h"

#include <gio/gio.h>

#include "core/heap/once.h"

#define SHORT_US (150 * 1000) /* a query that runs longer is cancelled by the next one */
#define SHOWN_US (300 * 1000) /* a query that runs longer is worth a progress bar */
#define PAUSE_US (50 * 1000)  /* after which one that stands back looks again */

typedef struct
{
  gatomicrefcount refs;
  HatQuery *query; /* NULL once nobody waits for the answer; main thread only */
  const HatQueryKind *kind;
  HatQuestion *question;
  gpointer extra;
  gint64 started_us;
  gint is_cancelled; /* atomic */
  gint n_before;     /* atomic: jobs that run and go before this one */
  GMutex lock;       /* share, what */
  double share;
  char *what;
} Job;

struct _HatQuery
{
  gpointer owner;
  guint rank;
  Job *running, *waiting;
};

/* The jobs that run, for the progress bar. Main thread only. */
static GPtrArray *running_jobs;

static Job *
job_ref (Job *job)
{
  g_atomic_ref_count_inc (&job->refs);
  return job;
}

static void
job_unref (Job *job)
{
  if (!g_atomic_ref_count_dec (&job->refs))
    return;
  hat_question_free (job->question);
  if (job->extra && job->kind->free_extra)
    job->kind->free_extra (job->extra);
  g_mutex_clear (&job->lock);
  g_free (job->what);
  g_free (job);
}

/* ---- whose turn it is ---- */

static GMutex turn_lock;
static GCond turn_changed;

static guint
rank_of (const Job *job)
{
  return job->query ? job->query->rank : G_MAXUINT;
}

/* Main thread: after any change of what runs. */
static void
give_turns (void)
{
  g_mutex_lock (&turn_lock);
  for (guint i = 0; i < running_jobs->len; i++)
    {
      Job *job = g_ptr_array_index (running_jobs, i);
      gint n_before = 0;
      for (guint k = 0; k < running_jobs->len; k++)
        {
          const Job *other = g_ptr_array_index (running_jobs, k);
          n_before += rank_of (other) < rank_of (job) && !g_atomic_int_get (&other->is_cancelled);
        }
      g_atomic_int_set (&job->n_before, n_before);
    }
  g_cond_broadcast (&turn_changed);
  g_mutex_unlock (&turn_lock);
}

/* Who waits for an answer that another one makes may wait for this one. */
static gboolean
has_to_stand_back (const Job *job)
{
  return g_atomic_int_get (&job->n_before) >= (gint) g_get_num_processors () && hat_once_n_waiting () == 0
         && !g_atomic_int_get (&job->is_cancelled);
}

static void
stand_back (const Job *job)
{
  g_mutex_lock (&turn_lock);
  while (has_to_stand_back (job))
    g_cond_wait_until (&turn_changed, &turn_lock, g_get_monotonic_time () + PAUSE_US);
  g_mutex_unlock (&turn_lock);
}

void
hat_query_set_rank (HatQuery *query, guint rank)
{
  if (query->rank == rank)
    return;
  query->rank = rank;
  if (query->running)
    give_turns ();
}

static gboolean
on_progress (double share, const char *what, gpointer data)
{
  Job *job = data;
  if (has_to_stand_back (job))
    stand_back (job);
  g_mutex_lock (&job->lock);
  job->share = share;
  if (g_strcmp0 (job->what, what) != 0)
    {
      g_free (job->what);
      job->what = g_strdup (what);
    }
  g_mutex_unlock (&job->lock);
  return !g_atomic_int_get (&job->is_cancelled);
}

static void
work (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Job *job = task_data;
  HatProgress progress = { on_progress, job };
  GError *error = NULL;
  gpointer answer = job->kind->func (job->question, job->extra, &progress, &error);
  if (error)
    {
      if (answer)
        job->kind->free_answer (answer);
      g_task_return_error (task, error);
    }
  else
    g_task_return_pointer (task, answer, job->kind->free_answer);
}

static void start (HatQuery *query, Job *job);

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  Job *job = data;
  gpointer answer = g_task_propagate_pointer (G_TASK (result), &error);
  HatQuery *query = job->query;
  g_ptr_array_remove_fast (running_jobs, job);
  give_turns ();

  if (query)
    {
      Job *next = g_steal_pointer (&query->waiting);
      query->running = NULL;
      if (next)
        start (query, next);
    }
  if (query && !g_atomic_int_get (&job->is_cancelled))
    job->kind->done (query->owner, answer, error);
  else if (query && query->running == NULL && error)
    job->kind->done (query->owner, NULL, error);
  else if (answer)
    job->kind->free_answer (answer);
  job_unref (job);
}

static void
start (HatQuery *query, Job *job)
{
  if (running_jobs == NULL)
    running_jobs = g_ptr_array_new ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_done, job);
  job->started_us = g_get_monotonic_time ();
  query->running = job;
  g_ptr_array_add (running_jobs, job);
  give_turns ();
  g_task_set_task_data (task, job_ref (job), (GDestroyNotify) job_unref);
  g_task_run_in_thread (task, work);
}

HatQuery *
hat_query_new (gpointer owner)
{
  HatQuery *query = g_new0 (HatQuery, 1);
  query->owner = owner;
  return query;
}

void
hat_query_cancel (HatQuery *query)
{
  g_clear_pointer (&query->waiting, job_unref);
  if (query->running == NULL)
    return;
  g_atomic_int_set (&query->running->is_cancelled, TRUE);
  query->running->query = NULL;
  query->running = NULL;
  give_turns ();
}

void
hat_query_free (HatQuery *query)
{
  if (query == NULL)
    return;
  hat_query_cancel (query);
  g_free (query);
}

gboolean
hat_query_is_busy (HatQuery *query)
{
  return query->running != NULL;
}

void
hat_query_run (HatQuery *query, const HatQueryKind *kind, HatQuestion *question, gpointer extra)
{
  Job *job = g_new0 (Job, 1);
  g_atomic_ref_count_init (&job->refs);
  g_mutex_init (&job->lock);
  job->query = query;
  job->kind = kind;
  job->question = question;
  job->extra = extra;
  if (query->running == NULL)
    {
      start (query, job);
      return;
    }
  g_clear_pointer (&query->waiting, job_unref);
  query->waiting = job;
  if (g_get_monotonic_time () - query->running->started_us > SHORT_US)
    g_atomic_int_set (&query->running->is_cancelled, TRUE);
}

char *
hat_query_doing (HatQuery *query)
{
  Job *job = query->running;
  if (job == NULL || g_get_monotonic_time () - job->started_us < SHOWN_US)
    return NULL;
  g_mutex_lock (&job->lock);
  char *text = job->what == NULL ? NULL : job->share > 0 ? g_strdup_printf ("%s, %.0f %%", job->what, 100 * job->share) : g_strdup (job->what);
  g_mutex_unlock (&job->lock);
  return text;
}

gboolean
hat_query_activity (double *out_share, char **out_what)
{
  gint64 now = g_get_monotonic_time ();
  Job *oldest = NULL;
  for (guint i = 0; running_jobs && i < running_jobs->len; i++)
    {
      Job *job = g_ptr_array_index (running_jobs, i);
      if (!g_atomic_int_get (&job->is_cancelled) && !has_to_stand_back (job) && now - job->started_us > SHOWN_US
          && (oldest == NULL || job->started_us < oldest->started_us))
        oldest = job;
    }
  if (oldest == NULL)
    return FALSE;
  g_mutex_lock (&oldest->lock);
  *out_share = oldest->share;
  *out_what = g_strdup (oldest->what);
  g_mutex_unlock (&oldest->lock);
  return TRUE;
}

void
hat_query_cancel_all (void)
{
  for (guint i = 0; running_jobs && i < running_jobs->len; i++)
    g_atomic_int_set (&((Job *) g_ptr_array_index (running_jobs, i))->is_cancelled, TRUE);
}
