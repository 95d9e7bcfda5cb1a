/* SPDX-License-Identifier: Apache-2.0 */

/* Payloads to snapshots. Order and every index are checked here, once, so that nobody else need. What an offset in a block may be is not
 * known here: blocks have no sizes in a snapshot. */

#include "core/trace/big-array.h"
#include "core/trace/snapshot-parts.h"
#include "core/trace/string-column.h"

static const char *const wrong_edges = "pointers that make no sense";

const char *
hat_snapshot_reason_name (HatSnapshotReason reason)
{
  static const char *const names[] = { "exit", "request", "periodic", "peak", "function", "mark" };
  return names[MIN (reason, G_N_ELEMENTS (names) - 1)];
}

void
hat_snapshot_free (HatSnapshot *snapshot)
{
  if (snapshot == NULL)
    return;
  g_free (snapshot->first_edge);
  g_free (snapshot->edge_to);
  g_free (snapshot->edge_word);
  g_free (snapshot->interior_edge);
  g_free (snapshot->interior_offset);
  g_free (snapshot->roots);
  g_free (snapshot->frames);
  g_free (snapshot->module_words);
  g_free (snapshot->heads);
  g_free (snapshot->doubtful);
  g_free (snapshot->kinds);
  g_free (snapshot->block_kind);
  g_free (snapshot->values);
  g_free (snapshot->variables);
  g_free (snapshot->value_bytes);
  if (snapshot->strings)
    g_string_chunk_free (snapshot->strings);
  g_free (snapshot);
}

guint64
hat_snapshot_edge_into (const HatSnapshot *snapshot, guint32 edge)
{
  if (!(snapshot->edge_to[edge] & HAT_EDGE_INTERIOR))
    return 0;
  guint32 low = 0, high = snapshot->n_interior;
  while (high - low > 1)
    {
      const guint32 middle = low + (high - low) / 2;
      if (snapshot->interior_edge[middle] <= edge)
        low = middle;
      else
        high = middle;
    }
  return snapshot->interior_offset[low];
}

const char *
hat_snapshot_head_read (HatReader *reader, HatSnapshotHead *head)
{
  *head = (HatSnapshotHead){ 0 };
  HatSnapshotInfo *info = &head->info;
  info->time_ns = hat_reader_signed (reader);
  info->reason = hat_reader_upto (reader, HAT_SNAPSHOT_MARK);
  info->detail = hat_reader_string (reader);
  info->pause_ns = hat_reader_signed (reader);
  info->read_bytes = hat_reader_varint (reader);
  info->is_windowed = hat_reader_upto (reader, 1);
  info->n_blocks = hat_reader_upto (reader, HAT_SNAPSHOT_MAX_BLOCKS);
  info->n_threads_skipped = hat_reader_upto (reader, G_MAXUINT32);
  for (guint kind = 0; kind < HAT_N_PARTS; kind++)
    if (kind != HAT_PART_CONTENTS && (kind < HAT_PART_CONTENTS || hat_reader_left (reader) > 0)) /* older traces know no types */
      head->counts[kind] = hat_reader_upto (reader, G_MAXUINT32);
  info->n_edges = head->counts[HAT_PART_EDGES];
  info->n_roots = head->counts[HAT_PART_ROOTS];
  const guint32 n_typed = head->counts[HAT_PART_BLOCK_KINDS];
  if (reader->bad || hat_reader_left (reader) != 0 || (n_typed != 0 && n_typed != info->n_blocks) || info->time_ns < -1 || info->time_ns > G_MAXINT64 / 2)
    return "a snapshot whose description makes no sense";
  return NULL;
}

/* ---- parts ---- */

/* The reader is behind the columns then. */
static gboolean
take_columns (HatReader *reader, HatReader *columns, guint n)
{
  gsize bytes[8];
  g_assert (n <= G_N_ELEMENTS (bytes));
  for (guint i = 0; i < n; i++)
    bytes[i] = hat_reader_upto (reader, hat_reader_left (reader));
  for (guint i = 0; i < n; i++)
    {
      const guint8 *data = hat_reader_data (reader, bytes[i]);
      columns[i] = (HatReader){ .at = data, .end = data ? data + bytes[i] : NULL };
    }
  return !reader->bad;
}

static gboolean
are_used_up (const HatReader *columns, guint n)
{
  for (guint i = 0; i < n; i++)
    if (columns[i].bad || hat_reader_left (&columns[i]) != 0)
      return FALSE;
  return TRUE;
}

static const char *
read_edges (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  HatSnapshot *snapshot = reading->snapshot;
  const guint32 n_blocks = snapshot->info.n_blocks;
  HatReader columns[4];
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)))
    return wrong_edges;
  guint64 block = 0, to = 0, word = 0;
  for (guint32 edge = first; edge < first + n; edge++)
    {
      const guint64 gap = hat_reader_upto (&columns[0], n_blocks);
      const gboolean same = edge > first && gap == 0;
      block += gap;
      const guint64 code = hat_reader_varint (&columns[1]);
      to = (same ? to : block) + (guint64) hat_unzigzag (code >> 1);
      word = (same ? word + 1 : 0) + hat_reader_upto (&columns[2], G_MAXUINT32);
      /* A block may go on from the part before. */
      const gboolean goes_on = edge == first && block + 1 == reading->next_block;
      if (block >= n_blocks || to >= n_blocks || word > G_MAXUINT32 || (edge == first && block + 1 < reading->next_block)
          || (goes_on && word <= snapshot->edge_word[edge - 1]))
        return wrong_edges;
      while (reading->next_block <= block)
        snapshot->first_edge[reading->next_block++] = edge;
      snapshot->edge_to[edge] = (guint32) to;
      snapshot->edge_word[edge] = (guint32) word;
      if (code & 1)
        {
          const guint64 offset = 8 + hat_reader_upto (&columns[3], G_MAXUINT64 - 8);
          snapshot->edge_to[edge] |= HAT_EDGE_INTERIOR;
          g_array_append_val (reading->interior_edge, edge);
          g_array_append_val (reading->interior_offset, offset);
        }
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong_edges;
}

static const char *
read_module_words (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "words of blocks that make no sense";
  HatModuleWord *words = reading->snapshot->module_words;
  HatReader columns[4];
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)))
    return wrong;
  guint64 block = 0, word = 0, module = 0, offset = 0;
  for (guint32 i = first; i < first + n; i++)
    {
      const guint64 gap = hat_reader_upto (&columns[0], G_MAXUINT32);
      const gboolean same = i > first && gap == 0;
      block += gap;
      word = (same ? word + 1 : 0) + hat_reader_upto (&columns[1], G_MAXUINT32);
      module += (guint64) hat_reader_signed (&columns[2]);
      offset += (guint64) hat_reader_signed (&columns[3]);
      if (block >= reading->snapshot->info.n_blocks || word > G_MAXUINT32 || module >= reading->limits.n_modules
          || (i == first && i > 0 && (block < words[i - 1].block || (block == words[i - 1].block && word <= words[i - 1].word))))
        return wrong;
      words[i] = (HatModuleWord){ (guint32) block, (guint32) word, (guint32) module, offset };
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

static gboolean
are_in_order (const HatRoot *a, const HatRoot *b)
{
  if (a->kind != b->kind)
    return a->kind < b->kind;
  return a->thread != b->thread ? a->thread < b->thread : a->address <= b->address;
}

static const char *
read_roots (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "roots that make no sense";
  const HatSnapshotLimits *limits = &reading->limits;
  HatRoot *roots = reading->snapshot->roots;
  HatReader columns[8];
  g_autofree const char **names = NULL;
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)) || (names = hat_string_column_read (reader, n)) == NULL)
    return wrong;
  guint64 address = 0, to = 0, bias = 0;
  for (guint32 i = first; i < first + n; i++)
    {
      HatRoot root = { .kind = hat_reader_upto (&columns[0], HAT_ROOT_LOADER),
                       .module = G_MAXUINT32,
                       .thread = G_MAXUINT32,
                       .frame = HAT_NO_FRAME };
      root.address = address += (guint64) hat_reader_signed (&columns[1]);
      to += (guint64) hat_reader_signed (&columns[2]);
      root.to_offset = hat_reader_varint (&columns[3]);
      if (root.kind == HAT_ROOT_GLOBAL)
        {
          root.module = hat_reader_upto (&columns[4], G_MAXUINT32);
          root.offset = address - (bias += (guint64) hat_reader_signed (&columns[5]));
          if (root.module >= limits->n_modules)
            return wrong;
        }
      if (root.kind == HAT_ROOT_STACK || root.kind == HAT_ROOT_REGISTER || root.kind == HAT_ROOT_TLS)
        root.thread = hat_reader_upto (&columns[6], limits->n_threads) - 1;
      if (root.kind == HAT_ROOT_STACK || root.kind == HAT_ROOT_REGISTER)
        root.frame = hat_reader_upto (&columns[7], reading->counts[HAT_PART_FRAMES]) - 1;
      root.to = (guint32) to;
      root.name = g_string_chunk_insert_const (reading->snapshot->strings, names[i - first]);
      if (to >= reading->snapshot->info.n_blocks || (i > 0 && !are_in_order (&roots[i - 1], &root)))
        return wrong;
      roots[i] = root;
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

static const char *
read_frames (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "frames that make no sense";
  HatReader columns[5];
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)))
    return wrong;
  guint64 thread = 0, id = 0, cfa = 0, registers[17] = { 0 };
  for (guint32 i = first; i < first + n; i++)
    {
      HatSnapshotFrame *frame = &reading->snapshot->frames[i];
      thread += hat_reader_upto (&columns[0], G_MAXUINT32);
      id += (guint64) hat_reader_signed (&columns[1]);
      cfa += (guint64) hat_reader_signed (&columns[2]);
      const guint32 known = hat_reader_upto (&columns[3], (1u << G_N_ELEMENTS (registers)) - 1);
      if (thread >= reading->limits.n_threads || id >= reading->limits.n_frames || (i == first && i > 0 && thread < frame[-1].thread))
        return wrong;
      *frame = (HatSnapshotFrame){ .thread = (guint32) thread, .frame = (HatFrameId) id, .cfa = cfa, .known = known };
      for (guint j = 0; j < G_N_ELEMENTS (registers); j++)
        if (known & 1u << j)
          frame->registers[j] = registers[j] += (guint64) hat_reader_signed (&columns[4]);
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

static const char *
read_heads (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "heads of blocks that make no sense";
  HatBlockHead *heads = reading->snapshot->heads;
  HatReader columns[1 + G_N_ELEMENTS (heads->words)];
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)))
    return wrong;
  guint64 block = 0;
  HatBlockHead head = { 0 };
  for (guint32 i = first; i < first + n; i++)
    {
      block += (i > first) + hat_reader_upto (&columns[0], G_MAXUINT32);
      if (block >= reading->snapshot->info.n_blocks || (i == first && i > 0 && block <= heads[i - 1].block))
        return wrong;
      head.block = (guint32) block;
      for (guint j = 0; j < G_N_ELEMENTS (head.words); j++)
        head.words[j] += (guint64) hat_reader_signed (&columns[1 + j]);
      heads[i] = head;
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

static const char *
read_doubtful (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "doubtful blocks that make no sense";
  guint32 *blocks = reading->snapshot->doubtful;
  HatReader column;
  if (!take_columns (reader, &column, 1))
    return wrong;
  guint64 block = 0;
  for (guint32 i = first; i < first + n; i++)
    {
      block += (i > first) + hat_reader_upto (&column, G_MAXUINT32);
      if (block >= reading->snapshot->info.n_blocks || (i == first && i > 0 && block <= blocks[i - 1]))
        return wrong;
      blocks[i] = (guint32) block;
    }
  return are_used_up (&column, 1) ? NULL : wrong;
}

static void
add_value_bytes (HatSnapshot *snapshot, const HatReader *column)
{
  const gsize n = hat_reader_left (column);
  snapshot->value_bytes = g_realloc (snapshot->value_bytes, snapshot->n_value_bytes + n);
  if (n > 0)
    memcpy (snapshot->value_bytes + snapshot->n_value_bytes, column->at, n);
  snapshot->n_value_bytes += n;
}

static const char *
read_kinds (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "types of blocks that make no sense";
  HatReader columns[3];
  g_autofree const char **names = NULL, **words = NULL;
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)) || (names = hat_string_column_read (reader, n)) == NULL
      || (words = hat_string_column_read (reader, n)) == NULL)
    return wrong;
  guint64 type = 0;
  for (guint32 i = 0; i < n; i++)
    {
      type += (guint64) hat_reader_signed (&columns[0]);
      const guint32 offset = hat_reader_upto (&columns[1], G_MAXUINT32);
      const guint8 code = hat_reader_upto (&columns[2], G_MAXINT8);
      if (type > G_MAXUINT32)
        return wrong;
      reading->snapshot->kinds[first + i] = (HatBlockKind){ .name = g_string_chunk_insert_const (reading->snapshot->strings, names[i]),
                                                            .words = g_string_chunk_insert_const (reading->snapshot->strings, words[i]),
                                                            .type = (guint32) type, .offset = offset, .evidence = code >> 1,
                                                            .is_array = code & 1 };
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

static const char *
read_block_kinds (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "blocks whose types make no sense";
  HatReader column;
  if (!take_columns (reader, &column, 1))
    return wrong;
  for (guint32 i = first; i < first + n; i++)
    reading->snapshot->block_kind[i] = hat_reader_upto (&column, reading->counts[HAT_PART_KINDS]);
  return are_used_up (&column, 1) ? NULL : wrong;
}

static const char *
read_values (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "values of blocks that make no sense";
  HatBlockValue *values = reading->snapshot->values;
  HatReader columns[3];
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)))
    return wrong;
  guint64 block = 0, at = reading->snapshot->n_value_bytes;
  add_value_bytes (reading->snapshot, &columns[2]);
  for (guint32 i = first; i < first + n; i++)
    {
      block += (i > first) + hat_reader_upto (&columns[0], G_MAXUINT32);
      const guint32 size = hat_reader_upto (&columns[1], hat_reader_left (&columns[2]));
      if (block >= reading->snapshot->info.n_blocks || (i == first && i > 0 && block <= values[i - 1].block))
        return wrong;
      values[i] = (HatBlockValue){ .block = (guint32) block, .n = size, .at = at };
      hat_reader_data (&columns[2], size);
      at += size;
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

static const char *
read_variables (HatSnapshotReading *reading, guint32 first, guint32 n, HatReader *reader)
{
  static const char *const wrong = "variables that make no sense";
  GStringChunk *strings = reading->snapshot->strings;
  HatReader columns[7];
  g_autofree const char **names = NULL, **types = NULL, **functions = NULL;
  if (!take_columns (reader, columns, G_N_ELEMENTS (columns)) || (names = hat_string_column_read (reader, n)) == NULL
      || (types = hat_string_column_read (reader, n)) == NULL || (functions = hat_string_column_read (reader, n)) == NULL)
    return wrong;
  guint64 type = 0, frame = 0, address = 0, at = reading->snapshot->n_value_bytes;
  add_value_bytes (reading->snapshot, &columns[6]);
  for (guint32 i = 0; i < n; i++)
    {
      HatVariable *variable = &reading->snapshot->variables[first + i];
      type += (guint64) hat_reader_signed (&columns[0]);
      frame += (guint64) hat_reader_signed (&columns[1]);
      address += (guint64) hat_reader_signed (&columns[3]);
      if (type > G_MAXUINT32 || frame > reading->counts[HAT_PART_FRAMES])
        return wrong;
      *variable = (HatVariable){ .name = g_string_chunk_insert_const (strings, names[i]),
                                 .type_name = g_string_chunk_insert_const (strings, types[i]),
                                 .function = g_string_chunk_insert_const (strings, functions[i]),
                                 .type = (guint32) type, .frame = (guint32) frame - 1, .address = address, .at = at };
      variable->place = hat_reader_upto (&columns[2], HAT_VARIABLE_NOWHERE);
      variable->size = hat_reader_varint (&columns[4]);
      variable->n_bytes = hat_reader_upto (&columns[5], hat_reader_left (&columns[6]));
      if (first + i > 0 && variable->frame < variable[-1].frame)
        return wrong;
      hat_reader_data (&columns[6], variable->n_bytes);
      at += variable->n_bytes;
    }
  return are_used_up (columns, G_N_ELEMENTS (columns)) ? NULL : wrong;
}

gboolean
hat_snapshot_reading_init (HatSnapshotReading *reading, const HatSnapshotHead *head, HatSnapshotLimits limits)
{
  HatSnapshot *snapshot = g_new0 (HatSnapshot, 1);
  const guint32 *counts = head->counts;
  snapshot->info = head->info;
  snapshot->n_module_words = counts[HAT_PART_MODULE_WORDS];
  snapshot->n_frames = counts[HAT_PART_FRAMES];
  snapshot->n_heads = counts[HAT_PART_HEADS];
  snapshot->n_doubtful = counts[HAT_PART_DOUBTFUL];
  snapshot->n_kinds = counts[HAT_PART_KINDS];
  snapshot->n_values = counts[HAT_PART_VALUES];
  snapshot->n_variables = counts[HAT_PART_VARIABLES];
  snapshot->first_edge = hat_big_try_new (guint32, snapshot->info.n_blocks + 1ull);
  snapshot->edge_to = hat_big_try_new (guint32, MAX (counts[HAT_PART_EDGES], 1));
  snapshot->edge_word = hat_big_try_new (guint32, MAX (counts[HAT_PART_EDGES], 1));
  snapshot->roots = g_try_new (HatRoot, MAX (counts[HAT_PART_ROOTS], 1));
  snapshot->frames = g_try_new (HatSnapshotFrame, MAX (counts[HAT_PART_FRAMES], 1));
  snapshot->module_words = g_try_new (HatModuleWord, MAX (counts[HAT_PART_MODULE_WORDS], 1));
  snapshot->heads = hat_big_try_new (HatBlockHead, MAX (counts[HAT_PART_HEADS], 1));
  snapshot->doubtful = hat_big_try_new (guint32, MAX (counts[HAT_PART_DOUBTFUL], 1));
  snapshot->kinds = g_try_new (HatBlockKind, MAX (counts[HAT_PART_KINDS], 1));
  snapshot->block_kind = counts[HAT_PART_BLOCK_KINDS] ? hat_big_try_new (guint32, counts[HAT_PART_BLOCK_KINDS]) : NULL;
  snapshot->values = g_try_new (HatBlockValue, MAX (counts[HAT_PART_VALUES], 1));
  snapshot->variables = g_try_new (HatVariable, MAX (counts[HAT_PART_VARIABLES], 1));
  if (!snapshot->first_edge || !snapshot->edge_to || !snapshot->edge_word || !snapshot->roots || !snapshot->frames
      || !snapshot->module_words || !snapshot->heads || !snapshot->doubtful || !snapshot->kinds || !snapshot->values || !snapshot->variables
      || (counts[HAT_PART_BLOCK_KINDS] && !snapshot->block_kind))
    {
      hat_snapshot_free (snapshot);
      return FALSE;
    }
  snapshot->strings = g_string_chunk_new (1024);
  snapshot->info.detail = head->info.detail ? g_string_chunk_insert (snapshot->strings, head->info.detail) : NULL;
  *reading = (HatSnapshotReading){ .snapshot = snapshot,
                                   .limits = limits,
                                   .interior_edge = g_array_new (FALSE, FALSE, sizeof (guint32)),
                                   .interior_offset = g_array_new (FALSE, FALSE, sizeof (guint64)) };
  memcpy (reading->counts, counts, sizeof (reading->counts));
  return TRUE;
}

const char *
hat_snapshot_read_part (HatSnapshotReading *reading, const HatPart *part, HatReader *reader)
{
  HatPart head;
  hat_part_read_head (reader, &head);
  if (reader->bad || head.snapshot != part->snapshot || head.kind != part->kind || head.first != part->first || head.n != part->n
      || head.first != reading->done[head.kind] || head.n > reading->counts[head.kind] - head.first
      || head.n > hat_reader_left (reader)) /* every item takes a byte or more */
    return "a part of a snapshot that is not where it belongs";
  const char *wrong;
  switch (head.kind)
    {
    case HAT_PART_EDGES:
      wrong = read_edges (reading, head.first, head.n, reader);
      break;
    case HAT_PART_MODULE_WORDS:
      wrong = read_module_words (reading, head.first, head.n, reader);
      break;
    case HAT_PART_ROOTS:
      wrong = read_roots (reading, head.first, head.n, reader);
      break;
    case HAT_PART_FRAMES:
      wrong = read_frames (reading, head.first, head.n, reader);
      break;
    case HAT_PART_HEADS:
      wrong = read_heads (reading, head.first, head.n, reader);
      break;
    case HAT_PART_DOUBTFUL:
      wrong = read_doubtful (reading, head.first, head.n, reader);
      break;
    case HAT_PART_KINDS:
      wrong = read_kinds (reading, head.first, head.n, reader);
      break;
    case HAT_PART_BLOCK_KINDS:
      wrong = read_block_kinds (reading, head.first, head.n, reader);
      break;
    case HAT_PART_VALUES:
      wrong = read_values (reading, head.first, head.n, reader);
      break;
    case HAT_PART_VARIABLES:
      wrong = read_variables (reading, head.first, head.n, reader);
      break;
    default:
      wrong = "contents among the parts of a snapshot";
    }
  if (wrong == NULL && hat_reader_left (reader) != 0)
    wrong = "a part of a snapshot that goes on behind its end";
  if (wrong == NULL)
    reading->done[head.kind] += head.n;
  return wrong;
}

HatSnapshot *
hat_snapshot_reading_finish (HatSnapshotReading *reading)
{
  HatSnapshot *snapshot = g_steal_pointer (&reading->snapshot);
  const gboolean is_whole = memcmp (reading->done, reading->counts, sizeof (reading->done)) == 0;
  for (guint32 block = reading->next_block; is_whole && block <= snapshot->info.n_blocks; block++)
    snapshot->first_edge[block] = snapshot->info.n_edges;
  snapshot->n_interior = reading->interior_edge->len;
  snapshot->interior_edge = (guint32 *) (gpointer) g_array_free (reading->interior_edge, FALSE);
  snapshot->interior_offset = (guint64 *) (gpointer) g_array_free (reading->interior_offset, FALSE);
  if (is_whole)
    return snapshot;
  hat_snapshot_free (snapshot);
  return NULL;
}

const char *
hat_contents_read_part (const HatPart *part, HatReader *reader, guint32 block, HatBytes *bytes, guint64 *out_size)
{
  static const char *const wrong = "contents that make no sense";
  HatPart head;
  hat_part_read_head (reader, &head);
  if (reader->bad || head.snapshot != part->snapshot || head.kind != HAT_PART_CONTENTS || head.first != part->first || head.n != part->n)
    return wrong;
  const guint64 before = hat_reader_upto (reader, HAT_CONTENTS_MAX_SIZE);
  guint64 at = 0, start = 0, stop = 0, size = 0, last_start = 0;
  for (guint32 i = 0; i < head.n; i++)
    {
      const guint64 whole = hat_reader_upto (reader, HAT_CONTENTS_MAX_SIZE);
      if (i == 0 && before > whole)
        return wrong;
      last_start = at;
      at += whole - (i == 0 ? before : 0);
      if (head.first + i == block)
        {
          start = last_start;
          stop = at;
          size = whole;
        }
    }
  /* Only the last block may be cut. */
  const gsize have = hat_reader_left (reader);
  if (reader->bad || have < last_start || have > at || have > HAT_CONTENTS_BYTES)
    return wrong;
  if (block < head.first || block - head.first >= head.n)
    return NULL;
  if (bytes->len != (block == head.first ? before : 0))
    return wrong;
  hat_bytes_put (bytes, reader->at + start, MIN (stop, have) - start);
  *out_size = size;
  return NULL;
}
