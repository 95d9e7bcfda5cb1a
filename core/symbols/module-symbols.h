/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All wanted code locations of one module to source frames. */

#include "core/symbols/symbols.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 address; /* to look up, as in the module's headers */
  guint64 shown;   /* what to name if nothing is known */
  guint32 id;      /* the caller's own */
} HatWantedAddress;

/* The address to look up for a frame: a return address belongs to the call before it. */
static inline guint64
hat_frame_address (const HatFrame *frame)
{
  return frame->exact || frame->offset == 0 ? frame->offset : frame->offset - 1;
}

/* The source frames of one wanted address, innermost first; valid during the call. */
typedef void (*HatResolvedFunc) (guint32 id, const HatSourceFrame *frames, guint n, gpointer data);

/* Calls `func` once for each of `wanted`, which it sorts. FALSE only if cancelled. */
gboolean hat_module_resolve (const HatModule *module, const HatSymbolOptions *options, HatWantedAddress *wanted,
                             guint n, HatResolvedFunc func, gpointer data, const HatProgress *progress, GError **error);

G_END_DECLS
