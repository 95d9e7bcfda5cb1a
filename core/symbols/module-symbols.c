/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/module-symbols.h"

#include "core/symbols/ahead-private.h"
#include "core/symbols/debug-info.h"
#include "core/symbols/function-names.h"
#include "core/symbols/function-starts.h"
#include "core/symbols/module-files.h"
#include "core/symbols/symbol-table.h"

#include <string.h>

enum
{
  MAX_INLINED = 256
};

static int
compare_wanted (const void *a, const void *b)
{
  const HatWantedAddress *one = a, *other = b;
  return one->address < other->address ? -1 : one->address > other->address;
}

/* One location for each different address that is not in the cache. */
static GArray *
locations_of (const HatWantedAddress *wanted, guint n, const HatSymbolCache *cache)
{
  GArray *locations = g_array_new (FALSE, FALSE, sizeof (HatCodeLocation));
  guint n_frames;
  for (guint i = 0; i < n; i++)
    if ((i == 0 || wanted[i].address != wanted[i - 1].address)
        && !(cache && hat_symbol_cache_find (cache, wanted[i].address, &n_frames)))
      {
        HatCodeLocation location = { .address = wanted[i].address };
        g_array_append_val (locations, location);
      }
  return locations;
}

/* "name@@VERSION" and "name" are one function. */
static const char *
table_name (const HatSymbolTable *table, HatCodeLocations *found, guint64 address)
{
  const char *linker_name = hat_symbol_table_find (table, address);
  if (!linker_name)
    return NULL;
  g_autofree char *bare = g_strndup (linker_name, strcspn (linker_name, "@"));
  g_autofree char *name = hat_demangle (bare);
  return hat_clean_name (found->strings, name);
}

static char *
module_offset (const HatModule *module, guint64 address)
{
  g_autofree char *base = module->path && module->path[0] ? g_path_get_basename (module->path) : NULL;
  return base ? g_strdup_printf ("%s+0x%" G_GINT64_MODIFIER "x", base, address)
              : g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", address);
}

/* Innermost first. The function's own place is the location's, its caller's is where the function was inlined, and so
 * on. */
static guint
chain (const HatCodeLocations *found, const HatCodeLocation *location, HatSourceFrame *frames)
{
  const char *file = location->file;
  guint32 line = location->line;
  guint n = 0;
  for (guint32 at = location->innermost; at && n < MAX_INLINED;)
    {
      const HatInlineFrame *frame = &g_array_index (found->frames, HatInlineFrame, at - 1);
      frames[n++] =
          (HatSourceFrame){ .function = frame->function, .file = file, .line = line, .is_inline = frame->caller != 0 };
      file = frame->call_file;
      line = frame->call_line;
      at = frame->caller;
    }
  if (n == 0)
    frames[n++] = (HatSourceFrame){ .file = file, .line = line };
  return n;
}

typedef struct
{
  const HatModule *module;
  HatCodeLocations *found;
  HatSymbolCache *cache; /* NULL = none */
  HatSymbolTable *table;
  HatFunctionStarts *starts;
  HatResolvedFunc func;
  gpointer data;
} Answer;

/* The symbol table may know a name that the debug information lacks (assembler, damage) or has without its scopes
 * (-gline-tables-only). */
static const char *
fuller_name (const char *name, const Answer *answer, guint64 address)
{
  if (name && strstr (name, "::"))
    return name;
  const char *in_table = table_name (answer->table, answer->found, address);
  if (!name || !in_table)
    return in_table ? in_table : name;
  g_autofree char *scoped = g_strconcat ("::", name, NULL);
  return g_str_has_suffix (in_table, scoped) ? in_table : name;
}

/* The outermost function is NULL if nobody knows its name. */
static guint
frames_of (const Answer *answer, guint64 address, guint *next, HatSourceFrame frames[MAX_INLINED])
{
  guint n;
  const HatSourceFrame *kept = answer->cache ? hat_symbol_cache_find (answer->cache, address, &n) : NULL;
  if (kept)
    {
      n = MIN (n, MAX_INLINED);
      memcpy (frames, kept, n * sizeof *kept);
      if (frames[n - 1].function[0] == '\0')
        frames[n - 1].function = NULL;
      return n;
    }
  n = chain (answer->found, &g_array_index (answer->found->locations, HatCodeLocation, (*next)++), frames);
  for (guint i = 0; i + 1 < n; i++)
    if (!frames[i].function)
      frames[i].function = "(unnamed)";
  frames[n - 1].function = fuller_name (frames[n - 1].function, answer, address);
  if (answer->cache)
    hat_symbol_cache_add (answer->cache, address, frames, n);
  return n;
}

static void
answer (const Answer *answer, const HatWantedAddress *wanted, guint n, guint *next)
{
  HatSourceFrame frames[MAX_INLINED];
  guint n_frames = frames_of (answer, wanted->address, next, frames);
  HatSourceFrame *outermost = &frames[n_frames - 1];
  guint64 start = outermost->function ? 0 : hat_function_starts_find (answer->starts, wanted->address);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *offset =
          outermost->function ? NULL : module_offset (answer->module, start ? start : wanted[i].shown);
      HatSourceFrame kept = *outermost;
      if (offset)
        outermost->function = offset;
      answer->func (wanted[i].id, frames, n_frames, answer->data);
      *outermost = kept;
    }
}

static void
answer_all (const Answer *self, const HatWantedAddress *wanted, guint n)
{
  guint next = 0;
  for (guint i = 0; i < n;)
    {
      guint first = i;
      while (i < n && wanted[i].address == wanted[first].address)
        i++;
      answer (self, wanted + first, i - first, &next);
    }
}

/* What is not in the cache, from the files. FALSE only if cancelled. */
static gboolean
look_up (Answer *self, HatModuleFiles *files, const HatSymbolOptions *options, const HatProgress *progress, GError **error)
{
  HatElfFile *dwarf = hat_module_files_dwarf (files);
  if (self->found->locations->len == 0)
    return TRUE;
  if (!files->shared)
    hat_module_files_open_shared (files, options);
  if (dwarf && !hat_debug_info_find (dwarf, files->shared, self->found, progress, error))
    return FALSE;
  const GArray *locations = self->found->locations;
  g_autofree guint64 *addresses = g_new (guint64, locations->len);
  for (guint i = 0; i < locations->len; i++)
    addresses[i] = g_array_index (locations, HatCodeLocation, i).address;
  self->table = hat_symbol_table_new_for (files->image, hat_module_files_table (files), HAT_SYMBOLS_FUNCTIONS, addresses, locations->len);
  return TRUE;
}

gboolean
hat_module_resolve (const HatModule *module, const HatSymbolOptions *options, HatWantedAddress *wanted, guint n,
                    HatResolvedFunc func, gpointer data, const HatProgress *progress, GError **error)
{
  g_auto (HatModuleFiles) files;
  g_autoptr (HatSymbolCache) cache = NULL;
  if (options == NULL || options->ahead == NULL || !hat_symbols_ahead_take (options->ahead, module, &files, &cache))
    {
      hat_module_files_open (&files, module, options);
      cache = hat_symbol_cache_open (options ? options->cache : NULL, &files);
    }
  qsort (wanted, n, sizeof *wanted, compare_wanted);
  HatCodeLocations found = {
    .locations = locations_of (wanted, n, cache),
    .frames = g_array_new (FALSE, FALSE, sizeof (HatInlineFrame)),
    .strings = g_string_chunk_new (4096),
  };
  Answer self = { .module = module, .found = &found, .cache = cache, .func = func, .data = data };
  gboolean done = look_up (&self, &files, options, progress, error);
  if (done)
    {
      self.starts = hat_function_starts_new (files.image);
      answer_all (&self, wanted, n);
      if (cache)
        hat_symbol_cache_save (cache);
    }
  hat_function_starts_free (self.starts);
  hat_symbol_table_free (self.table);
  g_array_unref (found.locations);
  g_array_unref (found.frames);
  g_string_chunk_free (found.strings);
  return done;
}
