/* SPDX-License-Identifier: Apache-2.0 */

/* Types of a program, kept in a trace and read back: the same as from its DWARF. The program is this one. */

#include "core/trace/writer.h"
#include "core/types/block-types.h"

#include <glib/gstdio.h>

static HatTypes *
own_types (void)
{
  g_autoptr (HatTypes) types = hat_types_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_file_read_link ("/proc/self/exe", &error);
  g_assert_no_error (error);
  g_assert_true (hat_types_add (types, &(HatModule){ .path = path }, &error));
  g_assert_true (hat_types_read_all (types, NULL, &error));
  return g_steal_pointer (&types);
}

static HatTypeId
find (HatTypes *types, const char *name)
{
  g_autoptr (GArray) found = hat_types_find (types, name);
  g_assert_cmpuint (found->len, ==, 1);
  return g_array_index (found, HatTypeId, 0);
}

static HatTrace *
write_and_open (HatKeptTypes *const *kept, guint n)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "heapatlas-types-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTraceWriter) writer = hat_trace_writer_new (NULL, g_mkstemp (path), 0, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    hat_trace_writer_add_types (writer, kept[i]->types, kept[i]->n);
  g_assert_true (hat_trace_writer_finish (writer, 1, &error));
  HatTrace *trace = hat_trace_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hat_trace_damage (trace), ==, NULL);
  g_unlink (path);
  return trace;
}

static void
compare_fields (HatTypes *a, const HatField *x, HatTypes *b, const HatField *y, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpstr (x[i].name, ==, y[i].name);
      g_assert_cmpstr (hat_types_get (a, x[i].type)->name, ==, hat_types_get (b, y[i].type)->name);
      g_assert_true (x[i].kind == y[i].kind && x[i].offset == y[i].offset && x[i].size == y[i].size && x[i].align == y[i].align
                     && x[i].bit_size == y[i].bit_size && (x[i].bit_size == 0 || x[i].bit_offset == y[i].bit_offset));
    }
}

/* Of types with all their parts. */
static void
compare (HatTypes *a, HatTypeId one, HatTypes *b, HatTypeId other)
{
  one = hat_types_definition (a, one);
  other = hat_types_definition (b, other);
  const HatType *x = hat_types_get (a, one), *y = hat_types_get (b, other);
  g_assert_cmpstr (x->name, ==, y->name);
  g_assert_true (x->size == y->size && x->kind == y->kind && x->count == y->count && x->language == y->language && x->is_signed == y->is_signed
                 && x->is_anonymous == y->is_anonymous && x->is_variant == y->is_variant);
  const HatTypeLayout *p = hat_types_layout (a, one), *q = hat_types_layout (b, other);
  g_assert_cmpuint (p->n_fields, ==, q->n_fields);
  compare_fields (a, p->fields, b, q->fields, p->n_fields);
  g_assert_cmpuint (p->align, ==, q->align);
  g_assert_cmpuint (p->lost, ==, q->lost);
  g_assert_true (p->align == q->align && !p->is_packed == !q->is_packed && !p->has_tag == !q->has_tag && p->lost == q->lost
                 && p->best_size == q->best_size && !p->best == !q->best && p->n_holes == q->n_holes && p->tail_padding == q->tail_padding);
  g_assert_cmpstr (p->niche, ==, q->niche);
  g_assert_cmpuint (p->n_variants, ==, q->n_variants);
  for (guint i = 0; i < p->n_variants; i++)
    {
      g_assert_cmpstr (p->variants[i].name, ==, q->variants[i].name);
      g_assert_true (!p->variants[i].has_value == !q->variants[i].has_value && p->variants[i].value == q->variants[i].value
                     && !p->variants[i].is_unsigned == !q->variants[i].is_unsigned && p->variants[i].offset == q->variants[i].offset);
    }
}

static void
test_kept (void)
{
  g_autoptr (HatTypes) types = own_types ();
  guint n;
  const HatTypeId *list = hat_types_list (types, &n);
  g_assert_cmpuint (n, >, 100);
  g_autofree HatTypeId *ids = g_new (HatTypeId, n);
  for (guint i = 0; i < n; i++)
    {
      ids[i] = hat_types_keep (types, list[i]);
      g_assert_cmpuint (ids[i], ==, hat_types_keep (types, list[i]));
    }
  g_autoptr (HatKeptTypes) kept = hat_types_take_kept (types);
  g_assert_null (hat_types_take_kept (types));
  g_autoptr (HatTrace) trace = write_and_open (&kept, 1);
  g_autoptr (HatTypes) again = hat_types_of_trace (trace);
  list = hat_types_list (types, &n);
  for (guint i = 0; i < n; i++)
    compare (types, list[i], again, ids[i]);
}

/* What a type points to is there by name and size only, until it is asked for itself. */
static void
test_kept_later (void)
{
  g_autoptr (HatTypes) types = own_types ();
  const HatTypeId module = find (types, "HatModule"), queue = find (types, "GQueue"), list = find (types, "GList");
  const HatTypeId kept_module = hat_types_keep (types, module), kept_queue = hat_types_keep (types, queue);
  HatKeptTypes *kept[2] = { hat_types_take_kept (types) };
  g_autoptr (HatTrace) first = write_and_open (kept, 1);
  g_autoptr (HatTypes) early = hat_types_of_trace (first);
  compare (types, module, early, kept_module);
  const HatField *head = hat_types_field_at (early, kept_queue, 0);
  HatTypeId pointed = hat_types_definition (early, hat_types_get (early, hat_types_definition (early, head->type))->target);
  g_assert_true (hat_types_get (early, pointed)->is_declaration && hat_types_get (early, pointed)->size == sizeof (GList));
  g_assert_cmpuint (hat_types_layout (early, pointed)->n_fields, ==, 0);

  const HatTypeId kept_list = hat_types_keep (types, list);
  kept[1] = hat_types_take_kept (types);
  g_assert_true (kept[1]->n < kept[0]->n);
  g_autoptr (HatTrace) second = write_and_open (kept, 2);
  g_autoptr (HatTypes) late = hat_types_of_trace (second);
  compare (types, list, late, kept_list);
  compare (types, queue, late, kept_queue);
  pointed = hat_types_definition (late, hat_types_get (late, hat_types_definition (late, hat_types_field_at (late, kept_queue, 0)->type))->target);
  g_assert_false (hat_types_get (late, pointed)->is_declaration);
  for (guint i = 0; i < 2; i++)
    hat_kept_types_free (kept[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/types/kept", test_kept);
  g_test_add_func ("/types/kept-later", test_kept_later);
  return g_test_run ();
}
