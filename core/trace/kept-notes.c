/* SPDX-License-Identifier: Apache-2.0 */

/* Notes of traces that cannot be written (law 11): in the user's data folder, a file for each trace id. It holds keys and values
 * in turn, each with a NUL behind it; the last one may be cut. */

#include "core/trace/trace-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *
kept_path (HatTrace *trace)
{
  g_autofree char *name = g_strconcat (hat_trace_id (trace), ".notes", NULL);
  return g_build_filename (g_get_user_data_dir (), "heapatlas", "notes", name, NULL);
}

static gboolean
keep_elsewhere (HatTrace *trace, const HatNote *note, GError **error)
{
  g_autofree char *path = kept_path (trace), *folder = g_path_get_dirname (path);
  g_autoptr (GString) bytes = g_string_new (note->key);

  g_string_append_len (bytes, "", 1);
  g_string_append_len (bytes, note->value, (gssize) strlen (note->value) + 1);
  g_mkdir_with_parents (folder, 0700);
  const int fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const gboolean is_kept = fd >= 0 && write (fd, bytes->str, bytes->len) == (gssize) bytes->len;
  if (!is_kept)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "%s: could not keep a note: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return is_kept;
}

gboolean
hat_trace_keep_note (HatTrace *trace, const HatNote *note, GError **error)
{
  return hat_trace_append_notes (hat_trace_path (trace), note, 1, NULL) || keep_elsewhere (trace, note, error);
}

void
hat_trace_take_kept_notes (HatTrace *trace)
{
  g_autofree char *path = kept_path (trace), *bytes = NULL;
  gsize length;

  if (!g_file_get_contents (path, &bytes, &length, NULL))
    return;
  for (const char *at = bytes, *end = bytes + length; at < end;)
    {
      const char *value = memchr (at, 0, (gsize) (end - at));
      const char *next = value ? memchr (value + 1, 0, (gsize) (end - value - 1)) : NULL;
      if (next == NULL)
        return;
      const HatNote note = { hat_store_string (trace->store, at), hat_store_string (trace->store, value + 1) };
      hat_list_append (&trace->notes, sizeof (note), &note);
      at = next + 1;
    }
}
