/* SPDX-License-Identifier: Apache-2.0
 * Call frame information: the row of an address from .eh_frame, and one generic step up by it with all registers.
 * The tables are those that the program's own exceptions use, mapped by the loader, and are trusted as libgcc trusts
 * them. */
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "core/hook/hook.h"
#include "core/hook/sys.h"

static uint64_t
read_uleb (const uint8_t **at)
{
  uint64_t value = 0;
  uint32_t shift = 0;
  uint8_t byte;

  do
    {
      byte = *(*at)++;
      if (shift < 64)
        value |= (uint64_t) (byte & 0x7f) << shift;
      shift += 7;
    }
  while (byte & 0x80);
  return value;
}

static int64_t
read_sleb (const uint8_t **at)
{
  uint64_t value = 0;
  uint32_t shift = 0;
  uint8_t byte;

  do
    {
      byte = *(*at)++;
      if (shift < 64)
        value |= (uint64_t) (byte & 0x7f) << shift;
      shift += 7;
    }
  while (byte & 0x80);
  if (shift < 64 && byte & 0x40)
    value |= ~0ul << shift;
  return (int64_t) value;
}

#define READ(type, at) \
  ({ \
    type value_; \
    memcpy (&value_, *(at), sizeof value_); \
    *(at) += sizeof value_; \
    value_; \
  })

/* A pointer in DW_EH_PE encoding; data_base is what "datarel" is relative to, shift how far behind *at the bytes are in
 * the program. */
static uint64_t
read_encoded (const uint8_t **at, uint8_t encoding, uint64_t data_base, uint64_t shift)
{
  const uint64_t here = (uint64_t) *at + shift;
  uint64_t value;

  if (encoding == 0xff)
    return 0;
  switch (encoding & 0xf)
    {
    case 0x1:
      value = read_uleb (at);
      break;
    case 0x2:
      value = READ (uint16_t, at);
      break;
    case 0x3:
      value = READ (uint32_t, at);
      break;
    case 0x9:
      value = (uint64_t) read_sleb (at);
      break;
    case 0xa:
      value = (uint64_t) READ (int16_t, at);
      break;
    case 0xb:
      value = (uint64_t) READ (int32_t, at);
      break;
    default:
      value = READ (uint64_t, at);
      break;
    }
  if (value == 0)
    return 0;
  if ((encoding & 0x70) == 0x10)
    value += here;
  else if ((encoding & 0x70) == 0x30)
    value += data_base;
  if (encoding & 0x80)
    memcpy (&value, (const void *) value, sizeof value);
  return value;
}

typedef struct
{
  uint64_t code_factor;
  int64_t data_factor;
  uint64_t ra;
  uint8_t encoding;
  bool has_data, signal_frame;
  const uint8_t *program, *end;
  uint64_t shift; /* of its entry */
} Cie;

/* The length field: returns where the entry's content begins, NULL for the 64-bit form, which no linker writes into
 * .eh_frame. */
static const uint8_t *
entry_content (const uint8_t *entry, const uint8_t **end)
{
  const uint32_t length = READ (uint32_t, &entry);
  if (length == 0 || length == 0xffffffff)
    return NULL;
  *end = entry + length;
  return entry;
}

static bool
read_cie (const uint8_t *entry, Cie *cie)
{
  const uint8_t *at = entry_content (entry, &cie->end);

  if (at == NULL)
    return false;
  at += 4; /* id */
  const uint8_t version = *at++;
  const char *augmentation = (const char *) at;
  at += strlen (augmentation) + 1;
  cie->code_factor = read_uleb (&at);
  cie->data_factor = read_sleb (&at);
  cie->ra = version == 1 ? *at++ : read_uleb (&at);
  cie->encoding = 0;
  cie->has_data = cie->signal_frame = false;
  if (*augmentation == 'z')
    {
      const uint64_t length = read_uleb (&at);
      const uint8_t *data_end = at + length;
      cie->has_data = true;
      for (const char *c = augmentation + 1; *c; c++)
        if (*c == 'L')
          at++;
        else if (*c == 'R')
          cie->encoding = *at++;
        else if (*c == 'P')
          {
            const uint8_t encoding = *at++;
            read_encoded (&at, encoding & 0x7f, 0, 0);
          }
        else if (*c == 'S')
          cie->signal_frame = true;
      at = data_end;
    }
  else if (*augmentation)
    return false;
  cie->program = at;
  return cie->ra == HOOK_RA;
}

static void
set_rule (HookRow *row, uint64_t reg, HookRuleKind kind, int64_t value)
{
  if (reg < HOOK_REGISTERS)
    row->registers[reg] = (HookRegisterRule) { kind, value };
}

/* Runs a CFA program up to pc. */
static bool
run (HookScratch *scratch, const Cie *cie, const uint8_t *at, const uint8_t *end, uint64_t location, uint64_t pc,
     bool is_initial)
{
  HookRow *row = &scratch->row;
  uint32_t n_remembered = 0;
  uint64_t reg;

  while (at < end)
    {
      const uint8_t op = *at++;
      switch (op >> 6)
        {
        case 1:
          location += (op & 0x3f) * cie->code_factor;
          if (location > pc)
            return true;
          continue;
        case 2:
          set_rule (row, op & 0x3f, HOOK_RULE_OFFSET, (int64_t) read_uleb (&at) * cie->data_factor);
          continue;
        case 3:
          if (!is_initial && (op & 0x3f) < HOOK_REGISTERS)
            row->registers[op & 0x3f] = scratch->initial.registers[op & 0x3f];
          continue;
        }
      switch (op)
        {
        case 0x00: /* nop */
          break;
        case 0x01: /* set_loc */
          location = read_encoded (&at, cie->encoding, 0, cie->shift);
          if (location > pc)
            return true;
          break;
        case 0x02: /* advance_loc1 */
          location += READ (uint8_t, &at) * cie->code_factor;
          if (location > pc)
            return true;
          break;
        case 0x03: /* advance_loc2 */
          location += READ (uint16_t, &at) * cie->code_factor;
          if (location > pc)
            return true;
          break;
        case 0x04: /* advance_loc4 */
          location += READ (uint32_t, &at) * cie->code_factor;
          if (location > pc)
            return true;
          break;
        case 0x05: /* offset_extended */
          reg = read_uleb (&at);
          set_rule (row, reg, HOOK_RULE_OFFSET, (int64_t) read_uleb (&at) * cie->data_factor);
          break;
        case 0x06: /* restore_extended */
          reg = read_uleb (&at);
          if (!is_initial && reg < HOOK_REGISTERS)
            row->registers[reg] = scratch->initial.registers[reg];
          break;
        case 0x07: /* undefined */
          set_rule (row, read_uleb (&at), HOOK_RULE_UNDEFINED, 0);
          break;
        case 0x08: /* same_value */
          set_rule (row, read_uleb (&at), HOOK_RULE_SAME, 0);
          break;
        case 0x09: /* register */
          reg = read_uleb (&at);
          set_rule (row, reg, HOOK_RULE_REGISTER, (int64_t) read_uleb (&at));
          break;
        case 0x0a: /* remember_state */
          if (n_remembered == 8)
            return false;
          scratch->remembered[n_remembered++] = *row;
          break;
        case 0x0b: /* restore_state */
          if (n_remembered == 0)
            return false;
          *row = scratch->remembered[--n_remembered];
          break;
        case 0x0c: /* def_cfa */
          row->cfa_register = read_uleb (&at);
          row->cfa_offset = (int64_t) read_uleb (&at);
          row->cfa_expression = NULL;
          break;
        case 0x0d: /* def_cfa_register */
          row->cfa_register = read_uleb (&at);
          row->cfa_expression = NULL;
          break;
        case 0x0e: /* def_cfa_offset */
          row->cfa_offset = (int64_t) read_uleb (&at);
          break;
        case 0x0f: /* def_cfa_expression */
          row->cfa_expression = at;
          reg = read_uleb (&at);
          at += reg;
          break;
        case 0x10: /* expression */
        case 0x16: /* val_expression */
          reg = read_uleb (&at);
          set_rule (row, reg, op == 0x10 ? HOOK_RULE_EXPRESSION : HOOK_RULE_VALUE_EXPRESSION, (int64_t) at);
          reg = read_uleb (&at);
          at += reg;
          break;
        case 0x11: /* offset_extended_sf */
          reg = read_uleb (&at);
          set_rule (row, reg, HOOK_RULE_OFFSET, read_sleb (&at) * cie->data_factor);
          break;
        case 0x12: /* def_cfa_sf */
          row->cfa_register = read_uleb (&at);
          row->cfa_offset = read_sleb (&at) * cie->data_factor;
          row->cfa_expression = NULL;
          break;
        case 0x13: /* def_cfa_offset_sf */
          row->cfa_offset = read_sleb (&at) * cie->data_factor;
          break;
        case 0x14: /* val_offset */
          reg = read_uleb (&at);
          set_rule (row, reg, HOOK_RULE_VALUE, (int64_t) read_uleb (&at) * cie->data_factor);
          break;
        case 0x15: /* val_offset_sf */
          reg = read_uleb (&at);
          set_rule (row, reg, HOOK_RULE_VALUE, read_sleb (&at) * cie->data_factor);
          break;
        case 0x2e: /* GNU_args_size */
          read_uleb (&at);
          break;
        case 0x2f: /* GNU_negative_offset_extended */
          reg = read_uleb (&at);
          set_rule (row, reg, HOOK_RULE_OFFSET, -((int64_t) read_uleb (&at) * cie->data_factor));
          break;
        default:
          return false;
        }
    }
  return true;
}

/* The FDE whose range may hold pc, by the sorted table of .eh_frame_hdr. */
static const uint8_t *
find_fde (const uint8_t *header, uint64_t pc)
{
  const uint8_t *at = header + 4;

  if (header[0] != 1 || header[3] != 0x3b) /* version; the table as 32-bit offsets from the header */
    return NULL;
  read_encoded (&at, header[1], (uint64_t) header, 0);
  const uint64_t count = read_encoded (&at, header[2], (uint64_t) header, 0);
  const int32_t *table = (const int32_t *) at;
  const int64_t key = (int64_t) (pc - (uint64_t) header);
  uint64_t low = 0, high = count;

  while (low < high)
    {
      const uint64_t middle = (low + high) / 2;
      if (table[middle * 2] <= key)
        low = middle + 1;
      else
        high = middle;
    }
  return low ? header + table[(low - 1) * 2 + 1] : NULL;
}

/* The row for pc from an entry, if it is for pc. */
static bool
read_row (HookScratch *scratch, const HookEntry *entry, uint64_t pc)
{
  const uint8_t *end, *at = entry_content (entry->fde, &end);
  Cie cie = { .shift = entry->shift };

  if (at == NULL || !read_cie (entry->cie, &cie))
    return false;
  at += 4;
  const uint64_t start = read_encoded (&at, cie.encoding, 0, entry->shift);
  const uint64_t range = read_encoded (&at, cie.encoding & 0xf, 0, 0);
  if (pc < start || pc - start >= range)
    return false;
  if (cie.has_data)
    {
      const uint64_t length = read_uleb (&at);
      at += length;
    }
  scratch->row = (HookRow) { .cfa_register = HOOK_REGISTERS, .signal_frame = cie.signal_frame };
  if (!run (scratch, &cie, cie.program, cie.end, start, ~0ul, true))
    return false;
  scratch->initial = scratch->row;
  return run (scratch, &cie, at, end, start, pc, false);
}

bool
hook_cfi_row (HookThread *thread, const struct dl_find_object *object, uint64_t pc)
{
  const uint8_t *header = object->dlfo_eh_frame;
  const uint8_t *fde = header ? find_fde (header, pc) : NULL;

  /* The CIE is as far before the word that says so; a word of 0 is the table's end. */
  return fde && *(const uint32_t *) fde
         && read_row (&thread->scratch, &(HookEntry) { fde, fde + 4 - ((const uint32_t *) fde)[1], 0 }, pc);
}

bool
hook_cfi_row_for_rule (HookThread *thread, const struct dl_find_object *object, uint64_t pc)
{
  HookEntry entry;
  return (hook_tables_find (thread, object, pc, &entry) && read_row (&thread->scratch, &entry, pc)) || hook_cfi_row (thread, object, pc);
}

bool
hook_cfi_is_end (HookThread *thread, const struct dl_find_object *object, uint64_t pc)
{
  const void *known = &_r_debug;
  return (known >= object->dlfo_map_start && known < object->dlfo_map_end) || hook_cfi_row (thread, object, pc + 1);
}

/* ---- evaluation ---- */

static bool
evaluate (HookThread *thread, const uint8_t *at, const uint64_t *initial, uint64_t *out)
{
  const uint64_t *registers = thread->scratch.registers.value;
  uint64_t *stack = thread->scratch.operands;
  const uint64_t length = read_uleb (&at);
  const uint8_t *end = at + length;
  uint32_t n = 0, fuel = 1000;
  uint64_t a, b;

#define PUSH(value) \
  do \
    { \
      const uint64_t pushed_ = (value); \
      if (n == 32) \
        return false; \
      stack[n++] = pushed_; \
    } \
  while (0)
#define NEED(count) \
  do \
    { \
      if (n < (count)) \
        return false; \
    } \
  while (0)

  if (initial)
    stack[n++] = *initial;
  while (at < end)
    {
      const uint8_t op = *at++;
      if (fuel-- == 0)
        return false;
      if (op >= 0x30 && op <= 0x4f) /* lit */
        PUSH (op - 0x30u);
      else if (op >= 0x50 && op <= 0x6f) /* reg */
        {
          if (op - 0x50 >= HOOK_REGISTERS)
            return false;
          PUSH (registers[op - 0x50]);
        }
      else if (op >= 0x70 && op <= 0x8f) /* breg */
        {
          if (op - 0x70 >= HOOK_REGISTERS)
            return false;
          PUSH (registers[op - 0x70] + (uint64_t) read_sleb (&at));
        }
      else
        switch (op)
          {
          case 0x03: /* addr */
            PUSH (READ (uint64_t, &at));
            break;
          case 0x06: /* deref */
            NEED (1);
            if (!hook_unwind_read (thread, stack[n - 1], &stack[n - 1]))
              return false;
            break;
          case 0x08:
            PUSH (READ (uint8_t, &at));
            break;
          case 0x09:
            PUSH ((uint64_t) READ (int8_t, &at));
            break;
          case 0x0a:
            PUSH (READ (uint16_t, &at));
            break;
          case 0x0b:
            PUSH ((uint64_t) READ (int16_t, &at));
            break;
          case 0x0c:
            PUSH (READ (uint32_t, &at));
            break;
          case 0x0d:
            PUSH ((uint64_t) READ (int32_t, &at));
            break;
          case 0x0e:
          case 0x0f:
            PUSH (READ (uint64_t, &at));
            break;
          case 0x10:
            PUSH (read_uleb (&at));
            break;
          case 0x11:
            PUSH ((uint64_t) read_sleb (&at));
            break;
          case 0x12: /* dup */
            NEED (1);
            PUSH (stack[n - 1]);
            break;
          case 0x13: /* drop */
            NEED (1);
            n--;
            break;
          case 0x14: /* over */
            NEED (2);
            PUSH (stack[n - 2]);
            break;
          case 0x15: /* pick */
            a = *at++;
            NEED (a + 1);
            PUSH (stack[n - 1 - a]);
            break;
          case 0x16: /* swap */
            NEED (2);
            a = stack[n - 1];
            stack[n - 1] = stack[n - 2];
            stack[n - 2] = a;
            break;
          case 0x17: /* rot */
            NEED (3);
            a = stack[n - 1];
            stack[n - 1] = stack[n - 2];
            stack[n - 2] = stack[n - 3];
            stack[n - 3] = a;
            break;
          case 0x19: /* abs */
            NEED (1);
            if ((int64_t) stack[n - 1] < 0)
              stack[n - 1] = -stack[n - 1];
            break;
          case 0x1f: /* neg */
            NEED (1);
            stack[n - 1] = -stack[n - 1];
            break;
          case 0x20: /* not */
            NEED (1);
            stack[n - 1] = ~stack[n - 1];
            break;
          case 0x23: /* plus_uconst */
            NEED (1);
            stack[n - 1] += read_uleb (&at);
            break;
          case 0x28: /* bra */
            NEED (1);
            a = (uint64_t) READ (int16_t, &at);
            if (stack[--n] != 0)
              at += (int64_t) a;
            break;
          case 0x2f: /* skip */
            a = (uint64_t) READ (int16_t, &at);
            at += (int64_t) a;
            break;
          case 0x94: /* deref_size */
            NEED (1);
            a = *at++;
            if ((a != 1 && a != 2 && a != 4 && a != 8) || !hook_unwind_read (thread, stack[n - 1], &b))
              return false;
            stack[n - 1] = a == 8 ? b : b & ((1ul << (a * 8)) - 1);
            break;
          case 0x96: /* nop */
            break;
          default:
            NEED (2);
            a = stack[n - 2];
            b = stack[n - 1];
            n--;
            switch (op)
              {
              case 0x1a:
                a &= b;
                break;
              case 0x1b:
                if (b == 0 || (a == 1ul << 63 && b == ~0ul))
                  return false;
                a = (uint64_t) ((int64_t) a / (int64_t) b);
                break;
              case 0x1c:
                a -= b;
                break;
              case 0x1d:
                if (b == 0)
                  return false;
                a %= b;
                break;
              case 0x1e:
                a *= b;
                break;
              case 0x21:
                a |= b;
                break;
              case 0x22:
                a += b;
                break;
              case 0x24:
                a = b < 64 ? a << b : 0;
                break;
              case 0x25:
                a = b < 64 ? a >> b : 0;
                break;
              case 0x26:
                a = (uint64_t) ((int64_t) a >> (b < 64 ? b : 63));
                break;
              case 0x27:
                a ^= b;
                break;
              case 0x29:
                a = a == b;
                break;
              case 0x2a:
                a = (int64_t) a >= (int64_t) b;
                break;
              case 0x2b:
                a = (int64_t) a > (int64_t) b;
                break;
              case 0x2c:
                a = (int64_t) a <= (int64_t) b;
                break;
              case 0x2d:
                a = (int64_t) a < (int64_t) b;
                break;
              case 0x2e:
                a = a != b;
                break;
              default:
                return false;
              }
            stack[n - 1] = a;
          }
    }
#undef PUSH
#undef NEED
  if (n == 0)
    return false;
  *out = stack[n - 1];
  return true;
}

static HookStep
step_by_frame_pointer (HookThread *thread)
{
  HookRegisters *registers = &thread->scratch.registers;
  uint64_t *value = registers->value;
  HookState next;

  thread->used_frame_pointers++;
  const HookStep result
      = hook_unwind_by_frame_pointer (thread, (HookState) { value[HOOK_RA], value[HOOK_RSP], value[HOOK_RBP], registers->exact }, &next);
  value[HOOK_RA] = next.ip;
  value[HOOK_RSP] = next.sp;
  value[HOOK_RBP] = next.rbp;
  registers->exact = false;
  return result;
}

HookStep
hook_cfi_step (HookThread *thread)
{
  HookScratch *scratch = &thread->scratch;
  const HookRow *row = &scratch->row;
  uint64_t *registers = scratch->registers.value;
  uint64_t next[HOOK_REGISTERS], cfa;
  struct dl_find_object object;
  const uint64_t pc = registers[HOOK_RA] - !scratch->registers.exact;

  if (_dl_find_object ((void *) pc, &object) != 0)
    return step_by_frame_pointer (thread);
  if (!hook_cfi_row (thread, &object, pc))
    return hook_cfi_is_end (thread, &object, pc) ? HOOK_STEP_ROOT : step_by_frame_pointer (thread);
  if (row->registers[HOOK_RA].kind == HOOK_RULE_UNDEFINED)
    return HOOK_STEP_ROOT;
  if (row->cfa_expression)
    {
      if (!evaluate (thread, row->cfa_expression, NULL, &cfa))
        return HOOK_STEP_LOST;
    }
  else if (row->cfa_register < HOOK_REGISTERS)
    cfa = registers[row->cfa_register] + (uint64_t) row->cfa_offset;
  else
    return HOOK_STEP_LOST;

  for (uint32_t i = 0; i < HOOK_REGISTERS; i++)
    {
      const HookRegisterRule rule = row->registers[i];
      bool good = true;
      switch ((HookRuleKind) rule.kind)
        {
        case HOOK_RULE_SAME:
        case HOOK_RULE_UNDEFINED:
          /* The stack pointer after the return is the CFA, unless a rule says otherwise. */
          next[i] = i == HOOK_RSP ? cfa : registers[i];
          break;
        case HOOK_RULE_OFFSET:
          good = hook_unwind_read (thread, cfa + (uint64_t) rule.value, &next[i]);
          break;
        case HOOK_RULE_VALUE:
          next[i] = cfa + (uint64_t) rule.value;
          break;
        case HOOK_RULE_REGISTER:
          good = rule.value >= 0 && rule.value < HOOK_REGISTERS;
          next[i] = good ? registers[rule.value] : 0;
          break;
        case HOOK_RULE_EXPRESSION:
          good = evaluate (thread, (const uint8_t *)rule.value, &cfa, &next[i])
                 && hook_unwind_read (thread, next[i], &next[i]);
          break;
        case HOOK_RULE_VALUE_EXPRESSION:
          good = evaluate (thread, (const uint8_t *) rule.value, &cfa, &next[i]);
          break;
        }
      if (!good)
        {
          if (i == HOOK_RA || i == HOOK_RSP)
            return HOOK_STEP_LOST;
          next[i] = registers[i];
        }
    }
  scratch->registers.exact = row->signal_frame;
  memcpy (registers, next, sizeof next);
  return next[HOOK_RA] == 0 ? HOOK_STEP_ROOT : next[HOOK_RA] < 4096 ? HOOK_STEP_LOST : HOOK_STEP_CALLER;
}
