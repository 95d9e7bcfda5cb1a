/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The live-object map as a widget: wheel scrolls, control-wheel zooms at the pointer, a click selects a block, a click
 * in the legend isolates. What it shows is given by whoever worked it out; colouring and selection come from the state.
 */

#include "ui/draw/map-layout.h"
#include "ui/views/picture.h"
#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_MAP_PICTURE (hat_map_picture_get_type ())
G_DECLARE_FINAL_TYPE (HatMapPicture, hat_map_picture, HAT, MAP_PICTURE, HatPicture)

GtkWidget *hat_map_picture_new (HatViewState *state);
/* Takes a reference; NULL: nothing to show. `heap` is what the model was made from. */
void hat_map_picture_set_model (HatMapPicture *self, HatHeap *heap, HatMapModel *model);
/* The colours are leak classes from now on, or follow the grouping again. Takes a reference. */
void hat_map_picture_set_graph (HatMapPicture *self, HatGraph *graph);
HatMapView hat_map_picture_get_view (HatMapPicture *self);
/* The selection, grouping or colours changed. */
void hat_map_picture_refresh (HatMapPicture *self);

G_END_DECLS
