/* SPDX-License-Identifier: Apache-2.0
 * The shared objects that stacks run through. One is announced in the ring of the thread that first meets it, before
 * the rule of its first address is published, so that no ring can refer to an address whose module nobody has
 * announced. */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  MAX_MODULES = 4096,
};

/* Start address with the generation in the low 12 bits: an entry of an older one may be taken. Not wiped: a forked
 * child's reader knows what the parent's knew. */
typedef struct
{
  uint64_t key;
  uint64_t end;
  uint64_t identity; /* of the loader's entry and the path */
} Module;

static Module modules[MAX_MODULES];

static uint64_t
identity_of (const struct dl_find_object *object)
{
  const struct link_map *map = object->dlfo_link_map;
  uint64_t hash = (uint64_t) map ^ (uint64_t) map->l_ld << 16;

  for (const char *c = map->l_name ? map->l_name : ""; *c; c++)
    hash = (hash ^ (unsigned char) *c) * 0x100000001b3ul;
  return hash;
}

/* The build id of an object in memory, from its program headers; all reads are checked, for objects need not map
 * their headers. */
static void
read_build_id (HookThread *thread, const struct dl_find_object *object, uint8_t out[20])
{
  const uint64_t start = (uint64_t) object->dlfo_map_start, end = (uint64_t) object->dlfo_map_end;
  const ElfW (Ehdr) *header = object->dlfo_map_start;
  uint64_t word;

  memset (out, 0, 20);
  if (end - start < sizeof *header || !hook_unwind_read (thread, start, &word)
      || memcmp (header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phentsize != sizeof (ElfW (Phdr))
      || header->e_phoff > 4096 - sizeof (ElfW (Phdr)) * header->e_phnum)
    return;
  const ElfW (Phdr) *segments = (const void *) (start + header->e_phoff);
  for (uint32_t i = 0; i < header->e_phnum; i++)
    {
      if (segments[i].p_type != PT_NOTE)
        continue;
      uint64_t at = object->dlfo_link_map->l_addr + segments[i].p_vaddr;
      const uint64_t note_end = at + segments[i].p_memsz;
      if (at < start || note_end > end || note_end < at)
        continue;
      while (at + sizeof (ElfW (Nhdr)) + 4 <= note_end)
        {
          if (!hook_unwind_read (thread, at, &word) || !hook_unwind_read (thread, note_end - 8, &word))
            return;
          const ElfW (Nhdr) *note = (const void *) at;
          const uint64_t name = at + sizeof *note, content = name + ((note->n_namesz + 3ul) & ~3ul);
          const uint64_t next = content + ((note->n_descsz + 3ul) & ~3ul);
          if (next > note_end || next <= at)
            break;
          if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp ((const void *) name, "GNU", 4) == 0)
            {
              memcpy (out, (const void *) content, note->n_descsz < 20 ? note->n_descsz : 20);
              return;
            }
          at = next;
        }
    }
}

static void
write_module (HookThread *thread, const struct dl_find_object *object)
{
  const char *name = object->dlfo_link_map->l_name ? object->dlfo_link_map->l_name : "";
  const uint64_t length = strnlen (name, 4095), n_words = sizeof (HatWireModule) / 8 + (length + 7) / 8;
  HatWireModule module = {
    .start = (uint64_t) object->dlfo_map_start,
    .end = (uint64_t) object->dlfo_map_end,
    .bias = object->dlfo_link_map->l_addr,
    .name_bytes = (uint32_t) length,
  };
  uint64_t word;

  read_build_id (thread, object, module.build_id);
  if (!hook_room (thread, n_words + 1))
    return;
  hook_put (thread, n_words << 4 | HAT_WIRE_MODULE);
  for (uint64_t i = 0; i < sizeof module; i += 8)
    {
      memcpy (&word, (const char *) &module + i, 8);
      hook_put (thread, word);
    }
  for (uint64_t i = 0; i < length; i += 8)
    {
      word = 0;
      memcpy (&word, name + i, length - i < 8 ? length - i : 8);
      hook_put (thread, word);
    }
  hook_publish (thread);
  hook_hold_modules ();
}

void
hook_modules_announce (HookThread *thread, const struct dl_find_object *object)
{
  const uint64_t start = (uint64_t) object->dlfo_map_start, end = (uint64_t) object->dlfo_map_end,
                 identity = identity_of (object);

again:;
  const uint64_t generation = hook_unwind_generation () & 0xfff, key = start | generation;
  for (uint32_t i = 0; i < MAX_MODULES; i++)
    {
      Module *module = &modules[i];
      uint64_t old = __atomic_load_n (&module->key, __ATOMIC_ACQUIRE);
      if (old == key && __atomic_load_n (&module->identity, __ATOMIC_RELAXED) == identity)
        return;
      if (old == key && __atomic_load_n (&module->identity, __ATOMIC_RELAXED) != 0)
        {
          /* Another object at the place of one that went away without our dlclose: what we know of its addresses is
           * wrong. */
          hook_unwind_flush ();
          goto again;
        }
      if (old == key)
        {
          write_module (thread, object); /* another thread is about to; twice does no harm */
          return;
        }
      if (old != 0 && (old & 0xfff) == generation)
        continue;
      if (!__atomic_compare_exchange_n (&module->key, &old, key, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        {
          i--;
          continue;
        }
      __atomic_store_n (&module->identity, 0, __ATOMIC_RELAXED);
      module->end = end;
      write_module (thread, object);
      __atomic_store_n (&module->identity, identity, __ATOMIC_RELEASE);
      return;
    }
  write_module (thread, object);
}

void
hook_modules_check (void)
{
  const uint64_t generation = hook_unwind_generation () & 0xfff;

  for (uint32_t i = 0; i < MAX_MODULES; i++)
    {
      const uint64_t key = __atomic_load_n (&modules[i].key, __ATOMIC_ACQUIRE);
      const uint64_t identity = __atomic_load_n (&modules[i].identity, __ATOMIC_ACQUIRE);
      struct dl_find_object object;
      if (key == 0)
        break;
      if ((key & 0xfff) != generation || identity == 0)
        continue;
      /* The start of an object is in it, unless it begins with a hole. */
      if (_dl_find_object ((void *) (key & ~0xffful), &object) != 0 || (uint64_t) object.dlfo_map_end != modules[i].end
          || identity_of (&object) != identity)
        {
          hook_unwind_flush ();
          return;
        }
    }
}
