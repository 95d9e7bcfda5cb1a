/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names of functions in DWARF, as a person would write them: `ns::Class<int>::method`,
 * `alloc::vec::Vec<T,A>::push<u8>`. The linkage name, demangled, is preferred: it is complete and agrees with the names
 * of symbol tables. A function without one (static, in an anonymous namespace) is named by the scopes around its
 * declaration. */

#include <elfutils/libdw.h>
#include <glib.h>

G_BEGIN_DECLS

typedef struct _HatFunctionNames HatFunctionNames;

/* Names go into `strings`. */
HatFunctionNames *hat_function_names_new (GStringChunk *strings);
/* The name of a subprogram or inlined subroutine; NULL if it has none. */
const char *hat_function_names_of (HatFunctionNames *names, Dwarf_Die *die);
/* The namespace, type or function that the function is declared in. FALSE: none, or it is C, which has no such scopes. */
gboolean hat_function_names_scope (HatFunctionNames *names, Dwarf_Die *die, Dwarf_Die *out_scope);
/* Call it before a Dwarf whose DIEs were named is closed. */
void hat_function_names_forget (HatFunctionNames *names);
void hat_function_names_free (HatFunctionNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatFunctionNames, hat_function_names_free)

/* A copy in `strings` that is safe to show: valid UTF-8 of bounded length without control characters. */
const char *hat_clean_name (GStringChunk *strings, const char *name);

G_END_DECLS
