/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields that somebody declared weak, and what types say of fields. */

#include "core/graph/graph-private.h"
#include "core/graph/pattern.h"

#include <string.h>

typedef struct
{
  char *name;     /* pattern */
  char *field;    /* pattern; NULL: by offset */
  guint64 offset;
} Rule;

struct _HatGraphRules
{
  GArray *rules;
  guint left_out; /* bits 1 << HatRootKind */
};

static void
rule_clear (gpointer data)
{
  Rule *rule = data;

  g_free (rule->name);
  g_free (rule->field);
}

/* "NAME+OFFSET" or "NAME.FIELD". */
static gboolean
parse_rule (const char *text, Rule *out_rule)
{
  const char *split = strrchr (text, '+');

  *out_rule = (Rule) { 0 };
  if (split && split > text && g_ascii_isdigit (split[1]))
    {
      char *end;
      out_rule->offset = g_ascii_strtoull (split + 1, &end, 0);
      if (*end != '\0')
        return FALSE;
    }
  else
    {
      split = strchr (text, '.'); /* fields have some, types have none */
      if (split == NULL || split == text || split[1] == '\0')
        return FALSE;
      out_rule->field = g_strdup (split + 1);
    }
  out_rule->name = g_strndup (text, split - text);
  return TRUE;
}

gboolean
hat_graph_rules_add (HatGraphRules *rules, const char *text, const char *name, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i]; i++)
    {
      const char *line = g_strstrip (lines[i]);
      Rule rule;
      if (*line == '\0' || *line == '#')
        continue;
      if (!g_str_has_prefix (line, "weak:") || !parse_rule (line + 5, &rule))
        {
          g_autofree char *shown = g_utf8_make_valid (line, MIN (strlen (line), 60));
          g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "%s:%u: \"%s\" is no rule, write weak:NAME+OFFSET or weak:NAME.FIELD",
                       name, i + 1, shown);
          return FALSE;
        }
      g_array_append_val (rules->rules, rule);
    }
  return TRUE;
}

HatGraphRules *
hat_graph_rules_new (HatTrace *trace)
{
  HatGraphRules *rules = g_new0 (HatGraphRules, 1);
  guint n;
  const HatNote *notes = hat_trace_notes (trace, &n);

  rules->rules = g_array_new (FALSE, FALSE, sizeof (Rule));
  g_array_set_clear_func (rules->rules, rule_clear);
  for (guint i = 0; i < n; i++)
    if (g_str_equal (notes[i].key, HAT_NOTE_WEAK) || g_str_equal (notes[i].key, HAT_NOTE_PROGRAM_WEAK))
      hat_graph_rules_add (rules, notes[i].value, notes[i].key, NULL);
  return rules;
}

char *
hat_graph_weak_rule (const char *label, const char *field, guint64 offset)
{
  const char *of_all = field && *field == '[' ? strchr (field, ']') : NULL;

  if (field == NULL)
    return g_strdup_printf ("weak:%s+%" G_GUINT64_FORMAT, label, offset);
  return g_strdup_printf ("weak:%s.%s%s", label, of_all ? "[" : "", of_all ? of_all : field);
}

void
hat_graph_rules_leave_out (HatGraphRules *rules, HatRootKind kind)
{
  rules->left_out |= 1u << kind;
}

void
hat_graph_leave_out_roots (HatGraph *graph, const HatGraphRules *rules)
{
  HatSnapshot *snapshot = graph->snapshot;
  guint32 n = 0;

  for (guint32 i = 0; rules && i < snapshot->info.n_roots; i++)
    if (!(rules->left_out >> snapshot->roots[i].kind & 1))
      snapshot->roots[n++] = snapshot->roots[i];
  if (rules)
    snapshot->info.n_roots = n;
}

void
hat_graph_rules_free (HatGraphRules *rules)
{
  if (rules == NULL)
    return;
  g_array_unref (rules->rules);
  g_free (rules);
}

/* ---- what they say of the edges ---- */

typedef struct
{
  HatGraph *graph;
  const HatGraphRules *rules;
  GHashTable *by_stack, *by_type; /* id -> GPtrArray of Rule, or NULL: none of their names match */
} Matcher;

static void
rules_unref (gpointer rules)
{
  if (rules)
    g_ptr_array_unref (rules);
}

static GPtrArray *
rules_for (Matcher *matcher, GHashTable *known, guint32 id, const char *(*name_of) (HatGraph *graph, guint32 id))
{
  gpointer found;

  if (g_hash_table_lookup_extended (known, GUINT_TO_POINTER (id), NULL, &found))
    return found;
  const char *name = name_of (matcher->graph, id);
  GPtrArray *rules = NULL;
  for (guint i = 0; name && i < matcher->rules->rules->len; i++)
    {
      Rule *rule = &g_array_index (matcher->rules->rules, Rule, i);
      if (!hat_pattern_matches (rule->name, name))
        continue;
      if (rules == NULL)
        rules = g_ptr_array_new ();
      g_ptr_array_add (rules, rule);
    }
  g_hash_table_insert (known, GUINT_TO_POINTER (id), rules);
  return rules;
}

static const char *
stack_name (HatGraph *graph, guint32 stack)
{
  return hat_stack_function (graph->trace, stack);
}

char *
hat_graph_element_name (const HatGraphField *field, const char *index)
{
  return g_strdup_printf ("[%s]%s%s", index, *field->name && *field->name != '[' ? "." : "", field->name);
}

static gboolean
is_declared (const GPtrArray *rules, guint64 offset, const HatGraphField *field)
{
  g_autofree char *element = rules && field->is_element ? hat_graph_element_name (field, "") : NULL;
  const char *name = element ? element : field->name;

  for (guint i = 0; rules && i < rules->len; i++)
    {
      const Rule *rule = g_ptr_array_index (rules, i);
      if (rule->field ? name && hat_pattern_matches (rule->field, name) : rule->offset == offset)
        return TRUE;
    }
  return FALSE;
}

/* Whether `to` holds the block by something that is not a way back itself. */
static gboolean
points_back (const HatGraph *graph, guint32 block, guint32 to)
{
  const HatSnapshot *snapshot = graph->snapshot;

  for (guint32 e = snapshot->first_edge[to]; to != block && e < snapshot->first_edge[to + 1]; e++)
    {
      HatGraphField field = { 0 };
      if ((snapshot->edge_to[e] & ~HAT_EDGE_INTERIOR) == block
          && !(graph->types.field (graph->types.data, to, (guint64) snapshot->edge_word[e] * 8, &field) && field.is_way_back))
        return TRUE;
    }
  return FALSE;
}

/* Whether the pointer, of which no type says what it leads to, leads into the middle of one object of known type, which others (a block,
 * a root) point to: the place of a field that somebody remembers, as GLib does for its weak pointers. */
static gboolean
is_object_of_others (HatGraph *graph, guint32 block, guint32 edge)
{
  const HatSnapshot *snapshot = graph->snapshot;
  const guint32 to = snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR;
  guint32 n_roots;
  if (graph->types.object_offset == NULL || !graph->types.object_offset (graph->types.data, to, &(guint64) { 0 }) || hat_graph_is_to_object (graph, edge, to))
    return FALSE;
  hat_graph_roots_of (graph, to, &n_roots);
  if (n_roots > 0)
    return TRUE;
  for (guint32 i = graph->first_in[to]; i < graph->first_in[to + 1]; i++)
    if (hat_graph_is_to_object (graph, graph->in_edge[i], to) && hat_graph_edge_from (graph, graph->in_edge[i]) != block)
      return TRUE;
  return FALSE;
}

static void
apply_to_block (Matcher *matcher, guint32 block)
{
  HatGraph *graph = matcher->graph;
  const HatSnapshot *snapshot = graph->snapshot;
  GPtrArray *by_stack = NULL, *by_type = NULL;

  if (matcher->rules)
    {
      by_stack = rules_for (matcher, matcher->by_stack, graph->stack[block], stack_name);
      by_type = rules_for (matcher, matcher->by_type, hat_graph_type (graph, block), hat_graph_type_name);
    }
  for (guint32 e = snapshot->first_edge[block]; e < snapshot->first_edge[block + 1]; e++)
    {
      const guint64 offset = (guint64) snapshot->edge_word[e] * 8;
      HatGraphField field = { 0 };
      if (graph->types.field && graph->types.field (graph->types.data, block, offset, &field))
        {
          graph->known[e] = (guint8) field.strength;
          if (field.is_way_back && field.strength == HAT_STRENGTH_UNKNOWN && points_back (graph, block, snapshot->edge_to[e] & ~HAT_EDGE_INTERIOR))
            graph->known[e] = HAT_STRENGTH_WEAK | HAT_KNOWN_BY_NAME;
        }
      if (graph->known[e] == HAT_STRENGTH_UNKNOWN && field.is_way_on)
        graph->known[e] = HAT_KNOWN_WAY_ON;
      if (graph->known[e] == HAT_STRENGTH_UNKNOWN && !field.is_typed && snapshot->edge_to[e] & HAT_EDGE_INTERIOR
          && is_object_of_others (graph, block, e))
        graph->known[e] = HAT_STRENGTH_WEAK | HAT_KNOWN_BY_PLACE;
      if (is_declared (by_stack, offset, &field) || is_declared (by_type, offset, &field))
        graph->known[e] = HAT_STRENGTH_WEAK | HAT_KNOWN_BY_RULE;
    }
}

gboolean
hat_graph_apply_rules (HatGraph *graph, const HatGraphRules *rules, const HatProgress *progress, GError **error)
{
  if (rules && rules->rules->len == 0)
    rules = NULL;
  if (rules == NULL && graph->types.field == NULL)
    return TRUE;
  g_autoptr (GHashTable) by_stack = g_hash_table_new_full (NULL, NULL, NULL, rules_unref);
  g_autoptr (GHashTable) by_type = g_hash_table_new_full (NULL, NULL, NULL, rules_unref);
  Matcher matcher = { graph, rules, by_stack, by_type };

  graph->known = hat_big_new0 (guint8, graph->n_edges);
  for (guint32 block = 0; block < graph->n; block++)
    {
      if (block % 1000000 == 0 && !hat_progress_tick (progress, 0.15, "reading rules", error))
        return FALSE;
      apply_to_block (&matcher, block);
    }
  return TRUE;
}
