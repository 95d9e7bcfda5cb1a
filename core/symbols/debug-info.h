/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Functions, lines and inlined frames of many addresses of one file, from its DWARF, in one pass: only units that cover
 * an address are read, and in them only the functions that do. libdw keeps all it ever read, so the file's Dwarf is
 * closed and opened again before that gets large. */

#include "core/symbols/elf-file.h"
#include "core/trace/error.h"

G_BEGIN_DECLS

/* A function that covers an address, perhaps inlined into another one. */
typedef struct
{
  const char *function;  /* NULL = it has no name */
  const char *call_file; /* where it was inlined; NULL = unknown */
  guint32 call_line;
  guint32 caller; /* 1 + index of the frame it is inlined into; 0 = a function of its own */
} HatInlineFrame;

typedef struct
{
  guint64 address;
  const char *file;  /* NULL = unknown */
  guint32 line;      /* 0 = unknown */
  guint32 innermost; /* 1 + index of a frame; 0 = no function covers it */
  guint32 unit;      /* of the innermost frame; for internal use */
} HatCodeLocation;

typedef struct
{
  GArray *locations; /* HatCodeLocation, sorted by address; everything but the address is filled in */
  GArray *frames;    /* HatInlineFrame */
  GStringChunk *strings;
} HatCodeLocations;

/* `shared` is the file of .gnu_debugaltlink, or NULL. Damage only leaves locations empty. FALSE only if cancelled. */
gboolean hat_debug_info_find (HatElfFile *file, HatElfFile *shared, HatCodeLocations *out, const HatProgress *progress,
                              GError **error);

G_END_DECLS
