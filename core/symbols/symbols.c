/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/symbols.h"

#include "core/symbols/module-files.h"
#include "core/symbols/module-symbols.h"
#include "core/symbols/symbol-cache.h"

#include <string.h>
#include <sys/stat.h>

/* The frames of one file. A file may be many modules: loaded again, or by several processes. */
typedef struct
{
  const HatModule *module;
  GArray *wanted; /* HatWantedAddress */
} FileFrames;

static void
file_frames_free (gpointer data)
{
  FileFrames *file = data;
  g_array_unref (file->wanted);
  g_free (file);
}

static guint
module_hash (gconstpointer key)
{
  const HatModule *module = key;
  guint hash = g_str_hash (module->path ? module->path : "");
  for (guint i = 0; i < sizeof module->build_id; i++)
    hash = hash * 31 + module->build_id[i];
  return hash;
}

static gboolean
module_equal (gconstpointer a, gconstpointer b)
{
  const HatModule *one = a, *other = b;
  return g_strcmp0 (one->path, other->path) == 0 && memcmp (one->build_id, other->build_id, sizeof one->build_id) == 0;
}

/* Keeps the order of the modules, so that equal input gives equal work. */
static GPtrArray *
group_by_file (const HatModule *modules, guint n_modules, const HatFrame *frames, guint n_frames)
{
  GPtrArray *files = g_ptr_array_new_with_free_func (file_frames_free);
  g_autoptr (GHashTable) by_module = g_hash_table_new (module_hash, module_equal);
  for (guint i = 0; i < n_modules; i++)
    if (!g_hash_table_contains (by_module, &modules[i]))
      {
        FileFrames *file = g_new0 (FileFrames, 1);
        file->module = &modules[i];
        file->wanted = g_array_new (FALSE, FALSE, sizeof (HatWantedAddress));
        g_ptr_array_add (files, file);
        g_hash_table_insert (by_module, (gpointer) &modules[i], file);
      }
  for (guint i = 0; i < n_frames; i++)
    if (!frames[i].cut && frames[i].module < n_modules)
      {
        FileFrames *file = g_hash_table_lookup (by_module, &modules[frames[i].module]);
        HatWantedAddress wanted = { .address = hat_frame_address (&frames[i]), .shown = frames[i].offset, .id = i };
        g_array_append_val (file->wanted, wanted);
      }
  return files;
}

static void
add_unknown (HatSymbols *symbols, const HatFrame *frames, guint n_frames, guint n_modules)
{
  for (guint i = 0; i < n_frames; i++)
    if (frames[i].cut || frames[i].module >= n_modules)
      {
        g_autofree char *address = g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", frames[i].offset);
        HatSourceFrame source = { .function = frames[i].cut ? "..." : address };
        hat_symbols_add (symbols, i, &source, 1);
      }
}

static void
on_resolved (guint32 id, const HatSourceFrame *frames, guint n, gpointer data)
{
  hat_symbols_add (data, id, frames, n);
}

/* One file's part of the whole. */
typedef struct
{
  const HatProgress *whole;
  double from, size;
} Part;

static gboolean
on_part_progress (double share, const char *what, gpointer data)
{
  const Part *part = data;
  return !part->whole || !part->whole->func
         || part->whole->func (part->from + share * part->size, what, part->whole->data);
}

/* Another one once a file came or went. */
static gint64
version_of (const char *folder)
{
  struct stat status;
  return folder && stat (folder, &status) == 0 ? status.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + status.st_mtim.tv_nsec : 0;
}

HatSymbols *
hat_symbols_resolve (const HatModule *modules, guint n_modules, const HatFrame *frames, guint n_frames,
                     const HatSymbolOptions *options, const HatProgress *progress, GError **error)
{
  g_return_val_if_fail (modules || n_modules == 0, NULL);
  g_return_val_if_fail (frames || n_frames == 0, NULL);
  g_autoptr (HatSymbols) symbols = hat_symbols_new ();
  add_unknown (symbols, frames, n_frames, n_modules);
  g_autoptr (GPtrArray) files = group_by_file (modules, n_modules, frames, n_frames);
  const char *cache = options ? options->cache : NULL;
  const gint64 version = version_of (cache);
  guint done = 0;
  for (guint i = 0; i < files->len; i++)
    {
      FileFrames *file = g_ptr_array_index (files, i);
      if (file->wanted->len == 0)
        continue;
      Part part = { .whole = progress,
                    .from = (double) done / n_frames,
                    .size = (double) file->wanted->len / n_frames };
      HatProgress part_progress = { on_part_progress, &part };
      if (!hat_progress_tick (&part_progress, 0, "resolving symbols", error)
          || !hat_module_resolve (file->module, options, (HatWantedAddress *) file->wanted->data, file->wanted->len,
                                  on_resolved, symbols, &part_progress, error))
        return NULL;
      done += file->wanted->len;
    }
  if (version_of (cache) != version)
    hat_symbol_cache_trim (cache);
  if (!hat_progress_tick (progress, 1, "resolving symbols", error))
    return NULL;
  return g_steal_pointer (&symbols);
}

gboolean
hat_symbols_ensure (HatTrace *trace, const HatProgress *progress, GError **error)
{
  if (hat_trace_has_symbols (trace))
    return TRUE;
  guint n_modules, n_frames;
  const HatModule *modules = hat_trace_modules (trace, &n_modules);
  const HatFrame *frames = hat_trace_frames (trace, &n_frames);
  HatSymbols *symbols = hat_symbols_resolve (modules, n_modules, frames, n_frames, NULL, progress, error);
  if (!symbols)
    return FALSE;
  hat_trace_set_symbols (trace, symbols);
  return TRUE;
}

/* ---- what a module's files offer ---- */

/* What to do for more than `level`. */
static char *
advice_for (const HatModule *module, const HatModuleFiles *files, HatSymbolsLevel level, const char *debug_dir)
{
  g_autofree char *name = g_path_get_basename (module->path);
  g_autofree char *debug_name = hat_module_files_debug_name (files, module);
  g_autofree char *place = debug_name
                               ? g_strdup_printf (", or put its debug file into %s/.build-id/%s", debug_dir, debug_name)
                               : g_strdup ("");
  if (files->is_changed)
    return g_strdup_printf ("%s was replaced since the recording: record again%s", module->path, place);
  if (level == HAT_SYMBOLS_NONE && !files->image)
    return g_strdup_printf ("%s is gone or unreadable: bring it back%s", module->path, place);
  /* What a distribution installed, its packages complete. */
  gboolean is_packaged = g_str_has_prefix (module->path, "/usr/") || g_str_has_prefix (module->path, "/lib");
  if (is_packaged && !g_str_has_prefix (module->path, "/usr/local/"))
    return g_strdup_printf ("%s has no debug information: install the -dbgsym or -dbg package of %s%s", module->path,
                            name, place);
  return g_strdup_printf ("%s has no debug information: build it with -g and do not strip it%s", module->path, place);
}

HatSymbolsLevel
hat_symbols_level (const HatModule *module, const HatSymbolOptions *options, char **out_advice)
{
  if (out_advice)
    *out_advice = NULL;
  if (!hat_module_is_file (module))
    return HAT_SYMBOLS_NONE;
  g_auto (HatModuleFiles) files;
  hat_module_files_open (&files, module, options);
  HatSymbolsLevel level = HAT_SYMBOLS_NONE;
  if (hat_module_files_dwarf (&files))
    level = HAT_SYMBOLS_FULL;
  else if (hat_module_files_table (&files))
    level = HAT_SYMBOLS_TABLE;
  else if (files.image && hat_elf_file_section (files.image, ".dynsym"))
    level = HAT_SYMBOLS_DYNAMIC;
  if (out_advice && level != HAT_SYMBOLS_FULL)
    {
      const char *debug_dir =
          options && options->debug_dirs && options->debug_dirs[0] ? options->debug_dirs[0] : "/usr/lib/debug";
      *out_advice = advice_for (module, &files, level, debug_dir);
    }
  return level;
}
