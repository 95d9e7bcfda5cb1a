/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every view of a recording shows: one instant, one range, one process, one grouping, one cost, one filter, one
 * selection. A view changes it and listens to it ("changed", with HatChanges); views never talk to each other.
 *
 * Main thread only. hat_view_state_ask() copies the present values for a worker thread. */

#include <glib-object.h>

#include "core/graph/graph.h"
#include "ui/draw/colors.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_CHANGED_HEAP = 1 << 0, /* another process, or a new version of it */
  HAT_CHANGED_CURSOR = 1 << 1,
  HAT_CHANGED_RANGE = 1 << 2,
  HAT_CHANGED_GROUPING = 1 << 3,
  HAT_CHANGED_COST = 1 << 4,
  HAT_CHANGED_FILTER = 1 << 5,
  HAT_CHANGED_SELECTION = 1 << 6,
  HAT_CHANGED_SNAPSHOT = 1 << 7, /* another one, or its graph is there, or was made anew */
} HatChanges;
#define HAT_CHANGED_ALL 0xff
#define HAT_NO_SNAPSHOT G_MAXUINT

typedef enum
{
  HAT_SELECTED_NOTHING,
  HAT_SELECTED_STACK,
  HAT_SELECTED_FUNCTION, /* every stack through a node of a call tree */
  HAT_SELECTED_BLOCK,
  HAT_SELECTED_TYPE,     /* every stack that makes objects of it */
} HatSelectionKind;

typedef struct
{
  HatSelectionKind kind;
  HatStackId stack;   /* FUNCTION, TYPE: the most expensive one */
  HatBlock block;     /* BLOCK */
  char *function;     /* what a person reads */
  GHashTable *stacks; /* set of HatStackId: all that is meant; never NULL unless nothing is selected */
} HatSelection;

/* The values at one moment, owned by whoever asked: the input of a query. */
typedef struct
{
  HatHeap *heap;
  HatColors *colors;
  gint64 cursor_ns;
  HatRange range; /* from == to: none selected */
  HatGrouping by;
  HatCost cost;
  char *filter; /* never NULL */
  guint snapshot;   /* the one whose graph is shown, HAT_NO_SNAPSHOT: there is none */
  char *weak_rules; /* declared weak in this window, see HatGraphRules; never NULL */
  gboolean no_mappings; /* what only a mapped region holds is lost */
  HatGraph *graph;  /* of the snapshot; NULL: nobody asked for it yet, or it is being made */
  struct _HatShared *graph_once, *live_once; /* where the two below make their answers, once for all who ask */
} HatQuestion;

#define HAT_TYPE_VIEW_STATE (hat_view_state_get_type ())
G_DECLARE_FINAL_TYPE (HatViewState, hat_view_state, HAT, VIEW_STATE, GObject)

HatViewState *hat_view_state_new (void);

/* The present values; belongs to the state. heap is NULL while nothing is open. */
const HatQuestion *hat_view_state_get (HatViewState *self);
const HatSelection *hat_view_state_selection (HatViewState *self);

HatQuestion *hat_view_state_ask (HatViewState *self);
void hat_question_free (HatQuestion *question);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatQuestion, hat_question_free)

/* What the costs of a call tree are taken over: the range; else for live bytes up to the cursor, for all other costs
 * everything. */
HatRange hat_question_cost_range (const HatQuestion *question);
/* The range, or everything. */
HatRange hat_question_range (const HatQuestion *question);
gboolean hat_question_has_range (const HatQuestion *question);
char *hat_question_when (
    const HatQuestion *question); /* of the cost: "at 4.10 s", "from 1 s to 2 s", "in the whole recording" */

/* In a worker thread: the graph of the question's snapshot, made now if it has to be, or waited for if somebody makes it already. The caller
 * owns it; whoever asked shares it by hat_view_state_set_graph(). */
HatGraph *hat_question_graph (const HatQuestion *question, const HatProgress *progress, GError **error);
/* The same for what lives at the cursor; hat_live_free() it. */
HatLive *hat_question_live (const HatQuestion *question, const HatProgress *progress, GError **error);

/* Another process: cursor to its peak, no range, no selection. Takes new references. Both NULL: nothing is open. */
void hat_view_state_set_heap (HatViewState *self, HatHeap *heap, HatColors *colors);
void hat_view_state_set_cursor (HatViewState *self, gint64 cursor_ns);
void hat_view_state_set_range (HatViewState *self, HatRange range);
void hat_view_state_set_grouping (HatViewState *self, HatGrouping by);
void hat_view_state_set_cost (HatViewState *self, HatCost cost);
void hat_view_state_set_filter (HatViewState *self, const char *filter);
void hat_view_state_set_snapshot (HatViewState *self, guint snapshot); /* and the cursor to its instant */
void hat_view_state_set_graph (HatViewState *self, HatGraph *graph);   /* of the present snapshot */
/* A line as of a rules file; the graph is to be made anew. */
void hat_view_state_declare_weak (HatViewState *self, const char *rule);
/* Whether mapped regions hold what they point to; the same. */
void hat_view_state_set_mappings (HatViewState *self, gboolean count);

void hat_view_state_select_nothing (HatViewState *self);
void hat_view_state_select_stack (HatViewState *self, HatStackId stack);
/* Every stack through a function: `stacks` is a set, taken over. */
void hat_view_state_select_function (HatViewState *self, const char *function, HatStackId example, GHashTable *stacks);
/* The same for those that make objects of a type. */
void hat_view_state_select_type (HatViewState *self, const char *type, HatStackId example, GHashTable *stacks);
void hat_view_state_select_block (HatViewState *self, const HatBlock *block);

G_END_DECLS
