/* SPDX-License-Identifier: Apache-2.0 */
/* A lazy list model over a live set. */

#include "ui/views/block-rows.h"

#include <string.h>

#include "core/report/type-counts.h"

#define TICK_BLOCKS 65536u
#define DIGIT_BITS 11u

struct _HatBlockRow
{
  GObject parent_instance;
  HatBlock block;
};

G_DEFINE_FINAL_TYPE (HatBlockRow, hat_block_row, G_TYPE_OBJECT)

static void
hat_block_row_class_init (HatBlockRowClass *klass)
{
}

static void
hat_block_row_init (HatBlockRow *self)
{
}

HatBlockRow *
hat_block_row_new (const HatBlock *block)
{
  HatBlockRow *self = g_object_new (HAT_TYPE_BLOCK_ROW, NULL);
  self->block = *block;
  return self;
}

const HatBlock *
hat_block_row_get_block (HatBlockRow *self)
{
  return &self->block;
}

/* ---- the model ---- */

struct _HatBlockRows
{
  GObject parent_instance;
  HatHeap *heap;
  HatLive *live;
  HatGraph *graph;
  guint32 *order; /* indices into live->blocks */
  guint n;
  guint64 bytes;
};

static void hat_block_rows_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (HatBlockRows, hat_block_rows, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, hat_block_rows_list_model_init))

static GType
get_item_type (GListModel *list)
{
  return HAT_TYPE_BLOCK_ROW;
}

static guint
get_n_items (GListModel *list)
{
  return HAT_BLOCK_ROWS (list)->n;
}

static gpointer
get_item (GListModel *list, guint position)
{
  const HatBlock *block = hat_block_rows_at (HAT_BLOCK_ROWS (list), position);
  return block ? hat_block_row_new (block) : NULL;
}

static void
hat_block_rows_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
hat_block_rows_finalize (GObject *object)
{
  HatBlockRows *self = HAT_BLOCK_ROWS (object);
  g_clear_pointer (&self->live, hat_live_free);
  g_clear_pointer (&self->graph, hat_graph_unref);
  g_clear_pointer (&self->heap, hat_heap_unref);
  g_free (self->order);
  G_OBJECT_CLASS (hat_block_rows_parent_class)->finalize (object);
}

static void
hat_block_rows_class_init (HatBlockRowsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hat_block_rows_finalize;
}

static void
hat_block_rows_init (HatBlockRows *self)
{
}

/* ---- filter ---- */

typedef struct
{
  HatBlockRows *rows;
  HatTrace *trace;
  const HatThread *threads;
  guint n_threads;
  char *needle;
  GHashTable *stacks; /* stack -> does its name contain the needle (1 or 2) */
} Filter;

static gboolean
contains (const char *text, const char *needle)
{
  return text && strcasestr (text, needle) != NULL;
}

static gboolean
stack_matches (Filter *filter, HatStackId stack)
{
  gpointer known = g_hash_table_lookup (filter->stacks, GUINT_TO_POINTER (stack));
  if (known == NULL)
    {
      const HatBlockType *type = hat_trace_stack_type (filter->trace, stack);
      gboolean matches = contains (hat_stack_function (filter->trace, stack), filter->needle)
                         || contains (hat_stack_module (filter->trace, stack), filter->needle)
                         || (type && contains (hat_type_label (filter->trace, type->type), filter->needle));
      known = GINT_TO_POINTER (matches ? 1 : 2);
      g_hash_table_insert (filter->stacks, GUINT_TO_POINTER (stack), known);
    }
  return GPOINTER_TO_INT (known) == 1;
}

static gboolean
block_matches (Filter *filter, const HatBlock *block)
{
  if (*filter->needle == '\0' || stack_matches (filter, block->stack))
    return TRUE;
  if (block->thread < filter->n_threads && contains (filter->threads[block->thread].name, filter->needle))
    return TRUE;
  guint64 n;
  if (filter->rows->graph && contains (hat_block_rows_type (filter->rows, block, &n), filter->needle))
    return TRUE;
  char address[24];
  g_snprintf (address, sizeof address, "0x%" G_GINT64_MODIFIER "x", block->address);
  return strstr (address, filter->needle) != NULL;
}

/* ---- order ---- */

/* What a block is sorted by, as one number. Functions and threads sort by the rank of their names. */
static guint64
sort_key (HatBlockRows *self, const HatBlock *block, HatBlockColumn column, GHashTable *ranks)
{
  switch (column)
    {
    case HAT_BLOCK_CLASS:
      return hat_block_rows_class (self, block);
    case HAT_BLOCK_TYPE:
      {
        guint64 n;
        return GPOINTER_TO_SIZE (g_hash_table_lookup (ranks, hat_block_rows_type (self, block, &n)));
      }
    case HAT_BLOCK_ADDRESS:
      return block->address;
    case HAT_BLOCK_SIZE:
      return block->size;
    case HAT_BLOCK_AGE: /* oldest = greatest age */
      return G_MAXUINT64 / 2 - (guint64) block->birth_ns;
    case HAT_BLOCK_THREAD:
      return block->thread;
    case HAT_BLOCK_SITE:
      return GPOINTER_TO_SIZE (g_hash_table_lookup (ranks, GUINT_TO_POINTER (block->stack)));
    }
  g_return_val_if_reached (0);
}

typedef struct
{
  guint64 key;
  guint32 index;
} Keyed;

/* By digits, the least one first; digits that are the same for all are left out. They come by index, and those of equal keys stay so. */
static void
sort_keyed (Keyed **keyed, guint n)
{
  guint64 all = 0, common = G_MAXUINT64;
  g_autofree Keyed *spare = g_new (Keyed, MAX (n, 1));
  g_autofree guint *starts = g_new (guint, 1u << DIGIT_BITS);
  for (guint i = 0; i < n; i++)
    {
      all |= (*keyed)[i].key;
      common &= (*keyed)[i].key;
    }
  for (guint shift = 0; shift < 64; shift += DIGIT_BITS)
    {
      const guint64 mask = (1u << DIGIT_BITS) - 1;
      guint sum = 0;
      if (((all ^ common) >> shift & mask) == 0)
        continue;
      memset (starts, 0, sizeof (guint) << DIGIT_BITS);
      for (guint i = 0; i < n; i++)
        starts[(*keyed)[i].key >> shift & mask]++;
      for (guint d = 0; d < 1u << DIGIT_BITS; d++)
        {
          const guint count = starts[d];
          starts[d] = sum;
          sum += count;
        }
      for (guint i = 0; i < n; i++)
        spare[starts[(*keyed)[i].key >> shift & mask]++] = (*keyed)[i];
      Keyed *sorted = spare;
      spare = *keyed;
      *keyed = sorted;
    }
}

typedef struct
{
  const char *name;
  HatStackId stack;
} Named;

static int
compare_named (const void *a, const void *b)
{
  const Named *x = a, *y = b;
  int order = strcmp (x->name, y->name);
  return order ? order : (x->stack > y->stack) - (x->stack < y->stack);
}

static GHashTable *
rank_stacks (HatTrace *trace, const HatLive *live)
{
  GHashTable *ranks = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) named = g_array_new (FALSE, FALSE, sizeof (Named));
  for (guint64 i = 0; i < live->n; i++)
    if (g_hash_table_add (ranks, GUINT_TO_POINTER (live->blocks[i].stack)))
      {
        Named one = { hat_stack_function (trace, live->blocks[i].stack), live->blocks[i].stack };
        g_array_append_val (named, one);
      }
  qsort (named->data, named->len, sizeof (Named), compare_named);
  for (guint i = 0; i < named->len; i++)
    g_hash_table_insert (ranks, GUINT_TO_POINTER (g_array_index (named, Named, i).stack), GSIZE_TO_POINTER (i));
  return ranks;
}

/* Unknown ones last. Names that are equal may be kept more than once. */
static GHashTable *
rank_types (HatBlockRows *self)
{
  GHashTable *ranks = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) named = g_array_new (FALSE, FALSE, sizeof (Named));
  for (guint i = 0; i < self->n; i++)
    {
      guint64 n;
      const char *name = hat_block_rows_type (self, &self->live->blocks[self->order[i]], &n);
      Named one = { name, 0 };
      if (name && g_hash_table_add (ranks, (gpointer) name))
        g_array_append_val (named, one);
    }
  qsort (named->data, named->len, sizeof (Named), compare_named);
  gsize rank = 0;
  for (guint i = 0; i < named->len; i++)
    {
      const char *name = g_array_index (named, Named, i).name;
      rank += i > 0 && strcmp (name, g_array_index (named, Named, i - 1).name) != 0;
      g_hash_table_insert (ranks, (gpointer) name, GSIZE_TO_POINTER (rank));
    }
  g_hash_table_insert (ranks, NULL, GSIZE_TO_POINTER (rank + 1));
  return ranks;
}

static void
sort_rows (HatBlockRows *self, HatBlockOrder order)
{
  g_autoptr (GHashTable) ranks = NULL;
  if (order.column == HAT_BLOCK_SITE)
    ranks = rank_stacks (hat_heap_trace (self->heap), self->live);
  else if (order.column == HAT_BLOCK_TYPE)
    ranks = rank_types (self);
  g_autofree Keyed *keyed = g_new (Keyed, MAX (self->n, 1));
  for (guint i = 0; i < self->n; i++)
    keyed[i] = (Keyed){ sort_key (self, &self->live->blocks[self->order[i]], order.column, ranks), self->order[i] };
  if (order.column != HAT_BLOCK_ADDRESS) /* live sets come by address */
    sort_keyed (&keyed, self->n);
  for (guint i = 0; i < self->n; i++)
    self->order[order.is_descending ? self->n - 1 - i : i] = keyed[i].index;
}

static gboolean
filter_rows (HatBlockRows *self, Filter *filter, const HatProgress *progress, GError **error)
{
  const HatLive *live = self->live;
  guint64 n = MIN (live->n, G_MAXUINT32 - 1);
  self->order = g_new (guint32, MAX (n, 1));
  for (guint64 i = 0; i < n; i++)
    {
      if (i % TICK_BLOCKS == 0 && !hat_progress_tick (progress, (double) i / n, "filtering blocks", error))
        return FALSE;
      if (!block_matches (filter, &live->blocks[i]))
        continue;
      self->order[self->n++] = i;
      self->bytes += live->blocks[i].size;
    }
  return TRUE;
}

HatBlockRows *
hat_block_rows_new (HatHeap *heap, HatLive *live, HatGraph *graph, HatBlockOrder order, const char *needle, const HatProgress *progress,
                    GError **error)
{
  g_autoptr (HatBlockRows) self = g_object_new (HAT_TYPE_BLOCK_ROWS, NULL);
  self->heap = hat_heap_ref (heap);
  self->live = live;
  self->graph = graph ? hat_graph_ref (graph) : NULL;
  Filter filter
      = { .rows = self, .trace = hat_heap_trace (heap), .needle = g_strdup (needle), .stacks = g_hash_table_new (NULL, NULL) };
  filter.threads = hat_trace_threads (filter.trace, hat_heap_process (heap), &filter.n_threads);
  gboolean is_done = filter_rows (self, &filter, progress, error);
  g_hash_table_unref (filter.stacks);
  g_free (filter.needle);
  if (!is_done)
    return NULL;
  sort_rows (self, order);
  return g_steal_pointer (&self);
}

const HatLive *
hat_block_rows_live (HatBlockRows *self)
{
  return self->live;
}

static guint32
graph_block (HatBlockRows *self, const HatBlock *block)
{
  return self->graph ? hat_graph_find_block (self->graph, HAT_GRAPH_NONE, block) : HAT_GRAPH_NONE;
}

HatLeakClass
hat_block_rows_class (HatBlockRows *self, const HatBlock *block)
{
  const guint32 at = graph_block (self, block);
  return at != HAT_GRAPH_NONE ? hat_graph_leak_class (self->graph, at) : HAT_LEAK_UNFREED;
}

const char *
hat_block_rows_type (HatBlockRows *self, const HatBlock *block, guint64 *out_elements)
{
  HatGraphBlock found = { .type = HAT_GRAPH_NONE };
  const guint32 at = graph_block (self, block);
  if (at != HAT_GRAPH_NONE)
    hat_graph_block (self->graph, at, &found);
  const char *name = hat_graph_type_label (self->graph, found.type);
  *out_elements = 1;
  return name ? name : hat_block_type_name (hat_heap_trace (self->heap), block, out_elements);
}

guint64
hat_block_rows_bytes (HatBlockRows *self)
{
  return self->bytes;
}

const HatBlock *
hat_block_rows_at (HatBlockRows *self, guint position)
{
  return position < self->n ? &self->live->blocks[self->order[position]] : NULL;
}
