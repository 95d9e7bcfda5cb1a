/* SPDX-License-Identifier: Apache-2.0 */

/* Where nodes are. */

#include "ui/draw/graph-layout.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/heap/format.h"

#define EDGE 16.0
#define COLUMN_GAP 74.0
#define ROW_GAP 12.0
#define FAMILY_GAP 10.0  /* more between subtrees */
#define CHIP_HEIGHT 42.0
#define NODE_HEIGHT 46.0
#define GROWTH 40.0      /* of a node that keeps everything alive */
#define NODE_WIDTH 128.0
#define MAX_WIDTH 236.0
#define RING_MARGIN 12.0
#define RING_LABEL 20.0
#define INCH 72.0
#define LEGEND 26.0
#define HANDLE 8.0
#define CLOSEST 3.0
#define PLATES 6.0        /* px of cards behind a fold, see its painter */
#define WIDEST 1.35       /* rows of a high picture use the width there is */
#define LARGEST 1.5       /* of what fits anyway */
#define FLATTEST 0.045   /* nothing is made smaller than this */
#define READABLE 16.0    /* px of a row of text */

/* ---- sizes ---- */

typedef struct
{
  HatGraphModel *model;
  const HatGraphNode *nodes;
  guint n, n_columns;
  guint *column;   /* of a node */
  double *margin;  /* above and below a node */
  double *widths;  /* of columns */
  HatRect *rects;
} Sheet;

static gboolean
is_mirrored (const Sheet *sheet)
{
  return hat_graph_model_tree (sheet->model) == HAT_GRAPH_PATHS;
}

static double
height_of (const Sheet *sheet, const HatGraphNode *node)
{
  guint64 all = MAX (hat_graph_model_bytes (sheet->model), 1);

  if (!node->n_blocks)
    return CHIP_HEIGHT;
  return NODE_HEIGHT + GROWTH * sqrt (MIN (1.0, (double) node->retained_bytes / (double) all));
}

static void
find_columns (Sheet *sheet)
{
  for (guint i = 0; i < sheet->n; i++)
    sheet->n_columns = MAX (sheet->n_columns, sheet->nodes[i].depth + 1);
  /* Roots are at the border, however short their path is. */
  if (is_mirrored (sheet))
    {
      gboolean has_chip_only = TRUE;
      for (guint i = 0; i < sheet->n; i++)
        has_chip_only &= sheet->nodes[i].depth + 1 < sheet->n_columns || sheet->nodes[i].kind == HAT_NODE_ROOT;
      sheet->n_columns += !has_chip_only;
    }
  sheet->widths = g_new0 (double, sheet->n_columns);
  for (guint i = 0; i < sheet->n; i++)
    {
      const HatGraphNode *node = &sheet->nodes[i];
      double width = MAX (hat_text_width (node->title) * 1.2, hat_text_width (node->detail)) + 30;
      guint column = !is_mirrored (sheet) ? node->depth : node->kind == HAT_NODE_ROOT ? 0 : sheet->n_columns - 1 - node->depth;

      sheet->column[i] = column;
      sheet->widths[column] = MAX (sheet->widths[column], CLAMP (width, NODE_WIDTH, MAX_WIDTH));
    }
}

static double
column_x (const Sheet *sheet, guint column)
{
  double x = 0;

  for (guint i = 0; i < column; i++)
    x += sheet->widths[i] + COLUMN_GAP;
  return x;
}

/* ---- our own: a tidy tree ---- */

/* What a subtree covers in each column from its root's on, relative to its root's middle. */
typedef struct
{
  GArray *top, *bottom; /* double */
} Contour;

#define CONTOUR(array, i) g_array_index (array, double, i)

/* How far `below` has to be moved so that it clears `above`. */
static double
clearance (const Contour *above, const Contour *below)
{
  double shift = -G_MAXDOUBLE;

  for (guint i = 0; i < MIN (above->bottom->len, below->top->len); i++)
    shift = MAX (shift, CONTOUR (above->bottom, i) - CONTOUR (below->top, i));
  return shift;
}

/* Puts `below`, moved by `shift`, under `above`; frees it. */
static void
join (Contour *above, Contour *below, double shift)
{
  for (guint i = 0; i < below->top->len; i++)
    {
      double top = CONTOUR (below->top, i) + shift, bottom = CONTOUR (below->bottom, i) + shift;
      if (i < above->top->len)
        CONTOUR (above->bottom, i) = bottom;
      else
        {
          g_array_append_val (above->top, top);
          g_array_append_val (above->bottom, bottom);
        }
    }
  g_array_unref (below->top);
  g_array_unref (below->bottom);
}

/* The first child keeps more than all others: it goes straight on, so that lists do not climb. */
static gboolean
has_spine (const Sheet *sheet, guint node)
{
  return node + 1 < sheet->n && sheet->nodes[node + 1].parent == node
         && 2 * sheet->nodes[node + 1].retained_bytes > sheet->nodes[node].retained_bytes && !is_mirrored (sheet);
}

static void
lay_out_tree (Sheet *sheet)
{
  guint n = sheet->n;
  g_autofree double *offset = g_new0 (double, n + 1); /* of a node's middle to its parent's */
  g_autofree Contour *contours = g_new0 (Contour, n + 1);
  g_autofree double *middle = g_new0 (double, n + 1);
  double top = 0;

  /* From the leaves up: children stand behind their parents in the array. */
  for (guint i = n; i-- > 0;)
    {
      Contour own = { g_array_new (FALSE, FALSE, sizeof (double)), g_array_new (FALSE, FALSE, sizeof (double)) };
      Contour all = { NULL, NULL };
      g_autoptr (GArray) children = g_array_new (FALSE, FALSE, sizeof (guint));
      double half = sheet->rects[i].height / 2 + sheet->margin[i] + ROW_GAP / 2, first, last;

      for (guint at = i + 1; at < n && sheet->nodes[at].depth > sheet->nodes[i].depth; at = hat_graph_model_end (sheet->model, at))
        g_array_append_val (children, at);
      for (guint k = 0; k < children->len; k++)
        {
          guint child = g_array_index (children, guint, k);
          if (k == 0)
            {
              all = contours[child];
              continue;
            }
          double gap = contours[child].top->len > 1 || all.top->len > 1 ? FAMILY_GAP : 0;
          offset[child] = clearance (&all, &contours[child]) + gap;
          join (&all, &contours[child], offset[child]);
        }
      /* The parent stands in the middle of its first and last child, or beside the one that is most of it. */
      first = children->len ? offset[g_array_index (children, guint, 0)] : 0;
      last = children->len && !has_spine (sheet, i) ? offset[g_array_index (children, guint, children->len - 1)] : first;
      for (guint k = 0; k < children->len; k++)
        offset[g_array_index (children, guint, k)] -= (first + last) / 2;
      double low = -half, high = half;
      g_array_append_val (own.top, low);
      g_array_append_val (own.bottom, high);
      /* A chip of a short path reaches to the border through all columns. */
      for (guint column = sheet->column[i]; is_mirrored (sheet) && sheet->nodes[i].kind == HAT_NODE_ROOT
                                            && column + sheet->nodes[i].depth + 1 < sheet->n_columns; column++)
        {
          g_array_append_val (own.top, low);
          g_array_append_val (own.bottom, high);
        }
      for (guint k = 0; all.top && k < all.top->len; k++)
        {
          double t = CONTOUR (all.top, k) - (first + last) / 2, b = CONTOUR (all.bottom, k) - (first + last) / 2;
          g_array_append_val (own.top, t);
          g_array_append_val (own.bottom, b);
        }
      g_clear_pointer (&all.top, g_array_unref);
      g_clear_pointer (&all.bottom, g_array_unref);
      contours[i] = own;
    }
  /* The trees of the forest, one below the other, as close as they get. */
  {
    Contour all = { NULL, NULL };
    for (guint i = 0; i < n; i = hat_graph_model_end (sheet->model, i))
      {
        if (!all.top)
          all = contours[i];
        else
          {
            offset[i] = clearance (&all, &contours[i]) + FAMILY_GAP;
            join (&all, &contours[i], offset[i]);
          }
      }
    g_clear_pointer (&all.top, g_array_unref);
    g_clear_pointer (&all.bottom, g_array_unref);
  }
  for (guint i = 0; i < n; i++)
    {
      guint parent = sheet->nodes[i].parent;
      middle[i] = offset[i] + (parent == HAT_NODE_NONE ? 0 : middle[parent]);
      sheet->rects[i].x = column_x (sheet, sheet->column[i]);
      sheet->rects[i].y = middle[i] - sheet->rects[i].height / 2;
      top = MIN (top, sheet->rects[i].y - sheet->margin[i]);
    }
  for (guint i = 0; i < n; i++)
    sheet->rects[i].y -= top;
}

/* ---- Graphviz ---- */

static GString *
dot_input (const Sheet *sheet)
{
  GString *text = g_string_new ("digraph{rankdir=LR;splines=none;");

  g_string_append_printf (text, "nodesep=%.4f;ranksep=%.4f;ordering=%s;node[shape=box,fixedsize=true,label=\"\"];\n%s", ROW_GAP / INCH,
                          COLUMN_GAP / INCH, is_mirrored (sheet) ? "in" : "out", is_mirrored (sheet) ? "" : "r[width=0.01,height=0.01];\n");
  for (guint i = 0; i < sheet->n; i++)
    {
      char width[G_ASCII_DTOSTR_BUF_SIZE], height[G_ASCII_DTOSTR_BUF_SIZE];
      g_ascii_formatd (width, sizeof width, "%.4f", sheet->widths[sheet->column[i]] / INCH);
      g_ascii_formatd (height, sizeof height, "%.4f", (sheet->rects[i].height + 2 * sheet->margin[i]) / INCH);
      g_string_append_printf (text, "%u[width=%s,height=%s];\n", i, width, height);
      if (sheet->nodes[i].parent == HAT_NODE_NONE && !is_mirrored (sheet)) /* keeps them in their order */
        g_string_append_printf (text, "r->%u;\n", i);
      else if (sheet->nodes[i].parent != HAT_NODE_NONE)
        g_string_append_printf (text, is_mirrored (sheet) ? "%u->%u" : "%2$u->%1$u", i, sheet->nodes[i].parent);
      if (sheet->nodes[i].parent != HAT_NODE_NONE)
        g_string_append (text, sheet->nodes[i].parent + 1 == i && has_spine (sheet, i - 1) ? "[weight=9];\n" : ";\n");
    }
  if (is_mirrored (sheet))
    {
      g_string_append (text, "{rank=min;");
      for (guint i = 0; i < sheet->n; i++)
        if (sheet->column[i] == 0)
          g_string_append_printf (text, "%u;", i);
      g_string_append (text, "}");
    }
  g_string_append (text, "}\n");
  return text;
}

/* What `dot` answers within its time, or NULL. The question waits in memory, so that nothing blocks and nobody is signalled
 * whatever the child does; it is killed in any case. */
static char *
ask_dot (const char *dot, const GString *question)
{
  const char *argv[] = { dot, "-Kdot", "-Tplain", NULL };
  gint64 deadline = g_get_monotonic_time () + HAT_GRAPH_DOT_MS * 1000;
  g_autoptr (GString) answer = g_string_new (NULL);
  int in = memfd_create ("dot", MFD_CLOEXEC), out = -1;
  gboolean is_whole = FALSE;
  GPid pid;

  if (in < 0 || write (in, question->str, question->len) != (gssize) question->len || lseek (in, 0, SEEK_SET) != 0
      || !g_spawn_async_with_pipes_and_fds (NULL, argv, NULL,
                                            G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                                            NULL, in, -1, -1, NULL, NULL, 0, &pid, NULL, &out, NULL, NULL))
    {
      if (in >= 0)
        close (in);
      return NULL;
    }
  close (in);
  for (;;)
    {
      struct pollfd wait = { out, POLLIN, 0 };
      gint64 left = deadline - g_get_monotonic_time ();
      char buffer[16384];
      gssize got;

      if (left <= 0 || (poll (&wait, 1, (int) (left / 1000) + 1) < 0 && errno != EINTR))
        break;
      if (!wait.revents)
        continue;
      got = read (out, buffer, sizeof buffer);
      if (got > 0)
        g_string_append_len (answer, buffer, got);
      is_whole = got == 0;
      if (got == 0 || (got < 0 && errno != EINTR))
        break;
    }
  close (out);
  kill (pid, SIGKILL);
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
  return is_whole ? g_string_free (g_steal_pointer (&answer), FALSE) : NULL;
}

/* Lines "node NAME X Y WIDTH HEIGHT ...", of the middle, in inches, upwards. */
static gboolean
read_dot (Sheet *sheet, const char *answer)
{
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  double height = 0, left = G_MAXDOUBLE, top = G_MAXDOUBLE;
  guint n_placed = 0;

  for (guint i = 0; lines[i]; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", -1);
      guint n = g_strv_length (words);
      if (n >= 4 && g_str_equal (words[0], "graph"))
        height = g_ascii_strtod (words[3], NULL) * INCH;
      if (n >= 6 && g_str_equal (words[0], "node") && !g_str_equal (words[1], "r"))
        {
          guint64 node = g_ascii_strtoull (words[1], NULL, 10);
          double x = g_ascii_strtod (words[2], NULL) * INCH, y = g_ascii_strtod (words[3], NULL) * INCH;
          if (node >= sheet->n || !isfinite (x) || !isfinite (y))
            return FALSE;
          sheet->rects[node].x = x - sheet->rects[node].width / 2;
          sheet->rects[node].y = height - y - sheet->rects[node].height / 2;
          left = MIN (left, sheet->rects[node].x);
          top = MIN (top, sheet->rects[node].y - sheet->margin[node]);
          n_placed++;
        }
    }
  for (guint i = 0; i < sheet->n; i++)
    {
      sheet->rects[i].x -= left;
      sheet->rects[i].y -= top;
    }
  return n_placed == sheet->n;
}

static gboolean
lay_out_by_dot (Sheet *sheet, const char *dot)
{
  g_autoptr (GString) question = NULL;
  g_autofree char *answer = NULL;

  if (sheet->n > HAT_GRAPH_DOT_NODES || (dot && !*dot))
    return FALSE;
  question = dot_input (sheet);
  answer = ask_dot (dot ? dot : "dot", question);
  return answer && read_dot (sheet, answer);
}

/* ---- layout ---- */

static void
find_rings (HatGraphLayout *layout, Sheet *sheet)
{
  g_autoptr (GHashTable) first = g_hash_table_new (NULL, NULL);
  GArray *rings = g_array_new (FALSE, FALSE, sizeof (HatGraphRing));
  guint n_cycles;
  const HatGraphCycle *cycles = hat_graph_cycles (hat_graph_model_graph (layout->model), &n_cycles);

  for (guint i = 0; i < sheet->n; i++)
    {
      const HatGraphNode *node = &sheet->nodes[i];
      if (!node->n_blocks || node->cycle >= n_cycles)
        continue;
      sheet->margin[i] = RING_MARGIN;
      if (g_hash_table_add (first, GUINT_TO_POINTER (node->cycle)))
        {
          const HatGraphCycle *cycle = &cycles[node->cycle];
          g_autofree char *count = hat_format_count (cycle->n_blocks);
          const char *confidence = hat_confidence_name (cycle->confidence);
          HatGraphRing ring = { node->cycle, i, g_strdup_printf ("ring of %s blocks%s%s", count, confidence ? ", " : "",
                                                                 confidence ? confidence : "") };
          sheet->margin[i] += RING_LABEL;
          g_array_append_val (rings, ring);
        }
    }
  layout->n_rings = rings->len;
  layout->rings = (HatGraphRing *) g_array_free (rings, FALSE);
}

/* Over or below what is between the two columns, whichever is nearer. */
static double
detour_of (const Sheet *sheet, const HatGraphLine *line)
{
  const HatRect *from = &sheet->rects[line->from], *to = &sheet->rects[line->to];
  double top = MIN (from->y, to->y), bottom = MAX (from->y + from->height, to->y + to->height), high = top, low = bottom;
  gboolean is_blocked = FALSE;

  if (sheet->column[line->from] <= sheet->column[line->to] + 1)
    return 0;
  for (guint i = 0; i < sheet->n; i++)
    {
      const HatRect *rect = &sheet->rects[i];
      if (sheet->column[i] >= sheet->column[line->from] || sheet->column[i] <= sheet->column[line->to] || rect->y > bottom
          || rect->y + rect->height < top)
        continue;
      is_blocked = TRUE;
      high = MIN (high, rect->y - sheet->margin[i]);
      low = MAX (low, rect->y + rect->height + sheet->margin[i]);
    }
  return !is_blocked ? 0 : top - high < low - bottom ? high - ROW_GAP : low + ROW_GAP;
}

HatGraphLayout *
hat_graph_layout_new (HatGraphModel *model, const char *dot)
{
  HatGraphLayout *layout = g_new0 (HatGraphLayout, 1);
  Sheet sheet = { .model = model };
  guint n_lines, n_more = 0;
  const HatGraphLine *lines = hat_graph_model_lines (model, &n_lines);

  sheet.nodes = hat_graph_model_nodes (model, &sheet.n);
  sheet.column = g_new0 (guint, sheet.n + 1);
  sheet.margin = g_new0 (double, sheet.n + 1);
  sheet.rects = g_new0 (HatRect, sheet.n + 1);
  layout->model = hat_graph_model_ref (model);
  find_columns (&sheet);
  find_rings (layout, &sheet);
  for (guint i = 0; i < sheet.n; i++)
    {
      sheet.rects[i].width = sheet.widths[sheet.column[i]];
      sheet.rects[i].height = height_of (&sheet, &sheet.nodes[i]);
    }
  layout->is_by_dot = lay_out_by_dot (&sheet, dot);
  if (!layout->is_by_dot)
    lay_out_tree (&sheet);
  layout->rects = sheet.rects;
  layout->detours = g_new0 (double, n_lines + 1);
  for (guint i = 0; i < n_lines; i++)
    layout->detours[i] = lines[i].is_tree ? 0 : detour_of (&sheet, &lines[i]);
  for (guint i = 0; i < sheet.n; i++)
    {
      layout->width = MAX (layout->width, sheet.rects[i].x + sheet.rects[i].width);
      layout->height = MAX (layout->height, sheet.rects[i].y + sheet.rects[i].height + sheet.margin[i]);
    }
  for (guint i = 0; i < n_lines; i++)
    n_more += !lines[i].is_tree;
  layout->is_crowded = n_more > sheet.n / 2 + 16;
  g_free (sheet.column);
  g_free (sheet.margin);
  g_free (sheet.widths);
  return layout;
}

void
hat_graph_layout_free (HatGraphLayout *layout)
{
  if (!layout)
    return;
  for (guint i = 0; i < layout->n_rings; i++)
    g_free (layout->rings[i].label);
  g_free (layout->rings);
  g_free (layout->rects);
  g_free (layout->detours);
  hat_graph_model_unref (layout->model);
  g_free (layout);
}

/* ---- a look at it ---- */

/* Width and height shrink apart from each other when everything is to fit: rows of text stay readable much longer than
 * boxes of the same shape would. */
static void
fit_of (const HatGraphScene *scene, double *out_x, double *out_y)
{
  *out_x = CLAMP (scene->plot.width / MAX (scene->layout->width, 1), FLATTEST, WIDEST);
  *out_y = CLAMP (scene->plot.height / MAX (scene->layout->height, 1), FLATTEST / 2, 1);
  if (*out_y >= 1)
    *out_x = MIN (*out_x, 1);
}

static void
scales_at (const HatGraphScene *scene, double zoom, double *out_x, double *out_y)
{
  double fit_x, fit_y, closer = zoom > 1 ? exp2 (zoom - 1) : 1, farther = CLAMP (1 - zoom, 0, 1);

  fit_of (scene, &fit_x, &fit_y);
  if (fit_x >= 1 && fit_y >= 1 && zoom < 1) /* a small one is shown somewhat bigger */
    closer = MIN (MIN (scene->plot.width / MAX (scene->layout->width, 1), scene->plot.height / MAX (scene->layout->height, 1)), LARGEST);
  *out_x = pow (fit_x, farther) * closer;
  *out_y = pow (fit_y, farther) * closer;
}

void
hat_graph_scene_init (HatGraphScene *scene, const HatGraphLayout *layout, const HatGraphStyle *style, HatGraphView view, double width,
                      double height)
{
  double top = 8, legend = height >= 240 ? LEGEND : 0, room_x, room_y;

  *scene = (HatGraphScene){ .layout = layout, .style = *style, .view = view, .width = width, .height = height };
  if (style->title)
    {
      scene->title = (HatRect){ EDGE, 8, MAX (width - 2 * EDGE, 1), 26 };
      top = 42;
    }
  scene->plot = (HatRect){ EDGE, top, MAX (width - 2 * EDGE - HANDLE, 1), MAX (height - top - legend - 8, 1) };
  scene->legend = (HatRect){ EDGE, height - legend, MAX (width - 2 * EDGE, 1), legend };
  scene->view.zoom = CLAMP (view.zoom, 0, CLOSEST);
  scales_at (scene, scene->view.zoom, &scene->scale_x, &scene->scale_y);
  /* What fits stands in the middle (the roots at the left); what does not is never lost outside. */
  room_x = scene->plot.width / scene->scale_x;
  room_y = scene->plot.height / scene->scale_y;
  scene->view.x = room_x >= layout->width ? room_x / 2 : CLAMP (view.x, room_x / 2, layout->width - room_x / 2);
  scene->view.y = room_y >= layout->height ? layout->height / 2 : CLAMP (view.y, room_y / 2, layout->height - room_y / 2);
  scene->x = scene->plot.x + scene->plot.width / 2 - scene->view.x * scene->scale_x;
  scene->y = scene->plot.y + scene->plot.height / 2 - scene->view.y * scene->scale_y;
}

HatRect
hat_graph_scene_rect (const HatGraphScene *scene, guint node)
{
  const HatRect *rect = &scene->layout->rects[node];

  return (HatRect){ scene->x + rect->x * scene->scale_x, scene->y + rect->y * scene->scale_y, rect->width * scene->scale_x,
                    MAX (rect->height * scene->scale_y, 1) };
}

HatRect
hat_graph_scene_handle (const HatGraphScene *scene, guint node)
{
  HatRect rect = hat_graph_scene_rect (scene, node);
  double radius = MIN (HANDLE, rect.height / 2);

  return (HatRect){ rect.x + rect.width - radius, rect.y + rect.height / 2 - radius, 2 * radius, 2 * radius };
}

gboolean
hat_graph_scene_is_handle (const HatGraphScene *scene, guint node, double x, double y)
{
  guint n;
  HatRect handle = hat_graph_scene_handle (scene, node);

  return hat_graph_model_nodes (scene->layout->model, &n)[node].has_more && hat_rect_has (&handle, x, y);
}

guint
hat_graph_scene_node_at (const HatGraphScene *scene, double x, double y)
{
  guint n, found = HAT_NODE_NONE;

  hat_graph_model_nodes (scene->layout->model, &n);
  if (y < scene->plot.y - 4 || y > scene->plot.y + scene->plot.height + 4)
    return HAT_NODE_NONE;
  for (guint i = 0; i < n && found == HAT_NODE_NONE; i++)
    {
      HatRect rect = hat_graph_scene_rect (scene, i);
      if (hat_rect_has (&rect, x, y) || hat_graph_scene_is_handle (scene, i, x, y))
        found = i;
    }
  return found;
}

/* Where lines leave a node to the right: behind its stack of cards. */
static double
right_of (const HatGraphScene *scene, guint node)
{
  guint n;
  HatRect rect = hat_graph_scene_rect (scene, node);

  return rect.x + rect.width + (hat_graph_node_is_foldable (&hat_graph_model_nodes (scene->layout->model, &n)[node]) && rect.height >= 13 ? PLATES : 0);
}

gboolean
hat_graph_scene_curve (const HatGraphScene *scene, guint at, guint hovered, double out_points[8])
{
  guint n;
  const HatGraphLine *line = &hat_graph_model_lines (scene->layout->model, &n)[at];
  HatRect a = hat_graph_scene_rect (scene, line->from), b = hat_graph_scene_rect (scene, line->to);
  double share = line->is_tree ? 0.5 : 0.72, reach, ay, by, a_right = right_of (scene, line->from), b_right = right_of (scene, line->to);
  double top = scene->plot.y - 60, bottom = scene->plot.y + scene->plot.height + 60;

  if (scene->layout->is_crowded && !line->is_tree && line->from != scene->style.selected && line->to != scene->style.selected
      && line->from != hovered && line->to != hovered)
    return FALSE;
  if ((a.y + a.height < top && b.y + b.height < top) || (a.y > bottom && b.y > bottom)
      || MAX (a.x + a.width, b.x + b.width) < 0 || MIN (a.x, b.x) > scene->width)
    return FALSE;
  ay = a.y + a.height * share;
  by = b.y + b.height * share;
  if (b.x >= a.x + a.width) /* onwards */
    {
      reach = (b.x - a_right) / 2;
      memcpy (out_points, (double[8]){ a_right, ay, a_right + reach, ay, b.x - reach, by, b.x, by }, 8 * sizeof (double));
    }
  else if (b.x + b.width <= a.x) /* back: below the line of the tree */
    {
      double sag = MIN (10, scene->scale_y * 12), detour = scene->layout->detours[at];
      if (detour != 0)
        {
          gboolean is_over = detour <= scene->layout->rects[line->from].y;
          double way = scene->y + detour * scene->scale_y, left = b.x + b.width * 0.85, right = a.x + a.width * 0.15;
          ay = is_over ? a.y : a.y + a.height;
          by = is_over ? b.y : b.y + b.height;
          /* A cubic comes three quarters of the way to its control points. */
          memcpy (out_points, (double[8]){ right, ay, right - (right - left) * 0.1, way + (way - ay) / 3, left + (right - left) * 0.1,
                                           way + (way - by) / 3, left, by }, 8 * sizeof (double));
          return TRUE;
        }
      ay = a.y + a.height * 0.82;
      by = b.y + b.height * 0.82;
      reach = (a.x - b_right) / 2;
      memcpy (out_points, (double[8]){ a.x, ay, a.x - reach, ay + sag, b_right + reach, by + sag, b_right, by },
              8 * sizeof (double));
    }
  else /* within a column: around its right side */
    {
      double right = MAX (a_right, b_right);
      ay = a.y + a.height * (a.y < b.y ? 0.8 : 0.2);
      by = b.y + b.height * (a.y < b.y ? 0.2 : 0.8);
      reach = MIN (COLUMN_GAP * scene->scale_x, 20 + fabs (by - ay) * 0.12);
      memcpy (out_points, (double[8]){ a_right, ay, right + reach, ay, right + reach, by, b_right, by }, 8 * sizeof (double));
    }
  return TRUE;
}

gint
hat_graph_scene_line_at (const HatGraphScene *scene, double x, double y)
{
  guint n;
  double nearest = 25; /* px squared */
  gint found = -1;

  hat_graph_model_lines (scene->layout->model, &n);
  for (guint i = 0; i < n; i++)
    {
      double p[8];
      if (!hat_graph_scene_curve (scene, i, HAT_NODE_NONE, p))
        continue;
      for (guint step = 0; step <= 24; step++)
        {
          double t = step / 24.0, u = 1 - t;
          double px = u * u * u * p[0] + 3 * u * u * t * p[2] + 3 * u * t * t * p[4] + t * t * t * p[6] - x;
          double py = u * u * u * p[1] + 3 * u * u * t * p[3] + 3 * u * t * t * p[5] + t * t * t * p[7] - y;
          if (px * px + py * py < nearest)
            {
              nearest = px * px + py * py;
              found = (gint) i;
            }
        }
    }
  return found;
}

static gboolean
contains (const char *haystack, const char *needle)
{
  g_autofree char *valid = g_utf8_make_valid (haystack, -1), *folded = g_utf8_casefold (valid, -1);

  return strstr (folded, needle) != NULL;
}

gboolean
hat_graph_scene_matches (const HatGraphScene *scene, guint at)
{
  guint n;
  const HatGraphNode *node = &hat_graph_model_nodes (scene->layout->model, &n)[at];
  HatGraph *graph = hat_graph_model_graph (scene->layout->model);
  const char *filter = scene->style.filter;
  g_autofree char *needle = NULL;

  if (!filter || !*filter)
    return FALSE;
  if (g_str_has_prefix (filter, "0x") && node->n_blocks)
    return hat_graph_model_find (scene->layout->model, hat_graph_find (graph, g_ascii_strtoull (filter, NULL, 16))) == at;
  needle = g_utf8_casefold (filter, -1);
  return contains (node->title, needle) || contains (node->detail, needle)
         || (node->n_blocks && contains (hat_stack_function (hat_heap_trace (hat_graph_heap (graph)), node->stack), needle));
}

/* ---- moving ---- */

HatGraphView
hat_graph_scene_zoom (const HatGraphScene *scene, double x, double y, double steps)
{
  double fit_x, fit_y, range, scale_x, scale_y, at_x = (x - scene->x) / scene->scale_x, at_y = (y - scene->y) / scene->scale_y;
  HatGraphView view = scene->view;

  fit_of (scene, &fit_x, &fit_y);
  range = -log2 (MIN (fit_x, fit_y)); /* doublings from everything to natural size */
  if (range < 0.1 && view.zoom < 1)
    view.zoom = 1 + log2 (scene->scale_y);
  for (double left = fabs (steps) / 3; left > 0; left -= 1.0 / 3)
    {
      double step = MIN (left, 1.0 / 3) * (steps < 0 ? -1 : 1);
      gboolean is_far = range >= 0.1 && (view.zoom < 1 || (view.zoom <= 1 && steps < 0));
      view.zoom = CLAMP (view.zoom + (is_far ? step / range : step), range >= 0.1 ? 0 : 1, CLOSEST);
    }
  scales_at (scene, view.zoom, &scale_x, &scale_y);
  view.x = at_x - (x - scene->plot.x - scene->plot.width / 2) / scale_x;
  view.y = at_y - (y - scene->plot.y - scene->plot.height / 2) / scale_y;
  return view;
}

HatGraphView
hat_graph_scene_pan (const HatGraphScene *scene, double dx, double dy)
{
  HatGraphView view = scene->view;

  view.x -= dx / scene->scale_x;
  view.y -= dy / scene->scale_y;
  return view;
}

HatGraphView
hat_graph_scene_show (const HatGraphScene *scene, guint node)
{
  HatRect rect = hat_graph_scene_rect (scene, node);
  const HatRect *own = &scene->layout->rects[node], *plot = &scene->plot;
  HatGraphView view = scene->view;

  if (rect.height >= READABLE && rect.x >= plot->x - 1 && rect.x + rect.width <= plot->x + plot->width + HANDLE + 1
      && rect.y >= plot->y - 1 && rect.y + rect.height <= plot->y + plot->height + 1)
    return view;
  if (rect.height < READABLE)
    view.zoom = 1;
  view.x = own->x + own->width / 2;
  view.y = own->y + own->height / 2;
  return view;
}

guint
hat_graph_scene_neighbour (const HatGraphScene *scene, guint node, gint dx, gint dy)
{
  guint n, best = node;
  double least = G_MAXDOUBLE;
  HatRect own, rect;

  hat_graph_model_nodes (scene->layout->model, &n);
  if (node >= n)
    return n ? 0 : HAT_NODE_NONE;
  own = scene->layout->rects[node];
  for (guint i = 0; i < n; i++)
    {
      double x, y, distance;
      rect = scene->layout->rects[i];
      x = rect.x - own.x;
      y = rect.y + rect.height / 2 - own.y - own.height / 2;
      if (i == node || (dx ? x * dx <= 0 : x != 0 || y * dy <= 0))
        continue;
      /* Along the tree first: sideways by columns, then by rows. */
      distance = dx ? fabs (x) * 1000 + fabs (y) : fabs (y);
      if (distance < least)
        {
          least = distance;
          best = i;
        }
    }
  return best;
}
