/* SPDX-License-Identifier: Apache-2.0 */

/* Kept types and what the blocks of stacks are: their form in the file, and looking them up. */

#include "core/trace/definitions-write.h"
#include "core/trace/string-column.h"
#include "core/trace/trace-private.h"

#include <stdlib.h>

static const char *const wrong = "the table of types makes no sense";

enum
{
  IS_ANONYMOUS = 1,
  IS_DECLARATION = 2,
  IS_VARIANT = 4,
  IS_SIGNED = 8,
  IS_PACKED = 16,
  HAS_TAG = 32,
  HAS_PLACE = 64,
  ALL_FLAGS = 127,
  MAX_BYTES_LOG = 48, /* of sizes and offsets: sums of them stay far from overflow */
};

/* ---- writing ---- */

static void
put_name (HatStringColumn *names, guint *n, const char *name)
{
  hat_string_column_put (names, name ? name : "");
  ++*n;
}

static void
put_field (HatBytes *out, const HatField *field)
{
  hat_bytes_put_varint (out, field->type);
  hat_bytes_put_varint (out, field->kind);
  hat_bytes_put_varint (out, field->offset);
  hat_bytes_put_varint (out, field->size);
  hat_bytes_put_varint (out, field->align);
  hat_bytes_put_varint (out, field->bit_size);
  if (field->bit_size)
    hat_bytes_put_varint (out, field->bit_offset);
}

static void
put_type (HatBytes *out, const HatKeptType *kept)
{
  const HatType *type = &kept->type;
  const guint flags = (type->is_anonymous ? IS_ANONYMOUS : 0) | (type->is_declaration ? IS_DECLARATION : 0) | (type->is_variant ? IS_VARIANT : 0)
                      | (type->is_signed ? IS_SIGNED : 0) | (kept->is_packed ? IS_PACKED : 0) | (kept->has_tag ? HAS_TAG : 0)
                      | (kept->file ? HAS_PLACE : 0);
  hat_bytes_put_varint (out, kept->id);
  hat_bytes_put_varint (out, type->kind);
  hat_bytes_put_varint (out, type->language);
  hat_bytes_put_varint (out, flags);
  hat_bytes_put_varint (out, type->size);
  hat_bytes_put_varint (out, type->count);
  hat_bytes_put_varint (out, type->target);
  hat_bytes_put_varint (out, kept->align);
  hat_bytes_put_varint (out, kept->n_fields);
  hat_bytes_put_varint (out, kept->n_variants);
  if (kept->file)
    hat_bytes_put_varint (out, kept->line);
  if (kept->has_tag)
    put_field (out, &kept->tag);
  for (guint i = 0; i < kept->n_fields; i++)
    put_field (out, &kept->fields[i]);
  for (guint i = 0; i < kept->n_variants; i++)
    {
      const HatVariant *variant = &kept->variants[i];
      hat_bytes_put_varint (out, (variant->has_value ? 1 : 0) | (variant->is_unsigned ? 2 : 0));
      hat_bytes_put_signed (out, variant->value);
      hat_bytes_put_varint (out, variant->type);
      hat_bytes_put_varint (out, variant->offset);
    }
}

void
hat_write_types (HatBytes *out, const HatKeptType *types, guint n)
{
  HatStringColumn names;
  guint n_names = 0;
  HatBytes rows = { 0 }, column = { 0 };
  hat_string_column_init (&names);
  for (guint i = 0; i < n; i++)
    {
      const HatKeptType *kept = &types[i];
      put_name (&names, &n_names, kept->type.name);
      put_name (&names, &n_names, kept->niche);
      if (kept->file)
        put_name (&names, &n_names, kept->file);
      if (kept->has_tag)
        put_name (&names, &n_names, kept->tag.name);
      for (guint k = 0; k < kept->n_fields; k++)
        put_name (&names, &n_names, kept->fields[k].name);
      for (guint k = 0; k < kept->n_variants; k++)
        put_name (&names, &n_names, kept->variants[k].name);
      put_type (&rows, kept);
    }
  hat_string_column_finish (&names, &column);
  hat_bytes_put_varint (out, n);
  hat_bytes_put_varint (out, n_names);
  hat_bytes_put (out, column.data, column.len);
  hat_bytes_put (out, rows.data, rows.len);
  hat_bytes_clear (&column);
  hat_bytes_clear (&rows);
}

void
hat_write_stack_types (HatBytes *out, const HatStackType *types, guint n)
{
  HatStringColumn words;
  HatBytes column = { 0 };
  hat_string_column_init (&words);
  hat_bytes_put_varint (out, n);
  HatStackId next = 0;
  for (guint i = 0; i < n; i++)
    {
      const HatBlockType *type = &types[i].type;
      hat_bytes_put_varint (out, types[i].stack - next);
      next = types[i].stack + 1;
      hat_bytes_put_varint (out, type->type);
      hat_bytes_put_varint (out, (guint) type->evidence << 2 | (type->is_table ? 2 : 0) | (type->is_array ? 1 : 0));
      hat_bytes_put_varint (out, type->size);
      hat_bytes_put_varint (out, type->tail);
      hat_string_column_put (&words, type->words);
    }
  hat_string_column_finish (&words, &column);
  hat_bytes_put (out, column.data, column.len);
  hat_bytes_clear (&column);
}

/* ---- reading ---- */

typedef struct
{
  HatTrace *trace;
  HatReader *reader;
  const char **names;
  guint32 n_names, next_name;
} TableReader;

static guint64
read_bytes (TableReader *table)
{
  return hat_reader_upto (table->reader, (guint64) 1 << MAX_BYTES_LOG);
}

static const char *
read_name (TableReader *table)
{
  if (table->next_name < table->n_names)
    return hat_store_string (table->trace->store, table->names[table->next_name++]);
  hat_reader_fail (table->reader);
  return "";
}

static const char *
none_if_empty (const char *name)
{
  return *name ? name : NULL;
}

static void
read_field (TableReader *table, HatField *field)
{
  HatReader *reader = table->reader;
  field->name = none_if_empty (read_name (table));
  field->type = hat_reader_upto (reader, G_MAXUINT32);
  field->kind = hat_reader_upto (reader, HAT_FIELD_TAG);
  field->offset = read_bytes (table);
  field->size = read_bytes (table);
  field->align = hat_reader_upto (reader, 1 << 30);
  field->bit_size = hat_reader_upto (reader, 1 << 16);
  if (field->bit_size)
    field->bit_offset = read_bytes (table);
}

static void
read_type (TableReader *table, HatKeptType *kept)
{
  HatReader *reader = table->reader;
  HatType *type = &kept->type;
  kept->id = hat_reader_upto (reader, G_MAXUINT32);
  type->name = read_name (table);
  kept->niche = none_if_empty (read_name (table));
  type->kind = hat_reader_upto (reader, HAT_TYPE_FUNCTION);
  type->language = hat_reader_upto (reader, HAT_LANGUAGE_RUST);
  const guint flags = hat_reader_upto (reader, ALL_FLAGS);
  type->is_anonymous = (flags & IS_ANONYMOUS) != 0;
  type->is_declaration = (flags & IS_DECLARATION) != 0;
  type->is_variant = (flags & IS_VARIANT) != 0;
  type->is_signed = (flags & IS_SIGNED) != 0;
  kept->is_packed = (flags & IS_PACKED) != 0;
  kept->has_tag = (flags & HAS_TAG) != 0;
  type->size = read_bytes (table);
  type->count = hat_reader_upto (reader, G_MAXINT64);
  type->target = hat_reader_upto (reader, G_MAXUINT32);
  kept->align = hat_reader_upto (reader, 1 << 30);
  kept->n_fields = hat_reader_count (reader, 6);
  kept->n_variants = hat_reader_count (reader, 4);
  if (flags & HAS_PLACE)
    {
      kept->file = none_if_empty (read_name (table));
      kept->line = hat_reader_upto (reader, G_MAXUINT32);
    }
  if (kept->has_tag)
    read_field (table, &kept->tag);
  HatField *fields = hat_store_alloc0 (table->trace->store, kept->n_fields * sizeof *fields);
  for (guint i = 0; i < kept->n_fields; i++)
    read_field (table, &fields[i]);
  kept->fields = fields;
  HatVariant *variants = hat_store_alloc0 (table->trace->store, kept->n_variants * sizeof *variants);
  for (guint i = 0; i < kept->n_variants; i++)
    {
      variants[i].name = read_name (table);
      const guint bits = hat_reader_upto (reader, 3);
      variants[i].has_value = (bits & 1) != 0;
      variants[i].is_unsigned = (bits & 2) != 0;
      variants[i].value = hat_reader_signed (reader);
      variants[i].type = hat_reader_upto (reader, G_MAXUINT32);
      variants[i].offset = read_bytes (table);
    }
  kept->variants = variants;
}

/* The part number `i` that a type contains by value (a pointer's target is not one); FALSE behind the last. */
static gboolean
part (const HatKeptType *kept, guint i, HatTypeId *out_part)
{
  const gboolean has_target = kept->type.kind == HAT_TYPE_ARRAY || kept->type.kind == HAT_TYPE_ALIAS;
  if (i < kept->n_fields)
    *out_part = kept->fields[i].type;
  else if (i - kept->n_fields < kept->n_variants)
    *out_part = kept->variants[i - kept->n_fields].type;
  else if (i - kept->n_fields - kept->n_variants == 0)
    *out_part = kept->has_tag ? kept->tag.type : HAT_TYPE_VOID;
  else if (i - kept->n_fields - kept->n_variants == 1)
    *out_part = has_target ? kept->type.target : HAT_TYPE_VOID;
  else
    return FALSE;
  return TRUE;
}

/* Whether all refer to types that are there, and following what they contain always ends: those who draw layouts rely on it. */
static gboolean
is_sound (const HatKeptType *types, guint n)
{
  typedef struct
  {
    HatTypeId type;
    guint next; /* part */
  } Step;
  g_autofree guint8 *state = g_malloc0 (n); /* 1: inside it; 2: it is sound */
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (Step));
  for (HatTypeId id = 0; id < n; id++)
    {
      if (types[id].type.target >= n)
        return FALSE;
      if (state[id] == 0)
        g_array_append_val (path, ((Step){ id, 0 }));
      while (path->len > 0)
        {
          Step *step = &g_array_index (path, Step, path->len - 1);
          HatTypeId inner;
          state[step->type] = 1;
          if (!part (&types[step->type], step->next++, &inner))
            {
              state[step->type] = 2;
              g_array_set_size (path, path->len - 1);
            }
          else if (inner >= n || (inner != HAT_TYPE_VOID && state[inner] == 1))
            return FALSE;
          else if (state[inner] == 0)
            g_array_append_val (path, ((Step){ inner, 0 }));
        }
    }
  return TRUE;
}

static const char *
take_types (HatTrace *trace, HatReader *reader)
{
  const guint32 n = hat_reader_count (reader, 10), n_names = hat_reader_count (reader, 1);
  g_autofree const char **names = hat_string_column_read (reader, n_names);
  if (names == NULL)
    return wrong;
  TableReader table = { trace, reader, names, n_names, 0 };
  for (guint32 i = 0; i < n && !reader->bad; i++)
    {
      HatKeptType kept = { 0 };
      read_type (&table, &kept);
      if (reader->bad || kept.id == HAT_TYPE_VOID || kept.id > trace->types.n)
        return wrong;
      if (kept.id == trace->types.n)
        hat_list_append (&trace->types, sizeof kept, &kept);
      else
        hat_list_items (&trace->types, HatKeptType)[kept.id] = kept;
    }
  return table.next_name == n_names && is_sound (hat_list_items (&trace->types, const HatKeptType), trace->types.n) ? NULL : wrong;
}

const char *
hat_trace_read_types (HatTrace *trace, HatReader *reader)
{
  HatList before = trace->types;
  trace->types = (HatList){ 0 };
  hat_list_share (&trace->types, &before);
  hat_list_unshare (&trace->types, sizeof (HatKeptType));
  const char *problem = take_types (trace, reader);
  HatList *useless = problem ? &trace->types : &before;
  hat_list_clear (useless);
  if (problem)
    trace->types = before;
  return problem;
}

const char *
hat_trace_read_stack_types (HatTrace *trace, HatReader *reader)
{
  const guint32 n = hat_reader_count (reader, 6);
  HatStackType *types = hat_store_alloc0 (trace->store, n * sizeof *types);
  guint64 stack = 0;
  for (guint32 i = 0; i < n; i++, stack++)
    {
      stack += hat_reader_upto (reader, G_MAXUINT32);
      HatBlockType *type = &types[i].type;
      types[i].stack = (HatStackId) stack;
      type->type = hat_reader_upto (reader, trace->types.n - 1);
      const guint64 how = hat_reader_upto (reader, (HAT_N_TYPE_EVIDENCES << 2) - 1);
      type->is_array = how & 1;
      type->is_table = (how & 2) != 0;
      type->evidence = how >> 2;
      type->size = hat_reader_upto (reader, (guint64) 1 << MAX_BYTES_LOG);
      type->tail = hat_reader_upto (reader, (guint64) 1 << MAX_BYTES_LOG);
      if (stack >= trace->stacks.n)
        return wrong;
    }
  g_autofree const char **words = hat_string_column_read (reader, n);
  if (words == NULL)
    return wrong;
  for (guint32 i = 0; i < n; i++)
    types[i].type.words = hat_store_string (trace->store, words[i]);
  guint32 *of = hat_store_alloc0 (trace->store, (n ? types[n - 1].stack + 1 : 0) * sizeof *of);
  for (guint32 i = 0; i < n; i++)
    of[types[i].stack] = i + 1;
  trace->stack_types = types;
  trace->n_stack_types = n;
  trace->stack_type_of = of;
  return NULL;
}

/* ---- asking ---- */

const HatKeptType *
hat_trace_types (HatTrace *trace, guint *out_n)
{
  *out_n = trace->types.n;
  return hat_list_items (&trace->types, const HatKeptType);
}

const HatStackType *
hat_trace_stack_types (HatTrace *trace, guint *out_n)
{
  *out_n = trace->n_stack_types;
  return trace->stack_types;
}

const HatBlockType *
hat_trace_stack_type (HatTrace *trace, HatStackId stack)
{
  const guint n = trace->n_stack_types;
  const guint32 number = n > 0 && stack <= trace->stack_types[n - 1].stack ? trace->stack_type_of[stack] : 0;
  return number ? &trace->stack_types[number - 1].type : NULL;
}

const HatBlockType *
hat_site_type (HatTrace *trace, const HatSite *site)
{
  const HatBlockType *type = hat_trace_stack_type (trace, site->stack);
  const gboolean is_new = site->allocations > 0; /* else only reallocated */
  const guint64 blocks = is_new ? site->allocations : site->peak_blocks, bytes = is_new ? site->bytes : site->peak_bytes;
  if (type == NULL || type->is_table)
    return type;
  if (type->is_array)
    return type->size > 0 && bytes % type->size == 0 ? type : NULL;
  return blocks > 0 && (bytes == blocks * type->size || (type->tail && bytes >= blocks * type->tail)) ? type : NULL;
}
