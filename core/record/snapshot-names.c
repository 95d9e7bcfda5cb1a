/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-names.h"

#include <string.h>

#include "core/symbols/module-names.h"

/* Behind the thread-local variables stands glibc's own: with the values of pthread keys. */
#define DESCRIPTOR_NAME "thread descriptor"

typedef struct
{
  const HatRootPlan *plan;
  HatModuleNames **names; /* by module of the plan, as far as asked for */
} Naming;

static HatModuleNames *
names_of (Naming *naming, guint number)
{
  const HatFoundModule *found = &g_array_index (naming->plan->modules, HatFoundModule, number);

  if (naming->names[number] == NULL)
    {
      HatModule module = { .path = found->path, .start = found->image.start, .end = found->image.end, .bias = found->image.bias };
      memcpy (module.build_id, found->build_id, sizeof module.build_id);
      naming->names[number] = hat_module_names_new (&module);
    }
  return naming->names[number];
}

static const char *
name_global (Naming *naming, const HatRoot *root)
{
  for (guint i = 0; i < naming->plan->modules->len; i++)
    if (g_array_index (naming->plan->modules, HatFoundModule, i).image.module == root->module)
      return hat_module_names_variable (names_of (naming, i), root->offset);
  return NULL;
}

static const char *
name_thread_local (Naming *naming, const HatRoot *root, guint64 descriptor)
{
  const HatRootPlan *plan = naming->plan;

  if (root->address >= descriptor)
    return DESCRIPTOR_NAME;
  for (guint i = 0; i < plan->modules->len; i++)
    {
      const HatFoundModule *found = &g_array_index (plan->modules, HatFoundModule, i);
      const guint64 offset = root->address - (descriptor - found->tls_below);
      if (found->tls_below > 0 && offset < found->tls_size)
        return hat_module_names_thread_variable (names_of (naming, i), offset);
    }
  return NULL;
}

void
hat_roots_name (const HatRootPlan *plan, const HatRootThread *threads, HatSnapshot *out, GStringChunk *strings)
{
  Naming naming = { plan, g_new0 (HatModuleNames *, plan->modules->len + 1) };

  for (guint32 i = 0; i < out->info.n_roots; i++)
    {
      HatRoot *root = &out->roots[i];
      const char *name = NULL;
      if (root->kind == HAT_ROOT_GLOBAL)
        name = name_global (&naming, root);
      else if (root->kind == HAT_ROOT_TLS)
        for (guint k = 0; k < plan->stop->threads->len && name == NULL; k++)
          if (threads[k].index == root->thread)
            name = name_thread_local (&naming, root, g_array_index (plan->stop->threads, HatStoppedThread, k).registers.fs_base);
      if (name)
        root->name = g_string_chunk_insert_const (strings, name);
    }
  for (guint i = 0; i < plan->modules->len; i++)
    hat_module_names_free (naming.names[i]);
  g_free (naming.names);
}
