/* SPDX-License-Identifier: Apache-2.0 */
/* What a stack allocates: from the innermost frame outward. */

#include "core/types/sites.h"

#include "core/symbols/module-symbols.h"

#include <string.h>

/* A code address, and what the functions there say. Stacks share their inner frames, so all of it is asked for once. */
typedef struct
{
  guint64 offset;
  guint32 module;
  gboolean is_exact;
  HatTypeModule *of;
  HatCode *code;      /* NULL: `name` is all that is known */
  const char *name;
  HatSiteName *names; /* n_names of them, innermost first */
  guint n_names;
  gboolean is_followed; /* then: */
  HatSiteVerdict followed;
  HatBlockType block;
} Place;

static guint
hash_place (gconstpointer data)
{
  const Place *place = data;
  return (guint) (hat_type_mix (hat_type_mix (place->module, place->offset), place->is_exact) >> 32);
}

static gboolean
equal_places (gconstpointer a, gconstpointer b)
{
  const Place *x = a, *y = b;
  return x->offset == y->offset && x->module == y->module && x->is_exact == y->is_exact;
}

static void
place_free (gpointer data)
{
  Place *place = data;
  hat_code_free (place->code);
  g_free (place->names);
  g_free (place);
}

void
hat_type_places_free (GHashTable *places)
{
  if (places)
    g_hash_table_unref (places);
}

static Place *
place_of (HatTypes *types, const HatModule *modules, const HatFrame *frame)
{
  Place key = { .offset = frame->offset, .module = frame->module, .is_exact = frame->exact };
  if (!types->places)
    types->places = g_hash_table_new_full (hash_place, equal_places, NULL, place_free);
  Place *place = g_hash_table_lookup (types->places, &key);
  if (place)
    return place;
  place = g_memdup2 (&key, sizeof key);
  place->block.words = "";
  place->of = hat_types_module (types, frame->module, &modules[frame->module]);
  const guint64 address = hat_frame_address (frame);
  if (place->of->source)
    place->code = hat_code_at (types, place->of->source, address, frame->exact ? 0 : frame->offset);
  if (!place->code)
    place->name = hat_types_symbol (types, place->of, address);
  place->n_names = place->code ? place->code->n_calls : 1;
  place->names = g_new0 (HatSiteName, place->n_names);
  for (guint i = 0; i < place->n_names; i++)
    {
      HatCall *call = place->code ? &place->code->calls[i] : NULL;
      place->names[i] = hat_site_name (types, place->of->source, call, call ? call->name : place->name);
    }
  g_hash_table_add (types->places, place);
  return place;
}

static const char *
name_at (const Place *place, guint level)
{
  return place->code ? place->code->calls[level].name : place->name;
}

/* ---- the type of a block ---- */

/* The last field of a struct, if it is an array that goes on behind it. */
static guint64
flexible_tail (HatTypes *types, HatTypeId type, guint depth)
{
  const HatTypeLayout *layout = hat_types_layout (types, type);
  if (layout->n_fields < 2 || depth > 8)
    return 0;
  const HatField *last = &layout->fields[layout->n_fields - 1];
  const HatTypeId definition = hat_types_definition (types, last->type);
  const HatType *its = hat_types_get (types, definition);
  if (its->kind == HAT_TYPE_ARRAY)
    return its->count <= 1 && its->language != HAT_LANGUAGE_RUST ? last->offset : 0;
  const guint64 inner = flexible_tail (types, definition, depth + 1);
  return inner ? last->offset + inner : 0;
}

HatBlockType
hat_site_block (HatTypes *types, HatTypeId type, gboolean is_array)
{
  HatBlockType block = { .type = hat_types_definition (types, type), .is_array = is_array, .words = "" };
  const HatType *its = hat_types_get (types, block.type);
  for (guint hop = 0; hop < 8 && its->kind == HAT_TYPE_ARRAY; hop++)
    {
      block.type = hat_types_definition (types, its->target);
      block.is_array = TRUE;
      its = hat_types_get (types, block.type);
    }
  if (its->is_declaration || its->size == 0 || its->kind == HAT_TYPE_FUNCTION || its->kind == HAT_TYPE_ARRAY)
    return (HatBlockType){ .words = "" };
  block.size = its->size;
  block.tail = block.is_array ? 0 : flexible_tail (types, block.type, 0);
  return block;
}

/* ---- the walk ---- */

typedef struct
{
  HatTypes *types;
  HatSiteName found; /* verdict INNER: nothing yet */
  const char *namer; /* the function that said so */
  const Place *from;
  const char *user;  /* the first function that is none of a library's */
} Walk;

static guint64
size_of (HatTypes *types, HatTypeId type)
{
  return hat_types_get (types, hat_types_definition (types, type))->size;
}

/* FALSE: nobody further out is asked. */
static gboolean
take (Walk *walk, const Place *place, guint level)
{
  const HatSiteName *name = &place->names[level];
  if (walk->found.verdict == HAT_SITE_INNER)
    {
      walk->found = *name;
      walk->namer = name_at (place, level);
      walk->from = place;
      return name->verdict == HAT_SITE_INNER || name->is_part;
    }
  if (name->verdict == HAT_SITE_INNER)
    return TRUE;
  if (name->verdict != HAT_SITE_NAMES || !name->is_array || name->is_table)
    return FALSE;
  /* Compilers merge functions that are the same code for different types: what is inlined into the caller still tells the right one. */
  if (place != walk->from && size_of (walk->types, name->type) != size_of (walk->types, walk->found.type))
    return FALSE;
  if (place != walk->from)
    walk->found.type = name->type;
  walk->namer = name_at (place, level);
  walk->from = place;
  return name->is_part;
}

void
hat_site_append_name (GString *out, const char *name)
{
  g_autoptr (GString) plain = g_string_new (NULL);
  guint depth = 0;
  for (const char *at = name; *at; at++)
    {
      depth += *at == '<';
      if (depth == 0)
        g_string_append_c (plain, *at);
      depth -= *at == '>' && depth > 0;
    }
  const char *last = g_strrstr (plain->str, "::"), *from = last;
  while (from && from > plain->str && !(from < last && g_str_has_prefix (from - 1, "::")))
    from--;
  if (from && from > plain->str)
    from++;
  from = from ? from : plain->str;
  g_string_append (out, from + strspn (from, ":"));
}

static HatBlockType
finish (Walk *walk)
{
  HatTypes *types = walk->types;
  HatBlockType block = hat_site_block (types, walk->found.type, walk->found.is_array);
  if (block.type == HAT_TYPE_VOID)
    return block;
  block.is_table = walk->found.is_table;
  block.evidence = HAT_EVIDENCE_STACK;
  g_autoptr (GString) words = g_string_new (NULL);
  hat_site_append_name (words, walk->namer);
  if (walk->user)
    {
      g_string_append (words, " in ");
      hat_site_append_name (words, walk->user);
    }
  block.words = g_string_chunk_insert_const (types->strings, words->str);
  return block;
}

static HatBlockType
by_compiler (HatTypes *types, Place *place)
{
  Dwarf_Die die;
  if (!dwarf_formref_die (&place->code->alloc_type, &die))
    return (HatBlockType){ .words = "" };
  HatBlockType block = hat_site_block (types, hat_types_of_die (types, place->of->source, &die), FALSE);
  if (block.type)
    {
      g_autoptr (GString) words = g_string_new ("new in ");
      hat_site_append_name (words, place->code->calls[0].name ? place->code->calls[0].name : "?");
      block.evidence = HAT_EVIDENCE_COMPILER;
      block.is_array = TRUE; /* new T[n] says T */
      block.words = g_string_chunk_insert_const (types->strings, words->str);
    }
  return block;
}

/* C, and new in C++: what the function does with the block. */
static HatSiteVerdict
follow (HatTypes *types, Place *place, HatBlockType *out)
{
  if (!place->is_followed)
    {
      place->is_followed = TRUE;
      place->followed = place->code && !place->is_exact ? hat_site_follow (types, place->code, place->offset, &place->block) : HAT_SITE_USER;
    }
  *out = place->block;
  return place->followed;
}

HatBlockType
hat_types_of_stack (HatTypes *types, const HatModule *modules, const HatFrame *frames, guint n)
{
  Walk walk = { .types = types };
  HatBlockType block = { .words = "" };
  gboolean is_open = TRUE;
  for (guint i = 0; i < n && !frames[i].cut && frames[i].module != G_MAXUINT32 && !walk.user; i++)
    {
      Place *place = place_of (types, modules, &frames[i]);
      if (walk.found.verdict == HAT_SITE_INNER && place->code && place->code->has_alloc_type)
        return by_compiler (types, place);
      for (guint level = 0; level < place->n_names && !walk.user; level++)
        {
          const char *name = name_at (place, level);
          is_open = is_open && take (&walk, place, level);
          if (walk.found.verdict == HAT_SITE_USER)
            {
              block.is_hidden = place->code == NULL;
              if (block.is_hidden || follow (types, place, &block) != HAT_SITE_INNER)
                return block;
              walk.found.verdict = HAT_SITE_INNER;
              is_open = TRUE;
              break;
            }
          if (!is_open && walk.found.verdict != HAT_SITE_NAMES)
            return block;
          if (name && !hat_site_is_library (name))
            walk.user = name;
        }
    }
  return walk.found.verdict == HAT_SITE_NAMES ? finish (&walk) : (HatBlockType){ .words = "" };
}

void
hat_types_meet (HatTypes *types, const HatModule *modules, const HatFrame *frames, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const HatModule *module = frames[i].cut || frames[i].module == G_MAXUINT32 ? NULL : &modules[frames[i].module];
      HatTypeModule *known = module && module->path && !hat_types_is_of_system (module->path) ? hat_types_module (types, frames[i].module, module) : NULL;
      if (known && known->source)
        hat_code_read_unit (types, known->source, hat_frame_address (&frames[i]));
    }
}
