/* SPDX-License-Identifier: Apache-2.0 */
#include "core/symbols/debug-info.h"

#include "core/symbols/function-names.h"

#include <dwarf.h>
#include <string.h>

enum
{
  MAX_DEPTH = 256,           /* of nested DIEs */
  MAX_KEPT_BYTES = 48 << 20, /* of units read, as stored, before the Dwarf is opened anew */
  LINE_BYTES = 96,           /* what libdw keeps for a row of a line table, about */
};

/* A unit to be read. */
typedef struct
{
  Dwarf_Off die; /* offset of its DIE */
  guint64 bytes;
  gboolean has_ranges; /* else it may cover anything */
} Unit;

typedef struct
{
  HatCodeLocations *out;
  HatCodeLocation *locations;
  guint n;
  GArray *touched; /* indices of locations that the current unit covers; twice is possible */
  HatFunctionNames *names;
  GHashTable *files; /* libdw's file name -> ours; per unit */
  guint64 code_start;
  guint32 unit;         /* ordinal of the current one, from 1 */
  Dwarf_Files *sources; /* of the current unit; NULL before the first use */
  size_t n_sources;
  Dwarf_Die root;        /* of the current unit */
  const char *directory; /* where it was compiled; NULL = unknown */
  gboolean is_thorough;
  /* Linear in the size of the file: what damaged references could make of it is cut off. */
  gint64 steps_left;
  const HatProgress *progress;
  double share;
  gboolean is_cancelled;
  GError *error;
} Pass;

/* Index of the first location that is not before the address. */
static guint
lower_bound (const Pass *pass, guint64 address)
{
  guint low = 0, high = pass->n;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (pass->locations[middle].address < address)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static gboolean
may_go_on (Pass *pass)
{
  if (pass->is_cancelled || --pass->steps_left < 0)
    return FALSE;
  if ((pass->steps_left & 0xffff) == 0)
    pass->is_cancelled = !hat_progress_tick (pass->progress, pass->share, "resolving symbols", &pass->error);
  return !pass->is_cancelled;
}

/* ---- frames ---- */

static const char *
shown_file (Pass *pass, const char *name)
{
  if (!name || strcmp (name, "???") == 0) /* libdw's name of file 0, which DWARF before 5 does not have */
    return NULL;
  const char *ours = g_hash_table_lookup (pass->files, name);
  if (ours)
    return ours;
  /* libdw leaves directories relative that are relative to the unit's; and that one may be relative too (reproducible
   * builds). "dir/../file" and "file" are one file in every list. */
  const char *directory = pass->directory ? pass->directory : "";
  gboolean is_joined = name[0] == '/' || (directory[0] && g_str_has_prefix (name, directory));
  g_autofree char *joined = is_joined ? g_strdup (name) : g_build_filename (directory, name, NULL);
  g_autofree char *canonical = g_canonicalize_filename (joined, "/");
  ours = hat_clean_name (pass->out->strings, joined[0] == '/' ? canonical : canonical + 1);
  g_hash_table_insert (pass->files, (gpointer) name, (gpointer) ours);
  return ours;
}

static const char *
directory_of (Dwarf_Die *unit)
{
  Dwarf_Attribute holder;
  return dwarf_attr (unit, DW_AT_comp_dir, &holder) ? dwarf_formstring (&holder) : NULL;
}

static guint32
number_of (Dwarf_Die *die, unsigned attribute)
{
  Dwarf_Attribute holder;
  Dwarf_Word value;
  gboolean is_number = dwarf_attr (die, attribute, &holder) && dwarf_formudata (&holder, &value) == 0;
  return is_number && value <= G_MAXUINT32 ? value : 0;
}

static guint32
add_frame (Pass *pass, Dwarf_Die *die, guint32 caller)
{
  HatInlineFrame frame = { .function = hat_function_names_of (pass->names, die), .caller = caller };
  if (caller)
    {
      frame.call_line = number_of (die, DW_AT_call_line);
      if (!pass->sources && dwarf_getsrcfiles (&pass->root, &pass->sources, &pass->n_sources) != 0)
        pass->n_sources = 0;
      guint32 file = number_of (die, DW_AT_call_file);
      if (file < pass->n_sources)
        frame.call_file = shown_file (pass, dwarf_filesrc (pass->sources, file, NULL, NULL));
    }
  g_array_append_val (pass->out->frames, frame);
  return pass->out->frames->len;
}

/* Gives the function to all locations in its ranges whose innermost frame so far is its caller (so the first of several
 * functions that were folded into one stays). Returns its frame, or 0 if it covers none. */
static guint32
claim (Pass *pass, Dwarf_Die *die, guint32 caller)
{
  guint32 frame = 0;
  Dwarf_Addr base, low, high;
  for (ptrdiff_t at = 0; (at = dwarf_ranges (die, at, &base, &low, &high)) > 0 && may_go_on (pass);)
    {
      if (low < pass->code_start)
        continue;
      for (guint i = lower_bound (pass, low); i < pass->n && pass->locations[i].address < high; i++)
        {
          HatCodeLocation *location = &pass->locations[i];
          pass->steps_left--;
          if (location->innermost != caller)
            continue;
          if (!frame)
            frame = add_frame (pass, die, caller);
          location->innermost = frame;
          location->unit = pass->unit;
          if (!caller)
            g_array_append_val (pass->touched, i);
        }
    }
  return frame;
}

/* ---- the walk through a unit ---- */

static void walk (Pass *pass, Dwarf_Die *parent, guint32 caller, guint depth);

/* The quick walk goes where compilers put nearly all functions: into namespaces, and into functions that cover a
 * location. The thorough one also finds functions inside types and inside other functions. */
static void
visit (Pass *pass, Dwarf_Die *die, guint32 caller, guint depth)
{
  guint32 frame;
  switch (dwarf_tag (die))
    {
    case DW_TAG_subprogram:
      frame = claim (pass, die, 0);
      if (frame || pass->is_thorough)
        walk (pass, die, frame, depth + 1);
      break;
    case DW_TAG_inlined_subroutine:
      frame = caller ? claim (pass, die, caller) : 0;
      if (frame)
        walk (pass, die, frame, depth + 1);
      break;
    case DW_TAG_lexical_block:
    case DW_TAG_namespace:
    case DW_TAG_module:
      walk (pass, die, caller, depth + 1);
      break;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_interface_type:
      if (pass->is_thorough)
        walk (pass, die, 0, depth + 1);
      break;
    default:
      break;
    }
}

static void
walk (Pass *pass, Dwarf_Die *parent, guint32 caller, guint depth)
{
  Dwarf_Die die, next;
  if (depth > MAX_DEPTH || !dwarf_haschildren (parent) || dwarf_child (parent, &die) != 0)
    return;
  for (gboolean more = TRUE; more && may_go_on (pass); die = next)
    {
      visit (pass, &die, caller, depth);
      more = dwarf_siblingof (&die, &next) == 0 && dwarf_dieoffset (&next) > dwarf_dieoffset (&die);
    }
}

/* ---- units ---- */

static void
touch_ranges (Pass *pass, Dwarf_Die *unit)
{
  Dwarf_Addr base, low, high;
  for (ptrdiff_t at = 0; (at = dwarf_ranges (unit, at, &base, &low, &high)) > 0 && may_go_on (pass);)
    for (guint i = lower_bound (pass, MAX (low, pass->code_start)); i < pass->n && pass->locations[i].address < high;
         i++)
      {
        pass->steps_left--;
        g_array_append_val (pass->touched, i);
      }
}

static gboolean
is_without_function (const Pass *pass)
{
  for (guint i = 0; i < pass->touched->len; i++)
    if (!pass->locations[g_array_index (pass->touched, guint, i)].innermost)
      return TRUE;
  return FALSE;
}

/* Returns the bytes that libdw now keeps for its line table. */
static guint64
find_lines (Pass *pass, Dwarf_Die *unit)
{
  Dwarf_Lines *lines;
  size_t n_lines;
  if (pass->touched->len == 0 || dwarf_getsrclines (unit, &lines, &n_lines) != 0)
    return 0;
  for (guint i = 0; i < pass->touched->len && may_go_on (pass); i++)
    {
      HatCodeLocation *location = &pass->locations[g_array_index (pass->touched, guint, i)];
      gboolean is_ours = location->innermost ? location->unit == pass->unit : TRUE;
      Dwarf_Line *line = is_ours && !location->file ? dwarf_getsrc_die (unit, location->address) : NULL;
      int number;
      if (!line || dwarf_lineno (line, &number) != 0)
        continue;
      location->file = shown_file (pass, dwarf_linesrc (line, NULL, NULL));
      location->line = MAX (number, 0);
    }
  return n_lines * LINE_BYTES;
}

static guint64
read_unit (Pass *pass, Dwarf *dwarf, const Unit *unit)
{
  Dwarf_Die die, split;
  guint8 type;
  if (!dwarf_offdie (dwarf, unit->die, &die))
    return 0;
  pass->unit++;
  pass->sources = NULL;
  pass->root = die;
  pass->directory = directory_of (&die);
  /* With split DWARF the functions are in a .dwo file, if it is still there; the lines stay in the skeleton. */
  if (dwarf_cu_info (die.cu, NULL, &type, NULL, &split, NULL, NULL, NULL) == 0 && type == DW_UT_skeleton && split.addr)
    pass->root = split;
  g_array_set_size (pass->touched, 0);
  g_hash_table_remove_all (pass->files);
  touch_ranges (pass, &die);
  pass->is_thorough = FALSE;
  walk (pass, &pass->root, 0, 0);
  if (is_without_function (pass))
    {
      pass->is_thorough = TRUE;
      walk (pass, &pass->root, 0, 0);
    }
  return unit->bytes + find_lines (pass, &die);
}

/* Does the unit cover a location? Units that do not say what they cover come last. */
static gboolean
covers_any (Pass *pass, Dwarf_Die *unit, gboolean *out_has_ranges)
{
  Dwarf_Addr base, low, high;
  *out_has_ranges = FALSE;
  for (ptrdiff_t at = 0; (at = dwarf_ranges (unit, at, &base, &low, &high)) > 0 && may_go_on (pass);)
    {
      *out_has_ranges = TRUE;
      guint i = lower_bound (pass, MAX (low, pass->code_start));
      if (i < pass->n && pass->locations[i].address < high)
        return TRUE;
    }
  return !*out_has_ranges && dwarf_tag (unit) == DW_TAG_compile_unit && dwarf_haschildren (unit);
}

static int
compare_units (gconstpointer a, gconstpointer b)
{
  const Unit *one = a, *other = b;
  if (one->has_ranges != other->has_ranges)
    return one->has_ranges ? -1 : 1;
  return one->die < other->die ? -1 : one->die > other->die;
}

static GArray *
choose_units (Pass *pass, Dwarf *dwarf)
{
  GArray *units = g_array_new (FALSE, FALSE, sizeof (Unit));
  Dwarf_CU *cu = NULL;
  Dwarf_Die die;
  guint8 type;
  while (may_go_on (pass) && dwarf_get_units (dwarf, cu, &cu, NULL, &type, &die, NULL) == 0)
    {
      Unit unit = { .die = dwarf_dieoffset (&die) };
      if (type == DW_UT_type || type == DW_UT_split_type || type == DW_UT_partial
          || !covers_any (pass, &die, &unit.has_ranges))
        continue;
      Dwarf_Off next;
      size_t header;
      if (dwarf_nextcu (dwarf, unit.die - dwarf_cuoffset (&die), &next, &header, NULL, NULL, NULL) == 0
          && next > unit.die)
        unit.bytes = next - unit.die;
      g_array_append_val (units, unit);
    }
  g_array_sort (units, compare_units);
  return units;
}

static Dwarf *
open_dwarf (HatElfFile *file, Dwarf *shared)
{
  Dwarf *dwarf = dwarf_begin_elf (file->elf, DWARF_C_READ, NULL);
  if (dwarf && shared)
    dwarf_setalt (dwarf, shared);
  return dwarf;
}

static void
run (Pass *pass, HatElfFile *file, HatElfFile *shared_file)
{
  Dwarf *shared = shared_file ? dwarf_begin_elf (shared_file->elf, DWARF_C_READ, NULL) : NULL;
  Dwarf *dwarf = open_dwarf (file, shared);
  g_autoptr (GArray) units = dwarf ? choose_units (pass, dwarf) : NULL;
  guint64 kept = 0;
  for (guint i = 0; units && dwarf && i < units->len && !pass->is_cancelled; i++)
    {
      pass->share = (double) i / units->len;
      pass->is_cancelled = !hat_progress_tick (pass->progress, pass->share, "resolving symbols", &pass->error);
      if (pass->is_cancelled)
        break;
      kept += read_unit (pass, dwarf, &g_array_index (units, Unit, i));
      if (kept > MAX_KEPT_BYTES)
        {
          hat_function_names_forget (pass->names);
          dwarf_end (dwarf);
          dwarf = open_dwarf (file, shared);
          kept = 0;
        }
    }
  hat_function_names_forget (pass->names);
  if (dwarf)
    dwarf_end (dwarf);
  if (shared)
    dwarf_end (shared);
}

gboolean
hat_debug_info_find (HatElfFile *file, HatElfFile *shared, HatCodeLocations *out, const HatProgress *progress,
                     GError **error)
{
  gint64 bytes = file->size + (shared ? shared->size : 0);
  Pass pass = {
    .out = out,
    .locations = (HatCodeLocation *) out->locations->data,
    .n = out->locations->len,
    .touched = g_array_new (FALSE, FALSE, sizeof (guint)),
    .names = hat_function_names_new (out->strings),
    .files = g_hash_table_new (NULL, NULL),
    .code_start = hat_elf_file_code_start (file),
    /* A DIE or a range takes two bytes and more; compression makes them a tenth; we read at most twice. */
    .steps_left = bytes * 16 + (gint64) out->locations->len * 256 + 100000,
    .progress = progress,
  };
  run (&pass, file, shared);
  g_array_unref (pass.touched);
  g_hash_table_unref (pass.files);
  hat_function_names_free (pass.names);
  if (pass.is_cancelled)
    g_propagate_error (error, pass.error);
  return !pass.is_cancelled;
}
