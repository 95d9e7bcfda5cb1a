/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The functions of .symtab or .dynsym by address. Names are the linker's own (mangled) and belong to the Elf. */

#include "core/symbols/elf-file.h"

G_BEGIN_DECLS

typedef struct _HatSymbolTable HatSymbolTable;

/* Of both files' tables together; either may be NULL. */
HatSymbolTable *hat_symbol_table_new (const HatElfFile *image, const HatElfFile *with_table);
/* The function that covers the address, else NULL. A symbol without a size reaches up to the next one. */
const char *hat_symbol_table_find (const HatSymbolTable *table, guint64 address);
void hat_symbol_table_free (HatSymbolTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSymbolTable, hat_symbol_table_free)

G_END_DECLS
