/* SPDX-License-Identifier: Apache-2.0 */
/* `report --assert METRIC['['SCOPE']'] OP VALUE`. SCOPE: T1..T2, in:FUNCTION, type:NAME, joined by commas. */

#include "core/report/report-private.h"
#include "core/trace/type-table.h"
#include "core/types/types.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"
#include "core/report/function-name.h"
#include "core/report/plain-text.h"

#include <string.h>

/* A key of totals, and the same of a site where sites have it. */
typedef struct
{
  const char *name;
  gsize totals_offset;
  gssize site_offset; /* -1: makes no sense for a part of the stacks */
  gboolean is_bytes;
} Metric;

#define TOTAL(field) G_STRUCT_OFFSET (HatTotals, field)
#define SITE(field) G_STRUCT_OFFSET (HatSite, field)

/* All of them are 64 bits wide; what fits both gint64 and guint64 in practice is compared as gint64. */
static const Metric metrics[] = {
  { "allocations", TOTAL (allocations), SITE (allocations), FALSE },
  { "frees", TOTAL (frees), SITE (frees), FALSE },
  { "reallocations", TOTAL (reallocations), SITE (reallocations), FALSE },
  { "bytes_allocated", TOTAL (bytes_allocated), SITE (bytes), TRUE },
  { "bytes_freed", TOTAL (bytes_freed), SITE (bytes_freed), TRUE },
  { "realloc_delta_bytes", TOTAL (realloc_delta_bytes), SITE (realloc_delta_bytes), TRUE },
  { "inherited_blocks", TOTAL (inherited_blocks), -1, FALSE },
  { "inherited_bytes", TOTAL (inherited_bytes), -1, TRUE },
  { "live_blocks", TOTAL (live_blocks), SITE (live_blocks), FALSE },
  { "live_bytes", TOTAL (live_bytes), SITE (live_bytes), TRUE },
  { "peak_bytes", TOTAL (peak_bytes), SITE (peak_bytes), TRUE },
  { "peak_time_ns", TOTAL (peak_time_ns), -1, FALSE },
  { "temporary", TOTAL (temporary), SITE (temporary), FALSE },
  { "unknown_frees", TOTAL (unknown_frees), -1, FALSE },
  { "missed_frees", TOTAL (missed_frees), -1, FALSE },
  { "lost_events", TOTAL (lost_events), -1, FALSE },
};

typedef enum
{
  OP_LESS,
  OP_LESS_EQUAL,
  OP_EQUAL,
  OP_NOT_EQUAL,
  OP_GREATER_EQUAL,
  OP_GREATER,
} Op;

static const char *const op_names[] = { "<", "<=", "==", "!=", ">=", ">" };

typedef struct
{
  const Metric *metric;
  char *from, *to;  /* or NULL */
  char *function;   /* or NULL */
  char *type;       /* or NULL */
  Op op;
  gint64 value;
} Assertion;

static void
assertion_free (Assertion *assertion)
{
  g_free (assertion->from);
  g_free (assertion->to);
  g_free (assertion->function);
  g_free (assertion->type);
  g_free (assertion);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Assertion, assertion_free)

/* ---- parsing ---- */

static gboolean
parse_metric (Assertion *assertion, const char *name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    if (g_str_equal (metrics[i].name, name))
      {
        assertion->metric = &metrics[i];
        return TRUE;
      }
  g_autofree char *shown = hat_plain_name (name, 40);
  g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE,
               "\"%s\" is no metric, use a key of totals such as live_bytes or allocations", shown);
  return FALSE;
}

static gboolean
parse_scope_part (Assertion *assertion, const char *part, GError **error)
{
  const char *dots = strstr (part, "..");
  if (g_str_has_prefix (part, "type:") && part[5] != '\0' && assertion->type == NULL)
    {
      assertion->type = g_strdup (part + 5);
      return TRUE;
    }
  if (g_str_has_prefix (part, "in:") && part[3] != '\0' && assertion->function == NULL)
    {
      assertion->function = g_strdup (part + 3);
      return TRUE;
    }
  else if (dots && dots > part && dots[2] != '\0' && assertion->from == NULL)
    {
      assertion->from = g_strndup (part, dots - part);
      assertion->to = g_strdup (dots + 2);
      return TRUE;
    }
  else
    g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "\"%s\" is no scope, use T1..T2, in:FUNCTION or type:NAME, each once", part);
  return FALSE;
}

/* Splits at the commas outside of brackets: template arguments have their own. */
static gboolean
parse_scope (Assertion *assertion, const char *scope, GError **error)
{
  int depth = 0;
  const char *start = scope;
  for (const char *c = scope;; c++)
    {
      if (*c != '\0' && strchr ("<({[", *c))
        depth++;
      else if (*c != '\0' && strchr (">)}]", *c))
        depth = MAX (depth - 1, 0);
      else if (*c == '\0' || (*c == ',' && depth == 0))
        {
          g_autofree char *raw = g_strndup (start, c - start);
          if (!parse_scope_part (assertion, g_strstrip (raw), error))
            return FALSE;
          if (*c == '\0')
            return TRUE;
          start = c + 1;
        }
    }
}

static gboolean
parse_value (Assertion *assertion, const char *text, GError **error)
{
  gboolean is_negative = *text == '-';
  guint64 value;
  if (!hat_parse_bytes (text + is_negative, &value, NULL) || value > G_MAXINT64)
    {
      g_autofree char *shown = hat_plain_name (text, 40);
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "\"%s\" is no value, use a number such as 1000 or 64M", shown);
      return FALSE;
    }
  assertion->value = is_negative ? -(gint64) value : (gint64) value;
  return TRUE;
}

/* Sets *out_length to that of the operator at `text`, 0 if there is none. */
static Op
find_op (const char *text, gsize *out_length)
{
  Op found = OP_LESS;
  *out_length = 0;
  for (guint i = 0; i < G_N_ELEMENTS (op_names); i++)
    if (g_str_has_prefix (text, op_names[i]) && strlen (op_names[i]) > *out_length)
      {
        found = i;
        *out_length = strlen (op_names[i]);
      }
  return found;
}

static Assertion *
parse (const char *expression, GError **error)
{
  g_autoptr (Assertion) assertion = g_new0 (Assertion, 1);
  expression += strspn (expression, " ");
  gsize n = strspn (expression, "abcdefghijklmnopqrstuvwxyz_");
  g_autofree char *name = g_strndup (expression, n);
  const char *rest = expression + n;
  if (!parse_metric (assertion, name, error))
    return NULL;
  if (*rest == '[')
    {
      /* Functions may hold brackets and operators; the scope ends at the last bracket. */
      const char *close = strrchr (rest, ']');
      if (close == NULL)
        {
          g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "the ] of the scope is missing");
          return NULL;
        }
      g_autofree char *scope = g_strndup (rest + 1, close - rest - 1);
      if (!parse_scope (assertion, scope, error))
        return NULL;
      rest = close + 1;
    }
  rest += strspn (rest, " ");
  gsize length;
  assertion->op = find_op (rest, &length);
  if (length == 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "expected one of < <= == != >= > after %s",
                   assertion->metric->name);
      return NULL;
    }
  rest += length;
  g_autofree char *value = g_strstrip (g_strdup (rest));
  if (!parse_value (assertion, value, error))
    return NULL;
  if ((assertion->function || assertion->type) && assertion->metric->site_offset < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "%s is known for whole processes only, not in:FUNCTION or type:NAME",
                   assertion->metric->name);
      return NULL;
    }
  return g_steal_pointer (&assertion);
}

/* ---- measuring ---- */

static gboolean
frame_is_in (const HatSourceFrame *frame, const char *module, gpointer data)
{
  return hat_function_name_matches (data, frame->function);
}

static gboolean
is_of_type (HatTrace *trace, const HatSite *site, const char *name)
{
  guint n;
  const HatBlockType *type = hat_site_type (trace, site);
  return type && hat_type_name_is (hat_trace_types (trace, &n)[type->type].type.name, name);
}

static gint64
sum_sites (const Assertion *assertion, HatTrace *trace, const HatSites *sites, const gboolean *through)
{
  gint64 sum = 0;
  for (guint i = 0; i < sites->n; i++)
    if ((!through || through[sites->sites[i].stack]) && (!assertion->type || is_of_type (trace, &sites->sites[i], assertion->type)))
      sum += G_STRUCT_MEMBER (gint64, &sites->sites[i], assertion->metric->site_offset);
  return sum;
}

static gboolean
measure (const Assertion *assertion, HatTrace *trace, guint process, const gboolean *through, gint64 *out_value,
         const HatProgress *progress, GError **error)
{
  g_autoptr (HatHeap) heap = hat_heap_new (trace, process, progress, error);
  HatRange range;
  if (heap == NULL || !hat_report_range (heap, assertion->from, assertion->to, &range, error))
    return FALSE;
  if (through || assertion->type)
    {
      g_autoptr (HatSites) sites = hat_heap_sites (heap, range, progress, error);
      if (sites == NULL)
        return FALSE;
      *out_value = sum_sites (assertion, trace, sites, through);
      return TRUE;
    }
  HatTotals totals;
  if (!hat_heap_totals (heap, range, &totals, progress, error))
    return FALSE;
  *out_value = G_STRUCT_MEMBER (gint64, &totals, assertion->metric->totals_offset);
  return TRUE;
}

static gboolean
holds (gint64 measured, Op op, gint64 value)
{
  switch (op)
    {
    case OP_LESS:
      return measured < value;
    case OP_LESS_EQUAL:
      return measured <= value;
    case OP_EQUAL:
      return measured == value;
    case OP_NOT_EQUAL:
      return measured != value;
    case OP_GREATER_EQUAL:
      return measured >= value;
    case OP_GREATER:
      return measured > value;
    }
  g_assert_not_reached ();
}

/* "holds: EXPRESSION (measured 12; process 0, sh)". */
static void
append_result (GString *out, HatTrace *trace, guint process, const char *expression, const Assertion *assertion,
               gint64 measured, gboolean does_hold)
{
  g_autofree char *shown = hat_plain_name (expression, 200);
  g_string_append_printf (out, "%s: %s (measured %" G_GINT64_FORMAT, does_hold ? "holds" : "FAILS", shown, measured);
  if (assertion->metric->is_bytes && ABS (measured) >= 1024)
    {
      g_autofree char *bytes = measured < 0 ? hat_format_signed_bytes (measured) : hat_format_bytes (measured);
      g_string_append_printf (out, " = %s", bytes);
    }
  if (hat_trace_n_processes (trace) > 1)
    {
      g_autofree char *name = hat_plain_name (hat_process_name (hat_trace_process (trace, process)), 30);
      g_string_append_printf (out, "; process %u, %s", process, name);
    }
  g_string_append (out, ")\n");
}

static gboolean
is_type_seen (HatTrace *trace, const char *name)
{
  guint n_types, n;
  const HatKeptType *types = hat_trace_types (trace, &n_types);
  const HatStackType *stacks = hat_trace_stack_types (trace, &n);
  for (guint i = 0; i < n; i++)
    if (hat_type_name_is (types[stacks[i].type.type].type.name, name))
      return TRUE;
  return FALSE;
}

gboolean
hat_report_assert (HatTrace *trace, gint process, const char *expression, gboolean *out_holds, GString *out,
                   const HatProgress *progress, GError **error)
{
  g_autoptr (Assertion) assertion = parse (expression, error);
  guint first, end, n_stacks;
  if (assertion == NULL || !hat_report_processes (trace, process, &first, &end, error))
    {
      g_prefix_error (error, "assertion \"%s\": ", expression);
      return FALSE;
    }
  if (hat_sample_bytes (trace) > 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "assertion \"%s\": this is a sample, and an assertion needs every block; record without --sample",
                   expression);
      return FALSE;
    }
  g_autofree gboolean *through = NULL;
  if (assertion->function)
    {
      g_autoptr (HatFunctionName) name = hat_function_name_new (assertion->function);
      through = hat_stacks_through (trace, frame_is_in, name);
      hat_trace_stacks (trace, &n_stacks);
      gboolean is_seen = FALSE;
      for (guint i = 0; i < n_stacks && !is_seen; i++)
        is_seen = through[i];
      /* Zero is then true of a misspelt name, too. */
      if (!is_seen)
        {
          g_autofree char *shown = hat_plain_name (assertion->function, 50);
          g_string_append_printf (out, "note: no recorded stack passes through %s\n", shown);
        }
    }
  hat_trace_stack_types (trace, &n_stacks);
  if (assertion->type && n_stacks == 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "assertion \"%s\": no types are known: build the program with -g, or use in:FUNCTION", expression);
      return FALSE;
    }
  if (assertion->type && !is_type_seen (trace, assertion->type))
    {
      g_autofree char *shown = hat_plain_name (assertion->type, 50);
      g_string_append_printf (out, "note: no recorded stack makes blocks of type %s\n", shown);
    }
  *out_holds = TRUE;
  for (guint i = first; i < end; i++)
    {
      gint64 measured;
      if (!measure (assertion, trace, i, through, &measured, progress, error))
        {
          g_prefix_error (error, "assertion \"%s\": ", expression);
          return FALSE;
        }
      gboolean does_hold = holds (measured, assertion->op, assertion->value);
      *out_holds = *out_holds && does_hold;
      append_result (out, trace, i, expression, assertion, measured, does_hold);
    }
  return TRUE;
}
