/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The words of one ring, decoded a few events at a time.
 *
 * The target can scribble over its rings at any moment, so nothing in them is trusted: every word is read once, and what makes no sense
 * gives HAT_DECODE_BAD, after which the ring is dead.
 *
 * Thread rule: one thread. */

#include "core/record/stacks.h"
#include "core/wire/wire.h"

G_BEGIN_DECLS

typedef enum
{
  HAT_RAW_ALLOC,
  HAT_RAW_FREE,
  HAT_RAW_REALLOC,
  HAT_RAW_MOVING, /* a reallocation of `old` begins; it lasts until the next event */
  HAT_RAW_FORK, /* number = fork id */
  HAT_RAW_MARK, /* name in the decoder */
  HAT_RAW_MEMORY, /* memory in the decoder */
} HatRawKind;

/* What a thread said it did. */
typedef struct
{
  guint64 ticks;     /* of a reallocation: after it */
  guint64 address;   /* ALLOC, REALLOC: of the new block; FREE: of the old one */
  guint64 old;       /* REALLOC */
  guint64 old_ticks; /* REALLOC: before it */
  guint64 number;    /* ALLOC, REALLOC: size; FORK: id */
  HatStackId stack;
  guint8 kind; /* HatRawKind */
} HatRawEvent;

typedef enum
{
  HAT_DECODE_EVENT,
  HAT_DECODE_EMPTY,   /* nothing more up to the head */
  HAT_DECODE_LATER,   /* the next event is after the limit: at next_ticks */
  HAT_DECODE_STALLED, /* a frame's module is not known yet; look for it elsewhere, then set `must` */
  HAT_DECODE_BAD,     /* `bad` says what */
} HatDecodeResult;

/* What XADDR and XSIZE words said about the next words. */
typedef struct
{
  guint64 full_address, full_size;
  gboolean has_address, has_size;
} HatDecoderEscapes;

typedef struct
{
  /* set by the owner */
  const guint64 *words; /* the ring's body */
  guint64 at, head;     /* next word to read; words published, as far as known */
  guint64 ticks;        /* of the last stamp; at first the ring's start_tsc */
  HatStacks *stacks;
  HatModules *modules; /* of the address space */
  const guint32 *n_ips;
  gboolean must;  /* do not stall */

  /* for the owner to read */
  guint64 next_ticks;
  guint64 next_began; /* likewise; of a reallocation: when it began */
  const char *bad;
  char name[256];
  GString *memory;    /* what the image said about its memory at its end; NULL = nothing so far */

  /* its own */
  HatStackId *nodes; /* by the ring's node id */
  guint32 n_nodes, capacity;
  guint64 looked_at; /* words looked at ahead */
  gboolean has_nodes; /* there were some lately */
  HatDecoderEscapes escapes;
} HatDecoder;

void hat_decoder_clear (HatDecoder *decoder);

/* Takes in the modules that are announced up to `head`, without reading the events before them. */
void hat_decoder_look_ahead (HatDecoder *decoder, guint64 head);

/* The next events that are not after `limit` (in ticks), at most `max`. The result says what comes after them: HAT_DECODE_EVENT if `max` are
 * there, or if the last one has left something in the decoder (FORK, MARK, MEMORY), which is to be taken before the next call. */
HatDecodeResult hat_decoder_read (HatDecoder *decoder, guint64 limit, HatRawEvent *out_events, guint max, guint *out_n);

G_END_DECLS
