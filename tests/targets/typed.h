/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the truth programs of types share: lines that say what is true of the heap when the snapshot is taken, for
 * tests/e2e/test-typed.py, which says what each means. They go straight to the file, so that no buffer holds an address. */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "core/heapatlas.h"
#include "tests/targets/scrub.h"

static KEEP_CALL void
say (const char *format, ...)
{
  char line[512];
  va_list list;
  va_start (list, format);
  int n = vsnprintf (line, sizeof line - 1, format, list);
  va_end (list);
  line[n++] = '\n';
  if (write (1, line, n) != n)
    _exit (9);
}

static inline void
say_block (const void *block, const char *type)
{
  say ("block|%p|%s", block, type);
}

static inline void
say_array (const void *block, const char *type, unsigned count)
{
  say ("array|%p|%s|%u", block, type, count);
}

static inline void
say_edge (const void *from, const char *field, const void *to, const char *strength)
{
  if (to)
    say ("edge|%p|%s|%p|%s", from, field, to, strength);
}

static inline void
say_count (const void *block, long strong, long weak)
{
  say ("count|%p|%ld|%ld", block, strong, weak);
}

static inline void
say_variable (const char *function, const char *name, const char *type, const void *to)
{
  say ("variable|%s|%s|%s|%p", function, name, type, to);
}

static inline void
snapshot (void)
{
  scrub ();
  HEAPATLAS_SNAPSHOT ("held");
}
