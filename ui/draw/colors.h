/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which group has which colour: decided once per process from the whole recording (the biggest at the peak come
 * first), so that a function, a module or a thread looks the same in every picture at every instant. Immutable; any
 * thread. */

#include "ui/draw/geometry.h"

G_BEGIN_DECLS

typedef struct _HatColors HatColors;

HatColors *hat_colors_new (HatHeap *heap);
HatColors *hat_colors_ref (HatColors *colors);
void hat_colors_unref (HatColors *colors);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatColors, hat_colors_unref)

/* By HAT_BY_SITE, _FUNCTION (both: the function's colour) or _MODULE. */
HatSwatch hat_colors_stack (HatColors *colors, HatGrouping by, HatStackId stack);
HatSwatch hat_colors_function (HatColors *colors, const char *function);
HatSwatch hat_colors_module (HatColors *colors, const char *module);
/* One swatch per band of a timeline; all different, except "other". Writes timeline->n_bands of them. */
void hat_colors_bands (HatColors *colors, const HatTimeline *timeline, HatSwatch *out_swatches);
/* The swatch of one block at an instant; any grouping but NONE. */
HatSwatch hat_colors_block (HatColors *colors, HatGrouping by, const HatBlock *block, gint64 now);
/* What a swatch stands for in this grouping ("session_new", "1 - 10 ms"), NULL if it is not used. g_free'd. */
char *hat_colors_label (HatColors *colors, HatGrouping by, HatSwatch swatch);

G_END_DECLS
