/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One ELF file, opened: its build-id, sections, and the two links to files that hold the rest of its symbols. Only
 * plain files are opened. Nothing here trusts the file. */

#include <elfutils/libdw.h>
#include <glib.h>

G_BEGIN_DECLS

#define HAT_BUILD_ID_MAX 64

typedef struct
{
  char *path;
  int fd;
  Elf *elf;
  gsize size;            /* of the file */
  gint64 changed_ns;     /* when it was last written, since 1970 */
  gsize build_id_length; /* 0 = none */
  guint8 build_id[HAT_BUILD_ID_MAX];
} HatElfFile;

/* NULL if it is missing, unreadable or not ELF. */
HatElfFile *hat_elf_file_open (const char *path);
void hat_elf_file_close (HatElfFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatElfFile, hat_elf_file_close)

/* The section with contents in this file (stripped debug files keep empty headers), also under its old compressed name
 * (".zdebug_info" for ".debug_info"). */
Elf_Scn *hat_elf_file_section (const HatElfFile *file, const char *name);
gboolean hat_elf_file_has_debug_info (const HatElfFile *file);
/* The lowest address of machine code; less means that the linker dropped the function, whose debug info stayed. */
guint64 hat_elf_file_code_start (const HatElfFile *file);
/* CRC-32 of the whole file, as .gnu_debuglink has it. */
gboolean hat_elf_file_crc (const HatElfFile *file, guint32 *out_crc);

G_END_DECLS
