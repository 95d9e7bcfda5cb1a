/* SPDX-License-Identifier: Apache-2.0
 * A program that brings its own malloc: the loader finds that before ours, and the program calls it without the loader. So its entry is
 * made a jump to ours, and what stood there goes on elsewhere, for ours to call. All functions of the family that the program shows or none,
 * for two views of one heap would not agree; and none if an entry does not begin with what functions begin with, if there are threads
 * already, or if the system does not let code be changed. */
#include <string.h>
#include <sys/single_threaded.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  JUMP = 5,         /* what is written over an entry */
  FAR_JUMP = 14,
  CODE = 96,        /* of ours for each: the far jump to our function, then the old entry */
  MAX_PATCHES = 4096 / CODE,
  MOST_COPIED = CODE - 2 * FAR_JUMP,
};

typedef struct
{
  uint8_t *entry;
  uint8_t *code;
} Patch;

static Patch patches[MAX_PATCHES];
static uint32_t n_patches;

/* We export functions of these names, too. */
static const char *const names[] = {
  "malloc", "calloc", "realloc", "free", "reallocarray", "posix_memalign", "aligned_alloc", "memalign", "valloc", "pvalloc", "cfree",
  "free_sized", "free_aligned_sized",
  "_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
  "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
  "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm", "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t", "_ZdlPvSt11align_val_t",
  "_ZdaPvSt11align_val_t", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
  "_ZdaPvSt11align_val_tRKSt9nothrow_t",
};

/* Not of these. */
static const struct
{
  const char *name;
  void *ours;
} more[] = {
  { "moz_arena_malloc", hook_arena_malloc },
  { "moz_arena_calloc", hook_arena_calloc },
  { "moz_arena_realloc", hook_arena_realloc },
  { "moz_arena_memalign", hook_arena_memalign },
  { "moz_arena_free", hook_arena_free },
  { "strdup", hook_own_strdup },
  { "strndup", hook_own_strndup },
};

#define N(array) (sizeof array / sizeof *array)

static_assert (N (names) + N (more) <= MAX_PATCHES, "there is room for all of them");

static uint8_t *
put_far_jump (uint8_t *to, const void *target)
{
  static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
  memcpy (to, jump, sizeof jump);
  memcpy (to + sizeof jump, &target, 8);
  return to + FAR_JUMP;
}

/* Writes the distance from `next` to a place; false if it is too far. */
static bool
put_distance (uint8_t *to, const uint8_t *target, const uint8_t *next)
{
  const int64_t distance = target - next;
  const int32_t word = (int32_t) distance;
  memcpy (to, &word, sizeof word);
  return word == distance;
}

static bool
is_in (uint8_t byte, const char *list)
{
  return byte != 0 && strchr (list, (char) byte) != NULL;
}

/* Copies an instruction so that it does the same elsewhere; returns its length, 0: it is none that is known here. *to moves on; *ends: what
 * follows is not reached; *target: where it may branch to, or NULL. (Intel SDM volume 2, 2.1 and appendix A.) */
static uint32_t
copy_instruction (const uint8_t *from, uint8_t **to, bool *ends, const uint8_t **target)
{
  const uint8_t *at = from;
  uint8_t *out = *to;
  bool is_wide = false, has_modrm = false;
  uint32_t immediate = 0;

  *ends = false;
  *target = NULL;
  if (is_in (*at, "\x64\x66\xf3"))
    at++;
  if ((*at & 0xf0) == 0x40)
    is_wide = *at++ & 8;
  const uint8_t op = *at++;
  if (op == 0x0f)
    {
      const uint8_t second = *at++;
      if ((second & 0xf0) == 0x80)
        {
          int32_t distance;
          memcpy (&distance, at, 4);
          at += 4;
          *out++ = 0x0f;
          *out++ = second;
          *to = out + 4;
          *target = at + distance;
          return put_distance (out, *target, *to) ? (uint32_t) (at - from) : 0;
        }
      has_modrm = (second & 0xf0) == 0x40 || (second & 0xf0) == 0x90 || is_in (second, "\x10\x11\x1e\x1f\x28\x29\x57\x6e\x6f\x7e\x7f\xaf\xb6\xb7\xbe\xbf\xef");
      if (!has_modrm)
        return 0;
    }
  else if ((op & 0xf0) == 0x70)
    {
      const int8_t distance = (int8_t) *at++;
      *out++ = 0x0f;
      *out++ = 0x10 + op;
      *to = out + 4;
      *target = at + distance;
      return put_distance (out, *target, *to) ? (uint32_t) (at - from) : 0;
    }
  else if (op == 0xe9 || op == 0xe8 || op == 0xeb)
    {
      int32_t distance = (int8_t) *at;
      if (op == 0xeb)
        at++;
      else
        {
          memcpy (&distance, at, 4);
          at += 4;
        }
      *target = at + distance;
      if (op == 0xe8) /* returns to where it was, so that unwinders know the place: push and a store of the upper half */
        {
          const uint8_t push[] = { 0x68, 0, 0, 0, 0, 0xc7, 0x44, 0x24, 4 };
          memcpy (out, push, sizeof push);
          memcpy (out + 1, &at, 4);
          memcpy (out + sizeof push, (const uint8_t *) &at + 4, 4);
          out += sizeof push + 4;
        }
      *to = put_far_jump (out, *target);
      *ends = true;
      return (uint32_t) (at - from);
    }
  else if ((op < 0x40 && (op & 7) < 4) || (op >= 0x84 && op <= 0x8b) || is_in (op, "\x63\x8d\xd1\xd3"))
    has_modrm = true;
  else if (is_in (op, "\x6b\x80\x83\xc0\xc1\xc6"))
    has_modrm = true, immediate = 1;
  else if (is_in (op, "\x69\x81\xc7"))
    has_modrm = true, immediate = from[0] == 0x66 ? 2 : 4;
  else if (op == 0xff && ((*at >> 3 & 7) == 6 || (*at >> 3 & 7) == 4))
    has_modrm = true, *ends = (*at >> 3 & 7) == 4;
  else if ((op < 0x40 && (op & 7) == 4) || (op & 0xf8) == 0xb0 || op == 0x6a || op == 0xa8)
    immediate = 1;
  else if ((op & 0xf8) == 0xb8)
    immediate = is_wide ? 8 : from[0] == 0x66 ? 2 : 4;
  else if ((op < 0x40 && (op & 7) == 5) || op == 0x68 || op == 0xa9)
    immediate = from[0] == 0x66 ? 2 : 4;
  else if ((op & 0xf0) != 0x50 && op != 0x90)
    return 0;

  const uint8_t *relative = NULL;
  if (has_modrm)
    {
      const uint8_t modrm = *at++, mode = modrm >> 6, base = modrm & 7;
      if (mode != 3 && base == 4 && (*at++ & 7) == 5 && mode == 0)
        at += 4;
      else if (mode == 0 && base == 5)
        relative = at, at += 4;
      else if (mode == 1)
        at++;
      else if (mode == 2)
        at += 4;
    }
  at += immediate;
  const uint32_t length = (uint32_t) (at - from);
  memcpy (out, from, length);
  *to = out + length;
  if (relative)
    {
      int32_t distance;
      memcpy (&distance, relative, 4);
      if (!put_distance (out + (relative - from), at + distance, *to))
        return 0;
    }
  return length;
}

/* Whether a loop begins within what becomes a jump. Looks as far as a short jump reaches, or as the code is understood. `scratch`: near the
 * program. */
static bool
comes_back (const uint8_t *entry, uint8_t *scratch)
{
  const uint8_t *at = entry, *target;
  uint32_t length;
  bool ends;

  do
    {
      uint8_t *to = scratch;
      length = copy_instruction (at, &to, &ends, &target);
      if (target > entry && target < entry + JUMP)
        return true;
      at += length;
    }
  while (length > 0 && at < entry + 128 + JUMP);
  return false;
}

/* Makes the code for a function whose entry is to become a jump. */
static bool
prepare (Patch *patch, const void *ours)
{
  uint8_t *to = put_far_jump (patch->code, ours), *const most = to + MOST_COPIED - 16;
  const uint8_t *target;
  uint32_t n = 0, length;
  bool ends = false;

  if (comes_back (patch->entry, to))
    return false;
  while (n < JUMP)
    {
      if (ends || to > most || (length = copy_instruction (patch->entry + n, &to, &ends, &target)) == 0)
        return false;
      n += length;
    }
  if (!ends)
    put_far_jump (to, patch->entry + n);
  return true;
}

/* A page from where the program can be reached. Not after it: its heap may grow there. */
static uint8_t *
map_near (uint64_t start)
{
  const uint64_t lowest = 1 << 16, step = 1 << 16;

  for (uint64_t at = (start & ~(step - 1)) - step; at >= lowest && start - at < 1ul << 30; at -= step)
    {
      uint8_t *page = (uint8_t *) hook_syscall (SYS_mmap, at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                                                -1ul, 0);
      if ((uint64_t) page == at)
        return page;
      if (!hook_failed (page)) /* a kernel that does not know the flag */
        hook_syscall (SYS_munmap, (uint64_t) page, 4096, 0, 0, 0, 0);
    }
  return NULL;
}

static bool
protect (const Patch *patch, uint64_t protection)
{
  const uint64_t first = (uint64_t) patch->entry & ~4095ul, end = ((uint64_t) patch->entry + JUMP + 4095) & ~4095ul;
  return hook_syscall (SYS_mprotect, first, end - first, protection, 0, 0, 0) == 0;
}

/* One function may have several names. */
static bool
prepare_named (uint8_t *page, const char *name, const void *ours)
{
  static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
  uint8_t *entry = hook_provider_of_program (name);

  if (entry == NULL || hook_patch_original (entry) != entry)
    return true;
  if (memcmp (entry, endbr64, sizeof endbr64) == 0)
    entry += sizeof endbr64;
  for (uint32_t i = 0; i < n_patches; i++) /* one that falls into another */
    if (entry < patches[i].entry + JUMP && patches[i].entry < entry + JUMP)
      return false;
  patches[n_patches] = (Patch) { entry, page + n_patches * CODE };
  return prepare (&patches[n_patches++], ours);
}

static bool
prepare_all (uint8_t *page)
{
  for (uint32_t i = 0; i < N (names); i++)
    if (!prepare_named (page, names[i], hook_provider_of_ours (names[i])))
      return false;
  for (uint32_t i = 0; i < N (more); i++)
    if (!prepare_named (page, more[i].name, more[i].ours))
      return false;
  return true;
}

static bool
patch_all (void)
{
  uint32_t n_writable = 0;

  while (n_writable < n_patches && protect (&patches[n_writable], PROT_READ | PROT_WRITE))
    n_writable++;
  for (uint32_t i = 0; n_writable == n_patches && i < n_patches; i++)
    {
      uint8_t *entry = patches[i].entry;
      put_distance (entry + 1, patches[i].code, entry + JUMP);
      *entry = 0xe9;
    }
  for (uint32_t i = 0; i < n_writable; i++)
    protect (&patches[i], PROT_READ | PROT_EXEC);
  return n_writable == n_patches;
}

bool
hook_patch_program (uint64_t start)
{
  uint8_t *page;

  if (!__libc_single_threaded || (page = map_near (start)) == NULL)
    return false;
  if (prepare_all (page) && hook_syscall (SYS_mprotect, (uint64_t) page, 4096, PROT_READ | PROT_EXEC, 0, 0, 0) == 0 && patch_all ())
    return true;
  hook_syscall (SYS_munmap, (uint64_t) page, 4096, 0, 0, 0, 0);
  n_patches = 0;
  return false;
}

void *
hook_patch_original (void *function)
{
  for (uint32_t i = 0; i < n_patches; i++)
    if (patches[i].entry == function || patches[i].entry - 4 == (uint8_t *) function) /* behind endbr64 */
      return patches[i].code + FAR_JUMP;
  return function;
}
