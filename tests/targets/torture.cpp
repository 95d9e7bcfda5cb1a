// SPDX-License-Identifier: Apache-2.0
// torture ROUNDS: stacks of every shape with allocations in all of them: exceptions, longjmp, alloca, variable-length
// arrays, over-aligned frames, tail calls, signal handlers on this and on another stack, coroutines, threads. Prints
// how often there was an allocation in each of them, "SHAPE N".
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <alloca.h>
#include <ucontext.h>

struct Random
{
  unsigned state = 1;
  unsigned operator() () { state = state * 1664525 + 1013904223; return state >> 9; }
};

// An exception, a longjmp and a tail call count when what follows them allocates.
enum Shape { ALLOCA, VLA, ALIGNED, TAIL_CALL, EXCEPTION, LONGJMP, SIGNAL, OTHER_STACK, COROUTINE, N_SHAPES };
static const char *const shape_names[] = { "alloca", "vla", "over-aligned", "tail-call", "exception", "longjmp", "signal", "signal-elsewhere",
                                           "coroutine" };
static unsigned long seen[N_SHAPES];

static thread_local Random random_;
static thread_local void *kept[256];
static thread_local jmp_buf back;
static thread_local bool may_jump;

static void
touch ()
{
  unsigned k = random_ () & 255;
  free (kept[k]);
  kept[k] = malloc (8 + random_ () % 200);
}

// The same, and counts it.
static void
touch_in (Shape shape)
{
  __atomic_fetch_add (&seen[shape], 1, __ATOMIC_RELAXED);
  touch ();
}

static int any (int depth);

[[gnu::noinline]] static int
with_alloca (int depth)
{
  volatile char *p = (volatile char *) alloca (16 + random_ () % 300);
  p[0] = 1;
  touch_in (ALLOCA);
  int r = depth > 0 ? any (depth - 1) : 0;
  touch ();
  return r + p[0];
}

[[gnu::noinline]] static int
aligned_frame (int depth)
{
  alignas (64) volatile char room[128];
  room[0] = 2;
  touch_in (ALIGNED);
  int r = depth > 0 ? with_alloca (depth - 1) : 0;
  touch ();
  return r + room[0];
}

[[gnu::noinline]] static int
aligned_alloca_frame (int depth)
{
  alignas (128) volatile char room[256];
  volatile char *p = (volatile char *) alloca (16 + random_ () % 100);
  room[0] = 2;
  p[0] = 1;
  touch_in (ALIGNED);
  int r = depth > 0 ? any (depth - 1) : 0;
  touch ();
  return r + room[0] + p[0];
}

[[gnu::noinline]] static int
tail_call (int depth)
{
  touch_in (TAIL_CALL);
  if (depth > 0)
    return any (depth - 1);
  return 1;
}

[[gnu::noinline]] static int
variable_array (int depth, int n)
{
  volatile int array[n + 1];
  array[n] = depth;
  touch_in (VLA);
  int r = depth > 0 ? aligned_frame (depth - 1) : 0;
  return r + array[n];
}

[[gnu::noinline]] static int
throws (int depth)
{
  if (random_ () % 8 == 0)
    throw std::runtime_error ("a text that is too long for the small string buffer " + std::to_string (depth));
  touch ();
  return with_alloca (depth) + 1;
}

[[gnu::noinline]] static int
catches (int depth)
{
  try
    {
      return depth > 0 ? throws (depth - 1) + 1 : 0;
    }
  catch (const std::exception &e)
    {
      touch_in (EXCEPTION);
      return (int) std::string (e.what ()).size ();
    }
}

[[gnu::noinline, gnu::optimize ("no-omit-frame-pointer")]] static int
frame_pointer (int depth)
{
  touch ();
  int r = depth > 0 ? any (depth - 1) : 0;
  touch ();
  return r + 1;
}

[[gnu::noinline]] static int
any (int depth)
{
  switch (random_ () % 9)
    {
    case 0:
      return with_alloca (depth);
    case 1:
      return aligned_frame (depth) + 1;
    case 2:
      return tail_call (depth);
    case 3:
      return variable_array (depth, random_ () % 64) + 1;
    case 4:
      return catches (depth);
    case 5:
      if (may_jump && random_ () % 32 == 0)
        longjmp (back, 1);
      touch ();
      return depth > 0 ? any (depth - 1) + 1 : 0;
    case 6:
      return aligned_alloca_frame (depth);
    case 7:
      return frame_pointer (depth);
    default:
      if (random_ () % 16 == 0)
        raise (random_ () % 2 ? SIGUSR1 : SIGUSR2);
      touch ();
      return 0;
    }
}

static stack_t other;

static void
on_signal (int)
{
  volatile char here = 0;
  touch_in (&here >= (char *) other.ss_sp && &here < (char *) other.ss_sp + other.ss_size ? OTHER_STACK : SIGNAL);
  may_jump = false;
  with_alloca (1);
}

// Two outer functions called from one place put the same inner frames at the same addresses, but end at different
// heights: only a saved rbp, or the word that an over-aligned frame finds its caller by, tells that the stack
// changed; old return addresses stay in the gap.
static int
touch_below (int n)
{
  touch ();
  return n;
}

[[gnu::noinline, gnu::optimize ("no-omit-frame-pointer")]] static int
saves_rbp (int n)
{
  int r = touch_below (n);
  __asm__ volatile ("");
  return r + 1;
}

[[gnu::noinline]] static int
inner_alloca (int n)
{
  volatile char *p = (volatile char *) alloca (16 + n * 64);
  p[0] = 1;
  /* Here even the state differs in rbp only. */
  void *volatile block = malloc (40);
  free (block);
  return saves_rbp (n) + p[0];
}

[[gnu::noinline]] static int
inner_aligned (int n)
{
  alignas (256) volatile char room[256];
  volatile int size = 32;
  volatile char *p = (volatile char *) alloca (size);
  room[0] = p[0] = 1;
  return saves_rbp (n) + room[0];
}

template <int which>
[[gnu::noinline]] static int
outer_alloca (int n)
{
  volatile char *p = (volatile char *) alloca (16 + n * 64);
  p[0] = which;
  return inner_alloca (8 - n) + p[0];
}

template <int which>
[[gnu::noinline]] static int
outer_aligned (int n)
{
  volatile char *p = (volatile char *) alloca (16 + n * 16);
  p[0] = which;
  return inner_aligned (n) + p[0];
}

[[gnu::noinline]] static int
shifted ()
{
  static int (*const outers[]) (int) = { outer_alloca<1>, outer_alloca<2>, outer_alloca<3>, outer_aligned<1>, outer_aligned<2>,
                                         outer_aligned<3> };
  volatile int sum = 0;
  for (volatile int i = 0; i < 12; i = i + 1)
    sum = sum + outers[i / 6 * 3 + i % 3](i % 3 + 1);
  return sum;
}

static ucontext_t main_context, coroutine;

static void
run_coroutine ()
{
  for (;;)
    {
      may_jump = false;
      with_alloca (5);
      swapcontext (&coroutine, &main_context);
      touch_in (COROUTINE);
    }
}

static void
work (int rounds, bool with_coroutine)
{
  for (volatile int i = 0; i < rounds; i = i + 1)
    {
      shifted ();
      may_jump = true;
      if (setjmp (back) == 0)
        try
          {
            any (random_ () % 40);
          }
        catch (const std::exception &)
          {
            touch ();
          }
      else
        touch_in (LONGJMP);
      touch ();
      if (with_coroutine && i % 7 == 0)
        swapcontext (&main_context, &coroutine);
    }
}

int
main (int argc, char **argv)
{
  int rounds = argc > 1 ? atoi (argv[1]) : 2000;
  other.ss_size = 65536;
  other.ss_sp = malloc (other.ss_size);
  sigaltstack (&other, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction (SIGUSR1, &action, nullptr);
  action.sa_flags = SA_ONSTACK;
  sigaction (SIGUSR2, &action, nullptr);

  getcontext (&coroutine);
  coroutine.uc_stack.ss_size = 262144;
  coroutine.uc_stack.ss_sp = malloc (coroutine.uc_stack.ss_size);
  makecontext (&coroutine, run_coroutine, 0);

  work (rounds, true);
  std::thread first (work, rounds, false), second (work, rounds, false);
  first.join ();
  second.join ();
  for (int i = 0; i < N_SHAPES; i++)
    printf ("%s %lu\n", shape_names[i], seen[i]);
  return 0;
}
