/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The contents of blocks to pointers: the edges and module words of a HatSnapshot.
 *
 * Thread rule: one thread. */

#include "core/record/snapshot-index.h"
#include "core/trace/snapshot.h"

G_BEGIN_DECLS

/* A module's image in the process. */
typedef struct
{
  guint64 start, end, bias;
  guint32 module; /* the writer's */
} HatScanModule;

/* A word that may be a pointer. */
typedef struct
{
  guint64 value;
  guint32 block, word; /* where it stands; HAT_NO_BLOCK: nowhere */
} HatScanWord;

#define HAT_SCAN_AHEAD 32u

typedef struct
{
  const HatBlockIndex *index;
  const HatScanModule *modules; /* by address, disjoint; borrowed */
  guint n_modules;

  /* its own */
  HatSnapshot *out;
  HatScanWord found[HAT_SCAN_AHEAD]; /* the last ones: what it takes to look them up is on its way */
  guint n_found;
  guint32 at; /* block that is being scanned; all before are done */
  gsize edges_room, interior_room, module_words_room;
  guint64 low, span; /* of blocks and modules */
  guint last_module;
  gboolean has_popcnt;
  gboolean is_full; /* more edges than a snapshot can have: the rest is left out */
} HatScan;

/* `out` is empty; it gets the arrays, which hat_snapshot_free() will free. */
void hat_scan_begin (HatScan *scan, const HatBlockIndex *index, const HatScanModule *modules, guint n_modules, HatSnapshot *out);
/* n words of block `block`, the first at offset first * 8. In order of blocks and words. */
void hat_scan_words (HatScan *scan, guint32 block, guint32 first, const guint64 *words, gsize n);
void hat_scan_end (HatScan *scan);

/* The module in whose image `address` lies, or NULL. */
const HatScanModule *hat_scan_find_module (const HatScanModule *modules, guint n_modules, guint64 address);

G_END_DECLS
