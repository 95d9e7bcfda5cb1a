/* SPDX-License-Identifier: Apache-2.0
 *
 * Words to events; the layout is in wire.h. */

#include "core/record/decode.h"

#include <string.h>

#include "core/trace/big-array.h"

#define MODULE_WORDS (sizeof (HatWireModule) / 8)
#define MAX_PATH_BYTES 4096u
#define MAX_MEMORY_BYTES (16u << 20)
#define MAX_SIZE (1ull << 48)
#define AHEAD_WORDS 64u

void
hat_decoder_clear (HatDecoder *decoder)
{
  g_clear_pointer (&decoder->nodes, g_free);
  decoder->n_nodes = decoder->capacity = 0;
  if (decoder->memory)
    g_string_free (decoder->memory, TRUE);
  decoder->memory = NULL;
}

static inline guint64
word_at (const HatDecoder *decoder, guint64 at)
{
  return __atomic_load_n (&decoder->words[at & (HAT_WIRE_RING_WORDS - 1)], __ATOMIC_RELAXED);
}

static inline guint
word_type (guint64 word)
{
  return word & 15;
}

static inline guint64
address_word_ticks (guint64 word)
{
  return word >> 4 & 0xffff;
}

static inline guint64
address_word_address (guint64 word)
{
  return word >> 20 << 3;
}

static HatDecodeResult
bad (HatDecoder *decoder, const char *what)
{
  decoder->bad = what;
  return HAT_DECODE_BAD;
}

/* ---- nodes ---- */

static void
add_node (HatDecoder *decoder, HatStackId stack)
{
  if (decoder->n_nodes == decoder->capacity)
    {
      decoder->capacity = decoder->capacity ? decoder->capacity * 2 : 1024;
      decoder->nodes = g_renew (HatStackId, decoder->nodes, decoder->capacity);
      hat_big_advise (decoder->nodes, decoder->capacity * sizeof (HatStackId));
    }
  decoder->nodes[decoder->n_nodes++] = stack;
}

static void
reset_nodes (HatDecoder *decoder)
{
  decoder->n_nodes = 0;
  add_node (decoder, HAT_STACK_NONE);
  add_node (decoder, HAT_STACK_TRUNCATED);
}

static HatDecodeResult
read_node (HatDecoder *decoder, guint64 word)
{
  const guint32 parent = word >> 4 & 0xffffff, index = word >> 28 & 0xfffffff;
  const gboolean has_ip = word_type (word) == HAT_WIRE_NODE_IP;
  HatFrameId frame;

  if (has_ip && decoder->at + 2 > decoder->head)
    return HAT_DECODE_EMPTY;
  if (parent >= decoder->n_nodes)
    return bad (decoder, "a stack node without its parent");
  if (decoder->n_nodes >= HAT_WIRE_MAX_NODES)
    return bad (decoder, "too many stack nodes");

  if (has_ip)
    {
      if (!hat_stacks_frame (decoder->stacks, decoder->modules, word_at (decoder, decoder->at + 1), decoder->must, &frame))
        return HAT_DECODE_STALLED;
    }
  else if (index == HAT_WIRE_IP_CUT)
    frame = hat_stacks_cut_frame (decoder->stacks);
  else if (index >= MIN (__atomic_load_n (decoder->n_ips, __ATOMIC_RELAXED), HAT_WIRE_MAX_IPS))
    return bad (decoder, "a stack node without its address");
  else if (!hat_stacks_frame_at (decoder->stacks, decoder->modules, index, decoder->must, &frame))
    return HAT_DECODE_STALLED;

  add_node (decoder, hat_stacks_node (decoder->stacks, decoder->nodes[parent], frame));
  decoder->at += has_ip ? 2 : 1;
  decoder->must = FALSE;
  return HAT_DECODE_EVENT;
}

/* ---- modules ---- */

/* Reads the announcement at `at`. Returns its words, 0 if it is not all there, -1 if it makes no sense. */
static gint
read_module (HatDecoder *decoder, guint64 at, guint64 head)
{
  const guint64 n_words = word_at (decoder, at) >> 4;
  guint64 raw[MODULE_WORDS];
  HatWireModule wire;
  char path[MAX_PATH_BYTES + 1];

  if (n_words < MODULE_WORDS || n_words > MODULE_WORDS + MAX_PATH_BYTES / 8)
    return -1;
  if (at + 1 + n_words > head)
    return 0;
  for (guint i = 0; i < MODULE_WORDS; i++)
    raw[i] = word_at (decoder, at + 1 + i);
  memcpy (&wire, raw, sizeof wire);
  if (wire.start >= wire.end || wire.name_bytes > (n_words - MODULE_WORDS) * 8)
    return -1;
  for (guint i = 0; i < wire.name_bytes; i += 8)
    {
      const guint64 word = word_at (decoder, at + 1 + MODULE_WORDS + i / 8);
      memcpy (path + i, &word, 8);
    }
  path[wire.name_bytes] = 0;

  HatModule module = { .path = path, .start = wire.start, .end = wire.end, .bias = wire.bias };
  memcpy (module.build_id, wire.build_id, sizeof module.build_id);
  hat_stacks_add_module (decoder->stacks, decoder->modules, &module);
  return 1 + n_words;
}

/* How many words the one at `at` and what belongs to it are; 0: not known. */
static guint64
words_of (const HatDecoder *decoder, guint64 at, guint64 head)
{
  const guint64 word = word_at (decoder, at);
  guint64 n = 1;

  switch (word_type (word))
    {
    case HAT_WIRE_ALLOC:
    case HAT_WIRE_FREE_STACK:
    case HAT_WIRE_NODE_IP:
    case HAT_WIRE_XADDR:
    case HAT_WIRE_XSIZE:
      return 2;
    case HAT_WIRE_MODULE:
      return 1 + (word >> 4);
    case HAT_WIRE_REALLOC:
    case HAT_WIRE_MARK:
    case HAT_WIRE_MEMORY:
      for (guint type; at + n < head; n += type == HAT_WIRE_TIME ? 1 : 2)
        if ((type = word_type (word_at (decoder, at + n))) != HAT_WIRE_TIME && type != HAT_WIRE_XADDR)
          return n + 1 + (word_type (word) == HAT_WIRE_REALLOC ? 1 : ((word >> 4) + 7) / 8);
      return 0;
    default:
      return 1;
    }
}

void
hat_decoder_look_ahead (HatDecoder *decoder, guint64 head)
{
  guint64 at = MAX (decoder->looked_at, decoder->at);

  if (head - decoder->at > HAT_WIRE_RING_WORDS)
    return;
  for (guint64 n; at < head && (n = words_of (decoder, at, head)) != 0 && n <= head - at; at += n)
    if (word_type (word_at (decoder, at)) == HAT_WIRE_MODULE && read_module (decoder, at, head) <= 0)
      break;
  decoder->looked_at = at;
}

/* ---- events ---- */

/* Takes in the words that may stand before a stamp, from *at on. FALSE: the head is reached. */
static inline gboolean
read_escapes (HatDecoder *decoder, guint64 *at, guint64 *ticks)
{
  for (;;)
    {
      if (*at >= decoder->head)
        return FALSE;
      const guint64 word = word_at (decoder, *at);
      switch (word_type (word))
        {
        case HAT_WIRE_TIME:
          *ticks = word >> 4;
          *at += 1;
          break;
        case HAT_WIRE_XADDR:
        case HAT_WIRE_XSIZE:
          if (*at + 2 > decoder->head)
            return FALSE;
          if (word_type (word) == HAT_WIRE_XADDR)
            {
              decoder->escapes.full_address = word_at (decoder, *at + 1);
              decoder->escapes.has_address = TRUE;
            }
          else
            {
              decoder->escapes.full_size = word_at (decoder, *at + 1);
              decoder->escapes.has_size = TRUE;
            }
          *at += 2;
          break;
        default:
          return TRUE;
        }
    }
}

static inline guint64
take_address (HatDecoder *decoder, guint64 word)
{
  const guint64 address = G_UNLIKELY (decoder->escapes.has_address) ? decoder->escapes.full_address : address_word_address (word);
  decoder->escapes.has_address = FALSE;
  return address;
}

/* Size and stack. */
static inline gboolean
take_block (HatDecoder *decoder, guint64 word, HatRawEvent *event)
{
  const guint32 node = word & 0xffffff;

  event->number = G_UNLIKELY (decoder->escapes.has_size) ? decoder->escapes.full_size : word >> 24;
  decoder->escapes.has_size = FALSE;
  if (G_UNLIKELY (node >= decoder->n_nodes || event->number >= MAX_SIZE))
    return FALSE;
  event->stack = decoder->nodes[node];
  return TRUE;
}

static inline HatDecodeResult
later (HatDecoder *decoder, guint64 ticks)
{
  decoder->next_ticks = decoder->next_began = ticks;
  return HAT_DECODE_LATER;
}

static HatDecodeResult
read_reallocation (HatDecoder *decoder, guint64 first, guint64 limit, HatRawEvent *event)
{
  guint64 at = decoder->at + 1, ticks = decoder->ticks + address_word_ticks (first);
  const HatDecoderEscapes before = decoder->escapes;

  event->old_ticks = ticks;
  event->old = take_address (decoder, first);
  if (!read_escapes (decoder, &at, &ticks) || at + 2 > decoder->head)
    {
      decoder->escapes = before;
      return HAT_DECODE_EMPTY;
    }
  const guint64 second = word_at (decoder, at);
  ticks += address_word_ticks (second);
  if (ticks > limit)
    {
      decoder->escapes = before;
      later (decoder, ticks);
      decoder->next_began = event->old_ticks;
      return HAT_DECODE_LATER;
    }
  event->address = take_address (decoder, second);
  if (!take_block (decoder, word_at (decoder, at + 1), event) || event->address == 0)
    return bad (decoder, "a reallocation without its stack or size");
  event->kind = HAT_RAW_REALLOC;
  event->ticks = decoder->ticks = ticks;
  decoder->at = at + 2;
  return HAT_DECODE_EVENT;
}

static inline char
byte_at (const HatDecoder *decoder, guint64 first, guint64 i)
{
  return (char) (word_at (decoder, first + i / 8) >> (i % 8 * 8));
}

/* A MARK, or a piece of MEMORY, of which only the last makes an event (*out_is_event). */
static HatDecodeResult
read_text (HatDecoder *decoder, guint64 first, guint64 limit, HatRawEvent *event, gboolean *out_is_event)
{
  const guint64 n_bytes = first >> 4, n_words = (n_bytes + 7) / 8;
  const gboolean is_mark = word_type (first) == HAT_WIRE_MARK;

  if (n_bytes > HAT_WIRE_RING_BYTES / 2)
    return bad (decoder, "a text that is too long");
  guint64 at = decoder->at + 1, ticks = decoder->ticks;
  if (!read_escapes (decoder, &at, &ticks) || at + 1 + n_words > decoder->head)
    return HAT_DECODE_EMPTY;
  ticks += address_word_ticks (word_at (decoder, at));
  if (ticks > limit)
    return later (decoder, ticks);

  decoder->escapes = (HatDecoderEscapes) {};
  event->ticks = decoder->ticks = ticks;
  event->kind = is_mark ? HAT_RAW_MARK : HAT_RAW_MEMORY;
  decoder->at = at + 1 + n_words;
  *out_is_event = is_mark || n_bytes == 0;
  if (is_mark)
    {
      for (guint64 i = 0; i < sizeof decoder->name - 1; i++)
        decoder->name[i] = i < n_bytes ? byte_at (decoder, at + 1, i) : 0;
      decoder->name[sizeof decoder->name - 1] = 0;
      return HAT_DECODE_EVENT;
    }
  if (decoder->memory == NULL)
    decoder->memory = g_string_new (NULL);
  for (guint64 i = 0; i < n_bytes && decoder->memory->len < MAX_MEMORY_BYTES; i++)
    g_string_append_c (decoder->memory, byte_at (decoder, at + 1, i));
  return HAT_DECODE_EVENT;
}

static HatDecodeResult
read_event (HatDecoder *decoder, guint64 limit, HatRawEvent *event)
{
  while (decoder->at < decoder->head)
    {
      const guint64 word = word_at (decoder, decoder->at);
      guint64 ticks = decoder->ticks + address_word_ticks (word);
      HatDecodeResult result;
      gboolean is_event;
      gint n_words;

      switch (word_type (word))
        {
        case HAT_WIRE_ALLOC:
          if (ticks > limit)
            return later (decoder, ticks);
          if (decoder->at + 2 > decoder->head)
            return HAT_DECODE_EMPTY;
          event->address = take_address (decoder, word);
          if (!take_block (decoder, word_at (decoder, decoder->at + 1), event) || event->address == 0)
            return bad (decoder, "an allocation without its stack or size");
          event->kind = HAT_RAW_ALLOC;
          event->ticks = decoder->ticks = ticks;
          decoder->at += 2;
          return HAT_DECODE_EVENT;

        case HAT_WIRE_FREE:
          if (ticks > limit)
            return later (decoder, ticks);
          event->kind = HAT_RAW_FREE;
          event->address = take_address (decoder, word);
          event->stack = HAT_STACK_NONE;
          event->ticks = decoder->ticks = ticks;
          decoder->at += 1;
          return HAT_DECODE_EVENT;

        case HAT_WIRE_FREE_STACK:
          if (ticks > limit)
            return later (decoder, ticks);
          if (decoder->at + 2 > decoder->head)
            return HAT_DECODE_EMPTY;
          event->kind = HAT_RAW_FREE;
          event->address = take_address (decoder, word);
          if (!take_block (decoder, word_at (decoder, decoder->at + 1), event))
            return bad (decoder, "a free without its stack");
          event->ticks = decoder->ticks = ticks;
          decoder->at += 2;
          return HAT_DECODE_EVENT;

        case HAT_WIRE_REALLOC:
          return read_reallocation (decoder, word, limit, event);

        case HAT_WIRE_NODE:
        case HAT_WIRE_NODE_IP:
          decoder->has_nodes = TRUE;
          result = read_node (decoder, word);
          if (result != HAT_DECODE_EVENT)
            return result;
          break;

        case HAT_WIRE_NODE_RESET:
          reset_nodes (decoder);
          decoder->at += 1;
          break;

        case HAT_WIRE_TIME:
        case HAT_WIRE_XADDR:
        case HAT_WIRE_XSIZE:
          if (!read_escapes (decoder, &decoder->at, &decoder->ticks))
            return HAT_DECODE_EMPTY;
          break;

        case HAT_WIRE_MODULE:
          n_words = read_module (decoder, decoder->at, decoder->head);
          if (n_words == 0)
            return HAT_DECODE_EMPTY;
          if (n_words < 0)
            return bad (decoder, "a module that makes no sense");
          decoder->at += n_words;
          break;

        case HAT_WIRE_FORK:
          if (decoder->ticks > limit)
            return later (decoder, decoder->ticks);
          event->kind = HAT_RAW_FORK;
          event->ticks = decoder->ticks;
          event->number = word >> 4;
          decoder->at += 1;
          return HAT_DECODE_EVENT;

        case HAT_WIRE_MARK:
        case HAT_WIRE_MEMORY:
          result = read_text (decoder, word, limit, event, &is_event);
          if (result != HAT_DECODE_EVENT || is_event)
            return result;
          break;

        case HAT_WIRE_MOVING:
          if (ticks > limit)
            return later (decoder, ticks);
          event->kind = HAT_RAW_MOVING;
          event->old = take_address (decoder, word);
          event->old_ticks = event->ticks = decoder->ticks = ticks;
          decoder->at += 1;
          return HAT_DECODE_EVENT;

        default:
          return bad (decoder, "a word of no known kind");
        }
    }
  return HAT_DECODE_EMPTY;
}

/* Most events: allocations and frees without anything special about them, and not where the ring begins again. Returns how many came before
 * the first other word. Which of the two an event is does not decide where the code goes: a processor could not guess it. */
static guint
read_plain_events (HatDecoder *decoder, guint64 limit, HatRawEvent *events, guint max)
{
  G_STATIC_ASSERT (HAT_WIRE_FREE == 1 && HAT_WIRE_ALLOC == 2 && HAT_RAW_ALLOC == 0 && HAT_RAW_FREE == 1);
  const HatStackId *nodes = decoder->nodes;
  const guint64 n_nodes = decoder->n_nodes, in_ring = decoder->at & (HAT_WIRE_RING_WORDS - 1);
  const guint64 *first = decoder->words + in_ring, *word = first;
  const guint64 *end = first + MIN (decoder->head - decoder->at, HAT_WIRE_RING_WORDS - in_ring);
  guint64 ticks = decoder->ticks;
  HatRawEvent *event = events;

  if (G_UNLIKELY (decoder->escapes.has_address || decoder->escapes.has_size))
    return 0;
  while (event < events + max && end - word >= 2)
    {
      const guint64 address_word = __atomic_load_n (&word[0], __ATOMIC_RELAXED);
      const guint type = word_type (address_word), is_alloc = type >> 1;
      const guint64 block_word = __atomic_load_n (&word[1], __ATOMIC_RELAXED) & -(guint64) is_alloc;
      const guint64 address = address_word_address (address_word), then = ticks + address_word_ticks (address_word);
      const guint64 node = block_word & 0xffffff;

      if (type - HAT_WIRE_FREE > HAT_WIRE_ALLOC - HAT_WIRE_FREE)
        break;
      if (G_UNLIKELY (then > limit) || G_UNLIKELY (node >= n_nodes) || G_UNLIKELY (address < is_alloc)) /* a block at 0 */
        break;
      event->ticks = ticks = then;
      event->address = address;
      event->number = block_word >> 24;
      event->stack = nodes[node]; /* of a free the first: none */
      event->kind = HAT_RAW_FREE - is_alloc;
      event++;
      word += 1 + is_alloc;
    }
  decoder->at += (guint64) (word - first);
  decoder->ticks = ticks;
  return (guint) (event - events);
}

/* Finding a node's place misses the cache; several such misses at once take no longer than one. What only looks like a node does no harm. */
static void
look_for_nodes (HatDecoder *decoder)
{
  const guint64 end = MIN (decoder->head, decoder->at + AHEAD_WORDS);

  for (guint64 at = decoder->at; at < end; at++)
    {
      const guint64 word = word_at (decoder, at);
      const guint32 parent = word >> 4 & 0xffffff;
      if (word_type (word) == HAT_WIRE_NODE && parent < decoder->n_nodes)
        hat_stacks_prefetch (decoder->stacks, decoder->nodes[parent], word >> 28 & 0xfffffff);
    }
}

HatDecodeResult
hat_decoder_read (HatDecoder *decoder, guint64 limit, HatRawEvent *events, guint max, guint *out_n)
{
  HatDecodeResult result = HAT_DECODE_EVENT;
  guint n = 0;

  if (G_UNLIKELY (decoder->n_nodes == 0))
    reset_nodes (decoder);
  if (decoder->has_nodes)
    look_for_nodes (decoder);
  decoder->has_nodes = FALSE;
  while (n < max && result == HAT_DECODE_EVENT)
    {
      n += read_plain_events (decoder, limit, events + n, max - n);
      if (n == max)
        break;
      result = read_event (decoder, limit, &events[n]);
      if (result == HAT_DECODE_EVENT && events[n++].kind >= HAT_RAW_FORK)
        break;
    }
  *out_n = n;
  return result;
}
