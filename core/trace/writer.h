/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The trace file, written: the one writer. Used by the recorder (and by tests to build traces).
 *
 * Definitions (modules, frames, stacks, processes, threads) are buffered and always reach the file before the first
 * chunk of events that refers to them. An event chunk closes after HAT_CHUNK_EVENTS events, or in
 * hat_trace_writer_flush() when it is older than 0.5 s. Compression and writing happen on a thread of the writer's own,
 * and at the end also on the caller's.
 * The first failure to write is sticky: everything after is dropped, and flush and finish report it; the bytes written
 * before stay a valid (incomplete) trace.
 *
 * Thread rule: one thread calls everything. Strings are copied. */

#include "core/trace/snapshot.h"
#include "core/trace/type-table.h"

G_BEGIN_DECLS

typedef struct _HatTraceWriter HatTraceWriter;
typedef struct _HatEventBuffer HatEventBuffer; /* event-buffer.h */

/* Truncates `path`, or writes to the empty file `fd` if path is NULL (takes ownership; best open for reading too: checkpoints
 * are built from what was written). Error: IO. */
HatTraceWriter *hat_trace_writer_new (const char *path, int fd, gint64 start_unix_us, GError **error);

void hat_trace_writer_add_note (HatTraceWriter *writer, const char *key, const char *value);

/* Process indices are dense, in order of the calls. Reads: pid, parent, is_fork, exe, argv, provider, start_ns,
 * first_block (0 = 1), fork_event, inherited_*. */
guint hat_trace_writer_add_process (HatTraceWriter *writer, const HatProcess *process);
/* Its end, as far as known: end_ns, exit_status, signal, lost_events, disarmed_ns. May be called again; the last call counts. */
void hat_trace_writer_end_process (HatTraceWriter *writer, guint process, const HatProcess *end);

/* Index in the process; name may be NULL and be set or changed later by hat_trace_writer_name_thread(). */
guint hat_trace_writer_add_thread (HatTraceWriter *writer, guint process, guint32 tid, const char *name);
void hat_trace_writer_name_thread (HatTraceWriter *writer, guint process, guint thread, const char *name);

guint hat_trace_writer_add_module (HatTraceWriter *writer, const HatModule *module);
HatFrameId hat_trace_writer_add_frame (HatTraceWriter *writer, const HatFrame *frame);
HatStackId hat_trace_writer_add_stack (HatTraceWriter *writer, HatStackId parent, HatFrameId frame); /* from 2; the caller makes them canonical */

/* The mark's time is moved to between the decoded times of the events before and after this call, so that "up to the mark"
 * means exactly the events before it. */
void hat_trace_writer_add_mark (HatTraceWriter *writer, guint process, const char *name, gint64 time_ns);
void hat_trace_writer_add_sample (HatTraceWriter *writer, guint process, const HatSample *sample);

/* Times never go backwards within a process. The writer fills in `block` (returned; 0 if the event makes none): the caller
 * keeps it to give it back as `old`. Hot path: called once per event. */
HatBlockId hat_trace_writer_add_event (HatTraceWriter *writer, guint process, const HatEvent *event);
/* The same for many: between these two the caller adds to the buffer itself, as far as there is room, and calls nothing else here. */
HatEventBuffer *hat_trace_writer_begin_events (HatTraceWriter *writer, guint process);
void hat_trace_writer_end_events (HatTraceWriter *writer, guint process);

/* Closes chunks that are old (or all, if `all`: and then waits until they are written), and reports a failure of the writing
 * thread. Call at least every 250 ms. */
gboolean hat_trace_writer_flush (HatTraceWriter *writer, gboolean all, GError **error);

/* A snapshot is taken in two steps: its instant, while the threads stand still and all events before it have been added (its time is moved to
 * between events, as a mark's is); and what was found, whenever that is known. Returns the snapshot's index in the process; one that
 * is begun and never added was not taken. */
guint hat_trace_writer_begin_snapshot (HatTraceWriter *writer, guint process, gint64 time_ns);
/* info.time_ns is not read: begin_snapshot() has it. Copied; compressed and written by the writer's own thread. */
void hat_trace_writer_add_snapshot (HatTraceWriter *writer, guint process, guint index, const HatSnapshot *snapshot);
/* The bytes of blocks first to first + n - 1 one after the other, sizes[i] of each (below 2^40). In order of the blocks; after add_snapshot()
 * and before the next one of the process.
 * Copied; waits while much is still to be written. */
void hat_trace_writer_add_contents (HatTraceWriter *writer, guint process, guint index, guint32 first, guint32 n, const guint64 *sizes,
                                    const guint8 *bytes);

/* The same event data as seen by the reader: definitions so far, for symbolising at the end without opening the file. */
const HatModule *hat_trace_writer_modules (HatTraceWriter *writer, guint *out_n);
const HatFrame *hat_trace_writer_frames (HatTraceWriter *writer, guint *out_n);

void hat_trace_writer_add_symbols (HatTraceWriter *writer, const HatSymbols *symbols);
/* An id that is the number of types so far (at first 1) adds one, a smaller one replaces; they refer to types that came before or with
 * them. Before what refers to them. */
void hat_trace_writer_add_types (HatTraceWriter *writer, const HatKeptType *types, guint n);
/* By stack. A later call replaces all. */
void hat_trace_writer_add_stack_types (HatTraceWriter *writer, const HatStackType *types, guint n);
/* Sites of the process' summary by stack, some at a time: those of the summary itself come behind them. */
void hat_trace_writer_add_sites (HatTraceWriter *writer, guint process, const HatSite *sites, guint n);
/* After the last event. Its times (leaves, peak) are replaced by those of the decoded events. */
void hat_trace_writer_add_summary (HatTraceWriter *writer, guint process, const HatSummary *summary);

guint64 hat_trace_writer_bytes (HatTraceWriter *writer); /* written so far */

/* Writes index and footer and closes (which is when a file on the network says that it is full). FALSE if anything was ever lost; the writer is then still to be freed. */
gboolean hat_trace_writer_finish (HatTraceWriter *writer, gint64 duration_ns, GError **error);
void hat_trace_writer_free (HatTraceWriter *writer); /* without finish: leaves an incomplete trace */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatTraceWriter, hat_trace_writer_free)

G_END_DECLS
