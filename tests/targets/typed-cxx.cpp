// SPDX-License-Identifier: Apache-2.0
// Blocks of C++ whose types are known: smart pointers in a tree and in a cycle, virtual classes, a list of unique_ptr, containers. What is
// said stands in typed.h.
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "typed.h"

namespace house {

// ---- shared_ptr down, weak_ptr up ----

struct Node
{
  int value;
  std::weak_ptr<Node> parent;
  std::vector<std::shared_ptr<Node>> children;
  explicit Node (int v) : value (v) {}
};

static const char node_block[] = "std::_Sp_counted_ptr_inplace<house::Node, *>";

// make_shared: the object follows its counts in one block.
template <typename T> const void *
block_of (const T *object)
{
  return (const char *) object - 16;
}

static std::shared_ptr<Node>
build_tree ()
{
  auto root = std::make_shared<Node> (1);
  for (int i = 0; i < 3; i++)
    {
      auto child = std::make_shared<Node> (10 + i);
      child->parent = root;
      root->children.push_back (child);
    }
  return root;
}

static void
say_tree (const std::shared_ptr<Node> &node)
{
  const void *block = block_of (node.get ());
  say_block (block, node_block);
  say ("value|%p|value|%d", block, node->value);
  say_count (block, node.use_count (), node->children.empty () ? 0 : (long) node->children.size ());
  if (auto parent = node->parent.lock ())
    say_edge (block, "parent", block_of (parent.get ()), "weak");
  if (node->children.empty ())
    return;
  const auto *data = node->children.data ();
  say_array (data, "std::shared_ptr<house::Node>", node->children.capacity ());
  say_edge (block, "children", data, "strong");
  for (unsigned i = 0; i < node->children.size (); i++)
    {
      char field[8];
      snprintf (field, sizeof field, "[%u]", i);
      say_edge (data, field, block_of (data[i].get ()), "strong");
      say_tree (data[i]);
    }
}

// ---- a cycle that nothing holds ----

struct Ring
{
  std::shared_ptr<Ring> next;
  long payload[3];
};

static KEEP_CALL void
lose_ring ()
{
  auto first = std::make_shared<Ring> (), last = first;
  for (int i = 0; i < 2; i++)
    {
      auto one = std::make_shared<Ring> ();
      last->next = one;
      last = one;
    }
  last->next = first;
  char list[200] = "";
  const Ring *at = first.get ();
  for (int i = 0; i < 3; i++, at = at->next.get ())
    {
      say_block (block_of (at), "std::_Sp_counted_ptr_inplace<house::Ring, *>");
      say_edge (block_of (at), "next", block_of (at->next.get ()), "strong");
      say_count (block_of (at), 1, 0);
      snprintf (list + strlen (list), sizeof list - strlen (list), "%s%p", i ? " " : "", block_of (at));
    }
  say ("cycle|next|%s", list);
}

// ---- shared_ptr of a pointer: counts in a block of their own ----

struct Document
{
  double rating;
  char title[20];
};

static std::shared_ptr<Document>
build_document ()
{
  return std::shared_ptr<Document> (new Document{ 4.5, "types" });
}

// ---- virtual classes ----

struct Shape
{
  virtual ~Shape () {}
  virtual double area () const = 0;
  int id = 3;
};
struct Circle : Shape
{
  double radius = 2;
  double area () const override { return 3 * radius * radius; }
};
struct Named
{
  virtual ~Named () {}
  std::string *name = nullptr;
};
struct Label : Shape, Named
{
  float width = 1, height = 2;
  double area () const override { return width * height; }
};

static std::vector<std::unique_ptr<Shape>>
build_shapes ()
{
  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.reserve (4);
  shapes.push_back (std::make_unique<Circle> ());
  auto label = std::make_unique<Label> ();
  label->name = new std::string ("a name that is too long to lie in the string itself");
  shapes.push_back (std::move (label));
  shapes.emplace_back (new Circle);
  return shapes;
}

static void
say_shapes (const std::vector<std::unique_ptr<Shape>> &shapes)
{
  say_array (shapes.data (), "std::unique_ptr<house::Shape, *>", 4);
  for (unsigned i = 0; i < shapes.size (); i++)
    {
      const auto *label = dynamic_cast<const Label *> (shapes[i].get ());
      char field[8];
      snprintf (field, sizeof field, "[%u]", i);
      say_block (shapes[i].get (), label ? "house::Label" : "house::Circle");
      say_edge (shapes.data (), field, shapes[i].get (), "strong");
      if (label)
        {
          say_block (label->name, "std::__cxx11::basic_string<char, *>");
          say_edge (label, "name", label->name, "any");
          say_array (label->name->data (), "char", label->name->capacity () + 1);
          say_edge (label->name, "_M_dataplus", label->name->data (), "strong");
        }
    }
}

// ---- a list of unique_ptr ----

struct Link
{
  std::unique_ptr<Link> next;
  Link *back;
  short number;
};

static std::unique_ptr<Link>
build_list ()
{
  std::unique_ptr<Link> head;
  for (int i = 0; i < 4; i++)
    {
      auto link = std::make_unique<Link> ();
      link->number = (short) i;
      link->next = std::move (head);
      if (link->next)
        link->next->back = link.get ();
      head = std::move (link);
    }
  return head;
}

static void
say_list (const Link *head)
{
  for (const Link *i = head; i; i = i->next.get ())
    {
      say_block (i, "house::Link");
      say ("value|%p|number|%d", (const void *) i, i->number);
      say_edge (i, "next", i->next.get (), "strong");
      say_edge (i, "back", i->back, "weak");
    }
}

// ---- containers, new at a call site ----

struct Config
{
  bool verbose = true;
  std::list<int> numbers;
  std::map<int, double> weights;
  std::unordered_map<int, Document *> documents;
};

static Config *
build_config (Document *document)
{
  auto config = new Config;
  config->numbers = { 1, 2, 3 };
  config->weights = { { 1, 0.5 }, { 2, 0.25 } };
  config->documents[7] = document;
  return config;
}

static void
say_config (const Config *config)
{
  say_block (config, "house::Config");
  say ("value|%p|verbose|true", (const void *) config);
  for (const int &number : config->numbers)
    say ("within|%p|std::_List_node<int>", (const void *) &number);
  for (const auto &pair : config->weights)
    say ("within|%p|std::_Rb_tree_node<std::pair<int const, double> >", (const void *) &pair);
  for (const auto &pair : config->documents)
    say ("within|%p|std::__detail::_Hash_node<std::pair<int const, house::Document*>, false>", (const void *) &pair);
}

} // namespace house

static double *samples;

int
main ()
{
  using namespace house;
  std::shared_ptr<Node> tree = build_tree ();
  std::shared_ptr<Document> document = build_document ();
  std::weak_ptr<Document> watcher = document;
  std::vector<std::unique_ptr<Shape>> shapes = build_shapes ();
  std::unique_ptr<Link> links = build_list ();
  Config *config = build_config (document.get ());
  std::vector<Circle> row (5);
  samples = new double[12];
  lose_ring ();

  say_tree (tree);
  say_block (document.get (), "house::Document");
  const void *counts = ((void **) &document)[1];
  say_block (counts, "std::_Sp_counted_ptr<house::Document\\*, *>");
  say_edge (counts, "_M_ptr", document.get (), "strong");
  say_count (counts, document.use_count (), 1);
  say_shapes (shapes);
  say_list (links.get ());
  say_config (config);
  say_array (row.data (), "house::Circle", 5);
  say_array (samples, "double", 12);
  say_variable ("main", "tree", "std::shared_ptr<house::Node>", block_of (tree.get ()));
  say_variable ("main", "shapes", "std::vector<std::unique_ptr<house::Shape, *> *>", shapes.data ());
  say_variable ("main", "links", "std::unique_ptr<house::Link, *>", links.get ());
  say ("global|samples|%p", (void *) samples);
  snapshot ();

  delete config;
  delete[] samples;
  return watcher.expired ();
}
