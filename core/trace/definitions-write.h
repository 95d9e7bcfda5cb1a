/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Payloads of the chunks that define things. Each function appends one whole payload; definitions-read.c is the mirror. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"
#include "core/trace/type-table.h"

G_BEGIN_DECLS

typedef struct
{
  guint32 index;
  guint32 tid;
  const char *name;
} HatThreadRecord;

/* Sites of a summary, as far as they have been written. All zero: none. */
#define HAT_N_SITE_COLUMNS 12u
typedef struct
{
  HatBytes columns[HAT_N_SITE_COLUMNS];
  guint n;
  HatStackId last;
} HatSiteColumns;

void hat_write_notes (HatBytes *out, const HatNote *notes, guint n);
void hat_write_process (HatBytes *out, const HatProcess *process);
void hat_write_end_process (HatBytes *out, const HatProcess *end);
void hat_write_threads (HatBytes *out, const HatThreadRecord *threads, guint n);
void hat_write_modules (HatBytes *out, guint first, const HatModule *modules, guint n);
void hat_write_frames (HatBytes *out, guint first, const HatFrame *frames, guint n);
void hat_write_stacks (HatBytes *out, guint first, const HatStackNode *stacks, guint n);
void hat_write_mark (HatBytes *out, const char *name, gint64 time_ns);
void hat_write_sample (HatBytes *out, const HatSample *sample);
/* Behind those that were written before. Room is made for `n` at once: a few hundred. */
void hat_write_sites (HatSiteColumns *out, const HatSite *sites, guint n);
void hat_site_columns_clear (HatSiteColumns *sites);
/* The summary's own sites are not looked at. Clears `sites`. */
void hat_write_summary (HatBytes *out, const HatSummary *summary, HatSiteColumns *sites);
/* type-table.c */
void hat_write_types (HatBytes *out, const HatKeptType *types, guint n);
void hat_write_stack_types (HatBytes *out, const HatStackType *types, guint n);

G_END_DECLS
