/* SPDX-License-Identifier: Apache-2.0 */

/* The rows of the leaks picture. */

#include "ui/draw/leaks-layout.h"

#include "core/heap/format.h"

#define EDGE 16.0
#define ROW 62.0
#define HEAD 66.0

static HatLeaksRow
row_new (const HatLeaksLayout *layout, guint index, guint64 biggest)
{
  const HatCandidates *candidates = layout->candidates;
  const HatCandidate *candidate = &candidates->candidates[index];
  HatTrace *trace = hat_heap_trace (candidates->heap);
  const gint64 start = hat_heap_start (candidates->heap);
  const double life = (double) MAX (hat_heap_end (candidates->heap) - start, 1);

  return (HatLeaksRow){
    .candidate = index,
    .function = hat_format_function (hat_stack_function (trace, candidate->stack), 60),
    .callers = hat_candidate_callers (trace, candidate->stack, 4),
    .amount = hat_candidate_amount (candidate),
    .count = hat_candidate_count (candidate),
    .when = hat_candidate_when (candidate),
    .share = biggest ? (double) candidate->bytes / (double) biggest : 0,
    .first = CLAMP ((double) (candidate->first_ns - start) / life, 0, 1),
    .last = CLAMP ((double) (candidate->last_ns - start) / life, 0, 1),
  };
}

static void
place_rows (HatLeaksLayout *layout)
{
  const HatCandidates *candidates = layout->candidates;
  double y = (layout->title ? 40 : 8) + HEAD;
  const double room = layout->height - y - 24;
  const guint n_room = room > 0 ? (guint) (room / ROW) : 0;
  guint64 biggest = 0;

  for (guint i = 0; i < candidates->n; i++)
    biggest = MAX (biggest, candidates->candidates[i].bytes);
  layout->n_rows = MIN (candidates->n, n_room);
  layout->rows = g_new0 (HatLeaksRow, layout->n_rows + 1);
  for (guint i = 0; i < layout->n_rows; i++, y += ROW)
    {
      layout->rows[i] = row_new (layout, i, biggest);
      layout->rows[i].rect = (HatRect){ EDGE, y, layout->width - 2 * EDGE, ROW - 4 };
    }
  layout->n_left_out = candidates->n - layout->n_rows;
  for (guint i = layout->n_rows; i < candidates->n; i++)
    {
      layout->left_out_bytes += candidates->candidates[i].bytes;
      layout->left_out_variance += candidates->candidates[i].bytes_variance;
    }
}

HatLeaksLayout *
hat_leaks_layout_new (const HatCandidates *candidates, const char *title, double width, double height)
{
  HatLeaksLayout *layout = g_new0 (HatLeaksLayout, 1);

  layout->candidates = candidates;
  layout->title = title;
  layout->width = width;
  layout->height = height;
  if (title)
    layout->title_rect = (HatRect){ EDGE, 6, width - 2 * EDGE, 28 };
  place_rows (layout);
  return layout;
}

void
hat_leaks_layout_free (HatLeaksLayout *layout)
{
  if (!layout)
    return;
  for (guint i = 0; i < layout->n_rows; i++)
    {
      g_free (layout->rows[i].function);
      g_free (layout->rows[i].callers);
      g_free (layout->rows[i].amount);
      g_free (layout->rows[i].count);
      g_free (layout->rows[i].when);
    }
  g_free (layout->rows);
  g_free (layout);
}

gint
hat_leaks_layout_hit (const HatLeaksLayout *layout, double x, double y)
{
  for (guint i = 0; i < layout->n_rows; i++)
    if (hat_rect_has (&layout->rows[i].rect, x, y))
      return i;
  return -1;
}
