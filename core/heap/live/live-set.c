/* SPDX-License-Identifier: Apache-2.0
 *
 * Live blocks by address, in three levels:
 *
 *   directory   open-addressing table of groups (256 KiB of address space each)
 *   group       64 leaves, one for each 4 KiB page
 *   leaf        the blocks that start in the page, in no order: 12-bit keys side by side, searched many at a time,
 *               then 16-byte records (size 48 bits, id 48 bits, stack 32 bits)
 *
 * That is 18 bytes a block plus slack. Groups and leaves carry a reference count: a fork copies the directory (16 bytes
 * for each 256 KiB in use) and shares everything below; whoever changes a shared group or leaf first makes its own. */

#include "core/heap/live/live-set.h"

#include <emmintrin.h>
#include <string.h>

#define PAGE_BITS 12
#define GROUP_BITS 6
#define GROUP_LEAVES (1u << GROUP_BITS)
#define EMPTY_GROUP G_MAXUINT64

#define FEW_KEYS 8u /* one look tells of all */
#define MANY_KEYS 32u

typedef struct
{
  guint32 size_low;
  guint32 id_low;
  HatStackId stack;
  guint16 size_high;
  guint16 id_high;
} Record;
G_STATIC_ASSERT (sizeof (Record) == 16);

/* The keys stand next to the head, to be fetched with it. */
typedef struct
{
  guint32 n_refs;
  guint16 n;
  guint16 capacity;
  guint16 keys[]; /* capacity; then, from a multiple of 16 bytes on, Record[capacity] */
} Leaf;

typedef struct
{
  guint32 n_refs;
  guint32 n_leaves;
  Leaf *leaves[GROUP_LEAVES];
} Group;

typedef struct
{
  guint64 number; /* address >> (PAGE_BITS + GROUP_BITS), EMPTY_GROUP = never used */
  Group *group;   /* NULL: emptied again */
} Entry;

struct _HatLiveSet
{
  Entry *entries;
  guint bits;
  guint n_used; /* entries with a number */
  Entry *last;  /* most blocks come and go near the last one */
  guint64 n_blocks;
  guint64 n_bytes;
  guint64 memory;
};

/* ---- leaves ---- */

static inline gsize
leaf_records_offset (guint capacity)
{
  return (sizeof (Leaf) + capacity * sizeof (guint16) + 15) & ~(gsize) 15;
}

static inline Record *
leaf_records (Leaf *leaf)
{
  return (Record *) (gpointer) ((char *) leaf + leaf_records_offset (leaf->capacity));
}

static inline gsize
leaf_bytes (guint capacity)
{
  return leaf_records_offset (capacity) + capacity * sizeof (Record);
}

static guint
next_capacity (guint capacity)
{
  if (capacity < FEW_KEYS)
    return capacity == 0 ? 1 : capacity * 2;
  return MIN ((capacity + capacity / 2 + 7) & ~7u, 1u << PAGE_BITS);
}

static Leaf *
leaf_new (HatLiveSet *set, guint capacity, Leaf *from)
{
  Leaf *leaf = g_malloc (leaf_bytes (capacity));
  leaf->n_refs = 1;
  leaf->n = from ? from->n : 0;
  leaf->capacity = capacity;
  if (from)
    {
      memcpy (leaf_records (leaf), leaf_records (from), from->n * sizeof (Record));
      memcpy (leaf->keys, from->keys, from->n * sizeof (guint16));
    }
  set->memory += leaf_bytes (capacity);
  return leaf;
}

static void
leaf_unref (HatLiveSet *set, Leaf *leaf)
{
  set->memory -= leaf_bytes (leaf->capacity);
  if (--leaf->n_refs == 0)
    g_free (leaf);
}

static inline __m128i
compare_keys (const guint16 *keys, __m128i wanted)
{
  return _mm_cmpeq_epi16 (_mm_loadu_si128 ((const __m128i_u *) keys), wanted);
}

/* Position of the block that starts at `key`, or -1. What lies behind the last key is looked at too, but does not count: there always is as
 * much, for the records come next. */
static inline gint
leaf_find (const Leaf *leaf, guint key)
{
  const __m128i wanted = _mm_set1_epi16 ((short) key);
  const guint16 *keys = leaf->keys;
  const guint n = leaf->n;

  if (n <= FEW_KEYS)
    {
      const guint hits = (guint) _mm_movemask_epi8 (compare_keys (keys, wanted)) & ((1u << 2 * n) - 1);
      return hits ? __builtin_ctz (hits) / 2 : -1;
    }
  for (guint i = 0; i < n; i += MANY_KEYS)
    {
      const __m128i low = _mm_packs_epi16 (compare_keys (keys + i, wanted), compare_keys (keys + i + 8, wanted));
      const __m128i high = _mm_packs_epi16 (compare_keys (keys + i + 16, wanted), compare_keys (keys + i + 24, wanted));
      const guint64 hits = ((guint) _mm_movemask_epi8 (low) | (guint64) (guint) _mm_movemask_epi8 (high) << 16)
                           & ((2ull << (MIN (n - i, MANY_KEYS) - 1)) - 1);
      if (hits)
        return i + __builtin_ctzll (hits);
    }
  return -1;
}
G_STATIC_ASSERT (sizeof (Leaf) + FEW_KEYS * sizeof (guint16) <= 16 + sizeof (Record));
G_STATIC_ASSERT (sizeof (Leaf) + MANY_KEYS * sizeof (guint16) <= sizeof (Leaf) + (FEW_KEYS + 1) * (sizeof (guint16) + sizeof (Record)));

static inline HatLiveBlock
record_block (const Record *record)
{
  return (HatLiveBlock) { .id = (guint64) record->id_high << 32 | record->id_low,
                          .size = (guint64) record->size_high << 32 | record->size_low,
                          .stack = record->stack };
}

/* ---- groups and directory ---- */

static inline guint
entry_hash (HatLiveSet *set, guint64 number)
{
  return (number * 0x9e3779b97f4a7c15ull) >> (64 - set->bits);
}

static Entry *
entry_find (HatLiveSet *set, guint64 number)
{
  if (set->last && set->last->number == number)
    return set->last;
  const guint mask = (1u << set->bits) - 1;
  guint at = entry_hash (set, number);
  while (set->entries[at].number != number && set->entries[at].number != EMPTY_GROUP)
    at = (at + 1) & mask;
  if (set->entries[at].number == number)
    return set->last = &set->entries[at];
  return NULL;
}

static void
directory_new (HatLiveSet *set, guint bits)
{
  set->bits = bits;
  set->n_used = 0;
  set->last = NULL;
  set->entries = g_new (Entry, 1u << bits);
  for (guint i = 0; i < 1u << bits; i++)
    set->entries[i] = (Entry) { .number = EMPTY_GROUP };
  set->memory += sizeof (Entry) << bits;
}

static Entry *
directory_add (HatLiveSet *set, guint64 number, Group *group)
{
  const guint mask = (1u << set->bits) - 1;
  guint at = entry_hash (set, number);
  while (set->entries[at].number != EMPTY_GROUP)
    at = (at + 1) & mask;
  set->entries[at] = (Entry) { .number = number, .group = group };
  set->n_used++;
  return &set->entries[at];
}

/* Grows, or only drops the entries whose group is gone. */
static void
directory_rebuild (HatLiveSet *set)
{
  Entry *old = set->entries;
  const guint n_old = 1u << set->bits;
  guint n = 0;

  for (guint i = 0; i < n_old; i++)
    n += old[i].group != NULL;
  set->memory -= sizeof (Entry) * n_old;
  directory_new (set, n * 4 > n_old ? set->bits + 1 : set->bits);
  for (guint i = 0; i < n_old; i++)
    if (old[i].group)
      directory_add (set, old[i].number, old[i].group);
  g_free (old);
}

static Group *
group_new (HatLiveSet *set, Group *from)
{
  Group *group = g_new0 (Group, 1);
  group->n_refs = 1;
  set->memory += sizeof (Group);
  if (from)
    {
      group->n_leaves = from->n_leaves;
      memcpy (group->leaves, from->leaves, sizeof group->leaves);
      for (guint i = 0; i < GROUP_LEAVES; i++)
        if (group->leaves[i])
          group->leaves[i]->n_refs++;
    }
  return group;
}

static guint64
group_memory (const Group *group)
{
  guint64 memory = sizeof (Group);
  for (guint i = 0; i < GROUP_LEAVES; i++)
    if (group->leaves[i])
      memory += leaf_bytes (group->leaves[i]->capacity);
  return memory;
}

/* This set lets go of the group; what no other set holds is freed. */
static void
group_unref (HatLiveSet *set, Group *group)
{
  if (--group->n_refs > 0)
    {
      set->memory -= group_memory (group);
      return;
    }
  for (guint i = 0; i < GROUP_LEAVES; i++)
    if (group->leaves[i])
      leaf_unref (set, group->leaves[i]);
  set->memory -= sizeof (Group);
  g_free (group);
}

static inline Group *
entry_own_group (HatLiveSet *set, Entry *entry)
{
  if (G_UNLIKELY (entry->group == NULL))
    entry->group = group_new (set, NULL);
  else if (G_UNLIKELY (entry->group->n_refs > 1))
    {
      entry->group->n_refs--;
      set->memory -= sizeof (Group);
      entry->group = group_new (set, entry->group);
    }
  return entry->group;
}

/* The leaf in its slot, with room for `n_more` and shared with nobody. */
static inline Leaf *
own_leaf (HatLiveSet *set, Leaf **slot, guint n_more)
{
  Leaf *leaf = *slot;
  const guint n = (leaf ? leaf->n : 0) + n_more;
  guint capacity = leaf ? leaf->capacity : 0;

  if (G_LIKELY (leaf && n <= capacity && leaf->n_refs == 1))
    return leaf;
  while (capacity < n)
    capacity = next_capacity (capacity);
  *slot = leaf_new (set, capacity, leaf);
  if (leaf)
    leaf_unref (set, leaf);
  return *slot;
}

/* ---- the set ---- */

HatLiveSet *
hat_live_set_new (void)
{
  HatLiveSet *set = g_new0 (HatLiveSet, 1);
  set->memory = sizeof *set;
  directory_new (set, 4);
  return set;
}

HatLiveSet *
hat_live_set_fork (HatLiveSet *parent)
{
  HatLiveSet *set = g_memdup2 (parent, sizeof *parent);
  set->entries = g_memdup2 (parent->entries, sizeof (Entry) << parent->bits);
  set->last = NULL;
  for (guint i = 0; i < 1u << set->bits; i++)
    if (set->entries[i].group)
      set->entries[i].group->n_refs++;
  return set;
}

void
hat_live_set_free (HatLiveSet *set)
{
  if (set == NULL)
    return;
  for (guint i = 0; i < 1u << set->bits; i++)
    if (set->entries[i].group)
      group_unref (set, set->entries[i].group);
  g_free (set->entries);
  g_free (set);
}

static inline guint64
group_number (guint64 address)
{
  return address >> (PAGE_BITS + GROUP_BITS);
}

static inline guint
leaf_number (guint64 address)
{
  return (address >> PAGE_BITS) & (GROUP_LEAVES - 1);
}

static inline guint
leaf_key (guint64 address)
{
  return address & ((1u << PAGE_BITS) - 1);
}

/* The leaf for `address` to look at, and where the block is in it; NULL if there is none. */
static inline Leaf *
find (HatLiveSet *set, guint64 address, Entry **out_entry, gint *out_position)
{
  Entry *entry = entry_find (set, group_number (address));
  Leaf *leaf = entry && entry->group ? entry->group->leaves[leaf_number (address)] : NULL;
  *out_entry = entry;
  *out_position = leaf ? leaf_find (leaf, leaf_key (address)) : -1;
  return leaf;
}

void
hat_live_set_prefetch (HatLiveSet *set, guint64 address)
{
  const guint64 number = group_number (address);
  const Entry *entry = set->last && set->last->number == number ? set->last : &set->entries[entry_hash (set, number)];
  if (entry->number != number || entry->group == NULL)
    return;
  const char *leaf = (const char *) entry->group->leaves[leaf_number (address)];
  __builtin_prefetch (leaf);
  __builtin_prefetch (leaf + 64);
  __builtin_prefetch (leaf + 128);
}

gboolean
hat_live_set_insert (HatLiveSet *set, guint64 address, const HatLiveBlock *block)
{
  Entry *entry;
  gint position;

  g_return_val_if_fail (block->id >> 48 == 0 && block->size >> 48 == 0, FALSE);

  find (set, address, &entry, &position);
  if (G_UNLIKELY (position >= 0))
    return FALSE;
  if (G_UNLIKELY (entry == NULL))
    {
      if ((set->n_used + 1) * 2 > 1u << set->bits)
        directory_rebuild (set);
      entry = set->last = directory_add (set, group_number (address), NULL);
    }

  Group *group = entry_own_group (set, entry);
  Leaf **slot = &group->leaves[leaf_number (address)];
  group->n_leaves += *slot == NULL;
  Leaf *leaf = own_leaf (set, slot, 1);
  leaf->keys[leaf->n] = leaf_key (address);
  leaf_records (leaf)[leaf->n] = (Record) { .size_low = (guint32) block->size,
                                      .size_high = (guint16) (block->size >> 32),
                                      .id_low = (guint32) block->id,
                                      .id_high = (guint16) (block->id >> 32),
                                      .stack = block->stack };
  leaf->n++;
  set->n_blocks++;
  set->n_bytes += block->size;
  return TRUE;
}

gboolean
hat_live_set_remove (HatLiveSet *set, guint64 address, HatLiveBlock *out_block)
{
  Entry *entry;
  gint position;
  Leaf *leaf = find (set, address, &entry, &position);

  if (G_UNLIKELY (position < 0))
    return FALSE;
  const HatLiveBlock block = record_block (&leaf_records (leaf)[position]);
  set->n_blocks--;
  set->n_bytes -= block.size;
  if (out_block)
    *out_block = block;

  Group *group = entry_own_group (set, entry);
  Leaf **slot = &group->leaves[leaf_number (address)];
  if (leaf->n == 1)
    {
      leaf_unref (set, leaf);
      *slot = NULL;
      if (--group->n_leaves == 0)
        {
          group_unref (set, group);
          entry->group = NULL;
        }
      return TRUE;
    }
  leaf = own_leaf (set, slot, 0);
  const guint last = --leaf->n;
  guint16 *keys = leaf->keys;
  leaf_records (leaf)[position] = leaf_records (leaf)[last];
  keys[position] = keys[last];
  if (leaf->capacity > FEW_KEYS && last * 4u <= leaf->capacity)
    {
      *slot = leaf_new (set, (leaf->capacity / 2 + 7) & ~7u, leaf);
      leaf_unref (set, leaf);
    }
  return TRUE;
}

gboolean
hat_live_set_find (HatLiveSet *set, guint64 address, HatLiveBlock *out_block)
{
  Entry *entry;
  gint position;
  Leaf *leaf = find (set, address, &entry, &position);

  if (position < 0)
    return FALSE;
  if (out_block)
    *out_block = record_block (&leaf_records (leaf)[position]);
  return TRUE;
}

guint64
hat_live_set_n_blocks (HatLiveSet *set)
{
  return set->n_blocks;
}

guint64
hat_live_set_n_bytes (HatLiveSet *set)
{
  return set->n_bytes;
}

guint64
hat_live_set_memory (HatLiveSet *set)
{
  return set->memory;
}

/* ---- in order ---- */

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const guint64 x = (*(const Entry *const *) a)->number, y = (*(const Entry *const *) b)->number;
  return x < y ? -1 : x > y;
}

/* Through a bitmap of the page: sorting would cost several times as much, and a process may stand still meanwhile. */
static void
foreach_in_leaf (Leaf *leaf, guint64 base, HatLiveSetFunc func, gpointer data)
{
  guint16 positions[1u << PAGE_BITS];
  guint64 used[(1u << PAGE_BITS) / 64] = { 0 };

  for (guint i = 0; i < leaf->n; i++)
    {
      positions[leaf->keys[i]] = i;
      used[leaf->keys[i] / 64] |= 1ull << leaf->keys[i] % 64;
    }
  for (guint word = 0; word < G_N_ELEMENTS (used); word++)
    for (guint64 bits = used[word]; bits != 0; bits &= bits - 1)
      {
        const guint key = word * 64 + __builtin_ctzll (bits);
        const HatLiveBlock block = record_block (&leaf_records (leaf)[positions[key]]);
        func (base + key, &block, data);
      }
}

static void
span_of_leaf (Leaf *leaf, guint64 base, HatLivePageFunc func, gpointer data)
{
  guint first = G_MAXUINT16, last = 0;

  for (guint i = 0; i < leaf->n; i++)
    {
      first = MIN (first, leaf->keys[i]);
      last = MAX (last, leaf->keys[i]);
    }
  if (leaf->n > 0)
    func (base + first, base + last + record_block (&leaf_records (leaf)[leaf_find (leaf, last)]).size, data);
}

/* Calls one of the two for every leaf, in address order. */
static void
foreach_leaf (HatLiveSet *set, HatLiveSetFunc block_func, HatLivePageFunc page_func, gpointer data)
{
  g_autofree Entry **sorted = g_new (Entry *, set->n_used + 1);
  guint n = 0;

  for (guint i = 0; i < 1u << set->bits; i++)
    if (set->entries[i].group)
      sorted[n++] = &set->entries[i];
  qsort (sorted, n, sizeof *sorted, compare_entries);
  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < GROUP_LEAVES; k++)
      {
        Leaf *leaf = sorted[i]->group->leaves[k];
        const guint64 base = (sorted[i]->number << GROUP_BITS | k) << PAGE_BITS;
        if (leaf && block_func)
          foreach_in_leaf (leaf, base, block_func, data);
        else if (leaf)
          span_of_leaf (leaf, base, page_func, data);
      }
}

void
hat_live_set_foreach (HatLiveSet *set, HatLiveSetFunc func, gpointer data)
{
  foreach_leaf (set, func, NULL, data);
}

void
hat_live_set_foreach_page (HatLiveSet *set, HatLivePageFunc func, gpointer data)
{
  foreach_leaf (set, NULL, func, data);
}
