/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One x86-64 instruction: how long it is, and as much of what it does as following a pointer from register to memory needs (Intel's
 * Software Developer's Manual, volume 2: 2.1 the format, appendix A the opcode maps). Registers are numbered as DWARF does: rax, rdx,
 * rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15. */

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  HAT_DO_OTHER,     /* changes `killed` */
  HAT_DO_MOVE,      /* to = from */
  HAT_DO_CONSTANT,  /* to = value */
  HAT_DO_LOAD,      /* to = memory */
  HAT_DO_STORE,     /* memory = from */
  HAT_DO_ADDRESS,   /* to = address of memory */
  HAT_DO_ADD,       /* to += from, or if `from` is none value */
  HAT_DO_SUBTRACT,
  HAT_DO_MULTIPLY,  /* to = from * value */
  HAT_DO_TEST,      /* whether `from` (or memory) is 0 */
  HAT_DO_CALL,      /* target 0: not known */
  HAT_DO_JUMP,
  HAT_DO_BRANCH,    /* is_equal, is_unequal: after a test, if it was 0, or was not */
  HAT_DO_RETURN,
  HAT_DO_PUSH,      /* rsp -= 8 */
  HAT_DO_POP,
  HAT_DO_STOP,      /* does not come back, or not understood */
} HatDoes;

#define HAT_NO_REGISTER 16u

typedef struct
{
  guint length;
  HatDoes does;
  guint to, from;        /* registers; HAT_NO_REGISTER */
  gboolean is_wide;      /* 8 bytes; else 4 (which clear the upper ones) or less */
  gint64 value;
  guint base, index, scale; /* memory: base + index * scale + displacement; base none: displacement is an address, or that of `target` */
  gint64 displacement;
  guint64 target;        /* of a call or jump; of memory relative to the instruction: its address */
  gboolean is_equal, is_unequal;
  guint32 killed;        /* bit by register: not known afterwards (of all kinds but moves and loads, whose `to` is set) */
} HatInstruction;

/* At `code`, of which `n` bytes are there, which lies at `address`. FALSE: it is none, or cut. */
gboolean hat_instruction_read (const guint8 *code, gsize n, guint64 address, HatInstruction *out);

G_END_DECLS
