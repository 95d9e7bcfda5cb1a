/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a module's symbol tables call its data; and where its functions are.
 *
 * Thread rule: one thread at a time. */

#include "core/symbols/symbols.h"

G_BEGIN_DECLS

typedef struct _HatModuleNames HatModuleNames;

HatModuleNames *hat_module_names_new (const HatModule *module);
void hat_module_names_free (HatModuleNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatModuleNames, hat_module_names_free)

/* The variable that covers an address (as in the module's headers), demangled; NULL: none is known. Lives as long as `names`. */
const char *hat_module_names_variable (HatModuleNames *names, guint64 address);
/* The C++ class to whose virtual functions an object's pointer leads, that address being as in the module's headers; NULL: no such pointer leads
 * there. *out_is_symbol: its symbol says so, else what the program itself carries of it (RTTI). */
const char *hat_module_names_class (HatModuleNames *names, guint64 address, gboolean *out_is_symbol);
/* Where the variable of the linker's name is. FALSE: the module has none. */
gboolean hat_module_names_find (HatModuleNames *names, const char *linker_name, guint64 *out_address);
/* The variable at an offset in the module's thread-local storage. */
const char *hat_module_names_thread_variable (HatModuleNames *names, guint64 offset);

/* Where the functions of that name start and end: the linker's name, or the demangled one, without or with its scopes. Returns how many of
 * them there are room for. */
typedef struct
{
  guint64 start, end;
} HatFunctionRange;

guint hat_module_names_functions (HatModuleNames *names, const char *name, HatFunctionRange *out, guint max);

G_END_DECLS
