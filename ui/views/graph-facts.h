/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the object graph knows of the selected block, for the inspector: its class, what points to it and what it points to
 * (a click goes there), its bytes when they were kept. Invisible while nothing of that is known. */

#include <gtk/gtk.h>

#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_GRAPH_FACTS (hat_graph_facts_get_type ())
G_DECLARE_FINAL_TYPE (HatGraphFacts, hat_graph_facts, HAT, GRAPH_FACTS, GtkWidget)

GtkWidget *hat_graph_facts_new (HatViewState *state);

G_END_DECLS
