/* SPDX-License-Identifier: Apache-2.0 */
#include "core/types/die.h"

#include <string.h>

static guint64
number (Dwarf_Attribute *attribute)
{
  Dwarf_Word value;
  return dwarf_formudata (attribute, &value) == 0 ? value : 0;
}

static gboolean
flag (Dwarf_Attribute *attribute)
{
  bool value;
  return dwarf_formflag (attribute, &value) == 0 && value;
}

/* Compilers write negative numbers in the signed forms, and others in any form. */
static gint64
signed_number (Dwarf_Attribute *attribute, gboolean *out_is_unsigned)
{
  unsigned form = dwarf_whatform (attribute);
  *out_is_unsigned = form != DW_FORM_sdata && form != DW_FORM_implicit_const;
  Dwarf_Sword value;
  if (*out_is_unsigned)
    return (gint64) number (attribute);
  return dwarf_formsdata (attribute, &value) == 0 ? value : 0;
}

/* A constant, or an expression: a sum is a constant all the same, anything else needs the object. */
static void
read_place (HatDie *die, Dwarf_Attribute *attribute)
{
  Dwarf_Word value;
  Dwarf_Op *ops;
  size_t n;
  if (dwarf_formudata (attribute, &value) == 0)
    die->offset = value;
  else if (dwarf_getlocation (attribute, &ops, &n) == 0 && n == 1
           && (ops[0].atom == DW_OP_plus_uconst || ops[0].atom == DW_OP_constu))
    die->offset = ops[0].number;
  else
    die->is_placed_at_run_time = TRUE;
}

static int
on_attribute (Dwarf_Attribute *attribute, void *data)
{
  HatDie *die = data;
  gboolean is_unsigned;
  switch (dwarf_whatattr (attribute))
    {
    case DW_AT_name:
      die->name = dwarf_formstring (attribute);
      break;
    case DW_AT_byte_size:
      die->byte_size = number (attribute);
      die->has_byte_size = TRUE;
      break;
    case DW_AT_bit_size:
      die->bit_size = number (attribute);
      break;
    case DW_AT_data_member_location:
      read_place (die, attribute);
      break;
    case DW_AT_data_bit_offset:
      die->data_bit_offset = number (attribute);
      die->has_data_bit_offset = TRUE;
      break;
    case DW_AT_bit_offset:
      die->bit_offset = number (attribute);
      die->has_bit_offset = TRUE;
      break;
    case DW_AT_count:
      die->count = number (attribute);
      die->has_count = TRUE;
      break;
    case DW_AT_upper_bound:
      die->upper_bound = (guint64) signed_number (attribute, &is_unsigned);
      die->has_upper_bound = dwarf_whatform (attribute) != DW_FORM_exprloc && dwarf_whatform (attribute) != DW_FORM_ref4
                             && dwarf_whatform (attribute) != DW_FORM_block1;
      break;
    case DW_AT_lower_bound:
      die->lower_bound = number (attribute);
      break;
    case DW_AT_const_value:
    case DW_AT_discr_value:
      die->value = signed_number (attribute, &is_unsigned);
      die->is_value_unsigned = is_unsigned;
      die->has_value = TRUE;
      break;
    case DW_AT_alignment:
      die->alignment = MIN (number (attribute), 1u << 30);
      break;
    case DW_AT_decl_line:
      die->line = (guint32) number (attribute);
      break;
    case DW_AT_encoding:
      die->encoding = number (attribute);
      break;
    case DW_AT_declaration:
      die->is_declaration = flag (attribute);
      break;
    case DW_AT_external:
      die->is_external = flag (attribute);
      break;
    case DW_AT_artificial:
      die->is_artificial = flag (attribute);
      break;
    case DW_AT_virtuality:
      die->is_virtual = number (attribute) != DW_VIRTUALITY_none;
      break;
    case DW_AT_GNU_vector:
      die->is_vector = flag (attribute);
      break;
    case DW_AT_type:
      die->type = *attribute;
      die->has_type = TRUE;
      break;
    case DW_AT_discr:
      die->discriminant = *attribute;
      die->has_discriminant = TRUE;
      break;
    case DW_AT_specification:
      die->specification = *attribute;
      die->has_specification = TRUE;
      break;
    case DW_AT_signature:
      die->signature = *attribute;
      die->has_signature = TRUE;
      break;
    }
  return DWARF_CB_OK;
}

void
hat_die_read (HatDie *out, Dwarf_Die *die)
{
  memset (out, 0, sizeof *out);
  dwarf_getattrs (die, on_attribute, out, 0);
}

gboolean
hat_die_next (Dwarf_Die *die)
{
  Dwarf_Die next;
  if (dwarf_siblingof (die, &next) != 0 || (const char *) next.addr <= (const char *) die->addr)
    return FALSE;
  *die = next;
  return TRUE;
}
