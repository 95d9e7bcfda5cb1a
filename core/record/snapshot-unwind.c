/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/snapshot-unwind.h"

#include <libunwind.h>
#include <string.h>

#define MAX_FRAMES 65536u
#define CALLEE_SAVED (1u << 3 | 1u << 6 | 1u << 7 | 0xfu << 12 | 1u << 16)
#define ALL_KNOWN 0x1ffffu
#define UDATA4 0x03         /* DW_EH_PE_udata4 */
#define TABLE_ENCODING 0x3b /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */

/* Not in libunwind's headers, but what its own readers of other processes are made of. */
int _Ux86_64_dwarf_search_unwind_table (unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);

struct _HatUnwinder
{
  const HatRootPlan *plan;
  const HatCopy *copy;
  HatModuleReader *reader;
  unw_addr_space_t space;
  const HatStoppedThread *thread; /* that is being walked */
};

/* ---- memory ---- */

static gboolean
read_word (HatUnwinder *unwinder, guint64 address, guint64 *out_value)
{
  guint64 n;
  if (hat_copy_word (unwinder->copy, address, out_value))
    return TRUE;
  const guint8 *bytes = hat_module_reader_at (unwinder->reader, address, &n);
  *out_value = 0;
  if (bytes)
    memcpy (out_value, bytes, MIN (n, 8));
  return bytes != NULL;
}

/* ---- what libunwind asks for ---- */

static int
access_memory (unw_addr_space_t space, unw_word_t address, unw_word_t *value, int is_write, void *data)
{
  guint64 word;

  if (is_write || !read_word (data, address, &word))
    return -UNW_EINVAL;
  *value = word;
  return 0;
}

static int
access_register (unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int is_write, void *data)
{
  const HatUnwinder *unwinder = data;
  guint64 registers[17];

  if (is_write || number < 0 || number > 16)
    return -UNW_EBADREG;
  hat_stopped_registers (unwinder->thread, registers);
  *value = registers[number];
  return 0;
}

static int
access_fp_register (unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int is_write, void *data)
{
  return -UNW_EBADREG;
}

static int
find_procedure (unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int wants_info, void *data)
{
  HatUnwinder *unwinder = data;
  const HatFoundModule *module = hat_roots_module_at (unwinder->plan, ip);
  const guint64 table = module ? module->unwind_table : 0;
  guint64 head, count;

  /* version 1, a relative .eh_frame, a count, and a table sorted by address, as all linkers write it. */
  if (table == 0 || !read_word (unwinder, table, &head) || (head & 0xff) != 1 || (head >> 16 & 0xff) != UDATA4 || (head >> 24 & 0xff) != TABLE_ENCODING
      || !read_word (unwinder, table + 8, &count))
    return -UNW_ENOINFO;
  unw_dyn_info_t found = { .format = UNW_INFO_FORMAT_REMOTE_TABLE, .start_ip = module->image.start, .end_ip = module->image.end };
  found.u.rti.segbase = table;
  found.u.rti.table_data = table + 12;
  found.u.rti.table_len = (count & G_MAXUINT32) * 8 / sizeof (unw_word_t);
  return _Ux86_64_dwarf_search_unwind_table (space, ip, &found, info, wants_info, data);
}

static void
put_procedure (unw_addr_space_t space, unw_proc_info_t *info, void *data)
{
}

static int
no_dynamic_info (unw_addr_space_t space, unw_word_t *address, void *data)
{
  return -UNW_ENOINFO;
}

static int
cannot_resume (unw_addr_space_t space, unw_cursor_t *cursor, void *data)
{
  return -UNW_EINVAL;
}

static int
no_name (unw_addr_space_t space, unw_word_t ip, char *buffer, size_t size, unw_word_t *offset, void *data)
{
  return -UNW_ENOINFO;
}

/* ---- walking ---- */

HatUnwinder *
hat_unwinder_new (const HatRootPlan *plan, HatModuleReader *reader, const HatCopy *copy)
{
  static unw_accessors_t accessors = { find_procedure, put_procedure, no_dynamic_info, access_memory, access_register, access_fp_register,
                                       cannot_resume, no_name };
  HatUnwinder *unwinder = g_new0 (HatUnwinder, 1);

  unwinder->plan = plan;
  unwinder->copy = copy;
  unwinder->reader = reader;
  unwinder->space = unw_create_addr_space (&accessors, 0);
  return unwinder;
}

void
hat_unwinder_free (HatUnwinder *unwinder)
{
  if (unwinder == NULL)
    return;
  if (unwinder->space)
    unw_destroy_addr_space (unwinder->space);
  g_free (unwinder);
}

gboolean
hat_unwinder_walk (HatUnwinder *unwinder, const HatStoppedThread *thread, GArray *frames)
{
  const guint64 hidden = thread->tid == unwinder->plan->held.tid ? unwinder->plan->held.cfa : 0;
  gboolean is_exact = TRUE;
  unw_cursor_t cursor;
  guint n = 0;

  unwinder->thread = thread;
  if (unwinder->space == NULL || unw_init_remote (&cursor, unwinder->space, unwinder) != 0)
    return FALSE;
  for (int step = 1; step > 0 && n < MAX_FRAMES; n++)
    {
      HatUnwoundFrame frame = { .is_exact = is_exact, .known = n == 0 || is_exact ? ALL_KNOWN : CALLEE_SAVED };
      for (guint i = 0; i <= 16; i++)
        {
          unw_word_t value = 0;
          if (unw_get_reg (&cursor, i, &value) != 0)
            frame.known &= ~(1u << i);
          frame.registers[i] = value;
          unw_save_loc_t location;
          if (CALLEE_SAVED >> i & 1 && i < 16 && unw_get_save_loc (&cursor, i, &location) == 0 && location.type == UNW_SLT_MEMORY)
            frame.saved[i] = location.u.addr;
        }
      frame.pc = frame.registers[16];
      if (frame.pc == 0)
        break;
      const HatFoundModule *module = hat_roots_module_at (unwinder->plan, is_exact ? frame.pc : frame.pc - 1);
      frame.module = module ? &module->image : NULL;
      is_exact = unw_is_signal_frame (&cursor) > 0;
      step = unw_step (&cursor);
      unw_word_t sp = 0;
      /* What the caller's stack pointer is, is the address above all that is this frame's. */
      frame.cfa = step > 0 && unw_get_reg (&cursor, UNW_REG_SP, &sp) == 0 ? sp : frame.registers[7];
      if (frame.cfa > hidden && !(module && module->is_hook))
        g_array_append_val (frames, frame);
    }
  return n > 1;
}
