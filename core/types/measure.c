/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a layout: alignment, holes, and the order of fields that needs the fewest bytes. */

#include "core/types/types-private.h"

#include <string.h>

enum
{
  MAX_REORDERED = 2048, /* fields: the search is quadratic, and more are a generated table */
};

/* ---- alignment ---- */

static int
compare_fields (gconstpointer a, gconstpointer b)
{
  const HatField *x = a, *y = b;
  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  if (x->bit_offset != y->bit_offset)
    return x->bit_offset < y->bit_offset ? -1 : 1;
  return x->size < y->size ? -1 : x->size > y->size;
}

/* The largest alignment that places and size allow: less than the fields want means packed. */
static guint32
fitting_align (const HatTypeLayout *layout, guint64 size, guint32 wanted)
{
  guint32 align = wanted;
  for (guint i = 0; i < layout->n_fields; i++)
    {
      const HatField *field = &layout->fields[i];
      while (!field->bit_size && align > 1 && field->offset % MIN (align, field->align) != 0)
        align /= 2;
    }
  while (align > 1 && size % align != 0)
    align /= 2;
  return align;
}

static void
set_align (HatTypeLayout *layout, const HatType *type, guint32 said)
{
  guint32 wanted = 1;
  for (guint i = 0; i < layout->n_fields; i++)
    wanted = MAX (wanted, layout->fields[i].align);
  if (layout->has_tag)
    wanted = MAX (wanted, layout->tag.align);
  guint32 fitting = fitting_align (layout, type->size, wanted);
  if (fitting < wanted && layout->lost == 0)
    fitting = 1; /* nothing but chance says more */
  layout->is_packed |= fitting < wanted;
  layout->align = said ? said : fitting;
  if (said && said < wanted)
    layout->is_packed = TRUE;
  if (layout->is_packed)
    for (guint i = 0; i < layout->n_fields; i++)
      {
        HatField *field = (HatField *) &layout->fields[i];
        field->align = MIN (field->align, fitting);
      }
  if (type->kind == HAT_TYPE_ENUM)
    layout->align = said ? said : (guint32) CLAMP (type->size & -type->size, 1, 16);
}

/* ---- holes ---- */

static int
compare_holes (gconstpointer a, gconstpointer b)
{
  const HatHole *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* A flexible array has no size, but what lies before it is a hole all the same. */
static void
add_used (HatTypes *types, GArray *used, const HatField *field, guint64 base)
{
  HatHole range = { base + field->offset, field->size };
  const HatType *type = hat_types_get (types, hat_types_definition (types, field->type));
  if (field->size || (type->kind == HAT_TYPE_ARRAY && type->language != HAT_LANGUAGE_RUST))
    g_array_append_val (used, range);
}

static void
find_holes (HatTypes *types, const HatType *type, HatTypeLayout *layout)
{
  g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (HatHole));
  g_autoptr (GArray) holes = g_array_new (FALSE, FALSE, sizeof (HatHole));
  for (guint i = 0; i < layout->n_fields; i++)
    add_used (types, used, &layout->fields[i], 0);
  if (layout->has_tag)
    add_used (types, used, &layout->tag, 0);
  for (guint i = 0; i < layout->n_variants; i++)
    {
      const HatTypeLayout *its = hat_types_layout (types, layout->variants[i].type);
      for (guint k = 0; k < its->n_fields; k++)
        add_used (types, used, &its->fields[k], layout->variants[i].offset);
    }
  g_array_sort (used, compare_holes);
  guint64 end = 0;
  for (guint i = 0; i < used->len; i++)
    {
      const HatHole *range = &g_array_index (used, HatHole, i);
      if (range->offset > type->size)
        break;
      HatHole hole = { end, range->offset > end ? range->offset - end : 0 };
      if (hole.size)
        g_array_append_val (holes, hole);
      end = MAX (end, MIN (range->offset + range->size, type->size));
      layout->lost += hole.size;
    }
  /* What has no parts of its own (an empty class, a number) is not padding. */
  if (used->len > 0)
    layout->tail_padding = type->size - end;
  layout->lost += layout->tail_padding;
  layout->n_holes = holes->len;
  g_free ((gpointer) layout->holes);
  layout->holes = g_memdup2 (holes->data, holes->len * sizeof (HatHole));
}

/* ---- the best order ---- */

/* Fields that move together: bit-fields that share a byte or follow each other. */
typedef struct
{
  guint first, n;
  guint64 size, align;
  gboolean is_placed;
} Item;

static gboolean
may_reorder (const HatType *type, const HatTypeLayout *layout)
{
  if ((type->kind != HAT_TYPE_STRUCT && type->kind != HAT_TYPE_CLASS) || layout->is_packed || layout->n_variants
      || layout->lost == 0 || type->is_variant || layout->n_fields > MAX_REORDERED)
    return FALSE;
  for (guint i = 0; i < layout->n_fields; i++)
    if (layout->fields[i].kind == HAT_FIELD_VIRTUAL_BASE)
      return FALSE;
  return TRUE;
}

/* Base classes, vtable pointer and whatever overlaps them stay first. The number of fields, and where they end. */
static guint
fixed_fields (const HatTypeLayout *layout, guint64 *out_end)
{
  guint n = 0;
  *out_end = 0;
  for (guint i = 0; i < layout->n_fields; i++)
    if (layout->fields[i].kind != HAT_FIELD_MEMBER)
      n = i + 1;
  for (guint i = 0; i < n; i++)
    *out_end = MAX (*out_end, layout->fields[i].offset + layout->fields[i].size);
  return n;
}

static GArray *
collect_items (const HatTypeLayout *layout, guint first, guint end)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (Item));
  for (guint i = first; i < end; i++)
    {
      const HatField *field = &layout->fields[i];
      Item *last = items->len ? &g_array_index (items, Item, items->len - 1) : NULL;
      if (last && field->bit_size && layout->fields[last->first].bit_size)
        {
          last->n++;
          last->size = field->offset + field->size - layout->fields[last->first].offset;
          last->align = MAX (last->align, field->align);
          continue;
        }
      Item item = { .first = i, .n = 1, .size = field->size, .align = MAX (field->align, 1) };
      g_array_append_val (items, item);
    }
  return items;
}

/* At each place the item of the largest alignment that needs no padding there; else the one that needs the least. Where
 * sizes are multiples of alignments, as in C, no order is better. */
static Item *
choose (GArray *items, guint64 at)
{
  Item *best = NULL;
  guint64 best_gap = 0;
  for (guint i = 0; i < items->len; i++)
    {
      Item *item = &g_array_index (items, Item, i);
      guint64 gap = (item->align - at % item->align) % item->align;
      if (item->is_placed)
        continue;
      if (!best || gap < best_gap || (gap == best_gap && item->align > best->align))
        {
          best = item;
          best_gap = gap;
        }
    }
  return best;
}

static void
find_best_order (const HatType *type, HatTypeLayout *layout)
{
  layout->best_size = type->size;
  if (!may_reorder (type, layout))
    return;
  guint64 at;
  guint first = fixed_fields (layout, &at), last = layout->n_fields;
  /* A flexible array stays at the end. */
  while (last > first && layout->fields[last - 1].size == 0)
    last--;
  g_autoptr (GArray) items = collect_items (layout, first, last);
  HatField *best = g_new (HatField, layout->n_fields);
  guint n = first;
  memcpy (best, layout->fields, first * sizeof *best);
  for (Item *item = choose (items, at); item; item = choose (items, at))
    {
      item->is_placed = TRUE;
      at = (at + item->align - 1) / item->align * item->align;
      guint64 from = layout->fields[item->first].offset;
      for (guint k = 0; k < item->n; k++)
        {
          best[n] = layout->fields[item->first + k];
          best[n].bit_offset += best[n].bit_size ? (at - from) * 8 : 0;
          best[n].offset += at - from;
          n++;
        }
      at += item->size;
    }
  for (guint i = last; i < layout->n_fields; i++)
    {
      best[n] = layout->fields[i];
      at = (at + best[n].align - 1) / MAX (best[n].align, 1) * MAX (best[n].align, 1);
      best[n++].offset = at;
    }
  guint64 size = (at + layout->align - 1) / layout->align * layout->align;
  if (size >= type->size)
    {
      g_free (best);
      return;
    }
  layout->best_size = size;
  layout->best = best;
}

void
hat_layout_measure (HatTypes *types, const HatType *type, HatTypeLayout *layout, guint32 align)
{
  if (layout->n_fields > 0)
    qsort ((gpointer) layout->fields, layout->n_fields, sizeof *layout->fields, compare_fields);
  layout->lost = layout->tail_padding = 0;
  g_clear_pointer ((gpointer *) &layout->best, g_free);
  find_holes (types, type, layout);
  set_align (layout, type, align);
  find_best_order (type, layout);
}

void
hat_layout_free (HatTypeLayout *layout)
{
  if (!layout)
    return;
  g_free ((gpointer) layout->fields);
  g_free ((gpointer) layout->variants);
  g_free ((gpointer) layout->holes);
  g_free ((gpointer) layout->best);
  g_free (layout);
}
