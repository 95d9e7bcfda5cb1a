/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers as people read them, the same in window, pictures and text reports; and back. All results are g_free'd. */

#include "core/trace/trace.h"

G_BEGIN_DECLS

char *hat_format_bytes (guint64 bytes);          /* "0 B", "1,023 B", "96.1 KiB", "1.20 MiB" (3-4 digits) */
char *hat_format_signed_bytes (gint64 bytes);    /* "+1.2 MiB" */
char *hat_format_count (guint64 count);          /* "12,345", "12.4 M" from ten million on */
/* The same of what may be an estimate: "~96.1 KiB ±8.20 KiB", or as above with an error of 0. */
char *hat_format_bytes_within (guint64 bytes, guint64 error);
char *hat_format_count_within (guint64 count, guint64 error);
char *hat_format_blocks (guint64 blocks, guint64 error); /* "1 block", "~412 ±20 blocks" */
const char *hat_plural (guint64 n);              /* "s", or "" for one */
char *hat_format_time (gint64 ns);               /* "0 s", "12.3 us", "250 ms", "4.10 s", "3 min 20 s" */
char *hat_format_address (guint64 address);      /* "0x55d0c0ffee10" */
char *hat_format_function (const char *function, guint max_chars); /* shortened in the middle of template arguments and paths */
/* Where the name begins without its scopes: "push_back" of "std::vector<int>::push_back", "main::{{closure}}" of "app::main::{{closure}}". */
const char *hat_function_tail (const char *function);

/* "1.5s", "250ms", "10us", "mark:NAME", "peak", "start", "end" for process `process`. Error: USAGE. */
gboolean hat_parse_time (const char *text, HatTrace *trace, guint process, gint64 *out_ns, GError **error);
/* "64M" = 64 MiB, "512", "1.5G". Error: USAGE. */
gboolean hat_parse_bytes (const char *text, guint64 *out_bytes, GError **error);

G_END_DECLS
