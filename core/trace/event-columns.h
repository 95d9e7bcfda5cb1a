/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the encoder and the decoder of a chunk of events agree on: its columns and its predictors. FORMAT.md has the whole
 * description.
 *
 * Blocks made in the chunk are survivors (alive at its end) or transients. Survivors, and the older blocks that died, have
 * columns of their own: these two are the span of the chunk, and can be read without the rest. Transients may use everything
 * known of the survivors: their addresses are predicted backwards in time, because seen backwards an allocation puts its
 * address on the allocator's stack of free chunks, and a free takes it from there. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"

/* The order on disk. */
typedef enum
{
  HAT_COLUMN_KINDS,             /* runs, of all events of one thread, then of the next: HatEventKind in the low 3 bits, events - 1 above */
  HAT_COLUMN_SURVIVES,          /* plane 0: a bit per block made (low bits first): it outlives the chunk */
  HAT_COLUMN_OLD,               /* plane 0: a bit per block ended: it is older than the chunk */
  HAT_COLUMN_TICKS,             /* runs of events in one tick: gap to the last tick, number of events */
  HAT_COLUMN_THREADS,           /* of runs of events */
  HAT_COLUMN_THREAD_RUNS,       /* number of events of each, two in a byte: see HAT_RUN_MANY */
  HAT_COLUMN_SURVIVOR_STACKS,   /* HAT_STACK_CODE_* */
  HAT_COLUMN_SURVIVOR_NEW,      /* of stacks new to a thread: signed difference to the last one that was new to all, or which of these it is */
  HAT_COLUMN_SURVIVOR_SIZES,    /* hat_column_put_size() of 0 = as last time with this stack, else size + 1 (2^64 - 1 wraps to nothing: refused) */
  HAT_COLUMN_SURVIVOR_ADDRESSES,/* HAT_ADDRESS_* */
  HAT_COLUMN_OLD_DEATHS,        /* if any: HatDeathCode, then one a death */
  HAT_COLUMN_TRANSIENT_STACKS,
  HAT_COLUMN_TRANSIENT_NEW,
  HAT_COLUMN_TRANSIENT_SIZES,
  HAT_COLUMN_TRANSIENT_DEATHS,  /* which transient dies */
  HAT_COLUMN_TRANSIENT_ADDRESSES, /* in order of death, last one first */
  HAT_COLUMN_NOT_TEMPORARY,     /* numbers of frees between those whose `temporary` is not what the chunk suggests */
  HAT_COLUMN_FREE_STACKS,       /* one number per FREE, or empty when no free has a stack */
  HAT_COLUMN_UNKNOWN_ADDRESSES, /* signed difference to the last one */
  HAT_N_COLUMNS,
} HatColumn;

/* Numbers of a column are varints whose first bytes, second bytes and further bytes are kept apart, in planes: bytes of one kind
 * compress better without the others in between. */
#define HAT_N_PLANES 3u

#define HAT_COLUMN_NUMBERS (HAT_CHUNK_EVENTS * 2u) /* at most: two an event */
#define HAT_PLANE_MAX (HAT_COLUMN_NUMBERS * 8u) /* bytes of any plane: the last 50 bits of each number are in plane 2 */

/* Planes 0 and 1 have room for HAT_COLUMN_NUMBERS from the start, and one more: no number needs to ask. */
typedef struct
{
  guint8 *start[2], *at[2]; /* where they begin, and where the next byte goes */
  HatBytes more; /* plane 2 */
} HatColumnWriter;

static inline void
hat_column_put (HatColumnWriter *column, guint64 value)
{
  if (G_LIKELY (value < 0x80))
    {
      *column->at[0]++ = (guint8) value;
      return;
    }
  *column->at[0]++ = (guint8) (value | 0x80);
  value >>= 7;
  *column->at[1]++ = (guint8) ((value & 0x7f) | (guint8) (value >= 0x80) << 7);
  if (value >= 0x80)
    hat_bytes_put_varint (&column->more, value >> 7);
}

/* A size + 1. From 128 on its lowest four bits are in plane 1: where sizes are random they are, and the bytes of plane 0 remain few. Without a
 * branch, as it is random which sizes are small. */
#define HAT_SIZE_STEPS 127u /* of 16 bytes that plane 0 can say; with these, plane 2 has the rest */

static inline void
hat_column_put_size (HatColumnWriter *column, guint64 value)
{
  const gboolean is_large = value >= 0x80;
  const guint64 steps = (value >> 4) - 8;
  *column->at[0]++ = (guint8) (is_large ? 0x80 | MIN (steps, HAT_SIZE_STEPS) : value);
  *column->at[1] = value & 15;
  column->at[1] += is_large;
  if (G_UNLIKELY (is_large && steps >= HAT_SIZE_STEPS))
    hat_bytes_put_varint (&column->more, steps - HAT_SIZE_STEPS);
}

static inline void
hat_column_put_signed (HatColumnWriter *column, gint64 value)
{
  hat_column_put (column, hat_zigzag (value));
}

typedef struct
{
  HatReader planes[HAT_N_PLANES];
} HatColumnReader;

static inline gboolean
hat_plane_take (HatReader *plane, guint8 *out)
{
  if (G_UNLIKELY (plane->at == plane->end))
    {
      plane->bad = TRUE;
      return FALSE;
    }
  *out = *plane->at++;
  return TRUE;
}

static inline guint64
hat_column_get (HatColumnReader *column)
{
  guint8 low, high;
  if (!hat_plane_take (&column->planes[0], &low))
    return 0;
  if (G_LIKELY (low < 0x80))
    return low;
  if (!hat_plane_take (&column->planes[1], &high))
    return 0;
  const guint64 value = (low & 0x7fu) | (high & 0x7fu) << 7;
  if (high < 0x80)
    return value;
  return value | hat_reader_varint (&column->planes[2]) << 14;
}

/* Wraps if damaged. */
static inline guint64
hat_column_get_size (HatColumnReader *column)
{
  guint8 code, low;
  if (!hat_plane_take (&column->planes[0], &code))
    return 0;
  if (code < 0x80)
    return code;
  if (!hat_plane_take (&column->planes[1], &low))
    return 0;
  guint64 steps = code & 0x7f;
  if (G_UNLIKELY (steps == HAT_SIZE_STEPS))
    steps += hat_reader_varint (&column->planes[2]);
  return (steps + 8) << 4 | (low & 15);
}

static inline gint64
hat_column_get_signed (HatColumnReader *column)
{
  return hat_unzigzag (hat_column_get (column));
}

/* As hat_reader_upto(). */
static inline guint64
hat_column_get_upto (HatColumnReader *column, guint64 max)
{
  const guint64 value = hat_column_get (column);
  if (G_LIKELY (value <= max))
    return value;
  column->planes[0].bad = TRUE;
  return 0;
}

static inline gboolean
hat_column_is_used_up (const HatColumnReader *column)
{
  for (guint i = 0; i < HAT_N_PLANES; i++)
    if (column->planes[i].bad || hat_reader_left (&column->planes[i]) != 0)
      return FALSE;
  return TRUE;
}

/* An event as both sides keep it in memory: its HatEventKind in the low 3 bits, and: */
enum
{
  HAT_KIND_MASK = 7,
  HAT_KIND_SURVIVES = 8, /* decoder: the block made outlives the chunk */
  HAT_KIND_OLD = 16,     /* the block ended is older than the chunk */
  HAT_KIND_TEMPORARY = 32, /* encoder: the free was temporary */
  /* What the kind says, ready for the encoder: */
  HAT_KIND_MAKES = 8,
  HAT_KIND_ENDS = 64,
  HAT_KIND_IS_FREE = 128,
};

#define HAT_TICK_NS 100000

/* Which of two ways to write a number has taken fewer bits of late: the second one if above 0. Writer and reader keep it alike. */
typedef gint32 HatChoice;

static inline guint
hat_n_bits (guint64 value)
{
  return 64 - (guint) __builtin_clzll (value | 1);
}

static inline void
hat_choice_learn (HatChoice *choice, guint64 first, guint64 second)
{
  const gint32 gain = (gint32) hat_n_bits (first) - (gint32) hat_n_bits (second);
  *choice += (gain * 256 - *choice) >> 4;
}

/* What a chunk knows of a thread. */
typedef struct
{
  guint32 n_events;
  guint32 first;          /* of its events, where they lie in order of threads; and number of its first stack: there are no more of them */
  guint32 n_passed;       /* events, on the way through all of them */
  guint32 n_stacks;
  guint32 n_living, n_holes; /* its transients: see HAT_HOLE */
  guint32 expected;       /* place among them behind the one that died last */
  guint32 last_made;      /* block of the chunk + 1; 0 = none, as below */
  guint32 survivor_stack; /* number of its last survivor's stack + 1 */
  guint32 stack;          /* number of its last block's stack + 1 */
  HatChoice choice;       /* of a survivor's address: from `last` or from `lowest` */
  guint64 last, last_end, lowest; /* of its survivors */
} HatThreadState;

/* Once all n_events are known. */
static inline void
hat_thread_states_place (HatThreadState *states, guint n)
{
  for (guint32 i = 0, first = 0; i < n; first += states[i++].n_events)
    states[i].first = first;
}

/* Learns an address; `footprint` of its block. */
static inline void
hat_thread_state_survivor (HatThreadState *state, guint64 address, guint64 footprint)
{
  if (G_LIKELY (state->last != 0))
    hat_choice_learn (&state->choice, hat_zigzag ((gint64) (address - state->last)), address - state->lowest);
  state->lowest = state->lowest == 0 ? address : MIN (state->lowest, address);
  state->last = address;
  state->last_end = address + footprint;
}

/* What a survivor's address is coded from. Half a bit is in favour of the lowest one: a difference to it is as likely large as small, which packs
 * better than one between two random addresses. */
static inline guint64
hat_thread_state_base (const HatThreadState *state)
{
  return state->choice > -128 ? state->lowest : state->last;
}

static inline gboolean
hat_kind_makes (guint8 kind)
{
  return (1u << HAT_EVENT_ALLOC | 1u << HAT_EVENT_REALLOC) >> (kind & HAT_KIND_MASK) & 1;
}

static inline gboolean
hat_kind_ends (guint8 kind)
{
  return (1u << HAT_EVENT_FREE | 1u << HAT_EVENT_REALLOC | 1u << HAT_EVENT_MISSED_FREE) >> (kind & HAT_KIND_MASK) & 1;
}

/* Lengths of runs of a thread's events - 1 in plane 0, in halves of bytes, the low one first. This one says that the rest is in plane 2. */
#define HAT_RUN_MANY 15u

/* Size classes as allocators have them: steps of 16 bytes, then a quarter of a power of two. */
#define HAT_N_CLASSES 284u

static inline guint
hat_size_class (guint64 size)
{
  if (size <= 1032)
    return (guint) ((size + 23) >> 4);
  const guint log2 = 63 - __builtin_clzll (size);
  return 66 + 4 * (log2 - 10) + ((size >> (log2 - 2)) & 3);
}

/* Threads have freed addresses of their own, and last addresses of a class. Many threads may share a place: what it holds is a guess. */
#define HAT_N_PLACES 512u

static inline guint
hat_place (guint32 thread, guint64 size)
{
  return (hat_size_class (size) + 37 * thread) % HAT_N_PLACES;
}

/* What a block takes up in a heap with 8 bytes before each block, 16 aligned: where the next one would begin. */
static inline guint64
hat_footprint (guint64 size)
{
  const guint64 bytes = (size + 23) & ~15ull;
  return MAX (bytes, 32);
}

/* Recently freed addresses of one place, last one first out. They lie in a row, `n` below `top`, and move down when the row is full. */
#define HAT_PILE_DEPTH 64u
typedef struct
{
  guint32 top, n;
  guint64 *at; /* 2 HAT_PILE_DEPTH, and one before them */
} HatPile;

typedef guint64 HatPileRow[2 * HAT_PILE_DEPTH + 1];

/* HAT_N_PLACES of each. */
static inline void
hat_piles_init (HatPile *piles, HatPileRow *rows)
{
  for (guint i = 0; i < HAT_N_PLACES; i++)
    piles[i] = (HatPile){ .at = rows[i] + 1 };
}

static inline void
hat_pile_push (HatPile *pile, guint64 address)
{
  if (G_UNLIKELY (pile->top == 2 * HAT_PILE_DEPTH))
    {
      memmove (pile->at, pile->at + HAT_PILE_DEPTH + 1, (HAT_PILE_DEPTH - 1) * sizeof *pile->at);
      pile->top = HAT_PILE_DEPTH - 1;
    }
  pile->at[pile->top++] = address;
  pile->n = MIN (pile->n + 1, HAT_PILE_DEPTH);
}

/* Depth of the address in the pile, or pile->n. */
static inline guint
hat_pile_find (HatPile *pile, guint64 address)
{
  guint64 *top = pile->at + pile->top - 1, *at = top;
  top[-(gint) pile->n] = address; /* ends the search */
#pragma GCC unroll 4
  while (*at != address)
    at--;
  return (guint) (top - at);
}

/* Takes out the `depth`th from the top (depth < pile->n). */
static inline guint64
hat_pile_take (HatPile *pile, guint depth)
{
  guint64 *at = &pile->at[pile->top - 1 - depth];
  const guint64 address = *at;
  for (guint i = 0; i < depth; i++)
    at[i] = at[i + 1];
  pile->top--;
  pile->n--;
  return address;
}

/* Codes of a survivor's address: */
enum
{
  HAT_SURVIVOR_NEXT = 0,      /* behind its thread's survivor before */
  HAT_SURVIVOR_CLASS_NEXT = 1,/* behind the last survivor of its class */
  HAT_SURVIVOR_CLASS_BEFORE = 2, /* in front of it */
  HAT_SURVIVOR_UNALIGNED = 3, /* then the signed difference to hat_thread_state_base() */
  HAT_SURVIVOR_FAR = 4,       /* + zigzag of the difference in units of 16 */
};

/* Codes of a transient's address, at its death: */
enum
{
  HAT_TRANSIENT_PILE = 0, /* 0-63: depth in the pile of its class */
  HAT_TRANSIENT_PILE_MAX = 63,
  HAT_TRANSIENT_BEFORE = 64, /* ends where the block made next begins, if that one's address is known by now */
  HAT_TRANSIENT_BEHIND = 65, /* begins where the block made before ends, likewise */
  HAT_TRANSIENT_BEFORE_LAST = 66, /* ends where the transient coded last begins */
  HAT_TRANSIENT_UNALIGNED = 67, /* then the signed difference to the transient coded last */
  HAT_TRANSIENT_FAR = 68, /* + zigzag of the difference in units of 16 */
};

/* Codes of a stack: */
enum
{
  HAT_STACK_CODE_NEXT = 0, /* what followed the thread's last stack when that was seen last */
  HAT_STACK_CODE_NEW = 1,  /* new to the chunk: the next difference in the column of new stacks */
  HAT_STACK_CODE_OTHER = 2, /* new to the thread: the column of new stacks says how many stacks ago it was new to the chunk */
  HAT_STACK_CODE_AGO = 3,  /* + how many of the thread's stacks ago it was new to the thread */
};

/* Codes of old deaths in a chunk: */
typedef enum
{
  HAT_DEATH_CODE_STEP, /* signed difference of block ids to (the last old death + 1) */
  HAT_DEATH_CODE_AGE,  /* how many blocks were made between it and the chunk */
} HatDeathCode;

/* Codes of a transient's death: */
#define HAT_DEATH_NEAR 16u /* below: how many of its thread's living ones are behind it */
#define HAT_DEATH_STEP 32u /* then below: zigzag of the difference of its place to the expected one */
#define HAT_DEATH_FOREIGN 48u /* it was made by another thread: then the signed difference of its block to the one behind the last such one */
#define HAT_DEATH_FAR 33u /* else + how many are behind it: 16 and more */

/* A thread's living transients lie in the order of their births. One that has died leaves a hole, which goes when it is the last in the row, or when
 * more than a quarter are holes: then all move together. So its place is nearly its rank, without a tree. Blocks that another thread ends stay. The
 * last of HAT_CHUNK_EVENTS blocks is no transient: */
#define HAT_HOLE G_MAXUINT16

/* Moves those from `from` to before `end` to `to` and up. Returns where they end. Without a branch: it is random where the holes are. */
static inline guint32
hat_close_holes (guint16 *living, guint32 from, guint32 end, guint32 to, guint16 *place)
{
#pragma GCC unroll 4
  for (guint32 i = from; i < end; i++)
    {
      const guint16 block = living[i];
      living[to] = block;
      if (place)
        place[block] = (guint16) to;
      to += block != HAT_HOLE;
    }
  return to;
}

/* Takes out a transient of the thread. `living` are those of the thread; `place`, if wanted, of HAT_CHUNK_EVENTS, is told of
 * each block that moves. */
static inline void
hat_thread_state_died (HatThreadState *state, guint16 *living, guint32 at, guint16 *place)
{
  living[at] = HAT_HOLE;
  state->expected = at + 1;
  state->n_holes++;
  while (state->n_living > 0 && living[state->n_living - 1] == HAT_HOLE)
    {
      state->n_living--;
      state->n_holes--;
    }
  if (state->n_holes * 4 <= state->n_living)
    return;
  const guint32 before = at < state->n_living ? at : 0; /* what is behind it has just gone */
  state->expected = hat_close_holes (living, 0, before, 0, place);
  state->n_living = hat_close_holes (living, before, state->n_living, state->expected, place);
  state->n_holes = 0;
}
