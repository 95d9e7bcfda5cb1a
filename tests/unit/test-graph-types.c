/* SPDX-License-Identifier: Apache-2.0 */

/* Types taken apart: pointers, numbers, counts, which variant is there; and what the names of generic types say. The program's own
 * debug information is what is read. */

#include "core/types/slots.h"
#include "core/types/variables.h"

#include <string.h>

typedef struct _Shelf Shelf;
typedef struct _Book Book;

struct _Book
{
  Book *next, *prev_sibling;
  Shelf *owner;
  char title[24];
  unsigned pages : 10, is_lent : 1;
  short year;
  double price;
  void (*read) (Book *book); /* no pointer to a block */
};

enum kind { OPEN, LOCKED = 5 };

struct _Shelf
{
  struct
  {
    Book *first;
    unsigned n;
  } books;
  enum kind kind;
  union
  {
    Book *favourite;
    long number;
  } either;
  Book *places[3];
  void *anything;
};

/* As GLib has it: what counts is a first member. */
typedef struct _GObject
{
  gpointer class;
  volatile unsigned ref_count;
  gpointer data;
} CountedObject;

typedef struct
{
  CountedObject parent;
  Shelf *shelf;
} Library;

static Library library G_GNUC_UNUSED;
static Shelf shelf = { .kind = LOCKED };
static Book *volatile newest;

typedef struct
{
  HatTypes *types;
  HatSlotTable *table;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_file_read_link ("/proc/self/exe", &error);
  g_assert_no_error (error);
  fixture->types = hat_types_new (NULL);
  g_assert_true (hat_types_add_numbered (fixture->types, 7, &(HatModule){ .path = path }));
  g_assert_true (hat_types_read_all (fixture->types, NULL, &error));
  fixture->table = hat_slot_table_new (fixture->types);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hat_slot_table_free (fixture->table);
  hat_types_free (fixture->types);
}

static const HatSlots *
slots_of (Fixture *fixture, const char *name, gsize size)
{
  const HatTypeId type = hat_types_named (fixture->types, name, size);
  g_assert_cmpuint (type, !=, HAT_TYPE_VOID);
  return hat_slot_table_get (fixture->table, type);
}

static const char *
target_of (Fixture *fixture, const HatSlot *slot)
{
  return hat_types_get (fixture->types, hat_types_definition (fixture->types, slot->target))->name;
}

static const HatSlot *
pointer_at (const HatSlots *slots, gsize offset, const char *name)
{
  const HatSlot *slot = hat_slots_pointer_at (slots, offset, NULL, 0);
  g_assert_nonnull (slot);
  g_assert_cmpstr (slot->name, ==, name);
  return slot;
}

static void
test_pointers (Fixture *fixture, gconstpointer data)
{
  const HatSlots *book = slots_of (fixture, "_Book", sizeof (Book));
  g_assert_cmpuint (book->n_pointers, ==, 3);
  const HatSlot *next = pointer_at (book, offsetof (Book, next), "next"), *prev = pointer_at (book, offsetof (Book, prev_sibling), "prev_sibling");
  g_assert_true (next->is_forward && !next->is_back && prev->is_back && pointer_at (book, offsetof (Book, owner), "owner")->is_back);
  g_assert_cmpstr (target_of (fixture, next), ==, "_Book");
  g_assert_cmpint (next->ownership, ==, HAT_OWNS_UNKNOWN); /* C does not say */
  g_assert_null (hat_slots_pointer_at (book, offsetof (Book, read), NULL, 0));
  g_assert_null (hat_slots_pointer_at (book, 4, NULL, 0));

  const HatSlots *its = slots_of (fixture, "_Shelf", sizeof (Shelf));
  pointer_at (its, offsetof (Shelf, books.first), "books.first");
  g_assert_true (pointer_at (its, offsetof (Shelf, either), "either.favourite")->is_in_union);
  pointer_at (its, offsetof (Shelf, places) + 16, "places[2]");
  g_assert_cmpuint (pointer_at (its, offsetof (Shelf, anything), "anything")->target, ==, HAT_TYPE_VOID);
}

static char *
text_at (Fixture *fixture, const HatSlots *slots, const char *name, gconstpointer object, gsize n)
{
  for (guint i = 0; i < slots->n_numbers; i++)
    if (strcmp (slots->numbers[i].name, name) == 0)
      return hat_slot_text (fixture->types, &slots->numbers[i], object, n);
  return NULL;
}

static void
test_numbers (Fixture *fixture, gconstpointer data)
{
  const Book book = { .title = "nobody's business", .pages = 700, .is_lent = 1, .year = -44, .price = 2.5 };
  const HatSlots *slots = slots_of (fixture, "_Book", sizeof book);
  static const struct { const char *name, *text; } wanted[] = { { "pages", "700" }, { "is_lent", "1" }, { "year", "-44" }, { "price", "2.5" } };
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      g_autofree char *text = text_at (fixture, slots, wanted[i].name, &book, sizeof book);
      g_assert_cmpstr (text, ==, wanted[i].text);
    }
  g_assert_cmpuint (slots->n_numbers, ==, G_N_ELEMENTS (wanted)); /* no text among them */
  g_assert_null (text_at (fixture, slots, "price", &book, offsetof (Book, price) + 4));
  g_autofree char *kind = text_at (fixture, slots_of (fixture, "_Shelf", sizeof shelf), "kind", &shelf, sizeof shelf);
  g_assert_cmpstr (kind, ==, "LOCKED");
}

static void
test_counts (Fixture *fixture, gconstpointer data)
{
  const HatTypeId type = hat_types_definition (fixture->types, hat_types_named (fixture->types, "Library", sizeof (Library)));
  const HatSlots *slots = hat_slot_table_get (fixture->table, type);
  g_assert_cmpuint (slots->strong_offset, ==, offsetof (CountedObject, ref_count));
  g_assert_cmpuint (slots->strong_size, ==, 4);
  g_assert_cmpuint (slots->weak_size, ==, 0);
  g_assert_cmpuint (slots_of (fixture, "_Book", sizeof (Book))->strong_size, ==, 0);
}

static void
test_globals (Fixture *fixture, gconstpointer data)
{
  guint n, found = 0;
  const HatGlobal *globals = hat_types_globals (fixture->types, 7, &n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (i == 0 || globals[i].address >= globals[i - 1].address);
      const gboolean is_shelf = strcmp (globals[i].name, "shelf") == 0;
      if (!is_shelf && strcmp (globals[i].name, "newest") != 0)
        continue;
      const HatGlobal *inside = hat_types_global_at (fixture->types, 7, globals[i].address + (is_shelf ? sizeof shelf : sizeof newest) - 1);
      g_assert_true (inside == &globals[i]);
      found++;
    }
  g_assert_cmpuint (found, ==, 2);
  g_assert_null (hat_types_globals (fixture->types, 8, &n));
}

static void
test_arguments (void)
{
  static const struct { const char *name; guint n; const char *argument; } cases[] = {
    { "alloc::vec::Vec<i32, alloc::alloc::Global>", 0, "i32" },
    { "alloc::vec::Vec<i32, alloc::alloc::Global>", 1, "alloc::alloc::Global" },
    { "alloc::vec::Vec<i32, alloc::alloc::Global>", 2, NULL },
    { "Map<(u32, Vec<u8>), [u8; 4]>", 0, "(u32, Vec<u8>)" },
    { "Map<(u32, Vec<u8>), [u8; 4]>", 1, "[u8; 4]" },
    { "Box<fn(u8) -> u16>", 0, "fn(u8) -> u16" },
    { "std::map<std::pair<int, char>, long>", 0, "std::pair<int, char>" },
    { "int", 0, NULL },
    { "Open<int", 0, NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *argument = hat_type_argument (cases[i].name, cases[i].n);
      g_assert_cmpstr (argument, ==, cases[i].argument);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  newest = shelf.books.first;
  g_test_add ("/graph-types/pointers", Fixture, NULL, set_up, test_pointers, tear_down);
  g_test_add ("/graph-types/numbers", Fixture, NULL, set_up, test_numbers, tear_down);
  g_test_add ("/graph-types/counts", Fixture, NULL, set_up, test_counts, tear_down);
  g_test_add ("/graph-types/globals", Fixture, NULL, set_up, test_globals, tear_down);
  g_test_add_func ("/graph-types/arguments", test_arguments);
  return g_test_run ();
}
