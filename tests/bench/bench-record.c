/* SPDX-License-Identifier: Apache-2.0 */

/* What the recorder costs, without a program beside it. Nanoseconds of CPU per event of the recorder's two threads.
 *
 *   bench-record capture FILE PROGRAM [ARG...]   runs the program with the hook and keeps what it sends
 *   bench-record FILE TRACE [TIMES]              gives that to the recorder as it came, and writes the trace
 *
 * A capture is a sequence of rounds: { round's limit in ticks, number of pieces }, then for each piece { ring, number of words, words };
 * a round with no pieces and the limit 0 is the end, and the head of the shared memory follows. It starts with a Start. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/record/images.h"
#include "core/record/launch.h"
#include "core/record/own-heap.h"

typedef struct
{
  HatClock clock;
  guint64 pid;
} Start;

G_GNUC_NORETURN static void
give_up (const char *what, const char *why)
{
  fprintf (stderr, "bench-record: %s: %s\n", what, why);
  exit (1);
}

/* ---- capture ---- */

static void
put (FILE *file, const void *data, gsize n)
{
  if (fwrite (data, 1, n, file) != n)
    give_up ("capture", g_strerror (errno));
}

/* What the rings hold by now, or most of it. FALSE: nothing. */
static gboolean
capture_round (HatSession *session, FILE *file, guint64 limit)
{
  const guint n_rings = MIN (session->header->ring_hint, HAT_WIRE_MAX_RINGS);
  guint64 heads[HAT_WIRE_MAX_RINGS], n_pieces = 0;

  for (guint i = 0; i < n_rings; i++)
    {
      /* What is after the limit stays in the ring when this is given to the recorder. */
      heads[i] = MIN (__atomic_load_n (&hat_session_ring (session, i)->head, __ATOMIC_ACQUIRE),
                      hat_session_ring (session, i)->tail + HAT_WIRE_RING_WORDS / 4 * 3);
      n_pieces += heads[i] != hat_session_ring (session, i)->tail;
    }
  if (n_pieces == 0)
    return FALSE;
  put (file, &limit, sizeof limit);
  put (file, &n_pieces, sizeof n_pieces);
  for (guint64 i = 0; i < n_rings; i++)
    {
      HatWireRing *ring = hat_session_ring (session, i);
      const guint64 n = heads[i] - ring->tail;
      if (n == 0)
        continue;
      put (file, &i, sizeof i);
      put (file, &n, sizeof n);
      for (guint64 at = ring->tail; at < heads[i]; at++)
        put (file, &hat_session_words (session, i)[at & (HAT_WIRE_RING_WORDS - 1)], 8);
      hat_session_release (ring, heads[i]);
    }
  return TRUE;
}

static int
capture (const char *path, const char *const *argv)
{
  g_auto (GStrv) env = g_get_environ ();
  g_autoptr (GError) error = NULL;
  HatPreflight program;
  HatSession session;
  HatLaunch launch;
  Start start;
  int status;

  if (!hat_preflight (argv[0], (const char *const *) env, NULL, &program, &status, &error))
    give_up ("capture", error->message);
  FILE *file = fopen (path, "w");
  if (file == NULL)
    give_up (path, g_strerror (errno));
  if (!hat_session_open (&session, FALSE, FALSE, &error)
      || !hat_launch (&program, argv, (const char *const *) env, NULL, HOOK, &session, &launch, &error))
    give_up (argv[0], error->message);
  hat_clock_start (&start.clock);
  hat_launch_go (&launch);
  hat_clock_measure (&start.clock);
  start.pid = launch.pid;
  put (file, &start, sizeof start);
  if (!hat_launch_wait (&launch, argv[0], &status, &error))
    give_up (argv[0], error->message);
  for (gboolean ended = FALSE; !ended;)
    {
      const guint32 bell = hat_session_bell (&session);
      ended = waitpid (launch.pid, &status, WNOHANG) != 0;
      while (capture_round (&session, file, ended ? G_MAXINT64 : hat_clock_ticks ()) && ended)
        ;
      if (!ended)
        hat_session_wait (&session, bell, 10000000);
    }
  const guint64 end[2] = { 0, 0 };
  put (file, end, sizeof end);
  put (file, session.base, HAT_WIRE_HEAD_SIZE);
  if (fclose (file) != 0)
    give_up (path, g_strerror (errno));
  hat_session_close (&session);
  hat_preflight_clear (&program);
  return 0;
}

/* ---- replay ---- */

/* Whether the rounds end where the head begins. The words in them are believed: the recorder looks at each as it does at a hook's. */
static gboolean
is_capture (const char *capture, gsize n_bytes)
{
  const gsize fixed = sizeof (Start) + HAT_WIRE_HEAD_SIZE;
  if (n_bytes < fixed + 16 || n_bytes % 8 != 0)
    return FALSE;
  const HatWireHeader *header = (const HatWireHeader *) (gconstpointer) (capture + n_bytes - HAT_WIRE_HEAD_SIZE);
  const guint64 *words = (const guint64 *) (gconstpointer) (capture + sizeof (Start));
  const gsize n_words = (n_bytes - fixed) / 8;
  gsize at = 0;

  if (header->magic != HAT_WIRE_MAGIC || header->version != HAT_WIRE_VERSION || header->ring_hint > HAT_WIRE_MAX_RINGS)
    return FALSE;
  while (at + 2 <= n_words)
    {
      guint64 n_pieces = words[at + 1];
      at += 2;
      if (n_pieces == 0)
        return at == n_words;
      for (; n_pieces > 0; n_pieces--)
        {
          if (at + 2 > n_words || words[at] >= header->ring_hint || words[at + 1] > MIN (n_words - at - 2, HAT_WIRE_RING_WORDS))
            return FALSE;
          at += 2 + words[at + 1];
        }
    }
  return FALSE;
}

static guint64 ticks_now; /* of the round that is replayed */

/* The linker gives the first one to the recorder in place of hat_clock_ticks(), which is the second one. */
guint64 __wrap_hat_clock_ticks (void);
guint64 __real_hat_clock_ticks (void);

guint64
__wrap_hat_clock_ticks (void)
{
  return ticks_now ? ticks_now : __real_hat_clock_ticks ();
}

/* What the hooks had written outside of the rings' bodies. */
static void
take_head (HatSession *session, const char *head)
{
  const HatWireHeader *header = (const HatWireHeader *) (gconstpointer) head;

  session->header->n_ips = header->n_ips;
  memcpy (session->base + HAT_WIRE_RINGS_AT, head + HAT_WIRE_RINGS_AT, HAT_WIRE_HEAD_SIZE - HAT_WIRE_RINGS_AT);
  for (guint i = 0; i < header->ring_hint; i++)
    hat_session_ring (session, i)->head = hat_session_ring (session, i)->tail = 0;
  session->header->ring_hint = header->ring_hint;
}

static const guint64 *
replay_round (HatSession *session, const guint64 *at)
{
  const guint64 n_pieces = at[1];

  ticks_now = at[0];
  at += 2;
  for (guint64 piece = 0; piece < n_pieces; piece++)
    {
      HatWireRing *ring = hat_session_ring (session, at[0]);
      guint64 *words = (guint64 *) hat_session_words (session, at[0]);
      const guint64 n = at[1];
      at += 2;
      for (guint64 i = 0; i < n; i++)
        words[(ring->head + i) & (HAT_WIRE_RING_WORDS - 1)] = at[i];
      ring->head += n;
      at += n;
    }
  return at;
}

static void
on_image (const HatImageInfo *info, const char *text, gpointer data)
{
  if (text)
    printf ("%s\n", text);
}

static double
ns_of (clockid_t clock)
{
  struct timespec now;
  clock_gettime (clock, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

static void
replay (HatOwnHeap *heap, const char *capture, gsize n_bytes, const char *path)
{
  const Start *start = (const Start *) (gconstpointer) capture;
  g_autoptr (GError) error = NULL;
  HatSession session;
  guint64 n_events = 0;

  const double all_before = ns_of (CLOCK_PROCESS_CPUTIME_ID), own_before = ns_of (CLOCK_THREAD_CPUTIME_ID);
  if (!hat_session_open (&session, FALSE, FALSE, &error))
    give_up ("session", error->message);
  take_head (&session, capture + n_bytes - HAT_WIRE_HEAD_SIZE);
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (path, -1, 0, &error);
  if (writer == NULL)
    give_up (path, error->message);
  g_autoptr (HatStacks) stacks = hat_stacks_new (writer, hat_session_ips (&session));
  g_autoptr (HatImages) images = hat_images_new (&session, &start->clock, writer, stacks, (guint32) start->pid, on_image, NULL);
  const double all_began = ns_of (CLOCK_PROCESS_CPUTIME_ID), own_began = ns_of (CLOCK_THREAD_CPUTIME_ID);
  double copying = 0;
  for (const guint64 *at = (const guint64 *) (gconstpointer) (start + 1); at[1] != 0;)
    {
      const double before = ns_of (CLOCK_THREAD_CPUTIME_ID);
      at = replay_round (&session, at);
      copying += ns_of (CLOCK_THREAD_CPUTIME_ID) - before;
      n_events += hat_images_drain (images);
      hat_own_heap_advise (heap);
      hat_trace_writer_flush (writer, FALSE, NULL);
    }
  hat_images_finish (images, FALSE);
  hat_trace_writer_finish (writer, 1, NULL);
  const double all = ns_of (CLOCK_PROCESS_CPUTIME_ID), own = ns_of (CLOCK_THREAD_CPUTIME_ID);
  const double ns = 1.0 / (double) n_events;
  printf ("%.2f M events: recorder %.1f ns, writer %.1f ns, both %.1f ns, start %.2f ms\n", (double) n_events / 1e6,
          (own - own_began - copying) * ns, (all - all_began - own + own_began) * ns, (all - all_began - copying) * ns,
          (all_began - all_before + 0 * own_before) / 1e6);
  hat_session_close (&session);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  HatOwnHeap heap;
  gsize n_bytes;

  if (argc > 3 && strcmp (argv[1], "capture") == 0)
    return capture (argv[2], (const char *const *) argv + 3);
  if (argc < 3)
    give_up ("wrong use", "bench-record capture FILE PROGRAM [ARG...] | bench-record FILE TRACE [TIMES]");
  if (!g_file_get_contents (argv[1], &data, &n_bytes, &error))
    give_up ("capture", error->message);
  if (!is_capture (data, n_bytes))
    give_up (argv[1], "not a whole capture of this version's hook; make one with bench-record capture");
  hat_own_heap_prepare (&heap);
  for (int i = argc > 3 ? atoi (argv[3]) : 1; i > 0; i--)
    replay (&heap, data, n_bytes, argv[2]);
  return 0;
}
