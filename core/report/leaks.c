/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas leaks`: what is lost and what keeps growing, as text and JSON.
 *
 * Without a snapshot of the heap's contents nobody can say whether a block that was never freed is still reachable; then
 * every group has the class `unfreed`, and both forms say why. */

#include "core/report/report-private.h"

#include "core/heap/format.h"
#include "core/report/suppressions.h"
#include "core/report/plain-text.h"
#include "core/report/sampled.h"

#include <math.h>
#include <stdlib.h>

#define TEXT_GROUPS 20
#define TEXT_GROWING 10
#define TEXT_FRAMES 6
#define TEXT_CYCLES 5
#define TEXT_CYCLE_BLOCKS 6

static const char why_unfreed[]
  = "never freed; the recording has no snapshot, so whether anything still points to it is not known";
static const char why_unfreed_of_sample[] = "never freed. " HAT_SAMPLE_HAS_NO_SNAPSHOT;

/* A group of either kind. Strings are the graph's or constants. */
typedef struct
{
  HatLeakClass leak_class;
  HatStackId stack;
  guint64 blocks, bytes, retained_bytes;
  double blocks_variance, bytes_variance; /* of an estimate */
  gint64 first_ns, last_ns;
  const char *type, *confidence, *why;
  double slope_bytes_per_s; /* NAN: it does not keep growing */
  guint64 example_address, example_size;
} Group;

/* The answers for one process, after suppressions. */
typedef struct
{
  HatTrace *trace;
  guint process;
  HatHeap *heap;
  HatGraph *graph;  /* NULL: no snapshot */
  HatLeaks *leaks;  /* with graph */
  guint snapshot;   /* its index */
  const HatGrowing *growing;
  gint64 end_ns;
  gboolean has_allocated;
  gboolean is_replaced; /* by another image: exec frees everything */
  GArray *groups;    /* Group, without reachable ones */
  GPtrArray *sites;  /* HatGrowingSite, borrowed */
  struct { guint64 blocks, bytes; double blocks_variance, bytes_variance; } classes[HAT_N_LEAK_CLASSES];
  guint suppressed;
  guint64 suppressed_blocks, suppressed_bytes;
  double suppressed_blocks_variance, suppressed_bytes_variance;
} Findings;

static void
findings_free (Findings *findings)
{
  hat_graph_unref (findings->graph);
  hat_leaks_free (findings->leaks);
  g_clear_pointer (&findings->heap, hat_heap_unref);
  g_clear_pointer (&findings->groups, g_array_unref);
  g_clear_pointer (&findings->sites, g_ptr_array_unref);
  g_free (findings);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Findings, findings_free)

static double
slope_of (const Findings *findings, HatStackId stack)
{
  const HatGrowingSite *site = hat_growing_find (findings->growing, stack);
  return site ? site->slope_bytes_per_s : NAN;
}

static gboolean
find_unfreed (Findings *findings, HatHeap *heap, const guint8 *suppressed, const HatProgress *progress, GError **error)
{
  g_autoptr (HatUnfreedGroups) unfreed = hat_heap_unfreed (heap, progress, error);
  if (unfreed == NULL)
    return FALSE;
  for (guint i = 0; i < unfreed->n; i++)
    {
      const HatUnfreed *from = &unfreed->groups[i];
      gboolean is_suppressed = hat_leak_is_suppressed (suppressed, from->stack, HAT_LEAK_UNFREED);
      const Group group = {
        .leak_class = HAT_LEAK_UNFREED, .stack = from->stack, .blocks = from->blocks, .bytes = from->bytes,
        .blocks_variance = from->blocks_variance, .bytes_variance = from->bytes_variance,
        .retained_bytes = from->bytes, .first_ns = from->first_ns, .last_ns = from->last_ns,
        .why = hat_heap_sample_bytes (heap) > 0 ? why_unfreed_of_sample : why_unfreed,
        .slope_bytes_per_s = slope_of (findings, from->stack),
        .example_address = from->example.address, .example_size = from->example.size,
      };
      if (!is_suppressed)
        g_array_append_val (findings->groups, group);
      findings->suppressed += is_suppressed;
      *(is_suppressed ? &findings->suppressed_blocks : &findings->classes[HAT_LEAK_UNFREED].blocks) += from->blocks;
      *(is_suppressed ? &findings->suppressed_bytes : &findings->classes[HAT_LEAK_UNFREED].bytes) += from->bytes;
      *(is_suppressed ? &findings->suppressed_blocks_variance : &findings->classes[HAT_LEAK_UNFREED].blocks_variance) += from->blocks_variance;
      *(is_suppressed ? &findings->suppressed_bytes_variance : &findings->classes[HAT_LEAK_UNFREED].bytes_variance) += from->bytes_variance;
    }
  return TRUE;
}

static gboolean
find_lost (Findings *findings, HatHeap *heap, const HatLeaksOptions *options, const guint8 *suppressed, const HatProgress *progress,
           GError **error)
{
  findings->graph = hat_report_graph_of (heap, &options->snapshot, &findings->snapshot, progress, error);
  if (findings->graph == NULL)
    return FALSE;
  findings->leaks = hat_graph_leaks (findings->graph, suppressed, progress, error);
  if (findings->leaks == NULL)
    return FALSE;
  for (guint i = 0; i < findings->leaks->n && findings->leaks->groups[i].leak_class != HAT_LEAK_REACHABLE; i++)
    {
      const HatLeakGroup *from = &findings->leaks->groups[i];
      HatGraphBlock example;
      hat_graph_block (findings->graph, from->example, &example);
      const Group group = {
        .leak_class = from->leak_class, .stack = from->stack, .blocks = from->n_blocks, .bytes = from->bytes,
        .retained_bytes = from->retained_bytes, .first_ns = from->first_ns, .last_ns = from->last_ns,
        .type = hat_graph_type_label (findings->graph, from->type), .confidence = hat_confidence_name (from->confidence),
        .why = from->why, .slope_bytes_per_s = slope_of (findings, from->stack), .example_address = example.address, .example_size = example.size,
      };
      g_array_append_val (findings->groups, group);
    }
  for (guint c = 0; c < HAT_N_LEAK_CLASSES; c++)
    {
      findings->classes[c].blocks = findings->leaks->classes[c].blocks;
      findings->classes[c].bytes = findings->leaks->classes[c].bytes;
    }
  findings->suppressed = findings->leaks->n_suppressed_groups;
  findings->suppressed_blocks = findings->leaks->suppressed_blocks;
  findings->suppressed_bytes = findings->leaks->suppressed_bytes;
  return TRUE;
}

/* Growth of what is lost is told by its group; this list is of what is still in use. */
static gboolean
is_in_use (const Findings *findings, HatStackId stack)
{
  if (findings->leaks == NULL)
    return TRUE;
  for (guint i = 0; i < findings->leaks->n; i++)
    if (findings->leaks->groups[i].stack == stack && findings->leaks->groups[i].leak_class == HAT_LEAK_REACHABLE)
      return TRUE;
  return FALSE;
}

static Findings *
findings_new (HatTrace *trace, guint process, const HatLeaksOptions *options, const guint8 *suppressed, const HatProgress *progress,
              GError **error)
{
  g_autoptr (HatHeap) heap = hat_heap_new (trace, process, progress, error);
  if (heap == NULL)
    return NULL;
  g_autoptr (Findings) findings = g_new0 (Findings, 1);
  findings->trace = trace;
  findings->process = process;
  findings->heap = hat_heap_ref (heap);
  findings->end_ns = hat_heap_end (heap);
  const HatTotals *totals = &hat_heap_summary (heap)->totals;
  findings->has_allocated = totals->allocations + totals->inherited_blocks > 0;
  findings->is_replaced = hat_process_successor (trace, process) != NULL;
  findings->groups = g_array_new (FALSE, FALSE, sizeof (Group));
  findings->sites = g_ptr_array_new ();
  /* Before the graph, for there would not be memory for both. */
  findings->growing = hat_heap_growing (heap, progress, error);
  if (findings->growing == NULL)
    return NULL;
  guint n_snapshots;
  hat_trace_snapshots (trace, process, &n_snapshots);
  /* A process without any is not why a number that others have is wrong. */
  if (n_snapshots == 0 && !(options->snapshot.index >= 0 && options->process >= 0)
        ? !find_unfreed (findings, heap, suppressed, progress, error)
        : !find_lost (findings, heap, options, suppressed, progress, error))
    return NULL;
  for (guint i = 0; i < findings->growing->n; i++)
    {
      HatGrowingSite *site = &findings->growing->sites[i];
      if (!hat_leak_is_suppressed (suppressed, site->stack, HAT_LEAK_UNFREED) && is_in_use (findings, site->stack))
        g_ptr_array_add (findings->sites, site);
    }
  return g_steal_pointer (&findings);
}

static guint
count_leaks (const Findings *findings)
{
  guint n = 0;
  for (guint i = 0; i < findings->groups->len && !findings->is_replaced; i++)
    n += g_array_index (findings->groups, Group, i).leak_class != HAT_LEAK_POSSIBLE;
  return n;
}

/* ---- JSON ---- */

/* With errors if it is an estimate. */
static void
write_figures (HatJson *json, guint64 blocks, guint64 bytes, double blocks_variance, double bytes_variance)
{
  hat_json_uint (json, "blocks", blocks);
  hat_json_uint (json, "bytes", bytes);
  if (bytes_variance <= 0)
    return;
  hat_json_uint (json, "blocks_error", hat_error_of (blocks_variance));
  hat_json_uint (json, "bytes_error", hat_error_of (bytes_variance));
}

static void
write_class (HatJson *json, const Findings *findings, HatLeakClass leak_class)
{
  hat_json_begin_object (json, hat_leak_class_name (leak_class));
  write_figures (json, findings->classes[leak_class].blocks, findings->classes[leak_class].bytes,
                 findings->classes[leak_class].blocks_variance, findings->classes[leak_class].bytes_variance);
  hat_json_end_object (json);
}

static void
write_group (HatJson *json, HatTrace *trace, const Group *group)
{
  hat_json_begin_object (json, NULL);
  hat_json_string (json, "class", hat_leak_class_name (group->leak_class));
  write_figures (json, group->blocks, group->bytes, group->blocks_variance, group->bytes_variance);
  hat_json_uint (json, "retained_bytes", group->retained_bytes);
  hat_json_string (json, "type", group->type);
  hat_json_string (json, "confidence", group->confidence);
  hat_json_string (json, "why", group->why);
  hat_json_double (json, "slope_bytes_per_s", group->slope_bytes_per_s);
  hat_json_int (json, "first_ns", group->first_ns);
  hat_json_int (json, "last_ns", group->last_ns);
  hat_json_begin_object (json, "example");
  hat_json_address (json, "address", group->example_address);
  hat_json_uint (json, "size", group->example_size);
  hat_json_end_object (json);
  hat_report_json_stack (json, "stack", trace, group->stack);
  hat_json_end_object (json);
}

static void
write_snapshot (HatJson *json, const Findings *findings)
{
  if (findings->graph == NULL)
    {
      hat_json_null (json, "snapshot");
      return;
    }
  const HatSnapshotInfo *info = &hat_graph_snapshot (findings->graph)->info;
  hat_json_begin_object (json, "snapshot");
  hat_json_uint (json, "index", findings->snapshot);
  hat_json_int (json, "time_ns", info->time_ns);
  hat_json_string (json, "reason", hat_snapshot_reason_name (info->reason));
  hat_json_string (json, "detail", info->detail);
  hat_json_int (json, "pause_ns", info->pause_ns);
  hat_json_uint (json, "read_bytes", info->read_bytes);
  hat_json_boolean (json, "windowed", info->is_windowed);
  hat_json_uint (json, "blocks", info->n_blocks);
  hat_json_uint (json, "pointers", info->n_edges);
  hat_json_uint (json, "roots", info->n_roots);
  hat_json_uint (json, "threads_skipped", info->n_threads_skipped);
  hat_json_end_object (json);
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  const guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;
  return x < y ? -1 : x > y;
}

/* Nodes are numbered in the order of their addresses. */
static void
write_cycle (HatJson *json, HatGraph *graph, const HatGraphCycle *cycle)
{
  g_autofree guint32 *blocks = g_memdup2 (cycle->blocks, cycle->n_blocks * sizeof (guint32));
  g_autoptr (GArray) edges = hat_graph_edges_between (graph, blocks, cycle->n_blocks);
  qsort (blocks, cycle->n_blocks, sizeof (guint32), compare_numbers);
  hat_json_begin_object (json, NULL);
  hat_json_uint (json, "blocks", cycle->n_blocks);
  hat_json_uint (json, "bytes", cycle->bytes);
  hat_json_string (json, "class", hat_leak_class_name (cycle->leak_class));
  hat_json_string (json, "confidence", hat_confidence_name (cycle->confidence));
  g_autofree char *way = hat_graph_cycle_text (graph, cycle);
  hat_json_string (json, "way", way);
  hat_json_begin_array (json, "nodes");
  for (guint32 i = 0; i < cycle->n_blocks; i++)
    {
      HatGraphBlock block;
      hat_graph_block (graph, blocks[i], &block);
      hat_json_begin_object (json, NULL);
      hat_json_uint (json, "id", i);
      hat_json_address (json, "address", block.address);
      hat_json_string (json, "type", hat_graph_type_label (graph, block.type));
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  hat_json_begin_array (json, "edges");
  for (guint i = 0; i < edges->len; i++)
    {
      const HatGraphEdge *edge = &g_array_index (edges, HatGraphEdge, i);
      const guint32 *from = bsearch (&edge->from, blocks, cycle->n_blocks, sizeof (guint32), compare_numbers);
      const guint32 *to = bsearch (&edge->to, blocks, cycle->n_blocks, sizeof (guint32), compare_numbers);
      hat_json_begin_object (json, NULL);
      hat_json_uint (json, "from", from - blocks);
      hat_json_uint (json, "to", to - blocks);
      hat_json_uint (json, "offset", edge->offset);
      hat_json_string (json, "field", edge->field);
      hat_json_string (json, "strength", hat_strength_name (edge->strength));
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  hat_json_end_object (json);
}

static void
write_json (HatJson *json, const Findings *findings)
{
  static const HatLeakClass classes[]
    = { HAT_LEAK_DIRECT, HAT_LEAK_INDIRECT, HAT_LEAK_CYCLE, HAT_LEAK_POSSIBLE, HAT_LEAK_REACHABLE, HAT_LEAK_UNFREED };
  HatTrace *trace = findings->trace;
  hat_json_begin_object (json, NULL);
  hat_json_uint (json, "index", findings->process);
  hat_json_uint (json, "pid", hat_trace_process (trace, findings->process)->pid);
  write_snapshot (json, findings);
  hat_json_begin_object (json, "classes");
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    write_class (json, findings, classes[i]);
  hat_json_end_object (json);
  hat_json_begin_object (json, "suppressed");
  hat_json_uint (json, "groups", findings->suppressed);
  write_figures (json, findings->suppressed_blocks, findings->suppressed_bytes, findings->suppressed_blocks_variance,
                 findings->suppressed_bytes_variance);
  hat_json_end_object (json);
  hat_json_begin_array (json, "groups");
  for (guint i = 0; i < findings->groups->len; i++)
    write_group (json, trace, &g_array_index (findings->groups, Group, i));
  hat_json_end_array (json);
  hat_json_begin_array (json, "cycles");
  for (guint i = 0; findings->leaks && i < findings->leaks->n_cycles; i++)
    {
      guint n;
      write_cycle (json, findings->graph, &hat_graph_cycles (findings->graph, &n)[findings->leaks->cycles[i]]);
    }
  hat_json_end_array (json);
  hat_json_begin_array (json, "growing");
  for (guint i = 0; i < findings->sites->len; i++)
    {
      const HatGrowingSite *site = g_ptr_array_index (findings->sites, i);
      hat_json_begin_object (json, NULL);
      hat_json_double (json, "slope_bytes_per_s", site->slope_bytes_per_s);
      hat_json_double (json, "persistence", site->persistence);
      hat_json_boolean (json, "stopped", site->has_stopped);
      write_figures (json, site->blocks, site->bytes, site->blocks_variance, site->bytes_variance);
      hat_report_json_stack (json, "stack", trace, site->stack);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  hat_json_end_object (json);
}

/* ---- text ---- */

/* "born 1.2 s to 3.4 s", "born at 1.2 s". */
static char *
birth_text (const Group *group)
{
  g_autofree char *first = hat_format_time (group->first_ns);
  g_autofree char *last = hat_format_time (group->last_ns);
  if (g_str_equal (first, last))
    return g_strdup_printf ("born at %s", first);
  return g_strdup_printf ("born %s to %s", first, last);
}

static void
append_group (GString *out, const Findings *findings, guint number)
{
  const Group *group = &g_array_index (findings->groups, Group, number - 1);
  guint64 all = findings->classes[group->leak_class].bytes;
  g_autofree char *blocks = hat_format_blocks (group->blocks, hat_error_of (group->blocks_variance));
  g_autofree char *bytes = hat_format_bytes_within (group->bytes, hat_error_of (group->bytes_variance));
  g_autofree char *when = birth_text (group);
  g_string_append_printf (out, "\n%4u ", number);
  hat_plain_column (out, bytes, group->bytes_variance > 0 ? 22 : 9);
  g_string_append_c (out, ' ');
  if (findings->graph == NULL)
    {
      hat_plain_percent_column (out, group->bytes, all, 6);
      g_string_append (out, "  ");
      hat_plain_bar (out, group->bytes, all, 10);
      g_string_append_printf (out, "  %s, %s\n", blocks, when);
    }
  else
    {
      g_string_append_printf (out, "%s: %s, %s\n", hat_leak_class_name (group->leak_class), blocks, when);
      g_string_append_printf (out, "%15s", "");
      g_autofree char *slope = isnan (group->slope_bytes_per_s) ? NULL : hat_format_bytes ((guint64) group->slope_bytes_per_s);
      g_autofree char *why = slope ? g_strdup_printf ("grows %s/s; %s", slope, group->why) : g_strdup (group->why);
      hat_plain_wrapped (out, why, 15);
      if (group->retained_bytes > group->bytes)
        {
          g_autofree char *more = hat_format_bytes (group->retained_bytes - group->bytes);
          g_string_append_printf (out, "%15s%s more would go with %s\n", "", more, group->blocks == 1 ? "it" : "them");
        }
    }
  hat_plain_stack (out, findings->trace, group->stack, 15, TEXT_FRAMES);
}

/* One line a class, of those that there are. */
static void
append_classes (GString *out, const Findings *findings)
{
  static const char *const words[HAT_N_LEAK_CLASSES] = {
    [HAT_LEAK_DIRECT] = "lost: nothing points to them",
    [HAT_LEAK_CYCLE] = "lost: they hold each other, nothing else does",
    [HAT_LEAK_INDIRECT] = "lost: only lost blocks hold them",
    [HAT_LEAK_POSSIBLE] = "reached only over pointers into the middle of blocks",
    [HAT_LEAK_REACHABLE] = "still in use, or at least in reach",
  };
  const HatSnapshotInfo *info = &hat_graph_snapshot (findings->graph)->info;
  g_autofree char *snapshot = hat_report_snapshot_text (info, findings->snapshot);
  g_autofree char *line = hat_plain_name (snapshot, HAT_PLAIN_COLUMNS);
  g_string_append_printf (out, "%s\n", line);
  for (guint c = 0; c < HAT_LEAK_UNFREED; c++)
    {
      if (findings->classes[c].blocks == 0)
        continue;
      hat_plain_column (out, hat_leak_class_name (c), 11);
      hat_plain_bytes_column (out, findings->classes[c].bytes, 11);
      hat_plain_count_column (out, findings->classes[c].blocks, 11);
      g_string_append_printf (out, "  %s\n", words[c]);
    }
}

static void
append_cycles (GString *out, const Findings *findings)
{
  guint n;
  const HatGraphCycle *cycles = findings->graph ? hat_graph_cycles (findings->graph, &n) : NULL;
  const guint n_shown = findings->leaks ? MIN (findings->leaks->n_cycles, TEXT_CYCLES) : 0;
  if (n_shown > 0)
    g_string_append (out, "\nBlocks that hold each other:\n");
  for (guint i = 0; i < n_shown; i++)
    {
      const HatGraphCycle *cycle = &cycles[findings->leaks->cycles[i]];
      g_autofree char *bytes = hat_format_bytes (cycle->bytes);
      g_string_append_printf (out, "\n%4u %9s in %u blocks, %s%s\n", i + 1, bytes, cycle->n_blocks, hat_confidence_name (cycle->confidence),
                              cycle->leak_class == HAT_LEAK_INDIRECT ? "; a lost block holds them" : "");
      g_autofree char *way = hat_graph_cycle_text (findings->graph, cycle);
      if (way)
        {
          g_string_append_printf (out, "%15s", "");
          hat_plain_wrapped (out, way, 15);
        }
      for (guint32 k = 0; k < MIN (cycle->n_blocks, TEXT_CYCLE_BLOCKS); k++)
        {
          HatGraphBlock block;
          hat_graph_block (findings->graph, cycle->blocks[k], &block);
          g_autofree char *label = hat_plain_function (hat_graph_label (findings->graph, cycle->blocks[k]), 36);
          g_autofree char *size = hat_format_bytes (block.size);
          g_string_append_printf (out, "%15s0x%" G_GINT64_MODIFIER "x  %s, %s\n", "", block.address, label, size);
        }
      if (cycle->n_blocks > TEXT_CYCLE_BLOCKS)
        g_string_append_printf (out, "%15sand %u more\n", "", cycle->n_blocks - TEXT_CYCLE_BLOCKS);
    }
  if (findings->leaks && findings->leaks->n_cycles > n_shown)
    g_string_append_printf (out, "\n     and %u more; --json lists all.\n", findings->leaks->n_cycles - n_shown);
}

static void
append_growing (GString *out, const Findings *findings)
{
  if (findings->sites->len == 0)
    {
      if (findings->groups->len > 0)
        g_string_append_printf (out, "\nNothing %skeeps growing.\n", findings->growing->n > 0 ? "else " : "");
      return;
    }
  g_string_append (out, "\nKeeps growing until the end:\n");
  for (guint i = 0; i < findings->sites->len && i < TEXT_GROWING; i++)
    {
      const HatGrowingSite *site = g_ptr_array_index (findings->sites, i);
      g_autofree char *slope = hat_format_signed_bytes ((gint64) CLAMP (site->slope_bytes_per_s, -1e18, 1e18));
      g_autofree char *blocks = hat_format_blocks (site->blocks, hat_error_of (site->blocks_variance));
      g_autofree char *bytes = hat_format_bytes_within (site->bytes, hat_error_of (site->bytes_variance));
      guint n = MIN (site->n_points, 24);
      guint64 points[24];
      for (guint k = 0; k < n; k++)
        points[k] = site->points[(gsize) k * (site->n_points - 1) / MAX (n - 1, 1)];
      g_string_append (out, "\n  ");
      hat_plain_column (out, slope, 12);
      g_string_append (out, "/s  ");
      hat_plain_sparkline (out, points, n);
      g_string_append_printf (out, "  now %s in %s%s\n", bytes, blocks, site->has_stopped ? ", stopped" : "");
      hat_plain_stack (out, findings->trace, site->stack, 15, TEXT_FRAMES);
    }
  if (findings->sites->len > TEXT_GROWING)
    g_string_append_printf (out, "\n  and %u more site%s; --json lists all.\n", findings->sites->len - TEXT_GROWING,
                            hat_plural (findings->sites->len - TEXT_GROWING));
}

/* What there is in all, if no snapshot tells more. */
static void
append_unfreed (GString *out, const Findings *findings)
{
  g_autofree char *bytes = hat_format_bytes_within (findings->classes[HAT_LEAK_UNFREED].bytes,
                                                    hat_error_of (findings->classes[HAT_LEAK_UNFREED].bytes_variance));
  g_autofree char *blocks = hat_format_blocks (findings->classes[HAT_LEAK_UNFREED].blocks, hat_error_of (findings->classes[HAT_LEAK_UNFREED].blocks_variance));
  if (!findings->has_allocated)
    g_string_append (out, "No allocation was seen.\n");
  else if (findings->groups->len == 0)
    g_string_append (out, findings->suppressed ? "Everything else was freed.\n" : "Everything was freed.\n");
  else
    g_string_append_printf (out, "%s: %s in %s from %u place%s.\n",
                            findings->is_replaced ? "Live when another program took its place" : "Never freed at exit",
                            bytes, blocks, findings->groups->len, findings->groups->len == 1 ? "" : "s");
}

static void
append_text (GString *out, const Findings *findings)
{
  const HatProcess *process = hat_trace_process (findings->trace, findings->process);
  g_autofree char *name = hat_plain_name (hat_process_name (process), 16);
  g_autofree char *ended_raw = hat_process_end (findings->trace, findings->process);
  g_autofree char *ended = hat_plain_name (ended_raw, 26);
  g_autofree char *end = hat_format_time (findings->end_ns);
  g_string_append_printf (out, "\nProcess %u: %s (pid %u), %s at %s\n", findings->process, name, process->pid, ended,
                          end);
  if (findings->graph)
    append_classes (out, findings);
  else
    append_unfreed (out, findings);
  if (findings->graph && !findings->has_allocated)
    g_string_append (out, "No allocation was seen.\n");
  else if (findings->graph && findings->groups->len == 0)
    g_string_append (out, findings->suppressed ? "Nothing else is lost.\n" : "Nothing is lost.\n");
  if (findings->suppressed > 0)
    {
      g_autofree char *suppressed_bytes = hat_format_bytes_within (findings->suppressed_bytes,
                                                                   hat_error_of (findings->suppressed_bytes_variance));
      g_autofree char *suppressed_blocks = hat_format_blocks (findings->suppressed_blocks, hat_error_of (findings->suppressed_blocks_variance));
      g_string_append_printf (out, "Suppressed: %s in %s from %u place%s.\n", suppressed_bytes, suppressed_blocks,
                              findings->suppressed, findings->suppressed == 1 ? "" : "s");
    }
  for (guint i = 1; i <= findings->groups->len && i <= TEXT_GROUPS; i++)
    append_group (out, findings, i);
  if (findings->groups->len > TEXT_GROUPS)
    {
      guint64 rest = 0;
      double variance = 0;
      for (guint i = TEXT_GROUPS; i < findings->groups->len; i++)
        {
          const Group *group = &g_array_index (findings->groups, Group, i);
          rest += group->bytes;
          variance += group->bytes_variance;
        }
      g_autofree char *rest_bytes = hat_format_bytes_within (rest, hat_error_of (variance));
      g_string_append_printf (out, "\n     and %u more place%s with %s; --json lists all.\n", findings->groups->len - TEXT_GROUPS,
                              hat_plural (findings->groups->len - TEXT_GROUPS), rest_bytes);
    }
  append_cycles (out, findings);
  append_growing (out, findings);
}

/* What stands before the processes: how much can be known at all. */
static void
append_preface (GString *out, HatTrace *trace, guint first, guint end)
{
  guint n_without = 0;
  for (guint i = first; i < end; i++)
    {
      guint n;
      hat_trace_snapshots (trace, i, &n);
      n_without += n == 0;
    }
  if (n_without == end - first)
    g_string_append (out, "What the program never freed. That is not always a leak: telling lost blocks\n"
                          "from those still in use needs a snapshot, which this recording has none of.\n");
  else if (n_without > 0)
    g_string_append (out, "What is lost. Of processes without a snapshot that is not known: there, what was\n"
                          "never freed is listed, which is not always a leak.\n");
  if (hat_sample_bytes (trace) > 0)
    {
      g_autofree char *rate = hat_format_bytes (hat_sample_bytes (trace));
      g_string_append_printf (out, "Sampled, one in %s. " HAT_SAMPLE_HAS_NO_SNAPSHOT "\n"
                                   "Figures are estimates, right within ± in 95 of 100 recordings; small leaks may be missing by chance.\n",
                              rate);
    }
}

gboolean
hat_report_leaks (HatTrace *trace, const HatLeaksOptions *options, GString *out, guint *out_n_leaks,
                  const HatProgress *progress, GError **error)
{
  guint first, end, n_leaks = 0;
  if (!hat_report_processes (trace, options->process, &first, &end, error))
    return FALSE;
  g_autoptr (HatSuppressions) suppressions = hat_suppressions_new (trace, options->demangle);
  if (options->suppressions && !hat_suppressions_add_file (suppressions, options->suppressions, error))
    return FALSE;
  g_autofree guint8 *suppressed = hat_suppressions_stacks (suppressions, trace);

  HatJson json = { out };
  if (options->json)
    {
      hat_json_begin_object (&json, NULL);
      hat_json_begin_array (&json, "processes");
    }
  else
    append_preface (out, trace, first, end);
  for (guint i = first; i < end; i++)
    {
      g_autoptr (Findings) findings = findings_new (trace, i, options, suppressed, progress, error);
      if (findings == NULL)
        return FALSE;
      n_leaks += count_leaks (findings);
      if (options->json)
        write_json (&json, findings);
      else
        append_text (out, findings);
    }
  if (options->json)
    {
      hat_json_end_array (&json);
      hat_json_end_object (&json);
    }
  *out_n_leaks = n_leaks;
  return TRUE;
}
