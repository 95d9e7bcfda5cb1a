/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded with LeakSanitizer: initialises it before the program's first call, as linking it in does. Else it crashes in programs
 * that set a signal's action before they allocate. */

void __lsan_init (void);

__attribute__ ((constructor (101))) static void
early (void)
{
  __lsan_init ();
}
