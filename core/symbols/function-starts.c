/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/function-starts.h"

#include <gelf.h>
#include <string.h>

/* The table as all linkers write it: version 1, a relative pointer, a count, then pairs of 32-bit distances from the
 * section's start, sorted. Other forms are allowed by the standard and left alone here. */
static const guint8 usual_form[] = { 1, 0x1b, 0x03, 0x3b };
enum
{
  HEADER = 12, /* bytes before the pairs */
  PAIR = 8,    /* start of a function, place of its entry */
};

struct _HatFunctionStarts
{
  const HatElfFile *file;
  const guint8 *pairs;
  guint32 n;
  guint64 base;                 /* address of the section */
  guint64 code_start, code_end; /* of the section of the last address asked for: functions do not cross sections */
};

HatFunctionStarts *
hat_function_starts_new (const HatElfFile *file)
{
  HatFunctionStarts *starts = g_new0 (HatFunctionStarts, 1);
  starts->file = file;
  Elf_Scn *section = file ? hat_elf_file_section (file, ".eh_frame_hdr") : NULL;
  Elf_Data *data = section ? elf_rawdata (section, NULL) : NULL;
  GElf_Ehdr elf_header;
  GElf_Shdr header;
  if (!data || !data->d_buf || data->d_size < HEADER || memcmp (data->d_buf, usual_form, sizeof usual_form) != 0
      || !gelf_getehdr (file->elf, &elf_header) || elf_header.e_ident[EI_DATA] != ELFDATA2LSB
      || !gelf_getshdr (section, &header))
    return starts;
  guint32 n;
  memcpy (&n, (const guint8 *) data->d_buf + 8, sizeof n);
  starts->n = MIN (GUINT32_FROM_LE (n), (data->d_size - HEADER) / PAIR);
  starts->pairs = (const guint8 *) data->d_buf + HEADER;
  starts->base = header.sh_addr;
  return starts;
}

static guint64
start_at (const HatFunctionStarts *starts, guint32 index)
{
  gint32 distance;
  memcpy (&distance, starts->pairs + (gsize) index * PAIR, sizeof distance);
  return starts->base + (guint64) (gint64) GINT32_FROM_LE (distance);
}

static gboolean
is_in_code (HatFunctionStarts *starts, guint64 address)
{
  if (address >= starts->code_start && address < starts->code_end)
    return TRUE;
  Elf *elf = starts->file->elf;
  for (Elf_Scn *section = elf_nextscn (elf, NULL); section; section = elf_nextscn (elf, section))
    {
      GElf_Shdr header;
      if (gelf_getshdr (section, &header) && (header.sh_flags & SHF_EXECINSTR) && address >= header.sh_addr
          && address - header.sh_addr < header.sh_size)
        {
          starts->code_start = header.sh_addr;
          starts->code_end = header.sh_addr + header.sh_size;
          return TRUE;
        }
    }
  return FALSE;
}

guint64
hat_function_starts_find (HatFunctionStarts *starts, guint64 address)
{
  if (starts->n == 0 || !is_in_code (starts, address))
    return 0;
  guint32 low = 0, high = starts->n;
  while (low < high)
    {
      guint32 middle = low + (high - low) / 2;
      if (start_at (starts, middle) <= address)
        low = middle + 1;
      else
        high = middle;
    }
  guint64 start = low > 0 ? start_at (starts, low - 1) : 0;
  return start >= starts->code_start && start <= address ? start : 0;
}

void
hat_function_starts_free (HatFunctionStarts *starts)
{
  g_free (starts);
}
