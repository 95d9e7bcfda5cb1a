/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of a process' modules say: names, and the memory that nobody writes to. It needs no process: opened when first asked for.
 *
 * Ownership: what it returns lives as long as it does. Thread rule: one thread at a time. */

#include "core/record/snapshot-roots.h"
#include "core/symbols/module-names.h"

G_BEGIN_DECLS

typedef struct _HatModuleReader HatModuleReader;

HatModuleReader *hat_module_reader_new (const HatRootPlan *plan); /* borrowed */
void hat_module_reader_free (HatModuleReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatModuleReader, hat_module_reader_free)

/* The module as core/symbols asks for it; its strings are the plan's. */
HatModule hat_found_module_about (const HatFoundModule *module);

/* Whether its file's name, without folders, begins so. */
gboolean hat_found_module_is_named (const HatFoundModule *module, const char *prefix);

/* What a module of the plan calls its own. */
HatModuleNames *hat_module_reader_names (HatModuleReader *reader, const HatFoundModule *module);
/* The same of the writer's number; NULL: the plan has no such module. */
HatModuleNames *hat_module_reader_names_of (HatModuleReader *reader, guint32 module);

/* Bytes at an address of the process, as the file has them, *out_n up to the end of their segment; NULL: in no module, or in what is written to,
 * or another file has taken its place. */
const guint8 *hat_module_reader_at (HatModuleReader *reader, guint64 address, guint64 *out_n);

G_END_DECLS
