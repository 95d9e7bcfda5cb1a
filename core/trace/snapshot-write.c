/* SPDX-License-Identifier: Apache-2.0 */

/* Snapshots to payloads: pointers of neighbours are alike, so that every column holds differences. */

#include "core/trace/snapshot-parts.h"
#include "core/trace/string-column.h"

#define MAX_NAME_BYTES (1u << 26)  /* of the names in one part */
#define MAX_VALUE_BYTES (1u << 24) /* of the values in one part */

void
hat_snapshot_head_init (HatSnapshotHead *head, const HatSnapshot *snapshot)
{
  *head = (HatSnapshotHead){ .info = snapshot->info,
                             .counts = { [HAT_PART_EDGES] = snapshot->info.n_edges,
                                         [HAT_PART_MODULE_WORDS] = snapshot->n_module_words,
                                         [HAT_PART_ROOTS] = snapshot->info.n_roots,
                                         [HAT_PART_FRAMES] = snapshot->n_frames,
                                         [HAT_PART_HEADS] = snapshot->n_heads,
                                         [HAT_PART_DOUBTFUL] = snapshot->n_doubtful,
                                         [HAT_PART_KINDS] = snapshot->n_kinds,
                                         [HAT_PART_BLOCK_KINDS] = snapshot->block_kind ? snapshot->info.n_blocks : 0,
                                         [HAT_PART_VALUES] = snapshot->n_values,
                                         [HAT_PART_VARIABLES] = snapshot->n_variables } };
}

void
hat_snapshot_head_write (const HatSnapshotHead *head, HatBytes *out)
{
  const HatSnapshotInfo *info = &head->info;
  hat_bytes_put_signed (out, info->time_ns);
  hat_bytes_put_byte (out, info->reason);
  hat_bytes_put_string (out, info->detail);
  hat_bytes_put_signed (out, info->pause_ns);
  hat_bytes_put_varint (out, info->read_bytes);
  hat_bytes_put_byte (out, info->is_windowed != FALSE);
  hat_bytes_put_varint (out, info->n_blocks);
  hat_bytes_put_varint (out, info->n_threads_skipped);
  for (guint kind = 0; kind < HAT_N_PARTS; kind++)
    if (kind != HAT_PART_CONTENTS)
      hat_bytes_put_varint (out, head->counts[kind]);
}

HatSnapshot *
hat_snapshot_copy (const HatSnapshot *from)
{
  HatSnapshot *copy = g_memdup2 (from, sizeof (*from));
  copy->strings = g_string_chunk_new (1024);
  copy->info.detail = from->info.detail ? g_string_chunk_insert (copy->strings, from->info.detail) : NULL;
  copy->first_edge = g_memdup2 (from->first_edge, (from->info.n_blocks + 1ull) * sizeof (guint32));
  copy->edge_to = g_memdup2 (from->edge_to, from->info.n_edges * sizeof (guint32));
  copy->edge_word = g_memdup2 (from->edge_word, from->info.n_edges * sizeof (guint32));
  copy->interior_edge = g_memdup2 (from->interior_edge, from->n_interior * sizeof (guint32));
  copy->interior_offset = g_memdup2 (from->interior_offset, from->n_interior * sizeof (guint64));
  copy->roots = g_memdup2 (from->roots, from->info.n_roots * sizeof (HatRoot));
  copy->frames = g_memdup2 (from->frames, from->n_frames * sizeof (HatSnapshotFrame));
  copy->module_words = g_memdup2 (from->module_words, from->n_module_words * sizeof (HatModuleWord));
  copy->heads = g_memdup2 (from->heads, from->n_heads * sizeof (HatBlockHead));
  copy->doubtful = g_memdup2 (from->doubtful, from->n_doubtful * sizeof (guint32));
  copy->kinds = g_memdup2 (from->kinds, from->n_kinds * sizeof (HatBlockKind));
  copy->block_kind = from->block_kind ? g_memdup2 (from->block_kind, from->info.n_blocks * sizeof (guint32)) : NULL;
  copy->values = g_memdup2 (from->values, from->n_values * sizeof (HatBlockValue));
  copy->variables = g_memdup2 (from->variables, from->n_variables * sizeof (HatVariable));
  copy->value_bytes = g_memdup2 (from->value_bytes, from->n_value_bytes);
  for (guint32 i = 0; i < from->info.n_roots; i++)
    copy->roots[i].name = g_string_chunk_insert_const (copy->strings, from->roots[i].name ? from->roots[i].name : "");
  for (guint32 i = 0; i < from->n_kinds; i++)
    {
      copy->kinds[i].name = g_string_chunk_insert_const (copy->strings, from->kinds[i].name);
      copy->kinds[i].words = g_string_chunk_insert_const (copy->strings, from->kinds[i].words);
    }
  for (guint32 i = 0; i < from->n_variables; i++)
    {
      HatVariable *variable = &copy->variables[i];
      variable->name = g_string_chunk_insert_const (copy->strings, variable->name);
      variable->type_name = g_string_chunk_insert_const (copy->strings, variable->type_name);
      variable->function = g_string_chunk_insert_const (copy->strings, variable->function);
    }
  return copy;
}

/* ---- parts ---- */

static void
put_columns (HatBytes *columns, guint n, HatBytes *out)
{
  for (guint i = 0; i < n; i++)
    hat_bytes_put_varint (out, columns[i].len);
  for (guint i = 0; i < n; i++)
    {
      hat_bytes_put (out, columns[i].data, columns[i].len);
      hat_bytes_clear (&columns[i]);
    }
}

/* How many numbers of the sorted `items` are below `limit`. */
static guint32
count_below (const guint32 *items, guint32 n, guint32 limit)
{
  guint32 low = 0;
  while (low < n)
    {
      const guint32 middle = low + (n - low) / 2;
      if (items[middle] < limit)
        low = middle + 1;
      else
        n = middle;
    }
  return low;
}

/* Sources, targets, words, interior offsets. */
static void
write_edges (const HatSnapshot *snapshot, guint32 first, guint32 n, HatBytes *out)
{
  HatBytes columns[4] = { 0 };
  guint32 interior = count_below (snapshot->interior_edge, snapshot->n_interior, first);
  guint32 block = count_below (snapshot->first_edge, snapshot->info.n_blocks + 1, first + 1) - 1;
  guint32 source = 0, target = 0, word = 0;
  for (guint32 edge = first; edge < first + n; edge++)
    {
      while (snapshot->first_edge[block + 1] <= edge)
        block++;
      const gboolean same = edge > first && block == source;
      const guint32 to = snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR;
      const gboolean is_interior = (snapshot->edge_to[edge] & HAT_EDGE_INTERIOR) != 0;
      hat_bytes_put_varint (&columns[0], block - source);
      hat_bytes_put_varint (&columns[1], hat_zigzag ((gint64) to - (same ? target : block)) << 1 | is_interior);
      hat_bytes_put_varint (&columns[2], snapshot->edge_word[edge] - (same ? word + 1 : 0));
      if (is_interior)
        hat_bytes_put_varint (&columns[3], snapshot->interior_offset[interior++] - 8);
      source = block;
      target = to;
      word = snapshot->edge_word[edge];
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
}

/* Blocks, words, modules, offsets. */
static void
write_module_words (const HatModuleWord *words, guint32 n, HatBytes *out)
{
  HatBytes columns[4] = { 0 };
  HatModuleWord last = { 0 };
  for (guint32 i = 0; i < n; i++)
    {
      const gboolean same = i > 0 && words[i].block == last.block;
      hat_bytes_put_varint (&columns[0], words[i].block - last.block);
      hat_bytes_put_varint (&columns[1], words[i].word - (same ? last.word + 1 : 0));
      hat_bytes_put_signed (&columns[2], (gint64) words[i].module - last.module);
      hat_bytes_put_signed (&columns[3], (gint64) (words[i].offset - last.offset));
      last = words[i];
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
}

/* Kinds, addresses, blocks, offsets in them; modules and biases of globals; threads; frames; then names. */
static guint32
write_roots (const HatRoot *roots, guint32 n, HatBytes *out)
{
  HatBytes columns[8] = { 0 };
  HatStringColumn names;
  HatRoot last = { 0 };
  guint64 last_bias = 0;
  guint32 done = 0;
  hat_string_column_init (&names);
  for (; done < n && names.strings.len < MAX_NAME_BYTES; done++)
    {
      const HatRoot *root = &roots[done];
      hat_bytes_put_byte (&columns[0], root->kind);
      hat_bytes_put_signed (&columns[1], (gint64) (root->address - last.address));
      hat_bytes_put_signed (&columns[2], (gint64) root->to - last.to);
      hat_bytes_put_varint (&columns[3], root->to_offset);
      if (root->kind == HAT_ROOT_GLOBAL)
        {
          hat_bytes_put_varint (&columns[4], root->module);
          hat_bytes_put_signed (&columns[5], (gint64) (root->address - root->offset - last_bias));
          last_bias = root->address - root->offset;
        }
      if (root->kind == HAT_ROOT_STACK || root->kind == HAT_ROOT_REGISTER || root->kind == HAT_ROOT_TLS)
        hat_bytes_put_varint (&columns[6], root->thread + 1);
      if (root->kind == HAT_ROOT_STACK || root->kind == HAT_ROOT_REGISTER)
        hat_bytes_put_varint (&columns[7], root->frame + 1);
      hat_string_column_put (&names, root->name ? root->name : "");
      last = *root;
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
  hat_string_column_finish (&names, out);
  return done;
}

/* Threads, frames, ends, which registers are known; the registers. */
static void
write_frames (const HatSnapshotFrame *frames, guint32 n, HatBytes *out)
{
  HatBytes columns[5] = { 0 };
  HatSnapshotFrame last = { 0 };
  for (guint32 i = 0; i < n; i++)
    {
      const HatSnapshotFrame *frame = &frames[i];
      hat_bytes_put_varint (&columns[0], frame->thread - last.thread);
      hat_bytes_put_signed (&columns[1], (gint64) frame->frame - last.frame);
      hat_bytes_put_signed (&columns[2], (gint64) (frame->cfa - last.cfa));
      hat_bytes_put_varint (&columns[3], frame->known);
      last.thread = frame->thread;
      last.frame = frame->frame;
      last.cfa = frame->cfa;
      for (guint j = 0; j < G_N_ELEMENTS (frame->registers); j++)
        if (frame->known & 1u << j)
          {
            hat_bytes_put_signed (&columns[4], (gint64) (frame->registers[j] - last.registers[j]));
            last.registers[j] = frame->registers[j];
          }
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
}

/* Blocks, then three words of each. */
static void
write_heads (const HatBlockHead *heads, guint32 n, HatBytes *out)
{
  HatBytes columns[1 + G_N_ELEMENTS (heads->words)] = { 0 };
  for (guint32 i = 0; i < n; i++)
    {
      hat_bytes_put_varint (&columns[0], heads[i].block - (i == 0 ? 0 : heads[i - 1].block + 1));
      for (guint j = 0; j < G_N_ELEMENTS (heads->words); j++)
        hat_bytes_put_signed (&columns[1 + j], (gint64) (heads[i].words[j] - (i == 0 ? 0 : heads[i - 1].words[j])));
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
}

static void
write_doubtful (const guint32 *blocks, guint32 n, HatBytes *out)
{
  HatBytes column = { 0 };
  for (guint32 i = 0; i < n; i++)
    hat_bytes_put_varint (&column, blocks[i] - (i == 0 ? 0 : blocks[i - 1] + 1));
  put_columns (&column, 1, out);
}

/* Types, places of the objects, evidence and whether they are arrays; names and words. */
static guint32
write_kinds (const HatBlockKind *kinds, guint32 n, HatBytes *out)
{
  HatBytes columns[3] = { 0 };
  HatStringColumn names, words;
  guint32 last = 0, done = 0;
  hat_string_column_init (&names);
  hat_string_column_init (&words);
  for (; done < n && names.strings.len + words.strings.len < MAX_NAME_BYTES; done++)
    {
      const HatBlockKind *kind = &kinds[done];
      hat_bytes_put_signed (&columns[0], (gint64) kind->type - last);
      hat_bytes_put_varint (&columns[1], kind->offset);
      hat_bytes_put_byte (&columns[2], (guint8) (kind->evidence << 1 | kind->is_array));
      hat_string_column_put (&names, kind->name);
      hat_string_column_put (&words, kind->words);
      last = kind->type;
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
  hat_string_column_finish (&names, out);
  hat_string_column_finish (&words, out);
  return done;
}

static void
write_block_kinds (const guint32 *kinds, guint32 n, HatBytes *out)
{
  HatBytes column = { 0 };
  for (guint32 i = 0; i < n; i++)
    hat_bytes_put_varint (&column, kinds[i]);
  put_columns (&column, 1, out);
}

/* Blocks, how many bytes of each, the bytes. */
static guint32
write_values (const HatSnapshot *snapshot, guint32 first, guint32 n, HatBytes *out)
{
  HatBytes columns[3] = { 0 };
  guint32 done = 0;
  for (; done < n && columns[2].len < MAX_VALUE_BYTES; done++)
    {
      const HatBlockValue *value = &snapshot->values[first + done];
      hat_bytes_put_varint (&columns[0], value->block - (done == 0 ? 0 : value[-1].block + 1));
      hat_bytes_put_varint (&columns[1], value->n);
      hat_bytes_put (&columns[2], snapshot->value_bytes + value->at, value->n);
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
  return done;
}

/* Types, frames, places, addresses, sizes, how many bytes of each, the bytes; names, names of types, functions. */
static guint32
write_variables (const HatSnapshot *snapshot, guint32 first, guint32 n, HatBytes *out)
{
  HatBytes columns[7] = { 0 };
  HatStringColumn names[3];
  HatVariable last = { 0 };
  guint32 done = 0;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    hat_string_column_init (&names[i]);
  for (; done < n && columns[6].len + names[0].strings.len + names[1].strings.len + names[2].strings.len < MAX_VALUE_BYTES; done++)
    {
      const HatVariable *variable = &snapshot->variables[first + done];
      hat_bytes_put_signed (&columns[0], (gint64) variable->type - last.type);
      hat_bytes_put_signed (&columns[1], (gint64) (variable->frame + 1) - last.frame);
      hat_bytes_put_byte (&columns[2], variable->place);
      hat_bytes_put_signed (&columns[3], (gint64) (variable->address - last.address));
      hat_bytes_put_varint (&columns[4], variable->size);
      hat_bytes_put_varint (&columns[5], variable->n_bytes);
      hat_bytes_put (&columns[6], snapshot->value_bytes + variable->at, variable->n_bytes);
      hat_string_column_put (&names[0], variable->name);
      hat_string_column_put (&names[1], variable->type_name);
      hat_string_column_put (&names[2], variable->function);
      last = *variable;
      last.frame = variable->frame + 1;
    }
  put_columns (columns, G_N_ELEMENTS (columns), out);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    hat_string_column_finish (&names[i], out);
  return done;
}

void
hat_snapshot_write_part (const HatSnapshot *snapshot, HatPart *part, HatBytes *out)
{
  HatSnapshotHead head;
  HatBytes items = { 0 };
  const guint32 first = part->first;
  hat_snapshot_head_init (&head, snapshot);
  guint32 n = MIN (head.counts[part->kind] - first, HAT_PART_ITEMS);
  switch (part->kind)
    {
    case HAT_PART_EDGES:
      write_edges (snapshot, first, n, &items);
      break;
    case HAT_PART_MODULE_WORDS:
      write_module_words (snapshot->module_words + first, n, &items);
      break;
    case HAT_PART_ROOTS:
      n = write_roots (snapshot->roots + first, n, &items);
      break;
    case HAT_PART_FRAMES:
      write_frames (snapshot->frames + first, n, &items);
      break;
    case HAT_PART_HEADS:
      write_heads (snapshot->heads + first, n, &items);
      break;
    case HAT_PART_DOUBTFUL:
      write_doubtful (snapshot->doubtful + first, n, &items);
      break;
    case HAT_PART_KINDS:
      n = write_kinds (snapshot->kinds + first, n, &items);
      break;
    case HAT_PART_BLOCK_KINDS:
      write_block_kinds (snapshot->block_kind + first, n, &items);
      break;
    case HAT_PART_VALUES:
      n = write_values (snapshot, first, n, &items);
      break;
    case HAT_PART_VARIABLES:
      n = write_variables (snapshot, first, n, &items);
      break;
    default:
      g_assert_not_reached ();
    }
  part->n = n;
  hat_part_write_head (out, part);
  hat_bytes_put (out, items.data, items.len);
  hat_bytes_clear (&items);
}

gsize
hat_contents_write_part (HatPart *part, guint32 n, const guint64 *sizes, const guint8 *bytes, guint64 *before, HatBytes *out)
{
  gsize taken = 0;
  guint64 left = 0; /* of the last block */
  const guint64 start = *before;
  part->n = 0;
  while (part->n < MIN (n, HAT_PART_ITEMS) && left == 0 && taken < HAT_CONTENTS_BYTES)
    {
      left = sizes[part->n] - (part->n == 0 ? start : 0);
      const gsize now = MIN (left, HAT_CONTENTS_BYTES - taken);
      taken += now;
      left -= now;
      part->n++;
    }
  *before = left > 0 ? sizes[part->n - 1] - left : 0;
  hat_part_write_head (out, part);
  hat_bytes_put_varint (out, start);
  for (guint32 i = 0; i < part->n; i++)
    hat_bytes_put_varint (out, sizes[i]);
  hat_bytes_put (out, bytes, taken);
  return taken;
}
