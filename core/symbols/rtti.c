/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/rtti.h"

#include <gelf.h>
#include <string.h>

#include "core/symbols/symbols.h"

#define MAX_NAME 4096u
#define VTABLE_OF_TYPE_INFO "_ZTVN10__cxxabiv1" /* __class_type_info, __si_class_type_info, ... */
#define NAME_OF_TYPE_INFO "N10__cxxabiv1"

/* What the loader writes to an address. */
typedef struct
{
  guint64 address, value;
  const char *symbol; /* `value` is behind its start; NULL: behind that of the module */
  gboolean is_copy;   /* all of the symbol is copied there */
} Relocation;

struct _HatRtti
{
  Elf *elf;
  GArray *relocations; /* Relocation, by address */
};

static void
add_relocations (HatRtti *rtti, Elf_Scn *section, const GElf_Shdr *header)
{
  Elf_Data *data = elf_getdata (section, NULL);
  Elf_Scn *symbols = elf_getscn (rtti->elf, header->sh_link);
  GElf_Shdr symbols_header;
  Elf_Data *symbols_data = symbols && gelf_getshdr (symbols, &symbols_header) ? elf_getdata (symbols, NULL) : NULL;
  const int n = data && header->sh_entsize ? MIN (data->d_size / header->sh_entsize, G_MAXINT / 2) : 0;
  for (int i = 0; i < n; i++)
    {
      GElf_Rela rela;
      GElf_Sym symbol;
      if (!gelf_getrela (data, i, &rela))
        continue;
      const guint type = GELF_R_TYPE (rela.r_info);
      Relocation relocation = { .address = rela.r_offset, .value = rela.r_addend, .is_copy = type == R_X86_64_COPY };
      if (type == R_X86_64_64 || type == R_X86_64_COPY)
        {
          if (!symbols_data || !gelf_getsym (symbols_data, GELF_R_SYM (rela.r_info), &symbol)
              || !(relocation.symbol = elf_strptr (rtti->elf, symbols_header.sh_link, symbol.st_name)))
            continue;
          if (symbol.st_shndx != SHN_UNDEF)
            relocation.value += symbol.st_value;
        }
      else if (type != R_X86_64_RELATIVE)
        continue;
      g_array_append_val (rtti->relocations, relocation);
    }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const Relocation *x = a, *y = b;
  return x->address < y->address ? -1 : x->address > y->address;
}

HatRtti *
hat_rtti_new (const HatElfFile *image)
{
  HatRtti *rtti = g_new0 (HatRtti, 1);
  GElf_Ehdr file;
  rtti->relocations = g_array_new (FALSE, FALSE, sizeof (Relocation));
  if (image == NULL || !gelf_getehdr (image->elf, &file) || file.e_machine != EM_X86_64)
    return rtti;
  rtti->elf = image->elf;
  for (Elf_Scn *section = NULL; (section = elf_nextscn (rtti->elf, section));)
    {
      GElf_Shdr header;
      if (gelf_getshdr (section, &header) && header.sh_type == SHT_RELA && header.sh_flags & SHF_ALLOC)
        add_relocations (rtti, section, &header);
    }
  g_array_sort (rtti->relocations, compare);
  return rtti;
}

void
hat_rtti_free (HatRtti *rtti)
{
  if (rtti == NULL)
    return;
  g_array_unref (rtti->relocations);
  g_free (rtti);
}

/* ---- memory as it is loaded ---- */

static const char *
bytes_at (const HatRtti *rtti, guint64 address, guint forbidden, gsize *out_n)
{
  size_t size, n = 0;
  const char *file = rtti->elf ? elf_rawfile (rtti->elf, &size) : NULL;
  if (!file || elf_getphdrnum (rtti->elf, &n) != 0)
    return NULL;
  for (size_t i = 0; i < n; i++)
    {
      GElf_Phdr segment;
      if (!gelf_getphdr (rtti->elf, i, &segment) || segment.p_type != PT_LOAD || segment.p_flags & forbidden || address < segment.p_vaddr
          || address - segment.p_vaddr >= segment.p_filesz)
        continue;
      const guint64 into = address - segment.p_vaddr;
      if (segment.p_offset > size || into >= size - segment.p_offset)
        return NULL;
      *out_n = MIN (segment.p_filesz - into, size - segment.p_offset - into);
      return file + segment.p_offset + into;
    }
  return NULL;
}

static const Relocation *
relocation_at (const HatRtti *rtti, guint64 address)
{
  guint at;
  const Relocation wanted = { .address = address };
  return g_array_binary_search (rtti->relocations, &wanted, compare, &at) ? &g_array_index (rtti->relocations, Relocation, at) : NULL;
}

/* What is at the address once it is loaded: *out_value in this module's headers, or the symbol's name. Words without a relocation of their own are as they are
 * in the file, where the module always lies at the same address, and where relocations are packed (RELR). */
static gboolean
word_at (const HatRtti *rtti, guint64 address, guint64 *out_value, const char **out_symbol)
{
  const Relocation *relocation = address % 8 == 0 ? relocation_at (rtti, address) : NULL;
  gsize n = 0;
  *out_symbol = relocation ? relocation->symbol : NULL;
  *out_value = relocation ? relocation->value : 0;
  if (relocation)
    return TRUE;
  const char *bytes = bytes_at (rtti, address, PF_X, &n);
  if (n >= 8)
    memcpy (out_value, bytes, 8);
  return n >= 8;
}

static const char *
name_of (const HatRtti *rtti, guint64 type_info)
{
  guint64 at;
  const char *symbol, *name;
  gsize n;
  if (!word_at (rtti, type_info + 8, &at, &symbol) || !(name = bytes_at (rtti, at, PF_W | PF_X, &n)) || !memchr (name, 0, MIN (n, MAX_NAME)))
    return NULL;
  name += *name == '*'; /* compared by its address */
  return g_ascii_isalnum (*name) && strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$") == strlen (name) ? name : NULL;
}

/* Its own virtual functions are the run-time library's, wherever that lies. */
static gboolean
is_type_info (const HatRtti *rtti, guint64 address)
{
  guint64 table, of_table;
  const char *symbol, *name;
  if (!word_at (rtti, address, &table, &symbol))
    return FALSE;
  if (symbol)
    return g_str_has_prefix (symbol, VTABLE_OF_TYPE_INFO);
  const Relocation *copy = relocation_at (rtti, table - 16);
  if (copy && copy->is_copy)
    return g_str_has_prefix (copy->symbol, VTABLE_OF_TYPE_INFO);
  return word_at (rtti, table - 8, &of_table, &symbol) && (name = name_of (rtti, of_table)) && g_str_has_prefix (name, NAME_OF_TYPE_INFO);
}

char *
hat_rtti_class (HatRtti *rtti, guint64 address)
{
  static const char shown[] = "typeinfo for ";
  guint64 offset, type_info;
  const char *symbol, *name = NULL;
  if (address % 8 != 0 || address < 16 || relocation_at (rtti, address - 16) || !word_at (rtti, address - 16, &offset, &symbol) || offset != 0
      || !word_at (rtti, address - 8, &type_info, &symbol))
    return NULL;
  g_autofree char *mangled = NULL;
  if (symbol && g_str_has_prefix (symbol, "_ZTI"))
    mangled = g_strdup (symbol);
  else if (type_info && is_type_info (rtti, type_info) && (name = name_of (rtti, type_info)))
    mangled = g_strconcat ("_ZTI", name, NULL);
  g_autofree char *demangled = mangled ? hat_demangle (mangled) : NULL;
  return demangled && g_str_has_prefix (demangled, shown) ? g_strdup (demangled + strlen (shown)) : NULL;
}
