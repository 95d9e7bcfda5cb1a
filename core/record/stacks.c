/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules, frames and canonical stacks of a recording. */

#include "core/record/stacks.h"

#include <string.h>

#include "core/record/intern.h"
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

/* Most nodes have one child, and stacks are met for the first time from the root to the leaf: the first children of consecutive nodes
 * lie side by side, and following a stack that came before reads a few cache lines, where a hash table would miss once a node. */
typedef struct
{
  HatFrameId frame;
  HatStackId child; /* 0 = none */
} FirstChild;

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
  FirstChild *first_children; /* by HatStackId */
  guint n, capacity;          /* stacks */
  HatIntern others; /* the other children: parent << 32 | frame -> HatStackId */
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
  stacks->first_children = g_new (FirstChild, stacks->capacity);
  for (; stacks->n < N_ROOTS; stacks->n++)
    stacks->first_children[stacks->n] = (FirstChild) {};
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
  g_free (stacks->first_children);
  g_byte_array_unref (stacks->loader_frames);
  g_byte_array_unref (stacks->loader_stacks);
  hat_intern_clear (&stacks->others);
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

static void
grow (HatStacks *stacks)
{
  stacks->capacity *= 2;
  stacks->first_children = g_renew (FirstChild, stacks->first_children, stacks->capacity);
  hat_big_advise (stacks->first_children, stacks->capacity * sizeof (FirstChild));
}

static HatStackId
add_node (HatStacks *stacks, HatStackId parent, HatFrameId frame)
{
  const HatStackId stack = hat_trace_writer_add_stack (stacks->writer, parent, frame);

  g_assert (stack == stacks->n);
  if (G_UNLIKELY (stacks->n == stacks->capacity))
    grow (stacks);
  stacks->first_children[stacks->n++] = (FirstChild) {};
  if (G_UNLIKELY (has_bit (stacks->loader_frames, frame)))
    set_bit (stacks->loader_stacks, stack);
  return stack;
}

HatStackId
hat_stacks_node (HatStacks *stacks, HatStackId parent, HatFrameId frame)
{
  const FirstChild first = stacks->first_children[parent];

  if (G_UNLIKELY (frame == HAT_OWN_FRAME))
    return parent;
  if (G_LIKELY (first.child != 0 && first.frame == frame))
    return first.child;
  if (first.child == 0)
    {
      const FirstChild child = { frame, add_node (stacks, parent, frame) };
      return (stacks->first_children[parent] = child).child;
    }
  HatInternSlot *slot = hat_intern (&stacks->others, (guint64) parent << 32 | frame);
  if (slot->value == 0)
    slot->value = add_node (stacks, parent, frame);
  return slot->value;
}

void
hat_stacks_prefetch (HatStacks *stacks, HatStackId parent, guint32 ip_index)
{
  const guint32 frame = ip_index < HAT_WIRE_MAX_IPS ? stacks->frame_of_ip[ip_index] : 0;

  if (frame == 0)
    return;
  __builtin_prefetch (&stacks->first_children[parent]);
  hat_intern_prefetch (&stacks->others, (guint64) parent << 32 | (frame - 1));
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
  HatStackNode *nodes = g_new0 (HatStackNode, stacks->n);

  for (HatStackId parent = 0; parent < stacks->n; parent++)
    {
      const FirstChild *first = &stacks->first_children[parent];
      if (first->child != 0)
        nodes[first->child] = (HatStackNode) { parent, first->frame };
    }
  for (guint32 i = 0; stacks->others.slots && i < 1u << stacks->others.bits; i++)
    {
      const HatInternSlot *slot = &stacks->others.slots[i];
      if (slot->value != 0)
        nodes[slot->value] = (HatStackNode) { slot->key >> 32, (HatFrameId) slot->key };
    }
  nodes[HAT_STACK_TRUNCATED].parent = HAT_STACK_TRUNCATED;
  *out_n = stacks->n;
  return nodes;
}

guint
hat_stack_inner_frames (const HatStackNode *nodes, const HatFrame *frames, HatStackId stack, HatFrame inner[HAT_STACK_INNER_FRAMES])
{
  guint n = 0;

  for (; stack > HAT_STACK_TRUNCATED && n < HAT_STACK_INNER_FRAMES; stack = nodes[stack].parent)
    inner[n++] = frames[nodes[stack].frame];
  return n;
}
