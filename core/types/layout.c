/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a type: fields, bit-fields, base classes, variants. */

#include "core/types/types-private.h"

#include <string.h>

enum
{
  MAX_FIELDS = 1 << 16,
  MAX_PATH = 16, /* fields around a niche */
  MAX_NESTED = 64, /* types in each other */
};

typedef struct
{
  HatTypes *types;
  HatTypeSource *source;
  HatTypeInfo *info;
  Dwarf_Die die;
  GArray *fields, *variants;
  HatField tag;
  gboolean has_tag;
  HatTypeId number; /* of an enum: what its values are */
} Reader;

static gboolean
is_little_endian (Dwarf_Die *die)
{
  Elf *elf = dwarf_getelf (dwarf_cu_getdwarf (die->cu));
  const char *ident = elf ? elf_getident (elf, NULL) : NULL;
  return !ident || ident[EI_DATA] != ELFDATA2MSB;
}

static void
place_bits (HatField *field, const HatDie *said, Dwarf_Die *die, guint64 type_bytes)
{
  guint64 bytes = said->has_byte_size ? said->byte_size : type_bytes;
  field->bit_size = (guint32) MIN (said->bit_size, 1 << 16);
  if (said->has_data_bit_offset)
    field->bit_offset = said->data_bit_offset;
  else
    {
      /* The old form counts from the most significant bit of a storage unit. */
      guint64 from_top = said->bit_offset;
      guint64 inside = is_little_endian (die) ? bytes * 8 - from_top - field->bit_size : from_top;
      field->bit_offset = said->offset * 8 + (said->has_bit_offset ? inside : 0);
    }
  field->offset = field->bit_offset / 8;
  field->size = (field->bit_offset % 8 + field->bit_size + 7) / 8;
}

/* Rust's tuples: DWARF says "__0" for what the language calls 0. */
static const char *
shown_name (const Reader *reader, const char *name)
{
  if (!name || !name[0])
    return NULL;
  const char *shown = name;
  if (reader->info->type.language == HAT_LANGUAGE_RUST && g_str_has_prefix (name, "__") && g_ascii_isdigit (name[2]))
    shown = name + 2;
  return g_string_chunk_insert_const (reader->types->strings, shown);
}

static HatField
read_field (const Reader *reader, Dwarf_Die *die, const HatDie *said)
{
  HatTypes *types = reader->types;
  HatField field = { .name = shown_name (reader, said->name), .offset = said->offset };
  field.type = hat_types_of_attribute (types, reader->source, die);
  HatTypeId complete = hat_types_definition (types, field.type);
  field.size = hat_types_get (types, complete)->size;
  field.align = hat_types_align (types, field.type);
  if (said->alignment)
    field.align = said->alignment;
  /* What contains itself is damaged. */
  if (types->depth > MAX_NESTED || hat_types_info (types, hat_types_element (types, complete))->is_reading)
    field.type = HAT_TYPE_VOID;
  if (said->bit_size)
    place_bits (&field, said, die, field.size);
  if (field.name && g_str_has_prefix (field.name, "_vptr"))
    field.kind = HAT_FIELD_VTABLE;
  return field;
}

static gboolean
is_empty (HatTypes *types, HatTypeId type)
{
  const HatTypeLayout *layout = hat_types_layout (types, type);
  for (guint i = 0; i < layout->n_fields; i++)
    if (layout->fields[i].size > 0)
      return FALSE;
  return layout->n_variants == 0;
}

static void
add_member (Reader *reader, Dwarf_Die *die)
{
  HatDie said;
  hat_die_read (&said, die);
  if (said.is_external || said.is_declaration || reader->fields->len >= MAX_FIELDS)
    return; /* static members */
  HatField field = read_field (reader, die, &said);
  g_array_append_val (reader->fields, field);
}

static void
add_base (Reader *reader, Dwarf_Die *die)
{
  HatDie said;
  hat_die_read (&said, die);
  HatField field = read_field (reader, die, &said);
  HatTypeId complete = hat_types_definition (reader->types, field.type);
  field.kind = said.is_virtual ? HAT_FIELD_VIRTUAL_BASE : HAT_FIELD_BASE;
  field.name = hat_types_get (reader->types, complete)->name;
  if (is_empty (reader->types, complete))
    field.size = 0;
  if (reader->fields->len < MAX_FIELDS)
    g_array_append_val (reader->fields, field);
}

/* Where virtual bases are only the object knows; in one of exactly this type they follow its own part, in the order of the
 * inheritance graph (Itanium C++ ABI 2.4, III). One that was put into another base (a primary one) is left out. */
typedef struct
{
  HatTypeId types[64];
  guint n;
} Placed;

static guint64
own_end (HatTypes *types, HatTypeId type)
{
  guint64 end = 0;
  const HatTypeLayout *layout = hat_types_layout (types, type);
  for (guint i = 0; i < layout->n_fields; i++)
    if (layout->fields[i].kind != HAT_FIELD_VIRTUAL_BASE)
      end = MAX (end, layout->fields[i].offset + layout->fields[i].size);
  return end;
}

static void
place_virtual_bases (Reader *reader, const HatField *fields, guint n, guint64 *end, Placed *placed, GArray *out, guint depth)
{
  HatTypes *types = reader->types;
  for (guint i = 0; i < n && depth < 32; i++)
    {
      HatField field = fields[i];
      if (field.kind != HAT_FIELD_BASE && field.kind != HAT_FIELD_VIRTUAL_BASE)
        continue;
      HatTypeId base = hat_types_definition (types, field.type);
      gboolean is_known = FALSE;
      for (guint k = 0; k < placed->n; k++)
        is_known |= placed->types[k] == base;
      if (field.kind == HAT_FIELD_VIRTUAL_BASE && !is_known && placed->n < G_N_ELEMENTS (placed->types))
        {
          placed->types[placed->n++] = base;
          field.offset = (*end + field.align - 1) / field.align * field.align;
          field.size = is_empty (types, base) ? 0 : own_end (types, base);
          if (field.offset + field.size <= reader->info->type.size)
            {
              g_array_append_val (out, field);
              *end = MAX (*end, field.offset + field.size);
            }
        }
      const HatTypeLayout *layout = hat_types_layout (types, base);
      place_virtual_bases (reader, layout->fields, layout->n_fields, end, placed, out, depth + 1);
    }
}

/* A base ends where its own part does if another field lies in its tail or if it has virtual bases, which are not there. */
static void
fit_bases (Reader *reader)
{
  GArray *fields = reader->fields;
  gboolean has_virtual = FALSE;
  for (guint i = 0; i < fields->len; i++)
    {
      HatField *field = &g_array_index (fields, HatField, i);
      if (field->kind != HAT_FIELD_BASE && field->kind != HAT_FIELD_VIRTUAL_BASE)
        continue;
      HatTypeId base = hat_types_definition (reader->types, field->type);
      const HatTypeLayout *layout = hat_types_layout (reader->types, base);
      for (guint k = 0; k < layout->n_fields; k++)
        if (layout->fields[k].kind == HAT_FIELD_VIRTUAL_BASE)
          field->size = MIN (field->size, own_end (reader->types, base));
      has_virtual |= field->kind == HAT_FIELD_VIRTUAL_BASE || field->size < hat_types_get (reader->types, base)->size;
      for (guint k = 0; k < fields->len; k++)
        {
          const HatField *other = &g_array_index (fields, HatField, k);
          if (k != i && other->kind != HAT_FIELD_VIRTUAL_BASE && other->offset > field->offset)
            field->size = MIN (field->size, other->offset - field->offset);
        }
    }
  if (!has_virtual)
    return;
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (HatField));
  guint64 end = 0;
  for (guint i = 0; i < fields->len; i++)
    if (g_array_index (fields, HatField, i).kind != HAT_FIELD_VIRTUAL_BASE)
      end = MAX (end, g_array_index (fields, HatField, i).offset + g_array_index (fields, HatField, i).size);
  Placed placed = { .n = 0 };
  place_virtual_bases (reader, (const HatField *) fields->data, fields->len, &end, &placed, found, 0);
  for (guint i = fields->len; i > 0; i--)
    if (g_array_index (fields, HatField, i - 1).kind == HAT_FIELD_VIRTUAL_BASE)
      g_array_remove_index (fields, i - 1);
  g_array_append_vals (fields, found->data, found->len);
}

/* Values of tags and enumerators are written as wide as the compiler liked. */
static void
fit_value (HatVariant *variant, guint64 bytes, gboolean is_signed)
{
  variant->is_unsigned = !is_signed;
  if (bytes == 0 || bytes >= 8)
    return;
  guint shift = 64 - 8 * bytes;
  guint64 high = (guint64) variant->value << shift;
  variant->value = is_signed ? (gint64) high >> shift : (gint64) (high >> shift);
}

static void
add_enumerator (Reader *reader, Dwarf_Die *die)
{
  HatDie said;
  hat_die_read (&said, die);
  HatVariant variant = { .has_value = said.has_value, .value = said.value, .is_unsigned = said.is_value_unsigned };
  variant.name = g_string_chunk_insert_const (reader->types->strings, said.name ? said.name : "");
  const HatType *number = hat_types_get (reader->types, hat_types_definition (reader->types, reader->number));
  if (number->size)
    fit_value (&variant, number->size, number->is_signed);
  if (reader->variants->len < MAX_FIELDS)
    g_array_append_val (reader->variants, variant);
}

static void
add_variant (Reader *reader, Dwarf_Die *die)
{
  HatDie said, member;
  Dwarf_Die child;
  hat_die_read (&said, die);
  if (dwarf_child (die, &child) != 0 || reader->variants->len >= MAX_FIELDS)
    return;
  hat_die_read (&member, &child);
  HatVariant variant = { .has_value = said.has_value && reader->has_tag, .value = said.value, .offset = member.offset };
  variant.type = hat_types_of_attribute (reader->types, reader->source, &child);
  if (hat_types_info (reader->types, variant.type)->is_reading)
    variant.type = HAT_TYPE_VOID;
  const char *name = member.name;
  if (!name)
    {
      const char *full = hat_types_get (reader->types, variant.type)->name, *last = g_strrstr (full, "::");
      name = last ? last + 2 : full;
    }
  variant.name = g_string_chunk_insert_const (reader->types->strings, name);
  if (reader->has_tag)
    {
      const HatType *tag = hat_types_get (reader->types, hat_types_definition (reader->types, reader->tag.type));
      fit_value (&variant, reader->tag.size, tag->is_signed);
    }
  g_array_append_val (reader->variants, variant);
}

static void
add_variants (Reader *reader, Dwarf_Die *part)
{
  HatDie said;
  Dwarf_Die die;
  hat_die_read (&said, part);
  if (said.has_discriminant && dwarf_formref_die (&said.discriminant, &die))
    {
      HatDie tag;
      hat_die_read (&tag, &die);
      reader->tag = read_field (reader, &die, &tag);
      reader->tag.kind = HAT_FIELD_TAG;
      reader->has_tag = TRUE;
    }
  if (dwarf_child (part, &die) == 0)
    do
      if (dwarf_tag (&die) == DW_TAG_variant)
        add_variant (reader, &die);
    while (hat_die_next (&die));
}

static void
read_children (Reader *reader)
{
  Dwarf_Die die;
  if (dwarf_child (&reader->die, &die) != 0)
    return;
  do
    switch (dwarf_tag (&die))
      {
      case DW_TAG_member:
        add_member (reader, &die);
        break;
      case DW_TAG_inheritance:
        add_base (reader, &die);
        break;
      case DW_TAG_enumerator:
        add_enumerator (reader, &die);
        break;
      case DW_TAG_variant_part:
        add_variants (reader, &die);
        break;
      }
  while (hat_die_next (&die));
}

const HatVariant *
hat_type_layout_full_variant (const HatTypeLayout *layout)
{
  for (guint i = 0; i < layout->n_variants; i++)
    if (!layout->variants[i].has_value)
      return &layout->variants[i];
  return NULL;
}

/* The field of the variant that any other value of the tag stands for, if the tag lies in it. */
static const char *
find_niche (HatTypes *types, const HatTypeLayout *layout)
{
  const HatVariant *full = hat_type_layout_full_variant (layout);
  if (!layout->has_tag || !full)
    return NULL;
  g_autoptr (GString) path = g_string_new (NULL);
  HatTypeId type = full->type;
  guint64 offset = layout->tag.offset - full->offset;
  for (guint depth = 0; depth < MAX_PATH; depth++)
    {
      const HatField *field = hat_types_field_at (types, type, offset);
      if (!field && depth > 0)
        {
          /* The niche of an enum inside is its own tag, or a field of one of its variants. */
          const HatTypeLayout *inner = hat_types_layout (types, hat_types_definition (types, type));
          for (guint i = 0; !field && i < inner->n_variants; i++)
            field = inner->variants[i].type ? hat_types_field_at (types, inner->variants[i].type, offset - inner->variants[i].offset)
                                            : NULL;
        }
      if (!field)
        break;
      if (field->kind != HAT_FIELD_TAG)
        g_string_append_printf (path, "%s%s", path->len ? "." : "", field->name ? field->name : "(anonymous)");
      type = field->type;
      offset -= field->offset;
    }
  return path->len ? g_string_chunk_insert_const (types->strings, path->str) : NULL;
}

/* In the enum's bytes a variant's own fields and the tag are used: so the tag is one of them, unless it is a niche there. */
static void
add_tag_to_variants (HatTypes *types, const HatTypeLayout *layout)
{
  for (guint i = 0; i < layout->n_variants && layout->has_tag; i++)
    {
      HatTypeInfo *info = hat_types_info (types, layout->variants[i].type);
      hat_types_layout (types, info->id);
      if (!info->type.is_variant || !info->layout || layout->variants[i].offset > layout->tag.offset)
        continue;
      HatTypeLayout *its = info->layout;
      HatField tag = layout->tag;
      tag.offset -= layout->variants[i].offset;
      gboolean is_covered = FALSE;
      for (guint k = 0; k < its->n_fields; k++)
        is_covered |= its->fields[k].offset < tag.offset + tag.size && tag.offset < its->fields[k].offset + its->fields[k].size;
      if (is_covered)
        continue;
      HatField *fields = g_new (HatField, its->n_fields + 1);
      if (its->n_fields)
        memcpy (fields, its->fields, its->n_fields * sizeof *fields);
      fields[its->n_fields++] = tag;
      g_free ((gpointer) its->fields);
      its->fields = fields;
      hat_layout_measure (types, &info->type, its, its->align);
    }
}

static HatTypeLayout *
kept_layout (HatTypes *types, const HatTypeInfo *info)
{
  const HatKeptType *kept = info->kept;
  HatTypeLayout *layout = g_new0 (HatTypeLayout, 1);
  layout->is_packed = kept->is_packed;
  layout->n_fields = kept->n_fields;
  layout->fields = g_memdup2 (kept->fields, kept->n_fields * sizeof *kept->fields);
  layout->n_variants = kept->n_variants;
  layout->variants = g_memdup2 (kept->variants, kept->n_variants * sizeof *kept->variants);
  layout->has_tag = kept->has_tag;
  layout->tag = kept->tag;
  layout->niche = kept->niche;
  hat_layout_measure (types, &info->type, layout, kept->align);
  return layout;
}

static HatTypeLayout *
read_layout (HatTypes *types, HatTypeInfo *info)
{
  if (info->kept)
    return kept_layout (types, info);
  HatTypeLayout *layout = g_new0 (HatTypeLayout, 1);
  HatDie said = { 0 };
  Reader reader = {
    .types = types,
    .info = info,
    .fields = g_array_new (FALSE, FALSE, sizeof (HatField)),
    .variants = g_array_new (FALSE, FALSE, sizeof (HatVariant)),
  };
  if (info->type.kind != HAT_TYPE_ALIAS && hat_types_die (types, info, &reader.die))
    {
      reader.source = hat_types_source (types, info);
      hat_die_read (&said, &reader.die);
      if (info->type.kind == HAT_TYPE_ENUM)
        reader.number = hat_types_of_attribute (types, reader.source, &reader.die);
      read_children (&reader);
      fit_bases (&reader);
    }
  layout->n_fields = reader.fields->len;
  layout->n_variants = reader.variants->len;
  layout->has_tag = reader.has_tag;
  layout->tag = reader.tag;
  layout->fields = (HatField *) g_array_free (reader.fields, FALSE);
  layout->variants = (HatVariant *) g_array_free (reader.variants, FALSE);
  layout->niche = find_niche (types, layout);
  add_tag_to_variants (types, layout);
  hat_layout_measure (types, &info->type, layout, said.alignment);
  return layout;
}

const HatTypeLayout *
hat_types_layout (HatTypes *types, HatTypeId type)
{
  static const HatTypeLayout none = { .align = 1 };
  HatTypeInfo *info = hat_types_info (types, type);
  if (info->layout)
    return info->layout;
  if (info->is_reading || types->depth > MAX_NESTED)
    return &none;
  info->is_reading = TRUE;
  types->depth++;
  /* A variant's fields are complete when its enum's are. */
  HatTypeLayout *layout = read_layout (types, info);
  types->depth--;
  info->layout = layout;
  info->is_reading = FALSE;
  if (info->owner)
    hat_types_layout (types, info->owner);
  return layout;
}
