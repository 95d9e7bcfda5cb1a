/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A recording that runs: the recorder is a process of its own, told what to do and telling how it goes over a socket;
 * the program's input and output go through pipes of ours. If this window goes, the recording goes on.
 *
 * Signals: "status" (after each status line), "output" (text, is_error), "processes" (one started or ended), "warning"
 * (text), "finished" (path of the trace or NULL, error or NULL). Main thread. */

#include <gio/gio.h>

#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef struct
{
  char *program;
  char **arguments; /* NULL-terminated, without the program */
  char *directory;  /* or NULL */
  char **env;       /* NAME=VALUE to add, NULL-terminated; or NULL */
} HatLaunch;

HatLaunch *hat_launch_new (const char *program, const char *const *arguments, const char *directory,
                           const char *const *env);
HatLaunch *hat_launch_copy (const HatLaunch *launch);
void hat_launch_free (HatLaunch *launch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatLaunch, hat_launch_free)

typedef struct
{
  gint64 time_ns;
  guint64 live_bytes, live_blocks, events, allocations, lost, rss, bytes_written, events_per_s, allocated_bytes;
  guint running;
} HatLiveStatus;

#define HAT_TYPE_LIVE_RECORDING (hat_live_recording_get_type ())
G_DECLARE_FINAL_TYPE (HatLiveRecording, hat_live_recording, HAT, LIVE_RECORDING, GObject)

HatLiveRecording *hat_live_recording_start (const HatLaunch *launch, const char *output_path, GError **error);

const HatLaunch *hat_live_recording_launch (HatLiveRecording *self);
const HatLiveStatus *hat_live_recording_history (HatLiveRecording *self,
                                                 guint *out_n);                 /* every status so far, for the curve */
const HatMark *hat_live_recording_marks (HatLiveRecording *self, guint *out_n); /* set from here */
guint32 hat_live_recording_pid (HatLiveRecording *self); /* of the first process; 0: not known yet */
gboolean hat_live_recording_program_runs (HatLiveRecording *self);
gboolean hat_live_recording_is_finished (HatLiveRecording *self); /* "finished" was emitted */
double hat_live_recording_progress (HatLiveRecording *self,
                                    const char **out_what); /* of finishing; < 0: it still records */

void hat_live_recording_stop (HatLiveRecording *self); /* record no more, the program runs on */
void hat_live_recording_end (HatLiveRecording *self, gboolean by_force);
void hat_live_recording_mark (HatLiveRecording *self, const char *name);
/* Of what points to what, now: the program stands still for a moment. Told by a warning, and a mark of its own, when it is taken. */
void hat_live_recording_snapshot (HatLiveRecording *self);
void hat_live_recording_skip_symbols (HatLiveRecording *self);
void hat_live_recording_send_input (HatLiveRecording *self, const char *line); /* a newline is added */
void hat_live_recording_close_input (HatLiveRecording *self);

G_END_DECLS
