/* SPDX-License-Identifier: Apache-2.0
 * The check build: compares each kept stack with a generic walk from scratch, one in 256 with libgcc's unwinder, and
 * counts in the file that HOOK_CHECK_FILE names. For tests only: this file may use anything. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include "core/hook/check.h"
#include "core/hook/sys.h"

enum
{
  MAX_DEPTH = 16384,
};

/* The file, as 64-bit numbers. */
typedef struct
{
  uint64_t captures, differences, libgcc_captures, libgcc_differences, deepest, skipped;
  char first[4096]; /* text about the first differences */
} Counts;

static Counts *counts;

__attribute__ ((constructor)) static void
open_counts (void)
{
  const char *path = getenv ("HOOK_CHECK_FILE");
  const int fd = path ? open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;

  if (fd < 0 || ftruncate (fd, sizeof (Counts)) != 0)
    return;
  void *memory = mmap (NULL, sizeof (Counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close (fd);
  if (memory != MAP_FAILED)
    counts = memory;
}

static void
say (const char *what, const HookThread *thread, const uint64_t *ips, uint32_t n)
{
  const size_t used = strlen (counts->first);
  uint32_t i = 0, kept = thread->n_frames;

  while (i < n && i < kept && ips[i] == thread->frame_ip[kept - 1 - i])
    i++;
  snprintf (counts->first + used, sizeof counts->first - used,
            "%s: kept %u, other %u, first difference at %u: %lx %lx leaf %lx sp %lx\n", what, kept, n, i,
            i < kept ? thread->frame_ip[kept - 1 - i] : 0, i < n ? ips[i] : 0, thread->frame_ip[kept - 1],
            i < kept ? thread->frame_sp[kept - 1 - i] : 0);
}

typedef struct
{
  uint64_t *ips;
  uint32_t n;
} Trace;

static _Unwind_Reason_Code
add_frame (struct _Unwind_Context *context, void *data)
{
  Trace *trace = data;
  if (trace->n < MAX_DEPTH)
    trace->ips[trace->n++] = _Unwind_GetIP (context);
  return _URC_NO_REASON;
}

static bool
is_different (const HookThread *thread, const uint64_t *ips, uint32_t n)
{
  if (n != thread->n_frames)
    return true;
  for (uint32_t i = 0; i < n; i++)
    if (ips[i] != thread->frame_ip[n - 1 - i])
      return true;
  return false;
}

void
hook_check_stack (HookThread *thread, const HookCaller *caller)
{
  static __thread uint64_t *ips;
  bool root;

  if (counts == NULL)
    return;
  if (ips == NULL)
    ips = hook_map (MAX_DEPTH * 2 * sizeof *ips);
  if (thread->n_frames >= MAX_DEPTH / 2)
    {
      __atomic_fetch_add (&counts->skipped, 1, __ATOMIC_RELAXED);
      return;
    }
  uint32_t n = hook_unwind_generic (thread, caller, ips, MAX_DEPTH, &root);
  const uint64_t number = __atomic_fetch_add (&counts->captures, 1, __ATOMIC_RELAXED);
  if ((is_different (thread, ips, n) || !root) && __atomic_fetch_add (&counts->differences, 1, __ATOMIC_RELAXED) < 8)
    say ("generic", thread, ips, n);
  if (thread->n_frames > counts->deepest)
    counts->deepest = thread->n_frames;
  if (number % 256 != 0)
    return;

  Trace trace = { ips, 0 };
  thread->used_frame_pointers = 0;
  _Unwind_Backtrace (add_frame, &trace);
  uint32_t skip = 0;
  while (skip < trace.n && trace.ips[skip] != caller->ip)
    skip++;
  n = trace.n - skip;
  /* libgcc gives the address 0 of a last frame that it cannot name. */
  if (n > 0 && trace.ips[trace.n - 1] == 0)
    n--;
  __atomic_fetch_add (&counts->libgcc_captures, 1, __ATOMIC_RELAXED);
  if (is_different (thread, trace.ips + skip, n)
      && __atomic_fetch_add (&counts->libgcc_differences, 1, __ATOMIC_RELAXED) < 8)
    say ("libgcc", thread, trace.ips + skip, n);
}
