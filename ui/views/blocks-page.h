/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every live block at the cursor as a table: sorted and filtered on plain arrays in a worker, shown lazily, ten million
 * rows as one. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_BLOCKS_PAGE (hat_blocks_page_get_type ())
G_DECLARE_FINAL_TYPE (HatBlocksPage, hat_blocks_page, HAT, BLOCKS_PAGE, HatPage)

GtkWidget *hat_blocks_page_new (HatViewState *state);

G_END_DECLS
