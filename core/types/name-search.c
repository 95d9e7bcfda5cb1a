/* SPDX-License-Identifier: Apache-2.0 */
#include "core/types/name-search.h"

#include <gelf.h>
#include <string.h>

enum
{
  MAX_PLACES = 1 << 16, /* a name that is everywhere is looked for no faster this way */
  FILTER_BITS = 1 << 20,
};

struct _HatNameSearch
{
  const HatTypeSource *source;
  char *name; /* without scopes and arguments */
  GArray *places;               /* guint32, ascending: in .debug_str */
  guint8 filter[FILTER_BITS / 8]; /* by the low bits of a place */
};

/* "ns::Vec<a::b>" -> "Vec". NULL: there is more in it than letters. */
static char *
last_part (const char *name)
{
  const char *end = name + strcspn (name, "<"), *start = end;
  while (start > name && (g_ascii_isalnum (start[-1]) || start[-1] == '_'))
    start--;
  const gboolean is_scoped = start == name || (start - name >= 2 && start[-1] == ':' && start[-2] == ':');
  return end - start >= 2 && is_scoped ? g_strndup (start, end - start) : NULL;
}

static gsize
size_of_strings (const HatTypeSource *source)
{
  Elf_Scn *section = hat_elf_file_section (hat_module_files_dwarf (&source->files), ".debug_str");
  GElf_Shdr header;
  GElf_Chdr packed;
  if (!section || !gelf_getshdr (section, &header))
    return 0;
  if (header.sh_flags & SHF_COMPRESSED)
    return gelf_getchdr (section, &packed) ? packed.ch_size : 0;
  return header.sh_size;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;
  return x < y ? -1 : x > y;
}

static void
add_place (HatNameSearch *search, guint32 place)
{
  g_array_append_val (search->places, place);
  search->filter[place % FILTER_BITS / 8] |= 1 << place % 8;
}

/* Linkers let a string begin inside of another one whose end it is. Before the part may stand scopes, and in Rust "&mut dyn " or the like. */
static void
find_places (HatNameSearch *search, const char *strings, gsize size)
{
  const gsize length = strlen (search->name);
  for (const char *at = strings; (at = memmem (at, strings + size - at, search->name, length)); at++)
    {
      gboolean has_words = FALSE;
      const char *start = at;
      if (at + length >= strings + size || (at[length] != 0 && at[length] != '<'))
        continue;
      for (; start > strings && start[-1]; start--)
        has_words |= !g_ascii_isalnum (start[-1]) && start[-1] != '_' && start[-1] != ':';
      add_place (search, (guint32) (at - strings));
      for (; start < at && has_words; start++)
        add_place (search, (guint32) (start - strings));
      if (search->places->len > MAX_PLACES)
        return;
    }
  g_array_sort (search->places, compare);
}

HatNameSearch *
hat_name_search_new (const HatTypeSource *source, const char *name)
{
  /* Names by number, in a file that others share, or compressed in an old way; and types outside of .debug_info. */
  static const char *const unknown[] = { ".debug_str_offsets", ".debug_types", ".zdebug_info", ".zdebug_str" };
  const HatElfFile *file = hat_module_files_dwarf (&source->files);
  for (guint i = 0; i < G_N_ELEMENTS (unknown); i++)
    if (hat_elf_file_section (file, unknown[i]))
      return NULL;
  g_autofree char *part = last_part (name);
  const gsize size = size_of_strings (source);
  size_t length;
  const char *strings = size > 0 && size < G_MAXUINT32 ? dwarf_getstring (source->dwarf, 0, &length) : NULL;
  if (!part || source->shared || (size > 0 && !strings))
    return NULL;
  HatNameSearch *search = g_new0 (HatNameSearch, 1);
  search->source = source;
  search->name = g_steal_pointer (&part);
  search->places = g_array_new (FALSE, FALSE, sizeof (guint32));
  if (strings)
    find_places (search, strings, size);
  if (search->places->len <= MAX_PLACES)
    {
      hat_type_source_release (source, strings, size);
      return search;
    }
  hat_name_search_free (search);
  return NULL;
}

void
hat_name_search_free (HatNameSearch *search)
{
  if (!search)
    return;
  g_array_unref (search->places);
  g_free (search->name);
  g_free (search);
}

static gboolean
has_place (const HatNameSearch *search, const char *bytes, gsize n)
{
  guint unused;
  for (gsize i = 0; i + 4 <= n && search->places->len > 0; i++)
    {
      guint32 word;
      memcpy (&word, bytes + i, 4);
      if (search->filter[word % FILTER_BITS / 8] >> word % 8 & 1 && g_array_binary_search (search->places, &word, compare, &unused))
        return TRUE;
    }
  return FALSE;
}

gboolean
hat_name_search_may_be_in (HatNameSearch *search, Dwarf_Die *root)
{
  const gsize n = hat_unit_bytes (root);
  /* What a unit that others import says of the language depends on who was read before. */
  if (n == 0 || dwarf_tag (root) == DW_TAG_partial_unit)
    return TRUE;
  const gboolean may = has_place (search, root->addr, n) || memmem (root->addr, n, search->name, strlen (search->name));
  if (!may)
    hat_type_source_release (search->source, root->addr, n);
  return may;
}
