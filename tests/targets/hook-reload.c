/* SPDX-License-Identifier: Apache-2.0
 * hook-reload N A B: N times loads plug-in A, allocates 1001 bytes in it, unloads it, the same with B and 1002 bytes.
 * Prints how often B came to lie where A was, "same N". */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void *volatile kept;

__attribute__ ((noinline)) static void *
load_and_allocate (const char *path, size_t size)
{
  void *library = dlopen (path, RTLD_NOW);
  if (library == NULL)
    {
      fprintf (stderr, "%s\n", dlerror ());
      exit (1);
    }
  void *(*allocate) (size_t) = (void *(*) (size_t)) dlsym (library, "plugin_allocate");
  kept = allocate (size);
  dlclose (library);
  return (void *) allocate;
}

int
main (int argc, char **argv)
{
  const int n = atoi (argv[1]);
  int same = 0;

  for (int i = 0; i < n; i++)
    same += load_and_allocate (argv[2], 1001) == load_and_allocate (argv[3], 1002);
  printf ("same %d\n", same);
  return 0;
}
