/* SPDX-License-Identifier: Apache-2.0
 * Sampling by bytes: a Poisson process over the bytes that a thread allocates, one point in `hook_sample_bytes` of them
 * on average. A block that holds a point is recorded. The distance to the next point has no memory, so it starts anew
 * after such a block; an unsampled allocation is one subtraction.
 *
 * The addresses of the sampled blocks that live are kept here: a free asks one byte, of the block's page, and only if
 * that is not 0 the bucket of slots where the address would be. The first 4,096 or so lie near to each other, for a program
 * frees many others of the same pages. No locks: a slot changes by one compare and swap, and a block's own life orders its
 * arrival before its leaving. A forked child has its own copy, as it has of the blocks. */
#include "core/hook/hook.h"
#include "core/hook/sys.h"

enum
{
  NEAR_BITS = 9,
  NEAR_SLOTS = 8, /* one cache line */
  FAR_BITS = 17,
  FAR_SLOTS = 32,
  STICKY = 255,      /* of a filter byte: does not count any more */
};

uint64_t hook_sample_bytes;
uint8_t hook_sample_filter[1 << HOOK_FILTER_BITS];

static _Alignas (64) uint64_t near[1 << NEAR_BITS][NEAR_SLOTS];
static uint64_t (*far)[FAR_SLOTS]; /* from when a bucket of the others is full */

void
hook_sample_start (uint64_t bytes)
{
  if (bytes == 0)
    return;
  __atomic_store_n (&hook_sample_bytes, bytes, __ATOMIC_RELEASE);
  if (!hook_provider.foreign)
    hook_interpose_for (HOOK_SAMPLED);
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
      const int64_t left = next_gap () - 1 - (int64_t) size;
      if (left >= 0)
        {
          hook_locals.sample_left = left;
          return false;
        }
    }
  hook_locals.sample_left = next_gap () - 1;
  return true;
}

void
hook_sample_forked (void)
{
  hook_locals.sample_random = 0;
  hook_locals.sample_left = 0;
}

/* ---- the sampled blocks ---- */

static uint64_t
hash (const void *block, uint32_t bits)
{
  return ((uint64_t) block >> 4) * 0x9e3779b97f4a7c15 >> (64 - bits);
}

/* The first slot that holds `old` gets `new`; false: there is none. */
static inline bool
change (uint64_t *bucket, uint32_t n, uint64_t old, uint64_t new)
{
  for (uint32_t i = 0; i < n; i++)
    {
      uint64_t expected = old;
      if (__atomic_load_n (&bucket[i], __ATOMIC_RELAXED) == old
          && __atomic_compare_exchange_n (&bucket[i], &expected, new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return true;
    }
  return false;
}

static bool
change_far (const void *block, uint64_t old, uint64_t new)
{
  uint64_t (*table)[FAR_SLOTS] = __atomic_load_n (&far, __ATOMIC_ACQUIRE);
  return table && change (table[hash (block, FAR_BITS)], FAR_SLOTS, old, new);
}

static void
make_far (void)
{
  const size_t size = sizeof *far << FAR_BITS;
  uint64_t (*none)[FAR_SLOTS] = NULL;

  if (__atomic_load_n (&far, __ATOMIC_RELAXED))
    return;
  void *memory = hook_map (size);
  if (!hook_failed (memory)
      && !__atomic_compare_exchange_n (&far, &none, memory, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    hook_syscall (SYS_munmap, (uint64_t) memory, size, 0, 0, 0, 0);
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
  count_in_filter (block, 1);
  if (change (near[hash (block, NEAR_BITS)], NEAR_SLOTS, 0, (uint64_t) block))
    return true;
  make_far ();
  if (change_far (block, 0, (uint64_t) block))
    return true;
  count_in_filter (block, -1);
  __atomic_fetch_add (&hook_session.header->lost_events, 1, __ATOMIC_RELAXED);
  return false;
}

bool
hook_sample_has (const void *block)
{
  const uint64_t *bucket = near[hash (block, NEAR_BITS)], wanted = (uint64_t) block;
  bool is_near = false;

  for (uint32_t i = 0; i < NEAR_SLOTS; i++)
    is_near |= __atomic_load_n (&bucket[i], __ATOMIC_RELAXED) == wanted;
  return is_near || unlikely (change_far (block, wanted, wanted));
}

HOOK_COLD bool
hook_sample_remove (const void *block)
{
  if (!change (near[hash (block, NEAR_BITS)], NEAR_SLOTS, (uint64_t) block, 0) && !change_far (block, (uint64_t) block, 0))
    return false;
  count_in_filter (block, -1);
  return true;
}
