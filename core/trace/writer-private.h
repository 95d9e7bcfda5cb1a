/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The writer's seam for tests, and its two halves: writer.c (the caller's thread: buffers and definitions) and writer-worker.c
 * (its own thread: encoding, compressing, writing). */

#include "core/trace/chunk-sink.h"
#include "core/trace/definitions-write.h"
#include "core/trace/event-buffer.h"
#include "core/trace/snapshot.h"
#include "core/trace/writer.h"

G_BEGIN_DECLS

/* As hat_trace_writer_new(), with another write(2). */
HatTraceWriter *hat_trace_writer_new_with_write (const char *path, int fd, gint64 start_unix_us, HatWriteFunc write,
                                                 gpointer user_data, GError **error);

/* A mark or the instant of a snapshot waits for the chunk its process was filling: only then is it known at what times the events
 * round it will be read. */
typedef struct
{
  guint32 process;
  guint64 event; /* events of the process that came before */
  gint64 time_ns;
  char *name; /* NULL: a snapshot */
} HatPendingMark;

typedef struct _HatWriterWorker HatWriterWorker;

/* Borrows fd until it is freed. */
HatWriterWorker *hat_writer_worker_new (int fd, const char *name, gint64 start_unix_us, HatWriteFunc write,
                                        gpointer user_data);
/* Finishes what is queued, then ends the thread. */
void hat_writer_worker_free (HatWriterWorker *worker);

/* All of these are done in the order of the calls. Payload, events, marks, snapshots and sites are taken over. */
void hat_writer_worker_put (HatWriterWorker *worker, HatChunkType type, guint32 process, HatBytes payload);
/* Blocks while too many chunks are waiting. */
void hat_writer_worker_put_events (HatWriterWorker *worker, guint32 process, HatEventBuffer *buffer);
void hat_writer_worker_put_mark (HatWriterWorker *worker, HatPendingMark mark);
/* `index` is the how-manieth that was begun in the process. */
void hat_writer_worker_put_snapshot (HatWriterWorker *worker, guint32 process, guint32 index, guint32 number, HatSnapshot *snapshot);
/* Blocks while too many are waiting. */
void hat_writer_worker_put_contents (HatWriterWorker *worker, guint32 process, HatPart part, HatBytes payload);
/* Of the summary without its sites. */
void hat_writer_worker_put_summary (HatWriterWorker *worker, guint32 process, const HatSummary *summary, HatSiteColumns sites);
void hat_writer_worker_put_end (HatWriterWorker *worker, gint64 duration_ns);
/* What has been put is not put off any longer, unless the recording is very young. */
void hat_writer_worker_hurry (HatWriterWorker *worker);
/* Waits until the queue is empty, and helps. */
void hat_writer_worker_wait (HatWriterWorker *worker);

/* A buffer, to be begun. */
HatEventBuffer *hat_writer_worker_get_buffer (HatWriterWorker *worker);
void hat_writer_worker_return_buffer (HatWriterWorker *worker, HatEventBuffer *buffer);

gboolean hat_writer_worker_has_failed (HatWriterWorker *worker);
const GError *hat_writer_worker_error (HatWriterWorker *worker); /* after has_failed */
guint64 hat_writer_worker_bytes (HatWriterWorker *worker);

G_END_DECLS
