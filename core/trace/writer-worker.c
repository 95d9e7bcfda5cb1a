/* SPDX-License-Identifier: Apache-2.0 */

/* The writer's own thread: takes jobs in order, encodes, compresses, writes. Who waits for it does some himself, and what is little and
 * recent waits for that: a recording that is over at once needs no thread.
 *
 * It reads one chunk back for the exact time of the peak. Where the descriptor cannot be read, the peak's time is only near. */

#include "core/trace/writer-private.h"

#include "core/trace/definitions-write.h"
#include "core/trace/event-decoder.h"
#include "core/trace/event-encoder.h"
#include "core/trace/snapshot-parts.h"
#include "core/trace/span.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define MAX_WAITING 6u /* full buffers are 1.3 MB each, or a little more, parts of contents 4 MB */
#define SNAPSHOT_LEVEL 1 /* of zstd: events wait for it */
#define MAX_SPAN_BLOCKS 1000000u /* bounds the memory of a checkpoint that will not be stored */
#define CHECKPOINT_CHUNKS (HAT_SPAN_CHUNKS * HAT_SPAN_CHUNKS)
#define MAX_REST_US (50 * 1000) /* a job may wait so long for others */
#define FEW_EVENTS 4096u /* take less time to encode than it takes to start a thread */

typedef enum
{
  JOB_PAYLOAD,
  JOB_EVENTS,
  JOB_MARK,
  JOB_SNAPSHOT,
  JOB_CONTENTS,
  JOB_SUMMARY,
  JOB_END,
} JobKind;

typedef struct
{
  JobKind kind;
  HatChunkType type;
  guint32 process;
  HatBytes payload;
  HatEventBuffer *buffer;
  HatPendingMark mark;
  HatPart part; /* CONTENTS */
  guint32 snapshot_index, snapshot_number;
  HatSnapshot *snapshot;
  HatSummary *summary; /* without its sites */
  HatSiteColumns *sites;
  gint64 duration_ns;
} Job;

/* What the worker knows of a process. */
typedef struct
{
  GArray *entries;  /* HatIndexEntry of its events */
  GArray *leaf_ends; /* gint64: decoded time of every HAT_LEAF_EVENTS-th event */
  GArray *snapshots; /* gint64: decoded times of their instants */
  gint64 after_ns;  /* the next event comes after this */
  HatSpanJoin join; /* of the chunks since the last checkpoint; empty if it will not be worth storing */
} Process;

struct _HatWriterWorker
{
  HatChunkSink sink; /* like all below `idle` his who does a job, but for the atomic parts */
  GThread *thread; /* when first needed */
  gint64 made_us;

  GMutex lock; /* of all that follows up to `idle` */
  GCond more, fewer;
  GQueue jobs; /* Job */
  guint waiting; /* jobs that is_big() */
  gboolean busy; /* somebody does a job */
  gboolean stopping; /* nothing is left to do */
  GPtrArray *idle; /* HatEventBuffer */

  GArray *processes; /* Process */
  HatEventEncoder *encoder; /* when first needed: it is large */
  HatEventDecoder *decoder; /* when first needed */
  HatBytes payload, read_back;
};

static void
process_clear (gpointer data)
{
  Process *process = data;
  g_array_unref (process->entries);
  g_array_unref (process->leaf_ends);
  g_array_unref (process->snapshots);
  hat_span_join_clear (&process->join);
}

static Process *
worker_process (HatWriterWorker *worker, guint32 index)
{
  while (worker->processes->len <= index)
    {
      const Process process = { .entries = g_array_new (FALSE, FALSE, sizeof (HatIndexEntry)),
                                .leaf_ends = g_array_new (FALSE, FALSE, sizeof (gint64)),
                                .snapshots = g_array_new (FALSE, FALSE, sizeof (gint64)),
                                .after_ns = -1 };
      g_array_append_val (worker->processes, process);
    }
  return &g_array_index (worker->processes, Process, index);
}

/* ---- reading back ---- */

/* The payload of a chunk of events that was written, in worker->read_back. */
static gboolean
read_back (HatWriterWorker *worker, const HatIndexEntry *entry)
{
  worker->read_back.len = 0;
  hat_bytes_reserve (&worker->read_back, entry->bytes);
  while (worker->read_back.len < entry->bytes)
    {
      const ssize_t got = pread (worker->sink.fd, worker->read_back.data + worker->read_back.len,
                                 entry->bytes - worker->read_back.len, (off_t) (entry->offset + worker->read_back.len));
      if (got <= 0)
        return FALSE;
      worker->read_back.len += (gsize) got;
    }
  if (worker->decoder == NULL)
    worker->decoder = hat_event_decoder_new ();
  return TRUE;
}

/* ---- checkpoints ---- */

/* A checkpoint is worth its bytes if it spares a reader most of what it sums up. */
static gboolean
is_worth_storing (const HatSpanJoin *join)
{
  return ((guint64) join->born->len + join->died->len) * 4 <= join->n_seen;
}

/* Writes the level 2 span that the process' last chunk has completed. */
static void
put_span (HatWriterWorker *worker, guint32 index, HatSpanJoin *join, guint number)
{
  hat_span_join_compact (join);
  if (!is_worth_storing (join))
    {
      hat_span_join_clear (join);
      return;
    }
  const HatIndexEntry about = { .level = 2, .number = number };
  HatBytes payload = { 0 };
  HatSpan span;
  hat_span_join_finish (join, &span);
  hat_span_write (&span, about.level, about.number, &payload);
  if (payload.len <= HAT_CHUNK_MAX_BYTES)
    hat_chunk_sink_put (&worker->sink, HAT_TYPE_SPAN, index, payload.data, payload.len, 3, &about);
  hat_bytes_clear (&payload);
  hat_span_clear (&span);
}

/* Takes the chunk encoded last, the process' newest, into the next checkpoint. */
static void
add_to_span (HatWriterWorker *worker, guint32 index, Process *process)
{
  const guint n = process->entries->len;
  HatSpanJoin *join = &process->join;
  HatSpan span;

  hat_event_encoder_span (worker->encoder, &span);
  if (n % CHECKPOINT_CHUNKS == 1)
    hat_span_join_init (join, g_array_index (process->entries, HatIndexEntry, n - 1).events.first_block);
  else if (join->born == NULL)
    return;
  hat_span_join_add (join, &span);
  if (n % CHECKPOINT_CHUNKS == 0)
    put_span (worker, index, join, n / CHECKPOINT_CHUNKS - 1);
  else if (join->born->len == join->n_compact && join->n_compact > MAX_SPAN_BLOCKS && !is_worth_storing (join))
    hat_span_join_clear (join); /* it only grows */
}

/* ---- jobs ---- */

static void
put_events (HatWriterWorker *worker, guint32 index, HatEventBuffer *buffer)
{
  Process *process = worker_process (worker, index);
  HatIndexEntry entry = { 0 };
  worker->payload.len = 0;
  if (worker->encoder == NULL)
    worker->encoder = hat_event_encoder_new ();
  hat_event_encoder_encode (worker->encoder, buffer, process->after_ns, &entry.events, &worker->payload);
  process->after_ns = entry.events.end_ns;

  const guint64 end = entry.events.first_event + entry.events.n_events;
  for (guint64 leaf = (guint64) process->leaf_ends->len + 1; leaf * HAT_LEAF_EVENTS <= end; leaf++)
    {
      const gint64 time
          = hat_event_encoder_time (worker->encoder, (guint32) (leaf * HAT_LEAF_EVENTS - 1 - entry.events.first_event));
      g_array_append_val (process->leaf_ends, time);
    }

  entry.offset = worker->sink.offset;
  hat_chunk_sink_put (&worker->sink, HAT_TYPE_EVENTS, index, worker->payload.data, worker->payload.len, 0, &entry);
  entry.bytes = (guint32) (worker->sink.offset - entry.offset);
  g_array_append_val (process->entries, entry);
  if (!hat_chunk_sink_has_failed (&worker->sink))
    add_to_span (worker, index, process);
}

/* The mark, or the snapshot, is given a time that lies between those of the events it lay between. */
static void
put_mark (HatWriterWorker *worker, const HatPendingMark *mark)
{
  Process *process = worker_process (worker, mark->process);
  const HatChunk *last = process->entries->len
                             ? &g_array_index (process->entries, HatIndexEntry, process->entries->len - 1).events
                             : NULL;
  gint64 time = mark->time_ns;
  if (last == NULL || mark->event >= last->first_event + last->n_events)
    {
      time = MAX (time, process->after_ns);
      process->after_ns = time;
    }
  else
    {
      const guint32 at = (guint32) (mark->event - last->first_event);
      time = MIN (time, hat_event_encoder_time (worker->encoder, at) - 1);
      if (at > 0)
        time = MAX (time, hat_event_encoder_time (worker->encoder, at - 1));
    }
  if (mark->name == NULL)
    {
      g_array_append_val (process->snapshots, time);
      return;
    }
  HatBytes payload = { 0 };
  hat_write_mark (&payload, mark->name, time);
  hat_chunk_sink_put (&worker->sink, HAT_TYPE_MARKS, mark->process, payload.data, payload.len, 3, NULL);
  hat_bytes_clear (&payload);
}

/* Its parts first: until the last chunk is there, there is no snapshot. */
static void
put_snapshot (HatWriterWorker *worker, guint32 index, guint32 snapshot_index, guint32 number, const HatSnapshot *snapshot)
{
  const Process *process = worker_process (worker, index);
  HatBytes *payload = &worker->payload;
  HatSnapshotHead head;
  hat_snapshot_head_init (&head, snapshot);
  head.info.time_ns = g_array_index (process->snapshots, gint64, snapshot_index);
  for (HatPartKind kind = 0; kind < HAT_N_PARTS; kind++)
    for (HatIndexEntry about = { .part = { .snapshot = number, .kind = kind } }; about.part.first < head.counts[kind];
         about.part.first += about.part.n)
      {
        payload->len = 0;
        hat_snapshot_write_part (snapshot, &about.part, payload);
        hat_chunk_sink_put (&worker->sink, HAT_TYPE_SNAPSHOT_PART, index, payload->data, payload->len, SNAPSHOT_LEVEL, &about);
      }
  payload->len = 0;
  hat_snapshot_head_write (&head, payload);
  hat_chunk_sink_put (&worker->sink, HAT_TYPE_SNAPSHOT, index, payload->data, payload->len, 3, NULL);
}

/* Times in a summary become those that the events are decoded with. */
static void
correct_times (HatWriterWorker *worker, Process *process, HatSummary *summary)
{
  HatLeaf *leaves = (HatLeaf *) summary->leaves;
  for (guint i = 0; i < summary->n_leaves; i++)
    leaves[i].end_ns = i < process->leaf_ends->len ? g_array_index (process->leaf_ends, gint64, i)
                                                   : MAX (process->after_ns, 0);
  const guint64 peak = summary->totals.peak_event;
  for (guint i = 0; peak > 0 && i < process->entries->len; i++)
    {
      const HatIndexEntry *entry = &g_array_index (process->entries, HatIndexEntry, i);
      if (peak - 1 >= entry->events.first_event + entry->events.n_events)
        continue;
      if (read_back (worker, entry))
        hat_event_decoder_time (worker->decoder, worker->read_back.data + sizeof (HatChunkHeader),
                                entry->bytes - sizeof (HatChunkHeader), &entry->events,
                                (guint32) (peak - 1 - entry->events.first_event), &summary->totals.peak_time_ns);
      break;
    }
}

static void
put_summary (HatWriterWorker *worker, guint32 index, HatSummary *summary, HatSiteColumns *sites)
{
  Process *process = worker_process (worker, index);
  correct_times (worker, process, summary);
  hat_span_join_clear (&process->join); /* no chunk follows */
  HatBytes payload = { 0 };
  hat_write_summary (&payload, summary, sites);
  hat_chunk_sink_put (&worker->sink, HAT_TYPE_SUMMARY, index, payload.data, payload.len, 3, NULL);
  hat_bytes_clear (&payload);
}

static void
do_job (HatWriterWorker *worker, Job *job)
{
  if (hat_chunk_sink_has_failed (&worker->sink))
    return;
  switch (job->kind)
    {
    case JOB_PAYLOAD:
      hat_chunk_sink_put (&worker->sink, job->type, job->process, job->payload.data, job->payload.len,
                          job->type == HAT_TYPE_SYMBOLS || job->type == HAT_TYPE_TYPES ? 6 : 3, NULL);
      break;
    case JOB_EVENTS:
      put_events (worker, job->process, job->buffer);
      break;
    case JOB_MARK:
      put_mark (worker, &job->mark);
      break;
    case JOB_SNAPSHOT:
      put_snapshot (worker, job->process, job->snapshot_index, job->snapshot_number, job->snapshot);
      break;
    case JOB_CONTENTS:
      hat_chunk_sink_put (&worker->sink, HAT_TYPE_SNAPSHOT_PART, job->process, job->payload.data, job->payload.len, SNAPSHOT_LEVEL,
                          &(HatIndexEntry){ .part = job->part });
      break;
    case JOB_SUMMARY:
      put_summary (worker, job->process, job->summary, job->sites);
      break;
    case JOB_END:
      hat_chunk_sink_put_end (&worker->sink, job->duration_ns);
      break;
    }
}

static void
job_free (HatWriterWorker *worker, Job *job)
{
  hat_bytes_clear (&job->payload);
  if (job->buffer)
    hat_writer_worker_return_buffer (worker, job->buffer);
  if (job->summary)
    {
      g_free ((gpointer) job->summary->leaves);
      g_free (job->summary);
      hat_site_columns_clear (job->sites);
      g_free (job->sites);
    }
  hat_snapshot_free (job->snapshot);
  g_free (job->mark.name);
  g_free (job);
}

static gboolean
is_big (const Job *job)
{
  return job->kind == JOB_EVENTS || job->kind == JOB_CONTENTS;
}

/* Whether others have time to do something meanwhile. */
static gboolean
takes_time (const Job *job)
{
  return job->kind == JOB_EVENTS ? job->buffer->n_events > FEW_EVENTS : job->kind == JOB_CONTENTS || job->kind == JOB_SNAPSHOT;
}

/* Does the next job, if there is one and nobody does the one before. With the lock, which it gives up meanwhile. */
static gboolean
do_next (HatWriterWorker *worker)
{
  Job *job = worker->busy ? NULL : g_queue_pop_head (&worker->jobs);
  if (job == NULL)
    return FALSE;
  worker->busy = TRUE;
  g_mutex_unlock (&worker->lock);
  const gboolean was_big = is_big (job);
  do_job (worker, job);
  job_free (worker, job);
  g_mutex_lock (&worker->lock);
  worker->busy = FALSE;
  worker->waiting -= was_big;
  g_cond_broadcast (&worker->fewer);
  return TRUE;
}

static gpointer
work (gpointer data)
{
  HatWriterWorker *worker = data;
  g_mutex_lock (&worker->lock);
  while (!worker->stopping)
    if (!do_next (worker))
      g_cond_wait (&worker->more, &worker->lock);
  g_mutex_unlock (&worker->lock);
  return NULL;
}

/* ---- the caller's side ---- */

HatWriterWorker *
hat_writer_worker_new (int fd, const char *name, gint64 start_unix_us, HatWriteFunc write_func, gpointer user_data)
{
  HatWriterWorker *worker = g_new0 (HatWriterWorker, 1);
  hat_chunk_sink_init (&worker->sink, fd, name, 0, write_func, user_data);
  worker->made_us = g_get_monotonic_time ();
  worker->processes = g_array_new (FALSE, TRUE, sizeof (Process));
  g_array_set_clear_func (worker->processes, process_clear);
  worker->idle = g_ptr_array_new_with_free_func ((GDestroyNotify) hat_event_buffer_free);
  g_mutex_init (&worker->lock);
  g_cond_init (&worker->more);
  g_cond_init (&worker->fewer);
  g_queue_init (&worker->jobs);
  hat_chunk_sink_put_header (&worker->sink, start_unix_us);
  return worker;
}

void
hat_writer_worker_free (HatWriterWorker *worker)
{
  if (worker == NULL)
    return;
  hat_writer_worker_wait (worker);
  if (worker->thread)
    {
      g_mutex_lock (&worker->lock);
      worker->stopping = TRUE;
      g_mutex_unlock (&worker->lock);
      g_cond_signal (&worker->more);
      g_thread_join (worker->thread);
    }

  hat_chunk_sink_clear (&worker->sink);
  g_array_unref (worker->processes);
  g_ptr_array_unref (worker->idle);
  hat_event_encoder_free (worker->encoder);
  hat_event_decoder_free (worker->decoder);
  hat_bytes_clear (&worker->payload);
  hat_bytes_clear (&worker->read_back);
  g_mutex_clear (&worker->lock);
  g_cond_clear (&worker->more);
  g_cond_clear (&worker->fewer);
  g_free (worker);
}

/* Has the thread do what waits. */
static void
wake (HatWriterWorker *worker)
{
  if (worker->thread)
    {
      g_cond_signal (&worker->more);
      return;
    }
  /* Signals are for the thread that waits for the target. */
  sigset_t all, before;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  worker->thread = g_thread_new ("trace writer", work, worker);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

static gboolean
is_young (HatWriterWorker *worker)
{
  return worker->thread == NULL && g_get_monotonic_time () - worker->made_us < MAX_REST_US;
}

void
hat_writer_worker_hurry (HatWriterWorker *worker)
{
  if (worker->thread == NULL && worker->jobs.length > 0 && !is_young (worker))
    wake (worker);
}

static void
put_job (HatWriterWorker *worker, Job job)
{
  const gboolean can_rest = is_young (worker) && !takes_time (&job);

  g_mutex_lock (&worker->lock);
  if (is_big (&job))
    {
      while (worker->waiting >= MAX_WAITING)
        if (!do_next (worker))
          g_cond_wait (&worker->fewer, &worker->lock);
      worker->waiting++;
    }
  g_queue_push_tail (&worker->jobs, g_memdup2 (&job, sizeof (job)));
  g_mutex_unlock (&worker->lock);
  if (!can_rest)
    wake (worker);
}

void
hat_writer_worker_put (HatWriterWorker *worker, HatChunkType type, guint32 process, HatBytes payload)
{
  put_job (worker, (Job){ .kind = JOB_PAYLOAD, .type = type, .process = process, .payload = payload });
}

void
hat_writer_worker_put_events (HatWriterWorker *worker, guint32 process, HatEventBuffer *buffer)
{
  put_job (worker, (Job){ .kind = JOB_EVENTS, .process = process, .buffer = buffer });
}

void
hat_writer_worker_put_mark (HatWriterWorker *worker, HatPendingMark mark)
{
  put_job (worker, (Job){ .kind = JOB_MARK, .mark = mark });
}

void
hat_writer_worker_put_snapshot (HatWriterWorker *worker, guint32 process, guint32 index, guint32 number, HatSnapshot *snapshot)
{
  put_job (worker, (Job){ .kind = JOB_SNAPSHOT,
                          .process = process,
                          .snapshot_index = index,
                          .snapshot_number = number,
                          .snapshot = snapshot });
}

void
hat_writer_worker_put_contents (HatWriterWorker *worker, guint32 process, HatPart part, HatBytes payload)
{
  put_job (worker, (Job){ .kind = JOB_CONTENTS, .process = process, .part = part, .payload = payload });
}

void
hat_writer_worker_put_summary (HatWriterWorker *worker, guint32 process, const HatSummary *summary, HatSiteColumns sites)
{
  HatSummary *copy = g_memdup2 (summary, sizeof (*summary));
  copy->leaves = g_memdup2 (summary->leaves, summary->n_leaves * sizeof (HatLeaf));
  put_job (worker, (Job){ .kind = JOB_SUMMARY, .process = process, .summary = copy, .sites = g_memdup2 (&sites, sizeof sites) });
}

void
hat_writer_worker_put_end (HatWriterWorker *worker, gint64 duration_ns)
{
  put_job (worker, (Job){ .kind = JOB_END, .duration_ns = duration_ns });
}

void
hat_writer_worker_wait (HatWriterWorker *worker)
{
  g_mutex_lock (&worker->lock);
  while (worker->jobs.length > 0 || worker->busy)
    if (!do_next (worker))
      g_cond_wait (&worker->fewer, &worker->lock);
  g_mutex_unlock (&worker->lock);
}

HatEventBuffer *
hat_writer_worker_get_buffer (HatWriterWorker *worker)
{
  HatEventBuffer *buffer = NULL;

  g_mutex_lock (&worker->lock);
  if (worker->idle->len > 0)
    buffer = g_ptr_array_steal_index_fast (worker->idle, worker->idle->len - 1);
  g_mutex_unlock (&worker->lock);
  return buffer ? buffer : hat_event_buffer_new ();
}

/* Memory of buffers is expensive to touch for the first time: they are kept, but no more than can be waiting. */
void
hat_writer_worker_return_buffer (HatWriterWorker *worker, HatEventBuffer *buffer)
{
  g_mutex_lock (&worker->lock);
  const gboolean keep = worker->idle->len < MAX_WAITING;
  if (keep)
    g_ptr_array_add (worker->idle, buffer);
  g_mutex_unlock (&worker->lock);
  if (!keep)
    hat_event_buffer_free (buffer);
}

gboolean
hat_writer_worker_has_failed (HatWriterWorker *worker)
{
  return hat_chunk_sink_has_failed (&worker->sink);
}

const GError *
hat_writer_worker_error (HatWriterWorker *worker)
{
  return worker->sink.error;
}

guint64
hat_writer_worker_bytes (HatWriterWorker *worker)
{
  return hat_chunk_sink_bytes (&worker->sink);
}
