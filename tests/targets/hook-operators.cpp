// SPDX-License-Identifier: Apache-2.0
// hook-operators: 100 objects by operator new, 50 deleted, an array, an over-aligned one; "allocations N bytes N
// frees N" of its own. new of too much throws through the hook.
#include <cstdio>
#include <new>
#include <unistd.h>

struct Small { char data[24]; };
struct alignas (128) Wide { char data[128]; };

int
main ()
{
  static Small *objects[100];
  unsigned long thrown = 0;
  for (int i = 0; i < 100; i++)
    objects[i] = new Small;
  for (int i = 0; i < 50; i++)
    delete objects[i];
  for (int i = 0; i < 3; i++)
    try
      {
        volatile unsigned long size = 1ul << 60;
        objects[0] = (Small *) ::operator new (size);
      }
    catch (const std::bad_alloc &)
      {
        thrown++;
      }
  char *volatile array = new char[1000];
  delete[] array;
  Wide *volatile wide = new Wide;
  delete wide;
  char text[100];
  int n = snprintf (text, sizeof text, "allocations 102 bytes %d frees 52 thrown %lu\n", 100 * 24 + 1000 + 128, thrown);
  return write (1, text, n) != n;
}
