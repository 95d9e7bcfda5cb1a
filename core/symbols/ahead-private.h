/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/symbols/ahead.h"
#include "core/symbols/module-files.h"

/* Ends the thread after the module that it is at. The files of `module` are the caller's then, if they have been opened. */
gboolean hat_symbols_ahead_take (HatSymbolsAhead *ahead, const HatModule *module, HatModuleFiles *out_files);
