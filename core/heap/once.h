/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An answer that is the same for all who ask: the first one makes it, those who come meanwhile wait, each with a progress and cancel of its own.
 * When whoever makes it is cancelled or fails, the next in line tries. The answer belongs to the HatOnce.
 *
 * Thread rule: any thread, but for init and clear. */

#include "core/trace/trace.h"

typedef struct
{
  GMutex lock; /* all below */
  GCond changed;
  gboolean is_busy;
  gpointer answer; /* NULL: not made yet */
} HatOnce;

/* Makes the answer, or fails with an error. */
typedef gpointer (*HatOnceMake) (gconstpointer data, const HatProgress *progress, GError **error);

void hat_once_init (HatOnce *once);
void hat_once_clear (HatOnce *once, GDestroyNotify free_answer);
/* How many threads wait for others now, in whatever HatOnce. */
guint hat_once_n_waiting (void);
/* `what`: is said while another one makes it. */
gpointer hat_once_get (HatOnce *once, HatOnceMake make, gconstpointer data, const char *what, const HatProgress *progress, GError **error);
