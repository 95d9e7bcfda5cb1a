/* SPDX-License-Identifier: Apache-2.0
 * Call stacks.
 *
 * One step up from a frame is a function of the frame's state (ip, sp, rbp), the rule of its ip, and at most three
 * words of memory. The last stack of the thread is kept together with the words that its steps read. A new capture
 * compares those words; up to the first that differs the old stack still is what a full walk would find, so it walks
 * only from the leaf until it meets a state of the kept part. How the program got there does not matter: alloca,
 * longjmp, exceptions, tail calls either change a compared word or no answer.
 *
 * A program that allocates from a few places in turn would have the same frames walked again and again. So walks of
 * some frames are remembered too: the caller's state, the words that the walk read, and the kept frame that it met. If
 * all of these words have their values again, and those that prove the frame, a walk would find the same; the kept
 * stack stays as it is. Which words to compare follows from the state, and where paths part, from the words before.
 *
 * That reads the stack without asking, so it is done on the thread's own stack only; on any other (sigaltstack,
 * coroutines, the child of posix_spawn) a full walk asks the kernel about each page first and leaves the kept stack
 * alone.
 *
 * Rules are kept in one table for all threads: open addressing, each key carries the generation; slots of old
 * generations are reused. */
#include <dlfcn.h>
#include <string.h>

#include "core/hook/check.h"
#include "core/hook/hook.h"
#include "core/hook/sys.h"

/* ---- memory ---- */

static bool
page_is_readable (HookThread *thread, uint64_t address)
{
  if (address >= thread->page_lo && address < thread->page_hi)
    return true;
  const uint64_t page = address & ~4095ul;
  if (!hook_page_readable (page))
    return false;
  if (thread->page_hi != page)
    thread->page_lo = page;
  thread->page_hi = page + 4096;
  return true;
}

bool
hook_unwind_read (HookThread *thread, uint64_t address, uint64_t *out)
{
  const uint64_t here = (uint64_t) __builtin_frame_address (0);
  const bool is_live
      = here >= thread->stack_lo && address >= here && address < thread->stack_hi && address + 8 <= thread->stack_hi;

  if (!is_live && (!page_is_readable (thread, address) || !page_is_readable (thread, address + 7)))
    return false;
  memcpy (out, (const void *) address, sizeof *out);
  return true;
}

static bool
is_in_object (uint64_t pc)
{
  struct dl_find_object object;
  return _dl_find_object ((void *) pc, &object) == 0;
}

/* Whether a frame lies on the stack of the goroutine whose call of C has its frame at `sp`. A callback may have moved that stack: then the
 * frame pointer still is what it was, and its place somebody else's. asmcgocall notes, on the thread's stack, the goroutine, which begins with
 * the bounds of its stack, and below that word how far from the end of it the call was made. (Go 1.4 to 1.25, runtime/asm_amd64.s) */
static bool
is_of_goroutine (HookThread *thread, uint64_t sp, uint64_t frame)
{
  uint64_t depth, goroutine, lo, hi;

  for (uint64_t at = sp; at < sp + 64; at += 8)
    if (hook_unwind_read (thread, at, &depth) && hook_unwind_read (thread, at + 8, &goroutine) && depth < 1ul << 40 && goroutine % 8 == 0
        && goroutine >= 4096 && goroutine >> 47 == 0 && hook_unwind_read (thread, goroutine, &lo)
        && hook_unwind_read (thread, goroutine + 8, &hi) && lo < hi && depth <= hi - lo && frame >= hi - depth && frame < hi)
      return true;
  return false;
}

HookStep
hook_unwind_by_frame_pointer (HookThread *thread, HookState state, HookState *next)
{
  const uint64_t frame = state.rbp, pc = state.ip - !state.exact;
  const bool is_above = frame >= state.sp, is_here = frame >= thread->stack_lo && frame < thread->stack_hi;

  *next = (HookState) { .sp = frame + 16 };
  if (frame == 0 && is_in_object (pc)) /* a JIT's code may have it for other reasons */
    return HOOK_STEP_ROOT;
  if (frame & 7 || (!is_above && is_here) || !hook_unwind_read (thread, frame + 8, &next->ip) || !hook_unwind_read (thread, frame, &next->rbp)
      || next->ip < 4096 || next->ip >> 47 != 0)
    return HOOK_STEP_LOST;
  const bool is_good = is_in_object (next->ip - 1) ? is_above || (is_in_object (pc) && is_of_goroutine (thread, state.sp, frame))
                                                   : is_above && hook_page_readable (next->ip - 1);
  return is_good ? HOOK_STEP_CALLER : HOOK_STEP_LOST;
}

/* ---- rules ---- */

enum
{
  BY_RSP = 1,
  BY_RBP,
  REALIGNED, /* the caller's stack pointer is in a slot near rbp: functions that align their frame */
  SIGNAL,
  ROOT,
  NO_RULE,   /* no unwind information: the chain of frame pointers */
  GENERIC,   /* too unusual for the form below */
};

/* A rule is one word, never 0:
 * [rbp slot, below the CFA / 8 : 20, 0 = kept][CFA offset / 8, signed : 21][address table index + 1 : 20, 0 =
 * none][kind : 3] */
static uint64_t
pack (uint32_t kind, uint32_t index, int64_t cfa_offset, int64_t rbp_offset)
{
  return (uint64_t) (-rbp_offset / 8) << 44 | ((uint64_t) (cfa_offset / 8) & 0x1fffff) << 23
         | (uint64_t) (index == HOOK_NO_INDEX ? 0 : index + 1) << 3 | kind;
}

static inline uint32_t
rule_kind (uint64_t rule)
{
  return rule & 7;
}

static inline uint32_t
rule_index (uint64_t rule)
{
  return (uint32_t) (rule >> 3 & 0xfffff) - 1;
}

static inline int64_t
rule_cfa_offset (uint64_t rule)
{
  return (int64_t) (rule << 20) >> 43 << 3;
}

static inline uint64_t
rule_rbp_below (uint64_t rule)
{
  return rule >> 44 << 3;
}

static_assert (HAT_WIRE_MAX_IPS < 1 << 20, "an index fits its field");

typedef struct
{
  uint64_t key, rule;
} Rule;

enum
{
  FIRST_RULES = 1 << 12,
  MAX_RULES = 1 << 20,
  PROBES = 24,
};

/* mask + 1 places where a rule may begin to be looked for, and some more to go on. */
typedef struct
{
  uint64_t mask;
  uint64_t n_used;
  Rule rules[];
} RuleTable;

#define KEY_PC_MASK ((1ul << 47) - 1)
#define KEY_EXACT (1ul << 47)
#define KEY_TAKEN 1ul /* a slot being written */

static RuleTable *rule_table;
static uint32_t rule_generation = 1;

static inline uint64_t
hash (uint64_t key)
{
  return (key * 0x9e3779b97f4a7c15ul) >> 20;
}

static inline uint64_t
n_places (uint64_t mask)
{
  return mask + PROBES;
}

static inline size_t
table_size (uint64_t mask)
{
  return sizeof (RuleTable) + n_places (mask) * sizeof (Rule);
}

static bool
try_insert (RuleTable *table, uint64_t key, uint64_t rule)
{
  Rule *slot = &table->rules[hash (key) & table->mask];

  for (uint32_t i = 0; i < PROBES; i++, slot++)
    {
      uint64_t old = __atomic_load_n (&slot->key, __ATOMIC_RELAXED);
      if (old == key)
        return true;
      if (old == KEY_TAKEN || (old != 0 && old >> 48 == key >> 48))
        continue;
      if (!__atomic_compare_exchange_n (&slot->key, &old, KEY_TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        continue;
      __atomic_store_n (&slot->rule, rule, __ATOMIC_RELEASE);
      __atomic_store_n (&slot->key, key, __ATOMIC_RELEASE);
      if (old == 0)
        __atomic_fetch_add (&table->n_used, 1, __ATOMIC_RELAXED);
      return true;
    }
  return false;
}

/* A larger table with the rules of this generation. The old one stays, for somebody may be reading it, but loses its
 * memory: what was in it is not found any more, or is by a key that is gone when it is looked at again. */
static RuleTable *
grow (RuleTable *old)
{
  const uint64_t n = old ? (old->mask + 1) * 2 : FIRST_RULES;
  if (n > MAX_RULES)
    return old;
  const size_t size = table_size (n - 1);
  RuleTable *table = hook_map (size);
  if (hook_failed (table))
    return old;
  hook_syscall (SYS_madvise, (uint64_t) table, size, MADV_DONTDUMP, 0, 0, 0);
  table->mask = n - 1;
  for (uint64_t i = 0; old && i < n_places (old->mask); i++)
    {
      const uint64_t key = __atomic_load_n (&old->rules[i].key, __ATOMIC_ACQUIRE);
      const uint64_t rule = __atomic_load_n (&old->rules[i].rule, __ATOMIC_ACQUIRE);
      if (key >> 48 == (rule_generation & 0xffff) && key != KEY_TAKEN && rule
          && __atomic_load_n (&old->rules[i].key, __ATOMIC_ACQUIRE) == key)
        try_insert (table, key, rule);
    }
  RuleTable *expected = old;
  if (__atomic_compare_exchange_n (&rule_table, &expected, table, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
      if (old)
        hook_syscall (SYS_madvise, (uint64_t) old + 4096, table_size (old->mask) - 4096, MADV_DONTNEED, 0, 0, 0);
      return table;
    }
  hook_syscall (SYS_munmap, (uint64_t) table, size, 0, 0, 0, 0);
  return expected;
}

static uint32_t
new_index (uint64_t ip, bool exact)
{
  uint32_t *n = &hook_session.header->n_ips;
  if (__atomic_load_n (n, __ATOMIC_RELAXED) >= HAT_WIRE_MAX_IPS)
    return HOOK_NO_INDEX;
  const uint32_t index = __atomic_fetch_add (n, 1, __ATOMIC_RELAXED);
  if (index >= HAT_WIRE_MAX_IPS)
    return HOOK_NO_INDEX;
  __atomic_store_n (&hook_session.ips[index], ip | (exact ? HAT_WIRE_IP_EXACT : 0), __ATOMIC_RELEASE);
  return index;
}

enum
{
  /* struct rt_sigframe as the handler's return leaves it: sp at the ucontext. */
  SIGNAL_RBP = 120,
  SIGNAL_RSP = 160,
  SIGNAL_RIP = 168,
};

/* The kernel's return trampoline of a signal handler: mov $15, %rax; syscall. */
static bool
is_signal_return (uint64_t ip)
{
  static const uint8_t code[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };
  return memcmp ((const void *) ip, code, sizeof code) == 0;
}

static bool
fits (int64_t offset, int64_t limit)
{
  return offset % 8 == 0 && offset / 8 > -limit && offset / 8 < limit;
}

static uint64_t
pack_row (const HookRow *row, uint64_t ip, uint32_t index)
{
  const HookRegisterRule ra = row->registers[HOOK_RA], rbp = row->registers[HOOK_RBP], rsp = row->registers[HOOK_RSP];

  if (row->signal_frame)
    return pack (is_signal_return (ip) ? SIGNAL : GENERIC, index, 0, 0);
  if (ra.kind == HOOK_RULE_UNDEFINED)
    return pack (ROOT, index, 0, 0);
  if (ra.kind != HOOK_RULE_OFFSET || ra.value != -8 || rsp.kind != HOOK_RULE_SAME)
    return pack (GENERIC, index, 0, 0);
  if (row->cfa_expression)
    {
      /* The one form gcc writes: the CFA is the word at rbp + n, rbp was saved at rbp + 0. */
      const uint8_t *cfa = row->cfa_expression, *saved = (const uint8_t *) rbp.value;
      if (cfa[0] == 3 && cfa[1] == 0x76 && (cfa[2] & 0x80) == 0 && cfa[3] == 0x06 && rbp.kind == HOOK_RULE_EXPRESSION
          && saved[0] == 2 && saved[1] == 0x76 && saved[2] == 0)
        {
          const int64_t offset = (int64_t) (cfa[2] & 0x3f) - (cfa[2] & 0x40);
          if (offset % 8 == 0)
            return pack (REALIGNED, index, offset, 0);
        }
      return pack (GENERIC, index, 0, 0);
    }
  if (rbp.kind > HOOK_RULE_OFFSET || !fits (row->cfa_offset, 1 << 20)
      || (rbp.kind == HOOK_RULE_OFFSET && (rbp.value >= 0 || !fits (rbp.value, 1 << 20))))
    return pack (GENERIC, index, 0, 0);
  if (row->cfa_register != HOOK_RSP && row->cfa_register != HOOK_RBP)
    return pack (GENERIC, index, 0, 0);
  return pack (row->cfa_register == HOOK_RSP ? BY_RSP : BY_RBP, index, row->cfa_offset,
               rbp.kind == HOOK_RULE_OFFSET ? rbp.value : 0);
}

static inline uint64_t
rule_key (uint64_t ip, bool exact)
{
  const uint64_t pc = unlikely (exact) ? ip | KEY_EXACT : ip - 1;
  return pc | (uint64_t) __atomic_load_n (&rule_generation, __ATOMIC_RELAXED) << 48;
}

/* 0: not in the table. */
static inline uint64_t
known_rule (const RuleTable *table, uint64_t key)
{
  const Rule *slot = &table->rules[hash (key) & table->mask];

  for (const Rule *end = slot + PROBES; slot < end; slot++)
    {
      const uint64_t found = __atomic_load_n (&slot->key, __ATOMIC_ACQUIRE);
      if (likely (found == key))
        {
          const uint64_t rule = __atomic_load_n (&slot->rule, __ATOMIC_ACQUIRE);
          /* Only a slot of an older generation is ever overwritten, so the same key on both sides means that the
           * rule is its own. */
          if (likely (__atomic_load_n (&slot->key, __ATOMIC_RELAXED) == key))
            return rule;
        }
      else if (found == 0)
        break;
    }
  return 0;
}

static HOOK_COLD uint64_t
make_rule (HookThread *thread, uint64_t ip, bool exact)
{
  const uint64_t pc = ip - !exact, key = rule_key (ip, exact);
  RuleTable *table = __atomic_load_n (&rule_table, __ATOMIC_ACQUIRE);
  struct dl_find_object object;
  uint64_t rule;

  if (unlikely (pc > KEY_PC_MASK))
    return pack (NO_RULE, HOOK_NO_INDEX, 0, 0);
  if (table && (rule = known_rule (table, key)) != 0) /* the table has grown meanwhile */
    return rule;
  if (_dl_find_object ((void *) pc, &object) == 0)
    {
      hook_modules_announce (thread, &object);
      if (unlikely (hook_session.header->watches))
        hook_watch (thread, pc);
      const bool has_row = hook_cfi_row_for_rule (thread, &object, pc);
      const uint32_t index = new_index (ip, exact);
      rule = has_row ? pack_row (&thread->scratch.row, ip, index)
                     : pack (hook_cfi_is_end (thread, &object, pc) ? ROOT : NO_RULE, index, 0, 0);
    }
  else
    rule = pack (NO_RULE, new_index (ip, exact), 0, 0);

  table = __atomic_load_n (&rule_table, __ATOMIC_ACQUIRE);
  if (table == NULL || __atomic_load_n (&table->n_used, __ATOMIC_RELAXED) > table->mask / 4 * 3)
    table = grow (table);
  if (table && !try_insert (table, key, rule))
    {
      table = grow (table);
      try_insert (table, key, rule);
    }
  return rule;
}

static inline uint64_t
find_rule (HookThread *thread, uint64_t ip, bool exact)
{
  const RuleTable *table = __atomic_load_n (&rule_table, __ATOMIC_ACQUIRE);
  uint64_t rule = 0;

  if (likely (table) && likely (ip <= KEY_PC_MASK))
    rule = known_rule (table, rule_key (ip, exact));
  return likely (rule) ? rule : make_rule (thread, ip, exact);
}

void
hook_unwind_flush (void)
{
  if ((__atomic_add_fetch (&rule_generation, 1, __ATOMIC_ACQ_REL) & 0xffff) == 0)
    {
      /* The generation in the keys starts over. */
      __atomic_store_n (&rule_table, NULL, __ATOMIC_RELEASE);
      __atomic_add_fetch (&rule_generation, 1, __ATOMIC_ACQ_REL);
    }
}

uint32_t
hook_unwind_generation (void)
{
  return __atomic_load_n (&rule_generation, __ATOMIC_RELAXED);
}

/* ---- one step ---- */

/* The registers here, and up from here until the frame is found. */
static HOOK_COLD bool
find_registers (HookThread *thread, uint64_t ip, uint64_t sp)
{
  HookRegisters *registers = &thread->scratch.registers;

  memset (registers, 0, sizeof *registers);
  __asm__ volatile ("movq %%rbx, 24(%0)\n\t"
                    "movq %%rbp, 48(%0)\n\t"
                    "movq %%rsp, 56(%0)\n\t"
                    "movq %%r12, 96(%0)\n\t"
                    "movq %%r13, 104(%0)\n\t"
                    "movq %%r14, 112(%0)\n\t"
                    "movq %%r15, 120(%0)\n\t"
                    "leaq 0f(%%rip), %%rax\n"
                    "0:\tmovq %%rax, 128(%0)"
                    :
                    : "r" (registers->value)
                    : "rax", "memory");
  registers->exact = true;
  for (uint32_t i = 0; i < 1u << 20; i++)
    {
      if (registers->value[HOOK_RSP] == sp && registers->value[HOOK_RA] == ip)
        return true;
      if (hook_cfi_step (thread) != HOOK_STEP_CALLER)
        return false;
    }
  return false;
}

/* The caller's registers are in thread->scratch then. */
static HOOK_COLD HookStep
step_generic (HookThread *thread, HookFrame *frame)
{
  frame->unprovable = true;
  return find_registers (thread, frame->state.ip, frame->state.sp) ? hook_cfi_step (thread) : HOOK_STEP_LOST;
}

/* On the thread's own stack only what lies between the frame and the end of the stack is read. */
#define READ(slot, out) \
  do \
    { \
      if (own ? unlikely ((slot) < sp || (slot) > top - 8) : !hook_unwind_read (thread, slot, out)) \
        return HOOK_STEP_LOST; \
      if (own) \
        *(out) = *(const uint64_t *) (slot); \
    } \
  while (0)

static inline HookStep
step_to (uint64_t ip)
{
  if (unlikely (ip < 4096))
    return ip == 0 ? HOOK_STEP_ROOT : HOOK_STEP_LOST;
  return HOOK_STEP_CALLER;
}

/* Fills all of frame but its state and rule. */
static HOOK_COLD HookStep
step_unusual (HookThread *thread, HookFrame *frame, HookState *next, bool own)
{
  const uint64_t sp = frame->state.sp, rbp = frame->state.rbp, top = thread->stack_hi;

  frame->needs_rbp = frame->restores_rbp = frame->moves_sp = frame->unprovable = false;
  frame->ip_slot = 0;
  next->rbp = rbp;
  next->exact = false;
  switch (rule_kind (frame->rule))
    {
    case REALIGNED:
      frame->needs_rbp = frame->restores_rbp = frame->moves_sp = true;
      frame->sp_slot = rbp + (uint64_t) rule_cfa_offset (frame->rule);
      frame->rbp_slot = rbp;
      READ (frame->sp_slot, &next->sp);
      READ (frame->rbp_slot, &next->rbp);
      if (next->sp <= sp || next->sp & 7)
        return HOOK_STEP_LOST;
      frame->ip_slot = next->sp - 8;
      READ (frame->ip_slot, &next->ip);
      return step_to (next->ip);
    case SIGNAL:
      frame->restores_rbp = frame->moves_sp = true;
      frame->ip_slot = sp + SIGNAL_RIP;
      frame->rbp_slot = sp + SIGNAL_RBP;
      frame->sp_slot = sp + SIGNAL_RSP;
      READ (frame->ip_slot, &next->ip);
      READ (frame->rbp_slot, &next->rbp);
      READ (frame->sp_slot, &next->sp);
      next->exact = true;
      /* The interrupted code's stack is this one, or we cannot go on without asking. */
      if (own && (next->sp <= sp || next->sp > top))
        return HOOK_STEP_LOST;
      return step_to (next->ip);
    case ROOT:
      return HOOK_STEP_ROOT;
    case NO_RULE:
      frame->needs_rbp = frame->restores_rbp = true;
      frame->ip_slot = rbp + 8;
      frame->rbp_slot = rbp;
      return own && (rbp < sp || rbp > top - 16) ? HOOK_STEP_LOST : hook_unwind_by_frame_pointer (thread, frame->state, next);
    default:
      {
        const HookStep result = step_generic (thread, frame);
        const HookRegisters *registers = &thread->scratch.registers;
        *next = (HookState){ registers->value[HOOK_RA], registers->value[HOOK_RSP], registers->value[HOOK_RBP],
                             registers->exact };
        return own && result == HOOK_STEP_CALLER && (next->sp <= sp || next->sp > top) ? HOOK_STEP_LOST : result;
      }
    }
}

static inline bool
is_plain (uint64_t rule)
{
  return rule_kind (rule) <= BY_RBP;
}

/* Of a plain rule. */
static inline uint64_t
cfa_of (uint64_t rule, HookState state)
{
  return (rule_kind (rule) == BY_RSP ? state.sp : state.rbp) + (uint64_t) rule_cfa_offset (rule);
}

/* Fills frame. `own` = on the thread's own stack. */
static inline __attribute__ ((always_inline)) HookStep
step (HookThread *thread, HookFrame *frame, HookState state, HookState *next, bool own)
{
  const uint64_t sp = state.sp, top = thread->stack_hi, rule = find_rule (thread, state.ip, state.exact);

  frame->state = state;
  frame->rule = rule;
  if (unlikely (!is_plain (rule)))
    {
      HookState found;
      const HookStep result = step_unusual (thread, frame, &found, own);
      *next = found;
      return result;
    }
  const uint64_t cfa = cfa_of (rule, state), rbp_below = rule_rbp_below (rule);
  if (unlikely (cfa <= sp || cfa & 7))
    return HOOK_STEP_LOST;
  *next = (HookState) { .sp = cfa, .rbp = state.rbp };
  READ (cfa - 8, &next->ip);
  if (rbp_below)
    READ (cfa - rbp_below, &next->rbp);
  return step_to (next->ip);
}

#undef READ

/* ---- nodes ---- */

void
hook_unwind_reset (HookThread *thread)
{
  thread->n_frames = 0;
  thread->next_node = HAT_WIRE_FIRST_NODE;
  if ((++thread->epoch & 15) == 0)
    {
      memset (thread->nodes, 0, sizeof thread->nodes);
      thread->epoch++;
    }
  if (thread->epoch >> 12)
    {
      memset (thread->shapes, 0, sizeof thread->shapes);
      thread->epoch = 1;
    }
  if (hook_room (thread, 1))
    hook_put (thread, HAT_WIRE_NODE_RESET);
}

static inline uint32_t
new_node (HookThread *thread, uint32_t parent, uint64_t ip)
{
  hook_check_node (thread, parent, ip);
  return thread->next_node++;
}

/* The set where to look is found from the frames alone and not from the parent's node, so that the sets of many frames
 * can be fetched at once. */
static inline uint64_t
next_path (uint64_t path, uint32_t index)
{
  return (path + index + 1) * 0x9e3779b97f4a7c15ul;
}

static inline uint64_t *
set_of (HookThread *thread, uint64_t path)
{
  return thread->nodes[path >> (64 - HOOK_NODE_BITS)];
}

/* A known node is one word, never 0: [epoch : 4][parent : 20][address table index : 20][node : 20]. */
static inline uint64_t
node_key (const HookThread *thread, uint32_t parent, uint32_t index)
{
  return thread->epoch << 60 | (uint64_t) parent << 40 | (uint64_t) (index & 0xfffff) << 20;
}

/* 0: not known. */
static inline uint32_t
known_node (uint64_t *set, uint64_t key)
{
  for (uint32_t i = 0; i < HOOK_NODE_WAYS; i++)
    {
      const uint64_t found = set[i];
      if ((found ^ key) >> 20 != 0)
        continue;
      if (unlikely (i > 0))
        {
          set[i] = set[i - 1];
          set[i - 1] = found;
        }
      return found & 0xfffff;
    }
  return 0;
}

static __attribute__ ((noinline)) uint32_t
add_node (HookThread *thread, uint64_t *set, uint32_t parent, uint32_t index, uint64_t ip)
{
  if (!hook_room (thread, 1))
    return parent;
  hook_put (thread, (uint64_t) index << 28 | (uint64_t) parent << 4 | HAT_WIRE_NODE);
  const uint32_t node = new_node (thread, parent, ip);
  for (uint32_t i = HOOK_NODE_WAYS - 1; i > 0; i--)
    set[i] = set[i - 1];
  set[0] = node_key (thread, parent, index) | node;
  return node;
}

/* *path: the parent's, and then the frame's. */
static uint32_t
node_of (HookThread *thread, uint64_t *path, uint32_t parent, uint32_t index, uint64_t ip, bool exact)
{
  uint64_t *set = set_of (thread, *path = next_path (*path, index));

  if (unlikely (index == HOOK_NO_INDEX))
    {
      if (!hook_room (thread, 2))
        return parent;
      hook_put (thread, (uint64_t) parent << 4 | HAT_WIRE_NODE_IP);
      hook_put (thread, ip | (exact ? HAT_WIRE_IP_EXACT : 0));
      return new_node (thread, parent, ip);
    }
  const uint32_t node = known_node (set, node_key (thread, parent, index));
  return likely (node) ? node : add_node (thread, set, parent, index, ip);
}

static_assert (HAT_WIRE_MAX_NODES <= 1 << 20 && HAT_WIRE_MAX_IPS < (HAT_WIRE_IP_CUT & 0xfffff), "they fit their fields");

uint32_t
hook_unwind_leaf (HookThread *thread, uint64_t ip, bool exact)
{
  const uint64_t rule = find_rule (thread, ip, exact);
  uint64_t path = HAT_WIRE_NODE_TRUNCATED;
  return node_of (thread, &path, HAT_WIRE_NODE_TRUNCATED, rule_index (rule), ip, exact);
}

/* ---- full walk ---- */

/* Walks all of the stack with asking about each page. Does not touch the kept stack. */
static HOOK_COLD uint32_t
walk_all (HookThread *thread, const HookCaller *caller)
{
  HookFrame *frames = thread->walk;
  HookState state = { caller->ip, hook_caller_sp (caller), caller->rbp, false }, next;
  uint32_t n = 0, node;
  HookStep result;

  thread->page_lo = thread->page_hi = 0;
  do
    {
      /* Beyond the limit the last END_FRAMES frames rotate behind the first ones. */
      HookFrame *frame = &frames[n < HOOK_MAX_FRAMES ? n : HOOK_MAX_FRAMES + n % HOOK_END_FRAMES];
      n++;
      result = step (thread, frame, state, &next, false);
      state = next;
    }
  while (result == HOOK_STEP_CALLER && n < 1u << 22);
  node = result == HOOK_STEP_ROOT ? HAT_WIRE_NODE_ROOT : HAT_WIRE_NODE_TRUNCATED;
  uint64_t path = node;
  uint32_t left = n;
  if (n > HOOK_MAX_FRAMES)
    {
      for (uint32_t i = 0; i < HOOK_END_FRAMES; i++)
        {
          const uint32_t at = n - 1 - i;
          const HookFrame *frame = &frames[at < HOOK_MAX_FRAMES ? at : HOOK_MAX_FRAMES + at % HOOK_END_FRAMES];
          node = node_of (thread, &path, node, rule_index (frame->rule), frame->state.ip, frame->state.exact);
        }
      node = node_of (thread, &path, node, HAT_WIRE_IP_CUT, 0, false);
      left = HOOK_END_FRAMES;
    }
  while (left-- > 0)
    node = node_of (thread, &path, node, rule_index (frames[left].rule), frames[left].state.ip, frames[left].state.exact);
  hook_check_stack (thread, caller, node, true);
  return node;
}

/* ---- incremental walk ---- */

static const uint64_t never_equal;

static inline HookPair
pair_differs (const HookThread *thread, uint64_t i)
{
  HookPair now;
  memcpy (&now, (const void *) thread->pair_slots[i], sizeof now);
  return now ^ thread->pairs[i];
}

static inline uint64_t
word_differs (const HookThread *thread, uint64_t i)
{
  return *(const uint64_t *) thread->words[i].slot ^ thread->words[i].value;
}

/* Whether a kept frame and all above it are what they were. They are nearly always, so nothing branches on the way. */
static inline bool
stands (const HookThread *thread, const HookKept *frame)
{
  const uint64_t n_pairs = frame->n_pairs, n_words = frame->n_words;
  HookPair pairs_differ = { 0, 0 };
  uint64_t differs = 0;

#pragma GCC unroll 4
  for (uint64_t i = 0; i < n_pairs; i++)
    pairs_differ |= pair_differs (thread, i);
#pragma GCC unroll 2
  for (uint64_t i = 0; i < n_words; i++)
    differs |= word_differs (thread, i);
  return (differs | pairs_differ[0] | pairs_differ[1]) == 0;
}

/* How many of the n frames still are what they were. */
static inline uint64_t
prove (const HookThread *thread, uint64_t n)
{
  const HookKept *kept = thread->kept;
  uint64_t n_pairs = 0, n_words = 0;

  for (; n_pairs < kept[n - 1].n_pairs; n_pairs++)
    {
      const HookPair differs = pair_differs (thread, n_pairs);
      if (differs[0] | differs[1])
        break;
    }
  const uint64_t all = kept[n - 1].n_words;
  while (n_words + 4 <= all
         && (word_differs (thread, n_words) | word_differs (thread, n_words + 1) | word_differs (thread, n_words + 2)
             | word_differs (thread, n_words + 3)) == 0)
    n_words += 4;
  while (n_words < all && word_differs (thread, n_words) == 0)
    n_words++;
  while (n > 0 && (kept[n - 1].n_pairs > n_pairs || kept[n - 1].n_words > n_words))
    n--;
  return n;
}

/* Sets the walked frames' paths and has the sets of their nodes fetched, all at once. */
static inline void
expect_nodes (HookThread *thread, uint64_t path, uint64_t n_walked)
{
  for (HookFrame *frame = thread->walk + n_walked; frame-- > thread->walk;)
    {
      frame->path = path = next_path (path, rule_index (frame->rule));
      __builtin_prefetch (set_of (thread, path));
    }
}

/* Adds a walked frame to the kept stack; false if it has no more room. `usual`: its rule is a plain one, it has an index, and it is neither the
 * first nor a very deep one. */
static inline __attribute__ ((always_inline)) bool
keep_frame (HookThread *thread, const HookFrame *frame, bool usual)
{
  const bool plain = usual || is_plain (frame->rule);
  const uint64_t k = thread->n_frames, rbp_below = plain ? rule_rbp_below (frame->rule) : 0;
  HookKept *kept = &thread->kept[k];
  const HookKept *caller = kept - 1;
  const uint32_t index = rule_index (frame->rule);
  const uint64_t cfa = usual ? caller->sp : plain ? cfa_of (frame->rule, frame->state) : 0;
  const uint64_t ip_slot = plain ? cfa - 8 : frame->ip_slot, rbp_slot = plain ? cfa - rbp_below : frame->rbp_slot;
  const bool restores_rbp = plain ? rbp_below != 0 : frame->restores_rbp;
  const bool moves_sp = !plain && frame->moves_sp, unprovable = !plain && frame->unprovable;
  bool needs_rbp = plain ? rule_kind (frame->rule) == BY_RBP : frame->needs_rbp;
  uint64_t n_words = 0, n_pairs = 0;

  if (usual || k > 0)
    {
      const bool proves_rbp = restores_rbp && caller->needs_rbp;
      n_words = caller->n_words;
      n_pairs = caller->n_pairs;
      if (!usual && (k == HOOK_CACHED_FRAMES || n_words + 3 > HOOK_CACHED_WORDS))
        return false;
      if (unprovable)
        thread->words[n_words++] = (HookWord) { (uint64_t) &never_equal, 1 };
      else if (proves_rbp && rbp_slot == ip_slot - 8)
        {
          thread->pair_slots[n_pairs] = rbp_slot;
          thread->pairs[n_pairs++] = (HookPair) { caller->rbp, caller->ip };
        }
      else
        {
          thread->words[n_words++] = (HookWord) { ip_slot, caller->ip };
          if (proves_rbp)
            thread->words[n_words++] = (HookWord) { rbp_slot, caller->rbp };
        }
      if (moves_sp)
        thread->words[n_words++] = (HookWord) { frame->sp_slot, caller->sp };
      needs_rbp |= caller->needs_rbp && !restores_rbp;
    }
  else if (unprovable || moves_sp)
    thread->words[n_words++] = (HookWord) { (uint64_t) &never_equal, 1 };
  else if (ip_slot) /* a return address of 0 ended the walk */
    thread->words[n_words++] = (HookWord) { ip_slot, 0 };

  kept->ip = frame->state.ip;
  kept->sp = frame->state.sp;
  kept->rbp = needs_rbp ? frame->state.rbp : 0;
  kept->index = index;
  kept->n_words = (uint32_t) n_words;
  kept->n_pairs = (uint32_t) n_pairs;
  kept->needs_rbp = needs_rbp;
  kept->exact = frame->state.exact;
  if (usual)
    {
      uint64_t *set = set_of (thread, kept->path = frame->path);
      const uint32_t known = known_node (set, node_key (thread, caller->node, index));
      kept->node = likely (known) ? known : add_node (thread, set, caller->node, index, kept->ip);
    }
  else if (k < HOOK_MAX_FRAMES)
    {
      kept->path = k ? caller->path : HAT_WIRE_NODE_ROOT;
      kept->node = node_of (thread, &kept->path, k ? caller->node : HAT_WIRE_NODE_ROOT, index, kept->ip, kept->exact);
    }
  thread->n_frames = (uint32_t) k + 1;
  return true;
}

static HOOK_COLD bool
keep_unusual (HookThread *thread, const HookFrame *frame)
{
  return keep_frame (thread, frame, false);
}

static inline bool
keep (HookThread *thread, const HookFrame *frame)
{
  const uint32_t k = thread->n_frames;
  if (likely (is_plain (frame->rule)) && likely (k - 1 < HOOK_MAX_FRAMES - 1) && likely (rule_index (frame->rule) != HOOK_NO_INDEX))
    return keep_frame (thread, frame, true);
  return keep_unusual (thread, frame);
}

/* The node of a kept stack that is too deep: both ends. */
static HOOK_COLD uint32_t
cut_node (HookThread *thread)
{
  uint64_t path = thread->kept[HOOK_END_FRAMES - 1].path;
  uint32_t node = node_of (thread, &path, thread->kept[HOOK_END_FRAMES - 1].node, HAT_WIRE_IP_CUT, 0, false);
  for (uint32_t k = thread->n_frames - HOOK_END_FRAMES; k < thread->n_frames; k++)
    node = node_of (thread, &path, node, thread->kept[k].index, thread->kept[k].ip, thread->kept[k].exact);
  return node;
}

/* ---- walks remembered ---- */

/* Shapes and memories are found by a hash of the state and of the words read so far. */
static inline uint64_t
hash_state (uint64_t ip, uint64_t sp)
{
  return ip * 0xd6e8feb86659fd93 + sp;
}

static inline uint64_t
hash_word (uint64_t hash, uint64_t word)
{
  return (hash << 7 | hash >> 57) + word;
}

static inline HookShape *
shape_at (HookThread *thread, uint64_t hash)
{
  return &thread->shapes[hash * 0x9e3779b97f4a7c15 >> (64 - HOOK_SHAPE_BITS)];
}

static inline HookMemory *
memory_at (HookThread *thread, uint64_t hash, uint32_t met_node)
{
  return &thread->memories[(hash ^ met_node) * 0x9e3779b97f4a7c15 >> (64 - HOOK_MEMORY_BITS)];
}

/* The node of the caller's stack, if a walk from the same state that read the same words is remembered and the kept
 * frame that it met still stands; else 0. */
static inline uint32_t
recall (HookThread *thread, const HookCaller *caller)
{
  const uint64_t *stack = (const uint64_t *) hook_caller_sp (caller);
  const uint64_t ip = caller->ip, sp = (uint64_t) stack | thread->epoch << 52;
  uint64_t hash = hash_state (ip, sp);
  const HookShape *shape;
  uint32_t n = 0;

  do
    {
      shape = shape_at (thread, hash);
      if (unlikely ((shape->sp ^ sp) | (shape->ip ^ ip) | (shape->n_before ^ n)))
        return 0;
#pragma GCC unroll 2
      for (; n < shape->n_words; n++)
        hash = hash_word (hash, stack[shape->offsets[n]]);
    }
  while (shape->is_fork);
  if (unlikely (shape->meets >= thread->n_frames))
    return 0;
  const HookKept *met = &thread->kept[shape->meets];
  const HookMemory *memory = memory_at (thread, hash, met->node);
  if (unlikely (memory->shape != shape->id))
    return 0;
  uint64_t differs = (memory->met_node ^ met->node) | (memory->met_sp ^ met->sp) | (memory->met_rbp ^ met->rbp)
                     | ((memory->rbp ^ caller->rbp) & memory->rbp_mask);
  for (uint32_t i = 0; i < n; i += 2)
    differs |= (stack[shape->offsets[i]] ^ memory->values[i]) | (stack[shape->offsets[i + 1]] ^ memory->values[i + 1]);
  if (unlikely (differs) || unlikely (!stands (thread, met)))
    return 0;
  return memory->node;
}

/* Remembers the walk that gave the kept stack, from the frame `meets` down to the caller. */
static void
remember (HookThread *thread, const HookCaller *caller, uint32_t meets)
{
  const uint64_t *stack = (const uint64_t *) hook_caller_sp (caller);
  const uint64_t ip = caller->ip, sp = (uint64_t) stack | thread->epoch << 52;
  const HookKept *met = &thread->kept[meets], *leaf = &thread->kept[thread->n_frames - 1];
  const uint32_t n_words = leaf->n_words - met->n_words + 2 * (leaf->n_pairs - met->n_pairs);
  HookWord words[HOOK_SHAPE_WORDS];
  uint64_t hash = hash_state (ip, sp), values[HOOK_SHAPE_WORDS];
  uint16_t offsets[HOOK_SHAPE_WORDS];
  HookShape *shape;
  uint32_t n = 0, n_fitting;

  if (n_words > HOOK_SHAPE_WORDS || thread->n_frames > HOOK_MAX_FRAMES)
    return;
  for (const HookKept *frame = leaf; frame > met; frame--)
    {
      for (uint32_t k = frame->n_words; k-- > frame[-1].n_words;)
        words[n++] = thread->words[k];
      for (uint32_t k = frame->n_pairs; k-- > frame[-1].n_pairs;)
        {
          words[n++] = (HookWord) { thread->pair_slots[k], thread->pairs[k][0] };
          words[n++] = (HookWord) { thread->pair_slots[k] + 8, thread->pairs[k][1] };
        }
    }
  /* One more, so that they are compared two at a time. */
  if (n_words % 2)
    words[n_words] = words[n_words - 1];
  for (uint32_t i = 0; i < (n_words + 1) / 2 * 2; i++)
    {
      const uint64_t offset = words[i].slot - (uint64_t) stack;
      if (offset % 8 || offset / 8 > UINT16_MAX)
        return; /* not near, or nothing that can be proved */
      offsets[i] = (uint16_t) (offset / 8);
      values[i] = words[i].value;
    }
  n = 0;
  for (;;)
    {
      shape = shape_at (thread, hash);
      n_fitting = 0;
      if (shape->sp == sp && shape->ip == ip && shape->n_before == n)
        while (n_fitting < n_words && n_fitting < shape->n_words && offsets[n_fitting] == shape->offsets[n_fitting])
          n_fitting++;
      if (n_fitting > n && n_fitting < n_words && n_fitting < shape->n_words)
        {
          /* After some words the walks go on differently. */
          shape->n_words = (uint8_t) n_fitting;
          shape->is_fork = true;
        }
      if (n_fitting <= n || n_fitting < shape->n_words || !shape->is_fork)
        break;
      while (n < shape->n_words)
        hash = hash_word (hash, values[n++]);
    }
  if (n_fitting < n_words || n_fitting < shape->n_words || shape->meets != meets)
    {
      *shape = (HookShape) { ++thread->last_shape, ip, sp, meets, (uint8_t) n_words, (uint8_t) n };
      memcpy (shape->offsets, offsets, sizeof offsets);
    }
  while (n < n_words)
    hash = hash_word (hash, values[n++]);
  HookMemory *memory = memory_at (thread, hash, met->node);
  *memory = (HookMemory) { shape->id, leaf->node, met->node, met->sp, met->rbp, caller->rbp,
                           leaf->needs_rbp ? ~0ul : 0 };
  memcpy (memory->values, values, sizeof values);
}

/* Whether to look for the walk among those remembered. Where most are new, looking costs more than walking: then it is
 * left alone for a while, each time twice as long. */
static inline bool
may_recall (HookThread *thread)
{
  enum
  {
    TRIES = 512,
    GOOD = TRIES * 2 / 3,
    LONGEST_REST = TRIES * 128,
  };

  if (thread->rest > 0)
    {
      thread->rest--;
      return false;
    }
  if (++thread->n_tries == TRIES)
    {
      if (thread->n_recalled >= GOOD)
        thread->last_rest = 0;
      else if (thread->last_rest < LONGEST_REST)
        thread->last_rest = thread->last_rest ? thread->last_rest * 2 : TRIES;
      thread->rest = thread->last_rest;
      thread->n_tries = thread->n_recalled = 0;
    }
  return true;
}

/* Walks from the leaf until the kept stack is met, which becomes the caller's. A function of its own, so that recall() has the registers to itself. */
static __attribute__ ((noinline)) uint32_t
walk_to_kept (HookThread *thread, const HookCaller *caller, bool recalls)
{
  const uint64_t sp = hook_caller_sp (caller);
  uint64_t n = thread->n_frames, n_walked = 0;
  HookState state = { caller->ip, sp, caller->rbp, false }, next;
  while (n > 0 && thread->kept[n - 1].sp < sp)
    n--;
  if (likely (n > 0))
    n = prove (thread, n);
  for (;;)
    {
      const HookKept *kept = &thread->kept[n - 1];
      for (; n > 0 && kept->sp < state.sp; n--)
        kept--;
      if (n > 0 && kept->sp == state.sp && kept->ip == state.ip && kept->exact == state.exact
          && (!kept->needs_rbp || kept->rbp == state.rbp))
        break;
      const HookStep result = step (thread, &thread->walk[n_walked++], state, &next, true);
      if (likely (result == HOOK_STEP_CALLER) && likely (n_walked < HOOK_WALKED_FRAMES))
        {
          state = next;
          continue;
        }
      n = 0;
      if (result == HOOK_STEP_ROOT)
        break;
      /* Lost, or too deep to keep. */
      thread->n_frames = 0;
      return walk_all (thread, caller);
    }

  thread->n_frames = (uint32_t) n;
  expect_nodes (thread, n ? thread->kept[n - 1].path : HAT_WIRE_NODE_ROOT, n_walked);
  while (n_walked > 0)
    if (unlikely (!keep (thread, &thread->walk[--n_walked])))
      {
        thread->n_frames = 0;
        return walk_all (thread, caller);
      }
  if (recalls && n > 0 && thread->n_frames - n >= HOOK_LONG_WALK)
    remember (thread, caller, (uint32_t) n - 1);
  const uint32_t node = likely (thread->n_frames <= HOOK_MAX_FRAMES) ? thread->kept[thread->n_frames - 1].node : cut_node (thread);
  hook_check_stack (thread, caller, node, false);
  return node;
}

uint32_t
hook_unwind (HookThread *thread, const HookCaller *caller)
{
  const uint32_t generation = hook_unwind_generation ();
  const uint64_t sp = hook_caller_sp (caller);

  if (unlikely (thread->next_node > HAT_WIRE_MAX_NODES - 2 * HOOK_MAX_FRAMES))
    hook_unwind_reset (thread);
  if (unlikely (thread->generation != generation))
    {
      hook_unwind_reset (thread);
      thread->generation = generation;
    }
  if (unlikely (sp < thread->stack_lo || sp >= thread->stack_hi))
    return walk_all (thread, caller);
  const bool recalls = may_recall (thread);
  const uint32_t node = recalls ? recall (thread, caller) : 0;
  if (likely (node))
    {
      thread->n_recalled++;
      hook_check_stack (thread, caller, node, false);
      return node;
    }
  return walk_to_kept (thread, caller, recalls);
}

#ifdef HOOK_CHECK
uint32_t
hook_unwind_generic (HookThread *thread, const HookCaller *caller, uint64_t *ips, uint32_t max, bool *out_root)
{
  const HookRegisters *registers = &thread->scratch.registers;
  uint32_t n = 0;

  *out_root = false;
  if (!find_registers (thread, caller->ip, hook_caller_sp (caller)))
    return 0;
  HookStep result;
  do
    {
      ips[n++] = registers->value[HOOK_RA];
      result = hook_cfi_step (thread);
    }
  while (result == HOOK_STEP_CALLER && n < max);
  *out_root = result == HOOK_STEP_ROOT;
  return n;
}
#endif
