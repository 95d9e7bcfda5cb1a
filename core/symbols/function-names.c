/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/function-names.h"

#include "core/symbols/symbols.h"

#include <dwarf.h>
#include <string.h>

enum
{
  MAX_HOPS = 16,   /* from a function to its declaration; real ones need two or three */
  MAX_SCOPES = 32, /* around each other, in a name */
  MAX_DEPTH = 256, /* of nested DIEs */
  MAX_SHOWN = 16 * 1024,
};

/* The scopes of a unit (namespaces, types, functions) in file order. libdw does not know a DIE's parent; but the DIEs
 * inside a scope are exactly those at the offsets from `begin` to `end`. */
typedef struct
{
  Dwarf_Off begin, end;
  guint32 around; /* 1 + index; 0 = none */
  Dwarf_Die die;
} Scope;

struct _HatFunctionNames
{
  GStringChunk *strings;
  GHashTable *by_die;      /* address of a DIE -> name or NULL */
  GHashTable *unit_scopes; /* address of a unit's DIE -> GArray of Scope */
};

HatFunctionNames *
hat_function_names_new (GStringChunk *strings)
{
  HatFunctionNames *names = g_new0 (HatFunctionNames, 1);
  names->strings = strings;
  names->by_die = g_hash_table_new (NULL, NULL);
  names->unit_scopes = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  return names;
}

void
hat_function_names_forget (HatFunctionNames *names)
{
  g_hash_table_remove_all (names->by_die);
  g_hash_table_remove_all (names->unit_scopes);
}

void
hat_function_names_free (HatFunctionNames *names)
{
  if (!names)
    return;
  g_hash_table_unref (names->by_die);
  g_hash_table_unref (names->unit_scopes);
  g_free (names);
}

const char *
hat_clean_name (GStringChunk *strings, const char *name)
{
  g_autofree char *copy = strlen (name) > MAX_SHOWN ? g_strdup_printf ("%.*s...", MAX_SHOWN, name) : g_strdup (name);
  if (!g_utf8_validate (copy, -1, NULL))
    {
      char *valid = g_utf8_make_valid (copy, -1);
      g_free (copy);
      copy = valid;
    }
  for (char *c = copy; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return g_string_chunk_insert_const (strings, copy);
}

/* ---- scopes of a unit ---- */

typedef struct
{
  GArray *scopes;
  gint64 steps_left; /* a damaged unit may lead in circles: no more DIEs than it has bytes */
} ScopeWalk;

static gboolean
is_named_scope (int tag)
{
  return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type
         || tag == DW_TAG_enumeration_type || tag == DW_TAG_interface_type || tag == DW_TAG_module
         || tag == DW_TAG_subprogram;
}

static void
collect_scopes (ScopeWalk *walk, Dwarf_Die *parent, guint32 around, Dwarf_Off parent_end, guint depth)
{
  Dwarf_Die die, next;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  for (gboolean more = TRUE; more && walk->steps_left-- > 0; die = next)
    {
      more = dwarf_siblingof (&die, &next) == 0 && dwarf_dieoffset (&next) > dwarf_dieoffset (&die);
      int tag = dwarf_tag (&die);
      gboolean is_scope = is_named_scope (tag);
      if ((!is_scope && tag != DW_TAG_lexical_block) || !dwarf_haschildren (&die))
        continue;
      Dwarf_Off end = more ? dwarf_dieoffset (&next) : parent_end;
      guint32 inner = around;
      if (is_scope)
        {
          Scope scope = { .begin = dwarf_dieoffset (&die), .end = end, .around = around, .die = die };
          g_array_append_val (walk->scopes, scope);
          inner = walk->scopes->len;
        }
      collect_scopes (walk, &die, inner, end, depth + 1);
    }
}

static GArray *
scopes_of_unit (HatFunctionNames *names, Dwarf_Die *unit)
{
  GArray *scopes = g_hash_table_lookup (names->unit_scopes, unit->addr);
  if (scopes)
    return scopes;
  scopes = g_array_new (FALSE, FALSE, sizeof (Scope));
  Dwarf_Word length = 0;
  Dwarf_Off next_unit = 0;
  size_t header;
  if (dwarf_nextcu (dwarf_cu_getdwarf (unit->cu), dwarf_dieoffset (unit) - dwarf_cuoffset (unit), &next_unit, &header,
                    NULL, NULL, NULL)
      == 0)
    length = next_unit - dwarf_dieoffset (unit);
  ScopeWalk walk = { .scopes = scopes, .steps_left = length ? (gint64) length : 1 << 20 };
  collect_scopes (&walk, unit, 0, G_MAXUINT64, 0);
  g_hash_table_insert (names->unit_scopes, unit->addr, scopes);
  return scopes;
}

static gboolean
find_scope (HatFunctionNames *names, Dwarf_Die *die, Dwarf_Die *out_scope)
{
  Dwarf_Die unit;
  if (!dwarf_diecu (die, &unit, NULL, NULL))
    return FALSE;
  int language = dwarf_srclang (&unit);
  if (language == DW_LANG_C89 || language == DW_LANG_C99 || language == DW_LANG_C11 || language == DW_LANG_C
      || language == DW_LANG_Mips_Assembler)
    return FALSE; /* has no scopes that name anything, so spare the walk */
  GArray *scopes = scopes_of_unit (names, &unit);
  const Scope *all = (const Scope *) scopes->data;
  Dwarf_Off offset = dwarf_dieoffset (die);
  guint low = 0, high = scopes->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (all[middle].begin < offset)
        low = middle + 1;
      else
        high = middle;
    }
  for (guint32 at = low; at; at = all[at - 1].around)
    if (offset < all[at - 1].end)
      {
        *out_scope = all[at - 1].die;
        return TRUE;
      }
  return FALSE;
}

/* ---- names ---- */

/* What a DIE and the declarations it refers to say. */
typedef struct
{
  const char *name, *linkage_name;
  Dwarf_Die declaration; /* the last one: the one in its scope */
} Said;

static const char *
string_of (Dwarf_Die *die, unsigned attribute)
{
  Dwarf_Attribute holder;
  return dwarf_attr (die, attribute, &holder) ? dwarf_formstring (&holder) : NULL;
}

static gboolean
follow (Dwarf_Die *die, Dwarf_Die *out)
{
  Dwarf_Attribute holder;
  return (dwarf_attr (die, DW_AT_abstract_origin, &holder) || dwarf_attr (die, DW_AT_specification, &holder))
         && dwarf_formref_die (&holder, out);
}

static Said
listen (Dwarf_Die *die)
{
  Said said = { .declaration = *die };
  for (int hops = 0; hops < MAX_HOPS; hops++)
    {
      Dwarf_Die *at = &said.declaration, next;
      if (!said.name)
        said.name = string_of (at, DW_AT_name);
      if (!said.linkage_name)
        said.linkage_name = string_of (at, DW_AT_linkage_name);
      if (!said.linkage_name)
        said.linkage_name = string_of (at, DW_AT_MIPS_linkage_name);
      if (!follow (at, &next))
        break;
      said.declaration = next;
    }
  return said;
}

/* Rust's old mangling has no arguments of generic functions, but DW_AT_name has: `push<u8>` next to
 * `Vec<T,A>::push`. */
static char *
with_arguments (char *path, const char *name)
{
  const char *arguments = name ? strchr (name, '<') : NULL;
  if (!arguments || arguments == name || !g_str_has_suffix (name, ">"))
    return path;
  g_autofree char *base = g_strndup (name, arguments - name);
  gsize length = strlen (path), base_length = strlen (base);
  if (length < base_length + 2 || !g_str_has_suffix (path, base) || path[length - base_length - 1] != ':')
    return path;
  char *full = g_strconcat (path, arguments, NULL);
  g_free (path);
  return full;
}

static char *
demangled (const Said *said)
{
  if (!said->linkage_name)
    return NULL;
  char *path = hat_demangle (said->linkage_name);
  if (strcmp (path, said->linkage_name) == 0)
    {
      g_free (path);
      return NULL;
    }
  return g_str_has_prefix (said->linkage_name, "_ZN") ? with_arguments (path, said->name) : path;
}

static const char *
unnamed (int tag)
{
  return tag == DW_TAG_namespace ? "(anonymous namespace)" : "(anonymous)";
}

static const char *named (HatFunctionNames *names, Dwarf_Die *die, guint depth);

static char *
by_scopes (HatFunctionNames *names, Said *said, int tag, guint depth)
{
  const char *own = said->name ? said->name : said->linkage_name;
  if (!own && (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine))
    return NULL;
  /* gcc's "<lambda(int)>" would read as template arguments. */
  g_autofree char *lambda = NULL;
  if (own && own[0] == '<' && g_str_has_suffix (own, ">"))
    own = lambda = g_strdup_printf ("{%.*s}", (int) MIN (strlen (own) - 2, MAX_SHOWN), own + 1);
  if (!own || !own[0])
    own = unnamed (tag);

  Dwarf_Die scope;
  const char *outer =
      depth < MAX_SCOPES && find_scope (names, &said->declaration, &scope) ? named (names, &scope, depth + 1) : NULL;
  if (!outer)
    return g_strdup (own);
  /* A type without a name that can be called is a lambda. */
  const char *lambda_type = "::(anonymous)";
  if (strcmp (own, "operator()") == 0 && g_str_has_suffix (outer, lambda_type))
    return g_strdup_printf ("%.*s::{lambda}::%s", (int) (strlen (outer) - strlen (lambda_type)), outer, own);
  return g_strconcat (outer, "::", own, NULL);
}

/* The full name of a function or of a scope. */
static const char *
named (HatFunctionNames *names, Dwarf_Die *die, guint depth)
{
  gpointer known;
  if (g_hash_table_lookup_extended (names->by_die, die->addr, NULL, &known))
    return known;
  Said said = listen (die);
  g_autofree char *full = demangled (&said);
  if (!full)
    full = by_scopes (names, &said, dwarf_tag (die), depth);
  const char *name = full ? hat_clean_name (names->strings, full) : NULL;
  g_hash_table_insert (names->by_die, die->addr, (gpointer) name);
  return name;
}

gboolean
hat_function_names_scope (HatFunctionNames *names, Dwarf_Die *die, Dwarf_Die *out_scope)
{
  Said said = listen (die);
  return find_scope (names, &said.declaration, out_scope);
}

const char *
hat_function_names_of (HatFunctionNames *names, Dwarf_Die *die)
{
  /* All inlined copies of a function refer to one DIE: name that one. */
  Dwarf_Die origin;
  if (dwarf_tag (die) == DW_TAG_inlined_subroutine && follow (die, &origin))
    return named (names, &origin, 0);
  return named (names, die, 0);
}
