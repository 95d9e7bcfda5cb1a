/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A snapshot in the file: parts of at most HAT_PART_ITEMS items, each in columns and readable alone, then the chunk that completes it.
 * snapshot-write.c and snapshot-read.c are mirrors; trace-snapshots.c finds the parts. */

#include "core/trace/container.h"
#include "core/trace/snapshot.h"

G_BEGIN_DECLS

#define HAT_CONTENTS_BYTES (4u << 20)    /* of one part: what reading one block's bytes costs */
#define HAT_CONTENTS_MAX_SIZE (1ull << 40) /* of a block */

/* The chunk that completes a snapshot. */
typedef struct
{
  HatSnapshotInfo info; /* n_edges and n_roots are in `counts` */
  guint32 counts[HAT_N_PARTS]; /* CONTENTS: 0 */
} HatSnapshotHead;

void hat_snapshot_head_init (HatSnapshotHead *head, const HatSnapshot *snapshot);
void hat_snapshot_head_write (const HatSnapshotHead *head, HatBytes *out);
/* `detail` is in place in the payload. NULL, or what is wrong; n_blocks is the caller's to check. */
const char *hat_snapshot_head_read (HatReader *reader, HatSnapshotHead *out_head);

/* Appends the part that begins with item `part->first` of `part->kind`, and sets `part->n`. */
void hat_snapshot_write_part (const HatSnapshot *snapshot, HatPart *part, HatBytes *out);
HatSnapshot *hat_snapshot_copy (const HatSnapshot *snapshot);

/* Appends as many of `n` blocks as one part holds; `*before` bytes of the first one are in parts before. Sets `part->n` and `*before`: if it
 * is not 0 then, the last block goes on in the next part. Returns the bytes taken. */
gsize hat_contents_write_part (HatPart *part, guint32 n, const guint64 *sizes, const guint8 *bytes, guint64 *before, HatBytes *out);

/* What a snapshot may refer to. */
typedef struct
{
  guint32 n_modules, n_threads, n_frames;
} HatSnapshotLimits;

typedef struct
{
  HatSnapshot *snapshot;
  HatSnapshotLimits limits;
  guint32 next_block;          /* first_edge is known below it */
  guint32 done[HAT_N_PARTS];   /* items read */
  guint32 counts[HAT_N_PARTS]; /* items there are */
  GArray *interior_edge, *interior_offset;
} HatSnapshotReading;

/* FALSE: it does not fit in memory; nothing is to be freed then. */
gboolean hat_snapshot_reading_init (HatSnapshotReading *reading, const HatSnapshotHead *head, HatSnapshotLimits limits);
/* The next part of its kind. The reader is over its payload. NULL, or what is wrong: then finish all the same. */
const char *hat_snapshot_read_part (HatSnapshotReading *reading, const HatPart *part, HatReader *reader);
/* NULL if not all was there. */
HatSnapshot *hat_snapshot_reading_finish (HatSnapshotReading *reading);

/* Appends what a part of CONTENTS has of `block`, if it has any, and sets its size. NULL, or what is wrong. */
const char *hat_contents_read_part (const HatPart *part, HatReader *reader, guint32 block, HatBytes *bytes, guint64 *out_size);

G_END_DECLS
