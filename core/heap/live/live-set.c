/* SPDX-License-Identifier: Apache-2.0
 *
 * Live blocks by address, in three levels:
 *
 *   directory   open-addressing table of groups (256 KiB of address space each)
 *   group       64 leaves, one for each 4 KiB page
 *   leaf        the blocks that start in the page, 16 bytes each (id 48 bits, size 48 bits, stack 32 bits), found in one of two ways:
 *                 sparse   12-bit keys side by side, in the order of their records, searched many at a time
 *                 dense    more than 32 blocks, all at multiples of 16: a table of 256 positions; the records have holes
 *
 * That is 18 bytes a block plus slack. Groups and leaves carry a reference count: a fork copies the directory (64 to 128 bytes
 * for each 256 KiB in use) and shares everything below; whoever changes a shared group or leaf first makes its own.
 *
 * One insert or remove comes with each event, so the common case is straight: the block's group is near where its hash says and is this set's
 * own, its leaf as well, sparse, with few keys, and neither gets too full nor too empty. Two comparisons that have to be made in any case
 * tell of all that: an entry is CLOSED, and so not found, when its group may be shared or is gone; the number of keys is outside what a
 * leaf's `grows_below` and `shrinks_above` allow when it may be shared, is no leaf at all, or needs another form. Closed too early does no
 * harm: the slow path looks at the reference counts, and opens again. */

#include "core/heap/live/live-set.h"

#include <emmintrin.h>
#include <string.h>

#define PAGE_BITS 12
#define PAGE (1u << PAGE_BITS)
#define GROUP_BITS 6
#define GROUP_LEAVES (1u << GROUP_BITS)

#define FEW_KEYS 32u /* are looked at without a loop; more have a table, if they can */
#define GRAIN 16u    /* what dense leaves know of addresses */
#define MAX_DENSE 255u

/* Id, the size's low 16 bits above it; its high 32 bits, the stack above them. Whoever reads a record soon after it was written gets both words
 * from the processor's queue of stores, as it could not with fields that are written one over the other. */
typedef struct
{
  guint64 id_size, size_stack;
} Record;
#define ID_BITS 48
#define LOW_SIZE_BITS 16

/* What finds a block stands next to the head, to be fetched with it. */
typedef struct
{
  guint32 n_refs;
  guint16 n;
  guint16 grows_below, shrinks_above; /* n for which the fast paths may add, remove a block */
  guint16 capacity;
  guint16 records; /* where Record[capacity] begins, a multiple of 16 bytes from the leaf's beginning */
  guint8 is_dense;
  guint8 hole; /* dense: position + 1 of an unused record, whose id tells the next one; 0 = none */
  union
  {
    guint16 keys[PAGE];             /* sparse: capacity of them */
    guint8 positions[PAGE / GRAIN]; /* dense: by key / GRAIN, position + 1, 0 = no block */
  };
} Leaf;
#define LEAF_HEAD G_STRUCT_OFFSET (Leaf, keys)

typedef struct
{
  guint32 n_refs;
  guint32 n_leaves;
  Leaf *leaves[GROUP_LEAVES]; /* NO_LEAF where no block starts */
} Group;

#define CLOSED (1ull << 63)
#define NO_GROUP G_MAXUINT64

typedef struct
{
  guint64 number; /* address >> (PAGE_BITS + GROUP_BITS), perhaps CLOSED; NO_GROUP = never used */
  Group *group;   /* NULL: emptied again */
} Entry;

struct _HatLiveSet
{
  Entry *entries;
  guint shift;  /* 64 - bits of the directory */
  guint n_used; /* entries with a number */
  guint64 n_blocks;
  guint64 memory;
  guint64 n_bytes; /* not next to n_blocks: GCC would put the two into a vector to add to them, at four times the cost */
};

/* Nothing is found here and nothing fits in, but it can be looked at as any other. Nobody writes to it. */
static const Leaf no_leaf = { .n_refs = 1, .shrinks_above = G_MAXUINT16 };
#define NO_LEAF ((Leaf *) &no_leaf)

/* ---- leaves ---- */

static inline Record *
leaf_records (const Leaf *leaf)
{
  return (Record *) (gpointer) ((char *) leaf + leaf->records);
}

static inline Record *
dense_records (const Leaf *leaf)
{
  return (Record *) (gpointer) (leaf->positions + PAGE / GRAIN);
}

/* Never too short for FEW_KEYS to be looked at. */
static inline gsize
leaf_bytes (guint capacity, gsize records)
{
  return MAX (records + capacity * sizeof (Record), LEAF_HEAD + FEW_KEYS * sizeof (guint16));
}

static inline gsize
leaf_memory (const Leaf *leaf)
{
  return leaf == NO_LEAF ? 0 : leaf_bytes (leaf->capacity, leaf->records);
}

static inline void
record_write (Record *record, HatBlockId id, guint64 size, HatStackId stack)
{
  record->id_size = id | size << ID_BITS;
  record->size_stack = size >> LOW_SIZE_BITS | (guint64) stack << 32;
}

static inline HatLiveBlock
record_read (const Record *record)
{
  return (HatLiveBlock) { .id = record->id_size & ((1ull << ID_BITS) - 1),
                          .size = record->id_size >> ID_BITS | (record->size_stack & G_MAXUINT32) << LOW_SIZE_BITS,
                          .stack = (HatStackId) (record->size_stack >> 32) };
}

static inline __m128i
compare_keys (const guint16 *keys, __m128i wanted)
{
  return _mm_cmpeq_epi16 (_mm_loadu_si128 ((const __m128i_u *) keys), wanted);
}

/* Which of FEW_KEYS keys are the wanted one, as bits. What lies behind the last key is looked at too: there always is as much, for the
 * records come next. */
static inline guint32
match_keys (const guint16 *keys, __m128i wanted)
{
  const __m128i low = _mm_packs_epi16 (compare_keys (keys, wanted), compare_keys (keys + 8, wanted));
  const __m128i high = _mm_packs_epi16 (compare_keys (keys + 16, wanted), compare_keys (keys + 24, wanted));
  return (guint32) _mm_movemask_epi8 (low) | (guint32) _mm_movemask_epi8 (high) << 16;
}

/* The bit of the block that starts at `key` in a sparse leaf with n <= FEW_KEYS blocks. */
static inline guint32
match_few (const Leaf *leaf, guint key, guint n)
{
  return match_keys (leaf->keys, _mm_set1_epi16 ((short) key)) & (guint32) ((1ull << n) - 1);
}

/* Position of the block that starts at `key`, or -1. */
static inline gint
sparse_find (const Leaf *leaf, guint key)
{
  const __m128i wanted = _mm_set1_epi16 ((short) key);
  for (guint i = 0; i < leaf->n; i += FEW_KEYS)
    {
      const guint32 hits = match_keys (leaf->keys + i, wanted) & (guint32) ((1ull << MIN (leaf->n - i, FEW_KEYS)) - 1);
      if (hits)
        return i + __builtin_ctz (hits);
    }
  return -1;
}

static inline gint
dense_find (const Leaf *leaf, guint key)
{
  return key % GRAIN == 0 ? leaf->positions[key / GRAIN] - 1 : -1;
}

static inline gint
leaf_find (const Leaf *leaf, guint key)
{
  return leaf->is_dense ? dense_find (leaf, key) : sparse_find (leaf, key);
}

static inline gboolean
leaf_has_room (const Leaf *leaf, guint key)
{
  return leaf->n < leaf->capacity && !(leaf->is_dense && key % GRAIN != 0);
}

/* There is room. */
static inline void
sparse_add (Leaf *leaf, guint n, guint key, HatBlockId id, guint64 size, HatStackId stack)
{
  leaf->n = n + 1;
  leaf->keys[n] = key;
  record_write (&leaf_records (leaf)[n], id, size, stack);
}

static inline void
dense_add (Leaf *leaf, guint key, HatBlockId id, guint64 size, HatStackId stack)
{
  Record *record = &dense_records (leaf)[leaf->hole - 1];
  leaf->n++;
  leaf->positions[key / GRAIN] = leaf->hole;
  leaf->hole = (guint8) record->id_size;
  record_write (record, id, size, stack);
}

static inline void
leaf_add (Leaf *leaf, guint key, HatBlockId id, guint64 size, HatStackId stack)
{
  if (leaf->is_dense)
    dense_add (leaf, key, id, size, stack);
  else
    sparse_add (leaf, leaf->n, key, id, size, stack);
}

static inline void
sparse_remove (Leaf *leaf, gsize n, gsize position, HatLiveBlock *out_block)
{
  Record *records = leaf_records (leaf);
  *out_block = record_read (&records[position]);
  leaf->n = n - 1;
  records[position] = records[n - 1];
  leaf->keys[position] = leaf->keys[n - 1];
}

static inline void
dense_remove (Leaf *leaf, guint key, gsize position, HatLiveBlock *out_block)
{
  Record *record = &dense_records (leaf)[position];
  *out_block = record_read (record);
  leaf->n--;
  leaf->positions[key / GRAIN] = 0;
  record->id_size = leaf->hole;
  leaf->hole = position + 1;
}

static inline gboolean
leaf_is_too_big (const Leaf *leaf, guint n)
{
  return n * 4 <= leaf->capacity && leaf->capacity > 8;
}

/* The fast paths leave it alone. */
static void
leaf_close (Leaf *leaf)
{
  leaf->grows_below = 0;
  leaf->shrinks_above = G_MAXUINT16;
}

/* It is nobody else's. */
static void
leaf_open (Leaf *leaf)
{
  if (leaf->is_dense || leaf->capacity > FEW_KEYS)
    return;
  leaf->grows_below = leaf->capacity;
  leaf->shrinks_above = leaf->capacity > 8 ? leaf->capacity / 4 + 1 : 1;
}

/* For at least n blocks. The first is what fits into the fewest bytes; the table of a dense leaf leaves the least room for more. */
static guint
capacity_for (guint n, gboolean is_dense)
{
  if (n <= 48 && is_dense)
    return (n + 3) & ~3u;
  if (n <= 64)
    return n <= 3 ? 3 : (n + 7) & ~7u;
  return MIN ((n + n / 2) & ~7u, is_dense ? MAX_DENSE : PAGE);
}

/* With room for n blocks. */
static Leaf *
leaf_new (HatLiveSet *set, guint n, gboolean is_dense)
{
  const guint capacity = capacity_for (n, is_dense);
  const gsize records = LEAF_HEAD + (is_dense ? PAGE / GRAIN : (capacity * sizeof (guint16) + 15) & ~(gsize) 15);
  Leaf *leaf = g_malloc (leaf_bytes (capacity, records));

  leaf->n_refs = 1;
  leaf->n = 0;
  leaf->capacity = capacity;
  leaf->records = records;
  leaf->is_dense = is_dense;
  leaf->hole = 0;
  leaf_close (leaf);
  leaf_open (leaf);
  set->memory += leaf_memory (leaf);
  return leaf;
}

static void
leaf_unref (HatLiveSet *set, Leaf *leaf)
{
  if (leaf == NO_LEAF)
    return;
  set->memory -= leaf_memory (leaf);
  if (--leaf->n_refs == 0)
    g_free (leaf);
}

typedef struct
{
  guint16 key, position;
} Place;

/* Where its blocks are. A dense leaf's come in order. */
static guint
leaf_places (const Leaf *leaf, Place places[PAGE])
{
  guint n = 0;

  if (!leaf->is_dense)
    for (; n < leaf->n; n++)
      places[n] = (Place) { leaf->keys[n], n };
  else
    for (guint i = 0; i < PAGE / GRAIN; i++)
      if (leaf->positions[i])
        places[n++] = (Place) { i * GRAIN, leaf->positions[i] - 1 };
  return n;
}

/* Whether its blocks and one at `key` start at multiples of GRAIN. */
static gboolean
are_grains (const Leaf *leaf, guint key)
{
  if (!leaf->is_dense)
    for (guint i = 0; i < leaf->n; i++)
      key |= leaf->keys[i];
  return key % GRAIN == 0;
}

/* The records of a dense leaf from the nth on are unused. */
static void
chain_holes (Leaf *leaf)
{
  for (guint i = leaf->n; i < leaf->capacity; i++)
    dense_records (leaf)[i].id_size = i + 1 < leaf->capacity ? i + 2 : 0;
  leaf->hole = leaf->n + 1;
}

/* Another leaf in its place, with the same blocks and room for one that starts at `key`. */
static Leaf *
leaf_remake (HatLiveSet *set, Leaf **slot, guint key)
{
  Leaf *old = *slot;
  Leaf *leaf = leaf_new (set, old->n + 1, old->n >= FEW_KEYS && old->n < MAX_DENSE && are_grains (old, key));

  if (leaf->is_dense)
    memset (leaf->positions, 0, sizeof leaf->positions);
  if (old->hole == 0 && (leaf->is_dense || !old->is_dense)) /* whatever grows */
    {
      leaf->n = old->n;
      memcpy (leaf_records (leaf), leaf_records (old), old->n * sizeof (Record));
      if (!leaf->is_dense)
        memcpy (leaf->keys, old->keys, old->n * sizeof *leaf->keys);
      else if (old->is_dense)
        memcpy (leaf->positions, old->positions, sizeof leaf->positions);
      else
        for (guint i = 0; i < old->n; i++)
          leaf->positions[old->keys[i] / GRAIN] = i + 1;
      if (leaf->is_dense)
        chain_holes (leaf);
    }
  else
    {
      if (leaf->is_dense)
        chain_holes (leaf);
      Place places[PAGE];
      const guint n = leaf_places (old, places);
      for (guint i = 0; i < n; i++)
        {
          const HatLiveBlock block = record_read (&leaf_records (old)[places[i].position]);
          leaf_add (leaf, places[i].key, block.id, block.size, block.stack);
        }
    }
  *slot = leaf;
  leaf_unref (set, old);
  return leaf;
}

/* ---- groups and directory ---- */

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
  return address & (PAGE - 1);
}

static inline guint
directory_size (const HatLiveSet *set)
{
  return 1u << (64 - set->shift);
}

/* The last entry has a next one, too, which is never used. */
static inline gsize
directory_bytes (const HatLiveSet *set)
{
  return sizeof (Entry) * (directory_size (set) + 1);
}

static inline Entry *
entry_first (const HatLiveSet *set, guint64 number)
{
  return &set->entries[(number * 0x9e3779b97f4a7c15ull) >> set->shift];
}

/* Where it is looked for first, or the next. Of two heaps that lie apart, entries stand in each other's places: a third of all look-ups of clang
 * were for a next one, too many for a branch. */
static inline Entry *
entry_near (const HatLiveSet *set, guint64 number)
{
  Entry *entry = entry_first (set, number);
  return entry + (entry->number != number);
}

/* The one with the number, or the one to give it to. */
static Entry *
entry_find (const HatLiveSet *set, guint64 number)
{
  Entry *entry = entry_first (set, number);

  while (entry->number != NO_GROUP && (entry->number & ~CLOSED) != number)
    if (++entry == set->entries + directory_size (set))
      entry = set->entries;
  return entry;
}

static void
directory_new (HatLiveSet *set, guint bits)
{
  set->shift = 64 - bits;
  set->n_used = 0;
  set->entries = g_new (Entry, (1u << bits) + 1);
  for (guint i = 0; i <= 1u << bits; i++)
    set->entries[i] = (Entry) { .number = NO_GROUP };
  set->memory += directory_bytes (set);
}

/* Grows, or only drops the entries whose group is gone. A quarter is in use at most: whatever is not near where it is looked for first is slow. */
static void
directory_rebuild (HatLiveSet *set)
{
  Entry *old = set->entries;
  const guint n_old = directory_size (set);
  guint n = 0;

  for (guint i = 0; i < n_old; i++)
    n += old[i].group != NULL;
  set->memory -= directory_bytes (set);
  directory_new (set, 64 - set->shift + (n * 8 > n_old));
  for (guint i = 0; i < n_old; i++)
    if (old[i].group)
      {
        *entry_find (set, old[i].number & ~CLOSED) = old[i];
        set->n_used++;
      }
  g_free (old);
}

/* For a number that is not there. */
static Entry *
directory_add (HatLiveSet *set, guint64 number)
{
  if ((set->n_used + 1) * 4 > directory_size (set))
    directory_rebuild (set);
  set->n_used++;
  Entry *entry = entry_find (set, number);
  *entry = (Entry) { .number = number | CLOSED };
  return entry;
}

static Group *
group_new (HatLiveSet *set, Group *from)
{
  Group *group = g_new (Group, 1);

  group->n_refs = 1;
  group->n_leaves = from ? from->n_leaves : 0;
  set->memory += sizeof (Group);
  for (guint i = 0; i < GROUP_LEAVES; i++)
    {
      group->leaves[i] = from ? from->leaves[i] : NO_LEAF;
      if (group->leaves[i] == NO_LEAF)
        continue;
      group->leaves[i]->n_refs++;
      leaf_close (group->leaves[i]);
    }
  return group;
}

static guint64
group_memory (const Group *group)
{
  guint64 memory = sizeof (Group);
  for (guint i = 0; i < GROUP_LEAVES; i++)
    memory += leaf_memory (group->leaves[i]);
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
    leaf_unref (set, group->leaves[i]);
  set->memory -= sizeof (Group);
  g_free (group);
}

static Group *
own_group (HatLiveSet *set, Entry *entry)
{
  if (entry->group == NULL)
    entry->group = group_new (set, NULL);
  else if (entry->group->n_refs > 1)
    {
      entry->group->n_refs--;
      set->memory -= sizeof (Group);
      entry->group = group_new (set, entry->group);
    }
  entry->number &= ~CLOSED;
  return entry->group;
}

/* ---- the set ---- */

HatLiveSet *
hat_live_set_new (void)
{
  HatLiveSet *set = g_new0 (HatLiveSet, 1);
  set->memory = sizeof *set;
  directory_new (set, 8);
  return set;
}

HatLiveSet *
hat_live_set_fork (HatLiveSet *parent)
{
  HatLiveSet *set = g_memdup2 (parent, sizeof *parent);
  for (guint i = 0; i < directory_size (parent); i++)
    if (parent->entries[i].group)
      {
        parent->entries[i].group->n_refs++;
        parent->entries[i].number |= CLOSED;
      }
  set->entries = g_memdup2 (parent->entries, directory_bytes (parent));
  return set;
}

void
hat_live_set_free (HatLiveSet *set)
{
  if (set == NULL)
    return;
  for (guint i = 0; i < directory_size (set); i++)
    if (set->entries[i].group)
      group_unref (set, set->entries[i].group);
  g_free (set->entries);
  g_free (set);
}

/* The leaf for `address`, to look at. */
static Leaf *
find_leaf (const HatLiveSet *set, guint64 address)
{
  const Entry *entry = entry_find (set, group_number (address));
  return entry->group ? entry->group->leaves[leaf_number (address)] : NO_LEAF;
}

void
hat_live_set_prefetch (const HatLiveSet *set, guint64 address)
{
  const guint64 number = group_number (address);
  const Entry *entry = entry_near (set, number);
  if (entry->number != number)
    return;
  const Leaf *leaf = entry->group->leaves[leaf_number (address)];
  __builtin_prefetch (leaf);
  __builtin_prefetch ((const char *) leaf + 64); /* of a sparse one */
  __builtin_prefetch (&leaf->positions[leaf_key (address) / GRAIN]); /* of a dense one */
}

static inline gboolean
count_added (HatLiveSet *set, guint64 size)
{
  set->n_blocks++;
  set->n_bytes += size;
  return TRUE;
}

static inline gboolean
count_removed (HatLiveSet *set, const HatLiveBlock *block)
{
  set->n_blocks--;
  set->n_bytes -= block->size;
  return TRUE;
}

/* Groups and leaves that are not there, shared, or full. */
G_GNUC_NO_INLINE static gboolean
insert_slowly (HatLiveSet *set, guint64 address, HatBlockId id, guint64 size, HatStackId stack)
{
  const guint key = leaf_key (address);
  Entry *entry = entry_find (set, group_number (address));

  if (leaf_find (find_leaf (set, address), key) >= 0)
    return FALSE;
  if (entry->number == NO_GROUP)
    entry = directory_add (set, group_number (address));
  Group *group = own_group (set, entry);
  Leaf **slot = &group->leaves[leaf_number (address)], *leaf = *slot;
  group->n_leaves += leaf == NO_LEAF;
  if (leaf->n_refs == 1 && leaf_has_room (leaf, key))
    leaf_open (leaf);
  else
    leaf = leaf_remake (set, slot, key);
  leaf_add (leaf, key, id, size, stack);
  return count_added (set, size);
}

/* Leaves that are not sparse with few keys. */
G_GNUC_NO_INLINE static gboolean
insert_dense (HatLiveSet *set, guint64 address, HatBlockId id, guint64 size, HatStackId stack, Leaf *leaf)
{
  const guint key = leaf_key (address);

  if (G_UNLIKELY (leaf->n_refs > 1 || leaf->hole == 0 || key % GRAIN != 0))
    return insert_slowly (set, address, id, size, stack);
  if (G_UNLIKELY (leaf->positions[key / GRAIN]))
    return FALSE;
  dense_add (leaf, key, id, size, stack);
  return count_added (set, size);
}

G_GNUC_NO_INLINE static gboolean
insert_among_many (HatLiveSet *set, guint64 address, HatBlockId id, guint64 size, HatStackId stack, Leaf *leaf)
{
  const guint key = leaf_key (address);

  if (G_UNLIKELY (leaf->n_refs > 1 || leaf->n == leaf->capacity))
    return insert_slowly (set, address, id, size, stack);
  if (G_UNLIKELY (sparse_find (leaf, key) >= 0))
    return FALSE;
  sparse_add (leaf, leaf->n, key, id, size, stack);
  return count_added (set, size);
}

/* Groups that are not near where they are looked for first, or closed. */
G_GNUC_NO_INLINE static gboolean
insert_elsewhere (HatLiveSet *set, guint64 address, HatBlockId id, guint64 size, HatStackId stack)
{
  const Entry *entry = entry_find (set, group_number (address));
  if (entry->number != group_number (address))
    return insert_slowly (set, address, id, size, stack);
  Leaf *leaf = entry->group->leaves[leaf_number (address)];
  return leaf->is_dense ? insert_dense (set, address, id, size, stack, leaf) : insert_among_many (set, address, id, size, stack, leaf);
}

gboolean
hat_live_set_insert (HatLiveSet *set, guint64 address, HatBlockId id, guint64 size, HatStackId stack)
{
  const Entry *entry = entry_near (set, group_number (address));
  if (G_UNLIKELY (entry->number != group_number (address)))
    return insert_elsewhere (set, address, id, size, stack);
  Leaf *leaf = entry->group->leaves[leaf_number (address)];
  const guint n = leaf->n, key = leaf_key (address);
  if (n >= leaf->grows_below)
    return leaf->is_dense ? insert_dense (set, address, id, size, stack, leaf) : insert_among_many (set, address, id, size, stack, leaf);
  if (G_UNLIKELY (match_few (leaf, key, n)))
    return FALSE;
  sparse_add (leaf, n, key, id, size, stack);
  return count_added (set, size);
}

/* As above. */
G_GNUC_NO_INLINE static gboolean
remove_slowly (HatLiveSet *set, guint64 address, HatLiveBlock *out_block)
{
  const guint key = leaf_key (address);
  const gint position = leaf_find (find_leaf (set, address), key);

  if (position < 0)
    return FALSE;
  Entry *entry = entry_find (set, group_number (address));
  Group *group = own_group (set, entry);
  Leaf **slot = &group->leaves[leaf_number (address)], *leaf = *slot;
  if (leaf->n == 1)
    {
      *out_block = record_read (&leaf_records (leaf)[position]);
      leaf_unref (set, leaf);
      *slot = NO_LEAF;
      if (--group->n_leaves == 0)
        {
          group_unref (set, group);
          entry->group = NULL;
          entry->number |= CLOSED;
        }
      return count_removed (set, out_block);
    }
  if (leaf->n_refs > 1)
    leaf = leaf_remake (set, slot, key);
  leaf_open (leaf);
  if (leaf->is_dense)
    dense_remove (leaf, key, dense_find (leaf, key), out_block);
  else
    sparse_remove (leaf, leaf->n, sparse_find (leaf, key), out_block);
  if (leaf_is_too_big (leaf, leaf->n))
    leaf_remake (set, slot, 0);
  return count_removed (set, out_block);
}

G_GNUC_NO_INLINE static gboolean
remove_dense (HatLiveSet *set, guint64 address, HatLiveBlock *out_block, Leaf *leaf)
{
  const guint key = leaf_key (address);
  const gint position = dense_find (leaf, key);

  if (G_UNLIKELY (position < 0))
    return FALSE;
  if (G_UNLIKELY (leaf->n_refs > 1 || leaf_is_too_big (leaf, leaf->n - 1)))
    return remove_slowly (set, address, out_block);
  dense_remove (leaf, key, position, out_block);
  return count_removed (set, out_block);
}

G_GNUC_NO_INLINE static gboolean
remove_among_many (HatLiveSet *set, guint64 address, HatLiveBlock *out_block, Leaf *leaf)
{
  const gint position = sparse_find (leaf, leaf_key (address));

  if (G_UNLIKELY (position < 0))
    return FALSE;
  if (G_UNLIKELY (leaf->n_refs > 1 || leaf->n == 1 || leaf_is_too_big (leaf, leaf->n - 1)))
    return remove_slowly (set, address, out_block);
  sparse_remove (leaf, leaf->n, position, out_block);
  return count_removed (set, out_block);
}

G_GNUC_NO_INLINE static gboolean
remove_elsewhere (HatLiveSet *set, guint64 address, HatLiveBlock *out_block)
{
  const Entry *entry = entry_find (set, group_number (address));
  if (entry->number != group_number (address))
    return remove_slowly (set, address, out_block);
  Leaf *leaf = entry->group->leaves[leaf_number (address)];
  return leaf->is_dense ? remove_dense (set, address, out_block, leaf) : remove_among_many (set, address, out_block, leaf);
}

gboolean
hat_live_set_remove (HatLiveSet *set, guint64 address, HatLiveBlock *out_block)
{
  const Entry *entry = entry_near (set, group_number (address));
  if (G_UNLIKELY (entry->number != group_number (address)))
    return remove_elsewhere (set, address, out_block);
  Leaf *leaf = entry->group->leaves[leaf_number (address)];
  const guint n = leaf->n;
  if (n <= leaf->shrinks_above)
    return leaf->is_dense ? remove_dense (set, address, out_block, leaf) : remove_among_many (set, address, out_block, leaf);
  const guint32 hits = match_few (leaf, leaf_key (address), n);
  if (G_UNLIKELY (hits == 0))
    return FALSE;
  sparse_remove (leaf, n, (guint) __builtin_ctz (hits), out_block);
  return count_removed (set, out_block);
}

gboolean
hat_live_set_find (const HatLiveSet *set, guint64 address, HatLiveBlock *out_block)
{
  const Leaf *leaf = find_leaf (set, address);
  const gint position = leaf_find (leaf, leaf_key (address));

  if (position < 0)
    return FALSE;
  if (out_block)
    *out_block = record_read (&leaf_records (leaf)[position]);
  return TRUE;
}

guint64
hat_live_set_n_blocks (const HatLiveSet *set)
{
  return set->n_blocks;
}

guint64
hat_live_set_n_bytes (const HatLiveSet *set)
{
  return set->n_bytes;
}

guint64
hat_live_set_memory (const HatLiveSet *set)
{
  return set->memory;
}

/* ---- in order ---- */

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const guint64 x = (*(const Entry *const *) a)->number & ~CLOSED, y = (*(const Entry *const *) b)->number & ~CLOSED;
  return x < y ? -1 : x > y;
}

/* Through a bitmap of the page: sorting would cost several times as much, and a process may stand still meanwhile. */
static void
foreach_in_leaf (const Leaf *leaf, guint64 base, HatLiveSetFunc func, gpointer data)
{
  guint16 positions[PAGE];
  guint64 used[PAGE / 64] = { 0 };
  Place places[PAGE];
  const guint n = leaf_places (leaf, places);

  for (guint i = 0; i < n; i++)
    {
      positions[places[i].key] = places[i].position;
      used[places[i].key / 64] |= 1ull << places[i].key % 64;
    }
  for (guint word = 0; word < G_N_ELEMENTS (used); word++)
    for (guint64 bits = used[word]; bits != 0; bits &= bits - 1)
      {
        const guint key = word * 64 + __builtin_ctzll (bits);
        const HatLiveBlock block = record_read (&leaf_records (leaf)[positions[key]]);
        func (base + key, &block, data);
      }
}

static void
span_of_leaf (const Leaf *leaf, guint64 base, HatLivePageFunc func, gpointer data)
{
  Place places[PAGE], last = { 0 };
  const guint n = leaf_places (leaf, places);
  guint first = PAGE;

  for (guint i = 0; i < n; i++)
    {
      first = MIN (first, places[i].key);
      if (places[i].key >= last.key)
        last = places[i];
    }
  if (n > 0)
    func (base + first, base + last.key + record_read (&leaf_records (leaf)[last.position]).size, data);
}

/* Calls one of the two for every leaf, in address order. */
static void
foreach_leaf (const HatLiveSet *set, HatLiveSetFunc block_func, HatLivePageFunc page_func, gpointer data)
{
  g_autofree Entry **sorted = g_new (Entry *, set->n_used + 1);
  guint n = 0;

  for (guint i = 0; i < directory_size (set); i++)
    if (set->entries[i].group)
      sorted[n++] = &set->entries[i];
  qsort (sorted, n, sizeof *sorted, compare_entries);
  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < GROUP_LEAVES; k++)
      {
        const Leaf *leaf = sorted[i]->group->leaves[k];
        const guint64 base = (sorted[i]->number << GROUP_BITS | k) << PAGE_BITS; /* CLOSED is shifted out */
        if (leaf != NO_LEAF && block_func)
          foreach_in_leaf (leaf, base, block_func, data);
        else if (leaf != NO_LEAF)
          span_of_leaf (leaf, base, page_func, data);
      }
}

void
hat_live_set_foreach (const HatLiveSet *set, HatLiveSetFunc func, gpointer data)
{
  foreach_leaf (set, func, NULL, data);
}

void
hat_live_set_foreach_page (const HatLiveSet *set, HatLivePageFunc func, gpointer data)
{
  foreach_leaf (set, NULL, func, data);
}
