/* SPDX-License-Identifier: Apache-2.0
 * hook-mark: allocates in a constructor, sets two marks round an allocation of 5005 bytes, and prints how many
 * descriptors are open and what the last error was before and after: "descriptors N errno 77". */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/heapatlas.h"

void *volatile kept;

__attribute__ ((constructor)) static void
early (void)
{
  kept = malloc (1111);
}

int
main (void)
{
  int n = 0;
  errno = 77;
  HEAPATLAS_MARK ("before");
  kept = malloc (5005);
  HEAPATLAS_MARK ("a name of several words, longer than one, \303\251");
  const int error = errno;
  DIR *dir = opendir ("/proc/self/fd");
  while (readdir (dir))
    n++;
  closedir (dir);
  printf ("descriptors %d errno %d\n", n, error);
  return 0;
}
