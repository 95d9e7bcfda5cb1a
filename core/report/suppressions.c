/* SPDX-License-Identifier: Apache-2.0 */
/* Suppressions of known leaks. */

#include "core/report/suppressions.h"

#include "core/graph/pattern.h"
#include "core/report/function-name.h"

#include <string.h>

struct _HatSuppressions
{
  GPtrArray *patterns;
};

HatSuppressions *
hat_suppressions_parse (const char *text, const char *path, GError **error)
{
  g_autoptr (HatSuppressions) suppressions = g_new0 (HatSuppressions, 1);
  suppressions->patterns = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    {
      char *line = g_strstrip (lines[i]);
      if (*line == '\0' || *line == '#')
        continue;
      if (!g_str_has_prefix (line, "leak:") || line[5] == '\0')
        {
          g_autofree char *shown = g_utf8_make_valid (line, MIN (strlen (line), 60));
          g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "%s:%u: \"%s\" is no suppression, write leak:PATTERN", path,
                       i + 1, shown);
          return NULL;
        }
      g_ptr_array_add (suppressions->patterns, g_strdup (line + 5));
    }
  return g_steal_pointer (&suppressions);
}

HatSuppressions *
hat_suppressions_load (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) local_error = NULL;
  if (!g_file_get_contents (path, &text, NULL, &local_error))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "suppressions: %s", local_error->message);
      return NULL;
    }
  return hat_suppressions_parse (text, path, error);
}

void
hat_suppressions_free (HatSuppressions *suppressions)
{
  if (suppressions == NULL)
    return;
  g_clear_pointer (&suppressions->patterns, g_ptr_array_unref);
  g_free (suppressions);
}

gboolean
hat_suppressions_match (const HatSuppressions *suppressions, const char *text)
{
  for (guint i = 0; i < suppressions->patterns->len; i++)
    if (hat_pattern_found (g_ptr_array_index (suppressions->patterns, i), text))
      return TRUE;
  return FALSE;
}

static gboolean
frame_matches (const HatSourceFrame *frame, const char *module, gpointer data)
{
  const HatSuppressions *suppressions = data;
  return hat_suppressions_match (suppressions, frame->function)
         || (frame->file && hat_suppressions_match (suppressions, frame->file))
         || (module && *module && hat_suppressions_match (suppressions, module));
}

gboolean *
hat_suppressions_stacks (const HatSuppressions *suppressions, HatTrace *trace)
{
  return hat_stacks_through (trace, frame_matches, (gpointer) suppressions);
}
