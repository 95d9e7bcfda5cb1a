/* SPDX-License-Identifier: Apache-2.0 */

/* Rectangles, axis ticks, legends and the names of views. */

#include "ui/draw/geometry.h"

#include <math.h>
#include <string.h>

#define SWATCH_SIZE 10.0
#define LEGEND_ROW 18.0
#define LEGEND_SPACE 16.0
#define LEGEND_COLUMN 300.0 /* narrower areas are columns */

static const struct
{
  const char *name, *title;
} views[HAT_N_VIEWS] = {
  [HAT_VIEW_OVERVIEW] = { "overview", "Overview" }, [HAT_VIEW_TIMELINE] = { "timeline", "Timeline" },
  [HAT_VIEW_MAP] = { "map", "Live-object map" },    [HAT_VIEW_GRAPH] = { "graph", "Object graph" },
  [HAT_VIEW_CALLS] = { "calls", "Calls" },          [HAT_VIEW_LEAKS] = { "leaks", "Leaks" },
  [HAT_VIEW_TYPES] = { "types", "Types" },          [HAT_VIEW_SIZES] = { "sizes", "Sizes and lifetimes" },
};

const char *
hat_view_name (HatView view)
{
  return views[view].name;
}

const char *
hat_view_title (HatView view)
{
  return views[view].title;
}

gboolean
hat_view_parse (const char *name, HatView *out_view)
{
  if (g_str_equal (name, "flame"))
    name = "calls";
  if (g_str_equal (name, "lifetimes"))
    name = "sizes";
  for (guint i = 0; i < HAT_N_VIEWS; i++)
    if (g_str_equal (name, views[i].name))
      {
        *out_view = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
hat_rect_has (const HatRect *rect, double x, double y)
{
  return x >= rect->x && x < rect->x + rect->width && y >= rect->y && y < rect->y + rect->height;
}

HatSwatch
hat_swatch_sequence (double share)
{
  return HAT_SWATCH_SEQUENCE + (guint) lround (CLAMP (share, 0.0, 1.0) * (HAT_SWATCH_STEPS - 1));
}

/* ---- ticks ---- */

static double
step_of_ten (double at_least)
{
  double power = pow (10, floor (log10 (at_least)));

  for (guint i = 0; i < 3; i++)
    {
      double step = power * (double[]){ 1, 2, 5 }[i];
      if (step >= at_least * (1 - 1e-9))
        return step;
    }
  return power * 10;
}

static double
step_of_time (double at_least)
{
  static const double seconds[] = {
    10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200, 86400
  };

  if (at_least <= 5e9)
    return step_of_ten (MAX (at_least, 1.0));
  for (guint i = 0; i < G_N_ELEMENTS (seconds); i++)
    if (seconds[i] * 1e9 >= at_least)
      return seconds[i] * 1e9;
  return ceil (at_least / 86400e9) * 86400e9;
}

static double
step_at_least (HatAxisKind kind, double at_least)
{
  switch (kind)
    {
    case HAT_AXIS_BYTES:
      return at_least <= 1 ? 1 : exp2 (ceil (log2 (at_least) - 1e-9));
    case HAT_AXIS_TIME:
      return step_of_time (at_least);
    default:
      return step_of_ten (MAX (at_least, 1.0));
    }
}

static double
axis_step (HatAxisKind kind, double span, double length, double gap)
{
  return step_at_least (kind, span / MAX (floor (length / gap), 1.0));
}

/* Decimals needed to tell multiples of `step` (in the label's unit) apart. */
static int
decimals_of (double step)
{
  int decimals = 0;

  while (decimals < 9 && fabs (step - round (step)) > 1e-6 * step)
    {
      step *= 10;
      decimals++;
    }
  return decimals;
}

static char *
label_bytes (double value, double step, double top)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
  double unit = 1;
  guint u = 0;

  if (value == 0)
    return g_strdup ("0");
  while (top >= unit * 1024 && u + 1 < G_N_ELEMENTS (units))
    {
      unit *= 1024;
      u++;
    }
  return g_strdup_printf ("%.*f %s", decimals_of (step / unit), value / unit, units[u]);
}

static char *
label_long_time (double seconds, double step_ns)
{
  guint64 s = (guint64) llround (seconds);

  if (s >= 3600 && step_ns < 60e9)
    return g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u h", s / 3600, (guint) (s % 3600 / 60), (guint) (s % 60));
  if (s >= 3600)
    return s % 3600 == 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT " h", s / 3600)
                         : g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u h", s / 3600, (guint) (s % 3600 / 60));
  return s % 60 == 0 ? g_strdup_printf ("%u min", (guint) (s / 60))
                     : g_strdup_printf ("%u:%02u min", (guint) (s / 60), (guint) (s % 60));
}

static char *
label_time (double value, double step, double top)
{
  static const struct
  {
    double ns;
    const char *name;
  } units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" }, { 1, "ns" } };
  guint u = 0;

  if (value == 0)
    return g_strdup ("0 s");
  if (top >= 120e9 && step >= 1e9)
    return value >= 60e9 ? label_long_time (value / 1e9, step) : g_strdup_printf ("%.0f s", value / 1e9);
  while (u + 1 < G_N_ELEMENTS (units) && top < units[u].ns)
    u++;
  return g_strdup_printf ("%.*f %s", decimals_of (step / units[u].ns), value / units[u].ns, units[u].name);
}

static char *
label_count (double value, double step, double top)
{
  static const struct
  {
    double count;
    const char *name;
  } units[] = {
    { 1e18, " E" }, { 1e15, " P" }, { 1e12, " T" }, { 1e9, " G" }, { 1e6, " M" }, { 1e3, " k" }, { 1, "" }
  };
  guint u = 0;

  if (value == 0)
    return g_strdup ("0");
  while (u + 1 < G_N_ELEMENTS (units) && (top < units[u].count || (units[u].count == 1e3 && top < 1e4)))
    u++;
  return g_strdup_printf ("%.*f%s", decimals_of (step / units[u].count), value / units[u].count, units[u].name);
}

HatTick *
hat_ticks_new (HatAxisKind kind, double from, double to, double length, double gap, guint *out_n)
{
  g_autoptr (GArray) ticks = g_array_new (FALSE, FALSE, sizeof (HatTick));
  double step;

  if (to > from && length > 0)
    {
      step = axis_step (kind, to - from, length, gap);
      for (double i = ceil (from / step - 1e-9) + 0.0; i * step <= to * (1 + 1e-12); i++)
        {
          HatTick tick = { i * step, (i * step - from) / (to - from) * length, NULL };
          if (kind == HAT_AXIS_BYTES)
            tick.label = label_bytes (tick.value, step, to);
          else if (kind == HAT_AXIS_TIME)
            tick.label = label_time (tick.value, step, to);
          else
            tick.label = label_count (tick.value, step, to);
          g_array_append_val (ticks, tick);
        }
    }
  *out_n = ticks->len;
  return (HatTick *) g_array_free (g_steal_pointer (&ticks), FALSE);
}

void
hat_ticks_free (HatTick *ticks, guint n)
{
  for (guint i = 0; i < n; i++)
    g_free (ticks[i].label);
  g_free (ticks);
}

double
hat_axis_round_up (HatAxisKind kind, double max, double length, double gap)
{
  double step;

  if (max <= 0)
    return kind == HAT_AXIS_BYTES ? 1024 : 1;
  step = axis_step (kind, max, length, gap);
  return ceil (max / step - 1e-9) * step;
}

/* ---- legends ---- */

/* Behind `before`, or at the start of the next row. FALSE: there is no room. */
static gboolean
place_item (HatLegendItem *item, const HatLegendItem *before, HatRect area)
{
  double width = SWATCH_SIZE + 6 + hat_text_width (item->label) + (item->detail ? 10 + hat_text_width (item->detail) : 0);
  double x = before ? before->rect.x + before->rect.width + LEGEND_SPACE : area.x, y = before ? before->rect.y : area.y;

  width = MIN (width, area.width);
  if (before && (x + width > area.x + area.width || area.width < LEGEND_COLUMN))
    {
      x = area.x;
      y += LEGEND_ROW;
    }
  item->rect = (HatRect){ x, y, width, LEGEND_ROW };
  return y + LEGEND_ROW <= area.y + area.height + 0.5;
}

void
hat_legend_place (HatLegend *legend, GArray *items, HatRect area)
{
  HatLegendItem *all = (HatLegendItem *) items->data;
  guint n = 0, n_items = items->len;

  while (n < n_items && place_item (&all[n], n ? &all[n - 1] : NULL, area))
    n++;
  /* What is left out is no mystery as long as "other" is there, which takes the place of what comes before it. */
  if (n < n_items && all[n_items - 1].swatch == HAT_SWATCH_OTHER)
    for (guint at = n; at > 0; at--)
      if (place_item (&all[n_items - 1], at > 1 ? &all[at - 2] : NULL, area))
        {
          HatLegendItem other = all[n_items - 1];
          all[n_items - 1] = all[at - 1];
          all[at - 1] = other;
          n = at;
          break;
        }
  for (guint i = n; i < n_items; i++)
    {
      g_free (all[i].label);
      g_free (all[i].detail);
    }
  g_array_set_size (items, n);
  legend->rect = area;
  legend->rect.height = n ? all[n - 1].rect.y + LEGEND_ROW - area.y : 0;
  if (legend->rect.height > area.height)
    legend->rect.height = area.height;
  legend->n = n;
  legend->items = (HatLegendItem *) g_array_free (items, FALSE);
}

gint
hat_legend_hit (const HatLegend *legend, double x, double y)
{
  for (guint i = 0; i < legend->n; i++)
    if (hat_rect_has (&legend->items[i].rect, x, y))
      return i;
  return -1;
}

void
hat_legend_clear (HatLegend *legend)
{
  for (guint i = 0; i < legend->n; i++)
    {
      g_free (legend->items[i].label);
      g_free (legend->items[i].detail);
    }
  g_clear_pointer (&legend->items, g_free);
  legend->n = 0;
}
