/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop over all words of all blocks. */

#include "core/record/snapshot-scan.h"

#include "core/trace/big-array.h"

void
hat_scan_begin (HatScan *scan, const HatBlockIndex *index, const HatScanModule *modules, guint n_modules, HatSnapshot *out)
{
  guint64 low = index->n > 0 ? index->low : G_MAXUINT64, high = index->low + index->span;

  if (n_modules > 0)
    {
      low = MIN (low, modules[0].start);
      high = MAX (high, modules[n_modules - 1].end);
    }
  *scan = (HatScan) { .index = index, .modules = modules, .n_modules = n_modules, .out = out, .low = low, .span = high - low };
  scan->has_popcnt = __builtin_cpu_supports ("popcnt");
  for (guint i = 0; i < HAT_SCAN_AHEAD; i++)
    scan->found[i].block = HAT_NO_BLOCK;
  out->first_edge = hat_big_new0 (guint32, index->n + 1);
}

static void
grow (HatScan *scan)
{
  scan->edges_room = MAX (scan->edges_room * 2, 1024);
  scan->out->edge_to = g_renew (guint32, scan->out->edge_to, scan->edges_room);
  scan->out->edge_word = g_renew (guint32, scan->out->edge_word, scan->edges_room);
  hat_big_advise (scan->out->edge_to, scan->edges_room * sizeof (guint32));
  hat_big_advise (scan->out->edge_word, scan->edges_room * sizeof (guint32));
}

static inline __attribute__ ((always_inline)) void
add_edge (HatScan *scan, guint32 to, guint64 offset, guint64 word)
{
  HatSnapshot *out = scan->out;
  const guint32 edge = out->info.n_edges;

  if (G_UNLIKELY (edge == scan->edges_room))
    {
      if (edge >= G_MAXUINT32 / 2)
        scan->is_full = TRUE;
      if (scan->is_full)
        return;
      grow (scan);
    }
  out->edge_to[edge] = offset < 8 ? to : to | HAT_EDGE_INTERIOR;
  out->edge_word[edge] = word;
  out->info.n_edges++;
  if (offset < 8)
    return;
  if (G_UNLIKELY (out->n_interior == scan->interior_room))
    {
      scan->interior_room = MAX (scan->interior_room * 2, 256);
      out->interior_edge = g_renew (guint32, out->interior_edge, scan->interior_room);
      out->interior_offset = g_renew (guint64, out->interior_offset, scan->interior_room);
    }
  out->interior_edge[out->n_interior] = edge;
  out->interior_offset[out->n_interior++] = offset;
}

const HatScanModule *
hat_scan_find_module (const HatScanModule *modules, guint n_modules, guint64 address)
{
  guint low = 0, high = n_modules;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (modules[middle].start <= address)
        low = middle + 1;
      else
        high = middle;
    }
  return low > 0 && address < modules[low - 1].end ? &modules[low - 1] : NULL;
}

static inline void
add_module_word (HatScan *scan, guint32 block, guint64 word, guint64 value)
{
  const HatScanModule *module = scan->n_modules > 0 ? &scan->modules[scan->last_module] : NULL;
  HatSnapshot *out = scan->out;

  if (module == NULL)
    return;
  if (value - module->start >= module->end - module->start)
    {
      module = hat_scan_find_module (scan->modules, scan->n_modules, value);
      if (module == NULL)
        return;
      scan->last_module = module - scan->modules;
    }
  if (out->n_module_words == G_MAXUINT32)
    return;
  if (G_UNLIKELY (out->n_module_words == scan->module_words_room))
    {
      scan->module_words_room = MAX (scan->module_words_room * 2, 256);
      out->module_words = g_renew (HatModuleWord, out->module_words, scan->module_words_room);
    }
  out->module_words[out->n_module_words++]
    = (HatModuleWord) { .block = block, .word = word, .module = module->module, .offset = value - module->bias };
}

static inline void
begin_block (HatScan *scan, guint32 block)
{
  while (scan->at < block)
    scan->out->first_edge[++scan->at] = scan->out->info.n_edges;
}

static inline __attribute__ ((always_inline)) void
look_up (HatScan *scan, const HatScanWord *found)
{
  if (found->block == HAT_NO_BLOCK)
    return;
  begin_block (scan, found->block);
  const guint32 to = hat_block_index_find (scan->index, found->value);
  if (to != HAT_NO_BLOCK)
    add_edge (scan, to, found->value - scan->index->addresses[to], found->word);
  else
    add_module_word (scan, found->block, found->word, found->value);
}

static inline __attribute__ ((always_inline)) void
scan_words (HatScan *scan, guint32 block, guint64 first, const guint64 *words, gsize n)
{
  const HatBlockIndex *index = scan->index;
  const guint64 low = scan->low, span = scan->span;

  for (gsize i = 0; i < n; i++)
    {
      const guint64 value = words[i];
      if (G_LIKELY (value - low >= span))
        continue;
      HatScanWord *last = &scan->found[scan->n_found % HAT_SCAN_AHEAD];
      look_up (scan, last);
      *last = (HatScanWord) { value, block, (guint32) (first + i) };
      hat_block_index_expect (index, value, FALSE);
      hat_block_index_expect (index, scan->found[(++scan->n_found + HAT_SCAN_AHEAD / 2) % HAT_SCAN_AHEAD].value, TRUE);
    }
}

/* Not every processor that runs the rest of us counts bits in one instruction. */
static __attribute__ ((target ("popcnt"))) void
scan_words_popcnt (HatScan *scan, guint32 block, guint64 first, const guint64 *words, gsize n)
{
  scan_words (scan, block, first, words, n);
}

void
hat_scan_words (HatScan *scan, guint32 block, guint32 first, const guint64 *words, gsize n)
{
  if (scan->has_popcnt)
    scan_words_popcnt (scan, block, first, words, n);
  else
    scan_words (scan, block, first, words, n);
}

void
hat_scan_end (HatScan *scan)
{
  for (guint i = 0; i < HAT_SCAN_AHEAD; i++)
    look_up (scan, &scan->found[scan->n_found++ % HAT_SCAN_AHEAD]);
  begin_block (scan, scan->index->n);
}
