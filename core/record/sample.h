/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Samples of a process' memory: how much is resident, and which regions there are, when they have changed.
 *
 * Thread rule: one thread. */

#include "core/trace/writer.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 rss_bytes; /* of the last sample */
  gint64 last_ns;    /* its time */
  gint64 next_ns;    /* when the next one is due */
  guint n_samples;
  guint64 maps_hash;
} HatSampler;

/* Takes a sample at `time_ns` and writes it if anything changed. `own_bytes`: resident memory that is the recording's. */
void hat_sampler_take (HatSampler *sampler, HatTraceWriter *writer, guint process, guint32 pid, guint64 own_bytes, gint64 time_ns);

/* The same of what a process said about itself at its end: the text of /proc/PID/statm, then that of maps; both are cut up. */
void hat_sampler_take_text (HatSampler *sampler, HatTraceWriter *writer, guint process, char *text, guint64 own_bytes, gint64 time_ns);

/* The regions in the text of /proc/PID/maps (which is cut up), without the recording's own. FALSE: the process does not have the
 * recording's memory mapped, so it is another program by now. */
gboolean hat_sample_regions (char *maps, GArray *regions);

G_END_DECLS
