/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Leak candidates as ranked rows. */

#include "ui/draw/leak-candidates.h"

G_BEGIN_DECLS

typedef struct
{
  HatRect rect;
  guint candidate; /* index */
  char *function, *callers; /* "session_new", "accept_one ← main" */
  char *amount, *count, *when;
  double share;       /* of the biggest row, 0 to 1 */
  double first, last; /* births on the life of the process, 0 to 1 */
} HatLeaksRow;

typedef struct
{
  const HatCandidates *candidates; /* must outlive the layout, as does the title */
  const char *title;
  double width, height;
  HatRect title_rect;
  guint n_rows;
  HatLeaksRow *rows; /* those with room */
  guint n_left_out;
  guint64 left_out_bytes;
  double left_out_variance;
} HatLeaksLayout;

/* `title` may be NULL: none. */
HatLeaksLayout *hat_leaks_layout_new (const HatCandidates *candidates, const char *title, double width, double height);
void hat_leaks_layout_free (HatLeaksLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HatLeaksLayout, hat_leaks_layout_free)
gint hat_leaks_layout_hit (const HatLeaksLayout *layout, double x, double y); /* row, or -1 */

G_END_DECLS
