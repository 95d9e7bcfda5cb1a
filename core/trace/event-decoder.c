/* SPDX-License-Identifier: Apache-2.0 */

/* Columns to events: the mirror of event-encoder.c, over bytes that nobody vouches for. Every count is bounded by the number of
 * events, every index is checked where it is used, every column must be used up exactly. */

#include "core/trace/event-decoder.h"
#include "core/trace/container.h"
#include "core/trace/event-columns.h"
#include "core/trace/span.h"

#include <zstd.h>

#define MAX_TICK (G_MAXINT64 / 4 / HAT_TICK_NS)

/* Events of one thread in a row. */
typedef struct
{
  guint32 thread, end;
} ThreadRun;

/* A stack of a thread. */
typedef struct
{
  HatStackId stack;
  guint32 follower;  /* its number */
  guint64 last_size; /* + 1 */
} Stack;

struct _HatEventDecoder
{
  ZSTD_DCtx *zstd;
  HatBytes unpacked[HAT_N_COLUMNS][HAT_N_PLANES];
  HatColumnReader columns[HAT_N_COLUMNS];
  HatChunk chunk;
  HatEventLimits limits;
  gint64 bound;

  ThreadRun runs[HAT_CHUNK_EVENTS];
  guint8 kinds[HAT_CHUNK_EVENTS], by_thread[HAT_CHUNK_EVENTS]; /* HAT_KIND_* by event */
  guint8 survives[HAT_CHUNK_EVENTS / 8 + 1], is_old[HAT_CHUNK_EVENTS / 8 + 1];

  guint16 living[HAT_CHUNK_EVENTS]; /* transients, by thread */

  /* By block of the chunk. */
  guint8 lives[HAT_CHUNK_EVENTS]; /* a transient, for the time being */
  guint8 known[HAT_CHUNK_EVENTS]; /* seen backwards: its address */
  guint64 size[HAT_CHUNK_EVENTS], address[HAT_CHUNK_EVENTS];

  /* Per survivor, in order. */
  guint32 survivor_stack[HAT_CHUNK_EVENTS]; /* its number, + 1 */
  guint64 survivor_size[HAT_CHUNK_EVENTS];
  guint64 survivor_address[HAT_CHUNK_EVENTS];
  guint32 n_survivors, n_old;

  Stack stacks[HAT_CHUNK_EVENTS]; /* by number */
  HatStackId all_stacks[HAT_CHUNK_EVENTS]; /* of the chunk, in the order in which they were new to it */
  guint32 n_stacks;
  HatStackId last_new;

  HatPile piles[HAT_N_PLACES];
  HatPileRow rows[HAT_N_PLACES];
  guint64 class_address[HAT_N_PLACES];
  GArray *threads; /* HatThreadState */
  HatBlockId last_death;
  HatDeathCode death_code;
};

HatEventDecoder *
hat_event_decoder_new (void)
{
  HatEventDecoder *decoder = g_new0 (HatEventDecoder, 1);
  decoder->zstd = ZSTD_createDCtx ();
  decoder->threads = g_array_new (FALSE, TRUE, sizeof (HatThreadState));
  return decoder;
}

void
hat_event_decoder_free (HatEventDecoder *decoder)
{
  if (decoder == NULL)
    return;
  for (guint i = 0; i < HAT_N_COLUMNS; i++)
    for (guint plane = 0; plane < HAT_N_PLANES; plane++)
      hat_bytes_clear (&decoder->unpacked[i][plane]);
  ZSTD_freeDCtx (decoder->zstd);
  g_array_unref (decoder->threads);
  g_free (decoder);
}

static const char *
unpack_plane (HatEventDecoder *self, HatReader *reader, HatBytes *bytes, const guint8 *data, gsize raw, gsize stored)
{
  *reader = (HatReader){ .at = data, .end = data + stored };
  if (raw == stored)
    return NULL;
  bytes->len = 0;
  hat_bytes_reserve (bytes, raw);
  const gsize got = ZSTD_decompressDCtx (self->zstd, bytes->data, raw, data, stored);
  if (ZSTD_isError (got) || got != raw)
    return "a column of events does not decompress";
  *reader = (HatReader){ .at = bytes->data, .end = bytes->data + raw };
  return NULL;
}

/* Reads the head and unpacks the columns up to `last`. */
static const char *
unpack (HatEventDecoder *self, const guint8 *payload, gsize n_bytes, const HatChunk *chunk, HatEventLimits limits,
        HatColumn last)
{
  HatReader reader = { .at = payload, .end = payload + n_bytes };
  memset (&self->chunk, 0, sizeof (self->chunk));
  hat_chunk_read_head (&reader, &self->chunk);
  self->bound = self->chunk.end_ns + hat_reader_upto (&reader, HAT_TICK_NS);
  if (reader.bad || memcmp (&self->chunk, chunk, sizeof (*chunk)) != 0)
    return "events that are not those of the index";
  self->limits = limits;
  self->n_stacks = 0;
  self->last_new = 0;
  self->last_death = chunk->first_block;

  const guint n_planes = HAT_N_COLUMNS * HAT_N_PLANES;
  gsize raw[HAT_N_COLUMNS * HAT_N_PLANES] = { 0 }, stored[HAT_N_COLUMNS * HAT_N_PLANES] = { 0 };
  const guint64 present = hat_reader_upto (&reader, ((guint64) 1 << n_planes) - 1);
  for (guint i = 0; i < n_planes; i++)
    if (present & (guint64) 1 << i)
      {
        raw[i] = hat_reader_upto (&reader, HAT_PLANE_MAX);
        stored[i] = hat_reader_upto (&reader, raw[i]);
      }
  for (guint i = 0; i < n_planes; i++)
    {
      const guint8 *data = hat_reader_data (&reader, stored[i]);
      if (reader.bad)
        return "columns of events are cut off";
      if (i / HAT_N_PLANES > last)
        continue;
      const char *wrong = unpack_plane (self, &self->columns[i / HAT_N_PLANES].planes[i % HAT_N_PLANES],
                                        &self->unpacked[i / HAT_N_PLANES][i % HAT_N_PLANES], data, raw[i], stored[i]);
      if (wrong)
        return wrong;
    }
  if (hat_reader_left (&reader) != 0)
    return "events are followed by something else";
  return NULL;
}

/* ---- time and thread: runs ---- */

typedef struct
{
  HatColumnReader *ticks;
  guint32 left; /* events after the current runs began */
  gint64 tick, from;
  guint64 step, at; /* 48.16 fixed point */
  guint32 tick_left, tick_run;
  const ThreadRun *threads;
  guint32 thread_left;
} Runs;

static void
runs_init (Runs *runs, HatEventDecoder *self)
{
  *runs = (Runs){ .ticks = &self->columns[HAT_COLUMN_TICKS],
                  .threads = self->runs,
                  .thread_left = self->runs[0].end,
                  .left = self->chunk.n_events,
                  .tick = self->chunk.start_ns / HAT_TICK_NS - 1,
                  .from = self->chunk.start_ns };
}

/* The next run of events in one tick. FALSE if it makes no sense. */
static gboolean
runs_next_tick (Runs *runs, HatEventDecoder *self)
{
  const gboolean first = runs->left == self->chunk.n_events;
  runs->tick += 1 + (gint64) hat_column_get_upto (runs->ticks, first ? 0 : MAX_TICK);
  runs->tick_left = hat_column_get_upto (runs->ticks, runs->left);
  if (runs->tick_left == 0 || runs->tick > MAX_TICK)
    return FALSE;
  runs->from = first ? self->chunk.start_ns : runs->tick * HAT_TICK_NS;
  const gint64 end = (runs->tick + 1) * HAT_TICK_NS;
  runs->left -= runs->tick_left;
  const gint64 bound = runs->left == 0 ? self->bound : end;
  if (bound > end || bound - runs->from < runs->tick_left)
    return FALSE;
  runs->step = ((guint64) (bound - runs->from) << 16) / runs->tick_left;
  runs->at = 0;
  return TRUE;
}

/* FALSE if the columns make no sense. */
static inline gboolean
runs_next (Runs *runs, HatEventDecoder *self, gint64 *out_time, guint32 *out_thread)
{
  if (runs->tick_left == 0 && !runs_next_tick (runs, self))
    return FALSE;
  if (runs->thread_left == 0)
    {
      runs->threads++;
      runs->thread_left = runs->threads->end - runs->threads[-1].end;
    }
  *out_time = runs->from + (gint64) (runs->at >> 16);
  *out_thread = runs->threads->thread;
  runs->at += runs->step;
  runs->tick_left--;
  runs->thread_left--;
  return TRUE;
}

/* ---- stacks and sizes ---- */

/* A stack that is new to its thread; limits.n_stacks if damaged. */
static HatStackId
decode_new_stack (HatEventDecoder *self, HatColumnReader *column, gboolean is_new_to_all)
{
  if (!is_new_to_all)
    {
      const guint64 ago = hat_column_get (column);
      return ago < self->n_stacks ? self->all_stacks[self->n_stacks - 1 - ago] : self->limits.n_stacks;
    }
  const guint64 stack = (guint64) (self->last_new + hat_column_get_signed (column));
  if (stack >= self->limits.n_stacks)
    return self->limits.n_stacks;
  return self->all_stacks[self->n_stacks++] = self->last_new = (HatStackId) stack;
}

/* The number of the stack of the thread's next block, + 1; 0 if damaged. `column` and `before` as in encode_stack_and_size(). */
static inline guint32
decode_stack (HatEventDecoder *self, guint column, HatThreadState *state, guint32 before)
{
  guint32 number;
  const guint64 code = hat_column_get (&self->columns[column]);
  if (code == HAT_STACK_CODE_NEXT)
      return before == 0 ? 0 : self->stacks[before - 1].follower + 1; /* none: wraps to 0 */
  if (code < HAT_STACK_CODE_AGO)
    {
      const HatStackId stack = decode_new_stack (self, &self->columns[column + 1], code == HAT_STACK_CODE_NEW);
      if (stack >= self->limits.n_stacks)
        return 0;
      number = state->first + state->n_stacks++; /* there are no more than blocks of the thread */
      self->stacks[number] = (Stack){ .stack = stack, .follower = G_MAXUINT32 };
    }
  else
    {
      if (code - HAT_STACK_CODE_AGO >= state->n_stacks)
        return 0;
      number = state->first + state->n_stacks - 1 - (guint32) (code - HAT_STACK_CODE_AGO);
    }
  if (before != 0)
    self->stacks[before - 1].follower = number;
  return number + 1;
}

/* Size of a block with that stack, + 1; 0 if damaged. */
static inline guint64
decode_size (HatEventDecoder *self, guint column, guint32 stack)
{
  const guint64 code = hat_column_get_size (&self->columns[column + 2]);
  if (code != 0)
    self->stacks[stack].last_size = code;
  return self->stacks[stack].last_size;
}

/* ---- the span ---- */

/* Copies a column of `n` bits out, with a byte to spare so that the bit after the last may be looked at. */
static gboolean
take_bits (HatColumnReader *column, guint32 n, guint8 *bits)
{
  const guint8 *data = hat_reader_data (&column->planes[0], (n + 7) / 8);
  if (data == NULL)
    return FALSE;
  memcpy (bits, data, (n + 7) / 8);
  bits[(n + 7) / 8] = 0;
  return TRUE;
}

/* Which thread made which events: all that follows of a thread from what came before needs it. */
static gboolean
decode_threads (HatEventDecoder *self)
{
  HatColumnReader *threads = &self->columns[HAT_COLUMN_THREADS];
  HatReader *halves = &self->columns[HAT_COLUMN_THREAD_RUNS].planes[0], *rest = &self->columns[HAT_COLUMN_THREAD_RUNS].planes[2];
  const guint32 n_events = self->chunk.n_events;
  g_array_set_size (self->threads, 0);
  g_array_set_size (self->threads, self->limits.n_threads);
  for (guint32 run = 0, end = 0, two = 0; end < n_events; run++, two >>= 4)
    {
      const guint64 thread = hat_column_get (threads);
      if (run % 2 == 0)
        {
          const guint8 *byte = hat_reader_data (halves, 1);
          if (byte == NULL)
            return FALSE;
          two = *byte;
        }
      const guint64 n = (two & 15) + 1 + ((two & 15) == HAT_RUN_MANY ? hat_reader_upto (rest, n_events) : 0);
      if (n > n_events - end || thread >= self->limits.n_threads)
        return FALSE;
      end += (guint32) n;
      g_array_index (self->threads, HatThreadState, thread).n_events += (guint32) n;
      self->runs[run] = (ThreadRun){ (guint32) thread, end };
    }
  hat_thread_states_place ((HatThreadState *) (gpointer) self->threads->data, self->threads->len);
  return TRUE;
}

/* Runs to one byte an event, by thread, and these to the events. */
static gboolean
expand_kinds (HatEventDecoder *self)
{
  HatThreadState *threads = (HatThreadState *) (gpointer) self->threads->data;
  const guint32 n_events = self->chunk.n_events;
  for (guint32 i = 0; i < n_events;)
    {
      const guint64 code = hat_column_get_upto (&self->columns[HAT_COLUMN_KINDS], HAT_CHUNK_EVENTS << 3);
      const guint8 kind = code & HAT_KIND_MASK;
      const guint32 n = (guint32) (code >> 3) + 1;
      if (kind > HAT_EVENT_MISSED_FREE || n > n_events - i)
        return FALSE;
      memset (self->by_thread + i, kind, n);
      i += n;
    }
  for (guint32 run = 0, i = 0; i < n_events; i = self->runs[run++].end)
    {
      HatThreadState *state = &threads[self->runs[run].thread];
      const guint32 n = self->runs[run].end - i;
      memcpy (self->kinds + i, self->by_thread + state->first + state->n_passed, n);
      state->n_passed += n;
    }
  return TRUE;
}

static const char *
decode_kinds (HatEventDecoder *self)
{
  guint32 made = 0, ended = 0, survivors = 0, old = 0;
  if (!decode_threads (self))
    return "threads of events make no sense";
  if (!expand_kinds (self))
    return "an event of an unknown kind";
  for (guint32 i = 0; i < self->chunk.n_events; i++)
    {
      made += hat_kind_makes (self->kinds[i]);
      ended += hat_kind_ends (self->kinds[i]);
    }
  if (made != self->chunk.n_blocks || !take_bits (&self->columns[HAT_COLUMN_SURVIVES], made, self->survives)
      || !take_bits (&self->columns[HAT_COLUMN_OLD], ended, self->is_old))
    return "the number of blocks is wrong";
  /* Without branches: which blocks survive can be as random as it gets. */
  for (guint32 i = 0, m = 0, e = 0; i < self->chunk.n_events; i++)
    {
      const guint8 base = self->kinds[i];
      const guint8 makes = hat_kind_makes (base), ends = hat_kind_ends (base);
      const guint8 survives = makes & self->survives[m / 8] >> m % 8, is_old = ends & self->is_old[e / 8] >> e % 8;
      self->kinds[i] = base | survives * HAT_KIND_SURVIVES | is_old * HAT_KIND_OLD;
      survivors += survives;
      old += is_old;
      m += makes;
      e += ends;
    }
  if (ended - old != made - survivors)
    return "the number of blocks is wrong";
  self->n_survivors = survivors;
  self->n_old = old;
  self->death_code = old > 0 ? hat_column_get_upto (&self->columns[HAT_COLUMN_OLD_DEATHS], HAT_DEATH_CODE_AGE) : HAT_DEATH_CODE_STEP;
  return NULL;
}

static gboolean
decode_survivors (HatEventDecoder *self)
{
  HatColumnReader *addresses = &self->columns[HAT_COLUMN_SURVIVOR_ADDRESSES];
  const ThreadRun *run = self->runs;
  memset (self->class_address, 0, sizeof (self->class_address));
  for (guint32 event = 0, i = 0; i < self->n_survivors; event++)
    {
      if (!(self->kinds[event] & HAT_KIND_SURVIVES))
        continue;
      while (event >= run->end)
        run++;
      HatThreadState *state = &g_array_index (self->threads, HatThreadState, run->thread);
      const guint32 stack = state->survivor_stack = decode_stack (self, HAT_COLUMN_SURVIVOR_STACKS, state, state->survivor_stack);
      if (stack == 0)
        return FALSE;
      const guint64 size = decode_size (self, HAT_COLUMN_SURVIVOR_STACKS, stack - 1) - 1;
      if (size == G_MAXUINT64)
        return FALSE;
      const guint64 footprint = hat_footprint (size);
      guint64 *class_address = &self->class_address[hat_place (run->thread, size)];
      const guint64 code = hat_column_get (addresses);
      guint64 address;
      if (code == HAT_SURVIVOR_NEXT)
        address = state->last_end;
      else if (code == HAT_SURVIVOR_CLASS_NEXT)
        address = *class_address + footprint;
      else if (code == HAT_SURVIVOR_CLASS_BEFORE)
        address = *class_address - footprint;
      else if (code == HAT_SURVIVOR_UNALIGNED)
        address = hat_thread_state_base (state) + (guint64) hat_column_get_signed (addresses);
      else
        address = hat_thread_state_base (state) + ((guint64) hat_unzigzag (code - HAT_SURVIVOR_FAR) << 4);
      *class_address = address;
      hat_thread_state_survivor (state, address, footprint);
      self->survivor_stack[i] = stack;
      self->survivor_size[i] = size;
      self->survivor_address[i++] = address;
    }
  return TRUE;
}

/* 0 if damaged. */
static inline HatBlockId
decode_old_death (HatEventDecoder *self)
{
  const HatBlockId first = self->chunk.first_block;
  const guint64 code = hat_column_get (&self->columns[HAT_COLUMN_OLD_DEATHS]);
  const HatBlockId old = self->death_code == HAT_DEATH_CODE_AGE ? first - 1 - code : self->last_death + 1 + (guint64) hat_unzigzag (code);
  return old < first ? self->last_death = old : 0;
}

static gboolean
used_up (const HatEventDecoder *self, HatColumn last)
{
  for (guint i = 0; i <= last; i++)
    if (!hat_column_is_used_up (&self->columns[i]))
      return FALSE;
  return TRUE;
}

const char *
hat_event_decoder_span (HatEventDecoder *self, const guint8 *payload, gsize n_bytes, const HatChunk *chunk,
                        HatEventLimits limits, HatSpan *out_span)
{
  *out_span = (HatSpan){ 0 };
  const char *wrong = unpack (self, payload, n_bytes, chunk, limits, HAT_COLUMN_OLD_DEATHS);
  wrong = wrong ? wrong : decode_kinds (self);
  if (wrong)
    return wrong;
  if (!decode_survivors (self))
    return "the blocks that survive make no sense";

  const guint8 *kinds = self->kinds;
  g_autofree HatBlock *born = g_new (HatBlock, self->n_survivors);
  g_autofree HatBlockId *died = g_new (HatBlockId, self->n_old);

  Runs runs;
  runs_init (&runs, self);
  guint32 n_made = 0, n_born = 0, n_died = 0;
  gint64 time = 0;
  for (guint32 i = 0; i < chunk->n_events; i++)
    {
      guint32 thread;
      if (!runs_next (&runs, self, &time, &thread))
        return "times or threads of events make no sense";
      if (kinds[i] & HAT_KIND_OLD)
        {
          if (decode_old_death (self) == 0)
            return "a block dies that was never born";
          died[n_died++] = self->last_death;
        }
      if (kinds[i] & HAT_KIND_SURVIVES)
        {
          born[n_born] = (HatBlock){ .address = self->survivor_address[n_born],
                                     .size = self->survivor_size[n_born],
                                     .id = chunk->first_block + n_made,
                                     .birth_ns = time,
                                     .stack = self->stacks[self->survivor_stack[n_born] - 1].stack,
                                     .thread = thread };
          n_born++;
        }
      n_made += hat_kind_makes (kinds[i]);
    }
  if (time != chunk->end_ns || !used_up (self, HAT_COLUMN_OLD_DEATHS))
    return "columns of events do not end together";

  hat_span_sort_ids (died, n_died);
  *out_span = (HatSpan){ .n_born = n_born, .n_died = n_died, .born = g_steal_pointer (&born), .died = g_steal_pointer (&died) };
  return NULL;
}

/* ---- all events ---- */

/* Number of frees before the next one whose `temporary` is not as guessed. */
static guint64
next_exception (HatEventDecoder *self)
{
  HatColumnReader *column = &self->columns[HAT_COLUMN_NOT_TEMPORARY];
  return hat_reader_left (&column->planes[0]) > 0 ? hat_column_get (column) : G_MAXUINT64;
}

/* The transient that a thread ends; n_made, the number of blocks until now, if damaged. */
static inline guint32
decode_death (HatEventDecoder *self, HatThreadState *state, guint32 n_made, guint32 *next_foreign)
{
  HatColumnReader *deaths = &self->columns[HAT_COLUMN_TRANSIENT_DEATHS];
  guint16 *living = self->living + state->first;
  const guint64 code = hat_column_get (deaths);
  guint64 at; /* wraps to too large if damaged */
  if (code < HAT_DEATH_NEAR)
    at = state->n_living - 1 - code;
  else if (code < HAT_DEATH_NEAR + HAT_DEATH_STEP)
    at = state->expected + (guint64) hat_unzigzag (code - HAT_DEATH_NEAR);
  else if (code == HAT_DEATH_FOREIGN)
    {
      const guint64 block = *next_foreign + (guint64) hat_column_get_signed (deaths);
      if (block >= n_made || !self->lives[block])
        return n_made;
      *next_foreign = (guint32) block + 1;
      self->lives[block] = FALSE;
      return (guint32) block;
    }
  else
    at = state->n_living - 1 - (code - HAT_DEATH_FAR);
  if (at >= state->n_living || living[at] == HAT_HOLE || !self->lives[living[at]])
    return n_made;
  const guint32 block = living[at];
  self->lives[block] = FALSE;
  hat_thread_state_died (state, living, (guint32) at, NULL);
  return block;
}

/* The forward pass: everything but the addresses of transients. */
static const char *
decode_forward (HatEventDecoder *self, HatEvent *events)
{
  HatColumnReader *free_stacks = &self->columns[HAT_COLUMN_FREE_STACKS];
  HatColumnReader *unknown = &self->columns[HAT_COLUMN_UNKNOWN_ADDRESSES];
  const gboolean has_free_stacks = hat_reader_left (&free_stacks->planes[0]) > 0;
  const guint8 *kinds = self->kinds;
  const HatBlockId first_block = self->chunk.first_block;
  guint32 n_made = 0, n_survivors = 0, next_foreign = 0;
  guint64 last_unknown = 0, exception = next_exception (self);
  Runs runs;

  runs_init (&runs, self);
  HatThreadState *threads = (HatThreadState *) (gpointer) self->threads->data; /* decode_threads() made them */
  for (guint32 i = 0; i < self->chunk.n_events; i++)
    {
      const guint8 kind = kinds[i];
      HatEvent *event = &events[i];
      *event = (HatEvent){ .kind = kind & HAT_KIND_MASK };
      if (!runs_next (&runs, self, &event->time_ns, &event->thread))
        return "times or threads of events make no sense";
      HatThreadState *state = &threads[event->thread];
      if (kind & HAT_KIND_OLD)
        {
          event->old = decode_old_death (self);
          if (event->old == 0)
            return "a block dies that was never born";
        }
      else if (hat_kind_ends (kind))
        {
          const guint32 block = decode_death (self, state, n_made, &next_foreign);
          if (block == n_made)
            return "a block dies that is not alive";
          event->old = first_block + block;
        }
      if (hat_kind_makes (kind))
        {
          event->block = first_block + n_made;
          if (kind & HAT_KIND_SURVIVES)
            {
              state->stack = self->survivor_stack[n_survivors];
              event->size = self->survivor_size[n_survivors];
              event->address = self->address[n_made] = self->survivor_address[n_survivors++];
            }
          else
            {
              state->stack = decode_stack (self, HAT_COLUMN_TRANSIENT_STACKS, state, state->stack);
              if (state->stack == 0)
                return "a stack that is not there";
              event->size = decode_size (self, HAT_COLUMN_TRANSIENT_STACKS, state->stack - 1) - 1;
              if (event->size == G_MAXUINT64)
                return "a size that makes no sense";
              self->living[state->first + state->n_living++] = (guint16) n_made;
            }
          event->stack = self->stacks[state->stack - 1].stack;
          self->size[n_made] = event->size;
          self->known[n_made] = (kind & HAT_KIND_SURVIVES) != 0;
          self->lives[n_made] = !self->known[n_made];
          state->last_made = ++n_made;
        }
      else if (event->kind == HAT_EVENT_FREE)
        {
          const guint32 last = state->last_made;
          event->temporary = last != 0 && event->old == first_block + last - 1;
          if (G_UNLIKELY (exception-- == 0))
            {
              event->temporary = !event->temporary;
              exception = next_exception (self);
            }
          if (has_free_stacks)
            event->stack = hat_column_get_upto (free_stacks, self->limits.n_stacks - 1);
        }
      else if (event->kind == HAT_EVENT_UNKNOWN_FREE)
        event->address = last_unknown += (guint64) hat_column_get_signed (unknown);
    }
  return events[self->chunk.n_events - 1].time_ns == self->chunk.end_ns ? NULL : "the last event's time is wrong";
}

static gboolean
decode_transient_address (HatEventDecoder *self, guint32 thread, guint32 block, guint64 *last)
{
  HatColumnReader *addresses = &self->columns[HAT_COLUMN_TRANSIENT_ADDRESSES];
  const guint64 size = self->size[block], code = hat_column_get (addresses);
  if (code <= HAT_TRANSIENT_PILE_MAX)
    {
      HatPile *pile = &self->piles[hat_place (thread, size)];
      if (code >= pile->n)
        return FALSE;
      *last = hat_pile_take (pile, (guint) code);
    }
  else if (code == HAT_TRANSIENT_BEFORE)
    {
      if (block + 1 >= self->chunk.n_blocks || !self->known[block + 1])
        return FALSE;
      *last = self->address[block + 1] - hat_footprint (size);
    }
  else if (code == HAT_TRANSIENT_BEHIND)
    {
      if (block == 0 || !self->known[block - 1])
        return FALSE;
      *last = self->address[block - 1] + hat_footprint (self->size[block - 1]);
    }
  else if (code == HAT_TRANSIENT_BEFORE_LAST)
    *last -= hat_footprint (size);
  else if (code == HAT_TRANSIENT_UNALIGNED)
    *last += (guint64) hat_column_get_signed (addresses);
  else
    *last += (guint64) hat_unzigzag (code - HAT_TRANSIENT_FAR) << 4;
  return TRUE;
}

/* The backward pass: a transient's address is met at its death, and handed to its birth. */
static gboolean
decode_backward (HatEventDecoder *self, HatEvent *events)
{
  hat_piles_init (self->piles, self->rows);
  guint64 last = 0;
  const guint8 *kinds = self->kinds;
  for (guint32 i = self->chunk.n_events; i-- > 0;)
    {
      HatEvent *event = &events[i];
      if (event->block != 0)
        {
          if (!(kinds[i] & HAT_KIND_SURVIVES))
            event->address = self->address[event->block - self->chunk.first_block];
          hat_pile_push (&self->piles[hat_place (event->thread, event->size)], event->address);
        }
      if (event->old >= self->chunk.first_block)
        {
          const guint32 old = (guint32) (event->old - self->chunk.first_block);
          if (!decode_transient_address (self, event->thread, old, &last))
            return FALSE;
          self->address[old] = last;
          self->known[old] = TRUE;
        }
    }
  return TRUE;
}

const char *
hat_event_decoder_decode (HatEventDecoder *self, const guint8 *payload, gsize n_bytes, const HatChunk *chunk,
                          HatEventLimits limits, HatEvent *events)
{
  const char *wrong = unpack (self, payload, n_bytes, chunk, limits, HAT_N_COLUMNS - 1);
  wrong = wrong ? wrong : decode_kinds (self);
  if (wrong)
    return wrong;
  if (!decode_survivors (self))
    return "the blocks that survive make no sense";
  wrong = decode_forward (self, events);
  if (wrong)
    return wrong;
  if (!decode_backward (self, events))
    return "an address that makes no sense";
  return used_up (self, HAT_N_COLUMNS - 1) ? NULL : "columns of events do not end together";
}

const char *
hat_event_decoder_time (HatEventDecoder *self, const guint8 *payload, gsize n_bytes, const HatChunk *chunk, guint32 index,
                        gint64 *out_time_ns)
{
  const char *wrong = unpack (self, payload, n_bytes, chunk, (HatEventLimits){ 0 }, HAT_COLUMN_TICKS);
  if (wrong)
    return wrong;
  Runs runs;
  runs_init (&runs, self);
  do
    {
      index -= runs.tick_left;
      if (!runs_next_tick (&runs, self))
        return "times of events make no sense";
    }
  while (index >= runs.tick_left);
  *out_time_ns = runs.from + (gint64) (index * runs.step >> 16);
  return NULL;
}
