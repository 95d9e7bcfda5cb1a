/* SPDX-License-Identifier: Apache-2.0
 * The check build: compares each stack with a generic walk from scratch, one in 256 with libgcc's unwinder, one in 1024 with libunwind,
 * and counts in the file that HOOK_CHECK_FILE names. For tests only: this file may use anything. */
#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include "core/hook/check.h"
#include "core/hook/sys.h"

enum
{
  MAX_DEPTH = 16384, /* one frame of it is how the stack ends */
  LIBGCC_EVERY = 256,
  LIBUNWIND_EVERY = 1024,
};

static_assert (LIBUNWIND_EVERY % LIBGCC_EVERY == 0, "libgcc is asked first");

typedef enum
{
  GENERIC,
  LIBGCC,
  LIBUNWIND,
  N_OTHERS,
} Other;

/* The file, as 64-bit numbers. */
typedef struct
{
  struct
  {
    uint64_t captures, differences;
  } others[N_OTHERS];
  uint64_t elsewhere; /* stacks that are not the thread's own */
  uint64_t deepest, skipped;
  uint64_t truncated; /* stacks that no walk by the rules can follow to their root */
  uint64_t disputed;  /* libunwind differs, but libgcc agrees with us */
  char first[4096]; /* text about the first differences */
} Counts;

static Counts *counts;

/* Loaded by hand and for us alone: with libunwind in its scope, the target's exceptions would go through it. */
static struct
{
  int (*get_context) (unw_context_t *);
  int (*init) (unw_cursor_t *, unw_context_t *);
  int (*step) (unw_cursor_t *);
  int (*get_register) (unw_cursor_t *, unw_regnum_t, unw_word_t *);
} libunwind;

static void
load_libunwind (void)
{
  void *library = dlopen ("libunwind.so.8", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (library == NULL)
    abort ();
#define LOAD(name) dlsym (library, #name)
  libunwind.get_context = LOAD (_Ux86_64_getcontext);
  libunwind.init = LOAD (_ULx86_64_init_local);
  libunwind.step = LOAD (_ULx86_64_step);
  libunwind.get_register = LOAD (_ULx86_64_get_reg);
  /* Its cache would not notice a library that takes the place of another. */
  int (*set_policy) (unw_addr_space_t, unw_caching_policy_t) = LOAD (_ULx86_64_set_caching_policy);
  unw_addr_space_t *space = LOAD (_ULx86_64_local_addr_space);
#undef LOAD
  set_policy (*space, UNW_CACHE_NONE);
}

__attribute__ ((constructor)) static void
open_counts (void)
{
  const char *path = getenv ("HOOK_CHECK_FILE");
  const int fd = path ? open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;

  if (fd < 0 || ftruncate (fd, sizeof (Counts)) != 0)
    return;
  void *memory = mmap (NULL, sizeof (Counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close (fd);
  if (memory == MAP_FAILED)
    return;
  load_libunwind ();
  counts = memory;
}

/* Return addresses from the leaf. */
typedef struct
{
  uint64_t *ips;
  uint32_t n;
} Stack;

static uint32_t
count_same (const Stack *a, const Stack *b)
{
  uint32_t i = 0;
  while (i < a->n && i < b->n && a->ips[i] == b->ips[i])
    i++;
  return i;
}

/* may_end: theirs may be shorter. is_confirmed: another has agreed with ours. Whether it agrees. */
static bool
compare (Other other, const Stack *ours, Stack theirs, uint64_t leaf_ip, bool may_end, bool is_confirmed)
{
  static const char *const names[N_OTHERS] = { "generic", "libgcc", "libunwind" };

  while (theirs.n > 0 && *theirs.ips != leaf_ip)
    theirs.ips++, theirs.n--;
  /* Some give the address 0 of a last frame that they cannot name. */
  if (theirs.n > 0 && theirs.ips[theirs.n - 1] == 0)
    theirs.n--;
  __atomic_fetch_add (&counts->others[other].captures, 1, __ATOMIC_RELAXED);
  const uint32_t n_same = count_same (ours, &theirs);
  if (n_same == theirs.n && (n_same == ours->n || may_end))
    return true;
  if (is_confirmed)
    {
      __atomic_fetch_add (&counts->disputed, 1, __ATOMIC_RELAXED);
      return false;
    }
  if (__atomic_fetch_add (&counts->others[other].differences, 1, __ATOMIC_RELAXED) >= 8)
    return false;
  const size_t used = strlen (counts->first);
  snprintf (counts->first + used, sizeof counts->first - used, "%s: ours %u, other %u, first difference at %u: %lx %lx leaf %lx\n",
            names[other], ours->n, theirs.n, n_same, n_same < ours->n ? ours->ips[n_same] : 0,
            n_same < theirs.n ? theirs.ips[n_same] : 0, leaf_ip);
  return false;
}

static bool
is_in_jit (const Stack *stack)
{
  for (uint32_t i = 0; i < stack->n; i++)
    {
      struct dl_find_object object;
      if (_dl_find_object ((void *) (stack->ips[i] - 1), &object) != 0)
        return true;
    }
  return false;
}

static _Unwind_Reason_Code
add_frame (struct _Unwind_Context *context, void *data)
{
  Stack *stack = data;
  if (stack->n < MAX_DEPTH)
    stack->ips[stack->n++] = _Unwind_GetIP (context);
  return _URC_NO_REASON;
}

static void
walk_with_libunwind (Stack *stack)
{
  unw_context_t context;
  unw_cursor_t cursor;

  libunwind.get_context (&context);
  libunwind.init (&cursor, &context);
  do
    libunwind.get_register (&cursor, UNW_REG_IP, &stack->ips[stack->n++]);
  while (stack->n < MAX_DEPTH && libunwind.step (&cursor) > 0);
}

/* What the words sent so far mean, by ring and node. */
typedef struct
{
  uint64_t ip;
  uint32_t parent;
} Node;

static Node *nodes[HAT_WIRE_MAX_RINGS];

void
hook_check_node (HookThread *thread, uint32_t parent, uint64_t ip)
{
  Node **of_ring = &nodes[thread->ring_index];
  if (counts == NULL)
    return;
  if (*of_ring == NULL)
    *of_ring = hook_map (HAT_WIRE_MAX_NODES * sizeof (Node));
  (*of_ring)[thread->next_node] = (Node) { ip, parent };
}

void
hook_check_stack (HookThread *thread, const HookCaller *caller, uint32_t node, bool elsewhere)
{
  static __thread uint64_t *ips;
  bool root;

  if (counts == NULL)
    return;
  if (ips == NULL)
    ips = hook_map (MAX_DEPTH * 2 * sizeof *ips);
  Stack ours = { ips + MAX_DEPTH, 0 };
  for (; node >= HAT_WIRE_FIRST_NODE; node = nodes[thread->ring_index][node].parent)
    {
      const uint64_t ip = nodes[thread->ring_index][node].ip;
      if (ip == 0 || ours.n == MAX_DEPTH - 1) /* frames are left out there */
        {
          __atomic_fetch_add (&counts->skipped, 1, __ATOMIC_RELAXED);
          return;
        }
      ours.ips[ours.n++] = ip;
    }
  if (elsewhere)
    __atomic_fetch_add (&counts->elsewhere, 1, __ATOMIC_RELAXED);
  if (ours.n > counts->deepest)
    counts->deepest = ours.n;

  thread->used_frame_pointers = 0;
  const uint32_t n = hook_unwind_generic (thread, caller, ips, MAX_DEPTH - 1, &root);
  /* How it ends is compared as if it were one frame more. */
  ours.ips[ours.n++] = 1 + (node == HAT_WIRE_NODE_ROOT);
  ips[n] = 1 + root;
  compare (GENERIC, &ours, (Stack){ ips, n + 1 }, caller->ip, false, false);
  ours.n--;
  if (!root)
    __atomic_fetch_add (&counts->truncated, 1, __ATOMIC_RELAXED);
  /* Where code has no unwind information the others end, and we go on by the chain of frame pointers. */
  const bool may_end = thread->used_frame_pointers > 0;
  /* In a JIT's code libunwind guesses, and libgcc believes what LuaJIT registers, and aborts. */
  if (may_end && is_in_jit (&ours))
    return;

  bool is_confirmed = false;
  const uint64_t number = counts->others[GENERIC].captures;
  if (number % LIBGCC_EVERY == 0)
    {
      Stack theirs = { ips, 0 };
      _Unwind_Backtrace (add_frame, &theirs);
      is_confirmed = compare (LIBGCC, &ours, theirs, caller->ip, may_end, false);
    }
  if (number % LIBUNWIND_EVERY == 0)
    {
      Stack theirs = { ips, 0 };
      walk_with_libunwind (&theirs);
      compare (LIBUNWIND, &ours, theirs, caller->ip, may_end, is_confirmed);
    }
}
