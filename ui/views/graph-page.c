/* SPDX-License-Identifier: Apache-2.0 */
/* The graph view: asks for what the picture is asked to show, and keeps where the user came from. */

#include "ui/views/graph-page.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "ui/views/block-picker.h"
#include "ui/views/graph-picture.h"
#include "ui/views/toolbar.h"

#define MOST_LOOKS 64u /* that back goes back to */

/* One look: what was shown, and how. */
typedef struct
{
  HatGraphLayout *layout;
  HatGraphView view;
  gboolean is_found; /* by a search: the next one takes its place */
} Look;

struct _HatGraphPage
{
  HatPage parent_instance;
  HatGraphPicture *picture;
  HatBlockPicker *picker;
  GtkLabel *headline;
  GtkDropDown *tree_choice, *snapshot_choice;
  GArray *looks; /* Look, the present one last */
  guint32 picked; /* block that this page selected itself */
  char *note; /* to be told with the next picture */
  gboolean is_filling;
};

G_DEFINE_FINAL_TYPE (HatGraphPage, hat_graph_page, HAT_TYPE_PAGE)

static Look *
present (HatGraphPage *self)
{
  return self->looks->len ? &g_array_index (self->looks, Look, self->looks->len - 1) : NULL;
}

static HatGraphModel *
present_model (HatGraphPage *self)
{
  return present (self) ? present (self)->layout->model : NULL;
}

static void
clear_look (gpointer data)
{
  hat_graph_layout_free (((Look *) data)->layout);
}

/* ---- questions ---- */

typedef enum
{
  ASK_ALL,
  ASK_AGAIN, /* the same, of a graph made anew */
  ASK_EXPAND,
  ASK_UNFOLD,
  ASK_COLLAPSE,
  ASK_FOCUS,
  ASK_HOLDERS,
  ASK_FIND,
} AskKind;

typedef struct
{
  AskKind kind;
  HatGraphTree tree;
  HatGraphModel *model; /* NULL: none yet */
  guint node;
  guint32 block;
  guint rows; /* of a first look */
} Ask;

typedef struct
{
  AskKind kind;
  HatGraph *graph;
  HatGraphLayout *layout; /* NULL: nothing was found */
  guint32 block;          /* to select, HAT_GRAPH_NONE */
  gboolean is_shown;      /* on the present picture already */
} Answer;

static void
free_ask (gpointer data)
{
  Ask *ask = data;
  g_clear_pointer (&ask->model, hat_graph_model_unref);
  g_free (ask);
}

static void
free_answer (gpointer data)
{
  Answer *answer = data;
  g_clear_pointer (&answer->layout, hat_graph_layout_free);
  g_clear_pointer (&answer->graph, hat_graph_unref);
  g_free (answer);
}

static HatGraphModel *
answer_model (Answer *answer, const HatQuestion *question, const Ask *ask, const HatProgress *progress, GError **error)
{
  switch (ask->kind)
    {
    case ASK_AGAIN:
      return hat_graph_model_again (ask->model, answer->graph, ask->rows, progress, error);
    case ASK_EXPAND:
      return hat_graph_model_expand (ask->model, ask->node, progress, error);
    case ASK_UNFOLD:
      return hat_graph_model_unfold (ask->model, ask->node, progress, error);
    case ASK_COLLAPSE:
      return hat_graph_model_collapse (ask->model, ask->node);
    case ASK_HOLDERS:
      return hat_graph_model_paths (ask->model, ask->block, progress, error);
    case ASK_FIND:
      answer->block = hat_graph_search (answer->graph, question->filter, ask->block, progress);
      if (answer->block == HAT_GRAPH_NONE)
        return NULL;
      answer->is_shown = hat_graph_model_find (ask->model, answer->block) != HAT_NODE_NONE;
      if (answer->is_shown)
        return NULL;
      return hat_graph_model_focus (ask->model, ask->tree, answer->block, progress, error);
    case ASK_FOCUS:
      return hat_graph_model_focus (ask->model, ask->tree, ask->block, progress, error);
    default:
      return hat_graph_model_new (answer->graph, question->colors, ask->tree, ask->rows, progress, error);
    }
}

static gpointer
query_graph (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  const Ask *ask = extra;
  HatGraph *graph = hat_question_graph (question, progress, error);
  if (graph == NULL)
    return NULL;
  Answer *answer = g_new0 (Answer, 1);
  answer->kind = ask->kind;
  answer->graph = graph;
  answer->block = ask->block;
  g_autoptr (HatGraphModel) model = answer_model (answer, question, ask, progress, error);
  if (model)
    answer->layout = hat_graph_layout_new (model, NULL);
  else if (error && *error)
    g_clear_pointer (&answer, free_answer);
  return answer;
}

/* ---- answers ---- */

static void
tell (HatGraphPage *self)
{
  HatGraphModel *model = present_model (self);
  HatGraph *graph = hat_graph_model_graph (model);
  const HatSnapshotInfo *info = &hat_graph_snapshot (graph)->info;
  g_autofree char *text = NULL;
  if (hat_graph_model_tree (model) == HAT_GRAPH_PATHS)
    {
      g_autofree char *name = hat_format_function (hat_graph_label (graph, hat_graph_model_block (model)), 60);
      text = g_strdup_printf ("Who holds %s", name);
    }
  else
    text = hat_format_blocks (info->n_blocks, 0); /* when is said by the choice beside it */
  if (self->note)
    {
      g_free (text);
      text = g_steal_pointer (&self->note);
    }
  gtk_label_set_label (self->headline, text);
  self->is_filling = TRUE;
  if (hat_graph_model_tree (model) != HAT_GRAPH_PATHS)
    gtk_drop_down_set_selected (self->tree_choice, hat_graph_model_tree (model));
  self->is_filling = FALSE;
}

static void
show_look (HatGraphPage *self, guint32 block)
{
  Look *look = present (self);
  hat_graph_picture_set_layout (self->picture, look->layout, look->view);
  tell (self);
  guint node = hat_graph_model_find (look->layout->model, block);
  if (node != HAT_NODE_NONE)
    hat_graph_picture_select (self->picture, node);
}

static void
remember_view (HatGraphPage *self)
{
  if (present (self))
    present (self)->view = hat_graph_picture_get_view (self->picture);
}

static void
forget_looks (HatGraphPage *self)
{
  hat_graph_picture_set_layout (self->picture, NULL, (HatGraphView){ 0 });
  g_array_set_size (self->looks, 0);
}

/* The same graph, somewhat more or less of it: what was in the middle stays there. */
static HatGraphView
view_of (HatGraphPage *self, const Answer *answer, guint at)
{
  HatGraphView view = { 0 };
  if (present (self)
      && (answer->kind == ASK_EXPAND || answer->kind == ASK_UNFOLD || answer->kind == ASK_COLLAPSE || answer->kind == ASK_AGAIN))
    {
      const HatGraphLayout *old = present (self)->layout;
      guint n, to = answer->kind == ASK_AGAIN ? hat_graph_model_find (answer->layout->model, answer->block) : at;
      hat_graph_model_nodes (answer->layout->model, &n);
      view = hat_graph_picture_get_view (self->picture);
      if (view.zoom > 0 && at != HAT_NODE_NONE && to < n)
        {
          view.x += answer->layout->rects[to].x - old->rects[at].x;
          view.y += answer->layout->rects[to].y - old->rects[at].y;
        }
    }
  return view;
}

static void
found (HatGraphPage *self, guint32 block)
{
  self->picked = block;
  hat_graph_picture_select (self->picture, hat_graph_model_find (present_model (self), block));
  hat_block_picker_pick (self->picker, block);
}

static void ask (HatGraphPage *self, AskKind kind, guint32 block);

/* Another view selected a block: it is selected here, too, wherever it has to be looked for. */
static void
follow_selection (HatGraphPage *self)
{
  guint32 block = hat_selected_graph_block (hat_page_state (HAT_PAGE (self)));
  if (present (self) == NULL)
    return;
  if (block == HAT_GRAPH_NONE || block == self->picked)
    {
      hat_picture_invalidate (HAT_PICTURE (self->picture));
      return;
    }
  self->picked = block;
  guint node = hat_graph_model_find (present_model (self), block);
  if (node != HAT_NODE_NONE)
    hat_graph_picture_select (self->picture, node);
  else
    ask (self, ASK_FOCUS, block);
}

static void
on_graph (gpointer owner, gpointer data, const GError *error)
{
  HatGraphPage *self = owner;
  Answer *answer = data;
  if (answer == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  hat_page_show_content (HAT_PAGE (self));
  if (answer->layout == NULL)
    {
      if (answer->is_shown)
        found (self, answer->block);
      else
        gtk_label_set_label (self->headline, "Nothing in this snapshot matches");
      free_answer (answer);
      return;
    }
  guint at = hat_graph_picture_get_selected (self->picture);
  Look look = { .layout = answer->layout, .view = view_of (self, answer, at), .is_found = answer->kind == ASK_FIND };
  if (answer->kind == ASK_ALL || answer->kind == ASK_AGAIN)
    forget_looks (self);
  if (answer->kind == ASK_FIND && present (self) && present (self)->is_found)
    {
      hat_graph_picture_set_layout (self->picture, NULL, (HatGraphView){ 0 });
      g_array_set_size (self->looks, self->looks->len - 1);
    }
  if (self->looks->len == MOST_LOOKS)
    g_array_remove_index (self->looks, 0);
  remember_view (self);
  answer->layout = NULL;
  g_array_append_val (self->looks, look);
  /* A graph that is new is for everybody; this page hears of it, too, and finds it shown already. */
  hat_view_state_set_graph (hat_page_state (HAT_PAGE (self)), answer->graph);
  show_look (self, answer->block);
  if (answer->kind == ASK_FIND)
    found (self, answer->block);
  else if ((answer->kind == ASK_EXPAND || answer->kind == ASK_COLLAPSE) && at != HAT_NODE_NONE)
    hat_graph_picture_select (self->picture, at);
  else if (answer->kind == ASK_ALL)
    follow_selection (self);
  free_answer (answer);
}

static const HatQueryKind graph_kind = { query_graph, on_graph, free_answer, free_ask };

/* In pixels. The first look is asked for before the page has its place: most of the window will be its. */
static double
height_for_rows (HatGraphPage *self)
{
  const int height = gtk_widget_get_height (GTK_WIDGET (self));
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  return height > 0 ? height : root ? gtk_widget_get_height (GTK_WIDGET (root)) * 0.65 : 0;
}

static void
ask (HatGraphPage *self, AskKind kind, guint32 block)
{
  Ask *extra = g_new0 (Ask, 1);
  HatGraphModel *model = present_model (self);
  extra->kind = kind;
  extra->tree = gtk_drop_down_get_selected (self->tree_choice);
  extra->node = hat_graph_picture_get_selected (self->picture);
  extra->block = block;
  extra->rows = hat_graph_rows (height_for_rows (self));
  extra->model = model ? hat_graph_model_ref (model) : NULL;
  if (kind == ASK_ALL || model)
    hat_page_ask (HAT_PAGE (self), &graph_kind, extra);
  else
    free_ask (extra);
}

/* ---- what the picture is asked for ---- */

static guint32
selected_block (HatGraphPage *self)
{
  guint n, node = hat_graph_picture_get_selected (self->picture);
  if (node == HAT_NODE_NONE)
    return HAT_GRAPH_NONE;
  const HatGraphNode *nodes = hat_graph_model_nodes (present_model (self), &n);
  return nodes[node].n_blocks ? nodes[node].blocks[0] : HAT_GRAPH_NONE;
}

static void
go_back (HatGraphPage *self)
{
  if (self->looks->len < 2)
    return;
  guint32 block = selected_block (self);
  hat_graph_picture_set_layout (self->picture, NULL, (HatGraphView){ 0 });
  g_array_set_size (self->looks, self->looks->len - 1);
  show_look (self, block);
}

static void
copy_address (HatGraphPage *self)
{
  HatGraphBlock block;
  hat_graph_block (hat_graph_model_graph (present_model (self)), selected_block (self), &block);
  g_autofree char *address = hat_format_address (block.address);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), address);
}

/* Kept in the trace's notes; if it cannot be written, for this window only. */
static void
declare_weak (HatGraphPage *self)
{
  guint n, n_nodes;
  gint at = hat_graph_picture_get_line (self->picture);
  HatGraphModel *model = present_model (self);
  const HatGraphLine *line = at >= 0 ? &hat_graph_model_lines (model, &n)[at] : NULL;
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  if (line == NULL || line->is_root || line->n == 0)
    return;
  HatGraph *graph = hat_graph_model_graph (model);
  const char *label = hat_graph_label (graph, hat_graph_model_nodes (model, &n_nodes)[line->from].blocks[0]);
  g_autofree char *rule = hat_graph_weak_rule (label, line->field, line->offset);
  HatNote note = { HAT_NOTE_WEAK, rule };
  g_autoptr (GError) error = NULL;
  gboolean is_kept = hat_trace_keep_note (hat_heap_trace (hat_view_state_get (state)->heap), &note, &error);
  g_free (self->note);
  self->note = is_kept ? g_strdup_printf ("%s: kept with the trace", rule)
                       : g_strdup_printf ("%s: for this window only, %s", rule, error->message);
  hat_view_state_declare_weak (state, rule);
}

static void
on_asked (HatGraphPicture *picture, guint what, HatGraphPage *self)
{
  guint n, node = hat_graph_picture_get_selected (picture);
  const HatGraphNode *nodes = present (self) ? hat_graph_model_nodes (present_model (self), &n) : NULL;
  guint32 block = selected_block (self);
  if (nodes == NULL)
    return;
  switch (what)
    {
    case HAT_GRAPH_ASK_EXPAND:
      if (node != HAT_NODE_NONE && nodes[node].has_more)
        ask (self, ASK_EXPAND, block);
      break;
    case HAT_GRAPH_ASK_UNFOLD:
      if (node != HAT_NODE_NONE && hat_graph_node_is_foldable (&nodes[node]))
        ask (self, ASK_UNFOLD, block);
      break;
    case HAT_GRAPH_ASK_COLLAPSE:
      if (node != HAT_NODE_NONE && nodes[node].n_blocks)
        ask (self, ASK_COLLAPSE, block);
      break;
    case HAT_GRAPH_ASK_FOLLOW:
    case HAT_GRAPH_ASK_HOLDERS:
      if (block != HAT_GRAPH_NONE)
        ask (self, what == HAT_GRAPH_ASK_FOLLOW ? ASK_FOCUS : ASK_HOLDERS, block);
      break;
    case HAT_GRAPH_ASK_BACK:
      go_back (self);
      break;
    case HAT_GRAPH_ASK_ALL:
      self->picked = hat_selected_graph_block (hat_page_state (HAT_PAGE (self))); /* not to be followed again */
      ask (self, ASK_ALL, HAT_GRAPH_NONE);
      break;
    case HAT_GRAPH_ASK_FIND:
      if (*hat_view_state_get (hat_page_state (HAT_PAGE (self)))->filter)
        ask (self, ASK_FIND, block);
      break;
    case HAT_GRAPH_ASK_WEAK:
      declare_weak (self);
      break;
    case HAT_GRAPH_ASK_COPY:
      if (block != HAT_GRAPH_NONE)
        copy_address (self);
      break;
    }
}

static void
on_picked (HatGraphPicture *picture, guint node, HatGraphPage *self)
{
  guint n;
  HatViewState *state = hat_page_state (HAT_PAGE (self));
  const HatGraphNode *nodes = hat_graph_model_nodes (present_model (self), &n);
  if (node == HAT_NODE_NONE || nodes[node].n_blocks == 0)
    return;
  self->picked = nodes[node].blocks[0];
  if (nodes[node].n_blocks == 1)
    hat_block_picker_pick (self->picker, self->picked);
  else
    hat_view_state_select_stack (state, nodes[node].stack);
}

/* ---- the shared state ---- */

static void
explain_nothing (HatGraphPage *self, const HatQuestion *now)
{
  guint n;
  HatTrace *trace = hat_heap_trace (now->heap);
  const HatSnapshotInfo *infos = hat_trace_snapshots (trace, hat_heap_process (now->heap), &n);
  if (hat_sample_bytes (trace) > 0)
    hat_page_show_empty (HAT_PAGE (self), "hat-graph-symbolic", "A Sample Has No Graph",
                         "This recording knows only some of the blocks, so what points to what cannot be told. "
                         "Record without --sample.");
  else if (n == 0)
    hat_page_show_empty (HAT_PAGE (self), "hat-graph-symbolic", "No Snapshot Was Taken",
                         "A snapshot is taken when the program ends, unless --no-snapshot was given, the program was killed, or the "
                         "system does not allow one. Record it again, or take one while it runs: heapatlas snapshot PID.");
  else
    {
      g_autofree char *when = hat_format_time (infos[now->snapshot].time_ns);
      g_autofree char *text = g_strdup_printf (
          "The program had freed everything when this snapshot was taken, at %s. Record it again with --snapshot-at-peak, "
          "or with --snapshot-at FUNCTION to see the heap while that function works.", when);
      hat_page_show_empty (HAT_PAGE (self), "hat-graph-symbolic", "Nothing Is Left in This Snapshot", text);
    }
}

/* Those of the process, by when and why. */
static void
fill_snapshots (HatGraphPage *self, const HatQuestion *now)
{
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (now->heap), hat_heap_process (now->heap), &n);
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *when = hat_format_time (infos[i].time_ns);
      g_autofree char *name = g_strdup_printf ("%s, %s%s%s", when, hat_snapshot_reason_name (infos[i].reason),
                                               infos[i].detail ? " " : "", infos[i].detail ? infos[i].detail : "");
      gtk_string_list_append (names, name);
    }
  self->is_filling = TRUE;
  gtk_drop_down_set_model (self->snapshot_choice, G_LIST_MODEL (names));
  gtk_widget_set_visible (GTK_WIDGET (self->snapshot_choice), n > 0);
  if (now->snapshot < n)
    gtk_drop_down_set_selected (self->snapshot_choice, now->snapshot);
  self->is_filling = FALSE;
}

static gboolean
has_something (const HatQuestion *now)
{
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (now->heap), hat_heap_process (now->heap), &n);
  return now->snapshot < n && infos[now->snapshot].n_blocks > 0;
}

/* Whether what is shown is of the snapshot that is wanted, though not of the present graph of it. */
static gboolean
is_of_snapshot (HatGraphPage *self, const HatQuestion *now)
{
  HatGraph *graph = present (self) ? hat_graph_model_graph (present_model (self)) : NULL;
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (now->heap), hat_heap_process (now->heap), &n);
  return graph && hat_graph_heap (graph) == now->heap && hat_graph_snapshot (graph)->info.time_ns == infos[now->snapshot].time_ns;
}

static void
hat_graph_page_update (HatPage *page, HatChanges changes)
{
  HatGraphPage *self = HAT_GRAPH_PAGE (page);
  const HatQuestion *now = hat_view_state_get (hat_page_state (page));
  if (changes & HAT_CHANGED_HEAP)
    {
      self->picked = HAT_GRAPH_NONE;
      forget_looks (self);
    }
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_SNAPSHOT))
    {
      gboolean is_shown = present (self) && hat_graph_model_graph (present_model (self)) == now->graph;
      fill_snapshots (self, now);
      if (!has_something (now))
        {
          forget_looks (self);
          explain_nothing (self, now);
        }
      else if (!is_shown && is_of_snapshot (self, now))
        ask (self, ASK_AGAIN, selected_block (self));
      else if (!is_shown)
        {
          self->picked = HAT_GRAPH_NONE;
          ask (self, ASK_ALL, HAT_GRAPH_NONE);
        }
      return;
    }
  if (changes & HAT_CHANGED_SELECTION)
    follow_selection (self);
  if (changes & HAT_CHANGED_FILTER && present (self))
    {
      hat_picture_invalidate (HAT_PICTURE (self->picture));
      if (*now->filter)
        ask (self, ASK_FIND, HAT_GRAPH_NONE);
    }
}

static void
hat_graph_page_fill_export (HatPage *page, HatExportOptions *options)
{
  options->look = present_model (HAT_GRAPH_PAGE (page));
}

static void
on_tree_chosen (GtkDropDown *choice, GParamSpec *pspec, HatGraphPage *self)
{
  HatGraphModel *model = present_model (self);
  if (self->is_filling || model == NULL)
    return;
  guint32 block = hat_graph_model_block (model);
  ask (self, block == HAT_GRAPH_NONE ? ASK_ALL : ASK_FOCUS, block);
}

static void
on_snapshot_chosen (GtkDropDown *choice, GParamSpec *pspec, HatGraphPage *self)
{
  if (!self->is_filling)
    hat_view_state_set_snapshot (hat_page_state (HAT_PAGE (self)), gtk_drop_down_get_selected (choice));
}

static void
on_mappings_toggled (GtkToggleButton *toggle, GParamSpec *pspec, HatGraphPage *self)
{
  hat_view_state_set_mappings (hat_page_state (HAT_PAGE (self)), !gtk_toggle_button_get_active (toggle));
}

static void
hat_graph_page_dispose (GObject *object)
{
  HatGraphPage *self = HAT_GRAPH_PAGE (object);
  if (self->looks)
    forget_looks (self);
  g_clear_pointer (&self->picker, hat_block_picker_free);
  G_OBJECT_CLASS (hat_graph_page_parent_class)->dispose (object);
  g_clear_pointer (&self->looks, g_array_unref);
  g_clear_pointer (&self->note, g_free);
}

static void
hat_graph_page_class_init (HatGraphPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hat_graph_page_dispose;
  HAT_PAGE_CLASS (klass)->update = hat_graph_page_update;
  HAT_PAGE_CLASS (klass)->fill_export = hat_graph_page_fill_export;
}

static void
hat_graph_page_init (HatGraphPage *self)
{
  self->looks = g_array_new (FALSE, FALSE, sizeof (Look));
  g_array_set_clear_func (self->looks, clear_look);
  self->picked = HAT_GRAPH_NONE;
}

GtkWidget *
hat_graph_page_new (HatViewState *state)
{
  static const char *const trees[] = { "Tree of owners", "Tree of references", NULL }, *const none[] = { NULL };
  HatGraphPage *self = g_object_new (HAT_TYPE_GRAPH_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *toolbar = hat_toolbar_new (&self->headline);
  GtkWidget *picture = hat_graph_picture_new (state);
  self->picture = HAT_GRAPH_PICTURE (picture);
  self->picker = hat_block_picker_new (state);
  self->snapshot_choice = hat_toolbar_add_choice (toolbar, "Snapshot", none);
  self->tree_choice = hat_toolbar_add_choice (toolbar, "Shown as", trees);
  GtkToggleButton *no_mappings = hat_toolbar_add_toggle (toolbar, "action-unavailable-symbolic", "Mapped regions hold nothing");
  g_signal_connect (no_mappings, "notify::active", G_CALLBACK (on_mappings_toggled), self);
  hat_toolbar_add_action (toolbar, "go-previous-symbolic", "Back", "graph.back", picture);
  hat_toolbar_add_action (toolbar, "find-location-symbolic", "Who holds this", "graph.holders", picture);
  hat_toolbar_add_action (toolbar, "zoom-out-symbolic", "Zoom out", "graph.zoom-out", picture);
  hat_toolbar_add_action (toolbar, "zoom-fit-best-symbolic", "All of it", "graph.fit", picture);
  hat_toolbar_add_action (toolbar, "zoom-in-symbolic", "Zoom in", "graph.zoom-in", picture);
  g_signal_connect (picture, "asked", G_CALLBACK (on_asked), self);
  g_signal_connect (picture, "picked", G_CALLBACK (on_picked), self);
  g_signal_connect (self->tree_choice, "notify::selected", G_CALLBACK (on_tree_chosen), self);
  g_signal_connect (self->snapshot_choice, "notify::selected", G_CALLBACK (on_snapshot_chosen), self);
  gtk_box_append (GTK_BOX (box), toolbar);
  gtk_box_append (GTK_BOX (box), picture);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
