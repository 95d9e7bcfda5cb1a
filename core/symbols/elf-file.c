/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/elf-file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
read_build_id (HatElfFile *file)
{
  const void *id;
  ssize_t length = dwelf_elf_gnu_build_id (file->elf, &id);
  if (length <= 0 || length > HAT_BUILD_ID_MAX)
    return;
  memcpy (file->build_id, id, length);
  file->build_id_length = length;
}

HatElfFile *
hat_elf_file_open (const char *path)
{
  elf_version (EV_CURRENT);
  /* A pipe or a device under that name must not make us wait. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return NULL;
  struct stat st;
  g_autoptr (HatElfFile) file = g_new0 (HatElfFile, 1);
  file->fd = fd;
  file->path = g_strdup (path);
  if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode))
    return NULL;
  file->size = st.st_size;
  file->changed_ns = st.st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + st.st_mtim.tv_nsec;
  file->elf = elf_begin (fd, ELF_C_READ_MMAP, NULL);
  if (!file->elf || elf_kind (file->elf) != ELF_K_ELF)
    return NULL;
  read_build_id (file);
  return g_steal_pointer (&file);
}

void
hat_elf_file_close (HatElfFile *file)
{
  if (!file)
    return;
  if (file->elf)
    elf_end (file->elf);
  close (file->fd);
  g_free (file->path);
  g_free (file);
}

Elf_Scn *
hat_elf_file_section (const HatElfFile *file, const char *name)
{
  size_t names;
  if (elf_getshdrstrndx (file->elf, &names) != 0)
    return NULL;
  g_autofree char *old_name = g_str_has_prefix (name, ".debug_") ? g_strconcat (".z", name + 1, NULL) : NULL;
  for (Elf_Scn *section = elf_nextscn (file->elf, NULL); section; section = elf_nextscn (file->elf, section))
    {
      GElf_Shdr header;
      if (!gelf_getshdr (section, &header) || header.sh_type == SHT_NOBITS || header.sh_size == 0)
        continue;
      const char *its = elf_strptr (file->elf, names, header.sh_name);
      if (its && (strcmp (its, name) == 0 || (old_name && strcmp (its, old_name) == 0)))
        return section;
    }
  return NULL;
}

gboolean
hat_elf_file_has_debug_info (const HatElfFile *file)
{
  return hat_elf_file_section (file, ".debug_info") != NULL;
}

guint64
hat_elf_file_code_start (const HatElfFile *file)
{
  guint64 start = G_MAXUINT64;
  for (Elf_Scn *section = elf_nextscn (file->elf, NULL); section; section = elf_nextscn (file->elf, section))
    {
      GElf_Shdr header;
      if (gelf_getshdr (section, &header) && (header.sh_flags & SHF_EXECINSTR) && header.sh_addr > 0)
        start = MIN (start, header.sh_addr);
    }
  return start == G_MAXUINT64 ? 0 : start;
}

gboolean
hat_elf_file_crc (const HatElfFile *file, guint32 *out_crc)
{
  guint32 table[256];
  for (guint32 i = 0; i < 256; i++)
    {
      table[i] = i;
      for (int bit = 0; bit < 8; bit++)
        table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
  enum
  {
    BUFFER = 256 * 1024
  };
  g_autofree guint8 *buffer = g_malloc (BUFFER);
  guint32 crc = ~0u;
  for (off_t at = 0;;)
    {
      ssize_t got = pread (file->fd, buffer, BUFFER, at);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return FALSE;
      if (got == 0)
        break;
      for (ssize_t i = 0; i < got; i++)
        crc = table[(crc ^ buffer[i]) & 0xff] ^ (crc >> 8);
      at += got;
    }
  *out_crc = ~crc;
  return TRUE;
}
