/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshots.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/heap/format.h"
#include "core/record/images-private.h"
#include "core/record/proc.h"
#include "core/record/snapshot-copy.h"
#include "core/record/snapshot-names.h"
#include "core/record/snapshot-roots.h"
#include "core/record/snapshot-scan.h"
#include "core/record/snapshot-stop.h"
#include "core/record/snapshot-types.h"
#include "core/record/snapshot-unwind.h"
#include "core/symbols/module-names.h"
#include "core/trace/big-array.h"

#define WINDOW_BYTES (64ull << 20)
#define PIECE_BYTES (4u << 20)
#define BLOCK_OVERHEAD 24u /* that lies between blocks, and is copied with them */
#define UNFINISHED_PATIENCE_NS 1000000
#define LAST_PATIENCE_MS 1000u
#define OTHERS_SHARE 10 /* processes other than the first may stand still for 1/10 of the time, all together */

/* A snapshot that has been taken and is being worked on. */
typedef struct
{
  HatSnapshots *snapshots;
  guint process, index; /* in the trace */
  HatBlockIndex blocks;
  guint64 *addresses, *sizes; /* of the blocks */
  HatStackId *stacks;         /* likewise */
  HatStackNode *nodes;        /* of all stacks, with their frames and modules: the writer's own may move */
  HatFrame *code;
  HatModule *code_modules;
  guint32 n_blocks, max_blocks;
  GArray *pages;             /* HatPageSpan */
  GArray *loader;            /* guint32: blocks that the loader made */
  HatCopy *contents, *roots;
  HatStop *stop;
  HatRootPlan plan;
  HatModuleReader *reader; /* of the plan; in the thread of its own */
  GArray *modules; /* HatScanModule */
  GArray *threads; /* HatRootThread, by thread of the stop */
  GArray *unwound; /* HatUnwoundFrame, like the result's frames */
  HatScan scan;
  HatContents kept;
  HatSnapshot *result;
  const char *problem;   /* with its types, for people; or NULL */
  GStringChunk *strings; /* its names */
  GThread *worker;
  gboolean is_ready; /* atomic */
} Job;

struct _HatSnapshots
{
  HatImages *images;
  HatTypes *types;      /* whose turn it is, holds the lock, for seconds */
  GMutex types_lock;
  GAsyncQueue *kept_types; /* HatKeptTypes to be written, in the order they were taken */
  GHashTable *sites;    /* HatStackId -> HatBlockType of what it makes; under types_lock */
  HatSnapshotsFunc func;
  gpointer data;
  GQueue jobs; /* Job, oldest first */
  HatSnapshotsTotals totals;
  gint64 others_ns;
  HatSnapshotOptions options;
  gint64 next_ns; /* periodic one */
  gboolean is_refused; /* the kernel forbids it */
  const char *told;    /* the last problem with types that somebody was told of */
};

HatSnapshots *
hat_snapshots_new (HatImages *images, HatTypes *types, const HatSnapshotOptions *options, HatSnapshotsFunc func, gpointer data)
{
  HatSnapshots *snapshots = g_new0 (HatSnapshots, 1);

  snapshots->images = images;
  snapshots->types = types;
  g_mutex_init (&snapshots->types_lock);
  snapshots->kept_types = g_async_queue_new_full ((GDestroyNotify) hat_kept_types_free);
  snapshots->sites = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  snapshots->options = *options;
  snapshots->next_ns = options->every_s * 1e9;
  snapshots->func = func;
  snapshots->data = data;
  HatWireHeader *header = images->session->header;
  header->holds = HAT_WIRE_HOLDS_ALL;
  header->holds_at_peak = options->at_peak;
  header->watches = options->function != NULL;
  header->free_stacks |= header->watches;
  g_queue_init (&snapshots->jobs);
  return snapshots;
}

static void
free_job (Job *job)
{
  if (job->worker)
    g_thread_join (job->worker);
  hat_block_index_clear (&job->blocks);
  g_free (job->addresses);
  g_free (job->sizes);
  g_free (job->stacks);
  g_free (job->nodes);
  g_free (job->code);
  g_free (job->code_modules);
  g_array_unref (job->pages);
  g_array_unref (job->loader);
  hat_copy_free (job->contents);
  hat_copy_free (job->roots);
  hat_module_reader_free (job->reader);
  hat_roots_clear (&job->plan);
  if (job->stop)
    hat_stop_free (job->stop);
  g_array_unref (job->modules);
  g_array_unref (job->threads);
  g_array_unref (job->unwound);
  g_string_chunk_free (job->strings);
  g_autofree char *detail = (char *) job->result->info.detail;
  job->result->info.detail = NULL;
  hat_snapshot_free (job->result);
  g_free (job);
}

void
hat_snapshots_free (HatSnapshots *snapshots)
{
  if (snapshots == NULL)
    return;
  for (Job *job; (job = g_queue_pop_head (&snapshots->jobs));)
    free_job (job);
  g_async_queue_unref (snapshots->kept_types);
  g_mutex_clear (&snapshots->types_lock);
  g_hash_table_unref (snapshots->sites);
  g_free (snapshots);
}

/* ---- afterwards, in a thread of its own ---- */

/* Scans blocks `first` to `end` - 1, which lie in the copy. */
static void
scan_blocks (Job *job, const HatCopy *copy, guint32 first, guint32 end)
{
  const HatCopyRange *ranges = (const HatCopyRange *) copy->ranges->data;
  guint at = 0;

  for (guint32 i = first; i < end; i++)
    {
      const guint64 start = (job->blocks.addresses[i] + 7) & ~7ull, stop = (job->blocks.addresses[i] + job->blocks.sizes[i]) & ~7ull;
      if (start >= stop)
        continue;
      while (ranges[at].end < stop)
        at++;
      hat_scan_words (&job->scan, i, (start - job->blocks.addresses[i]) / 8, (const guint64 *) (ranges[at].bytes + (start - ranges[at].start)),
                      (stop - start) / 8);
    }
}

/* FALSE: no memory for it. */
static gboolean
begin_scan (Job *job)
{
  if (!hat_block_index_build (&job->blocks, job->addresses, job->sizes, job->n_blocks))
    return FALSE;
  hat_scan_begin (&job->scan, &job->blocks, (const HatScanModule *) job->modules->data, job->modules->len, job->result);
  return TRUE;
}

/* Reads and scans a block that is bigger than a window. */
static void
scan_big_block (Job *job, guint32 pid, guint32 block)
{
  const guint64 address = job->blocks.addresses[block], size = job->blocks.sizes[block];

  for (guint64 at = (address + 7) & ~7ull; at < address + size; at += WINDOW_BYTES)
    {
      g_autoptr (HatCopy) copy = hat_copy_new (pid, 0);
      const guint64 end = MIN (at + WINDOW_BYTES, (address + size) & ~7ull);
      guint64 n;
      hat_copy_add (copy, at, end);
      hat_copy_plan (copy);
      if (end <= at || !hat_copy_read (copy))
        return;
      hat_scan_words (&job->scan, block, (at - address) / 8, (const guint64 *) hat_copy_at (copy, at, &n), (end - at) / 8);
      job->contents->n_read += copy->n_read;
    }
}

/* While the process stands still: there is no room for a copy of everything. */
static void
scan_in_windows (Job *job, guint32 pid)
{
  const guint32 n = job->blocks.n;

  for (guint32 i = 0, first; i < n;)
    {
      g_autoptr (HatCopy) copy = hat_copy_new (pid, 0);
      guint64 bytes = 0;
      if (job->blocks.sizes[i] > WINDOW_BYTES)
        {
          scan_big_block (job, pid, i++);
          continue;
        }
      for (first = i; i < n && bytes + job->blocks.sizes[i] <= WINDOW_BYTES; i++)
        {
          bytes += job->blocks.sizes[i];
          hat_copy_add (copy, job->blocks.addresses[i], job->blocks.addresses[i] + job->blocks.sizes[i]);
        }
      hat_copy_plan (copy);
      if (!hat_copy_read (copy))
        return;
      scan_blocks (job, copy, first, i);
      job->contents->n_read += copy->n_read;
    }
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  const guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;
  return x < y ? -1 : x > y;
}

/* The heads of blocks that pointers name from 8 or 24 bytes behind their start. */
static void
add_heads (Job *job)
{
  HatSnapshot *out = job->result;
  g_autoptr (GArray) named = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GArray) heads = g_array_new (FALSE, FALSE, sizeof (HatBlockHead));

  for (guint32 i = 0; i < out->n_interior; i++)
    if (out->interior_offset[i] == 8 || out->interior_offset[i] == 24)
      {
        const guint32 to = out->edge_to[out->interior_edge[i]] & ~HAT_EDGE_INTERIOR;
        g_array_append_val (named, to);
      }
  for (guint32 i = 0; i < out->info.n_roots; i++)
    if (out->roots[i].to_offset == 8 || out->roots[i].to_offset == 24)
      g_array_append_val (named, out->roots[i].to);
  g_array_sort (named, compare_numbers);
  for (guint i = 0; i < named->len; i++)
    {
      HatBlockHead head = { .block = g_array_index (named, guint32, i) };
      guint64 n;
      if (i > 0 && head.block == g_array_index (named, guint32, i - 1))
        continue;
      const guint8 *bytes = hat_copy_at (job->contents, job->blocks.addresses[head.block], &n);
      n = MIN (sizeof head.words, job->blocks.sizes[head.block]);
      if (bytes)
        memcpy (head.words, bytes, n);
      else if (!hat_copy_peek (job->plan.pid, job->blocks.addresses[head.block], head.words, n))
        continue;
      g_array_append_val (heads, head);
    }
  out->n_heads = heads->len;
  out->heads = (HatBlockHead *) g_array_free (g_steal_pointer (&heads), FALSE);
}

static void
add_loader_roots (Job *job)
{
  HatSnapshot *out = job->result;

  out->roots = g_renew (HatRoot, out->roots, out->info.n_roots + job->loader->len);
  for (guint i = 0; i < job->loader->len; i++)
    out->roots[out->info.n_roots++] = (HatRoot) { .to = g_array_index (job->loader, guint32, i), .module = G_MAXUINT32, .thread = G_MAXUINT32,
                                                  .frame = HAT_NO_FRAME, .name = "", .kind = HAT_ROOT_LOADER };
}

static int
compare_threads (gconstpointer a, gconstpointer b, gpointer data)
{
  const HatRootThread *threads = data;
  const guint32 x = threads[*(const guint *) a].index, y = threads[*(const guint *) b].index;
  return x < y ? -1 : x > y;
}

/* The frames of all threads, in the order of their indices. */
static void
unwind (Job *job)
{
  const guint n = job->threads->len;
  HatRootThread *threads = (HatRootThread *) job->threads->data;
  g_autofree guint *order = g_new (guint, n);
  g_autoptr (HatUnwinder) unwinder = hat_unwinder_new (&job->plan, job->reader, job->roots);

  for (guint i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, n, sizeof *order, compare_threads, threads);
  for (guint i = 0; i < n; i++)
    {
      HatRootThread *thread = &threads[order[i]];
      thread->first_frame = job->unwound->len;
      if (!hat_unwinder_walk (unwinder, &g_array_index (job->stop->threads, HatStoppedThread, order[i]), job->unwound))
        job->result->info.n_threads_skipped++;
      thread->n_frames = job->unwound->len - thread->first_frame;
    }
  job->result->n_frames = job->unwound->len;
  job->result->frames = g_new0 (HatSnapshotFrame, job->unwound->len);
  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < threads[i].n_frames; k++)
      {
        const HatUnwoundFrame *unwound = &g_array_index (job->unwound, HatUnwoundFrame, threads[i].first_frame + k);
        HatSnapshotFrame *frame = &job->result->frames[threads[i].first_frame + k];
        *frame = (HatSnapshotFrame) { .thread = threads[i].index, .cfa = unwound->cfa, .known = unwound->known };
        memcpy (frame->registers, unwound->registers, sizeof frame->registers);
      }
}

/* Leaves nothing but what points to what. */
static void
strip (HatSnapshot *result)
{
  result->n_module_words = result->n_heads = 0;
  for (guint32 i = 0; i < result->n_frames; i++)
    {
      memset (result->frames[i].registers, 0, sizeof result->frames[i].registers);
      result->frames[i].known = 0;
    }
}

static void
find_pointers (Job *job)
{
  const HatRootThread *threads = (const HatRootThread *) job->threads->data;

  if (!job->result->info.is_windowed)
    {
      scan_blocks (job, job->contents, 0, job->blocks.n);
      hat_scan_end (&job->scan);
    }
  hat_roots_scan (&job->plan, job->roots, threads, job->result);
  hat_roots_name (&job->plan, job->reader, threads, job->result, job->strings);
  if (!job->result->info.is_windowed)
    add_heads (job);
  add_loader_roots (job);
}

/* What each stack makes that has made one of the blocks. */
static void
find_sites (Job *job)
{
  GHashTable *sites = job->snapshots->sites;
  HatStackId last = HAT_STACK_NONE;

  for (guint32 i = 0; i < job->n_blocks; i++)
    {
      const HatStackId stack = job->stacks[i];
      HatFrame frames[HAT_STACK_INNER_FRAMES];
      if (stack == last || g_hash_table_contains (sites, GUINT_TO_POINTER (stack)))
        continue;
      last = stack;
      const guint n = hat_stack_inner_frames (job->nodes, job->code, stack, frames);
      const HatBlockType type = hat_types_of_stack (job->snapshots->types, job->code_modules, frames, n);
      hat_types_meet (job->snapshots->types, job->code_modules, frames, n);
      g_hash_table_insert (sites, GUINT_TO_POINTER (stack), g_memdup2 (&type, sizeof type));
    }
}

/* One snapshot after the other: they share what is known of types. */
static void
find_types (Job *job)
{
  HatSnapshots *snapshots = job->snapshots;
  HatTyping typing = { .types = snapshots->types, .plan = &job->plan, .reader = job->reader, .roots = job->roots, .blocks = &job->blocks, .stacks = job->stacks,
                       .site_types = snapshots->sites,
                       .contents = job->result->info.is_windowed ? NULL : job->contents, .has_values = job->kept != HAT_CONTENTS_NONE,
                       .threads = (const HatRootThread *) job->threads->data, .n_threads = job->threads->len,
                       .frames = (const HatUnwoundFrame *) job->unwound->data, .out = job->result, .strings = job->strings };

  g_mutex_lock (&snapshots->types_lock);
  find_sites (job);
  hat_snapshot_find_types (&typing);
  job->problem = typing.problem;
  HatKeptTypes *kept = hat_types_take_kept (snapshots->types);
  if (kept)
    g_async_queue_push (snapshots->kept_types, kept);
  g_mutex_unlock (&snapshots->types_lock);
}

static gpointer
work (gpointer data)
{
  Job *job = data;

  job->reader = hat_module_reader_new (&job->plan);
  unwind (job);
  if (job->result->info.is_windowed || begin_scan (job))
    {
      find_pointers (job);
      find_types (job);
      if (job->kept == HAT_CONTENTS_NONE)
        strip (job->result);
    }
  g_clear_pointer (&job->reader, hat_module_reader_free);
  __atomic_store_n (&job->is_ready, TRUE, __ATOMIC_RELEASE);
  return NULL;
}

/* Whether a later peak of the same process is under way: only the last one is kept. */
static gboolean
is_surpassed (HatSnapshots *snapshots, const Job *job)
{
  for (GList *link = snapshots->jobs.head; link; link = link->next)
    {
      const Job *other = link->data;
      if (other->process == job->process && other->index > job->index && other->result->info.reason == HAT_SNAPSHOT_PEAK)
        return job->result->info.reason == HAT_SNAPSHOT_PEAK;
    }
  return FALSE;
}

/* What is not needed for writing it. */
static void
shed (Job *job)
{
  g_clear_pointer (&job->contents, hat_copy_free);
  g_clear_pointer (&job->roots, hat_copy_free);
}

static void
write_contents (HatSnapshots *snapshots, Job *job)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint32 i = 0, first; i < job->blocks.n;)
    {
      for (first = i; i < job->blocks.n && (i == first || bytes->len + job->blocks.sizes[i] <= PIECE_BYTES); i++)
        {
          guint64 n;
          const guint8 *at = hat_copy_at (job->contents, job->blocks.addresses[i], &n);
          if (job->blocks.sizes[i] > G_MAXINT32)
            break;
          if (job->blocks.sizes[i] > 0)
            g_byte_array_append (bytes, at, job->blocks.sizes[i]);
        }
      if (i > first)
        hat_trace_writer_add_contents (snapshots->images->writer, job->process, job->index, first, i - first, job->blocks.sizes + first, bytes->data);
      else
        i++; /* too big to be kept */
      g_byte_array_set_size (bytes, 0);
    }
}

/* Whatever a snapshot that is done may refer to. */
static void
write_types (HatSnapshots *snapshots)
{
  for (HatKeptTypes *kept; (kept = g_async_queue_try_pop (snapshots->kept_types));)
    {
      hat_trace_writer_add_types (snapshots->images->writer, kept->types, kept->n);
      hat_kept_types_free (kept);
    }
}

static void
write_job (HatSnapshots *snapshots, Job *job)
{
  if (job->worker)
    g_thread_join (g_steal_pointer (&job->worker));
  for (guint i = 0; i < job->unwound->len; i++)
    {
      const HatUnwoundFrame *frame = &g_array_index (job->unwound, HatUnwoundFrame, i);
      job->result->frames[i].frame = hat_stacks_frame_in (snapshots->images->stacks, frame->module ? frame->module->module : G_MAXUINT32,
                                                          frame->pc - (frame->module ? frame->module->bias : 0), frame->is_exact);
    }
  if (job->result->first_edge == NULL) /* no memory for it */
    {
      free_job (job);
      return;
    }
  if (job->problem && job->problem != snapshots->told)
    snapshots->func (&((HatImage *) snapshots->images->all->pdata[job->process])->info, 0, NULL, snapshots->told = job->problem, snapshots->data);
  write_types (snapshots);
  hat_trace_writer_add_snapshot (snapshots->images->writer, job->process, job->index, job->result);
  if (job->kept == HAT_CONTENTS_ALL && !job->result->info.is_windowed)
    write_contents (snapshots, job);
  free_job (job);
}

/* ---- while the process stands still ---- */

typedef struct
{
  Job *job;
  HatStacks *stacks;
} Collecting;

static void
on_block (guint64 address, const HatLiveBlock *block, gpointer data)
{
  Collecting *collecting = data;
  Job *job = collecting->job;
  const guint32 number = job->n_blocks;

  if (number == job->max_blocks)
    return;
  job->addresses[number] = address;
  job->sizes[number] = block->size;
  job->stacks[number] = block->stack;
  job->n_blocks++;
  if (hat_stacks_is_loader (collecting->stacks, block->stack))
    g_array_append_val (job->loader, number);
}

static void
on_page (guint64 first, guint64 end, gpointer data)
{
  Job *job = data;
  const HatPageSpan span = { first, end };

  g_array_append_val (job->pages, span);
  if (!job->result->info.is_windowed)
    hat_copy_add (job->contents, first, end);
}

/* Tells a held process that it may go on. */
static void
end_hold (HatWireProcess *wire)
{
  __atomic_store_n (&wire->hold, HAT_WIRE_HOLD_NONE, __ATOMIC_SEQ_CST);
  syscall (SYS_futex, &wire->hold, FUTEX_WAKE, G_MAXINT, NULL, NULL, 0);
}

/* The blocks, one by one: when the process goes on, for it takes a while, but before another of its events is taken in. */
static void
list_blocks (HatSnapshots *snapshots, Job *job, HatImage *image)
{
  Collecting collecting = { job, snapshots->images->stacks };
  HatLiveSet *live = hat_stream_live (image->stream);

  job->max_blocks = MIN (hat_live_set_n_blocks (live), HAT_SNAPSHOT_MAX_BLOCKS);
  job->addresses = hat_big_new (guint64, job->max_blocks);
  job->sizes = hat_big_new (guint64, job->max_blocks);
  job->stacks = hat_big_new (HatStackId, job->max_blocks);
  hat_live_set_foreach (live, on_block, &collecting);
  job->blocks = (HatBlockIndex) { .n = job->n_blocks, .addresses = job->addresses, .sizes = job->sizes };

  guint n;
  const HatFrame *code = hat_trace_writer_frames (snapshots->images->writer, &n);
  job->code = g_memdup2 (code, n * sizeof *code);
  job->nodes = hat_stacks_nodes (snapshots->images->stacks, &n);
}

/* What is unfinished all the same. */
static void
list_doubtful (Job *job, HatImage *image)
{
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (guint64)), doubtful = g_array_new (FALSE, FALSE, sizeof (guint32));

  hat_stream_list_unfinished (image->stream, addresses);
  for (guint i = 0; i < addresses->len; i++)
    {
      const guint32 block = hat_block_index_search (&job->blocks, g_array_index (addresses, guint64, i));
      if (block != HAT_NO_BLOCK)
        g_array_append_val (doubtful, block);
    }
  g_array_sort (doubtful, compare_numbers);
  for (guint i = 0; i < doubtful->len; i++)
    if (i == 0 || g_array_index (doubtful, guint32, i) != g_array_index (doubtful, guint32, i - 1))
      g_array_index (doubtful, guint32, job->result->n_doubtful++) = g_array_index (doubtful, guint32, i);
  job->result->doubtful = (guint32 *) g_array_free (g_steal_pointer (&doubtful), FALSE);
}

static gboolean
copy_memory (HatSnapshots *snapshots, Job *job, HatImage *image, const HatHeldThread *held)
{
  HatWireProcess *wire = hat_session_process (snapshots->images->session, image->slot);

  hat_live_set_foreach_page (hat_stream_live (image->stream), on_page, job);
  job->plan = (HatRootPlan) { .pid = image->info.pid, .stop = job->stop, .blocks = &job->blocks, .pages = job->pages,
                              .is_foreign = image->is_foreign_allocator,
                              .own_memory = __atomic_load_n (&wire->own_memory, __ATOMIC_ACQUIRE) };
  if (held)
    job->plan.held = *held;
  if (!hat_roots_look (&job->plan))
    return FALSE;
  hat_roots_plan (&job->plan, job->roots);
  hat_copy_plan (job->contents);
  hat_copy_plan (job->roots);
  return hat_copy_read (job->roots) && hat_copy_read (job->contents);
}

/* Threads inside a reallocation: the block may be at its new place already, and nothing said so. Let them finish. */
static guint
let_movers_run (HatImage *image, HatStop *stop, gint64 deadline_ns)
{
  guint n = 0, n_running;

  for (guint i = 0; i < image->rings->len; i++)
    {
      const HatRing *ring = image->rings->pdata[i];
      n += ring->thread->stream.moving != 0 && hat_stop_let_run (stop, ring->thread->tid);
    }
  for (n_running = n; n_running > 0 && hat_clock_mono_ns () < deadline_ns; g_usleep (10))
    {
      n_running = 0;
      for (guint i = 0; i < image->rings->len; i++)
        {
          const HatRing *ring = image->rings->pdata[i];
          n_running += ring->thread->stream.moving != 0 && __atomic_load_n (&ring->wire->head, __ATOMIC_ACQUIRE) == ring->decoder.head;
        }
    }
  if (n > 0)
    hat_stop_again (stop);
  return n;
}

static void
settle (HatSnapshots *snapshots, HatImage *image, HatStop *stop)
{
  hat_images_drain (snapshots->images);
  const gint64 deadline_ns = hat_clock_mono_ns () + UNFINISHED_PATIENCE_NS;
  while (hat_clock_mono_ns () < deadline_ns && let_movers_run (image, stop, deadline_ns) > 0)
    hat_images_drain (snapshots->images);
}

/* ---- taking one ---- */

/* The writer's indices of modules, once they are known to the image; those that no stack has run through are told of now. */
static void
name_modules (HatSnapshots *snapshots, Job *job, HatImage *image)
{
  for (guint i = 0; i < job->plan.modules->len; i++)
    {
      HatFoundModule *found = &g_array_index (job->plan.modules, HatFoundModule, i);
      found->image.module = hat_modules_at (image->modules, found->image.start);
      if (found->image.module == G_MAXUINT32)
        {
          const HatModule module = hat_found_module_about (found);
          hat_stacks_add_module (snapshots->images->stacks, image->modules, &module);
          found->image.module = hat_modules_at (image->modules, found->image.start);
        }
      g_array_append_val (job->modules, found->image);
    }
  guint n;
  const HatModule *all = hat_trace_writer_modules (snapshots->images->writer, &n);
  job->code_modules = g_memdup2 (all, n * sizeof *all);
}

static guint32
thread_index (HatSnapshots *snapshots, HatImage *image, guint32 tid)
{
  for (guint i = image->threads->len; i > 0; i--)
    {
      const HatImageThread *thread = image->threads->pdata[i - 1];
      if (thread->tid == tid)
        return thread->stream.index;
    }
  /* One that has never allocated. */
  HatImageThread *thread = g_new0 (HatImageThread, 1);
  thread->tid = tid;
  thread->name = hat_proc_thread_name (image->info.pid, tid);
  thread->stream.index = hat_trace_writer_add_thread (snapshots->images->writer, image->info.index, tid, thread->name);
  g_ptr_array_add (image->threads, thread);
  return thread->stream.index;
}

static void
list_threads (HatSnapshots *snapshots, Job *job, HatImage *image)
{
  for (guint i = 0; i < job->stop->threads->len; i++)
    {
      const HatRootThread thread = { .index = thread_index (snapshots, image, g_array_index (job->stop->threads, HatStoppedThread, i).tid) };
      g_array_append_val (job->threads, thread);
    }
}

/* Half of what the system has left. */
static guint64
max_copy_bytes (HatSnapshots *snapshots)
{
  g_autofree char *text = NULL;
  const char *available = NULL;

  if (snapshots->options.max_copy_bytes > 0)
    return snapshots->options.max_copy_bytes;
  if (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    available = strstr (text, "MemAvailable:");
  return available ? g_ascii_strtoull (available + strlen ("MemAvailable:"), NULL, 10) * 1024 / 2 : G_MAXUINT64;
}

static Job *
new_job (HatSnapshots *snapshots, HatImage *image, HatSnapshotReason reason, const char *detail)
{
  Job *job = g_new0 (Job, 1);
  HatLiveSet *live = hat_stream_live (image->stream);
  const guint64 expected = hat_live_set_n_bytes (live) + hat_live_set_n_blocks (live) * BLOCK_OVERHEAD;

  job->snapshots = snapshots;
  job->process = image->info.index;
  job->strings = g_string_chunk_new (1024);
  job->result = g_new0 (HatSnapshot, 1);
  job->result->info = (HatSnapshotInfo) { .reason = reason, .detail = g_strdup (detail) };
  const gboolean is_big = expected > max_copy_bytes (snapshots);
  if (is_big && snapshots->options.contents == HAT_CONTENTS_ALL)
    job->contents = hat_copy_new_in_file (image->info.pid, expected);
  job->result->info.is_windowed = is_big && job->contents == NULL;
  job->kept = snapshots->options.contents;
  job->pages = g_array_new (FALSE, FALSE, sizeof (HatPageSpan));
  job->loader = g_array_new (FALSE, FALSE, sizeof (guint32));
  if (job->contents == NULL)
    job->contents = hat_copy_new (image->info.pid, is_big ? 0 : expected);
  job->roots = hat_copy_new (image->info.pid, 0);
  job->modules = g_array_new (FALSE, FALSE, sizeof (HatScanModule));
  job->threads = g_array_new (FALSE, FALSE, sizeof (HatRootThread));
  job->unwound = g_array_new (FALSE, FALSE, sizeof (HatUnwoundFrame));
  return job;
}

static void
refuse (HatSnapshots *snapshots, HatImage *image, const char *why)
{
  g_autofree char *text = g_strdup_printf ("no snapshot of process %u (%s): %s; recording goes on", image->info.pid, image->info.name, why);

  if (!snapshots->is_refused)
    snapshots->func (&image->info, 0, NULL, text, snapshots->data);
  snapshots->is_refused = TRUE;
  snapshots->images->session->header->holds = HAT_WIRE_HOLDS_NONE;
}

static void
account (HatSnapshots *snapshots, const Job *job, const HatImage *image)
{
  const HatSnapshotInfo *info = &job->result->info;
  HatWireHeader *header = snapshots->images->session->header;

  snapshots->totals.n++;
  snapshots->totals.total_ns += info->pause_ns;
  snapshots->totals.longest_ns = MAX (snapshots->totals.longest_ns, info->pause_ns);
  snapshots->totals.read_bytes += info->read_bytes;
  snapshots->totals.peak_bytes = MAX (snapshots->totals.peak_bytes, job->contents->size + job->roots->size);
  if (!image->is_first_process)
    snapshots->others_ns += info->pause_ns;
  if (header->holds != HAT_WIRE_HOLDS_NONE)
    header->holds = snapshots->others_ns * OTHERS_SHARE <= snapshots->images->now_ns ? HAT_WIRE_HOLDS_ALL : HAT_WIRE_HOLDS_LAUNCHED;
}

/* Stops the process, unless `stopped` says that it stands still, copies, and lets it go on; `held`: the thread that waits for this. */
static Job *
take (HatSnapshots *snapshots, HatImage *image, HatSnapshotReason reason, const char *detail, const HatHeldThread *held, HatStop *stopped)
{
  HatImages *images = snapshots->images;
  HatWireProcess *wire = hat_session_process (images->session, image->slot);
  g_autoptr (GError) error = NULL;
  hat_images_drain (images); /* the less there is to do while it stands still, and the better is known how much there is to copy */
  Job *job = new_job (snapshots, image, reason, detail);
  const gint64 start_ns = hat_clock_mono_ns ();
  HatStop *stop = job->stop = stopped ? stopped : hat_stop_process (image->info.pid, &error);

  if (stop == NULL)
    {
      if (held)
        end_hold (wire);
      if (g_error_matches (error, HAT_ERROR, HAT_ERROR_REFUSED))
        refuse (snapshots, image, error->message);
      else if (error)
        {
          g_autofree char *text = g_strdup_printf ("no snapshot of process %u: %s", image->info.pid, error->message);
          snapshots->func (&image->info, 0, NULL, text, snapshots->data);
        }
      free_job (job);
      return NULL;
    }
  settle (snapshots, image, stop);
  gboolean is_copied = copy_memory (snapshots, job, image, held);
  if (job->result->info.is_windowed)
    {
      list_blocks (snapshots, job, image);
      name_modules (snapshots, job, image);
      list_threads (snapshots, job, image);
      if ((is_copied &= begin_scan (job)))
        {
          scan_in_windows (job, image->info.pid);
          hat_scan_end (&job->scan);
        }
      /* Once more when their frames are known; but what they point to has to be looked at now. */
      hat_roots_scan (&job->plan, job->roots, (const HatRootThread *) job->threads->data, job->result);
      add_heads (job);
      g_clear_pointer (&job->result->roots, g_free);
    }
  if (held)
    end_hold (wire);
  hat_stop_release (stop);
  job->result->info.pause_ns = hat_clock_mono_ns () - start_ns;
  if (is_copied && !job->result->info.is_windowed)
    {
      list_blocks (snapshots, job, image);
      name_modules (snapshots, job, image);
      list_threads (snapshots, job, image);
    }
  if (!is_copied)
    {
      snapshots->func (&image->info, 0, NULL, "no snapshot: there is not enough memory for it; recording goes on", snapshots->data);
      free_job (job);
      return NULL;
    }
  list_doubtful (job, image);
  HatSnapshotInfo *info = &job->result->info;
  info->time_ns = MAX (images->now_ns, hat_stream_last_ns (image->stream));
  job->index = hat_trace_writer_begin_snapshot (images->writer, image->info.index, info->time_ns);
  info->read_bytes = job->contents->n_read + job->roots->n_read;
  info->n_blocks = job->n_blocks;
  info->n_threads_skipped = stop->n_skipped;
  account (snapshots, job, image);
  g_queue_push_tail (&snapshots->jobs, job);
  job->worker = g_thread_new ("snapshot", work, job);
  snapshots->func (&image->info, job->index, info, NULL, snapshots->data);
  return job;
}

char *
hat_snapshots_take (HatSnapshots *snapshots, guint32 pid, HatSnapshotReason reason, const char *detail)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < snapshots->images->running->len; i++)
    {
      HatImage *image = snapshots->images->running->pdata[i];
      if (image->is_foreign || image->info.state != HAT_IMAGE_RUNS || (pid != 0 && image->info.pid != pid))
        continue;
      const Job *job = take (snapshots, image, reason, detail, NULL, NULL);
      if (job == NULL)
        continue;
      const HatSnapshotInfo *info = &job->result->info;
      g_autofree char *pause = hat_format_time (info->pause_ns), *bytes = hat_format_bytes (info->read_bytes);
      g_string_append_printf (text, "%sprocess %u: %u blocks, %s read, paused %s", text->len ? "; " : "", image->info.pid, info->n_blocks, bytes, pause);
    }
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* ---- rounds ---- */

/* Where the watched function is, in the modules that the process has by now. */
static void
find_watched (HatSnapshots *snapshots, HatImage *image, HatWireProcess *wire)
{
  HatRootPlan plan = { .pid = image->info.pid };
  guint n = MIN (wire->n_watched, HAT_WIRE_MAX_WATCHED);

  if (image->looked_at == NULL)
    image->looked_at = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  if (hat_roots_look (&plan))
    for (guint i = 0; i < plan.modules->len; i++)
      {
        const HatFoundModule *found = &g_array_index (plan.modules, HatFoundModule, i);
        HatFunctionRange ranges[HAT_WIRE_MAX_WATCHED];
        const HatModule module = hat_found_module_about (found);
        if (found->is_hook || !g_hash_table_add (image->looked_at, g_memdup2 (&module.start, sizeof module.start)))
          continue;
        g_autoptr (HatModuleNames) names = hat_module_names_new (&module);
        const guint n_found = hat_module_names_functions (names, snapshots->options.function, ranges, HAT_WIRE_MAX_WATCHED - n);
        for (guint k = 0; k < n_found; k++)
          wire->watched[n++] = (HatWireRange) { ranges[k].start + module.bias, ranges[k].end + module.bias };
      }
  hat_roots_clear (&plan);
  wire->n_watched = n;
}

static void
answer_hold (HatSnapshots *snapshots, HatImage *image)
{
  HatWireProcess *wire = hat_session_process (snapshots->images->session, image->slot);
  guint32 expected = HAT_WIRE_HOLD_ASKED;

  if (G_LIKELY (__atomic_load_n (&wire->hold, __ATOMIC_ACQUIRE) != HAT_WIRE_HOLD_ASKED)
      || !__atomic_compare_exchange_n (&wire->hold, &expected, HAT_WIRE_HOLD_TAKEN, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return;
  const HatHeldThread held = { wire->hold_tid, wire->hold_cfa };
  wire->hold_detail[sizeof wire->hold_detail - 1] = 0;
  g_autofree char *detail = g_utf8_make_valid (wire->hold_detail, -1);
  if (image->is_foreign || snapshots->is_refused)
    end_hold (wire);
  else
    switch (wire->hold_reason)
      {
      case HAT_WIRE_HOLD_MODULES:
        find_watched (snapshots, image, wire);
        end_hold (wire);
        break;
      case HAT_WIRE_HOLD_MARK:
        take (snapshots, image, HAT_SNAPSHOT_MARK, detail, &held, NULL);
        break;
      case HAT_WIRE_HOLD_PEAK:
        take (snapshots, image, HAT_SNAPSHOT_PEAK, NULL, &held, NULL);
        break;
      case HAT_WIRE_HOLD_FUNCTION:
        take (snapshots, image, HAT_SNAPSHOT_FUNCTION, snapshots->options.function, &held, NULL);
        break;
      default:
        take (snapshots, image, HAT_SNAPSHOT_EXIT, NULL, &held, NULL);
      }
}

/* Those that are done, in order; the last peak of a process that runs is kept back. */
static void
write_ready (HatSnapshots *snapshots, gboolean all)
{
  for (GList *link = snapshots->jobs.head, *next; link; link = next)
    {
      Job *job = link->data;
      const HatImage *image = snapshots->images->all->pdata[job->process];
      next = link->next;
      if (!all && !__atomic_load_n (&job->is_ready, __ATOMIC_ACQUIRE))
        continue;
      if (job->worker)
        g_thread_join (g_steal_pointer (&job->worker));
      if (job->kept != HAT_CONTENTS_ALL)
        shed (job);
      if (is_surpassed (snapshots, job))
        free_job (job);
      else if (!all && job->result->info.reason == HAT_SNAPSHOT_PEAK && !image->is_finished)
        continue;
      else
        write_job (snapshots, job);
      g_queue_delete_link (&snapshots->jobs, link);
    }
}

/* An end that nobody asked for it to be looked at. */
static void
look_at_end (HatSnapshots *snapshots, HatStop *stop)
{
  for (guint i = 0; i < snapshots->images->running->len; i++)
    {
      HatImage *image = snapshots->images->running->pdata[i];
      if (image->info.pid != stop->pid || image->info.state != HAT_IMAGE_RUNS
          || hat_session_process (snapshots->images->session, image->slot)->held_exit != 0)
        continue;
      take (snapshots, image, HAT_SNAPSHOT_EXIT, NULL, NULL, stop);
      return;
    }
  hat_stop_release (stop);
  hat_stop_free (stop);
}

void
hat_snapshots_look (HatSnapshots *snapshots)
{
  HatImages *images = snapshots->images;
  HatStop *ending = hat_stop_follow ();

  if (ending)
    look_at_end (snapshots, ending);

  for (guint i = 0; i < images->running->len; i++)
    answer_hold (snapshots, images->running->pdata[i]);
  if (snapshots->options.every_s > 0 && images->now_ns >= snapshots->next_ns)
    {
      g_free (hat_snapshots_take (snapshots, 0, HAT_SNAPSHOT_PERIODIC, NULL));
      snapshots->next_ns = images->now_ns + snapshots->options.every_s * 1e9;
    }
  write_ready (snapshots, FALSE);
  hat_stop_release_stragglers ();
}

void
hat_snapshots_finish (HatSnapshots *snapshots)
{
  write_ready (snapshots, TRUE);
  write_types (snapshots); /* of those that a later peak made needless, too: later ones may refer to them */
  /* Those that do not stop even now are let go by the kernel, when we are gone. */
  for (guint i = 0; i < LAST_PATIENCE_MS && hat_stop_release_stragglers (); i++)
    g_usleep (1000);
}

const HatSnapshotsTotals *
hat_snapshots_totals (HatSnapshots *snapshots)
{
  snapshots->totals.n_skipped = __atomic_load_n (&snapshots->images->session->header->holds_skipped, __ATOMIC_RELAXED);
  return &snapshots->totals;
}
