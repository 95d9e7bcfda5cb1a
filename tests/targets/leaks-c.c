/* SPDX-License-Identifier: Apache-2.0 */

/* Blocks in C whose leak class is known: see leaks.h. */

#define _GNU_SOURCE
#include "tests/targets/leaks.h"

#include <dlfcn.h>
#include <libintl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

typedef struct Node
{
  struct Node *next, *previous;
  long payload[4];
} Node;

static Node *
node (const char *name, const char *leak_class)
{
  return note (name, leak_class, calloc (1, sizeof (Node)), sizeof (Node));
}

/* ---- held ----
 *
 * Not static: a variable that is only written to would not be there. */

void *held_by_global;

static KEEP_CALL void
make_global (void)
{
  held_by_global = note ("global", "reachable", malloc (50), 50);
}

Node *chain;

static KEEP_CALL void
make_chain (void)
{
  for (int i = 0; i < 3; i++)
    {
      Node *head = node ("chain", "reachable");
      head->next = chain;
      chain = head;
    }
}

/* libc keeps the name in a variable of its own, near the allocator's. */
static KEEP_CALL void
make_domain (void)
{
  note ("domain", "reachable", textdomain ("a domain"), 9);
}

__thread void *held_by_tls;

static KEEP_CALL void
make_tls (void)
{
  held_by_tls = note ("tls", "reachable", malloc (51), 51);
}

static KEEP_CALL void
make_key (void)
{
  pthread_key_t key;
  pthread_key_create (&key, NULL);
  pthread_setspecific (key, note ("key", "reachable", malloc (52), 52));
}

/* The 40th key lies in a second level that glibc allocates. */
static KEEP_CALL void
make_far_key (void)
{
  pthread_key_t key;
  for (int i = 0; i < 40; i++)
    pthread_key_create (&key, NULL);
  pthread_setspecific (key, note ("far_key", "reachable", malloc (53), 53));
}

static pthread_barrier_t both;

static void *
make_other_stack_thread (void *argument)
{
  void *volatile slot = note ("other_stack", "reachable", malloc (54), 54);
  pthread_barrier_wait (&both);
  for (;;)
    pause ();
  return slot;
}

static KEEP_CALL void
make_other_stack (void)
{
  pthread_t thread;
  pthread_create (&thread, NULL, make_other_stack_thread, NULL);
  pthread_barrier_wait (&both);
}

static KEEP_CALL void *
make_register_hidden (void)
{
  return hide (note ("register", "reachable", malloc (55), 55));
}

static volatile int in_register;

/* pause() for ever with the block in r12 alone. */
static void *
make_register_thread (void *argument)
{
  void *hidden = make_register_hidden ();
  scrub ();
  __asm__ volatile ("mov %1, %%r12\n\tnot %%r12\n\tmovl $1, %0\n1:\tmov $34, %%eax\n\tsyscall\n\tjmp 1b"
                    : "=m"(in_register) : "r"(hidden) : "r12", "rax", "rcx", "r11", "memory");
  return NULL;
}

static KEEP_CALL void
make_register (void)
{
  pthread_t thread;
  pthread_create (&thread, NULL, make_register_thread, NULL);
  while (!in_register)
    sched_yield ();
}

static KEEP_CALL void
make_mapping (void)
{
  void **region = mmap (NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  region[700] = note ("mapping", "reachable", malloc (56), 56);
}

Node *list_head;

static KEEP_CALL void
make_kept_doubly (void)
{
  for (int i = 0; i < 4; i++)
    {
      Node *head = node ("kept_doubly", "reachable");
      head->next = list_head;
      if (list_head)
        list_head->previous = head;
      list_head = head;
    }
}

/* The first pointer went with its block; the address was given out again. */
void *reused;

static KEEP_CALL void
make_reused (void)
{
  void **old = malloc (96);
  old[5] = note ("reused", "direct", malloc (57), 57);
  free (old);
  void **again = malloc (96);
  memset (again, 0, 96);
  reused = note ("reused", "reachable", again, 96);
}

/* ---- interior ---- */

char *inside;

static KEEP_CALL void
make_interior (void)
{
  char *block = malloc (300);
  memset (block, 1, 300);
  inside = (char *) note ("interior", "possible", block, 300) + 100;
}

/* What only an interior pointer leads to. */
Node *inside_node;

static KEEP_CALL void
make_behind_interior (void)
{
  Node *first = node ("behind_interior", "possible");
  first->payload[0] = first->payload[1] = -1;
  first->next = node ("behind_interior", "possible");
  inside_node = (Node *) &first->payload[2];
}

/* Offsets 0 to 7 are the start. */
char *tagged;

static KEEP_CALL void
make_tagged (void)
{
  tagged = (char *) note ("tagged", "reachable", calloc (1, 58), 58) + 3;
}

/* ---- lost ---- */

uintptr_t hidden;

static KEEP_CALL void
make_hidden (void)
{
  hidden = (uintptr_t) hide (note ("hidden", "direct", malloc (59), 59));
}

static KEEP_CALL void
make_dropped_list (void)
{
  Node *tail = NULL;
  for (int i = 0; i < 6; i++)
    {
      Node *head = node ("dropped_list", i == 5 ? "direct" : "indirect");
      head->next = tail;
      tail = head;
    }
}

static KEEP_CALL Node *
ring (const char *name, const char *leak_class, int n)
{
  Node *first = node (name, leak_class), *last = first;
  for (int i = 1; i < n; i++)
    {
      Node *next = node (name, leak_class);
      last->next = next;
      last = next;
    }
  last->next = first;
  return first;
}

static KEEP_CALL void
make_ring (void)
{
  ring ("ring", "cycle", 5);
}

static KEEP_CALL void
make_ring_with_tail (void)
{
  Node *first = ring ("ring_with_tail", "cycle", 3);
  first->previous = node ("ring_with_tail", "indirect");
  first->previous->next = node ("ring_with_tail", "indirect");
}

static KEEP_CALL void
make_held_ring (void)
{
  Node *holder = node ("held_ring", "direct");
  holder->next = ring ("held_ring", "indirect", 3);
}

static KEEP_CALL void
make_two_rings (void)
{
  Node *first = ring ("two_rings", "cycle", 2);
  first->previous = ring ("two_rings", "indirect", 3);
}

static KEEP_CALL void
make_self (void)
{
  Node *self = node ("self", "direct");
  self->next = self;
}

static KEEP_CALL void
make_doubly (void)
{
  Node *head = NULL;
  for (int i = 0; i < 4; i++)
    {
      Node *next = node ("doubly", "cycle");
      next->next = head;
      if (head)
        head->previous = next;
      head = next;
    }
}

/* Two lost blocks that share what they hold. */
static KEEP_CALL void
make_shared (void)
{
  Node *shared = node ("shared", "indirect");
  for (int i = 0; i < 2; i++)
    node ("shared", "direct")->next = shared;
}

static void *
make_exited_tls_thread (void *argument)
{
  held_by_tls = note ("exited_tls", "direct", malloc (60), 60);
  return NULL;
}

static KEEP_CALL void
make_exited_tls (void)
{
  pthread_t thread;
  pthread_create (&thread, NULL, make_exited_tls_thread, NULL);
  pthread_join (thread, NULL);
}

/* The loader's own blocks are not ours to classify, but none of them may be called lost. */
static KEEP_CALL void
make_loaded (void)
{
  if (dlopen ("libz.so.1", RTLD_NOW) == NULL && dlopen ("libresolv.so.2", RTLD_NOW) == NULL)
    _exit (8);
  free (dlopen ("/nonexistent.so", RTLD_NOW));
  dlerror ();
}

int
main (void)
{
  pthread_barrier_init (&both, NULL, 2);
  make_exited_tls ();
  make_global ();
  make_chain ();
  make_domain ();
  make_tls ();
  make_key ();
  make_far_key ();
  make_mapping ();
  make_kept_doubly ();
  make_reused ();
  make_interior ();
  make_behind_interior ();
  make_tagged ();
  make_hidden ();
  make_dropped_list ();
  make_ring ();
  make_ring_with_tail ();
  make_held_ring ();
  make_two_rings ();
  make_self ();
  make_doubly ();
  make_shared ();
  make_loaded ();
  make_other_stack ();
  make_register ();
  scrub ();
  finish ();
  return 0;
}
