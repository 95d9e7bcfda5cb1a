/* SPDX-License-Identifier: Apache-2.0 */

/* The error domain of core and the tick of long work. */

#include "core/trace/error.h"

G_DEFINE_QUARK (hat-error-quark, hat_error)

gboolean
hat_progress_tick (const HatProgress *progress, double share, const char *what, GError **error)
{
  if (progress == NULL || progress->func == NULL || progress->func (share, what, progress->data))
    return TRUE;
  g_set_error (error, HAT_ERROR, HAT_ERROR_CANCELLED, "cancelled while %s", what);
  return FALSE;
}
