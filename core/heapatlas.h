/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Heap Atlas for the programs it records. This header is all that is needed: nothing is linked, and a program that is
 * not being recorded runs as if the calls were not there. */

#ifdef __cplusplus
extern "C" {
#endif

extern void heapatlas_mark (const char *name) __attribute__ ((weak));

/* Names this instant; views and reports can be asked for it as mark:NAME. */
#define HEAPATLAS_MARK(name) \
  do \
    { \
      if (heapatlas_mark) \
        heapatlas_mark (name); \
    } \
  while (0)

/* The same, and the recorder takes a snapshot of the heap at this instant; the call returns when that is done. NAME is a
 * string literal. */
#define HEAPATLAS_SNAPSHOT(name) HEAPATLAS_MARK (HEAPATLAS_SNAPSHOT_MARK name)
#define HEAPATLAS_SNAPSHOT_MARK "snapshot:"

/* What the program knows of its own leaks, kept in its file (section .note.heapatlas). At file scope, one string literal.
 *
 *   HEAPATLAS_SUPPRESSIONS ("leak:init_cache\nleak:^plugin_")   leaks that are known, as in a file for leaks --suppressions
 *   HEAPATLAS_WEAK ("weak:node_new+16")                         pointers that do not own, as in a file for leaks --rules */
#define HEAPATLAS_SUPPRESSIONS(text) HEAPATLAS_NOTE_ (1, text, __LINE__)
#define HEAPATLAS_WEAK(text) HEAPATLAS_NOTE_ (2, text, __LINE__)

#define HEAPATLAS_NOTE_(kind, text, line) HEAPATLAS_NOTE_AT_ (kind, text, line)
#define HEAPATLAS_NOTE_AT_(kind, text, line) \
  static const struct \
  { \
    unsigned int name_bytes, text_bytes, type; \
    char name[12], content[(sizeof (text) + 3) / 4 * 4]; \
  } heapatlas_note_##line __attribute__ ((section (".note.heapatlas"), used, aligned (4))) = { 10, sizeof (text), kind, "heapatlas", text };

#ifdef __cplusplus
}
#endif
