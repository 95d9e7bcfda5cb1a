/* SPDX-License-Identifier: Apache-2.0
 * The end of the process: its status and its memory, told by the last exit handler or by _exit. A process that is
 * killed, or that leaves by a raw system call, tells nothing. */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

/* Whether the program has asked for a filter of system calls. Then none is made here: it may be deadly. Forked
 * children inherit this, and other programs cannot be started in the hook's way with a filter that would matter. */
bool hook_sandboxed;
void (*hook_next_syscall) (void);

static void
tell (const HookCaller *caller, int status)
{
  HatWireProcess *entry = hook_session_entry ();

  if (entry == NULL)
    return;
  __atomic_store_n (&entry->exit_status, 1 + (status & 0xff), __ATOMIC_RELEASE);
  if (!hook_sandboxed)
    hook_emit_memory (caller);
}

/* glibc hands the exit status to these handlers too, behind their argument. */
static void
on_exit_handler (void *unused, int status)
{
  HOOK_CALLER (caller);
  (void) unused;
  hook_hold_exit (caller); /* the end came from inside the C library */
  tell (caller, status);
}

int __cxa_atexit (void (*function) (void *), void *argument, void *object);

/* What is registered before the program starts is called last, after the destructors of all objects; and there is
 * always room for it without allocating. A program that never allocates makes itself known here; most have done so in a
 * constructor of a library before. */
static __attribute__ ((constructor)) void
expect_exit (void)
{
  HOOK_CALLER (caller);
  __cxa_atexit ((void (*) (void *)) (void *) on_exit_handler, NULL, NULL);
  if (!hook_provider_is_found ())
    hook_provider_find ();
  hook_emit_presence (caller);
}

static inline __attribute__ ((always_inline, noreturn)) void
leave_at_once (const HookCaller *caller, int status, const char *name)
{
  const HatWireProcess *entry = hook_session_entry ();

  /* A child of vfork runs in its parent's memory and is none of our processes. */
  if (entry && !hook_sandboxed && (uint32_t) hook_syscall (SYS_getpid, 0, 0, 0, 0, 0, 0) == entry->pid)
    {
      hook_hold_exit (caller);
      tell (caller, status);
    }
  void (*next) (int) = (void (*) (int)) hook_provider_symbol (name);
  if (next)
    next (status);
  for (;;)
    hook_syscall (SYS_exit_group, (uint64_t) status, 0, 0, 0, 0, 0);
}

HOOK_EXPORT void _exit (int status);
HOOK_EXPORT void _Exit (int status);

HOOK_EXPORT __attribute__ ((noreturn)) void
_exit (int status)
{
  HOOK_CALLER (caller);
  leave_at_once (caller, status, "_exit");
}

HOOK_EXPORT __attribute__ ((noreturn)) void
_Exit (int status)
{
  HOOK_CALLER (caller);
  leave_at_once (caller, status, "_Exit");
}

/* ---- sandboxes ---- */

HOOK_EXPORT int
prctl (int option, ...)
{
  static int (*next) (int, unsigned long, unsigned long, unsigned long, unsigned long);
  __builtin_va_list list;
  unsigned long arguments[4];

  __builtin_va_start (list, option);
  for (uint32_t i = 0; i < 4; i++)
    arguments[i] = __builtin_va_arg (list, unsigned long);
  __builtin_va_end (list);
  if (option == PR_SET_SECCOMP)
    hook_sandboxed = true;
  /* The strict sandbox, and this setting, make reading the clock deadly. */
  if ((option == PR_SET_SECCOMP && arguments[0] == SECCOMP_MODE_STRICT)
      || (option == PR_SET_TSC && arguments[0] == PR_TSC_SIGSEGV))
    hook_session_lose_clock ();
  if (next == NULL)
    next = (int (*) (int, unsigned long, unsigned long, unsigned long, unsigned long)) hook_provider_symbol ("prctl");
  return next (option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

static __attribute__ ((used)) void
find_syscall (void)
{
  hook_next_syscall = (void (*) (void)) hook_provider_symbol ("syscall");
}

/* Passes everything on as it is; even a call that returns twice. */
__asm__ (".pushsection .text\n"
         ".globl syscall\n"
         ".type syscall, @function\n"
         "syscall:\n"
         ".cfi_startproc\n"
         "cmp $317, %rdi\n" /* SYS_seccomp */
         "jne 1f\n"
         "movb $1, hook_sandboxed(%rip)\n"
         "1: cmpq $0, hook_next_syscall(%rip)\n"
         "je 2f\n"
         "jmp *hook_next_syscall(%rip)\n"
         "2: push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %r8\n push %r9\n push %rax\n"
         ".cfi_adjust_cfa_offset 56\n"
         "call find_syscall\n"
         "pop %rax\n pop %r9\n pop %r8\n pop %rcx\n pop %rdx\n pop %rsi\n pop %rdi\n"
         ".cfi_adjust_cfa_offset -56\n"
         "jmp *hook_next_syscall(%rip)\n"
         ".cfi_endproc\n"
         ".size syscall, . - syscall\n"
         ".popsection\n");
