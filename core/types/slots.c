/* SPDX-License-Identifier: Apache-2.0 */
/* Types taken apart into pointers and numbers, and what the libraries of Rust and C++ are known to own. */

#include "core/types/slots.h"

#include <string.h>

enum
{
  MAX_SLOTS = 1 << 15, /* of one type */
  MAX_DEPTH = 48,
};

/* What lies in a variant is there while the tag says so, and while the enum around it is there. */
typedef struct
{
  guint32 outer;
  gboolean has_value;
  guint64 value;       /* the tag's */
  guint64 offset;      /* of the tag */
  guint32 size;
  guint32 first, n;    /* values of the tag that stand for other variants, if this one has none */
} Condition;

typedef struct
{
  HatSlots slots;
  GArray *conditions; /* Condition, [0] is not used */
  GArray *values;     /* guint64 */
} Kept;

struct _HatSlotTable
{
  HatTypes *types;
  GHashTable *known; /* HatTypeId -> Kept */
  GStringChunk *strings;
};

/* ---- what is known of libraries ---- */

typedef struct
{
  const char *prefix; /* of the type's name */
  const char *field;  /* only this field of it; NULL: all of them */
  HatOwnership ownership;
  const char *evidence;
} Rule;

/* The first that matches counts. Inside a library's own types the outermost keeps the word: a String, not the Vec in it. */
static const Rule rust_rules[] = {
  { "alloc::rc::Rc<", NULL, HAT_OWNS, "Rc: owns" },
  { "alloc::rc::Weak<", NULL, HAT_OWNS_NOT, "Weak: does not own" },
  { "alloc::sync::Arc<", NULL, HAT_OWNS, "Arc: owns" },
  { "alloc::sync::Weak<", NULL, HAT_OWNS_NOT, "Weak: does not own" },
  { "alloc::boxed::Box<", NULL, HAT_OWNS, "Box: owns" },
  { "alloc::vec::into_iter::IntoIter<", "ptr", HAT_OWNS_NOT, "IntoIter: where it is" },
  { "alloc::vec::into_iter::IntoIter<", "end", HAT_OWNS_NOT, "IntoIter: where it ends" },
  { "alloc::vec::into_iter::IntoIter<", NULL, HAT_OWNS, "IntoIter: owns" },
  { "alloc::vec::Vec<", NULL, HAT_OWNS, "Vec: owns" },
  { "alloc::raw_vec::RawVec<", NULL, HAT_OWNS, "RawVec: owns" },
  { "alloc::string::String", NULL, HAT_OWNS, "String: owns" },
  { "alloc::collections::vec_deque::VecDeque<", NULL, HAT_OWNS, "VecDeque: owns" },
  { "alloc::collections::linked_list::LinkedList<", "tail", HAT_OWNS_NOT, "LinkedList: only its head owns" },
  { "alloc::collections::linked_list::Node<", "prev", HAT_OWNS_NOT, "LinkedList: only next owns" },
  { "alloc::collections::linked_list::", NULL, HAT_OWNS, "LinkedList: owns" },
  { "alloc::collections::btree::node::LeafNode<", "parent", HAT_OWNS_NOT, "B-tree: its parent" },
  { "alloc::collections::btree::node::LeafNode<", "keys", HAT_OWNS_UNKNOWN, NULL },
  { "alloc::collections::btree::node::LeafNode<", "vals", HAT_OWNS_UNKNOWN, NULL },
  { "alloc::collections::btree::", NULL, HAT_OWNS, "B-tree: owns" },
  { "hashbrown::raw::RawTable<", NULL, HAT_OWNS, "hash table: owns" },
  { "hashbrown::raw::RawTableInner", NULL, HAT_OWNS, "hash table: owns" },
  { "std::collections::hash::", NULL, HAT_OWNS, "hash table: owns" },
  { "core::cell::Ref", NULL, HAT_OWNS_NOT, "borrows" },
  { "core::slice::iter::", NULL, HAT_OWNS_NOT, "iterator: borrows" },
  { "&", NULL, HAT_OWNS_NOT, "reference: borrows" },
};

static const Rule cxx_rules[] = {
  { "std::unique_ptr<", NULL, HAT_OWNS, "std::unique_ptr: owns" },
  { "std::shared_ptr<", NULL, HAT_OWNS, "std::shared_ptr: owns" },
  { "std::weak_ptr<", NULL, HAT_OWNS_NOT, "std::weak_ptr: does not own" },
  { "std::__shared_ptr<", NULL, HAT_OWNS, "std::shared_ptr: owns" },
  { "std::__shared_count<", NULL, HAT_OWNS, "std::shared_ptr: owns" },
  { "std::__weak_ptr<", NULL, HAT_OWNS_NOT, "std::weak_ptr: does not own" },
  { "std::__weak_count<", NULL, HAT_OWNS_NOT, "std::weak_ptr: does not own" },
  { "std::_Sp_counted_ptr<", NULL, HAT_OWNS, "std::shared_ptr: owns" },
  { "std::_Sp_counted_deleter<", NULL, HAT_OWNS, "std::shared_ptr: owns" },
  { "std::vector<", NULL, HAT_OWNS, "std::vector: owns" },
  { "std::_Vector_base<", NULL, HAT_OWNS, "std::vector: owns" },
  { "std::__cxx11::basic_string<", NULL, HAT_OWNS, "std::string: owns" },
  { "std::_Deque_iterator<", NULL, HAT_OWNS_NOT, "std::deque: where it is" },
  { "std::deque<", NULL, HAT_OWNS, "std::deque: owns" },
  { "std::_Deque_base<", NULL, HAT_OWNS, "std::deque: owns" },
  { "std::__detail::_List_node_base", "_M_prev", HAT_OWNS_NOT, "std::list: only _M_next owns" },
  { "std::__detail::_List_node_base", NULL, HAT_OWNS_UNKNOWN, NULL }, /* the last one's leads back to the list */
  { "std::_Rb_tree_node_base", "_M_parent", HAT_OWNS_NOT, "tree: its parent" },
  { "std::_Rb_tree_node_base", NULL, HAT_OWNS, "tree: owns" },
  { "std::_Rb_tree<", NULL, HAT_OWNS, "tree: owns" },
  { "std::_Hashtable<", "_M_single_bucket", HAT_OWNS_NOT, "hash table: its only bucket" },
  { "std::_Hashtable<", NULL, HAT_OWNS, "hash table: owns" },
  { "std::__detail::_Hash_node_base", NULL, HAT_OWNS, "hash table: owns" },
  { "std::function<", NULL, HAT_OWNS, "std::function: owns" },
  { "std::basic_string_view<", NULL, HAT_OWNS_NOT, "std::string_view: borrows" },
  { "std::span<", NULL, HAT_OWNS_NOT, "std::span: borrows" },
  { "std::reference_wrapper<", NULL, HAT_OWNS_NOT, "reference: borrows" },
  { "std::initializer_list<", NULL, HAT_OWNS_NOT, "borrows" },
  { "__gnu_cxx::__normal_iterator<", NULL, HAT_OWNS_NOT, "iterator: borrows" },
};

static const Rule c_rules[] = {
  { "GWeakRef", NULL, HAT_OWNS_NOT, "GWeakRef: does not own" },
  { "_GWeakRef", NULL, HAT_OWNS_NOT, "GWeakRef: does not own" },
};

static const Rule *
find_rule (HatLanguage language, const char *name, const char *field)
{
  const Rule *rules = language == HAT_LANGUAGE_RUST ? rust_rules : language == HAT_LANGUAGE_CXX ? cxx_rules : c_rules;
  const guint n = language == HAT_LANGUAGE_RUST  ? G_N_ELEMENTS (rust_rules)
                  : language == HAT_LANGUAGE_CXX ? G_N_ELEMENTS (cxx_rules)
                                                 : G_N_ELEMENTS (c_rules);
  for (guint i = 0; i < n; i++)
    if (g_str_has_prefix (name, rules[i].prefix) && (rules[i].field == NULL || g_strcmp0 (rules[i].field, field) == 0))
      return &rules[i];
  return NULL;
}

/* Types whose fields are nobody's business but their authors'. */
static gboolean
is_of_library (const char *name)
{
  static const char *const prefixes[] = { "alloc::", "core::", "std::", "hashbrown::", "__gnu_cxx::" };
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (name, prefixes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_handle (const char *name)
{
  static const char *const prefixes[] = { "alloc::rc::Rc<",     "alloc::rc::Weak<", "alloc::sync::Arc<", "alloc::sync::Weak<", "alloc::boxed::Box<",
                                          "alloc::vec::Vec<",   "alloc::string::",  "alloc::collections::vec_deque::VecDeque<", "&",
                                          "std::unique_ptr<",   "std::shared_ptr<", "std::weak_ptr<",    "std::vector<" };
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (name, prefixes[i]))
      return TRUE;
  return FALSE;
}

/* Whether one of the words is in the name: "prev", "m_prev", "prev_sibling". */
static gboolean
has_word (const char *name, const char *const *words, guint n)
{
  for (guint i = 0; name && i < n; i++)
    {
      const gsize length = strlen (words[i]);
      const char *found = strstr (name, words[i]);
      for (; found; found = strstr (found + 1, words[i]))
        if ((found == name || found[-1] == '_') && (found[length] == 0 || found[length] == '_'))
          return TRUE;
    }
  return FALSE;
}

/* ---- names ---- */

char *
hat_type_argument (const char *name, guint n)
{
  const char *at = strchr (name, '<'), *start = at ? at + 1 : NULL;
  int depth = 1;
  for (at = start; at && *at; at++)
    {
      const gboolean is_arrow = *at == '>' && at > start && at[-1] == '-';
      if (strchr ("<([", *at))
        depth++;
      else if (strchr (">)]", *at) && !is_arrow)
        depth--;
      if (depth != 0 && !(depth == 1 && *at == ','))
        continue;
      if (n-- == 0)
        return g_strstrip (g_strndup (start, at - start));
      if (depth == 0)
        return NULL;
      start = at + 1;
    }
  return NULL;
}

/* What compilers write in a name is not always what they call the type. */
static HatTypeId
find_named (HatTypes *types, const char *name)
{
  static const char *const others[][2] = {
    { "unsigned long", "long unsigned int" }, { "long", "long int" }, { "unsigned short", "short unsigned int" },
    { "short", "short int" }, { "long long", "long long int" }, { "unsigned long long", "long long unsigned int" },
  };
  HatTypeId type = hat_types_named (types, name, G_MAXUINT64);
  for (guint i = 0; !type && i < G_N_ELEMENTS (others); i++)
    if (strcmp (name, others[i][0]) == 0)
      type = hat_types_named (types, others[i][1], G_MAXUINT64);
  const gsize length = strlen (name);
  if (!type && length > 1 && name[length - 1] == '*' && name[length - 2] != ' ' && name[length - 2] != '*')
    {
      g_autofree char *spaced = g_strdup_printf ("%.*s *", (int) length - 1, name);
      type = hat_types_named (types, spaced, G_MAXUINT64);
    }
  return type;
}

static HatTypeId
argument_type (HatTypes *types, const char *name, guint n)
{
  g_autofree char *argument = hat_type_argument (name, n);
  return argument ? find_named (types, argument) : HAT_TYPE_VOID;
}

/* ---- taking apart ---- */

/* Where in the type we are. */
typedef struct
{
  HatOwnership ownership;
  const char *evidence;
  gboolean is_library;  /* inside a library's type */
  gboolean is_in_union;
  gboolean is_array;
  HatTypeId element;    /* of the container around; VOID: not in one */
  guint32 container;    /* 1 + index */
  guint32 condition;
} Where;

typedef struct
{
  HatSlotTable *table;
  HatTypes *types;
  GArray *pointers, *numbers; /* HatSlot */
  GArray *containers;         /* HatContainer */
  GArray *others;             /* HatTypeId */
  Kept *kept;
  GString *path, *own;        /* all of it; without what libraries call their fields */
  guint depth;
  gboolean is_handle;         /* the type is one that stands for what it points to */
} Flattening;

static void flatten (Flattening *flat, HatTypeId type, guint64 offset, const HatField *field, Where where);

/* Of a pointer in nothing but a library's types at most the first step: "next" of a list's node, and nothing of an Rc. */
static const char *
keep_name (Flattening *flat, gboolean is_number)
{
  if (is_number)
    return g_string_chunk_insert_const (flat->table->strings, flat->path->str);
  if (flat->own->len > 0)
    return g_string_chunk_insert_const (flat->table->strings, flat->own->str);
  const gsize start = flat->path->str[0] == '[' ? 1 : 0;
  return flat->is_handle ? "" : g_string_chunk_insert_len (flat->table->strings, flat->path->str, start + strcspn (flat->path->str + start, ".["));
}

static void
add_number (Flattening *flat, HatTypeId type, guint64 offset, guint64 size, const HatField *field, const Where *where, gboolean is_tag)
{
  HatSlot slot = { .offset = offset, .size = size, .type = type, .condition = where->condition, .is_tag = is_tag, .is_in_union = where->is_in_union };
  if (field && field->bit_size)
    {
      slot.bit_size = field->bit_size;
      slot.bit_shift = field->bit_offset - field->offset * 8;
      slot.size = field->size;
    }
  if (slot.size == 0 || slot.size > 8 || slot.bit_size > 64 || flat->numbers->len >= MAX_SLOTS)
    return;
  slot.name = keep_name (flat, TRUE);
  g_array_append_val (flat->numbers, slot);
}

/* What a pointer leads to, if it is to many: a range of pointers says so by its type, a Vec's buffer by the Vec's. */
static void
add_pointer (Flattening *flat, HatTypeId type, guint64 offset, const HatField *field, const Where *where)
{
  static const char *const back[] = { "parent", "prev", "previous", "owner", "back", "self", "pred", "up" };
  static const char *const forward[] = { "next", "succ", "head", "first", "left", "right", "child", "children", "root" };
  const HatType *pointer = hat_types_get (flat->types, type);
  const HatTypeId target = hat_types_definition (flat->types, pointer->target);
  if (pointer->size != 8 || hat_types_get (flat->types, target)->kind == HAT_TYPE_FUNCTION || flat->pointers->len >= MAX_SLOTS)
    return;
  HatSlot slot = {
    .offset = offset,
    .size = 8,
    .type = type,
    .target = pointer->target,
    .condition = where->condition,
    .is_in_union = where->is_in_union,
    .ownership = where->ownership,
    .evidence = where->evidence,
    .is_array = where->is_array,
    .container = where->container,
    .is_back = !where->is_library && has_word (field ? field->name : NULL, back, G_N_ELEMENTS (back)),
    .is_forward = !where->is_library && has_word (field ? field->name : NULL, forward, G_N_ELEMENTS (forward)),
  };
  const char *name = pointer->name;
  if (pointer->language == HAT_LANGUAGE_RUST || g_str_has_prefix (name, "alloc::boxed::Box<"))
    {
      const Rule *rule = find_rule (HAT_LANGUAGE_RUST, name, NULL);
      if (rule && slot.ownership == HAT_OWNS_UNKNOWN)
        {
          slot.ownership = rule->ownership;
          slot.evidence = rule->evidence;
        }
      else if (slot.ownership == HAT_OWNS_UNKNOWN && slot.evidence == NULL && !where->is_library
               && (g_str_has_prefix (name, "*const ") || g_str_has_prefix (name, "*mut ")))
        {
          slot.ownership = HAT_OWNS_NOT;
          slot.evidence = "raw pointer: does not own";
        }
    }
  else if (slot.ownership == HAT_OWNS_UNKNOWN && g_str_has_suffix (name, "&"))
    {
      slot.ownership = HAT_OWNS_NOT;
      slot.evidence = "reference: borrows";
    }
  if (where->element && (where->is_array || slot.target == HAT_TYPE_VOID))
    slot.target = where->element;
  slot.name = keep_name (flat, FALSE);
  if (where->container && slot.ownership == HAT_OWNS && g_array_index (flat->containers, HatContainer, where->container - 1).start == G_MAXUINT64)
    g_array_index (flat->containers, HatContainer, where->container - 1).start = offset;
  g_array_append_val (flat->pointers, slot);
}

/* Appends a field's name; returns the lengths before. */
typedef struct
{
  gsize path, own;
} Lengths;

static Lengths
enter_field (Flattening *flat, const char *name, gboolean is_library)
{
  const Lengths before = { flat->path->len, flat->own->len };
  if (name == NULL)
    return before;
  GString *const texts[] = { flat->path, is_library ? NULL : flat->own };
  for (guint i = 0; i < G_N_ELEMENTS (texts) && texts[i]; i++)
    {
      if (texts[i]->len && *name != '[')
        g_string_append_c (texts[i], '.');
      g_string_append (texts[i], name);
    }
  return before;
}

static void
leave_field (Flattening *flat, Lengths before)
{
  g_string_truncate (flat->path, before.path);
  g_string_truncate (flat->own, before.own);
}

static void
flatten_array (Flattening *flat, const HatType *array, guint64 offset, Where where)
{
  const HatType *element = hat_types_get (flat->types, hat_types_definition (flat->types, array->target));
  if (element->size <= 1 || array->target == HAT_TYPE_VOID)
    return; /* text */
  for (guint64 i = 0; i < array->count && flat->pointers->len < MAX_SLOTS && flat->numbers->len < MAX_SLOTS; i++)
    {
      char name[24];
      g_snprintf (name, sizeof name, "[%" G_GUINT64_FORMAT "]", i);
      const Lengths before = enter_field (flat, name, where.is_library && flat->own->len == 0);
      flatten (flat, array->target, offset + i * element->size, NULL, where);
      leave_field (flat, before);
      if (flat->pointers->len + flat->numbers->len == 0 && i > 64)
        break; /* nothing in it */
    }
}

static void
flatten_variants (Flattening *flat, HatTypeId type, const HatTypeLayout *layout, guint64 offset, Where where)
{
  const HatType *owner = hat_types_get (flat->types, type);
  const guint first = flat->kept->values->len;
  if (layout->has_tag)
    add_number (flat, type, offset + layout->tag.offset, layout->tag.size, NULL, &where, TRUE);
  for (guint i = 0; i < layout->n_variants; i++)
    if (layout->variants[i].has_value)
      g_array_append_val (flat->kept->values, layout->variants[i].value);
  const guint n_values = flat->kept->values->len - first;
  for (guint i = 0; i < layout->n_variants; i++)
    {
      const HatVariant *variant = &layout->variants[i];
      Where inside = where;
      if (variant->type == HAT_TYPE_VOID)
        continue;
      if (layout->has_tag)
        {
          const Condition condition = { where.condition, variant->has_value, (guint64) variant->value, offset + layout->tag.offset,
                                        (guint32) layout->tag.size, first, n_values };
          inside.condition = flat->kept->conditions->len;
          g_array_append_val (flat->kept->conditions, condition);
        }
      const Lengths before = enter_field (flat, variant->name, is_of_library (owner->name));
      flatten (flat, variant->type, offset + variant->offset, NULL, inside);
      leave_field (flat, before);
    }
}

static guint64
find_number (HatTypes *types, HatTypeId type, guint64 offset, const char *const *path)
{
  for (; *path; path++)
    {
      const HatTypeLayout *layout = hat_types_layout (types, hat_types_definition (types, type));
      guint i = 0;
      while (i < layout->n_fields && g_strcmp0 (layout->fields[i].name, *path) != 0)
        i++;
      if (i == layout->n_fields)
        return G_MAXUINT64;
      offset += layout->fields[i].offset;
      type = layout->fields[i].type;
    }
  return offset;
}

/* Containers that say how much of their room they use. Paths of the two numbers; releases of the libraries differ. */
static void
enter_container (Flattening *flat, HatTypeId type, const HatType *it, guint64 offset, Where *where)
{
  static const struct
  {
    const char *prefix;
    const char *used[5], *room[5];
    gboolean is_range, is_hash;
  } known[] = {
    { "alloc::vec::Vec<", { "len" }, { "buf", "inner", "cap" }, FALSE, FALSE },
    { "alloc::vec::Vec<", { "len" }, { "buf", "cap" }, FALSE, FALSE },
    { "alloc::collections::vec_deque::VecDeque<", { "len" }, { "buf", "inner", "cap" }, FALSE, FALSE },
    { "alloc::collections::vec_deque::VecDeque<", { "len" }, { "buf", "cap" }, FALSE, FALSE },
    { "hashbrown::raw::RawTable<", { "table", "items" }, { "table", "bucket_mask" }, FALSE, TRUE },
    { "std::vector<", { NULL }, { NULL }, TRUE, FALSE },
    { "std::__cxx11::basic_string<", { "_M_string_length" }, { NULL }, FALSE, FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      if (!g_str_has_prefix (it->name, known[i].prefix))
        continue;
      HatContainer container = { .name = it->name, .start = G_MAXUINT64, .used = G_MAXUINT64, .room = G_MAXUINT64,
                                 .is_range = known[i].is_range, .is_hash = known[i].is_hash };
      if (container.is_range)
        {
          /* libstdc++'s three pointers: start, finish, end of storage. */
          container.used = offset + 8;
          container.room = offset + 16;
        }
      else if (known[i].used[0])
        container.used = find_number (flat->types, type, offset, known[i].used);
      if (!container.is_range && known[i].room[0] && (container.room = find_number (flat->types, type, offset, known[i].room)) == G_MAXUINT64)
        continue;
      container.element = argument_type (flat->types, it->name, 0);
      where->is_array = TRUE;
      where->element = container.element;
      g_array_append_val (flat->containers, container);
      where->container = flat->containers->len;
      return;
    }
}

static void
note_counts (Flattening *flat, HatTypeId id, const HatType *it, guint64 offset)
{
  static const struct
  {
    const char *prefix, *strong, *weak;
  } known[] = {
    { "alloc::rc::RcBox<", "strong", "weak" },      { "alloc::rc::RcInner<", "strong", "weak" },
    { "alloc::sync::ArcInner<", "strong", "weak" }, { "std::_Sp_counted_base<", "_M_use_count", "_M_weak_count" },
    { "_GObject", "ref_count", NULL },              { "_object", "ob_refcnt", NULL },
  };
  HatSlots *slots = &flat->kept->slots;
  for (guint i = 0; slots->strong_size == 0 && i < G_N_ELEMENTS (known); i++)
    {
      const gboolean is_generic = strchr (known[i].prefix, '<') != NULL;
      if (is_generic ? !g_str_has_prefix (it->name, known[i].prefix) : strcmp (it->name, known[i].prefix) != 0)
        continue;
      const HatTypeLayout *layout = hat_types_layout (flat->types, id);
      for (guint k = 0; k < layout->n_fields; k++)
        {
          const HatField *field = &layout->fields[k];
          if (g_strcmp0 (field->name, known[i].strong) == 0)
            {
              slots->strong_offset = offset + field->offset;
              slots->strong_size = MIN (field->size, 8);
            }
          else if (g_strcmp0 (field->name, known[i].weak) == 0)
            {
              slots->weak_offset = offset + field->offset;
              slots->weak_size = MIN (field->size, 8);
            }
        }
    }
}

static Where
enter_type (Flattening *flat, HatTypeId id, const HatType *it, guint64 offset, const HatField *field, Where where)
{
  const gboolean was_library = where.is_library;
  where.is_library = is_of_library (it->name);
  if (!where.is_library && *it->name != '&' && *it->name != '*')
    where = (Where){ .condition = where.condition, .is_in_union = where.is_in_union };
  const Rule *rule = find_rule (it->language, it->name, NULL);
  if (rule && !(was_library && where.ownership == rule->ownership && where.evidence))
    {
      where.ownership = rule->ownership;
      where.evidence = rule->evidence;
    }
  if (where.container == 0 || !was_library)
    enter_container (flat, id, it, offset, &where);
  return where;
}

static void
flatten_struct (Flattening *flat, HatTypeId id, const HatType *it, guint64 offset, const HatField *via, Where where)
{
  const HatTypeLayout *layout = hat_types_layout (flat->types, id);
  where = enter_type (flat, id, it, offset, via, where);
  note_counts (flat, id, it, offset);
  const HatTypeId object = hat_types_stored (flat->types, id);
  if (object)
    {
      g_array_append_val (flat->others, object);
      flatten (flat, object, offset, NULL, (Where){ .condition = where.condition });
      return;
    }
  for (guint i = 0; i < layout->n_fields; i++)
    {
      const HatField *field = &layout->fields[i];
      Where inside = where;
      if (field->size == 0 || field->kind == HAT_FIELD_VTABLE || field->kind == HAT_FIELD_TAG)
        continue;
      inside.is_in_union |= it->kind == HAT_TYPE_UNION && layout->n_fields > 1 && !where.is_library;
      const gboolean is_base = field->kind == HAT_FIELD_BASE || field->kind == HAT_FIELD_VIRTUAL_BASE;
      const Rule *rule = find_rule (it->language, it->name, field->name);
      if (rule && rule->field)
        {
          inside.ownership = rule->ownership;
          inside.evidence = rule->evidence;
        }
      /* The head of a tree: its parent is the root, the others are only the first and the last. */
      if (g_strcmp0 (via ? via->name : NULL, "_M_header") == 0 && g_str_has_prefix (it->name, "std::_Rb_tree_node_base"))
        {
          inside.ownership = g_strcmp0 (field->name, "_M_parent") == 0 ? HAT_OWNS : HAT_OWNS_NOT;
          inside.evidence = inside.ownership == HAT_OWNS ? "tree: owns" : "tree: its first or last";
        }
      const gboolean is_wide = *it->name == '&' || *it->name == '*'; /* a pointer with a length or a vtable */
      const Lengths before = enter_field (flat, is_base ? NULL : field->name, where.is_library || is_wide);
      const guint n_before = flat->pointers->len;
      flatten (flat, field->type, offset + field->offset, field, inside);
      leave_field (flat, before);
      if (flat->pointers->len == n_before + 1 && !hat_types_is_sure (flat->types, id, field))
        g_array_index (flat->pointers, HatSlot, n_before).target = HAT_TYPE_VOID;
      /* A wide pointer to many, or to something that only its vtable knows. */
      if (flat->pointers->len == n_before + 1 && i + 1 < layout->n_fields)
        {
          HatSlot *slot = &g_array_index (flat->pointers, HatSlot, n_before);
          slot->is_array |= g_strcmp0 (field->name, "data_ptr") == 0;
          slot->is_dyn |= g_strcmp0 (layout->fields[i + 1].name, "vtable") == 0;
        }
      else if (flat->pointers->len > n_before && g_strcmp0 (field->name, "vtable") == 0 && i > 0)
        g_array_set_size (flat->pointers, n_before); /* a constant's address */
    }
  flatten_variants (flat, id, layout, offset, where);
}

static void
flatten (Flattening *flat, HatTypeId type, guint64 offset, const HatField *field, Where where)
{
  const HatTypeId id = hat_types_definition (flat->types, type);
  const HatType it = *hat_types_get (flat->types, id); /* looking at others may move it */
  if (id == HAT_TYPE_VOID || flat->depth >= MAX_DEPTH)
    return;
  flat->depth++;
  switch (it.kind)
    {
    case HAT_TYPE_POINTER:
      add_pointer (flat, id, offset, field, &where);
      break;
    case HAT_TYPE_BASE:
    case HAT_TYPE_ENUM:
      add_number (flat, id, offset, it.size, field, &where, FALSE);
      break;
    case HAT_TYPE_ARRAY:
      flatten_array (flat, &it, offset, where);
      break;
    case HAT_TYPE_STRUCT:
    case HAT_TYPE_CLASS:
    case HAT_TYPE_UNION:
      flatten_struct (flat, id, &it, offset, field, where);
      break;
    case HAT_TYPE_ALIAS:
    case HAT_TYPE_FUNCTION:
      break;
    }
  flat->depth--;
}

static int
compare_slots (gconstpointer a, gconstpointer b)
{
  const HatSlot *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* ---- the table ---- */

static void
kept_free (gpointer data)
{
  Kept *kept = data;
  g_free ((gpointer) kept->slots.pointers);
  g_free ((gpointer) kept->slots.numbers);
  g_free ((gpointer) kept->slots.containers);
  g_free ((gpointer) kept->slots.others);
  g_array_unref (kept->conditions);
  g_array_unref (kept->values);
  g_free (kept);
}

HatSlotTable *
hat_slot_table_new (HatTypes *types)
{
  HatSlotTable *table = g_new0 (HatSlotTable, 1);
  table->types = types;
  table->known = g_hash_table_new_full (NULL, NULL, NULL, kept_free);
  table->strings = g_string_chunk_new (4096);
  return table;
}

void
hat_slot_table_free (HatSlotTable *table)
{
  if (!table)
    return;
  g_hash_table_unref (table->known);
  g_string_chunk_free (table->strings);
  g_free (table);
}

const HatSlots *
hat_slot_table_get (HatSlotTable *table, HatTypeId type)
{
  Kept *kept = g_hash_table_lookup (table->known, GUINT_TO_POINTER (type));
  if (kept)
    return &kept->slots;
  kept = g_new0 (Kept, 1);
  kept->conditions = g_array_new (FALSE, TRUE, sizeof (Condition));
  kept->values = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_array_set_size (kept->conditions, 1);
  Flattening flat = {
    .table = table,
    .types = table->types,
    .pointers = g_array_new (FALSE, FALSE, sizeof (HatSlot)),
    .numbers = g_array_new (FALSE, FALSE, sizeof (HatSlot)),
    .containers = g_array_new (FALSE, FALSE, sizeof (HatContainer)),
    .others = g_array_new (FALSE, FALSE, sizeof (HatTypeId)),
    .kept = kept,
    .path = g_string_new (NULL),
    .own = g_string_new (NULL),
  };
  flat.is_handle = is_handle (hat_types_get (table->types, hat_types_definition (table->types, type))->name);
  flatten (&flat, type, 0, NULL, (Where){ 0 });
  g_array_sort (flat.pointers, compare_slots);
  g_array_sort (flat.numbers, compare_slots);
  HatSlots *slots = &kept->slots;
  slots->n_pointers = flat.pointers->len;
  slots->n_numbers = flat.numbers->len;
  slots->n_containers = flat.containers->len;
  slots->n_others = flat.others->len;
  slots->pointers = (HatSlot *) (gpointer) g_array_free (flat.pointers, FALSE);
  slots->numbers = (HatSlot *) (gpointer) g_array_free (flat.numbers, FALSE);
  slots->containers = (HatContainer *) (gpointer) g_array_free (flat.containers, FALSE);
  slots->others = (HatTypeId *) (gpointer) g_array_free (flat.others, FALSE);
  slots->conditions = kept;
  g_string_free (flat.path, TRUE);
  g_string_free (flat.own, TRUE);
  g_hash_table_insert (table->known, GUINT_TO_POINTER (type), kept);
  return slots;
}

/* ---- objects ---- */

/* `size` bytes at `offset`, as far as there are so many. */
static guint64
load (const guint8 *bytes, gsize n, guint64 offset, guint32 size)
{
  guint64 value = 0;
  if (offset < n)
    memcpy (&value, bytes + offset, MIN (MIN (size, 8), n - offset));
  return value;
}

static inline guint64
low_bytes (guint64 value, guint32 size)
{
  return size >= 8 ? value : value & ((1ull << 8 * size) - 1);
}

gboolean
hat_slot_is_live (const HatSlots *slots, const HatSlot *slot, const guint8 *bytes, gsize n)
{
  const Kept *kept = slots->conditions;
  for (guint32 at = slot->condition; at;)
    {
      const Condition *condition = &g_array_index (kept->conditions, Condition, at);
      const guint64 tag = load (bytes, n, condition->offset, condition->size);
      if (condition->has_value && tag != low_bytes (condition->value, condition->size))
        return FALSE;
      for (guint32 i = 0; !condition->has_value && i < condition->n; i++)
        if (tag == low_bytes (g_array_index (kept->values, guint64, condition->first + i), condition->size))
          return FALSE;
      at = condition->outer;
    }
  return TRUE;
}

const HatSlot *
hat_slots_pointer_at (const HatSlots *slots, guint64 offset, const guint8 *bytes, gsize n)
{
  guint low = 0, high = slots->n_pointers;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (slots->pointers[middle].offset < offset)
        low = middle + 1;
      else
        high = middle;
    }
  for (; low < slots->n_pointers && slots->pointers[low].offset == offset; low++)
    if (bytes == NULL || hat_slot_is_live (slots, &slots->pointers[low], bytes, n))
      return &slots->pointers[low];
  return NULL;
}

gboolean
hat_slot_read (HatTypes *types, const HatSlot *slot, const guint8 *bytes, gsize n, gint64 *out_value)
{
  if (slot->offset > n || n - slot->offset < slot->size)
    return FALSE;
  guint64 value = load (bytes, n, slot->offset, slot->size);
  guint bits = 8 * slot->size;
  if (slot->bit_size)
    {
      value >>= slot->bit_shift;
      bits = slot->bit_size;
      value &= bits >= 64 ? G_MAXUINT64 : (1ull << bits) - 1;
    }
  if (bits < 64 && !slot->is_tag && hat_types_get (types, slot->type)->is_signed)
    value = (guint64) ((gint64) (value << (64 - bits)) >> (64 - bits));
  *out_value = (gint64) value;
  return TRUE;
}

static char *
float_text (guint64 bits, guint32 size)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  float narrow;
  double wide;
  memcpy (&narrow, &bits, sizeof narrow);
  memcpy (&wide, &bits, sizeof wide);
  return g_strdup (g_ascii_formatd (text, sizeof text, size == 4 ? "%.7g" : "%.15g", size == 4 ? narrow : wide));
}

char *
hat_slot_text (HatTypes *types, const HatSlot *slot, const guint8 *bytes, gsize n)
{
  const HatType *type = hat_types_get (types, slot->type);
  gint64 value;
  if (!hat_slot_read (types, slot, bytes, n, &value))
    return NULL;
  if (slot->is_tag || type->kind == HAT_TYPE_ENUM)
    {
      const HatTypeLayout *layout = hat_types_layout (types, slot->type);
      const HatVariant *other = NULL;
      for (guint i = 0; i < layout->n_variants; i++)
        if (!layout->variants[i].has_value)
          other = &layout->variants[i];
        else if (low_bytes (layout->variants[i].value, slot->size) == low_bytes (value, slot->size))
          return g_strdup (layout->variants[i].name);
      if (other)
        return g_strdup (other->name);
    }
  if (slot->size == 1 && (strcmp (type->name, "bool") == 0 || strcmp (type->name, "_Bool") == 0))
    return value == 0 || value == 1 ? g_strdup (value ? "true" : "false") : g_strdup_printf ("%d", (int) value);
  if (strcmp (type->name, "f32") == 0 || strcmp (type->name, "f64") == 0 || strcmp (type->name, "float") == 0 || strcmp (type->name, "double") == 0)
    return float_text ((guint64) value, slot->size);
  return type->is_signed || type->kind == HAT_TYPE_ENUM ? g_strdup_printf ("%" G_GINT64_FORMAT, value)
                                                        : g_strdup_printf ("%" G_GUINT64_FORMAT, (guint64) value);
}
