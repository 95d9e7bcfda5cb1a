/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-types.h"

#include <string.h>

#include "core/record/snapshot-gtypes.h"
#include "core/record/snapshot-python.h"
#include "core/types/variables.h"

#define MAX_VARIABLES 8192u      /* of a snapshot */
#define MAX_VALUE_BYTES 256u     /* kept of one block or variable */
#define MAX_ALL_VALUES (48u << 20)
#define MAX_ROUNDS 16
#define MAX_HEADER 64u           /* that a library puts before what it returns */
#define WAYS_DIFFER 255u

/* What blocks are, as it is found. */
typedef struct
{
  HatTypeId type;
  guint32 offset;
  guint8 is_array, evidence;
  const char *name, *words;
  const HatSlots *slots; /* NULL: no type */
  guint64 size;          /* of the type */
} Kind;

/* A pointer's target, looked at once. */
typedef struct
{
  HatTypeId type;  /* definition */
  guint64 size;
  gboolean is_struct, is_number, is_bytes, is_known;
  gboolean has_tail; /* a flexible array */
} Target;

typedef struct
{
  HatTyping *typing;
  HatTypes *types;
  HatSlotTable *slots;
  GArray *kinds;          /* Kind */
  GHashTable *kind_of;    /* Kind -> 1 + index */
  GHashTable *words;      /* Holding -> how it says so */
  GHashTable *beginnings; /* type << 32 ^ size -> 1: no, 2: another type of that size begins with it */
  GHashTable *targets;    /* HatTypeId -> Target */
  GHashTable *vtables;    /* module << 40 ^ offset -> 1 + index of a kind; 0 = none */
  guint32 *block_kind;    /* 1 + index */
  gboolean has_read_all;  /* the types of the program's own modules */
  guint8 *ways_in;        /* by block: where all that leads to it from outside leads: 1 + words; 0 = nowhere, WAYS_DIFFER. NULL: not asked for yet */
  GArray *work;           /* guint32: blocks whose pointers are to be followed */
  GArray *bytes_claims;   /* Claim: of text, which counts only if nothing else claims the block */
  GArray *variables;      /* HatVariable */
  GByteArray *values;
  guint8 *is_named;       /* by root */
} Finder;

typedef struct
{
  guint32 block, kind;
} Claim;

/* ---- kinds ---- */

/* Names and words are interned. */
static guint
hash_kind (gconstpointer data)
{
  const Kind *kind = data;
  return (guint) (((gsize) kind->name * 31 + (gsize) kind->words) * 31 + kind->type * 64u + kind->offset * 8 + kind->is_array * 4u + kind->evidence);
}

static gboolean
equal_kinds (gconstpointer a, gconstpointer b)
{
  const Kind *x = a, *y = b;
  return x->type == y->type && x->offset == y->offset && x->is_array == y->is_array && x->evidence == y->evidence && x->name == y->name
         && x->words == y->words;
}

static guint32
add_kind (Finder *finder, HatTypeId type, const char *name, guint32 offset, gboolean is_array, HatTypeEvidence evidence, const char *words)
{
  Kind kind = { .type = type, .offset = offset, .is_array = is_array != FALSE, .evidence = evidence,
                .name = g_string_chunk_insert_const (finder->typing->strings, name),
                .words = g_string_chunk_insert_const (finder->typing->strings, words) };
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (finder->kind_of, &kind));
  if (known)
    return known;
  kind.slots = type ? hat_slot_table_get (finder->slots, type) : NULL;
  kind.size = type ? hat_types_get (finder->types, hat_types_definition (finder->types, type))->size : 0;
  g_array_append_val (finder->kinds, kind);
  g_hash_table_insert (finder->kind_of, g_memdup2 (&kind, sizeof kind), GUINT_TO_POINTER (finder->kinds->len));
  return finder->kinds->len;
}

static void
set_kind (Finder *finder, guint32 block, guint32 kind)
{
  finder->block_kind[block] = kind;
  if (g_array_index (finder->kinds, Kind, kind - 1).slots)
    g_array_append_val (finder->work, block);
}

static guint64
size_of (const Finder *finder, guint32 block)
{
  return finder->typing->blocks->sizes[block];
}

static const guint8 *
bytes_of (const Finder *finder, guint32 block, gsize *out_n)
{
  guint64 n = 0;
  const guint8 *bytes = finder->typing->contents ? hat_copy_at (finder->typing->contents, finder->typing->blocks->addresses[block], &n) : NULL;
  *out_n = bytes ? MIN (n, size_of (finder, block)) : 0;
  return bytes;
}

/* ---- what the block itself says ---- */

/* Names come from the linker's symbol; if what was read so far has no such type, all of the module is read. */
static HatTypeId
find_class (Finder *finder, guint32 module, const char *name)
{
  guint n;
  HatTypeId type = hat_types_named (finder->types, name, G_MAXUINT64);
  if (type == HAT_TYPE_VOID || hat_types_get (finder->types, type)->is_declaration)
    {
      hat_types_globals (finder->types, module, &n);
      type = hat_types_named (finder->types, name, G_MAXUINT64);
    }
  return type && !hat_types_get (finder->types, type)->is_declaration ? type : HAT_TYPE_VOID;
}

static guint32
vtable_kind (Finder *finder, guint32 module, guint64 offset)
{
  const guint64 key = (guint64) module << 40 ^ offset;
  gpointer known;
  gboolean is_symbol;
  if (g_hash_table_lookup_extended (finder->vtables, (gpointer) (gsize) key, NULL, &known))
    return GPOINTER_TO_UINT (known);
  HatModuleNames *names = hat_module_reader_names_of (finder->typing->reader, module);
  const char *name = names ? hat_module_names_class (names, offset, &is_symbol) : NULL;
  const guint32 kind = !name ? 0 : add_kind (finder, find_class (finder, module, name), name, 0, FALSE, HAT_EVIDENCE_VTABLE,
                                             is_symbol ? "its pointer to virtual functions" : "its pointer to virtual functions, by RTTI");
  g_hash_table_insert (finder->vtables, (gpointer) (gsize) key, GUINT_TO_POINTER (kind));
  return kind;
}

/* How far it is from the first object to the next one of the same class, of `n` words of one block; 0: there is no other. */
static guint64
object_stride (const HatModuleWord *words, guint32 n)
{
  for (guint32 i = 1; i < n && words[i].block == words->block; i++)
    if (words[i].module == words->module && words[i].offset == words->offset)
      return words[i].word * 8ull;
  return 0;
}

static void
look_at_vtables (Finder *finder)
{
  const HatSnapshot *out = finder->typing->out;
  for (guint32 i = 0; i < out->n_module_words; i++)
    {
      const HatModuleWord *word = &out->module_words[i];
      const guint32 kind = word->word == 0 ? vtable_kind (finder, word->module, word->offset) : 0;
      if (kind == 0)
        continue;
      const Kind its = g_array_index (finder->kinds, Kind, kind - 1);
      const guint64 size = size_of (finder, word->block);
      /* An object may only be the first part of what its stack says that the block is. */
      if (finder->block_kind[word->block] != 0 && its.size != size)
        continue;
      const guint64 stride = its.size != size ? object_stride (word, out->n_module_words - i) : 0;
      const gboolean is_array = stride > 0 && size % stride == 0 && (its.size == 0 || its.size == stride);
      finder->block_kind[word->block] = is_array ? add_kind (finder, its.type, its.name, 0, TRUE, HAT_EVIDENCE_VTABLE, its.words) : kind;
    }
}

static HatMemory
memory_of (const HatTyping *typing)
{
  return (HatMemory){ .plan = typing->plan, .reader = typing->reader, .contents = typing->contents, .roots = typing->roots };
}

/* The struct of a GType, or of the nearest ancestor whose layout is known. */
static HatTypeId
struct_of_gtype (Finder *finder, const HatGType *gtype)
{
  for (; gtype; gtype = gtype->parent)
    {
      g_autofree char *tag = g_strconcat ("_", gtype->name, NULL);
      for (guint i = 0; i < 2; i++)
        {
          const HatTypeId type = hat_types_named (finder->types, tag + i, gtype->instance_size);
          if (type && !hat_types_get (finder->types, type)->is_declaration)
            return type;
        }
    }
  return HAT_TYPE_VOID;
}

static guint32
gtype_kind (Finder *finder, const HatGType *gtype)
{
  static const char words[] = "its GType";
  const HatTypeId type = struct_of_gtype (finder, gtype);
  const HatType *its = hat_types_get (finder->types, type);
  const char *name = gtype->name;
  g_autofree char *partly = NULL;
  if (type && g_str_has_suffix (its->name, name) && strlen (its->name) <= strlen (name) + 1)
    name = its->name;
  else if (type)
    partly = g_strdup_printf ("%s, laid out as its ancestor %s", words, its->name + (its->name[0] == '_'));
  return add_kind (finder, type, name, gtype->private_size, FALSE, HAT_EVIDENCE_GTYPE, partly ? partly : words);
}

/* What its struct is called, only debug information knows. */
static guint32
class_kind (Finder *finder, const HatGType *gtype, guint64 size)
{
  g_autofree char *tag = g_strdup_printf ("_%sClass", gtype->name), *name = g_strdup_printf ("class of %s", gtype->name);
  const HatTypeId type = hat_types_named (finder->types, tag, size);
  return add_kind (finder, type, type ? tag : name, 0, FALSE, HAT_EVIDENCE_GTYPE, "its GType");
}

/* An instance is a block of the right size with a pointer to its class at the right place. */
static void
look_at_gtypes (Finder *finder)
{
  const HatTyping *typing = finder->typing;
  const HatSnapshot *out = typing->out;
  const HatBlockIndex *blocks = typing->blocks;
  const HatMemory memory = memory_of (typing);
  g_autoptr (HatGTypes) gtypes = typing->contents ? hat_gtypes_new (&memory, &finder->typing->problem) : NULL;
  g_autoptr (GHashTable) classes = g_hash_table_new (NULL, NULL); /* block -> HatGType */
  g_autoptr (GHashTable) kinds = g_hash_table_new (NULL, NULL);   /* HatGType -> kind */
  if (gtypes == NULL)
    return;
  for (guint32 block = 0; block < blocks->n; block++)
    {
      const HatGType *gtype = hat_gtypes_of_class (gtypes, blocks->addresses[block]);
      if (gtype == NULL)
        continue;
      g_hash_table_insert (classes, GUINT_TO_POINTER (block), (gpointer) gtype);
      finder->block_kind[block] = class_kind (finder, gtype, size_of (finder, block));
    }
  for (guint32 block = 0; block < blocks->n; block++)
    for (guint32 edge = out->first_edge[block]; edge < out->first_edge[block + 1]; edge++)
      {
        const HatGType *gtype = g_hash_table_lookup (classes, GUINT_TO_POINTER (out->edge_to[edge]));
        if (gtype == NULL || out->edge_word[edge] * 8ull != gtype->private_size || size_of (finder, block) != gtype->private_size + gtype->instance_size)
          continue;
        guint32 kind = GPOINTER_TO_UINT (g_hash_table_lookup (kinds, gtype));
        if (kind == 0)
          g_hash_table_insert (kinds, (gpointer) gtype, GUINT_TO_POINTER (kind = gtype_kind (finder, gtype)));
        finder->block_kind[block] = kind;
      }
}

/* "PyDict_Type" is the type of a PyDictObject. Of a string most forms end before its struct does. */
static HatTypeId
struct_of_python (Finder *finder, const HatPythonType *python, guint64 room)
{
  static const char suffix[] = "_Type";
  const char *symbol = python->symbol;
  g_autofree char *name = !symbol || !g_str_has_suffix (symbol, suffix) ? NULL
                          : strcmp (symbol, "PyUnicode_Type") == 0       ? g_strdup ("PyASCIIObject")
                          : g_strdup_printf ("%.*sObject", (int) (strlen (symbol) - strlen (suffix)), symbol);
  const char *const names[] = { name, "_object" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GArray) found = names[i] ? hat_types_find (finder->types, names[i]) : NULL;
      for (guint k = 0; found && k < found->len; k++)
        {
          const HatTypeId type = hat_types_definition (finder->types, g_array_index (found, HatTypeId, k));
          const HatType *its = hat_types_get (finder->types, type);
          if (!its->is_declaration && its->size >= 16 && its->size <= MIN (room, python->basic_size))
            return type;
        }
    }
  return HAT_TYPE_VOID;
}

static void
look_at_python (Finder *finder)
{
  const HatTyping *typing = finder->typing;
  const HatMemory memory = memory_of (typing);
  g_autoptr (HatPythonTypes) types = typing->contents ? hat_python_types_new (&memory, &finder->typing->problem) : NULL;
  g_autoptr (GHashTable) kinds = g_hash_table_new (NULL, NULL); /* HatPythonType -> kind of the last block */
  for (guint32 block = 0; types && block < typing->blocks->n; block++)
    {
      guint32 offset;
      const HatPythonType *python = hat_python_type_of (types, block, &offset);
      if (python == NULL)
        continue;
      guint32 kind = GPOINTER_TO_UINT (g_hash_table_lookup (kinds, python));
      const Kind *last = kind ? &g_array_index (finder->kinds, Kind, kind - 1) : NULL;
      const guint64 room = size_of (finder, block) - offset;
      if (last == NULL || last->offset != offset || last->size > room)
        {
          kind = add_kind (finder, struct_of_python (finder, python, room), python->name, offset, FALSE, HAT_EVIDENCE_GTYPE, "its Python type");
          g_hash_table_insert (kinds, (gpointer) python, GUINT_TO_POINTER (kind));
        }
      finder->block_kind[block] = kind;
    }
}

static void
look_at_stacks (Finder *finder)
{
  const HatTyping *typing = finder->typing;
  guint32 last = 0;
  for (guint32 block = 0; typing->site_types && block < typing->blocks->n; block++)
    {
      /* Neighbours often are alike. */
      if (block > 0 && typing->stacks[block] == typing->stacks[last] && size_of (finder, block) == size_of (finder, last))
        {
          finder->block_kind[block] = finder->block_kind[last];
          continue;
        }
      last = block;
      const HatBlockType *site = g_hash_table_lookup ((GHashTable *) typing->site_types, GUINT_TO_POINTER (typing->stacks[block]));
      const guint64 n = site ? hat_block_type_fits (site, size_of (finder, block)) : 0;
      if (n == 0)
        continue;
      const char *name = hat_types_get (finder->types, site->type)->name;
      /* A container's elements are an array even if it is one; else "as many as fit" is one object if it is one. */
      const gboolean is_array = site->is_array && (n > 1 || site->evidence == HAT_EVIDENCE_STACK);
      finder->block_kind[block] = add_kind (finder, site->type, name, 0, is_array, site->evidence, site->words);
    }
}

/* ---- where pointers lead ---- */

static const Target *
target_of (Finder *finder, HatTypeId type)
{
  Target *target = g_hash_table_lookup (finder->targets, GUINT_TO_POINTER (type));
  if (target)
    return target;
  target = g_new0 (Target, 1);
  target->type = hat_types_definition (finder->types, type);
  const HatType *it = hat_types_get (finder->types, target->type);
  target->size = it->size;
  target->is_struct = it->kind == HAT_TYPE_STRUCT || it->kind == HAT_TYPE_CLASS || it->kind == HAT_TYPE_UNION;
  target->is_number = it->kind == HAT_TYPE_BASE || it->kind == HAT_TYPE_ENUM;
  target->is_bytes = it->kind == HAT_TYPE_BASE && it->size == 1;
  target->is_known = target->type != HAT_TYPE_VOID && it->size > 0 && !it->is_declaration && it->kind != HAT_TYPE_FUNCTION;
  if (target->is_struct)
    {
      const HatTypeLayout *layout = hat_types_layout (finder->types, target->type);
      const HatField *last = layout->n_fields ? &layout->fields[layout->n_fields - 1] : NULL;
      target->has_tail = last && last->size == 0 && it->language != HAT_LANGUAGE_RUST
                         && hat_types_get (finder->types, hat_types_definition (finder->types, last->type))->kind == HAT_TYPE_ARRAY;
    }
  g_hash_table_insert (finder->targets, GUINT_TO_POINTER (type), target);
  return target;
}

/* "Rc<dyn Shape>" leads to a "RcInner<Circle>" if that is what the vtable is of. */
static HatTypeId
concrete_type (Finder *finder, const HatSlot *slot, guint64 vtable)
{
  const HatFoundModule *module = hat_roots_module_at (finder->typing->plan, vtable);
  const HatGlobal *global = module ? hat_types_global_at (finder->types, module->image.module, vtable - module->image.bias) : NULL;
  if (!global || strcmp (global->name, "{vtable}") != 0)
    return HAT_TYPE_VOID;
  const char *name = hat_types_get (finder->types, slot->target)->name, *arguments = strchr (name, '<');
  if (arguments == NULL || !g_str_has_prefix (name, "alloc::"))
    return global->type;
  g_autofree char *generic = g_strdup_printf ("%.*s<%s>", (int) (arguments - name), name, hat_types_get (finder->types, global->type)->name);
  return hat_types_named (finder->types, generic, G_MAXUINT64);
}

/* Rust's B-tree: what is called a leaf may be an inner node, which is bigger. */
static HatTypeId
inner_node (Finder *finder, HatTypeId leaf, guint64 size)
{
  static const char prefix[] = "alloc::collections::btree::node::LeafNode<";
  const char *name = hat_types_get (finder->types, leaf)->name;
  if (!g_str_has_prefix (name, prefix))
    return HAT_TYPE_VOID;
  g_autofree char *inner = g_strconcat ("alloc::collections::btree::node::InternalNode<", name + strlen (prefix), NULL);
  const HatTypeId type = hat_types_named (finder->types, inner, G_MAXUINT64);
  return type && hat_types_get (finder->types, type)->size == size ? type : HAT_TYPE_VOID;
}

static gboolean
is_own (const HatFoundModule *module)
{
  return *module->path == '/' && !module->is_hook && !hat_types_is_of_system (module->path);
}

static void
read_all_types (Finder *finder)
{
  const GArray *modules = finder->typing->plan->modules;
  guint n;
  for (guint i = 0; i < modules->len && !finder->has_read_all; i++)
    if (is_own (&g_array_index (modules, HatFoundModule, i)))
      hat_types_globals (finder->types, g_array_index (modules, HatFoundModule, i).image.module, &n);
  finder->has_read_all = TRUE;
}

/* Whether some other type that is as big as the block begins with this one: then the pointer may be to its base. Of all types: what a block is
 * need not be known to who holds it. */
static gboolean
is_a_beginning (Finder *finder, HatTypeId type, guint64 size)
{
  read_all_types (finder);
  const gsize key = (gsize) type << 32 ^ (gsize) size;
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (finder->beginnings, (gpointer) key)), n = hat_types_count (finder->types);
  gboolean is_one = known == 2;
  for (HatTypeId id = 1; known == 0 && !is_one && id < n; id++)
    {
      const HatType *it = hat_types_get (finder->types, id);
      if (it->size != size || (it->kind != HAT_TYPE_STRUCT && it->kind != HAT_TYPE_CLASS))
        continue;
      const HatTypeLayout *layout = hat_types_layout (finder->types, id);
      is_one = layout->n_fields > 0 && hat_types_definition (finder->types, layout->fields[0].type) == type;
    }
  g_hash_table_insert (finder->beginnings, (gpointer) key, GUINT_TO_POINTER (is_one ? 2 : 1));
  return is_one;
}

/* A pointer to what begins `into` an untyped block and has `size` bytes. 0: it says nothing. */
static guint32
kind_behind (Finder *finder, const Target *target, guint64 into, guint64 size, gboolean is_array, const char *words)
{
  HatTypeId type = target->type;
  gboolean is_many = FALSE;
  if (!target->is_known || size == 0)
    return 0;
  if (is_array || target->is_bytes || (!target->is_struct && !(target->is_number && size == target->size)))
    {
      is_many = TRUE;
      if (size % target->size != 0)
        return 0;
    }
  else if (target->has_tail ? size < target->size : size != target->size)
    {
      const HatTypeId inner = inner_node (finder, type, size);
      if (inner)
        type = inner;
      else if (size > target->size && size % target->size == 0 && !is_a_beginning (finder, type, size))
        is_many = TRUE;
      else
        return 0;
    }
  return add_kind (finder, type, hat_types_get (finder->types, type)->name, into, is_many, HAT_EVIDENCE_POINTER, words);
}

static void
add_way_in (Finder *finder, guint32 block, guint64 into)
{
  guint8 *way = &finder->ways_in[block];
  const guint8 words = into % 8 == 0 && into <= MAX_HEADER ? 1 + into / 8 : WAYS_DIFFER;
  *way = *way == 0 || *way == words ? words : WAYS_DIFFER;
}

static void
find_ways_in (Finder *finder)
{
  const HatSnapshot *out = finder->typing->out;
  const guint32 n = finder->typing->blocks->n;
  guint32 interior = 0;
  finder->ways_in = g_new0 (guint8, n + 1);
  for (guint32 block = 0; block < n; block++)
    for (guint32 edge = out->first_edge[block]; edge < out->first_edge[block + 1]; edge++)
      {
        const gboolean is_interior = (out->edge_to[edge] & HAT_EDGE_INTERIOR) != 0;
        const guint32 to = out->edge_to[edge] & ~HAT_EDGE_INTERIOR;
        const guint64 into = is_interior ? out->interior_offset[interior++] : 0;
        if (to != block)
          add_way_in (finder, to, into);
      }
  for (guint32 i = 0; i < out->info.n_roots; i++)
    if (out->roots[i].kind != HAT_ROOT_LOADER)
      add_way_in (finder, out->roots[i].to, out->roots[i].to_offset);
}

/* A library without debug information has put something before what it returned (GLib's reference counted boxes): all that leads to the block
 * leads behind that. Where the program itself allocates, an object in an object looks the same. */
static gboolean
is_behind_header (Finder *finder, guint32 block, guint64 into)
{
  const HatTyping *typing = finder->typing;
  const HatBlockType *site
    = typing->site_types ? g_hash_table_lookup ((GHashTable *) typing->site_types, GUINT_TO_POINTER (typing->stacks[block])) : NULL;
  if (into == 0 || into > MAX_HEADER || into % 8 != 0 || site == NULL || !site->is_hidden)
    return FALSE;
  if (finder->ways_in == NULL)
    find_ways_in (finder);
  return finder->ways_in[block] == 1 + into / 8;
}

/* Swiss tables: the pointer is to the control bytes, the buckets lie before it. */
static guint32
kind_of_table (Finder *finder, const HatContainer *container, guint64 into, const char *words)
{
  const Target *target = target_of (finder, container->element);
  if (!target->is_known || into < target->size)
    return 0;
  const guint64 n = into / target->size;
  if ((n & (n - 1)) != 0 || into - n * target->size >= 16)
    return 0;
  return add_kind (finder, target->type, hat_types_get (finder->types, target->type)->name, into - n * target->size, TRUE, HAT_EVIDENCE_POINTER, words);
}

/* What holds a pointer. */
typedef struct
{
  const char *owner, *field, *function;
} Holder;

static guint
hash_holder (gconstpointer data)
{
  const Holder *holder = data;
  return (guint) (((gsize) holder->owner * 31 + (gsize) holder->field) * 31 + (gsize) holder->function);
}

static gboolean
equal_holders (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (Holder)) == 0;
}

/* "TreeNode.left points to it"; its strings are interned. */
static const char *
holder_words (Finder *finder, const Holder *holder)
{
  const char *known = g_hash_table_lookup (finder->words, holder);
  if (known)
    return known;
  g_autoptr (GString) text = g_string_new (holder->function ? "variable " : NULL);
  g_string_append (text, holder->owner);
  if (*holder->field && *holder->field != '[')
    g_string_append_c (text, '.');
  /* Which element it is would make words of their own for each. */
  for (const char *at = holder->field; *at; at++)
    if (!g_ascii_isdigit (*at) || !memrchr (holder->field, '[', at - holder->field) || strchr (at, ']') == NULL)
      g_string_append_c (text, *at);
  if (holder->function)
    g_string_append_printf (text, " of %s", holder->function);
  g_string_append (text, " points to it");
  known = g_string_chunk_insert_const (finder->typing->strings, text->str);
  g_hash_table_insert (finder->words, g_memdup2 (holder, sizeof *holder), (gpointer) known);
  return known;
}

static void
follow_pointer (Finder *finder, const HatSlots *slots, const HatSlot *slot, guint64 value, guint64 next_word, const Holder *holder)
{
  const HatBlockIndex *blocks = finder->typing->blocks;
  const guint32 to = hat_block_index_find (blocks, value);
  if (to == HAT_NO_BLOCK || finder->block_kind[to] != 0 || slot->is_in_union)
    return;
  const guint64 into = value - blocks->addresses[to], size = blocks->sizes[to];
  const HatContainer *container = slot->container ? &slots->containers[slot->container - 1] : NULL;
  guint32 kind = 0;
  if (container && container->is_hash && container->start == slot->offset)
    kind = kind_of_table (finder, container, into, holder_words (finder, holder));
  else if (slot->target == HAT_TYPE_VOID || (into != 0 && (!target_of (finder, slot->target)->is_struct || !is_behind_header (finder, to, into))))
    return;
  else if (slot->is_dyn)
    {
      const HatTypeId type = concrete_type (finder, slot, next_word);
      kind = type ? kind_behind (finder, target_of (finder, type), into, size - into, FALSE, holder_words (finder, holder)) : 0;
    }
  else
    kind = kind_behind (finder, target_of (finder, slot->target), into, size - into, slot->is_array, holder_words (finder, holder));
  if (kind == 0)
    return;
  if (target_of (finder, slot->target)->is_bytes && !container)
    g_array_append_val (finder->bytes_claims, ((Claim){ to, kind }));
  else
    set_kind (finder, to, kind);
}

static void
follow_object (Finder *finder, const HatSlots *slots, const guint8 *bytes, gsize n, Holder holder)
{
  for (guint i = 0; i < slots->n_pointers; i++)
    {
      const HatSlot *slot = &slots->pointers[i];
      guint64 value, next = 0;
      if (slot->offset + 8 > n)
        break;
      memcpy (&value, bytes + slot->offset, 8);
      if (value - finder->typing->blocks->low >= finder->typing->blocks->span || (slot->condition && !hat_slot_is_live (slots, slot, bytes, n)))
        continue;
      if (slot->is_dyn && slot->offset + 16 <= n)
        memcpy (&next, bytes + slot->offset + 8, 8);
      holder.field = slot->name;
      follow_pointer (finder, slots, slot, value, next, &holder);
    }
}

static void
follow_block (Finder *finder, guint32 block)
{
  const Kind kind = g_array_index (finder->kinds, Kind, finder->block_kind[block] - 1);
  gsize n;
  const guint8 *bytes = bytes_of (finder, block, &n);
  if (bytes == NULL || kind.size == 0 || kind.slots->n_pointers == 0)
    return;
  const Holder holder = { .owner = kind.name };
  for (gsize at = kind.offset; at + kind.size <= n; at += kind.size)
    {
      follow_object (finder, kind.slots, bytes + at, kind.is_array ? kind.size : n - at, holder);
      if (!kind.is_array)
        break;
    }
}

static void
follow_all (Finder *finder)
{
  while (finder->work->len > 0)
    {
      const guint32 block = g_array_index (finder->work, guint32, finder->work->len - 1);
      g_array_set_size (finder->work, finder->work->len - 1);
      follow_block (finder, block);
    }
}

/* ---- classes ---- */

typedef struct
{
  guint32 kind;     /* that its blocks have by pointers; 0 = none so far */
  gboolean is_odd;  /* they have several */
  guint32 voted;    /* what the others of it become; 0 = not made yet */
} Class;

/* What nothing leads to is what the others of its stack and size are. TRUE: some were found. */
static gboolean
vote (Finder *finder)
{
  const HatTyping *typing = finder->typing;
  g_autoptr (GHashTable) classes = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  gboolean any = FALSE;
  for (guint pass = 0; pass < 2; pass++)
    for (guint32 block = 0; block < typing->blocks->n; block++)
      {
        const guint32 number = finder->block_kind[block];
        const Kind *kind = number ? &g_array_index (finder->kinds, Kind, number - 1) : NULL;
        const gsize key = ((gsize) typing->stacks[block] << 32) ^ (gsize) size_of (finder, block);
        Class *class = g_hash_table_lookup (classes, (gpointer) key);
        if (pass == 0 && kind && kind->evidence == HAT_EVIDENCE_POINTER)
          {
            if (class == NULL)
              g_hash_table_insert (classes, (gpointer) key, class = g_new0 (Class, 1));
            const Kind *first = class->kind ? &g_array_index (finder->kinds, Kind, class->kind - 1) : kind;
            class->is_odd |= first->type != kind->type || first->is_array != kind->is_array || first->offset != kind->offset;
            class->kind = class->kind ? class->kind : number;
          }
        else if (pass == 1 && number == 0 && class && !class->is_odd)
          {
            const Kind like = g_array_index (finder->kinds, Kind, class->kind - 1);
            if (class->voted == 0)
              class->voted = add_kind (finder, like.type, like.name, like.offset, like.is_array, HAT_EVIDENCE_POINTER,
                                       "all others of its size and allocating stack are");
            set_kind (finder, block, class->voted);
            any = TRUE;
          }
      }
  return any;
}

/* ---- variables ---- */

static gboolean
read_word (gpointer data, guint64 address, guint64 *out_word)
{
  return hat_copy_word (data, address, out_word);
}

/* The first root that is not before a place. */
static guint32
root_from (const HatSnapshot *out, HatRootKind kind, guint32 thread, guint64 address)
{
  guint32 low = 0, high = out->info.n_roots;
  while (low < high)
    {
      const guint32 middle = low + (high - low) / 2;
      const HatRoot *root = &out->roots[middle];
      const gboolean is_before = root->kind != kind ? root->kind < kind : root->thread != thread ? root->thread < thread : root->address < address;
      if (is_before)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/* A root by its place, or -1. */
static gint64
find_root (const HatSnapshot *out, HatRootKind kind, guint32 thread, guint64 address)
{
  const guint32 at = root_from (out, kind, thread, address);
  const HatRoot *root = &out->roots[at];
  return at < out->info.n_roots && root->kind == kind && root->thread == thread && root->address == address ? (gint64) at : -1;
}

static void
name_root (Finder *finder, gint64 index, const char *variable, const char *path, guint32 frame)
{
  if (index < 0 || finder->is_named[index])
    return;
  HatRoot *root = &finder->typing->out->roots[index];
  g_autofree char *text = *path == '\0' ? g_strdup (variable) : g_strconcat (variable, *path == '[' ? "" : ".", path, NULL);
  root->name = g_string_chunk_insert_const (finder->typing->strings, text);
  root->frame = frame;
  finder->is_named[index] = TRUE;
}

static guint64
keep_bytes (Finder *finder, const guint8 *bytes, guint32 n)
{
  const guint64 at = finder->values->len;
  g_byte_array_append (finder->values, bytes, n);
  return at;
}

/* A variable whose bytes are at hand: what it points to is typed, and roots in it get its name. */
static void
take_variable (Finder *finder, HatVariable variable, const guint8 *bytes, gsize n, const char *function)
{
  const HatSlots *slots = hat_slot_table_get (finder->slots, variable.type);
  if (slots->n_pointers + slots->n_numbers == 0)
    return;
  const Holder holder = { .owner = variable.name, .function = function };
  follow_object (finder, slots, bytes, n, holder);
  if (finder->variables->len >= MAX_VARIABLES)
    return;
  variable.type_name = g_string_chunk_insert_const (finder->typing->strings, hat_types_get (finder->types, variable.type)->name);
  variable.size = hat_types_get (finder->types, hat_types_definition (finder->types, variable.type))->size;
  if (finder->typing->has_values)
    {
      variable.n_bytes = MIN (n, MAX_VALUE_BYTES);
      variable.at = keep_bytes (finder, bytes, variable.n_bytes);
    }
  g_array_append_val (finder->variables, variable);
}

/* The root that is a frame's register: where a callee has saved it. What only the hook has saved (which is no root) counts as in its
 * register still. */
static gint64
root_of_register (const Finder *finder, const HatUnwoundFrame *frame, guint32 thread, guint64 number)
{
  const HatTyping *typing = finder->typing;
  gboolean is_hook = FALSE;
  if (number >= G_N_ELEMENTS (frame->saved))
    return -1;
  for (guint i = 0; i < typing->n_threads; i++)
    if (typing->threads[i].index == thread)
      is_hook = g_array_index (typing->plan->stop->threads, HatStoppedThread, i).tid == typing->plan->held.tid
                && frame->saved[number] < typing->plan->held.cfa;
  return frame->saved[number] && !is_hook ? find_root (typing->out, HAT_ROOT_STACK, thread, frame->saved[number])
                                          : find_root (typing->out, HAT_ROOT_REGISTER, thread, number);
}

static void
name_roots_of (Finder *finder, const HatTypedVariable *typed, const HatUnwoundFrame *frame, guint32 frame_index, guint32 thread,
               const guint8 *bytes, gsize n)
{
  const HatSnapshot *out = finder->typing->out;
  const HatSlots *slots = hat_slot_table_get (finder->slots, typed->type);
  for (guint i = 0; i < typed->n_places; i++)
    {
      const HatPlace *place = &typed->places[i];
      for (guint k = 0; k < slots->n_pointers; k++)
        {
          const HatSlot *slot = &slots->pointers[k];
          gint64 root = -1;
          if (slot->offset < place->offset || slot->offset >= (guint64) place->offset + MAX (place->size, 1)
              || !hat_slot_is_live (slots, slot, bytes, n))
            continue;
          if (place->kind == HAT_PLACE_MEMORY)
            root = find_root (out, HAT_ROOT_STACK, thread, place->address + slot->offset - place->offset);
          else if (place->kind == HAT_PLACE_REGISTER)
            root = root_of_register (finder, frame, thread, place->address);
          name_root (finder, root, typed->name, slot->name, frame_index);
        }
    }
}

static void
take_frame_variable (Finder *finder, const HatTypedVariable *typed, const HatUnwoundFrame *frame, guint32 frame_index, guint32 thread)
{
  const HatTyping *typing = finder->typing;
  const guint64 size = hat_types_get (finder->types, hat_types_definition (finder->types, typed->type))->size;
  guint8 buffer[4096] = { 0 };
  const gsize n = MIN (size, sizeof buffer);
  HatVariable variable = { .name = g_string_chunk_insert_const (typing->strings, typed->name), .type = typed->type, .frame = frame_index,
                           .function = g_string_chunk_insert_const (typing->strings, typed->function ? typed->function : "") };
  for (guint i = 0; i < typed->n_places; i++)
    {
      const HatPlace *place = &typed->places[i];
      const gsize room = place->offset < n ? MIN (n - place->offset, MAX (place->size, 1)) : 0;
      guint64 got;
      const guint8 *at;
      if (place->kind != HAT_PLACE_MEMORY)
        memcpy (buffer + place->offset, &place->value, MIN (room, 8));
      else if (room > 0 && (at = hat_copy_at (typing->roots, place->address, &got)))
        memcpy (buffer + place->offset, at, MIN (room, got));
      else if (room > 0 && typing->contents && (at = hat_copy_at (typing->contents, place->address, &got)))
        memcpy (buffer + place->offset, at, MIN (room, got));
    }
  const gboolean is_whole = typed->n_places == 1 && typed->places[0].offset == 0;
  variable.place = !is_whole || typed->places[0].kind == HAT_PLACE_VALUE ? HAT_VARIABLE_NOWHERE
                   : typed->places[0].kind == HAT_PLACE_MEMORY           ? HAT_VARIABLE_MEMORY
                                                                         : HAT_VARIABLE_REGISTER;
  if (is_whole)
    variable.address = typed->places[0].address;
  /* A register that a callee has saved is a variable in memory. */
  const gint64 root = variable.place == HAT_VARIABLE_REGISTER ? root_of_register (finder, frame, thread, variable.address) : -1;
  if (root >= 0 && typing->out->roots[root].kind == HAT_ROOT_STACK)
    {
      variable.place = HAT_VARIABLE_MEMORY;
      variable.address = typing->out->roots[root].address;
    }
  take_variable (finder, variable, buffer, n, typed->function ? typed->function : "a frame");
  name_roots_of (finder, typed, frame, frame_index, thread, buffer, n);
}

static HatFrameState
frame_state (const HatUnwoundFrame *frame)
{
  HatFrameState state = { .module = frame->module ? frame->module->module : G_MAXUINT32, .bias = frame->module ? frame->module->bias : 0,
                          .pc = frame->pc, .is_exact = frame->is_exact, .cfa = frame->cfa, .known = frame->known };
  memcpy (state.registers, frame->registers, sizeof state.registers);
  return state;
}

static void
look_at_frames (Finder *finder)
{
  const HatTyping *typing = finder->typing;
  g_autoptr (GArray) variables = g_array_new (FALSE, FALSE, sizeof (HatTypedVariable));
  for (guint32 i = 0; i < typing->out->n_frames; i++)
    {
      const HatUnwoundFrame *frame = &typing->frames[i];
      const guint32 thread = typing->out->frames[i].thread;
      const gboolean has_caller = i + 1 < typing->out->n_frames && typing->out->frames[i + 1].thread == thread;
      if (frame->module == NULL)
        continue;
      const HatFrameState state = frame_state (frame), caller = has_caller ? frame_state (frame + 1) : (HatFrameState){ 0 };
      g_array_set_size (variables, 0);
      hat_types_variables_at (finder->types, &state, has_caller && frame[1].module ? &caller : NULL, read_word, (gpointer) typing->roots, variables);
      for (guint k = 0; k < variables->len; k++)
        take_frame_variable (finder, &g_array_index (variables, HatTypedVariable, k), frame, i, thread);
    }
}

/* What points into the heap from a module's variables, ascending. */
static GArray *
roots_in (const HatSnapshot *out, guint32 module)
{
  GArray *addresses = g_array_new (FALSE, FALSE, sizeof (guint64));
  for (guint32 i = 0; i < out->info.n_roots && out->roots[i].kind == HAT_ROOT_GLOBAL; i++)
    if (out->roots[i].module == module)
      g_array_append_val (addresses, out->roots[i].offset);
  return addresses;
}

static void
look_at_globals (Finder *finder)
{
  const HatTyping *typing = finder->typing;
  for (guint i = 0; i < typing->plan->modules->len; i++)
    {
      const HatFoundModule *module = &g_array_index (typing->plan->modules, HatFoundModule, i);
      guint n = 0;
      g_autoptr (GArray) addresses = roots_in (typing->out, module->image.module);
      const HatGlobal *found = is_own (module) && addresses->len > 0
                                 ? hat_types_globals_at (finder->types, module->image.module, (const guint64 *) (gpointer) addresses->data, addresses->len, &n)
                                 : NULL;
      /* What they lead to may ask for others. */
      g_autofree HatGlobal *globals = g_memdup2 (found, n * sizeof *found);
      for (guint k = 0; k < n; k++)
        {
          const guint64 address = globals[k].address + module->image.bias;
          const guint64 size = hat_types_get (finder->types, hat_types_definition (finder->types, globals[k].type))->size;
          const guint32 next = root_from (typing->out, HAT_ROOT_GLOBAL, G_MAXUINT32, address);
          guint64 got;
          /* Most hold nothing of the heap: what their types are need not be known. */
          if (next == typing->out->info.n_roots || typing->out->roots[next].kind != HAT_ROOT_GLOBAL || typing->out->roots[next].address - address >= size)
            continue;
          const HatSlots *slots = hat_slot_table_get (finder->slots, globals[k].type);
          const guint8 *bytes = slots->n_pointers > 0 && strcmp (globals[k].name, "{vtable}") != 0 ? hat_copy_at (typing->roots, address, &got) : NULL;
          gboolean has_root = FALSE;
          if (bytes == NULL)
            continue;
          for (guint s = 0; s < slots->n_pointers; s++)
            {
              if (!hat_slot_is_live (slots, &slots->pointers[s], bytes, got))
                continue;
              const gint64 root = find_root (typing->out, HAT_ROOT_GLOBAL, G_MAXUINT32, address + slots->pointers[s].offset);
              has_root |= root >= 0;
              name_root (finder, root, globals[k].name, slots->pointers[s].name, HAT_NO_FRAME);
            }
          if (!has_root)
            continue;
          const HatVariable variable = { .name = g_string_chunk_insert_const (typing->strings, globals[k].name), .function = "",
                                         .type = globals[k].type, .frame = HAT_NO_FRAME, .address = address };
          take_variable (finder, variable, bytes, MIN (got, size), NULL);
        }
    }
}

/* ---- the result ---- */

/* Only numbers: what pointers are is known from where they lead, and text is nobody's business. */
static void
keep_values (Finder *finder)
{
  HatSnapshot *out = finder->typing->out;
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (HatBlockValue));
  for (guint32 block = 0; block < out->info.n_blocks && finder->values->len < MAX_ALL_VALUES; block++)
    {
      const guint32 number = finder->block_kind[block];
      const Kind *kind = number ? &g_array_index (finder->kinds, Kind, number - 1) : NULL;
      guint8 kept[MAX_VALUE_BYTES] = { 0 };
      gsize n, end = 0;
      if (!kind || !kind->slots || kind->slots->n_numbers == 0 || kind->size <= 1)
        continue;
      const guint8 *bytes = bytes_of (finder, block, &n);
      n = MIN (n, sizeof kept);
      for (gsize at = kind->offset; bytes && at + kind->size <= n; at += kind->size)
        {
          for (guint i = 0; i < kind->slots->n_numbers; i++)
            {
              const HatSlot *slot = &kind->slots->numbers[i];
              const gsize from = at + slot->offset;
              if (from + slot->size > n || !hat_slot_is_live (kind->slots, slot, bytes + at, n - at))
                continue;
              memcpy (kept + from, bytes + from, slot->size);
              end = MAX (end, from + slot->size);
            }
          for (guint i = 0; i < kind->slots->n_containers; i++)
            {
              /* Ranges count by their pointers. */
              const HatContainer *container = &kind->slots->containers[i];
              const gsize from = at + container->used - 8;
              if (!container->is_range || from + 24 > n)
                continue;
              memcpy (kept + from, bytes + from, 24);
              end = MAX (end, from + 24);
            }
          if (!kind->is_array)
            break;
        }
      if (end == 0)
        continue;
      const HatBlockValue value = { .block = block, .n = end, .at = keep_bytes (finder, kept, end) };
      g_array_append_val (values, value);
    }
  out->n_values = values->len;
  out->values = (HatBlockValue *) (gpointer) g_array_free (g_steal_pointer (&values), FALSE);
}

static HatTypeId
keep_type (Finder *finder, HatTypeId type)
{
  if (type == HAT_TYPE_VOID)
    return type;
  const HatSlots *slots = hat_slot_table_get (finder->slots, type);
  for (guint i = 0; i < slots->n_others; i++)
    hat_types_keep (finder->types, slots->others[i]);
  return hat_types_keep (finder->types, type);
}

static void
give (Finder *finder)
{
  HatSnapshot *out = finder->typing->out;
  if (finder->typing->has_values)
    keep_values (finder);
  if (finder->kinds->len > 0)
    out->block_kind = g_steal_pointer (&finder->block_kind);
  out->n_kinds = finder->kinds->len;
  out->kinds = g_new0 (HatBlockKind, finder->kinds->len + 1);
  for (guint i = 0; i < finder->kinds->len; i++)
    {
      const Kind *kind = &g_array_index (finder->kinds, Kind, i);
      out->kinds[i] = (HatBlockKind){ .name = kind->name, .words = kind->words, .type = keep_type (finder, kind->type), .offset = kind->offset,
                                      .evidence = kind->evidence, .is_array = kind->is_array };
    }
  out->n_variables = finder->variables->len;
  out->variables = (HatVariable *) (gpointer) g_array_free (g_steal_pointer (&finder->variables), FALSE);
  for (guint i = 0; i < out->n_variables; i++)
    out->variables[i].type = keep_type (finder, out->variables[i].type);
  out->n_value_bytes = finder->values->len;
  out->value_bytes = g_byte_array_free (g_steal_pointer (&finder->values), FALSE);
}

void
hat_snapshot_find_types (HatTyping *typing)
{
  Finder finder = { .typing = typing, .types = typing->types };
  const guint n_modules = typing->plan->modules->len;
  gboolean any = FALSE;
  for (guint i = 0; i < n_modules; i++)
    {
      const HatFoundModule *found = &g_array_index (typing->plan->modules, HatFoundModule, i);
      const HatModule module = hat_found_module_about (found);
      if (!found->is_hook && found->image.module != G_MAXUINT32)
        any |= hat_types_add_numbered (typing->types, found->image.module, &module);
    }
  finder.slots = hat_slot_table_new (typing->types);
  finder.kinds = g_array_new (FALSE, FALSE, sizeof (Kind));
  finder.kind_of = g_hash_table_new_full (hash_kind, equal_kinds, g_free, NULL);
  finder.words = g_hash_table_new_full (hash_holder, equal_holders, g_free, NULL);
  finder.beginnings = g_hash_table_new (NULL, NULL);
  finder.targets = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  finder.vtables = g_hash_table_new (NULL, NULL);
  finder.block_kind = g_new0 (guint32, typing->blocks->n + 1);
  finder.work = g_array_new (FALSE, FALSE, sizeof (guint32));
  finder.bytes_claims = g_array_new (FALSE, FALSE, sizeof (Claim));
  finder.variables = g_array_new (FALSE, FALSE, sizeof (HatVariable));
  finder.values = g_byte_array_new ();
  finder.is_named = g_new0 (guint8, typing->out->info.n_roots + 1);

  look_at_stacks (&finder);
  look_at_gtypes (&finder);
  look_at_python (&finder);
  look_at_vtables (&finder);
  for (guint32 block = 0; block < typing->blocks->n; block++)
    if (finder.block_kind[block] && g_array_index (finder.kinds, Kind, finder.block_kind[block] - 1).slots)
      g_array_append_val (finder.work, block);
  follow_all (&finder);
  if (any)
    {
      look_at_frames (&finder);
      look_at_globals (&finder);
    }
  follow_all (&finder);
  for (guint round = 0; round < MAX_ROUNDS && vote (&finder); round++)
    follow_all (&finder);
  for (guint i = 0; i < finder.bytes_claims->len; i++)
    {
      const Claim *claim = &g_array_index (finder.bytes_claims, Claim, i);
      if (finder.block_kind[claim->block] == 0)
        finder.block_kind[claim->block] = claim->kind;
    }
  give (&finder);

  g_free (finder.block_kind);
  g_free (finder.is_named);
  g_free (finder.ways_in);
  g_hash_table_unref (finder.kind_of);
  g_hash_table_unref (finder.words);
  g_hash_table_unref (finder.beginnings);
  g_hash_table_unref (finder.targets);
  g_hash_table_unref (finder.vtables);
  g_array_unref (finder.kinds);
  g_array_unref (finder.work);
  g_array_unref (finder.bytes_claims);
  hat_slot_table_free (finder.slots);
}
