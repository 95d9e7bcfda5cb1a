/* SPDX-License-Identifier: Apache-2.0 */
/* The sizes view: one picture. */

#include "ui/views/sizes-page.h"

#include "core/heap/format.h"
#include "ui/draw/sizes-paint.h"
#include "ui/views/picture.h"
#include "ui/views/toolbar.h"

#define NARROW_PX 640
#define PANEL_PX 220

/* ---- the picture ---- */

#define HAT_TYPE_SIZES_PICTURE (hat_sizes_picture_get_type ())
G_DECLARE_FINAL_TYPE (HatSizesPicture, hat_sizes_picture, HAT, SIZES_PICTURE, HatPicture)

struct _HatSizesPicture
{
  HatPicture parent_instance;
  HatSizes *sizes;
  HatSizesLayout *layout;
};

G_DEFINE_FINAL_TYPE (HatSizesPicture, hat_sizes_picture, HAT_TYPE_PICTURE)

static gboolean
hat_sizes_picture_lay_out (HatPicture *picture, double width, double height)
{
  HatSizesPicture *self = HAT_SIZES_PICTURE (picture);
  g_clear_pointer (&self->layout, hat_sizes_layout_free);
  if (self->sizes)
    self->layout = hat_sizes_layout_new (self->sizes, NULL, width, height);
  return self->layout != NULL;
}

static void
hat_sizes_picture_paint (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  hat_sizes_paint (HAT_SIZES_PICTURE (picture)->layout, palette, cr);
}

static void
hat_sizes_picture_paint_overlay (HatPicture *picture, const HatPalette *palette, cairo_t *cr)
{
  HatSizesPicture *self = HAT_SIZES_PICTURE (picture);
  double x, y;
  HatSizesHit hit = { -1, -1 };
  if (hat_picture_get_pointer (picture, &x, &y))
    hit = hat_sizes_layout_hit (self->layout, x, y);
  hat_sizes_paint_overlay (self->layout, palette, hit, cr);
}

static char *
hat_sizes_picture_describe_at (HatPicture *picture, double x, double y)
{
  HatSizesPicture *self = HAT_SIZES_PICTURE (picture);
  return hat_sizes_hit_text (self->layout, hat_sizes_layout_hit (self->layout, x, y));
}

/* Four panels in a square, or one under the other where it is narrow. */
static void
hat_sizes_picture_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                           int *minimum_baseline, int *natural_baseline)
{
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = *natural = 320;
  else
    *minimum = *natural = for_size > 0 && for_size < NARROW_PX ? 4 * PANEL_PX : 2 * PANEL_PX;
}

static GtkSizeRequestMode
hat_sizes_picture_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
hat_sizes_picture_dispose (GObject *object)
{
  HatSizesPicture *self = HAT_SIZES_PICTURE (object);
  g_clear_pointer (&self->layout, hat_sizes_layout_free);
  g_clear_pointer (&self->sizes, g_free);
  G_OBJECT_CLASS (hat_sizes_picture_parent_class)->dispose (object);
}

static void
hat_sizes_picture_class_init (HatSizesPictureClass *klass)
{
  HatPictureClass *picture_class = HAT_PICTURE_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = hat_sizes_picture_dispose;
  GTK_WIDGET_CLASS (klass)->measure = hat_sizes_picture_measure;
  GTK_WIDGET_CLASS (klass)->get_request_mode = hat_sizes_picture_get_request_mode;
  picture_class->lay_out = hat_sizes_picture_lay_out;
  picture_class->paint = hat_sizes_picture_paint;
  picture_class->paint_overlay = hat_sizes_picture_paint_overlay;
  picture_class->describe_at = hat_sizes_picture_describe_at;
}

static void
hat_sizes_picture_init (HatSizesPicture *self)
{
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Sizes and lifetimes", -1);
}

/* ---- the page ---- */

struct _HatSizesPage
{
  HatPage parent_instance;
  HatSizesPicture *picture;
  GtkLabel *headline;
};

G_DEFINE_FINAL_TYPE (HatSizesPage, hat_sizes_page, HAT_TYPE_PAGE)

typedef struct
{
  HatSizes *sizes;
  HatRange range;
} Answer;

static void
free_answer (gpointer data)
{
  g_free (((Answer *) data)->sizes);
  g_free (data);
}

static gpointer
query_sizes (const HatQuestion *question, gpointer extra, const HatProgress *progress, GError **error)
{
  HatRange range = hat_question_range (question);
  HatSizes *sizes = hat_heap_sizes (question->heap, range, progress, error);
  if (sizes == NULL)
    return NULL;
  Answer *answer = g_new (Answer, 1);
  *answer = (Answer){ sizes, range };
  return answer;
}

static void
on_sizes (gpointer owner, gpointer data, const GError *error)
{
  HatSizesPage *self = owner;
  if (data == NULL)
    {
      hat_page_show_error (HAT_PAGE (self), error);
      return;
    }
  Answer *answer = data;
  HatSizesPicture *picture = self->picture;
  g_clear_pointer (&picture->layout, hat_sizes_layout_free);
  g_free (picture->sizes);
  picture->sizes = g_steal_pointer (&answer->sizes);
  g_autofree char *summary = hat_sizes_summary (picture->sizes);
  g_autofree char *from = hat_format_time (answer->range.from), *to = hat_format_time (answer->range.to);
  g_autofree char *headline = g_strdup_printf ("Allocations from %s to %s", from, to);
  gtk_label_set_label (self->headline, headline);
  hat_picture_set_summary (HAT_PICTURE (picture), summary);
  hat_picture_invalidate (HAT_PICTURE (picture));
  hat_page_show_content (HAT_PAGE (self));
  free_answer (answer);
}

static const HatQueryKind sizes_kind = { query_sizes, on_sizes, free_answer, NULL };

static void
hat_sizes_page_update (HatPage *page, HatChanges changes)
{
  if (changes & (HAT_CHANGED_HEAP | HAT_CHANGED_RANGE))
    hat_page_ask (page, &sizes_kind, NULL);
}

static void
hat_sizes_page_class_init (HatSizesPageClass *klass)
{
  HAT_PAGE_CLASS (klass)->update = hat_sizes_page_update;
}

static void
hat_sizes_page_init (HatSizesPage *self)
{
}

GtkWidget *
hat_sizes_page_new (HatViewState *state)
{
  HatSizesPage *self = g_object_new (HAT_TYPE_SIZES_PAGE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0), *scroller = gtk_scrolled_window_new ();
  self->picture = g_object_new (HAT_TYPE_SIZES_PICTURE, NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->picture));
  gtk_box_append (GTK_BOX (box), hat_toolbar_new (&self->headline));
  gtk_box_append (GTK_BOX (box), scroller);
  hat_page_set_up (HAT_PAGE (self), state, box);
  return GTK_WIDGET (self);
}
