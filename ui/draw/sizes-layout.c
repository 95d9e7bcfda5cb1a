/* SPDX-License-Identifier: Apache-2.0 */

/* Four panels in two columns, or in one when it is narrow: three histograms and the table of common sizes. */

#include "ui/draw/sizes-layout.h"

#include <math.h>

#include "core/heap/format.h"

#define EDGE 16.0
#define TICK_GAP 30.0
#define MOST_TICKS 6

typedef struct
{
  guint n, classes[HAT_SIZE_CLASSES]; /* shown */
} Shown;

/* From the first to the last one that has something. */
static Shown
used_classes (const guint64 *a, const guint64 *b)
{
  Shown shown = { 0 };

  for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
    if (shown.n || a[i] || (b && b[i]))
      shown.classes[shown.n++] = i;
  while (shown.n > 1 && !a[shown.classes[shown.n - 1]] && !(b && b[shown.classes[shown.n - 1]]))
    shown.n--;
  shown.n = MAX (shown.n, 1);
  return shown;
}

/* Up to the longest life that was seen, then "never". */
static Shown
used_lifetimes (const guint64 *lifetimes)
{
  Shown shown = { 0 };
  guint last = 0;

  for (guint i = 0; i < HAT_LIFETIME_CLASSES - 1; i++)
    if (lifetimes[i])
      last = i;
  for (guint i = 0; i <= last; i++)
    shown.classes[shown.n++] = i;
  shown.classes[shown.n++] = HAT_LIFETIME_CLASSES - 1;
  return shown;
}

/* "64", "4 Ki", "1 Mi": where the class begins. */
static char *
class_start_label (guint cls)
{
  static const char *const units[] = { "", " Ki", " Mi", " Gi", " Ti" };
  guint bits = cls ? cls - 1 : 0, unit = MIN (bits / 10, G_N_ELEMENTS (units) - 1);

  if (!cls)
    return g_strdup ("0");
  return g_strdup_printf ("%u%s", 1u << MIN (bits - unit * 10, 31), units[unit]);
}

static const char *const lifetime_names[HAT_LIFETIME_CLASSES] = {
  "< 100 us", "< 1 ms",   "< 10 ms", "< 0.1 s", "< 1 s",  "< 10 s",
  "< 100 s",  "< 17 min", "< 3 h",   "< 28 h",  "longer", "never",
};

static char *
bar_label (HatSizesPanelKind kind, guint cls)
{
  return kind == HAT_SIZES_LIFETIMES ? g_strdup (lifetime_names[cls]) : class_start_label (cls);
}

static void
frame_panel (HatSizesPanel *panel, HatSizesPanelKind kind, HatRect rect)
{
  double top = MIN (50, rect.height * 0.4), bottom = MIN (40, rect.height * 0.3);

  panel->kind = kind;
  panel->rect = rect;
  panel->plot = (HatRect){ rect.x + 58, rect.y + top, MAX (rect.width - 74, 8), rect.height - top - bottom };
}

static void
fill_bars (HatSizesPanel *panel, const guint64 *values, const guint64 *errors, const guint64 *behind, Shown shown, HatAxisKind axis)
{
  double top = 0, slot, needed = 0, gap = MAX (TICK_GAP, panel->plot.height / MOST_TICKS);
  guint n = shown.n, stride;

  for (guint i = 0; i < n; i++)
    {
      guint cls = shown.classes[i];
      top = MAX (top, MAX ((double) values[cls] + (double) errors[cls], (double) (behind ? behind[cls] : 0)));
    }
  if (top == 0)
    return;
  top = hat_axis_round_up (axis, top, panel->plot.height, gap);
  panel->ticks = hat_ticks_new (axis, 0, top, panel->plot.height, gap, &panel->n_ticks);
  panel->bars = g_new0 (HatSizesBar, n);
  panel->n_bars = n;
  slot = MIN (panel->plot.width / n, MAX (panel->plot.width / 6, 90));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *label = bar_label (panel->kind, shown.classes[i]);
      needed = MAX (needed, hat_text_width (label) + 10);
    }
  stride = MAX ((guint) ceil (needed / slot), 1);
  for (guint i = 0; i < n; i++)
    {
      HatSizesBar *bar = &panel->bars[i];
      guint cls = shown.classes[i];
      double bottom = panel->plot.y + panel->plot.height;
      double height = (double) values[cls] / top * panel->plot.height;
      double back = behind ? (double) behind[cls] / top * panel->plot.height : 0;

      /* One allocation among millions is still there. */
      height = values[cls] ? MAX (height, 1) : 0;
      bar->index = cls;
      bar->rect = (HatRect){ panel->plot.x + i * slot + 1, bottom - height, MAX (slot - 2, 1), height };
      bar->behind = (HatRect){ bar->rect.x, bottom - back, bar->rect.width, back };
      bar->high_y = bottom - MIN ((double) values[cls] + (double) errors[cls], top) / top * panel->plot.height;
      bar->low_y = bottom - MAX ((double) values[cls] - (double) errors[cls], 0) / top * panel->plot.height;
      bar->label_x = bar->rect.x + bar->rect.width / 2;
      if ((n - 1 - i) % stride == 0)
        bar->label = bar_label (panel->kind, cls);
    }
}

static guint64
sum (const guint64 *values, guint n)
{
  guint64 all = 0;

  for (guint i = 0; i < n; i++)
    all += values[i];
  return all;
}

static void
fill_allocations (HatSizesPanel *panel, const HatSizes *sizes)
{
  g_autofree char *count = hat_format_count_within (sum (sizes->allocations, HAT_SIZE_CLASSES), sizes->allocations_error[HAT_SIZE_CLASSES]);
  g_autofree char *bytes = hat_format_bytes_within (sum (sizes->bytes, HAT_SIZE_CLASSES), sizes->bytes_error[HAT_SIZE_CLASSES]);

  panel->title = g_strdup ("Sizes asked for");
  panel->subtitle = g_strdup_printf ("%s in %s allocations and reallocations", bytes, count);
  panel->x_unit = "bytes asked for, from";
  panel->y_unit = "allocations and reallocations";
  fill_bars (panel, sizes->allocations, sizes->allocations_error, NULL, used_classes (sizes->allocations, NULL), HAT_AXIS_COUNT);
}

static void
fill_live (HatSizesPanel *panel, const HatSizes *sizes)
{
  guint64 live = sum (sizes->live_bytes, HAT_SIZE_CLASSES), usable = sum (sizes->usable_bytes, HAT_SIZE_CLASSES);
  g_autofree char *bytes = hat_format_bytes_within (live, sizes->live_bytes_error[HAT_SIZE_CLASSES]);
  g_autofree char *waste = hat_format_bytes_within (usable > live ? usable - live : 0, sizes->padding_error[HAT_SIZE_CLASSES]);

  panel->title = g_strdup ("Live at the end of the range");
  panel->subtitle = live ? g_strdup_printf ("%s asked for, %s more reserved by malloc (%.0f %%)", bytes, waste,
                                            100 * (double) (usable - MIN (live, usable)) / (double) live)
                         : g_strdup (sizes->is_estimate ? "no block of the sample is live" : "no block is live");
  panel->x_unit = "bytes asked for, from";
  panel->y_unit = "live bytes; behind: reserved by malloc";
  fill_bars (panel, sizes->live_bytes, sizes->live_bytes_error, sizes->usable_bytes,
             used_classes (sizes->live_bytes, sizes->usable_bytes), HAT_AXIS_BYTES);
}

static void
fill_lifetimes (HatSizesPanel *panel, const HatSizes *sizes)
{
  g_autofree char *temporary = hat_format_count (sizes->temporary);

  panel->title = g_strdup ("Lifetimes");
  if (sizes->is_estimate)
    panel->subtitle = g_strdup ("a sample does not tell what was freed with nothing allocated in between");
  else
    panel->subtitle = g_strdup_printf ("%s temporary: freed before anything else was allocated", temporary);
  panel->x_unit = "time from allocation to free";
  panel->y_unit = "blocks";
  fill_bars (panel, sizes->lifetimes, sizes->lifetimes_error, NULL, used_lifetimes (sizes->lifetimes), HAT_AXIS_COUNT);
}

static void
fill_common (HatSizesPanel *panel, const HatSizes *sizes)
{
  double row = 20, y = panel->rect.y + 66;

  panel->title = g_strdup ("Common sizes");
  panel->subtitle = g_strdup ("the most frequent exact sizes");
  panel->bars = g_new0 (HatSizesBar, G_N_ELEMENTS (sizes->common));
  for (guint i = 0; i < MIN (sizes->n_common, G_N_ELEMENTS (sizes->common)); i++, y += row)
    {
      if (y + row > panel->rect.y + panel->rect.height - 6)
        break;
      panel->bars[panel->n_bars++] = (HatSizesBar){ .rect = { panel->rect.x + 16, y, panel->rect.width - 32, row },
                                                    .index = i };
    }
}

HatSizesLayout *
hat_sizes_layout_new (const HatSizes *sizes, const char *title, double width, double height)
{
  static void (*const fill[HAT_N_SIZES_PANELS]) (HatSizesPanel *, const HatSizes *) = { fill_allocations, fill_live,
                                                                                        fill_lifetimes, fill_common };
  HatSizesLayout *layout = g_new0 (HatSizesLayout, 1);
  guint columns = width >= 620 ? 2 : 1, rows = HAT_N_SIZES_PANELS / columns;
  double top = title ? 40 : 8, space = 12;
  double panel_width = (width - 2 * EDGE - (columns - 1) * space) / columns;
  double panel_height = MAX ((height - top - EDGE - (rows - 1) * space) / rows, 8);

  layout->sizes = sizes;
  layout->title_text = title;
  layout->width = width;
  layout->height = height;
  if (title)
    layout->title = (HatRect){ EDGE, 6, width - 2 * EDGE, 28 };
  if (!sum (sizes->allocations, HAT_SIZE_CLASSES) && !sum (sizes->live_blocks, HAT_SIZE_CLASSES))
    return layout;
  layout->n_panels = HAT_N_SIZES_PANELS;
  for (guint i = 0; i < HAT_N_SIZES_PANELS; i++)
    {
      frame_panel (&layout->panels[i], i,
                   (HatRect){ EDGE + (i % columns) * (panel_width + space),
                              top + i / columns * (panel_height + space), panel_width, panel_height });
      fill[i](&layout->panels[i], sizes);
    }
  return layout;
}

void
hat_sizes_layout_free (HatSizesLayout *layout)
{
  if (!layout)
    return;
  for (guint p = 0; p < layout->n_panels; p++)
    {
      HatSizesPanel *panel = &layout->panels[p];
      for (guint i = 0; i < panel->n_bars; i++)
        g_free (panel->bars[i].label);
      g_free (panel->bars);
      hat_ticks_free (panel->ticks, panel->n_ticks);
      g_free (panel->title);
      g_free (panel->subtitle);
    }
  g_free (layout);
}

HatSizesHit
hat_sizes_layout_hit (const HatSizesLayout *layout, double x, double y)
{
  for (guint p = 0; p < layout->n_panels; p++)
    {
      const HatSizesPanel *panel = &layout->panels[p];
      if (!hat_rect_has (&panel->rect, x, y))
        continue;
      for (guint i = 0; i < panel->n_bars; i++)
        {
          HatRect rect = panel->bars[i].rect;
          /* The whole column answers, however low its bar is. */
          if (panel->kind != HAT_SIZES_COMMON)
            rect = (HatRect){ rect.x - 1, panel->plot.y, rect.width + 2,
                              panel->rect.y + panel->rect.height - panel->plot.y };
          if (hat_rect_has (&rect, x, y))
            return (HatSizesHit){ p, i };
        }
      return (HatSizesHit){ p, -1 };
    }
  return (HatSizesHit){ -1, -1 };
}

static char *
lifetime_text (const HatSizes *sizes, guint cls)
{
  g_autofree char *count = hat_format_count_within (sizes->lifetimes[cls], sizes->lifetimes_error[cls]),
                  *bytes = hat_format_bytes_within (sizes->lifetime_bytes[cls], sizes->lifetime_bytes_error[cls]);

  return g_strdup_printf ("%s: %s blocks, %s", hat_lifetime_class_label (cls), count, bytes);
}

static char *
class_text (const HatSizes *sizes, guint cls)
{
  guint64 all = MAX (sum (sizes->allocations, HAT_SIZE_CLASSES), 1);
  g_autofree char *count = hat_format_count_within (sizes->allocations[cls], sizes->allocations_error[cls]),
                  *live = hat_format_count_within (sizes->live_blocks[cls], sizes->live_blocks_error[cls]);
  g_autofree char *bytes = hat_format_bytes_within (sizes->live_bytes[cls], sizes->live_bytes_error[cls]),
                  *usable = hat_format_bytes_within (sizes->usable_bytes[cls], sizes->usable_bytes_error[cls]);

  return g_strdup_printf ("%s: %s allocations (%.1f %%), %s live with %s, %s reserved", hat_size_class_label (cls),
                          count, 100 * (double) sizes->allocations[cls] / (double) all, live, bytes, usable);
}

char *
hat_sizes_hit_text (const HatSizesLayout *layout, HatSizesHit hit)
{
  const HatSizesPanel *panel;
  guint index;

  if (hit.panel < 0 || hit.bar < 0)
    return NULL;
  panel = &layout->panels[hit.panel];
  index = panel->bars[hit.bar].index;
  if (panel->kind == HAT_SIZES_LIFETIMES)
    return lifetime_text (layout->sizes, index);
  if (panel->kind == HAT_SIZES_COMMON)
    {
      g_autofree char *size = hat_format_bytes (layout->sizes->common[index].size);
      g_autofree char *count = hat_format_count_within (layout->sizes->common[index].allocations,
                                                        layout->sizes->common[index].allocations_error);
      g_autofree char *live = hat_format_count_within (layout->sizes->common[index].live_blocks,
                                                       layout->sizes->common[index].live_blocks_error);
      return g_strdup_printf ("%s: %s allocations, %s live", size, count, live);
    }
  return class_text (layout->sizes, index);
}

char *
hat_sizes_summary (const HatSizes *sizes)
{
  guint64 all = sum (sizes->allocations, HAT_SIZE_CLASSES);
  guint best = 0;
  g_autofree char *count = hat_format_count_within (all, sizes->allocations_error[HAT_SIZE_CLASSES]);

  if (!all)
    return g_strdup ("Sizes: nothing was allocated in this range.");
  for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
    if (sizes->allocations[i] > sizes->allocations[best])
      best = i;
  if (sizes->is_estimate)
    return g_strdup_printf ("Sizes of %s allocations, estimated: most (%.0f %%) are %s.", count,
                            100 * (double) sizes->allocations[best] / (double) all, hat_size_class_label (best));
  g_autofree char *temporary = hat_format_count (sizes->temporary);
  return g_strdup_printf ("Sizes of %s allocations and reallocations: most (%.0f %%) are %s; %s are temporary.", count,
                          100 * (double) sizes->allocations[best] / (double) all, hat_size_class_label (best), temporary);
}
