// SPDX-License-Identifier: Apache-2.0
// C++ whose functions are named by templates, anonymous namespaces, local types and lambdas.
#include "symbols-shelf.h"

namespace shop
{
namespace
{
__attribute__ ((noinline)) int
secret (int n)
{
  Shelf<int> shelf;
  for (int i = 0; i < n; i++)
    shelf.add (i);
  return shelf.count + rand ();
}
}

static __attribute__ ((noinline)) double
hidden (double x)
{
  Shelf<double> shelf;
  shelf.add (x);
  shelf.add (x * 2);
  return shelf.things[rand () & 1];
}

struct Base
{
  virtual ~Base () {}
  virtual int order (int) = 0;
};

struct Derived : Base
{
  int
  order (int x) override
  {
    struct Local
    {
      static __attribute__ ((noinline)) int go (int y) { return y + rand (); }
    };
    return Local::go (x) + secret (x) + static_cast<int> (hidden (x));
  }
};

template <class F>
__attribute__ ((noinline)) int
call (F f)
{
  return f (3) + f (4);
}
}

int
main (int argc, char **argv)
{
  shop::Derived derived;
  shop::Base *base = &derived;
  int k = base->order (argc);
  k += shop::call ([&k] (int x) { k += rand (); return x + k; });
  shop::Shelf<long>::Label label { k };
  return (k + label.get ()) & 1;
}
