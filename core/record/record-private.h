/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A recording under way; shared by record.c (running it) and finish.c (ending it). */

#include "core/record/control.h"
#include "core/record/images.h"
#include "core/record/launch.h"
#include "core/record/own-heap.h"
#include "core/record/record.h"
#include "core/record/request.h"
#include "core/record/snapshots.h"
#include "core/symbols/ahead.h"
#include "core/types/block-types.h"

typedef enum
{
  HAT_STOP_NONE,
  HAT_STOP_ENDED,   /* every recorded process has ended */
  HAT_STOP_COMMAND, /* the window said so */
  HAT_STOP_SIGNAL,  /* SIGTERM or SIGHUP */
  HAT_STOP_SIZE,    /* max_size */
  HAT_STOP_WRITE,   /* the trace cannot be written: `error` */
} HatStopReason;

typedef struct
{
  const HatRecordOptions *options;
  HatControl control;
  HatPreflight program;
  HatLaunch launch;
  HatSession session;
  HatClock clock;
  char *output;
  HatTraceWriter *writer;
  HatStacks *stacks;
  HatImages *images;
  HatSnapshots *snapshots; /* NULL: none are wanted */
  HatRequests requests;
  char *symbol_cache; /* folder */
  HatSymbolsAhead *ahead;
  guint n_ahead, n_frames_ahead; /* modules and frames given to it */
  HatTypes *types; /* block-types.h says who may use it when; modules are numbered as the writer does */

  HatOwnHeap heap;

  gboolean first_has_ended;
  int wait_status; /* of the first process */
  gboolean wants_stop, wants_cancel; /* commands that have come */
  HatStopReason reason;
  gint64 stopped_ns;
  GError *error; /* why the trace is not, or not wholly, written */
} HatRecorder;

/* record.c */
void hat_recorder_hear (HatRecorder *recorder);
gboolean hat_recorder_was_interrupted (void);
/* One line on standard error. */
void hat_recorder_say (const char *format, ...) G_GNUC_PRINTF (1, 2);
void hat_recorder_let_interrupt (void);

/* finish.c: symbols, summaries, footer, the last words on stderr. */
void hat_recorder_finish (HatRecorder *recorder);
