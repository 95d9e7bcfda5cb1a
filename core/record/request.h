/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests to a recorder from others than its window: `heapatlas snapshot PID`. A local socket whose name tells the recorder's process id; only
 * the recorder's own user, and root, are heard.
 *
 * Thread rule: the drain thread; the client's side any. */

#include "core/trace/error.h"

G_BEGIN_DECLS

typedef struct
{
  int fd; /* that listens; -1: there is none, nobody can ask */
  GArray *clients; /* int: connected, have not said anything so far */
} HatRequests;

void hat_requests_open (HatRequests *requests);
void hat_requests_close (HatRequests *requests);

/* The next request that has come, without waiting: whom to take a snapshot of. Answer it. */
gboolean hat_requests_next (HatRequests *requests, guint32 *out_pid, int *out_client);
/* `text` is one line. Closes the client. */
void hat_request_answer (int client, gboolean is_done, const char *text);

/* Asks the recorder of process `pid` (or the recorder that `pid` is) for a snapshot, and waits for it. Returns its answer, one line (g_free).
 * Errors: IO, REFUSED. */
char *hat_request_snapshot (guint32 pid, GError **error);

G_END_DECLS
