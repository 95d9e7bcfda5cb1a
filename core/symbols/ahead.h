/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opens the files of modules before their symbols are wanted, on a thread that gives way to everybody: most of what looking up symbols costs
 * is unpacking debug information, and while a program is being recorded there is mostly a processor to spare.
 *
 * Thread rule: one thread. */

#include "core/symbols/symbols.h"

G_BEGIN_DECLS

/* `cache` as in HatSymbolOptions: debug information of what is in it already is not unpacked. */
HatSymbolsAhead *hat_symbols_ahead_new (const char *cache);
void hat_symbols_ahead_free (HatSymbolsAhead *ahead);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatSymbolsAhead, hat_symbols_ahead_free)

/* To be opened and no other options. The module is copied. Not after hat_symbols_resolve() has been given `ahead`. */
void hat_symbols_ahead_add (HatSymbolsAhead *ahead, const HatModule *module);

/* Frames, by modules of which some were added: what they need that is not in the cache is unpacked. */
void hat_symbols_ahead_add_frames (HatSymbolsAhead *ahead, const HatModule *modules, guint n_modules, const HatFrame *frames, guint n);

G_END_DECLS
