/* SPDX-License-Identifier: Apache-2.0
 *
 * Lost blocks by class and stack, with the reason in words. */

#include "core/graph/graph-private.h"
#include "core/heap/format.h"
#include "core/heap/usual-name.h"

#include <stdlib.h>

typedef struct
{
  HatLeakGroup group;
  gboolean is_suppressed;
  guint32 until;     /* places before this one lie in a subtree that counts already */
  guint32 most_bytes_at; /* place of the example */
  guint32 n_cycles, last_cycle, smallest, biggest, n_in_cycles;
} Tally;

typedef struct
{
  HatGraph *graph;
  guint8 *suppressed;  /* by block, or NULL */
  GHashTable *numbers; /* class, stack, suppressed -> index + 1 */
  GArray *tallies;
  guint64 last_key;
  guint last_number;
} Count;

/* ---- suppressed ---- */

/* What a known leak holds is known with it, as LeakSanitizer has it. */
static guint8 *
find_suppressed (HatGraph *graph, const guint8 *by_stack)
{
  const guint32 *first_edge = graph->snapshot->first_edge;
  guint8 *suppressed = hat_big_new0 (guint8, MAX (graph->n, 1));
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (guint32));

  for (guint32 b = 0; b < graph->n; b++)
    if (hat_leak_is_suppressed (by_stack, graph->stack[b], hat_graph_class (graph, b)) && hat_graph_class (graph, b) != HAT_LEAK_REACHABLE)
      {
        suppressed[b] = 1;
        if (hat_graph_class (graph, b) != HAT_LEAK_POSSIBLE)
          g_array_append_val (stack, b);
      }
  while (stack->len > 0)
    {
      const guint32 block = g_array_index (stack, guint32, stack->len - 1);
      g_array_set_size (stack, stack->len - 1);
      for (guint32 e = first_edge[block]; e < first_edge[block + 1]; e++)
        {
          const guint32 to = graph->snapshot->edge_to[e] & ~HAT_EDGE_INTERIOR;
          if (suppressed[to] || hat_graph_is_weak (graph, e) || (graph->flags[to] & HAT_GRAPH_BY_ANY))
            continue;
          suppressed[to] = 1;
          g_array_append_val (stack, to);
        }
    }
  return suppressed;
}

/* ---- counting ---- */

static Tally *
tally_of (Count *count, guint32 block)
{
  const HatGraph *graph = count->graph;
  const HatLeakClass leak_class = hat_graph_class (graph, block);
  const gboolean is_suppressed = count->suppressed && count->suppressed[block];
  const guint64 key = (guint64) graph->stack[block] << 4 | (guint64) leak_class << 1 | is_suppressed;

  if (count->last_number == 0 || key != count->last_key)
    {
      count->last_number = GPOINTER_TO_UINT (g_hash_table_lookup (count->numbers, GSIZE_TO_POINTER (key)));
      count->last_key = key;
    }
  if (count->last_number == 0)
    {
      const Tally fresh = {
        .group = { .leak_class = leak_class, .stack = graph->stack[block], .first_ns = G_MAXINT64, .type = hat_graph_type (graph, block) },
        .is_suppressed = is_suppressed,
        .last_cycle = HAT_GRAPH_NONE,
      };
      g_array_append_val (count->tallies, fresh);
      count->last_number = count->tallies->len;
      g_hash_table_insert (count->numbers, GSIZE_TO_POINTER (key), GUINT_TO_POINTER (count->last_number));
    }
  return &g_array_index (count->tallies, Tally, count->last_number - 1);
}

static gboolean
count_blocks (Count *count, const HatProgress *progress, GError **error)
{
  HatGraph *graph = count->graph;

  for (guint32 place = 1; place <= graph->n; place++)
    {
      const guint32 block = graph->block_at[place], ahead = graph->block_at[MIN (place + HAT_GRAPH_AHEAD, graph->n)];
      __builtin_prefetch (&graph->flags[ahead]);
      __builtin_prefetch (&graph->stack[ahead]);
      __builtin_prefetch (&graph->birth[ahead]);
      __builtin_prefetch (&graph->size[ahead]);
      if (place % 1000000 == 0 && !hat_progress_tick (progress, (double) place / graph->n, "sorting leaks", error))
        return FALSE;
      if (graph->flags[block] & HAT_GRAPH_INHERITED)
        continue;
      Tally *tally = tally_of (count, block);
      HatLeakGroup *group = &tally->group;
      const gint64 birth = hat_graph_birth (graph, block);
      group->n_blocks++;
      group->bytes += hat_graph_size (graph, block);
      group->first_ns = MIN (group->first_ns, birth);
      group->last_ns = MAX (group->last_ns, birth);
      if (group->type != hat_graph_type (graph, block))
        group->type = HAT_GRAPH_NONE;
      if (place >= tally->until)
        {
          group->retained_bytes += graph->bytes_at[place];
          tally->until = place + graph->count_at[place];
        }
      if (tally->most_bytes_at == 0 || graph->bytes_at[place] > graph->bytes_at[tally->most_bytes_at])
        tally->most_bytes_at = place;
    }
  return TRUE;
}

static void
count_cycles (Count *count)
{
  const HatGraph *graph = count->graph;

  for (guint32 i = 0; i < graph->n_cycles; i++)
    for (guint32 k = 0; k < graph->cycles[i].n_blocks; k++)
      {
        const HatGraphCycle *cycle = &graph->cycles[i];
        if (graph->flags[cycle->blocks[k]] & HAT_GRAPH_INHERITED)
          continue;
        Tally *tally = tally_of (count, cycle->blocks[k]);
        tally->n_in_cycles++;
        if (tally->last_cycle == i)
          continue;
        tally->last_cycle = i;
        tally->smallest = tally->n_cycles == 0 ? cycle->n_blocks : MIN (tally->smallest, cycle->n_blocks);
        tally->biggest = MAX (tally->biggest, cycle->n_blocks);
        tally->group.confidence = tally->n_cycles == 0 ? cycle->confidence : MIN (tally->group.confidence, cycle->confidence);
        tally->n_cycles++;
      }
}

/* ---- in words ---- */

static char *
explain_cycle (const Tally *tally)
{
  g_autofree char *who = NULL, *cycles = hat_format_count (tally->n_cycles), *blocks = hat_format_count (tally->group.n_blocks),
                  *smallest = hat_format_count (tally->smallest), *biggest = hat_format_count (tally->biggest);

  if (tally->n_cycles > 1)
    who = tally->smallest == tally->biggest
            ? g_strdup_printf ("%s cycles of %s blocks that hold each other", cycles, biggest)
            : g_strdup_printf ("%s cycles of %s to %s blocks that hold each other", cycles, smallest, biggest);
  else if (tally->group.n_blocks == tally->biggest)
    who = g_strdup_printf ("%s blocks hold each other", biggest);
  else
    who = g_strdup_printf ("%s of %s blocks that hold each other", blocks, biggest);
  static const char *const more[] = {
    [HAT_CONFIDENCE_LIKELY] = " (a list linked both ways looks the same)",
    [HAT_CONFIDENCE_CERTAIN] = "",
    [HAT_CONFIDENCE_PROVEN] = ", and their counts of references say so",
  };
  return g_strconcat (who, "; nothing else holds them", more[tally->group.confidence], NULL);
}

static char *
explain_indirect (HatGraph *graph, const Tally *tally)
{
  const char *them = tally->group.n_blocks == 1 ? "it" : "them";
  guint32 place = tally->most_bytes_at;
  g_autofree char *rings = tally->n_in_cycles == 0 ? g_strdup ("")
                                                   : g_strdup_printf ("; %u of them hold each other", tally->n_in_cycles);

  if (graph->owner_at[place] == 0)
    return g_strdup_printf ("several lost blocks hold %s%s", them, rings);
  while (graph->owner_at[place] != 0)
    place = graph->owner_at[place];
  const guint32 head = graph->block_at[place];
  const gboolean is_typed = hat_graph_type_name (graph, hat_graph_type (graph, head)) != NULL;
  g_autofree char *name = hat_usual_name (hat_graph_label (graph, head));
  return g_strdup_printf ("a lost %s%s holds %s%s", is_typed ? "" : "block of ", name, them, rings);
}

static char *
explain (HatGraph *graph, const Tally *tally)
{
  const gboolean one = tally->group.n_blocks == 1;
  guint32 counts[3];

  switch (tally->group.leak_class)
    {
    case HAT_LEAK_DIRECT:
      hat_graph_count_in (graph, tally->group.example, counts);
      return g_strdup_printf ("%s to %s is left", counts[HAT_STRENGTH_WEAK] ? "no pointer that owns" : "no pointer", one ? "it" : "any of them");
    case HAT_LEAK_CYCLE:
      return explain_cycle (tally);
    case HAT_LEAK_INDIRECT:
      return explain_indirect (graph, tally);
    case HAT_LEAK_POSSIBLE:
      return g_strdup_printf ("only pointers into the middle of blocks lead to %s", one ? "it" : "them");
    case HAT_LEAK_REACHABLE:
    case HAT_LEAK_UNFREED:
      break;
    }
  return g_strdup ("pointers from the program's variables lead to it");
}

static void
finish (HatGraph *graph, Tally *tally)
{
  HatLeakGroup *group = &tally->group;

  group->example = graph->block_at[tally->most_bytes_at];
  if (group->leak_class == HAT_LEAK_DIRECT || group->leak_class == HAT_LEAK_INDIRECT)
    group->confidence = HAT_CONFIDENCE_CERTAIN;
  else if (group->leak_class == HAT_LEAK_POSSIBLE)
    group->confidence = HAT_CONFIDENCE_LIKELY;
  group->why = explain (graph, tally);
  /* What types add: the way around a cycle, and counts that say that somebody is missing. */
  g_autofree char *more = group->leak_class == HAT_LEAK_CYCLE    ? hat_graph_cycle_text (graph, &graph->cycles[graph->cycle_of[group->example]])
                          : group->leak_class == HAT_LEAK_DIRECT ? hat_graph_mismatch (graph, group->example)
                                                                 : NULL;
  if (more)
    {
      g_autofree char *why = group->why;
      group->why = g_strconcat (why, "; ", more, NULL);
    }
}

static int
compare_groups (gconstpointer a, gconstpointer b)
{
  const HatLeakGroup *x = a, *y = b;

  if (x->leak_class != y->leak_class)
    return (int) x->leak_class - (int) y->leak_class;
  if (x->retained_bytes != y->retained_bytes)
    return x->retained_bytes > y->retained_bytes ? -1 : 1;
  return x->stack < y->stack ? -1 : x->stack > y->stack;
}

HatLeaks *
hat_graph_leaks (HatGraph *graph, const guint8 *suppressed, const HatProgress *progress, GError **error)
{
  g_autofree guint8 *by_block = suppressed ? find_suppressed (graph, suppressed) : NULL;
  g_autoptr (GHashTable) numbers = g_hash_table_new (NULL, NULL);
  g_autoptr (GArray) tallies = g_array_new (FALSE, FALSE, sizeof (Tally));
  Count count = { .graph = graph, .suppressed = by_block, .numbers = numbers, .tallies = tallies };

  if (!count_blocks (&count, progress, error))
    return NULL;
  count_cycles (&count);
  HatLeaks *leaks = g_new0 (HatLeaks, 1);
  leaks->cycles = g_new (guint, MAX (graph->n_cycles, 1));
  for (guint i = 0; i < graph->n_cycles; i++) /* all of a cycle is suppressed if one block is */
    if (!(by_block && by_block[graph->cycles[i].blocks[0]]) && !(graph->flags[graph->cycles[i].blocks[0]] & HAT_GRAPH_INHERITED))
      leaks->cycles[leaks->n_cycles++] = i;
  leaks->groups = g_new (HatLeakGroup, MAX (tallies->len, 1));
  for (guint i = 0; i < tallies->len; i++)
    {
      Tally *tally = &g_array_index (tallies, Tally, i);
      leaks->n_suppressed_groups += tally->is_suppressed;
      *(tally->is_suppressed ? &leaks->suppressed_blocks : &leaks->classes[tally->group.leak_class].blocks) += tally->group.n_blocks;
      *(tally->is_suppressed ? &leaks->suppressed_bytes : &leaks->classes[tally->group.leak_class].bytes) += tally->group.bytes;
      if (tally->is_suppressed)
        continue;
      finish (graph, tally);
      leaks->groups[leaks->n++] = tally->group;
    }
  qsort (leaks->groups, leaks->n, sizeof (HatLeakGroup), compare_groups);
  return leaks;
}

void
hat_leaks_free (HatLeaks *leaks)
{
  if (leaks == NULL)
    return;
  for (guint i = 0; i < leaks->n; i++)
    g_free (leaks->groups[i].why);
  g_free (leaks->groups);
  g_free (leaks->cycles);
  g_free (leaks);
}
