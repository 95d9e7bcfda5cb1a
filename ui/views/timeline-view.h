/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The timeline: the shared scrubber. Click: cursor; drag: range; wheel: zoom at the pointer; shift-wheel: pan; double
 * click: everything. The same as actions ("timeline.*"), for keys, menus and assistive tools. The range it shows is its
 * own; cursor and range are the state's. */

#include "ui/views/picture.h"
#include "ui/views/view-state.h"

G_BEGIN_DECLS

#define HAT_TYPE_TIMELINE_VIEW (hat_timeline_view_get_type ())
G_DECLARE_FINAL_TYPE (HatTimelineView, hat_timeline_view, HAT, TIMELINE_VIEW, HatPicture)

GtkWidget *hat_timeline_view_new (HatViewState *state);

G_END_DECLS
