/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pointer goes that a call has returned: through the instructions behind the call, until something of known type takes it. */

#include "core/types/instruction.h"
#include "core/types/sites.h"

#include <dwarf.h>
#include <gelf.h>
#include <string.h>

enum
{
  RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP,
  N_REGISTERS = 16,
  MAX_SLOTS = 48,
  MAX_STEPS = 600,     /* instructions behind a call, on all paths */
  MAX_PATHS = 12,
  MAX_AFTER = 24,      /* of these behind the first that tells a type */
  MAX_FUNCTION = 1 << 17, /* bytes before the call that are read for its arguments */
  MAX_TAKERS = 16,
  MAX_DEPTH = 64,
};

/* What a call may change. */
#define SCRATCH (1u << RAX | 1u << RDX | 1u << RCX | 1u << RSI | 1u << RDI | 0xfu << 8)

typedef enum
{
  IS_UNKNOWN,
  IS_BLOCK,
  IS_INSIDE,  /* of the block, but not its start */
  IS_POINTER, /* to a `type` */
  IS_NUMBER,  /* factor * the unknown number `symbol`; symbol 0: factor itself */
} ValueKind;

typedef struct
{
  ValueKind kind;
  HatTypeId type;
  guint32 symbol;
  gint64 factor;
} Value;

typedef struct
{
  gint64 at; /* from the frame's canonical address */
  Value value;
} Slot;

typedef struct
{
  guint64 address;
  Value registers[N_REGISTERS];
  Slot slots[MAX_SLOTS];
  guint n_slots;
  gboolean has_rbp, has_rsp; /* below: the canonical address is that far above them */
  gint64 rbp, rsp;
  gboolean tested_block;     /* by the instruction before */
} State;

/* A variable or parameter that holds a pointer. */
typedef struct
{
  guint64 low, high;
  Dwarf_Die scope; /* if it has a place in the frame for all of it */
  gboolean is_slot;
  gint64 place;    /* slot or register */
  HatTypeId pointee;
  gboolean is_parameter; /* of a function that is inlined */
  gboolean is_this;      /* of a constructor that is */
  gboolean is_of_maker;  /* its function returns a pointer to something else than bytes */
  guint depth;
  const char *name, *function;
} Variable;

typedef enum
{
  BY_THIS,
  BY_VARIABLE,
  BY_PARAMETER,
  BY_FIELD,
  BY_GLOBAL,
  BY_RESULT,
} Way;

typedef struct
{
  HatTypeId pointee;
  Way way;
  guint depth;      /* BY_THIS */
  const char *name, *function; /* of the variable or field, and where */
} Taker;

typedef struct
{
  HatTypes *types;
  HatTypeSource *source;
  Dwarf_Die function;
  HatLanguage language;
  GArray *variables; /* Variable */
  gint64 frame_shift; /* of DW_AT_frame_base */
  guint32 n_symbols;
  Taker takers[MAX_TAKERS];
  guint n_takers;
  gboolean is_returned; /* as void * or as char *, which says as little */
  gboolean has_told;    /* what it is, and not only that it is bytes */
  gboolean is_divided;  /* something else than bytes begins inside: bytes are not what it is */
  guint steps_left;
  Value arguments[2];
} Follow;

/* ---- variables ---- */

static HatTypeId
pointee_of (HatTypes *types, HatTypeId type, gboolean *out_is_pointer)
{
  const HatType *its = hat_types_get (types, hat_types_definition (types, type));
  *out_is_pointer = its->kind == HAT_TYPE_POINTER && its->size == 8;
  if (!*out_is_pointer)
    return HAT_TYPE_VOID;
  const HatTypeId target = hat_types_definition (types, its->target);
  return hat_types_get (types, target)->kind == HAT_TYPE_FUNCTION ? HAT_TYPE_VOID : target;
}

/* The class that the function constructs. */
static gboolean
is_constructor (HatTypes *types, HatTypeSource *source, Dwarf_Die *function)
{
  Dwarf_Die scope;
  if (!hat_function_names_scope (hat_type_code_names (types, source), function, &scope))
    return FALSE;
  const int tag = dwarf_tag (&scope);
  const char *class_name = dwarf_diename (&scope), *name = dwarf_diename (function);
  if ((tag != DW_TAG_class_type && tag != DW_TAG_structure_type) || !class_name || !name)
    return FALSE;
  /* A constructor template is called Class<arguments of its own>, a class template's Class. */
  const gsize length = strcspn (class_name, "<");
  return strncmp (name, class_name, length) == 0 && (name[length] == 0 || name[length] == '<');
}

static gboolean
is_bytes (HatTypes *types, HatTypeId type)
{
  return hat_types_get (types, type)->size <= 1;
}

static void
add_variable (Follow *follow, Dwarf_Die *die, Dwarf_Die *scope, Dwarf_Die *inlined, guint depth)
{
  Dwarf_Attribute location;
  gboolean is_pointer;
  if (!dwarf_attr (die, DW_AT_location, &location))
    return;
  const HatTypeId pointee = pointee_of (follow->types, hat_code_type (follow->types, follow->source, die), &is_pointer);
  if (!is_pointer)
    return;
  const char *name = dwarf_diename (die), *function = dwarf_diename (inlined ? inlined : &follow->function);
  Variable variable = { .scope = *scope, .pointee = pointee, .name = name ? name : "?", .depth = depth, .function = function };
  variable.is_parameter = dwarf_tag (die) == DW_TAG_formal_parameter && inlined;
  variable.is_this = variable.is_parameter && strcmp (variable.name, "this") == 0 && is_constructor (follow->types, follow->source, inlined);
  if (is_bytes (follow->types, pointee))
    {
      const HatTypeId result = pointee_of (follow->types, hat_code_type (follow->types, follow->source, inlined ? inlined : &follow->function), &is_pointer);
      variable.is_of_maker = is_pointer && !is_bytes (follow->types, result);
    }
  Dwarf_Addr base, low, high;
  Dwarf_Op *ops;
  size_t n;
  guint ranges = 0;
  for (ptrdiff_t at = 0; (at = dwarf_getlocations (&location, at, &base, &low, &high, &ops, &n)) > 0 && ranges < 1024; ranges++)
    {
      /* In a register, also as the value of it: what is computed from another one is not the pointer itself. */
      const gboolean is_value = n == 2 && ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg15 && ops[0].number == 0 && ops[1].atom == DW_OP_stack_value;
      if (n != 1 && !is_value)
        continue;
      variable.low = low;
      variable.high = high;
      variable.is_slot = ops[0].atom == DW_OP_fbreg;
      if (variable.is_slot)
        variable.place = (gint64) ops[0].number;
      else if (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg15)
        variable.place = ops[0].atom - DW_OP_reg0;
      else if (is_value)
        variable.place = ops[0].atom - DW_OP_breg0;
      else
        continue;
      g_array_append_val (follow->variables, variable);
    }
}

static void
collect_variables (Follow *follow, Dwarf_Die *parent, Dwarf_Die *scope, Dwarf_Die *inlined, guint depth)
{
  Dwarf_Die die;
  if (depth > MAX_DEPTH || dwarf_child (parent, &die) != 0)
    return;
  do
    switch (dwarf_tag (&die))
      {
      case DW_TAG_variable:
      case DW_TAG_formal_parameter:
        add_variable (follow, &die, scope, inlined, depth);
        break;
      case DW_TAG_lexical_block:
        collect_variables (follow, &die, &die, inlined, depth + 1);
        break;
      case DW_TAG_inlined_subroutine:
        collect_variables (follow, &die, &die, &die, depth + 1);
        break;
      }
  while (hat_die_next (&die));
}

static const Variable *
variable_in_slot (const Follow *follow, gint64 slot, guint64 address)
{
  const Variable *found = NULL;
  for (guint i = 0; i < follow->variables->len; i++)
    {
      Variable *variable = &g_array_index (follow->variables, Variable, i);
      if (!variable->is_slot || variable->place + follow->frame_shift != slot || address < variable->low || address >= variable->high)
        continue;
      const gboolean is_everywhere = variable->low == 0;
      if ((!is_everywhere || hat_die_covers (&variable->scope, address)) && (!found || variable->depth >= found->depth))
        found = variable;
    }
  return found;
}

/* What the variables say that the register holds there, if all say the same. */
static Value
register_by_variable (const Follow *follow, guint reg, guint64 address)
{
  Value value = { IS_UNKNOWN };
  for (guint i = 0; i < follow->variables->len; i++)
    {
      const Variable *variable = &g_array_index (follow->variables, Variable, i);
      if (variable->is_slot || variable->place != reg || address < variable->low || address >= variable->high || variable->pointee == HAT_TYPE_VOID)
        continue;
      if (value.kind == IS_POINTER && value.type != variable->pointee)
        return (Value){ IS_UNKNOWN };
      value = (Value){ .kind = IS_POINTER, .type = variable->pointee };
    }
  return value;
}

/* ---- what takes the pointer ---- */

static void
add_taker (Follow *follow, ValueKind value, HatTypeId pointee, Way way, guint depth, const char *name, const char *function)
{
  if (value == IS_INSIDE && way != BY_PARAMETER && !is_bytes (follow->types, pointee))
    follow->is_divided = TRUE;
  if (value != IS_BLOCK || pointee == HAT_TYPE_VOID || follow->n_takers == MAX_TAKERS)
    return;
  for (guint i = 0; i < follow->n_takers; i++)
    if (follow->takers[i].pointee == pointee && follow->takers[i].way == way)
      return;
  follow->has_told |= !is_bytes (follow->types, pointee);
  follow->takers[follow->n_takers++] = (Taker){ pointee, way, depth, name ? name : "?", function };
}

static void
take_in_registers (Follow *follow, const State *state, guint64 since)
{
  for (guint i = 0; i < follow->variables->len; i++)
    {
      const Variable *variable = &g_array_index (follow->variables, Variable, i);
      const gboolean is_older = variable->low < since && variable->high > since; /* it held something else while the call was made */
      if (variable->is_slot || is_older || state->address < variable->low || state->address >= variable->high
          || (state->registers[variable->place].kind != IS_BLOCK && state->registers[variable->place].kind != IS_INSIDE))
        continue;
      if (variable->is_of_maker)
        continue;
      add_taker (follow, state->registers[variable->place].kind, variable->pointee,
                 variable->is_this ? BY_THIS : variable->is_parameter ? BY_PARAMETER : BY_VARIABLE, variable->depth, variable->name, variable->function);
    }
}

/* The field at exactly that offset, of the innermost struct. */
static const HatField *
field_of (HatTypes *types, HatTypeId type, gint64 offset)
{
  const HatField *field = NULL;
  for (guint depth = 0; depth < 16 && offset >= 0; depth++)
    {
      const HatField *inner = hat_types_field_at (types, type, (guint64) offset);
      if (!inner)
        return field;
      field = inner;
      offset -= (gint64) inner->offset;
      type = inner->type;
      if (hat_types_get (types, hat_types_definition (types, type))->kind == HAT_TYPE_UNION)
        return NULL;
    }
  return offset == 0 ? field : NULL;
}

/* ---- interpreting ---- */

static Value
number_of (Follow *follow, Value *value)
{
  if (value->kind == IS_UNKNOWN)
    *value = (Value){ .kind = IS_NUMBER, .symbol = ++follow->n_symbols, .factor = 1 };
  return *value;
}

static Value
add_numbers (Value a, Value b, gint64 sign)
{
  if (a.kind != IS_NUMBER || b.kind != IS_NUMBER || a.symbol != b.symbol)
    return (Value){ IS_UNKNOWN };
  a.factor += sign * b.factor;
  return a;
}

static gboolean
slot_of (const State *state, const HatInstruction *at, gint64 *out_slot)
{
  if (at->index != HAT_NO_REGISTER)
    return FALSE;
  if (at->base == RBP && state->has_rbp)
    *out_slot = at->displacement - state->rbp;
  else if (at->base == RSP && state->has_rsp)
    *out_slot = at->displacement - state->rsp;
  else
    return FALSE;
  return TRUE;
}

static Slot *
find_slot (State *state, gint64 at)
{
  for (guint i = 0; i < state->n_slots; i++)
    if (state->slots[i].at == at)
      return &state->slots[i];
  return NULL;
}

static void
set_slot (State *state, gint64 at, Value value)
{
  Slot *slot = find_slot (state, at);
  if (!slot && state->n_slots < MAX_SLOTS)
    slot = &state->slots[state->n_slots++];
  if (slot)
    *slot = (Slot){ at, value };
}

static Value
base_value (const Follow *follow, const State *state, const HatInstruction *at)
{
  if (at->base == HAT_NO_REGISTER)
    return (Value){ IS_UNKNOWN };
  const Value value = state->registers[at->base];
  return value.kind == IS_POINTER || value.kind == IS_BLOCK ? value : register_by_variable (follow, at->base, state->address);
}

static Value
pointer_of (Follow *follow, HatTypeId type)
{
  gboolean is_pointer;
  const HatTypeId pointee = pointee_of (follow->types, type, &is_pointer);
  return pointee ? (Value){ .kind = IS_POINTER, .type = pointee } : (Value){ IS_UNKNOWN };
}

static Value
load (Follow *follow, State *state, const HatInstruction *at)
{
  gint64 slot;
  Dwarf_Die global;
  if (!at->is_wide)
    return (Value){ IS_UNKNOWN };
  if (slot_of (state, at, &slot))
    {
      const Slot *known = find_slot (state, slot);
      const Variable *variable = known ? NULL : variable_in_slot (follow, slot, state->address);
      if (known)
        return known->value;
      return variable && variable->pointee ? (Value){ .kind = IS_POINTER, .type = variable->pointee } : (Value){ IS_UNKNOWN };
    }
  if (at->base == HAT_NO_REGISTER && at->index == HAT_NO_REGISTER && at->target
      && hat_code_global (follow->types, follow->source, &follow->function, at->target, &global))
    return pointer_of (follow, hat_code_type (follow->types, follow->source, &global));
  const Value base = base_value (follow, state, at);
  const HatField *field = base.kind == IS_POINTER && at->index == HAT_NO_REGISTER ? field_of (follow->types, base.type, at->displacement) : NULL;
  return field ? pointer_of (follow, field->type) : (Value){ IS_UNKNOWN };
}

static void
store_block (Follow *follow, State *state, const HatInstruction *at, ValueKind value)
{
  gboolean is_pointer;
  Dwarf_Die global;
  HatTypes *types = follow->types;
  if (at->base == HAT_NO_REGISTER)
    {
      if (at->index == HAT_NO_REGISTER && at->target && hat_code_global (types, follow->source, &follow->function, at->target, &global))
        add_taker (follow, value, pointee_of (types, hat_code_type (types, follow->source, &global), &is_pointer), BY_GLOBAL, 0, dwarf_diename (&global), NULL);
      return;
    }
  const Value base = base_value (follow, state, at);
  if (base.kind != IS_POINTER)
    return;
  /* An element of an array of pointers. */
  const HatTypeId element = pointee_of (types, base.type, &is_pointer);
  if (is_pointer && (at->index == HAT_NO_REGISTER || at->scale == 8) && at->displacement % 8 == 0)
    add_taker (follow, value, element, BY_FIELD, 0, "of an array", NULL);
  const HatField *field = !is_pointer && at->index == HAT_NO_REGISTER ? field_of (types, base.type, at->displacement) : NULL;
  if (field)
    add_taker (follow, value, pointee_of (types, field->type, &is_pointer), BY_FIELD, 0, field->name, NULL);
}

static void
store (Follow *follow, State *state, const HatInstruction *at)
{
  const Value value = at->from != HAT_NO_REGISTER && at->is_wide ? state->registers[at->from] : (Value){ IS_UNKNOWN };
  gint64 slot;
  if (slot_of (state, at, &slot))
    {
      const gboolean is_block = value.kind == IS_BLOCK || value.kind == IS_INSIDE;
      const Variable *variable = is_block ? variable_in_slot (follow, slot, state->address + at->length) : NULL;
      set_slot (state, slot, value);
      if (variable && !variable->is_of_maker)
        add_taker (follow, value.kind, variable->pointee, BY_VARIABLE, 0, variable->name, variable->function);
    }
  else if (value.kind == IS_BLOCK || value.kind == IS_INSIDE)
    store_block (follow, state, at, value.kind);
}

/* What a called function of the same file makes of it: a constructor's `this` says what is constructed. */
static void
call (Follow *follow, State *state, const HatInstruction *at)
{
  static const guint order[] = { RDI, RSI, RDX, RCX };
  Value result = { IS_UNKNOWN };
  Dwarf_Die function, die;
  if (at->target && hat_code_function (follow->types, follow->source, at->target, &function))
    {
      gboolean is_pointer;
      guint n = 0;
      if (dwarf_child (&function, &die) == 0)
        do
          if (dwarf_tag (&die) == DW_TAG_formal_parameter && n < G_N_ELEMENTS (order))
            {
              const guint reg = order[n++];
              if (state->registers[reg].kind != IS_BLOCK)
                continue;
              const HatTypeId pointee = pointee_of (follow->types, hat_code_type (follow->types, follow->source, &die), &is_pointer);
              const char *name = dwarf_diename (&die);
              const gboolean is_this = reg == RDI && name && strcmp (name, "this") == 0 && is_constructor (follow->types, follow->source, &function);
              add_taker (follow, IS_BLOCK, pointee, is_this ? BY_THIS : BY_PARAMETER, 0, name, NULL);
            }
        while (hat_die_next (&die));
      result = pointer_of (follow, hat_code_type (follow->types, follow->source, &function));
    }
  for (guint i = 0; i < N_REGISTERS; i++)
    if (SCRATCH >> i & 1)
      state->registers[i] = (Value){ IS_UNKNOWN };
  state->registers[RAX] = result;
}

static void
move_stack (State *state, const HatInstruction *at)
{
  if (at->does == HAT_DO_PUSH)
    state->rsp += 8;
  else if (at->does == HAT_DO_POP)
    state->rsp -= 8;
  else if (at->to == RSP && at->from == HAT_NO_REGISTER && (at->does == HAT_DO_ADD || at->does == HAT_DO_SUBTRACT))
    state->rsp += at->does == HAT_DO_SUBTRACT ? at->value : -at->value;
  else if (at->to == RSP || at->killed >> RSP & 1)
    state->has_rsp = FALSE;
  if (at->to == RBP || at->killed >> RBP & 1)
    state->has_rbp = FALSE;
}

/* Everything but where to go on. */
static void
execute (Follow *follow, State *state, const HatInstruction *at)
{
  Value *registers = state->registers, result = { IS_UNKNOWN };
  Value none = { .kind = IS_NUMBER };
  gboolean has_result = TRUE;
  switch (at->does)
    {
    case HAT_DO_MOVE:
      result = at->is_wide ? registers[at->from] : number_of (follow, &registers[at->from]);
      if (!at->is_wide && result.kind != IS_NUMBER)
        result = (Value){ IS_UNKNOWN };
      break;
    case HAT_DO_CONSTANT:
      result = (Value){ .kind = IS_NUMBER, .factor = at->value };
      break;
    case HAT_DO_LOAD:
      result = load (follow, state, at);
      break;
    case HAT_DO_ADDRESS:
      if (at->base < N_REGISTERS && (registers[at->base].kind == IS_BLOCK || registers[at->base].kind == IS_INSIDE))
        result = (Value){ at->displacement || at->index != HAT_NO_REGISTER ? IS_INSIDE : registers[at->base].kind };
      else if (at->displacement == 0 && at->index != HAT_NO_REGISTER)
        {
          Value index = number_of (follow, &registers[at->index]);
          index.factor *= at->scale;
          none.symbol = index.symbol;
          result = add_numbers (at->base == HAT_NO_REGISTER ? none : number_of (follow, &registers[at->base]), index, 1);
        }
      break;
    case HAT_DO_ADD:
    case HAT_DO_SUBTRACT:
      if (registers[at->to].kind == IS_BLOCK || registers[at->to].kind == IS_INSIDE
          || (at->from < N_REGISTERS && (registers[at->from].kind == IS_BLOCK || registers[at->from].kind == IS_INSIDE)))
        result.kind = IS_INSIDE;
      else if (at->from != HAT_NO_REGISTER)
        result = add_numbers (number_of (follow, &registers[at->to]), number_of (follow, &registers[at->from]), at->does == HAT_DO_ADD ? 1 : -1);
      break;
    case HAT_DO_MULTIPLY:
      if (at->from != HAT_NO_REGISTER)
        result = number_of (follow, &registers[at->from]);
      result.factor *= at->value;
      if (result.kind != IS_NUMBER)
        result = (Value){ IS_UNKNOWN };
      break;
    default:
      has_result = FALSE;
    }
  if (at->does == HAT_DO_STORE)
    store (follow, state, at);
  for (guint i = 0; i < N_REGISTERS; i++)
    if (at->killed >> i & 1)
      registers[i] = (Value){ IS_UNKNOWN };
  if (has_result && at->to < N_REGISTERS)
    registers[at->to] = result;
  if (at->does == HAT_DO_CALL)
    call (follow, state, at);
  state->tested_block = at->does == HAT_DO_TEST && at->from < N_REGISTERS && registers[at->from].kind == IS_BLOCK;
  gint64 slot;
  if (at->does == HAT_DO_TEST && at->from == HAT_NO_REGISTER && slot_of (state, at, &slot))
    {
      const Slot *known = find_slot (state, slot);
      state->tested_block = known && known->value.kind == IS_BLOCK;
    }
  move_stack (state, at);
}

static void
take_result (Follow *follow, const State *state)
{
  gboolean is_pointer;
  const ValueKind value = state->registers[RAX].kind;
  if (value != IS_BLOCK && value != IS_INSIDE)
    return;
  const HatTypeId pointee = pointee_of (follow->types, hat_code_type (follow->types, follow->source, &follow->function), &is_pointer);
  /* Before void *, char * was what allocators returned. */
  if (is_pointer && is_bytes (follow->types, pointee))
    follow->is_returned |= value == IS_BLOCK;
  else
    add_taker (follow, value, pointee, BY_RESULT, 0, NULL, NULL);
}

static gboolean
is_inside (const Follow *follow, guint64 address)
{
  Dwarf_Die function = follow->function;
  return hat_die_covers (&function, address);
}

/* All paths from the state on. */
static void
walk (Follow *follow, const State *start)
{
  g_autoptr (GArray) paths = g_array_new (FALSE, FALSE, sizeof (State));
  const guint64 since = start->address;
  guint n_paths = 1;
  g_array_append_val (paths, *start);
  while (paths->len > 0)
    {
      State state = g_array_index (paths, State, paths->len - 1);
      g_array_set_size (paths, paths->len - 1);
      while (follow->steps_left > 0 && is_inside (follow, state.address))
        {
          HatInstruction at;
          gsize n;
          const guint8 *bytes = hat_code_bytes (follow->source, state.address, &n);
          take_in_registers (follow, &state, since);
          if (!bytes || !hat_instruction_read (bytes, n, state.address, &at) || at.does == HAT_DO_STOP)
            break;
          if (at.does == HAT_DO_RETURN)
            {
              take_result (follow, &state);
              break;
            }
          const gboolean tested = state.tested_block;
          execute (follow, &state, &at);
          follow->steps_left = MIN (follow->steps_left - 1, follow->has_told ? MAX_AFTER : MAX_STEPS);
          if (at.does == HAT_DO_JUMP)
            {
              if (!at.target)
                break;
              state.address = at.target;
              continue;
            }
          state.address += at.length;
          if (at.does == HAT_DO_BRANCH && tested && at.is_unequal)
            state.address = at.target; /* there is a block */
          else if (at.does == HAT_DO_BRANCH && !(tested && at.is_equal) && n_paths < MAX_PATHS)
            {
              State other = state;
              other.address = at.target;
              n_paths++;
              g_array_append_val (paths, other);
            }
        }
    }
}

/* ---- how much was asked for ---- */

static int
compare_addresses (gconstpointer a, gconstpointer b)
{
  const guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;
  return x < y ? -1 : x > y;
}

/* What the first two arguments of the call before `end` are, by all that leads up to it in the file's order; at places that are jumped to
 * nothing is known. */
static void
read_arguments (Follow *follow, guint64 low, guint64 end)
{
  g_autoptr (GArray) targets = g_array_new (FALSE, FALSE, sizeof (guint64));
  State state = { .address = low };
  HatInstruction at;
  gsize n;
  const guint8 *bytes = low < end && end - low <= MAX_FUNCTION ? hat_code_bytes (follow->source, low, &n) : NULL;
  if (!bytes || n < end - low)
    return;
  for (guint64 address = low; address < end; address += at.length)
    {
      if (!hat_instruction_read (bytes + (address - low), end - address, address, &at))
        return;
      if ((at.does == HAT_DO_JUMP || at.does == HAT_DO_BRANCH) && at.target)
        g_array_append_val (targets, at.target);
    }
  g_array_sort (targets, compare_addresses);
  GArray *variables = follow->variables;
  follow->variables = g_array_new (FALSE, FALSE, sizeof (Variable)); /* numbers only */
  guint next = 0;
  while (state.address < end)
    {
      hat_instruction_read (bytes + (state.address - low), end - state.address, state.address, &at);
      while (next < targets->len && g_array_index (targets, guint64, next) < state.address)
        next++;
      if (next < targets->len && g_array_index (targets, guint64, next) == state.address)
        memset (state.registers, 0, sizeof state.registers);
      if (at.does == HAT_DO_CALL && state.address + at.length == end)
        {
          follow->arguments[0] = state.registers[RDI];
          follow->arguments[1] = state.registers[RSI];
        }
      at.target = at.does == HAT_DO_CALL ? 0 : at.target;
      execute (follow, &state, &at);
      if (at.does == HAT_DO_JUMP || at.does == HAT_DO_RETURN || at.does == HAT_DO_STOP)
        memset (state.registers, 0, sizeof state.registers);
      state.address += at.length;
    }
  g_array_unref (follow->variables);
  follow->variables = variables;
}

static gboolean
is_constant (const Follow *follow, guint i, guint64 value)
{
  const Value *argument = &follow->arguments[i];
  return argument->kind == IS_NUMBER && argument->symbol == 0 && (guint64) argument->factor == value;
}

/* n * sizeof, by the machine code, or both as arguments. */
static gboolean
is_multiple (const Follow *follow, guint64 size)
{
  for (guint i = 0; i < 2; i++)
    {
      const Value *argument = &follow->arguments[i];
      if (argument->kind == IS_NUMBER && argument->symbol && argument->factor > 1 && (guint64) argument->factor % size == 0)
        return TRUE;
    }
  return is_constant (follow, 0, size) || is_constant (follow, 1, size);
}

/* ---- which of them says what it is ---- */

static gboolean
is_polymorphic (HatTypes *types, HatTypeId type)
{
  const HatField *first = hat_types_field_at (types, type, 0);
  for (guint depth = 0; depth < 16 && first; depth++)
    {
      if (first->kind == HAT_FIELD_VTABLE)
        return TRUE;
      if (first->kind != HAT_FIELD_BASE)
        return FALSE;
      first = hat_types_field_at (types, first->type, 0);
    }
  return FALSE;
}

static gboolean
may_tell (const Follow *follow, const Taker *taker)
{
  const HatType *type = hat_types_get (follow->types, taker->pointee);
  if (taker->way == BY_THIS)
    return TRUE;
  if (follow->is_divided && is_bytes (follow->types, taker->pointee))
    return FALSE;
  /* Somebody's parameter may be a part of it, the first one. */
  if (taker->way == BY_PARAMETER && !is_constant (follow, 0, type->size) && !is_constant (follow, 1, type->size))
    return FALSE;
  /* A pointer to a base class: the object itself knows better. */
  return follow->language != HAT_LANGUAGE_CXX || !is_polymorphic (follow->types, taker->pointee);
}

static const Taker *
choose (const Follow *follow)
{
  const Taker *chosen = NULL, *fitting = NULL;
  guint n_types = 0, n_fitting = 0;
  for (guint i = 0; i < follow->n_takers; i++)
    {
      const Taker *taker = &follow->takers[i];
      /* Of constructors inlined into each other the outermost makes the whole. */
      if (taker->way == BY_THIS && (!chosen || chosen->way != BY_THIS || taker->depth < chosen->depth))
        chosen = taker;
    }
  if (chosen)
    return chosen;
  for (guint i = 0; i < follow->n_takers; i++)
    {
      const Taker *taker = &follow->takers[i];
      const guint64 size = hat_types_get (follow->types, taker->pointee)->size;
      if (!may_tell (follow, taker))
        continue;
      n_types += !chosen || chosen->pointee != taker->pointee;
      chosen = chosen ? chosen : taker;
      if (size > 1 && (is_constant (follow, 0, size) || is_constant (follow, 1, size)))
        {
          n_fitting += !fitting || fitting->pointee != taker->pointee;
          fitting = fitting ? fitting : taker;
        }
    }
  return n_types == 1 ? chosen : n_fitting == 1 ? fitting : NULL;
}

static HatBlockType
describe (Follow *follow, const Taker *taker, const char *function)
{
  HatTypes *types = follow->types;
  HatBlockType block = hat_site_block (types, taker->pointee, FALSE);
  const HatType *type = hat_types_get (types, block.type);
  if (block.type == HAT_TYPE_VOID)
    return block;
  const gboolean is_scalar = type->kind == HAT_TYPE_BASE || type->kind == HAT_TYPE_POINTER || type->kind == HAT_TYPE_ENUM;
  block.is_array |= is_scalar || is_multiple (follow, block.size);
  block.evidence = HAT_EVIDENCE_VARIABLE;
  static const char *const ways[] = { [BY_THIS] = "constructed in ", [BY_VARIABLE] = "variable ", [BY_PARAMETER] = "parameter ",
                                      [BY_FIELD] = "field ", [BY_GLOBAL] = "global ", [BY_RESULT] = "result of " };
  g_autoptr (GString) words = g_string_new (ways[taker->way]);
  if (taker->way != BY_THIS && taker->way != BY_RESULT)
    g_string_append_printf (words, "%s in ", taker->name);
  hat_site_append_name (words, taker->function ? taker->function : function);
  block.words = g_string_chunk_insert_const (types->strings, words->str);
  return block;
}

static gboolean
is_x86_64 (const HatTypeSource *source)
{
  GElf_Ehdr header;
  return source->files.image && gelf_getehdr (source->files.image->elf, &header) && header.e_machine == EM_X86_64;
}

HatSiteVerdict
hat_site_follow (HatTypes *types, const HatCode *code, guint64 returns, HatBlockType *out)
{
  Follow follow = { .types = types, .source = code->source, .function = code->calls[code->n_calls - 1].die, .steps_left = MAX_STEPS };
  Dwarf_Die root;
  follow.language = dwarf_diecu (&follow.function, &root, NULL, NULL) ? hat_unit_language (&root, HAT_LANGUAGE_OTHER) : HAT_LANGUAGE_OTHER;
  *out = (HatBlockType){ .words = "" };
  if ((follow.language != HAT_LANGUAGE_C && follow.language != HAT_LANGUAGE_CXX) || !is_x86_64 (code->source))
    return HAT_SITE_USER;
  State state = { .address = returns };
  Dwarf_Attribute holder;
  Dwarf_Op *ops;
  size_t n;
  guint reg;
  gint64 offset;
  state.registers[RAX].kind = IS_BLOCK;
  if (hat_code_frame (types, code->source, returns, &reg, &offset))
    {
      state.has_rbp = reg == RBP;
      state.has_rsp = reg == RSP;
      state.rbp = state.rsp = offset;
    }
  if (dwarf_attr (&follow.function, DW_AT_frame_base, &holder) && dwarf_getlocation (&holder, &ops, &n) == 0 && n == 1
      && (ops[0].atom == DW_OP_reg6 || ops[0].atom == DW_OP_breg6))
    follow.frame_shift = -state.rbp;
  follow.variables = g_array_new (FALSE, FALSE, sizeof (Variable));
  collect_variables (&follow, &follow.function, &follow.function, NULL, 0);
  walk (&follow, &state);
  Dwarf_Addr low;
  if (follow.n_takers > 0 && dwarf_lowpc (&follow.function, &low) == 0)
    read_arguments (&follow, low, returns);
  g_array_unref (follow.variables);
  const Taker *taker = choose (&follow);
  if (!taker)
    return follow.is_returned && follow.n_takers == 0 ? HAT_SITE_INNER : HAT_SITE_USER;
  const char *name = code->calls[0].name;
  *out = describe (&follow, taker, name ? name : "?");
  return out->type ? HAT_SITE_NAMES : HAT_SITE_USER;
}
