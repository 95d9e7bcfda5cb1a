/* SPDX-License-Identifier: Apache-2.0 */

/* Functions and modules ranked by what they hold at the peak of the whole process: the first twelve get a colour of
 * their own, all others are "other". Threads go by their number, sizes and ages by the sequence. */

#include "ui/draw/colors.h"

#include "core/heap/format.h"

#include <string.h>

typedef struct
{
  const char *name;
  guint64 peak_bytes, bytes;
} Rank;

typedef struct
{
  GHashTable *swatches; /* name -> GUINT (swatch + 1), the ranked ones only */
  guint n;
  const char *names[HAT_N_CATEGORIES];
} Table;

struct _HatColors
{
  gatomicrefcount refs;
  HatTrace *trace;
  Table functions, modules, types;
  guint n_stacks;
  HatSwatch *by_function, *by_module; /* of each stack that allocated */
  guint n_types;
  char **type_labels; /* by hat_type_key() */
  HatSwatch *by_type; /* likewise */
  guint n_threads;
  const HatThread *threads;
};

/* Ages in decades; sizes in powers of two from 16 bytes, where most blocks are told apart best. */
#define N_AGES 7
#define FIRST_SIZE_CLASS 4
#define FINE_SIZE_CLASSES 9
#define LAST_SIZE_CLASS 26

static const gint64 age_limits[N_AGES - 1] = { 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000 };
static const char *const age_labels[N_AGES] = { "younger than 1 ms", "1 to 10 ms", "10 to 100 ms",
                                                "100 ms to 1 s",     "1 to 10 s",  "10 to 100 s",
                                                "older than 100 s" };

static const char *
base_name (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash && slash[1] ? slash + 1 : path;
}

static gint
compare_ranks (gconstpointer a, gconstpointer b)
{
  const Rank *x = *(Rank *const *) a, *y = *(Rank *const *) b;

  if (x->peak_bytes != y->peak_bytes)
    return x->peak_bytes > y->peak_bytes ? -1 : 1;
  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  return strcmp (x->name, y->name);
}

static void
add_to_rank (GHashTable *ranks, const char *name, const HatSite *site)
{
  Rank *rank = g_hash_table_lookup (ranks, name);

  if (!rank)
    {
      rank = g_new0 (Rank, 1);
      rank->name = name;
      g_hash_table_insert (ranks, (gpointer) name, rank);
    }
  rank->peak_bytes += site->peak_bytes;
  rank->bytes += site->bytes;
}

static void
fill_table (Table *table, GHashTable *ranks)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer rank;

  g_hash_table_iter_init (&iter, ranks);
  while (g_hash_table_iter_next (&iter, NULL, &rank))
    g_ptr_array_add (sorted, rank);
  g_ptr_array_sort (sorted, compare_ranks);
  table->swatches = g_hash_table_new (g_str_hash, g_str_equal);
  table->n = MIN (sorted->len, HAT_N_CATEGORIES);
  for (guint i = 0; i < table->n; i++)
    {
      table->names[i] = ((Rank *) sorted->pdata[i])->name;
      g_hash_table_insert (table->swatches, (gpointer) table->names[i], GUINT_TO_POINTER (i + 1));
    }
}

static HatSwatch
table_swatch (const Table *table, const char *name)
{
  guint found = GPOINTER_TO_UINT (g_hash_table_lookup (table->swatches, name));

  return found ? found - 1 : HAT_SWATCH_OTHER;
}

/* Most sites make blocks of one size, so that their mean says how to rank their type. */
static guint32
usual_type_key (HatTrace *trace, const HatSite *site)
{
  const guint64 blocks = site->allocations ? site->allocations : site->peak_blocks, bytes = site->allocations ? site->bytes : site->peak_bytes;

  return blocks > 0 ? hat_type_key (trace, site->stack, bytes / blocks) : 0;
}

static void
rank_types (HatColors *colors, const HatSummary *summary)
{
  g_autoptr (GHashTable) ranks = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);

  colors->n_types = hat_type_n_keys (colors->trace);
  colors->type_labels = g_new0 (char *, colors->n_types + 1);
  colors->by_type = g_new (HatSwatch, colors->n_types + 1);
  for (guint32 key = 0; key < colors->n_types; key++)
    colors->type_labels[key] = hat_type_key_label (colors->trace, key);
  for (guint i = 0; i < summary->n_sites; i++)
    {
      const guint32 key = usual_type_key (colors->trace, &summary->sites[i]);
      if (key > 0)
        add_to_rank (ranks, colors->type_labels[key], &summary->sites[i]);
    }
  fill_table (&colors->types, ranks);
  for (guint32 key = 0; key < colors->n_types; key++)
    colors->by_type[key] = table_swatch (&colors->types, colors->type_labels[key]);
}

HatColors *
hat_colors_new (HatHeap *heap)
{
  HatColors *colors = g_new0 (HatColors, 1);
  const HatSummary *summary = hat_heap_summary (heap);
  g_autoptr (GHashTable) functions = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autoptr (GHashTable) modules = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);

  g_atomic_ref_count_init (&colors->refs);
  colors->trace = hat_trace_ref (hat_heap_trace (heap));
  hat_trace_stacks (colors->trace, &colors->n_stacks);
  colors->threads = hat_trace_threads (colors->trace, hat_heap_process (heap), &colors->n_threads);
  for (guint i = 0; i < summary->n_sites; i++)
    {
      const HatSite *site = &summary->sites[i];
      add_to_rank (functions, hat_stack_function (colors->trace, site->stack), site);
      add_to_rank (modules, base_name (hat_stack_module (colors->trace, site->stack)), site);
    }
  fill_table (&colors->functions, functions);
  fill_table (&colors->modules, modules);
  rank_types (colors, summary);

  colors->by_function = g_malloc (colors->n_stacks + 1);
  colors->by_module = g_malloc (colors->n_stacks + 1);
  memset (colors->by_function, HAT_SWATCH_OTHER, colors->n_stacks + 1);
  memset (colors->by_module, HAT_SWATCH_OTHER, colors->n_stacks + 1);
  for (guint i = 0; i < summary->n_sites; i++)
    {
      HatStackId stack = summary->sites[i].stack;
      if (stack >= colors->n_stacks)
        continue;
      colors->by_function[stack] = table_swatch (&colors->functions, hat_stack_function (colors->trace, stack));
      colors->by_module[stack] = table_swatch (&colors->modules, base_name (hat_stack_module (colors->trace, stack)));
    }
  return colors;
}

HatColors *
hat_colors_ref (HatColors *colors)
{
  g_atomic_ref_count_inc (&colors->refs);
  return colors;
}

void
hat_colors_unref (HatColors *colors)
{
  if (!colors || !g_atomic_ref_count_dec (&colors->refs))
    return;
  g_clear_pointer (&colors->functions.swatches, g_hash_table_unref);
  g_clear_pointer (&colors->modules.swatches, g_hash_table_unref);
  g_clear_pointer (&colors->types.swatches, g_hash_table_unref);
  g_strfreev (colors->type_labels);
  g_free (colors->by_type);
  g_free (colors->by_function);
  g_free (colors->by_module);
  hat_trace_unref (colors->trace);
  g_free (colors);
}

HatSwatch
hat_colors_stack (HatColors *colors, HatGrouping by, HatStackId stack)
{
  if (stack >= colors->n_stacks)
    return HAT_SWATCH_OTHER;
  return by == HAT_BY_MODULE ? colors->by_module[stack] : colors->by_function[stack];
}

HatSwatch
hat_colors_function (HatColors *colors, const char *function)
{
  return table_swatch (&colors->functions, function);
}

HatSwatch
hat_colors_module (HatColors *colors, const char *module)
{
  return table_swatch (&colors->modules, base_name (module));
}

static guint
size_step (guint cls)
{
  guint above = CLAMP (cls, FIRST_SIZE_CLASS, LAST_SIZE_CLASS) - FIRST_SIZE_CLASS;

  return MIN (above, FINE_SIZE_CLASSES) * 2 + (above > FINE_SIZE_CLASSES ? above - FINE_SIZE_CLASSES : 0);
}

static guint
age_class (gint64 age_ns)
{
  guint cls = 0;

  while (cls < N_AGES - 1 && age_ns >= age_limits[cls])
    cls++;
  return cls;
}

static HatSwatch
age_swatch (guint cls)
{
  return HAT_SWATCH_SEQUENCE + MIN (cls, N_AGES - 1) * (HAT_SWATCH_STEPS - 1) / (N_AGES - 1);
}

HatSwatch
hat_colors_block (HatColors *colors, HatGrouping by, const HatBlock *block, gint64 now)
{
  switch (by)
    {
    case HAT_BY_THREAD:
      return MIN (block->thread, HAT_SWATCH_OTHER);
    case HAT_BY_SIZE:
      return HAT_SWATCH_SEQUENCE + size_step (hat_size_class (block->size));
    case HAT_BY_TYPE:
      return colors->by_type[hat_type_key (colors->trace, block->stack, block->size)];
    case HAT_BY_AGE:
      return age_swatch (age_class (now - block->birth_ns));
    default:
      return hat_colors_stack (colors, by, block->stack);
    }
}

/* The swatch a band asks for; another band may have it already. */
static HatSwatch
wanted (HatColors *colors, HatGrouping by, const HatBand *band)
{
  switch (by)
    {
    case HAT_BY_SITE:
      return hat_colors_stack (colors, by, (HatStackId) MIN (band->key, G_MAXUINT32));
    case HAT_BY_FUNCTION:
      return table_swatch (&colors->functions, band->label);
    case HAT_BY_MODULE:
      return table_swatch (&colors->modules, base_name (band->label));
    case HAT_BY_TYPE:
      return table_swatch (&colors->types, band->label);
    case HAT_BY_THREAD:
      return (HatSwatch) MIN (band->key, HAT_SWATCH_OTHER);
    case HAT_BY_SIZE:
      return HAT_SWATCH_SEQUENCE + size_step ((guint) MIN (band->key, HAT_SIZE_CLASSES));
    case HAT_BY_AGE:
      return age_swatch ((guint) MIN (band->key, N_AGES));
    default:
      return HAT_SWATCH_OTHER;
    }
}

/* Grey: all that has no band of its own, and what is not known. */
static gboolean
is_rest (HatColors *colors, const HatTimeline *timeline, guint i)
{
  const char *label = timeline->bands[i].label;

  return i == HAT_N_CATEGORIES || (i + 1 == timeline->n_bands && g_str_equal (label, "other"))
         || (timeline->by == HAT_BY_TYPE && g_str_equal (label, colors->type_labels[0]));
}

void
hat_colors_bands (HatColors *colors, const HatTimeline *timeline, HatSwatch *out_swatches)
{
  gboolean is_taken[HAT_N_CATEGORIES + 1] = { FALSE };

  for (guint i = 0; i < timeline->n_bands; i++)
    {
      HatSwatch swatch = is_rest (colors, timeline, i) ? HAT_SWATCH_OTHER : wanted (colors, timeline->by, &timeline->bands[i]);

      out_swatches[i] = swatch;
      if (swatch >= HAT_N_CATEGORIES)
        continue;
      if (is_taken[swatch])
        out_swatches[i] = HAT_SWATCH_OTHER;
      else
        is_taken[swatch] = TRUE;
    }
  /* Groups that were not among the biggest at the peak take what is left, in their order, which never changes. */
  for (guint i = 0, next = 0; i < timeline->n_bands && i < HAT_N_CATEGORIES; i++)
    {
      if (out_swatches[i] != HAT_SWATCH_OTHER || is_rest (colors, timeline, i))
        continue;
      while (next < HAT_N_CATEGORIES && is_taken[next])
        next++;
      if (next < HAT_N_CATEGORIES)
        out_swatches[i] = next++;
    }
}

static char *
size_label (HatSwatch swatch)
{
  for (guint cls = FIRST_SIZE_CLASS; cls <= LAST_SIZE_CLASS; cls++)
    if (HAT_SWATCH_SEQUENCE + size_step (cls) == swatch)
      {
        if (cls == FIRST_SIZE_CLASS)
          return g_strdup ("under 16 B");
        return g_strdup (cls == LAST_SIZE_CLASS ? "32 MiB or more" : hat_size_class_label (cls));
      }
  return NULL;
}

static char *
thread_label (HatColors *colors, HatSwatch swatch)
{
  if (swatch >= HAT_N_CATEGORIES)
    return g_strdup ("other threads");
  if (swatch >= colors->n_threads)
    return NULL;
  if (colors->threads[swatch].name && colors->threads[swatch].name[0])
    return g_strdup_printf ("%s (%u)", colors->threads[swatch].name, colors->threads[swatch].tid);
  return g_strdup_printf ("thread %u", colors->threads[swatch].tid);
}

static char *
table_label (const Table *table, HatSwatch swatch)
{
  if (swatch < table->n)
    return table->names[swatch][0] ? hat_format_function (table->names[swatch], 48) : g_strdup ("unknown");
  return swatch == HAT_SWATCH_OTHER ? g_strdup ("other") : NULL;
}

char *
hat_colors_label (HatColors *colors, HatGrouping by, HatSwatch swatch)
{
  switch (by)
    {
    case HAT_BY_SIZE:
      return size_label (swatch);
    case HAT_BY_THREAD:
      return thread_label (colors, swatch);
    case HAT_BY_AGE:
      for (guint cls = 0; cls < N_AGES; cls++)
        if (age_swatch (cls) == swatch)
          return g_strdup (age_labels[cls]);
      return NULL;
    case HAT_BY_TYPE:
      return table_label (&colors->types, swatch);
    case HAT_BY_MODULE:
      return table_label (&colors->modules, swatch);
    default:
      return table_label (&colors->functions, swatch);
    }
}
