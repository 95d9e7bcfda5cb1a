/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What lies where in an object, all the way down: its pointers with what they say of owning, its numbers, and what it counts.
 *
 * Nested structs, bases and arrays are taken apart; what lies in one variant of an enum is there only while that variant is (
 * hat_slot_is_live()). Whether a pointer owns is told by the type it is part of: Rust's Box, Rc, Arc and collections, C++'s unique_ptr,
 * shared_ptr and containers own; weak ones, references and Rust's raw pointers do not; of C's and C++'s raw pointers nothing is known.
 *
 * Ownership: slots belong to the table and live as long. Thread rule: one thread at a time, that of the HatTypes. */

#include "core/types/types.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_OWNS_UNKNOWN,
  HAT_OWNS,
  HAT_OWNS_NOT,
} HatOwnership;

typedef struct
{
  guint64 offset;
  guint32 size;
  HatTypeId type;       /* of the field */
  const char *name;     /* "children", "[2].next"; of numbers all of the path: "value.children.len". "" = the object itself */
  guint32 condition;    /* 0 = always there */
  guint8 bit_size;      /* of a bit-field; else 0 */
  guint8 bit_shift;     /* in `size` bytes from `offset` */
  guint8 is_tag;        /* of an enum with data: `type` is the enum */
  guint8 is_in_union;   /* others may lie there instead */

  /* Pointers only. */
  HatTypeId target;     /* what it points to, if that is known */
  HatOwnership ownership;
  const char *evidence; /* "Rc: owns", or NULL */
  guint8 is_array;      /* to many of them */
  guint8 is_dyn;        /* a Rust vtable's address follows it */
  guint8 is_back;       /* its name is that of a way back: parent, prev, owner */
  guint8 is_forward;    /* its name is that of a way on: next, head, children */
  guint32 container;    /* 1 + index into containers; 0 = in none */
} HatSlot;

/* What holds elements in a block of their own. */
typedef struct
{
  const char *name;     /* "alloc::vec::Vec<i32, alloc::alloc::Global>" */
  HatTypeId element;
  guint64 start;        /* of the pointer to them */
  guint64 used, room;   /* where these numbers stand; G_MAXUINT64: nowhere */
  gboolean is_range;    /* they are pointers behind the last element, and behind the room */
  gboolean is_hash;     /* `room` is a mask of Swiss table buckets, which lie before the pointer */
} HatContainer;

typedef struct
{
  guint n_pointers, n_numbers, n_containers;
  const HatSlot *pointers; /* by offset */
  const HatSlot *numbers;  /* by offset */
  const HatContainer *containers;
  gconstpointer conditions;
  /* The object's own counts of those that hold it. Size 0: it has none. In the weak count all strong ones together are one. */
  guint64 strong_offset, weak_offset;
  guint32 strong_size, weak_size;
  guint n_others;
  const HatTypeId *others; /* types that were found by name: to be kept with it */
} HatSlots;

typedef struct _HatSlotTable HatSlotTable;

HatSlotTable *hat_slot_table_new (HatTypes *types); /* borrowed */
void hat_slot_table_free (HatSlotTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSlotTable, hat_slot_table_free)

/* Of any type; never NULL. */
const HatSlots *hat_slot_table_get (HatSlotTable *table, HatTypeId type);

/* Whether the object whose first n bytes these are has it now. What lies behind them is taken to be zero. */
gboolean hat_slot_is_live (const HatSlots *slots, const HatSlot *slot, const guint8 *bytes, gsize n);
/* The number there; signed ones with their sign. FALSE: not within n bytes. */
gboolean hat_slot_read (HatTypes *types, const HatSlot *slot, const guint8 *bytes, gsize n, gint64 *out_value);
/* The live pointer at an offset; NULL: none is known. `bytes` NULL: the first one that may lie there. */
const HatSlot *hat_slots_pointer_at (const HatSlots *slots, guint64 offset, const guint8 *bytes, gsize n);
/* "42", "true", "Running", "0.5": the value of a number as people write it. g_free. NULL: not within n bytes. */
char *hat_slot_text (HatTypes *types, const HatSlot *slot, const guint8 *bytes, gsize n);

/* Argument `n` of a generic type's name ("Rc<Node>", 0: "Node"); NULL if there are not so many. g_free. */
char *hat_type_argument (const char *name, guint n);

G_END_DECLS
