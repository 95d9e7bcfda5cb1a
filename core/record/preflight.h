/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can be known about a program before it is started: where it is, whether it can be recorded, and if not, why. */

#include "core/trace/error.h"

G_BEGIN_DECLS

#define HAT_RECORD_FAILED 125
#define HAT_RECORD_REFUSED 126
#define HAT_RECORD_NOT_FOUND 127

typedef struct
{
  char *path;        /* what to execute */
  char *warning;     /* one line without a full stop, or NULL: it can be recorded, but not all of it */
  gboolean is_plain_script; /* no ELF file and no #! line: execvp would hand it to /bin/sh, and so do we */
} HatPreflight;

/* Looks `program` up as execvp would, with the PATH of `env`, from `directory` (NULL: the current one). On failure *out_status is
 * HAT_RECORD_REFUSED or HAT_RECORD_NOT_FOUND and the error is the whole line to show. */
gboolean hat_preflight (const char *program, const char *const *env, const char *directory, HatPreflight *out_preflight,
                        int *out_status, GError **error);
void hat_preflight_clear (HatPreflight *preflight);

G_END_DECLS
