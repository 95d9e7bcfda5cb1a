/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules, frames and canonical stacks of a recording. */

#include "core/record/stacks.h"

#include <string.h>

#include "core/trace/big-array.h"
#include "core/wire/wire.h"

#define NO_MODULE G_MAXUINT32
#define N_ROOTS 2u

typedef struct
{
  guint64 start, end, bias;
  guint32 module; /* the writer's */
  gboolean is_hook;
} Mapped;

typedef struct
{
  guint64 module; /* << 1 | exact */
  guint64 offset;
} FrameKey;

struct _HatModules
{
  GArray *mapped; /* Mapped, newest last */
  char *program;  /* path of the main program, which announces itself without a name */
};

struct _HatStacks
{
  HatTraceWriter *writer;
  const guint64 *ips;
  guint32 *frame_of_ip; /* frame + 1, 0 = not looked up yet */
  GHashTable *modules;  /* identity as text -> writer's module + 1 */
  GHashTable *frames;   /* FrameKey -> HatFrameId; asked once per address */
  HatStackNode *nodes; /* by HatStackId */
  guint n, capacity;   /* of nodes */
  guint32 *slots;      /* of the others: the HatStackId, and above it as much of the hash as there is room for; 0 = empty */
  guint n_others, slot_bits, stack_bits; /* 2^slot_bits slots, stack_bits for the HatStackId */
  GByteArray *loader_frames, *loader_stacks; /* bits by HatFrameId, HatStackId: it, or its innermost frame, is the loader's */
  HatFrameId cut;
  gboolean has_cut;
};

static guint
hash_frame (gconstpointer data)
{
  const FrameKey *key = data;
  const guint64 mixed = (key->offset + key->module * 0x9e3779b9) * 0x9e3779b97f4a7c15ull;
  return mixed >> 32;
}

static gboolean
equal_frames (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (FrameKey)) == 0;
}

HatStacks *
hat_stacks_new (HatTraceWriter *writer, const guint64 *ips)
{
  HatStacks *stacks = g_new0 (HatStacks, 1);
  stacks->writer = writer;
  stacks->ips = ips;
  stacks->frame_of_ip = g_new0 (guint32, HAT_WIRE_MAX_IPS);
  stacks->modules = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  stacks->frames = g_hash_table_new_full (hash_frame, equal_frames, g_free, NULL);
  stacks->capacity = 1024;
  stacks->nodes = g_new (HatStackNode, stacks->capacity);
  for (; stacks->n < N_ROOTS; stacks->n++)
    stacks->nodes[stacks->n] = (HatStackNode) { .parent = stacks->n };
  stacks->slot_bits = stacks->stack_bits = 10;
  stacks->slots = g_new0 (guint32, 1u << stacks->slot_bits);
  stacks->loader_frames = g_byte_array_new ();
  stacks->loader_stacks = g_byte_array_new ();
  return stacks;
}

void
hat_stacks_free (HatStacks *stacks)
{
  if (stacks == NULL)
    return;
  g_free (stacks->frame_of_ip);
  g_hash_table_unref (stacks->modules);
  g_hash_table_unref (stacks->frames);
  g_free (stacks->nodes);
  g_free (stacks->slots);
  g_byte_array_unref (stacks->loader_frames);
  g_byte_array_unref (stacks->loader_stacks);
  g_free (stacks);
}

/* ---- modules ---- */

HatModules *
hat_modules_new (const char *program)
{
  HatModules *modules = g_new0 (HatModules, 1);
  modules->program = g_strdup (program);
  modules->mapped = g_array_new (FALSE, FALSE, sizeof (Mapped));
  return modules;
}

HatModules *
hat_modules_copy (const HatModules *modules)
{
  HatModules *copy = g_new0 (HatModules, 1);
  copy->mapped = g_array_copy (modules->mapped);
  copy->program = g_strdup (modules->program);
  return copy;
}

void
hat_modules_free (HatModules *modules)
{
  if (modules == NULL)
    return;
  g_array_unref (modules->mapped);
  g_free (modules->program);
  g_free (modules);
}

/* The same file at another address is the same module; without a build-id only the same place says that it is the same file. */
static char *
module_identity (const HatModule *module)
{
  static const guint8 none[sizeof module->build_id];
  GString *text = g_string_new (module->path);

  g_string_append_printf (text, "\n%" G_GINT64_MODIFIER "x", module->end - module->start);
  if (memcmp (module->build_id, none, sizeof none) == 0)
    g_string_append_printf (text, " %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x", module->start, module->bias);
  else
    for (guint i = 0; i < sizeof module->build_id; i++)
      g_string_append_printf (text, "%02x", module->build_id[i]);
  return g_string_free (text, FALSE);
}

void
hat_stacks_add_module (HatStacks *stacks, HatModules *modules, const HatModule *announced)
{
  HatModule module = *announced;
  if (*module.path == 0)
    module.path = modules->program;
  g_autofree char *identity = module_identity (&module);
  guint32 number = GPOINTER_TO_UINT (g_hash_table_lookup (stacks->modules, identity));

  if (number == 0)
    {
      number = hat_trace_writer_add_module (stacks->writer, &module) + 1;
      g_hash_table_insert (stacks->modules, g_steal_pointer (&identity), GUINT_TO_POINTER (number));
    }
  const Mapped mapped = { module.start, module.end, module.bias, number - 1, g_str_has_suffix (module.path, "/libheapatlas-hook.so") };
  for (guint i = 0; i < modules->mapped->len; i++)
    {
      const Mapped *old = &g_array_index (modules->mapped, Mapped, i);
      if (old->start == mapped.start && old->end == mapped.end)
        {
          g_array_remove_index (modules->mapped, i);
          break;
        }
    }
  g_array_append_val (modules->mapped, mapped);
}

static const Mapped *
find_mapped (const HatModules *modules, guint64 address)
{
  for (guint i = modules->mapped->len; i > 0; i--)
    {
      const Mapped *mapped = &g_array_index (modules->mapped, Mapped, i - 1);
      if (address >= mapped->start && address < mapped->end)
        return mapped;
    }
  return NULL;
}

/* ---- frames and stacks ---- */

static inline gboolean
has_bit (const GByteArray *bits, guint32 i)
{
  return i / 8 < bits->len && bits->data[i / 8] >> i % 8 & 1;
}

static void
set_bit (GByteArray *bits, guint32 i)
{
  const guint before = bits->len;

  if (i / 8 >= before)
    {
      g_byte_array_set_size (bits, i / 8 + 1);
      memset (bits->data + before, 0, bits->len - before);
    }
  bits->data[i / 8] |= 1 << i % 8;
}

static gboolean
is_loader (HatStacks *stacks, guint32 module)
{
  guint n;
  const char *name = module == NO_MODULE ? NULL : strrchr (hat_trace_writer_modules (stacks->writer, &n)[module].path, '/');
  return name && g_str_has_prefix (name, "/ld-");
}

HatFrameId
hat_stacks_frame_in (HatStacks *stacks, guint32 module, guint64 offset, gboolean exact)
{
  const HatFrame frame = { .module = module, .exact = exact, .offset = offset };
  const FrameKey key = { (guint64) module << 1 | exact, offset };
  gpointer known;

  if (!g_hash_table_lookup_extended (stacks->frames, &key, NULL, &known))
    {
      known = GUINT_TO_POINTER (hat_trace_writer_add_frame (stacks->writer, &frame));
      g_hash_table_insert (stacks->frames, g_memdup2 (&key, sizeof key), known);
      if (is_loader (stacks, module))
        set_bit (stacks->loader_frames, GPOINTER_TO_UINT (known));
    }
  return GPOINTER_TO_UINT (known);
}

gboolean
hat_stacks_frame (HatStacks *stacks, const HatModules *modules, guint64 ip, gboolean must, HatFrameId *out_frame)
{
  const gboolean exact = (ip & HAT_WIRE_IP_EXACT) != 0;
  const guint64 address = ip & ~HAT_WIRE_IP_EXACT;
  /* A return address may be one past the end of its module (a call that never returns, at the very end). */
  const Mapped *mapped = find_mapped (modules, exact || address == 0 ? address : address - 1);

  if (mapped == NULL && !must)
    return FALSE;
  if (mapped && mapped->is_hook)
    {
      *out_frame = HAT_OWN_FRAME;
      return TRUE;
    }
  *out_frame = hat_stacks_frame_in (stacks, mapped ? mapped->module : NO_MODULE, mapped ? address - mapped->bias : address, exact);
  return TRUE;
}

gboolean
hat_stacks_frame_at (HatStacks *stacks, const HatModules *modules, guint32 ip_index, gboolean must, HatFrameId *out_frame)
{
  g_return_val_if_fail (ip_index < HAT_WIRE_MAX_IPS, FALSE);

  const guint32 known = stacks->frame_of_ip[ip_index];
  if (G_LIKELY (known != 0))
    {
      *out_frame = known - 1;
      return TRUE;
    }
  const guint64 ip = __atomic_load_n (&stacks->ips[ip_index], __ATOMIC_RELAXED);
  if (!hat_stacks_frame (stacks, modules, ip, must, out_frame))
    return FALSE;
  if (*out_frame != HAT_OWN_FRAME)
    stacks->frame_of_ip[ip_index] = *out_frame + 1;
  return TRUE;
}

HatFrameId
hat_stacks_cut_frame (HatStacks *stacks)
{
  if (!stacks->has_cut)
    stacks->cut = hat_trace_writer_add_frame (stacks->writer, &(HatFrame) { .module = NO_MODULE, .cut = TRUE });
  stacks->has_cut = TRUE;
  return stacks->cut;
}

/* ---- nodes ----
 *
 * Most nodes have one child, and stacks are met for the first time from the root to the leaf: nearly always a node's first child is the next node.
 * So following a stack that came before reads a few cache lines, where a hash table would miss once a node. Only the other children are in one. */

static inline gboolean
is_next (const HatStacks *stacks, HatStackId stack)
{
  return stacks->nodes[stack].parent + 1 == stack;
}

static inline gboolean
is_node (const HatStacks *stacks, HatStackId stack, HatStackId parent, HatFrameId frame)
{
  return ((stacks->nodes[stack].parent ^ parent) | (stacks->nodes[stack].frame ^ frame)) == 0; /* one branch */
}

static inline guint32
hash_node (HatStackId parent, HatFrameId frame)
{
  const guint64 mixed = ((guint64) parent << 32 | (parent ^ frame)) * 0x9e3779b97f4a7c15ull;
  return (guint32) ((mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9ull >> 32);
}

static inline guint32
first_slot (const HatStacks *stacks, guint32 hash)
{
  return hash >> (32 - stacks->slot_bits);
}

static inline gboolean
is_full (const HatStacks *stacks)
{
  return stacks->n_others * 4ull > 3ull << stacks->slot_bits;
}

static inline guint32
next_slot (const HatStacks *stacks, guint32 slot)
{
  return (slot + 1) & ((1u << stacks->slot_bits) - 1);
}

/* Puts a node into the first slot that is empty. */
static void
put (HatStacks *stacks, HatStackId stack, guint32 hash)
{
  guint32 slot = first_slot (stacks, hash);

  while (stacks->slots[slot] != 0)
    slot = next_slot (stacks, slot);
  stacks->slots[slot] = hash << stacks->stack_bits | stack;
}

/* Makes room in the table, or in its slots. */
static void
fill_anew (HatStacks *stacks)
{
  const HatStackNode *nodes = stacks->nodes;

  g_free (stacks->slots);
  stacks->stack_bits = g_bit_storage (stacks->n) + 1;
  stacks->slot_bits += is_full (stacks);
  stacks->slots = hat_big_new0 (guint32, (gsize) 1 << stacks->slot_bits);
  for (HatStackId stack = N_ROOTS; stack < stacks->n; stack++)
    if (!is_next (stacks, stack))
      put (stacks, stack, hash_node (nodes[stack].parent, nodes[stack].frame));
}

static void
grow_nodes (HatStacks *stacks)
{
  stacks->capacity *= 2;
  stacks->nodes = g_renew (HatStackNode, stacks->nodes, stacks->capacity);
  hat_big_advise (stacks->nodes, stacks->capacity * sizeof (HatStackNode));
}

static HatStackId
add_node (HatStacks *stacks, HatStackId parent, HatFrameId frame)
{
  const HatStackId stack = hat_trace_writer_add_stack (stacks->writer, parent, frame);

  g_assert (stack == stacks->n);
  if (G_UNLIKELY (stacks->n == stacks->capacity))
    grow_nodes (stacks);
  stacks->nodes[stacks->n++] = (HatStackNode) { parent, frame };
  if (G_UNLIKELY (has_bit (stacks->loader_frames, frame)))
    set_bit (stacks->loader_stacks, stack);
  return stack;
}

static HatStackId
other_child (HatStacks *stacks, HatStackId parent, HatFrameId frame)
{
  const guint32 hash = hash_node (parent, frame);
  guint32 slot = first_slot (stacks, hash);

  for (guint32 found; (found = stacks->slots[slot]) != 0; slot = next_slot (stacks, slot))
    if ((found ^ hash << stacks->stack_bits) >> stacks->stack_bits == 0)
      {
        const HatStackId stack = found & ((1u << stacks->stack_bits) - 1);
        if (is_node (stacks, stack, parent, frame))
          return stack;
      }
  const HatStackId stack = add_node (stacks, parent, frame);
  stacks->n_others++;
  if (G_UNLIKELY (is_full (stacks) || stack >> stacks->stack_bits != 0))
    fill_anew (stacks);
  else
    stacks->slots[slot] = hash << stacks->stack_bits | stack;
  return stack;
}

HatStackId
hat_stacks_node (HatStacks *stacks, HatStackId parent, HatFrameId frame)
{
  const HatStackId next = parent + 1;

  if (G_UNLIKELY (frame == HAT_OWN_FRAME))
    return parent;
  if (next == stacks->n) /* it has no children at all */
    return add_node (stacks, parent, frame);
  if (G_LIKELY (is_node (stacks, next, parent, frame)))
    return next;
  return other_child (stacks, parent, frame);
}

void
hat_stacks_prefetch (HatStacks *stacks, HatStackId parent, guint32 ip_index)
{
  const guint32 frame = ip_index < HAT_WIRE_MAX_IPS ? stacks->frame_of_ip[ip_index] : 0;

  if (frame == 0)
    return;
  __builtin_prefetch (&stacks->nodes[parent + 1]);
  __builtin_prefetch (&stacks->slots[first_slot (stacks, hash_node (parent, frame - 1))]);
}

gboolean
hat_stacks_is_loader (HatStacks *stacks, HatStackId stack)
{
  return has_bit (stacks->loader_stacks, stack);
}

guint32
hat_modules_at (const HatModules *modules, guint64 address)
{
  const Mapped *mapped = find_mapped (modules, address);
  return mapped ? mapped->module : NO_MODULE;
}

HatStackNode *
hat_stacks_nodes (HatStacks *stacks, guint *out_n)
{
  *out_n = stacks->n;
  return g_memdup2 (stacks->nodes, stacks->n * sizeof *stacks->nodes);
}

guint
hat_stack_inner_frames (const HatStackNode *nodes, const HatFrame *frames, HatStackId stack, HatFrame inner[HAT_STACK_INNER_FRAMES])
{
  guint n = 0;

  for (; stack > HAT_STACK_TRUNCATED && n < HAT_STACK_INNER_FRAMES; stack = nodes[stack].parent)
    inner[n++] = frames[nodes[stack].frame];
  return n;
}
