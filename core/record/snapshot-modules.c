/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-modules.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>

/* A module's file. */
typedef struct
{
  HatModuleNames *names;
  gboolean is_opened;
  GMappedFile *file; /* NULL: not to be had */
  const Elf64_Phdr *segments;
  guint n_segments;
} File;

struct _HatModuleReader
{
  const HatRootPlan *plan;
  File *files; /* by module of the plan */
};

HatModuleReader *
hat_module_reader_new (const HatRootPlan *plan)
{
  HatModuleReader *reader = g_new0 (HatModuleReader, 1);

  reader->plan = plan;
  reader->files = g_new0 (File, plan->modules->len + 1);
  return reader;
}

void
hat_module_reader_free (HatModuleReader *reader)
{
  if (reader == NULL)
    return;
  for (guint i = 0; i < reader->plan->modules->len; i++)
    {
      hat_module_names_free (reader->files[i].names);
      g_clear_pointer (&reader->files[i].file, g_mapped_file_unref);
    }
  g_free (reader->files);
  g_free (reader);
}

gboolean
hat_found_module_is_named (const HatFoundModule *module, const char *prefix)
{
  const char *slash = strrchr (module->path, '/');
  return slash && g_str_has_prefix (slash + 1, prefix);
}

HatModule
hat_found_module_about (const HatFoundModule *module)
{
  HatModule about = { .path = module->path, .start = module->image.start, .end = module->image.end, .bias = module->image.bias };

  memcpy (about.build_id, module->build_id, sizeof about.build_id);
  return about;
}

static File *
file_of (HatModuleReader *reader, const HatFoundModule *module)
{
  return &reader->files[module - (const HatFoundModule *) reader->plan->modules->data];
}

HatModuleNames *
hat_module_reader_names (HatModuleReader *reader, const HatFoundModule *module)
{
  File *file = file_of (reader, module);
  const HatModule about = hat_found_module_about (module);

  if (file->names == NULL)
    file->names = hat_module_names_new (&about);
  return file->names;
}

HatModuleNames *
hat_module_reader_names_of (HatModuleReader *reader, guint32 module)
{
  for (guint i = 0; i < reader->plan->modules->len; i++)
    {
      const HatFoundModule *found = &g_array_index (reader->plan->modules, HatFoundModule, i);
      if (found->image.module == module)
        return hat_module_reader_names (reader, found);
    }
  return NULL;
}

static void
open_file (File *file, const HatFoundModule *module)
{
  struct stat status;

  file->is_opened = TRUE;
  if (*module->path != '/' || stat (module->path, &status) != 0 || status.st_ino != module->inode
      || (file->file = g_mapped_file_new (module->path, FALSE, NULL)) == NULL)
    return;
  const gsize size = g_mapped_file_get_length (file->file);
  const guint8 *bytes = (const guint8 *) g_mapped_file_get_contents (file->file);
  const Elf64_Ehdr *header = (const Elf64_Ehdr *) bytes;
  if (size < sizeof *header || header->e_phoff > size || header->e_phoff % 8 != 0
      || header->e_phnum > (size - header->e_phoff) / sizeof (Elf64_Phdr))
    return;
  file->segments = (const Elf64_Phdr *) (bytes + header->e_phoff);
  file->n_segments = header->e_phnum;
}

const guint8 *
hat_module_reader_at (HatModuleReader *reader, guint64 address, guint64 *out_n)
{
  const HatFoundModule *module = hat_roots_module_at (reader->plan, address);
  File *file = module ? file_of (reader, module) : NULL;
  const guint64 offset = module ? address - module->image.bias : 0;

  if (file && !file->is_opened)
    open_file (file, module);
  for (guint i = 0; file && i < file->n_segments; i++)
    {
      const Elf64_Phdr *segment = &file->segments[i];
      if (segment->p_type != PT_LOAD || segment->p_flags & PF_W || offset < segment->p_vaddr || offset - segment->p_vaddr >= segment->p_filesz)
        continue;
      const guint64 into = offset - segment->p_vaddr, at = into + segment->p_offset, size = g_mapped_file_get_length (file->file);
      if (at >= size)
        return NULL;
      *out_n = MIN (segment->p_filesz - into, size - at);
      return (const guint8 *) g_mapped_file_get_contents (file->file) + at;
    }
  return NULL;
}
