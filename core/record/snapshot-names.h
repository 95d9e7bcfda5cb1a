/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the roots of a snapshot are called: variables, by the symbol tables of their modules.
 *
 * Thread rule: any thread. */

#include "core/record/snapshot-modules.h"

G_BEGIN_DECLS

/* Names global and thread-local roots of `out` as far as they are known. The names are put into `strings`. `threads`: by thread of the stop. */
void hat_roots_name (const HatRootPlan *plan, HatModuleReader *reader, const HatRootThread *threads, HatSnapshot *out, GStringChunk *strings);

G_END_DECLS
