/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Code locations to functions, files, lines and inlined frames, from the files that were mapped: DWARF through libdw
 * with one walk through each needed compilation unit (libdw's own per-address calls cost up to 24 ms each, measured),
 * else .symtab, else .dynsym; separate debug files by build-id and .gnu_debuglink; names demangled (C++, Rust legacy
 * and v0), without parameters.
 *
 * Thread rule: no state is kept between calls (but in an `ahead`); they may run in any threads. Memory is bounded: a module
 * is opened, all its addresses are resolved in sorted order, and it is closed before the next one. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

typedef struct _HatSymbolsAhead HatSymbolsAhead; /* ahead.h */

typedef struct
{
  const char *sysroot; /* prefix for module paths, or NULL */
  /* NULL-terminated, searched for .build-id/ and debuglink files; NULL = /usr/lib/debug. Each is tried in the sysroot
   * first. */
  const char *const *debug_dirs;
  HatSymbolsAhead *ahead; /* what it has opened is used up; NULL = nothing */
  const char *cache;      /* folder where answers are kept from one call to the next, made if need be; NULL = they are not */
} HatSymbolOptions;

/* Resolves all `frames` (cut frames too: they are named "..."). A module whose file is missing, or has another
 * build-id, keeps "module+0xoffset" names (a stripped function "module+0xstart", so that it is one function);
 * hat_symbols_level() tells why. A module without build-id is not checked. NULL only if cancelled; options may be
 * NULL. */
HatSymbols *hat_symbols_resolve (const HatModule *modules, guint n_modules, const HatFrame *frames, guint n_frames,
                                 const HatSymbolOptions *options, const HatProgress *progress, GError **error);

/* Opens the trace's symbols if it has none (killed recording): resolves and hat_trace_set_symbols(). */
gboolean hat_symbols_ensure (HatTrace *trace, const HatProgress *progress, GError **error);

typedef enum
{
  HAT_SYMBOLS_NONE,    /* file missing or another build-id: offsets only */
  HAT_SYMBOLS_DYNAMIC, /* exported functions only */
  HAT_SYMBOLS_TABLE,   /* .symtab: functions, no lines */
  HAT_SYMBOLS_FULL,    /* functions, lines, inlined frames */
} HatSymbolsLevel;

/* What the module's files offer now, and in words what to install or keep for more (NULL if full). Free *out_advice
 * with g_free. */
HatSymbolsLevel hat_symbols_level (const HatModule *module, const HatSymbolOptions *options, char **out_advice);

/* Numbers of the notes in the section .note.heapatlas. */
typedef enum
{
  HAT_PROGRAM_SUPPRESSIONS = 1,
  HAT_PROGRAM_WEAK = 2,
  HAT_N_PROGRAM_NOTES,
} HatProgramNote;

/* The text that HEAPATLAS_SUPPRESSIONS() and HEAPATLAS_WEAK() of core/heapatlas.h put into these modules' files, line by line; NULL
 * where there is none. Free each with g_free. */
void hat_program_notes (const HatModule *modules, guint n_modules, char *out_texts[HAT_N_PROGRAM_NOTES]);

/* Demangled, or a copy. Free with g_free. */
char *hat_demangle (const char *name);

G_END_DECLS
