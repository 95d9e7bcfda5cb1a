/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The layout of one type as a widget: variants to choose, boxes to walk through, inner fields on demand. Emits "picked" with what the chosen
 * box is in words (const char *), or NULL. */

#include "ui/draw/type-table.h"
#include "ui/views/picture.h"

G_BEGIN_DECLS

#define HAT_TYPE_TYPES_PICTURE (hat_types_picture_get_type ())
G_DECLARE_FINAL_TYPE (HatTypesPicture, hat_types_picture, HAT, TYPES_PICTURE, HatPicture)

GtkWidget *hat_types_picture_new (void);
void hat_types_picture_show (HatTypesPicture *self, HatTypeBook *book, HatTypeId type); /* book NULL: none */

G_END_DECLS
