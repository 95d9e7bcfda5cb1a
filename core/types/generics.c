/* SPDX-License-Identifier: Apache-2.0 */
#include "core/types/generics.h"

#include "core/types/code.h"

#include <stdlib.h>
#include <string.h>

enum
{
  MAX_DEPTH = 200, /* of scopes and of functions inlined into each other */
  MAX_HOPS = 16,   /* from a function to its declaration */
};

typedef struct
{
  HatGenericInstance instance;
  const char *name;
} Instance;

typedef struct
{
  HatTypes *types;
  HatTypeSource *source;
  HatGenerics *out;
  GHashTable *by_origin; /* address of a DIE -> Instance, or NULL: it is not generic */
  GHashTable *by_text;   /* function + "\n" + arguments -> Instance */
  gint64 steps_left;     /* a damaged file may lead in circles */
} Reader;

/* ---- names ---- */

static void
append_plain (GString *out, const char *name, gsize length)
{
  guint depth = 0;
  for (const char *at = name, *end = name + length; at < end; at++)
    {
      if (depth == 0 && g_str_has_prefix (at, "operator") && at[8] && strchr ("<>-", at[8]))
        {
          const gsize taken = strlen ("operator") + strspn (at + 8, "<>=-");
          g_string_append_len (out, at, taken);
          at += taken - 1;
        }
      else if (*at == '<')
        {
          if (depth++ == 0 && g_str_has_suffix (out->str, "::"))
            g_string_truncate (out, out->len - 2);
        }
      else if (*at == '>' && depth > 0 && at[-1] != '-')
        depth--;
      else if (depth == 0)
        g_string_append_c (out, *at);
    }
}

/* "<alloc::vec::Vec<T> as core::clone::Clone>::clone" as "<alloc::vec::Vec as core::clone::Clone>::clone", "<Vec<T>>::push" as
 * "Vec::push", "std::vector<int>::size" as "std::vector::size". */
static char *
without_arguments (const char *name)
{
  GString *out = g_string_new (NULL);
  const char *end = name;
  int depth = 0;
  if (*name == '<')
    do
      {
        depth += *end == '<';
        depth -= *end == '>' && end[-1] != '-';
        end++;
      }
    while (depth > 0 && *end);
  if (end > name && depth == 0)
    {
      g_autofree char *first = g_strndup (name + 1, end - name - 2);
      const gboolean is_of_trait = strstr (first, " as ") != NULL;
      g_string_append (out, is_of_trait ? "<" : "");
      append_plain (out, first, strlen (first));
      g_string_append (out, is_of_trait ? ">" : "");
    }
  else
    end = name;
  append_plain (out, end, strlen (end));
  return g_string_free (out, FALSE);
}

static gboolean
follow (Dwarf_Die *die, Dwarf_Die *out)
{
  Dwarf_Attribute holder;
  return (dwarf_attr (die, DW_AT_abstract_origin, &holder) || dwarf_attr (die, DW_AT_specification, &holder)) && dwarf_formref_die (&holder, out);
}

static void
append_parameters (Reader *reader, Dwarf_Die *of, GString *out, guint depth)
{
  Dwarf_Die die;
  Dwarf_Attribute holder;
  Dwarf_Sword number;
  if (depth > 4 || dwarf_child (of, &die) != 0)
    return;
  do
    {
      const int tag = dwarf_tag (&die);
      if (tag == DW_TAG_GNU_template_parameter_pack)
        append_parameters (reader, &die, out, depth + 1);
      if (tag != DW_TAG_template_type_parameter && tag != DW_TAG_template_value_parameter)
        continue;
      g_string_append (out, out->len ? ", " : "");
      if (tag == DW_TAG_template_type_parameter)
        g_string_append (out, hat_types_get (reader->types, hat_types_of_attribute (reader->types, reader->source, &die))->name);
      else if (dwarf_attr (&die, DW_AT_const_value, &holder) && dwarf_formsdata (&holder, &number) == 0)
        g_string_append_printf (out, "%" G_GINT64_FORMAT, (gint64) number);
      else
        g_string_append (out, "?");
    }
  while (hat_die_next (&die));
}

/* Of the type that it is a method of, and its own; Rust's functions repeat those of their type. */
static char *
arguments_of (Reader *reader, Dwarf_Die *function)
{
  GString *out = g_string_new (NULL);
  Dwarf_Die at = *function, next;
  const gboolean is_rust = hat_types_unit (reader->types, reader->source, function)->language == HAT_LANGUAGE_RUST;
  if (!is_rust && hat_function_names_scope (hat_type_code_names (reader->types, reader->source), function, &at)
      && (dwarf_tag (&at) == DW_TAG_structure_type || dwarf_tag (&at) == DW_TAG_class_type || dwarf_tag (&at) == DW_TAG_union_type
          || dwarf_tag (&at) == DW_TAG_enumeration_type))
    append_parameters (reader, &at, out, 0);
  at = *function;
  for (guint hop = 0; hop < MAX_HOPS; hop++)
    {
      const gsize before = out->len;
      append_parameters (reader, &at, out, 0);
      if (out->len > before || !follow (&at, &next))
        break;
      at = next;
    }
  return g_string_free (out, FALSE);
}

/* ---- instances ---- */

/* NULL: it is not generic. `die` is a function or a copy of one. */
static Instance *
instance_of (Reader *reader, Dwarf_Die *die)
{
  Dwarf_Die origin = *die, next;
  for (guint hop = 0; hop < MAX_HOPS && dwarf_tag (die) == DW_TAG_inlined_subroutine && follow (&origin, &next); hop++)
    origin = next;
  gpointer known;
  if (g_hash_table_lookup_extended (reader->by_origin, origin.addr, NULL, &known))
    return known;
  Instance *instance = NULL;
  g_autofree char *arguments = arguments_of (reader, &origin);
  const char *function = arguments[0] ? hat_function_names_of (hat_type_code_names (reader->types, reader->source), &origin) : NULL;
  if (function)
    {
      g_autofree char *text = g_strconcat (function, "\n", arguments, NULL);
      instance = g_hash_table_lookup (reader->by_text, text);
      if (!instance)
        {
          g_autofree char *name = without_arguments (function);
          instance = g_new0 (Instance, 1);
          instance->name = g_string_chunk_insert_const (reader->out->strings, name);
          instance->instance.function = g_string_chunk_insert_const (reader->out->strings, function);
          instance->instance.arguments = g_string_chunk_insert_const (reader->out->strings, arguments);
          g_hash_table_insert (reader->by_text, g_steal_pointer (&text), instance);
        }
    }
  g_hash_table_insert (reader->by_origin, origin.addr, instance);
  return instance;
}

static guint64
bytes_of (Dwarf_Die *die, guint64 code_start)
{
  guint64 sum = 0;
  Dwarf_Addr base, low, high;
  for (ptrdiff_t at = 0; (at = dwarf_ranges (die, at, &base, &low, &high)) > 0;)
    sum += low >= code_start && high > low ? high - low : 0;
  return sum;
}

static void
read_scope (Reader *reader, Dwarf_Die *parent, guint64 code_start, guint depth)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      const int tag = dwarf_tag (&die);
      const gboolean is_copy = tag == DW_TAG_inlined_subroutine;
      guint64 bytes = 0;
      Instance *instance = NULL;
      switch (tag)
        {
        case DW_TAG_subprogram:
        case DW_TAG_inlined_subroutine:
          bytes = bytes_of (&die, code_start);
          if (bytes == 0 && !is_copy)
            break; /* only declared, or what copies are made of */
          instance = bytes ? instance_of (reader, &die) : NULL;
          if (instance)
            {
              instance->instance.code_bytes += bytes;
              instance->instance.n_functions += !is_copy;
              instance->instance.n_inlined += is_copy;
            }
          read_scope (reader, &die, code_start, depth + 1);
          break;
        case DW_TAG_lexical_block:
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type:
          if (dwarf_haschildren (&die))
            read_scope (reader, &die, code_start, depth + 1);
          break;
        }
    }
  while (--reader->steps_left > 0 && hat_die_next (&die));
}

/* ---- putting together ---- */

static int
compare_instances (gconstpointer a, gconstpointer b)
{
  const HatGenericInstance *x = a, *y = b;
  if (x->code_bytes != y->code_bytes)
    return x->code_bytes > y->code_bytes ? -1 : 1;
  const int order = strcmp (x->arguments, y->arguments);
  return order ? order : strcmp (x->function, y->function);
}

static int
compare_generics (gconstpointer a, gconstpointer b)
{
  const HatGeneric *x = a, *y = b;
  if (x->code_bytes != y->code_bytes)
    return x->code_bytes > y->code_bytes ? -1 : 1;
  return strcmp (x->name, y->name);
}

static void
put_together (Reader *reader)
{
  g_autoptr (GHashTable) by_name = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, reader->by_text);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Instance *instance = value;
      GArray *its = g_hash_table_lookup (by_name, instance->name);
      if (!its)
        {
          its = g_array_new (FALSE, FALSE, sizeof (HatGenericInstance));
          g_hash_table_insert (by_name, (gpointer) instance->name, its);
        }
      g_array_append_val (its, instance->instance);
    }
  HatGenerics *out = reader->out;
  out->generics = g_new0 (HatGeneric, g_hash_table_size (by_name) + 1);
  g_hash_table_iter_init (&iter, by_name);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      GArray *its = value;
      HatGeneric *generic = &out->generics[out->n++];
      g_array_sort (its, compare_instances);
      generic->name = key;
      generic->n = its->len;
      generic->instances = g_memdup2 (its->data, its->len * sizeof (HatGenericInstance));
      for (guint i = 0; i < its->len; i++)
        generic->code_bytes += generic->instances[i].code_bytes;
    }
  qsort (out->generics, out->n, sizeof *out->generics, compare_generics);
}

HatGenerics *
hat_generics_new (HatTypes *types, const HatProgress *progress, GError **error)
{
  g_autoptr (HatGenerics) out = g_new0 (HatGenerics, 1);
  out->strings = g_string_chunk_new (4096);
  Reader reader = { .types = types, .out = out };
  reader.by_text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gboolean goes_on = TRUE;
  for (guint i = 0; i < types->sources->len && goes_on; i++)
    {
      HatTypeSource *source = reader.source = g_ptr_array_index (types->sources, i);
      HatElfFile *file = hat_module_files_dwarf (&source->files);
      const guint64 code_start = hat_elf_file_code_start (source->files.image ? source->files.image : file);
      Dwarf_CU *cu = NULL;
      Dwarf_Die root;
      uint8_t type;
      reader.by_origin = g_hash_table_new (NULL, NULL);
      reader.steps_left = (gint64) file->size * 16 + 100000;
      for (guint n = 0; goes_on && dwarf_get_units (source->dwarf, cu, &cu, NULL, &type, &root, NULL) == 0; n++)
        {
          const double share = file->size ? MIN ((double) dwarf_dieoffset (&root) / file->size, 1) : 0;
          goes_on = n % 16 != 0 || hat_progress_tick (progress, (i + share) / types->sources->len, "reading functions", error);
          if (type == DW_UT_compile)
            read_scope (&reader, &root, code_start, 0);
        }
      g_hash_table_unref (reader.by_origin);
    }
  if (goes_on)
    put_together (&reader);
  g_hash_table_unref (reader.by_text);
  return goes_on ? g_steal_pointer (&out) : NULL;
}

void
hat_generics_free (HatGenerics *generics)
{
  if (!generics)
    return;
  for (guint i = 0; i < generics->n; i++)
    g_free (generics->generics[i].instances);
  g_free (generics->generics);
  g_string_chunk_free (generics->strings);
  g_free (generics);
}
