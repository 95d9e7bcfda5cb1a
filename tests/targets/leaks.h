/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the truth programs of leaks share. Each block of a program's own is noted with the class that it must be found in; finish()
 * prints them: "case class address size". What is noted is kept inverted, so that the table holds no pointers.
 *
 * A stale word in a register or a stack slot would hold a block that the source says is lost: blocks are made in functions that
 * are not inlined (named make_CASE: memcheck's reports are told apart by them), and scrub() writes over their frames afterwards. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEEP_CALL __attribute__ ((noinline, noclone))

typedef struct
{
  const char *name, *leak_class;
  uintptr_t hidden;
  size_t size;
} NotedBlock;

static NotedBlock noted[200];
static unsigned n_noted;

static KEEP_CALL void *
note (const char *name, const char *leak_class, void *block, size_t size)
{
  NotedBlock *entry = &noted[n_noted++];
  entry->name = name;
  entry->leak_class = leak_class;
  entry->hidden = ~(uintptr_t) block;
  entry->size = size;
  return block;
}

static inline void *
hide (void *block)
{
  return (void *) ~(uintptr_t) block;
}

static KEEP_CALL void
scrub (void)
{
  char frames[32768];
  memset (frames, 0, sizeof frames);
  __asm__ volatile ("" : : "r"(frames) : "memory");
  __asm__ volatile ("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\txor %%esi, %%esi\n\txor %%edi, %%edi\n\t"
                    "xor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\txor %%r11d, %%r11d\n\tpxor %%xmm0, %%xmm0\n\t"
                    "pxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3"
                    : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "memory");
}

static KEEP_CALL void
finish (void)
{
  static char line[256];
  for (unsigned i = 0; i < n_noted; i++)
    {
      const int n = snprintf (line, sizeof line, "%s %s 0x%lx %zu\n", noted[i].name, noted[i].leak_class,
                              (unsigned long) ~noted[i].hidden, noted[i].size);
      if (write (1, line, (size_t) n) != n)
        _exit (9);
    }
  scrub ();
}
