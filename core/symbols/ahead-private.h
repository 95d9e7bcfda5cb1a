/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/symbols/ahead.h"
#include "core/symbols/module-symbols.h"
#include "core/symbols/symbol-cache.h"

/* Ends the thread after the module that it is at. The files of `module`, and what is cached of them or
 * NULL, are the caller's then, if they have been opened. */
gboolean hat_symbols_ahead_take (HatSymbolsAhead *ahead, const HatModule *module, HatModuleFiles *out_files, HatSymbolCache **out_cache);
