/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One question to the model at a time, answered by a worker thread; a new one replaces the one before, and only the
 * answer to the latest is delivered. A short one that already runs is allowed to finish (so that dragging shows every
 * step it can), a long one is cancelled.
 *
 * Main thread, except for HatQueryFunc. */

#include "ui/views/view-state.h"

G_BEGIN_DECLS

typedef struct _HatQuery HatQuery;

/* In the worker thread: the answer, or NULL with an error. */
typedef gpointer (*HatQueryFunc) (const HatQuestion *question, gpointer extra, const HatProgress *progress,
                                  GError **error);
/* In the main thread; takes over `answer`. One of answer and error is NULL. Never called after hat_query_free(). */
typedef void (*HatQueryDone) (gpointer owner, gpointer answer, const GError *error);

typedef struct
{
  HatQueryFunc func;
  HatQueryDone done;
  GDestroyNotify free_answer;
  GDestroyNotify free_extra; /* may be NULL */
} HatQueryKind;

HatQuery *hat_query_new (gpointer owner);
void hat_query_free (HatQuery *query);
/* Takes over `question` and `extra`. `kind` must outlive the query (make it static). */
void hat_query_run (HatQuery *query, const HatQueryKind *kind, HatQuestion *question, gpointer extra);
void hat_query_cancel (HatQuery *query);
gboolean hat_query_is_busy (HatQuery *query);
/* What nobody looks at stands back while all processors are busy with what somebody does. 0, at first: goes before all others. */
void hat_query_set_rank (HatQuery *query, guint rank);
/* What it is doing, and how far it is; NULL: nothing that takes long. g_free it. */
char *hat_query_doing (HatQuery *query);

/* How far the slowest running query of the program is, if any has been running for a while: for the bar in the
 * corner. `out_what` may be NULL; g_free it. */
gboolean hat_query_activity (double *out_share, char **out_what);
void hat_query_cancel_all (void);

G_END_DECLS
