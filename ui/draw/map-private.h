/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The map's model as its layout sees it. */

#include "ui/draw/map-layout.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 start, end;
  guint64 offset; /* of start in its group */
  guint64 first_block, n_blocks;
} HatMapPiece;

typedef struct
{
  char *title;
  GArray *pieces; /* by address */
  guint64 size;   /* offsets */
  guint64 n_blocks, bytes;
} HatMapGroup;

struct _HatMapModel
{
  gatomicrefcount refs;
  HatHeap *heap;
  const HatLive *live;
  GPtrArray *groups;
};

/* The piece that holds an offset of a group. */
const HatMapPiece *hat_map_piece_at (const HatMapGroup *group, guint64 offset);
/* Where an address is drawn; FALSE if it is in no group. */
gboolean hat_map_find (const HatMapModel *model, guint64 address, guint *out_group, guint64 *out_offset);
/* Index of the first block at or after `address`, from index `low` on. */
guint64 hat_map_first_block (const HatLive *live, guint64 low, guint64 address);

G_END_DECLS
