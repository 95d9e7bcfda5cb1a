/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings on disk. */

#include "ui/views/recordings.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define CURVE_POINTS 96u

void
hat_recent_trace_free (HatRecentTrace *recent)
{
  g_free (recent->path);
  g_free (recent->name);
  g_free (recent->points);
  g_free (recent);
}

char *
hat_recordings_folder (void)
{
  char *folder = g_build_filename (g_get_user_data_dir (), "heapatlas", "recordings", NULL);
  g_mkdir_with_parents (folder, 0700);
  return folder;
}

char *
hat_recordings_new_path (const char *program)
{
  g_autofree char *folder = hat_recordings_folder (), *name = g_path_get_basename (program);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *date = g_date_time_format (now, "%Y-%m-%d %H.%M.%S");
  for (guint i = 0;; i++)
    {
      g_autofree char *suffix = i ? g_strdup_printf (" (%u)", i) : g_strdup ("");
      g_autofree char *file = g_strdup_printf ("%s %s%s.heapatlas", name, date, suffix);
      g_autofree char *path = g_build_filename (folder, file, NULL);
      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
}

/* ---- curves ---- */

static char *
curve_path (const char *trace_path)
{
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA1, trace_path, -1);
  g_autofree char *file = g_strconcat (sum, ".curve", NULL);
  return g_build_filename (g_get_user_cache_dir (), "heapatlas", "curves", file, NULL);
}

void
hat_recordings_keep_curve (HatHeap *heap)
{
  HatRange range = { hat_heap_start (heap), hat_heap_end (heap) };
  g_autoptr (HatTimeline) timeline = hat_heap_timeline (heap, range, CURVE_POINTS, HAT_BY_NONE, NULL, NULL);
  if (timeline == NULL)
    return;
  g_autofree char *path = curve_path (hat_trace_path (hat_heap_trace (heap))), *folder = g_path_get_dirname (path);
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < timeline->n_bins; i++)
    g_string_append_printf (text, "%" G_GUINT64_FORMAT "\n", timeline->bins[i].max_bytes);
  if (g_mkdir_with_parents (folder, 0700) == 0)
    g_file_set_contents (path, text->str, text->len, NULL);
}

static void
load_curve (HatRecentTrace *recent)
{
  g_autofree char *path = curve_path (recent->path), *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  g_auto (GStrv) lines = g_strsplit (text, "\n", CURVE_POINTS + 1);
  recent->points = g_new0 (guint64, CURVE_POINTS);
  for (guint i = 0; lines[i] && *lines[i] && i < CURVE_POINTS; i++)
    recent->points[recent->n_points++] = g_ascii_strtoull (lines[i], NULL, 10);
}

/* ---- files ---- */

static HatRecentTrace *
look_at (const char *path, gboolean is_kept_here)
{
  GStatBuf status;
  if (g_stat (path, &status) != 0 || !S_ISREG (status.st_mode))
    return NULL;
  HatRecentTrace *recent = g_new0 (HatRecentTrace, 1);
  g_autofree char *name = g_path_get_basename (path);
  if (g_str_has_suffix (name, ".heapatlas"))
    name[strlen (name) - strlen (".heapatlas")] = '\0';
  recent->path = g_strdup (path);
  recent->name = g_utf8_make_valid (name, -1);
  recent->bytes = status.st_size;
  recent->modified_unix = status.st_mtime;
  recent->is_kept_here = is_kept_here;
  load_curve (recent);
  return recent;
}

static gint
compare_age (gconstpointer a, gconstpointer b)
{
  const HatRecentTrace *x = *(HatRecentTrace *const *) a, *y = *(HatRecentTrace *const *) b;
  return (x->modified_unix < y->modified_unix) - (x->modified_unix > y->modified_unix);
}

GPtrArray *
hat_recordings_list (const char *const *opened, guint64 *out_bytes_here)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) hat_recent_trace_free);
  g_autofree char *folder = hat_recordings_folder ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint64 bytes = 0;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      HatRecentTrace *recent = g_str_has_suffix (name, ".heapatlas") ? look_at (path, TRUE) : NULL;
      if (recent == NULL)
        continue;
      bytes += recent->bytes;
      g_ptr_array_add (list, recent);
    }
  for (guint i = 0; opened && opened[i]; i++)
    {
      HatRecentTrace *recent = g_str_has_prefix (opened[i], folder) ? NULL : look_at (opened[i], FALSE);
      if (recent)
        g_ptr_array_add (list, recent);
    }
  g_ptr_array_sort (list, compare_age);
  if (out_bytes_here)
    *out_bytes_here = bytes;
  return list;
}

gboolean
hat_recordings_delete (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autofree char *curve = curve_path (path);
  if (!g_file_delete (file, NULL, error))
    return FALSE;
  g_unlink (curve);
  return TRUE;
}
