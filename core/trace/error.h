/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one error domain of core, and the one way to follow or cancel long work. */

#include <glib.h>

#define HAT_ERROR (hat_error_quark ())

typedef enum
{
  HAT_ERROR_IO,          /* could not read or write; errno's text is in the message */
  HAT_ERROR_NOT_A_TRACE, /* the file is something else */
  HAT_ERROR_VERSION,     /* a newer format */
  HAT_ERROR_DAMAGED,     /* a check failed; the message has the offset */
  HAT_ERROR_TOO_LARGE,
  HAT_ERROR_CANCELLED,
  HAT_ERROR_NO_DEBUG_INFO,
  HAT_ERROR_USAGE,   /* a wrong argument */
  HAT_ERROR_REFUSED, /* the program cannot be recorded, and why */
} HatError;

GQuark hat_error_quark (void);

/* Called now and then by long work, from the thread that does it, with the share done (0 to 1) and a short English
 * label ("resolving symbols"). Returns FALSE to cancel: the work then fails with HAT_ERROR_CANCELLED. */
typedef gboolean (*HatProgressFunc) (double share, const char *what, gpointer data);

typedef struct
{
  HatProgressFunc func;
  gpointer data;
} HatProgress; /* NULL is allowed wherever one is taken: no reports, no cancelling */

/* TRUE to go on; else sets HAT_ERROR_CANCELLED and returns FALSE. */
gboolean hat_progress_tick (const HatProgress *progress, double share, const char *what, GError **error);
