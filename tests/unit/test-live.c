/* SPDX-License-Identifier: Apache-2.0
 *
 * The live set against a hash table, forks included; the account against counting by brute force. */

#include <stdlib.h>

#include "core/heap/live/account.h"
#include "core/heap/live/live-set.h"

/* ---- live set ---- */

typedef struct
{
  HatLiveSet *set;
  GHashTable *oracle; /* address -> HatLiveBlock */
} Pair;

static GHashTable *
oracle_new (void)
{
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
}

static Pair
pair_fork (const Pair *parent)
{
  Pair child = { hat_live_set_fork (parent->set), oracle_new () };
  GHashTableIter iter;
  gpointer address, block;
  g_hash_table_iter_init (&iter, parent->oracle);
  while (g_hash_table_iter_next (&iter, &address, &block))
    g_hash_table_insert (child.oracle, g_memdup2 (address, 8), g_memdup2 (block, sizeof (HatLiveBlock)));
  return child;
}

static void
pair_clear (Pair *pair)
{
  hat_live_set_free (pair->set);
  g_hash_table_unref (pair->oracle);
}

typedef struct
{
  GHashTable *oracle;
  guint64 n, bytes, last;
} Walk;

static void
on_block (guint64 address, const HatLiveBlock *block, gpointer data)
{
  Walk *walk = data;
  const HatLiveBlock *wanted = g_hash_table_lookup (walk->oracle, &address);

  g_assert_nonnull (wanted);
  g_assert_cmpuint (block->id, ==, wanted->id);
  g_assert_cmpuint (block->size, ==, wanted->size);
  g_assert_cmpuint (block->stack, ==, wanted->stack);
  g_assert_true (walk->n == 0 || address > walk->last);
  walk->last = address;
  walk->n++;
  walk->bytes += block->size;
}

static void
pair_check (const Pair *pair)
{
  Walk walk = { pair->oracle };
  hat_live_set_foreach (pair->set, on_block, &walk);
  g_assert_cmpuint (walk.n, ==, g_hash_table_size (pair->oracle));
  g_assert_cmpuint (walk.n, ==, hat_live_set_n_blocks (pair->set));
  g_assert_cmpuint (walk.bytes, ==, hat_live_set_n_bytes (pair->set));
}

static guint64
random_address (void)
{
  switch (g_test_rand_int_range (0, 4))
    {
    case 0: /* crowded pages */
      return 0x555555550000 + g_test_rand_int_range (0, 4096) * 16;
    case 1: /* every byte of a page */
      return 0x7f0000001000 + g_test_rand_int_range (0, 4096);
    case 2: /* one block a page */
      return 0x7f1000000010 + g_test_rand_int_range (0, 2000) * 4096ull;
    default: /* far apart, and at the ends of the address space */
      return (guint64) g_test_rand_int_range (0, 300) << 40 | 0xfff;
    }
}

static void
random_step (Pair *pair, HatBlockId id)
{
  const guint64 address = random_address ();
  HatLiveBlock *known = g_hash_table_lookup (pair->oracle, &address), found;

  if (g_test_rand_int_range (0, 100) < 55)
    {
      const HatLiveBlock block = { .id = id,
                                   .size = g_test_rand_int_range (0, 50) ? (guint64) g_test_rand_int_range (0, 5000) : (1ull << 47) - 1,
                                   .stack = g_test_rand_int () };
      g_assert_cmpint (hat_live_set_insert (pair->set, address, block.id, block.size, block.stack), ==, known == NULL);
      if (known == NULL)
        g_hash_table_insert (pair->oracle, g_memdup2 (&address, 8), g_memdup2 (&block, sizeof block));
      return;
    }
  g_assert_cmpint (hat_live_set_find (pair->set, address, &found), ==, known != NULL);
  g_assert_cmpint (hat_live_set_remove (pair->set, address, &found), ==, known != NULL);
  if (known)
    {
      g_assert_cmpuint (found.id, ==, known->id);
      g_assert_cmpuint (found.size, ==, known->size);
      g_assert_cmpuint (found.stack, ==, known->stack);
      g_hash_table_remove (pair->oracle, &address);
    }
}

static void
test_oracle (void)
{
  Pair pairs[4] = { { hat_live_set_new (), oracle_new () } };
  guint n_pairs = 1;

  for (guint i = 0; i < 200000; i++)
    {
      random_step (&pairs[g_test_rand_int_range (0, n_pairs)], 1 + i * 7000000000ull % (1ull << 48));
      if (i % 30000 == 29999)
        {
          for (guint k = 0; k < n_pairs; k++)
            pair_check (&pairs[k]);
          if (n_pairs == G_N_ELEMENTS (pairs))
            pair_clear (&pairs[--n_pairs]);
          pairs[n_pairs] = pair_fork (&pairs[g_test_rand_int_range (0, n_pairs)]);
          n_pairs++;
        }
    }
  for (guint k = 0; k < n_pairs; k++)
    {
      pair_check (&pairs[k]);
      pair_clear (&pairs[k]);
    }
}

static void
shuffle (guint64 *addresses, guint n)
{
  for (guint i = n; i > 1; i--)
    {
      const guint k = g_test_rand_int_range (0, i);
      const guint64 kept = addresses[k];
      addresses[k] = addresses[i - 1];
      addresses[i - 1] = kept;
    }
}

static void
pair_insert (Pair *pair, guint64 address, HatBlockId id)
{
  const HatLiveBlock block = { .id = id, .size = 3 * id, .stack = (HatStackId) ~id };
  g_assert_true (hat_live_set_insert (pair->set, address, block.id, block.size, block.stack));
  g_assert_false (hat_live_set_insert (pair->set, address, 1, 1, 1));
  g_hash_table_insert (pair->oracle, g_memdup2 (&address, 8), g_memdup2 (&block, sizeof block));
}

static void
pair_remove (Pair *pair, const guint64 *addresses, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      HatLiveBlock block;
      g_assert_true (hat_live_set_remove (pair->set, addresses[i], &block));
      const HatLiveBlock *known = g_hash_table_lookup (pair->oracle, &addresses[i]);
      g_assert_true (block.id == known->id && block.size == known->size && block.stack == known->stack);
      g_assert_false (hat_live_set_remove (pair->set, addresses[i], &block));
      g_assert_false (hat_live_set_find (pair->set, addresses[i], &block));
      g_hash_table_remove (pair->oracle, &addresses[i]);
    }
}

/* Pages as allocators fill them, each wholly full once, and what does not fit their pattern last. */
static void
test_pages (void)
{
  const guint steps[] = { 1, 8, 16, 32, 48, 112, 2048 };

  for (guint s = 0; s < G_N_ELEMENTS (steps); s++)
    {
      Pair pair = { hat_live_set_new (), oracle_new () };
      const guint n = 4096 / steps[s];
      g_autofree guint64 *addresses = g_new (guint64, n);
      for (guint i = 0; i < n; i++)
        addresses[i] = 0x7f0000003000 + i * steps[s];
      shuffle (addresses, n);
      for (guint i = 0; i < n; i++)
        pair_insert (&pair, addresses[i], i + 1);
      pair_check (&pair);
      Pair child = pair_fork (&pair);
      shuffle (addresses, n);
      pair_remove (&child, addresses, n / 2);
      for (guint i = 0; i < n / 4; i++)
        pair_insert (&child, addresses[i], n + i);
      if (steps[s] > 1)
        pair_insert (&child, addresses[n - 1] + 1, 7);
      pair_check (&child);
      pair_check (&pair);
      pair_remove (&pair, addresses, n);
      pair_insert (&pair, addresses[0] + 1, 9);
      pair_check (&pair);
      pair_clear (&pair);
      pair_remove (&child, addresses + n / 2, n / 2);
      pair_check (&child);
      pair_clear (&child);
    }
}

static void
test_empty_again (void)
{
  g_autoptr (HatLiveSet) set = hat_live_set_new ();
  const guint64 empty = hat_live_set_memory (set);
  const guint n = 20000;

  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < n; i++)
        g_assert_true (hat_live_set_insert (set, 0x1000 + i * 48ull, i + 1, 40, 0));
      for (guint i = 0; i < n; i++)
        {
          HatLiveBlock block;
          g_assert_true (hat_live_set_remove (set, 0x1000 + (n - 1 - i) * 48ull, &block));
          g_assert_cmpuint (block.id, ==, n - i);
        }
      g_assert_cmpuint (hat_live_set_n_blocks (set), ==, 0);
      g_assert_cmpuint (hat_live_set_n_bytes (set), ==, 0);
    }
  g_assert_cmpuint (hat_live_set_memory (set), <, empty + 4096);
}

static void
test_memory (void)
{
  g_autoptr (HatLiveSet) set = hat_live_set_new ();
  const guint n = 500000;
  guint64 address = 0x555555600010;

  for (guint i = 0; i < n; i++)
    {
      const guint size = g_test_rand_int_range (1, 200);
      g_assert_true (hat_live_set_insert (set, address, i + 1, size, 0));
      address += (size + 8 + 15) / 16 * 16;
    }
  g_assert_cmpuint (hat_live_set_memory (set), <=, 24ull * n);
  g_autoptr (HatLiveSet) child = hat_live_set_fork (set);
  g_assert_cmpuint (hat_live_set_n_blocks (child), ==, n);
  g_assert_cmpuint (hat_live_set_n_bytes (child), ==, hat_live_set_n_bytes (set));
}

/* ---- account ---- */

#define N_STACKS 40u

typedef struct
{
  guint64 address, size;
  HatStackId stack;
  gboolean is_inherited;
} Live;

/* Counts everything anew from the list of live blocks after every event. */
typedef struct
{
  GArray *live; /* Live */
  HatTotals totals;
  HatSite sites[N_STACKS];
} Brute;

static HatStackId
random_stack (void)
{
  return g_test_rand_int_range (0, N_STACKS) * 517u;
}

static void
brute_finish_event (Brute *brute, gint64 time_ns, guint64 n_events)
{
  guint64 bytes = 0;

  for (guint s = 0; s < N_STACKS; s++)
    brute->sites[s].live_blocks = brute->sites[s].live_bytes = 0;
  for (guint i = 0; i < brute->live->len; i++)
    {
      const Live *live = &g_array_index (brute->live, Live, i);
      bytes += live->size;
      if (live->is_inherited)
        continue;
      brute->sites[live->stack / 517].live_blocks++;
      brute->sites[live->stack / 517].live_bytes += live->size;
    }
  brute->totals.live_blocks = brute->live->len;
  brute->totals.live_bytes = bytes;
  if (bytes <= brute->totals.peak_bytes)
    return;
  brute->totals.peak_bytes = bytes;
  brute->totals.peak_time_ns = time_ns;
  brute->totals.peak_event = n_events;
  for (guint s = 0; s < N_STACKS; s++)
    {
      brute->sites[s].peak_blocks = brute->sites[s].live_blocks;
      brute->sites[s].peak_bytes = brute->sites[s].live_bytes;
    }
}

static HatEvent
random_event (Brute *brute, Live *out_old)
{
  const guint choice = g_test_rand_int_range (0, 100);
  const guint victim = brute->live->len ? g_test_rand_int_range (0, brute->live->len) : 0;
  HatEvent event = { .kind = HAT_EVENT_ALLOC, .size = g_test_rand_int_range (0, 1000), .stack = random_stack () };

  if (choice >= 98)
    {
      event.kind = HAT_EVENT_UNKNOWN_FREE;
      return event;
    }
  if (choice < 45 || brute->live->len == 0)
    return event;
  *out_old = g_array_index (brute->live, Live, victim);
  g_array_remove_index_fast (brute->live, victim);
  event.old = 1;
  event.kind = choice < 80 ? HAT_EVENT_FREE : choice < 96 ? HAT_EVENT_REALLOC : HAT_EVENT_MISSED_FREE;
  event.temporary = event.kind == HAT_EVENT_FREE && g_test_rand_bit ();
  return event;
}

static void
brute_count (Brute *brute, const HatEvent *event, const Live *old)
{
  HatTotals *totals = &brute->totals;
  HatSite *site = &brute->sites[event->stack / 517], *was = old->is_inherited ? NULL : &brute->sites[old->stack / 517];
  const Live born = { .size = event->size, .stack = event->stack };

  switch ((HatEventKind) event->kind)
    {
    case HAT_EVENT_ALLOC:
      totals->allocations++;
      totals->bytes_allocated += event->size;
      site->allocations++;
      site->bytes += event->size;
      g_array_append_val (brute->live, born);
      break;
    case HAT_EVENT_FREE:
      totals->frees++;
      totals->bytes_freed += old->size;
      totals->temporary += event->temporary;
      if (was)
        {
          was->frees++;
          was->bytes_freed += old->size;
          was->temporary += event->temporary;
        }
      break;
    case HAT_EVENT_REALLOC:
      totals->reallocations++;
      totals->realloc_delta_bytes += (gint64) event->size - (gint64) old->size;
      site->reallocations++;
      site->realloc_delta_bytes += (gint64) event->size - (gint64) old->size;
      g_array_append_val (brute->live, born);
      break;
    case HAT_EVENT_UNKNOWN_FREE:
      totals->frees++;
      totals->unknown_frees++;
      break;
    case HAT_EVENT_MISSED_FREE:
      totals->missed_frees++;
      totals->bytes_freed += old->size;
      if (was)
        was->bytes_freed += old->size;
      break;
    }
}

static void
check_sites (const Brute *brute, const HatSummary *summary)
{
  guint n_busy = 0;

  for (guint i = 0; i < summary->n_sites; i++)
    {
      g_assert_true (i == 0 || summary->sites[i].stack > summary->sites[i - 1].stack);
      const HatSite *site = &summary->sites[i], *wanted = &brute->sites[site->stack / 517];
      const gsize n_bytes = sizeof *site - G_STRUCT_OFFSET (HatSite, allocations);
      g_assert_cmpmem (&site->allocations, n_bytes, &wanted->allocations, n_bytes);
    }
  for (guint s = 0; s < N_STACKS; s++)
    n_busy += brute->sites[s].allocations + brute->sites[s].reallocations > 0;
  g_assert_cmpuint (summary->n_sites, ==, n_busy);
}

static void
test_account (void)
{
  const guint n_inherited = 20, n_events = 3 * HAT_LEAF_EVENTS + 100;
  Brute brute = { .live = g_array_new (FALSE, FALSE, sizeof (Live)) };
  HatLeaf leaves[4] = {};

  for (guint i = 0; i < n_inherited; i++)
    {
      const Live live = { .size = 100 + i, .is_inherited = TRUE };
      g_array_append_val (brute.live, live);
      brute.totals.inherited_bytes += live.size;
    }
  brute.totals.inherited_blocks = n_inherited;
  brute.totals.peak_bytes = brute.totals.inherited_bytes;
  g_autoptr (HatAccount) account = hat_account_new (n_inherited, brute.totals.inherited_bytes);

  for (guint i = 0; i < n_events; i++)
    {
      Live old = {};
      HatEvent event = random_event (&brute, &old);
      event.time_ns = i * 1000;
      hat_account_add (account, &event, old.stack, old.size, old.is_inherited);
      brute_count (&brute, &event, &old);
      brute_finish_event (&brute, event.time_ns, i + 1);

      HatLeaf *leaf = &leaves[i / HAT_LEAF_EVENTS];
      const guint64 live = brute.totals.live_bytes;
      leaf->min_bytes = i % HAT_LEAF_EVENTS ? MIN (leaf->min_bytes, live) : live;
      leaf->max_bytes = MAX (leaf->max_bytes, live);
      leaf->last_bytes = live;
      leaf->last_blocks = brute.totals.live_blocks;
      leaf->end_ns = event.time_ns;
      leaf->allocations += event.kind == HAT_EVENT_ALLOC;
      leaf->allocated_bytes += event.kind == HAT_EVENT_ALLOC ? event.size : 0;
      leaf->frees += event.kind == HAT_EVENT_FREE || event.kind == HAT_EVENT_UNKNOWN_FREE;

      /* Looking also decides how many events are counted in one go. */
      if (g_test_rand_int_range (0, i % 2000 < 1000 ? 2 : 300) == 0)
        g_assert_cmpmem (hat_account_totals (account), sizeof (HatTotals), &brute.totals, sizeof (HatTotals));
      if (i % 1000 == 999)
        check_sites (&brute, hat_account_summary (account));
    }
  const HatSummary *summary = hat_account_summary (account);
  check_sites (&brute, summary);
  g_autofree HatSite *by_pieces = g_new (HatSite, summary->n_sites);
  HatStackId next = 0;
  for (guint i = 0, n; i < summary->n_sites; i += n)
    {
      n = hat_account_sites (account, &next, by_pieces + i, MIN (summary->n_sites - i, (guint) g_test_rand_int_range (1, 6)));
      g_assert_cmpuint (n, >, 0);
    }
  check_sites (&brute, &(HatSummary){ .n_sites = summary->n_sites, .sites = by_pieces });
  g_assert_cmpuint (hat_account_sites (account, &next, by_pieces, 1), ==, 0);
  g_assert_cmpmem (summary->leaves, summary->n_leaves * sizeof (HatLeaf), leaves, sizeof leaves);
  g_assert_cmpuint (summary->totals.bytes_allocated - summary->totals.bytes_freed + summary->totals.realloc_delta_bytes
                    + summary->totals.inherited_bytes, ==, summary->totals.live_bytes);
  g_array_unref (brute.live);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/live-set/equals-a-hash-table-through-forks", test_oracle);
  g_test_add_func ("/live-set/holds-pages-of-any-pattern", test_pages);
  g_test_add_func ("/live-set/gives-its-memory-back", test_empty_again);
  g_test_add_func ("/live-set/is-at-most-24-bytes-a-block", test_memory);
  g_test_add_func ("/account/equals-brute-force", test_account);
  return g_test_run ();
}
