/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where functions begin, from the search table of .eh_frame_hdr, which stripped files keep: with it the calls out of
 * one unnamed function have one name. */

#include "core/symbols/elf-file.h"

G_BEGIN_DECLS

typedef struct _HatFunctionStarts HatFunctionStarts;

/* Keeps pointers into `file`, which may be NULL. */
HatFunctionStarts *hat_function_starts_new (const HatElfFile *file);
/* The start of the function around the address; 0 if it is not known. */
guint64 hat_function_starts_find (HatFunctionStarts *starts, guint64 address);
void hat_function_starts_free (HatFunctionStarts *starts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatFunctionStarts, hat_function_starts_free)

G_END_DECLS
