/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a sampled recording's reports say: estimates with their errors instead of counts. */

#include "core/heap/estimate.h"
#include "core/report/json.h"

G_BEGIN_DECLS

/* "one block for every 512 KiB allocated", the words for it. */
char *hat_sampled_rate (HatTrace *trace);

/* The figures and the tables of functions (with `by_site`, stacks) of one process, `top` rows each. */
void hat_sampled_text (GString *out, HatTrace *trace, const HatSampled *sampled, gboolean by_site, guint top);
/* "estimates": an object of values and their errors. */
void hat_sampled_json (HatJson *json, const HatEstimates *estimates);

G_END_DECLS
