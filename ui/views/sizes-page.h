/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Histograms of sizes, of requested against usable bytes and of lifetimes over the range. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_SIZES_PAGE (hat_sizes_page_get_type ())
G_DECLARE_FINAL_TYPE (HatSizesPage, hat_sizes_page, HAT, SIZES_PAGE, HatPage)

GtkWidget *hat_sizes_page_new (HatViewState *state);

G_END_DECLS
