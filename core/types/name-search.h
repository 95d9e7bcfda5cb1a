/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which units of a large file may have a type of some name, without reading them: those whose bytes hold the name, or the place of it in .debug_str.
 *
 * Time: one pass over .debug_str, then over the bytes of each unit that is asked for. Thread rule: that of the HatTypes. */

#include "core/types/types-private.h"

G_BEGIN_DECLS

typedef struct _HatNameSearch HatNameSearch;

/* `name`: as for hat_types_find(). NULL: the file keeps names in a way that is not known here, or the name is none that a DIE would have: read
 * all. */
HatNameSearch *hat_name_search_new (const HatTypeSource *source, const char *name);
void hat_name_search_free (HatNameSearch *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatNameSearch, hat_name_search_free)

/* Whether a type of that name may be in the unit whose DIE is given. */
gboolean hat_name_search_may_be_in (HatNameSearch *search, Dwarf_Die *root);

G_END_DECLS
