/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names of types and functions as people write them. Thread rule: any thread. */

#include <glib.h>

G_BEGIN_DECLS

/* "std::vector<int, std::allocator<int> >" to "std::vector<int>", "alloc::vec::Vec<u8, alloc::alloc::Global>" to "Vec<u8>". Free with g_free. */
char *hat_usual_name (const char *name);

G_END_DECLS
