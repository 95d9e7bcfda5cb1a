/* SPDX-License-Identifier: Apache-2.0 */

/* The caller's side of writing: numbers everything, buffers definitions and events, hands them to the worker in an order in
 * which nothing refers to what comes later. */

#include "core/trace/writer-private.h"

#include "core/trace/definitions-write.h"
#include "core/trace/snapshot-parts.h"
#include "core/trace/trace-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CHUNK_AGE_US (500 * 1000)
#define NOT_ADDED G_MAXUINT32

typedef struct
{
  HatBlockId next_block;
  guint64 n_events; /* in chunks that were handed over */
  gint32 parent;
  guint64 fork_event;     /* events of the parent that must come first; 0 once they have */
  HatEventBuffer *buffer; /* NULL while empty */
  gint64 opened_us;       /* when its first event came */
  GArray *tids;           /* guint32 by thread */
  GArray *threads;        /* HatThreadRecord: new or renamed */
  GArray *marks;          /* HatPendingMark: after the buffer */
  GArray *snapshots;      /* guint32 by snapshot begun: its number among those added, or NOT_ADDED */
  guint32 n_snapshots;    /* added */
  HatProcess end;
  gboolean has_new_end;
  HatSiteColumns sites; /* of its summary, so far */
} Process;

struct _HatTraceWriter
{
  int fd;
  char *name;
  HatWriterWorker *worker;
  gboolean finished;
  GArray *processes; /* Process */
  GArray *notes;     /* HatNote: new ones; owns the strings */
  GStringChunk *strings;
  GArray *modules; /* HatModule */
  GArray *frames;  /* HatFrame */
  HatStackNode *stacks; /* new ones */
  guint n_stacks, max_stacks;
  guint n_modules_put, n_frames_put, n_stacks_put;
};

static void
note_clear (gpointer data)
{
  HatNote *note = data;
  g_free ((gpointer) note->key);
  g_free ((gpointer) note->value);
}

static void
thread_clear (gpointer data)
{
  g_free ((gpointer) ((HatThreadRecord *) data)->name);
}

static void
process_clear (gpointer data)
{
  Process *process = data;
  hat_event_buffer_free (process->buffer);
  for (guint i = 0; i < process->marks->len; i++)
    g_free (g_array_index (process->marks, HatPendingMark, i).name);
  g_array_unref (process->tids);
  g_array_unref (process->threads);
  g_array_unref (process->marks);
  g_array_unref (process->snapshots);
  hat_site_columns_clear (&process->sites);
}

static gboolean
is_trace_or_empty (int fd)
{
  char magic[sizeof HAT_FILE_MAGIC - 1];
  const ssize_t n = pread (fd, magic, sizeof magic, 0);
  return n == 0 || (n == sizeof magic && memcmp (magic, HAT_FILE_MAGIC, sizeof magic) == 0);
}

/* An older trace is overwritten, but nothing else: it would be one slip of the pen from losing a source file. The lock goes with the
 * descriptor. */
static int
create (const char *path, GError **error)
{
  const int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  struct stat stat;
  if (fd < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not create: %s", path, g_strerror (errno));
      return -1;
    }
  if (fstat (fd, &stat) != 0 || !S_ISREG (stat.st_mode))
    return fd;
  if (flock (fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: another recording is writing to it; choose another file", path);
  else if (!is_trace_or_empty (fd))
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: is no trace and will not be overwritten; remove it or choose another file", path);
  else if (stat.st_size > 0 && ftruncate (fd, 0) != 0) /* a file system may write one that was cut to disk when it is closed, and have us wait */
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not create: %s", path, g_strerror (errno));
  else
    return fd;
  close (fd);
  return -1;
}

HatTraceWriter *
hat_trace_writer_new_with_write (const char *path, int fd, gint64 start_unix_us, HatWriteFunc write_func, gpointer user_data,
                                 GError **error)
{
  if (path && (fd = create (path, error)) < 0)
    return NULL;
  HatTraceWriter *writer = g_new0 (HatTraceWriter, 1);
  writer->fd = fd;
  writer->name = g_strdup (path ? path : "trace");
  writer->processes = g_array_new (FALSE, TRUE, sizeof (Process));
  g_array_set_clear_func (writer->processes, process_clear);
  writer->notes = g_array_new (FALSE, FALSE, sizeof (HatNote));
  g_array_set_clear_func (writer->notes, note_clear);
  writer->strings = g_string_chunk_new (1024);
  writer->modules = g_array_new (FALSE, FALSE, sizeof (HatModule));
  writer->frames = g_array_new (FALSE, FALSE, sizeof (HatFrame));
  writer->n_stacks_put = 2; /* the two roots */
  writer->worker = hat_writer_worker_new (fd, writer->name, start_unix_us, write_func, user_data);
  return writer;
}

HatTraceWriter *
hat_trace_writer_new (const char *path, int fd, gint64 start_unix_us, GError **error)
{
  return hat_trace_writer_new_with_write (path, fd, start_unix_us, NULL, NULL, error);
}

void
hat_trace_writer_free (HatTraceWriter *writer)
{
  if (writer == NULL)
    return;
  hat_writer_worker_free (writer->worker);
  if (writer->fd >= 0)
    close (writer->fd);
  g_free (writer->name);
  g_array_unref (writer->processes);
  g_array_unref (writer->notes);
  g_string_chunk_free (writer->strings);
  g_array_unref (writer->modules);
  g_array_unref (writer->frames);
  g_free (writer->stacks);
  g_free (writer);
}

static Process *
process_at (HatTraceWriter *writer, guint process)
{
  g_assert (process < writer->processes->len);
  return &g_array_index (writer->processes, Process, process);
}

/* ---- definitions ---- */

void
hat_trace_writer_add_note (HatTraceWriter *writer, const char *key, const char *value)
{
  const HatNote note = { g_strdup (key), g_strdup (value ? value : "") };
  g_array_append_val (writer->notes, note);
}

guint
hat_trace_writer_add_process (HatTraceWriter *writer, const HatProcess *info)
{
  g_assert (info->parent < (gint64) writer->processes->len && (!info->is_fork || info->parent >= 0));
  HatProcess copy = *info;
  copy.first_block = MAX (copy.first_block, 1);
  const Process process = { .next_block = copy.first_block,
                            .parent = copy.parent,
                            .fork_event = copy.is_fork ? copy.fork_event : 0,
                            .tids = g_array_new (FALSE, FALSE, sizeof (guint32)),
                            .threads = g_array_new (FALSE, FALSE, sizeof (HatThreadRecord)),
                            .marks = g_array_new (FALSE, FALSE, sizeof (HatPendingMark)),
                            .snapshots = g_array_new (FALSE, FALSE, sizeof (guint32)) };
  g_array_set_clear_func (process.threads, thread_clear);
  g_array_append_val (writer->processes, process);
  HatBytes payload = { 0 };
  hat_write_process (&payload, &copy);
  hat_writer_worker_put (writer->worker, HAT_TYPE_PROCESS, writer->processes->len - 1, payload);
  return writer->processes->len - 1;
}

void
hat_trace_writer_end_process (HatTraceWriter *writer, guint index, const HatProcess *end)
{
  Process *process = process_at (writer, index);
  process->end = *end;
  process->has_new_end = TRUE;
}

guint
hat_trace_writer_add_thread (HatTraceWriter *writer, guint index, guint32 tid, const char *name)
{
  Process *process = process_at (writer, index);
  const HatThreadRecord record = { process->tids->len, tid, g_strdup (name ? name : "") };
  g_array_append_val (process->threads, record);
  g_array_append_val (process->tids, tid);
  return record.index;
}

void
hat_trace_writer_name_thread (HatTraceWriter *writer, guint index, guint thread, const char *name)
{
  Process *process = process_at (writer, index);
  g_assert (thread < process->tids->len);
  for (guint i = 0; i < process->threads->len; i++)
    {
      HatThreadRecord *record = &g_array_index (process->threads, HatThreadRecord, i);
      if (record->index != thread)
        continue;
      g_free ((gpointer) record->name);
      record->name = g_strdup (name ? name : "");
      return;
    }
  const HatThreadRecord record = { thread, g_array_index (process->tids, guint32, thread), g_strdup (name ? name : "") };
  g_array_append_val (process->threads, record);
}

guint
hat_trace_writer_add_module (HatTraceWriter *writer, const HatModule *module)
{
  HatModule copy = *module;
  copy.path = g_string_chunk_insert_const (writer->strings, module->path ? module->path : "");
  g_array_append_val (writer->modules, copy);
  return writer->modules->len - 1;
}

HatFrameId
hat_trace_writer_add_frame (HatTraceWriter *writer, const HatFrame *frame)
{
  g_assert (frame->module == G_MAXUINT32 || frame->module < writer->modules->len);
  g_array_append_val (writer->frames, *frame);
  return writer->frames->len - 1;
}

HatStackId
hat_trace_writer_add_stack (HatTraceWriter *writer, HatStackId parent, HatFrameId frame)
{
  const HatStackId id = writer->n_stacks_put + writer->n_stacks;
  g_assert (parent < id && frame < writer->frames->len);
  if (G_UNLIKELY (writer->n_stacks == writer->max_stacks))
    {
      writer->max_stacks = MAX (1024, writer->max_stacks * 2);
      writer->stacks = g_renew (HatStackNode, writer->stacks, writer->max_stacks);
    }
  writer->stacks[writer->n_stacks++] = (HatStackNode) { parent, frame };
  return id;
}

const HatModule *
hat_trace_writer_modules (HatTraceWriter *writer, guint *out_n)
{
  *out_n = writer->modules->len;
  return (const HatModule *) (gpointer) writer->modules->data;
}

const HatFrame *
hat_trace_writer_frames (HatTraceWriter *writer, guint *out_n)
{
  *out_n = writer->frames->len;
  return (const HatFrame *) (gpointer) writer->frames->data;
}

static void
put_shared_definitions (HatTraceWriter *writer)
{
  if (writer->notes->len > 0)
    {
      HatBytes payload = { 0 };
      hat_write_notes (&payload, (const HatNote *) (gpointer) writer->notes->data, writer->notes->len);
      hat_writer_worker_put (writer->worker, HAT_TYPE_NOTES, 0, payload);
      g_array_set_size (writer->notes, 0);
    }
  if (writer->modules->len > writer->n_modules_put)
    {
      HatBytes payload = { 0 };
      const guint first = writer->n_modules_put;
      hat_write_modules (&payload, first, &g_array_index (writer->modules, HatModule, first), writer->modules->len - first);
      hat_writer_worker_put (writer->worker, HAT_TYPE_MODULES, 0, payload);
      writer->n_modules_put = writer->modules->len;
    }
  if (writer->frames->len > writer->n_frames_put)
    {
      HatBytes payload = { 0 };
      const guint first = writer->n_frames_put;
      hat_write_frames (&payload, first, &g_array_index (writer->frames, HatFrame, first), writer->frames->len - first);
      hat_writer_worker_put (writer->worker, HAT_TYPE_FRAMES, 0, payload);
      writer->n_frames_put = writer->frames->len;
    }
  if (writer->n_stacks > 0)
    {
      HatBytes payload = { 0 };
      hat_write_stacks (&payload, writer->n_stacks_put, writer->stacks, writer->n_stacks);
      hat_writer_worker_put (writer->worker, HAT_TYPE_STACKS, 0, payload);
      writer->n_stacks_put += writer->n_stacks;
      writer->n_stacks = 0;
    }
}

static void
put_process_definitions (HatTraceWriter *writer, guint index)
{
  Process *process = process_at (writer, index);
  if (process->threads->len > 0)
    {
      HatBytes payload = { 0 };
      hat_write_threads (&payload, (const HatThreadRecord *) (gpointer) process->threads->data, process->threads->len);
      hat_writer_worker_put (writer->worker, HAT_TYPE_THREADS, index, payload);
      g_array_set_size (process->threads, 0);
    }
  if (process->has_new_end)
    {
      HatBytes payload = { 0 };
      hat_write_end_process (&payload, &process->end);
      hat_writer_worker_put (writer->worker, HAT_TYPE_END_PROCESS, index, payload);
      process->has_new_end = FALSE;
    }
}

/* ---- events ---- */

static guint64
events_so_far (const Process *process)
{
  return process->n_events + (process->buffer ? process->buffer->n_events : 0);
}

/* Hands the buffered events and marks of a process over, after all that they refer to. */
static void
close_chunk (HatTraceWriter *writer, guint index)
{
  Process *process = process_at (writer, index);
  if (process->fork_event > 0)
    {
      /* A child's events end blocks of its parent: these must be in the file by then. */
      if (process_at (writer, (guint) process->parent)->n_events < process->fork_event)
        close_chunk (writer, (guint) process->parent);
      process->fork_event = 0;
    }
  put_shared_definitions (writer);
  put_process_definitions (writer, index);
  if (process->buffer)
    {
      HatEventBuffer *buffer = g_steal_pointer (&process->buffer);
      process->n_events += buffer->n_events;
      hat_writer_worker_put_events (writer->worker, index, buffer);
    }
  for (guint i = 0; i < process->marks->len; i++)
    hat_writer_worker_put_mark (writer->worker, g_array_index (process->marks, HatPendingMark, i));
  g_array_set_size (process->marks, 0);
}

static void
open_buffer (HatTraceWriter *writer, Process *process)
{
  process->buffer = hat_writer_worker_get_buffer (writer->worker);
  hat_event_buffer_begin (process->buffer, process->n_events, process->next_block);
  process->opened_us = g_get_monotonic_time ();
}

HatEventBuffer *
hat_trace_writer_begin_events (HatTraceWriter *writer, guint index)
{
  Process *process = process_at (writer, index);
  if (G_UNLIKELY (process->buffer == NULL))
    open_buffer (writer, process);
  return process->buffer;
}

void
hat_trace_writer_end_events (HatTraceWriter *writer, guint index)
{
  Process *process = process_at (writer, index);
  const HatEventBuffer *buffer = process->buffer;
  g_assert (buffer->last_thread == G_MAXUINT32 || buffer->last_thread < process->tids->len);
  process->next_block = hat_event_buffer_next_block (buffer);
  if (G_UNLIKELY (buffer->n_events == 0))
    hat_writer_worker_return_buffer (writer->worker, g_steal_pointer (&process->buffer));
  else if (G_UNLIKELY (hat_event_buffer_room (buffer) == 0))
    close_chunk (writer, index);
}

HatBlockId
hat_trace_writer_add_event (HatTraceWriter *writer, guint index, const HatEvent *event)
{
  HatEventBuffer *buffer = hat_trace_writer_begin_events (writer, index);
  const HatBlockId next = hat_event_buffer_next_block (buffer);
  g_assert (event->old < next);
  hat_event_buffer_add (buffer, event);
  const gboolean makes = hat_event_buffer_next_block (buffer) != next;
  hat_trace_writer_end_events (writer, index);
  return makes ? next : 0;
}

/* `name` NULL: the instant of a snapshot. */
static void
add_mark (HatTraceWriter *writer, guint index, const char *name, gint64 time_ns)
{
  Process *process = process_at (writer, index);
  const HatPendingMark mark = { index, events_so_far (process), time_ns, g_strdup (name) };
  if (process->buffer)
    g_array_append_val (process->marks, mark);
  else
    hat_writer_worker_put_mark (writer->worker, mark);
}

void
hat_trace_writer_add_mark (HatTraceWriter *writer, guint process, const char *name, gint64 time_ns)
{
  add_mark (writer, process, name ? name : "", time_ns);
}

guint
hat_trace_writer_begin_snapshot (HatTraceWriter *writer, guint index, gint64 time_ns)
{
  Process *process = process_at (writer, index);
  const guint32 none = NOT_ADDED;
  add_mark (writer, index, NULL, time_ns);
  g_array_append_val (process->snapshots, none);
  return process->snapshots->len - 1;
}

void
hat_trace_writer_add_snapshot (HatTraceWriter *writer, guint index, guint snapshot_index, const HatSnapshot *snapshot)
{
  close_chunk (writer, index); /* what it refers to */
  Process *process = process_at (writer, index);
  guint32 *number = &g_array_index (process->snapshots, guint32, snapshot_index);
  g_assert (snapshot_index < process->snapshots->len && *number == NOT_ADDED);
  *number = process->n_snapshots++;
  hat_writer_worker_put_snapshot (writer->worker, index, snapshot_index, *number, hat_snapshot_copy (snapshot));
}

void
hat_trace_writer_add_contents (HatTraceWriter *writer, guint index, guint snapshot_index, guint32 first, guint32 n, const guint64 *sizes,
                               const guint8 *bytes)
{
  const Process *process = process_at (writer, index);
  g_assert (snapshot_index < process->snapshots->len);
  HatPart part = { .snapshot = g_array_index (process->snapshots, guint32, snapshot_index), .kind = HAT_PART_CONTENTS };
  g_assert (part.snapshot + 1 == process->n_snapshots);
  guint64 before = 0; /* of block i, in parts so far */
  for (guint32 i = 0; i < n; i += before > 0 ? part.n - 1 : part.n)
    {
      HatBytes payload = { 0 };
      part.first = first + i;
      bytes += hat_contents_write_part (&part, n - i, sizes + i, bytes, &before, &payload);
      hat_writer_worker_put_contents (writer->worker, index, part, payload);
    }
}

void
hat_trace_writer_add_sample (HatTraceWriter *writer, guint process, const HatSample *sample)
{
  HatBytes payload = { 0 };
  hat_write_sample (&payload, sample);
  hat_writer_worker_put (writer->worker, HAT_TYPE_SAMPLES, process, payload);
}

static gboolean
report_failure (HatTraceWriter *writer, GError **error)
{
  if (!hat_writer_worker_has_failed (writer->worker))
    return TRUE;
  if (error)
    *error = g_error_copy (hat_writer_worker_error (writer->worker));
  return FALSE;
}

static void
put_what_is_due (HatTraceWriter *writer, gboolean all)
{
  const gint64 now = g_get_monotonic_time ();
  gboolean is_open = FALSE;
  for (guint i = 0; i < writer->processes->len; i++)
    {
      const Process *process = process_at (writer, i);
      if (all || (process->buffer && now - process->opened_us >= MAX_CHUNK_AGE_US))
        close_chunk (writer, i);
      put_process_definitions (writer, i);
      is_open |= process->buffer != NULL;
    }
  /* Nobody has use for them before the events that refer to them, and many small chunks cost more than a few large ones. */
  if (!is_open)
    put_shared_definitions (writer);
}

gboolean
hat_trace_writer_flush (HatTraceWriter *writer, gboolean all, GError **error)
{
  put_what_is_due (writer, all);
  if (all)
    hat_writer_worker_wait (writer->worker);
  else
    hat_writer_worker_hurry (writer->worker);
  return report_failure (writer, error);
}

void
hat_trace_writer_add_symbols (HatTraceWriter *writer, const HatSymbols *symbols)
{
  put_shared_definitions (writer);
  HatBytes payload = { 0 };
  hat_symbols_write (symbols, &payload);
  hat_writer_worker_put (writer->worker, HAT_TYPE_SYMBOLS, 0, payload);
}

void
hat_trace_writer_add_types (HatTraceWriter *writer, const HatKeptType *types, guint n)
{
  HatBytes payload = { 0 };
  hat_write_types (&payload, types, n);
  hat_writer_worker_put (writer->worker, HAT_TYPE_TYPES, 0, payload);
}

void
hat_trace_writer_add_stack_types (HatTraceWriter *writer, const HatStackType *types, guint n)
{
  put_shared_definitions (writer);
  HatBytes payload = { 0 };
  hat_write_stack_types (&payload, types, n);
  hat_writer_worker_put (writer->worker, HAT_TYPE_STACK_TYPES, 0, payload);
}

void
hat_trace_writer_add_sites (HatTraceWriter *writer, guint process, const HatSite *sites, guint n)
{
  hat_write_sites (&process_at (writer, process)->sites, sites, n);
}

void
hat_trace_writer_add_summary (HatTraceWriter *writer, guint index, const HatSummary *summary)
{
  Process *process = process_at (writer, index);
  hat_write_sites (&process->sites, summary->sites, summary->n_sites);
  close_chunk (writer, index);
  hat_writer_worker_put_summary (writer->worker, index, summary, process->sites);
  process->sites = (HatSiteColumns){ 0 };
}

guint64
hat_trace_writer_bytes (HatTraceWriter *writer)
{
  return hat_writer_worker_bytes (writer->worker);
}

gboolean
hat_trace_writer_finish (HatTraceWriter *writer, gint64 duration_ns, GError **error)
{
  g_assert (!writer->finished);
  writer->finished = TRUE;
  put_what_is_due (writer, TRUE);
  hat_writer_worker_put_end (writer->worker, duration_ns);
  hat_writer_worker_wait (writer->worker);
  const gboolean done = report_failure (writer, error);
  const gboolean closed = close (writer->fd) == 0;
  const int saved_errno = errno;
  writer->fd = -1;
  if (done && !closed)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not close: %s", writer->name, g_strerror (saved_errno));
  return done && closed;
}
