/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Starting the target: in the recorder's process group, with its standard streams, signals and mask, and with the hook preloaded. */

#include <sys/types.h>

#include "core/record/preflight.h"
#include "core/record/session.h"

G_BEGIN_DECLS

typedef struct
{
  pid_t pid;
  int channel; /* to the child, which waits for hat_launch_go() */
} HatLaunch;

/* Path of the hook library: next to this build, or installed. Error: IO. */
char *hat_launch_find_hook (GError **error);

/* Forks the child, which waits. Call while the recorder has one thread and has not touched its signals yet. */
gboolean hat_launch (const HatPreflight *program, const char *const *argv, const char *const *env, const char *directory,
                     const char *hook, HatSession *session, HatLaunch *out_launch, GError **error);

/* Lets the child become the program, which may be running when it returns. */
void hat_launch_go (HatLaunch *launch);
/* Whether it has. On failure the child is gone, and *out_status is the exit status to give. */
gboolean hat_launch_wait (HatLaunch *launch, const char *program, int *out_status, GError **error);

/* Ends a child that has not become the program yet. */
void hat_launch_cancel (HatLaunch *launch);

G_END_DECLS
