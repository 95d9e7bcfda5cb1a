/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The hook's time stamps (units of HAT_WIRE_TSC_SHIFT ticks) to nanoseconds of the recording, by a line that is bent a little once a
 * second to follow CLOCK_MONOTONIC, and so never jumps or turns back. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint64 base_ticks;
  gint64 base_ns;
  gint64 rate;          /* nanoseconds per tick << 24 */
  gint64 start_mono_ns; /* CLOCK_MONOTONIC at time 0 */
} HatClock;

/* Time 0 is now. */
void hat_clock_start (HatClock *clock);
/* How long a tick is, before the first time is asked for: returns a millisecond after time 0 or later. */
void hat_clock_measure (HatClock *clock);
/* Call about once a second. */
void hat_clock_adjust (HatClock *clock);

guint64 hat_clock_ticks (void); /* now */
gint64 hat_clock_mono_ns (void);

/* Nanoseconds since hat_clock_start(). */
static inline gint64
hat_clock_ns (const HatClock *clock, guint64 ticks)
{
  const gint64 ns = clock->base_ns + (gint64) (((__int128) (gint64) (ticks - clock->base_ticks) * clock->rate) >> 24);
  return MAX (ns, 0);
}

G_END_DECLS
