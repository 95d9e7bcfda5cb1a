/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names of C++ classes from what every program carries to throw exceptions and to cast: before the virtual functions of a class stands the
 * address of its type_info, in which is its name (Itanium C++ ABI, 2.5.2 and 2.9.5). Stripped files have it, too. What the loader puts in is
 * read from the relocations. x86_64 only. Nothing in the file is trusted.
 *
 * Thread rule: one thread at a time. */

#include "core/symbols/elf-file.h"

G_BEGIN_DECLS

typedef struct _HatRtti HatRtti;

HatRtti *hat_rtti_new (const HatElfFile *image); /* borrowed */
void hat_rtti_free (HatRtti *rtti);

/* The class to whose virtual functions an object's pointer leads, that address being as in the file's headers. Only for whole objects, not for
 * bases in them. g_free. NULL: no such pointer leads there. */
char *hat_rtti_class (HatRtti *rtti, guint64 address);

G_END_DECLS
