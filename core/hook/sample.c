/* SPDX-License-Identifier: Apache-2.0
 * Sampling by bytes: a Poisson process over the bytes that a thread allocates, one point in `hook_sample_bytes` of them
 * on average. A block that holds a point is recorded. The distance to the next point has no memory, so it starts anew
 * after such a block; an unsampled allocation is one subtraction.
 *
 * The addresses of the sampled blocks that live are kept here: a free asks one byte, of the block's page, and only if
 * that is not 0 the bucket of slots where the address would be. No locks: a slot changes by one compare and swap, and a
 * block's own life orders its arrival before its leaving. A forked child has its own copy, as it has of the blocks. */
#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  BUCKET_BITS = 17,
  BUCKET_SLOTS = 32, /* four cache lines */
  STICKY = 255,      /* of a filter byte: does not count any more */
};

uint64_t hook_sample_bytes;
uint8_t hook_sample_filter[1 << HOOK_FILTER_BITS];

static uint64_t *slots;

void
hook_sample_start (uint64_t bytes)
{
  if (bytes == 0)
    return;
  void *memory = (void *) hook_syscall (SYS_mmap, 0, (8ul * BUCKET_SLOTS) << BUCKET_BITS, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, (uint64_t) -1, 0);
  if (hook_failed (memory))
    memory = NULL; /* nothing can be sampled, and that is counted */
  slots = memory;
  __atomic_store_n (&hook_sample_bytes, bytes, __ATOMIC_RELEASE);
}

/* ---- chance ---- */

static uint64_t
next_random (void)
{
  uint64_t x = hook_locals.sample_random += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/* Exponentially distributed, at least 1: -ln (u) times the mean, in integers, for there is no libm here. */
static int64_t
next_gap (void)
{
  const uint64_t ln2 = 0xb17217f8; /* times 2^32 */
  const uint64_t random = next_random () | 1;
  const uint32_t zeros = (uint32_t) __builtin_clzl (random);
  uint64_t x = random << zeros; /* [1, 2) times 2^63 */
  uint64_t log2 = 0;            /* of x, times 2^32 */

  for (int i = 31; i >= 0; i--)
    {
      const unsigned __int128 square = (unsigned __int128) x * x;
      const bool is_two = square >> 127;
      log2 |= (uint64_t) is_two << i;
      x = (uint64_t) (square >> (is_two ? 64 : 63));
    }
  const uint64_t bits = ((zeros + 1ul) << 32) - log2;
  const uint64_t distance = (uint64_t) ((unsigned __int128) bits * ln2 >> 32);
  return (int64_t) ((unsigned __int128) distance * hook_sample_bytes >> 32) + 1;
}

HOOK_COLD bool
hook_sample_point (size_t size)
{
  if (hook_locals.sample_random == 0)
    {
      hook_locals.sample_random = (hook_tick () ^ (uint64_t) &hook_locals << 20) * 0x9e3779b97f4a7c15;
      hook_locals.sample_random ^= (uint64_t) hook_syscall (SYS_gettid, 0, 0, 0, 0, 0, 0) << 32 | 1;
      const int64_t left = next_gap () - (int64_t) size;
      if (left > 0)
        {
          hook_locals.sample_left = left;
          return false;
        }
    }
  hook_locals.sample_left = next_gap ();
  return true;
}

void
hook_sample_forked (void)
{
  hook_locals.sample_random = 0;
  hook_locals.sample_left = 0;
}

/* ---- the sampled blocks ---- */

static uint64_t *
bucket_of (const void *block)
{
  return slots + (((uint64_t) block >> 4) * 0x9e3779b97f4a7c15 >> (64 - BUCKET_BITS)) * BUCKET_SLOTS;
}

static void
count_in_filter (const void *block, int step)
{
  uint8_t *count = hook_sample_count (block);
  uint8_t old = __atomic_load_n (count, __ATOMIC_RELAXED);

  while (old != STICKY
         && !__atomic_compare_exchange_n (count, &old, (uint8_t) (old + step), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    ;
}

HOOK_COLD bool
hook_sample_remember (const void *block)
{
  if (slots)
    {
      uint64_t *bucket = bucket_of (block);
      count_in_filter (block, 1);
      for (uint32_t i = 0; i < BUCKET_SLOTS; i++)
        {
          uint64_t expected = 0;
          if (__atomic_load_n (&bucket[i], __ATOMIC_RELAXED) == 0
              && __atomic_compare_exchange_n (&bucket[i], &expected, (uint64_t) block, false, __ATOMIC_RELAXED,
                                              __ATOMIC_RELAXED))
            return true;
        }
      count_in_filter (block, -1);
    }
  __atomic_fetch_add (&hook_session.header->lost_events, 1, __ATOMIC_RELAXED);
  return false;
}

HOOK_COLD bool
hook_sample_remove (const void *block)
{
  uint64_t *bucket = bucket_of (block);

  for (uint32_t i = 0; i < BUCKET_SLOTS; i++)
    {
      uint64_t expected = (uint64_t) block;
      if (__atomic_load_n (&bucket[i], __ATOMIC_RELAXED) == expected
          && __atomic_compare_exchange_n (&bucket[i], &expected, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        {
          count_in_filter (block, -1);
          return true;
        }
    }
  return false;
}
