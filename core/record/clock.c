/* SPDX-License-Identifier: Apache-2.0
 *
 * Ticks to nanoseconds. */

#include "core/record/clock.h"

#include <time.h>
#include <x86intrin.h>

#include "core/wire/wire.h"

guint64
hat_clock_ticks (void)
{
  const guint64 ticks = __rdtsc () >> HAT_WIRE_TSC_SHIFT;
  _mm_lfence (); /* what is looked at afterwards is not older */
  return ticks;
}

gint64
hat_clock_mono_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static gint64
rate (gint64 ns, guint64 ticks)
{
  return (gint64) (((__int128) ns << 24) / (gint64) MAX (ticks, 1));
}

void
hat_clock_start (HatClock *clock)
{
  clock->start_mono_ns = hat_clock_mono_ns ();
  clock->base_ticks = hat_clock_ticks ();
  clock->base_ns = 0;
}

void
hat_clock_measure (HatClock *clock)
{
  gint64 ns;

  while ((ns = hat_clock_mono_ns () - clock->start_mono_ns) < 1000000)
    g_usleep (200);
  clock->rate = rate (ns, hat_clock_ticks () - clock->base_ticks);
}

void
hat_clock_adjust (HatClock *clock)
{
  const guint64 ticks = hat_clock_ticks ();
  const gint64 true_ns = hat_clock_mono_ns () - clock->start_mono_ns;
  const gint64 line_ns = hat_clock_ns (clock, ticks);

  if (true_ns <= 0 || ticks <= clock->base_ticks)
    return;
  /* The true rate since the last time, corrected so that the line meets the clock again after as long a time; at least half of
   * the true rate, so that time never stands still. */
  const gint64 true_rate = rate (true_ns - clock->base_ns, ticks - clock->base_ticks);
  const gint64 correction = rate (true_ns - line_ns, ticks - clock->base_ticks);
  clock->rate = MAX (true_rate + correction, true_rate / 2 + 1);
  clock->base_ticks = ticks;
  clock->base_ns = line_ns;
}
