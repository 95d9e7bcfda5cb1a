/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading /proc. */

#include "core/record/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *
read_file (guint32 pid, const char *name, gsize *out_length)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/%s", pid, name);
  char *text;
  return g_file_get_contents (path, &text, out_length, NULL) ? text : NULL;
}

char *
hat_proc_maps (guint32 pid)
{
  return read_file (pid, "maps", NULL);
}

gboolean
hat_proc_next_mapping (char **text, HatMapping *out_mapping)
{
  char *line = *text;
  char *end = strchr (line, '\n');

  if (end == NULL)
    return FALSE;
  *end = 0;
  *text = end + 1;
  char *rest;
  out_mapping->start = g_ascii_strtoull (line, &rest, 16);
  out_mapping->end = *rest == '-' ? g_ascii_strtoull (rest + 1, &rest, 16) : 0;
  if (*rest == ' ')
    rest++;
  out_mapping->is_readable = rest[0] == 'r';
  out_mapping->is_writable = rest[0] && rest[1] == 'w';
  out_mapping->is_private = strcspn (rest, " ") == 4 && rest[3] == 'p';
  out_mapping->inode = 0;
  out_mapping->offset = strchr (rest, ' ') ? g_ascii_strtoull (strchr (rest, ' ') + 1, NULL, 16) : 0;
  for (guint field = 0; field < 4 && *rest; field++) /* protection, offset, device, inode */
    {
      if (field == 3)
        out_mapping->inode = g_ascii_strtoull (rest, NULL, 10);
      rest += strcspn (rest, " ");
      rest += strspn (rest, " ");
    }
  out_mapping->path = rest;
  return TRUE;
}

char *
hat_proc_statm (guint32 pid)
{
  return read_file (pid, "statm", NULL);
}

gboolean
hat_proc_parse_memory (const char *statm, guint64 *out_resident, guint64 *out_shared)
{
  unsigned long size, resident, shared;

  if (sscanf (statm, "%lu %lu %lu", &size, &resident, &shared) != 3 || size == 0)
    return FALSE;
  const guint64 page = sysconf (_SC_PAGESIZE);
  *out_resident = resident * page;
  *out_shared = shared * page;
  return TRUE;
}

char *
hat_proc_thread_name (guint32 pid, guint32 tid)
{
  g_autofree char *file = g_strdup_printf ("task/%u/comm", tid);
  char *name = read_file (pid, file, NULL);
  return name ? g_strchomp (name) : NULL;
}

/* The `n`th of the fields that begin at `text`, from 0; "" if there are not so many. */
static const char *
field (const char *text, guint n)
{
  for (; n > 0 && *text; n--)
    {
      text += strcspn (text, " ");
      text += *text == ' ';
    }
  return text;
}

/* Every process may be asked for this at the end of a recording: hence without detours. */
gboolean
hat_proc_stat (guint32 pid, guint32 *out_parent, guint64 *out_start, int *out_wait_status)
{
  char path[32], text[2048];

  g_snprintf (path, sizeof path, "/proc/%u/stat", pid);
  const int fd = open (path, O_RDONLY | O_CLOEXEC);
  const gssize length = fd < 0 ? -1 : read (fd, text, sizeof text - 1);
  if (fd >= 0)
    close (fd);
  if (length <= 0)
    return FALSE;
  text[length] = 0;
  /* The name in parentheses may hold anything, parentheses too. */
  const char *rest = strrchr (text, ')');
  if (rest == NULL || strlen (rest) < 4)
    return FALSE;
  rest += 2; /* field 3 of proc(5) */
  const char *start = field (rest, 19), *status = field (rest, 49);
  if (*start == 0)
    return FALSE;
  if (out_parent)
    *out_parent = g_ascii_strtoull (field (rest, 1), NULL, 10);
  if (out_start)
    *out_start = g_ascii_strtoull (start, NULL, 10);
  if (out_wait_status)
    *out_wait_status = *rest == 'Z' && *status ? (int) g_ascii_strtoll (status, NULL, 10) : -1;
  return TRUE;
}

gboolean
hat_proc_has_thread (guint32 pid, guint32 tid)
{
  return syscall (SYS_tgkill, pid, tid, 0) == 0 || errno != ESRCH;
}

static gboolean
has_environment (guint32 pid, const char *entry, guint64 since)
{
  guint64 start;
  gsize length = 0;
  g_autofree char *environment = NULL;

  if (!hat_proc_stat (pid, NULL, &start, NULL) || start < since)
    return FALSE;
  environment = read_file (pid, "environ", &length);
  for (gsize at = 0; environment && at < length; at += strlen (environment + at) + 1)
    if (strncmp (environment + at, entry, strlen (entry) + 1) == 0)
      return TRUE;
  return FALSE;
}

/* The number that the system gave to a process or a thread last; they ascend, and start over at the end. */
static guint32
last_number (void)
{
  g_autofree char *text = NULL;
  const char *last = g_file_get_contents ("/proc/loadavg", &text, NULL, NULL) ? strrchr (text, ' ') : NULL;
  return last ? g_ascii_strtoull (last + 1, NULL, 10) : 0;
}

gboolean
hat_proc_any_with_environment (const char *entry, guint64 since, guint32 before)
{
  const guint32 last = before > 0 ? last_number () : 0;
  g_autoptr (GDir) folder = last < before || before == 0 ? g_dir_open ("/proc", 0, NULL) : NULL;
  const char *name;

  for (guint32 pid = before; folder == NULL && pid < last; pid++)
    if (has_environment (pid + 1, entry, since))
      return TRUE;
  while (folder && (name = g_dir_read_name (folder)))
    {
      const guint32 pid = g_ascii_strtoull (name, NULL, 10);
      if (pid > 0 && has_environment (pid, entry, since))
        return TRUE;
    }
  return FALSE;
}
