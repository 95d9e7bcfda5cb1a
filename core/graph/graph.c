/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph's making, its blocks, edges and roots. */

#include "core/graph/graph-private.h"

#include <stdlib.h>
#include <string.h>

/* ---- blocks ---- */

/* 20 bytes a block instead of 48: ten million of them decide how much memory the graph takes. */
static void
take_blocks (HatGraph *graph, const HatLive *live)
{
  const gint64 start = hat_heap_start (graph->heap);
  const HatBlockId first_own = hat_trace_process (graph->trace, hat_heap_process (graph->heap))->first_block;
  const guint32 n = graph->n = (guint32) live->n;

  graph->address = hat_big_new (guint64, n);
  graph->size = hat_big_new (guint32, n);
  graph->stack = hat_big_new (guint32, n);
  graph->thread = hat_big_new (guint32, n);
  graph->birth = hat_big_new (guint32, n);
  graph->flags = hat_big_new0 (guint8, n);
  graph->birth_unit_ns = MAX (live->time_ns - start, 0) / G_MAXUINT32 + 1;
  for (guint32 i = 0; i < n; i++)
    {
      const HatBlock *block = &live->blocks[i];
      graph->address[i] = block->address;
      graph->size[i] = (guint32) MIN (block->size, G_MAXUINT32);
      graph->stack[i] = block->stack;
      graph->thread[i] = block->thread;
      graph->birth[i] = (guint32) (CLAMP (block->birth_ns - start, 0, live->time_ns - start) / graph->birth_unit_ns);
      if (block->size >= G_MAXUINT32)
        g_hash_table_insert (graph->large, GUINT_TO_POINTER (i), g_memdup2 (&block->size, sizeof block->size));
      if (block->id < first_own)
        graph->flags[i] = HAT_GRAPH_INHERITED;
    }
}

/* ---- pointers to blocks, roots of blocks ---- */

void
hat_graph_turn_edges (HatGraph *graph, const guint32 *number)
{
  const guint32 *to = graph->snapshot->edge_to, *first_edge = graph->snapshot->first_edge;
  /* One place further on, so that filling in moves each start to where the next one begins. */
  guint32 *next = graph->first_in + 1;

  memmove (next, graph->first_in, (graph->n + 1) * sizeof (guint32));
  for (guint32 b = 0; b < graph->n; b++)
    for (guint32 e = first_edge[b]; e < first_edge[b + 1]; e++)
      {
        const guint32 target = to[e] & ~HAT_EDGE_INTERIOR;
        if (e + HAT_GRAPH_AHEAD < graph->n_edges)
          {
            __builtin_prefetch (&next[to[e + HAT_GRAPH_AHEAD] & ~HAT_EDGE_INTERIOR], 1);
            __builtin_prefetch (&graph->in_edge[next[to[e + HAT_GRAPH_AHEAD / 2] & ~HAT_EDGE_INTERIOR]], 1);
          }
        graph->in_edge[next[target]++] = number == NULL ? e : target == b || hat_graph_is_weak (graph, e) ? 0 : number[b];
      }
}

static gboolean
find_pointers_to (HatGraph *graph, const HatProgress *progress, GError **error)
{
  if (!hat_progress_tick (progress, 0.1, "reading pointers", error))
    return FALSE;
  graph->first_in = hat_big_new0 (guint32, graph->n + 2);
  graph->in_edge = hat_big_new (guint32, graph->n_edges);
  for (guint32 e = 0; e < graph->n_edges; e++)
    {
      if (e + HAT_GRAPH_AHEAD < graph->n_edges)
        __builtin_prefetch (&graph->first_in[(graph->snapshot->edge_to[e + HAT_GRAPH_AHEAD] & ~HAT_EDGE_INTERIOR) + 1], 1);
      graph->first_in[(graph->snapshot->edge_to[e] & ~HAT_EDGE_INTERIOR) + 1]++;
    }
  for (guint32 b = 0; b < graph->n; b++)
    graph->first_in[b + 1] += graph->first_in[b];
  hat_graph_turn_edges (graph, NULL);
  return TRUE;
}

static int
compare_root_targets (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatRoot *roots = data;
  const guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;

  if (roots[x].to != roots[y].to)
    return roots[x].to < roots[y].to ? -1 : 1;
  const gboolean x_is_named = *roots[x].name != '\0', y_is_named = *roots[y].name != '\0';
  if (x_is_named != y_is_named)
    return x_is_named ? -1 : 1;
  return x < y ? -1 : x > y;
}

static void
order_roots (HatGraph *graph)
{
  const guint32 n = graph->snapshot->info.n_roots;

  graph->root_order = hat_big_new (guint32, n);
  graph->root_is_start = hat_big_new0 (guint8, n);
  for (guint32 i = 0; i < n; i++)
    graph->root_order[i] = i;
  g_qsort_with_data (graph->root_order, (gint) n, sizeof (guint32), compare_root_targets, graph->snapshot->roots);
}

const guint32 *
hat_graph_roots_of (HatGraph *graph, guint32 block, guint32 *out_n)
{
  const HatRoot *roots = graph->snapshot->roots;
  const guint32 n = graph->snapshot->info.n_roots;
  guint32 low = 0, high = n;

  while (low < high)
    {
      const guint32 middle = low + (high - low) / 2;
      if (roots[graph->root_order[middle]].to < block)
        low = middle + 1;
      else
        high = middle;
    }
  for (high = low; high < n && roots[graph->root_order[high]].to == block;)
    high++;
  *out_n = high - low;
  return graph->root_order + low;
}

/* ---- making ---- */

static gboolean
make (HatGraph *graph, const HatGraphRules *rules, const HatProgress *progress, GError **error)
{
  g_autoptr (GArray) heads = g_array_new (FALSE, FALSE, sizeof (guint32));

  hat_graph_leave_out_roots (graph, rules);
  order_roots (graph);
  hat_graph_take_types (graph);
  return find_pointers_to (graph, progress, error)
         && (graph->types.prepare == NULL || graph->types.prepare (graph->types.data, graph, progress, error))
         && hat_graph_apply_rules (graph, rules, progress, error) && hat_graph_explain_interior (graph, progress, error)
         && hat_graph_reach (graph, progress, error) && hat_graph_classify (graph, heads, progress, error)
         && hat_graph_find_owners (graph, heads, progress, error);
}

static HatGraph *
graph_new (HatHeap *heap, const HatGraphTypes *types)
{
  HatGraph *graph = g_new0 (HatGraph, 1);

  g_atomic_ref_count_init (&graph->refs);
  graph->heap = hat_heap_ref (heap);
  graph->trace = hat_heap_trace (heap);
  graph->large = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  graph->names = g_string_chunk_new (256);
  g_mutex_init (&graph->names_lock);
  if (types)
    graph->types = *types;
  return graph;
}

/* Of `snapshot`, or if that is NULL of the one with number `index`: read only once the big array of live blocks is gone. */
static HatGraph *
fill (HatGraph *owned, HatLive *live, HatSnapshot *snapshot, guint index, const HatGraphRules *rules,
      const HatProgress *progress, GError **error)
{
  g_autoptr (HatGraph) graph = owned;

  take_blocks (graph, live);
  hat_live_free (live);
  graph->snapshot = snapshot ? snapshot
                             : hat_trace_read_snapshot (graph->trace, hat_heap_process (graph->heap), index, progress, error);
  if (graph->snapshot == NULL)
    return NULL;
  if (graph->snapshot->info.n_blocks != graph->n)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_DAMAGED, "the snapshot is about %u blocks, but %u were live",
                   graph->snapshot->info.n_blocks, graph->n);
      return NULL;
    }
  graph->n_edges = graph->snapshot->info.n_edges;
  for (guint32 i = 0; i < graph->snapshot->n_doubtful; i++)
    graph->flags[graph->snapshot->doubtful[i]] |= HAT_GRAPH_DOUBTFUL;
  return make (graph, rules, progress, error) ? g_steal_pointer (&graph) : NULL;
}

HatGraph *
hat_graph_new_for (HatHeap *heap, HatLive *live, HatSnapshot *snapshot, const HatGraphRules *rules, const HatGraphTypes *types,
                   const HatProgress *progress, GError **error)
{
  return fill (graph_new (heap, types), live, snapshot, 0, rules, progress, error);
}

HatGraph *
hat_graph_new (HatHeap *heap, guint index, const HatGraphRules *rules, const HatGraphTypes *types, const HatProgress *progress,
               GError **error)
{
  g_autoptr (HatGraph) graph = graph_new (heap, types);
  guint n_snapshots;
  const HatSnapshotInfo *infos = hat_trace_snapshots (graph->trace, hat_heap_process (heap), &n_snapshots);

  if (index >= n_snapshots)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "there is no snapshot %u, the process has %u", index, n_snapshots);
      return NULL;
    }
  HatLive *live = hat_heap_live (heap, infos[index].time_ns, progress, error);
  return live ? fill (g_steal_pointer (&graph), live, NULL, index, rules, progress, error) : NULL;
}

HatGraph *
hat_graph_ref (HatGraph *graph)
{
  g_atomic_ref_count_inc (&graph->refs);
  return graph;
}

void
hat_graph_unref (HatGraph *graph)
{
  if (graph == NULL || !g_atomic_ref_count_dec (&graph->refs))
    return;
  if (graph->types.free_data)
    graph->types.free_data (graph->types.data);
  gpointer arrays[] = {
    graph->address, graph->size, graph->stack, graph->thread, graph->birth, graph->flags, graph->known, graph->first_in,
    graph->in_edge, graph->root_order, graph->root_is_start, graph->place, graph->block_at, graph->owner_at, graph->count_at,
    graph->bytes_at, graph->cycles, graph->cycle_blocks, graph->cycle_of,
  };
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_free (arrays[i]);
  g_hash_table_unref (graph->large);
  g_string_chunk_free (graph->names);
  g_mutex_clear (&graph->names_lock);
  hat_snapshot_free (graph->snapshot);
  hat_heap_unref (graph->heap);
  g_free (graph);
}

/* ---- what it knows of a block ---- */

HatHeap *
hat_graph_heap (HatGraph *graph)
{
  return graph->heap;
}

const HatSnapshot *
hat_graph_snapshot (HatGraph *graph)
{
  return graph->snapshot;
}

guint32
hat_graph_n_blocks (HatGraph *graph)
{
  return graph->n;
}

void
hat_graph_block (HatGraph *graph, guint32 block, HatGraphBlock *out_block)
{
  const guint32 place = graph->place ? graph->place[block] : 0;

  *out_block = (HatGraphBlock) {
    .address = graph->address[block],
    .size = hat_graph_size (graph, block),
    .birth_ns = hat_graph_birth (graph, block),
    .stack = graph->stack[block],
    .thread = graph->thread[block],
    .leak_class = hat_graph_class (graph, block),
    .is_reached_by_start = (graph->flags[block] & HAT_GRAPH_BY_START) != 0,
    .is_reached_by_interior = (graph->flags[block] & HAT_GRAPH_BY_ANY) != 0,
    .is_doubtful = (graph->flags[block] & HAT_GRAPH_DOUBTFUL) != 0,
    .cycle = graph->cycle_of ? graph->cycle_of[block] : HAT_GRAPH_NONE,
    .owner = HAT_GRAPH_NONE,
    .type = hat_graph_type (graph, block),
  };
  if (place > 0) /* else it is still being made */
    {
      out_block->owner = graph->block_at[graph->owner_at[place]];
      out_block->retained_bytes = graph->bytes_at[place];
      out_block->retained_blocks = graph->count_at[place];
    }
}

guint32
hat_graph_find (HatGraph *graph, guint64 address)
{
  guint32 low = 0, high = graph->n;

  while (low < high)
    {
      const guint32 middle = low + (high - low) / 2;
      if (graph->address[middle] <= address)
        low = middle + 1;
      else
        high = middle;
    }
  return low > 0 && address - graph->address[low - 1] < MAX (hat_graph_size (graph, low - 1), 1) ? low - 1 : HAT_GRAPH_NONE;
}

HatLeakClass
hat_graph_leak_class (HatGraph *graph, guint32 block)
{
  return hat_graph_class (graph, block);
}

guint32
hat_graph_find_block (HatGraph *graph, guint64 index, const HatBlock *block)
{
  if (index >= graph->n || graph->address[index] != block->address)
    index = hat_graph_find (graph, block->address);
  return index != HAT_GRAPH_NONE && graph->address[index] == block->address && graph->stack[index] == block->stack
                 && hat_graph_size (graph, (guint32) index) == block->size
             ? (guint32) index
             : HAT_GRAPH_NONE;
}

const char *
hat_graph_type_name (HatGraph *graph, guint32 type)
{
  return type != HAT_GRAPH_NONE && graph->types.type_name ? graph->types.type_name (graph->types.data, type) : NULL;
}

const char *
hat_graph_type_label (HatGraph *graph, guint32 type)
{
  return type != HAT_GRAPH_NONE && graph->types.type_label ? graph->types.type_label (graph->types.data, type) : hat_graph_type_name (graph, type);
}

const char *
hat_graph_type_evidence (HatGraph *graph, guint32 block)
{
  return graph->types.type_evidence ? graph->types.type_evidence (graph->types.data, block) : NULL;
}

const char *
hat_graph_label (HatGraph *graph, guint32 block)
{
  const char *type = hat_graph_type_label (graph, hat_graph_type (graph, block));

  return type ? type : hat_stack_function (graph->trace, graph->stack[block]);
}

/* ---- edges ---- */

guint32
hat_graph_edge_from (const HatGraph *graph, guint32 edge)
{
  const guint32 *first = graph->snapshot->first_edge;
  guint32 low = 0, high = graph->n;

  while (high - low > 1)
    {
      const guint32 middle = low + (high - low) / 2;
      if (first[middle] <= edge)
        low = middle;
      else
        high = middle;
    }
  return low;
}

static inline guint32
edge_to (const HatGraph *graph, guint32 edge)
{
  return graph->snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR;
}

/* Whether the owner of `block` is `owner`, or whether it stands over it at all. */
static inline gboolean
owns (const HatGraph *graph, guint32 owner, guint32 block)
{
  return graph->owner_at[graph->place[block]] == graph->place[owner];
}

gboolean
hat_graph_dominates (HatGraph *graph, guint32 owner, guint32 block)
{
  return owner == HAT_GRAPH_NONE || graph->place[block] - graph->place[owner] < graph->count_at[graph->place[owner]];
}

HatStrength
hat_graph_strength (HatGraph *graph, guint32 from, guint32 edge)
{
  const guint32 to = edge_to (graph, edge);

  if (graph->known && (graph->known[edge] & 3) != HAT_STRENGTH_UNKNOWN)
    return graph->known[edge] & 3;
  if (from == to)
    return HAT_STRENGTH_UNKNOWN;
  return owns (graph, from, to)                  ? HAT_STRENGTH_STRONG
         : hat_graph_dominates (graph, to, from) ? HAT_STRENGTH_WEAK
         : graph->known && graph->known[edge] & HAT_KNOWN_WAY_ON ? HAT_STRENGTH_STRONG
                                                                 : HAT_STRENGTH_UNKNOWN;
}

guint64
hat_graph_edge_into (const HatGraph *graph, guint32 edge)
{
  const HatSnapshot *snapshot = graph->snapshot;
  guint32 low = 0, high = snapshot->n_interior;

  while (low < high)
    {
      const guint32 middle = low + (high - low) / 2;
      if (snapshot->interior_edge[middle] < edge)
        low = middle + 1;
      else
        high = middle;
    }
  return low < snapshot->n_interior && snapshot->interior_edge[low] == edge ? snapshot->interior_offset[low] : 0;
}

static const char *
element_name (HatGraph *graph, const HatGraphField *field)
{
  g_autofree char *index = g_strdup_printf ("%" G_GUINT64_FORMAT, field->index), *name = hat_graph_element_name (field, index);

  g_mutex_lock (&graph->names_lock);
  const char *kept = g_string_chunk_insert_const (graph->names, name);
  g_mutex_unlock (&graph->names_lock);
  return kept;
}

static HatGraphEdge
describe_edge (HatGraph *graph, guint32 from, guint32 edge)
{
  HatGraphField field = { 0 };
  HatGraphEdge result = {
    .edge = edge,
    .from = from,
    .to = edge_to (graph, edge),
    .offset = (guint64) graph->snapshot->edge_word[edge] * 8,
    .into = hat_graph_edge_into (graph, edge),
    .is_interior = (graph->snapshot->edge_to[edge] & HAT_EDGE_INTERIOR) != 0,
    .strength = hat_graph_strength (graph, from, edge),
    .is_certain = graph->known && (graph->known[edge] & 3) != 0 && !(graph->known[edge] & HAT_KNOWN_GUESSES),
  };
  if (graph->types.field && graph->types.field (graph->types.data, from, result.offset, &field))
    result.field = field.is_element ? element_name (graph, &field) : field.name;
  if (result.field && *result.field == '\0')
    result.field = NULL;
  if (graph->known && graph->known[edge] & HAT_KNOWN_BY_NAME)
    result.evidence = "its name says it leads back, and its target points here";
  else if (graph->known && graph->known[edge] & HAT_KNOWN_BY_PLACE)
    result.evidence = "leads into the middle of an object that others point to";
  else if (result.is_certain)
    result.evidence = graph->known[edge] & HAT_KNOWN_BY_RULE ? "declared weak" : field.evidence;
  else if (from == result.to)
    result.evidence = "points to its own block";
  else if (result.strength == HAT_STRENGTH_STRONG && !owns (graph, from, result.to))
    result.evidence = "its name says it leads on";
  else if (result.strength == HAT_STRENGTH_STRONG)
    result.evidence = "all paths to its target lead through here";
  else if (result.strength == HAT_STRENGTH_WEAK)
    result.evidence = "points back to what owns its block";
  else
    result.evidence = "its target can be reached past this block, too";
  return result;
}

guint32
hat_graph_edges_out (HatGraph *graph, guint32 block, guint32 first, HatGraphEdge *edges, guint32 max)
{
  const guint32 *first_edge = graph->snapshot->first_edge;
  const guint32 n = first_edge[block + 1] - first_edge[block];

  for (guint32 i = first; i < n && i - first < max; i++)
    edges[i - first] = describe_edge (graph, block, first_edge[block] + i);
  return n;
}

guint32
hat_graph_edges_in (HatGraph *graph, guint32 block, guint32 first, HatGraphEdge *edges, guint32 max)
{
  const guint32 n = graph->first_in[block + 1] - graph->first_in[block];

  for (guint32 i = first; i < n && i - first < max; i++)
    {
      const guint32 edge = graph->in_edge[graph->first_in[block] + i];
      edges[i - first] = describe_edge (graph, hat_graph_edge_from (graph, edge), edge);
    }
  return n;
}

static int
compare_blocks (gconstpointer a, gconstpointer b)
{
  const guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;

  return x < y ? -1 : x > y;
}

GArray *
hat_graph_edges_between (HatGraph *graph, const guint32 *blocks, guint n_blocks)
{
  const guint32 *first_edge = graph->snapshot->first_edge;
  g_autofree guint32 *sorted = g_memdup2 (blocks, n_blocks * sizeof (guint32));
  GArray *edges = g_array_new (FALSE, FALSE, sizeof (HatGraphEdge));

  qsort (sorted, n_blocks, sizeof (guint32), compare_blocks);
  for (guint i = 0; i < n_blocks; i++)
    for (guint32 e = first_edge[sorted[i]]; e < first_edge[sorted[i] + 1]; e++)
      {
        const guint32 to = edge_to (graph, e);
        if (bsearch (&to, sorted, n_blocks, sizeof (guint32), compare_blocks))
          {
            const HatGraphEdge edge = describe_edge (graph, sorted[i], e);
            g_array_append_val (edges, edge);
          }
      }
  return edges;
}

void
hat_graph_count_in (HatGraph *graph, guint32 block, guint32 out_counts[3])
{
  memset (out_counts, 0, 3 * sizeof (guint32));
  for (guint32 i = graph->first_in[block]; i < graph->first_in[block + 1]; i++)
    {
      const guint32 from = hat_graph_edge_from (graph, graph->in_edge[i]);
      if (from != block)
        out_counts[hat_graph_strength (graph, from, graph->in_edge[i])]++;
    }
}

/* ---- roots in words ---- */

static const char *
root_function (const HatGraph *graph, const HatRoot *root)
{
  guint n;

  return root->frame == HAT_NO_FRAME ? NULL
                                     : hat_trace_source (graph->trace, graph->snapshot->frames[root->frame].frame, &n)->function;
}

/* ", thread worker", ", thread 4711", or "". */
static char *
root_thread (const HatGraph *graph, const HatRoot *root)
{
  guint n;
  const HatThread *threads = hat_trace_threads (graph->trace, hat_heap_process (graph->heap), &n);

  if (root->thread >= n)
    return g_strdup ("");
  const HatThread *thread = &threads[root->thread];
  return thread->name && *thread->name ? g_strdup_printf (", thread %s", thread->name) : g_strdup_printf (", thread %u", thread->tid);
}

char *
hat_graph_root_text (HatGraph *graph, guint32 index)
{
  const HatRoot *root = &graph->snapshot->roots[index];
  HatGraphVariable variable = { 0 };
  const gboolean is_variable = hat_graph_root_variable (graph, index, &variable);
  const char *function = variable.function ? variable.function : root_function (graph, root);
  g_autofree char *type = is_variable ? g_strdup_printf (" (%s)", variable.type) : g_strdup ("");
  g_autofree char *of = function ? g_strconcat (" of ", function, NULL) : g_strdup ("");
  g_autofree char *thread = root_thread (graph, root);
  guint n_modules;
  const HatModule *modules = hat_trace_modules (graph->trace, &n_modules);

  switch ((HatRootKind) root->kind)
    {
    case HAT_ROOT_GLOBAL:
      {
        g_autofree char *module = g_path_get_basename (root->module < n_modules ? modules[root->module].path : "?");
        return *root->name ? g_strdup_printf ("global %s%s in %s", root->name, type, module)
                           : g_strdup_printf ("global %s+0x%" G_GINT64_MODIFIER "x", module, root->offset);
      }
    case HAT_ROOT_STACK:
      return *root->name ? g_strdup_printf ("variable %s%s%s%s", root->name, type, of, thread)
                         : g_strdup_printf ("stack%s%s", of, thread);
    case HAT_ROOT_REGISTER:
      return g_strdup_printf ("%s %s%s%s%s", is_variable ? "variable" : "register", root->name, type, of, thread);
    case HAT_ROOT_TLS:
      return *root->name ? g_strdup_printf ("thread-local %s%s", root->name, thread) : g_strdup_printf ("thread-local%s", thread);
    case HAT_ROOT_MAPPING:
      return *root->name ? g_strdup_printf ("mapping %s", root->name)
                         : g_strdup_printf ("mapping at 0x%" G_GINT64_MODIFIER "x", root->address);
    case HAT_ROOT_LOADER:
      return g_strdup ("the dynamic loader's own");
    }
  return g_strdup ("");
}
