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

#define INDEX_PAGE_BITS 10
#define INDEX_PAGE (1u << INDEX_PAGE_BITS)
#define BATCH 128u

typedef struct
{
  HatSite site;
  guint64 epoch; /* peak_epoch when peak_* were last brought up to date */
} Site;

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

  GPtrArray *index; /* by stack: pages of (position in sites) + 1 */
  GArray *sites;    /* Site */
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
  account->sites = g_array_new (FALSE, TRUE, sizeof (Site));
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
  g_array_unref (account->sites);
  g_array_unref (account->leaves);
  g_array_unref (account->summary_sites);
  g_array_unref (account->summary_leaves);
  g_free (account);
}

/* ---- sites ---- */

static inline guint32 *
slot_of (HatAccount *account, HatStackId stack)
{
  const guint page = stack >> INDEX_PAGE_BITS;

  if (G_UNLIKELY (page >= account->index->len))
    g_ptr_array_set_size (account->index, page + 1);
  if (G_UNLIKELY (account->index->pdata[page] == NULL))
    account->index->pdata[page] = g_new0 (guint32, INDEX_PAGE);
  return (guint32 *) account->index->pdata[page] + (stack & (INDEX_PAGE - 1));
}

static void
site_new (HatAccount *account, const Change *change, guint32 *slot)
{
  const Site fresh = { .site.stack = change->stack, .epoch = change->epoch };
  g_array_append_val (account->sites, fresh);
  *slot = account->sites->len;
}

static inline void
site_catch_up (Site *site, guint64 epoch)
{
  if (site->epoch == epoch)
    return;
  site->site.peak_blocks = site->site.live_blocks;
  site->site.peak_bytes = site->site.live_bytes;
  site->epoch = epoch;
}

static inline void
site_change (HatSite *site, const Change *change)
{
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
      site->frees++;
      G_GNUC_FALLTHROUGH;
    case CHANGE_MISSED_FREE:
      site->bytes_freed += change->size;
      G_GNUC_FALLTHROUGH;
    case CHANGE_MOVED_AWAY:
      site->live_blocks--;
      site->live_bytes -= change->size;
      return;
    case CHANGE_MOVED_HERE:
      site->reallocations++;
      site->realloc_delta_bytes += (gint64) (change->size - change->old_size);
      site->live_blocks++;
      site->live_bytes += change->size;
      return;
    }
}

static void
apply_changes (HatAccount *account)
{
  guint32 *slots[BATCH];

  for (guint i = 0; i < account->n_changes; i++)
    __builtin_prefetch (slots[i] = slot_of (account, account->changes[i].stack));
  for (guint i = 0; i < account->n_changes; i++)
    {
      if (G_UNLIKELY (*slots[i] == 0))
        site_new (account, &account->changes[i], slots[i]);
      const Site *site = &g_array_index (account->sites, Site, *slots[i] - 1);
      __builtin_prefetch (site, 1);
      __builtin_prefetch ((const char *) site + 64, 1);
      __builtin_prefetch (&site->epoch, 1);
    }
  for (guint i = 0; i < account->n_changes; i++)
    {
      Site *site = &g_array_index (account->sites, Site, *slots[i] - 1);
      site_catch_up (site, account->changes[i].epoch);
      site_change (&site->site, &account->changes[i]);
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

static int
compare_sites (gconstpointer a, gconstpointer b)
{
  const HatStackId x = ((const HatSite *) a)->stack, y = ((const HatSite *) b)->stack;
  return x < y ? -1 : x > y;
}

const HatSummary *
hat_account_summary (HatAccount *account)
{
  apply_changes (account);
  g_array_set_size (account->summary_sites, 0);
  for (guint i = 0; i < account->sites->len; i++)
    {
      Site *site = &g_array_index (account->sites, Site, i);
      site_catch_up (site, account->peak_epoch);
      g_array_append_val (account->summary_sites, site->site);
    }
  g_array_sort (account->summary_sites, compare_sites);

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
