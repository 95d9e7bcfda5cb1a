/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What /proc says about a process. Every function copes with a process that is gone or not ours: FALSE or NULL. */

#include <glib.h>

G_BEGIN_DECLS

/* One mapping, as a line of /proc/PID/maps. `path` is "" for an anonymous one; it points into the text that was parsed. */
typedef struct
{
  guint64 start, end;
  guint64 offset, inode; /* of the file */
  gboolean is_readable, is_writable, is_private;
  const char *path;
} HatMapping;

/* The text of /proc/PID/maps; free with g_free. */
char *hat_proc_maps (guint32 pid);
/* Takes the next line off *text (and cuts it up). FALSE at the end. */
gboolean hat_proc_next_mapping (char **text, HatMapping *out_mapping);

/* The text of /proc/PID/statm, and what it says: resident memory in bytes, and the part of it that is shared with others. */
char *hat_proc_statm (guint32 pid);
gboolean hat_proc_parse_memory (const char *statm, guint64 *out_resident, guint64 *out_shared);
char *hat_proc_thread_name (guint32 pid, guint32 tid);
/* Of a process or a zombie: its parent, its start in clock ticks since boot, and for a zombie its wait status (else -1). */
gboolean hat_proc_stat (guint32 pid, guint32 *out_parent, guint64 *out_start, int *out_wait_status);
gboolean hat_proc_has_thread (guint32 pid, guint32 tid);
/* Whether a process that started at or after `since` (clock ticks since boot) has `entry` in its initial environment. `before`: the number of
 * a process that is not younger, since which the system cannot have used up all numbers; 0 = there is none. It makes this cheap. */
gboolean hat_proc_any_with_environment (const char *entry, guint64 since, guint32 before);

G_END_DECLS
