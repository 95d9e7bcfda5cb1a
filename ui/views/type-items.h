/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows of a table of types as objects of a list: one for each type, and one for all instances of a generic type, which unfolds. */

#include <gio/gio.h>

#include "ui/draw/type-table.h"

G_BEGIN_DECLS

#define HAT_TYPE_TYPE_ITEM (hat_type_item_get_type ())
G_DECLARE_FINAL_TYPE (HatTypeItem, hat_type_item, HAT, TYPE_ITEM, GObject)

/* Those whose names contain `filter` (without case). */
GListModel *hat_type_items_new (const HatTypeTable *table, const char *filter);

/* Of several instances sums, and what one object is like is that of the first. */
const HatTypeRow *hat_type_item_row (HatTypeItem *item);
/* NULL: it is one type. Belongs to the item. */
GListModel *hat_type_item_instances (HatTypeItem *item);

G_END_DECLS
