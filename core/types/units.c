/* SPDX-License-Identifier: Apache-2.0 */
/* Which types a compilation unit defines and declares: one walk over its scopes, which notes for each its full name and a
 * signature of its members, and where it is for later. */

#include "core/types/types-private.h"

#include <string.h>

enum
{
  MAX_DEPTH = 200,     /* of scopes */
  MAX_NAME = 64 * 1024, /* templates of templates make longer ones, which nobody reads */
  MAX_HOPS = 8,        /* from a member to a type with a name */
};

/* A type without a name: a typedef after it may give it one. */
typedef struct
{
  guint entry;
  HatType type;
  guint64 signature;
  Dwarf_Die die;
  char *scope;
} Unnamed;

/* A typedef: what it stands for may come later. */
typedef struct
{
  guint entry;
  const char *name; /* in full */
  Dwarf_Die die;
} Alias;

typedef struct
{
  HatTypes *types;
  HatTypeSource *source;
  HatTypeUnit *unit;
  GString *scope;    /* "ns::Class::" */
  GArray *unnamed;   /* Unnamed */
  GArray *aliases;   /* Alias */
  gint64 steps_left; /* a damaged unit may lead in circles: no more DIEs than it has bytes */
} Walk;

static HatLanguage
language_of (Dwarf_Die *unit, HatLanguage other)
{
  switch (dwarf_srclang (unit))
    {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
      return HAT_LANGUAGE_C;
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
      return HAT_LANGUAGE_CXX;
    case DW_LANG_Rust:
      return HAT_LANGUAGE_RUST;
    case -1:
      return other;
    /* DWARF 6's numbers, which newer compilers write already. */
    case 0x2b: /* C++17 */
    case 0x2c: /* C++20 */
    case 0x3a: /* C++23 */
      return HAT_LANGUAGE_CXX;
    case 0x2d: /* C17 */
    case 0x3e: /* C23 */
      return HAT_LANGUAGE_C;
    default:
      return HAT_LANGUAGE_OTHER;
    }
}

/* ---- signatures ---- */

static guint64
mix (guint64 signature, guint64 value)
{
  signature = (signature ^ value) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  return signature ^ (signature >> 29);
}

static guint64
mix_text (guint64 signature, const char *text)
{
  return mix (signature, text ? g_str_hash (text) : 1);
}

/* As far as the first name, and of what lies in the type itself its size: what the name means elsewhere is its own
 * affair. */
static guint64
mix_type (guint64 signature, const HatDie *said)
{
  HatDie at = *said;
  gboolean is_inside = TRUE;
  for (int hop = 0; hop < MAX_HOPS && at.has_type; hop++)
    {
      Dwarf_Die die, child;
      if (!dwarf_formref_die (&at.type, &die))
        break;
      hat_die_read (&at, &die);
      int tag = dwarf_tag (&die);
      signature = mix (signature, tag);
      if (at.name)
        signature = mix_text (signature, at.name);
      if (at.name && (!is_inside || tag != DW_TAG_typedef))
        return mix (signature, is_inside ? at.byte_size : 0);
      if (tag == DW_TAG_array_type && dwarf_child (&die, &child) == 0)
        {
          HatDie range;
          hat_die_read (&range, &child);
          signature = mix (signature, range.has_count ? range.count : range.upper_bound + 1);
        }
      is_inside &= tag == DW_TAG_typedef || tag == DW_TAG_array_type || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type;
    }
  return signature;
}

static guint64
mix_member (guint64 signature, Dwarf_Die *die)
{
  HatDie said;
  hat_die_read (&said, die);
  if (said.is_external || said.is_declaration)
    return signature; /* static members take no room */
  signature = mix_text (signature, said.name);
  signature = mix (signature, said.offset);
  if (said.bit_size)
    signature = mix (mix (signature, said.bit_size), said.data_bit_offset + said.bit_offset);
  return mix_type (signature, &said);
}

static guint64
mix_variants (guint64 signature, Dwarf_Die *part)
{
  Dwarf_Die variant, member;
  if (dwarf_child (part, &variant) == 0)
    do
      if (dwarf_tag (&variant) == DW_TAG_member)
        signature = mix_member (signature, &variant);
      else if (dwarf_tag (&variant) == DW_TAG_variant)
        {
          HatDie said;
          hat_die_read (&said, &variant);
          signature = mix (signature, said.has_value ? (guint64) said.value : 1);
          if (dwarf_child (&variant, &member) == 0)
            signature = mix_member (signature, &member);
        }
    while (hat_die_next (&variant));
  return signature;
}

/* ---- definitions ---- */

static guint
reserve_entry (Walk *walk, Dwarf_Die *die)
{
  HatTypeEntry entry = { .address = die->addr };
  g_array_append_val (walk->unit->entries, entry);
  return walk->unit->entries->len - 1;
}

static HatTypeEntry *
entry_at (Walk *walk, guint index)
{
  return &g_array_index (walk->unit->entries, HatTypeEntry, index);
}

/* The length before, to go back to. */
static gsize
enter_scope (Walk *walk, const char *name)
{
  gsize before = walk->scope->len;
  if (walk->unit->language != HAT_LANGUAGE_C && before + strlen (name) + 2 < MAX_NAME)
    {
      g_string_append (walk->scope, name);
      g_string_append (walk->scope, "::");
    }
  return before;
}

/* Into the scope, until it is truncated again. */
static const char *
full_name (Walk *walk, const char *name)
{
  g_string_append_len (walk->scope, name, strnlen (name, MAX_NAME));
  return walk->scope->str;
}

static void
intern_entry (Walk *walk, guint index, HatType *type, guint64 signature, const Dwarf_Die *die)
{
  gsize before = walk->scope->len;
  type->name = full_name (walk, type->name);
  HatTypeId id = hat_types_intern (walk->types, type, signature, die);
  entry_at (walk, index)->type = id;
  g_string_truncate (walk->scope, before);
}

static HatTypeKind
kind_of (int tag)
{
  switch (tag)
    {
    case DW_TAG_class_type:
      return HAT_TYPE_CLASS;
    case DW_TAG_union_type:
      return HAT_TYPE_UNION;
    case DW_TAG_enumeration_type:
      return HAT_TYPE_ENUM;
    default:
      return HAT_TYPE_STRUCT;
    }
}

static void walk_children (Walk *walk, Dwarf_Die *parent, guint64 *signature, guint depth);

static void
mark_variants (Walk *walk, guint owner)
{
  HatTypeId id = entry_at (walk, owner)->type;
  for (guint i = owner + 1; i < walk->unit->entries->len; i++)
    if (entry_at (walk, i)->type)
      {
        HatTypeInfo *info = hat_types_info (walk->types, entry_at (walk, i)->type);
        info->type.is_variant = TRUE;
        info->owner = id;
      }
}

static gboolean
has_variants (Dwarf_Die *die)
{
  Dwarf_Die child;
  if (dwarf_child (die, &child) == 0)
    do
      if (dwarf_tag (&child) == DW_TAG_variant_part)
        return TRUE;
    while (hat_die_next (&child));
  return FALSE;
}

static void
read_definition (Walk *walk, Dwarf_Die *die, guint depth)
{
  HatDie said;
  hat_die_read (&said, die);
  guint index = reserve_entry (walk, die);
  HatType type = {
    .name = said.name,
    .kind = kind_of (dwarf_tag (die)),
    .language = walk->unit->language,
    .size = said.byte_size,
    .module = walk->source->module,
    .is_declaration = said.is_declaration || (said.has_signature && !said.has_byte_size),
  };
  /* "struct Outer::Inner { ... }": its name and scope stand at its declaration. */
  gsize before = walk->scope->len;
  Dwarf_Die declared;
  const HatTypeEntry *declaration = NULL;
  if (said.has_specification && dwarf_formref_die (&said.specification, &declared))
    declaration = hat_type_unit_find (walk->unit, declared.addr);
  g_autofree char *outside = NULL;
  if (declaration && declaration->type)
    {
      outside = g_strdup (walk->scope->str);
      g_string_truncate (walk->scope, 0);
      type.name = hat_types_get (walk->types, declaration->type)->name;
    }
  const char *shown = type.name ? type.name : "(anonymous)";
  guint64 signature = mix (mix (1, type.kind), type.size);
  if (dwarf_haschildren (die))
    {
      gsize inner = enter_scope (walk, shown);
      walk_children (walk, die, &signature, depth + 1);
      g_string_truncate (walk->scope, inner);
    }
  if (type.name)
    {
      intern_entry (walk, index, &type, type.is_declaration ? 0 : signature, type.is_declaration ? NULL : die);
      if (walk->unit->language == HAT_LANGUAGE_RUST && entry_at (walk, walk->unit->entries->len - 1)->address != die->addr
          && has_variants (die))
        mark_variants (walk, index);
    }
  else
    {
      Unnamed unnamed = { .entry = index, .type = type, .signature = signature, .die = *die };
      unnamed.scope = g_strdup (walk->scope->str);
      g_array_append_val (walk->unnamed, unnamed);
    }
  if (outside)
    g_string_assign (walk->scope, outside);
  g_string_truncate (walk->scope, before);
}

/* typedef struct { ... } Name; */
static void
name_unnamed (Walk *walk, const HatDie *said)
{
  Dwarf_Die target;
  if (walk->unnamed->len == 0 || !said->has_type || !dwarf_formref_die ((Dwarf_Attribute *) &said->type, &target))
    return;
  for (guint i = walk->unnamed->len; i > 0; i--)
    {
      Unnamed *unnamed = &g_array_index (walk->unnamed, Unnamed, i - 1);
      /* In another scope it is only an alias: std::decay<lambda>::type. */
      if (unnamed->die.addr != target.addr || unnamed->type.name || strcmp (unnamed->scope, walk->scope->str) != 0)
        continue;
      unnamed->type.name = said->name;
      intern_entry (walk, unnamed->entry, &unnamed->type, unnamed->signature, &unnamed->die);
      return;
    }
}

static void
intern_unnamed (Walk *walk)
{
  for (guint i = 0; i < walk->unnamed->len; i++)
    {
      Unnamed *unnamed = &g_array_index (walk->unnamed, Unnamed, i);
      if (!unnamed->type.name)
        {
          g_autofree char *name = g_strdup_printf ("(anonymous %s)", hat_type_kind_name (unnamed->type.kind));
          unnamed->type.name = name;
          unnamed->type.is_anonymous = TRUE;
          g_string_assign (walk->scope, unnamed->scope);
          intern_entry (walk, unnamed->entry, &unnamed->type, unnamed->signature, &unnamed->die);
        }
      g_free (unnamed->scope);
    }
  g_array_unref (walk->unnamed);
}

static void
read_base (Walk *walk, Dwarf_Die *die)
{
  HatDie said;
  hat_die_read (&said, die);
  if (!said.name)
    return;
  guint index = reserve_entry (walk, die);
  HatType type = {
    .name = said.name,
    .kind = HAT_TYPE_BASE,
    .language = walk->unit->language,
    .size = said.byte_size,
    .module = walk->source->module,
    .is_signed = said.encoding == DW_ATE_signed || said.encoding == DW_ATE_signed_char,
  };
  if (dwarf_tag (die) == DW_TAG_unspecified_type && strstr (said.name, "nullptr"))
    type.size = sizeof (void *);
  intern_entry (walk, index, &type, mix (mix (2, said.byte_size), said.encoding), die);
}

static void
read_alias (Walk *walk, Dwarf_Die *die)
{
  HatDie said;
  hat_die_read (&said, die);
  if (!said.name)
    return;
  name_unnamed (walk, &said);
  gsize before = walk->scope->len;
  const char *name = g_string_chunk_insert_const (walk->types->strings, full_name (walk, said.name));
  g_string_truncate (walk->scope, before);
  Alias alias = { .entry = reserve_entry (walk, die), .name = name, .die = *die };
  g_array_append_val (walk->aliases, alias);
}

/* Two typedefs are one only if they stand for one type: names alone may be those of different types of two units. */
static guint64
alias_signature (Walk *walk, const HatDie *said, Dwarf_Die *out_unnamed)
{
  HatDie at = *said;
  guint64 signature = mix (3, said->alignment);
  for (int hop = 0; hop < MAX_HOPS && at.has_type; hop++)
    {
      Dwarf_Die die;
      if (!dwarf_formref_die (&at.type, &die))
        break;
      int tag = dwarf_tag (&die);
      const HatTypeEntry *entry = hat_type_unit_find (walk->unit, die.addr);
      if (entry && entry->type)
        return mix (signature, entry->type);
      HatDie target;
      hat_die_read (&target, &die);
      if (!entry && hop == 0 && !target.name && !target.is_declaration && tag != DW_TAG_typedef
          && (tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type))
        *out_unnamed = die;
      if (tag != DW_TAG_typedef)
        break;
      at = target;
    }
  return mix_type (signature, said);
}

static void
intern_aliases (Walk *walk)
{
  g_string_truncate (walk->scope, 0);
  for (guint i = 0; i < walk->aliases->len; i++)
    {
      Alias *alias = &g_array_index (walk->aliases, Alias, i);
      HatDie said;
      hat_die_read (&said, &alias->die);
      HatType type = { .name = alias->name, .kind = HAT_TYPE_ALIAS, .language = walk->unit->language, .module = walk->source->module };
      Dwarf_Die unnamed = { 0 };
      guint64 signature = alias_signature (walk, &said, &unnamed);
      intern_entry (walk, alias->entry, &type, signature, &alias->die);
      if (!unnamed.addr)
        continue;
      /* typedef struct { ... } Name, but the struct stands in a type unit, which does not know the name. */
      hat_die_read (&said, &unnamed);
      type.name = alias->name;
      type.kind = kind_of (dwarf_tag (&unnamed));
      type.size = said.byte_size;
      hat_types_intern (walk->types, &type, signature, &unnamed);
    }
  g_array_unref (walk->aliases);
}

/* dwz moves what several files share into the units of another file, and names those that this one uses. */
static void
import_unit (Walk *walk, Dwarf_Die *die)
{
  Dwarf_Attribute holder;
  Dwarf_Die unit;
  if (dwarf_attr (die, DW_AT_import, &holder) && dwarf_formref_die (&holder, &unit))
    hat_types_unit (walk->types, walk->source, &unit);
}

static const char *
scope_name (Dwarf_Die *die)
{
  const char *name = dwarf_diename (die);
  return name && name[0] ? name : dwarf_tag (die) == DW_TAG_namespace ? "(anonymous namespace)" : "(anonymous)";
}

/* `signature` of the type whose children these are, or NULL in a scope. */
static void
walk_children (Walk *walk, Dwarf_Die *parent, guint64 *signature, guint depth)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      int tag = dwarf_tag (&die);
      gsize before;
      switch (tag)
        {
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
        case DW_TAG_union_type:
        case DW_TAG_interface_type:
        case DW_TAG_enumeration_type:
          read_definition (walk, &die, depth);
          break;
        case DW_TAG_base_type:
        case DW_TAG_unspecified_type:
          read_base (walk, &die);
          break;
        case DW_TAG_typedef:
          read_alias (walk, &die);
          break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_subprogram:
          /* Methods are only declared in a type: what they hold stands outside of it. */
          if (signature || !dwarf_haschildren (&die))
            break;
          before = enter_scope (walk, scope_name (&die));
          walk_children (walk, &die, NULL, depth + 1);
          g_string_truncate (walk->scope, before);
          break;
        case DW_TAG_lexical_block:
          walk_children (walk, &die, NULL, depth + 1);
          break;
        case DW_TAG_member:
        case DW_TAG_inheritance:
          if (signature)
            *signature = mix_member (*signature, &die);
          break;
        case DW_TAG_enumerator:
          if (signature)
            *signature = mix_text (*signature, dwarf_diename (&die));
          break;
        case DW_TAG_variant_part:
          if (signature)
            *signature = mix_variants (*signature, &die);
          break;
        case DW_TAG_imported_unit:
          import_unit (walk, &die);
          break;
        }
    }
  while (--walk->steps_left > 0 && hat_die_next (&die));
}

static void
unit_free (gpointer data)
{
  HatTypeUnit *unit = data;
  g_array_unref (unit->entries);
  g_free (unit);
}

const HatTypeUnit *
hat_types_unit (HatTypes *types, HatTypeSource *source, const Dwarf_Die *die)
{
  if (!source->units)
    source->units = g_hash_table_new_full (NULL, NULL, NULL, unit_free);
  HatTypeUnit *unit = g_hash_table_lookup (source->units, die->cu);
  if (unit)
    return unit;
  unit = g_new0 (HatTypeUnit, 1);
  unit->entries = g_array_new (FALSE, FALSE, sizeof (HatTypeEntry));
  g_hash_table_insert (source->units, die->cu, unit);
  Dwarf_Die root;
  Dwarf_Half version;
  if (!dwarf_cu_die (die->cu, &root, &version, NULL, NULL, NULL, NULL, NULL))
    return unit;
  unit->language = source->language = language_of (&root, source->language);
  Dwarf_Off next = 0;
  size_t header;
  gint64 bytes = 1 << 20;
  if (dwarf_nextcu (dwarf_cu_getdwarf (die->cu), dwarf_dieoffset (&root) - dwarf_cuoffset (&root), &next, &header, NULL,
                    NULL, NULL)
      == 0)
    bytes = MAX (bytes, (gint64) (next - dwarf_dieoffset (&root)));
  Walk walk = {
    .types = types,
    .source = source,
    .unit = unit,
    .scope = g_string_new (NULL),
    .unnamed = g_array_new (FALSE, FALSE, sizeof (Unnamed)),
    .aliases = g_array_new (FALSE, FALSE, sizeof (Alias)),
    .steps_left = bytes,
  };
  walk_children (&walk, &root, NULL, 0);
  intern_unnamed (&walk);
  intern_aliases (&walk);
  g_string_free (walk.scope, TRUE);
  return unit;
}

const HatTypeEntry *
hat_type_unit_find (const HatTypeUnit *unit, const void *address)
{
  guint low = 0, high = unit->entries->len;
  const HatTypeEntry *entries = (const HatTypeEntry *) unit->entries->data;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (entries[middle].address < address)
        low = middle + 1;
      else
        high = middle;
    }
  return low < unit->entries->len && entries[low].address == address ? &entries[low] : NULL;
}
