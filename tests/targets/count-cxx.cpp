/* SPDX-License-Identifier: Apache-2.0
 * Counts what it allocates with new, new[] and std::vector, and what of it is freed, and prints the counters.
 * Everything is allocated below own_*(), so that a recording can be summed over exactly those. */
#include <cstdio>
#include <cstdlib>
#include <new>
#include <unistd.h>
#include <vector>

static unsigned long allocations, bytes, frees;

template <typename T> struct Counting
{
  using value_type = T;
  Counting () = default;
  template <typename U> Counting (const Counting<U> &) {}
  T *allocate (size_t n) { allocations++; bytes += n * sizeof (T); return static_cast<T *> (::operator new (n * sizeof (T))); }
  void deallocate (T *p, size_t) { frees++; ::operator delete (p); }
  bool operator== (const Counting &) const { return true; }
  bool operator!= (const Counting &) const { return false; }
};

struct Plain { long a[3]; };
struct alignas (64) Wide { char c[192]; };
struct Virtual { virtual ~Virtual () {} long v; };

static void *keep[64];

__attribute__ ((noinline)) void own_single (int n)
{
  for (int i = 0; i < n; i++)
    {
      Plain *p = new Plain; allocations++; bytes += sizeof *p;
      Virtual *v = new (std::nothrow) Virtual; allocations++; bytes += sizeof *v;
      Wide *w = new Wide; allocations++; bytes += sizeof *w;
      keep[i % 64] = p; /* leaked on purpose */
      delete v; frees++;
      delete w; frees++;
    }
}

__attribute__ ((noinline)) void own_array (int n)
{
  for (int i = 1; i <= n; i++)
    {
      char *p = new char[i]; allocations++; bytes += i;
      delete[] p; frees++;
    }
}

__attribute__ ((noinline)) void own_vector (int n)
{
  std::vector<int, Counting<int>> v;
  for (int i = 0; i < n; i++)
    v.push_back (i);
}

__attribute__ ((noinline)) void failing ()
{
  /* Neither may count: one throws, one returns null. */
  volatile size_t huge = (size_t) 1 << 62;
  try { keep[0] = ::operator new (huge); } catch (const std::bad_alloc &) {}
  if (::operator new (huge, std::nothrow)) abort ();
}

int main (int argc, char **)
{
  own_single (1000);
  own_array (500);
  own_vector (100000);
  if (argc == 1) /* mimalloc ends the program instead of throwing */
    failing ();
  char out[256];
  int n = snprintf (out, sizeof out, "{\"allocations\":%lu,\"bytes\":%lu,\"frees\":%lu}\n", allocations, bytes, frees);
  if (write (1, out, n) != n) return 1;
}
