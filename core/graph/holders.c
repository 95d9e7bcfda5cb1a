/* SPDX-License-Identifier: Apache-2.0 */
/* What blocks count and contain, and cycles in words. */

#include "core/graph/graph-private.h"
#include "core/heap/format.h"
#include "core/heap/usual-name.h"

#include <string.h>

#define MAX_STEPS 6 /* of a cycle that are named */

gboolean
hat_graph_holders (HatGraph *graph, guint32 block, HatGraphHolders *out_holders)
{
  *out_holders = (HatGraphHolders) { 0 };
  if (graph->types.counts == NULL || !graph->types.counts (graph->types.data, block, &out_holders->counts))
    return FALSE;
  for (guint32 i = graph->first_in[block]; i < graph->first_in[block + 1]; i++)
    {
      const guint32 edge = graph->in_edge[i], from = hat_graph_edge_from (graph, edge);
      const HatStrength strength = hat_graph_strength (graph, from, edge);
      if (!hat_graph_is_to_object (graph, edge, block))
        continue;
      out_holders->strong_found += strength == HAT_STRENGTH_STRONG;
      out_holders->weak_found += strength == HAT_STRENGTH_WEAK;
    }
  guint32 n;
  const guint32 *roots = hat_graph_roots_of (graph, block, &n);
  for (guint32 i = 0; i < n; i++)
    {
      HatGraphVariable variable;
      if (!hat_graph_root_variable (graph, roots[i], &variable))
        continue;
      out_holders->strong_found += variable.strength == HAT_STRENGTH_STRONG;
      out_holders->weak_found += variable.strength == HAT_STRENGTH_WEAK;
    }
  return TRUE;
}

char *
hat_graph_mismatch (HatGraph *graph, guint32 block)
{
  HatGraphHolders holders;
  if (!hat_graph_holders (graph, block, &holders) || holders.counts.strong == holders.strong_found)
    return NULL;
  return g_strdup_printf ("strong count %" G_GUINT64_FORMAT ", %u holder%s found", holders.counts.strong, holders.strong_found,
                          holders.strong_found == 1 ? "" : "s");
}

static void
clear_value (gpointer data)
{
  g_free (((HatGraphValue *) data)->value);
}

GArray *
hat_graph_values (HatGraph *graph, guint32 block)
{
  GArray *values = g_array_new (FALSE, FALSE, sizeof (HatGraphValue));
  g_array_set_clear_func (values, clear_value);
  if (graph->types.values)
    graph->types.values (graph->types.data, block, values);
  return values;
}

char *
hat_graph_contents (HatGraph *graph, guint32 block)
{
  return graph->types.contents ? graph->types.contents (graph->types.data, block) : NULL;
}

gboolean
hat_graph_root_variable (HatGraph *graph, guint32 root, HatGraphVariable *out_variable)
{
  return graph->types.variable && graph->types.variable (graph->types.data, root, out_variable);
}

/* ---- cycles ---- */

/* "Ring" of "alloc::rc::RcInner<app::Ring>": what people call it. Free with g_free. */
static char *
short_type (const char *name)
{
  static const char *const wrappers[] = { "alloc::rc::RcBox<", "alloc::rc::RcInner<", "alloc::sync::ArcInner<", "std::_Sp_counted_ptr_inplace<" };
  gsize length = strlen (name);
  for (guint i = 0; i < G_N_ELEMENTS (wrappers); i++)
    if (g_str_has_prefix (name, wrappers[i]))
      {
        const char *start = name + strlen (wrappers[i]);
        int depth = 0;
        for (length = 0; start[length] && !(depth == 0 && (start[length] == ',' || start[length] == '>')); length++)
          depth += start[length] == '<' ? 1 : start[length] == '>' ? -1 : 0;
        name = start;
        break;
      }
  const char *last = name;
  for (gsize i = 0; i + 1 < length && name[i] != '<'; i++)
    if (name[i] == ':' && name[i + 1] == ':')
      last = name + i + 2;
  return g_strndup (last, length - (last - name));
}

/* The edge on the way around: known to own if there is one. */
static gboolean
next_edge (HatGraph *graph, const HatGraphCycle *cycle, guint32 block, GHashTable *seen, HatGraphEdge *out_edge)
{
  HatGraphEdge edges[64];
  const guint32 n = MIN (hat_graph_edges_out (graph, block, 0, edges, G_N_ELEMENTS (edges)), G_N_ELEMENTS (edges));
  const guint32 number = graph->cycle_of[block];
  gboolean any = FALSE;
  for (guint32 i = 0; i < n; i++)
    {
      const gboolean is_inside = edges[i].to != block && graph->cycle_of[edges[i].to] == number && edges[i].strength != HAT_STRENGTH_WEAK;
      const gboolean is_new = !g_hash_table_contains (seen, GUINT_TO_POINTER (edges[i].to)) || edges[i].to == cycle->blocks[0];
      if (!is_inside || !is_new || (any && out_edge->strength == HAT_STRENGTH_STRONG))
        continue;
      *out_edge = edges[i];
      any = TRUE;
    }
  return any;
}

static const char *
advice (const char *evidence)
{
  if (evidence == NULL)
    return "one of them should not own";
  if (g_str_has_prefix (evidence, "Rc") || g_str_has_prefix (evidence, "Arc"))
    return "make one Weak";
  return g_str_has_prefix (evidence, "std::shared_ptr") ? "make one a weak_ptr" : "one of them should not own";
}

char *
hat_graph_cycle_text (HatGraph *graph, const HatGraphCycle *cycle)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  const char *evidence = NULL;
  gboolean all_strong = TRUE;
  guint n = 0;
  HatGraphEdge edge;
  for (guint32 at = cycle->blocks[0]; n < cycle->n_blocks && next_edge (graph, cycle, at, seen, &edge); at = edge.to, n++)
    {
      const char *type = hat_graph_type_name (graph, hat_graph_type (graph, at));
      if (type == NULL || (n > 0 && g_hash_table_contains (seen, GUINT_TO_POINTER (at))))
        break;
      g_hash_table_add (seen, GUINT_TO_POINTER (at));
      all_strong &= edge.strength == HAT_STRENGTH_STRONG && edge.is_certain;
      evidence = evidence ? evidence : edge.evidence;
      g_autofree char *short_name = short_type (type), *shown = hat_usual_name (short_name);
      if (n < MAX_STEPS)
        g_string_append_printf (text, "%s%s%s%s", n ? " -> " : "", shown, edge.field && *edge.field == '[' ? "" : ".", edge.field ? edge.field : "?");
    }
  if (n == 0)
    return NULL;
  g_autofree char *nodes = hat_format_count (cycle->n_blocks);
  g_string_append_printf (text, "%s, %s nodes", n > MAX_STEPS ? " -> ..." : "", nodes);
  if (all_strong && cycle->confidence >= HAT_CONFIDENCE_CERTAIN)
    g_string_append_printf (text, ", all strong: %s", advice (evidence));
  return g_string_free (g_steal_pointer (&text), FALSE);
}
