/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A column of strings that repeat: each is written once. Layout: number of strings, the strings, then a code per item: 0 = the next
 * string, k = the one k before the newest so far, counting the newest as 1. */

#include "core/trace/bytes.h"

typedef struct
{
  GHashTable *numbers; /* g_str_hash */
  HatBytes strings, codes;
  guint32 n;
} HatStringColumn;

void hat_string_column_init (HatStringColumn *column);
void hat_string_column_put (HatStringColumn *column, const char *string); /* borrowed until finish */
/* Appends it to `out` and frees it. */
void hat_string_column_finish (HatStringColumn *column, HatBytes *out);

/* One string per item, in place in the payload; NULL if damaged. Free with g_free. */
const char **hat_string_column_read (HatReader *reader, guint32 n_items);
