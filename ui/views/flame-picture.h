/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The flame graph as a widget: a click zooms in, backspace goes up, the wheel scrolls deep trees, arrows walk. The tree
 * is given by whoever worked it out; the search is the state's filter. */

#include "ui/draw/flame-layout.h"
#include "ui/views/picture.h"
#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_FLAME_PICTURE (hat_flame_picture_get_type ())
G_DECLARE_FINAL_TYPE (HatFlamePicture, hat_flame_picture, HAT, FLAME_PICTURE, HatPicture)

GtkWidget *hat_flame_picture_new (HatViewState *state);
/* `tree` is borrowed until the next call; the zoom is kept if it still makes sense. NULL: nothing to show. */
void hat_flame_picture_set_tree (HatFlamePicture *self, const HatTree *tree);
void hat_flame_picture_refresh (HatFlamePicture *self); /* the filter changed */

/* Signals: "picked" (node as guint): clicked or walked to. "zoomed": root or matches changed. */
guint hat_flame_picture_get_root (HatFlamePicture *self);
void hat_flame_picture_set_root (HatFlamePicture *self, guint node);
const HatFlameLayout *hat_flame_picture_get_layout (HatFlamePicture *self); /* NULL: none yet */

G_END_DECLS
