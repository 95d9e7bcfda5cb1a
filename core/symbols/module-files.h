/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files that know a module's symbols: the file that was mapped, its separate debug file, and the file that several
 * debug files share (dwz). Each is used only if it proves to belong: by build-id, or by the CRC of .gnu_debuglink. */

#include "core/symbols/elf-file.h"
#include "core/symbols/symbols.h"

G_BEGIN_DECLS

typedef struct
{
  HatElfFile *image;   /* the mapped file, NULL if there is none that fits */
  HatElfFile *debug;   /* NULL if there is none, or `image` has it all */
  HatElfFile *shared;  /* of whichever of the two has the debug info; only after hat_module_files_open_shared() */
  gboolean is_changed; /* a file is at its path, but another one than was mapped */
} HatModuleFiles;

void hat_module_files_open (HatModuleFiles *files, const HatModule *module, const HatSymbolOptions *options);
/* Finds `shared`, and unpacks the debug information for it, which may take a while. `options` as before. */
void hat_module_files_open_shared (HatModuleFiles *files, const HatSymbolOptions *options);
void hat_module_files_close (HatModuleFiles *files);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HatModuleFiles, hat_module_files_close)

/* The file with .debug_info, or NULL. */
HatElfFile *hat_module_files_dwarf (const HatModuleFiles *files);
/* The file with .symtab, or NULL. */
HatElfFile *hat_module_files_table (const HatModuleFiles *files);
/* "ab/cdef.debug", where a debug file of that module would be under .build-id; NULL without a build-id. */
char *hat_module_files_debug_name (const HatModuleFiles *files, const HatModule *module);
/* Is it a file at all, not the vdso or anonymous code? */
gboolean hat_module_is_file (const HatModule *module);
/* Whether the file is the one that was mapped, as far as build-ids tell. */
gboolean hat_module_is_same_build (const HatElfFile *file, const HatModule *module);

G_END_DECLS
