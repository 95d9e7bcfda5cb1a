/* SPDX-License-Identifier: Apache-2.0
 * Finding the functions that ours stand before. dlsym may allocate and takes the loader's lock, so this reads the
 * loader's list and the objects' symbol tables itself. All of the malloc family comes from one object, for two
 * allocators must not see each other's blocks; but one that has only some of the functions passes on the blocks of the
 * next, and gets those it lacks from there, as it would without us. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "core/hook/hook.h"

typedef struct
{
  const ElfW (Sym) *symbols;
  const char *strings;
  const uint32_t *hash;
  const uint32_t *gnu_hash;
} Tables;

/* The loader relocates these pointers in place, except in read-only objects. */
static const void *
table_at (const struct link_map *object, uint64_t value)
{
  return (const void *) (value < object->l_addr ? value + object->l_addr : value);
}

static bool
find_tables (const struct link_map *object, Tables *tables)
{
  *tables = (Tables) {};
  if (object->l_ld == NULL)
    return false;
  for (const ElfW (Dyn) *dyn = object->l_ld; dyn->d_tag != DT_NULL; dyn++)
    if (dyn->d_tag == DT_SYMTAB)
      tables->symbols = table_at (object, dyn->d_un.d_ptr);
    else if (dyn->d_tag == DT_STRTAB)
      tables->strings = table_at (object, dyn->d_un.d_ptr);
    else if (dyn->d_tag == DT_HASH)
      tables->hash = table_at (object, dyn->d_un.d_ptr);
    else if (dyn->d_tag == DT_GNU_HASH)
      tables->gnu_hash = table_at (object, dyn->d_un.d_ptr);
  return tables->symbols && tables->strings && (tables->hash || tables->gnu_hash);
}

static const ElfW (Sym) *
match (const Tables *tables, uint32_t index, const char *name)
{
  const ElfW (Sym) *symbol = &tables->symbols[index];
  const uint32_t type = ELF64_ST_TYPE (symbol->st_info);
  return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0
                 && (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE)
                 && ELF64_ST_BIND (symbol->st_info) != STB_LOCAL
                 && strcmp (tables->strings + symbol->st_name, name) == 0
             ? symbol
             : NULL;
}

static const ElfW (Sym) *
find_gnu (const Tables *tables, const char *name)
{
  const uint32_t n_buckets = tables->gnu_hash[0], first = tables->gnu_hash[1], bloom_words = tables->gnu_hash[2];
  const uint32_t *buckets = tables->gnu_hash + 4 + bloom_words * 2, *chain = buckets + n_buckets;
  uint32_t hash = 5381;

  for (const char *c = name; *c; c++)
    hash = hash * 33 + (unsigned char) *c;
  if (n_buckets == 0)
    return NULL;
  uint32_t i = buckets[hash % n_buckets];
  if (i < first)
    return NULL;
  for (;; i++)
    {
      const uint32_t entry = chain[i - first];
      if ((entry | 1) == (hash | 1))
        {
          const ElfW (Sym) *symbol = match (tables, i, name);
          if (symbol)
            return symbol;
        }
      if (entry & 1)
        return NULL;
    }
}

static const ElfW (Sym) *
find_sysv (const Tables *tables, const char *name)
{
  const uint32_t n_buckets = tables->hash[0];
  const uint32_t *buckets = tables->hash + 2, *chain = buckets + n_buckets;
  uint32_t hash = 0;

  for (const char *c = name; *c; c++)
    {
      hash = (hash << 4) + (unsigned char) *c;
      hash = (hash ^ (hash >> 24 & 0xf0)) & 0xfffffff;
    }
  if (n_buckets == 0)
    return NULL;
  for (uint32_t i = buckets[hash % n_buckets]; i != 0; i = chain[i])
    {
      const ElfW (Sym) *symbol = match (tables, i, name);
      if (symbol)
        return symbol;
    }
  return NULL;
}

static void *
symbol_in (const struct link_map *object, const char *name)
{
  Tables tables;
  if (!find_tables (object, &tables))
    return NULL;
  const ElfW (Sym) *symbol = tables.gnu_hash ? find_gnu (&tables, name) : find_sysv (&tables, name);
  if (symbol == NULL)
    return NULL;
  const uint64_t address = object->l_addr + symbol->st_value;
  if (ELF64_ST_TYPE (symbol->st_info) == STT_GNU_IFUNC)
    return ((void *(*) (void)) address) ();
  return (void *) address;
}

static const struct link_map *
ourselves (void)
{
  const struct link_map *object = _r_debug.r_map;
  struct dl_find_object ours;

  if (_dl_find_object ((void *) ourselves, &ours) == 0)
    while (object && object != ours.dlfo_link_map)
      object = object->l_next;
  return object;
}

/* The object after ourselves in lookup order. */
static const struct link_map *
after_us (void)
{
  const struct link_map *object = ourselves ();
  return object ? object->l_next : NULL;
}

void *
hook_provider_of_program (const char *name)
{
  return _r_debug.r_map ? symbol_in (_r_debug.r_map, name) : NULL;
}

void *
hook_provider_of_ours (const char *name)
{
  const struct link_map *object = ourselves ();
  return object ? symbol_in (object, name) : NULL;
}

static void *
first_symbol (const struct link_map *object, const char *name, const struct link_map **out_object)
{
  for (; object; object = object->l_next)
    {
      void *address = symbol_in (object, name);
      if (address)
        {
          if (out_object)
            *out_object = object;
          return address;
        }
    }
  return NULL;
}

/* The object's own function, or else the first one from `rest` on. */
static void *
member (const struct link_map *object, const struct link_map *rest, const char *name)
{
  void *function = symbol_in (object, name);
  return function ? hook_patch_original (function) : first_symbol (rest, name, NULL);
}

void *
hook_provider_symbol (const char *name)
{
  void *function = hook_provider.is_program ? hook_provider_of_program (name) : NULL;
  return function ? hook_patch_original (function) : first_symbol (after_us (), name, NULL);
}

/* ---- what an allocator may lack, made of what it has ---- */

static void *
memalign_from_posix (size_t alignment, size_t size)
{
  void *block = NULL;
  const int result
      = hook_provider.posix_memalign (&block, alignment < sizeof (void *) ? sizeof (void *) : alignment, size);
  if (result != 0)
    errno = result;
  return result == 0 ? block : NULL;
}

static int
posix_from_memalign (void **out, size_t alignment, size_t size)
{
  if (alignment % sizeof (void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
    return EINVAL;
  const int saved = errno;
  void *block = hook_provider.memalign (alignment, size);
  errno = saved;
  if (block == NULL)
    return ENOMEM;
  *out = block;
  return 0;
}

static void *
no_memalign (size_t alignment, size_t size)
{
  (void) alignment;
  (void) size;
  errno = ENOMEM;
  return NULL;
}

/* errno as the C library has it, whatever this memalign does about it. */
static void *
pages (size_t size)
{
  void *block = hook_provider.memalign (4096, size);
  if (block == NULL)
    errno = ENOMEM;
  return block;
}

static void *
valloc_from_memalign (size_t size)
{
  return pages (size);
}

static void *
pvalloc_from_memalign (size_t size)
{
  if (size > SIZE_MAX - 4095)
    {
      errno = ENOMEM;
      return NULL;
    }
  return pages ((size + 4095) & ~4095ul);
}

static void
free_sized_from_free (void *block, size_t size)
{
  (void) size;
  hook_provider.free (block);
}

static void
free_aligned_sized_from_free (void *block, size_t alignment, size_t size)
{
  (void) alignment;
  (void) size;
  hook_provider.free (block);
}

static size_t
unknown_size (void *block)
{
  (void) block;
  return 0;
}

static void *
no_malloc (size_t size)
{
  return no_memalign (0, size);
}

static void *
no_realloc (void *block, size_t size)
{
  (void) block;
  return no_memalign (0, size);
}

static void
no_free (void *block)
{
  (void) block;
}

static int
no_fork (void)
{
  errno = ENOSYS;
  return -1;
}

static int
no_dlclose (void *handle)
{
  (void) handle;
  return -1;
}

/* ---- the first call ---- */

static void *
first_malloc (size_t size)
{
  hook_provider_find ();
  return hook_provider.malloc (size);
}

static void *
first_calloc (size_t count, size_t size)
{
  hook_provider_find ();
  return hook_provider.calloc (count, size);
}

static void *
first_realloc (void *block, size_t size)
{
  hook_provider_find ();
  return hook_provider.realloc (block, size);
}

static void
first_free (void *block)
{
  hook_provider_find ();
  hook_provider.free (block);
}

static int
first_posix_memalign (void **out, size_t alignment, size_t size)
{
  hook_provider_find ();
  return hook_provider.posix_memalign (out, alignment, size);
}

static void *
first_aligned_alloc (size_t alignment, size_t size)
{
  hook_provider_find ();
  return hook_provider.aligned_alloc (alignment, size);
}

static void *
first_memalign (size_t alignment, size_t size)
{
  hook_provider_find ();
  return hook_provider.memalign (alignment, size);
}

static void *
first_valloc (size_t size)
{
  hook_provider_find ();
  return hook_provider.valloc (size);
}

static void *
first_pvalloc (size_t size)
{
  hook_provider_find ();
  return hook_provider.pvalloc (size);
}

static void
first_free_sized (void *block, size_t size)
{
  hook_provider_find ();
  hook_provider.free_sized (block, size);
}

static void
first_free_aligned_sized (void *block, size_t alignment, size_t size)
{
  hook_provider_find ();
  hook_provider.free_aligned_sized (block, alignment, size);
}

static size_t
first_malloc_usable_size (void *block)
{
  hook_provider_find ();
  return hook_provider.malloc_usable_size (block);
}

static int
first_fork (void)
{
  hook_provider_find ();
  return hook_provider.fork ();
}

static int
first_dlclose (void *handle)
{
  hook_provider_find ();
  return hook_provider.dlclose (handle);
}

HookProvider hook_provider = {
  .foreign = true, /* for all that is known */
  .malloc = first_malloc,
  .calloc = first_calloc,
  .realloc = first_realloc,
  .free = first_free,
  .enter_malloc = hook_malloc,
  .enter_calloc = hook_calloc,
  .enter_realloc = hook_realloc,
  .enter_free = hook_free,
  .posix_memalign = first_posix_memalign,
  .aligned_alloc = first_aligned_alloc,
  .memalign = first_memalign,
  .valloc = first_valloc,
  .pvalloc = first_pvalloc,
  .free_sized = first_free_sized,
  .free_aligned_sized = first_free_aligned_sized,
  .malloc_usable_size = first_malloc_usable_size,
  .fork = first_fork,
  .dlclose = first_dlclose,
  .path = "",
};

static void
take_family (const struct link_map *object)
{
  const bool is_whole = symbol_in (object, "calloc") && symbol_in (object, "realloc") && symbol_in (object, "free");
  const bool aligns = symbol_in (object, "memalign") || symbol_in (object, "aligned_alloc")
                      || symbol_in (object, "posix_memalign");
  const struct link_map *rest = is_whole && aligns ? NULL : object->l_next;

  hook_provider.foreign = symbol_in (object, "gnu_get_libc_version") == NULL;
  hook_provider.path = object->l_name ? object->l_name : "";

#define TAKE(name, otherwise) \
  do \
    { \
      void *function = member (object, rest, #name); \
      hook_provider.name = function ? (__typeof__ (hook_provider.name)) function : otherwise; \
    } \
  while (0)
  void *posix = member (object, rest, "posix_memalign"), *aligned = member (object, rest, "aligned_alloc");
  TAKE (memalign, aligned ? aligned : posix ? memalign_from_posix : no_memalign);
  TAKE (posix_memalign, posix_from_memalign);
  TAKE (aligned_alloc, hook_provider.memalign);
  TAKE (valloc, valloc_from_memalign);
  TAKE (pvalloc, pvalloc_from_memalign);
  TAKE (malloc_usable_size, unknown_size);
  TAKE (free_sized, free_sized_from_free);
  TAKE (free_aligned_sized, free_aligned_sized_from_free);
  rest = is_whole ? NULL : object->l_next;
  TAKE (calloc, no_memalign);
  TAKE (realloc, no_realloc);
  TAKE (free, no_free);
#undef TAKE
}

void
hook_provider_find (void)
{
  const struct link_map *next = after_us (), *object = NULL;
  void *malloc_function = first_symbol (next, "malloc", &object);
  if (malloc_function == NULL)
    {
      /* Nobody after us has malloc: something before us must, and nobody calls us but by mistake. */
      hook_provider.malloc = no_malloc;
      hook_provider.free = no_free;
      hook_provider.calloc = hook_provider.memalign = hook_provider.aligned_alloc = no_memalign;
      hook_provider.realloc = no_realloc;
      hook_provider.posix_memalign = posix_from_memalign;
      hook_provider.valloc = hook_provider.pvalloc = no_malloc;
      hook_provider.free_sized = free_sized_from_free;
      hook_provider.free_aligned_sized = free_aligned_sized_from_free;
      hook_provider.malloc_usable_size = unknown_size;
    }

  struct dl_find_object found;
  if (_dl_find_object ((void *) after_us, &found) == 0)
    {
      hook_provider.hook_start = (uint64_t) found.dlfo_map_start;
      hook_provider.hook_end = (uint64_t) found.dlfo_map_end;
    }
  if (_dl_find_object (malloc_function, &found) == 0)
    {
      hook_provider.start = (uint64_t) found.dlfo_map_start;
      hook_provider.end = (uint64_t) found.dlfo_map_end;
    }
  if (malloc_function)
    take_family (object);
  hook_provider.is_hidden = hook_provider_of_program ("malloc") != NULL;
  hook_provider.foreign |= hook_provider.is_hidden;

  void *function = first_symbol (next, "fork", NULL);
  hook_provider.fork = function ? (int (*) (void)) function : no_fork;
  function = first_symbol (next, "dlclose", NULL);
  hook_provider.dlclose = function ? (int (*) (void *)) function : no_dlclose;
  /* Last: with this the first_* functions are done. */
  if (malloc_function)
    __atomic_store_n (&hook_provider.malloc, (void *(*) (size_t)) malloc_function, __ATOMIC_RELEASE);
  if (!hook_provider.foreign)
    hook_interpose_for (hook_sample_bytes ? HOOK_SAMPLED : HOOK_ALL_TOLD);
}

bool
hook_provider_is_found (void)
{
  return __atomic_load_n (&hook_provider.malloc, __ATOMIC_ACQUIRE) != first_malloc;
}

void
hook_provider_uncover (void)
{
  static bool is_done;
  struct dl_find_object program;

  if (!hook_provider_is_found ())
    hook_provider_find ();
  if (!hook_provider.is_hidden || is_done)
    return;
  is_done = true;
  /* A sanitizer wants to be the only one. */
  static const char *const sanitizers[] = { "__asan_init", "__hwasan_init", "__msan_init", "__tsan_init" };
  for (uint32_t i = 0; i < sizeof sanitizers / sizeof *sanitizers; i++)
    if (hook_provider_of_program (sanitizers[i]))
      return;
  void *malloc_function = hook_provider_of_program ("malloc");
  if (_dl_find_object (malloc_function, &program) != 0 || program.dlfo_link_map != _r_debug.r_map
      || !hook_patch_program ((uint64_t) program.dlfo_map_start))
    return;
  hook_provider.start = (uint64_t) program.dlfo_map_start;
  hook_provider.end = (uint64_t) program.dlfo_map_end;
  take_family (_r_debug.r_map);
  hook_provider.malloc = (void *(*) (size_t)) hook_patch_original (malloc_function);
#define TAKE_OWN(member, name) \
  hook_own.member = (__typeof__ (hook_own.member)) hook_patch_original (hook_provider_of_program (name))
  TAKE_OWN (strdup, "strdup");
  TAKE_OWN (strndup, "strndup");
  TAKE_OWN (malloc, "moz_arena_malloc");
  TAKE_OWN (calloc, "moz_arena_calloc");
  TAKE_OWN (realloc, "moz_arena_realloc");
  TAKE_OWN (memalign, "moz_arena_memalign");
  TAKE_OWN (free, "moz_arena_free");
#undef TAKE_OWN
  hook_provider.is_hidden = false;
  hook_provider.is_program = true;
}
