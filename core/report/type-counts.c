/* SPDX-License-Identifier: Apache-2.0 */
/* Live objects by type. */

#include "core/report/type-counts.h"

#include "core/trace/snapshot.h"

enum
{
  MAX_DEPTH = 32,      /* of objects in objects */
  MAX_SEEN = 1 << 20,  /* blocks of a snapshot: reading more would take longer than a moved cursor may */
};

struct _HatTypeCounts
{
  HatTypeCount blocks;
  GHashTable *found; /* Key -> itself; by name and size */
};

struct _HatSeenTypes
{
  guint process, number; /* 1 + its index; 0: none */
  HatSnapshot *snapshot;
  HatLive *live; /* its blocks */
};

typedef struct _Key
{
  const char *name;
  guint64 size;
  guint64 fingerprint;
  HatTypeCount count;
  struct _Key *next; /* of the same name and size */
} Key;

static guint
hash_key (gconstpointer data)
{
  const Key *key = data;
  return g_str_hash (key->name) ^ (guint) key->size * 2654435761u;
}

static gboolean
equal_keys (gconstpointer a, gconstpointer b)
{
  const Key *x = a, *y = b;
  return x->size == y->size && g_str_equal (x->name, y->name);
}

static void
free_keys (gpointer data)
{
  for (Key *key = data, *next; key; key = next)
    {
      next = key->next;
      g_free ((char *) key->name);
      g_free (key);
    }
}

static Key *
find_key (Key *key, guint64 fingerprint)
{
  while (key && key->fingerprint != fingerprint)
    key = key->next;
  return key;
}

/* ---- blocks ---- */

typedef struct
{
  HatTypes *types;
  guint n_types;
  guint64 *objects; /* by type */
  guint n_stacks;
  const HatBlockType **of_stack;
  const HatSeenTypes *seen;
} Counter;

static void
count_block (Counter *counter, HatTypeCounts *counts, const HatBlock *block, HatTypeId type, guint64 objects)
{
  if (objects == 0)
    return;
  if (type < counter->n_types)
    counter->objects[type] += objects;
  counts->blocks.objects++;
  counts->blocks.bytes += block->size;
}

/* FALSE: the snapshot does not say. */
static gboolean
count_seen (Counter *counter, HatTypeCounts *counts, const HatBlock *block, guint64 index)
{
  const guint32 number = counter->seen->snapshot->block_kind[index];
  const HatBlockKind *kind = number ? &counter->seen->snapshot->kinds[number - 1] : NULL;

  if (!kind)
    return FALSE;
  guint64 size = kind->type ? hat_types_get (counter->types, kind->type)->size : 0;
  count_block (counter, counts, block, kind->type, kind->is_array && size ? (block->size - MIN (block->size, kind->offset)) / size : 1);
  return TRUE;
}

static void
count_blocks (Counter *counter, HatTypeCounts *counts, const HatLive *live)
{
  const HatLive *seen = counter->seen->live;
  guint64 k = 0;

  for (guint64 i = 0; i < live->n; i++)
    {
      const HatBlock *block = &live->blocks[i];
      if (seen)
        {
          for (; k < seen->n && seen->blocks[k].address < block->address; k++)
            ;
          if (k < seen->n && seen->blocks[k].address == block->address && seen->blocks[k].birth_ns == block->birth_ns
              && count_seen (counter, counts, block, k))
            continue;
        }
      const HatBlockType *type = block->stack < counter->n_stacks ? counter->of_stack[block->stack] : NULL;
      if (type)
        count_block (counter, counts, block, type->type, hat_block_type_fits (type, block->size));
    }
}

HatSeenTypes *
hat_seen_types_new (void)
{
  return g_new0 (HatSeenTypes, 1);
}

static void
forget (HatSeenTypes *seen)
{
  g_clear_pointer (&seen->snapshot, hat_snapshot_free);
  g_clear_pointer (&seen->live, hat_live_free);
  seen->number = 0;
}

void
hat_seen_types_free (HatSeenTypes *seen)
{
  if (!seen)
    return;
  forget (seen);
  g_free (seen);
}

/* The last snapshot that knows types at `time`, if there is one. One that cannot be read is none: stacks still say what they know. */
static void
read_snapshot (HatSeenTypes *seen, HatHeap *heap, gint64 time, const HatProgress *progress)
{
  const guint process = hat_heap_process (heap);
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (heap), process, &n);

  while (n > 0 && infos[n - 1].time_ns > time)
    n--;
  if (n == seen->number && process == seen->process)
    return;
  forget (seen);
  seen->process = process;
  if (n == 0 || infos[n - 1].n_blocks > MAX_SEEN)
    return;
  g_autoptr (HatSnapshot) snapshot = hat_trace_read_snapshot (hat_heap_trace (heap), process, n - 1, progress, NULL);
  g_autoptr (HatLive) live = snapshot && snapshot->block_kind ? hat_heap_live (heap, infos[n - 1].time_ns, progress, NULL) : NULL;
  if (live && live->n == snapshot->info.n_blocks)
    {
      seen->snapshot = g_steal_pointer (&snapshot);
      seen->live = g_steal_pointer (&live);
      seen->number = n;
    }
}

/* ---- objects in objects ---- */

static void
add_inside (Counter *counter, guint64 *all, HatTypeId id, guint64 objects, guint depth)
{
  HatTypeId type = hat_types_definition (counter->types, id);
  const HatType *its = hat_types_get (counter->types, type);

  for (; its->kind == HAT_TYPE_ARRAY && its->count; its = hat_types_get (counter->types, type))
    {
      objects *= its->count;
      type = hat_types_definition (counter->types, its->target);
    }
  if (depth >= MAX_DEPTH || type >= counter->n_types || (its->kind != HAT_TYPE_STRUCT && its->kind != HAT_TYPE_CLASS && its->kind != HAT_TYPE_UNION))
    return;
  all[type] += objects;
  HatTypeId stored = hat_types_stored (counter->types, type);
  if (stored)
    add_inside (counter, all, stored, objects, depth + 1);
  if (its->kind == HAT_TYPE_UNION)
    return;
  const HatTypeLayout *layout = hat_types_layout (counter->types, type);
  for (guint i = 0; i < layout->n_fields; i++)
    if (layout->fields[i].size)
      add_inside (counter, all, layout->fields[i].type, objects, depth + 1);
}

static void
name_counts (Counter *counter, HatTypeCounts *counts, const guint64 *all)
{
  for (HatTypeId id = 1; id < counter->n_types; id++)
    if (all[id])
      {
        const HatType *type = hat_types_get (counter->types, id);
        Key wanted = { .name = type->name, .size = type->size, .fingerprint = hat_types_fingerprint (counter->types, id) };
        Key *first = g_hash_table_lookup (counts->found, &wanted), *key = find_key (first, wanted.fingerprint);
        if (!key)
          {
            key = g_memdup2 (&wanted, sizeof wanted);
            key->name = g_strdup (type->name);
            if (first)
              {
                key->next = first->next;
                first->next = key;
              }
            else
              g_hash_table_add (counts->found, key);
          }
        key->count.objects += all[id];
        key->count.bytes += all[id] * type->size;
      }
}

HatTypeCounts *
hat_type_counts_new (HatHeap *heap, HatTypes *kept, const HatLive *live, HatSeenTypes *seen, const HatProgress *progress)
{
  HatTypeCounts *counts = g_new0 (HatTypeCounts, 1);
  guint n;
  const HatStackType *stacks = hat_trace_stack_types (hat_heap_trace (heap), &n);
  Counter counter = { .types = kept, .n_types = hat_types_count (kept), .n_stacks = n ? stacks[n - 1].stack + 1 : 0, .seen = seen };
  g_autofree guint64 *objects = counter.objects = g_new0 (guint64, counter.n_types + 1);
  g_autofree guint64 *all = g_new0 (guint64, counter.n_types + 1);
  g_autofree const HatBlockType **of_stack = counter.of_stack = g_new0 (const HatBlockType *, counter.n_stacks + 1);

  counts->found = g_hash_table_new_full (hash_key, equal_keys, NULL, free_keys);
  for (guint i = 0; i < n; i++)
    of_stack[stacks[i].stack] = &stacks[i].type;
  read_snapshot (seen, heap, live->time_ns, progress);
  count_blocks (&counter, counts, live);
  /* Looking at layouts may make types: those of the trace come first. */
  for (HatTypeId id = 1; id < counter.n_types; id++)
    if (objects[id])
      {
        const HatType *type = hat_types_get (kept, hat_types_definition (kept, id));
        add_inside (&counter, all, id, objects[id], 0);
        if (type->kind == HAT_TYPE_ENUM || type->kind == HAT_TYPE_BASE)
          all[id] += objects[id];
      }
  name_counts (&counter, counts, all);
  return counts;
}

void
hat_type_counts_free (HatTypeCounts *counts)
{
  if (!counts)
    return;
  g_hash_table_destroy (counts->found);
  g_free (counts);
}

HatTypeCount
hat_type_counts_find (const HatTypeCounts *counts, HatTypes *types, HatTypeId id)
{
  const HatType *type = hat_types_get (types, id);
  Key *first = g_hash_table_lookup (counts->found, &(Key){ .name = type->name, .size = type->size });
  const Key *key = first ? find_key (first, hat_types_fingerprint (types, hat_types_definition (types, id))) : NULL;
  return key ? key->count : (HatTypeCount){ 0 };
}

HatTypeCount
hat_type_counts_blocks (const HatTypeCounts *counts)
{
  return counts->blocks;
}

const char *
hat_block_type_name (HatTrace *trace, const HatBlock *block, guint64 *out_elements)
{
  const HatBlockType *type = hat_trace_stack_type (trace, block->stack);
  *out_elements = type ? hat_block_type_fits (type, block->size) : 0;
  return *out_elements ? hat_type_label (trace, type->type) : NULL;
}
