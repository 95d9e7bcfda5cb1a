/* SPDX-License-Identifier: Apache-2.0
 * collect OUT [--no-follow] [--free-stacks] [--stop-after EVENTS] [--when-full] [--rings N] [--events] [--discard]
 * PROGRAM [ARG...]: a recorder for the hook's tests. It drains the rings while PROGRAM runs (--when-full: each time one of
 * them is full, and at the end; --rings: there are no more for threads; --discard: does not look at the words), knows nothing of traces, and
 * writes facts to OUT as lines of words:
 *
 *   process SLOT PID KIND PARENT FORK_ID EXE provider PATH argv0 NAME
 *   event SLOT TYPE ADDRESS SIZE OLD DEPTH COMPLETE OWN     with --events
 *   totals SLOT NAME VALUE...
 *   mark SLOT NAME / module SLOT START END BUILD_ID PATH / fork SLOT ID / status N / lost N / bad N / rings N / blocked
 * N / ips N
 *
 * own = the call came straight from the main program. Events of one process are ordered by time over all its rings at
 * the end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/wire/wire.h"

typedef struct
{
  uint64_t tick, address, size, old;
  uint64_t order;
  uint32_t type, depth;
  uint32_t process;
  bool truncated, cut, own;
  uint32_t node, ring;
} Event;

typedef struct
{
  uint32_t parent;
  uint64_t ip;
  bool cut;
} Node;

typedef struct
{
  uint64_t *body, at, tick;
  uint64_t xaddr, xsize;
  bool has_xaddr, has_xsize;
  Node *nodes;
  uint32_t n_nodes, cap_nodes;
  uint32_t process, state;
  uint64_t blocked;
} Ring;

typedef struct
{
  uint64_t start, end, bias;
  char name[512];
} Module;

typedef struct
{
  HatWireProcess wire;
  bool seen, alive;
  Module modules[1024];
  uint32_t n_modules;
} Process;

static HatWireHeader *header;
static HatWireRing *rings;
static HatWireProcess *processes;
static uint64_t *ips;
static int memfd;
static Ring ring_state[HAT_WIRE_MAX_RINGS];
static Process *known;
static Event *events;
static uint64_t n_events, cap_events, n_bad, total_blocked, n_rings;
static FILE *out;
static bool all_events, discard;
static uint64_t stop_after;
static uint32_t n_free_rings = HAT_WIRE_MAX_RINGS;

static void
bad (const char *what, uint32_t ring)
{
  if (n_bad++ < 10)
    fprintf (out, "problem %s in ring %u at %lu\n", what, ring, ring_state[ring].at);
}

static void
add_node (Ring *ring, uint32_t parent, uint64_t ip, bool cut)
{
  if (ring->n_nodes == ring->cap_nodes)
    ring->nodes
        = realloc (ring->nodes, (ring->cap_nodes = ring->cap_nodes ? ring->cap_nodes * 2 : 1024) * sizeof (Node));
  ring->nodes[ring->n_nodes++] = (Node) { parent, ip, cut };
}

static uint64_t
address_of (Ring *ring, uint64_t word)
{
  ring->tick += word >> 4 & 0xffff;
  if (ring->has_xaddr)
    {
      ring->has_xaddr = false;
      return ring->xaddr;
    }
  return word >> 20 << 3;
}

static void
stack_of (Ring *ring, Event *event, uint32_t index)
{
  Process *process = &known[event->process];
  uint32_t node = event->node, depth = 0;
  uint64_t leaf = 0;

  while (node >= HAT_WIRE_FIRST_NODE)
    {
      if (node - HAT_WIRE_FIRST_NODE >= ring->n_nodes)
        {
          bad ("unknown node", index);
          return;
        }
      const Node *n = &ring->nodes[node - HAT_WIRE_FIRST_NODE];
      if (depth == 0)
        leaf = n->ip;
      event->cut |= n->cut;
      depth++;
      node = n->parent;
    }
  event->depth = depth;
  event->truncated = node == HAT_WIRE_NODE_TRUNCATED;
  for (uint32_t i = process->n_modules; i-- > 0;)
    if (leaf - 1 >= process->modules[i].start && leaf - 1 < process->modules[i].end)
      {
        event->own = process->modules[i].name[0] == 0;
        break;
      }
}

static void
add_event (Ring *ring, uint32_t index, uint32_t type, uint64_t address, uint64_t size, uint64_t old, uint32_t node)
{
  if (n_events == cap_events)
    events = realloc (events, (cap_events = cap_events ? cap_events * 2 : 65536) * sizeof (Event));
  Event *event = &events[n_events];
  *event = (Event) { .tick = ring->tick, .address = address, .size = size, .old = old, .order = n_events, .type = type,
                     .process = ring->process, .node = node, .ring = index };
  if (type != HAT_WIRE_FREE)
    stack_of (ring, event, index);
  n_events++;
  if (stop_after && n_events == stop_after)
    header->state = HAT_WIRE_STOPPED;
}

#define WORD(k) (ring->body[(ring->at + (k)) & (HAT_WIRE_RING_WORDS - 1)])

static uint64_t
take_block (Ring *ring, uint64_t word, uint32_t *node)
{
  uint64_t size = word >> 24;
  *node = word & 0xffffff;
  if (ring->has_xsize)
    size = ring->xsize;
  ring->has_xsize = false;
  return size;
}

static bool
drain (uint32_t index)
{
  Ring *ring = &ring_state[index];
  HatWireRing *wire = &rings[index];
  const uint32_t state = __atomic_load_n (&wire->state, __ATOMIC_ACQUIRE);

  if (state != HAT_WIRE_RING_LIVE)
    return false;
  if (ring->state != HAT_WIRE_RING_LIVE)
    {
      if (ring->body == NULL)
        {
          ring->body = mmap (NULL, HAT_WIRE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd,
                             HAT_WIRE_HEAD_SIZE + (off_t) index * HAT_WIRE_RING_BYTES);
          n_rings++;
        }
      ring->state = HAT_WIRE_RING_LIVE;
      ring->process = wire->process;
      ring->tick = wire->start_tsc;
      ring->n_nodes = 0;
    }
  Process *process = &known[ring->process];
  if (!process->seen)
    {
      if (__atomic_load_n (&processes[ring->process].state, __ATOMIC_ACQUIRE) != HAT_WIRE_PROCESS_LIVE)
        return false;
      process->wire = processes[ring->process];
      process->seen = process->alive = true;
      if (process->wire.kind == HAT_WIRE_START_FORK)
        {
          memcpy (process->modules, known[process->wire.parent].modules, sizeof process->modules);
          process->n_modules = known[process->wire.parent].n_modules;
        }
    }
  const uint64_t head = __atomic_load_n (&wire->head, __ATOMIC_ACQUIRE);
  const bool any = ring->at < head;
  if (discard)
    ring->at = head;
  while (ring->at < head)
    {
      const uint64_t word = WORD (0);
      uint64_t n = 1, address, old, size;
      uint32_t node;
      switch (word & 15)
        {
        case HAT_WIRE_FREE:
          address = address_of (ring, word);
          add_event (ring, index, HAT_WIRE_FREE, address, 0, 0, 0);
          break;
        case HAT_WIRE_ALLOC:
        case HAT_WIRE_FREE_STACK:
          address = address_of (ring, word);
          size = take_block (ring, WORD (1), &node);
          add_event (ring, index, word & 15, address, size, 0, node);
          n = 2;
          break;
        case HAT_WIRE_REALLOC:
          old = address_of (ring, word);
          n = 1;
          while ((WORD (n) & 15) != HAT_WIRE_REALLOC)
            if ((WORD (n) & 15) == HAT_WIRE_TIME)
              ring->tick = WORD (n++) >> 4;
            else if ((WORD (n) & 15) == HAT_WIRE_XADDR)
              {
                ring->xaddr = WORD (n + 1);
                ring->has_xaddr = true;
                n += 2;
              }
            else
              {
                bad ("realloc", index);
                break;
              }
          address = address_of (ring, WORD (n));
          size = take_block (ring, WORD (n + 1), &node);
          add_event (ring, index, HAT_WIRE_REALLOC, address, size, old, node);
          n += 2;
          break;
        case HAT_WIRE_MOVING:
          address_of (ring, word);
          break;
        case HAT_WIRE_MEMORY:
          n = 1 + ((WORD (1) & 15) == HAT_WIRE_TIME);
          address_of (ring, WORD (n));
          n += 1 + ((word >> 4) + 7) / 8;
          break;
        case HAT_WIRE_NODE:
          {
            const uint64_t ip_index = word >> 28;
            const bool cut = (ip_index & 0xfffffff) == HAT_WIRE_IP_CUT;
            if (!cut && ip_index >= header->n_ips)
              bad ("address index", index);
            add_node (ring, word >> 4 & 0xffffff, cut ? 0 : ips[ip_index & 0xfffffff] & ~HAT_WIRE_IP_EXACT, cut);
            break;
          }
        case HAT_WIRE_NODE_IP:
          add_node (ring, word >> 4 & 0xffffff, WORD (1) & ~HAT_WIRE_IP_EXACT, false);
          n = 2;
          break;
        case HAT_WIRE_NODE_RESET:
          ring->n_nodes = 0;
          break;
        case HAT_WIRE_TIME:
          ring->tick = word >> 4;
          break;
        case HAT_WIRE_XADDR:
          ring->xaddr = WORD (1);
          ring->has_xaddr = true;
          n = 2;
          break;
        case HAT_WIRE_XSIZE:
          ring->xsize = WORD (1);
          ring->has_xsize = true;
          n = 2;
          break;
        case HAT_WIRE_MODULE:
          {
            const uint64_t n_words = word >> 4;
            uint64_t copy[6 + 512 + 1] = {};
            if (n_words < 6 || n_words > 6 + 512)
              {
                bad ("module", index);
                break;
              }
            for (uint64_t i = 0; i < n_words; i++)
              copy[i] = WORD (1 + i);
            HatWireModule module;
            memcpy (&module, copy, sizeof module);
            if (process->n_modules < 1024)
              {
                Module *m = &process->modules[process->n_modules++];
                m->start = module.start;
                m->end = module.end;
                m->bias = module.bias;
                snprintf (m->name, sizeof m->name, "%.*s", (int) module.name_bytes, (const char *) (copy + 6));
                fprintf (out, "module %u %lx %lx %02x%02x%02x %s\n", ring->process, m->start, m->end,
                         module.build_id[0], module.build_id[1], module.build_id[2], m->name);
              }
            n = 1 + n_words;
            break;
          }
        case HAT_WIRE_FORK:
          fprintf (out, "fork %u %lu\n", ring->process, word >> 4);
          break;
        case HAT_WIRE_MARK:
          {
            const uint64_t bytes = word >> 4;
            char name[4097] = {};
            n = 1;
            if ((WORD (n) & 15) == HAT_WIRE_TIME)
              n++;
            n++;
            for (uint64_t i = 0; i < bytes && i < 4096; i++)
              name[i] = (char) (WORD (n + i / 8) >> (i % 8 * 8));
            fprintf (out, "mark %u %s\n", ring->process, name);
            n += (bytes + 7) / 8;
            break;
          }
        default:
          bad ("word", index);
        }
      ring->at += n;
    }
  if (ring->at != head)
    bad ("end", index);
  __atomic_store_n (&wire->tail, ring->at, __ATOMIC_RELEASE);
  if (__atomic_load_n (&wire->waiting, __ATOMIC_SEQ_CST))
    syscall (SYS_futex, &wire->tail, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
  total_blocked += wire->blocked - ring->blocked;
  ring->blocked = wire->blocked;
  return any;
}

static bool
is_any_full (void)
{
  bool any = false;
  for (uint32_t i = 0; i < header->ring_hint; i++)
    any |= __atomic_load_n (&rings[i].waiting, __ATOMIC_SEQ_CST) != 0;
  return any;
}

/* Frees the rings of dead threads, as a recorder does; not one that somebody has taken since the last round, whose process is not known. */
static void
free_rings (void)
{
  for (uint32_t i = 0; i < header->ring_hint; i++)
    {
      HatWireRing *wire = &rings[i];
      if (wire->state != HAT_WIRE_RING_LIVE || wire->tid == 0 || ring_state[i].state != HAT_WIRE_RING_LIVE)
        continue;
      char path[64];
      snprintf (path, sizeof path, "/proc/%u/task/%u", known[ring_state[i].process].wire.pid, wire->tid);
      if (access (path, F_OK) == 0)
        continue;
      drain (i);
      ring_state[i].state = HAT_WIRE_RING_FREE;
      ring_state[i].blocked = 0;
      wire->state = HAT_WIRE_RING_FREE;
    }
}

/* ---- facts ---- */

static int
compare (const void *a, const void *b)
{
  const Event *x = a, *y = b;
  if (x->tick != y->tick)
    return x->tick < y->tick ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

typedef struct
{
  uint64_t address, size;
} Live;

static Live *table;
static uint64_t table_mask;

static Live *
find (uint64_t address)
{
  uint64_t i = address * 0x9e3779b97f4a7c15ul >> 20;
  while (table[i & table_mask].address && table[i & table_mask].address != address)
    i++;
  return &table[i & table_mask];
}

static void
report (uint32_t slot)
{
  uint64_t allocations = 0, frees = 0, reallocations = 0, bytes = 0, freed = 0, delta = 0, live_blocks = 0,
           live_bytes = 0, unknown = 0;
  uint64_t own_allocations = 0, own_bytes = 0, own_reallocations = 0, complete = 0, truncated = 0, cut = 0, depth = 0,
           twice = 0;

  memset (table, 0, (table_mask + 1) * sizeof *table);
  for (uint64_t i = 0; i < n_events; i++)
    {
      const Event *event = &events[i];
      if (event->process != slot)
        continue;
      if (all_events)
        fprintf (out, "event %u %u %lx %lu %lx %u %d %d\n", slot, event->type, event->address, event->size, event->old,
                 event->depth, !event->truncated, event->own);
      if (event->type == HAT_WIRE_ALLOC || event->type == HAT_WIRE_REALLOC)
        {
          complete += !event->truncated;
          truncated += event->truncated;
          cut += event->cut;
          depth = event->depth > depth ? event->depth : depth;
        }
      if (event->type == HAT_WIRE_ALLOC)
        {
          allocations++;
          bytes += event->size;
          own_allocations += event->own;
          own_bytes += event->own ? event->size : 0;
        }
      if (event->type == HAT_WIRE_FREE || event->type == HAT_WIRE_FREE_STACK || event->type == HAT_WIRE_REALLOC)
        {
          Live *live = find (event->type == HAT_WIRE_REALLOC ? event->old : event->address);
          if (live->address && live->size != UINT64_MAX)
            {
              if (event->type == HAT_WIRE_REALLOC)
                delta += event->size - live->size;
              else
                freed += live->size;
              live_bytes -= live->size;
              live_blocks--;
              live->size = UINT64_MAX;
            }
          else
            unknown++;
          if (event->type == HAT_WIRE_REALLOC)
            {
              reallocations++;
              own_reallocations += event->own;
            }
          else
            frees++;
        }
      if (event->type == HAT_WIRE_ALLOC || event->type == HAT_WIRE_REALLOC)
        {
          Live *live = find (event->address);
          if (live->address && live->size != UINT64_MAX)
            {
              twice++;
              live_blocks--;
              live_bytes -= live->size;
            }
          *live = (Live) { event->address, event->size };
          live_blocks++;
          live_bytes += event->size;
        }
    }
  fprintf (out,
           "totals %u allocations %lu frees %lu reallocations %lu bytes %lu freed %lu delta %ld live_blocks %lu "
           "live_bytes %lu unknown %lu "
           "twice %lu own_allocations %lu own_bytes %lu own_reallocations %lu complete %lu truncated %lu cut %lu depth "
           "%lu\n",
           slot, allocations, frees, reallocations, bytes, freed, delta, live_blocks, live_bytes, unknown, twice,
           own_allocations, own_bytes, own_reallocations, complete, truncated, cut, depth);
}

int
main (int argc, char **argv)
{
  bool no_follow = false, free_stacks = false, when_full = false;
  int at = 2;

  if (argc < 3 || (out = fopen (argv[1], "we")) == NULL)
    return 2;
  for (; at < argc && argv[at][0] == '-'; at++)
    if (strcmp (argv[at], "--no-follow") == 0)
      no_follow = true;
    else if (strcmp (argv[at], "--free-stacks") == 0)
      free_stacks = true;
    else if (strcmp (argv[at], "--discard") == 0)
      discard = true;
    else if (strcmp (argv[at], "--events") == 0)
      all_events = true;
    else if (strcmp (argv[at], "--rings") == 0)
      n_free_rings = (uint32_t) strtoul (argv[++at], NULL, 10);
    else if (strcmp (argv[at], "--stop-after") == 0)
      stop_after = strtoul (argv[++at], NULL, 10);
    else if (strcmp (argv[at], "--when-full") == 0)
      when_full = true;
    else
      return 2;

  memfd = memfd_create ("collect", MFD_CLOEXEC);
  char *base;
  if (memfd < 0 || ftruncate (memfd, (off_t) HAT_WIRE_SIZE) != 0
      || (base = mmap (NULL, HAT_WIRE_HEAD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0)) == MAP_FAILED)
    return 3;
  header = (HatWireHeader *) base;
  rings = (HatWireRing *) (base + HAT_WIRE_RINGS_AT);
  processes = (HatWireProcess *) (base + HAT_WIRE_PROCESSES_AT);
  ips = (uint64_t *) (base + HAT_WIRE_IPS_AT);
  known = calloc (HAT_WIRE_MAX_PROCESSES, sizeof *known);
  header->version = HAT_WIRE_VERSION;
  header->state = HAT_WIRE_RECORDING;
  header->no_follow = no_follow;
  header->free_stacks = free_stacks;
  header->fork_ids = 1;
  for (uint32_t i = n_free_rings; i < HAT_WIRE_MAX_RINGS - 1; i++) /* the last ones are for processes */
    rings[i].state = HAT_WIRE_RING_CLAIMED;
  header->magic = HAT_WIRE_MAGIC;

  const pid_t parent = getpid (), child = fork ();
  if (child == 0)
    {
      char path[64];
      snprintf (path, sizeof path, "/proc/%d/fd/%d", parent, memfd);
      setenv (HAT_WIRE_ENV, path, 1);
      const char *hook = getenv ("HOOK"), *more = getenv ("HOOK_MORE_PRELOAD");
      char preload[4096];
      snprintf (preload, sizeof preload, "%s%s%s", hook, more ? ":" : "", more ? more : "");
      setenv ("LD_PRELOAD", preload, 1);
      execvp (argv[at], argv + at);
      _exit (127);
    }
  int status = 0;
  bool ended = false;
  for (uint64_t round = 0;; round++)
    {
      const bool drains = !when_full || ended || is_any_full ();
      bool any = false;
      for (uint32_t i = 0; drains && i < header->ring_hint; i++)
        any |= drain (i);
      if (round % 16 == 0)
        free_rings ();
      if (!ended)
        ended = waitpid (child, &status, WNOHANG) == child;
      else if (!any)
        {
          /* Other processes of the recording. */
          bool others = false;
          for (uint32_t i = 0; i < HAT_WIRE_MAX_PROCESSES; i++)
            others |= known[i].alive && (known[i].alive = kill ((pid_t) known[i].wire.pid, 0) == 0);
          if (!others && round % 16 == 15)
            break;
        }
      if (!any)
        nanosleep (&(struct timespec) { .tv_nsec = 500000 }, NULL);
    }
  qsort (events, n_events, sizeof *events, compare);
  for (table_mask = 1024; table_mask < n_events * 4; table_mask *= 2)
    ;
  table = calloc (table_mask--, sizeof *table);
  for (uint32_t i = 0; i < HAT_WIRE_MAX_PROCESSES; i++)
    if (known[i].seen)
      {
        const HatWireProcess *wire = &known[i].wire;
        fprintf (out, "process %u %u %u %u %lu %s provider %s argv0 %s\n", i, wire->pid, wire->kind, wire->parent,
                 wire->fork_id, wire->exe, wire->provider, wire->argv);
        report (i);
      }
  fprintf (out, "status %d\nlost %lu\nbad %lu\nrings %lu\nblocked %lu\nips %u\n",
           WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status), header->lost_events, n_bad, n_rings,
           total_blocked, header->n_ips);
  fclose (out);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}
