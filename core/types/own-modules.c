/* SPDX-License-Identifier: Apache-2.0 */
/* The types of a recorded process: of its executable and of the libraries that came with it, not of the system's. */

#include "core/types/types.h"

gboolean
hat_types_is_of_system (const char *path)
{
  return g_str_has_prefix (path, "/usr/lib") || g_str_has_prefix (path, "/lib"); /* "/usr/libexec", too */
}

/* Modules are listed per recording: one that is the executable of another process only is none of this one's. */
static gboolean
is_own (HatTrace *trace, guint process, const HatModule *module)
{
  if (!module->path || module->path[0] != '/')
    return FALSE;
  if (g_strcmp0 (module->path, hat_trace_process (trace, process)->exe) == 0)
    return TRUE;
  for (guint i = 0; i < hat_trace_n_processes (trace); i++)
    if (g_strcmp0 (module->path, hat_trace_process (trace, i)->exe) == 0)
      return FALSE;
  /* The hook is in the process because we put it there. */
  return !hat_types_is_of_system (module->path) && !g_str_has_suffix (module->path, "/libheapatlas-hook.so");
}

static void
add (HatTypes *types, const HatModule *module, GString *unknown)
{
  g_autoptr (GError) error = NULL;
  if (!hat_types_add (types, module, &error) && unknown)
    g_string_append_printf (unknown, "%s%s", unknown->len ? "\n" : "", error->message);
}

HatTypes *
hat_types_of_process (HatTrace *trace, guint process, const HatSymbolOptions *options, GString *unknown)
{
  HatTypes *types = hat_types_new (options);
  guint n;
  const HatModule *modules = hat_trace_modules (trace, &n);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++)
    if (is_own (trace, process, &modules[i]) && g_hash_table_add (seen, (gpointer) modules[i].path))
      add (types, &modules[i], unknown);
  /* Modules are listed when a stack goes through them. */
  const HatModule executable = { .path = hat_trace_process (trace, process)->exe };
  if (executable.path && !g_hash_table_contains (seen, executable.path))
    add (types, &executable, unknown);
  return types;
}
