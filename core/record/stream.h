/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The events of one process, put into their exact order and written: live set, account and trace follow from here.
 *
 * Time stamps of different threads do not always tell the order (clocks of two cores may disagree by some ticks, and a reallocation is
 * only seen when it is over), but addresses do: at one address allocations and frees alternate. So an event that contradicts the live set
 * is parked until the one it waits for shows up. That is bounded: once every thread has spoken of later things, or after
 * HAT_STREAM_PATIENCE_NS, the other one is taken as missed, recorded as such and counted.
 *
 * Thread rule: one thread. */

#include "core/heap/live/account.h"
#include "core/heap/live/live-set.h"
#include "core/record/clock.h"
#include "core/record/decode.h"
#include "core/trace/writer.h"

G_BEGIN_DECLS

/* A thread that has lost its processor inside a reallocation may take long to tell. */
#define HAT_STREAM_PATIENCE_NS G_GINT64_CONSTANT (10000000000)

typedef struct _HatStream HatStream;

/* A thread of the process; keep it as long as the stream. */
typedef struct
{
  guint32 index;         /* the writer's */
  HatBlockId last_block; /* its last allocation */
  /* the stream's own */
  guint64 moving;        /* the block that it is reallocating, as far as is known; 0 = none */
  guint64 marks[2];
  gboolean is_mover;
} HatStreamThread;

/* The state a forked child starts from. */
typedef struct
{
  HatLiveSet *live;
  HatBlockId next_block;
  guint64 n_events; /* of the parent, so far */
} HatStreamState;

void hat_stream_state_clear (HatStreamState *state);

/* `state` is what the process inherited (its live set is taken), NULL for a fresh image. */
HatStream *hat_stream_new (HatTraceWriter *writer, guint process, HatStreamState *state);
void hat_stream_free (HatStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatStream, hat_stream_free)

/* A hint: these will come soon. */
void hat_stream_expect (HatStream *stream, const HatRawEvent *events, guint n);

/* An ALLOC, FREE or REALLOC of `thread`, which is not earlier than what came before but for the disorder described above. Returns
 * hat_stream_n_parked(). */
guint hat_stream_add (HatStream *stream, HatStreamThread *thread, const HatRawEvent *event, gint64 time_ns);

/* Adds those of the thread's next events that are plain: allocations and frees up to `limit` (in ticks) which nothing has to wait for. Returns how
 * many; the one after them has to be added by itself. Times are at most now_ns. */
guint hat_stream_add_plain (HatStream *stream, HatStreamThread *thread, const HatRawEvent *events, guint n, guint64 limit,
                            const HatClock *clock, gint64 now_ns);

/* The thread begins to reallocate event->old; true until its next event. */
void hat_stream_begin_move (HatStream *stream, HatStreamThread *thread, const HatRawEvent *event);

/* Every round: the time now, and the stamp up to which every thread has spoken. Gives up on events parked too long ago. */
void hat_stream_tick (HatStream *stream, gint64 now_ns, guint64 complete_ticks);

/* How many events are parked, and the earliest stamp among them. */
guint hat_stream_n_parked (HatStream *stream);
guint64 hat_stream_oldest_parked (HatStream *stream);

/* Gives up on everything that is parked: nothing more will come. */
void hat_stream_settle_all (HatStream *stream);

/* Appends (guint64) the addresses of blocks that something unfinished is about: a reallocation under way, an event that is parked. */
void hat_stream_list_unfinished (HatStream *stream, GArray *addresses);

/* The live blocks so far. */
HatLiveSet *hat_stream_live (HatStream *stream);

/* A copy of the state, to be inherited. */
HatStreamState hat_stream_fork (HatStream *stream);

const HatTotals *hat_stream_totals (HatStream *stream);
HatAccount *hat_stream_account (HatStream *stream);
guint64 hat_stream_n_events (HatStream *stream);
gint64 hat_stream_last_ns (HatStream *stream); /* time of the last event */
guint64 hat_stream_memory (HatStream *stream);  /* of the live set */

G_END_DECLS
