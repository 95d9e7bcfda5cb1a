/* SPDX-License-Identifier: Apache-2.0 */

/* The live-object map's model: addresses that hold blocks or allocator heaps are cut into pieces; pieces are lined up
 * in groups (main heap, each arena, all separately mapped blocks), where an address becomes an offset. */

#include "ui/draw/map-private.h"

#include "core/heap/estimate.h"
#include "core/heap/format.h"

#define PAGE 4096u
#define CLUSTER_GAP (G_GUINT64_CONSTANT (1) << 20) /* empty space worth hiding */
#define ARENA_SIZE (G_GUINT64_CONSTANT (64) << 20) /* glibc's HEAP_MAX_SIZE on 64 bits */
#define HEAP_GROWTH (G_GUINT64_CONSTANT (1) << 30) /* the brk heap may have grown since it was sampled */
#define MAX_ARENA_GROUPS 10

static void
group_free (gpointer data)
{
  HatMapGroup *group = data;

  g_free (group->title);
  g_array_unref (group->pieces);
  g_free (group);
}

static HatMapGroup *
add_group (HatMapModel *model, char *title)
{
  HatMapGroup *group = g_new0 (HatMapGroup, 1);

  group->title = title;
  group->pieces = g_array_new (FALSE, FALSE, sizeof (HatMapPiece));
  g_ptr_array_add (model->groups, group);
  return group;
}

static void
add_piece (HatMapGroup *group, const HatLive *live, HatMapPiece piece)
{
  for (guint64 i = 0; i < piece.n_blocks; i++)
    group->bytes += live->blocks[piece.first_block + i].size;
  piece.offset = group->size;
  group->size += piece.end - piece.start;
  group->n_blocks += piece.n_blocks;
  g_array_append_val (group->pieces, piece);
}

/* Index of the first block at or after `address`. */
guint64
hat_map_first_block (const HatLive *live, guint64 low, guint64 address)
{
  guint64 high = live->n;

  while (low < high)
    {
      guint64 middle = low + (high - low) / 2;
      if (live->blocks[middle].address < address)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static guint64
page_down (guint64 address)
{
  return address & ~(guint64) (PAGE - 1);
}

static guint64
page_up (guint64 address)
{
  return address > G_MAXUINT64 - PAGE ? page_down (address) : page_down (address + PAGE - 1);
}

/* Pieces of blocks [first, end) that lie in no heap of the allocator: clusters with their pages, between `floor`
 * and `limit`. */
static void
add_clusters (HatMapGroup *group, const HatLive *live, guint64 first, guint64 end, guint64 floor, guint64 limit)
{
  while (first < end)
    {
      guint64 last = first, reach = live->blocks[first].address + live->blocks[first].size;
      HatMapPiece piece = { .start = page_down (live->blocks[first].address), .first_block = first };

      piece.start = MAX (piece.start, floor);
      while (last + 1 < end && live->blocks[last + 1].address < reach + CLUSTER_GAP)
        {
          last++;
          reach = MAX (reach, live->blocks[last].address + live->blocks[last].size);
        }
      piece.n_blocks = last + 1 - first;
      piece.end = MAX (MIN (page_up (reach), limit), piece.start + 1);
      floor = piece.end;
      add_piece (group, live, piece);
      first = last + 1;
    }
}

/* Where a heap of the allocator may have grown to since its sample was taken. */
static guint64
growth_limit (const HatRegion *region, guint64 next_start)
{
  guint64 limit = region->kind == HAT_REGION_ARENA ? (region->start & ~(ARENA_SIZE - 1)) + ARENA_SIZE
                                                   : region->end + HEAP_GROWTH;

  return MAX (MIN (limit, next_start), region->end);
}

typedef struct
{
  HatMapPiece piece;
  HatRegionKind kind;
  guint64 bytes;
} HeapRegion;

static gint
compare_by_bytes (gconstpointer a, gconstpointer b)
{
  const HeapRegion *x = a, *y = b;

  return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

static gint
compare_by_start (gconstpointer a, gconstpointer b)
{
  const HeapRegion *x = a, *y = b;

  return x->piece.start < y->piece.start ? -1 : x->piece.start > y->piece.start;
}

/* The allocator's heaps as regions, with their blocks; blocks between them go to `mapped`. */
static GArray *
split_regions (const HatLive *live, const HatSample *sample, HatMapGroup *mapped)
{
  GArray *heaps = g_array_new (FALSE, FALSE, sizeof (HeapRegion));
  guint64 block = 0, floor = 0;

  for (guint i = 0; sample && i < sample->n_regions; i++)
    {
      const HatRegion *region = &sample->regions[i];
      guint64 next_start = i + 1 < sample->n_regions ? sample->regions[i + 1].start : G_MAXUINT64;
      HeapRegion heap = { .piece = { .start = region->start, .end = region->end }, .kind = region->kind };
      guint64 first, end;

      if ((region->kind != HAT_REGION_HEAP && region->kind != HAT_REGION_ARENA) || region->end <= region->start)
        continue;
      first = hat_map_first_block (live, block, region->start);
      end = hat_map_first_block (live, first, growth_limit (region, next_start));
      if (end > first)
        {
          guint64 reach = live->blocks[end - 1].address + live->blocks[end - 1].size;
          guint64 next_block = end < live->n ? live->blocks[end].address : G_MAXUINT64;
          heap.piece.end = MAX (region->end, MIN (page_up (reach), MIN (next_start, next_block)));
        }
      add_clusters (mapped, live, block, first, floor, region->start);
      heap.piece.first_block = first;
      heap.piece.n_blocks = end - first;
      for (guint64 b = first; b < end; b++)
        heap.bytes += live->blocks[b].size;
      block = end;
      floor = heap.piece.end;
      g_array_append_val (heaps, heap);
    }
  add_clusters (mapped, live, block, live->n, floor, G_MAXUINT64);
  return heaps;
}

/* The brk heap first, then the fullest arenas; many small arenas share one group. */
static void
add_heaps (HatMapModel *model, GArray *heaps)
{
  guint n_arenas = 0;
  HatMapGroup *rest = NULL;
  g_autoptr (GArray) small = g_array_new (FALSE, FALSE, sizeof (HeapRegion));

  for (guint i = 0; i < heaps->len; i++)
    if (g_array_index (heaps, HeapRegion, i).kind == HAT_REGION_HEAP)
      add_piece (add_group (model, g_strdup ("Main heap")), model->live, g_array_index (heaps, HeapRegion, i).piece);
  g_array_sort (heaps, compare_by_bytes);
  for (guint i = 0; i < heaps->len; i++)
    {
      HeapRegion *heap = &g_array_index (heaps, HeapRegion, i);
      if (heap->kind != HAT_REGION_ARENA)
        continue;
      if (++n_arenas <= MAX_ARENA_GROUPS)
        add_piece (add_group (model, g_strdup_printf ("Arena %u", n_arenas)), model->live, heap->piece);
      else
        g_array_append_val (small, *heap);
    }
  if (!small->len)
    return;
  g_array_sort (small, compare_by_start);
  rest = add_group (model, g_strdup_printf ("%u smaller arenas", small->len));
  for (guint i = 0; i < small->len; i++)
    add_piece (rest, model->live, g_array_index (small, HeapRegion, i).piece);
}

HatMapModel *
hat_map_model_new (HatHeap *heap, const HatLive *live, const HatSample *sample)
{
  HatMapModel *model = g_new0 (HatMapModel, 1);
  HatMapGroup *mapped = g_new0 (HatMapGroup, 1);
  g_autoptr (GArray) heaps = NULL;

  g_atomic_ref_count_init (&model->refs);
  model->heap = hat_heap_ref (heap);
  model->live = live;
  model->groups = g_ptr_array_new_with_free_func (group_free);
  mapped->pieces = g_array_new (FALSE, FALSE, sizeof (HatMapPiece));
  heaps = split_regions (live, sample, mapped);
  add_heaps (model, heaps);
  if (mapped->pieces->len)
    {
      mapped->title = g_strdup (heaps->len ? "Blocks mapped one by one" : "Heap memory");
      g_ptr_array_add (model->groups, mapped);
    }
  else
    group_free (mapped);
  return model;
}

HatMapModel *
hat_map_model_ref (HatMapModel *model)
{
  g_atomic_ref_count_inc (&model->refs);
  return model;
}

void
hat_map_model_unref (HatMapModel *model)
{
  if (!model || !g_atomic_ref_count_dec (&model->refs))
    return;
  g_ptr_array_unref (model->groups);
  hat_heap_unref (model->heap);
  g_free (model);
}

const HatLive *
hat_map_model_live (HatMapModel *model)
{
  return model->live;
}

const HatMapPiece *
hat_map_piece_at (const HatMapGroup *group, guint64 offset)
{
  guint low = 0, high = group->pieces->len;

  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (group->pieces, HatMapPiece, middle).offset <= offset)
        low = middle;
      else
        high = middle;
    }
  return &g_array_index (group->pieces, HatMapPiece, low);
}

gboolean
hat_map_find (const HatMapModel *model, guint64 address, guint *out_group, guint64 *out_offset)
{
  for (guint g = 0; g < model->groups->len; g++)
    {
      const HatMapGroup *group = model->groups->pdata[g];
      for (guint p = 0; p < group->pieces->len; p++)
        {
          const HatMapPiece *piece = &g_array_index (group->pieces, HatMapPiece, p);
          if (address >= piece->start && address < piece->end)
            {
              *out_group = g;
              *out_offset = piece->offset + (address - piece->start);
              return TRUE;
            }
        }
    }
  return FALSE;
}

char *
hat_map_summary (HatMapModel *model)
{
  const HatLive *live = model->live;
  g_autofree char *count = hat_format_count (live->n), *bytes = hat_format_bytes (live->bytes);
  g_autofree char *time = hat_format_time (live->time_ns), *words = hat_live_words (model->heap, live);
  guint64 size = 0;

  if (hat_heap_sample_bytes (model->heap) > 0)
    return g_strdup_printf ("Live-object map: %s.", words);
  if (!live->n)
    return g_strdup_printf ("Live-object map: no block is live at %s.", time);
  for (guint g = 0; g < model->groups->len; g++)
    size += ((HatMapGroup *) model->groups->pdata[g])->size;
  return g_strdup_printf ("Live-object map at %s: %s blocks, %s, in %u region%s that are %.0f %% filled.", time,
                          count, bytes, model->groups->len, model->groups->len == 1 ? "" : "s",
                          size ? 100.0 * (double) live->bytes / (double) size : 0);
}
