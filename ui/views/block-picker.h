/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Selects blocks of an object graph in the shared state: a worker looks up which block of the recording it is. Main thread. */

#include "ui/views/query.h"

G_BEGIN_DECLS

typedef struct _HatBlockPicker HatBlockPicker;

HatBlockPicker *hat_block_picker_new (HatViewState *state);
void hat_block_picker_free (HatBlockPicker *picker);
/* The cursor goes to the graph's instant, where the block lives. */
void hat_block_picker_pick (HatBlockPicker *picker, guint32 block);

/* The block of the state's graph that is selected, HAT_GRAPH_NONE. */
guint32 hat_selected_graph_block (HatViewState *state);

G_END_DECLS
