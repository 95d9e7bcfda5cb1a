/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Call costs: flame graph, top-down and bottom-up trees, functions with their callers and callees. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_CALLS_PAGE (hat_calls_page_get_type ())
G_DECLARE_FINAL_TYPE (HatCallsPage, hat_calls_page, HAT, CALLS_PAGE, HatPage)

GtkWidget *hat_calls_page_new (HatViewState *state);

G_END_DECLS
