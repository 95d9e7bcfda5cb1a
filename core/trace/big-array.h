/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arrays that grow with the heap that was recorded. From a huge page on they are asked to lie on huge pages: to fill them takes a tenth of the
 * faults, and to look into them here and there, which is what a graph does all the time, a third less time. g_free() them. */

#include <glib.h>
#include <sys/mman.h>

#define HAT_BIG_BYTES ((gsize) 2 << 20)

/* Returns `array`, which may be NULL. The advice is for all of its small pages: a mapping of which a part only was advised cannot grow in
 * its place. */
static inline gpointer
hat_big_advise (gpointer array, gsize n_bytes)
{
  const gsize page = 4096, first = (gsize) array & -page, end = ((gsize) array + n_bytes + page - 1) & -page;

  if (array && n_bytes >= HAT_BIG_BYTES)
    madvise ((gpointer) first, end - first, MADV_HUGEPAGE);
  return array;
}

#define hat_big_new(Type, n) ((Type *) hat_big_advise (g_new (Type, n), (gsize) (n) * sizeof (Type)))
#define hat_big_new0(Type, n) ((Type *) hat_big_advise (g_new0 (Type, n), (gsize) (n) * sizeof (Type)))
#define hat_big_try_new0(Type, n) ((Type *) hat_big_advise (g_try_new0 (Type, n), (gsize) (n) * sizeof (Type)))
#define hat_big_try_new(Type, n) ((Type *) hat_big_advise (g_try_new (Type, n), (gsize) (n) * sizeof (Type)))
