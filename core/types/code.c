/* SPDX-License-Identifier: Apache-2.0 */
#include "core/types/code.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

enum
{
  MAX_DEPTH = 64, /* of functions inlined into each other, and of scopes */
  MAX_HOPS = 16,  /* from a function to its declaration */
  DW_AT_LLVM_alloc_type = 0x3e0e,
};

typedef struct
{
  guint64 low, high;
  Dwarf_Die die; /* of a unit, or of a function */
} Range;

struct _HatTypeCode
{
  GArray *units;         /* Range, by address */
  GHashTable *functions; /* Dwarf_CU -> GArray of Range, by address */
  GHashTable *globals;   /* likewise */
  Dwarf_CFI *cfi;        /* NULL: there is none */
  HatFunctionNames *names;
  guint64 code_start;
  gint64 steps_left; /* a damaged file may lead in circles */
};

void
hat_type_code_free (HatTypeCode *code)
{
  if (!code)
    return;
  g_array_unref (code->units);
  g_hash_table_unref (code->functions);
  g_hash_table_unref (code->globals);
  if (code->cfi)
    dwarf_cfi_end (code->cfi);
  hat_function_names_free (code->names);
  g_free (code);
}

/* ---- ranges ---- */

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const Range *x = a, *y = b;
  return x->low < y->low ? -1 : x->low > y->low;
}

static void
add_ranges (const HatTypeCode *code, GArray *ranges, Dwarf_Die *die)
{
  Dwarf_Addr base, low, high;
  for (ptrdiff_t at = 0; (at = dwarf_ranges (die, at, &base, &low, &high)) > 0;)
    {
      Range range = { low, high, *die };
      if (low >= code->code_start && high > low)
        g_array_append_val (ranges, range);
    }
}

static Range *
find_range (GArray *ranges, guint64 address)
{
  guint low = 0, high = ranges->len;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (g_array_index (ranges, Range, middle).low <= address)
        low = middle + 1;
      else
        high = middle;
    }
  Range *range = low > 0 ? &g_array_index (ranges, Range, low - 1) : NULL;
  return range && address < range->high ? range : NULL;
}

HatTypeCode *
hat_type_code_of (HatTypes *types, HatTypeSource *source)
{
  if (source->code)
    return source->code;
  HatTypeCode *code = source->code = g_new0 (HatTypeCode, 1);
  HatElfFile *file = hat_module_files_dwarf (&source->files);
  code->units = g_array_new (FALSE, FALSE, sizeof (Range));
  code->functions = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  code->globals = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  code->cfi = source->files.image ? dwarf_getcfi_elf (source->files.image->elf) : NULL;
  code->names = hat_function_names_new (types->strings);
  code->code_start = hat_elf_file_code_start (source->files.image ? source->files.image : file);
  code->steps_left = (gint64) file->size * 16 + 100000;
  Dwarf_CU *cu = NULL;
  Dwarf_Die root;
  uint8_t type;
  while (dwarf_get_units (source->dwarf, cu, &cu, NULL, &type, &root, NULL) == 0)
    if (type == DW_UT_compile)
      add_ranges (code, code->units, &root);
  g_array_sort (code->units, compare_ranges);
  return code;
}

HatFunctionNames *
hat_type_code_names (HatTypes *types, HatTypeSource *source)
{
  return hat_type_code_of (types, source)->names;
}

static gboolean
is_scope (int tag)
{
  return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_structure_type || tag == DW_TAG_class_type
         || tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

static void
collect_functions (HatTypeCode *code, GArray *ranges, Dwarf_Die *parent, guint depth)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      const int tag = dwarf_tag (&die);
      if (tag == DW_TAG_subprogram)
        add_ranges (code, ranges, &die);
      else if (is_scope (tag) && dwarf_haschildren (&die))
        collect_functions (code, ranges, &die, depth + 1);
    }
  while (--code->steps_left > 0 && hat_die_next (&die));
}

static GArray *
functions_of (HatTypeCode *code, Dwarf_Die *unit)
{
  GArray *functions = g_hash_table_lookup (code->functions, unit->cu);
  if (!functions)
    {
      functions = g_array_new (FALSE, FALSE, sizeof (Range));
      collect_functions (code, functions, unit, 0);
      g_array_sort (functions, compare_ranges);
      g_hash_table_insert (code->functions, unit->cu, functions);
    }
  return functions;
}

static Range *
function_around (HatTypes *types, HatTypeSource *source, guint64 address)
{
  HatTypeCode *known = hat_type_code_of (types, source);
  Range *unit = find_range (known->units, address);
  return unit ? find_range (functions_of (known, &unit->die), address) : NULL;
}

void
hat_code_read_unit (HatTypes *types, HatTypeSource *source, guint64 address)
{
  const Range *unit = find_range (hat_type_code_of (types, source)->units, address);
  if (unit)
    hat_types_unit (types, source, &unit->die);
}

gboolean
hat_code_function (HatTypes *types, HatTypeSource *source, guint64 address, Dwarf_Die *out)
{
  const Range *function = function_around (types, source, address);
  if (!function || function->low != address)
    return FALSE;
  *out = function->die;
  return TRUE;
}

static void
collect_globals (HatTypeCode *code, GArray *globals, Dwarf_Die *parent, guint depth)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      const int tag = dwarf_tag (&die);
      Dwarf_Attribute holder;
      Dwarf_Op *ops;
      size_t n;
      if (tag == DW_TAG_variable && dwarf_attr (&die, DW_AT_location, &holder) && dwarf_getlocation (&holder, &ops, &n) == 0 && n == 1
          && ops[0].atom == DW_OP_addr)
        {
          Range range = { ops[0].number, ops[0].number + 1, die };
          g_array_append_val (globals, range);
        }
      else if ((tag == DW_TAG_namespace || tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block) && dwarf_haschildren (&die))
        collect_globals (code, globals, &die, depth + 1);
    }
  while (--code->steps_left > 0 && hat_die_next (&die));
}

gboolean
hat_code_global (HatTypes *types, HatTypeSource *source, Dwarf_Die *function, guint64 address, Dwarf_Die *out)
{
  HatTypeCode *code = hat_type_code_of (types, source);
  GArray *globals = g_hash_table_lookup (code->globals, function->cu);
  Dwarf_Die root;
  if (!globals)
    {
      globals = g_array_new (FALSE, FALSE, sizeof (Range));
      if (dwarf_diecu (function, &root, NULL, NULL))
        collect_globals (code, globals, &root, 0);
      g_array_sort (globals, compare_ranges);
      g_hash_table_insert (code->globals, function->cu, globals);
    }
  Range *range = find_range (globals, address);
  if (range)
    *out = range->die;
  return range != NULL;
}

gboolean
hat_code_frame (HatTypes *types, HatTypeSource *source, guint64 address, guint *out_register, gint64 *out_offset)
{
  HatTypeCode *code = hat_type_code_of (types, source);
  Dwarf_Frame *frame = NULL;
  Dwarf_Op *ops;
  size_t n;
  if (!code->cfi || dwarf_cfi_addrframe (code->cfi, address, &frame) != 0)
    return FALSE;
  const gboolean is_known = dwarf_frame_cfa (frame, &ops, &n) == 0 && n == 1 && (ops[0].atom == DW_OP_bregx || (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31));
  if (is_known && ops[0].atom == DW_OP_bregx)
    {
      *out_register = (guint) ops[0].number;
      *out_offset = (gint64) ops[0].number2;
    }
  else if (is_known)
    {
      *out_register = ops[0].atom - DW_OP_breg0;
      *out_offset = (gint64) ops[0].number;
    }
  free (frame);
  return is_known;
}

const guint8 *
hat_code_bytes (HatTypeSource *source, guint64 address, gsize *out_n)
{
  const HatElfFile *image = source->files.image;
  size_t size, n = 0;
  const char *raw = image ? elf_rawfile (image->elf, &size) : NULL;
  if (!raw || elf_getphdrnum (image->elf, &n) != 0)
    return NULL;
  for (size_t i = 0; i < n; i++)
    {
      GElf_Phdr header;
      if (!gelf_getphdr (image->elf, (int) i, &header) || header.p_type != PT_LOAD || address < header.p_vaddr || address - header.p_vaddr >= header.p_filesz)
        continue;
      const guint64 inside = address - header.p_vaddr;
      if (header.p_offset > size || header.p_filesz > size - header.p_offset)
        return NULL;
      *out_n = header.p_filesz - inside;
      return (const guint8 *) raw + header.p_offset + inside;
    }
  return NULL;
}

HatTypeId
hat_code_type (HatTypes *types, HatTypeSource *source, Dwarf_Die *die)
{
  Dwarf_Attribute holder;
  Dwarf_Die type;
  return dwarf_attr_integrate (die, DW_AT_type, &holder) && dwarf_formref_die (&holder, &type) ? hat_types_of_die (types, source, &type) : HAT_TYPE_VOID;
}

/* ---- a place ---- */

gboolean
hat_die_covers (Dwarf_Die *die, guint64 address)
{
  return dwarf_haspc (die, address) == 1;
}

static gboolean
follow (Dwarf_Die *die, unsigned attribute, Dwarf_Die *out)
{
  Dwarf_Attribute holder;
  return dwarf_attr (die, attribute, &holder) && dwarf_formref_die (&holder, out);
}

static void
add_call (HatTypes *types, HatTypeSource *source, GArray *calls, Dwarf_Die *die)
{
  HatCall call = { .die = *die, .origin = *die };
  Dwarf_Die origin;
  if (follow (die, DW_AT_abstract_origin, &origin))
    call.origin = origin;
  call.name = hat_function_names_of (hat_type_code_names (types, source), die);
  g_array_prepend_val (calls, call);
}

/* What is inlined into `parent` at the address, outermost first. */
static void
descend (HatTypes *types, HatCode *code, GArray *calls, Dwarf_Die *parent, guint64 end, guint depth)
{
  Dwarf_Die die, inner;
  gboolean is_inside = FALSE;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      const int tag = dwarf_tag (&die);
      Dwarf_Attribute holder;
      Dwarf_Addr returns;
      if (!is_inside && (tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block) && hat_die_covers (&die, code->address))
        {
          is_inside = TRUE;
          inner = die;
        }
      else if (tag == DW_TAG_call_site && end && !code->has_alloc_type && dwarf_attr (&die, DW_AT_call_return_pc, &holder)
               && dwarf_formaddr (&holder, &returns) == 0 && returns == end)
        code->has_alloc_type = dwarf_attr (&die, DW_AT_LLVM_alloc_type, &code->alloc_type) != NULL;
    }
  while (hat_die_next (&die));
  if (!is_inside)
    return;
  if (dwarf_tag (&inner) == DW_TAG_inlined_subroutine)
    add_call (types, code->source, calls, &inner);
  descend (types, code, calls, &inner, end, depth + 1);
}

HatCode *
hat_code_at (HatTypes *types, HatTypeSource *source, guint64 address, guint64 end)
{
  Range *function = function_around (types, source, address);
  if (!function)
    return NULL;
  HatCode *code = g_new0 (HatCode, 1);
  GArray *calls = g_array_new (FALSE, FALSE, sizeof (HatCall));
  code->source = source;
  code->address = address;
  add_call (types, source, calls, &function->die);
  descend (types, code, calls, &function->die, end, 0);
  code->n_calls = calls->len;
  code->calls = (HatCall *) (gpointer) g_array_free (calls, FALSE);
  return code;
}

void
hat_code_free (HatCode *code)
{
  if (code)
    g_free (code->calls);
  g_free (code);
}

/* ---- parameters ---- */

static gboolean
find_parameter (Dwarf_Die *of, const char *name, Dwarf_Die *out)
{
  if (dwarf_child (of, out) != 0)
    return FALSE;
  do
    {
      const char *its = dwarf_tag (out) == DW_TAG_template_type_parameter ? dwarf_diename (out) : NULL;
      if (its && strcmp (its, name) == 0)
        return TRUE;
    }
  while (hat_die_next (out));
  return FALSE;
}

HatTypeId
hat_call_parameter (HatTypes *types, HatTypeSource *source, HatCall *call, const char *name)
{
  Dwarf_Die at = call->origin, next, parameter;
  for (guint hop = 0; hop < MAX_HOPS; hop++)
    {
      if (find_parameter (&at, name, &parameter))
        return hat_types_of_attribute (types, source, &parameter);
      if (!follow (&at, DW_AT_abstract_origin, &next) && !follow (&at, DW_AT_specification, &next))
        break;
      at = next;
    }
  if (hat_function_names_scope (hat_type_code_names (types, source), &call->origin, &at) && find_parameter (&at, name, &parameter))
    return hat_types_of_attribute (types, source, &parameter);
  return HAT_TYPE_VOID;
}
