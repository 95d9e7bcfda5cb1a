/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Frames and functions of stacks, for the files of the model. All strings are the trace's or constants. */

#include "core/heap/heap.h"

/* Path, or "". */
const char *hat_frame_module (HatTrace *trace, HatFrameId frame);

/* As hat_trace_source(), with a name for frames that were left out. */
const HatSourceFrame *hat_frame_source (HatTrace *trace, HatFrameId frame, guint *out_n);

/* The source frame that hat_stack_function() names. */
typedef struct
{
  const char *function, *module, *file; /* file: NULL = unknown */
  guint32 line;
} HatOwnFrame;
void hat_stack_own (HatTrace *trace, HatStackId stack, HatOwnFrame *out_own);

/* ---- functions, each known by a small number ---- */

/* The source frames of the locations of one query, folded by function and module. Thread rule: one thread. */
typedef struct _HatFunctionTable HatFunctionTable;

typedef struct
{
  const char *function, *module, *file;
  guint32 line; /* where it was seen first */
  gboolean is_inline;
} HatFunctionInfo;

HatFunctionTable *hat_function_table_new (HatTrace *trace);
void hat_function_table_free (HatFunctionTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatFunctionTable, hat_function_table_free)

/* Functions of a code location, innermost first; valid until the next call. */
const guint32 *hat_function_table_frame (HatFunctionTable *table, HatFrameId frame, guint *out_n);
/* Functions of a whole stack, innermost first; valid until the next call. Roots have none. */
const guint32 *hat_function_table_stack (HatFunctionTable *table, HatStackId stack, guint *out_n);
const HatFunctionInfo *hat_function_table_info (HatFunctionTable *table, guint32 function);
guint hat_function_table_n (HatFunctionTable *table);
