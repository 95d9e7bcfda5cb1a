/* SPDX-License-Identifier: Apache-2.0
 *
 * Running totals, per process and per site.
 *
 * A program with many stacks has more sites than a cache holds. What events do is therefore queued, and counted in batches that fetch
 * ahead.
 *
 * The peak of a site is its live figure at the instant the whole process was at its highest. Copying every site at each
 * new peak would cost a pass over all sites; instead, `peak_epoch` counts the new peaks, and a site that is about to
 * change first notes its present figures if there was a new peak since its last change. */

#include "core/heap/live/account.h"

#include "core/trace/big-array.h"

#include <emmintrin.h>

#define PAGE_BITS 10
#define PAGE (1u << PAGE_BITS)

/* A cache line: what nearly every event changes. Blocks and their bytes are changed together, as two halves of a register. */
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

struct _HatAccount
{
  HatAccountQueue queue; /* first */
  HatTotals totals;      /* without what is queued; as all that follows */
  guint64 n_events;
  gint64 last_ns; /* of the last event */
  guint64 peak_epoch;

  GPtrArray *index; /* by stack: pages of (number of the site) + 1 */
  GPtrArray *sites; /* by number: pages of Site */
  guint n_sites;
  GPtrArray *moves_index; /* by stack: pages of (position in moves) + 1 */
  GArray *moves;          /* Moves */
  guint64 moved_bytes;    /* of the block that was moved away last */

  GArray *leaves; /* HatLeaf, full ones */
  guint n_in_leaf;
  guint64 min_bytes, max_bytes; /* of the one being filled */
  HatTotals before;             /* it */

  HatSummary summary;
  HatSite *summary_sites;
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
  g_free (account->summary_sites);
  g_array_unref (account->summary_leaves);
  g_free (account);
}

/* ---- sites ---- */

static G_GNUC_NO_INLINE void
add_page (GPtrArray *index, guint page)
{
  if (page >= index->len)
    g_ptr_array_set_size (index, page + 1);
  index->pdata[page] = g_new0 (guint32, PAGE);
}

static inline guint32 *
slot_of (GPtrArray *index, HatStackId stack)
{
  const guint page = stack >> PAGE_BITS;

  if (G_UNLIKELY (page >= index->len) || G_UNLIKELY (index->pdata[page] == NULL))
    add_page (index, page);
  return (guint32 *) index->pdata[page] + (stack & (PAGE - 1));
}

static inline Site *
site_at (HatAccount *account, guint32 slot)
{
  return (Site *) account->sites->pdata[(slot - 1) >> PAGE_BITS] + ((slot - 1) & (PAGE - 1));
}

static G_GNUC_NO_INLINE void
site_new (HatAccount *account, guint32 *slot)
{
  if (account->n_sites % PAGE == 0)
    g_ptr_array_add (account->sites, g_aligned_alloc (PAGE, sizeof (Site), sizeof (Site)));
  *slot = ++account->n_sites;
  *site_at (account, *slot) = (Site) { .epoch = account->peak_epoch };
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

/* ---- totals ---- */

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

/* An event is over. */
static inline void
end_event (HatAccount *account, gint64 time_ns)
{
  HatTotals *totals = &account->totals;

  account->n_events++;
  account->last_ns = time_ns;
  if (totals->live_bytes > totals->peak_bytes)
    {
      totals->peak_bytes = totals->live_bytes;
      totals->peak_time_ns = time_ns;
      totals->peak_event = account->n_events;
      account->peak_epoch++;
    }
  account->min_bytes = MIN (account->min_bytes, totals->live_bytes);
  account->max_bytes = MAX (account->max_bytes, totals->live_bytes);
  if (++account->n_in_leaf == HAT_LEAF_EVENTS)
    leaf_end (account);
}

/* ---- changes ---- */

static void
change_live (HatAccount *account, Site *site, gint64 n, guint64 size)
{
  account->totals.live_blocks += (guint64) n;
  account->totals.live_bytes += (guint64) n * size;
  if (site == NULL)
    return;
  site_catch_up (site, account->peak_epoch);
  site->live_blocks += (guint64) n;
  site->live_bytes += (guint64) n * size;
}

/* An end that is no half of a reallocation. */
static void
end_block (HatAccount *account, Site *site, guint64 size)
{
  account->totals.bytes_freed += size;
  change_live (account, site, -1, size);
}

/* Any but the plain ones. `site` is NULL if there is none. */
static G_GNUC_NO_INLINE void
apply_rare (HatAccount *account, const HatAccountChange *change, Site *site)
{
  HatTotals *totals = &account->totals;
  const guint64 size = change->size;
  Moves *moves = site ? moves_of (account, change->stack) : NULL;

  switch ((HatAccountChangeKind) (change->kind & ~HAT_ACCOUNT_INHERITED))
    {
    case HAT_ACCOUNT_TEMPORARY_FREE:
      totals->temporary++;
      G_GNUC_FALLTHROUGH;
    case HAT_ACCOUNT_FREE:
      totals->frees++;
      end_block (account, site, size);
      break;
    case HAT_ACCOUNT_MISSED_FREE:
      if (moves)
        moves->missed++;
      totals->missed_frees++;
      end_block (account, site, size);
      break;
    case HAT_ACCOUNT_MOVED_AWAY:
      if (moves)
        {
          moves->moved_away++;
          moves->bytes_moved_away += size;
        }
      account->moved_bytes = size;
      change_live (account, site, -1, size);
      return; /* the other half comes next */
    case HAT_ACCOUNT_MOVED_HERE:
      moves->moved_here++;
      moves->bytes_moved_here += size;
      moves->realloc_delta_bytes += (gint64) (size - account->moved_bytes);
      totals->reallocations++;
      totals->realloc_delta_bytes += (gint64) (size - account->moved_bytes);
      change_live (account, site, 1, size);
      break;
    case HAT_ACCOUNT_UNKNOWN_FREE:
      totals->frees++;
      totals->unknown_frees++;
      break;
    case HAT_ACCOUNT_ALLOC:
    case HAT_ACCOUNT_INHERITED:
      g_assert_not_reached ();
    }
  end_event (account, change->time_ns);
}

static inline gboolean
is_plain (const HatAccountChange *change)
{
  return change->kind <= HAT_ACCOUNT_TEMPORARY_FREE;
}

/* Allocations and frees, up to the first other change or the end of the leaf; how many. Nothing here depends on which of the two an event is
 * but by arithmetic: a processor could not guess it. */
static guint
apply_plain (HatAccount *account, const HatAccountChange *changes, Site *const *sites, guint n)
{
  HatTotals *totals = &account->totals;
  const guint64 live_before = totals->live_bytes;
  const HatAccountChange *change = changes;
  const HatAccountChange *end = changes + MIN (n, HAT_LEAF_EVENTS - account->n_in_leaf);
  guint64 peak = totals->peak_bytes, epoch = account->peak_epoch, min = account->min_bytes, max = account->max_bytes, temporary = 0;
  __m128i all_live = _mm_set_epi64x ((gint64) live_before, (gint64) totals->live_blocks), all_made = _mm_setzero_si128 ();

  for (; change < end && is_plain (change); change++)
    {
      Site *site = *sites++;
      const __m128i block = _mm_set_epi64x ((gint64) change->size, 1);
      const __m128i is_free = _mm_set1_epi64x (-(gint64) (change->kind != HAT_ACCOUNT_ALLOC));
      const __m128i made = _mm_andnot_si128 (is_free, block);
      const __m128i difference = _mm_sub_epi64 (_mm_xor_si128 (block, is_free), is_free);
      const __m128i live = *(const __m128i *) (gconstpointer) &site->live_blocks;

      if (site->epoch != epoch)
        {
          *(__m128i *) (gpointer) &site->peak_blocks = live;
          site->epoch = epoch;
        }
      *(__m128i *) (gpointer) &site->allocations = _mm_add_epi64 (*(const __m128i *) (gconstpointer) &site->allocations, made);
      *(__m128i *) (gpointer) &site->live_blocks = _mm_add_epi64 (live, difference);
      site->temporary += change->kind == HAT_ACCOUNT_TEMPORARY_FREE;
      temporary += change->kind == HAT_ACCOUNT_TEMPORARY_FREE;

      all_made = _mm_add_epi64 (all_made, made);
      all_live = _mm_add_epi64 (all_live, difference);
      const guint64 live_bytes = (guint64) _mm_cvtsi128_si64 (_mm_unpackhi_epi64 (all_live, all_live));
      min = MIN (min, live_bytes);
      max = MAX (max, live_bytes);
      if (live_bytes > peak)
        {
          peak = live_bytes;
          totals->peak_time_ns = change->time_ns;
          totals->peak_event = account->n_events + (guint64) (change - changes) + 1;
          epoch++;
        }
    }
  const guint n_done = (guint) (change - changes);
  const guint64 n_made = (guint64) _mm_cvtsi128_si64 (all_made);
  const guint64 bytes_made = (guint64) _mm_cvtsi128_si64 (_mm_unpackhi_epi64 (all_made, all_made));
  totals->allocations += n_made;
  totals->bytes_allocated += bytes_made;
  totals->frees += n_done - n_made;
  totals->temporary += temporary;
  totals->live_blocks = (guint64) _mm_cvtsi128_si64 (all_live);
  totals->live_bytes = (guint64) _mm_cvtsi128_si64 (_mm_unpackhi_epi64 (all_live, all_live));
  totals->bytes_freed += bytes_made - (totals->live_bytes - live_before);
  totals->peak_bytes = peak;
  account->peak_epoch = epoch;
  account->min_bytes = min;
  account->max_bytes = max;
  account->n_events += n_done;
  account->n_in_leaf += n_done;
  if (n_done > 0)
    account->last_ns = change[-1].time_ns;
  if (account->n_in_leaf == HAT_LEAF_EVENTS)
    leaf_end (account);
  return n_done;
}

void
hat_account_apply (HatAccount *account)
{
  const HatAccountChange *changes = account->queue.changes;
  const guint n = account->queue.n;
  guint32 *slots[HAT_ACCOUNT_BATCH];
  Site *sites[HAT_ACCOUNT_BATCH];

  for (guint i = 0; i < n; i++)
    __builtin_prefetch (slots[i] = slot_of (account->index, changes[i].stack));
  for (guint i = 0; i < n; i++)
    {
      sites[i] = NULL;
      if (G_UNLIKELY (changes[i].kind >= HAT_ACCOUNT_UNKNOWN_FREE))
        continue;
      if (G_UNLIKELY (*slots[i] == 0))
        site_new (account, slots[i]);
      __builtin_prefetch (sites[i] = site_at (account, *slots[i]), 1);
    }
  for (guint i = 0; i < n;)
    {
      i += apply_plain (account, changes + i, sites + i, n - i);
      if (i < n && !is_plain (&changes[i]))
        {
          apply_rare (account, &changes[i], sites[i]);
          i++;
        }
    }
  account->queue.n = 0;
}

void
hat_account_add (HatAccount *account, const HatEvent *event, HatStackId old_stack, guint64 old_size, gboolean inherited)
{
  const guint of_parent = inherited ? HAT_ACCOUNT_INHERITED : 0;

  switch ((HatEventKind) event->kind)
    {
    case HAT_EVENT_ALLOC:
      hat_account_add_alloc (account, event->stack, event->size, event->time_ns);
      break;
    case HAT_EVENT_FREE:
      hat_account_add_free (account, old_stack, old_size, event->temporary, inherited, event->time_ns);
      break;
    case HAT_EVENT_REALLOC:
      hat_account_queue (account, HAT_ACCOUNT_MOVED_AWAY | of_parent, old_stack, old_size, event->time_ns);
      hat_account_queue (account, HAT_ACCOUNT_MOVED_HERE, event->stack, event->size, event->time_ns);
      break;
    case HAT_EVENT_UNKNOWN_FREE:
      hat_account_queue (account, HAT_ACCOUNT_UNKNOWN_FREE, HAT_STACK_NONE, 0, event->time_ns);
      break;
    case HAT_EVENT_MISSED_FREE:
      hat_account_queue (account, HAT_ACCOUNT_MISSED_FREE | of_parent, old_stack, old_size, event->time_ns);
      break;
    }
}

const HatTotals *
hat_account_totals (HatAccount *account)
{
  hat_account_apply (account);
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

guint
hat_account_sites (HatAccount *account, HatStackId *next, HatSite *sites, guint max)
{
  HatStackId stack = *next;
  guint n = 0;

  hat_account_apply (account);
  while (n < max && stack >> PAGE_BITS < account->index->len)
    {
      const guint32 *page = account->index->pdata[stack >> PAGE_BITS];
      const HatStackId end = (stack | (PAGE - 1)) + 1;
      for (; page && stack < end && n < max; stack++)
        if (page[stack & (PAGE - 1)] != 0)
          sites[n++] = site_so_far (account, stack, site_at (account, page[stack & (PAGE - 1)]));
      if (page == NULL)
        stack = end;
    }
  *next = stack;
  return n;
}

const HatSummary *
hat_account_outline (HatAccount *account)
{
  hat_account_apply (account);
  g_array_set_size (account->summary_leaves, 0);
  g_array_append_vals (account->summary_leaves, account->leaves->data, account->leaves->len);
  if (account->n_in_leaf > 0)
    {
      const HatLeaf leaf = leaf_so_far (account);
      g_array_append_val (account->summary_leaves, leaf);
    }

  account->summary = (HatSummary) {
    .totals = account->totals,
    .n_leaves = account->summary_leaves->len,
    .leaves = (const HatLeaf *) account->summary_leaves->data,
  };
  return &account->summary;
}

const HatSummary *
hat_account_summary (HatAccount *account)
{
  HatStackId next = 0;

  hat_account_outline (account);
  g_free (account->summary_sites);
  account->summary.n_sites = account->n_sites;
  account->summary.sites = account->summary_sites = hat_big_new (HatSite, account->n_sites);
  hat_account_sites (account, &next, account->summary_sites, account->n_sites);
  return &account->summary;
}
