/* SPDX-License-Identifier: Apache-2.0
 *
 * Following processes: registration, forks, execs, ends. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/record/images-private.h"
#include "core/record/proc.h"

#define FORK_PATIENCE_NS 100000000
#define RECLAIM_INTERVAL_NS 20000000
#define NAMES_INTERVAL_NS 500000000
#define MAX_HEIRLESS 8u
#define MAX_FORKS 64u
#define MAX_FORK_BYTES (256ull << 20)
#define MAX_ARGUMENTS 4096u
#define SITES_AT_ONCE 256u

/* ---- making and ending images ---- */

static void
free_thread (gpointer data)
{
  HatImageThread *thread = data;
  g_free (thread->name);
  g_free (thread);
}

static void
free_image (gpointer data)
{
  HatImage *image = data;

  if (image->pidfd >= 0)
    close (image->pidfd);
  hat_stream_free (image->stream);
  hat_modules_free (image->modules);
  g_ptr_array_unref (image->rings);
  g_ptr_array_unref (image->threads);
  g_clear_pointer (&image->looked_at, g_hash_table_unref);
  g_free (image->info.name);
  g_free (image);
}

static void
free_fork (gpointer data)
{
  HatFork *fork = data;
  hat_stream_state_clear (&fork->state);
  hat_modules_free (fork->modules);
  g_free (fork);
}

HatImages *
hat_images_new (HatSession *session, const HatClock *clock, HatTraceWriter *writer, HatStacks *stacks, guint32 pid, HatImagesFunc func,
                gpointer data)
{
  HatImages *images = g_new0 (HatImages, 1);

  images->session = session;
  images->clock = clock;
  images->writer = writer;
  images->stacks = stacks;
  images->pid = pid;
  images->func = func;
  images->data = data;
  images->all = g_ptr_array_new_with_free_func (free_image);
  images->running = g_ptr_array_new ();
  images->rings = g_ptr_array_new ();
  images->active = g_ptr_array_new ();
  images->newcomers = g_array_new (FALSE, FALSE, sizeof (guint));
  images->sites = g_byte_array_new ();
  images->unseen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  images->forks = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, free_fork);
  g_queue_init (&images->fork_order);
  g_queue_init (&images->heirless);
  hat_proc_stat (pid, NULL, &images->first_start, NULL);
  return images;
}

void
hat_images_free (HatImages *images)
{
  if (images == NULL)
    return;
  for (guint i = 0; i < images->rings->len; i++)
    if (images->rings->pdata[i])
      hat_ring_free (images->rings->pdata[i]);
  g_ptr_array_unref (images->rings);
  g_queue_clear_full (&images->fork_order, g_free);
  g_queue_clear (&images->heirless);
  g_hash_table_unref (images->unseen);
  g_hash_table_unref (images->forks);
  g_byte_array_unref (images->sites);
  g_ptr_array_unref (images->active);
  g_array_unref (images->newcomers);
  g_ptr_array_unref (images->running);
  g_ptr_array_unref (images->all);
  g_free (images);
}

/* Whatever the other side writes meanwhile, the copy ends with a NUL. */
static char *
copy_text (const char *shared, gsize size)
{
  char *text = g_malloc (size + 1);
  memcpy (text, shared, size);
  text[size] = 0;
  return text;
}

static char **
copy_arguments (const HatWireProcess *wire)
{
  const gsize size = MIN (wire->argv_bytes, sizeof wire->argv);
  g_autofree char *text = copy_text (wire->argv, size);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  guint n = 0;

  for (gsize at = 0; at < size && n < MAX_ARGUMENTS; at += strlen (text + at) + 1, n++)
    g_strv_builder_add (builder, text + at);
  return g_strv_builder_end (builder);
}

static HatImage *
latest_of_pid (HatImages *images, guint32 pid)
{
  for (guint i = images->all->len; i > 0; i--)
    {
      HatImage *image = images->all->pdata[i - 1];
      if (image->info.pid == pid)
        return image;
    }
  return NULL;
}

/* The image whose process, or the process of whose descendant, started `wire`. */
static gint
find_parent (HatImages *images, guint32 pid)
{
  for (guint step = 0; images->all->len > 0 && pid > 1 && step < 16; step++)
    {
      HatImage *image = latest_of_pid (images, pid);
      if (image)
        return image->info.index;
      if (!hat_proc_stat (pid, &pid, NULL, NULL))
        break;
    }
  return images->all->len > 0 ? 0 : -1;
}

/* Opens a handle that tells of the process' end. */
static void
watch_process (HatImages *images, HatImage *image)
{
  guint64 start;

  image->is_first_process = image->info.pid == images->pid;
  if (image->is_first_process)
    return;
  image->pidfd = syscall (SYS_pidfd_open, image->info.pid, 0);
  /* A pid of another namespace may be somebody else's here: a process that is older than the recording. */
  if (image->pidfd >= 0 && hat_proc_stat (image->info.pid, NULL, &start, NULL) && start < images->first_start)
    {
      close (image->pidfd);
      image->pidfd = -1;
      image->is_foreign = TRUE;
    }
}

static void
image_over (HatImages *images, HatImage *image, HatImageState state, gint32 exit_status, gint32 signal, gint64 end_ns)
{
  if (image->info.state != HAT_IMAGE_RUNS)
    return;
  image->info.state = state;
  image->info.exit_status = exit_status;
  image->info.signal = signal;
  image->end_ns = end_ns;
}

static void
end_first_image (HatImages *images, HatImage *image)
{
  const int status = images->first_status;
  image_over (images, image, HAT_IMAGE_EXITED, WIFEXITED (status) ? WEXITSTATUS (status) : -1,
              WIFSIGNALED (status) ? WTERMSIG (status) : 0, images->first_end_ns);
}

static HatImage *
image_new (HatImages *images, guint slot, HatFork *fork, gint parent)
{
  const HatWireProcess *wire = hat_session_process (images->session, slot);
  const gboolean is_fork = wire->kind == HAT_WIRE_START_FORK;
  g_auto (GStrv) argv = copy_arguments (wire);
  g_autofree char *exe = copy_text (wire->exe, sizeof wire->exe);
  g_autofree char *provider = copy_text (wire->provider, sizeof wire->provider);
  HatImage *image = g_new0 (HatImage, 1);

  image->slot = slot;
  image->pidfd = -1;
  image->info.index = images->all->len;
  image->info.pid = wire->pid;
  image->info.parent = parent;
  image->info.exit_status = -1;
  image->info.name = g_path_get_basename (argv[0] ? argv[0] : exe);
  const char *library = strrchr (provider, '/');
  image->is_foreign_allocator = library && !g_str_has_prefix (library, "/libc.so") && !g_str_has_prefix (library, "/libc-");
  image->start_ns = MIN (hat_clock_ns (images->clock, wire->start_tsc), images->now_ns);
  image->end_ns = -1;
  image->modules = fork ? g_steal_pointer (&fork->modules) : hat_modules_new (exe);
  image->rings = g_ptr_array_new ();
  image->threads = g_ptr_array_new_with_free_func (free_thread);
  image->sampler.next_ns = image->start_ns;

  const HatProcess process = {
    .pid = image->info.pid,
    .parent = parent,
    .is_fork = is_fork,
    .exe = exe,
    .argv = (const char *const *) argv,
    .provider = provider,
    .start_ns = image->start_ns,
    .end_ns = -1,
    .exit_status = -1,
    .first_block = fork ? fork->state.next_block : 1,
    .fork_event = fork ? fork->state.n_events : 0,
    .inherited_blocks = fork ? hat_live_set_n_blocks (fork->state.live) : 0,
    .inherited_bytes = fork ? hat_live_set_n_bytes (fork->state.live) : 0,
    .disarmed_ns = -1,
  };
  hat_trace_writer_add_process (images->writer, &process);
  image->stream = hat_stream_new (images->writer, image->info.index, fork ? &fork->state : NULL);
  watch_process (images, image);
  g_ptr_array_add (images->all, image);
  g_ptr_array_add (images->running, image);
  images->slots[slot] = image;
  images->func (&image->info, NULL, images->data);
  if (*provider == 0 && !is_fork && !g_hash_table_contains (images->unseen, exe))
    {
      g_autofree char *text = g_strdup_printf ("%s: it brings its own malloc, which cannot be recorded: nothing of it is seen", exe);
      g_hash_table_add (images->unseen, g_strdup (exe));
      images->func (&image->info, text, images->data);
    }
  if (image->is_first_process && images->first_has_ended)
    end_first_image (images, image);
  return image;
}

/* ---- forks ---- */

void
hat_images_keep_fork (HatImages *images, HatImage *parent, guint64 id)
{
  const guint64 memory = hat_stream_memory (parent->stream);

  /* A child may never allocate, and so never turn up: what is kept for it is bounded. */
  while (images->fork_order.length > 0
         && (images->fork_order.length >= MAX_FORKS || images->fork_order.length * memory > MAX_FORK_BYTES))
    {
      g_autofree guint64 *oldest = g_queue_pop_head (&images->fork_order);
      g_hash_table_remove (images->forks, oldest);
    }
  /* The child may refer to modules that other threads have announced further on. */
  for (guint i = 0; i < parent->rings->len; i++)
    {
      HatRing *ring = parent->rings->pdata[i];
      if (!ring->is_broken)
        hat_decoder_look_ahead (&ring->decoder, __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE));
    }
  HatFork *fork = g_new (HatFork, 1);
  *fork = (HatFork) { parent, hat_stream_fork (parent->stream), hat_modules_copy (parent->modules) };
  g_hash_table_replace (images->forks, g_memdup2 (&id, sizeof id), fork);
  g_queue_push_tail (&images->fork_order, g_memdup2 (&id, sizeof id));
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return *(const guint64 *) a != *(const guint64 *) b;
}

/* Takes the kept state of a fork out of the table. */
static HatFork *
take_fork (HatImages *images, guint64 id)
{
  gpointer key, fork;

  if (!g_hash_table_steal_extended (images->forks, &id, &key, &fork))
    return NULL;
  g_free (key);
  GList *link = g_queue_find_custom (&images->fork_order, &id, compare_ids);
  if (link)
    {
      g_free (link->data);
      g_queue_delete_link (&images->fork_order, link);
    }
  return fork;
}

static void
look_at_clock (HatImages *images)
{
  images->now_ticks = hat_clock_ticks ();
  images->now_ns = hat_clock_ns (images->clock, images->now_ticks);
}

/* The rings that have come into use. */
static void
find_rings (HatImages *images)
{
  for (guint i = 0; i < images->rings->len; i++)
    {
      HatWireRing *wire = hat_session_ring (images->session, i);
      if (images->rings->pdata[i] || __atomic_load_n (&wire->state, __ATOMIC_ACQUIRE) != HAT_WIRE_RING_LIVE)
        continue;
      HatImage *image = wire->process < HAT_WIRE_MAX_PROCESSES ? images->slots[wire->process] : NULL;
      if (image == NULL || image->is_finished)
        continue;
      g_ptr_array_add (image->rings, images->rings->pdata[i] = hat_ring_new (images, i, image));
    }
}

/* The parent's state when the child spoke first (or its last one): the instant of the fork is not known. */
static HatFork *
guess_fork (HatImages *images, const HatWireProcess *wire)
{
  HatImage *parent = wire->parent < HAT_WIRE_MAX_PROCESSES ? images->slots[wire->parent] : NULL;

  if (parent == NULL || parent->info.pid != wire->parent_pid)
    {
      HatImage *by_pid = latest_of_pid (images, wire->parent_pid);
      parent = by_pid ? by_pid : parent;
    }
  if (parent == NULL && images->heirless.length > 0)
    parent = g_queue_peek_tail (&images->heirless);
  if (parent == NULL || parent->stream == NULL)
    return NULL;
  if (!parent->is_finished)
    {
      look_at_clock (images); /* it may have begun since the round did */
      find_rings (images);
      hat_image_drain (images, parent, MIN (wire->start_tsc, images->now_ticks));
      /* Nothing may have been read since it was missed, if we stood still that long. */
      HatFork *told = wire->fork_id ? take_fork (images, wire->fork_id) : NULL;
      if (told)
        return told;
    }
  HatFork *fork = g_new (HatFork, 1);
  *fork = (HatFork) { parent, hat_stream_fork (parent->stream), hat_modules_copy (parent->modules) };
  return fork;
}

static HatImage *
register_fork (HatImages *images, guint slot)
{
  const HatWireProcess *wire = hat_session_process (images->session, slot);
  HatFork *fork = wire->fork_id ? take_fork (images, wire->fork_id) : NULL;

  if (fork == NULL && wire->fork_id != 0)
    {
      if (images->waiting_since[slot] == 0)
        images->waiting_since[slot] = images->now_ns;
      if (images->now_ns - images->waiting_since[slot] < FORK_PATIENCE_NS)
        return NULL;
    }
  if (fork == NULL)
    fork = guess_fork (images, wire);
  images->waiting_since[slot] = 0;
  HatImage *image = image_new (images, slot, fork, fork ? (gint) fork->parent->info.index : find_parent (images, wire->parent_pid));
  if (fork)
    free_fork (fork);
  return image;
}

static HatImage *
register_exec (HatImages *images, guint slot)
{
  const HatWireProcess *wire = hat_session_process (images->session, slot);
  HatImage *before = latest_of_pid (images, wire->pid);

  if (before && before->info.state == HAT_IMAGE_RUNS)
    {
      image_over (images, before, HAT_IMAGE_EXECED, -1, 0, MIN (hat_clock_ns (images->clock, wire->start_tsc), images->now_ns));
      return image_new (images, slot, NULL, before->info.index);
    }
  return image_new (images, slot, NULL, find_parent (images, wire->parent_pid));
}

/* ---- discovery ---- */

static HatImage *
register_slot (HatImages *images, guint slot)
{
  const HatWireProcess *wire = hat_session_process (images->session, slot);

  /* A child that waits for its parent's word comes before what it has turned into since, and before its own children. */
  for (guint i = 0; i < images->newcomers->len; i++)
    {
      const guint other = g_array_index (images->newcomers, guint, i);
      const HatWireProcess *before = hat_session_process (images->session, other);
      const gboolean is_parent = wire->kind == HAT_WIRE_START_FORK && other == wire->parent && before->pid == wire->parent_pid;
      if (images->slots[other] == NULL && other != slot && (before->pid == wire->pid || is_parent) && before->start_tsc < wire->start_tsc)
        return NULL;
    }
  return wire->kind == HAT_WIRE_START_FORK ? register_fork (images, slot) : register_exec (images, slot);
}

static int
compare_start (gconstpointer a, gconstpointer b, gpointer data)
{
  HatImages *images = data;
  const guint64 x = hat_session_process (images->session, *(const guint *) a)->start_tsc;
  const guint64 y = hat_session_process (images->session, *(const guint *) b)->start_tsc;
  return x < y ? -1 : x > y;
}

/* The rings that have come into use, and the processes that they belong to, in the order in which these started. */
static gboolean
find_newcomers (HatImages *images)
{
  gboolean has_rings = FALSE;

  const guint n_rings = MIN (__atomic_load_n (&images->session->header->ring_hint, __ATOMIC_ACQUIRE), HAT_WIRE_MAX_RINGS);
  if (n_rings > images->rings->len)
    g_ptr_array_set_size (images->rings, n_rings);
  g_array_set_size (images->newcomers, 0);
  for (guint i = 0; i < images->rings->len; i++)
    {
      const HatWireRing *wire = hat_session_ring (images->session, i);
      if (images->rings->pdata[i] || __atomic_load_n (&wire->state, __ATOMIC_ACQUIRE) != HAT_WIRE_RING_LIVE)
        continue;
      const guint slot = wire->process;
      has_rings = TRUE;
      if (slot >= HAT_WIRE_MAX_PROCESSES || images->slots[slot]
          || __atomic_load_n (&hat_session_process (images->session, slot)->state, __ATOMIC_ACQUIRE) != HAT_WIRE_PROCESS_LIVE)
        continue;
      gboolean is_listed = FALSE;
      for (guint k = 0; k < images->newcomers->len && !is_listed; k++)
        is_listed = g_array_index (images->newcomers, guint, k) == slot;
      if (!is_listed)
        g_array_append_val (images->newcomers, slot);
    }
  g_array_sort_with_data (images->newcomers, compare_start, images);
  return has_rings;
}

static void
discover (HatImages *images)
{
  if (!find_newcomers (images))
    return;
  for (guint i = 0; i < images->newcomers->len; i++)
    register_slot (images, g_array_index (images->newcomers, guint, i));
  find_rings (images);
}

/* ---- the end of an image ---- */

static void
let_go (HatImage *image)
{
  g_clear_pointer (&image->stream, hat_stream_free);
  g_clear_pointer (&image->modules, hat_modules_free);
  g_ptr_array_set_size (image->threads, 0);
}

static void
note_sites (HatImages *images, const HatSite *sites, guint n)
{
  const guint before = images->sites->len;

  g_byte_array_set_size (images->sites, MAX (before, sites[n - 1].stack + 1));
  memset (images->sites->data + before, 0, images->sites->len - before);
  for (guint i = 0; i < n; i++)
    images->sites->data[sites[i].stack] = 1;
}

/* Some of the sites at a time: all of them would take memory that nothing else has use for by now, and new memory is slow. */
static void
add_summary (HatImages *images, HatImage *image)
{
  HatAccount *account = hat_stream_account (image->stream);
  HatSummary summary = *hat_account_outline (account);
  HatSite sites[SITES_AT_ONCE];
  HatStackId next = 0;

  for (guint n; (n = hat_account_sites (account, &next, sites, SITES_AT_ONCE)) > 0;)
    {
      note_sites (images, sites, n);
      hat_trace_writer_add_sites (images->writer, image->info.index, sites, n);
    }
  summary.totals.lost_events = image->lost_events;
  hat_trace_writer_add_summary (images->writer, image->info.index, &summary);
}

const GByteArray *
hat_images_sites (HatImages *images)
{
  return images->sites;
}

static void
finish_image (HatImages *images, HatImage *image, gboolean disarmed)
{
  if (image->is_finished)
    return;
  /* The round may have taken long: stamps after its beginning are no nonsense. */
  look_at_clock (images);
  /* Once to hear of every module that is still announced, once without waiting for more. */
  const guint64 limit = disarmed ? hat_clock_ticks () : G_MAXUINT64 - 1;
  hat_image_drain (images, image, limit);
  image->is_last_drain = TRUE;
  hat_image_drain (images, image, limit);
  hat_stream_settle_all (image->stream);
  image->is_finished = TRUE;
  g_ptr_array_remove (images->running, image);

  image->info.totals = *hat_stream_totals (image->stream);
  image->info.totals.lost_events = image->lost_events;
  image->info.n_events = hat_stream_n_events (image->stream);
  add_summary (images, image);
  const HatProcess end = {
    .end_ns = disarmed ? -1 : MAX (image->end_ns, hat_stream_last_ns (image->stream)),
    .exit_status = image->info.exit_status,
    .signal = image->info.signal,
    .lost_events = image->lost_events,
    .disarmed_ns = disarmed ? images->now_ns : -1,
  };
  hat_trace_writer_end_process (images->writer, image->info.index, &end);
  if (disarmed)
    return;

  hat_image_reclaim_rings (images, image, TRUE);
  images->slots[image->slot] = NULL;
  __atomic_store_n (&hat_session_process (images->session, image->slot)->state, HAT_WIRE_PROCESS_FREE, __ATOMIC_RELEASE);
  if (image->pidfd >= 0)
    close (image->pidfd);
  image->pidfd = -1;
  /* A child whose fork was not seen (as that of daemon()) inherits what the parent had at its end. */
  if (image->info.state == HAT_IMAGE_EXECED)
    let_go (image);
  else
    g_queue_push_tail (&images->heirless, image);
  if (images->heirless.length > MAX_HEIRLESS)
    let_go (g_queue_pop_head (&images->heirless));
  images->func (&image->info, NULL, images->data);
}

/* How a process that is not our child has ended. Linux 6.15 and later say it through the handle even after its parent has asked
 * (PIDFD_GET_INFO, not in Debian 12's headers), if it was open before; else only a zombie does. Returns a wait status, or -1: then what the
 * hook heard is the best there is. */
static int
ask_status (HatImage *image)
{
  struct
  {
    guint64 mask, cgroup;
    guint32 ids[11];
    gint32 status;
  } info = { .mask = 1 << 3 };
  G_STATIC_ASSERT (sizeof info == 64);
  int status = -1;

  if (image->pidfd >= 0 && ioctl (image->pidfd, _IOWR (0xff, 11, info), &info) == 0 && (info.mask & 1 << 3))
    return info.status;
  hat_proc_stat (image->info.pid, NULL, NULL, &status);
  return status;
}

static void
check_end (HatImages *images, HatImage *image)
{
  int status = -1;
  struct pollfd wait = { .fd = image->pidfd, .events = POLLIN };

  if (image->info.state != HAT_IMAGE_RUNS || image->is_first_process || image->is_foreign)
    return;
  if (image->pidfd >= 0 && (poll (&wait, 1, 0) <= 0 || !(wait.revents & POLLIN)))
    return;
  if (image->pidfd < 0 && hat_proc_stat (image->info.pid, NULL, NULL, &status) && status < 0)
    return; /* no handle was to be had, but it runs */
  status = ask_status (image);
  const guint32 said = __atomic_load_n (&hat_session_process (images->session, image->slot)->exit_status, __ATOMIC_ACQUIRE);
  if (status < 0 && said != 0)
    status = W_EXITCODE ((said - 1) & 0xff, 0);
  image_over (images, image, HAT_IMAGE_EXITED, status >= 0 && WIFEXITED (status) ? WEXITSTATUS (status) : -1,
              status >= 0 && WIFSIGNALED (status) ? WTERMSIG (status) : 0, images->now_ns);
}

void
hat_images_end_first (HatImages *images, int wait_status)
{
  images->first_has_ended = TRUE;
  images->first_status = wait_status;
  images->first_end_ns = hat_clock_ns (images->clock, hat_clock_ticks ());
  HatImage *image = latest_of_pid (images, images->pid);
  /* A short program may be over before its registration was seen: then it ends when it is. */
  discover (images);
  if (latest_of_pid (images, images->pid) == image && image)
    end_first_image (images, image);
}

/* ---- rounds ---- */

guint64
hat_images_drain (HatImages *images)
{
  /* The time first: whatever was told by then is found below, also in rings that are new. */
  look_at_clock (images);
  const guint64 limit = images->now_ticks;
  guint64 n = 0;

  discover (images);
  /* Parents come before their children. */
  for (guint i = 0; i < images->running->len; i++)
    {
      HatImage *image = images->running->pdata[i];
      n += hat_image_drain (images, image, limit);
      hat_stream_tick (image->stream, images->now_ns, hat_image_complete_ticks (image));
    }
  return n;
}

guint64
hat_image_own_bytes (HatImage *image)
{
  guint64 bytes = 4 * 4096;
  for (guint i = 0; i < image->rings->len; i++)
    {
      HatRing *ring = image->rings->pdata[i];
      bytes += 128 + (MIN (ring->decoder.head * 8, HAT_WIRE_RING_BYTES) + 4095) / 4096 * 4096;
    }
  return bytes;
}

static void
update_names (HatImages *images, HatImage *image)
{
  for (guint i = 0; i < image->rings->len; i++)
    {
      HatImageThread *thread = ((HatRing *) image->rings->pdata[i])->thread;
      g_autofree char *name = thread->tid ? hat_proc_thread_name (image->info.pid, thread->tid) : NULL;
      if (name == NULL || g_strcmp0 (name, thread->name) == 0)
        continue;
      hat_trace_writer_name_thread (images->writer, image->info.index, thread->stream.index, name);
      g_free (thread->name);
      thread->name = g_steal_pointer (&name);
    }
}

/* Events that hooks could not even put into a ring. They do not say whose they were. */
static void
count_lost (HatImages *images)
{
  const guint64 lost = __atomic_load_n (&images->session->header->lost_events, __ATOMIC_RELAXED);

  if (lost == images->seen_lost || images->running->len == 0)
    return;
  HatImage *image = images->running->pdata[0];
  image->lost_events += lost - images->seen_lost;
  images->seen_lost = lost;
}

void
hat_images_look_around (HatImages *images)
{
  const gboolean reclaims = images->now_ns >= images->next_reclaim_ns, names = images->now_ns >= images->next_names_ns;

  if (reclaims)
    images->next_reclaim_ns = images->now_ns + RECLAIM_INTERVAL_NS;
  if (names)
    images->next_names_ns = images->now_ns + NAMES_INTERVAL_NS;
  count_lost (images);
  for (guint i = images->running->len; i > 0; i--) /* backwards: the list changes */
    {
      HatImage *image = images->running->pdata[i - 1];
      check_end (images, image);
      if (image->info.state != HAT_IMAGE_RUNS)
        {
          discover (images);
          finish_image (images, image, FALSE);
          continue;
        }
      if (images->now_ns >= image->sampler.next_ns)
        {
          hat_sampler_take (&image->sampler, images->writer, image->info.index, image->info.pid, hat_image_own_bytes (image), images->now_ns);
          image->info.rss_bytes = image->sampler.rss_bytes;
        }
      if (reclaims)
        hat_image_reclaim_rings (images, image, FALSE);
      if (names)
        update_names (images, image);
    }
}

gboolean
hat_images_any_runs (HatImages *images)
{
  for (guint i = 0; i < images->running->len; i++)
    if (!((HatImage *) images->running->pdata[i])->is_foreign)
      return TRUE;
  for (guint i = 0; i < HAT_WIRE_MAX_PROCESSES; i++)
    if (images->waiting_since[i] != 0)
      return TRUE;
  return FALSE;
}

void
hat_images_finish (HatImages *images, gboolean disarmed)
{
  hat_images_drain (images);
  count_lost (images);
  while (images->running->len > 0)
    {
      HatImage *image = images->running->pdata[0];
      finish_image (images, image, disarmed && image->info.state == HAT_IMAGE_RUNS);
    }
}

void
hat_images_mark (HatImages *images, const char *name)
{
  for (guint i = 0; i < images->running->len; i++)
    {
      HatImage *image = images->running->pdata[i];
      hat_trace_writer_add_mark (images->writer, image->info.index, name, images->now_ns);
      image->sampler.next_ns = 0;
    }
}

void
hat_images_update_totals (HatImages *images)
{
  for (guint i = 0; i < images->running->len; i++)
    {
      HatImage *image = images->running->pdata[i];
      image->info.totals = *hat_stream_totals (image->stream);
      image->info.totals.lost_events = image->lost_events;
      image->info.n_events = hat_stream_n_events (image->stream);
    }
}

guint
hat_images_n (HatImages *images)
{
  return images->all->len;
}

const HatImageInfo *
hat_images_get (HatImages *images, guint index)
{
  return &((HatImage *) images->all->pdata[index])->info;
}
