/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/ahead-private.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_BYTES (256u << 20) /* of files kept open; unpacked, they are several times as large */
#define NICE 10

typedef struct
{
  HatModule module;
  HatModuleFiles files; /* the thread's, until it has ended, like the next */
  HatSymbolCache *cache;
  gboolean is_open, is_unpacked;
} Item;

/* What the thread is to open: a module, or what an address in it needs. */
typedef struct
{
  Item *item;
  guint64 address;
  gboolean has_address;
} Task;

struct _HatSymbolsAhead
{
  char *cache; /* folder, or NULL */
  GPtrArray *items; /* Item, owned */
  Item *last;         /* asked for */
  GAsyncQueue *queue; /* GArray of Task: whoever pushes wakes the thread, which costs more than all else; `ahead` itself: no more */
  GThread *thread; /* NULL before the first item and after the last */
  gint is_ending;
};

static void
item_free (gpointer data)
{
  Item *item = data;
  hat_module_files_close (&item->files);
  hat_symbol_cache_free (item->cache);
  g_free ((gpointer) item->module.path);
  g_free (item);
}

static gsize
bytes_of (const HatModuleFiles *files)
{
  return (files->image ? files->image->size : 0) + (files->debug ? files->debug->size : 0) + (files->shared ? files->shared->size : 0);
}

static gboolean
is_cached (const HatSymbolCache *cache, const Task *task)
{
  guint n;
  if (cache == NULL || hat_symbol_cache_is_empty (cache))
    return FALSE;
  return !task->has_address || hat_symbol_cache_find (cache, task->address, &n);
}

static void
do_task (HatSymbolsAhead *ahead, const Task *task, gsize *kept)
{
  Item *item = task->item;
  if (g_atomic_int_get (&ahead->is_ending) || *kept > MAX_BYTES)
    return;
  if (!item->is_open)
    {
      hat_module_files_open (&item->files, &item->module, NULL);
      item->cache = hat_symbol_cache_open (ahead->cache, &item->files);
      item->is_open = TRUE;
      *kept += bytes_of (&item->files);
    }
  if (!item->is_unpacked && !is_cached (item->cache, task))
    {
      hat_module_files_open_shared (&item->files, NULL);
      item->is_unpacked = TRUE;
    }
}

static gpointer
work (gpointer data)
{
  HatSymbolsAhead *ahead = data;
  gsize kept = 0;

  setpriority (PRIO_PROCESS, 0, NICE); /* on Linux, of this thread */
  for (GArray *tasks; (tasks = g_async_queue_pop (ahead->queue)) != data; g_array_unref (tasks))
    for (guint i = 0; i < tasks->len; i++)
      do_task (ahead, &g_array_index (tasks, Task, i), &kept);
  return NULL;
}

static void
end_thread (HatSymbolsAhead *ahead)
{
  if (ahead->thread == NULL)
    return;
  g_atomic_int_set (&ahead->is_ending, TRUE);
  g_async_queue_push (ahead->queue, ahead);
  g_thread_join (g_steal_pointer (&ahead->thread));
}

HatSymbolsAhead *
hat_symbols_ahead_new (const char *cache)
{
  HatSymbolsAhead *ahead = g_new0 (HatSymbolsAhead, 1);
  ahead->cache = g_strdup (cache);
  ahead->items = g_ptr_array_new_with_free_func (item_free);
  ahead->queue = g_async_queue_new ();
  return ahead;
}

void
hat_symbols_ahead_free (HatSymbolsAhead *ahead)
{
  if (ahead == NULL)
    return;
  end_thread (ahead);
  g_ptr_array_unref (ahead->items);
  g_async_queue_unref (ahead->queue);
  g_free (ahead->cache);
  g_free (ahead);
}

static Item *
find (HatSymbolsAhead *ahead, const HatModule *module)
{
  for (guint i = 0; i <= ahead->items->len; i++)
    {
      Item *item = i == 0 ? ahead->last : ahead->items->pdata[i - 1];
      if (item && g_strcmp0 (item->module.path, module->path) == 0
          && memcmp (item->module.build_id, module->build_id, sizeof module->build_id) == 0)
        return ahead->last = item;
    }
  return NULL;
}

void
hat_symbols_ahead_add (HatSymbolsAhead *ahead, const HatModule *module)
{
  sigset_t all, before;

  if (!hat_module_is_file (module) || find (ahead, module))
    return;
  Item *item = g_new0 (Item, 1);
  item->module = *module;
  item->module.path = g_strdup (module->path);
  g_ptr_array_add (ahead->items, item);
  const Task task = { .item = item };
  GArray *tasks = g_array_new (FALSE, FALSE, sizeof task);
  g_array_append_val (tasks, task);
  g_async_queue_push (ahead->queue, tasks);
  if (ahead->thread)
    return;
  /* Signals are for the thread that waits for the target. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  ahead->thread = g_thread_new ("symbols", work, ahead);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

void
hat_symbols_ahead_add_frames (HatSymbolsAhead *ahead, const HatModule *modules, guint n_modules, const HatFrame *frames, guint n)
{
  g_autoptr (GArray) tasks = g_array_new (FALSE, FALSE, sizeof (Task));
  for (guint i = 0; ahead->cache && i < n; i++)
    {
      Item *item = !frames[i].cut && frames[i].module < n_modules ? find (ahead, &modules[frames[i].module]) : NULL;
      const Task task = { item, hat_frame_address (&frames[i]), TRUE };
      if (item)
        g_array_append_val (tasks, task);
    }
  if (tasks->len > 0)
    g_async_queue_push (ahead->queue, g_steal_pointer (&tasks));
}

gboolean
hat_symbols_ahead_take (HatSymbolsAhead *ahead, const HatModule *module, HatModuleFiles *out_files, HatSymbolCache **out_cache)
{
  end_thread (ahead);
  Item *item = find (ahead, module);
  if (item == NULL || !item->is_open)
    return FALSE;
  *out_files = item->files;
  item->files = (HatModuleFiles){ 0 };
  *out_cache = g_steal_pointer (&item->cache);
  item->is_open = FALSE;
  return TRUE;
}
