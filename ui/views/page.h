/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The base of the views under the timeline: follows the shared state while it is visible, and shows its content, or in
 * its place that there is nothing, that an answer is being worked out, or what went wrong. Never a blank. */

#include <adwaita.h>

#include "ui/draw/export.h"
#include "ui/views/query.h"

G_BEGIN_DECLS

/* Shows one child and makes the others invisible, not just unmapped: GTK 4.8 tells assistive tools of the difference
 * only that way. */
void hat_stack_show (GtkStack *stack, const char *name);

/* A line at the left, elided at its end; `css_class` may be NULL. */
GtkWidget *hat_line_new (const char *text, const char *css_class);

#define HAT_TYPE_PAGE (hat_page_get_type ())
G_DECLARE_DERIVABLE_TYPE (HatPage, hat_page, HAT, PAGE, AdwBin)

struct _HatPageClass
{
  AdwBinClass parent_class;

  /* Something of the state changed since the last call (HatChanges). Only while the page is visible and a heap is open.
   */
  void (*update) (HatPage *self, HatChanges changes);
  /* What of its picture the shared state does not say. What the options point to stays the page's. May be NULL. */
  void (*fill_export) (HatPage *self, HatExportOptions *options);
};

/* To be called once, by the constructor of the subclass: `content` is what the page shows. */
void hat_page_set_up (HatPage *self, HatViewState *state, GtkWidget *content);
HatViewState *hat_page_state (HatPage *self);

/* Asks with the state's present values; the answer is for `kind->done (page, ...)`. Until it comes, the old content
 * stays, or a spinner if there is none. */
void hat_page_ask (HatPage *self, const HatQueryKind *kind, gpointer extra);

void hat_page_show_content (HatPage *self);
void hat_page_show_empty (HatPage *self, const char *icon, const char *title, const char *text);
void hat_page_show_error (HatPage *self, const GError *error);

G_END_DECLS
