/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What was never freed and what keeps growing: a card per group. */

#include "ui/views/page.h"

G_BEGIN_DECLS

#define HAT_TYPE_LEAKS_PAGE (hat_leaks_page_get_type ())
G_DECLARE_FINAL_TYPE (HatLeaksPage, hat_leaks_page, HAT, LEAKS_PAGE, HatPage)

GtkWidget *hat_leaks_page_new (HatViewState *state);

G_END_DECLS
