/* SPDX-License-Identifier: Apache-2.0 */
/* Types as objects of a list. */

#include "ui/views/type-items.h"

#include <string.h>

struct _HatTypeItem
{
  GObject parent_instance;
  HatTypeBook *book; /* keeps the names */
  HatTypeRow row;
  char *generic;     /* the name of all instances */
  GListStore *instances;
};

G_DEFINE_FINAL_TYPE (HatTypeItem, hat_type_item, G_TYPE_OBJECT)

static void
hat_type_item_finalize (GObject *object)
{
  HatTypeItem *self = HAT_TYPE_ITEM (object);
  g_clear_object (&self->instances);
  g_clear_pointer (&self->book, hat_type_book_unref);
  g_free (self->generic);
  G_OBJECT_CLASS (hat_type_item_parent_class)->finalize (object);
}

static void
hat_type_item_class_init (HatTypeItemClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hat_type_item_finalize;
}

static void
hat_type_item_init (HatTypeItem *self)
{
}

static HatTypeItem *
item_new (HatTypeBook *book, const HatTypeRow *row)
{
  HatTypeItem *item = g_object_new (HAT_TYPE_TYPE_ITEM, NULL);
  item->book = hat_type_book_ref (book);
  item->row = *row;
  return item;
}

/* Adds a type to the item of its generic, whose first instance it was, if it is not one yet. */
static void
add_instance (HatTypeItem *all, const char *generic, HatTypeItem *item)
{
  if (all->instances == NULL)
    {
      g_autoptr (HatTypeItem) first = item_new (all->book, &all->row);
      all->instances = g_list_store_new (HAT_TYPE_TYPE_ITEM);
      all->generic = g_strdup (generic);
      all->row.name = all->generic;
      g_list_store_append (all->instances, first);
    }
  all->row.live += item->row.live;
  all->row.live_bytes += item->row.live_bytes;
  all->row.wasted += item->row.wasted;
  g_list_store_append (all->instances, item);
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const HatTypeRow *x = &(*(HatTypeItem *const *) a)->row, *y = &(*(HatTypeItem *const *) b)->row;
  if (x->wasted != y->wasted)
    return x->wasted > y->wasted ? -1 : 1;
  if (x->live_bytes != y->live_bytes)
    return x->live_bytes > y->live_bytes ? -1 : 1;
  return 0; /* the order of the table */
}

GListModel *
hat_type_items_new (const HatTypeTable *table, const char *filter)
{
  GListStore *store = g_list_store_new (HAT_TYPE_TYPE_ITEM);
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GHashTable) generics = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < table->n; i++)
    {
      const HatTypeRow *row = &table->rows[i];
      if (*filter && !strcasestr (row->name, filter))
        continue;
      g_autoptr (HatTypeItem) item = item_new (table->book, row);
      char *generic = hat_type_generic_name (row->name);
      HatTypeItem *all = generic ? g_hash_table_lookup (generics, generic) : NULL;
      if (all)
        add_instance (all, generic, item);
      else
        g_ptr_array_add (items, g_object_ref (item));
      if (generic && !all)
        g_hash_table_insert (generics, generic, item);
      else
        g_free (generic);
    }
  g_ptr_array_sort (items, compare_items); /* stable, as GLib's merge sort is */
  g_list_store_splice (store, 0, 0, items->pdata, items->len);
  return G_LIST_MODEL (store);
}

const HatTypeRow *
hat_type_item_row (HatTypeItem *item)
{
  return &item->row;
}

GListModel *
hat_type_item_instances (HatTypeItem *item)
{
  return item->instances ? G_LIST_MODEL (item->instances) : NULL;
}
