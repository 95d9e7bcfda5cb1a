/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the truth programs of leaks share. Each block of a program's own is noted with the class that it must be found in; finish()
 * prints them: "case class address size". What is noted is kept inverted, so that the table holds no pointers.
 *
 * A stale word in a register or a stack slot would hold a block that the source says is lost: blocks are made in functions that
 * are not inlined (named make_CASE: memcheck's reports are told apart by them), and scrub() writes over their frames afterwards. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/targets/scrub.h"

typedef struct
{
  const char *name, *leak_class;
  uintptr_t hidden;
  size_t size;
} NotedBlock;

static NotedBlock noted[200];
static unsigned n_noted;

static KEEP_CALL void *
note (const char *name, const char *leak_class, void *block, size_t size)
{
  NotedBlock *entry = &noted[n_noted++];
  entry->name = name;
  entry->leak_class = leak_class;
  entry->hidden = ~(uintptr_t) block;
  entry->size = size;
  return block;
}

static inline void *
hide (void *block)
{
  return (void *) ~(uintptr_t) block;
}

static KEEP_CALL void
finish (void)
{
  static char line[256];
  for (unsigned i = 0; i < n_noted; i++)
    {
      const int n = snprintf (line, sizeof line, "%s %s 0x%lx %zu\n", noted[i].name, noted[i].leak_class,
                              (unsigned long) ~noted[i].hidden, noted[i].size);
      if (write (1, line, (size_t) n) != n)
        _exit (9);
    }
  scrub ();
}
