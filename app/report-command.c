/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas report`. */

#include "app/open-trace.h"
#include "core/report/report.h"

static const char description[] =
  "Times T: 1.5s, 250ms, 10us, mark:NAME, peak, start, end.\n"
  "\n"
  "EXPR is METRIC[SCOPE] OP VALUE. METRIC: a key of totals in --json, such as\n"
  "allocations, live_bytes, peak_bytes, temporary. SCOPE, in brackets, may be left\n"
  "out: T1..T2, in:FUNCTION, type:NAME, or several with commas. OP: < <= == != >= >.\n"
  "VALUE: a number, K M G multiply by 1024. With several processes it must hold in\n"
  "each.\n"
  "\n"
  "Examples:\n"
  "  heapatlas report app.heapatlas --by site --top 5\n"
  "  heapatlas report app.heapatlas --from 1s --to mark:loaded --json\n"
  "  heapatlas report app.heapatlas --assert 'peak_bytes<=64M' \\\n"
  "      --assert 'allocations[in:functional_sum]==0'\n"
  "\n"
  "Exit status: 0 done, 1 an assertion failed, 2 wrong use, 3 could not read.";

#define NO_TOP G_MININT /* not given */

typedef struct
{
  HatReportOptions report;
  char *by, *at, *from, *to, **assertions;
  gint process, top;
  gboolean json;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->by);
  g_free (options->at);
  g_free (options->from);
  g_free (options->to);
  g_strfreev (options->assertions);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
check_options (Options *options)
{
  static const HatGrouping offered[] = { HAT_BY_FUNCTION, HAT_BY_SITE, HAT_BY_MODULE, HAT_BY_THREAD, HAT_BY_SIZE, HAT_BY_TYPE };
  if (options->at && (options->from || options->to))
    {
      hat_usage ("report: --at is an instant, --from and --to are a range, give one of them");
      return FALSE;
    }
  if (options->process < -1 || (options->top < 0 && options->top != NO_TOP))
    {
      hat_usage ("report: --process and --top take numbers from 0");
      return FALSE;
    }
  if (options->by == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (offered); i++)
    if (g_str_equal (options->by, hat_grouping_name (offered[i])))
      {
        options->report.by = offered[i];
        return TRUE;
      }
  hat_usage ("report: cannot group by \"%s\", use function, site, module, thread, size or type", options->by);
  return FALSE;
}

/* Every assertion is measured, also after one that failed: the lines are the answer. */
static gboolean
run_assertions (HatTrace *trace, const Options *options, GString *out, gboolean *out_hold, const HatProgress *progress,
                GError **error)
{
  *out_hold = TRUE;
  for (guint i = 0; options->assertions[i]; i++)
    {
      gboolean holds;
      if (!hat_report_assert (trace, options->process, options->assertions[i], &holds, out, progress, error))
        return FALSE;
      *out_hold = *out_hold && holds;
    }
  return TRUE;
}

int
hat_command_report (int argc, char **argv)
{
  g_auto (Options) options = { .process = -1, .top = NO_TOP };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON for programs", NULL },
    { "process", 0, 0, G_OPTION_ARG_INT, &options.process, "Only this process, counted from 0", "N" },
    { "at", 0, 0, G_OPTION_ARG_STRING, &options.at, "The heap at an instant", "T" },
    { "from", 0, 0, G_OPTION_ARG_STRING, &options.from, "Only what happens after T", "T" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &options.to, "Only what happens until T", "T" },
    { "by", 0, 0, G_OPTION_ARG_STRING, &options.by, "Group by function, site, module, thread, size or type", "WHAT" },
    { "top", 0, 0, G_OPTION_ARG_INT, &options.top, "The N most expensive (text: 10, JSON: all)", "N" },
    { "assert", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.assertions,
      "Measure; status 1 if it does not hold; repeatable", "EXPR" },
    { NULL },
  };
  g_autofree char *path = NULL;
  if (!hat_parse_options (argc, argv, entries, "Says who allocated how much, and when.", description, &path)
      || !check_options (&options))
    return HAT_EXIT_USAGE;
  options.report.process = options.process;
  options.report.top = options.top == NO_TOP ? -1 : options.top;
  options.report.json = options.json;
  options.report.at = options.at;
  options.report.from = options.from;
  options.report.to = options.to;

  const HatProgress *progress = hat_terminal_progress ();
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = hat_open_trace (path, progress, &error);
  if (trace == NULL)
    return hat_fail (path, error);
  g_autoptr (GString) out = g_string_new (NULL);
  gboolean hold = TRUE;
  gboolean ok = options.assertions ? run_assertions (trace, &options, out, &hold, progress, &error)
                                   : hat_report (trace, &options.report, out, progress, &error);
  if (!ok)
    return hat_fail (path, error);
  return hat_print (out, hold ? HAT_EXIT_OK : HAT_EXIT_FAILED);
}
