/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-gtypes.h"

#include <string.h>

#include "core/symbols/function-names.h"

#define MAX_PART 256u      /* of GLib's structures, that is searched */
#define MIN_QUARKS 1024u   /* the table of them has room for so many at least */
#define MAX_ANCESTORS 64u
#define FUNDAMENTAL(n) ((guint64) (n) << 2) /* G_TYPE_MAKE_FUNDAMENTAL */
#define LAST_FUNDAMENTAL FUNDAMENTAL (255)
#define OBJECT 20u         /* G_TYPE_OBJECT */
#define OBJECT_SIZE 24u    /* sizeof (GObject) */
#define OBJECT_CLASS_SIZE 136u

/* By number, as gtype.h has them. */
static const char *const fundamentals[] = { NULL, "void", "GInterface", "gchar", "guchar", "gboolean", "gint", "guint", "glong", "gulong", "gint64", "guint64",
                                            "GEnum", "GFlags", "gfloat", "gdouble", "gchararray", "gpointer", "GBoxed", "GParam", "GObject", "GVariant" };

struct _HatGTypes
{
  const HatMemory *memory;
  guint64 nodes;                                   /* address of the table of nodes of fundamental types */
  guint64 quarks;                                  /* address of the table of strings */
  guint32 n_quarks;
  guint32 name_at, self_at, data_at, class_at;     /* in a node, in a node, in a node, in its data */
  GHashTable *known;                               /* GType -> HatGType */
  GStringChunk *strings;
};

static const char *
name_of_node (const HatGTypes *gtypes, guint64 node)
{
  guint32 quark;
  return hat_memory_read (gtypes->memory, node + gtypes->name_at, &quark, sizeof quark) && quark < gtypes->n_quarks
           ? hat_memory_string (gtypes->memory, hat_memory_word (gtypes->memory, gtypes->quarks + quark * 8ull)) : NULL;
}

/* ---- finding the tables ---- */

static gboolean
are_fundamentals (const HatGTypes *gtypes)
{
  for (guint i = 1; i < G_N_ELEMENTS (fundamentals); i++)
    if (g_strcmp0 (name_of_node (gtypes, hat_memory_word (gtypes->memory, gtypes->nodes + i * 8)), fundamentals[i]) != 0)
      return FALSE;
  return TRUE;
}

static gboolean
find_name (HatGTypes *gtypes)
{
  const guint64 node = hat_memory_word (gtypes->memory, gtypes->nodes + OBJECT * 8);
  for (gtypes->name_at = 0; gtypes->name_at < MAX_PART; gtypes->name_at += 4)
    if (g_strcmp0 (name_of_node (gtypes, node), fundamentals[OBJECT]) == 0 && are_fundamentals (gtypes))
      return TRUE;
  return FALSE;
}

/* Each node begins the list of its ancestors with itself. */
static gboolean
find_self (HatGTypes *gtypes)
{
  for (gtypes->self_at = 0; gtypes->self_at < MAX_PART; gtypes->self_at += 8)
    {
      guint i = 1;
      while (i < G_N_ELEMENTS (fundamentals) && hat_memory_word (gtypes->memory, hat_memory_word (gtypes->memory, gtypes->nodes + i * 8) + gtypes->self_at) == FUNDAMENTAL (i))
        i++;
      if (i == G_N_ELEMENTS (fundamentals))
        return TRUE;
    }
  return FALSE;
}

/* A node leads to its data, these to the class, and behind that stand the sizes of an instance and of all that is private. */
static gboolean
find_class (HatGTypes *gtypes)
{
  const guint64 node = hat_memory_word (gtypes->memory, gtypes->nodes + OBJECT * 8);
  for (gtypes->data_at = 0; gtypes->data_at < MAX_PART; gtypes->data_at += 8)
    {
      const guint64 data = hat_memory_word (gtypes->memory, node + gtypes->data_at);
      for (gtypes->class_at = 0; data && gtypes->class_at < MAX_PART; gtypes->class_at += 8)
        {
          const guint64 class = hat_memory_word (gtypes->memory, data + gtypes->class_at);
          guint16 size;
          if (class && hat_memory_word (gtypes->memory, class) == FUNDAMENTAL (OBJECT) && hat_memory_read (gtypes->memory, data + gtypes->class_at + 8, &size, sizeof size)
              && size == OBJECT_SIZE)
            return TRUE;
        }
    }
  return FALSE;
}

/* GLib makes it with the first object. */
static gboolean
has_object_class (const HatGTypes *gtypes)
{
  const HatBlockIndex *blocks = gtypes->memory->plan->blocks;
  for (guint32 block = 0; block < blocks->n; block++)
    if (blocks->sizes[block] >= OBJECT_CLASS_SIZE && hat_memory_word (gtypes->memory, blocks->addresses[block]) == FUNDAMENTAL (OBJECT))
      return TRUE;
  return FALSE;
}

/* Calls `func` with all words of the library's data until it returns TRUE. */
static gboolean
search (HatGTypes *gtypes, const char *library, gboolean (*func) (HatGTypes *gtypes, guint64 address, guint64 word))
{
  for (guint i = 0; i < gtypes->memory->plan->ranges->len; i++)
    {
      const HatRootRange *range = &g_array_index (gtypes->memory->plan->ranges, HatRootRange, i);
      guint64 n, word;
      if (range->kind != HAT_ROOT_GLOBAL || !hat_found_module_is_named ((const HatFoundModule *) range->module, library))
        continue;
      for (guint64 at = range->start; at < range->end; at += MAX (n & ~7ull, 8))
        {
          n = 0;
          const guint8 *bytes = hat_copy_at (gtypes->memory->roots, at, &n);
          n = MIN (n, range->end - at);
          for (guint64 k = 0; bytes && k + 8 <= n; k += 8)
            {
              memcpy (&word, bytes + k, 8);
              if (hat_block_index_find (gtypes->memory->plan->blocks, word) != HAT_NO_BLOCK && func (gtypes, at + k, word))
                return TRUE;
            }
        }
    }
  return FALSE;
}

static gboolean
try_nodes (HatGTypes *gtypes, guint64 address, guint64 word)
{
  gtypes->nodes = address - 8;
  return hat_block_index_find (gtypes->memory->plan->blocks, hat_memory_word (gtypes->memory, address + (OBJECT - 1) * 8)) != HAT_NO_BLOCK && find_name (gtypes)
         && find_self (gtypes);
}

static gboolean
try_quarks (HatGTypes *gtypes, guint64 address, guint64 word)
{
  const HatBlockIndex *blocks = gtypes->memory->plan->blocks;
  const guint32 block = hat_block_index_find (blocks, word);
  if (blocks->addresses[block] != word || blocks->sizes[block] < MIN_QUARKS * 8 || hat_memory_word (gtypes->memory, word) != 0
      || hat_memory_string (gtypes->memory, hat_memory_word (gtypes->memory, word + 8)) == NULL)
    return FALSE;
  gtypes->quarks = word;
  gtypes->n_quarks = MIN (blocks->sizes[block] / 8, G_MAXUINT32);
  return search (gtypes, "libgobject-2.0.so", try_nodes);
}

HatGTypes *
hat_gtypes_new (const HatMemory *memory, const char **out_problem)
{
  gboolean is_there = FALSE;
  for (guint i = 0; i < memory->plan->modules->len && !is_there; i++)
    is_there = hat_found_module_is_named (&g_array_index (memory->plan->modules, HatFoundModule, i), "libgobject-2.0.so");
  if (!is_there)
    return NULL;
  HatGTypes *gtypes = g_new0 (HatGTypes, 1);
  gtypes->memory = memory;
  gtypes->known = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  gtypes->strings = g_string_chunk_new (4096);
  const gboolean is_found = search (gtypes, "libglib-2.0.so", try_quarks);
  if (is_found && find_class (gtypes))
    return gtypes;
  if (!is_found || has_object_class (gtypes))
    *out_problem = "GLib's objects have no types in snapshots: its version keeps their names in a way that is not known";
  hat_gtypes_free (gtypes);
  return NULL;
}

void
hat_gtypes_free (HatGTypes *gtypes)
{
  if (gtypes == NULL)
    return;
  g_hash_table_unref (gtypes->known);
  g_string_chunk_free (gtypes->strings);
  g_free (gtypes);
}

/* ---- asking ---- */

/* What is none is not kept: any word of a heap may be asked for. */
static const HatGType *
get (HatGTypes *gtypes, guint64 number, guint depth)
{
  const HatMemory *memory = gtypes->memory;
  if (number == 0 || number % 4 != 0 || depth > MAX_ANCESTORS)
    return NULL;
  const HatGType *known = g_hash_table_lookup (gtypes->known, (gpointer) number);
  if (known)
    return known;
  const guint64 node = number <= LAST_FUNDAMENTAL ? hat_memory_word (memory, gtypes->nodes + number / 4 * 8) : number;
  const gboolean is_node = hat_block_index_find (memory->plan->blocks, node) != HAT_NO_BLOCK && hat_memory_word (memory, node + gtypes->self_at) == number;
  const char *name = is_node ? name_of_node (gtypes, node) : NULL;
  if (name == NULL)
    return NULL;
  const guint64 data = hat_memory_word (memory, node + gtypes->data_at);
  guint16 sizes[2] = { 0, 0 };
  hat_memory_read (memory, data + gtypes->class_at + 8, sizes, sizeof sizes);
  HatGType *type = g_new (HatGType, 1);
  *type = (HatGType){ .name = hat_clean_name (gtypes->strings, name), .class = hat_memory_word (memory, data + gtypes->class_at),
                      .instance_size = sizes[0], .private_size = sizes[1] };
  g_hash_table_insert (gtypes->known, (gpointer) number, type);
  const HatGType *parent = get (gtypes, hat_memory_word (memory, node + gtypes->self_at + 8), depth + 1), *at = parent;
  while (at && at != type)
    at = at->parent;
  type->parent = at ? NULL : parent; /* damaged memory may lead in circles */
  return type;
}

const HatGType *
hat_gtypes_of_class (HatGTypes *gtypes, guint64 address)
{
  const HatGType *type = get (gtypes, hat_memory_word (gtypes->memory, address), 0);
  return type && type->class == address ? type : NULL;
}
