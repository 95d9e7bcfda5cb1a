/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-names.h"

/* Behind the thread-local variables stands glibc's own: with the values of pthread keys. */
#define DESCRIPTOR_NAME "thread descriptor"

static const char *
name_thread_local (const HatRootPlan *plan, HatModuleReader *reader, const HatRoot *root, guint64 descriptor)
{
  if (root->address >= descriptor)
    return DESCRIPTOR_NAME;
  for (guint i = 0; i < plan->modules->len; i++)
    {
      const HatFoundModule *found = &g_array_index (plan->modules, HatFoundModule, i);
      const guint64 offset = root->address - (descriptor - found->tls_below);
      if (found->tls_below > 0 && offset < found->tls_size)
        return hat_module_names_thread_variable (hat_module_reader_names (reader, found), offset);
    }
  return NULL;
}

void
hat_roots_name (const HatRootPlan *plan, HatModuleReader *reader, const HatRootThread *threads, HatSnapshot *out, GStringChunk *strings)
{
  for (guint32 i = 0; i < out->info.n_roots; i++)
    {
      HatRoot *root = &out->roots[i];
      const char *name = NULL;
      HatModuleNames *names = root->kind == HAT_ROOT_GLOBAL ? hat_module_reader_names_of (reader, root->module) : NULL;
      if (names)
        name = hat_module_names_variable (names, root->offset);
      else if (root->kind == HAT_ROOT_TLS)
        for (guint k = 0; k < plan->stop->threads->len && name == NULL; k++)
          if (threads[k].index == root->thread)
            name = name_thread_local (plan, reader, root, g_array_index (plan->stop->threads, HatStoppedThread, k).registers.fs_base);
      if (name)
        root->name = g_string_chunk_insert_const (strings, name);
    }
}
