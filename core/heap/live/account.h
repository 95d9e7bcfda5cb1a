/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Exact running totals of a process: everything in HatSummary, one call per event. Shared by the recorder (which writes
 * the result as the summary) and by the reader (which replays a trace that has none), so that both count the same way.
 *
 * Peak per site is exact: sites remember their live figures at the last instant the process was at its highest, lazily
 * (each site keeps the peak epoch of its last change; no pass over all sites at a new peak).
 *
 * Thread rule: one thread. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatAccount HatAccount;

/* inherited_*: what a forked child starts with (0 otherwise). */
HatAccount *hat_account_new (guint64 inherited_blocks, guint64 inherited_bytes);
void hat_account_free (HatAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatAccount, hat_account_free)

/* `old_stack`, `old_size` describe the block that ends (FREE, REALLOC, MISSED_FREE), ignored otherwise; `inherited`: it was the
 * parent's (its stack's site then loses nothing: sites of a child count its own blocks only). */
void hat_account_add (HatAccount *account, const HatEvent *event, HatStackId old_stack, guint64 old_size, gboolean inherited);

const HatTotals *hat_account_totals (HatAccount *account);
/* Sorted by stack; valid until the next call. Everything the summary needs. */
const HatSummary *hat_account_summary (HatAccount *account);

G_END_DECLS
