/* SPDX-License-Identifier: Apache-2.0
 * Two plug-ins from one source, of the same layout but for the frame of their function, so that stale rules of one
 * are wrong for the other. */
#include <stdlib.h>

#ifndef FRAME
#define FRAME 64
#endif

__attribute__ ((visibility ("default"))) void *plugin_allocate (size_t size);

void *
plugin_allocate (size_t size)
{
  volatile char room[FRAME];
  room[0] = 1;
  void *p = malloc (size);
  room[1] = 2;
  return p;
}
