/* SPDX-License-Identifier: Apache-2.0 */
/* From a block of the graph to one of the recording, and back. */

#include "ui/views/block-picker.h"

struct _HatBlockPicker
{
  HatViewState *state;
  HatQuery *query;
};

static gpointer
query_block (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  HatGraphBlock wanted;
  hat_graph_block (question->graph, GPOINTER_TO_UINT (extra), &wanted);
  const gint64 time = hat_graph_snapshot (question->graph)->info.time_ns;
  g_autoptr (HatLive) live = question->cursor_ns == time ? hat_question_live (question, progress, error)
                                                         : hat_heap_live (question->heap, time, progress, error);
  if (live == NULL)
    return NULL;
  guint64 low = 0, high = live->n;
  while (low < high)
    {
      guint64 middle = low + (high - low) / 2;
      if (live->blocks[middle].address < wanted.address)
        low = middle + 1;
      else
        high = middle;
    }
  if (low < live->n && live->blocks[low].address == wanted.address)
    return g_memdup2 (&live->blocks[low], sizeof (HatBlock));
  g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "the snapshot has a block that the recording does not have");
  return NULL;
}

static void
on_block (gpointer owner, gpointer answer, const GError *error)
{
  HatBlockPicker *picker = owner;
  g_autofree HatBlock *block = answer;
  const HatQuestion *now = hat_view_state_get (picker->state);
  if (block == NULL || now->graph == NULL)
    return;
  hat_view_state_set_cursor (picker->state, hat_graph_snapshot (now->graph)->info.time_ns);
  hat_view_state_select_block (picker->state, block);
}

static const HatQueryKind block_kind = { query_block, on_block, g_free, NULL };

HatBlockPicker *
hat_block_picker_new (HatViewState *state)
{
  HatBlockPicker *picker = g_new0 (HatBlockPicker, 1);
  picker->state = g_object_ref (state);
  picker->query = hat_query_new (picker);
  return picker;
}

void
hat_block_picker_free (HatBlockPicker *picker)
{
  if (picker == NULL)
    return;
  hat_query_free (picker->query);
  g_object_unref (picker->state);
  g_free (picker);
}

void
hat_block_picker_pick (HatBlockPicker *picker, guint32 block)
{
  HatQuestion *question = hat_view_state_ask (picker->state);
  if (question->graph == NULL)
    hat_question_free (question);
  else
    hat_query_run (picker->query, &block_kind, question, GUINT_TO_POINTER (block));
}

guint32
hat_selected_graph_block (HatViewState *state)
{
  const HatSelection *selection = hat_view_state_selection (state);
  HatGraph *graph = hat_view_state_get (state)->graph;
  if (selection->kind != HAT_SELECTED_BLOCK || graph == NULL)
    return HAT_GRAPH_NONE;
  return hat_graph_find_block (graph, HAT_GRAPH_NONE, &selection->block);
}
