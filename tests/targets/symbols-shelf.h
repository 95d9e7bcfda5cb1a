/* SPDX-License-Identifier: Apache-2.0 */
/* A small container, so that code of another file is inlined; no standard headers, to compile fast. */
#pragma once
#include <stdlib.h>

namespace shop
{
template <class T>
struct Shelf
{
  T *things = nullptr;
  int count = 0;

  struct Label
  {
    int number;
    __attribute__ ((noinline)) int get () const { return number * rand (); }
  };

  void
  grow ()
  {
    things = static_cast<T *> (realloc (things, sizeof (T) * (count + 1)));
  }

  void
  add (const T &thing)
  {
    grow ();
    things[count++] = thing;
  }

  ~Shelf () { free (things); }
};
}
