/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's side of the shared memory. */

#include "core/record/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/trace/error.h"

G_STATIC_ASSERT (sizeof (pthread_mutex_t) <= sizeof (((HatWireHeader *) NULL)->owner));

static gboolean
fail (HatSession *session, const char *what, GError **error)
{
  g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "shared memory: could not %s: %s", what, g_strerror (errno));
  hat_session_close (session);
  return FALSE;
}

/* The kernel marks the mutex when the thread that holds it ends, however it ends. */
static void
lock_owner (HatWireHeader *header)
{
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init ((pthread_mutex_t *) header->owner, &attributes);
  pthread_mutexattr_destroy (&attributes);
  pthread_mutex_lock ((pthread_mutex_t *) header->owner);
}

gboolean
hat_session_open (HatSession *session, gboolean no_follow, gboolean free_stacks, GError **error)
{
  *session = (HatSession) { .fd = -1 };
  session->fd = memfd_create (HAT_SESSION_MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (session->fd < 0 || ftruncate (session->fd, HAT_WIRE_SIZE) < 0)
    return fail (session, "create it", error);
  session->base = mmap (NULL, HAT_WIRE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, session->fd, 0);
  if (session->base == MAP_FAILED)
    {
      session->base = NULL;
      return fail (session, "map it (is the address space limited, as by ulimit -v?)", error);
    }
  madvise (session->base, HAT_WIRE_SIZE, MADV_DONTDUMP);
  session->path = g_strdup_printf ("/proc/%d/fd/%d", (int) getpid (), session->fd);

  HatWireHeader *header = session->header = (HatWireHeader *) session->base;
  header->version = HAT_WIRE_VERSION;
  header->state = HAT_WIRE_RECORDING;
  header->no_follow = no_follow;
  header->free_stacks = free_stacks;
  header->fork_ids = 1;
  lock_owner (header);
  __atomic_store_n (&header->magic, HAT_WIRE_MAGIC, __ATOMIC_RELEASE);
  return TRUE;
}

void
hat_session_close (HatSession *session)
{
  if (session->base)
    munmap (session->base, HAT_WIRE_SIZE);
  if (session->fd >= 0)
    close (session->fd);
  g_free (session->path);
  *session = (HatSession) { .fd = -1 };
}

static void
futex (uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
  syscall (SYS_futex, word, operation, value, timeout, NULL, 0);
}

guint32
hat_session_bell (HatSession *session)
{
  return __atomic_load_n (&session->header->bell, __ATOMIC_SEQ_CST);
}

void
hat_session_wait (HatSession *session, guint32 bell, gint64 timeout_ns)
{
  HatWireHeader *header = session->header;

  __atomic_store_n (&header->bell_wanted, 1, __ATOMIC_SEQ_CST);
  const struct timespec timeout = { .tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000 };
  futex (&header->bell, FUTEX_WAIT, bell, &timeout);
  __atomic_store_n (&header->bell_wanted, 0, __ATOMIC_SEQ_CST);
}

void
hat_session_ring_bell (HatSession *session)
{
  const int saved = errno;
  __atomic_add_fetch (&session->header->bell, 1, __ATOMIC_SEQ_CST);
  futex (&session->header->bell, FUTEX_WAKE, 1, NULL);
  errno = saved;
}

void
hat_session_release (HatWireRing *ring, guint64 tail)
{
  __atomic_store_n (&ring->tail, tail, __ATOMIC_SEQ_CST);
  if (G_UNLIKELY (__atomic_load_n (&ring->waiting, __ATOMIC_SEQ_CST)))
    futex ((uint32_t *) &ring->tail, FUTEX_WAKE, INT_MAX, NULL);
}

void
hat_session_stop (HatSession *session)
{
  __atomic_store_n (&session->header->state, HAT_WIRE_STOPPED, __ATOMIC_SEQ_CST);
  const guint n = MIN (__atomic_load_n (&session->header->ring_hint, __ATOMIC_RELAXED), HAT_WIRE_MAX_RINGS);
  for (guint i = 0; i < n; i++)
    futex ((uint32_t *) &hat_session_ring (session, i)->tail, FUTEX_WAKE, INT_MAX, NULL);
}

gboolean
hat_session_is_in_use (HatSession *session)
{
  /* The kernel seals a file against writing only if nobody has it mapped for writing: so this asks it whether anybody does. */
  mmap (session->base, HAT_WIRE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  const gboolean is_in_use = fcntl (session->fd, F_ADD_SEALS, F_SEAL_WRITE) < 0;
  const int sharing = is_in_use ? MAP_SHARED : MAP_PRIVATE;
  mmap (session->base, HAT_WIRE_SIZE, PROT_READ | PROT_WRITE, sharing | MAP_NORESERVE | MAP_FIXED, session->fd, 0);
  return is_in_use;
}
