/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All threads of a process, brought to a stand and let go again. From outside, by ptrace: no signal is sent, nobody else sees a stop, and
 * should the recorder die, the kernel lets them go.
 *
 * Thread rule: one thread does all of it: the kernel knows the tracer by its thread. */

#include <sys/user.h>

#include "core/trace/error.h"

G_BEGIN_DECLS

typedef struct
{
  guint32 tid;
  struct user_regs_struct registers;
  GBytes *vector; /* the XSAVE area; NULL: could not be read */

  gboolean is_stopped;
  gboolean is_group_stop; /* stopped by job control, too */
  int signal; /* that was about to be delivered; it will be */
} HatStoppedThread;

typedef struct
{
  guint32 pid;
  GArray *threads;   /* HatStoppedThread */
  guint n_skipped;   /* did not stop (in a call that nothing interrupts), or were gone */
} HatStop;

/* NULL with HAT_ERROR_REFUSED: the kernel forbids it, and why; with HAT_ERROR_IO: this time it did not stop; without an error: it is gone. */
HatStop *hat_stop_process (guint32 pid, GError **error);
/* Its general registers by DWARF number, the pc last. */
void hat_stopped_registers (const HatStoppedThread *thread, guint64 out[17]);
/* Lets one go on that is to be stopped again by hat_stop_again(), at which its registers are read anew. FALSE: it is none of them. */
gboolean hat_stop_let_run (HatStop *stop, guint32 tid);
void hat_stop_again (HatStop *stop);
/* Lets all of them go on. */
void hat_stop_release (HatStop *stop);
void hat_stop_free (HatStop *stop); /* after release */

/* Traces a process from now on (before it has threads), so that its end is seen however it comes. FALSE: the kernel forbids it. */
gboolean hat_stop_trace (guint32 pid, GError **error);
/* Lets it go its way again. */
void hat_stop_trace_end (void);
/* Call often: passes on to its threads the signals that have come for them. When it is about to end, all its threads stopped, else NULL. */
HatStop *hat_stop_follow (void);

/* Lets go those that only stopped later. Call now and then. TRUE: there are some left. */
gboolean hat_stop_release_stragglers (void);

G_END_DECLS
