/* SPDX-License-Identifier: Apache-2.0
 * What a word points to, against a search that looks at every block. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/record/snapshot-copy.h"
#include "core/record/snapshot-scan.h"

typedef struct
{
  guint64 *addresses, *sizes;
  guint32 n;
} Blocks;

/* Runs of blocks far from each other, with gaps, sizes from 0 up, and some that span many MiB. */
static Blocks
make_blocks (GRand *random, guint32 n, guint64 alignment)
{
  Blocks blocks = { g_new (guint64, n), g_new (guint64, n), n };
  guint64 at = 0x5555000000ull + g_rand_int (random) % 100 * 8;

  for (guint32 i = 0; i < n; i++)
    {
      const guint kind = g_rand_int (random) % 1000;
      guint64 size = g_rand_int (random) % 200;
      if (kind < 3)
        size = (guint64) (g_rand_int (random) % 5000) << 12;
      else if (kind < 30)
        size = 0;
      blocks.addresses[i] = at;
      blocks.sizes[i] = size;
      at += MAX (size, 1);
      if (kind == 500)
        at += 1ull << 44;
      else if (kind > 900)
        at += g_rand_int (random) % 100000;
      at = (at + alignment - 1) / alignment * alignment;
    }
  return blocks;
}

static void
free_blocks (Blocks *blocks)
{
  g_free (blocks->addresses);
  g_free (blocks->sizes);
}

static guint32
naive_find (const Blocks *blocks, guint64 address)
{
  for (guint32 i = 0; i < blocks->n; i++)
    if (address >= blocks->addresses[i] && address < blocks->addresses[i] + MAX (blocks->sizes[i], 1))
      return i;
  return HAT_NO_BLOCK;
}

static void
test_index (void)
{
  static const guint64 alignments[] = { 16, 8, 1 };
  g_autoptr (GRand) random = g_rand_new_with_seed (11);

  for (guint round = 0; round < 60; round++)
    {
      Blocks blocks = make_blocks (random, 1 + g_rand_int (random) % 600, alignments[round % 3]);
      HatBlockIndex index;
      g_assert_true (hat_block_index_build (&index, blocks.addresses, blocks.sizes, blocks.n));
      for (guint32 i = 0; i < blocks.n; i++)
        {
          const guint64 start = blocks.addresses[i], size = blocks.sizes[i];
          const guint64 asked[] = { start, start + size / 2, start + size, start + size - 1, start - 1, start + 7, start + 8,
                                    start + (1 << 20), g_rand_int (random), (guint64) g_rand_int (random) << 16 };
          for (guint k = 0; k < G_N_ELEMENTS (asked); k++)
            g_assert_cmpuint (hat_block_index_find (&index, asked[k]), ==, naive_find (&blocks, asked[k]));
        }
      hat_block_index_clear (&index);
      free_blocks (&blocks);
    }
}

static void
test_empty_index (void)
{
  HatBlockIndex index;

  g_assert_true (hat_block_index_build (&index, NULL, NULL, 0));
  g_assert_cmpuint (hat_block_index_find (&index, 0), ==, HAT_NO_BLOCK);
  g_assert_cmpuint (hat_block_index_find (&index, 0x7fff12345678), ==, HAT_NO_BLOCK);
  hat_block_index_clear (&index);
}

/* Words of all kinds: starts, insides, ends, into modules, numbers. */
static guint64
make_word (GRand *random, const Blocks *blocks, const HatScanModule *modules, guint n_modules)
{
  const guint32 to = g_rand_int (random) % blocks->n;

  switch (g_rand_int (random) % 6)
    {
    case 0:
      return blocks->addresses[to];
    case 1:
      return blocks->addresses[to] + g_rand_int (random) % MAX (blocks->sizes[to], 1);
    case 2:
      return blocks->addresses[to] + blocks->sizes[to];
    case 3:
      return modules[g_rand_int (random) % n_modules].start + g_rand_int (random) % 20000;
    default:
      return g_rand_int (random);
    }
}

static void
test_scan (void)
{
  /* One before, between and behind the blocks. */
  static const HatScanModule modules[] = { { 0x1000, 0x3000, 0x1000, 4 }, { 0x5556000000ull, 0x5556001000ull, 0x5555000000ull, 9 },
                                           { 0x7ffff7000000ull, 0x7ffff7008000ull, 0x7ffff7000000ull, 2 } };
  g_autoptr (GRand) random = g_rand_new_with_seed (12);

  for (guint round = 0; round < 40; round++)
    {
      Blocks blocks = make_blocks (random, 1 + g_rand_int (random) % 300, 8);
      HatBlockIndex index;
      HatScan scan;
      HatSnapshot *out = g_new0 (HatSnapshot, 1);
      g_autoptr (GArray) words = g_array_new (FALSE, FALSE, 8); /* of all blocks */
      guint32 edge = 0, interior = 0, module_word = 0;

      g_assert_true (hat_block_index_build (&index, blocks.addresses, blocks.sizes, blocks.n));
      hat_scan_begin (&scan, &index, modules, G_N_ELEMENTS (modules), out);
      scan.has_popcnt &= round % 2;
      for (guint32 i = 0; i < blocks.n; i++)
        {
          const guint n = MIN (blocks.sizes[i] / 8, 100), first = words->len;
          for (guint k = 0; k < n; k++)
            {
              const guint64 word = make_word (random, &blocks, modules, G_N_ELEMENTS (modules));
              g_array_append_val (words, word);
            }
          /* In two pieces, as a block that is bigger than a window is. */
          const guint half = n / 3;
          if (n > 0)
            {
              hat_scan_words (&scan, i, 0, &g_array_index (words, guint64, first), half);
              hat_scan_words (&scan, i, half, &g_array_index (words, guint64, first + half), n - half);
            }
        }
      hat_scan_end (&scan);
      for (guint32 i = 0, first = 0; i < blocks.n; i++)
        {
          const guint n = MIN (blocks.sizes[i] / 8, 100);
          g_assert_cmpuint (out->first_edge[i], ==, edge);
          for (guint k = 0; k < n; k++)
            {
              const guint64 value = g_array_index (words, guint64, first + k);
              const guint32 to = naive_find (&blocks, value);
              const HatScanModule *module = NULL;
              for (guint m = 0; m < G_N_ELEMENTS (modules); m++)
                if (value >= modules[m].start && value < modules[m].end)
                  module = &modules[m];
              if (to != HAT_NO_BLOCK)
                {
                  const guint64 offset = value - blocks.addresses[to];
                  g_assert_cmpuint (edge, <, out->info.n_edges);
                  g_assert_cmpuint (out->edge_to[edge], ==, offset < 8 ? to : to | HAT_EDGE_INTERIOR);
                  g_assert_cmpuint (out->edge_word[edge], ==, k);
                  if (offset >= 8)
                    {
                      g_assert_cmpuint (out->interior_edge[interior], ==, edge);
                      g_assert_cmpuint (out->interior_offset[interior], ==, offset);
                      interior++;
                    }
                  edge++;
                }
              else if (module)
                {
                  const HatModuleWord *found = &out->module_words[module_word++];
                  g_assert_cmpuint (found->block, ==, i);
                  g_assert_cmpuint (found->word, ==, k);
                  g_assert_cmpuint (found->module, ==, module->module);
                  g_assert_cmpuint (found->offset, ==, value - module->bias);
                }
            }
          first += n;
        }
      g_assert_cmpuint (out->info.n_edges, ==, edge);
      g_assert_cmpuint (out->n_interior, ==, interior);
      g_assert_cmpuint (out->n_module_words, ==, module_word);
      g_assert_cmpuint (out->first_edge[blocks.n], ==, edge);
      hat_snapshot_free (out);
      hat_block_index_clear (&index);
      free_blocks (&blocks);
    }
}

/* Of ourselves: with a hole, joined neighbours, and pages that nobody has written to. */
static void
test_copy (void)
{
  guint8 *memory = mmap (NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const guint64 base = (gsize) memory;
  g_autoptr (HatCopy) copy = hat_copy_new (getpid (), 0), written = hat_copy_new (getpid (), 100000);
  guint64 n, value;

  for (guint i = 0; i < 40 * 4096; i += 8)
    memcpy (memory + i, &(guint64) { i }, 8);
  munmap (memory + 8 * 4096, 4096);
  hat_copy_add (copy, base + 20 * 4096, base + 30 * 4096);
  hat_copy_add (copy, base + 4096, base + 12 * 4096);
  hat_copy_add (copy, base + 12 * 4096 + 100, base + 12 * 4096 + 200);
  hat_copy_add (copy, base + 25 * 4096, base + 26 * 4096);
  g_assert_cmpuint (hat_copy_plan (copy), ==, 21 * 4096 + 200);
  g_assert_cmpuint (copy->ranges->len, ==, 2);
  g_assert_true (hat_copy_read (copy));
  g_assert_cmpuint (copy->n_read, ==, copy->size - 4096);
  g_assert_cmpuint (copy->n_read, ==, 20 * 4096 + 200);
  g_assert_true (hat_copy_word (copy, base + 4096, &value) && value == 4096);
  g_assert_true (hat_copy_word (copy, base + 9 * 4096, &value) && value == 9 * 4096);
  g_assert_true (hat_copy_word (copy, base + 8 * 4096, &value) && value == 0);
  g_assert_true (hat_copy_word (copy, base + 30 * 4096 - 8, &value) && value == 30 * 4096 - 8);
  g_assert_null (hat_copy_at (copy, base + 30 * 4096, &n));
  g_assert_null (hat_copy_at (copy, base, &n));

  const int pagemap = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  hat_copy_add_written (written, pagemap, base + 38 * 4096, base + 60 * 4096);
  close (pagemap);
  hat_copy_plan (written);
  g_assert_true (hat_copy_read (written));
  g_assert_cmpuint (written->n_read, ==, 2 * 4096);
  munmap (memory, 64 * 4096);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/index-equals-a-search", test_index);
  g_test_add_func ("/snapshot/index-of-nothing", test_empty_index);
  g_test_add_func ("/snapshot/scan-equals-a-search", test_scan);
  g_test_add_func ("/snapshot/copy-with-holes", test_copy);
  return g_test_run ();
}
