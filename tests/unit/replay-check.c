/* SPDX-License-Identifier: Apache-2.0
 *
 * replay-check TRACE: for every process of the trace, compares live sets at 50 random instants and the totals with a plain replay of all
 * events. Prints what was compared, or the first difference (exit status 1). */

#include "core/heap/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_INSTANTS 50

typedef struct
{
  HatTotals totals;
  GHashTable *live; /* block id -> HatBlock */
} Replay;

static guint
hash_id (gconstpointer id)
{
  return (guint) * (const guint64 *) id * 2654435761u;
}

static void
fail (const char *what, guint process, gint64 time, guint64 got, guint64 expected)
{
  printf ("process %u at %" G_GINT64_FORMAT " ns: %s is %" G_GUINT64_FORMAT ", the replay says %" G_GUINT64_FORMAT "\n", process, time, what,
          got, expected);
  exit (1);
}

static void
give_up (const char *what, GError *error)
{
  printf ("%s: %s\n", what, error ? error->message : "?");
  exit (1);
}

static void
apply (Replay *replay, const HatEvent *event)
{
  HatTotals *totals = &replay->totals;
  guint64 old_size = 0;

  if (event->old)
    {
      const HatBlock *old = g_hash_table_lookup (replay->live, &event->old);
      if (old == NULL)
        {
          printf ("block %" G_GUINT64_FORMAT " ends but does not live\n", event->old);
          exit (1);
        }
      old_size = old->size;
      g_hash_table_remove (replay->live, &event->old);
      totals->live_blocks--;
      totals->live_bytes -= old_size;
    }
  if (event->block)
    {
      const HatBlock made = { event->address, event->size, event->block, event->time_ns, event->stack, event->thread };
      HatBlock *block = g_memdup2 (&made, sizeof made);
      g_hash_table_insert (replay->live, &block->id, block);
      totals->live_blocks++;
      totals->live_bytes += event->size;
    }
  totals->allocations += event->kind == HAT_EVENT_ALLOC;
  totals->bytes_allocated += event->kind == HAT_EVENT_ALLOC ? event->size : 0;
  totals->reallocations += event->kind == HAT_EVENT_REALLOC;
  totals->realloc_delta_bytes += event->kind == HAT_EVENT_REALLOC ? event->size - old_size : 0;
  totals->frees += event->kind == HAT_EVENT_FREE || event->kind == HAT_EVENT_UNKNOWN_FREE;
  totals->bytes_freed += event->kind == HAT_EVENT_FREE || event->kind == HAT_EVENT_MISSED_FREE ? old_size : 0;
  totals->temporary += event->kind == HAT_EVENT_FREE && event->temporary;
  totals->unknown_frees += event->kind == HAT_EVENT_UNKNOWN_FREE;
  totals->missed_frees += event->kind == HAT_EVENT_MISSED_FREE;
  totals->peak_bytes = MAX (totals->peak_bytes, totals->live_bytes);
}

static void
compare_live (HatHeap *heap, Replay *replay, gint64 time)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatLive) live = hat_heap_live (heap, time, NULL, &error);
  const guint process = hat_heap_process (heap);

  if (live == NULL)
    give_up ("hat_heap_live", error);
  if (live->n != replay->totals.live_blocks)
    fail ("live blocks", process, time, live->n, replay->totals.live_blocks);
  if (live->bytes != replay->totals.live_bytes)
    fail ("live bytes", process, time, live->bytes, replay->totals.live_bytes);
  for (guint64 i = 0; i < live->n; i++)
    {
      const HatBlock *a = &live->blocks[i], *b = g_hash_table_lookup (replay->live, &a->id);
      if (b == NULL || a->address != b->address || a->size != b->size || a->stack != b->stack || a->thread != b->thread
          || a->birth_ns != b->birth_ns)
        fail ("a live block", process, time, a->id, b ? b->id : 0);
    }
}

static void
compare_totals (HatHeap *heap, const HatTotals *expected)
{
  const HatTotals *totals = &hat_heap_summary (heap)->totals;
  const guint process = hat_heap_process (heap);
#define COMPARE(field)                                                                                                             \
  if (totals->field != expected->field)                                                                                            \
    fail (#field, process, hat_heap_end (heap), totals->field, expected->field)
  COMPARE (allocations);
  COMPARE (frees);
  COMPARE (reallocations);
  COMPARE (bytes_allocated);
  COMPARE (bytes_freed);
  COMPARE (realloc_delta_bytes);
  COMPARE (live_blocks);
  COMPARE (live_bytes);
  COMPARE (peak_bytes);
  COMPARE (temporary);
  COMPARE (unknown_frees);
  COMPARE (missed_frees);
#undef COMPARE
}

/* What a child starts with: the parent's live set after so many events. */
static void replay_events (HatTrace *trace, guint process, Replay *replay, guint64 n_events, HatHeap *heap, const guint64 *instants);

static void
replay_start (HatTrace *trace, guint process, Replay *replay)
{
  const HatProcess *info = hat_trace_process (trace, process);

  *replay = (Replay) { .live = g_hash_table_new_full (hash_id, g_int64_equal, NULL, g_free) };
  if (!info->is_fork)
    return;
  replay_start (trace, info->parent, replay);
  replay_events (trace, info->parent, replay, info->fork_event, NULL, NULL);
  replay->totals = (HatTotals) {
    .live_blocks = replay->totals.live_blocks,
    .live_bytes = replay->totals.live_bytes,
    .peak_bytes = replay->totals.live_bytes,
  };
}

/* With a heap: compares after `instants` events (sorted). */
static void
replay_events (HatTrace *trace, guint process, Replay *replay, guint64 n_events, HatHeap *heap, const guint64 *instants)
{
  g_autoptr (GError) error = NULL;
  g_autofree HatEvent *events = g_new (HatEvent, HAT_CHUNK_EVENTS);
  guint n_chunks, next = 0;
  const HatChunk *chunks = hat_trace_chunks (trace, process, &n_chunks);
  guint64 done = 0;

  for (guint c = 0; c < n_chunks && done < n_events; c++)
    {
      if (!hat_trace_decode_chunk (trace, process, c, events, &error))
        give_up ("hat_trace_decode_chunk", error);
      for (guint i = 0; i < chunks[c].n_events && done < n_events; i++)
        {
          apply (replay, &events[i]);
          done++;
          for (; heap && next < N_INSTANTS && instants[next] == done; next++)
            compare_live (heap, replay, events[i].time_ns);
        }
    }
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  const guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;
  return x < y ? -1 : x > y;
}

static guint64
check_process (HatTrace *trace, guint process, GRand *random)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatHeap) heap = hat_heap_new (trace, process, NULL, &error);
  guint64 instants[N_INSTANTS];
  guint n_chunks;
  Replay replay;

  if (heap == NULL)
    give_up ("hat_heap_new", error);
  const HatChunk *chunks = hat_trace_chunks (trace, process, &n_chunks);
  const guint64 n = n_chunks > 0 ? chunks[n_chunks - 1].first_event + chunks[n_chunks - 1].n_events : 0;
  for (guint i = 0; i < N_INSTANTS; i++)
    instants[i] = n > 0 ? 1 + (guint64) (g_rand_double (random) * (n - 1)) : 0;
  qsort (instants, N_INSTANTS, sizeof (guint64), compare_numbers);

  replay_start (trace, process, &replay);
  replay_events (trace, process, &replay, n, heap, instants);
  compare_live (heap, &replay, hat_heap_end (heap));
  compare_totals (heap, &replay.totals);
  g_hash_table_unref (replay.live);
  return n;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc != 2)
    {
      fprintf (stderr, "usage: replay-check TRACE\n");
      return 2;
    }
  g_autoptr (HatTrace) trace = hat_trace_open (argv[1], NULL, &error);
  if (trace == NULL)
    give_up ("hat_trace_open", error);
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  for (guint process = 0; process < hat_trace_n_processes (trace); process++)
    {
      const guint64 n = check_process (trace, process, random);
      printf ("process %u: %" G_GUINT64_FORMAT " events, %u instants: ok\n", process, n, N_INSTANTS);
    }
  return 0;
}
