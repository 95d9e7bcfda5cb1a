/* SPDX-License-Identifier: Apache-2.0 */
#include "core/types/code.h"
#include "core/types/name-search.h"
#include "core/types/variables.h"

#include <gelf.h>
#include <string.h>

enum
{
  MAX_ALIASES = 64, /* of aliases, one after another */
  MAX_DEPTH = 128,  /* of pointers to arrays of aliases */
};

const char *
hat_type_kind_name (HatTypeKind kind)
{
  static const char *const names[] = { "base type", "pointer", "struct", "class",   "union",
                                       "enum",      "array",   "alias",  "function" };
  return names[kind];
}

const char *
hat_language_name (HatLanguage language)
{
  static const char *const names[] = { "other", "C", "C++", "Rust" };
  return names[language];
}

/* ---- making and freeing ---- */

static void
source_free (gpointer data)
{
  HatTypeSource *source = data;
  hat_type_code_free (source->code);
  g_clear_pointer (&source->units, g_hash_table_unref);
  g_clear_pointer (&source->globals, g_array_unref);
  if (source->dwarf)
    dwarf_end (source->dwarf);
  if (source->shared)
    dwarf_end (source->shared);
  hat_module_files_close (&source->files);
  g_free (source);
}

static void
module_free (gpointer data)
{
  HatTypeModule *module = data;
  hat_symbol_table_free (module->functions);
  hat_module_files_close (&module->files);
  g_free (module);
}

HatTypes *
hat_types_new (const HatSymbolOptions *options)
{
  HatTypes *types = g_new0 (HatTypes, 1);
  if (options)
    {
      types->sysroot = g_strdup (options->sysroot);
      types->debug_dirs = g_strdupv ((char **) options->debug_dirs);
    }
  types->options = (HatSymbolOptions){ types->sysroot, (const char *const *) types->debug_dirs };
  types->sources = g_ptr_array_new_with_free_func (source_free);
  types->modules = g_hash_table_new_full (NULL, NULL, NULL, module_free);
  types->infos = g_ptr_array_new_with_free_func (g_free);
  types->strings = g_string_chunk_new (64 * 1024);
  types->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  types->made = g_hash_table_new (NULL, NULL);
  hat_types_add_type (types, &(HatType){ .name = "void", .kind = HAT_TYPE_BASE }, 1, NULL);
  return types;
}

void
hat_types_free (HatTypes *types)
{
  if (!types)
    return;
  hat_types_forget_layouts (types);
  hat_type_places_free (types->places);
  g_ptr_array_unref (types->sources);
  g_hash_table_unref (types->modules);
  g_free (types->slots);
  g_hash_table_unref (types->by_name);
  g_hash_table_unref (types->made);
  g_ptr_array_unref (types->infos);
  g_string_chunk_free (types->strings);
  if (types->list)
    g_array_unref (types->list);
  hat_type_keeper_free (types->keeper);
  hat_trace_unref (types->trace);
  g_free (types->sysroot);
  g_strfreev (types->debug_dirs);
  g_free (types);
}

/* NULL: it has no debug information; *out_is_object: because it is not linked. */
static HatTypeSource *
add_source (HatTypes *types, const HatModule *module, gboolean *out_is_object)
{
  HatTypeSource *source = g_new0 (HatTypeSource, 1);
  source->module = types->sources->len;
  source->globals = g_array_new (FALSE, FALSE, sizeof (HatGlobal));
  hat_module_files_open (&source->files, module, &types->options);
  hat_module_files_open_shared (&source->files, &types->options);
  HatElfFile *file = hat_module_files_dwarf (&source->files);
  GElf_Ehdr header;
  *out_is_object = file && gelf_getehdr (file->elf, &header) && header.e_type == ET_REL;
  if (file && !*out_is_object)
    source->dwarf = dwarf_begin_elf (file->elf, DWARF_C_READ, NULL);
  if (source->dwarf)
    source->mapped = elf_rawfile (file->elf, &source->mapped_bytes);
  if (source->dwarf && source->files.shared)
    {
      source->shared = dwarf_begin_elf (source->files.shared->elf, DWARF_C_READ, NULL);
      dwarf_setalt (source->dwarf, source->shared);
    }
  if (source->dwarf)
    {
      g_ptr_array_add (types->sources, source);
      return source;
    }
  source_free (source);
  return NULL;
}

gboolean
hat_types_add (HatTypes *types, const HatModule *module, GError **error)
{
  gboolean is_object;
  if (add_source (types, module, &is_object))
    return TRUE;
  g_autofree char *advice = NULL;
  hat_symbols_level (module, &types->options, &advice);
  if (is_object)
    g_set_error (error, HAT_ERROR, HAT_ERROR_NO_DEBUG_INFO, "%s is not linked: name the program or library that it is for", module->path);
  else
    g_set_error (error, HAT_ERROR, HAT_ERROR_NO_DEBUG_INFO, "no types known: %s",
                 advice ? advice : "there is no debug information, compile with -g");
  return FALSE;
}

HatTypeModule *
hat_types_module (HatTypes *types, guint32 index, const HatModule *module)
{
  HatTypeModule *known = g_hash_table_lookup (types->modules, GUINT_TO_POINTER (index));
  gboolean is_object;
  if (known)
    return known;
  known = g_new0 (HatTypeModule, 1);
  g_hash_table_insert (types->modules, GUINT_TO_POINTER (index), known);
  known->is_file = hat_module_is_file (module);
  known->source = known->is_file ? add_source (types, module, &is_object) : NULL;
  if (known->is_file && !known->source)
    hat_module_files_open (&known->files, module, &types->options);
  return known;
}

const char *
hat_types_symbol (HatTypes *types, HatTypeModule *module, guint64 address)
{
  const HatModuleFiles *files = module->source ? &module->source->files : &module->files;
  if (!module->functions && module->is_file)
    module->functions = hat_symbol_table_new (files->image, hat_module_files_table (files), HAT_SYMBOLS_FUNCTIONS);
  const char *symbol = module->functions ? hat_symbol_table_find (module->functions, address) : NULL;
  g_autofree char *name = symbol ? hat_demangle (symbol) : NULL;
  return name ? hat_clean_name (types->strings, name) : NULL;
}

gboolean
hat_types_add_numbered (HatTypes *types, guint32 index, const HatModule *module)
{
  return hat_types_module (types, index, module)->source != NULL;
}

/* `name` NULL: all units. */
static gboolean
read_units (HatTypes *types, const char *name, const HatProgress *progress, GError **error)
{
  for (guint i = 0; i < types->sources->len; i++)
    {
      HatTypeSource *source = g_ptr_array_index (types->sources, i);
      g_autoptr (HatNameSearch) search = name ? hat_name_search_new (source, name) : NULL;
      Dwarf_CU *cu = NULL;
      Dwarf_Die root;
      uint8_t type;
      gint64 size = hat_module_files_dwarf (&source->files)->size;
      for (guint n = 0; dwarf_get_units (source->dwarf, cu, &cu, NULL, &type, &root, NULL) == 0; n++)
        {
          double share = size ? MIN ((double) dwarf_dieoffset (&root) / size, 1) : 0;
          if (n % 16 == 0 && !hat_progress_tick (progress, (i + share) / types->sources->len, "reading types", error))
            return FALSE;
          if (!search || hat_name_search_may_be_in (search, &root))
            hat_types_unit (types, source, &root);
        }
    }
  return TRUE;
}

gboolean
hat_types_read_all (HatTypes *types, const HatProgress *progress, GError **error)
{
  return read_units (types, NULL, progress, error);
}

gboolean
hat_types_read_named (HatTypes *types, const char *name, const HatProgress *progress, GError **error)
{
  return read_units (types, name, progress, error);
}

void
hat_types_forget_layouts (HatTypes *types)
{
  for (HatTypeId id = 0; id < types->n; id++)
    g_clear_pointer (&hat_types_info (types, id)->layout, hat_layout_free);
}

/* ---- one of each ---- */

guint64
hat_type_hash (const char *text)
{
  if (!text)
    return 1;
  gsize length = strlen (text);
  guint64 hash = hat_type_mix (2, length), word = 0;
  for (; length >= sizeof word; text += sizeof word, length -= sizeof word)
    {
      memcpy (&word, text, sizeof word);
      hash = hat_type_mix (hash, word);
    }
  word = 0;
  memcpy (&word, text, length);
  return hat_type_mix (hash, word);
}

static HatTypeSlot *
find_slot (const HatTypes *types, guint64 key)
{
  guint at = (guint) (key >> 20) & (types->n_slots - 1);
  while (types->slots[at].key && types->slots[at].key != key)
    at = (at + 1) & (types->n_slots - 1);
  return &types->slots[at];
}

HatTypeId
hat_types_lookup (HatTypes *types, guint64 key)
{
  return types->n_slots ? find_slot (types, MAX (key, 1))->type : HAT_TYPE_VOID;
}

static void
grow_slots (HatTypes *types)
{
  HatTypeSlot *old = types->slots;
  guint n = types->n_slots;
  types->n_slots = n ? n * 2 : 1024;
  types->slots = g_new0 (HatTypeSlot, types->n_slots);
  for (guint i = 0; i < n; i++)
    if (old[i].key)
      *find_slot (types, old[i].key) = old[i];
  g_free (old);
}

HatTypeId
hat_types_add_type (HatTypes *types, const HatType *type, guint64 key, const Dwarf_Die *die)
{
  if (types->n % HAT_TYPE_BLOCK == 0)
    g_ptr_array_add (types->infos, g_new0 (HatTypeInfo, HAT_TYPE_BLOCK));
  HatTypeId id = types->n++;
  HatTypeInfo *info = hat_types_info (types, id);
  info->type = *type;
  info->id = id;
  info->die = die ? die->addr : NULL;
  if (types->n_used * 3 >= types->n_slots * 2)
    grow_slots (types);
  HatTypeSlot *slot = find_slot (types, MAX (key, 1));
  types->n_used += slot->key == 0;
  *slot = (HatTypeSlot){ MAX (key, 1), id };
  return id;
}

HatTypeId
hat_types_first_of_name (HatTypes *types, const char *name)
{
  for (; types->n_named < types->n; types->n_named++)
    {
      HatTypeInfo *info = hat_types_info (types, types->n_named);
      gpointer first;
      if (g_hash_table_lookup_extended (types->by_name, info->type.name, NULL, &first))
        {
          HatTypeInfo *head = hat_types_info (types, GPOINTER_TO_UINT (first));
          info->next = head->next;
          head->next = info->id;
        }
      else
        g_hash_table_insert (types->by_name, (gpointer) info->type.name, GUINT_TO_POINTER (info->id));
    }
  return GPOINTER_TO_UINT (g_hash_table_lookup (types->by_name, name));
}

/* ---- from DIEs ---- */

static HatTypeId
of_entry (HatTypes *types, HatTypeSource *source, Dwarf_Die *die)
{
  const HatTypeEntry *entry = hat_type_unit_find (hat_types_unit (types, source, die), die->addr);
  if (!entry)
    return HAT_TYPE_VOID;
  Dwarf_Attribute holder;
  Dwarf_Die elsewhere;
  if (hat_types_info (types, entry->type)->type.is_declaration && dwarf_attr (die, DW_AT_signature, &holder)
      && dwarf_formref_die (&holder, &elsewhere) && elsewhere.addr != die->addr)
    return hat_types_of_die (types, source, &elsewhere);
  return entry->type;
}

HatTypeId
hat_types_of_die (HatTypes *types, HatTypeSource *source, Dwarf_Die *die)
{
  if (types->depth > MAX_DEPTH)
    return HAT_TYPE_VOID;
  types->depth++;
  HatTypeId id;
  gpointer known;
  switch (dwarf_tag (die))
    {
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_base_type:
    case DW_TAG_unspecified_type:
    case DW_TAG_typedef:
      id = of_entry (types, source, die);
      break;
    default:
      if (g_hash_table_lookup_extended (types->made, die->addr, NULL, &known))
        id = GPOINTER_TO_UINT (known);
      else
        {
          id = hat_types_make (types, source, die);
          g_hash_table_insert (types->made, die->addr, GUINT_TO_POINTER (id));
        }
    }
  types->depth--;
  return id;
}

HatTypeId
hat_types_of_attribute (HatTypes *types, HatTypeSource *source, Dwarf_Die *die)
{
  Dwarf_Attribute holder;
  Dwarf_Die type;
  return dwarf_attr (die, DW_AT_type, &holder) && dwarf_formref_die (&holder, &type)
             ? hat_types_of_die (types, source, &type)
             : HAT_TYPE_VOID;
}

/* What is left for later when a unit is read. */
static void
resolve (HatTypes *types, HatTypeInfo *info)
{
  info->is_resolved = TRUE;
  HatType *type = &info->type;
  Dwarf_Die die;
  if ((type->kind == HAT_TYPE_ALIAS || (type->kind == HAT_TYPE_ENUM && type->size == 0)) && hat_types_die (types, info, &die))
    {
      HatTypeId target = hat_types_of_attribute (types, hat_types_source (types, info), &die);
      type->size = hat_types_get (types, target)->size;
      if (type->kind == HAT_TYPE_ALIAS)
        type->target = target;
    }
}

HatTypeSource *
hat_types_source (HatTypes *types, const HatTypeInfo *info)
{
  return g_ptr_array_index (types->sources, info->type.module);
}

gboolean
hat_types_die (HatTypes *types, const HatTypeInfo *info, Dwarf_Die *out)
{
  if (!info->die)
    return FALSE;
  HatTypeSource *source = hat_types_source (types, info);
  return dwarf_die_addr_die (source->dwarf, (void *) info->die, out)
         || (source->shared && dwarf_die_addr_die (source->shared, (void *) info->die, out));
}

/* ---- asking ---- */

guint
hat_types_count (HatTypes *types)
{
  return types->n;
}

const HatType *
hat_types_get (HatTypes *types, HatTypeId type)
{
  HatTypeInfo *info = hat_types_info (types, type);
  if (!info->is_resolved)
    resolve (types, info);
  return &info->type;
}

HatTypeId
hat_types_definition (HatTypes *types, HatTypeId id)
{
  const HatType *type = hat_types_get (types, id);
  for (guint hop = 0; hop < MAX_ALIASES && type->kind == HAT_TYPE_ALIAS; hop++)
    {
      id = type->target;
      type = hat_types_get (types, id);
    }
  if (!type->is_declaration)
    return id;
  for (HatTypeId at = hat_types_first_of_name (types, type->name); at; at = hat_types_info (types, at)->next)
    {
      const HatType *same = &hat_types_info (types, at)->type;
      if (!same->is_declaration && same->kind != HAT_TYPE_ALIAS && (type->size == 0 || same->size == type->size))
        return at;
    }
  return id;
}

HatTypeId
hat_types_named (HatTypes *types, const char *name, guint64 size)
{
  HatTypeId declared = HAT_TYPE_VOID;
  for (HatTypeId at = hat_types_first_of_name (types, name); at; at = hat_types_info (types, at)->next)
    {
      const HatType *type = hat_types_get (types, at);
      if (type->kind == HAT_TYPE_ALIAS || (size != G_MAXUINT64 && type->size != size))
        continue;
      if (!type->is_declaration)
        return at;
      declared = at;
    }
  return declared;
}

static guint64
mix_field (HatTypes *types, guint64 print, const HatField *field)
{
  print = hat_type_mix (print, hat_type_hash (field->name));
  print = hat_type_mix (print, hat_type_hash (hat_types_get (types, field->type)->name));
  print = hat_type_mix (print, field->bit_size ? field->bit_offset : field->offset * 8);
  return hat_type_mix (print, field->bit_size ? field->bit_size : field->size * 8);
}

guint64
hat_types_fingerprint (HatTypes *types, HatTypeId id)
{
  const HatTypeLayout *layout = hat_types_layout (types, id);
  guint64 print = hat_type_mix (layout->n_fields, layout->n_variants);
  for (guint i = 0; i < layout->n_fields; i++)
    print = mix_field (types, print, &layout->fields[i]);
  for (guint i = 0; i < layout->n_variants; i++)
    print = hat_type_mix (hat_type_mix (print, hat_type_hash (layout->variants[i].name)), (guint64) layout->variants[i].value);
  return print;
}

HatTypeId
hat_types_same (HatTypes *types, HatTypes *others, HatTypeId other)
{
  const HatType *its = hat_types_get (others, other);
  const guint64 print = hat_types_fingerprint (others, other);
  for (HatTypeId at = hat_types_first_of_name (types, its->name); at; at = hat_types_info (types, at)->next)
    {
      const HatType *type = hat_types_get (types, at);
      if (type->kind == its->kind && type->size == its->size && !type->is_declaration && hat_types_fingerprint (types, at) == print)
        return at;
    }
  return HAT_TYPE_VOID;
}

static gboolean
has_namesake (HatTypes *types, const HatTypeInfo *info)
{
  HatTypeId at = hat_types_first_of_name (types, info->type.name);
  while (at && (at == info->id || !hat_type_is_listed (hat_types_info (types, at))))
    at = hat_types_info (types, at)->next;
  return at != HAT_TYPE_VOID;
}

gboolean
hat_types_place (HatTypes *types, HatTypeId id, const char **out_file, guint *out_line)
{
  const HatTypeInfo *info = hat_types_info (types, id);
  Dwarf_Die die;
  int line;
  if (info->kept)
    {
      *out_file = info->kept->file;
      *out_line = info->kept->line;
      return *out_file != NULL;
    }
  if (!hat_type_is_listed (info) || !has_namesake (types, info) || !hat_types_die (types, info, &die) || dwarf_decl_line (&die, &line) != 0)
    return FALSE;
  *out_file = dwarf_decl_file (&die);
  *out_line = (guint) line;
  return *out_file != NULL;
}

const char *
hat_types_label (HatTypes *types, HatTypeId id)
{
  const char *name = hat_types_get (types, id)->name, *file;
  guint line;
  if (!hat_types_place (types, id, &file, &line))
    return name;
  g_autofree char *base = g_path_get_basename (file), *label = g_strdup_printf ("%s at %s:%u", name, base, line);
  return g_string_chunk_insert_const (types->strings, label);
}

HatTypeId
hat_types_stored (HatTypes *types, HatTypeId id)
{
  static const char *const prefixes[] = { "__gnu_cxx::__aligned_buffer<", "__gnu_cxx::__aligned_membuf<" };
  const HatType *type = hat_types_get (types, id);
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (type->name, prefixes[i]) && g_str_has_suffix (type->name, ">"))
      {
        const char *inner = type->name + strlen (prefixes[i]);
        g_autofree char *name = g_strchomp (g_strndup (inner, strlen (inner) - 1));
        return hat_types_named (types, name, type->size);
      }
  return HAT_TYPE_VOID;
}

HatTypeId
hat_types_element (HatTypes *types, HatTypeId id)
{
  for (guint hop = 0; hop < MAX_ALIASES; hop++)
    {
      const HatType *type = hat_types_get (types, id);
      if (type->kind != HAT_TYPE_ALIAS && type->kind != HAT_TYPE_ARRAY)
        return id;
      id = type->target;
    }
  return HAT_TYPE_VOID;
}

static guint32
own_align (guint64 size)
{
  guint64 lowest = size & -size;
  return size == 0 ? 1 : (guint32) MIN (lowest, 4096);
}

guint32
hat_types_align (HatTypes *types, HatTypeId id)
{
  const HatTypeInfo *info = hat_types_info (types, id);
  const HatType *type = hat_types_get (types, id);
  HatDie said = { 0 };
  Dwarf_Die die;
  if (info->kept)
    return MAX (info->kept->align, 1);
  switch (type->kind)
    {
    case HAT_TYPE_BASE:
      if (hat_types_die (types, info, &die))
        hat_die_read (&said, &die);
      return said.alignment ? said.alignment : own_align (said.encoding == DW_ATE_complex_float ? type->size / 2 : type->size);
    case HAT_TYPE_POINTER:
      return MIN (own_align (type->size), 8);
    case HAT_TYPE_ENUM:
      return own_align (type->size);
    case HAT_TYPE_ARRAY:
      return hat_types_element (types, id) ? hat_types_align (types, type->target) : 1;
    case HAT_TYPE_ALIAS:
      if (hat_types_die (types, info, &die))
        hat_die_read (&said, &die);
      if (said.alignment)
        return said.alignment;
      id = hat_types_definition (types, id);
      return hat_types_get (types, id)->kind == HAT_TYPE_ALIAS ? 1 : hat_types_align (types, id);
    case HAT_TYPE_FUNCTION:
      return 1;
    default:
      return MAX (hat_types_layout (types, id)->align, 1);
    }
}

gboolean
hat_type_is_listed (const HatTypeInfo *info)
{
  const HatType *type = &info->type;
  return hat_type_has_parts (type) && !type->is_anonymous && !type->is_declaration && !type->is_variant
         && !g_str_has_suffix (type->name, "{vtable_type}");
}

static int
compare_names (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatTypeInfo *x = hat_types_info (data, *(const HatTypeId *) a), *y = hat_types_info (data, *(const HatTypeId *) b);
  int order = strcmp (x->type.name, y->type.name);
  return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

const HatTypeId *
hat_types_list (HatTypes *types, guint *out_n)
{
  if (!types->list || types->n_listed != types->n)
    {
      if (types->list)
        g_array_unref (types->list);
      types->list = g_array_new (FALSE, FALSE, sizeof (HatTypeId));
      types->n_listed = types->n;
      for (HatTypeId id = 0; id < types->n; id++)
        if (hat_type_is_listed (hat_types_info (types, id)))
          g_array_append_val (types->list, id);
      g_array_sort_with_data (types->list, compare_names, types);
    }
  *out_n = types->list->len;
  return (const HatTypeId *) types->list->data;
}

/* Does `full` end in `name`, after a scope? */
static gboolean
ends_in (const char *full, gsize length, const char *name)
{
  gsize its = strlen (name);
  if (its > length || strncmp (full + length - its, name, its) != 0)
    return FALSE;
  return its == length || (length - its >= 2 && full[length - its - 1] == ':');
}

/* Up to the arguments of its last part: "ns::Box<int>::Part<char>" without "<char>". */
static gsize
without_arguments (const char *full)
{
  gsize length = strlen (full);
  if (length == 0 || full[length - 1] != '>')
    return length;
  int depth = 0;
  for (gsize at = length; at > 0; at--)
    {
      depth += full[at - 1] == '>' && (at < 2 || full[at - 2] != '-');
      depth -= full[at - 1] == '<';
      if (depth == 0)
        return at - 1;
    }
  return length;
}

gboolean
hat_type_name_is (const char *full, const char *name)
{
  return ends_in (full, strlen (full), name) || ends_in (full, without_arguments (full), name);
}

GArray *
hat_types_find (HatTypes *types, const char *name)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (HatTypeId)), *exact = g_array_new (FALSE, FALSE, sizeof (HatTypeId));
  for (HatTypeId id = 1; id < types->n; id++)
    {
      const HatTypeInfo *info = hat_types_info (types, id);
      const HatType *type = &info->type;
      gboolean is_alias = type->kind == HAT_TYPE_ALIAS && strcmp (hat_types_get (types, hat_types_definition (types, id))->name, type->name) != 0;
      if (!hat_type_is_listed (info) && !((info->die || info->kept) && (type->kind == HAT_TYPE_BASE || is_alias)))
        continue;
      if (strcmp (type->name, name) == 0 || (g_str_has_prefix (name, type->name) && strcmp (hat_types_label (types, id), name) == 0))
        g_array_append_val (exact, id);
      else if (hat_type_name_is (type->name, name))
        g_array_append_val (found, id);
    }
  GArray *answer = exact->len ? exact : found;
  g_array_unref (exact->len ? found : exact);
  g_array_sort_with_data (answer, compare_names, types);
  return answer;
}

/* What the member at the field's place leads to: VOID if that unit does not say. */
static HatTypeId
pointee_in (HatTypes *types, HatTypeSource *source, const void *address, const HatField *field)
{
  Dwarf_Die holder, die;
  if ((!dwarf_die_addr_die (source->dwarf, (void *) address, &holder)
       && !(source->shared && dwarf_die_addr_die (source->shared, (void *) address, &holder)))
      || dwarf_child (&holder, &die) != 0)
    return HAT_TYPE_VOID;
  do
    {
      HatDie said;
      hat_die_read (&said, &die);
      if (dwarf_tag (&die) != DW_TAG_member || said.offset != field->offset || g_strcmp0 (said.name, field->name) != 0)
        continue;
      const HatType *pointer = hat_types_get (types, hat_types_definition (types, hat_types_of_attribute (types, source, &die)));
      const HatTypeId element = pointer->kind == HAT_TYPE_POINTER ? hat_types_element (types, pointer->target) : HAT_TYPE_VOID;
      return hat_types_get (types, element)->is_declaration ? HAT_TYPE_VOID : element;
    }
  while (hat_die_next (&die));
  return HAT_TYPE_VOID;
}

gboolean
hat_types_is_sure (HatTypes *types, HatTypeId holder, const HatField *field)
{
  const HatType *pointer = hat_types_get (types, hat_types_definition (types, field->type));
  const HatTypeId target = hat_types_definition (types, pointer->kind == HAT_TYPE_POINTER ? pointer->target : HAT_TYPE_VOID);
  const HatTypeInfo *info = hat_types_info (types, target);
  if (!hat_type_is_listed (info) || info->kept || !has_namesake (types, info))
    return TRUE;
  if (hat_types_get (types, hat_types_element (types, pointer->target))->is_declaration)
    return FALSE; /* any of them */
  /* Looking at members may read units: first all that have it. */
  typedef struct
  {
    HatTypeSource *source;
    const char *address;
  } Place;
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  for (guint i = 0; i < types->sources->len; i++)
    {
      HatTypeSource *source = g_ptr_array_index (types->sources, i);
      GHashTableIter units;
      gpointer unit;
      if (!source->units)
        continue;
      g_hash_table_iter_init (&units, source->units);
      while (g_hash_table_iter_next (&units, NULL, &unit))
        for (guint k = 0; k < ((HatTypeUnit *) unit)->n_entries; k++)
          {
            const HatTypeEntry *entry = &((HatTypeUnit *) unit)->entries[k];
            const Place place = { source, ((HatTypeUnit *) unit)->start + entry->offset };
            if (entry->type == holder)
              g_array_append_val (places, place);
          }
    }
  for (guint i = 0; i < places->len; i++)
    {
      const Place *place = &g_array_index (places, Place, i);
      const HatTypeId there = pointee_in (types, place->source, place->address, field);
      if (there != HAT_TYPE_VOID && there != target)
        return FALSE;
    }
  return TRUE;
}

const HatField *
hat_types_field_at (HatTypes *types, HatTypeId type, guint64 offset)
{
  const HatTypeLayout *layout = hat_types_layout (types, hat_types_definition (types, type));
  for (guint i = 0; i < layout->n_fields; i++)
    if (layout->fields[i].offset <= offset && offset - layout->fields[i].offset < layout->fields[i].size)
      return &layout->fields[i];
  return NULL;
}
