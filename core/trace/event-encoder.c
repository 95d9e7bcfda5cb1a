/* SPDX-License-Identifier: Apache-2.0 */

/* Events to columns. The encoder sees the whole chunk, so it knows each block's fate before it writes a byte. */

#include "core/trace/event-encoder.h"
#include "core/trace/container.h"
#include "core/trace/event-columns.h"

#include <zstd.h>

#define ZSTD_LEVEL 1 /* what the columns leave to find, 3 does not find either: it gains 1 % at most */
#define MIN_MATCH 7  /* shorter ones are chance, and cost more than the bytes do */
#define DEATHS_AHEAD 16u /* blocks that die soon are fetched: they lie anywhere in a megabyte */
#define MIN_MAP_BITS 6
#define MAX_MAP_BITS 18 /* it grows when it is half full */

typedef struct
{
  HatStackId stack;
  guint32 number; /* + 1; 0 = empty */
} Slot;

/* A stack of a thread. */
typedef struct
{
  HatStackId stack;
  guint32 thread;
  guint32 follower; /* its number */
  guint64 last_size; /* + 1 */
} Stack;

/* Events of one tick. */
typedef struct
{
  guint32 first, count;
  gint64 from;
  guint64 step; /* 48.16 fixed point */
} Run;

struct _HatEventEncoder
{
  HatColumnWriter columns[HAT_N_COLUMNS];
  HatBytes packed;
  ZSTD_CCtx *zstd;

  HatEventBuffer *buffer; /* of this chunk */

  /* By block of the chunk. */
  guint32 number[HAT_CHUNK_EVENTS]; /* of the stack of a survivor, + 1 */
  guint16 place[HAT_CHUNK_EVENTS]; /* of a transient among those of its thread */
  HatBlock born[HAT_CHUNK_EVENTS]; /* the survivors */
  guint32 n_born;

  guint8 kinds[HAT_CHUNK_EVENTS]; /* by thread */
  guint16 living[HAT_CHUNK_EVENTS]; /* likewise */
  guint8 ends[HAT_CHUNK_EVENTS]; /* HAT_KIND_* of those that end a block */

  Stack stacks[2 * HAT_CHUNK_EVENTS]; /* by number */
  guint32 n_stacks; /* of the chunk */
  HatStackId last_new;
  guint32 n_in_map;
  guint map_bits; /* in use so far */
  Slot map[1u << MAX_MAP_BITS];

  HatPile piles[HAT_N_PLACES];
  HatPileRow rows[HAT_N_PLACES];
  guint64 class_address[HAT_N_PLACES];
  GArray *threads; /* HatThreadState */
  GArray *runs;    /* Run */
};

HatEventEncoder *
hat_event_encoder_new (void)
{
  HatEventEncoder *encoder = g_new0 (HatEventEncoder, 1);
  encoder->zstd = ZSTD_createCCtx ();
  ZSTD_CCtx_setParameter (encoder->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
  ZSTD_CCtx_setParameter (encoder->zstd, ZSTD_c_minMatch, MIN_MATCH);
  encoder->threads = g_array_new (FALSE, TRUE, sizeof (HatThreadState));
  for (guint i = 0; i < HAT_N_COLUMNS; i++)
    for (guint plane = 0; plane < 2; plane++)
      encoder->columns[i].start[plane] = g_malloc (HAT_COLUMN_NUMBERS + 1);
  encoder->runs = g_array_new (FALSE, FALSE, sizeof (Run));
  return encoder;
}

void
hat_event_encoder_free (HatEventEncoder *encoder)
{
  if (encoder == NULL)
    return;
  for (guint i = 0; i < HAT_N_COLUMNS; i++)
    {
      for (guint plane = 0; plane < 2; plane++)
        g_free (encoder->columns[i].start[plane]);
      hat_bytes_clear (&encoder->columns[i].more);
    }
  hat_bytes_clear (&encoder->packed);
  ZSTD_freeCCtx (encoder->zstd);
  g_array_unref (encoder->threads);
  g_array_unref (encoder->runs);
  g_free (encoder);
}

/* ---- kind, time, thread ---- */

/* A column of `n` bits: of each byte the one that `shift` moves to the lowest place, or its opposite. */
static void
put_bits (HatColumnWriter *column, const guint8 *bytes, guint32 n, guint shift, gboolean opposite)
{
  const guint8 flip = opposite ? 0xff : 0;
  for (guint32 i = 0; i < n; i += 8)
    {
      guint64 eight;
      memcpy (&eight, bytes + i, 8);
      /* Byte k of the eight moves by 56 - 7 k to bit 56 + k; what else the product has is below that. */
      *column->at[0]++ = (guint8) ((GUINT64_FROM_LE (eight) >> shift & 0x0101010101010101) * 0x0102040810204080 >> 56) ^ flip;
    }
  if (n % 8 != 0)
    column->at[0][-1] &= (guint8) ((1u << n % 8) - 1);
}

/* Random ids take a bit less as ages, others much less as steps: a quarter of a bit saved decides. */
static void
encode_old_deaths (HatEventEncoder *self)
{
  const HatEventBuffer *buffer = self->buffer;
  HatColumnWriter *column = &self->columns[HAT_COLUMN_OLD_DEATHS];
  HatBlockId last = buffer->first_block;
  guint64 step_bits = 0, age_bits = 0;

  if (buffer->n_died == 0)
    return;
  for (guint32 i = 0; i < buffer->n_died; last = buffer->died[i++])
    {
      step_bits += hat_n_bits (hat_zigzag ((gint64) (buffer->died[i] - last - 1)));
      age_bits += hat_n_bits (buffer->first_block - 1 - buffer->died[i]);
    }
  const HatDeathCode code = age_bits + buffer->n_died / 4 < step_bits ? HAT_DEATH_CODE_AGE : HAT_DEATH_CODE_STEP;
  hat_column_put (column, code);
  last = buffer->first_block;
  for (guint32 i = 0; i < buffer->n_died; last = buffer->died[i++])
    if (code == HAT_DEATH_CODE_AGE)
      hat_column_put (column, buffer->first_block - 1 - buffer->died[i]);
    else
      hat_column_put_signed (column, (gint64) (buffer->died[i] - last - 1));
}

/* What nearly never occurs. */
static void
encode_rarities (HatEventEncoder *self)
{
  const HatEventBuffer *buffer = self->buffer;
  guint64 last_unknown = 0;

  for (guint i = 0; i < buffer->unknown_addresses->len; i++)
    {
      const guint64 address = g_array_index (buffer->unknown_addresses, guint64, i);
      hat_column_put_signed (&self->columns[HAT_COLUMN_UNKNOWN_ADDRESSES], (gint64) (address - last_unknown));
      last_unknown = address;
    }
  if (buffer->free_stacks->len > 0) /* the last frees may have none */
    g_array_set_size (buffer->free_stacks, buffer->n_frees);
  for (guint i = 0; i < buffer->free_stacks->len; i++)
    hat_column_put (&self->columns[HAT_COLUMN_FREE_STACKS], g_array_index (buffer->free_stacks, HatStackId, i));
}

static inline guint32
end_of_thread_run (const HatEventBuffer *buffer, guint32 run)
{
  return run + 1 < buffer->n_threads ? buffer->threads[run + 1].first : buffer->n_events;
}

static inline HatThreadState *
state_of_run (HatEventEncoder *self, guint32 run)
{
  return &g_array_index (self->threads, HatThreadState, self->buffer->threads[run].thread);
}

static void
encode_threads (HatEventEncoder *self)
{
  const HatEventBuffer *buffer = self->buffer;
  HatColumnWriter *threads = &self->columns[HAT_COLUMN_THREADS];
  HatColumnWriter *lengths = &self->columns[HAT_COLUMN_THREAD_RUNS];
  guint32 max = 0;
  for (guint32 run = 0; run < buffer->n_threads; run++)
    {
      max = MAX (max, buffer->threads[run].thread);
      hat_column_put (threads, buffer->threads[run].thread);
      const guint32 more = end_of_thread_run (buffer, run) - buffer->threads[run].first - 1, half = MIN (more, HAT_RUN_MANY);
      if (run % 2 == 0)
        *lengths->at[0]++ = (guint8) half;
      else
        lengths->at[0][-1] |= (guint8) (half << 4);
      if (half == HAT_RUN_MANY)
        hat_bytes_put_varint (&lengths->more, more - HAT_RUN_MANY);
    }
  g_array_set_size (self->threads, 0);
  g_array_set_size (self->threads, max + 1);
  for (guint32 run = 0; run < buffer->n_threads; run++)
    state_of_run (self, run)->n_events += end_of_thread_run (buffer, run) - buffer->threads[run].first;
  hat_thread_states_place ((HatThreadState *) (gpointer) self->threads->data, self->threads->len);
}

#define ALL_KIND_MASKS (HAT_KIND_MASK * 0x0101010101010101)

/* Whether no event of eight has the kind of the one in the same place of the other eight. */
static inline gboolean
all_kinds_differ (guint64 a, guint64 b)
{
  return ((((a ^ b) & ALL_KIND_MASKS) + 0x7f * 0x0101010101010101) & 0x8080808080808080) == 0x8080808080808080;
}

/* Threads that take turns would make a random sequence of what is a regular one in each. */
static void
encode_kinds (HatEventEncoder *self)
{
  const HatEventBuffer *buffer = self->buffer;
  const guint8 *kinds = buffer->kind;

  if (self->threads->len > 1)
    {
      for (guint32 run = 0, n; run < buffer->n_threads; run++)
        {
          HatThreadState *state = state_of_run (self, run);
          n = end_of_thread_run (buffer, run) - buffer->threads[run].first;
          memcpy (self->kinds + state->first + state->n_passed, buffer->kind + buffer->threads[run].first, n);
          state->n_passed += n;
        }
      kinds = self->kinds;
    }
  HatColumnWriter *column = &self->columns[HAT_COLUMN_KINDS];
  guint8 *at = column->at[0]; /* in a register: a byte that is written could be part of anything else */
  const guint32 n_events = buffer->n_events;
  for (guint32 i = 0, end; i < n_events; i = end)
    {
      /* Often they alternate: eight runs of one event each. */
      guint64 own, next;
      while (i + 9 <= n_events && (memcpy (&own, kinds + i, 8), memcpy (&next, kinds + i + 1, 8), all_kinds_differ (own, next)))
        {
          own &= ALL_KIND_MASKS;
          memcpy (at, &own, 8);
          at += 8;
          i += 8;
        }
      const guint8 kind = kinds[i];
      for (end = i + 1; end < n_events && ((kinds[end] ^ kind) & HAT_KIND_MASK) == 0;)
        end++;
      const guint32 code = (end - i - 1) << 3 | (kind & HAT_KIND_MASK);
      if (G_LIKELY (code < 0x80))
        {
          *at++ = (guint8) code;
          continue;
        }
      column->at[0] = at;
      hat_column_put (column, code);
      at = column->at[0];
    }
  column->at[0] = at;
}

static void
end_run (HatEventEncoder *self, gint64 gap, guint32 first, guint32 count, gint64 from, gint64 bound)
{
  HatColumnWriter *ticks = &self->columns[HAT_COLUMN_TICKS];
  hat_column_put (ticks, gap);
  hat_column_put (ticks, count);
  const Run run = { first, count, from, ((guint64) (bound - from) << 16) / count };
  g_array_append_val (self->runs, run);
}

/* Sets the chunk's times; returns the bound of its last run of events, which spreads them short of it. */
static gint64
encode_ticks (HatEventEncoder *self, HatChunk *chunk, gint64 after_ns)
{
  const HatEventBuffer *buffer = self->buffer;
  gint64 from = MAX (MAX (buffer->ticks[0].time_ns, after_ns + 1), 0);
  gint64 tick = from / HAT_TICK_NS, next = (tick + 1) * HAT_TICK_NS, gap = 0;
  guint32 first = 0;
  g_array_set_size (self->runs, 0);
  for (guint32 i = 0; i < buffer->n_ticks; i++)
    {
      const guint32 end = i + 1 < buffer->n_ticks ? buffer->ticks[i + 1].first : buffer->n_events;
      gint64 own = buffer->ticks[i].time_ns / HAT_TICK_NS;
      guint32 at = buffer->ticks[i].first;
      while (own > tick || end > first + (next - from)) /* a later tick, or too many times for this one */
        {
          if (own <= tick)
            {
              own = tick + 1;
              at = first + (guint32) (next - from);
            }
          end_run (self, gap, first, at - first, from, next);
          gap = own - tick - 1;
          tick = own;
          from = tick * HAT_TICK_NS;
          next = from + HAT_TICK_NS;
          first = at;
        }
    }
  const guint32 count = chunk->n_events - first;
  const gint64 bound = MAX (MIN (MAX (buffer->last_ns, from) + 1, next), from + count);
  end_run (self, gap, first, count, from, bound);
  chunk->start_ns = hat_event_encoder_time (self, 0);
  chunk->end_ns = hat_event_encoder_time (self, chunk->n_events - 1);
  return bound;
}

static inline gint64
time_in_run (const Run *run, guint32 index)
{
  return run->from + (gint64) ((index - run->first) * run->step >> 16);
}

gint64
hat_event_encoder_time (HatEventEncoder *self, guint32 index)
{
  guint low = 0, high = self->runs->len;
  while (high - low > 1)
    {
      const guint middle = (low + high) / 2;
      if (g_array_index (self->runs, Run, middle).first <= index)
        low = middle;
      else
        high = middle;
    }
  return time_in_run (&g_array_index (self->runs, Run, low), index);
}

/* ---- stacks and sizes ---- */

#define NO_NUMBER G_MAXUINT32
#define ALL_THREADS G_MAXUINT32 /* the stacks of the chunk, numbered from ALL_STACKS on */
#define ALL_STACKS HAT_CHUNK_EVENTS

/* The slot of a thread's stack, or the empty one where it belongs. */
static inline Slot *
slot_of_stack (HatEventEncoder *self, guint32 thread, HatStackId stack)
{
  guint32 at = ((stack + thread * 0x85EBCA6Bu) * 0x9E3779B1u) >> (32 - self->map_bits);
  while (self->map[at].number != 0 && (self->map[at].stack != stack || self->stacks[self->map[at].number - 1].thread != thread))
    at = (at + 1) & ((1u << self->map_bits) - 1);
  return &self->map[at];
}

static void
put_stacks_in_map (HatEventEncoder *self, guint32 thread, guint32 first, guint32 n)
{
  for (guint32 i = first; i < first + n; i++)
    *slot_of_stack (self, thread, self->stacks[i].stack) = (Slot){ self->stacks[i].stack, i + 1 };
}

/* Few chunks have many stacks: a small map stays in the cache. */
static void
resize_map (HatEventEncoder *self, guint bits)
{
  self->map_bits = bits;
  memset (self->map, 0, sizeof (*self->map) << bits);
  for (guint i = 0; i < self->threads->len; i++)
    {
      const HatThreadState *state = &g_array_index (self->threads, HatThreadState, i);
      put_stacks_in_map (self, i, state->first, state->n_stacks);
    }
  if (self->buffer->n_threads > 1)
    put_stacks_in_map (self, ALL_THREADS, ALL_STACKS, self->n_stacks);
}

/* Number of a stack of a thread or of all, NO_NUMBER if it is new: it then gets this one. */
static inline guint32
number_of_stack (HatEventEncoder *self, guint32 thread, HatStackId stack, guint32 next)
{
  Slot *slot = slot_of_stack (self, thread, stack);
  if (slot->number != 0)
    return slot->number - 1;
  if (G_UNLIKELY (++self->n_in_map * 2 > 1u << self->map_bits))
    {
      resize_map (self, self->map_bits + 1);
      slot = slot_of_stack (self, thread, stack);
    }
  *slot = (Slot){ stack, next + 1 };
  self->stacks[next] = (Stack){ .stack = stack, .thread = thread, .follower = NO_NUMBER };
  return NO_NUMBER;
}

/* A stack that is new to its thread. */
static void
encode_new_stack (HatEventEncoder *self, HatColumnWriter *columns, HatStackId stack)
{
  /* If there is one thread, what is new to it is new to all, and they are not in the map. */
  const guint32 number = self->buffer->n_threads == 1 ? NO_NUMBER : number_of_stack (self, ALL_THREADS, stack, ALL_STACKS + self->n_stacks);
  if (number == NO_NUMBER)
    {
      hat_column_put (&columns[0], HAT_STACK_CODE_NEW);
      hat_column_put_signed (&columns[1], (gint64) stack - self->last_new);
      self->last_new = stack;
      self->n_stacks++;
    }
  else
    {
      hat_column_put (&columns[0], HAT_STACK_CODE_OTHER);
      hat_column_put (&columns[1], ALL_STACKS + self->n_stacks - 1 - number);
    }
}

/* Codes stack and size of a block of the thread, given the number of the stack of its one before, + 1. Returns that of its own stack. `column` is
 * the first of three: codes, new, sizes. */
static inline guint32
encode_stack_and_size (HatEventEncoder *self, guint column, guint32 thread, HatThreadState *state, guint32 before, HatStackId stack, guint64 size)
{
  HatColumnWriter *columns = &self->columns[column];
  guint32 number = before != 0 ? self->stacks[before - 1].follower : NO_NUMBER;
  if (number != NO_NUMBER && self->stacks[number].stack == stack)
    hat_column_put (&columns[0], HAT_STACK_CODE_NEXT);
  else
    {
      number = number_of_stack (self, thread, stack, state->first + state->n_stacks);
      if (number != NO_NUMBER)
        hat_column_put (&columns[0], HAT_STACK_CODE_AGO + state->first + state->n_stacks - 1 - number);
      else
        {
          number = state->first + state->n_stacks++;
          encode_new_stack (self, columns, stack);
        }
      if (before != 0)
        self->stacks[before - 1].follower = number;
    }
  Stack *own = &self->stacks[number];
  hat_column_put_size (&columns[2], own->last_size == size + 1 ? 0 : size + 1);
  own->last_size = size + 1;
  return number + 1;
}

/* ---- survivors: the span ---- */

static void
encode_survivor_address (HatEventEncoder *self, guint32 thread, HatThreadState *state, guint64 address, guint64 size)
{
  HatColumnWriter *addresses = &self->columns[HAT_COLUMN_SURVIVOR_ADDRESSES];
  const guint64 footprint = hat_footprint (size);
  guint64 *class_address = &self->class_address[hat_place (thread, size)];
  const gint64 difference = (gint64) (address - hat_thread_state_base (state));
  if (address == state->last_end)
    hat_column_put (addresses, HAT_SURVIVOR_NEXT);
  else if (address == *class_address + footprint)
    hat_column_put (addresses, HAT_SURVIVOR_CLASS_NEXT);
  else if (address == *class_address - footprint)
    hat_column_put (addresses, HAT_SURVIVOR_CLASS_BEFORE);
  else if ((difference & 15) != 0)
    {
      hat_column_put (addresses, HAT_SURVIVOR_UNALIGNED);
      hat_column_put_signed (addresses, difference);
    }
  else
    hat_column_put (addresses, HAT_SURVIVOR_FAR + hat_zigzag (difference >> 4));
  *class_address = address;
  hat_thread_state_survivor (state, address, footprint);
}

static void
encode_survivors (HatEventEncoder *self)
{
  const HatEventBuffer *buffer = self->buffer;
  memset (self->class_address, 0, sizeof (self->class_address));
  const Run *run = (const Run *) (gpointer) self->runs->data;
  HatThreadState *state = state_of_run (self, 0);
  guint32 thread_run = 0, thread_end = end_of_thread_run (buffer, 0), n_born = 0;
  for (guint32 block = 0; block < buffer->n_blocks; block++)
    {
      if (buffer->dies[block])
        continue;
      const guint32 at = buffer->made_at[block];
      while (at >= run->first + run->count)
        run++;
      while (at >= thread_end)
        {
          state = state_of_run (self, ++thread_run);
          thread_end = end_of_thread_run (buffer, thread_run);
        }
      const guint32 thread = buffer->threads[thread_run].thread;
      self->born[n_born++] = (HatBlock){ .address = buffer->extent[block].address,
                                         .size = buffer->extent[block].size,
                                         .id = buffer->first_block + block,
                                         .birth_ns = time_in_run (run, at),
                                         .stack = buffer->stack[block],
                                         .thread = thread };
      state->survivor_stack = encode_stack_and_size (self, HAT_COLUMN_SURVIVOR_STACKS, thread, state, state->survivor_stack, buffer->stack[block],
                                                     buffer->extent[block].size);
      self->number[block] = state->survivor_stack;
      encode_survivor_address (self, thread, state, buffer->extent[block].address, buffer->extent[block].size);
    }
  self->n_born = n_born;
}

/* ---- transients ---- */

/* `next_foreign`: the block behind the last one that a thread ended which had not made it. */
static inline void
encode_death (HatEventEncoder *self, HatThreadState *state, guint32 block, guint32 *next_foreign)
{
  HatColumnWriter *deaths = &self->columns[HAT_COLUMN_TRANSIENT_DEATHS];
  guint16 *living = self->living + state->first;
  const guint32 at = self->place[block], behind = state->n_living - 1 - at;
  const guint64 step = hat_zigzag ((gint64) at - state->expected);
  if (G_UNLIKELY (at >= state->n_living || living[at] != block))
    {
      hat_column_put (deaths, HAT_DEATH_FOREIGN);
      hat_column_put_signed (deaths, (gint64) block - *next_foreign);
      *next_foreign = block + 1;
      return;
    }
  if (behind < HAT_DEATH_NEAR)
    hat_column_put (deaths, behind);
  else if (step < HAT_DEATH_STEP)
    hat_column_put (deaths, HAT_DEATH_NEAR + step);
  else
    hat_column_put (deaths, HAT_DEATH_FAR + behind);
  hat_thread_state_died (state, living, at, self->place);
}

/* A block that the thread makes. */
static inline void
encode_birth (HatEventEncoder *self, guint32 thread, HatThreadState *state, guint32 block)
{
  const HatEventBuffer *buffer = self->buffer;
  if (!buffer->dies[block])
    {
      state->stack = self->number[block];
      return;
    }
  state->stack = encode_stack_and_size (self, HAT_COLUMN_TRANSIENT_STACKS, thread, state, state->stack, buffer->stack[block],
                                        buffer->extent[block].size);
  self->living[state->first + state->n_living] = (guint16) block;
  self->place[block] = (guint16) state->n_living++;
}

/* All events, but for what survivors and addresses have of their own. A free is taken for temporary if it ends the block that its thread made last in
 * this chunk; the exceptions are coded. */
static void
encode_forward (HatEventEncoder *self)
{
  const HatEventBuffer *buffer = self->buffer;
  guint32 block = 0, next_foreign = 0, n_ended = 0, n_frees = 0, n_frees_before = 0;
  for (guint32 run = 0; run < buffer->n_threads; run++)
    {
      const guint32 end = end_of_thread_run (buffer, run), thread = buffer->threads[run].thread;
      HatThreadState *state = state_of_run (self, run);
      guint32 last_made = state->last_made - 1; /* none: no block */
      for (guint32 i = buffer->threads[run].first; i < end; i++)
        {
          const guint8 kind = buffer->kind[i];
          const guint32 ended = buffer->ended[i];
          self->ends[n_ended] = kind;
          n_ended += (kind & HAT_KIND_ENDS) != 0;
          if (G_UNLIKELY ((ended == last_made) != ((kind & HAT_KIND_TEMPORARY) != 0)) && (kind & HAT_KIND_IS_FREE))
            {
              hat_column_put (&self->columns[HAT_COLUMN_NOT_TEMPORARY], n_frees - n_frees_before);
              n_frees_before = n_frees + 1;
            }
          n_frees += (kind & HAT_KIND_IS_FREE) != 0;
          if (ended != HAT_NOT_OURS)
            encode_death (self, state, ended, &next_foreign);
          if (kind & HAT_KIND_MAKES)
            encode_birth (self, thread, state, last_made = block++);
        }
      state->last_made = last_made + 1;
    }
  put_bits (&self->columns[HAT_COLUMN_OLD], self->ends, n_ended, 4, FALSE); /* HAT_KIND_OLD */
}

/* One that is in no pile. */
static void
encode_fresh_address (HatEventEncoder *self, guint32 block, guint64 address, guint64 size, guint64 last)
{
  const HatEventBuffer *buffer = self->buffer;
  HatColumnWriter *addresses = &self->columns[HAT_COLUMN_TRANSIENT_ADDRESSES];
  const gint64 difference = (gint64) (address - last);
  if (block + 1 < buffer->n_blocks && !buffer->dies[block + 1] && address + hat_footprint (size) == buffer->extent[block + 1].address)
    hat_column_put (addresses, HAT_TRANSIENT_BEFORE);
  else if (block > 0 && !buffer->dies[block - 1] && buffer->extent[block - 1].address + hat_footprint (buffer->extent[block - 1].size) == address)
    hat_column_put (addresses, HAT_TRANSIENT_BEHIND);
  else if (address + hat_footprint (size) == last)
    hat_column_put (addresses, HAT_TRANSIENT_BEFORE_LAST);
  else if ((difference & 15) != 0)
    {
      hat_column_put (addresses, HAT_TRANSIENT_UNALIGNED);
      hat_column_put_signed (addresses, difference);
    }
  else
    hat_column_put (addresses, HAT_TRANSIENT_FAR + hat_zigzag (difference >> 4));
}

/* Returns the address. */
static inline guint64
encode_transient_address (HatEventEncoder *self, guint32 thread, guint32 block, guint64 last)
{
  const HatExtent extent = self->buffer->extent[block];
  HatPile *pile = &self->piles[hat_place (thread, extent.size)];
  const guint depth = hat_pile_find (pile, extent.address);
  if (G_LIKELY (depth < pile->n))
    {
      hat_pile_take (pile, depth);
      hat_column_put (&self->columns[HAT_COLUMN_TRANSIENT_ADDRESSES], HAT_TRANSIENT_PILE + depth);
    }
  else
    encode_fresh_address (self, block, extent.address, extent.size, last);
  return extent.address;
}

static void
encode_transient_addresses (HatEventEncoder *self)
{
  HatEventBuffer *buffer = self->buffer;
  hat_piles_init (self->piles, self->rows);
  guint64 last = 0;
  guint32 block = buffer->n_blocks, i = buffer->n_events;
  for (guint32 run = buffer->n_threads; run-- > 0;)
    {
      const guint32 thread = buffer->threads[run].thread;
      while (i > buffer->threads[run].first)
        {
          const guint32 ended = buffer->ended[--i];
          __builtin_prefetch (&buffer->extent[buffer->ended[(i - DEATHS_AHEAD) % HAT_CHUNK_EVENTS]]); /* or of no block: no matter */
          if (buffer->kind[i] & HAT_KIND_MAKES)
            {
              block--;
              hat_pile_push (&self->piles[hat_place (thread, buffer->extent[block].size)], buffer->extent[block].address);
            }
          if (ended != HAT_NOT_OURS)
            {
              last = encode_transient_address (self, thread, ended, last);
              buffer->dies[ended] = FALSE; /* seen backwards, it has come alive: from here on its address is known */
            }
        }
    }
}

/* ---- all of it ---- */

/* One zstd frame a plane: each then has its own statistics. First which planes there are, then their lengths, then all data. */
static void
pack_columns (HatEventEncoder *self, HatBytes *out)
{
  guint64 present = 0;
  gsize lengths[HAT_N_COLUMNS * HAT_N_PLANES];
  const guint8 *planes[HAT_N_COLUMNS * HAT_N_PLANES];
  for (guint i = 0; i < HAT_N_COLUMNS * HAT_N_PLANES; i++)
    {
      const HatColumnWriter *column = &self->columns[i / HAT_N_PLANES];
      const guint plane = i % HAT_N_PLANES;
      planes[i] = plane == 2 ? column->more.data : column->start[plane];
      lengths[i] = plane == 2 ? column->more.len : (gsize) (column->at[plane] - column->start[plane]);
      present |= (guint64) (lengths[i] > 0) << i;
    }
  hat_bytes_put_varint (out, present);

  self->packed.len = 0;
  for (guint i = 0; i < HAT_N_COLUMNS * HAT_N_PLANES; i++)
    {
      if (lengths[i] == 0)
        continue;
      const gsize bound = ZSTD_compressBound (lengths[i]);
      hat_bytes_reserve (&self->packed, bound);
      guint8 *to = self->packed.data + self->packed.len;
      gsize stored = ZSTD_compress2 (self->zstd, to, bound, planes[i], lengths[i]);
      if (ZSTD_isError (stored) || stored >= lengths[i])
        {
          stored = lengths[i];
          memcpy (to, planes[i], stored);
        }
      self->packed.len += stored;
      hat_bytes_put_varint (out, lengths[i]);
      hat_bytes_put_varint (out, stored);
    }
  hat_bytes_put (out, self->packed.data, self->packed.len);
}

void
hat_event_encoder_encode (HatEventEncoder *self, HatEventBuffer *buffer, gint64 after_ns, HatChunk *out_chunk, HatBytes *out)
{
  g_return_if_fail (buffer->n_events >= 1);

  for (guint i = 0; i < HAT_N_COLUMNS; i++)
    {
      memcpy (self->columns[i].at, self->columns[i].start, sizeof self->columns[i].at);
      self->columns[i].more.len = 0;
    }
  self->n_stacks = self->n_in_map = 0;
  self->last_new = 0;
  self->buffer = buffer;
  *out_chunk = (HatChunk){ .first_event = buffer->first_event, .n_events = buffer->n_events,
                           .first_block = buffer->first_block, .n_blocks = buffer->n_blocks };

  put_bits (&self->columns[HAT_COLUMN_SURVIVES], buffer->dies, buffer->n_blocks, 0, TRUE);
  encode_old_deaths (self);
  encode_rarities (self);
  encode_threads (self);
  encode_kinds (self);
  resize_map (self, MIN_MAP_BITS);
  const gint64 bound = encode_ticks (self, out_chunk, after_ns);
  encode_survivors (self);
  encode_forward (self);
  encode_transient_addresses (self);

  hat_chunk_write_head (out, out_chunk);
  hat_bytes_put_varint (out, bound - out_chunk->end_ns);
  pack_columns (self, out);
}

void
hat_event_encoder_span (HatEventEncoder *self, HatSpan *out_span)
{
  *out_span = (HatSpan){ .n_born = self->n_born, .n_died = self->buffer->n_died, .born = self->born, .died = self->buffer->died };
}
