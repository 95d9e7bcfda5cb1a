/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#define KEEP_CALL __attribute__ ((noinline, noclone))

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
