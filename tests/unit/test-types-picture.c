/* SPDX-License-Identifier: Apache-2.0 */

/* The picture of a type: every bit of a type is in one box, nothing is lost at any size, what is pointed at is what is drawn. The types are
 * this program's own, read from its debug information. */

#include <cairo.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include "ui/draw/types-paint.h"

/* ---- the types ---- */

struct padded
{
  char a;
  double b;
  char c;
  int d;
  char e;
};

struct bits
{
  unsigned first : 3, second : 11, : 5, third : 1;
  bool flag;
  long last;
};

struct nested
{
  short tag;
  struct padded inner;
  struct
  {
    int x, y;
  };
  char rest;
};

struct large
{
  char head;
  long numbers[5000];
  char tail[3];
};

union either
{
  char letter;
  struct padded whole;
  long number;
};

struct tight
{
  long a, b;
};

#define TEN(p) int p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7, p##8, p##9;
struct many
{
  TEN (a) TEN (b) TEN (c) TEN (d) TEN (e) TEN (f) TEN (g) TEN (h) TEN (i) TEN (j) TEN (k) TEN (l) TEN (m) TEN (n) TEN (o) TEN (p) TEN (q) TEN (r)
  TEN (s) TEN (t) char end;
};

enum size
{
  SMALL = -1,
  BIG = 70000,
};

static struct
{
  struct padded padded;
  struct bits bits;
  struct nested nested;
  union either either;
  struct tight tight;
  struct many many;
  enum size size;
} all;
static struct large large;

static HatTypes *types;

static HatTypeId
type_of (const char *name)
{
  g_autoptr (GArray) found = hat_types_find (types, name);
  g_assert_cmpuint (found->len, ==, 1);
  return g_array_index (found, HatTypeId, 0);
}

static HatTypeShape *
shape_of (const char *name, guint tab, gboolean is_flat)
{
  return hat_type_shape_new (types, type_of (name), tab, is_flat);
}

static const char *const names[] = { "padded", "bits", "nested", "large", "either", "tight", "many", "size" };

/* ---- boxes ---- */

static guint64
bits_of (const HatTypeOrder *order, gboolean of_gaps)
{
  guint64 sum = 0;
  for (guint i = 0; i < order->n; i++)
    if (of_gaps == (order->boxes[i].kind == HAT_BOX_HOLE || order->boxes[i].kind == HAT_BOX_TAIL))
      sum += order->boxes[i].bits;
  return sum;
}

static void
check_whole (const HatTypeOrder *order)
{
  guint64 end = 0;
  for (guint i = 0; i < order->n; i++)
    {
      g_assert_cmpuint (order->boxes[i].bit, ==, end);
      g_assert_cmpuint (order->boxes[i].bits, >, 0);
      g_assert_nonnull (order->boxes[i].name);
      end += order->boxes[i].bits;
    }
  g_assert_cmpuint (end, ==, 8 * order->size);
}

static void
test_every_bit (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint is_flat = 0; is_flat < 2; is_flat++)
      {
        g_autoptr (HatTypeShape) shape = shape_of (names[i], G_MAXUINT, is_flat);
        g_test_message ("%s: %s; %s", shape->title, shape->facts, shape->advice);
        check_whole (&shape->now);
        if (shape->best.n)
          check_whole (&shape->best);
      }
}

static void
test_holes (void)
{
  static const struct
  {
    const char *name;
    guint64 lost, saved;
  } cases[] = { { "padded", 17, 16 }, { "tight", 0, 0 }, { "nested", 13, 8 }, { "many", 3, 0 }, { "large", 12, 8 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HatTypeShape) shape = shape_of (cases[i].name, 0, FALSE);
      g_test_message ("%s: %s", shape->title, shape->facts);
      g_assert_cmpuint (bits_of (&shape->now, TRUE), ==, 8 * cases[i].lost);
      g_assert_cmpuint (shape->best.n ? shape->now.size - shape->best.size : 0, ==, cases[i].saved);
      if (shape->best.n)
        g_assert_cmpuint (bits_of (&shape->best, FALSE), ==, bits_of (&shape->now, FALSE));
    }
}

static const HatTypeBox *
box_named (const HatTypeShape *shape, const char *name)
{
  for (guint i = 0; i < shape->now.n; i++)
    if (g_str_equal (shape->now.boxes[i].name, name))
      return &shape->now.boxes[i];
  return NULL;
}

static void
test_kinds_of_fields (void)
{
  g_autoptr (HatTypeShape) bits = shape_of ("bits", 0, FALSE), folded = shape_of ("nested", 0, FALSE), flat = shape_of ("nested", 0, TRUE),
                           either = shape_of ("either", G_MAXUINT, FALSE), size = shape_of ("size", 0, FALSE);
  const HatTypeBox *second = box_named (bits, "second");

  g_assert_cmpuint (second->bit, ==, 3);
  g_assert_cmpuint (second->bits, ==, 11);
  g_assert_cmpint (box_named (bits, "flag")->kind, ==, HAT_BOX_CHOICE);
  g_assert_cmpint (box_named (bits, "5 bits")->kind, ==, HAT_BOX_HOLE);
  g_assert_cmpint (box_named (folded, "inner")->kind, ==, HAT_BOX_STRUCT);
  g_assert_nonnull (box_named (folded, "y")); /* of a member without a name */
  g_assert_null (box_named (flat, "inner"));
  g_assert_cmpuint (box_named (flat, "inner.d")->bit, ==, 8 * offsetof (struct nested, inner.d));
  g_assert_cmpuint (either->n_tabs, ==, 3);
  g_assert_cmpstr (either->tabs[either->tab], ==, "whole");
  g_assert_nonnull (strstr (size->advice, "SMALL = -1, BIG = 70000"));
  g_autofree char *text = hat_type_box_text (second), *summary = hat_type_shape_summary (folded);
  g_assert_cmpstr (text, ==, "second: unsigned int, 11 bits at 0");
  g_assert_nonnull (strstr (summary, "struct nested: C, 56 bytes, aligned to 8; "));
}

static void
test_generic_names (void)
{
  static const char *const cases[][2] = {
    { "alloc::vec::Vec<i32, alloc::alloc::Global>", "alloc::vec::Vec<…>" },
    { "std::map<int, std::less<int> >::iterator", "std::map<…>::iterator" },
    { "core::option::Option<fn(u32) -> u32>", "core::option::Option<…>" },
    { "Node", NULL },
    { "broken<", NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *generic = hat_type_generic_name (cases[i][0]);
      g_assert_cmpstr (generic, ==, cases[i][1]);
    }
}

/* ---- the ruler ---- */

static void
check_ruler (const HatTypesLayout *layout, guint index)
{
  const HatRuler *ruler = &layout->rulers[index];
  g_autofree guint *labels = g_new0 (guint, ruler->order->n + 1);
  guint64 end = 0;

  for (guint i = 0; i < ruler->n_rows; i++)
    {
      g_assert_cmpuint (ruler->rows[i].byte, ==, end);
      end += ruler->rows[i].n_folded ? ruler->rows[i].n_folded : 8;
    }
  g_assert_cmpuint (end, >=, ruler->order->size);
  g_assert_cmpuint (end, <, ruler->order->size + 8);
  for (guint i = 0; i < ruler->n_parts; i++)
    {
      const HatRulerPart *part = &ruler->parts[i];
      const double x = part->rect.x + part->rect.width / 2, y = part->rect.y + part->rect.height / 2;
      labels[part->box] += part->has_label;
      g_assert_cmpfloat (part->rect.x, >=, ruler->bytes.x - 0.01);
      g_assert_cmpfloat (part->rect.x + part->rect.width, <=, ruler->bytes.x + ruler->bytes.width + 0.01);
      g_assert_cmpfloat (part->rect.width, >, 0);
      if (!hat_rect_has (&layout->view, x, y))
        continue;
      HatTypesHit hit = hat_types_layout_hit (layout, x, y);
      g_assert_cmpint (hit.ruler, ==, index);
      g_assert_cmpint (hit.box, ==, part->box);
    }
  for (guint i = 0; i < ruler->order->n; i++)
    g_assert_cmpuint (labels[i], ==, 1);
}

static void
test_rulers (void)
{
  static const double sizes[][2] = { { 1280, 800 }, { 640, 480 }, { 320, 200 }, { 120, 120 } };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (guint scroll = 0; scroll < 2; scroll++)
        {
          g_autoptr (HatTypeShape) shape = shape_of (names[i], G_MAXUINT, scroll);
          const HatTypesInput input = { .shape = shape, .scroll_px = scroll * 40 };
          g_autoptr (HatTypesLayout) layout = hat_types_layout_new (&input, sizes[s][0], sizes[s][1]);
          gboolean has_tab = shape->n_tabs == 0;

          g_test_message ("%s at %.0f x %.0f", names[i], sizes[s][0], sizes[s][1]);
          g_assert_cmpuint (layout->n_rulers, ==, shape->best.n ? 2 : 1);
          for (guint r = 0; r < layout->n_rulers; r++)
            check_ruler (layout, r);
          for (guint t = 0; t < layout->n_tabs; t++)
            {
              has_tab |= layout->first_tab + t == shape->tab;
              g_assert_cmpint (hat_types_layout_hit (layout, layout->tabs[t].x + 1, layout->tabs[t].y + 1).tab, ==, layout->first_tab + t);
            }
          g_assert_true (has_tab);
        }
}

static void
test_folding (void)
{
  g_autoptr (HatTypeShape) shape = shape_of ("large", 0, FALSE);
  const HatTypesInput input = { .shape = shape };
  g_autoptr (HatTypesLayout) layout = hat_types_layout_new (&input, 800, 600);

  g_assert_cmpuint (layout->rulers[0].n_rows, <, 10);
  g_assert_cmpfloat (layout->content_height, <, 600);
}

/* A type as only damage can make it: larger than memory, fields over each other. */
static void
test_absurd (void)
{
  HatTypeBox boxes[] = {
    { .bit = 0, .bits = (guint64) 1 << 62, .name = (char *) "all" },
    { .bit = 4000, .bits = (guint64) 1 << 61, .name = (char *) "half" },
  };
  HatTypeShape shape = { .title = (char *) "struct absurd", .facts = (char *) "", .now = { (guint64) 1 << 59, 2, boxes } };
  const HatTypesInput input = { .shape = &shape };
  g_autoptr (HatTypesLayout) layout = hat_types_layout_new (&input, 800, 600);

  g_assert_cmpuint (layout->rulers[0].n_rows, <=, 100000);
  g_assert_cmpuint (layout->rulers[0].n_parts, <=, 200000);
}

/* ---- painting ---- */

static cairo_surface_t *
paint (const HatTypesLayout *layout, gboolean is_dark)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int) layout->width, (int) layout->height);
  cairo_t *cr = cairo_create (surface);
  HatPalette palette;

  hat_palette_init (&palette, is_dark, FALSE);
  hat_types_paint (layout, &palette, cr);
  g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

static void
test_paint (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint is_dark = 0; is_dark < 2; is_dark++)
      {
        g_autoptr (HatTypeShape) shape = shape_of (names[i], G_MAXUINT, FALSE);
        const HatTypesInput input = { .shape = shape };
        g_autoptr (HatTypesLayout) layout = hat_types_layout_new (&input, 640, 480);
        cairo_surface_t *first = paint (layout, is_dark), *second = paint (layout, is_dark);
        const HatRect *view = &layout->view, *rect = &layout->rulers[0].parts[0].rect;
        const gsize stride = (gsize) cairo_image_surface_get_stride (first);
        const guint32 *row = (const guint32 *) (gpointer) (cairo_image_surface_get_data (first) + stride * (gsize) (rect->y + 3));

        g_assert_cmpmem (cairo_image_surface_get_data (first), stride * 480, cairo_image_surface_get_data (second), stride * 480);
        g_assert_true (hat_rect_has (view, rect->x + 1, rect->y + 1));
        g_assert_cmphex (row[(int) (rect->x + rect->width / 2)] & 0xffffff, !=, is_dark ? 0x1e1e1e : 0xffffff);
        cairo_surface_destroy (first);
        cairo_surface_destroy (second);
      }
}

/* Padding is told by more than its colour, and every name can be read on its box. */
static void
test_colors (void)
{
  for (guint look = 0; look < 4; look++)
    {
      HatPalette palette;
      hat_palette_init (&palette, look & 1, look >> 1);
      for (guint kind = 0; kind < HAT_BOX_HOLE; kind++)
        {
          HatColor fill = hat_color_mix (hat_palette_swatch (&palette, hat_box_swatch (kind)), palette.background, palette.is_dark ? 0.2 : 0.3);
          g_assert_cmpfloat (hat_color_contrast (fill, hat_color_text_on (fill)), >=, 4.5);
        }
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_file_read_link ("/proc/self/exe", NULL);
  const HatModule module = { .path = path };

  g_test_init (&argc, &argv, NULL);
  __asm__ volatile ("" : : "r"(&all), "r"(&large) : "memory"); /* the types are in use */
  types = hat_types_new (NULL);
  hat_types_add (types, &module, &error);
  g_assert_no_error (error);
  g_assert_true (hat_types_read_all (types, NULL, NULL));
  g_test_add_func ("/types-picture/every-bit", test_every_bit);
  g_test_add_func ("/types-picture/holes", test_holes);
  g_test_add_func ("/types-picture/kinds-of-fields", test_kinds_of_fields);
  g_test_add_func ("/types-picture/generic-names", test_generic_names);
  g_test_add_func ("/types-picture/rulers", test_rulers);
  g_test_add_func ("/types-picture/folding", test_folding);
  g_test_add_func ("/types-picture/absurd", test_absurd);
  g_test_add_func ("/types-picture/paint", test_paint);
  g_test_add_func ("/types-picture/colors", test_colors);
  int status = g_test_run ();
  hat_types_free (types);
  return status;
}
