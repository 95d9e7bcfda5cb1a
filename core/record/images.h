/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The process images of a recording: who they are, where they come from, how they end, and their rings, drained in the order of their
 * stamps. An image is one program in one process: a fork makes a new one (with its parent's live set), an exec replaces one by another.
 *
 * Thread rule: the drain thread. */

#include "core/record/clock.h"
#include "core/record/sample.h"
#include "core/record/session.h"
#include "core/record/stream.h"

G_BEGIN_DECLS

typedef struct _HatImages HatImages;

typedef enum
{
  HAT_IMAGE_RUNS,
  HAT_IMAGE_EXECED, /* replaced by another image in the same process */
  HAT_IMAGE_EXITED,
} HatImageState;

/* What others may know about an image. */
typedef struct
{
  guint index; /* in the trace */
  guint32 pid;
  gint parent; /* as HatProcess.parent */
  char *name;
  HatImageState state;
  gint32 exit_status; /* -1 = unknown */
  gint32 signal;
  HatTotals totals; /* up to date after hat_images_update_totals() */
  guint64 n_events;
  guint64 rss_bytes;
} HatImageInfo;

/* Something worth a line: a state that changed (text NULL), or a problem in words. */
typedef void (*HatImagesFunc) (const HatImageInfo *info, const char *text, gpointer data);

/* Borrows everything. `pid` is the process that was launched. */
HatImages *hat_images_new (HatSession *session, const HatClock *clock, HatTraceWriter *writer, HatStacks *stacks, guint32 pid,
                           HatImagesFunc func, gpointer data);
void hat_images_free (HatImages *images);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatImages, hat_images_free)

/* One round: finds new rings and processes, and takes in every event up to now. Returns how many. */
guint64 hat_images_drain (HatImages *images);

/* The slower things: who has ended, threads that are gone, samples, names. Call every few milliseconds. */
void hat_images_look_around (HatImages *images);

/* The launched process has ended (waitpid's status). */
void hat_images_end_first (HatImages *images, int wait_status);

/* Whether any recorded process still runs, as far as is known here. */
gboolean hat_images_any_runs (HatImages *images);

/* Takes in what is there and closes all streams. `disarmed`: the recording stops before its processes do. */
void hat_images_finish (HatImages *images, gboolean disarmed);

void hat_images_mark (HatImages *images, const char *name);

void hat_images_update_totals (HatImages *images);
/* A byte for each stack that has allocated in an image that has ended (or hat_images_finish()). */
const GByteArray *hat_images_sites (HatImages *images);
guint hat_images_n (HatImages *images);
const HatImageInfo *hat_images_get (HatImages *images, guint index);

G_END_DECLS
