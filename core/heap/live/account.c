/* SPDX-License-Identifier: Apache-2.0
 *
 * Running totals, per process and per site.
 *
 * The peak of a site is its live figure at the instant the whole process was at its highest. Copying every site at each
 * new peak would cost a pass over all sites; instead, `peak_epoch` counts the new peaks, and a site that is about to
 * change first notes its present figures if there was a new peak since its last change. */

#include "core/heap/live/account.h"

#define INDEX_PAGE_BITS 10
#define INDEX_PAGE (1u << INDEX_PAGE_BITS)

typedef struct
{
  HatSite site;
  guint64 epoch; /* peak_epoch when peak_* were last brought up to date */
} Site;

struct _HatAccount
{
  HatTotals totals;
  guint64 n_events;
  guint64 peak_epoch;

  GPtrArray *index; /* by stack: pages of (position in sites) + 1 */
  GArray *sites;    /* Site */

  GArray *leaves; /* HatLeaf, full ones */
  HatLeaf leaf;   /* the one being filled */
  guint n_in_leaf;

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

static inline void
site_catch_up (HatAccount *account, Site *site)
{
  if (site->epoch == account->peak_epoch)
    return;
  site->site.peak_blocks = site->site.live_blocks;
  site->site.peak_bytes = site->site.live_bytes;
  site->epoch = account->peak_epoch;
}

static Site *
site_new (HatAccount *account, HatStackId stack, guint32 *slot)
{
  const Site fresh = { .site.stack = stack, .epoch = account->peak_epoch };
  g_array_append_val (account->sites, fresh);
  *slot = account->sites->len;
  return &g_array_index (account->sites, Site, account->sites->len - 1);
}

/* The site of `stack`, about to change. Valid until the next call. */
static inline Site *
site_of (HatAccount *account, HatStackId stack)
{
  const guint page = stack >> INDEX_PAGE_BITS;

  if (G_UNLIKELY (page >= account->index->len))
    g_ptr_array_set_size (account->index, page + 1);
  if (G_UNLIKELY (account->index->pdata[page] == NULL))
    account->index->pdata[page] = g_new0 (guint32, INDEX_PAGE);
  guint32 *slot = (guint32 *) account->index->pdata[page] + (stack & (INDEX_PAGE - 1));
  if (G_UNLIKELY (*slot == 0))
    return site_new (account, stack, slot);
  Site *site = &g_array_index (account->sites, Site, *slot - 1);
  site_catch_up (account, site);
  return site;
}

static inline void
block_born (HatAccount *account, Site *site, guint64 size)
{
  site->site.live_blocks++;
  site->site.live_bytes += size;
  account->totals.live_blocks++;
  account->totals.live_bytes += size;
}

/* Returns the site the block belonged to, NULL if it was inherited. */
static inline HatSite *
block_died (HatAccount *account, HatStackId stack, guint64 size, gboolean inherited)
{
  account->totals.live_blocks--;
  account->totals.live_bytes -= size;
  if (inherited)
    return NULL;
  HatSite *site = &site_of (account, stack)->site;
  site->live_blocks--;
  site->live_bytes -= size;
  return site;
}

static inline void
leaf_add (HatAccount *account, const HatEvent *event)
{
  HatLeaf *leaf = &account->leaf;
  const guint64 live = account->totals.live_bytes;

  if (account->n_in_leaf == 0)
    *leaf = (HatLeaf) { .min_bytes = live, .max_bytes = live };
  leaf->end_ns = event->time_ns;
  leaf->min_bytes = MIN (leaf->min_bytes, live);
  leaf->max_bytes = MAX (leaf->max_bytes, live);
  leaf->last_bytes = live;
  leaf->last_blocks = account->totals.live_blocks;
  leaf->allocations += event->kind == HAT_EVENT_ALLOC;
  leaf->allocated_bytes += event->kind == HAT_EVENT_ALLOC ? event->size : 0;
  leaf->frees += event->kind == HAT_EVENT_FREE || event->kind == HAT_EVENT_UNKNOWN_FREE;
  if (++account->n_in_leaf == HAT_LEAF_EVENTS)
    {
      g_array_append_val (account->leaves, *leaf);
      account->n_in_leaf = 0;
    }
}

void
hat_account_add (HatAccount *account, const HatEvent *event, HatStackId old_stack, guint64 old_size, gboolean inherited)
{
  HatTotals *totals = &account->totals;
  Site *site;
  HatSite *old;

  switch ((HatEventKind) event->kind)
    {
    case HAT_EVENT_ALLOC:
      site = site_of (account, event->stack);
      site->site.allocations++;
      site->site.bytes += event->size;
      block_born (account, site, event->size);
      totals->allocations++;
      totals->bytes_allocated += event->size;
      break;

    case HAT_EVENT_FREE:
      old = block_died (account, old_stack, old_size, inherited);
      if (old)
        {
          old->frees++;
          old->bytes_freed += old_size;
          old->temporary += event->temporary;
        }
      totals->frees++;
      totals->bytes_freed += old_size;
      totals->temporary += event->temporary;
      break;

    case HAT_EVENT_REALLOC:
      block_died (account, old_stack, old_size, inherited);
      site = site_of (account, event->stack);
      site->site.reallocations++;
      site->site.realloc_delta_bytes += (gint64) (event->size - old_size);
      block_born (account, site, event->size);
      totals->reallocations++;
      totals->realloc_delta_bytes += (gint64) (event->size - old_size);
      break;

    case HAT_EVENT_UNKNOWN_FREE:
      totals->frees++;
      totals->unknown_frees++;
      break;

    case HAT_EVENT_MISSED_FREE:
      old = block_died (account, old_stack, old_size, inherited);
      if (old)
        old->bytes_freed += old_size;
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
  leaf_add (account, event);
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
  g_array_set_size (account->summary_sites, 0);
  for (guint i = 0; i < account->sites->len; i++)
    {
      Site *site = &g_array_index (account->sites, Site, i);
      site_catch_up (account, site);
      g_array_append_val (account->summary_sites, site->site);
    }
  g_array_sort (account->summary_sites, compare_sites);

  g_array_set_size (account->summary_leaves, 0);
  g_array_append_vals (account->summary_leaves, account->leaves->data, account->leaves->len);
  if (account->n_in_leaf > 0)
    g_array_append_val (account->summary_leaves, account->leaf);

  account->summary = (HatSummary) {
    .totals = account->totals,
    .n_sites = account->summary_sites->len,
    .sites = (const HatSite *) account->summary_sites->data,
    .n_leaves = account->summary_leaves->len,
    .leaves = (const HatLeaf *) account->summary_leaves->data,
  };
  return &account->summary;
}
