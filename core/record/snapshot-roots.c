/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-roots.h"

#include <cpuid.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/record/proc.h"
#include "core/wire/wire.h"

#define PAGE 4096u
#define RED_ZONE 128u
#define DESCRIPTOR_BYTES 0x900u         /* glibc's struct pthread */
#define MAX_GUARD_BYTES (1ull << 20)
#define MAX_TLS_BYTES (256ull << 10)    /* static thread-local storage of a thread */
#define MAIN_TLS_BYTES (64ull << 10)    /* about the main thread's descriptor */
#define ARENA_BYTES (64ull << 20)       /* glibc aligns its arenas to this */
#define MAX_OWN 8192u
#define MAX_HOOK_STACK (64ull << 10)
#define MAX_LISTED 4096u

/* Offsets in glibc's malloc_state, the same since 2.27. */
#define ARENA_TOP 96u
#define ARENA_BINS 112u
#define ARENA_N_BINS 127u
#define ARENA_NEXT 2160u
#define ARENA_SIZE 2200u

typedef struct
{
  guint64 start, end;
} Interval;

/* ---- modules ---- */

static void
read_build_id (guint32 pid, guint64 at, gsize size, guint8 *build_id)
{
  guint8 notes[1024];

  size = MIN (size, sizeof notes);
  if (!hat_copy_peek (pid, at, notes, size))
    return;
  for (gsize i = 0; i + sizeof (Elf64_Nhdr) <= size;)
    {
      Elf64_Nhdr note;
      memcpy (&note, notes + i, sizeof note);
      const gsize name = i + sizeof note, text = name + ((note.n_namesz + 3ull) & ~3ull), end = text + ((note.n_descsz + 3ull) & ~3ull);
      if (end > size)
        return;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp (notes + name, "GNU", 4) == 0)
        {
          memcpy (build_id, notes + text, MIN (note.n_descsz, 20));
          return;
        }
      i = end;
    }
}

/* The ELF file whose first page is mapped at `start`. */
static gboolean
read_module (guint32 pid, guint64 start, HatFoundModule *out)
{
  guint8 page[PAGE];
  Elf64_Ehdr header;
  guint64 low = G_MAXUINT64, high = 0;

  if (!hat_copy_peek (pid, start, page, sizeof page))
    return FALSE;
  memcpy (&header, page, sizeof header);
  if (memcmp (header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof (Elf64_Phdr)
      || header.e_phoff > PAGE || header.e_phnum > (PAGE - header.e_phoff) / sizeof (Elf64_Phdr))
    return FALSE;
  const guint8 *table = page + header.e_phoff;
  for (guint i = 0; i < header.e_phnum; i++)
    {
      Elf64_Phdr segment;
      memcpy (&segment, table + i * sizeof segment, sizeof segment);
      if (segment.p_type != PT_LOAD)
        continue;
      low = MIN (low, segment.p_vaddr & ~(guint64) (PAGE - 1));
      high = MAX (high, segment.p_vaddr + segment.p_memsz);
    }
  if (low >= high || high - low > 1ull << 40)
    return FALSE;
  out->image = (HatScanModule) { .start = start, .end = start + (high - low), .bias = start - low, .module = G_MAXUINT32 };
  for (guint i = 0; i < header.e_phnum; i++)
    {
      Elf64_Phdr segment;
      memcpy (&segment, table + i * sizeof segment, sizeof segment);
      if (segment.p_type == PT_TLS)
        {
          out->tls_size = segment.p_memsz;
          out->tls_align = segment.p_align;
        }
      if (segment.p_type == PT_DYNAMIC)
        out->dynamic = out->image.bias + segment.p_vaddr;
      if (segment.p_type == PT_GNU_EH_FRAME)
        out->unwind_table = out->image.bias + segment.p_vaddr;
      if (segment.p_type == PT_NOTE)
        read_build_id (pid, out->image.bias + segment.p_vaddr, segment.p_memsz, out->build_id);
    }
  return TRUE;
}

static gboolean
is_hook (const char *path)
{
  const char *name = strrchr (path, '/');
  return name && strcmp (name, "/libheapatlas-hook.so") == 0;
}

gboolean
hat_roots_look (HatRootPlan *plan)
{
  HatMapping mapping;
  char *text = plan->maps = hat_proc_maps (plan->pid);
  g_autofree char *link = g_strdup_printf ("/proc/%u/exe", plan->pid), *program = g_file_read_link (link, NULL);

  plan->mappings = g_array_new (FALSE, FALSE, sizeof (HatMapping));
  plan->modules = g_array_new (FALSE, FALSE, sizeof (HatFoundModule));
  plan->ranges = g_array_new (FALSE, TRUE, sizeof (HatRootRange));
  while (text && hat_proc_next_mapping (&text, &mapping))
    {
      HatFoundModule found = { .path = mapping.path };
      const HatFoundModule *last = plan->modules->len > 0 ? &g_array_index (plan->modules, HatFoundModule, plan->modules->len - 1) : NULL;
      g_array_append_val (plan->mappings, mapping);
      if ((*mapping.path != '/' && strcmp (mapping.path, "[vdso]") != 0) || mapping.offset != 0 || !mapping.is_readable || !mapping.is_private
          || (last && mapping.start < last->image.end) || !read_module (plan->pid, mapping.start, &found))
        continue;
      found.is_hook = is_hook (mapping.path);
      found.inode = mapping.inode;
      if (plan->program == 0 && g_strcmp0 (program, mapping.path) == 0)
        plan->program = mapping.start;
      g_array_append_val (plan->modules, found);
    }
  return plan->mappings->len > 0;
}

void
hat_roots_clear (HatRootPlan *plan)
{
  g_free (plan->maps);
  g_clear_pointer (&plan->mappings, g_array_unref);
  g_clear_pointer (&plan->modules, g_array_unref);
  g_clear_pointer (&plan->ranges, g_array_unref);
}

const HatFoundModule *
hat_roots_module_at (const HatRootPlan *plan, guint64 address)
{
  guint low = 0, high = plan->modules->len;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (g_array_index (plan->modules, HatFoundModule, middle).image.start <= address)
        low = middle + 1;
      else
        high = middle;
    }
  const HatFoundModule *found = low > 0 ? &g_array_index (plan->modules, HatFoundModule, low - 1) : NULL;
  return found && address < ((found->image.end + PAGE - 1) & ~(guint64) (PAGE - 1)) ? found : NULL;
}

static const HatMapping *
mapping_at (const HatRootPlan *plan, guint64 address)
{
  for (guint i = 0; i < plan->mappings->len; i++)
    {
      const HatMapping *mapping = &g_array_index (plan->mappings, HatMapping, i);
      if (address >= mapping->start && address < mapping->end)
        return mapping;
    }
  return NULL;
}

/* ---- what is no root ---- */

static void
exclude (GArray *excluded, guint64 start, guint64 end)
{
  const Interval interval = { start, end };
  if (start < end)
    g_array_append_val (excluded, interval);
}

static int
compare_intervals (gconstpointer a, gconstpointer b)
{
  const Interval *x = a, *y = b;
  return x->start < y->start ? -1 : x->start > y->start;
}

/* The hook's mappings are a list, each with the next one's address and its own size in its first words. */
static void
exclude_hook (HatRootPlan *plan, GArray *excluded)
{
  guint64 at = plan->own_memory;
  HatWireOwn own;

  for (guint i = 0; at != 0 && i < MAX_OWN && hat_copy_peek (plan->pid, at, &own, sizeof own); i++, at = own.next)
    exclude (excluded, at, at + own.size);
}

/* An empty bin of an arena points to itself, as if it were a chunk whose links it is. Bins alone do not tell where an arena begins: every
 * part of the array looks the same. The next arena does: it is this one again, or begins a heap of its own. */
static gboolean
is_arena (const guint64 *words, gsize n, guint64 address, gsize at)
{
  guint n_empty = 0;

  if (at + ARENA_SIZE / 8 > n)
    return FALSE;
  for (guint i = 0; i < ARENA_N_BINS; i++)
    {
      const guint64 *pair = words + at + ARENA_BINS / 8 + 2 * i;
      n_empty += pair[0] == address + ARENA_BINS - 16 + 16 * i && pair[0] == pair[1];
    }
  const guint64 next = words[at + ARENA_NEXT / 8], in_heap = next & (ARENA_BYTES - 1);
  return n_empty >= ARENA_N_BINS / 4 && words[at + ARENA_TOP / 8] != 0 && (next == address || (in_heap >= 32 && in_heap < 128));
}

static void
exclude_main_arena (HatRootPlan *plan, GArray *excluded)
{
  for (guint i = 0; i < plan->mappings->len; i++)
    {
      const HatMapping *mapping = &g_array_index (plan->mappings, HatMapping, i);
      const char *name = strrchr (mapping->path, '/');
      if (name == NULL || !g_str_has_prefix (name, "/libc") || !mapping->is_writable || mapping->end - mapping->start > 1 << 20)
        continue;
      const gsize n = (mapping->end - mapping->start) / 8;
      g_autofree guint64 *words = g_new (guint64, n);
      if (!hat_copy_peek (plan->pid, mapping->start, words, n * 8))
        continue;
      for (gsize k = 0; k < n; k += 2)
        if (is_arena (words, n, mapping->start + k * 8, k))
          {
            exclude (excluded, mapping->start + k * 8, mapping->start + k * 8 + ARENA_SIZE);
            return;
          }
    }
}

/* glibc's heap_info at the start of a piece of an arena: the arena, the piece before, its size, and how much of it can be used. */
static gboolean
is_arena_heap (guint32 pid, guint64 start)
{
  guint64 info[4];

  return hat_copy_peek (pid, start, info, sizeof info) && info[2] > 0 && info[2] <= ARENA_BYTES && info[2] % PAGE == 0
         && info[3] >= info[2] && info[3] <= ARENA_BYTES && info[3] % PAGE == 0 && info[1] % ARENA_BYTES == 0
         && (info[0] & (ARENA_BYTES - 1)) >= 32 && (info[0] & (ARENA_BYTES - 1)) < 128
         && (info[1] != 0 || (info[0] & ~(ARENA_BYTES - 1)) == start);
}

/* The first page with a block that starts at or after the address. */
static guint
first_page (const GArray *pages, guint64 address)
{
  guint low = 0, high = pages->len;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (g_array_index (pages, HatPageSpan, middle).first < address)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/* What belongs to the allocator of a mapping that is not its main heap: arenas, and blocks that have pages of their own. */
static void
exclude_allocator (HatRootPlan *plan, const HatMapping *mapping, GArray *excluded)
{
  guint64 arena_end = 0;

  for (guint64 at = (mapping->start + ARENA_BYTES - 1) & ~(ARENA_BYTES - 1); !plan->is_foreign && at < mapping->end; at += ARENA_BYTES)
    if (is_arena_heap (plan->pid, at))
      exclude (excluded, at, MIN (at + ARENA_BYTES, mapping->end));
  for (guint i = first_page (plan->pages, mapping->start); i < plan->pages->len; i++)
    {
      guint64 header[2];
      const guint64 address = g_array_index (plan->pages, HatPageSpan, i).first;
      if (address >= mapping->end)
        break;
      if (address < arena_end)
        continue;
      if (!plan->is_foreign && is_arena_heap (plan->pid, address & ~(ARENA_BYTES - 1)))
        {
          arena_end = (address & ~(ARENA_BYTES - 1)) + ARENA_BYTES;
          continue;
        }
      /* size | flags; 2: it has its own pages, which begin header[0] before. */
      if (plan->is_foreign || !hat_copy_peek (plan->pid, address - 16, header, sizeof header) || !(header[1] & 2))
        {
          exclude (excluded, mapping->start, mapping->end);
          return;
        }
      exclude (excluded, address - 16 - header[0], address - 16 + (header[1] & ~7ull));
    }
}

/* ---- threads ---- */

/* A thread's stack and what stands above it, as glibc notes them: start and size are neighbours in the thread's descriptor, which lies at
 * the end of that very memory. FALSE: the main thread, or unknown. */
static gboolean
find_stack (guint32 pid, guint64 descriptor, Interval *out)
{
  guint64 words[DESCRIPTOR_BYTES / 8];
  gsize n = DESCRIPTOR_BYTES / 8;

  if (!hat_copy_peek (pid, descriptor, words, sizeof words))
    {
      n = (PAGE - descriptor % PAGE) / 8;
      if (n > DESCRIPTOR_BYTES / 8 || !hat_copy_peek (pid, descriptor, words, n * 8))
        return FALSE;
    }
  for (gsize i = 0; i + 1 < n; i++)
    {
      const guint64 start = words[i], size = words[i + 1];
      if (start < descriptor && size >= 16384 && size < 1ull << 40 && start + size > descriptor && start + size - descriptor < 1 << 20
          && descriptor - start > 8192)
        {
          *out = (Interval) { start, start + size };
          return TRUE;
        }
    }
  return FALSE;
}

static void
add_range (HatRootPlan *plan, guint64 start, guint64 end, HatRootRange like)
{
  like.start = (start + 7) & ~7ull;
  like.end = end & ~7ull;
  if (like.start < like.end)
    g_array_append_val (plan->ranges, like);
}

/* The parts of [start, end) that are not excluded. */
static void
add_rest (HatRootPlan *plan, const GArray *excluded, guint64 start, guint64 end, HatRootRange like)
{
  for (guint i = 0; i < excluded->len && start < end; i++)
    {
      const Interval *interval = &g_array_index (excluded, Interval, i);
      if (interval->end <= start)
        continue;
      if (interval->start >= end)
        break;
      add_range (plan, start, interval->start, like);
      start = MAX (start, interval->end);
    }
  add_range (plan, start, end, like);
}

/* Adds its ranges, without what the allocator has in the same mappings, and notes the memory that they take. */
static void
plan_thread (HatRootPlan *plan, guint number, const GArray *allocator, GArray *taken)
{
  const HatStoppedThread *thread = &g_array_index (plan->stop->threads, HatStoppedThread, number);
  const guint64 sp = thread->registers.rsp, descriptor = thread->registers.fs_base;
  guint64 low = sp - RED_ZONE;
  const HatMapping *here = mapping_at (plan, sp), *tls = mapping_at (plan, descriptor);
  Interval stack = { 0, 0 };

  if (thread->tid == plan->held.tid && here && plan->held.cfa >= sp && plan->held.cfa < here->end)
    low = plan->held.cfa;
  if (tls && find_stack (plan->pid, descriptor, &stack))
    {
      exclude (taken, stack.start, stack.end);
      /* On another stack (a handler's, a coroutine's) all of its own one may be in use. */
      add_range (plan, sp >= stack.start && sp < stack.end ? low : stack.start, descriptor, (HatRootRange) { .kind = HAT_ROOT_STACK, .thread = number });
      add_range (plan, descriptor, stack.end, (HatRootRange) { .kind = HAT_ROOT_TLS, .thread = number });
      if (sp >= stack.start && sp < stack.end)
        return;
    }
  else if (tls)
    {
      const guint64 from = MAX (tls->start, descriptor - MIN (descriptor, MAIN_TLS_BYTES)), to = MIN (tls->end, descriptor + MAIN_TLS_BYTES);
      exclude (taken, from, to);
      add_rest (plan, allocator, from, to, (HatRootRange) { .kind = HAT_ROOT_TLS, .thread = number });
    }
  if (here && here->is_readable)
    {
      exclude (taken, here->start, here->end);
      add_range (plan, MAX (low, here->start), here->end, (HatRootRange) { .kind = HAT_ROOT_STACK, .thread = number });
    }
}

/* ---- thread-local storage ---- */

/* The loader's list of modules, whose head the program's .dynamic leads to; 0: there is none. */
static guint64
first_of_list (const HatRootPlan *plan, const HatFoundModule *program)
{
  Elf64_Dyn entry;
  guint64 list;

  for (guint64 at = program->dynamic; at != 0 && hat_copy_peek (plan->pid, at, &entry, sizeof entry) && entry.d_tag != DT_NULL; at += sizeof entry)
    if (entry.d_tag == DT_DEBUG) /* struct r_debug */
      return hat_copy_peek (plan->pid, entry.d_un.d_ptr + 8, &list, sizeof list) ? list : 0;
  return 0;
}

static HatFoundModule *
module_with_storage (const HatRootPlan *plan, guint64 bias)
{
  for (guint i = 0; i < plan->modules->len; i++)
    {
      HatFoundModule *found = &g_array_index (plan->modules, HatFoundModule, i);
      if (found->image.bias == bias && found->tls_size > 0)
        return found;
    }
  return NULL;
}

/* The static storage of a module begins equally far below the descriptor in every thread. The program's comes first; that of others is in the
 * thread's table (its descriptor's second word), where modules that have any are numbered in the order of the loader's list (struct link_map). */
static void
find_storage (HatRootPlan *plan)
{
  const guint64 descriptor = plan->stop->threads->len > 0 ? g_array_index (plan->stop->threads, HatStoppedThread, 0).registers.fs_base : 0;
  guint64 table, map[4], at = 0, number = 0;

  for (guint i = 0; i < plan->modules->len; i++)
    {
      HatFoundModule *found = &g_array_index (plan->modules, HatFoundModule, i);
      if (found->image.start != plan->program)
        continue;
      at = first_of_list (plan, found);
      if (found->tls_size > 0)
        found->tls_below = descriptor - ((descriptor - found->tls_size) & ~(MAX (found->tls_align, 1) - 1));
    }
  if (!hat_copy_peek (plan->pid, descriptor + 8, &table, sizeof table))
    return;
  for (guint i = 0; i < MAX_LISTED && at != 0 && hat_copy_peek (plan->pid, at, map, sizeof map); i++, at = map[3])
    {
      HatFoundModule *found = module_with_storage (plan, map[0]);
      guint64 start;
      if (found == NULL || !hat_copy_peek (plan->pid, table + 16 * ++number, &start, sizeof start))
        continue;
      const guint64 below = descriptor - start;
      if (below >= found->tls_size && below < MAX_TLS_BYTES && start % MAX (found->tls_align, 1) == 0)
        found->tls_below = below;
    }
}

/* The stack of a thread that is over, kept for the next one: it stands above its guard, and its old descriptor still says where it begins. */
static gboolean
is_old_stack (HatRootPlan *plan, const HatMapping *guard, const HatMapping *mapping)
{
  guint64 words[2 * PAGE / 8];

  if (guard == NULL || guard->end != mapping->start || guard->is_readable || guard->end - guard->start > MAX_GUARD_BYTES
      || mapping->end - mapping->start < sizeof words || !hat_copy_peek (plan->pid, mapping->end - sizeof words, words, sizeof words))
    return FALSE;
  for (guint i = 0; i + 1 < G_N_ELEMENTS (words); i++)
    if (words[i] == guard->start && words[i + 1] == mapping->end - guard->start)
      return TRUE;
  return FALSE;
}

/* ---- the plan ---- */

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const HatRootRange *x = a, *y = b;

  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  if (x->thread != y->thread)
    return x->thread < y->thread ? -1 : 1;
  return x->start < y->start ? -1 : x->start > y->start;
}

void
hat_roots_plan (HatRootPlan *plan, HatCopy *copy)
{
  g_autoptr (GArray) excluded = g_array_new (FALSE, FALSE, sizeof (Interval)); /* the allocator's and the hook's */
  g_autoptr (GArray) taken = g_array_new (FALSE, FALSE, sizeof (Interval));    /* by threads, living or not */
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (Interval));
  g_autofree char *pagemap_path = g_strdup_printf ("/proc/%u/pagemap", plan->pid);
  const int pagemap = open (pagemap_path, O_RDONLY | O_CLOEXEC);
  const HatMapping *before = NULL;

  find_storage (plan);
  exclude_hook (plan, excluded);
  exclude_main_arena (plan, excluded);
  for (guint i = 0; i < plan->mappings->len; before = &g_array_index (plan->mappings, HatMapping, i), i++)
    {
      const HatMapping *mapping = &g_array_index (plan->mappings, HatMapping, i);
      if (!mapping->is_writable || !mapping->is_private || hat_roots_module_at (plan, mapping->start))
        continue;
      if (strcmp (mapping->path, "[heap]") == 0 && !plan->is_foreign)
        exclude (excluded, mapping->start, mapping->end);
      else if (g_str_has_prefix (mapping->path, "[stack") || is_old_stack (plan, before, mapping))
        exclude (taken, mapping->start, mapping->end);
      else
        exclude_allocator (plan, mapping, excluded);
    }
  g_array_sort (excluded, compare_intervals);
  for (guint i = 0; i < plan->stop->threads->len; i++)
    plan_thread (plan, i, plan->is_foreign ? none : excluded, taken);
  g_array_append_vals (excluded, taken->data, taken->len);
  g_array_sort (excluded, compare_intervals);

  for (guint i = 0; i < plan->mappings->len; i++)
    {
      const HatMapping *mapping = &g_array_index (plan->mappings, HatMapping, i);
      const HatFoundModule *module = hat_roots_module_at (plan, mapping->start);
      const HatRootRange other = { .kind = HAT_ROOT_MAPPING, .thread = G_MAXUINT, .name = mapping->path };
      if (!mapping->is_writable || !mapping->is_readable || !mapping->is_private || is_hook (mapping->path)
          || (module && module->is_hook))
        continue;
      if (module == NULL)
        {
          add_rest (plan, excluded, mapping->start, mapping->end, other);
          continue;
        }
      /* A mapping may have grown together with the zeros of a module. */
      const guint64 end = MIN (mapping->end, (module->image.end + PAGE - 1) & ~(guint64) (PAGE - 1));
      add_rest (plan, excluded, mapping->start, end, (HatRootRange) { .kind = HAT_ROOT_GLOBAL, .thread = G_MAXUINT, .module = &module->image });
      add_rest (plan, excluded, end, mapping->end, other);
    }
  for (guint i = 0; i < plan->stop->threads->len; i++)
    {
      /* Not roots, but the way to the frames above. */
      const HatStoppedThread *thread = &g_array_index (plan->stop->threads, HatStoppedThread, i);
      if (thread->tid == plan->held.tid && plan->held.cfa - thread->registers.rsp < MAX_HOOK_STACK)
        hat_copy_add (copy, thread->registers.rsp, plan->held.cfa);
    }
  for (guint i = 0; i < plan->modules->len; i++)
    {
      /* The kernel's code has no file that could be read later. */
      const HatFoundModule *module = &g_array_index (plan->modules, HatFoundModule, i);
      if (*module->path == '[')
        hat_copy_add (copy, module->image.start, module->image.end);
    }
  g_array_sort (plan->ranges, compare_ranges);
  for (guint i = 0; i < plan->ranges->len; i++)
    {
      const HatRootRange *range = &g_array_index (plan->ranges, HatRootRange, i);
      hat_copy_add_written (copy, pagemap, range->start, range->end);
    }
  if (pagemap >= 0)
    close (pagemap);
}

/* ---- scanning ---- */

typedef struct
{
  const HatRootPlan *plan;
  const HatRootThread *threads;
  const HatSnapshotFrame *frames;
  GArray *roots; /* HatRoot */
} Scan;

static void
add_root (Scan *scan, HatRoot root, guint64 value)
{
  const HatBlockIndex *blocks = scan->plan->blocks;
  const guint32 to = hat_block_index_find (blocks, value);

  if (to == HAT_NO_BLOCK || scan->roots->len == G_MAXUINT32)
    return;
  root.to = to;
  root.to_offset = value - blocks->addresses[to];
  g_array_append_val (scan->roots, root);
}

/* The innermost frame whose words reach up to the address. */
static guint32
frame_of (const Scan *scan, const HatRootThread *thread, guint64 address)
{
  guint low = 0, high = thread->n_frames;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (scan->frames[thread->first_frame + middle].cfa <= address)
        low = middle + 1;
      else
        high = middle;
    }
  return low < thread->n_frames ? thread->first_frame + low : HAT_NO_FRAME;
}

/* Where a thread's outermost frame ends and its static thread-local storage begins, if that can be told. */
static guint64
start_of_tls (const Scan *scan, guint number)
{
  const HatRootThread *thread = &scan->threads[number];
  const guint64 descriptor = g_array_index (scan->plan->stop->threads, HatStoppedThread, number).registers.fs_base;

  const guint64 end = thread->n_frames > 0 ? scan->frames[thread->first_frame + thread->n_frames - 1].cfa : 0;
  return end < descriptor && descriptor - end < MAX_TLS_BYTES ? end : descriptor - PAGE;
}

static void
scan_range (Scan *scan, const HatCopy *copy, const HatRootRange *range)
{
  const HatRootThread *thread = range->thread != G_MAXUINT ? &scan->threads[range->thread] : NULL;
  HatRoot root = { .module = range->module ? range->module->module : G_MAXUINT32,
                   .thread = thread ? thread->index : G_MAXUINT32,
                   .frame = HAT_NO_FRAME,
                   .name = range->name ? range->name : "" };
  const HatCopyRange *ranges = (const HatCopyRange *) copy->ranges->data;
  const gboolean is_stack = range->kind == HAT_ROOT_STACK;
  /* The main thread's is elsewhere. */
  const guint64 descriptor = is_stack ? g_array_index (scan->plan->stop->threads, HatStoppedThread, range->thread).registers.fs_base : 0;
  const guint64 tls = is_stack && range->end == (descriptor & ~7ull) ? start_of_tls (scan, range->thread) : G_MAXUINT64;

  for (guint i = 0; i < copy->ranges->len && ranges[i].start < range->end; i++)
    {
      const guint64 start = MAX (ranges[i].start, range->start), end = MIN (ranges[i].end, range->end);
      const guint64 *words = (const guint64 *) (ranges[i].bytes + (start - ranges[i].start));
      for (guint64 at = start; at < end; at += 8, words++)
        {
          if (*words - scan->plan->blocks->low >= scan->plan->blocks->span)
            continue;
          root.address = at;
          root.offset = range->module ? at - range->module->bias : 0;
          root.kind = at >= tls ? HAT_ROOT_TLS : range->kind;
          root.frame = root.kind == HAT_ROOT_STACK ? frame_of (scan, thread, at) : HAT_NO_FRAME;
          add_root (scan, root, *words);
        }
    }
}

/* The parts of vector registers, each where the processor says that XSAVE puts it (Intel's manual, volume 1, 13.5): the lower 128 bits, the
 * upper halves of the first 256, of the first 512, and all of those that only AVX-512 has. */
static void
scan_vector (Scan *scan, HatRoot root, const guint8 *state, gsize n)
{
#define TEN(p, t) p t "0", p t "1", p t "2", p t "3", p t "4", p t "5", p t "6", p t "7", p t "8", p t "9"
  static const char *const names[4][16] = {
    { TEN ("xmm", ""), "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15" },
    { TEN ("ymm", ""), "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15" },
    { TEN ("zmm", ""), "zmm10", "zmm11", "zmm12", "zmm13", "zmm14", "zmm15" },
    { "zmm16", "zmm17", "zmm18", "zmm19", TEN ("zmm", "2"), "zmm30", "zmm31" },
  };
#undef TEN
  static const struct { guint component, words; } parts[4] = { { 1, 2 }, { 2, 2 }, { 6, 4 }, { 7, 8 } };

  for (guint part = 0; part < G_N_ELEMENTS (parts); part++)
    {
      guint size = 0, offset = 160, unused; /* that of the first part is fixed */
      if (part > 0 && (!__get_cpuid_count (0xd, parts[part].component, &size, &offset, &unused, &unused) || size == 0))
        continue;
      for (guint i = 0; i < 16 * parts[part].words; i++)
        {
          const gsize at = offset + i * 8;
          guint64 value;
          if (at + 8 > n)
            break;
          memcpy (&value, state + at, 8);
          root.address = 17 + (part == 3 ? 16 : 0) + i / parts[part].words;
          root.name = names[part][i / parts[part].words];
          add_root (scan, root, value);
        }
    }
}

static void
scan_registers (Scan *scan, guint number)
{
  static const char *const names[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
  const HatStoppedThread *stopped = &g_array_index (scan->plan->stop->threads, HatStoppedThread, number);
  const HatRootThread *thread = &scan->threads[number];
  HatRoot root = { .module = G_MAXUINT32, .thread = thread->index, .frame = HAT_NO_FRAME, .name = "", .kind = HAT_ROOT_REGISTER };
  guint64 registers[17];
  guint32 known = G_MAXUINT32;
  gsize n = 0;
  const guint8 *vector = stopped->vector ? g_bytes_get_data (stopped->vector, &n) : NULL;

  hat_stopped_registers (stopped, registers);
  if (thread->n_frames > 0)
    root.frame = thread->first_frame;
  if (stopped->tid == scan->plan->held.tid)
    {
      /* It called us: what is in its registers now is ours, but for those that it may rely upon. */
      if (thread->n_frames > 0)
        memcpy (registers, scan->frames[root.frame].registers, sizeof registers);
      known = 1u << 3 | 1u << 6 | 0xfu << 12;
      n = 0;
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      root.address = i;
      root.name = names[i];
      if (known >> i & 1)
        add_root (scan, root, registers[i]);
    }
  scan_vector (scan, root, vector, n);
}

static int
compare_roots (const void *a, const void *b)
{
  const HatRoot *x = a, *y = b;

  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  if (x->thread != y->thread)
    return x->thread < y->thread ? -1 : 1;
  return x->address < y->address ? -1 : x->address > y->address;
}

void
hat_roots_scan (const HatRootPlan *plan, const HatCopy *copy, const HatRootThread *threads, HatSnapshot *out)
{
  Scan scan = { plan, threads, out->frames, g_array_new (FALSE, FALSE, sizeof (HatRoot)) };

  for (guint i = 0; i < plan->ranges->len; i++)
    scan_range (&scan, copy, &g_array_index (plan->ranges, HatRootRange, i));
  for (guint i = 0; i < plan->stop->threads->len; i++)
    scan_registers (&scan, i);
  out->info.n_roots = scan.roots->len;
  out->roots = (HatRoot *) g_array_free (scan.roots, FALSE);
  qsort (out->roots, out->info.n_roots, sizeof *out->roots, compare_roots);
}
