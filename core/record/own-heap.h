/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the C library gets memory for us. What we keep of live blocks, sites and stacks is looked at all over: on small pages nearly every look
 * misses the processor's table of pages, too. So the heap grows in large steps, each of which is asked to lie on huge pages; what a short recording
 * needs stays on small ones. And a page touched for the first time costs as much as many events: what is let go is used again, not given back.
 *
 * Thread rule: the thread that drains the rings. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gsize start, end; /* where the heap was when it was prepared, and up to where it is on huge pages */
} HatOwnHeap;

void hat_own_heap_prepare (HatOwnHeap *heap);
/* Now and then, when it may have grown. */
void hat_own_heap_advise (HatOwnHeap *heap);

G_END_DECLS
