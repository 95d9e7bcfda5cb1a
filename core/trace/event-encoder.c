/* SPDX-License-Identifier: Apache-2.0 */

/* Events to columns. The encoder sees the whole chunk, so it knows each block's fate before it writes a byte. */

#include "core/trace/event-encoder.h"
#include "core/trace/container.h"
#include "core/trace/event-columns.h"

#include <zstd.h>

#define NOT_OURS G_MAXUINT32
#define TEMPORARY 32 /* a bit of a kind, next to HAT_KIND_OLD */
#define MAP_BITS 17 /* twice as many slots as a chunk can have stacks */

typedef struct
{
  HatStackId stack;
  guint32 number; /* + 1; 0 = empty */
} Slot;

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

  /* By event. The events themselves, 56 bytes each, are more than a core's cache holds: they are read once. */
  guint8 kind[HAT_CHUNK_EVENTS];  /* HatEventKind, and bits of it */
  guint32 ended[HAT_CHUNK_EVENTS]; /* block of the chunk that it ends; NOT_OURS */
  guint32 thread[HAT_CHUNK_EVENTS];
  gint64 time_ns[HAT_CHUNK_EVENTS];

  /* By block of the chunk. */
  guint8 dies[HAT_CHUNK_EVENTS];
  guint32 number[HAT_CHUNK_EVENTS]; /* of a transient among the transients */
  HatStackId stack[HAT_CHUNK_EVENTS];
  guint32 stack_number[HAT_CHUNK_EVENTS]; /* of survivors */
  guint32 made_at[HAT_CHUNK_EVENTS];      /* event */

  HatBlock born[HAT_CHUNK_EVENTS]; /* the survivors */
  HatBlockId died[HAT_CHUNK_EVENTS]; /* blocks older than the chunk */
  guint32 n_born, n_died;
  guint64 address[HAT_CHUNK_EVENTS], size[HAT_CHUNK_EVENTS];

  /* By number of a stack of the chunk, in the order of the columns that introduce them. */
  guint32 follower[HAT_CHUNK_EVENTS + 1];
  guint64 last_size[HAT_CHUNK_EVENTS + 1];
  guint32 n_stacks;
  HatStackId last_new;
  Slot map[1u << MAP_BITS];

  HatPile piles[HAT_N_CLASSES];
  guint64 class_address[HAT_N_CLASSES];
  GArray *last_made; /* per thread: its last block of the chunk + 1 */
  GArray *runs;      /* Run */
};

HatEventEncoder *
hat_event_encoder_new (void)
{
  HatEventEncoder *encoder = g_new0 (HatEventEncoder, 1);
  encoder->zstd = ZSTD_createCCtx ();
  encoder->last_made = g_array_new (FALSE, TRUE, sizeof (guint32));
  encoder->runs = g_array_new (FALSE, FALSE, sizeof (Run));
  return encoder;
}

void
hat_event_encoder_free (HatEventEncoder *encoder)
{
  if (encoder == NULL)
    return;
  for (guint i = 0; i < HAT_N_COLUMNS; i++)
    for (guint plane = 0; plane < HAT_N_PLANES; plane++)
      hat_bytes_clear (&encoder->columns[i].planes[plane]);
  hat_bytes_clear (&encoder->packed);
  ZSTD_freeCCtx (encoder->zstd);
  g_array_unref (encoder->last_made);
  g_array_unref (encoder->runs);
  g_free (encoder);
}

/* The one pass over the events. Finds out which blocks die in the chunk, and codes what nearly never occurs. */
static void
read_events (HatEventEncoder *self, const HatEvent *events, HatChunk *chunk)
{
  HatColumnWriter *old_deaths = &self->columns[HAT_COLUMN_OLD_DEATHS], *unknown = &self->columns[HAT_COLUMN_UNKNOWN_ADDRESSES];
  const guint64 first_block = chunk->first_block;
  guint64 last_death = first_block, last_unknown = 0;
  guint32 n_blocks = 0, n_transients = 0, n_died = 0;
  HatStackId any_free_stack = HAT_STACK_NONE;

  for (guint32 i = 0; i < chunk->n_events; i++)
    {
      const HatEvent *event = &events[i];
      guint8 kind = event->kind | (event->temporary ? TEMPORARY : 0);
      self->ended[i] = NOT_OURS;
      if (event->old >= first_block)
        {
          const guint64 block = event->old - first_block;
          g_assert (block < n_blocks && !self->dies[block]); /* a block ends once, after its birth */
          self->dies[block] = TRUE;
          self->ended[i] = (guint32) block;
        }
      else if (event->old != 0)
        {
          kind |= HAT_KIND_OLD;
          hat_column_put_signed (old_deaths, (gint64) (event->old - last_death - 1));
          last_death = self->died[n_died++] = event->old;
        }
      if (hat_kind_makes (kind))
        {
          self->address[n_blocks] = event->address;
          self->size[n_blocks] = MIN (event->size, G_MAXUINT64 - 1);
          self->stack[n_blocks] = event->stack;
          self->made_at[n_blocks] = i;
          self->dies[n_blocks++] = FALSE;
        }
      else
        any_free_stack |= event->kind == HAT_EVENT_FREE ? event->stack : HAT_STACK_NONE;
      if (G_UNLIKELY (event->kind == HAT_EVENT_UNKNOWN_FREE))
        {
          hat_column_put_signed (unknown, (gint64) (event->address - last_unknown));
          last_unknown = event->address;
        }
      self->kind[i] = kind;
      self->thread[i] = event->thread;
      self->time_ns[i] = event->time_ns;
    }
  for (guint32 block = 0; block < n_blocks; block++)
    {
      self->number[block] = n_transients;
      n_transients += self->dies[block];
    }
  chunk->n_blocks = n_blocks;
  self->n_died = n_died;

  if (any_free_stack == HAT_STACK_NONE)
    return;
  for (guint32 i = 0; i < chunk->n_events; i++)
    if (events[i].kind == HAT_EVENT_FREE)
      hat_column_put (&self->columns[HAT_COLUMN_FREE_STACKS], events[i].stack);
}

/* ---- kind, time, thread ---- */

typedef struct
{
  HatBytes *bytes;
  guint n;
  guint8 byte;
} BitWriter;

static inline void
put_bit (BitWriter *writer, gboolean bit)
{
  writer->byte |= (guint8) (bit << writer->n % 8);
  if (++writer->n % 8 == 0)
    {
      hat_bytes_put_byte (writer->bytes, writer->byte);
      writer->byte = 0;
    }
}

static void
end_bits (BitWriter *writer)
{
  if (writer->n % 8 != 0)
    hat_bytes_put_byte (writer->bytes, writer->byte);
}

static void
encode_kinds (HatEventEncoder *self, const HatChunk *chunk)
{
  BitWriter survives = { &self->columns[HAT_COLUMN_SURVIVES].planes[0] }, old = { &self->columns[HAT_COLUMN_OLD].planes[0] };
  const guint8 *kind = self->kind;

  for (guint32 block = 0; block < chunk->n_blocks; block++)
    put_bit (&survives, !self->dies[block]);
  end_bits (&survives);
  for (guint32 i = 0; i < chunk->n_events; i++)
    if (hat_kind_ends (kind[i]))
      put_bit (&old, (kind[i] & HAT_KIND_OLD) != 0);
  end_bits (&old);
  for (guint32 i = 0, end; i < chunk->n_events; i = end)
    {
      for (end = i + 1; end < chunk->n_events && ((kind[end] ^ kind[i]) & HAT_KIND_MASK) == 0;)
        end++;
      hat_column_put (&self->columns[HAT_COLUMN_KINDS], (guint64) (end - i - 1) << 3 | (kind[i] & HAT_KIND_MASK));
    }
}

/* A free is taken for temporary if it ends the block that its thread made last in this chunk; the exceptions are coded. */
static void
encode_temporary (HatEventEncoder *self, const HatChunk *chunk)
{
  g_array_set_size (self->last_made, 0);
  guint32 n_made = 0, gap = 0;
  for (guint32 i = 0; i < chunk->n_events; i++)
    {
      const guint8 kind = self->kind[i];
      if (G_UNLIKELY (self->thread[i] >= self->last_made->len))
        g_array_set_size (self->last_made, self->thread[i] + 1);
      guint32 *last_made = &g_array_index (self->last_made, guint32, self->thread[i]);
      if (hat_kind_makes (kind))
        *last_made = ++n_made;
      if ((kind & HAT_KIND_MASK) != HAT_EVENT_FREE)
        continue;
      const gboolean guess = *last_made != 0 && self->ended[i] == *last_made - 1;
      if (G_LIKELY (guess == ((kind & TEMPORARY) != 0)))
        gap++;
      else
        {
          hat_column_put (&self->columns[HAT_COLUMN_NOT_TEMPORARY], gap);
          gap = 0;
        }
    }
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
  gint64 from = MAX (MAX (self->time_ns[0], after_ns + 1), 0), last_time = from;
  gint64 tick = from / HAT_TICK_NS, next = (tick + 1) * HAT_TICK_NS, gap = 0;
  guint32 first = 0;
  g_array_set_size (self->runs, 0);
  for (guint32 i = 0; i < chunk->n_events; i++)
    {
      last_time = MAX (last_time, self->time_ns[i]);
      const gboolean has_room = from + (i - first) < next; /* for more times in this tick */
      if (G_LIKELY (last_time < next && has_room))
        continue;
      const gint64 own = last_time < next ? tick + 1 : last_time / HAT_TICK_NS;
      end_run (self, gap, first, i - first, from, next);
      gap = own - tick - 1;
      tick = own;
      from = tick * HAT_TICK_NS;
      next = from + HAT_TICK_NS;
      first = i;
    }
  const guint32 count = chunk->n_events - first;
  const gint64 bound = MAX (MIN (last_time + 1, next), from + count);
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

static void
encode_threads (HatEventEncoder *self, guint32 n)
{
  HatColumnWriter *threads = &self->columns[HAT_COLUMN_THREADS];
  for (guint32 i = 0, end; i < n; i = end)
    {
      for (end = i + 1; end < n && self->thread[end] == self->thread[i];)
        end++;
      hat_column_put (threads, self->thread[i]);
      hat_column_put (threads, end - i);
    }
}

/* ---- stacks and sizes ---- */

#define NO_NUMBER G_MAXUINT32

/* Number of a stack in the chunk, NO_NUMBER if it is new (it then gets the next one). */
static inline guint32
number_of_stack (HatEventEncoder *self, HatStackId stack)
{
  guint32 at = (stack * 0x9E3779B1u) >> (32 - MAP_BITS);
  while (self->map[at].number != 0 && self->map[at].stack != stack)
    at = (at + 1) & ((1u << MAP_BITS) - 1);
  if (self->map[at].number != 0)
    return self->map[at].number - 1;
  self->map[at] = (Slot){ stack, ++self->n_stacks };
  self->follower[self->n_stacks - 1] = NO_NUMBER;
  self->last_size[self->n_stacks - 1] = 0;
  return NO_NUMBER;
}

/* Codes stack and size of a block, given the stack of the one before. `column` is the first of three: codes, new, sizes. */
static guint32
encode_stack_and_size (HatEventEncoder *self, guint column, guint32 before, HatStackId stack, guint64 size)
{
  HatColumnWriter *codes = &self->columns[column], *new_stacks = &self->columns[column + 1], *sizes = &self->columns[column + 2];
  guint32 number = number_of_stack (self, stack);
  if (number == NO_NUMBER)
    {
      number = self->n_stacks - 1;
      hat_column_put (codes, HAT_STACK_CODE_NEW);
      hat_column_put_signed (new_stacks, (gint64) stack - self->last_new);
      self->last_new = stack;
    }
  else if (before != NO_NUMBER && self->follower[before] == number)
    hat_column_put (codes, HAT_STACK_CODE_NEXT);
  else
    hat_column_put (codes, HAT_STACK_CODE_AGO + self->n_stacks - 1 - number);
  if (before != NO_NUMBER)
    self->follower[before] = number;

  hat_column_put (sizes, self->last_size[number] == size + 1 ? 0 : size + 1);
  self->last_size[number] = size + 1;
  return number;
}

/* ---- survivors: the span ---- */

static void
encode_survivor_address (HatEventEncoder *self, guint64 address, guint64 size, guint64 *last, guint64 *last_end)
{
  HatColumnWriter *addresses = &self->columns[HAT_COLUMN_SURVIVOR_ADDRESSES];
  const guint64 footprint = hat_footprint (size);
  guint64 *class_address = &self->class_address[hat_size_class (size)];
  const gint64 difference = (gint64) (address - *last);
  if (address == *last_end)
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
  *last = *class_address = address;
  *last_end = address + footprint;
}

static void
encode_survivors (HatEventEncoder *self, const HatChunk *chunk)
{
  memset (self->class_address, 0, sizeof (self->class_address));
  const Run *run = (const Run *) (gpointer) self->runs->data;
  guint64 last = 0, last_end = 0;
  guint32 before = NO_NUMBER, n_born = 0;
  for (guint32 block = 0; block < chunk->n_blocks; block++)
    {
      if (self->dies[block])
        continue;
      const guint32 at = self->made_at[block];
      while (at >= run->first + run->count)
        run++;
      self->born[n_born++] = (HatBlock){ .address = self->address[block],
                                         .size = self->size[block],
                                         .id = chunk->first_block + block,
                                         .birth_ns = time_in_run (run, at),
                                         .stack = self->stack[block],
                                         .thread = self->thread[at] };
      before = encode_stack_and_size (self, HAT_COLUMN_SURVIVOR_STACKS, before, self->stack[block], self->size[block]);
      self->stack_number[block] = before;
      encode_survivor_address (self, self->address[block], self->size[block], &last, &last_end);
    }
  self->n_born = n_born;
}

/* ---- transients ---- */

static void
encode_transients (HatEventEncoder *self, const HatChunk *chunk)
{
  HatColumnWriter *deaths = &self->columns[HAT_COLUMN_TRANSIENT_DEATHS];
  guint32 block = 0, n = 0, before = NO_NUMBER, expected = 0;
  for (guint32 i = 0; i < chunk->n_events; i++)
    {
      if (self->ended[i] != NOT_OURS)
        {
          const guint32 number = self->number[self->ended[i]];
          const guint32 age = n - 1 - number;
          const guint64 step = hat_zigzag ((gint64) number - expected);
          if (age < HAT_DEATH_NEAR)
            hat_column_put (deaths, age);
          else if (step < HAT_DEATH_STEP)
            hat_column_put (deaths, HAT_DEATH_NEAR + step);
          else
            hat_column_put (deaths, HAT_DEATH_NEAR + HAT_DEATH_STEP + age);
          expected = number + 1;
        }
      if (!hat_kind_makes (self->kind[i]))
        continue;
      if (self->dies[block])
        {
          before = encode_stack_and_size (self, HAT_COLUMN_TRANSIENT_STACKS, before, self->stack[block], self->size[block]);
          n++;
        }
      else
        before = self->stack_number[block];
      block++;
    }
}

static void
encode_transient_address (HatEventEncoder *self, guint32 block, guint32 n_blocks, guint64 *last)
{
  HatColumnWriter *addresses = &self->columns[HAT_COLUMN_TRANSIENT_ADDRESSES];
  const guint64 address = self->address[block], size = self->size[block];
  HatPile *pile = &self->piles[hat_size_class (size)];
  const guint depths = MIN (pile->n, HAT_TRANSIENT_PILE_MAX + 1);
  guint depth = 0;
  while (depth < depths && pile->at[(pile->top - 1 - depth) % HAT_PILE_DEPTH] != address)
    depth++;
  const gint64 difference = (gint64) (address - *last);
  if (depth < depths)
    {
      hat_pile_take (pile, depth);
      hat_column_put (addresses, HAT_TRANSIENT_PILE + depth);
    }
  else if (block + 1 < n_blocks && !self->dies[block + 1] && address + hat_footprint (size) == self->address[block + 1])
    hat_column_put (addresses, HAT_TRANSIENT_BEFORE);
  else if (block > 0 && !self->dies[block - 1] && self->address[block - 1] + hat_footprint (self->size[block - 1]) == address)
    hat_column_put (addresses, HAT_TRANSIENT_BEHIND);
  else if (address + hat_footprint (size) == *last)
    hat_column_put (addresses, HAT_TRANSIENT_BEFORE_LAST);
  else if ((difference & 15) != 0)
    {
      hat_column_put (addresses, HAT_TRANSIENT_UNALIGNED);
      hat_column_put_signed (addresses, difference);
    }
  else
    hat_column_put (addresses, HAT_TRANSIENT_FAR + hat_zigzag (difference >> 4));
  *last = address;
}

static void
encode_transient_addresses (HatEventEncoder *self, const HatChunk *chunk)
{
  memset (self->piles, 0, sizeof (self->piles));
  guint64 last = 0;
  guint32 block = chunk->n_blocks;
  for (guint32 i = chunk->n_events; i-- > 0;)
    {
      if (hat_kind_makes (self->kind[i]))
        {
          block--;
          hat_pile_push (&self->piles[hat_size_class (self->size[block])], self->address[block]);
        }
      const guint32 ended = self->ended[i];
      if (ended != NOT_OURS)
        {
          encode_transient_address (self, ended, chunk->n_blocks, &last);
          self->dies[ended] = FALSE; /* seen backwards, it has come alive: from here on its address is known */
        }
    }
}

/* ---- all of it ---- */

/* One zstd frame a plane: each then has its own statistics. First which planes there are, then their lengths, then all data. */
static void
pack_columns (HatEventEncoder *self, HatBytes *out)
{
  guint64 present = 0;
  for (guint i = 0; i < HAT_N_COLUMNS * HAT_N_PLANES; i++)
    if (self->columns[i / HAT_N_PLANES].planes[i % HAT_N_PLANES].len > 0)
      present |= (guint64) 1 << i;
  hat_bytes_put_varint (out, present);

  self->packed.len = 0;
  for (guint i = 0; i < HAT_N_COLUMNS * HAT_N_PLANES; i++)
    {
      const HatBytes *plane = &self->columns[i / HAT_N_PLANES].planes[i % HAT_N_PLANES];
      if (plane->len == 0)
        continue;
      const gsize bound = ZSTD_compressBound (plane->len);
      hat_bytes_reserve (&self->packed, bound);
      guint8 *to = self->packed.data + self->packed.len;
      gsize stored = ZSTD_compressCCtx (self->zstd, to, bound, plane->data, plane->len, 3);
      if (ZSTD_isError (stored) || stored >= plane->len)
        {
          stored = plane->len;
          memcpy (to, plane->data, stored);
        }
      self->packed.len += stored;
      hat_bytes_put_varint (out, plane->len);
      hat_bytes_put_varint (out, stored);
    }
  hat_bytes_put (out, self->packed.data, self->packed.len);
}

void
hat_event_encoder_encode (HatEventEncoder *self, const HatEvent *events, HatChunk *chunk, gint64 after_ns, HatBytes *out)
{
  g_return_if_fail (chunk->n_events >= 1 && chunk->n_events <= HAT_CHUNK_EVENTS);

  for (guint i = 0; i < HAT_N_COLUMNS; i++)
    for (guint plane = 0; plane < HAT_N_PLANES; plane++)
      self->columns[i].planes[plane].len = 0;
  memset (self->map, 0, sizeof (self->map));
  self->n_stacks = 0;
  self->last_new = 0;

  read_events (self, events, chunk);
  encode_kinds (self, chunk);
  encode_temporary (self, chunk);
  const gint64 bound = encode_ticks (self, chunk, after_ns);
  encode_threads (self, chunk->n_events);
  encode_survivors (self, chunk);
  encode_transients (self, chunk);
  encode_transient_addresses (self, chunk);

  hat_chunk_write_head (out, chunk);
  hat_bytes_put_varint (out, bound - chunk->end_ns);
  pack_columns (self, out);
}

void
hat_event_encoder_span (HatEventEncoder *self, HatSpan *out_span)
{
  *out_span = (HatSpan){ .n_born = self->n_born, .n_died = self->n_died, .born = self->born, .died = self->died };
}
