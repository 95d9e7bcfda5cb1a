/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers made once. */

#include "core/heap/once.h"

#define LOOK_US (G_USEC_PER_SEC / 20) /* whether one who waits was cancelled */

static gint n_waiting; /* atomic */

guint
hat_once_n_waiting (void)
{
  return (guint) g_atomic_int_get (&n_waiting);
}

void
hat_once_init (HatOnce *once)
{
  *once = (HatOnce) { .answer = NULL };
  g_mutex_init (&once->lock);
  g_cond_init (&once->changed);
}

void
hat_once_clear (HatOnce *once, GDestroyNotify free_answer)
{
  g_clear_pointer (&once->answer, free_answer);
  g_mutex_clear (&once->lock);
  g_cond_clear (&once->changed);
}

gpointer
hat_once_get (HatOnce *once, HatOnceMake make, gconstpointer data, const char *what, const HatProgress *progress, GError **error)
{
  gboolean goes_on = TRUE;

  g_mutex_lock (&once->lock);
  while (once->is_busy && (goes_on = hat_progress_tick (progress, 0, what, error)))
    {
      g_atomic_int_inc (&n_waiting);
      g_cond_wait_until (&once->changed, &once->lock, g_get_monotonic_time () + LOOK_US);
      g_atomic_int_add (&n_waiting, -1);
    }
  if (goes_on && once->answer == NULL)
    {
      once->is_busy = TRUE;
      g_mutex_unlock (&once->lock);
      gpointer answer = make (data, progress, error);
      g_mutex_lock (&once->lock);
      once->is_busy = FALSE;
      once->answer = answer;
      g_cond_broadcast (&once->changed);
    }
  gpointer answer = goes_on ? once->answer : NULL;
  g_mutex_unlock (&once->lock);
  return answer;
}
