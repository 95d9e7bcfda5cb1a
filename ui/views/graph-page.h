/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The graph view: what holds what at the chosen snapshot, as trees of owners or of references, and who holds one block. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_GRAPH_PAGE (hat_graph_page_get_type ())
G_DECLARE_FINAL_TYPE (HatGraphPage, hat_graph_page, HAT, GRAPH_PAGE, HatPage)

GtkWidget *hat_graph_page_new (HatViewState *state);

G_END_DECLS
