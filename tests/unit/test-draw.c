/* SPDX-License-Identifier: Apache-2.0 */

/* The pictures: layouts are bounded and the inverse of their hit tests, nothing small gets lost, colours differ,
 * and painting is deterministic. */

#include <cairo.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "core/heap/estimate.h"
#include "tests/unit/heap-fixture.h"
#include "ui/draw/export.h"
#include "ui/draw/flame-paint.h"
#include "ui/draw/leaks-paint.h"
#include "ui/draw/map-paint.h"
#include "ui/draw/overview-paint.h"
#include "ui/draw/sizes-paint.h"
#include "ui/draw/timeline-paint.h"

#define SECOND G_GINT64_CONSTANT (1000000000)
#define MIB (G_GUINT64_CONSTANT (1) << 20)

static HatHeap *
heap_of_sample (guint n_events, guint64 sample_bytes)
{
  const FixtureOptions options = { .n_events = n_events, .max_live = n_events / 8 + 1, .sample_bytes = sample_bytes };
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = fixture_trace (&options);
  HatHeap *heap = hat_heap_new (trace, 0, NULL, &error);

  g_assert_no_error (error);
  return heap;
}

static HatHeap *
heap_of_fixture (guint n_events)
{
  return heap_of_sample (n_events, 0);
}

/* ---- text ---- */

/* Lines of all fonts and widths, one of them no UTF-8, and a paragraph: the widths used and the pixels, as a checksum. */
static char *
paint_texts (gpointer data)
{
  static const char *const strings[] = { "hat_graph_new", "std::vector<int>", "a name that is longer than what it has for room", "no \xff\xfe text", "1,234" };
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, 400, 400);
  cairo_t *cr = cairo_create (surface);
  g_autoptr (HatText) text = hat_text_new (cr);
  g_autoptr (GString) widths = g_string_new (NULL);
  const HatColor color = { 0, 0, 0, 1 };
  g_autofree char *pixels = NULL;

  for (guint i = 0; i < 20; i++)
    {
      const char *string = strings[i % G_N_ELEMENTS (strings)];
      const HatRect rect = { 4, 20.0 * i, 30 + 15.0 * i, 18 };
      const double used = hat_text_line (text, i % 5, color, rect, i % 3, string);
      g_assert_cmpfloat (used, <=, rect.width + 0.01);
      g_string_append_printf (widths, "%.3f of %.3f\n", used, hat_text_measure (text, i % 5, string));
    }
  g_string_append_printf (widths, "%.3f\n", hat_text_wrap (text, HAT_FONT_NORMAL, color, (HatRect){ 200, 300, 90, 60 }, HAT_ALIGN_CENTER, strings[2]));
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  pixels = g_compute_checksum_for_data (G_CHECKSUM_SHA256, cairo_image_surface_get_data (surface), 400 * (gsize) cairo_image_surface_get_stride (surface));
  g_string_append (widths, pixels);
  cairo_surface_destroy (surface);
  return g_strdup (widths->str);
}

/* What is kept of shaped texts is not seen: not the second time, not among so many others that it is kept no longer, and not in a thread. */
static void
test_text_is_kept (void)
{
  g_autofree char *first = paint_texts (NULL), *second = paint_texts (NULL), *third = NULL, *fourth = NULL;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_A8, 1, 1);
  cairo_t *cr = cairo_create (surface);
  g_autoptr (HatText) text = hat_text_new (cr);

  g_assert_cmpstr (first, ==, second);
  for (guint i = 0; i < 6000; i++)
    {
      g_autofree char *string = g_strdup_printf ("%u", i);
      hat_text_measure (text, HAT_FONT_SMALL, string);
      if (i % 1000 == 0)
        {
          g_autofree char *again = paint_texts (NULL);
          g_assert_cmpstr (first, ==, again);
        }
    }
  third = paint_texts (NULL);
  g_assert_cmpstr (first, ==, third);
  fourth = g_thread_join (g_thread_new ("paint", (GThreadFunc) paint_texts, NULL));
  g_assert_cmpstr (first, ==, fourth);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
}

/* ---- palette ---- */

static void
test_text_contrast (void)
{
  for (guint look = 0; look < 4; look++)
    {
      HatPalette palette;
      hat_palette_init (&palette, look & 1, look >> 1);
      const HatColor *backgrounds[] = { &palette.background, &palette.surface };
      const HatColor *texts[] = { &palette.text, &palette.dim_text, &palette.warning, &palette.accent, &palette.rss };
      for (guint b = 0; b < G_N_ELEMENTS (backgrounds); b++)
        for (guint t = 0; t < G_N_ELEMENTS (texts); t++)
          {
            g_test_message ("look %u, background %u, text %u", look, b, t);
            g_assert_cmpfloat (hat_color_contrast (*backgrounds[b], *texts[t]), >=, 4.5);
          }
      for (guint s = 0; s < HAT_SWATCH_SEQUENCE + HAT_SWATCH_STEPS; s++)
        {
          HatColor fill = hat_palette_swatch (&palette, s);
          g_assert_cmpfloat (hat_color_contrast (fill, hat_color_text_on (fill)), >=, 4.5);
          g_assert_cmpfloat (hat_color_contrast (fill, hat_color_dim_text_on (fill)), >=, 4.5);
        }
    }
}

typedef struct
{
  double l, a, b;
} Lab;

static double
linear (double channel)
{
  return channel <= 0.04045 ? channel / 12.92 : pow ((channel + 0.055) / 1.055, 2.4);
}

static double
lab_curve (double t)
{
  return t > 216.0 / 24389 ? cbrt (t) : t * 841 / 108 + 4.0 / 29;
}

/* CIE Lab of a colour; as an eye without green cones sees it (Machado, Oliveira, Fernandes 2009) if `is_deutan`. */
static Lab
lab_of (HatColor color, gboolean is_deutan)
{
  double r = linear (color.red), g = linear (color.green), b = linear (color.blue);

  if (is_deutan)
    {
      double dr = 0.367322 * r + 0.860646 * g - 0.227968 * b;
      double dg = 0.280085 * r + 0.672501 * g + 0.047413 * b;
      b = -0.011820 * r + 0.042940 * g + 0.968881 * b;
      r = CLAMP (dr, 0, 1);
      g = CLAMP (dg, 0, 1);
      b = CLAMP (b, 0, 1);
    }
  double x = lab_curve ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  double y = lab_curve (0.2126 * r + 0.7152 * g + 0.0722 * b);
  double z = lab_curve ((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return (Lab){ 116 * y - 16, 500 * (x - y), 200 * (y - z) };
}

static double
difference (HatColor a, HatColor b, gboolean is_deutan)
{
  Lab x = lab_of (a, is_deutan), y = lab_of (b, is_deutan);

  return sqrt ((x.l - y.l) * (x.l - y.l) + (x.a - y.a) * (x.a - y.a) + (x.b - y.b) * (x.b - y.b));
}

/* 2.3 is just noticeable side by side; areas that only touch need far more. */
static void
test_categories_differ (void)
{
  for (guint look = 0; look < 2; look++)
    {
      HatPalette palette;
      hat_palette_init (&palette, look, FALSE);
      for (guint i = 0; i <= HAT_N_CATEGORIES; i++)
        for (guint k = 0; k < i; k++)
          {
            gboolean is_adjacent = k + 1 == i;
            double normal = difference (palette.categories[i], palette.categories[k], FALSE);
            double deutan = difference (palette.categories[i], palette.categories[k], TRUE);
            g_test_message ("look %u: %u and %u differ by %.1f, %.1f", look, i, k, normal, deutan);
            g_assert_cmpfloat (normal, >=, is_adjacent ? 40 : 18);
            g_assert_cmpfloat (deutan, >=, is_adjacent ? 30 : 8);
          }
      for (guint i = 1; i < HAT_SWATCH_STEPS; i++)
        g_assert_cmpfloat (lab_of (palette.sequence[i], FALSE).l, >, lab_of (palette.sequence[i - 1], FALSE).l);
    }
}

/* ---- axes ---- */

static void
test_ticks (void)
{
  static const struct
  {
    HatAxisKind kind;
    double from, to, length, gap;
    const char *labels;
  } cases[] = {
    { HAT_AXIS_BYTES, 0, 96.0 * MIB, 120, 34, "0|32 MiB|64 MiB|96 MiB" },
    { HAT_AXIS_BYTES, 0, 1536.0 * MIB, 100, 30, "0|0.5 GiB|1.0 GiB|1.5 GiB" },
    { HAT_AXIS_BYTES, 0, 3, 100, 30, "0|1 B|2 B|3 B" },
    { HAT_AXIS_TIME, 0, 41e9, 900, 100, "0 s|5 s|10 s|15 s|20 s|25 s|30 s|35 s|40 s" },
    { HAT_AXIS_TIME, 4.1e9, 4.1005e9, 600, 100, "4.1000 s|4.1001 s|4.1002 s|4.1003 s|4.1004 s|4.1005 s" },
    { HAT_AXIS_TIME, 0, 250e6, 300, 100, "0 s|100 ms|200 ms" },
    { HAT_AXIS_TIME, 0, 600e9, 500, 100, "0 s|2 min|4 min|6 min|8 min|10 min" },
    { HAT_AXIS_TIME, 0, 7200e9, 400, 90, "0 s|30 min|1 h|1:30 h|2 h" },
    { HAT_AXIS_COUNT, 0, 25000, 100, 20, "0|5 k|10 k|15 k|20 k|25 k" },
    { HAT_AXIS_COUNT, 0, 0, 100, 20, "" },
  };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      guint n;
      HatTick *ticks = hat_ticks_new (cases[c].kind, cases[c].from, cases[c].to, cases[c].length, cases[c].gap, &n);
      g_autoptr (GString) labels = g_string_new (NULL);

      for (guint i = 0; i < n; i++)
        {
          g_string_append_printf (labels, "%s%s", i ? "|" : "", ticks[i].label);
          g_assert_cmpfloat (ticks[i].position, >=, -1e-6);
          g_assert_cmpfloat (ticks[i].position, <=, cases[c].length + 1e-6);
        }
      g_assert_cmpstr (labels->str, ==, cases[c].labels);
      hat_ticks_free (ticks, n);
    }
}

static void
test_ticks_random (void)
{
  for (guint round = 0; round < 3000; round++)
    {
      HatAxisKind kind = g_test_rand_int_range (0, 3);
      double to = exp (g_test_rand_double_range (0, 42)), length = g_test_rand_double_range (20, 4000);
      double gap = g_test_rand_double_range (10, 120);
      double top = hat_axis_round_up (kind, to, length, gap);
      guint n;
      HatTick *ticks = hat_ticks_new (kind, 0, top, length, gap, &n);

      g_assert_cmpfloat (top, >=, to * (1 - 1e-6));
      g_assert_cmpuint (n, >=, 2);
      g_assert_cmpfloat (n, <=, length / gap + 2);
      for (guint i = 1; i < n; i++)
        {
          g_assert_cmpfloat (ticks[i].value, >, ticks[i - 1].value);
          g_assert_cmpstr (ticks[i].label, !=, ticks[i - 1].label);
        }
      hat_ticks_free (ticks, n);
    }
}

/* ---- timeline ---- */

static HatTimeline *
timeline_of (guint n_bins, guint n_bands)
{
  HatTimeline *timeline = g_new0 (HatTimeline, 1);

  timeline->range = (HatRange){ 0, 40 * SECOND };
  timeline->n_bins = n_bins;
  timeline->bins = g_new0 (HatBin, n_bins);
  timeline->by = n_bands ? HAT_BY_FUNCTION : HAT_BY_NONE;
  timeline->n_bands = n_bands;
  timeline->bands = g_new0 (HatBand, n_bands);
  timeline->band_bytes = g_new0 (guint64, (gsize) n_bands * n_bins);
  for (guint band = 0; band < n_bands; band++)
    timeline->bands[band] = (HatBand){ band, g_strdup_printf ("function_%u", band), MIB };
  for (guint bin = 0; bin < n_bins; bin++)
    {
      HatBin *b = &timeline->bins[bin];
      for (guint band = 0; band < n_bands; band++)
        {
          guint64 bytes = (guint64) g_test_rand_int_range (100000, 1000000);
          timeline->band_bytes[(gsize) band * n_bins + bin] = bytes;
          b->last_bytes += bytes;
        }
      if (!n_bands)
        b->last_bytes = MIB;
      b->min_bytes = b->max_bytes = b->last_bytes;
      b->allocations = 3;
      if (b->max_bytes > timeline->peak_bytes)
        {
          timeline->peak_bytes = b->max_bytes;
          timeline->peak_ns = 40 * SECOND / n_bins * bin;
        }
    }
  return timeline;
}

static void
timeline_clear (HatTimeline *timeline)
{
  for (guint band = 0; band < timeline->n_bands; band++)
    g_free (timeline->bands[band].label);
  g_free (timeline->bands);
  g_free (timeline->bins);
  g_free (timeline->band_bytes);
  g_free (timeline);
}

static guint32
pixel (cairo_surface_t *surface, int x, int y)
{
  const guint8 *data = cairo_image_surface_get_data (surface);
  guint32 value;

  memcpy (&value, data + (gsize) y * cairo_image_surface_get_stride (surface) + (gsize) x * 4, 4);
  return value & 0xffffff;
}

/* One event among a million bins: in the layout and on the picture. */
static void
test_spike (void)
{
  HatTimeline *timeline = timeline_of (1000000, 0);
  HatTimelineInput input = { .timeline = timeline, .isolated_band = -1 };
  guint bin = (guint) g_test_rand_int_range (1000, 999000);
  g_autoptr (HatTimelineLayout) layout = NULL;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, 900, 300);
  cairo_t *cr = cairo_create (surface);
  HatPalette palette;
  gint64 when = (gint64) ((bin + 0.5) / 1000000 * (double) timeline->range.to);
  guint n_columns_high = 0;
  int x, y, found = -1;

  timeline->bins[bin].max_bytes = timeline->peak_bytes = 16 * MIB;
  timeline->peak_ns = 0;
  layout = hat_timeline_layout_new (&input, 900, 300);
  g_assert_cmpuint (layout->n_columns, <=, 900);
  for (guint c = 0; c < layout->n_columns; c++)
    if (layout->columns[c].max_bytes == 16 * MIB)
      {
        const HatTimelineColumn *column = &layout->columns[c];
        double at = hat_timeline_layout_x (layout, when);
        g_assert_cmpfloat (at, >=, column->x - 0.01);
        g_assert_cmpfloat (at, <=, column->x + column->width + 0.01);
        n_columns_high++;
      }
    else
      g_assert_cmpuint (layout->columns[c].max_bytes, ==, MIB);
  g_assert_cmpuint (n_columns_high, ==, 1);

  hat_palette_init (&palette, FALSE, FALSE);
  hat_timeline_paint (layout, &palette, cr);
  cairo_surface_flush (surface);
  x = (int) floor (hat_timeline_layout_x (layout, when));
  y = (int) hat_timeline_layout_y (layout, 7.1 * MIB);
  for (int dx = -1; dx <= 1; dx++)
    if ((pixel (surface, x + dx, y) & 0xff) < 0xc0)
      found = x + dx;
  g_assert_cmpint (found, >=, 0);
  g_assert_cmpuint (pixel (surface, x + 6, y) & 0xff, >, 0xc0);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  timeline_clear (timeline);
}

static void
test_timeline_hits (void)
{
  guint n_told = 0;

  for (guint round = 0; round < 60; round++)
    {
      HatTimeline *timeline = timeline_of (g_test_rand_int_range (1, 2500), g_test_rand_int_range (0, 14));
      HatMark marks[] = { { "start", SECOND },
                          { "start again", SECOND + 1 },
                          { "a mark with a long name", 39 * SECOND } };
      HatSnapshotInfo snapshots[] = { { .time_ns = 20 * SECOND, .reason = HAT_SNAPSHOT_MARK, .pause_ns = 3000000 } };
      HatTimelineInput input = { .timeline = timeline, .has_legend = TRUE, .isolated_band = -1, .marks = marks, .n_marks = 3,
                                 .snapshots = snapshots, .n_snapshots = 1 };
      double width = g_test_rand_double_range (60, 2600), height = g_test_rand_double_range (24, 1500);
      g_autoptr (HatTimelineLayout) layout = hat_timeline_layout_new (&input, width, height);
      const HatRect *plot = &layout->plot;

      g_assert_cmpfloat (layout->n_columns, <=, MAX (plot->width, 1));
      for (guint i = 0; i < 40; i++)
        {
          gint64 time = (gint64) (g_test_rand_double () * (double) timeline->range.to);
          double x = hat_timeline_layout_x (layout, time);
          guint c = (guint) g_test_rand_int_range (0, layout->n_columns);
          HatTimelineHit hit;

          g_assert_cmpint (ABS (hat_timeline_layout_time (layout, x) - time), <=, 1000);
          if (layout->n_bands)
            {
              const HatTimelineColumn *column = &layout->columns[c];
              guint band = (guint) g_test_rand_int_range (0, layout->n_bands);
              double below = 0, own = (double) layout->band_bytes[(gsize) band * layout->n_columns + c];
              for (guint k = 0; layout->stacking[k] != band; k++)
                below += (double) layout->band_bytes[(gsize) layout->stacking[k] * layout->n_columns + c];
              g_assert_true (hat_timeline_layout_hit (layout, column->x + column->width / 2,
                                                      hat_timeline_layout_y (layout, below + own / 2), &hit));
              g_assert_cmpint (hit.band, ==, band);
              g_assert_cmpuint (hit.column, ==, c);
              g_assert_cmpuint (hit.band_bytes, ==, (guint64) own);
            }
        }
      /* Labels stay inside and never overlap. */
      for (guint i = 0; i < layout->n_flags; i++)
        {
          const HatRect *rect = &layout->flags[i].rect;
          HatTimelineHit hit;
          g_assert_true (i == 0 || layout->flags[i].time_ns >= layout->flags[i - 1].time_ns);
          if (layout->flags[i].snapshot && rect->width > 0 && hat_timeline_layout_hit (layout, rect->x + 2, rect->y + 2, &hit) && hit.flag == (gint) i)
            {
              g_autofree char *text = hat_timeline_hit_text (layout, &hit);
              g_assert_cmpstr (text, ==, "snapshot at 20.0 s (mark), the program stood still for 3.00 ms");
              n_told++;
            }
          for (guint k = 0; k < i && rect->width > 0; k++)
            if (layout->flags[k].rect.width > 0)
              g_assert_cmpfloat (layout->flags[k].rect.x + layout->flags[k].rect.width, <=, rect->x);
        }
      for (guint i = 0; i < layout->legend.n; i++)
        {
          const HatRect *rect = &layout->legend.items[i].rect;
          g_assert_cmpint (hat_legend_hit (&layout->legend, rect->x + 1, rect->y + 1), ==, i);
          g_assert_cmpfloat (rect->y + rect->height, <=, height + 0.5);
        }
      timeline_clear (timeline);
    }
  g_assert_cmpuint (n_told, >, 0);
}

/* ---- map ---- */

static HatLive *
live_of (guint64 n, guint64 address, guint64 max_gap)
{
  HatLive *live = g_new0 (HatLive, 1);

  live->n = n;
  live->time_ns = 10 * SECOND;
  live->blocks = g_new (HatBlock, n + 1);
  for (guint64 i = 0; i < n; i++)
    {
      guint64 size = 8 + i * 2654435761u % 200;
      live->blocks[i] = (HatBlock){
        address, size, i + 1, (gint64) (i % 9999999), (HatStackId) (2 + i % FIXTURE_STACKS), i % 3
      };
      live->bytes += size;
      address += size + (max_gap ? (i * 40503u) % max_gap : 0);
    }
  return live;
}

static void
live_clear (HatLive *live)
{
  g_free (live->blocks);
  g_free (live);
}

static void
test_map_is_bounded (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (500);
  g_autoptr (HatColors) colors = hat_colors_new (heap);
  HatLive *live = live_of (10000000, 0x550000001000, 64);
  HatRegion region = { 0x550000001000, 0x550000001000 + (G_GUINT64_CONSTANT (2) << 30), HAT_REGION_HEAP, "[heap]" };
  HatSample sample = { .n_regions = 1, .regions = &region };
  g_autoptr (HatMapModel) model = hat_map_model_new (heap, live, &sample);
  HatMapStyle style = { .colors = colors, .by = HAT_BY_SIZE, .isolated = -1 };
  HatMapView view = { 0 };

  for (guint zoom = 0; zoom < 20; zoom++)
    {
      g_autoptr (HatMapLayout) layout = hat_map_layout_new (model, &style, view, 1280, 800);
      guint64 n_blocks = 0;

      g_assert_cmpuint (layout->n_rows, >, 0);
      g_assert_cmpfloat (layout->n_rows, <=, layout->plot.height / 4 + 2);
      g_assert_cmpfloat (layout->n_cells, <=, layout->n_rows * (layout->plot.width * 1.5 + 2));
      if (zoom == 0)
        {
          for (guint i = 0; i < layout->n_cells; i++)
            n_blocks += layout->cells[i].n_blocks;
          /* Blocks across the edge of a pixel are in two cells. */
          g_assert_cmpuint (n_blocks, >=, live->n);
          g_assert_cmpuint (n_blocks, <=, live->n + layout->n_cells);
          g_assert_cmpfloat (layout->content_height, <=, layout->plot.height);
        }
      view = hat_map_layout_zoom (layout, 300, 250, 1);
    }
  live_clear (live);
}

/* A hundred arenas, whose headers alone are higher than the picture, still show their blocks. */
static void
test_map_many_arenas (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (500);
  g_autoptr (HatColors) colors = hat_colors_new (heap);
  HatLive *live = live_of (50000, 0x550000001000, 64);
  HatRegion regions[100];
  HatSample sample = { .n_regions = G_N_ELEMENTS (regions), .regions = regions };

  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    regions[i] = (HatRegion){ 0x550000001000 + i * 0x10000, 0x550000001000 + (i + 1) * 0x10000, HAT_REGION_ARENA, "" };
  g_autoptr (HatMapModel) model = hat_map_model_new (heap, live, &sample);
  const HatMapStyle style = { .colors = colors, .by = HAT_BY_SIZE, .isolated = -1 };
  g_autoptr (HatMapLayout) layout = hat_map_layout_new (model, &style, (HatMapView){ 0 }, 700, 400);
  g_assert_cmpuint (layout->view.bytes_per_row, <=, live->blocks[live->n - 1].address - live->blocks[0].address);
  g_assert_cmpuint (layout->n_cells, >, 0);
  live_clear (live);
}

static void
test_map_hits (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (500);
  g_autoptr (HatColors) colors = hat_colors_new (heap);

  for (guint round = 0; round < 12; round++)
    {
      guint64 base = 0x550000000000 + (guint64) g_test_rand_int_range (0, 1000) * 16;
      HatLive *live = live_of ((guint64) g_test_rand_int_range (1, 3000), base,
                               (guint64) g_test_rand_int_range (1, 3000000));
      HatRegion regions[] = { { base & ~G_GUINT64_CONSTANT (4095), base + 100000, HAT_REGION_HEAP, "[heap]" },
                              { base + 5000000, base + 5132000, HAT_REGION_ARENA, "" } };
      HatSample sample = { .n_regions = g_test_rand_int_range (0, 3), .regions = regions };
      g_autoptr (HatMapModel) model = hat_map_model_new (heap, live, &sample);
      HatMapStyle style = { .colors = colors, .by = HAT_BY_THREAD, .isolated = -1 };
      g_autoptr (HatMapLayout) whole = hat_map_layout_new (model, &style, (HatMapView){ 0 }, 900, 600);

      /* Every block can be brought into view, and is found where it is drawn. */
      for (guint i = 0; i < 60; i++)
        {
          const HatBlock *block = &live->blocks[g_test_rand_int_range (0, (gint32) live->n)];
          HatMapView view = hat_map_layout_show (whole, block->address);
          g_autoptr (HatMapLayout) layout = hat_map_layout_new (model, &style, view, 900, 600);
          HatRect rect;
          HatMapHit hit;

          g_assert_true (hat_map_layout_block_rect (layout, block, &rect));
          g_assert_cmpfloat (rect.y, >=, layout->plot.y - layout->row_height);
          g_assert_true (hat_map_layout_hit (
              layout, rect.x + rect.width / 2,
              CLAMP (rect.y + layout->row_height / 2, layout->plot.y + 1, layout->plot.y + layout->plot.height - 1),
              &hit));
          g_assert_nonnull (hit.block);
          g_assert_cmpuint (hit.address, >=, block->address);
          g_assert_cmpuint (hit.address, <, block->address + block->size);
          if (hit.n_blocks == 1)
            g_assert_cmpuint (hit.block->id, ==, block->id);
        }
      live_clear (live);
    }
}

static void
test_map_selection (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (500);
  g_autoptr (HatColors) colors = hat_colors_new (heap);
  g_autoptr (GHashTable) stacks = g_hash_table_new (NULL, NULL);
  HatLive *live = live_of (1000, 0x550000000000, 32);
  g_autoptr (HatMapModel) model = hat_map_model_new (heap, live, NULL);
  HatMapStyle style = { .colors = colors, .by = HAT_BY_AGE, .isolated = -1, .selected_stacks = stacks };
  g_autoptr (HatMapLayout) layout = NULL;
  guint64 bytes = 0;

  g_hash_table_add (stacks, GUINT_TO_POINTER (7));
  for (guint i = 0; i < live->n; i++)
    if (live->blocks[i].stack == 7)
      bytes += live->blocks[i].size;
  layout = hat_map_layout_new (model, &style, (HatMapView){ 0 }, 900, 600);
  g_assert_cmpuint (layout->selected_bytes, ==, bytes);
  live_clear (live);
}

/* ---- flame graph ---- */

/* A random tree as core/heap makes them: children behind their parent, biggest first. */
static HatTree *
tree_of (guint n_wanted)
{
  GArray *nodes = g_array_new (FALSE, TRUE, sizeof (HatTreeNode));
  HatTreeNode root = { .function = "all", .module = "", .cost = 1000000000 };
  HatTree *tree = g_new0 (HatTree, 1);

  g_array_append_val (nodes, root);
  for (guint i = 0; i < nodes->len && nodes->len < n_wanted; i++)
    {
      guint64 rest = g_array_index (nodes, HatTreeNode, i).cost;
      guint n_children = (guint) g_test_rand_int_range (i ? 0 : 3, 9);
      guint first = nodes->len, n = 0;

      for (guint c = 0; c < n_children && rest > 1; c++)
        {
          HatTreeNode child = { .function = c & 1 ? "odd" : "even", .module = "/lib/m.so", .parent = i };
          guint64 limit = n ? g_array_index (nodes, HatTreeNode, nodes->len - 1).cost : rest;
          child.cost = MIN (limit, (guint64) ((double) rest * g_test_rand_double_range (0.01, 0.9)) + 1);
          rest -= MIN (child.cost, rest);
          g_array_append_val (nodes, child);
          n++;
        }
      g_array_index (nodes, HatTreeNode, i).first_child = first;
      g_array_index (nodes, HatTreeNode, i).n_children = n;
    }
  tree->cost = HAT_COST_LIVE;
  tree->n = nodes->len;
  tree->nodes = (HatTreeNode *) g_array_free (nodes, FALSE);
  return tree;
}

static void
test_flame (void)
{
  for (guint round = 0; round < 30; round++)
    {
      HatTree *tree = tree_of (4000);
      HatFlameInput input = { .tree = tree, .selected = G_MAXUINT, .search = "odd" };
      g_autoptr (HatFlameLayout) whole = hat_flame_layout_new (&input, 900, 4000);
      g_autoptr (HatFlameLayout) layout = NULL;

      input.root = whole->boxes[g_test_rand_int_range (0, whole->n_boxes)].node;
      layout = hat_flame_layout_new (&input, 900, 4000);
      g_assert_cmpuint (layout->crumbs[0], ==, 0);
      g_assert_cmpuint (layout->crumbs[layout->n_crumbs - 1], ==, input.root);
      for (guint i = 0; i < layout->n_boxes; i++)
        {
          const HatFlameBox *box = &layout->boxes[i];
          g_assert_cmpfloat (box->rect.width, >=, 0.5);
          g_assert_cmpfloat (box->rect.x + box->rect.width, <=, layout->plot.x + layout->plot.width + 0.01);
          g_assert_cmpint (hat_flame_layout_hit (layout, box->rect.x + box->rect.width / 2, box->rect.y + 1), ==, i);
          if (box->n_merged == 1)
            g_assert_cmpint (hat_flame_layout_find (layout, box->node), ==, i);
          if (i > 0 && layout->boxes[i - 1].rect.y == box->rect.y)
            g_assert_cmpfloat (layout->boxes[i - 1].rect.x + layout->boxes[i - 1].rect.width, <=, box->rect.x + 0.01);
        }
      /* Never counted twice. */
      g_assert_cmpuint (whole->match_cost, <=, tree->nodes[0].cost);
      g_assert_cmpuint (whole->n_matches, >, 0);
      g_free (tree->nodes);
      g_free (tree);
    }
}

/* ---- lists, histograms, cards ---- */

static gboolean
overlap (const HatRect *a, const HatRect *b)
{
  return a->x < b->x + b->width - 0.01 && b->x < a->x + a->width - 0.01 && a->y < b->y + b->height - 0.01
         && b->y < a->y + a->height - 0.01;
}

static void
check_leaks (const HatCandidates *candidates, double width, double height)
{
  g_autoptr (HatLeaksLayout) leaks = hat_leaks_layout_new (candidates, "title", width, height);

  g_assert_cmpuint (leaks->n_rows + leaks->n_left_out, ==, candidates->n);
  for (guint i = 0; i < leaks->n_rows; i++)
    {
      const HatRect *rect = &leaks->rows[i].rect;
      g_assert_cmpfloat (rect->y + rect->height, <=, height);
      g_assert_cmpint (hat_leaks_layout_hit (leaks, rect->x + 1, rect->y + 1), ==, i);
      for (guint k = 0; k < i; k++)
        g_assert_false (overlap (rect, &leaks->rows[k].rect));
    }
}

/* What is at hand stands where it will stand when all is known, and says the same. */
static void
check_pending_cards (HatHeap *heap, const HatOverview *all)
{
  g_autoptr (HatOverview) at_hand = hat_overview_new (heap, NULL, HAT_OVERVIEW_AT_HAND, NULL, NULL);
  g_autoptr (HatOverview) most = hat_overview_new (heap, NULL, HAT_OVERVIEW_BUT_GRAPH, NULL, NULL);

  g_assert_cmpuint (at_hand->n_cards, ==, all->n_cards);
  g_assert_cmpuint (most->n_cards, ==, all->n_cards);
  for (guint i = 0; i < all->n_cards; i++)
    {
      const HatCard *first = &at_hand->cards[i], *second = &most->cards[i], *card = &all->cards[i];
      g_assert_cmpint (first->kind, ==, card->kind);
      g_assert_cmpint (second->kind, ==, card->kind);
      g_assert_cmpint (first->is_pending, ==,
                       card->kind == HAT_CARD_UNFREED || card->kind == HAT_CARD_GROWING || card->kind == HAT_CARD_WASTE);
      g_assert_cmpint (second->is_pending, ==, card->kind == HAT_CARD_UNFREED);
      g_assert_false (card->is_pending);
      if (!first->is_pending)
        g_assert_cmpstr (first->number, ==, card->number);
      if (!second->is_pending)
        g_assert_cmpstr (second->sentence, ==, card->sentence);
    }
}

static void
test_leaks_and_cards (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (20000);
  g_autoptr (GError) error = NULL;
  g_autoptr (HatUnfreedGroups) unfreed = hat_heap_unfreed (heap, NULL, &error);
  g_autoptr (HatCandidates) candidates = hat_candidates_new (heap, NULL, NULL, NULL, &error);
  g_autoptr (HatOverview) overview = hat_overview_new (heap, NULL, HAT_OVERVIEW_ALL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (candidates->n, ==, candidates->growing->n + unfreed->n);
  g_assert_cmpuint (overview->n_cards, >=, 6);
  check_pending_cards (heap, overview);
  for (guint round = 0; round < 30; round++)
    {
      double width = g_test_rand_double_range (320, 2600), height = g_test_rand_double_range (240, 1600);
      g_autoptr (HatOverviewLayout) cards = hat_overview_layout_new (overview, width, height);

      check_leaks (candidates, width, height);
      for (guint i = 0; i < cards->n_rects; i++)
        {
          const HatRect *rect = &cards->rects[i];
          g_assert_cmpfloat (rect->x + rect->width, <=, width);
          g_assert_cmpint (hat_overview_layout_hit (cards, rect->x + rect->width / 2, rect->y + rect->height / 2), ==,
                           i);
          for (guint k = 0; k < i; k++)
            g_assert_false (overlap (rect, &cards->rects[k]));
        }
    }
}

static void
test_sizes (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (20000);
  g_autoptr (GError) error = NULL;
  g_autofree HatSizes *sizes = hat_heap_sizes (heap, (HatRange){ hat_heap_start (heap), hat_heap_end (heap) }, NULL,
                                               &error);

  g_assert_no_error (error);
  sizes->allocations[20] += 1; /* one among thousands */
  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (HatSizesLayout) layout = hat_sizes_layout_new (sizes, "title", g_test_rand_double_range (300, 2600),
                                                                g_test_rand_double_range (300, 1600));
      const HatSizesPanel *panel = &layout->panels[HAT_SIZES_ALLOCATIONS];
      guint64 shown = 0, all = 0;

      g_assert_cmpuint (layout->n_panels, ==, HAT_N_SIZES_PANELS);
      for (guint i = 0; i < HAT_SIZE_CLASSES; i++)
        all += sizes->allocations[i];
      for (guint i = 0; i < panel->n_bars; i++)
        {
          const HatSizesBar *bar = &panel->bars[i];
          HatSizesHit hit = hat_sizes_layout_hit (layout, bar->rect.x + bar->rect.width / 2,
                                                  panel->plot.y + panel->plot.height - 0.5);
          g_autofree char *text = hat_sizes_hit_text (layout, hit);
          shown += sizes->allocations[bar->index];
          g_assert_cmpint (hit.panel, ==, HAT_SIZES_ALLOCATIONS);
          g_assert_cmpint (hit.bar, ==, i);
          g_assert_nonnull (text);
          if (sizes->allocations[bar->index])
            g_assert_cmpfloat (bar->rect.height, >=, 1);
          g_assert_cmpfloat (bar->rect.y, >=, panel->plot.y - 1);
        }
      g_assert_cmpuint (shown, ==, all);
    }
}

/* The same group has the same colour in timeline, map and flame graph; bands differ from each other. */
static void
test_colors_agree (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (20000);
  g_autoptr (GError) error = NULL;
  g_autoptr (HatColors) colors = hat_colors_new (heap);
  HatRange life = { hat_heap_start (heap), hat_heap_end (heap) };
  static const HatGrouping groupings[] = { HAT_BY_FUNCTION, HAT_BY_SITE, HAT_BY_MODULE,
                                           HAT_BY_THREAD,   HAT_BY_SIZE, HAT_BY_AGE };

  for (guint g = 0; g < G_N_ELEMENTS (groupings); g++)
    {
      g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, life, 50, groupings[g], NULL, &error);
      HatSwatch swatches[HAT_N_CATEGORIES + 1];

      g_assert_no_error (error);
      hat_colors_bands (colors, timeline, swatches);
      for (guint i = 0; i < timeline->n_bands; i++)
        {
          if (groupings[g] == HAT_BY_FUNCTION && swatches[i] != HAT_SWATCH_OTHER)
            {
              HatSwatch elsewhere = hat_colors_function (colors, timeline->bands[i].label);
              g_assert_true (elsewhere == swatches[i] || elsewhere == HAT_SWATCH_OTHER);
            }
          for (guint k = 0; k < i; k++)
            if (groupings[g] != HAT_BY_SIZE)
              g_assert_cmpuint (swatches[i], !=, swatches[k]);
        }
    }
}

/* ---- whole pictures ---- */

static cairo_surface_t *
paint (HatHeap *heap, const HatExportOptions *options)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int) options->width,
                                                         (int) options->height);
  cairo_t *cr = cairo_create (surface);
  g_autoptr (GError) error = NULL;

  g_assert_true (hat_export_paint (heap, options, cr, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

static void
test_pictures (void)
{
  static const guint sizes[][2] = { { 1280, 800 }, { 640, 400 }, { 200, 120 } };
  g_autoptr (HatHeap) heap = heap_of_fixture (20000);

  for (guint view = 0; view < HAT_N_VIEWS; view++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (guint is_dark = 0; is_dark < 2; is_dark++)
        {
          HatExportOptions options = { .view = view,
                                       .at_ns = -1,
                                       .cost = HAT_COST_ALLOCATED,
                                       .width = sizes[s][0],
                                       .height = sizes[s][1],
                                       .is_dark = is_dark };
          cairo_surface_t *first = paint (heap, &options), *second = paint (heap, &options);
          gsize bytes = (gsize) cairo_image_surface_get_stride (first) * options.height;
          guint n_painted = 0;

          g_test_message ("%s %ux%u", hat_view_name (view), options.width, options.height);
          g_assert_cmpmem (cairo_image_surface_get_data (first), bytes, cairo_image_surface_get_data (second), bytes);
          for (guint y = 0; y < options.height; y += 2)
            for (guint x = 0; x < options.width; x += 2)
              n_painted += pixel (first, (int) x, (int) y) != (is_dark ? 0x1e1e1e : 0xffffff);
          /* There is no snapshot and no type: words only. */
          g_assert_cmpuint (n_painted * 4, >, options.width * options.height / (view == HAT_VIEW_GRAPH || view == HAT_VIEW_TYPES ? 1000 : 100));
          cairo_surface_destroy (first);
          cairo_surface_destroy (second);
        }
}

static gboolean
is_same_picture (HatHeap *heap, const HatExportOptions *x, const HatExportOptions *y)
{
  cairo_surface_t *a = paint (heap, x), *b = paint (heap, y);
  const gboolean is_same = memcmp (cairo_image_surface_get_data (a), cairo_image_surface_get_data (b),
                                   (gsize) cairo_image_surface_get_stride (a) * x->height) == 0;

  cairo_surface_destroy (a);
  cairo_surface_destroy (b);
  return is_same;
}

/* What is exported is what is seen: zoomed in, searched. */
static void
test_zoomed_pictures (void)
{
  g_autoptr (HatHeap) heap = heap_of_fixture (20000);
  const HatExportOptions calls = { .view = HAT_VIEW_CALLS, .at_ns = -1, .cost = HAT_COST_ALLOCATED, .width = 640, .height = 400 },
                         map = { .view = HAT_VIEW_MAP, .at_ns = -1, .width = 640, .height = 400 };
  HatExportOptions zoomed = calls;

  zoomed.root = 2;
  g_assert_false (is_same_picture (heap, &calls, &zoomed));
  zoomed.root = G_MAXUINT; /* of another tree: all is shown */
  g_assert_true (is_same_picture (heap, &calls, &zoomed));
  zoomed = calls;
  zoomed.search = "a";
  g_assert_false (is_same_picture (heap, &calls, &zoomed));
  zoomed = map;
  zoomed.map.bytes_per_row = 4096;
  g_assert_false (is_same_picture (heap, &map, &zoomed));
}

static void
test_files (void)
{
  static const struct
  {
    const char *name, *magic;
  } kinds[] = { { "p.png", "\x89PNG" }, { "p.SVG", "<?xml" }, { "p.pdf", "%PDF" } };
  g_autoptr (HatHeap) heap = heap_of_fixture (2000);
  g_autofree char *folder = g_dir_make_tmp ("heapatlas-draw-XXXXXX", NULL);
  HatExportOptions options = { .view = HAT_VIEW_TIMELINE, .at_ns = -1, .width = 400, .height = 300 };
  g_autoptr (GError) error = NULL;
  g_autofree char *nowhere = g_build_filename (folder, "missing", "p.png", NULL),
                  *odd = g_build_filename (folder, "p.gif", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path = g_build_filename (folder, kinds[i].name, NULL), *contents = NULL;
      gsize length;
      g_assert_true (hat_export_write (heap, &options, path, NULL, &error));
      g_assert_no_error (error);
      g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
      g_assert_cmpuint (length, >, 500);
      g_assert_cmpint (memcmp (contents, kinds[i].magic, strlen (kinds[i].magic)), ==, 0);
      g_unlink (path);
    }
  g_assert_false (hat_export_write (heap, &options, nowhere, NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_IO);
  g_clear_error (&error);
  g_assert_false (hat_export_write (heap, &options, odd, NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
  g_clear_error (&error);
  options.width = 100000;
  g_assert_false (hat_export_write (heap, &options, "p.png", NULL, &error));
  g_assert_error (error, HAT_ERROR, HAT_ERROR_USAGE);
  /* Nothing was left behind. */
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* ---- samples: what the layouts say has its error, and the error is where it is drawn ---- */

static void
assert_within (const char *text)
{
  g_test_message ("%s", text);
  g_assert_nonnull (strstr (text, "~"));
  g_assert_nonnull (strstr (text, "±"));
}

static void
check_timeline_of_sample (HatHeap *heap, HatRange life, gint isolated)
{
  g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, life, hat_timeline_layout_bins (1280, 800), HAT_BY_FUNCTION, NULL, NULL);
  const HatTimelineInput input = { .timeline = timeline, .has_legend = TRUE, .isolated_band = isolated };
  g_autoptr (HatTimelineLayout) layout = hat_timeline_layout_new (&input, 1280, 800);
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, 1280, 800);
  cairo_t *cr = cairo_create (surface);
  HatPalette palette;
  guint n_seen = 0;

  hat_palette_init (&palette, FALSE, FALSE);
  hat_timeline_paint (layout, &palette, cr);
  cairo_surface_flush (surface);
  const guint32 *pixels = (const guint32 *) cairo_image_surface_get_data (surface);
  for (guint c = 0; c < layout->n_columns; c++)
    {
      guint64 error, value = hat_timeline_layout_value (layout, c, isolated, &error);
      const double value_y = hat_timeline_layout_y (layout, (double) value), high_y = hat_timeline_layout_y (layout, (double) (value + error));
      g_assert_cmpfloat ((double) (value + error), <=, layout->top_bytes);
      if (value > 0)
        g_assert_cmpuint (error, >, 0);
      const HatTimelineColumn *column = &layout->columns[c];
      const gboolean is_under_peak = fabs (column->x - layout->peak_x) < 8
                                     || (column->x >= layout->peak_label.x - 2 && column->x < layout->peak_label.x + layout->peak_label.width + 2);
      if (value_y - high_y < 12 || isolated >= 0 || is_under_peak)
        continue;
      /* Half way up the error nothing but the error is painted. */
      const guint x = (guint) (column->x + column->width / 2), y = (guint) ((value_y + high_y) / 2);
      g_assert_cmphex (pixels[y * 1280 + x] & 0xffffff, !=, 0xffffff);
      n_seen++;
    }
  if (isolated < 0)
    g_assert_cmpuint (n_seen, >, 100);
  g_autofree char *summary = hat_timeline_summary (timeline);
  assert_within (summary);
  if (layout->peak_text)
    assert_within (layout->peak_text);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
}

static void
check_sizes_of_sample (HatHeap *heap, HatRange life)
{
  g_autofree HatSizes *sizes = hat_heap_sizes (heap, life, NULL, NULL);
  g_autoptr (HatSizesLayout) layout = hat_sizes_layout_new (sizes, "title", 1280, 800);

  for (guint p = 0; p < HAT_SIZES_COMMON; p++)
    for (guint i = 0; i < layout->panels[p].n_bars; i++)
      {
        const HatSizesPanel *panel = &layout->panels[p];
        const HatSizesBar *bar = &panel->bars[i];
        g_assert_cmpfloat (bar->high_y, >=, panel->plot.y - 0.01);
        g_assert_cmpfloat (bar->low_y, <=, panel->plot.y + panel->plot.height + 0.01);
        if (bar->rect.height > 2)
          {
            g_assert_cmpfloat (bar->high_y, <, bar->rect.y + 0.01);
            g_assert_cmpfloat (bar->low_y, >, bar->rect.y - 0.01);
          }
      }
  assert_within (layout->panels[HAT_SIZES_ALLOCATIONS].subtitle);
  g_assert_null (strstr (layout->panels[HAT_SIZES_LIFETIMES].subtitle, "%"));
}

static void
test_sample (void)
{
  g_autoptr (HatHeap) heap = heap_of_sample (6000, G_GUINT64_CONSTANT (1) << 30);
  const HatRange life = { hat_heap_start (heap), hat_heap_end (heap) };
  g_autoptr (HatSites) sites = hat_heap_sites (heap, life, NULL, NULL);
  g_autoptr (HatTree) tree = hat_tree_new (hat_heap_trace (heap), sites, HAT_TREE_TOP_DOWN, HAT_COST_ALLOCATIONS, NULL, NULL);
  const HatFlameInput input = { .tree = tree, .selected = G_MAXUINT };
  g_autoptr (HatFlameLayout) flame = hat_flame_layout_new (&input, 800, 600);
  g_autoptr (HatOverview) overview = hat_overview_new (heap, NULL, HAT_OVERVIEW_ALL, NULL, NULL);
  g_autoptr (HatUnfreedGroups) unfreed = hat_heap_unfreed (heap, NULL, NULL);
  g_autoptr (HatCandidates) candidates = hat_candidates_new (heap, NULL, NULL, NULL, NULL);

  check_timeline_of_sample (heap, life, -1);
  check_timeline_of_sample (heap, life, 0);
  check_sizes_of_sample (heap, life);
  for (guint i = 0; i < flame->n_boxes; i++)
    {
      g_autofree char *text = hat_flame_box_text (flame, i);
      assert_within (text);
    }
  for (guint i = 0; i < overview->n_cards; i++)
    if (overview->cards[i].kind == HAT_CARD_TEMPORARY)
      g_assert_cmpstr (overview->cards[i].number, ==, "not known");
    else if (overview->cards[i].kind != HAT_CARD_GROWING && overview->cards[i].kind != HAT_CARD_RSS)
      assert_within (overview->cards[i].number);
  assert_within (candidates->headline);
  g_assert_cmpstr (candidates->sentence, ==, HAT_SAMPLE_HAS_NO_SNAPSHOT);
  g_assert_cmpuint (unfreed->blocks, ==, sites->totals.live_blocks);
}

static GArray *
legend_items (guint n)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (HatLegendItem));
  for (guint i = 0; i <= n; i++)
    {
      HatLegendItem item = { .swatch = i < n ? i : HAT_SWATCH_OTHER, .label = g_strdup (i < n ? "illicit.fill" : "other"), .key = i };
      g_array_append_val (items, item);
    }
  return items;
}

/* As close as its words are wide, and never without "other". */
static void
test_legend (void)
{
  for (double width = 60; width < 1200; width += 47)
    {
      HatLegend legend = { 0 };
      hat_legend_place (&legend, legend_items (9), (HatRect){ 10, 20, width, 36 });
      g_assert_cmpuint (legend.n, >, 0);
      g_assert_cmpuint (legend.items[legend.n - 1].swatch, ==, HAT_SWATCH_OTHER);
      for (guint i = 0; i < legend.n; i++)
        {
          const HatRect *rect = &legend.items[i].rect;
          g_assert_cmpfloat (rect->x + rect->width, <=, 10 + width + 0.5);
          g_assert_cmpfloat (rect->y + rect->height, <=, 20 + 36 + 0.5);
          g_assert_cmpfloat (rect->width, <=, 16.01 + hat_text_width (legend.items[i].label));
        }
      hat_legend_clear (&legend);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/draw/palette/text-contrast", test_text_contrast);
  g_test_add_func ("/draw/palette/categories-differ", test_categories_differ);
  g_test_add_func ("/draw/text/is-kept", test_text_is_kept);
  g_test_add_func ("/draw/axis/ticks", test_ticks);
  g_test_add_func ("/draw/axis/ticks-random", test_ticks_random);
  g_test_add_func ("/draw/timeline/spike", test_spike);
  g_test_add_func ("/draw/timeline/hits", test_timeline_hits);
  g_test_add_func ("/draw/map/is-bounded", test_map_is_bounded);
  g_test_add_func ("/draw/map/many-arenas", test_map_many_arenas);
  g_test_add_func ("/draw/map/hits", test_map_hits);
  g_test_add_func ("/draw/map/selection", test_map_selection);
  g_test_add_func ("/draw/flame/layout", test_flame);
  g_test_add_func ("/draw/leaks-and-cards", test_leaks_and_cards);
  g_test_add_func ("/draw/sizes", test_sizes);
  g_test_add_func ("/draw/sample", test_sample);
  g_test_add_func ("/draw/colors-agree", test_colors_agree);
  g_test_add_func ("/draw/pictures", test_pictures);
  g_test_add_func ("/draw/export/what-is-seen", test_zoomed_pictures);
  g_test_add_func ("/draw/export/files", test_files);
  g_test_add_func ("/draw/legend", test_legend);
  return g_test_run ();
}
