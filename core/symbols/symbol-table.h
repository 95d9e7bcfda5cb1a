/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The symbols of one kind of .symtab or .dynsym by address. Names are the linker's own (mangled) and belong to the Elf. */

#include "core/symbols/elf-file.h"

G_BEGIN_DECLS

typedef struct _HatSymbolTable HatSymbolTable;

typedef enum
{
  HAT_SYMBOLS_FUNCTIONS,
  HAT_SYMBOLS_DATA,
  HAT_SYMBOLS_THREAD_DATA, /* addresses are offsets in the module's thread-local storage */
} HatSymbolKind;

/* Of both files' tables together; either may be NULL. */
HatSymbolTable *hat_symbol_table_new (const HatElfFile *image, const HatElfFile *with_table, HatSymbolKind kind);
/* One that knows the same of the addresses (sorted), and nothing of others: sorting all symbols of a large library takes 20 ms. */
HatSymbolTable *hat_symbol_table_new_for (const HatElfFile *image, const HatElfFile *with_table, HatSymbolKind kind, const guint64 *addresses,
                                          guint n);
/* The symbol that covers the address, else NULL. One without a size reaches up to the next one. */
const char *hat_symbol_table_find (const HatSymbolTable *table, guint64 address);
typedef void (*HatSymbolFunc) (const char *name, guint64 start, guint64 end, gpointer data);
void hat_symbol_table_foreach (const HatSymbolTable *table, HatSymbolFunc func, gpointer data);
void hat_symbol_table_free (HatSymbolTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSymbolTable, hat_symbol_table_free)

G_END_DECLS
