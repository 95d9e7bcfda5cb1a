/* SPDX-License-Identifier: Apache-2.0 */

/* The rows of the leaks picture: groups by bytes; growing sites keep their place below, at least a third of the
 * rows if there are that many. */

#include "ui/draw/leaks-layout.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"

#define EDGE 16.0
#define ROW 46.0
#define HEAD 66.0
#define SECTION 30.0

char *
hat_leaks_callers (HatTrace *trace, HatStackId stack, guint max)
{
  guint n_frames, n_found = 0;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n_frames);
  const char *function = hat_stack_function (trace, stack);
  GString *text = g_string_new (NULL);
  guint i = 0;

  while (i < n_frames && !g_str_equal (frames[i].function, function))
    i++;
  for (i = i < n_frames ? i + 1 : 0; i < n_frames && n_found < max; i++, n_found++)
    {
      g_autofree char *name = hat_format_function (frames[i].function, 36);
      g_string_append_printf (text, "%s%s", n_found ? " ← " : "", name);
    }
  return g_string_free (text, FALSE);
}

static void
name_row (HatLeaksRow *row, HatTrace *trace, HatStackId stack)
{
  row->function = hat_format_function (hat_stack_function (trace, stack), 60);
  row->stack = hat_leaks_callers (trace, stack, 4);
}

static char *
block_count (guint64 blocks, double variance)
{
  g_autofree char *count = hat_format_count_within (blocks, hat_error_of (variance));

  return g_strdup_printf ("%s block%s", count, blocks == 1 ? "" : "s");
}

static HatLeaksRow
unfreed_row (const HatLeaksInput *input, guint index)
{
  const HatUnfreed *group = &input->unfreed->groups[index];
  double life = (double) MAX (input->life.to - input->life.from, 1);
  g_autofree char *first = hat_format_time (group->first_ns), *last = hat_format_time (group->last_ns);
  HatLeaksRow row = { .unfreed = index, .growing = -1 };

  name_row (&row, input->trace, group->stack);
  row.amount = hat_format_bytes_within (group->bytes, hat_error_of (group->bytes_variance));
  row.count = block_count (group->blocks, group->blocks_variance);
  row.when = !g_str_equal (first, last) ? g_strdup_printf ("%s to %s", first, last)
                                        : g_strdup_printf ("at %s", first);
  row.share = input->unfreed->groups[0].bytes ? (double) group->bytes / (double) input->unfreed->groups[0].bytes : 0;
  row.first = CLAMP ((double) (group->first_ns - input->life.from) / life, 0, 1);
  row.last = CLAMP ((double) (group->last_ns - input->life.from) / life, 0, 1);
  return row;
}

static HatLeaksRow
growing_row (const HatLeaksInput *input, guint index)
{
  const HatGrowingSite *site = &input->growing->sites[index];
  g_autofree char *slope = hat_format_signed_bytes ((gint64) site->slope_bytes_per_s);
  HatLeaksRow row = { .unfreed = -1, .growing = index, .last = 1 };

  name_row (&row, input->trace, site->stack);
  row.amount = hat_format_bytes_within (site->bytes, hat_error_of (site->bytes_variance));
  row.count = block_count (site->blocks, site->blocks_variance);
  row.when = g_strdup_printf ("%s%s/s", input->is_sample ? "~" : "", slope);
  row.share = input->growing->sites[0].slope_bytes_per_s > 0
                  ? MIN (1, site->slope_bytes_per_s / input->growing->sites[0].slope_bytes_per_s)
                  : 0;
  return row;
}

static void
write_headline (HatLeaksLayout *layout)
{
  const HatUnfreedGroups *unfreed = layout->input.unfreed;
  guint n_growing = layout->input.growing ? layout->input.growing->n : 0;
  g_autofree char *bytes = hat_format_bytes_within (unfreed->bytes, hat_error_of (unfreed->bytes_variance));
  g_autofree char *blocks = block_count (unfreed->blocks, unfreed->blocks_variance);

  if (!unfreed->n)
    layout->headline = layout->input.is_sample
                           ? hat_sample_none_words (layout->input.trace, "Every block of the sample was freed. What was not")
                           : g_strdup ("Nothing was left behind");
  else
    layout->headline = g_strdup_printf ("%s in %s never freed, from %u place%s", bytes, blocks, unfreed->n,
                                        unfreed->n == 1 ? "" : "s");
  if (layout->input.is_sample)
    layout->sentence = g_strdup (HAT_SAMPLE_HAS_NO_SNAPSHOT);
  else if (n_growing)
    layout->sentence = g_strdup_printf (
        "%u place%s kept growing until the end. Without a snapshot it is not known what was still in use.", n_growing,
        n_growing == 1 ? "" : "s");
  else if (unfreed->n)
    layout->sentence = g_strdup (
        "Nothing kept growing. Without a snapshot it is not known which of these blocks were still in use.");
  else
    layout->sentence = g_strdup (
        "Every block that the program allocated was freed before it ended, and nothing kept growing.");
}

static void
place_rows (HatLeaksLayout *layout)
{
  const HatLeaksInput *input = &layout->input;
  guint n_growing = input->growing ? input->growing->n : 0, n_unfreed = input->unfreed->n;
  double y = (input->title ? 40 : 8) + HEAD, room = layout->height - y - 24 - (n_growing ? SECTION : 0);
  guint n_room = room > 0 ? (guint) (room / ROW) : 0;
  guint shown_growing = MIN (n_growing, MAX (n_room / 3, n_room - MIN (n_room, n_unfreed)));
  guint shown_unfreed = MIN (n_unfreed, n_room - shown_growing);

  layout->rows = g_new0 (HatLeaksRow, shown_growing + shown_unfreed + 1);
  for (guint i = 0; i < shown_unfreed; i++, y += ROW)
    {
      HatLeaksRow *row = &layout->rows[layout->n_rows++];
      *row = unfreed_row (input, i);
      row->rect = (HatRect){ EDGE, y, layout->width - 2 * EDGE, ROW - 4 };
    }
  for (guint i = shown_unfreed; i < n_unfreed; i++)
    {
      layout->left_out_bytes += input->unfreed->groups[i].bytes;
      layout->left_out_variance += input->unfreed->groups[i].bytes_variance;
    }
  layout->n_left_out = n_unfreed - shown_unfreed;
  if (!shown_growing)
    return;
  if (layout->n_left_out)
    y += 18;
  layout->growing_title = (HatRect){ EDGE, y, layout->width - 2 * EDGE, SECTION - 4 };
  y += SECTION;
  for (guint i = 0; i < shown_growing; i++, y += ROW)
    {
      HatLeaksRow *row = &layout->rows[layout->n_rows++];
      *row = growing_row (input, i);
      row->rect = (HatRect){ EDGE, y, layout->width - 2 * EDGE, ROW - 4 };
    }
}

HatLeaksLayout *
hat_leaks_layout_new (const HatLeaksInput *input, double width, double height)
{
  HatLeaksLayout *layout = g_new0 (HatLeaksLayout, 1);

  layout->input = *input;
  layout->width = width;
  layout->height = height;
  if (input->title)
    layout->title = (HatRect){ EDGE, 6, width - 2 * EDGE, 28 };
  write_headline (layout);
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
      g_free (layout->rows[i].stack);
      g_free (layout->rows[i].amount);
      g_free (layout->rows[i].count);
      g_free (layout->rows[i].when);
    }
  g_free (layout->rows);
  g_free (layout->headline);
  g_free (layout->sentence);
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

char *
hat_leaks_summary (const HatUnfreedGroups *unfreed, const HatGrowing *growing)
{
  guint n_growing = growing ? growing->n : 0;
  g_autofree char *bytes = hat_format_bytes_within (unfreed->bytes, hat_error_of (unfreed->bytes_variance));
  g_autofree char *blocks = block_count (unfreed->blocks, unfreed->blocks_variance);

  if (!unfreed->n && !n_growing)
    return g_strdup ("No leaks: every block was freed, and nothing kept growing.");
  return g_strdup_printf ("%s in %s never freed, from %u place%s; %u place%s kept growing.", bytes, blocks,
                          unfreed->n, unfreed->n == 1 ? "" : "s", n_growing, n_growing == 1 ? "" : "s");
}
