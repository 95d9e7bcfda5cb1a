/* SPDX-License-Identifier: Apache-2.0 */
/* Text that a program brings along for us: notes of its section .note.heapatlas (core/heapatlas.h). */

#include "core/symbols/module-files.h"

#include <gelf.h>
#include <string.h>

#define OWNER "heapatlas"

static void
append_notes (GString **texts, const HatElfFile *file)
{
  Elf_Scn *section = hat_elf_file_section (file, ".note.heapatlas");
  Elf_Data *data = section ? elf_rawdata (section, NULL) : NULL;
  GElf_Nhdr note;
  size_t name, content;
  for (size_t at = 0; data && (at = gelf_getnote (data, at, &note, &name, &content)) > 0;)
    if (note.n_type < HAT_N_PROGRAM_NOTES && note.n_namesz == sizeof OWNER
        && memcmp ((const char *) data->d_buf + name, OWNER, sizeof OWNER) == 0)
      {
        const char *start = (const char *) data->d_buf + content;
        g_string_append_len (texts[note.n_type], start, (gssize) strnlen (start, note.n_descsz));
        g_string_append_c (texts[note.n_type], '\n');
      }
}

void
hat_program_notes (const HatModule *modules, guint n_modules, char *out_texts[HAT_N_PROGRAM_NOTES])
{
  GString *texts[HAT_N_PROGRAM_NOTES];
  for (guint i = 0; i < HAT_N_PROGRAM_NOTES; i++)
    texts[i] = g_string_new (NULL);
  for (guint i = 0; i < n_modules; i++)
    {
      g_autoptr (HatElfFile) file = hat_module_is_file (&modules[i]) ? hat_elf_file_open (modules[i].path) : NULL;
      if (file && hat_module_is_same_build (file, &modules[i]))
        append_notes (texts, file);
    }
  for (guint i = 0; i < HAT_N_PROGRAM_NOTES; i++)
    out_texts[i] = g_string_free (texts[i], texts[i]->len == 0);
}
