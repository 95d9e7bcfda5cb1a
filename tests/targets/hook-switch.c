/* SPDX-License-Identifier: Apache-2.0
 * hook-switch TIMES [moved]: goes from one stack to another and back as Go's runtime does between goroutines and C: by functions that have no unwind
 * information but frame pointers. Allocates TIMES blocks with 5 frames each: allocate, on_own, second, first, enter; the last is the end. */
#include <stdlib.h>

void enter (void *stack_end);
struct
{
  char *lo, *hi;
} goroutine; /* as its descriptor begins */
void *volatile kept;

__attribute__ ((used, noinline)) static void
allocate (void)
{
  free (kept);
  kept = malloc (40);
}

__asm__ (".text\n"
         "enter:\n" /* the thread's stack is left at *own */
         "push %rbp\n push %rbx\n push %r12\n"
         "mov %rsp, own(%rip)\n"
         "mov %rdi, %rsp\n"
         "xor %ebp, %ebp\n"
         "call first\n"
         "mov own(%rip), %rsp\n"
         "pop %r12\n pop %rbx\n pop %rbp\n"
         "ret\n"
         "first: push %rbp\n mov %rsp, %rbp\n call second\n nop\n pop %rbp\n ret\n"
         "second: push %rbp\n mov %rsp, %rbp\n call third\n nop\n pop %rbp\n ret\n"
         "third: push %rbp\n mov %rsp, %rbp\n call on_own\n nop\n pop %rbp\n ret\n"
         "on_own:\n" /* without a frame of its own */
         "mov %rsp, %rbx\n"
         "mov own(%rip), %rsp\n"
         "sub $64, %rsp\n"
         "and $-16, %rsp\n"
         "lea goroutine(%rip), %rax\n"
         "mov %rax, 48(%rsp)\n"
         "mov 8(%rax), %rax\n"
         "sub %rbx, %rax\n"
         "mov %rax, 40(%rsp)\n" /* how far from the end of its stack */
         "call allocate\n"
         "mov %rbx, %rsp\n"
         "ret\n"
         ".local own\n .comm own, 8, 8\n");

int
main (int argc, char **argv)
{
  const int times = argc > 1 ? atoi (argv[1]) : 1;
  char *stack = malloc (1 << 16);
  goroutine.lo = stack;
  goroutine.hi = stack + (1 << 16);
  for (int i = 0; i < times; i++)
    enter (goroutine.hi);
  /* Its stack has moved, and whoever has the old one now has something there that looks well. */
  goroutine.lo = goroutine.hi + 4096;
  goroutine.hi = goroutine.lo + (1 << 16);
  for (int i = 0; argc > 2 && i < times; i++)
    enter (stack + (1 << 16));
  free (kept);
  free (stack);
  return 0;
}
