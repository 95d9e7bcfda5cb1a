// SPDX-License-Identifier: Apache-2.0

// Blocks in C++ whose leak class is known: see leaks.h. What operator new hands out is noted by the operator itself, while a case runs.

#include "tests/targets/leaks.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

static const char *case_name, *case_class;

KEEP_CALL void *
operator new (std::size_t size)
{
  void *block = std::malloc (size);
  if (case_name)
    note (case_name, case_class, block, size);
  return block;
}

KEEP_CALL void *
operator new[] (std::size_t size)
{
  void *block = std::malloc (size);
  if (case_name)
    note (case_name, case_class, block, size);
  return block;
}

KEEP_CALL void operator delete (void *block) noexcept { std::free (block); }
KEEP_CALL void operator delete (void *block, std::size_t) noexcept { std::free (block); }
KEEP_CALL void operator delete[] (void *block) noexcept { std::free (block); }
KEEP_CALL void operator delete[] (void *block, std::size_t) noexcept { std::free (block); }

static void
begin (const char *name, const char *leak_class)
{
  case_name = name;
  case_class = leak_class;
}

struct WithDestructor
{
  long value[3] = { 1, 2, 3 };
  ~WithDestructor () { value[0] = 0; }
};

struct First
{
  virtual ~First () {}
  long a = 1;
};

struct Second
{
  virtual ~Second () {}
  long b = 2;
};

struct Both : First, Second
{
  long c = 3;
};

struct Owner
{
  std::unique_ptr<Owner> next;
  long payload[3] = {};
};

struct Peer
{
  std::shared_ptr<Peer> peer;
  long payload[3] = {};
};

// Not static: a variable that is only written to would not be there.
std::string *kept_string;
std::vector<std::string> *kept_vector;
WithDestructor *kept_array;
Second *kept_second;
std::map<int, int> *kept_map;
std::shared_ptr<Peer> *kept_shared;

KEEP_CALL static void
make_string ()
{
  begin ("string", "reachable");
  kept_string = new std::string (100, 'x');
}

KEEP_CALL static void
make_vector ()
{
  begin ("vector", "reachable");
  kept_vector = new std::vector<std::string> ();
  kept_vector->reserve (2);
  kept_vector->emplace_back (60, 'y');
  kept_vector->emplace_back ("short"); // inside: no block
}

// The pointer is 8 bytes behind the block's start, where the number of elements is.
KEEP_CALL static void
make_array ()
{
  begin ("array", "reachable");
  kept_array = new WithDestructor[5];
}

// The pointer is to the second base.
KEEP_CALL static void
make_inheritance ()
{
  begin ("inheritance", "reachable");
  kept_second = new Both;
}

KEEP_CALL static void
make_map ()
{
  begin ("map", "reachable");
  kept_map = new std::map<int, int>;
  for (int i = 0; i < 5; i++)
    (*kept_map)[i] = i;
}

KEEP_CALL static void
make_kept_shared ()
{
  begin ("kept_shared", "reachable");
  kept_shared = new std::shared_ptr<Peer> (std::make_shared<Peer> ());
}

KEEP_CALL static void
make_lost_string ()
{
  begin ("lost_string", "direct");
  std::string *lost = new std::string;
  begin ("lost_string", "indirect");
  lost->assign (70, 'z');
}

KEEP_CALL static void
make_lost_list ()
{
  Owner *first = nullptr;
  for (int i = 0; i < 4; i++)
    {
      begin ("lost_list", i == 3 ? "direct" : "indirect");
      Owner *owner = new Owner;
      owner->next.reset (first);
      first = owner;
    }
}

KEEP_CALL static void
make_shared_cycle ()
{
  begin ("shared_cycle", "cycle");
  auto a = std::make_shared<Peer> (), b = std::make_shared<Peer> ();
  a->peer = b;
  b->peer = a;
}

// Nodes point back into the header, which is inside the map itself; but they do not own it.
KEEP_CALL static void
make_lost_map ()
{
  begin ("lost_map", "direct");
  auto *lost = new std::map<int, int>;
  begin ("lost_map", "indirect");
  for (int i = 0; i < 3; i++)
    (*lost)[i] = i;
}

KEEP_CALL static void
make_lost_array ()
{
  begin ("lost_array", "direct");
  WithDestructor *volatile lost = new WithDestructor[3];
  lost = nullptr;
}

int
main ()
{
  make_string ();
  make_vector ();
  make_array ();
  make_inheritance ();
  make_map ();
  make_kept_shared ();
  make_lost_string ();
  make_lost_list ();
  make_shared_cycle ();
  make_lost_map ();
  make_lost_array ();
  case_name = nullptr;
  scrub ();
  finish ();
  return 0;
}
