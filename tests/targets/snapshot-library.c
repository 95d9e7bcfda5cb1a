/* SPDX-License-Identifier: Apache-2.0
 * A library with thread-local storage of its own, for snapshot-roots. */

static __thread volatile char before[100];
static __thread void *volatile in_library_thread_local;

__attribute__ ((visibility ("default"))) void
keep_in_library (void *block)
{
  before[7]++;
  in_library_thread_local = block;
}
