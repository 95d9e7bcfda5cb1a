/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's parts on invented input: words of a ring, honest and hostile; events of several threads with clocks that disagree;
 * /proc/PID/maps. What a stream writes is read back from the trace. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/record/decode.h"
#include "core/record/sample.h"
#include "core/record/stream.h"

/* ---- a trace to write to ---- */

typedef struct
{
  char *path;
  HatTraceWriter *writer;
} Fixture;

static Fixture
fixture_new (void)
{
  Fixture fixture = {};
  g_autoptr (GError) error = NULL;
  const int fd = g_file_open_tmp ("test-record-XXXXXX.heapatlas", &fixture.path, &error);
  g_assert_no_error (error);
  close (fd);
  fixture.writer = hat_trace_writer_new (fixture.path, -1, 0, &error);
  g_assert_no_error (error);
  return fixture;
}

static guint
add_process (Fixture *fixture, const HatStreamState *state)
{
  const char *const argv[] = { "invented", NULL };
  const HatProcess process = { .pid = 42, .parent = state ? 0 : -1, .is_fork = state != NULL, .exe = "/invented", .argv = argv,
                               .provider = "", .end_ns = -1, .exit_status = -1, .first_block = state ? state->next_block : 1,
                               .fork_event = state ? state->n_events : 0,
                               .inherited_blocks = state ? hat_live_set_n_blocks (state->live) : 0,
                               .inherited_bytes = state ? hat_live_set_n_bytes (state->live) : 0, .disarmed_ns = -1 };
  return hat_trace_writer_add_process (fixture->writer, &process);
}

static HatTrace *
fixture_close (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (hat_trace_writer_finish (fixture->writer, G_GINT64_CONSTANT (10000000000), &error));
  g_assert_no_error (error);
  hat_trace_writer_free (fixture->writer);
  HatTrace *trace = hat_trace_open (fixture->path, NULL, &error);
  g_assert_no_error (error);
  unlink (fixture->path);
  g_free (fixture->path);
  return trace;
}

static GArray *
read_events (HatTrace *trace, guint process)
{
  GArray *events = g_array_new (FALSE, FALSE, sizeof (HatEvent));
  g_autofree HatEvent *chunk = g_new (HatEvent, HAT_CHUNK_EVENTS);
  g_autoptr (GError) error = NULL;
  guint n;
  const HatChunk *chunks = hat_trace_chunks (trace, process, &n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (hat_trace_decode_chunk (trace, process, i, chunk, &error));
      g_array_append_vals (events, chunk, chunks[i].n_events);
    }
  return events;
}

/* ---- several threads, invented ---- */

#define N_THREADS 5u
#define N_ADDRESSES 60u
#define N_STEPS 40000u

typedef struct
{
  HatRawEvent raw;
  guint thread;
} Stamped;

/* A heap that really executes what the threads do, one step at a time, and writes down what each would say and when by its own clock. */
typedef struct
{
  guint32 clock_error, clock_step; /* in ticks: how far clocks disagree, how coarse they are */
  gboolean has_roles; /* the first threads only make blocks, the others only free them */
  gboolean has_moves; /* threads reallocate */
  guint64 step, next_size;
  guint64 size[N_ADDRESSES]; /* 0 = free */
  guint recent[N_ADDRESSES]; /* addresses that were freed, the last one on top: it is handed out again first */
  guint n_recent;
  guint64 last_stamp[N_THREADS];
  gint old[N_THREADS], moved[N_THREADS]; /* a reallocation under way: from, to; -1 = none */
  guint64 moved_size[N_THREADS], began[N_THREADS];
  gboolean is_handed[N_ADDRESSES]; /* being reallocated: nobody else touches it */
  GArray *batch; /* Stamped, in the order of publication */
  GArray *said;  /* Stamped, all of them */
} Heap;

static guint64
address_of (gint index)
{
  return 0x10000 + index * 32ull;
}

static guint64
coarse (Heap *heap, guint64 ticks)
{
  return ticks / heap->clock_step * heap->clock_step;
}

static guint64
stamp (Heap *heap, guint thread)
{
  const guint64 ticks = coarse (heap, 1000000 + heap->step + g_test_rand_int_range (0, heap->clock_error + 1));
  return heap->last_stamp[thread] = MAX (ticks, heap->last_stamp[thread]);
}

static void
say (Heap *heap, guint thread, HatRawKind kind, guint64 ticks, gint address, gint old, guint64 size)
{
  const Stamped stamped = { { .ticks = ticks, .old_ticks = heap->began[thread], .kind = kind, .address = address_of (address), .old = old < 0 ? 0 : address_of (old),
                              .number = size, .stack = kind == HAT_RAW_FREE ? HAT_STACK_NONE : HAT_STACK_TRUNCATED }, thread };
  g_array_append_val (heap->batch, stamped);
  if (kind != HAT_RAW_MOVING)
    g_array_append_val (heap->said, stamped);
}

static void
release (Heap *heap, gint address)
{
  heap->size[address] = 0;
  heap->recent[heap->n_recent++] = address;
}

static gint
random_live (Heap *heap)
{
  for (guint attempt = 0; attempt < 20; attempt++)
    {
      const gint address = g_test_rand_int_range (0, N_ADDRESSES);
      if (heap->size[address] && !heap->is_handed[address])
        return address;
    }
  return -1;
}

static void
heap_step (Heap *heap)
{
  const guint thread = g_test_rand_int_range (0, N_THREADS), choice = g_test_rand_int_range (0, 10);
  gint address;

  heap->step++;
  if (heap->old[thread] >= 0 && heap->moved[thread] < 0) /* the real work of the reallocation: old out, new in */
    {
      const gint old = heap->old[thread];
      heap->moved[thread] = heap->n_recent && g_test_rand_bit () ? (gint) heap->recent[--heap->n_recent] : old;
      heap->is_handed[old] = FALSE;
      if (heap->moved[thread] != old)
        release (heap, old);
      heap->size[heap->moved[thread]] = heap->moved_size[thread] = heap->next_size++;
      heap->is_handed[heap->moved[thread]] = TRUE;
      return;
    }
  if (heap->old[thread] >= 0)
    {
      say (heap, thread, HAT_RAW_REALLOC, stamp (heap, thread), heap->moved[thread], heap->old[thread], heap->moved_size[thread]);
      heap->is_handed[heap->moved[thread]] = FALSE;
      heap->old[thread] = heap->moved[thread] = -1;
      return;
    }
  const gboolean may_make = !heap->has_roles || thread < N_THREADS / 2, may_free = !heap->has_roles || !may_make;
  if (choice < 5 && heap->n_recent > 0 && may_make)
    {
      address = heap->recent[--heap->n_recent];
      heap->size[address] = heap->next_size++;
      say (heap, thread, HAT_RAW_ALLOC, stamp (heap, thread), address, -1, heap->size[address]);
    }
  else if ((address = random_live (heap)) >= 0)
    {
      if (choice < 9 && may_free)
        {
          say (heap, thread, HAT_RAW_FREE, stamp (heap, thread), address, -1, 0);
          release (heap, address);
        }
      else if (choice >= 9 && heap->has_moves)
        {
          heap->old[thread] = address;
          heap->began[thread] = stamp (heap, thread);
          heap->is_handed[address] = TRUE;
          say (heap, thread, HAT_RAW_MOVING, heap->began[thread], address, address, 0);
        }
    }
}

static int
compare_stamped (gconstpointer a, gconstpointer b)
{
  const Stamped *x = a, *y = b;
  if (x->raw.ticks != y->raw.ticks)
    return x->raw.ticks < y->raw.ticks ? -1 : 1;
  return (gint) x->thread - (gint) y->thread;
}

/* What threads say, as rings merged by time hand it over: sorted by stamp, and of one stamp thread by thread, each thread's in its own order
 * (g_array_sort is stable). */
static void
drain (Heap *heap, HatStream *stream, HatStreamThread *threads)
{
  g_array_sort (heap->batch, compare_stamped);
  for (guint i = 0; i < heap->batch->len; i++)
    {
      const Stamped *stamped = &g_array_index (heap->batch, Stamped, i);
      if (stamped->raw.kind == HAT_RAW_MOVING)
        hat_stream_begin_move (stream, &threads[stamped->thread], &stamped->raw);
      else
        hat_stream_add (stream, &threads[stamped->thread], &stamped->raw, stamped->raw.ticks * 25);
    }
  g_array_set_size (heap->batch, 0);
  hat_stream_tick (stream, heap->step * 75000, heap->has_moves ? 0 : coarse (heap, 1000000 + heap->step));
}

/* The next thing that the thread said about the address; of births or deaths only, if those may change places. */
static const HatRawEvent *
next_said (Heap *heap, guint *next, guint thread, guint64 address, gboolean is_free)
{
  const gboolean has_ties = heap->clock_step > 1;
  guint *at = &next[(thread * N_ADDRESSES + (address - address_of (0)) / 32) * 2 + (has_ties && is_free)];

  for (; *at < heap->said->len; ++*at)
    {
      const Stamped *stamped = &g_array_index (heap->said, Stamped, *at);
      if (stamped->thread == thread && stamped->raw.address == address
          && (!has_ties || is_free == (stamped->raw.kind == HAT_RAW_FREE)))
        return &g_array_index (heap->said, Stamped, (*at)++).raw;
    }
  g_assert_not_reached ();
}

/* What was written must be what each thread said, at each address in its order, and consistent. */
static void
check_events (Heap *heap, GArray *events, gboolean pairs_are_exact)
{
  g_autoptr (GArray) blocks = g_array_new (FALSE, TRUE, sizeof (HatEvent)); /* by id */
  guint next[N_THREADS * N_ADDRESSES * 2] = {}, n_live = 0, n_truly_live = 0;

  g_array_set_size (blocks, 1);
  g_assert_cmpuint (events->len, ==, heap->said->len);
  for (guint i = 0; i < events->len; i++)
    {
      const HatEvent *event = &g_array_index (events, HatEvent, i);
      HatEvent *old = event->old ? &g_array_index (blocks, HatEvent, event->old) : NULL;
      const gboolean is_free = event->kind == HAT_EVENT_FREE;
      const HatRawEvent *said = next_said (heap, next, event->thread, is_free ? old->address : event->address, is_free);

      if (old)
        {
          g_assert_cmpuint (old->block, ==, event->old);
          g_assert_cmpuint (old->address, ==, event->kind == HAT_EVENT_FREE ? said->address : said->old);
          old->block = 0;
          n_live--;
        }
      if (event->kind == HAT_EVENT_FREE)
        {
          g_assert_cmpint (said->kind, ==, HAT_RAW_FREE);
          continue;
        }
      g_assert_cmpint (event->kind, ==, said->kind == HAT_RAW_ALLOC ? HAT_EVENT_ALLOC : HAT_EVENT_REALLOC);
      g_assert_cmpuint (event->size, ==, said->number);
      g_assert_cmpuint (event->block, ==, blocks->len);
      g_array_append_val (blocks, *event);
      n_live++;
    }
  for (guint i = 0; i < N_ADDRESSES; i++)
    n_truly_live += heap->size[i] != 0;
  g_assert_cmpuint (n_live, ==, n_truly_live);
  if (!pairs_are_exact)
    return;
  for (guint i = 1; i < blocks->len; i++)
    {
      const HatEvent *block = &g_array_index (blocks, HatEvent, i);
      if (block->block)
        g_assert_cmpuint (block->size, ==, heap->size[(block->address - address_of (0)) / 32]);
    }
}

static void
run_threads (guint clock_error, guint clock_step, gboolean has_roles, gboolean has_moves)
{
  Fixture fixture = fixture_new ();
  HatStreamThread threads[N_THREADS] = {};
  Heap heap = { .clock_error = clock_error, .clock_step = clock_step, .has_roles = has_roles, .has_moves = has_moves, .next_size = 1 };
  HatStream *stream = hat_stream_new (fixture.writer, add_process (&fixture, NULL), NULL);

  heap.batch = g_array_new (FALSE, FALSE, sizeof (Stamped));
  heap.said = g_array_new (FALSE, FALSE, sizeof (Stamped));
  for (guint i = 0; i < N_THREADS; i++)
    {
      threads[i].index = hat_trace_writer_add_thread (fixture.writer, 0, 100 + i, "thread");
      heap.old[i] = heap.moved[i] = -1;
    }
  for (guint i = 0; i < N_ADDRESSES; i++)
    heap.recent[heap.n_recent++] = i;

  for (guint i = 0; i < N_STEPS; i++)
    {
      heap_step (&heap);
      if (g_test_rand_int_range (0, 50) == 0)
        drain (&heap, stream, threads);
    }
  for (gboolean is_busy = TRUE; is_busy;) /* let every reallocation come to its end */
    {
      is_busy = FALSE;
      for (guint i = 0; i < N_THREADS; i++)
        is_busy |= heap.old[i] >= 0;
      heap_step (&heap);
    }
  drain (&heap, stream, threads);
  hat_stream_settle_all (stream);

  g_assert_cmpuint (hat_stream_totals (stream)->unknown_frees, ==, 0);
  g_assert_cmpuint (hat_stream_totals (stream)->missed_frees, ==, 0);
  hat_stream_free (stream);
  g_autoptr (HatTrace) trace = fixture_close (&fixture);
  g_autoptr (GArray) events = read_events (trace, 0);
  check_events (&heap, events, has_moves);
  g_array_unref (heap.batch);
  g_array_unref (heap.said);
}

static void
test_good_clocks (void)
{
  run_threads (0, 1, FALSE, TRUE);
}

/* Producers and consumers: whatever the clocks say, the addresses tell the order. */
static void
test_disagreeing_clocks (void)
{
  run_threads (4, 1, TRUE, FALSE);
}

static void
test_coarse_clocks (void)
{
  run_threads (0, 400, TRUE, FALSE);
  run_threads (0, 400, FALSE, FALSE);
}

/* A reallocation that waits for another one must not let pass what came after it, however close in time. */
static void
test_waiting_reallocations (void)
{
  enum { X = 0x100, Y = 0x200, Z = 0x300 };
  const struct
  {
    guint thread;
    HatRawEvent raw;
  } said[] = {
    { 0, { .ticks = 1, .kind = HAT_RAW_ALLOC, .address = X, .number = 1 } },
    { 0, { .ticks = 2, .kind = HAT_RAW_ALLOC, .address = Y, .number = 2 } },
    { 1, { .ticks = 100, .kind = HAT_RAW_MOVING, .old = Y } },
    { 2, { .ticks = 101, .kind = HAT_RAW_MOVING, .old = X } },
    { 3, { .ticks = 102, .kind = HAT_RAW_ALLOC, .address = X, .number = 3 } },
    { 2, { .ticks = 103, .old_ticks = 101, .kind = HAT_RAW_REALLOC, .old = X, .address = Y, .number = 4 } },
    { 4, { .ticks = 104, .kind = HAT_RAW_FREE, .address = X } }, /* of size 3, not 1 */
    { 2, { .ticks = 105, .kind = HAT_RAW_FREE, .address = Y } }, /* of size 4, not 2 */
    { 1, { .ticks = 106, .old_ticks = 100, .kind = HAT_RAW_REALLOC, .old = Y, .address = Z, .number = 5 } },

    { 1, { .ticks = 200, .kind = HAT_RAW_MOVING, .old = Z } },
    { 3, { .ticks = 201, .kind = HAT_RAW_ALLOC, .address = Z, .number = 6 } },
    { 2, { .ticks = 202, .kind = HAT_RAW_MOVING, .old = Z } },
    { 2, { .ticks = 203, .old_ticks = 202, .kind = HAT_RAW_REALLOC, .old = Z, .address = X, .number = 7 } },
    { 2, { .ticks = 204, .kind = HAT_RAW_FREE, .address = X } },
    { 4, { .ticks = 205, .kind = HAT_RAW_ALLOC, .address = X, .number = 8 } }, /* after that, though nothing is there yet */
    { 1, { .ticks = 206, .old_ticks = 200, .kind = HAT_RAW_REALLOC, .old = Z, .address = Y, .number = 9 } },
  };
  Fixture fixture = fixture_new ();
  HatStream *stream = hat_stream_new (fixture.writer, add_process (&fixture, NULL), NULL);
  HatStreamThread threads[5];
  guint64 ended = 0; /* sizes of those that did, in decimal digits */

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = (HatStreamThread) { hat_trace_writer_add_thread (fixture.writer, 0, 1 + i, NULL) };
  for (guint i = 0; i < G_N_ELEMENTS (said); i++)
    {
      HatRawEvent raw = said[i].raw;
      raw.stack = HAT_STACK_NONE;
      if (raw.kind == HAT_RAW_MOVING)
        hat_stream_begin_move (stream, &threads[said[i].thread], &raw);
      else
        hat_stream_add (stream, &threads[said[i].thread], &raw, raw.ticks);
    }
  g_assert_cmpuint (hat_stream_n_parked (stream), ==, 0);
  g_assert_cmpuint (hat_stream_totals (stream)->live_bytes, ==, 8 + 9);
  hat_stream_free (stream);
  g_autoptr (HatTrace) trace = fixture_close (&fixture);
  g_autoptr (GArray) events = read_events (trace, 0);
  guint64 sizes[10] = {};
  for (guint i = 0; i < events->len; i++)
    {
      const HatEvent *event = &g_array_index (events, HatEvent, i);
      if (event->kind == HAT_EVENT_ALLOC || event->kind == HAT_EVENT_REALLOC)
        sizes[event->block] = event->size;
      if (event->old)
        ended = ended * 10 + sizes[event->old];
    }
  g_assert_cmpuint (ended, ==, 2134567);
}

/* Many at once or one at a time: the same events and totals. Some have to be taken one at a time, or have to wait. */
static void
test_plain_events (void)
{
  enum
  {
    N = 100000,
    N_PLACES = 500,
    MOST = 50,
    /* without what is only padding */
    USED = offsetof (HatEvent, temporary) + 1,
    SITE = sizeof (HatSite) - offsetof (HatSite, allocations),
  };
  Fixture fixture = fixture_new ();
  const HatClock clock = { .rate = 25 << 24 };
  const gint64 now_ns = (gint64) N * 20; /* earlier than some of the stamps say */
  g_autofree HatRawEvent *said = g_new0 (HatRawEvent, N);
  HatStream *streams[2];
  HatStreamThread threads[2];
  HatStackId stacks[7];
  gboolean is_live[N_PLACES] = {};
  guint64 n_plain = 0;

  for (guint i = 0; i < 2; i++)
    {
      const guint process = add_process (&fixture, NULL);
      streams[i] = hat_stream_new (fixture.writer, process, NULL);
      threads[i] = (HatStreamThread) { hat_trace_writer_add_thread (fixture.writer, process, 1, NULL) };
    }
  for (guint i = 0; i < G_N_ELEMENTS (stacks); i++)
    {
      const HatFrameId frame = hat_trace_writer_add_frame (fixture.writer, &(HatFrame){ .module = G_MAXUINT32, .offset = i });
      stacks[i] = hat_trace_writer_add_stack (fixture.writer, HAT_STACK_NONE, frame);
    }
  for (guint i = 0; i < N; i++)
    {
      const guint place = (guint) g_test_rand_int_range (0, N_PLACES), odd = (guint) g_test_rand_int_range (0, 100);
      const gboolean is_free = odd == 0 ? !is_live[place] : is_live[place];
      said[i] = (HatRawEvent) { .ticks = (guint64) i + odd % 3, .old_ticks = i, .address = 0x1000 + place * 16, .old = 0x1000 + place * 16,
                                .number = odd, .stack = !is_free || odd == 1 ? stacks[place % G_N_ELEMENTS (stacks)] : HAT_STACK_NONE,
                                .kind = !is_free ? HAT_RAW_ALLOC : odd == 2 ? HAT_RAW_REALLOC : HAT_RAW_FREE };
      is_live[place] = said[i].kind != HAT_RAW_FREE;
    }
  for (guint i = 0; i < N;)
    {
      const guint end = MIN (i + (guint) g_test_rand_int_range (1, MOST), N);
      const guint64 limit = g_test_rand_bit () ? G_MAXUINT64 : said[i].ticks;
      while (i < end)
        {
          const guint n = hat_stream_add_plain (streams[1], &threads[1], &said[i], end - i, limit, &clock, now_ns);
          for (const guint stop = i + MAX (n, 1); i < stop; i++)
            {
              const gint64 time_ns = MIN (hat_clock_ns (&clock, said[i].ticks), now_ns);
              hat_stream_add (streams[0], &threads[0], &said[i], time_ns);
              if (n == 0)
                hat_stream_add (streams[1], &threads[1], &said[i], time_ns);
            }
          n_plain += n;
        }
      for (guint k = 0; k < 2; k++)
        hat_stream_settle_all (streams[k]);
    }
  g_assert_cmpuint (n_plain, >, N / 4);
  for (guint k = 0; k < 2; k++)
    g_assert_cmpuint (hat_stream_totals (streams[k])->missed_frees, >, 0);
  g_assert_cmpmem (hat_stream_totals (streams[0]), sizeof (HatTotals), hat_stream_totals (streams[1]), sizeof (HatTotals));
  const HatSummary *by_one = hat_account_summary (hat_stream_account (streams[0])), *by_many = hat_account_summary (hat_stream_account (streams[1]));
  g_assert_cmpuint (by_one->n_sites, ==, by_many->n_sites);
  for (guint i = 0; i < by_one->n_sites; i++)
    {
      const HatSite *a = &by_one->sites[i], *b = &by_many->sites[i];
      g_assert_cmpuint (a->stack, ==, b->stack);
      g_assert_cmpmem (&a->allocations, SITE, &b->allocations, SITE);
    }
  for (guint k = 0; k < 2; k++)
    hat_stream_free (streams[k]);

  g_autoptr (HatTrace) trace = fixture_close (&fixture);
  g_autoptr (GArray) one = read_events (trace, 0), many = read_events (trace, 1);
  g_assert_cmpuint (one->len, ==, many->len);
  for (guint i = 0; i < one->len; i++)
    g_assert_cmpmem (&g_array_index (one, HatEvent, i), USED, &g_array_index (many, HatEvent, i), USED);
}

/* ---- what never comes ---- */

static void
test_missed_and_unknown (gconstpointer data)
{
  Fixture fixture = fixture_new ();
  HatStream *stream = hat_stream_new (fixture.writer, add_process (&fixture, NULL), NULL);
  HatStreamThread thread = { hat_trace_writer_add_thread (fixture.writer, 0, 1, NULL) };
  const HatRawEvent said[] = {
    { .ticks = 1, .kind = HAT_RAW_ALLOC, .address = 0x100, .number = 10 },
    { .ticks = 2, .kind = HAT_RAW_ALLOC, .address = 0x100, .number = 20 }, /* its free was missed */
    { .ticks = 3, .kind = HAT_RAW_FREE, .address = 0x200 },                /* never allocated */
    { .ticks = 4, .kind = HAT_RAW_REALLOC, .old = 0x300, .address = 0x400, .number = 30 },
    { .ticks = 5, .kind = HAT_RAW_FREE, .address = 0x100 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (said); i++)
    hat_stream_add (stream, &thread, &said[i], said[i].ticks);
  g_assert_cmpuint (hat_stream_n_events (stream), ==, 1);
  hat_stream_tick (stream, HAT_STREAM_PATIENCE_NS - 1, 0);
  g_assert_cmpuint (hat_stream_n_events (stream), ==, 1);
  if (GPOINTER_TO_INT (data)) /* every thread has spoken of later things */
    hat_stream_tick (stream, HAT_STREAM_PATIENCE_NS, 1000000);
  else
    hat_stream_tick (stream, HAT_STREAM_PATIENCE_NS + 1, 0);
  const HatTotals *totals = hat_stream_totals (stream);
  g_assert_cmpuint (totals->missed_frees, ==, 1);
  g_assert_cmpuint (totals->unknown_frees, ==, 2);
  g_assert_cmpuint (totals->allocations, ==, 3);
  g_assert_cmpuint (totals->live_blocks, ==, 1);
  g_assert_cmpuint (totals->live_bytes, ==, 30);
  hat_stream_free (stream);
  g_autoptr (HatTrace) trace = fixture_close (&fixture);
}

static void
test_fork (void)
{
  Fixture fixture = fixture_new ();
  HatStream *parent = hat_stream_new (fixture.writer, add_process (&fixture, NULL), NULL);
  HatStreamThread a = { hat_trace_writer_add_thread (fixture.writer, 0, 1, NULL) };

  for (guint i = 0; i < 100; i++)
    hat_stream_add (parent, &a, &(HatRawEvent) { .kind = HAT_RAW_ALLOC, .address = 0x1000 + i * 16, .number = 16 }, i);
  HatStreamState state = hat_stream_fork (parent);
  g_assert_cmpuint (state.next_block, ==, 101);
  g_assert_cmpuint (state.n_events, ==, 100);
  const guint process = add_process (&fixture, &state);
  HatStream *child = hat_stream_new (fixture.writer, process, &state);
  HatStreamThread b = { hat_trace_writer_add_thread (fixture.writer, process, 2, NULL) };
  hat_stream_state_clear (&state);

  for (guint i = 0; i < 100; i++) /* each ends what is the same block to it */
    {
      if (i % 2)
        hat_stream_add (parent, &a, &(HatRawEvent) { .kind = HAT_RAW_FREE, .address = 0x1000 + i * 16 }, 200 + i);
      hat_stream_add (child, &b, &(HatRawEvent) { .kind = HAT_RAW_FREE, .address = 0x1000 + i * 16 }, 200 + i);
    }
  hat_stream_add (child, &b, &(HatRawEvent) { .kind = HAT_RAW_ALLOC, .address = 0x1000, .number = 7 }, 400);
  g_assert_cmpuint (hat_stream_totals (parent)->live_blocks, ==, 50);
  g_assert_cmpuint (hat_stream_totals (child)->live_blocks, ==, 1);
  g_assert_cmpuint (hat_stream_totals (child)->inherited_blocks, ==, 100);
  g_assert_cmpuint (hat_stream_totals (child)->inherited_bytes, ==, 1600);
  g_assert_cmpuint (hat_account_summary (hat_stream_account (child))->n_sites, ==, 1);
  hat_stream_free (parent);
  hat_stream_free (child);

  g_autoptr (HatTrace) trace = fixture_close (&fixture);
  g_autoptr (GArray) events = read_events (trace, process);
  g_assert_cmpuint (events->len, ==, 101);
  g_assert_cmpuint (g_array_index (events, HatEvent, 0).old, ==, 1);
  g_assert_cmpuint (g_array_index (events, HatEvent, 100).block, ==, 101);
}

/* ---- words ---- */

typedef struct
{
  Fixture fixture;
  guint64 *words;
  guint64 *ips;
  guint32 n_ips;
  HatDecoder decoder;
} Ring;

static void
ring_open (Ring *ring)
{
  *ring = (Ring) { .fixture = fixture_new (), .words = g_new0 (guint64, HAT_WIRE_RING_WORDS), .ips = g_new0 (guint64, HAT_WIRE_MAX_IPS) };
  ring->decoder = (HatDecoder) { .words = ring->words, .stacks = hat_stacks_new (ring->fixture.writer, ring->ips),
                                 .modules = hat_modules_new ("/program"), .n_ips = &ring->n_ips };
}

static void
ring_close (Ring *ring)
{
  hat_decoder_clear (&ring->decoder);
  hat_stacks_free (ring->decoder.stacks);
  hat_modules_free (ring->decoder.modules);
  hat_trace_writer_free (ring->fixture.writer);
  unlink (ring->fixture.path);
  g_free (ring->fixture.path);
  g_free (ring->words);
  g_free (ring->ips);
}

static guint
put_honest_words (Ring *ring, guint64 first)
{
  guint n = 0;
  const char path[16] = "/lib/x.so";
  HatWireModule module = { .start = 0x400000, .end = 0x500000, .bias = 0x400000, .name_bytes = strlen (path) };
#define PUT(word) ring->words[(first + n++) & (HAT_WIRE_RING_WORDS - 1)] = (word)
  ring->ips[0] = 0x400100;
  ring->ips[1] = 0x400200 | HAT_WIRE_IP_EXACT;
  ring->n_ips = 2;
  PUT ((guint64) (sizeof module / 8 + 2) << 4 | HAT_WIRE_MODULE);
  for (guint i = 0; i < sizeof module / 8; i++)
    {
      guint64 word;
      memcpy (&word, (const guint8 *) &module + i * 8, 8);
      PUT (word);
    }
  for (guint i = 0; i < 2; i++)
    {
      guint64 word;
      memcpy (&word, path + i * 8, 8);
      PUT (word);
    }
  PUT (1000ull << 4 | HAT_WIRE_TIME);
  PUT (0ull << 28 | HAT_WIRE_NODE_ROOT << 4 | HAT_WIRE_NODE);                         /* node 2 */
  PUT (1ull << 28 | 2 << 4 | HAT_WIRE_NODE);                                          /* node 3 */
  PUT ((guint64) HAT_WIRE_IP_CUT << 28 | 3 << 4 | HAT_WIRE_NODE);                     /* node 4 */
  PUT (4 << 4 | HAT_WIRE_NODE_IP);                                                    /* node 5 */
  PUT (0x400300);
  PUT ((0x10000ull >> 3) << 20 | 5 << 4 | HAT_WIRE_ALLOC);                            /* at 1005 */
  PUT (77ull << 24 | 3);
  PUT (HAT_WIRE_XADDR);
  PUT (0x7ffffffffff1);
  PUT (HAT_WIRE_XSIZE);
  PUT (1ull << 41);
  PUT (10 << 4 | HAT_WIRE_ALLOC);                                                     /* at 1015 */
  PUT (5);
  PUT ((0x10000ull >> 3) << 20 | 1 << 4 | HAT_WIRE_MOVING);                           /* at 1016 */
  PUT ((0x10000ull >> 3) << 20 | HAT_WIRE_REALLOC);                                   /* 1016 to 1020 */
  PUT (HAT_WIRE_XADDR);
  PUT (0x20001);
  PUT (4 << 4 | HAT_WIRE_REALLOC);
  PUT (99ull << 24 | 2);
  PUT (7 << 4 | HAT_WIRE_FORK);
  PUT (5 << 4 | HAT_WIRE_MARK);
  PUT (2 << 4);
  PUT (0x6f6c6c6568);                                                                 /* "hello" at 1022 */
  PUT (HAT_WIRE_XADDR);
  PUT (0x20001);
  PUT (HAT_WIRE_FREE);
  PUT (5 << 4 | HAT_WIRE_MEMORY);
  PUT (0);
  PUT (0x6f6c6c6568);                                                                 /* "hello" */
  PUT (2 << 4 | HAT_WIRE_MEMORY);
  PUT (0);
  PUT (0x2121);                                                                       /* "!!" */
  PUT (HAT_WIRE_MEMORY);
  PUT (0);
  PUT (HAT_WIRE_NODE_RESET);
  PUT ((0x18ull >> 3) << 20 | HAT_WIRE_FREE_STACK);
  PUT (HAT_WIRE_NODE_TRUNCATED);
#undef PUT
  return n;
}

static void
check_honest_event (HatDecoder *decoder, guint number, const HatRawEvent *event)
{
  const HatRawEvent wanted[] = {
    { .kind = HAT_RAW_ALLOC, .ticks = 1005, .address = 0x10000, .number = 77 },
    { .kind = HAT_RAW_ALLOC, .ticks = 1015, .address = 0x7ffffffffff1, .number = 1ull << 41 },
    { .kind = HAT_RAW_MOVING, .ticks = 1016, .old = 0x10000 },
    { .kind = HAT_RAW_REALLOC, .ticks = 1020, .old = 0x10000, .address = 0x20001, .number = 99 },
    { .kind = HAT_RAW_FORK, .ticks = 1020, .number = 7 },
    { .kind = HAT_RAW_MARK, .ticks = 1022 },
    { .kind = HAT_RAW_FREE, .ticks = 1022, .address = 0x20001 },
    { .kind = HAT_RAW_MEMORY, .ticks = 1022 },
    { .kind = HAT_RAW_FREE, .ticks = 1022, .address = 0x18 },
  };
  g_assert_cmpuint (number, <, G_N_ELEMENTS (wanted));
  g_assert_cmpint (event->kind, ==, wanted[number].kind);
  g_assert_cmpuint (event->ticks, ==, wanted[number].ticks);
  if (event->kind == HAT_RAW_MARK)
    g_assert_cmpstr (decoder->name, ==, "hello");
  if (event->kind == HAT_RAW_MEMORY)
    g_assert_cmpstr (decoder->memory->str, ==, "hello!!");
  if (event->kind == HAT_RAW_MOVING)
    g_assert_cmphex (event->old, ==, 0x10000);
  if (event->kind == HAT_RAW_ALLOC || event->kind == HAT_RAW_REALLOC || event->kind == HAT_RAW_FREE)
    g_assert_cmphex (event->address, ==, wanted[number].address);
  if (event->kind == HAT_RAW_REALLOC)
    {
      g_assert_cmphex (event->old, ==, wanted[number].old);
      g_assert_cmpuint (event->old_ticks, ==, 1016);
    }
  if (event->kind == HAT_RAW_ALLOC || event->kind == HAT_RAW_REALLOC || event->kind == HAT_RAW_FORK)
    g_assert_cmpuint (event->number, ==, wanted[number].number);
  if (number == G_N_ELEMENTS (wanted) - 1)
    g_assert_cmpuint (event->stack, ==, HAT_STACK_TRUNCATED);
}

static HatDecodeResult
read_one (HatDecoder *decoder, guint64 limit, HatRawEvent *event)
{
  guint n;
  const HatDecodeResult result = hat_decoder_read (decoder, limit, event, 1, &n);
  g_assert_cmpuint (n, <=, 1);
  return n == 1 ? HAT_DECODE_EVENT : result;
}

/* Whatever part has been published, however far time has come: the same events. Also across the end of the ring. */
static void
test_words (void)
{
  for (guint64 first = 0; first < HAT_WIRE_RING_WORDS; first += HAT_WIRE_RING_WORDS - 20)
    {
      Ring ring;
      ring_open (&ring);
      HatDecoder *decoder = &ring.decoder;
      const guint n = put_honest_words (&ring, first);
      guint n_events = 0;
      HatRawEvent event;

      decoder->at = first;
      for (decoder->head = first; decoder->head <= first + n; decoder->head++)
        for (guint64 limit = 1000; limit < 1030;)
          switch (read_one (decoder, limit, &event))
            {
            case HAT_DECODE_EVENT:
              g_assert_cmpuint (event.ticks, <=, limit);
              check_honest_event (decoder, n_events++, &event);
              break;
            case HAT_DECODE_LATER:
              g_assert_cmpuint (decoder->next_ticks, >, limit);
              limit++;
              break;
            case HAT_DECODE_EMPTY:
              limit = G_MAXUINT64;
              break;
            case HAT_DECODE_STALLED:
            case HAT_DECODE_BAD:
              g_assert_not_reached ();
            }
      g_assert_cmpuint (n_events, ==, 9);
      g_assert_cmpuint (decoder->at, ==, first + n);
      ring_close (&ring);
    }
}

/* Several at a time: the same, but nothing comes after an event that has left something in the decoder. */
static void
test_many_words (void)
{
  for (guint max = 2; max <= 16; max++)
    {
      Ring ring;
      HatRawEvent events[16];
      guint n_events = 0, n;
      ring_open (&ring);
      ring.decoder.head = put_honest_words (&ring, 0);
      while (hat_decoder_read (&ring.decoder, G_MAXUINT64, events, max, &n) == HAT_DECODE_EVENT || n > 0)
        {
          g_assert_cmpuint (n, <=, max);
          for (guint i = 0; i < n; i++)
            {
              check_honest_event (&ring.decoder, n_events++, &events[i]);
              g_assert_true (events[i].kind < HAT_RAW_FORK || i == n - 1);
            }
        }
      g_assert_cmpuint (n_events, ==, 9);
      ring_close (&ring);
    }
}

/* A module that is announced behind events is found without reading them. */
static void
test_look_ahead (void)
{
  for (guint64 first = 0; first < HAT_WIRE_RING_WORDS; first += HAT_WIRE_RING_WORDS - 20)
    {
      Ring ring;
      HatFrameId frame;
      ring_open (&ring);
      guint64 end = first + put_honest_words (&ring, first);
      ring.decoder.at = first + 9; /* behind its first announcement */
      end += put_honest_words (&ring, end);
      for (guint64 head = ring.decoder.at; head <= end; head++) /* however little is published at a time */
        {
          hat_decoder_look_ahead (&ring.decoder, head);
          g_assert_cmpuint (ring.decoder.looked_at, <=, head);
        }
      g_assert_cmpuint (ring.decoder.looked_at, ==, end);
      g_assert_cmpuint (ring.decoder.at, ==, first + 9);
      g_assert_true (hat_stacks_frame_at (ring.decoder.stacks, ring.decoder.modules, 0, FALSE, &frame));
      ring_close (&ring);
    }
}

/* Each pair of a parent and a frame is one node, whichever of the parent's children it is and however many there are. */
static void
test_nodes (void)
{
  enum { N = 200000, N_FRAMES = 64 };
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL);
  guint n = 2, n_found;
  Ring ring;

  ring_open (&ring);
  HatStacks *stacks = ring.decoder.stacks;
  for (HatFrameId frame = 0; frame < N_FRAMES; frame++)
    g_assert_cmpuint (hat_stacks_frame_in (stacks, G_MAXUINT32, frame, FALSE), ==, frame);
  for (guint i = 0; i < N; i++)
    {
      /* One in two is below the newest, as most are; the others are anywhere. */
      const HatStackId parent = g_test_rand_int () & 1 ? n - 1 : (HatStackId) g_test_rand_int_range (0, (gint) n);
      const HatFrameId frame = (HatFrameId) g_test_rand_int_range (0, N_FRAMES);
      const gpointer key = GUINT_TO_POINTER (parent * N_FRAMES + frame);
      gpointer expected = g_hash_table_lookup (known, key);
      if (expected == NULL)
        g_hash_table_insert (known, key, expected = GUINT_TO_POINTER (n++));
      g_assert_cmpuint (hat_stacks_node (stacks, parent, frame), ==, GPOINTER_TO_UINT (expected));
      g_assert_cmpuint (hat_stacks_node (stacks, parent, HAT_OWN_FRAME), ==, parent);
    }
  g_autofree HatStackNode *nodes = hat_stacks_nodes (stacks, &n_found);
  g_assert_cmpuint (n_found, ==, n);
  for (HatStackId root = 0; root < 2; root++)
    g_assert_cmpuint (nodes[root].parent, ==, root);
  for (HatStackId stack = 2; stack < n; stack++)
    {
      const gpointer key = GUINT_TO_POINTER (nodes[stack].parent * N_FRAMES + nodes[stack].frame);
      g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (known, key)), ==, stack);
      g_assert_cmpuint (hat_stacks_node (stacks, nodes[stack].parent, nodes[stack].frame), ==, stack);
    }
  ring_close (&ring);
}

static void
test_stall (void)
{
  Ring ring;
  HatRawEvent event;

  ring_open (&ring);
  ring.ips[0] = 0x400100;
  ring.n_ips = 1;
  ring.words[0] = HAT_WIRE_NODE;
  ring.words[1] = 1ull << 20 | HAT_WIRE_FREE;
  ring.decoder.head = 2;
  g_assert_cmpint (read_one (&ring.decoder, 10, &event), ==, HAT_DECODE_STALLED);
  g_assert_cmpint (read_one (&ring.decoder, 10, &event), ==, HAT_DECODE_STALLED);
  ring.decoder.must = TRUE;
  g_assert_cmpint (read_one (&ring.decoder, 10, &event), ==, HAT_DECODE_EVENT);
  g_assert_false (ring.decoder.must);
  ring_close (&ring);
}

static void
test_hostile_words (void)
{
  Ring ring;
  guint n_bad = 0;

  ring_open (&ring);
  ring.n_ips = G_MAXUINT32;
  for (guint round = 0; round < 400; round++)
    {
      HatDecoder *decoder = &ring.decoder;
      const guint n = g_test_rand_int_range (1, 3000);
      HatDecodeResult result = HAT_DECODE_EVENT;
      HatRawEvent event;

      hat_decoder_clear (decoder);
      decoder->at = g_test_rand_int ();
      decoder->head = decoder->at + n;
      put_honest_words (&ring, decoder->at);
      ring.n_ips = round % 2 ? G_MAXUINT32 : 2;
      for (guint i = 0; i < n; i++)
        {
          guint64 *word = &ring.words[(decoder->at + i) & (HAT_WIRE_RING_WORDS - 1)];
          const guint64 noise = (guint64) g_test_rand_int () << 32 | g_test_rand_int ();
          if (i >= 60) /* small numbers reach further than any would */
            *word = g_test_rand_bit () ? noise : (noise & 0x3000000ffull) | g_test_rand_int_range (1, 12);
          else if (g_test_rand_int_range (0, 200) == 0)
            *word ^= 1ull << g_test_rand_int_range (0, 64);
        }
      while (result == HAT_DECODE_EVENT || result == HAT_DECODE_STALLED)
        {
          result = read_one (decoder, G_MAXUINT64, &event);
          g_assert_cmpuint (decoder->at, <=, decoder->head);
          decoder->must = result == HAT_DECODE_STALLED;
        }
      g_assert_cmpint (result, !=, HAT_DECODE_LATER);
      n_bad += result == HAT_DECODE_BAD;
    }
  g_assert_cmpuint (n_bad, >, 0);
  ring_close (&ring);
}

/* ---- maps ---- */

static void
test_regions (void)
{
  char maps[] = "555555554000-555555556000 r--p 00000000 fe:00 1 /bin/prog\n"
                "555555556000-555555558000 rw-p 00002000 fe:00 1 /bin/prog\n"
                "555555558000-555555559000 rw-p 00000000 00:00 0 \n"
                "555555560000-555555580000 rw-p 00000000 00:00 0 [heap]\n" /* it grew while this was read */
                "555555560000-555555590000 rw-p 00000000 00:00 0 [heap]\n"
                "555555570000-555555580000 rw-p 00000000 00:00 0 \n"
                "7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0 \n"
                "7ffff0021000-7ffff4000000 ---p 00000000 00:00 0 \n"
                "7ffff5000000-7ffff5001000 ---p 00000000 00:00 0 \n"
                "7ffff5001000-7ffff5801000 rw-p 00000000 00:00 0 \n"
                "7ffff6000000-7ffff6100000 rw-p 00000000 00:00 0 \n"
                "7ffff6200000-7ffff6300000 rw-s 00000000 00:01 7 /memfd:heapatlas (deleted)\n"
                "7ffff6400000-7ffff6410000 r-xp 00000000 fe:00 2 /x/libheapatlas-hook.so\n"
                "7ffff7000000-7ffff6fff000 r-xp 00000000 00:00 0 [nonsense]\n"
                "7ffff7000000-7ffff7001000 r-xp 00000000 00:00 0 [vdso]\n"
                "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n";
  const struct { guint64 start, end; HatRegionKind kind; const char *name; } wanted[] = {
    { 0x555555554000, 0x555555559000, HAT_REGION_LIBRARY, "/bin/prog" },
    { 0x555555560000, 0x555555590000, HAT_REGION_HEAP, "[heap]" },
    { 0x7ffff0000000, 0x7ffff0021000, HAT_REGION_ARENA, "" },
    { 0x7ffff5001000, 0x7ffff5801000, HAT_REGION_STACK, "" },
    { 0x7ffff6000000, 0x7ffff6100000, HAT_REGION_MMAPPED, "" },
    { 0x7ffff7000000, 0x7ffff7001000, HAT_REGION_OTHER, "[vdso]" },
    { 0x7ffffffde000, 0x7ffffffff000, HAT_REGION_STACK, "[stack]" },
  };
  g_autoptr (GArray) regions = g_array_new (FALSE, FALSE, sizeof (HatRegion));

  g_assert_true (hat_sample_regions (maps, regions));
  g_assert_cmpuint (regions->len, ==, G_N_ELEMENTS (wanted));
  for (guint i = 0; i < regions->len; i++)
    {
      const HatRegion *region = &g_array_index (regions, HatRegion, i);
      g_assert_cmphex (region->start, ==, wanted[i].start);
      g_assert_cmphex (region->end, ==, wanted[i].end);
      g_assert_cmpint (region->kind, ==, wanted[i].kind);
      g_assert_cmpstr (region->name, ==, wanted[i].name);
    }
  char others[] = "555555554000-555555556000 r--p 00000000 fe:00 1 /bin/prog\n";
  g_assert_false (hat_sample_regions (others, regions));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stream/good-clocks-give-the-exact-order", test_good_clocks);
  g_test_add_func ("/stream/disagreeing-clocks-lose-nothing", test_disagreeing_clocks);
  g_test_add_func ("/stream/coarse-clocks-lose-nothing", test_coarse_clocks);
  g_test_add_func ("/stream/reallocations-that-wait-hold-their-place", test_waiting_reallocations);
  g_test_add_func ("/stream/many-plain-events-are-as-each-by-itself", test_plain_events);
  g_test_add_data_func ("/stream/patience-has-an-end", GINT_TO_POINTER (FALSE), test_missed_and_unknown);
  g_test_add_data_func ("/stream/no-patience-when-all-have-spoken", GINT_TO_POINTER (TRUE), test_missed_and_unknown);
  g_test_add_func ("/stream/a-child-goes-on-where-its-parent-was", test_fork);
  g_test_add_func ("/decode/words-published-bit-by-bit", test_words);
  g_test_add_func ("/decode/words-published-bit-by-bit-many", test_many_words);
  g_test_add_func ("/stacks/each-node-once", test_nodes);
  g_test_add_func ("/decode/stalls-until-a-module-is-known", test_stall);
  g_test_add_func ("/decode/look-ahead", test_look_ahead);
  g_test_add_func ("/decode/hostile-words-do-no-harm", test_hostile_words);
  g_test_add_func ("/sample/kinds-of-regions", test_regions);
  return g_test_run ();
}
