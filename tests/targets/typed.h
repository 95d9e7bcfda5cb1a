/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the truth programs of types share: lines that say what is true of the heap when the snapshot is taken, for
 * tests/e2e/test-typed.py, which says what each means. They go straight to the file, so that no buffer holds an address. */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/heapatlas.h"

#define KEEP_CALL __attribute__ ((noinline, noclone))

static KEEP_CALL void
say (const char *format, ...)
{
  char line[512];
  va_list list;
  va_start (list, format);
  int n = vsnprintf (line, sizeof line - 1, format, list);
  va_end (list);
  line[n++] = '\n';
  if (write (1, line, n) != n)
    _exit (9);
}

static inline void
say_block (const void *block, const char *type)
{
  say ("block|%p|%s", block, type);
}

static inline void
say_array (const void *block, const char *type, unsigned count)
{
  say ("array|%p|%s|%u", block, type, count);
}

static inline void
say_edge (const void *from, const char *field, const void *to, const char *strength)
{
  if (to)
    say ("edge|%p|%s|%p|%s", from, field, to, strength);
}

static inline void
say_count (const void *block, long strong, long weak)
{
  say ("count|%p|%ld|%ld", block, strong, weak);
}

static inline void
say_variable (const char *function, const char *name, const char *type, const void *to)
{
  say ("variable|%s|%s|%s|%p", function, name, type, to);
}

/* Writes over what dead frames and registers hold. */
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

static inline void
snapshot (void)
{
  scrub ();
  HEAPATLAS_SNAPSHOT ("held");
}
