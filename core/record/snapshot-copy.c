/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define JOIN_BYTES 512u /* a gap that costs less to read than another range */
#define PAGE 4096u
#define MAX_VECTORS 256u
#define HUGE_PAGE (2ull << 20)
#define PART (4 * HUGE_PAGE)
#define MAX_THREADS 4u
#define PAGES_AT_ONCE 4096u

/* -1: no room there. All of it is there from the start: to find out when a page is written would be too late. */
static int
open_file (gsize size)
{
  const int file = open ("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  if (file >= 0 && posix_fallocate (file, 0, size) != 0)
    {
      close (file);
      return -1;
    }
  return file;
}

static gboolean
map_memory (HatCopy *copy, gsize size)
{
  if (copy->memory)
    munmap (copy->memory, copy->mapped);
  copy->mapped = (MAX (size, PAGE) + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  const int file = copy->is_in_file ? open_file (copy->mapped) : -1;
  copy->memory = copy->is_in_file && file < 0 ? MAP_FAILED
                                              : mmap (NULL, copy->mapped, PROT_READ | PROT_WRITE,
                                                      file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, file, 0);
  if (file >= 0)
    close (file);
  if (copy->memory == MAP_FAILED)
    {
      copy->memory = NULL;
      copy->mapped = 0;
      return FALSE;
    }
  madvise (copy->memory, copy->mapped, MADV_DONTDUMP);
  madvise (copy->memory, copy->mapped, MADV_HUGEPAGE);
  return TRUE;
}

/* ---- in several threads: neither getting memory nor copying is limited by what one processor's memory can do ---- */

typedef struct
{
  HatCopy *copy;
  gsize size; /* bytes of the copy's memory to be worked on */
  gsize next; /* atomic */
  void (*work) (HatCopy *copy, gsize from, gsize to);
} Shared;

static gpointer
work_on (gpointer data)
{
  Shared *shared = data;
  gsize at;

  while ((at = __atomic_fetch_add (&shared->next, PART, __ATOMIC_RELAXED)) < shared->size)
    shared->work (shared->copy, at, MIN (at + PART, shared->size));
  return NULL;
}

/* Calls `work` for each part of the copy's first `size` bytes. */
static void
share (HatCopy *copy, gsize size, void (*work) (HatCopy *copy, gsize from, gsize to))
{
  Shared shared = { copy, size, 0, work };
  GThread *threads[MAX_THREADS - 1];
  const guint n = MIN (MIN (MAX_THREADS, g_get_num_processors ()), (size + PART - 1) / PART);

  for (guint i = 1; i < n; i++)
    threads[i - 1] = g_thread_try_new ("copy", work_on, &shared, NULL);
  work_on (&shared);
  for (guint i = 1; i < n; i++)
    if (threads[i - 1])
      g_thread_join (threads[i - 1]);
}

static void
get_memory (HatCopy *copy, gsize from, gsize to)
{
  for (gsize at = from; at < to; at += PAGE)
    copy->memory[at] = 0;
}

HatCopy *
hat_copy_new_in_file (guint32 pid, gsize expected)
{
  HatCopy *copy = hat_copy_new (pid, 0);

  copy->is_in_file = TRUE;
  if (map_memory (copy, expected))
    return copy;
  hat_copy_free (copy);
  return NULL;
}

HatCopy *
hat_copy_new (guint32 pid, gsize expected)
{
  HatCopy *copy = g_new0 (HatCopy, 1);
  copy->pid = pid;
  if (expected > 0 && map_memory (copy, expected))
    share (copy, copy->mapped, get_memory);
  copy->ranges = g_array_new (FALSE, FALSE, sizeof (HatCopyRange));
  return copy;
}

void
hat_copy_free (HatCopy *copy)
{
  if (copy == NULL)
    return;
  g_array_unref (copy->ranges);
  if (copy->memory)
    munmap (copy->memory, copy->mapped);
  g_free (copy);
}

void
hat_copy_add (HatCopy *copy, guint64 start, guint64 end)
{
  HatCopyRange *last = copy->ranges->len > 0 ? &g_array_index (copy->ranges, HatCopyRange, copy->ranges->len - 1) : NULL;
  const HatCopyRange range = { start & ~7ull, (end + 7) & ~7ull, NULL };

  if (start >= end)
    return;
  if (last && range.start >= last->start && range.start <= last->end + JOIN_BYTES)
    last->end = MAX (last->end, range.end);
  else
    g_array_append_val (copy->ranges, range);
}

/* Whether the page has something of its own in it, or in the swap. A page of a file that is as in the file has not. */
static gboolean
is_written (guint64 entry)
{
  const gboolean is_present = entry >> 63, is_swapped = entry >> 62 & 1, is_of_file = entry >> 61 & 1;
  return is_swapped || (is_present && !is_of_file);
}

void
hat_copy_add_written (HatCopy *copy, int pagemap, guint64 start, guint64 end)
{
  guint64 entries[PAGES_AT_ONCE];

  for (guint64 at = start; at < end;)
    {
      const guint64 first = at / PAGE, wanted = MIN ((end - 1) / PAGE - first + 1, PAGES_AT_ONCE);
      const gssize got = pread (pagemap, entries, wanted * 8, first * 8);
      if (got < 8)
        {
          hat_copy_add (copy, at, end);
          return;
        }
      for (guint64 i = 0; i < (guint64) got / 8; i++)
        if (is_written (entries[i]))
          hat_copy_add (copy, MAX (at, (first + i) * PAGE), MIN (end, (first + i + 1) * PAGE));
      at = (first + got / 8) * PAGE;
    }
}

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const HatCopyRange *x = a, *y = b;
  return x->start < y->start ? -1 : x->start > y->start;
}

guint64
hat_copy_plan (HatCopy *copy)
{
  HatCopyRange *ranges = (HatCopyRange *) copy->ranges->data;
  guint64 size = 0;
  guint n = 0;

  for (guint i = 1; i < copy->ranges->len; i++)
    if (ranges[i].start < ranges[i - 1].start)
      {
        g_array_sort (copy->ranges, compare_ranges);
        break;
      }
  for (guint i = 0; i < copy->ranges->len; i++)
    if (n > 0 && ranges[i].start <= ranges[n - 1].end)
      ranges[n - 1].end = MAX (ranges[n - 1].end, ranges[i].end);
    else
      ranges[n++] = ranges[i];
  g_array_set_size (copy->ranges, n);
  for (guint i = 0; i < n; i++)
    size += ranges[i].end - ranges[i].start;
  return size;
}

/* One after the other, and where a page cannot be read, what lies behind it all the same. */
static guint64
read_piecemeal (guint32 pid, guint64 start, guint64 end, guint8 *to)
{
  guint64 n_read = 0;

  while (start < end)
    {
      struct iovec local = { to, end - start }, remote = { (gpointer) (gsize) start, end - start };
      gssize got = process_vm_readv (pid, &local, 1, &remote, 1, 0);
      if (got > 0)
        n_read += got;
      else
        got = MIN (end, (start / PAGE + 1) * PAGE) - start;
      start += got;
      to += got;
    }
  return n_read;
}

/* Reads what goes to these bytes of the copy's memory. */
static void
read_part (HatCopy *copy, gsize from, gsize to)
{
  const HatCopyRange *ranges = (const HatCopyRange *) copy->ranges->data;
  struct iovec local[MAX_VECTORS], remote[MAX_VECTORS];
  guint low = 0, high = copy->ranges->len;
  guint64 n_read = 0;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (ranges[middle].bytes + (ranges[middle].end - ranges[middle].start) <= copy->memory + from)
        low = middle + 1;
      else
        high = middle;
    }
  for (gsize at = from; at < to;)
    {
      const gsize first = at;
      guint n = 0;
      for (; at < to && n < MAX_VECTORS; n++, low++)
        {
          const gsize into = copy->memory + at - ranges[low].bytes;
          const guint64 length = MIN (ranges[low].end - ranges[low].start - into, to - at);
          local[n] = (struct iovec) { copy->memory + at, length };
          remote[n] = (struct iovec) { (gpointer) (gsize) (ranges[low].start + into), length };
          at += length;
        }
      if (process_vm_readv (copy->pid, local, n, remote, n, 0) == (gssize) (at - first))
        n_read += at - first;
      else
        for (guint i = 0; i < n; i++)
          n_read += read_piecemeal (copy->pid, (gsize) remote[i].iov_base, (gsize) remote[i].iov_base + remote[i].iov_len, local[i].iov_base);
    }
  __atomic_fetch_add (&copy->n_read, n_read, __ATOMIC_RELAXED);
}

gboolean
hat_copy_read (HatCopy *copy)
{
  HatCopyRange *ranges = (HatCopyRange *) copy->ranges->data;

  for (guint i = 0; i < copy->ranges->len; i++)
    copy->size += ranges[i].end - ranges[i].start;
  if (copy->size > copy->mapped && !map_memory (copy, copy->size))
    return FALSE;
  for (guint64 i = 0, at = 0; i < copy->ranges->len; at += ranges[i].end - ranges[i].start, i++)
    ranges[i].bytes = copy->memory + at;
  share (copy, copy->size, read_part);
  return TRUE;
}

const guint8 *
hat_copy_at (const HatCopy *copy, guint64 address, guint64 *out_n)
{
  const HatCopyRange *ranges = (const HatCopyRange *) copy->ranges->data;
  guint low = 0, high = copy->ranges->len;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (ranges[middle].start <= address)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == 0 || address >= ranges[low - 1].end)
    return NULL;
  *out_n = ranges[low - 1].end - address;
  return ranges[low - 1].bytes + (address - ranges[low - 1].start);
}

gboolean
hat_copy_word (const HatCopy *copy, guint64 address, guint64 *out_value)
{
  guint64 n;
  const guint8 *bytes = hat_copy_at (copy, address, &n);

  if (bytes == NULL || n < 8)
    return FALSE;
  __builtin_memcpy (out_value, bytes, 8);
  return TRUE;
}

gboolean
hat_copy_peek (guint32 pid, guint64 address, gpointer buffer, gsize size)
{
  struct iovec local = { buffer, size }, remote = { (gpointer) (gsize) address, size };
  return process_vm_readv (pid, &local, 1, &remote, 1, 0) == (gssize) size;
}
