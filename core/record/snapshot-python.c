/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-python.h"

#include <string.h>

#include "core/symbols/function-names.h"

/* Of a PyObject and of a PyTypeObject. */
enum
{
  COUNT_AT = 0,
  TYPE_AT = 8,
  NAME_AT = 24,
  BASIC_SIZE_AT = 32,
  FLAGS_AT = 168,
  TYPE_SIZE = 176, /* as far as we look */
  OBJECT_SIZE = 16,
};

#define IS_READY (1u << 12)     /* Py_TPFLAGS_READY */
#define IS_COLLECTED (1u << 14) /* Py_TPFLAGS_HAVE_GC */
#define IS_TYPE (1u << 31)      /* Py_TPFLAGS_TYPE_SUBCLASS */
#define MAX_COUNT (1ull << 40)  /* more is no count of references */
#define MAX_BASIC_SIZE 65536u
#define MAX_HEADER 48u          /* the collector's two words, and in some versions others before them */
#define MAX_METATYPES 8u

struct _HatPythonTypes
{
  const HatMemory *memory;
  guint64 type_of_types;
  GHashTable *known; /* address -> HatPythonType */
  GStringChunk *strings;
};

static guint64
find_type_of_types (const HatMemory *memory, gboolean *out_is_there)
{
  for (guint i = 0; i < memory->plan->modules->len; i++)
    {
      const HatFoundModule *module = &g_array_index (memory->plan->modules, HatFoundModule, i);
      guint64 address;
      if ((!hat_found_module_is_named (module, "python") && !hat_found_module_is_named (module, "libpython"))
          || !hat_module_names_find (hat_module_reader_names (memory->reader, module), "PyType_Type", &address))
        continue;
      address += module->image.bias;
      *out_is_there = TRUE;
      return address;
    }
  return 0;
}

HatPythonTypes *
hat_python_types_new (const HatMemory *memory, const char **out_problem)
{
  gboolean is_there = FALSE;
  const guint64 type = find_type_of_types (memory, &is_there);
  const char *name = hat_memory_string (memory, hat_memory_word (memory, type + NAME_AT));
  const guint64 flags = hat_memory_word (memory, type + FLAGS_AT);
  if (!is_there || hat_memory_word (memory, type) == 0) /* not begun yet */
    return NULL;
  if (hat_memory_word (memory, type + TYPE_AT) != type || g_strcmp0 (name, "type") != 0 || !(flags & IS_TYPE) || !(flags & IS_COLLECTED))
    {
      *out_problem = "Python's objects have no types in snapshots: its version keeps them in a way that is not known";
      return NULL;
    }
  HatPythonTypes *types = g_new0 (HatPythonTypes, 1);
  types->memory = memory;
  types->type_of_types = type;
  types->known = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  types->strings = g_string_chunk_new (4096);
  return types;
}

void
hat_python_types_free (HatPythonTypes *types)
{
  if (types == NULL)
    return;
  g_hash_table_unref (types->known);
  g_string_chunk_free (types->strings);
  g_free (types);
}

static const char *
symbol_at (HatPythonTypes *types, guint64 address)
{
  const HatFoundModule *module = hat_roots_module_at (types->memory->plan, address);
  return module ? hat_module_names_variable (hat_module_reader_names (types->memory->reader, module), address - module->image.bias) : NULL;
}

/* What is none is not kept: any word of a heap may be asked for. */
static const HatPythonType *
get (HatPythonTypes *types, guint64 address, guint depth)
{
  const HatMemory *memory = types->memory;
  guint8 bytes[TYPE_SIZE];
  guint64 its, name_at, basic_size, flags;
  if (address == 0 || address % 8 != 0 || depth > MAX_METATYPES)
    return NULL;
  const HatPythonType *known = g_hash_table_lookup (types->known, (gpointer) address);
  if (known)
    return known;
  if (!hat_memory_read (memory, address, bytes, sizeof bytes))
    return NULL;
  memcpy (&its, bytes + TYPE_AT, 8);
  memcpy (&name_at, bytes + NAME_AT, 8);
  memcpy (&basic_size, bytes + BASIC_SIZE_AT, 8);
  memcpy (&flags, bytes + FLAGS_AT, 8);
  const char *name = flags & IS_READY && basic_size >= OBJECT_SIZE && basic_size < MAX_BASIC_SIZE
                     && (its == types->type_of_types || (its != address && get (types, its, depth + 1)))
                       ? hat_memory_string (memory, name_at) : NULL;
  if (name == NULL)
    return NULL;
  const char *symbol = symbol_at (types, address);
  HatPythonType *type = g_new (HatPythonType, 1);
  *type = (HatPythonType){ .name = hat_clean_name (types->strings, name), .symbol = symbol ? g_string_chunk_insert_const (types->strings, symbol) : NULL,
                           .basic_size = basic_size, .is_collected = (flags & IS_COLLECTED) != 0 };
  g_hash_table_insert (types->known, (gpointer) address, type);
  return type;
}

static gboolean
may_be_pointer (const HatPythonTypes *types, guint64 word)
{
  return hat_block_index_find (types->memory->plan->blocks, word) != HAT_NO_BLOCK || hat_roots_module_at (types->memory->plan, word);
}

const HatPythonType *
hat_python_type_of (HatPythonTypes *types, guint32 block, guint32 *out_offset)
{
  const HatBlockIndex *blocks = types->memory->plan->blocks;
  guint64 words[(MAX_HEADER + OBJECT_SIZE) / 8], n = 0;
  const guint64 size = blocks->sizes[block];
  const guint8 *bytes = hat_copy_at (types->memory->contents, blocks->addresses[block], &n);
  n = MIN (MIN (n, size), sizeof words);
  if (bytes == NULL || n < OBJECT_SIZE)
    return NULL;
  memcpy (words, bytes, n);
  for (guint at = 0; (at + 2) * 8 <= n; at++)
    {
      const guint64 count = words[at], address = words[at + 1];
      if (at == 1 || count == 0 || count >= MAX_COUNT)
        continue;
      const HatPythonType *type = may_be_pointer (types, address) ? get (types, address, 0) : NULL;
      /* In a program at a fixed address a pointer looks like a count: in an array of types, say. */
      if (type == NULL || type->is_collected != (at > 0) || may_be_pointer (types, count))
        continue;
      *out_offset = at * 8;
      return type;
    }
  return NULL;
}
