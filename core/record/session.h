/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The shared memory of one recording (wire.h), from the recorder's side.
 *
 * Thread rule: the thread that opens a session is its drain thread: it owns the robust mutex that tells hooks that the recorder lives. */

#include <glib.h>

#include "core/wire/wire.h"

G_BEGIN_DECLS

#define HAT_SESSION_MEMFD_NAME "heapatlas"

typedef struct
{
  int fd;
  guint8 *base; /* all of HAT_WIRE_SIZE */
  HatWireHeader *header;
  char *path; /* what hooks open: the value of HAT_WIRE_ENV */
} HatSession;

gboolean hat_session_open (HatSession *session, gboolean no_follow, gboolean free_stacks, GError **error);
void hat_session_close (HatSession *session);

static inline HatWireRing *
hat_session_ring (HatSession *session, guint index)
{
  return (HatWireRing *) (session->base + HAT_WIRE_RINGS_AT) + index;
}

static inline const guint64 *
hat_session_words (HatSession *session, guint index)
{
  return (const guint64 *) (session->base + HAT_WIRE_HEAD_SIZE + (guint64) index * HAT_WIRE_RING_BYTES);
}

static inline HatWireProcess *
hat_session_process (HatSession *session, guint slot)
{
  return (HatWireProcess *) (session->base + HAT_WIRE_PROCESSES_AT) + slot;
}

static inline const guint64 *
hat_session_ips (HatSession *session)
{
  return (const guint64 *) (session->base + HAT_WIRE_IPS_AT);
}

/* How often the bell has rung. Ask before looking for what it may have rung for. */
guint32 hat_session_bell (HatSession *session);
/* Sleeps until a ring gets half full, the bell has rung more often than `bell`, or the time is over. */
void hat_session_wait (HatSession *session, guint32 bell, gint64 timeout_ns);
/* Wakes hat_session_wait(). Safe in a signal handler. */
void hat_session_ring_bell (HatSession *session);

/* Gives the words before `tail` back to the producer, and wakes it if it waits for room. */
void hat_session_release (HatWireRing *ring, guint64 tail);

/* Tells all hooks to record nothing more, for good. */
void hat_session_stop (HatSession *session);

/* Whether any process but this one still maps the session. If none does, none can any more; the contents stay readable here. Call with
 * all signals blocked whose handlers ring the bell, which may ring it in this thread only. */
gboolean hat_session_is_in_use (HatSession *session);

G_END_DECLS
