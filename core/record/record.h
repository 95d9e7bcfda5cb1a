/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Recording a program from its start to the finished trace. */

#include "core/record/snapshots.h"

G_BEGIN_DECLS

#define HAT_RECORD_MAX_SAMPLE (G_GUINT64_CONSTANT (1) << 40)

typedef struct
{
  const char *const *argv;   /* the program and its arguments, NULL-terminated */
  const char *const *env;    /* NULL = the recorder's own */
  const char *directory;     /* where the program starts; NULL = here */
  const char *output;        /* NULL = NAME.PID.heapatlas here */
  gboolean no_follow;        /* only the first process image */
  gboolean free_stacks;      /* frees carry their stack too */
  guint64 sample_bytes;      /* one byte in so many is a sample point, blocks without one are not recorded; 0 = record all */
  gboolean no_snapshot;      /* not at the end of processes, and not if somebody asks */
  HatSnapshotOptions snapshots; /* unless no_snapshot */
  guint64 max_size;          /* stop recording when the trace has this many bytes; 0 = never */
  gboolean quiet;            /* say nothing on stderr unless recording failed */
  int control_fd;            /* a connected stream socket, or -1 */
} HatRecordOptions;

/* Records; returns the exit status of the contract: the program's own, 128 + its signal, 127 not found, 126 refused or not executable, 125
 * the recorder failed; 128 + its own signal if the recorder was told to leave (SIGTERM, SIGHUP), 0 after `stop`.
 *
 * Call it with one thread and before touching signals: the program inherits what is set. While it runs, SIGINT and SIGQUIT are left to the
 * program; SIGTERM and SIGHUP finish the trace and leave the program running.
 *
 * On the control channel it writes lines of words and key=value pairs:
 *
 *   process index=1 pid=42 parent=0 state=running|execed|exited exit=-1 signal=0 name=NAME
 *       an image started or ended (parent -1: the first; exit -1: unknown). The name is the rest of the line
 *   status time_ns= index= live_bytes= live_blocks= peak_bytes= events= allocations= lost= rss= processes= running= bytes_written= events_per_s=
 *     allocated_bytes=
 *       at least every 50 ms: index, live_*, peak_bytes, rss of the heaviest image that runs; events, allocations, allocated_bytes, lost of all
 *   progress share=0.42 what=resolving symbols
 *   snapshot index=1 number=0 time_ns= pause_ns= bytes= reason=exit|request|periodic|peak|function|mark
 *       one was taken, of image `index`; number: which of its snapshots
 *   warning TEXT
 *   done path=PATH           the trace is finished (the rest of the line is the path)
 *   error TEXT               it is not, or not wholly, and why
 *
 * and understands
 *
 *   stop          record no more and finish the trace; the program runs on
 *   end, kill     SIGTERM, SIGKILL to the first process
 *   mark NAME     sets a mark now
 *   snapshot      takes one of each process that runs
 *   cancel        finish without the symbols that are not resolved yet */
int hat_record_run (const HatRecordOptions *options);

G_END_DECLS
