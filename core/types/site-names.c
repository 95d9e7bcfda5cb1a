/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of allocators, containers and smart pointers, by their names. */

#include "core/types/sites.h"

#include <dwarf.h>
#include <string.h>

enum
{
  MAX_NESTED = 8, /* structs around the pointer of an Rc */
};

static gboolean
starts_with_any (const char *name, const char *const *prefixes)
{
  for (guint i = 0; prefixes[i]; i++)
    if (g_str_has_prefix (name, prefixes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_any (const char *name, const char *const *names)
{
  for (guint i = 0; names[i]; i++)
    if (strcmp (name, names[i]) == 0)
      return TRUE;
  return FALSE;
}

/* ---- what names say without parameters ---- */

/* Return what they allocate, of any type. */
static const char *const allocators[] = {
  "malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "memalign", "valloc", "pvalloc", "__libc_malloc", "__libc_calloc", "__libc_realloc",
  "operator new", "operator new[]", "g_malloc", "g_malloc0", "g_realloc", "g_try_malloc", "g_try_malloc0", "g_try_realloc", "g_malloc_n", "g_malloc0_n",
  "g_realloc_n", "g_try_malloc_n", "g_try_malloc0_n", "g_try_realloc_n", "g_aligned_alloc", "g_aligned_alloc0", "g_slice_alloc", "g_slice_alloc0",
  "__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc", "__rdl_alloc", "__rdl_alloc_zeroed", "__rdl_realloc", "exchange_malloc", NULL
};

/* Allocate text. */
static const char *const texts[] = {
  "strdup", "__strdup", "strndup", "__strndup", "vasprintf", "__vasprintf", "__vasprintf_internal", "getdelim", "__getdelim", "_IO_file_doallocate",
  "g_strdup", "g_strndup", "g_strconcat", "g_strdup_vprintf", "g_strjoinv", NULL
};

static const char *const rust_inner[] = {
  "alloc::alloc::", "alloc::boxed::box_new_uninit", "alloc::raw_vec::RawVecInner", "alloc::raw_vec::finish_grow", "alloc::raw_vec::new_cap",
  "hashbrown::raw::RawTableInner", "hashbrown::raw::alloc::", "hashbrown::alloc::", "A as core::alloc::Allocator", "std::alloc::", "core::", "__rustc::", NULL
};

static const char *const rust_boxes[] = { "alloc::boxed::Box<", NULL };
static const char *const rust_counted[] = { "alloc::rc::Rc<", "alloc::sync::Arc<", NULL };
static const char *const rust_arrays[] = {
  "alloc::raw_vec::RawVec<", "alloc::vec::Vec<", "alloc::vec::from_elem", "T as alloc::vec::spec_from_elem", "T as alloc::slice::hack", "alloc::slice::hack::",
  "T as alloc::slice::<impl [T]>", "alloc::slice::<impl [T]>", "alloc::collections::vec_deque::VecDeque<",
  "alloc::collections::binary_heap::BinaryHeap<", NULL
};
static const char *const rust_tables[] = { "hashbrown::raw::RawTable<", NULL };
static const char *const rust_texts[] = {
  "alloc::string::String", "alloc::fmt::format", "alloc::str::", "str as alloc::", "std::ffi::os_str::OsString", "std::path::PathBuf",
  "alloc::ffi::c_str::CString", NULL
};

static const char *const cxx_strings[] = { "std::__cxx11::basic_string<", "std::__1::basic_string<", NULL };
static const char *const cxx_allocators[] = { "std::__new_allocator<", "__gnu_cxx::new_allocator<", "std::allocator<", "std::__1::allocator<", NULL };
/* Allocators are asked for one of these at a time. */
static const char *const cxx_nodes[] = { "std::_List_node<", "std::_Fwd_list_node<", "std::_Rb_tree_node<", "std::__detail::_Hash_node<",
                                         "std::_Sp_counted_", NULL };
static const char *const cxx_unique[] = { "std::make_unique<", "std::make_unique_for_overwrite<", "std::__1::make_unique<", NULL };
static const char *const cxx_vectors[] = { "std::vector<", "std::_Vector_base<", NULL };

/* ---- types ---- */

typedef struct
{
  const char *name;
  guint8 size, encoding;
} Base;

static const Base rust_bases[] = {
  { "u8", 1, DW_ATE_unsigned },  { "i8", 1, DW_ATE_signed },     { "u16", 2, DW_ATE_unsigned }, { "i16", 2, DW_ATE_signed },
  { "u32", 4, DW_ATE_unsigned }, { "i32", 4, DW_ATE_signed },    { "u64", 8, DW_ATE_unsigned }, { "i64", 8, DW_ATE_signed },
  { "f32", 4, DW_ATE_float },    { "f64", 8, DW_ATE_float },     { "usize", 8, DW_ATE_unsigned }, { "isize", 8, DW_ATE_signed },
  { "bool", 1, DW_ATE_boolean }, { "char", 4, DW_ATE_UTF },
};
static const Base cxx_bases[] = {
  { "char", 1, DW_ATE_signed_char }, { "wchar_t", 4, DW_ATE_signed }, { "char16_t", 2, DW_ATE_UTF }, { "char32_t", 4, DW_ATE_UTF }, { "char8_t", 1, DW_ATE_UTF },
};

/* The base type that the first argument behind `arguments` ("u8>::push") is. */
static HatTypeId
base_argument (HatTypes *types, const char *arguments, const Base *bases, guint n, HatLanguage language)
{
  const gsize length = strcspn (arguments, ",>");
  for (guint i = 0; i < n; i++)
    if (strlen (bases[i].name) == length && strncmp (bases[i].name, arguments, length) == 0)
      return hat_types_base (types, bases[i].name, bases[i].size, bases[i].encoding, language);
  return HAT_TYPE_VOID;
}

/* An Rc points to its counts and the value: RcBox<T>, RcInner<T> or ArcInner<T>, as the library calls it. */
static HatTypeId
counted_block (HatTypes *types, HatTypeSource *source, const HatCall *call)
{
  Dwarf_Die origin = call->origin;
  HatTypeId at = hat_types_definition (types, hat_code_type (types, source, &origin));
  for (guint hop = 0; hop < MAX_NESTED; hop++)
    {
      const HatType *type = hat_types_get (types, at);
      if (type->kind == HAT_TYPE_POINTER)
        {
          const char *name = hat_types_get (types, type->target)->name;
          return g_str_has_prefix (name, "alloc::rc::Rc") || g_str_has_prefix (name, "alloc::sync::Arc") ? type->target : HAT_TYPE_VOID;
        }
      const HatField *field = hat_types_field_at (types, at, 0);
      if (!field)
        break;
      at = hat_types_definition (types, field->type);
    }
  return HAT_TYPE_VOID;
}

/* ---- */

static HatSiteName
named (HatTypeId type, gboolean is_array, gboolean is_table)
{
  return (HatSiteName){ type ? HAT_SITE_NAMES : HAT_SITE_DECIDES, type, is_array, is_table };
}

static HatTypeId
rust_parameter (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name)
{
  const HatTypeId type = call ? hat_call_parameter (types, source, call, "T") : HAT_TYPE_VOID;
  const char *arguments = strchr (name, '<');
  return type || !arguments ? type : base_argument (types, arguments + 1, rust_bases, G_N_ELEMENTS (rust_bases), HAT_LANGUAGE_RUST);
}

static HatSiteName
rust_name (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name)
{
  name += strspn (name, "<&");
  if (starts_with_any (name, rust_boxes))
    return named (rust_parameter (types, source, call, name), FALSE, FALSE);
  if (starts_with_any (name, rust_counted))
    return named (call ? counted_block (types, source, call) : HAT_TYPE_VOID, FALSE, FALSE);
  if (starts_with_any (name, rust_texts))
    return named (hat_types_base (types, "u8", 1, DW_ATE_unsigned, HAT_LANGUAGE_RUST), TRUE, FALSE);
  if (starts_with_any (name, rust_arrays))
    {
      HatSiteName site = named (rust_parameter (types, source, call, name), TRUE, FALSE);
      site.is_part = g_str_has_prefix (name, "alloc::raw_vec::");
      return site;
    }
  if (starts_with_any (name, rust_tables))
    return named (rust_parameter (types, source, call, name), TRUE, TRUE);
  return (HatSiteName){ .verdict = starts_with_any (name, rust_inner) ? HAT_SITE_INNER : HAT_SITE_USER };
}

static HatSiteName
cxx_name (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name)
{
  if (starts_with_any (name, cxx_strings))
    return named (base_argument (types, strchr (name, '<') + 1, cxx_bases, G_N_ELEMENTS (cxx_bases), HAT_LANGUAGE_CXX), TRUE, FALSE);
  const gboolean is_allocator = starts_with_any (name, cxx_allocators) && g_str_has_suffix (name, "::allocate");
  if (is_allocator || starts_with_any (name, cxx_vectors))
    {
      HatTypeId type = call ? hat_call_parameter (types, source, call, "_Tp") : HAT_TYPE_VOID;
      HatSiteName site = named (type, !starts_with_any (hat_types_get (types, type)->name, cxx_nodes), FALSE);
      site.is_part = is_allocator || g_str_has_prefix (name, "std::_Vector_base<") || strstr (name, ">::_M_");
      return type || is_allocator ? site : (HatSiteName){ .verdict = HAT_SITE_USER };
    }
  if (starts_with_any (name, cxx_unique))
    return named (call ? hat_call_parameter (types, source, call, "_Tp") : HAT_TYPE_VOID, FALSE, FALSE);
  return (HatSiteName){ .verdict = HAT_SITE_USER };
}

gboolean
hat_site_is_library (const char *name)
{
  static const char *const libraries[] = { "alloc::", "core::", "std::", "hashbrown::", "__gnu_cxx::", "T as ", "A as ", "str as ", "I as ", "F as ", NULL };
  return starts_with_any (name + strspn (name, "<&"), libraries) || is_any (name, allocators) || is_any (name, texts);
}

HatSiteName
hat_site_name (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name)
{
  if (!name)
    return (HatSiteName){ .verdict = HAT_SITE_USER };
  if (is_any (name, allocators))
    return (HatSiteName){ .verdict = HAT_SITE_INNER };
  if (is_any (name, texts))
    return named (hat_types_base (types, "char", 1, DW_ATE_signed_char, HAT_LANGUAGE_C), TRUE, FALSE);
  if (g_str_has_prefix (name, "std::allocator_traits<") || g_str_has_prefix (name, "std::__1::allocator_traits<"))
    return (HatSiteName){ .verdict = HAT_SITE_INNER };
  const HatSiteName cxx = cxx_name (types, source, call, name);
  return cxx.verdict == HAT_SITE_USER ? rust_name (types, source, call, name) : cxx;
}
