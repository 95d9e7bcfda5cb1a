/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answers before the questions, one card each; a click shows the view that proves it. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_OVERVIEW_PAGE (hat_overview_page_get_type ())
G_DECLARE_FINAL_TYPE (HatOverviewPage, hat_overview_page, HAT, OVERVIEW_PAGE, HatPage)

GtkWidget *hat_overview_page_new (HatViewState *state);

G_END_DECLS
