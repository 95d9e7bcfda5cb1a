/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace knows of the types in a snapshot, as the graph asks for it. */

#include "core/graph/graph-private.h"

#include <stdlib.h>
#include <string.h>

#include "core/types/slots.h"

#define MAX_VALUES 512 /* of one block, for people */

/* What a block is. */
typedef struct
{
  const HatBlockKind *kind;
  const HatSlots *slots; /* NULL: only its name is known */
  guint64 size;          /* of an object */
  guint32 number;        /* of the type, for the graph */
} Kind;

typedef struct
{
  HatTypes *types;
  HatSlotTable *slots;
  GMutex lock; /* of types and slots once the graph is made */
  const HatSnapshot *snapshot;
  const HatGraph *graph;
  Kind *kinds;
  GPtrArray *names, *labels; /* by number */
  GStringChunk *strings;
  guint32 *root_variable;  /* by root: 1 + index of its variable */
} Typed;

static const Kind *
kind_of (const Typed *typed, guint32 block)
{
  const guint32 number = typed->snapshot->block_kind[block];
  return number ? &typed->kinds[number - 1] : NULL;
}

static int
compare_value (const void *block, const void *value)
{
  const guint32 wanted = *(const guint32 *) block, found = ((const HatBlockValue *) value)->block;
  return wanted < found ? -1 : wanted > found;
}

/* The numbers that were kept of a block; NULL: none. */
static const guint8 *
values_of (const Typed *typed, guint32 block, gsize *out_n)
{
  const HatSnapshot *snapshot = typed->snapshot;
  const HatBlockValue *value
    = snapshot->n_values ? bsearch (&block, snapshot->values, snapshot->n_values, sizeof *value, compare_value) : NULL;

  *out_n = value ? value->n : 0;
  return value ? snapshot->value_bytes + value->at : NULL;
}

/* ---- what the graph asks ---- */

static guint32
type_of (gpointer data, guint32 block)
{
  const Kind *kind = kind_of (data, block);
  return kind ? kind->number : HAT_GRAPH_NONE;
}

static const char *
type_name (gpointer data, guint32 type)
{
  const Typed *typed = data;
  return type < typed->names->len ? g_ptr_array_index (typed->names, type) : NULL;
}

static const char *
type_label (gpointer data, guint32 type)
{
  const Typed *typed = data;
  return type < typed->labels->len ? g_ptr_array_index (typed->labels, type) : NULL;
}

static const char *
type_evidence (gpointer data, guint32 block)
{
  const Kind *kind = kind_of (data, block);
  return kind ? kind->kind->words : NULL;
}

/* The object in the block that `offset` lies in. FALSE: none does. */
static gboolean
find_object (const Kind *kind, guint64 offset, guint64 *out_start, guint64 *out_index)
{
  if (kind == NULL || kind->slots == NULL || kind->size == 0 || offset < kind->kind->offset)
    return FALSE;
  *out_index = kind->kind->is_array ? (offset - kind->kind->offset) / kind->size : 0;
  *out_start = kind->kind->offset + *out_index * kind->size;
  return TRUE;
}

static const HatSlot *
find_slot (const Typed *typed, guint32 block, guint64 offset, guint64 *out_index)
{
  const Kind *kind = kind_of (typed, block);
  const guint8 *bytes = NULL;
  guint64 start;
  gsize n = 0;

  if (!find_object (kind, offset, &start, out_index))
    return NULL;
  if (kind->slots->n_numbers > 0 && typed->snapshot->n_values > 0)
    bytes = values_of (typed, block, &n);
  if (bytes && start < n)
    return hat_slots_pointer_at (kind->slots, offset - start, bytes + start, n - start);
  return hat_slots_pointer_at (kind->slots, offset - start, NULL, 0);
}

static const HatStrength strengths[] = { [HAT_OWNS_UNKNOWN] = HAT_STRENGTH_UNKNOWN, [HAT_OWNS] = HAT_STRENGTH_STRONG,
                                         [HAT_OWNS_NOT] = HAT_STRENGTH_WEAK };

static gboolean
field_of (gpointer data, guint32 block, guint64 offset, HatGraphField *out_field)
{
  guint64 index;
  const HatSlot *slot = find_slot (data, block, offset, &index);

  if (slot == NULL)
    return FALSE;
  *out_field = (HatGraphField) { .name = slot->name, .strength = strengths[slot->ownership], .evidence = slot->evidence, .is_way_back = slot->is_back, .is_way_on = slot->is_forward,
                                 .is_typed = slot->target != HAT_TYPE_VOID };
  if (kind_of (data, block)->kind->is_array)
    {
      out_field->is_element = TRUE;
      out_field->index = index;
    }
  return TRUE;
}

static guint64
read_count (const guint8 *bytes, gsize n, guint64 offset, guint32 size)
{
  guint64 value = 0;
  if (size > 0 && offset <= n && n - offset >= size)
    memcpy (&value, bytes + offset, size);
  return value;
}

static gboolean
counts_of (gpointer data, guint32 block, HatGraphCounts *out_counts)
{
  const Typed *typed = data;
  const Kind *kind = kind_of (typed, block);
  gsize n;
  const guint8 *bytes = kind && kind->slots && kind->slots->strong_size > 0 && !kind->kind->is_array ? values_of (typed, block, &n) : NULL;

  *out_counts = (HatGraphCounts) { 0 };
  if (bytes == NULL || n <= kind->kind->offset)
    return FALSE;
  bytes += kind->kind->offset;
  n -= kind->kind->offset;
  out_counts->strong = read_count (bytes, n, kind->slots->strong_offset, kind->slots->strong_size);
  out_counts->has_weak = kind->slots->weak_size > 0;
  out_counts->weak = read_count (bytes, n, kind->slots->weak_offset, kind->slots->weak_size);
  if (out_counts->strong > 0 && out_counts->weak > 0)
    out_counts->weak--;
  return TRUE;
}

static gboolean
object_offset (gpointer data, guint32 block, guint64 *out_offset)
{
  const Kind *kind = kind_of (data, block);
  if (kind == NULL || kind->kind->is_array)
    return FALSE;
  *out_offset = kind->kind->offset;
  return TRUE;
}

/* "Vec<Rc<Node>>, 12 of 16 used", from the object that holds the elements. NULL: it is not a container that says so. */
static char *
container_text (const Typed *typed, const HatSlots *slots, const HatSlot *slot, const guint8 *bytes, gsize n, guint64 elements_size)
{
  const HatContainer *container = slot->container ? &slots->containers[slot->container - 1] : NULL;
  if (container == NULL || container->start != slot->offset || container->used == G_MAXUINT64 || container->used + 8 > n)
    return NULL;
  guint64 used = read_count (bytes, n, container->used, 8), room = 0;
  const guint64 element = hat_types_get (typed->types, hat_types_definition (typed->types, container->element))->size;
  if (container->is_range)
    {
      const guint64 start = read_count (bytes, n, container->start, 8);
      if (element == 0 || used < start)
        return NULL;
      used = (used - start) / element;
      room = (read_count (bytes, n, container->room, 8) - start) / element;
    }
  else if (container->is_hash)
    {
      const guint64 buckets = read_count (bytes, n, container->room, 8) + 1;
      room = buckets <= 8 ? buckets - 1 : buckets / 8 * 7;
    }
  else
    room = element > 0 ? elements_size / element : 0;
  return g_strdup_printf ("%s, %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " used", container->name, used, room);
}

static char *
contents_of (gpointer data, guint32 block)
{
  Typed *typed = data;
  const HatGraph *graph = typed->graph;
  char *text = NULL;

  g_mutex_lock (&typed->lock);
  for (guint32 i = graph->first_in[block]; i < graph->first_in[block + 1] && text == NULL; i++)
    {
      const guint32 edge = graph->in_edge[i], from = hat_graph_edge_from (graph, edge);
      guint64 index, start;
      gsize n;
      const guint64 offset = (guint64) graph->snapshot->edge_word[edge] * 8;
      const Kind *kind = kind_of (typed, from);
      const HatSlot *slot = find_slot (typed, from, offset, &index);
      const guint8 *bytes = slot && slot->container ? values_of (typed, from, &n) : NULL;
      if (bytes && find_object (kind, offset, &start, &index) && start < n)
        text = container_text (typed, kind->slots, slot, bytes + start, n - start, hat_graph_size (graph, block));
    }
  guint32 n_roots;
  const guint32 *roots = hat_graph_roots_of ((HatGraph *) graph, block, &n_roots);
  for (guint32 i = 0; i < n_roots && text == NULL; i++)
    {
      const guint32 number = typed->root_variable[roots[i]];
      const HatVariable *variable = number ? &typed->snapshot->variables[number - 1] : NULL;
      if (variable == NULL || variable->place != HAT_VARIABLE_MEMORY || variable->type == HAT_TYPE_VOID)
        continue;
      const HatSlots *slots = hat_slot_table_get (typed->slots, variable->type);
      const guint8 *bytes = typed->snapshot->value_bytes + variable->at;
      const HatSlot *slot = hat_slots_pointer_at (slots, typed->snapshot->roots[roots[i]].address - variable->address, bytes, variable->n_bytes);
      if (slot)
        text = container_text (typed, slots, slot, bytes, variable->n_bytes, hat_graph_size (graph, block));
    }
  g_mutex_unlock (&typed->lock);
  return text;
}

static void
add_values (Typed *typed, GArray *values, const HatSlots *slots, const guint8 *bytes, gsize n, const char *prefix)
{
  for (guint i = 0; i < slots->n_numbers && values->len < MAX_VALUES; i++)
    {
      const HatSlot *slot = &slots->numbers[i];
      char *text = hat_slot_is_live (slots, slot, bytes, n) ? hat_slot_text (typed->types, slot, bytes, n) : NULL;
      if (text == NULL)
        continue;
      const gboolean is_joined = *prefix && *slot->name && *slot->name != '[';
      g_autofree char *name = g_strconcat (prefix, is_joined ? "." : "", slot->name, NULL);
      const HatGraphValue value = { .name = g_string_chunk_insert_const (typed->strings, name), .type = hat_types_get (typed->types, slot->type)->name,
                                    .offset = slot->offset, .value = text };
      g_array_append_val (values, value);
    }
}

static void
values_in (gpointer data, guint32 block, GArray *values)
{
  Typed *typed = data;
  const Kind *kind = kind_of (typed, block);
  gsize n;
  const guint8 *bytes = kind && kind->slots ? values_of (typed, block, &n) : NULL;

  if (bytes == NULL || kind->size == 0)
    return;
  g_mutex_lock (&typed->lock);
  for (gsize at = kind->kind->offset; at < n && values->len < MAX_VALUES; at += kind->size)
    {
      char prefix[32] = "";
      const guint before = values->len;
      if (kind->kind->is_array)
        g_snprintf (prefix, sizeof prefix, "[%" G_GSIZE_FORMAT "]", (at - kind->kind->offset) / (gsize) kind->size);
      add_values (typed, values, kind->slots, bytes + at, n - at, prefix);
      for (guint i = before; i < values->len; i++)
        g_array_index (values, HatGraphValue, i).offset += at;
      if (!kind->kind->is_array)
        break;
    }
  g_mutex_unlock (&typed->lock);
}

static gboolean
root_of (gpointer data, guint32 root, HatGraphVariable *out_variable)
{
  Typed *typed = data;
  const guint32 number = typed->root_variable[root];
  const HatVariable *variable = number ? &typed->snapshot->variables[number - 1] : NULL;

  if (variable == NULL)
    return FALSE;
  *out_variable = (HatGraphVariable) { .type = variable->type_name, .function = *variable->function ? variable->function : NULL };
  if (variable->type == HAT_TYPE_VOID)
    return TRUE;
  g_mutex_lock (&typed->lock);
  const HatSlots *slots = hat_slot_table_get (typed->slots, variable->type);
  const guint64 offset = variable->place == HAT_VARIABLE_MEMORY ? typed->snapshot->roots[root].address - variable->address : 0;
  const HatSlot *slot = hat_slots_pointer_at (slots, offset, variable->n_bytes ? typed->snapshot->value_bytes + variable->at : NULL, variable->n_bytes);
  g_mutex_unlock (&typed->lock);
  if (slot)
    {
      out_variable->strength = strengths[slot->ownership];
      out_variable->evidence = slot->evidence;
    }
  return TRUE;
}

/* ---- making it ---- */

static char *
variable_key (guint32 frame, const char *name, gsize length)
{
  return g_strdup_printf ("%u %.*s", frame, (int) length, name);
}

/* The variable that the recorder named each root after: by frame and name, and of several the one that lies there. */
static void
find_root_variables (Typed *typed)
{
  const HatSnapshot *snapshot = typed->snapshot;
  g_autoptr (GHashTable) first = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL); /* key -> 1 + index */
  g_autofree guint32 *next = g_new0 (guint32, snapshot->n_variables + 1);

  for (guint32 i = snapshot->n_variables; i > 0; i--)
    {
      const HatVariable *variable = &snapshot->variables[i - 1];
      char *key = variable_key (variable->frame, variable->name, strlen (variable->name));
      next[i - 1] = GPOINTER_TO_UINT (g_hash_table_lookup (first, key));
      g_hash_table_replace (first, key, GUINT_TO_POINTER (i));
    }
  for (guint32 i = 0; i < snapshot->info.n_roots; i++)
    {
      const HatRoot *root = &snapshot->roots[i];
      if (*root->name == '\0' || root->kind == HAT_ROOT_MAPPING || g_hash_table_size (first) == 0)
        continue;
      g_autofree char *key = variable_key (root->frame, root->name, strcspn (root->name, ".["));
      for (guint32 at = GPOINTER_TO_UINT (g_hash_table_lookup (first, key)); at && typed->root_variable[i] == 0; at = next[at - 1])
        {
          const HatVariable *variable = &snapshot->variables[at - 1];
          const gboolean is_there = variable->place != HAT_VARIABLE_MEMORY
                                    || (root->address >= variable->address && root->address - variable->address < MAX (variable->size, 1));
          if (is_there)
            typed->root_variable[i] = at;
        }
    }
}

/* The kind's name, and where its type is defined if others have that name. */
static const char *
label_of (Typed *typed, const HatBlockKind *kind, const char *name)
{
  if (kind->type == HAT_TYPE_VOID || kind->type >= hat_types_count (typed->types))
    return name;
  const HatTypeId type = hat_types_definition (typed->types, kind->type);
  const char *place = hat_types_label (typed->types, type) + strlen (hat_types_get (typed->types, type)->name);
  g_autofree char *label = g_strconcat (name, place, NULL);
  return *place ? g_string_chunk_insert_const (typed->strings, label) : name;
}

static void
number_types (Typed *typed)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new (g_str_hash, g_str_equal); /* label -> 1 + number */
  const guint n_types = hat_types_count (typed->types);
  for (guint32 i = 0; i < typed->snapshot->n_kinds; i++)
    {
      const HatBlockKind *it = &typed->snapshot->kinds[i];
      Kind *kind = &typed->kinds[i];
      g_autofree char *shown = it->is_array ? g_strconcat (it->name, "[]", NULL) : NULL;
      const char *name = shown ? g_string_chunk_insert_const (typed->strings, shown) : it->name;
      const char *label = label_of (typed, it, name);
      guint number = GPOINTER_TO_UINT (g_hash_table_lookup (numbers, label));
      if (number == 0)
        {
          g_ptr_array_add (typed->names, (gpointer) name);
          g_ptr_array_add (typed->labels, (gpointer) label);
          g_hash_table_insert (numbers, (gpointer) label, GUINT_TO_POINTER (number = typed->names->len));
        }
      kind->kind = it;
      kind->number = number - 1;
      if (it->type == HAT_TYPE_VOID || it->type >= n_types)
        continue;
      kind->slots = hat_slot_table_get (typed->slots, it->type);
      kind->size = hat_types_get (typed->types, hat_types_definition (typed->types, it->type))->size;
    }
}

static void
typed_free (gpointer data)
{
  Typed *typed = data;
  hat_slot_table_free (typed->slots);
  hat_types_free (typed->types);
  g_ptr_array_unref (typed->names);
  g_ptr_array_unref (typed->labels);
  g_string_chunk_free (typed->strings);
  g_free (typed->kinds);
  g_free (typed->root_variable);
  g_mutex_clear (&typed->lock);
  g_free (typed);
}

void
hat_graph_take_types (HatGraph *graph)
{
  if (graph->types.data != NULL || graph->types.type != NULL || graph->snapshot->block_kind == NULL)
    return;
  Typed *typed = g_new0 (Typed, 1);
  typed->types = hat_types_of_trace (graph->trace);
  typed->slots = hat_slot_table_new (typed->types);
  typed->snapshot = graph->snapshot;
  typed->graph = graph;
  typed->kinds = g_new0 (Kind, graph->snapshot->n_kinds + 1);
  typed->names = g_ptr_array_new ();
  typed->labels = g_ptr_array_new ();
  typed->strings = g_string_chunk_new (1024);
  typed->root_variable = g_new0 (guint32, graph->snapshot->info.n_roots + 1);
  g_mutex_init (&typed->lock);
  number_types (typed);
  find_root_variables (typed);
  graph->types = (HatGraphTypes) { .data = typed, .free_data = typed_free, .type = type_of, .type_name = type_name, .type_label = type_label,
                                   .type_evidence = type_evidence,
                                   .field = field_of, .counts = counts_of, .object_offset = object_offset, .contents = contents_of,
                                   .values = values_in, .variable = root_of };
}
