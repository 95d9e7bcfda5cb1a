/* SPDX-License-Identifier: Apache-2.0 */
#include "core/types/instruction.h"

#include <string.h>

enum
{
  RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP,
  MAX_LENGTH = 15,
};

/* The machine's numbers to DWARF's. */
static const guint8 registers[16] = { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, 8, 9, 10, 11, 12, 13, 14, 15 };

typedef struct
{
  const guint8 *at, *end;
  gboolean is_bad;
  guint8 rex;
  gboolean is_short; /* prefix 66: immediates of two bytes */
  gboolean has_f3;
  guint mode, reg, rm; /* of the ModRM byte, with REX; mode 3: rm is a register */
  HatInstruction *out;
} Decoder;

static guint8
take (Decoder *decoder)
{
  if (decoder->at < decoder->end)
    return *decoder->at++;
  decoder->is_bad = TRUE;
  return 0;
}

static gint64
take_signed (Decoder *decoder, guint bytes)
{
  guint64 value = 0;
  for (guint i = 0; i < bytes; i++)
    value |= (guint64) take (decoder) << (8 * i);
  const guint shift = 64 - 8 * bytes;
  return bytes == 0 ? 0 : (gint64) (value << shift) >> shift;
}

static void
read_modrm (Decoder *decoder)
{
  HatInstruction *out = decoder->out;
  const guint8 byte = take (decoder);
  decoder->mode = byte >> 6;
  decoder->reg = registers[(byte >> 3 & 7) | (decoder->rex & 4) << 1];
  guint low = byte & 7;
  decoder->rm = registers[low | (decoder->rex & 1) << 3];
  if (decoder->mode == 3)
    return;
  out->base = decoder->rm;
  gboolean has_none = decoder->mode == 0 && low == 5;
  if (low == 4)
    {
      const guint8 sib = take (decoder);
      const guint index = (sib >> 3 & 7) | (decoder->rex & 2) << 2;
      if (index != 4)
        out->index = registers[index];
      out->scale = 1u << (sib >> 6);
      out->base = registers[(sib & 7) | (decoder->rex & 1) << 3];
      has_none = decoder->mode == 0 && (sib & 7) == 5;
    }
  out->displacement = take_signed (decoder, decoder->mode == 1 ? 1 : decoder->mode == 2 || has_none ? 4 : 0);
  if (has_none)
    {
      out->base = HAT_NO_REGISTER;
      out->target = low == 5; /* relative: to be added when the length is known */
    }
}

static guint32
bit (guint reg)
{
  return reg < 16 ? 1u << reg : 0;
}

static void
kill_rm (Decoder *decoder)
{
  if (decoder->mode == 3)
    decoder->out->killed |= bit (decoder->rm);
}

static void
read_move (Decoder *decoder, gboolean to_reg)
{
  HatInstruction *out = decoder->out;
  read_modrm (decoder);
  const guint rm = decoder->mode == 3 ? decoder->rm : HAT_NO_REGISTER;
  out->to = to_reg ? decoder->reg : rm;
  out->from = to_reg ? rm : decoder->reg;
  out->does = decoder->mode == 3 ? HAT_DO_MOVE : to_reg ? HAT_DO_LOAD : HAT_DO_STORE;
}

static void
read_two_bytes (Decoder *decoder, guint64 address, const guint8 *start)
{
  HatInstruction *out = decoder->out;
  const guint8 opcode = take (decoder);
  switch (opcode)
    {
    case 0x0b:
      out->does = HAT_DO_STOP;
      return;
    case 0x05: case 0x31: case 0xa2:
      out->killed = bit (RAX) | bit (RCX) | bit (RDX) | bit (RBX) | bit (11);
      return;
    case 0x06: case 0x08: case 0x09: case 0x30: case 0x32: case 0x33: case 0x34: case 0x35: case 0x37: case 0x77: case 0xa0: case 0xa1: case 0xa8:
    case 0xa9: case 0xaa:
      return;
    case 0x38:
      take (decoder);
      read_modrm (decoder);
      out->killed = bit (decoder->reg);
      return;
    case 0x3a:
      take (decoder);
      read_modrm (decoder);
      take (decoder);
      kill_rm (decoder);
      return;
    }
  if (opcode >= 0x80 && opcode <= 0x8f)
    {
      out->does = HAT_DO_BRANCH;
      out->is_equal = opcode == 0x84;
      out->is_unequal = opcode == 0x85;
      const gint64 distance = take_signed (decoder, 4);
      out->target = address + (decoder->at - start) + distance;
      return;
    }
  if (opcode >= 0xc8 && opcode <= 0xcf)
    {
      out->killed = bit (registers[(opcode & 7) | (decoder->rex & 1) << 3]);
      return;
    }
  read_modrm (decoder);
  if ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xa4 || opcode == 0xac || opcode == 0xba || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6))
    take (decoder);
  if ((opcode >= 0x40 && opcode <= 0x4f) || opcode == 0x2c || opcode == 0x2d || opcode == 0x50 || opcode == 0xaf || (opcode >= 0xb6 && opcode <= 0xb8)
      || (opcode >= 0xbc && opcode <= 0xbf) || opcode == 0xc5 || opcode == 0xd7)
    out->killed = bit (decoder->reg);
  else if ((opcode >= 0x90 && opcode <= 0x9f) || opcode == 0xab || opcode == 0xb3 || opcode == 0xbb || opcode == 0xa4 || opcode == 0xa5 || opcode == 0xac
           || opcode == 0xad || opcode == 0xba || (opcode == 0x7e && !decoder->has_f3))
    kill_rm (decoder);
  else if (opcode == 0xb0 || opcode == 0xb1 || opcode == 0xc0 || opcode == 0xc1 || opcode == 0xc7)
    {
      out->killed = bit (RAX) | bit (RDX) | bit (decoder->reg);
      kill_rm (decoder);
    }
}

/* Vector instructions: those that change a general register are few. */
static void
read_vex (Decoder *decoder, guint8 opcode)
{
  guint map = 1;
  if (opcode == 0xc4)
    {
      const guint8 first = take (decoder);
      map = first & 31;
      decoder->rex = (~first >> 5 & 7);
      take (decoder);
    }
  else
    decoder->rex = (~take (decoder) >> 5 & 4);
  const guint8 operation = take (decoder);
  if (map == 1 && operation == 0x77)
    return;
  read_modrm (decoder);
  if (map == 3 || (map == 1 && ((operation >= 0x70 && operation <= 0x73) || operation == 0xc2 || (operation >= 0xc4 && operation <= 0xc6))))
    take (decoder);
  decoder->out->killed = bit (decoder->reg);
  kill_rm (decoder);
}

static void
read_one_byte (Decoder *decoder, guint8 opcode, guint64 address, const guint8 *start)
{
  HatInstruction *out = decoder->out;
  const guint wide = decoder->is_short ? 2 : 4;
  const guint low = registers[(opcode & 7) | (decoder->rex & 1) << 3];
  /* add, or, adc, sbb, and, sub, xor, cmp */
  if (opcode < 0x40)
    {
      const guint operation = opcode >> 3;
      if ((opcode & 7) >= 4)
        {
          out->value = take_signed (decoder, (opcode & 7) == 4 ? 1 : wide);
          out->killed = operation == 7 ? 0 : bit (RAX);
          return;
        }
      read_modrm (decoder);
      const gboolean to_reg = opcode & 2, is_bytes = !(opcode & 1);
      const guint to = to_reg ? decoder->reg : decoder->mode == 3 ? decoder->rm : HAT_NO_REGISTER;
      if (operation != 7)
        out->killed = bit (to);
      if (decoder->mode != 3 || is_bytes)
        return;
      out->to = to;
      out->from = to_reg ? decoder->rm : decoder->reg;
      if (operation == 0)
        out->does = HAT_DO_ADD;
      else if (operation == 5)
        out->does = HAT_DO_SUBTRACT;
      else if (operation == 6 && decoder->reg == decoder->rm)
        out->does = HAT_DO_CONSTANT;
      return;
    }
  switch (opcode)
    {
    case 0x50 ... 0x57:
      out->does = HAT_DO_PUSH;
      out->from = low;
      return;
    case 0x58 ... 0x5f:
      out->does = HAT_DO_POP;
      out->killed = bit (low);
      return;
    case 0x63: /* movslq */
      read_modrm (decoder);
      out->killed = bit (decoder->reg);
      if (decoder->mode == 3)
        {
          out->does = HAT_DO_MOVE;
          out->is_wide = FALSE;
          out->to = decoder->reg;
          out->from = decoder->rm;
        }
      return;
    case 0x68:
      take_signed (decoder, wide);
      out->does = HAT_DO_PUSH;
      return;
    case 0x6a:
      take (decoder);
      out->does = HAT_DO_PUSH;
      return;
    case 0x69:
    case 0x6b:
      read_modrm (decoder);
      out->value = take_signed (decoder, opcode == 0x6b ? 1 : wide);
      out->killed = bit (decoder->reg);
      out->to = decoder->reg;
      out->from = decoder->mode == 3 ? decoder->rm : HAT_NO_REGISTER;
      out->does = HAT_DO_MULTIPLY;
      return;
    case 0x70 ... 0x7f:
      out->does = HAT_DO_BRANCH;
      out->is_equal = opcode == 0x74;
      out->is_unequal = opcode == 0x75;
      out->value = take_signed (decoder, 1);
      out->target = address + (decoder->at - start) + out->value;
      return;
    case 0x80:
    case 0x81:
    case 0x83:
      {
        const guint8 operation = decoder->at < decoder->end ? *decoder->at >> 3 & 7 : 0;
        read_modrm (decoder);
        out->value = take_signed (decoder, opcode == 0x81 ? wide : 1);
        if (operation == 7)
          {
            if (out->value == 0)
              out->does = HAT_DO_TEST;
            out->from = decoder->mode == 3 ? decoder->rm : HAT_NO_REGISTER;
            return;
          }
        kill_rm (decoder);
        if (decoder->mode == 3 && opcode != 0x80 && (operation == 0 || operation == 5))
          {
            out->does = operation == 0 ? HAT_DO_ADD : HAT_DO_SUBTRACT;
            out->to = decoder->rm;
          }
        return;
      }
    case 0x84:
    case 0x85:
      read_modrm (decoder);
      if (decoder->mode == 3 && decoder->reg == decoder->rm)
        {
          out->does = HAT_DO_TEST;
          out->from = decoder->reg;
        }
      return;
    case 0x86:
    case 0x87:
      read_modrm (decoder);
      out->killed = bit (decoder->reg);
      kill_rm (decoder);
      return;
    case 0x88:
      read_modrm (decoder);
      kill_rm (decoder);
      return;
    case 0x8a:
      read_modrm (decoder);
      out->killed = bit (decoder->reg);
      return;
    case 0x89:
    case 0x8b:
      read_move (decoder, opcode == 0x8b);
      return;
    case 0x8d:
      read_modrm (decoder);
      out->does = HAT_DO_ADDRESS;
      out->to = decoder->reg;
      out->killed = bit (decoder->reg);
      return;
    case 0x90:
    case 0x9b:
      return;
    case 0x91 ... 0x97:
      out->killed = bit (RAX) | bit (low);
      return;
    case 0x98: /* cltq */
      out->does = HAT_DO_MOVE;
      out->to = out->from = RAX;
      out->is_wide = FALSE;
      return;
    case 0x99:
      out->killed = bit (RDX);
      return;
    case 0xa4 ... 0xa7:
    case 0xaa ... 0xaf:
      out->killed = bit (RSI) | bit (RDI) | bit (RCX) | (opcode == 0xac || opcode == 0xad ? bit (RAX) : 0);
      return;
    case 0xa8:
    case 0xa9:
      take_signed (decoder, opcode == 0xa8 ? 1 : wide);
      return;
    case 0xb0 ... 0xb7:
      take (decoder);
      out->killed = bit (low);
      return;
    case 0xb8 ... 0xbf:
      out->does = HAT_DO_CONSTANT;
      out->to = low;
      out->killed = bit (low);
      out->value = decoder->rex & 8 ? take_signed (decoder, 8) : (gint64) (guint32) take_signed (decoder, wide);
      return;
    case 0xc0:
    case 0xc1:
    case 0xd0 ... 0xd3:
      {
        const guint8 operation = decoder->at < decoder->end ? *decoder->at >> 3 & 7 : 0;
        read_modrm (decoder);
        const guint count = opcode < 0xd0 ? take (decoder) : 1;
        kill_rm (decoder);
        if (decoder->mode == 3 && (opcode == 0xc1 || opcode == 0xd1) && operation == 4 && count < 32)
          {
            out->does = HAT_DO_MULTIPLY;
            out->to = out->from = decoder->rm;
            out->value = (gint64) 1 << count;
          }
        return;
      }
    case 0xc2:
    case 0xc3:
      take_signed (decoder, opcode == 0xc2 ? 2 : 0);
      out->does = HAT_DO_RETURN;
      return;
    case 0xc4:
    case 0xc5:
      read_vex (decoder, opcode);
      return;
    case 0xc6:
    case 0xc7:
      read_modrm (decoder);
      out->value = take_signed (decoder, opcode == 0xc6 ? 1 : wide);
      kill_rm (decoder);
      if (opcode == 0xc7 && decoder->mode == 3)
        {
          out->does = HAT_DO_CONSTANT;
          out->to = decoder->rm;
        }
      else if (opcode == 0xc7)
        out->does = HAT_DO_STORE; /* of a constant */
      return;
    case 0xc9:
      out->killed = bit (RBP) | bit (RSP);
      return;
    case 0xcc:
    case 0xf4:
      out->does = HAT_DO_STOP;
      return;
    case 0xd8 ... 0xdf:
      read_modrm (decoder);
      if (opcode == 0xdf)
        out->killed = bit (RAX);
      return;
    case 0xe8:
    case 0xe9:
      out->value = take_signed (decoder, 4);
      out->target = address + (decoder->at - start) + out->value;
      out->does = opcode == 0xe8 ? HAT_DO_CALL : HAT_DO_JUMP;
      return;
    case 0xeb:
      out->value = take_signed (decoder, 1);
      out->target = address + (decoder->at - start) + out->value;
      out->does = HAT_DO_JUMP;
      return;
    case 0xf6:
    case 0xf7:
      {
        const guint8 operation = decoder->at < decoder->end ? *decoder->at >> 3 & 7 : 0;
        read_modrm (decoder);
        if (operation < 2)
          take_signed (decoder, opcode == 0xf6 ? 1 : wide);
        else if (operation < 4)
          kill_rm (decoder);
        else
          out->killed = bit (RAX) | bit (RDX);
        return;
      }
    case 0xfe:
    case 0xff:
      {
        const guint8 operation = decoder->at < decoder->end ? *decoder->at >> 3 & 7 : 0;
        read_modrm (decoder);
        out->does = operation < 2    ? HAT_DO_OTHER
                    : operation == 2 ? HAT_DO_CALL
                    : operation == 4 ? HAT_DO_JUMP
                    : operation == 6 ? HAT_DO_PUSH
                                     : HAT_DO_STOP;
        if (operation < 2)
          kill_rm (decoder);
        out->target = 0;
        return;
      }
    default:
      out->does = HAT_DO_STOP;
    }
}

gboolean
hat_instruction_read (const guint8 *code, gsize n, guint64 address, HatInstruction *out)
{
  *out = (HatInstruction){ .to = HAT_NO_REGISTER, .from = HAT_NO_REGISTER, .base = HAT_NO_REGISTER, .index = HAT_NO_REGISTER, .scale = 1 };
  Decoder decoder = { .at = code, .end = code + MIN (n, MAX_LENGTH), .out = out };
  guint8 opcode = take (&decoder);
  while (!decoder.is_bad
         && (opcode == 0x66 || opcode == 0xf2 || opcode == 0xf3 || opcode == 0x2e || opcode == 0x36 || opcode == 0x3e || opcode == 0x26 || opcode == 0x64
             || opcode == 0x65 || opcode == 0xf0))
    {
      decoder.is_short |= opcode == 0x66;
      decoder.has_f3 |= opcode == 0xf3;
      opcode = take (&decoder);
    }
  if ((opcode & 0xf0) == 0x40)
    {
      decoder.rex = opcode;
      opcode = take (&decoder);
    }
  out->is_wide = (decoder.rex & 8) != 0;
  if (opcode == 0x0f)
    read_two_bytes (&decoder, address, code);
  else
    read_one_byte (&decoder, opcode, address, code);
  out->length = (guint) (decoder.at - code);
  if (out->base == HAT_NO_REGISTER && out->target == 1 && out->does != HAT_DO_CALL && out->does != HAT_DO_JUMP)
    out->target = address + out->length + (guint64) out->displacement;
  return !decoder.is_bad;
}
