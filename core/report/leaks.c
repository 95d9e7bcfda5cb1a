/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas leaks`: what was never freed and what keeps growing, as text and JSON.
 *
 * Without a snapshot of the heap's contents nobody can say whether a block that was never freed is still reachable; so
 * every group has the class `unfreed`, and both forms say why. */

#include "core/report/report-private.h"

#include "core/heap/format.h"
#include "core/report/suppressions.h"
#include "core/report/plain-text.h"
#include "core/report/sampled.h"

#define TEXT_GROUPS 20
#define TEXT_GROWING 10
#define TEXT_FRAMES 6

static const char why_unfreed[]
  = "never freed; the recording has no snapshot, so whether anything still points to it is not known";

/* The answers for one process, after suppressions. */
typedef struct
{
  HatTrace *trace;
  guint process;
  HatUnfreedGroups *unfreed;
  HatGrowing *growing;
  gint64 end_ns;
  gboolean has_allocated;
  gboolean is_replaced; /* by another image: exec frees everything */
  GPtrArray *groups; /* HatUnfreed, borrowed */
  GPtrArray *sites;  /* HatGrowingSite, borrowed */
  guint64 blocks, bytes;
  double blocks_variance, bytes_variance;
  guint suppressed;
  guint64 suppressed_blocks, suppressed_bytes;
  double suppressed_blocks_variance, suppressed_bytes_variance;
} Findings;

static void
findings_free (Findings *findings)
{
  hat_unfreed_free (findings->unfreed);
  hat_growing_free (findings->growing);
  g_clear_pointer (&findings->groups, g_ptr_array_unref);
  g_clear_pointer (&findings->sites, g_ptr_array_unref);
  g_free (findings);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Findings, findings_free)

static Findings *
findings_new (HatTrace *trace, guint process, const gboolean *suppressed, const HatProgress *progress, GError **error)
{
  g_autoptr (HatHeap) heap = hat_heap_new (trace, process, progress, error);
  if (heap == NULL)
    return NULL;
  g_autoptr (Findings) findings = g_new0 (Findings, 1);
  findings->trace = trace;
  findings->process = process;
  findings->end_ns = hat_heap_end (heap);
  const HatTotals *totals = &hat_heap_summary (heap)->totals;
  findings->has_allocated = totals->allocations + totals->inherited_blocks > 0;
  findings->is_replaced = hat_process_successor (trace, process) != NULL;
  findings->groups = g_ptr_array_new ();
  findings->sites = g_ptr_array_new ();
  findings->unfreed = hat_heap_unfreed (heap, progress, error);
  if (findings->unfreed == NULL)
    return NULL;
  findings->growing = hat_heap_growing (heap, progress, error);
  if (findings->growing == NULL)
    return NULL;
  for (guint i = 0; i < findings->unfreed->n; i++)
    {
      HatUnfreed *group = &findings->unfreed->groups[i];
      gboolean is_suppressed = suppressed && suppressed[group->stack];
      if (!is_suppressed)
        g_ptr_array_add (findings->groups, group);
      findings->suppressed += is_suppressed;
      *(is_suppressed ? &findings->suppressed_blocks : &findings->blocks) += group->blocks;
      *(is_suppressed ? &findings->suppressed_bytes : &findings->bytes) += group->bytes;
      *(is_suppressed ? &findings->suppressed_blocks_variance : &findings->blocks_variance) += group->blocks_variance;
      *(is_suppressed ? &findings->suppressed_bytes_variance : &findings->bytes_variance) += group->bytes_variance;
    }
  for (guint i = 0; i < findings->growing->n; i++)
    if (!suppressed || !suppressed[findings->growing->sites[i].stack])
      g_ptr_array_add (findings->sites, &findings->growing->sites[i]);
  return g_steal_pointer (&findings);
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
write_class (HatJson *json, const char *name, guint64 blocks, guint64 bytes, double blocks_variance, double bytes_variance)
{
  hat_json_begin_object (json, name);
  write_figures (json, blocks, bytes, blocks_variance, bytes_variance);
  hat_json_end_object (json);
}

static void
write_group (HatJson *json, HatTrace *trace, const HatUnfreed *group)
{
  hat_json_begin_object (json, NULL);
  hat_json_string (json, "class", "unfreed");
  write_figures (json, group->blocks, group->bytes, group->blocks_variance, group->bytes_variance);
  hat_json_null (json, "type");
  hat_json_null (json, "confidence");
  hat_json_string (json, "why", why_unfreed);
  hat_json_int (json, "first_ns", group->first_ns);
  hat_json_int (json, "last_ns", group->last_ns);
  hat_json_begin_object (json, "example");
  hat_json_address (json, "address", group->example.address);
  hat_json_uint (json, "size", group->example.size);
  hat_json_end_object (json);
  hat_report_json_stack (json, trace, group->stack);
  hat_json_end_object (json);
}

static void
write_json (HatJson *json, const Findings *findings)
{
  static const char *const unknown_classes[] = { "direct", "indirect", "cycle", "possible", "reachable" };
  HatTrace *trace = findings->trace;
  hat_json_begin_object (json, NULL);
  hat_json_uint (json, "index", findings->process);
  hat_json_uint (json, "pid", hat_trace_process (trace, findings->process)->pid);
  hat_json_null (json, "snapshot");
  hat_json_begin_object (json, "classes");
  for (guint i = 0; i < G_N_ELEMENTS (unknown_classes); i++)
    write_class (json, unknown_classes[i], 0, 0, 0, 0);
  write_class (json, "unfreed", findings->blocks, findings->bytes, findings->blocks_variance, findings->bytes_variance);
  hat_json_end_object (json);
  hat_json_begin_object (json, "suppressed");
  hat_json_uint (json, "groups", findings->suppressed);
  write_figures (json, findings->suppressed_blocks, findings->suppressed_bytes, findings->suppressed_blocks_variance,
                 findings->suppressed_bytes_variance);
  hat_json_end_object (json);
  hat_json_begin_array (json, "groups");
  for (guint i = 0; i < findings->groups->len; i++)
    write_group (json, trace, g_ptr_array_index (findings->groups, i));
  hat_json_end_array (json);
  hat_json_begin_array (json, "cycles");
  hat_json_end_array (json);
  hat_json_begin_array (json, "growing");
  for (guint i = 0; i < findings->sites->len; i++)
    {
      const HatGrowingSite *site = g_ptr_array_index (findings->sites, i);
      hat_json_begin_object (json, NULL);
      hat_json_double (json, "slope_bytes_per_s", site->slope_bytes_per_s);
      write_figures (json, site->blocks, site->bytes, site->blocks_variance, site->bytes_variance);
      hat_report_json_stack (json, trace, site->stack);
      hat_json_end_object (json);
    }
  hat_json_end_array (json);
  hat_json_end_object (json);
}

/* ---- text ---- */

static char *
blocks_text (guint64 blocks, double variance)
{
  g_autofree char *count = hat_format_count_within (blocks, hat_error_of (variance));
  return g_strdup_printf ("%s block%s", count, blocks == 1 ? "" : "s");
}

/* "born 1.2 s to 3.4 s", "born at 1.2 s". */
static char *
birth_text (const HatUnfreed *group)
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
  const HatUnfreed *group = g_ptr_array_index (findings->groups, number - 1);
  g_autofree char *blocks = blocks_text (group->blocks, group->blocks_variance);
  g_autofree char *bytes = hat_format_bytes_within (group->bytes, hat_error_of (group->bytes_variance));
  g_autofree char *when = birth_text (group);
  g_string_append_printf (out, "\n%4u ", number);
  hat_plain_column (out, bytes, group->bytes_variance > 0 ? 22 : 9);
  g_string_append_c (out, ' ');
  hat_plain_percent_column (out, group->bytes, findings->bytes, 6);
  g_string_append (out, "  ");
  hat_plain_bar (out, group->bytes, findings->bytes, 10);
  g_string_append_printf (out, "  %s, %s\n", blocks, when);
  hat_plain_stack (out, findings->trace, group->stack, 15, TEXT_FRAMES);
}

static void
append_growing (GString *out, const Findings *findings)
{
  if (findings->sites->len == 0)
    {
      if (findings->groups->len > 0)
        g_string_append (out, "\nNothing keeps growing.\n");
      return;
    }
  g_string_append (out, "\nKeeps growing until the end:\n");
  for (guint i = 0; i < findings->sites->len && i < TEXT_GROWING; i++)
    {
      const HatGrowingSite *site = g_ptr_array_index (findings->sites, i);
      g_autofree char *slope = hat_format_signed_bytes ((gint64) CLAMP (site->slope_bytes_per_s, -1e18, 1e18));
      g_autofree char *blocks = blocks_text (site->blocks, site->blocks_variance);
      g_autofree char *bytes = hat_format_bytes_within (site->bytes, hat_error_of (site->bytes_variance));
      guint n = MIN (site->n_points, 24);
      guint64 points[24];
      for (guint k = 0; k < n; k++)
        points[k] = site->points[(gsize) k * (site->n_points - 1) / MAX (n - 1, 1)];
      g_string_append (out, "\n  ");
      hat_plain_column (out, slope, 12);
      g_string_append (out, "/s  ");
      hat_plain_sparkline (out, points, n);
      g_string_append_printf (out, "  now %s in %s\n", bytes, blocks);
      hat_plain_stack (out, findings->trace, site->stack, 15, TEXT_FRAMES);
    }
  if (findings->sites->len > TEXT_GROWING)
    g_string_append_printf (out, "\n  and %u more sites; --json lists all.\n", findings->sites->len - TEXT_GROWING);
}

static void
append_text (GString *out, const Findings *findings)
{
  const HatProcess *process = hat_trace_process (findings->trace, findings->process);
  g_autofree char *name = hat_plain_name (hat_process_name (process), 16);
  g_autofree char *ended_raw = hat_process_end (findings->trace, findings->process);
  g_autofree char *ended = hat_plain_name (ended_raw, 26);
  g_autofree char *end = hat_format_time (findings->end_ns);
  g_autofree char *bytes = hat_format_bytes_within (findings->bytes, hat_error_of (findings->bytes_variance));
  g_autofree char *blocks = blocks_text (findings->blocks, findings->blocks_variance);
  g_string_append_printf (out, "\nProcess %u: %s (pid %u), %s at %s\n", findings->process, name, process->pid, ended,
                          end);
  if (!findings->has_allocated)
    g_string_append (out, "No allocation was seen.\n");
  else if (findings->groups->len == 0)
    g_string_append (out, findings->suppressed ? "Everything else was freed.\n" : "Everything was freed.\n");
  else
    g_string_append_printf (out, "%s: %s in %s from %u place%s.\n",
                            findings->is_replaced ? "Live when another program took its place" : "Never freed at exit",
                            bytes, blocks, findings->groups->len, findings->groups->len == 1 ? "" : "s");
  if (findings->suppressed > 0)
    {
      g_autofree char *suppressed_bytes = hat_format_bytes_within (findings->suppressed_bytes,
                                                                   hat_error_of (findings->suppressed_bytes_variance));
      g_autofree char *suppressed_blocks = blocks_text (findings->suppressed_blocks, findings->suppressed_blocks_variance);
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
          const HatUnfreed *group = g_ptr_array_index (findings->groups, i);
          rest += group->bytes;
          variance += group->bytes_variance;
        }
      g_autofree char *rest_bytes = hat_format_bytes_within (rest, hat_error_of (variance));
      g_string_append_printf (out, "\n     and %u more places with %s; --json lists all.\n",
                              findings->groups->len - TEXT_GROUPS, rest_bytes);
    }
  append_growing (out, findings);
}

gboolean
hat_report_leaks (HatTrace *trace, const HatLeaksOptions *options, GString *out, guint *out_n_leaks,
                  const HatProgress *progress, GError **error)
{
  guint first, end, n_leaks = 0;
  if (!hat_report_processes (trace, options->process, &first, &end, error))
    return FALSE;
  g_autofree gboolean *suppressed = NULL;
  if (options->suppressions)
    {
      g_autoptr (HatSuppressions) suppressions = hat_suppressions_load (options->suppressions, error);
      if (suppressions == NULL)
        return FALSE;
      suppressed = hat_suppressions_stacks (suppressions, trace);
    }

  HatJson json = { out };
  if (options->json)
    {
      hat_json_begin_object (&json, NULL);
      hat_json_begin_array (&json, "processes");
    }
  else
    g_string_append (out, "What the program never freed. That is not always a leak: telling lost blocks\n"
                          "from those still in use needs a snapshot, which this recording has none of.\n");
  if (!options->json && hat_sample_bytes (trace) > 0)
    {
      g_autofree char *rate = hat_format_bytes (hat_sample_bytes (trace));
      g_string_append_printf (out, "Sampled, one in %s. " HAT_SAMPLE_HAS_NO_SNAPSHOT "\n"
                                   "Figures are estimates, right within ± in 95 of 100 recordings; small leaks may be missing by chance.\n",
                              rate);
    }
  for (guint i = first; i < end; i++)
    {
      g_autoptr (Findings) findings = findings_new (trace, i, suppressed, progress, error);
      if (findings == NULL)
        return FALSE;
      n_leaks += findings->is_replaced ? 0 : findings->groups->len;
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
