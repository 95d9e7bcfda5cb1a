/* SPDX-License-Identifier: Apache-2.0 */
/* Variables and where they are: a small machine for DWARF expressions. */

#include "core/types/variables.h"

#include <string.h>

#include "core/types/code.h"

enum
{
  MAX_SCOPES = 64,
  MAX_STACK = 32,
  MAX_NESTING = 3,      /* of frame bases and entry values */
  MAX_VARIABLES = 4096, /* of a frame */
  MAX_DEPTH = 64,       /* of scopes of globals */
  MAX_STEPS = 1 << 20,  /* in one function: damage may lead in circles */
};

typedef struct
{
  HatTypes *types;
  HatTypeSource *source;
  const HatFrameState *frame, *caller;
  HatReadWord read;
  gpointer data;
  Dwarf_Die function; /* for its frame base */
  guint64 address;    /* where we are, as in the module's headers */
  guint nesting;
  guint steps_left;
} Machine;

static HatTypeSource *
source_numbered (HatTypes *types, guint32 index)
{
  const HatTypeModule *module = g_hash_table_lookup (types->modules, GUINT_TO_POINTER (index));
  return module ? module->source : NULL;
}

/* ---- scopes ---- */

/* Lexical blocks, inlined functions, and last the function itself. */
typedef struct
{
  guint n;
  Dwarf_Die dies[MAX_SCOPES];      /* innermost first */
  const char *functions[MAX_SCOPES]; /* that each is, or is in */
} Scopes;

static gboolean
is_function (Dwarf_Die *die)
{
  return dwarf_tag (die) != DW_TAG_lexical_block;
}

static void
descend (Dwarf_Die *parent, guint64 address, GArray *path)
{
  Dwarf_Die die;
  if (path->len >= MAX_SCOPES || dwarf_child (parent, &die) != 0)
    return;
  do
    {
      const int tag = dwarf_tag (&die);
      if ((tag != DW_TAG_lexical_block && tag != DW_TAG_inlined_subroutine) || !hat_die_covers (&die, address))
        continue;
      g_array_append_val (path, die);
      descend (&die, address, path);
      return;
    }
  while (hat_die_next (&die));
}

static gboolean
find_scopes (HatTypes *types, HatTypeSource *source, guint64 address, Scopes *out)
{
  g_autoptr (HatCode) code = hat_code_at (types, source, address, 0);
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (Dwarf_Die));
  out->n = 0;
  if (!code || code->n_calls == 0)
    return FALSE;
  g_array_append_val (path, code->calls[code->n_calls - 1].die);
  descend (&code->calls[code->n_calls - 1].die, address, path);
  guint call = 0;
  for (guint i = path->len; i > 0; i--, out->n++)
    {
      Dwarf_Die *die = &g_array_index (path, Dwarf_Die, i - 1);
      out->dies[out->n] = *die;
      out->functions[out->n] = call < code->n_calls ? code->calls[call].name : NULL;
      call += is_function (die);
    }
  return TRUE;
}

/* ---- expressions ---- */

typedef enum
{
  IN_MEMORY, /* the number is an address */
  IN_REGISTER,
  IS_VALUE,
} Result;

static gboolean evaluate (Machine *machine, Dwarf_Attribute *of, const Dwarf_Op *ops, size_t n, Result *out_result, guint64 *out_value);

static gboolean
get_register (const Machine *machine, guint64 number, guint64 *out)
{
  if (number > 16 || !(machine->frame->known >> number & 1))
    return FALSE;
  *out = machine->frame->registers[number];
  return TRUE;
}

static gboolean
is_in_register (const Dwarf_Op *op, guint64 *out_number)
{
  *out_number = op->atom == DW_OP_regx ? op->number : (guint64) op->atom - DW_OP_reg0;
  return op->atom == DW_OP_regx || (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31);
}

static gboolean
location_at (Dwarf_Die *die, unsigned name, guint64 address, Dwarf_Attribute *holder, Dwarf_Op **out_ops, size_t *out_n)
{
  return dwarf_attr (die, name, holder) && dwarf_getlocation_addr (holder, address, out_ops, out_n, 1) == 1 && *out_n > 0;
}

static gboolean
frame_base (Machine *machine, guint64 *out)
{
  Dwarf_Attribute holder;
  Dwarf_Op *ops;
  size_t n;
  Result result;
  if (machine->nesting >= MAX_NESTING || !location_at (&machine->function, DW_AT_frame_base, machine->address, &holder, &ops, &n))
    return FALSE;
  machine->nesting++;
  const gboolean is_known = evaluate (machine, &holder, ops, n, &result, out);
  machine->nesting--;
  return is_known && (result != IN_REGISTER || get_register (machine, *out, out));
}

/* What the caller's call says of it. */
static gboolean
value_at_call (Machine *machine, Dwarf_Die *call, guint64 number, guint64 *out)
{
  Dwarf_Die die;
  if (dwarf_child (call, &die) != 0)
    return FALSE;
  do
    {
      Dwarf_Attribute holder;
      Dwarf_Op *ops;
      size_t n;
      guint64 its;
      Result result;
      const gboolean is_parameter = dwarf_tag (&die) == DW_TAG_call_site_parameter || dwarf_tag (&die) == DW_TAG_GNU_call_site_parameter;
      if (!is_parameter || !dwarf_attr (&die, DW_AT_location, &holder) || dwarf_getlocation (&holder, &ops, &n) != 0 || n != 1
          || !is_in_register (&ops[0], &its) || its != number)
        continue;
      return (dwarf_attr (&die, DW_AT_call_value, &holder) || dwarf_attr (&die, DW_AT_GNU_call_site_value, &holder))
             && dwarf_getlocation (&holder, &ops, &n) == 0 && evaluate (machine, &holder, ops, n, &result, out) && result != IN_REGISTER;
    }
  while (hat_die_next (&die));
  return FALSE;
}

static gboolean
find_call (Machine *machine, Dwarf_Die *scope, guint64 return_address, guint64 number, guint depth, guint64 *out)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (scope, &die) != 0)
    return FALSE;
  do
    {
      const int tag = dwarf_tag (&die);
      Dwarf_Attribute holder;
      Dwarf_Addr pc = 0;
      if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site)
        {
          if ((dwarf_attr (&die, DW_AT_call_return_pc, &holder) && dwarf_formaddr (&holder, &pc) == 0 && pc == return_address)
              || (dwarf_lowpc (&die, &pc) == 0 && pc == return_address))
            return value_at_call (machine, &die, number, out);
        }
      else if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) && dwarf_haschildren (&die)
               && find_call (machine, &die, return_address, number, depth + 1, out))
        return TRUE;
    }
  while (machine->steps_left > 0 && machine->steps_left-- && hat_die_next (&die));
  return FALSE;
}

/* What a register held when the function was entered. */
static gboolean
entry_value (Machine *machine, Dwarf_Attribute *of, const Dwarf_Op *op, guint64 *out)
{
  Dwarf_Attribute holder;
  Dwarf_Op *inner;
  size_t n;
  guint64 number;
  const HatFrameState *caller = machine->caller;
  HatTypeSource *source = caller ? source_numbered (machine->types, caller->module) : NULL;
  if (!source || machine->nesting >= MAX_NESTING || dwarf_getlocation_attr (of, op, &holder) != 0
      || dwarf_getlocation (&holder, &inner, &n) != 0 || n != 1 || !is_in_register (&inner[0], &number))
    return FALSE;
  Scopes scopes;
  const guint64 address = caller->pc - caller->bias;
  if (!find_scopes (machine->types, source, address - 1, &scopes))
    return FALSE;
  Machine outer = *machine;
  outer.source = source;
  outer.frame = caller;
  outer.caller = NULL;
  outer.function = scopes.dies[scopes.n - 1];
  outer.address = address - 1;
  outer.nesting++;
  return find_call (&outer, &outer.function, address, number, 0, out);
}

static gboolean
evaluate (Machine *machine, Dwarf_Attribute *of, const Dwarf_Op *ops, size_t n, Result *out_result, guint64 *out_value)
{
  guint64 stack[MAX_STACK], word;
  guint depth = 0;
  *out_result = IN_MEMORY;
#define PUSH(value)                 \
  do                                \
    {                               \
      if (depth == MAX_STACK)       \
        return FALSE;               \
      stack[depth++] = (value);     \
    }                               \
  while (0)
#define NEED(count)       \
  if (depth < (count))    \
    return FALSE
  for (size_t i = 0; i < n; i++)
    {
      const Dwarf_Op *op = &ops[i];
      if (is_in_register (op, &word))
        {
          *out_result = IN_REGISTER;
          *out_value = word;
          return n == 1;
        }
      if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
        {
          PUSH (op->atom - DW_OP_lit0);
          continue;
        }
      if ((op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) || op->atom == DW_OP_bregx)
        {
          const gboolean is_wide = op->atom == DW_OP_bregx;
          if (!get_register (machine, is_wide ? op->number : (guint64) (op->atom - DW_OP_breg0), &word))
            return FALSE;
          PUSH (word + (is_wide ? op->number2 : op->number));
          continue;
        }
      switch (op->atom)
        {
        case DW_OP_addr:
        case DW_OP_addrx:
        case DW_OP_GNU_addr_index:
          if (op->atom != DW_OP_addr)
            {
              Dwarf_Attribute holder;
              Dwarf_Addr at;
              if (dwarf_getlocation_attr (of, op, &holder) != 0 || dwarf_formaddr (&holder, &at) != 0)
                return FALSE;
              PUSH (at + machine->frame->bias);
            }
          else
            PUSH (op->number + machine->frame->bias);
          break;
        case DW_OP_const1u:
        case DW_OP_const1s:
        case DW_OP_const2u:
        case DW_OP_const2s:
        case DW_OP_const4u:
        case DW_OP_const4s:
        case DW_OP_const8u:
        case DW_OP_const8s:
        case DW_OP_constu:
        case DW_OP_consts:
          PUSH (op->number);
          break;
        case DW_OP_fbreg:
          if (!frame_base (machine, &word))
            return FALSE;
          PUSH (word + op->number);
          break;
        case DW_OP_call_frame_cfa:
          PUSH (machine->frame->cfa);
          break;
        case DW_OP_entry_value:
        case DW_OP_GNU_entry_value:
          if (!entry_value (machine, of, op, &word))
            return FALSE;
          PUSH (word);
          break;
        case DW_OP_deref:
          NEED (1);
          if (!machine->read (machine->data, stack[depth - 1], &stack[depth - 1]))
            return FALSE;
          break;
        case DW_OP_plus_uconst:
          NEED (1);
          stack[depth - 1] += op->number;
          break;
        case DW_OP_dup:
          NEED (1);
          word = stack[depth - 1];
          PUSH (word);
          break;
        case DW_OP_drop:
          NEED (1);
          depth--;
          break;
        case DW_OP_neg:
          NEED (1);
          stack[depth - 1] = -stack[depth - 1];
          break;
        case DW_OP_not:
          NEED (1);
          stack[depth - 1] = ~stack[depth - 1];
          break;
        case DW_OP_plus:
        case DW_OP_minus:
        case DW_OP_mul:
        case DW_OP_and:
        case DW_OP_or:
        case DW_OP_xor:
        case DW_OP_shl:
        case DW_OP_shr:
          {
            NEED (2);
            const guint64 right = stack[--depth], left = stack[depth - 1];
            stack[depth - 1] = op->atom == DW_OP_plus    ? left + right
                               : op->atom == DW_OP_minus ? left - right
                               : op->atom == DW_OP_mul   ? left * right
                               : op->atom == DW_OP_and   ? left & right
                               : op->atom == DW_OP_or    ? left | right
                               : op->atom == DW_OP_xor   ? left ^ right
                               : right > 63              ? 0
                               : op->atom == DW_OP_shl   ? left << right
                                                         : left >> right;
            break;
          }
        case DW_OP_stack_value:
          NEED (1);
          *out_result = IS_VALUE;
          *out_value = stack[depth - 1];
          return i + 1 == n;
        case DW_OP_nop:
          break;
        default:
          return FALSE;
        }
    }
#undef PUSH
#undef NEED
  if (depth == 0)
    return FALSE;
  *out_value = stack[depth - 1];
  return TRUE;
}

/* ---- variables of frames ---- */

static gboolean
add_place (Machine *machine, Dwarf_Attribute *of, const Dwarf_Op *ops, size_t n, guint32 offset, guint32 size, HatTypedVariable *variable)
{
  Result result;
  guint64 value;
  if (n == 0 || variable->n_places == G_N_ELEMENTS (variable->places) || !evaluate (machine, of, ops, n, &result, &value))
    return FALSE;
  HatPlace *place = &variable->places[variable->n_places++];
  *place = (HatPlace){ .offset = offset, .size = size, .address = value, .value = value };
  place->kind = result == IN_MEMORY ? HAT_PLACE_MEMORY : result == IN_REGISTER ? HAT_PLACE_REGISTER : HAT_PLACE_VALUE;
  if (result == IN_REGISTER)
    return get_register (machine, value, &place->value) || (variable->n_places--, FALSE);
  return TRUE;
}

static void
find_places (Machine *machine, Dwarf_Attribute *of, const Dwarf_Op *ops, size_t n, guint64 size, HatTypedVariable *variable)
{
  guint32 offset = 0;
  gboolean has_pieces = FALSE;
  size_t start = 0;
  for (size_t i = 0; i < n; i++)
    if (ops[i].atom == DW_OP_piece)
      {
        add_place (machine, of, ops + start, i - start, offset, MIN (ops[i].number, 8), variable);
        offset += MIN (ops[i].number, G_MAXINT32 - offset);
        start = i + 1;
        has_pieces = TRUE;
      }
  if (!has_pieces)
    add_place (machine, of, ops, n, 0, MIN (size, G_MAXINT32), variable);
}

static void
add_variable (Machine *machine, Dwarf_Die *die, const char *function, GArray *variables)
{
  Dwarf_Attribute location;
  Dwarf_Op *ops;
  size_t n;
  HatTypedVariable variable = { .name = dwarf_diename (die), .function = function };
  if (!variable.name || !location_at (die, DW_AT_location, machine->address, &location, &ops, &n)
      || (variable.type = hat_code_type (machine->types, machine->source, die)) == HAT_TYPE_VOID)
    return;
  find_places (machine, &location, ops, n, hat_types_get (machine->types, hat_types_definition (machine->types, variable.type))->size, &variable);
  if (variable.n_places > 0 && variables->len < MAX_VARIABLES)
    g_array_append_val (variables, variable);
}

void
hat_types_variables_at (HatTypes *types, const HatFrameState *frame, const HatFrameState *caller, HatReadWord read, gpointer data, GArray *variables)
{
  HatTypeSource *source = source_numbered (types, frame->module);
  Machine machine = { .types = types, .source = source, .frame = frame, .caller = caller, .read = read, .data = data, .steps_left = MAX_STEPS };
  Scopes scopes;
  Dwarf_Die die;
  if (!source)
    return;
  machine.address = frame->pc - frame->bias - (frame->is_exact ? 0 : 1);
  if (!find_scopes (types, source, machine.address, &scopes))
    return;
  machine.function = scopes.dies[scopes.n - 1];
  for (guint i = 0; i < scopes.n; i++)
    if (dwarf_child (&scopes.dies[i], &die) == 0)
      do
        if (dwarf_tag (&die) == DW_TAG_variable || dwarf_tag (&die) == DW_TAG_formal_parameter)
          add_variable (&machine, &die, scopes.functions[i], variables);
      while (hat_die_next (&die));
}

/* ---- global variables ---- */

static int
compare_globals (gconstpointer a, gconstpointer b)
{
  const HatGlobal *x = a, *y = b;
  return x->address < y->address ? -1 : x->address > y->address;
}

static void
add_global (HatTypes *types, HatTypeSource *source, Dwarf_Die *die)
{
  Dwarf_Attribute holder;
  Dwarf_Die type, contained;
  Dwarf_Op *ops;
  size_t n;
  if (!dwarf_attr (die, DW_AT_location, &holder) || dwarf_getlocation (&holder, &ops, &n) != 0 || n != 1 || ops[0].atom != DW_OP_addr
      || !dwarf_attr_integrate (die, DW_AT_type, &holder) || !dwarf_formref_die (&holder, &type))
    return;
  HatGlobal global = { .address = ops[0].number, .name = dwarf_diename (die) };
  if (!global.name)
    return;
  const gboolean is_vtable = g_str_has_suffix (global.name, "{vtable}");
  if (is_vtable)
    {
      if (!dwarf_attr (&type, DW_AT_containing_type, &holder) || !dwarf_formref_die (&holder, &contained))
        return;
      global.name = "{vtable}";
      type = contained;
    }
  global.type = hat_types_of_die (types, source, &type);
  if (global.type)
    g_array_append_val (source->globals, global);
}

static void
walk_globals (HatTypes *types, HatTypeSource *source, Dwarf_Die *parent, guint depth, gint64 *steps_left)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    switch (dwarf_tag (&die))
      {
      case DW_TAG_variable:
        add_global (types, source, &die);
        break;
      case DW_TAG_namespace:
      case DW_TAG_module:
      case DW_TAG_subprogram:
      case DW_TAG_lexical_block:
        if (dwarf_haschildren (&die))
          walk_globals (types, source, &die, depth + 1, steps_left);
        break;
      }
  while (--*steps_left > 0 && hat_die_next (&die));
}

static void
read_globals (HatTypes *types, HatTypeSource *source, Dwarf_Die *root)
{
  gint64 steps_left = (gint64) hat_module_files_dwarf (&source->files)->size * 16 + MAX_STEPS;
  hat_types_unit (types, source, root);
  walk_globals (types, source, root, 0, &steps_left);
}

static gboolean
next_whole_unit (const HatTypeSource *source, Dwarf_CU **cu, Dwarf_Die *out_root)
{
  uint8_t type;
  while (dwarf_get_units (source->dwarf, *cu, cu, NULL, &type, out_root, NULL) == 0)
    if (type != DW_UT_type && type != DW_UT_partial)
      return TRUE;
  return FALSE;
}

const HatGlobal *
hat_types_globals (HatTypes *types, guint32 module, guint *out_n)
{
  HatTypeSource *source = source_numbered (types, module);
  *out_n = 0;
  if (!source)
    return NULL;
  if (!source->has_all_globals)
    {
      Dwarf_CU *cu = NULL;
      Dwarf_Die root;
      source->has_all_globals = TRUE;
      g_array_set_size (source->globals, 0);
      while (next_whole_unit (source, &cu, &root))
        read_globals (types, source, &root);
      g_array_sort (source->globals, compare_globals);
    }
  *out_n = source->globals->len;
  return (const HatGlobal *) (gpointer) source->globals->data;
}

/* A unit in which something may lie at an address. */
typedef struct
{
  guint64 address;
  Dwarf_Off unit;
} Placed;

static int
compare_placed (gconstpointer a, gconstpointer b)
{
  const Placed *x = a, *y = b;
  return x->address != y->address ? (x->address < y->address ? -1 : 1) : x->unit < y->unit ? -1 : x->unit > y->unit;
}

/* A location that is nothing but an address is nine bytes long and begins with DW_OP_addr. Found without looking at what the bytes belong to. */
static GArray *
find_placed (HatTypeSource *source, guint64 low, guint64 high)
{
  GArray *placed = g_array_new (FALSE, FALSE, sizeof (Placed));
  Dwarf_CU *cu = NULL;
  Dwarf_Die root;
  while (next_whole_unit (source, &cu, &root))
    {
      const guint8 *bytes = root.addr;
      const gsize n = hat_unit_bytes (&root);
      Placed one = { .unit = dwarf_dieoffset (&root) };
      for (gsize i = 0; i + 10 <= n; i++)
        {
          if (bytes[i] != 9 || bytes[i + 1] != DW_OP_addr)
            continue;
          memcpy (&one.address, bytes + i + 2, 8);
          if (one.address >= low && one.address <= high)
            g_array_append_val (placed, one);
        }
    }
  g_array_sort (placed, compare_placed);
  return placed;
}

const HatGlobal *
hat_types_globals_at (HatTypes *types, guint32 module, const guint64 *addresses, guint n, guint *out_n)
{
  HatTypeSource *source = source_numbered (types, module);
  /* Where addresses stand in a table of their own, and units refer to it by number, all units are read. */
  if (!source || n == 0 || source->has_all_globals || hat_elf_file_section (hat_module_files_dwarf (&source->files), ".debug_addr"))
    return hat_types_globals (types, module, out_n);
  g_autoptr (GArray) placed = find_placed (source, 0, addresses[n - 1]);
  g_autoptr (GHashTable) units = g_hash_table_new (NULL, NULL);
  const Placed *all = (const Placed *) (gpointer) placed->data;
  g_array_set_size (source->globals, 0);
  for (guint i = 0, at = 0; i < n; i++)
    {
      while (at + 1 < placed->len && all[at + 1].address <= addresses[i])
        at++;
      /* Several units may speak of the last one that begins there. */
      for (guint k = at; placed->len > 0 && all[k].address <= addresses[i] && all[k].address == all[at].address; k--)
        {
          Dwarf_Die root;
          if (g_hash_table_add (units, (gpointer) all[k].unit) && dwarf_offdie (source->dwarf, all[k].unit, &root))
            read_globals (types, source, &root);
          if (k == 0)
            break;
        }
    }
  g_array_sort (source->globals, compare_globals);
  *out_n = source->globals->len;
  return (const HatGlobal *) (gpointer) source->globals->data;
}

const HatGlobal *
hat_types_global_at (HatTypes *types, guint32 module, guint64 address)
{
  guint n, low = 0;
  const HatGlobal *globals = hat_types_globals (types, module, &n);
  guint high = n;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (globals[middle].address <= address)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == 0)
    return NULL;
  const HatGlobal *global = &globals[low - 1];
  if (address == global->address)
    return global;
  const guint64 size = hat_types_get (types, hat_types_definition (types, global->type))->size;
  return strcmp (global->name, "{vtable}") != 0 && address - global->address < size ? global : NULL;
}
