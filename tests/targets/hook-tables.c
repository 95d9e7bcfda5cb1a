/* SPDX-License-Identifier: Apache-2.0
 * hook-tables [threads]: allocates once below each of 32,768 functions, whose unwind information is a megabyte, with one thread or after
 * another one has been there. Prints "size N resident N": how large the mapping of that information is, and how much of it the
 * program has in memory in the end, in KiB. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { FUNCTIONS = 32768 };

__asm__ (".text\n"
         ".balign 32\n"
         "functions:\n"
         ".rept 32768\n"
         ".balign 32\n"
         ".cfi_startproc\n"
         "subq $8, %rsp\n"
         ".cfi_adjust_cfa_offset 8\n"
         "call *%rdi\n"
         "addq $8, %rsp\n"
         ".cfi_adjust_cfa_offset -8\n"
         "ret\n"
         ".cfi_endproc\n"
         ".endr\n");
extern char functions[];

static void *volatile kept;

static void
allocate (void)
{
  kept = malloc (24);
}

static void *
do_nothing (void *data)
{
  return data;
}

static long
resident (unsigned long address, long *out_size)
{
  FILE *file = fopen ("/proc/self/smaps", "r");
  unsigned long start, end;
  char line[512];
  long rss = -1;

  while (rss < 0 && fgets (line, sizeof line, file))
    if (sscanf (line, "%lx-%lx ", &start, &end) == 2 && address >= start && address < end)
      while (rss < 0 && fgets (line, sizeof line, file))
        sscanf (line, "Rss: %ld kB", &rss);
  *out_size = (long) ((end - start) / 1024);
  fclose (file);
  return rss;
}

int
main (int argc, char **argv)
{
  struct dl_find_object object;
  pthread_t thread;
  long size;

  if (_dl_find_object (functions, &object) != 0)
    return 1;
  if (argc > 1 && (pthread_create (&thread, NULL, do_nothing, NULL) != 0 || pthread_join (thread, NULL) != 0))
    return 1;
  for (int i = 0; i < FUNCTIONS; i++)
    ((void (*) (void (*) (void))) (functions + i * 32)) (allocate);
  const long rss = resident ((unsigned long) object.dlfo_eh_frame, &size);
  printf ("size %ld resident %ld\n", size, rss);
  return 0;
}
