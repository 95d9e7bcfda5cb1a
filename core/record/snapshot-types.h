/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the blocks of a snapshot are, by the best evidence there is, and the variables that hold them.
 *
 * A block says it itself (a pointer to C++'s virtual functions, a GType), or its allocating stack does, or pointers of known type lead to it:
 * from global variables, from variables of the stopped frames, from blocks whose type is known; until nothing new is found. In a class of
 * blocks (one stack, one size) those that nothing leads to are what all others are. Where two types are claimed, none is given: size alone
 * never names one.
 *
 * Time is linear in blocks and pointers; memory is 8 bytes a block and what is kept of the values.
 *
 * Thread rule: any thread, one at a time for one HatTypes. */

#include "core/record/snapshot-unwind.h"
#include "core/types/block-types.h"
#include "core/types/slots.h"

G_BEGIN_DECLS

typedef struct
{
  HatTypes *types;
  const HatRootPlan *plan;
  HatModuleReader *reader;
  const HatCopy *contents; /* of blocks; NULL: they were not copied */
  const HatCopy *roots;
  const HatBlockIndex *blocks;
  const HatStackId *stacks;            /* by block */
  const GHashTable *site_types;        /* HatStackId -> HatBlockType of the recorder's types; NULL: nothing is known of stacks */
  const HatRootThread *threads;        /* by thread of the stop */
  guint n_threads;
  const HatUnwoundFrame *frames;       /* like out->frames */
  gboolean has_values;                 /* they are to be kept */
  HatSnapshot *out;
  GStringChunk *strings;
  const char *problem;                 /* result: what could not be found, in words for people; or NULL */
} HatTyping;

/* Fills in kinds, block_kind, values and variables of `out`, and names roots that are variables. Types are kept: hat_types_take_kept(). */
void hat_snapshot_find_types (HatTyping *typing);

G_END_DECLS
