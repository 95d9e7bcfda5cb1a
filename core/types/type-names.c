/* SPDX-License-Identifier: Apache-2.0 */
/* Types that programs do not name: pointers, arrays, const and volatile, functions. Here they get the names that people
 * would write in the language. */

#include "core/types/types-private.h"

#include <string.h>

enum
{
  MAX_NAME = 4096,
  MAX_PARAMETERS = 32,
  MAX_DIMENSIONS = 16,
};

static const char *
name_of (HatTypes *types, HatTypeId type)
{
  return hat_types_get (types, type)->name;
}

/* Where what stands around a name ends and begins: "int|[4]", "void| (char *)". */
static gsize
split (HatTypes *types, HatTypeId type)
{
  const HatType *at = hat_types_get (types, type);
  const char *whole = at->name;
  while (at->kind == HAT_TYPE_ARRAY && at->target)
    at = hat_types_get (types, at->target);
  if (at->kind == HAT_TYPE_FUNCTION)
    at = hat_types_get (types, at->target);
  gsize length = strlen (at->name);
  return strncmp (whole, at->name, length) == 0 ? length : strlen (whole);
}

static char *
pointer_name (HatTypes *types, HatTypeId target, const char *sign)
{
  const HatType *to = hat_types_get (types, target);
  if (to->kind == HAT_TYPE_FUNCTION || (to->kind == HAT_TYPE_ARRAY && to->language != HAT_LANGUAGE_RUST))
    {
      gsize at = split (types, target);
      const char *rest = to->name + at;
      return g_strdup_printf ("%.*s (%s)%s%s", (int) at, to->name, sign, *rest == '[' ? "" : " ",
                              *rest == ' ' ? rest + 1 : rest);
    }
  /* "char **", and a function pointer's pointer "int (**) (void)". */
  const char *stars = strstr (to->name, "(*");
  if (to->kind == HAT_TYPE_POINTER && stars)
    return g_strdup_printf ("%.*s(%s%s", (int) (stars - to->name), to->name, sign, stars + 1);
  gboolean is_pointer = g_str_has_suffix (to->name, "*");
  return g_strconcat (to->name, is_pointer ? "" : " ", sign, NULL);
}

static char *
array_name (HatTypes *types, HatTypeId element, guint64 count, gboolean is_flexible)
{
  const HatType *of = hat_types_get (types, element);
  if (of->language == HAT_LANGUAGE_RUST)
    return g_strdup_printf ("[%s; %" G_GUINT64_FORMAT "]", of->name, count);
  gsize at = of->kind == HAT_TYPE_ARRAY ? split (types, element) : strlen (of->name);
  g_autofree char *dimension = is_flexible ? g_strdup ("") : g_strdup_printf ("%" G_GUINT64_FORMAT, count);
  return g_strdup_printf ("%.*s[%s]%s", (int) at, of->name, dimension, of->name + at);
}

static HatTypeId
intern_made (HatTypes *types, HatTypeSource *source, HatType *made, char *name)
{
  g_autofree char *owned = name;
  if (strlen (owned) > MAX_NAME)
    strcpy (owned + MAX_NAME - 3, "...");
  made->module = source->module;
  guint64 key = hat_type_mix (hat_type_hash (owned), (guint64) made->kind << 32 | made->target);
  key = hat_type_mix (hat_type_mix (key, made->count), made->size);
  HatTypeId id = hat_types_lookup (types, key);
  if (id)
    return id;
  made->name = g_string_chunk_insert (types->strings, owned);
  return hat_types_add_type (types, made, key, NULL);
}

static guint64
pointer_bytes (Dwarf_Die *die, const HatDie *said, const HatType *to)
{
  if (said->has_byte_size)
    return said->byte_size;
  uint8_t address = 8;
  Dwarf_Die root;
  dwarf_diecu (die, &root, &address, NULL);
  gboolean is_method = dwarf_tag (die) == DW_TAG_ptr_to_member_type && to->kind == HAT_TYPE_FUNCTION;
  return is_method ? 2 * address : address;
}

static HatTypeId
make_pointer (HatTypes *types, HatTypeSource *source, Dwarf_Die *die, const HatDie *said, HatTypeId target)
{
  int tag = dwarf_tag (die);
  const HatType *to = hat_types_get (types, target);
  HatType made = { .kind = HAT_TYPE_POINTER, .language = to->language, .target = target };
  made.size = pointer_bytes (die, said, to);
  const char *sign = tag == DW_TAG_reference_type          ? "&"
                     : tag == DW_TAG_rvalue_reference_type ? "&&"
                     : tag == DW_TAG_ptr_to_member_type    ? "::*"
                                                           : "*";
  char *name = said->name ? g_strdup (said->name) : pointer_name (types, target, sign);
  if (said->name)
    made.language = HAT_LANGUAGE_RUST;
  return intern_made (types, source, &made, name);
}

static HatTypeId
make_array (HatTypes *types, HatTypeSource *source, Dwarf_Die *die, const HatDie *said, HatTypeId element)
{
  struct
  {
    guint64 count;
    gboolean is_flexible;
  } dimensions[MAX_DIMENSIONS];
  guint n = 0;
  Dwarf_Die child;
  if (dwarf_child (die, &child) == 0)
    do
      {
        if (dwarf_tag (&child) != DW_TAG_subrange_type || n == MAX_DIMENSIONS)
          continue;
        HatDie range;
        hat_die_read (&range, &child);
        gboolean is_known = range.has_count || range.has_upper_bound;
        dimensions[n].count = range.has_count ? range.count : is_known ? range.upper_bound - range.lower_bound + 1 : 0;
        dimensions[n++].is_flexible = !is_known;
      }
    while (hat_die_next (&child));
  HatTypeId id = element;
  for (guint i = n; i > 0; i--)
    {
      const HatType *of = hat_types_get (types, id);
      HatType made = { .kind = HAT_TYPE_ARRAY, .language = of->language, .target = id, .count = dimensions[i - 1].count };
      if (of->size && made.count > G_MAXINT64 / of->size)
        made.count = 0;
      made.size = made.count * of->size;
      char *name = array_name (types, id, made.count, dimensions[i - 1].is_flexible);
      if (said->is_vector)
        {
          g_free (name);
          name = g_strdup_printf ("%s vector of %" G_GUINT64_FORMAT, of->name, made.count);
          made.kind = HAT_TYPE_BASE; /* aligned to its own size */
          if (said->has_byte_size)
            made.size = said->byte_size;
        }
      id = intern_made (types, source, &made, name);
    }
  return id;
}

static HatTypeId
make_qualified (HatTypes *types, HatTypeSource *source, int tag, HatTypeId target)
{
  const HatType *to = hat_types_get (types, target);
  const char *word = tag == DW_TAG_const_type      ? "const"
                     : tag == DW_TAG_volatile_type ? "volatile"
                     : tag == DW_TAG_atomic_type   ? "_Atomic"
                                                   : "restrict";
  HatType made = { .kind = HAT_TYPE_ALIAS, .language = to->language, .target = target, .size = to->size };
  gboolean is_pointer = to->kind == HAT_TYPE_POINTER;
  char *name = is_pointer ? g_strdup_printf ("%s %s", to->name, word) : g_strdup_printf ("%s %s", word, to->name);
  return intern_made (types, source, &made, name);
}

static HatTypeId
make_function (HatTypes *types, HatTypeSource *source, Dwarf_Die *die, HatTypeId result)
{
  g_autoptr (GString) name = g_string_new (name_of (types, result));
  g_string_append (name, " (");
  guint n = 0;
  Dwarf_Die child;
  if (dwarf_child (die, &child) == 0)
    do
      {
        int tag = dwarf_tag (&child);
        if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters)
          continue;
        gboolean is_rest = tag == DW_TAG_unspecified_parameters || n == MAX_PARAMETERS;
        g_string_append (name, n ? ", " : "");
        g_string_append (name, is_rest ? "..." : name_of (types, hat_types_of_attribute (types, source, &child)));
      }
    while (n++ < MAX_PARAMETERS && hat_die_next (&child));
  g_string_append (name, n ? ")" : "void)");
  HatType made = { .kind = HAT_TYPE_FUNCTION, .language = hat_types_get (types, result)->language, .target = result };
  return intern_made (types, source, &made, g_strdup (name->str));
}

HatTypeId
hat_types_make (HatTypes *types, HatTypeSource *source, Dwarf_Die *die)
{
  int tag = dwarf_tag (die);
  HatDie said;
  hat_die_read (&said, die);
  HatTypeId target = hat_types_of_attribute (types, source, die);
  switch (tag)
    {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
    case DW_TAG_ptr_to_member_type:
      return make_pointer (types, source, die, &said, target);
    case DW_TAG_array_type:
      return make_array (types, source, die, &said, target);
    case DW_TAG_const_type:
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
      return make_qualified (types, source, tag, target);
    case DW_TAG_subroutine_type:
      return make_function (types, source, die, target);
    default:
      return HAT_TYPE_VOID;
    }
}
