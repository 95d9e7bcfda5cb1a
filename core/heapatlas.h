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

#ifdef __cplusplus
}
#endif
