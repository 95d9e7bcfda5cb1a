/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas types` for people: a table of types that lose most to padding, or the layout of the types of one name. */

#include "core/report/report-private.h"

#include "core/heap/format.h"
#include "core/report/plain-text.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 40
#define MAX_NESTED 16
#define NAME_COLUMNS 24
#define MAX_SHOWN_VARIANTS 256
/* ---- one type ---- */

static void
append_line (GString *out, const char *offset, const char *size, guint indent, const char *name, const char *type)
{
  hat_plain_column (out, offset, 8);
  hat_plain_column (out, size, 8);
  g_string_append (out, "  ");
  g_autofree char *shown = hat_plain_name (name, HAT_PLAIN_COLUMNS - 20 - indent);
  guint width = hat_plain_width (shown);
  g_string_append_printf (out, "%*s%s", (int) indent, "", shown);
  if (*type)
    {
      g_autofree char *kind = hat_plain_function (type, MAX (16, HAT_PLAIN_COLUMNS - 20 - (int) MAX (indent + width, NAME_COLUMNS)));
      g_string_append_printf (out, "%*s%s", (int) MAX (1, NAME_COLUMNS - (int) (indent + width)), "", kind);
    }
  g_string_append_c (out, '\n');
}

static void
append_hole (GString *out, const HatHole *hole, guint64 base, guint indent)
{
  g_autofree char *offset = g_strdup_printf ("%" G_GUINT64_FORMAT, base + hole->offset);
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, hole->size);
  append_line (out, offset, size, indent, hat_plain_is_utf8 () ? "░░░ hole" : "... hole", "");
}

static void append_fields (GString *out, HatTypes *types, const HatTypeLayout *layout, guint64 base, guint indent, guint depth);

static void
append_field (GString *out, HatTypes *types, const HatField *field, guint64 base, guint indent, guint depth)
{
  const char *type = hat_types_get (types, field->type)->name;
  g_autofree char *offset = field->bit_size ? g_strdup_printf ("%" G_GUINT64_FORMAT ":%u", base + field->offset, (guint) (field->bit_offset % 8))
                                            : g_strdup_printf ("%" G_GUINT64_FORMAT, base + field->offset);
  g_autofree char *size = field->bit_size ? g_strdup_printf ("%u bit", field->bit_size)
                                          : g_strdup_printf ("%" G_GUINT64_FORMAT, field->size);
  const char *name = field->name;
  switch (field->kind)
    {
    case HAT_FIELD_BASE:
      name = "base class";
      break;
    case HAT_FIELD_VIRTUAL_BASE:
      name = "virtual base";
      break;
    case HAT_FIELD_TAG:
      name = "(tag)";
      break;
    default:
      break;
    }
  append_line (out, offset, size, indent, name ? name : type, name ? type : "");
  if (!name && depth < MAX_NESTED)
    append_fields (out, types, hat_types_layout (types, hat_types_definition (types, field->type)), base + field->offset,
                   indent + 2, depth + 1);
}

static void
append_fields (GString *out, HatTypes *types, const HatTypeLayout *layout, guint64 base, guint indent, guint depth)
{
  guint hole = 0;
  for (guint i = 0; i < layout->n_fields; i++)
    {
      for (; hole < layout->n_holes && layout->holes[hole].offset < layout->fields[i].offset; hole++)
        append_hole (out, &layout->holes[hole], base, indent);
      append_field (out, types, &layout->fields[i], base, indent, depth);
    }
}

static void
append_padding (GString *out, const HatType *type, const HatTypeLayout *layout)
{
  if (layout->lost == 0)
    return;
  g_string_append_printf (out, "\n  %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes are padding: ", layout->lost, type->size);
  if (layout->n_holes)
    g_string_append_printf (out, "%" G_GUINT64_FORMAT " in %u hole%s", layout->lost - layout->tail_padding, layout->n_holes,
                            layout->n_holes == 1 ? "" : "s");
  if (layout->tail_padding)
    g_string_append_printf (out, "%s%" G_GUINT64_FORMAT " at the end", layout->n_holes ? ", " : "", layout->tail_padding);
  g_string_append (out, "\n");
}

static void
append_best (GString *out, const HatType *type, const HatTypeLayout *layout)
{
  if (!layout->best)
    return;
  g_autoptr (GString) order = g_string_new (NULL);
  for (guint i = 0; i < layout->n_fields; i++)
    g_string_append_printf (order, "%s%s", i ? ", " : "", layout->best[i].name ? layout->best[i].name : "(anonymous)");
  g_autofree char *shown = hat_plain_name (order->str, HAT_PLAIN_COLUMNS - 6);
  g_string_append_printf (out, "  Best order: %" G_GUINT64_FORMAT " bytes, saves %" G_GUINT64_FORMAT "\n    %s\n", layout->best_size,
                          type->size - layout->best_size, shown);
}

static void
append_live (GString *out, HatTypeCount live, const HatTypeLayout *layout, const HatTypesOptions *options)
{
  if (live.objects == 0)
    return;
  g_autofree char *objects = hat_format_count (live.objects), *bytes = hat_format_bytes (live.bytes), *time = hat_format_time (options->at_ns);
  g_autofree char *wasted = hat_format_bytes (live.objects * layout->lost);
  g_string_append_printf (out, "  Live at %s: %s, %s", time, objects, bytes);
  if (layout->lost)
    g_string_append_printf (out, ", of which %s are padding", wasted);
  g_string_append_c (out, '\n');
}

static void
append_variants (GString *out, HatTypes *types, const HatType *type, const HatTypeLayout *layout)
{
  if (layout->n_variants == 0)
    return;
  const HatVariant *full = hat_type_layout_full_variant (layout);
  if (layout->niche && full)
    g_string_append_printf (out, "\n  No tag of its own: values that %s of %s never has tell the variants apart.\n", layout->niche, full->name);
  g_string_append_c (out, '\n');
  for (guint i = 0; i < layout->n_variants && i < MAX_SHOWN_VARIANTS; i++)
    {
      const HatVariant *variant = &layout->variants[i];
      g_autofree char *value = !variant->has_value       ? g_strdup (layout->has_tag ? "any other" : "")
                               : variant->is_unsigned    ? g_strdup_printf ((guint64) variant->value >> 32 ? "0x%" G_GINT64_MODIFIER "x" : "%" G_GUINT64_FORMAT, (guint64) variant->value)
                                                         : g_strdup_printf ("%" G_GINT64_FORMAT, variant->value);
      g_string_append_printf (out, "  %s%s%s\n", variant->name, *value ? " = " : "", value);
      if (variant->type)
        append_fields (out, types, hat_types_layout (types, variant->type), variant->offset, 2, 0);
    }
  if (layout->n_variants > MAX_SHOWN_VARIANTS)
    g_string_append_printf (out, "  and %u more, see --json\n", layout->n_variants - MAX_SHOWN_VARIANTS);
}

static void
append_type (GString *out, const HatListedType *listed, const HatTypesOptions *options)
{
  HatTypes *types = listed->types;
  const HatTypeId id = listed->id;
  const HatType *type = hat_types_get (types, id);
  HatTypeId definition = hat_types_definition (types, id);
  const HatTypeLayout *layout = hat_types_layout (types, definition);
  g_autofree char *name = hat_plain_name (hat_types_label (types, id), 4 * HAT_PLAIN_COLUMNS);
  gboolean is_enum = layout->has_tag || (layout->n_variants && type->kind == HAT_TYPE_STRUCT);
  g_string_append_printf (out, "%s %s\n", is_enum ? "enum" : hat_type_kind_name (type->kind), name);
  if (type->kind == HAT_TYPE_ALIAS)
    {
      g_autofree char *target = hat_plain_name (hat_types_get (types, definition)->name, HAT_PLAIN_COLUMNS - 6);
      g_string_append_printf (out, "  is %s\n", target);
    }
  g_string_append_printf (out, "  %s, %" G_GUINT64_FORMAT " byte%s, aligned to %u%s\n", hat_language_name (type->language), type->size,
                          type->size == 1 ? "" : "s", hat_types_align (types, id), layout->is_packed ? ", packed" : "");
  if (layout->n_fields || layout->n_holes)
    {
      g_string_append_c (out, '\n');
      append_line (out, "offset", "size", 0, "field", "type");
      append_fields (out, types, layout, 0, 0, 0);
    }
  append_padding (out, type, layout);
  append_best (out, type, layout);
  append_live (out, listed->live, layout, options);
  append_variants (out, types, type, layout);
}

/* ---- all ---- */

typedef struct
{
  HatListedType of;
  guint32 align;
  guint64 lost, best_size; /* best_size 0: it is */
  guint64 wasted;
} Row;

static int
compare_lost (gconstpointer a, gconstpointer b)
{
  const Row *x = a, *y = b;
  if (x->wasted != y->wasted)
    return x->wasted > y->wasted ? -1 : 1;
  if (x->of.live.bytes != y->of.live.bytes)
    return x->of.live.bytes > y->of.live.bytes ? -1 : 1;
  if (x->lost != y->lost)
    return x->lost > y->lost ? -1 : 1;
  return x->of.id < y->of.id ? -1 : x->of.id > y->of.id;
}

static void
append_live_total (GString *out, const Row *rows, guint n, const HatTypesOptions *options)
{
  const HatTypeCount blocks = hat_type_counts_blocks (options->counts);
  guint64 wasted = 0;
  guint n_live = 0;
  for (guint i = 0; i < n; i++)
    {
      wasted += rows[i].wasted;
      n_live += rows[i].of.live.objects > 0;
    }
  g_autofree char *time = hat_format_time (options->at_ns), *known = hat_format_bytes (blocks.bytes), *types = hat_format_count (n_live),
                  *lost = hat_format_bytes (wasted);
  const guint percent = options->live_bytes ? (guint) (blocks.bytes * 100 / options->live_bytes) : 0;
  if (blocks.objects)
    g_string_append_printf (out, "%s live at %s: %s of known type (%u %%), %s lost to padding\n", types, time, known, percent, lost);
  else
    g_string_append_printf (out, "Nothing of a known type is live at %s\n", time);
}

static void
append_row (GString *out, const Row *row, gboolean has_live)
{
  const HatType *type = hat_types_get (row->of.types, row->of.id);
  g_autofree char *best = row->best_size ? g_strdup_printf ("%" G_GUINT64_FORMAT, row->best_size) : g_strdup ("");
  /* Where it is defined is the end of the label, and stays whole: without it two rows would look the same. */
  g_autofree char *place = hat_plain_name (hat_types_label (row->of.types, row->of.id) + strlen (type->name), HAT_PLAIN_COLUMNS);
  const int room = HAT_PLAIN_COLUMNS - (has_live ? 56 : 34) - (int) hat_plain_width (place);
  g_autofree char *name = hat_plain_function (type->name, MAX (room, 12));
  if (!has_live)
    {
      g_string_append_printf (out, "%8" G_GUINT64_FORMAT "%7u%9" G_GUINT64_FORMAT "%7s  %s%s\n", type->size, row->align, row->lost, best, name,
                              place);
      return;
    }
  if (row->of.live.objects)
    {
      hat_plain_bytes_column (out, row->wasted, 10);
      hat_plain_count_column (out, row->of.live.objects, 10);
      hat_plain_bytes_column (out, row->of.live.bytes, 11);
    }
  else
    hat_plain_column (out, "", 31);
  g_string_append_printf (out, "%8" G_GUINT64_FORMAT "%8" G_GUINT64_FORMAT "%7s  %s%s\n", type->size, row->lost, best, name, place);
}

static void
append_table (GString *out, GArray *listed, const HatTypesOptions *options)
{
  const guint n = listed->len;
  g_autofree Row *rows = g_new (Row, n + 1);
  const gboolean has_live = options->counts && hat_type_counts_blocks (options->counts).objects > 0;
  guint padded = 0, better = 0;
  for (guint i = 0; i < n; i++)
    {
      const HatListedType *it = &g_array_index (listed, HatListedType, i);
      const HatTypeLayout *layout = hat_types_layout (it->types, it->id);
      rows[i] = (Row){ *it, layout->align, layout->lost, layout->best ? layout->best_size : 0, layout->lost * it->live.objects };
      padded += layout->lost > 0;
      better += layout->best != NULL;
      if (i % HAT_LAYOUTS_KEPT == HAT_LAYOUTS_KEPT - 1)
        hat_types_forget_layouts (it->types);
    }
  g_autofree char *all = hat_format_count (n), *some = hat_format_count (padded), *few = hat_format_count (better);
  g_string_append_printf (out, "%s type%s, %s with padding, %s would be smaller in another order\n", all, hat_plural (n), some, few);
  if (n == 0)
    return;
  if (options->counts)
    append_live_total (out, rows, n, options);
  qsort (rows, n, sizeof *rows, compare_lost);
  g_string_append (out, has_live ? "\n   padding      live      bytes    size    each   best  type\n" : "\n    size  align  padding   best  type\n");
  for (guint i = 0; i < n && i < LISTED; i++)
    append_row (out, &rows[i], has_live);
  if (n > LISTED)
    g_string_append_printf (out, "\nand %u more: name one to see its layout, or see --json\n", n - LISTED);
}

/* ---- which ---- */

static void
list_types (GArray *listed, HatTypes *types, const HatTypesOptions *options, HatTypes *others)
{
  g_autoptr (GArray) found = options->name ? hat_types_find (types, options->name) : NULL;
  guint n = found ? found->len : 0;
  const HatTypeId *ids = found ? (const HatTypeId *) found->data : hat_types_list (types, &n);
  for (guint i = 0; i < n; i++)
    {
      HatListedType it = { types, ids[i], { 0 } };
      if (options->counts)
        it.live = hat_type_counts_find (options->counts, types, ids[i]);
      if (!others || (it.live.objects > 0 && !hat_types_same (others, types, ids[i])))
        g_array_append_val (listed, it);
    }
}

GArray *
hat_report_listed_types (HatTypes *types, const HatTypesOptions *options)
{
  GArray *listed = g_array_new (FALSE, TRUE, sizeof (HatListedType));
  list_types (listed, types, options, NULL);
  if (options->kept && options->kept != types)
    list_types (listed, options->kept, options, types);
  return listed;
}

void
hat_report_types_text (HatTypes *types, const HatTypesOptions *options, GString *out, guint *out_n)
{
  g_autoptr (GArray) listed = hat_report_listed_types (types, options);
  *out_n = listed->len;
  if (!options->name)
    append_table (out, listed, options);
  for (guint i = 0; options->name && i < listed->len; i++)
    {
      if (i)
        g_string_append_c (out, '\n');
      append_type (out, &g_array_index (listed, HatListedType, i), options);
    }
}
