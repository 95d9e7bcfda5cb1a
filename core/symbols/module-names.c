/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/module-names.h"

#include "core/symbols/function-names.h"
#include "core/symbols/module-files.h"
#include "core/symbols/rtti.h"
#include "core/symbols/symbol-table.h"

#include <string.h>

#define N_KINDS (HAT_SYMBOLS_THREAD_DATA + 1)

struct _HatModuleNames
{
  HatModuleFiles files;
  HatRtti *rtti;                   /* once asked for */
  HatSymbolTable *tables[N_KINDS]; /* by HatSymbolKind, as far as asked for */
  GHashTable *shown;               /* linker's name -> name */
  GStringChunk *strings;
};

HatModuleNames *
hat_module_names_new (const HatModule *module)
{
  HatModuleNames *names = g_new0 (HatModuleNames, 1);

  hat_module_files_open (&names->files, module, NULL);
  names->shown = g_hash_table_new (g_direct_hash, g_direct_equal);
  names->strings = g_string_chunk_new (1024);
  return names;
}

void
hat_module_names_free (HatModuleNames *names)
{
  if (names == NULL)
    return;
  for (guint i = 0; i < N_KINDS; i++)
    g_clear_pointer (&names->tables[i], hat_symbol_table_free);
  hat_rtti_free (names->rtti);
  hat_module_files_close (&names->files);
  g_hash_table_unref (names->shown);
  g_string_chunk_free (names->strings);
  g_free (names);
}

static const HatSymbolTable *
table_of (HatModuleNames *names, HatSymbolKind kind)
{
  if (names->tables[kind] == NULL)
    names->tables[kind] = hat_symbol_table_new (names->files.image, hat_module_files_table (&names->files), kind);
  return names->tables[kind];
}

static const char *
find (HatModuleNames *names, HatSymbolKind kind, guint64 address)
{
  const char *linker_name = hat_symbol_table_find (table_of (names, kind), address);
  const char *name = linker_name ? g_hash_table_lookup (names->shown, linker_name) : NULL;

  if (linker_name == NULL || name)
    return name;
  g_autofree char *bare = g_strndup (linker_name, strcspn (linker_name, "@"));
  g_autofree char *demangled = hat_demangle (bare);
  name = hat_clean_name (names->strings, demangled);
  g_hash_table_insert (names->shown, (gpointer) linker_name, (gpointer) name);
  return name;
}

const char *
hat_module_names_variable (HatModuleNames *names, guint64 address)
{
  return find (names, HAT_SYMBOLS_DATA, address);
}

const char *
hat_module_names_class (HatModuleNames *names, guint64 address, gboolean *out_is_symbol)
{
  static const char prefix[] = "vtable for ";
  const char *symbol = hat_module_names_variable (names, address);
  *out_is_symbol = symbol && g_str_has_prefix (symbol, prefix);
  if (symbol)
    return *out_is_symbol ? symbol + strlen (prefix) : NULL;
  if (names->rtti == NULL)
    names->rtti = hat_rtti_new (names->files.image);
  g_autofree char *name = hat_rtti_class (names->rtti, address);
  return name ? hat_clean_name (names->strings, name) : NULL;
}

typedef struct
{
  const char *name;
  gboolean is_found;
  guint64 address;
} Wanted;

static void
compare_variable (const char *linker_name, guint64 start, guint64 end, gpointer data)
{
  Wanted *wanted = data;
  if (strcmp (linker_name, wanted->name) == 0)
    *wanted = (Wanted){ wanted->name, TRUE, start };
}

gboolean
hat_module_names_find (HatModuleNames *names, const char *linker_name, guint64 *out_address)
{
  Wanted wanted = { .name = linker_name };
  hat_symbol_table_foreach (table_of (names, HAT_SYMBOLS_DATA), compare_variable, &wanted);
  *out_address = wanted.address;
  return wanted.is_found;
}

const char *
hat_module_names_thread_variable (HatModuleNames *names, guint64 offset)
{
  return find (names, HAT_SYMBOLS_THREAD_DATA, offset);
}

typedef struct
{
  const char *name;
  HatFunctionRange *out;
  guint n, max;
} Search;

static void
compare_function (const char *linker_name, guint64 start, guint64 end, gpointer data)
{
  Search *search = data;
  g_autofree char *name = NULL;

  if (search->n == search->max)
    return;
  if (strcmp (linker_name, search->name) != 0)
    {
      if (strncmp (linker_name, "_Z", 2) != 0 && strncmp (linker_name, "_R", 2) != 0)
        return;
      name = hat_demangle (linker_name);
      const gsize length = strlen (name), wanted = strlen (search->name);
      if (!g_str_has_suffix (name, search->name) || (length > wanted && (length < wanted + 2 || strncmp (name + length - wanted - 2, "::", 2) != 0)))
        return;
    }
  search->out[search->n++] = (HatFunctionRange) { start, end };
}

guint
hat_module_names_functions (HatModuleNames *names, const char *name, HatFunctionRange *out, guint max)
{
  Search search = { name, out, 0, max };

  hat_symbol_table_foreach (table_of (names, HAT_SYMBOLS_FUNCTIONS), compare_function, &search);
  return search.n;
}
