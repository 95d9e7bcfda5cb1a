/* SPDX-License-Identifier: Apache-2.0 */
/* The object graph as a widget. */

#include "ui/views/graph-picture.h"

#include "ui/draw/graph-paint.h"

#define WHEEL_STEPS 1.0
#define PAN_PX 80.0

struct _HatGraphPicture
{
  HatPicture parent_instance;
  HatViewState *state;
  const HatGraphLayout *layout;
  HatGraphScene scene;
  HatGraphView view, drag_view;
  gboolean is_dragged;
  guint selected;
  gint line;
  GtkWidget *menu;
};

G_DEFINE_FINAL_TYPE (HatGraphPicture, hat_graph_picture, HAT_TYPE_PICTURE)

static guint asked_signal, picked_signal;

static gboolean
hat_graph_picture_lay_out (HatPicture *picture, double width, double height)
{
  HatGraphPicture *self = HAT_GRAPH_PICTURE (picture);
  if (self->layout == NULL)
    return FALSE;
  const HatSelection *selection = hat_view_state_selection (self->state);
  HatGraphStyle style = { .selected = self->selected,
                          .selected_block = HAT_GRAPH_NONE,
                          .stacks = selection->kind == HAT_SELECTED_BLOCK ? NULL : selection->stacks,
                          .filter = hat_view_state_get (self->state)->filter };
  hat_graph_scene_init (&self->scene, self->layout, &style, self->view, width, height);
  self->view = self->scene.view;
  return TRUE;
}

static void
hat_graph_picture_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_graph_paint (&HAT_GRAPH_PICTURE (picture)->scene, palette, cr);
}

static void
hat_graph_picture_paint_overlay (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  HatGraphPicture *self = HAT_GRAPH_PICTURE (picture);
  double x, y;
  gboolean is_over = hat_picture_get_pointer (picture, &x, &y);
  guint node = is_over ? hat_graph_scene_node_at (&self->scene, x, y) : HAT_NODE_NONE;
  gint line = is_over && node == HAT_NODE_NONE ? hat_graph_scene_line_at (&self->scene, x, y) : self->line;
  hat_graph_paint_overlay (&self->scene, palette, node, line, cr);
}

static char *
hat_graph_picture_describe_at (HatPicture *picture, double x, double y)
{
  HatGraphPicture *self = HAT_GRAPH_PICTURE (picture);
  guint node = hat_graph_scene_node_at (&self->scene, x, y);
  gint line = node == HAT_NODE_NONE ? hat_graph_scene_line_at (&self->scene, x, y) : -1;
  if (node != HAT_NODE_NONE)
    return hat_graph_node_text (self->layout->model, node);
  return line >= 0 ? hat_graph_line_text (self->layout->model, line) : NULL;
}

static void
set_view (HatGraphPicture *self, HatGraphView view)
{
  self->view = view;
  hat_picture_invalidate (HAT_PICTURE (self));
}

/* ---- selection ---- */

/* What is selected is told to assistive tools, too: the picture itself is one object. */
static void
describe_selected (HatGraphPicture *self)
{
  g_autofree char *summary = hat_graph_model_summary (self->layout->model);
  g_autofree char *node = self->selected != HAT_NODE_NONE ? hat_graph_node_text (self->layout->model, self->selected) : NULL;
  g_autofree char *text = node ? g_strdup_printf ("%s Selected: %s.", summary, node) : g_strdup (summary);
  hat_picture_set_summary (HAT_PICTURE (self), text);
}

void
hat_graph_picture_select (HatGraphPicture *self, guint node)
{
  g_return_if_fail (HAT_IS_GRAPH_PICTURE (self));
  self->selected = node;
  self->line = -1;
  if (self->layout == NULL)
    return;
  describe_selected (self);
  hat_picture_invalidate (HAT_PICTURE (self));
  if (node != HAT_NODE_NONE && self->scene.layout == self->layout)
    set_view (self, hat_graph_scene_show (&self->scene, node));
}

static void
pick (HatGraphPicture *self, guint node)
{
  hat_graph_picture_select (self, node);
  g_signal_emit (self, picked_signal, 0, node);
}

static void
ask (HatGraphPicture *self, HatGraphAsk what)
{
  g_signal_emit (self, asked_signal, 0, (guint) what);
}

/* ---- pointer ---- */

static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, HatGraphPicture *self)
{
  double x, y;
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (scroll));
  if (self->layout == NULL)
    return GDK_EVENT_PROPAGATE;
  if (state & GDK_SHIFT_MASK)
    set_view (self, hat_graph_scene_pan (&self->scene, -(dx + dy) * PAN_PX, 0));
  else if (dx != 0)
    set_view (self, hat_graph_scene_pan (&self->scene, -dx * PAN_PX, -dy * PAN_PX));
  else if (hat_picture_get_pointer (HAT_PICTURE (self), &x, &y))
    set_view (self, hat_graph_scene_zoom (&self->scene, x, y, -dy * WHEEL_STEPS));
  return GDK_EVENT_STOP;
}

static void
on_drag_begin (GtkGestureDrag *drag, double x, double y, HatGraphPicture *self)
{
  self->drag_view = self->view;
  self->is_dragged = FALSE;
}

static void
on_drag_update (GtkGestureDrag *drag, double dx, double dy, HatGraphPicture *self)
{
  if (self->layout == NULL || (!self->is_dragged && !gtk_drag_check_threshold (GTK_WIDGET (self), 0, 0, dx, dy)))
    return;
  self->is_dragged = TRUE;
  self->scene.view = self->drag_view;
  set_view (self, hat_graph_scene_pan (&self->scene, dx, dy));
}

static void
on_click (GtkGestureClick *gesture, int n_press, double x, double y, HatGraphPicture *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->layout == NULL || self->is_dragged)
    return;
  guint node = hat_graph_scene_node_at (&self->scene, x, y);
  if (node == HAT_NODE_NONE)
    {
      gint line = hat_graph_scene_line_at (&self->scene, x, y);
      pick (self, HAT_NODE_NONE);
      self->line = line;
      return;
    }
  if (n_press == 1)
    pick (self, node);
  if (n_press == 2 || hat_graph_scene_is_handle (&self->scene, node, x, y))
    ask (self, HAT_GRAPH_ASK_EXPAND);
}

static void
show_menu (HatGraphPicture *self, double x, double y)
{
  GdkRectangle at = { (int) x, (int) y, 1, 1 };
  gtk_popover_set_pointing_to (GTK_POPOVER (self->menu), &at);
  gtk_popover_popup (GTK_POPOVER (self->menu));
}

static void
on_right_click (GtkGestureClick *gesture, int n_press, double x, double y, HatGraphPicture *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->layout == NULL)
    return;
  guint node = hat_graph_scene_node_at (&self->scene, x, y);
  gint line = node == HAT_NODE_NONE ? hat_graph_scene_line_at (&self->scene, x, y) : -1;
  if (node != HAT_NODE_NONE)
    pick (self, node);
  else
    self->line = line;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  show_menu (self, x, y);
}

/* ---- actions ---- */

static const struct
{
  const char *name;
  guint key;
  GdkModifierType modifiers;
  HatGraphAsk ask;
  const char *label; /* in the menu; NULL: not there */
} asks[] = {
  { "graph.expand", GDK_KEY_Return, 0, HAT_GRAPH_ASK_EXPAND, "_Show What It Holds" },
  { "graph.unfold", GDK_KEY_u, 0, HAT_GRAPH_ASK_UNFOLD, "_Unfold Equal Ones" },
  { "graph.collapse", GDK_KEY_Delete, 0, HAT_GRAPH_ASK_COLLAPSE, "_Hide What It Holds" },
  { "graph.follow", GDK_KEY_f, 0, HAT_GRAPH_ASK_FOLLOW, "_Look from Here" },
  { "graph.holders", GDK_KEY_w, 0, HAT_GRAPH_ASK_HOLDERS, "_Who Holds This" },
  { "graph.back", GDK_KEY_BackSpace, 0, HAT_GRAPH_ASK_BACK, "_Back" },
  { "graph.all", GDK_KEY_Home, 0, HAT_GRAPH_ASK_ALL, "Whole _Graph" },
  { "graph.find-next", GDK_KEY_F3, 0, HAT_GRAPH_ASK_FIND, NULL },
  { "graph.declare-weak", GDK_KEY_d, 0, HAT_GRAPH_ASK_WEAK, "_Declare This Field Weak" },
  { "graph.copy-address", GDK_KEY_c, GDK_CONTROL_MASK, HAT_GRAPH_ASK_COPY, "_Copy Address" },
};

static const struct
{
  const char *name;
  guint key;
  GdkModifierType modifiers;
} moves[] = {
  { "graph.zoom-in", GDK_KEY_plus, 0 },  { "graph.zoom-out", GDK_KEY_minus, 0 },   { "graph.fit", GDK_KEY_0, 0 },
  { "graph.left", GDK_KEY_Left, 0 },     { "graph.right", GDK_KEY_Right, 0 },      { "graph.up", GDK_KEY_Up, 0 },
  { "graph.down", GDK_KEY_Down, 0 },     { "graph.page-up", GDK_KEY_Page_Up, 0 },  { "graph.page-down", GDK_KEY_Page_Down, 0 },
  { "graph.menu", GDK_KEY_Menu, 0 },
};

static void
activate_ask (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatGraphPicture *self = HAT_GRAPH_PICTURE (widget);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    if (g_str_equal (name, asks[i].name) && (self->layout || asks[i].ask == HAT_GRAPH_ASK_BACK))
      ask (self, asks[i].ask);
}

static void
activate_move (GtkWidget *widget, const char *name, GVariant *parameter)
{
  HatGraphPicture *self = HAT_GRAPH_PICTURE (widget);
  const char *what = name + strlen ("graph.");
  if (self->layout == NULL)
    return;
  const HatRect *plot = &self->scene.plot;
  double x = plot->x + plot->width / 2, y = plot->y + plot->height / 2;
  if (g_str_equal (what, "zoom-in") || g_str_equal (what, "zoom-out"))
    set_view (self, hat_graph_scene_zoom (&self->scene, x, y, g_str_equal (what, "zoom-in") ? 1 : -1));
  else if (g_str_equal (what, "fit"))
    set_view (self, (HatGraphView){ 0 });
  else if (g_str_has_prefix (what, "page"))
    set_view (self, hat_graph_scene_pan (&self->scene, 0, (g_str_equal (what, "page-up") ? 0.9 : -0.9) * plot->height));
  else if (g_str_equal (what, "menu"))
    {
      HatRect at = self->selected == HAT_NODE_NONE ? (HatRect){ x, y, 0, 0 } : hat_graph_scene_rect (&self->scene, self->selected);
      show_menu (self, at.x + at.width / 2, at.y + at.height / 2);
    }
  else
    {
      gint dx = g_str_equal (what, "right") - g_str_equal (what, "left"), dy = g_str_equal (what, "down") - g_str_equal (what, "up");
      pick (self, hat_graph_scene_neighbour (&self->scene, self->selected, dx, dy));
    }
}

/* ---- widget ---- */

void
hat_graph_picture_set_layout (HatGraphPicture *self, const HatGraphLayout *layout, HatGraphView view)
{
  g_return_if_fail (HAT_IS_GRAPH_PICTURE (self));
  self->layout = layout;
  self->selected = HAT_NODE_NONE;
  self->line = -1;
  self->view = view;
  if (layout)
    describe_selected (self);
  hat_picture_invalidate (HAT_PICTURE (self));
}

HatGraphView
hat_graph_picture_get_view (HatGraphPicture *self)
{
  return self->view;
}

guint
hat_graph_picture_get_selected (HatGraphPicture *self)
{
  return self->selected;
}

gint
hat_graph_picture_get_line (HatGraphPicture *self)
{
  guint n;
  if (self->line >= 0 || self->layout == NULL || self->selected == HAT_NODE_NONE)
    return self->line;
  const HatGraphLine *lines = hat_graph_model_lines (self->layout->model, &n);
  for (guint i = 0; i < n; i++)
    if (lines[i].is_tree && lines[i].to == self->selected)
      return i;
  return -1;
}

static void
hat_graph_picture_dispose (GObject *object)
{
  HatGraphPicture *self = HAT_GRAPH_PICTURE (object);
  self->layout = NULL;
  g_clear_pointer (&self->menu, gtk_widget_unparent);
  g_clear_object (&self->state);
  G_OBJECT_CLASS (hat_graph_picture_parent_class)->dispose (object);
}

static void
hat_graph_picture_class_init (HatGraphPictureClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_graph_picture_dispose;
  picture_class->lay_out = hat_graph_picture_lay_out;
  picture_class->paint = hat_graph_picture_paint;
  picture_class->paint_overlay = hat_graph_picture_paint_overlay;
  picture_class->describe_at = hat_graph_picture_describe_at;
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      gtk_widget_class_install_action (widget_class, asks[i].name, NULL, activate_ask);
      gtk_widget_class_add_binding_action (widget_class, asks[i].key, asks[i].modifiers, asks[i].name, NULL);
    }
  for (guint i = 0; i < G_N_ELEMENTS (moves); i++)
    {
      gtk_widget_class_install_action (widget_class, moves[i].name, NULL, activate_move);
      gtk_widget_class_add_binding_action (widget_class, moves[i].key, moves[i].modifiers, moves[i].name, NULL);
    }
  asked_signal = g_signal_new ("asked", HAT_TYPE_GRAPH_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
  picked_signal = g_signal_new ("picked", HAT_TYPE_GRAPH_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
}

static void
hat_graph_picture_init (HatGraphPicture *self)
{
  GtkGesture *click = gtk_gesture_click_new (), *right = gtk_gesture_click_new (), *drag = gtk_gesture_drag_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  g_autoptr (GMenu) menu = g_menu_new ();
  self->selected = HAT_NODE_NONE;
  self->line = -1;
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    if (asks[i].label)
      g_menu_append (menu, asks[i].label, asks[i].name);
  self->menu = gtk_popover_menu_new_from_model (G_MENU_MODEL (menu));
  gtk_widget_set_parent (self->menu, GTK_WIDGET (self));
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (right), GDK_BUTTON_SECONDARY);
  g_signal_connect (click, "released", G_CALLBACK (on_click), self);
  g_signal_connect (right, "pressed", G_CALLBACK (on_right_click), self);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_drag_update), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (right));
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Object graph", -1);
}

GtkWidget *
hat_graph_picture_new (HatViewState *state)
{
  HatGraphPicture *self = g_object_new (HAT_TYPE_GRAPH_PICTURE, NULL);
  self->state = g_object_ref (state);
  return GTK_WIDGET (self);
}
