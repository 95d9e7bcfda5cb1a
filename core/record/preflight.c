/* SPDX-License-Identifier: Apache-2.0
 *
 * The look at a program before it is started. What is read here is somebody's file: every offset is checked. */

#include "core/record/preflight.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_INTERPRETERS 5

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define OUR_MACHINE_NAME "x86_64"
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#define OUR_MACHINE_NAME "aarch64"
#endif

void
hat_preflight_clear (HatPreflight *preflight)
{
  g_clear_pointer (&preflight->path, g_free);
  g_clear_pointer (&preflight->warning, g_free);
}

static gboolean G_GNUC_PRINTF (4, 5)
refuse (int status, int *out_status, GError **error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, HAT_ERROR, HAT_ERROR_REFUSED, message);
  *out_status = status;
  return FALSE;
}

/* ---- finding it ---- */

static char *
absolute (const char *path, const char *directory)
{
  return g_path_is_absolute (path) || directory == NULL ? g_strdup (path) : g_canonicalize_filename (path, directory);
}

static gboolean
is_executable_file (const char *path)
{
  struct stat status;
  return stat (path, &status) == 0 && S_ISREG (status.st_mode) && access (path, X_OK) == 0;
}

static char *
find_program (const char *program, const char *const *env, const char *directory, int *out_status, GError **error)
{
  struct stat status;

  if (strchr (program, '/'))
    {
      g_autofree char *path = absolute (program, directory);
      if (is_executable_file (path))
        return g_steal_pointer (&path);
      if (stat (path, &status) < 0 && (errno == ENOENT || errno == ENOTDIR))
        refuse (HAT_RECORD_NOT_FOUND, out_status, error, "%s: no such program", program);
      else if (access (path, F_OK) < 0)
        refuse (HAT_RECORD_REFUSED, out_status, error, "%s: cannot be started: %s", program, g_strerror (errno));
      else if (S_ISDIR (status.st_mode))
        refuse (HAT_RECORD_REFUSED, out_status, error, "%s: is a folder, not a program", program);
      else
        refuse (HAT_RECORD_REFUSED, out_status, error, "%s: is not executable; chmod +x allows it", program);
      return NULL;
    }

  const char *search = g_environ_getenv ((char **) env, "PATH");
  g_auto (GStrv) folders = g_strsplit (search ? search : "/bin:/usr/bin", ":", -1);
  g_autofree char *not_executable = NULL;
  for (guint i = 0; folders[i]; i++)
    {
      g_autofree char *folder = absolute (*folders[i] ? folders[i] : ".", directory);
      g_autofree char *path = g_build_filename (folder, program, NULL);
      if (is_executable_file (path))
        return g_steal_pointer (&path);
      if (not_executable == NULL && stat (path, &status) == 0 && S_ISREG (status.st_mode))
        not_executable = g_steal_pointer (&path);
    }
  if (not_executable)
    refuse (HAT_RECORD_REFUSED, out_status, error, "%s: %s is not executable; chmod +x allows it", program, not_executable);
  else
    refuse (HAT_RECORD_NOT_FOUND, out_status, error, "%s: no such program in PATH; give its path if it is elsewhere", program);
  return NULL;
}

/* ---- reading ELF ---- */

typedef struct
{
  const guint8 *data;
  gsize size;
  const Elf64_Ehdr *header;
} Elf;

static const void *
at (const Elf *elf, guint64 offset, guint64 size, gsize align)
{
  if (offset > elf->size || size > elf->size - offset || offset % align != 0)
    return NULL;
  return elf->data + offset;
}

static const char *
string_at (const Elf *elf, guint64 offset)
{
  if (offset >= elf->size || memchr (elf->data + offset, 0, elf->size - offset) == NULL)
    return NULL;
  return (const char *) elf->data + offset;
}

static const Elf64_Phdr *
program_header (const Elf *elf, guint index)
{
  if (index >= elf->header->e_phnum || elf->header->e_phentsize != sizeof (Elf64_Phdr))
    return NULL;
  return at (elf, elf->header->e_phoff + index * sizeof (Elf64_Phdr), sizeof (Elf64_Phdr), 8);
}

static const Elf64_Shdr *
section_header (const Elf *elf, guint index)
{
  if (index >= elf->header->e_shnum || elf->header->e_shentsize != sizeof (Elf64_Shdr))
    return NULL;
  return at (elf, elf->header->e_shoff + index * sizeof (Elf64_Shdr), sizeof (Elf64_Shdr), 8);
}

static const char *
interpreter (const Elf *elf)
{
  const Elf64_Phdr *header;
  for (guint i = 0; (header = program_header (elf, i)); i++)
    if (header->p_type == PT_INTERP)
      return string_at (elf, header->p_offset);
  return NULL;
}

static guint64
file_offset (const Elf *elf, guint64 address)
{
  const Elf64_Phdr *header;
  for (guint i = 0; (header = program_header (elf, i)); i++)
    if (header->p_type == PT_LOAD && address >= header->p_vaddr && address - header->p_vaddr < header->p_filesz)
      return header->p_offset + (address - header->p_vaddr);
  return G_MAXUINT64;
}

/* Calls for each needed library; stops at TRUE. */
static const char *
find_needed (const Elf *elf, gboolean (*wanted) (const char *name))
{
  const Elf64_Phdr *header;
  for (guint i = 0; (header = program_header (elf, i)); i++)
    {
      if (header->p_type != PT_DYNAMIC)
        continue;
      const guint64 n = header->p_filesz / sizeof (Elf64_Dyn);
      const Elf64_Dyn *dynamic = at (elf, header->p_offset, n * sizeof (Elf64_Dyn), 8);
      guint64 strings = G_MAXUINT64;
      for (guint64 k = 0; dynamic && k < n && dynamic[k].d_tag != DT_NULL; k++)
        if (dynamic[k].d_tag == DT_STRTAB)
          strings = file_offset (elf, dynamic[k].d_un.d_ptr);
      for (guint64 k = 0; dynamic && strings != G_MAXUINT64 && k < n && dynamic[k].d_tag != DT_NULL; k++)
        {
          const char *name = dynamic[k].d_tag == DT_NEEDED ? string_at (elf, strings + dynamic[k].d_un.d_val) : NULL;
          if (name && wanted (name))
            return name;
        }
    }
  return NULL;
}

/* The first defined function in a symbol table of the given type that is wanted. There may be a million: a table of names that ends with a
 * NUL need not be searched for the end of each. */
static const char *
find_symbol (const Elf *elf, guint32 table_type, gboolean (*wanted) (const char *name))
{
  const Elf64_Shdr *table, *strings;
  for (guint i = 0; (table = section_header (elf, i)); i++)
    {
      if (table->sh_type != table_type || (strings = section_header (elf, table->sh_link)) == NULL)
        continue;
      const char *names = at (elf, strings->sh_offset, strings->sh_size, 1);
      if (names == NULL || strings->sh_size == 0 || names[strings->sh_size - 1] != 0)
        continue;
      const guint64 n = table->sh_size / sizeof (Elf64_Sym);
      const Elf64_Sym *symbols = at (elf, table->sh_offset, n * sizeof (Elf64_Sym), 8);
      for (guint64 k = 0; symbols && k < n; k++)
        {
          const guint type = ELF64_ST_TYPE (symbols[k].st_info);
          if (symbols[k].st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC) || symbols[k].st_name >= strings->sh_size)
            continue;
          const char *name = names + symbols[k].st_name;
          if (wanted (name))
            return name;
        }
    }
  return NULL;
}

static gboolean
has_section (const Elf *elf, const char *wanted)
{
  const Elf64_Shdr *names = section_header (elf, elf->header->e_shstrndx), *section;
  for (guint i = 0; names && (section = section_header (elf, i)); i++)
    {
      const char *name = string_at (elf, names->sh_offset + section->sh_name);
      if (name && strcmp (name, wanted) == 0)
        return TRUE;
    }
  return FALSE;
}

/* ---- judging it ---- */

/* Most names differ in the first two letters. */
static inline gboolean
begins_like (const char *name, const char *wanted)
{
  return name[0] == wanted[0] && name[1] == wanted[1];
}

static gboolean
is_any_of (const char *name, const char *const *prefixes)
{
  for (guint i = 0; prefixes[i]; i++)
    if (begins_like (name, prefixes[i]) && g_str_has_prefix (name, prefixes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_sanitizer_library (const char *name)
{
  static const char *const names[] = { "libasan.so", "libtsan.so", "libmsan.so", "libhwasan.so", "liblsan.so",
                                       "libclang_rt.asan", "libclang_rt.tsan", "libclang_rt.msan", "libclang_rt.hwasan", NULL };
  return is_any_of (name, names);
}

static gboolean
is_sanitizer_symbol (const char *name)
{
  static const char *const names[] = { "__asan_init", "__tsan_init", "__msan_init", "__hwasan_init", NULL };
  return is_any_of (name, names);
}

static gboolean
is_malloc (const char *name)
{
  return strcmp (name, "malloc") == 0;
}

static gboolean
is_other_allocator (const char *name)
{
  static const char *const names[] = { "malloc", "je_malloc", "_rjem_malloc", "_rjem_je_malloc", "mi_malloc", "tc_malloc", "rpmalloc",
                                       "scalloc_malloc", "GC_malloc", NULL };
  for (guint i = 0; names[i]; i++)
    if (begins_like (name, names[i]) && strcmp (name, names[i]) == 0)
      return TRUE;
  return FALSE;
}

static const char *
sanitizer_of (const Elf *elf)
{
  const char *name = find_needed (elf, is_sanitizer_library);
  if (name == NULL)
    name = find_symbol (elf, SHT_DYNSYM, is_sanitizer_symbol);
  return name ? name : find_symbol (elf, SHT_SYMTAB, is_sanitizer_symbol);
}

static char *
describe_own_allocator (const Elf *elf)
{
  const char *name;
  if (has_section (elf, ".go.buildinfo") || has_section (elf, ".note.go.buildid"))
    return g_strdup ("it is a Go program: its own heap cannot be seen, only what goes through malloc");
  /* A malloc that others can find is the hook's business: the recording says if it cannot be seen. */
  if (find_symbol (elf, SHT_DYNSYM, is_malloc) == NULL && (name = find_symbol (elf, SHT_SYMTAB, is_other_allocator)))
    return g_strdup_printf ("it brings its own allocator (%s): blocks of that one cannot be seen", name);
  return NULL;
}

/* The loader ignores preloads for a program that gains rights. */
static const char *
gained_rights (const char *path)
{
  struct stat status;
  if (stat (path, &status) < 0)
    return NULL;
  if ((status.st_mode & S_ISUID) && status.st_uid != getuid ())
    return "is setuid";
  if ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && status.st_gid != getgid ())
    return "is setgid";
  if (getuid () != 0 && getxattr (path, "security.capability", NULL, 0) > 0)
    return "has file capabilities";
  return NULL;
}

static const char *
machine_name (guint machine)
{
  switch (machine)
    {
    case EM_386:
      return "i386";
    case EM_X86_64:
      return "x86_64";
    case EM_ARM:
      return "arm";
    case EM_AARCH64:
      return "aarch64";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    default:
      return "another machine";
    }
}

static gboolean
check_elf (const char *program, const guint8 *data, gsize size, char **out_warning, int *out_status, GError **error)
{
  const Elf elf = { data, size, (const Elf64_Ehdr *) data };

  if (size < EI_NIDENT + 4)
    return refuse (HAT_RECORD_REFUSED, out_status, error, "%s: is a damaged program file", program);
  if (data[EI_CLASS] != ELFCLASS64 || data[EI_DATA] != ELFDATA2LSB || size < sizeof (Elf64_Ehdr)
      || elf.header->e_machine != OUR_MACHINE)
    return refuse (HAT_RECORD_REFUSED, out_status, error,
                   "%s: is a program for %s%s; only 64-bit " OUR_MACHINE_NAME " programs can be recorded", program,
                   data[EI_CLASS] == ELFCLASS32 ? "32-bit " : "", machine_name (data[18] | data[19] << 8));
  const char *loader = interpreter (&elf);
  if (loader == NULL)
    return refuse (HAT_RECORD_REFUSED, out_status, error,
                   "%s: is statically linked, nothing can be loaded into it; link it dynamically to record it", program);
  if (strstr (loader, "ld-musl"))
    return refuse (HAT_RECORD_REFUSED, out_status, error, "%s: is built for musl; only programs for glibc can be recorded", program);
  if (access (loader, X_OK) < 0)
    return refuse (HAT_RECORD_REFUSED, out_status, error, "%s: its loader %s is not installed", program, loader);
  const char *sanitizer = sanitizer_of (&elf);
  if (sanitizer)
    return refuse (HAT_RECORD_REFUSED, out_status, error,
                   "%s: is built with a sanitizer (%s), which has to be the only one to see malloc; build it without -fsanitize", program,
                   sanitizer);
  *out_warning = describe_own_allocator (&elf);
  return TRUE;
}

/* The interpreter named by a #! line, or NULL. */
static char *
script_interpreter (const guint8 *data, gsize size)
{
  if (size < 3 || data[0] != '#' || data[1] != '!')
    return NULL;
  const char *line = (const char *) data + 2;
  gsize n = MIN (size - 2, 4096);
  while (n > 0 && (*line == ' ' || *line == '\t'))
    line++, n--;
  gsize length = 0;
  while (length < n && !strchr (" \t\r\n", line[length]))
    length++;
  return length > 0 ? g_strndup (line, length) : NULL;
}

static gboolean
check_file (const char *program, const char *path, const char *directory, guint depth, HatPreflight *preflight, int *out_status,
            GError **error)
{
  const char *rights = gained_rights (path);
  if (rights)
    return refuse (HAT_RECORD_REFUSED, out_status, error,
                   "%s: %s %s, so the system keeps other libraries out of it; record a copy without that", program,
                   strcmp (program, path) == 0 ? "it" : path, rights);

  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  if (file == NULL)
    return TRUE; /* executable but not readable: nothing can be said beforehand */
  const guint8 *data = (const guint8 *) g_mapped_file_get_contents (file);
  const gsize size = g_mapped_file_get_length (file);
  if (size >= SELFMAG && memcmp (data, ELFMAG, SELFMAG) == 0)
    return check_elf (program, data, size, &preflight->warning, out_status, error);

  g_autofree char *name = script_interpreter (data, size);
  if (name == NULL)
    {
      preflight->is_plain_script = depth == 0;
      return depth > 0 || check_file (program, "/bin/sh", directory, depth + 1, preflight, out_status, error);
    }
  g_autofree char *next = absolute (name, directory);
  if (!is_executable_file (next))
    return refuse (HAT_RECORD_REFUSED, out_status, error, "%s: its interpreter %s cannot be started", program, name);
  if (depth >= MAX_INTERPRETERS)
    return refuse (HAT_RECORD_REFUSED, out_status, error, "%s: too many interpreters that call each other", program);
  return check_file (program, next, directory, depth + 1, preflight, out_status, error);
}

gboolean
hat_preflight (const char *program, const char *const *env, const char *directory, HatPreflight *out_preflight, int *out_status,
               GError **error)
{
  HatPreflight preflight = {};

  preflight.path = find_program (program, env, directory, out_status, error);
  if (preflight.path == NULL)
    return FALSE;
  if (!check_file (program, preflight.path, directory, 0, &preflight, out_status, error))
    {
      hat_preflight_clear (&preflight);
      return FALSE;
    }
  *out_preflight = preflight;
  return TRUE;
}
