/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/own-heap.h"

#include <malloc.h>
#include <unistd.h>

#include "core/trace/big-array.h"

#define SMALL_BYTES (6 << 20)
#define STEP_BYTES (16 << 20)
#define SMALL_MMAP_BYTES (1 << 20) /* buffers of events, which a short recording fills in part, are larger */
#define MMAP_BYTES (4 << 20)       /* below, what has outgrown its place leaves it to others. The encoder, which is seldom all touched, is larger */

void
hat_own_heap_prepare (HatOwnHeap *heap)
{
  /* With the first set, the C library does not raise the other two by itself. */
  mallopt (M_TOP_PAD, SMALL_BYTES / 3);
  mallopt (M_TRIM_THRESHOLD, STEP_BYTES * 4);
  mallopt (M_MMAP_THRESHOLD, SMALL_MMAP_BYTES);
  mallopt (M_ARENA_MAX, 1); /* for the writer's thread, too: memory that has been touched is worth more to it than a heap of its own */
  heap->start = heap->end = (gsize) sbrk (0);
}

void
hat_own_heap_advise (HatOwnHeap *heap)
{
  const gsize end = (gsize) sbrk (0);

  if (end - heap->start < SMALL_BYTES || end <= heap->end)
    return;
  hat_big_advise ((gpointer) heap->end, end - heap->end);
  heap->end = end;
  mallopt (M_TOP_PAD, STEP_BYTES);
  mallopt (M_MMAP_THRESHOLD, MMAP_BYTES);
}
