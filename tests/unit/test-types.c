/* SPDX-License-Identifier: Apache-2.0 */

/* Types of a program, kept in a trace and read back: the same as from its DWARF. The program is this one. And the instructions that
 * pointers are followed through. */

#include "core/trace/writer.h"
#include "core/types/block-types.h"
#include "core/types/instruction.h"

#include <glib/gstdio.h>
#include <string.h>

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

/* ---- machine code ---- */

typedef struct
{
  const char *code; /* and 15 zeros */
  guint n;
  HatInstruction wanted; /* only what matters of it */
} Example;

static void
test_instructions (void)
{
  enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, NONE = HAT_NO_REGISTER };
  const Example examples[] = {
    { "\x48\x89\xc3", 3, { .does = HAT_DO_MOVE, .to = RBX, .from = RAX, .is_wide = TRUE } },
    { "\x49\x89\xc4", 3, { .does = HAT_DO_MOVE, .to = 12, .from = RAX, .is_wide = TRUE } },
    { "\x48\x89\x45\xf8", 4, { .does = HAT_DO_STORE, .to = NONE, .from = RAX, .base = RBP, .displacement = -8, .is_wide = TRUE } },
    { "\x48\x89\x44\x24\x18", 5, { .does = HAT_DO_STORE, .to = NONE, .from = RAX, .base = RSP, .displacement = 0x18, .is_wide = TRUE } },
    { "\x48\x8b\x14\xc5\x20\x4d\x95\x00", 8, { .does = HAT_DO_LOAD, .to = RDX, .from = NONE, .base = NONE, .displacement = 0x954d20, .is_wide = TRUE } },
    { "\x48\x89\x05\x10\x00\x00\x00", 7, { .does = HAT_DO_STORE, .to = NONE, .from = RAX, .base = NONE, .displacement = 16, .target = 0x1017, .is_wide = TRUE } },
    { "\xbf\x18\x00\x00\x00", 5, { .does = HAT_DO_CONSTANT, .to = RDI, .from = NONE, .value = 24 } },
    { "\x48\xc1\xe0\x04", 4, { .does = HAT_DO_MULTIPLY, .to = RAX, .from = RAX, .value = 16, .is_wide = TRUE } },
    { "\x48\x6b\xf8\x18", 4, { .does = HAT_DO_MULTIPLY, .to = RDI, .from = RAX, .value = 24, .is_wide = TRUE } },
    { "\x48\x8d\x3c\x40", 4, { .does = HAT_DO_ADDRESS, .to = RDI, .from = NONE, .base = RAX, .is_wide = TRUE } },
    { "\x48\x85\xc0", 3, { .does = HAT_DO_TEST, .to = NONE, .from = RAX, .is_wide = TRUE } },
    { "\x74\x05", 2, { .does = HAT_DO_BRANCH, .to = NONE, .from = NONE, .target = 0x1007, .value = 5 } },
    { "\xe8\xfb\xff\xff\xff", 5, { .does = HAT_DO_CALL, .to = NONE, .from = NONE, .target = 0x1000, .value = -5 } },
    { "\x66\x0f\xef\xc0", 4, { .does = HAT_DO_OTHER, .to = NONE, .from = NONE } },
    { "\x0f\x11\x43\xf0", 4, { .does = HAT_DO_OTHER, .to = NONE, .from = NONE, .base = RBX, .displacement = -16 } },
    { "\xc3", 1, { .does = HAT_DO_RETURN, .to = NONE, .from = NONE } },
    { "\xf3\x0f\x1e\xfa", 4, { .does = HAT_DO_OTHER, .to = NONE, .from = NONE } },
    { "\x0f\x0b", 2, { .does = HAT_DO_STOP, .to = NONE, .from = NONE } },
  };
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    {
      guint8 code[32] = { 0 };
      HatInstruction at;
      const HatInstruction *wanted = &examples[i].wanted;
      memcpy (code, examples[i].code, examples[i].n);
      g_assert_true (hat_instruction_read (code, sizeof code, 0x1000, &at));
      g_test_message ("example %u", i);
      g_assert_cmpuint (at.length, ==, examples[i].n);
      g_assert_cmpuint (at.does, ==, wanted->does);
      g_assert_cmpuint (at.to, ==, wanted->to);
      g_assert_cmpuint (at.from, ==, wanted->from);
      g_assert_cmpint (at.displacement, ==, wanted->displacement);
      if (wanted->displacement != 0 || wanted->does == HAT_DO_ADDRESS)
        g_assert_cmpuint (at.base, ==, wanted->base);
      g_assert_cmphex (at.target, ==, wanted->target);
      g_assert_cmpint (at.value, ==, wanted->value);
      g_assert_true (at.is_wide == wanted->is_wide);
      /* Cut short it is none. */
      g_assert_false (hat_instruction_read (code, examples[i].n - 1, 0x1000, &at));
    }
  /* Any bytes are read without looking behind their end. */
  for (guint round = 0; round < 100000; round++)
    {
      const guint n = (guint) g_test_rand_int_range (1, 16);
      g_autofree guint8 *code = g_malloc (n);
      HatInstruction at;
      for (guint i = 0; i < n; i++)
        code[i] = (guint8) g_test_rand_int ();
      if (hat_instruction_read (code, n, 0x1000, &at))
        g_assert_true (at.length > 0 && at.length <= n && at.to <= NONE && at.from <= NONE && at.base <= NONE && at.index <= NONE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/types/kept", test_kept);
  g_test_add_func ("/types/kept-later", test_kept_later);
  g_test_add_func ("/types/instructions", test_instructions);
  return g_test_run ();
}
