/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What one DIE says, read in one pass over its attributes (libdw starts anew for each attribute asked for). */

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *name;
  guint64 byte_size, bit_size;
  guint64 offset;          /* of a member */
  guint64 data_bit_offset; /* from the start of the type */
  guint64 bit_offset;      /* the old form: from the most significant bit of the storage unit */
  guint64 count, upper_bound, lower_bound; /* of a subrange */
  gint64 value;            /* of an enumerator or variant */
  guint32 alignment, encoding, line;
  gboolean has_byte_size : 1, has_data_bit_offset : 1, has_bit_offset : 1, has_type : 1, has_count : 1, has_upper_bound : 1;
  gboolean has_value : 1, has_discriminant : 1, has_specification : 1, has_signature : 1;
  gboolean is_declaration : 1, is_external : 1, is_artificial : 1, is_virtual : 1, is_vector : 1;
  gboolean is_placed_at_run_time : 1; /* a virtual base: `offset` is not known */
  gboolean is_value_unsigned : 1;
  Dwarf_Attribute type, discriminant, specification, signature;
} HatDie;

void hat_die_read (HatDie *out, Dwarf_Die *die);

/* The next sibling in place of `die`; FALSE at the end. Always moves on, also in damaged files. */
gboolean hat_die_next (Dwarf_Die *die);

G_END_DECLS
