/* SPDX-License-Identifier: Apache-2.0 */

/* Joining spans, and their columns. */

#include "core/trace/span.h"
#include "core/trace/event-columns.h"

void
hat_span_clear (HatSpan *span)
{
  g_free (span->born);
  g_free (span->died);
  *span = (HatSpan){ 0 };
}

#define DIGIT_BITS 11u

/* From the lowest digit to the highest one that differs. */
void
hat_span_sort_ids (HatBlockId *ids, gsize n)
{
  HatBlockId all_or = 0, all_and = G_MAXUINT64;
  gboolean sorted = TRUE;
  for (gsize i = 0; i < n; i++)
    {
      all_or |= ids[i];
      all_and &= ids[i];
      sorted &= i == 0 || ids[i - 1] <= ids[i];
    }
  if (sorted)
    return;
  g_autofree HatBlockId *other = g_new (HatBlockId, n);
  HatBlockId *from = ids, *to = other;
  for (guint shift = 0; shift < 64 && (all_or ^ all_and) >> shift != 0; shift += DIGIT_BITS)
    {
      gsize start[(1u << DIGIT_BITS) + 1] = { 0 };
      for (gsize i = 0; i < n; i++)
        start[(from[i] >> shift & ((1u << DIGIT_BITS) - 1)) + 1]++;
      for (guint digit = 0; digit < 1u << DIGIT_BITS; digit++)
        start[digit + 1] += start[digit];
      for (gsize i = 0; i < n; i++)
        to[start[from[i] >> shift & ((1u << DIGIT_BITS) - 1)]++] = from[i];
      HatBlockId *swap = from;
      from = to;
      to = swap;
    }
  if (from != ids)
    memcpy (ids, from, n * sizeof (*ids));
}

#define MIN_COMPACT 65536u

void
hat_span_join_init (HatSpanJoin *join, HatBlockId first_block)
{
  *join = (HatSpanJoin){ .first_block = first_block,
                         .born = g_array_new (FALSE, FALSE, sizeof (HatBlock)),
                         .died = g_array_new (FALSE, FALSE, sizeof (HatBlockId)),
                         .ended = g_byte_array_new () };
}

/* The bit of a block of the whole. */
static inline guint8 *
ended_byte (HatSpanJoin *join, guint64 own)
{
  const guint at = (guint) (own / 8);
  if (G_UNLIKELY (at >= join->ended->len))
    {
      const guint old = join->ended->len;
      g_byte_array_set_size (join->ended, MAX (at + 1, old * 2));
      memset (join->ended->data + old, 0, join->ended->len - old);
    }
  return &join->ended->data[at];
}

void
hat_span_join_compact (HatSpanJoin *join)
{
  HatBlock *born = (HatBlock *) (gpointer) join->born->data;
  guint n = 0;
  for (guint i = 0; i < join->born->len; i++)
    {
      const guint64 own = born[i].id - join->first_block;
      if (own / 8 >= join->ended->len || !(join->ended->data[own / 8] & 1u << own % 8))
        born[n++] = born[i];
    }
  g_array_set_size (join->born, n);
  join->n_compact = n;
}

void
hat_span_join_add (HatSpanJoin *join, const HatSpan *span)
{
  g_array_append_vals (join->born, span->born, span->n_born);
  for (guint i = 0; i < span->n_died; i++)
    if (span->died[i] < join->first_block)
      g_array_append_val (join->died, span->died[i]);
    else
      {
        const guint64 own = span->died[i] - join->first_block;
        *ended_byte (join, own) |= (guint8) (1u << own % 8);
      }
  join->n_seen += (guint64) span->n_born + span->n_died;
  if (join->born->len / 2 > MAX (join->n_compact, MIN_COMPACT))
    hat_span_join_compact (join);
}

void
hat_span_join_finish (HatSpanJoin *join, HatSpan *out_span)
{
  hat_span_join_compact (join);
  *out_span = (HatSpan){ .n_born = join->born->len, .n_died = join->died->len };
  out_span->born = (HatBlock *) (gpointer) g_array_steal (join->born, NULL);
  out_span->died = (HatBlockId *) (gpointer) g_array_steal (join->died, NULL);
  hat_span_sort_ids (out_span->died, out_span->n_died);
  hat_span_join_clear (join);
}

void
hat_span_join_clear (HatSpanJoin *join)
{
  g_clear_pointer (&join->born, g_array_unref);
  g_clear_pointer (&join->died, g_array_unref);
  g_clear_pointer (&join->ended, g_byte_array_unref);
}

/* ---- file ---- */

enum
{
  COLUMN_IDS,   /* difference to the one before, - 1: blocks go from the youngest to the oldest */
  COLUMN_TIMES, /* difference, likewise */
  COLUMN_THREADS,
  COLUMN_STACKS, /* signed difference */
  COLUMN_SIZES,
  COLUMN_ADDRESSES, /* signed difference to where the last one ended */
  N_COLUMNS,
};

void
hat_span_write (const HatSpan *span, guint level, guint number, HatBytes *out)
{
  HatBytes columns[N_COLUMNS] = { 0 };
  HatBlock last = { 0 };
  guint64 last_end = 0;
  for (guint i = span->n_born; i-- > 0;)
    {
      const HatBlock *block = &span->born[i];
      const gboolean first = i == span->n_born - 1;
      hat_bytes_put_varint (&columns[COLUMN_IDS], first ? block->id : last.id - block->id - 1);
      hat_bytes_put_varint (&columns[COLUMN_TIMES], first ? block->birth_ns : last.birth_ns - block->birth_ns);
      hat_bytes_put_varint (&columns[COLUMN_THREADS], block->thread);
      hat_bytes_put_signed (&columns[COLUMN_STACKS], (gint64) block->stack - last.stack);
      hat_bytes_put_varint (&columns[COLUMN_SIZES], block->size);
      hat_bytes_put_signed (&columns[COLUMN_ADDRESSES], (gint64) (block->address - last_end));
      last = *block;
      last_end = block->address + hat_footprint (block->size);
    }
  hat_bytes_put_varint (out, level);
  hat_bytes_put_varint (out, number);
  hat_bytes_put_varint (out, span->n_born);
  hat_bytes_put_varint (out, span->n_died);
  for (guint i = 0; i < N_COLUMNS; i++)
    hat_bytes_put_varint (out, columns[i].len);
  for (guint i = 0; i < N_COLUMNS; i++)
    {
      hat_bytes_put (out, columns[i].data, columns[i].len);
      hat_bytes_clear (&columns[i]);
    }
  HatBlockId last_death = 0;
  for (guint i = 0; i < span->n_died; i++)
    {
      hat_bytes_put_varint (out, span->died[i] - last_death - 1);
      last_death = span->died[i];
    }
}

static gboolean
read_born (HatReader *columns, const HatSpanLimits *limits, HatSpan *span)
{
  HatBlock last = { 0 };
  guint64 last_end = 0;
  for (guint i = span->n_born; i-- > 0;)
    {
      HatBlock *block = &span->born[i];
      const gboolean first = i == span->n_born - 1;
      const guint64 id = hat_reader_upto (&columns[COLUMN_IDS], limits->end_block);
      const guint64 time = hat_reader_upto (&columns[COLUMN_TIMES], (guint64) limits->end_ns);
      block->id = first ? id : last.id - 1 - id; /* wraps to something out of bounds if damaged */
      block->birth_ns = first ? (gint64) time : last.birth_ns - (gint64) time;
      const guint64 thread = hat_reader_varint (&columns[COLUMN_THREADS]);
      const guint64 stack = last.stack + (guint64) hat_reader_signed (&columns[COLUMN_STACKS]);
      block->size = hat_reader_varint (&columns[COLUMN_SIZES]);
      block->address = last_end + (guint64) hat_reader_signed (&columns[COLUMN_ADDRESSES]);
      if (block->id < limits->first_block || block->id >= limits->end_block || block->birth_ns < limits->start_ns
          || block->birth_ns > limits->end_ns || thread >= limits->n_threads || stack >= limits->n_stacks)
        return FALSE;
      block->thread = (guint32) thread;
      block->stack = (HatStackId) stack;
      last = *block;
      last_end = block->address + hat_footprint (block->size);
    }
  for (guint i = 0; i < N_COLUMNS; i++)
    if (columns[i].bad || hat_reader_left (&columns[i]) != 0)
      return FALSE;
  return TRUE;
}

static gboolean
read_died (HatReader *reader, const HatSpanLimits *limits, HatSpan *span)
{
  HatBlockId last = 0;
  for (guint i = 0; i < span->n_died; i++)
    {
      last += 1 + hat_reader_upto (reader, limits->first_block);
      if (last >= limits->first_block)
        return FALSE;
      span->died[i] = last;
    }
  return !reader->bad && hat_reader_left (reader) == 0;
}

const char *
hat_span_read (HatReader *reader, guint level, guint number, const HatSpanLimits *limits, HatSpan *out_span)
{
  static const char *const wrong = "a checkpoint that makes no sense";
  HatReader columns[N_COLUMNS];
  if (hat_reader_varint (reader) != level || hat_reader_varint (reader) != number)
    return wrong;
  HatSpan span = { .n_born = hat_reader_count (reader, N_COLUMNS) };
  span.n_died = hat_reader_count (reader, 1);
  gsize bytes[N_COLUMNS];
  for (guint i = 0; i < N_COLUMNS; i++)
    bytes[i] = hat_reader_upto (reader, hat_reader_left (reader));
  for (guint i = 0; i < N_COLUMNS; i++)
    {
      const guint8 *data = hat_reader_data (reader, bytes[i]);
      columns[i] = (HatReader){ .at = data, .end = data ? data + bytes[i] : NULL };
    }
  if (reader->bad)
    return wrong;
  span.born = g_new (HatBlock, span.n_born);
  span.died = g_new (HatBlockId, span.n_died);
  if (!read_born (columns, limits, &span) || !read_died (reader, limits, &span))
    {
      hat_span_clear (&span);
      return wrong;
    }
  *out_span = span;
  return NULL;
}
