/* SPDX-License-Identifier: Apache-2.0 */

/* The object graph, painted. A node has the colour of the function that allocated it at its edge, and the tint of its leak
 * class; folds are stacks of cards; a bar says how much of everything it keeps alive. */

#include "ui/draw/graph-paint.h"

#include <math.h>
#include <string.h>

#include "core/heap/format.h"

#define RADIUS 6.0
#define TEXT_HEIGHT 13.0  /* px of a node that has room for one row of text */
#define TWO_ROWS 41.0
#define MANY_ROWS 64.0    /* in units of the text's size */
#define MANY_WIDTH 170.0
#define NARROWEST 44.0
#define ROW 16.0
#define STRIPE 5.0
#define RING 9.0          /* px around the nodes of a cycle */
#define ARROW 7.0

static void
set_color (cairo_t *cr, HatColor color)
{
  cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}

static HatRect
grown (HatRect rect, double by)
{
  return (HatRect){ rect.x - by, rect.y - by, rect.width + 2 * by, rect.height + 2 * by };
}

/* On whole pixels: sharp, and painted in a fraction of the time. */
static HatRect
sharp (HatRect rect)
{
  const double x = round (rect.x), y = round (rect.y);

  return (HatRect){ x, y, MAX (1, round (rect.x + rect.width) - x), MAX (1, round (rect.y + rect.height) - y) };
}

static gboolean
is_visible (const HatGraphScene *scene, HatRect rect)
{
  return rect.x < scene->width && rect.x + rect.width > 0 && rect.y < scene->plot.y + scene->plot.height + 20
         && rect.y + rect.height > scene->plot.y - 20;
}

/* ---- lines ---- */

/* What a curve cannot leave. */
static HatRect
around (const double p[8])
{
  const double x = MIN (MIN (p[0], p[2]), MIN (p[4], p[6])), y = MIN (MIN (p[1], p[3]), MIN (p[5], p[7]));

  return (HatRect){ x, y, MAX (MAX (p[0], p[2]), MAX (p[4], p[6])) - x, MAX (MAX (p[1], p[3]), MAX (p[5], p[7])) - y };
}

static void
paint_head (cairo_t *cr, const HatPalette *palette, const double p[8], HatColor color, double size, gboolean is_filled)
{
  double dx = p[6] - p[4], dy = p[7] - p[5], length = hypot (dx, dy);

  if (length < 0.1 || size < 2.5)
    return;
  dx /= length;
  dy /= length;
  size += is_filled; /* it has no border that makes it bigger */
  cairo_move_to (cr, p[6], p[7]);
  cairo_line_to (cr, p[6] - size * dx + size * 0.45 * dy, p[7] - size * dy - size * 0.45 * dx);
  cairo_line_to (cr, p[6] - size * dx - size * 0.45 * dy, p[7] - size * dy + size * 0.45 * dx);
  cairo_close_path (cr);
  set_color (cr, is_filled ? color : palette->background);
  if (is_filled)
    {
      cairo_fill (cr);
      return;
    }
  cairo_fill_preserve (cr);
  set_color (cr, color);
  cairo_set_line_width (cr, 1.1);
  cairo_stroke (cr);
}

static HatColor
line_color (const HatGraphScene *scene, const HatPalette *palette, const HatGraphLine *line)
{
  HatColor plain = hat_color_mix (palette->text, palette->background, 0.3);

  if (line->from == scene->style.selected || line->to == scene->style.selected)
    return palette->accent;
  if (line->is_root)
    return hat_color_mix (palette->text, palette->background, 0.5);
  if (!line->n || line->strength == HAT_STRENGTH_UNKNOWN)
    return hat_color_mix (palette->text, palette->background, line->is_tree ? 0.5 : 0.62);
  return line->strength == HAT_STRENGTH_WEAK ? hat_color_mix (palette->dim_text, palette->background, 0.1) : plain;
}

static void
paint_line (const HatGraphScene *scene, const HatPalette *palette, guint at, guint hovered, gboolean is_hot, cairo_t *cr)
{
  guint n;
  const HatGraphLine *line = &hat_graph_model_lines (scene->layout->model, &n)[at];
  double p[8], small = CLAMP (scene->scale_y, 0.3, 1), width = 1;
  HatColor color = is_hot ? palette->accent : line_color (scene, palette, line);

  if (!hat_graph_scene_curve (scene, at, hovered, p) || !is_visible (scene, around (p)))
    return;
  if (line->is_root || (line->n && line->strength == HAT_STRENGTH_STRONG))
    width = 1.7;
  cairo_set_line_width (cr, (is_hot ? width + 0.8 : width) * (small * 0.6 + 0.4));
  if (!line->is_root && !line->n)
    cairo_set_dash (cr, (double[]){ 1.5, 3.5 }, 2, 0);
  else if (!line->is_root && line->strength == HAT_STRENGTH_WEAK)
    cairo_set_dash (cr, (double[]){ 6, 4 }, 2, 0);
  set_color (cr, color);
  cairo_move_to (cr, p[0], p[1]);
  if (fabs (p[1] - p[7]) < 0.5 && p[3] == p[1] && p[5] == p[7]) /* many are, and straight ones take a tenth of the time */
    cairo_line_to (cr, p[6], p[1]);
  else
    cairo_curve_to (cr, p[2], p[3], p[4], p[5], p[6], p[7]);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
  if (line->n || line->is_root)
    paint_head (cr, palette, p, color, ARROW * MIN (1, scene->scale_y * 2), line->is_root || line->is_certain);
}

/* ---- rings ---- */

/* Around all nodes of a cycle and the lines between them: the same shape twice, the inner one in the background's colour. */
static void
paint_ring (const HatGraphScene *scene, const HatPalette *palette, HatText *text, const HatGraphRing *ring, cairo_t *cr)
{
  guint n, n_lines;
  const HatGraphNode *nodes = hat_graph_model_nodes (scene->layout->model, &n);
  const HatGraphLine *lines = hat_graph_model_lines (scene->layout->model, &n_lines);
  double around = RING * CLAMP (scene->scale_y, 0.3, 1);
  HatRect first = hat_graph_scene_rect (scene, ring->first);
  HatColor inside = hat_color_mix (palette->background, palette->warning, 0.1);

  for (guint pass = 0; pass < 2; pass++)
    {
      double by = pass == 0 ? around : around - 1.6;
      set_color (cr, pass == 0 ? palette->warning : inside);
      for (guint i = 0; i < n; i++)
        if (nodes[i].n_blocks && nodes[i].cycle == ring->cycle)
          {
            hat_path_round (cr, grown (hat_graph_scene_rect (scene, i), by), RADIUS + by);
            cairo_fill (cr);
          }
      cairo_set_line_width (cr, 2 * by);
      for (guint i = 0; i < n_lines; i++)
        {
          double p[8];
          if (!lines[i].is_tree || nodes[lines[i].from].cycle != ring->cycle || nodes[lines[i].to].cycle != ring->cycle
              || !nodes[lines[i].from].n_blocks || !nodes[lines[i].to].n_blocks
              || !hat_graph_scene_curve (scene, i, HAT_NODE_NONE, p))
            continue;
          cairo_move_to (cr, p[0] - 2, p[1]);
          cairo_curve_to (cr, p[2], p[3], p[4], p[5], p[6] + 2, p[7]);
          cairo_stroke (cr);
        }
    }
  if (scene->scale_y > 0.8)
    hat_text_line (text, HAT_FONT_SMALL, palette->warning, (HatRect){ first.x - 4, first.y - around - 17, first.width + 40, 16 },
                   HAT_ALIGN_LEFT, ring->label);
}

/* ---- nodes ---- */

/* The fill's colours at a glance: neutral, or tinted by what is lost. */
static HatColor
node_fill (const HatPalette *palette, const HatGraphNode *node)
{
  if (node->kind == HAT_NODE_ROOT)
    return node->is_lost ? hat_color_mix (palette->background, palette->warning, 0.14)
                         : hat_color_mix (palette->background, palette->accent, 0.1);
  if (node->leak_class == HAT_LEAK_REACHABLE || !node->n_blocks)
    return palette->surface;
  return hat_color_mix (palette->background, hat_palette_swatch (palette, HAT_SWATCH_CLASS + node->leak_class),
                        node->leak_class == HAT_LEAK_INDIRECT ? 0.1 : 0.17);
}

static HatColor
node_border (const HatPalette *palette, const HatGraphNode *node)
{
  if (node->kind == HAT_NODE_ROOT)
    return node->is_lost ? palette->warning : hat_color_mix (palette->accent, palette->background, 0.35);
  if (node->n_blocks && node->leak_class != HAT_LEAK_REACHABLE)
    return hat_palette_swatch (palette, HAT_SWATCH_CLASS + node->leak_class);
  return palette->border;
}

/* One of hundreds: without round corners and strokes, which take ten times as long as rectangles. */
static void
paint_small_card (const HatPalette *palette, const HatGraphNode *node, HatRect rect, gboolean is_folded, cairo_t *cr)
{
  HatColor fill = node_fill (palette, node), border = node_border (palette, node);

  rect = sharp (rect);
  for (guint plate = is_folded ? 2 : 0; plate > 0; plate--)
    {
      HatRect behind = rect;
      behind.x += 3.0 * plate + (node->kind == HAT_NODE_CHAIN);
      behind.y += node->kind == HAT_NODE_CHAIN ? 0 : 3.0 * plate;
      hat_paint_fill (cr, hat_color_mix (border, palette->background, 0.2), behind);
      hat_paint_fill (cr, hat_color_mix (fill, palette->background, 0.25), grown (behind, -1));
    }
  hat_paint_fill (cr, border, rect);
  hat_paint_fill (cr, fill, grown (rect, -1));
  hat_paint_fill (cr, hat_palette_swatch (palette, node->swatch), (HatRect){ rect.x, rect.y, round (MIN (STRIPE, rect.width / 6)), rect.height });
}

/* The card, or stack of cards. */
static void
paint_card (const HatPalette *palette, const HatGraphNode *node, HatRect rect, gboolean is_selected, gboolean is_match, cairo_t *cr)
{
  HatColor fill = node_fill (palette, node), border = node_border (palette, node);
  double radius = node->kind == HAT_NODE_ROOT ? MIN (rect.height / 2, 28) : MIN (RADIUS, rect.height / 3);
  double stripe = node->n_blocks ? MIN (STRIPE, rect.width / 6) : 0;
  gboolean is_folded = hat_graph_node_is_foldable (node) && rect.height >= TEXT_HEIGHT;

  if (rect.height < TWO_ROWS && node->n_blocks && !is_selected && !is_match && node->leak_class != HAT_LEAK_POSSIBLE)
    {
      paint_small_card (palette, node, rect, is_folded, cr);
      return;
    }
  for (guint plate = is_folded ? 2 : 0; plate > 0; plate--)
    {
      double by = 3.0 * plate;
      HatRect behind = rect;
      behind.x += node->kind == HAT_NODE_CHAIN ? by + 1 : by;
      behind.y += node->kind == HAT_NODE_CHAIN ? 0 : by;
      hat_path_round (cr, behind, radius);
      set_color (cr, hat_color_mix (fill, palette->background, 0.25));
      cairo_fill_preserve (cr);
      set_color (cr, hat_color_mix (border, palette->background, 0.2));
      cairo_set_line_width (cr, 1);
      cairo_stroke (cr);
    }
  if (is_selected || is_match)
    {
      hat_path_round (cr, grown (rect, 3), radius + 3);
      set_color (cr, hat_color_fade (palette->accent, 0.3));
      cairo_fill (cr);
    }
  hat_path_corners (cr, (HatRect){ rect.x + stripe, rect.y, rect.width - stripe, rect.height }, stripe > 0 ? 0 : radius, radius);
  set_color (cr, fill);
  cairo_fill (cr);
  if (node->leak_class == HAT_LEAK_POSSIBLE && node->n_blocks)
    hat_paint_hatching (cr, hat_color_fade (border, 0.25), rect, RADIUS);
  if (stripe > 0)
    {
      hat_path_corners (cr, (HatRect){ rect.x, rect.y, stripe, rect.height }, radius, 0);
      set_color (cr, hat_palette_swatch (palette, node->swatch));
      cairo_fill (cr);
    }
  hat_path_round (cr, rect, radius);
  if (node->kind == HAT_NODE_REST || node->kind == HAT_NODE_GAP)
    cairo_set_dash (cr, (double[]){ 4, 3 }, 2, 0);
  set_color (cr, is_selected || is_match ? palette->accent : border);
  cairo_set_line_width (cr, is_selected ? 2.2 : rect.height < 6 ? 0.5 : 1.1);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
}

/* How much of everything it keeps alive. */
static void
paint_share (const HatGraphScene *scene, const HatPalette *palette, const HatGraphNode *node, HatRect rect, cairo_t *cr)
{
  double all = (double) MAX (hat_graph_model_bytes (scene->layout->model), 1), share = MIN (1, (double) node->retained_bytes / all);
  double height = rect.height >= TWO_ROWS ? 4 : 2.5, left = rect.x + STRIPE + 6, width = rect.width - STRIPE - 14;
  HatRect bar = { left, rect.y + rect.height - height - (rect.height >= TWO_ROWS ? 5 : 1.5), width, height };
  HatColor color = node->leak_class == HAT_LEAK_REACHABLE ? palette->accent : node_border (palette, node);

  if (width < 20)
    return;
  hat_paint_fill (cr, palette->empty, sharp (bar));
  bar.width = MAX (2, bar.width * share);
  hat_paint_fill (cr, color, sharp (bar));
}

/* How many own it and how many do not, at its upper right; returns the width used. */
static double
paint_counts (const HatPalette *palette, HatText *text, const HatGraphNode *node, HatRect rect, cairo_t *cr)
{
  double x = rect.x + rect.width - 6;

  if (node->kind != HAT_NODE_BLOCK || node->counts[HAT_STRENGTH_STRONG] + node->counts[HAT_STRENGTH_WEAK] < 2)
    return 0;
  for (guint i = 0; i < 2; i++)
    {
      HatStrength strength = i == 0 ? HAT_STRENGTH_WEAK : HAT_STRENGTH_STRONG;
      g_autofree char *count = g_strdup_printf ("%u", node->counts[strength]);
      double width = MAX (15, hat_text_measure (text, HAT_FONT_SMALL, count) + 9);
      HatRect pill = { x - width, rect.y + 5, width, 15 };
      if (!node->counts[strength])
        continue;
      hat_path_round (cr, pill, 7.5);
      set_color (cr, strength == HAT_STRENGTH_STRONG ? palette->dim_text : palette->background);
      cairo_fill_preserve (cr);
      set_color (cr, palette->dim_text);
      cairo_set_line_width (cr, 1);
      if (strength == HAT_STRENGTH_WEAK)
        cairo_set_dash (cr, (double[]){ 2.5, 2 }, 2, 0);
      cairo_stroke (cr);
      cairo_set_dash (cr, NULL, 0, 0);
      hat_text_line (text, HAT_FONT_SMALL, strength == HAT_STRENGTH_STRONG ? palette->background : palette->dim_text, pill, HAT_ALIGN_CENTER,
                     count);
      x -= width + 3;
    }
  return rect.x + rect.width - 6 - x;
}

/* What of it has room: all, or how big it is itself. */
static void
paint_detail (const HatPalette *palette, HatText *text, const char *detail, HatRect rect)
{
  const char *end = strchr (detail, ',');
  g_autofree char *own = end && hat_text_measure (text, HAT_FONT_SMALL, detail) > rect.width ? g_strndup (detail, (gsize) (end - detail)) : NULL;

  hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, rect, HAT_ALIGN_LEFT, own ? own : detail);
}

/* "9,792 × _Hash_node<...>" where "9,792 × std::__detail::_Hash_node<...>" has no room. Returns the width painted. */
static double
paint_title (const HatPalette *palette, HatText *text, HatFont font, const char *title, HatRect rect)
{
  static const char times[] = " × ";
  const char *name = strstr (title, times);
  name = name ? name + strlen (times) : title;
  const char *tail = hat_text_measure (text, font, title) > rect.width ? hat_function_tail (name) : name;
  g_autofree char *shown = g_strdup_printf ("%.*s%s", (int) (name - title), title, tail);

  return hat_text_line (text, font, palette->text, rect, HAT_ALIGN_LEFT, shown);
}

static void
paint_words (const HatGraphScene *scene, const HatPalette *palette, HatText *text, guint at, HatRect rect, cairo_t *cr)
{
  guint n;
  const HatGraphNode *node = &hat_graph_model_nodes (scene->layout->model, &n)[at];
  /* No bigger than the title has room for. */
  double most = (rect.width - 20) / MAX (hat_text_measure (text, HAT_FONT_BOLD, node->title), 1);
  double bigger = CLAMP (MIN (sqrt (scene->scale_y), most), 1, 1.6);
  gboolean is_close = scene->scale_y > 1.6;
  double indent = node->n_blocks ? STRIPE + 7 : node->kind == HAT_NODE_ROOT ? MIN (14, rect.height / 2) : 9;
  HatRect inside = { rect.x + indent, rect.y, rect.width - indent - (node->has_more ? 12 : 7), rect.height };

  if (bigger > 1)
    {
      cairo_save (cr);
      cairo_translate (cr, rect.x, rect.y);
      cairo_scale (cr, bigger, bigger);
      rect = (HatRect){ 0, 0, rect.width / bigger, rect.height / bigger };
      inside = (HatRect){ indent, 0, rect.width - indent - (node->has_more ? 12 : 7), rect.height };
    }
  if (rect.height < TWO_ROWS)
    {
      g_autofree char *kept = node->n_blocks ? hat_format_bytes (node->retained_bytes) : NULL;
      const char *detail = kept ? kept : node->detail;
      double row = rect.height - (node->n_blocks ? 3 : 0);
      double used = paint_title (palette, text, HAT_FONT_SMALL, node->title, (HatRect){ inside.x, inside.y, inside.width, row }) + 10;
      if (used + hat_text_measure (text, HAT_FONT_SMALL, detail) <= inside.width) /* all of it or nothing */
        hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ inside.x + used, inside.y, inside.width - used, row }, HAT_ALIGN_RIGHT,
                       detail);
      return;
    }
  {
    gboolean is_big = is_close && rect.height >= MANY_ROWS && rect.width >= MANY_WIDTH && node->n_blocks;
    double top = is_big ? rect.y + 7 : rect.y + (rect.height - 2 * ROW - (node->n_blocks ? 7 : 0)) / 2;
    double badge = paint_counts (palette, text, node, rect, cr);
    paint_title (palette, text, HAT_FONT_BOLD, node->title, (HatRect){ inside.x, top, inside.width - badge, ROW + 1 });
    if (node->n_blocks)
      paint_detail (palette, text, node->detail, (HatRect){ inside.x, top + ROW, inside.width, ROW });
    else
      hat_text_line (text, HAT_FONT_SMALL, palette->dim_text, (HatRect){ inside.x, top + ROW, inside.width, ROW }, HAT_ALIGN_LEFT, node->detail);
    if (is_big)
      {
        g_auto (GStrv) facts = hat_graph_node_facts (scene->layout->model, at);
        double y = top + 2 * ROW + 3;
        for (guint i = 0; facts[i] && y + ROW < rect.y + rect.height - 10; i++, y += ROW - 1)
          hat_text_line (text, HAT_FONT_SMALL, i == 0 && node->leak_class != HAT_LEAK_REACHABLE ? palette->warning : palette->dim_text,
                         (HatRect){ inside.x, y, inside.width, ROW }, HAT_ALIGN_LEFT, facts[i]);
      }
  }
  if (bigger > 1)
    cairo_restore (cr);
}

static void
paint_handle (const HatGraphScene *scene, const HatPalette *palette, guint at, cairo_t *cr)
{
  HatRect handle = hat_graph_scene_handle (scene, at);
  double x = handle.x + handle.width / 2, y = handle.y + handle.height / 2, arm = handle.width / 4;

  if (handle.width < 9)
    return;
  hat_paint_round (cr, palette->background, handle, handle.width / 2);
  hat_path_round (cr, grown (handle, -0.5), handle.width / 2);
  set_color (cr, palette->dim_text);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
  hat_paint_line (cr, palette->dim_text, 1.5, x - arm, y, x + arm, y);
  hat_paint_line (cr, palette->dim_text, 1.5, x, y - arm, x, y + arm);
}

static gboolean
is_selected_elsewhere (const HatGraphScene *scene, const HatGraphNode *node)
{
  return scene->style.selected == HAT_NODE_NONE && scene->style.stacks && node->n_blocks
         && g_hash_table_contains (scene->style.stacks, GUINT_TO_POINTER (node->stack));
}

/* A node too small for words: where it stands, whose it is, what class it has. */
static void
paint_mark (const HatPalette *palette, const HatGraphNode *node, HatRect rect, cairo_t *cr)
{
  HatColor fill = node->n_blocks ? hat_color_mix (palette->background, hat_palette_swatch (palette, node->swatch), 0.4) : node_fill (palette, node);

  if (rect.height > 4)
    rect.height -= 1;
  rect = sharp (rect);
  if (node->n_blocks && node->leak_class != HAT_LEAK_REACHABLE)
    fill = hat_color_mix (palette->background, node_border (palette, node), node->leak_class == HAT_LEAK_POSSIBLE ? 0.4 : 0.75);
  hat_paint_fill (cr, fill, rect);
  if (node->n_blocks)
    hat_paint_fill (cr, hat_palette_swatch (palette, node->swatch), (HatRect){ rect.x, rect.y, round (MIN (STRIPE + 2, rect.width / 4)), rect.height });
}

static void
paint_node (const HatGraphScene *scene, const HatPalette *palette, HatText *text, guint at, HatRect rect, cairo_t *cr)
{
  guint n;
  const HatGraphNode *node = &hat_graph_model_nodes (scene->layout->model, &n)[at];
  gboolean is_filtered = scene->style.filter && *scene->style.filter, is_match = hat_graph_scene_matches (scene, at);
  gboolean is_selected = at == scene->style.selected;

  if (node->kind == HAT_NODE_ROOT && rect.height < TEXT_HEIGHT && rect.height > TEXT_HEIGHT * 0.7)
    rect = (HatRect){ rect.x, rect.y - (TEXT_HEIGHT - rect.height) / 2, rect.width, TEXT_HEIGHT }; /* its blocks have words already */
  if (rect.height < TEXT_HEIGHT && !is_selected && !is_match)
    {
      paint_mark (palette, node, rect, cr);
      if (is_filtered)
        hat_paint_fill (cr, hat_color_fade (palette->background, 0.55), rect);
      return;
    }
  paint_card (palette, node, rect, is_selected, is_match || is_selected_elsewhere (scene, node), cr);
  if (node->n_blocks && rect.height >= 9)
    paint_share (scene, palette, node, rect, cr);
  if (rect.height >= TEXT_HEIGHT && rect.width >= NARROWEST)
    paint_words (scene, palette, text, at, rect, cr);
  if (node->has_more)
    paint_handle (scene, palette, at, cr);
  if (is_filtered && !is_match && !is_selected)
    {
      hat_path_round (cr, grown (rect, 1), RADIUS);
      set_color (cr, hat_color_fade (palette->background, 0.55));
      cairo_fill (cr);
    }
}

/* ---- legend ---- */

typedef struct
{
  cairo_t *cr;
  HatText *text;
  const HatPalette *palette;
  HatRect rect;
  double x;
} Legend;

/* FALSE: no room for it, and for no more. */
static gboolean
legend_room (Legend *legend, double sign, const char *label, double *out_x)
{
  double width = sign + 6 + hat_text_measure (legend->text, HAT_FONT_SMALL, label) + 4;

  if (legend->x + width > legend->rect.x + legend->rect.width)
    return FALSE;
  *out_x = legend->x;
  hat_text_line (legend->text, HAT_FONT_SMALL, legend->palette->dim_text,
                 (HatRect){ legend->x + sign + 6, legend->rect.y, width - sign - 4, legend->rect.height }, HAT_ALIGN_LEFT, label);
  legend->x += width + 12;
  return TRUE;
}

static gboolean
legend_line (Legend *legend, HatStrength strength, gboolean is_certain, guint n, const char *label)
{
  double x, y = legend->rect.y + legend->rect.height / 2;
  HatColor color = strength == HAT_STRENGTH_UNKNOWN ? hat_color_mix (legend->palette->text, legend->palette->background, 0.5)
                                                    : legend->palette->dim_text;

  if (!legend_room (legend, 30, label, &x))
    return FALSE;
  if (!n)
    cairo_set_dash (legend->cr, (double[]){ 1.5, 3.5 }, 2, 0);
  else if (strength == HAT_STRENGTH_WEAK)
    cairo_set_dash (legend->cr, (double[]){ 6, 4 }, 2, 0);
  hat_paint_line (legend->cr, color, strength == HAT_STRENGTH_STRONG ? 1.7 : 1, x, y, x + 30, y);
  cairo_set_dash (legend->cr, NULL, 0, 0);
  if (n)
    paint_head (legend->cr, legend->palette, (double[8]){ x, y, x, y, x, y, x + 30, y }, color, ARROW, is_certain);
  return TRUE;
}

static gboolean
legend_class (Legend *legend, HatLeakClass leak_class, const char *label)
{
  double x;
  HatGraphNode node = { .kind = HAT_NODE_BLOCK, .n_blocks = 1, .leak_class = leak_class };
  HatRect rect;

  if (!legend_room (legend, 12, label, &x))
    return FALSE;
  rect = (HatRect){ x, legend->rect.y + legend->rect.height / 2 - 6, 12, 12 };
  hat_paint_round (legend->cr, node_fill (legend->palette, &node), rect, 3);
  if (leak_class == HAT_LEAK_POSSIBLE)
    hat_paint_hatching (legend->cr, hat_color_fade (node_border (legend->palette, &node), 0.4), rect, RADIUS);
  hat_path_round (legend->cr, rect, 3);
  set_color (legend->cr, node_border (legend->palette, &node));
  cairo_set_line_width (legend->cr, 1.1);
  cairo_stroke (legend->cr);
  return TRUE;
}

/* Only what is on the picture. */
static void
paint_legend (const HatGraphScene *scene, const HatPalette *palette, HatText *text, cairo_t *cr)
{
  static const char *const classes[HAT_N_LEAK_CLASSES] = {
    [HAT_LEAK_DIRECT] = "lost", [HAT_LEAK_CYCLE] = "lost ring", [HAT_LEAK_INDIRECT] = "held by lost", [HAT_LEAK_POSSIBLE] = "perhaps lost",
  };
  Legend legend = { cr, text, palette, scene->legend, scene->legend.x };
  guint n, n_lines, kinds[2][3] = { { 0 } }, over = 0, n_classes[HAT_N_LEAK_CLASSES] = { 0 };
  const HatGraphNode *nodes = hat_graph_model_nodes (scene->layout->model, &n);
  const HatGraphLine *lines = hat_graph_model_lines (scene->layout->model, &n_lines);

  for (guint i = 0; i < n_lines; i++)
    if (lines[i].n)
      kinds[lines[i].is_certain][lines[i].strength]++;
    else if (!lines[i].is_root)
      over++;
  for (guint i = 0; i < n; i++)
    if (nodes[i].n_blocks)
      n_classes[nodes[i].leak_class]++;
  for (guint is_certain = 2; is_certain-- > 0;)
    {
      static const char *const labels[2][3] = {
        { "strength unknown", "owns (inferred)", "does not own (inferred)" }, { "strength unknown", "owns", "does not own" }
      };
      static const HatStrength order[] = { HAT_STRENGTH_STRONG, HAT_STRENGTH_WEAK, HAT_STRENGTH_UNKNOWN };
      for (guint i = 0; i < 3; i++)
        if (kinds[is_certain][order[i]] && !legend_line (&legend, order[i], is_certain, 1, labels[is_certain][order[i]]))
          return;
    }
  if (over && !legend_line (&legend, HAT_STRENGTH_UNKNOWN, FALSE, 0, "owns, over several others"))
    return;
  for (guint i = 0; i < HAT_N_LEAK_CLASSES; i++)
    if (classes[i] && n_classes[i] && !legend_class (&legend, i, classes[i]))
      return;
  if (scene->layout->is_crowded)
    {
      double x;
      legend_room (&legend, 0, "other pointers: at the chosen node", &x);
    }
}

/* ---- all of it ---- */

void
hat_graph_paint (const HatGraphScene *scene, const HatPalette *palette, cairo_t *cr)
{
  g_autoptr (HatText) text = hat_text_new (cr);
  guint n, n_lines;
  const HatGraphLine *lines = hat_graph_model_lines (scene->layout->model, &n_lines);

  hat_graph_model_nodes (scene->layout->model, &n);
  cairo_set_tolerance (cr, 0.25);
  hat_paint_fill (cr, palette->background, (HatRect){ 0, 0, scene->width, scene->height });
  cairo_save (cr);
  cairo_rectangle (cr, 0, scene->plot.y - 6, scene->width, scene->plot.height + 12);
  cairo_clip (cr);
  for (guint i = 0; i < scene->layout->n_rings; i++)
    paint_ring (scene, palette, text, &scene->layout->rings[i], cr);
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < n_lines; i++)
      if (lines[i].is_tree == (pass == 1))
        paint_line (scene, palette, i, HAT_NODE_NONE, FALSE, cr);
  for (guint i = 0; i < n; i++)
    {
      HatRect rect = hat_graph_scene_rect (scene, i);
      if (is_visible (scene, rect))
        paint_node (scene, palette, text, i, rect, cr);
    }
  cairo_restore (cr);
  if (scene->style.title)
    hat_text_title (text, palette->text, scene->title, scene->style.title);
  if (scene->legend.height > 0)
    paint_legend (scene, palette, text, cr);
}

void
hat_graph_paint_overlay (const HatGraphScene *scene, const HatPalette *palette, guint hovered_node, gint hovered_line, cairo_t *cr)
{
  guint n, n_lines;
  const HatGraphNode *nodes = hat_graph_model_nodes (scene->layout->model, &n);
  const HatGraphLine *lines = hat_graph_model_lines (scene->layout->model, &n_lines);

  cairo_save (cr);
  cairo_rectangle (cr, 0, scene->plot.y - 6, scene->width, scene->plot.height + 12);
  cairo_clip (cr);
  for (guint i = 0; i < n_lines; i++)
    if ((gint) i == hovered_line || (hovered_node != HAT_NODE_NONE && (lines[i].from == hovered_node || lines[i].to == hovered_node)))
      paint_line (scene, palette, i, hovered_node, TRUE, cr);
  if (hovered_node < n)
    {
      HatRect rect = hat_graph_scene_rect (scene, hovered_node);
      hat_path_round (cr, grown (rect, 1), nodes[hovered_node].kind == HAT_NODE_ROOT ? rect.height : RADIUS + 1);
      set_color (cr, palette->text);
      cairo_set_line_width (cr, 1.6);
      cairo_stroke (cr);
    }
  cairo_restore (cr);
}
