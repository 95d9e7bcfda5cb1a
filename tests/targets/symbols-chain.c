/* SPDX-License-Identifier: Apache-2.0 */
/* C with inlined calls three deep, a static function, a cold path, a nested function, an assembler function without a
 * size, and a long function that the linker may drop: its debug info then claims the addresses from 0 on. */
#include <stdlib.h>

static volatile int sink;

#ifdef WITH_DROPPED
void
dropped (void)
{
  __asm__ volatile (".skip 16384, 0x90");
}
#endif

static inline __attribute__ ((always_inline)) int
innermost (int x)
{
  if (x == 12345)
    abort ();
  return x * rand ();
}

static inline __attribute__ ((always_inline)) int
middle (int x)
{
  int sum = 0;
  for (int i = 0; i < x; i++)
    sum += innermost (i) + innermost (i * 3);
  return sum;
}

__attribute__ ((noinline)) int
outermost (int x)
{
  int first = middle (x);
  return first + middle (x + first);
}

static __attribute__ ((noinline)) int
hidden (int x)
{
  if (__builtin_expect (x > 1000, 0))
    {
      sink = outermost (x);
      abort ();
    }
  return x + sink;
}

/* Code of its own without debug info, and without .size. */
__asm__ (".text\n.globl without_size\n.type without_size, @function\nwithout_size:\n nop\n nop\n nop\n ret\n");
int without_size (void);

int
main (int argc, char **argv)
{
  __attribute__ ((noinline)) int nested (int x) { return x + sink + rand (); }

  without_size ();
  return (outermost (argc) + hidden (argc) + nested (argc)) & 1;
}
