/* SPDX-License-Identifier: Apache-2.0 */

#include "core/report/report-private.h"

/* What a stack is beyond the frames of another one, as its outermost frames have it. */
typedef struct
{
  HatStackId end;        /* the outermost frame's, if that is not the root; else 0 */
  gboolean goes_through; /* code of no file */
} Way;

HatStackQuality
hat_stack_quality (HatTrace *trace, const HatSite *sites, guint n_sites)
{
  guint n_stacks, n_frames, n_modules;
  const HatStackNode *stacks = hat_trace_stacks (trace, &n_stacks);
  const HatFrame *frames = hat_trace_frames (trace, &n_frames);
  hat_trace_modules (trace, &n_modules);
  g_autofree Way *ways = g_new0 (Way, MAX (n_stacks, 2));
  HatStackQuality quality = { .truncated_in = g_new0 (guint64, n_modules + 1) };

  ways[HAT_STACK_TRUNCATED].end = HAT_STACK_TRUNCATED;
  for (guint i = HAT_STACK_TRUNCATED + 1; i < n_stacks; i++)
    {
      const HatFrame *frame = &frames[stacks[i].frame];
      const Way *outer = &ways[stacks[i].parent];
      ways[i] = (Way){ stacks[i].parent == HAT_STACK_TRUNCATED ? i : outer->end,
                       outer->goes_through || (!frame->cut && frame->module >= n_modules) };
    }
  for (guint i = 0; i < n_sites; i++)
    {
      const HatSite *site = &sites[i];
      const guint64 n = site->allocations + site->reallocations;
      const Way *way = &ways[site->stack];
      /* An allocation without any stack is as truncated as can be. */
      if (site->stack != HAT_STACK_NONE && way->end == 0)
        {
          quality.complete += n;
          quality.through_unknown += way->goes_through ? n : 0;
          continue;
        }
      quality.truncated += n;
      quality.truncated_in[way->end > HAT_STACK_TRUNCATED ? MIN (frames[stacks[way->end].frame].module, n_modules) : n_modules] += n;
    }
  return quality;
}

void
hat_stack_quality_clear (HatStackQuality *quality)
{
  g_clear_pointer (&quality->truncated_in, g_free);
}
