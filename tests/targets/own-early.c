/* SPDX-License-Identifier: Apache-2.0
 * A library of own-malloc.c's: allocates before the program begins. */
#include <stdlib.h>

__attribute__ ((visibility ("default"))) void *early;

__attribute__ ((constructor)) static void
allocate_early (void)
{
  early = malloc (100);
}
