/* SPDX-License-Identifier: Apache-2.0
 * Unwind tables out of an object's file instead of its mapping. What is read of a mapping stays with the program, sixteen
 * pages around each that is touched: of a compiler's libraries ten megabytes. A file that is open for some microseconds
 * is harmless only where no other thread could close or copy it, so this is for programs with one thread. Reading costs
 * far more than touching, for a program that is over soon as much as all else: small tables are left where they are.
 *
 * Nothing is believed of a path: the file's first page has to be the one that is mapped, with a build id in it, and the
 * file that was opened last time. */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  MAX_SOURCES = 64,
  MAX_KEYS = 1 << 14,
  SMALL_ROWS = 12 << 10, /* of all objects whose tables are read in memory: about 60 bytes a row with its entries */
  PAGE = 4096,
  PAGES = 64,       /* kept */
  BLOCK = PAGE / 8, /* rows of the sorted table */
  FDE_BYTES = 2048, /* longer ones are read in memory */
  CIE_BYTES = 256,
};

/* An object and its file. */
typedef struct
{
  uint64_t header;      /* where .eh_frame_hdr is mapped */
  uint64_t device, inode;
  uint64_t start, end;  /* of the segment, mapped */
  uint64_t offset;      /* file offset less mapped address */
  uint64_t table;       /* the sorted table, mapped */
  uint32_t n_rows;
  uint32_t first_key;   /* a key for each block of rows: its first address, from the header */
  enum
  {
    UNKNOWN,
    IN_FILE,
    IN_MEMORY,
  } state;
} Source;

static uint32_t generation, n_sources, n_keys, n_small_rows;
static Source sources[MAX_SOURCES];
static int32_t keys[MAX_KEYS];

/* By mapped address. */
static uint64_t page_at[PAGES];
static uint8_t pages[PAGES][PAGE];

/* The file while something is looked for. */
typedef struct
{
  const char *path;
  int fd; /* -1: not open so far */
  uint64_t signals;
} File;

static bool
open_file (File *file, Source *source)
{
  struct stat facts;

  file->signals = hook_block_signals (); /* a handler that leaves by longjmp would leave it open */
  file->fd = hook_open (file->path);
  const bool is_good = file->fd >= 0 && hook_syscall (SYS_fstat, (uint64_t) file->fd, (uint64_t) &facts, 0, 0, 0, 0) == 0
                       && (source->state == UNKNOWN || (facts.st_dev == source->device && facts.st_ino == source->inode));
  source->state = is_good ? IN_FILE : IN_MEMORY;
  source->device = facts.st_dev;
  source->inode = facts.st_ino;
  if (file->fd < 0)
    hook_restore_signals (file->signals);
  return is_good;
}

static void
close_file (File *file)
{
  if (file->fd < 0)
    return;
  hook_close (file->fd);
  hook_restore_signals (file->signals);
}

static bool
copy (File *file, Source *source, uint64_t address, void *out, uint32_t n)
{
  if (address < source->start || address >= source->end || n > source->end - address)
    return false;
  while (n > 0)
    {
      const uint64_t page = address & ~(PAGE - 1ul), slot = page / PAGE % PAGES;
      const uint32_t from = (uint32_t) (address - page), n_here = n < PAGE - from ? n : PAGE - from;
      if (page_at[slot] != page)
        {
          page_at[slot] = 0;
          if ((file->fd < 0 && !open_file (file, source))
              || hook_syscall (SYS_pread64, (uint64_t) file->fd, (uint64_t) pages[slot], PAGE, page + source->offset, 0, 0) < from + n_here)
            return false;
          page_at[slot] = page;
        }
      memcpy (out, pages[slot] + from, n_here);
      out = (uint8_t *) out + n_here;
      address += n_here;
      n -= n_here;
    }
  return true;
}

static bool
has_build_id (const uint8_t *page, const ElfW (Phdr) *note)
{
  uint64_t at = note->p_offset, end = at + note->p_filesz;

  if (end > PAGE || end < at)
    return false;
  while (at + sizeof (ElfW (Nhdr)) + 4 <= end)
    {
      const ElfW (Nhdr) *header = (const void *) (page + at);
      if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4 && memcmp (header + 1, "GNU", 4) == 0)
        return header->n_descsz >= 8;
      at += sizeof *header + ((header->n_namesz + 3ul) & ~3ul) + ((header->n_descsz + 3ul) & ~3ul);
    }
  return false;
}

/* Looks whether the file is the object's and worth reading, and where the tables are in it. */
static bool
learn (File *file, Source *source, HookThread *thread, const struct dl_find_object *object)
{
  const uint64_t mapped = (uint64_t) object->dlfo_map_start, bias = object->dlfo_link_map->l_addr;
  uint8_t *page = pages[0], form[12];
  uint64_t word;
  bool has_id = false;

  page_at[0] = 0;
  if (mapped % PAGE || !hook_unwind_read (thread, mapped, &word) || !open_file (file, source)
      || hook_syscall (SYS_pread64, (uint64_t) file->fd, (uint64_t) page, PAGE, 0, 0, 0) != PAGE || memcmp (page, (const void *) mapped, PAGE) != 0)
    return false;
  const ElfW (Ehdr) *header = (const void *) page;
  const ElfW (Phdr) *segments = (const void *) (page + header->e_phoff);
  if (memcmp (page, ELFMAG, SELFMAG) != 0 || header->e_phentsize != sizeof *segments || header->e_phoff > PAGE
      || header->e_phnum > (PAGE - header->e_phoff) / sizeof *segments)
    return false;
  for (uint32_t i = 0; i < header->e_phnum; i++)
    {
      const ElfW (Phdr) *segment = &segments[i];
      const uint64_t start = bias + segment->p_vaddr;
      if (segment->p_type == PT_NOTE)
        has_id |= has_build_id (page, segment);
      else if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && (segment->p_offset - start) % PAGE == 0
               && source->header >= start && source->header < start + segment->p_filesz)
        {
          source->start = start;
          source->end = start + segment->p_filesz;
          source->offset = segment->p_offset - start;
        }
    }
  /* The one form that linkers write: version 1, a relative pointer, a count, rows of two offsets from here. */
  static const uint8_t usual[] = { 1, 0x1b, 3, 0x3b };
  if (!has_id || !copy (file, source, source->header, form, sizeof form) || memcmp (form, usual, sizeof usual) != 0)
    return false;
  memcpy (&source->n_rows, form + 8, 4);
  if (source->n_rows <= SMALL_ROWS - n_small_rows)
    {
      n_small_rows += source->n_rows;
      return false;
    }
  source->table = source->header + sizeof form;
  source->first_key = n_keys;
  for (uint32_t i = 0; i < source->n_rows; i += BLOCK)
    if (n_keys == MAX_KEYS || !copy (file, source, source->table + i * 8ul, &keys[n_keys++], 4))
      return false;
  return true;
}

/* Copies an entry with its length. */
static bool
copy_entry (File *file, Source *source, uint64_t address, uint32_t *out, uint32_t size)
{
  return copy (file, source, address, out, 8) && *out >= 4 && *out <= size - 4 && copy (file, source, address, out, *out + 4);
}

static bool
find (File *file, Source *source, uint64_t pc, HookEntry *out)
{
  static uint32_t fde[FDE_BYTES / 4], cie[CIE_BYTES / 4];
  const int64_t key = (int64_t) (pc - source->header);
  uint32_t low = 0, high = (source->n_rows + BLOCK - 1) / BLOCK;
  int32_t row[2];

  while (low < high)
    {
      const uint32_t middle = (low + high) / 2;
      if (keys[source->first_key + middle] <= key)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == 0)
    return false;
  /* The block's first row is not behind pc, the next one's is. */
  high = low * BLOCK < source->n_rows ? low * BLOCK : source->n_rows;
  low = (low - 1) * BLOCK;
  while (high - low > 1)
    {
      const uint32_t middle = (low + high) / 2;
      if (!copy (file, source, source->table + middle * 8ul, row, 4))
        return false;
      if (*row <= key)
        low = middle;
      else
        high = middle;
    }
  if (!copy (file, source, source->table + low * 8ul, row, sizeof row))
    return false;
  const uint64_t at = source->header + (uint64_t) (int64_t) row[1];
  if (!copy_entry (file, source, at, fde, sizeof fde) || !copy_entry (file, source, at + 4 - fde[1], cie, sizeof cie))
    return false;
  *out = (HookEntry) { (const uint8_t *) fde, (const uint8_t *) cie, at - (uint64_t) fde };
  return true;
}

static Source *
source_of (const struct dl_find_object *object)
{
  const uint64_t header = (uint64_t) object->dlfo_eh_frame;

  if (generation != hook_unwind_generation ())
    {
      generation = hook_unwind_generation ();
      n_sources = n_keys = n_small_rows = 0;
      memset (page_at, 0, sizeof page_at);
    }
  for (uint32_t i = 0; i < n_sources; i++)
    if (sources[i].header == header)
      return &sources[i];
  if (n_sources == MAX_SOURCES)
    return NULL;
  sources[n_sources] = (Source) { .header = header };
  return &sources[n_sources++];
}

bool
hook_tables_find (HookThread *thread, const struct dl_find_object *object, uint64_t pc, HookEntry *out)
{
  const char *name = object->dlfo_link_map->l_name;
  File file = { name && *name ? name : "/proc/self/exe", -1, 0 };

  if (!__libc_single_threaded || hook_sandboxed || object->dlfo_eh_frame == NULL)
    return false;
  Source *source = source_of (object);
  if (source == NULL || source->state == IN_MEMORY)
    return false;
  if (source->state == UNKNOWN && !learn (&file, source, thread, object))
    source->state = IN_MEMORY;
  const bool found = source->state == IN_FILE && find (&file, source, pc, out);
  close_file (&file);
  return found;
}
