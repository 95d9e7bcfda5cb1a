/* SPDX-License-Identifier: Apache-2.0 */

/* The timeline's arithmetic. Bins become pixel columns: lowest and highest of all bins of a column, the last value,
 * the bands at the column's end. From outside in: title, legend (right when there is room, else below), axes,
 * flags, rate, plot. */

#include "ui/draw/timeline-layout.h"

#include <math.h>
#include <string.h>

#include "core/heap/format.h"

#define LEFT_AXIS 62.0
#define RIGHT_EDGE 14.0
#define BOTTOM_AXIS 22.0
#define TITLE_HEIGHT 42.0
#define FLAG_HEIGHT 16.0
#define COMPACT_BELOW 84.0
#define LEGEND_COLUMN 230.0
#define LEGEND_COLUMN_OF_SAMPLE 310.0 /* has errors, too, */
#define ROOM_FOR_ERRORS 1000.0        /* if the picture is that wide */

static gboolean
is_compact (double width, double height)
{
  return height < COMPACT_BELOW || width < 200;
}

guint
hat_timeline_layout_bins (double width, double height)
{
  double plot = is_compact (width, height) ? width : width - LEFT_AXIS - RIGHT_EDGE;

  return (guint) MAX (plot, 16.0);
}

/* ---- columns ---- */

static guint64
rss_at (const HatTimelineInput *input, gint64 time)
{
  guint low = 0, high = input->n_samples;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (input->samples[middle].time_ns <= time)
        low = middle + 1;
      else
        high = middle;
    }
  return low ? input->samples[low - 1].rss_bytes : 0;
}

static void
fill_columns (HatTimelineLayout *layout)
{
  const HatTimeline *timeline = layout->input.timeline;
  guint n_bins = timeline->n_bins, n = layout->n_columns;
  double span = (double) (timeline->range.to - timeline->range.from);

  for (guint c = 0; c < n; c++)
    {
      HatTimelineColumn *column = &layout->columns[c];
      guint first = (guint) ((guint64) c * n_bins / n), end = (guint) ((guint64) (c + 1) * n_bins / n);

      column->x = layout->plot.x + c * layout->plot.width / n;
      column->width = layout->plot.x + (c + 1) * layout->plot.width / n - column->x;
      column->min_bytes = G_MAXUINT64;
      for (guint b = first; b < end; b++)
        {
          column->min_bytes = MIN (column->min_bytes, timeline->bins[b].min_bytes);
          column->max_bytes = MAX (column->max_bytes, timeline->bins[b].max_bytes);
          column->allocations += timeline->bins[b].allocations;
        }
      column->last_bytes = timeline->bins[end - 1].last_bytes;
      column->error_bytes = timeline->errors ? timeline->errors[end - 1] : 0;
      column->rss_bytes = rss_at (&layout->input, timeline->range.from + (gint64) (span * end / n_bins));
      for (guint band = 0; band < layout->n_bands; band++)
        {
          layout->band_bytes[(gsize) band * n + c] = timeline->band_bytes[(gsize) band * n_bins + end - 1];
          if (layout->band_errors)
            layout->band_errors[(gsize) band * n + c] = timeline->band_errors[(gsize) band * n_bins + end - 1];
        }
      layout->top_rate = MAX (layout->top_rate, column->allocations);
    }
}

static guint64
highest_rss (const HatTimelineLayout *layout)
{
  guint64 highest = 0;

  for (guint c = 0; c < layout->n_columns; c++)
    highest = MAX (highest, layout->columns[c].rss_bytes);
  return highest;
}

static guint64
highest_live (const HatTimelineLayout *layout)
{
  guint64 highest = 0;
  gint isolated = layout->input.isolated_band;

  for (guint c = 0; c < layout->n_columns; c++)
    {
      guint64 error, value = hat_timeline_layout_value (layout, c, isolated, &error);
      highest = MAX (highest, MAX (isolated >= 0 ? 0 : layout->columns[c].max_bytes, value + error));
    }
  return highest;
}

guint64
hat_timeline_layout_value (const HatTimelineLayout *layout, guint column, gint band, guint64 *out_error)
{
  gsize i = (gsize) MAX (band, 0) * layout->n_columns + column;

  if (band < 0)
    {
      *out_error = layout->columns[column].error_bytes;
      return layout->columns[column].last_bytes;
    }
  *out_error = layout->band_errors ? layout->band_errors[i] : 0;
  return layout->band_bytes[i];
}

/* Error of the band where it is highest. */
static guint64
highest_error (const HatTimelineLayout *layout, guint band)
{
  guint64 highest = 0, error, result = 0;

  for (guint c = 0; c < layout->n_columns; c++)
    {
      guint64 value = hat_timeline_layout_value (layout, c, (gint) band, &error);
      if (value > highest)
        {
          highest = value;
          result = error;
        }
    }
  return result;
}

/* ---- places ---- */

static char *
band_label (const HatTimeline *timeline, guint band)
{
  if (timeline->by == HAT_BY_FUNCTION || timeline->by == HAT_BY_SITE || timeline->by == HAT_BY_TYPE)
    return hat_format_function (timeline->bands[band].label, 48);
  return g_strdup (timeline->bands[band].label);
}

static char *
legend_amount (const HatTimelineLayout *layout, guint64 bytes, guint64 error)
{
  g_autofree char *text = hat_format_bytes (bytes);

  return layout->width >= ROOM_FOR_ERRORS || !error ? hat_format_bytes_within (bytes, error) : g_strconcat ("~", text, NULL);
}

static void
append_item (GArray *items, HatSwatch swatch, guint64 key, char *label, char *detail)
{
  HatLegendItem item = { .swatch = swatch, .label = label, .detail = detail, .key = key };

  g_array_append_val (items, item);
}

/* The biggest band is at the bottom of the plot: the list reads from the top of the stack downwards when it stands
 * beside it. */
static void
place_legend (HatTimelineLayout *layout, HatRect area, gboolean is_beside)
{
  const HatTimeline *timeline = layout->input.timeline;
  GArray *items = g_array_new (FALSE, FALSE, sizeof (HatLegendItem));

  append_item (items, HAT_SWATCH_TOTAL, HAT_TIMELINE_TOTAL, g_strdup (timeline->errors ? "live bytes ±" : "live bytes"),
               legend_amount (layout, timeline->peak_bytes, timeline->peak_error));
  if (layout->input.n_samples)
    append_item (items, HAT_SWATCH_RSS, HAT_TIMELINE_RSS,
                 g_strdup (layout->is_rss_shown ? "resident (RSS)" : "RSS, off the scale"),
                 hat_format_bytes (layout->top_rss));
  for (guint i = 0; i < layout->n_bands; i++)
    {
      guint band = layout->stacking[is_beside ? layout->n_bands - 1 - i : i];
      if (timeline->bands[band].max_bytes)
        append_item (items, layout->band_swatch[band], band, band_label (timeline, band),
                     legend_amount (layout, timeline->bands[band].max_bytes, highest_error (layout, band)));
    }
  hat_legend_place (&layout->legend, items, area);
}

static void
place_parts (HatTimelineLayout *layout, gboolean *out_is_beside, HatRect *out_legend)
{
  HatRect rest = { 0, 0, layout->width, layout->height };

  *out_legend = (HatRect){ 0 };
  *out_is_beside = FALSE;
  if (layout->is_compact)
    {
      layout->plot = rest;
      return;
    }
  if (layout->input.title)
    {
      layout->title = (HatRect){ 16, 6, layout->width - 32, 28 };
      rest.y += TITLE_HEIGHT;
      rest.height -= TITLE_HEIGHT;
    }
  else
    {
      rest.y += 8;
      rest.height -= 8;
    }
  if (layout->input.has_legend && layout->width >= 760 && rest.height >= 320)
    {
      *out_is_beside = TRUE;
      double column = layout->input.timeline->errors && layout->width >= ROOM_FOR_ERRORS ? LEGEND_COLUMN_OF_SAMPLE : LEGEND_COLUMN;
      *out_legend = (HatRect){ layout->width - column, rest.y + 8, column - 16, rest.height - 16 };
      rest.width -= column + 8;
    }
  else if (layout->input.has_legend && rest.height >= 130)
    {
      double rows = rest.height >= 400 ? 5 : rest.height >= 260 ? 3 : 1;
      *out_legend = (HatRect){ LEFT_AXIS, layout->height - rows * 18 - 4, layout->width - LEFT_AXIS - RIGHT_EDGE,
                               rows * 18 };
      rest.height -= rows * 18 + 8;
    }
  layout->plot = (HatRect){ LEFT_AXIS, rest.y, rest.width - LEFT_AXIS - RIGHT_EDGE, rest.height - BOTTOM_AXIS };
  if ((layout->input.n_marks || layout->input.n_snapshots) && layout->plot.height > 90)
    {
      layout->plot.y += FLAG_HEIGHT;
      layout->plot.height -= FLAG_HEIGHT;
    }
  if (layout->plot.height >= 170)
    {
      double rate = CLAMP (layout->plot.height * 0.13, 26, 64);
      layout->rate = (HatRect){ layout->plot.x, layout->plot.y + layout->plot.height - rate, layout->plot.width,
                                rate };
      layout->plot.height -= rate + 12;
    }
  layout->plot.width = MAX (layout->plot.width, 16);
  layout->plot.height = MAX (layout->plot.height, 8);
}

/* Flags stand over the plot, if it is high enough for that; a label that would touch the one before or the next flag is left out, its flag
 * stays. */
static void
place_flags (HatTimelineLayout *layout)
{
  const HatTimelineInput *input = &layout->input;
  g_autoptr (GArray) flags = g_array_new (FALSE, FALSE, sizeof (HatTimelineFlag));
  double free_from = layout->plot.x, end = layout->plot.x + layout->plot.width, last_x = -10;
  const gboolean has_row = !layout->is_compact && layout->plot.y >= FLAG_HEIGHT;

  /* Both by time; a snapshot that a mark asked for stands behind it. */
  for (guint i = 0, k = 0; i < input->n_marks || k < input->n_snapshots;)
    {
      const HatMark *mark = i < input->n_marks && (k == input->n_snapshots || input->marks[i].time_ns <= input->snapshots[k].time_ns)
                              ? &input->marks[i++] : NULL;
      const HatSnapshotInfo *snapshot = mark ? NULL : &input->snapshots[k++];
      const gint64 time = mark ? mark->time_ns : snapshot->time_ns;
      HatTimelineFlag flag = { .x = hat_timeline_layout_x (layout, time), .time_ns = time, .label = mark ? mark->name : "snapshot",
                               .snapshot = snapshot };
      double width = 12 + hat_text_width (flag.label);

      /* The peak has a label of its own. Flags closer than a pixel cannot be told apart. */
      if (time < input->timeline->range.from || time > input->timeline->range.to
          || (mark && g_str_equal (mark->name, "peak")) || flag.x - last_x < 1)
        continue;
      last_x = flag.x;
      flag.rect = (HatRect){ flag.x, layout->plot.y - FLAG_HEIGHT, 0, has_row ? FLAG_HEIGHT - 2 : 0 };
      /* It would stand in the words of the one before. */
      HatTimelineFlag *before = flags->len ? &g_array_index (flags, HatTimelineFlag, flags->len - 1) : NULL;
      if (before && before->rect.width > 0 && flag.x - 8 < before->rect.x + before->rect.width)
        {
          before->rect = (HatRect){ before->x, before->rect.y, 0, before->rect.height };
          free_from = before->x + 10;
        }
      if (flag.x + width > end)
        flag.rect.x = flag.x - width;
      if (has_row && flag.rect.x >= free_from)
        {
          flag.rect.width = width;
          free_from = flag.rect.x + width + 6;
        }
      else
        {
          flag.rect.x = flag.x;
          free_from = MAX (free_from, flag.x + 10);
        }
      g_array_append_val (flags, flag);
    }
  layout->n_flags = flags->len;
  layout->flags = (HatTimelineFlag *) g_array_free (g_steal_pointer (&flags), FALSE);
}

static void
place_peak (HatTimelineLayout *layout)
{
  const HatTimeline *timeline = layout->input.timeline;
  g_autofree char *bytes = hat_format_bytes_within (timeline->peak_bytes, timeline->peak_error);
  double width;

  layout->peak_x = hat_timeline_layout_x (layout, timeline->peak_ns);
  layout->peak_y = hat_timeline_layout_y (layout, (double) timeline->peak_bytes);
  if (layout->is_compact || !timeline->peak_bytes || layout->plot.height < 50 || layout->input.isolated_band >= 0)
    return;
  layout->peak_text = g_strdup_printf ("peak %s", bytes);
  width = hat_text_width (layout->peak_text) + 12;
  if (width > layout->plot.width / 2)
    return;
  layout->peak_label = (HatRect){ layout->peak_x + 6, layout->peak_y - 20, width, 17 };
  if (layout->peak_label.y < layout->plot.y + 1)
    layout->peak_label.y = layout->plot.y + 1;
  if (layout->peak_x + 6 + width > layout->plot.x + layout->plot.width)
    layout->peak_label.x = layout->peak_x - 6 - width;
}

/* Along the sequence; "other", which has no place in it, comes on top. */
static gint
compare_swatches (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatSwatch *swatches = data;
  guint x = swatches[*(const guint *) a], y = swatches[*(const guint *) b];

  return (gint) (x == HAT_SWATCH_OTHER ? 256 : x) - (gint) (y == HAT_SWATCH_OTHER ? 256 : y);
}

HatTimelineLayout *
hat_timeline_layout_new (const HatTimelineInput *input, double width, double height)
{
  HatTimelineLayout *layout = g_new0 (HatTimelineLayout, 1);
  const HatTimeline *timeline = input->timeline;
  HatRect legend;
  gboolean is_beside;
  double highest, y_gap;

  layout->input = *input;
  layout->width = width;
  layout->height = height;
  layout->is_compact = is_compact (width, height);
  layout->n_bands = timeline->n_bands;
  if (layout->input.isolated_band >= (gint) layout->n_bands)
    layout->input.isolated_band = -1;
  place_parts (layout, &is_beside, &legend);

  layout->n_columns = MIN (timeline->n_bins, (guint) MAX (layout->plot.width, 1));
  layout->columns = g_new0 (HatTimelineColumn, layout->n_columns + 1);
  layout->band_bytes = g_new0 (guint64, (gsize) layout->n_bands * layout->n_columns + 1);
  if (timeline->band_errors)
    layout->band_errors = g_new0 (guint64, (gsize) layout->n_bands * layout->n_columns + 1);
  layout->band_swatch = g_new0 (HatSwatch, layout->n_bands + 1);
  if (input->colors)
    hat_colors_bands (input->colors, timeline, layout->band_swatch);
  else
    for (guint i = 0; i < layout->n_bands; i++)
      layout->band_swatch[i] = MIN (i, HAT_SWATCH_OTHER);
  layout->stacking = g_new0 (guint, layout->n_bands + 1);
  for (guint i = 0; i < layout->n_bands; i++)
    layout->stacking[i] = i;
  if (timeline->by == HAT_BY_SIZE)
    g_qsort_with_data (layout->stacking, layout->n_bands, sizeof (guint), compare_swatches, layout->band_swatch);
  fill_columns (layout);

  highest = (double) highest_live (layout);
  layout->top_rss = highest_rss (layout);
  /* A small heap in a process of many pages would be a line at the bottom: then its RSS is only told, not drawn. */
  layout->is_rss_shown = layout->top_rss && layout->top_rss <= 2.5 * highest && layout->input.isolated_band < 0;
  if (layout->is_rss_shown)
    highest = MAX (highest, (double) layout->top_rss);
  y_gap = MAX (36, layout->plot.height / 9);
  layout->top_bytes = layout->is_compact ? MAX (highest * 1.04, 1)
                                         : hat_axis_round_up (HAT_AXIS_BYTES, highest, layout->plot.height, y_gap);
  if (!layout->is_compact)
    {
      layout->y_ticks = hat_ticks_new (HAT_AXIS_BYTES, 0, layout->top_bytes, layout->plot.height, y_gap,
                                       &layout->n_y_ticks);
      layout->x_ticks = hat_ticks_new (HAT_AXIS_TIME, (double) timeline->range.from, (double) timeline->range.to,
                                       layout->plot.width, 92, &layout->n_x_ticks);
    }
  place_flags (layout);
  place_peak (layout);
  if (legend.height > 0)
    place_legend (layout, legend, is_beside);
  return layout;
}

void
hat_timeline_layout_free (HatTimelineLayout *layout)
{
  if (!layout)
    return;
  hat_ticks_free (layout->x_ticks, layout->n_x_ticks);
  hat_ticks_free (layout->y_ticks, layout->n_y_ticks);
  hat_legend_clear (&layout->legend);
  g_free (layout->columns);
  g_free (layout->band_bytes);
  g_free (layout->band_errors);
  g_free (layout->band_swatch);
  g_free (layout->stacking);
  g_free (layout->flags);
  g_free (layout->peak_text);
  g_free (layout);
}

/* ---- there and back ---- */

double
hat_timeline_layout_x (const HatTimelineLayout *layout, gint64 time)
{
  HatRange range = layout->input.timeline->range;

  if (range.to <= range.from)
    return layout->plot.x;
  return layout->plot.x + (double) (time - range.from) / (double) (range.to - range.from) * layout->plot.width;
}

gint64
hat_timeline_layout_time (const HatTimelineLayout *layout, double x)
{
  HatRange range = layout->input.timeline->range;
  double share = CLAMP ((x - layout->plot.x) / layout->plot.width, 0.0, 1.0);

  return range.from + (gint64) llround (share * (double) (range.to - range.from));
}

double
hat_timeline_layout_y (const HatTimelineLayout *layout, double bytes)
{
  return layout->plot.y + layout->plot.height * (1 - bytes / layout->top_bytes);
}

/* The band at `bytes` above zero in a column, or -1. */
static gint
band_at (const HatTimelineLayout *layout, guint column, double bytes)
{
  double below = 0;

  for (guint i = 0; i < layout->n_bands; i++)
    {
      guint band = layout->stacking[i];
      if (layout->input.isolated_band >= 0 && layout->input.isolated_band != (gint) band)
        continue;
      below += (double) layout->band_bytes[(gsize) band * layout->n_columns + column];
      if (bytes < below)
        return band;
    }
  return -1;
}

gboolean
hat_timeline_layout_hit (const HatTimelineLayout *layout, double x, double y, HatTimelineHit *out_hit)
{
  HatTimelineHit hit = { .band = -1, .flag = -1 };
  const HatRect *plot = &layout->plot;

  hit.legend_item = hat_legend_hit (&layout->legend, x, y);
  for (guint i = 0; i < layout->n_flags; i++)
    {
      const HatTimelineFlag *flag = &layout->flags[i];
      if (hat_rect_has (&flag->rect, x, y) || (fabs (flag->x - x) <= 4 && y >= flag->rect.y && y < plot->y))
        hit.flag = i;
    }
  hit.is_inside = hat_rect_has (plot, x, y) || hat_rect_has (&layout->rate, x, y);
  if (hit.is_inside && layout->n_columns)
    {
      const HatTimelineColumn *column;
      hit.column = MIN ((guint) ((x - plot->x) / plot->width * layout->n_columns), layout->n_columns - 1);
      column = &layout->columns[hit.column];
      hit.time_ns = hat_timeline_layout_time (layout, x);
      hit.total_bytes = column->last_bytes;
      hit.total_error = column->error_bytes;
      hit.rss_bytes = column->rss_bytes;
      hit.allocations = column->allocations;
      if (hat_rect_has (plot, x, y))
        hit.band = band_at (layout, hit.column, (1 - (y - plot->y) / plot->height) * layout->top_bytes);
      if (hit.band >= 0)
        {
          hit.band_bytes = hat_timeline_layout_value (layout, hit.column, hit.band, &hit.band_error);
          hit.band_share = hit.total_bytes ? (double) hit.band_bytes / (double) hit.total_bytes : 0;
        }
    }
  *out_hit = hit;
  return hit.is_inside || hit.legend_item >= 0 || hit.flag >= 0;
}

char *
hat_timeline_hit_text (const HatTimelineLayout *layout, const HatTimelineHit *hit)
{
  GString *text = g_string_new (NULL);
  g_autofree char *time = NULL, *total = NULL, *rss = NULL;

  if (!hit->is_inside)
    {
      if (hit->flag >= 0)
        {
          const HatTimelineFlag *flag = &layout->flags[hit->flag];
          time = hat_format_time (flag->time_ns);
          g_string_printf (text, "%s at %s", flag->label, time);
          if (flag->snapshot)
            {
              g_autofree char *pause = hat_format_time (flag->snapshot->pause_ns);
              g_string_append_printf (text, " (%s), the program stood still for %s", hat_snapshot_reason_name (flag->snapshot->reason), pause);
            }
        }
      else if (hit->legend_item >= 0)
        g_string_assign (text, layout->legend.items[hit->legend_item].label);
      return g_string_free (text, FALSE);
    }
  time = hat_format_time (hit->time_ns);
  total = hat_format_bytes_within (hit->total_bytes, hit->total_error);
  g_string_printf (text, "%s: %s live", time, total);
  if (hit->band >= 0)
    {
      g_autofree char *label = band_label (layout->input.timeline, hit->band);
      g_autofree char *bytes = hat_format_bytes_within (hit->band_bytes, hit->band_error);
      g_string_append_printf (text, ", %s %s (%.0f %%)", label, bytes, hit->band_share * 100);
    }
  if (hit->rss_bytes)
    {
      rss = hat_format_bytes (hit->rss_bytes);
      g_string_append_printf (text, ", RSS %s", rss);
    }
  return g_string_free (text, FALSE);
}

char *
hat_timeline_summary (const HatTimeline *timeline)
{
  g_autofree char *from = hat_format_time (timeline->range.from), *to = hat_format_time (timeline->range.to);
  g_autofree char *peak = hat_format_bytes_within (timeline->peak_bytes, timeline->peak_error), *when = hat_format_time (timeline->peak_ns);
  g_autofree char *end = NULL;

  if (!timeline->n_bins)
    return g_strdup ("Timeline: nothing was recorded in this range.");
  end = hat_format_bytes_within (timeline->bins[timeline->n_bins - 1].last_bytes,
                                 timeline->errors ? timeline->errors[timeline->n_bins - 1] : 0);
  if (!timeline->n_bands)
    return g_strdup_printf ("Live heap bytes from %s to %s: peak %s at %s, %s at the end.", from, to, peak, when,
                            end);
  return g_strdup_printf ("Live heap bytes from %s to %s, stacked by %s, most by %s: peak %s at %s, %s at the end.",
                          from, to, hat_grouping_name (timeline->by), timeline->bands[0].label, peak, when, end);
}
