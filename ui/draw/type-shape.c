/* SPDX-License-Identifier: Apache-2.0 */

/* Types as boxes. */

#include "ui/draw/type-shape.h"

#include "core/heap/format.h"

#include <stdlib.h>
#include <string.h>

enum
{
  MAX_DEPTH = 16,     /* of fields in fields */
  MAX_BOXES = 20000,  /* of a generated struct there may be more than anyone looks at */
  MAX_TABS = 4096,
  MAX_NAMED = 12,     /* enumerators in a sentence */
  SPOKEN_BOXES = 40,
};
#define MAX_BITS ((guint64) 1 << 62) /* damaged files know types of any size */

const char *
hat_box_kind_title (HatBoxKind kind)
{
  static const char *const titles[HAT_N_BOX_KINDS] = { "pointer", "number", "bool, enum", "struct", "array", "base class", "hole", "padding at the end" };
  return titles[kind];
}

/* ---- boxes ---- */

typedef struct
{
  HatTypes *types;
  GArray *boxes; /* HatTypeBox */
  gboolean is_flat;
  guint n_left_out;
} Maker;

static gboolean
is_choice (const HatType *type)
{
  return type->kind == HAT_TYPE_ENUM
         || (type->kind == HAT_TYPE_BASE && (g_str_equal (type->name, "bool") || g_str_equal (type->name, "_Bool")));
}

/* Its name is that of its type. */
static gboolean
is_base (const HatField *field)
{
  return field->kind == HAT_FIELD_BASE || field->kind == HAT_FIELD_VIRTUAL_BASE;
}

static HatBoxKind
kind_of (HatTypes *types, const HatField *field)
{
  const HatType *type = hat_types_get (types, hat_types_definition (types, field->type));

  if (is_base (field) || field->kind == HAT_FIELD_VTABLE)
    return HAT_BOX_BASE;
  if (field->kind == HAT_FIELD_TAG || is_choice (type))
    return HAT_BOX_CHOICE;
  switch (type->kind)
    {
    case HAT_TYPE_POINTER:
    case HAT_TYPE_FUNCTION:
      return HAT_BOX_POINTER;
    case HAT_TYPE_STRUCT:
    case HAT_TYPE_CLASS:
    case HAT_TYPE_UNION:
      return HAT_BOX_STRUCT;
    case HAT_TYPE_ARRAY:
      return HAT_BOX_ARRAY;
    default:
      return HAT_BOX_NUMBER;
    }
}

static void
add_box (Maker *maker, HatTypeBox box)
{
  box.bit = MIN (box.bit, MAX_BITS - 1);
  box.bits = MIN (box.bits, MAX_BITS - box.bit);
  if (maker->boxes->len < MAX_BOXES)
    g_array_append_val (maker->boxes, box);
  else
    {
      maker->n_left_out++;
      g_free (box.name);
      g_free (box.type);
    }
}

static char *
name_of (HatTypes *types, const HatField *field, const char *path)
{
  const char *type = hat_types_get (types, field->type)->name;
  g_autofree char *name = field->kind == HAT_FIELD_VTABLE                                             ? g_strdup ("vtable")
                          : field->kind == HAT_FIELD_TAG                                              ? g_strdup ("tag")
                          : field->name && field->kind == HAT_FIELD_MEMBER                             ? g_strdup (field->name)
                                                                                                       : hat_format_function (type, 60);
  return *path ? g_strdup_printf ("%s.%s", path, name) : g_strdup (name);
}

static void add_fields (Maker *maker, const HatField *fields, guint n, guint64 base, const char *path, guint depth);

/* Members without a name are their fields, as in the language. */
static gboolean
is_unfolded (const Maker *maker, const HatField *field, const HatType *type, const HatTypeLayout *layout, guint depth)
{
  if (depth >= MAX_DEPTH || layout->n_fields == 0 || layout->n_variants || type->kind == HAT_TYPE_UNION)
    return FALSE;
  return (maker->is_flat && field->kind != HAT_FIELD_VTABLE) || (field->kind == HAT_FIELD_MEMBER && !field->name);
}

static void
add_field (Maker *maker, const HatField *field, guint64 base, const char *path, guint depth)
{
  HatTypeId definition = hat_types_definition (maker->types, field->type);
  const HatType *type = hat_types_get (maker->types, definition);
  const HatTypeLayout *layout = hat_types_layout (maker->types, definition);

  if (field->size == 0 && !field->bit_size)
    return;
  if (is_unfolded (maker, field, type, layout, depth))
    {
      g_autofree char *inside = field->name ? name_of (maker->types, field, path) : g_strdup (path);
      add_fields (maker, layout->fields, layout->n_fields, base + field->offset, inside, depth + 1);
      return;
    }
  add_box (maker, (HatTypeBox){
                      .bit = 8 * base + (field->bit_size ? field->bit_offset : 8 * field->offset),
                      .bits = field->bit_size ? field->bit_size : 8 * field->size,
                      .kind = kind_of (maker->types, field),
                      .name = name_of (maker->types, field, path),
                      .type = is_base (field) ? NULL : g_strdup (hat_types_get (maker->types, field->type)->name),
                  });
}

static void
add_fields (Maker *maker, const HatField *fields, guint n, guint64 base, const char *path, guint depth)
{
  for (guint i = 0; i < n; i++)
    add_field (maker, &fields[i], base, path, depth);
}

static int
compare_boxes (gconstpointer a, gconstpointer b)
{
  const HatTypeBox *x = a, *y = b;
  if (x->bit != y->bit)
    return x->bit < y->bit ? -1 : 1;
  return x->bits > y->bits ? -1 : x->bits < y->bits; /* what is in another lies over it */
}

static HatTypeBox
gap (guint64 bit, guint64 end, gboolean is_tail)
{
  guint64 bits = end - bit, n = bits % 8 ? bits : bits / 8;

  return (HatTypeBox){
    .bit = bit,
    .bits = bits,
    .kind = is_tail ? HAT_BOX_TAIL : HAT_BOX_HOLE,
    .name = g_strdup_printf ("%" G_GUINT64_FORMAT " %s%s", n, bits % 8 ? "bit" : "byte", n == 1 ? "" : "s"),
  };
}

/* Takes the maker's boxes, and adds what none of them covers. */
static HatTypeOrder
finish (Maker *maker, guint64 size)
{
  guint n = maker->boxes->len;
  guint64 end = 0, whole = size > MAX_BITS / 8 ? MAX_BITS : 8 * size;

  g_array_sort (maker->boxes, compare_boxes);
  for (guint i = 0; i < n; i++)
    {
      HatTypeBox box = g_array_index (maker->boxes, HatTypeBox, i);
      if (box.bit > end)
        {
          HatTypeBox hole = gap (end, box.bit, FALSE);
          g_array_append_val (maker->boxes, hole);
        }
      end = MAX (end, box.bit + box.bits);
    }
  if (end < whole && maker->n_left_out == 0)
    {
      HatTypeBox tail = gap (end, whole, n > 0);
      g_array_append_val (maker->boxes, tail);
    }
  g_array_sort (maker->boxes, compare_boxes);
  HatTypeOrder order = { .size = size, .n = maker->boxes->len };
  order.boxes = (HatTypeBox *) g_array_free (g_steal_pointer (&maker->boxes), FALSE);
  return order;
}

static Maker
maker_new (HatTypes *types, gboolean is_flat)
{
  return (Maker){ .types = types, .boxes = g_array_new (FALSE, TRUE, sizeof (HatTypeBox)), .is_flat = is_flat };
}

/* ---- words ---- */

static char *
facts_of (HatTypes *types, HatTypeId id, const HatType *type, const HatTypeLayout *layout)
{
  g_autoptr (GString) words = g_string_new (hat_language_name (type->language));
  g_autofree char *size = hat_format_count (type->size);

  g_string_append_printf (words, ", %s byte%s, aligned to %u%s", size, type->size == 1 ? "" : "s", hat_types_align (types, id),
                          layout->is_packed ? ", packed" : "");
  if (!layout->lost)
    return g_string_free (g_steal_pointer (&words), FALSE);
  g_string_append_printf (words, "; %" G_GUINT64_FORMAT " byte%s padding: ", layout->lost, layout->lost == 1 ? " is" : "s are");
  if (layout->n_holes)
    g_string_append_printf (words, "%" G_GUINT64_FORMAT " in %u hole%s", layout->lost - layout->tail_padding, layout->n_holes, layout->n_holes == 1 ? "" : "s");
  if (layout->tail_padding)
    g_string_append_printf (words, "%s%" G_GUINT64_FORMAT " at the end", layout->n_holes ? ", " : "", layout->tail_padding);
  return g_string_free (g_steal_pointer (&words), FALSE);
}

static char *
value_of (const HatVariant *variant)
{
  return variant->is_unsigned ? g_strdup_printf ("%" G_GUINT64_FORMAT, (guint64) variant->value)
                              : g_strdup_printf ("%" G_GINT64_FORMAT, variant->value);
}

static char *
advice_of (const HatType *type, const HatTypeLayout *layout)
{
  const HatVariant *full = hat_type_layout_full_variant (layout);
  g_autofree char *best = hat_format_count (layout->best_size), *saved = hat_format_count (type->size - layout->best_size);

  if (layout->best)
    return g_strdup_printf ("In the best order %s bytes: saves %s each.", best, saved);
  if (layout->niche && full)
    return g_strdup_printf ("No tag of its own: values that %s of %s never has tell the variants apart.", layout->niche, full->name);
  if (type->kind != HAT_TYPE_ENUM || layout->n_variants == 0)
    return NULL;
  GString *words = g_string_new (NULL);
  for (guint i = 0; i < MIN (layout->n_variants, MAX_NAMED); i++)
    {
      g_autofree char *value = value_of (&layout->variants[i]);
      g_string_append_printf (words, "%s%s = %s", i ? ", " : "", layout->variants[i].name, value);
    }
  if (layout->n_variants > MAX_NAMED)
    g_string_append_printf (words, " and %u more", layout->n_variants - MAX_NAMED);
  return g_string_free (words, FALSE);
}

/* ---- variants ---- */

static char *
tab_text (const HatTypeLayout *layout, const HatVariant *variant)
{
  g_autofree char *value = variant->has_value ? value_of (variant) : NULL;

  if (layout->niche)
    return g_strdup_printf ("%s%s", variant->name, variant->has_value ? " (niche)" : "");
  return value ? g_strdup_printf ("%s = %s", variant->name, value) : g_strdup (variant->name);
}

/* The tag, or where it hides: in a field of the variant that has all other values. */
static void
add_tag (Maker *maker, const HatTypeLayout *layout, const HatVariant *variant)
{
  const guint64 bit = 8 * layout->tag.offset, end = bit + 8 * layout->tag.size;

  if (!layout->has_tag)
    return;
  if (!layout->niche || variant->has_value)
    {
      add_field (maker, &layout->tag, 0, "", 0);
      HatTypeBox *tag = &g_array_index (maker->boxes, HatTypeBox, maker->boxes->len - 1);
      tag->is_niche = layout->niche != NULL;
      if (tag->is_niche)
        {
          g_autofree char *value = value_of (variant);
          g_free (tag->name);
          tag->name = g_strdup_printf ("%s means %s", value, variant->name);
        }
      return;
    }
  for (guint i = 0; i < maker->boxes->len; i++)
    {
      HatTypeBox *box = &g_array_index (maker->boxes, HatTypeBox, i);
      box->is_niche = box->bit <= bit && box->bit + box->bits >= end;
    }
}

static void
add_variant (Maker *maker, const HatTypeLayout *layout, const HatVariant *variant)
{
  const HatTypeLayout *its = hat_types_layout (maker->types, variant->type);

  add_fields (maker, layout->fields, layout->n_fields, 0, "", 0);
  for (guint i = 0; i < its->n_fields; i++)
    if (its->fields[i].kind != HAT_FIELD_TAG)
      add_field (maker, &its->fields[i], variant->offset, "", 0);
  add_tag (maker, layout, variant);
}

/* Of a union: a struct is its fields, since its name stands above. */
static void
add_member (Maker *maker, const HatField *field)
{
  HatField unfolded = *field;

  if (kind_of (maker->types, field) == HAT_BOX_STRUCT)
    unfolded.name = NULL;
  add_field (maker, &unfolded, 0, "", 0);
}

static guint
biggest_tab (HatTypes *types, const HatType *type, const HatTypeLayout *layout, guint n)
{
  guint64 most = 0;
  guint best = 0;

  for (guint i = 0; i < n; i++)
    {
      guint64 used = layout->fields && type->kind == HAT_TYPE_UNION ? layout->fields[i].size : 0;
      if (type->kind != HAT_TYPE_UNION)
        {
          const HatTypeLayout *its = hat_types_layout (types, layout->variants[i].type);
          for (guint k = 0; k < its->n_fields; k++)
            used += its->fields[k].kind == HAT_FIELD_TAG ? 0 : 1 + its->fields[k].size;
        }
      if (used > most)
        {
          most = used;
          best = i;
        }
    }
  return best;
}

static void
set_tabs (HatTypeShape *shape, HatTypes *types, const HatType *type, const HatTypeLayout *layout, guint tab)
{
  const gboolean is_union = type->kind == HAT_TYPE_UNION;
  guint n = is_union ? layout->n_fields : type->kind == HAT_TYPE_ENUM ? 0 : layout->n_variants;

  shape->n_tabs = n = MIN (n, MAX_TABS);
  shape->tabs = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    shape->tabs[i] = is_union ? name_of (types, &layout->fields[i], "") : tab_text (layout, &layout->variants[i]);
  shape->tab = tab < n ? tab : biggest_tab (types, type, layout, n);
}

HatTypeShape *
hat_type_shape_new (HatTypes *types, HatTypeId id, guint tab, gboolean is_flat)
{
  HatTypeShape *shape = g_new0 (HatTypeShape, 1);
  HatTypeId definition = hat_types_definition (types, id);
  const HatType *type = hat_types_get (types, definition);
  const HatTypeLayout *layout = hat_types_layout (types, definition);
  const gboolean is_rust_enum = layout->n_variants > 0 && type->kind != HAT_TYPE_ENUM;
  Maker maker = maker_new (types, is_flat);

  shape->title = g_strdup_printf ("%s %s", is_rust_enum ? "enum" : hat_type_kind_name (type->kind), hat_types_label (types, id));
  shape->facts = facts_of (types, definition, type, layout);
  shape->advice = advice_of (type, layout);
  set_tabs (shape, types, type, layout, tab);
  if (layout->has_tag && layout->niche)
    {
      shape->niche_bit = 8 * layout->tag.offset;
      shape->niche_bits = 8 * layout->tag.size;
    }
  if (is_rust_enum)
    add_variant (&maker, layout, &layout->variants[shape->tab]);
  else if (type->kind == HAT_TYPE_UNION && shape->n_tabs)
    add_member (&maker, &layout->fields[shape->tab]);
  else if (layout->n_fields)
    add_fields (&maker, layout->fields, layout->n_fields, 0, "", 0);
  else if (type->kind == HAT_TYPE_ENUM || type->kind == HAT_TYPE_BASE || type->kind == HAT_TYPE_POINTER)
    add_field (&maker, &(HatField){ .name = type->kind == HAT_TYPE_ENUM ? "value" : type->name, .type = definition, .size = type->size }, 0, "", 0);
  shape->now = finish (&maker, type->size);
  if (layout->best)
    {
      maker = maker_new (types, is_flat);
      add_fields (&maker, layout->best, layout->n_fields, 0, "", 0);
      shape->best = finish (&maker, layout->best_size);
    }
  return shape;
}

static void
clear_order (HatTypeOrder *order)
{
  for (guint i = 0; i < order->n; i++)
    {
      g_free (order->boxes[i].name);
      g_free (order->boxes[i].type);
    }
  g_free (order->boxes);
}

void
hat_type_shape_free (HatTypeShape *shape)
{
  if (!shape)
    return;
  clear_order (&shape->now);
  clear_order (&shape->best);
  g_strfreev (shape->tabs);
  g_free (shape->title);
  g_free (shape->facts);
  g_free (shape->advice);
  g_free (shape);
}

char *
hat_type_box_text (const HatTypeBox *box)
{
  g_autofree char *type = box->type ? hat_format_function (box->type, 80) : NULL;
  const gboolean is_bits = box->bits % 8 || box->bit % 8;
  const guint64 n = is_bits ? box->bits : box->bits / 8;

  if (box->kind == HAT_BOX_HOLE || box->kind == HAT_BOX_TAIL)
    return g_strdup_printf ("%s at %" G_GUINT64_FORMAT ": %s", box->name, box->bit / 8, box->kind == HAT_BOX_HOLE ? "hole, nothing uses it" : "padding at the end");
  return g_strdup_printf ("%s%s%s, %" G_GUINT64_FORMAT " %s%s at %" G_GUINT64_FORMAT "%s", box->name, type ? ": " : "", type ? type : "", n,
                          is_bits ? "bit" : "byte", n == 1 ? "" : "s", box->bit / 8,
                          box->is_niche ? "; values it never has tell the variants apart" : "");
}

char *
hat_type_shape_summary (const HatTypeShape *shape)
{
  GString *words = g_string_new (NULL);

  g_string_printf (words, "%s: %s. ", shape->title, shape->facts);
  if (shape->advice)
    g_string_append_printf (words, "%s ", shape->advice);
  if (shape->n_tabs)
    g_string_append_printf (words, "Shown: %s, %u of %u. ", shape->tabs[shape->tab], shape->tab + 1, shape->n_tabs);
  for (guint i = 0; i < MIN (shape->now.n, SPOKEN_BOXES); i++)
    {
      g_autofree char *text = hat_type_box_text (&shape->now.boxes[i]);
      g_string_append_printf (words, "%s. ", text);
    }
  if (shape->now.n > SPOKEN_BOXES)
    g_string_append_printf (words, "And %u more.", shape->now.n - SPOKEN_BOXES);
  return g_string_free (words, FALSE);
}
