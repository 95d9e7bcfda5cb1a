/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of a module were found to say of some addresses, kept for the next recording: unpacking and walking debug information is
 * most of what symbols cost. One file per build-id, good as long as the module's files have the same sizes and times; a module without
 * build-id has none. It is written beside its place and renamed; of several writers the last one's is kept. What is damaged, or written by
 * another version, counts as absent. No file holds more than 2^17 addresses, and all together not more than 64 MiB: the oldest go.
 *
 * Thread rule: one thread at a time. */

#include "core/symbols/module-files.h"

G_BEGIN_DECLS

typedef struct _HatSymbolCache HatSymbolCache;

/* What is kept in `folder` of the module with these files; NULL if nothing can be. */
HatSymbolCache *hat_symbol_cache_open (const char *folder, const HatModuleFiles *files);
gboolean hat_symbol_cache_is_empty (const HatSymbolCache *cache);
/* NULL: not known. In place; a function that nobody knows the name of is "". */
const HatSourceFrame *hat_symbol_cache_find (const HatSymbolCache *cache, guint64 address, guint *out_n);
/* To be kept, too. Addresses that hat_symbol_cache_find() does not know, in ascending order; the frames are copied. */
void hat_symbol_cache_add (HatSymbolCache *cache, guint64 address, const HatSourceFrame *frames, guint n);
/* Writes what was added. Failures do not matter. */
void hat_symbol_cache_save (HatSymbolCache *cache);
/* Removes the oldest files while all together are too big: after those of all modules were saved. */
void hat_symbol_cache_trim (const char *folder);
void hat_symbol_cache_free (HatSymbolCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSymbolCache, hat_symbol_cache_free)

G_END_DECLS
