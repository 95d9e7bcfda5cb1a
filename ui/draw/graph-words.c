/* SPDX-License-Identifier: Apache-2.0 */

/* The object graph's picture in words: names of nodes and chips, readouts, what assistive tools say; and the search. */

#include "ui/draw/graph-private.h"

#include <string.h>

#include "core/heap/format.h"

#define NAME_CHARS 44
#define FACT_ROOTS 3u

/* ---- names ---- */

static char *
block_name (HatGraph *graph, guint32 block)
{
  return hat_format_function (hat_graph_label (graph, block), NAME_CHARS);
}

static char *
size_words (guint64 bytes, guint64 retained)
{
  g_autofree char *own = hat_format_bytes (bytes), *kept = hat_format_bytes (retained);

  return retained > bytes ? g_strdup_printf ("%s, keeps %s", own, kept) : g_steal_pointer (&own);
}

void
hat_graph_node_name (HatGraph *graph, HatGraphNode *node)
{
  g_autofree char *name = node->n_blocks ? block_name (graph, node->blocks[0]) : NULL, *count = NULL, *title = NULL, *detail = NULL;
  g_autofree char *size = size_words (node->bytes, node->retained_bytes);
  guint64 n_rest = 0;

  count = hat_format_count (node->n_blocks);
  switch (node->kind)
    {
    case HAT_NODE_BLOCK:
      title = g_steal_pointer (&name);
      detail = g_steal_pointer (&size);
      break;
    case HAT_NODE_FOLD:
      title = g_strdup_printf ("%s × %s", count, name);
      detail = g_steal_pointer (&size);
      break;
    case HAT_NODE_CHAIN:
      title = g_strdup_printf ("%s × %s", count, name);
      detail = g_strdup_printf ("in a row, %s", size);
      break;
    default:
      for (guint i = node->first_fold; i < node->folds->n; i++)
        n_rest += node->folds->folds[i].n_blocks;
      g_free (count);
      count = hat_format_count (n_rest);
      title = g_strdup_printf ("%s more", count);
      g_autofree char *kinds = hat_format_count (node->folds->n - node->first_fold);
      detail = g_strdup_printf ("in %s kinds, %s", kinds, size);
    }
  node->title = g_ref_string_new (title);
  node->detail = g_ref_string_new (detail);
}

static char *
thread_name (HatGraph *graph, guint32 thread)
{
  HatHeap *heap = hat_graph_heap (graph);
  guint n;
  const HatThread *threads = hat_trace_threads (hat_heap_trace (heap), hat_heap_process (heap), &n);

  if (thread >= n)
    return g_strdup ("a thread");
  if (threads[thread].name && *threads[thread].name)
    return g_strdup_printf ("thread %s", threads[thread].name);
  return g_strdup_printf ("thread %u", threads[thread].tid);
}

static char *
frame_function (HatGraph *graph, const HatRoot *root)
{
  const HatSnapshot *snapshot = hat_graph_snapshot (graph);
  guint n;

  if (root->frame == HAT_NO_FRAME || root->frame >= snapshot->n_frames)
    return NULL;
  return hat_format_function (hat_trace_source (hat_heap_trace (hat_graph_heap (graph)), snapshot->frames[root->frame].frame, &n)->function,
                              NAME_CHARS);
}

static char *
module_name (HatGraph *graph, const HatRoot *root)
{
  guint n;
  const HatModule *modules = hat_trace_modules (hat_heap_trace (hat_graph_heap (graph)), &n);

  return root->module < n ? g_path_get_basename (modules[root->module].path) : g_strdup ("a module");
}

void
hat_graph_chip_words (HatGraph *graph, guint32 root, char **out_title, char **out_detail)
{
  const HatRoot *r = &hat_graph_snapshot (graph)->roots[root];
  g_autofree char *thread = thread_name (graph, r->thread), *function = frame_function (graph, r),
                  *module = module_name (graph, r);
  gboolean has_name = r->name && *r->name;

  switch (r->kind)
    {
    case HAT_ROOT_GLOBAL:
      *out_title = has_name ? g_strdup (r->name) : g_strdup_printf ("%s+0x%" G_GINT64_MODIFIER "x", module, r->offset);
      *out_detail = has_name ? g_strdup_printf ("global in %s", module) : g_strdup ("global");
      return;
    case HAT_ROOT_STACK:
    case HAT_ROOT_REGISTER:
      if (r->kind == HAT_ROOT_REGISTER)
        *out_title = has_name ? g_strdup_printf ("register %s", r->name) : g_strdup ("a register");
      else
        *out_title = g_strdup (has_name ? r->name : "a stack slot");
      *out_detail = function ? g_strdup_printf ("%s, %s", function, thread) : g_strdup (thread);
      return;
    case HAT_ROOT_TLS:
      *out_title = g_strdup (has_name ? r->name : "thread-local");
      *out_detail = g_strdup_printf ("of %s", thread);
      return;
    case HAT_ROOT_MAPPING:
      *out_title = g_strdup (has_name ? r->name : "a mapping");
      *out_detail = g_strdup ("other writable memory");
      return;
    default:
      *out_title = g_strdup ("ld.so");
      *out_detail = g_strdup ("the loader keeps it");
    }
}

/* ---- readouts ---- */

/* "reachable", "lost, part of a cycle": the class as people read it. */
static const char *
class_words (HatLeakClass leak_class)
{
  static const char *const words[HAT_N_LEAK_CLASSES] = {
    [HAT_LEAK_DIRECT] = "lost: nothing points to it",          [HAT_LEAK_CYCLE] = "lost: only its own ring holds it",
    [HAT_LEAK_INDIRECT] = "lost: held by a lost block only",   [HAT_LEAK_POSSIBLE] = "perhaps lost: only reached in its middle",
    [HAT_LEAK_REACHABLE] = "reachable",                        [HAT_LEAK_UNFREED] = "never freed",
  };
  return words[leak_class];
}

static char *
counts_words (const guint32 counts[3])
{
  g_autoptr (GString) text = g_string_new ("pointed to by");
  const char *separator = " ";

  if (!counts[HAT_STRENGTH_STRONG] && !counts[HAT_STRENGTH_WEAK] && !counts[HAT_STRENGTH_UNKNOWN])
    return g_strdup ("no other block points to it");
  for (guint i = 0; i < 3; i++)
    {
      static const HatStrength order[] = { HAT_STRENGTH_STRONG, HAT_STRENGTH_WEAK, HAT_STRENGTH_UNKNOWN };
      if (!counts[order[i]])
        continue;
      g_string_append_printf (text, "%s%u %s", separator, counts[order[i]], hat_strength_name (order[i]));
      separator = ", ";
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

GStrv
hat_graph_node_facts (HatGraphModel *model, guint at)
{
  const HatGraphNode *node = &model->nodes[at];
  GPtrArray *facts = g_ptr_array_new ();
  HatGraphBlock block;
  g_autofree char *born = NULL, *thread = NULL;

  if (node->n_blocks)
    {
      guint32 n;
      const guint32 *roots = hat_graph_roots_of (model->graph, node->blocks[0], &n);
      hat_graph_block (model->graph, node->blocks[0], &block);
      born = hat_format_time (block.birth_ns);
      thread = thread_name (model->graph, block.thread);
      g_ptr_array_add (facts, g_strdup (class_words (node->leak_class)));
      if (node->kind == HAT_NODE_BLOCK)
        {
          g_ptr_array_add (facts, counts_words (node->counts));
          for (guint32 i = 0; i < MIN (n, FACT_ROOTS); i++)
            g_ptr_array_add (facts, hat_graph_root_text (model->graph, roots[i]));
          g_ptr_array_add (facts, hat_format_address (block.address));
        }
      g_ptr_array_add (facts, g_strdup_printf ("allocated %sat %s, %s", node->kind == HAT_NODE_BLOCK ? "" : "first one ", born, thread));
      if (node->type != HAT_GRAPH_NONE)
        g_ptr_array_add (facts, g_strdup_printf ("by %s", hat_stack_function (hat_heap_trace (hat_graph_heap (model->graph)), node->stack)));
    }
  g_ptr_array_add (facts, NULL);
  return (GStrv) g_ptr_array_free (facts, FALSE);
}

char *
hat_graph_node_text (HatGraphModel *model, guint at)
{
  const HatGraphNode *node = &model->nodes[at];
  const char *lost = node->n_blocks && node->leak_class != HAT_LEAK_REACHABLE ? class_words (node->leak_class) : NULL;
  g_autofree char *counts = node->kind == HAT_NODE_BLOCK ? counts_words (node->counts) : NULL, *address = NULL;
  HatGraphBlock block;

  if (node->kind == HAT_NODE_BLOCK)
    {
      hat_graph_block (model->graph, node->blocks[0], &block);
      address = hat_format_address (block.address);
    }
  return g_strdup_printf ("%s%s%s: %s%s%s%s%s", node->title, address ? " at " : "", address ? address : "", node->detail,
                          lost ? "; " : "", lost ? lost : "", counts ? "; " : "", counts ? counts : "");
}

char *
hat_graph_line_text (HatGraphModel *model, guint at)
{
  const HatGraphLine *line = &model->lines[at];
  const char *from = model->nodes[line->from].title, *to = model->nodes[line->to].title;

  if (line->is_root)
    return g_strdup_printf ("%s points to %s", from, to);
  if (!line->n)
    return g_strdup_printf ("%s owns %s, but over several others", from, to);
  return g_strdup_printf ("%s%s%s to %s: %u %s pointer%s%s%s", from, line->field ? "." : "", line->field ? line->field : "", to,
                          line->n, hat_strength_name (line->strength), line->n == 1 ? "" : "s", line->evidence ? ": " : "",
                          line->evidence ? line->evidence : "");
}

char *
hat_graph_model_summary (HatGraphModel *model)
{
  g_autofree char *count = hat_format_count (hat_graph_n_blocks (model->graph)), *bytes = hat_format_bytes (model->bytes);
  const char *what = model->tree == HAT_GRAPH_OWNERS ? "tree of owners" : "tree of references";
  const HatGraphNode *biggest = NULL;
  guint n_lost = 0;
  g_autofree char *lost = NULL;

  if (model->tree == HAT_GRAPH_PATHS)
    {
      guint n_roots = 0;
      for (guint i = 0; i < model->n_nodes; i++)
        n_roots += model->nodes[i].kind == HAT_NODE_ROOT;
      return n_roots ? g_strdup_printf ("Who holds %s: %u roots lead to it.", model->nodes[0].title, n_roots)
                     : g_strdup_printf ("Who holds %s: no root leads to it.", model->nodes[0].title);
    }
  for (guint i = 0; i < model->n_nodes; i++)
    {
      const HatGraphNode *node = &model->nodes[i];
      if (node->n_blocks && (!biggest || node->retained_bytes > biggest->retained_bytes))
        biggest = node;
      n_lost += node->n_blocks && (node->leak_class == HAT_LEAK_DIRECT || node->leak_class == HAT_LEAK_CYCLE);
    }
  lost = n_lost ? g_strdup_printf (" %u nodes are lost.", n_lost) : g_strdup ("");
  return g_strdup_printf ("Object graph, %s: %s blocks with %s, %u nodes shown%s%s%s%s.%s", what, count, bytes, model->n_nodes,
                          biggest ? "; the biggest is " : "", biggest ? biggest->title : "", biggest ? ", " : "",
                          biggest ? biggest->detail : "", lost);
}

/* ---- search ---- */

guint
hat_snapshot_usual (HatHeap *heap)
{
  guint n;
  const HatSnapshotInfo *infos = hat_trace_snapshots (hat_heap_trace (heap), hat_heap_process (heap), &n);

  for (guint i = n; i-- > 0;)
    if (infos[i].n_blocks)
      return i;
  return n ? n - 1 : G_MAXUINT;
}


guint32
hat_graph_search (HatGraph *graph, const char *text, guint32 after, const HatProgress *progress)
{
  HatTrace *trace = hat_heap_trace (hat_graph_heap (graph));
  g_autofree char *needle = g_utf8_casefold (text, -1);
  g_autoptr (GHashTable) known = g_hash_table_new (NULL, NULL); /* name -> does it contain the text? Names repeat a lot */
  guint32 n = hat_graph_n_blocks (graph), best = HAT_GRAPH_NONE;
  guint64 most = 0;

  if (g_str_has_prefix (text, "0x"))
    return hat_graph_find (graph, g_ascii_strtoull (text, NULL, 16));
  for (guint32 i = 0; i < n; i++)
    {
      guint32 at = after == HAT_GRAPH_NONE ? i : (guint32) (((guint64) after + 1 + i) % n);
      HatGraphBlock block;
      gboolean matches = FALSE;

      if (i % 65536 == 65535 && !hat_progress_tick (progress, (double) i / n, "searching", NULL))
        return HAT_GRAPH_NONE;
      hat_graph_block (graph, at, &block);
      for (guint k = 0; k < 2 && !matches; k++)
        {
          const char *name = k == 0 ? hat_graph_type_label (graph, block.type) : hat_stack_function (trace, block.stack);
          gpointer found = name ? g_hash_table_lookup (known, name) : NULL;
          if (name && !found)
            {
              g_autofree char *valid = g_utf8_make_valid (name, -1), *folded = g_utf8_casefold (valid, -1);
              found = GINT_TO_POINTER (strstr (folded, needle) ? 2 : 1);
              g_hash_table_insert (known, (gpointer) name, found);
            }
          matches = GPOINTER_TO_INT (found) == 2;
        }
      if (!matches)
        continue;
      if (after != HAT_GRAPH_NONE)
        return at;
      if (best == HAT_GRAPH_NONE || block.retained_bytes > most)
        {
          best = at;
          most = block.retained_bytes;
        }
    }
  return best;
}
