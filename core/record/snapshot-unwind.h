/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The frames of stopped threads, by libunwind, over the copy of their stacks and the files of their modules.
 *
 * Thread rule: any thread, one at a time. */

#include "core/record/snapshot-modules.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 pc;
  gboolean is_exact;          /* pc is an interrupted instruction, not a return address */
  const HatScanModule *module;/* or NULL */
  guint64 cfa;
  guint64 registers[17];      /* by DWARF number */
  guint32 known;              /* bit n: registers[n] was recovered */
  guint64 saved[17];          /* where a callee has saved it; 0: it is in the register still, or unknown */
} HatUnwoundFrame;

typedef struct _HatUnwinder HatUnwinder;

/* Borrows all three. */
HatUnwinder *hat_unwinder_new (const HatRootPlan *plan, HatModuleReader *reader, const HatCopy *copy);
void hat_unwinder_free (HatUnwinder *unwinder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatUnwinder, hat_unwinder_free)

/* The frames of a thread, innermost first; the hook's are left out. Appends HatUnwoundFrame. FALSE: not even the first one's caller was found. */
gboolean hat_unwinder_walk (HatUnwinder *unwinder, const HatStoppedThread *thread, GArray *frames);

G_END_DECLS
