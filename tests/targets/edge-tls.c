/* SPDX-License-Identifier: Apache-2.0
 * A plug-in with as much thread-local storage in the static block as the C library leaves for late libraries. */
#include <stdlib.h>

static __thread char room[1400] __attribute__ ((tls_model ("initial-exec")));

__attribute__ ((visibility ("default"))) void *plugin_allocate (size_t size);

void *
plugin_allocate (size_t size)
{
  room[size % sizeof room]++;
  return malloc (size);
}
