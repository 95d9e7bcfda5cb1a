/* SPDX-License-Identifier: Apache-2.0 */
/* What C++ does with layouts. The program prints where everything lies in its own objects, for the tests of types. */
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Empty { };
struct OtherEmpty { };
struct Plain { int a; char c; };
struct Tail : Plain { char t; };              /* POD base: its padding is kept */
struct Grown : Empty { int a; char c; };
struct InTail : Grown { char t; };            /* lies in the padding of Grown */
struct Poly { virtual ~Poly () { } int x; };
struct Derived : Poly { double d; char e; };
struct Two : Empty, Poly { long l; };
struct Both : Derived, Tail { short s; };
struct Virtual { int v; virtual ~Virtual () { } };
struct Left : virtual Virtual { char l; };
struct Right : virtual Virtual { char r; };
struct Diamond : Left, Right { double d; char e; };
struct Held { [[no_unique_address]] Empty e; int a; [[no_unique_address]] OtherEmpty o; };
struct alignas (64) Line { char a; };
struct Method { int (Plain::*f) (int); int Plain::*m; std::nullptr_t n; Plain &r; };
struct Matrix { char c; int m[3][4]; short s[2]; };
struct Padded { char a; double b; char c; int d; char e; };
struct __attribute__ ((packed)) Packed { char a; double b; short c; };
struct Outer { struct Inner; Inner *i; union { int n; float f; struct { short x, y; }; }; };
struct Outer::Inner { char q; long z; };
struct Smart { std::unique_ptr<Plain> u; std::shared_ptr<Plain> s; std::weak_ptr<Plain> w; std::string t; std::vector<int> v; };
enum class Colour : signed char { red = -1, green = 100 };
enum Big : unsigned long { huge = 0xfedcba9876543210ul };
template <typename T> struct Box { T v; char c; T get () const { return v; } };
namespace { struct Hidden { char a; int b; }; }
typedef struct { char a; long b; } Named;
struct Flexible { int n; char c; double d[]; };
union Either { char c[9]; long l; };

#define T(type) printf ("%s|%zu|%zu\n", #type, sizeof (type), alignof (type))
#define F(type, field) printf ("%s.%s|%zu|%zu\n", #type, #field, offsetof (type, field), sizeof (((type *) 0)->field))
#define B(type, base) do { static type object; printf ("%s:%s|%td\n", #type, #base, (char *) static_cast<base *> (&object) - (char *) &object); } while (0)

template <typename X> __attribute__ ((noinline)) X add_up (X a, X b) { return a + b; }
template <typename X> inline __attribute__ ((always_inline)) X twice (X a) { return a + a; }

int
main (int argc, char **)
{
  T (Empty); T (Plain); T (Tail); T (Grown); T (InTail); T (Poly); T (Derived); T (Two); T (Both); T (Left); T (Diamond); T (Held);
  T (Line); T (Method); T (Matrix); T (Padded); T (Packed); T (Outer); T (Outer::Inner); T (Smart); T (Colour); T (Big);
  T (Box<int>); T (Box<double>); T (Hidden); T (Named); T (Flexible); T (Either);
  F (Plain, a); F (Plain, c); F (Tail, t); F (Grown, a); F (Grown, c); F (InTail, t); F (Poly, x); F (Derived, d); F (Derived, e);
  F (Two, l); F (Both, s); F (Left, l); F (Diamond, d); F (Diamond, e); F (Held, a); F (Line, a); F (Method, f); F (Method, m); F (Method, n);
  F (Matrix, c); F (Matrix, m); F (Matrix, s); F (Padded, a); F (Padded, b); F (Padded, c); F (Padded, d); F (Padded, e);
  F (Packed, a); F (Packed, b); F (Packed, c); F (Outer, i); F (Outer::Inner, q); F (Outer::Inner, z);
  F (Smart, u); F (Smart, s); F (Smart, w); F (Smart, t); F (Smart, v); F (Box<int>, v); F (Box<int>, c); F (Box<double>, v); F (Box<double>, c);
  F (Hidden, a); F (Hidden, b); F (Named, a); F (Named, b); F (Flexible, n); F (Flexible, c); F (Either, c); F (Either, l);
  B (Tail, Plain); B (InTail, Grown); B (Grown, Empty); B (Derived, Poly); B (Two, Empty); B (Two, Poly); B (Both, Derived); B (Both, Tail);
  B (Left, Virtual); B (Diamond, Left); B (Diamond, Right); B (Diamond, Virtual);
  Colour colour = argc > 5 ? Colour::red : Colour::green;
  Big big = huge;
  Outer outer = { nullptr, { 3 } };
  std::map<int, Box<int>> boxes;
  boxes[1] = { add_up (argc, 2), 'x' };
  int *kept = new int[twice (argc)];
  double sum = add_up (1.5, (double) (int) colour) + twice (2.5) + boxes[1].get () + Box<double> { 1, 'c' }.get ();
  fprintf (stderr, "%g %lu %p %p\n", sum, (unsigned long) big, (void *) outer.i, (void *) kept);
}
