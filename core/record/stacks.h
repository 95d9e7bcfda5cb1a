/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Code addresses to frames, and frames to canonical stacks, for a whole recording: every process and thread that was at the same place
 * gets the same HatStackId, because a frame is a module and an offset in it, not an address.
 *
 * Thread rule: one thread. */

#include "core/trace/writer.h"

G_BEGIN_DECLS

typedef struct _HatStacks HatStacks;

/* `ips` is the shared address table of wire.h. Both are borrowed. */
HatStacks *hat_stacks_new (HatTraceWriter *writer, const guint64 *ips);
void hat_stacks_free (HatStacks *stacks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatStacks, hat_stacks_free)

/* What is mapped where in one address space. The newest announcement of an address counts. */
typedef struct _HatModules HatModules;

HatModules *hat_modules_new (const char *program); /* path of the main program */
HatModules *hat_modules_copy (const HatModules *modules); /* for a forked child */
void hat_modules_free (HatModules *modules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatModules, hat_modules_free)

/* Saying the same twice does no harm. */
void hat_stacks_add_module (HatStacks *stacks, HatModules *modules, const HatModule *announced);

/* The frame of an address: by its index in the shared table, or by its value. FALSE: no module of `modules` is there
 * (with `must`: then the frame is the bare address). */
gboolean hat_stacks_frame_at (HatStacks *stacks, const HatModules *modules, guint32 ip_index, gboolean must, HatFrameId *out_frame);
gboolean hat_stacks_frame (HatStacks *stacks, const HatModules *modules, guint64 ip, gboolean must, HatFrameId *out_frame);
/* The frame at an offset in one of the writer's modules (G_MAXUINT32: a bare address). */
HatFrameId hat_stacks_frame_in (HatStacks *stacks, guint32 module, guint64 offset, gboolean exact);

/* A frame of the hook, which stands between main and its caller: hat_stacks_node() leaves it out. */
#define HAT_OWN_FRAME G_MAXUINT32

HatFrameId hat_stacks_cut_frame (HatStacks *stacks);

HatStackId hat_stacks_node (HatStacks *stacks, HatStackId parent, HatFrameId frame);
/* A hint that a node of `parent` and the address will be asked for soon. */
void hat_stacks_prefetch (HatStacks *stacks, HatStackId parent, guint32 ip_index);

/* Whether the stack's innermost frame is the loader's. */
gboolean hat_stacks_is_loader (HatStacks *stacks, HatStackId stack);
/* The writer's index of the module that is mapped at the address, or G_MAXUINT32. */
guint32 hat_modules_at (const HatModules *modules, guint64 address);

/* All of them by HatStackId, the two roots first. Free with g_free. */
HatStackNode *hat_stacks_nodes (HatStacks *stacks, guint *out_n);

#define HAT_STACK_INNER_FRAMES 64 /* deep stacks tell near their inner end what they allocate */
/* The innermost frames of a stack; how many. `nodes` and `frames` as hat_stacks_nodes() and hat_trace_writer_frames() give them. */
guint hat_stack_inner_frames (const HatStackNode *nodes, const HatFrame *frames, HatStackId stack, HatFrame inner[HAT_STACK_INNER_FRAMES]);

G_END_DECLS
