/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Words, numbers and small pictures for a terminal of 80 columns. Names come from the recorded program and may hold
 * anything: here they become printable, one line, and as short as asked for. Where the locale is not UTF-8 everything
 * is ASCII. Columns are counted as at least one per character. */

#include "core/heap/heap.h"

G_BEGIN_DECLS

#define HAT_PLAIN_COLUMNS 80

gboolean hat_plain_is_utf8 (void);
guint hat_plain_width (const char *text);

/* Printable and at most `max` columns, shortened in the middle. Free with g_free. */
char *hat_plain_name (const char *name, guint max);
char *hat_plain_function (const char *function, guint max);
char *hat_plain_command (const char *const *argv, guint max); /* shell words, shortened at the end */
/* "listobject.c:70", or the module's name, or "". */
char *hat_plain_location (const HatStackFrame *frame, guint max);
/* "<- list_append <- main": the frames from `first` on, as many as fit. */
char *hat_plain_callers (const HatStackFrame *frames, guint n, guint first, guint max);

/* Index of the frame that hat_stack_function() names: what is above it is the allocator's and the libraries' doing. */
guint hat_plain_own_frame (HatTrace *trace, HatStackId stack, const HatStackFrame *frames, guint n);
/* The stack from that frame on, one frame a line, at most `max` lines. */
void hat_plain_stack (GString *out, HatTrace *trace, HatStackId stack, guint indent, guint max);

/* Appends `text` in a column of `width`: at its right end if width > 0, at its left end if width < 0. */
void hat_plain_column (GString *out, const char *text, int width);
void hat_plain_bytes_column (GString *out, guint64 bytes, int width);
void hat_plain_count_column (GString *out, guint64 count, int width);
void hat_plain_percent_column (GString *out, guint64 part, guint64 whole, int width);
void hat_plain_bar (GString *out, guint64 part, guint64 whole, guint width);
void hat_plain_sparkline (GString *out, const guint64 *values, guint n);
/* The rest of a line that has `indent` columns already, wrapped under itself. */
void hat_plain_wrapped (GString *out, const char *text, guint indent);
/* A line "  label       value", wrapped under the value if it is long. */
void hat_plain_field (GString *out, const char *label, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* The live bytes of a range as an area with axes. */
void hat_plain_chart (GString *out, const HatTimeline *timeline);

G_END_DECLS
