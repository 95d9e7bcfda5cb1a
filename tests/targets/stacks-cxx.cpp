/* SPDX-License-Identifier: Apache-2.0
 * As stacks.c, through templates, virtual calls, lambdas, std::function and exceptions. */
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

void *volatile kept;
static int next_size = 100000;

namespace shapes
{
struct Shape
{
  virtual ~Shape () {}
  virtual void grow (int depth) = 0;
};
template <typename T> struct Box : Shape
{
  __attribute__ ((noinline)) void grow (int depth) override
  {
    if (depth == 0)
      kept = malloc (++next_size);
    else
      grow (depth - 1);
    __asm__ volatile ("");
  }
};
}

__attribute__ ((noinline)) static void call (const std::function<void ()> &f) { f (); __asm__ volatile (""); }

__attribute__ ((noinline)) static void thrower (int n)
{
  if (n % 2)
    throw n;
  kept = malloc (++next_size);
  __asm__ volatile ("");
}

int main ()
{
  shapes::Box<int> ints;
  shapes::Box<std::map<int, std::string>> maps;
  for (int i = 0; i < 6; i++)
    {
      static_cast<shapes::Shape &> (ints).grow (i);
      static_cast<shapes::Shape &> (maps).grow (i * 2);
    }
  for (int i = 0; i < 4; i++)
    call ([i] { kept = malloc (++next_size); __asm__ volatile ("" :: "r" (i)); });
  for (int i = 0; next_size < 100020; i++)
    try { thrower (i); } catch (int) {}
}
