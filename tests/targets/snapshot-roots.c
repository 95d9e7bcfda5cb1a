/* SPDX-License-Identifier: Apache-2.0
 * snapshot-roots HOW: keeps blocks in every kind of place and ends as HOW says, or does what it says. Every block is told by its size; each line of
 * output is "PLACE SIZE". What "lost" names is pointed to by nothing (but by what a snapshot must not look at). */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/heapatlas.h"

void *in_global;
static void *volatile in_static[3];
__thread void *in_thread_local;
static pthread_key_t key;
static char *volatile interior, *volatile behind_length;
void keep_in_library (void *block); /* of snapshot-library */
static volatile uintptr_t hidden;
static pthread_barrier_t barrier;
static unsigned n_spinning; /* that hold their block in a register by now */
static char alternate_stack[65536];

static void *
make (const char *place, size_t size)
{
  char *block = malloc (size);
  memset (block, 0, size);
  printf ("%s %zu\n", place, size);
  return block;
}

/* Never inlined, and nothing of its frame stays behind: its caller's frames are overwritten after it. */
static __attribute__ ((noinline)) void
lose (void)
{
  void *volatile chain = make ("lost", 1000);
  *(void *volatile *) chain = make ("lost-child", 1001);
  void *volatile freed = make ("freed", 1002);
  *(void *volatile *) freed = make ("lost", 1003); /* held by freed memory only */
  free (freed);
  void *volatile big = malloc (1 << 20);
  *(void *volatile *) big = make ("lost", 1004); /* held by memory that was given back */
  free (big);
  hidden = ~(uintptr_t) make ("lost", 1005); /* a pointer nobody can read */
}

/* Before a free chunk, whose header lies in this block's last bytes: there the allocator's own list points. */
static __attribute__ ((noinline)) void
lose_before_a_free_chunk (void)
{
  void *volatile block = make ("lost", 1032);
  void *volatile next = malloc (2000);
  static void *volatile guard;
  guard = make ("guard", 1033);
  free (next);
}

static __attribute__ ((noinline)) void
overwrite (void)
{
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; i++)
    room[i] = 0;
}

static __attribute__ ((noinline)) void
wait_in_frame (void)
{
  void *volatile mine = make ("thread-stack", 2000);
  pthread_barrier_wait (&barrier);
  for (;;)
    pause ();
  free (mine);
}

static void *
be_a_thread (void *argument)
{
  in_thread_local = make ("thread-tls", 2001);
  pthread_setspecific (key, make ("thread-key", 2002));
  lose ();
  overwrite ();
  wait_in_frame ();
  return argument;
}

/* Nothing but a register holds it. */
static void *
spin (void *argument)
{
  register void *held __asm__ ("r12") = make ("register", 2003);
  pthread_barrier_wait (&barrier);
  __asm__ volatile ("lock incl %1\n 1: pause\n jmp 1b" : : "r" (held), "m" (n_spinning));
  return argument;
}

static void *
spin_in_vector (void *argument)
{
  void *held = make ("vector", 2004);
  pthread_barrier_wait (&barrier);
  __asm__ volatile ("movq %0, %%xmm9\n xor %0, %0\n xor %%eax, %%eax\n lock incl %1\n 1: pause\n jmp 1b" : "+r" (held) : "m" (n_spinning) : "xmm9", "rax");
  return argument;
}

/* The upper half of a register that only AVX-512 has, as far as there is one. */
static __attribute__ ((target ("avx512f"))) void *
spin_in_big_vector (void *argument)
{
  void *held[8] = { 0 };
  held[6] = make ("big-vector", 2008);
  __asm__ volatile ("vmovdqu64 %0, %%zmm17" : : "m" (held) : "xmm17");
  held[6] = NULL;
  pthread_barrier_wait (&barrier);
  __asm__ volatile ("xor %%eax, %%eax\n xor %%ecx, %%ecx\n lock incl %0\n 1: pause\n jmp 1b" : : "m" (n_spinning) : "rax", "rcx");
  return argument;
}

static void
on_signal (int number)
{
  void *volatile mine = make ("alternate-stack", 2005);
  pthread_barrier_wait (&barrier);
  for (;;)
    pause ();
  free (mine);
}

static __attribute__ ((noinline)) void
raise_on_own_stack (void)
{
  void *volatile below = make ("below-a-handler", 2006);
  raise (SIGUSR1);
  free (below);
}

static void *
handle (void *argument)
{
  const stack_t stack = { .ss_sp = alternate_stack, .ss_size = sizeof alternate_stack };
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
  sigaltstack (&stack, NULL);
  sigaction (SIGUSR1, &action, NULL);
  raise_on_own_stack ();
  return argument;
}

static void *
be_short (void *argument)
{
  void *volatile mine = make ("lost", 2007); /* its stack is kept for the next thread */
  (void) mine;
  return argument;
}

static __attribute__ ((noinline)) void
start_threads (void)
{
  static void *(*const bodies[]) (void *) = { be_a_thread, spin, spin_in_vector, handle, spin_in_big_vector };
  const size_t has_big_vectors = __builtin_cpu_supports ("avx512f") != 0;
  pthread_t thread;

  pthread_barrier_init (&barrier, NULL, has_big_vectors ? 6 : 5);
  pthread_create (&thread, NULL, be_short, NULL);
  pthread_join (thread, NULL);
  for (size_t i = 0; i < 4 + has_big_vectors; i++)
    pthread_create (&thread, NULL, bodies[i], NULL);
  pthread_barrier_wait (&barrier);
  while (__atomic_load_n (&n_spinning, __ATOMIC_ACQUIRE) < 2 + has_big_vectors)
    usleep (1000);
}

/* A block that moves all the time, and holds another one. */
static void *
keep_moving (void *argument)
{
  void **mine = make ("moving", 64);
  mine[5] = make ("held-by-moving", 6000 + (size_t) argument);
  pthread_barrier_wait (&barrier);
  for (size_t i = 0;; i++)
    in_static[0] = mine = realloc (mine, 64 + i % 50 * 4096);
}

static __attribute__ ((noinline)) void
fill (void)
{
  in_global = make ("global", 100);
  in_static[1] = make ("static", 101);
  *(void **) in_global = make ("reached-from-global", 102);
  in_thread_local = make ("tls", 103);
  interior = (char *) make ("interior", 104) + 40;
  behind_length = (char *) memcpy (make ("behind-length", 108), &(size_t) { 100 }, sizeof (size_t)) + 8;
  ((char **) in_global)[1] = (char *) memcpy (make ("behind-words", 109), (size_t[]) { 7, 8, 9 }, 24) + 24;
  keep_in_library (make ("library-tls", 110));
  pthread_key_create (&key, NULL);
  pthread_setspecific (key, make ("key", 105));
  void **pool = mmap (NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pool[777] = make ("mapping", 106);
  in_static[2] = make ("big", 1 << 20);
  ((void **) in_static[2])[1000] = make ("reached-from-big", 107);
}

static __attribute__ ((noinline)) void
watched_function (void)
{
  static void *volatile kept;
  kept = make ("watched", 5000);
}

/* A heap that lives for a moment only. */
static __attribute__ ((noinline)) void
grow_and_shrink (void)
{
  void *blocks[200];
  for (int i = 0; i < 200; i++)
    blocks[i] = make ("peak", 3000);
  in_static[0] = blocks[7];
  for (int i = 0; i < 200; i++)
    free (blocks[i]);
  in_static[0] = NULL;
}

int
main (int argc, char **argv)
{
  const char *how = argv[1];

  setvbuf (stdout, NULL, _IONBF, 0);
  lose ();
  overwrite ();
  fill ();
  overwrite ();
  void *volatile on_stack = make ("main-stack", 300);
  (void) on_stack;
  if (strstr (how, "threads"))
    start_threads ();
  if (strstr (how, "moving"))
    {
      pthread_t thread;
      pthread_barrier_init (&barrier, NULL, 5);
      for (size_t i = 0; i < 4; i++)
        pthread_create (&thread, NULL, keep_moving, (void *) i);
      pthread_barrier_wait (&barrier);
      usleep (50000); /* so that they are somewhere */
    }
  lose_before_a_free_chunk ();
  overwrite ();
  if (strstr (how, "mark"))
    {
      HEAPATLAS_SNAPSHOT ("here");
      free (in_global);
    }
  if (strstr (how, "peak"))
    grow_and_shrink ();
  if (strstr (how, "watch") && !strstr (how, "child-watch"))
    watched_function ();
  if (strstr (how, "wait"))
    for (puts ("ready");;)
      pause ();
  if (strstr (how, "_exit"))
    _exit (3);
  if (strstr (how, "quick"))
    quick_exit (3);
  if (strstr (how, "exit"))
    exit (3);
  if (strstr (how, "abort"))
    abort ();
  if (strstr (how, "assert"))
    assert (how == NULL);
  if (strstr (how, "raw"))
    syscall (SYS_exit_group, 3);
  if (strstr (how, "crash"))
    raise (SIGSEGV);
  if (strstr (how, "pthread"))
    pthread_exit (NULL);
  if (strstr (how, "undumpable"))
    prctl (PR_SET_DUMPABLE, 0);
  if (strstr (how, "vfork"))
    {
      if (vfork () == 0)
        _exit (0);
    }
  else if (strstr (how, "fork"))
    for (int i = 0; i < 3; i++)
      if (fork () == 0)
        {
          in_static[0] = make ("child", 4000 + i);
          if (strstr (how, "child-watch"))
            watched_function ();
          exit (0);
        }
      else
        wait (NULL);
  return 3;
}
