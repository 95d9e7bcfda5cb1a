/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Parts of reports that only a sampled recording has. */

#include "core/heap/estimate.h"
#include "core/report/json.h"

G_BEGIN_DECLS

/* The figures and the tables of one process, `top` rows each; `groups` are by `by`, sites with their stacks. */
void hat_sampled_text (GString *out, HatTrace *trace, const HatSites *sites, const HatGroups *groups, HatGrouping by, guint top);
/* "estimates": an object of values and their errors. */
void hat_sampled_json (HatJson *json, const HatSite *figures, const HatSiteVariance *variance);

G_END_DECLS
