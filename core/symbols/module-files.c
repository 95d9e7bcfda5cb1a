/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/module-files.h"

#include <elfutils/libdwelf.h>
#include <string.h>

static const char *const default_debug_dirs[] = { "/usr/lib/debug", NULL };

typedef struct
{
  HatModuleFiles *files;
  const char *sysroot; /* "" if none */
  const char *const *debug_dirs;
} Search;

static Search
search_of (HatModuleFiles *files, const HatSymbolOptions *options)
{
  return (Search){ .files = files,
                   .sysroot = options && options->sysroot ? options->sysroot : "",
                   .debug_dirs = options && options->debug_dirs ? options->debug_dirs : default_debug_dirs };
}

static gboolean
is_known (const HatModule *module)
{
  static const guint8 none[sizeof module->build_id];
  return memcmp (module->build_id, none, sizeof none) != 0;
}

/* The module's id has room for 20 bytes: shorter ones end in zeros, longer ones are cut. A module without one cannot
 * be checked. */
gboolean
hat_module_is_same_build (const HatElfFile *file, const HatModule *module)
{
  if (!is_known (module))
    return TRUE;
  guint8 id[HAT_BUILD_ID_MAX] = { 0 };
  memcpy (id, file->build_id, file->build_id_length);
  return memcmp (id, module->build_id, sizeof module->build_id) == 0;
}

gboolean
hat_module_is_file (const HatModule *module)
{
  return module->path && module->path[0] == '/';
}

/* ".build-id/ab/cdef.debug" */
static char *
build_id_name (const guint8 *id, gsize length)
{
  GString *name = g_string_new (".build-id/");
  for (gsize i = 0; i < length; i++)
    g_string_append_printf (name, i == 1 ? "/%02x" : "%02x", id[i]);
  g_string_append (name, ".debug");
  return g_string_free (name, FALSE);
}

/* Linkers make ids of 8, 16 or 20 bytes, and any of them may end in zeros. */
static gsize
module_id_length (const HatModule *module)
{
  gsize used = sizeof module->build_id;
  while (used > 0 && module->build_id[used - 1] == 0)
    used--;
  return used == 0 ? 0 : used <= 8 ? 8 : used <= 16 ? 16 : 20;
}

/* The first of the files DIR/name, in the sysroot and then outside. */
static HatElfFile *
open_in_debug_dirs (const Search *search, const char *name)
{
  for (guint i = 0; search->debug_dirs[i]; i++)
    for (int outside = search->sysroot[0] ? 0 : 1; outside < 2; outside++)
      {
        g_autofree char *path =
            g_strdup_printf ("%s%s/%s", outside ? "" : search->sysroot, search->debug_dirs[i], name);
        HatElfFile *file = hat_elf_file_open (path);
        if (file)
          return file;
      }
  return NULL;
}

static HatElfFile *
open_by_build_id (const Search *search, const guint8 *id, gsize length)
{
  if (length < 2)
    return NULL;
  g_autofree char *name = build_id_name (id, length);
  HatElfFile *file = open_in_debug_dirs (search, name);
  if (file && file->build_id_length >= length && memcmp (file->build_id, id, length) == 0)
    return file;
  hat_elf_file_close (file);
  return NULL;
}

static HatElfFile *
open_with_crc (const char *path, guint32 crc)
{
  g_autoptr (HatElfFile) file = hat_elf_file_open (path);
  guint32 its;
  return file && hat_elf_file_crc (file, &its) && its == crc ? g_steal_pointer (&file) : NULL;
}

/* .gnu_debuglink: beside the file, in .debug beside it, and under the debug directories at the same path. */
static HatElfFile *
open_by_link (const Search *search, const HatElfFile *image, const HatModule *module)
{
  guint32 crc;
  const char *name = dwelf_elf_gnu_debuglink (image->elf, &crc);
  if (!name || !name[0] || strchr (name, '/'))
    return NULL;
  g_autofree char *folder = g_path_get_dirname (image->path);
  g_autofree char *beside = g_build_filename (folder, name, NULL);
  g_autofree char *below = g_build_filename (folder, ".debug", name, NULL);
  HatElfFile *file = open_with_crc (beside, crc);
  if (!file)
    file = open_with_crc (below, crc);
  g_autofree char *module_folder = g_path_get_dirname (module->path);
  for (guint i = 0; !file && search->debug_dirs[i]; i++)
    for (int outside = search->sysroot[0] ? 0 : 1; !file && outside < 2; outside++)
      {
        g_autofree char *path =
            g_strdup_printf ("%s%s%s/%s", outside ? "" : search->sysroot, search->debug_dirs[i], module_folder, name);
        file = open_with_crc (path, crc);
      }
  return file;
}

static void
open_image (const Search *search, const HatModule *module)
{
  if (!hat_module_is_file (module))
    return;
  g_autofree char *path = g_strconcat (search->sysroot, module->path, NULL);
  if (g_str_has_suffix (path, " (deleted)"))
    path[strlen (path) - strlen (" (deleted)")] = '\0';
  g_autoptr (HatElfFile) file = hat_elf_file_open (path);
  if (!file)
    return;
  if (hat_module_is_same_build (file, module))
    search->files->image = g_steal_pointer (&file);
  else
    search->files->is_changed = TRUE;
}

static void
open_debug (const Search *search, const HatModule *module)
{
  const HatElfFile *image = search->files->image;
  if (image && hat_elf_file_has_debug_info (image))
    return;
  if (image && image->build_id_length > 0)
    search->files->debug = open_by_build_id (search, image->build_id, image->build_id_length);
  else if (!image && is_known (module))
    search->files->debug = open_by_build_id (search, module->build_id, module_id_length (module));
  if (!search->files->debug && image)
    search->files->debug = open_by_link (search, image, module);
}

/* .gnu_debugaltlink: a path, absolute or from the debug file, and a build-id. */
void
hat_module_files_open_shared (HatModuleFiles *files, const HatSymbolOptions *options)
{
  const Search search = search_of (files, options);
  HatElfFile *with_dwarf = hat_module_files_dwarf (files);
  Dwarf *dwarf = with_dwarf ? dwarf_begin_elf (with_dwarf->elf, DWARF_C_READ, NULL) : NULL;
  if (!dwarf)
    return;
  const char *name;
  const void *id;
  ssize_t length = dwelf_dwarf_gnu_debugaltlink (dwarf, &name, &id);
  if (length > 0 && length <= HAT_BUILD_ID_MAX)
    {
      HatElfFile *file = open_by_build_id (&search, id, length);
      if (!file && name[0])
        {
          g_autofree char *folder = g_path_get_dirname (with_dwarf->path);
          g_autofree char *path =
              name[0] == '/' ? g_strconcat (search.sysroot, name, NULL) : g_build_filename (folder, name, NULL);
          file = hat_elf_file_open (path);
        }
      if (file && file->build_id_length == (gsize) length && memcmp (file->build_id, id, length) == 0)
        files->shared = g_steal_pointer (&file);
      hat_elf_file_close (file);
    }
  dwarf_end (dwarf);
}

void
hat_module_files_open (HatModuleFiles *files, const HatModule *module, const HatSymbolOptions *options)
{
  *files = (HatModuleFiles){ 0 };
  const Search search = search_of (files, options);
  open_image (&search, module);
  open_debug (&search, module);
}

void
hat_module_files_close (HatModuleFiles *files)
{
  hat_elf_file_close (files->shared);
  hat_elf_file_close (files->debug);
  hat_elf_file_close (files->image);
  *files = (HatModuleFiles){ 0 };
}

HatElfFile *
hat_module_files_dwarf (const HatModuleFiles *files)
{
  if (files->debug && hat_elf_file_has_debug_info (files->debug))
    return files->debug;
  return files->image && hat_elf_file_has_debug_info (files->image) ? files->image : NULL;
}

HatElfFile *
hat_module_files_table (const HatModuleFiles *files)
{
  if (files->debug && hat_elf_file_section (files->debug, ".symtab"))
    return files->debug;
  return files->image && hat_elf_file_section (files->image, ".symtab") ? files->image : NULL;
}

char *
hat_module_files_debug_name (const HatModuleFiles *files, const HatModule *module)
{
  gboolean from_image = files->image && files->image->build_id_length > 0;
  const guint8 *id = from_image ? files->image->build_id : module->build_id;
  gsize length = from_image ? files->image->build_id_length : module_id_length (module);
  if (length < 2)
    return NULL;
  g_autofree char *name = build_id_name (id, length);
  return g_strdup (name + strlen (".build-id/"));
}
