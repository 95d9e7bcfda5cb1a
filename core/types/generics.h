/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Generic functions (templates, monomorphised Rust) and their instances, from DWARF: also those that were inlined wherever they
 * are called, of which no symbol tells. */

#include "core/types/types.h"

G_BEGIN_DECLS

typedef struct
{
  const char *function;  /* its name in full, as hat_trace_source() has it */
  const char *arguments; /* "int, std::allocator<int>" */
  guint64 code_bytes;    /* of the functions and of all inlined copies */
  guint n_functions, n_inlined; /* how many of each */
} HatGenericInstance;

typedef struct
{
  const char *name; /* without arguments: "std::vector::push_back" */
  guint64 code_bytes;
  guint n;
  HatGenericInstance *instances; /* by code, biggest first */
} HatGeneric;

typedef struct
{
  guint n;
  HatGeneric *generics; /* by code, biggest first */
  GStringChunk *strings;
} HatGenerics;

/* Of all modules of `types`: reads all of their functions. NULL only if cancelled. */
HatGenerics *hat_generics_new (HatTypes *types, const HatProgress *progress, GError **error);
void hat_generics_free (HatGenerics *generics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatGenerics, hat_generics_free)

G_END_DECLS
