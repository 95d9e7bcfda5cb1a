/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/symbol-table.h"

#include <gelf.h>
#include <string.h>

typedef struct
{
  guint64 start, end;
  const char *name;
  guint32 around;  /* 1 + index of the nearest earlier symbol that reaches beyond this one's start; 0 = none */
  gint8 rank;      /* of several at one address the highest is the name */
  guint8 is_sized; /* else its end is only assumed */
} Symbol;

struct _HatSymbolTable
{
  GArray *symbols; /* Symbol, by start; one for each start */
};

/* End of the section that holds the address. 0: the symbol is of another kind. */
static guint64
section_end (Elf *elf, const GElf_Sym *symbol, HatSymbolKind kind)
{
  static const guint64 flags[] = { [HAT_SYMBOLS_FUNCTIONS] = SHF_EXECINSTR, [HAT_SYMBOLS_DATA] = SHF_ALLOC, [HAT_SYMBOLS_THREAD_DATA] = SHF_TLS };
  GElf_Shdr header;
  Elf_Scn *section = symbol->st_shndx < SHN_LORESERVE ? elf_getscn (elf, symbol->st_shndx) : NULL;
  /* More than 65,279 sections: the index stands elsewhere. Such files are objects, not programs. */
  if (!section || !gelf_getshdr (section, &header) || (header.sh_flags & (SHF_EXECINSTR | SHF_ALLOC | SHF_TLS) & (flags[kind] | (kind == HAT_SYMBOLS_DATA ? SHF_EXECINSTR | SHF_TLS : 0))) != flags[kind])
    return 0;
  if (kind == HAT_SYMBOLS_THREAD_DATA)
    return G_MAXUINT64;
  return symbol->st_value >= header.sh_addr && symbol->st_value - header.sh_addr < header.sh_size
             ? header.sh_addr + header.sh_size
             : 0;
}

/* A person's name of a function is rather the exported one, and without leading underscores. */
static gint8
rank_of (const GElf_Sym *symbol, const char *name)
{
  static const gint8 bindings[] = { [STB_LOCAL] = 0, [STB_GLOBAL] = 2, [STB_WEAK] = 1 };
  unsigned binding = GELF_ST_BIND (symbol->st_info);
  int underscores = g_str_has_prefix (name, "_Z") || g_str_has_prefix (name, "_R") ? 0 : MIN (strspn (name, "_"), 3);
  return (GELF_ST_TYPE (symbol->st_info) == STT_NOTYPE ? 0 : 32) + (symbol->st_size > 0 ? 16 : 0)
         + (binding < G_N_ELEMENTS (bindings) ? bindings[binding] : 0) + (3 - underscores) * 3;
}

static gboolean
is_of_kind (int type, HatSymbolKind kind)
{
  if (kind == HAT_SYMBOLS_THREAD_DATA)
    return type == STT_TLS;
  if (kind == HAT_SYMBOLS_DATA)
    return type == STT_OBJECT || type == STT_COMMON;
  return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

/* ---- what is wanted ---- */

/* A library has a hundred thousand symbols, and often names of a few addresses are wanted. Those that say anything of them start where a symbol
 * starts that covers one, or that is the last one before it; of several at one place all count, as only the best is the name. */
typedef struct
{
  const guint64 *addresses; /* sorted */
  guint n;
  guint64 *nearest; /* by address: 1 + the last start behind the address before it, up to it; 0 = none */
  GArray *starts;   /* guint64 */
  gboolean is_known; /* all starts are, sorted */
} Wanted;

static guint
first_from (const guint64 *sorted, guint n, guint64 address)
{
  guint low = 0;
  while (low < n)
    {
      const guint middle = low + (n - low) / 2;
      if (sorted[middle] < address)
        low = middle + 1;
      else
        n = middle;
    }
  return low;
}

static gboolean
covers (const Wanted *wanted, guint at, const Symbol *symbol)
{
  return symbol->is_sized && wanted->addresses[at] < symbol->end;
}

/* Whether to look closer at a symbol of which start, size and end are known. */
static gboolean
is_wanted (const Wanted *wanted, const Symbol *symbol)
{
  if (wanted->is_known)
    {
      const guint at = first_from ((const guint64 *) (gpointer) wanted->starts->data, wanted->starts->len, symbol->start);
      return at < wanted->starts->len && g_array_index (wanted->starts, guint64, at) == symbol->start;
    }
  const guint at = first_from (wanted->addresses, wanted->n, symbol->start);
  return at < wanted->n && (covers (wanted, at, symbol) || symbol->start + 1 > wanted->nearest[at]);
}

static void
note_start (Wanted *wanted, const Symbol *symbol)
{
  const guint at = first_from (wanted->addresses, wanted->n, symbol->start);

  if (covers (wanted, at, symbol))
    g_array_append_val (wanted->starts, symbol->start);
  wanted->nearest[at] = MAX (wanted->nearest[at], symbol->start + 1);
}

static int
compare_starts (const void *a, const void *b)
{
  const guint64 one = *(const guint64 *) a, other = *(const guint64 *) b;
  return one < other ? -1 : one > other;
}

static void
wanted_finish (Wanted *wanted)
{
  for (guint i = 0; i < wanted->n; i++)
    if (wanted->nearest[i] != 0)
      {
        const guint64 start = wanted->nearest[i] - 1;
        g_array_append_val (wanted->starts, start);
      }
  g_array_sort (wanted->starts, compare_starts);
  wanted->is_known = TRUE;
}

/* ---- reading ---- */

/* Without `symbols` only `wanted` hears of what there is. */
static void
add_section (GArray *symbols, Elf *elf, Elf_Scn *section, HatSymbolKind kind, Wanted *wanted)
{
  GElf_Shdr header;
  Elf_Data *data = gelf_getshdr (section, &header) ? elf_getdata (section, NULL) : NULL;
  gsize entry = gelf_fsize (elf, ELF_T_SYM, 1, EV_CURRENT);
  if (!data || entry == 0)
    return;
  int count = MIN (data->d_size / entry, G_MAXINT / 2);
  for (int i = 1; i < count; i++)
    {
      GElf_Sym symbol;
      if (!gelf_getsym (data, i, &symbol) || !is_of_kind (GELF_ST_TYPE (symbol.st_info), kind))
        continue;
      Symbol one = { .start = symbol.st_value, .is_sized = symbol.st_size > 0 && symbol.st_size <= G_MAXUINT64 - symbol.st_value };
      one.end = one.is_sized ? symbol.st_value + symbol.st_size : 0;
      if (wanted && !is_wanted (wanted, &one))
        continue;
      one.name = elf_strptr (elf, header.sh_link, symbol.st_name);
      guint64 end = one.name && one.name[0] && one.name[0] != '$' ? section_end (elf, &symbol, kind) : 0;
      if (end == 0)
        continue;
      if (symbols == NULL)
        {
          note_start (wanted, &one);
          continue;
        }
      one.end = one.is_sized ? one.end : end;
      one.rank = rank_of (&symbol, one.name);
      g_array_append_val (symbols, one);
    }
}

static void
add_sections (GArray *symbols, const HatElfFile *image, const HatElfFile *with_table, HatSymbolKind kind, Wanted *wanted)
{
  const struct
  {
    const HatElfFile *file;
    const char *name;
  } sources[] = { { with_table, ".symtab" }, { image, ".dynsym" } };
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      Elf_Scn *section = sources[i].file ? hat_elf_file_section (sources[i].file, sources[i].name) : NULL;
      if (section)
        add_section (symbols, sources[i].file->elf, section, kind, wanted);
    }
}

static int
compare (const void *a, const void *b)
{
  const Symbol *one = a, *other = b;
  if (one->start != other->start)
    return one->start < other->start ? -1 : 1;
  if (one->rank != other->rank)
    return one->rank > other->rank ? -1 : 1;
  return strcmp (one->name, other->name);
}

/* Keeps the best name of each start, bounds symbols without size by the next one, and links each symbol to the one
 * around it. */
static void
finish (GArray *symbols)
{
  if (symbols->len == 0)
    return;
  qsort (symbols->data, symbols->len, sizeof (Symbol), compare);
  Symbol *all = (Symbol *) symbols->data;
  guint kept = 0;
  for (guint i = 0; i < symbols->len; i++)
    {
      if (kept > 0 && all[i].start == all[kept - 1].start)
        continue;
      if (kept > 0 && !all[kept - 1].is_sized)
        all[kept - 1].end = MIN (all[kept - 1].end, all[i].start);
      all[kept++] = all[i];
    }
  g_array_set_size (symbols, kept);
  for (guint i = 1; i < kept; i++)
    {
      guint32 around = i;
      while (around && all[around - 1].end <= all[i].start)
        around = all[around - 1].around;
      all[i].around = around;
    }
}

HatSymbolTable *
hat_symbol_table_new (const HatElfFile *image, const HatElfFile *with_table, HatSymbolKind kind)
{
  HatSymbolTable *table = g_new0 (HatSymbolTable, 1);
  table->symbols = g_array_new (FALSE, FALSE, sizeof (Symbol));
  add_sections (table->symbols, image, with_table, kind, NULL);
  finish (table->symbols);
  return table;
}

HatSymbolTable *
hat_symbol_table_new_for (const HatElfFile *image, const HatElfFile *with_table, HatSymbolKind kind, const guint64 *addresses, guint n)
{
  HatSymbolTable *table = g_new0 (HatSymbolTable, 1);
  table->symbols = g_array_new (FALSE, FALSE, sizeof (Symbol));
  g_autofree guint64 *nearest = g_new0 (guint64, n);
  g_autoptr (GArray) starts = g_array_new (FALSE, FALSE, sizeof (guint64));
  Wanted wanted = { .addresses = addresses, .n = n, .nearest = nearest, .starts = starts };
  add_sections (NULL, image, with_table, kind, &wanted);
  wanted_finish (&wanted);
  add_sections (table->symbols, image, with_table, kind, &wanted);
  finish (table->symbols);
  return table;
}

const char *
hat_symbol_table_find (const HatSymbolTable *table, guint64 address)
{
  const Symbol *all = (const Symbol *) table->symbols->data;
  guint low = 0, high = table->symbols->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (all[middle].start <= address)
        low = middle + 1;
      else
        high = middle;
    }
  /* Functions do not nest; the cap is for tables made to be slow. */
  const char *assumed = NULL;
  for (guint32 at = low, hops = 0; at && hops < 64; at = all[at - 1].around, hops++)
    {
      const Symbol *symbol = &all[at - 1];
      if (address >= symbol->end)
        continue;
      if (symbol->is_sized)
        return symbol->name;
      if (!assumed)
        assumed = symbol->name;
    }
  return assumed;
}

void
hat_symbol_table_foreach (const HatSymbolTable *table, HatSymbolFunc func, gpointer data)
{
  for (guint i = 0; i < table->symbols->len; i++)
    {
      const Symbol *symbol = &g_array_index (table->symbols, Symbol, i);
      func (symbol->name, symbol->start, symbol->end, data);
    }
}

void
hat_symbol_table_free (HatSymbolTable *table)
{
  if (!table)
    return;
  g_array_unref (table->symbols);
  g_free (table);
}
