/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* System calls by hand: no errno, no cancellation points, nothing that a library could have replaced. */

#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static inline long
hook_syscall (long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
  long result;
  register uint64_t r10 __asm__ ("r10") = d;
  register uint64_t r8 __asm__ ("r8") = e;
  register uint64_t r9 __asm__ ("r9") = f;
  __asm__ volatile ("syscall"
                    : "=a" (result)
                    : "a" (number), "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
                    : "rcx", "r11", "memory");
  return result;
}

static inline bool
hook_failed (const void *mapping)
{
  return (uint64_t) mapping > -4096ul;
}

static inline void *
hook_map (size_t size)
{
  return (void *) hook_syscall (SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                               -1ul, 0);
}

/* A private mapping that forked children see zeroed and core dumps leave out; NULL on failure. */
static inline void *
hook_map_wiped (size_t size)
{
  void *memory = hook_map (size);
  if (hook_failed (memory))
    return NULL;
  if (hook_syscall (SYS_madvise, (uint64_t) memory, size, MADV_WIPEONFORK, 0, 0, 0) != 0)
    {
      hook_syscall (SYS_munmap, (uint64_t) memory, size, 0, 0, 0, 0);
      return NULL;
    }
  hook_syscall (SYS_madvise, (uint64_t) memory, size, MADV_DONTDUMP, 0, 0, 0);
  return memory;
}

static inline int
hook_open (const char *path)
{
  return (int) hook_syscall (SYS_openat, (uint64_t) AT_FDCWD, (uint64_t) path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

static inline long
hook_read (int fd, void *buffer, size_t size)
{
  return hook_syscall (SYS_read, (uint64_t) fd, (uint64_t) buffer, size, 0, 0, 0);
}

static inline void
hook_close (int fd)
{
  hook_syscall (SYS_close, (uint64_t) fd, 0, 0, 0, 0, 0);
}

static inline void
hook_yield (void)
{
  hook_syscall (SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* Whether the page at address can be read. The kernel copies the signal set before it looks at the (invalid) `how`;
 * of all calls that test memory this one is the least likely to be forbidden in a sandbox. */
static inline bool
hook_page_readable (uint64_t address)
{
  return hook_syscall (SYS_rt_sigprocmask, ~0ul, address & ~4095ul, 0, 8, 0, 0) == -22;
}

/* Blocks or restores all signals, for the moments in which a handler must not run, let alone leave by longjmp. */
static inline uint64_t
hook_block_signals (void)
{
  const uint64_t all = ~0ul;
  uint64_t before = 0;
  hook_syscall (SYS_rt_sigprocmask, 2, (uint64_t) &all, (uint64_t) &before, 8, 0, 0);
  return before;
}

static inline void
hook_restore_signals (uint64_t before)
{
  hook_syscall (SYS_rt_sigprocmask, 2, (uint64_t) &before, 0, 8, 0, 0);
}
