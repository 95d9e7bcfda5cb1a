/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What blocks are, by the stacks that allocate them (HatBlockType and its evidence are in core/trace/type-table.h), and keeping types in
 * the trace.
 *
 * How a stack says it, innermost first, the surest first:
 * - what the compiler says of the call (DW_AT_LLVM_alloc_type, the forerunner of DWARF 6's DW_AT_alloc_type);
 * - Rust: the type parameter of the innermost function of Box, Rc, Arc, Vec, VecDeque, String or hashbrown's table, inlined or not. rustc merges functions that
 *   are the same code for different types, so of a run of such functions the outermost one whose type has the same size counts;
 * - C++: std::allocator<T>::allocate (all containers and make_shared end there), make_unique<T>;
 * - C and C++ new: the value is followed through the instructions behind the call to a variable, parameter, constructor, field or
 *   global whose type says what it points to (site-values.c); through functions that return it as void *, in their callers.
 *
 * While a program is recorded there is one HatTypes for all of it, used by one thread at a time: by whoever looks at a snapshot
 * while it is made, and by the recorder's own thread when all snapshots are done. Its ids are not those of the trace: a type that
 * something in the trace refers to is given an id there by hat_types_keep().
 *
 * Thread rule: as in types.h. Results of hat_types_take_kept() belong to the caller and may go to another thread. */

#include "core/types/types.h"

G_BEGIN_DECLS

/* What the blocks are that a call stack makes: `frames` innermost first, their modules numbered as `modules` are (which are opened as
 * needed, and must keep their numbers). Type VOID if that is not known. Many stacks make blocks that are not of this type after all:
 * hat_block_type_fits(). Words belong to the HatTypes. */
HatBlockType hat_types_of_stack (HatTypes *types, const HatModule *modules, const HatFrame *frames, guint n);

/* Reads the types of all units of the program's own that are on the stack: who made a block as a part of something bigger may be further out. */
void hat_types_meet (HatTypes *types, const HatModule *modules, const HatFrame *frames, guint n);

/* Gives the type an id in the trace, the same for each call, and marks it to be written: with all its parts, those of what it
 * contains by value, and by name and size what it points to. VOID stays VOID. */
HatTypeId hat_types_keep (HatTypes *types, HatTypeId type);

typedef struct
{
  guint n;
  HatKeptType *types; /* to be given to hat_trace_writer_add_types() */
  GStringChunk *strings;
  GPtrArray *parts;
} HatKeptTypes;

/* What is new since the last call; NULL if nothing is. Must reach the trace before what refers to it, and in the order of the calls. */
HatKeptTypes *hat_types_take_kept (HatTypes *types);
void hat_kept_types_free (HatKeptTypes *kept);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatKeptTypes, hat_kept_types_free)

G_END_DECLS
