/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Does a demangled C, C++ or Rust function answer to the name a person typed? Exactly, or by its last path components,
 * with template and generic arguments, parameters, return types and compilers' suffixes left aside:
 * `push` and `Vec::push` match `alloc::vec::Vec<T,A>::push` and `<alloc::vec::Vec<u8>>::push`. */

#include "core/heap/heap.h"

G_BEGIN_DECLS

typedef struct _HatFunctionName HatFunctionName;

HatFunctionName *hat_function_name_new (const char *name);
gboolean hat_function_name_matches (const HatFunctionName *name, const char *function);
void hat_function_name_free (HatFunctionName *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatFunctionName, hat_function_name_free)

/* For each stack of the trace, whether one of its source frames is accepted by `func`. Free with g_free. Each code
 * location is asked about once. */
typedef gboolean (*HatFrameFunc) (const HatSourceFrame *frame, const char *module, gpointer data);
gboolean *hat_stacks_through (HatTrace *trace, HatFrameFunc func, gpointer data);

G_END_DECLS
