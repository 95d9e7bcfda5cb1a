/* SPDX-License-Identifier: Apache-2.0 */
/* From the types of binaries to those of a trace, and back. */

#include "core/types/block-types.h"
#include "core/types/types-private.h"

struct _HatTypeKeeper
{
  GHashTable *ids;  /* HatTypeId -> id in the trace; bit 31: with its parts */
  GArray *waiting;  /* HatTypeId: to be written, with parts or anew with parts */
  guint n;          /* ids given, with VOID */
};

#define WITH_PARTS (1u << 31)

void
hat_type_keeper_free (HatTypeKeeper *keeper)
{
  if (!keeper)
    return;
  g_hash_table_unref (keeper->ids);
  g_array_unref (keeper->waiting);
  g_free (keeper);
}

/* ---- to the trace ---- */

/* Those of its name that are kept already: from now on it matters where they are defined. */
static void
say_places (HatTypes *types, HatTypeId type)
{
  const char *name = hat_types_info (types, type)->type.name;
  for (HatTypeId at = hat_types_first_of_name (types, name); at; at = hat_types_info (types, at)->next)
    if (at != type && hat_type_is_listed (hat_types_info (types, at))
        && GPOINTER_TO_UINT (g_hash_table_lookup (types->keeper->ids, GUINT_TO_POINTER (at))) & WITH_PARTS)
      g_array_append_val (types->keeper->waiting, at);
}

static HatTypeId
keep (HatTypes *types, HatTypeId type, gboolean with_parts)
{
  if (type == HAT_TYPE_VOID)
    return HAT_TYPE_VOID;
  HatTypeKeeper *keeper = types->keeper;
  if (!keeper)
    {
      types->keeper = keeper = g_new0 (HatTypeKeeper, 1);
      keeper->ids = g_hash_table_new (NULL, NULL);
      keeper->waiting = g_array_new (FALSE, FALSE, sizeof (HatTypeId));
      keeper->n = 1;
    }
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (keeper->ids, GUINT_TO_POINTER (type)));
  if (known && (!with_parts || known & WITH_PARTS))
    return known & ~WITH_PARTS;
  const guint id = known ? known : keeper->n++;
  g_hash_table_insert (keeper->ids, GUINT_TO_POINTER (type), GUINT_TO_POINTER (id | (with_parts ? WITH_PARTS : 0)));
  g_array_append_val (keeper->waiting, type);
  if (with_parts && hat_type_is_listed (hat_types_info (types, type)))
    say_places (types, type);
  return id;
}

HatTypeId
hat_types_keep (HatTypes *types, HatTypeId type)
{
  return keep (types, type, TRUE);
}

static const char *
copy_name (HatKeptTypes *kept, const char *name)
{
  return name ? g_string_chunk_insert_const (kept->strings, name) : NULL;
}

static void
copy_field (HatTypes *types, HatKeptTypes *kept, HatField *field)
{
  field->name = copy_name (kept, field->name);
  field->type = keep (types, field->type, TRUE);
}

static void
copy_layout (HatTypes *types, HatTypeId id, HatKeptTypes *kept, HatKeptType *out)
{
  const HatTypeLayout *layout = hat_types_layout (types, id);
  out->align = layout->align;
  out->is_packed = layout->is_packed;
  out->n_fields = layout->n_fields;
  HatField *fields = g_memdup2 (layout->fields, layout->n_fields * sizeof *fields);
  for (guint i = 0; i < out->n_fields; i++)
    copy_field (types, kept, &fields[i]);
  out->fields = fields;
  out->has_tag = layout->has_tag;
  out->tag = layout->tag;
  if (out->has_tag)
    copy_field (types, kept, &out->tag);
  out->niche = copy_name (kept, layout->niche);
  out->n_variants = layout->n_variants;
  HatVariant *variants = g_memdup2 (layout->variants, layout->n_variants * sizeof *variants);
  for (guint i = 0; i < out->n_variants; i++)
    {
      variants[i].name = copy_name (kept, variants[i].name);
      variants[i].type = keep (types, variants[i].type, TRUE);
    }
  out->variants = variants;
  g_ptr_array_add (kept->parts, fields);
  g_ptr_array_add (kept->parts, variants);
  keep (types, hat_types_stored (types, id), TRUE);
}

static void
copy_type (HatTypes *types, HatTypeId id, HatKeptTypes *kept, HatKeptType *out)
{
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (types->keeper->ids, GUINT_TO_POINTER (id)));
  const gboolean is_whole = (known & WITH_PARTS) != 0;
  /* What is declared here may be defined elsewhere. */
  HatTypeId definition = hat_types_get (types, id)->is_declaration ? hat_types_definition (types, id) : id;
  *out = (HatKeptType){ .id = known & ~WITH_PARTS, .type = *hat_types_get (types, definition) };
  HatType *type = &out->type;
  type->name = copy_name (kept, type->name);
  type->module = 0;
  if (type->kind == HAT_TYPE_POINTER)
    type->target = keep (types, type->target, FALSE);
  else if (type->kind == HAT_TYPE_ARRAY || type->kind == HAT_TYPE_ALIAS)
    type->target = hat_types_element (types, id) ? keep (types, type->target, is_whole) : HAT_TYPE_VOID;
  else
    type->target = HAT_TYPE_VOID;
  if (!hat_type_has_parts (type))
    out->align = is_whole || type->kind == HAT_TYPE_BASE ? hat_types_align (types, definition) : 1;
  else if (is_whole && !type->is_declaration)
    {
      copy_layout (types, definition, kept, out);
      if (hat_types_place (types, definition, &out->file, &out->line))
        out->file = copy_name (kept, out->file);
    }
  else
    type->is_declaration = TRUE;
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  const HatKeptType *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

HatKeptTypes *
hat_types_take_kept (HatTypes *types)
{
  HatTypeKeeper *keeper = types->keeper;
  if (!keeper || keeper->waiting->len == 0)
    return NULL;
  HatKeptTypes *kept = g_new0 (HatKeptTypes, 1);
  kept->strings = g_string_chunk_new (4096);
  kept->parts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) done = g_hash_table_new (NULL, NULL); /* id -> place + 1 */
  GArray *out = g_array_new (FALSE, TRUE, sizeof (HatKeptType));
  /* Grows while it is gone through. */
  for (guint i = 0; i < keeper->waiting->len; i++)
    {
      HatKeptType type;
      const HatTypeId id = g_array_index (keeper->waiting, HatTypeId, i);
      copy_type (types, id, kept, &type);
      const guint place = GPOINTER_TO_UINT (g_hash_table_lookup (done, GUINT_TO_POINTER (id)));
      if (place)
        g_array_index (out, HatKeptType, place - 1) = type;
      else
        {
          g_array_append_val (out, type);
          g_hash_table_insert (done, GUINT_TO_POINTER (id), GUINT_TO_POINTER (out->len));
        }
    }
  g_array_set_size (keeper->waiting, 0);
  g_array_sort (out, compare_ids);
  kept->n = out->len;
  kept->types = (HatKeptType *) (gpointer) g_array_free (out, FALSE);
  return kept;
}

void
hat_kept_types_free (HatKeptTypes *kept)
{
  if (!kept)
    return;
  g_free (kept->types);
  g_string_chunk_free (kept->strings);
  g_ptr_array_unref (kept->parts);
  g_free (kept);
}

/* ---- from the trace ---- */

HatTypes *
hat_types_of_trace (HatTrace *trace)
{
  HatTypes *types = hat_types_new (NULL);
  guint n;
  const HatKeptType *kept = hat_trace_types (trace, &n);
  types->trace = hat_trace_ref (trace);
  for (HatTypeId id = 1; id < n; id++)
    {
      hat_types_add_type (types, &kept[id].type, hat_type_mix (id, 1), NULL);
      HatTypeInfo *info = hat_types_info (types, id);
      info->kept = &kept[id];
      info->is_resolved = TRUE;
    }
  return types;
}
