/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What types there are, what they cost at the cursor, and how the chosen one lies in memory. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_TYPES_PAGE (hat_types_page_get_type ())
G_DECLARE_FINAL_TYPE (HatTypesPage, hat_types_page, HAT, TYPES_PAGE, HatPage)

GtkWidget *hat_types_page_new (HatViewState *state);

G_END_DECLS
