/* SPDX-License-Identifier: Apache-2.0 */

/* Types and their costs. */

#include "ui/draw/type-table.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/types/block-types.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32u /* of objects in objects */

struct _HatTypeBook
{
  gatomicrefcount refs;
  HatTrace *trace;
  GMutex lock, kept_lock;
  HatTypes *types;
  HatTypes *kept; /* of the trace, to count with: that may take a while, and pictures are not to wait for it */
  HatSeenTypes *seen; /* likewise */
  HatTypes *held; /* the same, to look for what holds a type: the window does not wait for the counting either */
  guint n;
  HatTypeRow *rows; /* without what is live, by name */
  char *unknown;    /* modules without types, a line each */
};

/* ---- the book ---- */

static gboolean
read_rows (HatTypeBook *book, const HatProgress *progress, GError **error)
{
  const HatTypeId *ids = hat_types_list (book->types, &book->n);
  /* Looking at layouts makes types of pointers and arrays, which are not listed. */
  g_autofree HatTypeId *list = g_memdup2 (ids, book->n * sizeof *ids);

  book->rows = g_new0 (HatTypeRow, book->n + 1);
  for (guint i = 0; i < book->n; i++)
    {
      const HatTypeLayout *layout = hat_types_layout (book->types, list[i]);
      const HatType *type = hat_types_get (book->types, list[i]);
      book->rows[i] = (HatTypeRow){ .name = hat_types_label (book->types, list[i]), .type = list[i], .n_holes = layout->n_holes, .size = type->size,
                                    .lost = layout->lost, .best_size = layout->best ? layout->best_size : type->size };
      if (i % HAT_LAYOUTS_KEPT != HAT_LAYOUTS_KEPT - 1)
        continue;
      hat_types_forget_layouts (book->types);
      if (!hat_progress_tick (progress, (double) i / book->n, "Measuring types", error))
        return FALSE;
    }
  return TRUE;
}

HatTypeBook *
hat_type_book_new (HatTrace *trace, guint process, gboolean all, const HatProgress *progress, GError **error)
{
  g_autoptr (HatTypeBook) book = g_new0 (HatTypeBook, 1);
  g_autoptr (GString) unknown = g_string_new (NULL);
  guint n;

  g_atomic_ref_count_init (&book->refs);
  book->trace = hat_trace_ref (trace);
  g_mutex_init (&book->lock);
  g_mutex_init (&book->kept_lock);
  book->kept = hat_types_of_trace (trace);
  book->seen = hat_seen_types_new ();
  book->held = hat_types_of_trace (trace);
  hat_types_list (book->kept, &n);
  if (!all && n > 0)
    book->types = hat_types_of_trace (trace);
  else
    {
      book->types = hat_types_of_process (trace, process, NULL, unknown);
      if (!hat_types_read_all (book->types, progress, error))
        return NULL;
    }
  book->unknown = g_strdup (unknown->str);
  return read_rows (book, progress, error) ? g_steal_pointer (&book) : NULL;
}

HatTypeBook *
hat_type_book_ref (HatTypeBook *book)
{
  g_atomic_ref_count_inc (&book->refs);
  return book;
}

void
hat_type_book_unref (HatTypeBook *book)
{
  if (!book || !g_atomic_ref_count_dec (&book->refs))
    return;
  g_clear_pointer (&book->kept, hat_types_free);
  g_clear_pointer (&book->held, hat_types_free);
  g_clear_pointer (&book->types, hat_types_free);
  hat_trace_unref (book->trace);
  g_mutex_clear (&book->lock);
  g_mutex_clear (&book->kept_lock);
  hat_seen_types_free (book->seen);
  g_free (book->rows);
  g_free (book->unknown);
  g_free (book);
}

GArray *
hat_type_book_find (HatTypeBook *book, const char *name)
{
  g_mutex_lock (&book->lock);
  GArray *found = hat_types_find (book->types, name);
  g_mutex_unlock (&book->lock);
  return found;
}

/* `known`: type -> 1 + whether it does. */
static gboolean
holds (HatTypes *types, HatTypeId id, HatTypeId wanted, GHashTable *known, guint depth)
{
  HatTypeId type = hat_types_definition (types, id);
  const HatType *its = hat_types_get (types, type);
  const guint before = GPOINTER_TO_UINT (g_hash_table_lookup (known, GUINT_TO_POINTER (type)));
  gboolean is_held = type == wanted;

  if (before)
    return before - 1;
  if (!is_held && depth < MAX_DEPTH && its->kind == HAT_TYPE_ARRAY)
    is_held = holds (types, its->target, wanted, known, depth + 1);
  else if (!is_held && depth < MAX_DEPTH && (its->kind == HAT_TYPE_STRUCT || its->kind == HAT_TYPE_CLASS))
    {
      const HatTypeLayout *layout = hat_types_layout (types, type);
      HatTypeId stored = hat_types_stored (types, type);
      is_held = stored && holds (types, stored, wanted, known, depth + 1);
      for (guint i = 0; i < layout->n_fields && !is_held; i++)
        is_held = layout->fields[i].size && holds (types, layout->fields[i].type, wanted, known, depth + 1);
    }
  g_hash_table_insert (known, GUINT_TO_POINTER (type), GUINT_TO_POINTER (1 + is_held));
  return is_held;
}

GHashTable *
hat_type_book_stacks (HatTypeBook *book, HatTypeId type)
{
  GHashTable *found = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL);
  guint n;
  const HatStackType *stacks = hat_trace_stack_types (book->trace, &n);

  g_mutex_lock (&book->lock);
  const HatTypeId wanted = hat_types_same (book->held, book->types, type);
  for (guint i = 0; i < n && wanted; i++)
    if (stacks[i].type.type && holds (book->held, stacks[i].type.type, wanted, known, 0))
      g_hash_table_add (found, GUINT_TO_POINTER (stacks[i].stack));
  g_mutex_unlock (&book->lock);
  return found;
}

HatTypeId
hat_type_book_of_stack (HatTypeBook *book, HatStackId stack)
{
  const HatBlockType *type = hat_trace_stack_type (book->trace, stack);

  if (!type || type->type == HAT_TYPE_VOID)
    return HAT_TYPE_VOID;
  g_mutex_lock (&book->lock);
  HatTypeId found = hat_types_same (book->types, book->held, hat_types_definition (book->held, type->type));
  g_mutex_unlock (&book->lock);
  return found;
}

HatTypeShape *
hat_type_book_shape (HatTypeBook *book, HatTypeId type, guint tab, gboolean is_flat)
{
  g_mutex_lock (&book->lock);
  HatTypeShape *shape = hat_type_shape_new (book->types, type, tab, is_flat);
  g_mutex_unlock (&book->lock);
  return shape;
}

/* ---- a table ---- */

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const HatTypeRow *x = a, *y = b;
  if (x->wasted != y->wasted)
    return x->wasted > y->wasted ? -1 : 1;
  if (x->live_bytes != y->live_bytes)
    return x->live_bytes > y->live_bytes ? -1 : 1;
  if (x->lost != y->lost)
    return x->lost > y->lost ? -1 : 1;
  return strcmp (x->name, y->name);
}

/* The first module of those that have none is enough to know what to do. */
static char *
first_line (const char *text)
{
  static const char said[] = "no types known: "; /* as the headline does */
  if (g_str_has_prefix (text, said))
    text += strlen (said);
  const char *end = strchr (text, '\n');
  return end ? g_strdup_printf ("%.*s (and %s)", (int) (end - text), text, "more") : g_strdup (text);
}

static void
set_words (HatTypeTable *table, const HatTypeBook *book, const HatLive *live, HatTypeCount known, guint n_live)
{
  const gboolean is_sample = hat_sample_bytes (hat_heap_trace (table->heap)) > 0;
  g_autofree char *bytes = hat_format_bytes (known.bytes), *wasted = hat_format_bytes (table->wasted), *time = hat_format_time (live->time_ns),
                  *types = hat_format_count (n_live ? n_live : table->n);
  const guint percent = live->bytes ? (guint) (known.bytes * 100 / live->bytes) : 0;
  g_autofree char *share = known.bytes > 0 && percent == 0 ? g_strdup ("less than 1 %") : g_strdup_printf ("%u %%", percent);

  if (table->n == 0)
    {
      table->headline = g_strdup ("No Types Are Known");
      table->sentence = is_sample        ? g_strdup (HAT_SAMPLE_HAS_NO_SNAPSHOT)
                        : *book->unknown ? first_line (book->unknown)
                                         : g_strdup ("Build the program with -g, and record it again.");
      return;
    }
  if (known.objects == 0)
    {
      table->headline = g_strdup_printf ("%s type%s of the program", types, table->n == 1 ? "" : "s");
      table->sentence = is_sample ? g_strdup (HAT_SAMPLE_HAS_NO_SNAPSHOT " So the objects are not counted.")
                                  : g_strdup_printf (live->n ? "What the blocks at %s are is not known." : "No block is live at %s.", time);
      return;
    }
  table->headline = g_strdup_printf ("%s type%s on the heap at %s, %s lost to their padding", types, n_live == 1 ? "" : "s", time, wasted);
  table->sentence = g_strdup_printf ("The types of %s are known, %s of what is live. Objects in other objects count, too.", bytes, share);
}

HatTypeTable *
hat_type_table_new (HatTypeBook *book, HatHeap *heap, const HatLive *live, gboolean all, const HatProgress *progress)
{
  HatTypeTable *table = g_new0 (HatTypeTable, 1);

  table->heap = hat_heap_ref (heap);
  table->book = hat_type_book_ref (book);
  table->rows = g_memdup2 (book->rows, (book->n + 1) * sizeof *book->rows);
  g_mutex_lock (&book->kept_lock);
  g_autoptr (HatTypeCounts) counts = hat_type_counts_new (heap, book->kept, live, book->seen, progress);
  g_mutex_unlock (&book->kept_lock);
  guint n_live = 0;
  g_mutex_lock (&book->lock);
  for (guint i = 0; i < book->n; i++)
    {
      HatTypeRow *row = &table->rows[i];
      HatTypeCount count = hat_type_counts_find (counts, book->types, row->type);
      row->live = count.objects;
      row->live_bytes = count.bytes;
      row->wasted = row->lost * row->live;
      table->wasted += row->wasted;
      n_live += row->live > 0;
    }
  g_mutex_unlock (&book->lock);
  table->has_live = n_live > 0;
  for (guint i = 0; i < book->n; i++)
    if (all || !table->has_live || table->rows[i].live)
      table->rows[table->n++] = table->rows[i];
  qsort (table->rows, table->n, sizeof *table->rows, compare_rows);
  set_words (table, book, live, hat_type_counts_blocks (counts), n_live);
  return table;
}

void
hat_type_table_free (HatTypeTable *table)
{
  if (!table)
    return;
  hat_heap_unref (table->heap);
  hat_type_book_unref (table->book);
  g_free (table->rows);
  g_free (table->headline);
  g_free (table->sentence);
  g_free (table);
}

char *
hat_type_generic_name (const char *name)
{
  g_autoptr (GString) generic = g_string_new (NULL);
  guint depth = 0;

  if (!strchr (name, '<'))
    return NULL;
  for (const char *c = name; *c; c++)
    {
      const gboolean is_arrow = *c == '>' && c > name && c[-1] == '-';
      if (*c == '>' && !is_arrow && depth && --depth == 0)
        g_string_append (generic, "…");
      if (depth == 0)
        g_string_append_c (generic, *c);
      depth += *c == '<';
    }
  return depth ? NULL : g_string_free (g_steal_pointer (&generic), FALSE);
}
