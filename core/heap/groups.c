/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks put together by what they have in common. */

#include "core/heap/heap-private.h"
#include "core/heap/names.h"
#include "core/trace/type-table.h"

#include <stdlib.h>
#include <string.h>

static const char *const grouping_names[] = { "none", "site", "function", "module", "thread", "size", "type", "age" };

const char *
hat_grouping_name (HatGrouping by)
{
  g_return_val_if_fail (by < G_N_ELEMENTS (grouping_names), NULL);
  return grouping_names[by];
}

gboolean
hat_grouping_parse (const char *name, HatGrouping *out_by)
{
  for (guint i = 0; i < G_N_ELEMENTS (grouping_names); i++)
    if (strcmp (name, grouping_names[i]) == 0)
      {
        *out_by = i;
        return TRUE;
      }
  return FALSE;
}

/* ---- ages: decades from a millisecond on ---- */

gint64
hat_age_class_start (guint cls)
{
  gint64 start = cls > 0 ? 1000000 : 0;
  for (guint i = 1; i < cls; i++)
    start *= 10;
  return start;
}

guint
hat_age_class (gint64 age_ns)
{
  guint cls = HAT_AGE_CLASSES - 1;
  while (cls > 0 && age_ns < hat_age_class_start (cls))
    cls--;
  return cls;
}

const char *
hat_age_class_label (guint cls)
{
  static const char *const labels[HAT_AGE_CLASSES] = {
    "younger than 1 ms", "1 to 10 ms", "10 to 100 ms", "100 ms to 1 s", "1 to 10 s", "10 to 100 s", "older than 100 s",
  };
  return labels[MIN (cls, HAT_AGE_CLASSES - 1)];
}

/* ---- identity and name ---- */

/* FNV-1a: the same in every run. */
static guint64
hash_text (const char *text)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  for (; *text; text++)
    hash = (hash ^ (guchar) *text) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

guint32
hat_type_key (HatTrace *trace, HatStackId stack, guint64 size)
{
  const HatBlockType *type = hat_trace_stack_type (trace, stack);
  const guint64 n = type ? hat_block_type_fits (type, size) : 0;
  return n == 0 ? 0 : type->type << 1 | (n > 1);
}

guint
hat_type_n_keys (HatTrace *trace)
{
  guint n;
  hat_trace_types (trace, &n);
  return n * 2;
}

char *
hat_type_key_label (HatTrace *trace, guint32 key)
{
  guint n;
  const HatKeptType *types = hat_trace_types (trace, &n), *type;
  if (key <= 1 || key / 2 >= n)
    return g_strdup ("(type not known)");
  type = &types[key / 2];
  g_autofree char *base = type->file ? g_path_get_basename (type->file) : NULL,
                  *place = base ? g_strdup_printf (" at %s:%u", base, type->line) : NULL;
  return g_strconcat (type->type.name, key & 1 ? "[]" : "", place, NULL);
}

const char *
hat_type_label (HatTrace *trace, guint32 type)
{
  guint n;
  const HatKeptType *types = hat_trace_types (trace, &n);
  if (type == 0 || type >= n)
    return NULL;
  if (types[type].file == NULL)
    return types[type].type.name;
  g_autofree char *label = hat_type_key_label (trace, type << 1);
  return g_intern_string (label);
}

guint64
hat_group_identity (HatTrace *trace, HatGrouping by, guint32 key)
{
  switch (by)
    {
    case HAT_BY_FUNCTION:
      return hash_text (hat_stack_function (trace, key));
    case HAT_BY_MODULE:
      return hash_text (hat_stack_module (trace, key));
    case HAT_BY_TYPE:
      {
        g_autofree char *label = hat_type_key_label (trace, key);
        return hash_text (label);
      }
    case HAT_BY_NONE:
      return 0;
    case HAT_BY_SITE:
    case HAT_BY_THREAD:
    case HAT_BY_SIZE:
    case HAT_BY_AGE:
      return key;
    }
  g_return_val_if_reached (key);
}

static const char *
base_name (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash ? slash + 1 : path;
}

static char *
site_label (HatTrace *trace, HatStackId stack)
{
  HatOwnFrame own;

  hat_stack_own (trace, stack, &own);
  if (own.file && own.line > 0)
    return g_strdup_printf ("%s (%s:%u)", own.function, base_name (own.file), own.line);
  return g_strdup (own.function);
}

static char *
thread_label (HatTrace *trace, guint process, guint32 thread)
{
  guint n;
  const HatThread *threads = hat_trace_threads (trace, process, &n);

  if (thread >= n)
    return g_strdup_printf ("thread %u", thread);
  if (threads[thread].name == NULL || *threads[thread].name == '\0')
    return g_strdup_printf ("thread %u", threads[thread].tid);
  return g_strdup_printf ("%s (%u)", threads[thread].name, threads[thread].tid);
}

char *
hat_group_label (HatTrace *trace, guint process, HatGrouping by, guint32 key)
{
  const char *module;

  switch (by)
    {
    case HAT_BY_NONE:
      return g_strdup ("all");
    case HAT_BY_SITE:
      return site_label (trace, key);
    case HAT_BY_FUNCTION:
      return g_strdup (hat_stack_function (trace, key));
    case HAT_BY_MODULE:
      module = hat_stack_module (trace, key);
      return g_strdup (*module ? base_name (module) : "(unknown)");
    case HAT_BY_THREAD:
      return thread_label (trace, process, key);
    case HAT_BY_SIZE:
      return g_strdup (hat_size_class_label (key));
    case HAT_BY_TYPE:
      return hat_type_key_label (trace, key);
    case HAT_BY_AGE:
      return g_strdup (hat_age_class_label (key));
    }
  g_return_val_if_reached (NULL);
}

/* ---- groups of a range ---- */

typedef struct
{
  HatSite costs; /* stack: the key of a member */
  HatSiteVariance variance;
  guint64 example_bytes;
} Group;

static void
add_variance (HatSiteVariance *to, const HatSiteVariance *from)
{
  to->allocations += from->allocations;
  to->bytes += from->bytes;
  to->frees += from->frees;
  to->bytes_freed += from->bytes_freed;
  to->live_blocks += from->live_blocks;
  to->live_bytes += from->live_bytes;
  to->peak_blocks += from->peak_blocks;
  to->peak_bytes += from->peak_bytes;
}

static void
add_site (HatSite *to, const HatSite *site)
{
  to->allocations += site->allocations;
  to->bytes += site->bytes;
  to->frees += site->frees;
  to->bytes_freed += site->bytes_freed;
  to->reallocations += site->reallocations;
  to->realloc_delta_bytes += site->realloc_delta_bytes;
  to->live_blocks += site->live_blocks;
  to->live_bytes += site->live_bytes;
  to->peak_blocks += site->peak_blocks;
  to->peak_bytes += site->peak_bytes;
  to->temporary += site->temporary;
}

static int
compare_groups (gconstpointer a, gconstpointer b)
{
  const HatSite *x = &((const HatGroup *) a)->costs, *y = &((const HatGroup *) b)->costs;

  if (x->live_bytes != y->live_bytes)
    return x->live_bytes > y->live_bytes ? -1 : 1;
  if (x->peak_bytes != y->peak_bytes)
    return x->peak_bytes > y->peak_bytes ? -1 : 1;
  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  return strcmp (((const HatGroup *) a)->label, ((const HatGroup *) b)->label);
}

static HatGroups *
groups_of_sites (HatHeap *heap, const HatSites *sites, HatGrouping by)
{
  g_autoptr (GHashTable) by_identity = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_autoptr (GArray) groups = g_array_new (FALSE, TRUE, sizeof (Group));

  for (guint i = 0; i < sites->n; i++)
    {
      const HatSite *site = &sites->sites[i];
      const guint64 identity = hat_group_identity (heap->trace, by, site->stack);
      guint number = GPOINTER_TO_UINT (g_hash_table_lookup (by_identity, &identity));
      if (number == 0)
        {
          number = groups->len + 1;
          g_array_set_size (groups, number);
          g_array_index (groups, Group, number - 1).costs.stack = site->stack;
          g_hash_table_insert (by_identity, g_memdup2 (&identity, sizeof identity), GUINT_TO_POINTER (number));
        }
      Group *group = &g_array_index (groups, Group, number - 1);
      const guint64 bytes = MAX (site->live_bytes, site->peak_bytes);
      add_site (&group->costs, site);
      if (sites->variances)
        add_variance (&group->variance, &sites->variances[i]);
      if (bytes > group->example_bytes)
        {
          group->example_bytes = bytes;
          group->costs.stack = site->stack;
        }
    }

  HatGroups *result = g_new0 (HatGroups, 1);
  result->n = groups->len;
  result->groups = g_new (HatGroup, MAX (groups->len, 1));
  for (guint i = 0; i < groups->len; i++)
    {
      const Group *group = &g_array_index (groups, Group, i);
      result->groups[i] = (HatGroup) { hat_group_label (heap->trace, heap->process, by, group->costs.stack), group->costs, group->variance };
    }
  if (result->n > 1)
    qsort (result->groups, result->n, sizeof (HatGroup), compare_groups);
  return result;
}

/* Ages exist at an instant only: nothing but what lives at the end of the range. */
static HatSites *
sites_by_age (HatHeap *heap, gint64 time, const HatProgress *progress, GError **error)
{
  g_autoptr (HatLive) live = hat_heap_live (heap, time, progress, error);

  if (live == NULL)
    return NULL;
  HatStandsFor sums[HAT_AGE_CLASSES] = { 0 };
  for (guint64 i = 0; i < live->n; i++)
    {
      HatStandsFor *sum = &sums[hat_age_class (time - live->blocks[i].birth_ns)];
      const HatStandsFor block = hat_heap_stands_for (heap, live->blocks[i].size);
      hat_estimate_add (&sum->blocks, &block.blocks, 1);
      hat_estimate_add (&sum->bytes, &block.bytes, 1);
    }
  HatSites *sites = g_new0 (HatSites, 1);
  sites->n = HAT_AGE_CLASSES;
  sites->sites = g_new0 (HatSite, HAT_AGE_CLASSES);
  sites->variances = g_new0 (HatSiteVariance, HAT_AGE_CLASSES);
  for (guint cls = 0; cls < HAT_AGE_CLASSES; cls++)
    {
      const guint64 blocks = hat_estimate_value (&sums[cls].blocks), bytes = hat_estimate_value (&sums[cls].bytes);
      sites->sites[cls] = (HatSite){ .stack = cls, .live_blocks = blocks, .live_bytes = bytes };
      sites->variances[cls] = (HatSiteVariance){ .live_blocks = sums[cls].blocks.variance, .live_bytes = sums[cls].bytes.variance };
    }
  return sites;
}

/* One stack of each group, the one that has most. Keys of threads, sizes and ages are no stacks. */
static gboolean
find_examples (HatHeap *heap, HatGroups *groups, HatGrouping by, gint64 time, GError **error)
{
  g_autoptr (HatLive) live = hat_heap_live (heap, time, NULL, error);
  g_autoptr (GHashTable) biggest = g_hash_table_new (NULL, NULL); /* key -> HatBlock */

  if (live == NULL)
    return FALSE;
  for (guint64 i = 0; i < live->n; i++)
    {
      const HatBlock *block = &live->blocks[i];
      const guint32 key = by == HAT_BY_AGE ? hat_age_class (time - block->birth_ns)
                                           : hat_group_key (heap->trace, by, block->stack, block->thread, block->size);
      const HatBlock *best = g_hash_table_lookup (biggest, GUINT_TO_POINTER (key));
      if (best == NULL || block->size > best->size)
        g_hash_table_insert (biggest, GUINT_TO_POINTER (key), (gpointer) block);
    }
  for (guint i = 0; i < groups->n; i++)
    {
      const HatBlock *best = g_hash_table_lookup (biggest, GUINT_TO_POINTER (groups->groups[i].costs.stack));
      groups->groups[i].costs.stack = best ? best->stack : HAT_STACK_NONE;
    }
  return TRUE;
}

HatGroups *
hat_heap_groups (HatHeap *heap, HatRange range, HatGrouping by, const HatProgress *progress, GError **error)
{
  const gboolean by_stack = by == HAT_BY_NONE || by == HAT_BY_SITE || by == HAT_BY_FUNCTION || by == HAT_BY_MODULE;
  g_autoptr (HatSites) sites = by == HAT_BY_AGE ? sites_by_age (heap, range.to, progress, error)
                               : by_stack       ? hat_heap_sites (heap, range, progress, error)
                                                : hat_heap_count_range (heap, range, by, progress, error);
  if (sites == NULL)
    return NULL;
  g_autoptr (HatGroups) groups = groups_of_sites (heap, sites, by);
  if (!by_stack && !find_examples (heap, groups, by, range.to, error))
    return NULL;
  return g_steal_pointer (&groups);
}

void
hat_groups_free (HatGroups *groups)
{
  if (groups == NULL)
    return;
  for (guint i = 0; i < groups->n; i++)
    g_free (groups->groups[i].label);
  g_free (groups->groups);
  g_free (groups);
}
