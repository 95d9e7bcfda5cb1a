/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas types --json`: the contract of DESIGN section 4, with what a name, an offset or a size alone does not say
 * (bit-fields, variants' fields, the best order) under further keys. */

#include "core/report/report-private.h"

#define MAX_NESTED 16 /* anonymous members in each other */
static void write_fields (HatJson *json, const char *key, HatTypes *types, const HatField *fields, guint n, guint depth);

static const char *
field_kind (HatFieldKind kind)
{
  static const char *const names[] = { "member", "base", "virtual base", "vtable", "tag" };
  return names[kind];
}

static void
write_field (HatJson *json, const char *key, HatTypes *types, const HatField *field, guint depth)
{
  hat_json_begin_object (json, key);
  hat_json_string (json, "name", field->name);
  hat_json_string (json, "type", hat_types_get (types, field->type)->name);
  hat_json_uint (json, "offset", field->offset);
  hat_json_uint (json, "size", field->size);
  hat_json_uint (json, "align", field->align);
  if (field->kind != HAT_FIELD_MEMBER)
    hat_json_string (json, "kind", field_kind (field->kind));
  if (field->bit_size)
    {
      hat_json_uint (json, "bit_offset", field->bit_offset);
      hat_json_uint (json, "bit_size", field->bit_size);
    }
  if (!field->name && depth < MAX_NESTED)
    {
      const HatTypeLayout *layout = hat_types_layout (types, hat_types_definition (types, field->type));
      write_fields (json, "fields", types, layout->fields, layout->n_fields, depth + 1);
    }
  hat_json_end_object (json);
}

static void
write_fields (HatJson *json, const char *key, HatTypes *types, const HatField *fields, guint n, guint depth)
{
  hat_json_begin_array (json, key);
  for (guint i = 0; i < n; i++)
    write_field (json, NULL, types, &fields[i], depth);
  hat_json_end_array (json);
}

static void
write_holes (HatJson *json, const HatTypeLayout *layout)
{
  hat_json_begin_array (json, "holes");
  for (guint i = 0; i < layout->n_holes; i++)
    {
      hat_json_begin_object (json, NULL);
      hat_json_uint (json, "offset", layout->holes[i].offset);
      hat_json_uint (json, "size", layout->holes[i].size);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  hat_json_uint (json, "tail_padding", layout->tail_padding);
}

static void
write_variant (HatJson *json, HatTypes *types, const HatTypeLayout *layout, const HatVariant *variant)
{
  hat_json_begin_object (json, NULL);
  hat_json_string (json, "name", variant->name);
  if (!variant->has_value)
    hat_json_null (json, "discriminant");
  else if (variant->is_unsigned)
    hat_json_uint (json, "discriminant", (guint64) variant->value);
  else
    hat_json_int (json, "discriminant", variant->value);
  hat_json_string (json, "niche", layout->niche);
  if (variant->type)
    {
      const HatTypeLayout *its = hat_types_layout (types, variant->type);
      write_fields (json, "fields", types, its->fields, its->n_fields, 0);
      write_holes (json, its);
    }
  hat_json_end_object (json);
}

static void
write_type (HatJson *json, const HatListedType *listed, gboolean has_counts)
{
  HatTypes *types = listed->types;
  const HatTypeId id = listed->id;
  const HatType *type = hat_types_get (types, id);
  HatTypeId definition = hat_types_definition (types, id);
  const HatTypeLayout *layout = hat_types_layout (types, definition);
  const char *file;
  guint line;
  hat_json_begin_object (json, NULL);
  hat_json_string (json, "name", type->name);
  if (hat_types_place (types, id, &file, &line))
    {
      hat_json_string (json, "file", file);
      hat_json_uint (json, "line", line);
    }
  hat_json_string (json, "kind", hat_type_kind_name (type->kind));
  hat_json_string (json, "language", hat_language_name (type->language));
  hat_json_uint (json, "size", type->size);
  hat_json_uint (json, "align", hat_types_align (types, id));
  if (type->kind == HAT_TYPE_ALIAS)
    hat_json_string (json, "alias_of", hat_types_get (types, type->target)->name);
  if (layout->is_packed)
    hat_json_boolean (json, "packed", TRUE);
  write_fields (json, "fields", types, layout->fields, layout->n_fields, 0);
  write_holes (json, layout);
  hat_json_uint (json, "best_size", layout->best ? layout->best_size : type->size);
  if (layout->best)
    write_fields (json, "best_order", types, layout->best, layout->n_fields, MAX_NESTED);
  if (layout->has_tag)
    write_field (json, "tag", types, &layout->tag, 0);
  hat_json_begin_array (json, "variants");
  for (guint i = 0; i < layout->n_variants; i++)
    write_variant (json, types, layout, &layout->variants[i]);
  hat_json_end_array (json);
  if (has_counts)
    {
      hat_json_uint (json, "live_count", listed->live.objects);
      hat_json_uint (json, "live_bytes", listed->live.bytes);
      hat_json_uint (json, "wasted_live_bytes", listed->live.objects * layout->lost);
    }
  else
    {
      hat_json_null (json, "live_count"); /* a binary has no heap */
      hat_json_null (json, "live_bytes");
      hat_json_null (json, "wasted_live_bytes");
    }
  hat_json_end_object (json);
}

void
hat_report_types_json (HatTypes *types, const HatTypesOptions *options, GString *out, guint *out_n)
{
  HatJson json = { out };
  hat_json_begin_object (&json, NULL);
  if (options->process < 0)
    hat_json_null (&json, "process");
  else
    hat_json_uint (&json, "process", options->process);
  if (options->counts)
    {
      const HatTypeCount known = hat_type_counts_blocks (options->counts);
      hat_json_int (&json, "time_ns", options->at_ns);
      hat_json_uint (&json, "live_blocks", options->live_blocks);
      hat_json_uint (&json, "live_bytes", options->live_bytes);
      hat_json_uint (&json, "known_blocks", known.objects);
      hat_json_uint (&json, "known_bytes", known.bytes);
    }
  hat_json_begin_array (&json, "types");
  g_autoptr (GArray) listed = hat_report_listed_types (types, options);
  for (guint i = 0; i < listed->len; i++)
    {
      const HatListedType *it = &g_array_index (listed, HatListedType, i);
      write_type (&json, it, options->counts != NULL);
      if (i % HAT_LAYOUTS_KEPT == HAT_LAYOUTS_KEPT - 1)
        hat_types_forget_layouts (it->types);
    }
  hat_json_end_array (&json);
  if (options->generics)
    hat_report_generics_json (&json, options);
  else
    hat_json_null (&json, "generics");
  hat_json_end_object (&json);
  *out_n = listed->len;
}
