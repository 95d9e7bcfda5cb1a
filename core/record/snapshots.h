/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Snapshots of the recorded processes: when to take one, and how. The process stands still while its rings are drained, so that its live set
 * is exact, and its memory is copied; what points to what is found afterwards, in a thread of our own.
 *
 * Thread rule: the drain thread. */

#include "core/record/images.h"
#include "core/types/types.h"

G_BEGIN_DECLS

typedef struct _HatSnapshots HatSnapshots;

typedef struct
{
  guint n;              /* taken */
  guint n_skipped;      /* processes other than the first that ended without one, because all together took too long */
  gint64 longest_ns, total_ns; /* the programs stood still */
  guint64 read_bytes;   /* copied */
  guint64 peak_bytes;   /* our own memory for it, at most; returned to the system when done */
} HatSnapshotsTotals;

/* One was taken (text NULL): number `number` of the image; or a problem in words, for everybody to see. */
typedef void (*HatSnapshotsFunc) (const HatImageInfo *image, guint number, const HatSnapshotInfo *info, const char *text, gpointer data);

typedef enum
{
  HAT_CONTENTS_POINTERS, /* pointers, and what tells types: words that point into modules */
  HAT_CONTENTS_ALL,
  HAT_CONTENTS_NONE,     /* which block points to which, and nothing else */
} HatContents;

typedef struct
{
  double every_s;       /* between periodic ones; 0 = none */
  gboolean at_peak;
  gboolean trace_exit;  /* the first process is traced from its start, so that any end of it has one */
  HatContents contents; /* what is kept of the blocks' bytes */
  guint64 max_copy_bytes; /* more is looked at while the process stands still; 0 = half of the free memory */
  const char *function; /* take one when it is first seen on a stack; NULL = none */
} HatSnapshotOptions;

/* Before the program is started. Borrows all; uses `types` in threads of its own until it has finished. Processes will ask for one when they end, and as the options say. */
HatSnapshots *hat_snapshots_new (HatImages *images, HatTypes *types, const HatSnapshotOptions *options, HatSnapshotsFunc func,
                                 gpointer data);
/* Gives up what is under way. */
void hat_snapshots_free (HatSnapshots *snapshots);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSnapshots, hat_snapshots_free)

/* Every round, after hat_images_drain(): takes those that are asked for, and writes those that are ready. */
void hat_snapshots_look (HatSnapshots *snapshots);
/* Takes one now, of a process or (0) of all that run. Returns what to say of it in one line (g_free), or NULL: there is none that could be taken. */
char *hat_snapshots_take (HatSnapshots *snapshots, guint32 pid, HatSnapshotReason reason, const char *detail);
/* Waits until all that were taken are written. */
void hat_snapshots_finish (HatSnapshots *snapshots);

const HatSnapshotsTotals *hat_snapshots_totals (HatSnapshots *snapshots);

G_END_DECLS
