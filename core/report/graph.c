/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas graph`: what holds what, as text, JSON, DOT and GraphML. */

#include "core/report/report-private.h"

#include "core/graph/pattern.h"
#include "core/heap/format.h"
#include "core/report/function-name.h"
#include "core/report/plain-text.h"

#include <string.h>

#define MAX_PATHS 10
#define TEXT_DEPTH 4    /* of owners */
#define TEXT_ROWS 8     /* of what one owner owns */
#define TEXT_EDGES 12
#define TEXT_VALUES 20
#define DOT_NODES 100   /* of the whole graph */
#define FROM_DEPTH 3
#define TYPE_DEPTH 1

/* The part of the graph that is asked for. */
typedef struct
{
  HatGraph *graph;
  HatTrace *trace;
  guint snapshot;
  GArray *blocks;   /* guint32; a node's id is its index */
  guint32 *id_of;   /* by block; HAT_GRAPH_NONE: not in it */
  GArray *edges;    /* HatGraphEdge: of paths; NULL: all between its blocks */
  GPtrArray *paths; /* HatGraphPath, or NULL */
} Part;

static void
part_clear (Part *part)
{
  hat_graph_unref (part->graph);
  g_clear_pointer (&part->blocks, g_array_unref);
  g_clear_pointer (&part->edges, g_array_unref);
  g_clear_pointer (&part->paths, g_ptr_array_unref);
  g_free (part->id_of);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Part, part_clear)

/* ---- which part ---- */

static gboolean
add_block (Part *part, guint32 block)
{
  if (part->id_of[block] != HAT_GRAPH_NONE)
    return FALSE;
  part->id_of[block] = part->blocks->len;
  g_array_append_val (part->blocks, block);
  return TRUE;
}

/* What the blocks in it point to, `depth` steps far. */
static void
follow (Part *part, guint depth)
{
  const HatSnapshot *snapshot = hat_graph_snapshot (part->graph);
  guint done = 0;
  for (guint step = 0; step < depth && done < part->blocks->len; step++)
    for (const guint end = part->blocks->len; done < end; done++)
      {
        const guint32 block = g_array_index (part->blocks, guint32, done);
        for (guint32 e = snapshot->first_edge[block]; e < snapshot->first_edge[block + 1]; e++)
          add_block (part, snapshot->edge_to[e] & ~HAT_EDGE_INTERIOR);
      }
}

static gboolean
find_block (Part *part, const char *text, guint32 *out_block, GError **error)
{
  char *end;
  const guint64 address = g_ascii_strtoull (text, &end, 0);
  if (*text == '\0' || *end != '\0')
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "\"%s\" is no address, write 0x...", text);
      return FALSE;
    }
  *out_block = hat_graph_find (part->graph, address);
  if (*out_block != HAT_GRAPH_NONE)
    return TRUE;
  g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "no block lay at %s when the snapshot was taken", text);
  return FALSE;
}

static gboolean
add_type (Part *part, const char *name, GError **error)
{
  g_autoptr (HatFunctionName) function = hat_function_name_new (name);
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL); /* name -> 1 + whether it matches */
  for (guint32 b = 0; b < hat_graph_n_blocks (part->graph); b++)
    {
      HatGraphBlock block;
      hat_graph_block (part->graph, b, &block);
      const char *const names[] = { hat_graph_type_name (part->graph, block.type), hat_stack_function (part->trace, block.stack) };
      gboolean is_one = g_strcmp0 (hat_graph_type_label (part->graph, block.type), name) == 0;
      for (guint i = 0; i < G_N_ELEMENTS (names) && !is_one; i++)
        {
          guint answer = names[i] ? GPOINTER_TO_UINT (g_hash_table_lookup (known, names[i])) : 1;
          if (answer == 0)
            {
              answer = 1 + (hat_pattern_matches (name, names[i]) || hat_function_name_matches (function, names[i]));
              g_hash_table_insert (known, (gpointer) names[i], GUINT_TO_POINTER (answer));
            }
          is_one = answer == 2;
        }
      if (is_one)
        add_block (part, b);
    }
  if (part->blocks->len > 0)
    return TRUE;
  g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "the snapshot has no block of a type or from a function named %s", name);
  return FALSE;
}

static void
add_paths (Part *part, guint32 block)
{
  part->paths = hat_graph_paths (part->graph, block, MAX_PATHS);
  part->edges = g_array_new (FALSE, FALSE, sizeof (HatGraphEdge));
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < part->paths->len; i++)
    {
      const HatGraphPath *path = g_ptr_array_index (part->paths, i);
      for (guint k = 0; k < path->n; k++)
        add_block (part, path->blocks[k]);
      for (guint k = 0; k + 1 < path->n; k++)
        {
          g_autoptr (GArray) edges = hat_graph_edges_between (part->graph, path->blocks + k, 2);
          for (guint e = 0; e < edges->len; e++)
            {
              const HatGraphEdge *edge = &g_array_index (edges, HatGraphEdge, e);
              if (edge->from == path->blocks[k] && edge->to == path->blocks[k + 1] && g_hash_table_add (seen, GUINT_TO_POINTER (edge->edge)))
                g_array_append_val (part->edges, *edge);
            }
        }
    }
}

static gboolean
part_init (Part *part, HatHeap *heap, const HatGraphOptions *options, const HatProgress *progress, GError **error)
{
  *part = (Part) { .trace = hat_heap_trace (heap) };
  part->snapshot = (guint) options->snapshot.index;
  part->graph = options->graph ? hat_graph_ref (options->graph)
                               : hat_report_graph_of (heap, &options->snapshot, &part->snapshot, progress, error);
  if (part->graph == NULL)
    return FALSE;
  const guint32 n = hat_graph_n_blocks (part->graph);
  const HatSnapshot *snapshot = hat_graph_snapshot (part->graph);
  guint32 block;
  part->blocks = g_array_new (FALSE, FALSE, sizeof (guint32));
  part->id_of = g_new (guint32, MAX (n, 1));
  for (guint32 i = 0; i < n; i++)
    part->id_of[i] = HAT_GRAPH_NONE;
  if (options->paths_to)
    {
      if (!find_block (part, options->paths_to, &block, error))
        return FALSE;
      add_paths (part, block);
    }
  else if (options->from_block)
    {
      if (!find_block (part, options->from_block, &block, error))
        return FALSE;
      add_block (part, block);
      follow (part, options->depth < 0 ? FROM_DEPTH : options->depth);
    }
  else if (options->type)
    {
      if (!add_type (part, options->type, error))
        return FALSE;
      if (options->format != HAT_GRAPH_AS_TEXT) /* which shows owners instead */
        follow (part, options->depth < 0 ? TYPE_DEPTH : options->depth);
    }
  else if (options->depth >= 0)
    {
      for (guint32 i = 0; i < snapshot->info.n_roots; i++)
        add_block (part, snapshot->roots[i].to);
      follow (part, options->depth);
    }
  else
    for (guint32 i = 0; i < n; i++)
      add_block (part, i);
  return TRUE;
}

/* ---- walking the part ---- */

typedef void (*EdgeFunc) (const Part *part, const HatGraphEdge *edge, gpointer data);

static void
for_each_edge (const Part *part, EdgeFunc func, gpointer data)
{
  for (guint i = 0; part->edges && i < part->edges->len; i++)
    func (part, &g_array_index (part->edges, HatGraphEdge, i), data);
  for (guint i = 0; part->edges == NULL && i < part->blocks->len; i++)
    {
      const guint32 block = g_array_index (part->blocks, guint32, i);
      HatGraphEdge edges[64];
      guint32 n = 1;
      for (guint32 first = 0; first < n; first += G_N_ELEMENTS (edges))
        {
          n = hat_graph_edges_out (part->graph, block, first, edges, G_N_ELEMENTS (edges));
          for (guint32 k = 0; k < MIN (n - first, G_N_ELEMENTS (edges)) && first < n; k++)
            if (part->id_of[edges[k].to] != HAT_GRAPH_NONE)
              func (part, &edges[k], data);
        }
    }
}

/* Roots of paths only, if it is made of paths. */
static gboolean
has_root (const Part *part, guint32 root)
{
  for (guint i = 0; part->paths && i < part->paths->len; i++)
    if (((const HatGraphPath *) g_ptr_array_index (part->paths, i))->root == root)
      return TRUE;
  return part->paths == NULL && part->id_of[hat_graph_snapshot (part->graph)->roots[root].to] != HAT_GRAPH_NONE;
}

/* ---- JSON ---- */

/* Numbers of the stacks that its blocks have, in the order of their first. */
static GHashTable *
write_stacks (HatJson *json, const Part *part)
{
  GHashTable *numbers = g_hash_table_new (NULL, NULL);
  hat_json_begin_array (json, "stacks");
  for (guint i = 0; i < part->blocks->len; i++)
    {
      HatGraphBlock block;
      hat_graph_block (part->graph, g_array_index (part->blocks, guint32, i), &block);
      if (g_hash_table_contains (numbers, GUINT_TO_POINTER (block.stack)))
        continue;
      g_hash_table_insert (numbers, GUINT_TO_POINTER (block.stack), GUINT_TO_POINTER (g_hash_table_size (numbers)));
      hat_report_json_stack (json, NULL, part->trace, block.stack);
    }
  hat_json_end_array (json);
  return numbers;
}

static void
write_node (HatJson *json, const Part *part, guint id, GHashTable *stacks)
{
  const guint32 index = g_array_index (part->blocks, guint32, id);
  HatGraphBlock block;
  guint32 counts[3];
  hat_graph_block (part->graph, index, &block);
  hat_graph_count_in (part->graph, index, counts);
  hat_json_begin_object (json, NULL);
  hat_json_uint (json, "id", id);
  hat_json_address (json, "address", block.address);
  hat_json_uint (json, "size", block.size);
  hat_json_string (json, "type", hat_graph_type_label (part->graph, block.type));
  hat_json_string (json, "type_evidence", hat_graph_type_evidence (part->graph, index));
  hat_json_uint (json, "retained_bytes", block.retained_bytes);
  hat_json_string (json, "class", hat_leak_class_name (block.leak_class));
  hat_json_uint (json, "strong_count", counts[HAT_STRENGTH_STRONG]);
  hat_json_uint (json, "weak_count", counts[HAT_STRENGTH_WEAK]);
  hat_json_uint (json, "unknown_count", counts[HAT_STRENGTH_UNKNOWN]);
  HatGraphHolders holders;
  if (hat_graph_holders (part->graph, index, &holders))
    {
      hat_json_uint (json, "counted_strong", holders.counts.strong);
      if (holders.counts.has_weak)
        hat_json_uint (json, "counted_weak", holders.counts.weak);
      else
        hat_json_null (json, "counted_weak");
      hat_json_uint (json, "strong_found", holders.strong_found);
      g_autofree char *mismatch = hat_graph_mismatch (part->graph, index);
      hat_json_string (json, "mismatch", mismatch);
    }
  else
    {
      hat_json_null (json, "counted_strong");
      hat_json_null (json, "counted_weak");
    }
  g_autofree char *contents = hat_graph_contents (part->graph, index);
  hat_json_string (json, "contents", contents);
  g_autoptr (GArray) values = hat_graph_values (part->graph, index);
  if (values->len > 0)
    {
      hat_json_begin_array (json, "values");
      for (guint i = 0; i < values->len; i++)
        {
          const HatGraphValue *value = &g_array_index (values, HatGraphValue, i);
          hat_json_begin_object (json, NULL);
          hat_json_string (json, "name", value->name);
          hat_json_string (json, "type", value->type);
          hat_json_uint (json, "offset", value->offset);
          hat_json_string (json, "value", value->value);
          hat_json_end_object (json);
        }
      hat_json_end_array (json);
    }
  hat_json_uint (json, "stack", GPOINTER_TO_UINT (g_hash_table_lookup (stacks, GUINT_TO_POINTER (block.stack))));
  hat_json_int (json, "birth_ns", block.birth_ns);
  hat_json_uint (json, "thread", block.thread);
  if (block.owner == HAT_GRAPH_NONE)
    hat_json_null (json, "owner");
  else
    {
      HatGraphBlock owner;
      hat_graph_block (part->graph, block.owner, &owner);
      hat_json_address (json, "owner", owner.address);
    }
  if (block.is_doubtful)
    hat_json_boolean (json, "doubtful", TRUE);
  hat_json_end_object (json);
}

static void
write_edge (const Part *part, const HatGraphEdge *edge, gpointer data)
{
  HatJson *json = data;
  hat_json_begin_object (json, NULL);
  hat_json_uint (json, "from", part->id_of[edge->from]);
  hat_json_uint (json, "to", part->id_of[edge->to]);
  hat_json_uint (json, "offset", edge->offset);
  hat_json_string (json, "field", edge->field);
  hat_json_string (json, "strength", hat_strength_name (edge->strength));
  hat_json_string (json, "evidence", edge->evidence);
  hat_json_boolean (json, "certain", edge->is_certain);
  hat_json_boolean (json, "interior", edge->is_interior);
  hat_json_uint (json, "into", edge->into);
  hat_json_end_object (json);
}

static void
write_root (HatJson *json, const Part *part, guint32 index)
{
  const HatSnapshot *snapshot = hat_graph_snapshot (part->graph);
  const HatRoot *root = &snapshot->roots[index];
  guint n, n_modules;
  const HatThread *threads = hat_trace_threads (part->trace, hat_heap_process (hat_graph_heap (part->graph)), &n);
  const HatModule *modules = hat_trace_modules (part->trace, &n_modules);
  hat_json_begin_object (json, NULL);
  hat_json_string (json, "kind", hat_root_kind_name (root->kind));
  HatGraphVariable variable = { 0 };
  hat_graph_root_variable (part->graph, index, &variable);
  hat_json_string (json, "name", root->name);
  hat_json_string (json, "type", variable.type);
  if (root->thread < n)
    hat_json_uint (json, "thread", threads[root->thread].tid);
  else
    hat_json_null (json, "thread");
  if (root->frame == HAT_NO_FRAME)
    hat_json_null (json, "frame");
  else if (variable.function)
    hat_json_string (json, "frame", variable.function);
  else
    hat_json_string (json, "frame", hat_trace_source (part->trace, snapshot->frames[root->frame].frame, &n)->function);
  hat_json_uint (json, "to", part->id_of[root->to]);
  hat_json_uint (json, "into", root->to_offset);
  hat_json_string (json, "module", root->module < n_modules ? modules[root->module].path : NULL);
  hat_json_address (json, "address", root->address);
  hat_json_end_object (json);
}

static void
write_json (GString *out, const Part *part)
{
  HatJson json = { out };
  hat_json_begin_object (&json, NULL);
  hat_json_uint (&json, "process", hat_heap_process (hat_graph_heap (part->graph)));
  hat_json_uint (&json, "snapshot", part->snapshot);
  g_autoptr (GHashTable) stacks = write_stacks (&json, part);
  hat_json_begin_array (&json, "nodes");
  for (guint i = 0; i < part->blocks->len; i++)
    write_node (&json, part, i, stacks);
  hat_json_end_array (&json);
  hat_json_begin_array (&json, "edges");
  for_each_edge (part, write_edge, &json);
  hat_json_end_array (&json);
  hat_json_begin_array (&json, "roots");
  for (guint32 i = 0; i < hat_graph_snapshot (part->graph)->info.n_roots; i++)
    if (has_root (part, i))
      write_root (&json, part, i);
  hat_json_end_array (&json);
  hat_json_end_object (&json);
}

/* ---- DOT and GraphML ---- */

/* Valid UTF-8 without control characters: neither format has a way to write those. */
static char *
clean_text (const char *text)
{
  char *clean = g_utf8_make_valid (text, -1);
  for (char *at = clean; *at; at++)
    if ((guchar) *at < 0x20 || *at == 0x7f)
      *at = ' ';
  return clean;
}

/* Appends `text` inside a quoted string of DOT. */
static void
append_quoted (GString *out, const char *text)
{
  g_autofree char *clean = clean_text (text);
  for (const char *at = clean; *at; at++)
    {
      if (*at == '"' || *at == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *at);
    }
}

static void
append_dot_node (GString *out, const char *id, const char *label, guint64 bytes, HatLeakClass leak_class)
{
  static const char *const colors[HAT_N_LEAK_CLASSES] = {
    [HAT_LEAK_DIRECT] = "#e01b24", [HAT_LEAK_CYCLE] = "#c061cb", [HAT_LEAK_INDIRECT] = "#f66151",
    [HAT_LEAK_POSSIBLE] = "#e5a50a", [HAT_LEAK_REACHABLE] = "#1c71d8", [HAT_LEAK_UNFREED] = "#77767b",
  };
  g_autofree char *size = hat_format_bytes (bytes);
  g_autofree char *shown = hat_format_function (label, 60);
  g_string_append_printf (out, "  %s [label=\"", id);
  append_quoted (out, shown);
  g_string_append_printf (out, "\\n%s\", color=\"%s\", tooltip=\"%s\"];\n", size, colors[leak_class], hat_leak_class_name (leak_class));
}

static void
append_dot_edge (GString *out, const char *from, const char *to, HatStrength strength, gboolean is_certain, const char *label)
{
  static const char *const styles[] = { "solid", "solid", "dashed" };
  g_string_append_printf (out, "  %s -> %s [style=%s, penwidth=%s%s, label=\"", from, to, styles[strength],
                          is_certain ? "2" : strength == HAT_STRENGTH_UNKNOWN ? "0.5" : "1",
                          strength == HAT_STRENGTH_WEAK ? ", constraint=false" : "");
  append_quoted (out, label);
  g_string_append (out, "\"];\n");
}

static void
begin_dot (GString *out)
{
  g_string_append (out, "digraph heap {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                        "  edge [fontname=\"sans-serif\", fontsize=9];\n");
}

static void
dot_edge (const Part *part, const HatGraphEdge *edge, gpointer data)
{
  g_autofree char *from = g_strdup_printf ("b%u", part->id_of[edge->from]);
  g_autofree char *to = g_strdup_printf ("b%u", part->id_of[edge->to]);
  g_autofree char *offset = g_strdup_printf ("+%" G_GUINT64_FORMAT, edge->offset);
  append_dot_edge (data, from, to, edge->strength, edge->is_certain, edge->field ? edge->field : offset);
}

static void
append_dot_part (GString *out, const Part *part)
{
  begin_dot (out);
  for (guint i = 0; i < part->blocks->len; i++)
    {
      const guint32 index = g_array_index (part->blocks, guint32, i);
      g_autofree char *id = g_strdup_printf ("b%u", i);
      HatGraphBlock block;
      hat_graph_block (part->graph, index, &block);
      append_dot_node (out, id, hat_graph_label (part->graph, index), block.size, block.leak_class);
    }
  for (guint32 i = 0; i < hat_graph_snapshot (part->graph)->info.n_roots; i++)
    if (has_root (part, i))
      {
        g_autofree char *text = hat_graph_root_text (part->graph, i);
        g_string_append_printf (out, "  r%u [shape=plaintext, label=\"", i);
        append_quoted (out, text);
        g_string_append_printf (out, "\"];\n  r%u -> b%u;\n", i, part->id_of[hat_graph_snapshot (part->graph)->roots[i].to]);
      }
  for_each_edge (part, dot_edge, out);
  g_string_append (out, "}\n");
}

/* The whole graph: no program draws a million nodes. */
static gboolean
append_dot_summary (GString *out, const Part *part, const HatProgress *progress, GError **error)
{
  g_autoptr (HatGraphSummary) summary = hat_graph_summary (part->graph, DOT_NODES, progress, error);
  if (summary == NULL)
    return FALSE;
  begin_dot (out);
  for (guint i = 0; i < summary->n_nodes; i++)
    {
      const HatSummaryNode *node = &summary->nodes[i];
      guint worst = 0;
      while (node->class_blocks[worst] == 0 && worst < HAT_LEAK_REACHABLE)
        worst++;
      const char *name = node->is_rest ? "everything else" : hat_graph_label (part->graph, node->example);
      g_autofree char *id = g_strdup_printf ("n%u", i);
      g_autofree char *label = node->n_blocks > 1 ? g_strdup_printf ("%u x %s", node->n_blocks, name) : g_strdup (name);
      append_dot_node (out, id, label, node->bytes, worst);
    }
  for (guint i = 0; i < summary->n_roots; i++)
    g_string_append_printf (out, "  r%u [shape=plaintext, label=\"%u x %s\"];\n  r%u -> n%u;\n", i, summary->roots[i].pointers,
                            hat_root_kind_name (summary->roots[i].kind), i, summary->roots[i].to);
  for (guint i = 0; i < summary->n_edges; i++)
    {
      const HatSummaryEdge *edge = &summary->edges[i];
      const guint32 *pointers = edge->pointers;
      const HatStrength strength = pointers[HAT_STRENGTH_STRONG] ? HAT_STRENGTH_STRONG
                                   : pointers[HAT_STRENGTH_UNKNOWN] ? HAT_STRENGTH_UNKNOWN : HAT_STRENGTH_WEAK;
      g_autofree char *from = g_strdup_printf ("n%u", edge->from);
      g_autofree char *to = g_strdup_printf ("n%u", edge->to);
      g_autofree char *label = g_strdup_printf ("%u", pointers[0] + pointers[1] + pointers[2]);
      append_dot_edge (out, from, to, strength, FALSE, label);
    }
  g_string_append (out, "}\n");
  return TRUE;
}

static void
append_xml (GString *out, const char *key, const char *text)
{
  g_autofree char *clean = clean_text (text);
  g_autofree char *escaped = g_markup_escape_text (clean, -1);
  g_string_append_printf (out, "<data key=\"%s\">%s</data>", key, escaped);
}

static void
graphml_edge (const Part *part, const HatGraphEdge *edge, gpointer data)
{
  GString *out = data;
  g_string_append_printf (out, "<edge source=\"b%u\" target=\"b%u\"><data key=\"offset\">%" G_GUINT64_FORMAT "</data>",
                          part->id_of[edge->from], part->id_of[edge->to], edge->offset);
  append_xml (out, "strength", hat_strength_name (edge->strength));
  append_xml (out, "evidence", edge->evidence);
  if (edge->field)
    append_xml (out, "field", edge->field);
  g_string_append (out, "</edge>\n");
}

/* graphml.graphdrafting.org's format, version 1.0. */
static void
append_graphml (GString *out, const Part *part)
{
  static const struct { const char *id, *of, *type; } keys[] = {
    { "label", "node", "string" }, { "kind", "node", "string" }, { "address", "node", "string" }, { "size", "node", "long" },
    { "retained", "node", "long" }, { "class", "node", "string" }, { "offset", "edge", "long" }, { "strength", "edge", "string" },
    { "evidence", "edge", "string" }, { "field", "edge", "string" },
  };
  g_string_append (out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrafting.org/xmlns\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_string_append_printf (out, "<key id=\"%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n", keys[i].id, keys[i].of, keys[i].id, keys[i].type);
  g_string_append (out, "<graph id=\"heap\" edgedefault=\"directed\">\n");
  for (guint i = 0; i < part->blocks->len; i++)
    {
      const guint32 index = g_array_index (part->blocks, guint32, i);
      HatGraphBlock block;
      hat_graph_block (part->graph, index, &block);
      g_autofree char *address = hat_format_address (block.address);
      g_string_append_printf (out, "<node id=\"b%u\"><data key=\"size\">%" G_GUINT64_FORMAT "</data><data key=\"retained\">%" G_GUINT64_FORMAT
                              "</data>", i, block.size, block.retained_bytes);
      append_xml (out, "label", hat_graph_label (part->graph, index));
      append_xml (out, "kind", "block");
      append_xml (out, "address", address);
      append_xml (out, "class", hat_leak_class_name (block.leak_class));
      g_string_append (out, "</node>\n");
    }
  for (guint32 i = 0; i < hat_graph_snapshot (part->graph)->info.n_roots; i++)
    if (has_root (part, i))
      {
        g_autofree char *text = hat_graph_root_text (part->graph, i);
        g_string_append_printf (out, "<node id=\"r%u\">", i);
        append_xml (out, "label", text);
        append_xml (out, "kind", hat_root_kind_name (hat_graph_snapshot (part->graph)->roots[i].kind));
        g_string_append_printf (out, "</node>\n<edge source=\"r%u\" target=\"b%u\"/>\n", i,
                                part->id_of[hat_graph_snapshot (part->graph)->roots[i].to]);
      }
  for_each_edge (part, graphml_edge, out);
  g_string_append (out, "</graph>\n</graphml>\n");
}

/* ---- text ---- */

static void
append_row (GString *out, HatGraph *graph, const HatGraphFold *fold, guint depth)
{
  const guint32 block = fold->blocks[0];
  guint32 n_roots;
  const guint32 *roots = hat_graph_roots_of (graph, block, &n_roots);
  const guint columns = HAT_PLAIN_COLUMNS - 22 - 2 * depth;
  g_autofree char *label = hat_plain_function (hat_graph_label (graph, block), depth == 0 && n_roots > 0 ? columns / 2 : columns - 16);
  g_autoptr (GString) name = g_string_new (NULL);
  if (fold->n_blocks > 1)
    g_string_append_printf (name, "%u x ", fold->n_blocks);
  g_string_append (name, label);
  if (fold->leak_class != HAT_LEAK_REACHABLE)
    g_string_append_printf (name, " (%s)", hat_leak_class_name (fold->leak_class));
  if (depth == 0 && n_roots > 0)
    {
      g_autofree char *root = hat_graph_root_text (graph, roots[0]);
      g_string_append_printf (name, " <- %s", root);
    }
  g_autofree char *shown = hat_plain_name (name->str, columns);
  hat_plain_bytes_column (out, fold->retained_bytes, 10);
  hat_plain_bytes_column (out, fold->bytes, 10);
  g_string_append_printf (out, "  %*s%s\n", 2 * depth, "", shown);
}

static void
append_owned (GString *out, HatGraph *graph, const HatGraphFolds *folds, guint depth, guint max_depth)
{
  for (guint i = 0; i < folds->n && i < TEXT_ROWS; i++)
    {
      append_row (out, graph, &folds->folds[i], depth);
      if (depth + 1 >= max_depth)
        continue;
      g_autoptr (HatGraphFolds) owned = hat_graph_fold_children (graph, folds->folds[i].blocks, folds->folds[i].n_blocks);
      append_owned (out, graph, owned, depth + 1, max_depth);
    }
  if (folds->n > TEXT_ROWS)
    {
      guint64 retained = 0, bytes = 0;
      for (guint i = TEXT_ROWS; i < folds->n; i++)
        {
          retained += folds->folds[i].retained_bytes;
          bytes += folds->folds[i].bytes;
        }
      hat_plain_bytes_column (out, retained, 10);
      hat_plain_bytes_column (out, bytes, 10);
      g_string_append_printf (out, "  %*sand %u more\n", 2 * depth, "", folds->n - TEXT_ROWS);
    }
}

static void
append_block_line (GString *out, HatGraph *graph, guint32 index, guint indent)
{
  HatGraphBlock block;
  hat_graph_block (graph, index, &block);
  g_autofree char *size = hat_format_bytes (block.size);
  g_autofree char *label = hat_plain_function (hat_graph_label (graph, index), HAT_PLAIN_COLUMNS - indent - 32);
  g_string_append_printf (out, "%*s0x%" G_GINT64_MODIFIER "x  %s, %s\n", indent, "", block.address, label, size);
}

static void
append_paths (GString *out, const Part *part)
{
  if (part->paths->len == 0)
    g_string_append (out, "Nothing holds it.\n");
  for (guint i = 0; i < part->paths->len; i++)
    {
      const HatGraphPath *path = g_ptr_array_index (part->paths, i);
      g_autofree char *root = path->root == HAT_GRAPH_NONE ? g_strdup ("no root: the first block is lost")
                                                           : hat_graph_root_text (part->graph, path->root);
      g_autofree char *shown = hat_plain_name (root, HAT_PLAIN_COLUMNS);
      g_string_append_printf (out, "\n%s\n", shown);
      for (guint k = 0; k < path->n; k++)
        {
          /* The middle of a long list says nothing more. */
          if (path->n > 2 * TEXT_EDGES && k == TEXT_EDGES)
            {
              g_string_append_printf (out, "    %u more\n", path->n - 2 * TEXT_EDGES);
              k = path->n - TEXT_EDGES;
            }
          append_block_line (out, part->graph, path->blocks[k], 4);
        }
    }
}

static void
append_pointers (GString *out, HatGraph *graph, const char *title, const HatGraphEdge *edges, guint n, gboolean is_in)
{
  if (n > 0)
    g_string_append_printf (out, "\n%s:\n", title);
  for (guint i = 0; i < MIN (n, TEXT_EDGES); i++)
    {
      g_string_append_printf (out, "  +%-6" G_GUINT64_FORMAT " %-8s%s%s%s\n", edges[i].offset, hat_strength_name (edges[i].strength),
                              edges[i].field ? edges[i].field : "", edges[i].field && edges[i].is_interior ? " " : "",
                              edges[i].is_interior ? "into the middle of" : "");
      append_block_line (out, graph, is_in ? edges[i].from : edges[i].to, 10);
      g_string_append_printf (out, "%10s%s%s\n", "", edges[i].evidence, edges[i].is_certain ? "" : " (inferred)");
    }
  if (n > TEXT_EDGES)
    g_string_append_printf (out, "  and %u more\n", n - TEXT_EDGES);
}

static void
append_one (GString *out, const Part *part, guint32 index)
{
  HatGraph *graph = part->graph;
  HatGraphBlock block;
  HatGraphEdge edges[TEXT_EDGES];
  guint32 n_roots;
  hat_graph_block (graph, index, &block);
  const guint32 *roots = hat_graph_roots_of (graph, index, &n_roots);
  g_autofree char *size = hat_format_bytes (block.size);
  g_autofree char *retained = hat_format_bytes (block.retained_bytes);
  g_autofree char *birth = hat_format_time (block.birth_ns);
  append_block_line (out, graph, index, 0);
  g_string_append_printf (out, "%s, %s big, keeps %s in %u blocks alive, allocated at %s\n", hat_leak_class_name (block.leak_class), size,
                          retained, block.retained_blocks, birth);
  const char *type = hat_graph_type_label (graph, block.type), *evidence = hat_graph_type_evidence (graph, index);
  g_autofree char *mismatch = hat_graph_mismatch (graph, index), *contents = hat_graph_contents (graph, index);
  if (type)
    g_string_append_printf (out, "type %s%s%s%s\n", type, evidence ? " (" : "", evidence ? evidence : "", evidence ? ")" : "");
  if (contents)
    g_string_append_printf (out, "elements of %s\n", contents);
  if (mismatch)
    g_string_append_printf (out, "%s\n", mismatch);
  hat_plain_stack (out, part->trace, block.stack, 4, 6);
  g_autoptr (GArray) values = hat_graph_values (graph, index);
  if (values->len > 0)
    g_string_append (out, "\nValues:\n");
  for (guint i = 0; i < MIN (values->len, TEXT_VALUES); i++)
    {
      const HatGraphValue *value = &g_array_index (values, HatGraphValue, i);
      g_string_append_printf (out, "  +%-6" G_GUINT64_FORMAT " %s = %s\n", value->offset, value->name, value->value);
    }
  if (values->len > TEXT_VALUES)
    g_string_append_printf (out, "  and %u more\n", values->len - TEXT_VALUES);
  if (block.owner != HAT_GRAPH_NONE)
    {
      g_string_append (out, "\nOwner:\n");
      append_block_line (out, graph, block.owner, 10);
    }
  if (n_roots > 0)
    g_string_append (out, "\nRoots:\n");
  for (guint i = 0; i < MIN (n_roots, TEXT_EDGES); i++)
    {
      g_autofree char *root = hat_graph_root_text (graph, roots[i]);
      g_autofree char *shown = hat_plain_name (root, HAT_PLAIN_COLUMNS - 10);
      g_string_append_printf (out, "%10s%s\n", "", shown);
    }
  const guint n_in = hat_graph_edges_in (graph, index, 0, edges, TEXT_EDGES);
  append_pointers (out, graph, "Pointers to it", edges, n_in, TRUE);
  const guint n_out = hat_graph_edges_out (graph, index, 0, edges, TEXT_EDGES);
  append_pointers (out, graph, "Pointers in it", edges, n_out, FALSE);
}

static void
append_text (GString *out, const Part *part, const HatGraphOptions *options)
{
  const HatSnapshotInfo *info = &hat_graph_snapshot (part->graph)->info;
  const HatProcess *process = hat_trace_process (part->trace, options->process);
  g_autofree char *name = hat_plain_name (hat_process_name (process), 16);
  g_autofree char *snapshot = hat_report_snapshot_text (info, part->snapshot);
  g_string_append_printf (out, "Process %u: %s (pid %u)\n%s\n%u blocks, %u pointers between them, %u from roots\n\n", options->process,
                          name, process->pid, snapshot, info->n_blocks, info->n_edges, info->n_roots);
  if (part->paths)
    append_paths (out, part);
  else if (options->from_block)
    append_one (out, part, g_array_index (part->blocks, guint32, 0));
  else
    {
      g_autoptr (HatGraphFolds) folds = options->type
                                          ? hat_graph_fold (part->graph, (const guint32 *) part->blocks->data, part->blocks->len)
                                          : hat_graph_fold_children (part->graph, NULL, 0);
      g_string_append (out, "  retained       own  owner, and what it owns\n");
      append_owned (out, part->graph, folds, 0, options->depth < 0 ? TEXT_DEPTH : (guint) options->depth + 1);
    }
}

gboolean
hat_report_graph (HatTrace *trace, const HatGraphOptions *options, GString *out, const HatProgress *progress, GError **error)
{
  guint first, end;
  g_auto (Part) part = { 0 };
  if (!hat_report_processes (trace, options->process, &first, &end, error))
    return FALSE;
  g_autoptr (HatHeap) heap
      = options->graph ? hat_heap_ref (hat_graph_heap (options->graph)) : hat_heap_new (trace, options->process, progress, error);
  if (heap == NULL || !part_init (&part, heap, options, progress, error))
    return FALSE;
  const gboolean is_whole = part.blocks->len == hat_graph_n_blocks (part.graph) && part.paths == NULL;
  switch (options->format)
    {
    case HAT_GRAPH_AS_TEXT:
      append_text (out, &part, options);
      break;
    case HAT_GRAPH_AS_JSON:
      write_json (out, &part);
      break;
    case HAT_GRAPH_AS_DOT:
      if (is_whole && part.blocks->len > DOT_NODES)
        return append_dot_summary (out, &part, progress, error);
      append_dot_part (out, &part);
      break;
    case HAT_GRAPH_AS_GRAPHML:
      append_graphml (out, &part);
      break;
    }
  return TRUE;
}
