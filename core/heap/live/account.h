/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Exact running totals of a process: everything in HatSummary, one call per event. Shared by the recorder (which writes
 * the result as the summary) and by the reader (which replays a trace that has none), so that both count the same way.
 *
 * Peak per site is exact: sites remember their live figures at the last instant the process was at its highest, lazily
 * (each site keeps the peak epoch of its last change; no pass over all sites at a new peak).
 *
 * Thread rule: one thread. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatAccount HatAccount;

/* inherited_*: what a forked child starts with (0 otherwise). */
HatAccount *hat_account_new (guint64 inherited_blocks, guint64 inherited_bytes);
void hat_account_free (HatAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatAccount, hat_account_free)

/* `old_stack`, `old_size` describe the block that ends (FREE, REALLOC, MISSED_FREE), ignored otherwise; `inherited`: it was the
 * parent's (its stack's site then loses nothing: sites of a child count its own blocks only). */
void hat_account_add (HatAccount *account, const HatEvent *event, HatStackId old_stack, guint64 old_size, gboolean inherited);

/* The same for the two kinds of which nearly all are. */
static inline void hat_account_add_alloc (HatAccount *account, HatStackId stack, guint64 size, gint64 time_ns);
static inline void hat_account_add_free (HatAccount *account, HatStackId old_stack, guint64 old_size, gboolean temporary, gboolean inherited,
                                         gint64 time_ns);

const HatTotals *hat_account_totals (HatAccount *account);
/* Sorted by stack; valid until the next call. Everything the summary needs. */
const HatSummary *hat_account_summary (HatAccount *account);
/* The same but for the sites, of which there may be a million: `sites` is NULL. */
const HatSummary *hat_account_outline (HatAccount *account);
/* Those sites from stack *next on, at most `max`. Returns how many, 0 after the last; *next becomes the stack behind them. */
guint hat_account_sites (HatAccount *account, HatStackId *next, HatSite *sites, guint max);

/* ---- how ---- */

#define HAT_ACCOUNT_BATCH 128u

typedef enum
{
  /* plain */
  HAT_ACCOUNT_ALLOC,
  HAT_ACCOUNT_FREE,
  HAT_ACCOUNT_TEMPORARY_FREE,
  /* rare */
  HAT_ACCOUNT_MISSED_FREE,
  HAT_ACCOUNT_MOVED_AWAY, /* the old half of a reallocation */
  HAT_ACCOUNT_MOVED_HERE, /* the new half, next */
  /* without a site */
  HAT_ACCOUNT_UNKNOWN_FREE,
  HAT_ACCOUNT_INHERITED = 8, /* added to others */
} HatAccountChangeKind;

/* What an event does to a block: the size is the block's. */
typedef struct
{
  guint64 size;
  gint64 time_ns;
  HatStackId stack;
  guint8 kind; /* HatAccountChangeKind */
} HatAccountChange;

typedef struct
{
  guint n;
  HatAccountChange changes[HAT_ACCOUNT_BATCH];
} HatAccountQueue;

void hat_account_apply (HatAccount *account); /* what is queued */

static inline void
hat_account_queue (HatAccount *account, guint kind, HatStackId stack, guint64 size, gint64 time_ns)
{
  HatAccountQueue *queue = (HatAccountQueue *) (gpointer) account; /* its first member */

  queue->changes[queue->n++] = (HatAccountChange) { .size = size, .time_ns = time_ns, .stack = stack, .kind = (guint8) kind };
  if (G_UNLIKELY (queue->n == HAT_ACCOUNT_BATCH))
    hat_account_apply (account);
}

static inline void
hat_account_add_alloc (HatAccount *account, HatStackId stack, guint64 size, gint64 time_ns)
{
  hat_account_queue (account, HAT_ACCOUNT_ALLOC, stack, size, time_ns);
}

static inline void
hat_account_add_free (HatAccount *account, HatStackId old_stack, guint64 old_size, gboolean temporary, gboolean inherited, gint64 time_ns)
{
  hat_account_queue (account, HAT_ACCOUNT_FREE + !!temporary + (inherited ? HAT_ACCOUNT_INHERITED : 0), old_stack, old_size, time_ns);
}

G_END_DECLS
