/* SPDX-License-Identifier: Apache-2.0
 *
 * Running totals, per process and per site.
 *
 * A program with many stacks has more sites than a cache holds. What events do to sites is therefore collected, and applied in batches that
 * fetch ahead; nobody looks at sites before the summary.
 *
 * The peak of a site is its live figure at the instant the whole process was at its highest. Copying every site at each
 * new peak would cost a pass over all sites; instead, `peak_epoch` counts the new peaks, and a site that is about to
 * change first notes its present figures if there was a new peak since its last change. */

#include "core/heap/live/account.h"

#define PAGE_BITS 10
#define PAGE (1u << PAGE_BITS)
#define BATCH 128u

/* A cache line: what nearly every event changes. */
typedef struct
{
  guint64 allocations, bytes;
  guint64 live_blocks, live_bytes;
  guint64 peak_blocks, peak_bytes;
  guint64 temporary;
  guint64 epoch; /* peak_epoch when peak_* were last brought up to date */
} Site;
G_STATIC_ASSERT (sizeof (Site) == 64);

/* What few sites have. Frees and the bytes freed are what else is missing of the live ones. */
typedef struct
{
  guint64 moved_here, bytes_moved_here; /* by a reallocation */
  guint64 moved_away, bytes_moved_away;
  guint64 missed;
  gint64 realloc_delta_bytes;
} Moves;

typedef enum
{
  CHANGE_ALLOC,
  CHANGE_FREE,
  CHANGE_TEMPORARY_FREE,
  CHANGE_MISSED_FREE,
  CHANGE_MOVED_AWAY, /* the old half of a reallocation */
  CHANGE_MOVED_HERE,
} ChangeKind;

/* What an event does to a site. */
typedef struct
{
  guint64 size;
  guint64 old_size; /* MOVED_HERE */
  guint64 epoch;    /* peak_epoch then */
  HatStackId stack;
  guint8 kind;
} Change;

struct _HatAccount
{
  HatTotals totals;
  guint64 n_events;
  gint64 last_ns; /* of the last event */
  guint64 peak_epoch;

  GPtrArray *index; /* by stack: pages of (number of the site) + 1 */
  GPtrArray *sites; /* by number: pages of Site */
  guint n_sites;
  GPtrArray *moves_index; /* by stack: pages of (position in moves) + 1 */
  GArray *moves;          /* Moves */
  guint n_changes;
  Change changes[BATCH];

  GArray *leaves; /* HatLeaf, full ones */
  guint n_in_leaf;
  guint64 min_bytes, max_bytes; /* of the one being filled */
  HatTotals before;             /* it */

  HatSummary summary;
  GArray *summary_sites;  /* HatSite */
  GArray *summary_leaves; /* HatLeaf */
};

HatAccount *
hat_account_new (guint64 inherited_blocks, guint64 inherited_bytes)
{
  HatAccount *account = g_new0 (HatAccount, 1);
  account->totals.inherited_blocks = account->totals.live_blocks = inherited_blocks;
  account->totals.inherited_bytes = account->totals.live_bytes = inherited_bytes;
  account->totals.peak_bytes = inherited_bytes;
  account->before = account->totals;
  account->min_bytes = G_MAXUINT64;
  account->index = g_ptr_array_new_with_free_func (g_free);
  account->sites = g_ptr_array_new_with_free_func (g_aligned_free);
  account->moves_index = g_ptr_array_new_with_free_func (g_free);
  account->moves = g_array_new (FALSE, TRUE, sizeof (Moves));
  account->leaves = g_array_new (FALSE, FALSE, sizeof (HatLeaf));
  account->summary_sites = g_array_new (FALSE, FALSE, sizeof (HatSite));
  account->summary_leaves = g_array_new (FALSE, FALSE, sizeof (HatLeaf));
  return account;
}

void
hat_account_free (HatAccount *account)
{
  if (account == NULL)
    return;
  g_ptr_array_unref (account->index);
  g_ptr_array_unref (account->sites);
  g_ptr_array_unref (account->moves_index);
  g_array_unref (account->moves);
  g_array_unref (account->leaves);
  g_array_unref (account->summary_sites);
  g_array_unref (account->summary_leaves);
  g_free (account);
}

/* ---- sites ---- */

static inline guint32 *
slot_of (GPtrArray *index, HatStackId stack)
{
  const guint page = stack >> PAGE_BITS;

  if (G_UNLIKELY (page >= index->len))
    g_ptr_array_set_size (index, page + 1);
  if (G_UNLIKELY (index->pdata[page] == NULL))
    index->pdata[page] = g_new0 (guint32, PAGE);
  return (guint32 *) index->pdata[page] + (stack & (PAGE - 1));
}

static inline Site *
site_at (HatAccount *account, guint32 slot)
{
  return (Site *) account->sites->pdata[(slot - 1) >> PAGE_BITS] + ((slot - 1) & (PAGE - 1));
}

static void
site_new (HatAccount *account, guint64 epoch, guint32 *slot)
{
  if (account->n_sites % PAGE == 0)
    g_ptr_array_add (account->sites, g_aligned_alloc (PAGE, sizeof (Site), sizeof (Site)));
  *slot = ++account->n_sites;
  *site_at (account, *slot) = (Site) { .epoch = epoch };
}

static Moves *
moves_of (HatAccount *account, HatStackId stack)
{
  guint32 *slot = slot_of (account->moves_index, stack);

  if (*slot == 0)
    {
      g_array_set_size (account->moves, account->moves->len + 1);
      *slot = account->moves->len;
    }
  return &g_array_index (account->moves, Moves, *slot - 1);
}

static inline void
site_catch_up (Site *site, guint64 epoch)
{
  if (site->epoch == epoch)
    return;
  site->peak_blocks = site->live_blocks;
  site->peak_bytes = site->live_bytes;
  site->epoch = epoch;
}

static inline void
site_change (HatAccount *account, Site *site, const Change *change)
{
  Moves *moves;

  switch ((ChangeKind) change->kind)
    {
    case CHANGE_ALLOC:
      site->allocations++;
      site->bytes += change->size;
      site->live_blocks++;
      site->live_bytes += change->size;
      return;
    case CHANGE_TEMPORARY_FREE:
      site->temporary++;
      G_GNUC_FALLTHROUGH;
    case CHANGE_FREE:
      break;
    case CHANGE_MISSED_FREE:
      moves_of (account, change->stack)->missed++;
      break;
    case CHANGE_MOVED_AWAY:
      moves = moves_of (account, change->stack);
      moves->moved_away++;
      moves->bytes_moved_away += change->size;
      break;
    case CHANGE_MOVED_HERE:
      moves = moves_of (account, change->stack);
      moves->moved_here++;
      moves->bytes_moved_here += change->size;
      moves->realloc_delta_bytes += (gint64) (change->size - change->old_size);
      site->live_blocks++;
      site->live_bytes += change->size;
      return;
    }
  site->live_blocks--;
  site->live_bytes -= change->size;
}

static void
apply_changes (HatAccount *account)
{
  const guint n = account->n_changes;
  guint32 *slots[BATCH];
  Site *sites[BATCH];

  for (guint i = 0; i < n; i++)
    __builtin_prefetch (slots[i] = slot_of (account->index, account->changes[i].stack));
  for (guint i = 0; i < n; i++)
    {
      if (G_UNLIKELY (*slots[i] == 0))
        site_new (account, account->changes[i].epoch, slots[i]);
      __builtin_prefetch (sites[i] = site_at (account, *slots[i]), 1);
    }
  for (guint i = 0; i < n; i++)
    {
      site_catch_up (sites[i], account->changes[i].epoch);
      site_change (account, sites[i], &account->changes[i]);
    }
  account->n_changes = 0;
}

static inline void
add_change (HatAccount *account, ChangeKind kind, HatStackId stack, guint64 size, guint64 old_size)
{
  account->changes[account->n_changes++] = (Change) { .size = size, .old_size = old_size, .epoch = account->peak_epoch, .stack = stack,
                                                      .kind = kind };
  if (G_UNLIKELY (account->n_changes == BATCH))
    apply_changes (account);
}

/* ---- totals ---- */

static inline void
block_born (HatAccount *account, guint64 size)
{
  account->totals.live_blocks++;
  account->totals.live_bytes += size;
}

static inline void
block_died (HatAccount *account, guint64 size)
{
  account->totals.live_blocks--;
  account->totals.live_bytes -= size;
}

/* The leaf being filled, after its last event so far. */
static HatLeaf
leaf_so_far (HatAccount *account)
{
  const HatTotals *now = &account->totals, *before = &account->before;
  return (HatLeaf) { .end_ns = account->last_ns,
                     .min_bytes = account->min_bytes,
                     .max_bytes = account->max_bytes,
                     .last_bytes = now->live_bytes,
                     .last_blocks = now->live_blocks,
                     .allocations = now->allocations - before->allocations,
                     .allocated_bytes = now->bytes_allocated - before->bytes_allocated,
                     .frees = now->frees - before->frees };
}

static void
leaf_end (HatAccount *account)
{
  const HatLeaf leaf = leaf_so_far (account);
  g_array_append_val (account->leaves, leaf);
  account->before = account->totals;
  account->n_in_leaf = 0;
  account->min_bytes = G_MAXUINT64;
  account->max_bytes = 0;
}

static inline void
leaf_add (HatAccount *account, gint64 time_ns)
{
  const guint64 live = account->totals.live_bytes;

  account->last_ns = time_ns;
  account->min_bytes = MIN (account->min_bytes, live);
  account->max_bytes = MAX (account->max_bytes, live);
  if (G_UNLIKELY (++account->n_in_leaf == HAT_LEAF_EVENTS))
    leaf_end (account);
}

void
hat_account_add (HatAccount *account, const HatEvent *event, HatStackId old_stack, guint64 old_size, gboolean inherited)
{
  HatTotals *totals = &account->totals;

  switch ((HatEventKind) event->kind)
    {
    case HAT_EVENT_ALLOC:
      add_change (account, CHANGE_ALLOC, event->stack, event->size, 0);
      block_born (account, event->size);
      totals->allocations++;
      totals->bytes_allocated += event->size;
      break;

    case HAT_EVENT_FREE:
      if (!inherited)
        add_change (account, event->temporary ? CHANGE_TEMPORARY_FREE : CHANGE_FREE, old_stack, old_size, 0);
      block_died (account, old_size);
      totals->frees++;
      totals->bytes_freed += old_size;
      totals->temporary += event->temporary;
      break;

    case HAT_EVENT_REALLOC:
      if (!inherited)
        add_change (account, CHANGE_MOVED_AWAY, old_stack, old_size, 0);
      add_change (account, CHANGE_MOVED_HERE, event->stack, event->size, old_size);
      block_died (account, old_size);
      block_born (account, event->size);
      totals->reallocations++;
      totals->realloc_delta_bytes += (gint64) (event->size - old_size);
      break;

    case HAT_EVENT_UNKNOWN_FREE:
      totals->frees++;
      totals->unknown_frees++;
      break;

    case HAT_EVENT_MISSED_FREE:
      if (!inherited)
        add_change (account, CHANGE_MISSED_FREE, old_stack, old_size, 0);
      block_died (account, old_size);
      totals->missed_frees++;
      totals->bytes_freed += old_size;
      break;
    }

  account->n_events++;
  if (totals->live_bytes > totals->peak_bytes)
    {
      totals->peak_bytes = totals->live_bytes;
      totals->peak_time_ns = event->time_ns;
      totals->peak_event = account->n_events;
      account->peak_epoch++;
    }
  leaf_add (account, event->time_ns);
}

const HatTotals *
hat_account_totals (HatAccount *account)
{
  return &account->totals;
}

static HatSite
site_so_far (HatAccount *account, HatStackId stack, Site *site)
{
  const guint32 slot = stack >> PAGE_BITS < account->moves_index->len && account->moves_index->pdata[stack >> PAGE_BITS]
                           ? *slot_of (account->moves_index, stack)
                           : 0;
  const Moves moves = slot ? g_array_index (account->moves, Moves, slot - 1) : (Moves) { 0 };

  site_catch_up (site, account->peak_epoch);
  return (HatSite) { .stack = stack,
                     .allocations = site->allocations,
                     .bytes = site->bytes,
                     .frees = site->allocations + moves.moved_here - moves.moved_away - moves.missed - site->live_blocks,
                     .bytes_freed = site->bytes + moves.bytes_moved_here - moves.bytes_moved_away - site->live_bytes,
                     .reallocations = moves.moved_here,
                     .realloc_delta_bytes = moves.realloc_delta_bytes,
                     .live_blocks = site->live_blocks,
                     .live_bytes = site->live_bytes,
                     .peak_blocks = site->peak_blocks,
                     .peak_bytes = site->peak_bytes,
                     .temporary = site->temporary };
}

const HatSummary *
hat_account_summary (HatAccount *account)
{
  apply_changes (account);
  g_array_set_size (account->summary_sites, account->n_sites);
  HatSite *next = (HatSite *) (gpointer) account->summary_sites->data;
  for (guint page = 0; page < account->index->len; page++)
    for (guint i = 0; account->index->pdata[page] && i < PAGE; i++)
      {
        const guint32 slot = ((const guint32 *) account->index->pdata[page])[i];
        if (slot != 0)
          *next++ = site_so_far (account, page << PAGE_BITS | i, site_at (account, slot));
      }

  g_array_set_size (account->summary_leaves, 0);
  g_array_append_vals (account->summary_leaves, account->leaves->data, account->leaves->len);
  if (account->n_in_leaf > 0)
    {
      const HatLeaf leaf = leaf_so_far (account);
      g_array_append_val (account->summary_leaves, leaf);
    }

  account->summary = (HatSummary) {
    .totals = account->totals,
    .n_sites = account->summary_sites->len,
    .sites = (const HatSite *) account->summary_sites->data,
    .n_leaves = account->summary_leaves->len,
    .leaves = (const HatLeaf *) account->summary_leaves->data,
  };
  return &account->summary;
}
