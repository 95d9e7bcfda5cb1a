/* SPDX-License-Identifier: Apache-2.0 */
/* The base of the views under the timeline. */

#include "ui/views/page.h"

#define DOING_MS 100
#define RANK_HIDDEN 2u /* of what a page asks when nobody looks at it */

typedef struct
{
  HatViewState *state;
  HatQuery *query;
  HatChanges pending;
  GtkStack *stack;
  GtkLabel *doing; /* while it loads */
  guint doing_timer;
  AdwStatusPage *status;
  GtkWidget *again; /* of a question that was cancelled */
} HatPagePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (HatPage, hat_page, ADW_TYPE_BIN)

void
hat_stack_show (GtkStack *stack, const char *name)
{
  GtkWidget *shown = gtk_stack_get_child_by_name (stack, name);
  gtk_widget_set_visible (shown, TRUE);
  gtk_stack_set_visible_child (stack, shown);
  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (stack)); child;
       child = gtk_widget_get_next_sibling (child))
    gtk_widget_set_visible (child, child == shown);
}

GtkWidget *
hat_line_new (const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  if (css_class)
    gtk_widget_add_css_class (label, css_class);
  return label;
}

static void
catch_up (HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  if (priv->pending == 0 || !gtk_widget_get_mapped (GTK_WIDGET (self))
      || hat_view_state_get (priv->state)->heap == NULL)
    return;
  HatChanges changes = priv->pending;
  priv->pending = 0;
  HAT_PAGE_GET_CLASS (self)->update (self, changes);
}

static void
on_state_changed (HatViewState *state, guint changes, HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  priv->pending |= changes;
  if (changes & HAT_CHANGED_HEAP)
    {
      hat_query_cancel (priv->query);
      hat_stack_show (priv->stack, "loading");
    }
  catch_up (self);
}

static void
hat_page_unmap (GtkWidget *widget)
{
  HatPagePrivate *priv = hat_page_get_instance_private (HAT_PAGE (widget));
  if (priv->query)
    hat_query_set_rank (priv->query, RANK_HIDDEN);
  GTK_WIDGET_CLASS (hat_page_parent_class)->unmap (widget);
}

static void
hat_page_map (GtkWidget *widget)
{
  HatPagePrivate *priv = hat_page_get_instance_private (HAT_PAGE (widget));
  GTK_WIDGET_CLASS (hat_page_parent_class)->map (widget);
  hat_query_set_rank (priv->query, 0);
  catch_up (HAT_PAGE (widget));
}

static gboolean
tell_what_it_does (gpointer data)
{
  HatPagePrivate *priv = hat_page_get_instance_private (HAT_PAGE (data));
  g_autofree char *text = hat_query_doing (priv->query);
  gtk_label_set_label (priv->doing, text ? text : "");
  return G_SOURCE_CONTINUE;
}

/* The words are there before they say anything: nothing moves when they do. */
static GtkWidget *
build_loading (HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12), *spinner = gtk_spinner_new ();
  priv->doing = GTK_LABEL (hat_line_new ("", "dim-label"));
  gtk_label_set_xalign (priv->doing, 0.5);
  gtk_spinner_start (GTK_SPINNER (spinner));
  gtk_widget_set_halign (spinner, GTK_ALIGN_CENTER);
  gtk_widget_set_valign (box, GTK_ALIGN_CENTER);
  gtk_widget_set_size_request (spinner, 32, 32);
  gtk_accessible_update_property (GTK_ACCESSIBLE (spinner), GTK_ACCESSIBLE_PROPERTY_LABEL, "Working", -1);
  gtk_box_append (GTK_BOX (box), spinner);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (priv->doing));
  return box;
}

static void
on_loading_map (GtkWidget *loading, HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  if (priv->doing_timer == 0)
    priv->doing_timer = g_timeout_add (DOING_MS, tell_what_it_does, self);
}

static void
on_loading_unmap (GtkWidget *loading, HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  g_clear_handle_id (&priv->doing_timer, g_source_remove);
  gtk_label_set_label (priv->doing, "");
}

static void
hat_page_dispose (GObject *object)
{
  HatPagePrivate *priv = hat_page_get_instance_private (HAT_PAGE (object));
  g_clear_handle_id (&priv->doing_timer, g_source_remove);
  g_clear_pointer (&priv->query, hat_query_free);
  g_clear_object (&priv->state);
  G_OBJECT_CLASS (hat_page_parent_class)->dispose (object);
}

static void
hat_page_class_init (HatPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_page_dispose;
  GTK_WIDGET_CLASS (klass)->map = hat_page_map;
  GTK_WIDGET_CLASS (klass)->unmap = hat_page_unmap;
}

static void
on_again (GtkButton *button, HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  priv->pending = HAT_CHANGED_ALL;
  hat_stack_show (priv->stack, "loading");
  catch_up (self);
}

static void
hat_page_init (HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  priv->query = hat_query_new (self);
  priv->pending = HAT_CHANGED_ALL;
  priv->stack = GTK_STACK (gtk_stack_new ());
  priv->status = ADW_STATUS_PAGE (adw_status_page_new ());
  GtkWidget *loading = build_loading (self);
  g_signal_connect (loading, "map", G_CALLBACK (on_loading_map), self);
  g_signal_connect (loading, "unmap", G_CALLBACK (on_loading_unmap), self);
  gtk_stack_add_named (priv->stack, loading, "loading");
  priv->again = gtk_button_new_with_label ("Ask Again");
  gtk_widget_add_css_class (priv->again, "pill");
  gtk_widget_set_halign (priv->again, GTK_ALIGN_CENTER);
  g_signal_connect (priv->again, "clicked", G_CALLBACK (on_again), self);
  adw_status_page_set_child (priv->status, priv->again);
  gtk_stack_add_named (priv->stack, GTK_WIDGET (priv->status), "status");
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (priv->stack));
}

void
hat_page_set_up (HatPage *self, HatViewState *state, GtkWidget *content)
{
  g_return_if_fail (HAT_IS_PAGE (self));
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  priv->state = g_object_ref (state);
  gtk_stack_add_named (priv->stack, content, "content");
  hat_stack_show (priv->stack, "loading");
  g_signal_connect_object (state, "changed", G_CALLBACK (on_state_changed), self, 0);
}

HatViewState *
hat_page_state (HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  return priv->state;
}

void
hat_page_ask (HatPage *self, const HatQueryKind *kind, gpointer extra)
{
  g_return_if_fail (HAT_IS_PAGE (self));
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  if (g_strcmp0 (gtk_stack_get_visible_child_name (priv->stack), "status") == 0)
    hat_stack_show (priv->stack, "loading");
  hat_query_run (priv->query, kind, hat_view_state_ask (priv->state), extra);
}

void
hat_page_show_content (HatPage *self)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  hat_stack_show (priv->stack, "content");
}

void
hat_page_show_empty (HatPage *self, const char *icon, const char *title, const char *text)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  adw_status_page_set_icon_name (priv->status, icon);
  adw_status_page_set_title (priv->status, title);
  adw_status_page_set_description (priv->status, text);
  gtk_widget_set_visible (priv->again, FALSE);
  hat_stack_show (priv->stack, "status");
}

void
hat_page_show_error (HatPage *self, const GError *error)
{
  HatPagePrivate *priv = hat_page_get_instance_private (self);
  gboolean is_cancelled = g_error_matches (error, HAT_ERROR, HAT_ERROR_CANCELLED);
  g_autofree char *text = g_markup_escape_text (error->message, -1);
  hat_page_show_empty (self, is_cancelled ? "process-stop-symbolic" : "dialog-error-symbolic",
                       is_cancelled ? "Stopped" : "This could not be worked out",
                       is_cancelled ? "It was cancelled before it was known." : text);
  gtk_widget_set_visible (priv->again, is_cancelled);
}
