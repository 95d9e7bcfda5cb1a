/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The live-object map at the cursor. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_MAP_PAGE (hat_map_page_get_type ())
G_DECLARE_FINAL_TYPE (HatMapPage, hat_map_page, HAT, MAP_PAGE, HatPage)

GtkWidget *hat_map_page_new (HatViewState *state);

G_END_DECLS
