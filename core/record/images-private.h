/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by images.c (processes) and rings.c (their threads' rings). */

#include "core/record/images.h"

typedef struct _HatImage HatImage;

#define HAT_RING_AHEAD 32u

/* A thread of an image. Kept as long as the image's stream. */
typedef struct
{
  HatStreamThread stream; /* first */
  guint32 tid;
  char *name;
} HatImageThread;

typedef struct
{
  guint number; /* in the session */
  HatWireRing *wire;
  HatImage *image;
  HatImageThread *thread;
  HatDecoder decoder;
  HatRawEvent ahead[HAT_RING_AHEAD]; /* decoded, but not taken yet */
  guint n_ahead, next_ahead;
  guint64 pending;      /* stamp of its next event, G_MAXUINT64 = none for now */
  guint64 began;        /* likewise; of a reallocation: when it began */
  guint64 last_ticks;   /* of the event decoded last */
  guint64 released;     /* words given back */
  guint64 moving_ticks; /* when the reallocation began that its thread is in; 0 = none */
  gboolean is_broken;
} HatRing;

struct _HatImage
{
  HatImageInfo info; /* first */
  guint slot;
  gboolean is_first_process;
  gboolean is_foreign; /* its pid is not a pid here (another pid namespace) */
  gboolean is_foreign_allocator; /* not the C library's */
  guint n_parked;         /* events of the stream that wait; kept up to date while it is drained */
  gboolean is_held;       /* too many events wait for one that is not told yet */
  gboolean is_last_drain; /* nothing more will come: wait for nothing */
  gboolean is_finished;
  int pidfd;
  gint64 start_ns, end_ns;
  guint64 lost_events;
  HatStream *stream; /* NULL: finished, and nobody can inherit from it any more */
  HatModules *modules;
  GPtrArray *rings;   /* HatRing, owned */
  GPtrArray *threads; /* HatImageThread, owned */
  HatSampler sampler;
  GHashTable *looked_at; /* starts (guint64) of modules in which the watched function was looked for; or NULL */
};

/* The state at a FORK word, kept for the child. */
typedef struct
{
  HatImage *parent;
  HatStreamState state;
  HatModules *modules;
} HatFork;

struct _HatImages
{
  HatSession *session;
  const HatClock *clock;
  HatTraceWriter *writer;
  HatStacks *stacks;
  guint32 pid;
  HatImagesFunc func;
  gpointer data;

  GPtrArray *all;     /* HatImage by index, owned */
  GPtrArray *running; /* those that are not finished, oldest first */
  HatImage *slots[HAT_WIRE_MAX_PROCESSES];
  gint64 waiting_since[HAT_WIRE_MAX_PROCESSES]; /* for the parent's FORK word */
  GPtrArray *rings;   /* HatRing by number, or NULL; as long as have been in use so far */
  GPtrArray *active;  /* HatRing; scratch of a round */
  GArray *newcomers;  /* slots of processes that are not registered yet, by start */

  GByteArray *sites;  /* by HatStackId: it allocates */

  GHashTable *unseen; /* executables whose malloc cannot be recorded: said already */
  GHashTable *forks; /* id -> HatFork */
  GQueue fork_order; /* ids, oldest first */
  GQueue heirless;   /* HatImage: finished, but a child may still turn up */

  gboolean first_has_ended; /* the launched process, as waitpid says */
  int first_status;
  gint64 first_end_ns;
  guint64 first_start; /* of the launched process, clock ticks since boot */
  guint64 seen_lost;   /* of the session's lost events */
  guint64 now_ticks; /* of this round */
  gint64 now_ns;     /* likewise */
  gint64 next_reclaim_ns, next_names_ns;
};

/* rings.c */
HatRing *hat_ring_new (HatImages *images, guint number, HatImage *image);
void hat_ring_free (HatRing *ring);
/* Takes in the image's events that are not after `limit`. */
guint64 hat_image_drain (HatImages *images, HatImage *image, guint64 limit);
/* The stamp up to which all is told that can be told: what a thread did not publish, nobody else can have built upon, unless it is inside a
 * reallocation. */
guint64 hat_image_complete_ticks (HatImage *image);
/* Gives back the rings of threads that are gone. */
void hat_image_reclaim_rings (HatImages *images, HatImage *image, gboolean all);

/* images.c */
/* Shared memory of ours that the image has touched. */
guint64 hat_image_own_bytes (HatImage *image);
void hat_images_keep_fork (HatImages *images, HatImage *parent, guint64 id);
