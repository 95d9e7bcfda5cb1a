/* SPDX-License-Identifier: Apache-2.0
 * Brings its own malloc, whose functions begin in the ways that compilers let functions begin, and calls it directly and through libraries.
 * Prints as JSON what it counted. -DFREE='...': a free that begins in another way. */
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char pool[64 << 20] __attribute__ ((aligned (4096)));
static size_t used;
unsigned long calls; /* counted by the entries themselves */
static unsigned long allocations, frees, reallocations;

__attribute__ ((used)) static void *
own_memalign (size_t alignment, size_t size)
{
  used = (used + alignment - 1 + 16) & ~(alignment - 1);
  void *block = pool + used;
  ((size_t *) block)[-1] = size;
  used += size;
  allocations++;
  return block;
}

__attribute__ ((used)) static void *
own_malloc (size_t size)
{
  return own_memalign (16, size);
}

__attribute__ ((used)) static void *
own_zeroed (size_t size)
{
  return own_malloc (size);
}

__attribute__ ((used)) static void
own_free (void *block)
{
  frees++;
}

__attribute__ ((used)) static void *
own_realloc (void *old, size_t size)
{
  void *block = own_malloc (size);
  if (old)
    {
      const size_t before = ((size_t *) old)[-1];
      memcpy (block, old, before < size ? before : size);
      allocations--;
      reallocations++;
    }
  return block;
}

__attribute__ ((used)) static int
own_posix_memalign (void **out, size_t alignment, size_t size)
{
  *out = own_memalign (alignment, size);
  return 0;
}

#define FUNCTION(name, code) ".globl " #name "\n.type " #name ", @function\n.balign 16\n" #name ":\n.cfi_startproc\n" code ".cfi_endproc\n.size " #name ", . - " #name "\n"
#define CALL(name) "push %rax\n.cfi_adjust_cfa_offset 8\ncall " #name "\npop %rcx\n.cfi_adjust_cfa_offset -8\nret\n"
#define FAR_JUMP(name) ".byte 0xe9\n.long " #name " - . - 4\n"

#ifndef FREE
#define FREE "test %rdi, %rdi\nje 1f\n" FAR_JUMP (own_free) "1: ret\n"
#endif

__asm__ (".text\n"
         /* an address relative to where it stands */
         FUNCTION (malloc, "mov calls(%rip), %rax\ninc %rax\nmov %rax, calls(%rip)\n" CALL (own_malloc))
         /* a short jump that is taken or not */
         FUNCTION (free, FREE)
         /* a call among the first five bytes */
         FUNCTION (calloc, "imul %rsi, %rdi\n.byte 0xe8\n.long count_and_zero - . - 4\nret\n")
         FUNCTION (count_and_zero, "incq calls(%rip)\n" FAR_JUMP (own_zeroed))
         /* nothing but a jump */
         FUNCTION (realloc, FAR_JUMP (own_realloc))
         /* what a frame pointer, saved registers and -fcf-protection make */
         FUNCTION (posix_memalign, "endbr64\npush %rbp\n.cfi_adjust_cfa_offset 8\nmov %rsp, %rbp\npush %r14\npush %rbx\nlea -16(%rsp), %rsp\n"
                                   "call own_posix_memalign\nlea 16(%rsp), %rsp\npop %rbx\npop %r14\npop %rbp\n.cfi_adjust_cfa_offset -8\nret\n")
         /* the canary of a stack protector */
         FUNCTION (aligned_alloc, "mov %fs:0x28, %rax\n" CALL (own_memalign))
         /* a long jump, and a comparison with a large number */
         FUNCTION (memalign, "cmp $0x100000, %rdi\n.byte 0x0f, 0x87\n.long own_memalign - . - 4\n" CALL (own_memalign))
         /* a constant */
         FUNCTION (valloc, "mov %rdi, %rsi\nmov $4096, %edi\n" CALL (own_memalign))
         /* an address in a table */
         FUNCTION (_Znwm, "jmp *new_table(%rip)\n")
         FUNCTION (_ZdlPv, "sub $8, %rsp\nadd $8, %rsp\n" FAR_JUMP (own_free))
         ".section .data.rel.local, \"aw\"\nnew_table: .quad own_malloc\n.text\n");

void *_Znwm (size_t size);
void _ZdlPv (void *block);

__attribute__ ((noinline)) static void
use (void *block)
{
  memset (block, 1, 8);
  free (block);
}

extern void *early;

int
main (void)
{
  use (early);
  for (int i = 0; i < 1000; i++)
    {
      void *block;
      use (malloc (8 + i));
      use (calloc (3, 8 + i));
      use (realloc (realloc (NULL, 8), 100 + i));
      use (aligned_alloc (64, 64));
      use (memalign (128, 100));
      use (memalign (1 << 21, 100));
      use (valloc (8));
      if (posix_memalign (&block, 32, 40) == 0)
        use (block);
      use (strdup ("0123456789"));
      _ZdlPv (_Znwm (24));
      free (NULL);
      used = 0; /* nothing is live */
    }
  const pid_t child = fork ();
  if (child == 0)
    {
      for (int i = 0; i < 10; i++)
        use (malloc (16));
      _exit (0);
    }
  waitpid (child, NULL, 0);
  char text[200];
  const int n = snprintf (text, sizeof text, "{\"allocations\": %lu, \"frees\": %lu, \"reallocations\": %lu, \"calls\": %lu}\n", allocations, frees, reallocations, calls);
  return write (1, text, n) != n;
}
