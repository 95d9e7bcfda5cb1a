/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A list model over a live set: rows in any order, made when they are looked at. Sorting and filtering make a new one.
 */

#include <gio/gio.h>

#include "core/graph/graph.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_BLOCK_ADDRESS,
  HAT_BLOCK_SIZE,
  HAT_BLOCK_AGE,
  HAT_BLOCK_THREAD,
  HAT_BLOCK_CLASS,
  HAT_BLOCK_TYPE,
  HAT_BLOCK_SITE,
} HatBlockColumn;
#define HAT_N_BLOCK_COLUMNS 7

typedef struct
{
  HatBlockColumn column;
  gboolean is_descending;
} HatBlockOrder;

#define HAT_TYPE_BLOCK_ROW (hat_block_row_get_type ())
G_DECLARE_FINAL_TYPE (HatBlockRow, hat_block_row, HAT, BLOCK_ROW, GObject)

HatBlockRow *hat_block_row_new (const HatBlock *block);
const HatBlock *hat_block_row_get_block (HatBlockRow *self);

#define HAT_TYPE_BLOCK_ROWS (hat_block_rows_get_type ())
G_DECLARE_FINAL_TYPE (HatBlockRows, hat_block_rows, HAT, BLOCK_ROWS, GObject)

/* Any thread. `filter` is looked for, without case, in function, module, type, address and thread name; "" keeps all. Takes
 * over `live`, also when it fails (cancelled). `graph` knows leak classes and types, or is NULL. */
HatBlockRows *hat_block_rows_new (HatHeap *heap, HatLive *live, HatGraph *graph, HatBlockOrder order, const char *filter,
                                  const HatProgress *progress, GError **error);
const HatLive *hat_block_rows_live (HatBlockRows *self);
/* The leak class of a block that is in the snapshot, HAT_LEAK_UNFREED of one that is not. */
HatLeakClass hat_block_rows_class (HatBlockRows *self, const HatBlock *block);
/* What a block is, in the snapshot or by the stack that made it; NULL: not known. *out_elements: how many, 1 if it is one. */
const char *hat_block_rows_type (HatBlockRows *self, const HatBlock *block, guint64 *out_elements);
guint64 hat_block_rows_bytes (HatBlockRows *self); /* of those that are in */
const HatBlock *hat_block_rows_at (HatBlockRows *self, guint position);

G_END_DECLS
