/* SPDX-License-Identifier: Apache-2.0 */
/* Which types a compilation unit defines and declares: one walk over its scopes, which notes for each its full name and a
 * signature of its members, and where it is for later. */

#include "core/types/types-private.h"

#include <string.h>
#include <sys/mman.h>

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
  guint64 key;
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
  GArray *entries;   /* HatTypeEntry */
  GString *scope;    /* "ns::Class::" */
  guint64 scope_hash;
  gboolean is_local; /* in a function or an anonymous namespace */
  GArray *unnamed;   /* Unnamed */
  GArray *aliases;   /* Alias */
  gint64 steps_left; /* a damaged unit may lead in circles: no more DIEs than it has bytes */
} Walk;

/* What the children of a DIE belong to. */
typedef enum
{
  IN_SCOPE,
  IN_TYPE,
  IN_ONE_TYPE, /* has_one_definition(): only its base classes count, which differ by the language's version in libstdc++ */
} Place;

/* C++ forbids two types of one name, except where no other unit sees it (the one definition rule): there the members need
 * not be compared. */
static gboolean
has_one_definition (const Walk *walk)
{
  return walk->unit->language == HAT_LANGUAGE_CXX && !walk->is_local;
}

HatLanguage
hat_unit_language (Dwarf_Die *unit, HatLanguage other)
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
    case 0x2a: /* C++17 */
    case 0x2b: /* C++20 */
    case 0x3a: /* C++23 */
      return HAT_LANGUAGE_CXX;
    case 0x2c: /* C17 */
    case 0x3e: /* C23 */
      return HAT_LANGUAGE_C;
    default:
      return HAT_LANGUAGE_OTHER;
    }
}

/* ---- signatures ---- */

static guint64
mix_text (guint64 signature, const char *text)
{
  return hat_type_mix (signature, hat_type_hash (text));
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
      signature = hat_type_mix (signature, tag);
      if (at.name)
        signature = mix_text (signature, at.name);
      if (at.name && (!is_inside || tag != DW_TAG_typedef))
        return hat_type_mix (signature, is_inside ? at.byte_size : 0);
      if (tag == DW_TAG_array_type && dwarf_child (&die, &child) == 0)
        {
          HatDie range;
          hat_die_read (&range, &child);
          signature = hat_type_mix (signature, range.has_count ? range.count : range.upper_bound + 1);
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
  signature = hat_type_mix (signature, said.offset);
  if (said.bit_size)
    signature = hat_type_mix (hat_type_mix (signature, said.bit_size), said.data_bit_offset + said.bit_offset);
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
          signature = hat_type_mix (signature, said.has_value ? (guint64) said.value : 1);
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
  HatTypeEntry entry = { .offset = (guint32) ((const char *) die->addr - walk->unit->start) };
  g_array_append_val (walk->entries, entry);
  walk->unit->entries = (HatTypeEntry *) walk->entries->data;
  walk->unit->n_entries = walk->entries->len;
  return walk->entries->len - 1;
}

typedef struct
{
  gsize length;
  guint64 hash;
  gboolean is_local;
} Scope;

static Scope
enter_scope (Walk *walk, const char *name)
{
  Scope before = { walk->scope->len, walk->scope_hash, walk->is_local };
  if (walk->unit->language != HAT_LANGUAGE_C && walk->scope->len + strlen (name) + 2 < MAX_NAME)
    {
      g_string_append (walk->scope, name);
      g_string_append (walk->scope, "::");
      walk->scope_hash = mix_text (walk->scope_hash, name);
    }
  return before;
}

static void
leave_scope (Walk *walk, Scope before)
{
  g_string_truncate (walk->scope, before.length);
  walk->scope_hash = before.hash;
  walk->is_local = before.is_local;
}

/* The name with its scopes, to keep. */
static const char *
full_name (Walk *walk, const char *name)
{
  gsize before = walk->scope->len;
  g_string_append_len (walk->scope, name, strnlen (name, MAX_NAME));
  const char *kept = g_string_chunk_insert_len (walk->types->strings, walk->scope->str, walk->scope->len);
  g_string_truncate (walk->scope, before);
  return kept;
}

static void
intern_entry (Walk *walk, guint index, HatType *type, guint64 key, const Dwarf_Die *die)
{
  HatTypeId id = hat_types_lookup (walk->types, key);
  if (!id)
    {
      type->name = full_name (walk, type->name);
      id = hat_types_add_type (walk->types, type, key, die);
    }
  walk->unit->entries[index].type = id;
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

static void walk_children (Walk *walk, Dwarf_Die *parent, Place place, guint64 *signature, guint depth);

static void
mark_variants (Walk *walk, guint owner)
{
  HatTypeId id = walk->unit->entries[owner].type;
  for (guint i = owner + 1; i < walk->unit->n_entries; i++)
    if (walk->unit->entries[i].type)
      {
        HatTypeInfo *info = hat_types_info (walk->types, walk->unit->entries[i].type);
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
  Scope before = { walk->scope->len, walk->scope_hash, walk->is_local };
  Dwarf_Die declared;
  const HatTypeEntry *declaration = NULL;
  if (said.has_specification && dwarf_formref_die (&said.specification, &declared))
    declaration = hat_type_unit_find (walk->unit, declared.addr);
  g_autofree char *outside = NULL;
  if (declaration && declaration->type)
    {
      outside = g_strdup (walk->scope->str);
      g_string_truncate (walk->scope, 0);
      walk->scope_hash = 0;
      type.name = hat_types_info (walk->types, declaration->type)->type.name;
    }
  guint64 key = hat_type_mix (mix_text (walk->scope_hash, type.name), (guint64) type.kind << 40 ^ type.size);
  gboolean is_one = type.name && has_one_definition (walk);
  if (is_one)
    key = hat_type_mix (key, said.line);
  if (dwarf_haschildren (die))
    {
      Scope inner = enter_scope (walk, type.name ? type.name : "(anonymous)");
      walk_children (walk, die, is_one ? IN_ONE_TYPE : IN_TYPE, &key, depth + 1);
      leave_scope (walk, inner);
    }
  if (type.is_declaration)
    key = hat_type_mix (mix_text (walk->scope_hash, type.name), 4);
  if (type.name)
    {
      intern_entry (walk, index, &type, key, type.is_declaration ? NULL : die);
      if (walk->unit->language == HAT_LANGUAGE_RUST && walk->unit->n_entries > index + 1 && has_variants (die))
        mark_variants (walk, index);
    }
  else
    {
      Unnamed unnamed = { .entry = index, .type = type, .key = key, .die = *die, .scope = g_strdup (walk->scope->str) };
      g_array_append_val (walk->unnamed, unnamed);
    }
  if (outside)
    g_string_assign (walk->scope, outside);
  leave_scope (walk, before);
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
      intern_entry (walk, unnamed->entry, &unnamed->type, mix_text (unnamed->key, said->name), &unnamed->die);
      return;
    }
}

/* clang writes the typedef before the struct. */
static void
name_by_earlier (Walk *walk)
{
  g_autoptr (GHashTable) earlier = g_hash_table_new (NULL, NULL); /* address of the struct -> Alias */
  for (guint i = 0; i < walk->aliases->len && walk->unnamed->len > 0; i++)
    {
      Alias *alias = &g_array_index (walk->aliases, Alias, i);
      Dwarf_Attribute holder;
      Dwarf_Die target;
      if (dwarf_attr (&alias->die, DW_AT_type, &holder) && dwarf_formref_die (&holder, &target) && !g_hash_table_contains (earlier, target.addr))
        g_hash_table_insert (earlier, target.addr, alias);
    }
  for (guint i = 0; i < walk->unnamed->len; i++)
    {
      Unnamed *unnamed = &g_array_index (walk->unnamed, Unnamed, i);
      Alias *alias = unnamed->type.name ? NULL : g_hash_table_lookup (earlier, unnamed->die.addr);
      const char *name = alias ? dwarf_diename (&alias->die) : NULL;
      g_autofree char *full = name ? g_strconcat (unnamed->scope, name, NULL) : NULL;
      if (!full || strcmp (full, alias->name) != 0)
        continue;
      unnamed->type.name = name;
      g_string_assign (walk->scope, unnamed->scope);
      intern_entry (walk, unnamed->entry, &unnamed->type, mix_text (unnamed->key, name), &unnamed->die);
    }
}

static void
intern_unnamed (Walk *walk)
{
  name_by_earlier (walk);
  for (guint i = 0; i < walk->unnamed->len; i++)
    {
      Unnamed *unnamed = &g_array_index (walk->unnamed, Unnamed, i);
      if (!unnamed->type.name)
        {
          g_autofree char *name = g_strdup_printf ("(anonymous %s)", hat_type_kind_name (unnamed->type.kind));
          unnamed->type.name = name;
          unnamed->type.is_anonymous = TRUE;
          g_string_assign (walk->scope, unnamed->scope);
          intern_entry (walk, unnamed->entry, &unnamed->type, unnamed->key, &unnamed->die);
        }
      g_free (unnamed->scope);
    }
  g_array_unref (walk->unnamed);
}

static guint64
base_key (guint64 scope, const char *name, guint64 size, guint encoding)
{
  return hat_type_mix (hat_type_mix (mix_text (scope, name), size << 8 ^ encoding), 2);
}

HatTypeId
hat_types_base (HatTypes *types, const char *name, guint64 size, guint encoding, HatLanguage language)
{
  const guint64 key = base_key (0, name, size, encoding);
  const HatType type = { .name = name, .kind = HAT_TYPE_BASE, .language = language, .size = size,
                         .is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char };
  const HatTypeId id = hat_types_lookup (types, key);
  return id ? id : hat_types_add_type (types, &type, key, NULL);
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
  intern_entry (walk, index, &type, base_key (walk->scope_hash, said.name, said.byte_size, said.encoding), die);
}

static void
read_alias (Walk *walk, Dwarf_Die *die, Place place)
{
  HatDie said;
  hat_die_read (&said, die);
  if (!said.name)
    return;
  name_unnamed (walk, &said);
  guint index = reserve_entry (walk, die);
  if (place == IN_ONE_TYPE)
    {
      HatType type = { .name = said.name, .kind = HAT_TYPE_ALIAS, .language = walk->unit->language, .module = walk->source->module };
      intern_entry (walk, index, &type, hat_type_mix (mix_text (walk->scope_hash, said.name), 3), die);
      return;
    }
  Alias alias = { .entry = index, .name = said.name, .die = *die };
  if (walk->scope->len > 0)
    alias.name = full_name (walk, said.name);
  g_array_append_val (walk->aliases, alias);
}

/* Two typedefs are one only if they stand for one type: names alone may be those of different types of two units. */
static guint64
alias_signature (Walk *walk, const HatDie *said, Dwarf_Die *out_unnamed)
{
  HatDie at = *said;
  guint64 signature = hat_type_mix (3, said->alignment);
  for (int hop = 0; hop < MAX_HOPS && at.has_type; hop++)
    {
      Dwarf_Die die;
      if (!dwarf_formref_die (&at.type, &die))
        break;
      int tag = dwarf_tag (&die);
      const HatTypeEntry *entry = hat_type_unit_find (walk->unit, die.addr);
      if (entry && entry->type)
        return hat_type_mix (signature, entry->type);
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
      guint64 key = mix_text (alias_signature (walk, &said, &unnamed), alias->name);
      intern_entry (walk, alias->entry, &type, key, &alias->die);
      if (!unnamed.addr)
        continue;
      /* typedef struct { ... } Name, but the struct stands in a type unit, which does not know the name. */
      hat_die_read (&said, &unnamed);
      type.name = alias->name;
      type.kind = kind_of (dwarf_tag (&unnamed));
      type.size = said.byte_size;
      key = hat_type_mix (key, 5);
      if (!hat_types_lookup (walk->types, key))
        {
          type.name = full_name (walk, alias->name);
          hat_types_add_type (walk->types, &type, key, &unnamed);
        }
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
walk_children (Walk *walk, Dwarf_Die *parent, Place place, guint64 *signature, guint depth)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      int tag = dwarf_tag (&die);
      Scope before;
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
          read_alias (walk, &die, place);
          break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_subprogram:
          /* Methods are only declared in a type: what they hold stands outside of it. */
          if (place != IN_SCOPE || !dwarf_haschildren (&die))
            break;
          before = enter_scope (walk, scope_name (&die));
          walk->is_local |= tag == DW_TAG_subprogram || !dwarf_diename (&die);
          walk_children (walk, &die, IN_SCOPE, NULL, depth + 1);
          leave_scope (walk, before);
          break;
        case DW_TAG_lexical_block:
          walk_children (walk, &die, IN_SCOPE, NULL, depth + 1);
          break;
        case DW_TAG_inheritance:
          if (place != IN_SCOPE)
            *signature = mix_member (*signature, &die);
          break;
        case DW_TAG_member:
          if (place == IN_TYPE)
            *signature = mix_member (*signature, &die);
          break;
        case DW_TAG_enumerator:
          if (place == IN_TYPE)
            *signature = mix_text (*signature, dwarf_diename (&die));
          break;
        case DW_TAG_variant_part:
          if (place == IN_TYPE)
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
  g_free (unit->entries);
  g_free (unit);
}

void
hat_type_source_release (const HatTypeSource *source, const char *start, gsize bytes)
{
  const gsize page = 4096;
  const char *first = (const char *) (((gsize) start + page - 1) & ~(page - 1));
  const char *end = (const char *) ((gsize) (start + bytes) & ~(page - 1));
  if (source->mapped && first >= source->mapped && first < end && end <= source->mapped + source->mapped_bytes)
    madvise ((void *) first, end - first, MADV_DONTNEED);
}

gsize
hat_unit_bytes (Dwarf_Die *root)
{
  Dwarf_Off next = 0;
  size_t header;
  return dwarf_nextcu (dwarf_cu_getdwarf (root->cu), dwarf_dieoffset (root) - dwarf_cuoffset (root), &next, &header, NULL, NULL, NULL) == 0
           ? next - dwarf_dieoffset (root) : 0;
}

static void
read_unit (HatTypes *types, HatTypeSource *source, HatTypeUnit *unit, Dwarf_Die *root)
{
  unit->language = source->language = hat_unit_language (root, source->language);
  unit->start = root->addr;
  const gint64 bytes = hat_unit_bytes (root);
  Walk walk = {
    .types = types,
    .source = source,
    .unit = unit,
    .entries = g_array_new (FALSE, FALSE, sizeof (HatTypeEntry)),
    .scope = g_string_new (NULL),
    .unnamed = g_array_new (FALSE, FALSE, sizeof (Unnamed)),
    .aliases = g_array_new (FALSE, FALSE, sizeof (Alias)),
    .steps_left = MAX (bytes, 1 << 20),
  };
  walk_children (&walk, root, IN_SCOPE, NULL, 0);
  intern_unnamed (&walk);
  intern_aliases (&walk);
  g_string_free (walk.scope, TRUE);
  unit->n_entries = walk.entries->len;
  unit->entries = g_memdup2 (walk.entries->data, walk.entries->len * sizeof (HatTypeEntry));
  g_array_unref (walk.entries);
  if (bytes > 0)
    hat_type_source_release (source, unit->start, bytes);
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
  g_hash_table_insert (source->units, die->cu, unit);
  Dwarf_Die root;
  Dwarf_Half version;
  if (dwarf_cu_die (die->cu, &root, &version, NULL, NULL, NULL, NULL, NULL))
    read_unit (types, source, unit, &root);
  return unit;
}

const HatTypeEntry *
hat_type_unit_find (const HatTypeUnit *unit, const void *address)
{
  const char *at = address;
  if (at < unit->start || at - unit->start > G_MAXUINT32)
    return NULL;
  guint32 offset = (guint32) (at - unit->start);
  guint low = 0, high = unit->n_entries;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (unit->entries[middle].offset < offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low < unit->n_entries && unit->entries[low].offset == offset ? &unit->entries[low] : NULL;
}
